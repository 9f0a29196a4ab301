//! What stands where a value stood: moved dates, capped ages, dummies of every representation.

use super::date::{self, Shift};
use super::plan::Plan;
use super::record::Action;
use crate::dicom::Element;
use crate::model::{Tag, Vr};

/// What stands where text was.
const DUMMY_TEXT: &str = "REMOVED";
/// A blank page, for viewers that insist on a document.
const BLANK_PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]\
/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// An element with its fate.
pub type ElementOutcome<'a> = (Option<Element<'a>>, Action);

/// Bytes that are ASCII text.
pub fn ascii(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|t| t.is_ascii())
}

/// Dates and times moved; values that are none are dropped. `time` is the time of day that belongs to a date, value by
/// value.
pub fn temporal<'a>(
    element: Element<'a>,
    shift: Shift,
    time: Option<&str>,
    done: Action,
) -> ElementOutcome<'a> {
    let (tag, vr) = (element.tag, element.vr);
    let Some(text) = element.bytes().and_then(ascii) else {
        return (Some(Element::new(tag, vr, &[][..])), Action::Emptied);
    };
    let mut values = Vec::new();
    let mut times = time.unwrap_or_default().split('\\');
    for value in text.split('\\') {
        let value = value.trim_matches([' ', '\0']);
        let time = times.next().map(|time| time.trim_matches([' ', '\0']));
        let moved = match vr {
            _ if value.is_empty() => None,
            Vr::TM => date::shift_tm(value, shift.minutes),
            Vr::DT => date::shift_dt_by(value, shift),
            _ => date::shift_da_with(value, time, shift),
        };
        values.push(moved.unwrap_or_default());
    }
    if values.iter().all(String::is_empty) {
        return (Some(Element::new(tag, vr, &[][..])), Action::Emptied);
    }
    let action = if vr == Vr::TM && shift.minutes == 0 { Action::Kept } else { done };
    (Some(Element::text(tag, vr, &values.join("\\"))), action)
}

/// An age, capped.
pub fn age(element: Element<'_>) -> ElementOutcome<'_> {
    let capped = element.bytes().and_then(ascii).map(str::trim).and_then(date::cap_age);
    match capped {
        Some(age) => (Some(Element::text(element.tag, Vr::AS, &age)), Action::Cleaned),
        None => (Some(Element::new(element.tag, Vr::AS, &[][..])), Action::Emptied),
    }
}

/// The dummy of a document: blank, of the same kind.
pub fn document<'a>(element: Element<'a>, mime: Option<&str>, plan: Option<Plan>) -> ElementOutcome<'a> {
    if plan == Some(Plan::Keep) {
        return (Some(element), Action::Kept);
    }
    let bytes: &'static [u8] = match mime {
        Some("application/pdf") => BLANK_PDF,
        Some("text/XML" | "text/xml") => b"<ClinicalDocument/>",
        _ => &[0, 0],
    };
    (Some(Element::new(element.tag, Vr::OB, bytes)), Action::Dummy)
}

/// The dummy of a representation.
pub fn dummy_of<'a>(tag: Tag, vr: Vr) -> Element<'a> {
    let text = match vr {
        Vr::AE | Vr::CS | Vr::LO | Vr::SH | Vr::ST | Vr::LT | Vr::UT | Vr::UC | Vr::PN => DUMMY_TEXT,
        Vr::AS => "000D",
        Vr::DA => "19000101",
        Vr::DT => "19000101000000",
        Vr::TM => "000000",
        Vr::DS | Vr::IS => "0",
        Vr::UI => "2.25.0",
        Vr::UR => "https://removed.invalid/",
        Vr::SQ => return Element::sequence(tag, Vec::new()),
        Vr::FD | Vr::OD | Vr::OV | Vr::SV | Vr::UV => return Element::new(tag, vr, &[0; 8][..]),
        Vr::FL | Vr::OF | Vr::OL | Vr::SL | Vr::UL | Vr::AT => return Element::new(tag, vr, &[0; 4][..]),
        Vr::US | Vr::SS | Vr::OB | Vr::OW | Vr::UN => return Element::new(tag, vr, &[0; 2][..]),
    };
    Element::text(tag, vr, text)
}

/// Attributes of text that describe equipment, encoding or codes: what stands there is no prose.
pub fn is_technical(tag: Tag, parent: Option<Tag>) -> bool {
    matches!(
        tag.0,
        0x0008_0070
            | 0x0008_0100
            | 0x0008_0102
            | 0x0008_0103
            | 0x0008_0119
            | 0x0008_1090
            | 0x0018_0024
            | 0x0018_0031
            | 0x0018_1020
            | 0x0018_1160
            | 0x0018_1180
            | 0x0018_1210
            | 0x0018_1250
            | 0x0018_1251
            | 0x0018_1401
            | 0x0018_9005
            | 0x0018_9041
            | 0x0018_9047
            | 0x0018_9051
            | 0x0020_9056
            | 0x0020_9213
            | 0x0020_9238
            | 0x0028_1054
            | 0x0028_1055
            | 0x0028_3003
            | 0x0028_3004
            | 0x0040_08EA
            | 0x0054_1101
            | 0x0054_1102
            | 0x0054_1103
            | 0x0054_1105
            | 0x0054_1201
    ) || tag == Tag::new(0x0008, 0x0104) && parent.is_some()
}
