//! Point marks: nodules clicked, landmarks set.

use super::matching::best_matching;

/// A mark in millimetres.
pub type Point = [f64; 3];

/// Marks matched within a distance.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched {
    /// Pairs (reference, test) by index and their distance, mm.
    pub pairs: Vec<(usize, usize, f64)>,
    /// Reference marks without partner.
    pub missed: Vec<usize>,
    /// Test marks without partner.
    pub extra: Vec<usize>,
}

/// Distance of two marks, mm.
pub fn distance_mm(a: &Point, b: &Point) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

/// Matches marks one to one within `within_mm` (inclusive): as many pairs as possible, and among those the smallest
/// sum of distances.
pub fn matched(reference: &[Point], test: &[Point], within_mm: f64) -> Matched {
    let most = reference.len().min(test.len()) as f64 + 1.0;
    let reach = within_mm.max(f64::MIN_POSITIVE);
    let gain: Vec<f64> = reference
        .iter()
        .flat_map(|r| test.iter().map(move |t| distance_mm(r, t)))
        // One more pair is worth more than any saving in distance.
        .map(|d| if d <= within_mm { most - d / reach } else { 0.0 })
        .collect();
    let matches = best_matching(&gain, reference.len(), test.len());
    let missed = (0..reference.len()).filter(|r| matches.iter().all(|m| m.0 != *r)).collect();
    let extra = (0..test.len()).filter(|t| matches.iter().all(|m| m.1 != *t)).collect();
    let pairs = matches.into_iter().map(|(r, t)| (r, t, distance_mm(&reference[r], &test[t]))).collect();
    Matched { pairs, missed, extra }
}
