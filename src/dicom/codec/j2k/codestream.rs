//! Marker segments of a JPEG 2000 code stream (ISO/IEC 15444-1 Annex A).

use super::{damaged, truncated, unsupported};
use crate::dicom::codec::PixelError;
use crate::dicom::codec::marker::be16;

/// Decomposition levels at most (Table A.15).
const MAX_LEVELS: u8 = 32;

/// Image and tile size (SIZ).
#[derive(Clone, Debug, Default)]
pub(super) struct Size {
    pub(super) x1: u32,
    pub(super) y1: u32,
    pub(super) x0: u32,
    pub(super) y0: u32,
    pub(super) tile_width: u32,
    pub(super) tile_height: u32,
    pub(super) tile_x0: u32,
    pub(super) tile_y0: u32,
    /// Precision and signedness of each component.
    pub(super) components: Vec<(u8, bool)>,
}

impl Size {
    pub(super) fn tiles_across(&self) -> u32 {
        (self.x1 - self.tile_x0).div_ceil(self.tile_width)
    }

    pub(super) fn tiles_down(&self) -> u32 {
        (self.y1 - self.tile_y0).div_ceil(self.tile_height)
    }
}

/// How a component's coefficients are coded (SPcod, SPcoc).
#[derive(Clone, Debug, Default)]
pub(super) struct Coding {
    pub(super) levels: u8,
    /// Exponents of the code-block's width and height.
    pub(super) block_width: u8,
    pub(super) block_height: u8,
    pub(super) style: u8,
    pub(super) reversible: bool,
    /// Exponents of precinct width and height per resolution level.
    pub(super) precincts: Vec<(u8, u8)>,
}

/// Quantisation of a component (SPqcd, SPqcc).
#[derive(Clone, Debug, Default)]
pub(super) struct Quantisation {
    /// Only the first step is given, the others follow.
    pub(super) derived: bool,
    pub(super) guard_bits: u8,
    /// Exponent and mantissa of each band.
    pub(super) steps: Vec<(u8, u16)>,
}

/// What holds for one component in one tile; where it came from decides what may replace it.
#[derive(Clone, Debug, Default)]
pub(super) struct ComponentParams {
    pub(super) coding: Coding,
    coding_rank: u8,
    pub(super) quantisation: Quantisation,
    quantisation_rank: u8,
    /// Shift of the region of interest (RGN).
    pub(super) roi_shift: u8,
}

/// One progression (POC), or the only one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progression {
    pub(super) order: u8,
    pub(super) resolutions: (u32, u32),
    pub(super) components: (usize, usize),
    pub(super) layers: u32,
}

/// What holds for one tile.
#[derive(Clone, Debug, Default)]
pub(super) struct Params {
    pub(super) order: u8,
    pub(super) layers: u32,
    pub(super) colour_transform: bool,
    pub(super) components: Vec<ComponentParams>,
    pub(super) progressions: Vec<Progression>,
}

/// Reads numbers of a segment.
struct Reader<'a> {
    data: &'a [u8],
}

impl Reader<'_> {
    fn u8(&mut self) -> Result<u8, PixelError> {
        let (&first, rest) = self.data.split_first().ok_or_else(|| damaged("marker segment too short"))?;
        self.data = rest;
        Ok(first)
    }

    fn u16(&mut self) -> Result<u16, PixelError> {
        Ok(u16::from(self.u8()?) << 8 | u16::from(self.u8()?))
    }

    fn u32(&mut self) -> Result<u32, PixelError> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// A component's number: two bytes where there are more than 256 components.
    fn component(&mut self, count: usize) -> Result<usize, PixelError> {
        if count < 257 { self.u8().map(usize::from) } else { self.u16().map(usize::from) }
    }
}

/// SIZ.
pub(super) fn size(segment: &[u8]) -> Result<Size, PixelError> {
    let mut r = Reader { data: segment };
    let _capabilities = r.u16()?;
    let [x1, y1, x0, y0] = [r.u32()?, r.u32()?, r.u32()?, r.u32()?];
    let [tile_width, tile_height, tile_x0, tile_y0] = [r.u32()?, r.u32()?, r.u32()?, r.u32()?];
    let count = r.u16()?;
    if count == 0 || count > 4 {
        return Err(unsupported("components other than 1 … 4"));
    }
    let mut components = Vec::new();
    for _ in 0..count {
        let depth = r.u8()?;
        if (r.u8()?, r.u8()?) != (1, 1) {
            return Err(unsupported("subsampled components"));
        }
        let precision = (depth & 0x7F) + 1;
        if precision > 26 {
            return Err(unsupported("more than 26 bits"));
        }
        components.push((precision, depth & 0x80 != 0));
    }
    let inside = x0 < x1 && y0 < y1 && tile_x0 <= x0 && tile_y0 <= y0 && tile_width > 0 && tile_height > 0;
    let reaches = u64::from(tile_x0) + u64::from(tile_width) > u64::from(x0)
        && u64::from(tile_y0) + u64::from(tile_height) > u64::from(y0);
    if !inside || !reaches || x1 > i32::MAX as u32 || y1 > i32::MAX as u32 {
        return Err(damaged("image and tile size"));
    }
    Ok(Size { x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, components })
}

fn coding(r: &mut Reader<'_>, own_precincts: bool) -> Result<Coding, PixelError> {
    let levels = r.u8()?;
    let (block_width, block_height) = (r.u8()?.saturating_add(2), r.u8()?.saturating_add(2));
    let (style, transform) = (r.u8()?, r.u8()?);
    if levels > MAX_LEVELS || block_width > 10 || block_height > 10 || block_width + block_height > 12 {
        return Err(damaged("coding style"));
    }
    if style & super::block::style::MIXED != 0 {
        return Err(unsupported("mixed code-block styles"));
    }
    if transform > 1 {
        return Err(unsupported("a wavelet of its own"));
    }
    let mut precincts = Vec::new();
    for level in 0..=levels {
        let (x, y) = if own_precincts {
            let size = r.u8()?;
            (size & 15, size >> 4)
        } else {
            (15, 15)
        };
        if level > 0 && (x == 0 || y == 0) {
            return Err(damaged("precinct size"));
        }
        precincts.push((x, y));
    }
    Ok(Coding { levels, block_width, block_height, style, reversible: transform == 1, precincts })
}

fn quantisation(r: &mut Reader<'_>) -> Result<Quantisation, PixelError> {
    let style = r.u8()?;
    let mut steps = Vec::new();
    while !r.data.is_empty() && steps.len() < 100 {
        steps.push(match style & 31 {
            0 => (r.u8()? >> 3, 0),
            1 | 2 => {
                let value = r.u16()?;
                ((value >> 11) as u8, value & 0x7FF)
            }
            _ => return Err(damaged("quantisation style")),
        });
    }
    Ok(Quantisation { derived: style & 31 == 1, guard_bits: style >> 5, steps })
}

/// Ranks: what a tile says goes before what the main header says, and a component's own before the general.
const GENERAL: u8 = 1;
const OWN: u8 = 2;

impl Params {
    pub(super) fn new(components: usize) -> Self {
        Self { components: vec![ComponentParams::default(); components], ..Self::default() }
    }

    /// Takes in a marker segment of the main header or, `in_tile`, of a tile-part's; false if it is none of them.
    pub(super) fn take(&mut self, code: u8, segment: &[u8], in_tile: bool) -> Result<bool, PixelError> {
        let mut r = Reader { data: segment };
        let count = self.components.len();
        let rank = if in_tile { 2 } else { 0 };
        match code {
            0x52 => {
                let style = r.u8()?;
                self.order = r.u8()?;
                self.layers = u32::from(r.u16()?);
                self.colour_transform = r.u8()? & 1 == 1;
                if self.order > 4 || self.layers == 0 {
                    return Err(damaged("progression"));
                }
                let coding = coding(&mut r, style & 1 != 0)?;
                for c in self.components.iter_mut().filter(|c| c.coding_rank <= rank + GENERAL) {
                    (c.coding, c.coding_rank) = (coding.clone(), rank + GENERAL);
                }
            }
            0x53 => {
                let index = r.component(count)?;
                let own = r.u8()? & 1 != 0;
                let coding = coding(&mut r, own)?;
                if let Some(c) = self.components.get_mut(index) {
                    (c.coding, c.coding_rank) = (coding, rank + OWN);
                }
            }
            0x5C => {
                let quantisation = quantisation(&mut r)?;
                for c in self.components.iter_mut().filter(|c| c.quantisation_rank <= rank + GENERAL) {
                    (c.quantisation, c.quantisation_rank) = (quantisation.clone(), rank + GENERAL);
                }
            }
            0x5D => {
                let index = r.component(count)?;
                let quantisation = quantisation(&mut r)?;
                if let Some(c) = self.components.get_mut(index) {
                    (c.quantisation, c.quantisation_rank) = (quantisation, rank + OWN);
                }
            }
            0x5E => {
                let index = r.component(count)?;
                let (style, shift) = (r.u8()?, r.u8()?);
                if style != 0 || shift > 37 {
                    return Err(damaged("region of interest"));
                }
                if let Some(c) = self.components.get_mut(index) {
                    c.roi_shift = shift;
                }
            }
            0x5F => {
                while !r.data.is_empty() {
                    let first = u32::from(r.u8()?);
                    let start = r.component(count)?;
                    let layers = u32::from(r.u16()?);
                    let last = u32::from(r.u8()?);
                    let end = match r.component(count)? {
                        0 => count,
                        end => end.min(count),
                    };
                    let order = r.u8()?;
                    if order > 4 || self.progressions.len() > 1024 {
                        return Err(damaged("progression change"));
                    }
                    let (resolutions, components) = ((first, last), (start, end));
                    self.progressions.push(Progression { order, resolutions, components, layers });
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether every component knows how it is coded.
    pub(super) fn check(&self) -> Result<(), PixelError> {
        let complete = |c: &ComponentParams| c.coding_rank > 0 && c.quantisation_rank > 0;
        if self.components.iter().all(complete) {
            Ok(())
        } else {
            Err(damaged("coding style or quantisation missing"))
        }
    }
}

/// A tile's parts: its own parameters, packet headers kept apart, and its packets.
#[derive(Default)]
pub(super) struct Tile {
    pub(super) params: Option<Params>,
    pub(super) headers: Option<Vec<u8>>,
    pub(super) packets: Vec<u8>,
}

/// The whole code stream, taken apart.
pub(super) struct Stream {
    pub(super) size: Size,
    pub(super) params: Params,
    pub(super) tiles: Vec<Tile>,
    /// EOC was there.
    pub(super) ended: bool,
    /// The last tile-part did not tell its length.
    pub(super) open: bool,
}

/// Takes a code stream apart. `check` sees the size before anything is allocated by it.
pub(super) fn parse(
    data: &[u8],
    check: impl Fn(&Size) -> Result<(), PixelError>,
) -> Result<Stream, PixelError> {
    let mut at = 2;
    let (mut size, mut params): (Option<Size>, Option<Params>) = (None, None);
    let mut packed: Vec<(u8, &[u8])> = Vec::new();
    loop {
        let (code, segment, next) = segment(data, at)?;
        match code {
            0x90 => break,
            0x51 if size.is_none() => {
                let parsed = self::size(segment)?;
                check(&parsed)?;
                params = Some(Params::new(parsed.components.len()));
                size = Some(parsed);
            }
            0x60 => {
                packed.push(segment.split_first().map(|(&z, rest)| (z, rest)).ok_or_else(|| damaged("PPM"))?);
            }
            0x72..=0x79 => {
                return Err(unsupported("a transform of Part 2"));
            }
            _ => {
                params.as_mut().ok_or_else(|| damaged("SIZ is not first"))?.take(code, segment, false)?;
            }
        }
        at = next;
    }
    let (size, params) = size.zip(params).ok_or_else(|| damaged("no SIZ"))?;
    let count = u64::from(size.tiles_across()) * u64::from(size.tiles_down());
    // Every tile has a header of 14 bytes at least.
    if count > 65535 || count * 14 > data.len() as u64 {
        return Err(truncated(data.len() as u64 / 14, count, "tiles"));
    }
    let tiles = (0..count).map(|_| Tile::default()).collect();
    let mut stream = Stream { size, params, tiles, ended: false, open: false };
    stream.tile_parts(data, at, packed_headers(packed)?)?;
    Ok(stream)
}

/// One marker segment: code, value, where the next begins.
fn segment(data: &[u8], at: usize) -> Result<(u8, &[u8], usize), PixelError> {
    let cut = || truncated(data.len() as u64, at as u64 + 4, "bytes of the code stream");
    let &[0xFF, code] = data.get(at..at + 2).ok_or_else(cut)? else { return Err(damaged("marker expected")) };
    if matches!(code, 0x30..=0x3F | 0x93 | 0xD9) {
        return Ok((code, &[], at + 2));
    }
    let length = usize::from(be16(data, at + 2).ok_or_else(cut)?);
    let value = data.get(at + 4..(at + 2 + length).max(at + 4)).ok_or_else(cut)?;
    Ok((code, value, at + 4 + value.len()))
}

/// Packet headers of all tile-parts from the main header (PPM), in order.
fn packed_headers(mut packed: Vec<(u8, &[u8])>) -> Result<Option<Vec<Vec<u8>>>, PixelError> {
    if packed.is_empty() {
        return Ok(None);
    }
    packed.sort_by_key(|p| p.0);
    let all = packed.iter().flat_map(|p| p.1).copied().collect::<Vec<u8>>();
    let (mut rest, mut parts) = (&all[..], Vec::new());
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        parts.push(tail.get(..length).ok_or_else(|| damaged("packed packet headers"))?.to_vec());
        rest = &tail[length..];
    }
    Ok(Some(parts))
}

impl Stream {
    fn tile_parts(
        &mut self,
        data: &[u8],
        mut at: usize,
        packed: Option<Vec<Vec<u8>>>,
    ) -> Result<(), PixelError> {
        let mut packed = packed.map(Vec::into_iter);
        while at + 2 <= data.len() {
            let start = at;
            // Zeros after the last tile-part, as padding leaves them, end the stream as well.
            if data[at] != 0xFF {
                break;
            }
            let (code, value, next) = segment(data, at)?;
            match code {
                0x90 => {}
                0xD9 => {
                    self.ended = true;
                    break;
                }
                _ => return Err(damaged("tile-part expected")),
            }
            let mut r = Reader { data: value };
            let (index, length) = (usize::from(r.u16()?), r.u32()? as usize);
            let (part, _parts) = (r.u8()?, r.u8()?);
            let tile = self.tiles.get_mut(index).ok_or_else(|| damaged("tile number"))?;
            self.open |= length == 0;
            let end = if length == 0 { end_of_stream(data) } else { start.saturating_add(length) };
            at = next;
            let mut headers: Vec<(u8, &[u8])> = Vec::new();
            loop {
                let (code, value, next) = segment(data, at)?;
                at = next;
                match code {
                    0x93 => break,
                    0x61 => headers
                        .push(value.split_first().map(|(&z, rest)| (z, rest)).ok_or_else(|| damaged("PPT"))?),
                    // The first part's parameters hold for the whole tile; later ones may only change progression.
                    _ if part == 0 || code == 0x5F => {
                        let params = tile.params.get_or_insert_with(|| {
                            let mut params = self.params.clone();
                            if code == 0x5F {
                                params.progressions.clear();
                            }
                            params
                        });
                        params.take(code, value, true)?;
                    }
                    _ => {}
                }
            }
            let body = data.get(at..end.min(data.len())).ok_or_else(|| damaged("tile-part length"))?;
            if end > data.len() {
                return Err(truncated(data.len() as u64, end as u64, "bytes of the code stream"));
            }
            tile.packets.extend_from_slice(body);
            if let Some(next) = packed.as_mut().and_then(Iterator::next) {
                tile.headers.get_or_insert_default().extend(next);
            }
            if !headers.is_empty() {
                headers.sort_by_key(|h| h.0);
                tile.headers.get_or_insert_default().extend(headers.iter().flat_map(|h| h.1));
            }
            at = end;
        }
        Ok(())
    }
}

/// Where the last tile-part ends when its length is not told: before EOC, which padding may follow.
fn end_of_stream(data: &[u8]) -> usize {
    let trimmed = data.len() - data.iter().rev().take_while(|&&b| b == 0).count();
    if data[..trimmed].ends_with(&[0xFF, 0xD9]) { trimmed - 2 } else { data.len() }
}
