//! The tamper-evident trail: a hash chain over its entries, and Merkle roots over the items of a batch.
//!
//! An entry's hash is SHA-256 over the hash before it and the entry's canonical bytes: sequence, time, actor, action,
//! object and detail, each preceded by its length, so that no two different entries have the same bytes.

mod atna;
mod checkpoint;
mod proof;

pub use atna::atna_message;
pub use checkpoint::{Checkpoint, NoKey, TrailKey, is_signed_by};
pub use proof::{merkle_path, root_by_path};

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash before the first entry.
pub const GENESIS: Hash = [0; 32];

/// What an entry's hash covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number, from 1.
    pub sequence: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub actor: &'a str,
    /// What.
    pub action: &'a str,
    /// About what.
    pub object: &'a str,
    /// The rest, as the JSON text that is stored.
    pub detail: &'a str,
}

/// The hash of `entry` after `previous`.
pub fn chain(previous: &Hash, entry: &Entry<'_>) -> Hash {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(entry.sequence.to_be_bytes());
    hash.update(entry.at_ms.to_be_bytes());
    for field in [entry.actor, entry.action, entry.object, entry.detail] {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hash.finalize().into()
}

/// The Merkle root over `leaves` (RFC 9162, section 2.1.1: leaves and nodes are hashed with different prefixes).
pub fn merkle_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => {
            let mut hash = Sha256::new();
            hash.update([0]);
            hash.update(leaf);
            hash.finalize().into()
        }
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let mut hash = Sha256::new();
            hash.update([1]);
            hash.update(merkle_root(&leaves[..split]));
            hash.update(merkle_root(&leaves[split..]));
            hash.finalize().into()
        }
    }
}

/// The leaf of a stored instance: binds the name of its bytes and the hash of its ledger line.
pub fn instance_leaf(blob: &str, ledger: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update(blob.as_bytes());
    hash.update(ledger);
    hash.finalize().into()
}

/// A leaf over fields, each preceded by its length, so that no two different lists have the same leaf.
pub fn merkle_leaf<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// Verifies a chain entry by entry.
#[derive(Debug, Clone)]
pub struct Verifier {
    previous: Hash,
    sequence: u64,
}

/// Where a chain breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing or out of order.
    #[error("entry {expected} is missing")]
    Missing {
        /// The sequence number that should have come.
        expected: u64,
    },
    /// An entry, or one before it, was changed.
    #[error("entry {sequence} was changed")]
    Changed {
        /// The first entry whose hash does not follow.
        sequence: u64,
    },
}

impl Default for Verifier {
    fn default() -> Self {
        Self { previous: GENESIS, sequence: 0 }
    }
}

impl Verifier {
    /// Takes the next entry with the hash that is stored for it.
    ///
    /// # Errors
    /// The chain breaks here.
    pub fn next(&mut self, entry: &Entry<'_>, stored: &Hash) -> Result<(), Broken> {
        if entry.sequence != self.sequence + 1 {
            return Err(Broken::Missing { expected: self.sequence + 1 });
        }
        if chain(&self.previous, entry) != *stored {
            return Err(Broken::Changed { sequence: entry.sequence });
        }
        self.previous = *stored;
        self.sequence = entry.sequence;
        Ok(())
    }

    /// How many entries were verified, and the hash of the last.
    pub fn verified(&self) -> (u64, Hash) {
        (self.sequence, self.previous)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry(sequence: u64, action: &str) -> Entry<'_> {
        Entry { sequence, at_ms: 5, actor: "amira", action, object: "task 1", detail: "{}" }
    }

    #[test]
    fn a_change_anywhere_breaks_the_chain() {
        let first = chain(&GENESIS, &entry(1, "review.accept"));
        let second = chain(&first, &entry(2, "review.return"));
        let mut good = Verifier::default();
        good.next(&entry(1, "review.accept"), &first).unwrap();
        good.next(&entry(2, "review.return"), &second).unwrap();
        assert_eq!(good.verified(), (2, second));

        let mut bad = Verifier::default();
        assert_eq!(bad.next(&entry(1, "review.return"), &first), Err(Broken::Changed { sequence: 1 }));
        assert_eq!(bad.next(&entry(2, "review.return"), &second), Err(Broken::Missing { expected: 1 }));
    }

    #[test]
    fn fields_cannot_flow_into_each_other() {
        let a = Entry { actor: "ab", action: "c", ..entry(1, "") };
        let b = Entry { actor: "a", action: "bc", ..entry(1, "") };
        assert_ne!(chain(&GENESIS, &a), chain(&GENESIS, &b));
    }

    /// Test vectors of Certificate Transparency's reference tree: SHA-256 over `00 ‖ leaf`, `01 ‖ left ‖ right`.
    #[test]
    fn merkle_root_depends_on_every_leaf_and_its_place() {
        let leaf = |b: u8| -> Hash { Sha256::digest([b]).into() };
        let three = merkle_root(&[leaf(1), leaf(2), leaf(3)]);
        assert_ne!(three, merkle_root(&[leaf(2), leaf(1), leaf(3)]));
        assert_ne!(three, merkle_root(&[leaf(1), leaf(2), leaf(3), leaf(3)]));
        assert_eq!(
            hex::encode(merkle_root(&[])),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
