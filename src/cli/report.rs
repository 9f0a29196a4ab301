//! `gantry report`: documents for people.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{ReportKind, ReportWritten, WriteReport};

/// What a document is about.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Agreement, process and findings
    Qa,
    /// What de-identification did
    Deid,
    /// One site: what it delivered, and what to mend
    Site,
    /// What a regulator asks of a reference standard
    Dossier,
}

/// Arguments of `gantry report`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  gantry report qa --to qa.html\n  gantry report site --site A --to site-a.pdf\n  gantry report dossier --snapshot v1 --to v1-dossier.pdf\n\nThe file loads nothing from elsewhere. Every number says which command or snapshot it comes from.\n\nExit codes: 0 done; 2 usage, or another ending than .html and .pdf; 3 workspace; 4 no such snapshot, or the file exists; 5 not permitted; 6 storage"
)]
pub struct ReportArgs {
    /// What the document is about
    kind: Kind,
    /// The snapshot; without one, what is in the workspace now
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    /// Only this site
    #[arg(long)]
    site: Option<String>,
    /// Only reads since then: an ISO date or time (UTC), or 7d, 4w
    #[arg(long)]
    since: Option<String>,
    /// The file: .html or .pdf; it must not exist
    #[arg(long)]
    to: PathBuf,
}

/// Writes a document.
///
/// # Errors
/// No such snapshot, a file that exists, a disk that refuses.
pub fn run(args: &ReportArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let to = std::path::absolute(&args.to).unwrap_or_else(|_| args.to.clone());
    let kind = match args.kind {
        Kind::Qa => ReportKind::Qa,
        Kind::Deid => ReportKind::Deid,
        Kind::Site => ReportKind::Site,
        Kind::Dossier => ReportKind::Dossier,
    };
    let command = WriteReport {
        kind,
        snapshot: args.snapshot.clone(),
        site: args.site.clone(),
        since_ms: args.since.as_deref().map(super::stats::since).transpose()?,
        to: to.to_string_lossy().into_owned(),
    };
    out.result(&connection.client.act(command)?, text);
    Ok(Exit::Done)
}

fn text(written: &ReportWritten) -> String {
    format!("{} ({} pages, {} figures)", written.path, written.pages, written.figures)
}
