"""De-identifies the corpus of phi_corpus.py with Gantry and with the peers that are installed, and prints one table.

usage: deid_peers.py CORPUS GANTRY [--python NAME=PYTHON ...]      needs pydicom, numpy
Each peer runs in the Python that is named for it (its own virtual environment), else in this one; one that is not
installed there is skipped aloud: dicom-anonymizer (its default, after PS3.15), deid (its recipe deid.dicom, with private
elements removed), dicognito (its default). All are scored alike by phi_score.py. What a peer does not promise counts
against it all the same: the table shows each class of action, so that anyone can weigh them anew.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from phi_score import score

DEID = """
import pathlib, sys, pydicom
from deid.config import DeidRecipe
from deid.dicom import get_identifiers, replace_identifiers
source, out = map(pathlib.Path, sys.argv[1:])
recipe = DeidRecipe()
for path in sorted(p for p in source.rglob("*") if p.is_file()):
    try:
        files = [str(path)]
        done = replace_identifiers(dicom_files=files, deid=recipe, ids=get_identifiers(files, expand_sequences=True), save=False, remove_private=True, strip_sequences=False)
        target = out / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        done[0].save_as(target)
    except Exception as error:
        print(path.name, type(error).__name__, file=sys.stderr)
"""
# By files one by one, as its command stops at the first that it cannot read; one anonymizer for all keeps relations.
DICOGNITO = """
import pathlib, sys, pydicom
from dicognito.anonymizer import Anonymizer
source, out = map(pathlib.Path, sys.argv[1:])
anonymizer = Anonymizer(seed="corpus")
for path in sorted(p for p in source.rglob("*") if p.is_file()):
    try:
        ds = pydicom.dcmread(path)
        anonymizer.anonymize(ds)
        target = out / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(target)
    except Exception as error:
        print(path.name, type(error).__name__, file=sys.stderr)
"""
ANONYMIZER = """
import pathlib, sys
from dicomanonymizer import anonymize_dicom_file
source, out = map(pathlib.Path, sys.argv[1:])
for path in sorted(p for p in source.rglob("*") if p.is_file()):
    try:
        target = out / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        anonymize_dicom_file(str(path), str(target))
    except Exception as error:
        print(path.name, type(error).__name__, file=sys.stderr)
"""
PEERS = {"dicom-anonymizer": ("dicomanonymizer", ANONYMIZER), "deid": ("deid", DEID), "dicognito": ("dicognito", DICOGNITO)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("gantry")
    parser.add_argument("--python", nargs="*", action="extend", default=[])
    args = parser.parse_args()
    pythons = dict(p.split("=", 1) for p in args.python)
    key = json.load(open(args.corpus / "key.json"))
    tree = args.corpus / "in"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        started = time.monotonic()
        run = subprocess.run([args.gantry, "deid", tree, folder / "gantry", "--map", folder / "map", "--json"], capture_output=True)
        seconds = time.monotonic() - started
        (folder / "log").write_bytes(run.stdout + run.stderr)
        where = {m["source"]: m["output"] for m in map(json.loads, open(folder / "map"))}
        rows.append(("gantry", seconds, score(key, tree, folder / "gantry", where, [folder / "log", folder / "gantry/ledger.jsonl"])))
        for name, (module, script) in PEERS.items():
            python = pythons.get(name, sys.executable)
            version = subprocess.run([python, "-c", f"import importlib.metadata as m, {module}; print(m.version('{name}'))"], capture_output=True, text=True)
            if version.returncode:
                print(f"skipped: {name} is not installed", file=sys.stderr)
                continue
            out = folder / name
            out.mkdir()
            started = time.monotonic()
            subprocess.run([python, "-W", "ignore", "-c", script, tree, out], capture_output=True)
            seconds = time.monotonic() - started
            where = {str(p.relative_to(out)): str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
            rows.append((f"{name} {version.stdout.strip()}", seconds, score(key, tree, out, where, [])))
    table(rows)


def table(rows):
    classes = sorted(rows[0][2]["classes"])
    print(f"{'':28}" + "".join(f"{name:>24}" for name, _, _ in rows))
    lines = {
        "files written, of": lambda s: f"{s['files'] - len(s['missing'])}/{s['files']}",
        "files that leak": lambda s: len({f for f, _ in s["leaks"] if f != "names of files"}),
        "leaks (file, identifier)": lambda s: len([f for f, _ in s["leaks"] if f != "names of files"]),
        "names of files that leak": lambda s: len([f for f, _ in s["leaks"] if f == "names of files"]),
        "actions done, %": lambda s: f"{100 * s['score']:.3f}",
        "required and lost": lambda s: len(s["lost"]),
    }
    for title, cell in lines.items():
        print(f"{title:28}" + "".join(f"{cell(s)!s:>24}" for _, _, s in rows))
    for kind in classes:
        cells = (s["classes"].get(kind, [0, 0]) for _, _, s in rows)
        print(f"  {kind + ' %':26}" + "".join(f"{100 * right / max(of, 1):24.2f}" for right, of in cells))
    print(f"{'seconds':28}" + "".join(f"{seconds:24.1f}" for _, seconds, _ in rows))


if __name__ == "__main__":
    main()
