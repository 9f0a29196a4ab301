//! Tokens by which people come over the web.

use rusqlite::{OptionalExtension, params};

use super::{CatalogError, Reader, Tx};
use crate::audit::Hash;

/// A token, without what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub name: String,
    /// As what they come.
    pub role: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// By whom.
    pub created_by: String,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

impl Tx<'_> {
    /// Keeps the hash of a token.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_token(
        &self,
        (name, role): (&str, &str),
        sha256: &Hash,
        (at_ms, by): (i64, &str),
    ) -> Result<i64, CatalogError> {
        let sql = "INSERT INTO token (name, role, sha256, created_ms, created_by) VALUES (?1,?2,?3,?4,?5) RETURNING id";
        let values = params![name, role, &sha256[..], at_ms, by];
        Ok(self.tx.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }

    /// Revokes every token of a name; how many there were.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn revoke_tokens(&self, name: &str, at_ms: i64) -> Result<u64, CatalogError> {
        let sql = "UPDATE token SET revoked_ms = ?2 WHERE name = ?1 AND revoked_ms IS NULL";
        Ok(self.tx.prepare_cached(sql)?.execute(params![name, at_ms])? as u64)
    }
}

impl Reader<'_> {
    /// Whose token has this hash, and as what they come; none where it was revoked.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn token(&self, sha256: &Hash) -> Result<Option<(String, String)>, CatalogError> {
        let sql = "SELECT name, role FROM token WHERE sha256 = ?1 AND revoked_ms IS NULL";
        let found = self
            .connection()
            .prepare_cached(sql)?
            .query_row([&sha256[..]], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(found)
    }

    /// Every token, the earliest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn tokens(&self) -> Result<Vec<TokenRecord>, CatalogError> {
        let sql = "SELECT id, name, role, created_ms, created_by, revoked_ms FROM token ORDER BY id";
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            Ok(TokenRecord {
                id: row.get(0)?,
                name: row.get(1)?,
                role: row.get(2)?,
                created_ms: row.get(3)?,
                created_by: row.get(4)?,
                revoked_ms: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
