//! `gantry audit` and `gantry backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::connect::connect;
use super::{Exit, Failure, Global, Output, verify};
use crate::audit::{Entry, atna_message};
use crate::engine::command::Backup;
use crate::engine::query::{History, Ledger, Page, Status, TrailEntry, VerifyTrail};

const AT_ONCE: u32 = 5_000;

/// Arguments of `gantry audit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry audit verify\n  gantry audit checkpoint --to /media/safe/lung.checkpoint\n  gantry audit verify --checkpoint /media/safe/lung.checkpoint\n  gantry audit show --text accept --limit 20\n  gantry audit export > trail.jsonl\n  gantry audit export --format atna > trail.xml\n  gantry audit ledger > ledger.jsonl\n\nExit codes: 0 done; 1 the chain is broken; 3 workspace"
)]
pub struct AuditArgs {
    #[command(subcommand)]
    what: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Verify every link of the chain
    Verify {
        /// Hold it against this checkpoint as well: a trail whose end was cut off is whole by itself
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Write the end of the trail to a file, to be kept where nobody can change it
    Checkpoint {
        /// The file, which must not exist yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// The latest entries
    Show {
        /// Only those about this object (a series UID, `config`, `intake` …)
        #[arg(long)]
        object: Option<String>,
        /// Only those whose actor, action or object holds this text
        #[arg(long, default_value = "")]
        text: String,
        /// Entries at most
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Every entry, oldest last, one JSON object per line
    Export {
        /// json, or atna: audit messages of DICOM PS3.15 A.5 (IHE ATNA), one line of XML each
        #[arg(long, value_enum, default_value = "json")]
        format: TrailFormat,
    },
    /// What de-identification did to every stored instance, one JSON object per line
    Ledger,
}

/// How the trail is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TrailFormat {
    /// JSON.
    Json,
    /// Audit messages for an audit record repository.
    Atna,
}

/// Arguments of `gantry backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry backup /backup/lung-2026\n\nThe copy is a workspace of its own, secret included: keep it as safe as the original. The landing side (quarantine, source paths) is left out unless --landing asks for it.\n\nExit codes: 0 done; 3 workspace; 6 storage"
)]
pub struct BackupArgs {
    /// The folder to write to; must not exist yet
    to: PathBuf,
    /// Copy the landing side too: it may hold PHI
    #[arg(long)]
    landing: bool,
}

/// Verifies, shows or exports the trail.
///
/// # Errors
/// The workspace cannot be read.
pub fn audit(args: &AuditArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &connection.client;
    match &args.what {
        AuditCommand::Checkpoint { to } => {
            let checkpoint = verify::write_checkpoint(&**client, to)?;
            out.result(&checkpoint, |c| {
                format!(
                    "{} entries, last hash {}, signed with {}\n",
                    c.entries,
                    c.hash,
                    if c.key.is_empty() { "no key" } else { &c.key }
                )
            });
            Ok(Exit::Done)
        }
        AuditCommand::Verify { checkpoint } => {
            let checkpoint = checkpoint.as_deref().map(verify::read_checkpoint).transpose()?;
            let verified = client.ask(VerifyTrail { checkpoint })?;
            let broken = verified.broken.is_some();
            out.result(&verified, |v| match &v.broken {
                None => format!(
                    "{} entries, chain whole, last hash {}\n{} signed checkpoints, the last covers {} entries, key {}\n",
                    v.entries,
                    v.hash,
                    v.checkpoints,
                    v.signed_entries,
                    v.key.as_deref().unwrap_or("none")
                ),
                Some(why) => format!("the chain is broken after {} entries: {why}", v.entries),
            });
            Ok(if broken { Exit::Findings } else { Exit::Done })
        }
        AuditCommand::Show { object, text, limit } => {
            let page = Page { offset: 0, limit: *limit };
            let rows = client.ask(History { object: object.clone(), text: text.clone(), page })?;
            out.result(&rows, |rows| rows.rows.iter().map(line).collect());
            Ok(Exit::Done)
        }
        AuditCommand::Ledger => {
            let mut after = 0;
            loop {
                let lines = client.ask(Ledger { after, limit: AT_ONCE })?;
                let Some(last) = lines.last() else { return Ok(Exit::Done) };
                after = last.number;
                lines.iter().for_each(|line| out.json(line));
            }
        }
        AuditCommand::Export { format } => {
            let mut offset = 0;
            let source = client.ask(Status {})?.project;
            loop {
                let page = Page { offset, limit: AT_ONCE };
                let rows = client.ask(History { object: None, text: String::new(), page })?;
                for entry in &rows.rows {
                    match format {
                        TrailFormat::Json => out.json(entry),
                        TrailFormat::Atna => out.text(&(atna(entry, &source) + "\n")),
                    }
                }
                offset += rows.rows.len() as u64;
                if rows.rows.is_empty() || offset >= rows.total {
                    return Ok(Exit::Done);
                }
            }
        }
    }
}

/// An entry as an audit message.
fn atna(e: &TrailEntry, source: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(e.at_ms).map(|t| t.to_string()).unwrap_or_default();
    let detail = e.detail.to_string();
    let entry = Entry {
        sequence: e.sequence,
        at_ms: e.at_ms,
        actor: &e.actor,
        action: &e.action,
        object: &e.object,
        detail: &detail,
    };
    atna_message(&entry, &at, source, &e.hash)
}

fn line(e: &TrailEntry) -> String {
    let at = jiff::Timestamp::from_millisecond(e.at_ms).map(|t| t.to_string()).unwrap_or_default();
    format!("{:>7}  {at}  {:<10} {:<16} {}  {}\n", e.sequence, e.actor, e.action, e.object, e.detail)
}

/// Copies the workspace.
///
/// # Errors
/// The folder exists, or cannot be written.
pub fn backup(args: &BackupArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let to = std::path::absolute(&args.to).unwrap_or_else(|_| args.to.clone());
    let done =
        connection.client.act(Backup { to: to.to_string_lossy().into_owned(), landing: args.landing })?;
    out.result(&done, |d| format!("{} instances, {} MiB copied to {}", d.blobs, d.bytes >> 20, to.display()));
    Ok(Exit::Done)
}
