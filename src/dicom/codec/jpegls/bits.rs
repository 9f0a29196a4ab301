//! Bits of a JPEG-LS scan (ISO/IEC 14495-1 A.1): after a byte 0xFF the next one carries seven.

/// Reads bits, most significant first. Beyond the segment's end it gives zeros and remembers having done so.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits from the top down.
    buffer: u64,
    count: u32,
    after_ff: bool,
    zeros: u64,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, buffer: 0, count: 0, after_ff: false, zeros: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Whether more bits were taken than there are.
    pub(super) fn overrun(&self) -> bool {
        self.zeros > u64::from(self.count)
    }

    /// At least 33 bits into the buffer.
    #[inline]
    fn fill(&mut self) {
        if self.count > 32 {
            return;
        }
        if !self.after_ff
            && let Some(next) = self.data.get(self.at..self.at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok())
        {
            let word = u32::from_be_bytes(next);
            let inverse = !word;
            // No byte of the four is 0xFF.
            if inverse.wrapping_sub(0x0101_0101) & !inverse & 0x8080_8080 == 0 {
                self.buffer |= u64::from(word) << (32 - self.count);
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
            let (byte, width) = match (self.after_ff, self.data.get(self.at)) {
                (true, Some(&byte)) => {
                    self.after_ff = false;
                    self.at += 1;
                    (byte, 7)
                }
                (false, Some(0xFF)) if self.data.get(self.at + 1).is_some_and(|&b| b < 0x80) => {
                    self.after_ff = true;
                    self.at += 1;
                    (0xFF, 8)
                }
                (false, Some(&byte)) if byte != 0xFF => {
                    self.at += 1;
                    (byte, 8)
                }
                // A marker, or the end.
                _ => {
                    self.zeros += 8;
                    (0, 8)
                }
            };
            self.buffer |= u64::from(byte) << (64 - width - self.count);
            self.count += width;
        }
    }

    /// The next `n` bits (0 … 32).
    #[inline]
    pub(super) fn take(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        self.fill();
        let bits = (self.buffer >> (64 - n)) as u32;
        self.buffer <<= n;
        self.count -= n;
        bits
    }

    /// How many zeros stand before the next one, which is taken too; stops after `limit` zeros.
    #[inline]
    pub(super) fn unary(&mut self, limit: u32) -> u32 {
        let mut zeros = 0;
        loop {
            self.fill();
            let here = self.buffer.leading_zeros().min(self.count);
            if here < self.count {
                self.buffer = self.buffer << here << 1;
                self.count -= here + 1;
                return zeros + here;
            }
            self.buffer = 0;
            self.count = 0;
            zeros += here;
            if zeros > limit {
                return zeros;
            }
        }
    }

    /// Goes on after the next restart marker; false if another marker or the end of data comes first.
    pub(super) fn restart(&mut self) -> bool {
        (self.buffer, self.count, self.zeros, self.after_ff) = (0, 0, 0, false);
        while let Some(found) = self.data.get(self.at..).and_then(|d| d.iter().position(|&b| b == 0xFF)) {
            self.at += found;
            match self.data.get(self.at + 1) {
                Some(0xD0..=0xD7) => {
                    self.at += 2;
                    return true;
                }
                Some(0xFF) => self.at += 1,
                Some(0..0x80) => self.at += 2,
                _ => return false,
            }
        }
        false
    }
}
