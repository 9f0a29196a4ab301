//! The first pass over a tree: whom the instances of each study name, so that no other instance of it says them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::{HashMap, HashSet};

use super::{DeidError, Kept, Walk, in_order};
use crate::bytes::{ByteSource, NoRoom, SpillConfig};
use crate::deid::{Deidentifier, Kind, Known, Named};
use crate::dicom::{self, Contents, ReadError, ReadOptions};
use crate::landing::KnownIdentifiers;
use crate::source::{Item, Opened, open};

/// Identifiers that are put down together.
const AT_ONCE: usize = 4096;
/// Identifiers, and studies, that are remembered so that they are put down once.
const MOST_SEEN: usize = 64 << 10;
/// Studies of which the answer is kept at hand.
const AT_HAND: usize = 64;

/// What every study of a tree names.
#[derive(Debug)]
pub struct IdentifierStore {
    all: KnownIdentifiers,
    at_hand: Mutex<HashMap<String, Arc<[(Kind, String)]>>>,
}

impl IdentifierStore {
    /// Reads the headers of a tree, and keeps what `kept` has room for.
    pub fn gather(
        deidentifier: &Deidentifier,
        walk: Walk,
        scratch: SpillConfig<'_>,
        kept: &Kept,
    ) -> Result<Self, DeidError> {
        let all = KnownIdentifiers::temporary().map_err(|_| DeidError::Known)?;
        let mut gathered = Gathered::default();
        // A defect in reading one file must not take the others with it.
        let named = |item: &Item| {
            catch_unwind(AssertUnwindSafe(|| named(deidentifier, item, scratch, kept))).unwrap_or(Ok(None))
        };
        in_order(walk, named, |_, named| {
            // What one file names nobody else would know: that is no matter of this file alone.
            gathered.take(named.map_err(|NoRoom(kind)| DeidError::Output(kind))?);
            if gathered.new.len() < AT_ONCE { Ok(()) } else { gathered.put(&all) }
        })?;
        gathered.put(&all)?;
        Ok(Self { all, at_hand: Mutex::default() })
    }
}

/// Identifiers on their way to the database. The usual instance names nothing that others of its study have not named.
#[derive(Default)]
struct Gathered {
    new: Vec<(String, Kind, String)>,
    /// Those of the last studies, put down or about to be.
    seen: HashMap<String, HashSet<(Kind, String)>>,
    values: usize,
}

impl Gathered {
    fn take(&mut self, named: Option<Named>) {
        let Some(Named { study_uid, identifiers, .. }) = named else { return };
        if self.values >= MOST_SEEN || self.seen.len() >= MOST_SEEN {
            (self.seen, self.values) = (HashMap::default(), 0);
        }
        if !self.seen.contains_key(&study_uid) {
            self.seen.insert(study_uid.clone(), HashSet::default());
        }
        let Some(seen) = self.seen.get_mut(&study_uid) else { return };
        for identifier in identifiers {
            if !seen.contains(&identifier) {
                self.values += 1;
                self.new.push((study_uid.clone(), identifier.0, identifier.1.clone()));
                seen.insert(identifier);
            }
        }
    }

    fn put(&mut self, all: &KnownIdentifiers) -> Result<(), DeidError> {
        let rows = self.new.iter().map(|(study, kind, value)| (&**study, kind.code(), &**value));
        all.put(rows).map_err(|_| DeidError::Known)?;
        self.new.clear();
        Ok(())
    }
}

/// Whom an instance names; only the header of a small file is read, and of a large one what is small.
fn named(
    deidentifier: &Deidentifier,
    item: &Item,
    scratch: SpillConfig<'_>,
    kept: &Kept,
) -> Result<Option<Named>, NoRoom> {
    let opened = match item {
        Item::File(path) => match open(path) {
            Ok(Opened::Small(mut file, length)) => {
                if let Some(bytes) = kept.read(&mut file, length) {
                    let header = ReadOptions { header_only: true, partial: false };
                    let named = dicom::read(&bytes, header).map(|file| deidentifier.named(&file.dataset));
                    kept.keep(path, bytes);
                    return Ok(named.ok().flatten());
                }
                let named = dicom::header_of(&mut file, |file, _| deidentifier.named(&file.dataset));
                return Ok(named.ok().flatten());
            }
            Ok(Opened::Large(extent)) => Ok(ByteSource::Stored(extent)),
            Err(error) => Err(error),
        },
        Item::Member(..) | Item::Bytes(..) => item.open(scratch),
    };
    let contents = match opened {
        Ok(bytes) => Contents::of(bytes, scratch),
        Err(error) => return error.no_room().map_or(Ok(None), Err),
    };
    match contents.read(ReadOptions { header_only: true, partial: false }) {
        Ok(file) => Ok(deidentifier.named(&file.dataset)),
        Err(ReadError::NoRoom(no_room)) => Err(no_room),
        Err(_) => Ok(None),
    }
}

impl Known for IdentifierStore {
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
