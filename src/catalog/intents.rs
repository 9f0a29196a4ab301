//! Acts whose effect lies outside the catalog: the intent stands in the trail before anything happens, the outcome after.

use rusqlite::params;
use serde_json::{Value, json};

use super::{CatalogError, Reader, Tx};

/// An act that has begun and whose outcome is not in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The trail entry that tells of it.
    pub entry: u64,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
}

impl Tx<'_> {
    /// Notes what somebody is about to do; the number of the trail entry that says so.
    ///
    /// # Errors
    /// SQLite refuses; the act must not begin then.
    pub fn intend(&self, actor: &str, action: &str, now_ms: i64) -> Result<u64, CatalogError> {
        let entry = self.audit(now_ms, actor, &format!("{action}.begin"), "workspace", &json!({}))?;
        self.tx
            .prepare_cached("INSERT INTO intent (entry, actor, action) VALUES (?1, ?2, ?3)")?
            .execute(params![entry as i64, actor, action])?;
        Ok(entry)
    }

    /// An act has ended, and its outcome is in the trail, or comes with this: `how` is `failed` or `interrupted`.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn end_intent(
        &self,
        intent: &Intent,
        how: Option<(&str, &Value)>,
        now_ms: i64,
    ) -> Result<(), CatalogError> {
        let gone =
            self.tx.prepare_cached("DELETE FROM intent WHERE entry = ?1")?.execute([intent.entry as i64])?;
        if let (1.., Some((how, detail))) = (gone, how) {
            let mut detail = detail.clone();
            detail["begun"] = intent.entry.into();
            self.audit(now_ms, &intent.actor, &format!("{}.{how}", intent.action), "workspace", &detail)?;
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// Acts that have begun and whose outcome is not known to be in the trail.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn intents(&self) -> Result<Vec<Intent>, CatalogError> {
        let mut statement =
            self.connection().prepare_cached("SELECT entry, actor, action FROM intent ORDER BY entry")?;
        let rows = statement.query_map([], |row| {
            Ok(Intent { entry: row.get::<_, i64>(0)? as u64, actor: row.get(1)?, action: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether the trail tells of this act after its intent: it came to its end, and only that was not noted.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_outcome(&self, intent: &Intent) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM trail WHERE sequence > ?1 AND actor = ?2 AND action = ?3)";
        Ok(self
            .connection()
            .prepare_cached(sql)?
            .query_row(params![intent.entry as i64, intent.actor, intent.action], |row| row.get(0))?)
    }
}
