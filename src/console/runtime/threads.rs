//! Threads beside the render loop: one writes frames, one hears of changes, one of signals.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use tokio::sync::broadcast::error::RecvError;

use super::super::app::Signal;
use super::Inner;
use crate::model::{ChangeKind, Event};

/// Writes frames to the terminal, one after another.
pub fn spawn_writer(frames: Receiver<Vec<u8>>, sender: Sender<Inner>) -> io::Result<()> {
    let work = move || {
        while let Ok(bytes) = frames.recv() {
            let begun = Instant::now();
            let mut out = io::stdout().lock();
            let written = out.write_all(&bytes).and_then(|()| out.flush());
            drop(out);
            let gone = written.is_err();
            let message = if gone { Inner::App(Signal::Terminate) } else { Inner::Written(begun.elapsed()) };
            if sender.send(message).is_err() || gone {
                return;
            }
        }
    };
    thread::Builder::new().name("writer".into()).spawn(work).map(drop)
}

/// Passes on what the engine tells, many changes at once as one.
pub fn spawn_events(
    mut events: tokio::sync::broadcast::Receiver<Event>,
    sender: Sender<Inner>,
) -> io::Result<()> {
    let work = move || {
        loop {
            let mut changed = Vec::new();
            let mut note = |what: ChangeKind| {
                if !changed.contains(&what) && changed.len() < 64 {
                    changed.push(what);
                }
            };
            match events.blocking_recv() {
                Ok(event) => note(event.what),
                Err(RecvError::Lagged(_)) => note(ChangeKind::Idle),
                Err(RecvError::Closed) => return,
            }
            // A storm of events is one change for those who look at it.
            thread::sleep(Duration::from_millis(150));
            while let Ok(event) = events.try_recv() {
                note(match event.what {
                    ChangeKind::Intake { .. } => ChangeKind::Intake { files: 0 },
                    what => what,
                });
            }
            for what in changed {
                if sender.send(Inner::App(Signal::Changed(what))).is_err() {
                    return;
                }
            }
        }
    };
    thread::Builder::new().name("events".into()).spawn(work).map(drop)
}

/// The process is asked to end.
pub fn spawn_signals(sender: Sender<Inner>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let work = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
            let [Ok(mut term), Ok(mut hang), Ok(mut interrupt)] = kinds.map(signal) else { return };
            tokio::select! { _ = term.recv() => {} _ = hang.recv() => {} _ = interrupt.recv() => {} }
            let _ = sender.send(Inner::App(Signal::Terminate));
        });
    };
    thread::Builder::new().name("signals".into()).spawn(work).map(drop)
}
