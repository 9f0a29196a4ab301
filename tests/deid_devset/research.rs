//! What research needs survives: dcm2niix makes the same of the output as of the source, series by series.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use gantry::format::nifti::Nifti;
use rayon::prelude::*;
use serde_json::Value;

use super::{common, run};

/// Keys that de-identification is to change, or that name the run.
const NOT_KEPT: [&str; 17] = [
    "AcquisitionTime",
    "ConversionSoftwareVersion",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "DeviceSerialNumber",
    "PatientSex",
    "PatientWeight",
    // Free texts: they are cleaned, each by the words of its own subject.
    "ProcedureStepDescription",
    "ProtocolName",
    "SeriesDescription",
    "SequenceName",
    "ManufacturersModelName",
    "SoftwareVersions",
    "CoilString",
    "ImageComments",
];
/// Folders of files that have nothing to do with each other: dcm2niix makes one image of those that share a time, and
/// times of different subjects move apart. Each file is converted by itself.
const FOLDERS_OF_STRANGERS: [&str; 2] = ["nema_wg04", "pydicom/test_files"];
/// Images of overlays: the basic profile takes overlays away.
const OVERLAY: &str = "_ROI";
/// Files whose pixels dcm2niix reads wrong before as after: frames of RLE beyond the first, colours of big-endian files.
/// That their pixels are the same is shown by the test of fingerprints.
const MISREAD: [&str; 3] = ["SC_rgb_rle_2frame.dcm", "SC_rgb_small_odd_big_endian.dcm", "rtdose_rle.dcm"];
/// Without a Series Number it is made from the UID.
const FROM_UID: &str = "SeriesNumber";

/// One converted image: its voxels and affine as they are stored, its sidecar, its b-values and directions.
struct Image {
    name: String,
    nifti: Nifti,
    keys: BTreeMap<String, Value>,
    gradients: Vec<Option<String>>,
}

fn convert(program: &Path, folder: &Path) -> Vec<Image> {
    let out = tempfile::tempdir().unwrap();
    let run = Command::new(program)
        .args(["-d", "0", "-b", "y", "-ba", "y", "-z", "n", "-f", "%s_%e_%p_%t", "-o"])
        .args([out.path(), folder])
        .output()
        .unwrap();
    assert!(run.status.code().is_some(), "dcm2niix crashed on {}", folder.display());
    let entries = std::fs::read_dir(out.path()).unwrap().map(|e| e.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "nii")).collect();
    paths.sort();
    let image = |path: &PathBuf| {
        let keys = std::fs::read(path.with_extension("json"))
            .ok()
            .and_then(|bytes| serde_json::from_str(&String::from_utf8_lossy(&bytes)).ok());
        let text = |ending: &str| std::fs::read_to_string(path.with_extension(ending)).ok();
        Some(Image {
            name: path.file_name()?.to_string_lossy().into_owned(),
            nifti: Nifti::read(path).ok()?,
            keys: keys.unwrap_or_default(),
            gradients: vec![text("bval"), text("bvec")],
        })
    };
    paths.iter().filter_map(image).collect()
}

fn same_image(a: &Image, b: &Image) -> bool {
    let near = |x: f64, y: f64| (x - y).abs() < 1e-3;
    let affine = a.nifti.affine.iter().flatten().zip(b.nifti.affine.iter().flatten());
    a.nifti.shape == b.nifti.shape
        && affine.into_iter().all(|(x, y)| near(*x, *y))
        && (a.nifti.slope, a.nifti.intercept) == (b.nifti.slope, b.nifti.intercept)
        && near(a.nifti.step_s, b.nifti.step_s)
        && a.nifti.voxels == b.nifti.voxels
}

#[test]
fn dcm2niix_finds_the_same_before_and_after() {
    let (Some(run), Some(program)) = (run(), common::peer("dcm2niix")) else { return };
    // The outputs in the folders of their sources, and the sources that have an output in folders of their own.
    let dir = tempfile::tempdir().unwrap();
    let mut folders = BTreeSet::new();
    for (source, output) in &run.written {
        let place = if FOLDERS_OF_STRANGERS.iter().any(|f| Path::new(source).parent() == Some(Path::new(f))) {
            Path::new(source).join("file")
        } else {
            PathBuf::from(source)
        };
        for (root, from) in [("a", run.source.join(source)), ("b", run.out().join(output))] {
            let to = dir.path().join(root).join(&place);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from, to).unwrap();
        }
        folders.insert(place.parent().unwrap().to_path_buf());
    }
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    let wrong: Vec<String> = folders
        .par_iter()
        .flat_map_iter(|folder| {
            let before = convert(&program, &dir.path().join("a").join(folder));
            let mut after = convert(&program, &dir.path().join("b").join(folder));
            let mut wrong = Vec::new();
            for image in &before {
                let at = after.iter().position(|b| same_image(image, b));
                let misread = MISREAD
                    .iter()
                    .any(|m| folder.parent().is_some_and(|f| f.ends_with(m)) || folder.ends_with(m));
                if misread || image.name.contains(OVERLAY) {
                    continue;
                }
                let Some(at) = at else {
                    wrong.push(format!("{} {}: not found", folder.display(), image.name));
                    continue;
                };
                let found = after.swap_remove(at);
                if found.gradients != image.gradients {
                    wrong.push(format!("{} {}: b-values or directions", folder.display(), image.name));
                }
                for (key, value) in &image.keys {
                    let kept = NOT_KEPT.contains(&&**key)
                        || key == FROM_UID && value.as_f64().is_some_and(|n| n > 1e8)
                        || found.keys.get(key) == Some(value);
                    if !kept {
                        let now = found.keys.get(key);
                        wrong.push(format!("{}: {key} {value} → {now:?}", folder.display()));
                    }
                }
            }
            if before.is_empty() {
                wrong
            } else {
                wrong.into_iter().chain([format!("+{}", before.len())]).collect()
            }
        })
        .collect();
    let (counts, wrong): (Vec<String>, Vec<String>) = wrong.into_iter().partition(|w| w.starts_with('+'));
    let images: usize = counts.iter().map(|c| c[1..].parse::<usize>().unwrap()).sum();
    assert!(wrong.is_empty(), "{} of {images}\n{}", wrong.len(), wrong.join("\n"));
    assert!(images > 100, "{images}");
}
