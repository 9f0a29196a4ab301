//! What has come over a network and lies on the landing side until it is stored.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Intake, Shared, Tally, settle_sources};
use crate::config::{After, Inbox, Listener, Pixels, Remote};
use crate::dicom::file_head;
use crate::landing::Known;
use crate::model::words::io_error;
use crate::model::{Links, Vetting};
use crate::net::{ObjectHead, Status};
use crate::source::{Arrivals, DiscoveredBy, Draft, Found};

/// Rows that are looked at together.
const AT_ONCE: u32 = 1_000;

/// A folder that a listener receives into, or a pull of a remote.
#[derive(Debug, Clone)]
pub struct Landed {
    /// As which inbox the landing side knows it.
    pub inbox: String,
    /// The folder.
    pub folder: PathBuf,
    /// The site whose data it holds.
    pub site: String,
    /// Whether pixels that may carry burned-in text are quarantined.
    pub pixels: Pixels,
}

impl Landed {
    /// What a listener has received.
    pub fn of_listener(shared: &Shared, listener: &Listener) -> Self {
        Self {
            inbox: listener.name.clone(),
            folder: shared.received.with_file_name("arrived").join(&listener.name),
            site: listener.site.clone(),
            pixels: listener.pixels,
        }
    }

    /// What was pulled from a remote.
    pub fn of_remote(shared: &Shared, remote: &Remote) -> Self {
        Self {
            inbox: format!("remote {}", remote.name),
            folder: shared.received.with_file_name("pulled").join(&remote.name),
            site: remote.site.clone(),
            pixels: remote.pixels,
        }
    }

    /// Of every listener and remote that is configured.
    pub fn all(shared: &Shared) -> Vec<Self> {
        let config = shared.config();
        let listeners = config.listeners.iter().map(|listener| Self::of_listener(shared, listener));
        listeners.chain(config.remotes.iter().map(|remote| Self::of_remote(shared, remote))).collect()
    }

    /// What lies there and was not dealt with.
    pub fn left(&self, shared: &Shared) -> Vec<PathBuf> {
        let all = Arrivals::list(&self.folder).unwrap_or_else(|error| {
            tracing::error!("what {} has brought cannot be read: {}", self.inbox, io_error(&error));
            Vec::new()
        });
        let is_new = |path: &PathBuf| {
            let Some(found) = self.found(path) else { return false };
            let known = shared.map.knows(&self.inbox, &path.to_string_lossy(), found.bytes, found.mtime_ns);
            matches!(known, Ok(Known::Never) | Err(_))
        };
        all.into_iter().filter(is_new).collect()
    }

    /// A file of the folder as the intake takes it.
    pub fn found(&self, path: &Path) -> Option<Found> {
        let found = std::fs::metadata(path).ok()?;
        Some(Found {
            inbox: self.inbox.clone(),
            path: path.into(),
            bytes: found.len(),
            mtime_ns: found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec()),
            site: self.site.clone(),
            vetting: if self.pixels == Pixels::Trusted { Vetting::Trusted } else { Vetting::default() },
            by: DiscoveredBy::Event,
        })
    }

    /// Hands in what was not dealt with, and waits for it; how much it was.
    pub fn take_up(&self, shared: &Shared, intake: &Intake, tally: &Arc<Tally>) -> u64 {
        let left = self.left(shared);
        for found in left.iter().filter_map(|path| self.found(path)) {
            intake.hand_in(found, tally);
        }
        self.settle(shared, tally);
        left.len() as u64
    }

    /// Waits for what was handed in, and removes what is safe elsewhere.
    pub fn settle(&self, shared: &Shared, tally: &Tally) {
        while tally.open() > 0 {
            tally.wait(Duration::from_millis(200));
        }
        self.dispose(shared);
    }

    /// Removes what is stored and reads back, and what lies in quarantine. What was rejected stays where it is.
    pub fn dispose(&self, shared: &Shared) {
        let inbox = Inbox {
            name: self.inbox.clone(),
            path: self.folder.clone(),
            site: self.site.clone(),
            after: After::Remove,
            move_to: None,
            pixels: self.pixels,
            anonymous: false,
            requester_pays: false,
            links: Links::default(),
        };
        settle_sources(shared, &inbox);
        while let Ok(aside) = shared.map.unsettled_aside(&self.inbox, AT_ONCE) {
            for file in aside.iter().map(|row| &row.file) {
                let is_needless = if file.kept {
                    shared.quarantined(&file.sha256).is_file()
                } else {
                    file.reason == super::deidentify::WITHDRAWN
                };
                if is_needless && std::fs::remove_file(&file.path).is_err() {
                    tracing::warn!("a file that {} has brought stays beside its copy", self.inbox);
                }
            }
            let ids: Vec<i64> = aside.iter().map(|row| row.id).collect();
            if shared.map.settle(&ids).is_err() || ids.len() < AT_ONCE as usize {
                break;
            }
        }
    }
}

/// Hands in what earlier runs have received or pulled and not dealt with, of all that is configured.
pub fn take_up(shared: &Shared, intake: &Intake, tally: &Arc<Tally>) {
    for landed in Landed::all(shared) {
        landed.take_up(shared, intake, tally);
    }
}

/// Folders that hold files which no listener and no remote of the configuration has brought: how many, by folder.
pub fn left_behind(root: &Path, listeners: &[Listener], remotes: &[Remote]) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let known = |place: &str, name: &str| match place {
        "arrived" => listeners.iter().any(|listener| listener.name == name),
        _ => remotes.iter().any(|remote| remote.name == name),
    };
    for place in ["arrived", "pulled"] {
        let folders = std::fs::read_dir(root.join("landing").join(place)).into_iter().flatten().flatten();
        for folder in folders.filter(|f| !known(place, &f.file_name().to_string_lossy())) {
            let files = Arrivals::list(&folder.path()).unwrap_or_default().len() as u64;
            if files > 0 {
                found.insert(folder.path(), files);
            }
        }
    }
    found
}

/// One object on its way to the disk. Dropped before its end, it leaves nothing.
pub struct Incoming {
    arrivals: Arc<Arrivals>,
    head: Vec<u8>,
    draft: Option<Draft>,
}

impl Incoming {
    /// An object whose data set comes alone.
    pub fn object(arrivals: &Arc<Arrivals>, head: &ObjectHead<'_>) -> Self {
        let head = file_head(head.sop_class, head.sop_uid, head.syntax);
        Self { arrivals: arrivals.clone(), head, draft: None }
    }

    /// An object that comes as a whole file.
    pub fn file(arrivals: &Arc<Arrivals>) -> Self {
        Self { arrivals: arrivals.clone(), head: Vec::new(), draft: None }
    }

    /// More of it.
    ///
    /// # Errors
    /// The status with which it is refused.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Status> {
        let draft = match &mut self.draft {
            Some(draft) => draft,
            none => {
                let draft = none.insert(Arrivals::begin(&self.arrivals));
                draft.write(&self.head).map_err(|error| status_of(&error))?;
                draft
            }
        };
        draft.write(bytes).map_err(|error| status_of(&error))
    }

    /// Whether nothing of it has come.
    pub fn is_empty(&self) -> bool {
        self.draft.is_none()
    }

    /// All of it came: where it lies. It survives a power cut when this returns.
    ///
    /// # Errors
    /// The status with which it is refused.
    pub fn finish(mut self) -> Result<PathBuf, Status> {
        let Some(draft) = self.draft.take() else { return Err(Status::CANNOT_UNDERSTAND) };
        Ok(draft.finish().map_err(|error| status_of(&error))?.0)
    }
}

fn status_of(error: &std::io::Error) -> Status {
    tracing::warn!("an object was refused: {}", io_error(error));
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Status::OUT_OF_RESOURCES,
        _ => Status::PROCESSING_FAILURE,
    }
}
