//! Labels in the air around the patient.

use serde_json::json;

use super::{LabelCheck, LabelInput};
use crate::model::{Finding, Severity};
use crate::qc::Threshold;

/// A part of a structure lies in the air around the patient: shifted, flipped, or drawn past the skin.
#[derive(Debug, Clone, Copy)]
pub struct OutsideBody;

/// From here on it is no slip of the pen.
const HALF: f64 = 0.5;

impl LabelCheck for OutsideBody {
    fn id(&self) -> &'static str {
        "label_outside_body"
    }

    fn threshold(&self) -> Option<Threshold> {
        Some(Threshold { default: 0.02, about: "share of a structure's voxels that may lie outside, 0 to 1" })
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        let Some(outside) = input.outside else { return Vec::new() };
        let limit = input.threshold(self);
        let mut findings = Vec::new();
        for set in input.structures {
            let mut out = 0_u64;
            for (r, row) in set.mask.chunks(set.size[0]).enumerate() {
                let (j, k) = (set.low[1] + r % set.size[1], set.low[2] + r / set.size[1]);
                let start = set.low[0] + input.shape[0] * (j + input.shape[1] * k);
                let air = &outside[start..start + row.len()];
                out += row.iter().zip(air).filter(|(member, air)| **member > 0 && **air).count() as u64;
            }
            let share = out as f64 / set.voxels.max(1) as f64;
            if share > limit {
                let severity = if share > HALF { Severity::Error } else { Severity::Warning };
                let name = input.name(set.number);
                let message = format!("{:.0} % of {name} lies in the air around the patient", share * 100.0);
                let evidence =
                    json!({"structure": name, "voxels": set.voxels, "outside": out, "share": share});
                findings.push(self.finding(severity, message, evidence));
            }
        }
        findings
    }
}
