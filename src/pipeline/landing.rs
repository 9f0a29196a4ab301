//! The copies of quarantined files: one lies there as long as a row of the intake map needs it, and no longer.

use std::fs;

use serde_json::json;

use super::{Shared, day_of, now_ms};
use crate::catalog::CatalogError;
use crate::landing::NewFile;
use crate::model::words::{io_words, plural};

/// The reason of a copy that was found without a row.
const FOUND_WITHOUT_ROW: &str = "found_without_row";

/// Takes copies away that no row needs any more. The trail says so first; what is left by a kill goes at the next start.
pub fn remove_copies(shared: &Shared, hashes: &[String]) {
    let present: Vec<&String> = hashes.iter().filter(|sha256| shared.quarantined(sha256).is_file()).collect();
    if present.is_empty() {
        return;
    }
    let detail = json!({ "sha256": present });
    let now = now_ms();
    let said =
        shared.catalog.write_derived(|tx| tx.audit(now, "gantry", "intake.superseded", "intake", &detail));
    if let Err(error) = said {
        tracing::error!("copies of files that are stored by now stay: {error}");
        return;
    }
    for sha256 in present {
        if let Err(error) = fs::remove_file(shared.quarantined(sha256)) {
            tracing::error!("the copy of a file that is stored by now stays: {}", io_words(error.kind()));
        }
    }
}

/// At start: what lies on the landing side without a row. Drafts and copies that a kill left go; where the map itself is
/// gone, copies get rows again, for they may be the last there are.
///
/// # Errors
/// The map or the catalog cannot be used.
pub fn sweep(shared: &Shared) -> Result<(), CatalogError> {
    let (kept, has_rows) = shared.map.kept()?;
    let (mut strays, mut drafts) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&shared.quarantine)?.chain(fs::read_dir(&shared.received)?) {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_string();
        match name.strip_suffix(".dcm") {
            Some(sha256) if kept.contains(sha256) => {}
            Some(sha256) if is_hash(sha256) => strays.push((sha256.to_string(), path)),
            _ => drafts.push(path),
        }
    }
    let now = now_ms();
    let mut adopted = 0;
    if has_rows {
        drafts.extend(strays.into_iter().map(|s| s.1));
    } else {
        let rows: Vec<NewFile> = strays.iter().map(|(sha256, path)| adopt(sha256, path, now)).collect();
        shared.map.put(&rows)?;
        adopted = rows.len();
    }
    if adopted + drafts.len() == 0 {
        return Ok(());
    }
    let detail = json!({ "removed": drafts.len(), "adopted": adopted });
    if !drafts.is_empty() {
        let files = plural(drafts.len() as u64, "unfinished file");
        tracing::warn!("the last run was cut off: {files} removed from landing/; the sources are read again");
    }
    if adopted > 0 {
        let files = plural(adopted as u64, "quarantined file");
        tracing::warn!(
            "the record of sources is new: {files} listed again without a source (`gantry intake list`)"
        );
    }
    shared.catalog.write(|tx| tx.audit(now, "gantry", "landing.sweep", "landing", &detail))?;
    for path in drafts {
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        if let Err(error) = gone {
            tracing::warn!("a file of the landing side stays: {}", io_words(error.kind()));
        }
    }
    Ok(())
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The row of a copy whose row is lost. Where it came from is not known any more.
fn adopt(sha256: &str, path: &std::path::Path, now: i64) -> NewFile {
    NewFile {
        inbox: String::new(),
        path: path.to_string_lossy().into_owned(),
        bytes: fs::metadata(path).map_or(0, |m| m.len()),
        mtime_ns: 0,
        sha256: sha256.into(),
        status: "quarantined".into(),
        reason: FOUND_WITHOUT_ROW.into(),
        detail: String::new(),
        site: String::new(),
        trusted: false,
        at_ms: now,
        day: day_of(now),
        kept: true,
    }
}
