//! Drawing by chance that is the same again on every machine and in every order of arrival.

use sha2::{Digest, Sha256};

/// A number in [0, 1) that depends on nothing but the seed and what it is drawn for.
pub fn draw(seed: u64, of: &[&str]) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for (i, part) in of.iter().enumerate() {
        if i > 0 {
            hash.update([0]);
        }
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let head = digest.first_chunk::<8>().map_or(0, |b| u64::from_be_bytes(*b));
    (head >> 11) as f64 / (1u64 << 53) as f64
}

/// Whether something is among a share.
pub fn is_drawn(share: f64, seed: u64, of: &[&str]) -> bool {
    draw(seed, of) < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_drawn_evenly_and_again_the_same() {
        let drawn =
            |seed| (0..10_000).filter(|i| is_drawn(0.1, seed, &[&format!("2.25.{i}")])).collect::<Vec<_>>();
        // Binomial with n 10,000 and p 0.1: six standard deviations are 180.
        assert!((820..1180).contains(&drawn(1).len()), "{}", drawn(1).len());
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
