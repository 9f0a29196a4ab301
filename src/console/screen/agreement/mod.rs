//! *Do readers agree?* Measures beside their thresholds, readers against each other, what each said, the worst cases.

mod draw;
mod shape;

use std::sync::Arc;

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;

use super::{Context, Dialog, Effect, Effects, Loadable, Message, Screen, act, ask, input, review};
use crate::access::Permission;
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::console::widget::{ListState, words};
use crate::engine::EngineError;
use crate::engine::command::{ImportOutcome, ImportReads};
use crate::engine::query::{
    self, AgreementDetail, AgreementRow, AgreementView, DeepLink, Severity, Verdict, WorstCase,
};
use crate::format::csv::csv_line;
use crate::model::ChangeKind;
use crate::model::words::io_error;
use crate::render::heat::HeatMap;

const ACTIONS: &[Action] = &[
    action("agreement.open", &["enter"], "open", "deeper: the worst cases of a measure, a case in Review"),
    action("agreement.review", &["o"], "worst case", "open the worst case, or the selected one, in Review"),
    action("pane.next", &["tab"], "pane", "to the readers, what each said, the worst cases"),
    action("screen.filter", &["/"], "filter", "only series that match: site:A modality:CT"),
    action("agreement.import", &["+"], "", "take a table of what readers said in: CSV, Parquet, JSON"),
    action("agreement.export", &["e"], "CSV", "write what is shown of this measure as CSV"),
    action("screen.copy", &["y"], "", "copy the measure's name or the case's series UID"),
];

/// Worst cases that are asked for.
const WORST: u32 = 200;

enum AgreementAnswer {
    View(Box<Result<AgreementView, EngineError>>),
    Written(Result<String, String>),
    Imported(Result<ImportOutcome, EngineError>),
}

/// The parts of the screen, in the order of Tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pane {
    #[default]
    Measures,
    Readers,
    RatedValue,
    Cases,
}

const PANES: [Pane; 4] = [Pane::Measures, Pane::Readers, Pane::RatedValue, Pane::Cases];

/// The agreement screen.
#[derive(Default)]
pub struct Agreement {
    filter: String,
    view: Loadable<AgreementView>,
    measures: ListState,
    /// The measure under the cursor; it stays so wherever it stands after a change.
    measure: Option<String>,
    pane: Pane,
    /// What a narrow screen shows below the measures.
    shown: Pane,
    /// The pair of readers under the cursor.
    pair: (usize, usize),
    matrix: Option<Arc<HeatMap>>,
    said: ListState,
    cases: ListState,
}

impl Agreement {
    fn ask(&mut self, context: &Context<'_>) -> Effects {
        self.view.wait(context.now_ms);
        let question = query::Agreement {
            measure: self.measure.clone(),
            filter: self.filter.clone(),
            worst: WORST,
            ..query::Agreement::default()
        };
        vec![ask("agreement", question, |answer| AgreementAnswer::View(Box::new(answer)))]
    }

    fn rows(&self) -> &[AgreementRow] {
        self.view.value.as_ref().map_or(&[], |view| &view.measures)
    }

    fn detail(&self) -> Option<&AgreementDetail> {
        self.view.value.as_ref()?.selected.as_ref()
    }

    fn case(&self) -> Option<&WorstCase> {
        self.detail()?.worst.get(self.cases.selected as usize)
    }

    /// A measure was chosen: the rest of the screen follows.
    fn choose(&mut self, context: &Context<'_>) -> Effects {
        let chosen = self.rows().get(self.measures.selected as usize).map(|row| row.id.clone());
        if chosen.is_none() || chosen == self.measure {
            return Vec::new();
        }
        self.measure = chosen;
        self.cases.reset();
        self.said.reset();
        self.ask(context)
    }

    fn came(&mut self, answer: Result<AgreementView, EngineError>) {
        self.view.set(answer);
        let Some(view) = &self.view.value else { return };
        self.measures.resize(view.measures.len() as u64);
        let shown = view.selected.as_ref().map(|detail| &detail.row.id);
        if let Some(place) = shown.and_then(|id| view.measures.iter().position(|row| row.id == *id)) {
            self.measures.selected = place as u64;
            self.measure = shown.cloned();
        }
        let detail = view.selected.as_ref();
        let readers = detail.map_or(0, |detail| detail.readers.len());
        self.pair = (self.pair.0.min(readers.saturating_sub(1)), self.pair.1.min(readers.saturating_sub(1)));
        self.said.resize(readers as u64);
        self.cases.resize(detail.map_or(0, |detail| detail.worst.len()) as u64);
        self.matrix = detail.filter(|detail| !detail.readers.is_empty()).map(|d| self.heat(d));
    }

    fn heat(&self, detail: &AgreementDetail) -> Arc<HeatMap> {
        let cursor = (self.pane == Pane::Readers).then_some(self.pair);
        Arc::new(shape::heat_map(detail, cursor))
    }

    fn focus(&mut self, pane: Pane) {
        self.pane = pane;
        if pane != Pane::Measures {
            self.shown = pane;
        }
        self.matrix = self.detail().filter(|detail| !detail.readers.is_empty()).map(|d| self.heat(d));
    }

    fn next_pane(&mut self, step: usize) {
        let at = PANES.iter().position(|pane| *pane == self.pane).unwrap_or(0);
        self.focus(PANES[(at + step) % PANES.len()]);
    }

    fn open(&mut self) -> Effects {
        match self.pane {
            Pane::Cases => self.review(),
            _ if self.cases.total > 0 => {
                self.focus(Pane::Cases);
                Vec::new()
            }
            _ => vec![Effect::Say(Severity::Info, "readers differ in no case of this measure".into())],
        }
    }

    fn review(&self) -> Effects {
        let Some(case) = self.case() else { return Vec::new() };
        match &case.series_uid {
            Some(uid) => {
                vec![Effect::Go(review::look_at(uid, &case.item))]
            }
            None => {
                let text = format!("{} belongs to no series in this workspace", case.item);
                vec![Effect::Say(Severity::Warning, text)]
            }
        }
    }

    fn back(&mut self, context: &Context<'_>) -> Effects {
        if self.pane != Pane::Measures {
            self.focus(Pane::Measures);
            return Vec::new();
        }
        if !self.filter.is_empty() {
            self.filter.clear();
            return self.ask(context);
        }
        vec![Effect::Back]
    }

    /// Moves the cursor within the pane that has it.
    fn step(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match self.pane {
            Pane::Measures => {
                self.measures.act(name);
                return self.choose(context);
            }
            Pane::RatedValue => {
                self.said.act(name);
            }
            Pane::Cases => {
                self.cases.act(name);
            }
            Pane::Readers => {
                let last = self.detail().map_or(0, |detail| detail.readers.len().saturating_sub(1));
                let (row, column) = self.pair;
                self.pair = match name {
                    "list.down" => ((row + 1).min(last), column),
                    "list.up" => (row.saturating_sub(1), column),
                    "list.right" => (row, (column + 1).min(last)),
                    "list.left" => (row, column.saturating_sub(1)),
                    "list.first" => (0, 0),
                    "list.last" => (last, last),
                    _ => self.pair,
                };
                self.focus(Pane::Readers);
            }
        }
        Vec::new()
    }

    fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match name {
            "agreement.open" | "list.open" => self.open(),
            "list.right" if self.pane == Pane::Measures => self.open(),
            "list.left" if matches!(self.pane, Pane::Cases | Pane::RatedValue) => {
                self.focus(Pane::Measures);
                Vec::new()
            }
            "agreement.review" => self.review(),
            "pane.next" => {
                self.next_pane(1);
                Vec::new()
            }
            "pane.previous" => {
                self.next_pane(PANES.len() - 1);
                Vec::new()
            }
            "screen.filter" => vec![Effect::Dialog(Dialog::Input {
                tag: "filter",
                title: "filter — site:A modality:CT date:2026-11..".into(),
                text: self.filter.clone(),
                complete: true,
                offers: Vec::new(),
            })],
            "screen.refresh" => self.ask(context),
            "screen.copy" => self.copy(),
            "agreement.export" => {
                vec![input("csv", "write this measure's pairs and worst cases as CSV to", "agreement.csv")]
            }
            "agreement.import" => {
                let columns = "columns series_uid, item, reader, value …";
                vec![input("import", &format!("take in the table (CSV, Parquet or JSON; {columns})"), "")]
            }
            "app.back" => self.back(context),
            name => self.step(name, context),
        }
    }

    fn copy(&self) -> Effects {
        let uid = self.case().filter(|_| self.pane == Pane::Cases).and_then(|case| case.series_uid.clone());
        let (text, what) = match (uid, &self.measure) {
            (Some(uid), _) => (uid, "series UID copied"),
            (None, Some(id)) => (id.clone(), "name of the measure copied"),
            (None, None) => return Vec::new(),
        };
        vec![Effect::Copy(text), Effect::Say(Severity::Info, what.into())]
    }

    fn write_csv(&self, to: String) -> Effects {
        let Some(detail) = self.detail() else { return Vec::new() };
        let text = table(detail);
        vec![Effect::Act(Box::new(move |_| {
            let path = std::path::absolute(&to).map_err(|error| error.to_string());
            let written = path.and_then(|path| {
                std::fs::write(&path, text)
                    .map_err(|error| format!("{}: {}", path.display(), io_error(&error)))?;
                Ok(path.display().to_string())
            });
            Box::new(AgreementAnswer::Written(written))
        }))]
    }
}

fn import(path: &str) -> Effects {
    let path = std::path::absolute(path).map_or_else(|_| path.to_string(), |path| path.display().to_string());
    let command = ImportReads { paths: vec![path], ..ImportReads::default() };
    vec![Effect::Say(Severity::Info, "taking the table in".into()), act(command, AgreementAnswer::Imported)]
}

/// What became of a table, in counts.
fn imported(outcome: Result<ImportOutcome, EngineError>) -> Effect {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Effect::Say(Severity::Error, format!("not taken in: {error}")),
    };
    if let Some(why) = outcome.files.iter().find_map(|file| file.refused.as_ref()) {
        return Effect::Say(Severity::Error, format!("not taken in: {why}"));
    }
    let counts = outcome.total;
    let parts = [
        (counts.new, "new"),
        (counts.completed, "completed"),
        (counts.corrected, "corrected"),
        (counts.duplicates, "there before"),
        (counts.unmatched, "on series that are not here"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", words::count(*n)))
        .collect();
    let severity = if counts.unmatched > 0 { Severity::Warning } else { Severity::Info };
    Effect::Say(severity, format!("{}: {}", words::plural(counts.reads, "read"), told.join(", ")))
}

/// Pairs and worst cases of a measure as CSV.
fn table(detail: &AgreementDetail) -> String {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let name = |at: u32| detail.readers.get(at as usize).map_or("", |reader| &reader.name).to_string();
    let mut out = csv_line(["measure", "coefficient", "reader_a", "reader_b", "value", "low", "high", "n"]);
    for pair in &detail.pairs {
        let (low, high) = pair.value.ci95.unzip();
        out.push_str(&csv_line([
            detail.row.id.clone(),
            detail.pair_coefficient.clone(),
            name(pair.a),
            name(pair.b),
            number(pair.value.value),
            number(low),
            number(high),
            pair.value.n.to_string(),
        ]));
    }
    out.push('\n');
    let fixed = ["item", "series_uid", "subject", "site", "disagreement"].map(String::from);
    out.push_str(&csv_line(fixed.into_iter().chain(detail.readers.iter().map(|reader| reader.name.clone()))));
    for case in &detail.worst {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let fixed = [
            case.item.clone(),
            text(&case.series_uid),
            text(&case.subject),
            text(&case.site),
            case.disagreement.to_string(),
        ];
        out.push_str(&csv_line(fixed.into_iter().chain(case.values.iter().map(shape::said_whole))));
    }
    out
}

impl Screen for Agreement {
    fn name(&self) -> &'static str {
        "agreement"
    }

    fn needs(&self) -> Permission {
        Permission::SeeReads
    }

    fn digit(&self) -> usize {
        6
    }

    fn title(&self) -> &'static str {
        "Agreement"
    }

    fn place(&self) -> Option<String> {
        super::place(&self.filter, self.detail().map(|detail| shape::measure_name(&detail.row)))
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn refuses(&self, action: &str) -> Option<String> {
        match action {
            "agreement.open" | "agreement.export" if self.detail().is_none() => {
                Some("no measure is selected".into())
            }
            "agreement.review" if self.case().is_none() => {
                Some("there is no case on which readers differ".into())
            }
            _ => None,
        }
    }

    fn note(&self) -> Option<String> {
        let view = self.view.value.as_ref()?;
        let below = view.measures.iter().filter(|row| row.verdict == Verdict::Below).count() as u64;
        let reads = words::plural(view.reads, "read");
        Some(if below > 0 { format!("▼ {below} below · {reads}") } else { reads })
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(door) => {
                if let Some(DeepLink { filter, select, .. }) = door {
                    self.filter = filter;
                    self.measure = select.or(self.measure.take());
                    self.focus(Pane::Measures);
                }
                self.ask(context)
            }
            Message::Changed(ChangeKind::Reads | ChangeKind::Config | ChangeKind::Idle) => self.ask(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog("filter", text) => {
                self.filter = text;
                self.ask(context)
            }
            Message::Dialog("csv", text) if !text.is_empty() => self.write_csv(text),
            Message::Dialog("import", text) if !text.is_empty() => import(&text),
            Message::Answer(answer) => {
                match answer.downcast::<AgreementAnswer>().map(|answer| *answer) {
                    Ok(AgreementAnswer::View(answer)) => self.came(*answer),
                    Ok(AgreementAnswer::Imported(outcome)) => {
                        let mut effects = vec![imported(outcome)];
                        effects.extend(self.ask(context));
                        return effects;
                    }
                    Ok(AgreementAnswer::Written(Ok(path))) => {
                        return vec![Effect::Say(Severity::Info, format!("written to {path}"))];
                    }
                    Ok(AgreementAnswer::Written(Err(why))) => return vec![Effect::Say(Severity::Error, why)],
                    Err(_) => {}
                }
                Vec::new()
            }
            Message::Mouse(MouseEventKind::ScrollDown, ..) => self.step("list.down", context),
            Message::Mouse(MouseEventKind::ScrollUp, ..) => self.step("list.up", context),
            Message::Mouse(MouseEventKind::Down(_), x, y) => self.click(x, y, context),
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        self.draw_all(canvas, area, context);
    }
}

impl Agreement {
    fn click(&mut self, x: u16, y: u16, context: &Context<'_>) -> Effects {
        if let Some(line) = self.measures.line_at(x, y) {
            self.focus(Pane::Measures);
            self.measures.selected = line;
            return self.choose(context);
        }
        let Some(line) = self.cases.line_at(x, y).filter(|_| self.cases.total > 0) else { return Vec::new() };
        let again = self.pane == Pane::Cases && self.cases.selected == line;
        self.focus(Pane::Cases);
        self.cases.selected = line;
        if again { self.review() } else { Vec::new() }
    }
}
