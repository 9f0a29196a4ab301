//! Code-blocks of bit-planes (ISO/IEC 15444-1 Annex D): significance, refinement and clean-up passes.

use super::mq::{Contexts, Mq, RUN, Raw, UNIFORM, initial};

/// Code-block style bits (Table A.19).
pub(super) mod style {
    /// Selective arithmetic coding bypass.
    pub(in super::super) const BYPASS: u8 = 0x01;
    /// Contexts are reset after every pass.
    pub(in super::super) const RESET: u8 = 0x02;
    /// Every pass ends its segment.
    pub(in super::super) const TERMINATE: u8 = 0x04;
    /// Contexts do not look below the stripe.
    pub(in super::super) const CAUSAL: u8 = 0x08;
    /// Four symbols end each clean-up pass.
    pub(in super::super) const SYMBOLS: u8 = 0x20;
    /// High-throughput blocks (ISO/IEC 15444-15).
    pub(in super::super) const HIGH_THROUGHPUT: u8 = 0x40;
    /// Both kinds of blocks.
    pub(in super::super) const MIXED: u8 = 0x80;
}

/// Which way a band is high-pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Orientation {
    LowLow,
    HighLow,
    LowHigh,
    HighHigh,
}

// Flags of a sample: which neighbours are significant, the signs of four of them, its own state.
const NE: u16 = 1;
const SE: u16 = 2;
const SW: u16 = 4;
const NW: u16 = 8;
const N: u16 = 0x10;
const E: u16 = 0x20;
const S: u16 = 0x40;
const W: u16 = 0x80;
const AROUND: u16 = 0xFF;
const NEGATIVE: u32 = 4;
const SIGNIFICANT: u16 = 0x1000;
const REFINED: u16 = 0x2000;
const VISITED: u16 = 0x4000;

/// Zero-coding context by neighbours (Table D.1).
const fn zero_context(around: u16, orientation: Orientation) -> u8 {
    const fn count(around: u16, mask: u16) -> u32 {
        (around & mask).count_ones()
    }
    let (mut h, mut v) = (count(around, E | W), count(around, N | S));
    let d = count(around, NE | SE | SW | NW);
    if let Orientation::HighHigh = orientation {
        let hv = h + v;
        return match (d, hv) {
            (3.., _) => 8,
            (2, 1..) => 7,
            (2, 0) => 6,
            (1, 2..) => 5,
            (1, 1) => 4,
            (1, 0) => 3,
            (0, 2..) => 2,
            (0, 1) => 1,
            (0, 0) => 0,
        };
    }
    if let Orientation::HighLow = orientation {
        (h, v) = (v, h);
    }
    match (h, v, d) {
        (2.., _, _) => 8,
        (1, 1.., _) => 7,
        (1, 0, 1..) => 6,
        (1, 0, 0) => 5,
        (0, 2.., _) => 4,
        (0, 1, _) => 3,
        (0, 0, 2..) => 2,
        (0, 0, 1) => 1,
        (0, 0, 0) => 0,
    }
}

const fn zero_table(orientation: Orientation) -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = zero_context(i as u16, orientation);
        i += 1;
    }
    table
}

static ZERO: [[u8; 256]; 4] = [
    zero_table(Orientation::LowLow),
    zero_table(Orientation::HighLow),
    zero_table(Orientation::LowHigh),
    zero_table(Orientation::HighHigh),
];

/// Sign context and whether the decoded bit is flipped (Table D.3), by flags N E S W and their signs, shifted down.
static SIGN: [(u8, u8); 256] = {
    const fn part(significant: u16, negative: u16) -> i32 {
        if significant == 0 {
            0
        } else if negative == 0 {
            1
        } else {
            -1
        }
    }
    const fn clamp(v: i32) -> i32 {
        if v > 1 {
            1
        } else if v < -1 {
            -1
        } else {
            v
        }
    }
    let mut table = [(0, 0); 256];
    let mut i = 0;
    while i < 256 {
        let flags = (i as u16) << 4;
        let h = clamp(part(flags & E, flags & (E << NEGATIVE)) + part(flags & W, flags & (W << NEGATIVE)));
        let v = clamp(part(flags & N, flags & (N << NEGATIVE)) + part(flags & S, flags & (S << NEGATIVE)));
        table[i] = match (h, v) {
            (1, 1) => (13, 0),
            (1, 0) => (12, 0),
            (1, -1) => (11, 0),
            (0, 1) => (10, 0),
            (0, -1) => (10, 1),
            (-1, 1) => (11, 1),
            (-1, 0) => (12, 1),
            (-1, -1) => (13, 1),
            _ => (9, 0),
        };
        i += 1;
    }
    table
};

/// Coded passes of one code-block.
pub(super) struct Coded<'a> {
    pub(super) data: &'a [u8],
    /// Passes and bytes of each segment.
    pub(super) segments: &'a [(u32, u32)],
    /// Bit-planes that are coded (those of the band less the empty ones).
    pub(super) planes: u32,
    pub(super) style: u8,
    pub(super) orientation: Orientation,
}

/// Working memory that is used again for every block.
#[derive(Default)]
pub(super) struct Workspace {
    flags: Vec<u16>,
    /// Magnitudes with one fractional bit, the sign in the top bit; row by row.
    pub(super) values: Vec<u32>,
}

/// Sign of a value in [`Workspace::values`].
pub(super) const SIGN_BIT: u32 = 1 << 31;

struct Passes<'w> {
    width: usize,
    height: usize,
    stride: usize,
    flags: &'w mut [u16],
    values: &'w mut [u32],
    causal: bool,
    zero: &'static [u8; 256],
}

/// Decodes a block of `width` × `height` into `work.values`. Bits just beyond what a segment holds are ones, as the
/// standard has it; false if a segment ends long before its passes do.
pub(super) fn decode(coded: &Coded<'_>, width: usize, height: usize, work: &mut Workspace) -> bool {
    let stride = width + 2;
    work.flags.clear();
    work.flags.resize(stride * (height + 2), 0);
    work.values.clear();
    work.values.resize(width * height, 0);
    let mut passes = Passes {
        width,
        height,
        stride,
        flags: &mut work.flags,
        values: &mut work.values,
        causal: coded.style & style::CAUSAL != 0,
        zero: &ZERO[coded.orientation as usize],
    };
    let mut contexts = initial();
    let (mut plane, mut kind, mut at) = (coded.planes, 2, 0_usize);
    for &(count, length) in coded.segments {
        let end = (at + length as usize).min(coded.data.len());
        let data = &coded.data[at..end];
        at = end;
        let raw = coded.style & style::BYPASS != 0 && kind < 2 && plane + 4 <= coded.planes;
        let (mut mq, mut bits) = (Mq::new(data), Raw::new(data));
        for _ in 0..count {
            if plane == 0 {
                return true;
            }
            match (kind, raw) {
                (0, true) => passes.significance_raw(&mut bits, plane),
                (0, false) => passes.significance(&mut mq, &mut contexts, plane),
                (1, true) => passes.refinement(plane, |_| bits.bit()),
                (1, false) => passes.refinement(plane, |cx| mq.decode(&mut contexts[cx])),
                _ => {
                    passes.cleanup(&mut mq, &mut contexts, plane);
                    if coded.style & style::SYMBOLS != 0 {
                        for _ in 0..4 {
                            mq.decode(&mut contexts[UNIFORM]);
                        }
                    }
                }
            }
            if coded.style & style::RESET != 0 {
                contexts = initial();
            }
            kind += 1;
            if kind == 3 {
                kind = 0;
                plane -= 1;
            }
            if mq.exhausted() || bits.exhausted() {
                return false;
            }
        }
    }
    true
}

impl Passes<'_> {
    /// Marks a sample significant, for itself and its neighbours.
    #[inline]
    fn set(&mut self, x: usize, y: usize, negative: u32, plane: u32) {
        let at = (y + 1) * self.stride + x + 1;
        self.values[y * self.width + x] = (negative << 31) | (3 << (plane - 1));
        let sign = |side: u16| side | ((side << NEGATIVE) * negative as u16);
        let stride = self.stride;
        let flags = &mut *self.flags;
        // Blocks of the stripe above do not see it in causal mode.
        if !(self.causal && y.is_multiple_of(4)) {
            flags[at - stride - 1] |= SE;
            flags[at - stride] |= sign(S);
            flags[at - stride + 1] |= SW;
        }
        flags[at - 1] |= sign(E);
        flags[at] |= SIGNIFICANT;
        flags[at + 1] |= sign(W);
        flags[at + stride - 1] |= NE;
        flags[at + stride] |= sign(N);
        flags[at + stride + 1] |= NW;
    }

    #[inline]
    fn decode_sign(mq: &mut Mq<'_>, contexts: &mut Contexts, flags: u16) -> u32 {
        let (context, flip) = SIGN[usize::from(flags >> 4 & 0xFF)];
        mq.decode(&mut contexts[usize::from(context)]) ^ u32::from(flip)
    }

    fn significance(&mut self, mq: &mut Mq<'_>, contexts: &mut Contexts, plane: u32) {
        for stripe in (0..self.height).step_by(4) {
            let bottom = self.height.min(stripe + 4);
            for x in 0..self.width {
                for y in stripe..bottom {
                    let at = (y + 1) * self.stride + x + 1;
                    let flags = self.flags[at];
                    if flags & AROUND == 0 || flags & SIGNIFICANT != 0 {
                        continue;
                    }
                    let context = self.zero[usize::from(flags & AROUND)];
                    if mq.decode(&mut contexts[usize::from(context)]) == 1 {
                        let negative = Self::decode_sign(mq, contexts, flags);
                        self.set(x, y, negative, plane);
                    }
                    self.flags[at] |= VISITED;
                }
            }
        }
    }

    fn significance_raw(&mut self, bits: &mut Raw<'_>, plane: u32) {
        for stripe in (0..self.height).step_by(4) {
            let bottom = self.height.min(stripe + 4);
            for x in 0..self.width {
                for y in stripe..bottom {
                    let at = (y + 1) * self.stride + x + 1;
                    let flags = self.flags[at];
                    if flags & AROUND == 0 || flags & SIGNIFICANT != 0 {
                        continue;
                    }
                    if bits.bit() == 1 {
                        let negative = bits.bit();
                        self.set(x, y, negative, plane);
                    }
                    self.flags[at] |= VISITED;
                }
            }
        }
    }

    #[inline]
    fn refinement(&mut self, plane: u32, mut bit: impl FnMut(usize) -> u32) {
        let half = 1_u32 << (plane - 1);
        for stripe in (0..self.height).step_by(4) {
            let bottom = self.height.min(stripe + 4);
            for x in 0..self.width {
                for y in stripe..bottom {
                    let at = (y + 1) * self.stride + x + 1;
                    let flags = self.flags[at];
                    if flags & (SIGNIFICANT | VISITED) != SIGNIFICANT {
                        continue;
                    }
                    let context = match (flags & REFINED, flags & AROUND) {
                        (0, 0) => 14,
                        (0, _) => 15,
                        _ => 16,
                    };
                    let value = &mut self.values[y * self.width + x];
                    // The half of the plane above becomes this plane's bit and half.
                    *value = if bit(context) == 1 { *value + half } else { *value - half };
                    self.flags[at] |= REFINED;
                }
            }
        }
    }

    fn cleanup(&mut self, mq: &mut Mq<'_>, contexts: &mut Contexts, plane: u32) {
        for stripe in (0..self.height).step_by(4) {
            let bottom = self.height.min(stripe + 4);
            for x in 0..self.width {
                let mut y = stripe;
                let first = (stripe + 1) * self.stride + x + 1;
                let s = self.stride;
                let clear = bottom - stripe == 4 && {
                    let f = &self.flags;
                    (f[first] | f[first + s] | f[first + 2 * s] | f[first + 3 * s])
                        & (AROUND | SIGNIFICANT | VISITED)
                        == 0
                };
                if clear {
                    if mq.decode(&mut contexts[RUN]) == 0 {
                        continue;
                    }
                    let high = mq.decode(&mut contexts[UNIFORM]);
                    y += (high << 1 | mq.decode(&mut contexts[UNIFORM])) as usize;
                    let flags = self.flags[(y + 1) * s + x + 1];
                    let negative = Self::decode_sign(mq, contexts, flags);
                    self.set(x, y, negative, plane);
                    y += 1;
                }
                for y in y..bottom {
                    let at = (y + 1) * s + x + 1;
                    let flags = self.flags[at];
                    if flags & (SIGNIFICANT | VISITED) == 0 {
                        let context = self.zero[usize::from(flags & AROUND)];
                        if mq.decode(&mut contexts[usize::from(context)]) == 1 {
                            let negative = Self::decode_sign(mq, contexts, flags);
                            self.set(x, y, negative, plane);
                        }
                    }
                }
                for y in stripe..bottom {
                    self.flags[(y + 1) * s + x + 1] &= !VISITED;
                }
            }
        }
    }
}
