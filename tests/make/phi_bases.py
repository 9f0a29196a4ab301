"""Small synthetic objects of many classes (CT, PET, enhanced MR, ultrasound, ECG, SR, RTSTRUCT, documents): what
phi_corpus.py plants into, beside real files where there are any."""
import struct

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

CLASS = "1.2.840.10008.5.1.4.1.1."


def instance(sop_class, modality):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CLASS + sop_class
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = modality, "SIEMENS", "Biograph128"
    ds.SeriesNumber, ds.InstanceNumber, ds.ImageType = 4, 7, ["ORIGINAL", "PRIMARY", "AXIAL"]
    return ds


def image(ds, size=16, bits=12, signed=0):
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, bits, bits - 1, signed
    top = (1 << (bits - signed)) - 1
    ds.PixelData = b"".join(struct.pack("<H", (i * 37) % top) for i in range(size * size * int(ds.get("NumberOfFrames", 1))))
    return ds


def plane(ds, z=-40.5):
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-120.5, -118.25, z], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness, ds.SliceLocation = [0.75, 0.5], 2.5, z
    return ds


def ct():
    ds = plane(image(instance("2", "CT")))
    ds.KVP, ds.Exposure, ds.XRayTubeCurrent, ds.ConvolutionKernel = 120, 200, 280, "B31f"
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType, ds.GantryDetectorTilt = -1024, 1, "HU", 0
    ds.WindowCenter, ds.WindowWidth, ds.PatientPosition, ds.BodyPartExamined = [40, -600], [400, 1600], "HFS", "CHEST"
    return ds


def pet():
    """What the standardised uptake value is computed from is all there (PS3.3 C.8.9)."""
    ds = plane(image(instance("128", "PT"), bits=15))
    ds.Units, ds.CountsSource, ds.SeriesType = "BQML", "EMISSION", ["WHOLE BODY", "IMAGE"]
    ds.CorrectedImage, ds.DecayCorrection = ["NORM", "DTIM", "ATTN", "SCAT", "DECY"], "START"
    ds.RescaleSlope, ds.RescaleIntercept, ds.DecayFactor, ds.FrameReferenceTime = "3.21875", 0, "1.0625", 120000
    ds.ActualFrameDuration, ds.NumberOfSlices, ds.ImageIndex, ds.AttenuationCorrectionMethod = 120000, 1, 1, "CT-AC"
    ds.ScatterCorrectionMethod, ds.ReconstructionMethod = "Model-based", "OSEM3D 4i8s"
    dose = Dataset()
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife, dose.RadionuclidePositronFraction = 372000000, "6586.2", "0.97"
    dose.RadiopharmaceuticalVolume, dose.RadiopharmaceuticalStartTime = 5, "094512.00"
    dose.RadiopharmaceuticalStartDateTime, dose.Radiopharmaceutical = "20230917094512.00", "Fluorodeoxyglucose"
    dose.RadionuclideCodeSequence = Sequence([code("C-111A1", "SRT", "^18^Fluorine")])
    ds.RadiopharmaceuticalInformationSequence = Sequence([dose])
    block = ds.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.000385")
    block.add_new(0x09, "DS", "1.75")
    return ds


def code(value, scheme, meaning):
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return ds


def enhanced_mr():
    ds = instance("4.1", "MR")
    ds.NumberOfFrames, ds.MagneticFieldStrength, ds.ContentQualification = 3, 3, "RESEARCH"
    frames = []
    for i in range(3):
        frame, position, content, measures = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 3.5 * i]
        content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", i + 1, [1, i + 1]
        content.FrameAcquisitionDateTime, content.FrameReferenceDateTime = "20230917101112", "20230917101112"
        diffusion, gradient = Dataset(), Dataset()
        gradient.DiffusionGradientOrientation = [0.0, 0.6, 0.8]
        diffusion.DiffusionBValue, diffusion.DiffusionDirectionality = 1000.0, "DIRECTIONAL"
        diffusion.DiffusionGradientDirectionSequence = Sequence([gradient])
        measures.PixelSpacing, measures.SliceThickness = [1.5, 1.5], 3.5
        frame.PlanePositionSequence, frame.FrameContentSequence = Sequence([position]), Sequence([content])
        frame.MRDiffusionSequence, frame.PixelMeasuresSequence = Sequence([diffusion]), Sequence([measures])
        frames.append(frame)
    shared, orientation = Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = Sequence([orientation])
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(frames)
    return image(ds, size=8)


def classic_mr():
    """Diffusion as Siemens, GE and Philips keep it in private elements."""
    ds = plane(image(instance("4", "MR")))
    ds.ScanningSequence, ds.SequenceVariant, ds.MRAcquisitionType, ds.SequenceName = "EP", "SK", "2D", "*ep_b1000#3"
    ds.RepetitionTime, ds.EchoTime, ds.FlipAngle, ds.EchoNumbers, ds.ReceiveCoilName = 8400, 88, 90, 1, "HeadNeck_20"
    block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x0E, "FD", [0.0, 0.6, 0.8])
    block.add_new(0x27, "FD", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    ds.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "IS", ["1000", "8", "0", "0"])
    block = ds.private_block(0x2001, "Philips Imaging DD 001", create=True)
    block.add_new(0x03, "FL", 1000.0)
    block.add_new(0x0A, "IS", "12")
    return ds


def ultrasound():
    ds = instance("3.1", "US")
    ds.NumberOfFrames, ds.FrameTime, ds.BurnedInAnnotation, ds.LossyImageCompression = 4, 33, "NO", "00"
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 2
    region.RegionLocationMinX0, region.RegionLocationMinY0, region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 0, 0, 15, 15
    region.PhysicalUnitsXDirection, region.PhysicalDeltaX, region.PhysicalDeltaY = 3, 0.05, 0.05
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    ds = image(ds)
    ds.compress(RLELossless, generate_instance_uid=False)
    return ds


def ecg():
    ds = instance("9.1.1", "ECG")
    channel, group, annotation = Dataset(), Dataset(), Dataset()
    channel.ChannelSensitivity, channel.ChannelBaseline, channel.WaveformBitsStored = "1.25", "0", 16
    channel.ChannelSourceSequence = Sequence([code("5.6.3-9-1", "SCPECG", "Lead I")])
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples, group.SamplingFrequency = 1, 32, "500"
    group.ChannelDefinitionSequence, group.WaveformBitsAllocated, group.WaveformSampleInterpretation = Sequence([channel]), 16, "SS"
    group.add_new(0x54001010, "OW", struct.pack("<32h", *range(-320, 320, 20)))
    ds.WaveformSequence = Sequence([group])
    annotation.UnformattedTextValue, annotation.AnnotationGroupNumber = "Sinus rhythm", 1
    ds.WaveformAnnotationSequence = Sequence([annotation])
    return ds


def item(kind, relation, concept, **values):
    ds = Dataset()
    ds.RelationshipType, ds.ValueType, ds.ConceptNameCodeSequence = relation, kind, Sequence([concept])
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def report():
    ds = instance("88.22", "SR")
    ds.ValueType, ds.ContinuityOfContent, ds.CompletionFlag, ds.VerificationFlag = "CONTAINER", "SEPARATE", "COMPLETE", "UNVERIFIED"
    ds.ConceptNameCodeSequence = Sequence([code("18748-4", "LN", "Diagnostic imaging report")])
    volume = Dataset()
    volume.NumericValue, volume.MeasurementUnitsCodeSequence = "523.25", Sequence([code("mm3", "UCUM", "cubic millimeter")])
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CLASS + "2", "1.3.6.1.4.1.99999.3.0"
    finding = code("121071", "DCM", "Finding")
    ds.ContentSequence = Sequence([
        item("NUM", "CONTAINS", code("118565006", "SCT", "Volume"), MeasuredValueSequence=Sequence([volume])),
        item("IMAGE", "CONTAINS", code("121112", "DCM", "Source of Measurement"), ReferencedSOPSequence=Sequence([reference])),
        item("CODE", "CONTAINS", finding, ConceptCodeSequence=Sequence([code("233604007", "SCT", "Pneumonia")])),
    ])
    return ds


def structures():
    ds = instance("481.3", "RTSTRUCT")
    roi, contours, contour = Dataset(), Dataset(), Dataset()
    roi.ROINumber, roi.ROIGenerationAlgorithm = 1, "MANUAL"
    contour.ContourGeometricType, contour.NumberOfContourPoints, contour.ContourData = "CLOSED_PLANAR", 3, [0, 0, 5, 10, 0, 5, 0, 10, 5]
    contours.ReferencedROINumber, contours.ROIDisplayColor, contours.ContourSequence = 1, [255, 0, 0], Sequence([contour])
    ds.StructureSetROISequence, ds.ROIContourSequence = Sequence([roi]), Sequence([contours])
    return ds


def document(kind, mime, payload):
    ds = instance("104." + kind, "DOC")
    ds.MIMETypeOfEncapsulatedDocument, ds.BurnedInAnnotation = mime, "NO"
    ds.EncapsulatedDocument = payload + b"\0" * (len(payload) % 2)
    return ds


BASES = {"ct": ct, "pet": pet, "enhanced_mr": enhanced_mr, "classic_mr": classic_mr, "ultrasound": ultrasound, "ecg": ecg, "report": report, "structures": structures}

REAL = [
    "pydicom/test_files/CT_small.dcm", "pydicom/test_files/MR_small.dcm", "highdicom/ct_image.dcm", "highdicom/sr_document.dcm", "pydicom/test_files/rtplan.dcm",
    "pydicom/test_files/rtdose.dcm", "pydicom/test_files/waveform_ecg.dcm", "pydicom/test_files/JPEG2000.dcm", "pydicom/test_files/MR_small_RLE.dcm",
    "pydicom/test_files/MR_small_bigendian.dcm", "pydicom/test_files/image_dfl.dcm", "pydicom/test_files/eCT_Supplemental.dcm", "highdicom/seg_image_ct_binary.dcm",
    "pydicom/test_files/MR_small_jpeg_ls_lossless.dcm", "pydicom/test_files/rtstruct.dcm", "pydicom/test_files/SC_rgb_small_odd.dcm",
]


def real(tree):
    """Real files of the development set, where it is there."""
    for path in REAL:
        if tree and (tree / path).is_file():
            yield path, lambda path=path: pydicom.dcmread(tree / path, force=True)
