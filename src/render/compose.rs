//! A slice becomes an image: resampled in value space, windowed, with labels and marks over it.

use super::resample::{Source, resample};
use super::{Labels, Mapping, Pixels, Rgb, Slice, Target, View, Window, marks, overlay};

/// How a slice is to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Look<'a> {
    /// The window; colour images are shown as they are.
    pub window: Window,
    /// Black and white swapped beyond what the slice asks for.
    pub invert: bool,
    /// Zoom and pan.
    pub view: View,
    /// Orientation letters and scale bar.
    pub marks: bool,
    /// Labels over it.
    pub labels: Option<Labels<'a>>,
}

impl Look<'_> {
    /// The whole slice in `window`, with marks.
    pub fn new(window: Window) -> Self {
        Self { window, invert: false, view: View::default(), marks: true, labels: None }
    }
}

/// Draws `slice` into `target`; what lies beside the slice is black.
pub fn compose(slice: &Slice, look: &Look<'_>, target: &Target) -> Rgb {
    let mapping = Mapping::new(slice, &look.view, target);
    let size = (target.width, target.height);
    let mut image = Rgb::new(target.width, target.height);
    match &slice.pixels {
        Pixels::Grey(values) => {
            let source = Source { values, columns: slice.columns, rows: slice.rows };
            let seen = resample::<f32, 1>(&source, &mapping, size, f32::NAN);
            let invert = slice.inverted != look.invert;
            for (pixel, value) in image.data.as_chunks_mut::<3>().0.iter_mut().zip(seen) {
                if value.is_nan() {
                    continue;
                }
                let level = look.window.level(value);
                let level = if invert { 1.0 - level } else { level };
                *pixel = [(level * 255.0).round() as u8; 3];
            }
        }
        Pixels::Rgb(bytes) => {
            let source = Source { values: bytes, columns: slice.columns, rows: slice.rows };
            let seen = resample::<u8, 3>(&source, &mapping, size, 0.0);
            for (to, value) in image.data.iter_mut().zip(seen) {
                *to = value.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    if let Some(labels) = &look.labels {
        overlay::draw(&mut image, labels, &mapping);
    }
    if look.marks {
        marks::draw(&mut image, slice, &mapping, target);
    }
    image
}
