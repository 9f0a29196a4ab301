//! Route: which checked series a person is to look at.

use sha2::{Digest, Sha256};

use super::stage::{Stage, StageError};
use super::{Shared, now_ms};
use crate::catalog::{Job, NewTask, SeriesRecord};
use crate::config::{Review, Sampling};
use crate::model::ChangeKind;

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
        let task = why(review, &series, worst.as_ref()).map(|why| NewTask {
            series_uid: series.uid.clone(),
            why,
            severity: worst.map(|w| w.0),
            due_ms: now + review.due_hours as i64 * 3_600_000,
        });
        let made = shared.catalog.write_derived(|tx| {
            // Cleaned or made anew, and the same to look at: what a person decided stays decided.
            if let Some(kept) = tx.keep_decision(&series.uid)? {
                tx.audit(now, "gantry", "task.keep", &series.uid, &serde_json::json!({ "task": kept }))?;
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
            found.or_else(|| (draw(review.seed, &series.uid) < review.share).then(|| "sampled".into()))
        }
    }
}

/// A number in [0, 1) that depends on nothing but seed and series: the same series is drawn again on every machine
/// and in every order of arrival.
fn draw(seed: u64, series_uid: &str) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(series_uid.as_bytes());
    let digest = hash.finalize();
    let head = digest.first_chunk::<8>().map_or(0, |b| u64::from_be_bytes(*b));
    (head >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_drawn_evenly_and_again_the_same() {
        let drawn = |seed| (0..10_000).filter(|i| draw(seed, &format!("2.25.{i}")) < 0.1).collect::<Vec<_>>();
        // Binomial with n 10,000 and p 0.1: six standard deviations are 180.
        assert!((820..1180).contains(&drawn(1).len()), "{}", drawn(1).len());
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }

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
