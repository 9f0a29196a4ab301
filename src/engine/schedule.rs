//! Pulls that begin by themselves, while the workspace is run.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::ZonedDateTime;

use super::command::PullRemote;
use super::query::EchoRemote;
use super::{Client, Engine};
use crate::config::{ScheduledPull, hours};
use crate::model::ChangeKind;

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(20);
/// Between two questions whether an archive is there.
const ASK: Duration = Duration::from_secs(300);
/// Who does it, as the trail names them.
const ACTOR: &str = "gantry";
const DAY: u32 = 24 * 60;

/// Begins pulls when they are due, until it is dropped.
pub struct Schedule {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Schedule {
    /// Starts looking at the clock.
    pub fn start(engine: &Arc<Engine>) -> Self {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let thread = {
            let (engine, stop) = (Arc::downgrade(engine), stop.clone());
            std::thread::spawn(move || watch(&engine, &stop))
        };
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(engine: &Weak<Engine>, (is_over, ends): &(Mutex<bool>, Condvar)) {
    // When each was begun last, by its remote and what it asks for.
    let mut begun: BTreeMap<(String, Vec<String>), ZonedDateTime> = BTreeMap::new();
    let mut asked: Option<Instant> = None;
    let mut running: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
    loop {
        if asked.is_none_or(|at| at.elapsed() >= ASK) {
            asked = Some(Instant::now());
            let Some(engine) = engine.upgrade() else { return };
            ask(&engine, is_over);
        }
        let over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let (over, _) =
            ends.wait_timeout_while(over, LOOK, |over| !*over).unwrap_or_else(PoisonError::into_inner);
        if *over {
            if let Some(engine) = engine.upgrade() {
                engine.end_long_work();
            }
            for (_, pull) in running {
                let _ = pull.join();
            }
            return;
        }
        drop(over);
        let Some(engine) = engine.upgrade() else { return };
        let config = engine.shared.config();
        for remote in &config.remotes {
            for pull in &remote.pulls {
                let now = ZonedDateTime::now();
                let key = (remote.name.clone(), pull.keys.clone());
                // One at a time of each archive; another is begun at the next look.
                if running.get(&remote.name).is_some_and(|pull| !pull.is_finished()) {
                    continue;
                }
                let Some(seconds) = seconds_left(pull, begun.get(&key), &now) else { continue };
                begun.insert(key, now.clone());
                let (engine, name, pull) = (engine.clone(), remote.name.clone(), pull.clone());
                let thread = std::thread::spawn(move || begin(&engine, &name, &pull, &now, seconds));
                running.insert(remote.name.clone(), thread);
            }
        }
    }
}

/// Asks every archive whether it is there; the screens tell.
fn ask(engine: &Arc<Engine>, is_over: &Mutex<bool>) {
    let session = engine.session(ACTOR, false);
    let client: &dyn Client = &session;
    for remote in &engine.shared.config().remotes {
        // Each may take its time, and nobody waits for all of them at the end.
        if *is_over.lock().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        // What it says is kept by the query.
        if let Err(error) = client.ask(EchoRemote { remote: remote.name.clone() }) {
            tracing::debug!("remote {}: {error}", remote.name);
        }
    }
    engine.shared.bus.tell(ChangeKind::Sources);
}

/// For how long a pull may begin now; none where it is not due, or not at this hour. Without hours it may take until it is due
/// again.
fn seconds_left(pull: &ScheduledPull, last: Option<&ZonedDateTime>, now: &ZonedDateTime) -> Option<u64> {
    let every = u64::from(pull.every_minutes) * 60;
    if let Some(last) = last
        && (now.timestamp().as_second() - last.timestamp().as_second()).unsigned_abs() < every
    {
        return None;
    }
    let Some((from, to)) = pull.between.as_deref().and_then(hours) else { return Some(every) };
    let minute = now.hour().unsigned_abs() as u32 * 60 + now.minute().unsigned_abs() as u32;
    let (since, length) = ((minute + DAY - from) % DAY, (to + DAY - from) % DAY);
    (since < length).then(|| u64::from(length - since) * 60)
}

fn begin(engine: &Arc<Engine>, remote: &str, pull: &ScheduledPull, now: &ZonedDateTime, seconds: u64) {
    let since = pull.since_days.and_then(|days| {
        let day = now.date().checked_sub(jiff::Span::new().try_days(days).ok()?).ok()?;
        Some(day.to_string())
    });
    let command = PullRemote {
        remote: remote.into(),
        keys: pull.keys.clone(),
        since,
        limit: pull.limit,
        for_seconds: Some(seconds),
        ..PullRemote::default()
    };
    let session = engine.session(ACTOR, false);
    let client: &dyn Client = &session;
    match client.act(command) {
        Ok(outcome) => {
            let failed: u64 = outcome.failed.iter().map(|one| one.count).sum();
            tracing::info!(
                "remote {remote}: {} found, {} here already, {} pulled, {failed} failed, {} left",
                outcome.found,
                outcome.here,
                outcome.pulled,
                outcome.left
            );
        }
        Err(error) => tracing::warn!("remote {remote}: {error}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> ZonedDateTime {
        format!("{text}[UTC]").parse().unwrap()
    }

    #[test]
    fn a_pull_is_due_at_its_hours_and_after_its_time() {
        let pull = |between: Option<&str>| ScheduledPull {
            keys: vec!["Modality=CT".into()],
            every_minutes: 60,
            between: between.map(Into::into),
            since_days: None,
            limit: None,
        };
        let night = pull(Some("20:00-06:00"));
        assert_eq!(seconds_left(&night, None, &at("2026-01-01T23:00:00+00:00")), Some(7 * 3_600));
        assert_eq!(seconds_left(&night, None, &at("2026-01-01T05:59:00+00:00")), Some(60));
        assert_eq!(seconds_left(&night, None, &at("2026-01-01T06:00:00+00:00")), None);
        let (noon, later) = (at("2026-01-01T12:00:00+00:00"), at("2026-01-01T13:00:00+00:00"));
        assert_eq!(seconds_left(&pull(None), Some(&noon), &at("2026-01-01T12:59:59+00:00")), None);
        assert_eq!(seconds_left(&pull(None), Some(&noon), &later), Some(3_600));
    }
}
