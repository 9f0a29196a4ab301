//! The MQ arithmetic decoder (ISO/IEC 15444-1 Annex C) and raw segments of the bypass mode (D.6).

/// Probability, next state after the more and the less probable symbol, whether the latter switches (Table C.2).
const STATES: [(u16, u8, u8, u8); 47] = [
    (0x5601, 1, 1, 1),
    (0x3401, 2, 6, 0),
    (0x1801, 3, 9, 0),
    (0x0AC1, 4, 12, 0),
    (0x0521, 5, 29, 0),
    (0x0221, 38, 33, 0),
    (0x5601, 7, 6, 1),
    (0x5401, 8, 14, 0),
    (0x4801, 9, 14, 0),
    (0x3801, 10, 14, 0),
    (0x3001, 11, 17, 0),
    (0x2401, 12, 18, 0),
    (0x1C01, 13, 20, 0),
    (0x1601, 29, 21, 0),
    (0x5601, 15, 14, 1),
    (0x5401, 16, 14, 0),
    (0x5101, 17, 15, 0),
    (0x4801, 18, 16, 0),
    (0x3801, 19, 17, 0),
    (0x3401, 20, 18, 0),
    (0x3001, 21, 19, 0),
    (0x2801, 22, 19, 0),
    (0x2401, 23, 20, 0),
    (0x2201, 24, 21, 0),
    (0x1C01, 25, 22, 0),
    (0x1801, 26, 23, 0),
    (0x1601, 27, 24, 0),
    (0x1401, 28, 25, 0),
    (0x1201, 29, 26, 0),
    (0x1101, 30, 27, 0),
    (0x0AC1, 31, 28, 0),
    (0x09C1, 32, 29, 0),
    (0x08A1, 33, 30, 0),
    (0x0521, 34, 31, 0),
    (0x0441, 35, 32, 0),
    (0x02A1, 36, 33, 0),
    (0x0221, 37, 34, 0),
    (0x0141, 38, 35, 0),
    (0x0111, 39, 36, 0),
    (0x0085, 40, 37, 0),
    (0x0049, 41, 38, 0),
    (0x0025, 42, 39, 0),
    (0x0015, 43, 40, 0),
    (0x0009, 44, 41, 0),
    (0x0005, 45, 42, 0),
    (0x0001, 45, 43, 0),
    (0x5601, 46, 46, 0),
];

/// One state with its more probable symbol: probability, and where each outcome leads.
#[derive(Clone, Copy)]
struct MqState {
    qe: u16,
    after_mps: u8,
    after_lps: u8,
}

/// States doubled by the more probable symbol: index = state × 2 + symbol. Filled up so that any seven bits index it.
static TABLE: [MqState; 128] = {
    let mut table = [MqState { qe: 0x5601, after_mps: 0, after_lps: 0 }; 128];
    let mut i = 0;
    while i < 94 {
        let (qe, mps, lps, switch) = STATES[i / 2];
        let symbol = (i % 2) as u8;
        table[i] = MqState { qe, after_mps: mps * 2 + symbol, after_lps: lps * 2 + (symbol ^ switch) };
        i += 1;
    }
    table
};

/// Contexts of the bit model (Table D.7): zero coding 0 … 8, sign 9 … 13, magnitude 14 … 16, run, uniform.
pub(super) const RUN: usize = 17;
/// The uniform context.
pub(super) const UNIFORM: usize = 18;

/// The 19 contexts.
pub(super) type Contexts = [u8; 19];

/// The contexts' initial states.
pub(super) fn initial() -> Contexts {
    let mut contexts = [0; 19];
    contexts[0] = 4 << 1;
    contexts[RUN] = 3 << 1;
    contexts[UNIFORM] = 46 << 1;
    contexts
}

/// Bytes that a decoder may need beyond a segment that an encoder cut as short as it could.
const MAX_BEYOND: u32 = 64;

/// Decodes binary decisions; beyond the segment it sees ones.
pub(super) struct Mq<'a> {
    data: &'a [u8],
    at: usize,
    a: u32,
    c: u32,
    count: u32,
    /// Bytes given beyond the segment.
    beyond: u32,
}

impl<'a> Mq<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        let mut mq = Self { data, at: 0, a: 0x8000, c: 0, count: 0, beyond: 0 };
        mq.c = u32::from(mq.byte(0)) << 16;
        mq.byte_in();
        mq.c <<= 7;
        mq.count -= 7;
        mq
    }

    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.data.get(at).copied().unwrap_or(0xFF)
    }

    fn byte_in(&mut self) {
        if self.byte(self.at) == 0xFF {
            let next = self.byte(self.at + 1);
            if next > 0x8F {
                self.c += 0xFF00;
                self.count = 8;
                self.beyond += 1;
            } else {
                self.at += 1;
                self.c += u32::from(next) << 9;
                self.count = 7;
            }
        } else {
            self.at += 1;
            self.c += u32::from(self.byte(self.at)) << 8;
            self.count = 8;
        }
    }

    /// Whether far more was decoded than any end of a segment explains.
    pub(super) fn exhausted(&self) -> bool {
        self.beyond > MAX_BEYOND
    }

    /// The next decision in context `cx`.
    #[inline]
    pub(super) fn decode(&mut self, cx: &mut u8) -> u32 {
        let state = TABLE[usize::from(*cx & 127)];
        let (qe, likely) = (u32::from(state.qe), u32::from(*cx & 1));
        let mut a = self.a - qe;
        let less_likely = if self.c >> 16 < qe {
            // The lower interval is taken, exchanged where it is the larger one.
            let exchanged = a < qe;
            a = qe;
            !exchanged
        } else {
            self.c -= qe << 16;
            if a & 0x8000 != 0 {
                self.a = a;
                return likely;
            }
            a < qe
        };
        *cx = if less_likely { state.after_lps } else { state.after_mps };
        let mut shift = a.leading_zeros() - 16;
        self.a = a << shift;
        loop {
            let step = shift.min(self.count);
            self.c <<= step;
            self.count -= step;
            shift -= step;
            if shift == 0 {
                return likely ^ u32::from(less_likely);
            }
            self.byte_in();
        }
    }
}

/// Bits of a raw segment, most significant first, a zero stuffed after 0xFF; beyond the segment it sees ones.
pub(super) struct Raw<'a> {
    data: &'a [u8],
    at: usize,
    byte: u8,
    count: u32,
}

impl<'a> Raw<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, byte: 0, count: 0 }
    }

    /// Whether more was read than there is.
    pub(super) fn exhausted(&self) -> bool {
        self.at > self.data.len() + MAX_BEYOND as usize
    }

    #[inline]
    pub(super) fn bit(&mut self) -> u32 {
        if self.count == 0 {
            let after_ff = self.byte == 0xFF;
            self.byte = self.data.get(self.at).copied().unwrap_or(0xFF);
            self.at += 1;
            self.count = if after_ff { 7 } else { 8 };
        }
        self.count -= 1;
        u32::from(self.byte >> self.count & 1)
    }
}
