//! Who and what the instances of a study name, study by study, for as long as one run needs it.
//!
//! It identifies: the database is SQLite's private temporary one, which stays in memory while it is small and spills
//! into a file without a name, gone with the connection; and every study and value in it is sealed with a key that
//! never leaves the process, so that nothing readable ever lies on a disk. No input, however large, takes more memory
//! than the cache.

use std::collections::BTreeSet;
use std::sync::Mutex;

use rusqlite::{Connection, params};

use super::CatalogError;
use super::database::lock;
use crate::seal::Seal;

/// Pages kept in memory, in KiB.
const CACHE_KIB: i64 = 32 << 10;
/// Numbers and places of a study beyond this are not shared among its instances: they are no longer the study's own.
const MOST_VALUES: usize = 2_000;
/// Bytes of a sealed value's nonce.
const NONCE: usize = 16;

/// Identifiers by study.
#[derive(Debug)]
pub struct KnownIdentifiers {
    connection: Mutex<Connection>,
    seal: Sealed,
}

impl KnownIdentifiers {
    /// An empty database that lives as long as this value.
    ///
    /// # Errors
    /// SQLite cannot make one.
    pub fn temporary() -> Result<Self, CatalogError> {
        let seal = Sealed::fresh()?;
        let connection = Connection::open("")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "journal_mode", "off")?;
        connection.execute_batch(
            "CREATE TABLE known (study BLOB NOT NULL, kind INTEGER NOT NULL, value BLOB NOT NULL, \
             PRIMARY KEY (study, kind, value)) WITHOUT ROWID",
        )?;
        Ok(Self { connection: Mutex::new(connection), seal })
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
                let study = self.seal.name(study);
                insert.execute(params![study, kind, self.seal.close(&study, value)])?;
            }
        }
        Ok(tx.commit()?)
    }

    /// What the instances of a study name, in a fixed order; of each kind at most a bounded number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn of(&self, study: &str) -> Result<Vec<(u8, String)>, CatalogError> {
        let study = self.seal.name(study);
        let connection = lock(&self.connection);
        let mut kinds = connection.prepare_cached("SELECT DISTINCT kind FROM known WHERE study = ?1")?;
        let kinds: Vec<u8> = kinds.query_map([study], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut of_kind =
            connection.prepare_cached("SELECT value FROM known WHERE study = ?1 AND kind = ?2")?;
        let mut found = Vec::new();
        for kind in kinds {
            let mut values = BTreeSet::new();
            for sealed in of_kind.query_map(params![study, kind], |row| row.get::<_, Vec<u8>>(0))? {
                values.insert(self.seal.open(&sealed?));
                if values.len() > MOST_VALUES {
                    values.pop_last();
                }
            }
            found.extend(values.into_iter().map(|value| (kind, value)));
        }
        Ok(found)
    }
}

/// Values as they stand in the database. Equal values of a study seal to equal bytes, so that a row is written once: the
/// nonce is a keyed hash of what is sealed (a synthetic initialisation vector, after RFC 5297).
#[derive(Debug)]
struct Sealed {
    names: Seal,
    values: Seal,
}

impl Sealed {
    fn fresh() -> Result<Self, CatalogError> {
        let seal = || {
            let mut key = [0; 64];
            getrandom::fill(&mut key)
                .map_err(|_| CatalogError::Refused("the system gives no random bytes".into()))?;
            Ok::<_, CatalogError>(Seal::new(key))
        };
        Ok(Self { names: seal()?, values: seal()? })
    }

    /// What stands for a study.
    fn name(&self, study: &str) -> [u8; NONCE] {
        self.nonce(&[b"study", study.as_bytes()])
    }

    fn close(&self, study: &[u8; NONCE], value: &str) -> Vec<u8> {
        let nonce = self.nonce(&[b"value", study, value.as_bytes()]);
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(value.as_bytes());
        self.values.apply(&nonce, 0, &mut sealed[NONCE..]);
        sealed
    }

    fn open(&self, sealed: &[u8]) -> String {
        let Some((nonce, body)) = sealed.split_first_chunk::<NONCE>() else { return String::new() };
        let mut body = body.to_vec();
        self.values.apply(nonce, 0, &mut body);
        String::from_utf8_lossy(&body).into_owned()
    }

    fn nonce(&self, parts: &[&[u8]]) -> [u8; NONCE] {
        let hash = self.names.hash(parts);
        std::array::from_fn(|i| hash[i])
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

    #[test]
    fn nothing_readable_is_in_the_database_and_equal_values_stand_once() {
        let known = KnownIdentifiers::temporary().unwrap();
        let long = "Ebenezer^Wilhelmina Constance of the Long Road 12345";
        known.put([("1.2.840.99", 0, long), ("1.2.840.99", 0, long), ("1.2.840.98", 0, long)]).unwrap();
        let rows: Vec<(Vec<u8>, Vec<u8>)> = {
            let connection = lock(&known.connection);
            let mut rows = connection.prepare("SELECT study, value FROM known").unwrap();
            rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(rows.len(), 2);
        for bytes in rows.iter().flat_map(|(a, b)| [a, b]) {
            assert!(!bytes.windows(4).any(|w| long.as_bytes().windows(4).any(|l| l == w)));
        }
        assert_eq!(known.of("1.2.840.99").unwrap(), [(0, long.to_string())]);
    }
}
