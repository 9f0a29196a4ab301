//! Whether archives elsewhere answer, as far as was asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::pipeline::now_ms;

/// What is known of the remotes, by name.
#[derive(Default)]
pub struct Health(Mutex<BTreeMap<String, Answered>>);

/// What became of the last question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Why it did not answer, in its own words where it had some.
    pub problem: Option<String>,
}

impl Health {
    /// A remote was asked something.
    pub fn note(&self, remote: &str, problem: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(remote.into(), Answered { at_ms: now_ms(), problem });
    }

    /// What is known of a remote; none where it was not asked yet.
    pub fn of(&self, remote: &str) -> Option<Answered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(remote).cloned()
    }
}
