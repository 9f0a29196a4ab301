//! Marching cubes from first principles: the polygons that separate inside from outside among eight voxels
//! (Lorensen and Cline 1987), with vertices at half edges.
//!
//! Bit `x + 2y + 4z` of a code tells whether the voxel on that side is inside. Inside voxels that touch by an edge or
//! corner only are kept apart, on every face alike, so that neighbouring cubes fit together.

/// A cut edge of the cube, by its two corners, the smaller first.
pub(super) type Edge = [usize; 2];

fn edge(a: usize, b: usize) -> Edge {
    [a.min(b), a.max(b)]
}

/// Twice the middle of an edge on the unit cube, in whole numbers.
pub(super) fn middle2(e: Edge) -> [i32; 3] {
    std::array::from_fn(|k| (e[0] >> k & 1) as i32 + (e[1] >> k & 1) as i32)
}

/// Corners of the face at `side` of `axis`, in order around it.
fn face(axis: usize, side: usize) -> [usize; 4] {
    let (u, v) = (1 << ((axis + 1) % 3), 1 << ((axis + 2) % 3));
    let base = side << axis;
    [base, base | u, base | u | v, base | v]
}

/// The closed polygons of a code: by their smallest edge, each from that edge towards the smaller of its neighbours.
pub(super) fn polygons(code: u8) -> Vec<Vec<Edge>> {
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
    while let Some(first) = links.iter().map(|l| l.0.min(l.1)).min() {
        let mut polygon = vec![first];
        let mut last = first;
        while let Some((at, next)) = links
            .iter()
            .enumerate()
            .filter(|(_, l)| l.0 == last || l.1 == last)
            .map(|(at, l)| (at, if l.0 == last { l.1 } else { l.0 }))
            .min_by_key(|l| l.1)
        {
            links.swap_remove(at);
            if next == first {
                break;
            }
            polygon.push(next);
            last = next;
        }
        closed.push(polygon);
    }
    closed
}

/// Every triangulation of a polygon with vertices `from..=to`, as triples of vertices.
pub(super) fn triangulations(from: usize, to: usize) -> Vec<Vec<[usize; 3]>> {
    if to < from + 2 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for apex in from + 1..to {
        for left in triangulations(from, apex) {
            for right in triangulations(apex, to) {
                all.push(left.iter().chain(&right).copied().chain([[from, apex, to]]).collect());
            }
        }
    }
    all
}
