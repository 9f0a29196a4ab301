//! High-throughput code-blocks (ISO/IEC 15444-15, ITU-T T.814): clean-up, significance propagation and magnitude
//! refinement.

use super::block::Workspace;
use super::damaged;
use super::ht_tables::{FIRST_ROW, OTHER_ROWS};
use crate::dicom::codec::PixelError;

/// What a code word tells of a quad: its length (3 bits), u_off (1), ρ (4), ε_1 (4), ε_k (4), from the lowest bit.
const fn lookup<const N: usize>(rows: &[u32; N]) -> [u16; 1024] {
    let mut table = [0; 1024];
    let mut i = 0;
    while i < N {
        let row = rows[i];
        let (context, rho, offset) = (row >> 23, row >> 19 & 15, row >> 18 & 1);
        let (e_k, e_1, word, length) = (row >> 14 & 15, row >> 10 & 15, row >> 3 & 127, row & 7);
        let mut at = word;
        while at < 128 {
            table[(context << 7 | at) as usize] =
                (length | offset << 3 | rho << 4 | e_1 << 8 | e_k << 12) as u16;
            at += 1 << length;
        }
        i += 1;
    }
    table
}

static FIRST: [u16; 1024] = lookup(&FIRST_ROW);
static OTHER: [u16; 1024] = lookup(&OTHER_ROWS);

/// Bits from the lowest up, bytes forward; after 0xFF a byte carries seven. MagSgn and significance propagation.
struct Forward<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    count: u32,
    after_ff: bool,
    /// What follows the data.
    fill: u8,
}

impl<'a> Forward<'a> {
    fn new(data: &'a [u8], fill: u8) -> Self {
        Self { data, at: 0, buffer: 0, count: 0, after_ff: false, fill }
    }

    /// The next 32 bits or more, lowest first.
    #[inline]
    fn peek(&mut self) -> u32 {
        while self.count < 32 {
            if !self.after_ff
                && let Some(bytes) =
                    self.data.get(self.at..self.at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok())
            {
                let word = u32::from_le_bytes(bytes);
                let inverse = !word;
                // No byte of the four is 0xFF.
                if inverse.wrapping_sub(0x0101_0101) & !inverse & 0x8080_8080 == 0 {
                    self.buffer |= u64::from(word) << self.count;
                    self.count += 32;
                    self.at += 4;
                    break;
                }
            }
            let byte = self.data.get(self.at).copied().unwrap_or(self.fill);
            self.at += 1;
            self.buffer |= u64::from(byte) << self.count;
            self.count += if self.after_ff { 7 } else { 8 };
            // A top bit that should have been zero must not stay in the way.
            self.buffer &= (1 << self.count) - 1;
            self.after_ff = byte == 0xFF;
        }
        self.buffer as u32
    }

    #[inline]
    fn skip(&mut self, n: u32) {
        self.buffer >>= n;
        self.count -= n;
    }

    fn bit(&mut self) -> u32 {
        let bit = self.peek() & 1;
        self.skip(1);
        bit
    }
}

/// Bits from the lowest up, bytes backward; a byte 0x7F (but for its top bit) before one above 0x8F carries seven.
struct Backward<'a> {
    /// Bytes not yet read: the last comes next.
    data: &'a [u8],
    buffer: u64,
    count: u32,
    after_large: bool,
}

impl<'a> Backward<'a> {
    /// Codes of quads: they begin in the upper half of the byte before the last.
    fn codes(data: &'a [u8]) -> Option<Self> {
        let (&last, rest) = data.split_last()?.1.split_last()?;
        let first = last >> 4;
        let count = if first & 7 == 7 { 3 } else { 4 };
        let buffer = u64::from(first) & ((1 << count) - 1);
        Some(Self { data: rest, buffer, count, after_large: last | 0x0F > 0x8F })
    }

    /// Magnitude refinement.
    fn refinement(data: &'a [u8]) -> Self {
        Self { data, buffer: 0, count: 0, after_large: true }
    }

    #[inline]
    fn peek(&mut self) -> u32 {
        while self.count < 32 {
            let byte = match self.data.split_last() {
                Some((&byte, rest)) => {
                    self.data = rest;
                    byte
                }
                None => 0,
            };
            let width = if self.after_large && byte & 0x7F == 0x7F { 7 } else { 8 };
            self.buffer |= (u64::from(byte) & ((1 << width) - 1)) << self.count;
            self.count += width;
            self.after_large = byte > 0x8F;
        }
        self.buffer as u32
    }

    #[inline]
    fn skip(&mut self, n: u32) {
        self.buffer >>= n;
        self.count -= n;
    }
}

/// Adaptive run lengths of events (7.3.3).
struct Mel<'a> {
    data: &'a [u8],
    at: usize,
    byte: u8,
    count: u32,
    state: usize,
    zeros: u32,
    one_follows: bool,
}

/// Exponent of the run length in each state (Table 2).
const MEL_EXPONENT: [u32; 13] = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5];

impl<'a> Mel<'a> {
    /// `data` is without its last byte.
    fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, byte: 0, count: 0, state: 0, zeros: 0, one_follows: false }
    }

    fn bit(&mut self) -> u32 {
        if self.count == 0 {
            self.count = if self.byte == 0xFF { 7 } else { 8 };
            self.byte = self.data.get(self.at).copied().unwrap_or(0xFF);
            // The last byte is shared with the codes of quads.
            if self.at + 1 == self.data.len() {
                self.byte |= 0x0F;
            }
            self.at += 1;
        }
        self.count -= 1;
        u32::from(self.byte >> self.count & 1)
    }

    fn event(&mut self) -> bool {
        loop {
            if self.zeros > 0 {
                self.zeros -= 1;
                return false;
            }
            if self.one_follows {
                self.one_follows = false;
                return true;
            }
            let exponent = MEL_EXPONENT[self.state];
            if self.bit() == 1 {
                self.zeros = 1 << exponent;
                self.state = (self.state + 1).min(12);
            } else {
                self.zeros = (0..exponent).fold(0, |v, _| v << 1 | self.bit());
                self.one_follows = true;
                self.state = self.state.saturating_sub(1);
            }
        }
    }
}

/// A block's passes.
pub(super) struct Coded<'a> {
    pub(super) cleanup: &'a [u8],
    /// Significance propagation forward, magnitude refinement backward.
    pub(super) refinement: &'a [u8],
    /// 1 … 3.
    pub(super) passes: u32,
    /// Bit-planes above and including that of the clean-up pass.
    pub(super) planes: u32,
    /// Bit-planes that all blocks of the band could have.
    pub(super) all_planes: u32,
    pub(super) causal: bool,
}

/// Prefix of u (Table 3): its length, the suffix's length, its value.
fn prefix(code: u32) -> (u32, u32, u32) {
    match code & 7 {
        0 => (3, 5, 5),
        4 => (3, 1, 3),
        2 | 6 => (2, 0, 2),
        _ => (1, 0, 1),
    }
}

/// Reads u of a pair of quads (7.3.6).
fn read_u(codes: &mut Backward<'_>, offsets: [bool; 2], first_row: bool, mel: &mut Mel<'_>) -> [u32; 2] {
    let (base, short) = match offsets {
        [false, false] => return [0, 0],
        [true, true] if first_row => {
            if mel.event() {
                (2, false)
            } else {
                (0, true)
            }
        }
        _ => (0, false),
    };
    let mut parts = [(0, 0, 0); 2];
    if offsets[0] {
        parts[0] = prefix(codes.peek());
        codes.skip(parts[0].0);
    }
    if offsets[1] {
        if short && parts[0].0 > 2 {
            // A large first u leaves the second one bit.
            parts[1] = (0, 0, 1 + (codes.peek() & 1));
            codes.skip(1);
        } else {
            parts[1] = prefix(codes.peek());
            codes.skip(parts[1].0);
        }
    }
    std::array::from_fn(|i| {
        if !offsets[i] {
            return 0;
        }
        let (_, length, value) = parts[i];
        let suffix = codes.peek() & ((1 << length) - 1);
        codes.skip(length);
        base + value + suffix
    })
}

/// Decodes a block of `width` × `height` into `work.values`.
pub(super) fn decode(
    coded: &Coded<'_>,
    width: usize,
    height: usize,
    work: &mut Workspace,
) -> Result<(), PixelError> {
    let bad = || damaged("high-throughput block");
    work.values.clear();
    work.values.resize(width * height, 0);
    let data = coded.cleanup;
    let &[.., before, last] = data else { return Err(bad()) };
    let suffix = usize::from(last) << 4 | usize::from(before & 15);
    if suffix < 2 || suffix > data.len() || suffix > 4079 {
        return Err(bad());
    }
    let (magnitudes, codes) = data.split_at(data.len() - suffix);
    let mut quads = Quads {
        magnitudes: Forward::new(magnitudes, 0xFF),
        codes: Backward::codes(codes).ok_or_else(bad)?,
        mel: Mel::new(&codes[..suffix - 1]),
        shift: coded.planes - 1,
        most: coded.all_planes - coded.planes + 2,
        above: vec![0; width.next_multiple_of(4) + 4],
        current: vec![0; width.next_multiple_of(4) + 4],
    };
    for y in (0..height).step_by(2) {
        quads.row(y, width, height, &mut work.values)?;
    }
    if coded.passes > 1 && coded.planes > 1 && !coded.refinement.is_empty() {
        refine(coded, width, height, &mut work.values);
    }
    Ok(())
}

/// The clean-up pass.
struct Quads<'a> {
    magnitudes: Forward<'a>,
    codes: Backward<'a>,
    mel: Mel<'a>,
    /// Empty bit-planes below.
    shift: u32,
    /// Largest exponent bound U.
    most: u32,
    /// Exponents of the lower samples of the row of quads above, 0 where not significant; column 0 is at index 1.
    above: Vec<u8>,
    current: Vec<u8>,
}

impl Quads<'_> {
    /// Reads one quad's code word.
    #[inline]
    fn code(&mut self, context: usize, table: &[u16; 1024]) -> u16 {
        if context == 0 && !self.mel.event() {
            return 0;
        }
        let info = table[context << 7 | (self.codes.peek() & 127) as usize];
        self.codes.skip(u32::from(info & 7));
        info
    }

    /// Context of the quad at column `x` from the row above (equation 2), less the quad to the left.
    #[inline]
    fn context_above(&self, x: usize) -> usize {
        let a = &self.above[x..x + 4];
        usize::from(a[0] | a[1] != 0) | usize::from(a[2] | a[3] != 0) << 2
    }

    fn row(&mut self, y: usize, width: usize, height: usize, values: &mut [u32]) -> Result<(), PixelError> {
        let first_row = y == 0;
        let table = if first_row { &FIRST } else { &OTHER };
        self.current.fill(0);
        let mut left = 0;
        for x in (0..width).step_by(4) {
            let mut info = [0_u16; 2];
            for (i, slot) in info.iter_mut().enumerate() {
                let x = x + 2 * i;
                if x >= width {
                    break;
                }
                let context = if first_row { left } else { left | self.context_above(x) };
                let code = self.code(context, table);
                *slot = code;
                let rho = usize::from(code >> 4 & 15);
                left = if first_row {
                    (rho & 1 | rho >> 1 & 1) | (rho >> 2) << 1
                } else {
                    usize::from(rho >> 2 != 0) << 1
                };
            }
            let offsets = info.map(|i| i & 8 != 0);
            let u = read_u(&mut self.codes, offsets, first_row, &mut self.mel);
            for i in 0..2 {
                if info[i] & 0xF0 != 0 {
                    self.quad(info[i], u[i], (x + 2 * i, y), (width, height), values)?;
                }
            }
        }
        std::mem::swap(&mut self.above, &mut self.current);
        Ok(())
    }

    /// Reads a significant quad's samples (7.3.8).
    fn quad(
        &mut self,
        info: u16,
        u: u32,
        (x, y): (usize, usize),
        (width, height): (usize, usize),
        values: &mut [u32],
    ) -> Result<(), PixelError> {
        let rho = info >> 4 & 15;
        let a = &self.above[x..x + 4];
        let largest = u32::from(a[0].max(a[1]).max(a[2]).max(a[3]));
        // Predicted from above only where more than one sample is significant; at least one.
        let several = rho & rho.wrapping_sub(1) != 0;
        let bound = u + if several && y > 0 { largest.saturating_sub(1).max(1) } else { 1 };
        if bound > self.most {
            return Err(damaged("high-throughput block"));
        }
        for n in 0..4 {
            if rho >> n & 1 == 0 {
                continue;
            }
            let (column, row) = (x + (n >> 1), y + (n & 1));
            if column >= width || row >= height {
                return Err(damaged("high-throughput block"));
            }
            let length = bound - u32::from(info >> (12 + n) & 1);
            let bits = self.magnitudes.peek();
            self.magnitudes.skip(length);
            // The sign is the lowest bit; what is left is 2 (μ − 1) with the half set.
            let low = bits & ((1_u64 << length) - 1) as u32 | 1;
            let value = low | u32::from(info >> (8 + n) & 1) << length;
            values[row * width + column] = bits << 31 | (value + 2) << self.shift;
            if n & 1 == 1 {
                self.current[column + 1] = (32 - value.leading_zeros()) as u8;
            }
        }
        Ok(())
    }
}

/// Significance propagation (7.4) and magnitude refinement (7.5) in the plane below the clean-up pass.
fn refine(coded: &Coded<'_>, width: usize, height: usize, values: &mut [u32]) {
    let stride = width + 2;
    // 1: significant since the clean-up pass, 2: since this one.
    let mut state = vec![0_u8; stride * (height + 2)];
    for (y, line) in values.chunks_exact(width).enumerate() {
        let to = &mut state[(y + 1) * stride + 1..][..width];
        to.iter_mut().zip(line).for_each(|(to, &v)| *to = u8::from(v != 0));
    }
    let mut bits = Forward::new(coded.refinement, 0);
    let new = 3_u32 << (coded.planes - 2);
    for stripe in (0..height).step_by(4) {
        let bottom = height.min(stripe + 4);
        for group in (0..width).step_by(4) {
            let mut found = Vec::new();
            for x in group..width.min(group + 4) {
                for y in stripe..bottom {
                    let at = (y + 1) * stride + x + 1;
                    if state[at] != 0 {
                        continue;
                    }
                    let row = |from: usize| state[from - 1] | state[from] | state[from + 1];
                    let below = if coded.causal && y == stripe + 3 { 0 } else { row(at + stride) };
                    if row(at - stride) | row(at) | below != 0 && bits.bit() == 1 {
                        state[at] = 2;
                        found.push(y * width + x);
                    }
                }
            }
            for at in found {
                values[at] = bits.bit() << 31 | new;
            }
        }
    }
    if coded.passes < 3 {
        return;
    }
    let mut bits = Backward::refinement(coded.refinement);
    let half = 1_u32 << (coded.planes - 2);
    for stripe in (0..height).step_by(4) {
        for x in 0..width {
            for y in stripe..height.min(stripe + 4) {
                if state[(y + 1) * stride + x + 1] == 1 {
                    let value = &mut values[y * width + x];
                    let bit = bits.peek() & 1;
                    bits.skip(1);
                    // A zero takes the half of the plane above away; the half of this one comes in its place.
                    *value = (*value ^ (1 - bit) << (coded.planes - 1)) | half;
                }
            }
        }
    }
}
