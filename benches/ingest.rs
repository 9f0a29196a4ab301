//! Ingest through the real line: instances per second, peak memory, and what share flushing takes.
//!
//! `cargo bench --bench ingest -- FOLDER` ingests a folder of instances into a fresh workspace on the same file
//! system as `TMPDIR`. Compare with another loop over the same folder in the same run.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout)]

use std::path::PathBuf;
use std::time::Instant;

use gantry::config::Workspace;
use gantry::engine::command::Ingest;
use gantry::engine::{Client, Engine};

fn main() {
    let Some(folder) = std::env::args().skip(1).find(|a| !a.starts_with('-')).map(PathBuf::from) else {
        println!("skipped: say which folder to ingest: cargo bench --bench ingest -- FOLDER");
        return;
    };
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let workspace = Workspace::init(&scratch.path().join("w")).expect("a workspace");
    let engine = Engine::open(workspace).expect("the workspace opens");
    let session = engine.session("bench", false);
    let client: &dyn Client = &session;
    let started = Instant::now();
    let paths = vec![folder.canonicalize().expect("the folder exists").to_string_lossy().into_owned()];
    let outcome = client
        .act(Ingest { paths, site: "bench".into(), links: Default::default() })
        .expect("it is ingested");
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} received, {} stored, {} series in {seconds:.2} s: {:.0} instances/s; peak memory {} MiB",
        outcome.received,
        outcome.deidentified,
        outcome.series,
        outcome.received as f64 / seconds,
        peak_memory_kib() >> 10
    );
}

/// `VmHWM`: the most memory the process has held resident.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}
