//! Finds writing in a picture: strokes by top-hat, components at several contrasts, lines of alike glyphs, and a score
//! that tells writing from texture. Deterministic, without a model to fetch.

pub mod blobs;
pub mod hat;
pub mod lines;
mod score;

use blobs::{Blob, Blobs};
use hat::Hat;
use lines::Line;

/// Contrasts, of 255, above which strokes are looked for.
const LEVELS: [u8; 4] = [18, 34, 64, 112];
/// Log odds from which a line is writing.
const SURE: f32 = 1.9;
/// Log odds from which a line is writing beside other writing that looks the same.
const BESIDE: f32 = -2.5;
/// Glyphs of the picture at half its size that are too large for the whole one, in its pixels.
const LARGE: f32 = 17.0;

/// A box of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What was found in a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Writing.
    pub boxes: Vec<Area>,
    /// Something may be writing and may be none.
    pub doubtful: bool,
}

/// Finds writing, picture after picture with the same buffers.
#[derive(Debug, Default)]
pub struct Detector {
    hat: Hat,
    blobs: Blobs,
    contrast: Vec<u8>,
    found: Vec<Blob>,
    turned: Vec<Blob>,
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
    /// Boxes around its glyphs and what belongs to them, as they stand in the picture: left, top, right, bottom.
    pub boxes: Vec<[u32; 4]>,
}

impl Detector {
    /// Every line that may be writing.
    pub fn candidates(&mut self, picture: &[u8], width: usize, least: f32) -> Vec<Candidate> {
        let mut all = Vec::new();
        if width < 8 || picture.len() < 8 * width {
            return all;
        }
        for dark in [false, true] {
            self.hat.of(picture, width, dark, &mut self.contrast);
            for level in LEVELS {
                self.blobs.find(&self.contrast, picture, width, level, dark, &mut self.found);
                self.turned.clear();
                self.turned.extend(self.found.iter().map(Blob::turned));
                for (blobs, turned) in [(&self.found, false), (&self.turned, true)] {
                    for line in lines::lines(blobs) {
                        let score = score::score(&line.features);
                        if score >= least {
                            let boxes = line.boxes(blobs).into_iter().map(|b| upright(b, turned)).collect();
                            all.push(Candidate { line, score, turned, dark, boxes });
                        }
                    }
                }
            }
        }
        all
    }

    /// Finds writing in a picture of 8-bit greys, `width` pixels a row.
    pub fn find(&mut self, picture: &[u8], width: usize) -> Found {
        let height = picture.len() / width.max(1);
        let mut all = self.candidates(picture, width, BESIDE);
        let small = halved(picture, width);
        let mut large = self.candidates(&small, width / 2, SURE);
        large.retain(|c| c.line.height >= LARGE);
        for candidate in &mut large {
            candidate.line.height *= 2.0;
            candidate.boxes.iter_mut().flatten().for_each(|v| *v *= 2);
        }
        all.append(&mut large);
        let sure: Vec<bool> = all.iter().map(|c| c.score >= SURE).collect();
        let alike = |c: &Candidate| all.iter().zip(&sure).any(|(s, sure)| *sure && looks_like(c, s));
        let taken = all.iter().zip(&sure).filter(|(c, sure)| **sure || alike(c));
        let mut boxes: Vec<[u32; 4]> = taken.flat_map(|(c, _)| c.boxes.iter().copied()).collect();
        merge(&mut boxes);
        let inside = |b: [u32; 4]| {
            let (x, y) = (b[0].min(width as u32), b[1].min(height as u32));
            Area { x, y, width: b[2].min(width as u32) - x, height: b[3].min(height as u32) - y }
        };
        Found { boxes: boxes.into_iter().map(inside).collect(), doubtful: false }
    }
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
    let mut out = Vec::with_capacity(picture.len() / 4);
    for rows in picture.chunks_exact(2 * width.max(1)) {
        let (upper, lower) = rows.split_at(width);
        for (a, b) in upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0) {
            let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
            out.push((sum / 4) as u8);
        }
    }
    out
}

/// Joins boxes that mostly cover each other, until none does.
fn merge(boxes: &mut Vec<[u32; 4]>) {
    boxes.sort_unstable();
    boxes.dedup();
    let area = |b: &[u32; 4]| u64::from(b[2] - b[0]) * u64::from(b[3] - b[1]);
    let mut i = 0;
    while i < boxes.len() {
        let joined = (i + 1..boxes.len()).find_map(|j| {
            let (a, b) = (boxes[i], boxes[j]);
            let both = [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
            (10 * area(&both) <= 11 * (area(&a) + area(&b)) && touch(&a, &b)).then_some((j, both))
        });
        match joined {
            Some((j, both)) => {
                boxes[i] = both;
                boxes.swap_remove(j);
                i = 0;
            }
            None => i += 1,
        }
    }
    boxes.sort_unstable_by_key(|b| (b[1], b[0]));
}

fn touch(a: &[u32; 4], b: &[u32; 4]) -> bool {
    a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3]
}
