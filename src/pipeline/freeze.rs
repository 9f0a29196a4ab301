//! What a snapshot holds of a series, put together from the catalog: attributes, images and accepted labels, by reference.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::Shared;
use super::casework::structures_of;
use crate::catalog::{
    Candidate, CatalogError, Filter, NewContent, NewRead, Rated, Reader, SeriesRecord, VALUE,
};
use crate::snapshot::{Content, FrozenLabel, ImageList, ImageRef, LabelState, Member, Standing};
use crate::workflow::{Accepted, StructurePlan};

/// Contents that are kept in one transaction.
const AT_ONCE: usize = 64;

/// A series as a snapshot has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    /// Its line of the snapshot; without a split so far.
    pub member: Member,
    /// What is held of it.
    pub content: Content,
}

/// A series that is not in a snapshot, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFrozen {
    /// The series.
    pub series_uid: String,
    /// `withdrawn` or `to_be_cleaned`.
    pub kind: &'static str,
    /// Why, in words.
    pub reason: String,
}

/// Plans by their versions: their structures and their digests.
type Plans = HashMap<u32, (BTreeMap<String, StructurePlan>, String)>;

/// Series with accepted labels that match a query, frozen, in the order of their UIDs; and those that are left out. What is
/// known of just this revision of a series is not put together anew; what is put together is kept for the next where `keeps`.
///
/// # Errors
/// The catalog refuses.
pub fn freeze(
    shared: &Shared,
    filter: Option<&Filter>,
    keeps: bool,
) -> Result<(Vec<Frozen>, Vec<NotFrozen>), CatalogError> {
    let reader = shared.catalog.read();
    let asked: Option<HashSet<String>> = match filter {
        Some(filter) => Some(reader.series_uids(filter)?.into_iter().collect()),
        None => None,
    };
    let (mut frozen, mut left_out, mut new) = (Vec::new(), Vec::new(), Vec::new());
    let mut plans = Plans::new();
    for candidate in reader.candidates_for_snapshot()? {
        if asked.as_ref().is_some_and(|asked| !asked.contains(&candidate.series_uid)) {
            continue;
        }
        if let Some((kind, reason)) = obstacle(shared, &candidate)? {
            left_out.push(NotFrozen { series_uid: candidate.series_uid, kind, reason });
            continue;
        }
        if let Some(known) = known(&reader, &candidate)? {
            frozen.push(known);
            continue;
        }
        let Some((content, images)) = content_of(&reader, &candidate.series_uid, &mut plans)? else {
            continue;
        };
        let made = kept(shared, &candidate, &content, &images)?;
        frozen.push(Frozen { member: member(&content, made.digest), content });
        if !keeps {
            continue;
        }
        new.push(made);
        if new.len() >= AT_ONCE {
            keep(shared, &mut new)?;
        }
    }
    drop(reader);
    keep(shared, &mut new)?;
    Ok((frozen, left_out))
}

/// Content that no snapshot names does no harm: the next one finds it.
fn keep(shared: &Shared, new: &mut Vec<NewContent>) -> Result<(), CatalogError> {
    if new.is_empty() {
        return Ok(());
    }
    shared.catalog.write_derived(|tx| new.iter().try_for_each(|content| tx.put_content(content)))?;
    new.clear();
    Ok(())
}

fn obstacle(shared: &Shared, candidate: &Candidate) -> Result<Option<(&'static str, String)>, CatalogError> {
    if candidate.is_withdrawn {
        return Ok(Some(("withdrawn", "its subject has withdrawn".into())));
    }
    if !shared.known.is_clean(&candidate.study_uid, &shared.catalog)? {
        let why = "to be cleaned of what another instance of its study names (job clean)";
        return Ok(Some(("to_be_cleaned", why.into())));
    }
    Ok(None)
}

/// What is kept of just this revision and read.
fn known(reader: &Reader<'_>, candidate: &Candidate) -> Result<Option<Frozen>, CatalogError> {
    let Some(digest) = candidate.known else { return Ok(None) };
    let Some(stored) = reader.content(&digest)? else { return Ok(None) };
    if Content::digest(&stored.salt, &stored.content) != digest {
        return Ok(None);
    }
    let content: Content = serde_json::from_str(&stored.content)?;
    Ok(Some(Frozen { member: member(&content, digest), content }))
}

fn member(content: &Content, digest: crate::audit::Hash) -> Member {
    Member {
        series_uid: content.series_uid.clone(),
        subject: content.subject.clone(),
        site: content.site.clone(),
        split: None,
        digest,
    }
}

fn kept(
    shared: &Shared,
    candidate: &Candidate,
    content: &Content,
    images: &[ImageRef],
) -> Result<NewContent, CatalogError> {
    let canonical = content.canonical()?;
    let salt = shared.deid.salt(&canonical);
    Ok(NewContent {
        digest: Content::digest(&salt, &canonical),
        series_uid: candidate.series_uid.clone(),
        revision: candidate.revision,
        read: candidate.read,
        salt,
        content: canonical,
        images: ImageList::of(images).bytes().to_vec(),
    })
}

/// What a snapshot would hold of a series now, with its images.
///
/// # Errors
/// The catalog refuses.
pub fn content_now(
    reader: &Reader<'_>,
    series_uid: &str,
) -> Result<Option<(Content, Vec<ImageRef>)>, CatalogError> {
    content_of(reader, series_uid, &mut Plans::new())
}

/// The same with one read of the series, whether it stands or not.
///
/// # Errors
/// The catalog refuses.
pub fn content_with(
    reader: &Reader<'_>,
    series_uid: &str,
    read: &Accepted,
) -> Result<Option<(Content, Vec<ImageRef>)>, CatalogError> {
    let Some(series) = reader.series(series_uid)? else { return Ok(None) };
    let images = reader.image_refs(series_uid)?;
    let standing = standing(reader, series_uid, read, &mut Plans::new())?;
    Ok(Some((content(series, &images, standing), images)))
}

fn content_of(
    reader: &Reader<'_>,
    series_uid: &str,
    plans: &mut Plans,
) -> Result<Option<(Content, Vec<ImageRef>)>, CatalogError> {
    let Some(series) = reader.series(series_uid)? else { return Ok(None) };
    let images = reader.image_refs(series_uid)?;
    let accepted = reader.case_of_series(series_uid)?.and_then(|case| case.accepted);
    let standing = match &accepted {
        Some(accepted) => standing(reader, series_uid, accepted, plans)?,
        None => None,
    };
    Ok(Some((content(series, &images, standing), images)))
}

fn content(series: SeriesRecord, images: &[ImageRef], standing: Option<Standing>) -> Content {
    Content {
        series_uid: series.uid,
        study_uid: series.study_uid,
        subject: series.subject,
        site: series.site,
        modality: series.modality,
        manufacturer: series.manufacturer,
        model: series.model,
        study_date: series.study_date,
        number: series.number,
        matrix: series.matrix,
        frames: series.frames,
        harmonised: series.harmonised,
        instances: images.len() as u64,
        bytes: images.iter().map(|i| i.bytes).sum(),
        images: ImageList::of(images).sha256(),
        standing,
    }
}

/// What stands of a series, with its labels.
fn standing(
    reader: &Reader<'_>,
    series_uid: &str,
    accepted: &Accepted,
    plans: &mut Plans,
) -> Result<Option<Standing>, CatalogError> {
    let Some(sitting) = reader.sitting(accepted.read)? else { return Ok(None) };
    let (structures, plan_digest) = match sitting.plan_version {
        Some(version) => plan(reader, version, plans)?,
        None => (None, None),
    };
    let document = match sitting.plan_version {
        Some(version) => reader.document_at(version, &sitting.guideline)?,
        None => None,
    };
    let rows = reader.labels_of(accepted.read)?.into_iter().map(|row| row.read);
    let of_series = rows.filter(|read| read.item.series_uid == series_uid);
    let mut labels: Vec<FrozenLabel> = of_series
        .map(|read| {
            let planned = structures.and_then(|s| s.get(&read.structure));
            label(read, planned)
        })
        .collect();
    labels.sort_by(|a, b| (&a.structure, a.instance).cmp(&(&b.structure, b.instance)));
    Ok(Some(Standing {
        read: accepted.read,
        how: accepted.how,
        by: accepted.by.clone(),
        at_ms: accepted.at_ms,
        reader: sitting.reader,
        read_ms: sitting.at_ms,
        seconds: sitting.seconds,
        guideline: sitting.guideline,
        document,
        plan_version: sitting.plan_version,
        plan_digest,
        labels,
    }))
}

/// Structures and digest of a version of the plan.
fn plan<'p>(
    reader: &Reader<'_>,
    version: u32,
    plans: &'p mut Plans,
) -> Result<(Option<&'p BTreeMap<String, StructurePlan>>, Option<String>), CatalogError> {
    let found = match plans.entry(version) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let Some(record) = reader.plan_at(version)? else { return Ok((None, None)) };
            place.insert((structures_of(&record), record.digest))
        }
    };
    Ok((Some(&found.0), Some(found.1.clone())))
}

fn label(read: NewRead, planned: Option<&StructurePlan>) -> FrozenLabel {
    let (mut measured, mut value) = (BTreeMap::new(), None);
    for (name, said) in read.values {
        match said {
            Rated::Number(number) if name != VALUE => {
                measured.insert(name, number);
            }
            Rated::Number(number) => value = Some(number.into()),
            Rated::Category(word) => value = Some(word.into()),
        }
    }
    FrozenLabel {
        structure: read.structure,
        instance: read.item.name.strip_prefix('#').and_then(|n| n.parse().ok()),
        code: planned.and_then(|p| p.code.clone()),
        kind: planned.map(|p| p.kind),
        state: if read.nothing { LabelState::None } else { LabelState::Found },
        value,
        unit: planned.and_then(|p| p.unit.clone()),
        measured,
        drawn: read.label,
    }
}
