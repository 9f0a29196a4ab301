//! QIDO-RS: what is here (PS3.18 clause 10.6).

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::reply::{Refused, Reply};
use super::route::Place;
use super::stored::{Header, header};
use crate::dicom::tag_of;
use crate::engine::query::{
    Page, StoredInstances, StoredSeries, StoredSeriesView, StoredStudies, StoredStudy, WhichSeries,
};
use crate::engine::{Client, Session};
use crate::model::{Tag, tags};

/// Matches of an answer, where the client asks for no other number, and at most.
const LIMITS: (usize, usize) = (1_000, 5_000);
/// Series or studies looked at in one go.
const AT_ONCE: u32 = 200;
/// Objects whose headers are looked at for one answer, at most.
const MOST_SEEN: usize = 20_000;

/// Attributes of a study that are told (PS3.18 table 10.6.3-3).
const OF_STUDY: [u32; 11] = [
    0x0008_0020,
    0x0008_0030,
    0x0008_0050,
    0x0008_0090,
    0x0008_1030,
    0x0010_0010,
    0x0010_0020,
    0x0010_0030,
    0x0010_0040,
    0x0020_000D,
    0x0020_0010,
];
/// Of a series, beside.
const OF_SERIES: [u32; 9] = [
    0x0008_0021,
    0x0008_0031,
    0x0008_0060,
    0x0008_103E,
    0x0018_0015,
    0x0020_000E,
    0x0020_0011,
    0x0020_0052,
    0x0040_0244,
];
/// Of an instance, beside.
const OF_INSTANCE: [u32; 7] =
    [0x0008_0016, 0x0008_0018, 0x0020_0013, 0x0028_0008, 0x0028_0010, 0x0028_0011, 0x0028_0100];
const MODALITIES_IN_STUDY: u32 = 0x0008_0061;

/// What is asked for.
pub struct Search {
    which: WhichSeries,
    /// Attributes that headers are looked at for.
    keys: Vec<(Tag, String)>,
    limit: usize,
    offset: usize,
}

impl Search {
    /// From the place and the query of an address.
    pub fn of(place: &Place, pairs: &[(String, String)]) -> Result<Self, Refused> {
        let bad = |what: &str| Refused(StatusCode::BAD_REQUEST, format!("{what} cannot be understood"));
        let mut search = Self {
            which: WhichSeries {
                study_uid: place.study.clone(),
                series_uid: place.series.clone(),
                sop_uid: place.instance.clone(),
                ..WhichSeries::default()
            },
            keys: Vec::new(),
            limit: LIMITS.0,
            offset: 0,
        };
        for (name, value) in pairs {
            match &*name.to_ascii_lowercase() {
                "limit" => search.limit = value.parse::<usize>().map_err(|_| bad("limit"))?.min(LIMITS.1),
                "offset" => search.offset = value.parse().map_err(|_| bad("offset"))?,
                // A token in an address is none; names are matched as they are.
                "includefield" | "fuzzymatching" | "token" => {}
                _ => {
                    let tag = tag_of(name).or_else(|| {
                        let is_number = name.len() == 8 && name.bytes().all(|b| b.is_ascii_hexdigit());
                        is_number.then(|| u32::from_str_radix(name, 16).ok().map(Tag)).flatten()
                    });
                    search.key(tag.ok_or_else(|| bad("an attribute"))?, value);
                }
            }
        }
        Ok(search)
    }

    fn key(&mut self, tag: Tag, value: &str) {
        let is_exact = !value.is_empty() && !value.contains(['*', '?', ',', '\\']);
        let place = match tag {
            tags::STUDY_INSTANCE_UID => &mut self.which.study_uid,
            tags::SERIES_INSTANCE_UID => &mut self.which.series_uid,
            tags::SOP_INSTANCE_UID => &mut self.which.sop_uid,
            tags::PATIENT_ID => &mut self.which.subject,
            tags::MODALITY => &mut self.which.modality,
            Tag(MODALITIES_IN_STUDY) => &mut self.which.modality,
            _ => return self.keys.push((tag, value.into())),
        };
        if is_exact && place.is_none() {
            *place = Some(value.into());
        } else if !(is_exact && place.as_deref() == Some(value)) {
            self.keys.push((tag, value.into()));
        }
    }

    fn fits(&self, object: &Map<String, Value>) -> bool {
        self.keys.iter().all(|(tag, wanted)| {
            let key = format!("{:08X}", tag.0);
            let values = object.get(&key).and_then(|a| a.get("Value")).and_then(Value::as_array);
            let texts: Vec<String> = values.into_iter().flatten().map(text).collect();
            wanted.is_empty() || texts.iter().any(|text| matches(text, wanted))
        })
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(name) => name.get("Alphabetic").and_then(Value::as_str).unwrap_or_default().into(),
        other => other.to_string(),
    }
}

/// Whether a value is what is asked for: one of a list, a range of dates, or a pattern (PS3.4 C.2.2.2).
fn matches(text: &str, wanted: &str) -> bool {
    wanted.split([',', '\\']).any(|one| {
        let is_range = |part: &str| part.is_empty() || part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if let Some((from, to)) =
            one.split_once('-').filter(|(a, b)| is_range(a) && is_range(b) && a.len() + b.len() > 0)
            && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        {
            return (from.is_empty() || text >= from)
                && (to.is_empty() || text <= to || text.starts_with(to));
        }
        crate::net::caller_fits(&one.to_lowercase(), &text.to_lowercase())
    })
}

/// Matches as they are gathered.
struct Matches {
    skip: usize,
    limit: usize,
    seen: usize,
    found: Vec<Value>,
}

impl Matches {
    fn of(search: &Search) -> Self {
        Self { skip: search.offset, limit: search.limit, seen: 0, found: Vec::new() }
    }

    /// Takes one; whether more are wanted.
    fn take(&mut self, object: Map<String, Value>) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.found.push(Value::Object(object));
        }
        self.wants()
    }

    fn wants(&self) -> bool {
        self.found.len() < self.limit && self.seen < MOST_SEEN
    }

    fn reply(self) -> Result<Reply, Refused> {
        // What was not looked at may match, too.
        if self.seen >= MOST_SEEN && self.found.len() < self.limit {
            let why = "too much has to be looked at: search by UID, PatientID or modality beside";
            return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Ok(Reply::json(&Value::Array(self.found)))
    }
}

fn chosen(header: &Header, lists: &[&[u32]]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("00080005".into(), json!({ "vr": "CS", "Value": ["ISO_IR 192"] }));
    for tag in lists.iter().copied().flatten() {
        let key = format!("{tag:08X}");
        if let Some(attribute) = header.json.get(&key) {
            object.insert(key, attribute.clone());
        }
    }
    object.insert("00080056".into(), json!({ "vr": "CS", "Value": ["ONLINE"] }));
    object
}

fn count(object: &mut Map<String, Value>, tag: &str, number: u64) {
    object.insert(tag.into(), json!({ "vr": "IS", "Value": [number] }));
}

/// Studies that match.
pub fn studies(session: &Session, search: &Search) -> Result<Reply, Refused> {
    let client: &dyn Client = session;
    let mut all = Matches::of(search);
    // Where no header has to be looked at, what is skipped need not be.
    let (mut offset, is_plain) = (0, search.keys.is_empty());
    if is_plain {
        (offset, all.skip) = (search.offset as u64, 0);
    }
    while all.wants() {
        let page = Page { offset, limit: AT_ONCE.min((all.limit - all.found.len()) as u32).max(1) };
        let found = client.ask(StoredStudies { which: search.which.clone(), page })?;
        if found.is_empty() {
            break;
        }
        offset += found.len() as u64;
        for study in found {
            all.seen += 1;
            if let Some(object) = study_object(session, &study)?.filter(|object| search.fits(object))
                && !all.take(object)
            {
                break;
            }
        }
    }
    all.reply()
}

fn study_object(session: &Session, study: &StoredStudy) -> Result<Option<Map<String, Value>>, Refused> {
    let there: Vec<&StoredSeriesView> = study.series.iter().filter(|series| series.instances > 0).collect();
    let Some(first) = there.first() else { return Ok(None) };
    let Some(header) = first_header(session, &first.series_uid)? else { return Ok(None) };
    let mut object = chosen(&header, &[&OF_STUDY]);
    let mut modalities: Vec<&str> = there.iter().map(|series| &*series.modality).collect();
    modalities.sort_unstable();
    modalities.dedup();
    object.insert("00080061".into(), json!({ "vr": "CS", "Value": modalities }));
    count(&mut object, "00201206", there.len() as u64);
    count(&mut object, "00201208", there.iter().map(|series| series.instances).sum());
    Ok(Some(object))
}

fn first_header(session: &Session, series_uid: &str) -> Result<Option<Header>, Refused> {
    let client: &dyn Client = session;
    let instances = client.ask(StoredInstances { series_uid: series_uid.into() })?;
    let Some(first) = instances.first() else { return Ok(None) };
    header(session, &first.blob).map(Some)
}

/// Series that match.
pub fn series(session: &Session, search: &Search) -> Result<Reply, Refused> {
    let mut all = Matches::of(search);
    each_series(session, search, &mut |one| {
        all.seen += 1;
        let Some(header) = first_header(session, &one.series_uid)? else { return Ok(true) };
        let mut object = chosen(&header, &[&OF_STUDY, &OF_SERIES]);
        count(&mut object, "00201209", one.instances);
        Ok(if search.fits(&object) { all.take(object) } else { all.wants() })
    })?;
    all.reply()
}

/// Series that match as far as the catalog knows.
pub fn each_series(
    session: &Session,
    search: &Search,
    each: &mut dyn FnMut(StoredSeriesView) -> Result<bool, Refused>,
) -> Result<(), Refused> {
    let client: &dyn Client = session;
    let mut offset = 0;
    loop {
        let page = Page { offset, limit: AT_ONCE };
        let found = client.ask(StoredSeries { which: search.which.clone(), page })?;
        if found.is_empty() {
            return Ok(());
        }
        offset += found.len() as u64;
        for one in found.into_iter().filter(|series| series.instances > 0) {
            if !each(one)? {
                return Ok(());
            }
        }
    }
}

/// Instances that match.
pub fn instances(session: &Session, search: &Search) -> Result<Reply, Refused> {
    let client: &dyn Client = session;
    let mut all = Matches::of(search);
    let is_plain = search.keys.is_empty() && search.which.sop_uid.is_none();
    each_series(session, search, &mut |one| {
        // A series that is skipped as a whole.
        if is_plain && all.skip as u64 >= one.instances {
            all.skip -= one.instances as usize;
            return Ok(true);
        }
        let found = client.ask(StoredInstances { series_uid: one.series_uid.clone() })?;
        for instance in found {
            if search.which.sop_uid.as_ref().is_some_and(|uid| *uid != instance.sop_uid) {
                continue;
            }
            if is_plain && all.skip > 0 {
                all.skip -= 1;
                continue;
            }
            all.seen += 1;
            let header = header(session, &instance.blob)?;
            let object = chosen(&header, &[&OF_STUDY, &OF_SERIES, &OF_INSTANCE]);
            if search.fits(&object) && !all.take(object) {
                return Ok(false);
            }
        }
        Ok(all.wants())
    })?;
    all.reply()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_patterns_ranges_and_lists() {
        for (text, wanted, is_match) in [
            ("CT", "CT", true),
            ("CT", "MR,CT", true),
            ("chest", "CH*", true),
            ("20240311", "20240101-20240401", true),
            ("20240311", "-20240101", false),
            ("20240311", "20240311-", true),
            ("T1-weighted", "T1-weighted", true),
            ("A", "B", false),
        ] {
            assert_eq!(matches(text, wanted), is_match, "{text} {wanted}");
        }
    }
}
