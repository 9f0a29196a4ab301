//! Other grids on request, against phantoms whose values are known everywhere and against SimpleITK.

use std::path::Path;
use std::process::Command;

use gantry::format::nifti::{Nifti, Voxels};
use gantry::model::geometry::{Grid, Vec3, scale};
use serde_json::Value;

use crate::common::files::{Slice, series};
use crate::{common, gantry, text, write_all};

/// A plane in space: interpolation between any points of it is exact.
fn plane([x, y, z]: Vec3) -> f64 {
    3.0 * x - 2.0 * y + 5.0 * z + 400.0
}

/// A stack whose values are those of [`plane`]; the slice step may be sheared.
fn phantom(grid: &Grid) -> Vec<Slice> {
    let [columns, rows, slices] = grid.shape;
    let step = grid.step_mm();
    let unit = |v: Vec3, by: f64| scale(v, 1.0 / by);
    let (row, column) = (unit(grid.column_mm, step[0]), unit(grid.row_mm, step[1]));
    (0..slices)
        .map(|k| {
            let centre = |c, r| grid.centre_mm([f64::from(c), f64::from(r), f64::from(k)]);
            Slice {
                number: k + 1,
                position_mm: centre(0, 0),
                orientation: [row[0], row[1], row[2], column[0], column[1], column[2]],
                spacing_mm: [step[1], step[0]],
                size: [columns as u16, rows as u16],
                values: (0..rows)
                    .flat_map(|r| (0..columns).map(move |c| plane(centre(c, r)).round() as i16))
                    .collect(),
                ..Slice::default()
            }
        })
        .collect()
}

fn grid(shape: [u32; 3], column: Vec3, row: Vec3, slice: Vec3, origin: Vec3) -> Grid {
    Grid::new(shape, column, row, slice, origin).unwrap()
}

/// A head scan with the gantry tilted by 14 degrees: values are whole numbers, so that files hold them exactly.
fn tilted() -> Grid {
    grid([20, 16, 9], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 4.0], [-10.0, -8.0, 20.0])
}

/// Converts a phantom; the volume, and what the command says of it.
fn converted(slices: &[Slice], options: &[&str]) -> (Nifti, Value) {
    let dir = tempfile::tempdir().unwrap();
    write_all(&dir.path().join("in"), slices);
    let out = dir.path().join("out.nii.gz");
    let (exit, lines, err) =
        gantry(&[&["convert", text(&dir.path().join("in")), text(&out)], options].concat());
    assert_eq!(exit, 0, "{err} {lines:?}");
    let written = lines[0]["volumes"][0].clone();
    if !options.is_empty() {
        let sidecar = std::fs::read_to_string(dir.path().join("out.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&sidecar).unwrap()["transform"], written["transform"]);
    }
    (Nifti::read(&out).unwrap(), written)
}

fn values(nifti: &Nifti) -> Vec<f64> {
    match &nifti.voxels {
        Voxels::I16(v) => v.iter().map(|&v| f64::from(v)).collect(),
        Voxels::F32(v) => v.iter().map(|&v| f64::from(v)).collect(),
        other => panic!("unexpected kind: {other:?}"),
    }
}

fn shape(written: &Value) -> Vec<u64> {
    written["shape"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect()
}

/// The centre of a voxel in LPS, from the affine (RAS+) that the command gives.
fn centre(written: &Value, index: [u64; 3]) -> Vec3 {
    let number = |i: usize, j: usize| written["affine"][i][j].as_f64().unwrap();
    let ras: Vec3 =
        std::array::from_fn(|i| (0..3).map(|j| number(i, j) * index[j] as f64).sum::<f64>() + number(i, 3));
    [-ras[0], -ras[1], ras[2]]
}

/// How many voxels lie inside the source, after each was compared with [`plane`]; the others must be `outside`.
fn compare(nifti: &Nifti, written: &Value, source: &Grid, outside: f64) -> usize {
    let n = shape(written);
    let values = values(nifti);
    let mut inside = 0;
    for (at, value) in values.iter().enumerate() {
        let at = at as u64;
        let point = centre(written, [at % n[0], at / n[0] % n[1], at / n[0] / n[1]]);
        let index = source.index_of(point);
        let within = |margin: f64| {
            (0..3).all(|i| index[i] > -margin && index[i] < f64::from(source.shape[i]) - 1.0 + margin)
        };
        if within(1e-6) {
            inside += 1;
            assert!((value - plane(point)).abs() < 0.02, "{point:?}: {value} is not {}", plane(point));
        } else if !within(0.5 + 1e-6) {
            assert_eq!(*value, outside, "{point:?} lies outside");
        }
    }
    inside
}

#[test]
fn tilt_is_taken_out_and_nothing_is_cut() {
    let source = tilted();
    let slices = phantom(&source);
    let lowest = slices.iter().flat_map(|s| s.values.iter()).copied().min().unwrap();
    let (nifti, written) = converted(&slices, &["--untilt"]);
    // 8 slices further the stack has moved by 8 rows.
    assert_eq!(shape(&written), [20, 24, 9]);
    let transform = &written["transform"];
    assert!((transform["untilted_degrees"].as_f64().unwrap() - 14.036).abs() < 1e-3, "{transform}");
    let inside = compare(&nifti, &written, &source, lowest.into());
    assert_eq!(inside, 20 * 16 * 9, "every voxel of the source has its place");
    let affine = &written["affine"];
    assert!(affine[0][2] == 0.0 && affine[1][2] == 0.0 && affine[2][2] == 4.0, "{affine}");
    // Without being asked the shear stays.
    let (_, kept) = converted(&slices, &[]);
    assert_eq!((shape(&kept), kept["affine"][1][2].as_f64()), (vec![20, 16, 9], Some(1.0)));
}

#[test]
fn axes_turn_without_touching_a_value() {
    let source = grid([12, 10, 5], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [-6.0, -5.0, 0.0]);
    let slices = phantom(&source);
    let (plain, _) = converted(&slices, &[]);
    for letters in ["RAS", "LPS", "SAR", "IPL", "ASL"] {
        let (nifti, written) = converted(&slices, &["--orientation", letters]);
        assert_eq!(written["transform"]["interpolation"], Value::Null);
        let mut sorted = [values(&plain), values(&nifti)];
        sorted.iter_mut().for_each(|v| v.sort_by(f64::total_cmp));
        assert_eq!(sorted[0], sorted[1], "{letters}");
        assert!(matches!(nifti.voxels, Voxels::I16(_)), "{letters}");
        assert_eq!(compare(&nifti, &written, &source, f64::NAN), 12 * 10 * 5, "{letters}");
        for (axis, letter) in letters.chars().enumerate() {
            let of = |l| match l {
                'L' | 'R' => 0,
                'A' | 'P' => 1,
                _ => 2,
            };
            let along = written["affine"][of(letter)][axis].as_f64().unwrap();
            assert_eq!(along > 0.0, matches!(letter, 'R' | 'A' | 'S'), "{letters} axis {axis}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    for wrong in ["RA", "RAX", "RLS", "RASS"] {
        let arguments = ["convert", text(dir.path()), "x.nii", "--orientation", wrong];
        assert_eq!(gantry(&arguments).0, 2, "{wrong}");
    }
}

#[test]
fn spacing_and_range_are_what_was_asked() {
    let source = grid([12, 10, 6], [1.0, 0.0, 0.0], [0.0, 1.5, 0.0], [0.0, 0.0, 3.0], [-6.0, -5.0, 0.0]);
    let slices = phantom(&source);
    let (nifti, written) = converted(&slices, &["--spacing", "1,1,2"]);
    assert_eq!(shape(&written), [12, 15, 9]);
    assert_eq!(written["spacing_mm"], serde_json::json!([1.0, 1.0, 2.0]));
    assert!(compare(&nifti, &written, &source, f64::NAN) > 1000);
    let (_, iso) = converted(&slices, &["--spacing", "iso", "--orientation", "SAR"]);
    assert_eq!(
        (shape(&iso), iso["spacing_mm"].clone()),
        (vec![18, 15, 12], serde_json::json!([1.0, 1.0, 1.0]))
    );
    let (nifti, written) = converted(&slices, &["--range", "380,420"]);
    let raw: Vec<f64> = slices.iter().flat_map(|s| s.values.iter().map(|&v| f64::from(v))).collect();
    let expected = |v: f64| (v.clamp(380.0, 420.0) - 380.0) / 40.0;
    let scaled = values(&nifti);
    assert!(raw.iter().zip(&scaled).all(|(r, s)| (expected(*r) - s).abs() < 1e-6));
    assert_eq!((written["min"].as_f64(), written["max"].as_f64()), (Some(0.0), Some(1.0)));
    assert_eq!(written["transform"]["range"], serde_json::json!([380.0, 420.0]));
}

#[test]
fn index_to_source_says_where_each_voxel_came_from() {
    let source = tilted();
    let (_, written) = converted(&phantom(&source), &["--untilt", "--orientation", "RAS", "--spacing", "2"]);
    let matrix = &written["transform"]["index_to_source"];
    let number = |i: usize, j: usize| matrix[i][j].as_f64().unwrap();
    for index in [[0, 0, 0], [3, 2, 1], [7, 9, 5]] {
        let there: Vec3 = std::array::from_fn(|i| {
            (0..3).map(|j| number(i, j) * index[j] as f64).sum::<f64>() + number(i, 3)
        });
        let point = source.centre_mm(there);
        let told = centre(&written, index);
        assert!((0..3).all(|i| (point[i] - told[i]).abs() < 1e-6), "{point:?} {told:?}");
    }
}

/// SimpleITK's linear resampling of the same source on the same grid.
const PEER: &str = r"
import sys, SimpleITK as sitk
source, result, out = sys.argv[1:4]
a, b = sitk.ReadImage(source, sitk.sitkFloat32), sitk.ReadImage(result, sitk.sitkFloat32)
r = sitk.Resample(a, b, sitk.Transform(), sitk.sitkLinear, float(sys.argv[4]))
d = sitk.GetArrayFromImage(sitk.Abs(r - b))
open(out, 'w').write(f'{d.max()} {d.size}')
";

fn simpleitk() -> Option<std::path::PathBuf> {
    let python = common::peer("python3")?;
    let there =
        Command::new(&python).args(["-c", "import SimpleITK"]).output().is_ok_and(|o| o.status.success());
    if there {
        return Some(python);
    }
    // Not one of the peers that must be there.
    eprintln!("skipped: SimpleITK is not installed");
    None
}

#[test]
fn resampling_is_that_of_simpleitk() {
    let Some(python) = simpleitk() else { return };
    let dir = tempfile::tempdir().unwrap();
    // No plane: values that change from voxel to voxel. Oblique, anisotropic.
    let (s, c) = 0.3_f64.sin_cos();
    let source = grid(
        [14, 12, 7],
        [0.8 * c, 0.8 * s, 0.0],
        [-1.1 * s, 1.1 * c, 0.0],
        [0.0, 0.0, 2.5],
        [5.0, -30.0, 12.0],
    );
    let mut slices = phantom(&source);
    let mut state = 7_u32;
    for value in slices.iter_mut().flat_map(|s| s.values.iter_mut()) {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = (state >> 20) as i16 - 1000;
    }
    write_all(&dir.path().join("in"), &slices);
    let input = dir.path().join("in");
    let path = |name: &str| dir.path().join(name);
    assert_eq!(gantry(&["convert", text(&input), text(&path("source.nii"))]).0, 0);
    let options: [&[&str]; 3] =
        [&["--spacing", "1"], &["--spacing", "0.5,2,1.3", "--orientation", "RAS"], &["--spacing", "iso"]];
    for options in options {
        let (exit, lines, err) =
            gantry(&[&["convert", text(&input), text(&path("result.nii"))], options].concat());
        assert_eq!(exit, 0, "{err}");
        let outside = lines[0]["volumes"][0]["transform"]["outside"].as_f64().unwrap().to_string();
        assert!(peer(&python, &path("source.nii"), &path("result.nii"), &path("out"), &outside) < 0.05);
    }
}

/// The largest difference to SimpleITK.
fn peer(python: &Path, source: &Path, result: &Path, out: &Path, outside: &str) -> f64 {
    let run = Command::new(python)
        .args(["-c", PEER, text(source), text(result), text(out), outside])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let told = std::fs::read_to_string(out).unwrap();
    let (largest, voxels) = told.split_once(' ').unwrap();
    assert!(voxels.parse::<usize>().unwrap() > 500);
    largest.parse().unwrap()
}

#[test]
fn a_clean_series_keeps_its_voxels() {
    let slices = series(3);
    let (nifti, written) = converted(&slices, &[]);
    let raw: Vec<f64> = slices.iter().flat_map(|s| s.values.iter().map(|&v| f64::from(v))).collect();
    assert_eq!((values(&nifti), written["transform"].clone()), (raw, Value::Null));
}

#[test]
fn an_export_is_made_to_one_grid_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (workspace, input, out) = (dir.path().join("w"), dir.path().join("in"), dir.path().join("out"));
    write_all(&input, &phantom(&tilted()));
    assert_eq!(gantry(&["init", text(&workspace)]).0, 0);
    let within = |arguments: &[&str]| gantry(&[&["--workspace", text(&workspace)], arguments].concat());
    assert_eq!(within(&["ingest", text(&input), "--site", "A"]).0, 0);
    let options = ["--query", "modality:CT", "--untilt", "--orientation", "RAS", "--spacing", "2"];
    let (exit, lines, err) = within(&[&["export", "--to", text(&out)], &options[..]].concat());
    assert_eq!((exit, lines[0]["series"].as_u64()), (0, Some(1)), "{err} {lines:?}");
    let subject = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().path()).find(|p| p.is_dir()).unwrap();
    let files: Vec<_> = std::fs::read_dir(subject).unwrap().map(|e| e.unwrap().path()).collect();
    let sidecar = files.iter().find(|p| p.extension().is_some_and(|e| e == "json")).unwrap();
    let sidecar: Value = serde_json::from_str(&std::fs::read_to_string(sidecar).unwrap()).unwrap();
    assert_eq!(sidecar["geometry"]["spacing_mm"], serde_json::json!([2.0, 2.0, 2.0]));
    assert_eq!(sidecar["transform"]["interpolation"], "linear");
    assert!((sidecar["transform"]["untilted_degrees"].as_f64().unwrap() - 14.036).abs() < 1e-3);
    let wrong = within(&["export", "--to", text(&dir.path().join("no")), "--spacing", "wide"]);
    assert_eq!((wrong.0, wrong.1[0]["error"]["code"].as_str()), (2, Some("usage")));
}
