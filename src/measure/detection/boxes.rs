//! Boxes: intersection over union, average precision after COCO, and free-response ROC.

use std::collections::BTreeMap;

/// x, y, width, height in continuous coordinates (no + 1).
pub type Rect = [f64; 4];

/// A box that a reader or model drew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Which image.
    pub image: u32,
    /// Where.
    pub rect: Rect,
    /// How sure.
    pub score: f64,
}

/// A box of the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Annotation {
    /// Which image.
    pub image: u32,
    /// Where.
    pub rect: Rect,
}

/// Intersection over union of two boxes; 0 where neither has an area.
pub fn iou(a: &Rect, b: &Rect) -> f64 {
    let side = |k: usize| (a[k] + a[k + 2]).min(b[k] + b[k + 2]) - a[k].max(b[k]);
    let shared = side(0).max(0.0) * side(1).max(0.0);
    let union = a[2] * a[3] + b[2] * b[3] - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}

/// Average precision and recall after COCO (Lin et al. 2014; pycocotools 2.0).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CocoAp {
    /// Mean over IoU 0.50, 0.55 … 0.95.
    pub ap_50_95: f64,
    /// At IoU 0.50.
    pub ap_50: f64,
    /// At IoU 0.75.
    pub ap_75: f64,
    /// Mean over the thresholds of the largest recall with 100 detections an image.
    pub ar_100: f64,
}

/// COCO's figures for one category: greedy by score within an image (at most 100 detections), precision made
/// monotone, averaged at 101 recalls. `None` without annotations.
pub fn coco_ap(annotations: &[Annotation], detections: &[Detection]) -> Option<CocoAp> {
    if annotations.is_empty() {
        return None;
    }
    let mut per: Vec<(f64, f64)> = Vec::new();
    for step in 0..10 {
        per.push(average_precision(annotations, detections, 0.5 + 0.05 * f64::from(step)));
    }
    let mean = |f: fn(&(f64, f64)) -> f64| per.iter().map(f).sum::<f64>() / per.len() as f64;
    Some(CocoAp { ap_50_95: mean(|p| p.0), ap_50: per[0].0, ap_75: per[5].0, ar_100: mean(|p| p.1) })
}

fn average_precision(annotations: &[Annotation], detections: &[Detection], threshold: f64) -> (f64, f64) {
    let mut hits: Vec<(f64, bool)> = Vec::new();
    for (truths, drawn) in by_image(annotations, detections) {
        let mut taken = vec![false; truths.len()];
        for detection in drawn.iter().take(100) {
            let mut best: Option<(f64, usize)> = None;
            for (at, truth) in truths.iter().enumerate().filter(|(at, _)| !taken[*at]) {
                let v = iou(&detection.rect, truth);
                // Later annotations win ties, as in pycocotools.
                if v >= best.map_or(threshold.min(1.0 - 1e-10), |b| b.0) {
                    best = Some((v, at));
                }
            }
            if let Some((_, at)) = best {
                taken[at] = true;
            }
            hits.push((detection.score, best.is_some()));
        }
    }
    hits.sort_by(|p, q| q.0.total_cmp(&p.0));
    let (mut tp, mut precision, mut recall) = (0.0, Vec::new(), Vec::new());
    for (rank, (_, hit)) in hits.iter().enumerate() {
        tp += f64::from(u8::from(*hit));
        precision.push(tp / (rank + 1) as f64);
        recall.push(tp / annotations.len() as f64);
    }
    for at in (1..precision.len()).rev() {
        precision[at - 1] = precision[at - 1].max(precision[at]);
    }
    let at_recall = |r: f64| precision.get(recall.partition_point(|&v| v < r)).copied().unwrap_or(0.0);
    let ap = (0..=100).map(|k| at_recall(linspace01(k))).sum::<f64>() / 101.0;
    (ap, recall.last().copied().unwrap_or(0.0))
}

fn linspace01(k: u32) -> f64 {
    if k == 100 { 1.0 } else { f64::from(k) * 0.01 }
}

/// Boxes of each image, detections by falling score (file order among equals).
fn by_image(annotations: &[Annotation], detections: &[Detection]) -> Vec<(Vec<Rect>, Vec<Detection>)> {
    let mut images: BTreeMap<u32, (Vec<Rect>, Vec<Detection>)> = BTreeMap::new();
    for a in annotations {
        images.entry(a.image).or_default().0.push(a.rect);
    }
    for d in detections {
        images.entry(d.image).or_default().1.push(*d);
    }
    let mut all: Vec<_> = images.into_values().collect();
    for (_, drawn) in &mut all {
        drawn.sort_by(|p, q| q.score.total_cmp(&p.score));
    }
    all
}

/// Free-response ROC (Chakraborty 1989; Bunch et al. 1978).
#[derive(Debug, Clone, PartialEq)]
pub struct Froc {
    /// False positives per image, from 0 at the strictest score.
    pub false_positives: Vec<f64>,
    /// Sensitivity at the same scores.
    pub sensitivity: Vec<f64>,
}

impl Froc {
    /// Greedy by score within an image, one to one, IoU ≥ `threshold`; equal scores form one point; an IoU tie goes to
    /// the later annotation. `images` counts also those without any box. `None` without annotations or images.
    pub fn of(
        annotations: &[Annotation],
        detections: &[Detection],
        images: usize,
        threshold: f64,
    ) -> Option<Self> {
        if annotations.is_empty() || images == 0 {
            return None;
        }
        let mut hits: Vec<(f64, bool)> = Vec::new();
        for (truths, drawn) in by_image(annotations, detections) {
            let mut taken = vec![false; truths.len()];
            for detection in &drawn {
                let free = (0..truths.len()).filter(|&at| !taken[at]);
                let best =
                    free.map(|at| (iou(&detection.rect, &truths[at]), at)).max_by(|p, q| p.0.total_cmp(&q.0));
                let hit = best.filter(|b| b.0 >= threshold);
                if let Some((_, at)) = hit {
                    taken[at] = true;
                }
                hits.push((detection.score, hit.is_some()));
            }
        }
        hits.sort_by(|p, q| q.0.total_cmp(&p.0));
        let (mut false_positives, mut sensitivity) = (vec![0.0], vec![0.0]);
        let (mut tp, mut fp) = (0.0, 0.0);
        for same in hits.chunk_by(|p, q| p.0 == q.0) {
            tp += same.iter().filter(|h| h.1).count() as f64;
            fp += same.iter().filter(|h| !h.1).count() as f64;
            false_positives.push(fp / images as f64);
            sensitivity.push(tp / annotations.len() as f64);
        }
        Some(Self { false_positives, sensitivity })
    }

    /// Sensitivity at a rate of false positives per image: linear between points, the highest where several share
    /// the rate, and constant beyond the last.
    pub fn sensitivity_at(&self, rate: f64) -> f64 {
        let after = self.false_positives.partition_point(|&v| v <= rate);
        let low = after - 1;
        let (x, y) = (self.false_positives[low], self.sensitivity[low]);
        match self.false_positives.get(after) {
            Some(next) if rate > x => y + (self.sensitivity[after] - y) * (rate - x) / (next - x),
            _ => y,
        }
    }

    /// Mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per image (LUNA16's score).
    pub fn mean_of_seven(&self) -> f64 {
        [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0].map(|r| self.sensitivity_at(r)).iter().sum::<f64>() / 7.0
    }
}
