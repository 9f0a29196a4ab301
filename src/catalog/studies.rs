//! What the checks of studies compare: members, statistics of images, instances that several series hold.

use rusqlite::{OptionalExtension, params};

use super::{CatalogError, Reader, Tx};

/// Series of one kind that are compared with one another, at most.
const PEERS: i64 = 2_000;
/// Series elsewhere with the same pixels that are named, at most.
const TWINS: i64 = 50;

/// Statistics of the image of a series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatsRecord {
    /// What may be compared.
    pub kind: String,
    /// Noise.
    pub noise: Option<f64>,
    /// Contrast.
    pub contrast: Option<f64>,
    /// Sharpness.
    pub sharpness: Option<f64>,
    /// Of all pixels.
    pub fingerprint: Option<String>,
}

/// A series that has the pixels of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwinRecord {
    /// Its UID.
    pub series_uid: String,
    /// Its study.
    pub study_uid: String,
    /// Its subject.
    pub subject: String,
    /// Its site.
    pub site: String,
}

impl Tx<'_> {
    /// Keeps what the checks of its study compare of a series, as JSON, and the statistics of its image.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_member(&self, series_uid: &str, json: &str, stats: &StatsRecord) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached(
                "UPDATE series_body SET member = ?2 WHERE id = (SELECT id FROM series WHERE uid = ?1)",
            )?
            .execute([series_uid, json])?;
        self.tx
            .prepare_cached(
                "INSERT INTO image_stats (series_uid, kind, noise, contrast, sharpness, fingerprint) \
                 VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT (series_uid) DO UPDATE SET kind=?2, noise=?3, contrast=?4, \
                 sharpness=?5, fingerprint=?6",
            )?
            .execute(params![
                series_uid,
                stats.kind,
                stats.noise,
                stats.contrast,
                stats.sharpness,
                stats.fingerprint
            ])?;
        Ok(())
    }

    /// How many series of a kind are compared with one another.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn peer_count(&self, kind: &str) -> Result<usize, CatalogError> {
        let mut statement = self
            .tx
            .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM image_stats WHERE kind = ?1 LIMIT ?2)")?;
        Ok(statement.query_row(params![kind, PEERS], |row| row.get::<_, i64>(0))? as usize)
    }

    /// The studies that have series of a kind.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn studies_of_kind(&self, kind: &str) -> Result<Vec<String>, CatalogError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT DISTINCT s.study_uid FROM image_stats m JOIN series s ON s.uid = m.series_uid \
             WHERE m.kind = ?1 ORDER BY 1 LIMIT ?2",
        )?;
        let rows = statement.query_map(params![kind, PEERS], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Reader<'_> {
    /// How many studies there are.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn study_count(&self) -> Result<u64, CatalogError> {
        let mut statement =
            self.connection().prepare_cached("SELECT count(DISTINCT study_uid) FROM series")?;
        Ok(statement.query_row([], |row| row.get::<_, i64>(0))? as u64)
    }

    /// The pseudonym and the site of a study's subject; `None` where nothing of it is stored.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn subject_of_study(&self, study_uid: &str) -> Result<Option<(String, String)>, CatalogError> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT subject, site FROM instance WHERE study_uid = ?1 ORDER BY id LIMIT 1")?;
        Ok(statement.query_row([study_uid], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Every study of which an instance is stored.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn study_uids(&self) -> Result<Vec<String>, CatalogError> {
        let mut statement =
            self.connection().prepare("SELECT DISTINCT study_uid FROM instance ORDER BY study_uid")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The members of a study that were checked: (series UID, state, member as JSON).
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn members(&self, study_uid: &str) -> Result<Vec<(String, String, String)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT s.uid, s.state, b.member FROM series s JOIN series_body b ON b.id = s.id \
             WHERE s.study_uid = ?1 AND b.member <> '' ORDER BY s.uid",
        )?;
        let rows = statement.query_map([study_uid], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Statistics of series of one kind.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn peers(&self, kind: &str) -> Result<Vec<StatsRecord>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT kind, noise, contrast, sharpness, fingerprint FROM image_stats WHERE kind = ?1 LIMIT ?2",
        )?;
        Ok(statement.query_map(params![kind, PEERS], stats)?.collect::<Result<_, _>>()?)
    }

    /// Statistics of the image of a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn image_stats(&self, series_uid: &str) -> Result<Option<StatsRecord>, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached(
                "SELECT kind, noise, contrast, sharpness, fingerprint FROM image_stats WHERE series_uid = ?1",
            )?
            .query_row([series_uid], stats)
            .optional()?)
    }

    /// Series of other studies that have these pixels.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn twins(&self, fingerprint: &str, study_uid: &str) -> Result<Vec<TwinRecord>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT s.uid, s.study_uid, s.subject, s.site FROM image_stats m JOIN series s ON s.uid = m.series_uid \
             WHERE m.fingerprint = ?1 AND s.study_uid <> ?2 ORDER BY s.uid LIMIT ?3",
        )?;
        let rows = statement.query_map(params![fingerprint, study_uid, TWINS], |row| {
            Ok(TwinRecord {
                series_uid: row.get(0)?,
                study_uid: row.get(1)?,
                subject: row.get(2)?,
                site: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Series that hold SOP Instance UIDs of this one, and how many.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn shared_instances(&self, series_uid: &str) -> Result<Vec<(String, u64)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT b.series_uid, count(DISTINCT b.sop_uid) FROM instance a JOIN instance b ON b.sop_uid = a.sop_uid \
             WHERE a.series_uid = ?1 AND b.series_uid <> ?1 GROUP BY 1 ORDER BY 1 LIMIT 50",
        )?;
        let rows =
            statement.query_map([series_uid], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn stats(row: &rusqlite::Row<'_>) -> rusqlite::Result<StatsRecord> {
    Ok(StatsRecord {
        kind: row.get(0)?,
        noise: row.get(1)?,
        contrast: row.get(2)?,
        sharpness: row.get(3)?,
        fingerprint: row.get(4)?,
    })
}
