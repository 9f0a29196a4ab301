//! The first pass over a tree: whom the instances of each study name, so that no other instance of it says them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::{DeidError, Walk};
use crate::bulk::{LARGE, Scratch};
use crate::catalog::KnownIdentifiers;
use crate::deid::{Deidentifier, Kind, Known, Named};
use crate::dicom::{self, Contents, ReadOptions};
use crate::source::Item;

/// Studies of which the answer is kept at hand.
const AT_HAND: usize = 64;

/// What every study of a tree names.
#[derive(Debug)]
pub struct StudyNames {
    all: KnownIdentifiers,
    at_hand: Mutex<HashMap<String, Arc<[(Kind, String)]>>>,
}

impl StudyNames {
    /// Reads the headers of a tree, batch by batch.
    pub fn gather(deidentifier: &Deidentifier, mut walk: Walk) -> Result<Self, DeidError> {
        let all = KnownIdentifiers::temporary().map_err(|_| DeidError::Known)?;
        loop {
            let batch = walk.batch();
            if batch.is_empty() {
                return Ok(Self { all, at_hand: Mutex::default() });
            }
            let named: Vec<Named> = batch
                .par_iter()
                .filter_map(|item| {
                    // A defect in reading one file must not take the others with it.
                    std::panic::catch_unwind(|| named(deidentifier, item)).ok().flatten()
                })
                .collect();
            let rows = named.iter().flat_map(|n| {
                n.identifiers.iter().map(|(kind, value)| (&*n.study_uid, kind.code(), &**value))
            });
            all.put(rows).map_err(|_| DeidError::Known)?;
        }
    }
}

/// Whom an instance names; only the header of a small file is read, and of a large one what is small.
fn named(deidentifier: &Deidentifier, item: &Item) -> Option<Named> {
    match item {
        Item::File(path) if item.bytes() < LARGE => {
            dicom::with_header(path, |file, _| deidentifier.named(&file.dataset)).ok().flatten()
        }
        Item::File(_) | Item::Member(..) => {
            let contents = Contents::of(item.open(Scratch::default()).ok()?);
            let file = contents.read(ReadOptions { header_only: true, partial: false }).ok()?;
            deidentifier.named(&file.dataset)
        }
    }
}

impl Known for StudyNames {
    fn of(&self, study_uid: &str) -> Option<Arc<[(Kind, String)]>> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = at_hand.get(study_uid) {
            return Some(found.clone());
        }
        let rows = self.all.of(study_uid).ok()?;
        let found: Arc<[(Kind, String)]> =
            rows.into_iter().filter_map(|(kind, value)| Some((Kind::of_code(kind)?, value))).collect();
        if at_hand.len() >= AT_HAND {
            at_hand.clear();
        }
        at_hand.insert(study_uid.to_string(), found.clone());
        Some(found)
    }
}
