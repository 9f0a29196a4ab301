//! Boxes in pictures, and what a person says of the pixels of a source.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A box in a picture, in pixels of the stored frame. Sides beyond the picture are allowed; nothing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Area {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Area {
    /// The column after the last one.
    pub const fn right(&self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// The row after the last one.
    pub const fn bottom(&self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// How many pixels it has.
    pub const fn pixels(&self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Pixels that both have.
    pub fn shared(&self, other: &Self) -> u64 {
        let width = self.right().min(other.right()).saturating_sub(self.x.max(other.x));
        let height = self.bottom().min(other.bottom()).saturating_sub(self.y.max(other.y));
        u64::from(width) * u64::from(height)
    }

    /// Whether two share more than half of both.
    pub fn is_like(&self, other: &Self) -> bool {
        self.shared(other) > self.pixels().max(other.pixels()) / 2
    }

    /// Whether the other one reaches nowhere beyond this one.
    pub const fn contains(&self, other: &Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && self.right() >= other.right()
            && self.bottom() >= other.bottom()
    }

    /// The part of it that lies in a picture; `None` where none does.
    pub fn within(&self, columns: u32, rows: u32) -> Option<Self> {
        let (right, bottom) = (self.right().min(columns), self.bottom().min(rows));
        let (width, height) = (right.saturating_sub(self.x), bottom.saturating_sub(self.y));
        (width > 0 && height > 0).then_some(Self { width, height, ..*self })
    }
}

/// A mask that a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DrawnMask {
    /// The frame, from 1; `None` means every frame.
    pub frame: Option<u32>,
    /// Where.
    pub area: Area,
}

/// Masks and the matrix that they were drawn on: they fit no other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawing {
    /// Columns of a frame.
    pub columns: u32,
    /// Rows of a frame.
    pub rows: u32,
    /// The masks.
    pub masks: Vec<DrawnMask>,
}

impl Drawing {
    /// The same masks, of which those that stand in every one of so many frames are said once.
    #[must_use]
    pub fn with_standing_masks(mut self, frames: u32) -> Self {
        let mut of: BTreeMap<Area, BTreeSet<Option<u32>>> = BTreeMap::new();
        for mask in &self.masks {
            of.entry(mask.area).or_default().insert(mask.frame);
        }
        let in_all = |seen: &BTreeSet<Option<u32>>| {
            seen.contains(&None) || (1..=frames).all(|frame| seen.contains(&Some(frame)))
        };
        let masks = of.into_iter().flat_map(|(area, seen)| {
            let frames = if in_all(&seen) { vec![None] } else { seen.into_iter().collect() };
            frames.into_iter().map(move |frame| DrawnMask { frame, area })
        });
        self.masks = masks.collect();
        self
    }
}

/// What a person has said of the pixels of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Vetting {
    /// Nobody has looked: they are searched for text, which is masked.
    #[default]
    None,
    /// They show nothing that identifies.
    Trusted,
    /// They show what these masks hide, and nothing else.
    Masked(Arc<Drawing>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_every_frame_is_said_once() {
        let area = |x| Area { x, y: 0, width: 4, height: 2 };
        let mask = |x, frame| DrawnMask { frame: Some(frame), area: area(x) };
        let masks = vec![mask(1, 1), mask(1, 2), mask(9, 2), mask(1, 3)];
        let drawing = Drawing { columns: 20, rows: 20, masks }.with_standing_masks(3);
        let once = DrawnMask { frame: None, area: area(1) };
        assert_eq!(drawing.masks, [once, mask(9, 2)]);
    }

    #[test]
    fn areas_at_the_edge_of_what_a_number_holds_do_not_wrap() {
        let all = Area { x: 0, y: 0, width: u32::MAX, height: u32::MAX };
        let far = Area { x: u32::MAX - 1, y: 5, width: 10, height: 2 };
        assert_eq!(all.pixels(), u64::from(u32::MAX).pow(2));
        assert!(all.contains(&far) && all.is_like(&all) && !all.is_like(&far));
        assert_eq!(far.within(100, 100), None);
        assert_eq!(all.within(30, 20), Some(Area { x: 0, y: 0, width: 30, height: 20 }));
    }
}
