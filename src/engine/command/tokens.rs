//! Tokens by which people come over the web.

use serde::{Deserialize, Serialize};

use crate::access::Role;

/// Makes a token for somebody: a reader by their name, or a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeToken {
    /// Whose it is.
    pub name: String,
    /// As what they come.
    pub role: Role,
}

/// A token: told once, and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    /// Whose it is.
    pub name: String,
    /// As what they come.
    pub role: Role,
    /// What they show.
    pub token: String,
}

/// Revokes every token of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeTokens {
    /// Whose.
    pub name: String,
}

/// What somebody has drawn in a viewer, which has put it into a file of the landing side: it becomes a read of theirs, or of the task
/// that they hold on its series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreLabel {
    /// The file, by its name.
    pub file: String,
}

/// An image that came over the web and lies on the landing side: it goes the way of any file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreImage {
    /// The file, by its name.
    pub file: String,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelStored {
    /// The series that it was drawn on.
    pub series_uid: String,
    /// The task that was submitted with it, where there was one.
    pub task: Option<i64>,
}
