"""Dice, 95 % Hausdorff distance, mean surface distance and surface Dice of two 512 x 512 x 300 masks, and Krippendorff's alpha with
1,000 bootstraps on 10,000 items x 5 readers: Gantry beside the Python packages, each in a process of its own.
usage: measure_peers.py GANTRY MEASURE_BENCH [NAME...]
GANTRY is the program, MEASURE_BENCH the binary of `cargo bench --no-run --bench measure` (target/release/deps/measure-*). NAMEs:
gantry, core, surface_distance, simpleitk, monai, alpha, krippendorff; without one all, those that are not installed are skipped aloud.
Needs numpy, nibabel and what is measured. Prints one JSON object per measurement: `seconds` of the work itself (files read, no imports
for the packages; for `gantry` the whole process), `wall_s` of the process, `peak_mib` of its memory. A package has its own
threads; SimpleITK uses all cores."""
import json, os, subprocess, sys, tempfile, time

SIZE, SPACING, TOLERANCE = (512, 512, 300), (0.8, 0.8, 1.5), 1.0
BOOTSTRAPS, RUN = 1000, 20

def masks(folder):
    """The same bodies as in benches/measure.rs."""
    import nibabel, numpy as np
    x, y, z = np.ogrid[: SIZE[0], : SIZE[1], : SIZE[2]]
    u, v, w = (x - 256.0) / 150, (y - 250.0) / 120, (z - 150.0) / 100
    for name, phase in (("a", 0.0), ("b", 0.9)):
        bump = 0.04 * (np.sin(9 * u + phase) + np.sin(8 * v - phase) + np.sin(7 * w))
        mask = (u * u + v * v + w * w <= 1 + bump).astype(np.uint8)
        nibabel.save(nibabel.Nifti1Image(mask, np.diag([*SPACING, 1])), f"{folder}/{name}.nii.gz")

def read(folder):
    import nibabel, numpy as np
    return [np.asarray(nibabel.load(f"{folder}/{name}.nii.gz").dataobj) > 0 for name in "ab"]

def surface_distance(folder):
    import surface_distance as sd
    a, b = read(folder)
    yield
    d = sd.compute_surface_distances(a, b, SPACING)
    yield [sd.compute_dice_coefficient(a, b), sd.compute_robust_hausdorff(d, 95), sum(sd.compute_average_surface_distance(d)) / 2,
           sd.compute_surface_dice_at_tolerance(d, TOLERANCE)]

def simpleitk(folder):
    import numpy as np, SimpleITK as sitk
    a, b = (sitk.ReadImage(f"{folder}/{name}.nii.gz", sitk.sitkUInt8) for name in "ab")
    yield
    overlap = sitk.LabelOverlapMeasuresImageFilter(); overlap.Execute(a, b)
    hausdorff = sitk.HausdorffDistanceImageFilter(); hausdorff.Execute(a, b)
    # As its users do it: distance maps read off at the contours of the other mask.
    def apart(of, to):
        there = np.abs(sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(to, squaredDistance=False, useImageSpacing=True)))
        return there[sitk.GetArrayFromImage(sitk.LabelContour(of)) > 0]
    p, q = apart(a, b), apart(b, a)
    both = np.concatenate([p, q])
    yield [overlap.GetDiceCoefficient(), max(np.percentile(p, 95), np.percentile(q, 95)), both.mean(), (both <= TOLERANCE).mean()]

def monai(folder):
    import torch
    from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance, compute_surface_dice
    a, b = (torch.from_numpy(m[None, None].astype("float32")) for m in read(folder))
    yield
    more = dict(include_background=True, spacing=SPACING)
    yield [float(v) for v in (compute_dice(b, a), compute_hausdorff_distance(b, a, percentile=95, **more),
                              compute_average_surface_distance(b, a, symmetric=True, **more),
                              compute_surface_dice(b, a, class_thresholds=[TOLERANCE], **more))]

def krippendorff(_):
    """RUN bootstraps of items, and one alpha alone; scaled by the caller."""
    import krippendorff as k, numpy as np
    random = np.random.default_rng(7)
    truth = random.integers(0, 5, 10_000)
    data = np.where(random.random((5, 10_000)) < .7, truth, random.integers(0, 5, (5, 10_000))) + 1.0
    yield
    yield [k.alpha(data[:, random.integers(0, 10_000, 10_000)], level_of_measurement="ordinal") for _ in range(RUN)]

PEERS = {f.__name__: f for f in (surface_distance, simpleitk, monai, krippendorff)}

def child(name, folder):
    if name == "masks": return masks(folder)
    work = PEERS[name](folder)
    next(work)
    start = time.perf_counter()
    values = next(work)
    print(json.dumps({"seconds": time.perf_counter() - start, "values": [round(float(v), 4) for v in values[:4]]}))

def run(command):
    """What a process printed, its wall time and the peak of its memory."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, text, {"wall_s": round(time.perf_counter() - start, 3), "peak_mib": round(usage.ru_maxrss / 1024)}

def say(name, **more):
    print(json.dumps({"name": name} | more), flush=True)

def main(gantry, bench, names):
    with tempfile.TemporaryDirectory() as folder:
        if set(names) & {"gantry", "surface_distance", "simpleitk", "monai"}:
            # Apart, as a process starts with the memory of the one that made it.
            subprocess.run([sys.executable, __file__, "--child", "masks", folder], check=True)
        for name in names:
            if name == "gantry":
                code, text, took = run([gantry, "measure", f"{folder}/a.nii.gz", f"{folder}/b.nii.gz", "--tolerance", "1", "--json"])
                found = json.loads(text)["structures"][0] if code == 0 else {}
                value = lambda v: v["value"] if isinstance(v, dict) else v
                values = [value(found[k]) for k in ("dice", "hd95_mm", "assd_mm")] + [value(v) for v in found["nsd"].values()]
                say(name, code=code, seconds=took["wall_s"], values=[round(v, 4) for v in values], **took)
            elif name in ("core", "alpha"):
                code, text, took = run([bench, "--bench", {"core": "masks", "alpha": "bootstrap"}[name]])
                for line in text.splitlines(): say(name, of=json.loads(line)["name"], seconds=json.loads(line)["seconds"], **took)
            else:
                code, text, took = run([sys.executable, __file__, "--child", name, folder])
                if code != 0: say(name, skipped="not installed, or it failed"); continue
                said = json.loads(text)
                scaled = {"scaled_to_1000_s": round(said["seconds"] / RUN * BOOTSTRAPS, 2), "one_run_s": round(said["seconds"] / RUN, 4)} if name == "krippendorff" else {}
                say(name, **(said | scaled | took))

if __name__ == "__main__":
    if sys.argv[1] == "--child": child(*sys.argv[2:4])
    else: main(*sys.argv[1:3], sys.argv[3:] or ["gantry", "core", "surface_distance", "simpleitk", "monai", "alpha", "krippendorff"])
