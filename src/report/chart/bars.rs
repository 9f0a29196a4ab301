//! Bars and histograms.

use plotters::prelude::DrawingBackend;

use super::super::{RenderError, Series};
use super::axis::{Scale, decimals, value};
use super::canvas::{AXIS, Anchor, Canvas, GRID, INK, MUTED, Rect, SIZE, SMALL, colour};
use super::{MARGIN, MOST_ROWS, WIDTH, finite, more, more_height, nothing};

/// How high a chart with standing bars is.
const STANDING: f64 = 270.0;
/// The most names that lie under standing bars.
const MOST_STANDING: usize = 12;

/// How high a chart with bars is.
pub(super) fn height(categories: &[String], series: &[Series], stacked: bool) -> f64 {
    if stands(categories, series, stacked) {
        return STANDING;
    }
    let rows = categories.len().clamp(1, MOST_ROWS) as f64;
    rows * row_height(series, stacked) + 68.0 + more_height(categories.len())
}

/// The height of a category with lying bars.
fn row_height(series: &[Series], stacked: bool) -> f64 {
    if stacked { 26.0 } else { 12.0 + 14.0 * series.len().clamp(1, 8) as f64 }
}

/// Whether the bars stand: if there are few, with short names.
fn stands(categories: &[String], series: &[Series], stacked: bool) -> bool {
    let many = if stacked { 1 } else { series.len().max(1) };
    let room = 620.0 / categories.len().max(1) as f64;
    let fits = |name: &String| name.chars().count() as f64 * 7.5 < room * 1.8;
    (2..=MOST_STANDING).contains(&categories.len())
        && categories.len() * many <= 30
        && categories.iter().all(fits)
}

/// A bar: its category, its place among those of the category, its colour and its ends.
struct Bar {
    category: usize,
    lane: usize,
    series: usize,
    from: f64,
    to: f64,
}

/// Draws a chart with bars.
pub(super) fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    categories: &[String],
    series: &[Series],
    stacked: bool,
    unit: &str,
) -> Result<(), RenderError> {
    let stands = stands(categories, series, stacked);
    let shown = if stands { categories.len() } else { categories.len().min(MOST_ROWS) };
    let bars = bars(series, shown, stacked);
    if bars.is_empty() {
        return nothing(canvas);
    }
    let names: Vec<_> = series.iter().map(|series| series.name.as_str()).collect();
    let top = if names.len() > 1 { canvas.legend(&names, false)? } else { 4.0 };
    let ends = || bars.iter().flat_map(|bar| [bar.from, bar.to]);
    let (low, high) = (ends().fold(0.0, f64::min), ends().fold(0.0, f64::max));
    let lanes = if stacked { 1 } else { series.len() };
    let decimals = decimals(bars.iter().map(|bar| bar.to - bar.from));
    let values = bars.len() <= 40 && !stacked;
    let plot = Plot { canvas, lanes, unit, values, all: categories.len(), decimals };
    if stands {
        return plot.standing(categories, &bars, (low, high), top);
    }
    plot.lying(&categories[..shown], &bars, (low, high), top)?;
    more(canvas, shown, categories.len())
}

/// The bars of a chart.
fn bars(series: &[Series], categories: usize, stacked: bool) -> Vec<Bar> {
    let mut bars = Vec::new();
    for category in 0..categories {
        let (mut over, mut under) = (0.0, 0.0);
        for (lane, values) in series.iter().enumerate() {
            let Some(value) = values.values.get(category).copied().and_then(finite) else { continue };
            let base = if value < 0.0 { &mut under } else { &mut over };
            let from = if stacked { *base } else { 0.0 };
            *base += value;
            let lane_shown = if stacked { 0 } else { lane };
            bars.push(Bar { category, lane: lane_shown, series: lane, from, to: from + value });
        }
    }
    bars
}

/// What the two ways of drawing bars have in common.
struct Plot<'c, 'f, 'u, DB: DrawingBackend> {
    canvas: &'c Canvas<'f, DB>,
    lanes: usize,
    unit: &'u str,
    values: bool,
    all: usize,
    decimals: usize,
}

impl<DB: DrawingBackend> Plot<'_, '_, '_, DB> {
    fn standing(
        &self,
        categories: &[String],
        bars: &[Bar],
        ends: (f64, f64),
        top: f64,
    ) -> Result<(), RenderError> {
        let canvas = self.canvas;
        let names: Vec<_> = categories
            .iter()
            .map(|name| canvas.lines(name, SMALL, (WIDTH - 60.0) / categories.len() as f64 - 6.0, 2))
            .collect();
        let most = names.iter().map(Vec::len).max().unwrap_or(1) as f64;
        let area = Rect::new(0.0, top + 26.0, WIDTH - MARGIN, canvas.height - 9.0 - 13.4 * most);
        // Room for the values under the bars that hang down.
        let room = if ends.0 < 0.0 && self.values { (ends.1 - ends.0) * 0.08 } else { 0.0 };
        let scale = Scale::new(ends.0 - room, ends.1, area.bottom, area.top).rounded(5);
        let left = upright(canvas, &scale, area, self.unit)?;
        let slot = (area.right - left) / categories.len() as f64;
        let wide = (slot * 0.72 / self.lanes as f64).min(56.0);
        for bar in bars {
            let middle = left + slot * (bar.category as f64 + 0.5);
            let x = middle + wide * (bar.lane as f64 - self.lanes as f64 / 2.0);
            let (a, b) = (scale.at(bar.from), scale.at(bar.to));
            let rect = Rect::new(x + 0.7, a.min(b), x + wide - 0.7, a.max(b));
            canvas.rect(rect, colour(bar.series), true)?;
            self.seam(Rect { bottom: rect.top + 0.7, ..rect })?;
            let text = value(bar.to - bar.from, self.decimals);
            if self.values && canvas.width(&text, SMALL) < wide + 4.0 {
                let y = if bar.to < bar.from { rect.bottom + 8.0 } else { rect.top - 8.0 };
                canvas.text(&text, (x + wide / 2.0, y), SMALL, Anchor::MIDDLE, INK)?;
            }
        }
        let zero = scale.at(0.0);
        canvas.path(&[(left, zero), (area.right, zero)], AXIS, 1.0)?;
        for (index, lines) in names.iter().enumerate() {
            let y = area.bottom + 6.0 + 6.7 * lines.len() as f64;
            canvas.block(lines, (left + slot * (index as f64 + 0.5), y), SMALL, Anchor::MIDDLE)?;
        }
        Ok(())
    }

    fn lying(
        &self,
        categories: &[String],
        bars: &[Bar],
        ends: (f64, f64),
        top: f64,
    ) -> Result<(), RenderError> {
        let canvas = self.canvas;
        let left = names_width(canvas, categories);
        let bottom = canvas.height - under(self.unit) - more_height(self.all);
        let area = Rect::new(left, top + 4.0, WIDTH - MARGIN - 34.0, bottom);
        let scale = Scale::new(ends.0, ends.1, area.left, area.right).rounded(6);
        below(canvas, &scale, area, &scale.ticks(6), self.unit)?;
        let slot = area.height() / categories.len() as f64;
        let high = (slot * 0.74 / self.lanes as f64).min(26.0);
        for bar in bars {
            let middle = area.top + slot * (bar.category as f64 + 0.5);
            let y = middle + high * (bar.lane as f64 - self.lanes as f64 / 2.0);
            let (a, b) = (scale.at(bar.from), scale.at(bar.to));
            let rect = Rect::new(a.min(b), y + 0.7, a.max(b), y + high - 0.7);
            canvas.rect(rect, colour(bar.series), true)?;
            self.seam(Rect { left: rect.right - 0.7, ..rect })?;
            if self.values && high > 8.0 {
                let (x, anchor) = if bar.to < bar.from {
                    (rect.left - 5.0, Anchor::RIGHT)
                } else {
                    (rect.right + 5.0, Anchor::LEFT)
                };
                canvas.text(
                    &value(bar.to - bar.from, self.decimals),
                    (x, y + high / 2.0),
                    SMALL,
                    anchor,
                    INK,
                )?;
            }
        }
        let zero = scale.at(0.0);
        canvas.path(&[(zero, area.top), (zero, area.bottom)], AXIS, 1.0)?;
        row_names(canvas, categories, area)
    }

    /// A white line at the end of a stacked bar.
    fn seam(&self, rect: Rect) -> Result<(), RenderError> {
        if self.lanes > 1 { Ok(()) } else { self.canvas.rect(rect, plotters::style::WHITE, true) }
    }
}

/// The room that the names of rows need.
pub(super) fn names_width<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, names: &[String]) -> f64 {
    let widest = names.iter().take(MOST_ROWS).map(|name| canvas.width(name, SIZE)).fold(0.0, f64::max);
    (widest + 14.0).clamp(40.0, 265.0)
}

/// Writes the names of rows at the left of a plot.
pub(super) fn row_names<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    names: &[String],
    area: Rect,
) -> Result<(), RenderError> {
    let slot = area.height() / names.len().max(1) as f64;
    for (index, name) in names.iter().enumerate() {
        let (size, most) = if slot >= 25.0 { (SIZE, (slot / 13.0) as usize) } else { (SMALL, 1) };
        let lines = canvas.lines(name, size, area.left - 12.0, most.min(3));
        let y = area.top + slot * (index as f64 + 0.5);
        canvas.block(&lines, (area.left - 9.0, y), size, Anchor::RIGHT)?;
    }
    Ok(())
}

/// Draws an axis at the left with its lines, and tells where the plot begins. The unit stands above it.
pub(super) fn upright<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    scale: &Scale,
    area: Rect,
    unit: &str,
) -> Result<f64, RenderError> {
    let ticks = scale.ticks(5);
    let widest = ticks.iter().map(|(_, name)| canvas.width(name, SMALL)).fold(0.0, f64::max);
    let left = area.left + widest + 10.0;
    for (value, name) in &ticks {
        let y = scale.at(*value);
        canvas.path(&[(left, y), (area.right, y)], GRID, 0.9)?;
        canvas.text(name, (left - 8.0, y), SMALL, Anchor::RIGHT, MUTED)?;
    }
    let unit = canvas.fit(unit, SMALL, WIDTH * 0.7);
    canvas.text(&unit, (area.left, area.top - 18.0), SMALL, Anchor::LEFT, MUTED)?;
    Ok(left)
}

/// The room under a plot for the numbers of its axis and its unit.
pub(super) const fn under(unit: &str) -> f64 {
    if unit.is_empty() { 21.0 } else { 38.0 }
}

/// Draws an axis at the bottom with its lines; the unit stands below it.
pub(super) fn below<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    scale: &Scale,
    area: Rect,
    ticks: &[(f64, String)],
    unit: &str,
) -> Result<(), RenderError> {
    let mut free = f64::MIN;
    for (value, name) in ticks {
        let x = scale.at(*value);
        canvas.path(&[(x, area.top), (x, area.bottom)], GRID, 0.9)?;
        let wide = canvas.width(name, SMALL);
        if x - wide / 2.0 > free {
            let middle = x.min(WIDTH - wide / 2.0);
            canvas.text(name, (middle, area.bottom + 12.0), SMALL, Anchor::MIDDLE, MUTED)?;
            free = x + wide / 2.0 + 6.0;
        }
    }
    let unit = canvas.fit(unit, SMALL, area.width());
    canvas.text(
        &unit,
        (f64::midpoint(area.left, area.right), area.bottom + 29.0),
        SMALL,
        Anchor::MIDDLE,
        MUTED,
    )
}

/// The most bins of a histogram that are drawn apart.
const MOST_BINS: usize = 360;

/// Some bins beside one another as one.
fn merged(bins: &[(f64, f64, f64)]) -> Option<(f64, f64, f64)> {
    Some((bins.first()?.0, bins.last()?.1, bins.iter().map(|bin| bin.2).sum()))
}

/// What the bars of a histogram are.
fn counted(together: usize) -> String {
    if together == 1 { String::from("count") } else { format!("count in {together} bins together") }
}

/// Draws a histogram.
pub(super) fn histogram<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    edges: &[f64],
    counts: &[u64],
    unit: &str,
) -> Result<(), RenderError> {
    let bins: Vec<_> = edges
        .windows(2)
        .zip(counts)
        .filter_map(|(edge, count)| Some((finite(edge[0])?, finite(edge[1])?, *count as f64)))
        .collect();
    let together = bins.len().div_ceil(MOST_BINS).max(1);
    let bins: Vec<_> = bins.chunks(together).filter_map(merged).collect();
    let Some(low) = bins.iter().map(|bin| bin.0.min(bin.1)).reduce(f64::min) else { return nothing(canvas) };
    let high = bins.iter().map(|bin| bin.0.max(bin.1)).fold(low, f64::max);
    let most = bins.iter().map(|bin| bin.2).fold(0.0, f64::max);
    let area = Rect::new(0.0, 30.0, WIDTH - MARGIN, canvas.height - under(unit));
    let upward = Scale::new(0.0, most, area.bottom, area.top).rounded(4);
    let left = upright(canvas, &upward, area, &counted(together))?;
    let area = Rect { left, ..area };
    let across = Scale::new(low, high, area.left, area.right);
    for (from, to, count) in bins {
        let (a, b) = (across.at(from), across.at(to));
        let gap = ((b - a).abs() * 0.06).min(0.6);
        let rect = Rect::new(a.min(b) + gap, upward.at(count), a.max(b) - gap, area.bottom);
        canvas.rect(rect, colour(0), true)?;
    }
    canvas.path(&[(area.left, area.bottom), (area.right, area.bottom)], AXIS, 1.0)?;
    let flat = Rect { top: area.bottom, ..area };
    below(canvas, &across, flat, &across.ticks(8), unit)
}
