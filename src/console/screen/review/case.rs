//! The case under review, and what is asked of the engine about it.

use std::sync::Arc;

use super::Outcome;
use super::drawn::{self, ReaderMask};
use crate::console::screen::Effect;
use crate::engine::command::{ClaimNext, ClaimTask, DecideTask, Decision, ExportOutcome, Moved};
use crate::engine::query::{self, Page, QueueTab, ReadView, SeriesDetail, SeriesView, TaskRow, TaskView};
use crate::engine::{Client, EngineError};

/// A series to look at, with its task if it has one.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub row: Option<TaskRow>,
    pub series: SeriesView,
    pub reasons: Vec<String>,
    /// This user holds the task.
    pub held: bool,
    /// Why it cannot be decided.
    pub refusal: Option<String>,
    /// To be said once when it opens.
    pub notice: Option<String>,
    /// What readers said of it, by item and structure.
    pub reads: Vec<ReadView>,
    /// What they drew.
    pub drawn: Arc<[ReaderMask]>,
}

impl Case {
    pub fn task(&self) -> Option<i64> {
        self.row.as_ref().map(|row| row.id)
    }

    /// How a door names it.
    pub fn select(&self) -> String {
        self.task().map_or_else(|| self.series.row.series_uid.clone(), |task| task.to_string())
    }

    fn of_task(view: TaskView, claim: &Outcome<()>) -> Self {
        let decided = matches!(view.row.state.as_str(), "accepted" | "returned");
        let refusal = match claim {
            _ if decided => Some(format!("this case was {} already", view.row.state)),
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        };
        Self {
            row: Some(view.row),
            series: view.series,
            reasons: view.return_reasons,
            held: claim.is_ok() && !decided,
            notice: refusal.clone(),
            refusal,
            reads: Vec::new(),
            drawn: Arc::default(),
        }
    }

    /// With what readers said; that of `item` first.
    fn read(mut self, client: &dyn Client, item: &str) -> Self {
        let question = query::Reads {
            reader: None,
            structure: None,
            series_uid: Some(self.series.row.series_uid.clone()),
            history: false,
            page: Page { offset: 0, limit: MOST_READS },
        };
        // A case is looked at all the same where reads cannot be had.
        self.reads = client.ask(question).map(|rows| rows.rows).unwrap_or_default();
        let order = |read: &ReadView| {
            (read.item != item, read.item.clone(), read.structure.clone(), read.reader.clone())
        };
        self.reads.sort_by_cached_key(order);
        self.drawn = drawn::load(client, &self.reads);
        self
    }
}

/// Reads of a series that are shown at most.
const MOST_READS: u32 = 500;

pub(super) enum ReviewAnswer {
    Opened(Outcome<Box<Case>>),
    Next(Outcome<Option<Box<Case>>>),
    Decided { task: i64, decision: Decision, outcome: Outcome<()>, next: Outcome<Option<Box<Case>>> },
    Ahead(Option<Box<Case>>, Option<u64>),
    GivenBack,
    Exported(Outcome<ExportOutcome>),
    Questioned(Outcome<Moved>),
}

/// Opens and claims a task by its number, or looks at a series by its UID: that takes no work away from anybody, and it
/// can be decided all the same while nobody holds it.
pub(super) fn open(select: String) -> Effect {
    Effect::Act(Box::new(move |client| {
        Box::new(ReviewAnswer::Opened(open_now(client, &select).map(Box::new)))
    }))
}

fn open_now(client: &dyn Client, select: &str) -> Outcome<Case> {
    if let Ok(id) = select.parse::<i64>() {
        let view = client.ask(query::Task { id })?;
        let decided = matches!(view.row.state.as_str(), "accepted" | "returned");
        let claim = if decided { Ok(()) } else { client.act(ClaimTask { task: id, take: false }) };
        return Ok(Case::of_task(view, &claim).read(client, ""));
    }
    let (uid, item) = select.split_once(' ').unwrap_or((select, ""));
    let series = client.ask(SeriesDetail { series_uid: uid.into() })?;
    let case = match series.task {
        Some(id) => Case { held: false, ..Case::of_task(client.ask(query::Task { id })?, &Ok(())) },
        None => Case {
            row: None,
            series,
            reasons: Vec::new(),
            held: false,
            refusal: None,
            notice: None,
            reads: Vec::new(),
            drawn: Arc::default(),
        },
    };
    Ok(case.read(client, item))
}

/// Claims the most urgent case and opens it.
pub(super) fn claim_next(filter: String, except: Vec<i64>) -> Effect {
    Effect::Act(Box::new(move |client| Box::new(ReviewAnswer::Next(claim_now(client, filter, except)))))
}

fn claim_now(client: &dyn Client, filter: String, except: Vec<i64>) -> Outcome<Option<Box<Case>>> {
    match client.act(ClaimNext { view: QueueTab::Free, filter, except })? {
        Some(id) => {
            let view = client.ask(query::Task { id })?;
            Ok(Some(Box::new(Case::of_task(view, &Ok(())).read(client, ""))))
        }
        None => Ok(None),
    }
}

/// Decides, and opens the next case in the same breath.
pub(super) fn decide(task: i64, decision: Decision, filter: String, except: Vec<i64>, now_ms: i64) -> Effect {
    Effect::Act(Box::new(move |client| {
        let key = format!("{task}-{now_ms}");
        let outcome = client.act(DecideTask { task, decision: decision.clone(), key });
        let next = if outcome.is_ok() { claim_now(client, filter, except) } else { Ok(None) };
        Box::new(ReviewAnswer::Decided { task, decision, outcome, next })
    }))
}

/// Which case comes next, so that it is decoded before it is needed; nothing is claimed.
pub(super) fn ask_next(current: Option<i64>, filter: String, except: Vec<i64>, now_ms: i64) -> Effect {
    Effect::Ask(
        "ahead",
        Box::new(move |client| {
            let limit = except.len().min(100) as u32 + 2;
            let page = Page { offset: 0, limit };
            let queue = client.ask(query::Queue { view: QueueTab::Free, filter, now_ms, page });
            let Ok(queue) = queue else { return Box::new(ReviewAnswer::Ahead(None, None)) };
            let is_next = |row: &&TaskRow| Some(row.id) != current && !except.contains(&row.id);
            let next = queue.rows.iter().find(is_next).map(|row| row.id);
            let view: Option<Result<TaskView, EngineError>> = next.map(|id| client.ask(query::Task { id }));
            let case = view.and_then(Result::ok).map(|view| Box::new(Case::of_task(view, &Ok(()))));
            Box::new(ReviewAnswer::Ahead(case, Some(queue.total)))
        }),
    )
}
