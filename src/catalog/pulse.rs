//! What passed each stage, in slots of five minutes.

use rusqlite::params;

use super::{CatalogError, Reader, Tx};

/// Five minutes.
pub const SLOT_MS: i64 = 300_000;
/// Slots in the last hour.
const SLOTS: i64 = 12;

/// What passed a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    /// In all.
    pub total: u64,
    /// In each of the last twelve slots, oldest first.
    pub slots: Vec<u64>,
    /// The last slot in which anything passed.
    pub latest_slot_ms: Option<i64>,
}

impl Tx<'_> {
    /// `n` more passed `stage` (from `source`, or `""`).
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn count(&self, stage: &str, source: &str, n: u64, now_ms: i64) -> Result<(), CatalogError> {
        if n > 0 {
            self.tx
                .prepare_cached(
                    "INSERT INTO pulse (slot_ms, stage, source, n) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT DO UPDATE SET n = n + ?4",
                )?
                .execute(params![now_ms.div_euclid(SLOT_MS) * SLOT_MS, stage, source, n as i64])?;
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// What passed `stage`, from every source or from one.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn pulse(&self, stage: &str, source: Option<&str>, now_ms: i64) -> Result<Pulse, CatalogError> {
        let current = now_ms.div_euclid(SLOT_MS);
        let mut pulse = Pulse { slots: vec![0; SLOTS as usize], ..Pulse::default() };
        let mut statement = self.connection().prepare_cached(
            "SELECT slot_ms, sum(n) FROM pulse WHERE stage = ?1 AND (?2 IS NULL OR source = ?2) GROUP BY slot_ms",
        )?;
        let mut rows = statement.query(params![stage, source])?;
        while let Some(row) = rows.next()? {
            let (slot_ms, n) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)? as u64);
            pulse.total += n;
            pulse.latest_slot_ms = pulse.latest_slot_ms.max(Some(slot_ms));
            let back = current - slot_ms.div_euclid(SLOT_MS);
            if (0..SLOTS).contains(&back) {
                pulse.slots[(SLOTS - 1 - back) as usize] += n;
            }
        }
        Ok(pulse)
    }
}
