//! A chart in text: axes always, the lines in Braille where the terminal has no graphics.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ratatui::layout::{Rect, Size};
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::console::canvas::Canvas;
use crate::console::image::{Graphics, Protocol, Want};
use crate::console::theme::Theme;
use crate::render::chart::{Chart, Ink, LevelKind, Mark, MarkKind, Stroke};

/// Bars of one line height for a row of numbers; a dot for nothing.
pub fn sparkline(values: &[u64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let bar = |value: u64| match value {
        0 => '·',
        value => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][((value * 8).div_ceil(most) as usize - 1).min(7)],
    };
    values.iter().map(|value| bar(*value)).collect()
}

/// A chart with the number that tells it from others, worked out once: frames only compare it.
#[derive(Debug, Clone)]
pub struct Plot {
    chart: Arc<Chart>,
    number: u64,
}

impl Plot {
    /// A chart that is ready to be drawn, again and again.
    pub fn new(chart: Chart) -> Self {
        let mut hasher = DefaultHasher::new();
        format!("{chart:?}").hash(&mut hasher);
        Self { chart: Arc::new(chart), number: hasher.finish() }
    }

    /// The data.
    pub fn chart(&self) -> &Chart {
        &self.chart
    }
}

/// How the axes of a chart are written.
#[derive(Clone, Copy)]
pub struct Axes<'a> {
    /// A value on the x axis.
    pub x: &'a dyn Fn(f64) -> String,
    /// A value on the y axis.
    pub y: &'a dyn Fn(f64) -> String,
}

/// Draws a chart with its axes; the names of marks stand over it and those of levels at its right.
pub fn draw_chart(
    canvas: &mut Canvas<'_>,
    area: Rect,
    plotted: &Plot,
    pane: &'static str,
    graphics: &Graphics,
    axes: Axes<'_>,
) {
    let chart = plotted.chart();
    let Some(((x0, x1), (y0, y1))) = chart.bounds() else { return };
    let (top, bottom) = ((axes.y)(y1), (axes.y)(y0));
    let axis = (top.width().max(bottom.width()) as u16 + 1).min(area.width / 3);
    let names: Vec<String> =
        chart.levels.iter().map(|level| format!("{} {}", level.name, (axes.y)(level.value))).collect();
    let side = names.iter().map(|name| name.width() as u16 + 1).max().unwrap_or(0);
    let side = if side + axis + 30 <= area.width { side } else { 0 };
    let over = u16::from(area.height >= 8 && chart.marks.iter().any(|mark| !mark.name.is_empty()));
    if area.height < 3 + over || area.width < axis + side + 4 {
        return;
    }
    let plot = Rect {
        x: area.x + axis,
        y: area.y + over,
        width: area.width - axis - side,
        height: area.height - 1 - over,
    };
    let dim = canvas.theme.dim();
    canvas.text_right(plot.x - 1, plot.y, axis, &top, dim);
    canvas.text_right(plot.x - 1, plot.bottom() - 1, axis, &bottom, dim);
    if plot.height > 6 {
        let middle = (axes.y)(f64::midpoint(y0, y1));
        canvas.text_right(plot.x - 1, plot.y + plot.height / 2, axis, &middle, dim);
    }
    let (first, last) = ((axes.x)(x0), (axes.x)(x1));
    canvas.text(plot.x, plot.bottom(), plot.width, &first, dim);
    if plot.width > first.width() as u16 + last.width() as u16 + 2 {
        canvas.text_right(plot.right(), plot.bottom(), plot.width, &last, dim);
    }
    if side > 0 {
        draw_level_names(canvas, plot, chart, &names, (y0, y1));
    }
    if over > 0 {
        draw_mark_names(canvas, Rect { y: area.y, height: 1, ..plot }, chart, (x0, x1));
    }
    if graphics.protocol == Protocol::HalfBlocks {
        braille(canvas, plot, chart);
    } else {
        picture(canvas, plot, plotted, pane);
    }
}

/// Each level's name beside its end; those that would stand on another go.
fn draw_level_names(
    canvas: &mut Canvas<'_>,
    plot: Rect,
    chart: &Chart,
    names: &[String],
    (y0, y1): (f64, f64),
) {
    let mut taken = Vec::new();
    for (level, name) in chart.levels.iter().zip(names) {
        let share = (level.value - y0) / (y1 - y0);
        let row = (f64::from(plot.height) * (1.0 - share)).floor().clamp(0.0, f64::from(plot.height - 1));
        let y = plot.y + row as u16;
        if level.value.is_finite() && !taken.contains(&y) {
            taken.push(y);
            let room = name.width() as u16;
            canvas.text(plot.right() + 1, y, room, name, canvas.theme.dim());
        }
    }
}

/// Each mark's name over it; those that would stand on another go.
fn draw_mark_names(canvas: &mut Canvas<'_>, line: Rect, chart: &Chart, (x0, x1): (f64, f64)) {
    // What moved since when comes first where there is no room for all.
    let mut marks: Vec<&Mark> = chart.marks.iter().collect();
    marks.sort_by_key(|mark| mark.kind != MarkKind::Since);
    let mut taken: Vec<(u16, u16)> = Vec::new();
    for mark in marks {
        let name = format!("{} {}", mark_sign(mark.kind), mark.name);
        let width = name.trim_end().width() as u16;
        let share = (mark.at - x0) / (x1 - x0);
        let at = (f64::from(line.width) * share).clamp(0.0, f64::from(line.width)) as u16;
        let x = line.x + at.min(line.width.saturating_sub(width));
        if (0.0..=1.0).contains(&share) && taken.iter().all(|(from, to)| x + width < *from || x > *to) {
            taken.push((x, x + width));
            let style = canvas.theme.style(if mark.kind == MarkKind::Since { "error" } else { "data_5" });
            canvas.text(x, line.y, width, name.trim_end(), style);
        }
    }
}

/// The sign of a kind of mark, in legends and over the chart.
pub fn mark_sign(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Since => "│",
        MarkKind::Guideline => "┆",
        MarkKind::Scanner => "┊",
    }
}

fn picture(canvas: &mut Canvas<'_>, plot: Rect, plotted: &Plot, pane: &'static str) {
    let theme = canvas.theme;
    let ink = Ink {
        background: theme.rgb("background"),
        axis: theme.rgb("border"),
        limit: theme.rgb("text_dim"),
        mark: theme.rgb("data_5"),
        alarm: theme.rgb("error"),
        cursor: theme.rgb("accent"),
        data: (1..=8).map(|n| theme.rgb(&format!("data_{n}"))).collect(),
    };
    let mut hasher = DefaultHasher::new();
    format!("{}{ink:?}", plotted.number).hash(&mut hasher);
    let chart = Arc::clone(&plotted.chart);
    let want = Want {
        pane,
        size: Size { width: plot.width, height: plot.height },
        content: hasher.finish(),
        coarse: false,
        painter: Arc::new(move |target| Some(chart.image(target.width, target.height, &ink))),
    };
    if !canvas.picture(plot, want) {
        canvas.text(plot.x, plot.y, plot.width, "…", theme.dim());
    }
}

/// Dots of a Braille cell, by column and row.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

struct Grid {
    width: usize,
    height: usize,
    dots: Vec<u32>,
    styles: Vec<Style>,
}

impl Grid {
    fn set(&mut self, x: f64, y: f64, style: Style) {
        let (x, y) = (x.round(), y.round());
        if x < 0.0 || y < 0.0 || x >= (self.width * 2) as f64 || y >= (self.height * 4) as f64 {
            return;
        }
        let (x, y) = (x as usize, y as usize);
        let at = y / 4 * self.width + x / 2;
        self.dots[at] |= DOTS[x % 2][y % 4];
        self.styles[at] = style;
    }

    /// A line of dots, `dash.0` drawn and `dash.1` left out in turn.
    fn line(&mut self, from: (f64, f64), to: (f64, f64), style: Style, dash: (i32, i32)) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().clamp(1.0, 4096.0) as u32;
        for step in 0..=steps {
            if step as i32 % (dash.0 + dash.1).max(1) >= dash.0 {
                continue;
            }
            let share = f64::from(step) / f64::from(steps);
            self.set(from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share, style);
        }
    }
}

fn braille(canvas: &mut Canvas<'_>, plot: Rect, chart: &Chart) {
    let Some(((x0, x1), (y0, y1))) = chart.bounds() else { return };
    let (width, height) = (usize::from(plot.width), usize::from(plot.height));
    let theme = canvas.theme;
    let mut grid =
        Grid { width, height, dots: vec![0; width * height], styles: vec![theme.text(); width * height] };
    let (right, bottom) = ((width * 2 - 1) as f64, (height * 4 - 1) as f64);
    let place = |(x, y): (f64, f64)| ((x - x0) / (x1 - x0) * right, bottom - (y - y0) / (y1 - y0) * bottom);
    draw_ground(&mut grid, chart, theme, &place);
    for line in &chart.lines {
        let style = theme.style(&format!("data_{}", line.colour % 8 + 1));
        let dash = if line.stroke == Stroke::Dashed { DASHED } else { WHOLE };
        let joined = if line.stroke == Stroke::Chained { theme.dim() } else { style };
        for pair in line.points.windows(2).filter(|_| line.stroke != Stroke::Points) {
            grid.line(place(pair[0]), place(pair[1]), joined, dash);
        }
        for point in &line.points {
            let (x, y) = place(*point);
            grid.set(x, y, style);
        }
    }
    for row in 0..height {
        for column in 0..width {
            let at = row * width + column;
            if let Some(symbol) = char::from_u32(0x2800 + grid.dots[at]).filter(|_| grid.dots[at] > 0) {
                let (x, y) = (plot.x + column as u16, plot.y + row as u16);
                canvas.text(x, y, 1, &symbol.to_string(), grid.styles[at]);
            }
        }
    }
    for alarm in &chart.alarms {
        let (x, y) = place(*alarm);
        canvas.text(plot.x + (x / 2.0) as u16, plot.y + (y / 4.0) as u16, 1, "▲", theme.style("error"));
    }
    if let Some(cursor) = chart.cursor {
        let (x, y) = place(cursor);
        let style = theme.style("accent").add_modifier(Modifier::BOLD);
        canvas.text(plot.x + (x / 2.0) as u16, plot.y + (y / 4.0) as u16, 1, "◉", style);
    }
}

const WHOLE: (i32, i32) = (1, 0);
const DASHED: (i32, i32) = (2, 2);

/// What lies under the lines: the end of the reference, band, levels, marks.
fn draw_ground(grid: &mut Grid, chart: &Chart, theme: &Theme, place: &dyn Fn((f64, f64)) -> (f64, f64)) {
    let Some(((x0, x1), (y0, y1))) = chart.bounds() else { return };
    let axis = theme.style("border");
    for level in &chart.levels {
        let dash = if level.kind == LevelKind::Centre { WHOLE } else { DASHED };
        grid.line(place((x0, level.value)), place((x1, level.value)), axis, dash);
    }
    if let Some((from, to)) = chart.reference {
        grid.line(place((from.max(x0), y0)), place((to.min(x1), y0)), axis, WHOLE);
    }
    for mark in &chart.marks {
        let style = theme.style(if mark.kind == MarkKind::Since { "error" } else { "data_5" });
        grid.line(place((mark.at, y0)), place((mark.at, y1)), style, mark.kind.dash());
    }
    let band = theme.dim();
    for pair in chart.band.windows(2) {
        let &[(a, low_a, high_a), (b, low_b, high_b)] = pair else { continue };
        grid.line(place((a, low_a)), place((b, low_b)), band, DASHED);
        grid.line(place((a, high_a)), place((b, high_b)), band, DASHED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparkline_shows_the_least_and_the_most() {
        assert_eq!(sparkline(&[0, 1, 50, 100]), "·▁▄█");
    }
}
