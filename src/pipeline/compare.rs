//! Compare: what readers drew of the same structures on a series, two by two, once.

use serde_json::json;

use super::stage::{Stage, StageError};
use super::{Shared, now_ms};
use crate::catalog::{DrawnRead, Job, PairFigures};
use crate::label::place::fit;
use crate::label::{Mask, stored};
use crate::measure::grid::Grid as Lattice;
use crate::measure::overlap;
use crate::measure::surface::{self, Convention, Extent};
use crate::model::ChangeKind;
use crate::model::geometry::Grid;

/// Its name.
pub const STAGE: &str = "compare";

/// Compares the reads of a series.
pub struct CompareReads;

impl Stage for CompareReads {
    fn name(&self) -> &'static str {
        STAGE
    }

    fn run(&self, shared: &Shared, job: &Job) -> Result<(), StageError> {
        let drawn = shared.catalog.read().drawn_on(&job.object)?;
        let mut found: Vec<([i64; 2], PairFigures)> = Vec::new();
        let same = |a: &DrawnRead, b: &DrawnRead| (a.item, &a.structure) == (b.item, &b.structure);
        for reads in drawn.chunk_by(same) {
            found.extend(pairs_of(shared, reads)?);
        }
        let now = now_ms();
        shared.catalog.write_derived(|tx| {
            for (pair, figures) in &found {
                tx.put_comparison(*pair, *figures)?;
            }
            if !found.is_empty() {
                tx.audit(now, "gantry", "label.compare", &job.object, &json!({ "pairs": found.len() }))?;
            }
            tx.finish(job)
        })?;
        if !found.is_empty() {
            shared.bus.tell(ChangeKind::Reads);
        }
        Ok(())
    }
}

/// The pairs of readers of one structure that were not compared yet.
fn pairs_of(shared: &Shared, reads: &[DrawnRead]) -> Result<Vec<([i64; 2], PairFigures)>, StageError> {
    let mut missing = Vec::new();
    for (k, a) in reads.iter().enumerate() {
        for (l, b) in reads.iter().enumerate().skip(k + 1) {
            // Two who found nothing agree; there is nothing to overlap.
            let nothing = a.label.is_none() && b.label.is_none();
            if !nothing && !shared.catalog.read().is_compared([a.id, b.id])? {
                missing.push((k, l));
            }
        }
    }
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let mask = |read: &DrawnRead| match &read.label {
        Some(blob) => Ok::<_, StageError>(stored::decode(&shared.store.read(blob)?)),
        None => Ok(None),
    };
    let masks = reads.iter().map(mask).collect::<Result<Vec<_>, _>>()?;
    let figures = |(k, l): (usize, usize)| {
        let both = masks[k].as_ref().zip(masks[l].as_ref());
        ([reads[k].id, reads[l].id], both.map(|(a, b)| of_masks(a, b)).unwrap_or_default())
    };
    Ok(missing.into_iter().map(figures).collect())
}

/// Overlap and distances of two masks; masks on other voxels of the same series have nothing in common.
fn of_masks((grid, a): &(Grid, Mask), (other, b): &(Grid, Mask)) -> PairFigures {
    let moved = fit(other, grid).ok().and_then(|mapping| b.moved(&mapping, grid));
    let Some(b) = moved else { return PairFigures::default() };
    // Only the box around both: what lies outside is background, in the image or beyond it.
    let Some(bounds) = a.clone().or(&b).bounds() else { return PairFigures::default() };
    let shape: [usize; 3] = std::array::from_fn(|k| (bounds[1][k] - bounds[0][k]) as usize);
    let Ok(lattice) = Lattice::new(shape, grid.step_mm()) else { return PairFigures::default() };
    let (a, b) = (a.cropped(bounds), b.cropped(bounds));
    let Some(pair) = overlap::pairs(&lattice, &a, &b).into_iter().next() else {
        return PairFigures::default();
    };
    let surfaces = surface::between(&lattice, &a, &b, &pair, Convention::Surfel, Extent::Volume).ok();
    PairFigures {
        dice: pair.dice().value.unwrap_or(0.0),
        hd95_mm: surfaces.as_ref().map(|s| s.hausdorff_mm(0.95)),
        assd_mm: surfaces.as_ref().map(surface::Surfaces::assd_mm),
    }
}
