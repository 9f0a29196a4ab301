//! One decoded slice with what its display needs.

use super::{Preset, Window, presets};

/// The pixels of a slice, row by row from the top.
#[derive(Debug, Clone, PartialEq)]
pub enum Pixels {
    /// Values after the Modality LUT or rescale (Hounsfield units in CT).
    Grey(Vec<f32>),
    /// 8-bit red, green, blue.
    Rgb(Vec<u8>),
}

/// One decoded slice: `rows` × `columns` pixels and how they are to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Pixels in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// The pixels.
    pub pixels: Pixels,
    /// The smallest value is white (MONOCHROME1, or Presentation LUT Shape INVERSE).
    pub inverted: bool,
    /// Pixel Spacing in patient or imager space: (between rows, between columns).
    pub spacing_mm: Option<[f64; 2]>,
    /// Height of a pixel divided by its width: from the spacing, else Pixel Aspect Ratio.
    pub aspect: f64,
    /// Image Orientation (Patient): direction of a row, direction of a column, in LPS.
    pub orientation: Option<[f64; 6]>,
    /// Windows that the file carries, with their explanations.
    pub windows: Vec<(String, Window)>,
    /// Modality.
    pub modality: String,
    /// The unit of the values, such as `HU`; empty where there is none.
    pub unit: String,
}

impl Slice {
    /// The value at a column and row: grey only.
    pub fn value(&self, column: f64, row: f64) -> Option<f32> {
        let inside = column >= 0.0 && row >= 0.0;
        let (column, row) = (column.floor() as u32, row.floor() as u32);
        if !inside || column >= self.columns || row >= self.rows {
            return None;
        }
        match &self.pixels {
            Pixels::Grey(values) => {
                values.get(row as usize * self.columns as usize + column as usize).copied()
            }
            Pixels::Rgb(_) => None,
        }
    }

    /// The windows worth offering for this slice, the one to begin with first.
    pub fn presets(&self) -> Vec<Preset> {
        presets(&self.modality, &self.windows)
    }

    /// Bytes that the pixels take.
    pub fn bytes(&self) -> usize {
        match &self.pixels {
            Pixels::Grey(values) => values.len() * 4,
            Pixels::Rgb(bytes) => bytes.len(),
        }
    }

    /// The values below which shares `low` and `high` of the finite pixels lie (0 … 1), from at most about 65,000
    /// of them; `None` for colour and for slices without finite values.
    pub fn percentiles(&self, low: f64, high: f64) -> Option<(f32, f32)> {
        let Pixels::Grey(values) = &self.pixels else { return None };
        let step = (values.len() / 65_536).max(1);
        let mut sample: Vec<f32> =
            values.iter().step_by(step).copied().filter(|value| value.is_finite()).collect();
        if sample.is_empty() {
            return None;
        }
        sample.sort_by(f32::total_cmp);
        let at = |share: f64| sample[((sample.len() - 1) as f64 * share.clamp(0.0, 1.0)).round() as usize];
        Some((at(low), at(high)))
    }
}
