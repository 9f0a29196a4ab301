//! The command line: one file per command family. It parses, asks the engine, and prints the outcome as text or
//! as strict JSON; the contract that scripts rely on is in the README ("Commands").

pub mod access;
mod agree;
pub mod agreement;
pub mod audit;
pub mod catalog;
mod config;
mod connect;
pub mod console;
mod convert;
pub mod deid;
pub mod demo;
pub mod drift;
mod exit;
pub mod export;
mod harmonise;
pub mod help;
pub mod ingest;
pub mod intake;
pub mod label;
mod label_convert;
mod log;
pub mod measure;
mod narrate;
mod network;
mod output;
pub mod plan;
mod progress;
mod protocol;
mod qc;
pub mod queue;
pub mod reader;
mod reading;
mod reconcile;
mod remote;
mod report;
mod reprocess;
mod restore;
mod retention;
mod scan;
pub mod shell;
pub mod snapshot;
pub mod stats;
mod subjects;
pub mod task;
mod transfer;
mod usage;
mod user;
pub mod vault;
pub mod verify;
pub mod view;
pub mod workspace;

pub use exit::{Exit, Failure};
pub use output::Output;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{FromArgMatches, Parser, Subcommand};

/// Terminal operations console and QA auditor for radiology annotation pipelines.
#[derive(Debug, Parser)]
#[command(name = "gantry", version, propagate_version = true, disable_help_subcommand = true, after_help = HELP)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const HELP: &str = "\
Examples:
  gantry demo                                        # everything invented, nothing to prepare
  gantry init lung-2026
  gantry --workspace lung-2026 ingest /data/delivery --site A
  gantry --workspace lung-2026                       # the console
  gantry scan /data/delivery                         # without a workspace

Without a command the console is opened. `gantry COMMAND --help` and `gantry man COMMAND` say more.

Exit codes: 0 done; 1 done, with findings; 2 wrong usage; 3 workspace or configuration; 4 input unreadable or refused;
5 not permitted; 6 storage or network; 70 a defect of Gantry";

/// Under which the options that every command takes stand in its help.
const GLOBAL: &str = "Global options";

/// Options that every command takes, anywhere on the line.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// The workspace folder (else the nearest parent folder that holds gantry.toml)
    #[arg(long, global = true, value_name = "DIR", env = "GANTRY_WORKSPACE", help_heading = GLOBAL)]
    pub workspace: Option<PathBuf>,
    /// Configuration file instead of the workspace's gantry.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub config: Option<PathBuf>,
    /// Act for a reader: what is done is done for them, and only what they may see is shown
    #[arg(long = "as", global = true, value_name = "READER", help_heading = GLOBAL)]
    pub acts_for: Option<String>,
    /// Print results as strict JSON
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Print nothing but results and errors
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
    /// Say more on stderr (repeat for more)
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub verbose: u8,
}

/// One variant per command; the arguments and the doing are in the command's own file.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A workspace with invented studies and planted faults, run through the whole line
    Demo(demo::DemoArgs),
    /// Make a workspace
    Init(workspace::Init),
    /// Show, check or change the configuration
    Config(config::ConfigArgs),
    /// Examine terminal, disk, watch limits, database and inboxes
    #[command(
        after_help = "Examples:\n  gantry doctor\n  gantry --workspace lung-2026 doctor --json\n\nExit codes: 0 all is well; 1 something is not, with advice; 2 usage; 3 there is no workspace"
    )]
    Doctor,
    /// Who you are in a workspace, and who may do what
    Access(access::AccessArgs),
    /// Take files in through the pipeline and wait until they are accounted for
    Ingest(ingest::Ingest),
    /// What was quarantined or rejected: look, retry, release, mask, discard, report
    Intake(intake::IntakeArgs),
    /// Run the pipeline without a screen
    Run(ingest::Run),
    /// Series that match a query
    Search(catalog::Search),
    /// Harmonised attributes: rules, what they change, what is not covered
    Harmonise(harmonise::HarmoniseArgs),
    /// Acquisition protocols that series are compared with
    Protocol(protocol::ProtocolArgs),
    /// Everything known of a subject, study, series or task
    Show(catalog::Show),
    /// Work on the review queue
    Queue(queue::QueueArgs),
    /// What is read, by whom, and what must agree
    Plan(plan::PlanArgs),
    /// The people who read
    Reader(reader::ReaderArgs),
    /// The worklist: take, read, hand in, decide
    Task(task::TaskArgs),
    /// Cases of known truth, by which readers are measured
    Gold(task::GoldArgs),
    /// What readers said: take tables and label files in, list, show, export
    Label(label::LabelArgs),
    /// How well the readers agree
    Agreement(agreement::AgreementArgs),
    /// Backlog, first-pass accuracy, rejection rate, reader consistency, cycle times
    Stats(stats::StatsArgs),
    /// Versions of the dataset: make, list, compare, verify
    Snapshot(snapshot::SnapshotArgs),
    /// Where a snapshot, series or read came from, down to the source files
    Provenance(snapshot::ProvenanceArgs),
    /// Write a document for people: QA, de-identification, a site, the dossier
    Report(report::ReportArgs),
    /// Tokens by which people come over the web
    User(user::UserArgs),
    /// Archives elsewhere: list them, ask whether they are there, search them
    Remote(remote::RemoteArgs),
    /// Pull what an archive holds and is not here yet
    Pull(transfer::PullArgs),
    /// Send stored, de-identified instances to an archive
    Send(transfer::SendArgs),
    /// Data that have been kept as long as they may be
    Retention(retention::RetentionArgs),
    /// A subject leaves the dataset
    Withdraw(snapshot::WithdrawArgs),
    /// Write a model-ready dataset
    Export(export::ExportArgs),
    /// Verify, show or export the tamper-evident trail
    Audit(audit::AuditArgs),
    /// Who a subject was: sealed, opened only with a key and a reason
    Vault(vault::VaultArgs),
    /// Verify that everything is as it was stored, and repair what can be
    Verify(verify::VerifyArgs),
    /// Who is whom, where headers do not say it rightly
    Subjects(subjects::SubjectsArgs),
    /// Copy the workspace
    Backup(audit::BackupArgs),
    /// Bring a workspace back from a backup
    Restore(restore::RestoreArgs),
    /// The console
    Console(console::ConsoleArgs),
    /// Draw one slice inline in the terminal
    View(view::ViewArgs),
    /// Print completions for a shell
    Completions(shell::Completions),
    /// Print manual pages, or write one for each command
    Man(shell::Man),
    /// Compare two label files: overlap and surface distances of every structure
    Measure(measure::MeasureArgs),
    /// Agreement of readers from a table of ratings
    Agree(agree::AgreeArgs),
    /// Drift and control charts of the readers, or of a metric in a table
    Drift(drift::DriftArgs),
    /// De-identify a tree of DICOM files
    Deid(deid::DeidArgs),
    /// Find the series below paths, sort and measure them from their headers
    Scan(scan::ScanArgs),
    /// Run the automated checks on the series below paths
    Qc(qc::QcArgs),
    /// Write series as volumes
    Convert(convert::ConvertArgs),
}

/// Parses the process's arguments, runs the command and returns its exit status.
pub fn main() -> ExitCode {
    let parsed = help::command().try_get_matches().and_then(|found| Cli::from_arg_matches(&found));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            usage::tell(&error);
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let out = Output::new(&cli.global);
    let draws = match &cli.command {
        None | Some(Command::Console(_)) => true,
        Some(Command::Demo(args)) => args.draws(),
        // It tells the same in its own lines.
        Some(Command::Run(_)) => cli.global.verbose == 0,
        Some(_) => false,
    };
    log::init(cli.global.verbose, !draws);
    log::hush_panics(!draws);
    match run(&cli, &out) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(cli: &Cli, out: &Output) -> Result<Exit, Failure> {
    let global = &cli.global;
    match &cli.command {
        None => console::run(&console::ConsoleArgs::default(), global),
        Some(Command::Console(args)) => console::run(args, global),
        Some(Command::View(args)) => view::run(args, out),
        Some(Command::Demo(args)) => demo::run(args, out),
        Some(Command::Init(args)) => workspace::init(args, out),
        Some(Command::Config(args)) => config::config(args, global, out),
        Some(Command::Doctor) => workspace::doctor(global, out),
        Some(Command::Access(args)) => access::run(args, global, out),
        Some(Command::Ingest(args)) => ingest::ingest(args, global, out),
        Some(Command::Intake(args)) => intake::intake(args, global, out),
        Some(Command::Run(args)) => ingest::run(args, global, out),
        Some(Command::Search(args)) => catalog::search(args, global, out),
        Some(Command::Harmonise(args)) => harmonise::run(args, global, out),
        Some(Command::Protocol(args)) => protocol::run(args, global, out),
        Some(Command::Show(args)) => catalog::show(args, global, out),
        Some(Command::Queue(args)) => queue::queue(args, global, out),
        Some(Command::Plan(args)) => plan::run(args, global, out),
        Some(Command::Reader(args)) => reader::run(args, global, out),
        Some(Command::Task(args)) => task::run(args, global, out),
        Some(Command::Gold(args)) => task::gold(args, global, out),
        Some(Command::Label(args)) => label::run(args, global, out),
        Some(Command::Agreement(args)) => agreement::run(args, global, out),
        Some(Command::Stats(args)) => stats::run(args, global, out),
        Some(Command::Snapshot(args)) => snapshot::run(args, global, out),
        Some(Command::Report(args)) => report::run(args, global, out),
        Some(Command::Provenance(args)) => snapshot::provenance(args, global, out),
        Some(Command::User(args)) => user::run(args, global, out),
        Some(Command::Remote(args)) => remote::run(args, global, out),
        Some(Command::Pull(args)) => transfer::pull(args, global, out),
        Some(Command::Send(args)) => transfer::send(args, global, out),
        Some(Command::Retention(args)) => retention::run(args, global, out),
        Some(Command::Withdraw(args)) => snapshot::withdraw(args, global, out),
        Some(Command::Export(args)) => export::run(args, global, out),
        Some(Command::Audit(args)) => audit::audit(args, global, out),
        Some(Command::Vault(args)) => vault::vault(args, global, out),
        Some(Command::Verify(args)) => verify::run(args, global, out),
        Some(Command::Restore(args)) => restore::run(args, global, out),
        Some(Command::Subjects(args)) => subjects::run(args, global, out),
        Some(Command::Backup(args)) => audit::backup(args, global, out),
        Some(Command::Completions(args)) => shell::completions(args),
        Some(Command::Man(args)) => shell::man(args, out),
        Some(Command::Measure(args)) => measure::run(args, out),
        Some(Command::Agree(args)) => agree::run(args, out),
        Some(Command::Drift(args)) => drift::run(args, global, out),
        Some(Command::Deid(args)) => deid::run(args, global, out),
        Some(Command::Scan(args)) => scan::run(args, out),
        Some(Command::Qc(args)) => qc::run(args, global, out),
        Some(Command::Convert(args)) => convert::run(args, out),
    }
}
