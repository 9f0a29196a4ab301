"""Speed and memory of de-identification beside the peers that are installed, on the same files in one run.

usage: deid_peers.py FOLDER GANTRY [--runs N] [--python NAME=PYTHON ...]

FOLDER holds instances whose pixels need no look (CT, for example). Each program runs as a whole process, reading every
file and writing every output; one JSON line each: instances, seconds (the median of the runs), instances a second, peak
resident memory in MiB, and how many times as long as Gantry an instance takes. Gantry verifies what it writes and keeps a
ledger, the peers do neither. `--python` names the Python that a peer is installed in.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/make"))
sys.modules.setdefault("phi_score", type(sys)("phi_score")).score = None
from deid_peers import PEERS  # noqa: E402


def measure(command, out):
    """Wall time in seconds and peak memory in MiB of a command, and how many files it left below `out`."""
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.monotonic() - started
    if status:
        sys.exit(f"{command[0]} ended with {status}")
    return seconds, used.ru_maxrss / 1024, sum(len(files) for _, _, files in os.walk(out))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("gantry")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--python", nargs="*", action="extend", default=[])
    args = parser.parse_args()
    pythons = dict(p.split("=", 1) for p in args.python)
    files = sum(len(files) for _, _, files in os.walk(args.folder))
    programs = {"gantry": lambda out: [args.gantry, "deid", args.folder, out, "--json"]}
    for name, (module, script) in PEERS.items():
        python = pythons.get(name, sys.executable)
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            print(f"skipped: {name} is not installed", file=sys.stderr)
            continue
        programs[name] = lambda out, python=python, script=script: [python, "-W", "ignore", "-c", script, args.folder, out]
    own = None
    with tempfile.TemporaryDirectory(dir=args.folder.parent) as scratch:
        for name, command in programs.items():
            runs = []
            for run in range(args.runs if name == "gantry" else 1):
                out = pathlib.Path(scratch) / f"{name} {run}"
                runs.append(measure(command(out), out))
            seconds = statistics.median(r[0] for r in runs)
            own = own or seconds
            line = {"program": name, "instances": files, "written": runs[0][2], "seconds": round(seconds, 3),
                    "per_second": round(files / seconds, 1), "peak_mib": round(max(r[1] for r in runs), 1),
                    "times_gantry": round(seconds / own, 1)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
