//! *Is anyone drifting, since when, show me.* One control chart, large; every chart by how alarming; one sentence.

mod draw;
mod shape;

use std::collections::BTreeSet;

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;

use super::{Context, Dialog, Effect, Effects, Loadable, Message, Screen, ask, input, review};
use crate::access::Permission;
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::console::widget::{ListState, Plot, words};
use crate::engine::EngineError;
use crate::engine::query::{
    self, DeepLink, DriftChart, DriftPoint, DriftRow, DriftState, DriftView, Severity,
};
use crate::format::csv::csv_line;
use crate::model::ChangeKind;
use crate::model::words::io_error;

const ACTIONS: &[Action] = &[
    action(
        "drift.review",
        &["enter", "o"],
        "the case",
        "open the read under the cursor in Review: at first the worst",
    ),
    action("drift.left", &["h", "left"], "", "the cursor to the read before"),
    action("drift.right", &["l", "right"], "", "the cursor to the next read"),
    action("drift.next_alarm", &["a"], "alarm", "the cursor to the next read beyond a limit"),
    action("drift.previous_alarm", &["A"], "", "the cursor to the read beyond a limit before"),
    action("drift.worst", &["w"], "worst", "the cursor to the worst read"),
    action("list.down", &["j", "down"], "chart", "the next chart"),
    action("screen.filter", &["/"], "filter", "only charts whose metric, reader or site holds a text"),
    action("drift.agreement", &["v"], "", "the readers' agreement on this structure"),
    action("drift.export", &["e"], "CSV", "write the reads of this chart as CSV"),
    action("screen.copy", &["y"], "", "copy the sentence"),
];

enum DriftAnswer {
    View(Box<Result<DriftView, EngineError>>),
    Written(Result<String, String>),
}

/// The drift screen.
#[derive(Default)]
pub struct Drift {
    text: String,
    view: Loadable<DriftView>,
    list: ListState,
    /// The chart under the cursor; it stays so wherever it stands after a change.
    chart: Option<String>,
    /// The read under the cursor, by its position on the chart.
    at: Option<usize>,
    plot: Option<Plot>,
}

impl Drift {
    fn ask(&mut self, context: &Context<'_>) -> Effects {
        self.view.wait(context.now_ms);
        let question =
            query::Drift { chart: self.chart.clone(), text: self.text.clone(), ..query::Drift::default() };
        vec![ask("drift", question, |answer| DriftAnswer::View(Box::new(answer)))]
    }

    fn rows(&self) -> &[DriftRow] {
        self.view.value.as_ref().map_or(&[], |view| &view.charts)
    }

    fn selected(&self) -> Option<&DriftChart> {
        self.view.value.as_ref()?.selected.as_ref()
    }

    fn point(&self) -> Option<&DriftPoint> {
        self.selected()?.points.get(self.at?)
    }

    fn came(&mut self, answer: Result<DriftView, EngineError>) {
        let before = self.selected().map(|chart| chart.row.id.clone());
        self.view.set(answer);
        let Some(view) = &self.view.value else { return };
        self.list.resize(view.charts.len() as u64);
        let Some(chart) = &view.selected else {
            (self.plot, self.at) = (None, None);
            return;
        };
        if let Some(place) = view.charts.iter().position(|row| row.id == chart.row.id) {
            self.list.selected = place as u64;
            self.chart = Some(chart.row.id.clone());
        }
        let last = chart.points.len().checked_sub(1);
        let worst = chart.worst.map(|at| at as usize).or(last);
        let same = before.as_ref() == Some(&chart.row.id);
        self.at = if same { self.at.or(worst) } else { worst }.zip(last).map(|(at, last)| at.min(last));
        self.plot_again();
    }

    fn plot_again(&mut self) {
        self.plot = self.selected().map(|chart| Plot::new(shape::chart(chart, self.at)));
    }

    fn choose(&mut self, context: &Context<'_>) -> Effects {
        let chosen = self.rows().get(self.list.selected as usize).map(|row| row.id.clone());
        if chosen.is_none() || chosen == self.chart {
            return Vec::new();
        }
        self.chart = chosen;
        self.ask(context)
    }

    /// Moves the cursor along the chart.
    fn step(&mut self, name: &str) {
        let Some(chart) = self.selected() else { return };
        let Some(last) = chart.points.len().checked_sub(1) else { return };
        let at = self.at.unwrap_or(last);
        let alarming = |index: &usize| chart.points[*index].beyond;
        self.at = match name {
            "drift.left" => Some(at.saturating_sub(1)),
            "drift.right" => Some((at + 1).min(last)),
            "drift.next_alarm" => (at + 1..=last).chain(0..=at).find(alarming).or(self.at),
            "drift.previous_alarm" => (0..at).rev().chain((at..=last).rev()).find(alarming).or(self.at),
            "drift.worst" => chart.worst.map(|worst| (worst as usize).min(last)).or(self.at),
            _ => return,
        };
        self.plot_again();
    }

    fn review(&self) -> Effects {
        let Some(point) = self.point() else { return Vec::new() };
        match &point.series_uid {
            Some(uid) => {
                vec![Effect::Go(review::look_at(uid, &point.item))]
            }
            None => {
                let text = format!("{} belongs to no series in this workspace", point.item);
                vec![Effect::Say(Severity::Warning, text)]
            }
        }
    }

    fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match name {
            "drift.review" | "list.open" => self.review(),
            "screen.filter" => vec![Effect::Dialog(Dialog::Input {
                tag: "filter",
                title: "filter — part of a metric, reader or site".into(),
                text: self.text.clone(),
                complete: false,
                offers: self.offers(),
            })],
            "screen.refresh" => self.ask(context),
            "screen.copy" => match self.selected() {
                Some(chart) => vec![
                    Effect::Copy(chart.row.sentence.clone()),
                    Effect::Say(Severity::Info, "sentence copied".into()),
                ],
                None => Vec::new(),
            },
            "drift.agreement" => self.agreement(),
            "drift.export" => vec![input("csv", "write the reads of this chart as CSV to", "drift.csv")],
            "app.back" if !self.text.is_empty() => {
                self.text.clear();
                self.ask(context)
            }
            "app.back" => vec![Effect::Back],
            name if name.starts_with("drift.") => {
                self.step(name);
                Vec::new()
            }
            name => {
                self.list.act(name);
                self.choose(context)
            }
        }
    }

    /// Readers, sites and metrics that have a chart.
    fn offers(&self) -> Vec<String> {
        let words = self.rows().iter().flat_map(|row| [row.name.clone(), row.metric.clone()]);
        let words: BTreeSet<String> = words.filter(|word| !word.is_empty() && !word.contains(' ')).collect();
        words.into_iter().collect()
    }

    /// To the measure that the chart is about, where it is one.
    fn agreement(&self) -> Effects {
        let id = self.selected().map(|chart| chart.row.id.clone());
        let measure = id.and_then(|id| id.split('~').next().map(str::to_string));
        vec![Effect::Go(DeepLink { screen: "agreement".into(), filter: String::new(), select: measure })]
    }

    fn write_csv(&self, to: String) -> Effects {
        let Some(chart) = self.selected() else { return Vec::new() };
        let text = table(chart);
        vec![Effect::Act(Box::new(move |_| {
            let path = std::path::absolute(&to).map_err(|error| error.to_string());
            let written = path.and_then(|path| {
                std::fs::write(&path, text)
                    .map_err(|error| format!("{}: {}", path.display(), io_error(&error)))?;
                Ok(path.display().to_string())
            });
            Box::new(DriftAnswer::Written(written))
        }))]
    }
}

/// The reads of a chart as CSV.
fn table(chart: &DriftChart) -> String {
    let fixed = ["at", "reader", "site", "item", "series_uid", "value", "average", "beyond"];
    let mut out = csv_line(fixed);
    for (at, point) in chart.points.iter().enumerate() {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        out.push_str(&csv_line([
            words::exact(point.at_ms),
            point.reader.clone(),
            text(&point.site),
            point.item.clone(),
            text(&point.series_uid),
            point.value.to_string(),
            chart.average.get(at).map_or(String::new(), f64::to_string),
            point.beyond.to_string(),
        ]));
    }
    out
}

impl Screen for Drift {
    fn name(&self) -> &'static str {
        "drift"
    }

    fn needs(&self) -> Permission {
        Permission::SeeReads
    }

    fn digit(&self) -> usize {
        7
    }

    fn title(&self) -> &'static str {
        "Drift"
    }

    fn place(&self) -> Option<String> {
        super::place(&self.text, self.selected().map(|chart| shape::who(&chart.row).to_string()))
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn refuses(&self, action: &str) -> Option<String> {
        match action {
            "drift.review" if self.point().is_none() => Some("no read is under the cursor".into()),
            "drift.next_alarm" | "drift.previous_alarm" => {
                let beyond =
                    self.selected().is_some_and(|chart| chart.points.iter().any(|point| point.beyond));
                (!beyond).then(|| "no read lies beyond a limit".into())
            }
            "drift.export" | "drift.agreement" | "screen.copy" if self.selected().is_none() => {
                Some("no chart is selected".into())
            }
            _ => None,
        }
    }

    fn note(&self) -> Option<String> {
        let charts = self.rows();
        let alarms = charts.iter().filter(|row| row.state == DriftState::Alarm).count() as u64;
        let all = words::plural(charts.len() as u64, "chart");
        Some(if alarms > 0 { format!("▲ {} · {all}", words::plural(alarms, "alarm")) } else { all })
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(door) => {
                if let Some(DeepLink { filter, select, .. }) = door {
                    self.text = filter;
                    if select.is_some() && select != self.chart {
                        (self.chart, self.at) = (select, None);
                    }
                }
                self.ask(context)
            }
            Message::Changed(ChangeKind::Reads | ChangeKind::Config | ChangeKind::Idle) => self.ask(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog("filter", text) => {
                self.text = text;
                self.chart = None;
                self.ask(context)
            }
            Message::Dialog("csv", text) if !text.is_empty() => self.write_csv(text),
            Message::Answer(answer) => {
                match answer.downcast::<DriftAnswer>().map(|answer| *answer) {
                    Ok(DriftAnswer::View(answer)) => self.came(*answer),
                    Ok(DriftAnswer::Written(Ok(path))) => {
                        return vec![Effect::Say(Severity::Info, format!("written to {path}"))];
                    }
                    Ok(DriftAnswer::Written(Err(why))) => return vec![Effect::Say(Severity::Error, why)],
                    Err(_) => {}
                }
                Vec::new()
            }
            Message::Mouse(MouseEventKind::ScrollDown, ..) => self.action("list.down", context),
            Message::Mouse(MouseEventKind::ScrollUp, ..) => self.action("list.up", context),
            Message::Mouse(MouseEventKind::Down(_), x, y) => match self.list.line_at(x, y) {
                Some(line) => {
                    self.list.selected = line;
                    self.choose(context)
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        self.draw_all(canvas, area, context);
    }
}
