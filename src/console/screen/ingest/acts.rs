//! What the ingest screen has the engine do: retry, release, discard, look, write the list of refusals.

use std::sync::Arc;

use super::Answer;
use crate::console::screen::{Effect, Task, act};
use crate::console::widget::{csv_line, words};
use crate::engine::command::{DiscardIntake, IntakeChoice, Moved, ReleaseIntake, RetryIntake};
use crate::engine::query::{IntakeFiles, IntakeGroup, IntakeGroups, IntakeStatus, Page, Severity};
use crate::engine::{Client, tools};

/// Files in a list of refusals at most.
const CSV_ROWS: u64 = 1_000_000;

/// Acts on what was chosen.
pub(super) fn command(name: &'static str, choice: IntakeChoice) -> Effect {
    match name {
        "release" => act(ReleaseIntake { choice }, |outcome| Answer::Moved("released", outcome)),
        "discard" => act(DiscardIntake { choice }, |outcome| Answer::Moved("discarded", outcome)),
        _ => act(RetryIntake { choice }, |outcome| Answer::Moved("went through", outcome)),
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
        Box::new(Answer::Picture(id, slice.map(Arc::new)))
    })
}

/// Writes what was refused as CSV: hashes, sizes and reasons; of a path only its last part.
pub(super) fn write_csv(filter: String, to: String) -> Effect {
    Effect::Act(Box::new(move |client| {
        let written = refused(client, &filter).and_then(|(text, rows)| {
            let path = std::path::absolute(&to).map_err(|error| error.to_string())?;
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok((path.display().to_string(), rows))
        });
        Box::new(Answer::Written(written))
    }))
}

fn refused(client: &dyn Client, filter: &str) -> Result<(String, u64), String> {
    let mut text = String::from("site,day,status,reason,explanation,file,bytes,sha256,where\n");
    let mut rows = 0;
    let groups = client.ask(IntakeGroups { filter: filter.into() }).map_err(|error| error.to_string())?;
    let is_refusal = |group: &&IntakeGroup| {
        matches!(group.status, IntakeStatus::Quarantined | IntakeStatus::Rejected | IntakeStatus::Discarded)
    };
    for group in groups.iter().filter(is_refusal) {
        let mut offset = 0;
        while rows < CSV_ROWS {
            let page = Page { offset, limit: 1000 };
            let files = client
                .ask(IntakeFiles { group: group.key.clone(), page })
                .map_err(|error| error.to_string())?;
            for file in &files.rows {
                let bytes = file.bytes.to_string();
                let status = format!("{:?}", file.status).to_lowercase();
                let fields = [
                    &group.site,
                    &group.day,
                    &status,
                    &file.reason,
                    &group.explanation,
                    &file.path,
                    &bytes,
                    &file.sha256,
                    &file.detail,
                ];
                text.push_str(&csv_line(fields));
                rows += 1;
            }
            offset += files.rows.len() as u64;
            if files.rows.is_empty() || offset >= files.total {
                break;
            }
        }
    }
    Ok((text, rows))
}
