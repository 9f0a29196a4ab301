//! What the pipeline does, told line by line while it runs.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;

use crate::engine::{Client, Engine, Line, Weight};
use crate::model::ChangeKind;

/// Between two looks where nothing says that something has changed: problems of inboxes come without an event.
const NAP: Duration = Duration::from_secs(1);

enum Signal {
    Changed,
    End,
}

/// Tells the news of an engine to the log, and to whoever listens, until it is dropped.
pub struct Narrator {
    signals: Sender<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Narrator {
    /// Starts telling.
    pub fn start(engine: &Arc<Engine>, listen: impl Fn(&Line) + Send + 'static) -> Self {
        let (signals, received) = channel();
        hear(engine, signals.clone());
        let engine = engine.clone();
        let thread = std::thread::spawn(move || {
            loop {
                let signal = received.recv_timeout(NAP);
                engine.news().iter().for_each(|line| told(line, &listen));
                if matches!(signal, Ok(Signal::End) | Err(RecvTimeoutError::Disconnected)) {
                    return;
                }
            }
        });
        Self { signals, thread: Some(thread) }
    }
}

/// Passes on that something has changed, until the engine or the narrator has gone.
fn hear(engine: &Arc<Engine>, signals: Sender<Signal>) {
    let mut changes = engine.session("gantry", false).subscribe();
    std::thread::spawn(move || {
        loop {
            match changes.blocking_recv() {
                Ok(event)
                    if !matches!(
                        event.what,
                        ChangeKind::Intake { .. } | ChangeKind::Jobs | ChangeKind::Sources
                    ) => {}
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    if signals.send(Signal::Changed).is_err() {
                        return;
                    }
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
}

fn told(line: &Line, listen: &impl Fn(&Line)) {
    match line.weight {
        Weight::Note => tracing::info!("{}", line.text),
        Weight::Warning => tracing::warn!("{}", line.text),
    }
    listen(line);
}

impl Drop for Narrator {
    fn drop(&mut self) {
        let _ = self.signals.send(Signal::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
