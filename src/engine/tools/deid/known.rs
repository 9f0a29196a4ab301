//! The first pass over a tree: whom the instances of each study name, so that no other instance of it says them.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{DeidError, Walk, in_order};
use crate::bulk::{LARGE, NoRoom, Scratch};
use crate::catalog::KnownIdentifiers;
use crate::deid::{Deidentifier, Kind, Known, Named};
use crate::dicom::{self, Contents, ReadError, ReadOptions};
use crate::source::Item;

/// Instances whose names are put down together.
const AT_ONCE: usize = 512;
/// Studies of which the answer is kept at hand.
const AT_HAND: usize = 64;

/// What every study of a tree names.
#[derive(Debug)]
pub struct StudyNames {
    all: KnownIdentifiers,
    at_hand: Mutex<HashMap<String, Arc<[(Kind, String)]>>>,
}

impl StudyNames {
    /// Reads the headers of a tree.
    pub fn gather(deidentifier: &Deidentifier, walk: Walk, scratch: Scratch<'_>) -> Result<Self, DeidError> {
        let all = KnownIdentifiers::temporary().map_err(|_| DeidError::Known)?;
        let mut gathered: Vec<Named> = Vec::with_capacity(AT_ONCE);
        let put = |gathered: &mut Vec<Named>| {
            let rows = gathered.iter().flat_map(|n| {
                n.identifiers.iter().map(|(kind, value)| (&*n.study_uid, kind.code(), &**value))
            });
            all.put(rows).map_err(|_| DeidError::Known)?;
            gathered.clear();
            Ok(())
        };
        // A defect in reading one file must not take the others with it.
        let named = |item: &Item| {
            catch_unwind(AssertUnwindSafe(|| named(deidentifier, item, scratch))).unwrap_or(Ok(None))
        };
        in_order(walk, named, |_, named| {
            // What one file names nobody else would know: that is no matter of this file alone.
            gathered.extend(named.map_err(|NoRoom(kind)| DeidError::Output(kind))?);
            if gathered.len() < AT_ONCE { Ok(()) } else { put(&mut gathered) }
        })?;
        put(&mut gathered)?;
        Ok(Self { all, at_hand: Mutex::default() })
    }
}

/// Whom an instance names; only the header of a small file is read, and of a large one what is small.
fn named(deidentifier: &Deidentifier, item: &Item, scratch: Scratch<'_>) -> Result<Option<Named>, NoRoom> {
    match item {
        Item::File(path) if item.bytes() < LARGE => {
            Ok(dicom::with_header(path, |file, _| deidentifier.named(&file.dataset)).ok().flatten())
        }
        Item::File(_) | Item::Member(..) => {
            let contents = match item.open(scratch) {
                Ok(bytes) => Contents::of(bytes, scratch),
                Err(error) => return error.no_room().map_or(Ok(None), Err),
            };
            match contents.read(ReadOptions { header_only: true, partial: false }) {
                Ok(file) => Ok(deidentifier.named(&file.dataset)),
                Err(ReadError::NoRoom(no_room)) => Err(no_room),
                Err(_) => Ok(None),
            }
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
