//! Who and what the instances of a study name, study by study, for as long as one run needs it.
//!
//! It identifies: the database is SQLite's private temporary one, which stays in memory while it is small and spills
//! into a file without a name, gone with the connection. No input, however large, takes more memory than the cache.

use std::sync::Mutex;

use rusqlite::{Connection, params};

use super::CatalogError;
use super::database::lock;

/// Pages kept in memory, in KiB.
const CACHE_KIB: i64 = 32 << 10;
/// Numbers and places of a study beyond this are not shared among its instances: they are no longer the study's own.
const MOST_VALUES: i64 = 2_000;

/// Identifiers by study.
#[derive(Debug)]
pub struct KnownIdentifiers {
    connection: Mutex<Connection>,
}

impl KnownIdentifiers {
    /// An empty database that lives as long as this value.
    ///
    /// # Errors
    /// SQLite cannot make one.
    pub fn temporary() -> Result<Self, CatalogError> {
        let connection = Connection::open("")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "journal_mode", "off")?;
        connection.execute_batch(
            "CREATE TABLE known (study TEXT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, \
             PRIMARY KEY (study, kind, value)) WITHOUT ROWID",
        )?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Adds what instances name: study, kind (a number of the caller's), value. Values that are there already do no
    /// harm.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put<'a>(
        &self,
        rows: impl IntoIterator<Item = (&'a str, u8, &'a str)>,
    ) -> Result<(), CatalogError> {
        let mut connection = lock(&self.connection);
        let tx = connection.transaction()?;
        {
            let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO known VALUES (?1, ?2, ?3)")?;
            for (study, kind, value) in rows {
                insert.execute(params![study, kind, value])?;
            }
        }
        Ok(tx.commit()?)
    }

    /// What the instances of a study name, in a fixed order; of each kind at most a bounded number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn of(&self, study: &str) -> Result<Vec<(u8, String)>, CatalogError> {
        let connection = lock(&self.connection);
        let mut kinds = connection.prepare_cached("SELECT DISTINCT kind FROM known WHERE study = ?1")?;
        let kinds: Vec<u8> = kinds.query_map([study], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut of_kind = connection.prepare_cached(
            "SELECT value FROM known WHERE study = ?1 AND kind = ?2 ORDER BY value LIMIT ?3",
        )?;
        let mut found = Vec::new();
        for kind in kinds {
            let values = of_kind.query_map(params![study, kind, MOST_VALUES], |row| row.get(0))?;
            for value in values {
                found.push((kind, value?));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_study_knows_its_own() {
        let known = KnownIdentifiers::temporary().unwrap();
        known.put([("1.2", 0, "Smith^Adam"), ("1.2", 1, "A1"), ("1.3", 0, "Roe^Jane")]).unwrap();
        known.put([("1.2", 0, "Smith^Adam")]).unwrap();
        assert_eq!(known.of("1.2").unwrap(), [(0, "Smith^Adam".to_string()), (1, "A1".to_string())]);
        assert!(known.of("1.4").unwrap().is_empty());
    }
}
