//! Areas of surface elements: what marching cubes would draw between eight voxels, computed, not tabulated.
//!
//! A surfel sits at the corner where eight voxels meet; bit `x + 2y + 4z` of its code tells whether the voxel on
//! that side is inside. Its area is that of the marching-cubes polygon (Lorensen and Cline 1987) with vertices at
//! half edges, as in DeepMind's surface-distance 0.1 (Nikolov et al. 2018, arXiv:1809.04430). The rules that make
//! its 256 areas, found here from first principles and tested against that package:
//! the smaller of inside and outside is cut off (inside where they tie), so that diagonal voxels are kept apart;
//! a polygon that is not flat is triangulated so that its area on the unit grid is largest.

/// Corner `c` of the unit cube: bit k is the coordinate along axis k.
fn corner(c: usize) -> [f64; 3] {
    std::array::from_fn(|k| f64::from((c >> k & 1) as u8))
}

/// A cut edge of the cube, by its two corners.
type Edge = [usize; 2];

fn edge(a: usize, b: usize) -> Edge {
    [a.min(b), a.max(b)]
}

fn middle(e: Edge) -> [f64; 3] {
    let (a, b) = (corner(e[0]), corner(e[1]));
    std::array::from_fn(|k| f64::midpoint(a[k], b[k]))
}

/// Corners of the face at `side` of `axis`, in order around it.
fn face(axis: usize, side: usize) -> [usize; 4] {
    let (u, v) = (1 << ((axis + 1) % 3), 1 << ((axis + 2) % 3));
    let base = side << axis;
    [base, base | u, base | u | v, base | v]
}

/// The closed polygons of a code, as cut edges in order.
fn polygons(code: u8) -> Vec<Vec<Edge>> {
    let code = if code.count_ones() > 4 { !code } else { code };
    let inside = |c: usize| code >> c & 1 == 1;
    let mut links: Vec<(Edge, Edge)> = Vec::new();
    for axis in 0..3 {
        for side in 0..2 {
            let ring = face(axis, side);
            let cut = |i: usize| edge(ring[i % 4], ring[(i + 1) % 4]);
            let cuts: Vec<usize> = (0..4).filter(|&i| inside(ring[i]) != inside(ring[(i + 1) % 4])).collect();
            match cuts[..] {
                [p, q] => links.push((cut(p), cut(q))),
                // Two diagonal corners: each is cut off by itself.
                [_, _, _, _] => {
                    links.extend((0..4).filter(|&i| inside(ring[i])).map(|i| (cut(i + 3), cut(i))));
                }
                _ => {}
            }
        }
    }
    chain(links)
}

/// Joins links end to end into closed polygons; every cut edge has exactly two links.
fn chain(mut links: Vec<(Edge, Edge)>) -> Vec<Vec<Edge>> {
    let mut closed = Vec::new();
    while let Some((first, mut last)) = links.pop() {
        let mut polygon = vec![first];
        while last != first {
            polygon.push(last);
            let Some(at) = links.iter().position(|l| l.0 == last || l.1 == last) else { break };
            let (p, q) = links.swap_remove(at);
            last = if p == last { q } else { p };
        }
        closed.push(polygon);
    }
    closed
}

/// Twice the area vector of a triangle on the unit grid.
fn cross(a: [f64; 3], b: [f64; 3], c: [f64; 3]) -> [f64; 3] {
    let u: [f64; 3] = std::array::from_fn(|k| b[k] - a[k]);
    let v: [f64; 3] = std::array::from_fn(|k| c[k] - a[k]);
    [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

fn norm(v: [f64; 3]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Every triangulation of the polygon `points`, as lists of twice the area vectors.
fn triangulations(points: &[[f64; 3]]) -> Vec<Vec<[f64; 3]>> {
    if points.len() < 3 {
        return vec![Vec::new()];
    }
    let last = points.len() - 1;
    let mut all = Vec::new();
    for apex in 1..last {
        let triangle = cross(points[0], points[apex], points[last]);
        for left in triangulations(&points[..=apex]) {
            for right in triangulations(&points[apex..]) {
                all.push(left.iter().chain(&right).copied().chain([triangle]).collect());
            }
        }
    }
    all
}

/// Area in mm² of the surface element of every code, for voxels of `spacing_mm` along x, y, z.
pub fn areas_mm2(spacing_mm: [f64; 3]) -> [f64; 256] {
    let [x, y, z] = spacing_mm;
    let scale = [y * z, x * z, x * y];
    let area = |normals: &[[f64; 3]], scale: [f64; 3]| -> f64 {
        normals.iter().map(|n| norm(std::array::from_fn(|k| n[k] * scale[k])) / 2.0).sum()
    };
    std::array::from_fn(|code| {
        let polygons = polygons(code as u8);
        let largest = polygons.iter().map(|polygon| {
            let points: Vec<[f64; 3]> = polygon.iter().map(|&e| middle(e)).collect();
            triangulations(&points)
                .into_iter()
                .max_by(|p, q| area(p, [1.0; 3]).total_cmp(&area(q, [1.0; 3])))
                .unwrap_or_default()
        });
        largest.map(|normals| area(&normals, scale)).sum()
    })
}

/// Length in mm of the contour element of every code of four pixels (bit `x + 2y`), for pixels of `spacing_mm`
/// along x, y: straight across, or from half edge to half edge; diagonal pixels are kept apart.
pub fn lengths_mm(spacing_mm: [f64; 2]) -> [f64; 16] {
    let [x, y] = spacing_mm;
    let diagonal = x.hypot(y) / 2.0;
    std::array::from_fn(|code| match code {
        0 | 15 => 0.0,
        0b0011 | 0b1100 => x,
        0b0101 | 0b1010 => y,
        0b0110 | 0b1001 => 2.0 * diagonal,
        _ => diagonal,
    })
}
