//! Series from headers: what is one stack, in which order, on which grid.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "series/moments.rs"]
mod moments;

use std::sync::atomic::AtomicU64;

use common::series::{again, ct, framed, oblique, slice, with};
use gantry::dicom::read_tree;
use gantry::model::Header;
use gantry::model::geometry::{Orientation, add, cross, norm, scale, sub};
use gantry::series::{Series, SplitReason, Stack, VolumeReason, assemble};
use proptest::prelude::*;

fn one(headers: Vec<Header>) -> Series {
    let mut series = assemble(headers);
    assert_eq!(series.len(), 1);
    series.remove(0)
}

fn only(series: &Series) -> &Stack {
    assert_eq!(series.stacks.len(), 1, "{:?}", series.stacks.iter().map(|s| &s.split_by).collect::<Vec<_>>());
    &series.stacks[0]
}

fn order(stack: &Stack) -> Vec<String> {
    stack.slices.iter().map(ToString::to_string).collect()
}

/// A rotation from three angles, as the two image directions.
fn orientation(a: f64, b: f64, c: f64) -> Orientation {
    let (sa, ca, sb, cb, sc, cc) = (a.sin(), a.cos(), b.sin(), b.cos(), c.sin(), c.cos());
    let row = [ca * cb, sa * cb, -sb];
    let column = [ca * sb * sc - sa * cc, sa * sb * sc + ca * cc, cb * sc];
    Orientation::new([row[0], row[1], row[2], column[0], column[1], column[2]]).unwrap()
}

prop_compose! {
    fn any_series()(
        n in 1u32..40,
        angles in [-3.0f64..3.0, -3.0..3.0, -3.0..3.0],
        origin in [-500.0f64..500.0, -500.0..500.0, -500.0..500.0],
        spacing in [0.2f64..5.0, 0.2..5.0],
        step in 0.3f64..10.0,
        back in any::<bool>(),
        shear in [-0.3f64..0.3, -0.3..0.3],
    ) -> Vec<Header> {
        let o = orientation(angles[0], angles[1], angles[2]);
        let along = scale(o.normal(), if back { -step } else { step });
        let vector = add(along, add(scale(o.row, shear[0] * step), scale(o.column, shear[1] * step)));
        oblique(n, origin, o, spacing, vector)
    }
}

proptest! {
    #[test]
    fn order_of_arrival_never_matters(headers in any_series(), seed in any::<u64>()) {
        let mut shuffled = headers.clone();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        prop_assert_eq!(assemble(headers), assemble(shuffled));
    }

    #[test]
    fn affine_maps_voxel_centres_to_image_position(headers in any_series()) {
        let series = one(headers.clone());
        let stack = only(&series);
        let grid = stack.grid.unwrap();
        prop_assert_eq!(grid.shape[2] as usize, headers.len());
        prop_assert!(stack.gaps.is_empty(), "{:?}", stack.gaps);
        for (k, slice) in (0u32..).zip(&stack.slices) {
            let position = series.header_of(slice).unwrap().frames[0].position_mm.unwrap();
            let centre = grid.centre_mm([0.0, 0.0, f64::from(k)]);
            prop_assert!(norm(sub(centre, position)) < 1e-6, "{centre:?} {position:?}");
        }
        let normal = cross(grid.column_mm, grid.row_mm);
        prop_assert!(grid.shape[2] == 1 || gantry::model::geometry::dot(normal, grid.slice_mm) > 0.0);
    }

    #[test]
    fn numbering_never_changes_the_geometry(headers in any_series(), offset in 0i32..100) {
        let n = headers.len() as i32;
        let renumbered = headers.iter().cloned().map(|mut h| {
            h.instance_number = h.instance_number.map(|i| (n - i) * 7 % 31 + offset);
            h
        });
        let (a, b) = (one(headers.clone()), one(renumbered.collect()));
        prop_assert_eq!(only(&a).grid, only(&b).grid);
        prop_assert_eq!(order(only(&a)), order(only(&b)));
    }
}

#[test]
fn a_gap_says_between_which_slices_and_how_wide() {
    let mut headers = ct(10);
    headers.remove(4);
    let series = one(headers);
    let gaps = &only(&series).gaps;
    assert_eq!(gaps.len(), 1);
    assert_eq!(
        (gaps[0].after.to_string(), gaps[0].before.to_string()),
        ("1.2.3.4.3".into(), "1.2.3.4.5".into())
    );
    assert_eq!((gaps[0].step_mm, gaps[0].expected_mm, gaps[0].missing()), (5.0, 2.5, Some(1)));
}

#[test]
fn acquisitions_that_continue_are_one_stack_and_those_that_repeat_are_several() {
    let second = |h: Header| framed(h, |f| f.acquisition_number = Some(2));
    let mut continuing = ct(5);
    continuing.extend((5..10).map(|i| second(slice(i))));
    assert_eq!(only(&one(continuing)).slices.len(), 10);

    let mut repeating = ct(5);
    repeating.extend((0..5).map(|i| second(again(&slice(i), 100 + i))));
    let series = one(repeating);
    assert_eq!(series.stacks.len(), 2);
    for stack in &series.stacks {
        assert_eq!((stack.split_by.as_slice(), stack.volumes), (&[SplitReason::Acquisition][..], Some(1)));
        assert_eq!(stack.slices.len(), 5);
    }
    assert_eq!(order(&series.stacks[1])[0], "1.2.3.4.100");
}

#[test]
fn echoes_and_phase_images_are_stacks_of_their_own() {
    let mut headers: Vec<Header> =
        ct(4).into_iter().map(|h| framed(h, |f| f.echo_time_ms = Some(10.0))).collect();
    headers.extend((0..4).map(|i| framed(again(&slice(i), 10 + i), |f| f.echo_time_ms = Some(20.0))));
    let phase = |f: &mut gantry::model::Frame| {
        f.echo_time_ms = Some(20.0);
        f.image_type = Some("ORIGINAL\\PRIMARY\\P".into());
    };
    headers.extend((0..4).map(|i| framed(again(&slice(i), 20 + i), phase)));
    let series = one(headers);
    let reasons: Vec<_> = series.stacks.iter().map(|s| s.split_by.clone()).collect();
    use SplitReason::{Echo, ImageType};
    assert_eq!(reasons, [vec![Echo], vec![Echo, ImageType], vec![Echo, ImageType]]);
}

#[test]
fn time_and_diffusion_are_volumes_of_one_stack_whatever_the_numbering() {
    let mut headers = Vec::new();
    for t in 0..3u32 {
        // Numbered slice by slice, not volume by volume.
        headers.extend((0..4).map(|i| {
            framed(again(&slice(i), i * 3 + t), |f| {
                f.temporal_position = Some(t as i32 + 1);
                f.acquisition_number = Some(t as i32 + 1);
            })
        }));
    }
    let series = one(headers.clone());
    let stack = only(&series);
    assert_eq!((stack.volumes, stack.volumes_by), (Some(3), Some(VolumeReason::TemporalPosition)));
    assert!(stack.is_complete());
    assert_eq!(order(stack)[..4], ["1.2.3.4.0", "1.2.3.4.3", "1.2.3.4.6", "1.2.3.4.9"]);

    headers.remove(5);
    let series = one(headers);
    let holes = &only(&series).holes;
    assert_eq!((holes.len(), holes[0].volume, holes[0].at_mm), (1, 2, 2.5));

    let weighted = |b: f64, n: u32| move |i: u32| framed(again(&slice(i), n + i), |f| f.b_value = Some(b));
    let headers = (0..4).map(weighted(0.0, 0)).chain((0..4).map(weighted(1000.0, 50)));
    let series = one(headers.collect());
    assert_eq!(only(&series).volumes_by, Some(VolumeReason::Diffusion));
}

#[test]
fn matrix_spacing_and_orientation_split_beyond_a_thousandth() {
    let near = |x: f64| move |h: Header| framed(h, |f| f.spacing_mm = Some([5.0 + x, 5.0]));
    let mut headers = ct(4);
    headers.extend((4..8).map(slice).map(near(0.0005)));
    assert_eq!(one(headers.clone()).stacks.len(), 1);
    headers.extend((8..12).map(slice).map(near(0.01)));
    assert_eq!(one(headers).stacks.len(), 2);
    let mut headers = ct(4);
    headers.push(with(slice(9), |c| c.rows = Some(32)));
    assert_eq!(one(headers).stacks[1].split_by, [SplitReason::Matrix]);
}

#[test]
fn an_instance_in_several_files_counts_once() {
    let mut headers = ct(3);
    let mut copy = slice(1);
    (copy.source, copy.pixel_digest, headers[1].pixel_digest) = (77, Some(1), Some(1));
    headers.push(copy.clone());
    copy.source = 78;
    copy.pixel_digest = Some(2);
    copy.header_digest = 999;
    headers.push(copy);
    let series = one(headers);
    assert_eq!(only(&series).instances, 3);
    let copies = &series.instances[1].copies;
    assert_eq!(
        copies.iter().map(|c| (c.same_header, c.same_pixels)).collect::<Vec<_>>(),
        [(true, Some(true)), (false, Some(false))]
    );
}

#[test]
fn stored_form_reads_back() {
    let series = one(ct(4));
    let text = serde_json::to_string(&series).unwrap();
    let back: Series = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    assert!(text.contains("\"slices\":[\"1.2.3.4.0\""));
}

/// Against positions, orientations and affines that pydicom and numpy found.
#[test]
fn agrees_with_the_reference_on_real_series() {
    let Some(shared) = common::shared() else { return };
    let reference: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(shared.join("dicom/reference/series.json")).unwrap()).unwrap();
    let tree = read_tree(&[shared.join("dicom")], false, &AtomicU64::new(0)).unwrap();
    let series = assemble(tree.headers);
    let (mut instances, mut grids) = (0, 0);
    for expected in &reference {
        let found = series.iter().find(|s| s.series_uid.as_deref() == expected["series_uid"].as_str());
        let found = found.unwrap_or_else(|| panic!("{} is lost", expected["series_uid"]));
        assert_eq!(found.instances.len() as u64, expected["unique_sop"].as_u64().unwrap());
        instances += found.instances.len();
        let (Some(affine), Some(true)) = (expected["affine_ras"].as_array(), expected["uniform"].as_bool())
        else {
            continue;
        };
        let stack = only(found);
        let ours = stack.grid.unwrap().affine_ras();
        let forward = serde_json::json!(order(stack)) == expected["slice_order"];
        let last = (stack.depth() - 1) as f64;
        for (row, expected) in ours.iter().zip(affine).take(3) {
            let e: Vec<f64> = expected.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let e = if forward { e } else { vec![e[0], e[1], -e[2], e[3] + e[2] * last] };
            assert!(row.iter().zip(&e).all(|(a, b)| (a - b).abs() < 1e-3), "{row:?} {e:?}");
        }
        grids += 1;
    }
    assert!(instances > 500 && grids >= 15, "{instances} {grids}");
}
