//! A surface in points with the few shapes that charts are made of.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::RenderError;
use super::super::face::{Faces, Weight};
use super::super::text::clean;
use super::super::wrap;
use super::WIDTH;

/// How many units of a backend are one point, so that whole units draw smooth lines.
pub(crate) const UNIT: f64 = 20.0;
/// The size of most letters.
pub(super) const SIZE: f64 = 12.5;
/// The size of the numbers at an axis.
pub(super) const SMALL: f64 = 11.5;

/// The colour of letters.
pub(super) const INK: RGBColor = RGBColor(0x1c, 0x27, 0x33);
/// The colour of less important letters.
pub(super) const MUTED: RGBColor = RGBColor(0x4a, 0x58, 0x66);
/// The colour of the lines behind the values.
pub(super) const GRID: RGBColor = RGBColor(0xdf, 0xe5, 0xea);
/// The colour of an axis.
pub(super) const AXIS: RGBColor = RGBColor(0x8a, 0x97, 0xa3);
/// The colour of limits.
pub(super) const LIMIT: RGBColor = RGBColor(0xa6, 0x2b, 0x2b);

/// The colours of the series.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x1b, 0x5e, 0x7b),
    RGBColor(0xc2, 0x62, 0x1c),
    RGBColor(0x4d, 0x85, 0x3c),
    RGBColor(0x7d, 0x4c, 0x96),
    RGBColor(0x95, 0x73, 0x00),
    RGBColor(0xb2, 0x3c, 0x60),
    RGBColor(0x5b, 0x6b, 0x78),
];

/// The colour of a series.
pub(super) const fn colour(series: usize) -> RGBColor {
    COLOURS[series % COLOURS.len()]
}

/// A place, in points from the top left.
pub(super) type Place = (f64, f64);

/// A rectangle, in points from the top left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    pub(super) const fn new(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self { left, top, right, bottom }
    }

    pub(super) const fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) const fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// Where a text lies about its place.
#[derive(Clone, Copy)]
pub(super) struct Anchor(HPos, VPos);

impl Anchor {
    pub(super) const LEFT: Self = Self(HPos::Left, VPos::Center);
    pub(super) const RIGHT: Self = Self(HPos::Right, VPos::Center);
    pub(super) const MIDDLE: Self = Self(HPos::Center, VPos::Center);
}

/// The shape of the points of a series, so that series differ without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Circle,
    Square,
    Diamond,
    Triangle,
}

impl Mark {
    /// The mark of a series.
    pub(super) const fn of(series: usize) -> Self {
        match series % 4 {
            0 => Self::Circle,
            1 => Self::Square,
            2 => Self::Diamond,
            _ => Self::Triangle,
        }
    }
}

/// The surface.
pub(super) struct Canvas<'a, DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    faces: &'a Faces,
    slack: f64,
    /// How high it is, in points.
    pub(super) height: f64,
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    pub(super) const fn new(area: DrawingArea<DB, Shift>, faces: &'a Faces, slack: f64, height: f64) -> Self {
        Self { area, faces, slack, height }
    }

    /// The width of a text.
    pub(super) fn width(&self, text: &str, size: f64) -> f64 {
        f64::from(self.faces.width(text, Weight::Regular, size as f32)) * self.slack
    }

    /// The lines of a text in a width, cut if there would be too many.
    pub(super) fn lines(&self, text: &str, size: f64, width: f64, most: usize) -> Vec<String> {
        let width = (width / self.slack) as f32;
        wrap::wrap_to(self.faces, &clean(text), Weight::Regular, size as f32, width, most)
    }

    /// A text cut to a width.
    pub(super) fn fit(&self, text: &str, size: f64, width: f64) -> String {
        wrap::fit(self.faces, &clean(text), Weight::Regular, size as f32, (width / self.slack) as f32)
    }

    /// Draws a text on one line.
    pub(super) fn text(
        &self,
        text: &str,
        place: Place,
        size: f64,
        anchor: Anchor,
        colour: RGBColor,
    ) -> Result<(), RenderError> {
        if text.is_empty() {
            return Ok(());
        }
        let font = ("sans-serif", size * UNIT * 1.24).into_font().color(&colour);
        let style = font.pos(Pos::new(anchor.0, anchor.1));
        self.draw(&Text::new(text.to_owned(), units(place), style))
    }

    /// Draws lines of text about a place, the block centred on it from top to bottom.
    pub(super) fn block(
        &self,
        lines: &[String],
        place: Place,
        size: f64,
        anchor: Anchor,
    ) -> Result<(), RenderError> {
        let step = size * 1.16;
        let top = place.1 - step * (lines.len().saturating_sub(1)) as f64 / 2.0;
        for (index, line) in lines.iter().enumerate() {
            self.text(line, (place.0, top + step * index as f64), size, anchor, INK)?;
        }
        Ok(())
    }

    /// Draws a rectangle.
    pub(super) fn rect(&self, rect: Rect, colour: RGBColor, filled: bool) -> Result<(), RenderError> {
        let corners = [units((rect.left, rect.top)), units((rect.right, rect.bottom))];
        if filled {
            return self.draw(&Rectangle::new(corners, colour.filled()));
        }
        let (a, b) = ((rect.left, rect.top), (rect.right, rect.bottom));
        self.path(&[a, (b.0, a.1), b, (a.0, b.1), a], colour, 1.0)
    }

    /// Draws a line through places.
    pub(super) fn path(&self, places: &[Place], colour: RGBColor, width: f64) -> Result<(), RenderError> {
        if places.len() < 2 {
            return Ok(());
        }
        let places: Vec<_> = places.iter().copied().map(units).collect();
        self.draw(&PathElement::new(places, colour.stroke_width((width * UNIT) as u32)))
    }

    /// Draws a broken line between two places.
    pub(super) fn dashes(&self, from: Place, to: Place, colour: RGBColor) -> Result<(), RenderError> {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        let count = (length / 8.0).ceil().clamp(1.0, 500.0) as usize;
        let at = |share: f64| (from.0 + dx * share, from.1 + dy * share);
        for index in 0..count {
            let start = index as f64 / count as f64;
            self.path(&[at(start), at(start + 0.6 / count as f64)], colour, 1.1)?;
        }
        Ok(())
    }

    /// Fills the area within places.
    pub(super) fn area(&self, places: &[Place], colour: RGBColor, opacity: f64) -> Result<(), RenderError> {
        if places.len() < 3 {
            return Ok(());
        }
        let places: Vec<_> = places.iter().copied().map(units).collect();
        self.draw(&Polygon::new(places, colour.mix(opacity)))
    }

    /// Draws the mark of a point.
    pub(super) fn mark(
        &self,
        mark: Mark,
        (x, y): Place,
        radius: f64,
        colour: RGBColor,
    ) -> Result<(), RenderError> {
        let r = radius;
        match mark {
            Mark::Circle => self.draw(&Circle::new(units((x, y)), r * UNIT, colour.filled())),
            Mark::Square => {
                self.rect(Rect::new(x - r * 0.9, y - r * 0.9, x + r * 0.9, y + r * 0.9), colour, true)
            }
            Mark::Diamond => {
                let r = r * 1.3;
                self.area(&[(x - r, y), (x, y - r), (x + r, y), (x, y + r)], colour, 1.0)
            }
            Mark::Triangle => {
                self.area(&[(x - r, y + r * 0.9), (x, y - r * 1.1), (x + r, y + r * 0.9)], colour, 1.0)
            }
        }
    }

    /// Draws the names of series in a row at the top, and tells how much height that took.
    pub(super) fn legend(&self, names: &[&str], marks: bool) -> Result<f64, RenderError> {
        let (mut x, mut y) = (0.0, 9.0);
        let shown = names.len().min(28);
        for (index, name) in names.iter().take(shown).enumerate() {
            let name = self.fit(name, SIZE, WIDTH / 2.0);
            let wide = self.width(&name, SIZE) + 34.0;
            if x > 0.0 && x + wide > WIDTH {
                (x, y) = (0.0, y + 18.0);
            }
            if y > 70.0 {
                break;
            }
            if marks {
                self.path(&[(x, y), (x + 16.0, y)], colour(index), 1.6)?;
                self.mark(Mark::of(index), (x + 8.0, y), 3.2, colour(index))?;
            } else {
                self.rect(Rect::new(x, y - 5.0, x + 14.0, y + 5.0), colour(index), true)?;
            }
            self.text(&name, (x + 20.0, y), SIZE, Anchor::LEFT, INK)?;
            x += wide + 4.0;
        }
        Ok(y + 15.0)
    }

    /// Ends the drawing.
    pub(super) fn finish(self) -> Result<(), RenderError> {
        self.area.present().map_err(|error| RenderError::Chart(error.to_string()))
    }

    fn draw<'e, E>(&self, element: &'e E) -> Result<(), RenderError>
    where
        &'e E: plotters::element::PointCollection<'e, (i32, i32)>,
        E: plotters::element::Drawable<DB>,
    {
        self.area.draw(element).map_err(|error| RenderError::Chart(error.to_string()))
    }
}

/// A place in units of a backend.
fn units((x, y): Place) -> (i32, i32) {
    let unit = |value: f64| (value * UNIT).round().clamp(-1e6, 1e6) as i32;
    (unit(x), unit(y))
}
