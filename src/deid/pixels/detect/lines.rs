//! Lines of writing: glyphs beside each other, alike in height, stroke and ink, on one base line.

use super::blobs::Blob;

/// Heights of glyphs in pixels, from the x-height of small letters to brackets around large ones.
const HEIGHTS: std::ops::RangeInclusive<u32> = 4..=48;
/// One glyph in so many pixels at most; more is noise, in which nothing can be read.
const DENSEST: usize = 60;
/// Height of the strips in which neighbours are looked for.
const STRIP: u32 = 16;

/// Whether a component may be a glyph, or several that touch.
fn is_glyph(b: &Blob) -> bool {
    if !HEIGHTS.contains(&b.height()) || b.area < 5 {
        return false;
    }
    let (w, h) = (b.width() as f32, b.height() as f32);
    if w > 14.0 * h || w > 400.0 {
        return false;
    }
    let fill = b.area as f32 / (w * h);
    let bar = w <= 0.45 * h;
    b.stroke() <= 0.3 * h + 1.2
        && (0.1..=0.9).contains(&fill) | bar
        && b.across as f32 <= h * (1.3 + 2.8 * w / h)
        && b.down as f32 <= w * 4.2 + 2.0
        // A stroke along the line is no writing: rulers, edges, contours.
        && (w < 2.0 * h || b.across as f32 >= 0.5 * w)
}

/// Whether `b` may follow `a` in a line, and how far it is.
fn follows(a: &Blob, b: &Blob) -> Option<f32> {
    let (ha, hb) = (a.height() as f32, b.height() as f32);
    let h = ha.max(hb);
    if h > 2.1 * ha.min(hb) || b.left < a.left {
        return None;
    }
    let gap = b.left as f32 - a.right as f32;
    if gap > 1.3 * h + 1.0 || gap < -0.35 * h {
        return None;
    }
    let slack = 0.16 * h + 1.1;
    let (bottom, top) = (a.bottom.abs_diff(b.bottom) as f32, a.top.abs_diff(b.top) as f32);
    if bottom > slack && top > slack {
        return None;
    }
    let (sa, sb) = (a.stroke(), b.stroke());
    if sa.max(sb) > 1.7 * sa.min(sb) + 0.4
        || f32::from(a.peak.max(b.peak)) > 1.8 * f32::from(a.peak.min(b.peak)) + 4.0
    {
        return None;
    }
    Some(gap.max(0.0) + bottom.min(top))
}

/// The chains of two or more glyphs, and single components that are as wide as several letters; from left to right.
/// `by_left` are the components in the order of their left edges; `pixels` is the size of the picture.
pub fn chains(by_left: &[Blob], pixels: usize) -> Vec<Vec<Blob>> {
    let glyphs: Vec<Blob> = by_left.iter().filter(|b| is_glyph(b)).copied().collect();
    if glyphs.len() > pixels / DENSEST + 400 {
        return Vec::new();
    }
    let next = links(&glyphs);
    let mut follows_one = vec![false; glyphs.len()];
    next.iter().flatten().for_each(|&j| follows_one[j as usize] = true);
    let mut found = Vec::new();
    for first in (0..glyphs.len()).filter(|&i| !follows_one[i]) {
        let glyph = glyphs[first];
        if next[first].is_none() && glyph.width() <= 2 * glyph.height() {
            continue;
        }
        let mut members = vec![glyph];
        let mut at = first;
        while let Some(j) = next[at] {
            at = j as usize;
            members.push(glyphs[at]);
        }
        found.push(members);
    }
    found
}

/// The glyph that follows each; none follows two.
fn links(glyphs: &[Blob]) -> Vec<Option<u32>> {
    let mut strips: Vec<Vec<u32>> = Vec::new();
    for (i, glyph) in glyphs.iter().enumerate() {
        let strip = (glyph.bottom / STRIP) as usize;
        if strips.len() <= strip {
            strips.resize_with(strip + 1, Vec::new);
        }
        strips[strip].push(i as u32);
    }
    let mut next: Vec<Option<u32>> = vec![None; glyphs.len()];
    let mut taken: Vec<Option<(f32, u32)>> = vec![None; glyphs.len()];
    for i in 0..glyphs.len() {
        let Some((far, j)) = nearest(glyphs, &strips, i) else { continue };
        // One follows one: the nearer claim wins.
        let (best, loser) = taken[j as usize].map_or((f32::MAX, None), |(far, loser)| (far, Some(loser)));
        if far < best {
            if let Some(loser) = loser {
                next[loser as usize] = None;
            }
            taken[j as usize] = Some((far, i as u32));
            next[i] = Some(j);
        }
    }
    next
}

/// The nearest glyph that may follow the one at `i`.
fn nearest(glyphs: &[Blob], strips: &[Vec<u32>], i: usize) -> Option<(f32, u32)> {
    let glyph = &glyphs[i];
    let height = glyph.height();
    // The other may be twice as high, and stand on another line with its top.
    let around = height + height / 4 + 3;
    let (first, last) = (glyph.bottom.saturating_sub(around) / STRIP, (glyph.bottom + around) / STRIP);
    let reach = glyph.right + 3 * height + 2;
    let mut best: Option<(f32, u32)> = None;
    let near = strips.get(first as usize..(last as usize + 1).min(strips.len()));
    for strip in near.unwrap_or_default() {
        let from = strip.partition_point(|&j| j as usize <= i);
        for &j in &strip[from..] {
            let other = &glyphs[j as usize];
            if other.left > reach {
                break;
            }
            if let Some(far) = follows(glyph, other)
                && best.is_none_or(|(b, _)| far < b)
            {
                best = Some((far, j));
            }
        }
    }
    best
}
