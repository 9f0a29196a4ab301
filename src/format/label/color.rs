//! Colours of structures: DICOM's CIELab values and RGB.
//!
//! Source: PS3.3 C.10.7.1.1 (encoding), IEC 61966-2-1 (sRGB), adapted to the white point D50 of the profile connection
//! space after Bradford.

use crate::render::LABEL_COLOURS;

/// The white point D50.
const WHITE: [f64; 3] = [0.964_22, 1.0, 0.825_21];
const TO_XYZ: [[f64; 3]; 3] = [
    [0.436_074_7, 0.385_064_9, 0.143_080_4],
    [0.222_504_5, 0.716_878_6, 0.060_616_9],
    [0.013_932_2, 0.097_104_5, 0.714_173_3],
];
const TO_RGB: [[f64; 3]; 3] = [
    [3.133_856_1, -1.616_866_7, -0.490_614_6],
    [-0.978_768_4, 1.916_141_5, 0.033_454_0],
    [0.071_945_3, -0.228_991_4, 1.405_242_7],
];

/// The colour of the k-th structure that has none of its own: that of the console.
pub(super) fn palette(k: usize) -> [u8; 3] {
    LABEL_COLOURS[k % LABEL_COLOURS.len()]
}

fn times(m: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|row| (0..3).map(|k| m[row][k] * v[k]).sum())
}

/// From Recommended Display CIELab Value.
pub(super) fn from_lab(stored: [u16; 3]) -> [u8; 3] {
    let [l, a, b] = stored.map(|v| f64::from(v) / 65_535.0);
    let (l, a, b) = (l * 100.0, a * 255.0 - 128.0, b * 255.0 - 128.0);
    let y = (l + 16.0) / 116.0;
    let back =
        |t: f64| if t > 6.0 / 29.0 { t.powi(3) } else { 3.0 * (6.0_f64 / 29.0).powi(2) * (t - 4.0 / 29.0) };
    let xyz = [back(y + a / 500.0) * WHITE[0], back(y) * WHITE[1], back(y - b / 200.0) * WHITE[2]];
    let gamma = |v: f64| if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    times(&TO_RGB, xyz).map(|v| (gamma(v.clamp(0.0, 1.0)) * 255.0).round() as u8)
}

/// As Recommended Display CIELab Value.
pub(super) fn to_lab(rgb: [u8; 3]) -> [u16; 3] {
    let linear = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    let xyz = times(&TO_XYZ, rgb.map(linear));
    let f = |t: f64| {
        if t > (6.0_f64 / 29.0).powi(3) {
            t.cbrt()
        } else {
            t / (3.0 * (6.0_f64 / 29.0).powi(2)) + 4.0 / 29.0
        }
    };
    let [x, y, z] = std::array::from_fn(|k| f(xyz[k] / WHITE[k]));
    let lab =
        [(116.0 * y - 16.0) / 100.0, (500.0 * (x - y) + 128.0) / 255.0, (200.0 * (y - z) + 128.0) / 255.0];
    lab.map(|v| (v.clamp(0.0, 1.0) * 65_535.0).round() as u16)
}

/// `#rrggbb`.
pub fn hex(rgb: [u8; 3]) -> String {
    format!("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_back() {
        for rgb in [[0, 0, 0], [255, 255, 255], [255, 0, 0], [12, 200, 133], [1, 2, 250]] {
            let back = from_lab(to_lab(rgb));
            assert!(rgb.iter().zip(back).all(|(a, b)| a.abs_diff(b) <= 1), "{rgb:?} {back:?}");
        }
    }
}
