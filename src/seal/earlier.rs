//! How earlier versions sealed values: opened once more when a workspace of theirs is opened, and never sealed so again.
//!
//! The key stream is SHA-256 in counter mode under a key of its own for each nonce (its HMAC), so that any part can be
//! opened by itself. What is hashed has one length always, which is what a secret prefix needs.

use sha2::{Digest, Sha256};

use super::HashKey;

/// Bytes of the key stream that one hash gives.
const BLOCK: usize = 32;

/// A key of earlier versions.
#[derive(Debug, Clone)]
pub struct Seal(pub HashKey);

impl Seal {
    /// Opens (and once closed) `bytes`, which stand `at` bytes behind the beginning of what `nonce` is for. Two things closed
    /// with the same nonce must be the same.
    pub fn apply(&self, nonce: &[u8], mut at: u64, mut bytes: &mut [u8]) {
        let own = self.0.hash(&[nonce]);
        let mut input = [0; BLOCK + 8];
        input[..BLOCK].copy_from_slice(&own);
        while !bytes.is_empty() {
            input[BLOCK..].copy_from_slice(&(at / BLOCK as u64).to_le_bytes());
            let key: [u8; BLOCK] = Sha256::digest(input).into();
            let from = (at % BLOCK as u64) as usize;
            let (now, later) = bytes.split_at_mut(bytes.len().min(BLOCK - from));
            now.iter_mut().zip(&key[from..]).for_each(|(byte, k)| *byte ^= k);
            at += now.len() as u64;
            bytes = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_part_opens_by_itself(text in prop::collection::vec(any::<u8>(), 1..200), a in 0usize..200, b in 0usize..200) {
            let seal = Seal(HashKey::new([7; 64]));
            let mut closed = text.clone();
            // Closed in two pieces.
            let middle = a.min(text.len());
            let (head, tail) = closed.split_at_mut(middle);
            seal.apply(b"n", 0, head);
            seal.apply(b"n", middle as u64, tail);
            let from = b.min(text.len());
            seal.apply(b"n", from as u64, &mut closed[from..]);
            prop_assert_eq!(&closed[from..], &text[from..]);
        }
    }

    #[test]
    fn what_is_closed_is_not_what_it_was() {
        let mut closed = *b"Smith^Adam, born 1962-03-15, of 12 Long Road";
        Seal(HashKey::new([7; 64])).apply(b"n", 0, &mut closed);
        assert!(
            !closed
                .windows(4)
                .any(|w| b"Smith^Adam, born 1962-03-15, of 12 Long Road".windows(4).any(|o| o == w))
        );
    }
}
