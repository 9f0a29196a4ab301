use gantry::measure::detection::axes::axes;
use gantry::measure::detection::boxes::{Annotation, Detection, Froc, coco_ap, iou};
use gantry::measure::detection::components::{Connectivity, components};
use gantry::measure::detection::lesions::Instances;
use gantry::measure::detection::matching::best_matching;
use gantry::measure::detection::points;
use gantry::measure::grid::Grid;
use proptest::prelude::*;
use serde_json::json;

use super::vectors::{all_close, cases, close, id, npy, numbers, rows};

#[test]
fn lesions_equal_panoptica_and_cc3d() {
    for case in cases("lesion_detection") {
        let (name, e) = (id(&case), &case["expected"]);
        let (shape, reference) = npy(case["ref"].as_str().unwrap());
        let (_, test) = npy(case["test"].as_str().unwrap());
        let found = Instances::of(&reference, &test);
        assert_eq!(json!(found.reference.len()), e["ref_instances"]);
        assert_eq!(json!(found.test.len()), e["test_instances"]);
        for (k, row) in e["iou_matrix"].as_array().unwrap().iter().enumerate() {
            let columns = found.test.len();
            all_close(&found.iou[k * columns..(k + 1) * columns], row, 1e-12, name);
        }
        for threshold in ["0.1", "0.25", "0.5"] {
            let want = &e[format!("optimal_iou_{threshold}")];
            let got = found.matched(threshold.parse().unwrap());
            assert_eq!(json!(got.true_positives), want["tp"], "{name}");
            assert_eq!(json!(got.false_positives), want["fp"], "{name}");
            assert_eq!(json!(got.false_negatives), want["fn"], "{name}");
            assert_eq!(json!(got.pairs), want["matched"], "{name}");
            close(got.f1.value, &want["f1"], 1e-9, name);
            close(got.quality.value, &want["sq"], 1e-9, name);
            close(got.panoptic.value, &want["pq"], 1e-9, name);
        }
        let (any, want) = (found.any_overlap(), &e["any_overlap"]);
        assert_eq!(
            json!([any.found, any.supported, any.false_positives]),
            json!([want["ref_detected"], want["test_supported"], want["false_positives"]]),
            "{name}"
        );
        close(any.sensitivity.value, &want["sensitivity"], 1e-9, name);
        let grid = Grid::new([shape[2], shape[1], shape[0]], [1.0; 3]).unwrap();
        for (connectivity, key) in
            [(Connectivity::Faces, "6"), (Connectivity::Edges, "18"), (Connectivity::Corners, "26")]
        {
            let counts = [&reference, &test].map(|m| components(&grid, m, connectivity).1);
            assert_eq!(json!(counts), e["components_of_foreground"][key], "{name} {key}");
        }
    }
}

#[test]
fn boxes_equal_pycocotools() {
    for case in cases("box_detection") {
        let e = &case["expected"];
        if id(&case) == "box_iou" {
            let pairs = case["pairs"].as_array().unwrap().iter().map(rows);
            let got: Vec<f64> = pairs
                .map(|p| iou(&p[0].clone().try_into().unwrap(), &p[1].clone().try_into().unwrap()))
                .collect();
            all_close(&got, &e["iou"], 1e-12, "iou");
            continue;
        }
        let rect = |r: &[f64]| [r[1], r[2], r[3], r[4]];
        let truths: Vec<Annotation> = rows(&case["annotations"])
            .iter()
            .map(|r| Annotation { image: r[0] as u32, rect: rect(r) })
            .collect();
        let drawn: Vec<Detection> = rows(&case["detections"])
            .iter()
            .map(|r| Detection { image: r[0] as u32, rect: rect(r), score: r[5] })
            .collect();
        let ap = coco_ap(&truths, &drawn).unwrap();
        close(ap.ap_50_95, &e["ap_50_95"], 1e-9, "ap");
        close(ap.ap_50, &e["ap_50"], 1e-9, "ap50");
        close(ap.ap_75, &e["ap_75"], 1e-9, "ap75");
        close(ap.ar_100, &e["ar_100"], 1e-9, "ar");
        let images = case["images"].as_u64().unwrap() as usize;
        let (froc, want) = (Froc::of(&truths, &drawn, images, 0.1).unwrap(), &e["froc_iou_0.1"]);
        all_close(&froc.false_positives, &want["fp_per_image"], 1e-9, "fp");
        all_close(&froc.sensitivity, &want["sensitivity"], 1e-9, "sensitivity");
        let at: Vec<f64> = numbers(&want["at"]).into_iter().map(|r| froc.sensitivity_at(r)).collect();
        all_close(&at, &want["sensitivity_at"], 1e-9, "at");
        close(froc.mean_of_seven(), &want["mean_of_seven"], 1e-9, "mean");
        assert!(Froc::of(&[], &drawn, images, 0.1).is_none() && coco_ap(&[], &drawn).is_none());
    }
}

#[test]
fn axes_of_known_shapes() {
    // 6 × 2 pixels of 1 mm × 2 mm: a rectangle of 6 by 4 mm.
    let mut mask = vec![false; 100];
    for y in 3..5 {
        mask[10 * y + 2..10 * y + 8].fill(true);
    }
    let found = axes(&mask, 10, [1.0, 2.0]).unwrap();
    assert!((found.long_mm - 52.0_f64.sqrt()).abs() < 1e-12);
    // Width of that rectangle across its diagonal: twice the height of the triangle over it.
    assert!((found.short_mm - 2.0 * 24.0 / 52.0_f64.sqrt()).abs() < 1e-12);
    let one: Vec<bool> = (0..100).map(|k| k == 42).collect();
    assert!((axes(&one, 10, [3.0, 4.0]).unwrap().long_mm - 5.0).abs() < 1e-12);
    assert!(axes(&[false; 100], 10, [1.0, 1.0]).is_none());
}

#[test]
fn points_are_matched_as_many_as_possible() {
    let reference = [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]];
    // The nearest to both is the same; greedy matching would leave one out.
    let test = [[2.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [50.0, 0.0, 0.0]];
    let found = points::matched(&reference, &test, 3.0);
    assert_eq!(found.pairs, [(0, 1, 3.0), (1, 0, 2.0)]);
    assert_eq!((found.missed.len(), found.extra), (0, vec![2]));
}

/// The largest gain of all matchings, by trying them.
fn best(gain: &[f64], columns: usize, row: usize, taken: u32) -> f64 {
    if row * columns == gain.len() {
        return 0.0;
    }
    let skip = best(gain, columns, row + 1, taken);
    (0..columns)
        .filter(|c| taken >> c & 1 == 0)
        .fold(skip, |b, c| b.max(gain[row * columns + c] + best(gain, columns, row + 1, taken | 1 << c)))
}

proptest! {
    #[test]
    fn matching_is_never_worse_than_any_other(
        rows in 1_usize..5, columns in 1_usize..5, values in proptest::collection::vec(0.0_f64..1.0, 16),
    ) {
        let gain = &values[..rows * columns];
        let sum: f64 = best_matching(gain, rows, columns).iter().map(|(r, c)| gain[r * columns + c]).sum();
        prop_assert!((sum - best(gain, columns, 0, 0)).abs() < 1e-12);
    }
}
