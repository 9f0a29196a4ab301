//! The versions of the dataset on the screen.

use std::collections::BTreeMap;

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::open::{Compared, Lineage, Members, parts};
use super::{Datasets, Open, TABS, Tab};
use crate::console::canvas::{Canvas, middle};
use crate::console::screen::form::Form;
use crate::console::screen::{Context, Loadable, draw_absent, spinner};
use crate::console::widget::{Cell, Column, Fact, ListState, Table, draw_facts, words};
use crate::engine::query::{
    ActivityKind, ActivityView, ExportView, MemberView, Severity, SnapshotPreview, SnapshotVerified,
    SnapshotView, SplitCount, WithdrawalView,
};
use crate::snapshot::SplitRole;

const SNAPSHOTS: &[Column] = &[
    Column::text("", 1, 0, 0),
    Column::text("name", 10, 1, 0),
    Column::text("made", 10, 0, 0),
    Column::number("series", 7, 0),
    Column::number("subjects", 8, 2),
    Column::number("labels", 8, 1),
    Column::text("splits", 16, 3, 3),
    Column::number("size", 8, 4),
    Column::text("by", 8, 0, 6),
    Column::text("id", 13, 0, 5),
];

const EXPORTS: &[Column] = &[
    Column::text("", 1, 0, 0),
    Column::text("when", 10, 0, 0),
    Column::text("snapshot", 10, 0, 1),
    Column::text("formats", 12, 1, 2),
    Column::number("series", 7, 0),
    Column::number("subjects", 8, 3),
    Column::text("by", 8, 0, 4),
    Column::text("folder", 14, 3, 0),
];

const WITHDRAWN: &[Column] = &[
    Column::text("subject", 12, 0, 0),
    Column::text("when", 10, 0, 0),
    Column::text("bytes", 7, 0, 1),
    Column::text("by", 8, 0, 3),
    Column::text("held by", 14, 1, 2),
    Column::text("why", 14, 2, 0),
];

const MEMBERS: &[Column] = &[
    Column::text("series", 20, 3, 0),
    Column::text("subject", 12, 1, 0),
    Column::text("site", 10, 1, 1),
    Column::text("split", 8, 0, 0),
];

const DIFFERENCES: &[Column] =
    &[Column::text("what", 10, 0, 0), Column::text("series", 20, 1, 1), Column::text("why", 24, 3, 0)];

impl Datasets {
    pub(super) fn draw_all(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let running = self.running.len().min(3) as u16;
        let running = if running > 0 && area.height > running + 10 { running + 2 } else { 0 };
        let body = Rect { height: area.height - running, ..area };
        match self.open.last() {
            None => self.draw_tabs(canvas, body, context),
            Some(Open::Members(members)) => draw_members(canvas, body, members, context),
            Some(Open::Compared(compared)) => draw_compared(canvas, body, compared, context),
            Some(Open::Lineage(lineage)) => draw_lineage(canvas, body, lineage, context),
            Some(Open::New { form, preview }) => draw_new(canvas, body, (form, preview), context),
            Some(Open::Export { form, snapshot }) => draw_export(canvas, body, form, snapshot),
        }
        if running > 0 {
            let pane = canvas.pane(Rect { y: body.bottom(), height: running, ..area }, "Under way", false);
            for (row, activity) in self.running.iter().take(usize::from(pane.height)).enumerate() {
                draw_activity(canvas, Rect { y: pane.y + row as u16, height: 1, ..pane }, activity, context);
            }
        }
    }

    fn draw_tabs(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let [top, below] = split(area);
        let inner = canvas.pane(top, "", true);
        let mut x = top.x + 2;
        for (tab, name) in TABS {
            let style = if tab == self.tab {
                canvas.theme.style("accent").add_modifier(Modifier::REVERSED)
            } else {
                canvas.theme.dim()
            };
            x += canvas.text(x, top.y, top.right().saturating_sub(x + 1), &format!(" {name} "), style) + 1;
        }
        let list = self.list();
        match self.tab {
            Tab::Snapshots => {
                let empty =
                    "There is no snapshot yet. Press n: it freezes series with accepted labels under a name.";
                let Some(all) = filled(canvas, inner, &self.snapshots, context, empty) else { return };
                table(canvas, inner, SNAPSHOTS, list, all, |s| {
                    self.snapshot_cells(s, canvas_mark(s, self), context)
                });
                if let Some(snapshot) = self.snapshot() {
                    let pane = canvas.pane(below, &snapshot.name, false);
                    draw_facts(canvas, pane, &self.snapshot_facts(snapshot, context));
                }
            }
            Tab::Exports => {
                let empty = "Nothing was exported yet. Choose a snapshot and press e.";
                let Some(all) = filled(canvas, inner, &self.exports, context, empty) else { return };
                table(canvas, inner, EXPORTS, list, all, |e| export_cells(e, context));
                if let Some(export) = all.get(list.selected as usize) {
                    let pane = canvas.pane(below, "Export", false);
                    draw_facts(canvas, pane, &export_facts(export));
                }
            }
            Tab::Withdrawn => {
                let empty = "Nobody has withdrawn. Open a snapshot (↵), choose a series and press w.";
                let Some(all) = filled(canvas, inner, &self.withdrawals, context, empty) else { return };
                table(canvas, inner, WITHDRAWN, list, all, |w| withdrawal_cells(w, context));
                if let Some(withdrawal) = all.get(list.selected as usize) {
                    let pane = canvas.pane(below, &withdrawal.subject, false);
                    draw_facts(canvas, pane, &self.withdrawal_facts(withdrawal));
                }
            }
        }
    }

    fn snapshot_cells(&self, s: &SnapshotView, mark: &'static str, context: &Context<'_>) -> Vec<Cell> {
        let splits: Vec<String> =
            by_role(&s.splits).map(|(name, n)| format!("{name} {}", words::count(n.series))).collect();
        vec![
            mark.into(),
            s.name.clone().into(),
            words::ago(s.created_ms, context.now_ms).into(),
            words::count(s.series).into(),
            words::count(s.subjects).into(),
            words::count(s.labels).into(),
            splits.join(" · ").into(),
            words::bytes(s.bytes).into(),
            s.by.clone().into(),
            middle(&s.id, 13).into(),
        ]
    }

    fn snapshot_facts(&self, s: &SnapshotView, context: &Context<'_>) -> Vec<Fact> {
        let fact = |name: &str, text: String| (name.to_owned(), text);
        let mut facts = vec![
            fact("id", s.id.clone()),
            fact("query", s.query.clone().unwrap_or_else(|| "every series with accepted labels".into())),
        ];
        facts.extend(self.verified.get(&s.name).map(|v| fact("verified", verdict(v))));
        facts.push(fact("holds", holdings((s.series, s.subjects, s.instances, s.labels), s.bytes)));
        for (name, n) in by_role(&s.splits) {
            let subjects = words::plural(n.subjects, "subject");
            facts.push(fact(name, format!("{} series, {subjects}", words::count(n.series))));
        }
        if !s.left_out.is_empty() {
            facts.push(fact("left out", format!("{} series", words::count(s.left_out.len() as u64))));
        }
        let of = self.exports.value.iter().flatten().filter(|e| e.run.snapshot.as_ref() == Some(&s.name));
        facts.extend(of.take(5).map(|e| {
            let when = words::ago(e.run.at_ms, context.now_ms);
            fact("went to", format!("{} ({}), {when}, by {}", e.run.to, e.run.formats, e.run.by))
        }));
        let signed = if s.signed { ", signed" } else { ", not signed" };
        let when = words::exact(s.created_ms);
        facts.push(fact("made", format!("{when} by {} with Gantry {}{signed}", s.by, s.version)));
        if !s.note.is_empty() {
            facts.push(fact("note", s.note.clone()));
        }
        facts.push(fact("root", s.root.clone()));
        facts
    }

    fn withdrawal_facts(&self, w: &WithdrawalView) -> Vec<Fact> {
        let fact = |name: &str, text: String| (name.to_owned(), text);
        let mut facts = vec![
            fact("why", w.reason.clone()),
            fact("noted", format!("{} by {}", words::exact(w.at_ms), w.by)),
            fact("bytes", w.erased_ms.map_or("kept".into(), |at| format!("erased {}", words::exact(at)))),
        ];
        if !w.snapshots.is_empty() {
            facts.push(fact("held by", w.snapshots.join(", ")));
        }
        let holding = self.exports.value.iter().flatten().filter(|e| e.withdrawn.contains(&w.subject));
        facts.extend(holding.map(|e| {
            fact("must be told", format!("whoever has {} ({}, by {})", e.run.to, e.run.formats, e.run.by))
        }));
        facts
    }
}

/// `▲` where the last verification found something.
fn canvas_mark(s: &SnapshotView, of: &Datasets) -> &'static str {
    match of.verified.get(&s.name) {
        Some(Ok(v)) if v.ok => "✓",
        Some(_) => "▲",
        None => "",
    }
}

/// Series, subjects, instances and labels, and how many bytes they are.
fn holdings((series, subjects, instances, labels): (u64, u64, u64, u64), bytes: u64) -> String {
    let (subjects, instances) = (words::plural(subjects, "subject"), words::plural(instances, "instance"));
    let (labels, bytes) = (words::plural(labels, "label"), words::bytes(bytes));
    format!("{} series, {subjects}, {instances}, {labels}, {bytes}", words::count(series))
}

/// Splits as they are used: for training, validation and test, then the others.
fn by_role(splits: &BTreeMap<String, SplitCount>) -> impl Iterator<Item = (&String, &SplitCount)> {
    let mut all: Vec<_> = splits.iter().collect();
    all.sort_by_key(|(name, _)| SplitRole::of(name).map_or((1, None), |role| (0, Some(role))));
    all.into_iter()
}

/// Two panes, one above the other, or side by side where there is room.
fn split(area: Rect) -> [Rect; 2] {
    if area.width >= 150 {
        let left = Rect { width: area.width * 3 / 5, ..area };
        return [left, Rect { x: left.right(), width: area.width - left.width, ..area }];
    }
    let below = if area.height >= 18 { (area.height * 2 / 5).min(14) } else { 0 };
    let top = Rect { height: area.height - below, ..area };
    [top, Rect { y: top.bottom(), height: below, ..area }]
}

/// What came, where there is something of it; else what stands in its place is drawn.
fn filled<'v, T>(
    canvas: &mut Canvas<'_>,
    area: Rect,
    of: &'v Loadable<Vec<T>>,
    context: &Context<'_>,
    empty: &str,
) -> Option<&'v [T]> {
    match &of.value {
        Some(all) if !all.is_empty() && of.error.is_none() => Some(all),
        _ => {
            draw_absent(canvas, area, of, context, empty);
            None
        }
    }
}

fn table<T>(
    canvas: &mut Canvas<'_>,
    area: Rect,
    columns: &[Column],
    list: &ListState,
    all: &[T],
    cells: impl Fn(&T) -> Vec<Cell>,
) {
    let table = Table { columns, list, focus: true };
    table.draw(canvas, area, |index| all.get(index as usize).map(&cells));
}

fn verdict(of: &Result<SnapshotVerified, String>) -> String {
    let v = match of {
        Ok(v) => v,
        Err(why) => return format!("not: {why}"),
    };
    let read = format!("{} ({}) read", words::plural(v.checked, "object"), words::bytes(v.bytes));
    if v.ok {
        let erased = if v.erased > 0 { format!("; {} series erased", v.erased) } else { String::new() };
        return format!("whole, {read}{erased}");
    }
    let mut text = format!("NOT WHOLE, {read}");
    for (word, damages) in [("damaged", &v.damaged), ("missing", &v.missing)] {
        for damage in damages.iter().take(5) {
            let series = damage.series_uid.as_deref().unwrap_or("the snapshot itself");
            text += &format!("\n{word}: {series}: {}", damage.what);
        }
    }
    if !v.replaced.is_empty() {
        text += &format!("\n{} series were cleaned again since; make a new snapshot", v.replaced.len());
    }
    text
}

fn export_cells(e: &ExportView, context: &Context<'_>) -> Vec<Cell> {
    vec![
        if e.withdrawn.is_empty() { "" } else { "◆" }.into(),
        words::ago(e.run.at_ms, context.now_ms).into(),
        e.run.snapshot.clone().unwrap_or_else(|| "(query)".into()).into(),
        e.run.formats.replace(',', ", ").into(),
        words::count(e.series).into(),
        words::count(e.subjects).into(),
        e.run.by.clone().into(),
        middle(&e.run.to, 60).into(),
    ]
}

fn export_facts(e: &ExportView) -> Vec<Fact> {
    let fact = |name: &str, text: String| (name.to_owned(), text);
    let mut facts = vec![fact("folder", e.run.to.clone())];
    if !e.withdrawn.is_empty() {
        facts.push(fact("withdrawn", format!("{}: whoever has it must be told", e.withdrawn.join(", "))));
    }
    facts.extend([
        fact("formats", e.run.formats.replace(',', ", ")),
        fact("holds", format!("{} series, {}", words::count(e.series), words::plural(e.subjects, "subject"))),
        fact("written", format!("{} by {}", words::exact(e.run.at_ms), e.run.by)),
        fact("manifest", format!("SHA-256 {}", e.run.manifest_sha256)),
    ]);
    facts
}

fn withdrawal_cells(w: &WithdrawalView, context: &Context<'_>) -> Vec<Cell> {
    vec![
        w.subject.clone().into(),
        words::ago(w.at_ms, context.now_ms).into(),
        if w.erased_ms.is_some() { "erased" } else { "kept" }.into(),
        w.by.clone().into(),
        w.snapshots.join(", ").into(),
        w.reason.clone().into(),
    ]
}

fn draw_members(canvas: &mut Canvas<'_>, area: Rect, members: &Members, context: &Context<'_>) {
    let inner = canvas.pane(area, &format!("Series of {}", members.name), true);
    if members.state.error.is_some() || members.rows.total().is_none() {
        draw_absent(canvas, inner, &members.state, context, "");
        return;
    }
    let cells = |m: &MemberView| -> Vec<Cell> {
        vec![
            middle(&m.series_uid, 64).into(),
            m.subject.clone().into(),
            m.site.clone().into(),
            m.split.clone().unwrap_or_else(|| "–".into()).into(),
        ]
    };
    let table = Table { columns: MEMBERS, list: &members.list, focus: true };
    table.draw(canvas, inner, |index| members.rows.get(index).map(cells));
}

fn draw_compared(canvas: &mut Canvas<'_>, area: Rect, compared: &Compared, context: &Context<'_>) {
    let title = format!("From {} to {}", compared.first, compared.second);
    let below = if area.height >= 14 { 6 } else { 0 };
    let top = Rect { height: area.height - below, ..area };
    let inner = canvas.pane(top, &title, true);
    let Some(diff) = compared.diff.value.as_ref().filter(|_| compared.list.total > 0) else {
        draw_absent(canvas, inner, &compared.diff, context, "They hold the same, series by series.");
        return;
    };
    let counts: Vec<String> = parts(diff)
        .iter()
        .filter(|(_, entries)| !entries.is_empty())
        .map(|(what, entries)| format!("{} {what}", words::count(entries.len() as u64)))
        .collect();
    let text = format!(" {} ", counts.join(" · "));
    let room = top.width.saturating_sub(title.chars().count() as u16 + 7);
    canvas.text_right(top.right().saturating_sub(2), top.y, room, &text, canvas.theme.text());
    let table = Table { columns: DIFFERENCES, list: &compared.list, focus: true };
    table.draw(canvas, inner, |index| {
        compared.get(index).map(|d| vec![d.what.into(), middle(d.series_uid, 40).into(), d.why.into()])
    });
    if below > 0
        && let Some(d) = compared.get(compared.list.selected)
    {
        let pane = canvas.pane(Rect { y: top.bottom(), height: below, ..area }, d.what, false);
        let facts = [("series".to_owned(), d.series_uid.to_owned()), ("why".to_owned(), d.why.to_owned())];
        draw_facts(canvas, pane, &facts);
    }
}

fn draw_lineage(canvas: &mut Canvas<'_>, area: Rect, lineage: &Lineage, context: &Context<'_>) {
    let inner = canvas.pane(area, &format!("Where {} came from", middle(&lineage.object, 40)), true);
    let Some(lines) = filled(canvas, inner, &lineage.lines, context, "Nothing is known of it.") else {
        return;
    };
    let (first, end) = lineage.list.window(inner);
    for index in first..end {
        let y = inner.y + (index - first) as u16;
        if let Some(line) = lines.get(index as usize) {
            canvas.text(inner.x, y, inner.width, line, canvas.theme.text());
        }
        if index == lineage.list.selected {
            let selected = canvas.theme.selected(ratatui::style::Style::new(), true);
            canvas.restyle(Rect { y, height: 1, ..inner }, selected);
        }
    }
}

fn draw_new(
    canvas: &mut Canvas<'_>,
    area: Rect,
    (form, preview): (&Form, &Loadable<SnapshotPreview>),
    context: &Context<'_>,
) {
    let height = (form.height() + 2).min(area.height);
    let top = Rect { height, ..area };
    let inner = canvas.pane(top, "New snapshot", true);
    form.draw(canvas, inner);
    let below = Rect { y: top.bottom(), height: area.height - height, ..area };
    if below.height < 3 {
        return;
    }
    let waits = preview.is_slow(context.now_ms);
    let title =
        if waits { format!("What goes in {}", spinner(context.now_ms)) } else { "What goes in".into() };
    let pane = canvas.pane(below, &title, false);
    match &preview.value {
        Some(view) if preview.error.is_none() => {
            draw_facts(canvas, pane, &preview_facts(view));
        }
        _ => draw_absent(canvas, pane, preview, context, ""),
    }
}

fn preview_facts(p: &SnapshotPreview) -> Vec<Fact> {
    let fact = |name: &str, text: String| (name.to_owned(), text);
    let mut facts =
        vec![fact("would hold", holdings((p.series, p.subjects, p.instances, p.labels), p.bytes))];
    for (name, n) in by_role(&p.splits) {
        let subjects = words::plural(n.subjects, "subject");
        facts.push(fact(&format!("  {name}"), format!("{} series, {subjects}", words::count(n.series))));
    }
    if let Some(same) = &p.same_as {
        facts.push(fact("unchanged", format!("{same} holds just this")));
    }
    for group in &p.left_out {
        facts.push(fact("left out", format!("{} series: {}", words::count(group.series), group.reason)));
    }
    facts
}

fn draw_export(canvas: &mut Canvas<'_>, area: Rect, form: &Form, snapshot: &SnapshotView) {
    let height = (form.height() + 2).min(area.height);
    let inner = canvas.pane(Rect { height, ..area }, &format!("Write {} as a dataset", snapshot.name), true);
    form.draw(canvas, inner);
    let below = Rect { y: area.y + height, height: area.height - height, ..area };
    if below.height < 4 {
        return;
    }
    let pane = canvas.pane(below, "What goes out", false);
    let fact = |name: &str, text: String| (name.to_owned(), text);
    draw_facts(
        canvas,
        pane,
        &[
            fact(
                "holds",
                format!(
                    "{} series, {}, {}",
                    words::count(snapshot.series),
                    words::plural(snapshot.subjects, "subject"),
                    words::bytes(snapshot.bytes)
                ),
            ),
            fact("without", "subjects that have withdrawn since it was made".into()),
            fact("beside it", "manifest.json, provenance.json, croissant.json, README.md".into()),
            fact(
                "resume",
                "takes up an export of this snapshot that was interrupted; no file is trusted unread".into(),
            ),
            fact("pseudonyms", "readers by their pseudonyms, not by their names in the workspace".into()),
        ],
    );
}

/// One line: what, how far, how long still.
fn draw_activity(canvas: &mut Canvas<'_>, area: Rect, a: &ActivityView, context: &Context<'_>) {
    let (what, unit) = match a.kind {
        ActivityKind::Export => ("export of", "series"),
        ActivityKind::Verify => ("verification of", "objects"),
        ActivityKind::Pull => ("pull from", "instances"),
        ActivityKind::Send => ("sending to", "series"),
    };
    let head = format!("{} {what} {} by {}  ", spinner(context.now_ms), a.object, a.by);
    let x = area.x + 1 + canvas.text(area.x + 1, area.y, area.width / 2, &head, canvas.theme.text());
    let share = if a.total == 0 { 0.0 } else { a.done as f64 / a.total as f64 };
    let bar = 20.min(area.right().saturating_sub(x + 30));
    let full = (f64::from(bar) * share).round() as u16;
    let gauge: String = (0..bar).map(|cell| if cell < full { '█' } else { '░' }).collect();
    let used = canvas.text(x, area.y, bar, &gauge, canvas.theme.style("accent"));
    let elapsed = (context.now_ms - a.since_ms).max(0);
    let left = match a.done {
        0 => String::new(),
        done => {
            let left = elapsed as f64 / done as f64 * (a.total - done) as f64;
            format!(", ready {}", words::ago(context.now_ms + left as i64 + 1_000, context.now_ms))
        }
    };
    let text = format!(" {} of {} {unit}{left}", words::count(a.done), words::count(a.total));
    let severity = canvas.theme.severity(Severity::Info).1;
    canvas.text(x + used, area.y, area.right().saturating_sub(x + used), &text, severity);
}
