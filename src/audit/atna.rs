//! Entries of the trail as audit messages of DICOM PS3.15 section A.5 (the messages of IHE ATNA and RFC 3881), for a
//! hospital's audit record repository. One message is one line of XML.
//!
//! Events have the codes of PS3.16 CID 400; what exactly was done is the type code (coding scheme `99GANTRY`), and the
//! entry's number, detail and hash come along, so that a message can be held against the trail.

use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::writer::Writer;

use super::Entry;

/// Codes of PS3.16 CID 400 with their meanings.
const EVENTS: [(&str, &str); 9] = [
    ("110100", "Application Activity"),
    ("110101", "Audit Log Used"),
    ("110103", "DICOM Instances Accessed"),
    ("110104", "DICOM Instances Transferred"),
    ("110106", "Export"),
    ("110107", "Import"),
    ("110110", "Patient Record"),
    ("110112", "Query"),
    ("110113", "Security Alert"),
];

/// The code of an action, and what it does: `C`reate, `R`ead, `U`pdate, `D`elete, `E`xecute.
fn event(action: &str) -> (&'static str, &'static str) {
    let is = |beginning: &str| action.starts_with(beginning);
    match action {
        "intake.look" | "intake.reveal" | "intake.names" => ("110103", "R"),
        "vault.open" => ("110110", "R"),
        _ if is("access.") || is("config.") || is("inbox.") || is("trail.") || is("vault.") => {
            ("110113", "U")
        }
        _ if is("intake.discard") => ("110103", "D"),
        _ if is("intake.") || is("label.") => ("110107", "C"),
        _ if is("listener.") => ("110104", "C"),
        _ if is("dataset.") => ("110106", "R"),
        _ if is("audit.") => ("110101", "R"),
        _ if is("search.") => ("110112", "E"),
        _ if is("subject.") => ("110110", "U"),
        _ if is("review.") || is("task.") || is("series.") || is("study.") || is("masks.") || is("deid.") => {
            ("110103", "U")
        }
        _ => ("110100", "E"),
    }
}

/// 0 success, 4 minor failure, 8 serious failure (PS3.15 table A.5.1-1).
fn outcome(action: &str) -> &'static str {
    match action.rsplit_once('.').map(|(_, last)| last) {
        Some("failed" | "refused") => "4",
        Some("interrupted") => "8",
        _ => "0",
    }
}

/// What an object is: (type, role, code of its identifier, meaning).
fn object(entry: &Entry<'_>) -> (&'static str, &'static str, &'static str, &'static str) {
    match entry.object {
        uid if uid.starts_with("2.25.") || uid.starts_with("1.") => {
            ("2", "3", "dicom-uid", "UID of a series or study")
        }
        _ if entry.action.starts_with("subject.") => ("1", "1", "2", "Patient Number"),
        _ => ("2", "13", "12", "URI"),
    }
}

/// An element with attributes and nothing in it.
fn leaf(name: &'static str, attributes: &[(&str, &str)]) -> Event<'static> {
    Event::Empty(start(name, attributes))
}

fn start(name: &'static str, attributes: &[(&str, &str)]) -> BytesStart<'static> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        // XML has no place for control characters, and a message is one line.
        let value = value.replace(|c: char| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}'), " ");
        start.push_attribute((*name, value.as_str()));
    }
    start
}

fn code(name: &'static str, value: &str, system: &str, text: &str) -> Event<'static> {
    leaf(name, &[("csd-code", value), ("codeSystemName", system), ("originalText", text)])
}

/// The message of an entry. `at` is its time in ISO 8601, `source` the name of the workspace.
///
/// ```
/// use gantry::audit::{Entry, atna_message};
/// let entry =
///     Entry { sequence: 7, at_ms: 0, actor: "amira", action: "review.accept", object: "2.25.1", detail: "{}" };
/// let xml = atna_message(&entry, "1970-01-01T00:00:00Z", "lung-2026", "00ff");
/// assert!(xml.starts_with("<AuditMessage><EventIdentification EventActionCode=\"U\""));
/// ```
pub fn atna_message(entry: &Entry<'_>, at: &str, source: &str, hash: &str) -> String {
    let (event, action) = event(entry.action);
    let meaning = EVENTS.iter().find(|(code, _)| *code == event).map_or("", |(_, meaning)| meaning);
    let (kind, role, id_code, id_meaning) = object(entry);
    let system = if id_code == "dicom-uid" { "99GANTRY" } else { "RFC-3881" };
    let is_person = if entry.actor == "gantry" { "false" } else { "true" };
    let (sequence, detail) = (entry.sequence.to_string(), encoded(entry.detail.as_bytes()));
    let identification = [
        ("EventActionCode", action),
        ("EventDateTime", at),
        ("EventOutcomeIndicator", outcome(entry.action)),
    ];
    let participant = [
        ("ParticipantObjectID", entry.object),
        ("ParticipantObjectTypeCode", kind),
        ("ParticipantObjectTypeCodeRole", role),
    ];
    let mut more = Vec::new();
    for (name, value) in
        [("entry", encoded(sequence.as_bytes())), ("hash", encoded(hash.as_bytes())), ("detail", detail)]
    {
        more.push(leaf("ParticipantObjectDetail", &[("type", name), ("value", &value)]));
    }
    let end = |name: &'static str| Event::End(BytesEnd::new(name));
    let mut events = vec![
        Event::Start(BytesStart::new("AuditMessage")),
        Event::Start(start("EventIdentification", &identification)),
        code("EventID", event, "DCM", meaning),
        code("EventTypeCode", entry.action, "99GANTRY", entry.action),
        end("EventIdentification"),
        leaf("ActiveParticipant", &[("UserID", entry.actor), ("UserIsRequestor", is_person)]),
        leaf("AuditSourceIdentification", &[("AuditSourceID", source)]),
        Event::Start(start("ParticipantObjectIdentification", &participant)),
        code("ParticipantObjectIDTypeCode", id_code, system, id_meaning),
    ];
    events.extend(more);
    events.extend([end("ParticipantObjectIdentification"), end("AuditMessage")]);
    let mut writer = Writer::new(Vec::new());
    for event in events {
        // Writing to memory does not fail.
        let _ = writer.write_event(event);
    }
    String::from_utf8(writer.into_inner()).unwrap_or_default()
}

/// Base64 (RFC 4648), as the schema wants values of details.
fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use quick_xml::reader::Reader;

    use super::*;

    fn message(actor: &str, action: &str, object: &str) -> String {
        let entry = Entry { sequence: 12, at_ms: 0, actor, action, object, detail: r#"{"why":"<&>"}"# };
        atna_message(&entry, "2026-01-02T03:04:05Z", "lung", "ab")
    }

    #[test]
    fn what_people_type_stays_within_its_attribute() {
        let hostile = "a\"/><AuditMessage x='&' \n\u{1}";
        let xml = message(hostile, "task.claim", hostile);
        let mut reader = Reader::from_str(&xml);
        let mut elements = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) | Event::Empty(start) => {
                    for attribute in start.attributes() {
                        let attribute = attribute.unwrap();
                        if attribute.key.as_ref() == b"UserID" {
                            let told = attribute.unescape_value().unwrap();
                            assert!(told.starts_with("a\"/><AuditMessage"), "{told}");
                        }
                    }
                    elements.push(String::from_utf8(start.name().as_ref().to_vec()).unwrap());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(elements.iter().filter(|name| *name == "AuditMessage").count(), 1, "{xml}");
        assert!(!xml.contains('\n'), "one message is one line: {xml}");
    }

    #[test]
    fn events_have_the_codes_of_the_standard() {
        for (action, code, does, outcome) in [
            ("intake.ingest", "110107", "C", "0"),
            ("intake.look", "110103", "R", "0"),
            ("intake.discard", "110103", "D", "0"),
            ("listener.association", "110104", "C", "0"),
            ("dataset.export.failed", "110106", "R", "4"),
            ("backup.interrupted", "110100", "E", "8"),
            ("access.refused", "110113", "U", "4"),
            ("vault.open", "110110", "R", "0"),
            ("review.accept", "110103", "U", "0"),
        ] {
            let xml = message("amira", action, "2.25.7");
            let event = format!("<EventID csd-code=\"{code}\" codeSystemName=\"DCM\"");
            let done = format!("EventActionCode=\"{does}\"");
            let ended = format!("EventOutcomeIndicator=\"{outcome}\"");
            for part in [event, done, ended] {
                assert!(xml.contains(&part), "{action}: {part} in {xml}");
            }
        }
    }
}
