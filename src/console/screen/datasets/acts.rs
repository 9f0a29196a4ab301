//! What keys do, and what comes back.

use super::open::{Compared, Lineage, Members};
use super::{Datasets, DatasetsAnswer, Open, TABS, Tab, say};
use crate::console::screen::{Context, Dialog, Effect, Effects, Loadable, act, input, review};
use crate::console::widget::words;
use crate::engine::command::{ExportOutcome, Withdraw, Withdrawn};
use crate::engine::query::{DeepLink, Severity, SnapshotVerified, VerifySnapshot};

/// What a withdrawal does to the bytes, in the words of the choice.
const KEEP: &str = "note it: in nothing later; the stored bytes stay";
const ERASE: &str = "note it and erase the stored bytes: this cannot be undone";

impl Datasets {
    /// Why an action cannot be done now.
    pub(super) fn why_not(&self, action: &str) -> Option<String> {
        let no_snapshot = || self.snapshot().is_none().then(|| "no snapshot is selected".to_owned());
        match (action, self.open.last()) {
            ("datasets.verify" | "datasets.export", None) => no_snapshot(),
            ("datasets.compare", None) => no_snapshot().or_else(|| {
                self.pair().is_none().then(|| "there is no other snapshot to compare with".into())
            }),
            ("datasets.provenance", None) => no_snapshot(),
            ("datasets.provenance", Some(Open::Members(_) | Open::Compared(_))) => None,
            ("datasets.withdraw", Some(Open::Members(members))) => {
                members.row().is_none().then(|| "no series is selected".into())
            }
            ("datasets.withdraw", _) => Some("open a snapshot (↵) and choose a series of the subject".into()),
            ("datasets.verify" | "datasets.export" | "datasets.compare" | "datasets.provenance", Some(_)) => {
                Some("this is for the list of snapshots; Esc leads there".into())
            }
            _ => None,
        }
    }

    pub(super) fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match name {
            "datasets.open" | "list.open" | "form.edit" => self.go_deeper(context),
            "datasets.new" => self.begin_new(context),
            "datasets.compare" => self.compare(context),
            "datasets.verify" => self.verify(context),
            "datasets.export" => self.begin_export(),
            "datasets.provenance" => match self.lineage_object() {
                Some(object) => self.show_lineage(&object, context),
                None => Vec::new(),
            },
            "datasets.withdraw" => self.begin_withdrawal(),
            "datasets.make" => self.ask_to_make(),
            "datasets.begin" => self.export(context),
            "datasets.left_out" => self.look_at_query(),
            "datasets.tab" | "pane.next" | "list.right" if self.open.is_empty() => self.show_tab(1),
            "datasets.tab_back" | "pane.previous" | "list.left" if self.open.is_empty() => {
                self.show_tab(TABS.len() - 1)
            }
            "screen.refresh" => self.refresh(context),
            "screen.copy" => self.copy(),
            "app.back" => self.back(),
            name => self.move_cursor(name, context),
        }
    }

    fn move_cursor(&mut self, name: &str, context: &Context<'_>) -> Effects {
        match self.open.last_mut() {
            None => {
                self.list_mut().act(name);
            }
            Some(Open::Members(members)) => {
                members.list.act(name);
                return members.ask(context);
            }
            Some(Open::Compared(compared)) => {
                compared.list.act(name);
            }
            Some(Open::Lineage(lineage)) => {
                lineage.list.act(name);
            }
            Some(Open::New { form, .. } | Open::Export { form, .. }) => {
                form.act(name);
            }
        }
        Vec::new()
    }

    fn go_deeper(&mut self, context: &Context<'_>) -> Effects {
        let series = match self.open.last_mut() {
            Some(Open::New { form, .. } | Open::Export { form, .. }) => {
                let (changed, effects) = form.edit();
                return if changed { self.form_changed(context) } else { effects };
            }
            Some(Open::Members(members)) => members.row().map(|row| row.series_uid.clone()),
            Some(Open::Compared(compared)) => {
                compared.get(compared.list.selected).map(|d| d.series_uid.to_owned())
            }
            Some(Open::Lineage(_)) => None,
            None => return self.open_line(context),
        };
        series.map(|uid| Effect::Go(review::look_at(&uid, ""))).into_iter().collect()
    }

    /// Opens the line under the cursor of a tab.
    fn open_line(&mut self, context: &Context<'_>) -> Effects {
        let at = self.list().selected as usize;
        let name = match self.tab {
            Tab::Snapshots => self.snapshot().map(|s| s.name.clone()),
            Tab::Exports => {
                self.exports.value.as_ref().and_then(|all| all.get(at)).and_then(|e| e.run.snapshot.clone())
            }
            Tab::Withdrawn => {
                let all = self.withdrawals.value.as_ref();
                all.and_then(|all| all.get(at)).and_then(|w| w.snapshots.first().cloned())
            }
        };
        let Some(name) = name else { return Vec::new() };
        let mut members = Members::of(&name);
        let effects = members.ask(context);
        self.open.push(Open::Members(members));
        effects
    }

    /// The two snapshots that a comparison is of: the marked one, or the one before, and the one under the cursor.
    fn pair(&self) -> Option<(String, String)> {
        let all = self.snapshots.value.as_ref()?;
        let list = &self.lists[Tab::Snapshots as usize];
        let here = list.selected as usize;
        let marked = list.marks.iter().map(|m| *m as usize).find(|m| *m != here);
        let other = marked.unwrap_or(here + 1);
        // The latest comes first: the further down, the earlier.
        let (earlier, later) = (other.max(here), other.min(here));
        Some((all.get(earlier)?.name.clone(), all.get(later)?.name.clone()))
    }

    fn compare(&mut self, context: &Context<'_>) -> Effects {
        let Some((first, second)) = self.pair() else { return Vec::new() };
        let mut compared = Compared { first, second, diff: Loadable::default(), list: Default::default() };
        let effects = compared.ask(context);
        self.open.push(Open::Compared(compared));
        effects
    }

    fn verify(&mut self, context: &Context<'_>) -> Effects {
        let Some(name) = self.snapshot().map(|s| s.name.clone()) else { return Vec::new() };
        self.begun += 1;
        self.verified.remove(&name);
        let question = VerifySnapshot { name: name.clone() };
        let run = Effect::Run(Box::new(move |client| {
            Box::new(DatasetsAnswer::Verified(name, client.ask(question)))
        }));
        let mut effects = vec![run];
        effects.extend(self.look_on(context));
        effects
    }

    /// What provenance is asked of: the snapshot, or the series under the cursor.
    fn lineage_object(&self) -> Option<String> {
        match self.open.last() {
            None => self.snapshot().map(|s| s.name.clone()),
            Some(Open::Members(members)) => members.row().map(|row| row.series_uid.clone()),
            Some(Open::Compared(compared)) => {
                compared.get(compared.list.selected).map(|d| d.series_uid.to_owned())
            }
            Some(_) => None,
        }
    }

    pub(super) fn show_lineage(&mut self, object: &str, context: &Context<'_>) -> Effects {
        let mut lineage =
            Lineage { object: object.into(), lines: Loadable::default(), list: Default::default() };
        let effects = lineage.ask(context);
        self.open.push(Open::Lineage(lineage));
        effects
    }

    fn begin_withdrawal(&mut self) -> Effects {
        let Some(Open::Members(members)) = self.open.last() else { return Vec::new() };
        let Some(row) = members.row() else { return Vec::new() };
        let title = format!("{} withdraws — why", row.subject);
        self.leaving = Some((row.subject.clone(), String::new()));
        vec![input("withdraw.reason", &title, "")]
    }

    /// A dialog of this screen was answered.
    pub(super) fn answered(&mut self, tag: &'static str, text: &str) -> Effects {
        match tag {
            "withdraw.reason" if !text.is_empty() => {
                let Some((subject, reason)) = &mut self.leaving else { return Vec::new() };
                text.clone_into(reason);
                let title = format!("{subject} withdraws: its open tasks end, and it is in nothing later");
                let options = vec![KEEP.to_owned(), ERASE.to_owned()];
                vec![Effect::Dialog(Dialog::Choose { tag: "withdraw.how", title, options, typed: false })]
            }
            "withdraw.how" => {
                let Some((subject, reason)) = self.leaving.take() else { return Vec::new() };
                let erase = text == ERASE;
                let command = Withdraw { subject, reason, erase };
                if !erase {
                    return vec![act(command, DatasetsAnswer::Withdrew)];
                }
                // It waits for exports and verifications that read the store: other acts do not wait with it.
                self.begun += 1;
                vec![Effect::Run(Box::new(move |client| {
                    Box::new(DatasetsAnswer::Erased(client.act(command)))
                }))]
            }
            "make" => self.make(),
            _ => Vec::new(),
        }
    }

    fn copy(&self) -> Effects {
        let at = self.list().selected as usize;
        let found = match (self.open.last(), self.tab) {
            (Some(Open::Members(m)), _) => m.row().map(|row| (row.series_uid.clone(), "series UID")),
            (Some(Open::Compared(c)), _) => {
                c.get(c.list.selected).map(|d| (d.series_uid.to_owned(), "series UID"))
            }
            (Some(Open::Lineage(lineage)), _) => {
                lineage.lines.value.as_ref().map(|lines| (lines.join("\n"), "provenance"))
            }
            (Some(_), _) => None,
            (None, Tab::Snapshots) => self.snapshot().map(|s| (s.id.clone(), "identifier")),
            (None, Tab::Exports) => {
                let all = self.exports.value.as_ref();
                all.and_then(|all| all.get(at)).map(|e| (e.run.to.clone(), "folder"))
            }
            (None, Tab::Withdrawn) => {
                let all = self.withdrawals.value.as_ref();
                all.and_then(|all| all.get(at)).map(|w| (w.subject.clone(), "pseudonym"))
            }
        };
        let Some((text, what)) = found else { return Vec::new() };
        vec![Effect::Copy(text), Effect::Say(Severity::Info, format!("{what} copied"))]
    }

    /// The series that a new snapshot is asked for, in the catalog.
    fn look_at_query(&self) -> Effects {
        let Some(Open::New { form, .. }) = self.open.last() else { return Vec::new() };
        let filter = form.get("query").to_owned();
        vec![Effect::Go(DeepLink { screen: "catalog".into(), filter, select: None })]
    }

    pub(super) fn take(&mut self, answer: DatasetsAnswer, context: &Context<'_>) -> Effects {
        match answer {
            DatasetsAnswer::Snapshots(answer) => self.snapshots.set(answer),
            DatasetsAnswer::Exports(answer) => self.exports.set(answer),
            DatasetsAnswer::Withdrawals(answer) => self.withdrawals.set(answer),
            DatasetsAnswer::Activities(answer) => self.running = answer.unwrap_or_default(),
            DatasetsAnswer::Members(page, answer) => {
                let found = self.open.iter_mut().rev().find_map(Open::members);
                let Some(members) = found else { return Vec::new() };
                match answer {
                    Ok(rows) => {
                        members.list.resize(rows.total);
                        members.rows.put(page, rows);
                        members.state.set(Ok(()));
                        return members.ask(context);
                    }
                    Err(error) => members.state.set(Err(error)),
                }
            }
            DatasetsAnswer::Compared(answer) => {
                let found = self.open.iter_mut().rev().find_map(Open::compared);
                if let Some(compared) = found {
                    compared.set(answer);
                }
            }
            DatasetsAnswer::Lineage(answer) => {
                let found = self.open.iter_mut().rev().find_map(Open::lineage);
                if let Some(lineage) = found {
                    lineage.lines.set(answer.map(|view| view.tree.lines().map(str::to_owned).collect()));
                    lineage.list.resize(lineage.lines.value.as_ref().map_or(0, Vec::len) as u64);
                }
            }
            DatasetsAnswer::Preview(answer) => {
                let found = self.open.iter_mut().rev().find_map(Open::preview);
                if let Some(preview) = found {
                    preview.set(answer);
                }
            }
            DatasetsAnswer::Made(answer) => return self.made(answer, context),
            DatasetsAnswer::Verified(name, answer) => return self.was_verified(name, answer, context),
            DatasetsAnswer::Exported(answer) => {
                self.begun = self.begun.saturating_sub(1);
                let mut effects = self.refresh(context);
                effects.extend(match answer {
                    Ok(outcome) => exported(&outcome),
                    Err(error) => say(Severity::Error, format!("not exported: {error}")),
                });
                return effects;
            }
            DatasetsAnswer::Erased(answer) => {
                self.begun = self.begun.saturating_sub(1);
                return self.take(DatasetsAnswer::Withdrew(answer), context);
            }
            DatasetsAnswer::Withdrew(Ok(done)) => {
                let mut effects = self.refresh(context);
                effects.extend(withdrew(&done));
                return effects;
            }
            DatasetsAnswer::Withdrew(Err(error)) => return say(Severity::Error, error.to_string()),
        }
        self.resize();
        Vec::new()
    }

    fn was_verified(
        &mut self,
        name: String,
        answer: Result<SnapshotVerified, crate::engine::EngineError>,
        context: &Context<'_>,
    ) -> Effects {
        self.begun = self.begun.saturating_sub(1);
        let said = match &answer {
            Ok(v) if v.ok => {
                say(Severity::Info, format!("{name} is whole: {} read", words::plural(v.checked, "object")))
            }
            Ok(v) => {
                let wrong = (v.damaged.len() + v.missing.len() + v.replaced.len()) as u64;
                say(Severity::Error, format!("{name} is not whole: {}", words::plural(wrong, "fault")))
            }
            Err(error) => say(Severity::Error, format!("{name} was not verified: {error}")),
        };
        self.verified.insert(name, answer.map_err(|error| error.to_string()));
        let mut effects = self.look_on(context);
        effects.extend(said);
        effects
    }
}

fn exported(outcome: &ExportOutcome) -> Effects {
    let files = words::plural(outcome.files, "file");
    let text = format!("{} series, {files} in {}", words::count(outcome.series), outcome.to);
    match outcome.left_out.len() as u64 {
        0 => say(Severity::Info, text),
        left => say(Severity::Warning, format!("{text}; {left} left out (manifest.json says why)")),
    }
}

fn withdrew(done: &Withdrawn) -> Effects {
    let mut text = format!("{} has withdrawn: {} series", done.subject, words::count(done.series));
    if done.erased > 0 {
        text += &format!(", {} erased", words::plural(done.erased, "stored object"));
    }
    if done.exports.is_empty() {
        return say(Severity::Info, text);
    }
    let went = words::plural(done.exports.len() as u64, "dataset");
    say(Severity::Warning, format!("{text}; {went} went out with its data: whoever has them must be told"))
}
