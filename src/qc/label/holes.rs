//! Holes in a structure.

use serde_json::json;

use super::{LabelCheck, LabelInput, SliceSet};
use crate::measure::detection::components::{Connectivity, components};
use crate::measure::grid::Grid;
use crate::model::{Finding, Severity};
use crate::qc::Threshold;
use crate::qc::series::{count, mm};

/// Background that a structure encloses on every side. Vessels in a lung are holes on purpose, so this is a note, and a
/// warning only where the holes are large.
#[derive(Debug, Clone, Copy)]
pub struct Holes;

impl LabelCheck for Holes {
    fn id(&self) -> &'static str {
        "label_holes"
    }

    fn threshold(&self) -> Option<Threshold> {
        Some(Threshold {
            default: 0.05,
            about: "share of a structure's volume, above which its holes are a warning, 0 to 1",
        })
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        let limit = input.threshold(self);
        let mut findings = Vec::new();
        for set in input.structures {
            let (holes, voxels) = holes(set, input.spacing_mm);
            if holes == 0 {
                continue;
            }
            let name = input.name(set.number);
            let mm3 = voxels as f64 * input.voxel_mm3;
            let severity =
                if voxels as f64 > limit * set.voxels as f64 { Severity::Warning } else { Severity::Info };
            let message = format!("{} in {name}, {} mm³ together", count(holes, "hole"), mm(mm3));
            let evidence = json!({"structure": name, "holes": holes, "voxels": voxels, "volume_mm3": mm3});
            findings.push(self.finding(severity, message, evidence));
        }
        findings
    }
}

/// How many holes there are, and their voxels: parts of the background that do not reach the faces of the box.
fn holes(set: &SliceSet, spacing_mm: [f64; 3]) -> (usize, u64) {
    let Ok(grid) = Grid::new(set.size, spacing_mm) else { return (0, 0) };
    let background: Vec<u8> = set.mask.iter().map(|m| u8::from(*m == 0)).collect();
    let (marks, n) = components(&grid, &background, Connectivity::Faces);
    let mut parts = vec![(0_u64, false); n as usize];
    let [nx, ny, nz] = set.size;
    for (at, mark) in marks.into_iter().enumerate().filter(|(_, m)| *m > 0) {
        let (x, y, z) = (at % nx, at / nx % ny, at / (nx * ny));
        let part = &mut parts[mark as usize - 1];
        part.0 += 1;
        part.1 |= x == 0 || y == 0 || z == 0 || x == nx - 1 || y == ny - 1 || z == nz - 1;
    }
    let enclosed = parts.iter().filter(|(_, open)| !open);
    (enclosed.clone().count(), enclosed.map(|(n, _)| n).sum())
}
