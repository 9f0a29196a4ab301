//! What stands beside a volume, against dcm2niix field by field.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use gantry::format::nifti::Nifti;
use gantry::model::geometry::{Vec3, dot, norm, scale};
use serde_json::Value;

use crate::common;
use crate::{gantry, text};

/// Folders of the development data with the vendors' ways to write what is compared.
const FOLDERS: [&str; 12] = [
    "dcm_qa_nih/In/20180918GE/mr_0004",
    "dcm_qa_nih/In/20180918GE/mr_0005",
    "dcm_qa_nih/In/20180918GE/mr_0006",
    "dcm_qa_nih/In/20180918GE/mr_0007",
    "dcm_qa_nih/In/20180918Si/mr_0003",
    "dcm_qa_nih/In/20180918Si/mr_0004",
    "dcm_qa_nih/In/20180918Si/mr_0005",
    "dcm_qa_nih/In/20180918Si/mr_0006",
    "dicom2nifti/ge/dti/001",
    "dicom2nifti/ge/dti/002",
    "dicom2nifti/siemens/fmri_classic/001",
    "dicom2nifti/siemens_multiframe/anatomical/001",
];
/// Keys whose values are numbers or lists of them.
const NUMBERS: [&str; 27] = [
    "MagneticFieldStrength",
    "ImagingFrequency",
    "EchoTime",
    "RepetitionTime",
    "InversionTime",
    "FlipAngle",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SAR",
    "PercentPhaseFOV",
    "PercentSampling",
    "EchoTrainLength",
    "PhaseEncodingSteps",
    "AcquisitionMatrixPE",
    "ReconMatrixPE",
    "PixelBandwidth",
    "BandwidthPerPixelPhaseEncode",
    "EffectiveEchoSpacing",
    "TotalReadoutTime",
    "DwellTime",
    "PartialFourier",
    "BaseResolution",
    "PhaseResolution",
    "TxRefAmp",
    "ShimSetting",
    "ParallelReductionFactorInPlane",
    "SliceTiming",
];
/// Keys whose values are words.
const WORDS: [&str; 12] = [
    "Modality",
    "Manufacturer",
    "ManufacturersModelName",
    "MRAcquisitionType",
    "SeriesDescription",
    "ProtocolName",
    "ScanningSequence",
    "SequenceVariant",
    "SequenceName",
    "InPlanePhaseEncodingDirectionDICOM",
    "PhaseEncodingPolarityGE",
    "ReceiveCoilName",
];

fn dcm2niix(program: &Path, folder: &Path, out: &Path) -> Vec<PathBuf> {
    let made = Command::new(program)
        .args(["-b", "y", "-ba", "y", "-z", "n", "-f", "%s_%e", "-o"])
        .args([out, folder])
        .output()
        .unwrap();
    assert!(made.status.success());
    files(out, "nii")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == ending)).collect();
    found.sort();
    found
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn columns(nifti: &Nifti) -> [Vec3; 3] {
    let column = |c: usize| {
        let v = [nifti.affine[0][c], nifti.affine[1][c], nifti.affine[2][c]];
        scale(v, 1.0 / norm(v))
    };
    [column(0), column(1), column(2)]
}

/// A direction along the axes of an image, such as `j-`, in the patient.
fn direction(name: &str, nifti: &Nifti) -> Vec3 {
    let axis = "ijk".find(&name[..1]).unwrap();
    scale(columns(nifti)[axis], if name.ends_with('-') { -1.0 } else { 1.0 })
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().map(|v| v.as_f64().unwrap()).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

/// b-values, and directions in the patient from FSL's convention.
fn gradients(bval: &Path, nifti: &Nifti) -> (Vec<f64>, Vec<Vec3>) {
    let rows = |path: &Path| -> Vec<Vec<f64>> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|l| l.split_whitespace().map(|n| n.parse().unwrap()).collect()).collect()
    };
    let (b, v) = (rows(bval).remove(0), rows(&bval.with_extension("bvec")));
    let axes = columns(nifti);
    let handed = dot(gantry::model::geometry::cross(axes[0], axes[1]), axes[2]);
    let sign = if handed > 0.0 { -1.0 } else { 1.0 };
    let vector = |n: usize| {
        let parts = [scale(axes[0], sign * v[0][n]), scale(axes[1], v[1][n]), scale(axes[2], v[2][n])];
        parts.into_iter().fold([0.0; 3], gantry::model::geometry::add)
    };
    let vectors = (0..b.len()).map(vector).collect();
    (b, vectors)
}

#[test]
fn sidecars_are_those_of_dcm2niix() {
    let (Some(shared), Some(program)) = (common::shared(), common::peer("dcm2niix")) else { return };
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    for folder in FOLDERS {
        let source = shared.join("dicom").join(folder);
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let out = format!("{}/", text(ours.path()));
        let (status, _, errors) = gantry(&["convert", text(&source), &out]);
        assert_eq!(status, 0, "{errors}");
        let reference = dcm2niix(&program, &source, theirs.path());
        let (own, other) = (files(ours.path(), "json"), &reference);
        assert_eq!((own.len(), other.len()), (1, 1), "{folder}");
        let (a, b) = (json(&own[0]), json(&other[0].with_extension("json")));
        let image = files(ours.path(), "gz").remove(0);
        let (image, image_b) = (Nifti::read(&image).unwrap(), Nifti::read(&other[0]).unwrap());
        let reversed = dot(columns(&image)[2], columns(&image_b)[2]) < 0.0;
        for key in NUMBERS.iter().filter(|k| b.get(**k).is_some()) {
            let (x, mut y) = (numbers(&a[*key]), numbers(&b[*key]));
            if *key == "SliceTiming" && reversed {
                y.reverse();
            }
            let tolerance = if *key == "SliceTiming" { 2e-3 } else { 0.0 };
            let near = |(x, y): (&f64, &f64)| (x - y).abs() <= (2e-5 * y.abs()).max(tolerance);
            assert!(x.len() == y.len() && x.iter().zip(&y).all(near), "{folder} {key}: {x:?} {y:?}");
            *compared.entry(key).or_default() += 1;
        }
        for key in WORDS.iter().filter(|k| b.get(**k).is_some()) {
            assert_eq!(a[*key], b[*key], "{folder} {key}");
            *compared.entry(key).or_default() += 1;
        }
        if let Some(phase) = b.get("PhaseEncodingDirection") {
            let (x, y) = (a["PhaseEncodingDirection"].as_str().unwrap(), phase.as_str().unwrap());
            assert!(dot(direction(x, &image), direction(y, &image_b)) > 0.999, "{folder}: {x} {y}");
            *compared.entry("PhaseEncodingDirection").or_default() += 1;
        }
        assert!((image.step_s - image_b.step_s).abs() <= 1e-4 * image_b.step_s, "{folder} {}", image.step_s);
        let (bval, reference) = (files(ours.path(), "bval"), files(theirs.path(), "bval"));
        assert_eq!(bval.len(), reference.len(), "{folder}");
        for (x, y) in bval.iter().zip(&reference) {
            let ((b1, d1), (b2, d2)) = (gradients(x, &image), gradients(y, &image_b));
            assert_eq!(b1, b2, "{folder}");
            for (u, v) in d1.iter().zip(&d2) {
                assert!((dot(*u, *v).abs() - dot(*v, *v)).abs() < 3e-3, "{folder}: {u:?} {v:?}");
            }
            *compared.entry("bvec").or_default() += 1;
        }
    }
    for key in ["SliceTiming", "EffectiveEchoSpacing", "PhaseEncodingDirection", "bvec", "PartialFourier"] {
        assert!(compared.contains_key(key), "{key} was never compared");
    }
    assert!(compared.values().sum::<usize>() > 200, "{compared:?}");
}

#[test]
fn names_by_pattern_hold_no_uid() {
    let Some(shared) = common::shared() else { return };
    let source = shared.join("dicom/dcm_qa_nih/In/20180918Si");
    let out = tempfile::tempdir().unwrap();
    let target = format!("{}/", text(out.path()));
    let pattern = "{subject}_{series}_{description}";
    let (status, lines, errors) = gantry(&["convert", text(&source), &target, "--name", pattern]);
    assert_eq!(status, 0, "{errors}");
    let names: Vec<String> = files(out.path(), "gz")
        .iter()
        .map(|p| p.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.len(), lines[0]["volumes"].as_array().unwrap().len());
    assert!(names.iter().all(|n| n.contains("EPI") && !n.contains("1.3.12")), "{names:?}");
    let (status, _, errors) = gantry(&["convert", text(&source), &target, "--name", "{uid}"]);
    assert!(status == 2 && errors.contains("no field is called"), "{errors}");
}

/// A PET series' sidecar says what the standardised uptake value is computed with.
#[test]
fn pet_sidecars_have_dose_times_and_the_uptake_factor() {
    use gantry::dicom::{DataSet, Element, Syntax, write};
    use gantry::model::{Tag, Vr};
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (t, k) in (0..3u32).flat_map(|t| (0..2u32).map(move |k| (t, k))) {
        let slice = common::files::Slice {
            number: 10 - (t * 2 + k),
            position_mm: [0.0, 0.0, 3.0 * f64::from(k)],
            ..common::files::Slice::default()
        };
        let mut set = common::files::data_set(&slice);
        set.put_str(Tag(0x0008_0016), Vr::UI, "1.2.840.10008.5.1.4.1.1.128");
        for (tag, vr, value) in [
            (0x0008_0021, Vr::DA, "20240102"),
            (0x0008_0022, Vr::DA, "20240102"),
            (0x0008_0031, Vr::TM, "110000"),
            (0x0008_0032, Vr::TM, "110000"),
            (0x0008_0060, Vr::CS, "PT"),
            (0x0010_1030, Vr::DS, "70"),
            (0x0054_1001, Vr::CS, "BQML"),
            (0x0054_1102, Vr::CS, "START"),
        ] {
            set.put_str(Tag(tag), vr, value);
        }
        set.put_str(Tag(0x0054_1300), Vr::DS, &[0, 60_000, 180_000][t as usize].to_string());
        set.put_str(Tag(0x0018_1242), Vr::IS, &[60_000, 120_000, 300_000][t as usize].to_string());
        let mut drug = DataSet::new();
        for (tag, vr, value) in [
            (0x0018_0031, Vr::LO, "Fluorodeoxyglucose"),
            (0x0018_1072, Vr::TM, "100000"),
            (0x0018_1074, Vr::DS, "370000000"),
            (0x0018_1075, Vr::DS, "6586.2"),
        ] {
            drug.put_str(Tag(tag), vr, value);
        }
        set.put(Element::sequence(Tag(0x0054_0016), vec![drug]));
        let bytes = write(&set, Syntax::EXPLICIT_LE).unwrap();
        std::fs::write(dir.path().join(format!("{t}{k}.dcm")), bytes).unwrap();
    }
    let target = format!("{}/", text(out.path()));
    let (status, lines, errors) = gantry(&["convert", text(dir.path()), &target]);
    assert_eq!(status, 0, "{errors}");
    let warnings = lines[0]["volumes"][0]["warnings"].to_string();
    assert!(warnings.contains("uneven_frames"), "{warnings}");
    let found = json(&files(out.path(), "json")[0]);
    assert_eq!(numbers(&found["FrameTimesStart"]), [0.0, 60.0, 180.0]);
    assert_eq!(numbers(&found["FrameDuration"]), [60.0, 120.0, 300.0]);
    assert_eq!((&found["Units"], &found["DecayCorrection"]), (&"BQML".into(), &"START".into()));
    assert_eq!(found["InjectionStart"], -3600.0);
    let factor = 70_000.0 / (370e6 * 0.5_f64.powf(3600.0 / 6586.2));
    let near = (found["SuvBodyWeightFactor"].as_f64().unwrap() / factor - 1.0).abs() < 1e-6;
    assert!(near, "{} {factor}", found["SuvBodyWeightFactor"]);
    assert_eq!(Nifti::read(&files(out.path(), "gz")[0]).unwrap().step_s, 0.0);
}
