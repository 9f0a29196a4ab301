//! Datasets: versions, what differs between them, whether they are whole, where they went and who has left them.

mod acts;
mod draw;
mod forms;
mod open;

use std::collections::BTreeMap;

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;

use super::form::{FIELD, Form};
use super::{Context, Effect, Effects, Loadable, Message, Screen, ask};
use crate::access::Permission;
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::console::widget::{ListState, words};
use crate::engine::EngineError;
use crate::engine::command::{ExportOutcome, Withdrawn};
use crate::engine::query::{
    Activities, ActivityView, DeepLink, Diff, ExportView, Exports, MemberView, Page, ProvenanceView, Rows,
    Severity, SnapshotPreview, SnapshotVerified, SnapshotView, Snapshots, WithdrawalView, Withdrawals,
};

use open::{Compared, Lineage, Members};

const ACTIONS: &[Action] = &[
    action("datasets.open", &["enter"], "open", "the series of the snapshot; in them, the series in Review"),
    action("datasets.new", &["n"], "new", "make a snapshot: first what would go in, and what not and why"),
    action(
        "datasets.compare",
        &["d"],
        "compare",
        "what differs: the marked snapshot, or the one before, to this one",
    ),
    action("datasets.verify", &["v"], "verify", "every byte against its hash, the root and the trail"),
    action("datasets.export", &["e"], "export", "write the snapshot as a dataset"),
    action("datasets.provenance", &["p"], "provenance", "where the snapshot or the series came from"),
    action("datasets.withdraw", &["w"], "", "in the series: its subject withdraws, with a reason"),
    action("datasets.tab", &["tab"], "tab", "next tab: snapshots, exports, withdrawn"),
    action("datasets.tab_back", &["shift+tab"], "", "to the tab before"),
    action("screen.copy", &["y"], "", "copy the identifier, the folder or the series UID"),
];

const NEW_ACTIONS: &[Action] = &[
    action("form.edit", &["enter"], "change", "change the field"),
    action("datasets.make", &["m"], "make it", "make the snapshot as the preview shows it"),
    action("datasets.left_out", &["o"], "left out", "the series of the query in the catalog"),
];

const EXPORT_ACTIONS: &[Action] = &[
    action("form.edit", &["enter"], "change", "change the field"),
    action("datasets.begin", &["b"], "begin", "begin to write; it goes on while you do other things"),
];

/// What the tabs show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Tab {
    #[default]
    Snapshots,
    Exports,
    Withdrawn,
}

const TABS: [(Tab, &str); 3] =
    [(Tab::Snapshots, "snapshots"), (Tab::Exports, "exports"), (Tab::Withdrawn, "withdrawn")];

/// What is open over the tabs.
enum Open {
    Members(Members),
    Compared(Compared),
    Lineage(Lineage),
    New { form: Form, preview: Loadable<SnapshotPreview> },
    Export { form: Form, snapshot: SnapshotView },
}

enum DatasetsAnswer {
    Snapshots(Result<Vec<SnapshotView>, EngineError>),
    Exports(Result<Vec<ExportView>, EngineError>),
    Withdrawals(Result<Vec<WithdrawalView>, EngineError>),
    Activities(Result<Vec<ActivityView>, EngineError>),
    Members(Page, Result<Rows<MemberView>, EngineError>),
    Compared(Result<Diff, EngineError>),
    Lineage(Result<ProvenanceView, EngineError>),
    Preview(Result<SnapshotPreview, EngineError>),
    Made(Result<SnapshotView, EngineError>),
    Verified(String, Result<SnapshotVerified, EngineError>),
    Exported(Result<ExportOutcome, EngineError>),
    Withdrew(Result<Withdrawn, EngineError>),
    Erased(Result<Withdrawn, EngineError>),
}

/// The versions of the dataset.
#[derive(Default)]
pub struct Datasets {
    tab: Tab,
    snapshots: Loadable<Vec<SnapshotView>>,
    exports: Loadable<Vec<ExportView>>,
    withdrawals: Loadable<Vec<WithdrawalView>>,
    lists: [ListState; 3],
    open: Vec<Open>,
    /// What was verified from here, by name.
    verified: BTreeMap<String, Result<SnapshotVerified, String>>,
    running: Vec<ActivityView>,
    /// Long work that was begun here and has not come back.
    begun: u32,
    asked_ms: i64,
    /// The subject that is to withdraw, and why.
    leaving: Option<(String, String)>,
    select: Option<String>,
    /// What is on top was opened from another screen.
    through_door: bool,
}

impl Datasets {
    fn list(&self) -> &ListState {
        &self.lists[self.tab as usize]
    }

    fn list_mut(&mut self) -> &mut ListState {
        &mut self.lists[self.tab as usize]
    }

    fn refresh(&mut self, context: &Context<'_>) -> Effects {
        self.snapshots.wait(context.now_ms);
        self.exports.wait(context.now_ms);
        self.withdrawals.wait(context.now_ms);
        let mut effects = vec![
            ask("snapshots", Snapshots {}, DatasetsAnswer::Snapshots),
            ask("exports", Exports::default(), DatasetsAnswer::Exports),
            ask("withdrawals", Withdrawals {}, DatasetsAnswer::Withdrawals),
        ];
        effects.extend(self.look_on(context));
        match self.open.last_mut() {
            Some(Open::Members(members)) => effects.extend(members.again(context)),
            Some(Open::Compared(compared)) => effects.extend(compared.ask(context)),
            Some(Open::Lineage(lineage)) => effects.extend(lineage.ask(context)),
            // One that is on its way tells of now, too; while files come in, another would take its place for ever.
            Some(Open::New { preview, .. }) if preview.since_ms.is_some() => {}
            Some(Open::New { .. }) => effects.extend(self.ask_preview(context)),
            Some(Open::Export { .. }) | None => {}
        }
        effects
    }

    /// Asks how far long work is.
    fn look_on(&mut self, context: &Context<'_>) -> Effects {
        self.asked_ms = context.now_ms;
        vec![ask("activities", Activities {}, DatasetsAnswer::Activities)]
    }

    /// The snapshot under the cursor.
    fn snapshot(&self) -> Option<&SnapshotView> {
        let at = self.lists[Tab::Snapshots as usize].selected as usize;
        self.snapshots.value.as_ref().filter(|_| self.tab == Tab::Snapshots)?.get(at)
    }

    fn resize(&mut self) {
        let counts = [
            self.snapshots.value.as_ref().map_or(0, Vec::len),
            self.exports.value.as_ref().map_or(0, Vec::len),
            self.withdrawals.value.as_ref().map_or(0, Vec::len),
        ];
        for (list, count) in self.lists.iter_mut().zip(counts) {
            list.resize(count as u64);
        }
        if let (Some(name), Some(all)) = (&self.select, &self.snapshots.value)
            && let Some(at) = all.iter().position(|s| s.name == *name || s.id == *name)
        {
            self.lists[Tab::Snapshots as usize].selected = at as u64;
            self.select = None;
        }
    }

    fn show_tab(&mut self, step: usize) -> Effects {
        let at = TABS.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        self.tab = TABS[(at + step) % TABS.len()].0;
        Vec::new()
    }

    fn back(&mut self) -> Effects {
        let was_open = self.open.pop().is_some();
        // What was opened through a door leads back to where the door is.
        if std::mem::take(&mut self.through_door) || !was_open {
            return vec![Effect::Back];
        }
        Vec::new()
    }

    /// A line was pressed that the cursor stood on already.
    fn pointed(&mut self, x: u16, y: u16, context: &Context<'_>) -> Effects {
        let list = match self.open.last_mut() {
            None => self.list_mut(),
            Some(Open::Members(members)) => &mut members.list,
            Some(Open::Compared(compared)) => &mut compared.list,
            Some(Open::Lineage(lineage)) => &mut lineage.list,
            Some(Open::New { form, .. } | Open::Export { form, .. }) => {
                return if form.point(x, y) { self.action("form.edit", context) } else { Vec::new() };
            }
        };
        match list.line_at(x, y) {
            Some(line) if line == list.selected => self.action("datasets.open", context),
            Some(line) => {
                list.selected = line;
                self.action("", context)
            }
            None => Vec::new(),
        }
    }
}

impl Screen for Datasets {
    fn name(&self) -> &'static str {
        "datasets"
    }

    fn digit(&self) -> usize {
        8
    }

    fn title(&self) -> &'static str {
        "Datasets"
    }

    fn needs(&self) -> Permission {
        Permission::SeeReads
    }

    fn place(&self) -> Option<String> {
        let open: Vec<String> = self.open.iter().map(Open::place).collect();
        let tab = TABS.iter().find(|(tab, _)| *tab == self.tab).map(|(_, name)| *name)?;
        super::place(if open.is_empty() { tab } else { "" }, (!open.is_empty()).then(|| open.join(" ▸ ")))
    }

    fn actions(&self) -> &'static [Action] {
        match self.open.last() {
            Some(Open::New { .. }) => NEW_ACTIONS,
            Some(Open::Export { .. }) => EXPORT_ACTIONS,
            _ => ACTIONS,
        }
    }

    fn tables(&self) -> Vec<&'static [Action]> {
        vec![ACTIONS, NEW_ACTIONS, EXPORT_ACTIONS]
    }

    fn refuses(&self, action: &str) -> Option<String> {
        self.why_not(action)
    }

    fn note(&self) -> Option<String> {
        match self.open.last() {
            Some(Open::Members(members)) => {
                members.rows.total().map(|total| format!("{} series", words::count(total)))
            }
            Some(Open::Compared(compared)) => Some(words::plural(compared.list.total, "difference")),
            Some(_) => None,
            None => match self.tab {
                Tab::Snapshots => {
                    self.snapshots.value.as_ref().map(|s| words::plural(s.len() as u64, "snapshot"))
                }
                Tab::Exports => self.exports.value.as_ref().map(|e| words::plural(e.len() as u64, "export")),
                Tab::Withdrawn => {
                    self.withdrawals.value.as_ref().map(|w| words::plural(w.len() as u64, "subject"))
                }
            },
        }
    }

    fn holds_work(&self) -> bool {
        self.begun > 0
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(door) => {
                self.through_door = false;
                if let Some(DeepLink { filter, select: Some(select), .. }) = door {
                    if filter == PROVENANCE {
                        self.through_door = true;
                        let mut effects = self.show_lineage(&select, context);
                        effects.extend(self.refresh(context));
                        return effects;
                    }
                    self.open.clear();
                    self.tab = Tab::Snapshots;
                    self.select = Some(select);
                }
                self.refresh(context)
            }
            Message::Changed(_) => self.refresh(context),
            Message::Tick if self.is_to_look_on(context) => self.look_on(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog(FIELD, text) => self.filled(&text, context),
            Message::Dialog(tag, text) => self.answered(tag, &text),
            Message::Answer(answer) => match answer.downcast::<DatasetsAnswer>() {
                Ok(answer) => self.take(*answer, context),
                Err(_) => Vec::new(),
            },
            Message::Mouse(MouseEventKind::ScrollDown, ..) => self.action("list.down", context),
            Message::Mouse(MouseEventKind::ScrollUp, ..) => self.action("list.up", context),
            Message::Mouse(MouseEventKind::Down(_), x, y) => self.pointed(x, y, context),
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        self.draw_all(canvas, area, context);
    }
}

impl Datasets {
    /// While something is under way it is looked at each half second, else now and then: somebody else may begin something.
    fn is_to_look_on(&self, context: &Context<'_>) -> bool {
        let pause = if self.begun > 0 || !self.running.is_empty() { 500 } else { 5_000 };
        context.now_ms - self.asked_ms >= pause
    }
}

/// The filter of a door to where something came from.
pub const PROVENANCE: &str = "provenance";

/// A door to where a series or snapshot came from.
pub fn lineage_of(object: &str) -> DeepLink {
    DeepLink { screen: "datasets".into(), filter: PROVENANCE.into(), select: Some(object.into()) }
}

/// Tells an outcome on the last line.
fn say(severity: Severity, text: impl Into<String>) -> Effects {
    vec![Effect::Say(severity, text.into())]
}
