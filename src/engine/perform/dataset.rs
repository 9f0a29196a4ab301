//! Export of series.

use std::io;
use std::path::Path;

use serde_json::json;

use super::folders;
use crate::blob::BlobError;
use crate::catalog::{Filter, Order, SeriesRecord};
use crate::dataset::export::{About, BeginError, Dataset, Exporter, Item, formats};
use crate::dataset::names::Pattern;
use crate::engine::command::{Export, ExportOutcome, LeftOut};
use crate::engine::{EngineError, Session};
use crate::model::Finding;
use crate::pipeline::{Loaded, StageError, now_ms};
use crate::qc;
use crate::series::{Instance, Stack};
use crate::volume::{self, PhilipsScale, Standard, Transform, Volume, VolumeError};

/// Series looked up at a time.
const AT_ONCE: u32 = 500;
/// Why a series stays here.
const TO_BE_CLEANED: &str = "to be cleaned of what another instance of its study names (job clean)";
/// Without a query, what was accepted goes out.
const ACCEPTED: &str = "state:accepted";

pub fn export(session: &Session, command: &Export) -> Result<ExportOutcome, EngineError> {
    let invalid = |why: String| EngineError::Invalid { why };
    let formats = formats(&command.formats).map_err(|name| {
        let known: Vec<&str> = crate::dataset::export::FORMATS.iter().map(|f| f.name()).collect();
        invalid(format!("no format is called {name:?}; there are {}", known.join(", ")))
    })?;
    let filter = command.filter.as_deref().unwrap_or(ACCEPTED);
    let parsed = Filter::parse(filter).map_err(|e| invalid(e.to_string()))?;
    let w = &command.standard;
    let (axes, spacing) = (w.orientation.as_deref(), w.spacing.as_deref());
    let standard = Standard::parse(w.untilt, axes, spacing, w.range.as_deref())
        .map_err(|why| invalid(why.to_string()))?;
    folders::is_target(session, Path::new(&command.to), Some(&session.engine.workspace.exports()))?;
    let pattern = command.name.as_deref().map(Pattern::parse).transpose().map_err(invalid)?;
    let philips = if command.precise { PhilipsScale::Precise } else { PhilipsScale::Display };
    let how = How { formats: &formats, standard: &standard, pattern: pattern.as_ref(), philips };
    let mut dataset = Dataset::begin(Path::new(&command.to)).map_err(|e| match e {
        BeginError::Occupied => EngineError::Conflict { why: e.to_string() },
        BeginError::Io(_) => EngineError::Storage { why: e.to_string() },
    })?;
    let mut outcome = ExportOutcome { to: command.to.clone(), ..ExportOutcome::default() };
    let mut offset = 0;
    loop {
        let page = session.engine.shared.catalog.read().search(&parsed, Order::Uid, offset, AT_ONCE)?;
        offset += page.0.len() as u64;
        outcome.matched = page.1;
        for series in &page.0 {
            if series.is_image {
                one(session, series, &mut dataset, &how, &mut outcome)?;
            } else {
                outcome.left_out.push(no_image(series));
            }
        }
        if page.0.is_empty() || offset >= page.1 {
            break;
        }
    }
    outcome.manifest_sha256 = dataset.finish(filter, &outcome.left_out).map_err(refused)?;
    if session.engine.is_read_only() {
        tracing::warn!("the workspace is open for reading only: the export leaves no mark in its trail");
        return Ok(outcome);
    }
    let detail = json!({
        "filter": filter,
        "series": outcome.series,
        "files": outcome.files,
        "formats": command.formats,
        "left_out": outcome.left_out.len(),
        "manifest_sha256": outcome.manifest_sha256,
    });
    session
        .engine
        .shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, "dataset.export", "dataset", &detail))?;
    Ok(outcome)
}

/// How series are written.
struct How<'h> {
    formats: &'h [&'static dyn Exporter],
    standard: &'h Standard,
    pattern: Option<&'h Pattern>,
    philips: PhilipsScale,
}

/// A series that holds no image: labels, reports, states of presentation …
fn no_image(record: &SeriesRecord) -> LeftOut {
    let kind = match record.modality.as_str() {
        known @ ("SEG" | "RTSTRUCT") => known,
        _ => "other",
    };
    let reason = format!("a series of {} holds no volume", record.modality);
    LeftOut { series_uid: record.uid.clone(), kind: kind.into(), reason }
}

/// Writes every stack of a series that is a volume; the others are named with why not.
fn one(
    session: &Session,
    record: &SeriesRecord,
    dataset: &mut Dataset,
    how: &How<'_>,
    outcome: &mut ExportOutcome,
) -> Result<(), EngineError> {
    let shared = &session.engine.shared;
    if !shared.known.is_clean(&record.study_uid, &shared.catalog)? {
        outcome.leave_out(record, "to_be_cleaned", TO_BE_CLEANED.into());
        return Ok(());
    }
    let instances = shared.catalog.read().instances(&record.uid)?;
    let loaded = match Loaded::read(shared, &instances) {
        Ok(loaded) => loaded,
        Err(StageError::Blob(error @ (BlobError::NotFound(_) | BlobError::Damaged(_)))) => {
            outcome.leave_out(
                record,
                "missing",
                format!("{error}; `gantry verify` says what can be repaired"),
            );
            return Ok(());
        }
        Err(error) => return Err(EngineError::Storage { why: error.to_string() }),
    };
    let findings = qc::run(&qc::Input::of(&loaded.series), |_| true);
    let record = &shared.catalog.read().series(&record.uid)?.unwrap_or_else(|| record.clone());
    let about = about(session, record, &loaded, &findings)?;
    let read = |instance: &Instance| -> io::Result<Vec<u8>> {
        let blob = loaded.blobs.get(instance.header.source as usize).ok_or(io::ErrorKind::NotFound)?;
        shared.store.read(blob).map_err(io::Error::other)
    };
    let mut written = false;
    for (i, stack) in loaded.series.stacks.iter().enumerate().filter(|(_, s)| s.frames > 0) {
        if let Some(finding) = volume::forbidden(&findings, i) {
            outcome.leave_out(record, "other", format!("{}: {}", finding.check, finding.message));
            continue;
        }
        let made = volume::load_scaled(&loaded.series, stack, &read, how.philips)
            .and_then(|v| standardised(v, stack, how.standard));
        match made {
            Ok((volume, transform)) => {
                let transform = transform.as_ref();
                let sidecar = volume::sidecar(&loaded.series, stack, &volume, &read);
                let item = Item {
                    series: &loaded.series,
                    stack: i,
                    volume: &volume,
                    transform,
                    sidecar: &sidecar,
                    about: &about,
                };
                outcome.files += dataset.add(&item, how.formats, how.pattern).map_err(refused)?;
                written = true;
            }
            Err(error) => outcome.leave_out(record, kind_of(&error), error.to_string()),
        }
    }
    outcome.series += u64::from(written);
    Ok(())
}

impl ExportOutcome {
    fn leave_out(&mut self, record: &SeriesRecord, kind: &str, reason: String) {
        self.left_out.push(LeftOut { series_uid: record.uid.clone(), kind: kind.into(), reason });
    }
}

/// The kind of image that is no volume.
fn kind_of(error: &VolumeError) -> &'static str {
    match error {
        VolumeError::NoGrid => "2-D",
        VolumeError::Read(_) => "missing",
        _ => "other",
    }
}

/// The volume on the grid that is asked for, where one is.
fn standardised(
    volume: Volume,
    stack: &Stack,
    standard: &Standard,
) -> Result<(Volume, Option<Transform>), VolumeError> {
    if standard.is_empty() {
        return Ok((volume, None));
    }
    let labels = stack.common.modality.as_deref() == Some("SEG");
    let (volume, transform) = Standard { labels, ..*standard }.apply(&volume)?;
    Ok((volume, Some(transform)))
}

fn about(
    session: &Session,
    record: &SeriesRecord,
    loaded: &Loaded,
    findings: &[Finding],
) -> Result<About, EngineError> {
    let ledger = session.engine.shared.catalog.read().ledger_of(&record.uid)?;
    let used = |i: &Instance| {
        let uid = i.header.sop_uid.as_deref().unwrap_or_default().to_string();
        Some((uid, loaded.blobs.get(i.header.source as usize)?.clone()))
    };
    Ok(About {
        subject: record.subject.clone(),
        site: record.site.clone(),
        study_date: record.study_date.clone(),
        number: record.number,
        facts: serde_json::from_str(&record.facts).unwrap_or_default(),
        harmonised: record.harmonised.clone(),
        findings: findings.to_vec(),
        state: record.state.clone(),
        instances: loaded.series.instances.iter().filter_map(used).collect(),
        ledger: ledger.iter().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    })
}

fn refused(error: io::Error) -> EngineError {
    EngineError::Storage { why: format!("the dataset cannot be written: {error}") }
}
