//! Serves an open workspace.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, mpsc, watch};

use super::{Ask, Hello, MAX_LINE_BYTES, Message, PROTOCOL, Request, pieces};
use crate::access::{Permission, Way};
use crate::bytes::ByteSource;
use crate::config::{group_id, groups_of, user_name};
use crate::engine::{Client, Engine, EngineError, Identity, Session};
use crate::model::words::io_error;

/// Answers that may wait for a slow client; then its requests wait.
const WAITING: usize = 64;
/// Requests of one client that are worked on at once.
const AT_ONCE: usize = 16;
/// How long a client may take to say what it speaks.
const GREETING: Duration = Duration::from_secs(10);

/// How long what was begun may take to be answered when the owner ends.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Serves until it is dropped.
pub struct Server {
    runtime: Option<Runtime>,
    socket: PathBuf,
    closing: watch::Sender<bool>,
    /// Closed once every connection has ended.
    connections: mpsc::Receiver<()>,
}

/// Why a workspace cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket.
    #[error("the socket cannot be served: {}", io_error(.0))]
    Socket(#[from] io::Error),
    /// `[access] group` names no group.
    #[error("access.group = {0:?}: the system knows no such group")]
    Group(String),
    /// The owner may not give the socket to the group.
    #[error("access.group = {0:?}: the socket cannot be given to it; its owner must be a member")]
    Member(String),
}

impl Server {
    /// Starts serving on the workspace's socket. The lock is held, so a socket that lies there is a dead owner's.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn start(engine: &Arc<Engine>) -> Result<Self, ServeError> {
        let socket = engine.workspace().socket();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let _ = std::fs::remove_file(&socket);
        let listener = {
            let _context = runtime.enter();
            // The folder may be shared: nobody else gets in between making the socket and closing it to others.
            let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
            let listener = UnixListener::bind(&socket);
            rustix::process::umask(mask);
            listener?
        };
        open_to(&socket, &engine.shared().config().access.group)?;
        let (closing, closes) = watch::channel(false);
        let (alive, connections) = mpsc::channel(1);
        runtime.spawn(accept(listener, engine.clone(), closes, alive));
        Ok(Self { runtime: Some(runtime), socket, closing, connections })
    }
}

/// Who may attach: the owner, and the members of a group where one is named.
fn open_to(socket: &Path, group: &str) -> Result<(), ServeError> {
    let mut mode = 0o600;
    if !group.is_empty() {
        let gid = group_id(group).ok_or_else(|| ServeError::Group(group.into()))?;
        std::os::unix::fs::chown(socket, None, Some(gid)).map_err(|_| ServeError::Member(group.into()))?;
        mode = 0o660;
    }
    Ok(std::fs::set_permissions(socket, std::fs::Permissions::from_mode(mode))?)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
        let _ = self.closing.send(true);
        if let Some(runtime) = self.runtime.take() {
            // What was begun is answered; who waits for more learns that it was not begun.
            let connections = &mut self.connections;
            runtime.block_on(async {
                let _ = tokio::time::timeout(LAST_ANSWERS, connections.recv()).await;
            });
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}

async fn accept(
    listener: UnixListener,
    engine: Arc<Engine>,
    mut closes: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing(&mut closes) => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let own = rustix::process::getuid().as_raw();
        // The mode of the socket keeps others out; the credentials say who it is.
        let Ok(peer) = stream.peer_cred() else { continue };
        let process = peer.pid().and_then(|pid| u32::try_from(pid).ok());
        let (engine, closes, alive) = (engine.clone(), closes.clone(), alive.clone());
        tokio::spawn(async move {
            let _alive = alive;
            // The system's databases may be on another machine.
            let who = tokio::task::spawn_blocking(move || identity(peer.uid(), own)).await;
            if let Ok(who) = who {
                let is_owner = who.is_owner;
                serve(
                    stream,
                    Peer { session: engine.session_of(who, process), open: Mutex::default() },
                    is_owner,
                    closes,
                )
                .await;
            }
        });
    }
}

/// Who a user is that has come through the socket; `own` is the user who owns the workspace.
fn identity(uid: u32, own: u32) -> Identity {
    if uid == own {
        return Identity::owner(&user_name(uid), Way::Socket);
    }
    Identity { user: user_name(uid), uid, groups: groups_of(uid), is_owner: false, way: Way::Socket }
}

/// Somebody who has attached.
struct Peer {
    session: Session,
    /// What was asked for in pieces last, so that it is opened, verified and, where it identifies, noted once.
    open: Mutex<Option<(Whole, ByteSource<'static>)>>,
}

/// What is asked for in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whole {
    Blob(String),
    Quarantined(i64),
}

impl Peer {
    fn answer(&self, ask: Ask) -> Result<Value, EngineError> {
        match ask {
            Ask::Query(query) => self.session.query(query),
            Ask::Command(command) => self.session.command(command),
            Ask::Blob(range) => self.piece(Whole::Blob(range.of), range.offset),
            Ask::Quarantined(range) => self.piece(Whole::Quarantined(range.of), range.offset),
            Ask::Hello(_) => Err(EngineError::Invalid { why: "that was said already".into() }),
        }
    }

    fn piece(&self, whole: Whole, offset: u64) -> Result<Value, EngineError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, bytes)) = &*open
            && *known == whole
            && offset > 0
        {
            return pieces::piece(bytes, offset);
        }
        let bytes = match &whole {
            Whole::Blob(hash) => self.session.blob(hash)?,
            Whole::Quarantined(id) => self.session.quarantined(*id)?,
        };
        let piece = pieces::piece(&bytes, offset);
        *open = Some((whole, bytes));
        piece
    }
}

/// Both sides say what they speak; whoever speaks something else is told so. What the other side says, where it is the
/// same.
async fn greet(
    reader: &mut BufReader<OwnedReadHalf>,
    out: &mpsc::Sender<Message>,
    is_owner: bool,
) -> Option<Hello> {
    out.send(Message::Hello(Hello::new(is_owner, None))).await.ok()?;
    let line = tokio::time::timeout(GREETING, line(reader)).await.ok()??;
    let first = serde_json::from_slice::<Request>(&line).ok();
    let id = first.as_ref().map_or(0, |first| first.id);
    let theirs = first.and_then(|first| if let Ask::Hello(hello) = first.ask { Some(hello) } else { None });
    let version = match theirs {
        Some(theirs) if theirs.protocol == PROTOCOL => return Some(theirs),
        theirs => theirs.map_or("an earlier one".into(), |theirs| theirs.version),
    };
    let why = format!(
        "this workspace is served by gantry {}, which gantry {version} cannot speak to; use the same version",
        env!("CARGO_PKG_VERSION")
    );
    out.send(Message::Refused(why.clone())).await.ok()?;
    // An earlier client waits for an answer and knows no refusal.
    let _ = out.send(Message::Answer { id, result: Err(EngineError::Conflict { why }) }).await;
    None
}

/// A line of at most [`MAX_LINE_BYTES`]; `None` at the end, or where it is longer.
async fn line(reader: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let read = reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await.ok()?;
    (read > 0 && line.ends_with(b"\n")).then_some(line)
}

/// Waits until the owner ends.
async fn closing(closes: &mut watch::Receiver<bool>) {
    let _ = closes.wait_for(|closing| *closing).await;
}

async fn serve(stream: UnixStream, peer: Peer, is_owner: bool, mut closes: watch::Receiver<bool>) {
    let (read, mut write) = stream.into_split();
    let (out, mut lines) = mpsc::channel::<Message>(WAITING);
    let writer = tokio::spawn(async move {
        while let Some(message) = lines.recv().await {
            let Ok(mut line) = serde_json::to_vec(&message) else { continue };
            line.push(b'\n');
            if write.write_all(&line).await.is_err() {
                return;
            }
        }
    });
    let mut reader = BufReader::new(read);
    if let Some(hello) = greet(&mut reader, &out, is_owner).await {
        let peer = match &hello.acts_for {
            Some(reader) => Peer { session: peer.session.for_reader(reader), ..peer },
            None => peer,
        };
        // Who has no role here does not hear that anything changes either.
        let hears = peer.session.principal().may(Permission::Attend).is_ok();
        let events = hears.then(|| tokio::spawn(forward(peer.session.subscribe(), out.clone())));
        let (slots, peer) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(peer));
        tokio::select! {
            () = requests(&mut reader, &peer, &slots, &out) => {}
            () = closing(&mut closes) => {
                // Every slot is free once everything that was begun is answered.
                let _all = slots.acquire_many(AT_ONCE as u32).await;
                let _ = out.send(Message::Closing).await;
            }
        }
        if let Some(events) = events {
            events.abort();
        }
    }
    drop(out);
    let _ = writer.await;
}

/// Answers requests, some of them at a time, until the client goes or says what nobody understands.
async fn requests(
    reader: &mut BufReader<OwnedReadHalf>,
    peer: &Arc<Peer>,
    slots: &Arc<Semaphore>,
    out: &mpsc::Sender<Message>,
) {
    while let Some(line) = line(reader).await {
        let Ok(Request { id, ask }) = serde_json::from_slice::<Request>(&line) else { return };
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let (peer, out) = (peer.clone(), out.clone());
        tokio::task::spawn_blocking(move || {
            let result = peer.answer(ask);
            let _ = out.blocking_send(Message::Answer { id, result });
            drop(slot);
        });
    }
}

async fn forward(
    mut events: tokio::sync::broadcast::Receiver<crate::model::Event>,
    out: mpsc::Sender<Message>,
) {
    loop {
        match events.recv().await {
            Ok(event) => {
                if out.send(Message::Event(event)).await.is_err() {
                    return;
                }
            }
            // The next event's revision tells the client that it has missed some.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
