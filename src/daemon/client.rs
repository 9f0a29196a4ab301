//! A client of a workspace that another process serves.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::broadcast;

use super::{Ask, Message, Request};
use crate::blob::FsStore;
use crate::bulk::Bulk;
use crate::config::Workspace;
use crate::engine::command::{Command, LookIntake, LookedAt};
use crate::engine::query::Query;
use crate::engine::{Client, EngineError};
use crate::model::Event;
use crate::source::open_file;

type Answer = Result<Value, EngineError>;
/// Who waits for which answer; `None` once the owner has gone.
type Waiting = Arc<Mutex<Option<HashMap<u64, SyncSender<Answer>>>>>;

/// A connection to the process that owns a workspace. Blobs are read from the workspace's own folder: it is the same
/// user on the same machine.
pub struct Attached {
    workspace: Workspace,
    stream: Mutex<UnixStream>,
    next: AtomicU64,
    waiting: Waiting,
    events: broadcast::Sender<Event>,
}

impl Attached {
    /// Attaches to a workspace.
    ///
    /// # Errors
    /// Nobody serves it.
    pub fn connect(workspace: Workspace) -> Result<Self, EngineError> {
        let stream = UnixStream::connect(workspace.socket()).map_err(|_| EngineError::Gone)?;
        let reading = stream.try_clone().map_err(|_| EngineError::Gone)?;
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let events = broadcast::channel(1024).0;
        let (answers, told) = (waiting.clone(), events.clone());
        std::thread::spawn(move || listen(reading, &answers, &told));
        Ok(Self { workspace, stream: Mutex::new(stream), next: AtomicU64::new(1), waiting, events })
    }

    fn ask(&self, ask: Ask) -> Answer {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = sync_channel(1);
        lock(&self.waiting).as_mut().ok_or(EngineError::Gone)?.insert(id, sender);
        let line = serde_json::to_string(&Request { id, ask }).map_err(|_| EngineError::Gone)? + "\n";
        if lock(&self.stream).write_all(line.as_bytes()).is_err() {
            return Err(EngineError::Gone);
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

    fn blob(&self, hash: &str) -> Result<Bulk<'static>, EngineError> {
        Ok(FsStore::attach(&self.workspace.store()).open_verified(hash)?)
    }

    fn quarantined(&self, id: i64) -> Result<Bulk<'static>, EngineError> {
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

/// Takes answers to those who wait and events to everyone, until the owner goes; then nobody waits in vain.
fn listen(stream: UnixStream, waiting: &Waiting, events: &broadcast::Sender<Event>) {
    for line in BufReader::new(stream).lines() {
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
            Err(_) => break,
        }
    }
    for (_, sender) in lock(waiting).take().unwrap_or_default() {
        let _ = sender.send(Err(EngineError::Gone));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
