//! A million instances with accepted labels: a snapshot, the same again, a hundredth changed, what differs.
//!
//! `cargo bench --bench datasets`; `GANTRY_BENCH_SERIES` and `GANTRY_BENCH_SLICES` set other numbers (5,000 and 200).
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use gantry::catalog::{LedgerLine, NewInstance, SeriesRecord};
use gantry::config::Workspace;
use gantry::engine::command::{
    ApplyPlan, CreateSnapshot, PutReader, ReopenCase, SplitWords, SubmitTask, TakeNext,
};
use gantry::engine::query::{DiffSnapshots, PreviewSnapshot};
use gantry::engine::{Client, Engine, Session};
use sha2::{Digest, Sha256};

const PLAN: &str = "name = 'x'\nreads = 1\nseries_review = 'none'\n[[structure]]\nname = 'quality'\nkind = 'class'\n\
    values = ['good', 'poor']\n";

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

struct Bench {
    _engine: Arc<Engine>,
    owner: Session,
    reader: Session,
    _dir: tempfile::TempDir,
}

fn series(n: usize, slices: usize) -> SeriesRecord {
    SeriesRecord {
        uid: format!("2.25.{n}"),
        study_uid: format!("2.25.{n}.1"),
        subject: format!("S-{:06}", n / 2),
        site: ["A", "B", "C"][n / 2 % 3].into(),
        modality: "CT".into(),
        is_image: true,
        instances: slices as u64,
        frames: slices as u64,
        state: "checked".into(),
        stacks: "[]".into(),
        facts: "[]".into(),
        ..SeriesRecord::default()
    }
}

fn instance(n: usize, slice: usize, of: &SeriesRecord, record: &LedgerLine) -> NewInstance {
    let hash = |what: &str| hex::encode(Sha256::digest(format!("{what} {n} {slice}")));
    NewInstance {
        sop_uid: format!("2.25.{n}.2.{slice}"),
        source_hash: hash("source"),
        blob: hash("blob"),
        bytes: 526_000,
        series_uid: of.uid.clone(),
        study_uid: of.study_uid.clone(),
        subject: of.subject.clone(),
        site: of.site.clone(),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
        modality: "CT".into(),
        syntax: "1.2.840.10008.1.2.1".into(),
        scanner: None,
        record: record.clone(),
        known: 0,
    }
}

impl Bench {
    fn new(count: usize, slices: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("w");
        Workspace::init(&root).unwrap();
        let engine = Engine::open(Workspace::open(&root).unwrap()).unwrap();
        let owner = engine.session("owner", false);
        let record = LedgerLine::new("{}");
        let all: Vec<usize> = (0..count).collect();
        for part in all.chunks(100) {
            let put = |tx: &gantry::catalog::Tx<'_>| {
                for &n in part {
                    let of = series(n, slices);
                    tx.put_series(&of)?;
                    for slice in 0..slices {
                        tx.put_instance(&instance(n, slice, &of, &record), (1, n * slices + slice), 0)?;
                    }
                }
                Ok(())
            };
            engine.shared().catalog.write(put).unwrap();
        }
        let client: &dyn Client = &owner;
        let reader = PutReader { reader: "r".into(), new: true, level: Some(2), ..PutReader::default() };
        client.act(reader).unwrap();
        client.act(ApplyPlan { text: PLAN.into(), ..ApplyPlan::default() }).unwrap();
        let reader = owner.for_reader("r");
        Self { _engine: engine, owner, reader, _dir: dir }
    }

    fn client(&self) -> &dyn Client {
        &self.owner
    }

    /// So many tasks are taken and read.
    fn read(&self, count: usize, said: &str) {
        let reader: &dyn Client = &self.reader;
        for _ in 0..count {
            let line = reader.act(TakeNext { step: None }).unwrap().unwrap();
            let values = vec![("quality".into(), None, said.into())];
            reader.act(SubmitTask { task: line.task, values, ..SubmitTask::default() }).unwrap();
        }
    }

    fn snapshot(&self, name: &str) -> u64 {
        let shares = "train=.7,val=.15,test=.15".into();
        let split = SplitWords { shares, stratify: Some("site".into()), ..SplitWords::default() };
        let command = CreateSnapshot { name: name.into(), split: Some(split), ..CreateSnapshot::default() };
        self.client().act(command).unwrap().series
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    println!("{what:<44} {:>8.3} s", began.elapsed().as_secs_f64());
    done
}

fn main() {
    let (count, slices) = (number("GANTRY_BENCH_SERIES", 5_000), number("GANTRY_BENCH_SLICES", 200));
    println!("{count} series of {slices} instances: {} instances", count * slices);
    let bench = Bench::new(count, slices);
    bench.read(count, "good");
    assert_eq!(timed("snapshot", || bench.snapshot("v1")), count as u64);
    assert_eq!(timed("the same again", || bench.snapshot("v2")), count as u64);
    let same = timed("nothing has changed (preview)", || {
        let split = SplitWords {
            shares: "train=.7,val=.15,test=.15".into(),
            stratify: Some("site".into()),
            ..SplitWords::default()
        };
        bench.client().ask(PreviewSnapshot { query: None, split: Some(split) }).unwrap()
    });
    assert_eq!(same.same_as.as_deref(), Some("v2"));
    let changed = (count / 100).max(1);
    for n in 0..changed {
        let case = format!("2.25.{}", n * 97 % count);
        let reopen = ReopenCase { case, reason: "again".into() };
        bench.client().act(reopen).unwrap();
    }
    bench.read(changed, "poor");
    assert_eq!(timed("snapshot, a hundredth read again", || bench.snapshot("v3")), count as u64);
    let diff = timed("what differs in a hundredth", || {
        bench.client().ask(DiffSnapshots { first: "v1".into(), second: "v3".into() }).unwrap()
    });
    assert_eq!(diff.relabelled.len(), changed);
}
