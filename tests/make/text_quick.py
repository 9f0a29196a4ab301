"""Learns src/deid/pixels/detect/quick.txt, the score of the quick look at pictures that are to hold no text.

Usage: text_quick.py WORK OUT DICOM...     WORK: a folder for what is made; DICOM: folders of files without text; of the
first one the files of WITH_TEXT of tests/burned_in.rs, and names in the file EXCEPT (environment), are left out
Needs rustc, numpy, lightgbm and what text_frames.py needs. Each folder below a folder of DICOM is put into a fold as a
whole; the printed figures are of folders that were not learned from, of made slices of other seeds, and of text in fonts
that are not learned from. The written forest has learned from all of them but those.
"""
import collections, os, re, subprocess, sys
import lightgbm, numpy as np
from text_forest import text_of, with_text

HERE = os.path.dirname(os.path.abspath(__file__))
FEATURES, TREES, LEAVES, FOLDS = 34, 300, 8, 5
# As src/deid/pixels/detect/quick.rs decides.
SURE, TWO, SMALL, GREYS, FEW = 4.0, 2.0, [(64, 5.0), (65, 2.5), (100, 1.0)], 32, (24, 1.0)


def rows(tool, work, name):
    out = f"{work}/{name}.rows"
    subprocess.run([tool, "quick", f"{work}/{name}.raw", out], check=True)
    heads = [line.rstrip("\n").split("\t") for line in open(out + ".txt")]
    return heads, np.fromfile(out, np.float32).reshape(-1, 2 + FEATURES + 5)


def fit(x, y, weight):
    settings = dict(objective="binary", num_leaves=LEAVES, learning_rate=0.08, min_data_in_leaf=40, lambda_l2=3.0,
                    feature_fraction=0.6, bagging_fraction=0.7, bagging_freq=1, max_bin=127, seed=1, num_threads=2, verbosity=-1,
                    deterministic=True, force_row_wise=True)
    return lightgbm.train(settings, lightgbm.Dataset(x, y, weight=weight), TREES)


def fired(heads, data, score):
    """Slices that would be held up."""
    lines = collections.defaultdict(list)
    few = np.where(np.exp(data[:, 2 + GREYS]) < FEW[0], FEW[1], 0)
    for slice_, s in zip(data[:, 0].astype(int), score - few):
        lines[slice_].append(s)
    more = lambda i: next((more for side, more in SMALL if int(heads[i][2]) < side), 0)
    return {i for i, s in lines.items() if max(s) > SURE + more(i) or sum(v > TWO + more(i) for v in s) >= 2}


def main(work, out, *folders):
    tool = work + "/text_lines"
    subprocess.run(["rustc", "--edition", "2024", "-C", "opt-level=3", "-A", "dead_code", "-o", tool, HERE + "/text_lines.rs"],
                   check=True)
    leave = work + "/leave"
    more = open(os.environ["EXCEPT"]).read() if "EXCEPT" in os.environ else ""
    open(leave, "w").write("\n".join(with_text()) + "\n" + more)
    for name, arguments in {
        "clean": ["clean", f"{work}/clean.raw", *folders], "learn": ["planted", "4", "14", "learn", f"{work}/learn.raw", *folders],
        "made1": ["made", "1", "3000", f"{work}/made1.raw"], "made2": ["made", "2", "3000", f"{work}/made2.raw"],
        "judge": ["planted", "5", "8", "judge", f"{work}/judge.raw", *folders],
    }.items():
        if not os.path.exists(f"{work}/{name}.raw"):
            subprocess.run([sys.executable, HERE + "/text_slices.py", *arguments], check=True, env={**os.environ, "EXCEPT": leave})
    heads, clean = rows(tool, work, "clean")
    made_heads, made = rows(tool, work, "made1")
    _, learn = rows(tool, work, "learn")
    learn = learn[learn[:, 1] >= 0]
    series = [h[1].split("/")[0] for h in heads]
    # What lies in one folder came from one place: a fold holds no slice of a place that another holds.
    place = [h[1].split("/")[1] for h in heads]
    number = {p: i % FOLDS for i, p in enumerate(sorted(set(place)))}
    fold = np.array([number[place[int(i)]] for i in clean[:, 0]])
    features = lambda d: d[:, 2:2 + FEATURES]

    def of(keep):
        x = np.concatenate([features(learn), features(clean[keep]), features(made)])
        y = np.concatenate([learn[:, 1], np.zeros(keep.sum() + len(made))])
        return fit(x, y, np.where(y > 0, 1.0, 2.0))

    held = np.zeros(len(clean))
    for k in range(FOLDS):
        held[fold == k] = of(fold != k).predict(features(clean[fold == k]), raw_score=True)
    up = fired(heads, clean, held)
    print(f"held out: {len(up)} of {len(heads)} slices, {len({series[i] for i in up})} of {len(set(series))} series", sorted(heads[i][1] for i in up))
    model = of(np.ones(len(clean), bool))
    for name in ["made2", "judge"]:
        heads, data = rows(tool, work, name)
        data = data[data[:, 1] != 0] if name == "judge" else data
        up = fired(heads, data, model.predict(features(data), raw_score=True))
        by = collections.Counter((h[0], int(h[2]) >= 100) for h in heads)
        hit = collections.Counter((heads[i][0], int(heads[i][2]) >= 100) for i in up)
        print(name, {f"{m}{'' if big else ' small'}": f"{hit[m, big]} of {n}" for (m, big), n in sorted(by.items())})
    open(out, "w").write(text_of(model))


if __name__ == "__main__":
    main(*sys.argv[1:])
