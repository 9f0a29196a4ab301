//! Cases at work: the plan in force, which series are cases, and what time brings. Every change of a case goes through
//! [`act`], in a transaction with its events.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{Shared, now_ms};
use crate::catalog::{CatalogError, Filter, NewTask, PlanRecord, SeriesOfCase, Tx};
use crate::model::ChangeKind;
use crate::workflow::{
    Act, Case, CaseState, Context, Happened, Moved, Plan, Purpose, Redo, Route, SeriesReview, StructurePlan,
    Unit, Who, is_drawn, transition,
};

/// Who does what nobody asked for.
pub const MACHINE: &str = "gantry";

/// The plan in force, its queries understood.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanInForce {
    /// The plan.
    pub plan: Plan,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its content and its documents.
    pub digest: String,
    filter: Filter,
    routes: Vec<(Filter, Route)>,
}

/// A query of a plan that cannot be understood: its key, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongQuery {
    /// The key, such as `route[0].when`.
    pub key: String,
    /// In words.
    pub why: String,
}

impl PlanInForce {
    /// A plan whose queries are understood.
    ///
    /// # Errors
    /// Every query that is not.
    pub fn new(plan: Plan, version: u32, digest: String) -> Result<Self, Vec<WrongQuery>> {
        let mut wrong = Vec::new();
        let mut parse = |key: String, text: &str| match Filter::parse(text) {
            Ok(filter) => filter,
            Err(error) => {
                wrong.push(WrongQuery { key, why: error.to_string() });
                Filter::default()
            }
        };
        let filter = parse("query".into(), &plan.query);
        let routes = plan.routes.iter().enumerate();
        let routes = routes.map(|(i, r)| (parse(format!("route[{i}].when"), &r.when), r.clone())).collect();
        if wrong.is_empty() { Ok(Self { plan, version, digest, filter, routes }) } else { Err(wrong) }
    }

    /// Which series are cases.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The plan of a row.
    fn of_record(record: &PlanRecord) -> Option<Self> {
        let plan = crate::config::read_plan(&record.text, std::path::Path::new("plan")).ok()?;
        Self::new(plan, record.version, record.digest.clone()).ok()
    }

    /// The guideline in force on the local day of a time; empty where the plan has none.
    pub fn guideline_at(&self, at_ms: i64) -> &str {
        self.plan.guideline_on(local_day(at_ms)).map_or("", |g| &g.version)
    }

    /// What is in force while a case changes.
    pub fn context(&self, at_ms: i64, next_task: i64) -> Context<'_> {
        Context {
            plan: &self.plan,
            version: self.version,
            guideline: self.guideline_at(at_ms),
            now_ms: at_ms,
            next_task,
        }
    }

    /// Whether a series must pass a look before it is read.
    fn wants_review(&self, series: &SeriesOfCase) -> bool {
        match self.plan.series_review {
            SeriesReview::All => true,
            SeriesReview::Findings => series.has_findings,
            SeriesReview::None => false,
            SeriesReview::Share(share) => {
                series.has_findings || is_drawn(share, self.plan.seed, &["series", &series.uid])
            }
        }
    }

    fn uid_of(&self, series: &SeriesOfCase) -> String {
        match self.plan.unit {
            Unit::Series => series.uid.clone(),
            Unit::Study => series.study_uid.clone(),
        }
    }
}

/// The structures of a plan that was applied once, by name.
pub fn structures_of(record: &PlanRecord) -> BTreeMap<String, StructurePlan> {
    let plan = PlanInForce::of_record(record).map(|p| p.plan.structures).unwrap_or_default();
    plan.into_iter().map(|s| (s.name.clone(), s)).collect()
}

/// The local day of a time.
fn local_day(at_ms: i64) -> Date {
    Timestamp::from_millisecond(at_ms).unwrap_or_default().to_zoned_datetime(TimeZone::system()).date()
}

/// When the local day of a time began, in milliseconds since 1970.
pub fn midnight_ms(at_ms: i64) -> i64 {
    let day = local_day(at_ms).to_zoned_datetime(TimeZone::system());
    day.map_or(at_ms, |midnight| midnight.timestamp().as_millisecond())
}

/// When a day begins and when it has ended, in milliseconds since 1970.
///
/// # Errors
/// That is no day.
pub fn day_bounds_ms(day: &str) -> Result<(i64, i64), jiff::Error> {
    let date: Date = day.parse()?;
    let begin = date.to_zoned_datetime(TimeZone::system())?.timestamp().as_millisecond();
    let end = date.checked_add(1.day())?.to_zoned_datetime(TimeZone::system())?.timestamp().as_millisecond();
    Ok((begin, end))
}

/// Puts the plan of the catalog in force.
///
/// # Errors
/// The catalog cannot be read.
pub fn load_plan(shared: &Shared) -> Result<(), CatalogError> {
    let record = shared.catalog.read().plan()?;
    let plan = record.as_ref().and_then(PlanInForce::of_record);
    if record.is_some() && plan.is_none() {
        tracing::error!("the plan in force cannot be understood by this version: no task is made");
    }
    shared.set_plan(plan.map(Arc::new));
    Ok(())
}

/// Does something with a case: the rules, the rows and the events. `extra` adds to the detail of an event before it is
/// written.
///
/// # Errors
/// The rules refuse, or SQLite does.
pub fn act(
    tx: &Tx<'_>,
    plan: &PlanInForce,
    case: &Case,
    (who, actor): (Who<'_>, &str),
    what: Act<'_>,
    (at_ms, extra): (i64, &mut dyn FnMut(&Happened) -> Result<Value, CatalogError>),
) -> Result<Moved, CatalogError> {
    let next = tx.task_numbers(0)?;
    let moved = transition(case, who, what, &plan.context(at_ms, next))?;
    if moved.numbers > 0 {
        tx.task_numbers(moved.numbers)?;
    }
    tx.put_case(&moved.case, Some(case))?;
    for event in &moved.happened {
        let mut detail = event.detail.clone();
        if let (Some(fields), Value::Object(more)) = (detail.as_object_mut(), extra(event)?) {
            fields.extend(more);
        }
        if let (Some(fields), Some(task)) = (detail.as_object_mut(), event.task) {
            fields.insert("task".into(), json!(task));
        }
        let by = if event.by_machine { MACHINE } else { actor };
        tx.audit(at_ms, by, event.action, &case.uid, &detail)?;
    }
    Ok(moved)
}

/// As [`act`], by Gantry itself.
fn by_machine(
    tx: &Tx<'_>,
    plan: &PlanInForce,
    case: &Case,
    what: Act<'_>,
    at_ms: i64,
) -> Result<Moved, CatalogError> {
    act(tx, plan, case, (Who::Machine, MACHINE), what, (at_ms, &mut |_| Ok(Value::Null)))
}

/// What became of tasks when cases were brought up to date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// Made.
    pub new: u64,
    /// There before, and there still.
    pub unchanged: u64,
    /// Made since a case is read again.
    pub reopened: u64,
    /// Not wanted any more.
    pub cancelled: u64,
}

/// A series has been checked, reviewed or has changed: it is a case, or none any more.
///
/// # Errors
/// SQLite refuses.
pub fn admit(tx: &Tx<'_>, plan: &PlanInForce, series_uid: &str, at_ms: i64) -> Result<(), CatalogError> {
    let found = tx.case_series(&plan.filter, Some(series_uid))?;
    match found.first() {
        Some(series) => admit_one(tx, plan, series, at_ms).map(|_| ()),
        None => match tx.case_of_series(series_uid)? {
            Some(uid) => leave(tx, plan, &uid, at_ms).map(|_| ()),
            None => Ok(()),
        },
    }
}

/// Whether the plan wants a look at a series before it is read, and why.
///
/// # Errors
/// SQLite refuses.
pub fn wants_review(tx: &Tx<'_>, plan: &PlanInForce, series_uid: &str) -> Result<bool, CatalogError> {
    let found = tx.case_series(&plan.filter, Some(series_uid))?;
    Ok(found.first().is_some_and(|series| plan.wants_review(series)))
}

/// States of a series that has not been checked.
const UNCHECKED: [&str; 2] = ["checking", "stored"];

fn admit_one(
    tx: &Tx<'_>,
    plan: &PlanInForce,
    series: &SeriesOfCase,
    at_ms: i64,
) -> Result<TaskCounts, CatalogError> {
    let uid = plan.uid_of(series);
    let before = tx.case(&uid)?;
    if before.is_none() && UNCHECKED.contains(&&*series.state) {
        return Ok(TaskCounts::default());
    }
    let mut case = before.clone().unwrap_or_else(|| Case::new(&uid, at_ms));
    if before.is_none() {
        case.series_uid.clone_from(&series.uid);
    }
    route(tx, plan, &mut case)?;
    let passed = !plan.wants_review(series) || series.state == "accepted";
    let moved = by_machine(tx, plan, &case, if passed { Act::Admit } else { Act::Suspend }, at_ms)?;
    Ok(counted(&case, &moved))
}

fn leave(tx: &Tx<'_>, plan: &PlanInForce, uid: &str, at_ms: i64) -> Result<TaskCounts, CatalogError> {
    let Some(case) = tx.case(uid)? else { return Ok(TaskCounts::default()) };
    let reason = "it does not match the plan's query";
    let moved = by_machine(tx, plan, &case, Act::Leave { reason }, at_ms)?;
    Ok(counted(&case, &moved))
}

/// How tasks have changed.
fn counted(before: &Case, moved: &Moved) -> TaskCounts {
    let mut counts = TaskCounts { new: moved.made.len() as u64, ..TaskCounts::default() };
    for task in before.tasks.iter().filter(|t| t.is_for_case()) {
        let is_cancelled = |t: &crate::workflow::Task| t.state.as_str() == "cancelled";
        let now = moved.case.task(task.id);
        if is_cancelled(task) {
            continue;
        }
        if now.is_some_and(is_cancelled) {
            counts.cancelled += 1;
        } else {
            counts.unchanged += 1;
        }
    }
    counts
}

/// What the routes say of a case.
fn route(tx: &Tx<'_>, plan: &PlanInForce, case: &mut Case) -> Result<(), CatalogError> {
    (case.priority, case.level) = (0, 1);
    case.routes.clear();
    for (filter, route) in &plan.routes {
        if !tx.series_matches(&case.series_uid, filter)? {
            continue;
        }
        case.priority = case.priority.saturating_add(route.priority);
        case.level = case.level.max(route.level.unwrap_or(1));
        let level = route.level.map(|level| format!(", level {level}")).unwrap_or_default();
        case.routes.push(format!("route {}: priority {:+}{level}", route.when, route.priority));
    }
    Ok(())
}

/// Brings every case to a plan; how many there are, and what became of their tasks.
///
/// # Errors
/// SQLite refuses.
pub fn apply(tx: &Tx<'_>, plan: &PlanInForce, at_ms: i64) -> Result<(u64, TaskCounts), CatalogError> {
    let mut total = TaskCounts::default();
    let mut cases = std::collections::BTreeSet::new();
    for series in tx.case_series(&plan.filter, None)? {
        if plan.wants_review(&series) {
            ask_for_review(tx, &series, at_ms)?;
        }
        total.add(admit_one(tx, plan, &series, at_ms)?);
        cases.insert(plan.uid_of(&series));
    }
    for uid in tx.case_uids()? {
        if !cases.contains(&uid) {
            total.add(leave(tx, plan, &uid, at_ms)?);
        }
    }
    let redone = bring_to_guideline(tx, plan, at_ms)?;
    total.add(redone);
    // What was left as it is and is read again all the same was counted twice.
    total.unchanged = total.unchanged.saturating_sub(redone.cancelled);
    Ok((cases.len() as u64, total))
}

/// A series that the plan wants to be looked at has a task for it.
fn ask_for_review(tx: &Tx<'_>, series: &SeriesOfCase, at_ms: i64) -> Result<(), CatalogError> {
    if series.state != "checked" || tx.has_task(&series.uid)? {
        return Ok(());
    }
    let why = super::route::PLANNED.to_owned();
    let new = NewTask { series_uid: series.uid.clone(), why, severity: None, due_ms: at_ms + DUE_MS };
    tx.set_series_state(&series.uid, "in_review")?;
    let task = tx.put_task(&new, at_ms)?;
    tx.audit(at_ms, MACHINE, "task.make", &series.uid, &json!({ "task": task, "why": new.why }))?;
    Ok(())
}

/// When a look at a series is due that a plan asks for.
const DUE_MS: i64 = 3 * 86_400_000;

impl TaskCounts {
    fn add(&mut self, other: Self) {
        self.new += other.new;
        self.unchanged += other.unchanged;
        self.reopened += other.reopened;
        self.cancelled += other.cancelled;
    }
}

/// Cases that a guideline in force touches are read again, where it says so.
fn bring_to_guideline(tx: &Tx<'_>, plan: &PlanInForce, at_ms: i64) -> Result<TaskCounts, CatalogError> {
    let guideline = plan.guideline_at(at_ms).to_owned();
    let mut counts = TaskCounts::default();
    for uid in tx.case_uids()? {
        let Some(case) = tx.case(&uid)? else { continue };
        if is_touched(plan, &case, &guideline) {
            let moved = by_machine(tx, plan, &case, Act::Redo, at_ms)?;
            counts.reopened += moved.made.len() as u64;
            counts.cancelled += counted(&case, &moved).cancelled;
        }
    }
    Ok(counts)
}

/// Whether a guideline in force asks for a case to be read again.
fn is_touched(plan: &PlanInForce, case: &Case, guideline: &str) -> bool {
    if case.guideline == guideline || (!case.has_begun() && case.accepted.is_none()) {
        return false;
    }
    let is_accepted = case.state() == CaseState::Accepted;
    let standing = case.accepted.as_ref().and_then(|a| case.read(a.read));
    let said: Vec<&String> = case.current_reads().chain(standing).flat_map(|read| &read.structures).collect();
    let touches = |touched: &std::collections::BTreeSet<String>| said.iter().any(|s| touched.contains(*s));
    plan.plan.guidelines_between(&case.guideline, guideline).into_iter().any(|g| {
        let wanted = match g.redo {
            Redo::None => false,
            Redo::Open => !is_accepted,
            Redo::Accepted => true,
        };
        wanted && g.touches.as_ref().map_or(!said.is_empty(), touches)
    })
}

/// What time brings: claims end, deadlines pass, late tasks go to a higher level, a guideline comes into force, reads are
/// repeated. Costs one query where there is nothing.
///
/// # Errors
/// SQLite refuses.
pub fn keep_time(shared: &Shared) -> Result<(), CatalogError> {
    let Some(plan) = shared.plan() else { return Ok(()) };
    let now = now_ms();
    let after = plan.plan.escalate.map(|e| e.after.ms());
    let guideline = plan.guideline_at(now).to_owned();
    let reader = shared.catalog.read();
    let is_new = reader.plan_guideline(plan.version)?.is_some_and(|known| known != guideline);
    let is_late = reader.has_late_tasks(now, after)?;
    drop(reader);
    if !is_late && !is_new {
        return Ok(());
    }
    shared.catalog.write_derived(|tx| {
        let late = tx.late_tasks(now, after)?;
        for (uid, _) in late.ended {
            let Some(case) = tx.case(&uid)? else { continue };
            by_machine(tx, &plan, &case, Act::Look, now)?;
        }
        for (uid, task) in late.late {
            let Some(case) = tx.case(&uid)? else { continue };
            by_machine(tx, &plan, &case, Act::Escalate { task }, now)?;
        }
        if is_new && tx.plan()?.is_some_and(|p| p.guideline != guideline) {
            let counts = bring_to_guideline(tx, &plan, now)?;
            for series in tx.case_series(&plan.filter, None)? {
                admit_one(tx, &plan, &series, now)?;
            }
            tx.set_plan_guideline(plan.version, &guideline)?;
            let detail = json!({ "guideline": guideline, "reopened": counts.reopened });
            tx.audit(now, MACHINE, "plan.guideline", "plan", &detail)?;
        }
        repeat_reads(tx, &plan, now)
    })?;
    shared.bus.tell(ChangeKind::Reads);
    Ok(())
}

/// Somebody reads no more, or is away: what was kept for them is for others, and what only they can do is not wanted.
///
/// # Errors
/// SQLite refuses.
pub fn free_kept_tasks(
    tx: &Tx<'_>,
    plan: &PlanInForce,
    (reader, actor): (&str, &str),
    at_ms: i64,
) -> Result<u64, CatalogError> {
    let mut freed = 0;
    for (uid, task) in tx.kept_tasks(reader)? {
        let Some(case) = tx.case(&uid)? else { continue };
        let who = (Who::Coordinator, actor);
        act(tx, plan, &case, who, Act::Free { task }, (at_ms, &mut |_| Ok(Value::Null)))?;
        freed += 1;
    }
    Ok(freed)
}

/// Reads that are old enough are done again by their readers, where they are drawn.
fn repeat_reads(tx: &Tx<'_>, plan: &PlanInForce, now: i64) -> Result<(), CatalogError> {
    let Some(repeat) = plan.plan.repeat else { return Ok(()) };
    for (uid, reader) in tx.repeatable(now - repeat.after.ms())? {
        if !is_drawn(repeat.share, plan.plan.seed, &["repeat", &uid, &reader]) {
            continue;
        }
        let (Some(case), Some(person)) = (tx.case(&uid)?, tx.person(&reader)?) else { continue };
        if person.active {
            let slip = Act::Slip { reader: &person, purpose: Purpose::Repeat, slot: 1 };
            by_machine(tx, plan, &case, slip, now)?;
        }
    }
    Ok(())
}
