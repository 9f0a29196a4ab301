//! Header scan of a tree: files per second and peak memory.
//!
//! `cargo bench --bench scan -- FOLDER` reads and assembles the instances below FOLDER, as `gantry scan` does. Compare
//! with another loop over the same folder in the same run.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout)]

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use gantry::engine::tools::{gather::gather, scan};

fn main() {
    let Some(folder) = std::env::args().skip(1).find(|a| !a.starts_with('-')).map(PathBuf::from) else {
        println!("skipped: say which folder to scan: cargo bench --bench scan -- FOLDER");
        return;
    };
    let started = Instant::now();
    let gathered = gather(&[folder], false, &AtomicU64::new(0)).expect("the folder exists");
    let read = started.elapsed().as_secs_f64();
    let lines: usize = gathered.series.iter().map(|s| scan::lines(s).len()).sum();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} files, {} series, {lines} lines in {seconds:.2} s ({read:.2} s reading): {:.0} files/s; peak memory {} MiB",
        gathered.tree.files,
        gathered.series.len(),
        gathered.tree.files as f64 / seconds,
        peak_memory_kib() >> 10
    );
}

/// `VmHWM`: the most memory the process has held resident.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}
