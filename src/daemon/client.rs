//! A client of a workspace that another process serves.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast;

use super::pieces::gather;
use super::{Ask, Hello, Message, PROTOCOL, Range, Request};
use crate::blob::{BlobError, FsStore, name_of_bulk};
use crate::bytes::ByteSource;
use crate::config::Workspace;
use crate::engine::command::{Command, LookIntake, LookedAt};
use crate::engine::query::Query;
use crate::engine::{Client, EngineError};
use crate::model::Event;
use crate::source::open_file;

type Answer = Result<Value, EngineError>;
/// Who waits for which answer; `None` once the owner has gone.
type Waiting = Arc<Mutex<Option<HashMap<u64, SyncSender<Answer>>>>>;

/// A connection to the process that owns a workspace. The owner's own blobs are read from the workspace's folder: it is the
/// same user on the same machine. Everybody else's come through the socket.
pub struct Attached {
    workspace: Workspace,
    stream: Mutex<UnixStream>,
    next: AtomicU64,
    waiting: Waiting,
    events: broadcast::Sender<Event>,
    is_owner: bool,
}

/// Why somebody cannot attach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Nobody serves the workspace.
    #[error("nobody serves this workspace")]
    Gone,
    /// The socket is not for this user.
    #[error("the owner of this workspace has not opened it to you ([access] group and roles)")]
    Closed,
    /// The owner's version speaks something else, or has refused.
    #[error("{0}")]
    Refused(String),
}

/// How long the owner may take to say what it speaks.
const GREETING: Duration = Duration::from_secs(10);
/// Bytes of what the owner says first, at most.
const MAX_GREETING_BYTES: u64 = 64 << 10;

impl Attached {
    /// Attaches to a workspace.
    ///
    /// # Errors
    /// [`AttachError`]
    pub fn connect(workspace: Workspace) -> Result<Self, AttachError> {
        Self::connect_as(workspace, None)
    }

    /// Attaches to a workspace, acting for a reader where one is named.
    ///
    /// # Errors
    /// [`AttachError`]
    pub fn connect_as(workspace: Workspace, acts_for: Option<&str>) -> Result<Self, AttachError> {
        let mut stream = UnixStream::connect(workspace.socket()).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => AttachError::Closed,
            _ => AttachError::Gone,
        })?;
        let gone = |_| AttachError::Gone;
        let mut reader = BufReader::new(stream.try_clone().map_err(gone)?);
        let hello = Request { id: 0, ask: Ask::Hello(Hello::new(false, acts_for)) };
        let line = serde_json::to_string(&hello).map_err(|_| AttachError::Gone)? + "\n";
        stream.write_all(line.as_bytes()).map_err(gone)?;
        stream.set_read_timeout(Some(GREETING)).map_err(gone)?;
        let owner = greeting(&mut reader)?;
        stream.set_read_timeout(None).map_err(gone)?;
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let events = broadcast::channel(1024).0;
        let (answers, told) = (waiting.clone(), events.clone());
        std::thread::spawn(move || listen(reader, &answers, &told));
        // Who acts for a reader sees through the gate what the reader may see.
        let is_owner = owner.is_owner && acts_for.is_none();
        let (stream, next) = (Mutex::new(stream), AtomicU64::new(1));
        Ok(Self { workspace, stream, next, waiting, events, is_owner })
    }

    fn ask(&self, ask: Ask) -> Answer {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = sync_channel(1);
        lock(&self.waiting).as_mut().ok_or(EngineError::NotBegun)?.insert(id, sender);
        let line = serde_json::to_string(&Request { id, ask }).map_err(|_| EngineError::Gone)? + "\n";
        // A line that is not whole is not understood: nothing is begun by it.
        if lock(&self.stream).write_all(line.as_bytes()).is_err() {
            return Err(EngineError::NotBegun);
        }
        answer.recv().unwrap_or(Err(EngineError::Gone))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = lock(&self.stream).shutdown(std::net::Shutdown::Both);
    }
}

impl Client for Attached {
    fn query(&self, query: Query) -> Answer {
        self.ask(Ask::Query(query))
    }

    fn command(&self, command: Command) -> Answer {
        self.ask(Ask::Command(command))
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    fn blob(&self, hash: &str) -> Result<ByteSource<'static>, EngineError> {
        if !self.is_owner {
            let bytes = gather(|offset| self.ask(Ask::Blob(Range { of: hash.into(), offset })))?;
            // What came over is held against its name as it would be from the store.
            return match name_of_bulk(&bytes) {
                Ok(name) if name == hash => Ok(bytes),
                _ => Err(BlobError::Damaged(hash.into()).into()),
            };
        }
        Ok(FsStore::attach(&self.workspace.store()).open_verified(hash)?)
    }

    fn quarantined(&self, id: i64) -> Result<ByteSource<'static>, EngineError> {
        if !self.is_owner {
            return gather(|offset| self.ask(Ask::Quarantined(Range { of: id, offset })));
        }
        let client: &dyn Client = self;
        let LookedAt { sha256 } = client.act(LookIntake { id })?;
        let missing = || EngineError::NotFound { what: "quarantined file".into(), id: id.to_string() };
        // The hash comes from the owner of the workspace, and is no path unless it is one of hexadecimal digits.
        if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let path = self.workspace.quarantine().join(format!("{sha256}.dcm"));
        open_file(&path).map_err(|_| missing())
    }
}

/// What the owner says first.
fn greeting(reader: &mut BufReader<UnixStream>) -> Result<Hello, AttachError> {
    let mut line = String::new();
    let read = reader.take(MAX_GREETING_BYTES).read_line(&mut line);
    match read {
        Ok(0) => return Err(AttachError::Gone),
        Ok(_) => {}
        // An earlier version waits for a request and says nothing by itself.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            return Err(AttachError::Refused(earlier()));
        }
        Err(_) => return Err(AttachError::Gone),
    }
    match serde_json::from_str(&line) {
        Ok(Message::Hello(hello)) if hello.protocol == PROTOCOL => Ok(hello),
        Ok(Message::Hello(hello)) => Err(AttachError::Refused(format!(
            "this workspace is served by gantry {}, which gantry {} cannot speak to; use the same version",
            hello.version,
            env!("CARGO_PKG_VERSION")
        ))),
        Ok(Message::Refused(why)) => Err(AttachError::Refused(why)),
        Ok(Message::Closing) => Err(AttachError::Gone),
        _ => Err(AttachError::Refused(earlier())),
    }
}

fn earlier() -> String {
    format!(
        "this workspace is served by an earlier gantry, which gantry {} cannot speak to; use the same version",
        env!("CARGO_PKG_VERSION")
    )
}

/// Takes answers to those who wait and events to everyone, until the owner goes; then nobody waits in vain.
fn listen(reader: BufReader<UnixStream>, waiting: &Waiting, events: &broadcast::Sender<Event>) {
    for line in reader.lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(Message::Answer { id, result }) => {
                if let Some(sender) = lock(waiting).as_mut().and_then(|w| w.remove(&id)) {
                    let _ = sender.send(result);
                }
            }
            Ok(Message::Event(event)) => {
                let _ = events.send(event);
            }
            Ok(Message::Hello(_)) => {}
            Ok(Message::Closing) => {
                for (_, sender) in lock(waiting).take().unwrap_or_default() {
                    let _ = sender.send(Err(EngineError::NotBegun));
                }
                break;
            }
            Ok(Message::Refused(_)) | Err(_) => break,
        }
    }
    for (_, sender) in lock(waiting).take().unwrap_or_default() {
        let _ = sender.send(Err(EngineError::Gone));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
