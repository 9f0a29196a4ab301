//! Finds any of many short strings in bytes, in one pass: a bitmap of hashed three-byte windows, then a comparison.
//! Built in microseconds, because every instance has identifiers of its own.

use std::sync::Arc;

/// Bits of a window's hash.
const HASH_BITS: u32 = 16;
/// Set in every letter of lower case; what it does to other bytes only makes hashes alike.
const LOWER: u32 = 0x0020_2020;

/// A window of a needle: its hash, the needle's number, where in the needle it stands.
type Window = (u16, u32, u8);

/// Needles over bytes in which ASCII letters are compared without case. Needles must be in ASCII lower case; whoever
/// searches has them at hand by their numbers.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Which hashes occur at all.
    seen: Box<[u64]>,
    /// Sorted.
    windows: Arc<[Window]>,
    /// The same of needles that were added later.
    more: Vec<Window>,
    min_len: usize,
    stride: usize,
}

/// Where a needle was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The needle's number.
    pub needle: usize,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Matcher {
    /// A matcher of the needles of at least `min_len` bytes (which is 3 or more), numbered from 0; shorter ones are never
    /// found. The longer the shortest needle, the faster the search.
    pub fn new<'n>(needles: impl IntoIterator<Item = &'n [u8]>, min_len: usize) -> Self {
        let stride = (min_len.max(3) - 2).min(32);
        let seen = vec![0; 1 << (HASH_BITS - 6)].into();
        let mut matcher = Self { seen, windows: Arc::new([]), more: Vec::new(), min_len, stride };
        matcher.add(needles, 0);
        matcher.windows = std::mem::take(&mut matcher.more).into();
        matcher
    }

    /// The same with more needles, numbered from `first`.
    #[must_use]
    pub fn with<'n>(&self, needles: impl IntoIterator<Item = &'n [u8]>, first: usize) -> Self {
        let mut matcher = self.clone();
        matcher.add(needles, first);
        matcher
    }

    fn add<'n>(&mut self, needles: impl IntoIterator<Item = &'n [u8]>, first: usize) {
        for (n, needle) in needles.into_iter().enumerate().filter(|(_, n)| n.len() >= self.min_len) {
            for (offset, window) in needle.windows(3).take(self.stride).enumerate() {
                let hash = hash(u32::from_le_bytes([window[0], window[1], window[2], 0]));
                self.seen[usize::from(hash >> 6)] |= 1 << (hash & 63);
                self.more.push((hash, (first + n) as u32, offset as u8));
            }
        }
        self.more.sort_unstable();
    }

    /// Calls `found` with every hit until it returns `false`. `needle` gives a needle by its number.
    pub fn find<'n>(
        &self,
        bytes: &[u8],
        needle: impl Fn(usize) -> &'n [u8],
        mut found: impl FnMut(Hit) -> bool,
    ) {
        if self.windows.is_empty() && self.more.is_empty() {
            return;
        }
        let mut at = 0;
        while let Some(window) = window_at(bytes, at) {
            let hash = hash(window);
            if self.seen[usize::from(hash >> 6)] >> (hash & 63) & 1 == 1
                && !self.check(bytes, at, hash, &needle, &mut found)
            {
                return;
            }
            at += self.stride;
        }
    }

    #[cold]
    fn check<'n>(
        &self,
        bytes: &[u8],
        at: usize,
        hash: u16,
        needle: &impl Fn(usize) -> &'n [u8],
        found: &mut impl FnMut(Hit) -> bool,
    ) -> bool {
        [&self.windows[..], &self.more].into_iter().all(|windows| {
            let first = windows.partition_point(|w| w.0 < hash);
            windows[first..].iter().take_while(|w| w.0 == hash).all(|&(_, number, offset)| {
                let text = needle(number as usize);
                let Some(start) = at.checked_sub(usize::from(offset)) else { return true };
                let end = start + text.len();
                let same = bytes
                    .get(start..end)
                    .is_some_and(|b| b.iter().zip(text).all(|(&b, &n)| b.to_ascii_lowercase() == n));
                !same || found(Hit { needle: number as usize, start, end })
            })
        })
    }
}

/// The three bytes at a place, the first the lowest.
fn window_at(bytes: &[u8], at: usize) -> Option<u32> {
    match bytes.get(at..)? {
        [a, b, c, d, ..] => Some(u32::from_le_bytes([*a, *b, *c, *d]) & 0x00FF_FFFF),
        [a, b, c] => Some(u32::from_le_bytes([*a, *b, *c, 0])),
        _ => None,
    }
}

const fn hash(window: u32) -> u16 {
    ((window | LOWER).wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_naive_search_finds(
            hay in "[a-cA-C@`{]{0,60}",
            needles in prop::collection::vec("[a-c`{]{3,9}", 0..6),
            later in 0usize..7,
            min in 3usize..6,
        ) {
            let bytes = || needles.iter().map(|n| n.as_bytes());
            let later = later.min(needles.len());
            let matcher = Matcher::new(bytes().take(later), min).with(bytes().skip(later), later);
            let mut found = Vec::new();
            let needle = |n: usize| needles[n].as_bytes();
            matcher.find(hay.as_bytes(), needle, |hit| { found.push((hit.needle, hit.start)); true });
            found.sort_unstable();
            found.dedup();
            let hay = hay.to_ascii_lowercase();
            let mut expected: Vec<(usize, usize)> = needles.iter().enumerate()
                .filter(|(_, n)| n.len() >= min)
                .flat_map(|(i, n)| (0..hay.len()).filter(|&at| hay[at..].starts_with(&**n)).map(move |at| (i, at)).collect::<Vec<_>>())
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
