//! Specks beside a structure.

use serde_json::json;

use super::{LabelCheck, LabelInput, SliceSet};
use crate::measure::detection::components::{Connectivity, components};
use crate::measure::grid::Grid;
use crate::model::{Finding, Severity};
use crate::qc::Threshold;
use crate::qc::series::{MOST, count};

/// Parts of a structure lie on a single slice, apart from its main part, which spans several: a click on the wrong slice.
#[derive(Debug, Clone, Copy)]
pub struct Islands;

/// A main part of fewer slices is a speck itself.
const SLICES: usize = 3;

/// A part of a structure: voxels, first and last slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    voxels: u64,
    low: usize,
    high: usize,
}

impl LabelCheck for Islands {
    fn id(&self) -> &'static str {
        "label_islands"
    }

    fn threshold(&self) -> Option<Threshold> {
        Some(Threshold {
            default: 0.01,
            about: "share of the main part's voxels, below which a part is a speck, 0 to 1",
        })
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        let share = input.threshold(self);
        let mut findings = Vec::new();
        for set in input.structures {
            let parts = parts(set, input.spacing_mm);
            let Some(main) = parts.iter().max_by_key(|p| p.voxels) else { continue };
            if main.high - main.low + 1 < SLICES {
                continue;
            }
            let specks: Vec<&Part> = parts
                .iter()
                .filter(|p| p.low == p.high && (p.voxels as f64) < share * main.voxels as f64)
                .collect();
            if specks.is_empty() {
                continue;
            }
            let name = input.name(set.number);
            let message = format!(
                "{} of {name} on a single slice, apart from its main part",
                count(specks.len(), "speck")
            );
            let listed: Vec<_> =
                specks.iter().take(MOST).map(|p| json!({"slice": p.low, "voxels": p.voxels})).collect();
            let slices: Vec<usize> = specks.iter().take(MOST).map(|p| p.low).collect();
            let evidence = json!({"structure": name, "specks": specks.len(), "main_voxels": main.voxels,
                "listed": listed, "slices": slices});
            findings.push(self.finding(Severity::Warning, message, evidence));
        }
        findings
    }
}

/// The connected parts of a structure.
fn parts(set: &SliceSet, spacing_mm: [f64; 3]) -> Vec<Part> {
    let Ok(grid) = Grid::new(set.size, spacing_mm) else { return Vec::new() };
    let (marks, n) = components(&grid, &set.mask, Connectivity::Corners);
    let mut parts = vec![Part { voxels: 0, low: usize::MAX, high: 0 }; n as usize];
    let plane = set.size[0] * set.size[1];
    for (at, mark) in marks.into_iter().enumerate().filter(|(_, m)| *m > 0) {
        let (part, slice) = (&mut parts[mark as usize - 1], set.low[2] + at / plane);
        part.voxels += 1;
        (part.low, part.high) = (part.low.min(slice), part.high.max(slice));
    }
    parts
}
