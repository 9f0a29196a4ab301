//! Buckets as inboxes: objects that are not known in the version that lies there are read and taken in. Nothing of them is kept
//! on the disk but sealed; a bucket is never written to.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Intake, Shared, Tally};
use crate::config::{Inbox, Pixels};
use crate::landing::Known;
use crate::model::Vetting;
use crate::model::words::io_error;
use crate::source::{
    Bucket, BucketError, BucketOptions, DiscoveredBy, Found, Mode, NotRead, Object, Unread, WatchState,
};

/// Objects that are read at a time.
const READERS: usize = 16;
/// Objects that are listed ahead of those who read.
const LISTED: usize = 1_000;
/// Between two looks at whether all is to stop.
const TICK: Duration = Duration::from_millis(200);

/// Where the bucket of an inbox is.
pub fn bucket_of(inbox: &Inbox) -> Option<Result<Bucket, BucketError>> {
    let address = inbox.bucket()?;
    Some(Bucket::open(address, BucketOptions { is_anonymous: inbox.anonymous, pays: inbox.requester_pays }))
}

/// Whether a bucket can be listed.
///
/// # Errors
/// Why not.
pub fn examine(inbox: &Inbox) -> Result<(), BucketError> {
    let Some(bucket) = bucket_of(inbox) else { return Ok(()) };
    let runtime = runtime()?;
    runtime.block_on(bucket?.list(|_| false))
}

fn runtime() -> Result<tokio::runtime::Runtime, BucketError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| BucketError::Unreachable(io_error(&error)))
}

/// Takes a bucket in until `mode` ends.
pub fn watch_bucket(
    inbox: &Inbox,
    mode: Mode,
    shared: &Shared,
    intake: &Intake,
    (state, tally, stop): (&WatchState, &Arc<Tally>, &AtomicBool),
) {
    let rescan = Duration::from_secs(shared.config().ingest.rescan_seconds);
    let mut is_first = true;
    // Versions of objects that cannot be read: asking for them again brings nothing and may cost.
    let unreadable = Mutex::new(BTreeSet::new());
    while !stop.load(Ordering::Relaxed) {
        let unread = Mutex::new(Unread::new());
        let reading = Reading {
            inbox,
            shared,
            intake,
            state,
            tally,
            stop,
            is_first,
            unreadable: &unreadable,
            unread: &unread,
        };
        let outcome = reading.all();
        state.set_unread(unread.into_inner().unwrap_or_else(PoisonError::into_inner));
        if mode == Mode::Once {
            if let Err(error) = outcome {
                tracing::error!("inbox {}: {error}", inbox.name);
                tally.not_read(NotRead::BucketUnreachable);
            }
            return;
        }
        state.set_problem(outcome.err().map(|error| error.to_string()));
        is_first = false;
        let next = Instant::now() + rescan;
        while Instant::now() < next && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
        }
    }
}

/// One pass over a bucket.
struct Reading<'r> {
    inbox: &'r Inbox,
    shared: &'r Shared,
    intake: &'r Intake,
    state: &'r WatchState,
    tally: &'r Arc<Tally>,
    stop: &'r AtomicBool,
    is_first: bool,
    unreadable: &'r Mutex<BTreeSet<(PathBuf, i64)>>,
    unread: &'r Mutex<Unread>,
}

impl Reading<'_> {
    fn all(&self) -> Result<(), BucketError> {
        let Some(bucket) = bucket_of(self.inbox) else { return Ok(()) };
        let (bucket, runtime) = (bucket?, runtime()?);
        let (listed, queue) = sync_channel::<Object>(LISTED);
        let queue = Mutex::new(queue);
        let trouble = Mutex::new(None);
        let listing = std::thread::scope(|scope| {
            for _ in 0..READERS {
                scope.spawn(|| self.read_those(&bucket, &runtime, &queue, &trouble));
            }
            let listing = runtime.block_on(bucket.list(|object| {
                if self.is_new(&object) && tokio::task::block_in_place(|| listed.send(object)).is_err() {
                    return false;
                }
                !self.stop.load(Ordering::Relaxed)
            }));
            drop(listed);
            listing
        });
        listing?;
        trouble.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn not_read(&self, why: NotRead) {
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner).entry(why).or_default() += 1;
    }

    fn is_new(&self, object: &Object) -> bool {
        let version = (object.path.clone(), object.version);
        if self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).contains(&version) {
            self.not_read(NotRead::FileUnreadable);
            return false;
        }
        let path = object.path.to_string_lossy();
        let known = self.shared.map.knows(&self.inbox.name, &path, object.bytes, object.version);
        matches!(known, Ok(Known::Never | Known::Unreadable) | Err(_))
    }

    fn read_those(
        &self,
        bucket: &Bucket,
        runtime: &tokio::runtime::Runtime,
        queue: &Mutex<Receiver<Object>>,
        trouble: &Mutex<Option<BucketError>>,
    ) {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(object) = next else { return };
            if self.stop.load(Ordering::Relaxed) {
                continue;
            }
            match runtime.block_on(bucket.read(&object, self.shared.scratch())) {
                Ok((object, bytes)) => {
                    if !self.is_first {
                        self.state.by_rescan.fetch_add(1, Ordering::Relaxed);
                    }
                    self.intake.hand_in_bytes(self.found(&object), bytes, self.tally);
                }
                // It went between the list and the look.
                Err(BucketError::Missing) => self.not_read(NotRead::Vanished),
                Err(error @ (BucketError::Denied | BucketError::TooLarge)) => {
                    let is_denied = error == BucketError::Denied;
                    self.not_read(if is_denied { NotRead::FileDenied } else { NotRead::FileUnreadable });
                    let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                    unreadable.insert((object.path.clone(), object.version));
                }
                Err(error) => {
                    tracing::warn!("an object of inbox {} was not read: {error}", self.inbox.name);
                    self.not_read(NotRead::FileUnreadable);
                    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
        }
    }

    fn found(&self, object: &Object) -> Found {
        Found {
            inbox: self.inbox.name.clone(),
            path: object.path.clone(),
            bytes: object.bytes,
            mtime_ns: object.version,
            site: self.inbox.site.clone(),
            vetting: if self.inbox.pixels == Pixels::Trusted { Vetting::Trusted } else { Vetting::default() },
            by: DiscoveredBy::Rescan,
        }
    }
}
