//! `gantry completions` and `gantry man`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use serde_json::json;

use super::{Exit, Failure, Output, help};
use crate::model::words::io_words;

/// Arguments of `gantry completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry completions bash > /etc/bash_completion.d/gantry\n\nExit codes: 0 done; 2 usage"
)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Arguments of `gantry man`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry man | man -l -\n  gantry man queue claim | man -l -\n  gantry man --to /usr/local/share/man/man1\n\nExit codes: 0 done; 2 no such command; 6 the pages cannot be written"
)]
pub struct Man {
    /// The command, such as: queue claim
    command: Vec<String>,
    /// Write a page for every command into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    to: Option<PathBuf>,
}

/// Prints completions.
///
/// # Errors
/// None.
pub fn completions(args: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "gantry", &mut script);
    print(&script)
}

/// Prints a manual page, or writes all of them.
///
/// # Errors
/// There is no such command, or the pages cannot be written.
pub fn man(args: &Man, out: &Output) -> Result<Exit, Failure> {
    let mut all = help::command();
    all.build();
    if let Some(folder) = &args.to {
        let mut written = Vec::new();
        std::fs::create_dir_all(folder).and_then(|()| write_pages(&all, folder, &mut written)).map_err(
            |e| Failure::new(Exit::Storage, "write", format!("{}: {}", folder.display(), io_words(e.kind()))),
        )?;
        out.result(&json!({ "pages": written }), |_| {
            format!("{} pages written to {}", written.len(), folder.display())
        });
        return Ok(Exit::Done);
    }
    let mut command = &all;
    for name in &args.command {
        let next = command.find_subcommand(name).filter(|found| !found.is_hide_set());
        command = next.ok_or_else(|| Failure::usage(format!("there is no command {name}")))?;
    }
    print(&page(command).map_err(|e| Failure::new(Exit::Defect, "man", e.to_string()))?)
}

/// The page of a command.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// `gantry.1`, `gantry-queue.1`, `gantry-queue-claim.1` …
fn write_pages(command: &Command, folder: &Path, written: &mut Vec<String>) -> io::Result<()> {
    let name = format!("{}.1", command.get_display_name().unwrap_or_else(|| command.get_name()));
    std::fs::write(folder.join(&name), page(command)?)?;
    written.push(name);
    let below = command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    below.into_iter().try_for_each(|below| write_pages(below, folder, written))
}

/// A closed pipe is the reader's decision, not our error.
fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    let _ = io::stdout().write_all(bytes);
    Ok(Exit::Done)
}
