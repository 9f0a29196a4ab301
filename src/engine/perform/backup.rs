//! A copy of the workspace that is a workspace of its own.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use serde_json::json;

use super::folders;
use crate::config::{CONFIG_FILE, TRAIL_KEY, Workspace};
use crate::engine::command::{Backup, BackupOutcome};
use crate::engine::{EngineError, Session};
use crate::model::words::io_words;
use crate::pipeline::now_ms;

pub fn backup(session: &Session, command: &Backup) -> Result<BackupOutcome, EngineError> {
    let to = Path::new(&command.to);
    if to.exists() {
        return Err(EngineError::Conflict {
            why: "the folder exists already; a backup never writes over anything".into(),
        });
    }
    folders::is_target(session, to, None)?;
    // Written beside its place and renamed when it is whole: half a backup is never taken for one.
    let draft = to.with_extension("part");
    let outcome = copy(session, &draft, command.landing).and_then(|outcome| {
        fs::rename(&draft, to).map_err(refused)?;
        Ok(outcome)
    });
    if outcome.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    let outcome = outcome?;
    let detail = json!({ "blobs": outcome.blobs, "landing": command.landing });
    session
        .engine
        .shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, "backup", "workspace", &detail))?;
    Ok(outcome)
}

/// The catalog first: every blob that it names is in the store by then, and stays.
fn copy(session: &Session, to: &Path, landing: bool) -> Result<BackupOutcome, EngineError> {
    let (workspace, shared) = (&session.engine.workspace, &session.engine.shared);
    let _still = shared.store_retention_lock.write().unwrap_or_else(PoisonError::into_inner);
    fs::create_dir_all(to.join("store")).map_err(refused)?;
    shared.catalog.backup(&to.join("catalog.sqlite"))?;
    let mut outcome = BackupOutcome::default();
    let mut names: Vec<String> = shared.catalog.read().blobs()?.into_iter().collect();
    names.sort_unstable();
    for name in names {
        // Read and verified: a damaged blob is never copied as if it were whole.
        let bytes = shared.store.open_verified(&name)?;
        let folder = to.join("store").join(&name[..2]);
        fs::create_dir_all(&folder).map_err(refused)?;
        let mut file = fs::File::create(folder.join(format!("{}.dcm", &name[2..]))).map_err(refused)?;
        bytes.copy_to(&mut file).map_err(refused)?;
        outcome.blobs += 1;
        outcome.bytes += bytes.len();
    }
    // `copy` keeps the secret's mode of 0600.
    for file in [CONFIG_FILE, "secret"] {
        fs::copy(workspace.root().join(file), to.join(file)).map_err(refused)?;
    }
    if workspace.trail_key_file().is_file() {
        fs::copy(workspace.trail_key_file(), to.join(TRAIL_KEY)).map_err(refused)?;
    }
    private_folder(&to.join("landing"))?;
    private_folder(&to.join("landing/quarantine"))?;
    private_folder(&to.join("landing/received"))?;
    copy_vault(workspace, to)?;
    if landing {
        shared.map.backup(&to.join("landing/intake.sqlite"))?;
        shared.known.backup(&to.join("landing/known.sqlite"))?;
        for entry in fs::read_dir(workspace.quarantine()).map_err(refused)?.flatten() {
            fs::copy(entry.path(), to.join("landing/quarantine").join(entry.file_name())).map_err(refused)?;
        }
    }
    rustix::fs::syncfs(fs::File::open(to).map_err(refused)?).map_err(|e| refused(e.into()))?;
    Ok(outcome)
}

/// The vault is sealed: it goes with every backup, for a subject that cannot be found again is lost.
fn copy_vault(workspace: &Workspace, to: &Path) -> Result<(), EngineError> {
    let from = workspace.landing().join("vault");
    if !from.is_dir() {
        return Ok(());
    }
    private_folder(&to.join("landing/vault"))?;
    for shelf in fs::read_dir(&from).map_err(refused)? {
        let shelf = shelf.map_err(refused)?;
        let place = to.join("landing/vault").join(shelf.file_name());
        private_folder(&place)?;
        for entry in fs::read_dir(shelf.path()).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            if entry.path().extension().is_some_and(|e| e == "age") {
                fs::copy(entry.path(), place.join(entry.file_name())).map_err(refused)?;
            }
        }
    }
    Ok(())
}

fn private_folder(path: &Path) -> Result<(), EngineError> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(path).map_err(refused)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(refused)
}

fn refused(error: io::Error) -> EngineError {
    EngineError::Storage { why: format!("the backup cannot be written: {}", io_words(error.kind())) }
}
