//! A JSON sidecar: acquisition parameters under the names and in the units of BIDS, de-identified facts, geometry, findings, and provenance down to the stored
//! instances.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Exporter, Item, ending};
use crate::model::Severity;

/// `.json`.
pub struct Sidecar;

impl Exporter for Sidecar {
    fn name(&self) -> &'static str {
        "json"
    }

    fn write(&self, item: &Item<'_>, stem: &Path) -> io::Result<Vec<PathBuf>> {
        let (about, grid) = (item.about, &item.volume.grid);
        let common = &item.series.stacks[item.stack].common;
        let here = |f: &&crate::model::Finding| f.stack.is_none_or(|s| s as usize == item.stack);
        let findings: Vec<_> = about
            .findings
            .iter()
            .filter(here)
            .map(|f| {
                let severity = match f.severity {
                    Severity::Info => "info",
                    Severity::Warning => "warning",
                    Severity::Error => "error",
                };
                json!({ "check": f.check, "version": f.version, "severity": severity, "message": f.message })
            })
            .collect();
        let facts: BTreeMap<_, _> = about.facts.iter().map(|(name, value)| (name, value)).collect();
        let figures = item.volume.figures();
        let mut sidecar = json!({
            "subject": about.subject,
            "site": about.site,
            "study_uid": item.series.study_uid,
            "series_uid": item.series.series_uid,
            "stack": item.stack + 1,
            "study_date": about.study_date,
            "modality": common.modality,
            "body_part": common.body_part,
            "description": common.description,
            "facts": facts,
            "harmonised": about.harmonised.values,
            "harmonised_by": about.harmonised.rules,
            "geometry": {
                "shape": grid.shape,
                "volumes": item.volume.volumes,
                "spacing_mm": grid.step_mm(),
                "affine_ras": grid.affine_ras(),
                "gantry_tilt_degrees": grid.tilt_degrees(),
            },
            "transform": item.transform,
            "values": figures.map(|f| json!({ "min": f.min, "max": f.max, "mean": f.mean })),
            "findings": findings,
            "review": about.state,
            "provenance": {
                "gantry": env!("CARGO_PKG_VERSION"),
                "deidentification": about.ledger,
                "instances": about.instances.iter().map(|(uid, hash)| json!({ "sop_uid": uid, "sha256": hash }))
                    .collect::<Vec<_>>(),
            },
        });
        if let Some(keys) = sidecar.as_object_mut() {
            keys.extend(item.sidecar.keys.clone());
        }
        let path = ending(stem, ".json");
        let text = serde_json::to_string_pretty(&sidecar).map_err(io::Error::other)?;
        fs::write(&path, text + "\n")?;
        Ok(vec![path])
    }
}
