use gantry::format::nifti::{LabelVolume, Nifti, Voxels};
use gantry::measure::estimate::Reason;
use gantry::measure::grid::{Grid, Labels};
use gantry::measure::overlap::{absent, pairs};
use gantry::measure::surface::{Convention, Extent, between, surfel};
use proptest::prelude::*;
use serde_json::Value;

use super::vectors::{cases, close, id, npy, number, numbers, path};

/// Grid (x fastest) and labels of one side of a case.
fn side(case: &Value, which: &str) -> (Grid, Vec<u8>) {
    let name = case[which].as_str().unwrap();
    if name.ends_with(".nii.gz") {
        let LabelVolume { grid, labels: Labels::U8(labels), .. } =
            Nifti::read(&path(name)).unwrap().into_labels().unwrap()
        else {
            panic!("not bytes")
        };
        return (grid, labels);
    }
    let (shape, data) = npy(name);
    let mut spacing = numbers(&case["spacing_mm"]);
    let mut shape = shape;
    if shape.len() == 2 {
        shape.insert(0, 1);
        spacing.insert(0, 1.0);
    }
    let grid = Grid::new([shape[2], shape[1], shape[0]], [spacing[2], spacing[1], spacing[0]]).unwrap();
    (grid, data)
}

#[test]
fn overlap_and_surfaces_equal_six_packages() {
    for case in cases("masks") {
        let (name, e) = (id(&case), &case["expected"]);
        let ((grid, a), (_, b)) = (side(&case, "ref"), side(&case, "test"));
        let plane = case["shape"].as_array().unwrap().len() == 2;
        let extent = if plane { Extent::Plane } else { Extent::Volume };
        let pair = pairs(&grid, &a, &b).pop().unwrap_or_else(|| absent(&grid, 1));
        let o = &e["overlap"];
        assert_eq!(Some(pair.voxels_both()), o["tp"].as_u64());
        close(pair.volume_a_mm3(), &o["volume_ref_mm3"], 1e-12, name);
        close(pair.volume_b_mm3(), &o["volume_test_mm3"], 1e-12, name);
        if let Some(empty) = e["empty"].as_str() {
            let reason = match empty {
                "both" => Reason::BOTH_EMPTY,
                "ref" => Reason::REFERENCE_EMPTY,
                _ => Reason::TEST_EMPTY,
            };
            let nothing = (empty != "both").then_some(0.0);
            assert_eq!((pair.dice().value, pair.dice().reason), (nothing, Some(reason.clone())));
            let surfaces = between(&grid, &a, &b, &pair, Convention::Surfel, extent);
            assert_eq!(surfaces.unwrap_err(), reason);
            continue;
        }
        close(pair.dice().value, &o["dice"], 1e-12, name);
        close(pair.jaccard().value, &o["jaccard"], 1e-12, name);
        close(pair.sensitivity().value, &o["sensitivity"], 1e-12, name);
        close(pair.precision().value, &o["precision"], 1e-12, name);
        close(pair.volume_similarity().value, &o["volume_similarity"], 1e-12, name);
        close(pair.relative_volume_difference().value, &o["relative_volume_difference"], 1e-12, name);
        close(pair.voxel_kappa(grid.voxels()).value, &o["voxel_kappa"], 1e-9, name);
        if let Some(want) = e.get("mesh_max").filter(|_| !plane) {
            let s = between(&grid, &a, &b, &pair, Convention::Mesh, extent).unwrap();
            close(s.hausdorff_mm(1.0), &want["hd"], 1e-6, name);
            close(s.hausdorff_mm(0.95), &want["hd95"], 1e-6, name);
            close(s.assd_mm(), &want["assd"], 1e-6, name);
            close(s.masd_mm(), &want["masd"], 1e-6, name);
            for (tolerance, nsd) in want["nsd"].as_object().unwrap() {
                close(s.nsd(tolerance.parse().unwrap()), nsd, 1e-6, name);
            }
        }
        for (convention, key) in [(Convention::Surfel, "surfel_max"), (Convention::Voxel, "voxel_max")] {
            let (want, what) = (&e[key], format!("{name} {key}"));
            let s = between(&grid, &a, &b, &pair, convention, extent).unwrap();
            close(s.hausdorff_mm(1.0), &want["hd"], 1e-9, &what);
            close(s.hausdorff_mm(0.95), &want["hd95"], 1e-9, &what);
            close(s.assd_mm(), &want["assd"], 1e-9, &what);
            close(s.masd_mm(), &want["masd"], 1e-9, &what);
            close(s.from_a.mean_mm(), &want["asd_ref_to_test"], 1e-9, &what);
            close(s.from_b.mean_mm(), &want["asd_test_to_ref"], 1e-9, &what);
            for (tolerance, nsd) in want["nsd"].as_object().unwrap() {
                close(s.nsd(tolerance.parse().unwrap()), nsd, 1e-9, &what);
            }
            if convention == Convention::Surfel {
                close(s.from_a.weight(), &want["surface_area_ref_mm2"], 1e-9, &what);
                close(s.from_b.weight(), &want["surface_area_test_mm2"], 1e-9, &what);
            } else {
                close(s.from_a.weight(), &want["boundary_voxels_ref"], 0.0, &what);
                close(s.from_b.weight(), &want["boundary_voxels_test"], 0.0, &what);
            }
        }
    }
}

#[test]
fn surface_elements_have_the_areas_of_marching_cubes() {
    let areas = surfel::areas_mm2([1.0; 3]);
    let corner = 3.0_f64.sqrt() / 8.0;
    for (code, area) in [
        (0b0000_0001, corner),
        (0b0000_1111, 1.0),
        (0b0000_0011, 0.5_f64.sqrt()),
        (0b1000_0001, 2.0 * corner),
        (0b0110_1001, 4.0 * corner),
        (0b0001_0111, 6.0 * corner),
    ] {
        assert!((areas[code] - area).abs() < 1e-15, "{code:08b}: {} for {area}", areas[code]);
    }
    assert_eq!((areas[0], areas[255]), (0.0, 0.0));
    assert!((0..256).all(|c| (areas[c] - areas[255 - c]).abs() < 1e-12));
}

/// Distances of every set of corners or voxels by looking at all pairs.
fn slow_hausdorff(grid: &Grid, a: &[u8], b: &[u8]) -> f64 {
    let [nx, ny, nz] = grid.shape();
    let corners = |m: &[u8]| {
        let at = |x: isize, y: isize, z: isize| {
            let inside = |v: isize, n: usize| v >= 0 && (v as usize) < n;
            inside(x, nx) && inside(y, ny) && inside(z, nz) && {
                m[x as usize + nx * (y as usize + ny * z as usize)] == 1
            }
        };
        let mut all = Vec::new();
        for z in 0..=nz as isize {
            for y in 0..=ny as isize {
                for x in 0..=nx as isize {
                    let set = (0..8).filter(|k| at(x - (k & 1), y - (k >> 1 & 1), z - (k >> 2 & 1))).count();
                    if set > 0 && set < 8 {
                        all.push([x as f64, y as f64, z as f64]);
                    }
                }
            }
        }
        all
    };
    let (a, b) = (corners(a), corners(b));
    let distance = |p: &[f64; 3], q: &[f64; 3]| {
        (0..3).map(|k| ((p[k] - q[k]) * grid.spacing_mm()[k]).powi(2)).sum::<f64>().sqrt()
    };
    let directed = |from: &[[f64; 3]], to: &[[f64; 3]]| {
        from.iter().map(|p| to.iter().map(|q| distance(p, q)).fold(f64::MAX, f64::min)).fold(0.0, f64::max)
    };
    directed(&a, &b).max(directed(&b, &a))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn distances_are_exact_and_symmetric_on_any_grid(
        shape in [1_usize..9, 1_usize..9, 1_usize..9],
        spacing in [0.3_f64..6.0, 0.3_f64..6.0, 0.3_f64..6.0],
        seed in any::<u64>(),
        density in 1_u64..20,
    ) {
        let grid = Grid::new(shape, spacing).unwrap();
        let mut random = gantry::measure::agreement::bootstrap::SplitMix::new(seed, 0);
        let mut draw = || -> Vec<u8> {
            (0..grid.voxels()).map(|_| u8::from(random.next_u64() % 20 < density)).collect()
        };
        let (mut a, mut b) = (draw(), draw());
        a[0] = 1;
        b[grid.voxels() - 1] = 1;
        let pair = pairs(&grid, &a, &b).pop().unwrap();
        let s = between(&grid, &a, &b, &pair, Convention::Surfel, Extent::Volume).unwrap();
        let slow = slow_hausdorff(&grid, &a, &b);
        prop_assert!((s.hausdorff_mm(1.0) - slow).abs() < 1e-9, "{} for {slow}", s.hausdorff_mm(1.0));
        let other = pairs(&grid, &b, &a).pop().unwrap();
        let t = between(&grid, &b, &a, &other, Convention::Surfel, Extent::Volume).unwrap();
        prop_assert!((s.assd_mm() - t.assd_mm()).abs() < 1e-9);
        prop_assert!(s.nsd(1e9) > 1.0 - 1e-12 && s.hausdorff_mm(0.95) <= s.hausdorff_mm(1.0));
    }

    #[test]
    fn nifti_reads_what_it_wrote(
        shape in [1_usize..6, 1_usize..6, 1_usize..6, 1_usize..3],
        kind in 0..5,
        angles in [-3.0_f64..3.0, -3.0_f64..3.0],
        spacing in [0.3_f64..6.0, 0.3_f64..6.0, 0.3_f64..6.0],
        flip in any::<bool>(),
    ) {
        let n: usize = shape.iter().product();
        let voxels = match kind {
            0 => Voxels::U8((0..n).map(|v| v as u8).collect()),
            1 => Voxels::I16((0..n).map(|v| v as i16 - 7).collect()),
            2 => Voxels::U32((0..n).map(|v| v as u32 * 70_000).collect()),
            3 => Voxels::F64((0..n).map(|v| v as f64 / 3.0).collect()),
            _ => Voxels::Rgb((0..n).map(|v| [v as u8, 1, 2]).collect()),
        };
        let ((s, c), (t, d)) = (angles[0].sin_cos(), angles[1].sin_cos());
        let sign = if flip { -1.0 } else { 1.0 };
        let r = [[c, -s * d, s * t], [s, c * d, -c * t], [0.0, t, d]];
        let mut affine = [[0.0; 4]; 4];
        for row in 0..3 {
            for column in 0..3 {
                affine[row][column] = r[row][column] * spacing[column] * if column == 2 { sign } else { 1.0 };
            }
            affine[row][3] = -12.5 * row as f64;
        }
        affine[3][3] = 1.0;
        let made = Nifti::new(shape, affine, voxels).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["v.nii", "v.nii.gz"] {
            let file = folder.path().join(name);
            made.write(&file).unwrap();
            let first = std::fs::read(&file).unwrap();
            let read = Nifti::read(&file).unwrap();
            prop_assert_eq!(&read.voxels, &made.voxels);
            prop_assert_eq!(read.shape, shape);
            for row in 0..3 {
                for column in 0..4 {
                    prop_assert!((read.affine[row][column] - affine[row][column]).abs() < 1e-5);
                }
            }
            made.write(&file).unwrap();
            prop_assert_eq!(first, std::fs::read(&file).unwrap());
        }
        // The quaternion says the same as the matrix.
        let mut bytes = Vec::new();
        made.write_to(&mut bytes).unwrap();
        bytes[254..256].copy_from_slice(&[0, 0]);
        let by_quaternion = Nifti::read_from(&bytes[..]).unwrap();
        for row in 0..3 {
            for column in 0..4 {
                prop_assert!((by_quaternion.affine[row][column] - affine[row][column]).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn nifti_refuses_garbage_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), fix in any::<bool>()) {
        if fix && bytes.len() > 352 {
            bytes[..4].copy_from_slice(&348_i32.to_le_bytes());
            bytes[344..348].copy_from_slice(b"n+1\0");
        }
        let _ = Nifti::read_from(&bytes[..]).map(Nifti::into_labels);
    }
}

#[test]
fn several_labels_are_measured_in_one_pass_and_by_number() {
    let grid = Grid::new([4, 1, 1], [2.0, 1.0, 1.0]).unwrap();
    let found = pairs(&grid, &[0_u8, 1, 1, 300_u16 as u8], &[2_u16, 1, 0, 300]);
    let labels: Vec<u32> = found.iter().map(|p| p.label).collect();
    assert_eq!(labels, [1, 2, 44, 300]);
    assert_eq!((found[0].voxels_a(), found[0].voxels_b(), found[0].voxels_both()), (2, 1, 1));
    assert_eq!(number(&serde_json::json!(found[0].centre_distance_mm().value)), Some(1.0));
    assert_eq!(found[1].dice().value, Some(0.0));
}
