//! JPEG 2000 (ISO/IEC 15444-1) and its high-throughput blocks (ISO/IEC 15444-15), raw or in a JP2 file.

mod block;
mod codestream;
mod ht;
mod ht_tables;
mod mq;
mod packet;
mod tagtree;
mod tile;
mod wavelet;

use std::borrow::Cow;

use rayon::prelude::*;

use super::canonical::{Data, Decoded};
use super::{Note, PixelError};
use block::{Coded, Orientation, SIGN_BIT, Workspace, style};
use codestream::{ComponentParams, Params, Size, Stream};
use packet::Block;
use tile::{Band, Parsed, TileComponent};
use wavelet::{Coefficient, Lattice, Rect, spread, undo};

/// Bytes of working memory at most: the transform holds 32 bits and a quarter of that again beside the output.
const MAX_MEMORY: u64 = 420 << 20;
/// Blocks decoded in parallel before their values are put into the bands.
const BATCH: usize = 128;
/// Bit-planes of a block at most, with the fractional bit and the sign in 32 bits.
const MAX_PLANES: u32 = 29;

fn damaged(what: &'static str) -> PixelError {
    PixelError::Damaged { codec: "JPEG 2000", what }
}

fn unsupported(what: &'static str) -> PixelError {
    PixelError::Unsupported { codec: "JPEG 2000", what }
}

fn truncated(found: u64, expected: u64, unit: &'static str) -> PixelError {
    PixelError::Truncated { found, expected, unit }
}

/// Decodes an image that must have `columns` × `rows` pixels of `components` samples; colour transforms of the code
/// stream are undone.
pub(super) fn decode(
    encoded: Cow<'_, [u8]>,
    columns: u32,
    rows: u32,
    components: u32,
) -> Result<Decoded, PixelError> {
    let data = code_stream(&encoded)?;
    let check = |size: &Size| {
        let found = (size.x1 - size.x0, size.y1 - size.y0, size.components.len() as u32);
        if found != (columns, rows, components) {
            return Err(PixelError::Mismatch {
                found_columns: found.0,
                found_rows: found.1,
                found_samples: found.2,
                columns,
                rows,
                samples: components,
            });
        }
        let depth = size.components.iter().map(|c| u64::from(c.0)).max().unwrap_or(8);
        let per_sample = 5 + if depth > 16 { 4 } else { depth.div_ceil(8) };
        let needed = u64::from(columns) * u64::from(rows) * u64::from(components) * per_sample;
        if needed > MAX_MEMORY {
            return Err(PixelError::TooLarge { needed, limit: MAX_MEMORY, available: data.len() as u64 });
        }
        Ok(())
    };
    let mut stream = codestream::parse(data, check)?;
    // It was taken apart, and every tile is again: what is done with makes room.
    drop(encoded);
    let tiles = std::mem::take(&mut stream.tiles);
    let mut image = Image::new(&stream.size);
    let mut complete = true;
    for (index, mut tile) in tiles.into_iter().enumerate() {
        let own = tile.params.take();
        let params = own.as_ref().unwrap_or(&stream.params);
        params.check()?;
        let parsed = tile::read(&stream.size, index as u32, &tile, params)?;
        let read = tile.packets.len() as u64;
        drop(tile);
        if !parsed.complete {
            // Cut between packets: on purpose if all lengths fit, else by an accident.
            if parsed.empty() || stream.open && !stream.ended {
                return Err(truncated(read, read + 1, "bytes of packets"));
            }
            complete = false;
        }
        image.tile(&parsed, params, &stream.size)?;
    }
    let whole = image.whole;
    let mut decoded = image.finish(&stream);
    if !whole {
        decoded.notes.push(Note::BlocksEndEarly);
    }
    if !complete {
        decoded.notes.push(Note::FewerPackets);
    }
    Ok(decoded)
}

/// The code stream itself: as it is, or from the boxes of a JP2 file.
pub(super) fn code_stream(data: &[u8]) -> Result<&[u8], PixelError> {
    const START: &[u8] = &[0xFF, 0x4F, 0xFF, 0x51];
    if data.starts_with(START) {
        return Ok(data);
    }
    let mut rest = data;
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let (header, length) = match length {
            0 => (8, rest.len()),
            1 => {
                let long = body.first_chunk::<8>().map(|b| u64::from_be_bytes(*b));
                (16, long.and_then(|l| usize::try_from(l).ok()).unwrap_or(usize::MAX))
            }
            length => (8, length),
        };
        let end = length.min(rest.len());
        if &head[4..] == b"jp2c" {
            let stream = rest.get(header..end).filter(|s| s.starts_with(START));
            return stream.ok_or_else(|| damaged("no code stream in its box"));
        }
        if length < header {
            break;
        }
        rest = &rest[end..];
    }
    // Boxes that lie: the code stream's own start.
    let found = data.windows(4).take(1 << 16).position(|w| w == START);
    found.map(|at| &data[at..]).ok_or_else(|| damaged("no code stream"))
}

/// The samples of all tiles.
struct Image {
    columns: usize,
    rows: usize,
    components: usize,
    data: Data,
    /// No block's data ended too early.
    whole: bool,
}

/// Samples of a tile's component after the wavelet.
enum Plane {
    Exact(Vec<i32>),
    Approximate(Vec<f32>),
}

impl Image {
    fn new(size: &Size) -> Self {
        let (columns, rows) = ((size.x1 - size.x0) as usize, (size.y1 - size.y0) as usize);
        let components = size.components.len();
        let count = columns * rows * components;
        let data = match size.components.iter().map(|c| c.0).max() {
            Some(0..=8) => Data::U8(vec![0; count]),
            Some(9..=16) => Data::U16(vec![0; count]),
            _ => Data::I32(vec![0; count]),
        };
        Self { columns, rows, components, data, whole: true }
    }

    fn tile(&mut self, parsed: &Parsed, params: &Params, size: &Size) -> Result<(), PixelError> {
        let mut planes = Vec::new();
        for (index, component) in parsed.components.iter().enumerate() {
            let (own, precision) = (&params.components[index], size.components[index].0);
            planes.push(if own.coding.reversible {
                Plane::Exact(transform(component, own, precision, &mut self.whole)?)
            } else {
                Plane::Approximate(transform(component, own, precision, &mut self.whole)?)
            });
        }
        // Some writers announce the transform for grey images.
        if params.colour_transform && planes.len() >= 3 {
            undo_colour(&mut planes)?;
        }
        let left = (parsed.area.x0 - size.x0) as usize;
        let top = (parsed.area.y0 - size.y0) as usize;
        for (index, plane) in planes.into_iter().enumerate() {
            let shift = Level::new(size.components[index]);
            let place = Place { left, top, width: parsed.area.width(), index };
            match plane {
                Plane::Exact(v) => self.place(&place, &v, |x| shift.exact(x)),
                Plane::Approximate(v) => self.place(&place, &v, |x| shift.rounded(x)),
            }
        }
        Ok(())
    }

    fn place<T: Copy>(&mut self, place: &Place, plane: &[T], value: impl Fn(T) -> i32) {
        let (columns, components) = (self.columns, self.components);
        if place.width == 0 {
            return;
        }
        for (y, line) in plane.chunks_exact(place.width).enumerate() {
            let from = ((place.top + y) * columns + place.left) * components + place.index;
            let values = line.iter().map(|&v| value(v));
            match &mut self.data {
                Data::U8(out) => {
                    out[from..].iter_mut().step_by(components).zip(values).for_each(|(to, v)| *to = v as u8);
                }
                Data::U16(out) => {
                    out[from..].iter_mut().step_by(components).zip(values).for_each(|(to, v)| *to = v as u16);
                }
                Data::I32(out) => {
                    out[from..].iter_mut().step_by(components).zip(values).for_each(|(to, v)| *to = v);
                }
            }
        }
    }

    fn finish(self, stream: &Stream) -> Decoded {
        let (precision, signed) = stream.size.components[0];
        Decoded {
            columns: self.columns as u32,
            rows: self.rows as u32,
            components: self.components as u32,
            precision,
            signed,
            data: self.data,
            notes: if stream.ended { Vec::new() } else { vec![Note::NoEndMarker] },
        }
    }
}

/// Where a tile's component goes in the image.
struct Place {
    left: usize,
    top: usize,
    width: usize,
    index: usize,
}

/// Level shift and clipping (G.1).
#[derive(Clone, Copy)]
struct Level {
    offset: i32,
    min: i32,
    max: i32,
}

impl Level {
    fn new((precision, signed): (u8, bool)) -> Self {
        let half = 1_i32 << (precision - 1);
        if signed {
            Self { offset: 0, min: -half, max: half - 1 }
        } else {
            Self { offset: half, min: 0, max: 2 * half - 1 }
        }
    }

    #[inline]
    fn exact(self, value: i32) -> i32 {
        value.saturating_add(self.offset).clamp(self.min, self.max)
    }

    #[inline]
    fn rounded(self, value: f32) -> i32 {
        // Adding and taking away 1.5 · 2²³ rounds to the nearest integer, ties to even.
        const ROUND: f32 = 12_582_912.0;
        let value = if value.abs() < 4_194_304.0 { (value + ROUND) - ROUND } else { value };
        self.exact(value as i32)
    }
}

/// Undoes the reversible or irreversible colour transform of the first three components (G.2, G.3).
fn undo_colour(planes: &mut [Plane]) -> Result<(), PixelError> {
    match planes {
        [Plane::Exact(y), Plane::Exact(u), Plane::Exact(v), ..] => {
            for ((y, u), v) in y.iter_mut().zip(u).zip(v) {
                let green = y.wrapping_sub(u.wrapping_add(*v) >> 2);
                (*y, *u, *v) = (v.wrapping_add(green), green, u.wrapping_add(green));
            }
        }
        [Plane::Approximate(y), Plane::Approximate(cb), Plane::Approximate(cr), ..] => {
            for ((y, cb), cr) in y.iter_mut().zip(cb).zip(cr) {
                let red = *y + 1.402 * *cr;
                let green = *y - 0.344_136_3 * *cb - 0.714_136_3 * *cr;
                let blue = *y + 1.772 * *cb;
                (*y, *cb, *cr) = (red, green, blue);
            }
        }
        _ => return Err(damaged("colour transform over unlike components")),
    }
    Ok(())
}

/// Decodes a component's blocks and undoes the wavelet. `all_whole` becomes false if a block's data ended too early.
fn transform<T: Coefficient>(
    component: &TileComponent,
    params: &ComponentParams,
    precision: u8,
    all_whole: &mut bool,
) -> Result<Vec<T>, PixelError> {
    let mut low: Vec<T> = Vec::new();
    for (r, resolution) in component.resolutions.iter().enumerate() {
        // Bands are put where the wavelet wants them, so that no sample is held twice.
        let area = resolution.area;
        let mut level = if r > 0 { spread(&low, area) } else { vec![T::default(); area.area()] };
        drop(low);
        let lattices: Vec<Lattice> =
            resolution.bands.iter().map(|b| lattice(b.orientation, r, area)).collect();
        let coded: Vec<_> = resolution.blocks().filter(|(_, block)| block.passes > 0).collect();
        for batch in coded.chunks(BATCH) {
            let decoded = batch.par_iter().map_init(Workspace::default, |work, &(index, block)| {
                let (step, whole) = decode_block(block, &resolution.bands[index], params, precision, work)?;
                Ok((std::mem::take(&mut work.values), step, whole))
            });
            let decoded: Vec<_> = decoded.collect::<Result<_, PixelError>>()?;
            for (&(index, block), (values, step, whole)) in batch.iter().zip(decoded) {
                *all_whole &= whole;
                let band = resolution.bands[index].area;
                store(&values, (block.area, band), lattices[index], (params.roi_shift, step), &mut level);
            }
        }
        if r > 0 {
            undo(&mut level, area);
        }
        low = level;
    }
    debug_assert_eq!(low.len(), component.area.area());
    Ok(low)
}

/// Where the samples of a band of resolution level `r` stand in it.
fn lattice(orientation: Orientation, r: usize, level: Rect) -> Lattice {
    let high = match orientation {
        Orientation::LowLow => (false, false),
        Orientation::HighLow => (true, false),
        Orientation::LowHigh => (false, true),
        Orientation::HighHigh => (true, true),
    };
    if r == 0 { Lattice::whole(level) } else { Lattice::of(level, high) }
}

/// Decodes a block into `work.values`; the step of its band's quantisation, and whether its data lasted.
fn decode_block(
    block: &Block,
    band: &Band,
    params: &ComponentParams,
    precision: u8,
    work: &mut Workspace,
) -> Result<(f32, bool), PixelError> {
    let quantisation = &params.quantisation;
    let (exponent, mantissa) = if quantisation.derived {
        let &(exponent, mantissa) =
            quantisation.steps.first().ok_or_else(|| damaged("quantisation missing"))?;
        let deeper = params.coding.levels - band.depth;
        (exponent.saturating_sub(deeper), mantissa)
    } else {
        *quantisation.steps.get(band.index).ok_or_else(|| damaged("quantisation missing"))?
    };
    let planes = (u32::from(quantisation.guard_bits) + u32::from(exponent) + u32::from(params.roi_shift))
        .checked_sub(1 + block.empty_planes)
        .ok_or_else(|| damaged("more empty bit-planes than there are"))?;
    if planes > MAX_PLANES {
        return Err(unsupported("more bit-planes than 29"));
    }
    let gain = match band.orientation {
        Orientation::LowLow => 0,
        Orientation::HighLow | Orientation::LowHigh => 1,
        Orientation::HighHigh => 2,
    };
    let range = i32::from(precision) + gain - i32::from(exponent);
    let step = 2_f32.powi(range) * (1.0 + f32::from(mantissa) / 2048.0);
    let (width, height) = (block.area.width(), block.area.height());
    if params.coding.style & style::HIGH_THROUGHPUT != 0 {
        high_throughput(block, planes, params, work)?;
        return Ok((step, true));
    }
    let coded = Coded {
        data: &block.data,
        segments: &block.segments,
        planes,
        style: params.coding.style,
        orientation: band.orientation,
    };
    let whole = block::decode(&coded, width, height, work);
    Ok((step, whole))
}

/// Decodes a high-throughput block of a band with `planes` bit-planes left below its empty ones.
fn high_throughput(
    block: &Block,
    planes: u32,
    params: &ComponentParams,
    work: &mut Workspace,
) -> Result<(), PixelError> {
    let &(first, length) = block.segments.first().ok_or_else(|| damaged("block without passes"))?;
    let &(second, more) = block.segments.get(1).unwrap_or(&(0, 0));
    // Place-holder passes stand for bit-planes without anything.
    let planes = planes.checked_sub((first - 1) / 3).filter(|&p| p > 0);
    let planes = planes.ok_or_else(|| damaged("more passes than bit-planes"))?;
    let (cleanup, rest) =
        block.data.split_at_checked(length as usize).ok_or_else(|| damaged("high-throughput block"))?;
    if params.roi_shift > 0 || second > 2 {
        return Err(unsupported("regions of interest or several sets of passes in high-throughput blocks"));
    }
    let all_planes = planes + block.empty_planes + (first - 1) / 3;
    if all_planes > MAX_PLANES - 1 {
        return Err(unsupported("more bit-planes than 28 in high-throughput blocks"));
    }
    let coded = ht::Coded {
        cleanup,
        refinement: rest.get(..more as usize).unwrap_or(rest),
        passes: 1 + second,
        planes,
        all_planes,
        causal: params.coding.style & style::CAUSAL != 0,
    };
    ht::decode(&coded, block.area.width(), block.area.height(), work)
}

/// Puts a block's values where its band has them in the resolution level `out`.
fn store<T: Coefficient>(
    values: &[u32],
    (block, band): (Rect, Rect),
    lattice: Lattice,
    (roi_shift, step): (u8, f32),
    out: &mut [T],
) {
    let (left, top) = ((block.x0 - band.x0) as usize, (block.y0 - band.y0) as usize);
    // Background is below the shift, a region of interest above it (H.1).
    let threshold = if roi_shift > 0 { 1_u64 << (roi_shift + 1) } else { u64::MAX };
    for (y, line) in values.chunks_exact(block.width()).enumerate() {
        let places = out[lattice.at(left, top + y)..].iter_mut().step_by(lattice.step);
        for (to, &value) in places.zip(line) {
            let mut magnitude = value & !SIGN_BIT;
            if u64::from(magnitude) >= threshold {
                magnitude >>= roi_shift;
            }
            *to = T::new(magnitude, value & SIGN_BIT != 0, step);
        }
    }
}
