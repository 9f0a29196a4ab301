//! Members of a snapshot, the root over them, and the identifier that follows.

use sha2::{Digest, Sha256};

use crate::audit::{Hash, merkle_leaf, merkle_path, merkle_root};

/// What the identifier is made of begins with this.
const FORM: &[u8] = b"gantry snapshot 1\n";

/// One series in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The remapped series UID.
    pub series_uid: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// The split, where there are splits.
    pub split: Option<String>,
    /// The salted digest of its content.
    pub digest: Hash,
}

impl Member {
    /// What the root covers of it.
    pub fn leaf(&self) -> Hash {
        let split = self.split.as_deref().unwrap_or_default();
        merkle_leaf([
            self.series_uid.as_bytes(),
            self.subject.as_bytes(),
            self.site.as_bytes(),
            split.as_bytes(),
            self.digest.as_slice(),
        ])
    }
}

/// The Merkle root over members, which stand in the order of their series UIDs.
pub fn root_of(members: &[Member]) -> Hash {
    let leaves: Vec<Hash> = members.iter().map(Member::leaf).collect();
    merkle_root(&leaves)
}

/// The audit path of a member, see [`merkle_path`].
pub fn path_of(members: &[Member], at: usize) -> Option<Vec<Hash>> {
    let leaves: Vec<Hash> = members.iter().map(Member::leaf).collect();
    merkle_path(&leaves, at)
}

/// The identifier of the snapshot with this root, as hexadecimal digits.
pub fn id_of(root: &Hash) -> String {
    let mut hash = Sha256::new();
    hash.update(FORM);
    hash.update(root);
    hex::encode(hash.finalize())
}

/// What is signed of a snapshot: its form and its identifier, each ended by a line feed.
pub fn signed_text(id: &str) -> String {
    format!("gantry snapshot 1\n{id}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(uid: &str) -> Member {
        Member { series_uid: uid.into(), subject: "s".into(), site: "A".into(), split: None, digest: [7; 32] }
    }

    #[test]
    fn every_field_of_a_member_is_covered() {
        let members = [member("1"), member("2")];
        let root = root_of(&members);
        let changed: [fn(&mut Member); 5] = [
            |m| m.series_uid = "3".into(),
            |m| m.subject = "t".into(),
            |m| m.site = "B".into(),
            |m| m.split = Some("train".into()),
            |m| m.digest = [8; 32],
        ];
        for change in changed {
            let mut other = members.clone();
            change(&mut other[1]);
            assert_ne!(root_of(&other), root);
            assert_ne!(id_of(&root_of(&other)), id_of(&root));
        }
        assert_ne!(root_of(&members[..1]), root);
    }
}
