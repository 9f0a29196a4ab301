//! Lines of writing: glyphs beside each other, alike in height, stroke and ink, on one base line.

use super::blobs::Blob;

/// Heights of glyphs in pixels, from the x-height of small letters to brackets around large ones.
const HEIGHTS: std::ops::RangeInclusive<u32> = 4..=48;
/// Glyphs of one pass at most; more is noise.
const MOST: usize = 4000;
/// Height of the strips in which neighbours are looked for.
const STRIP: u32 = 32;
/// Features of a line.
pub const FEATURES: usize = 16;

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
    /// What tells writing from texture.
    pub features: [f32; FEATURES],
}

/// Whether a component may be a glyph, or several that touch.
fn is_glyph(b: &Blob) -> bool {
    let (w, h) = (b.width() as f32, b.height() as f32);
    if !HEIGHTS.contains(&b.height()) || w > 14.0 * h || w > 400.0 || b.area < 5 {
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

/// Whether `b` may follow `a` in a line.
fn follows(a: &Blob, b: &Blob) -> Option<f32> {
    let (ha, hb) = (a.height() as f32, b.height() as f32);
    let h = ha.max(hb);
    if h > 2.1 * ha.min(hb) {
        return None;
    }
    let gap = b.left as f32 - a.right as f32;
    if gap > 1.3 * h + 1.0 || gap < -0.35 * h || b.left < a.left {
        return None;
    }
    let slack = 0.14 * h + 1.1;
    let (bottom, top) = (a.bottom.abs_diff(b.bottom) as f32, a.top.abs_diff(b.top) as f32);
    if bottom > slack && top > slack {
        return None;
    }
    let (sa, sb) = (a.stroke(), b.stroke());
    if sa.max(sb) > 1.7 * sa.min(sb) + 0.4
        || f32::from(a.peak.max(b.peak)) > 1.8 * f32::from(a.peak.min(b.peak))
    {
        return None;
    }
    Some(gap.max(0.0) + bottom.min(top))
}

/// The lines of three or more letters among `blobs`, which are turned already where reading goes downwards.
pub fn lines(blobs: &[Blob]) -> Vec<Line> {
    let mut glyphs: Vec<Blob> = blobs.iter().filter(|b| is_glyph(b)).copied().collect();
    if glyphs.len() > MOST {
        return Vec::new();
    }
    glyphs.sort_unstable_by_key(|b| (b.left, b.top));
    let mut strips: Vec<Vec<u32>> = Vec::new();
    for (i, glyph) in glyphs.iter().enumerate() {
        let strip = (glyph.bottom / STRIP) as usize;
        if strips.len() <= strip {
            strips.resize_with(strip + 1, Vec::new);
        }
        strips[strip].push(i as u32);
    }
    let mut next: Vec<Option<u32>> = vec![None; glyphs.len()];
    let mut cost: Vec<f32> = vec![f32::MAX; glyphs.len()];
    let mut taken: Vec<Option<u32>> = vec![None; glyphs.len()];
    for (i, glyph) in glyphs.iter().enumerate() {
        let strip = (glyph.bottom / STRIP) as usize;
        let reach = glyph.right + 2 * glyph.height() + 64;
        let mut best: Option<(f32, u32)> = None;
        for near in strips.get(strip.saturating_sub(1)..(strip + 2).min(strips.len())).unwrap_or_default() {
            let from = near.partition_point(|&j| j as usize <= i);
            for &j in &near[from..] {
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
        // One follows one: the nearer claim wins.
        if let Some((far, j)) = best
            && far < cost[j as usize]
        {
            if let Some(loser) = taken[j as usize] {
                next[loser as usize] = None;
            }
            cost[j as usize] = far;
            taken[j as usize] = Some(i as u32);
            next[i] = Some(j);
        }
    }
    let mut by_row = blobs.to_vec();
    by_row.sort_unstable_by_key(|b| b.top + b.bottom);
    let mut found = Vec::new();
    for first in (0..glyphs.len()).filter(|&i| taken[i].is_none() && next[i].is_some()) {
        let mut members = vec![glyphs[first]];
        let mut at = first;
        while let Some(j) = next[at] {
            at = j as usize;
            members.push(glyphs[at]);
        }
        found.extend(measured(members, &by_row));
    }
    // Letters that all touch are one component.
    for (i, glyph) in glyphs.iter().enumerate() {
        if taken[i].is_none() && next[i].is_none() && glyph.width() > 2 * glyph.height() {
            found.extend(measured(vec![*glyph], &by_row));
        }
    }
    found
}

/// How many letters a component is.
fn letters(b: &Blob, height: f32) -> f32 {
    (b.width() as f32 / (0.75 * height)).max(1.0)
}

fn measured(glyphs: Vec<Blob>, by_row: &[Blob]) -> Option<Line> {
    let n = glyphs.len() as f32;
    let mut heights: Vec<f32> = glyphs.iter().map(|g| g.height() as f32).collect();
    heights.sort_unstable_by(f32::total_cmp);
    let height = heights[(heights.len() * 3 / 4).min(heights.len() - 1)];
    let count: f32 = glyphs.iter().map(|g| letters(g, height)).sum();
    if count < 2.6 {
        return None;
    }
    let middle = |g: &Blob| (g.left + g.right) as f32 / 2.0;
    // The base line by least squares, again without descenders.
    let fit = |keep: &dyn Fn(&Blob) -> bool| {
        let kept: Vec<(f32, f32)> =
            glyphs.iter().filter(|g| keep(g)).map(|g| (middle(g), g.bottom as f32)).collect();
        let m = kept.len().max(1) as f32;
        let (mx, my) = (kept.iter().map(|p| p.0).sum::<f32>() / m, kept.iter().map(|p| p.1).sum::<f32>() / m);
        let sxx: f32 = kept.iter().map(|p| (p.0 - mx).powi(2)).sum();
        let sxy: f32 = kept.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
        let slope = if sxx > 0.0 { sxy / sxx } else { 0.0 };
        (slope, my - slope * mx)
    };
    let first = fit(&|_| true);
    let off = |line: (f32, f32), g: &Blob| g.bottom as f32 - line.1 - line.0 * middle(g);
    let slack = 0.1 * height + 0.8;
    let second = fit(&|g| off(first, g).abs() <= 0.25 * height);
    let on_base = glyphs.iter().filter(|g| off(second, g).abs() <= slack).count() as f32 / n;
    let tops = |g: &Blob| off(second, g) - g.height() as f32;
    let on_top = glyphs
        .iter()
        .filter(|g| (tops(g) + height).abs() <= slack || (tops(g) + 0.73 * height).abs() <= slack)
        .count() as f32
        / n;
    let spread = |value: &dyn Fn(&Blob) -> f32| {
        let mean = glyphs.iter().map(value).sum::<f32>() / n;
        let variance = glyphs.iter().map(|g| (value(g) - mean).powi(2)).sum::<f32>() / n;
        (mean, variance.sqrt() / mean.abs().max(0.01))
    };
    let (stroke, stroke_spread) = spread(&Blob::stroke);
    let (peak, peak_spread) = spread(&|g| f32::from(g.peak));
    let (_, ink_spread) = spread(&|g| f32::from(g.ink));
    let (_, height_spread) = spread(&|g| g.height() as f32);
    let (crisp, _) = spread(&|g| g.contrast as f32 / (g.area as f32 * f32::from(g.peak.max(1))));
    let (fill, fill_spread) = spread(&|g| g.area as f32 / (g.width() * g.height()) as f32);
    let (rows, _) = spread(&|g| g.across as f32 / (g.height() as f32 * letters(g, height)));
    let (columns, _) = spread(&|g| g.down as f32 / g.width() as f32);
    let clean = cleanness(&glyphs, by_row, height);
    let features = [
        count.min(24.0).ln(),
        n.min(24.0).ln(),
        on_base,
        on_top,
        stroke / height,
        stroke_spread,
        peak.ln(),
        peak_spread,
        ink_spread,
        height_spread,
        crisp,
        fill,
        fill_spread,
        rows,
        columns,
        clean,
    ];
    Some(Line { glyphs, height, stroke, peak, features })
}

/// Which part of what is in the line's box belongs to the line: writing stands free, texture is everywhere.
fn cleanness(glyphs: &[Blob], by_row: &[Blob], height: f32) -> f32 {
    let around = (0.6 * height) as u32 + 1;
    let left = glyphs.iter().map(|g| g.left).min().unwrap_or(0).saturating_sub(around);
    let right = glyphs.iter().map(|g| g.right).max().unwrap_or(0) + around;
    let top = glyphs.iter().map(|g| g.top).min().unwrap_or(0).saturating_sub(around);
    let bottom = glyphs.iter().map(|g| g.bottom).max().unwrap_or(0) + around;
    let first = by_row.partition_point(|b| u32::midpoint(b.top, b.bottom) < top);
    let band = by_row[first..].iter().take_while(|b| u32::midpoint(b.top, b.bottom) < bottom);
    let inside = band.filter(|b| (left..right).contains(&u32::midpoint(b.left, b.right)));
    let all: u32 = inside.map(|b| b.area).sum();
    let own: u32 = glyphs.iter().map(|g| g.area).sum();
    own as f32 / all.max(1) as f32
}

impl Line {
    /// Boxes around the glyphs with a margin and what stands in line with them: points, accents, glyphs that are
    /// blurred. A slanted line is cut into several, so that they stay low.
    pub fn boxes(&self, blobs: &[Blob]) -> Vec<[u32; 4]> {
        let mut members = self.glyphs.clone();
        self.extend(&mut members, blobs);
        let (aside, above) = ((0.35 * self.height) as u32 + 2, (0.3 * self.height) as u32 + 2);
        let whole = |b: &Blob| {
            [b.left.saturating_sub(aside), b.top.saturating_sub(above), b.right + aside, b.bottom + above]
        };
        let mut boxes: Vec<[u32; 4]> = Vec::new();
        for member in &members {
            let own = whole(member);
            if let Some(last) = boxes.last_mut() {
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
    fn extend(&self, members: &mut Vec<Blob>, blobs: &[Blob]) {
        let least = 0.45 * self.peak;
        let reach = (1.5 * self.height) as u32 + 1;
        let fits = |b: &&Blob| f32::from(b.peak) >= least && b.height() as f32 <= 1.7 * self.height;
        let level = |b: &Blob, end: &Blob| {
            let slack = (0.4 * self.height) as u32 + 1;
            b.top + slack >= end.top.min(end.bottom.saturating_sub(self.height as u32))
                && b.bottom <= end.bottom + slack
        };
        let mut near: Vec<&Blob> = blobs.iter().filter(fits).collect();
        near.sort_unstable_by_key(|b| b.left);
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
        near.sort_unstable_by_key(|b| std::cmp::Reverse(b.right));
        if let Some(mut end) = members.first().copied() {
            let to = end.right;
            for b in near.iter().filter(|b| b.right <= to) {
                if b.right + reach < end.left {
                    break;
                }
                if level(b, &end) && b.left < end.left {
                    members.insert(0, **b);
                    if tall(b) {
                        end = **b;
                    }
                }
            }
        }
    }
}
