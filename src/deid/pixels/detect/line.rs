//! What is measured of a line, and the boxes that cover it.

use super::blobs::Blob;

/// Features of a line.
pub const FEATURES: usize = 26;
/// Letters of a line at least; fewer are marks of sides and directions, which stay.
const FEWEST: f32 = 2.6;
/// Two letters of a broad face that touch, or their parts, are narrower than this, in heights.
const PAIR: f32 = 2.35;

/// A line of glyphs, in the direction of reading (turned pictures exchange rows and columns).
#[derive(Debug, Clone)]
pub struct Line {
    /// Its glyphs, from left to right.
    pub glyphs: Vec<Blob>,
    /// Height of its larger glyphs.
    pub height: f32,
    /// Mean width of its strokes.
    pub stroke: f32,
    /// Mean of the greatest contrast of each.
    pub peak: f32,
    /// Left, top, right, bottom.
    pub bounds: [u32; 4],
    /// What tells writing from texture.
    pub features: [f32; FEATURES],
}

/// How closely boxes are laid around writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// With a broad margin, for what is too faint to be seen beside it.
    Lines,
    /// Word by word, on a page that is full of them.
    Words,
}

/// Planes of contrast that a line lies in, and which way round.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// Contrast of the line's own kind (brighter or darker than its ground).
    pub own: &'a [u8],
    /// Contrast of the other kind.
    pub other: &'a [u8],
    /// Pixels a row.
    pub width: usize,
    /// Rows and columns are exchanged.
    pub turned: bool,
}

impl Ground<'_> {
    /// Contrast of the line's own kind at a place in the line's directions.
    pub fn at(&self, x: u32, y: u32) -> u8 {
        let (x, y) = if self.turned { (y, x) } else { (x, y) };
        let inside = (x as usize) < self.width;
        self.own.get(y as usize * self.width + x as usize).copied().filter(|_| inside).unwrap_or(0)
    }

    /// Mean of a plane in a box of the line's directions.
    fn mean(&self, plane: &[u8], [left, top, right, bottom]: [u32; 4]) -> f32 {
        let (x0, y0, x1, y1) =
            if self.turned { (top, left, bottom, right) } else { (left, top, right, bottom) };
        let height = plane.len() / self.width;
        let (x0, x1) = ((x0 as usize).min(self.width), (x1 as usize).min(self.width));
        let (y0, y1) = ((y0 as usize).min(height), (y1 as usize).min(height));
        if x0 >= x1 || y0 >= y1 {
            return 0.0;
        }
        let row = |y: usize| plane[y * self.width + x0..y * self.width + x1].iter();
        let sum: u64 = (y0..y1).map(|y| u64::from(row(y).map(|&v| u32::from(v)).sum::<u32>())).sum();
        sum as f32 / ((x1 - x0) * (y1 - y0)) as f32
    }
}

/// How many letters a component is.
fn letters(b: &Blob, height: f32) -> f32 {
    (b.width() as f32 / (0.75 * height)).max(1.0)
}

/// Mean and standard deviation of a value over glyphs.
fn moments(glyphs: &[Blob], value: impl Fn(&Blob) -> f32) -> (f32, f32) {
    let n = glyphs.len() as f32;
    let mean = glyphs.iter().map(&value).sum::<f32>() / n;
    let variance = glyphs.iter().map(|g| (value(g) - mean).powi(2)).sum::<f32>() / n;
    (mean, variance.sqrt())
}

/// Mean, and standard deviation as a part of it.
fn spread(glyphs: &[Blob], value: impl Fn(&Blob) -> f32) -> (f32, f32) {
    let (mean, deviation) = moments(glyphs, value);
    (mean, deviation / mean.abs().max(0.01))
}

fn middle(g: &Blob) -> f32 {
    (g.left + g.right) as f32 / 2.0
}

/// A base line by least squares over the glyphs to keep: slope and height at zero.
fn base_line(glyphs: &[Blob], keep: impl Fn(&Blob) -> bool) -> (f32, f32) {
    let (mut m, mut mx, mut my) = (0.0_f32, 0.0, 0.0);
    for g in glyphs.iter().filter(|g| keep(g)) {
        (m, mx, my) = (m + 1.0, mx + middle(g), my + g.bottom as f32);
    }
    let (mx, my) = (mx / m.max(1.0), my / m.max(1.0));
    let (mut sxx, mut sxy) = (0.0, 0.0);
    for g in glyphs.iter().filter(|g| keep(g)) {
        let dx = middle(g) - mx;
        (sxx, sxy) = (sxx + dx * dx, sxy + dx * (g.bottom as f32 - my));
    }
    let slope = if sxx > 0.0 { sxy / sxx } else { 0.0 };
    (slope, my - slope * mx)
}

/// Parts of the glyphs that stand on the base line, and whose tops are those of large or small letters.
fn alignment(glyphs: &[Blob], height: f32) -> (f32, f32) {
    let off = |line: (f32, f32), g: &Blob| g.bottom as f32 - line.1 - line.0 * middle(g);
    let first = base_line(glyphs, |_| true);
    let second = base_line(glyphs, |g| off(first, g).abs() <= 0.25 * height);
    let slack = 0.1 * height + 0.8;
    let n = glyphs.len() as f32;
    let (mut on_base, mut on_top) = (0.0, 0.0);
    for g in glyphs {
        let below = off(second, g);
        let top = below - g.height() as f32;
        on_base += f32::from(u8::from(below.abs() <= slack));
        on_top += f32::from(u8::from((top + height).abs() <= slack || (top + 0.73 * height).abs() <= slack));
    }
    (on_base / n, on_top / n)
}

/// Part of the neighbours that look the same: ticks of a ruler do, letters do not.
fn sameness(glyphs: &[Blob]) -> f32 {
    let same = |p: &[Blob]| {
        p[0].width().abs_diff(p[1].width()) <= 1
            && p[0].height().abs_diff(p[1].height()) <= 1
            && 6 * p[0].area.abs_diff(p[1].area) <= p[0].area
    };
    let pairs = glyphs.len().saturating_sub(1).max(1) as f32;
    glyphs.windows(2).filter(|p| same(p)).count() as f32 / pairs
}

/// How uneven the steps from glyph to glyph are, in heights.
fn pitch_spread(glyphs: &[Blob], height: f32) -> f32 {
    let steps: Vec<f32> = glyphs.windows(2).map(|p| middle(&p[1]) - middle(&p[0])).collect();
    if steps.is_empty() {
        return -1.0;
    }
    let n = steps.len() as f32;
    let mean = steps.iter().sum::<f32>() / n;
    (steps.iter().map(|s| (s - mean).powi(2)).sum::<f32>() / n).sqrt() / height
}

fn bounds(glyphs: &[Blob]) -> [u32; 4] {
    glyphs.iter().fold([u32::MAX, u32::MAX, 0, 0], |b, g| {
        [b[0].min(g.left), b[1].min(g.top), b[2].max(g.right), b[3].max(g.bottom)]
    })
}

impl Line {
    /// Measures glyphs that follow each other; `None` where they are too few or too unlike. `by_top` are all
    /// components in the order of their upper edges.
    pub fn of(glyphs: Vec<Blob>, by_top: &[Blob], ground: &Ground<'_>) -> Option<Self> {
        let mut heights: Vec<u32> = glyphs.iter().map(Blob::height).collect();
        heights.sort_unstable();
        let height = heights[heights.len() * 3 / 4] as f32;
        let count: f32 = glyphs.iter().map(|g| letters(g, height)).sum();
        let bounds = bounds(&glyphs);
        let narrow = (bounds[2] - bounds[0]) as f32 <= PAIR * (bounds[3] - bounds[1]) as f32;
        let uneven = 20 * heights[0] <= 13 * heights[heights.len() - 1];
        if count < FEWEST || narrow && (glyphs.len() < 3 || glyphs.len() == 3 && uneven) {
            return None;
        }
        let n = glyphs.len() as f32;
        let (peak, peak_spread) = spread(&glyphs, |g| f32::from(g.peak));
        let (crisp, _) = spread(&glyphs, |g| g.contrast as f32 / (g.area as f32 * f32::from(g.peak.max(1))));
        let (stroke, stroke_spread) = spread(&glyphs, Blob::stroke);
        let (_, ink_deviation) = moments(&glyphs, |g| f32::from(g.ink));
        let (_, height_spread) = spread(&glyphs, |g| g.height() as f32);
        let (fill, fill_spread) = spread(&glyphs, |g| g.area as f32 / (g.width() * g.height()) as f32);
        let (rows, _) = spread(&glyphs, |g| g.across as f32 / (g.height() as f32 * letters(g, height)));
        let (columns, _) = spread(&glyphs, |g| g.down as f32 / g.width() as f32);
        let (_, width_spread) = spread(&glyphs, |g| g.width() as f32);
        let bars = glyphs.iter().filter(|g| g.width() as f32 <= 0.45 * g.height() as f32).count() as f32 / n;
        let (on_base, on_top) = alignment(&glyphs, height);
        let clean = cleanness(&glyphs, by_top, bounds, height);
        let [quieter, louder, other] = rings(ground, bounds, height);
        let features = [
            count.min(24.0).ln(),
            n.min(24.0).ln(),
            on_base,
            on_top,
            stroke / height,
            stroke_spread,
            peak.max(1.0).ln(),
            peak_spread,
            ink_deviation / peak.max(1.0),
            height_spread,
            crisp,
            fill,
            fill_spread,
            rows,
            columns,
            clean,
            width_spread,
            pitch_spread(&glyphs, height),
            sameness(&glyphs),
            bars,
            height.ln(),
            quieter / peak.max(1.0),
            louder / peak.max(1.0),
            other / peak.max(1.0),
            0.0,
            0.0,
        ];
        Some(Self { glyphs, height, stroke, peak, bounds, features })
    }

    /// Says at how many contrasts the line was found, and its place among them.
    pub fn supported(&mut self, levels: f32, brighter: f32) {
        self.features[FEATURES - 2] = levels;
        self.features[FEATURES - 1] = brighter;
    }

    /// Boxes around the glyphs with a margin and what stands in line with them: points, accents, glyphs that are
    /// blurred. A slanted line is cut into several, so that they stay low; with [`Fit::Words`] also between words.
    pub fn boxes(&self, by_top: &[Blob], fit: Fit) -> Vec<[u32; 4]> {
        let mut members = self.glyphs.clone();
        self.extend(&mut members, by_top);
        let (aside, above) = match fit {
            Fit::Lines => ((0.6 * self.height) as u32 + 2, (0.35 * self.height) as u32 + 2),
            Fit::Words => ((0.18 * self.height) as u32 + 1, (0.08 * self.height) as u32 + 1),
        };
        // Beyond such a step from glyph to glyph another word begins.
        let widest = if fit == Fit::Words { (0.4 * self.height) as u32 + 1 } else { u32::MAX };
        let mut right = u32::MAX;
        let whole = |b: &Blob| {
            [b.left.saturating_sub(aside), b.top.saturating_sub(above), b.right + aside, b.bottom + above]
        };
        let mut boxes: Vec<[u32; 4]> = Vec::new();
        for member in &members {
            let own = whole(member);
            let apart = member.left.saturating_sub(right) > widest;
            right = member.right;
            if let Some(last) = boxes.last_mut().filter(|_| !apart) {
                let both =
                    [last[0].min(own[0]), last[1].min(own[1]), last[2].max(own[2]), last[3].max(own[3])];
                if (both[3] - both[1]) as f32 <= 2.3 * self.height + 4.0 {
                    *last = both;
                    continue;
                }
            }
            boxes.push(own);
        }
        boxes
    }

    /// Adds components before and after the line, as far as each is near the last.
    fn extend(&self, members: &mut Vec<Blob>, by_top: &[Blob]) {
        let least = 0.45 * self.peak;
        let reach = (2.2 * self.height) as u32 + 2;
        let fits = |b: &&Blob| f32::from(b.peak) >= least && b.height() as f32 <= 1.7 * self.height;
        let level = |b: &Blob, end: &Blob| {
            let slack = (0.4 * self.height) as u32 + 1;
            b.top + slack >= end.top.min(end.bottom.saturating_sub(self.height as u32))
                && b.bottom <= end.bottom + slack
        };
        let around = 4 * self.height as u32;
        let first = by_top.partition_point(|b| b.top + around < self.bounds[1]);
        let band = by_top[first..].iter().take_while(|b| b.top < self.bounds[3] + around);
        let mut near: Vec<&Blob> = band.filter(fits).collect();
        near.sort_unstable_by_key(|b| (b.left, b.top));
        // Only what is tall enough carries on; points and dashes come along.
        let tall = |b: &Blob| b.height() as f32 >= 0.5 * self.height;
        if let Some(mut end) = members.last().copied() {
            let from = end.left;
            for b in near.iter().filter(|b| b.left >= from) {
                if b.left > end.right + reach {
                    break;
                }
                if level(b, &end) && b.right > end.right {
                    members.push(**b);
                    if tall(b) {
                        end = **b;
                    }
                }
            }
        }
        near.sort_unstable_by_key(|b| std::cmp::Reverse((b.right, b.top)));
        if let Some(mut end) = members.first().copied() {
            let to = end.right;
            let mut before = Vec::new();
            for b in near.iter().filter(|b| b.right <= to) {
                if b.right + reach < end.left {
                    break;
                }
                if level(b, &end) && b.left < end.left {
                    before.push(**b);
                    if tall(b) {
                        end = **b;
                    }
                }
            }
            before.reverse();
            members.splice(0..0, before);
        }
    }
}

/// Which part of what is in the line's box belongs to the line: writing stands free, texture is everywhere.
fn cleanness(glyphs: &[Blob], by_top: &[Blob], bounds: [u32; 4], height: f32) -> f32 {
    let around = (0.6 * height) as u32 + 1;
    let [left, top, right, bottom] = bounds;
    let (left, right) = (left.saturating_sub(around), right + around);
    let (top, bottom) = (top.saturating_sub(around), bottom + around);
    let before = top.saturating_sub(2 * height as u32);
    let first = by_top.partition_point(|b| b.top < before);
    let band = by_top[first..].iter().take_while(|b| b.top < bottom);
    let inside = band.filter(|b| {
        (left..right).contains(&u32::midpoint(b.left, b.right))
            && (top..bottom).contains(&u32::midpoint(b.top, b.bottom))
    });
    let all: u32 = inside.map(|b| b.area).sum();
    let own: u32 = glyphs.iter().map(|g| g.area).sum();
    own as f32 / all.max(1) as f32
}

/// Mean contrast beside the line: on the quieter side, on the louder one, and of the other kind on both.
fn rings(ground: &Ground<'_>, [left, top, right, bottom]: [u32; 4], height: f32) -> [f32; 3] {
    let (near, far) = (2, (0.6 * height) as u32 + 4);
    let above = [left, top.saturating_sub(far), right, top.saturating_sub(near)];
    let below = [left, bottom + near, right, bottom + far];
    let (a, b) = (ground.mean(ground.own, above), ground.mean(ground.own, below));
    let other = f32::midpoint(ground.mean(ground.other, above), ground.mean(ground.other, below));
    [a.min(b), a.max(b), other]
}
