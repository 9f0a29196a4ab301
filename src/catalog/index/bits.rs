//! A set of rows.

/// A set of small numbers, one bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// The empty set with room for numbers below `len`.
    pub fn empty(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// The numbers below `len` that are `wanted`.
    pub fn filled(len: usize, wanted: impl Fn(usize) -> bool) -> Self {
        let mut words = Vec::with_capacity(len.div_ceil(64));
        let mut start = 0;
        while start < len {
            let end = (start + 64).min(len);
            words.push((start..end).fold(0, |word, i| word | u64::from(wanted(i)) << (i - start)));
            start = end;
        }
        Self(words)
    }

    /// Whether `i` belongs to the set.
    pub fn has(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1)
    }

    /// Adds or removes `i`.
    pub fn set(&mut self, i: usize, member: bool) {
        if i / 64 >= self.0.len() {
            if !member {
                return;
            }
            self.0.resize(i / 64 + 1, 0);
        }
        let bit = 1 << (i % 64);
        if member { self.0[i / 64] |= bit } else { self.0[i / 64] &= !bit }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|w| u64::from(w.count_ones())).sum()
    }

    /// Keeps what `other` has too; what it lacks, where `without`.
    pub fn keep(&mut self, other: &Self, without: bool) {
        for (i, word) in self.0.iter_mut().enumerate() {
            let theirs = other.0.get(i).copied().unwrap_or(0);
            *word &= if without { !theirs } else { theirs };
        }
    }

    /// Adds what `other` has.
    pub fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, theirs) in self.0.iter_mut().zip(&other.0) {
            *word |= theirs;
        }
    }

    /// How many both have.
    pub fn common(&self, other: &Self) -> u64 {
        self.0.iter().zip(&other.0).map(|(a, b)| u64::from((a & b).count_ones())).sum()
    }

    /// Each member, ascending.
    pub fn each(&self, mut give: impl FnMut(usize)) {
        for (at, &word) in self.0.iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                give(at * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }
}
