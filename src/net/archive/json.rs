//! What DICOMweb services answer, as DICOM JSON (PS3.18 annex F).

use serde_json::Value;

use super::Attributes;
use super::attributes::cut;
use crate::model::Tag;
use crate::net::association::RequestError;

const REFERENCED_SOP_INSTANCE_UID: &str = "00081155";
const FAILURE_REASON: &str = "00081197";

/// The text of each attribute of each object.
///
/// # Errors
/// It is no DICOM JSON.
pub fn attributes(json: &[u8]) -> Result<Vec<Attributes>, RequestError> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<serde_json::Map<String, Value>> =
        serde_json::from_slice(json).map_err(|_| RequestError::Answer("it is no DICOM JSON"))?;
    let one = |object: serde_json::Map<String, Value>| {
        let attribute = |(tag, value): (String, Value)| {
            let tag = Tag(u32::from_str_radix(&tag, 16).ok().filter(|_| tag.len() == 8)?);
            let text = text_of(&value)?;
            Some((tag, text)).filter(|(_, text)| !text.is_empty())
        };
        Attributes(object.into_iter().filter_map(attribute).collect())
    };
    Ok(all.into_iter().map(one).collect())
}

fn text_of(attribute: &Value) -> Option<String> {
    let values = attribute.get("Value")?.as_array()?;
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(name) => name.get("Alphabetic")?.as_str().map(ToOwned::to_owned),
        _ => None,
    };
    Some(cut(&values.iter().filter_map(text).collect::<Vec<_>>().join("\\")))
}

/// Instances that a sequence of an answer to STOW names, with why they were not stored.
pub fn named_in(json: &[u8], sequence: &str) -> Vec<(String, u64)> {
    let answer: Value = serde_json::from_slice(json).unwrap_or_default();
    // Some answer with a list of one.
    let answer = answer.get(0).unwrap_or(&answer);
    let items = answer.pointer(&format!("/{sequence}/Value")).and_then(Value::as_array);
    let first = |item: &Value, tag: &str| item.pointer(&format!("/{tag}/Value/0")).cloned();
    let named = |item: &Value| {
        let uid = first(item, REFERENCED_SOP_INSTANCE_UID)?.as_str()?.to_owned();
        Some((uid, first(item, FAILURE_REASON).and_then(|r| r.as_u64()).unwrap_or(0)))
    };
    items.into_iter().flatten().filter_map(named).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_noise_is_none() {
        let json = br#"[{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}, "00201208": {"vr": "IS", "Value": [3]},
            "0020000D": {"vr": "UI", "Value": ["1.2"]}, "x": {"vr": "UI", "Value": ["1"]}, "00080050": {"vr": "SH"}}]"#;
        let all = attributes(json).unwrap();
        assert_eq!((all[0].get(Tag(0x0010_0010)), all[0].get(Tag(0x0020_1208))), ("A^B", "3"));
        assert_eq!(all[0].uid(Tag(0x0020_000D)), Some("1.2"));
        assert_eq!(all[0].0.len(), 3);
        assert!(attributes(b"").unwrap().is_empty());
        assert!(attributes(b"<html>").is_err() && attributes(b"{}").is_err());
    }

    #[test]
    fn what_was_stored_and_what_was_not_is_told_by_its_sequence() {
        let json = br#"{"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1"]}}]},
            "00081198": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["2"]}, "00081197": {"vr": "US", "Value": [272]}}]}}"#;
        assert_eq!(named_in(json, "00081199"), [("1".to_owned(), 0)]);
        assert_eq!(named_in(json, "00081198"), [("2".to_owned(), 272)]);
        assert!(named_in(b"<html>", "00081199").is_empty());
    }
}
