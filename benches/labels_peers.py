"""Label files shown and converted beside the Python packages, as whole processes in one run.
usage: labels_peers.py GANTRY [--runs N] [--work DIR] [--python PYTHON] [NAME…]
NAMEs: sparse, full (segmentations of 98 segments on 512 x 512 x 400: ellipsoids on some fifty slices each, and prisms on every
slice), structures (60 structures of contours on 512 x 512 x 200); without one all. Peers: highdicom with nibabel; rt-utils with
nibabel, and dcmrtstruct2nii where it can be imported by PYTHON. A missing one is skipped aloud.
One JSON object per measurement: wall seconds (the median of the runs for Gantry, one run for a peer), peak memory in MiB, how many
times as long as Gantry a peer takes. `show` counts the voxels of each structure; `folder` writes one gzipped NIfTI file for each.
DIR keeps the made files from run to run. Needs pydicom, numpy, nibabel, highdicom."""
import argparse, json, os, shutil, statistics, subprocess, sys, tempfile, time

COLUMNS = ROWS = 512
SEGMENTS, SEGMENT_SLICES, STRUCTURES, STRUCTURE_SLICES, POINTS = 98, 400, 60, 200, 160
CT, RTSTRUCT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.3"

# ---------------------------------------------------------------- files

def element(**values):
    from pydicom.dataset import Dataset
    d = Dataset()
    for name, value in values.items(): setattr(d, name, value)
    return d

def save(d, path):
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.save_as(path, enforce_file_format=True)

def patient(cls, modality, uid, series):
    return element(SOPClassUID=cls, SOPInstanceUID=uid, Modality=modality, StudyInstanceUID="2.25.77", SeriesInstanceUID=series, PatientName="Made^Up", PatientID="MADE",
                   PatientBirthDate="", PatientSex="O", StudyDate="20260102", StudyTime="101112", ReferringPhysicianName="", StudyID="1", AccessionNumber="", SeriesNumber=1)

def image(folder, slices):
    os.makedirs(folder)
    pixels = bytes(2 * COLUMNS * ROWS)
    for k in range(slices):
        d = patient(CT, "CT", f"2.25.77.{slices}.{k + 1}", f"2.25.77.{slices}")
        for name, value in dict(InstanceNumber=k + 1, FrameOfReferenceUID="2.25.77.9", ImagePositionPatient=[-200, -200, 1.5 * k], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[.8, .8],
                                SliceThickness=1.5, Rows=ROWS, Columns=COLUMNS, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", BitsAllocated=16, BitsStored=16, HighBit=15,
                                PixelRepresentation=1, RescaleSlope=1, RescaleIntercept=0, PositionReferenceIndicator="", ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], PixelData=pixels).items():
            setattr(d, name, value)
        save(d, f"{folder}/{k:04d}.dcm")

def place(n, k, slices):
    """Centre and radii of structure n on slice k; None where it is not."""
    x, y = 60 + (n * 37) % 390, 60 + (n * 91) % 390
    return x + 4 * ((k + n) % 5), y, 22 + n % 17, 16 + n % 23

def runs(n, full):
    found = []
    for k in range(SEGMENT_SLICES) if full else range((n * 3) % 340, (n * 3) % 340 + 52):
        x, y, a, b = place(n, k, SEGMENT_SLICES)
        shrink = 1 if full else max(1e-9, 1 - ((k - (n * 3) % 340 - 26) / 27) ** 2) ** .5
        for row in range(int(y - b * shrink) + 1, int(y + b * shrink) + 1):
            half = a * shrink * max(0, 1 - ((row - y) / (b * shrink)) ** 2) ** .5
            if half >= 1: found.append([k * ROWS + row, int(x - half), int(x + half)])
    return found

def segmentation(gantry, work, name):
    ct, path, labels = f"{work}/ct{SEGMENT_SLICES}", f"{work}/{name}.dcm", f"{work}/{name}.json"
    if not os.path.isdir(ct): image(ct, SEGMENT_SLICES)
    if os.path.isfile(path): return ct, path
    grid = {"shape": [COLUMNS, ROWS, SEGMENT_SLICES], "origin_mm": [-200, -200, 0], "column_mm": [.8, 0, 0], "row_mm": [0, .8, 0], "slice_mm": [0, 0, 1.5]}
    structures = [{"number": n + 1, "name": f"part {n + 1}", "state": "found", "runs": runs(n, name == "full")} for n in range(SEGMENTS)]
    with open(labels, "w") as f: json.dump({"gantry_labels": 1, "series_uid": f"2.25.77.{SEGMENT_SLICES}", "frame_of_reference": "2.25.77.9", "grid": grid, "structures": structures}, f)
    subprocess.run([gantry, "label", "convert", labels, path, "--format", "seg", "--image", ct, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return ct, path

def structure_set(work):
    import math
    ct, path = f"{work}/ct{STRUCTURE_SLICES}", f"{work}/structures.dcm"
    if not os.path.isdir(ct): image(ct, STRUCTURE_SLICES)
    if os.path.isfile(path): return ct, path
    from pydicom.sequence import Sequence
    d = patient(RTSTRUCT, "RTSTRUCT", "2.25.78.1", "2.25.78")
    refer = lambda k: element(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=f"2.25.77.{STRUCTURE_SLICES}.{k + 1}")
    series = element(SeriesInstanceUID=f"2.25.77.{STRUCTURE_SLICES}", ContourImageSequence=Sequence(map(refer, range(STRUCTURE_SLICES))))
    study = element(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID="2.25.77", RTReferencedSeriesSequence=Sequence([series]))
    d.StructureSetLabel, d.StructureSetDate, d.StructureSetTime = "MADE", "20260102", "101112"
    d.ReferencedFrameOfReferenceSequence = Sequence([element(FrameOfReferenceUID="2.25.77.9", RTReferencedStudySequence=Sequence([study]))])
    d.StructureSetROISequence = Sequence([element(ROINumber=n + 1, ReferencedFrameOfReferenceUID="2.25.77.9", ROIName=f"part {n + 1}", ROIGenerationAlgorithm="MANUAL") for n in range(STRUCTURES)])
    def contour(n, k):
        x, y, a, b = place(n, k, STRUCTURE_SLICES)
        turns = [2 * math.pi * i / POINTS for i in range(POINTS)]
        points = [((x + a * math.cos(t) * (1 + .1 * math.sin(5 * t))) * .8 - 200, (y + b * math.sin(t)) * .8 - 200) for t in turns]
        return element(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=POINTS, ContourData=[f"{v:.3f}" for p in points for v in (*p, 1.5 * k)], ContourImageSequence=Sequence([refer(k)]))
    d.ROIContourSequence = Sequence([element(ROIDisplayColor=[n * 4, 255 - n * 4, 90], ReferencedROINumber=n + 1, ContourSequence=Sequence([contour(n, k) for k in range(STRUCTURE_SLICES)])) for n in range(STRUCTURES)])
    d.RTROIObservationsSequence = Sequence([element(ObservationNumber=n + 1, ReferencedROINumber=n + 1, RTROIInterpretedType="", ROIInterpreter="") for n in range(STRUCTURES)])
    save(d, path)
    return ct, path

# ---------------------------------------------------------------- peers

def highdicom_show(ct, path, out):
    import highdicom as hd
    seg = hd.seg.segread(path)
    print(json.dumps({n: int(seg.get_volume(segment_numbers=[n], combine_segments=True).array.astype(bool).sum()) for n in seg.segment_numbers}))

def highdicom_folder(ct, path, out):
    import highdicom as hd, nibabel, numpy as np
    seg = hd.seg.segread(path)
    os.makedirs(out)
    for n in seg.segment_numbers:
        volume = seg.get_volume(segment_numbers=[n], combine_segments=True)
        mask = volume.array.astype(np.uint8)
        nibabel.save(nibabel.Nifti1Image(mask, np.diag([-1, -1, 1, 1]) @ volume.affine), f"{out}/{n}.nii.gz")

def rt_utils_folder(ct, path, out):
    import nibabel, numpy as np
    from rt_utils import RTStructBuilder
    structures = RTStructBuilder.create_from(dicom_series_path=ct, rt_struct_path=path)
    os.makedirs(out)
    for name in structures.get_roi_names():
        mask = structures.get_roi_mask_by_name(name).astype(np.uint8)
        nibabel.save(nibabel.Nifti1Image(mask, np.diag([-.8, -.8, 1.5, 1])), f"{out}/{name}.nii.gz")

def dcmrtstruct2nii_folder(ct, path, out):
    import pydicom
    pydicom.read_file = pydicom.dcmread   # version 5 calls it by the name that pydicom 2 had
    from dcmrtstruct2nii import dcmrtstruct2nii
    os.makedirs(out)
    dcmrtstruct2nii(path, ct, out + "/", convert_original_dicom=False)

PEERS = {f.__name__: f for f in (highdicom_show, highdicom_folder, rt_utils_folder, dcmrtstruct2nii_folder)}
OF = {("segmentation", "show"): ["highdicom_show"], ("segmentation", "folder"): ["highdicom_folder"], ("structures", "show"): [], ("structures", "folder"): ["rt_utils_folder", "dcmrtstruct2nii_folder"]}

# ---------------------------------------------------------------- measuring

def run(command):
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.perf_counter() - start, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime

def measure(args, name, ct, path):
    kind = "structures" if name == "structures" else "segmentation"
    calls = {"show": ["show", path], "read": ["convert", path, f"{args.work}/out.json", "--image", ct], "folder": ["convert", path, f"{args.work}/out/", "--image", ct]}
    for what, call in calls.items():
        took = []
        for _ in range(args.runs):
            shutil.rmtree(f"{args.work}/out", ignore_errors=True)
            code, seconds, mib, cpu = run([args.gantry, "--json", "label", *call])
            if code: sys.exit(f"gantry {what} of {name} ended with {code}")
            took.append((seconds, mib, cpu))
        ours = statistics.median(t[0] for t in took)
        print(json.dumps({"of": name, "what": what, "by": "gantry", "seconds": round(ours, 3), "cpu_s": round(statistics.median(t[2] for t in took), 3), "peak_mib": round(max(t[1] for t in took))}), flush=True)
        for peer in OF.get((kind, what), []):
            shutil.rmtree(f"{args.work}/peer", ignore_errors=True)
            code, seconds, mib, cpu = run([args.python, os.path.abspath(__file__), "--peer", peer, ct, path, f"{args.work}/peer"])
            line = {"of": name, "what": what, "by": peer.rsplit("_", 1)[0]}
            print(json.dumps(line | ({"skipped": "not installed, or it failed"} if code else {"seconds": round(seconds, 3), "cpu_s": round(cpu, 3), "peak_mib": round(mib), "times": round(seconds / ours, 1)})), flush=True)
        shutil.rmtree(f"{args.work}/peer", ignore_errors=True)

def main():
    if sys.argv[1] == "--peer": return PEERS[sys.argv[2]](*sys.argv[3:6])
    if sys.argv[1] == "--make": return print(json.dumps(structure_set(sys.argv[4]) if sys.argv[2] == "structures" else segmentation(sys.argv[3], sys.argv[4], sys.argv[2])))
    parser = argparse.ArgumentParser()
    parser.add_argument("gantry"); parser.add_argument("names", nargs="*"); parser.add_argument("--runs", type=int, default=3); parser.add_argument("--work"); parser.add_argument("--python", default=sys.executable)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        args.work = args.work or temporary
        os.makedirs(args.work, exist_ok=True)
        for name in args.names or ["sparse", "full", "structures"]:
            # In a process of its own: what is measured starts with the memory of the one that made it.
            made = subprocess.run([sys.executable, os.path.abspath(__file__), "--make", name, args.gantry, args.work], check=True, stdout=subprocess.PIPE, text=True)
            measure(args, name, *json.loads(made.stdout))

if __name__ == "__main__": main()
