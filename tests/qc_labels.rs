//! `gantry qc --labels`: labelmaps on the grid of a series, beside it, and in the air.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use gantry::demo::{Study, StudyPlan};
use gantry::format::nifti::{Nifti, Voxels};
use serde_json::Value;

/// Findings about labels, by check, with the series each names.
fn checked(series: &Path, label: &Path, more: &[&str]) -> Vec<(String, Option<String>)> {
    let ran = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["--json", "qc"])
        .arg(series)
        .arg("--labels")
        .arg(label)
        .args(more)
        .output()
        .unwrap();
    assert!(matches!(ran.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.last().unwrap()["summary"]["labels"], 1);
    let about_labels = lines.iter().filter(|l| l["label"].is_string());
    about_labels
        .map(|l| (l["check"].as_str().unwrap().into(), l["series_uid"].as_str().map(str::to_string)))
        .collect()
}

fn names(found: &[(String, Option<String>)]) -> Vec<&str> {
    found.iter().map(|(check, _)| &**check).collect()
}

/// A ball of label 1 around a voxel.
fn ball(shape: [usize; 3], centre: [f64; 3]) -> Vec<u8> {
    let [nx, ny, _] = shape;
    let inside = |at: usize| {
        let voxel = [at % nx, at / nx % ny, at / (nx * ny)];
        let scaled = [0, 1, 2].map(|a| (voxel[a] as f64 - centre[a]) * if a == 2 { 4.0 } else { 1.0 });
        scaled.iter().map(|d| d * d).sum::<f64>() < 15.0 * 15.0
    };
    (0..shape.iter().product()).map(|at| u8::from(inside(at))).collect()
}

#[test]
fn labels_are_compared_with_the_series_whose_grid_they_have() {
    let dir = tempfile::tempdir().unwrap();
    let series = dir.path().join("series");
    fs::create_dir(&series).unwrap();
    let plan = StudyPlan { seed: 3, number: 1, subject: 1, scanner: 0, visit: 0, fault: None };
    for file in Study::make(plan).files().unwrap().into_iter().take(20) {
        fs::write(series.join(file.name), file.bytes).unwrap();
    }
    let out = dir.path().join("volumes");
    fs::create_dir(&out).unwrap();
    let converted = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["--json", "convert"])
        .arg(&series)
        .arg(format!("{}/", out.display()))
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&converted.stdout).unwrap();
    let volume = Nifti::read(Path::new(report["volumes"][0]["path"].as_str().unwrap())).unwrap();
    let uid = report["volumes"][0]["series_uid"].as_str().unwrap();
    let [nx, ny, nz, _] = volume.shape;
    let values = volume.values().unwrap();
    let at = |x: usize, y: usize, z: usize| values[x + nx * (y + ny * z)];
    // Within the body, away from its edge: the middle of the rows and columns that are not air in the middle slice.
    let (middle, body) = (nz / 2, |v: f64| v > -300.0);
    let filled: Vec<[usize; 2]> = (0..ny)
        .flat_map(|y| (0..nx).map(move |x| [x, y]))
        .filter(|[x, y]| body(at(*x, *y, middle)))
        .collect();
    let mean = |axis: usize| filled.iter().map(|p| p[axis] as f64).sum::<f64>() / filled.len() as f64;
    let centre = [mean(0), mean(1), middle as f64];
    let shape = [nx, ny, nz];
    let label = dir.path().join("label.nii.gz");
    let write = |voxels: Vec<u8>, affine: [[f64; 4]; 4], shape: [usize; 3]| {
        let [x, y, z] = shape;
        Nifti::new([x, y, z, 1], affine, Voxels::U8(voxels)).unwrap().write(&label).unwrap();
    };

    let good = ball(shape, centre);
    write(good.clone(), volume.affine, shape);
    assert_eq!(names(&checked(&series, &label, &["--names", "1=nodule"])), [""; 0]);

    // As dcm2niix turns rows over: the same voxels in another order.
    let mut turned = volume.affine;
    for row in &mut turned[..3] {
        row[3] += row[1] * (ny - 1) as f64;
        row[1] = -row[1];
    }
    let mut rows: Vec<u8> = Vec::with_capacity(good.len());
    for slice in good.chunks(nx * ny) {
        slice.chunks(nx).rev().for_each(|row| rows.extend(row));
    }
    write(rows.clone(), turned, shape);
    assert_eq!(names(&checked(&series, &label, &[])), [""; 0]);

    // One slice further than it should be; one row of voxels short.
    let mut shifted = volume.affine;
    for row in &mut shifted[..3] {
        row[3] += row[2];
    }
    write(good.clone(), shifted, shape);
    assert_eq!(names(&checked(&series, &label, &[])), ["label_grid"]);
    write(good[nx * ny..].to_vec(), volume.affine, [nx, ny, nz - 1]);
    assert_eq!(names(&checked(&series, &label, &[])), ["label_grid"]);

    // In the corner, in the air.
    write(ball(shape, [20.0, 20.0, middle as f64]), volume.affine, shape);
    let found = checked(&series, &label, &[]);
    assert_eq!(found, [("label_outside_body".to_string(), Some(uid.to_string()))]);
    assert_eq!(names(&checked(&series, &label, &["--headers-only"])), [""; 0], "nobody looked at pixels");

    // A number without a name, and one name without a voxel.
    write(good, volume.affine, shape);
    assert_eq!(
        names(&checked(&series, &label, &["--names", "2=effusion"])),
        ["unknown_value", "empty_label"]
    );
    // No labelmap at all.
    fs::write(&label, b"no volume").unwrap();
    assert_eq!(names(&checked(&series, &label, &[])), ["label_grid"]);
}
