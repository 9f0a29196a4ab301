//! Who may take which task.

use super::case::Case;
use super::plan::Plan;
use super::reader::{Reader, Skill};
use super::task::{Step, Task, TaskState};

/// Why somebody may not take a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bar {
    /// No reader.
    #[error("only readers take tasks: `--as READER` acts for one")]
    NoReader,
    /// They do not read any more.
    #[error("{0} does not read any more")]
    Retired(String),
    /// They are away.
    #[error("{0} is away")]
    Away(String),
    /// A lower level.
    #[error("this is for level {needs}, and {reader} has level {has}")]
    Level {
        /// The reader.
        reader: String,
        /// The least level.
        needs: u8,
        /// Theirs.
        has: u8,
    },
    /// Another site.
    #[error("{reader} does not read cases of site {site}")]
    Site {
        /// The reader.
        reader: String,
        /// The case's site.
        site: String,
    },
    /// Other skills.
    #[error("{reader} reads {reads}, and this case is {is}")]
    Skill {
        /// The reader.
        reader: String,
        /// Their skills of one kind.
        reads: String,
        /// What the case is.
        is: String,
    },
    /// Enough for a day.
    #[error("{reader} has taken {per_day} reads today, which is as many as a day may have")]
    PerDay {
        /// The reader.
        reader: String,
        /// Reads of a day.
        per_day: u32,
    },
    /// Their own case.
    #[error("{0} has read this case")]
    OwnCase(String),
    /// The case's other read.
    #[error("{0} has another read of this case")]
    SecondRead(String),
    /// Kept for somebody.
    #[error("the task is kept for another reader")]
    Kept,
}

/// Whether a reader may take a task now; `taken_today` counts reads taken since midnight.
///
/// # Errors
/// [`Bar`], the first that applies.
pub fn may(reader: &Reader, taken_today: u32, case: &Case, task: &Task, now_ms: i64) -> Result<(), Bar> {
    if reader.is_away(now_ms) {
        return Err(Bar::Away(reader.id.clone()));
    }
    may_ever(reader, case, task)?;
    match reader.per_day {
        Some(per_day) if task.step == Step::Read && taken_today >= per_day => {
            Err(Bar::PerDay { reader: reader.id.clone(), per_day })
        }
        _ => Ok(()),
    }
}

/// Whether a reader may have a task at all, today or later.
///
/// # Errors
/// [`Bar`], the first that applies.
pub fn may_ever(reader: &Reader, case: &Case, task: &Task) -> Result<(), Bar> {
    let who = || reader.id.clone();
    if !reader.active {
        return Err(Bar::Retired(who()));
    }
    if task.kept_for().is_some_and(|kept| kept != reader.id) {
        return Err(Bar::Kept);
    }
    if reader.level < task.level {
        return Err(Bar::Level { reader: who(), needs: task.level, has: reader.level });
    }
    if !reader.sites.is_empty() && !reader.sites.contains(&case.site) {
        return Err(Bar::Site { reader: who(), site: case.site.clone() });
    }
    skilled(reader, case)?;
    not_own(reader, case, task)
}

/// Of each kind of skill that a reader names, the case's is among them.
fn skilled(reader: &Reader, case: &Case) -> Result<(), Bar> {
    let skills: Vec<Skill> = reader.skills.iter().filter_map(|text| Skill::parse(text)).collect();
    let kinds: [(fn(Skill) -> Option<&'static str>, &Option<String>, &str); 2] =
        [(Skill::region, &case.region, "region"), (Skill::family, &case.family, "modality")];
    for (of_kind, of_case, kind) in kinds {
        let named: Vec<&str> = skills.iter().filter_map(|skill| of_kind(*skill)).collect();
        if !named.is_empty() && !of_case.as_deref().is_some_and(|case| named.contains(&case)) {
            let is = of_case.clone().unwrap_or_else(|| format!("of an unknown {kind}"));
            return Err(Bar::Skill { reader: reader.id.clone(), reads: named.join(", "), is });
        }
    }
    Ok(())
}

/// Nobody reads a case twice, or decides on a read of their own.
fn not_own(reader: &Reader, case: &Case, task: &Task) -> Result<(), Bar> {
    // A read that was returned is mended by who has read it.
    let theirs = task.kept_for() == Some(&reader.id)
        || case.reads.iter().any(|r| r.task == task.id && r.reader == reader.id && !r.superseded);
    let of_round =
        |read: &&super::case::CaseRead| read.round == task.round && read.for_case && !read.superseded;
    let has_read = || case.reads.iter().filter(of_round).any(|read| read.reader == reader.id);
    match task.step {
        Step::Review | Step::Adjudicate if has_read() => Err(Bar::OwnCase(reader.id.clone())),
        Step::Read if task.is_for_case() => {
            let other = |t: &&Task| {
                t.id != task.id && t.step == Step::Read && t.round == task.round && t.is_for_case()
            };
            let has = |t: &Task| {
                let is_cancelled = matches!(t.state, TaskState::Cancelled { .. });
                !is_cancelled && t.belongs_to() == Some(&reader.id)
            };
            let second = case.tasks.iter().filter(other).any(has) || (has_read() && !theirs);
            if second { Err(Bar::SecondRead(reader.id.clone())) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// The least level of a step of a case.
pub(super) fn level_of(plan: &Plan, case: &Case, step: Step) -> u8 {
    let of_step = match step {
        Step::Read | Step::SeriesReview => plan.level,
        Step::Review => plan.review.as_ref().map_or(plan.level, |r| r.level),
        Step::Adjudicate => plan.adjudicate.level,
    };
    of_step.max(case.level)
}
