//! Serves an open workspace.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::{Ask, MAX_LINE_BYTES, Message, Request, user_name};
use crate::engine::{Client, Engine, Session};

/// Answers that may wait for a slow client; then its requests wait.
const WAITING: usize = 64;

/// Serves until it is dropped.
pub struct Server {
    runtime: Option<Runtime>,
    socket: PathBuf,
}

/// Why a workspace cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket.
    #[error("the socket cannot be served: {0}")]
    Socket(#[from] io::Error),
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
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
        runtime.spawn(accept(listener, engine.clone()));
        Ok(Self { runtime: Some(runtime), socket })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        }
    }
}

async fn accept(listener: UnixListener, engine: Arc<Engine>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let own = rustix::process::getuid().as_raw();
        // The mode of the socket keeps others out; the credentials say who it is, and again that it is the owner.
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == own => {
                let process = peer.pid().and_then(|pid| u32::try_from(pid).ok());
                tokio::spawn(serve(stream, engine.session_of(&user_name(peer.uid()), process)));
            }
            _ => {}
        }
    }
}

async fn serve(stream: UnixStream, session: Session) {
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
    let events = tokio::spawn(forward(session.subscribe(), out.clone()));
    let mut reader = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(n) if n > 0 => {}
            _ => break,
        }
        let Ok(request) = serde_json::from_slice::<Request>(&line) else { break };
        let (session, out) = (session.clone(), out.clone());
        tokio::task::spawn_blocking(move || {
            let result = match request.ask {
                Ask::Query(query) => session.query(query),
                Ask::Command(command) => session.command(command),
            };
            let _ = out.blocking_send(Message::Answer { id: request.id, result });
        });
    }
    events.abort();
    drop(out);
    let _ = writer.await;
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
