//! Modality against SOP class.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// The modality is not one that the SOP class allows.
#[derive(Debug, Clone, Copy)]
pub struct ModalitySopClass;

impl Check for ModalitySopClass {
    fn id(&self) -> &'static str {
        "modality_sop_class"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut seen = Vec::new();
        for common in input.series.instances.iter().map(|i| &i.header.common) {
            let pair = (common.sop_class.as_deref(), common.modality.as_deref());
            let (Some(class), Some(modality)) = pair else { continue };
            let Some(allowed) = allowed(class) else { continue };
            if allowed.contains(&modality) || seen.contains(&pair) {
                continue;
            }
            seen.push(pair);
            let message = format!("modality {modality} with a SOP class of {}", allowed.join(" or "));
            let evidence = json!({"modality": modality, "sop_class": class, "allowed": allowed});
            findings.push(self.finding(Severity::Warning, message, evidence));
        }
        findings
    }
}

/// The modalities of a storage SOP class (PS3.3 IODs); `None` where any may be, as in secondary capture.
fn allowed(sop_class: &str) -> Option<&'static [&'static str]> {
    Some(match sop_class.strip_prefix("1.2.840.10008.5.1.4.1.1.")? {
        "1" => &["CR"],
        "1.1" | "1.1.1" => &["DX"],
        "1.2" | "1.2.1" | "13.1.3" => &["MG"],
        "1.3" | "1.3.1" => &["IO"],
        "2" | "2.1" | "2.2" => &["CT"],
        "3.1" | "6.1" | "6.2" | "3" | "6" => &["US", "IVUS"],
        "4" | "4.1" | "4.2" | "4.3" | "4.4" => &["MR"],
        "12.1" | "12.1.1" => &["XA"],
        "12.2" | "12.2.1" => &["RF"],
        "20" => &["NM"],
        "77.1.5.1" | "77.1.5.2" => &["OP"],
        "77.1.5.4" => &["OPT", "OCT"],
        "77.1.6" => &["SM"],
        "66.4" => &["SEG"],
        "66.5" => &["SEG", "M3D"],
        "128" | "128.1" | "130" => &["PT"],
        "481.1" => &["RTIMAGE"],
        "481.2" => &["RTDOSE"],
        "481.3" => &["RTSTRUCT"],
        "481.5" => &["RTPLAN"],
        "88.11" | "88.22" | "88.33" | "88.34" => &["SR"],
        "88.59" => &["KO"],
        "11.1" => &["PR"],
        "104.1" => &["DOC"],
        "67" => &["RWV"],
        _ => return None,
    })
}
