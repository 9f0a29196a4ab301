//! Tiles: resolutions, bands, precincts, packets (ISO/IEC 15444-1 Annex B).

use super::block::Orientation;
use super::codestream::{ComponentParams, Params, Progression, Size, Tile};
use super::packet::{Block, Cell};
use super::tagtree::{HeaderBits, TagTree};
use super::wavelet::Rect;
use super::{damaged, truncated};
use crate::dicom::codec::PixelError;

#[derive(Default)]
struct Precinct {
    /// Cells of the resolution's bands, made when a packet holds something.
    cells: Vec<Cell>,
    /// Layers taken so far.
    layers: u32,
}

/// A band of a resolution level.
pub(super) struct Band {
    pub(super) orientation: Orientation,
    pub(super) area: Rect,
    /// Position among the component's quantisation steps.
    pub(super) index: usize,
    /// Decompositions that led to it.
    pub(super) depth: u8,
}

/// A resolution level of a component.
pub(super) struct Resolution {
    pub(super) area: Rect,
    pub(super) bands: Vec<Band>,
    /// Exponents of the precincts' size.
    precinct: (u8, u8),
    across: usize,
    precincts: Vec<Precinct>,
}

impl Resolution {
    /// Blocks of its bands: band index and block.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (usize, &Block)> {
        self.precincts.iter().flat_map(|p| {
            p.cells.iter().enumerate().flat_map(|(band, cell)| cell.blocks.iter().map(move |b| (band, b)))
        })
    }
}

/// Part of a component in a tile.
pub(super) struct TileComponent {
    pub(super) area: Rect,
    pub(super) resolutions: Vec<Resolution>,
}

/// A tile with what its packets gave.
pub(super) struct Parsed {
    pub(super) area: Rect,
    pub(super) components: Vec<TileComponent>,
    /// Every packet was there: a stream may be cut between packets on purpose.
    pub(super) complete: bool,
}

fn ceil_shift(value: u32, shift: u32) -> u32 {
    if shift >= 32 { u32::from(value > 0) } else { u64::from(value).div_ceil(1 << shift) as u32 }
}

fn scaled(area: Rect, shift: u32) -> Rect {
    Rect {
        x0: ceil_shift(area.x0, shift),
        y0: ceil_shift(area.y0, shift),
        x1: ceil_shift(area.x1, shift),
        y1: ceil_shift(area.y1, shift),
    }
}

/// The tile's rectangle on the reference grid (B.3).
pub(super) fn tile_area(size: &Size, index: u32) -> Rect {
    let (p, q) = (index % size.tiles_across(), index / size.tiles_across());
    let corner = |origin: u32, step: u32, n: u32| u64::from(origin) + u64::from(step) * u64::from(n);
    let clip = |v: u64, low: u32, high: u32| v.clamp(u64::from(low), u64::from(high)) as u32;
    Rect {
        x0: clip(corner(size.tile_x0, size.tile_width, p), size.x0, size.x1),
        y0: clip(corner(size.tile_y0, size.tile_height, q), size.y0, size.y1),
        x1: clip(corner(size.tile_x0, size.tile_width, p + 1), size.x0, size.x1),
        y1: clip(corner(size.tile_y0, size.tile_height, q + 1), size.y0, size.y1),
    }
}

/// The band's rectangle after `depth` decompositions (B-15).
fn band_area(area: Rect, orientation: Orientation, depth: u32) -> Rect {
    let high = |yes: bool| if yes && depth > 0 { 1_u64 << (depth - 1) } else { 0 };
    let x = high(matches!(orientation, Orientation::HighLow | Orientation::HighHigh));
    let y = high(matches!(orientation, Orientation::LowHigh | Orientation::HighHigh));
    let at = |v: u32, offset: u64| {
        let v = u64::from(v).saturating_sub(offset);
        if depth >= 33 { u32::from(v > 0) } else { v.div_ceil(1 << depth) as u32 }
    };
    Rect { x0: at(area.x0, x), y0: at(area.y0, y), x1: at(area.x1, x), y1: at(area.y1, y) }
}

impl TileComponent {
    fn new(area: Rect, params: &ComponentParams, precincts_left: &mut usize) -> Result<Self, PixelError> {
        use Orientation::{HighHigh, HighLow, LowHigh, LowLow};
        let levels = u32::from(params.coding.levels);
        let mut resolutions = Vec::new();
        for r in 0..=levels {
            let own = scaled(area, levels - r);
            let (px, py) = params.coding.precincts[r as usize];
            let orientations: &[Orientation] = if r == 0 { &[LowLow] } else { &[HighLow, LowHigh, HighHigh] };
            let depth = if r == 0 { levels } else { levels - r + 1 };
            let bands = orientations
                .iter()
                .enumerate()
                .map(|(i, &orientation)| Band {
                    orientation,
                    area: band_area(area, orientation, depth),
                    index: if r == 0 { 0 } else { 3 * (r as usize - 1) + 1 + i },
                    depth: depth as u8,
                })
                .collect();
            let span = |from: u32, to: u32, p: u8| {
                if to > from { (ceil_shift(to, p.into()) - (from >> p)) as usize } else { 0 }
            };
            let (across, down) = (span(own.x0, own.x1, px), span(own.y0, own.y1, py));
            let count = if own.area() == 0 { 0 } else { across * down };
            *precincts_left =
                precincts_left.checked_sub(count).ok_or_else(|| damaged("more precincts than bytes"))?;
            let precincts = (0..count).map(|_| Precinct::default()).collect();
            resolutions.push(Resolution { area: own, bands, precinct: (px, py), across, precincts });
        }
        Ok(Self { area, resolutions })
    }
}

impl Resolution {
    /// Makes the cells of precinct `index` (B.6, B.7).
    fn cells(
        &self,
        index: usize,
        r: usize,
        params: &ComponentParams,
        blocks_left: &mut usize,
    ) -> Result<Vec<Cell>, PixelError> {
        let down = u8::from(r > 0);
        let (px, py) = (self.precinct.0 - down, self.precinct.1 - down);
        let column = (self.area.x0 >> self.precinct.0) + (index % self.across) as u32;
        let row = (self.area.y0 >> self.precinct.1) + (index / self.across) as u32;
        let (bw, bh) = (params.coding.block_width.min(px), params.coding.block_height.min(py));
        let mut cells = Vec::new();
        for band in &self.bands {
            let edge = |n: u32, p: u8, low: u32, high: u32| {
                (u64::from(n) << p).clamp(u64::from(low), u64::from(high)) as u32
            };
            let a = band.area;
            let area = Rect {
                x0: edge(column, px, a.x0, a.x1),
                y0: edge(row, py, a.y0, a.y1),
                x1: edge(column + 1, px, a.x0, a.x1),
                y1: edge(row + 1, py, a.y0, a.y1),
            };
            if area.area() == 0 {
                cells.push(Cell {
                    across: 0,
                    blocks: Vec::new(),
                    inclusion: TagTree::new(0, 0),
                    empty_planes: TagTree::new(0, 0),
                });
                continue;
            }
            let columns = area.x0 >> bw..ceil_shift(area.x1, bw.into());
            let rows = area.y0 >> bh..ceil_shift(area.y1, bh.into());
            let (across, down) = (columns.len(), rows.len());
            *blocks_left = blocks_left
                .checked_sub(across * down)
                .ok_or_else(|| damaged("more code-blocks than bytes"))?;
            let mut blocks = Vec::with_capacity(across * down);
            for y in rows {
                for x in columns.clone() {
                    let area = Rect {
                        x0: (x << bw).max(area.x0),
                        y0: (y << bh).max(area.y0),
                        x1: ((x + 1) << bw).min(area.x1),
                        y1: ((y + 1) << bh).min(area.y1),
                    };
                    blocks.push(Block {
                        area,
                        included: false,
                        empty_planes: 0,
                        length_bits: 3,
                        passes: 0,
                        segments: Vec::new(),
                        data: Vec::new(),
                    });
                }
            }
            cells.push(Cell {
                across,
                blocks,
                inclusion: TagTree::new(across, down),
                empty_planes: TagTree::new(across, down),
            });
        }
        Ok(cells)
    }
}

/// Where packets are read from.
struct Source<'a> {
    packets: &'a [u8],
    at: usize,
    headers: Option<(&'a [u8], usize)>,
    blocks_left: usize,
    /// The data ended where a packet would begin.
    ended: bool,
}

/// Reads all packets of tile `index`.
pub(super) fn read(size: &Size, index: u32, tile: &Tile, params: &Params) -> Result<Parsed, PixelError> {
    let area = tile_area(size, index);
    let available = tile.packets.len() + tile.headers.as_ref().map_or(0, Vec::len);
    // Each precinct has a packet of a byte at least.
    let mut precincts_left = available + 4096;
    let components: Result<Vec<_>, _> =
        params.components.iter().map(|c| TileComponent::new(area, c, &mut precincts_left)).collect();
    let mut parsed = Parsed { area, components: components?, complete: true };
    let mut source = Source {
        packets: &tile.packets,
        at: 0,
        headers: tile.headers.as_ref().map(|h| (&h[..], 0)),
        blocks_left: available * 64 + (1 << 17),
        ended: false,
    };
    let only = [Progression {
        order: params.order,
        resolutions: (0, 33),
        components: (0, params.components.len()),
        layers: params.layers,
    }];
    let progressions = if params.progressions.is_empty() { &only[..] } else { &params.progressions };
    for progression in progressions {
        parsed.progress(progression, params, &mut source)?;
    }
    parsed.complete = !source.ended;
    let all = |c: &TileComponent| {
        c.resolutions.iter().all(|r| r.precincts.iter().all(|p| p.layers >= params.layers))
    };
    if !parsed.components.iter().all(all) {
        return Err(damaged("progressions leave packets out"));
    }
    Ok(parsed)
}

/// A packet's place: component, resolution, precinct, and the precinct's corner on the reference grid.
#[derive(Clone, Copy)]
struct Place {
    component: usize,
    resolution: usize,
    precinct: usize,
    x: u64,
    y: u64,
}

impl Parsed {
    /// Whether no packet of it was there.
    pub(super) fn empty(&self) -> bool {
        self.components.iter().all(|c| c.resolutions.iter().all(|r| r.blocks().next().is_none()))
    }

    /// All places of a progression, in the order of one layer.
    fn places(&self, progression: &Progression) -> Vec<Place> {
        let mut places = Vec::new();
        let (first, end) = progression.components;
        for (component, tile) in self.components.iter().enumerate().take(end).skip(first) {
            let levels = tile.resolutions.len() - 1;
            for (resolution, level) in tile.resolutions.iter().enumerate() {
                if !(progression.resolutions.0..progression.resolutions.1).contains(&(resolution as u32)) {
                    continue;
                }
                let shift = (levels - resolution) as u32;
                let (px, py) = level.precinct;
                // A precinct that begins outside the tile is met at the tile's edge (B.12.1.3).
                let corner = |start: u32, n: usize, p: u8, low: u32, tile: u32| {
                    let own = (u64::from(start >> p) + n as u64) << p;
                    if own < u64::from(low) { u64::from(tile) } else { own << shift }
                };
                for precinct in 0..level.precincts.len() {
                    let (n, m) = (precinct % level.across, precinct / level.across);
                    places.push(Place {
                        component,
                        resolution,
                        precinct,
                        x: corner(level.area.x0, n, px, level.area.x0, self.area.x0),
                        y: corner(level.area.y0, m, py, level.area.y0, self.area.y0),
                    });
                }
            }
        }
        match progression.order {
            0 | 1 => places.sort_by_key(|p| (p.resolution, p.component, p.precinct)),
            2 => places.sort_by_key(|p| (p.resolution, p.y, p.x, p.component, p.precinct)),
            3 => places.sort_by_key(|p| (p.y, p.x, p.component, p.resolution, p.precinct)),
            _ => places.sort_by_key(|p| (p.component, p.y, p.x, p.resolution, p.precinct)),
        }
        places
    }

    fn progress(
        &mut self,
        progression: &Progression,
        params: &Params,
        source: &mut Source<'_>,
    ) -> Result<(), PixelError> {
        let places = self.places(progression);
        let layers = progression.layers.min(params.layers);
        match progression.order {
            0 => {
                for layer in 0..layers {
                    for place in &places {
                        self.packet(place, layer, params, source)?;
                    }
                }
            }
            1 => {
                for group in places.chunk_by(|a, b| a.resolution == b.resolution) {
                    for layer in 0..layers {
                        for place in group {
                            self.packet(place, layer, params, source)?;
                        }
                    }
                }
            }
            _ => {
                for place in &places {
                    for layer in 0..layers {
                        self.packet(place, layer, params, source)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the packet of one layer, unless an earlier progression had it.
    fn packet(
        &mut self,
        place: &Place,
        layer: u32,
        params: &Params,
        source: &mut Source<'_>,
    ) -> Result<(), PixelError> {
        let component = &params.components[place.component];
        let resolution = &mut self.components[place.component].resolutions[place.resolution];
        if resolution.precincts[place.precinct].layers != layer {
            return Ok(());
        }
        resolution.precincts[place.precinct].layers = layer + 1;
        let cut = |source: &Source<'_>| {
            truncated(source.packets.len() as u64, source.at as u64 + 1, "bytes of packets")
        };
        // A start-of-packet marker may stand there, announced or not.
        if source.packets.get(source.at..source.at + 4) == Some(&[0xFF, 0x91, 0, 4]) {
            source.at += 6;
        }
        let (header, at) = source.headers.unwrap_or((source.packets, source.at));
        if at >= header.len() {
            source.ended = true;
            return Ok(());
        }
        let mut bits = HeaderBits::new(header, at);
        let mut parts = Vec::new();
        if bits.bit().ok_or_else(|| cut(source))? == 1 {
            if resolution.precincts[place.precinct].cells.is_empty() {
                let cells =
                    resolution.cells(place.precinct, place.resolution, component, &mut source.blocks_left)?;
                resolution.precincts[place.precinct].cells = cells;
            }
            for (index, cell) in resolution.precincts[place.precinct].cells.iter_mut().enumerate() {
                cell.header(index, layer, component.coding.style, &mut bits, &mut parts)
                    .ok_or_else(|| damaged("packet header"))?;
            }
        }
        let mut end = bits.end();
        if header.get(end..end + 2) == Some(&[0xFF, 0x92]) {
            end += 2;
        }
        match &mut source.headers {
            Some((_, at)) => *at = end,
            None => source.at = end,
        }
        for (cell, block, length) in parts {
            let body = source.packets.get(source.at..source.at.saturating_add(length as usize));
            let body = body.ok_or_else(|| cut(source))?;
            source.at += body.len();
            resolution.precincts[place.precinct].cells[cell].blocks[block].data.extend_from_slice(body);
        }
        Ok(())
    }
}
