//! Saved searches, and harmonisation of the catalog.

use serde::{Deserialize, Serialize};

use crate::engine::query::SeriesSort;

/// Keeps a search under a name; one of the same name is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveSearch {
    /// Its name.
    pub name: String,
    /// The query, in the query language.
    pub query: String,
    /// The order.
    pub sort: SeriesSort,
}

/// Forgets a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetSearch {
    /// Its name.
    pub name: String,
}

/// Reads the rules from disk and derives every series' harmonised attributes again, from what the catalog knows of
/// their headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyRules {}
