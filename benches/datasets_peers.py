"""A version of a dataset beside DVC and DataLad on the same files, as whole processes in one run.
usage: datasets_peers.py GANTRY [--files N] [--work DIR] [--peers dvc,datalad]
Makes N (100,000) CT slices of 64 x 64 in series of 500. Gantry takes them in and reads each series once; then all freeze the same
files, look whether anything has changed, and verify every byte. One JSON object per measurement: wall seconds. What a tool does when
it takes files in (hashing, copying, and for Gantry de-identification and checks) is told apart from freezing. A missing peer is
skipped aloud. DIR keeps the made files from run to run. Needs pydicom."""
import argparse, json, os, shutil, subprocess, sys, tempfile, time

SLICES = 500
PLAN = "name = 'x'\nreads = 1\nseries_review = 'none'\n[[structure]]\nname = 'quality'\nkind = 'class'\nvalues = ['good', 'poor']\n"

def make(folder, count):
    """files that differ in UIDs, positions and pixels"""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian
    for n in range(count):
        series, slice_ = divmod(n, SLICES)
        path = f"{folder}/{series:04d}/{slice_:04d}.dcm"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        d = Dataset()
        for name, value in dict(SOPClassUID="1.2.840.10008.5.1.4.1.1.2", SOPInstanceUID=f"2.25.91.{series}.{slice_}", Modality="CT", StudyInstanceUID=f"2.25.91.{series}.1", SeriesInstanceUID=f"2.25.91.{series}.2",
                                PatientName=f"Made^Up{series}", PatientID=f"MADE{series}", PatientBirthDate="", PatientSex="O", StudyDate="20260102", StudyTime="101112", ReferringPhysicianName="", StudyID="1",
                                AccessionNumber="", SeriesNumber=1, InstanceNumber=slice_ + 1, FrameOfReferenceUID=f"2.25.91.{series}.3", ImagePositionPatient=[-200, -200, 1.5 * slice_],
                                ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[.8, .8], SliceThickness=1.5, Rows=64, Columns=64, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
                                BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=1, RescaleSlope=1, RescaleIntercept=0, PositionReferenceIndicator="",
                                ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], PixelData=os.urandom(64) * 128).items():
            setattr(d, name, value)
        d.file_meta = FileMetaDataset(); d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d.save_as(path, enforce_file_format=True)

def run(*command, cwd=None, ok=(0,)):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode not in ok: sys.exit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done

def timed(tool, what, *command, **how):
    began = time.monotonic(); done = run(*command, **how)
    print(json.dumps({"tool": tool, "what": what, "seconds": round(time.monotonic() - began, 2)}), flush=True)
    return done

def gantry(binary, work, files, count):
    w = f"{work}/workspace"; shutil.rmtree(w, ignore_errors=True); run(binary, "init", w)
    g = [binary, "--workspace", w]
    timed("gantry", "take in", *g, "ingest", files, "--site", "A")
    open(f"{work}/plan.toml", "w").write(PLAN)
    run(*g, "reader", "add", "r", "--level", "2"); run(*g, "plan", "apply", f"{work}/plan.toml")
    for _ in range(count // SLICES):
        task = json.loads(run(*g, "--json", "task", "next", "--as", "r").stdout)["task"]
        run(*g, "task", "submit", task, "--value", "quality=good", "--as", "r")
    made = json.loads(timed("gantry", "freeze", *g, "--json", "snapshot", "create", "v1", "--split", "train=.8,test=.2").stdout)
    assert made["instances"] == count, made
    same = json.loads(timed("gantry", "has anything changed", *g, "--json", "snapshot", "create", "v2", "--split", "train=.8,test=.2", "--preview").stdout)
    assert same["same_as"] == "v1", same
    timed("gantry", "verify every byte", *g, "snapshot", "verify", "v1")

def dvc(work, files):
    w = f"{work}/dvc"; shutil.rmtree(w, ignore_errors=True); os.makedirs(w)
    shutil.copytree(files, f"{w}/data"); run("git", "init", "-q", cwd=w); run("dvc", "init", "-q", cwd=w); run("dvc", "config", "core.analytics", "false", cwd=w)
    timed("dvc", "take in and freeze", "dvc", "add", "-q", "data", cwd=w)
    timed("dvc", "has anything changed", "dvc", "status", "-q", cwd=w)
    shutil.rmtree(f"{w}/.dvc/tmp", ignore_errors=True); shutil.rmtree(os.path.expanduser("~/.cache/dvc"), ignore_errors=True); shutil.rmtree("/var/tmp/dvc", ignore_errors=True)
    timed("dvc", "verify every byte (state forgotten)", "dvc", "status", "-q", cwd=w)

def datalad(work, files):
    w = f"{work}/datalad"; subprocess.run(["chmod", "-R", "u+w", w], capture_output=True); shutil.rmtree(w, ignore_errors=True)
    run("datalad", "create", w); shutil.copytree(files, f"{w}/data")
    timed("datalad", "take in and freeze", "datalad", "save", "-m", "v1", cwd=w)
    timed("datalad", "has anything changed", "datalad", "status", cwd=w)
    timed("datalad", "verify every byte", "git", "annex", "fsck", "--quiet", cwd=w)

def main():
    a = argparse.ArgumentParser(usage=__doc__); a.add_argument("gantry"); a.add_argument("--files", type=int, default=100_000); a.add_argument("--work"); a.add_argument("--peers", default="dvc,datalad"); a = a.parse_args()
    work = os.path.abspath(a.work or tempfile.mkdtemp(prefix="datasets-peers.")); os.makedirs(work, exist_ok=True)
    files = f"{work}/files-{a.files}"
    if not os.path.isdir(files): make(files + ".part", a.files); os.rename(files + ".part", files)
    # The files are in the page cache for all of them.
    run("sh", "-c", f"find {files} -type f -print0 | xargs -0 cat >/dev/null")
    gantry(os.path.abspath(a.gantry), work, files, a.files)
    for peer in a.peers.split(","):
        if not shutil.which(peer): print(f"skipped: {peer} is not here"); continue
        {"dvc": dvc, "datalad": datalad}[peer](work, files)

main()
