//! A row that differs from its stored instance is mended from it, where the trail vouches for the bytes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::trail::root_holds;
use super::{Shared, StageError};
use crate::catalog::StoredInstance;
use crate::dicom::{Contents, ReadOptions};
use crate::model::tags;

/// Has the rows with this SOP instance UID say again what their stored instances say. The series that they belong to now
/// and before; `None` where nothing was mended: the bytes, or what vouches for them, are not what they were.
///
/// # Errors
/// The catalog or the store cannot be used.
pub fn mend_row(shared: &Shared, sop_uid: &str) -> Result<Option<BTreeSet<String>>, StageError> {
    let rows = shared.catalog.read().stored_rows_of(sop_uid)?;
    let mut series = BTreeSet::new();
    for row in rows {
        let Some(header) = vouched(shared, &row)? else { continue };
        if header != row {
            shared.catalog.write_first(|tx| tx.mend_instance(&header))?;
            series.extend([row.series_uid, header.series_uid]);
        }
    }
    Ok((!series.is_empty()).then_some(series))
}

/// The row as the stored header has it, where blob and ledger line are those that the trail covers.
fn vouched(shared: &Shared, row: &StoredInstance) -> Result<Option<StoredInstance>, StageError> {
    let Some(event) = row.event else { return Ok(None) };
    let reader = shared.catalog.read();
    let detail: Value =
        serde_json::from_str(&reader.trail_detail(event)?.unwrap_or_default()).unwrap_or_default();
    let Some(root) = detail["merkle_root"].as_str() else { return Ok(None) };
    if !root_holds(&reader, event, root)? {
        return Ok(None);
    }
    let Ok(bytes) = shared.store.open_verified(&row.blob) else { return Ok(None) };
    let length = bytes.len();
    let contents = Contents::of(bytes, shared.scratch());
    let Ok(file) = contents.read(ReadOptions { header_only: true, partial: false }) else { return Ok(None) };
    let text = |tag| file.dataset.ascii(tag).unwrap_or_default().to_string();
    Ok(Some(StoredInstance {
        sop_uid: text(tags::SOP_INSTANCE_UID),
        bytes: length,
        series_uid: text(tags::SERIES_INSTANCE_UID),
        study_uid: text(tags::STUDY_INSTANCE_UID),
        subject: text(tags::PATIENT_ID),
        sop_class: text(tags::SOP_CLASS_UID),
        ..row.clone()
    }))
}
