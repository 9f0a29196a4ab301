//! Packet headers (ISO/IEC 15444-1 B.10): which code-blocks a packet has bytes of.

use super::block::style;
use super::tagtree::{HeaderBits, TagTree};
use super::wavelet::Rect;

/// One code-block and what the packets gave of it.
pub(super) struct Block {
    /// Its place in the band's own coordinates.
    pub(super) area: Rect,
    pub(super) included: bool,
    pub(super) empty_planes: u32,
    pub(super) length_bits: u32,
    pub(super) passes: u32,
    /// Passes and bytes of each segment.
    pub(super) segments: Vec<(u32, u32)>,
    pub(super) data: Vec<u8>,
}

/// A band's part of a precinct.
pub(super) struct Cell {
    pub(super) across: usize,
    pub(super) blocks: Vec<Block>,
    pub(super) inclusion: TagTree,
    pub(super) empty_planes: TagTree,
}

/// Passes that a segment can hold which already has `have` of them, for the segment that begins with pass `first`.
fn room(block_style: u8, first: u32, have: u32) -> u32 {
    let most = if block_style & style::HIGH_THROUGHPUT != 0 {
        if first == 0 { 1 } else { u32::MAX }
    } else if block_style & style::TERMINATE != 0 {
        1
    } else if block_style & style::BYPASS != 0 {
        // Ten passes first, then two raw ones and a clean-up pass in turn.
        match first {
            0 => 10,
            first if (first - 10).is_multiple_of(3) => 2,
            _ => 1,
        }
    } else {
        u32::MAX
    };
    most - have
}

impl Cell {
    /// Reads this band's part of a packet header: which blocks have how many bytes, in `parts`.
    pub(super) fn header(
        &mut self,
        index: usize,
        layer: u32,
        block_style: u8,
        bits: &mut HeaderBits<'_>,
        parts: &mut Vec<(usize, usize, u32)>,
    ) -> Option<()> {
        for n in 0..self.blocks.len() {
            let (x, y) = (n % self.across, n / self.across);
            let block = &mut self.blocks[n];
            if block.included {
                if bits.bit()? == 0 {
                    continue;
                }
            } else {
                if !self.inclusion.below(x, y, layer + 1, bits)? {
                    continue;
                }
                block.included = true;
                let mut planes = 0;
                while !self.empty_planes.below(x, y, planes + 1, bits)? {
                    planes += 1;
                    if planes > 80 {
                        return None;
                    }
                }
                block.empty_planes = planes;
            }
            let mut passes = pass_count(bits)?;
            while bits.bit()? == 1 {
                block.length_bits += 1;
            }
            while passes > 0 {
                // The last segment goes on if it has room.
                let first: u32 =
                    block.segments.split_last().map_or(0, |(_, before)| before.iter().map(|s| s.0).sum());
                let open = block
                    .segments
                    .last()
                    .map_or(0, |s| room(block_style, first, s.0.min(room(block_style, first, 0))));
                let take = if block_style & style::HIGH_THROUGHPUT != 0 && block.segments.is_empty() {
                    // Passes beyond three are place-holders in whole sets before the clean-up pass.
                    block.segments.push((0, 0));
                    (passes - 1) / 3 * 3 + 1
                } else if open > 0 {
                    passes.min(open)
                } else {
                    block.segments.push((0, 0));
                    passes.min(room(block_style, block.passes, 0))
                };
                let length = bits.bits(block.length_bits + take.ilog2())?;
                let segment = block.segments.last_mut()?;
                segment.0 += take;
                segment.1 = segment.1.checked_add(length)?;
                block.passes += take;
                passes -= take;
                parts.push((index, n, length));
            }
        }
        Some(())
    }
}

/// Number of new coding passes (Table B.4).
fn pass_count(bits: &mut HeaderBits<'_>) -> Option<u32> {
    if bits.bit()? == 0 {
        return Some(1);
    }
    if bits.bit()? == 0 {
        return Some(2);
    }
    Some(match bits.bits(2)? {
        3 => match bits.bits(5)? {
            31 => 37 + bits.bits(7)?,
            n => 6 + n,
        },
        n => 3 + n,
    })
}
