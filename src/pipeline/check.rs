//! Check: every automated check on an assembled series, pixels included.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::json;

use super::assemble::Loaded;
use super::stage::{Stage, StageError};
use super::study::record;
use super::{Shared, now_ms};
use crate::bytes::SpillConfig;
use crate::catalog::{Job, NewFinding};
use crate::dicom::Contents;
use crate::harmonise;
use crate::model::{ChangeKind, Finding, Severity};
use crate::qc::{self, Described, Input, InstancePixels, Member, SameAttributes, SeriesPixels};

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
        let settings = shared.qc_settings();
        let attributes = instances.first().map(|first| loaded.attributes(first)).unwrap_or_default();
        let rules = shared.rules();
        let harmonised = harmonise::derive(&attributes, &rules);
        let every = if settings.protocols.is_empty() { Vec::new() } else { loaded.every(&instances) };
        let about = Described { attributes, harmonised, instances: SameAttributes::gather(every, &rules) };
        let input =
            Input { series: &loaded.series, pixels: Some(&pixels), about: Some(&about), settings: &settings };
        let findings: Vec<NewFinding> =
            qc::run(&input, |_| true).into_iter().map(stored).collect::<Result<_, _>>()?;
        let member = Member {
            subjects: instances.iter().map(|i| i.subject.clone()).collect(),
            ..Member::of(&loaded.series, &about, Some(&pixels))
        };
        let decided = shared.catalog.read().decided_subject(&member.study_uid)?;
        let subjects = decided.map_or(member.subjects.clone(), |subject| [subject].into());
        let member = Member { series_uid: job.object.clone(), subjects, ..member };
        let member_json = serde_json::to_string(&member)?;
        let stats = member.stats.as_ref().map(record).unwrap_or_default();
        let others = others(shared, &member)?;
        let known = shared.catalog.read().image_stats(&job.object)?;
        let new_of_kind = !stats.kind.is_empty() && known.is_none_or(|known| known.kind != stats.kind);
        let now = now_ms();
        let uid = &job.object;
        shared.catalog.write_derived(|tx| {
            let root = tx.put_findings(uid, &findings)?;
            tx.set_series_state(uid, "checked")?;
            tx.put_member(uid, &member_json, &stats)?;
            let look_back = new_of_kind && qc::look_back(tx.peer_count(&stats.kind)?);
            let alike = if look_back { tx.studies_of_kind(&stats.kind)? } else { Vec::new() };
            for study in std::iter::once(&member.study_uid).chain(&others).chain(&alike) {
                // In its turn: series of the study that are ready by then are checked first, and it is compared once.
                tx.enqueue("study", study, now, now)?;
            }
            tx.count("checked", "", 1, now)?;
            let names: Vec<&str> = findings.iter().map(|f| &*f.check).collect();
            tx.audit(
                now,
                "gantry",
                "series.check",
                uid,
                &json!({ "findings": names, "root": hex::encode(root) }),
            )?;
            tx.finish(job)
        })?;
        shared.fresh.forget(&loaded.blobs);
        shared.bus.tell(ChangeKind::Series { series_uid: uid.clone() });
        Ok(())
    }
}

/// Studies that this series has to do with: by its pixels, or by the UIDs of its instances.
fn others(shared: &Shared, member: &Member) -> Result<BTreeSet<String>, StageError> {
    let reader = shared.catalog.read();
    let mut studies = BTreeSet::new();
    if let Some(fingerprint) = member.stats.as_ref().and_then(|s| s.fingerprint.as_deref()) {
        studies.extend(reader.twins(fingerprint, &member.study_uid)?.into_iter().map(|t| t.study_uid));
    }
    for (series, _) in reader.shared_instances(&member.series_uid)? {
        studies.extend(reader.series(&series)?.map(|s| s.study_uid));
    }
    studies.remove(&member.study_uid);
    Ok(studies)
}

/// The statistics of every instance of the series. Those that intake has not taken are decoded; one frame is held at a
/// time by each thread.
fn pixels(shared: &Shared, loaded: &Loaded) -> SeriesPixels {
    let (mut found, mut missing) = (SeriesPixels::new(), Vec::new());
    for (index, instance) in loaded.series.instances.iter().enumerate() {
        let Some(blob) = loaded.blobs.get(instance.header.source as usize) else { continue };
        match shared.fresh.pixels(blob) {
            Some(pixels) => drop(found.insert(index as u32, pixels)),
            None => missing.push((index as u32, blob)),
        }
    }
    if !missing.is_empty() {
        let decode = |(index, blob): (u32, &String)| Some((index, decoded(shared, blob)?));
        found.par_extend(missing.into_par_iter().filter_map(decode));
    }
    found
}

fn decoded(shared: &Shared, blob: &str) -> Option<InstancePixels> {
    match shared.store.open_verified(blob) {
        Ok(bytes) => qc::statistics(&Contents::of(bytes, SpillConfig::default())),
        Err(error) => Some(InstancePixels { frames: Vec::new(), error: Some(error.to_string()) }),
    }
}

pub(super) fn stored(finding: Finding) -> Result<NewFinding, StageError> {
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
