//! Plans that were applied, with the documents of their guidelines.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{CatalogError, Reader, Tx};

/// A plan that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRecord {
    /// Its version, from 1.
    pub version: u32,
    /// The file, as it was given.
    pub text: String,
    /// SHA-256 of its content and its documents.
    pub digest: String,
    /// The guideline's version that cases were brought to last.
    pub guideline: String,
    /// When it was applied, in milliseconds since 1970.
    pub applied_ms: i64,
    /// By whom.
    pub actor: String,
}

/// The document of a guideline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRecord {
    /// The guideline's version.
    pub version: String,
    /// The file's name.
    pub name: String,
    /// The blob.
    pub blob: String,
}

const COLUMNS: &str = "version, text, digest, guideline, applied_ms, actor";

fn record(row: &Row<'_>) -> rusqlite::Result<PlanRecord> {
    Ok(PlanRecord {
        version: row.get(0)?,
        text: row.get(1)?,
        digest: row.get(2)?,
        guideline: row.get(3)?,
        applied_ms: row.get(4)?,
        actor: row.get(5)?,
    })
}

fn latest(connection: &Connection) -> Result<Option<PlanRecord>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM plan ORDER BY version DESC LIMIT 1");
    Ok(connection.prepare_cached(&sql)?.query_row([], record).optional()?)
}

impl Tx<'_> {
    /// The plan in force.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn plan(&self) -> Result<Option<PlanRecord>, CatalogError> {
        latest(&self.tx)
    }

    /// Puts a plan in force, with its documents.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_plan(&self, plan: &PlanRecord, documents: &[DocumentRecord]) -> Result<(), CatalogError> {
        let sql = "INSERT INTO plan (version, text, digest, guideline, applied_ms, actor) VALUES (?1,?2,?3,?4,?5,?6)";
        let values =
            params![plan.version, plan.text, plan.digest, plan.guideline, plan.applied_ms, plan.actor];
        self.tx.prepare_cached(sql)?.execute(values)?;
        let sql = "INSERT INTO guideline_document (plan, version, name, blob) VALUES (?1,?2,?3,?4)";
        for document in documents {
            let values = params![plan.version, document.version, document.name, document.blob];
            self.tx.prepare_cached(sql)?.execute(values)?;
        }
        Ok(())
    }

    /// Cases were brought to this guideline.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn set_plan_guideline(&self, version: u32, guideline: &str) -> Result<(), CatalogError> {
        let sql = "UPDATE plan SET guideline = ?2 WHERE version = ?1";
        self.tx.prepare_cached(sql)?.execute(params![version, guideline])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// The plan in force.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn plan(&self) -> Result<Option<PlanRecord>, CatalogError> {
        latest(self.connection())
    }

    /// The guideline's version that cases were brought to last, under this version of the plan.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn plan_guideline(&self, version: u32) -> Result<Option<String>, CatalogError> {
        let sql = "SELECT guideline FROM plan WHERE version = ?1";
        Ok(self.connection().prepare_cached(sql)?.query_row([version], |row| row.get(0)).optional()?)
    }

    /// The plan of a version.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn plan_at(&self, version: u32) -> Result<Option<PlanRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM plan WHERE version = ?1");
        Ok(self.connection().prepare_cached(&sql)?.query_row([version], record).optional()?)
    }

    /// The blob of a guideline's document as a version of the plan had it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn document_at(&self, plan: u32, guideline: &str) -> Result<Option<String>, CatalogError> {
        let sql = "SELECT blob FROM guideline_document WHERE plan = ?1 AND version = ?2";
        let row = |row: &Row<'_>| row.get(0);
        Ok(self.connection().prepare_cached(sql)?.query_row(params![plan, guideline], row).optional()?)
    }

    /// The document of a guideline: of the latest plan that has one.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn document(&self, guideline: &str) -> Result<Option<DocumentRecord>, CatalogError> {
        let sql = "SELECT version, name, blob FROM guideline_document WHERE version = ?1 ORDER BY plan DESC LIMIT 1";
        let row =
            |row: &Row<'_>| Ok(DocumentRecord { version: row.get(0)?, name: row.get(1)?, blob: row.get(2)? });
        Ok(self.connection().prepare_cached(sql)?.query_row([guideline], row).optional()?)
    }
}
