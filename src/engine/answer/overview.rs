//! *Is it healthy?*

use super::catalog::severity;
use super::process::{Row, door, scaled};
use super::stats::{cycle_time, first_pass, share};
use crate::access::{Permission, Way};
use crate::catalog::{CatalogError, DecisionRecord, Reader, Which};
use crate::engine::query::{
    Alert, Better, DeepLink, FlowStage, Measured, Overview, OverviewView, Severity, StatusView, Trend,
    WhoView,
};
use crate::engine::{EngineError, Session};
use crate::model::words::plural;
use crate::pipeline::now_ms;

const HOUR_MS: i64 = 3_600_000;
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;
/// Hours that the backlog chart shows.
const BACKLOG_HOURS: i64 = 72;
const DISK_LOW_BYTES: u64 = 5 << 30;

pub fn status(session: &Session) -> Result<StatusView, EngineError> {
    let shared = &session.engine.shared;
    let attention = attention(session, now_ms())?;
    let of = |s: Severity| attention.iter().filter(|a| a.severity == s).count() as u32;
    Ok(StatusView {
        project: shared.config().project.name.clone(),
        user: session.user.clone(),
        role: role_of(session),
        may: permissions(session),
        busy: session.engine.is_busy()?,
        attached: session.way == Way::Socket,
        series_waiting: shared.catalog.read().series_waiting()?,
        errors: of(Severity::Error),
        warnings: of(Severity::Warning),
        revision: shared.bus.revision(),
    })
}

/// The roles of the user, for a header line.
fn role_of(session: &Session) -> String {
    if session.is_owner && session.acts_for.is_none() {
        return "owner".into();
    }
    let roles = session.acting().map(|who| who.roles).unwrap_or_default();
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}

/// What the user may do.
fn permissions(session: &Session) -> Vec<Permission> {
    let Ok(who) = session.acting() else { return Vec::new() };
    Permission::ALL.into_iter().filter(|permission| who.may(*permission).is_ok()).collect()
}

/// Who asks.
pub fn who(session: &Session) -> WhoView {
    WhoView {
        user: session.user.clone(),
        groups: session.groups.iter().map(|(_, name)| name.clone()).collect(),
        is_owner: session.is_owner,
        roles: session.acting().map(|who| who.roles).unwrap_or_default().into_iter().collect(),
    }
}

pub fn overview(session: &Session, query: &Overview) -> Result<OverviewView, EngineError> {
    let shared = &session.engine.shared;
    let flow = flow(session, query.now_ms)?;
    let attention = attention(session, query.now_ms)?;
    let reader = shared.catalog.read();
    let decisions = reader.decisions()?;
    Ok(OverviewView {
        flow,
        attention,
        trends: trends(&decisions, query.now_ms),
        backlog: backlog(&reader, query.now_ms)?,
        disk_free_bytes: disk_free(session),
        store_bytes: reader.store_totals()?.1,
    })
}

fn flow(session: &Session, now: i64) -> Result<Vec<FlowStage>, EngineError> {
    let shared = &session.engine.shared;
    let reader = shared.catalog.read();
    let statuses = shared.map.status_counts()?;
    let files = |name: &str| statuses.iter().find(|(status, _)| status == name).map_or(0, |(_, n)| *n);
    let (jobs, parked) = reader.job_counts()?;
    let settling = session.engine.watchers.pending() + session.engine.listeners.pending();
    let returned = reader.decisions()?.iter().filter(|d| !d.accepted).count() as u64;
    let asides: [(&str, Vec<(u64, &str)>); 6] = [
        ("received", vec![(settling, "settling or waiting"), (files("duplicate"), "duplicates")]),
        ("deidentified", vec![(files("quarantined"), "quarantined"), (files("rejected"), "rejected")]),
        ("catalogued", vec![]),
        ("checked", vec![(jobs, "in work"), (parked, "parked")]),
        (
            "in review",
            vec![
                (reader.task_count(Which::Open, now)?, "open"),
                (reader.task_count(Which::Claimed, now)?, "claimed"),
                (reader.task_count(Which::Overdue, now)?, "overdue"),
            ],
        ),
        ("accepted", vec![(returned, "returned")]),
    ];
    asides
        .into_iter()
        .map(|(stage, aside)| {
            let pulse = reader.pulse(stage, None, now)?;
            Ok(FlowStage {
                name: if stage == "deidentified" { "de-identified".into() } else { stage.into() },
                total: pulse.total,
                last_hour: pulse.slots.iter().sum(),
                slots: pulse.slots,
                aside: aside.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| (n, what.into())).collect(),
            })
        })
        .collect()
}

/// What needs a person, the worst first.
fn attention(session: &Session, now: i64) -> Result<Vec<Alert>, EngineError> {
    let shared = &session.engine.shared;
    // First, as these take connections of their own.
    let mut alerts = super::process::attention(session)?;
    let mut alert = |severity, text: String, screen: &str, filter: String| {
        alerts.push(Alert { severity, text, door: door(screen, &filter) });
    };
    let free = disk_free(session);
    if free < DISK_LOW_BYTES {
        alert(
            Severity::Error,
            format!("only {} MiB free on the workspace's disk", free >> 20),
            "overview",
            String::new(),
        );
    }
    let reader = shared.catalog.read();
    let parked = reader.job_counts()?.1;
    if parked > 0 {
        alert(
            Severity::Error,
            format!("{} failed three times: `gantry run --retry` tries again", plural(parked, "job")),
            "overview",
            String::new(),
        );
    }
    for inbox in &shared.config().inboxes {
        let Some((state, tally)) = session.engine.watchers.state(&inbox.name) else { continue };
        if let Some(problem) = state.problem() {
            alert(Severity::Warning, format!("inbox {:?}: {problem}", inbox.name), "ingest", String::new());
        }
        if let Some(failure) = tally.counts().failure {
            alert(
                Severity::Error,
                format!("inbox {:?}: {failure}; the files are tried again", inbox.name),
                "ingest",
                String::new(),
            );
        }
    }
    for listener in &shared.config().listeners {
        let Some((state, tally)) = session.engine.listeners.state(&listener.name) else { continue };
        if let Some(problem) = state.obstacle() {
            alert(
                Severity::Error,
                format!("listener {:?}: {problem}", listener.name),
                "ingest",
                String::new(),
            );
        }
        if let Some(failure) = tally.counts().failure {
            let why = format!("listener {:?}: {failure}; what came is tried again", listener.name);
            alert(Severity::Error, why, "ingest", String::new());
        }
    }
    for remote in &shared.config().remotes {
        let problem = session.engine.health.of(&remote.name).and_then(|answered| answered.problem);
        if let Some(problem) = problem {
            let text = format!("remote {:?}: {problem}", remote.name);
            alert(Severity::Warning, text, "ingest", String::new());
        }
    }
    let mut quarantined = std::collections::BTreeMap::new();
    for group in shared.map.groups()?.into_iter().filter(|g| g.status == "quarantined") {
        *quarantined.entry((group.reason, group.site)).or_insert(0) += group.count;
    }
    for ((reason, site), n) in quarantined {
        let files = plural(n, "file");
        let text = format!("{files} of {site} in quarantine: {}", crate::pipeline::explain_reason(&reason));
        alert(
            Severity::Warning,
            text,
            "ingest",
            format!("status:quarantined reason:{reason} site:{}", quoted(&site)),
        );
    }
    for (check, level, site, n) in reader.finding_groups(50)? {
        let series = if n == 1 { "1 series".into() } else { format!("{n} series") };
        let text = format!("{site}: {series} with {}", check.replace('_', " "));
        alert(severity(level), text, "catalog", format!("finding:{check} site:{}", quoted(&site)));
    }
    let overdue = reader.task_count(Which::Overdue, now)?;
    if overdue > 0 {
        let are = if overdue == 1 { "is" } else { "are" };
        let text = format!("{} {are} overdue", plural(overdue, "review task"));
        let door = DeepLink { select: Some("overdue".into()), ..door("queue", "") };
        alerts.push(Alert { severity: Severity::Warning, text, door });
    }
    alerts.sort_by_key(|a| std::cmp::Reverse(a.severity));
    Ok(alerts)
}

fn quoted(value: &str) -> String {
    if value.contains(' ') { format!("\"{value}\"") } else { value.into() }
}

/// A span of time: after `from_ms`, up to and with `to_ms`.
#[derive(Clone, Copy)]
pub struct Window {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// The figures of the decisions in a window.
pub fn decided(decisions: &[DecisionRecord], window: Window) -> Vec<Row> {
    let within: Vec<&DecisionRecord> =
        decisions.iter().filter(|d| d.at_ms > window.from_ms && d.at_ms <= window.to_ms).collect();
    let days = 1.0 / (24 * HOUR_MS) as f64;
    let p90 = scaled(cycle_time(&within, 0.9), days);
    let first = first_pass(within.iter().copied().filter(|d| d.first));
    let returned = share(within.iter().filter(|d| !d.accepted).count(), within.len());
    let n = within.len() as u64;
    let count = Measured { value: Some(n as f64), n, ..Measured::default() };
    vec![
        ("first-pass accuracy", "%", Better::Higher, None, scaled(first, 100.0)),
        ("returned", "%", Better::Lower, None, scaled(returned, 100.0)),
        ("median cycle time", "d", Better::Lower, None, scaled(cycle_time(&within, 0.5), days)),
        ("p90 cycle time", "d", Better::Lower, None, p90),
        ("decided", "", Better::Neither, None, count),
    ]
}

fn trends(decisions: &[DecisionRecord], now: i64) -> Vec<Trend> {
    let week = decided(decisions, Window { from_ms: now - WEEK_MS, to_ms: now });
    let before = decided(decisions, Window { from_ms: now - 2 * WEEK_MS, to_ms: now - WEEK_MS });
    let trend = |((name, unit, _, _, value), (.., before)): (Row, Row)| Trend {
        name: name.into(),
        value: value.value,
        ci95: value.ci95,
        before: before.value,
        unit: unit.into(),
        reason: value.reason,
    };
    week.into_iter().zip(before).map(trend).collect()
}

/// Open tasks at the end of each hour, oldest first.
fn backlog(reader: &Reader<'_>, now: i64) -> Result<Vec<(i64, u64)>, CatalogError> {
    let times = reader.task_times()?;
    let first = times.iter().map(|(made, _)| *made).min().unwrap_or(now);
    let hours =
        (0..=BACKLOG_HOURS).rev().map(|back| now - back * HOUR_MS).filter(|at| *at >= first - HOUR_MS);
    Ok(hours
        .map(|at| {
            let open = times.iter().filter(|(made, decided)| *made <= at && decided.is_none_or(|d| d > at));
            (at, open.count() as u64)
        })
        .collect())
}

fn disk_free(session: &Session) -> u64 {
    rustix::fs::statvfs(session.engine.workspace.root()).map_or(u64::MAX, |s| s.f_bavail * s.f_frsize)
}
