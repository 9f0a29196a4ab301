//! How far two reads of a case agree, structure by structure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Answers, Said};
use super::plan::{Kind, Limits, Plan, StructurePlan};
use crate::label::place::fit;
use crate::label::{Mask, Run};
use crate::measure::detection::components::{Connectivity, components};
use crate::measure::grid::Grid as Lattice;
use crate::measure::overlap;
use crate::measure::surface::{self, Convention, Extent};
use crate::model::geometry::Grid;

/// Two reads, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairAgreement {
    /// The earlier read.
    pub a: i64,
    /// The later one.
    pub b: i64,
    /// The structures at which both looked, and that the plan compares.
    pub structures: Vec<StructureAgreement>,
}

/// One structure of two reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StructureAgreement {
    /// Its name.
    pub structure: String,
    /// What was measured.
    pub measures: BTreeMap<String, f64>,
    /// Whether it is within the plan's limits.
    pub agrees: bool,
    /// From 0 to 1: how near they are.
    pub nearness: f64,
    /// What differs, in words, where it does.
    pub why: Option<String>,
}

impl PairAgreement {
    /// Whether all structures agree.
    pub fn agrees(&self) -> bool {
        self.structures.iter().all(|s| s.agrees)
    }

    /// The mean over structures; `None` where nothing was compared.
    fn nearness(&self) -> Option<f64> {
        let n = self.structures.len();
        (n > 0).then(|| self.structures.iter().map(|s| s.nearness).sum::<f64>() / n as f64)
    }
}

/// Of some reads, the earliest first, the one that is nearest to the others: the largest mean over them of the mean over
/// structures, then the earliest.
pub fn nearest(reads: &[i64], pairs: &[PairAgreement]) -> Option<i64> {
    let of = |read: i64| {
        let all: Vec<f64> =
            pairs.iter().filter(|p| p.a == read || p.b == read).filter_map(PairAgreement::nearness).collect();
        if all.is_empty() { 0.0 } else { all.iter().sum::<f64>() / all.len() as f64 }
    };
    let mut best: Option<(i64, f64)> = None;
    for &read in reads {
        let value = of(read);
        // Sums in another order differ in their last digits.
        if best.is_none_or(|(_, most)| value > most + 1e-9) {
            best = Some((read, value));
        }
    }
    best.map(|(read, _)| read)
}

/// Compares what two reads say.
pub fn compare(plan: &Plan, (a, says_a): (i64, &Answers), (b, says_b): (i64, &Answers)) -> PairAgreement {
    let mut found = Found::default();
    let structures = plan.structures.iter().filter_map(|structure| {
        let limits = structure.agree.as_ref()?;
        let (x, y) = (says_a.get(&structure.name)?, says_b.get(&structure.name)?);
        Some(match (x, y) {
            (Answer::Nothing, Answer::Nothing) => alike(structure, BTreeMap::new(), 1.0, None),
            (Answer::Drawn(..), Answer::Nothing) | (Answer::Nothing, Answer::Drawn(..)) => {
                let measures = [("dice".to_owned(), 0.0)].into();
                alike(structure, measures, 0.0, Some("one found it and the other did not".into()))
            }
            (Answer::Drawn(grid, mask), Answer::Drawn(other, drawn)) => {
                drawn_alike(structure, limits, (grid, mask), (other, drawn), &mut found)
            }
            (Answer::Said(x), Answer::Said(y)) => {
                let matched = structure.of.as_ref().and_then(|of| found.matched(of, says_a, says_b));
                said_alike(structure, limits, x, y, matched.unwrap_or_default())
            }
            _ => alike(structure, BTreeMap::new(), 0.0, Some("they are of different kinds".into())),
        })
    });
    PairAgreement { a, b, structures: structures.collect() }
}

fn alike(
    structure: &StructurePlan,
    measures: BTreeMap<String, f64>,
    nearness: f64,
    why: Option<String>,
) -> StructureAgreement {
    StructureAgreement { structure: structure.name.clone(), measures, agrees: why.is_none(), nearness, why }
}

/// Instances that were matched, by structure.
#[derive(Default)]
struct Found(BTreeMap<String, Vec<(u32, u32)>>);

impl Found {
    fn matched(&mut self, of: &str, a: &Answers, b: &Answers) -> Option<Vec<(u32, u32)>> {
        if let Some(known) = self.0.get(of) {
            return Some(known.clone());
        }
        let (Some(Answer::Drawn(grid, x)), Some(Answer::Drawn(other, y))) = (a.get(of), b.get(of)) else {
            return None;
        };
        let y = on_grid(other, y, grid)?;
        let pairs = matching(x, &y).0;
        self.0.insert(of.into(), pairs.clone());
        Some(pairs)
    }
}

/// A mask on the voxels of another grid.
fn on_grid(grid: &Grid, mask: &Mask, to: &Grid) -> Option<Mask> {
    fit(grid, to).ok().and_then(|mapping| mask.moved(&mapping, to))
}

fn drawn_alike(
    structure: &StructurePlan,
    limits: &Limits,
    (grid, a): (&Grid, &Mask),
    (other, b): (&Grid, &Mask),
    found: &mut Found,
) -> StructureAgreement {
    let Some(b) = on_grid(other, b, grid) else {
        return alike(structure, BTreeMap::new(), 0.0, Some("they lie on different voxels".into()));
    };
    let mut measures: BTreeMap<String, f64> = BTreeMap::new();
    let dice = dice(a, &b);
    measures.insert("dice".into(), dice);
    let mut failed = Vec::new();
    least("dice", dice, limits.dice, &mut failed);
    let mut near = vec![dice];
    if structure.instances {
        let (pairs, [in_a, in_b]) = matching(a, &b);
        let f1 = if in_a + in_b == 0 { 1.0 } else { 2.0 * pairs.len() as f64 / (in_a + in_b) as f64 };
        found.0.insert(structure.name.clone(), pairs);
        measures.insert("f1".into(), f1);
        least("f1", f1, limits.f1, &mut failed);
        near.push(f1);
    }
    if limits.hd95_mm.is_some() || limits.assd_mm.is_some() {
        let far = distances(grid, a, &b);
        for (name, value, limit) in
            [("hd95_mm", far.map(|f| f[0]), limits.hd95_mm), ("assd_mm", far.map(|f| f[1]), limits.assd_mm)]
        {
            let Some(limit) = limit else { continue };
            if let Some(value) = value {
                measures.insert(name.into(), value);
            }
            if value.is_none_or(|v| v > limit) {
                let is = value.map_or("undefined".into(), |v| format!("{v:.2}"));
                failed.push(format!("{name} {is}, at most {limit} is asked for"));
            }
        }
    }
    let nearness = near.iter().sum::<f64>() / near.len() as f64;
    alike(structure, measures, nearness, (!failed.is_empty()).then(|| failed.join("; ")))
}

fn least(name: &str, value: f64, limit: Option<f64>, failed: &mut Vec<String>) {
    if let Some(limit) = limit.filter(|limit| value < *limit) {
        failed.push(format!("{name} {value:.3}, at least {limit} is asked for"));
    }
}

/// Dice over all voxels; 1 where both are empty.
fn dice(a: &Mask, b: &Mask) -> f64 {
    let (x, y) = (a.voxels(), b.voxels());
    let both = x + y - a.clone().or(b).voxels();
    if x + y == 0 { 1.0 } else { 2.0 * both as f64 / (x + y) as f64 }
}

/// The 95th percentile and the mean of the distances of the surfaces.
fn distances(grid: &Grid, a: &Mask, b: &Mask) -> Option<[f64; 2]> {
    let bounds = a.clone().or(b).bounds()?;
    let shape: [usize; 3] = std::array::from_fn(|k| (bounds[1][k] - bounds[0][k]) as usize);
    let lattice = Lattice::new(shape, grid.step_mm()).ok()?;
    let (a, b) = (a.cropped(bounds), b.cropped(bounds));
    let pair = overlap::pairs(&lattice, &a, &b).into_iter().next()?;
    let far = surface::between(&lattice, &a, &b, &pair, Convention::Surfel, Extent::Volume).ok()?;
    Some([far.hausdorff_mm(0.95), far.assd_mm()])
}

/// The objects of a mask: components that touch by faces, edges or corners, the largest first, then by the place of their
/// first voxel.
pub fn instances(mask: &Mask) -> Vec<Mask> {
    let Some(bounds) = mask.bounds() else { return Vec::new() };
    let shape: [usize; 3] = std::array::from_fn(|k| (bounds[1][k] - bounds[0][k]) as usize);
    let Ok(lattice) = Lattice::new(shape, [1.0; 3]) else { return Vec::new() };
    let (marks, count) = components(&lattice, &mask.cropped(bounds), Connectivity::Corners);
    let rows = mask.shape()[1];
    let mut parts: Vec<Vec<Run>> = vec![Vec::new(); count as usize];
    for run in mask.runs() {
        let (y, z) = (run.row % rows - bounds[0][1], run.row / rows - bounds[0][2]);
        let x = u32::from(run.from) - bounds[0][0];
        // Voxels of one run touch: they are of one object.
        let at = (z as usize * shape[1] + y as usize) * shape[0] + x as usize;
        if let Some(part) = marks.get(at).and_then(|mark| parts.get_mut((*mark as usize).wrapping_sub(1))) {
            part.push(*run);
        }
    }
    let mut found: Vec<Mask> = parts.into_iter().map(|runs| Mask::of_runs(mask.shape(), runs)).collect();
    // Components come in the order of their first voxels, and this sort keeps it.
    found.sort_by_key(|part| std::cmp::Reverse(part.voxels()));
    found
}

/// Instances matched one to one by the largest Dice, as numbers from 1, and how many there are of each.
fn matching(a: &Mask, b: &Mask) -> (Vec<(u32, u32)>, [usize; 2]) {
    let (of_a, of_b) = (instances(a), instances(b));
    let mut overlaps = Vec::new();
    for (i, x) in of_a.iter().enumerate() {
        for (j, y) in of_b.iter().enumerate().filter(|(_, y)| x.meets(y)) {
            overlaps.push((dice(x, y), i, j));
        }
    }
    overlaps.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for (_, i, j) in overlaps {
        let (i, j) = (i as u32 + 1, j as u32 + 1);
        if pairs.iter().all(|(x, y)| *x != i && *y != j) {
            pairs.push((i, j));
        }
    }
    pairs.sort_unstable();
    (pairs, [of_a.len(), of_b.len()])
}

/// Values of the whole with each other, and of instances that were matched.
fn said_alike(
    structure: &StructurePlan,
    limits: &Limits,
    a: &BTreeMap<u32, Said>,
    b: &BTreeMap<u32, Said>,
    matched: Vec<(u32, u32)>,
) -> StructureAgreement {
    let (mut measures, mut failed, mut near) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (i, j) in std::iter::once((0, 0)).chain(matched) {
        let (Some(x), Some(y)) = (a.get(&i), b.get(&j)) else { continue };
        let of = if i == 0 { String::new() } else { format!(" of number {i}") };
        if let (Said::Number(x), Said::Number(y)) = (x, y) {
            let difference = (x - y).abs();
            keep_largest(&mut measures, "difference", difference);
            if limits.within.is_some_and(|most| difference > most) {
                failed.push(format!("{x} and {y}{of}, within {} is asked for", limits.within.unwrap_or(0.0)));
            }
            let mean = f64::midpoint(x.abs(), y.abs());
            let percent = if mean == 0.0 { 0.0 } else { 100.0 * difference / mean };
            if let Some(most) = limits.within_percent {
                keep_largest(&mut measures, "difference_percent", percent);
                if percent > most {
                    failed.push(format!(
                        "{x} and {y}{of} differ by {percent:.1} %, at most {most} % is asked for"
                    ));
                }
            }
            near.push(nearness(structure, difference, mean));
        } else {
            let equal = x == y;
            keep_largest(&mut measures, "different", f64::from(u8::from(!equal)));
            near.push(f64::from(u8::from(equal)));
        }
        if limits.equal && x != y {
            failed.push(format!("{x} and {y}{of}"));
        }
    }
    let nearness = if near.is_empty() { 1.0 } else { near.iter().sum::<f64>() / near.len() as f64 };
    alike(structure, measures, nearness, (!failed.is_empty()).then(|| failed.join("; ")))
}

fn keep_largest(measures: &mut BTreeMap<String, f64>, name: &str, value: f64) {
    let known = measures.entry(name.into()).or_insert(value);
    *known = known.max(value);
}

/// From 0 to 1: of a rating against the length of its scale, of a measurement against its size.
fn nearness(structure: &StructurePlan, difference: f64, mean: f64) -> f64 {
    let length = match (structure.kind, structure.scale.first(), structure.scale.last()) {
        (Kind::Rating, Some(first), Some(last)) => last - first,
        _ => mean,
    };
    if length > 0.0 { (1.0 - difference / length).max(0.0) } else { 1.0 }
}
