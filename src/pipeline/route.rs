//! Route: which checked series a person is to look at.

use super::stage::{Stage, StageError};
use super::{Shared, casework, now_ms};
use crate::catalog::{Job, NewTask, SeriesRecord};
use crate::config::{Review, Sampling};
use crate::model::ChangeKind;
use crate::workflow::is_drawn;

/// Why a series is looked at that nothing else brings before a person.
pub(super) const PLANNED: &str = "the plan wants a look at it before it is read";

/// Makes a review task for a series, by the sampling rule.
pub struct Route;

impl Stage for Route {
    fn name(&self) -> &'static str {
        "route"
    }

    fn run(&self, shared: &Shared, job: &Job) -> Result<(), StageError> {
        let now = now_ms();
        let reader = shared.catalog.read();
        let Some(series) = reader.series(&job.object)? else {
            return Ok(shared.catalog.write_derived(|tx| tx.finish(job))?);
        };
        let worst = reader.findings(&job.object)?.first().map(|f| (f.severity, f.check.clone()));
        drop(reader);
        let review = &shared.config().review;
        let plan = shared.plan();
        let why = why(review, &series, worst.as_ref());
        let made = shared.catalog.write_derived(|tx| {
            let planned = match &plan {
                Some(plan) => casework::wants_review(tx, plan, &series.uid)?,
                None => false,
            };
            let why = why.clone().or_else(|| planned.then(|| PLANNED.into()));
            let task = why.map(|why| NewTask {
                series_uid: series.uid.clone(),
                why,
                severity: worst.as_ref().map(|w| w.0),
                due_ms: now + review.due_hours as i64 * 3_600_000,
            });
            if tx.is_withdrawn(&series.subject)? {
                tx.drop_open_task(&series.uid)?;
                tx.finish(job)?;
                return Ok(None);
            }
            // Cleaned or made anew, and the same to look at: what a person decided stays decided.
            if let Some(kept) = tx.keep_decision(&series.uid)? {
                tx.audit(now, "gantry", "task.keep", &series.uid, &serde_json::json!({ "task": kept }))?;
                if let Some(plan) = &plan {
                    casework::admit(tx, plan, &series.uid, now)?;
                }
                tx.finish(job)?;
                return Ok(Some(kept));
            }
            let made = match &task {
                Some(task) => {
                    tx.set_series_state(&series.uid, "in_review")?;
                    Some(tx.put_task(task, now)?)
                }
                None => {
                    tx.drop_open_task(&series.uid)?;
                    None
                }
            };
            if let Some(id) = made {
                let detail = serde_json::json!({ "task": id, "why": task.as_ref().map(|t| &t.why) });
                tx.audit(now, "gantry", "task.make", &series.uid, &detail)?;
                tx.count("in review", "", 1, now)?;
            }
            if let Some(plan) = &plan {
                casework::admit(tx, plan, &series.uid, now)?;
            }
            tx.finish(job)?;
            Ok(made)
        })?;
        shared.bus.tell(ChangeKind::Series { series_uid: series.uid });
        if let Some(task) = made {
            shared.bus.tell(ChangeKind::Task { task });
        }
        Ok(())
    }
}

/// Why a person is to look at the series; `None` when nobody needs to.
fn why(review: &Review, series: &SeriesRecord, worst: Option<&(u8, String)>) -> Option<String> {
    let found = worst.filter(|w| w.0 > 0).map(|w| w.1.replace('_', " "));
    match review.sample {
        Sampling::All => Some(found.unwrap_or_else(|| "every series".into())),
        Sampling::Findings => found,
        Sampling::Share => {
            found.or_else(|| (is_drawn(review.share, review.seed, &[&series.uid])).then(|| "sampled".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_always_bring_a_series_before_a_person() {
        let series = SeriesRecord { uid: "2.25.1".into(), ..SeriesRecord::default() };
        let review = |sample| Review { sample, share: 0.0, ..Review::default() };
        let warning = (1, "missing_slices".to_string());
        for sample in [Sampling::All, Sampling::Share, Sampling::Findings] {
            assert_eq!(why(&review(sample), &series, Some(&warning)).as_deref(), Some("missing slices"));
        }
        let note = (0, "note".to_string());
        assert_eq!(why(&review(Sampling::Findings), &series, Some(&note)), None);
        assert_eq!(why(&review(Sampling::Share), &series, None), None);
        assert_eq!(why(&review(Sampling::All), &series, None).as_deref(), Some("every series"));
    }
}
