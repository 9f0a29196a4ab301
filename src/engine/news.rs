//! What happens in an open workspace, in lines for an operator: batches, parked jobs, inboxes that cannot be read. No line
//! holds a path, a name or a value of a file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::text::visible;
use crate::model::words::plural;
use crate::pipeline::{Counts, Listeners, Shared, Tally, Watchers};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It went as it should.
    Note,
    /// Somebody should look.
    Warning,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub weight: Weight,
    /// What happened.
    pub text: String,
}

/// What was told already.
#[derive(Default)]
pub struct News {
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// Counts that are followed, with what was told of each.
    followed: Vec<Followed>,
    /// Problem of each inbox.
    problems: BTreeMap<String, String>,
    /// Parked jobs, by row and the time at which they were parked.
    parked: BTreeSet<(i64, i64)>,
    /// The first look has been taken.
    begun: bool,
}

struct Followed {
    name: String,
    tally: Arc<Tally>,
    told: Counts,
}

impl News {
    /// Follows the counts of one ingest until nothing of it is open any more.
    pub fn follow(&self, name: &str, tally: &Arc<Tally>) {
        self.lock().follow(name, tally);
    }

    /// What has happened since the last time.
    pub fn gather(&self, shared: &Shared, watchers: &Watchers, listeners: &Listeners) -> Vec<Line> {
        let mut told = self.lock();
        let mut lines = Vec::new();
        for inbox in &shared.config().inboxes {
            let Some((state, tally)) = watchers.state(&inbox.name) else { continue };
            told.follow(&inbox.name, &tally);
            told.problem(&inbox.name, state.problem(), &mut lines);
        }
        for listener in &shared.config().listeners {
            let Some((state, tally)) = listeners.state(&listener.name) else { continue };
            told.follow(&listener.name, &tally);
            told.problem(&listener.name, state.obstacle(), &mut lines);
        }
        told.batches(&mut lines);
        told.parked(shared, &mut lines);
        told.begun = true;
        lines
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn follow(&mut self, name: &str, tally: &Arc<Tally>) {
        if !self.followed.iter().any(|followed| Arc::ptr_eq(&followed.tally, tally)) {
            let followed = Followed { name: name.into(), tally: tally.clone(), told: Counts::default() };
            self.followed.push(followed);
        }
    }

    /// One line for each count that has grown.
    fn batches(&mut self, lines: &mut Vec<Line>) {
        for followed in &mut self.followed {
            let now = followed.tally.counts();
            if let Some(text) = batch(&followed.told, &now) {
                let weight = if now.failed > followed.told.failed { Weight::Warning } else { Weight::Note };
                lines.push(Line { weight, text: format!("{}: {text}", visible(&followed.name)) });
                followed.told = now;
            }
        }
        // Who hands files in, and each file on its way, holds its count, too.
        self.followed.retain(|followed| Arc::strong_count(&followed.tally) > 1);
    }

    fn problem(&mut self, name: &str, problem: Option<String>, lines: &mut Vec<Line>) {
        if self.problems.get(name) == problem.as_ref() {
            return;
        }
        let shown = visible(name);
        match problem {
            Some(problem) => {
                lines.push(Line { weight: Weight::Warning, text: format!("{shown}: {}", visible(&problem)) });
                self.problems.insert(name.into(), problem);
            }
            None => {
                lines.push(Line { weight: Weight::Note, text: format!("{shown}: in order again") });
                self.problems.remove(name);
            }
        }
    }

    fn parked(&mut self, shared: &Shared, lines: &mut Vec<Line>) {
        let Ok(parked) = shared.catalog.read().parked() else { return };
        let new: Vec<_> = parked.iter().filter(|job| !self.parked.contains(&(job.id, job.at_ms))).collect();
        if !self.begun && !new.is_empty() {
            let are = if new.len() == 1 { "is" } else { "are" };
            let text = format!("{} {are} parked from before", plural(new.len() as u64, "job"));
            lines.push(Line { weight: Weight::Warning, text });
        } else {
            for job in new.iter().rev() {
                let (stage, object) = (visible(&job.stage), visible(&job.object));
                let text = format!("parked: {stage} {object}: {}", visible(&job.reason));
                lines.push(Line { weight: Weight::Warning, text });
            }
        }
        self.parked = parked.iter().map(|job| (job.id, job.at_ms)).collect();
    }
}

/// What a file is whose bytes are stored from another path.
const DUPLICATE: &str = "duplicate";

fn part(number: u64, what: &str) -> String {
    if what == DUPLICATE { plural(number, what) } else { format!("{number} {what}") }
}

/// Files whose bytes are stored from another path.
fn copies(counts: &Counts) -> u64 {
    counts.duplicates - counts.already_here
}

/// What has been dealt with since.
fn batch(before: &Counts, now: &Counts) -> Option<String> {
    let parts = [
        (now.deidentified - before.deidentified, "stored"),
        (now.quarantined - before.quarantined, "quarantined"),
        (now.rejected - before.rejected, "rejected"),
        (now.already_here - before.already_here, "already here"),
        (copies(now) - copies(before), DUPLICATE),
        (now.failed - before.failed, "not stored"),
    ];
    let files: u64 = parts.iter().map(|(n, _)| n).sum();
    if files == 0 {
        return None;
    }
    let told: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| part(*n, what)).collect();
    let why = match &now.failure {
        Some(why) if now.failed > before.failed => format!(" ({})", visible(&why.to_string())),
        _ => String::new(),
    };
    Some(format!("{}: {}{why}", plural(files, "file"), told.join(", ")))
}
