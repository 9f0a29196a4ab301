//! Connections, transactions, migrations.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::Index;

/// Readers that may be open at a time; more callers wait.
const READERS: usize = 4;

/// Why the catalog cannot answer. Never holds a value of a column.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// SQLite refused.
    #[error("the catalog: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A JSON column does not hold what it should.
    #[error("the catalog holds a value that cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The folder.
    #[error("the catalog cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// A database of a later version.
    #[error("the catalog was written by a later version of Gantry")]
    TooNew,
    /// What a transaction refuses, in a person's words: somebody else holds the task …
    #[error("{0}")]
    Refused(String),
}

/// The catalog's database.
pub struct Catalog {
    writer: Mutex<Writer>,
    people_waiting: AtomicUsize,
    machine_gate: Condvar,
    readers: Pool,
    index: Index,
}

/// A read connection in use.
pub struct Reader<'a> {
    pool: &'a Pool,
    index: &'a Index,
    connection: Option<Connection>,
}

/// One transaction: everything in it happens or nothing.
pub struct Tx<'a> {
    pub(super) tx: Transaction<'a>,
}

/// The one connection that writes, and whether its commits are flushed.
struct Writer {
    connection: Connection,
    flushes: bool,
}

struct Pool {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Catalog {
    /// Opens the database, making or migrating it.
    ///
    /// # Errors
    /// It cannot be opened, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, CatalogError> {
        let migrations = [
            include_str!("migrations/0001_catalog.sql"),
            include_str!("migrations/0002_reads.sql"),
            include_str!("migrations/0003_search.sql"),
            include_str!("migrations/0004_known.sql"),
            include_str!("migrations/0005_leaving.sql"),
            include_str!("migrations/0006_imports.sql"),
        ];
        let writer = open_writer(path, &migrations)?;
        let readers = (0..READERS).map(|_| open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Self {
            writer: Mutex::new(Writer { connection: writer, flushes: true }),
            people_waiting: AtomicUsize::new(0),
            machine_gate: Condvar::new(),
            readers: Pool { idle: Mutex::new(readers), returned: Condvar::new() },
            index: Index::default(),
        })
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
        let tx = Tx { tx: writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)? };
        let result = work(&tx);
        tx.tx.rollback()?;
        result
    }

    fn transact<T>(
        &self,
        writer: &mut Writer,
        work: impl FnOnce(&Tx<'_>) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let result = {
            let tx = Tx { tx: writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)? };
            let result = work(&tx)?;
            tx.tx.commit()?;
            result
        };
        self.index.follow(&writer.connection);
        Ok(result)
    }

    /// A connection that sees one committed state per statement.
    pub fn read(&self) -> Reader<'_> {
        let mut idle = lock(&self.readers.idle);
        loop {
            if let Some(connection) = idle.pop() {
                return Reader { pool: &self.readers, index: &self.index, connection: Some(connection) };
            }
            idle = self.readers.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
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
        let mut copy = Connection::open(to)?;
        let reader = self.read();
        let backup = rusqlite::backup::Backup::new(reader.connection(), &mut copy)?;
        backup.run_to_completion(1_000, Duration::ZERO, None)?;
        Ok(())
    }
}

impl Reader<'_> {
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
            lock(&self.pool.idle).push(connection);
            self.pool.returned.notify_one();
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
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a database for writing and applies the migrations it has not seen.
pub(super) fn open_writer(path: &Path, migrations: &[&str]) -> Result<Connection, CatalogError> {
    let mut writer = Connection::open(path)?;
    writer.busy_timeout(Duration::from_secs(10))?;
    keep_plans(&writer)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    writer.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted is overwritten: a name that was cleaned away must not lie in a page that is free.
    writer.pragma_update(None, "secure_delete", "ON")?;
    writer.pragma_update(None, "cache_size", -12_000)?;
    writer.set_prepared_statement_cache_capacity(128);
    let version: usize =
        writer.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? as usize;
    if version > migrations.len() {
        return Err(CatalogError::TooNew);
    }
    for (i, migration) in migrations.iter().enumerate().skip(version) {
        let tx = writer.transaction()?;
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", i as i64 + 1)?;
        tx.commit()?;
    }
    Ok(writer)
}

fn open_reader(path: &Path) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(Duration::from_secs(10))?;
    keep_plans(&reader)?;
    reader.pragma_update(None, "cache_size", -4_000)?;
    reader.set_prepared_statement_cache_capacity(64);
    Ok(reader)
}

/// Without this SQLite prepares a cached statement anew for every value bound to it.
fn keep_plans(connection: &Connection) -> Result<(), CatalogError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
