//! STOW-RS: what a viewer has drawn becomes a read, images go the way of any file (PS3.18 clause 10.5).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming as Body;
use serde_json::{Value, json};

use super::reply::{JSON, Refused, Reply};
use super::route::BASE;
use crate::access::{Permission, Role};
use crate::dicom::with_header;
use crate::engine::command::{StoreImage, StoreLabel};
use crate::engine::query::WhoAmI;
use crate::engine::{Client, EngineError, Session};
use crate::model::tags;
use crate::net::{Multipart, Piece, Status, parameter};
use crate::pipeline::Incoming;
use crate::source::Arrivals;

/// Between two pieces of a body.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a request may take in all.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Bytes of a request, at most.
const LARGEST: u64 = 4 << 30;
/// Objects of a request, at most.
const MOST_PARTS: usize = 10_000;

/// What draws: segmentations, structure sets, reports.
fn is_label(sop_class: &str) -> bool {
    const SEGMENTATIONS: [&str; 3] =
        ["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7", "1.2.840.10008.5.1.4.1.1.481.3"];
    SEGMENTATIONS.contains(&sop_class) || sop_class.starts_with("1.2.840.10008.5.1.4.1.1.88.")
}

/// An object that came, and what became of it.
struct Stored {
    sop_class: String,
    sop_uid: String,
    series_uid: String,
    study_uid: String,
    failure: Option<(u16, String)>,
}

/// Failure Reason (PS3.18 table I.2-2).
mod failure {
    pub const NOT_AUTHORIZED: u16 = 0x0124;
    pub const NO_ROOM: u16 = 0xA700;
    pub const OTHER_STUDY: u16 = 0xA900;
    pub const CANNOT_UNDERSTAND: u16 = 0xC000;
    pub const PROCESSING: u16 = 0x0110;
}

/// Whether somebody may store anything at all: asked before the first byte is taken.
fn may_store(session: &Session) -> Result<(), Refused> {
    let client: &dyn Client = session;
    let who = client.ask(WhoAmI {})?;
    let may = |role: &Role| role.holds(Permission::Read) || role.holds(Permission::Triage);
    if who.roles.iter().any(may) {
        return Ok(());
    }
    Err(Refused::new(StatusCode::FORBIDDEN, "this needs the role reader, reviewer or coordinator"))
}

/// Takes the objects of a request.
pub async fn store(
    session: Session,
    arrivals: Arc<Arrivals>,
    (content_type, study): (String, Option<String>),
    mut body: Body,
) -> Result<Reply, Refused> {
    let (media, kind) = parameter(&content_type, "type");
    let kind = kind.unwrap_or_else(|| "application/dicom".into());
    if media != "multipart/related" || kind != "application/dicom" {
        let why = "objects are stored as multipart/related; type=\"application/dicom\"";
        return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    may_store(&session)?;
    let mut multipart = Multipart::of(&content_type)?;
    let mut parts = Parts { arrivals: &arrivals, open: None, came: Vec::new(), refused: None };
    let (until, mut length) = (Instant::now() + LONGEST, 0_u64);
    loop {
        if Instant::now() > until {
            return Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "the body does not end"));
        }
        let next = tokio::time::timeout(PATIENCE, body.frame()).await;
        let next = next.map_err(|_| Refused::new(StatusCode::REQUEST_TIMEOUT, "the body does not come"))?;
        let Some(frame) = next else { break };
        let frame = frame.map_err(|_| Refused::new(StatusCode::BAD_REQUEST, "the body was cut off"))?;
        let Ok(bytes) = frame.into_data() else { continue };
        length += bytes.len() as u64;
        if length > LARGEST {
            return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 4 GiB"));
        }
        tokio::task::block_in_place(|| multipart.feed(&bytes, |piece| parts.take(piece)))?;
    }
    multipart.finish()?;
    let came = std::mem::take(&mut parts.came);
    if came.is_empty() {
        return Err(Refused::new(StatusCode::BAD_REQUEST, "there is nothing in it"));
    }
    let done = tokio::task::spawn_blocking(move || {
        came.into_iter().map(|path| taken(&session, &path, study.as_deref())).collect::<Vec<_>>()
    });
    let done = done.await.map_err(|_| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "it failed here"))?;
    Ok(answer(&done))
}

/// Objects as they come.
struct Parts<'a> {
    arrivals: &'a Arc<Arrivals>,
    open: Option<Incoming>,
    came: Vec<PathBuf>,
    refused: Option<Refused>,
}

impl Parts<'_> {
    fn take(&mut self, piece: Piece<'_>) -> Result<(), Refused> {
        let no_room = |_: Status| Refused::new(StatusCode::INSUFFICIENT_STORAGE, "there is no room for it");
        match piece {
            Piece::Begin(_) if self.came.len() >= MOST_PARTS => {
                self.refused =
                    Some(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too many objects in one request"));
            }
            Piece::Begin(_) => self.open = Some(Incoming::file(self.arrivals)),
            Piece::Data(data) => {
                if let Some(open) = &mut self.open {
                    open.write(data).map_err(no_room)?;
                }
            }
            Piece::End => {
                // An empty part is none.
                if let Some(open) = self.open.take().filter(|open| !open.is_empty()) {
                    self.came.push(open.finish().map_err(no_room)?);
                }
            }
        }
        self.refused.take().map_or(Ok(()), Err)
    }
}

impl Drop for Parts<'_> {
    fn drop(&mut self) {
        for path in &self.came {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What becomes of one object; its file goes in the end.
fn taken(session: &Session, path: &Path, study: Option<&str>) -> Stored {
    let named = with_header(path, |file, _| {
        let text = |tag| {
            let text = file.dataset.ascii(tag).unwrap_or_default();
            text.trim_end_matches(['\0', ' ']).to_owned()
        };
        Stored {
            sop_class: text(tags::SOP_CLASS_UID),
            sop_uid: text(tags::SOP_INSTANCE_UID),
            series_uid: text(tags::SERIES_INSTANCE_UID),
            study_uid: text(tags::STUDY_INSTANCE_UID),
            failure: None,
        }
    });
    let mut stored = named.unwrap_or_else(|_| Stored {
        sop_class: String::new(),
        sop_uid: String::new(),
        series_uid: String::new(),
        study_uid: String::new(),
        failure: Some((failure::CANNOT_UNDERSTAND, "it is no DICOM file".into())),
    });
    if stored.failure.is_none() && study.is_some_and(|study| study != stored.study_uid) {
        stored.failure = Some((failure::OTHER_STUDY, "it is of another study".into()));
    }
    if stored.failure.is_none() {
        let client: &dyn Client = session;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let outcome = if is_label(&stored.sop_class) {
            client.act(StoreLabel { file }).map(|_| ())
        } else {
            client.act(StoreImage { file })
        };
        stored.failure = outcome.err().map(|error| (reason(&error), error.to_string()));
    }
    let _ = std::fs::remove_file(path);
    stored
}

fn reason(error: &EngineError) -> u16 {
    match error {
        EngineError::Forbidden { .. } | EngineError::ReadOnly { .. } => failure::NOT_AUTHORIZED,
        EngineError::Full => failure::NO_ROOM,
        EngineError::Invalid { .. } | EngineError::Refused { .. } | EngineError::NotFound { .. } => {
            failure::CANNOT_UNDERSTAND
        }
        _ => failure::PROCESSING,
    }
}

fn answer(done: &[Stored]) -> Reply {
    let ui = |text: &str| match text {
        "" => json!({ "vr": "UI" }),
        text => json!({ "vr": "UI", "Value": [text] }),
    };
    let (failed, stored): (Vec<_>, Vec<_>) = done.iter().partition(|one| one.failure.is_some());
    let mut whole = json!({});
    let items = |all: &[&Stored]| -> Vec<Value> {
        let item = |one: &&Stored| {
            let mut item = json!({ "00081150": ui(&one.sop_class), "00081155": ui(&one.sop_uid) });
            match &one.failure {
                Some((reason, why)) => {
                    item["00081197"] = json!({ "vr": "US", "Value": [reason] });
                    // A line for people, where a viewer shows it.
                    item["00000902"] =
                        json!({ "vr": "LO", "Value": [why.chars().take(64).collect::<String>()] });
                }
                None => {
                    let place = format!(
                        "{BASE}/studies/{}/series/{}/instances/{}",
                        one.study_uid, one.series_uid, one.sop_uid
                    );
                    item["00081190"] = json!({ "vr": "UR", "Value": [place] });
                }
            }
            item
        };
        all.iter().map(item).collect()
    };
    if !stored.is_empty() {
        whole["00081199"] = json!({ "vr": "SQ", "Value": items(&stored) });
    }
    if !failed.is_empty() {
        whole["00081198"] = json!({ "vr": "SQ", "Value": items(&failed) });
    }
    let status = match (stored.is_empty(), failed.is_empty()) {
        (_, true) => StatusCode::OK,
        (false, false) => StatusCode::ACCEPTED,
        (true, false) => StatusCode::CONFLICT,
    };
    Reply::Whole(status, JSON.into(), whole.to_string().into_bytes())
}
