//! `gantry stats`: how work flows.

use std::fmt::Write as _;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::now_ms;
use crate::engine::query::{Measured, Stats, StatsView, WorkStats};

const HELP: &str = "\
First-pass accuracy and returns have Wilson's intervals. Cycle times count tasks that are still open (Kaplan and Meier):
median and 90th percentile are times by which so many are decided, and null where that was not reached yet. Readers:
what they missed where most others found something, and for each measure their bias and spread against the other readers
of the same item. Cost needs rates in [cost].

Examples:
  gantry stats
  gantry stats --json

Exit codes: 0 done; 3 workspace";

/// Arguments of `gantry stats`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct StatsArgs {}

/// Prints the measures of the process.
///
/// # Errors
/// The workspace cannot be read.
pub fn run(_args: &StatsArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let stats = connection.client.ask(Stats { now_ms: now_ms() })?;
    out.result(&stats, text);
    Ok(Exit::Done)
}

fn text(s: &StatsView) -> String {
    let mut out = format!(
        "backlog              {}\ndecided              {}\nfirst-pass accuracy  {}\nreturned             {}\n\
         cycle time, median   {}\ncycle time, p90      {}\n",
        s.backlog,
        s.decided,
        percent(&s.first_pass_accuracy),
        percent(&s.rejection_rate),
        days(&s.cycle_time_median_ms),
        days(&s.cycle_time_p90_ms)
    );
    for stage in &s.stages {
        let _ = writeln!(
            out,
            "stage {:<14} median {}, p90 {} ({} done, {} open)",
            stage.name,
            days(&stage.median_ms),
            days(&stage.p90_ms),
            stage.done,
            stage.open
        );
    }
    if let Some(work) = &s.work {
        out += &reading(work);
    }
    if let Some(cost) = &s.cost {
        let each = cost
            .per_accepted_series
            .value
            .map_or_else(|| reason(&cost.per_accepted_series), |v| format!("{v:.2}"));
        let _ = writeln!(
            out,
            "cost                 {:.2} {}, {each} per accepted series",
            cost.total, cost.currency
        );
    }
    for (title, groups) in [("site", &s.sites), ("reviewer", &s.reviewers)] {
        for g in groups {
            out += &format!(
                "{title} {:<12} {:>5} decided, first-pass {}, returned {}\n",
                g.name,
                g.decided,
                percent(&g.first_pass_accuracy),
                percent(&g.rejection_rate)
            );
        }
    }
    for r in &s.readers {
        let took = r.reading_time_median_s.map_or_else(String::new, |t| format!(", {t:.0} s a read"));
        let _ =
            writeln!(out, "reader {:<12} {:>6} reads, missed {}{took}", r.name, r.reads, percent(&r.missed));
        for c in &r.consistency {
            let unit = if c.unit.is_empty() { String::new() } else { format!(" {}", c.unit) };
            let spread = c.spread.map_or_else(String::new, |v| format!(", spread {v:.2}{unit}"));
            let ci = c.bias.ci95.map_or_else(String::new, |(low, high)| format!(" [{low:+.2}, {high:+.2}]"));
            let bias = c.bias.value.map_or_else(|| "–".into(), |v| format!("{v:+.2}{unit}{ci}"));
            let _ = writeln!(out, "       {:<24} bias {bias}{spread}, {} reads", c.measure, c.bias.n);
        }
    }
    out
}

/// How the reads of the plan go.
fn reading(work: &WorkStats) -> String {
    let cases: Vec<String> =
        work.cases.iter().map(|(state, n)| format!("{n} {}", state.replace('_', " "))).collect();
    let mut out =
        format!("cases                {}\n", if cases.is_empty() { "none".into() } else { cases.join(", ") });
    let _ = writeln!(out, "adjudicated          {}", percent(&work.adjudicated));
    let groups =
        [("", std::slice::from_ref(&work.all)), ("reader", &work.readers), ("guideline", &work.guidelines)];
    for (title, groups) in groups {
        for g in groups {
            let took = g.seconds_median.map_or_else(String::new, |s| format!(", {s:.0} s a read"));
            let name = if title.is_empty() { "all reads".into() } else { format!("{title} {}", g.name) };
            let _ = writeln!(
                out,
                "{name:<20} {:>6} reads, first-pass {}, {} reworked{took}",
                g.reads,
                percent(&g.first_pass_acceptance),
                g.reworked
            );
        }
    }
    out
}

fn days(m: &Measured) -> String {
    m.value.map_or_else(|| reason(m), |v| format!("{:.2} d", v / 86_400_000.0))
}

fn reason(m: &Measured) -> String {
    format!("– ({})", m.reason.as_deref().unwrap_or("undefined"))
}

fn percent(m: &Measured) -> String {
    match (m.value, m.ci95) {
        (Some(v), Some((low, high))) => {
            format!("{:.1} % [{:.1}–{:.1}] of {}", v * 100.0, low * 100.0, high * 100.0, m.n)
        }
        (Some(v), None) => format!("{:.1} %", v * 100.0),
        (None, _) => reason(m),
    }
}

/// A moment for people, UTC.
pub fn moment(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    jiff::tz::Offset::UTC.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A time in the past in milliseconds since 1970: an ISO date or time (UTC), or so many days or weeks ago.
///
/// # Errors
/// It is neither.
pub fn since(text: &str) -> Result<i64, Failure> {
    let text = text.trim();
    for (unit, days) in [("d", 1), ("w", 7)] {
        if let Some(n) =
            text.strip_suffix(unit).and_then(|n| n.parse::<i64>().ok()).filter(|n| (0..100_000).contains(n))
        {
            return Ok(now_ms() - n * days * 86_400_000);
        }
    }
    let at = crate::engine::tools::instant(text);
    at.ok_or_else(|| Failure::usage("--since: an ISO date or time, or 7d, 4w"))
}
