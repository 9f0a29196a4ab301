//! Making a snapshot, and writing one as a dataset.

use super::{Datasets, DatasetsAnswer, Open, Tab, say};
use crate::console::screen::form::{Field, Form, Kind};
use crate::console::screen::{Context, Dialog, Effect, Effects, Loadable, act, ask};
use crate::console::widget::words;
use crate::engine::EngineError;
use crate::engine::command::{CreateSnapshot, Export, SplitBy, SplitWords, StandardWords, format_names};
use crate::engine::query::{PreviewSnapshot, Severity, SnapshotView};

/// Where there is nothing to choose.
const NONE: &str = "none";

impl Datasets {
    pub(super) fn begin_new(&mut self, context: &Context<'_>) -> Effects {
        let all = self.snapshots.value.as_deref().unwrap_or_default();
        let form = new_form(all);
        self.open.push(Open::New { form, preview: Loadable::default() });
        self.ask_preview(context)
    }

    pub(super) fn ask_preview(&mut self, context: &Context<'_>) -> Effects {
        let Some(Open::New { form, preview }) = self.open.last_mut() else { return Vec::new() };
        preview.wait(context.now_ms);
        let question = PreviewSnapshot { query: form.given("query"), split: split_words(form) };
        vec![ask("preview", question, DatasetsAnswer::Preview)]
    }

    /// A field was filled in.
    pub(super) fn filled(&mut self, text: &str, context: &Context<'_>) -> Effects {
        if let Some(Open::New { form, .. } | Open::Export { form, .. }) = self.open.last_mut() {
            form.answered(text);
        }
        self.form_changed(context)
    }

    pub(super) fn form_changed(&mut self, context: &Context<'_>) -> Effects {
        match self.open.last() {
            Some(Open::New { .. }) => self.ask_preview(context),
            _ => Vec::new(),
        }
    }

    pub(super) fn ask_to_make(&mut self) -> Effects {
        let Some(Open::New { form, preview }) = self.open.last() else { return Vec::new() };
        let Some(name) = form.given("name") else { return say(Severity::Warning, "it has no name yet") };
        // What stands may be of what the form said before.
        let stands = preview.error.is_none() && preview.since_ms.is_none();
        let Some(preview) = preview.value.as_ref().filter(|_| stands) else {
            return say(Severity::Warning, "the preview must stand first");
        };
        if let Err(why) = seed_of(form) {
            return say(Severity::Warning, why);
        }
        if preview.series == 0 {
            return say(Severity::Warning, "nothing would be in it");
        }
        let same = preview.same_as.as_ref().map(|s| format!(" It holds what {s} holds.")).unwrap_or_default();
        let subjects = words::plural(preview.subjects, "subject");
        let text = format!("Freeze {} series of {subjects} as {name}?{same}", words::count(preview.series));
        vec![Effect::Dialog(Dialog::Confirm { tag: "make", text })]
    }

    pub(super) fn make(&mut self) -> Effects {
        let Some(Open::New { form, .. }) = self.open.last() else { return Vec::new() };
        let command = CreateSnapshot {
            name: form.get("name").to_owned(),
            query: form.given("query"),
            split: split_words(form),
            note: form.get("note").to_owned(),
        };
        vec![act(command, DatasetsAnswer::Made)]
    }

    pub(super) fn made(
        &mut self,
        answer: Result<SnapshotView, EngineError>,
        context: &Context<'_>,
    ) -> Effects {
        let made = match answer {
            Ok(made) => made,
            Err(error) => return say(Severity::Error, format!("not made: {error}")),
        };
        if matches!(self.open.last(), Some(Open::New { .. })) {
            self.open.pop();
        }
        self.tab = Tab::Snapshots;
        self.select = Some(made.name.clone());
        let mut effects = self.refresh(context);
        let signed = if made.signed { ", signed" } else { "" };
        let subjects = words::plural(made.subjects, "subject");
        let text = format!("{} holds {} series of {subjects}{signed}", made.name, words::count(made.series));
        effects.extend(say(Severity::Info, text));
        effects
    }

    pub(super) fn begin_export(&mut self) -> Effects {
        let Some(snapshot) = self.snapshot().cloned() else { return Vec::new() };
        let form = export_form(&snapshot);
        self.open.push(Open::Export { form, snapshot });
        Vec::new()
    }

    /// Begins to write; other acts go on beside it.
    pub(super) fn export(&mut self, context: &Context<'_>) -> Effects {
        let Some(Open::Export { form, snapshot }) = self.open.last() else { return Vec::new() };
        let Some(to) = form.given("folder") else {
            return say(Severity::Warning, "it needs a folder");
        };
        let Ok(to) = std::path::absolute(&to) else {
            return say(Severity::Warning, "that is no folder's name");
        };
        let formats: Vec<String> = form
            .get("formats")
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let command = Export {
            formats,
            to: to.to_string_lossy().into_owned(),
            snapshot: Some(snapshot.name.clone()),
            resume: form.is_on("resume"),
            pseudonyms: form.is_on("pseudonyms"),
            standard: StandardWords {
                untilt: false,
                orientation: form.given("orientation"),
                spacing: form.given("spacing"),
                range: form.given("range"),
            },
            ..Export::default()
        };
        let name = snapshot.name.clone();
        self.open.pop();
        self.begun += 1;
        let mut effects = vec![Effect::Run(Box::new(move |client| {
            Box::new(DatasetsAnswer::Exported(client.act(command)))
        }))];
        effects.extend(self.look_on(context));
        effects.extend(say(Severity::Info, format!("{name} is being written")));
        effects
    }
}

/// The form of a new snapshot: as the latest was made, with the next name.
fn new_form(all: &[SnapshotView]) -> Form {
    let latest = all.first();
    let query = latest.and_then(|s| s.query.clone()).unwrap_or_default();
    let option = |name: &str| {
        let value = latest.map(|s| &s.options[name]).and_then(serde_json::Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let shares = option("shares");
    let seed = latest.and_then(|s| s.options["seed"].as_u64()).filter(|seed| *seed > 0);
    let seed = seed.map(|seed| seed.to_string()).unwrap_or_default();
    let keep = latest.filter(|_| !shares.is_empty()).map(|s| s.name.clone()).unwrap_or_default();
    let names = std::iter::once(NONE.to_owned()).chain(all.iter().map(|s| s.name.clone())).collect();
    let units = vec!["subject".to_owned(), "site".to_owned()];
    let by = if option("by") == "site" { "site" } else { "" };
    let split = ["train=.7,val=.15,test=.15", "train=.8,test=.2"].map(str::to_owned).to_vec();
    let strata = ["site", "modality", "manufacturer"].map(str::to_owned).to_vec();
    Form::new(vec![
        Field::new("name", Kind::Text(Vec::new()), &next_name(all), "needed"),
        Field::new("query", Kind::Query, &query, "every series with accepted labels"),
        Field::new("split", Kind::Text(split), &shares, "no splits; train=.7,val=.15,test=.15"),
        Field::new("whole", Kind::Choice(units), by, "subject: all of a subject in one split"),
        Field::new(
            "stratify",
            Kind::Text(strata),
            &option("stratify"),
            "by chance alone; site, modality, a structure",
        ),
        Field::new("seed", Kind::Text(Vec::new()), &seed, "0"),
        Field::new("keep splits of", Kind::Choice(names), &keep, "no other snapshot"),
        Field::new("note", Kind::Text(Vec::new()), "", "none; it stands in the trail"),
    ])
}

/// `v3` after `v2`, `lung-12` after `lung-11`; `v1` at first.
fn next_name(all: &[SnapshotView]) -> String {
    let Some(latest) = all.first() else { return "v1".into() };
    let stem = latest.name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = latest.name[stem.len()..].parse::<u64>().unwrap_or(1);
    let is_free = |name: &String| !all.iter().any(|s| s.name == *name);
    let names = (1..=all.len() as u64 + 1).map(|more| format!("{stem}{}", number.saturating_add(more)));
    names.into_iter().find(is_free).unwrap_or_default()
}

/// What chance is drawn from.
fn seed_of(form: &Form) -> Result<u64, &'static str> {
    match form.get("seed") {
        "" => Ok(0),
        text => text.parse().map_err(|_| "a seed is a whole number, not below zero"),
    }
}

fn split_words(form: &Form) -> Option<SplitWords> {
    Some(SplitWords {
        shares: form.given("split")?,
        by: if form.get("whole") == "site" { SplitBy::Site } else { SplitBy::Subject },
        stratify: form.given("stratify"),
        seed: seed_of(form).unwrap_or_default(),
        keep: form.given("keep splits of"),
    })
}

fn export_form(snapshot: &SnapshotView) -> Form {
    let formats = format_names().into_iter().map(str::to_owned).collect();
    Form::new(vec![
        Field::new("formats", Kind::Text(formats), "nifti json", "needed"),
        Field::new("folder", Kind::Text(Vec::new()), &snapshot.name, "needed; must not exist or be empty"),
        Field::new("resume", Kind::Switch, "", ""),
        Field::new("pseudonyms", Kind::Switch, "", ""),
        Field::new(
            "orientation",
            Kind::Text(["RAS", "LPS"].map(str::to_owned).to_vec()),
            "",
            "as acquired; RAS",
        ),
        Field::new("spacing", Kind::Text(Vec::new()), "", "as acquired; 1 or .7,.7,1.25 (mm)"),
        Field::new("range", Kind::Text(Vec::new()), "", "all values; -1000,400"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_name_follows_the_latest() {
        let named = |names: &[&str]| -> Vec<SnapshotView> {
            names.iter().map(|n| SnapshotView { name: (*n).into(), ..SnapshotView::default() }).collect()
        };
        assert_eq!(next_name(&[]), "v1");
        assert_eq!(next_name(&named(&["v2", "v3", "v1"])), "v4");
        assert_eq!(next_name(&named(&["lung"])), "lung2");
        assert_eq!(next_name(&named(&["lung-09", "v1"])), "lung-10");
    }
}
