//! `gantry restore`: a workspace back from a backup.

use std::path::PathBuf;

use clap::Args;

use super::connect::workspace;
use super::{Exit, Failure, Global, Output};
use crate::catalog::CatalogError;
use crate::config::user_name;
use crate::engine::tools::restore::{RestoreError, Restored, restore, restore_to};

/// Arguments of `gantry restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry restore /backup/lung-2026\n  gantry restore /backup/lung-2026 --to /data/lung-2026\n\nThe backup is verified first. In a workspace only what is damaged or missing is copied; its catalog is kept under another name, stored instances that the backup does not know are kept in store/unnamed, and files that came after the backup are taken in again where they still lie. Run `gantry verify` and `gantry run --once` afterwards.\n\nExit codes: 0 done; 3 no workspace, or a backup of another one; 4 the backup is damaged; 6 storage"
)]
pub struct RestoreArgs {
    /// The folder that `gantry backup` made
    backup: PathBuf,
    /// Make a new workspace here instead of restoring the one that the options name
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Restores.
///
/// # Errors
/// See [`RestoreError`].
pub fn run(args: &RestoreArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let actor = user_name(rustix::process::getuid().as_raw());
    out.note("verifying the backup");
    let restored = match &args.to {
        Some(to) => restore_to(&args.backup, to, &actor)?,
        None => restore(&args.backup, &workspace(global)?, &actor)?,
    };
    out.result(&restored, text);
    Ok(Exit::Done)
}

fn text(r: &Restored) -> String {
    let mut lines = format!(
        "{} stored instances, {} of them copied from the backup; the trail has {} entries\n",
        r.blobs, r.copied, r.trail_entries
    );
    if let Some(aside) = &r.set_aside {
        lines += &format!("the catalog that stood there is kept as {}\n", aside.display());
    }
    if r.unnamed > 0 {
        lines +=
            &format!("{} stored instances are newer than the backup: kept in store/unnamed\n", r.unnamed);
    }
    if r.forgotten > 0 {
        lines += &format!(
            "{} files came after the backup: `gantry run --once` takes them in again\n",
            r.forgotten
        );
    }
    lines
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        let said = error.to_string();
        match error {
            RestoreError::Workspace(error) => error.into(),
            RestoreError::OtherWorkspace | RestoreError::Place(_) => {
                Self::new(Exit::Workspace, "workspace", said)
            }
            RestoreError::Catalog(CatalogError::Full) => Self::new(Exit::Storage, "storage", said),
            RestoreError::Catalog(_) | RestoreError::Blobs(_) => {
                Self::new(Exit::Input, "backup_damaged", said).hint("try an older backup")
            }
            RestoreError::Store(_) | RestoreError::Disk(_) => Self::new(Exit::Storage, "storage", said),
        }
    }
}
