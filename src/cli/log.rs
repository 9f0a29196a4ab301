//! Where the log goes, and what a panic may say.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

/// Sends the log to stderr: warnings, with `-v` more; or to a file beside the screen.
pub fn init(verbose: u8, file: Option<&Path>) {
    let level = ["warn", "info", "debug", "trace"][usize::from(verbose.min(3))];
    let level = if file.is_some() && verbose == 0 { "info" } else { level };
    let filter =
        EnvFilter::try_from_env("GANTRY_LOG").unwrap_or_else(|_| EnvFilter::new(format!("gantry={level}")));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    let opened =
        file.and_then(|path| OpenOptions::new().create(true).append(true).mode(0o600).open(path).ok());
    // A second call (a test, a command that starts another) finds the log set up: that is fine.
    let _ = match opened {
        Some(file) => builder.with_ansi(false).with_writer(Mutex::new(file)).try_init(),
        None => builder.with_writer(std::io::stderr).try_init(),
    };
}

/// A panic's message may hold a value of a file, so only its place is told.
pub fn hush_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        tracing::error!("a defect at {place}");
    }));
}
