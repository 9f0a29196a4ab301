//! The history of anything: who did what, when.

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;

use super::{Context, Dialog, Effect, Effects, Loadable, Message, Screen, ask, draw_absent};
use crate::access::Permission;
use crate::console::canvas::{Canvas, middle};
use crate::console::keymap::{Action, action};
use crate::console::widget::{Column, Fact, ListState, Pages, Table, draw_facts, words};
use crate::engine::EngineError;
use crate::engine::query::{History, Page, Rows, Severity, TrailEntry};

const ACTIONS: &[Action] = &[
    action("screen.filter", &["/"], "filter", "only entries whose actor, action or object holds a text"),
    action("audit.object", &["o", "enter"], "this object", "only the history of the selected entry's object"),
    action("screen.copy", &["y"], "copy hash", "copy the entry's hash"),
];

const COLUMNS: &[Column] = &[
    Column::number("#", 7, 0),
    Column::text("when", 19, 0, 1),
    Column::text("who", 8, 1, 0),
    Column::text("what", 16, 1, 0),
    Column::text("about", 14, 3, 0),
    Column::text("hash", 13, 0, 3),
];

struct Answer(Page, Result<Rows<TrailEntry>, EngineError>);

/// The audit trail.
#[derive(Default)]
pub struct Audit {
    text: String,
    object: Option<String>,
    rows: Pages<TrailEntry>,
    state: Loadable<()>,
    list: ListState,
}

impl Audit {
    fn ask(&mut self, context: &Context<'_>) -> Effects {
        let Some(page) = self.rows.missing(self.list.selected) else { return Vec::new() };
        self.state.wait(context.now_ms);
        let question = History { object: self.object.clone(), text: self.text.clone(), page };
        vec![ask("history", question, move |answer| Answer(page, answer))]
    }

    fn refresh(&mut self, context: &Context<'_>) -> Effects {
        self.rows.forget();
        self.ask(context)
    }

    fn narrow(&mut self, context: &Context<'_>) -> Effects {
        self.list.reset();
        self.refresh(context)
    }

    fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match name {
            "screen.filter" => vec![Effect::Dialog(Dialog::Input {
                tag: "filter",
                title: "filter — part of an actor, action or object".into(),
                text: self.text.clone(),
                complete: false,
                offers: Vec::new(),
            })],
            "audit.object" | "list.open" => {
                self.object = self.rows.get(self.list.selected).map(|entry| entry.object.clone());
                self.narrow(context)
            }
            "screen.copy" => match self.rows.get(self.list.selected) {
                Some(entry) => {
                    vec![Effect::Copy(entry.hash.clone()), Effect::Say(Severity::Info, "hash copied".into())]
                }
                None => Vec::new(),
            },
            "screen.refresh" => self.refresh(context),
            "app.back" if self.object.is_some() || !self.text.is_empty() => {
                if self.object.take().is_none() {
                    self.text.clear();
                }
                self.narrow(context)
            }
            "app.back" => vec![Effect::Back],
            name => {
                self.list.act(name);
                self.ask(context)
            }
        }
    }
}

impl Screen for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn needs(&self) -> Permission {
        Permission::SeeTrail
    }

    fn digit(&self) -> usize {
        9
    }

    fn title(&self) -> &'static str {
        "Audit"
    }

    fn place(&self) -> Option<String> {
        let object = self.object.as_ref().map(|object| middle(object, 24));
        let text = (!self.text.is_empty()).then(|| self.text.clone());
        let parts: Vec<String> = object.into_iter().chain(text).collect();
        (!parts.is_empty()).then(|| parts.join(" ▸ "))
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn note(&self) -> Option<String> {
        self.rows.total().map(|total| {
            if total == 1 { "1 entry".into() } else { format!("{} entries", words::count(total)) }
        })
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(door) => {
                if let Some(door) = door {
                    (self.text, self.object) = (door.filter, door.select);
                    self.list.reset();
                }
                self.refresh(context)
            }
            // New entries come at the top: whoever reads further down is not disturbed.
            Message::Changed(_) if self.list.selected == 0 => self.refresh(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog("filter", text) => {
                self.text = text;
                self.narrow(context)
            }
            Message::Answer(answer) => {
                let Ok(answer) = answer.downcast::<Answer>() else { return Vec::new() };
                match answer.1 {
                    Ok(rows) => {
                        self.list.resize(rows.total);
                        self.rows.put(answer.0, rows);
                        self.state.set(Ok(()));
                        self.ask(context)
                    }
                    Err(error) => {
                        self.state.set(Err(error));
                        Vec::new()
                    }
                }
            }
            Message::Mouse(MouseEventKind::ScrollDown, ..) => self.action("list.down", context),
            Message::Mouse(MouseEventKind::ScrollUp, ..) => self.action("list.up", context),
            Message::Mouse(MouseEventKind::Down(_), x, y) => {
                self.list.selected = self.list.line_at(x, y).unwrap_or(self.list.selected);
                self.ask(context)
            }
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let detail = if area.height >= 20 { (area.height / 3).clamp(7, 14) } else { 0 };
        let top = Rect { height: area.height - detail, ..area };
        let inner = canvas.pane(top, "Trail, the latest first", true);
        if self.state.error.is_some() || self.rows.total().is_none_or(|total| total == 0) {
            let value = self.rows.total().map(|_| ());
            let state = Loadable { value, error: self.state.error.clone(), since_ms: self.state.since_ms };
            draw_absent(
                canvas,
                inner,
                &state,
                context,
                "No entry matches. Every change of the workspace leaves one here.",
            );
        } else {
            let table = Table { columns: COLUMNS, list: &self.list, focus: true };
            let dim = canvas.theme.dim();
            table.draw(canvas, inner, |index| {
                self.rows.get(index).map(|entry| {
                    vec![
                        entry.sequence.to_string().into(),
                        (words::exact(entry.at_ms), dim).into(),
                        entry.actor.clone().into(),
                        entry.action.clone().into(),
                        middle(&entry.object, 40).into(),
                        (middle(&entry.hash, 13), dim).into(),
                    ]
                })
            });
        }
        if detail > 0 {
            let pane = canvas.pane(Rect { y: top.bottom(), height: detail, ..area }, "Entry", false);
            if let Some(entry) = self.rows.get(self.list.selected) {
                draw_facts(canvas, pane, &facts(entry, context));
            }
        }
    }
}

fn facts(entry: &TrailEntry, context: &Context<'_>) -> Vec<Fact> {
    let mut facts = vec![
        (
            "when".to_string(),
            format!("{} ({})", words::exact(entry.at_ms), words::ago(entry.at_ms, context.now_ms)),
        ),
        ("who".into(), entry.actor.clone()),
        ("what".into(), entry.action.clone()),
        ("about".into(), entry.object.clone()),
        ("hash".into(), entry.hash.clone()),
    ];
    facts.extend(detail(&entry.detail));
    facts
}

/// The fields of an entry's detail, one fact each.
pub(super) fn detail(detail: &serde_json::Value) -> Vec<Fact> {
    let plain = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match detail {
        serde_json::Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
        }
        serde_json::Value::Null => Vec::new(),
        other => vec![("detail".into(), plain(other))],
    }
}

/// One line for an entry in a history.
pub(super) fn line(entry: &TrailEntry, now_ms: i64) -> String {
    format!("{} {} · {}", entry.action, words::ago(entry.at_ms, now_ms), entry.actor)
}
