//! Labels laid on slices by their place in the patient.

use gantry::engine::tools::{label, view};
use gantry::format::nifti::{Nifti, Voxels};

use crate::common::{self, files};

/// A ball in patient space (LPS) and its radius.
const BALL_MM: [f64; 3] = [4.0, -3.0, 12.0];
const RADIUS_MM: f64 = 5.0;

fn distance_mm(a: [f64; 3]) -> f64 {
    a.iter().zip(BALL_MM).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Oblique slices, 1.5 mm apart, of pixels that are no squares; and where each pixel lies.
fn oblique(folder: &std::path::Path) -> impl Fn(u32, u32, u32) -> [f64; 3] {
    let (s, c) = 25f64.to_radians().sin_cos();
    let (row, column) = ([c, s, 0.0], [0.0, 0.0, -1.0]);
    let normal = [row[1] * column[2], -row[0] * column[2], row[0] * column[1] - row[1] * column[0]];
    let (between_rows, between_columns, step) = (0.8, 0.5, 1.5);
    let origin = move |slice: u32| {
        let along = f64::from(slice) * step;
        [-9.0 + normal[0] * along, -14.0 + normal[1] * along, 24.0 + normal[2] * along]
    };
    for number in 0..16 {
        let slice = files::Slice {
            number: number + 1,
            position_mm: origin(number),
            orientation: [row[0], row[1], row[2], column[0], column[1], column[2]],
            spacing_mm: [between_rows, between_columns],
            size: [64, 32],
            values: vec![0; 64 * 32],
            ..files::Slice::default()
        };
        std::fs::write(folder.join(format!("{number:02}.dcm")), files::file(&slice)).unwrap();
    }
    move |slice, x, y| {
        let (start, right, down) =
            (origin(slice), f64::from(x) * between_columns, f64::from(y) * between_rows);
        std::array::from_fn(|axis| start[axis] + row[axis] * right + column[axis] * down)
    }
}

#[test]
fn ball_of_another_grid_lands_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let (images, map) = (folder.path().join("images"), folder.path().join("ball.nii.gz"));
    std::fs::create_dir(&images).unwrap();
    let place = oblique(&images);
    // A map with other axes: RAS+, 0.4 mm, index 0 at the right, back and foot.
    let (step, shape, start) = (0.4, [60_usize, 60, 70], [-16.0, -9.0, -2.0]);
    let mut voxels = vec![0_u8; shape.iter().product()];
    for (at, voxel) in voxels.iter_mut().enumerate() {
        let index = [at % shape[0], at / shape[0] % shape[1], at / shape[0] / shape[1]];
        let ras: [f64; 3] = std::array::from_fn(|axis| start[axis] + step * index[axis] as f64);
        *voxel = u8::from(distance_mm([-ras[0], -ras[1], ras[2]]) <= RADIUS_MM) * 7;
    }
    let affine = [
        [step, 0.0, 0.0, start[0]],
        [0.0, step, 0.0, start[1]],
        [0.0, 0.0, step, start[2]],
        [0.0, 0.0, 0.0, 1.0],
    ];
    Nifti::new([shape[0], shape[1], shape[2], 1], affine, Voxels::U8(voxels)).unwrap().write(&map).unwrap();

    let mut areas = Vec::new();
    let ascending = is_ascending(&images);
    for number in 1..=16 {
        let viewed = view(&images, Some(number), Some(&map)).unwrap();
        let laid = viewed.labels.unwrap();
        assert_eq!((laid.mask.columns, laid.mask.rows), (64, 32));
        let slice = if ascending { number - 1 } else { 16 - number };
        for y in 0..32 {
            for x in 0..64 {
                let away = distance_mm(place(slice, x, y));
                let label = laid.mask.labels[(y * 64 + x) as usize];
                // A voxel of the map reaches half its diagonal.
                if (away - RADIUS_MM).abs() > 0.5 * step * 3f64.sqrt() {
                    assert_eq!(label, if away < RADIUS_MM { 7 } else { 0 }, "{x} {y} of {slice}: {away} mm");
                }
            }
        }
        areas.push(laid.present.first().map_or(0, |(number, name, pixels)| {
            assert_eq!((*number, name.as_deref()), (7, None));
            *pixels
        }));
    }
    assert!(areas.iter().filter(|area| **area > 0).count() >= 6, "{areas:?}");
    let chosen = view(&images, None, Some(&map)).unwrap();
    let most = areas.iter().max().unwrap();
    assert!(areas[chosen.number as usize - 1] * 10 >= most * 9, "{} of {areas:?}", chosen.number);
}

/// Whether slice 1 is the first file: the order along the normal may be either way.
fn is_ascending(images: &std::path::Path) -> bool {
    let outcome = std::process::Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["--json", "scan"])
        .arg(images)
        .output()
        .unwrap();
    let line = String::from_utf8(outcome.stdout).unwrap();
    let line: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    line["slice_order"][0].as_str().unwrap().ends_with(".1")
}

#[test]
fn labels_that_cannot_be_placed_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let _ = oblique(&images);
    let text = folder.path().join("labels.nii.gz");
    std::fs::write(&text, b"no labels at all").unwrap();
    let error = view(&images, None, Some(&text)).unwrap_err().to_string();
    assert!(error.contains("labels"), "{error}");
}

#[test]
fn segmentation_covers_as_many_pixels_as_it_has_voxels() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("dicom/dcmqi");
    let (images, segmentation) = (folder.join("ct-3slice"), folder.join("liver.dcm"));
    let voxels: u64 = label::show(&segmentation).unwrap().segments.iter().map(|segment| segment.voxels).sum();
    let slices = view(&images, None, None).unwrap().slices;
    let laid = (1..=slices).map(|number| {
        let viewed = view(&images, Some(number), Some(&segmentation)).unwrap();
        viewed.labels.unwrap().present.iter().map(|(.., pixels)| pixels).sum::<u64>()
    });
    assert_eq!(laid.sum::<u64>(), voxels);
    assert!(voxels > 1000);
}
