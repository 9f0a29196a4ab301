//! A quick look at a picture that is to hold no writing: lines of several glyphs of one ink and of high contrast.

use super::blobs::Blob;
use super::line::{FEATURES, Fit, Ground, Line};
use super::{Area, Candidate, Detector, Sight, areas, halved, score, upright};

/// Contrasts, of 255, above which strokes are looked for.
const LEVELS: [u8; 3] = [35, 58, 92];
/// Letters of a line at least, and components that they are made of.
const LETTERS: f32 = 3.9;
const FEWEST: usize = 3;
/// Shorter side of a smaller picture that is looked at beside the whole one.
const SMALLEST: usize = 192;
/// Glyphs of a smaller picture, in its pixels.
const LARGE: std::ops::RangeInclusive<f32> = 6.0..=28.0;
/// What is measured of a line beside its features.
pub const MORE: usize = 8;
/// What is measured of its ink; the shorter side, the greys and the lines of the picture follow, as logarithms.
const INK: usize = 5;
/// Which feature tells how many greys the picture has.
const GREYS: usize = FEATURES + INK + 1;
/// Greys beside the most frequent one that are the same ink.
const ALIKE: usize = 2;

/// A line of a quick look.
#[derive(Debug, Clone)]
pub struct QuickLine {
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
const SURE: f32 = 4.0;
const TWO: f32 = 2.0;
/// The same of a line that may be writing.
const DOUBTFUL: f32 = 1.5;
/// Greys of a picture below which more is asked of it, and how much more: what little noise has is all of one ink.
const FEW_GREYS: (f32, f32) = (24.0, 1.0);
/// Shorter sides below which more is asked of a picture, and how much more: a few pixels take any shape.
const SMALL: [(usize, f32); 3] = [(64, 5.0), (65, 2.5), (100, 1.0)];

impl Detector {
    /// Writing in a picture that is to hold none: where there surely is some.
    pub fn quick_look(&mut self, picture: &[u8], width: usize) -> Vec<Area> {
        let height = picture.len() / width.max(1);
        let is_small = |(side, _): &&(usize, f32)| width.min(height) < *side;
        let asked = SMALL.iter().find(is_small).map_or(0.0, |(_, asked)| *asked);
        let mut found = self.quick_lines(picture, width);
        let scores: Vec<f32> = found.iter().map(|line| line.score() - asked).collect();
        let likely = scores.iter().filter(|s| **s > TWO).count();
        if likely < 2 && !scores.iter().any(|s| *s > SURE) {
            return Vec::new();
        }
        let mut scores = scores.iter();
        found.retain(|_| scores.next().is_some_and(|s| *s > TWO));
        areas(found.iter().map(QuickLine::bounds).collect(), width, height, Fit::Lines)
    }

    /// Whether there is a line that is rather writing than texture.
    pub fn may_hold_letters(&mut self, picture: &[u8], width: usize) -> bool {
        self.quick_lines(picture, width).iter().any(|line| line.score() > DOUBTFUL)
    }

    /// Lines of a picture that may be writing.
    pub fn quick_lines(&mut self, picture: &[u8], width: usize) -> Vec<QuickLine> {
        let side = width.min(picture.len() / width.max(1));
        let mut all = Vec::new();
        let (mut scale, mut smaller): (usize, Option<Vec<u8>>) = (1, None);
        loop {
            let picture = smaller.as_deref().unwrap_or(picture);
            let sight = self.lines(picture, width / scale, &LEVELS);
            self.measure(sight, picture, (width / scale, scale, side), &mut all);
            if side / (2 * scale) < SMALLEST {
                return all;
            }
            smaller = Some(halved(picture, width / scale));
            scale *= 2;
        }
    }

    /// Measures what may be writing of what was seen at a scale.
    fn measure(
        &self,
        sight: Sight,
        picture: &[u8],
        (width, scale, side): (usize, usize, usize),
        all: &mut Vec<QuickLine>,
    ) {
        let may_be = |c: &Candidate| {
            (scale == 1 || LARGE.contains(&c.line.height))
                && !c.mark
                && c.line.glyphs.len() >= FEWEST
                && c.line.features[0].exp() >= LETTERS
        };
        let lines: Vec<Candidate> = sight.candidates.into_iter().filter(may_be).collect();
        if lines.is_empty() {
            return;
        }
        let counts = count(picture);
        let greys = counts.iter().filter(|n| **n > 0).count() as f32;
        let of_picture = [(side as f32).ln(), greys.ln(), (lines.len() as f32).ln()];
        for Candidate { line, turned, dark, .. } in lines {
            let own = &self.contrast[usize::from(dark)];
            let ground = Ground { own, other: own, width, turned };
            let mut features = [0.0; FEATURES + MORE];
            features[..FEATURES].copy_from_slice(&line.features);
            features[FEATURES..FEATURES + INK].copy_from_slice(&ink(&line, picture, &ground, &counts, dark));
            features[FEATURES + INK..].copy_from_slice(&of_picture);
            all.push(QuickLine { line, scale: scale as u32, turned, features });
        }
    }
}

impl QuickLine {
    /// Log odds that it is writing.
    fn score(&self) -> f32 {
        let few = if self.features[GREYS].exp().round() < FEW_GREYS.0 { FEW_GREYS.1 } else { 0.0 };
        score::quick(&self.features) - few
    }

    /// Left, top, right and bottom in the whole picture, with a margin.
    fn bounds(&self) -> [u32; 4] {
        let margin = (0.3 * self.line.height) as u32 + 2;
        let [left, top, right, bottom] = upright(self.line.bounds, self.turned);
        [left.saturating_sub(margin), top.saturating_sub(margin), right + margin, bottom + margin]
            .map(|v| v * self.scale)
    }
}

/// How often each grey stands in a picture. Neighbours are often the same: each of four is counted in a table of its own,
/// so that none waits for the last.
fn count(picture: &[u8]) -> [u32; 256] {
    let mut tables = [[0u32; 256]; 4];
    let (fours, rest) = picture.as_chunks::<4>();
    for four in fours {
        tables.iter_mut().zip(four).for_each(|(table, &v)| table[usize::from(v)] += 1);
    }
    rest.iter().for_each(|&v| tables[0][usize::from(v)] += 1);
    let [mut counts, others @ ..] = tables;
    for other in others {
        counts.iter_mut().zip(other).for_each(|(count, more)| *count += more);
    }
    counts
}

/// Which part of the strokes of a line is of one ink, how far that is from the middle of the greys, which part of the
/// glyphs has it, which part of all pixels of that ink they are, and which part of the picture is beyond it.
fn ink(line: &Line, picture: &[u8], ground: &Ground<'_>, all: &[u32; 256], dark: bool) -> [f32; INK] {
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
    let alike = |v: usize| v.saturating_sub(ALIKE)..(v + ALIKE + 1).min(256);
    let around = |counts: &[u32; 256], v: usize| counts[alike(v)].iter().sum::<u32>();
    let most = (0..256).max_by_key(|&v| (around(&counts, v), counts[v])).unwrap_or(0);
    let has = |g: &&Blob| {
        let (mut same, mut of) = (0u32, 0u32);
        each(g, &mut |v| {
            of += 1;
            same += u32::from(v.abs_diff(most) <= ALIKE);
        });
        4 * same >= of
    };
    let inked = line.glyphs.iter().filter(has).count();
    let beyond = if dark { &all[..alike(most).start] } else { &all[alike(most).end..] };
    let part = |of: u32, all: u32| of as f32 / all.max(1) as f32;
    [
        part(around(&counts, most), counts.iter().sum()),
        (most as f32 - 127.5).abs(),
        inked as f32 / line.glyphs.len().max(1) as f32,
        part(around(&counts, most), around(all, most)),
        part(beyond.iter().sum(), picture.len() as u32),
    ]
}
