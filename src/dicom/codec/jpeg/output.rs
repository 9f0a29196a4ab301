//! From component planes to samples of a pixel together: chroma brought to full size by triangle interpolation.

use super::Component;

/// Where a full-size coordinate falls between two samples of a plane: the first, the second, and the weight of the
/// second out of twice the ratio.
fn positions(full: usize, have: usize, factor: usize, most: usize) -> Vec<(usize, usize, u32)> {
    let last = have.saturating_sub(1);
    (0..full)
        .map(|x| {
            // Centres: (x + ½) · factor / most − ½, in units of 1 / (2 · most).
            let at = ((2 * x + 1) * factor) as i64 - most as i64;
            let unit = 2 * most as i64;
            let (base, weight) = (at.div_euclid(unit), at.rem_euclid(unit));
            let clamp = |i: i64| (i.max(0) as usize).min(last);
            (clamp(base), clamp(base + 1), weight as u32)
        })
        .collect()
}

/// Writes `component` at full size into every `samples`-th sample of `out` from `index` on.
pub(super) fn place(
    component: &Component,
    (columns, rows): (usize, usize),
    (h_max, v_max): (usize, usize),
    (index, samples): (usize, usize),
    out: &mut [u16],
) {
    let plane = &component.plane;
    let row_at = |y: usize| &plane[y * component.stride..];
    if (component.h, component.v) == (h_max, v_max) {
        for (y, line) in out.chunks_exact_mut(columns * samples).enumerate() {
            let from = &row_at(y)[..columns];
            if samples == 1 {
                line.copy_from_slice(from);
            } else {
                line.iter_mut().skip(index).step_by(samples).zip(from).for_each(|(to, &v)| *to = v);
            }
        }
        return;
    }
    let across = positions(columns, component.columns, component.h, h_max);
    let down = positions(rows, component.rows, component.v, v_max);
    let (unit_h, unit_v) = (2 * h_max as u32, 2 * v_max as u32);
    let (half, all) = (unit_h * unit_v / 2, unit_h * unit_v);
    let mut blend = vec![0_u32; component.columns];
    for (line, &(y0, y1, w)) in out.chunks_exact_mut(columns * samples).zip(&down) {
        let (upper, lower) = (row_at(y0), row_at(y1));
        for ((to, &a), &b) in blend.iter_mut().zip(upper).zip(lower) {
            *to = u32::from(a) * (unit_v - w) + u32::from(b) * w;
        }
        for (to, &(x0, x1, w)) in line.iter_mut().skip(index).step_by(samples).zip(&across) {
            *to = ((blend[x0] * (unit_h - w) + blend[x1] * w + half) / all) as u16;
        }
    }
}
