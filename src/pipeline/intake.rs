//! Intake: from a found file to a catalogued instance.
//!
//! Workers read, hash and de-identify; one committer gathers what they made, flushes the blobs of a batch together
//! and writes its rows, jobs and audit event in one transaction. A kill at any moment leaves either nothing of a
//! file or all of it; what was not recorded is found again.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::archives::{Delivery, Ended, Member};
use super::deidentify::{Deidentify, Made, ReadFile, Verdict, WITHDRAWN};
use super::queue::{Receiver, Sender, bounded};
use super::study_identifiers::{Latest, Learned};
use super::{Refusal, Shared, Tally, day_of, now_ms};
use crate::audit;
use crate::blob::{BlobError, Staged};
use crate::bytes::ByteSource;
use crate::catalog::{CatalogError, LedgerLine, NewInstance};
use crate::deid::Context;
use crate::dicom::Contents;
use crate::landing::{NewFile, PutOutcome};
use crate::model::{ChangeKind, Vetting};
use crate::source::{Found, Item, NotRead, Unreadable};

/// Files of a batch, at most; its transaction stays within 50 ms.
const BATCH_FILES: usize = 512;
/// Files that are flushed by one call, at most: batches that have gathered while the one before was flushed.
const FLUSHED_FILES: usize = 4 * BATCH_FILES;
/// Bytes that are flushed by one call, at most.
const FLUSHED_BYTES: u64 = 256 << 20;
/// How long a batch waits for more.
const BATCH_WAIT: Duration = Duration::from_millis(100);
/// How long it waits where nothing comes: a source has paused or ended.
const BATCH_IDLE: Duration = Duration::from_millis(20);
/// Found files that may wait for a worker; a full queue slows the source down.
const WAITING: usize = 64;

/// The workers and the committer; ends when it is dropped, after what was handed in is done.
pub struct Intake {
    queue: Option<Sender<Work>>,
    /// Where compressed archives are spooled, without a name.
    received: PathBuf,
    threads: Vec<JoinHandle<()>>,
}

/// A file for the workers.
struct Work {
    found: Found,
    tally: Arc<Tally>,
    what: What,
}

/// What the workers are given of a file.
enum What {
    /// It lies where it was found.
    File,
    /// It is a member of an archive.
    Member(Member),
    /// Its bytes, from somewhere else than the disk.
    Bytes(ByteSource<'static>),
}

/// What a worker made of a file.
struct ProcessedFile {
    found: Found,
    delivery: Option<Arc<Delivery>>,
    tally: Arc<Tally>,
    sha256: String,
    /// What it has taught of its study, whatever its end.
    learned: Option<Learned>,
    end: FileOutcome,
}

/// How a file ends, before its batch is committed.
enum FileOutcome {
    Stored {
        staged: Staged,
        instance: Box<NewInstance>,
    },
    Duplicate {
        series: Vec<String>,
    },
    /// It was stored before, and what was stored is missing or damaged: it is stored again.
    Restored {
        staged: Staged,
        instance: Box<NewInstance>,
    },
    Quarantined {
        reason: String,
        detail: String,
    },
    Rejected {
        reason: String,
        detail: String,
        /// Nothing could be read of it.
        unread: Option<NotRead>,
    },
    /// It was gone before it was read: nothing is recorded.
    Vanished,
    /// Disk or database refused: nothing is recorded, so the file is found again.
    Failed(Refusal),
}

impl Intake {
    /// Starts the workers and the committer.
    pub fn start(shared: &Arc<Shared>) -> Self {
        let configured = shared.config().ingest.workers;
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let workers = if configured == 0 { processors } else { configured };
        let (queue, found) = bounded::<Work>(WAITING);
        let received = shared.received.clone();
        let (dealt, batches) = bounded::<ProcessedFile>(FLUSHED_FILES);
        let mut threads: Vec<JoinHandle<()>> = (0..workers)
            .map(|_| {
                let (shared, found, dealt) = (shared.clone(), found.clone(), dealt.clone());
                std::thread::spawn(move || {
                    yield_to_others();
                    work(&shared, &found, &dealt);
                })
            })
            .collect();
        let shared = shared.clone();
        threads.push(std::thread::spawn(move || commit_batches(&shared, &batches)));
        Self { queue: Some(queue), received, threads }
    }

    /// Hands a file in, of an archive every member; blocks while the workers are behind. Whether it was taken.
    pub fn hand_in(&self, found: Found, tally: &Arc<Tally>) -> bool {
        match Delivery::open(&found, &self.received) {
            None => self.send(Work { found, tally: tally.clone(), what: What::File }),
            Some(members) => members.into_iter().all(|member| {
                let (path, bytes) = (member.item.shown(), member.item.bytes());
                let found = Found { path, bytes, ..found.clone() };
                self.send(Work { found, tally: tally.clone(), what: What::Member(member) })
            }),
        }
    }

    /// Hands in a file whose bytes come from somewhere else than the disk; blocks while the workers are behind.
    pub fn hand_in_bytes(&self, found: Found, bytes: ByteSource<'static>, tally: &Arc<Tally>) -> bool {
        self.send(Work { found, tally: tally.clone(), what: What::Bytes(bytes) })
    }

    fn send(&self, work: Work) -> bool {
        let tally = work.tally.clone();
        tally.received();
        let sent = self.queue.as_ref().is_some_and(|queue| queue.send(work));
        if !sent {
            tally.update(|c| c.received -= 1);
        }
        sent
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What computes for long leaves the processor to who waits for an answer: people, and senders.
fn yield_to_others() {
    // 0, which is no process: the calling thread alone (setpriority(2)).
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("files are read with the priority of all else: {error}");
    }
}

/// Between that of everything and that of what runs when nothing else does.
const NICENESS: i32 = 10;

fn work(shared: &Shared, queue: &Receiver<Work>, out: &Sender<ProcessedFile>) {
    while let Some(Work { found, tally, what }) = queue.next() {
        let (item, delivery) = match what {
            What::Member(member) => (member.item, Some(member.delivery)),
            What::File => (Item::File(found.path.clone()), None),
            What::Bytes(bytes) => (Item::Bytes(found.path.clone(), bytes), None),
        };
        let (sha256, learned, end) = process_file(shared, &found, &item);
        if !out.send(ProcessedFile { found, delivery, tally, sha256, learned, end }) {
            return;
        }
    }
}

/// Reads, hashes and de-identifies one file. What it names is learned first, also of what was stored before this was
/// done and of what ends in quarantine.
fn process_file(shared: &Shared, found: &Found, item: &Item) -> (String, Option<Learned>, FileOutcome) {
    let refused = |error: Unreadable| {
        let unread = if let Unreadable::Io(kind) = error { Some(NotRead::of_file(kind)) } else { None };
        let end = match error.no_room() {
            Some(_) => FileOutcome::Failed(Refusal::Full),
            None if unread == Some(NotRead::Vanished) => FileOutcome::Vanished,
            None => FileOutcome::Rejected { reason: error.code().into(), detail: error.to_string(), unread },
        };
        (String::new(), None, end)
    };
    let scratch = shared.scratch();
    let source = match item.open(scratch) {
        Ok(source) => Contents::of(source, scratch),
        Err(error) => return refused(error),
    };
    let sha256 = match crate::blob::name_of_bulk(source.whole()) {
        Ok(sha256) => sha256,
        Err(error) => return refused(Unreadable::Io(error.kind())),
    };
    let file = Deidentify::read(&source);
    let named = shared.deid.named_in(&source, &file);
    let learned =
        named.as_ref().map(|n| shared.known.learn(n.study_uid.clone(), &n.identifiers, &shared.catalog));
    match learned.transpose() {
        Ok(learned) => {
            let names = learned.as_ref().map(|l| l.names.clone()).unwrap_or_default();
            let (site, vetting) = (&*found.site, &found.vetting);
            let context = Context { site, vetting, known: &names, scratch };
            let mut end = decide_outcome(shared, (&source, file), &sha256, &context, names.generation);
            if let (FileOutcome::Stored { instance, .. }, Some(named)) = (&end, &named)
                && let Err(error) = shared.known.learn_person(instance, &named.person)
            {
                end = FileOutcome::Failed(error.into());
            }
            (sha256, learned, end)
        }
        Err(error) => (sha256, None, FileOutcome::Failed(error.into())),
    }
}

/// How a file ends whose study names `names`.
fn decide_outcome(
    shared: &Shared,
    (source, file): (&Contents<'_>, ReadFile<'_>),
    sha256: &str,
    context: &Context<'_>,
    generation: i64,
) -> FileOutcome {
    let before = match stored_before(shared, sha256) {
        Ok(StoredBefore::Whole(series)) => return FileOutcome::Duplicate { series },
        Ok(before) => before,
        Err(why) => return FileOutcome::Failed(why),
    };
    match shared.deid.judge(source, file, context, generation) {
        Verdict::Stored(made) if is_withdrawn(shared, &made.instance.subject) => withdrawn(),
        Verdict::Stored(made) => match stage(shared, source, &made, context.site) {
            Ok(staged) => {
                shared.fresh.note(&staged.name, &made.bytes);
                let mut instance = made.instance;
                instance.source_hash = sha256.to_string();
                instance.blob.clone_from(&staged.name);
                instance.bytes = staged.bytes;
                let instance = Box::new(instance);
                match before {
                    StoredBefore::Damaged => FileOutcome::Restored { staged, instance },
                    _ => FileOutcome::Stored { staged, instance },
                }
            }
            Err(why) => FileOutcome::Failed(why),
        },
        Verdict::Quarantined { reason, detail } => match quarantine_copy(shared, sha256, source.whole()) {
            Ok(()) => FileOutcome::Quarantined { reason, detail },
            Err(error) => FileOutcome::Failed(error.kind().into()),
        },
        Verdict::Rejected { reason, detail } => FileOutcome::Rejected { reason, detail, unread: None },
        Verdict::Failed(_) => FileOutcome::Failed(Refusal::Full),
    }
}

/// Whether a subject has withdrawn; the transaction of the batch asks again.
fn is_withdrawn(shared: &Shared, subject: &str) -> bool {
    shared.catalog.read().withdrawal(subject).is_ok_and(|found| found.is_some())
}

fn withdrawn() -> FileOutcome {
    FileOutcome::Rejected { reason: WITHDRAWN.into(), detail: String::new(), unread: None }
}

/// What is stored of a source already.
enum StoredBefore {
    /// Nothing.
    Never,
    /// Its instances, in these series; they read back, and their ledger lines are those that were written.
    Whole(Vec<String>),
    /// Something that does not read back as it was stored.
    Damaged,
}

fn stored_before(shared: &Shared, sha256: &str) -> Result<StoredBefore, Refusal> {
    let reader = shared.catalog.read();
    let series = reader.series_of_source(sha256)?;
    if series.is_empty() {
        return Ok(StoredBefore::Never);
    }
    let stored = reader.stored_of_source(sha256)?;
    drop(reader);
    for (blob, ledger, hash) in &stored {
        let is_whole = match shared.store.open_verified(blob) {
            Ok(_) => LedgerLine::new(ledger).hash() == hash,
            Err(BlobError::NotFound(_) | BlobError::Damaged(_)) => false,
            Err(error) => return Err(error.into()),
        };
        if !is_whole {
            return Ok(StoredBefore::Damaged);
        }
    }
    Ok(if stored.is_empty() { StoredBefore::Damaged } else { StoredBefore::Whole(series) })
}

/// Keeps who the subject is, where that is wanted, and the bytes, not yet in their place.
fn stage(shared: &Shared, source: &Contents<'_>, made: &Made, site: &str) -> Result<Staged, Refusal> {
    let recipient = &shared.config().vault.recipient;
    if !recipient.is_empty() {
        let new = (&*made.instance.subject, &*made.instance.study_uid, site);
        shared.vault.keep(recipient, source, new)?;
    }
    Ok(shared.store.stage(&made.bytes)?)
}

/// Keeps a copy on the landing side, readable by its owner alone.
///
/// # Errors
/// The disk refuses, or the bytes are not those of the hash.
pub fn quarantine_copy(shared: &Shared, sha256: &str, source: &ByteSource<'_>) -> std::io::Result<()> {
    let path = shared.quarantined(sha256);
    if path.exists() {
        return Ok(());
    }
    let draft = path.with_extension(format!("{:?}", std::thread::current().id()).replace(['(', ')'], "-"));
    let mut file =
        std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
    let mut hash = Sha256::new();
    source.each(|piece| {
        hash.update(piece);
        file.write_all(piece)
    })?;
    // A large file is read once more for it, and somebody may have written to it.
    if hex::encode(hash.finalize()) != sha256 {
        let _ = std::fs::remove_file(draft);
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    std::fs::rename(draft, path)
}

fn commit_batches(shared: &Shared, dealt: &Receiver<ProcessedFile>) {
    while let Some(first) = dealt.next() {
        commit(shared, gathered(first, dealt));
    }
}

/// The first file and those that follow it: waits for a batch, and takes what else is there already.
fn gathered(first: ProcessedFile, dealt: &Receiver<ProcessedFile>) -> Vec<ProcessedFile> {
    let until = Instant::now() + BATCH_WAIT;
    let mut bytes = first.found.bytes;
    let mut files = vec![first];
    while files.len() < FLUSHED_FILES && bytes < FLUSHED_BYTES {
        let (most, until) = match BATCH_FILES.checked_sub(files.len()) {
            Some(missing @ 1..) => (missing, until.min(Instant::now() + BATCH_IDLE)),
            _ => (FLUSHED_FILES - files.len(), Instant::now()),
        };
        let came = dealt.gather(most, until, |next| {
            bytes += next.found.bytes;
            files.push(next);
            bytes < FLUSHED_BYTES
        });
        if came == 0 {
            break;
        }
    }
    files
}

/// Blobs, then batch by batch: rows, the landing side's map, the counts. No blob is taken away before its row is there.
fn commit(shared: &Shared, mut files: Vec<ProcessedFile>) {
    let now = now_ms();
    let blob_publish_lock = shared.blob_publish_lock.lock().unwrap_or_else(PoisonError::into_inner);
    let flushed = flush(shared, &mut files);
    for (i, batch) in files.chunks_mut(BATCH_FILES).enumerate() {
        let recorded = match &flushed {
            Ok(latest) => record(shared, batch, &latest[i], now),
            Err(why) => Err(why.clone()),
        };
        if let Err(why) = recorded {
            batch.iter_mut().for_each(|dealt| dealt.end = FileOutcome::Failed(why.clone()));
        }
        account(shared, batch, now);
    }
    drop(blob_publish_lock);
}

/// The landing side's map of a batch, then the counts.
fn account(shared: &Shared, batch: &[ProcessedFile], now: i64) {
    let day = day_of(now);
    let (mut files, mut row_of) = (Vec::<NewFile>::new(), Vec::with_capacity(batch.len()));
    for dealt in batch {
        row_of.push(files.len());
        files.extend(file_row(dealt, now, &day));
    }
    for dealt in batch {
        if let Some(delivery) = &dealt.delivery {
            let ended = match dealt.end {
                FileOutcome::Stored { .. } | FileOutcome::Restored { .. } | FileOutcome::Duplicate { .. } => {
                    Ended::Stored
                }
                FileOutcome::Quarantined { .. } | FileOutcome::Rejected { .. } => Ended::Aside,
                FileOutcome::Failed(_) | FileOutcome::Vanished => Ended::Failed,
            };
            files.extend(delivery.dealt_with(ended, now, &day));
        }
    }
    // The catalog has them; without the map they are merely found again and counted as duplicates.
    let recorded = shared.map.put(&files).unwrap_or_else(|error| {
        tracing::error!("the intake map: {error}");
        PutOutcome::default()
    });
    super::landing::remove_copies(shared, &recorded.freed);
    for (dealt, row) in batch.iter().zip(row_of) {
        let already_here = u64::from(recorded.already_here.contains(&row));
        dealt.tally.update(|c| match &dealt.end {
            FileOutcome::Stored { instance, .. } => {
                c.deidentified += 1;
                c.series.insert(instance.series_uid.clone());
            }
            FileOutcome::Duplicate { series } => {
                c.duplicates += 1;
                c.already_here += already_here;
                c.series.extend(series.iter().cloned());
            }
            FileOutcome::Restored { instance, .. } => {
                c.duplicates += 1;
                c.already_here += already_here;
                c.series.insert(instance.series_uid.clone());
            }
            FileOutcome::Quarantined { .. } => c.quarantined += 1,
            FileOutcome::Rejected { unread, .. } => {
                c.rejected += 1;
                if let Some(why) = unread {
                    *c.unread.entry(*why).or_default() += 1;
                }
            }
            FileOutcome::Vanished => {
                c.received -= 1;
                *c.unread.entry(NotRead::Vanished).or_default() += 1;
            }
            FileOutcome::Failed(why) => {
                c.failed += 1;
                c.failure = Some(why.clone());
            }
        });
    }
    shared.bus.tell(ChangeKind::Intake { files: batch.len() as u64 });
}

/// Puts the blobs in place and flushes them, with the quarantined copies and what was learned, in one call. Gives what
/// is known of the studies of each batch: as of before the call, so that it is on the disk.
fn flush(shared: &Shared, files: &mut [ProcessedFile]) -> Result<Vec<Latest>, Refusal> {
    let latest =
        |batch: &[ProcessedFile]| Latest::of(shared, batch.iter().filter_map(|d| d.learned.as_ref()));
    let latest = files.chunks(BATCH_FILES).map(latest).collect::<Result<Vec<_>, _>>()?;
    let is_quarantined = |d: &ProcessedFile| matches!(d.end, FileOutcome::Quarantined { .. });
    let others = latest.iter().any(Latest::is_reclean_pending) || files.iter().any(is_quarantined);
    let staged = files.iter_mut().filter_map(|d| match &mut d.end {
        FileOutcome::Stored { staged, .. } | FileOutcome::Restored { staged, .. } => Some(staged),
        _ => None,
    });
    shared.store.settle(staged, others)?;
    Ok(latest)
}

/// The rows of a batch; what follows from what it has taught is asked for with them.
fn record(shared: &Shared, batch: &mut [ProcessedFile], latest: &Latest, now: i64) -> Result<(), Refusal> {
    rows(shared, batch, latest, now)?;
    latest.settle(shared);
    Ok(())
}

/// The rows of a batch, the jobs that follow from it and its audit event.
fn rows(shared: &Shared, batch: &mut [ProcessedFile], latest: &Latest, now: i64) -> Result<(), CatalogError> {
    let quiet = shared.config().ingest.series_quiet_ms as i64;
    let (first, doubled, refused) = shared.catalog.write(|tx| {
        let (mut leaves, mut doubled, mut restored) = (Vec::new(), Vec::new(), 0u64);
        let mut refused = Vec::new();
        let event = tx.next_event()?;
        let mut series = std::collections::BTreeSet::new();
        let (mut quarantined, mut rejected) = (0, 0);
        let mut received = std::collections::BTreeMap::<&str, u64>::new();
        for (i, dealt) in batch.iter().enumerate() {
            match &dealt.end {
                FileOutcome::Stored { instance, .. } | FileOutcome::Restored { instance, .. }
                    if tx.is_withdrawn(&instance.subject)? =>
                {
                    rejected += 1;
                    refused.push(i);
                }
                FileOutcome::Stored { instance, .. } if tx.put_instance(instance, (event, leaves.len()), now)? => {
                    leaves.push(audit::instance_leaf(&instance.blob, instance.record.hash()));
                    series.insert((&*instance.series_uid, &*dealt.found.inbox));
                }
                FileOutcome::Restored { instance, .. } if tx.restore_instance(instance, (event, leaves.len()), now)? => {
                    leaves.push(audit::instance_leaf(&instance.blob, instance.record.hash()));
                    series.insert((&*instance.series_uid, &*dealt.found.inbox));
                    restored += 1;
                }
                FileOutcome::Stored { .. } | FileOutcome::Restored { .. } => doubled.push(i),
                FileOutcome::Quarantined { .. } => quarantined += 1,
                FileOutcome::Rejected { .. } => rejected += 1,
                FileOutcome::Duplicate { .. } | FileOutcome::Failed(_) | FileOutcome::Vanished => {}
            }
            *received.entry(&*dealt.found.inbox).or_default() += 1;
        }
        for (inbox, n) in received {
            tx.count("received", inbox, n, now)?;
        }
        latest.enqueue(tx, now + quiet, now)?;
        for (uid, _) in &series {
            tx.enqueue("assemble", uid, now + quiet, now)?;
        }
        let stored = leaves.len() as u64 - restored;
        tx.count("deidentified", "", stored, now)?;
        tx.count("catalogued", "", stored, now)?;
        let detail = json!({
            "stored": stored, "restored": restored, "quarantined": quarantined, "rejected": rejected, "series": series.len(),
            "leaves": leaves.len(), "merkle_root": hex::encode(audit::merkle_root(&leaves)),
        });
        tx.audit(now, "gantry", "intake.batch", "intake", &detail)?;
        Ok((stored, doubled, refused))
    })?;
    tracing::debug!(stored = first, doubled = doubled.len(), "committed a batch");
    // Their subjects have withdrawn since they were read.
    for i in refused {
        if let FileOutcome::Stored { instance, .. } | FileOutcome::Restored { instance, .. } = &batch[i].end
            && !shared.catalog.read().names_blob(&instance.blob)?
            && let Err(error) = shared.store.remove(&instance.blob)
        {
            tracing::error!("a file of a subject who has withdrawn still stands in the store: {error}");
        }
        batch[i].end = withdrawn();
    }
    // Two byte-identical files in one batch: the second is a duplicate of the first.
    for i in doubled {
        if let FileOutcome::Stored { instance, .. } | FileOutcome::Restored { instance, .. } = &batch[i].end {
            batch[i].end = FileOutcome::Duplicate { series: vec![instance.series_uid.clone()] };
        }
    }
    Ok(())
}

fn file_row(dealt: &ProcessedFile, now: i64, day: &str) -> Option<NewFile> {
    let (status, reason, detail) = match &dealt.end {
        FileOutcome::Stored { .. } => ("deidentified", "", ""),
        FileOutcome::Duplicate { .. } | FileOutcome::Restored { .. } => ("duplicate", "", ""),
        FileOutcome::Quarantined { reason, detail } => ("quarantined", &**reason, &**detail),
        FileOutcome::Rejected { reason, detail, .. } => ("rejected", &**reason, &**detail),
        FileOutcome::Failed(_) | FileOutcome::Vanished => return None,
    };
    Some(NewFile {
        inbox: dealt.found.inbox.clone(),
        path: dealt.found.path.to_string_lossy().into_owned(),
        bytes: dealt.found.bytes,
        mtime_ns: dealt.found.mtime_ns,
        sha256: dealt.sha256.clone(),
        status: status.into(),
        reason: reason.into(),
        detail: detail.into(),
        site: dealt.found.site.clone(),
        trusted: dealt.found.vetting == Vetting::Trusted,
        at_ms: now,
        day: day.into(),
        kept: status == "quarantined",
    })
}
