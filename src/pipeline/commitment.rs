//! Whether an instance that a sender names is held safely: in the store, in quarantine, or still on the landing side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Shared;
use super::landed::Landed;
use crate::bytes::SpillConfig;
use crate::dicom::{Contents, ReadOptions};
use crate::model::tags;
use crate::net::Reference;
use crate::source::{Arrivals, open_file};

/// Where an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Here, safely.
    Held,
    /// Here, as another class than was named.
    OtherClass,
    /// Not here.
    Unknown,
}

/// Where each of these instances is, by the UIDs that their sender gave them.
pub fn held(shared: &Shared, references: &[Reference]) -> Vec<Place> {
    let mut places: Vec<Place> = references.iter().map(|reference| stored(shared, reference)).collect();
    let is_missing = |place: &Place| *place == Place::Unknown;
    if places.iter().any(is_missing) {
        let landed = landed(shared, references);
        for (place, reference) in places.iter_mut().zip(references).filter(|(place, _)| is_missing(place)) {
            *place = match landed.get(&*reference.sop_uid) {
                Some(classes) if classes.contains(&reference.sop_class) => Place::Held,
                Some(_) => Place::OtherClass,
                // It may have been stored between the two looks.
                None => stored(shared, reference),
            };
        }
    }
    places
}

fn stored(shared: &Shared, reference: &Reference) -> Place {
    let rows = shared.catalog.read().stored_rows_of(&shared.deid.uid(&reference.sop_uid)).unwrap_or_default();
    let mut place = Place::Unknown;
    for row in rows {
        let Ok(bytes) = shared.store.open_verified(&row.blob) else { continue };
        let contents = Contents::of(bytes, SpillConfig::default());
        match named(&contents) {
            Some((class, _)) if class == reference.sop_class => return Place::Held,
            _ => place = Place::OtherClass,
        }
    }
    place
}

/// Classes by UID of those among `references` that lie on the landing side.
fn landed(shared: &Shared, references: &[Reference]) -> BTreeMap<String, BTreeSet<String>> {
    let wanted: BTreeSet<&str> = references.iter().map(|reference| &*reference.sop_uid).collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    each_landed(shared, &mut |path, _| {
        if let Some((class, uid)) = named_at(path)
            && wanted.contains(&*uid)
        {
            found.entry(uid).or_default().insert(class);
        }
    });
    found
}

/// Why something lies on the landing side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// It has come over a network and is on its way.
    Arrived,
    /// It has come over a network and was rejected.
    Rejected,
    /// Somebody has to decide on it.
    Quarantined,
}

/// What lies on the landing side, by the UIDs of its sender.
#[derive(Debug, Default)]
pub struct Landings {
    /// Instances.
    pub instances: BTreeMap<String, Landing>,
    /// Instances of each study.
    pub studies: BTreeMap<String, u64>,
    /// Files that were rejected: they are not here, and another of them may be whole.
    pub rejected: BTreeMap<String, PathBuf>,
}

/// What lies on the landing side.
pub fn on_the_landing_side(shared: &Shared) -> Landings {
    let mut all = Landings::default();
    each_landed(shared, &mut |path, landing| {
        let Some(contents) = open_file(path).ok().map(|bytes| Contents::of(bytes, SpillConfig::default()))
        else {
            return;
        };
        let Ok(file) = contents.read(ReadOptions { header_only: true, ..ReadOptions::default() }) else {
            return;
        };
        let uid = |tag| file.dataset.ascii(tag).map(|uid| uid.trim_end_matches(['\0', ' ']).to_owned());
        let Some(instance) = uid(tags::SOP_INSTANCE_UID) else { return };
        if landing == Landing::Rejected {
            all.rejected.insert(instance, path.into());
            return;
        }
        if all.instances.insert(instance, landing).is_none()
            && let Some(study) = uid(tags::STUDY_INSTANCE_UID)
        {
            *all.studies.entry(study).or_default() += 1;
        }
    });
    all
}

/// Whether an instance is stored and its file is there, by the UID of its sender.
pub fn is_stored(shared: &Shared, uid: &str) -> bool {
    let rows = shared.catalog.read().stored_rows_of(&shared.deid.uid(uid)).unwrap_or_default();
    rows.iter().any(|row| shared.store.locate(&row.blob).is_ok_and(|path| path.is_file()))
}

/// Every file that has come over a network and is not stored, and every one in quarantine.
fn each_landed(shared: &Shared, look: &mut dyn FnMut(&Path, Landing)) {
    for landed in Landed::all(shared) {
        for path in Arrivals::list(&landed.folder).unwrap_or_default() {
            let row = shared.map.row(&landed.inbox, &path.to_string_lossy()).ok().flatten();
            let is_rejected = row.is_some_and(|row| row.file.status == "rejected");
            look(&path, if is_rejected { Landing::Rejected } else { Landing::Arrived });
        }
    }
    let aside = std::fs::read_dir(&shared.quarantine).into_iter().flatten().flatten();
    aside
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .for_each(|path| look(&path, Landing::Quarantined));
}

/// SOP class and SOP instance UID of a file on the landing side.
pub fn named_at(path: &Path) -> Option<(String, String)> {
    named(&Contents::of(open_file(path).ok()?, SpillConfig::default()))
}

/// SOP class and SOP instance UID of a file.
fn named(contents: &Contents<'_>) -> Option<(String, String)> {
    let file = contents.read(ReadOptions { header_only: true, ..ReadOptions::default() }).ok()?;
    let text = |tag| file.dataset.ascii(tag).map(|uid| uid.trim_end_matches(['\0', ' ']).to_owned());
    Some((text(tags::SOP_CLASS_UID)?, text(tags::SOP_INSTANCE_UID)?))
}
