//! A matrix of values: cells filled with colour, the value in each, names at the left and above.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::console::canvas::Canvas;
use crate::console::image::{Graphics, Protocol, Want};
use crate::console::theme::Depth;
use crate::render::heat::{HeatCell, HeatMap, heat_colour, ink_on};

/// Cells of the terminal that a matrix takes: names, and columns and rows of each of its cells.
struct Layout {
    names: u16,
    width: u16,
    height: u16,
    rows: usize,
    columns: usize,
}

impl Layout {
    /// As large as it fits; what does not fit is left out, and the caller says so.
    fn of(map: &HeatMap, names: &[String], area: Rect) -> Option<Self> {
        let longest = names.iter().map(|name| name.width() as u16 + 1).max().unwrap_or(0);
        let names = longest.min(area.width / 4).max(3);
        let text = map.cells.iter().map(|cell| cell.text.width() as u16 + 2).max().unwrap_or(0).max(4);
        let (room, lines) = (area.width.checked_sub(names)?, area.height.checked_sub(1)?);
        let columns = map.columns.min(usize::from(room / text));
        let rows = map.rows().min(usize::from(lines));
        if columns == 0 || rows == 0 {
            return None;
        }
        let width = (room / columns as u16).clamp(text, 14.max(text));
        let height = (lines / rows as u16).clamp(1, 3);
        Some(Self { names, width, height, rows, columns })
    }
}

/// Draws a matrix with the names of its rows and columns; returns how many rows and columns were left out for want of
/// room.
pub fn draw_heat(
    canvas: &mut Canvas<'_>,
    area: Rect,
    map: &Arc<HeatMap>,
    names: (&[String], &[String]),
    pane: &'static str,
    graphics: &Graphics,
) -> (usize, usize) {
    let Some(layout) = Layout::of(map, names.0, area) else { return (map.rows(), map.columns) };
    let plot = Rect {
        x: area.x + layout.names,
        y: area.y + 1,
        width: layout.width * layout.columns as u16,
        height: layout.height * layout.rows as u16,
    };
    let dim = canvas.theme.dim();
    let here = canvas.theme.style("accent").add_modifier(Modifier::BOLD);
    for (column, name) in names.1.iter().take(layout.columns).enumerate() {
        let style = if map.cursor.is_some_and(|(_, at)| at == column) { here } else { dim };
        let x = plot.x + column as u16 * layout.width;
        let width = layout.width - 1;
        let left = width.saturating_sub(name.width() as u16) / 2;
        canvas.text(x + left, area.y, width - left, name, style);
    }
    for (row, name) in names.0.iter().take(layout.rows).enumerate() {
        let style = if map.cursor.is_some_and(|(at, _)| at == row) { here } else { dim };
        let y = plot.y + row as u16 * layout.height + (layout.height - 1) / 2;
        canvas.text_right(plot.x - 1, y, layout.names - 1, name, style);
    }
    let whole = layout.rows == map.rows() && layout.columns == map.columns;
    if graphics.protocol == Protocol::HalfBlocks || !whole || layout.height < 2 {
        fill(canvas, plot, map, &layout);
    } else {
        picture(canvas, plot, map, pane);
    }
    (map.rows() - layout.rows, map.columns - layout.columns)
}

fn picture(canvas: &mut Canvas<'_>, plot: Rect, map: &Arc<HeatMap>, pane: &'static str) {
    let theme = canvas.theme;
    let (ground, frame) = (theme.rgb("background"), theme.rgb("accent"));
    let mut hasher = DefaultHasher::new();
    format!("{map:?}{ground:?}{frame:?}").hash(&mut hasher);
    let map = Arc::clone(map);
    let want = Want {
        pane,
        size: Size { width: plot.width, height: plot.height },
        content: hasher.finish(),
        coarse: false,
        painter: Arc::new(move |target| Some(map.image(target.width, target.height, ground, frame))),
    };
    if !canvas.picture(plot, want) {
        canvas.text(plot.x, plot.y, plot.width, "…", theme.dim());
    }
}

fn fill(canvas: &mut Canvas<'_>, plot: Rect, map: &HeatMap, layout: &Layout) {
    for row in 0..layout.rows {
        for column in 0..layout.columns {
            let Some(cell) = map.cell(row, column) else { continue };
            let place = Rect {
                x: plot.x + column as u16 * layout.width,
                y: plot.y + row as u16 * layout.height,
                // A blank column between two cells keeps their values apart.
                width: layout.width - 1,
                height: layout.height,
            };
            fill_cell(canvas, place, cell, map.cursor == Some((row, column)));
        }
    }
}

fn fill_cell(canvas: &mut Canvas<'_>, place: Rect, cell: &HeatCell, here: bool) {
    let style = style(canvas, cell);
    canvas.restyle(place, style);
    let text = match (cell.poor, here) {
        (true, false) => format!("▼{}", cell.text),
        (true, true) => format!("▼{}◂", cell.text),
        (false, true) => format!(" {}◂", cell.text),
        (false, false) => cell.text.clone(),
    };
    let bold = if here { style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED) } else { style };
    let line = |canvas: &mut Canvas<'_>, y: u16, text: &str, style: Style| {
        let left = place.width.saturating_sub(text.width() as u16) / 2;
        canvas.text(place.x + left, y, place.width - left, text, style);
    };
    let middle = place.y + (place.height - 1) / 2;
    line(canvas, middle, &text, bold);
    if middle + 1 < place.bottom() {
        line(canvas, middle + 1, &cell.note, style);
    }
}

/// Colour under the value where there are enough colours to rank by; else the value alone.
fn style(canvas: &Canvas<'_>, cell: &HeatCell) -> Style {
    let theme = canvas.theme;
    match (cell.share, theme.depth) {
        (None, _) => theme.dim(),
        (Some(_), Depth::None | Depth::Sixteen) if cell.poor => theme.style("error"),
        (Some(_), Depth::None | Depth::Sixteen) => theme.text(),
        (Some(share), Depth::Indexed | Depth::Full) => {
            let ground = heat_colour(share);
            let colour = |[r, g, b]: [u8; 3]| Color::Rgb(r, g, b);
            Style::new().fg(colour(ink_on(ground))).bg(colour(ground))
        }
    }
}

/// The scale from 0 to 1 as a legend; returns the cells used. Without enough colours the value alone ranks.
pub fn draw_scale(canvas: &mut Canvas<'_>, x: u16, y: u16) -> u16 {
    const STEPS: u16 = 10;
    let dim = canvas.theme.dim();
    if canvas.theme.depth <= Depth::Sixteen {
        return canvas.text(x, y, 12, "from 0 to 1", dim);
    }
    canvas.text(x, y, 1, "0", dim);
    for step in 0..STEPS {
        let [r, g, b] = heat_colour(f64::from(step) / f64::from(STEPS - 1));
        canvas.text(x + 2 + step, y, 1, "█", Style::new().fg(Color::Rgb(r, g, b)));
    }
    canvas.text(x + 3 + STEPS, y, 1, "1", dim);
    STEPS + 4
}
