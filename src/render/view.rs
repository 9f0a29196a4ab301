//! Which part of a slice is seen, and where its pixels land.

use super::Slice;

/// Zoom and pan. The default shows the whole slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// 1 fits the slice into the target; 2 shows half of it.
    pub zoom: f64,
    /// The point in the middle of the target, as shares of the slice's width and height.
    pub center: (f64, f64),
}

impl Default for View {
    fn default() -> Self {
        Self { zoom: 1.0, center: (0.5, 0.5) }
    }
}

impl View {
    /// Zooms by a factor, within 1 … 32.
    pub fn zoom_by(&mut self, factor: f64) {
        self.zoom = (self.zoom * factor).clamp(1.0, 32.0);
        self.pan_by(0.0, 0.0);
    }

    /// Moves by shares of what is seen; the middle never leaves the slice.
    pub fn pan_by(&mut self, right: f64, down: f64) {
        let margin = 0.5 / self.zoom;
        let clamp = |value: f64| value.clamp(margin.min(0.5), (1.0 - margin).max(0.5));
        self.center = (clamp(self.center.0 + right / self.zoom), clamp(self.center.1 + down / self.zoom));
    }
}

/// The pixels to be filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Height of a pixel divided by its width: 1 except for half-blocks.
    pub aspect: f64,
}

/// From target pixels to slice pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mapping {
    /// Column of the slice at the left edge of the target.
    pub left: f64,
    /// Row of the slice at the upper edge of the target.
    pub top: f64,
    /// Columns of the slice per target pixel.
    pub step_x: f64,
    /// Rows of the slice per target pixel.
    pub step_y: f64,
}

impl Mapping {
    /// Fits `slice` into `target` as `view` says, keeping its proportions in millimetres.
    pub fn new(slice: &Slice, view: &View, target: &Target) -> Self {
        let aspect = if slice.aspect.is_finite() && slice.aspect > 0.0 { slice.aspect } else { 1.0 };
        let (columns, rows) = (f64::from(slice.columns), f64::from(slice.rows));
        let (width, height) = (f64::from(target.width.max(1)), f64::from(target.height.max(1)));
        // In widths of a slice pixel: a target pixel is `step_x` wide and `step_x × target.aspect` high.
        let step_x = (columns / width).max(rows * aspect / (height * target.aspect)) / view.zoom.max(0.01);
        let step_y = step_x * target.aspect / aspect;
        Self {
            left: view.center.0 * columns - step_x * width / 2.0,
            top: view.center.1 * rows - step_y * height / 2.0,
            step_x,
            step_y,
        }
    }

    /// The column and row of the slice under a point of the target (in target pixels, fractions allowed).
    pub fn to_slice(&self, x: f64, y: f64) -> (f64, f64) {
        (self.left + x * self.step_x, self.top + y * self.step_y)
    }

    /// The point of the target over a column and row of the slice.
    pub fn to_target(&self, column: f64, row: f64) -> (f64, f64) {
        ((column - self.left) / self.step_x, (row - self.top) / self.step_y)
    }
}
