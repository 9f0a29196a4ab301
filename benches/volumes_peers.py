"""Volumes written beside dcm2niix and cp, as whole processes in one run.
usage: volumes_peers.py GANTRY [--runs N] [--work DIR] [--workspace W --snapshot NAME]
300 CT slices of 512 x 512 (tissue with the noise of a scanner) become one .nii.gz by `gantry convert` and by dcm2niix with its own
zlib at its usual level (no pigz), and one .nii by `gantry convert` and, as bytes alone, by cp. With a workspace, its snapshot is
exported as NIfTI with one thread and with two. One JSON object per measurement: wall seconds, median of the runs. A missing peer is
skipped aloud. DIR keeps the made files. Needs pydicom, numpy, and Debian's dcm2niix."""
import argparse, json, os, shutil, statistics, subprocess, sys, tempfile, time

SLICES, SIZE = 300, 512

def make(folder):
    import numpy as np
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian
    os.makedirs(folder); r = np.random.default_rng(5); y, x = np.mgrid[:SIZE, :SIZE]
    body = ((x - 256) / 200) ** 2 + ((y - 256) / 140) ** 2 < 1
    for k in range(SLICES):
        lungs = (((x - 170) / 60) ** 2 + ((y - 250) / 95) ** 2 < 1 - (k / SLICES - .5) ** 2) | (((x - 342) / 60) ** 2 + ((y - 250) / 95) ** 2 < 1 - (k / SLICES - .5) ** 2)
        hu = np.where(body, 45.0, -1000.0); hu[lungs] = -850; hu[body] += 60 * np.sin(x[body] / 17 + k / 9) * np.sin(y[body] / 23)
        hu[body] += r.normal(0, 18, int(body.sum())); hu[~body] += r.normal(0, 4, int((~body).sum()))
        d = Dataset()
        for name, value in dict(SOPClassUID="1.2.840.10008.5.1.4.1.1.2", SOPInstanceUID=f"2.25.92.{k + 1}", Modality="CT", StudyInstanceUID="2.25.92.1001", SeriesInstanceUID="2.25.92.1002", PatientName="Made^Up",
                                PatientID="MADE", PatientBirthDate="", PatientSex="O", StudyDate="20260102", StudyTime="101112", ReferringPhysicianName="", StudyID="1", AccessionNumber="", SeriesNumber=1,
                                InstanceNumber=k + 1, FrameOfReferenceUID="2.25.92.1003", ImagePositionPatient=[-200, -200, 1.25 * k], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[.78, .78],
                                SliceThickness=1.25, Rows=SIZE, Columns=SIZE, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=1,
                                RescaleSlope=1, RescaleIntercept=0, PositionReferenceIndicator="", ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], PixelData=hu.round().astype("<i2").tobytes()).items():
            setattr(d, name, value)
        d.file_meta = FileMetaDataset(); d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d.save_as(f"{folder}/{k:04d}.dcm", enforce_file_format=True)

def timed(tool, what, runs, command, before=lambda: None, env=None):
    all_ = []
    for _ in range(runs):
        before(); began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})}); all_.append(time.monotonic() - began)
        if done.returncode: sys.exit(f"{command}: {done.returncode} {done.stdout[-500:]} {done.stderr[-500:]}")
    seconds = statistics.median(all_); print(json.dumps({"tool": tool, "what": what, "seconds": round(seconds, 3)}), flush=True); return seconds

def main():
    a = argparse.ArgumentParser(usage=__doc__); a.add_argument("gantry"); a.add_argument("--runs", type=int, default=5); a.add_argument("--work"); a.add_argument("--workspace"); a.add_argument("--snapshot", default="v1"); a = a.parse_args()
    work = os.path.abspath(a.work or tempfile.mkdtemp(prefix="volumes-peers.")); os.makedirs(work, exist_ok=True); files, out, g = f"{work}/ct", f"{work}/out", os.path.abspath(a.gantry)
    if not os.path.isdir(files): make(files + ".part"); os.rename(files + ".part", files)
    subprocess.run(["sh", "-c", f"cat {files}/* >/dev/null"], check=True)
    def fresh(): shutil.rmtree(out, ignore_errors=True); os.makedirs(out)
    ours = timed("gantry", "nii.gz", a.runs, [g, "convert", files, f"{out}/ct.nii.gz"], fresh); size = os.path.getsize(f"{out}/ct.nii.gz")
    if shutil.which("dcm2niix"):
        theirs = timed("dcm2niix", "nii.gz", a.runs, ["dcm2niix", "-z", "i", "-b", "n", "-o", out, files], fresh)
        peer = [f for f in os.listdir(out) if f.endswith(".nii.gz")]; print(json.dumps({"nii.gz, times as long as gantry": round(theirs / ours, 2), "bytes, gantry": size, "bytes, dcm2niix": os.path.getsize(f"{out}/{peer[0]}")}))
    else: print("skipped: dcm2niix is not here")
    plain = timed("gantry", "nii", a.runs, [g, "convert", files, f"{out}/ct.nii"], fresh)
    copy = timed("cp", "the same bytes", a.runs, ["cp", "-r", files, f"{out}/copy"], fresh); print(json.dumps({"nii, times as long as cp": round(plain / copy, 2)}))
    if a.workspace:
        to = f"{work}/export"
        t = [timed("gantry", f"export with {n} threads", a.runs, [g, "--workspace", a.workspace, "export", "--snapshot", a.snapshot, "--format", "nifti,json", "--to", to], lambda: shutil.rmtree(to, ignore_errors=True), {"RAYON_NUM_THREADS": str(n)}) for n in (1, 2)]
        print(json.dumps({"export, two threads instead of one": round(t[0] / t[1], 2)}))

main()
