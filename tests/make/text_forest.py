"""Learns src/deid/pixels/detect/forest.txt, the score that tells lines of writing from texture.

Usage: text_forest.py DICOM WORK [OUT]     DICOM: a folder of files to take anatomy from; WORK: a folder for what is made
Needs rustc, numpy, lightgbm and what text_frames.py needs. Files of WITH_TEXT (which carry text) are left out.
Frames of files are put into folds by folder and name, so that a fold holds no frame of a series that another holds;
the printed figures are of the fold that was not learned from, the written forest has learned from all.
"""
import os, re, subprocess, sys
import lightgbm, numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
FEATURES, TREES, LEAVES = 26, 220, 14
FOLDS = 4


def with_text():
    test = open(HERE + "/../burned_in.rs").read()
    block = test[test.index("const WITH_TEXT"):]
    return re.findall(r'\("([^"]+)",', block[:block.index("];")])


def rows(tool, frames, out):
    subprocess.run([tool, "rows", frames, out], check=True)
    data = np.fromfile(out, np.float32).reshape(-1, 2 + FEATURES)
    return data[:, 0].astype(int), data[:, 1], data[:, 2:]


def names(frames):
    found, at, data = [], 0, open(frames, "rb").read()
    while at < len(data):
        end = data.index(b"\n", at)
        head = data[at:end].decode().split("\t")
        found.append(head[0])
        at = end + 1 + int(head[2]) * int(head[3]) * (2 if len(head) > 4 else 1)
    return found


def fit(x, y, weight):
    settings = dict(objective="binary", num_leaves=LEAVES, learning_rate=0.08, min_data_in_leaf=60, lambda_l2=2.0,
                    feature_fraction=0.7, bagging_fraction=0.7, bagging_freq=1, max_bin=127, seed=1, num_threads=2, verbosity=-1,
                    deterministic=True, force_row_wise=True)
    return lightgbm.train(settings, lightgbm.Dataset(x, y, weight=weight), TREES)


def text_of(model):
    def node(n):
        if "leaf_value" in n:
            return [f"{n['leaf_value']:.4f}"]
        threshold = float(np.float32(n["threshold"]))
        return [f"{n['split_feature']}:{threshold:.5g}"] + node(n["left_child"]) + node(n["right_child"])
    trees = model.dump_model()["tree_info"]
    return "\n".join(["0"] + [" ".join(node(t["tree_structure"])) for t in trees]) + "\n"


def main(dicom, work, out=HERE + "/../../src/deid/pixels/detect/forest.txt"):
    tool = work + "/text_lines"
    subprocess.run(["rustc", "--edition", "2024", "-C", "opt-level=3", "-A", "dead_code", "-o", tool, HERE + "/text_lines.rs"],
                   check=True)
    leave = work + "/with_text"
    open(leave, "w").write("\n".join(with_text()))
    make = [sys.executable, HERE + "/text_frames.py"]
    for name, arguments in {
        "made1": ["made", "10000", "2500", "learn"], "made2": ["made", "20000", "2500", "learn"],
        "plain": ["plain", "30000", "1200"], "real": ["real", dicom],
    }.items():
        path = f"{work}/{name}.frames"
        if not os.path.exists(path):
            tail = {"real": [path, leave], "plain": [path]}.get(name, [path, dicom])
            subprocess.run(make + arguments + tail, check=True)
    parts = []
    for name in ["made1", "made2", "plain", "real"]:
        frame, y, x = rows(tool, f"{work}/{name}.frames", f"{work}/{name}.rows")
        fold = np.full(len(y), -1)
        weight = np.where((y > 0) & (x[:, 0] < np.log(4.5)), 2.0, 1.0)  # short words are few, and as bad to miss
        if name == "real":
            # A series lies in a folder, or its files differ by a number.
            series = [re.sub(r"\d+", "", n.split("#")[0]) for n in names(f"{work}/{name}.frames")]
            number = {s: i % FOLDS for i, s in enumerate(sorted(set(series)))}
            fold = np.array([number[series[f]] for f in frame])
            weight *= 2.0
        parts.append((y, x, fold, weight, frame, name))
        print(name, len(y), "lines,", int(y.sum()), "of writing", flush=True)
    y, x, fold, weight = (np.concatenate([p[i] for p in parts]) for i in range(4))
    frame = np.concatenate([p[4] for p in parts])
    held = np.full(len(y), -99.0)
    for k in range(FOLDS if "--folds" in sys.argv else 0):
        model = fit(x[fold != k], y[fold != k], weight[fold != k])
        held[fold == k] = model.predict(x[fold == k], raw_score=True)
    if "--folds" in sys.argv:
        mine = fold >= 0
        number = len(names(f"{work}/real.frames"))
        for limit in [0, 1, 2, 3, 4, 5, 6]:
            fired = len(set(frame[mine & (held > limit)]))
            print(f"held out, limit {limit}: {100 - 100 * fired / number:.2f} % of {number} frames of files untouched")
    model = fit(x, y, weight)
    gain = model.feature_importance("gain")
    print("gain of features:", " ".join(f"{i}:{g / gain.sum():.3f}" for i, g in enumerate(gain)))
    open(out, "w").write(text_of(model))


if __name__ == "__main__":
    main(*[a for a in sys.argv[1:] if not a.startswith("--")])
