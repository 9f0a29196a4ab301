//! `gantry qc --labels`: labelmaps on the grid of a series, beside it, and in the air.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use gantry::demo::{Study, StudyPlan};
use gantry::dicom::{self, DataSet, Element, ReadOptions, Syntax};
use gantry::format::nifti::{Nifti, Voxels};
use gantry::model::{Tag, Vr, tags};
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

/// A binary segmentation of one structure on the slices of a series, from pixels in rows and columns of each slice.
fn segmentation(slices: &[DataSet<'static>], inside: impl Fn(usize, usize, usize) -> bool) -> Vec<u8> {
    let number = |tag, v: u16| Element::new(tag, Vr::US, v.to_le_bytes().to_vec());
    let item = |tag, elements| Element::sequence(tag, vec![DataSet::from_elements(elements)]);
    let of = |tag: Tag, vr: Vr| Element::text(tag, vr, slices[0].ascii(tag).unwrap());
    let [rows, columns] = [tags::ROWS, tags::COLUMNS].map(|tag| slices[0].integer(tag).unwrap() as usize);
    let (mut bits, mut frames) =
        (vec![0u8; (slices.len() * rows * columns).div_ceil(8).next_multiple_of(2)], Vec::new());
    for (z, slice) in slices.iter().enumerate() {
        for at in (0..rows * columns).filter(|at| inside(at % columns, at / columns, z)) {
            let bit = z * rows * columns + at;
            bits[bit / 8] |= 1 << (bit % 8);
        }
        let position = slice.ascii(tags::IMAGE_POSITION_PATIENT).unwrap();
        frames.push(DataSet::from_elements(vec![
            item(
                tags::PLANE_POSITION_SEQUENCE,
                vec![Element::text(tags::IMAGE_POSITION_PATIENT, Vr::DS, position)],
            ),
            item(Tag::new(0x0062, 0x000A), vec![number(Tag::new(0x0062, 0x000B), 1)]),
        ]));
    }
    let measures = vec![of(tags::PIXEL_SPACING, Vr::DS), of(tags::SLICE_THICKNESS, Vr::DS)];
    let shared = DataSet::from_elements(vec![
        item(tags::PLANE_ORIENTATION_SEQUENCE, vec![of(tags::IMAGE_ORIENTATION_PATIENT, Vr::DS)]),
        item(tags::PIXEL_MEASURES_SEQUENCE, measures),
    ]);
    let label = Element::text(Tag::new(0x0062, 0x0005), Vr::LO, "nodule");
    let mut set = DataSet::from_elements(vec![
        Element::text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.66.4"),
        Element::text(tags::SOP_INSTANCE_UID, Vr::UI, "2.25.901"),
        Element::text(tags::SERIES_INSTANCE_UID, Vr::UI, "2.25.902"),
        of(tags::STUDY_INSTANCE_UID, Vr::UI),
        Element::text(tags::MODALITY, Vr::CS, "SEG"),
        Element::text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2"),
        Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, &slices.len().to_string()),
        Element::text(Tag::new(0x0062, 0x0001), Vr::CS, "BINARY"),
        item(Tag::new(0x0062, 0x0002), vec![number(Tag::new(0x0062, 0x0004), 1), label]),
        Element::sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]),
        Element::sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames),
        Element::new(tags::PIXEL_DATA, Vr::OB, bits),
    ]);
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, rows as u16),
        (tags::COLUMNS, columns as u16),
        (tags::BITS_ALLOCATED, 1),
        (tags::BITS_STORED, 1),
        (tags::HIGH_BIT, 0),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        set.put(number(tag, value));
    }
    dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
}

#[test]
fn a_dicom_segmentation_is_a_label_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let series = dir.path().join("series");
    fs::create_dir(&series).unwrap();
    let plan = StudyPlan { seed: 3, number: 1, subject: 1, scanner: 0, visit: 0, fault: None };
    let mut slices = Vec::new();
    for file in Study::make(plan).files().unwrap().into_iter().take(20) {
        slices.push(dicom::read(&file.bytes, ReadOptions::default()).unwrap().dataset.into_owned());
        fs::write(series.join(file.name), file.bytes).unwrap();
    }
    let z = |set: &DataSet<'_>| set.numbers(tags::IMAGE_POSITION_PATIENT)[2];
    slices.sort_by(|a, b| z(a).total_cmp(&z(b)));
    let [rows, columns] = [tags::ROWS, tags::COLUMNS].map(|tag| slices[0].integer(tag).unwrap() as f64);
    let label = dir.path().join("label.dcm");
    let middle = slices.len() / 2;
    let near = |x: usize, y: usize, at: [f64; 2]| (x as f64 - at[0]).hypot(y as f64 - at[1]) < 9.0;
    let ball = |at: [f64; 2]| move |x: usize, y: usize, z: usize| z.abs_diff(middle) < 3 && near(x, y, at);
    let body = [columns * 0.42, rows * 0.55];
    fs::write(&label, segmentation(&slices, ball(body))).unwrap();
    assert_eq!(names(&checked(&series, &label, &[])), [""; 0]);
    // In the air; then on slices that lie elsewhere.
    fs::write(&label, segmentation(&slices, ball([20.0, 20.0]))).unwrap();
    assert_eq!(names(&checked(&series, &label, &[])), ["label_outside_body"]);
    let mut moved = slices.clone();
    for (i, slice) in moved.iter_mut().enumerate() {
        slice.put(Element::text(tags::IMAGE_POSITION_PATIENT, Vr::DS, &format!("-500\\-90\\{}", 2 * i)));
    }
    fs::write(&label, segmentation(&moved, ball(body))).unwrap();
    assert_eq!(names(&checked(&series, &label, &[])), ["label_grid"]);
}
