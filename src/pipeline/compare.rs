//! Compare: what readers drew of the same structures on a series, two by two, once.

use serde_json::json;

use super::stage::{Stage, StageError};
use super::{Shared, now_ms};
use crate::catalog::{Drawn, Job, PairFigures};
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
        let same = |a: &Drawn, b: &Drawn| (a.item, &a.structure) == (b.item, &b.structure);
        for reads in drawn.chunk_by(same) {
            for (k, a) in reads.iter().enumerate() {
                for b in &reads[k + 1..] {
                    // Two who found nothing agree; there is nothing to overlap.
                    let nothing = a.label.is_none() && b.label.is_none();
                    if !nothing && !shared.catalog.read().is_compared([a.id, b.id])? {
                        found.push(([a.id, b.id], figures(shared, a, b)?));
                    }
                }
            }
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

fn figures(shared: &Shared, a: &Drawn, b: &Drawn) -> Result<PairFigures, StageError> {
    let (Some(a), Some(b)) = (&a.label, &b.label) else { return Ok(PairFigures::default()) };
    let (a, b) = (shared.store.read(a)?, shared.store.read(b)?);
    Ok(stored::decode(&a).zip(stored::decode(&b)).map(|(a, b)| of_masks(a, b)).unwrap_or_default())
}

/// Overlap and distances of two masks; masks on other voxels of the same series have nothing in common.
fn of_masks((grid, a): (Grid, Mask), (other, b): (Grid, Mask)) -> PairFigures {
    let moved = fit(&other, &grid).ok().and_then(|mapping| b.moved(&mapping, &grid));
    let Some(b) = moved else { return PairFigures::default() };
    let [nx, ny, nz] = grid.shape.map(|n| n as usize);
    let Ok(lattice) = Lattice::new([nx, ny, nz], grid.step_mm()) else { return PairFigures::default() };
    let dense = |mask: &Mask| {
        let mut volume = vec![0_u8; nx * ny * nz];
        mask.paint(1, &mut volume);
        volume
    };
    let (a, b) = (dense(&a), dense(&b));
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
