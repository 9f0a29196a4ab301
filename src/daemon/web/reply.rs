//! Answers, and why there are none.

use std::io;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::engine::EngineError;
use crate::net::MultipartError;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// DICOM JSON.
pub const JSON: &str = "application/dicom+json";
/// Pieces that may wait for a slow client; then whoever makes them waits.
const WAITING: usize = 8;

/// Takes the pieces of an answer; says whether more are wanted.
pub type Out<'o> = &'o mut dyn FnMut(Vec<u8>) -> bool;

/// An answer before it is sent.
pub enum Reply {
    /// In memory.
    Whole(StatusCode, String, Vec<u8>),
    /// Made while it is sent.
    Pieces(String, Box<dyn FnOnce(Out<'_>) + Send>),
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
pub fn response(reply: Result<Reply, Refused>) -> Response<Body> {
    match reply {
        Ok(Reply::Whole(status, kind, bytes)) => with_type(status, &kind, full(bytes)),
        Ok(Reply::Pieces(kind, make)) => with_type(StatusCode::OK, &kind, pieces(make)),
        Err(Refused(status, why)) => {
            with_type(status, "text/plain; charset=utf-8", full(format!("{why}\n").into_bytes()))
        }
    }
}

/// What is made on a thread that may wait, as fast as it is taken.
fn pieces(make: Box<dyn FnOnce(Out<'_>) + Send>) -> Body {
    let (sender, receiver) = mpsc::channel::<Vec<u8>>(WAITING);
    tokio::task::spawn_blocking(move || make(&mut |piece| sender.blocking_send(piece).is_ok()));
    let next = |mut receiver: mpsc::Receiver<Vec<u8>>| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, io::Error>(Frame::data(Bytes::from(piece))), receiver))
    };
    let stream = futures_util::stream::unfold(receiver, next);
    StreamBody::new(stream).boxed_unsync()
}
