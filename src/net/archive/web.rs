//! A DICOMweb service: QIDO-RS, WADO-RS and STOW-RS (PS3.18).

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use hyper::body::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::json::{attributes, named_in};
use super::{Archive, Attributes, Fetched, FileReceiver, Key, Level, Outgoing, Told, Wanted, runtime};
use crate::dicom::keyword;
use crate::model::words::io_error;
use crate::model::{Tag, tags};
use crate::net::acceptor::Sink;
use crate::net::association::RequestError;
use crate::net::command::Status;
use crate::net::multipart::{Multipart, MultipartError, Piece, parameter};
use crate::net::tls::{ClientTlsFiles, client};
use crate::net::wire::WireError;

/// How long a service may take to be reached.
const CONNECTING: Duration = Duration::from_secs(15);
/// Bytes a second with which an object is sent at least.
const SLOWEST: u64 = 32 << 10;
/// How long it may be silent.
const READING: Duration = Duration::from_secs(120);
/// What is asked for in one page.
const PAGE: usize = 1_000;
/// Pages of one answer, at most.
const MOST_PAGES: usize = 100_000;
/// An answer that is held in memory is not longer.
const LONGEST_ANSWER: usize = 64 << 20;
/// How often a question is asked again whose answer was cut off.
const TRIES: u32 = 4;
/// Bytes that are sent in one request, of more than one object.
const SENT_AT_ONCE: u64 = 16 << 20;
/// Bytes of an object that are held while it is sent.
const SENT_PIECE: u64 = 256 << 10;
/// Between parts that we send.
const BOUNDARY: &str = "gantry-7d1f3b5e9a2c4086";

const FAILED_SOP_SEQUENCE: &str = "00081198";
const REFERENCED_SOP_SEQUENCE: &str = "00081199";

/// A DICOMweb service.
pub struct WebArchive {
    runtime: Runtime,
    client: Client,
    url: String,
}

/// What stands in the file by which we prove who we are: one line, `Name: value`.
fn header(path: &Path) -> Result<(HeaderName, HeaderValue), RequestError> {
    let refused = |why: &str| RequestError::Here(format!("{}: {why}", path.display()));
    let found = std::fs::metadata(path).map_err(|error| refused(&io_error(&error)))?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(refused("others can read it: chmod 600"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refused(&io_error(&error)))?;
    let form = "one line, such as Authorization: Bearer TOKEN";
    let (name, value) = text.trim().split_once(':').ok_or_else(|| refused(form))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| refused(form))?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| refused(form))?;
    value.set_sensitive(true);
    Ok((name, value))
}

impl WebArchive {
    /// The service at a base address; nothing is asked of it yet.
    ///
    /// # Errors
    /// A file that is needed to reach it cannot be used.
    pub fn new(url: &str, header_file: Option<&Path>, tls: &ClientTlsFiles) -> Result<Self, RequestError> {
        let mut headers = HeaderMap::new();
        if let Some(path) = header_file {
            headers.extend([header(path)?]);
        }
        let tls = client(tls).map_err(|error| RequestError::Here(error.to_string()))?;
        let client = Client::builder()
            .use_preconfigured_tls((*tls).clone())
            .default_headers(headers)
            .user_agent(concat!("gantry/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECTING)
            .tcp_nodelay(true)
            // What proves who we are goes to nobody else, and a page to log in at is no answer.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .build()
            .map_err(|error| RequestError::Here(words(&error)))?;
        Ok(Self { runtime: runtime()?, client, url: url.trim_end_matches('/').into() })
    }

    async fn get(
        &self,
        path: &str,
        query: &[(String, String)],
        accept: &str,
    ) -> Result<Response, RequestError> {
        let url = format!("{}{path}", self.url);
        let request = self.client.get(&url).query(query).header(ACCEPT, accept);
        let answer = timeout(READING, request.send()).await.map_err(|_| WireError::Silent)?;
        accepted(answer.map_err(|error| self.unreachable(&error))?)
    }

    fn unreachable(&self, error: &reqwest::Error) -> RequestError {
        // It was there, and the connection ended.
        if !error.is_connect() && !error.is_builder() {
            return cut_off(error);
        }
        RequestError::Unreachable { address: self.url.clone(), why: words(error) }
    }

    /// One page; asked for again where it was cut off.
    async fn page(&self, path: &str, query: &[(String, String)]) -> Result<Vec<Attributes>, RequestError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = async {
                let answer = self.get(path, query, "application/dicom+json").await?;
                if answer.status() == StatusCode::NO_CONTENT {
                    return Ok(Vec::new());
                }
                attributes(&held(answer).await?)
            };
            match answer.await {
                Err(error) if is_passing(&error) && tries < TRIES => pause(tries).await,
                done => return done,
            }
        }
    }

    async fn find(
        &self,
        level: Level,
        keys: &[Key],
        each: &mut dyn FnMut(Attributes) -> bool,
    ) -> Result<(), RequestError> {
        let (path, keys) = path_of(level, keys);
        let named =
            |key: &Key| (keyword(key.tag).unwrap_or_default().to_owned(), key.value.replace('\\', ","));
        let query: Vec<(String, String)> = keys.iter().map(named).collect();
        let (mut seen, mut offset) = (HashSet::new(), 0);
        for _ in 0..MOST_PAGES {
            let mut asked = query.clone();
            asked.extend([("limit".into(), PAGE.to_string()), ("offset".into(), offset.to_string())]);
            let page = self.page(&path, &asked).await?;
            let before = seen.len();
            offset += page.len();
            for attributes in page {
                let Some(uid) = attributes.uid(level.unique()).map(ToOwned::to_owned) else { continue };
                if seen.insert(uid) && !each(attributes) {
                    return Ok(());
                }
            }
            // The end, or a service that knows no pages and says the same again.
            if seen.len() == before {
                return Ok(());
            }
        }
        Err(RequestError::Answer("it finds no end"))
    }

    /// What a path holds, to the receiver: files, each whole or not at all.
    async fn files(&self, path: &str, receiver: &dyn FileReceiver) -> Result<u64, RequestError> {
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
        let mut answer = self.get(path, &[], accept).await?;
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let mut files = Files { receiver, open: None, whole: 0, refused: None };
        if parameter(&content_type, "boundary").0 == "application/dicom" {
            files.take(Piece::Begin(Some("application/dicom")))?;
            while let Some(piece) = next_piece(&mut answer).await? {
                files.take(Piece::Data(&piece))?;
            }
            files.take(Piece::End)?;
        } else {
            let mut multipart = Multipart::of(&content_type)?;
            while let Some(piece) = next_piece(&mut answer).await? {
                multipart.feed(&piece, |piece| files.take(piece))?;
            }
            multipart.finish()?;
        }
        match files.refused {
            None => Ok(files.whole),
            Some(_) => Err(RequestError::Answer("a part is no instance that was asked for")),
        }
    }

    async fn fetch(&self, wanted: &Wanted, receiver: &dyn FileReceiver) -> Result<Fetched, RequestError> {
        let mut fetched = Fetched::default();
        let series = format!("/studies/{}/series/{}", wanted.study, wanted.series);
        if wanted.is_whole && wanted.instances.len() > 1 {
            match self.files(&series, receiver).await {
                Ok(_) => {}
                Err(error) if is_passing(&error) => {}
                // What cannot be had as a whole may be had one by one.
                Err(RequestError::Http { status: 400..=499 | 501, .. } | RequestError::Answer(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for (uid, _) in &wanted.instances {
            let mut tries = 0;
            while !receiver.has(uid) {
                tries += 1;
                match self.files(&format!("{series}/instances/{uid}"), receiver).await {
                    Ok(_) if receiver.has(uid) => {}
                    Ok(_) => {
                        fetched.failed.push(("it gives another instance than was asked for".into(), 1));
                        break;
                    }
                    Err(error) if is_passing(&error) && tries < TRIES => pause(tries).await,
                    Err(error @ (RequestError::NoRoom | RequestError::Unreachable { .. })) => {
                        return Err(error);
                    }
                    Err(error) => {
                        fetched.failed.push((error.to_string(), 1));
                        break;
                    }
                }
            }
        }
        Ok(fetched)
    }

    /// Sends objects in one request.
    async fn store(&self, objects: &[(usize, &Outgoing)], told: Told<'_>) -> Result<(), RequestError> {
        let head = |first: bool| {
            let line = if first { "" } else { "\r\n" };
            format!("{line}--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n")
        };
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let heads: u64 = (0..objects.len()).map(|at| head(at == 0).len() as u64).sum();
        let length = heads + tail.len() as u64 + objects.iter().map(|(_, o)| o.file.len()).sum::<u64>();
        let mut pieces: Vec<(Vec<u8>, Option<crate::bytes::ByteSource<'static>>)> = Vec::new();
        for (at, (_, object)) in objects.iter().enumerate() {
            pieces.push((head(at == 0).into_bytes(), None));
            let (length, mut from) = (object.file.len(), 0);
            while from < length {
                let end = length.min(from + SENT_PIECE);
                pieces.push((Vec::new(), Some(object.file.range(from..end).into_owned())));
                from = end;
            }
        }
        pieces.push((tail.into_bytes(), None));
        let read = |(bytes, stored): (Vec<u8>, Option<crate::bytes::ByteSource<'static>>)| match stored {
            None => Ok(bytes),
            Some(stored) => stored.into_bytes(),
        };
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces.into_iter().map(read)));
        let kind = format!("multipart/related; type=\"application/dicom\"; boundary={BOUNDARY}");
        let request = self.client.post(format!("{}/studies", self.url));
        let request = request
            .header(CONTENT_TYPE, kind)
            .header(CONTENT_LENGTH, length)
            .header(ACCEPT, "application/dicom+json")
            .body(body);
        let patience = READING + Duration::from_secs(length / SLOWEST);
        let answer = timeout(patience, request.send()).await.map_err(|_| WireError::Silent)?;
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        // 409: none of them was stored, and why stands in the answer.
        let is_told = answer.status() == StatusCode::CONFLICT || answer.status() == StatusCode::ACCEPTED;
        let answer = if is_told { answer } else { accepted(answer)? };
        let status = answer.status();
        let text = held(answer).await?;
        let (stored, refused) =
            (named_in(&text, REFERENCED_SOP_SEQUENCE), named_in(&text, FAILED_SOP_SEQUENCE));
        for (at, object) in objects {
            let why = refused.iter().find(|(uid, _)| *uid == object.sop_uid);
            let is_stored = stored.iter().any(|(uid, _)| *uid == object.sop_uid);
            told(
                *at,
                match why {
                    Some((_, reason)) => Err(format!("it refuses it with {reason:04X}")),
                    None if is_stored && status != StatusCode::CONFLICT => Ok(()),
                    None => Err("it does not say that it has stored it".into()),
                },
            );
        }
        Ok(())
    }
}

impl Archive for WebArchive {
    fn echo(&mut self) -> Result<(), RequestError> {
        self.runtime.block_on(async {
            let query = [("limit".into(), "1".into())];
            self.page("/studies", &query).await.map(|_| ())
        })
    }

    fn find(
        &mut self,
        level: Level,
        keys: &[Key],
        each: &mut dyn FnMut(Attributes) -> bool,
    ) -> Result<(), RequestError> {
        self.runtime.block_on(WebArchive::find(self, level, keys, each))
    }

    fn fetch(&mut self, wanted: &Wanted, receiver: &dyn FileReceiver) -> Result<Fetched, RequestError> {
        self.runtime.block_on(WebArchive::fetch(self, wanted, receiver))
    }

    fn send(&mut self, objects: &[Outgoing], told: Told<'_>) -> Result<(), RequestError> {
        let mut rest: Vec<(usize, &Outgoing)> = objects.iter().enumerate().collect();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |(_, object): &&(usize, &Outgoing)| {
                bytes += object.file.len();
                bytes <= SENT_AT_ONCE
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let some: Vec<(usize, &Outgoing)> = rest.drain(..count).collect();
            if let [one] = *some {
                self.store_alone(one, told)?;
                continue;
            }
            match self.runtime.block_on(self.store(&some, told)) {
                // One of them may be what it cannot take: each by itself then.
                Err(RequestError::Http { status, .. }) if status != 401 && status != 403 => {
                    for one in some {
                        self.store_alone(one, told)?;
                    }
                }
                other => other?,
            }
        }
        Ok(())
    }
}

impl WebArchive {
    fn store_alone(&self, one: (usize, &Outgoing), told: Told<'_>) -> Result<(), RequestError> {
        match self.runtime.block_on(self.store(&[one], told)) {
            Err(error @ RequestError::Http { status, .. }) if status != 401 && status != 403 => {
                told(one.0, Err(error.to_string()));
                Ok(())
            }
            other => other,
        }
    }
}

/// Files as they come.
struct Files<'r> {
    receiver: &'r dyn FileReceiver,
    open: Option<Box<dyn Sink>>,
    whole: u64,
    refused: Option<Status>,
}

impl Files<'_> {
    fn take(&mut self, piece: Piece<'_>) -> Result<(), RequestError> {
        match piece {
            Piece::Begin(content_type) => {
                let is_file = content_type.is_none_or(|t| parameter(t, "boundary").0 == "application/dicom");
                self.open = if is_file { self.kept(|receiver| receiver.begin_file()) } else { None };
            }
            Piece::Data(data) => {
                if let Some(open) = &mut self.open
                    && let Err(status) = open.write(data)
                {
                    (self.open, self.refused) = (None, Some(status));
                }
            }
            Piece::End => {
                if let Some(open) = self.open.take()
                    && self.kept(|_| open.finish()).is_some()
                {
                    self.whole += 1;
                }
            }
        }
        match self.refused {
            // No room: nothing more is taken.
            Some(Status::OUT_OF_RESOURCES) => Err(RequestError::NoRoom),
            _ => Ok(()),
        }
    }

    fn kept<T>(&mut self, act: impl FnOnce(&dyn FileReceiver) -> Result<T, Status>) -> Option<T> {
        act(self.receiver).map_err(|status| self.refused = Some(status)).ok()
    }
}

impl From<MultipartError> for RequestError {
    fn from(error: MultipartError) -> Self {
        match error {
            MultipartError::NoBoundary => Self::Answer("parts without a boundary"),
            MultipartError::Head => Self::Answer("the head of a part"),
            MultipartError::CutOff => Self::Wire(WireError::Closed),
        }
    }
}

/// Where a level is searched, and what is left to ask for: UIDs of the levels above stand in the path.
fn path_of(level: Level, keys: &[Key]) -> (String, Vec<Key>) {
    let mut left: Vec<Key> = keys.to_vec();
    let mut within = |tag: Tag, name: &str| {
        let at = left.iter().position(|key| key.tag == tag && key.is_uid())?;
        Some(format!("/{name}/{}", left.remove(at).value))
    };
    let path = match level {
        Level::Study => "/studies".into(),
        Level::Series => within(tags::STUDY_INSTANCE_UID, "studies").unwrap_or_default() + "/series",
        Level::Instance => {
            let study = within(tags::STUDY_INSTANCE_UID, "studies");
            let series = study.as_ref().and_then(|_| within(tags::SERIES_INSTANCE_UID, "series"));
            study.unwrap_or_default() + &series.unwrap_or_default() + "/instances"
        }
    };
    (path, left)
}

/// The answer, or why there is none.
fn accepted(answer: Response) -> Result<Response, RequestError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let what = match status {
        StatusCode::UNAUTHORIZED => "it does not know who we are; see auth.header_file",
        StatusCode::FORBIDDEN => "we may not",
        StatusCode::NOT_FOUND => "it is not there; is the base of the services right?",
        other => other.canonical_reason().unwrap_or_default(),
    };
    Err(RequestError::Http { status: status.as_u16(), what: what.into() })
}

/// The next piece of an answer, in time; none at its end.
async fn next_piece(answer: &mut Response) -> Result<Option<Bytes>, RequestError> {
    let next = timeout(READING, answer.chunk()).await.map_err(|_| WireError::Silent)?;
    next.map_err(|error| cut_off(&error))
}

/// An answer in memory.
async fn held(mut answer: Response) -> Result<Vec<u8>, RequestError> {
    let mut held = Vec::new();
    while let Some(piece) = next_piece(&mut answer).await? {
        if held.len() + piece.len() > LONGEST_ANSWER {
            return Err(RequestError::Answer("it is too long"));
        }
        held.extend_from_slice(&piece);
    }
    Ok(held)
}

/// Whether the same may go well when it is asked for again.
fn is_passing(error: &RequestError) -> bool {
    matches!(
        error,
        RequestError::Wire(_)
            | RequestError::Http { status: 408 | 429 | 500 | 502 | 503 | 504, .. }
            | RequestError::Answer("the head of a part")
    )
}

async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(200) * tries.pow(2)).await;
}

/// The connection broke while an answer came.
fn cut_off(error: &reqwest::Error) -> RequestError {
    RequestError::Wire(if error.is_timeout() { WireError::Silent } else { WireError::Closed })
}

/// What went wrong, without the address: it is named beside, and its query may name a patient.
fn words(error: &reqwest::Error) -> String {
    use std::error::Error;
    if error.is_timeout() {
        return "no answer".into();
    }
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match deepest.downcast_ref::<std::io::Error>() {
        Some(error) => io_error(error),
        None if error.is_builder() => "no address that can be asked".into(),
        None => deepest.to_string().chars().take(200).collect(),
    }
}
