//! Check: every automated check on an assembled series, pixels included.

use std::sync::Arc;

use rayon::prelude::*;
use serde_json::json;

use super::assemble::Loaded;
use super::stage::{AT_ONCE, Stage, StageError};
use super::{Shared, now_ms};
use crate::catalog::{Job, NewFinding};
use crate::model::{Finding, Severity, What};
use crate::qc::{self, Input, InstancePixels, SeriesPixels};

/// Runs the checks.
pub struct Check;

impl Stage for Check {
    fn name(&self) -> &'static str {
        "check"
    }

    fn run(&self, shared: &Shared, job: &Job) -> Result<(), StageError> {
        let instances = shared.catalog.read().instances(&job.object)?;
        let loaded = match shared.recent.take(&instances) {
            Some(loaded) => loaded,
            None => Arc::new(Loaded::read(shared, &instances)?),
        };
        let pixels = pixels(shared, &loaded);
        let off = &shared.config().qc.off;
        let input = Input { series: &loaded.series, pixels: Some(&pixels) };
        let findings: Vec<NewFinding> = qc::run(&input, |check| !off.iter().any(|o| o == check))
            .into_iter()
            .map(stored)
            .collect::<Result<_, _>>()?;
        let now = now_ms();
        let uid = &job.object;
        shared.catalog.write_derived(|tx| {
            tx.put_findings(uid, &findings)?;
            tx.set_series_state(uid, "checked")?;
            tx.want("route", uid, AT_ONCE, now)?;
            tx.count("checked", "", 1, now)?;
            let names: Vec<&str> = findings.iter().map(|f| &*f.check).collect();
            tx.audit(now, "gantry", "series.check", uid, &json!({ "findings": names }))?;
            tx.finish(job)
        })?;
        shared.bus.tell(What::Series { series_uid: uid.clone() });
        Ok(())
    }
}

/// Decodes every instance of the series and takes its statistics; one instance is held at a time by each thread.
fn pixels(shared: &Shared, loaded: &Loaded) -> SeriesPixels {
    let instances = &loaded.series.instances;
    (0..instances.len() as u32)
        .into_par_iter()
        .filter_map(|index| {
            let blob = loaded.blobs.get(instances[index as usize].header.source as usize)?;
            let found = match shared.store.read(blob) {
                Ok(bytes) => qc::statistics(&bytes),
                Err(error) => Some(InstancePixels { frames: Vec::new(), error: Some(error.to_string()) }),
            };
            found.map(|pixels| (index, pixels))
        })
        .collect()
}

fn stored(finding: Finding) -> Result<NewFinding, StageError> {
    let slices = finding.evidence.get("slices").cloned().unwrap_or_else(|| json!([]));
    Ok(NewFinding {
        check: finding.check.into_owned(),
        version: finding.version,
        severity: match finding.severity {
            Severity::Info => 0,
            Severity::Warning => 1,
            Severity::Error => 2,
        },
        message: finding.message,
        evidence: finding.evidence.to_string(),
        slices: slices.to_string(),
    })
}
