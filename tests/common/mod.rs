//! What every integration test shares.
#![allow(dead_code, missing_docs, clippy::expect_used, clippy::panic)]

pub mod files;
pub mod series;

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Development data beside the checkout, or `None` after saying aloud that the test is skipped.
/// With `GANTRY_REQUIRE_PEERS=1` its absence is a failure.
pub fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    skip("../shared/data is not here");
    None
}

/// The path of a peer program, or `None` after saying aloud that the test is skipped.
pub fn peer(program: &str) -> Option<PathBuf> {
    let found = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.is_file()));
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// Says aloud that a test is skipped; a failure where everything must be there.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("GANTRY_REQUIRE_PEERS").is_none(), "required, but {reason}");
    pass_over(reason);
}

/// Says aloud that a test cannot be done by this user, whatever is installed.
pub fn pass_over(reason: &str) {
    // Not through `eprintln`, which the test runner keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// Runs the program with `--json`: exit status, lines of stdout (strict JSON each), stderr.
pub fn gantry(arguments: &[&str]) -> (i32, Vec<serde_json::Value>, String) {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_gantry"))
        .arg("--json")
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let lines = text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")));
    (
        out.status.code().expect("an exit status"),
        lines.collect(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
