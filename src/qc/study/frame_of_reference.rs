//! Series of a study that cannot be laid over one another.

use serde_json::json;

use super::{Study, StudyCheck};
use crate::model::{Finding, Severity};

/// PET and CT of one study share no frame of reference, so that they cannot be fused; or a label lies in another one
/// than the series it refers to. Several within a modality are common (the patient got up) and said nothing of.
#[derive(Debug, Clone, Copy)]
pub struct StudyFrameOfReference;

impl StudyCheck for StudyFrameOfReference {
    fn id(&self) -> &'static str {
        "study_frame_of_reference"
    }

    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
        let mut findings = Vec::new();
        let of = |modality: &'static str| {
            let framed = move |(_, m): &(usize, &super::Member)| {
                m.modality.as_deref() == Some(modality) && !m.frames_of_reference.is_empty()
            };
            study.images().filter(framed)
        };
        for (at, pet) in of("PT") {
            let any_ct = of("CT").next().is_some();
            if any_ct && of("CT").all(|(_, ct)| ct.frames_of_reference.is_disjoint(&pet.frames_of_reference))
            {
                let message = "no CT of the study lies in the frame of reference of this PET series";
                findings
                    .push((at, self.finding(Severity::Warning, message.into(), json!({"modality": "CT"}))));
            }
        }
        for (at, label) in study.members.iter().enumerate().filter(|(_, m)| !m.frames_of_reference.is_empty())
        {
            let elsewhere = study.members.iter().find(|m| {
                label.refers_to.contains(&m.series_uid)
                    && !m.frames_of_reference.is_empty()
                    && m.frames_of_reference.is_disjoint(&label.frames_of_reference)
            });
            if let Some(series) = elsewhere {
                let message = "it refers to a series that lies in another frame of reference";
                let evidence = json!({"series_uid": series.series_uid});
                findings.push((at, self.finding(Severity::Error, message.into(), evidence)));
            }
        }
        findings
    }
}
