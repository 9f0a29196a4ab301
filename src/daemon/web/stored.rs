//! Stored instances as they are answered with.

use hyper::StatusCode;
use serde_json::{Map, Value};

use super::reply::Refused;
use super::route::Place;
use crate::bytes::ByteSource;
use crate::dicom::{Charset, to_json, with_header};
use crate::engine::query::{Page, StoredInstanceView, StoredInstances, StoredSeries, WhichSeries};
use crate::engine::{Client, Session};
use crate::model::Tag;

/// The header of an instance.
pub struct Header {
    /// As DICOM JSON, without where long values are had.
    pub json: Map<String, Value>,
}

/// What cannot be read, in a line that names nothing.
fn unreadable(_: impl std::error::Error) -> Refused {
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "an instance cannot be read; `gantry verify` says more")
}

/// The bytes of an instance.
pub fn bytes_of(session: &Session, blob: &str) -> Result<ByteSource<'static>, Refused> {
    Ok(session.blob(blob)?)
}

/// The header of an instance.
pub fn header(session: &Session, blob: &str) -> Result<Header, Refused> {
    metadata(session, blob, &|_| None).map(|json| Header { json })
}

/// The header with where long values are had.
pub fn metadata(
    session: &Session,
    blob: &str,
    bulk: &dyn Fn(Tag) -> Option<String>,
) -> Result<Map<String, Value>, Refused> {
    let path = session.blob_path(blob)?;
    let json = with_header(&path, |file, _| to_json(&file.dataset, &Charset::default(), bulk));
    match json.map_err(unreadable)? {
        Value::Object(mut json) => {
            // All text is UTF-8 now.
            json.insert("00080005".into(), serde_json::json!({ "vr": "CS", "Value": ["ISO_IR 192"] }));
            Ok(json)
        }
        _ => Ok(Map::new()),
    }
}

/// An instance with the series that it is of.
pub struct Found {
    pub study_uid: String,
    pub series_uid: String,
    pub instance: StoredInstanceView,
}

/// The instances of a study, a series, or one alone.
pub fn at(session: &Session, place: &Place) -> Result<Vec<Found>, Refused> {
    let client: &dyn Client = session;
    let which = WhichSeries {
        study_uid: place.study.clone(),
        series_uid: place.series.clone(),
        sop_uid: place.instance.clone(),
        ..WhichSeries::default()
    };
    let (mut all, mut offset) = (Vec::new(), 0);
    loop {
        let page = Page { offset, limit: 500 };
        let series = client.ask(StoredSeries { which: which.clone(), page })?;
        if series.is_empty() {
            break;
        }
        offset += series.len() as u64;
        for one in series.into_iter().filter(|series| series.instances > 0) {
            let instances = client.ask(StoredInstances { series_uid: one.series_uid.clone() })?;
            let wanted = |i: &StoredInstanceView| place.instance.as_ref().is_none_or(|uid| *uid == i.sop_uid);
            all.extend(instances.into_iter().filter(wanted).map(|instance| Found {
                study_uid: one.study_uid.clone(),
                series_uid: one.series_uid.clone(),
                instance,
            }));
        }
    }
    if all.is_empty() { Err(Refused::not_found()) } else { Ok(all) }
}
