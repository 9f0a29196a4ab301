//! Restoring a workspace from a backup, also where its catalog can no longer be opened.
//!
//! Nothing of the workspace is thrown away: the catalog that stood there is moved aside, stored instances that the backup
//! does not know are kept apart, and files that were taken in after the backup are taken in again where they still lie.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use crate::blob::{BlobError, FsStore};
use crate::catalog::{Catalog, CatalogError};
use crate::config::{CONFIG_FILE, Workspace, WorkspaceError, is_inside, read_secret};
use crate::deid::Secret;
use crate::landing::{IntakeMap, KnownIdentifiers};
use crate::model::words::io_error;
use crate::pipeline::{CLEAN, now_ms};

/// Rows of the intake map looked at in one go.
const AT_ONCE: u32 = 2_000;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup, or the workspace, is none.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The backup's catalog is damaged, missing or foreign.
    #[error("the backup cannot be used: {0}")]
    Catalog(#[from] CatalogError),
    /// Blobs that the backup's catalog names are nowhere whole.
    #[error("{0} stored instances are neither in the backup nor in the workspace, or are damaged in both")]
    Blobs(u64),
    /// The two are not of one workspace.
    #[error("the backup was made under another secret: it is of another workspace")]
    OtherWorkspace,
    /// The folders are not apart, or the new one exists.
    #[error("{0}")]
    Place(&'static str),
    /// The store.
    #[error(transparent)]
    Store(#[from] BlobError),
    /// The disk.
    #[error("the workspace cannot be written: {}", io_error(.0))]
    Disk(#[from] io::Error),
}

/// What was restored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Stored instances that the catalog names.
    pub blobs: u64,
    /// Those of them that were copied from the backup.
    pub copied: u64,
    /// Entries of the trail at the time of the backup.
    pub trail_entries: u64,
    /// Stored instances that the backup does not know: kept in `store/unnamed`.
    pub unnamed: u64,
    /// Files that are taken in anew where they still lie.
    pub forgotten: u64,
    /// Where the catalog that stood there before is kept.
    pub set_aside: Option<PathBuf>,
}

/// Makes a new workspace in `to` from a backup.
///
/// # Errors
/// [`RestoreError`]; `to` is removed again then.
pub fn restore_to(backup: &Path, to: &Path, actor: &str) -> Result<Restored, RestoreError> {
    let from = Workspace::open(backup)?;
    if to.exists() {
        return Err(RestoreError::Place(
            "the folder exists already; a backup is never restored over anything",
        ));
    }
    if is_inside(to, from.root()) || is_inside(from.root(), to) {
        return Err(RestoreError::Place("the new folder and the backup must lie apart"));
    }
    let made = Workspace::init(to).map_err(RestoreError::from).and_then(|workspace| {
        for file in [CONFIG_FILE, "secret"] {
            fs::copy(from.root().join(file), workspace.root().join(file))?;
        }
        if from.trail_key_file().is_file() {
            fs::copy(from.trail_key_file(), workspace.trail_key_file())?;
        }
        restore(backup, &workspace, actor)
    });
    if made.is_err() {
        let _ = fs::remove_dir_all(to);
    }
    made
}

/// Restores a workspace from a backup of it. The backup is verified before anything is changed.
///
/// # Errors
/// [`RestoreError`]; the workspace is as it was, but for blobs that were copied into its store.
pub fn restore(backup: &Path, workspace: &Workspace, actor: &str) -> Result<Restored, RestoreError> {
    let from = Workspace::open(backup)?;
    if is_inside(from.root(), workspace.root()) || is_inside(workspace.root(), from.root()) {
        return Err(RestoreError::Place("the backup and the workspace must lie apart"));
    }
    let _lock = workspace.lock()?;
    let secret = same_secret(&from, workspace)?;
    let draft = workspace.root().join("catalog.sqlite.restored");
    remove_database(&draft)?;
    fs::copy(from.catalog(), &draft)?;
    let done = from_draft(&from, workspace, &draft, &secret, actor);
    if done.is_err() {
        let _ = remove_database(&draft);
    }
    let mut restored = done?;
    restored.set_aside = set_aside(&workspace.catalog())?;
    // What was signed of the trail before speaks of the catalog that was set aside.
    if workspace.checkpoint_file().is_file() {
        let aside = |n: u32| workspace.root().join(format!("trail.checkpoint.before-restore-{n}"));
        if let Some(to) = (1..u32::MAX).map(aside).find(|path| !path.exists()) {
            fs::rename(workspace.checkpoint_file(), to)?;
        }
    }
    fs::rename(&draft, workspace.catalog())?;
    rustix::fs::syncfs(fs::File::open(workspace.root())?).map_err(io::Error::from)?;
    Ok(restored)
}

/// The secret of the backup, which the workspace has too, or gets.
fn same_secret(from: &Workspace, workspace: &Workspace) -> Result<[u8; 32], RestoreError> {
    let (path, secret) = (workspace.root().join("secret"), from.secret()?);
    if !path.exists() {
        fs::copy(from.root().join("secret"), &path)?;
    }
    let same = Secret::new(read_secret(&path)?).fingerprint() == Secret::new(secret).fingerprint();
    if same { Ok(secret) } else { Err(RestoreError::OtherWorkspace) }
}

/// Verifies the copied catalog, brings its blobs together, and leaves it as the one to be put into place.
fn from_draft(
    from: &Workspace,
    workspace: &Workspace,
    draft: &Path,
    secret: &[u8; 32],
    actor: &str,
) -> Result<Restored, RestoreError> {
    let catalog = Catalog::open(draft)?;
    if let Some(first) = catalog.read().integrity_check(false)?.into_iter().next() {
        return Err(CatalogError::Damaged(first).into());
    }
    let (trail_entries, _, broken) = catalog.read().verify_trail()?;
    if broken.is_some() {
        return Err(CatalogError::Damaged("the trail of the backup is broken".into()).into());
    }
    let mut restored = Restored { trail_entries, ..Restored::default() };
    let named = catalog.read().blobs()?;
    let store = FsStore::open(&workspace.store())?;
    bring_blobs(&FsStore::attach(&from.store()), &store, &named, &mut restored)?;
    restored.unnamed = store.keep_apart(&named)?;
    landing(from, workspace, secret, &catalog, &mut restored)?;
    let detail = json!({
        "trail_entries": restored.trail_entries, "copied": restored.copied, "unnamed": restored.unnamed,
        "forgotten": restored.forgotten,
    });
    let now = now_ms();
    catalog.write(|tx| {
        tx.release_leases()?;
        tx.audit(now, actor, "workspace.restore", "workspace", &detail)?;
        Ok(())
    })?;
    catalog.fold_log()?;
    Ok(restored)
}

fn bring_blobs(
    from: &FsStore,
    store: &FsStore,
    named: &HashSet<String>,
    restored: &mut Restored,
) -> Result<(), RestoreError> {
    let mut missing = 0;
    for name in named {
        restored.blobs += 1;
        if store.open_verified(name).is_ok() {
            continue;
        }
        match from.open_verified(name) {
            Ok(bytes) => {
                store.settle([&mut store.stage(&bytes)?], false)?;
                restored.copied += 1;
            }
            Err(_) => missing += 1,
        }
    }
    if missing > 0 { Err(RestoreError::Blobs(missing)) } else { Ok(()) }
}

/// The landing side: what the map notes as stored and the restored catalog does not know is forgotten, so that it is found
/// again; studies that have named somebody since are cleaned again.
fn landing(
    from: &Workspace,
    workspace: &Workspace,
    secret: &[u8; 32],
    catalog: &Catalog,
    restored: &mut Restored,
) -> Result<(), RestoreError> {
    for (there, here) in [(from.intake(), workspace.intake()), (from.known(), workspace.known())] {
        if there.is_file() && !here.exists() {
            fs::copy(there, here)?;
        }
    }
    bring_vault(&from.landing().join("vault"), &workspace.landing().join("vault"))?;
    let map = IntakeMap::open(&workspace.intake())?;
    let mut after = 0;
    loop {
        let rows = map.rows_after(after, AT_ONCE)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in &rows {
            let is_stored = matches!(&*row.file.status, "deidentified" | "duplicate" | "archive");
            if is_stored && !catalog.read().has_source(&row.file.sha256)? {
                map.forget(row.id)?;
                restored.forgotten += 1;
            }
        }
    }
    let known = KnownIdentifiers::open(&workspace.known(), secret)?;
    let now = now_ms();
    for study in catalog.read().study_uids()? {
        let generation = known.study(&study)?.generation;
        catalog.write_derived(|tx| {
            if tx.is_behind(&study, generation)? {
                tx.enqueue(CLEAN, &study, now, now)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Entries of the vault that are not there; one that stands is never written over.
fn bring_vault(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if !from.is_dir() {
        return Ok(());
    }
    for shelf in fs::read_dir(from)? {
        let shelf = shelf?;
        let place = to.join(shelf.file_name());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&place)?;
        for entry in fs::read_dir(shelf.path())? {
            let entry = entry?;
            let here = place.join(entry.file_name());
            if !here.exists() {
                fs::copy(entry.path(), here)?;
            }
        }
    }
    Ok(())
}

/// Moves the database that stands there aside, under a name that nothing has yet.
fn set_aside(catalog: &Path) -> io::Result<Option<PathBuf>> {
    if !catalog.exists() {
        return Ok(None);
    }
    let aside = |n: u32| catalog.with_file_name(format!("catalog.sqlite.before-restore-{n}"));
    let Some(to) = (1..u32::MAX).map(aside).find(|path| !path.exists()) else { return Ok(None) };
    for end in ["-wal", "-shm", ""] {
        let with_end = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if with_end(catalog).exists() {
            fs::rename(with_end(catalog), with_end(&to))?;
        }
    }
    Ok(Some(to))
}

fn remove_database(path: &Path) -> io::Result<()> {
    for end in ["-wal", "-shm", ""] {
        let path = PathBuf::from(format!("{}{end}", path.display()));
        if path.exists() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
