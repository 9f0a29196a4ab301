//! One mask as a gzipped NIfTI file, written from its runs and never held as a volume.
//!
//! Bytes of one value after one another are, for DEFLATE (RFC 1951), a literal and matches at distance 1. The work is that of
//! the runs, and the result about as small as a general compressor makes it, in a hundredth of the time.

use std::io::{self, Write};

use flate2::Crc;

use crate::label::Mask;

/// The longest match.
const LONGEST: u64 = 258;
/// The symbol that ends a block.
const END: usize = 256;
/// The symbol of the longest match, and how many symbols there are.
const LAST: usize = 285;
/// Bytes that are collected before they are written.
const BLOCK: usize = 1 << 16;

/// First length and further bits of the symbols 257 to 284 (RFC 1951 section 3.2.5).
const LENGTHS: [(u16, u32); 28] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
];
/// The order in which lengths of the codes for code lengths are written (RFC 1951 section 3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Writes `header` and the mask as bytes of `value` among zeros, compressed; no clock and no machine is in it.
pub(super) fn write(header: &[u8], mask: &Mask, value: u8, out: &mut impl Write) -> io::Result<()> {
    // Deflate, no flags, no time, fastest, no system.
    out.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255])?;
    stored(header, out)?;
    let mut bits = Bits { out, block: Vec::with_capacity(BLOCK + 16), word: 0, filled: 0 };
    let codes = Codes::of(value);
    codes.put_tables(&mut bits)?;
    let columns = u64::from(mask.shape()[0]);
    let mut at = 0;
    for run in mask.runs() {
        let from = u64::from(run.row) * columns + u64::from(run.from);
        codes.put_run(0, from - at, &mut bits)?;
        codes.put_run(value, run.len(), &mut bits)?;
        at = from + run.len();
    }
    codes.put_run(0, voxels(mask) - at, &mut bits)?;
    codes.put(END, &mut bits)?;
    bits.finish()?;
    let mut sum = Crc::new();
    sum.update(header);
    sum.combine(&sum_of(mask, value));
    out.write_all(&sum.sum().to_le_bytes())?;
    out.write_all(&((header.len() as u64 + voxels(mask)) as u32).to_le_bytes())
}

fn voxels(mask: &Mask) -> u64 {
    mask.shape().iter().map(|n| u64::from(*n)).product()
}

/// A block that is not compressed, and not the last.
fn stored(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let length = bytes.len() as u16;
    out.write_all(&[0])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&(!length).to_le_bytes())?;
    out.write_all(bytes)
}

/// The check sum of the voxels, slice by slice; that of an empty one is known.
fn sum_of(mask: &Mask, value: u8) -> Crc {
    let [columns, rows, slices] = mask.shape();
    let mut pixels = vec![0_u8; columns as usize * rows as usize];
    let mut empty = Crc::new();
    empty.update(&pixels);
    let mut sum = Crc::new();
    for slice in 0..slices {
        let runs = mask.slice(slice);
        if runs.is_empty() {
            sum.combine(&empty);
            continue;
        }
        let first = slice * rows;
        let mut paint = |value: u8| {
            for run in runs {
                let row = (run.row - first) as usize * columns as usize;
                pixels[row + usize::from(run.from)..row + usize::from(run.to)].fill(value);
            }
            if value > 0 {
                sum.update(&pixels);
            }
        };
        paint(value);
        paint(0);
    }
    sum
}

/// Bits from the lowest of each byte on.
struct Bits<'o, W> {
    out: &'o mut W,
    block: Vec<u8>,
    word: u64,
    filled: u32,
}

impl<W: Write> Bits<'_, W> {
    /// Up to 32 bits.
    fn put(&mut self, value: u32, count: u32) -> io::Result<()> {
        self.word |= u64::from(value) << self.filled;
        self.filled += count;
        if self.filled >= 32 {
            self.block.extend_from_slice(&(self.word as u32).to_le_bytes());
            self.word >>= 32;
            self.filled -= 32;
            if self.block.len() >= BLOCK {
                self.out.write_all(&self.block)?;
                self.block.clear();
            }
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        let bytes = self.filled.div_ceil(8) as usize;
        self.block.extend_from_slice(&self.word.to_le_bytes()[..bytes]);
        self.out.write_all(&self.block)
    }
}

/// The code of each symbol: its bits in the order in which they are written, and how many.
struct Codes {
    lengths: [u8; LAST + 1],
    codes: [(u32, u32); LAST + 1],
}

impl Codes {
    /// For bytes that are 0 or `value`: two bits for the longest match, three for a byte, five or six for other lengths. The
    /// shares of all add up to one, as they must.
    fn of(value: u8) -> Self {
        let mut lengths = [0_u8; LAST + 1];
        lengths[0] = 3;
        lengths[usize::from(value)] = 3;
        lengths[END..LAST].fill(6);
        lengths[LAST - 3..LAST].fill(5);
        lengths[LAST] = 2;
        Self { codes: canonical(&lengths), lengths }
    }

    fn put<W: Write>(&self, symbol: usize, bits: &mut Bits<'_, W>) -> io::Result<()> {
        let (code, length) = self.codes[symbol];
        bits.put(code, length)
    }

    /// The head of a last block with codes of its own.
    fn put_tables<W: Write>(&self, bits: &mut Bits<'_, W>) -> io::Result<()> {
        bits.put(0b101, 3)?;
        bits.put((LAST - END) as u32, 5)?;
        // One distance, and all lengths of the codes for lengths.
        bits.put(0, 5)?;
        bits.put(15, 4)?;
        let mut lengths = [0_u8; 19];
        lengths[0] = 1;
        lengths[6] = 2;
        [1, 2, 3, 5].into_iter().for_each(|length| lengths[length] = 4);
        for symbol in ORDER {
            bits.put(lengths[symbol].into(), 3)?;
        }
        let codes = canonical(&lengths);
        for length in self.lengths.into_iter().chain([1]) {
            let (code, count) = codes[usize::from(length)];
            bits.put(code, count)?;
        }
        Ok(())
    }

    fn put_run<W: Write>(&self, value: u8, count: u64, bits: &mut Bits<'_, W>) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.put(value.into(), bits)?;
        let (longest, rest) = ((count - 1) / LONGEST, (count - 1) % LONGEST);
        for _ in 0..longest {
            // The distance is one bit: 0.
            let (code, length) = self.codes[LAST];
            bits.put(code, length + 1)?;
        }
        if rest < 3 {
            return (0..rest).try_for_each(|_| self.put(value.into(), bits));
        }
        let k = LENGTHS.partition_point(|(first, _)| u64::from(*first) <= rest) - 1;
        let (first, further) = LENGTHS[k];
        self.put(END + 1 + k, bits)?;
        bits.put(rest as u32 - u32::from(first), further + 1)
    }
}

/// Codes by their lengths (RFC 1951 section 3.2.2), turned round: they are written from the highest bit on.
fn canonical<const N: usize>(lengths: &[u8; N]) -> [(u32, u32); N] {
    let mut codes = [(0, 0); N];
    let mut next = 0_u32;
    for length in 1..=7_u8 {
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, l)| **l == length) {
            codes[symbol] = (next.reverse_bits() >> (32 - u32::from(length)), length.into());
            next += 1;
        }
        next <<= 1;
    }
    codes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::bytes::gzip::unpacked;
    use crate::label::Run;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_unpacked_is_the_mask(
            shape in [1_u32..700, 1_u32..5, 1_u32..5], value in 1_u8..,
            runs in prop::collection::vec((0_u32..25, 0_u16..700, 0_u16..700), 0..40),
        ) {
            let runs = runs.into_iter().map(|(row, a, b)| Run { row, from: a.min(b), to: a.max(b) }).collect();
            let mask = Mask::of_runs(shape, runs);
            let (header, mut packed) = ([7_u8; 352], Vec::new());
            write(&header, &mask, value, &mut packed).unwrap();
            let mut expected = vec![0_u8; voxels(&mask) as usize];
            mask.paint(value, &mut expected);
            prop_assert_eq!(unpacked(&packed, 1 << 20).unwrap().unwrap(), [&header[..], &expected].concat());
        }
    }

    #[test]
    fn nothing_takes_nearly_nothing() {
        let mut packed = Vec::new();
        write(&[0; 352], &Mask::empty([512, 512, 40]), 1, &mut packed).unwrap();
        assert!(packed.len() < 16_000, "{}", packed.len());
    }
}
