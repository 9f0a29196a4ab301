//! DCT processes: sequential (F.2) and progressive (G.2) scans.

use super::bits::Bits;
use super::huffman::Huffman;
use super::{Component, damaged, idct, short};
use crate::dicom::codec::PixelError;

/// Coefficient order of a block (Figure A.6), with room for indices that a damaged stream runs to.
pub(super) const ZIGZAG: [u8; 80] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
];

/// One component's part in a scan.
pub(super) struct Channel {
    /// Index into the frame's components.
    pub(super) component: usize,
    pub(super) dc: Option<Huffman>,
    pub(super) ac: Option<Huffman>,
    prediction: i32,
}

impl Channel {
    pub(super) fn new(component: usize, dc: Option<Huffman>, ac: Option<Huffman>) -> Self {
        Self { component, dc, ac, prediction: 0 }
    }
}

/// Spectral selection and successive approximation of a scan (B.2.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) high: u32,
    pub(super) low: u32,
}

/// How a scan's blocks are decoded.
pub(super) enum Process<'a> {
    /// Straight to samples, with the scaled quantisation table of each channel.
    Sequential { scales: Vec<[f32; 64]>, precision: u8 },
    /// Into coefficients, a band at a time.
    Progressive { band: Band, end_of_band: &'a mut u32 },
}

/// Decodes one scan; `restart` counts MCUs, 0 for none.
pub(super) fn decode(
    bits: &mut Bits<'_>,
    components: &mut [Component],
    channels: &mut [Channel],
    restart: usize,
    (mcu_columns, mcu_rows): (usize, usize),
    mut process: Process<'_>,
) -> Result<(), PixelError> {
    let single = channels.len() == 1;
    let (columns, rows) = match channels {
        [only] => (components[only.component].block_columns, components[only.component].block_rows),
        _ => (mcu_columns, mcu_rows),
    };
    let mut left = restart;
    for y in 0..rows {
        for x in 0..columns {
            if restart > 0 && left == 0 {
                if bits.overrun() || !bits.restart() {
                    return Err(short(y, rows));
                }
                for channel in channels.iter_mut() {
                    channel.prediction = 0;
                }
                if let Process::Progressive { end_of_band, .. } = &mut process {
                    **end_of_band = 0;
                }
                left = restart;
            }
            left = left.wrapping_sub(1);
            for (slot, channel) in channels.iter_mut().enumerate() {
                let component = &mut components[channel.component];
                let (h, v) = if single { (1, 1) } else { (component.h, component.v) };
                for row in 0..v {
                    for column in 0..h {
                        let (bx, by) = (x * h + column, y * v + row);
                        block(bits, component, channel, slot, (bx, by), &mut process)?;
                    }
                }
            }
        }
        if bits.overrun() {
            return Err(short(y, rows));
        }
    }
    Ok(())
}

#[inline]
fn block(
    bits: &mut Bits<'_>,
    component: &mut Component,
    channel: &mut Channel,
    slot: usize,
    (bx, by): (usize, usize),
    process: &mut Process<'_>,
) -> Result<(), PixelError> {
    match process {
        Process::Sequential { scales, precision } => {
            let mut coefficients = [0; 64];
            sequential(bits, channel, &mut coefficients)?;
            let stride = component.stride;
            let from = by * 8 * stride + bx * 8;
            idct::block(&coefficients, &scales[slot], *precision, &mut component.plane[from..], stride);
            Ok(())
        }
        Process::Progressive { band, end_of_band } => {
            let index = by * (component.stride / 8) + bx;
            let coefficients = &mut component.coefficients[index];
            match (band.first, band.high) {
                (0, 0) => {
                    let difference = dc_difference(bits, channel)?;
                    channel.prediction = channel.prediction.wrapping_add(difference);
                    coefficients[0] = (channel.prediction << band.low) as i16;
                    Ok(())
                }
                (0, _) => {
                    coefficients[0] |= (bits.take(1) << band.low) as i16;
                    Ok(())
                }
                (_, 0) => ac_first(bits, channel, coefficients, *band, end_of_band),
                _ => ac_refine(bits, channel, coefficients, *band, end_of_band),
            }
        }
    }
}

fn dc_difference(bits: &mut Bits<'_>, channel: &Channel) -> Result<i32, PixelError> {
    let table = channel.dc.as_ref().ok_or_else(|| damaged("DC table missing"))?;
    match table.decode(bits)? {
        size @ 0..=15 => Ok(bits.take_signed(u32::from(size))),
        _ => Err(damaged("DC difference of more than 15 bits")),
    }
}

fn sequential(
    bits: &mut Bits<'_>,
    channel: &mut Channel,
    coefficients: &mut [i16; 64],
) -> Result<(), PixelError> {
    channel.prediction = channel.prediction.wrapping_add(dc_difference(bits, channel)?);
    coefficients[0] = channel.prediction as i16;
    let table = channel.ac.as_ref().ok_or_else(|| damaged("AC table missing"))?;
    let mut k = 1_usize;
    while k < 64 {
        let symbol = table.decode(bits)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run < 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += run;
        coefficients[usize::from(ZIGZAG[k])] = bits.take_signed(size) as i16;
        k += 1;
    }
    Ok(())
}

fn ac_first(
    bits: &mut Bits<'_>,
    channel: &Channel,
    coefficients: &mut [i16; 64],
    band: Band,
    end_of_band: &mut u32,
) -> Result<(), PixelError> {
    if *end_of_band > 0 {
        *end_of_band -= 1;
        return Ok(());
    }
    let table = channel.ac.as_ref().ok_or_else(|| damaged("AC table missing"))?;
    let mut k = band.first;
    while k <= band.last {
        let symbol = table.decode(bits)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run < 15 {
                *end_of_band = (1 << run) - 1 + bits.take(run as u32);
                break;
            }
            k += 16;
            continue;
        }
        k += run;
        coefficients[usize::from(ZIGZAG[k])] = (bits.take_signed(size) << band.low) as i16;
        k += 1;
    }
    Ok(())
}

fn ac_refine(
    bits: &mut Bits<'_>,
    channel: &Channel,
    coefficients: &mut [i16; 64],
    band: Band,
    end_of_band: &mut u32,
) -> Result<(), PixelError> {
    let table = channel.ac.as_ref().ok_or_else(|| damaged("AC table missing"))?;
    let step = (1_i32 << band.low) as i16;
    let mut k = band.first;
    if *end_of_band == 0 {
        while k <= band.last {
            let symbol = table.decode(bits)?;
            let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
            let mut value = 0;
            if size > 0 {
                value = if bits.take(1) == 1 { step } else { step.wrapping_neg() };
            } else if run < 15 {
                *end_of_band = (1 << run) + bits.take(run);
                break;
            }
            // Passes `run` coefficients that are still zero, refining those that are not.
            while k <= band.last {
                let coefficient = &mut coefficients[usize::from(ZIGZAG[k])];
                if *coefficient != 0 {
                    refine(bits, coefficient, step);
                } else if run == 0 {
                    if value != 0 {
                        *coefficient = value;
                    }
                    k += 1;
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
        }
    }
    if *end_of_band > 0 {
        for &at in &ZIGZAG[k..=band.last] {
            let coefficient = &mut coefficients[usize::from(at)];
            if *coefficient != 0 {
                refine(bits, coefficient, step);
            }
        }
        *end_of_band -= 1;
    }
    Ok(())
}

#[inline]
fn refine(bits: &mut Bits<'_>, coefficient: &mut i16, step: i16) {
    if bits.take(1) == 1 && *coefficient & step == 0 {
        *coefficient = coefficient.wrapping_add(if *coefficient > 0 { step } else { step.wrapping_neg() });
    }
}
