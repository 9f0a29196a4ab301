//! Connected components: which voxels are one lesion.

use crate::measure::grid::{Grid, Label};

/// Which neighbours count as connected in space (in one plane: 4, 8, 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connectivity {
    /// By faces.
    Faces,
    /// By faces and edges.
    Edges,
    /// By faces, edges and corners: Gantry's lesions (8 in a plane).
    #[default]
    Corners,
}

impl Connectivity {
    /// The neighbours that come before a voxel in x-fastest order.
    fn earlier(self) -> Vec<[i64; 3]> {
        let most = match self {
            Self::Faces => 1,
            Self::Edges => 2,
            Self::Corners => 3,
        };
        let mut all = Vec::new();
        for z in -1..=0_i64 {
            for y in -1..=1_i64 {
                for x in -1..=1_i64 {
                    let before = (z, y, x) < (0, 0, 0);
                    if before && x.abs() + y.abs() + z.abs() <= most {
                        all.push([x, y, z]);
                    }
                }
            }
        }
        all
    }
}

/// Components of all voxels that are not 0, numbered from 1 in x-fastest order of their first voxel, and how many
/// there are (Rosenfeld and Pfaltz 1966, two passes with union–find).
pub fn components<L: Label>(grid: &Grid, labels: &[L], connectivity: Connectivity) -> (Vec<u32>, u32) {
    let [nx, ny, nz] = grid.shape().map(|n| n as i64);
    let neighbours = connectivity.earlier();
    let mut parent: Vec<u32> = vec![0];
    let mut marks = vec![0_u32; labels.len()];
    for z in 0..nz {
        for y in 0..ny {
            let row = (nx * (y + ny * z)) as usize;
            if !L::any(&labels[row..row + nx as usize]) {
                continue;
            }
            for x in 0..nx {
                let at = row + x as usize;
                if labels[at].number() == 0 {
                    continue;
                }
                let mut mark = 0;
                for [dx, dy, dz] in &neighbours {
                    let (px, py, pz) = (x + dx, y + dy, z + dz);
                    if px < 0 || px >= nx || py < 0 || py >= ny || pz < 0 {
                        continue;
                    }
                    let other = marks[(px + nx * (py + ny * pz)) as usize];
                    if other > 0 {
                        mark =
                            if mark == 0 { root(&mut parent, other) } else { join(&mut parent, mark, other) };
                    }
                }
                if mark == 0 {
                    mark = parent.len() as u32;
                    parent.push(mark);
                }
                marks[at] = mark;
            }
        }
    }
    renumber(&mut parent, &mut marks)
}

fn root(parent: &mut [u32], mut at: u32) -> u32 {
    while parent[at as usize] != at {
        parent[at as usize] = parent[parent[at as usize] as usize];
        at = parent[at as usize];
    }
    at
}

fn join(parent: &mut [u32], a: u32, b: u32) -> u32 {
    let (a, b) = (root(parent, a), root(parent, b));
    let (low, high) = (a.min(b), a.max(b));
    parent[high as usize] = low;
    low
}

fn renumber(parent: &mut [u32], marks: &mut [u32]) -> (Vec<u32>, u32) {
    let mut number = vec![0_u32; parent.len()];
    let mut count = 0;
    for mark in marks.iter_mut().filter(|m| **m > 0) {
        let at = root(parent, *mark) as usize;
        if number[at] == 0 {
            count += 1;
            number[at] = count;
        }
        *mark = number[at];
    }
    (marks.to_vec(), count)
}
