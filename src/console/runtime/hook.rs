//! A panic while the terminal is in the console's hands.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::super::terminal::restore;

type PanicHook = Box<dyn Fn(&std::panic::PanicHookInfo<'_>) + Sync + Send + 'static>;

/// While the console runs, a panic is told after the terminal is restored: at once when the render loop fails, at the
/// end when a worker did.
pub struct Hook {
    told: Arc<Mutex<Vec<String>>>,
    before: Arc<PanicHook>,
}

impl Hook {
    pub fn install() -> Self {
        let before = Arc::new(std::panic::take_hook());
        let told = Arc::new(Mutex::new(Vec::new()));
        let (render, list, tell) = (thread::current().id(), Arc::clone(&told), Arc::clone(&before));
        std::panic::set_hook(Box::new(move |info| {
            if thread::current().id() == render {
                restore();
                tell(info);
            } else {
                list.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
        }));
        Self { told, before }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if !thread::panicking() {
            let before = Arc::clone(&self.before);
            std::panic::set_hook(Box::new(move |info| before(info)));
        }
        for line in self.told.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(io::stderr(), "gantry: {line}");
        }
    }
}

/// In debug builds alone: panics where `GANTRY_DEBUG_PANIC` says, so that what comes after a panic can be seen.
pub fn provoke(place: &str) {
    #[cfg(debug_assertions)]
    {
        let wanted = std::env::var("GANTRY_DEBUG_PANIC").unwrap_or_default();
        assert!(wanted != place, "provoked in {place}");
    }
    #[cfg(not(debug_assertions))]
    let _ = place;
}
