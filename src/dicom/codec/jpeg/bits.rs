//! Bits of entropy-coded segments (ISO/IEC 10918-1 F.2.2.5): stuffed zero bytes undone, markers never crossed.

/// Reads bits, most significant first. Beyond the segment's end it gives zeros and remembers having done so.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    /// Bits in `buffer`.
    count: u32,
    /// Zero bits appended beyond the end, of those in `buffer` and those already read.
    zeros: u64,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, buffer: 0, count: 0, zeros: 0 }
    }

    /// Where the segment ended, once everything in it was read: at its marker or the end of data.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Whether more bits were taken than there are.
    pub(super) fn overrun(&self) -> bool {
        self.zeros > u64::from(self.count)
    }

    /// At least 48 bits into the buffer.
    #[inline]
    pub(super) fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(next) = self.data.get(self.at..self.at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok()) {
            let word = u32::from_be_bytes(next);
            // No byte of the four is 0xFF.
            if has_no_ff(word) {
                self.buffer = self.buffer << 32 | u64::from(word);
                self.count += 32;
                self.at += 4;
                return;
            }
        }
        self.fill_slowly();
    }

    #[cold]
    #[inline(never)]
    fn fill_slowly(&mut self) {
        while self.count <= 48 {
            let byte = match self.data.get(self.at) {
                Some(0xFF) => match self.data.get(self.at + 1) {
                    Some(0) => {
                        self.at += 2;
                        0xFF
                    }
                    _ => 0,
                },
                Some(&byte) => {
                    self.at += 1;
                    self.buffer = self.buffer << 8 | u64::from(byte);
                    self.count += 8;
                    continue;
                }
                None => 0,
            };
            if byte == 0 {
                self.zeros += 8;
            }
            self.buffer = self.buffer << 8 | byte;
            self.count += 8;
        }
    }

    /// The next `n` bits (1 … 16) without taking them; [`Bits::fill`] was called.
    #[inline]
    pub(super) fn peek(&self, n: u32) -> u32 {
        (self.buffer >> (self.count - n)) as u32 & ((1 << n) - 1)
    }

    /// Takes `n` bits that were peeked at.
    #[inline]
    pub(super) fn skip(&mut self, n: u32) {
        self.count -= n;
    }

    /// The next `n` bits (0 … 16); fills by itself.
    #[inline]
    pub(super) fn take(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        self.fill();
        let bits = self.peek(n);
        self.skip(n);
        bits
    }

    /// `n` bits as a signed difference (F.2.2.1 EXTEND).
    #[inline]
    pub(super) fn take_signed(&mut self, n: u32) -> i32 {
        if n == 0 {
            return 0;
        }
        let value = self.take(n) as i32;
        if value < 1 << (n - 1) { value - (1 << n) + 1 } else { value }
    }

    /// Goes on after the next restart marker; false if another marker or the end of data comes first.
    pub(super) fn restart(&mut self) -> bool {
        self.buffer = 0;
        self.count = 0;
        self.zeros = 0;
        while let Some(found) = self.data.get(self.at..).and_then(|d| d.iter().position(|&b| b == 0xFF)) {
            self.at += found;
            match self.data.get(self.at + 1) {
                Some(0xFF) => self.at += 1,
                Some(0) => self.at += 2,
                Some(0xD0..=0xD7) => {
                    self.at += 2;
                    return true;
                }
                _ => return false,
            }
        }
        false
    }
}

/// Whether no byte of `word` is 0xFF.
#[inline]
fn has_no_ff(word: u32) -> bool {
    let inverse = !word;
    inverse.wrapping_sub(0x0101_0101) & !inverse & 0x8080_8080 == 0
}
