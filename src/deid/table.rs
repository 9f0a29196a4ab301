//! The table of PS3.15 annex E.1-1 (attributes and their action codes) and the types by which combined codes are
//! resolved (PS3.3), as data beside this file.

use foldhash::HashMap;

use serde::{Deserialize, Serialize};

use crate::model::Tag;

const TABLE: &str = include_str!("table.txt");
const TYPES: &str = include_str!("types.txt");
const STORAGE: &str = "1.2.840.10008.5.1.4.";

/// An option of the profile (PS3.15 section E.3), in the order of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileOption {
    /// Retain Safe Private Option.
    RetainSafePrivate,
    /// Retain UIDs Option.
    RetainUids,
    /// Retain Device Identity Option.
    RetainDeviceIdentity,
    /// Retain Institution Identity Option.
    RetainInstitutionIdentity,
    /// Retain Patient Characteristics Option.
    RetainPatientCharacteristics,
    /// Retain Longitudinal Temporal Information with Full Dates Option.
    RetainLongFullDates,
    /// Retain Longitudinal Temporal Information with Modified Dates Option.
    RetainLongModifiedDates,
    /// Clean Descriptors Option.
    CleanDescriptors,
    /// Clean Structured Content Option.
    CleanStructuredContent,
    /// Clean Graphics Option.
    CleanGraphics,
}

impl ProfileOption {
    /// Every option, in the order of the table's columns.
    pub const ALL: [Self; 10] = [
        Self::RetainSafePrivate,
        Self::RetainUids,
        Self::RetainDeviceIdentity,
        Self::RetainInstitutionIdentity,
        Self::RetainPatientCharacteristics,
        Self::RetainLongFullDates,
        Self::RetainLongModifiedDates,
        Self::CleanDescriptors,
        Self::CleanStructuredContent,
        Self::CleanGraphics,
    ];

    /// The stable name in profiles, on the command line and in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RetainSafePrivate => "retain_safe_private",
            Self::RetainUids => "retain_uids",
            Self::RetainDeviceIdentity => "retain_device_identity",
            Self::RetainInstitutionIdentity => "retain_institution_identity",
            Self::RetainPatientCharacteristics => "retain_patient_characteristics",
            Self::RetainLongFullDates => "retain_long_full_dates",
            Self::RetainLongModifiedDates => "retain_long_modified_dates",
            Self::CleanDescriptors => "clean_descriptors",
            Self::CleanStructuredContent => "clean_structured_content",
            Self::CleanGraphics => "clean_graphics",
        }
    }

    /// The option of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.name() == name)
    }

    /// Code value and meaning (scheme DCM, CID 7050).
    pub const fn code(self) -> (&'static str, &'static str) {
        match self {
            Self::RetainSafePrivate => ("113111", "Retain Safe Private Option"),
            Self::RetainUids => ("113110", "Retain UIDs Option"),
            Self::RetainDeviceIdentity => ("113109", "Retain Device Identity Option"),
            Self::RetainInstitutionIdentity => ("113112", "Retain Institution Identity Option"),
            Self::RetainPatientCharacteristics => ("113108", "Retain Patient Characteristics Option"),
            Self::RetainLongFullDates => {
                ("113106", "Retain Longitudinal Temporal Information Full Dates Option")
            }
            Self::RetainLongModifiedDates => {
                ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
            }
            Self::CleanDescriptors => ("113105", "Clean Descriptors Option"),
            Self::CleanStructuredContent => ("113104", "Clean Structured Content Option"),
            Self::CleanGraphics => ("113103", "Clean Graphics Option"),
        }
    }
}

/// An action code of the basic profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Remove.
    X,
    /// Empty, or a dummy.
    Z,
    /// A dummy.
    D,
    /// A UID that is consistent within the set.
    U,
    /// X unless type 2.
    XZ,
    /// X unless type 1.
    XD,
    /// X unless type 2 or 1.
    XZD,
    /// Z unless type 1.
    ZD,
    /// X unless type 2, or type 1 with the UIDs inside replaced.
    XZU,
}

impl Code {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "X" => Self::X,
            "Z" => Self::Z,
            "D" => Self::D,
            "U" => Self::U,
            "X/Z" => Self::XZ,
            "X/D" => Self::XD,
            "X/Z/D" => Self::XZD,
            "Z/D" => Self::ZD,
            "X/Z/U*" => Self::XZU,
            _ => return None,
        })
    }

    /// As the table writes it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::X => "X",
            Self::Z => "Z",
            Self::D => "D",
            Self::U => "U",
            Self::XZ => "X/Z",
            Self::XD => "X/D",
            Self::XZD => "X/Z/D",
            Self::ZD => "Z/D",
            Self::XZU => "X/Z/U*",
        }
    }

    /// The single code for an attribute of this type (1, 2 or 3; conditional types count as what they condition).
    ///
    /// Sequences of references are kept with new UIDs where the table allows it (`X/Z/U*`), so that the relations
    /// between objects survive.
    pub const fn resolve(self, kind: u8) -> Self {
        match (self, kind) {
            (Self::XZU, _) => Self::U,
            (Self::XD | Self::XZD | Self::ZD, 1) => Self::D,
            (Self::XD, 2) => Self::D,
            (Self::XZ, 1 | 2) | (Self::XZD, 2) | (Self::ZD, _) => Self::Z,
            (Self::XZ | Self::XD | Self::XZD, _) => Self::X,
            (single, _) => single,
        }
    }
}

/// What an option says of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptionRule {
    /// K: keep.
    Keep,
    /// C: clean.
    Clean,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The tag as the table writes it; `50XX` and `60XX` stand for repeating groups, `(GGGG,EEEE)` for private ones.
    pub tag: &'static str,
    /// The attribute stands in some standard composite IOD.
    pub in_composite_iod: bool,
    /// The code of the basic profile.
    pub basic: Code,
    /// What each option says, in the order of [`ProfileOption::ALL`].
    pub options: [Option<OptionRule>; 10],
    /// The attribute's name.
    pub name: &'static str,
}

impl Row {
    /// The tag, where the row is about one.
    pub fn single_tag(&self) -> Option<Tag> {
        Tag::parse(self.tag)
    }
}

/// Every row, in the table's order.
pub fn rows() -> Vec<Row> {
    TABLE.lines().filter_map(row).collect()
}

fn row(line: &'static str) -> Option<Row> {
    let mut fields = line.splitn(5, ' ');
    let tag = fields.next().filter(|t| t.starts_with('('))?;
    let in_composite_iod = fields.next()? == "Y";
    let basic = Code::parse(fields.next()?)?;
    let mut options = [None; 10];
    for (option, rule) in options.iter_mut().zip(fields.next()?.bytes()) {
        *option = match rule {
            b'K' => Some(OptionRule::Keep),
            b'C' => Some(OptionRule::Clean),
            _ => None,
        };
    }
    Some(Row { tag, in_composite_iod, basic, options, name: fields.next()? })
}

/// Where attributes with a combined code are type 1 or 2.
#[derive(Debug, Clone, Default)]
pub struct Types {
    nested: HashMap<(Tag, Tag), u8>,
    root: HashMap<Tag, Vec<(&'static str, u8)>>,
}

impl Types {
    /// From the data beside this file.
    pub fn standard() -> Self {
        let mut types = Self::default();
        for line in TYPES.lines() {
            let mut fields = line.split(' ');
            let (Some(tag), Some(parent), Some(kind)) = (
                fields.next().and_then(Tag::parse),
                fields.next(),
                fields.next().and_then(|k| k.parse().ok()),
            ) else {
                continue;
            };
            match Tag::parse(parent) {
                Some(parent) => {
                    types.nested.insert((parent, tag), kind);
                }
                None => types.root.entry(tag).or_default().extend(fields.map(|class| (class, kind))),
            }
        }
        types
    }

    /// The type of `tag` in an item of the sequence `parent`, or in an instance of this SOP class: 1, 2, or 3 where
    /// nothing demands it.
    pub fn of(&self, tag: Tag, parent: Option<Tag>, sop_class: &str) -> u8 {
        match parent {
            Some(parent) => self.nested.get(&(parent, tag)).copied().unwrap_or(3),
            None => {
                let class = sop_class.strip_prefix(STORAGE).unwrap_or_default();
                let types = self.root.get(&tag).map(Vec::as_slice).unwrap_or_default();
                types.iter().find(|t| t.0 == class).map_or(3, |t| t.1)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn combined_codes_follow_the_type() {
        let types = Types::standard();
        let serial = Tag::new(0x0018, 0x1000);
        let code = |class: &str| Code::XZD.resolve(types.of(serial, None, class));
        assert_eq!(code("1.2.840.10008.5.1.4.1.1.2"), Code::X, "CT image: type 3");
        assert_eq!(code("1.2.840.10008.5.1.4.1.1.2.1"), Code::D, "enhanced CT image: type 1");
        assert_eq!(Code::XZ.resolve(2), Code::Z);
        assert_eq!(rows().len(), 621);
    }
}
