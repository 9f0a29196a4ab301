//! `gantry completions` and `gantry man`.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit, Failure};

/// Arguments of `gantry completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry completions bash > /etc/bash_completion.d/gantry\n\nExit codes: 0 done"
)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints completions.
///
/// # Errors
/// None.
pub fn completions(args: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gantry", &mut script);
    print(&script)
}

/// Prints the manual page.
///
/// # Errors
/// None.
pub fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
    rendered.map_err(|e| Failure::new(Exit::Defect, "man", e.to_string()))?;
    print(&page)
}

/// A closed pipe is the reader's decision, not our error.
fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    let _ = io::stdout().write_all(bytes);
    Ok(Exit::Done)
}
