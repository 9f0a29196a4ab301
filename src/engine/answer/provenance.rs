//! Where something came from.

use crate::catalog::{CatalogError, Reader};
use crate::dataset::documents::{self, Series, Snapshot};
use crate::engine::query::{ProvenanceOf, ProvenanceView};
use crate::engine::{EngineError, Session};
use crate::pipeline::freeze::{content_now, content_with};
use crate::pipeline::frozen::frozen;
use crate::snapshot::{Content, ImageRef};
use crate::workflow::{Accepted, How};

/// Series that one answer tells of at most.
const MOST: usize = 2_000;

/// A series with its instances, and whether its read stands.
type Told = (Content, Vec<ImageRef>, bool);

pub fn provenance(session: &Session, query: &ProvenanceOf) -> Result<ProvenanceView, EngineError> {
    let object = query.object.trim();
    let reader = session.engine.shared.catalog.read();
    let (snapshot, told) = found(&reader, object)?;
    if told.len() > MOST {
        let why = format!(
            "that is {} series, and one answer tells of {MOST}; `gantry export --snapshot` writes provenance.json",
            told.len()
        );
        return Err(EngineError::Conflict { why });
    }
    if told.is_empty() {
        return Err(EngineError::NotFound {
            what: "snapshot, study, series or read".into(),
            id: object.into(),
        });
    }
    let series: Vec<Series<'_>> = told
        .iter()
        .map(|(content, images, stands)| {
            let standing = content.standing.as_ref();
            Series {
                content,
                images,
                split: None,
                reader: standing.map(|s| s.reader.clone()),
                stands: *stands,
                by: standing.and_then(|s| s.by.clone()),
            }
        })
        .collect();
    let mut made = documents::Provenance::default();
    if let Some(snapshot) = &snapshot {
        made.snapshot(snapshot, &series);
    }
    series.iter().for_each(|series| made.series(series));
    Ok(ProvenanceView { document: made.json(), tree: documents::tree(&series) })
}

/// What an object is, in the order in which names are looked for: a snapshot, a series, a study, a read.
fn found(reader: &Reader<'_>, object: &str) -> Result<(Option<Snapshot>, Vec<Told>), CatalogError> {
    if let Some(record) = reader.snapshot(object)? {
        let all = frozen(reader, &record.name)?.into_iter().filter_map(|(_, series)| series.ok());
        let told = all.map(|series| (series.content, series.images, true)).collect();
        return Ok((Some(Snapshot::from(&record)), told));
    }
    if reader.series(object)?.is_some() {
        return Ok((None, now(reader, object)?.into_iter().collect()));
    }
    let of_study = reader.members(object)?;
    if !of_study.is_empty() {
        let mut told = Vec::new();
        for (series_uid, _, _) in of_study {
            told.extend(now(reader, &series_uid)?);
        }
        return Ok((None, told));
    }
    let read = object.strip_prefix("read-").unwrap_or(object).parse::<i64>();
    Ok((None, read.map_or(Ok(Vec::new()), |read| of_read(reader, read))?))
}

fn now(reader: &Reader<'_>, series_uid: &str) -> Result<Option<Told>, CatalogError> {
    Ok(content_now(reader, series_uid)?.map(|(content, images)| (content, images, true)))
}

/// The series that a read says something of.
fn of_read(reader: &Reader<'_>, read: i64) -> Result<Vec<Told>, CatalogError> {
    let Some(sitting) = reader.sitting(read)? else { return Ok(Vec::new()) };
    let rows = reader.labels_of(read)?;
    let series: std::collections::BTreeSet<String> =
        rows.into_iter().map(|row| row.read.item.series_uid).collect();
    let alone = Accepted { read, by: None, at_ms: sitting.at_ms, how: How::Single };
    let mut told = Vec::new();
    for series_uid in series {
        match now(reader, &series_uid)? {
            Some(now) if now.0.standing.as_ref().is_some_and(|s| s.read == read) => told.push(now),
            _ => {
                let one = content_with(reader, &series_uid, &alone)?;
                told.extend(one.map(|(content, images)| (content, images, false)));
            }
        }
    }
    Ok(told)
}
