//! How a database is opened: migrated and for writing, for reading, or as it stands where nothing can be written; and how
//! it is copied.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::CatalogError;

/// Pages of the write-ahead log that are gathered before they are moved into the file: 16 MiB.
const LOG_PAGES: u32 = 4_000;
/// What brings a database up to date, step by step.
pub(super) const MIGRATIONS: [&str; 18] = [
    include_str!("migrations/0001_catalog.sql"),
    include_str!("migrations/0002_reads.sql"),
    include_str!("migrations/0003_search.sql"),
    include_str!("migrations/0004_known.sql"),
    include_str!("migrations/0005_leaving.sql"),
    include_str!("migrations/0006_claims.sql"),
    include_str!("migrations/0007_integrity.sql"),
    include_str!("migrations/0008_subjects.sql"),
    include_str!("migrations/0009_imports.sql"),
    include_str!("migrations/0010_profiles.sql"),
    include_str!("migrations/0011_read_roots.sql"),
    include_str!("migrations/0012_checkpoints.sql"),
    include_str!("migrations/0013_intents.sql"),
    include_str!("migrations/0014_decided_on.sql"),
    include_str!("migrations/0015_labels.sql"),
    include_str!("migrations/0016_workflow.sql"),
    include_str!("migrations/0017_datasets.sql"),
    include_str!("migrations/0018_tokens.sql"),
];

/// The version from which on workspaces are closed to others when they are made.
pub(super) const CLOSED_SINCE: usize = 6;

/// Makes the file of a database where it is missing, readable by its owner alone: SQLite would leave that to the mask.
/// The logs beside it take its mode.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(|_| ())
}

/// Writes a consistent copy of a whole database to `to`, which only its owner may read.
///
/// # Errors
/// The copy cannot be written.
pub(crate) fn copy_database(from: &Connection, to: &Path) -> Result<(), CatalogError> {
    make_private(to)?;
    let mut copy = Connection::open(to)?;
    let backup = rusqlite::backup::Backup::new(from, &mut copy)?;
    backup.run_to_completion(1_000, Duration::ZERO, None)?;
    Ok(())
}

/// Opens a database for writing and applies the migrations it has not seen.
pub(crate) fn open_writer(path: &Path, migrations: &[&str]) -> Result<Connection, CatalogError> {
    if !path.as_os_str().is_empty() {
        make_private(path)?;
    }
    let mut writer = Connection::open(path)?;
    writer.busy_timeout(Duration::from_secs(10))?;
    keep_plans(&writer)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    writer.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted is overwritten: a name that was cleaned away must not lie in a page that is free.
    writer.pragma_update(None, "secure_delete", "ON")?;
    writer.pragma_update(None, "cache_size", -12_000)?;
    // Rows are known by hashes, and a batch of them touches most pages of their indexes: what several batches write to
    // a page is moved into the file once.
    writer.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    writer.set_prepared_statement_cache_capacity(128);
    let version = version_of(&writer)?;
    if version > migrations.len() {
        return Err(CatalogError::TooNew);
    }
    if version < migrations.len() {
        // All of them or none, and one flush.
        let tx = writer.transaction()?;
        migrations[version..].iter().try_for_each(|migration| tx.execute_batch(migration))?;
        tx.pragma_update(None, "user_version", migrations.len() as i64)?;
        tx.commit()?;
    }
    Ok(writer)
}

/// A database up to this size is checked whenever it is opened: some tens of milliseconds.
const CHECKED_AT_OPENING: u64 = 64 << 20;
/// What is said of a damaged database, at most.
const DAMAGES: usize = 20;
/// Tables that every catalog has had from its first version on.
const OWN_TABLES: [&str; 3] = ["instance", "job", "trail"];

/// Whether a file, where there is one, is a sound catalog.
pub(super) fn examine(path: &Path) -> Result<(), CatalogError> {
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    if size == 0 {
        return Ok(());
    }
    let reader = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    reader.busy_timeout(Duration::from_secs(10))?;
    let mut statement = reader.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?;
    let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if !tables.is_empty() && !OWN_TABLES.iter().all(|own| tables.iter().any(|t| t == own)) {
        return Err(CatalogError::Foreign);
    }
    if size <= CHECKED_AT_OPENING
        && let Some(first) = integrity(&reader, true)?.into_iter().next()
    {
        return Err(CatalogError::Damaged(first));
    }
    Ok(())
}

/// What SQLite's own check of the database finds; empty where it is sound. `quick` leaves the content of indexes aside.
pub(super) fn integrity(connection: &Connection, quick: bool) -> Result<Vec<String>, CatalogError> {
    let check = if quick { "quick_check" } else { "integrity_check" };
    let mut statement = connection.prepare(&format!("PRAGMA {check}({DAMAGES})"))?;
    let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(Duration::from_secs(10))?;
    keep_plans(&reader)?;
    reader.pragma_update(None, "cache_size", -4_000)?;
    reader.set_prepared_statement_cache_capacity(64);
    Ok(reader)
}

/// Opens `count` connections to a database that cannot be written, of version `version`. Beside a running owner, or where
/// the folder may be written, SQLite shares the write-ahead log; else the file is all there is, or a copy of both is
/// opened that goes with the process.
pub(crate) fn open_unwritable(
    path: &Path,
    version: usize,
    count: usize,
) -> Result<Vec<Connection>, CatalogError> {
    let shared = || open_reader(path).and_then(|connection| of_version(connection, version));
    match (0..count).map(|_| shared()).collect() {
        // The index of a shared log is a file that may have to grow.
        Err(CatalogError::Sqlite(_) | CatalogError::Full) => {}
        other => return other,
    }
    let log = beside(path, "-wal");
    if !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return (0..count).map(|_| of_version(open_alone(path)?, version)).collect();
    }
    let folder = private_folder()?;
    let copy = folder.join("copy.sqlite");
    let opened = (|| {
        std::fs::copy(path, &copy)?;
        std::fs::copy(&log, beside(&copy, "-wal"))?;
        for file in [copy.clone(), beside(&copy, "-wal")] {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
        }
        // The log goes into the file, so that every connection finds the file alone.
        Connection::open(&copy)?.pragma_update(None, "journal_mode", "DELETE")?;
        (0..count).map(|_| of_version(open_alone(&copy)?, version)).collect()
    })();
    // Open files stay readable until they are closed.
    let _ = std::fs::remove_dir_all(folder);
    opened
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    name.into()
}

/// A new folder for temporary files that only this user can read.
fn private_folder() -> Result<PathBuf, CatalogError> {
    let mut tail = [0; 8];
    getrandom::fill(&mut tail).map_err(io::Error::other)?;
    let folder = std::env::temp_dir().join(format!("gantry-{}", hex::encode(tail)));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// The connection, where its database has this version.
fn of_version(connection: Connection, version: usize) -> Result<Connection, CatalogError> {
    match version_of(&connection)?.cmp(&version) {
        std::cmp::Ordering::Less => Err(CatalogError::TooOld),
        std::cmp::Ordering::Equal => Ok(connection),
        std::cmp::Ordering::Greater => Err(CatalogError::TooNew),
    }
}

/// The file by itself, without a write-ahead log and without locks.
fn open_alone(path: &Path) -> Result<Connection, CatalogError> {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte))
            }
            other => drop(write!(uri, "%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

pub(super) fn version_at(path: &Path) -> Result<usize, CatalogError> {
    version_of(&Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?)
}

fn version_of(connection: &Connection) -> Result<usize, CatalogError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? as usize)
}

/// Without this SQLite prepares a cached statement anew for every value bound to it.
fn keep_plans(connection: &Connection) -> Result<(), CatalogError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
