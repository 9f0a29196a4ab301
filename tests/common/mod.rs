//! What every integration test shares.
#![allow(dead_code, missing_docs)]

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
    // Not through `eprintln`, which the test runner keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
