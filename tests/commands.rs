//! `scan`, `convert` and `qc` as processes, and what the readers of makers' private headers find, from outside.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "commands/diffusion.rs"]
mod diffusion;
#[path = "commands/directory.rs"]
mod directory;
#[path = "commands/grids.rs"]
mod grids;
#[path = "commands/process.rs"]
mod process;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A command with `--json`: exit status, lines of stdout, stderr.
fn gantry(arguments: &[&str]) -> (i32, Vec<Value>, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_gantry")).arg("--json").args(arguments).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let lines = text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")));
    (out.status.code().unwrap(), lines.collect(), String::from_utf8_lossy(&out.stderr).into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Writes slices as files of a folder.
fn write_all(folder: &Path, slices: &[common::files::Slice]) {
    std::fs::create_dir_all(folder).unwrap();
    for slice in slices {
        let name = format!("{}-{}.dcm", slice.series, slice.number);
        std::fs::write(folder.join(name), common::files::file(slice)).unwrap();
    }
}
