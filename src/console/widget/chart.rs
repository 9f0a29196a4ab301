//! A chart in text: axes always, the lines in Braille where the terminal has no graphics.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ratatui::layout::{Rect, Size};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::console::canvas::Canvas;
use crate::console::image::{Graphics, Protocol, Want};
use crate::render::chart::{Chart, Ink, Stroke};

/// Bars of one line height for a row of numbers; a dot for nothing.
pub fn sparkline(values: &[u64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let bar = |value: u64| match value {
        0 => '·',
        value => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][((value * 8).div_ceil(most) as usize - 1).min(7)],
    };
    values.iter().map(|value| bar(*value)).collect()
}

/// Draws a chart with its axes; `x_label` and `y_label` name values on them.
pub fn draw_chart(
    canvas: &mut Canvas<'_>,
    area: Rect,
    chart: &Arc<Chart>,
    pane: &'static str,
    graphics: &Graphics,
    labels: (&dyn Fn(f64) -> String, &dyn Fn(f64) -> String),
) {
    let Some(((x0, x1), (y0, y1))) = chart.bounds() else { return };
    let (top, bottom) = ((labels.1)(y1), (labels.1)(y0));
    let axis = (top.width().max(bottom.width()) as u16 + 1).min(area.width / 3);
    if area.height < 3 || area.width < axis + 4 {
        return;
    }
    let plot = Rect { x: area.x + axis, width: area.width - axis, height: area.height - 1, ..area };
    let dim = canvas.theme.dim();
    canvas.text_right(plot.x - 1, plot.y, axis, &top, dim);
    canvas.text_right(plot.x - 1, plot.bottom() - 1, axis, &bottom, dim);
    if plot.height > 6 {
        let middle = (labels.1)(f64::midpoint(y0, y1));
        canvas.text_right(plot.x - 1, plot.y + plot.height / 2, axis, &middle, dim);
    }
    let (first, last) = ((labels.0)(x0), (labels.0)(x1));
    canvas.text(plot.x, plot.bottom(), plot.width, &first, dim);
    if plot.width > first.width() as u16 + last.width() as u16 + 2 {
        canvas.text_right(plot.right(), plot.bottom(), plot.width, &last, dim);
    }
    if graphics.protocol == Protocol::HalfBlocks {
        braille(canvas, plot, chart);
    } else {
        picture(canvas, plot, chart, pane);
    }
}

fn picture(canvas: &mut Canvas<'_>, plot: Rect, chart: &Arc<Chart>, pane: &'static str) {
    let theme = canvas.theme;
    let data = (1..=8).map(|n| theme.rgb(&format!("data_{n}"))).collect();
    let ink = Ink {
        background: theme.rgb("background"),
        axis: theme.rgb("border"),
        alarm: theme.rgb("error"),
        data,
    };
    let mut hasher = DefaultHasher::new();
    format!("{chart:?}{ink:?}").hash(&mut hasher);
    let chart = Arc::clone(chart);
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

    fn line(&mut self, from: (f64, f64), to: (f64, f64), style: Style, dashed: bool) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().clamp(1.0, 4096.0) as u32;
        for step in 0..=steps {
            if dashed && step % 4 > 1 {
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
    let axis = theme.style("border");
    for level in &chart.levels {
        grid.line(place((x0, *level)), place((x1, *level)), axis, true);
    }
    for mark in &chart.marks {
        grid.line(place((*mark, y0)), place((*mark, y1)), axis, true);
    }
    let band = theme.dim();
    for pair in chart.band.windows(2) {
        let &[(a, low_a, high_a), (b, low_b, high_b)] = pair else { continue };
        grid.line(place((a, low_a)), place((b, low_b)), band, true);
        grid.line(place((a, high_a)), place((b, high_b)), band, true);
    }
    for line in &chart.lines {
        let style = theme.style(&format!("data_{}", line.colour % 8 + 1));
        for pair in line.points.windows(2).filter(|_| line.stroke != Stroke::Points) {
            grid.line(place(pair[0]), place(pair[1]), style, line.stroke == Stroke::Dashed);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparkline_shows_the_least_and_the_most() {
        assert_eq!(sparkline(&[0, 1, 50, 100]), "·▁▄█");
    }
}
