//! Charts, drawn once for every kind of output.

mod axis;
mod bars;
mod canvas;
mod intervals;
mod lines;
mod matrix;

use plotters::prelude::{DrawingBackend, IntoDrawingArea, SVGBackend};

use super::face::Faces;
use super::{Chart, RenderError};
pub(crate) use canvas::UNIT;
use canvas::{Anchor, Canvas, INK, MUTED, Rect};

/// How wide every chart is, in its own points.
pub(crate) const WIDTH: f64 = 720.0;
/// The most rows or columns of names that are drawn; a line under the chart says how many more there are.
const MOST_ROWS: usize = 40;
/// Room at the right edge.
const MARGIN: f64 = 14.0;

/// How high a chart is, in its own points.
pub(crate) fn height(chart: &Chart) -> f64 {
    match chart {
        Chart::Bars { categories, series, stacked, .. } => bars::height(categories, series, *stacked),
        Chart::Lines { .. } => 290.0,
        Chart::Intervals { rows, .. } => intervals::height(rows),
        Chart::Histogram { .. } => 240.0,
        Chart::Matrix { rows, columns, .. } => matrix::height(rows.len(), columns.len()),
    }
}

/// Draws a chart on a surface. `slack` is by how much its letters may be wider than those of the built-in font.
pub(crate) fn draw<DB: DrawingBackend>(
    chart: &Chart,
    surface: DB,
    faces: &Faces,
    slack: f64,
) -> Result<(), RenderError> {
    let canvas = Canvas::new(surface.into_drawing_area(), faces, slack, height(chart));
    match chart {
        Chart::Bars { categories, series, stacked, unit } => {
            bars::draw(&canvas, categories, series, *stacked, unit)?;
        }
        Chart::Lines { x, series, limits, unit } => lines::draw(&canvas, x, series, limits, unit)?,
        Chart::Intervals { rows, references, unit } => intervals::draw(&canvas, rows, references, unit)?,
        Chart::Histogram { edges, counts, unit } => bars::histogram(&canvas, edges, counts, unit)?,
        Chart::Matrix { rows, columns, values } => matrix::draw(&canvas, rows, columns, values)?,
    }
    canvas.finish()
}

/// A chart as the inside of an SVG element, and its width and height.
pub(crate) fn svg(chart: &Chart, faces: &Faces) -> Result<(String, u32, u32), RenderError> {
    let (wide, high) = ((WIDTH * UNIT) as u32, (height(chart) * UNIT) as u32);
    let mut text = String::new();
    draw(chart, SVGBackend::with_string(&mut text, (wide, high)), faces, 1.2)?;
    let inside = text.find('>').map_or("", |at| &text[at + 1..]);
    let inside = inside.trim().strip_suffix("</svg>").unwrap_or(inside);
    Ok((inside.trim().to_owned(), wide, high))
}

/// Says in the middle of a chart that there is nothing to show.
fn nothing<DB: DrawingBackend>(canvas: &Canvas<'_, DB>) -> Result<(), RenderError> {
    let middle = (WIDTH / 2.0, canvas.height / 2.0);
    canvas.rect(Rect::new(0.5, 0.5, WIDTH - 0.5, canvas.height - 0.5), canvas::GRID, false)?;
    canvas.text("No values to show", middle, canvas::SIZE, Anchor::MIDDLE, MUTED)
}

/// Says under a chart that some rows are not drawn.
fn more<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, shown: usize, all: usize) -> Result<(), RenderError> {
    if all <= shown {
        return Ok(());
    }
    let text = format!("{shown} of {all} are drawn; the others are left out for want of room.");
    canvas.text(&text, (0.0, canvas.height - 8.0), canvas::SMALL, Anchor::LEFT, INK)
}

/// The height of the line of [`more`], if it is needed.
fn more_height(all: usize) -> f64 {
    if all > MOST_ROWS { 20.0 } else { 0.0 }
}

/// A value, if it can be drawn: finite, and not so large that differences of values are not.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then(|| value.clamp(-1e200, 1e200))
}
