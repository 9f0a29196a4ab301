//! Which series a label file lies on.

use std::collections::BTreeMap;

use super::super::labels::series_of;
use crate::convert::images;
use crate::engine::command::ImportReads;
use crate::engine::{EngineError, Session};
use crate::label::place::{Options, fit, own_grid, place};
use crate::label::{Image, LabelSet, Placed, Refused};
use crate::pipeline::{Loaded, Shared};

/// References that are looked up to find a label's series.
const ASKED_REFERENCES: usize = 64;

/// The series that a label lies on: by its references, by the series that it names, by what was said, by the name of the
/// file, else the only one with its voxels in its frame of reference. UIDs in the label become those of the series.
pub(super) fn home(
    shared: &Shared,
    set: &mut LabelSet,
    command: &ImportReads,
    parts: &BTreeMap<String, String>,
) -> Result<Option<(String, Image)>, EngineError> {
    let found = match named(shared, set, command, parts)? {
        Some(uid) => image_of(shared, &uid, set)?.map(|image| (uid, image)),
        None => by_voxels(shared, set)?,
    };
    let Some((uid, image)) = found else { return Ok(None) };
    in_its_terms(shared, set, &image);
    Ok(Some((uid, image)))
}

/// A label laid on a series that is known; refused where it was drawn on another one.
///
/// # Errors
/// The series cannot be read.
pub(in crate::engine::perform) fn placed_on(
    session: &Session,
    series_uid: &str,
    mut set: LabelSet,
    options: Options,
) -> Result<Result<Placed, Refused>, EngineError> {
    let shared = &session.engine.shared;
    if by_reference(shared, &set)?.is_some_and(|other| other != series_uid) {
        return Ok(Err(Refused::OtherImage));
    }
    let Some(image) = image_of(shared, series_uid, &set)? else { return Ok(Err(Refused::OtherImage)) };
    in_its_terms(shared, &mut set, &image);
    Ok(place(set, &image, options))
}

/// UIDs of a label become those of the series: the label names the originals, or what they became.
fn in_its_terms(shared: &Shared, set: &mut LabelSet, image: &Image) {
    let index = image.index();
    let knows = set.images().iter().any(|uid| index.has(uid));
    if !knows && set.frame_of_reference != image.frame_of_reference {
        set.map_uids(|uid| shared.deid.uid(uid));
    }
}

/// The series that a label or somebody names.
fn named(
    shared: &Shared,
    set: &LabelSet,
    command: &ImportReads,
    parts: &BTreeMap<String, String>,
) -> Result<Option<String>, EngineError> {
    if let Some(uid) = by_reference(shared, set)? {
        return Ok(Some(uid));
    }
    for uid in [set.series_uid.as_ref(), command.series.as_ref(), parts.get("series")].into_iter().flatten() {
        if let Some(uid) = series_of(shared, uid)? {
            return Ok(Some(uid));
        }
    }
    Ok(None)
}

/// The only series with the voxels of a label.
fn by_voxels(shared: &Shared, set: &LabelSet) -> Result<Option<(String, Image)>, EngineError> {
    let Ok(own) = own_grid(set) else { return Ok(None) };
    let frame = set.frame_of_reference.as_deref().map(|uid| shared.deid.uid(uid));
    let mut fitting = Vec::new();
    let candidates = shared.catalog.read().series_of_matrix(own.shape)?;
    for uid in candidates {
        let Some(image) = image_of(shared, &uid, set)? else { continue };
        let same = set.frame_of_reference.is_none()
            || image.frame_of_reference == frame
            || image.frame_of_reference == set.frame_of_reference;
        if same && fit(&own, &image.grid).is_ok() {
            fitting.push((uid, image));
        }
    }
    let only = fitting.pop();
    Ok(only.filter(|_| fitting.is_empty()))
}

/// The series of most of the instances that a label refers to.
fn by_reference(shared: &Shared, set: &LabelSet) -> Result<Option<String>, EngineError> {
    let mut votes: BTreeMap<String, usize> = BTreeMap::new();
    let named = set.images();
    let step = (named.len() / ASKED_REFERENCES).max(1);
    let reader = shared.catalog.read();
    for uid in named.into_iter().step_by(step) {
        let mut series = reader.series_of_instance(uid)?;
        if series.is_none() {
            series = reader.series_of_instance(&shared.deid.uid(uid))?;
        }
        if let Some(series) = series {
            *votes.entry(series).or_default() += 1;
        }
    }
    Ok(votes.into_iter().max_by_key(|(_, votes)| *votes).map(|(series, _)| series))
}

/// The image of a series that a label lies on: of several stacks the one that it refers to, else that it fits, else the
/// largest.
fn image_of(shared: &Shared, series_uid: &str, set: &LabelSet) -> Result<Option<Image>, EngineError> {
    let instances = shared.catalog.read().instances(series_uid)?;
    let loaded = Loaded::read(shared, &instances).map_err(|e| EngineError::Storage { why: e.to_string() })?;
    let stacks = loaded.series.stacks.iter();
    let all: Vec<Image> =
        stacks.flat_map(|stack| images(&loaded.series, stack, &|_| None)).map(|(image, _)| image).collect();
    let names = set.images();
    let referred = |image: &Image| {
        let index = image.index();
        names.iter().filter(|uid| index.has(uid) || index.has(&shared.deid.uid(uid))).count()
    };
    let own = own_grid(set).ok();
    let fits = |image: &Image| own.is_some_and(|own| fit(&own, &image.grid).is_ok());
    Ok(all.into_iter().max_by_key(|image| (referred(image), fits(image), image.slices.len())))
}
