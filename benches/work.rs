//! 100,000 open tasks: the next one, a claim, a page of the worklist. Percentiles of each, and the same for 1,000 tasks in the
//! same run: what must not grow is the ratio.
//!
//! `cargo bench --bench work`
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use gantry::catalog::SeriesRecord;
use gantry::config::Workspace;
use gantry::engine::command::{ActOnTask, ApplyPlan, PutReader, TakeNext, TaskAct};
use gantry::engine::query::{Page, Tasks};
use gantry::engine::{Client, Engine, Session};

const PLAN: &str = "name = 'x'\nreads = 2\nseries_review = 'none'\ndeadline = { read = '3d' }\n[[route]]\nwhen = 'site:B'\n\
    priority = 10\n[[structure]]\nname = 'quality'\nkind = 'class'\nvalues = ['good', 'poor']\n";
const READERS: usize = 8;

struct Bench {
    engine: Arc<Engine>,
    owner: Session,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new(series: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("w");
        Workspace::init(&root).unwrap();
        let engine = Engine::open(Workspace::open(&root).unwrap()).unwrap();
        let owner = engine.session("owner", false);
        let all: Vec<usize> = (0..series).collect();
        for part in all.chunks(10_000) {
            let put = |n: &usize| SeriesRecord {
                uid: format!("2.25.{n}"),
                study_uid: format!("2.25.{n}.1"),
                subject: format!("s{n}"),
                site: ["A", "B", "C"][n % 3].into(),
                modality: "CT".into(),
                is_image: true,
                state: "checked".into(),
                stacks: "[]".into(),
                facts: "[]".into(),
                ..SeriesRecord::default()
            };
            engine.shared().catalog.write(|tx| part.iter().try_for_each(|n| tx.put_series(&put(n)))).unwrap();
        }
        let bench = Self { engine, owner, _dir: dir };
        for n in 0..READERS {
            let reader = PutReader {
                reader: format!("r{n}"),
                new: true,
                level: Some(1 + (n % 3) as u8),
                sites: (n == 0).then(|| vec!["C".into()]),
                ..PutReader::default()
            };
            bench.client().act(reader).unwrap();
        }
        let began = Instant::now();
        let applied = bench.client().act(ApplyPlan { text: PLAN.into(), ..ApplyPlan::default() }).unwrap();
        println!("{:>7} tasks made in {:.2} s", applied.tasks.new, began.elapsed().as_secs_f64());
        bench
    }

    fn client(&self) -> &dyn Client {
        &self.owner
    }

    /// Milliseconds of each of some acts.
    fn times(&self, n: usize, mut act: impl FnMut(usize)) -> Vec<f64> {
        let mut all: Vec<f64> = (0..n)
            .map(|i| {
                let began = Instant::now();
                act(i);
                began.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn measure(&self) -> Vec<(&'static str, Vec<f64>)> {
        let readers: Vec<Session> = (0..READERS).map(|n| self.owner.for_reader(&format!("r{n}"))).collect();
        let client = |i: usize| -> &dyn Client { &readers[i % READERS] };
        let mut taken = Vec::new();
        let next = self.times(400, |i| {
            let line = client(i).act(TakeNext { step: None }).unwrap().unwrap();
            taken.push((i, line.task));
        });
        let release = self.times(200, |i| {
            let (who, task) = taken[i];
            client(who).act(ActOnTask { task, act: TaskAct::Release }).unwrap();
        });
        let claim = self.times(200, |i| {
            let (who, task) = taken[i];
            client(who).act(ActOnTask { task, act: TaskAct::Claim }).unwrap();
        });
        let page = self.times(200, |i| {
            let page = Page { offset: (i as u64 % 10) * 50, limit: 50 };
            let tasks = Tasks { page, step: Some(gantry::workflow::Step::Read), ..Tasks::default() };
            assert_eq!(self.client().ask(tasks).unwrap().rows.len(), 50);
        });
        vec![("next", next), ("release", release), ("claim", claim), ("page of 50", page)]
    }
}

fn main() {
    let (small, large) = (Bench::new(500), Bench::new(50_000));
    let at = |times: &[f64], share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{:<12} {:>10} {:>10} {:>10} {:>12}", "ms", "median", "p99", "largest", "of 1,000 p99");
    for ((name, few), (_, many)) in small.measure().iter().zip(&large.measure()) {
        println!(
            "{name:<12} {:>10.2} {:>10.2} {:>10.2} {:>12.2}",
            at(many, 0.5),
            at(many, 0.99),
            at(many, 1.0),
            at(few, 0.99)
        );
    }
    for bench in [small, large] {
        bench.engine.shut_down();
    }
}
