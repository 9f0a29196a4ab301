//! Finds writing in a picture: strokes by top-hat, components at several contrasts, lines of alike glyphs, and a score
//! that tells writing from texture. Deterministic, without a model to fetch.

pub mod blobs;
mod cover;
pub mod line;
pub mod lines;
mod marks;
pub mod quick;
mod score;
pub mod tone;
pub mod top_hat;

use blobs::{Blob, Blobs};
use line::{Fit, Ground, Line};
use top_hat::TopHat;

use crate::model::Area;

/// Contrasts, of 255, above which strokes are looked for.
const LEVELS: [u8; 6] = [9, 15, 25, 42, 70, 115];
/// One pixel in so many may be above a contrast; where it is more, noise is left out tile by tile.
const CROWDED: usize = 7;
/// Side of a tile.
const TILE: usize = 32;
/// Percent of a tile above a contrast that are noise.
const NOISE: usize = 20;
/// A picture of which one part in so many would be masked is a page of writing, where that is at least so many lines.
const PAGE: u64 = 4;
const PAGE_LINES: usize = 6;
/// Log odds from which a line is writing.
const SURE: f32 = 1.6;
/// The same where writing is to be expected.
const LIKELY: f32 = 0.5;
/// Log odds from which a line is writing beside other writing that looks the same.
const BESIDE: f32 = -2.5;
/// Log odds from which a line is writing where other writing ends or begins.
const GOES_ON: f32 = -3.5;
/// Glyphs of a smaller picture that count, in its pixels: smaller ones are seen in the larger picture.
const LARGE: f32 = 6.0;
/// Shorter side of the smallest picture that is looked at beside the whole one.
const SMALLEST: usize = 96;
/// Shorter sides below which a few pixels take any shape, and how much more is asked of lines in which a quick look sees
/// no letters.
const TINY: usize = 64;
const TINY_MORE: f32 = 2.0;
/// Pixels of a band that is searched at once, about.
const BAND: usize = 6 << 20;
/// Rows that two bands share.
const OVERLAP: usize = 128;
/// Pixels of the picture that one of the smallest is, at most.
const LARGEST_SCALE: usize = 8;

/// Finds writing, picture after picture with the same buffers.
#[derive(Debug, Default)]
pub struct Detector {
    top_hat: TopHat,
    blobs: Blobs,
    /// Contrast of what is brighter than its ground, and of what is darker.
    contrast: [Vec<u8>; 2],
    thin: Vec<u8>,
}

/// Where writing is to be expected, so that less evidence is enough.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expect<'a> {
    /// What is likely to be writing and not sure is wanted as well.
    pub doubts: bool,
    /// Everywhere: the header says that text is burned in.
    pub everywhere: bool,
    /// Outside these regions of a screen, where there are any: what is beside the picture itself.
    pub outside: &'a [Area],
}

impl Expect<'_> {
    /// Whether an area is beside every region of the screen.
    pub fn is_outside(&self, area: &Area) -> bool {
        !self.outside.is_empty() && self.outside.iter().all(|region| region.shared(area) == 0)
    }

    /// Log odds from which a line with these bounds in the whole picture is writing.
    fn least(&self, [left, top, right, bottom]: [u32; 4]) -> f32 {
        let line = Area { x: left, y: top, width: right - left, height: bottom - top };
        if self.everywhere || self.is_outside(&line) { LIKELY } else { SURE }
    }
}

/// The writing of a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writing {
    /// Where it is.
    pub sure: Vec<Area>,
    /// Where it may be, and may not: half of it or more is in nothing that is sure.
    pub doubtful: Vec<Area>,
}

/// A line and how it was found.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The line.
    pub line: Line,
    /// Its score.
    pub score: f32,
    /// Reading goes downwards or upwards.
    pub turned: bool,
    /// Darker than what is around it.
    pub dark: bool,
    /// Which of the contrasts.
    pub level: usize,
    /// It is a mark that stays.
    pub mark: bool,
}

/// Components in the order of their left edges, given in the order of their upper ones.
fn by_left(by_top: &[Blob], width: usize) -> Vec<Blob> {
    let mut starts = vec![0u32; width + 1];
    by_top.iter().for_each(|b| starts[b.left as usize + 1] += 1);
    for i in 0..width {
        starts[i + 1] += starts[i];
    }
    let mut by_left = by_top.to_vec();
    for blob in by_top {
        let at = &mut starts[blob.left as usize];
        by_left[*at as usize] = *blob;
        *at += 1;
    }
    by_left
}

/// The same components in a turned picture.
fn turned(blobs: Vec<Blob>) -> Vec<Blob> {
    blobs.into_iter().map(|b| b.turned()).collect()
}

/// What was seen at one scale.
#[derive(Debug, Default)]
pub struct Sight {
    /// Lines that may be writing.
    pub candidates: Vec<Candidate>,
    kept: Vec<Kept>,
}

/// The components that candidates were found among, where one may be writing: nothing else is held.
#[derive(Debug)]
struct Kept {
    turned: bool,
    dark: bool,
    level: usize,
    by_top: Vec<Blob>,
}

impl Kept {
    fn is_of(&self, c: &Candidate) -> bool {
        (self.turned, self.dark, self.level) == (c.turned, c.dark, c.level)
    }
}

impl Sight {
    /// Boxes around a candidate and what belongs to it, as they stand in the picture: left, top, right, bottom.
    pub fn boxes(&self, candidate: &Candidate, fit: Fit) -> Vec<[u32; 4]> {
        let Some(kept) = self.kept.iter().find(|kept| kept.is_of(candidate)) else { return Vec::new() };
        candidate.line.boxes(&kept.by_top, fit).into_iter().map(|b| upright(b, candidate.turned)).collect()
    }
}

impl Detector {
    /// Every line that may be writing in a picture of 8-bit greys, `width` pixels a row.
    pub fn sight(&mut self, picture: &[u8], width: usize) -> Sight {
        let mut sight = self.lines(picture, width, &LEVELS);
        for c in &mut sight.candidates {
            c.score = score::score(&c.line.features);
        }
        let Sight { candidates, kept } = &mut sight;
        kept.retain(|k| candidates.iter().any(|c| k.is_of(c) && c.score >= GOES_ON));
        sight
    }

    /// The lines at some contrasts, without their score.
    fn lines(&mut self, picture: &[u8], width: usize, levels: &[u8]) -> Sight {
        let mut sight = Sight::default();
        if width < 8 || picture.len() < 8 * width {
            return sight;
        }
        for dark in [false, true] {
            self.top_hat.of(picture, width, dark, &mut self.contrast[usize::from(dark)]);
        }
        for dark in [false, true] {
            let [bright, darker] = &self.contrast;
            let (own, other) = if dark { (darker, bright) } else { (bright, darker) };
            for (level, &threshold) in levels.iter().enumerate() {
                // A row in four tells well enough how crowded a contrast is.
                let rows = own.chunks_exact(width).step_by(4);
                let inked: usize = rows.map(|row| count_above(row, threshold)).sum();
                let crowded = 4 * inked > own.len() / CROWDED;
                if crowded && !thinned(own, width, threshold, &mut self.thin) {
                    continue;
                }
                let plane = if crowded { &self.thin } else { own };
                let mut by_top = Vec::new();
                self.blobs.find(plane, picture, width, threshold, dark, &mut by_top);
                let mut orders = [by_left(&by_top, width), by_top];
                for reads_down in [false, true] {
                    if reads_down {
                        let [by_left, by_top] = orders;
                        orders = [turned(by_top), turned(by_left)];
                    }
                    let [by_left, by_top] = &orders;
                    let ground = Ground { own, other, width, turned: reads_down };
                    let found = lines::chains(by_left, own.len()).into_iter();
                    let lines = found.filter_map(|glyphs| Line::of(glyphs, by_top, &ground));
                    let before = sight.candidates.len();
                    sight.candidates.extend(lines.map(|line| {
                        let mark = marks::is_mark(&line.glyphs, &ground);
                        Candidate { line, score: 0.0, turned: reads_down, dark, level, mark }
                    }));
                    if sight.candidates.len() > before {
                        let by_top = by_top.clone();
                        sight.kept.push(Kept { turned: reads_down, dark, level, by_top });
                    }
                }
            }
        }
        support(&mut sight.candidates);
        sight
    }

    /// The same of the picture and of smaller ones: each with how many pixels of the picture one of its is.
    pub fn sights(&mut self, picture: &[u8], width: usize) -> Vec<(u32, Sight)> {
        let mut all = vec![(1, self.sight(picture, width))];
        let height = picture.len() / width.max(1);
        let (mut scale, mut smaller): (usize, Option<Vec<u8>>) = (1, None);
        while scale < LARGEST_SCALE && width.min(height) / (2 * scale) >= SMALLEST {
            let halved = halved(smaller.as_deref().unwrap_or(picture), width / scale);
            scale *= 2;
            let mut sight = self.sight(&halved, width / scale);
            sight.candidates.retain(|c| c.line.height >= LARGE);
            all.push((scale as u32, sight));
            smaller = Some(halved);
        }
        all
    }

    /// Finds writing in a picture of 8-bit greys, `width` pixels a row. Large pictures are searched band by band, so
    /// that memory stays bounded.
    pub fn find(&mut self, picture: &[u8], width: usize, expect: &Expect<'_>) -> Writing {
        let height = picture.len() / width.max(1);
        let rows = (BAND / width.max(1)).max(4 * OVERLAP);
        let (mut boxes, mut likely) = (Vec::new(), Vec::new());
        let is_tiny = width.min(height) < TINY;
        let more = if is_tiny && !self.may_hold_letters(picture, width) { TINY_MORE } else { 0.0 };
        let (mut first, mut page) = (0, false);
        while first < height {
            let last = if height - first <= rows + OVERLAP { height } else { first + rows };
            let sights = self.sights(&picture[first * width..last * width], width);
            let marks = marks_in(&sights);
            let down = first as u32;
            let least = |[a, b, c, d]: [u32; 4]| expect.least([a, b + down, c, d + down]) + more;
            let gather = |least: &dyn Fn([u32; 4]) -> f32, boxes: &mut Vec<[u32; 4]>| {
                let laid = |fit: Fit| {
                    let mut found = Vec::new();
                    for (scale, sight) in &sights {
                        take(sight, *scale, &marks, least, fit, &mut found);
                    }
                    found
                };
                let mut found = laid(Fit::Lines);
                let page = is_page(&found, width, last - first);
                if page {
                    found = laid(Fit::Words);
                }
                boxes.extend(found.into_iter().map(|b| [b[0], b[1] + down, b[2], b[3] + down]));
                page
            };
            page |= gather(&least, &mut boxes);
            if expect.doubts {
                gather(&|_| LIKELY + more, &mut likely);
            }
            first = if last == height { height } else { last - OVERLAP };
        }
        let fit = if page { Fit::Words } else { Fit::Lines };
        let sure = areas(boxes, width, height, fit);
        let mut doubtful = areas(likely, width, height, fit);
        doubtful.retain(|a| sure.iter().map(|s| s.shared(a)).sum::<u64>() <= a.pixels() / 2);
        Writing { sure, doubtful }
    }
}

/// Whether so much of a picture is writing that broad margins would leave nothing between the lines.
fn is_page(boxes: &[[u32; 4]], width: usize, height: usize) -> bool {
    let side = |from: u32, to: u32, most: usize| u64::from(to.min(most as u32).saturating_sub(from));
    let area = |b: &[u32; 4]| side(b[0], b[2], width) * side(b[1], b[3], height);
    let pixels = (width * height) as u64;
    // Boxes of several contrasts lie on each other: their sum says only that it may be so.
    if PAGE * boxes.iter().map(area).sum::<u64>() < pixels {
        return false;
    }
    let mut few = boxes.to_vec();
    cover::cover(&mut few, width, height, Fit::Lines);
    PAGE * few.iter().map(area).sum::<u64>() >= pixels
        && (bands(boxes, 1) >= PAGE_LINES || bands(boxes, 0) >= PAGE_LINES)
}

/// How many lines boxes are, one below the other (`axis` 1) or beside each other (`axis` 0).
fn bands(boxes: &[[u32; 4]], axis: usize) -> usize {
    let mut spans: Vec<(u32, u32)> =
        boxes.iter().map(|b| (u32::midpoint(b[axis], b[axis + 2]), b[axis + 2] - b[axis])).collect();
    spans.sort_unstable();
    let (mut count, mut last) = (0, None);
    for (middle, side) in spans {
        if last.is_none_or(|last| 5 * (middle - last) > 3 * side) {
            count += 1;
            last = Some(middle);
        }
    }
    count
}

/// Few areas that cover boxes.
fn areas(mut boxes: Vec<[u32; 4]>, width: usize, height: usize, fit: Fit) -> Vec<Area> {
    cover::cover(&mut boxes, width, height, fit);
    let area = |b: [u32; 4]| Area { x: b[0], y: b[1], width: b[2] - b[0], height: b[3] - b[1] };
    boxes.into_iter().map(area).collect()
}

/// How many values are above a threshold.
fn count_above(row: &[u8], threshold: u8) -> usize {
    let above = |part: &[u8]| part.iter().map(|&v| u8::from(v > threshold)).sum::<u8>();
    row.chunks(128).map(|part| usize::from(above(part))).sum()
}

/// A plane of contrast without the tiles that are full of noise; whether any of it is left.
fn thinned(plane: &[u8], width: usize, threshold: u8, out: &mut Vec<u8>) -> bool {
    out.clear();
    out.extend_from_slice(plane);
    let mut left = false;
    for rows in out.chunks_mut(TILE * width) {
        for x in (0..width).step_by(TILE) {
            let part = x..(x + TILE).min(width);
            let above = |row: &[u8]| row[part.clone()].iter().map(|&v| u32::from(v > threshold)).sum::<u32>();
            let inked: u32 = rows.chunks_exact(width).map(above).sum();
            if 100 * inked as usize > NOISE * part.len() * (rows.len() / width) {
                rows.chunks_exact_mut(width).for_each(|row| row[part.clone()].fill(0));
            } else {
                left |= inked > 0;
            }
        }
    }
    left
}

/// The boxes around marks that stay, with some slack, in pixels of the whole picture: at another contrast or size their
/// letters may touch.
fn marks_in(sights: &[(u32, Sight)]) -> Vec<[u32; 4]> {
    let marks = sights.iter().flat_map(|(scale, s)| s.candidates.iter().map(move |c| (*scale, c)));
    let around = |(scale, c): (u32, &Candidate)| {
        let slack = (0.4 * c.line.height) as u32 * scale + 2;
        let [a, b, c, d] = c.whole(scale);
        [a.saturating_sub(slack), b.saturating_sub(slack), c + slack, d + slack]
    };
    marks.filter(|(_, c)| c.mark).map(around).collect()
}

impl Candidate {
    /// Its bounds as they stand in the whole picture.
    fn whole(&self, scale: u32) -> [u32; 4] {
        upright(self.line.bounds, self.turned).map(|v| v * scale)
    }
}

/// The boxes of the lines that are writing, in pixels of the whole picture.
fn take(
    sight: &Sight,
    scale: u32,
    marks: &[[u32; 4]],
    least: &dyn Fn([u32; 4]) -> f32,
    fit: Fit,
    boxes: &mut Vec<[u32; 4]>,
) {
    let is_mark = |c: &Candidate| marks.iter().any(|m| within(c.whole(scale), *m));
    let mut open: Vec<&Candidate> =
        sight.candidates.iter().filter(|c| c.score >= GOES_ON && !is_mark(c)).collect();
    let mut taken: Vec<&Candidate> = Vec::new();
    // First what is sure, then what is like it or goes on from it, as far as that leads.
    let mut fresh: Vec<&Candidate> = open.extract_if(.., |c| c.score >= least(c.whole(scale))).collect();
    let sure = fresh.clone();
    fresh.extend(open.extract_if(.., |c| c.score >= BESIDE && sure.iter().any(|s| looks_like(c, s))));
    while !fresh.is_empty() {
        let next = open.extract_if(.., |c| fresh.iter().any(|f| goes_on(c, f))).collect();
        taken.append(&mut fresh);
        fresh = next;
    }
    for candidate in taken {
        boxes.extend(sight.boxes(candidate, fit).into_iter().map(|b| b.map(|v| v * scale)));
    }
}

/// Whether a doubtful line goes on where another ends: on the ground that changes there letters may look otherwise.
fn goes_on(c: &Candidate, other: &Candidate) -> bool {
    let (a, b) = (c.line.bounds, other.line.bounds);
    let height = c.line.height.max(other.line.height);
    let middle = |r: [u32; 4]| (r[1] + r[3]) as f32 / 2.0;
    let gap = (a[0] as f32 - b[2] as f32).max(b[0] as f32 - a[2] as f32);
    c.turned == other.turned
        && height <= 1.5 * c.line.height.min(other.line.height)
        && gap <= 2.5 * height
        && (middle(a) - middle(b)).abs() <= 0.5 * height
}

/// Writing is found at several contrasts, at the same place; texture falls apart.
fn support(candidates: &mut [Candidate]) {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_unstable_by_key(|&i| {
        let c = &candidates[i];
        (c.dark, c.turned, c.line.bounds[1])
    });
    let mut seen: Vec<u16> = candidates.iter().map(|c| 1 << c.level).collect();
    for (at, &i) in order.iter().enumerate() {
        let a = &candidates[i];
        for &j in &order[at + 1..] {
            let b = &candidates[j];
            if (b.dark, b.turned) != (a.dark, a.turned) || b.line.bounds[1] >= a.line.bounds[3] {
                break;
            }
            if a.level != b.level && same_place(&a.line, &b.line) {
                seen[i] |= 1 << b.level;
                seen[j] |= 1 << a.level;
            }
        }
    }
    for (c, seen) in candidates.iter_mut().zip(seen) {
        c.line.supported(seen.count_ones() as f32, (seen >> c.level).count_ones() as f32);
    }
}

/// Two lines whose bounds share more than half of both.
fn same_place(a: &Line, b: &Line) -> bool {
    let (a, b) = (a.bounds, b.bounds);
    let width = a[2].min(b[2]).saturating_sub(a[0].max(b[0]));
    let height = a[3].min(b[3]).saturating_sub(a[1].max(b[1]));
    let area = |r: [u32; 4]| u64::from(r[2] - r[0]) * u64::from(r[3] - r[1]);
    2 * u64::from(width) * u64::from(height) > area(a).max(area(b))
}

/// Whether a box reaches nowhere beyond another.
fn within(a: [u32; 4], b: [u32; 4]) -> bool {
    a[0] >= b[0] && a[1] >= b[1] && a[2] <= b[2] && a[3] <= b[3]
}

/// A box of a turned picture as it stands in the picture.
fn upright([a, b, c, d]: [u32; 4], turned: bool) -> [u32; 4] {
    if turned { [b, a, d, c] } else { [a, b, c, d] }
}

/// Whether a doubtful line may come from the same hand as a sure one.
fn looks_like(c: &Candidate, sure: &Candidate) -> bool {
    let near = |a: f32, b: f32, ratio: f32| a.max(b) <= ratio * a.min(b);
    c.dark == sure.dark
        && c.turned == sure.turned
        && near(c.line.height, sure.line.height, 1.4)
        && near(c.line.stroke, sure.line.stroke, 1.5)
        && near(c.line.peak, sure.line.peak, 1.35)
}

/// The picture at half its size, each pixel the mean of four.
fn halved(picture: &[u8], width: usize) -> Vec<u8> {
    let half = (width / 2).max(1);
    let mut out = vec![0; picture.len() / (2 * width.max(1)) * half];
    for (rows, out) in picture.chunks_exact(2 * width.max(1)).zip(out.chunks_exact_mut(half)) {
        let (upper, lower) = rows.split_at(width);
        let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
        for (mean, (a, b)) in out.iter_mut().zip(pairs) {
            *mean = ((u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1])) / 4) as u8;
        }
    }
    out
}
