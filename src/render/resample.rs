//! Separable resampling with a triangle filter: linear where it magnifies, averaging where it reduces.

/// For one target position the first source position and the weights from there on; empty outside the source.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

fn taps(origin: f64, step: f64, count: u32, source: u32) -> Vec<Taps> {
    let support = step.max(1.0);
    (0..count)
        .map(|index| {
            let center = origin + (f64::from(index) + 0.5) * step;
            if center < 0.0 || center >= f64::from(source) {
                return Taps { first: 0, weights: Vec::new() };
            }
            let low = (center - support).floor().max(0.0) as usize;
            let high = ((center + support).ceil() as usize).min(source as usize);
            let weight = |at: usize| (1.0 - ((at as f64 + 0.5 - center) / support).abs()).max(0.0) as f32;
            let mut first = low;
            while first + 1 < high && weight(first) == 0.0 {
                first += 1;
            }
            let mut weights: Vec<f32> = (first..high).map(weight).collect();
            while weights.len() > 1 && weights.last() == Some(&0.0) {
                weights.pop();
            }
            let sum: f32 = weights.iter().sum();
            if sum > 0.0 {
                for weight in &mut weights {
                    *weight /= sum;
                }
            }
            Taps { first, weights }
        })
        .collect()
}

/// A source of `columns` × `rows` pixels of `N` channels each.
pub(super) struct Source<'a, T> {
    pub values: &'a [T],
    pub columns: u32,
    pub rows: u32,
}

/// Resamples to `width` × `height`; positions outside the source are `outside` in every channel.
pub(super) fn resample<T: Copy + Into<f32>, const N: usize>(
    source: &Source<'_, T>,
    mapping: &super::Mapping,
    (width, height): (u32, u32),
    outside: f32,
) -> Vec<f32> {
    let across = taps(mapping.left, mapping.step_x, width, source.columns);
    let down = taps(mapping.top, mapping.step_y, height, source.rows);
    let mut out = vec![outside; width as usize * height as usize * N];
    let (stride, width) = (source.columns as usize * N, width as usize);
    // Rows already resampled along x; a target row needs a few neighbours, which the next one needs again.
    let mut lines: Vec<Option<Vec<f32>>> = vec![None; source.rows as usize];
    for (y, tap) in down.iter().enumerate() {
        for line in lines.iter_mut().take(tap.first) {
            *line = None;
        }
        let row = &mut out[y * width * N..(y + 1) * width * N];
        for (k, weight) in tap.weights.iter().enumerate() {
            let at = tap.first + k;
            let Some(values) = source.values.get(at * stride..(at + 1) * stride) else { continue };
            let line = lines[at].get_or_insert_with(|| resample_line::<T, N>(values, &across));
            for (x, tap_x) in across.iter().enumerate() {
                if tap_x.weights.is_empty() {
                    continue;
                }
                for channel in 0..N {
                    let add = line[x * N + channel] * weight;
                    let to = &mut row[x * N + channel];
                    *to = if k == 0 { add } else { *to + add };
                }
            }
        }
    }
    out
}

fn resample_line<T: Copy + Into<f32>, const N: usize>(values: &[T], across: &[Taps]) -> Vec<f32> {
    let mut line = vec![0.0; across.len() * N];
    for (x, tap) in across.iter().enumerate() {
        for (k, weight) in tap.weights.iter().enumerate() {
            for channel in 0..N {
                line[x * N + channel] += weight * values[(tap.first + k) * N + channel].into();
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::Mapping;
    use super::*;

    #[test]
    fn identity_is_exact_and_reduction_averages() {
        let values: Vec<f32> = (0..16).map(|v| v as f32).collect();
        let source = Source { values: &values, columns: 4, rows: 4 };
        let same = Mapping { left: 0.0, top: 0.0, step_x: 1.0, step_y: 1.0 };
        assert_eq!(resample::<f32, 1>(&source, &same, (4, 4), -1.0), values);
        let whole = Mapping { left: 0.0, top: 0.0, step_x: 4.0, step_y: 4.0 };
        let mean = resample::<f32, 1>(&source, &whole, (1, 1), -1.0);
        assert!((mean[0] - 7.5).abs() < 1e-5);
        let beside = Mapping { left: -4.0, top: 0.0, step_x: 1.0, step_y: 1.0 };
        assert!(resample::<f32, 1>(&source, &beside, (4, 4), -1.0).iter().all(|v| *v == -1.0));
    }
}
