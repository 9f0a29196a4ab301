//! The fields of the query language: names, columns, kinds.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field of the query language.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// What people type.
    pub name: &'static str,
    /// The column of the table `series`.
    pub(super) column: &'static str,
    pub(super) kind: Kind,
    /// For people, in one line.
    pub about: &'static str,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Kind {
    /// Compared without regard to case; `*` stands for anything.
    Text,
    /// An identifier, compared as it is.
    Exact,
    Number,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    Date,
    /// A check's name among the findings.
    Finding,
}

const fn field(name: &'static str, column: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, column, kind, about }
}

/// Every field.
pub static FIELDS: &[Field] = &[
    field("modality", "modality", Kind::Text, "modality, such as CT"),
    field("family", "family", Kind::Text, "family of modalities: xray holds CR, DX and RG"),
    field("body", "body_part", Kind::Text, "Body Part Examined, as the header has it"),
    field("region", "region", Kind::Text, "body region, harmonised"),
    field("phase", "phase", Kind::Text, "contrast phase: none, arterial, portal, …"),
    field("kernel", "kernel", Kind::Text, "kernel family: soft, sharp"),
    field("sequence", "sequence", Kind::Text, "MR sequence family: spin_echo, gradient_echo, …"),
    field("weighting", "weighting", Kind::Text, "MR weighting: t1, t2, flair, dwi, …"),
    field("site", "site", Kind::Text, "site"),
    field("scanner", "scanner", Kind::Text, "scanner, by its keyed identity"),
    field("vendor", "vendor", Kind::Text, "vendor, harmonised"),
    field("device", "device", Kind::Text, "scanner model, harmonised"),
    field("manufacturer", "manufacturer", Kind::Text, "Manufacturer, as the header has it"),
    field("model", "model", Kind::Text, "Manufacturer's Model Name, as the header has it"),
    field("state", "state", Kind::Text, "checking, checked, in_review, accepted, returned, stored"),
    field("sex", "sex", Kind::Text, "female, male, other"),
    field("band", "age_band", Kind::Text, "age band, such as 60-69"),
    field("subject", "subject", Kind::Exact, "subject's pseudonym"),
    field("study", "study_uid", Kind::Exact, "study UID"),
    field("series", "uid", Kind::Exact, "series UID"),
    field("finding", "", Kind::Finding, "a check that found something"),
    field("date", "study_date", Kind::Date, "study date, shifted"),
    field("age", "age_years", Kind::Number, "age in years"),
    field("slice", "spacing_slice_mm", Kind::Number, "distance of slices in mm"),
    field("thickness", "thickness_mm", Kind::Number, "Slice Thickness in mm"),
    field("pixel", "spacing_row_mm", Kind::Number, "distance of rows in mm"),
    field("field", "field_t", Kind::Number, "field strength in tesla"),
    field("kvp", "kvp", Kind::Number, "tube voltage in kV"),
    field("mas", "exposure_mas", Kind::Number, "exposure in mAs"),
    field("rows", "rows", Kind::Number, "rows"),
    field("columns", "columns", Kind::Number, "columns"),
    field("instances", "instances", Kind::Number, "instances"),
    field("frames", "frames", Kind::Number, "frames"),
    field("number", "number", Kind::Number, "series number"),
    field("errors", "errors", Kind::Number, "findings of severity error"),
    field("warnings", "warnings", Kind::Number, "findings of severity warning"),
    field("description", "description", Kind::Text, "series description"),
];

/// Facets, in the order in which they are shown.
pub(super) const FACETS: &[&str] = &[
    "modality",
    "body",
    "region",
    "site",
    "state",
    "vendor",
    "scanner",
    "phase",
    "kernel",
    "sequence",
    "weighting",
    "band",
    "sex",
];

/// Columns that words are looked for in.
pub(super) const WORDS: [&str; 8] =
    ["description", "study_description", "body_part", "manufacturer", "model", "modality", "subject", "site"];

/// The field with this name.
pub fn field_named(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|f| f.name.eq_ignore_ascii_case(name))
}

/// Every field's name, for messages and completion.
pub fn field_names() -> String {
    FIELDS.iter().map(|f| f.name).collect::<Vec<_>>().join(", ")
}

/// A field that lists are put in order by. Its wire form is its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortField(&'static Field);

impl SortField {
    /// The field with this name; a check's findings have no order.
    pub fn named(name: &str) -> Option<Self> {
        field_named(name).filter(|f| f.kind != Kind::Finding).map(Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    pub(super) fn column(self) -> &'static str {
        self.0.column
    }
}

impl Serialize for SortField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for SortField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| serde::de::Error::custom("no field has this name"))
    }
}

/// The order of a list. Every one ends with the order of arrival, so that pages never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By subject, study date, study, series number: the tree's order.
    #[default]
    Subject,
    /// The latest arrival first.
    Newest,
    /// The worst finding first.
    Severity,
    /// The most instances first.
    Size,
    /// By the row's number: the order of arrival.
    Arrival,
    /// By series UID: the same whatever the order of arrival.
    Uid,
    /// By any field.
    By {
        /// The field.
        field: SortField,
        /// The largest first.
        descending: bool,
    },
}

impl Order {
    /// The columns, each with whether the largest comes first.
    pub(super) fn columns(self) -> Vec<(&'static str, bool)> {
        match self {
            Self::Subject => {
                vec![("subject", false), ("study_date", false), ("study_uid", false), ("number", false)]
            }
            Self::Newest => vec![("latest_ms", true)],
            Self::Severity => vec![("errors", true), ("warnings", true), ("notes", true)],
            Self::Size => vec![("instances", true)],
            Self::Arrival => Vec::new(),
            Self::Uid => vec![("uid", false)],
            Self::By { field, descending } => vec![(field.column(), descending)],
        }
    }

    /// As SQL has it.
    pub(super) fn sql(self) -> String {
        let mut out = String::new();
        for (column, descending) in self.columns() {
            out += column;
            out += if descending { " DESC, " } else { ", " };
        }
        out + "id"
    }
}
