//! `gantry vault`: who a subject was.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::connect::{connect_to, workspace};
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{FillVault, OpenVault, SealVault, VaultEntry};
use crate::engine::query::Vault;
use crate::engine::tools::vault::new_key;
use crate::model::text::visible;
use crate::model::words::io_words;

/// Arguments of `gantry vault`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry vault init --key /media/safe/vault.key\n  gantry vault status\n  gantry vault fill /data/delivery\n  gantry vault open --key /media/safe/vault.key --subject S-7K2M9Q --reason \"incidental finding\"\n  gantry vault open --key /media/safe/vault.key --accession A123 --reason \"site asked\"\n\nThe workspace keeps the public key alone: it writes entries and cannot read them. Keep the key file elsewhere; who loses it loses the crosswalk. Every opening is in the trail (`gantry audit show --object vault`).\n\nExit codes: 0 done; 2 usage; 3 workspace; 4 no such entry; 6 storage"
)]
pub struct VaultArgs {
    #[command(subcommand)]
    what: VaultCommand,
}

#[derive(Debug, Subcommand)]
enum VaultCommand {
    /// Make a key, and keep an entry sealed to it for every study from now on
    Init {
        /// The key file to make, outside the workspace
        #[arg(long, value_name = "FILE", required_unless_present = "recipient")]
        key: Option<PathBuf>,
        /// Seal to this public key (age1…) instead of making one
        #[arg(long, conflicts_with = "key")]
        recipient: Option<String>,
    },
    /// Add entries of studies that have none, from their sources
    Fill {
        /// Files and folders as they were delivered
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Whether entries are kept, and for how many studies
    Status,
    /// Open it: identities as their senders know them
    Open {
        /// The key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Only the subject with this pseudonym
        #[arg(long)]
        subject: Option<String>,
        /// Only the study with this UID
        #[arg(long)]
        study: Option<String>,
        /// Only the person with this Patient ID, as the sender knows it
        #[arg(long, value_name = "ID")]
        patient_id: Option<String>,
        /// Only the study with this Accession Number, as the sender knows it
        #[arg(long, value_name = "NUMBER")]
        accession: Option<String>,
        /// Why; it stands in the trail
        #[arg(long)]
        reason: String,
    },
}

/// Seals, examines or opens the vault.
///
/// # Errors
/// The workspace or a key file cannot be used.
pub fn vault(args: &VaultArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let workspace = workspace(global)?;
    let connection = connect_to(workspace.clone())?;
    let client = &connection.client;
    match &args.what {
        VaultCommand::Init { key, recipient } => {
            let recipient = match (key, recipient) {
                (Some(path), _) => {
                    let inside = path.parent().and_then(|p| p.canonicalize().ok()).is_some_and(|folder| {
                        workspace.root().canonicalize().is_ok_and(|root| folder.starts_with(root))
                    });
                    if inside {
                        return Err(Failure::usage("the key file must lie outside the workspace"));
                    }
                    new_key(path).map_err(|e| {
                        Failure::new(
                            Exit::Storage,
                            "storage",
                            format!("{}: {}", path.display(), io_words(e.kind())),
                        )
                    })?
                }
                (None, Some(recipient)) => recipient.clone(),
                (None, None) => return Err(Failure::usage("say --key or --recipient")),
            };
            client.act(SealVault { recipient: recipient.clone() })?;
            let without = client.ask(Vault {})?.without_entry;
            out.result(&serde_json::json!({ "recipient": recipient, "without_entry": without }), |_| {
                let before = match without {
                    0 => String::new(),
                    n => format!(
                        "\n{n} studies that are here already have none: `gantry vault fill PATH` adds them from their sources"
                    ),
                };
                format!("every study from now on has an entry sealed to {recipient}{before}")
            });
        }
        VaultCommand::Status => {
            let view = client.ask(Vault {})?;
            out.result(&view, |v| match &v.recipient {
                None => "no entries are kept: gantry vault init".into(),
                Some(key) => {
                    let has = v.studies - v.without_entry.min(v.studies);
                    format!("{has} of {} studies have an entry; sealed to {key}", v.studies)
                }
            });
        }
        VaultCommand::Fill { paths } => {
            let absolute = |path: &PathBuf| {
                let found = path.canonicalize().map_err(|e| {
                    Failure::new(
                        Exit::Input,
                        "not_found",
                        format!("{}: {}", path.display(), io_words(e.kind())),
                    )
                })?;
                Ok(found.to_string_lossy().into_owned())
            };
            let paths = paths.iter().map(absolute).collect::<Result<_, Failure>>()?;
            let filled = client.act(FillVault { paths })?;
            out.result(&filled, |f| {
                format!(
                    "{} files looked at: {} entries added, {} files of no study that is here; {} studies still have no entry",
                    f.files, f.added, f.unknown, f.without_entry
                )
            });
        }
        VaultCommand::Open { key, subject, study, patient_id, accession, reason } => {
            let key = std::fs::read_to_string(key).map_err(|e| {
                Failure::new(Exit::Storage, "storage", format!("{}: {}", key.display(), io_words(e.kind())))
            })?;
            let (study_uid, subject, reason) = (study.clone(), subject.clone(), reason.clone());
            let (patient_id, accession_number) = (patient_id.clone(), accession.clone());
            let command = OpenVault { key, study_uid, subject, patient_id, accession_number, reason };
            let opened = client.act(command)?;
            if opened.entries.is_empty() {
                let hint = match opened.shut {
                    0 => "`gantry vault status` tells how many studies have an entry".to_string(),
                    n => format!("{n} entries are sealed to another key, or damaged"),
                };
                return Err(
                    Failure::new(Exit::Input, "not_found", "the vault holds no such entry").hint(hint)
                );
            }
            out.result(&opened, |o| {
                let mut lines: Vec<String> = o.entries.iter().map(line).collect();
                if o.shut > 0 {
                    lines.push(format!("{} entries are sealed to another key, or damaged", o.shut));
                }
                lines.join("\n")
            });
        }
    }
    Ok(Exit::Done)
}

fn line(e: &VaultEntry) -> String {
    let fields = [
        &e.subject,
        &e.study_uid,
        &e.site,
        &e.patient_id,
        &e.patient_name,
        &e.birth_date,
        &e.accession_number,
        &e.study_date,
        &e.original_study_uid,
    ];
    fields.map(|f| visible(f)).join("\t")
}
