//! A watched folder. File events make it quick, a periodic rescan makes it certain: events never come on network
//! mounts and stop at the watch limit, so both run always and the state tells which of them finds the files. A file
//! is handed on when its size and time have stood still.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{DiscoveredBy, Entry, Found, Unread, walk};
use crate::model::{Links, Vetting};

/// How often waiting files are looked at.
const TICK: Duration = Duration::from_millis(200);

/// What a watched folder is doing; read by the console.
#[derive(Debug, Default)]
pub struct WatchState {
    /// File events are on.
    pub events: AtomicBool,
    /// Files found by an event since start.
    pub by_event: AtomicU64,
    /// Files found by the rescan since start, the first walk aside.
    pub by_rescan: AtomicU64,
    /// Files that are still being written.
    pub settling: AtomicU64,
    /// What was not read at the last rescan.
    unread: Mutex<Unread>,
    problem: Mutex<Option<String>>,
}

impl WatchState {
    /// Why the folder cannot be read, or why no events come.
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was not read at the last rescan, by reason.
    pub fn unread(&self) -> Unread {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was not read at this look, by reason.
    pub fn set_unread(&self, unread: Unread) {
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = unread;
    }

    /// Says why nothing can be read, or that it can.
    pub fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

/// How long to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until told to stop.
    Forever,
    /// One walk, and until every file of it has settled.
    Once,
}

/// A folder to watch.
#[derive(Debug, Clone)]
pub struct WatchFolder {
    /// The inbox's name.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// The site whose data it brings.
    pub site: String,
    /// The sender vouches for its pixels.
    pub trusted: bool,
    /// A file is whole when it has not changed for this long.
    pub settle: Duration,
    /// Between two walks.
    pub rescan: Duration,
    /// Whether symbolic links are followed.
    pub links: Links,
}

/// A file that has been seen and may still be growing.
struct Waiting {
    bytes: u64,
    mtime_ns: i64,
    since: Instant,
    by: DiscoveredBy,
}

impl WatchFolder {
    /// Watches until `stop` (or the end of `mode`). `knows` says whether this version of a file was dealt with;
    /// `hand_on` takes a whole file and may block: that is the back-pressure. It returns whether to go on.
    pub fn run(
        &self,
        mode: Mode,
        state: &WatchState,
        stop: &AtomicBool,
        knows: impl Fn(&Path, u64, i64) -> bool,
        mut hand_on: impl FnMut(Found) -> bool,
    ) {
        let (sender, events) = channel();
        let _watcher = (mode == Mode::Forever).then(|| self.watcher(sender, state));
        let mut waiting: HashMap<PathBuf, Waiting> = HashMap::new();
        let (mut next_walk, mut first) = (Instant::now(), true);
        while !stop.load(Ordering::Relaxed) {
            if Instant::now() >= next_walk && (first || mode == Mode::Forever) {
                self.rescan(&mut waiting, state, first, stop, &knows);
                (next_walk, first) = (Instant::now() + self.rescan, false);
            }
            let ready = self.ready(&mut waiting);
            state.settling.store(waiting.len() as u64, Ordering::Relaxed);
            for (path, file) in ready {
                if !knows(&path, file.bytes, file.mtime_ns) && !hand_on(self.found(path, &file)) {
                    return;
                }
            }
            if mode == Mode::Once && waiting.is_empty() {
                return;
            }
            self.listen(&events, &mut waiting, state);
        }
    }

    fn watcher(
        &self,
        sender: std::sync::mpsc::Sender<notify::Result<notify::Event>>,
        state: &WatchState,
    ) -> Option<RecommendedWatcher> {
        let watcher = notify::recommended_watcher(sender).and_then(|mut watcher| {
            watcher.watch(&self.path, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        state.events.store(watcher.is_ok(), Ordering::Relaxed);
        watcher.map_err(|error| state.set_problem(Some(explain(&error)))).ok()
    }

    /// Takes events for one tick.
    fn listen(
        &self,
        events: &Receiver<notify::Result<notify::Event>>,
        waiting: &mut HashMap<PathBuf, Waiting>,
        state: &WatchState,
    ) {
        let until = Instant::now() + TICK;
        loop {
            match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Ok(event)) if !event.kind.is_access() && !event.kind.is_remove() => {
                    for path in event.paths.into_iter().filter(|path| !path.is_symlink()) {
                        walk(&path, Links::Never, &mut |entry| {
                            if let Entry::File(path, bytes, mtime_ns) = entry
                                && see(waiting, path, bytes, mtime_ns, DiscoveredBy::Event)
                            {
                                state.by_event.fetch_add(1, Ordering::Relaxed);
                            }
                            true
                        });
                    }
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    state.events.store(false, Ordering::Relaxed);
                    state.set_problem(Some(explain(&error)));
                }
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(until.saturating_duration_since(Instant::now()));
                    return;
                }
            }
        }
    }

    fn rescan(
        &self,
        waiting: &mut HashMap<PathBuf, Waiting>,
        state: &WatchState,
        first: bool,
        stop: &AtomicBool,
        knows: &impl Fn(&Path, u64, i64) -> bool,
    ) {
        let (mut unread, mut missed, mut readable) = (Unread::new(), 0, true);
        walk(&self.path, self.links, &mut |entry| {
            match entry {
                Entry::File(path, bytes, mtime_ns) => {
                    if !waiting.contains_key(&path)
                        && !knows(&path, bytes, mtime_ns)
                        && see(waiting, path, bytes, mtime_ns, DiscoveredBy::Rescan)
                    {
                        missed += 1;
                    }
                }
                Entry::NotRead(path, why) => {
                    readable &= path != self.path;
                    *unread.entry(why).or_default() += 1;
                }
            }
            !stop.load(Ordering::Relaxed)
        });
        *state.unread.lock().unwrap_or_else(PoisonError::into_inner) = unread;
        if !first {
            state.by_rescan.fetch_add(missed, Ordering::Relaxed);
        }
        self.judge(state, first, missed, readable);
    }

    /// Says in a person's words when the folder cannot be read or events do not do their work.
    fn judge(&self, state: &WatchState, first: bool, missed: u64, readable: bool) {
        if !readable {
            state.set_problem(Some(
                "the folder cannot be read: is it there, and may this user read it?".into(),
            ));
        } else if state.events.load(Ordering::Relaxed) {
            let deaf = !first && missed > 0 && state.by_event.load(Ordering::Relaxed) == 0;
            let why = "no file events arrive here (a network mount?); the rescan finds the files";
            state.set_problem(deaf.then(|| why.into()));
        }
    }

    /// Files that have stood still for long enough, in the order of their paths; changed ones wait anew, vanished
    /// ones are forgotten.
    fn ready(&self, waiting: &mut HashMap<PathBuf, Waiting>) -> Vec<(PathBuf, Waiting)> {
        let now =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as i64;
        let mut ready: Vec<(PathBuf, Waiting)> = waiting
            .extract_if(|path, file| match self.metadata(path) {
                Ok(m) if m.is_file() => {
                    let mtime_ns = m.mtime().saturating_mul(1_000_000_000).saturating_add(m.mtime_nsec());
                    if (m.len(), mtime_ns) != (file.bytes, file.mtime_ns) {
                        (file.bytes, file.mtime_ns, file.since) = (m.len(), mtime_ns, Instant::now());
                    }
                    let long_ago = now.saturating_sub(mtime_ns) > self.settle.as_nanos() as i64;
                    long_ago || file.since.elapsed() >= self.settle
                }
                _ => true,
            })
            .collect();
        ready.retain(|(path, _)| path.is_file());
        ready.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        ready
    }

    fn metadata(&self, path: &Path) -> std::io::Result<fs::Metadata> {
        match self.links {
            Links::Never => fs::symlink_metadata(path),
            Links::Inside => fs::metadata(path),
        }
    }

    fn found(&self, path: PathBuf, file: &Waiting) -> Found {
        Found {
            inbox: self.name.clone(),
            path,
            bytes: file.bytes,
            mtime_ns: file.mtime_ns,
            site: self.site.clone(),
            vetting: if self.trusted { Vetting::Trusted } else { Vetting::None },
            by: file.by,
        }
    }
}

/// Notes a file; whether it is new.
fn see(
    waiting: &mut HashMap<PathBuf, Waiting>,
    path: PathBuf,
    bytes: u64,
    mtime_ns: i64,
    by: DiscoveredBy,
) -> bool {
    let mut new = false;
    waiting.entry(path).or_insert_with(|| {
        new = true;
        Waiting { bytes, mtime_ns, since: Instant::now(), by }
    });
    new
}

fn explain(error: &notify::Error) -> String {
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            let limit = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").unwrap_or_default();
            let limit = limit.trim();
            format!(
                "the watch limit ({limit}) is reached; raise fs.inotify.max_user_watches. The rescan finds the files"
            )
        }
        notify::ErrorKind::PathNotFound => "the folder is not there".into(),
        _ => "no file events here; the rescan finds the files".into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io::Write;

    fn folder(path: &Path) -> WatchFolder {
        WatchFolder {
            name: "in".into(),
            path: path.into(),
            site: "A".into(),
            trusted: false,
            settle: Duration::from_millis(300),
            rescan: Duration::from_millis(500),
            links: Links::Never,
        }
    }

    /// Runs the watcher while `act` happens; the sizes of what it handed on, by name.
    fn watched(path: &Path, act: impl FnOnce() + Send) -> BTreeMap<String, u64> {
        let (stop, state, found) =
            (AtomicBool::new(false), WatchState::default(), Mutex::new(BTreeMap::new()));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let hand_on = |f: Found| {
                    let name = f.path.file_name().unwrap().to_string_lossy().into_owned();
                    found.lock().unwrap().insert(name, f.bytes);
                    true
                };
                let known = |p: &Path, n: u64, _| {
                    found.lock().unwrap().get(&*p.file_name().unwrap().to_string_lossy()) == Some(&n)
                };
                folder(path).run(Mode::Forever, &state, &stop, known, hand_on);
            });
            act();
            std::thread::sleep(Duration::from_millis(1500));
            stop.store(true, Ordering::Relaxed);
        });
        found.into_inner().unwrap()
    }

    #[test]
    fn a_growing_file_is_handed_on_once_whole() {
        let dir = tempfile::tempdir().unwrap();
        let found = watched(dir.path(), || {
            let mut file = fs::File::create(dir.path().join("slow")).unwrap();
            for _ in 0..6 {
                file.write_all(&[7; 1000]).unwrap();
                std::thread::sleep(Duration::from_millis(150));
            }
        });
        assert_eq!(found, BTreeMap::from([("slow".into(), 6000)]));
    }

    #[test]
    fn subfolders_are_followed_and_links_are_not() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), b"x").unwrap();
        let found = watched(dir.path(), || {
            fs::create_dir_all(dir.path().join("a/b")).unwrap();
            fs::write(dir.path().join("a/b/deep"), b"deep").unwrap();
            std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
            std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("file-link")).unwrap();
        });
        assert_eq!(found, BTreeMap::from([("deep".into(), 4)]));
    }
}
