//! Versions of a dataset: what a snapshot holds of each series, who is in which split, and what differs between two. Pure.
//!
//! A snapshot is a list of members in the order of their series UIDs. What it holds of a series is a [`Content`], canonical
//! JSON under a salted digest; the digests with series, subject, site and split are the leaves of a Merkle tree (RFC 9162),
//! and the identifier of the snapshot follows from its root. So equal content has the same identifier wherever and whenever
//! it is frozen, and a member whose content was erased is still bound by its digest.

mod content;
mod diff;
mod member;
mod split;

pub use content::{Content, FrozenLabel, ImageList, ImageRef, LabelState, Standing};
pub use diff::{Diff, DiffEntry, Side, diff, what_differs};
pub use member::{Member, id_of, path_of, root_of, signed_text};
pub use split::{Shares, SplitError, SplitRole, Splits, Unit, assign};
