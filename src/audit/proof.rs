//! Proofs that a leaf is under a root, without the other leaves.

use sha2::{Digest, Sha256};

use super::{Hash, merkle_root};

/// The audit path of the leaf at a place (RFC 9162, section 2.1.3.1): from the bottom up, what it is hashed with to the root.
/// `None` where there is no such leaf.
pub fn merkle_path(leaves: &[Hash], at: usize) -> Option<Vec<Hash>> {
    if at >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, beside) = if at < left.len() {
        (merkle_path(left, at)?, right)
    } else {
        (merkle_path(right, at - left.len())?, left)
    };
    path.push(merkle_root(beside));
    Some(path)
}

/// The root that a leaf has by its audit path, as the leaf at a place of so many (section 2.1.3.2). The leaf is hashed as leaves
/// are: by [`merkle_root`] of it alone. `None` where the path does not fit.
pub fn root_by_path(leaf: &Hash, at: usize, count: usize, path: &[Hash]) -> Option<Hash> {
    if at >= count {
        return None;
    }
    if count == 1 {
        return path.is_empty().then_some(*leaf);
    }
    let (beside, below) = path.split_last()?;
    let split = count.next_power_of_two() / 2;
    let (left, right) = if at < split {
        (root_by_path(leaf, at, split, below)?, *beside)
    } else {
        (*beside, root_by_path(leaf, at - split, count - split, below)?)
    };
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    Some(hash.finalize().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_leads_to_the_root_and_no_other_does() {
        for count in 1..40_usize {
            let leaves: Vec<Hash> = (0..count).map(|n| [n as u8; 32]).collect();
            let root = merkle_root(&leaves);
            for at in 0..count {
                let path = merkle_path(&leaves, at).unwrap();
                let leaf = merkle_root(&leaves[at..=at]);
                assert_eq!(root_by_path(&leaf, at, count, &path), Some(root));
                assert_ne!(root_by_path(&[200; 32], at, count, &path), Some(root));
                if count > 1 {
                    assert_ne!(root_by_path(&leaf, (at + 1) % count, count, &path), Some(root));
                    assert_eq!(root_by_path(&leaf, at, count, &path[1..]), None);
                }
            }
            assert_eq!(merkle_path(&leaves, count), None);
        }
    }
}
