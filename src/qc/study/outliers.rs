//! Images unlike others of the same scanner and kind.

use serde_json::json;

use super::{ImageStats, Study, StudyCheck, Threshold};
use crate::measure::outliers::robust_z;
use crate::measure::stats::median;
use crate::model::{Finding, Severity};

/// Fewer other series of a kind say nothing.
const FEWEST: usize = 20;
/// Where a scanner is very steady, this much of the median is no outlier all the same.
const STEADY: f64 = 0.3;

/// Whether series that were compared among fewer of their kind deserve another look now that there are so many: when
/// there are enough for the first time, and whenever their number has doubled since.
pub fn look_back(series_of_kind: usize) -> bool {
    let first = FEWEST + 1;
    series_of_kind.is_multiple_of(first) && (series_of_kind / first).is_power_of_two()
}

/// The noise of a series is unlike that of others of its kind.
#[derive(Debug, Clone, Copy)]
pub struct NoiseOutlier;

/// The contrast of a series is unlike that of others of its kind.
#[derive(Debug, Clone, Copy)]
pub struct ContrastOutlier;

/// The sharpness of a series is unlike that of others of its kind.
#[derive(Debug, Clone, Copy)]
pub struct SharpnessOutlier;

macro_rules! outlier {
    ($check:ty, $id:literal, $what:literal, $of:expr) => {
        impl StudyCheck for $check {
            fn id(&self) -> &'static str {
                $id
            }

            fn needs_pixels(&self) -> bool {
                true
            }

            fn threshold(&self) -> Option<Threshold> {
                Some(Threshold {
                    default: 6.0,
                    about: "robust z-score among series of the same scanner and kind",
                })
            }

            fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
                outliers(self, study, $what, $of)
            }
        }
    };
}

outlier!(NoiseOutlier, "noise_outlier", "noise", |s| s.noise);
outlier!(ContrastOutlier, "contrast_outlier", "contrast", |s| s.contrast);
outlier!(SharpnessOutlier, "sharpness_outlier", "sharpness", |s| s.sharpness);

fn outliers(
    check: &dyn StudyCheck,
    study: &Study<'_>,
    what: &str,
    of: fn(&ImageStats) -> Option<f64>,
) -> Vec<(usize, Finding)> {
    let limit = study.threshold(check);
    let mut findings = Vec::new();
    for (at, member) in study.images() {
        let Some(stats) = &member.stats else { continue };
        let (Some(value), Some(peers)) = (of(stats), study.peers.get(&stats.kind)) else { continue };
        // The series itself goes last, so that its own score is the last.
        let mut values: Vec<f64> = peers.iter().filter_map(of).filter(|v| v.is_finite()).collect();
        if let Some(own) = values.iter().position(|v| *v == value) {
            values.remove(own);
        }
        if values.len() < FEWEST {
            continue;
        }
        let usual = median(&values);
        values.push(value);
        let Some(z) = robust_z(&values).and_then(|z| z.last().copied()) else { continue };
        if z.abs() > limit && (value - usual).abs() > STEADY * usual.abs() {
            let side = if z > 0.0 { "above" } else { "below" };
            let message = format!(
                "{what} {side} what {} series of the same scanner and kind have: z {z:.1}",
                values.len() - 1
            );
            let evidence = json!({"value": value, "median": usual, "robust_z": z, "series": values.len() - 1,
                "kind": stats.kind});
            findings.push((at, check.finding(Severity::Warning, message, evidence)));
        }
    }
    findings
}
