//! Finds any of many short strings in bytes, in one pass: a bitmap of hashed three-byte windows, then a comparison.
//! Built in microseconds, because every instance has identifiers of its own.

/// Bits of a window's hash.
const HASH_BITS: u32 = 16;

/// Needles over bytes in which ASCII letters are compared without case. Needles must be in ASCII lower case.
#[derive(Debug)]
pub struct Matcher<'n> {
    needles: Vec<&'n [u8]>,
    /// Which hashes occur at all.
    seen: Vec<u64>,
    /// (hash, needle, offset of the window in the needle), sorted.
    windows: Vec<(u16, u32, u8)>,
    stride: usize,
}

/// Where a needle was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The needle, in the order given.
    pub needle: usize,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl<'n> Matcher<'n> {
    /// A matcher of the needles of at least `min_len` bytes (which is 3 or more); shorter ones are never found. The
    /// longer the shortest needle, the faster the search.
    pub fn new(needles: impl IntoIterator<Item = &'n [u8]>, min_len: usize) -> Self {
        let needles: Vec<&[u8]> = needles.into_iter().collect();
        let stride = (min_len.max(3) - 2).min(32);
        let mut seen = vec![0; 1 << (HASH_BITS - 6)];
        let mut windows = Vec::with_capacity(needles.len() * stride);
        for (n, needle) in needles.iter().enumerate().filter(|(_, n)| n.len() >= min_len) {
            for (offset, window) in needle.windows(3).take(stride).enumerate() {
                let hash = hash(window[0], window[1], window[2]);
                seen[usize::from(hash >> 6)] |= 1 << (hash & 63);
                windows.push((hash, n as u32, offset as u8));
            }
        }
        windows.sort_unstable();
        Self { needles, seen, windows, stride }
    }

    /// Calls `found` with every hit until it returns `false`.
    pub fn find(&self, bytes: &[u8], mut found: impl FnMut(Hit) -> bool) {
        if self.windows.is_empty() {
            return;
        }
        let mut at = 0;
        while at + 3 <= bytes.len() {
            let hash = hash(lower(bytes[at]), lower(bytes[at + 1]), lower(bytes[at + 2]));
            if self.seen[usize::from(hash >> 6)] >> (hash & 63) & 1 == 1
                && !self.check(bytes, at, hash, &mut found)
            {
                return;
            }
            at += self.stride;
        }
    }

    fn check(&self, bytes: &[u8], at: usize, hash: u16, found: &mut impl FnMut(Hit) -> bool) -> bool {
        let first = self.windows.partition_point(|w| w.0 < hash);
        for &(_, needle, offset) in self.windows[first..].iter().take_while(|w| w.0 == hash) {
            let text = self.needles[needle as usize];
            let Some(start) = at.checked_sub(usize::from(offset)) else { continue };
            let end = start + text.len();
            let same =
                bytes.get(start..end).is_some_and(|b| b.iter().zip(text).all(|(&b, &n)| lower(b) == n));
            if same && !found(Hit { needle: needle as usize, start, end }) {
                return false;
            }
        }
        true
    }
}

const fn lower(byte: u8) -> u8 {
    byte.to_ascii_lowercase()
}

const fn hash(a: u8, b: u8, c: u8) -> u16 {
    let key = a as u32 | (b as u32) << 8 | (c as u32) << 16;
    (key.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_naive_search_finds(
            hay in "[a-cA-C]{0,60}",
            needles in prop::collection::vec("[a-c]{3,9}", 0..6),
            min in 3usize..6,
        ) {
            let matcher = Matcher::new(needles.iter().map(|n| n.as_bytes()), min);
            let mut found = Vec::new();
            matcher.find(hay.as_bytes(), |hit| { found.push((hit.needle, hit.start)); true });
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
