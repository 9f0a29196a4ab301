//! Sending stored, de-identified instances to an archive.

use std::collections::{BTreeMap, BTreeSet};

use super::remotes::address_of;
use super::{Loaded, Progress, Shared};
use crate::catalog::InstanceRecord;
use crate::config::Remote;
use crate::dicom::header_of;
use crate::model::tags;
use crate::net::{Outgoing, RequestError, open_archive};

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
    fn fail(&mut self, why: &str) {
        *self.failed.entry(why.into()).or_default() += 1;
    }
}

/// Sends series to a remote.
///
/// # Errors
/// It cannot be reached at all.
pub fn send(
    shared: &Shared,
    remote: &Remote,
    series: &[String],
    progress: &Progress,
) -> Result<SendEnd, RequestError> {
    let address = address_of(&shared.root, &shared.config(), remote)?;
    let mut archive = open_archive(&address)?;
    progress.expect_total(series.len() as u64);
    let mut end = SendEnd::default();
    for uid in series {
        let records = one_of_each(shared, uid);
        for some in records.chunks(AT_ONCE) {
            let mut objects = Vec::with_capacity(some.len());
            for record in some {
                match outgoing(shared, record) {
                    Some(object) => objects.push(object),
                    None => end.fail("what is stored is missing or damaged; see `gantry verify`"),
                }
            }
            let mut told: BTreeMap<usize, Result<(), String>> = BTreeMap::new();
            let outcome = archive.send(&objects, &mut |at, what| {
                told.insert(at, what);
            });
            // Nobody is there: nothing was sent yet, and nothing will be.
            if let Err(error) = &outcome
                && told.is_empty()
                && end.sent == 0
                && end.failed.is_empty()
            {
                return Err(error.clone());
            }
            let why =
                outcome.err().map_or_else(|| "nothing was said of it".into(), |error| error.to_string());
            for at in 0..objects.len() {
                match told.remove(&at) {
                    Some(Ok(())) => {
                        end.sent += 1;
                        end.series.insert(uid.clone());
                    }
                    Some(Err(why)) => end.fail(&why),
                    None => end.fail(&why),
                }
            }
        }
        progress.step();
    }
    Ok(end)
}

/// The instances of a series that go out: of two with one UID the one that the series is built from.
pub fn one_of_each(shared: &Shared, series_uid: &str) -> Vec<InstanceRecord> {
    let mut records = shared.catalog.read().instances(series_uid).unwrap_or_default();
    let uids: BTreeSet<&str> = records.iter().map(|record| &*record.sop_uid).collect();
    if uids.len() == records.len() {
        return records;
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
    records
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
