//! Sending stored, de-identified instances to an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use super::remotes::address_of;
use super::{Loaded, Progress, Shared};
use crate::catalog::{CatalogError, InstanceRecord};
use crate::config::Remote;
use crate::dicom::header_of;
use crate::model::tags;
use crate::net::{Archive, Outgoing, RequestError, open_archive};

/// Instances that are held open for one association or request.
const AT_ONCE: usize = 200;

/// What came of sending, in instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendEnd {
    /// The archive has taken them.
    pub sent: u64,
    /// It has not, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Series of which anything was sent.
    pub series: BTreeSet<String>,
}

impl SendEnd {
    fn fail(&mut self, why: &str, instances: u64) {
        *self.failed.entry(why.into()).or_default() += instances;
    }
}

/// Sends series to a remote, one after the other, until it is told to stop.
///
/// # Errors
/// A file that is needed to reach it cannot be used.
pub fn send(
    shared: &Shared,
    remote: &Remote,
    series: &[String],
    (progress, stop): (&Progress, &AtomicBool),
) -> Result<SendEnd, RequestError> {
    let address = address_of(&shared.root, &shared.config(), remote)?;
    let mut archive = open_archive(&address)?;
    progress.expect_total(series.len() as u64);
    let mut end = SendEnd::default();
    // Why nothing more can be sent.
    let mut over: Option<String> = None;
    for uid in series {
        if stop.load(Ordering::Relaxed) {
            over.get_or_insert_with(|| "it was ended before".into());
        }
        match (&over, one_of_each(shared, uid)) {
            (_, Err(_)) => end.fail("the catalog cannot be read", 1),
            (Some(why), Ok(records)) => end.fail(why, records.len() as u64),
            (None, Ok(records)) => {
                for some in records.chunks(AT_ONCE) {
                    match &over {
                        Some(why) => end.fail(why, some.len() as u64),
                        None => over = send_some(shared, &mut *archive, (uid, some), &mut end),
                    }
                }
            }
        }
        progress.step();
    }
    Ok(end)
}

/// Sends instances of a series; why nothing more can be sent, where that is so.
fn send_some(
    shared: &Shared,
    archive: &mut dyn Archive,
    (series, some): (&str, &[InstanceRecord]),
    end: &mut SendEnd,
) -> Option<String> {
    // Since they were chosen somebody may have withdrawn, or something may have to be cleaned.
    if let Some(why) = may_not_go(shared, series, some) {
        end.fail(why, some.len() as u64);
        return None;
    }
    let mut objects = Vec::with_capacity(some.len());
    {
        // What is open stays readable; nobody waits for the network with this.
        let _kept = shared.store_retention_lock.read().unwrap_or_else(PoisonError::into_inner);
        for record in some {
            match outgoing(shared, record) {
                Some(object) => objects.push(object),
                None => end.fail("what is stored is missing or damaged; see `gantry verify`", 1),
            }
        }
    }
    let mut told: BTreeMap<usize, Result<(), String>> = BTreeMap::new();
    let outcome = archive.send(&objects, &mut |at, what| {
        told.insert(at, what);
    });
    let error = outcome.err();
    let untold = error.as_ref().map_or_else(|| "nothing was said of it".into(), ToString::to_string);
    for at in 0..objects.len() {
        match told.remove(&at) {
            Some(Ok(())) => {
                end.sent += 1;
                end.series.insert(series.to_owned());
            }
            Some(Err(why)) => end.fail(&why, 1),
            None => end.fail(&untold, 1),
        }
    }
    let is_over = |error: &RequestError| {
        matches!(
            error,
            RequestError::Unreachable { .. }
                | RequestError::Rejected(_)
                | RequestError::Http { status: 401 | 403, .. }
        )
    };
    error.filter(is_over).map(|error| error.to_string())
}

/// Why a series stays here, as it is now.
fn may_not_go(shared: &Shared, series: &str, some: &[InstanceRecord]) -> Option<&'static str> {
    let subject = some.first().map_or("", |record| &*record.subject);
    let record = shared.catalog.read().series(series).ok().flatten();
    let Some(record) = record else { return Some("the series has gone meanwhile") };
    if shared.catalog.read().withdrawal(subject).is_ok_and(|found| found.is_none()) {
        let is_clean = shared.known.is_clean(&record.study_uid, &shared.catalog).unwrap_or(false);
        return (!is_clean).then_some("it is to be cleaned of what another instance of its study names");
    }
    Some("its subject has withdrawn meanwhile")
}

/// The instances of a series that go out: of two with one UID the one that the series is built from.
///
/// # Errors
/// The catalog cannot be read.
pub fn one_of_each(shared: &Shared, series_uid: &str) -> Result<Vec<InstanceRecord>, CatalogError> {
    let mut records = shared.catalog.read().instances(series_uid)?;
    let uids: BTreeSet<&str> = records.iter().map(|record| &*record.sop_uid).collect();
    if uids.len() == records.len() {
        return Ok(records);
    }
    let used: BTreeSet<String> = match Loaded::read(shared, &records) {
        Ok(loaded) => {
            let blob = |i: &crate::series::Instance| loaded.blobs.get(i.header.source as usize).cloned();
            loaded.series.instances.iter().filter_map(blob).collect()
        }
        Err(_) => BTreeSet::new(),
    };
    records.sort_by_key(|record| (record.sop_uid.clone(), !used.contains(&record.blob)));
    records.dedup_by(|b, a| a.sop_uid == b.sop_uid);
    Ok(records)
}

/// A stored instance as it goes out; none where it does not read back.
fn outgoing(shared: &Shared, record: &InstanceRecord) -> Option<Outgoing> {
    let file = shared.store.open_verified(&record.blob).ok()?;
    let mut disk = std::fs::File::open(shared.store.locate(&record.blob).ok()?).ok()?;
    let named = header_of(&mut disk, |file, _| {
        let text = |tag| Some(file.dataset.ascii(tag)?.trim_end_matches(['\0', ' ']).to_owned());
        Some((text(tags::SOP_CLASS_UID)?, text(tags::SOP_INSTANCE_UID)?, file.syntax.uid.clone()))
    });
    let (sop_class, sop_uid, syntax) = named.ok().flatten()?;
    let head = head_of(&file)?;
    Some(Outgoing { sop_class, sop_uid, syntax, file, head })
}

/// Bytes before the data set: preamble, prefix, file meta information with the length that it says (PS3.10 7.1).
fn head_of(file: &crate::bytes::ByteSource<'_>) -> Option<u64> {
    let start = file.read(0..144).ok()?;
    let length = start.get(140..144)?.try_into().ok().map(u32::from_le_bytes)?;
    let head = 144 + u64::from(length);
    (start.get(128..138)? == b"DICM\x02\0\0\0UL" && head <= file.len()).then_some(head)
}
