//! What several readers say together: by the majority, or by the most probable truth.

use std::collections::BTreeMap;

use super::answer::{Answer, Answers, Said};
use super::plan::{Consensus, Plan};
use crate::label::mask::runs_by_value;
use crate::label::place::fit;
use crate::label::{Mask, Run};
use crate::measure::consensus::masks::Decisions;
use crate::measure::consensus::staple::staple;
use crate::model::geometry::Grid;

/// What readers say together, structure by structure; of those who looked.
pub fn agreed(plan: &Plan, reads: &[&Answers]) -> Answers {
    let mut whole = Answers::new();
    for structure in &plan.structures {
        let said: Vec<&Answer> = reads.iter().filter_map(|r| r.get(&structure.name)).collect();
        if said.is_empty() {
            continue;
        }
        let answer = if structure.kind.is_drawn() {
            drawn(&said, plan.consensus == Consensus::Staple)
        } else {
            spoken(&said)
        };
        if let Some(answer) = answer {
            whole.insert(structure.name.clone(), answer);
        }
    }
    whole
}

/// Voxels that more than half of the readers drew, or that most probably belong to it.
fn drawn(said: &[&Answer], probable: bool) -> Option<Answer> {
    let first = said.iter().find_map(|a| if let Answer::Drawn(grid, _) = a { Some(*grid) } else { None });
    let Some(grid) = first else { return Some(Answer::Nothing) };
    let masks: Vec<Mask> = said.iter().map(|a| on(a, &grid)).collect::<Option<_>>()?;
    let bounds = masks.iter().fold(Mask::empty(grid.shape), |all, m| all.or(m)).bounds()?;
    let cropped: Vec<Vec<bool>> =
        masks.iter().map(|m| m.cropped(bounds).into_iter().map(|v| v > 0).collect()).collect();
    let slices: Vec<&[bool]> = cropped.iter().map(Vec::as_slice).collect();
    let decisions = Decisions::of(&slices)?;
    let voxels = match staple(&decisions) {
        Ok(truth) if probable => truth.probability(&decisions).into_iter().map(|p| p >= 0.5).collect(),
        _ => decisions.majority(),
    };
    let mask = whole(&voxels, bounds, &grid);
    Some(if mask.is_empty() { Answer::Nothing } else { Answer::Drawn(grid, mask) })
}

fn on(answer: &Answer, grid: &Grid) -> Option<Mask> {
    match answer {
        Answer::Drawn(own, mask) => fit(own, grid).ok().and_then(|mapping| mask.moved(&mapping, grid)),
        _ => Some(Mask::empty(grid.shape)),
    }
}

/// A box of voxels as a mask of the whole grid.
fn whole(voxels: &[bool], [low, high]: [[u32; 3]; 2], grid: &Grid) -> Mask {
    let [width, height] = [high[0] - low[0], high[1] - low[1]];
    let mut runs = Vec::new();
    runs_by_value(voxels, false, width, |_, run| {
        let (y, z) = (run.row % height + low[1], run.row / height + low[2]);
        let row = z * grid.shape[1] + y;
        runs.push(Run { row, from: run.from + low[0] as u16, to: run.to + low[0] as u16 });
    });
    Mask::of_runs(grid.shape, runs)
}

/// The median of numbers, the word that most say; of several the one that comes first.
fn spoken(said: &[&Answer]) -> Option<Answer> {
    let mut all: BTreeMap<u32, Vec<&Said>> = BTreeMap::new();
    for answer in said {
        if let Answer::Said(values) = answer {
            values.iter().for_each(|(item, value)| all.entry(*item).or_default().push(value));
        }
    }
    // Numbers of instances are each reader's own: only what is said of the whole can be put together.
    let of_whole = all.remove(&0)?;
    let mut numbers: Vec<f64> =
        of_whole.iter().filter_map(|v| if let Said::Number(n) = v { Some(*n) } else { None }).collect();
    let value = if numbers.len() == of_whole.len() {
        numbers.sort_by(f64::total_cmp);
        // A step of a scale, never something between two.
        Said::Number(numbers[(numbers.len() - 1) / 2])
    } else {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        of_whole.iter().for_each(|v| *counts.entry(v.to_string()).or_default() += 1);
        let most = counts.values().copied().max()?;
        let first = counts.into_iter().find(|(_, n)| *n == most)?;
        Said::Word(first.0)
    };
    Some(Answer::Said([(0, value)].into()))
}
