//! Random histories: whatever people do in whatever order, no task is lost, nobody has a case twice, every case can come
//! to its end, and the same acts give the same case again.

use std::collections::{BTreeMap, BTreeSet};

use gantry::workflow::{
    Act, Case, CaseRead, CaseState, Context, PairAgreement, Plan, Purpose, Reader, Step, StructureAgreement,
    Task, TaskState, Who, may, transition,
};
use proptest::prelude::*;

fn plan(reads: u32, share: f64, escalates: bool) -> Plan {
    let escalate =
        if escalates { "deadline = { read = '1h' }\nescalate = { after = '1h', level = 3 }\n" } else { "" };
    let text = format!(
        "name = 'x'\nreads = {reads}\nclaim = '8h'\nreview = {{ share = {share}, level = 2 }}\n{escalate}\
         [[structure]]\nname = 'nodule'\nkind = 'mask'\nagree = {{ dice = 0.7 }}\n"
    );
    let plan: Plan = toml::from_str(&text).unwrap();
    assert_eq!(plan.mistakes(), []);
    plan
}

fn people() -> Vec<Reader> {
    let levels = [1, 1, 1, 2, 2, 3, 3];
    levels.iter().enumerate().map(|(i, level)| Reader::new(&format!("p{i}"), *level)).collect()
}

/// One thing that somebody tries; numbers choose among what is there.
#[derive(Debug, Clone)]
enum Try {
    Claim(usize, usize),
    Release(usize),
    Submit(usize, bool),
    Accept(usize),
    Return(usize),
    Choose(usize, usize),
    Hold(usize),
    Resume(usize),
    Cancel(usize),
    Assign(usize, usize),
    Refuse(usize),
    Free(usize),
    Reopen,
    Redo,
    Suspend,
    Admit,
    Escalate(usize),
    Gold(usize),
    Wait(i64),
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let n = 0..8_usize;
    let one = prop_oneof![
        8 => (n.clone(), n.clone()).prop_map(|(t, p)| Try::Claim(t, p)),
        1 => n.clone().prop_map(Try::Release),
        8 => (n.clone(), any::<bool>()).prop_map(|(t, alike)| Try::Submit(t, alike)),
        3 => n.clone().prop_map(Try::Accept),
        3 => n.clone().prop_map(Try::Return),
        3 => (n.clone(), n.clone()).prop_map(|(t, r)| Try::Choose(t, r)),
        1 => n.clone().prop_map(Try::Hold),
        2 => n.clone().prop_map(Try::Resume),
        1 => n.clone().prop_map(Try::Cancel),
        1 => (n.clone(), n.clone()).prop_map(|(t, p)| Try::Assign(t, p)),
        1 => n.clone().prop_map(Try::Refuse),
        1 => n.clone().prop_map(Try::Free),
        1 => Just(Try::Reopen),
        1 => Just(Try::Redo),
        1 => Just(Try::Suspend),
        2 => Just(Try::Admit),
        1 => n.clone().prop_map(Try::Escalate),
        1 => n.prop_map(Try::Gold),
        2 => (1_i64..10 * 3_600_000).prop_map(Try::Wait),
    ];
    prop::collection::vec(one, 1..80)
}

/// A case with a clock and numbers of its own.
struct World {
    plan: Plan,
    people: Vec<Reader>,
    case: Case,
    now: i64,
    next: i64,
    reads: i64,
    done: Vec<String>,
}

impl World {
    fn new(plan: Plan) -> Self {
        let mut world = Self {
            plan,
            people: people(),
            case: Case::new("2.25.1", 0),
            now: 0,
            next: 1,
            reads: 0,
            done: Vec::new(),
        };
        world.act(Who::Machine, Act::Admit);
        world
    }

    fn context(&self) -> Context<'_> {
        Context { plan: &self.plan, version: 1, guideline: "1", now_ms: self.now, next_task: self.next }
    }

    fn act(&mut self, who: Who<'_>, act: Act<'_>) -> bool {
        let label = format!("{act:?}");
        let before = self.case.clone();
        match transition(&self.case, who, act, &self.context()) {
            Ok(moved) => {
                self.next += moved.numbers as i64;
                self.case = moved.case;
                self.done.push(label);
                holds(&before, &self.case, &self.done);
                true
            }
            Err(_) => false,
        }
    }

    fn task(&self, n: usize) -> Option<Task> {
        let all = &self.case.tasks;
        (!all.is_empty()).then(|| all[n % all.len()].clone())
    }

    fn holder(&self, task: &Task) -> Option<Reader> {
        match &task.state {
            TaskState::Claimed { holder, .. } => self.people.iter().find(|p| p.id == *holder).cloned(),
            _ => None,
        }
    }

    fn by_holder(&mut self, n: usize, act: impl Fn(i64) -> Act<'static>) -> bool {
        let Some(task) = self.task(n) else { return false };
        let Some(holder) = self.holder(&task) else { return false };
        self.act(Who::reader(&holder), act(task.id))
    }

    fn submit(&mut self, n: usize, alike: bool) -> bool {
        let Some(task) = self.task(n) else { return false };
        let Some(holder) = self.holder(&task) else { return false };
        self.reads += 1;
        let read = CaseRead {
            id: self.reads,
            reader: holder.id.clone(),
            at_ms: self.now,
            structures: vec!["nodule".into()],
            ..CaseRead::default()
        };
        let mut all: Vec<i64> =
            self.case.current_reads().filter(|r| r.task != task.id).map(|r| r.id).collect();
        all.push(read.id);
        let mut pairs = Vec::new();
        for (k, a) in all.iter().enumerate() {
            for b in &all[k + 1..] {
                let dice = if alike { 0.9 } else { 0.2 };
                pairs.push(PairAgreement {
                    a: *a,
                    b: *b,
                    structures: vec![StructureAgreement {
                        structure: "nodule".into(),
                        measures: [("dice".to_owned(), dice)].into(),
                        agrees: alike,
                        nearness: dice,
                        why: (!alike).then(|| "dice 0.200".into()),
                    }],
                });
            }
        }
        self.act(
            Who::reader(&holder),
            Act::Submit { task: task.id, read: &read, pairs: &pairs, consensus: None },
        )
    }

    fn attempt(&mut self, one: &Try) -> bool {
        match *one {
            Try::Claim(n, p) => {
                let (Some(task), person) = (self.task(n), self.people[p % 7].clone()) else { return false };
                let open = matches!(task.state, TaskState::Open { .. });
                let allowed = may(&person, 0, &self.case, &task, self.now).is_ok();
                let taken = self.act(Who::reader(&person), Act::Claim { task: task.id });
                // The rule that lists and `next` use is the one that the claim keeps.
                let lapses =
                    matches!(&task.state, TaskState::Claimed { until_ms, .. } if *until_ms <= self.now);
                let own = self.holder(&task).is_some_and(|h| h.id == person.id);
                assert!(lapses || own || taken == (open && allowed), "{:?}", self.done);
                taken
            }
            Try::Release(n) => self.by_holder(n, |task| Act::Release { task }),
            Try::Submit(n, alike) => self.submit(n, alike),
            Try::Accept(n) => self.by_holder(n, |task| Act::Accept { task }),
            Try::Return(n) => self.by_holder(n, |task| Act::Return { task, reason: "again" }),
            Try::Choose(n, r) => {
                let reads: Vec<i64> = self.case.current_reads().map(|r| r.id).collect();
                let Some(read) = reads.get(r % reads.len().max(1)).copied() else { return false };
                self.by_holder(n, move |task| Act::Choose { task, read })
            }
            Try::Hold(n) => {
                let Some(task) = self.task(n) else { return false };
                self.act(Who::Coordinator, Act::Hold { task: task.id, reason: "wait" })
            }
            Try::Resume(n) => {
                let Some(task) = self.task(n) else { return false };
                self.act(Who::Coordinator, Act::Resume { task: task.id })
            }
            Try::Cancel(n) => {
                let Some(task) = self.task(n) else { return false };
                self.act(Who::Coordinator, Act::Cancel { task: task.id, reason: "no" })
            }
            Try::Assign(n, p) => {
                let (Some(task), to) = (self.task(n), self.people[p % 7].clone()) else { return false };
                self.act(Who::Coordinator, Act::Assign { task: task.id, to: &to })
            }
            Try::Refuse(n) => self.by_holder(n, |task| Act::Refuse { task, reason: "not diagnostic" }),
            Try::Free(n) => {
                let Some(task) = self.task(n) else { return false };
                self.act(Who::Coordinator, Act::Free { task: task.id })
            }
            Try::Reopen => self.act(Who::Coordinator, Act::Reopen { reason: "wrong" }),
            Try::Redo => self.act(Who::Machine, Act::Redo),
            Try::Suspend => self.act(Who::Machine, Act::Suspend),
            Try::Admit => self.act(Who::Machine, Act::Admit),
            Try::Escalate(n) => {
                let Some(task) = self.task(n) else { return false };
                self.act(Who::Machine, Act::Escalate { task: task.id })
            }
            Try::Gold(p) => {
                let person = self.people[p % 7].clone();
                if self.case.reads.iter().any(|r| r.reader == person.id) {
                    return false;
                }
                self.act(Who::Machine, Act::Slip { reader: &person, purpose: Purpose::Gold, slot: 1 })
            }
            Try::Wait(ms) => {
                self.now += ms;
                self.act(Who::Machine, Act::Look)
            }
        }
    }

    /// Everybody does what there is to do until nothing is left.
    fn finish(&mut self) {
        for _ in 0..200 {
            self.act(Who::Machine, Act::Admit);
            let held = self.case.tasks.iter().find(|t| matches!(t.state, TaskState::Held { .. })).cloned();
            if let Some(task) = held {
                self.act(Who::Coordinator, Act::Resume { task: task.id });
                continue;
            }
            let active: Vec<Task> = self.case.tasks.iter().filter(|t| t.state.is_active()).cloned().collect();
            let Some(task) = active.first() else { return };
            let at = self.case.tasks.iter().position(|t| t.id == task.id).unwrap();
            if self.holder(task).is_some() {
                let done = match task.step {
                    Step::Read => self.submit(at, true),
                    Step::Review => self.attempt(&Try::Accept(at)),
                    _ => self.submit(at, true),
                };
                assert!(done, "{task:?} cannot be ended\n{:?}", self.done);
                continue;
            }
            let taken = (0..7).any(|p| {
                let person = self.people[p].clone();
                self.act(Who::reader(&person), Act::Claim { task: task.id })
            });
            if !taken {
                // Whoever may decide has read it: somebody new comes, and can.
                let new = Reader::new(&format!("new{}", self.people.len()), task.level.max(1));
                self.people.push(new.clone());
                let taken = self.act(Who::reader(&new), Act::Claim { task: task.id });
                assert!(taken, "nobody can take {task:?}\n{:?}", self.done);
            }
        }
        panic!("never done: {:?}", self.done);
    }
}

/// What is true after every act.
fn holds(before: &Case, after: &Case, done: &[String]) {
    let numbers: BTreeSet<i64> = after.tasks.iter().map(|t| t.id).collect();
    assert_eq!(numbers.len(), after.tasks.len(), "a number twice: {done:?}");
    assert!(before.tasks.iter().all(|t| numbers.contains(&t.id)), "a task is lost: {done:?}");
    assert!(before.reads.iter().all(|r| after.read(r.id).is_some()), "a read is lost: {done:?}");
    // Nobody has two reads of a round.
    let mut holders: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    for task in after.tasks.iter().filter(|t| t.step == Step::Read && t.is_for_case()) {
        if let Some(holder) = task.state.holder() {
            *holders.entry((task.round, holder)).or_default() += 1;
        }
    }
    assert!(holders.values().all(|n| *n == 1), "{holders:?} {done:?}");
    // Nobody decides on a read of their own.
    for task in after.tasks.iter().filter(|t| matches!(t.step, Step::Review | Step::Adjudicate)) {
        if let Some(holder) = task.state.holder() {
            let read = |r: &&CaseRead| r.round == task.round && r.for_case && r.task != task.id;
            assert!(!after.reads.iter().filter(read).any(|r| r.reader == holder), "{task:?} {done:?}");
        }
    }
    // What was accepted stays until something else is.
    assert!(before.accepted.is_none() || after.accepted.is_some(), "{done:?}");
    if let Some(accepted) = &after.accepted {
        assert!(after.read(accepted.read).is_some_and(|r| r.for_case), "{done:?}");
    }
    if after.state() == CaseState::Accepted {
        assert!(after.accepted.is_some() && !after.current().any(|t| t.state.is_active()), "{done:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_everything_ends(
        reads in 1_u32..4, reviewed in any::<bool>(), escalates in any::<bool>(), tries in tries()
    ) {
        let plan = plan(reads, if reviewed { 1.0 } else { 0.0 }, escalates);
        let mut world = World::new(plan.clone());
        for one in &tries {
            world.attempt(one);
        }
        // The same acts again give the same case.
        let mut again = World::new(plan);
        for one in &tries {
            again.attempt(one);
        }
        prop_assert_eq!(&world.case, &again.case);
        let cancelled = world.case.current().any(|t| matches!(t.state, TaskState::Cancelled { .. }));
        // Two or three reads need enough people left who have not read in this round.
        if !cancelled && !escalates {
            world.finish();
            let cancelled = world.case.current().any(|t| matches!(t.state, TaskState::Cancelled { .. }));
            prop_assert!(cancelled || world.case.state() == CaseState::Accepted, "{:?}", world.done);
        }
    }
}

#[test]
fn every_state_of_a_case_is_reached_and_left() {
    let mut world = World::new(plan(2, 1.0, false));
    let mut seen = vec![world.case.state()];
    let mut step = |world: &mut World, one: Try| {
        assert!(world.attempt(&one), "{one:?}\n{:?}", world.done);
        seen.push(world.case.state());
    };
    step(&mut world, Try::Hold(0));
    step(&mut world, Try::Resume(0));
    step(&mut world, Try::Claim(0, 0));
    step(&mut world, Try::Submit(0, true));
    step(&mut world, Try::Claim(1, 1));
    step(&mut world, Try::Submit(1, false));
    step(&mut world, Try::Claim(2, 5));
    step(&mut world, Try::Choose(2, 0));
    step(&mut world, Try::Reopen);
    step(&mut world, Try::Claim(3, 0));
    step(&mut world, Try::Submit(3, true));
    step(&mut world, Try::Claim(4, 1));
    step(&mut world, Try::Submit(4, true));
    step(&mut world, Try::Claim(5, 3));
    step(&mut world, Try::Return(5));
    step(&mut world, Try::Claim(3, 0));
    step(&mut world, Try::Submit(3, true));
    step(&mut world, Try::Claim(6, 4));
    step(&mut world, Try::Accept(6));
    use CaseState::{Accepted, Adjudicating, Held, InReview, Reading, Waiting};
    for state in [Waiting, Held, Reading, Adjudicating, Accepted, InReview] {
        assert!(seen.contains(&state), "{state:?} in {seen:?}");
    }
    assert_eq!(seen.last(), Some(&Accepted));
}

#[test]
fn what_was_returned_to_a_reader_who_left_goes_to_another() {
    let mut world = World::new(plan(1, 1.0, false));
    for one in [Try::Claim(0, 0), Try::Submit(0, true), Try::Claim(1, 3), Try::Return(1)] {
        assert!(world.attempt(&one), "{one:?}");
    }
    assert!(!world.attempt(&Try::Claim(0, 1)), "it is kept for its reader");
    assert!(world.attempt(&Try::Free(0)));
    assert!(world.attempt(&Try::Claim(0, 1)) && world.attempt(&Try::Submit(0, true)));
    let standing: Vec<&str> = world.case.current_reads().map(|r| r.reader.as_str()).collect();
    assert_eq!(standing, ["p1"], "the read of who left is history");
    // Or who coordinates gives it to somebody.
    assert!(world.attempt(&Try::Claim(2, 4)) && world.attempt(&Try::Return(2)));
    assert!(world.attempt(&Try::Assign(0, 2)) && !world.attempt(&Try::Claim(0, 1)));
    assert!(world.attempt(&Try::Claim(0, 2)));
}

#[test]
fn a_late_submit_counts_until_somebody_else_has_the_task() {
    let mut world = World::new(plan(1, 0.0, false));
    assert!(world.attempt(&Try::Claim(0, 0)));
    world.attempt(&Try::Wait(9 * 3_600_000));
    assert!(matches!(&world.case.tasks[0].state, TaskState::Open { lapsed: Some(p) } if p == "p0"));
    let mut late = World { case: world.case.clone(), done: Vec::new(), ..World::new(plan(1, 0.0, false)) };
    late.now = world.now;
    let read = CaseRead { id: 9, reader: "p0".into(), ..CaseRead::default() };
    let submit = Act::Submit { task: 1, read: &read, pairs: &[], consensus: None };
    let person = late.people[0].clone();
    assert!(late.act(Who::reader(&person), submit.clone()));
    assert_eq!(late.case.state(), CaseState::Accepted);
    assert!(world.attempt(&Try::Claim(0, 1)));
    let person = world.people[0].clone();
    assert!(!world.act(Who::reader(&person), submit), "another holds it");
}
