//! Searches that people keep under a name.

use rusqlite::{OptionalExtension, params};

use super::{CatalogError, Reader, Tx};

/// A search that somebody keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSearch {
    /// Its name.
    pub name: String,
    /// The query, in the query language.
    pub query: String,
    /// The order, as JSON.
    pub sort: String,
    /// Who keeps it.
    pub owner: String,
    /// Since when, in milliseconds since 1970.
    pub at_ms: i64,
}

impl Tx<'_> {
    /// Keeps a search; one of the same name is replaced.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn save_search(&self, s: &SavedSearch) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached(
                "INSERT INTO saved_search (name, query, sort, owner, at_ms) VALUES (?1,?2,?3,?4,?5) \
                 ON CONFLICT (name) DO UPDATE SET query=?2, sort=?3, owner=?4, at_ms=?5",
            )?
            .execute(params![s.name, s.query, s.sort, s.owner, s.at_ms])?;
        Ok(())
    }

    /// Forgets a search; whether there was one.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn forget_search(&self, name: &str) -> Result<bool, CatalogError> {
        Ok(self.tx.prepare_cached("DELETE FROM saved_search WHERE name = ?1")?.execute([name])? > 0)
    }
}

impl Reader<'_> {
    /// Every search that is kept, by name.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn saved_searches(&self) -> Result<Vec<SavedSearch>, CatalogError> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT name, query, sort, owner, at_ms FROM saved_search ORDER BY name")?;
        let rows = statement.query_map([], saved)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The search with this name.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn saved_search(&self, name: &str) -> Result<Option<SavedSearch>, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT name, query, sort, owner, at_ms FROM saved_search WHERE name = ?1")?
            .query_row([name], saved)
            .optional()?)
    }
}

fn saved(row: &rusqlite::Row<'_>) -> rusqlite::Result<SavedSearch> {
    Ok(SavedSearch {
        name: row.get(0)?,
        query: row.get(1)?,
        sort: row.get(2)?,
        owner: row.get(3)?,
        at_ms: row.get(4)?,
    })
}
