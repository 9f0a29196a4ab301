//! Long and short axis of a lesion in a slice, as for RECIST 1.1 (Eisenhauer et al. 2009, Eur J Cancer 45:228).

/// Diameters in one plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axes {
    /// Longest distance between two points of the outline, mm.
    pub long_mm: f64,
    /// Longest chord perpendicular to it, mm: the extent of the outline across the long axis.
    pub short_mm: f64,
    /// The long axis' ends, mm from the first voxel's centre.
    pub ends_mm: [[f64; 2]; 2],
}

/// Axes of the voxels of `mask` (x fastest, `nx` a row) that are set, with voxels of `spacing_mm` along x, y.
///
/// Convention: measured between the outer corners of voxels, so that one voxel has its diagonal as long axis; the short
/// axis is the width of the convex hull across the long axis. `None` where nothing is set. Of equal
/// longest pairs the first in order of the hull is taken.
pub fn axes(mask: &[bool], nx: usize, spacing_mm: [f64; 2]) -> Option<Axes> {
    let mut corners = Vec::new();
    for (y, row) in mask.chunks(nx).enumerate() {
        let (Some(first), Some(last)) = (row.iter().position(|v| *v), row.iter().rposition(|v| *v)) else {
            continue;
        };
        for dy in [-0.5, 0.5] {
            let y = (y as f64 + dy) * spacing_mm[1];
            corners.push([(first as f64 - 0.5) * spacing_mm[0], y]);
            corners.push([(last as f64 + 0.5) * spacing_mm[0], y]);
        }
    }
    let hull = hull(corners);
    let mut best: Option<(f64, usize, usize)> = None;
    for i in 0..hull.len() {
        for j in 0..i {
            let d = (hull[i][0] - hull[j][0]).hypot(hull[i][1] - hull[j][1]);
            if best.is_none_or(|b| d > b.0) {
                best = Some((d, j, i));
            }
        }
    }
    let (long_mm, i, j) = best?;
    let along = [(hull[j][0] - hull[i][0]) / long_mm, (hull[j][1] - hull[i][1]) / long_mm];
    let across = |p: &[f64; 2]| p[1] * along[0] - p[0] * along[1];
    let (low, high) = hull.iter().map(across).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    Some(Axes { long_mm, short_mm: high - low, ends_mm: [hull[i], hull[j]] })
}

/// Convex hull, counter-clockwise (Andrew's monotone chain 1979).
fn hull(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.sort_by(|p, q| p[0].total_cmp(&q[0]).then(p[1].total_cmp(&q[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let turn =
        |o: [f64; 2], a: [f64; 2], b: [f64; 2]| (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
    let half = |points: &mut dyn Iterator<Item = [f64; 2]>| {
        let mut chain: Vec<[f64; 2]> = Vec::new();
        for p in points {
            while chain.len() >= 2 && turn(chain[chain.len() - 2], chain[chain.len() - 1], p) <= 0.0 {
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut all = half(&mut points.iter().copied());
    all.extend(half(&mut points.iter().rev().copied()));
    all
}
