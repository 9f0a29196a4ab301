//! What one instance of a study names and the others must not say: a physician who is a person in one header may be a
//! bare word in the next.

use std::fmt::Debug;
use std::panic::RefUnwindSafe;
use std::sync::Arc;

use super::identity::{Kind, kind_of, values_of};
use super::plan::{Plan, Plans};
use crate::dicom::{Charset, DataSet, Value};
use crate::model::{Person, Vr, tags};

/// Values longer than this are prose and name nobody.
const LONGEST: usize = 64;

/// Identifiers that other instances of a study name.
///
/// The output depends on them: the same tree must give the same answer whenever it is asked.
pub trait Known: Debug + Sync + RefUnwindSafe {
    /// Those of the study with this (original) UID; `None` where nobody can say, and nothing is safe then.
    fn of(&self, study_uid: &str) -> Option<Arc<[(Kind, String)]>>;
}

/// Nobody is known from elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoIdentifiers;

impl Known for NoIdentifiers {
    fn of(&self, _: &str) -> Option<Arc<[(Kind, String)]>> {
        Some(Arc::new([]))
    }
}

/// What one instance names. It identifies: it may be held in memory and on the landing side alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The original Study Instance UID.
    pub study_uid: String,
    /// Names of people, numbers of people and orders, places; each once, as the header writes them.
    pub identifiers: Vec<(Kind, String)>,
    /// Who the subject is said to be.
    pub person: Person,
}

impl Named {
    /// From the header of an instance; `None` where it belongs to no study.
    pub fn of(set: &DataSet<'_>, plans: &Plans) -> Option<Self> {
        let study_uid = set.ascii(tags::STUDY_INSTANCE_UID)?.to_string();
        let charset = set.charset(&Charset::default());
        let person = Person {
            name: set.text(tags::PATIENT_NAME, &charset).unwrap_or_default(),
            birth_date: set.ascii(tags::PATIENT_BIRTH_DATE).unwrap_or_default().into(),
            sex: set.ascii(tags::PATIENT_SEX).unwrap_or_default().into(),
        };
        let mut named = Self { study_uid, identifiers: Vec::new(), person };
        named.collect(set, plans, &Charset::default());
        named.identifiers.sort_unstable();
        named.identifiers.dedup();
        Some(named)
    }

    fn collect(&mut self, set: &DataSet<'_>, plans: &Plans, outer: &Charset) {
        let charset = set.charset(outer);
        for element in set.elements() {
            let bytes = match &element.value {
                Value::Items(items) => {
                    items.iter().for_each(|item| self.collect(item, plans, &charset));
                    continue;
                }
                Value::Bytes(bytes) if !bytes.is_empty() => bytes,
                _ => continue,
            };
            let plan = plans.of(element.tag);
            let vr = match element.vr {
                Vr::UN | Vr::OB if plan.is_some() => plans.vr(element.tag).unwrap_or(element.vr),
                vr => vr,
            };
            let kind = match vr {
                Vr::PN if plan != Some(Plan::Keep) => Kind::Name,
                Vr::LO | Vr::SH | Vr::ST | Vr::LT | Vr::UT | Vr::UC
                    if matches!(plan, Some(Plan::Code(_))) =>
                {
                    kind_of(element.tag)
                }
                _ => continue,
            };
            if kind != Kind::Device {
                let text = charset.decode(bytes, vr);
                let values = values_of(&text, vr).filter(|v| v.len() <= LONGEST);
                self.identifiers.extend(values.map(|v| (kind, v.to_string())));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::deid::Profile;
    use crate::dicom::Element;
    use crate::model::Tag;

    #[test]
    fn people_and_places_are_named_and_devices_and_prose_are_not() {
        let item =
            DataSet::from_elements(vec![Element::text(Tag::new(0x0040, 0xA123), Vr::PN, "Roe^Richard")]);
        let set = DataSet::from_elements(vec![
            Element::text(tags::STUDY_INSTANCE_UID, Vr::UI, "1.2.3"),
            Element::text(tags::REFERRING_PHYSICIAN_NAME, Vr::PN, "Smith^Adam\\Roe^Richard"),
            Element::text(tags::INSTITUTION_NAME, Vr::LO, "General Hospital"),
            Element::text(tags::STATION_NAME, Vr::SH, "CT1"),
            Element::text(tags::SERIES_DESCRIPTION, Vr::LO, "CHEST"),
            Element::sequence(Tag::new(0x0040, 0xA073), vec![item]),
        ]);
        let named = Named::of(&set, &Plans::new(&Profile::default())).unwrap();
        let names: Vec<&str> = named.identifiers.iter().map(|(_, v)| &**v).collect();
        assert_eq!(
            (&*named.study_uid, names),
            ("1.2.3", vec!["Roe^Richard", "Smith^Adam", "General Hospital"])
        );
    }
}
