//! The landing side: rows of the intake map against the catalog, copies against their hashes.

use super::{DamageKind, Depth, Shared, StageError, Verified};
use crate::source::open_file;

/// Rows looked at in one go.
const AT_ONCE: u32 = 2_000;

pub fn verify(shared: &Shared, depth: Depth, verified: &mut Verified) -> Result<(), StageError> {
    let mut after = 0;
    loop {
        let rows = shared.map.rows_after(after, AT_ONCE)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in &rows {
            verified.files += 1;
            // Paths carry names: the row's number tells which file it is to those who may see the path.
            let object = || format!("file {}", row.id);
            let is_stored = matches!(&*row.file.status, "deidentified" | "duplicate");
            if is_stored && !shared.catalog.read().has_source(&row.file.sha256)? {
                verified.found(DamageKind::LostFile, object(), "the catalog does not know it");
            }
            if row.file.kept && !is_whole(shared, &row.file.sha256, depth) {
                verified.found(DamageKind::DamagedCopy, object(), "its copy is not what was quarantined");
            }
        }
    }
}

fn is_whole(shared: &Shared, sha256: &str, depth: Depth) -> bool {
    let path = shared.quarantined(sha256);
    match depth {
        Depth::Quick => path.is_file(),
        Depth::Whole => open_file(&path)
            .ok()
            .and_then(|bytes| crate::blob::name_of_bulk(&bytes).ok())
            .is_some_and(|hash| hash == sha256),
    }
}
