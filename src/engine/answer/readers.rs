//! How readers compare with each other, how long stages take, what work costs.

use std::collections::BTreeMap;

use super::agreement::id;
use super::stats::share;
use crate::catalog::{CatalogError, Reader};
use crate::config::Cost;
use crate::engine::query::{Consistency, CostStats, Measured, ReaderStats, StageStats};
use crate::engine::{EngineError, Session};
use crate::measure::process::KaplanMeier;
use crate::measure::reads::{By, Chart, DisplayScale, DriftRow, Drifts, Metric, ReadIndex};
use crate::measure::special::Z975;
use crate::measure::stats::{deviation, mean, median};
use crate::workflow::Step;

pub fn readers(session: &Session) -> Result<(Vec<ReaderStats>, f64), EngineError> {
    session.engine.reads.with_drifts(&session.engine.shared, |board, drifts| {
        let mut by: BTreeMap<String, Vec<&DriftRow>> = BTreeMap::new();
        for row in &drifts.rows {
            if let By::Reader(reader) = row.by {
                by.entry(board.readers().name(reader).into()).or_default().push(row);
            }
        }
        let all = by.into_iter().map(|(name, rows)| of_reader(name, &rows)).collect();
        (all, hours(board, drifts))
    })
}

/// Hours of reading, of the latest reads that say when they began and ended.
fn hours(_board: &ReadIndex, drifts: &Drifts) -> f64 {
    let times = drifts.rows.iter().filter(|r| r.metric == Metric::Time && matches!(r.by, By::Reader(_)));
    times.flat_map(|r| &r.chart.points).map(|p| p.x.exp()).sum::<f64>() / 3600.0
}

fn of_reader(name: String, rows: &[&DriftRow]) -> ReaderStats {
    let values = |r: &DriftRow| r.chart.points.iter().map(|p| p.x).collect::<Vec<f64>>();
    let (mut missed, mut of, mut reads) = (0, 0, 0);
    let mut times = Vec::new();
    for row in rows {
        match row.metric {
            Metric::Missed => {
                of += row.chart.points.len();
                missed += row.chart.points.iter().filter(|p| p.x > 0.5).count();
            }
            Metric::Time => times.extend(row.chart.points.iter().map(|p| p.x.exp())),
            _ => {}
        }
        reads = reads.max(row.chart.points.len());
    }
    let mut missed = share(missed, of);
    if of == 0 {
        missed.reason = Some("nothing that most others found".into());
    }
    let panel = rows.iter().filter(|r| r.metric == Metric::Panel && !r.chart.points.is_empty());
    ReaderStats {
        name,
        reads: reads as u64,
        missed,
        reading_time_median_s: (!times.is_empty()).then(|| median(&times)),
        consistency: panel.map(|r| consistency(id(&r.key), &r.chart, &values(r))).collect(),
    }
}

fn consistency(measure: String, chart: &Chart, x: &[f64]) -> Consistency {
    let (centre, sd) = (mean(x), deviation(x));
    let half = Z975 * sd / (x.len() as f64).sqrt();
    let shown = |x: f64| chart.shown.value(x);
    let bias = Measured {
        value: Some(shown(centre)),
        ci95: half.is_finite().then(|| (shown(centre - half), shown(centre + half))),
        n: x.len() as u64,
        reason: None,
    };
    let unit = if chart.shown == DisplayScale::Percent { "%" } else { "" };
    let spread = sd.is_finite().then(|| if chart.shown == DisplayScale::Percent { 100.0 * sd } else { sd });
    Consistency { measure, bias, spread, unit: unit.into() }
}

/// How long review takes.
pub fn stages(reader: &Reader<'_>, now_ms: i64) -> Result<Vec<StageStats>, CatalogError> {
    let mut stages = vec![stage("review", &reader.task_times()?, now_ms)];
    for (step, name) in
        [(Step::Read, "read"), (Step::Review, "second look"), (Step::Adjudicate, "adjudicate")]
    {
        let times = reader.step_times(step)?;
        if !times.is_empty() {
            stages.push(stage(name, &times, now_ms));
        }
    }
    Ok(stages)
}

fn stage(name: &str, times: &[(i64, Option<i64>)], now_ms: i64) -> StageStats {
    // What was done before it was made tells that a clock was set back, and no duration.
    let times: Vec<(i64, Option<i64>)> =
        times.iter().copied().filter(|(made, done)| done.is_none_or(|done| done >= *made)).collect();
    let durations: Vec<f64> =
        times.iter().map(|(made, done)| (done.unwrap_or(now_ms) - made).max(0) as f64).collect();
    let finished: Vec<bool> = times.iter().map(|t| t.1.is_some()).collect();
    let km = KaplanMeier::of(&durations, &finished);
    let at = |q: f64| {
        let value = km.quantile(q);
        let [low, high] = km.quantile_ci95(q);
        Measured {
            value,
            ci95: value.and(low.zip(high)),
            n: times.len() as u64,
            reason: value.is_none().then(|| "not reached yet".into()),
        }
    };
    let done = finished.iter().filter(|f| **f).count() as u64;
    StageStats {
        name: name.into(),
        done,
        open: times.len() as u64 - done,
        median_ms: at(0.5),
        p90_ms: at(0.9),
    }
}

/// What reads and decisions cost, by the rates.
pub fn cost(rates: &Cost, reads: u64, hours: f64, decisions: u64, accepted: u64) -> Option<CostStats> {
    if !rates.is_set() {
        return None;
    }
    let total = reads as f64 * rates.per_read + decisions as f64 * rates.per_review + hours * rates.per_hour;
    let per_accepted_series = if accepted == 0 {
        Measured { reason: Some("nothing accepted yet".into()), ..Measured::default() }
    } else {
        Measured { value: Some(total / accepted as f64), n: accepted, ..Measured::default() }
    };
    Some(CostStats { currency: rates.currency.clone(), total, per_accepted_series })
}
