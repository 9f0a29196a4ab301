//! Estimates with intervals: a forest plot.

use plotters::prelude::DrawingBackend;

use super::super::{Interval, Limit, RenderError};
use super::axis::{Scale, decimals, value};
use super::bars::{below, names_width, row_names};
use super::canvas::{AXIS, Anchor, Canvas, INK, LIMIT, Mark, Rect, SMALL, colour};
use super::{MARGIN, MOST_ROWS, WIDTH, finite, more, more_height, nothing};

/// How high a chart with some rows is.
pub(super) fn height(rows: &[Interval]) -> f64 {
    let long = rows.iter().take(MOST_ROWS).any(|row| row.label.chars().nth(30).is_some());
    let row = if long { 27.0 } else { 23.0 };
    rows.len().clamp(1, MOST_ROWS) as f64 * row + 66.0 + more_height(rows.len())
}

/// Draws a forest plot; the numbers stand at its right.
pub(super) fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    rows: &[Interval],
    references: &[Limit],
    unit: &str,
) -> Result<(), RenderError> {
    let shown = &rows[..rows.len().min(MOST_ROWS)];
    let references: Vec<_> = references
        .iter()
        .filter_map(|limit| Some((limit.name.as_str(), finite(limit.value)?)))
        .take(4)
        .collect();
    let Some((low, high)) = extent(shown, &references) else { return nothing(canvas) };
    let names: Vec<_> = shown.iter().map(|row| row.label.clone()).collect();
    let values = shown
        .iter()
        .flat_map(|row| [finite(row.estimate), ends(row).map(|ends| ends.0), ends(row).map(|ends| ends.1)]);
    let decimals = decimals(values.flatten());
    let numbers: Vec<_> = shown.iter().map(|row| numbers(row, decimals)).collect();
    let beside = numbers.iter().map(|text| canvas.width(text, SMALL)).fold(MARGIN, f64::max).min(200.0);
    let bottom = canvas.height - 38.0 - more_height(rows.len());
    let area = Rect::new(names_width(canvas, &names), 22.0, WIDTH - beside - 14.0, bottom);
    let scale = Scale::new(low, high, area.left, area.right).rounded(6);
    below(canvas, &scale, area, &scale.ticks(6), unit)?;
    canvas.path(&[(area.left, area.bottom), (area.right, area.bottom)], AXIS, 1.0)?;
    draw_references(canvas, &references, &scale, area)?;
    row_names(canvas, &names, area)?;
    let slot = area.height() / shown.len() as f64;
    for (index, row) in shown.iter().enumerate() {
        let y = area.top + slot * (index as f64 + 0.5);
        interval(canvas, row, &scale, y)?;
        canvas.text(&numbers[index], (WIDTH, y), SMALL, Anchor::RIGHT, INK)?;
    }
    more(canvas, shown.len(), rows.len())
}

/// The numbers of a row, as they stand beside it.
fn numbers(row: &Interval, decimals: usize) -> String {
    let Some(estimate) = finite(row.estimate) else { return String::from("no estimate") };
    match ends(row) {
        Some((low, high)) => {
            format!("{} ({} to {})", value(estimate, decimals), value(low, decimals), value(high, decimals))
        }
        None => value(estimate, decimals),
    }
}

/// The ends of an interval, the lower one first.
fn ends(row: &Interval) -> Option<(f64, f64)> {
    let (low, high) = row.range?;
    let (low, high) = (finite(low)?, finite(high)?);
    Some((low.min(high), low.max(high)))
}

fn extent(rows: &[Interval], references: &[(&str, f64)]) -> Option<(f64, f64)> {
    let estimates = rows.iter().filter_map(|row| finite(row.estimate));
    let first = estimates.clone().next()?;
    let ranges = rows.iter().filter_map(ends).flat_map(|(low, high)| [low, high]);
    let all = estimates.chain(ranges).chain(references.iter().map(|reference| reference.1));
    Some(all.fold((first, first), |(low, high), value| (value.min(low), value.max(high))))
}

fn draw_references<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    references: &[(&str, f64)],
    scale: &Scale,
    area: Rect,
) -> Result<(), RenderError> {
    let mut order = references.to_vec();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut free = 0.0;
    for (name, value) in order {
        let x = scale.at(value);
        canvas.dashes((x, area.top - 4.0), (x, area.bottom), LIMIT)?;
        let name = canvas.fit(name, SMALL, 160.0);
        let half = canvas.width(&name, SMALL) / 2.0;
        let middle = x.clamp(half, WIDTH - half).max(free + half);
        canvas.text(&name, (middle, area.top - 13.0), SMALL, Anchor::MIDDLE, LIMIT)?;
        free = middle + half + 8.0;
    }
    Ok(())
}

fn interval<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    row: &Interval,
    scale: &Scale,
    y: f64,
) -> Result<(), RenderError> {
    let Some(estimate) = finite(row.estimate) else { return Ok(()) };
    if let Some((low, high)) = ends(row) {
        let (low, high) = (scale.at(low), scale.at(high));
        canvas.path(&[(low, y), (high, y)], colour(0), 1.4)?;
        for x in [low, high] {
            canvas.path(&[(x, y - 3.5), (x, y + 3.5)], colour(0), 1.4)?;
        }
    }
    canvas.mark(Mark::Square, (scale.at(estimate), y), 4.2, colour(0))
}
