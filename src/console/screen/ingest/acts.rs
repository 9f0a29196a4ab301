//! What the ingest screen has the engine do: retry, release, discard, look, write the list of refusals.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::masks::Masking;
use super::{Ingest, IngestAnswer};
use crate::console::screen::{Context, Dialog, Effect, Effects, Task, act, input};
use crate::console::widget::words;
use crate::engine::command::{
    AddInbox, DiscardIntake, IntakeChoice, MaskIntake, Moved, ReleaseIntake, RemoveInbox, RetryIntake,
};
use crate::engine::query::Severity;
use crate::engine::refusals::refusals;
use crate::engine::tools;
use crate::format::whole::write_whole;
use crate::model::words::io_words;

impl Ingest {
    pub(super) fn start(&mut self, name: &'static str) -> Effects {
        let Some((choice, count)) = self.choice() else { return Vec::new() };
        let files = words::plural(count, "file");
        let question = match name {
            "release" => {
                format!("Pass {files} on: somebody has looked at every picture and none shows a name?")
            }
            "discard" => format!("Discard the kept copies of {files}? The record stays; the copies do not."),
            _ => return vec![command(name, choice)],
        };
        self.pending = Some((name, choice));
        vec![Effect::Dialog(Dialog::Confirm { tag: "confirm", text: question })]
    }

    /// Asks before what was drawn is used.
    fn ask_pass(&mut self) -> Effects {
        let Some(masking) = &self.masking else { return Vec::new() };
        let Some(drawing) = masking.drawing() else {
            let why = "there is no picture to draw on; Esc goes back";
            return vec![Effect::Say(Severity::Warning, why.into())];
        };
        let files = words::plural(masking.count, "file");
        let text = if drawing.masks.is_empty() {
            format!("Pass {files} on without a mask: somebody has looked and nothing shows a name?")
        } else {
            let areas = words::plural(drawing.masks.len() as u64, "area");
            format!("Mask {areas} in {files} as drawn, and pass them on? Nothing else is searched or masked.")
        };
        vec![Effect::Dialog(Dialog::Confirm { tag: "mask", text })]
    }

    /// What was drawn is used.
    fn pass(&mut self) -> Effects {
        let Some(masking) = self.masking.take() else { return Vec::new() };
        let Some(drawing) = masking.drawing() else { return Vec::new() };
        let choice = masking.choice;
        if drawing.masks.is_empty() {
            return vec![command("release", choice)];
        }
        vec![act(MaskIntake { choice, drawing }, |outcome| IngestAnswer::Moved("masked and passed", outcome))]
    }

    /// Opens the selected file's picture to draw masks on.
    pub(super) fn begin_masks(&mut self, context: &Context<'_>) -> Effects {
        // The files as they are now, each by itself: what comes later was seen by nobody.
        let marked = self.file_list.marks.iter().filter_map(|at| self.files.get(*at));
        let mut files: Vec<i64> = marked.map(|file| file.id).collect();
        let here = self.files.get(self.file_list.selected).map(|file| file.id);
        if files.is_empty() {
            files.extend(here);
        }
        // The picture that is shown is one of those that the masks are for.
        let shown = here.filter(|id| files.contains(id)).or(files.first().copied());
        let Some(id) = shown else { return Vec::new() };
        let count = files.len() as u64;
        let (masking, effects) = Masking::begin(id, IntakeChoice::Files(files), count, context);
        self.masking = Some(masking);
        effects
    }

    /// What a key does while masks are drawn.
    pub(super) fn mask_action(&mut self, name: &str) -> Effects {
        match name {
            "mask.pass" => self.ask_pass(),
            "app.back" => {
                self.masking = None;
                Vec::new()
            }
            name => self.masking.as_mut().and_then(|m| m.action(name)).unwrap_or_default(),
        }
    }

    /// Words that the filter understands, as far as they occur.
    pub(super) fn offers(&self) -> Vec<String> {
        let groups = self.groups.value.iter().flatten();
        let words = groups.flat_map(|group| {
            let status = Some(word("status", group.status.as_str()));
            let own = [word("reason", &group.reason), word("site", &group.site)];
            status.into_iter().chain(own)
        });
        words.collect::<BTreeSet<String>>().into_iter().collect()
    }

    pub(super) fn dialog(&mut self, tag: &str, text: String, context: &Context<'_>) -> Effects {
        match tag {
            "confirm" => {
                self.pending.take().map(|(name, choice)| command(name, choice)).into_iter().collect()
            }
            "mask" => self.pass(),
            "filter" => {
                self.filter = text;
                self.group_list.reset();
                self.refresh(context)
            }
            "csv" | "csv_names" if !text.is_empty() => {
                vec![write_csv(self.filter.clone(), text, tag == "csv_names")]
            }
            "add.path" if !text.is_empty() => {
                let name = text.trim_end_matches('/').rsplit('/').next().unwrap_or("inbox").to_string();
                self.adding = vec![text];
                vec![input("add.site", "the site whose data it brings", &name)]
            }
            "add.site" if !text.is_empty() => {
                let Some(path) = self.adding.pop() else { return Vec::new() };
                let said = format!("{path} is watched");
                let name = text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                vec![act(AddInbox { name, path, site: text }, move |outcome| {
                    IngestAnswer::Done(said, outcome)
                })]
            }
            "remove" => match self.source() {
                Some(source) => {
                    let name = source.name.clone();
                    let said = format!("{name} is not watched any more");
                    vec![act(RemoveInbox { name }, move |outcome| IngestAnswer::Done(said, outcome))]
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

/// Acts on what was chosen.
pub(super) fn command(name: &'static str, choice: IntakeChoice) -> Effect {
    match name {
        "release" => act(ReleaseIntake { choice }, |outcome| IngestAnswer::Moved("released", outcome)),
        "discard" => act(DiscardIntake { choice }, |outcome| IngestAnswer::Moved("discarded", outcome)),
        _ => act(RetryIntake { choice }, |outcome| IngestAnswer::Moved("went through", outcome)),
    }
}

/// The outcome in counts.
pub(super) fn report(word: &str, moved: &Moved) -> Effect {
    let went = format!("{} {word}", words::plural(moved.moved, "file"));
    if moved.refused.is_empty() {
        return Effect::Say(Severity::Info, went);
    }
    let refused: Vec<String> =
        moved.refused.iter().map(|(n, why)| format!("{} not: {why}", words::count(*n))).collect();
    Effect::Say(Severity::Warning, format!("{went}; {}", refused.join("; ")))
}

/// Decodes the first frame of a quarantined file.
pub(super) fn look(id: i64) -> Task {
    Box::new(move |client| {
        let picture = client.quarantined(id).map_err(|error| error.to_string());
        let slice = picture.and_then(|bytes| tools::picture(&bytes, 0).map_err(|error| error.to_string()));
        Box::new(IngestAnswer::Picture(id, slice.map(Arc::new)))
    })
}

/// A word of the filter.
pub(super) fn word(field: &str, value: &str) -> String {
    if value.contains(|c: char| c.is_whitespace() || c == ',') {
        format!("{field}:\"{value}\"")
    } else {
        format!("{field}:{value}")
    }
}

/// Writes what was refused as CSV: hashes, sizes and reasons; paths only where names are asked for.
fn write_csv(filter: String, to: String, names: bool) -> Effect {
    Effect::Act(Box::new(move |client| {
        let report = refusals(client, &filter, names).map_err(|error| error.to_string());
        let written = report.and_then(|report| {
            let path = std::path::absolute(&to).map_err(|error| error.to_string())?;
            write_whole(&path, &report.to_csv(names), names)
                .map_err(|error| format!("{}: {}", path.display(), io_words(error.kind())))?;
            Ok((path.display().to_string(), report.files.len() as u64))
        });
        Box::new(IngestAnswer::Written(written))
    }))
}
