//! Signed checkpoints of the trail, made in the transaction of the entry that they cover.

use rusqlite::{Row, params};

use super::{CatalogError, Reader, Tx};
use crate::audit::{Checkpoint, Hash};

/// Entries between two checkpoints, at most.
pub const CHECKPOINT_EVERY: u64 = 1_000;

impl Tx<'_> {
    /// Signs the trail as it ends now, unless a checkpoint covers its last entry already, or nobody can sign. The
    /// checkpoint that covers it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn checkpoint(&self, now_ms: i64) -> Result<Option<Checkpoint>, CatalogError> {
        let Some(key) = self.key else { return Ok(None) };
        let Some((entries, hash)) = self.last_entry()? else { return Ok(None) };
        let latest = latest(&self.tx)?.filter(|latest| latest.entries == entries);
        if latest.is_some() {
            return Ok(latest);
        }
        let signed = key.sign(entries, &hash, now_ms);
        self.keep_checkpoint(&signed)?;
        Ok(Some(signed))
    }

    /// Signs an entry that was just written, where its turn has come.
    pub(super) fn checkpoint_in_turn(
        &self,
        sequence: u64,
        hash: &Hash,
        at_ms: i64,
    ) -> Result<(), CatalogError> {
        match self.key {
            Some(key) if sequence.is_multiple_of(CHECKPOINT_EVERY) => {
                self.keep_checkpoint(&key.sign(sequence, hash, at_ms))
            }
            _ => Ok(()),
        }
    }

    fn keep_checkpoint(&self, c: &Checkpoint) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO checkpoint VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![c.entries as i64, c.hash, c.at_ms, c.key, c.signature])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// Every checkpoint, the oldest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>, CatalogError> {
        let sql = "SELECT entries, hash, at_ms, key, signature FROM checkpoint ORDER BY entries";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_map([], checkpoint)?.collect::<Result<_, _>>()?)
    }

    /// The public keys with which the trail says that it is signed, each with the entry that says so.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn trail_keys(&self) -> Result<Vec<(u64, String)>, CatalogError> {
        let sql =
            "SELECT sequence, detail ->> '$.key' FROM trail WHERE action = 'trail.key' ORDER BY sequence";
        let row = |row: &Row<'_>| {
            Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Option<String>>(1)?.unwrap_or_default()))
        };
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_map([], row)?.collect::<Result<_, _>>()?)
    }
}

fn latest(connection: &rusqlite::Connection) -> Result<Option<Checkpoint>, CatalogError> {
    let sql = "SELECT entries, hash, at_ms, key, signature FROM checkpoint ORDER BY entries DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_map([], checkpoint)?.next().transpose()?)
}

fn checkpoint(row: &Row<'_>) -> rusqlite::Result<Checkpoint> {
    Ok(Checkpoint {
        entries: row.get::<_, i64>(0)? as u64,
        hash: row.get(1)?,
        at_ms: row.get(2)?,
        key: row.get(3)?,
        signature: row.get(4)?,
    })
}
