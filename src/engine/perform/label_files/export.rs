//! What a read drew, in a file.

use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::folders;
use crate::catalog::SittingRecord;
use crate::convert::{Target, images, write};
use crate::dicom;
use crate::engine::command::{ExportLabel, LabelExported};
use crate::engine::scope::{Scope, note_look, still_blinded};
use crate::engine::{EngineError, Session};
use crate::format::label::{FormatId, SourceImage};
use crate::label::place::{Options, fit, place};
use crate::label::{LabelSet, Shape, Structure, stored};
use crate::model::geometry::Grid;
use crate::pipeline::{Loaded, Shared, now_ms};

/// Writes what a read drew.
pub(in crate::engine::perform) fn export(
    session: &Session,
    command: &ExportLabel,
) -> Result<LabelExported, EngineError> {
    let shared = &session.engine.shared;
    let to = Path::new(&command.to);
    let target = Target::of(to, command.format.as_deref()).map_err(|why| EngineError::Invalid { why })?;
    folders::is_target(session, to, Some(&session.engine.workspace.exports()))?;
    let read = seen(session, command.read)?;
    let invalid = |why: &str| EngineError::Invalid { why: why.into() };
    let mut structures = Vec::new();
    let mut on = None;
    for label in shared.catalog.read().labels_of(command.read)? {
        let Some(blob) = label.read.label.as_deref() else { continue };
        let bytes = shared.store.read(blob)?;
        let (grid, mask) = stored::decode(&bytes).ok_or_else(|| invalid("what was drawn is damaged"))?;
        on = on.or(Some(grid));
        structures.push(Structure {
            number: Some(structures.len() as u32 + 1),
            name: label.read.structure,
            shape: Shape::Voxels(grid, mask),
            ..Structure::default()
        });
    }
    let grid = on.ok_or_else(|| invalid("nothing was drawn in this read"))?;
    let set = LabelSet { structures, ..LabelSet::default() };
    let series_uid = read.series_uid.as_str();
    let source = source(shared, series_uid, &grid)?;
    let placed = place(set, &source.image, Options::default());
    let placed = placed.map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    let written = write(&placed, Some(&source), target, to);
    let outputs = written.map_err(|e| EngineError::Storage { why: e.to_string() })?;
    let name = match target {
        Target::File(id) => id.name(),
        Target::Folder => FormatId::Nifti.name(),
    };
    let sha256: Vec<String> = outputs
        .iter()
        .filter_map(|p| std::fs::read(p).ok())
        .map(|b| hex::encode(Sha256::digest(&b)))
        .collect();
    let detail = json!({ "series": series_uid, "format": name, "files": outputs.len(), "sha256": sha256 });
    let object = format!("read {}", command.read);
    shared.catalog.write_first(|tx| tx.audit(now_ms(), &session.user, "label.export", &object, &detail))?;
    Ok(LabelExported {
        format: name.into(),
        outputs: outputs.iter().map(|p| p.to_string_lossy().into_owned()).collect(),
        warnings: placed.warnings.into_iter().map(|w| w.message).collect(),
    })
}

/// A read that may be seen; a look at one that is still blinded leaves its mark.
fn seen(session: &Session, id: i64) -> Result<SittingRecord, EngineError> {
    let missing = || EngineError::NotFound { what: "read".into(), id: id.to_string() };
    let scope = Scope::of(session)?;
    let shared = &session.engine.shared;
    let reader = shared.catalog.read();
    let read = reader.sitting(id)?.ok_or_else(missing)?;
    let case = read.case_uid.as_deref().map(|uid| reader.case(uid)).transpose()?.flatten();
    drop(reader);
    if !scope.sees(case.as_ref(), &read) {
        let why = format!("read {id} is another reader's, and you may not see it yet");
        return Err(EngineError::Forbidden { why });
    }
    if scope.all {
        let plan = shared.plan();
        let looked = still_blinded(plan.as_deref(), [(case.as_ref(), id)].into_iter());
        note_look(session, "export", &looked)?;
    }
    Ok(read)
}

/// The image of a series whose voxels a grid has, with whose it is.
fn source(shared: &Shared, series_uid: &str, grid: &Grid) -> Result<SourceImage, EngineError> {
    let record = shared.catalog.read().series(series_uid)?;
    let is_clean =
        record.is_some_and(|r| shared.known.is_clean(&r.study_uid, &shared.catalog).unwrap_or(false));
    if !is_clean {
        let why = "its series is not here, or is to be cleaned of what another instance of its study names";
        return Err(EngineError::Conflict { why: why.into() });
    }
    let instances = shared.catalog.read().instances(series_uid)?;
    let loaded = Loaded::read(shared, &instances).map_err(|e| EngineError::Storage { why: e.to_string() })?;
    let stacks = loaded.series.stacks.iter();
    let mut all = stacks.flat_map(|stack| images(&loaded.series, stack, &|_| None));
    let found = all.find(|(image, _)| fit(grid, &image.grid).is_ok());
    let gone =
        || EngineError::Invalid { why: "its series has no longer the voxels that were drawn on".into() };
    let (image, first) = found.ok_or_else(gone)?;
    let blob = loaded.blobs.get(first as usize).ok_or_else(gone)?;
    let path = shared.store.locate(blob)?;
    let made = dicom::with_header(&path, |file, _| SourceImage::new(image, &file.dataset));
    made.map_err(|e| EngineError::Storage { why: e.to_string() })
}
