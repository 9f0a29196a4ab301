//! Subjects: who is whom, where headers do not say it rightly.

use serde::{Deserialize, Serialize};

/// Studies of several subjects are of one person: from now on they are of the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinSubjects {
    /// The pseudonym that stays.
    pub subject: String,
    /// Those that go.
    pub others: Vec<String>,
    /// Why.
    pub reason: String,
}

/// Studies are of another person than their Patient ID says: they get a pseudonym of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSubject {
    /// The studies, by their remapped UIDs, all of one subject.
    pub studies: Vec<String>,
    /// Why.
    pub reason: String,
}

/// What headers say against it is wrong: all studies of the subject are of one person; and subjects with the same name
/// are others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepSubject {
    /// The pseudonym.
    pub subject: String,
    /// Why.
    pub reason: String,
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectDecided {
    /// The pseudonym that the studies have now.
    pub subject: String,
    /// Studies that it concerns.
    pub studies: u64,
}
