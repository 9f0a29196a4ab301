//! What the pipeline does, told line by line while it runs.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::{Client, Engine, Line, Weight};

/// Between two looks. A batch takes 20 to 100 ms to fill, so that each has its line.
const NAP: Duration = Duration::from_millis(20);

/// Tells the news of an engine to the log, and to whoever listens, until it is dropped.
pub struct Narrator {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Narrator {
    /// Starts telling.
    pub fn start(engine: &Arc<Engine>, listen: impl Fn(&Line) + Send + 'static) -> Self {
        let (end, ended) = channel::<()>();
        let engine = engine.clone();
        let mut changes = engine.session("gantry", false).subscribe();
        let thread = std::thread::spawn(move || {
            let tell = || engine.news().iter().for_each(|line| told(line, &listen));
            let mut idle = 0;
            loop {
                let ending = ended.recv_timeout(NAP) != Err(RecvTimeoutError::Timeout);
                let changed = !changes.is_empty();
                while changes.try_recv().is_ok() {}
                idle += 1;
                // Problems of inboxes come without an event.
                if changed || ending || idle * NAP.as_millis() > 1_000 {
                    idle = 0;
                    tell();
                }
                if ending {
                    return;
                }
            }
        });
        Self { end: Some(end), thread: Some(thread) }
    }
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
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
