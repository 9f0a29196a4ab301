//! Many tests at once: p-values corrected so that alarms stay rare.

/// Benjamini and Hochberg 1995: adjusted p-values that control the false discovery rate. NaN stays NaN and does not
/// count as a test.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let m = order.len() as f64;
    let mut adjusted = p.to_vec();
    let mut least = 1.0_f64;
    for (k, &i) in order.iter().enumerate() {
        least = least.min(p[i] * m / (m - k as f64));
        adjusted[i] = least;
    }
    adjusted
}

/// Holm 1979: adjusted p-values that control the chance of any false alarm.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let m = order.len() as f64;
    let mut adjusted = p.to_vec();
    let mut most = 0.0_f64;
    for (k, &i) in order.iter().enumerate() {
        most = most.max((p[i] * (m - k as f64)).min(1.0));
        adjusted[i] = most;
    }
    adjusted
}
