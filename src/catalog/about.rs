//! What is known of the workspace itself.

use rusqlite::OptionalExtension;

use super::{CatalogError, Reader, Tx};

/// One thing that is known of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A keyed hash that tells one secret from another and nothing of it.
    SecretFingerprint,
    /// The configuration that was last in force, as JSON.
    Configuration,
}

impl About {
    fn key(self) -> &'static str {
        match self {
            Self::SecretFingerprint => "secret_fingerprint",
            Self::Configuration => "configuration",
        }
    }
}

impl Reader<'_> {
    /// What is known.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn about(&self, what: About) -> Result<Option<String>, CatalogError> {
        let mut statement = self.connection().prepare_cached("SELECT value FROM about WHERE key = ?1")?;
        Ok(statement.query_row([what.key()], |row| row.get(0)).optional()?)
    }
}

impl Tx<'_> {
    /// What is known, as this transaction sees it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn about(&self, what: About) -> Result<Option<String>, CatalogError> {
        let mut statement = self.tx.prepare_cached("SELECT value FROM about WHERE key = ?1")?;
        Ok(statement.query_row([what.key()], |row| row.get(0)).optional()?)
    }

    /// Keeps what is known.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn set_about(&self, what: About, value: &str) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO about VALUES (?1, ?2)")?
            .execute([what.key(), value])?;
        Ok(())
    }
}
