//! Whom and what the studies of the workspace name: learned from every instance before it is judged, so that a name
//! that is a person in one instance is no bare word in the next, whatever the order in which they come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Shared, now_ms};
use crate::catalog::{Catalog, CatalogError, NewInstance, Tx};
use crate::deid::{Kind, Known};
use crate::landing::{KnownIdentifiers, StudyKnown, StudyPerson};
use crate::model::Person;

/// Studies kept at hand, at most.
const STUDIES_AT_HAND: usize = 256;
/// Values of all of them, at most.
const VALUES_AT_HAND: usize = 64 << 10;

/// What the studies of the workspace name.
pub struct IdentifierStore {
    all: KnownIdentifiers,
    /// Also held while something new is learned: what is at hand never goes back to an earlier generation.
    at_hand: Mutex<AtHand>,
    /// The study and the person of the latest instance.
    latest_person: Mutex<Option<(String, Person)>>,
}

#[derive(Default)]
struct AtHand {
    studies: HashMap<String, StudyIdentifiers>,
    values: usize,
}

/// What one study names at one moment. It identifies: it is held in memory and on the landing side alone.
#[derive(Debug, Clone, Default)]
pub struct StudyIdentifiers {
    /// Rises when an instance names something new; 0 where nothing was ever named.
    pub generation: i64,
    /// Whom and what, in order.
    pub identifiers: Arc<[(Kind, String)]>,
    /// Nobody has looked yet which stored instances this generation concerns.
    pending_reclean: bool,
}

/// What was learned of the study of an instance on its way.
#[derive(Debug, Clone)]
pub struct Learned {
    /// The remapped study UID.
    pub study_uid: String,
    /// What the study names.
    pub names: StudyIdentifiers,
}

impl StudyIdentifiers {
    fn of(known: StudyKnown) -> Self {
        let values = known.values.into_iter();
        let mut identifiers: Vec<(Kind, String)> =
            values.filter_map(|(kind, value)| Some((Kind::of_code(kind)?, value))).collect();
        identifiers.sort_unstable();
        Self {
            generation: known.generation,
            identifiers: identifiers.into(),
            pending_reclean: known.pending_reclean,
        }
    }

    /// Whether all of this is known.
    fn hold(&self, named: &[(Kind, String)]) -> bool {
        named.iter().all(|n| self.identifiers.binary_search(n).is_ok())
    }
}

impl Known for StudyIdentifiers {
    fn of(&self, _: &str) -> Option<Arc<[(Kind, String)]>> {
        Some(self.identifiers.clone())
    }
}

impl IdentifierStore {
    /// On top of what is kept on the landing side.
    pub fn new(all: KnownIdentifiers) -> Self {
        Self { all, at_hand: Mutex::default(), latest_person: Mutex::default() }
    }

    /// What a study names.
    ///
    /// # Errors
    /// The landing side cannot be read.
    pub fn of(&self, study_uid: &str) -> Result<StudyIdentifiers, CatalogError> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner).of(&self.all, study_uid)
    }

    /// Whether what a study names has been looked for in all that is stored of it.
    ///
    /// # Errors
    /// The landing side or the catalog cannot be read.
    pub fn is_clean(&self, study_uid: &str, catalog: &Catalog) -> Result<bool, CatalogError> {
        let names = self.of(study_uid)?;
        let reader = catalog.read();
        Ok(!names.pending_reclean
            && !reader.is_behind(study_uid, names.generation)?
            && !reader.has_job(super::clean::STAGE, study_uid)?)
    }

    /// Adds what an instance names, and says what its study names then. The usual instance names nothing new: that
    /// costs neither a query nor a write.
    ///
    /// # Errors
    /// The landing side, or the catalog, cannot be used; the instance must not be judged then.
    pub fn learn(
        &self,
        study_uid: String,
        named: &[(Kind, String)],
        catalog: &Catalog,
    ) -> Result<Learned, CatalogError> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = at_hand.of(&self.all, &study_uid)?;
        if !names.hold(named) {
            let values: Vec<(u8, &str)> = named.iter().map(|(kind, value)| (kind.code(), &**value)).collect();
            let floor = || catalog.read().latest_known(&study_uid);
            names = StudyIdentifiers::of(self.all.learn(&study_uid, &values, floor)?);
            at_hand.keep(&study_uid, &names);
        }
        Ok(Learned { study_uid, names })
    }

    /// Forgets a study and its people.
    ///
    /// # Errors
    /// The landing side cannot be written.
    pub fn forget_study(&self, study_uid: &str) -> Result<(), CatalogError> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        self.all.forget_study(study_uid)?;
        *at_hand = AtHand::default();
        Ok(())
    }

    /// Notes who the subject of a stored instance is said to be; the usual instance says what the one before it said.
    ///
    /// # Errors
    /// The landing side cannot be used; the instance must not be stored then.
    pub fn learn_person(&self, instance: &NewInstance, person: &Person) -> Result<(), CatalogError> {
        let mut latest = self.latest_person.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_some_and(|(study, said)| *study == instance.study_uid && said == person) {
            return Ok(());
        }
        let of = (&*instance.subject, &*instance.site);
        self.all.learn_person(&instance.study_uid, of, person)?;
        *latest = Some((instance.study_uid.clone(), person.clone()));
        Ok(())
    }

    /// Everybody whom studies under this pseudonym, or this study, are said to be about.
    ///
    /// # Errors
    /// The landing side cannot be read.
    pub fn people(&self, subject_or_study: &str) -> Result<Vec<StudyPerson>, CatalogError> {
        self.all.people(subject_or_study)
    }

    /// Studies whose subject has the name and birth date of this study's, at its site.
    ///
    /// # Errors
    /// The landing side cannot be read.
    pub fn namesakes(&self, study_uid: &str) -> Result<Vec<StudyPerson>, CatalogError> {
        self.all.namesakes(study_uid)
    }

    /// Whoever asked for what follows from these is done: nothing is owed for them.
    fn settle(&self, studies: &[(String, i64)]) -> Result<(), CatalogError> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        for (study_uid, generation) in studies {
            self.all.settle(study_uid, *generation)?;
            if let Some(names) = at_hand.studies.get_mut(study_uid)
                && names.generation == *generation
            {
                names.pending_reclean = false;
            }
        }
        Ok(())
    }

    /// Writes a copy of all of it to `to`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn backup(&self, to: &std::path::Path) -> Result<(), CatalogError> {
        self.all.backup(to)
    }
}

impl AtHand {
    fn of(&mut self, all: &KnownIdentifiers, study_uid: &str) -> Result<StudyIdentifiers, CatalogError> {
        if let Some(names) = self.studies.get(study_uid) {
            return Ok(names.clone());
        }
        let names = StudyIdentifiers::of(all.study(study_uid)?);
        self.keep(study_uid, &names);
        Ok(names)
    }

    fn keep(&mut self, study_uid: &str, names: &StudyIdentifiers) {
        if self.studies.len() >= STUDIES_AT_HAND || self.values >= VALUES_AT_HAND {
            *self = Self::default();
        }
        self.values += names.identifiers.len();
        if let Some(before) = self.studies.insert(study_uid.to_string(), names.clone()) {
            self.values -= before.identifiers.len();
        }
    }
}

/// The studies of a batch, each with the latest generation of what it names, and whether that is owed.
pub struct Latest(Vec<(String, i64, bool)>);

impl Latest {
    /// Of instances on their way: what any of them, or one that is still to come, has taught.
    ///
    /// # Errors
    /// The landing side cannot be read.
    pub fn of<'a>(shared: &Shared, learned: impl Iterator<Item = &'a Learned>) -> Result<Self, CatalogError> {
        let studies: std::collections::BTreeSet<&str> = learned.map(|l| &*l.study_uid).collect();
        let of = |uid: &str| {
            shared.known.of(uid).map(|names| (uid.to_string(), names.generation, names.pending_reclean))
        };
        Ok(Self(studies.into_iter().map(of).collect::<Result<_, _>>()?))
    }

    /// Whether something was learned that must be on the disk before what follows from it.
    pub fn is_reclean_pending(&self) -> bool {
        self.0.iter().any(|(.., pending_reclean)| *pending_reclean)
    }

    /// Asks for the stage `clean` where a stored instance is behind its study.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn enqueue(&self, tx: &Tx<'_>, not_before_ms: i64, now: i64) -> Result<(), CatalogError> {
        for (uid, generation, _) in &self.0 {
            if tx.is_behind(uid, *generation)? {
                tx.enqueue(super::clean::STAGE, uid, not_before_ms, now)?;
            }
        }
        Ok(())
    }

    /// It was asked for, and is on the disk.
    pub fn settle(&self, shared: &Shared) {
        let pending_reclean: Vec<(String, i64)> =
            self.0.iter().filter(|l| l.2).map(|(uid, generation, _)| (uid.clone(), *generation)).collect();
        // Left owed it is asked for once more at the next start.
        if let Err(error) = shared.known.settle(&pending_reclean) {
            tracing::warn!("what studies name: {error}");
        }
    }
}

/// At start: asks for what a kill left owed between learning and committing, and takes away what was cleaned away and
/// could not leave.
///
/// # Errors
/// The landing side or the catalog cannot be used.
pub fn resume_pending(shared: &Shared) -> Result<(), CatalogError> {
    super::replace::forget(shared);
    let pending_reclean = shared.known.all.pending_reclean()?;
    if pending_reclean.is_empty() {
        return Ok(());
    }
    let latest =
        Latest(pending_reclean.into_iter().map(|(uid, generation)| (uid, generation, true)).collect());
    let now = now_ms();
    shared.catalog.write(|tx| latest.enqueue(tx, now, now))?;
    latest.settle(shared);
    Ok(())
}
