//! *Who is whom?*

use serde::{Deserialize, Serialize};

/// Every subject, those with findings first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subjects {}

/// A subject with what is stored of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectView {
    /// The pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// Its studies, by their remapped UIDs.
    pub study_uids: Vec<String>,
    /// Its series.
    pub series: u64,
    /// Headers of its studies contradict one another: the Patient ID stands for several people.
    pub has_conflict: bool,
    /// Another subject of the site has the same name and birth date.
    pub has_namesake: bool,
}
