//! How work flows: the last seven days beside the time before.

use super::overview::{Window, decided};
use crate::catalog::Which;
use crate::engine::query::{Better, Door, Figure, Measured, Process, ProcessView};
use crate::engine::{EngineError, Session};
use crate::measure::process::{Forecast, forecast};

const DAY_MS: i64 = 24 * 3_600_000;
/// Days that the forecast looks back and ahead.
const DAYS_BACK: i64 = 14;
const DAYS_AHEAD: usize = 60;
/// Futures that are drawn.
const FUTURES: usize = 1_000;

pub fn process(session: &Session, query: &Process) -> Result<ProcessView, EngineError> {
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
            door: door("queue", "tab:done"),
        },
    );
    let figures: Vec<Figure> = figures.collect();
    let times = reader.task_times()?;
    let backlog = reader.task_count(Which::All, now)? - reader.task_count(Which::Done, now)?;
    let expected = outlook(&times, backlog, now);
    Ok(ProcessView {
        figures,
        backlog,
        empty_ms: expected
            .as_ref()
            .and_then(|f| f.empty_after)
            .map(|days| now + (days * DAY_MS as f64) as i64),
        forecast: expected.map(|f| by_day(&f, now)).unwrap_or_default(),
        attention: Vec::new(),
    })
}

/// A screen with a filter.
pub fn door(screen: &str, filter: &str) -> Door {
    Door { screen: screen.into(), filter: filter.into(), select: None }
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
