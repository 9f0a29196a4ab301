//! The catalog: its one writer, its readers, their transactions.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::opening::{
    CLOSED_SINCE, MIGRATIONS, copy_database, examine, open_reader, open_unwritable, open_writer, version_at,
};
use super::{Index, JobBell};
use crate::audit::TrailKey;
use crate::model::words::io_error;

/// Readers that may be open at a time; more callers wait.
const READERS: usize = 4;

/// Why the catalog cannot answer. Never holds a value of a column.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// SQLite refused.
    #[error("the catalog: {0}")]
    Sqlite(rusqlite::Error),
    /// The disk or a quota is full.
    #[error("the catalog cannot be written: no room on the disk")]
    Full,
    /// The database is damaged, as SQLite itself says.
    #[error("catalog.sqlite is damaged: SQLite says {0:?}")]
    Damaged(String),
    /// The file is a database of something else.
    #[error("catalog.sqlite is not a catalog of Gantry")]
    Foreign,
    /// There is no catalog, or an empty file, where instances are stored.
    #[error("catalog.sqlite is {0}, and the store holds instances that it should name")]
    Missing(&'static str),
    /// The catalog was made under another secret.
    #[error("the file `secret` is not the one that this workspace was made with")]
    OtherSecret,
    /// A JSON column does not hold what it should.
    #[error("the catalog holds a value that cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The folder.
    #[error("the catalog cannot be opened: {}", io_error(.0))]
    Io(#[from] io::Error),
    /// A database of a later version.
    #[error("the catalog was written by a later version of Gantry")]
    TooNew,
    /// A database of an earlier version, which cannot be written.
    #[error("the catalog was written by an earlier version of Gantry and cannot be brought up to date here")]
    TooOld,
    /// What a transaction refuses, in a person's words: somebody else holds the task …
    #[error("{0}")]
    Refused(String),
    /// What the rules of cases and tasks refuse.
    #[error(transparent)]
    Workflow(#[from] crate::workflow::Refused),
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(words_of(&error)),
            Some(ErrorCode::DiskFull) => Self::Full,
            _ if cannot_grow_log_index(&error) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

/// Whether the index of the write-ahead log could not be made larger: SQLite has a code of its own for a disk that is
/// full there.
fn cannot_grow_log_index(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(code, _)
        if code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// What SQLite says, without its codes.
fn words_of(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(words)) => words.clone(),
        other => other.to_string(),
    }
}

impl CatalogError {
    /// Whether SQLite refuses because the database cannot be written.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::Sqlite(e) if e.sqlite_error_code() == Some(ErrorCode::ReadOnly))
    }
}

/// The catalog's database.
pub struct Catalog {
    // Closed before the writer: whoever closes last moves the write-ahead log into the file, and only a writer can.
    readers: Pool,
    writer: Mutex<Writer>,
    people_waiting: AtomicUsize,
    machine_gate: Condvar,
    index: Index,
    was_open: bool,
    jobs: JobBell,
    key: OnceLock<TrailKey>,
}

/// A read connection in use.
pub struct Reader<'a> {
    pool: &'a Pool,
    index: &'a Index,
    connection: Option<Connection>,
}

/// One transaction: everything in it happens or nothing.
#[expect(clippy::struct_field_names, reason = "the field is what the type wraps")]
pub struct Tx<'a> {
    pub(super) tx: Transaction<'a>,
    /// Jobs were asked for, ended or put off.
    pub(super) jobs_change: Cell<bool>,
    /// Signs the trail.
    pub(super) key: Option<&'a TrailKey>,
    /// The ledger line that was asked for last, and its row.
    pub(super) latest_record: Cell<Option<([u8; 32], i64)>>,
}

impl<'a> Tx<'a> {
    fn of(tx: Transaction<'a>, key: Option<&'a TrailKey>) -> Self {
        Self { tx, jobs_change: Cell::new(false), key, latest_record: Cell::new(None) }
    }
}

/// The one connection that writes, and whether its commits are flushed.
struct Writer {
    connection: Connection,
    flushes: bool,
}

struct Pool {
    idle: Mutex<Idle>,
    returned: Condvar,
}

struct Idle {
    connections: Vec<Connection>,
    /// Callers that wait for one: nobody else need be woken.
    waiting: usize,
}

impl Catalog {
    /// Opens the database, making or migrating it. One that is damaged, or that something else made, is refused as it
    /// stands: nothing is written to it.
    ///
    /// # Errors
    /// It cannot be opened, is damaged, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, CatalogError> {
        examine(path)?;
        let before = std::fs::metadata(path).is_ok_and(|file| file.len() > 0).then(|| version_at(path));
        let writer = open_writer(path, &MIGRATIONS)?;
        let readers = (0..READERS).map(|_| open_reader(path)).collect::<Result<_, _>>()?;
        let was_open = before.transpose()?.is_some_and(|version| version < CLOSED_SINCE);
        Ok(Self { was_open, ..Self::of(writer, readers) })
    }

    /// Whether it was made by a version that left it to the mask who may read a workspace, and is opened for the first
    /// time since.
    pub fn was_open(&self) -> bool {
        self.was_open
    }

    /// Opens a database that cannot be written, as it stands; whatever would write is refused.
    ///
    /// # Errors
    /// It cannot be read, or is of another version: nothing can bring it up to date.
    pub fn open_read_only(path: &Path) -> Result<Self, CatalogError> {
        let mut readers = open_unwritable(path, MIGRATIONS.len(), READERS + 1)?;
        let writer = readers.pop().ok_or(rusqlite::Error::InvalidQuery)?;
        Ok(Self::of(writer, readers))
    }

    fn of(writer: Connection, readers: Vec<Connection>) -> Self {
        Self {
            writer: Mutex::new(Writer { connection: writer, flushes: true }),
            people_waiting: AtomicUsize::new(0),
            machine_gate: Condvar::new(),
            readers: Pool {
                idle: Mutex::new(Idle { connections: readers, waiting: 0 }),
                returned: Condvar::new(),
            },
            index: Index::default(),
            jobs: JobBell::default(),
            key: OnceLock::new(),
            was_open: false,
        }
    }

    /// Loads the index of every series into memory, from where searches and facets are answered from then on. A second
    /// or two for a million series; writers wait for its last step only.
    ///
    /// # Errors
    /// SQLite refuses; SQL answers searches then.
    pub fn warm(&self) -> Result<(), CatalogError> {
        let _loading = self.index.loading();
        if self.index.is_loaded() {
            return Ok(());
        }
        Index::watch(&lock(&self.writer).connection)?;
        let loaded = {
            let reader = self.read();
            let snapshot = reader.connection().unchecked_transaction()?;
            let loaded = Index::load(&snapshot)?;
            snapshot.commit()?;
            loaded
        };
        let writer = lock(&self.writer);
        self.index.publish(loaded, &writer.connection)
    }

    /// Whether searches are answered from memory.
    pub fn is_warm(&self) -> bool {
        self.index.is_loaded()
    }

    /// From now on the trail is signed with this key.
    pub fn sign_with(&self, key: TrailKey) {
        // Whoever signs already goes on.
        let _ = self.key.set(key);
    }

    /// The public key and the signature over a text, where the trail is signed.
    pub fn sign_text(&self, text: &str) -> Option<(String, String)> {
        self.key.get().map(|key| (key.public(), key.sign_text(text)))
    }

    /// The public key with which the trail is signed, where it is.
    pub fn public_key(&self) -> Option<String> {
        self.key.get().map(TrailKey::public)
    }

    /// One transaction of machine work: it lets people go first.
    ///
    /// # Errors
    /// What `work` returns, or SQLite refuses; nothing has happened then.
    pub fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, CatalogError>) -> Result<T, CatalogError> {
        let mut writer = self.machine_turn();
        flush_at_commit(&mut writer, true)?;
        self.transact(&mut writer, work)
    }

    /// The writer, once no person waits for it.
    fn machine_turn(&self) -> MutexGuard<'_, Writer> {
        let mut writer = lock(&self.writer);
        while self.people_waiting.load(Ordering::Acquire) > 0 {
            let waited = self.machine_gate.wait_timeout(writer, Duration::from_millis(20));
            writer = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        writer
    }

    /// As [`Catalog::write`], but not flushed by itself: for what is derived from rows that are, and is made again when
    /// a power cut takes it. The write-ahead log keeps the order, so nothing later is ever there without it.
    ///
    /// # Errors
    /// As [`Catalog::write`].
    pub fn write_derived<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let mut writer = self.machine_turn();
        flush_at_commit(&mut writer, false)?;
        self.transact(&mut writer, work)
    }

    /// One transaction on behalf of a person: it goes before machine work.
    ///
    /// # Errors
    /// As [`Catalog::write`].
    pub fn write_first<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        self.people_waiting.fetch_add(1, Ordering::AcqRel);
        let mut writer = lock(&self.writer);
        let result = flush_at_commit(&mut writer, true).and_then(|()| self.transact(&mut writer, work));
        drop(writer);
        self.people_waiting.fetch_sub(1, Ordering::AcqRel);
        self.machine_gate.notify_all();
        result
    }

    /// Tries what would happen: `work` is done in a transaction that is taken back.
    ///
    /// # Errors
    /// As [`Catalog::write`].
    pub fn rehearse<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let mut writer = self.machine_turn();
        let tx = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tx = Tx::of(tx, self.key.get());
        let result = work(&tx);
        tx.tx.rollback()?;
        result
    }

    fn transact<T>(
        &self,
        writer: &mut Writer,
        work: impl FnOnce(&Tx<'_>) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let (result, jobs_change) = {
            let tx = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let tx = Tx::of(tx, self.key.get());
            let result = work(&tx)?;
            tx.tx.commit()?;
            (result, tx.jobs_change.get())
        };
        self.index.follow(&writer.connection);
        if jobs_change {
            self.jobs.ring();
        }
        Ok(result)
    }

    /// Rung when jobs were asked for, ended or put off.
    pub fn jobs(&self) -> &JobBell {
        &self.jobs
    }

    /// A connection that sees one committed state per statement.
    pub fn read(&self) -> Reader<'_> {
        let mut idle = lock(&self.readers.idle);
        loop {
            if let Some(connection) = idle.connections.pop() {
                return Reader { pool: &self.readers, index: &self.index, connection: Some(connection) };
            }
            idle.waiting += 1;
            idle = self.readers.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
            idle.waiting -= 1;
        }
    }

    /// Moves the write-ahead log into the database and empties it: what pages held before stands in neither any more.
    /// Pages that somebody still reads stay until the next time.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn fold_log(&self) -> Result<(), CatalogError> {
        let writer = self.machine_turn();
        Ok(writer.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// Writes a consistent copy of the whole database to `to`, while it is in use.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), CatalogError> {
        copy_database(self.read().connection(), to)
    }
}

impl Reader<'_> {
    /// Everything read from here on, until this is dropped, is as of one moment.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn hold(&self) -> Result<(), CatalogError> {
        Ok(self.connection().execute_batch("BEGIN")?)
    }

    pub(super) fn index(&self) -> &Index {
        self.index
    }

    pub(super) fn connection(&self) -> &Connection {
        match &self.connection {
            Some(connection) => connection,
            // The connection is taken out by `drop` alone.
            None => unreachable!("a reader in use has its connection"),
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            if !connection.is_autocommit() {
                // Nothing was written; a connection that could not end it would not be sound for anybody.
                let _ = connection.execute_batch("ROLLBACK");
            }
            let mut idle = lock(&self.pool.idle);
            idle.connections.push(connection);
            if idle.waiting > 0 {
                self.pool.returned.notify_one();
            }
        }
    }
}

fn flush_at_commit(writer: &mut Writer, flush: bool) -> Result<(), CatalogError> {
    if writer.flushes != flush {
        writer.connection.pragma_update(None, "synchronous", if flush { "FULL" } else { "NORMAL" })?;
        writer.flushes = flush;
    }
    Ok(())
}

/// A panic while the lock was held rolled its transaction back; the connection is sound.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
