//! The audit trail: appended in the transaction of the change that it tells of.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::{CatalogError, Reader, Tx};
use crate::audit::{self, Broken, GENESIS, Hash, Verifier};

/// Entries of acts that go on at the same time may be out of order by so much, and tell nothing of the clock.
const CONCURRENT_MS: i64 = 5_000;

/// One entry as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TrailRecord {
    /// Its number, from 1.
    pub sequence: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// About what.
    pub object: String,
    /// The rest, as JSON text.
    pub detail: String,
    /// The hash that chains it.
    pub hash: Hash,
}

impl Tx<'_> {
    /// Appends an entry and returns its number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn audit(
        &self,
        at_ms: i64,
        actor: &str,
        action: &str,
        object: &str,
        detail: &Value,
    ) -> Result<u64, CatalogError> {
        let (sequence, previous) = self.last_entry()?.map_or((1, GENESIS), |(n, hash)| (n + 1, hash));
        let detail = detail.to_string();
        let entry = audit::Entry { sequence, at_ms, actor, action, object, detail: &detail };
        let hash = audit::chain(&previous, &entry);
        self.tx
            .prepare_cached(
                "INSERT INTO trail (sequence, at_ms, actor, action, object, detail, hash) VALUES (?1,?2,?3,?4,?5,?6,?7)",
            )?
            .execute(params![sequence as i64, at_ms, actor, action, object, detail, hash])?;
        self.checkpoint_in_turn(sequence, &hash, at_ms)?;
        Ok(sequence)
    }

    /// Number and hash of the last entry.
    pub(super) fn last_entry(&self) -> Result<Option<(u64, Hash)>, CatalogError> {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?));
        Ok(self
            .tx
            .prepare_cached("SELECT sequence, hash FROM trail ORDER BY sequence DESC LIMIT 1")?
            .query_row([], row)
            .optional()?)
    }
}

impl Reader<'_> {
    /// Entries about `object` (any, when `None`) whose actor, action or object holds `text`, the latest first, and
    /// how many there are.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn trail(
        &self,
        object: Option<&str>,
        text: &str,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<TrailRecord>, u64), CatalogError> {
        let like = format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let condition = "WHERE (?1 IS NULL OR object = ?1) AND (?2 = '%%' OR actor LIKE ?2 ESCAPE '\\' \
                         OR action LIKE ?2 ESCAPE '\\' OR object LIKE ?2 ESCAPE '\\')";
        let sql = format!(
            "SELECT sequence, at_ms, actor, action, object, detail, hash FROM trail {condition} \
             ORDER BY sequence DESC LIMIT ?3 OFFSET ?4"
        );
        let rows = self
            .connection()
            .prepare_cached(&sql)?
            .query_map(params![object, like, limit, offset as i64], record)?
            .collect::<Result<_, _>>()?;
        let total = self
            .connection()
            .prepare_cached(&format!("SELECT count(*) FROM trail {condition}"))?
            .query_row(params![object, like], |row| row.get::<_, i64>(0))?;
        Ok((rows, total as u64))
    }

    /// The hash of one entry.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn trail_hash(&self, sequence: u64) -> Result<Option<Hash>, CatalogError> {
        let mut statement = self.connection().prepare_cached("SELECT hash FROM trail WHERE sequence = ?1")?;
        Ok(statement.query_row([sequence as i64], |row| row.get(0)).optional()?)
    }

    /// The time of the last entry, how many entries are earlier than the one before them, and by how much at most.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn clock_steps(&self) -> Result<(Option<i64>, u64, i64), CatalogError> {
        let sql = "SELECT (SELECT at_ms FROM trail ORDER BY sequence DESC LIMIT 1), count(*), coalesce(max(step), 0) \
                   FROM (SELECT lag(at_ms) OVER (ORDER BY sequence) - at_ms AS step FROM trail) WHERE step > ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?));
        Ok(self.connection().prepare_cached(sql)?.query_row([CONCURRENT_MS], row)?)
    }

    /// Verifies the whole chain: how many entries, the last hash, and where it breaks if it does.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn verify_trail(&self) -> Result<(u64, Hash, Option<Broken>), CatalogError> {
        let mut statement = self.connection().prepare(
            "SELECT sequence, at_ms, actor, action, object, detail, hash FROM trail ORDER BY sequence",
        )?;
        let mut verifier = Verifier::default();
        for found in statement.query_map([], record)? {
            let found = found?;
            let entry = audit::Entry {
                sequence: found.sequence,
                at_ms: found.at_ms,
                actor: &found.actor,
                action: &found.action,
                object: &found.object,
                detail: &found.detail,
            };
            if let Err(broken) = verifier.next(&entry, &found.hash) {
                let (n, hash) = verifier.verified();
                return Ok((n, hash, Some(broken)));
            }
        }
        let (n, hash) = verifier.verified();
        Ok((n, hash, None))
    }
}

pub(super) fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<TrailRecord> {
    Ok(TrailRecord {
        sequence: row.get::<_, i64>(0)? as u64,
        at_ms: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        object: row.get(4)?,
        detail: row.get(5)?,
        hash: row.get(6)?,
    })
}
