//! A read comes in: files of what was drawn and what was said, held against plan and series, taken whole or refused with
//! every reason at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::{Actor, case_of, lines_of, plan_of};
use crate::audit::merkle_root;
use crate::bytes::ByteSource;
use crate::catalog::{CatalogError, ItemKey, NewRead, NewSitting, Rated, ReadRecord, Tx};
use crate::engine::answer::{VALUE, label_view};
use crate::engine::command::{LabelFinding, SubmitTask, Submitted};
use crate::engine::perform::{folders, label_files};
use crate::engine::{EngineError, Session};
use crate::format::label::FormatId;
use crate::label::figures::figures;
use crate::label::place::Options;
use crate::label::{Mask, PlacedStructure, Refused as NotPlaced, stored};
use crate::model::ChangeKind;
use crate::model::geometry::Grid;
use crate::pipeline::casework::{self, PlanInForce};
use crate::pipeline::compare::STAGE as COMPARE;
use crate::pipeline::{Shared, now_ms};
use crate::workflow::{
    Act, Answer, Answers, Case, CaseRead, Consensus, PairAgreement, Plan, Purpose, Reason, ReasonCode, Said,
    Statements, Step, TaskState, agreed, compare,
};

/// Tries where somebody else's read of the case comes in at the same moment.
const TRIES: usize = 5;
/// The finding of a label without a voxel.
const EMPTY: &str = "empty_segment";
/// The finding of a label on other voxels than its series, under which a plan blocks it.
const OTHER_GRID: &str = "label_other_grid";
/// Who says what all readers of a case say together.
const TOGETHER: &str = "consensus";

/// What is about to be stored.
struct Prepared {
    answers: Answers,
    findings: Vec<LabelFinding>,
    labels: Vec<NewRead>,
}

pub(in crate::engine::perform) fn submit(
    session: &Session,
    command: &SubmitTask,
) -> Result<Submitted, EngineError> {
    let plan = plan_of(session)?;
    for path in &command.paths {
        folders::may_read(session, Path::new(path))?;
    }
    let shared = &session.engine.shared;
    let missing = || EngineError::NotFound { what: "task".into(), id: command.task.to_string() };
    let case = shared.catalog.read().case_of_task(command.task)?.ok_or_else(missing)?;
    is_theirs(session, &case, command.task)?;
    let prepared = prepare(session, &plan.plan, &case, command)?;
    for _ in 0..TRIES {
        let case = shared.catalog.read().case_of_task(command.task)?.ok_or_else(missing)?;
        let others = others_of(shared, &plan.plan, &case, command.task)?;
        if let Some(done) = store(session, &plan, (command, &prepared), (&case, &others))? {
            shared.bus.tell(ChangeKind::Task { task: command.task });
            shared.bus.tell(ChangeKind::Reads);
            return Ok(done);
        }
    }
    Err(EngineError::Conflict { why: "the case is changed by others all the time; submit again".into() })
}

/// Who does not hold the task learns so before their files are read.
fn is_theirs(session: &Session, case: &Case, task: i64) -> Result<(), EngineError> {
    let person = session.person()?;
    let Some(person) = person else {
        return Err(crate::workflow::Refused::Barred(crate::workflow::Bar::NoReader).into());
    };
    let state = case.task(task).map(|t| &t.state);
    let is_theirs = match state {
        Some(TaskState::Claimed { holder, .. }) => *holder == person.id,
        Some(TaskState::Open { lapsed }) => lapsed.as_ref() == Some(&person.id),
        _ => false,
    };
    if is_theirs {
        return Ok(());
    }
    let why = match state {
        Some(TaskState::Claimed { holder, .. }) => format!("{holder} holds the task"),
        Some(TaskState::Open { .. }) => "nobody holds the task: it has to be claimed first".into(),
        Some(other) => format!("the task is {}", other.as_str()),
        None => format!("there is no task {task}"),
    };
    Err(EngineError::Conflict { why })
}

/// Reads the files, holds everything against the plan, and puts what was drawn into the store.
fn prepare(
    session: &Session,
    plan: &Plan,
    case: &Case,
    command: &SubmitTask,
) -> Result<Prepared, EngineError> {
    let mut files = Files { drawn: BTreeMap::new(), findings: Vec::new(), reasons: Vec::new() };
    for path in &command.paths {
        files.take(session, plan, case, Path::new(path))?;
    }
    let said = Statements { none: command.none.clone(), values: command.values.clone() };
    let empty: BTreeSet<String> =
        files.drawn.iter().filter(|(_, (_, mask))| mask.is_empty()).map(|(name, _)| name.clone()).collect();
    let drawn = files.drawn.into_iter().map(|(name, (grid, mask))| (name, grid, mask)).collect();
    let (mut answers, reasons) = plan.answers(drawn, &said);
    let mut all = files.reasons;
    all.extend(reasons);
    for name in &empty {
        files.findings.push(LabelFinding {
            check: EMPTY.into(),
            severity: "warning".into(),
            message: format!("{name} has a file and no voxel; `--none {name}` says that it was looked for"),
        });
        if let Some(answer) = answers.get_mut(name) {
            *answer = Answer::Nothing;
        }
    }
    for finding in files.findings.iter().filter(|f| plan.block.contains(&f.check)) {
        let words = format!("{}: {}", finding.check, finding.message);
        all.push(Reason::new(ReasonCode::BlockingFinding, None, words));
    }
    if !all.is_empty() {
        let reasons = all.iter().filter_map(|r| serde_json::to_value(r).ok()).collect();
        return Err(EngineError::Refused { why: "the read is refused".into(), reasons });
    }
    let reader = session.person()?.map(|p| p.id).unwrap_or_default();
    let labels = labels_of(&session.engine.shared, case, (&reader, &answers))?;
    Ok(Prepared { answers, findings: files.findings, labels })
}

/// What files hold.
struct Files {
    drawn: BTreeMap<String, (Grid, Mask)>,
    findings: Vec<LabelFinding>,
    reasons: Vec<Reason>,
}

impl Files {
    fn take(&mut self, session: &Session, plan: &Plan, case: &Case, path: &Path) -> Result<(), EngineError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let read = crate::format::label::read(path);
        let (format, set) = match read {
            Ok(found) => found,
            Err(error) => {
                let words = format!("{name}: {error}");
                self.reasons.push(Reason::new(ReasonCode::Unreadable, None, words));
                return Ok(());
            }
        };
        let options = Options::default();
        let placed = match label_files::placed_on(session, &case.series_uid, set, options)? {
            Ok(placed) => placed,
            Err(refused) => {
                let structure = self.of_file(plan, format, &name);
                self.reasons.push(not_placed(plan, &refused, structure.as_deref(), &name));
                return Ok(());
            }
        };
        let only = self.of_file(plan, format, &name);
        let mut named: Vec<(String, Mask)> = Vec::new();
        for structure in &placed.structures {
            let to = only.clone().unwrap_or_else(|| name_in_plan(plan, structure));
            match named.iter_mut().find(|(known, _)| *known == to) {
                Some((_, mask)) => *mask = std::mem::take(mask).or(&structure.mask),
                None => named.push((to, structure.mask.clone())),
            }
        }
        if let Some(name) = only.filter(|_| named.is_empty()) {
            named.push((name, Mask::empty(placed.grid.shape)));
        }
        let drawn: Vec<(String, Mask)> = named.iter().filter(|(_, mask)| !mask.is_empty()).cloned().collect();
        self.findings.extend(label_files::checked(session, &placed, &case.series_uid, &drawn));
        for (to, mask) in named {
            let (_, known) =
                self.drawn.entry(to).or_insert_with(|| (placed.grid, Mask::empty(placed.grid.shape)));
            *known = std::mem::take(known).or(&mask);
        }
        Ok(())
    }

    /// The structure that a whole file is: of formats without names the name of the file.
    fn of_file(&self, plan: &Plan, format: FormatId, file: &str) -> Option<String> {
        if !matches!(format, FormatId::Nifti | FormatId::Nrrd | FormatId::Metaimage) {
            return None;
        }
        let lower = file.to_lowercase();
        if lower.ends_with(".seg.nrrd") {
            return None;
        }
        let endings = [".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd"];
        let ending = endings.into_iter().find(|e| lower.ends_with(e)).map_or(0, str::len);
        let stem = &file[..file.len() - ending];
        let known = plan.structures.iter().find(|s| s.name.eq_ignore_ascii_case(stem));
        Some(known.map_or_else(|| stem.to_owned(), |s| s.name.clone()))
    }
}

/// The plan's name of a structure: by its code, then by its name.
fn name_in_plan(plan: &Plan, structure: &PlacedStructure) -> String {
    let code = structure.code.as_ref().map(|c| format!("{}:{}", c.scheme, c.value));
    let by_code = || plan.structures.iter().find(|s| s.code.is_some() && s.code == code);
    let by_name = || plan.structures.iter().find(|s| s.name.eq_ignore_ascii_case(&structure.name));
    by_code().or_else(by_name).map_or_else(|| structure.name.clone(), |s| s.name.clone())
}

/// Why a label does not lie on the series.
fn not_placed(plan: &Plan, refused: &NotPlaced, structure: Option<&str>, file: &str) -> Reason {
    let blocked = matches!(refused, NotPlaced::OtherGrid(_)) && plan.block.iter().any(|b| b == OTHER_GRID);
    let of = if blocked { format!("{OTHER_GRID}: ") } else { String::new() };
    Reason::new(ReasonCode::OtherGrid, structure, format!("{file}: {of}{}: {refused}", refused.code()))
}

/// Answers as rows, what was drawn in the store.
fn labels_of(
    shared: &Shared,
    case: &Case,
    (reader, answers): (&str, &Answers),
) -> Result<Vec<NewRead>, EngineError> {
    let mut staged = Vec::new();
    let mut labels = Vec::new();
    for (structure, answer) in answers {
        let label = |item: u32, values: Vec<(String, Rated)>, blob: Option<String>, nothing: bool| NewRead {
            reader: reader.into(),
            guideline: String::new(),
            item: ItemKey {
                series_uid: case.series_uid.clone(),
                name: if item == 0 { String::new() } else { format!("#{item}") },
            },
            structure: structure.clone(),
            nothing,
            started_ms: None,
            finished_ms: None,
            values,
            label: blob,
        };
        match answer {
            Answer::Nothing => labels.push(label(0, Vec::new(), None, true)),
            Answer::Drawn(grid, mask) => {
                let bytes = stored::encode(grid, mask);
                let values = figures(grid, mask).map(label_files::measured).unwrap_or_default();
                staged.push(shared.store.stage(&ByteSource::from(&*bytes))?);
                labels.push(label(0, values, Some(crate::blob::name_of(&bytes)), false));
            }
            Answer::Said(said) => {
                for (item, value) in said {
                    let rated = match value {
                        Said::Number(number) => Rated::Number(*number),
                        Said::Word(word) => Rated::Category(word.clone()),
                    };
                    labels.push(label(*item, vec![(VALUE.into(), rated)], None, false));
                }
            }
        }
    }
    // Blobs before rows.
    if !staged.is_empty() {
        shared.store.settle(&mut staged, false)?;
    }
    Ok(labels)
}

/// What others said in a round.
struct Others {
    reads: Vec<(i64, Answers)>,
}

/// What the other reads of the round say, where this one is the last.
fn others_of(shared: &Shared, plan: &Plan, case: &Case, task: i64) -> Result<Others, EngineError> {
    let mut reads = Vec::new();
    if case.completes(task) {
        for read in case.current_reads().filter(|r| r.task != task) {
            reads.push((read.id, answers_of(shared, plan, read.id)?));
        }
    }
    Ok(Others { reads })
}

/// What a read that is stored says.
fn answers_of(shared: &Shared, plan: &Plan, read: i64) -> Result<Answers, EngineError> {
    let rows = shared.catalog.read().labels_of(read)?;
    let mut answers = Answers::new();
    for ReadRecord { read, .. } in rows {
        let Some(structure) = plan.structure(&read.structure) else { continue };
        let damaged = || EngineError::Storage { why: "what a reader drew is damaged".into() };
        let answer = match (&read.label, structure.kind.is_drawn()) {
            (Some(blob), true) => {
                let (grid, mask) = stored::decode(&shared.store.read(blob)?).ok_or_else(damaged)?;
                Answer::Drawn(grid, mask)
            }
            (None, true) if read.nothing => Answer::Nothing,
            _ => {
                let item = read.item.name.strip_prefix('#').and_then(|n| n.parse().ok()).unwrap_or(0);
                let value = read.values.into_iter().find(|(name, _)| name == VALUE).map(|(_, v)| match v {
                    Rated::Number(number) => Said::Number(number),
                    Rated::Category(word) => Said::Word(word),
                });
                let Some(value) = value else { continue };
                let known = answers.entry(read.structure.clone());
                let known = known.or_insert_with(|| Answer::Said(BTreeMap::new()));
                if let Answer::Said(values) = known {
                    values.insert(item, value);
                }
                continue;
            }
        };
        answers.insert(read.structure, answer);
    }
    Ok(answers)
}

/// Stores the read and what follows from it in one transaction; nothing where somebody else's came in meanwhile.
fn store(
    session: &Session,
    plan: &PlanInForce,
    (command, prepared): (&SubmitTask, &Prepared),
    (seen, others): (&Case, &Others),
) -> Result<Option<Submitted>, EngineError> {
    let shared = &session.engine.shared;
    let now = now_ms();
    // What all say together is made before anybody waits for the transaction.
    let together = together(shared, plan, seen, prepared, others)?;
    let stored = shared.catalog.write_first(|tx| {
        let case = case_of(tx, command.task)?;
        let ids = |case: &Case| case.current_reads().map(|r| (r.id, r.superseded)).collect::<Vec<_>>();
        if ids(&case) != ids(seen)
            || case.round != seen.round
            || case.completes(command.task) != seen.completes(command.task)
        {
            return Ok(None);
        }
        let actor = Actor::of(session, tx, now)?;
        let who = actor.reading()?;
        let reader = actor.person.as_ref().map(|p| p.id.clone()).unwrap_or_default();
        let Some(task) = case.task(command.task).cloned() else { return Ok(None) };
        let sitting = NewSitting {
            reader: reader.clone(),
            series_uid: case.series_uid.clone(),
            guideline: task.guideline.clone(),
            case_uid: case.uid.clone(),
            task: Some(task.id),
            round: task.round,
            purpose: task.purpose,
            plan_version: task.plan_version,
            seconds: command.seconds,
            findings: serde_json::to_string(&prepared.findings)?,
        };
        let id = tx.put_sitting(&sitting, now)?;
        let started = command.seconds.map(|s| now - (s * 1e3) as i64).or(task.taken_ms);
        let mut touched = put_labels(tx, id, &prepared.labels, (&task.guideline, started, now))?;
        for earlier in case.reads.iter().filter(|r| r.task == task.id && !r.superseded) {
            tx.supersede_sitting(earlier.id, id)?;
            touched.extend(tx.labels_of(earlier.id)?.into_iter().map(|l| l.id));
        }
        let read = CaseRead {
            id,
            reader,
            at_ms: now,
            guideline: task.guideline.clone(),
            findings: notable(&prepared.findings),
            structures: prepared.answers.keys().cloned().collect(),
            ..CaseRead::default()
        };
        let pairs = if task.step == Step::Read && task.purpose == Purpose::Case {
            pairs_of(&plan.plan, (id, &prepared.answers), &others.reads)
        } else {
            Vec::new()
        };
        for pair in &pairs {
            tx.put_agreement(pair)?;
        }
        let consensus = match &together {
            Some(labels) if pairs.iter().all(PairAgreement::agrees) => {
                let whole = NewSitting {
                    reader: TOGETHER.into(),
                    task: None,
                    seconds: None,
                    findings: "[]".into(),
                    ..sitting
                };
                let id = tx.put_sitting(&whole, now)?;
                touched.extend(put_labels(tx, id, labels, (&task.guideline, None, now))?);
                let structures = labels.iter().map(|l| l.structure.clone()).collect();
                Some(CaseRead {
                    id,
                    reader: TOGETHER.into(),
                    at_ms: now,
                    structures,
                    for_case: true,
                    ..read.clone()
                })
            }
            _ => None,
        };
        let act = Act::Submit { task: task.id, read: &read, pairs: &pairs, consensus: consensus.as_ref() };
        let mut covered = |event: &crate::workflow::Happened| cover(tx, event, &touched, prepared);
        let moved = casework::act(tx, plan, &case, (who, &session.user), act, (now, &mut covered))?;
        tx.enqueue(COMPARE, &case.series_uid, now, now)?;
        let labels = tx.labels_of(id)?;
        Ok(Some((id, moved, labels, task)))
    })?;
    let Some((read, moved, labels, task)) = stored else { return Ok(None) };
    session.engine.reads.put(shared, &labels)?;
    Ok(Some(Submitted {
        task: command.task,
        read,
        labels: labels.into_iter().map(|row| label_view(session, row)).collect(),
        findings: prepared.findings.clone(),
        case_state: seen_state(plan, &moved.case, &task),
        next: lines_of(&moved),
    }))
}

/// Where the case stands; a case by which a reader is measured looks like any other.
fn seen_state(plan: &PlanInForce, case: &Case, task: &crate::workflow::Task) -> crate::workflow::CaseState {
    use crate::workflow::{CaseState, is_drawn};
    if task.purpose == Purpose::Case {
        return case.state();
    }
    let reviewed = plan.plan.review.as_ref().is_some_and(|r| is_drawn(r.share, r.seed, &[&case.uid]));
    let last =
        plan.plan.reads == 1 || is_drawn(0.5, plan.plan.seed, &["last", &case.uid, &task.id.to_string()]);
    match (last, reviewed) {
        (false, _) => CaseState::Reading,
        (true, true) => CaseState::InReview,
        (true, false) => CaseState::Accepted,
    }
}

/// The labels of a read under the root of its event.
fn cover(
    tx: &Tx<'_>,
    event: &crate::workflow::Happened,
    touched: &BTreeSet<i64>,
    prepared: &Prepared,
) -> Result<Value, CatalogError> {
    if event.action != "task.submit" {
        return Ok(Value::Null);
    }
    let leaves = tx.cover_reads(touched, tx.next_event()?)?;
    Ok(json!({
        "structures": prepared.answers.keys().collect::<Vec<_>>(),
        "findings": prepared.findings.len(),
        "leaves": leaves.len(),
        "merkle_root": hex::encode(merkle_root(&leaves)),
    }))
}

fn put_labels(
    tx: &Tx<'_>,
    sitting: i64,
    labels: &[NewRead],
    (guideline, started_ms, now): (&str, Option<i64>, i64),
) -> Result<BTreeSet<i64>, CatalogError> {
    let mut touched = BTreeSet::new();
    for label in labels {
        let whole =
            NewRead { guideline: guideline.into(), started_ms, finished_ms: Some(now), ..label.clone() };
        touched.extend(tx.replaced_by(&whole)?);
        touched.insert(tx.put_label(&whole, sitting, now)?);
    }
    Ok(touched)
}

fn notable(findings: &[LabelFinding]) -> Vec<String> {
    findings.iter().filter(|f| f.severity != "info").map(|f| f.check.clone()).collect()
}

/// A read compared with the others of its round, and those with each other.
fn pairs_of(plan: &Plan, read: (i64, &Answers), others: &[(i64, Answers)]) -> Vec<PairAgreement> {
    let mut all: Vec<(i64, &Answers)> = others.iter().map(|(id, a)| (*id, a)).collect();
    all.push(read);
    let mut pairs = Vec::new();
    for (k, a) in all.iter().enumerate() {
        for b in &all[k + 1..] {
            pairs.push(compare(plan, *a, *b));
        }
    }
    pairs
}

/// What all readers say together, as rows, where the plan asks for that.
fn together(
    shared: &Shared,
    plan: &PlanInForce,
    case: &Case,
    prepared: &Prepared,
    others: &Others,
) -> Result<Option<Vec<NewRead>>, EngineError> {
    if plan.plan.consensus == Consensus::Nearest || others.reads.is_empty() {
        return Ok(None);
    }
    let mut all: Vec<&Answers> = others.reads.iter().map(|(_, a)| a).collect();
    all.push(&prepared.answers);
    let answers = agreed(&plan.plan, &all);
    Ok(Some(labels_of(shared, case, (TOGETHER, &answers))?))
}
