//! Reprocess: stored instances are brought under the profile in force. From their sources where these are still there;
//! else from what is stored, where the profile only takes away more than the one under which it was stored.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::Shared;
use super::deidentify::{Deidentify, Verdict, explain_reason};
use super::replace::{Act, Swap, replace};
use super::sources::{Source, Sources};
use super::stage::StageError;
use crate::blob::{BlobError, Staged};
use crate::catalog::{Described, LedgerLine, Replacement, StoredInstance};
use crate::deid::{CleanedAgain, Context, Profile, Uncleaned, drawn_by_person};
use crate::dicom::{Contents, ReadOptions};
use crate::model::{Drawing, Vetting, tags};

/// The action of a batch in the trail.
pub const BATCH: &str = "deid.reprocess.batch";
/// Instances of one transaction.
const AT_ONCE: usize = 64;
/// Bytes of them, beyond which no further one is taken up.
const BYTES_AT_ONCE: u64 = 256 << 20;

/// What became of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reprocessed {
    /// Made anew from their sources.
    pub from_source: u64,
    /// Made from what was stored.
    pub from_stored: u64,
    /// Left as they are, by the reason in a person's words.
    pub left: BTreeMap<String, u64>,
}

impl Reprocessed {
    fn leave(&mut self, why: String) {
        *self.left.entry(why).or_default() += 1;
    }

    /// How many were left as they are.
    pub fn left(&self) -> u64 {
        self.left.values().sum()
    }
}

/// How one instance is made anew.
enum Made {
    Source(Box<Swap>),
    Stored(Box<Swap>),
    Left(String),
}

/// Brings instances under the profile in force, in the order of their rows; `told` hears after each batch how many are
/// through. A kill leaves each as it was or as it shall be.
///
/// # Errors
/// Disk or catalog refuse; what is through stays so.
pub fn reprocess(
    shared: &Shared,
    ids: &[i64],
    actor: &str,
    mut told: impl FnMut(u64),
) -> Result<Reprocessed, StageError> {
    let sources = Sources::of(shared);
    let (mut done, mut next) = (Reprocessed::default(), 0);
    while next < ids.len() {
        let batch = batch_of(shared, &ids[next..])?;
        next += batch.1;
        let _stays = shared.store_retention_lock.read().unwrap_or_else(PoisonError::into_inner);
        let made = side_by_side(&batch.0, |stored| one(shared, &sources, stored, None))?;
        let swaps = sorted(made, &mut done);
        let act = Act { actor, action: BATCH, object: "workspace" };
        replace(shared, swaps, &act, json!({}), |_| Ok(()))?;
        told(next as u64);
    }
    Ok(done)
}

/// A person has looked at the picture of a stored instance once more: its masks are these from now on. From the source
/// exactly these; from what is stored these beside what is masked already.
///
/// # Errors
/// Disk or catalog refuse.
pub fn mask_again(
    shared: &Shared,
    stored: &[StoredInstance],
    vetting: &Vetting,
    actor: &str,
) -> Result<Reprocessed, StageError> {
    let sources = Sources::of(shared);
    let mut done = Reprocessed::default();
    let _stays = shared.store_retention_lock.read().unwrap_or_else(PoisonError::into_inner);
    let made = side_by_side(stored, |stored| one(shared, &sources, stored, Some(vetting)))?;
    let swaps = sorted(made, &mut done);
    let act = Act { actor, action: BATCH, object: "workspace" };
    replace(shared, swaps, &act, json!({ "masks": true }), |_| Ok(()))?;
    Ok(done)
}

/// The instances of the next transaction, and how many rows that takes; one whose row is gone is passed over.
fn batch_of(shared: &Shared, ids: &[i64]) -> Result<(Vec<StoredInstance>, usize), StageError> {
    let reader = shared.catalog.read();
    let (mut batch, mut bytes, mut taken) = (Vec::new(), 0, 0);
    for id in ids.iter().take(AT_ONCE) {
        if bytes > BYTES_AT_ONCE {
            break;
        }
        taken += 1;
        if let Some(stored) = reader.stored_instance(*id)? {
            bytes += stored.bytes;
            batch.push(stored);
        }
    }
    Ok((batch, taken))
}

/// Counts, and keeps what is to be put in place.
fn sorted(made: Vec<Made>, done: &mut Reprocessed) -> Vec<Swap> {
    let mut swaps = Vec::new();
    for made in made {
        match made {
            Made::Source(swap) => {
                done.from_source += 1;
                swaps.push(*swap);
            }
            Made::Stored(swap) => {
                done.from_stored += 1;
                swaps.push(*swap);
            }
            Made::Left(why) => done.leave(why),
        }
    }
    swaps
}

/// Works on instances with as many threads as there are processors. Whoever works may wait for memory: these are threads
/// of their own.
fn side_by_side(
    instances: &[StoredInstance],
    work: impl Fn(&StoredInstance) -> Result<Made, StageError> + Sync,
) -> Result<Vec<Made>, StageError> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new(Vec::with_capacity(instances.len()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(instances.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(instance) = instances.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(instance);
                    made.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    made.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
}

fn one(
    shared: &Shared,
    sources: &Sources<'_>,
    stored: &StoredInstance,
    vetting: Option<&Vetting>,
) -> Result<Made, StageError> {
    match sources.find(&stored.source_hash)? {
        Some(source) => from_source(shared, source, stored, vetting),
        None => from_stored(shared, stored, vetting),
    }
}

fn from_source(
    shared: &Shared,
    source: Source,
    stored: &StoredInstance,
    vetting: Option<&Vetting>,
) -> Result<Made, StageError> {
    let scratch = shared.scratch();
    let contents = Contents::of(source.bytes, scratch);
    let said = || said_before(&contents, stored, source.file.trusted);
    let vetting = vetting.cloned().unwrap_or_else(said);
    let names = shared.known.of(&stored.study_uid)?;
    let context = Context { site: &stored.site, vetting: &vetting, known: &names, scratch };
    match shared.deid.judge(&contents, Deidentify::read(&contents), &context, names.generation) {
        Verdict::Stored(made) => {
            let new = &made.instance;
            let same = (&new.sop_uid, &new.series_uid, &new.study_uid, &new.subject)
                == (&stored.sop_uid, &stored.series_uid, &stored.study_uid, &stored.subject);
            if !same {
                return Ok(Made::Left(OTHER_NAMES.into()));
            }
            let staged = shared.store.stage(&made.bytes)?;
            let described = Some(Described::of(new));
            Ok(Made::Source(swap(staged, stored, new.record.clone(), described, names.generation)))
        }
        Verdict::Quarantined { reason, .. } | Verdict::Rejected { reason, .. } => {
            Ok(Made::Left(format!("it would be held back: {}", explain_reason(&reason))))
        }
        Verdict::Failed(_) => Err(StageError::Full),
    }
}

/// What would part an instance from the tasks, decisions and reads that name it.
const OTHER_NAMES: &str = "the profile in force gives it other UIDs or another subject, and tasks and reads name those that it \
    has: take it in anew in a workspace of its own";

/// What a person, or the sender, has said of the pixels when the instance was stored.
fn said_before(source: &Contents<'_>, stored: &StoredInstance, trusted: bool) -> Vetting {
    let masks = drawn_by_person(&stored.ledger);
    if masks.is_empty() {
        return if trusted { Vetting::Trusted } else { Vetting::None };
    }
    let header = source.read(ReadOptions { header_only: true, partial: false });
    let of = |tag| {
        let number = header.as_ref().ok().and_then(|file| file.dataset.integer(tag));
        number.and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
    };
    Vetting::Masked(Arc::new(Drawing { columns: of(tags::COLUMNS), rows: of(tags::ROWS), masks }))
}

fn from_stored(
    shared: &Shared,
    stored: &StoredInstance,
    vetting: Option<&Vetting>,
) -> Result<Made, StageError> {
    let scratch = shared.scratch();
    let contents = match shared.store.open_verified(&stored.blob) {
        Ok(bytes) => Contents::of(bytes, scratch),
        Err(error @ BlobError::Io(_)) => return Err(error.into()),
        Err(_) => return Ok(Made::Left(DAMAGED.into())),
    };
    let names = shared.known.of(&stored.study_uid)?;
    let cleaned: Result<CleanedAgain, Uncleaned> = match vetting {
        Some(Vetting::Masked(drawing)) => shared.deid.mask_stored(&contents, &names, drawing, scratch),
        Some(_) => return Ok(Made::Left(NO_SOURCE_TO_LIFT.into())),
        None => match profile_of(shared, &stored.ledger)? {
            Some(was) => shared.deid.bring_under(&was, &contents, &names, scratch),
            None => return Ok(Made::Left(UNKNOWN_PROFILE.into())),
        },
    };
    let cleaned = match cleaned {
        Ok(cleaned) => cleaned,
        Err(why) => return Ok(Made::Left(why.to_string())),
    };
    let Some(line) = cleaned.amend(&stored.ledger) else {
        return Ok(Made::Left("its ledger line cannot be read".into()));
    };
    let staged = shared.store.stage(&cleaned.bytes)?;
    Ok(Made::Stored(swap(staged, stored, LedgerLine::new(&line), None, names.generation)))
}

/// The profile under which something was stored.
fn profile_of(shared: &Shared, ledger: &str) -> Result<Option<Profile>, StageError> {
    let json = shared.catalog.read().profile_of(ledger)?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
}

const DAMAGED: &str = "its stored copy is missing or damaged (`gantry verify`)";
const NO_SOURCE_TO_LIFT: &str = "its source is not there any more: what is masked cannot be lifted";
const UNKNOWN_PROFILE: &str =
    "its source is not there any more, and the profile under which it was stored is not known";

fn swap(
    staged: Staged,
    stored: &StoredInstance,
    record: LedgerLine,
    described: Option<Described>,
    generation: i64,
) -> Box<Swap> {
    let (blob, bytes) = (staged.name.clone(), staged.bytes);
    let new = Replacement { id: stored.id, blob, bytes, record, described };
    let (was, series_uid) = (stored.blob.clone(), stored.series_uid.clone());
    Box::new(Swap { staged, new, was, series_uid, generation })
}
