//! Coded terms (PS3.3 section 8) and which object a label follows.

use serde::{Deserialize, Serialize};

/// A code of a terminology.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Code {
    /// Code Value.
    pub value: String,
    /// Coding Scheme Designator.
    pub scheme: String,
    /// Code Meaning.
    pub meaning: String,
}

/// A code in constants: scheme, value, meaning.
pub type Term = [&'static str; 3];

/// Category and type of a structure of which nothing is known but that somebody drew it.
pub const TISSUE: Term = ["SCT", "85756007", "Tissue"];

impl Code {
    /// A code.
    pub fn new(scheme: impl Into<String>, value: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { value: value.into(), scheme: scheme.into(), meaning: meaning.into() }
    }
}

impl From<Term> for Code {
    fn from([scheme, value, meaning]: Term) -> Self {
        Self::new(scheme, value, meaning)
    }
}

/// Which object a label follows: over time, and from file to file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tracking {
    /// Tracking ID, for people.
    pub id: String,
    /// Tracking UID.
    pub uid: String,
}
