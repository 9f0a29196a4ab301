//! JPEG (ISO/IEC 10918-1): baseline, extended, progressive and lossless, Huffman coded, 2 … 16 bits.

mod bits;
mod huffman;
mod idct;
mod lossless;
mod output;
mod scan;

use super::canonical::{Data, Decoded};
use super::marker::{self, Header};
use super::{Note, PixelError};
use bits::Bits;
use huffman::Huffman;
use scan::{Band, Channel, Process, ZIGZAG};

/// Coefficients of a block that all scans of a progressive image may visit: a stream of empty scans must not take for
/// ever. The usual scripts come to 250 or so.
const MAX_VISITS: usize = 1024;

fn damaged(what: &'static str) -> PixelError {
    PixelError::Damaged { codec: "JPEG", what }
}

fn unsupported(what: &'static str) -> PixelError {
    PixelError::Unsupported { codec: "JPEG", what }
}

/// The entropy-coded data ended after `rows` of `expected` rows of blocks or samples.
fn short(rows: usize, expected: usize) -> PixelError {
    PixelError::Truncated { found: rows as u64, expected: expected as u64, unit: "rows of the code stream" }
}

/// One component of the frame.
#[derive(Debug, Default)]
struct Component {
    id: u8,
    h: usize,
    v: usize,
    quantisation: usize,
    /// Its own size in samples.
    columns: usize,
    rows: usize,
    /// Its own size in blocks, as scans of it alone count them.
    block_columns: usize,
    block_rows: usize,
    /// Samples of a row of `plane`, whole MCUs.
    stride: usize,
    plane: Vec<u16>,
    coefficients: Vec<[i16; 64]>,
    /// A scan gave (part of) it.
    seen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Sequential,
    Progressive,
    Lossless,
}

struct Decoder<'a> {
    data: &'a [u8],
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    restart: usize,
    frame: Option<Frame>,
}

struct Frame {
    mode: Mode,
    precision: u8,
    columns: usize,
    rows: usize,
    components: Vec<Component>,
    h_max: usize,
    v_max: usize,
    mcus: (usize, usize),
    /// Lossless samples, of a pixel together.
    samples: Vec<u16>,
    visits: usize,
}

/// Decodes an image that must have `columns` × `rows` pixels of `components` samples. The colour model stays that
/// of the stream; `Header` tells what it knows of it.
pub(super) fn decode(
    data: &[u8],
    columns: u32,
    rows: u32,
    components: u32,
) -> Result<(Decoded, Header), PixelError> {
    let mut decoder = Decoder {
        data,
        quantisation: [None; 4],
        dc: [const { None }; 4],
        ac: [const { None }; 4],
        restart: 0,
        frame: None,
    };
    let mut header = Header::default();
    let mut notes = Vec::new();
    let mut at = marker::start_of_image(data).ok_or_else(|| damaged("no start of image"))?;
    loop {
        let Some((code, segment, next)) = marker::next(data, at)? else {
            notes.push(Note::NoEndMarker);
            break;
        };
        at = next;
        match code {
            0xC0..=0xC3 => decoder.start_frame(code, segment, (columns, rows, components))?,
            0xC5..=0xC7 | 0xCD..=0xCF => return Err(unsupported("hierarchical coding")),
            0xC9..=0xCC => return Err(unsupported("arithmetic coding")),
            0xC4 => decoder.huffman_tables(segment)?,
            0xDB => decoder.quantisation_tables(segment)?,
            0xDD => decoder.restart = usize::from(marker::be16(segment, 0).unwrap_or(0)),
            0xDA => at = decoder.scan(segment, at)?,
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
    let frame = decoder.frame.take().ok_or_else(|| damaged("no frame header"))?;
    header.component_ids = frame.components.iter().map(|c| c.id).collect();
    Ok((frame.finish(&decoder.quantisation, notes)?, header))
}

impl Decoder<'_> {
    fn start_frame(
        &mut self,
        code: u8,
        segment: &[u8],
        (columns, rows, components): (u32, u32, u32),
    ) -> Result<(), PixelError> {
        if self.frame.is_some() {
            return Err(damaged("two frame headers"));
        }
        let cut = || damaged("frame header too short");
        let precision = *segment.first().ok_or_else(cut)?;
        let lines = u32::from(marker::be16(segment, 1).ok_or_else(cut)?);
        let width = u32::from(marker::be16(segment, 3).ok_or_else(cut)?);
        let count = u32::from(*segment.get(5).ok_or_else(cut)?);
        // Zero lines: a DNL marker tells them later; the header of the file knows.
        let lines = if lines == 0 { rows } else { lines };
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
        let mode = match code {
            0xC2 => Mode::Progressive,
            0xC3 => Mode::Lossless,
            _ => Mode::Sequential,
        };
        let fits = match mode {
            Mode::Lossless => (2..=16).contains(&precision),
            _ => precision == 8 || precision == 12,
        };
        if !fits {
            return Err(unsupported("a precision other than 8, 12 or (lossless) 2 … 16 bits"));
        }
        let parts = segment.get(6..6 + 3 * count as usize).ok_or_else(cut)?;
        let components = parts
            .chunks_exact(3)
            .map(|c| Component {
                id: c[0],
                h: usize::from(c[1] >> 4),
                v: usize::from(c[1] & 15),
                quantisation: usize::from(c[2]),
                ..Component::default()
            })
            .collect();
        let frame = Frame::new(mode, precision, (columns as usize, rows as usize), components)?;
        frame.check(self.data.len())?;
        self.frame = Some(frame.allocate());
        Ok(())
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Result<(), PixelError> {
        while let Some((&class, rest)) = segment.split_first() {
            let cut = || damaged("Huffman table too short");
            let counts: &[u8; 16] = rest.first_chunk().ok_or_else(cut)?;
            let symbols = rest.get(16..).unwrap_or_default();
            let used: usize = counts.iter().map(|&c| usize::from(c)).sum();
            let table = Huffman::new(counts, symbols)?;
            let tables = if class >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(class & 15)).ok_or_else(|| damaged("Huffman table number"))? =
                Some(table);
            segment = symbols.get(used..).ok_or_else(cut)?;
        }
        Ok(())
    }

    fn quantisation_tables(&mut self, mut segment: &[u8]) -> Result<(), PixelError> {
        while let Some((&head, rest)) = segment.split_first() {
            let wide = head >> 4 != 0;
            let length = if wide { 128 } else { 64 };
            let values = rest.get(..length).ok_or_else(|| damaged("quantisation table too short"))?;
            let mut table = [0; 64];
            for (i, &to) in ZIGZAG[..64].iter().enumerate() {
                table[usize::from(to)] = if wide {
                    u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                } else {
                    u16::from(values[i])
                };
            }
            let slot = self.quantisation.get_mut(usize::from(head & 15));
            *slot.ok_or_else(|| damaged("quantisation table number"))? = Some(table);
            segment = &rest[length..];
        }
        Ok(())
    }

    /// Decodes the scan whose header is `segment` and whose data begin at `at`; where they end.
    fn scan(&mut self, segment: &[u8], at: usize) -> Result<usize, PixelError> {
        let cut = || damaged("scan header");
        let frame = self.frame.as_mut().ok_or_else(|| damaged("scan before the frame header"))?;
        let count = usize::from(*segment.first().ok_or_else(cut)?);
        let parts = segment.get(1..1 + 2 * count).filter(|_| (1..=4).contains(&count)).ok_or_else(cut)?;
        let &[first, last, approximation] = segment.get(1 + 2 * count..4 + 2 * count).ok_or_else(cut)? else {
            return Err(cut());
        };
        let mut members = Vec::with_capacity(count);
        for part in parts.as_chunks::<2>().0 {
            let index = frame.components.iter().position(|c| c.id == part[0]);
            let index = index.filter(|i| members.iter().all(|&(m, _)| m != *i)).ok_or_else(cut)?;
            members.push((index, part[1]));
        }
        let mut bits = Bits::new(self.data, at);
        let table = |tables: &[Option<Huffman>; 4], n: u8| tables.get(usize::from(n)).cloned().flatten();
        if frame.mode == Mode::Lossless {
            let tables: Vec<_> = members.iter().map(|&(index, t)| (index, table(&self.dc, t >> 4))).collect();
            frame.lossless_scan(&mut bits, &tables, first, approximation & 15, self.restart)?;
            return Ok(bits.position());
        }
        let band = Band {
            first: usize::from(first),
            last: usize::from(last),
            high: u32::from(approximation >> 4),
            low: u32::from(approximation & 15),
        };
        let mut channels: Vec<Channel> = members
            .iter()
            .map(|&(index, t)| Channel::new(index, table(&self.dc, t >> 4), table(&self.ac, t & 15)))
            .collect();
        frame.dct_scan(&mut bits, &mut channels, band, self.restart, &self.quantisation)?;
        Ok(bits.position())
    }
}

impl Frame {
    fn new(
        mode: Mode,
        precision: u8,
        (columns, rows): (usize, usize),
        mut components: Vec<Component>,
    ) -> Result<Self, PixelError> {
        if components.iter().any(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v)) {
            return Err(damaged("sampling factor"));
        }
        let h_max = components.iter().map(|c| c.h).max().unwrap_or(1);
        let v_max = components.iter().map(|c| c.v).max().unwrap_or(1);
        let mcus = (columns.div_ceil(8 * h_max), rows.div_ceil(8 * v_max));
        for c in &mut components {
            if mode == Mode::Lossless && (c.h, c.v) != (h_max, v_max) {
                return Err(unsupported("subsampling in the lossless process"));
            }
            c.columns = (columns * c.h).div_ceil(h_max);
            c.rows = (rows * c.v).div_ceil(v_max);
            c.block_columns = c.columns.div_ceil(8);
            c.block_rows = c.rows.div_ceil(8);
            c.stride = mcus.0 * c.h * 8;
        }
        Ok(Self {
            mode,
            precision,
            columns,
            rows,
            components,
            h_max,
            v_max,
            mcus,
            samples: Vec::new(),
            visits: 0,
        })
    }

    /// Whether `available` bytes can hold such a frame at all: a block or lossless sample takes a bit at least.
    fn check(&self, available: usize) -> Result<(), PixelError> {
        let units: usize = match self.mode {
            Mode::Lossless => self.columns * self.rows * self.components.len(),
            _ => self.components.iter().map(|c| c.block_columns * c.block_rows).sum(),
        };
        if units / 8 > available {
            return Err(PixelError::Truncated {
                found: available as u64,
                expected: (units / 8) as u64,
                unit: "bytes at least",
            });
        }
        Ok(())
    }

    fn allocate(mut self) -> Self {
        let (mode, mcu_rows) = (self.mode, self.mcus.1);
        match mode {
            Mode::Lossless => self.samples = vec![0; self.columns * self.rows * self.components.len()],
            _ => {
                for c in &mut self.components {
                    let lines = mcu_rows * c.v * 8;
                    if mode == Mode::Progressive {
                        c.coefficients = vec![[0; 64]; c.stride / 8 * (lines / 8)];
                    } else {
                        c.plane = vec![0; c.stride * lines];
                    }
                }
            }
        }
        self
    }

    fn lossless_scan(
        &mut self,
        bits: &mut Bits<'_>,
        members: &[(usize, Option<Huffman>)],
        predictor: u8,
        point_transform: u8,
        restart: usize,
    ) -> Result<(), PixelError> {
        if point_transform >= self.precision {
            return Err(damaged("point transform"));
        }
        let mut channels = Vec::new();
        for (index, table) in members {
            let table = table.as_ref().ok_or_else(|| damaged("Huffman table missing"))?;
            channels.push(lossless::Channel { table, index: *index });
            let component = &mut self.components[*index];
            if std::mem::replace(&mut component.seen, true) {
                return Err(damaged("component in two scans"));
            }
        }
        let samples = self.components.len();
        let scan = lossless::Scan {
            columns: self.columns,
            rows: self.rows,
            samples,
            precision: self.precision - point_transform,
            predictor,
            restart,
            channels,
        };
        lossless::decode(bits, &scan, &mut self.samples)?;
        if point_transform > 0 {
            for &(index, _) in members {
                self.samples.iter_mut().skip(index).step_by(samples).for_each(|v| *v <<= point_transform);
            }
        }
        Ok(())
    }

    fn dct_scan(
        &mut self,
        bits: &mut Bits<'_>,
        channels: &mut [Channel],
        band: Band,
        restart: usize,
        tables: &[Option<[u16; 64]>; 4],
    ) -> Result<(), PixelError> {
        let mut end_of_band = 0;
        let process = if self.mode == Mode::Sequential {
            for channel in channels.iter() {
                if std::mem::replace(&mut self.components[channel.component].seen, true) {
                    return Err(damaged("component in two scans"));
                }
            }
            let scales: Result<_, _> =
                channels.iter().map(|c| self.components[c.component].scale(tables)).collect();
            Process::Sequential { scales: scales?, precision: self.precision }
        } else {
            if band.first > band.last
                || band.last > 63
                || band.low > 13
                || (band.first == 0) != (band.last == 0)
                || (band.first > 0 && channels.len() > 1)
            {
                return Err(damaged("spectral band of a scan"));
            }
            let blocks = |c: &Component| c.block_columns * c.block_rows;
            let width = band.last - band.first + 1;
            self.visits +=
                width * channels.iter().map(|c| blocks(&self.components[c.component])).sum::<usize>();
            if self.visits > MAX_VISITS * self.components.iter().map(blocks).sum::<usize>() {
                return Err(damaged("more scans than any image has"));
            }
            if band.first == 0 {
                for channel in channels.iter() {
                    self.components[channel.component].seen = true;
                }
            }
            Process::Progressive { band, end_of_band: &mut end_of_band }
        };
        scan::decode(bits, &mut self.components, channels, restart, self.mcus, process)
    }

    fn finish(mut self, tables: &[Option<[u16; 64]>; 4], notes: Vec<Note>) -> Result<Decoded, PixelError> {
        if self.components.iter().any(|c| !c.seen) {
            let found = self.components.iter().filter(|c| c.seen).count() as u64;
            let expected = self.components.len() as u64;
            return Err(PixelError::Truncated { found, expected, unit: "components of the code stream" });
        }
        let count = self.components.len();
        let samples = if self.mode == Mode::Lossless {
            self.samples
        } else {
            let mut out = vec![0; self.columns * self.rows * count];
            for (index, component) in self.components.iter_mut().enumerate() {
                if self.mode == Mode::Progressive {
                    component.transform(tables, self.precision)?;
                }
                let size = (self.columns, self.rows);
                output::place(component, size, (self.h_max, self.v_max), (index, count), &mut out);
                component.plane = Vec::new();
            }
            out
        };
        let data = if self.precision <= 8 {
            Data::U8(samples.into_iter().map(|v| v as u8).collect())
        } else {
            Data::U16(samples)
        };
        Ok(Decoded {
            columns: self.columns as u32,
            rows: self.rows as u32,
            components: count as u32,
            precision: self.precision,
            signed: false,
            data,
            notes,
        })
    }
}

impl Component {
    fn scale(&self, tables: &[Option<[u16; 64]>; 4]) -> Result<[f32; 64], PixelError> {
        let table = tables.get(self.quantisation).and_then(Option::as_ref);
        Ok(idct::scaled(table.ok_or_else(|| damaged("quantisation table missing"))?))
    }

    /// Coefficients to samples.
    fn transform(&mut self, tables: &[Option<[u16; 64]>; 4], precision: u8) -> Result<(), PixelError> {
        let scale = self.scale(tables)?;
        let per_row = self.stride / 8;
        let blocks = std::mem::take(&mut self.coefficients);
        self.plane = vec![0; blocks.len() * 64];
        for (line, row) in blocks.chunks_exact(per_row).zip(self.plane.chunks_exact_mut(self.stride * 8)) {
            for (x, coefficients) in line.iter().enumerate() {
                idct::block(coefficients, &scale, precision, &mut row[x * 8..], self.stride);
            }
        }
        Ok(())
    }
}
