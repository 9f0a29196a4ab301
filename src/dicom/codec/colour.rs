//! Luminance and chroma to RGB, and repeated chroma.

/// Fraction bits of the fixed-point coefficients.
const SHIFT: i32 = 20;
const HALF: i32 = 1 << (SHIFT - 1);

const fn fixed(value: f64) -> i32 {
    (value * (1 << SHIFT) as f64 + if value < 0.0 { -0.5 } else { 0.5 }) as i32
}

/// Full-range BT.601: the pixel as red, green and blue, rounded to nearest and clipped.
#[inline]
pub(super) fn ybr_to_rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = ((i32::from(y) << SHIFT) + HALF, i32::from(cb) - 128, i32::from(cr) - 128);
    let clip = |v: i32| (v >> SHIFT).clamp(0, 255) as u8;
    [
        clip(y + fixed(1.402) * cr),
        clip(y - fixed(0.344_136_286_2) * cb - fixed(0.714_136_286_2) * cr),
        clip(y + fixed(1.772) * cb),
    ]
}

/// Turns every pixel (three samples each) into RGB.
pub(super) fn ybr_full_to_rgb(samples: &mut [u8]) {
    for pixel in samples.as_chunks_mut::<3>().0 {
        *pixel = ybr_to_rgb(*pixel);
    }
}

/// Native `YBR_FULL_422` (Y0 Y1 Cb Cr for two columns) as Y Cb Cr of each pixel, chroma repeated.
pub(super) fn repeat_422(data: &[u8], pixels: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels * 3);
    for &[y0, y1, cb, cr] in data.as_chunks::<4>().0 {
        out.extend([y0, cb, cr, y1, cb, cr]);
    }
    out.truncate(pixels * 3);
    out
}

/// Planes one after the other as samples together.
pub(super) fn interleave<T: Copy + Default>(planes: &[T], pixels: usize, samples: usize) -> Vec<T> {
    let mut out = vec![T::default(); pixels * samples];
    for (s, plane) in planes.chunks_exact(pixels).take(samples).enumerate() {
        out.iter_mut().skip(s).step_by(samples).zip(plane).for_each(|(to, &from)| *to = from);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in floating point, as written in BT.601.
    fn exact([y, cb, cr]: [u8; 3]) -> [f64; 3] {
        let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
        let (kr, kg, kb) = (0.299, 0.587, 0.114);
        let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
        [r, (y - kr * r - kb * b) / kg, b]
    }

    #[test]
    fn every_colour_is_the_rounded_exact_one() {
        for y in (0..=255).step_by(3) {
            for cb in 0..=255 {
                for cr in (0..=255).step_by(5) {
                    let got = ybr_to_rgb([y, cb, cr]);
                    for (got, want) in got.into_iter().zip(exact([y, cb, cr])) {
                        let off = (f64::from(got) - want.clamp(0.0, 255.0)).abs();
                        assert!(off <= 0.5001, "{y} {cb} {cr}: {got} for {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn chroma_of_422_is_repeated() {
        assert_eq!(repeat_422(&[1, 2, 8, 9, 3, 4, 6, 7], 4), [1, 8, 9, 2, 8, 9, 3, 6, 7, 4, 6, 7]);
        assert_eq!(interleave(&[1, 2, 3, 4, 5, 6], 2, 3), [1, 3, 5, 2, 4, 6]);
    }
}
