//! How work flows: the last seven days beside the time before.

use super::agreement::{id, verdict};
use super::drift::{headline, row as drift_row};
use super::measured;
use super::overview::{Window, decided};
use crate::catalog::Which;
use crate::engine::live::Selection;
use crate::engine::query::{
    Alert, Better, DeepLink, Figure, Measured, Process, ProcessView, Severity, Verdict,
};
use crate::engine::{EngineError, Session};
use crate::measure::process::{Forecast, forecast};
use crate::measure::reads::{By, ChartState, Coefficient, MeasureKey, PRESENCE};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days that the forecast looks back and ahead.
const DAYS_BACK: i64 = 14;
const DAYS_AHEAD: usize = 60;
/// Futures that are drawn.
const FUTURES: usize = 1_000;

/// Measures whose agreement stands among the figures.
const MEASURES: usize = 3;

pub fn process(session: &Session, query: &Process) -> Result<ProcessView, EngineError> {
    // First, as these take connections of their own.
    let attention = attention(session)?;
    let agreement = agreement(session, query.now_ms)?;
    let reader = session.engine.shared.catalog.read();
    let decisions = reader.decisions()?;
    let now = query.now_ms;
    let week = Window { from_ms: now - 7 * DAY_MS, to_ms: now };
    let before = Window { from_ms: now - 14 * DAY_MS, to_ms: now - 7 * DAY_MS };
    let figures = decided(&decisions, week).into_iter().zip(decided(&decisions, before)).map(
        |((name, unit, better, aside, now), (.., before))| Figure {
            name: name.into(),
            now,
            before,
            unit: unit.into(),
            better,
            aside,
            door: DeepLink { select: Some("decided".into()), ..door("queue", "") },
        },
    );
    let mut figures: Vec<Figure> = figures.collect();
    figures.splice(2..2, agreement);
    let times = reader.task_times()?;
    let backlog = reader.task_count(Which::Open, now)?;
    let expected = outlook(&times, backlog, now);
    Ok(ProcessView {
        figures,
        backlog,
        empty_ms: expected
            .as_ref()
            .and_then(|f| f.empty_after)
            .map(|days| now + (days * DAY_MS as f64) as i64),
        forecast: expected.map(|f| by_day(&f, now)).unwrap_or_default(),
        attention,
    })
}

/// α of the measures that need it most: the last seven days beside all the time before.
fn agreement(session: &Session, now: i64) -> Result<Vec<Figure>, EngineError> {
    let shared = &session.engine.shared;
    let of = |selection: Selection| {
        session.engine.reads.with(shared, &selection, |board| {
            let keys = board.measures();
            keys.iter().filter_map(|key| board.coefficient(key)).collect::<Vec<Coefficient>>()
        })
    };
    // To the hour, so that what was selected a moment ago still holds.
    let week = (now - 7 * DAY_MS).div_euclid(HOUR_MS) * HOUR_MS;
    let wanted = shared.config().agreement.clone();
    let all = of(Selection::default())?;
    let now = of(Selection { since_ms: Some(week), ..Selection::default() })?;
    let before = of(Selection { before_ms: Some(week), ..Selection::default() })?;
    let mut rows: Vec<(Verdict, MeasureKey)> = all
        .iter()
        .filter(|c| c.key.name != PRESENCE && !c.scale.continuous && c.alpha.value.is_some())
        .map(|c| (verdict(c, wanted.threshold(&c.key.structure, &c.key.name)), c.key.clone()))
        .collect();
    rows.sort();
    rows.truncate(MEASURES);
    let in_time = |all: &[Coefficient], key: &MeasureKey| {
        let none = || Measured { reason: Some("nobody read in that time".into()), ..Measured::default() };
        all.iter().find(|c| c.key == *key).map_or_else(none, |c| measured(&c.alpha))
    };
    let figure = |(_, key): (Verdict, MeasureKey)| Figure {
        name: format!("α {}", key.name),
        now: in_time(&now, &key),
        before: in_time(&before, &key),
        unit: String::new(),
        better: Better::Higher,
        aside: None,
        door: DeepLink { screen: "agreement".into(), filter: String::new(), select: Some(id(&key)) },
    };
    Ok(rows.into_iter().map(figure).collect())
}

/// Charts in alarm and measures below their threshold, the worst first; each is a door.
pub fn attention(session: &Session) -> Result<Vec<Alert>, EngineError> {
    let shared = &session.engine.shared;
    let alert = |severity, text, screen: &str, select: String| Alert {
        severity,
        text,
        door: DeepLink { screen: screen.into(), filter: String::new(), select: Some(select) },
    };
    let mut alerts: Vec<Alert> = session.engine.reads.with_drifts(shared, |board, drifts| {
        let mut told = Vec::new();
        let alarms = drifts.rows.iter().filter(|r| r.state == ChartState::Alarm);
        // A reader who moved in several measures is one line, the clearest of them.
        let first = alarms.filter(|r| {
            let of = (r.key.structure.clone(), r.metric, r.by);
            let new = !told.contains(&of) || !matches!(r.by, By::Reader(_));
            told.push(of);
            new
        });
        first
            .map(|r| alert(Severity::Error, headline(board, r), "drift", drift_row(board, drifts, r).id))
            .collect()
    })?;
    let wanted = shared.config().agreement.clone();
    let below = session.engine.reads.with(shared, &Selection::default(), |board| {
        let keys = board.measures();
        let all = keys.iter().filter_map(|key| board.coefficient(key));
        all.filter_map(|c| {
            let threshold = wanted.threshold(&c.key.structure, &c.key.name);
            (verdict(&c, threshold) == Verdict::Below).then(|| {
                let value = c.alpha.value.unwrap_or_default();
                let text = format!("{}: α {value:.2} is below {threshold:.2}", id(&c.key));
                alert(Severity::Warning, text, "agreement", id(&c.key))
            })
        })
        .collect::<Vec<Alert>>()
    })?;
    alerts.extend(below);
    Ok(alerts)
}

/// A screen with a filter.
pub fn door(screen: &str, filter: &str) -> DeepLink {
    DeepLink { screen: screen.into(), filter: filter.into(), select: None }
}

/// The backlog to come, from what arrived and was decided on each of the last days; `None` while nothing was decided.
fn outlook(times: &[(i64, Option<i64>)], open: u64, now: i64) -> Option<Forecast> {
    let first = times.iter().map(|t| t.0).min()?;
    let days = ((now - first) / DAY_MS + 1).clamp(1, DAYS_BACK);
    let past: Vec<(u64, u64)> = (0..days)
        .map(|day| {
            let on = |t: i64| (now - t).div_euclid(DAY_MS) == day;
            let made = times.iter().filter(|t| on(t.0)).count() as u64;
            (made, times.iter().filter(|t| t.1.is_some_and(on)).count() as u64)
        })
        .collect();
    past.iter().any(|p| p.1 > 0).then(|| forecast(open, &past, DAYS_AHEAD, FUTURES, 1))?
}

fn by_day(f: &Forecast, now: i64) -> Vec<(i64, f64, f64, f64)> {
    let days = f.expected.iter().zip(&f.band90).zip(1..);
    days.map(|((expected, band), day)| (now + day * DAY_MS, *expected, band[0], band[1])).collect()
}

/// A measure in other units.
pub fn scaled(measured: Measured, by: f64) -> Measured {
    Measured {
        value: measured.value.map(|v| v * by),
        ci95: measured.ci95.map(|(low, high)| (low * by, high * by)),
        ..measured
    }
}

/// The figures of a window: name, unit, which way is good, what stands beside it, value.
pub type Row = (&'static str, &'static str, Better, Option<String>, Measured);
