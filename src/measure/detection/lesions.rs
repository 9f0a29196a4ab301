//! Lesion by lesion: which ones of the reference were found, which of the test are false.

use std::collections::BTreeMap;

use super::matching::best_matching;
use crate::measure::estimate::{Estimate, Reason};
use crate::measure::grid::Label;

/// How the instances of two labelmaps overlap (every label is one lesion).
#[derive(Debug, Clone, PartialEq)]
pub struct Instances {
    /// Labels of the reference, ascending.
    pub reference: Vec<u32>,
    /// Labels of the test, ascending.
    pub test: Vec<u32>,
    /// Intersection over union, `iou[r * test.len() + t]`.
    pub iou: Vec<f64>,
}

/// Which instances were matched at an IoU threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched {
    /// Pairs of labels (reference, test).
    pub pairs: Vec<(u32, u32)>,
    /// Reference lesions found.
    pub true_positives: usize,
    /// Test lesions without partner.
    pub false_positives: usize,
    /// Reference lesions missed.
    pub false_negatives: usize,
    /// 2tp / (2tp + fp + fn); undefined without any lesion.
    pub f1: Estimate,
    /// Mean IoU of the pairs (segmentation quality); undefined without a pair.
    pub quality: Estimate,
    /// f1 × quality (panoptic quality, Kirillov et al. 2019): 0 where there are lesions but no pair.
    pub panoptic: Estimate,
}

/// Detection where one shared voxel counts, many to many.
#[derive(Debug, Clone, PartialEq)]
pub struct AnyOverlap {
    /// Reference lesions touched by a test lesion.
    pub found: usize,
    /// Test lesions that touch a reference lesion.
    pub supported: usize,
    /// Share of the reference lesions that are touched.
    pub sensitivity: Estimate,
    /// Test lesions that touch no reference lesion.
    pub false_positives: usize,
}

impl Instances {
    /// Overlaps of two labelmaps of the same length.
    pub fn of<A: Label, B: Label>(reference: &[A], test: &[B]) -> Self {
        let (mut left, mut right) = (BTreeMap::<u32, u64>::new(), BTreeMap::<u32, u64>::new());
        let mut both = BTreeMap::<(u32, u32), u64>::new();
        let mut at = 0;
        while at < reference.len().min(test.len()) {
            let (a, b) = (reference[at], test[at]);
            let same = reference[at..].iter().zip(&test[at..]).take_while(|(x, y)| **x == a && **y == b);
            let run = same.count();
            let (a, b) = (a.number(), b.number());
            if a > 0 {
                *left.entry(a).or_default() += run as u64;
            }
            if b > 0 {
                *right.entry(b).or_default() += run as u64;
            }
            if a > 0 && b > 0 {
                *both.entry((a, b)).or_default() += run as u64;
            }
            at += run;
        }
        let (reference, sizes_r): (Vec<u32>, Vec<u64>) = left.into_iter().unzip();
        let (test, sizes_t): (Vec<u32>, Vec<u64>) = right.into_iter().unzip();
        let mut iou = vec![0.0; reference.len() * test.len()];
        for ((a, b), shared) in both {
            if let (Ok(r), Ok(t)) = (reference.binary_search(&a), test.binary_search(&b)) {
                iou[r * test.len() + t] = shared as f64 / (sizes_r[r] + sizes_t[t] - shared) as f64;
            }
        }
        Self { reference, test, iou }
    }

    /// One-to-one matching with the largest sum of IoU over pairs with IoU ≥ `threshold`.
    pub fn matched(&self, threshold: f64) -> Matched {
        let gain: Vec<f64> = self.iou.iter().map(|&v| if v >= threshold { v } else { 0.0 }).collect();
        let (rows, columns) = (self.reference.len(), self.test.len());
        let pairs = best_matching(&gain, rows, columns);
        let tp = pairs.len();
        let lesions = rows + columns;
        let nothing = Reason("no lesion anywhere");
        let f1 = Estimate::ratio(2.0 * tp as f64, lesions as f64, nothing.clone(), lesions);
        let sum: f64 = pairs.iter().map(|&(r, c)| gain[r * columns + c]).sum();
        let quality = Estimate::ratio(sum, tp as f64, Reason("no pair"), tp);
        let panoptic = Estimate::ratio(2.0 * sum, lesions as f64, nothing, lesions);
        Matched {
            pairs: pairs.iter().map(|&(r, c)| (self.reference[r], self.test[c])).collect(),
            true_positives: tp,
            false_positives: columns - tp,
            false_negatives: rows - tp,
            f1,
            quality,
            panoptic,
        }
    }

    /// Detection by any shared voxel.
    pub fn any_overlap(&self) -> AnyOverlap {
        let (rows, columns) = (self.reference.len(), self.test.len());
        let hit = |r: usize, c: usize| self.iou[r * columns + c] > 0.0;
        let found = (0..rows).filter(|&r| (0..columns).any(|c| hit(r, c))).count();
        let supported = (0..columns).filter(|&c| (0..rows).any(|r| hit(r, c))).count();
        AnyOverlap {
            found,
            supported,
            sensitivity: Estimate::ratio(found as f64, rows as f64, Reason::REFERENCE_EMPTY, rows),
            false_positives: columns - supported,
        }
    }
}
