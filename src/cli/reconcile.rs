//! `gantry intake reconcile`: a sender's list against what is here.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::{Exit, Failure, Output};
use crate::engine::Client;
use crate::engine::query::{Listed, Reconcile, Reconciled, Whereabouts};
use crate::format::table::{Table, TableError};
use crate::model::text::visible;

/// Names of the column with instances, of the one with studies, and of the one with how many instances a study has.
const INSTANCE: [&str; 4] = ["SOPInstanceUID", "sop_instance_uid", "sop_uid", "00080018"];
const STUDY: [&str; 3] = ["StudyInstanceUID", "study_instance_uid", "study_uid"];
const COUNT: [&str; 4] = ["NumberOfStudyRelatedInstances", "instances", "images", "count"];

/// Compares the list in a table with what is here.
///
/// # Errors
/// The table cannot be read, or lists nothing that is known here.
pub fn run(client: &dyn Client, path: &Path, all: bool, out: &Output) -> Result<Exit, Failure> {
    let table = Table::read(path).map_err(|error| unreadable(path, &error))?;
    let column = |names: &[&str]| {
        let own = table.names().find(|own| names.iter().any(|name| name.eq_ignore_ascii_case(own)))?;
        table.column(own).ok()
    };
    let cells = |column: &[Option<String>]| -> Vec<String> {
        column.iter().flatten().map(|uid| uid.trim().to_owned()).filter(|uid| !uid.is_empty()).collect()
    };
    let listed: Vec<Listed> = match (column(&INSTANCE), column(&STUDY), column(&COUNT)) {
        (Some(instances), ..) => cells(instances).into_iter().map(Listed::Instance).collect(),
        (None, Some(studies), Some(counts)) => {
            let pair = |(study, count): (&Option<String>, &Option<String>)| {
                let count = count.as_ref()?.trim().parse().ok()?;
                Some(Listed::Study(study.as_ref()?.trim().to_owned(), count))
            };
            studies.iter().zip(counts).filter_map(pair).collect()
        }
        _ => {
            let why = "the list needs a column SOPInstanceUID, or StudyInstanceUID with NumberOfStudyRelatedInstances";
            return Err(Failure::new(Exit::Input, "no_list", why));
        }
    };
    let found = client.ask(Reconcile { listed })?;
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut page = out.page();
    for one in &found {
        *counts.entry(name(one.state)).or_default() += 1;
        if all || matches!(one.state, Whereabouts::Missing | Whereabouts::Surplus) {
            page.result(one, line);
        }
    }
    page.end();
    let total = json!({ "listed": found.len(), "states": counts });
    let words: Vec<String> = counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    out.result(&total, |_| format!("{} listed: {}", found.len(), words.join(", ")));
    let is_whole = !found.iter().any(|one| one.state == Whereabouts::Missing);
    Ok(if is_whole { Exit::Done } else { Exit::Findings })
}

fn unreadable(path: &Path, error: &TableError) -> Failure {
    Failure::new(Exit::Input, "unreadable", format!("{}: {error}", path.display()))
}

const fn name(state: Whereabouts) -> &'static str {
    match state {
        Whereabouts::Stored => "stored",
        Whereabouts::Arrived => "on their way",
        Whereabouts::Quarantined => "in quarantine",
        Whereabouts::Missing => "missing",
        Whereabouts::Surplus => "more than listed",
    }
}

fn line(one: &Reconciled) -> String {
    let counts = one.listed.zip(one.here).map(|(listed, here)| format!("  {here} of {listed}"));
    format!("{:<16}  {}{}", name(one.state), visible(&one.uid), counts.unwrap_or_default())
}
