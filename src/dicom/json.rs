//! DICOM JSON (PS3.18 annex F).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value as Json, json};

use super::{Charset, DataSet, Element, Value};
use crate::model::{Tag, Vr};

/// Bytes that stand in the text itself; longer values are told by where they are had.
const INLINE: u64 = 1 << 10;

/// A data set as DICOM JSON. Of long binary values `bulk` says where they are had; none, and they are left out: those
/// within sequences, and pixel data.
///
/// ```
/// use gantry::dicom::{Charset, DataSet, Element, to_json};
/// use gantry::model::{Tag, Vr};
/// let set = DataSet::from_elements(vec![Element::text(Tag(0x0008_0060), Vr::CS, "CT")]);
/// let json = to_json(&set, &Charset::default(), &|_| None);
/// assert_eq!(json["00080060"]["Value"][0], "CT");
/// ```
pub fn to_json(set: &DataSet<'_>, outer: &Charset, bulk: &dyn Fn(Tag) -> Option<String>) -> Json {
    let charset = set.charset(outer);
    let mut all = Map::new();
    for element in set.elements().iter().filter(|e| !e.tag.is_group_length()) {
        if let Some(attribute) = attribute(element, &charset, bulk) {
            all.insert(format!("{:08X}", element.tag.0), attribute);
        }
    }
    Json::Object(all)
}

fn attribute(element: &Element<'_>, charset: &Charset, bulk: &dyn Fn(Tag) -> Option<String>) -> Option<Json> {
    let vr = element.vr;
    let mut object = Map::new();
    object.insert("vr".into(), vr.code().into());
    let is_long = match &element.value {
        Value::Items(items) => {
            let none = |_: Tag| None;
            let items: Vec<Json> = items.iter().map(|item| to_json(item, charset, &none)).collect();
            if !items.is_empty() {
                object.insert("Value".into(), items.into());
            }
            return Some(Json::Object(object));
        }
        Value::Fragments(_) | Value::Unread(_) | Value::Stored(_) => true,
        Value::Bytes(bytes) => is_binary(vr) && bytes.len() as u64 > INLINE,
    };
    if is_long {
        object.insert("BulkDataURI".into(), bulk(element.tag)?.into());
        return Some(Json::Object(object));
    }
    let bytes = element.bytes().unwrap_or_default();
    if bytes.is_empty() {
        return Some(Json::Object(object));
    }
    if is_binary(vr) {
        object.insert("InlineBinary".into(), STANDARD.encode(bytes).into());
    } else {
        object.insert("Value".into(), values(element, bytes, charset).into());
    }
    Some(Json::Object(object))
}

const fn is_binary(vr: Vr) -> bool {
    matches!(vr, Vr::OB | Vr::OD | Vr::OF | Vr::OL | Vr::OV | Vr::OW | Vr::UN)
}

fn values(element: &Element<'_>, bytes: &[u8], charset: &Charset) -> Vec<Json> {
    match element.vr {
        Vr::AT => bytes.chunks_exact(4).map(|b| json!(tag_text(b))).collect(),
        Vr::US | Vr::SS | Vr::UL | Vr::SL | Vr::FL | Vr::FD => {
            element.numbers().into_iter().map(number).collect()
        }
        // JSON's numbers do not hold all of them.
        Vr::SV => {
            bytes.as_chunks::<8>().0.iter().map(|b| json!(i64::from_le_bytes(*b).to_string())).collect()
        }
        Vr::UV => {
            bytes.as_chunks::<8>().0.iter().map(|b| json!(u64::from_le_bytes(*b).to_string())).collect()
        }
        vr => {
            let text = charset.decode(bytes, vr);
            let padding = |c: char| c == ' ' || c == '\0';
            if vr.is_single_text() {
                return vec![text.trim_end_matches(padding).into()];
            }
            text.split('\\').map(|one| value(vr, one.trim_matches(padding))).collect()
        }
    }
}

fn value(vr: Vr, text: &str) -> Json {
    match vr {
        _ if text.is_empty() => Json::Null,
        Vr::PN => {
            let groups = ["Alphabetic", "Ideographic", "Phonetic"];
            let name = groups.iter().zip(text.split('=')).filter(|(_, name)| !name.is_empty());
            Json::Object(name.map(|(group, name)| ((*group).to_owned(), name.into())).collect())
        }
        Vr::IS => text.parse::<i64>().map_or_else(|_| text.into(), Json::from),
        Vr::DS => text.parse::<f64>().ok().filter(|n| n.is_finite()).map_or_else(|| text.into(), number),
        _ => text.into(),
    }
}

/// A number as it is written: whole ones without a point.
fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Json::from(value as i64);
    }
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}

fn tag_text(bytes: &[u8]) -> String {
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    format!("{:04X}{:04X}", half(0), half(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_has_its_form() {
        let inner = DataSet::from_elements(vec![Element::text(Tag(0x0008_0100), Vr::SH, "A")]);
        let set = DataSet::from_elements(vec![
            Element::text(Tag(0x0010_0010), Vr::PN, "Yamada^Tarou=X^Y=Z"),
            Element::text(Tag(0x0020_0013), Vr::IS, "7 "),
            Element::text(Tag(0x0028_0030), Vr::DS, "0.5\\2"),
            Element::text(Tag(0x0008_0050), Vr::SH, ""),
            Element::new(Tag(0x0028_0010), Vr::US, vec![2, 1]),
            Element::new(Tag(0x0020_9165), Vr::AT, vec![0x20, 0, 0x57, 0x90]),
            Element::new(Tag(0x0042_0011), Vr::OB, vec![1, 2]),
            Element::new(Tag(0x7FE0_0010), Vr::OW, vec![0; 4_096]),
            Element::sequence(Tag(0x0008_2218), vec![inner]),
        ]);
        let json = to_json(&set, &Charset::default(), &|tag| Some(format!("at/{tag:?}")));
        assert_eq!(
            json["00100010"]["Value"][0],
            json!({"Alphabetic": "Yamada^Tarou", "Ideographic": "X^Y", "Phonetic": "Z"})
        );
        assert_eq!(json["00200013"]["Value"], json!([7]));
        assert_eq!(json["00280030"]["Value"], json!([0.5, 2]));
        assert_eq!(json["00080050"], json!({"vr": "SH"}));
        assert_eq!(json["00280010"]["Value"], json!([258]));
        assert_eq!(json["00209165"]["Value"], json!(["00209057"]));
        assert_eq!(json["00420011"]["InlineBinary"], "AQI=");
        assert!(json["7FE00010"]["BulkDataURI"].is_string() && json["7FE00010"].get("Value").is_none());
        assert_eq!(json["00082218"]["Value"][0]["00080100"]["Value"][0], "A");
    }
}
