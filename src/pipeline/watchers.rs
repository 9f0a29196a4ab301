//! One thread per inbox, added and removed while running.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::buckets::watch_bucket;
use super::{Intake, Shared, Tally, archives, settle_sources};
use crate::config::{After, Inbox, Pixels};
use crate::landing::Known;
use crate::model::ChangeKind;
use crate::source::archive::is_archive;
use crate::source::{Mode, WatchFolder, WatchState};

/// Watches every inbox of the configuration.
#[derive(Default)]
pub struct Watchers {
    running: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    inbox: Inbox,
    stop: Arc<AtomicBool>,
    state: Arc<WatchState>,
    tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
}

impl Watchers {
    /// Starts watching inboxes that are new or have changed, and stops those that are gone.
    pub fn follow_config(&self, shared: &Arc<Shared>, intake: &Arc<Intake>) {
        let wanted = shared.config().inboxes.clone();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, r| {
            let stays = wanted.contains(&r.inbox);
            if !stays {
                r.end();
            }
            stays
        });
        for inbox in wanted {
            running.entry(inbox.name.clone()).or_insert_with(|| Running::start(inbox, shared, intake));
        }
        shared.bus.tell(ChangeKind::Sources);
    }

    /// What an inbox is doing, and what became of its files since start.
    pub fn state(&self, name: &str) -> Option<(Arc<WatchState>, Arc<Tally>)> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(name).map(|r| (r.state.clone(), r.tally.clone()))
    }

    /// Files of every inbox that are settling or waiting.
    pub fn pending(&self) -> u64 {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().map(|r| r.state.settling.load(Ordering::Relaxed) + r.tally.open()).sum()
    }

    /// Stops watching and waits until what was found is dealt with; the counts stay.
    pub fn finish(&self) {
        let tallies: Vec<Arc<Tally>> = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            for r in running.values_mut() {
                r.stop.store(true, Ordering::Relaxed);
            }
            running.values_mut().for_each(Running::end);
            running.values().map(|r| r.tally.clone()).collect()
        };
        for tally in tallies {
            while tally.open() > 0 {
                tally.wait(Duration::from_millis(200));
            }
        }
    }

    /// Stops watching; files in hand are still taken in.
    pub fn stop(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for r in running.values_mut() {
            r.stop.store(true, Ordering::Relaxed);
        }
        running.values_mut().for_each(Running::end);
        running.clear();
    }
}

impl Running {
    fn start(inbox: Inbox, shared: &Arc<Shared>, intake: &Arc<Intake>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (state, tally) = (Arc::new(WatchState::default()), Arc::new(Tally::default()));
        let thread = {
            let (inbox, shared, intake) = (inbox.clone(), shared.clone(), intake.clone());
            let (stop, state, tally) = (stop.clone(), state.clone(), tally.clone());
            std::thread::spawn(move || {
                watch(&inbox, Mode::Forever, &shared, &intake, (&state, &tally, &stop))
            })
        };
        Self { inbox, stop, state, tally, thread: Some(thread) }
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes one inbox in until `mode` ends, doing what `after` asks once files are safe.
pub fn watch(
    inbox: &Inbox,
    mode: Mode,
    shared: &Arc<Shared>,
    intake: &Arc<Intake>,
    (state, tally, stop): (&WatchState, &Arc<Tally>, &AtomicBool),
) {
    if inbox.bucket().is_some() {
        watch_bucket(inbox, mode, shared, intake, (state, tally, stop));
        return finish(mode, state, tally);
    }
    let config = shared.config();
    let folder = WatchFolder {
        name: inbox.name.clone(),
        path: shared.root.join(&inbox.path),
        site: inbox.site.clone(),
        trusted: inbox.pixels == Pixels::Trusted,
        settle: Duration::from_millis(config.ingest.settle_ms),
        rescan: Duration::from_secs(config.ingest.rescan_seconds),
        links: inbox.links,
    };
    let knows = |path: &Path, bytes: u64, mtime_ns: i64| {
        let known = |inbox: &str| {
            let known = shared.map.knows(inbox, &path.to_string_lossy(), bytes, mtime_ns);
            match known.unwrap_or(Known::Never) {
                Known::Never => false,
                Known::DealtWith => true,
                // Permissions change without the file's time.
                Known::Unreadable => std::fs::File::open(path).is_err(),
            }
        };
        known(&inbox.name) || is_archive(path) && known(&archives::inbox_of(&inbox.name))
    };
    let mut handed = 0u64;
    folder.run(mode, state, stop, knows, |found| {
        handed += 1;
        if inbox.after != After::Keep && handed.is_multiple_of(256) {
            settle_sources(shared, inbox);
        }
        intake.hand_in(found, tally)
    });
    finish(mode, state, tally);
    settle_sources(shared, inbox);
}

/// After one pass: what was not read counts, and what was found is dealt with.
fn finish(mode: Mode, state: &WatchState, tally: &Tally) {
    if mode == Mode::Once {
        for (why, n) in state.unread() {
            tally.update(|c| *c.unread.entry(why).or_default() += n);
        }
        while tally.open() > 0 {
            tally.wait(Duration::from_millis(200));
        }
    }
}
