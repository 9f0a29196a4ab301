//! Dating changes of the mean afterwards.

/// Ends (exclusive, the last is the length) of the segments that minimise the sum of squared deviations from the
/// segments' means plus `penalty` for each change; segments have at least `least` values.
///
/// Source: PELT (Killick, Fearnhead and Eckley 2012, JASA 107:1590), exact; near linear where there are many changes.
pub fn segments(values: &[f64], penalty: f64, least: usize) -> Vec<usize> {
    let n = values.len();
    let least = least.max(1);
    if n < 2 * least {
        return vec![n];
    }
    // Sums of deviations from the first value: less cancellation.
    let origin = values[0];
    let (mut sum, mut square) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    for (i, v) in values.iter().enumerate() {
        let d = v - origin;
        sum[i + 1] = sum[i] + d;
        square[i + 1] = square[i] + d * d;
    }
    let cost = |s: usize, t: usize| {
        let d = sum[t] - sum[s];
        square[t] - square[s] - d * d / (t - s) as f64
    };
    let mut best = vec![f64::INFINITY; n + 1];
    let mut last = vec![0; n + 1];
    best[0] = -penalty;
    // Possible last changes, and from when on each can no longer be one.
    let mut open: Vec<(usize, usize)> = vec![(0, usize::MAX)];
    for t in least..=n {
        let newest = t - least;
        if newest >= least {
            open.push((newest, usize::MAX));
        }
        open.retain(|&(_, until)| t < until);
        for &(s, _) in &open {
            let total = best[s] + cost(s, t) + penalty;
            if total < best[t] {
                best[t] = total;
                last[t] = s;
            }
        }
        for (s, until) in &mut open {
            if *until == usize::MAX && best[*s] + cost(*s, t) > best[t] {
                *until = t + least;
            }
        }
    }
    let mut ends = vec![n];
    let mut at = last[n];
    while at > 0 {
        ends.push(at);
        at = last[at];
    }
    ends.reverse();
    ends
}

/// The single most likely change of the mean: its row, and the mean before and after; `None` with fewer than
/// 2 × `least` values. For dating an alarm: since when.
pub fn single(values: &[f64], least: usize) -> Option<(usize, f64, f64)> {
    let least = least.max(1);
    let n = values.len();
    if n < 2 * least {
        return None;
    }
    let total: f64 = values.iter().sum();
    let mut before: f64 = values[..least].iter().sum();
    let mut best = (f64::NEG_INFINITY, least, 0.0, 0.0);
    for at in least..=n - least {
        let (p, q) = (before / at as f64, (total - before) / (n - at) as f64);
        let gain = (p - q).powi(2) * at as f64 * (n - at) as f64 / n as f64;
        if gain > best.0 {
            best = (gain, at, p, q);
        }
        before += values[at];
    }
    Some((best.1, best.2, best.3))
}
