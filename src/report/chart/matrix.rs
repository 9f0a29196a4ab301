//! Values from 0 to 1 as shaded cells.

use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::WHITE;

use super::super::RenderError;
use super::bars::{names_width, row_names};
use super::canvas::{Anchor, Canvas, GRID, INK, MUTED, Rect, SMALL};
use super::{MOST_ROWS, WIDTH, finite, more, more_height, nothing};

/// The most columns that are drawn.
const MOST_COLUMNS: usize = 16;

/// How high a chart with some rows and columns is.
pub(super) fn height(rows: usize, columns: usize) -> f64 {
    rows.clamp(1, MOST_ROWS) as f64 * row_height(rows) + 48.0 + more_height(rows) + more_columns(columns)
}

fn row_height(rows: usize) -> f64 {
    if rows > 20 { 21.0 } else { 30.0 }
}

fn more_columns(columns: usize) -> f64 {
    if columns > MOST_COLUMNS { 20.0 } else { 0.0 }
}

/// Draws a matrix with its numbers in its cells.
pub(super) fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    rows: &[String],
    columns: &[String],
    values: &[Vec<f64>],
) -> Result<(), RenderError> {
    let names = &rows[..rows.len().min(MOST_ROWS)];
    let heads = &columns[..columns.len().min(MOST_COLUMNS)];
    if names.is_empty() || heads.is_empty() {
        return nothing(canvas);
    }
    let left = names_width(canvas, names);
    let bottom = 42.0 + names.len() as f64 * row_height(rows.len());
    let wide = ((WIDTH - left) / heads.len() as f64).min(110.0);
    let area = Rect::new(left, 42.0, left + wide * heads.len() as f64, bottom);
    let high = area.height() / names.len() as f64;
    for (index, head) in heads.iter().enumerate() {
        let lines = canvas.lines(head, SMALL, wide - 4.0, 2);
        let y = area.top - 10.0 - 6.6 * (lines.len() as f64 - 1.0);
        canvas.block(&lines, (area.left + wide * (index as f64 + 0.5), y), SMALL, Anchor::MIDDLE)?;
    }
    row_names(canvas, names, area)?;
    for row in 0..names.len() {
        for column in 0..heads.len() {
            let (x, y) = (area.left + wide * column as f64, area.top + high * row as f64);
            let value = values.get(row).and_then(|row| row.get(column)).copied().and_then(finite);
            cell(canvas, Rect::new(x + 1.0, y + 1.0, x + wide - 1.0, y + high - 1.0), value)?;
        }
    }
    if columns.len() > MOST_COLUMNS {
        let text = format!(
            "{MOST_COLUMNS} of {} columns are drawn; the others are left out for want of room.",
            columns.len()
        );
        canvas.text(&text, (0.0, area.bottom + 14.0), SMALL, Anchor::LEFT, INK)?;
    }
    more(canvas, names.len(), rows.len())
}

fn cell<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    rect: Rect,
    value: Option<f64>,
) -> Result<(), RenderError> {
    let middle = (f64::midpoint(rect.left, rect.right), f64::midpoint(rect.top, rect.bottom));
    let Some(value) = value else {
        canvas.rect(rect, GRID, false)?;
        return canvas.text("–", middle, SMALL, Anchor::MIDDLE, MUTED);
    };
    let share = value.clamp(0.0, 1.0);
    canvas.rect(rect, shade(share), true)?;
    let text =
        if (0.0..=1.0).contains(&value) { format!("{value:.2}") } else { super::axis::value(value, 2) };
    canvas.text(&text, middle, SMALL, Anchor::MIDDLE, if share > 0.55 { WHITE } else { INK })
}

/// The colour of a value from 0 to 1: paler for less, and dark enough from 0.55 on for white letters.
fn shade(share: f64) -> RGBColor {
    let (from, to, share) = if share > 0.55 {
        ((0x3f_u8, 0x79_u8, 0x95_u8), (0x0d, 0x3b, 0x55), (share - 0.55) / 0.45)
    } else {
        ((0xf3, 0xf7, 0xf9), (0x9c, 0xc3, 0xd4), share / 0.55)
    };
    let mix = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}
