//! Areas of surface elements: what marching cubes would draw between eight voxels, computed, not tabulated.
//!
//! A surfel sits at the corner where eight voxels meet; bit `x + 2y + 4z` of its code tells whether the voxel on
//! that side is inside. Its area is that of the marching-cubes polygons with vertices at half edges, as in DeepMind's
//! surface-distance 0.1 (Nikolov et al. 2018, arXiv:1809.04430). The rules that make its 256 areas, found here from
//! first principles and tested against that package: the smaller of inside and outside is cut off (inside where they
//! tie), so that diagonal voxels are kept apart; a polygon that is not flat is triangulated so that its area on the
//! unit grid is largest.

use super::cube::{middle2, polygons, triangulations};

/// Twice the area vector of a triangle on the unit grid.
fn cross([a, b, c]: [[f64; 3]; 3]) -> [f64; 3] {
    let u: [f64; 3] = std::array::from_fn(|k| b[k] - a[k]);
    let v: [f64; 3] = std::array::from_fn(|k| c[k] - a[k]);
    [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

/// Area of triangles given by twice their area vectors, each component scaled.
fn area(normals: &[[f64; 3]], scale: [f64; 3]) -> f64 {
    normals.iter().map(|n| (0..3).map(|k| (n[k] * scale[k]).powi(2)).sum::<f64>().sqrt() / 2.0).sum()
}

/// Area in mm² of the surface element of every code, for voxels of `spacing_mm` along x, y, z.
pub fn areas_mm2(spacing_mm: [f64; 3]) -> [f64; 256] {
    let [x, y, z] = spacing_mm;
    let scale = [y * z, x * z, x * y];
    std::array::from_fn(|code| {
        let code = code as u8;
        let smaller = if code.count_ones() > 4 { !code } else { code };
        let largest = polygons(smaller).into_iter().map(|polygon| {
            let points: Vec<[f64; 3]> =
                polygon.iter().map(|&e| middle2(e).map(|v| f64::from(v) / 2.0)).collect();
            triangulations(0, points.len() - 1)
                .into_iter()
                .map(|all| all.into_iter().map(|t| cross(t.map(|v| points[v]))).collect::<Vec<_>>())
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
