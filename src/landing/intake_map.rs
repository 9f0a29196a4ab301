//! The landing side's map: which file came from where and what became of it. Its rows may hold PHI (paths carry
//! names), so it is a database of its own in the landing folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, params};

use crate::catalog::CatalogError;
use crate::catalog::database::lock;
use crate::catalog::opening::{copy_database, open_unwritable, open_writer};

/// The map's database.
pub struct IntakeMap {
    connection: Mutex<Connection>,
}

/// A file that was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// The inbox, or `""` for `gantry ingest`.
    pub inbox: String,
    /// Where it lies.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its modification time, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// `deidentified`, `quarantined`, `rejected`, `duplicate`, `discarded`.
    pub status: String,
    /// A stable code.
    pub reason: String,
    /// Where exactly, without values.
    pub detail: String,
    /// The site.
    pub site: String,
    /// The sender vouches for its pixels.
    pub trusted: bool,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The day of `at_ms`, `YYYY-MM-DD`.
    pub day: String,
    /// A copy lies in quarantine.
    pub kept: bool,
}

/// A row of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Its row.
    pub id: i64,
    /// The file.
    pub file: NewFile,
}

/// Files that share status, reason, site and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecord {
    /// The status.
    pub status: String,
    /// The reason.
    pub reason: String,
    /// The site.
    pub site: String,
    /// The day.
    pub day: String,
    /// How many.
    pub count: u64,
    /// The latest, in milliseconds since 1970.
    pub latest_ms: i64,
}

/// What a batch changed, beside its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PutOutcome {
    /// Hashes of quarantined copies that no row needs any more: of files that were sent again, or stored from elsewhere.
    pub freed: Vec<String>,
    /// Places in the batch of duplicates of themselves: no other path has these bytes stored.
    pub already_here: BTreeSet<usize>,
}

/// Whether a version of a file was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It was not.
    Never,
    /// It was.
    DealtWith,
    /// It could not be read, which may have changed since.
    Unreadable,
}

/// Which files of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Those of a group: status, reason, site, day.
    Group(String, String, String, String),
    /// One row.
    Id(i64),
    /// Those with one of these statuses.
    Statuses(&'static [&'static str]),
}

const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_intake_map.sql")];

const COLUMNS: &str =
    "id, inbox, path, bytes, mtime_ns, sha256, status, reason, detail, site, trusted, at_ms, day, kept";

impl IntakeMap {
    /// Opens the database, making or migrating it.
    ///
    /// # Errors
    /// It cannot be opened, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, CatalogError> {
        let connection = open_writer(path, &MIGRATIONS)?;
        // Not flushed at each commit: what a power cut takes from the map is found again and counted as a duplicate.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Opens a database that cannot be written.
    ///
    /// # Errors
    /// It cannot be read, or is of another version.
    pub fn open_read_only(path: &Path) -> Result<Self, CatalogError> {
        let connection =
            open_unwritable(path, MIGRATIONS.len(), 1)?.pop().ok_or(rusqlite::Error::InvalidQuery)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// An empty database that lives as long as this value.
    ///
    /// # Errors
    /// SQLite cannot make one.
    pub fn temporary() -> Result<Self, CatalogError> {
        Self::open(Path::new(""))
    }

    /// Records a batch. The row of a file that is its own duplicate stays `deidentified`.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put(&self, files: &[NewFile]) -> Result<PutOutcome, CatalogError> {
        let mut connection = lock(&self.connection);
        let tx = connection.transaction()?;
        let (mut freed, mut already_here) = (BTreeSet::new(), BTreeSet::new());
        // The usual batch has nothing to do with any copy.
        let copies = files.iter().any(|f| f.kept) || has_copies(&tx)?;
        {
            let mut before = tx.prepare_cached(
                "SELECT sha256 FROM file WHERE inbox = ?1 AND path = ?2 AND kept = 1 AND (?3 = 0 OR sha256 <> ?4)",
            )?;
            let mut stored = tx.prepare_cached(
                "UPDATE file SET status = 'duplicate', reason = '', detail = '', kept = 0 WHERE sha256 = ?1 AND kept = 1",
            )?;
            let mut statement = tx.prepare_cached(
                "INSERT INTO file (inbox, path, bytes, mtime_ns, sha256, status, reason, detail, site, trusted, at_ms, \
                 day, kept) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13) \
                 ON CONFLICT (inbox, path) DO UPDATE SET bytes = ?3, mtime_ns = ?4, sha256 = ?5, status = ?6, \
                 reason = ?7, detail = ?8, site = ?9, trusted = ?10, at_ms = ?11, day = ?12, kept = ?13, settled = 0",
            )?;
            let mut elsewhere = tx.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM file WHERE sha256 = ?1 AND path <> ?2 AND status = 'deidentified')",
            )?;
            for (at, f) in files.iter().enumerate() {
                let mut status = &*f.status;
                if status == "duplicate"
                    && !elsewhere.query_row(params![f.sha256, f.path], |row| row.get::<_, bool>(0))?
                {
                    already_here.insert(at);
                    status = "deidentified";
                }
                if copies {
                    let kept_before =
                        before.query_map(params![f.inbox, f.path, f.kept, f.sha256], |row| row.get(0))?;
                    freed.extend(kept_before.collect::<Result<Vec<String>, _>>()?);
                }
                if copies && f.status == "deidentified" && stored.execute([&f.sha256])? > 0 {
                    freed.insert(f.sha256.clone());
                }
                statement.execute(params![
                    f.inbox,
                    f.path,
                    f.bytes as i64,
                    f.mtime_ns,
                    f.sha256,
                    status,
                    f.reason,
                    f.detail,
                    f.site,
                    f.trusted,
                    f.at_ms,
                    f.day,
                    f.kept
                ])?;
            }
        }
        let mut outcome = PutOutcome { freed: Vec::new(), already_here };
        for sha256 in freed {
            let mut keeps =
                tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM file WHERE sha256 = ?1 AND kept = 1)")?;
            if !keeps.query_row([&sha256], |row| row.get::<_, bool>(0))? {
                outcome.freed.push(sha256);
            }
        }
        tx.commit()?;
        Ok(outcome)
    }

    /// Whether this version of a watched file was dealt with.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn knows(&self, inbox: &str, path: &str, bytes: u64, mtime_ns: i64) -> Result<Known, CatalogError> {
        let unreadable: Option<bool> = lock(&self.connection)
            .prepare_cached(
                "SELECT reason = 'unreadable' FROM file WHERE inbox = ?1 AND path = ?2 AND bytes = ?3 AND mtime_ns = ?4",
            )?
            .query_row(params![inbox, path, bytes as i64, mtime_ns], |row| row.get(0))
            .optional()?;
        Ok(match unreadable {
            None => Known::Never,
            Some(false) => Known::DealtWith,
            Some(true) => Known::Unreadable,
        })
    }

    /// Forgets a watched file, so that it is looked at again.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn forget(&self, id: i64) -> Result<(), CatalogError> {
        lock(&self.connection).execute("DELETE FROM file WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Forgets every file of an inbox, and its archives.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn forget_inbox(&self, inbox: &str) -> Result<(), CatalogError> {
        // Archives are kept under the inbox's name and a separator.
        lock(&self.connection).execute(
            "DELETE FROM file WHERE inbox = ?1 OR inbox > ?1 || char(31) AND inbox < ?1 || char(32)",
            [inbox],
        )?;
        Ok(())
    }

    /// Stored files of an inbox for which what `after` asks was not done yet.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn unsettled(&self, inbox: &str, limit: u32) -> Result<Vec<FileRecord>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM file WHERE inbox = ?1 AND settled = 0 AND status IN ('deidentified', 'duplicate') \
             LIMIT ?2"
        );
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_map(params![inbox, limit], record)?.collect::<Result<_, _>>()?)
    }

    /// Files of an inbox that were quarantined or rejected, for which what follows was not done yet.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn unsettled_aside(&self, inbox: &str, limit: u32) -> Result<Vec<FileRecord>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM file WHERE inbox = ?1 AND settled = 0 AND status IN ('quarantined', 'rejected') LIMIT ?2"
        );
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_map(params![inbox, limit], record)?.collect::<Result<_, _>>()?)
    }

    /// Archives of an inbox whose members are all stored, for which what `after` asks was not done yet. `inbox` and
    /// `reason` are those under which the line keeps them.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn unsettled_archives(
        &self,
        inbox: &str,
        reason: &str,
        limit: u32,
    ) -> Result<Vec<FileRecord>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM file WHERE inbox = ?1 AND settled = 0 AND status = 'archive' AND reason = ?2 LIMIT ?3"
        );
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_map(params![inbox, reason, limit], record)?.collect::<Result<_, _>>()?)
    }

    /// Hashes of the members of an archive: what lies below its path.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn members(&self, inbox: &str, archive: &str) -> Result<Vec<String>, CatalogError> {
        let connection = lock(&self.connection);
        // '0' follows '/'.
        let mut statement = connection.prepare_cached(
            "SELECT sha256 FROM file WHERE inbox = ?1 AND path > ?2 || '/' AND path < ?2 || '0'",
        )?;
        Ok(statement.query_map(params![inbox, archive], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// What `after` asks for was done.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn settle(&self, ids: &[i64]) -> Result<(), CatalogError> {
        let mut connection = lock(&self.connection);
        let tx = connection.transaction()?;
        for id in ids {
            tx.prepare_cached("UPDATE file SET settled = 1 WHERE id = ?1")?.execute([id])?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Files that were quarantined or rejected, in groups, the latest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn groups(&self) -> Result<Vec<GroupRecord>, CatalogError> {
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached(
            "SELECT status, reason, site, day, count(*), max(at_ms) FROM file \
             WHERE status IN ('quarantined', 'rejected', 'discarded') GROUP BY status, reason, site, day \
             ORDER BY max(at_ms) DESC, status, reason, site LIMIT 10000",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(GroupRecord {
                status: row.get(0)?,
                reason: row.get(1)?,
                site: row.get(2)?,
                day: row.get(3)?,
                count: row.get::<_, i64>(4)? as u64,
                latest_ms: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Files of the choice, in the order of their paths, and how many there are.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn files(
        &self,
        choice: &Choice,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<FileRecord>, u64), CatalogError> {
        let (condition, values) = condition(choice);
        let connection = lock(&self.connection);
        let bound: Vec<&dyn ToSql> = values.iter().map(|v| v as &dyn ToSql).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM file WHERE {condition} ORDER BY inbox, path LIMIT {limit} OFFSET {offset}"
        );
        let rows = connection.prepare_cached(&sql)?.query_map(&*bound, record)?.collect::<Result<_, _>>()?;
        let total = connection
            .prepare_cached(&format!("SELECT count(*) FROM file WHERE {condition}"))?
            .query_row(&*bound, |row| row.get::<_, i64>(0))?;
        Ok((rows, total as u64))
    }

    /// One row.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn file(&self, id: i64) -> Result<Option<FileRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM file WHERE id = ?1");
        Ok(lock(&self.connection).prepare_cached(&sql)?.query_row([id], record).optional()?)
    }

    /// The row of a path.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn row(&self, inbox: &str, path: &str) -> Result<Option<FileRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM file WHERE inbox = ?1 AND path = ?2");
        Ok(lock(&self.connection).prepare_cached(&sql)?.query_row([inbox, path], record).optional()?)
    }

    /// A quarantined file's copy is gone; the record stays.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn discard(&self, id: i64) -> Result<(), CatalogError> {
        lock(&self.connection)
            .execute("UPDATE file SET status = 'discarded', kept = 0 WHERE id = ?1", [id])?;
        Ok(())
    }

    /// How many files have each status.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn status_counts(&self) -> Result<Vec<(String, u64)>, CatalogError> {
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached("SELECT status, count(*) FROM file GROUP BY status")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Files received from an inbox and when the last came.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn received(&self, inbox: &str) -> Result<(u64, Option<i64>), CatalogError> {
        Ok(lock(&self.connection)
            .prepare_cached("SELECT count(*), max(at_ms) FROM file WHERE inbox = ?1")?
            .query_row([inbox], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))?)
    }

    /// Writes a consistent copy of the whole map to `to`.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), CatalogError> {
        copy_database(&lock(&self.connection), to)
    }

    /// Hashes of the quarantined copies that rows need, and whether the map holds any row at all.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn kept(&self) -> Result<(BTreeSet<String>, bool), CatalogError> {
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached("SELECT DISTINCT sha256 FROM file WHERE kept = 1")?;
        let kept = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let any = connection.query_row("SELECT EXISTS (SELECT 1 FROM file)", [], |row| row.get(0))?;
        Ok((kept, any))
    }

    /// Rows whose source has this hash.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn of_hash(&self, sha256: &str) -> Result<Vec<FileRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM file WHERE sha256 = ?1 ORDER BY id");
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_map([sha256], record)?.collect::<Result<_, _>>()?)
    }

    /// Rows after a number, in the order of their numbers.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn rows_after(&self, after: i64, limit: u32) -> Result<Vec<FileRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM file WHERE id > ?1 ORDER BY id LIMIT ?2");
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_map(params![after, limit], record)?.collect::<Result<_, _>>()?)
    }

    /// Whether any row still needs the quarantined copy with this hash.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn keeps(&self, sha256: &str) -> Result<bool, CatalogError> {
        Ok(lock(&self.connection)
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM file WHERE sha256 = ?1 AND kept = 1)")?
            .query_row([sha256], |row| row.get(0))?)
    }
}

/// Whether a row needs a copy on the landing side: only those of quarantined files do.
fn has_copies(tx: &Transaction<'_>) -> Result<bool, CatalogError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM file WHERE status = 'quarantined' AND kept = 1)";
    Ok(tx.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

fn condition(choice: &Choice) -> (String, Vec<String>) {
    match choice {
        Choice::Group(status, reason, site, day) => (
            "status = ?1 AND reason = ?2 AND site = ?3 AND day = ?4".into(),
            vec![status.clone(), reason.clone(), site.clone(), day.clone()],
        ),
        Choice::Id(id) => (format!("id = {id}"), Vec::new()),
        Choice::Statuses(statuses) => {
            let places: Vec<String> = (1..=statuses.len()).map(|i| format!("?{i}")).collect();
            (format!("status IN ({})", places.join(",")), statuses.iter().map(ToString::to_string).collect())
        }
    }
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<FileRecord> {
    Ok(FileRecord {
        id: row.get(0)?,
        file: NewFile {
            inbox: row.get(1)?,
            path: row.get(2)?,
            bytes: row.get::<_, i64>(3)? as u64,
            mtime_ns: row.get(4)?,
            sha256: row.get(5)?,
            status: row.get(6)?,
            reason: row.get(7)?,
            detail: row.get(8)?,
            site: row.get(9)?,
            trusted: row.get(10)?,
            at_ms: row.get(11)?,
            day: row.get(12)?,
            kept: row.get(13)?,
        },
    })
}
