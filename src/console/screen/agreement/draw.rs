//! How Agreement looks.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::shape::{coefficient, decimals, interval, interval_bar, measure_name, said, value, verdict};
use super::{Agreement, Pane};
use crate::console::canvas::Canvas;
use crate::console::screen::{Context, draw_absent};
use crate::console::widget::{Align, Cell, Column, Table, draw_heat, draw_scale, words};
use crate::engine::query::{AgreementDetail, PairAgreement, WorstCase};

const MEASURES: &[Column] = &[
    Column::text("", 1, 0, 0),
    Column::text("measure", 16, 3, 0),
    Column::number("value", 6, 0),
    Column::text("95 %", 11, 0, 1),
    Column::number("least", 6, 0),
    Column::text("0 ─ 1", 15, 0, 3),
    Column::text("coefficient", 11, 0, 5),
    Column::number("items", 6, 2),
    Column::number("readers", 7, 6),
    Column::number("alike", 6, 4),
];

/// What an empty screen says.
const EMPTY: &str = "No reads yet. Import what readers said with  gantry label import TABLE.csv  (item, reader, \
                     value …); every read is measured as it comes.";

impl Agreement {
    pub(super) fn draw_all(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let Some(view) = self.view.value.as_ref().filter(|view| !view.measures.is_empty()) else {
            let inner = canvas.pane(area, "Agreement", true);
            let reason = self.view.value.as_ref().and_then(|view| view.reason.as_deref());
            draw_absent(canvas, inner, &self.view, context, reason.unwrap_or(EMPTY));
            return;
        };
        let lines = view.measures.len() as u16 + 3;
        let Some(detail) = &view.selected else {
            self.draw_measures(canvas, area);
            return;
        };
        if area.width >= 120 && area.height >= 30 {
            let left = (area.width * 9 / 20).clamp(56, 100);
            let readers = detail.readers.len() as u16;
            let top = (readers * 3 + 4).clamp(12, area.height / 2 + 2);
            let (over, under) = split(area, top);
            let (measures, matrix) = beside(over, left);
            let (spread, cases) = beside(under, left);
            self.draw_measures(canvas, measures);
            self.draw_readers(canvas, matrix, detail, context);
            self.draw_said(canvas, spread, detail);
            self.draw_cases(canvas, cases, detail);
            return;
        }
        let top = lines.clamp(4, (area.height * 2 / 5).max(4));
        let (over, under) = split(area, top);
        self.draw_measures(canvas, over);
        match self.shown {
            Pane::Measures | Pane::Readers => self.draw_readers(canvas, under, detail, context),
            Pane::RatedValue => self.draw_said(canvas, under, detail),
            Pane::Cases => self.draw_cases(canvas, under, detail),
        }
        self.draw_tabs(canvas, under);
    }

    /// The tabs of a narrow screen, over the title of the lower pane.
    fn draw_tabs(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let shown = if self.shown == Pane::Measures { Pane::Readers } else { self.shown };
        let tabs =
            [(Pane::Readers, "readers"), (Pane::RatedValue, "what each said"), (Pane::Cases, "worst cases")];
        let border = canvas.theme.style(if self.pane == shown { "border_focus" } else { "border" });
        let line = "─".repeat(usize::from(area.width.saturating_sub(2)));
        canvas.text(area.x + 1, area.y, area.width.saturating_sub(2), &line, border);
        let mut x = area.x + 2;
        for (pane, name) in tabs {
            let accent = canvas.theme.style("accent");
            let style =
                if pane == shown { accent.add_modifier(Modifier::REVERSED) } else { canvas.theme.dim() };
            x += canvas.text(x, area.y, area.right().saturating_sub(x + 1), &format!(" {name} "), style) + 1;
        }
    }

    fn draw_measures(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let inner = canvas.pane(area, "Measures", self.pane == Pane::Measures);
        let row = self.detail().map(|detail| &detail.row);
        let warning = row.and_then(|row| row.warning.as_deref());
        let note = row.and_then(|row| row.note.as_deref()).filter(|_| warning.is_none());
        let foot = if inner.height > 6 && (warning.is_some() || note.is_some()) { 2 } else { 0 };
        let list = Rect { height: inner.height - foot, ..inner };
        let theme = canvas.theme;
        let rows = self.rows();
        let table = Table { columns: MEASURES, list: &self.measures, focus: self.pane == Pane::Measures };
        table.draw(canvas, list, |index| {
            let row = rows.get(index as usize)?;
            let (shape, role, _) = verdict(row.verdict);
            let style = theme.style(role).add_modifier(Modifier::BOLD);
            Some(vec![
                (shape.to_string(), style).into(),
                measure_name(row).into(),
                (value(&row.value), style).into(),
                (interval(&row.value), theme.dim()).into(),
                row.threshold.map_or(String::new(), |least| format!("{least:.2}")).into(),
                (interval_bar(&row.value, row.threshold, 15), theme.style("data_1")).into(),
                (coefficient(&row.coefficient).to_string(), theme.dim()).into(),
                words::count(row.value.n).into(),
                row.readers.to_string().into(),
                row.percent_agreement.value.map_or(String::new(), |v| format!("{:.0} %", v * 100.0)).into(),
            ])
        });
        let place = Rect { x: inner.x + 1, y: inner.bottom() - foot, width: inner.width - 1, height: foot };
        match (warning, note) {
            (Some(warning), _) if foot > 0 => {
                canvas.paragraph(place, &format!("◆ {warning}"), canvas.theme.style("warning"));
            }
            (None, Some(note)) if foot > 0 => {
                canvas.paragraph(place, note, canvas.theme.dim());
            }
            _ => {}
        }
    }

    fn draw_readers(
        &self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        detail: &AgreementDetail,
        context: &Context<'_>,
    ) {
        let title = format!("Readers · {} of pairs", coefficient(&detail.pair_coefficient));
        let inner = canvas.pane(area, &title, self.pane == Pane::Readers);
        let Some(matrix) = &self.matrix else {
            canvas.empty(inner, "Nobody has read this structure yet.");
            return;
        };
        let names: Vec<String> = detail.readers.iter().map(|reader| reader.name.clone()).collect();
        let foot = if inner.height > 6 { 2 } else { 1 };
        let place = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            height: inner.height.saturating_sub(foot),
            ..inner
        };
        let heads = words::short_names(&names);
        let left_out =
            draw_heat(canvas, place, matrix, (&names, &heads), "agreement.readers", &context.graphics);
        let y = inner.bottom() - 1;
        let words = self.pair_words(detail);
        let room = inner.width.saturating_sub(2);
        canvas.text(inner.x + 1, y, room, &words, canvas.theme.text());
        if foot > 1 {
            let mut legend = vec![String::new()];
            legend.extend(detail.row.threshold.map(|least| format!("▼ below {least:.2}")));
            if left_out != (0, 0) {
                let missing = left_out.0.max(left_out.1);
                legend.push(format!("{missing} readers do not fit; a larger window shows them"));
            }
            let used = draw_scale(canvas, inner.x + 1, y - 1);
            let x = inner.x + 1 + used;
            let dim = canvas.theme.dim();
            canvas.text(x, y - 1, room.saturating_sub(used), &legend.join(" · "), dim);
        }
    }

    /// The pair under the cursor; without the cursor the pair that agrees least.
    fn pair_words(&self, detail: &AgreementDetail) -> String {
        let name = |at: usize| detail.readers.get(at).map_or("", |reader| &reader.name);
        if self.pane == Pane::Readers && self.pair.0 == self.pair.1 {
            let Some(reader) = detail.readers.get(self.pair.0) else { return String::new() };
            return format!(
                "{}: found in {}, nothing in {}, not looked at {}",
                reader.name,
                words::count(reader.found),
                words::count(reader.nothing),
                words::count(reader.not_looked),
            );
        }
        let of = |pair: &&PairAgreement| {
            let at = (pair.a as usize, pair.b as usize);
            at == self.pair || at == (self.pair.1, self.pair.0)
        };
        let (pair, lead) = if self.pane == Pane::Readers {
            (detail.pairs.iter().find(of), "")
        } else {
            let known = detail.pairs.iter().filter(|pair| pair.value.value.is_some());
            let least = known.min_by(|a, b| {
                let value = |pair: &PairAgreement| pair.value.value.unwrap_or(f64::INFINITY);
                value(a).total_cmp(&value(b))
            });
            (least, "least: ")
        };
        let Some(pair) = pair else { return String::new() };
        let mut text =
            format!("{lead}{} × {}: {}", name(pair.a as usize), name(pair.b as usize), value(&pair.value));
        let between = interval(&pair.value);
        if !between.is_empty() {
            text.push_str(&format!(" [{between}]"));
        }
        text.push_str(&format!(" on {}", words::plural(pair.value.n, "item")));
        for why in [&pair.value.reason, &pair.warning].into_iter().flatten() {
            text.push_str(&format!(" · {why}"));
        }
        text
    }

    fn draw_said(&self, canvas: &mut Canvas<'_>, area: Rect, detail: &AgreementDetail) {
        let title = format!("What each said · {}", measure_name(&detail.row));
        let inner = canvas.pane(area, &title, self.pane == Pane::RatedValue);
        if detail.bins.is_empty() || inner.height < 3 {
            canvas.empty(inner, "No values yet.");
            return;
        }
        let names = detail.readers.iter().map(|reader| reader.name.width() as u16).max().unwrap_or(0);
        let names = names.min(inner.width / 4).max(4);
        let looks = if inner.width > names + 24 + 3 * 8 { 3 * 8 } else { 0 };
        let room = inner.width.saturating_sub(names + 3 + looks);
        let bin = (room / detail.bins.len() as u16).clamp(1, 12);
        let bars = Rect {
            x: inner.x + names + 2,
            y: inner.y + 1,
            width: bin * detail.bins.len() as u16,
            height: inner.height - 1,
        };
        draw_bins(canvas, bars, detail, bin);
        if looks > 0 {
            for (nth, head) in ["found", "nothing", "unread"].into_iter().enumerate() {
                let right = inner.right() - looks + (nth as u16 + 1) * 8 - 1;
                canvas.text_right(right, inner.y, 8, head, canvas.theme.dim());
            }
        }
        let count = detail.readers.len().max(1) as u16;
        let height = (bars.height / count).clamp(1, 5);
        let shown = usize::from(bars.height / height);
        let skip = (self.said.selected as usize).saturating_sub(shown.saturating_sub(1));
        let most = detail.distribution.iter().flatten().copied().max().unwrap_or(1).max(1);
        for (row, (at, reader)) in detail.readers.iter().enumerate().skip(skip).take(shown).enumerate() {
            let y = bars.y + row as u16 * height;
            let here = self.pane == Pane::RatedValue && at as u64 == self.said.selected;
            let style = if here { canvas.theme.style("accent") } else { canvas.theme.text() };
            canvas.text(inner.x + 1, y + height - 1, names, &reader.name, style);
            let counts = detail.distribution.get(at).map_or(&[][..], |counts| counts);
            let line = Rect { y, height, ..bars };
            draw_bars(canvas, line, counts, most, bin);
            if looks > 0 {
                for (nth, number) in [reader.found, reader.nothing, reader.not_looked].into_iter().enumerate()
                {
                    let right = inner.right() - looks + (nth as u16 + 1) * 8 - 1;
                    canvas.text_right(right, y + height - 1, 8, &words::count(number), canvas.theme.text());
                }
            }
        }
    }

    fn draw_cases(&self, canvas: &mut Canvas<'_>, area: Rect, detail: &AgreementDetail) {
        let inner = canvas.pane(area, "Worst cases · ∅ found nothing · not read", self.pane == Pane::Cases);
        if detail.worst.is_empty() {
            canvas.empty(inner, "Readers differ in no case.");
            return;
        }
        let names: Vec<String> = detail.readers.iter().map(|reader| reader.name.clone()).collect();
        let heads = words::short_names(&names);
        let digits = decimals(detail);
        let columns = case_columns(detail, &heads, digits);
        let table = Table { columns: &columns, list: &self.cases, focus: self.pane == Pane::Cases };
        let theme = canvas.theme;
        table.draw(canvas, inner, |index| {
            let case = detail.worst.get(index as usize)?;
            Some(case_cells(case, digits, theme.dim()))
        });
    }
}

fn case_columns<'a>(detail: &AgreementDetail, heads: &'a [String], digits: usize) -> Vec<Column<'a>> {
    let mut columns = vec![
        Column::text("item", 12, 2, 0),
        Column::text("subject", 10, 1, 30),
        Column::text("site", 7, 0, 40),
        Column::number("differ", 6, 20),
    ];
    for (at, head) in heads.iter().enumerate() {
        let said =
            detail.worst.iter().filter_map(|case| case.values.get(at)).map(|v| said(v, digits).width());
        let width = said.max().unwrap_or(1).max(head.width()).clamp(3, 12) as u16;
        // The last readers go first where there is no room for all.
        let drop = 1 + (at as u8).min(18);
        columns.push(Column { title: head, width, grow: 0, drop, align: Align::Right });
    }
    columns
}

fn case_cells(case: &WorstCase, digits: usize, dim: Style) -> Vec<Cell> {
    let text = |value: &Option<String>| Cell::from((value.clone().unwrap_or_default(), dim));
    let mut cells: Vec<Cell> = vec![
        case.item.clone().into(),
        text(&case.subject),
        text(&case.site),
        format!("{:.1}", case.disagreement).into(),
    ];
    cells.extend(case.values.iter().map(|value| Cell::from(said(value, digits))));
    cells
}

/// Names of the bins over their bars: each where there is room, else the first and the last.
fn draw_bins(canvas: &mut Canvas<'_>, bars: Rect, detail: &AgreementDetail, bin: u16) {
    let (y, dim) = (bars.y - 1, canvas.theme.dim());
    let widest = detail.bins.iter().map(|name| name.width() as u16).max().unwrap_or(0);
    if widest < bin {
        for (at, name) in detail.bins.iter().enumerate() {
            canvas.text(bars.x + at as u16 * bin, y, bin - 1, name, dim);
        }
        return;
    }
    let (Some(first), Some(last)) = (detail.bins.first(), detail.bins.last()) else { return };
    let used = canvas.text(bars.x, y, bars.width, first, dim);
    canvas.text_right(bars.right(), y, bars.width.saturating_sub(used + 1), last, dim);
}

/// Bars of up to eight steps a row, their height the share of `most`.
fn draw_bars(canvas: &mut Canvas<'_>, area: Rect, counts: &[u64], most: u64, bin: u16) {
    let style = canvas.theme.style("data_1");
    for (at, count) in counts.iter().enumerate() {
        // The tallest bar leaves a gap below the line above.
        let full = u64::from(area.height * 8).saturating_sub(if area.height > 1 { 3 } else { 0 });
        let steps = (count * full).div_ceil(most.max(1)) as u16;
        let width = if bin > 1 { bin - 1 } else { 1 };
        for row in 0..area.height {
            let here = steps.saturating_sub(row * 8).min(8);
            let Some(bar) = here.checked_sub(1).and_then(|step| "▁▂▃▄▅▆▇█".chars().nth(usize::from(step)))
            else {
                continue;
            };
            let text: String = std::iter::repeat_n(bar, usize::from(width)).collect();
            canvas.text(area.x + at as u16 * bin, area.bottom() - 1 - row, width, &text, style);
        }
        if *count == 0 {
            canvas.text(area.x + at as u16 * bin, area.bottom() - 1, 1, "·", canvas.theme.dim());
        }
    }
}

fn split(area: Rect, top: u16) -> (Rect, Rect) {
    let top = top.min(area.height);
    (Rect { height: top, ..area }, Rect { y: area.y + top, height: area.height - top, ..area })
}

fn beside(area: Rect, left: u16) -> (Rect, Rect) {
    let left = left.min(area.width);
    (Rect { width: left, ..area }, Rect { x: area.x + left, width: area.width - left, ..area })
}
