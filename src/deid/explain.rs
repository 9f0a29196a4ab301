//! What would happen to each attribute of a file, and why.

use serde::Serialize;

use super::plan::{Plan, Plans};
use super::record::Action;
use crate::dicom::{Charset, Element};
use crate::model::{Tag, Vr};

/// Values are shown up to this many characters.
const SHOWN: usize = 64;

/// One attribute and its fate. Without its value it holds nothing that identifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The tag.
    pub tag: Tag,
    /// The standard's keyword.
    pub keyword: Option<&'static str>,
    /// The value representation.
    #[serde(serialize_with = "vr_code")]
    pub vr: Vr,
    /// How many sequences are around it.
    pub depth: usize,
    /// Sequences and item numbers from the outside in; tells attributes of different items apart.
    #[serde(skip)]
    pub path: Vec<usize>,
    /// What happens to it.
    pub action: Action,
    /// The rule that asks for it.
    pub why: String,
    /// The value, where it was asked for. It may identify.
    pub value: Option<String>,
    /// The value that it gets, where that was asked for; none where it goes.
    pub result: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn vr_code<S: serde::Serializer>(vr: &Vr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(vr.code())
}

/// Rows in the order of the data set, gathered while it is walked.
#[derive(Debug, Default)]
pub struct Trace {
    /// Whether values are shown.
    pub values: bool,
    /// What was gathered.
    pub rows: Vec<Explained>,
    /// Where the walk is.
    pub path: Vec<usize>,
}

impl Trace {
    /// Begins the row of an element; it is completed by [`Trace::end`].
    pub fn begin(&mut self, element: &Element<'_>, plans: &Plans, charset: &Charset) -> usize {
        let value = shown(element, charset).filter(|_| self.values);
        self.rows.push(Explained {
            tag: element.tag,
            keyword: crate::dicom::keyword(element.tag),
            vr: element.vr,
            depth: self.path.len() / 2,
            path: self.path.clone(),
            action: Action::Kept,
            why: why(element.tag, plans),
            value,
            result: None,
        });
        self.rows.len() - 1
    }

    /// Completes a row with what became of the element, and another reason than the table's where there is one.
    pub fn end(
        &mut self,
        row: usize,
        (element, charset): (Option<&Element<'_>>, &Charset),
        action: Action,
        because: Option<&str>,
    ) {
        if let Some(row) = self.rows.get_mut(row) {
            row.action = action;
            row.result = element.filter(|_| self.values).and_then(|element| shown(element, charset));
            if let Some(because) = because {
                row.why = because.into();
            }
        }
    }
}

/// A value for people; `None` for items and what is not in memory.
fn shown(element: &Element<'_>, charset: &Charset) -> Option<String> {
    let bytes = element.bytes()?;
    Some(if element.vr.is_string() {
        // What was cleaned is UTF-8 from then on.
        let text =
            std::str::from_utf8(bytes).map_or_else(|_| charset.decode(bytes, element.vr), str::to_owned);
        text.trim_end_matches([' ', '\0']).chars().take(SHOWN).collect()
    } else if element.vr.unit() > 1 && bytes.len() <= 64 {
        element.numbers().iter().map(ToString::to_string).collect::<Vec<_>>().join("\\")
    } else {
        format!("{} bytes", bytes.len())
    })
}

fn why(tag: Tag, plans: &Plans) -> String {
    match plans.of(tag) {
        Some(Plan::Keep) => "kept by an option or the profile".into(),
        Some(Plan::Clean(code)) => format!("table {}, cleaned by an option", code.text()),
        Some(Plan::Code(code)) => format!("table {}", code.text()),
        None if tag.is_private() => "private".into(),
        None if matches!(tag.group() & 0xFF00, 0x5000 | 0x6000) => "table X, repeating group".into(),
        None => "not in the table: by its representation".into(),
    }
}
