//! Study: the series of a study beside one another, and beside others of their kind.

use std::collections::BTreeMap;

use serde_json::json;

use super::check::stored;
use super::stage::{Stage, StageError};
use super::{Shared, now_ms, people};
use crate::catalog::{Job, NewFinding, StatsRecord, TwinRecord};
use crate::model::ChangeKind;
use crate::qc::{self, ImageStats, Member, Peers, Study, Twin};

/// Its name.
pub const STAGE: &str = "study";

/// Runs the checks of a study.
pub struct CompareStudy;

/// Members that are compared; a study with more is compared in its first ones.
const MOST: usize = 2_000;

impl Stage for CompareStudy {
    fn name(&self) -> &'static str {
        STAGE
    }

    fn run(&self, shared: &Shared, job: &Job) -> Result<(), StageError> {
        let (mut members, states, peers) = gather(shared, &job.object)?;
        let doubts = people::doubts(shared, &shared.catalog.read(), &job.object)?;
        for member in &mut members {
            member.contradictions.clone_from(&doubts.contradictions);
            member.namesakes.clone_from(&doubts.namesakes);
        }
        let settings = shared.qc_settings();
        let mut found: Vec<Vec<NewFinding>> = members.iter().map(|_| Vec::new()).collect();
        for (at, finding) in
            qc::run_study(&Study { members: &members, peers: &peers, settings: &settings }, |_| true)
        {
            found[at].push(stored(finding)?);
        }
        let mut changed = Vec::new();
        let reader = shared.catalog.read();
        for ((member, state), found) in members.iter().zip(&states).zip(found) {
            let differs = reader.study_findings(&member.series_uid)? != found;
            // What nobody has routed yet goes on; what a person decided stays decided.
            let routed = matches!(&**state, "accepted" | "returned");
            if differs || state == "checked" {
                changed.push((member.series_uid.clone(), found, differs, !routed));
            }
        }
        drop(reader);
        let now = now_ms();
        shared.catalog.write_derived(|tx| {
            for (uid, found, differs, route) in &changed {
                if *differs {
                    let root = hex::encode(tx.put_study_findings(uid, found)?);
                    let names: Vec<&str> = found.iter().map(|f| &*f.check).collect();
                    let detail = json!({ "findings": names, "root": root });
                    tx.audit(now, "gantry", "study.check", uid, &detail)?;
                }
                if *route {
                    tx.enqueue("route", uid, now, now)?;
                }
            }
            // Those who do not know it yet are told; they find the same, and nobody is left to tell.
            let is_news = changed.iter().any(|(.., differs, _)| *differs);
            for study in doubts.concerned.iter().filter(|_| is_news) {
                tx.enqueue(STAGE, study, now, now)?;
            }
            tx.finish(job)
        })?;
        for (uid, ..) in changed.into_iter().filter(|c| c.2) {
            shared.bus.tell(ChangeKind::Series { series_uid: uid });
        }
        Ok(())
    }
}

/// The members of a study with what only the catalog knows of them, their states, and others of their kinds.
fn gather(shared: &Shared, study_uid: &str) -> Result<(Vec<Member>, Vec<String>, Peers), StageError> {
    let reader = shared.catalog.read();
    let (mut members, mut states, mut peers) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (uid, state, json) in reader.members(study_uid)?.into_iter().take(MOST) {
        let mut member: Member = serde_json::from_str(&json)?;
        member.shares_instances = reader.shared_instances(&uid)?;
        if let Some(fingerprint) = member.stats.as_ref().and_then(|s| s.fingerprint.as_deref()) {
            member.twins = reader.twins(fingerprint, study_uid)?.into_iter().map(twin).collect();
        }
        member.refers_to = reader.refers_to(&uid)?;
        if let Some(kind) = member.stats.as_ref().map(|s| s.kind.clone())
            && !peers.contains_key(&kind)
        {
            let alike = reader.peers(&kind)?.into_iter().map(image_stats).collect();
            peers.insert(kind, alike);
        }
        members.push(member);
        states.push(state);
    }
    Ok((members, states, peers))
}

fn twin(t: TwinRecord) -> Twin {
    Twin { series_uid: t.series_uid, study_uid: t.study_uid, subject: t.subject, site: t.site }
}

fn image_stats(s: StatsRecord) -> ImageStats {
    ImageStats {
        kind: s.kind,
        noise: s.noise,
        contrast: s.contrast,
        sharpness: s.sharpness,
        fingerprint: s.fingerprint,
    }
}

/// As the catalog keeps them.
pub(super) fn record(s: &ImageStats) -> StatsRecord {
    StatsRecord {
        kind: s.kind.clone(),
        noise: s.noise,
        contrast: s.contrast,
        sharpness: s.sharpness,
        fingerprint: s.fingerprint.clone(),
    }
}
