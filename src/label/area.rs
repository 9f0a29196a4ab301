//! The area that closed contours enclose by even–odd, whatever way they run and cross.

/// Halvings of a strip in which edges change their order; beyond, what is left is below any measure.
const MOST_HALVINGS: u32 = 24;

type Edge = [[f64; 2]; 2];

/// Edges that may be looked at, strip by strip, for outlines of so many points. Real ones need a fiftieth of it; lines that
/// run to and fro over all others would need its square.
pub fn work_for(points: usize) -> usize {
    points.saturating_mul(100).saturating_add(1_000_000)
}

/// Area in the square of the unit of the points; `None` where it would take more than is left of `work`.
pub fn even_odd(outlines: &[Vec<[f64; 2]>], work: &mut usize) -> Option<f64> {
    let mut edges: Vec<Edge> = Vec::new();
    for outline in outlines {
        for (a, b) in outline.iter().zip(outline.iter().cycle().skip(1)) {
            if a[1] < b[1] {
                edges.push([*a, *b]);
            } else if b[1] < a[1] {
                edges.push([*b, *a]);
            }
        }
    }
    edges.sort_by(|a, b| a[0][1].total_cmp(&b[0][1]));
    let mut levels: Vec<f64> = edges.iter().flat_map(|e| [e[0][1], e[1][1]]).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    let (mut active, mut next, mut area): (Vec<Edge>, usize, f64) = (Vec::new(), 0, 0.0);
    for strip in levels.windows(2) {
        active.retain(|e| e[1][1] > strip[0]);
        while let Some(edge) = edges.get(next).filter(|e| e[0][1] <= strip[0]) {
            active.push(*edge);
            next += 1;
        }
        area += strip_area(&active, strip[0], strip[1], 0, work)?;
    }
    Some(area)
}

fn at(edge: &Edge, y: f64) -> f64 {
    let [a, b] = edge;
    a[0] + (y - a[1]) * ((b[0] - a[0]) / (b[1] - a[1]))
}

/// The area between two levels that no edge ends between.
fn strip_area(edges: &[Edge], low: f64, high: f64, depth: u32, work: &mut usize) -> Option<f64> {
    *work = work.checked_sub(edges.len())?;
    let middle = f64::midpoint(low, high);
    let mut ordered: Vec<(f64, f64, f64)> =
        edges.iter().map(|e| (at(e, middle), at(e, low), at(e, high))).collect();
    ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
    let crosses = ordered.windows(2).any(|w| w[0].1 > w[1].1 + TOUCH || w[0].2 > w[1].2 + TOUCH);
    if crosses && depth < MOST_HALVINGS {
        let lower = strip_area(edges, low, middle, depth + 1, work)?;
        return Some(lower + strip_area(edges, middle, high, depth + 1, work)?);
    }
    // The width changes in a straight line: that of the middle is the mean.
    Some(ordered.chunks_exact(2).map(|pair| pair[1].0 - pair[0].0).sum::<f64>() * (high - low))
}

/// Millimetres by which edges that meet at a level may seem to have crossed.
const TOUCH: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_count_against_and_lines_that_cross_count_once() {
        let square = |a: f64, b: f64| vec![[a, a], [b, a], [b, b], [a, b]];
        let even_odd =
            |outlines: &[Vec<[f64; 2]>]| even_odd(outlines, &mut work_for(10_000)).unwrap_or(f64::NAN);
        assert!((even_odd(&[square(0.0, 10.0), square(2.0, 4.0)]) - 96.0).abs() < 1e-9);
        // A figure of eight: two triangles of 25 each.
        let eight = vec![[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]];
        assert!((even_odd(&[eight]) - 50.0).abs() < 1e-4);
        // A pentagram by even-odd is its five points without the pentagon between them.
        let star: Vec<[f64; 2]> = (0..5)
            .map(|k| {
                let t = f64::from(k) * 4.0 * std::f64::consts::PI / 5.0;
                [t.cos(), t.sin()]
            })
            .collect();
        assert!((even_odd(&[star]) - 0.775_683).abs() < 1e-4);
    }
}
