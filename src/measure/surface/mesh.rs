//! Surfaces as triangles of discrete marching cubes, with exact distances from points to triangles.
//!
//! The polygons are those of [`super::cube`]; how polygons with more than three corners are cut into triangles follows
//! VTK's discrete marching cubes (found by running VTK 9.7 on all 256 cubes), because the centres of the triangles, at
//! which distances are taken, depend on it.

use rayon::prelude::*;

use super::Directed;
use super::bits::Bits;
use super::cube::{middle2, polygons, triangulations};
use super::{before, each_set};

/// Which triangulation, in the order of [`triangulations`], VTK takes for every polygon of more than three corners,
/// code by code and polygon by polygon: 0 to 9, a to z, then A and on.
const CUTS: &[u8; 214] = b"\
    010011301010300212221311b1811b401210204032311FF10040b0301b2131b00221400F24d0140311F0815n71cb423d108ndnd0111\
    1324bc100131004n2ncd00420003k2000b0312b104n1db040sd11100324k432012104b2k81c0bii319242i2ii3a0610010311040010";

/// Triangles in a leaf.
const LEAF: usize = 4;

type Point = [f64; 3];
/// A triangle by its corners, in half voxels.
type Triangle = [[i32; 3]; 3];

/// Triangles of every code on the unit cube, in half voxels.
fn triangles_of_codes() -> Vec<Vec<Triangle>> {
    let mut cuts = CUTS.iter().map(|&c| match c {
        b'0'..=b'9' => c - b'0',
        b'a'..=b'z' => c - b'a' + 10,
        _ => c - b'A' + 36,
    });
    let turned: Vec<Vec<Triangle>> = (0..=255)
        .map(|code| {
            let mut all = Vec::new();
            for polygon in polygons(code) {
                let options = triangulations(0, polygon.len() - 1);
                let at = if options.len() > 1 { usize::from(cuts.next().unwrap_or(0)) } else { 0 };
                all.extend(options[at].iter().map(|t| t.map(|v| middle2(polygon[v]))));
            }
            all
        })
        .collect();
    // MeshMetrics hands arrays over with the slice axis as VTK's first: x and z change places.
    (0..256)
        .map(|code: usize| {
            let other = (0..8)
                .filter(|c| code >> c & 1 == 1)
                .map(|c| 1 << (c >> 2 | c & 2 | (c & 1) << 2))
                .sum::<usize>();
            turned[other].iter().map(|t| t.map(|[x, y, z]| [z, y, x])).collect()
        })
        .collect()
}

/// Both directions between the meshes of two masks.
pub(super) fn between(a: &Bits, b: &Bits, spacing_mm: [f64; 3]) -> (Directed, Directed) {
    let half = spacing_mm.map(|s| s / 2.0);
    let codes = triangles_of_codes();
    let (a, b) = rayon::join(|| Mesh::of(a, &codes, half), || Mesh::of(b, &codes, half));
    (a.to(&b), b.to(&a))
}

struct Node {
    low: Point,
    high: Point,
    start: u32,
    end: u32,
    child: u32,
}

/// Triangles in a tree of boxes.
struct Mesh {
    half: [f64; 3],
    triangles: Vec<Triangle>,
    nodes: Vec<Node>,
}

impl Mesh {
    fn of(bits: &Bits, codes: &[Vec<Triangle>], half: [f64; 3]) -> Self {
        let slices: Vec<Vec<Triangle>> =
            (1..bits.shape()[2]).into_par_iter().map(|z| slice(bits, z, codes)).collect();
        Self::tree(slices.concat(), half)
    }

    fn tree(mut triangles: Vec<Triangle>, half: [f64; 3]) -> Self {
        let mut nodes =
            vec![Node { low: [0.0; 3], high: [0.0; 3], start: 0, end: triangles.len() as u32, child: 0 }];
        let mut open = vec![0];
        while let Some(at) = open.pop() {
            let (start, end) = (nodes[at].start as usize, nodes[at].end as usize);
            let part = &mut triangles[start..end];
            let (low, high) = corners_box(part, half);
            (nodes[at].low, nodes[at].high) = (low, high);
            if part.len() <= LEAF {
                continue;
            }
            let width = |k: usize| high[k] - low[k];
            let axis = (0..3).max_by(|&p, &q| width(p).total_cmp(&width(q))).unwrap_or(0);
            let middle = part.len() / 2;
            part.select_nth_unstable_by_key(middle, |t| t[0][axis] + t[1][axis] + t[2][axis]);
            let child = nodes.len();
            nodes[at].child = child as u32;
            let (s, m, e) = (start as u32, (start + middle) as u32, end as u32);
            nodes.push(Node { low, high, start: s, end: m, child: 0 });
            nodes.push(Node { low, high, start: m, end: e, child: 0 });
            open.extend([child, child + 1]);
        }
        Self { half, triangles, nodes }
    }

    fn points(&self, t: &Triangle) -> [Point; 3] {
        t.map(|p| std::array::from_fn(|k| f64::from(p[k]) * self.half[k]))
    }

    /// Distances of this mesh's triangle centres to the other mesh, and the triangles' areas.
    fn to(&self, other: &Self) -> Directed {
        let found: Vec<(f64, f64)> = self
            .triangles
            .par_chunks(1024)
            .flat_map_iter(|chunk| {
                let mut hint = None;
                chunk.iter().map(move |t| {
                    let points = self.points(t);
                    let centre = std::array::from_fn(|k| (points[0][k] + points[1][k] + points[2][k]) / 3.0);
                    let (squared, nearest) = other.nearest(&centre, hint);
                    hint = Some(nearest);
                    (squared.sqrt(), area(&points))
                })
            })
            .collect();
        let (distances, areas): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
        Directed::new(&distances, &areas)
    }

    /// Squared distance to the nearest triangle, and which that is.
    fn nearest(&self, from: &Point, hint: Option<u32>) -> (f64, u32) {
        let distance = |at: u32| squared_to_triangle(from, &self.points(&self.triangles[at as usize]));
        let mut best = hint.map_or((f64::INFINITY, 0), |at| (distance(at), at));
        let mut open = vec![0_u32];
        while let Some(at) = open.pop() {
            let node = &self.nodes[at as usize];
            if squared_to_box(node, from) >= best.0 {
                continue;
            }
            if node.child == 0 {
                for at in node.start..node.end {
                    let d = distance(at);
                    if d < best.0 {
                        best = (d, at);
                    }
                }
                continue;
            }
            let (left, right) = (node.child, node.child + 1);
            let to = |n: u32| squared_to_box(&self.nodes[n as usize], from);
            open.extend(if to(left) <= to(right) { [right, left] } else { [left, right] });
        }
        best
    }
}

/// Triangles between slice z − 1 and z.
fn slice(bits: &Bits, z: usize, codes: &[Vec<Triangle>]) -> Vec<Triangle> {
    let mut found = Vec::new();
    for y in 1..bits.shape()[1] {
        let rows = [bits.row(y - 1, z - 1), bits.row(y, z - 1), bits.row(y - 1, z), bits.row(y, z)];
        let unlike = |w: usize| {
            let any = rows.iter().fold(0, |any, row| any | before(row, w) | row[w]);
            let all = rows.iter().fold(u64::MAX, |all, row| all & before(row, w) & row[w]);
            any & !all
        };
        each_set(rows[0].len(), unlike, |x| {
            let code = super::code_at(&rows, x);
            let corner = [x as i32 - 1, y as i32 - 1, z as i32 - 1];
            let place = |p: [i32; 3]| std::array::from_fn(|k| p[k] + 2 * corner[k]);
            found.extend(codes[code].iter().map(|t| t.map(place)));
        });
    }
    found
}

fn corners_box(triangles: &[Triangle], half: [f64; 3]) -> (Point, Point) {
    let all = triangles.iter().flatten();
    let (low, high) = all.fold(([i32::MAX; 3], [i32::MIN; 3]), |(low, high), p| {
        (std::array::from_fn(|k| low[k].min(p[k])), std::array::from_fn(|k| high[k].max(p[k])))
    });
    let mm = |p: [i32; 3]| std::array::from_fn(|k| f64::from(p[k]) * half[k]);
    (mm(low), mm(high))
}

fn squared_to_box(node: &Node, from: &Point) -> f64 {
    (0..3).map(|k| (node.low[k] - from[k]).max(from[k] - node.high[k]).max(0.0).powi(2)).sum()
}

fn minus(a: &Point, b: &Point) -> Point {
    std::array::from_fn(|k| a[k] - b[k])
}

fn dot(a: &Point, b: &Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn area([a, b, c]: &[Point; 3]) -> f64 {
    let (u, v) = (minus(b, a), minus(c, a));
    let n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    dot(&n, &n).sqrt() / 2.0
}

/// Squared distance of a point to a triangle by the region of its nearest point (Ericson 2005, *Real-Time Collision
/// Detection*, 5.1.5).
fn squared_to_triangle(p: &Point, [a, b, c]: &[Point; 3]) -> f64 {
    let (ab, ac, ap) = (minus(b, a), minus(c, a), minus(p, a));
    let at = |s: f64, t: f64| {
        let off: Point = std::array::from_fn(|k| ap[k] - s * ab[k] - t * ac[k]);
        dot(&off, &off)
    };
    let (d1, d2) = (dot(&ab, &ap), dot(&ac, &ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return at(0.0, 0.0);
    }
    let bp = minus(p, b);
    let (d3, d4) = (dot(&ab, &bp), dot(&ac, &bp));
    if d3 >= 0.0 && d4 <= d3 {
        return at(1.0, 0.0);
    }
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        return at(d1 / (d1 - d3), 0.0);
    }
    let cp = minus(p, c);
    let (d5, d6) = (dot(&ab, &cp), dot(&ac, &cp));
    if d6 >= 0.0 && d5 <= d6 {
        return at(0.0, 1.0);
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        return at(0.0, d2 / (d2 - d6));
    }
    let va = d3 * d6 - d5 * d4;
    if va <= 0.0 && d4 >= d3 && d5 >= d6 {
        let t = (d4 - d3) / ((d4 - d3) + (d5 - d6));
        return at(1.0 - t, t);
    }
    let all = va + vb + vc;
    at(vb / all, vc / all)
}
