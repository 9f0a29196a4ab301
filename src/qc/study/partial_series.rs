//! Series that hold a part of another.

use serde_json::json;

use super::{Study, StudyCheck, Threshold};
use crate::model::{Finding, Severity};

/// A series of the same plan, planes and steps covers more of the same place: this one was cut short, or repeated.
#[derive(Debug, Clone, Copy)]
pub struct PartialSeries;

impl StudyCheck for PartialSeries {
    fn id(&self) -> &'static str {
        "partial_series"
    }

    fn threshold(&self) -> Option<Threshold> {
        Some(Threshold {
            default: 0.8,
            about: "share of the slices of its fuller repeat, below which a series is partial",
        })
    }

    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
        let share = study.threshold(self);
        let mut findings = Vec::new();
        for (at, member) in study.images().filter(|(_, m)| !m.plan.is_empty()) {
            let Some(own) = member.extent.as_ref().filter(|e| e.slices > 1) else { continue };
            let fuller = study.images().find(|(_, other)| {
                other.plan == member.plan
                    && !other.frames_of_reference.is_disjoint(&member.frames_of_reference)
                    && other.extent.as_ref().is_some_and(|e| {
                        e.volumes == own.volumes
                            && own.is_like(e)
                            && own.is_within(e)
                            && f64::from(own.slices) < share * f64::from(e.slices)
                    })
            });
            if let Some((_, other)) = fuller {
                let slices = other.extent.as_ref().map_or(0, |e| e.slices);
                let message = format!(
                    "{} slices of a place of which a series of the same plan has {slices}",
                    own.slices
                );
                let evidence =
                    json!({"slices": own.slices, "fuller": slices, "series_uid": other.series_uid});
                findings.push((at, self.finding(Severity::Warning, message, evidence)));
            }
        }
        findings
    }
}
