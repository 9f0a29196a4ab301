//! A JSON document for each stack: acquisition parameters under the names and in the units of BIDS, de-identified facts,
//! geometry, findings, accepted labels, and provenance down to the stored instances.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde_json::{Value, json};

use super::item::ending;
use super::{Exporter, LabelView, Out, SeriesItem, StackItem, Volumes};
use crate::model::Severity;

/// `.json`.
pub struct Sidecar;

impl Exporter for Sidecar {
    fn name(&self) -> &'static str {
        "json"
    }

    fn volumes(&self) -> Volumes {
        Volumes::Wanted
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let path = out.file(&ending(&item.stem, ".json"))?;
        let text = serde_json::to_string_pretty(&document(item)).map_err(io::Error::other)?;
        fs::write(path, text + "\n")
    }
}

/// Everything that is known of a stack.
pub fn document(item: &StackItem<'_>) -> Value {
    let of = item.of;
    let common = &of.series.stacks[item.stack].common;
    let here = |f: &&crate::model::Finding| f.stack.is_none_or(|s| s as usize == item.stack);
    let findings: Vec<_> = of
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
    let facts: BTreeMap<_, _> = of.facts.iter().map(|(name, value)| (name, value)).collect();
    let figures = item.volume.and_then(crate::volume::Volume::figures);
    let mut document = json!({
        "subject": of.content.subject,
        "site": of.content.site,
        "split": of.split,
        "study_uid": of.content.study_uid,
        "series_uid": of.content.series_uid,
        "stack": item.stack + 1,
        "study_date": of.content.study_date,
        "modality": common.modality,
        "body_part": common.body_part,
        "description": common.description,
        "facts": facts,
        "harmonised": of.content.harmonised.values,
        "harmonised_by": of.content.harmonised.rules,
        "geometry": item.volume.map(|volume| json!({
            "shape": volume.grid.shape,
            "volumes": volume.volumes,
            "spacing_mm": volume.grid.step_mm(),
            "affine_ras": volume.grid.affine_ras(),
            "gantry_tilt_degrees": volume.grid.tilt_degrees(),
        })),
        "transform": item.transform,
        "values": figures.map(|f| json!({ "min": f.min, "max": f.max, "mean": f.mean })),
        "findings": findings,
        "review": of.state,
        "accepted": accepted(of),
        "labels": of.labels.iter().map(label).collect::<Vec<_>>(),
        "provenance": {
            "gantry": env!("CARGO_PKG_VERSION"),
            "deidentification": of.ledger,
            "instances": of.instances.iter().map(|(uid, hash)| json!({ "sop_uid": uid, "sha256": hash }))
                .collect::<Vec<_>>(),
        },
    });
    if let (Some(keys), Some(sidecar)) = (document.as_object_mut(), item.sidecar) {
        keys.extend(sidecar.keys.clone());
    }
    document
}

/// The read that stands, without its labels.
fn accepted(of: &SeriesItem<'_>) -> Option<Value> {
    let standing = of.content.standing.as_ref()?;
    Some(json!({
        "read": standing.read,
        "how": standing.how,
        "accepted_ms": standing.at_ms,
        "reader": of.reader,
        "guideline": standing.guideline,
        "plan_version": standing.plan_version,
    }))
}

/// One accepted label.
pub fn label(view: &LabelView) -> Value {
    let label = &view.label;
    json!({
        "structure": label.structure,
        "instance": label.instance,
        "code": label.code,
        "state": label.state,
        "value": label.value,
        "unit": label.unit,
        "measured": label.measured,
        "voxels": view.voxels,
    })
}
