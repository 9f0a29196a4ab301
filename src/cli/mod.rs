//! The command line: one file per command family. It parses, asks the engine, and prints the outcome as text or
//! as strict JSON; the contract that scripts rely on is in the README ("Commands").

mod exit;
mod output;
mod progress;
mod scan;

pub use exit::{Exit, Failure};
pub use output::Output;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Terminal operations console and QA auditor for radiology annotation pipelines.
#[derive(Debug, Parser)]
#[command(name = "gantry", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options that every command takes, anywhere on the line.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// The workspace folder (else the nearest parent folder that holds gantry.toml)
    #[arg(long, global = true, value_name = "DIR", env = "GANTRY_WORKSPACE")]
    pub workspace: Option<PathBuf>,
    /// Configuration file instead of the workspace's gantry.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print results as strict JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but results and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Say more on stderr (repeat for more)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// One variant per command; the arguments and the doing are in the command's own file.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the series below paths, sort and measure them from their headers
    Scan(scan::Args),
}

/// Parses the process's arguments, runs the command and returns its exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let out = Output::new(&cli.global);
    match run(&cli, &out) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(cli: &Cli, out: &Output) -> Result<Exit, Failure> {
    match &cli.command {
        None => Ok(Exit::Done),
        Some(Command::Scan(args)) => scan::run(args, out),
    }
}
