//! Answers, and why there are none.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::engine::EngineError;
use crate::net::MultipartError;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// DICOM JSON.
pub const JSON: &str = "application/dicom+json";
/// Pieces that may wait for a slow client; then whoever makes them waits.
const WAITING: usize = 8;

/// How long a client may take for a piece of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes the pieces of an answer; says whether more are wanted.
pub type Out<'o> = &'o mut dyn FnMut(Vec<u8>) -> bool;

/// An answer before it is sent.
pub enum Reply {
    /// In memory.
    Whole(StatusCode, String, Vec<u8>),
    /// Made while it is sent.
    /// It says whether it is whole; else the answer is cut off, so that nobody takes it for whole.
    Pieces(String, Box<dyn FnOnce(Out<'_>) -> bool + Send>),
}

/// Why a request is not answered: a status, and a line for people that names nobody.
#[derive(Debug)]
pub struct Refused(pub StatusCode, pub String);

impl Refused {
    pub fn new(status: StatusCode, why: &str) -> Self {
        Self(status, why.into())
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "it is not here")
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        let status = match &error {
            EngineError::NotFound { .. } => StatusCode::NOT_FOUND,
            EngineError::Conflict { .. } => StatusCode::CONFLICT,
            EngineError::Invalid { .. } | EngineError::Refused { .. } => StatusCode::BAD_REQUEST,
            EngineError::Forbidden { .. } | EngineError::ReadOnly { .. } => StatusCode::FORBIDDEN,
            EngineError::Full => StatusCode::INSUFFICIENT_STORAGE,
            EngineError::NotBegun | EngineError::Gone => StatusCode::SERVICE_UNAVAILABLE,
            EngineError::Storage { .. } | EngineError::Damaged { .. } | EngineError::Remote { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        // What a disk or a database says is for the log.
        let why = if status.is_server_error() { error.code().to_owned() } else { error.to_string() };
        Self(status, why)
    }
}

impl From<MultipartError> for Refused {
    fn from(error: MultipartError) -> Self {
        Self(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}"))
    }
}

impl Reply {
    /// DICOM JSON.
    pub fn json(value: &Value) -> Self {
        Self::Whole(StatusCode::OK, JSON.into(), value.to_string().into_bytes())
    }
}

fn with_type(status: StatusCode, kind: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Ok(kind) = HeaderValue::from_str(kind) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

fn full(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}

/// An answer as it is sent.
pub fn response(reply: Result<Reply, Refused>, turn: Option<OwnedSemaphorePermit>) -> Response<Body> {
    match reply {
        Ok(Reply::Whole(status, kind, bytes)) => with_type(status, &kind, full(bytes)),
        Ok(Reply::Pieces(kind, make)) => with_type(StatusCode::OK, &kind, pieces(make, turn)),
        Err(Refused(status, why)) => {
            with_type(status, "text/plain; charset=utf-8", full(format!("{why}\n").into_bytes()))
        }
    }
}

/// What is made on a thread that may wait, as fast as it is taken. `turn` is held until it is made.
fn pieces(make: Box<dyn FnOnce(Out<'_>) -> bool + Send>, turn: Option<OwnedSemaphorePermit>) -> Body {
    let (sender, receiver) = mpsc::channel::<Vec<u8>>(WAITING);
    let is_whole = Arc::new(AtomicBool::new(false));
    let made = is_whole.clone();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let runtime = tokio::runtime::Handle::current();
        let mut put = |piece| {
            let sent = runtime.block_on(tokio::time::timeout(PATIENCE, sender.send(piece)));
            matches!(sent, Ok(Ok(())))
        };
        if make(&mut put) {
            made.store(true, Ordering::Release);
        }
    });
    let next = |(mut receiver, is_whole): (mpsc::Receiver<Vec<u8>>, Option<Arc<AtomicBool>>)| async move {
        let whole = is_whole?;
        match receiver.recv().await {
            Some(piece) => Some((Ok(Frame::data(Bytes::from(piece))), (receiver, Some(whole)))),
            None if whole.load(Ordering::Acquire) => None,
            // What made it has failed.
            None => Some((Err(io::Error::from(io::ErrorKind::UnexpectedEof)), (receiver, None))),
        }
    };
    StreamBody::new(futures_util::stream::unfold((receiver, Some(is_whole)), next)).boxed_unsync()
}
