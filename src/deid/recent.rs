//! Identifiers of the last instances: those of a study nearly always name the same, and what they name need not be taken
//! apart anew for each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::identity::{Identifiers, Identity, Kind, Role, each};
use super::plan::Plans;
use crate::dicom::{Charset, DataSet, Element, Value};
use crate::model::{Tag, tags};

/// How many are remembered.
const REMEMBERED: usize = 16;
/// What names more than so many bytes is not.
const LONGEST: usize = 16 << 10;

/// Identifiers by the elements that they were collected from. They identify: they are held in memory alone.
#[derive(Default)]
pub struct Recent(Mutex<VecDeque<(Box<[u8]>, Arc<Identifiers>)>>);

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent(…)")
    }
}

impl Recent {
    /// What identifies in a data set, with what is known from elsewhere.
    pub fn identity(&self, set: &DataSet<'_>, plans: &Plans, known: &[(Kind, String)]) -> Identity {
        let mut told = Told { key: Vec::with_capacity(1024), uids: Vec::new() };
        told.data_set(set, plans);
        for (kind, value) in known {
            told.put(Tag(0), kind.code(), value.as_bytes());
        }
        let collect = || {
            let mut own = Identifiers::of(set, plans, &Charset::default());
            known.iter().for_each(|(kind, value)| own.add(value, *kind));
            Arc::new(own)
        };
        let own = if told.key.len() > LONGEST { collect() } else { self.remembered(told.key, collect) };
        let mut identity = Identity::new(own);
        told.uids.into_iter().for_each(|uid| identity.uid(uid));
        known.iter().filter(|k| k.0 == Kind::Uid).for_each(|(_, uid)| identity.uid(uid));
        identity
    }

    fn remembered(&self, key: Vec<u8>, collect: impl FnOnce() -> Arc<Identifiers>) -> Arc<Identifiers> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = lock().iter().rev().find(|(other, _)| **other == *key) {
            return found.clone();
        }
        let own = collect();
        let mut recent = lock();
        if recent.len() >= REMEMBERED {
            recent.pop_front();
        }
        recent.push_back((key.into(), own.clone()));
        own
    }
}

/// The elements that tell who somebody is, one after the other: equal ones give equal identifiers.
struct Told<'a> {
    key: Vec<u8>,
    uids: Vec<&'a str>,
}

impl<'a> Told<'a> {
    fn data_set(&mut self, set: &'a DataSet<'_>, plans: &Plans) {
        for element in set.elements() {
            match &element.value {
                Value::Items(items) => {
                    for item in items {
                        self.put(tags::ITEM, 0, &[]);
                        self.data_set(item, plans);
                        self.put(tags::ITEM_DELIMITATION_ITEM, 0, &[]);
                    }
                }
                Value::Bytes(bytes) if !bytes.is_empty() => self.element(element, bytes, plans),
                _ => {}
            }
        }
    }

    fn element(&mut self, element: &'a Element<'_>, bytes: &'a [u8], plans: &Plans) {
        match Role::of(element, plans) {
            Some(Role::Uid) => each(bytes, |uid| self.uids.push(uid)),
            Some(Role::Date | Role::Text(_)) => self.put(element.tag, element.vr as u8, bytes),
            // The others are decoded by the first; a station that is called like the others identifies nobody.
            None if matches!(
                element.tag,
                tags::SPECIFIC_CHARACTER_SET | tags::MANUFACTURER | tags::MANUFACTURER_MODEL_NAME
            ) =>
            {
                self.put(element.tag, 0, bytes);
            }
            None => {}
        }
    }

    fn put(&mut self, tag: Tag, how: u8, bytes: &[u8]) {
        // Too long to be remembered is long enough.
        if self.key.len() <= LONGEST {
            self.key.extend_from_slice(&tag.0.to_le_bytes());
            self.key.push(how);
            self.key.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            self.key.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deid::Profile;
    use crate::model::Vr;

    #[test]
    fn what_is_remembered_is_what_is_collected() {
        let plans = Plans::new(&Profile::default());
        let set = |name: &str, uid: &str| {
            DataSet::from_elements(vec![
                Element::text(tags::SOP_INSTANCE_UID, Vr::UI, uid),
                Element::text(tags::PATIENT_NAME, Vr::PN, name),
            ])
        };
        let recent = Recent::default();
        let known = [(Kind::Name, "Roe^Richard".to_string()), (Kind::Uid, "1.2.3.4.99".to_string())];
        let first = recent.identity(&set("Smith^Adam", "1.2.3.4.5"), &plans, &known);
        let second = recent.identity(&set("Smith^Adam", "1.2.3.4.6"), &plans, &known);
        let other = recent.identity(&set("Smith^Ada", "1.2.3.4.6"), &plans, &known);
        let alone = recent.identity(&set("Smith^Adam", "1.2.3.4.6"), &plans, &[]);
        assert!(std::ptr::eq(&raw const first.words, &raw const second.words));
        assert!(first.words.contains_key("adam") && first.words.contains_key("roe"));
        assert!(!other.words.contains_key("adam") && !alone.words.contains_key("roe"));
        let found = |identity: &Identity, text: &str| {
            let mut found = false;
            let needle = |n| &*identity.needle(n).bytes;
            identity.matchers().0.find(text.as_bytes(), needle, |hit| {
                found |= hit.end - hit.start == text.len();
                !found
            });
            found
        };
        assert!(found(&first, "1.2.3.4.5") && !found(&first, "1.2.3.4.6"));
        assert!(found(&second, "1.2.3.4.6") && !found(&second, "1.2.3.4.5"));
        assert!(found(&second, "1.2.3.4.99") && !found(&alone, "1.2.3.4.99"));
        assert!(found(&second, "richard") && found(&second, "smith"));
    }
}
