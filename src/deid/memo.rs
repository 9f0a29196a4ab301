//! What became of texts: instances of a study say the same again and again.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::HashMap;

use super::text::{Cleaner, Strictness};

/// Texts that are remembered, of each kind.
const REMEMBERED: usize = 256;
/// A longer one is not.
const LONGEST: usize = 1024;

/// What was asked of a text.
#[derive(Clone, Copy)]
enum Asked {
    Terms,
    Technical,
    IsClean,
}

/// What became of texts under the same identifiers; `None` where a text stays. They identify: they are held in memory
/// alone.
#[derive(Default)]
pub struct Memo(Mutex<[HashMap<Box<str>, Option<Arc<str>>>; 3]>);

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memo(…)")
    }
}

impl Clone for Memo {
    /// Whoever copies identifiers is about to change them.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Memo {
    fn of(&self, asked: Asked, text: &str, answer: impl FnOnce() -> Option<Arc<str>>) -> Option<Arc<str>> {
        if text.len() > LONGEST {
            return answer();
        }
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock()[asked as usize].get(text) {
            return known.clone();
        }
        let found = answer();
        let texts = &mut lock()[asked as usize];
        if texts.len() >= REMEMBERED {
            texts.clear();
        }
        texts.insert(text.into(), found.clone());
        found
    }
}

impl Cleaner<'_> {
    /// As [`Cleaner::clean`], of a text that other instances may have as well.
    pub fn cleaned<'t>(&self, text: &'t str, how: Strictness) -> Cow<'t, str> {
        let asked = match how {
            Strictness::Terms => Asked::Terms,
            Strictness::Technical => Asked::Technical,
        };
        let answer = || match self.clean(text, how) {
            Cow::Borrowed(_) => None,
            Cow::Owned(cleaned) => Some(cleaned.into()),
        };
        let found = self.identity.memo.of(asked, text, answer);
        found.map_or(Cow::Borrowed(text), |cleaned| Cow::Owned((*cleaned).to_owned()))
    }

    /// As [`Cleaner::is_clean`], of a text that other instances may have as well.
    pub fn is_known_clean(&self, text: &str) -> bool {
        let answer = || if self.is_clean(text) { None } else { Some("".into()) };
        self.identity.memo.of(Asked::IsClean, text, answer).is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::deid::identity::{Identity, Kind};

    #[test]
    fn the_answer_is_the_same_the_second_time_and_another_when_more_is_known() {
        let allowed = BTreeSet::new();
        let mut identity = Identity::default();
        identity.add("Smith^Adam", Kind::Name);
        for known in ["Wetherquill^Lucasta", "Roe^Richard"] {
            let cleaner = Cleaner { identity: &identity, allowed: &allowed };
            for text in ["CHEST SMITH", "CHEST", "Roe", "smith"] {
                for how in [Strictness::Terms, Strictness::Technical] {
                    for _ in 0..2 {
                        assert_eq!(cleaner.cleaned(text, how), cleaner.clean(text, how), "{text}");
                    }
                }
                for _ in 0..2 {
                    assert_eq!(cleaner.is_known_clean(text), cleaner.is_clean(text), "{text}");
                }
            }
            identity.add(known, Kind::Name);
        }
        let cleaner = Cleaner { identity: &identity, allowed: &allowed };
        assert!(!cleaner.is_known_clean("Roe"));
        assert_ne!(cleaner.cleaned("Roe", Strictness::Terms), "Roe");
    }
}
