//! A project of 2,000 series, 8 readers at 3 sites and six weeks, an hour at a time: it comes to its end, deadlines and claims
//! end when they should, and what is counted is what was planted.

use std::collections::{BTreeMap, BTreeSet};

use gantry::config::read_plan;
use gantry::workflow::{
    Absence, Act, Case, CaseRead, CaseState, Context, Happened, How, PairAgreement, Plan, Reader, Step,
    StructureAgreement, Task, TaskState, Who, draw, may, transition,
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const CASES: usize = 2_000;
const WEEKS: i64 = 6;
/// The day on which the second guideline comes into force.
const CHANGE: i64 = 28 * DAY;
/// Who is away, and when.
const AWAY: (&str, i64, i64) = ("r2", 7 * DAY, 14 * DAY);
/// Who begins to differ from the others, and when.
const DRIFTS: (&str, i64) = ("r3", 3 * DAY);
const SITES: [&str; 3] = ["A", "B", "C"];

const PLAN: &str = "name = 'project'\nreads = 2\nclaim = '8h'\ndeadline = { read = '15d', adjudicate = '2d' }\n\
    escalate = { after = '1d', level = 3 }\nadjudicate = { level = 3 }\n[[route]]\nwhen = 'site:B'\npriority = 5\n\
    [[structure]]\nname = 'malignancy'\nkind = 'rating'\nscale = [1, 2, 3, 4, 5]\nagree = { within = 1 }\n";

struct Project {
    plan: Plan,
    readers: Vec<Reader>,
    cases: Vec<Case>,
    of_task: BTreeMap<i64, usize>,
    next_task: i64,
    reads: i64,
    now: i64,
    /// When, which task, what.
    events: Vec<(i64, Happened)>,
    /// What was planted: cases whose two reads differ, by who has read.
    differ: BTreeMap<usize, Vec<String>>,
}

impl Project {
    fn new() -> Self {
        let plan = read_plan(PLAN, std::path::Path::new("plan")).unwrap();
        let reader = |n: usize| {
            let mut reader = Reader::new(&format!("r{n}"), if n >= 5 { 3 } else { 1 + (n as u8) / 4 });
            if n == 0 {
                reader.sites = vec!["A".into()];
            }
            if reader.id == AWAY.0 {
                reader.absences = vec![Absence { from_ms: AWAY.1, until_ms: AWAY.2 }];
            }
            reader
        };
        let mut project = Self {
            plan,
            readers: (0..8).map(reader).collect(),
            cases: Vec::new(),
            of_task: BTreeMap::new(),
            next_task: 1,
            reads: 0,
            now: 0,
            events: Vec::new(),
            differ: BTreeMap::new(),
        };
        for n in 0..CASES {
            let mut case = Case::new(&format!("2.25.{n}"), 0);
            case.site = SITES[n % 3].into();
            case.priority = if case.site == "B" { 5 } else { 0 };
            project.cases.push(case);
            assert!(project.act(n, Who::Machine, Act::Admit));
        }
        project
    }

    fn act(&mut self, n: usize, who: Who<'_>, act: Act<'_>) -> bool {
        let guideline = if self.now >= CHANGE { "2.0" } else { "1.0" };
        let context =
            Context { plan: &self.plan, version: 1, guideline, now_ms: self.now, next_task: self.next_task };
        let Ok(moved) = transition(&self.cases[n], who, act, &context) else { return false };
        self.next_task += moved.numbers as i64;
        self.of_task.extend(moved.made.iter().map(|id| (*id, n)));
        self.events.extend(moved.happened.into_iter().map(|event| (self.now, event)));
        self.cases[n] = moved.case;
        true
    }

    fn active(&self) -> Vec<(usize, Task)> {
        let tasks = |(n, case): (usize, &Case)| {
            case.current().filter(|t| t.state.is_active()).map(move |t| (n, t.clone())).collect::<Vec<_>>()
        };
        self.cases.iter().enumerate().flat_map(tasks).collect()
    }

    /// What somebody says of a case: the truth is 2, and who has drifted says 5.
    fn says(&self, reader: &Reader, n: usize) -> i64 {
        let drifted = reader.id == DRIFTS.0 && self.now >= DRIFTS.1;
        let slips = draw(7, &["slip", &reader.id, &n.to_string(), &self.cases[n].round.to_string()]);
        if drifted && slips < 0.6 || slips < 0.05 { 5 } else { 2 }
    }

    fn submit(&mut self, n: usize, task: &Task, reader: &Reader, said: &mut BTreeMap<i64, i64>) {
        self.reads += 1;
        let value = self.says(reader, n);
        said.insert(self.reads, value);
        let read = CaseRead {
            id: self.reads,
            reader: reader.id.clone(),
            at_ms: self.now,
            structures: vec!["malignancy".into()],
            ..CaseRead::default()
        };
        let other = self.cases[n].current_reads().find(|r| r.task != task.id).cloned();
        let pairs: Vec<PairAgreement> = other
            .iter()
            .map(|other| {
                let difference = (said[&other.id] - value).abs();
                PairAgreement {
                    a: other.id,
                    b: read.id,
                    structures: vec![StructureAgreement {
                        structure: "malignancy".into(),
                        measures: [("difference".to_owned(), difference as f64)].into(),
                        agrees: difference <= 1,
                        nearness: 1.0 - difference as f64 / 4.0,
                        why: (difference > 1).then(|| format!("{} and {value}", said[&other.id])),
                    }],
                }
            })
            .collect();
        if task.step == Step::Read && pairs.iter().any(|p| !p.agrees()) {
            let both = vec![other.unwrap().reader, reader.id.clone()];
            self.differ.insert(n + CASES * self.cases[n].round as usize, both);
        }
        let submit = Act::Submit { task: task.id, read: &read, pairs: &pairs, consensus: None };
        assert!(self.act(n, Who::reader(reader), submit), "{task:?} by {}", reader.id);
    }

    /// One hour: time first, then everybody who works takes the best that they may have.
    fn hour(&mut self, said: &mut BTreeMap<i64, i64>) {
        for (n, task) in self.active() {
            let ended = matches!(&task.state, TaskState::Claimed { until_ms, .. } if *until_ms <= self.now);
            if ended {
                self.act(n, Who::Machine, Act::Look);
            }
            let late = task.due_ms.is_some_and(|due| due + DAY <= self.now);
            if late && !task.escalated && matches!(task.state, TaskState::Open { .. }) {
                assert!(self.act(n, Who::Machine, Act::Escalate { task: task.id }));
            }
        }
        if (self.now / HOUR) % 24 >= 8 {
            return;
        }
        let mut open: Vec<(usize, Task)> =
            self.active().into_iter().filter(|(_, t)| matches!(t.state, TaskState::Open { .. })).collect();
        let now = self.now;
        open.sort_by_key(|(_, t)| (!t.is_overdue(now), -t.priority, t.created_ms, t.id));
        for reader in self.readers.clone() {
            for _ in 0..4 {
                let allowed = |(n, t): &(usize, Task)| may(&reader, 0, &self.cases[*n], t, self.now).is_ok();
                let Some(at) = open.iter().position(allowed) else { break };
                let (n, task) = open.remove(at);
                assert!(self.act(n, Who::reader(&reader), Act::Claim { task: task.id }));
                // Now and then somebody forgets what they have taken.
                let forgets = draw(3, &["forget", &task.id.to_string(), &self.now.to_string()]) < 0.02;
                if !forgets {
                    self.submit(n, &task, &reader, said);
                }
            }
        }
    }
}

#[test]
fn a_project_of_six_weeks_comes_to_its_end() {
    let mut project = Project::new();
    let mut said = BTreeMap::new();
    let mut reopened = 0;
    while project.now < WEEKS * 7 * DAY {
        if project.now == CHANGE {
            // The second guideline asks for every tenth case again.
            for n in (0..CASES).step_by(10) {
                if project.cases[n].state() == CaseState::Accepted {
                    assert!(project.act(n, Who::Machine, Act::Redo));
                    reopened += 1;
                }
            }
        }
        project.hour(&mut said);
        project.now += HOUR;
    }
    let states: BTreeSet<CaseState> = project.cases.iter().map(Case::state).collect();
    assert_eq!(states, [CaseState::Accepted].into(), "everything is read to its end");
    assert!(reopened > 150, "{reopened} of 200 were accepted by the change");
    // Exactly the planted differences went to an adjudicator, and nothing else did.
    let tasks = || project.cases.iter().flat_map(|c| &c.tasks);
    let adjudicated = tasks().filter(|t| t.step == Step::Adjudicate).count();
    assert_eq!(adjudicated, project.differ.len());
    let count = |how: How| {
        let is = |case: &&Case| case.accepted.as_ref().is_some_and(|a| a.how == how);
        project.cases.iter().filter(is).count()
    };
    assert!(count(How::Adjudicated) <= adjudicated && count(How::Agreed) > CASES / 2);
    // Who drifts is in most of them.
    let with = |id: &str| project.differ.values().filter(|both| both.iter().any(|r| r == id)).count();
    let others = (0..8).map(|n| format!("r{n}")).filter(|id| id != DRIFTS.0).map(|id| with(&id)).max();
    assert!(2 * with(DRIFTS.0) > 3 * others.unwrap(), "{} against {others:?}", with(DRIFTS.0));
    // Nobody takes anything while they are away, nor off their sites; claims end after eight hours, in the hour that follows.
    let of = |task: i64| &project.cases[project.of_task[&task]];
    let mut taken: BTreeMap<i64, i64> = BTreeMap::new();
    let (mut ended, mut escalated) = (0, 0);
    for (at, event) in &project.events {
        let Some(task) = event.task else { continue };
        match event.action {
            "task.claim" => {
                let reader = event.detail["reader"].as_str().unwrap();
                assert!(reader != AWAY.0 || !(AWAY.1..AWAY.2).contains(at), "{at}");
                assert!(reader != "r0" || of(task).site == "A");
                taken.insert(task, *at);
            }
            "task.expire" => {
                let held = at - taken[&task];
                assert!((8 * HOUR..9 * HOUR).contains(&held), "{held}");
                ended += 1;
            }
            "task.escalate" => {
                let due = of(task).task(task).unwrap().due_ms.unwrap();
                assert!(*at >= due + DAY, "{at} {due}");
                escalated += 1;
            }
            _ => {}
        }
    }
    assert!(ended > 20 && escalated > 0, "{ended} claims ended, {escalated} tasks were escalated");
    // What was escalated was done by the highest level.
    for task in tasks().filter(|t| t.escalated) {
        let by = project.readers.iter().find(|r| Some(&*r.id) == task.state.holder()).unwrap();
        assert_eq!(by.level, 3, "{task:?}");
    }
    // The urgent site was read first.
    let mean = |site: &str| {
        let done = |t: &&Task| t.round == 1 && t.step == Step::Read && of(t.id).site == site;
        let times: Vec<f64> = tasks()
            .filter(done)
            .filter_map(
                |t| if let TaskState::Done { at_ms, .. } = t.state { Some(at_ms as f64) } else { None },
            )
            .collect();
        times.iter().sum::<f64>() / times.len() as f64
    };
    assert!(mean("B") < mean("C"), "{} {}", mean("B"), mean("C"));
}
