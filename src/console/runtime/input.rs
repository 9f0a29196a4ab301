//! Reads keys, mouse and sizes from the terminal.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
use crossterm::event::{self, Event as Input, KeyCode, KeyModifiers};

use super::super::app::Signal;
use super::Inner;

/// Starts the thread; `answered` when the terminal has said all about its graphics.
pub fn spawn(sender: Sender<Inner>, stop: Arc<AtomicBool>, answered: bool) -> io::Result<()> {
    let work = move || {
        // An answer to the question about graphics that comes too late looks like keys.
        let mut late = Late { expected: !answered, inside: false };
        while !stop.load(Ordering::SeqCst) {
            let input = match event::poll(Duration::from_millis(100)) {
                Ok(false) => continue,
                Ok(true) => event::read(),
                Err(error) => Err(error),
            };
            let signal = match input {
                Ok(input) if late.swallows(&input) => continue,
                Ok(input) => Signal::Input(input),
                Err(_) => Signal::Terminate,
            };
            let ends = matches!(signal, Signal::Terminate);
            if sender.send(Inner::App(signal)).is_err() || ends {
                return;
            }
        }
    };
    thread::Builder::new().name("input".into()).spawn(work).map(drop)
}

/// Swallows an application program command (`ESC _ … ESC \`) that arrives as keys.
struct Late {
    expected: bool,
    inside: bool,
}

impl Late {
    fn swallows(&mut self, input: &Input) -> bool {
        let Input::Key(key) = input else { return false };
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('_') if alt && self.expected => self.inside = true,
            KeyCode::Char('\\') if alt && self.inside => {
                (self.inside, self.expected) = (false, false);
                return true;
            }
            _ => {}
        }
        self.inside
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyEvent;

    use super::*;

    #[test]
    fn late_answer_is_no_key() {
        let mut late = Late { expected: true, inside: false };
        let key = |c, modifiers| Input::Key(KeyEvent::new(KeyCode::Char(c), modifiers));
        assert!(!late.swallows(&key('a', KeyModifiers::NONE)));
        assert!(late.swallows(&key('_', KeyModifiers::ALT)));
        assert!(late.swallows(&key('a', KeyModifiers::NONE)));
        assert!(late.swallows(&key('\\', KeyModifiers::ALT)));
        assert!(!late.swallows(&key('a', KeyModifiers::NONE)));
    }
}
