//! Inverse DCT of 8 × 8 blocks in single precision (Arai, Agui, Nakajima 1988).

/// Scale of the k-th basis function in this factorisation.
const SCALE: [f64; 8] = [
    1.0,
    1.387_039_845_322_148,
    1.306_562_964_876_377,
    1.175_875_602_419_359,
    1.0,
    0.785_694_958_387_102,
    0.541_196_100_146_197,
    0.275_899_379_282_943,
];

/// A quantisation table (row by row) with the scales folded in.
pub(super) fn scaled(table: &[u16; 64]) -> [f32; 64] {
    std::array::from_fn(|i| (f64::from(table[i]) * SCALE[i / 8] * SCALE[i % 8] / 8.0) as f32)
}

/// One dimension, in place, over `v[0], v[stride], …`.
#[inline]
fn one(v: [f32; 8]) -> [f32; 8] {
    let (t10, t11) = (v[0] + v[4], v[0] - v[4]);
    let t13 = v[2] + v[6];
    let t12 = (v[2] - v[6]) * std::f32::consts::SQRT_2 - t13;
    let (e0, e3, e1, e2) = (t10 + t13, t10 - t13, t11 + t12, t11 - t12);
    let (z13, z10, z11, z12) = (v[5] + v[3], v[5] - v[3], v[1] + v[7], v[1] - v[7]);
    let o7 = z11 + z13;
    let t11 = (z11 - z13) * std::f32::consts::SQRT_2;
    let z5 = (z10 + z12) * 1.847_759_1;
    let o6 = z5 - z10 * 2.613_126 - o7;
    let o5 = t11 - o6;
    let o4 = z5 - z12 * 1.082_392_2 - o5;
    [e0 + o7, e1 + o6, e2 + o5, e3 + o4, e3 - o4, e2 - o5, e1 - o6, e0 - o7]
}

/// Samples of a block from its coefficients (row by row) into rows of `out` that lie `stride` apart; level shift
/// and clipping by `precision`.
pub(super) fn block(
    coefficients: &[i16; 64],
    scale: &[f32; 64],
    precision: u8,
    out: &mut [u16],
    stride: usize,
) {
    let half = (1_u32 << (precision - 1)) as f32 + 0.5;
    let max = ((1_u32 << precision) - 1) as u16;
    if coefficients[1..].iter().all(|&c| c == 0) {
        let value = ((f32::from(coefficients[0]) * scale[0] + half).floor().max(0.0) as u16).min(max);
        for row in out.chunks_mut(stride).take(8) {
            row[..8].fill(value);
        }
        return;
    }
    let mut work = [0_f32; 64];
    for ((w, &c), &s) in work.iter_mut().zip(coefficients).zip(scale) {
        *w = f32::from(c) * s;
    }
    for x in 0..8 {
        let column = one(std::array::from_fn(|y| work[y * 8 + x]));
        for (y, value) in column.into_iter().enumerate() {
            work[y * 8 + x] = value;
        }
    }
    for (line, row) in work.as_chunks::<8>().0.iter().zip(out.chunks_mut(stride)) {
        for (to, value) in row[..8].iter_mut().zip(one(*line)) {
            // Below zero the cast saturates; the half was added for rounding.
            *to = ((value + half) as u16).min(max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition (A.3.3) in double precision.
    fn exact(coefficients: &[i16; 64], table: &[u16; 64], precision: u8) -> Vec<f64> {
        let c = |k: usize| if k == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
        let angle = |x: usize, k: usize| ((2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos();
        let mut out = Vec::new();
        for y in 0..8 {
            for x in 0..8 {
                let mut sum = 0.0;
                for v in 0..8 {
                    for u in 0..8 {
                        let value = f64::from(coefficients[v * 8 + u]) * f64::from(table[v * 8 + u]);
                        sum += c(u) * c(v) * value * angle(x, u) * angle(y, v);
                    }
                }
                out.push(sum / 4.0 + f64::from(1_u32 << (precision - 1)));
            }
        }
        out
    }

    proptest! {
        #[test]
        fn is_the_definition_rounded(
            few in proptest::collection::vec((0_usize..64, -300_i16..300), 1..20),
            step in 1_u16..20, precision in prop_oneof![Just(8_u8), Just(12)],
        ) {
            let mut coefficients = [0; 64];
            for (at, value) in few { coefficients[at] = value; }
            let table = std::array::from_fn(|i| step + i as u16 % 3);
            let mut out = [0; 64];
            block(&coefficients, &scaled(&table), precision, &mut out, 8);
            let max = f64::from((1_u32 << precision) - 1);
            for (got, want) in out.into_iter().zip(exact(&coefficients, &table, precision)) {
                prop_assert!((f64::from(got) - want.clamp(0.0, max)).abs() <= 0.51, "{got} {want}");
            }
        }
    }
}
