//! Areas of closed contours on a pixel lattice.

use std::collections::BTreeSet;

/// The pixels strictly inside a closed contour of pixel positions: even–odd rule, pixels on the contour left out.
///
/// For readings whose contours run along the first pixels outside of the structure (LIDC: Armato et al. 2011, Med Phys
/// 38:915), these are the structure's pixels. Sorted by the second coordinate, then the first; empty for fewer than three
/// points.
pub fn interior(points: &[[i32; 2]]) -> Vec<[i32; 2]> {
    if points.len() < 3 {
        return Vec::new();
    }
    let edges = || points.iter().zip(points.iter().cycle().skip(1));
    let on_contour: BTreeSet<[i32; 2]> = edges().flat_map(|(a, b)| lattice(*a, *b)).collect();
    let (low, high) = points.iter().fold((i32::MAX, i32::MIN), |(l, h), p| (l.min(p[1]), h.max(p[1])));
    let mut inside = Vec::new();
    for y in low..=high {
        // An edge belongs to the rows from its lower end up to before its upper end.
        let mut crossings: Vec<f64> = edges()
            .filter(|(a, b)| (a[1] <= y) != (b[1] <= y))
            .map(|(a, b)| {
                let t = f64::from(y - a[1]) / f64::from(b[1] - a[1]);
                f64::from(a[0]) + t * f64::from(b[0] - a[0])
            })
            .collect();
        crossings.sort_unstable_by(f64::total_cmp);
        for span in crossings.chunks_exact(2) {
            let pixels = (span[0].ceil() as i32..=span[1].floor() as i32).map(|x| [x, y]);
            inside.extend(pixels.filter(|p| !on_contour.contains(p)));
        }
    }
    inside.sort_unstable_by_key(|p| (p[1], p[0]));
    inside.dedup();
    inside
}

/// The pixels on the straight line between two pixels, both ends included.
fn lattice(a: [i32; 2], b: [i32; 2]) -> impl Iterator<Item = [i32; 2]> {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let steps = gcd(dx.unsigned_abs(), dy.unsigned_abs()).max(1) as i32;
    (0..=steps).map(move |k| [a[0] + dx / steps * k, a[1] + dy / steps * k])
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_keeps_its_inside_and_a_line_has_none() {
        let square = [[0, 0], [4, 0], [4, 4], [0, 4]];
        assert_eq!(interior(&square).len(), 9);
        assert!(interior(&[[0, 0], [4, 4]]).is_empty());
        assert!(interior(&[[0, 0], [4, 4], [2, 2]]).is_empty());
    }

    #[test]
    fn picks_theorem_holds_for_a_simple_polygon() {
        // Area = inside + boundary / 2 − 1 (Pick 1899).
        let polygon: [[i32; 2]; 6] = [[0, 0], [7, 1], [9, 6], [5, 4], [3, 9], [-2, 5]];
        let edges = || polygon.iter().zip(polygon.iter().cycle().skip(1));
        let twice: i32 = edges().map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
        let boundary: BTreeSet<[i32; 2]> = edges().flat_map(|(a, b)| lattice(*a, *b)).collect();
        assert_eq!(2 * interior(&polygon).len() as i32 + boundary.len() as i32 - 2, twice.abs());
    }
}
