//! JPEG-LS (ISO/IEC 14495-1): lossless and near-lossless, 2 … 16 bits, every interleave mode.

mod bits;
mod model;

use super::canonical::{Data, Decoded};
use super::marker::{self, Header, be16};
use super::{Note, PixelError};
use bits::Bits;
use model::{Model, Preset};

fn damaged(what: &'static str) -> PixelError {
    PixelError::Damaged { codec: "JPEG-LS", what }
}

fn unsupported(what: &'static str) -> PixelError {
    PixelError::Unsupported { codec: "JPEG-LS", what }
}

#[derive(Default)]
struct Decoder {
    columns: usize,
    rows: usize,
    precision: u8,
    ids: Vec<u8>,
    /// Size from an oversize segment (C.2.4.1.4), rows and columns.
    oversize: Option<(usize, usize)>,
    preset: Preset,
    /// Lines between restart markers, 0 for none.
    restart: usize,
    out: Vec<u16>,
    seen: Vec<bool>,
}

/// Decodes an image that must have `columns` × `rows` pixels of `components` samples.
pub(super) fn decode(
    data: &[u8],
    columns: u32,
    rows: u32,
    components: u32,
) -> Result<(Decoded, Header), PixelError> {
    let mut decoder = Decoder::default();
    let (mut header, mut notes) = (Header::default(), Vec::new());
    let mut at = marker::start_of_image(data).ok_or_else(|| damaged("no start of image"))?;
    loop {
        let Some((code, segment, next)) = marker::next(data, at)? else {
            notes.push(Note::NoEndMarker);
            break;
        };
        at = next;
        match code {
            0xF7 => decoder.start_frame(segment, (columns, rows, components), data.len())?,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                return Err(unsupported("a JPEG frame that is not JPEG-LS"));
            }
            0xF8 => decoder.parameters(segment)?,
            0xDD => decoder.restart = restart_interval(segment),
            0xDA => at = decoder.scan(data, segment, at)?,
            0xE8 if segment.starts_with(b"mrfx") && segment.get(4).is_some_and(|&t| t != 0) => {
                return Err(unsupported("a colour transform of its own"));
            }
            0xE0..=0xEF => header.application(code, segment),
            0xD9 => {
                if data.len() > at + 2 {
                    notes.push(Note::TrailingBytes);
                }
                break;
            }
            _ => {}
        }
    }
    header.component_ids.clone_from(&decoder.ids);
    let found = decoder.seen.iter().filter(|&&s| s).count();
    if found < components as usize {
        return Err(PixelError::Truncated {
            found: found as u64,
            expected: u64::from(components),
            unit: "components of the code stream",
        });
    }
    let precision = decoder.precision;
    let data = if precision <= 8 {
        Data::U8(decoder.out.into_iter().map(|v| v as u8).collect())
    } else {
        Data::U16(decoder.out)
    };
    Ok((Decoded { columns, rows, components, precision, signed: false, data, notes }, header))
}

/// The interval of a DRI segment of 2, 3 or 4 bytes.
fn restart_interval(segment: &[u8]) -> usize {
    segment.iter().take(4).fold(0, |value, &b| value << 8 | usize::from(b))
}

impl Decoder {
    fn start_frame(
        &mut self,
        segment: &[u8],
        (columns, rows, components): (u32, u32, u32),
        available: usize,
    ) -> Result<(), PixelError> {
        if !self.seen.is_empty() {
            return Err(damaged("two frame headers"));
        }
        let cut = || damaged("frame header too short");
        self.precision = *segment.first().ok_or_else(cut)?;
        let lines = u32::from(be16(segment, 1).ok_or_else(cut)?);
        let width = u32::from(be16(segment, 3).ok_or_else(cut)?);
        let count = u32::from(*segment.get(5).ok_or_else(cut)?);
        let told = self.oversize.map(|(r, c)| (r as u32, c as u32));
        // Zero sizes are told elsewhere: in an oversize segment, after the scan, or only by the file's header.
        let lines = if lines == 0 { told.map_or(rows, |t| t.0) } else { lines };
        let width = if width == 0 { told.map_or(columns, |t| t.1) } else { width };
        if (width, lines, count) != (columns, rows, components) {
            return Err(PixelError::Mismatch {
                found_columns: width,
                found_rows: lines,
                found_samples: count,
                columns,
                rows,
                samples: components,
            });
        }
        if !(2..=16).contains(&self.precision) {
            return Err(damaged("precision is none of 2 … 16"));
        }
        let parts = segment.get(6..6 + 3 * count as usize).ok_or_else(cut)?;
        if parts.chunks_exact(3).any(|p| p[1] != 0x11) {
            return Err(unsupported("subsampling"));
        }
        self.ids = parts.chunks_exact(3).map(|p| p[0]).collect();
        // Every line takes a bit at least.
        if rows as usize / 8 > available {
            let (found, expected) = (available as u64, u64::from(rows) / 8);
            return Err(PixelError::Truncated { found, expected, unit: "bytes at least" });
        }
        (self.columns, self.rows) = (columns as usize, rows as usize);
        self.out = vec![0; self.columns * self.rows * count as usize];
        self.seen = vec![false; count as usize];
        Ok(())
    }

    fn parameters(&mut self, segment: &[u8]) -> Result<(), PixelError> {
        let word =
            |i: usize| be16(segment, 1 + 2 * i).map(i32::from).ok_or_else(|| damaged("preset parameters"));
        match segment.first() {
            Some(1) => {
                self.preset = Preset {
                    max_value: word(0)?,
                    thresholds: [word(1)?, word(2)?, word(3)?],
                    reset: word(4)? as u32,
                };
            }
            // Mapping tables matter only to a scan that uses them, which is refused there.
            Some(2 | 3) => {}
            Some(4) => {
                let width = usize::from(segment.get(1).copied().unwrap_or(0));
                let number = |from: usize| {
                    let bytes = segment.get(from..from + width).filter(|_| (2..=4).contains(&width));
                    bytes.map(|b| b.iter().fold(0, |v, &x| v << 8 | usize::from(x)))
                };
                let sizes = number(2).zip(number(2 + width));
                self.oversize = Some(sizes.ok_or_else(|| damaged("oversize parameters"))?);
            }
            _ => return Err(unsupported("extended preset parameters")),
        }
        Ok(())
    }

    fn scan(&mut self, data: &[u8], segment: &[u8], at: usize) -> Result<usize, PixelError> {
        let cut = || damaged("scan header");
        let count = usize::from(*segment.first().ok_or_else(cut)?);
        let parts = segment.get(1..1 + 2 * count).filter(|_| (1..=4).contains(&count)).ok_or_else(cut)?;
        let &[near, interleave, transform] = segment.get(1 + 2 * count..4 + 2 * count).ok_or_else(cut)?
        else {
            return Err(cut());
        };
        if transform & 15 != 0 {
            return Err(unsupported("a point transform"));
        }
        let mut members = Vec::with_capacity(count);
        for part in parts.as_chunks::<2>().0 {
            if part[1] != 0 {
                return Err(unsupported("mapping tables"));
            }
            let index = self.ids.iter().position(|&id| id == part[0]).ok_or_else(cut)?;
            if std::mem::replace(&mut self.seen[index], true) {
                return Err(damaged("component in two scans"));
            }
            members.push(index);
        }
        if interleave > 2 || (interleave == 0 && count > 1) {
            return Err(damaged("interleave mode"));
        }
        let near = i32::from(near);
        let model = Model::new(self.preset.resolved(self.precision, near)?, near);
        let mut bits = Bits::new(data, at);
        if interleave == 2 && count > 1 {
            self.by_pixel(&mut bits, model, &members)?;
        } else {
            self.by_line(&mut bits, model, &members)?;
        }
        Ok(bits.position())
    }

    /// After each line: whether the stream still had it, and whether a restart marker is due.
    fn after_line(&self, bits: &mut Bits<'_>, y: usize) -> Result<bool, PixelError> {
        let short = PixelError::Truncated {
            found: y as u64,
            expected: self.rows as u64,
            unit: "rows of the code stream",
        };
        if bits.overrun() {
            return Err(short);
        }
        let due = self.restart > 0 && (y + 1).is_multiple_of(self.restart) && y + 1 < self.rows;
        if due && !bits.restart() { Err(short) } else { Ok(due) }
    }

    /// One component, or several line by line.
    fn by_line(
        &mut self,
        bits: &mut Bits<'_>,
        mut model: Model,
        members: &[usize],
    ) -> Result<(), PixelError> {
        let (width, samples) = (self.columns, self.ids.len());
        let mut lines = vec![(vec![0_u16; width + 2], vec![0_u16; width + 2], 0_usize); members.len()];
        for y in 0..self.rows {
            for (&index, (above, line, run_index)) in members.iter().zip(&mut lines) {
                above[width + 1] = above[width];
                line[0] = above[1];
                model.line(bits, above, line, run_index)?;
                let row = &mut self.out[y * width * samples..(y + 1) * width * samples];
                if samples == 1 {
                    row.copy_from_slice(&line[1..=width]);
                } else {
                    row.iter_mut().skip(index).step_by(samples).zip(&line[1..]).for_each(|(to, &v)| *to = v);
                }
                std::mem::swap(above, line);
            }
            if self.after_line(bits, y)? {
                model.reset();
                for (above, _, run_index) in &mut lines {
                    above.fill(0);
                    *run_index = 0;
                }
            }
        }
        Ok(())
    }

    /// All components of a pixel together.
    fn by_pixel(
        &mut self,
        bits: &mut Bits<'_>,
        mut model: Model,
        members: &[usize],
    ) -> Result<(), PixelError> {
        let (width, all, samples) = (self.columns, self.ids.len(), members.len());
        let (mut above, mut line) = (vec![0; (width + 2) * samples], vec![0; (width + 2) * samples]);
        let mut run_index = 0;
        for y in 0..self.rows {
            above.copy_within(width * samples..(width + 1) * samples, (width + 1) * samples);
            line[..samples].copy_from_slice(&above[samples..2 * samples]);
            model.line_of_pixels(bits, &above, &mut line, samples, &mut run_index)?;
            let row = &mut self.out[y * width * all..(y + 1) * width * all];
            for (pixel, from) in row.chunks_exact_mut(all).zip(line[samples..].chunks_exact(samples)) {
                members.iter().zip(from).for_each(|(&to, &value)| pixel[to] = value);
            }
            std::mem::swap(&mut above, &mut line);
            if self.after_line(bits, y)? {
                model.reset();
                above.fill(0);
                run_index = 0;
            }
        }
        Ok(())
    }
}
