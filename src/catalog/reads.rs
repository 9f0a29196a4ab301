//! Reads: what one reader said of one structure on one item under one version of the guideline. What a read says is
//! never changed: more may be added to it, and one that contradicts it supersedes it; the history stays.

use rusqlite::{OptionalExtension, Row, params};

use super::{CatalogError, Reader, Tx};
pub use crate::measure::reads::Rated;

/// The name under which the one value of a rating, a class or a measurement stands.
pub const VALUE: &str = "value";

/// What is read: a series, or a part of one (a nodule), or something that belongs to no series here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    /// The remapped series UID; empty where it belongs to no series here.
    pub series_uid: String,
    /// Its name within the series, or a pseudonym; empty for the series itself.
    pub name: String,
}

/// A read about to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRead {
    /// The reader.
    pub reader: String,
    /// The guideline's version; empty where nobody said.
    pub guideline: String,
    /// What was read.
    pub item: ItemKey,
    /// The structure; empty where nobody said.
    pub structure: String,
    /// The reader looked, and found nothing.
    pub nothing: bool,
    /// When it began, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
    /// What was said, by name.
    pub values: Vec<(String, Rated)>,
    /// The blob that holds what was drawn.
    pub label: Option<String>,
}

/// A read as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRecord {
    /// Its row.
    pub id: i64,
    /// What was said, of what, by whom.
    pub read: NewRead,
    /// When it came in, in milliseconds since 1970.
    pub imported_ms: i64,
    /// The read that has replaced it; itself where its import was taken back.
    pub superseded_by: Option<i64>,
    /// It is on a series that is not here yet.
    pub waiting: bool,
    /// The sitting that it is a label of.
    pub sitting: i64,
    /// Who read had not seen the others' reads: it is no adjudicator's.
    pub is_independent: bool,
}

/// The rows of a read's reader and item.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadKey {
    pub reader: i64,
    pub item: i64,
}

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The first of its reader, guideline, item and structure.
    New(i64),
    /// It says more than the one that was there and contradicts nothing of it.
    Completed(i64),
    /// It contradicts the one that was there, which it has replaced.
    Corrected {
        /// The one that was there.
        old: i64,
        /// The one that stands.
        new: i64,
    },
    /// The one that was there says all of it.
    Duplicate(i64),
}

impl Put {
    /// Rows of the reads that changed by it.
    pub fn touched(self) -> impl Iterator<Item = i64> {
        let (one, other) = match self {
            Self::New(id) | Self::Completed(id) => (Some(id), None),
            Self::Corrected { old, new } => (Some(old), Some(new)),
            Self::Duplicate(_) => (None, None),
        };
        one.into_iter().chain(other)
    }
}

/// Which reads to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhichReads {
    /// Only of this reader.
    pub reader: Option<String>,
    /// Only of this structure.
    pub structure: Option<String>,
    /// Only on this series.
    pub series_uid: Option<String>,
    /// Also superseded ones.
    pub history: bool,
}

pub(super) const COLUMNS: &str = "r.id, d.name, r.guideline, i.series_uid, i.name, r.structure, r.absent, r.started_ms, \
    r.finished_ms, r.imported_ms, r.superseded_by, r.label, \
    i.series_uid <> '' AND NOT EXISTS (SELECT 1 FROM series s WHERE s.uid = i.series_uid), r.sitting, \
    NOT EXISTS (SELECT 1 FROM sitting z JOIN case_task t ON t.id = z.task WHERE z.id = r.sitting AND t.step = 'adjudicate')";
pub(super) const FROM: &str = "FROM read r JOIN reader d ON d.id = r.reader JOIN item i ON i.id = r.item";

impl Tx<'_> {
    /// Stores a read of an import. What the current one of the same key says and this one does not mention stays said.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_read(&self, new: &NewRead, import: i64, now_ms: i64) -> Result<Put, CatalogError> {
        let key = ReadKey { reader: self.name_id("reader", &new.reader)?, item: self.item_id(&new.item)? };
        let Some(old) = self.current_read(key, new)? else {
            let sitting = self.sitting_of_import(import, new, now_ms)?;
            let id = self.insert_read(key, new, sitting, now_ms)?;
            self.put_ratings(id, &new.values)?;
            self.note_change(import, id, None)?;
            return Ok(Put::New(id));
        };
        let said = |name: &str| old.read.values.iter().find(|v| v.0 == name).map(|v| &v.1);
        let clash = new.nothing != old.read.nothing
            || differs(new.finished_ms, old.read.finished_ms)
            || differs(new.started_ms, old.read.started_ms)
            || new.label.as_ref().zip(old.read.label.as_ref()).is_some_and(|(new, old)| new != old)
            || new.values.iter().any(|(name, value)| said(name).is_some_and(|s| s != value));
        if clash {
            let mut whole = new.clone();
            if !new.nothing {
                let more = old.read.values.iter().filter(|(n, _)| !new.values.iter().any(|v| v.0 == *n));
                whole.values.extend(more.cloned());
                whole.label = whole.label.or_else(|| old.read.label.clone());
            }
            whole.started_ms = whole.started_ms.or(old.read.started_ms);
            whole.finished_ms = whole.finished_ms.or(old.read.finished_ms);
            let sitting = self.sitting_of_import(import, new, now_ms)?;
            let by = self.replace(old.id, key, &whole, sitting, now_ms)?;
            self.settle_sitting(old.sitting)?;
            self.note_change(import, by, Some(&old))?;
            return Ok(Put::Corrected { old: old.id, new: by });
        }
        let more: Vec<(String, Rated)> =
            new.values.iter().filter(|v| said(&v.0).is_none()).cloned().collect();
        let timed = (new.started_ms.is_some() && old.read.started_ms.is_none())
            || (new.finished_ms.is_some() && old.read.finished_ms.is_none());
        let drawn = new.label.is_some() && old.read.label.is_none();
        if more.is_empty() && !timed && !drawn {
            return Ok(Put::Duplicate(old.id));
        }
        self.note_change(import, old.id, Some(&old))?;
        self.put_ratings(old.id, &more)?;
        self.tx
            .prepare_cached(
                "UPDATE read SET started_ms = coalesce(started_ms, ?2), finished_ms = coalesce(finished_ms, ?3), \
                 label = coalesce(label, ?4) WHERE id = ?1",
            )?
            .execute(params![old.id, new.started_ms, new.finished_ms, new.label])?;
        Ok(Put::Completed(old.id))
    }

    /// The label that one would replace.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn replaced_by(&self, new: &NewRead) -> Result<Option<i64>, CatalogError> {
        let key = ReadKey { reader: self.name_id("reader", &new.reader)?, item: self.item_id(&new.item)? };
        Ok(self.current_read(key, new)?.map(|old| old.id))
    }

    /// Stores a label of a sitting that a task brought: what the reader said there before no longer stands.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_label(&self, new: &NewRead, sitting: i64, now_ms: i64) -> Result<i64, CatalogError> {
        let key = ReadKey { reader: self.name_id("reader", &new.reader)?, item: self.item_id(&new.item)? };
        if let Some(old) = self.current_read(key, new)? {
            return self.replace(old.id, key, new, sitting, now_ms);
        }
        let id = self.insert_read(key, new, sitting, now_ms)?;
        self.put_ratings(id, &new.values)?;
        Ok(id)
    }

    /// One read, as this transaction sees it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn read(&self, id: i64) -> Result<Option<ReadRecord>, CatalogError> {
        one(&self.tx, id)
    }

    /// Stores what stands instead of the read `old`, and gives its row.
    pub(super) fn replace(
        &self,
        old: i64,
        key: ReadKey,
        whole: &NewRead,
        sitting: i64,
        now_ms: i64,
    ) -> Result<i64, CatalogError> {
        // Out of the way of the index of current reads first, then its successor's number.
        let mut mark = self.tx.prepare_cached("UPDATE read SET superseded_by = ?2 WHERE id = ?1")?;
        mark.execute(params![old, old])?;
        let new = self.insert_read(key, whole, sitting, now_ms)?;
        mark.execute(params![old, new])?;
        self.put_ratings(new, &whole.values)?;
        Ok(new)
    }

    fn insert_read(
        &self,
        key: ReadKey,
        new: &NewRead,
        sitting: i64,
        now_ms: i64,
    ) -> Result<i64, CatalogError> {
        Ok(self
            .tx
            .prepare_cached(
                "INSERT INTO read (reader, guideline, item, structure, absent, started_ms, finished_ms, imported_ms, label, \
                 sitting) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) RETURNING id",
            )?
            .query_row(
                params![
                    key.reader,
                    new.guideline,
                    key.item,
                    new.structure,
                    new.nothing,
                    new.started_ms,
                    new.finished_ms,
                    now_ms,
                    new.label,
                    sitting
                ],
                |row| row.get(0),
            )?)
    }

    fn put_ratings(&self, read: i64, values: &[(String, Rated)]) -> Result<(), CatalogError> {
        let mut statement = self
            .tx
            .prepare_cached("INSERT INTO rating (read, name, number, category) VALUES (?1, ?2, ?3, ?4)")?;
        for (name, value) in values {
            match value {
                Rated::Number(n) => statement.execute(params![read, name, n, None::<String>])?,
                Rated::Category(c) => statement.execute(params![read, name, None::<f64>, c])?,
            };
        }
        Ok(())
    }

    fn current_read(&self, key: ReadKey, new: &NewRead) -> Result<Option<ReadRecord>, CatalogError> {
        let id: Option<i64> = self
            .tx
            .prepare_cached(
                "SELECT id FROM read WHERE item = ?1 AND reader = ?2 AND structure = ?3 AND guideline = ?4 \
                 AND superseded_by IS NULL",
            )?
            .query_row(params![key.item, key.reader, new.structure, new.guideline], |row| row.get(0))
            .optional()?;
        id.map_or(Ok(None), |id| self.read(id))
    }

    pub(super) fn name_id(&self, table: &'static str, name: &str) -> Result<i64, CatalogError> {
        let find = format!("SELECT id FROM {table} WHERE name = ?1");
        let found = self.tx.prepare_cached(&find)?.query_row([name], |row| row.get(0)).optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        let insert = format!("INSERT INTO {table} (name) VALUES (?1) RETURNING id");
        Ok(self.tx.prepare_cached(&insert)?.query_row([name], |row| row.get(0))?)
    }

    fn item_id(&self, item: &ItemKey) -> Result<i64, CatalogError> {
        let key = params![item.series_uid, item.name];
        let found = self
            .tx
            .prepare_cached("SELECT id FROM item WHERE series_uid = ?1 AND name = ?2")?
            .query_row(key, |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        Ok(self
            .tx
            .prepare_cached("INSERT INTO item (series_uid, name) VALUES (?1, ?2) RETURNING id")?
            .query_row(key, |row| row.get(0))?)
    }
}

/// Two times that are both known and not the same.
fn differs(new: Option<i64>, old: Option<i64>) -> bool {
    new.zip(old).is_some_and(|(new, old)| new != old)
}

impl Reader<'_> {
    /// One read.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn read_record(&self, id: i64) -> Result<Option<ReadRecord>, CatalogError> {
        one(self.connection(), id)
    }

    /// Reads, the latest first, and how many there are.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn reads(
        &self,
        which: &WhichReads,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<ReadRecord>, u64), CatalogError> {
        let condition = "WHERE (?1 IS NULL OR d.name = ?1) AND (?2 IS NULL OR r.structure = ?2) \
             AND (?3 IS NULL OR i.series_uid = ?3) AND (?4 OR r.superseded_by IS NULL)";
        let bound = params![which.reader, which.structure, which.series_uid, which.history];
        let sql =
            format!("SELECT {COLUMNS} {FROM} {condition} ORDER BY r.id DESC LIMIT {limit} OFFSET {offset}");
        let mut rows = self
            .connection()
            .prepare_cached(&sql)?
            .query_map(bound, record)?
            .collect::<Result<Vec<_>, _>>()?;
        for row in &mut rows {
            row.read.values = values(self.connection(), row.id)?;
        }
        let total: i64 = self
            .connection()
            .prepare_cached(&format!("SELECT count(*) {FROM} {condition}"))?
            .query_row(bound, |row| row.get(0))?;
        Ok((rows, total as u64))
    }

    /// Every read of the same reader, guideline, item and structure as `id`, the latest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn read_history(&self, id: i64) -> Result<Vec<ReadRecord>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} {FROM} JOIN read k ON k.id = ?1 AND r.reader = k.reader AND r.item = k.item \
             AND r.structure = k.structure AND r.guideline = k.guideline ORDER BY r.id DESC"
        );
        let mut rows = self
            .connection()
            .prepare_cached(&sql)?
            .query_map([id], record)?
            .collect::<Result<Vec<_>, _>>()?;
        for row in &mut rows {
            row.read.values = values(self.connection(), row.id)?;
        }
        Ok(rows)
    }

    /// Hands every current read to `take`, in the order of their rows.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn each_current_read(&self, mut take: impl FnMut(ReadRecord)) -> Result<(), CatalogError> {
        let sql = format!("SELECT {COLUMNS} {FROM} WHERE r.superseded_by IS NULL ORDER BY r.id");
        let mut reads = self.connection().prepare_cached(&sql)?;
        let mut ratings = self
            .connection()
            .prepare_cached("SELECT read, name, number, category FROM rating ORDER BY read, name")?;
        let (mut reads, mut ratings) = (reads.query([])?, ratings.query([])?);
        let mut next = rating(ratings.next()?)?;
        while let Some(row) = reads.next()? {
            let mut read = record(row)?;
            // Both are in the order of reads; ratings of superseded reads are passed by.
            while let Some((of, name, value)) = next.take() {
                if of > read.id {
                    next = Some((of, name, value));
                    break;
                }
                if of == read.id {
                    read.read.values.push((name, value));
                }
                next = rating(ratings.next()?)?;
            }
            take(read);
        }
        Ok(())
    }

    /// Whether a rating of this name has numbers in reads that stand.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_numbers(&self, structure: &str, name: &str) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM rating g JOIN read r ON r.id = g.read WHERE g.name = ?2 \
                   AND g.number IS NOT NULL AND r.structure = ?1 AND r.superseded_by IS NULL)";
        Ok(self.connection().prepare_cached(sql)?.query_row([structure, name], |row| row.get(0))?)
    }

    /// Reads that stand, and those that were replaced.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn read_totals(&self) -> Result<(u64, u64), CatalogError> {
        let sql = "SELECT count(*) - count(superseded_by), count(superseded_by) FROM read";
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
        Ok(self.connection().prepare_cached(sql)?.query_row([], row)?)
    }

    /// What is known of a series that strata and lists need: (site, scanner model, subject, review task).
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_facts(&self, uid: &str) -> Result<Option<SeriesFacts>, CatalogError> {
        let sql = "SELECT s.site, s.model, s.subject, t.id FROM series s LEFT JOIN task t ON t.series_uid = s.uid \
                   WHERE s.uid = ?1";
        let row = |row: &Row<'_>| {
            Ok(SeriesFacts { site: row.get(0)?, model: row.get(1)?, subject: row.get(2)?, task: row.get(3)? })
        };
        Ok(self.connection().prepare_cached(sql)?.query_row([uid], row).optional()?)
    }

    /// UIDs of the series that match.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_uids(&self, filter: &super::Filter) -> Result<Vec<String>, CatalogError> {
        let condition = filter.sql();
        let bound: Vec<&dyn rusqlite::ToSql> =
            condition.values.iter().map(|v| v as &dyn rusqlite::ToSql).collect();
        let sql = format!("SELECT uid FROM series WHERE {}", condition.text);
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_map(&*bound, |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

/// What strata and lists need of a series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesFacts {
    /// The site.
    pub site: String,
    /// The scanner's model.
    pub model: Option<String>,
    /// The subject's pseudonym.
    pub subject: String,
    /// Its review task.
    pub task: Option<i64>,
}

pub(super) fn one(connection: &rusqlite::Connection, id: i64) -> Result<Option<ReadRecord>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE r.id = ?1");
    let Some(mut found) = connection.prepare_cached(&sql)?.query_row([id], record).optional()? else {
        return Ok(None);
    };
    found.read.values = values(connection, id)?;
    Ok(Some(found))
}

pub(super) fn values(
    connection: &rusqlite::Connection,
    read: i64,
) -> Result<Vec<(String, Rated)>, CatalogError> {
    let mut statement = connection
        .prepare_cached("SELECT read, name, number, category FROM rating WHERE read = ?1 ORDER BY name")?;
    let mut rows = statement.query([read])?;
    let mut values = Vec::new();
    while let Some((_, name, value)) = rating(rows.next()?)? {
        values.push((name, value));
    }
    Ok(values)
}

type Rating = (i64, String, Rated);

fn rating(row: Option<&Row<'_>>) -> rusqlite::Result<Option<Rating>> {
    let Some(row) = row else { return Ok(None) };
    let value = match (row.get::<_, Option<f64>>(2)?, row.get::<_, Option<String>>(3)?) {
        (Some(number), _) => Rated::Number(number),
        (None, category) => Rated::Category(category.unwrap_or_default()),
    };
    Ok(Some((row.get(0)?, row.get(1)?, value)))
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<ReadRecord> {
    Ok(ReadRecord {
        id: row.get(0)?,
        read: NewRead {
            reader: row.get(1)?,
            guideline: row.get(2)?,
            item: ItemKey { series_uid: row.get(3)?, name: row.get(4)? },
            structure: row.get(5)?,
            nothing: row.get(6)?,
            started_ms: row.get(7)?,
            finished_ms: row.get(8)?,
            values: Vec::new(),
            label: row.get(11)?,
        },
        imported_ms: row.get(9)?,
        superseded_by: row.get(10)?,
        waiting: row.get(12)?,
        sitting: row.get(13)?,
        is_independent: row.get(14)?,
    })
}
