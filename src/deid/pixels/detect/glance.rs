//! A quick look at a picture that is to hold no writing: lines of several glyphs of one ink and of high contrast.

use super::blobs::Blob;
use super::line::{FEATURES, Fit, Ground, Line};
use super::{Area, Detector, areas, halved, score, upright};

/// Contrasts, of 255, above which strokes are looked for.
const LEVELS: [u8; 3] = [46, 76, 120];
/// Letters of a line at least, and components that they are made of.
const LETTERS: f32 = 3.9;
const FEWEST: usize = 3;
/// Shorter side of a smaller picture that is looked at beside the whole one.
const SMALLEST: usize = 192;
/// Glyphs of a smaller picture, in its pixels.
const LARGE: std::ops::RangeInclusive<f32> = 6.0..=28.0;
/// What is measured of a line beside its features.
pub const MORE: usize = 3;
/// Greys beside the most frequent one that are the same ink.
const ALIKE: usize = 2;

/// A line of a quick look.
#[derive(Debug, Clone)]
pub struct Glimpse {
    /// The line.
    pub line: Line,
    /// Pixels of the picture that one of its is.
    pub scale: u32,
    /// Reading goes downwards or upwards.
    pub turned: bool,
    /// All that is measured of it.
    pub features: [f32; FEATURES + MORE],
}

/// Log odds of a line from which it is writing, and of each of two.
const SURE: f32 = 3.0;
const TWO: f32 = 2.0;
/// Shorter sides below which more is asked of a picture, and how much more: a few pixels take any shape.
const SMALL: [(usize, f32); 2] = [(64, 5.0), (100, 2.5)];

impl Detector {
    /// Writing in a picture that is to hold none: where there surely is some.
    pub fn glance(&mut self, picture: &[u8], width: usize) -> Vec<Area> {
        let height = picture.len() / width.max(1);
        let is_small = |(side, _): &&(usize, f32)| width.min(height) < *side;
        let asked = SMALL.iter().find(is_small).map_or(0.0, |(_, asked)| *asked);
        let mut found = self.glimpses(picture, width);
        let scores: Vec<f32> = found.iter().map(|g| score::glimpse(&g.features) - asked).collect();
        let likely = scores.iter().filter(|s| **s > TWO).count();
        if likely < 2 && !scores.iter().any(|s| *s > SURE) {
            return Vec::new();
        }
        let mut scores = scores.iter();
        found.retain(|_| scores.next().is_some_and(|s| *s > TWO));
        areas(found.iter().map(Glimpse::bounds).collect(), width, height, Fit::Lines)
    }

    /// Lines of a picture that may be writing.
    pub fn glimpses(&mut self, picture: &[u8], width: usize) -> Vec<Glimpse> {
        let side = width.min(picture.len() / width.max(1));
        let mut all = Vec::new();
        let (mut scale, mut smaller): (usize, Option<Vec<u8>>) = (1, None);
        loop {
            let picture = smaller.as_deref().unwrap_or(picture);
            let sight = self.lines(picture, width / scale, &LEVELS);
            for c in sight.candidates {
                let size = scale == 1 || LARGE.contains(&c.line.height);
                if !size || c.mark || c.line.glyphs.len() < FEWEST || c.line.features[0].exp() < LETTERS {
                    continue;
                }
                let [bright, dark] = &self.contrast;
                let own = if c.dark { dark } else { bright };
                let ground = Ground { own, other: own, width: width / scale, turned: c.turned };
                let mut features = [0.0; FEATURES + MORE];
                features[..FEATURES].copy_from_slice(&c.line.features);
                features[FEATURES..].copy_from_slice(&ink(&c.line, picture, &ground));
                all.push(Glimpse { line: c.line, scale: scale as u32, turned: c.turned, features });
            }
            if side / (2 * scale) < SMALLEST {
                return all;
            }
            smaller = Some(halved(picture, width / scale));
            scale *= 2;
        }
    }
}

impl Glimpse {
    /// Left, top, right and bottom in the whole picture, with a margin.
    fn bounds(&self) -> [u32; 4] {
        let margin = (0.3 * self.line.height) as u32 + 2;
        let [left, top, right, bottom] = upright(self.line.bounds, self.turned);
        [left.saturating_sub(margin), top.saturating_sub(margin), right + margin, bottom + margin]
            .map(|v| v * self.scale)
    }
}

/// Which part of the strokes of a line is of one ink, how far that is from the middle of the greys, and which part of the
/// glyphs has it.
fn ink(line: &Line, picture: &[u8], ground: &Ground<'_>) -> [f32; MORE] {
    let mut counts = [0u32; 256];
    let value = |x: u32, y: u32| {
        let (x, y) = if ground.turned { (y, x) } else { (x, y) };
        usize::from(picture.get(y as usize * ground.width + x as usize).copied().unwrap_or(0))
    };
    let each = |g: &Blob, take: &mut dyn FnMut(usize)| {
        for y in g.top..g.bottom {
            (g.left..g.right).filter(|&x| ground.at(x, y) > g.peak / 2).for_each(|x| take(value(x, y)));
        }
    };
    line.glyphs.iter().for_each(|g| each(g, &mut |v| counts[v] += 1));
    let around = |v: usize| counts[v.saturating_sub(ALIKE)..(v + ALIKE + 1).min(256)].iter().sum::<u32>();
    let most = (0..256).max_by_key(|&v| (around(v), counts[v])).unwrap_or(0);
    let all: u32 = counts.iter().sum();
    let has = |g: &&Blob| {
        let (mut same, mut of) = (0u32, 0u32);
        each(g, &mut |v| {
            of += 1;
            same += u32::from(v.abs_diff(most) <= ALIKE);
        });
        4 * same >= of
    };
    let inked = line.glyphs.iter().filter(has).count();
    [
        around(most) as f32 / all.max(1) as f32,
        (most as f32 - 127.5).abs(),
        inked as f32 / line.glyphs.len().max(1) as f32,
    ]
}
