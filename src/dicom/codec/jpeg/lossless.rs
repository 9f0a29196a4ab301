//! Lossless process (ISO/IEC 10918-1 Annex H): predictors 1 … 7, point transform, restart anywhere.

use super::bits::Bits;
use super::huffman::Huffman;
use super::{damaged, short};
use crate::dicom::codec::PixelError;

/// One component of a scan.
pub(super) struct Channel<'a> {
    pub(super) table: &'a Huffman,
    /// Position among the samples of a pixel.
    pub(super) index: usize,
}

/// What holds for a whole scan.
pub(super) struct Scan<'a> {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Samples of a pixel in the output.
    pub(super) samples: usize,
    /// Precision less the point transform.
    pub(super) precision: u8,
    pub(super) predictor: u8,
    /// Pixels between restart markers, 0 for none.
    pub(super) restart: usize,
    pub(super) channels: Vec<Channel<'a>>,
}

/// Part of a row between restarts.
struct Part {
    from: usize,
    to: usize,
    /// Begins a restart interval (or the scan).
    fresh: bool,
    /// The interval began in this row: nothing above to predict from.
    first_row: bool,
}

/// Decodes a scan into `out`: samples of a pixel together, not yet shifted by the point transform.
pub(super) fn decode(bits: &mut Bits<'_>, scan: &Scan<'_>, out: &mut [u16]) -> Result<(), PixelError> {
    let part = match scan.predictor {
        1 => part::<1>,
        2 => part::<2>,
        3 => part::<3>,
        4 => part::<4>,
        5 => part::<5>,
        6 => part::<6>,
        7 => part::<7>,
        _ => return Err(damaged("predictor is none of 1 … 7")),
    };
    let length = scan.columns * scan.samples;
    let nothing = vec![0; length];
    let mut left = scan.restart;
    let mut fresh = true;
    for y in 0..scan.rows {
        let (done, rest) = out.split_at_mut(y * length);
        let above = done.len().checked_sub(length).map_or(&nothing[..], |from| &done[from..]);
        let row = &mut rest[..length];
        let (mut from, mut first_row) = (0, fresh);
        while from < scan.columns {
            let to = if scan.restart == 0 { scan.columns } else { scan.columns.min(from + left) };
            part(bits, scan, above, row, &Part { from, to, fresh, first_row })?;
            left -= if scan.restart == 0 { 0 } else { to - from };
            (from, fresh) = (to, false);
            if bits.overrun() {
                return Err(short(y, scan.rows));
            }
            if scan.restart > 0 && left == 0 {
                let last = y + 1 == scan.rows && to == scan.columns;
                if !last && !bits.restart() {
                    return Err(short(y, scan.rows));
                }
                (left, fresh, first_row) = (scan.restart, true, true);
            }
        }
    }
    Ok(())
}

fn part<const PREDICTOR: u8>(
    bits: &mut Bits<'_>,
    scan: &Scan<'_>,
    above: &[u16],
    row: &mut [u16],
    part: &Part,
) -> Result<(), PixelError> {
    let first = 1_i32 << (scan.precision - 1);
    let samples = scan.samples;
    for x in part.from..part.to {
        for channel in &scan.channels {
            let at = x * samples + channel.index;
            let prediction = if part.fresh && x == part.from {
                first
            } else if part.first_row {
                i32::from(row[at - samples])
            } else if x == 0 {
                i32::from(above[at])
            } else {
                let (a, b, c) =
                    (i32::from(row[at - samples]), i32::from(above[at]), i32::from(above[at - samples]));
                match PREDICTOR {
                    1 => a,
                    2 => b,
                    3 => c,
                    4 => a + b - c,
                    5 => a + ((b - c) >> 1),
                    6 => b + ((a - c) >> 1),
                    _ => (a + b) >> 1,
                }
            };
            let difference = match channel.table.decode(bits)? {
                16 => 1 << 15,
                size @ 0..=15 => bits.take_signed(u32::from(size)),
                _ => return Err(damaged("difference of more than 16 bits")),
            };
            row[at] = (prediction + difference) as u16;
        }
    }
    Ok(())
}
