"""Agreement and nodule sizes of LIDC by independent packages, for tests/oracles/lidc.json.

usage: lidc_vectors.py LIDC_FOLDER OUT      needs: pip install numpy krippendorff scikit-learn matplotlib
alpha: krippendorff; weighted kappa of readings a < b on the nodules that both rated: scikit-learn, quadratic weights over
the categories that occur in the column; voxels: pixels strictly inside each contour (matplotlib's even-odd test, points on
the contour left out), summed over contours, those of exclusions taken off.
"""
import csv, gzip, json, sys
import krippendorff, numpy as np
from matplotlib.path import Path
from sklearn.metrics import cohen_kappa_score

folder, out = sys.argv[1:3]
rows = list(csv.DictReader(open(f"{folder}/nodule_ratings.csv")))
names = list(rows[0])[4:]
ratings = {}
for name in names:
    items = {}
    for r in rows:
        items.setdefault((int(r["scan_id"]), int(r["nodule"])), {})[int(r["reading"])] = float(r[name])
    readers = sorted({k for m in items.values() for k in m})
    data = np.array([[m.get(k, np.nan) for m in items.values()] for k in readers])
    scale = sorted({v for m in items.values() for v in m.values()})
    alpha = {}
    for level in ("nominal", "ordinal", "interval", "ratio"):
        alpha[level] = float(krippendorff.alpha(data, level_of_measurement=level))
    kappa = {}
    for j in range(len(readers)):
        for i in range(j):
            pairs = [(m[readers[i]], m[readers[j]]) for m in items.values() if readers[i] in m and readers[j] in m]
            a, b = ([scale.index(p[k]) for p in pairs] for k in (0, 1))
            value = cohen_kappa_score(a, b, labels=list(range(len(scale))), weights="quadratic")
            kappa[f"{readers[i]}|{readers[j]}"] = [float(value) if np.isfinite(value) else None, len(pairs)]
    ratings[name] = {"alpha": alpha, "weighted_kappa": kappa}

def interior(points):
    p = np.array(points)
    low, high = p.min(0), p.max(0)
    grid = np.array([(i, j) for i in range(low[0], high[0] + 1) for j in range(low[1], high[1] + 1)])
    inside = Path(np.vstack([p, p[:1]]), closed=False).contains_points(grid)
    edge = np.zeros(len(grid), bool)
    for a, b in zip(p, np.roll(p, -1, axis=0)):
        cross = (b[0] - a[0]) * (grid[:, 1] - a[1]) - (b[1] - a[1]) * (grid[:, 0] - a[0])
        box = (np.minimum(a, b) <= grid).all(1) & (grid <= np.maximum(a, b)).all(1)
        edge |= (cross == 0) & box
    return int((inside & ~edge).sum())

voxels = {}
for scan in json.load(gzip.open(f"{folder}/lidc.json.gz")):
    for a in scan["annotations"]:
        sign = lambda c: 1 if c["inclusion"] else -1
        voxels[a["annotation_id"]] = sum(sign(c) * interior(c["points_ij"]) for c in a["contours"])
made = {"made_with": ["krippendorff", "scikit-learn", "matplotlib"], "ratings": ratings, "voxels": voxels}
json.dump(made, open(out, "w"), separators=(",", ":"))
