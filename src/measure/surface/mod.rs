//! Distances between the surfaces of a structure in two labelmaps, in millimetres on anisotropic grids.
//!
//! Named conventions, because packages differ (Reinke et al. 2024, Nature Methods 21:182):
//!
//! | | surface | weight | percentile |
//! |---|---|---|---|
//! | [`Convention::Surfel`] | corners where eight voxels meet and are not alike | marching-cubes area | weighted, no interpolation |
//! | [`Convention::Mesh`] | triangles of discrete marching cubes, at their centres, to the nearest point of the other mesh | area | weighted, no interpolation |
//! | [`Convention::Voxel`] | mask voxels with a face neighbour outside | 1 | linear interpolation (type 7) |
//!
//! In all of them: outside the image is background, so a mask voxel on the image face is boundary; Hausdorff distances are
//! the larger of the two directed percentiles; the average symmetric surface distance pools both directions by
//! weight; a distance equal to the tolerance is within it. A plane of one voxel is still a volume.
//! `Surfel` equals DeepMind surface-distance 0.1, `Voxel` MONAI 1.6 and MetricsReloaded, `Mesh`
//! MeshMetrics 1.4 with VTK 9.

mod bits;
mod cube;
mod mesh;
mod nearest;
pub mod surfel;

use rayon::prelude::*;

use super::estimate::{Estimate, Reason};
use super::grid::{Grid, Label};
use super::overlap::Pair;
use bits::Bits;
use nearest::{Nearest, Site};

/// What a surface is made of; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Convention {
    /// Surface elements between voxels, weighted by area.
    #[default]
    Surfel,
    /// Boundary voxels at their centres, all alike.
    Voxel,
    /// Triangles of discrete marching cubes; in a plane the same as [`Convention::Surfel`].
    Mesh,
}

impl Convention {
    /// Its name, as it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Surfel => "surfel",
            Self::Voxel => "voxel",
            Self::Mesh => "mesh",
        }
    }
}

/// Whether the lattice is a volume or a single plane measured as such (contours instead of surfaces).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// Surfaces in space; also where the volume is one voxel thick.
    #[default]
    Volume,
    /// Contours in the plane x, y of a grid with one slice.
    Plane,
}

/// Relative room for rounding in comparisons of a distance with a tolerance.
const ROUNDING: f64 = 1e-9;

/// One direction: distances of one surface's elements to the other surface, ascending, and their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Directed {
    distances_mm: Vec<f64>,
    weights: Vec<f64>,
}

impl Directed {
    fn new(distances_mm: &[f64], weights: &[f64]) -> Self {
        let mut both: Vec<(f64, f64)> = distances_mm.iter().copied().zip(weights.iter().copied()).collect();
        both.par_sort_unstable_by(|p, q| p.0.total_cmp(&q.0).then(p.1.total_cmp(&q.1)));
        let (distances_mm, weights) = both.into_iter().unzip();
        Self { distances_mm, weights }
    }

    /// Sum of the weights: the surface's area in mm² (or the number of voxels).
    pub fn weight(&self) -> f64 {
        self.weights.iter().sum()
    }

    fn moment(&self) -> f64 {
        self.distances_mm.iter().zip(&self.weights).map(|(d, w)| d * w).sum()
    }

    /// The largest distance.
    pub fn max_mm(&self) -> f64 {
        self.weighted_percentile(1.0)
    }

    /// Mean distance, weighted.
    pub fn mean_mm(&self) -> f64 {
        self.moment() / self.weight()
    }

    /// The smallest distance within which `share` of the weight lies; no interpolation.
    fn weighted_percentile(&self, share: f64) -> f64 {
        let last = self.distances_mm.last().copied().unwrap_or(f64::NAN);
        if share >= 1.0 {
            return last;
        }
        let enough = share * self.weight() * (1.0 - 1e-12);
        let mut sum = 0.0;
        for (d, w) in self.distances_mm.iter().zip(&self.weights) {
            sum += w;
            if sum >= enough {
                return *d;
            }
        }
        last
    }

    fn within(&self, tolerance_mm: f64) -> f64 {
        let limit = tolerance_mm * (1.0 + ROUNDING);
        let inside = self.distances_mm.partition_point(|&d| d <= limit);
        self.weights[..inside].iter().sum()
    }
}

/// Both directions between the surfaces of one structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Surfaces {
    convention: Convention,
    /// From the reference to the test.
    pub from_a: Directed,
    /// From the test to the reference.
    pub from_b: Directed,
}

impl Surfaces {
    /// Elements on both surfaces.
    pub fn elements(&self) -> usize {
        self.from_a.weights.len() + self.from_b.weights.len()
    }

    /// The larger of the two directed percentiles (`share` 1: Hausdorff, 0.95: HD95), mm.
    pub fn hausdorff_mm(&self, share: f64) -> f64 {
        let directed = |d: &Directed| match self.convention {
            Convention::Voxel => super::stats::quantile_sorted(&d.distances_mm, share),
            Convention::Surfel | Convention::Mesh => d.weighted_percentile(share),
        };
        directed(&self.from_a).max(directed(&self.from_b))
    }

    /// Average symmetric surface distance: the mean over both surfaces pooled by weight, mm.
    pub fn assd_mm(&self) -> f64 {
        (self.from_a.moment() + self.from_b.moment()) / (self.from_a.weight() + self.from_b.weight())
    }

    /// Mean of the two directed means, mm.
    pub fn masd_mm(&self) -> f64 {
        f64::midpoint(self.from_a.mean_mm(), self.from_b.mean_mm())
    }

    /// Normalised surface Dice (Nikolov et al. 2018): the share of both surfaces within `tolerance_mm` of the other.
    pub fn nsd(&self, tolerance_mm: f64) -> f64 {
        (self.from_a.within(tolerance_mm) + self.from_b.within(tolerance_mm))
            / (self.from_a.weight() + self.from_b.weight())
    }
}

/// Distances between the surfaces of `pair`'s structure; the reason where it is empty on one side or both.
///
/// Only the box around both structures is looked at: memory and time grow with the structure, not with the image.
///
/// # Errors
/// [`Reason`]: which side is empty.
pub fn between<A: Label, B: Label>(
    grid: &Grid,
    a: &[A],
    b: &[B],
    pair: &Pair,
    convention: Convention,
    extent: Extent,
) -> Result<Surfaces, Reason> {
    let Some(bounds) = pair.bounds() else { return Err(Reason::BOTH_EMPTY) };
    if let Some(reason) = pair.empty() {
        return Err(reason);
    }
    let a = Bits::crop(grid, a, pair.label, &bounds);
    let b = Bits::crop(grid, b, pair.label, &bounds);
    let spacing = grid.spacing_mm();
    if convention == Convention::Mesh && extent == Extent::Volume {
        let (from_a, from_b) = mesh::between(&a, &b, spacing);
        return Ok(Surfaces { convention, from_a, from_b });
    }
    let (a, b) = rayon::join(
        || Elements::of(&a, spacing, convention, extent),
        || Elements::of(&b, spacing, convention, extent),
    );
    let (tree_a, tree_b) =
        rayon::join(|| Nearest::new(a.sites.clone(), spacing), || Nearest::new(b.sites.clone(), spacing));
    let from_a = Directed::new(&distances(&a.sites, &tree_b), &a.weights);
    drop(tree_b);
    let from_b = Directed::new(&distances(&b.sites, &tree_a), &b.weights);
    Ok(Surfaces { convention, from_a, from_b })
}

/// A distance measure of `surfaces`, or why there is none.
pub fn estimate(surfaces: &Result<Surfaces, Reason>, measure: impl Fn(&Surfaces) -> f64) -> Estimate {
    match surfaces {
        Ok(s) => Estimate::new(measure(s), s.elements()),
        Err(reason) => Estimate::undefined(reason.clone(), 0),
    }
}

/// Distance of each site to the tree; neighbouring sites share their search.
fn distances(sites: &[Site], tree: &Nearest) -> Vec<f64> {
    let chunks: Vec<Vec<f64>> = sites
        .par_chunks(2048)
        .map(|chunk| {
            let mut hint = None;
            chunk
                .iter()
                .map(|site| {
                    let found = tree.distance(site, hint);
                    hint = found.map(|f| f.1);
                    found.map_or(f64::INFINITY, |f| f.0)
                })
                .collect()
        })
        .collect();
    chunks.concat()
}

/// The elements of a surface: where they are on the lattice, and their weights.
#[derive(Debug, Default)]
struct Elements {
    sites: Vec<Site>,
    weights: Vec<f64>,
}

impl Elements {
    fn of(bits: &Bits, spacing_mm: [f64; 3], convention: Convention, extent: Extent) -> Self {
        let slices = bits.shape()[2];
        match (convention, extent) {
            (Convention::Voxel, _) => Self::collect(slices, |z| boundary_voxels(bits, z, extent)),
            (_, Extent::Volume) => {
                let areas = surfel::areas_mm2(spacing_mm);
                Self::collect(slices, |z| surfels(bits, z, &areas))
            }
            (_, Extent::Plane) => {
                let lengths = surfel::lengths_mm([spacing_mm[0], spacing_mm[1]]);
                Self::collect(slices, |z| contour_elements(bits, z, &lengths))
            }
        }
    }

    fn collect(slices: usize, slice: impl Fn(usize) -> Self + Sync + Send) -> Self {
        let parts: Vec<Self> = (1..slices).into_par_iter().map(slice).collect();
        let mut all = Self::default();
        for mut part in parts {
            all.sites.append(&mut part.sites);
            all.weights.append(&mut part.weights);
        }
        all
    }

    fn push(&mut self, site: [usize; 3], weight: f64) {
        self.sites.push(site.map(|v| v as i32));
        self.weights.push(weight);
    }
}

/// Calls `f` with the position of every set bit of the words that `word` makes.
fn each_set(words: usize, word: impl Fn(usize) -> u64, mut f: impl FnMut(usize)) {
    for w in 0..words {
        let mut rest = word(w);
        while rest != 0 {
            f(64 * w + rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
    }
}

/// The row moved so that bit x holds voxel x − 1.
fn before(row: &[u64], w: usize) -> u64 {
    row[w] << 1 | if w > 0 { row[w - 1] >> 63 } else { 0 }
}

/// The row moved so that bit x holds voxel x + 1.
fn after(row: &[u64], w: usize) -> u64 {
    row[w] >> 1 | row.get(w + 1).map_or(0, |next| next << 63)
}

/// Which of the eight voxels around corner x are set, from the four rows (y − 1 or y, z − 1 or z).
fn code_at(rows: &[&[u64]; 4], x: usize) -> usize {
    let bit = |row: &[u64], x: usize| (row[x / 64] >> (x % 64) & 1) as usize;
    (0..4).map(|k| (bit(rows[k], x - 1) | bit(rows[k], x) << 1) << (2 * k)).sum()
}

/// Corners (x, y, z) between voxels x − 1 and x (and so on) whose eight voxels are not alike.
fn surfels(bits: &Bits, z: usize, areas: &[f64; 256]) -> Elements {
    let mut found = Elements::default();
    for y in 1..bits.shape()[1] {
        let rows = [bits.row(y - 1, z - 1), bits.row(y, z - 1), bits.row(y - 1, z), bits.row(y, z)];
        let unlike = |w: usize| {
            let (mut any, mut all) = (0, u64::MAX);
            for row in rows {
                let (p, q) = (before(row, w), row[w]);
                any |= p | q;
                all &= p & q;
            }
            any & !all
        };
        each_set(rows[0].len(), unlike, |x| {
            found.push([x, y, z], areas[code_at(&rows, x)]);
        });
    }
    found
}

/// As [`surfels`] for the contours of one plane (the slice that is set is slice 1).
fn contour_elements(bits: &Bits, z: usize, lengths: &[f64; 16]) -> Elements {
    let mut found = Elements::default();
    if z != 1 {
        return found;
    }
    for y in 1..bits.shape()[1] {
        let rows = [bits.row(y - 1, z), bits.row(y, z)];
        let unlike = |w: usize| {
            let (p, q) = (before(rows[0], w), before(rows[1], w));
            (p | q | rows[0][w] | rows[1][w]) & !(p & q & rows[0][w] & rows[1][w])
        };
        each_set(rows[0].len(), unlike, |x| {
            let bit = |k: usize, x: usize| (rows[k][x / 64] >> (x % 64) & 1) as usize;
            let code = bit(0, x - 1) | bit(0, x) << 1 | bit(1, x - 1) << 2 | bit(1, x) << 3;
            found.push([x, y, z], lengths[code]);
        });
    }
    found
}

/// Mask voxels with a face neighbour outside the mask.
fn boundary_voxels(bits: &Bits, z: usize, extent: Extent) -> Elements {
    let mut found = Elements::default();
    let [_, ny, nz] = bits.shape();
    if z + 1 >= nz {
        return found;
    }
    for y in 1..ny - 1 {
        let row = bits.row(y, z);
        let edge = |w: usize| {
            let mut inner = before(row, w) & after(row, w) & bits.row(y - 1, z)[w] & bits.row(y + 1, z)[w];
            if extent == Extent::Volume {
                inner &= bits.row(y, z - 1)[w] & bits.row(y, z + 1)[w];
            }
            row[w] & !inner
        };
        each_set(row.len(), edge, |x| found.push([x, y, z], 1.0));
    }
    found
}
