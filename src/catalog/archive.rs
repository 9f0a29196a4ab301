//! Series by study, as an archive is asked for them.

use rusqlite::types::ToSql;

use super::{CatalogError, Reader};

/// Which series are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveFilter {
    /// Of this study.
    pub study: Option<String>,
    /// This one.
    pub series: Option<String>,
    /// That which holds this instance.
    pub instance: Option<String>,
    /// Of this subject.
    pub subject: Option<String>,
    /// Of this modality.
    pub modality: Option<String>,
    /// Images of the cases that this reader holds a task on.
    pub held_by: Option<String>,
}

/// A series of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveSeries {
    /// Its UID.
    pub uid: String,
    /// The study's.
    pub study_uid: String,
    /// The modality.
    pub modality: String,
    /// Instances.
    pub instances: u64,
}

impl ArchiveFilter {
    /// The condition, and its values in the order of their numbers.
    fn condition(&self) -> (String, Vec<&dyn ToSql>) {
        let mut all = vec!["subject NOT IN (SELECT subject FROM withdrawal)".to_owned()];
        let mut values: Vec<&dyn ToSql> = Vec::new();
        let asked: [(&str, &Option<String>); 6] = [
            ("study_uid = #", &self.study),
            ("uid = #", &self.series),
            ("uid IN (SELECT series_uid FROM instance WHERE sop_uid = #)", &self.instance),
            ("subject = #", &self.subject),
            ("modality = #", &self.modality),
            (
                "is_image AND EXISTS (SELECT 1 FROM case_task t JOIN study_case c ON c.uid = t.case_uid WHERE \
                 t.holder = # AND t.state = 'claimed' AND (c.uid = series.uid OR c.uid = series.study_uid))",
                &self.held_by,
            ),
        ];
        for (sql, value) in asked {
            if let Some(value) = value {
                values.push(value);
                all.push(sql.replace('#', &format!("?{}", values.len())));
            }
        }
        (all.join(" AND "), values)
    }
}

impl Reader<'_> {
    /// Studies that hold such series, by their UIDs.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn archive_studies(
        &self,
        filter: &ArchiveFilter,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<String>, CatalogError> {
        let (condition, mut values) = filter.condition();
        let sql = format!(
            "SELECT DISTINCT study_uid FROM series WHERE {condition} ORDER BY study_uid LIMIT ?{} OFFSET ?{}",
            values.len() + 1,
            values.len() + 2
        );
        let offset = offset as i64;
        values.extend([&limit as &dyn ToSql, &offset]);
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_map(&values[..], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Such series, by study and UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn archive_series(
        &self,
        filter: &ArchiveFilter,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<ArchiveSeries>, CatalogError> {
        let (condition, mut values) = filter.condition();
        let sql = format!(
            "SELECT uid, study_uid, modality, (SELECT count(DISTINCT i.sop_uid) FROM instance i WHERE i.series_uid = series.uid) \
             FROM series WHERE {condition} ORDER BY study_uid, uid LIMIT ?{} \
             OFFSET ?{}",
            values.len() + 1,
            values.len() + 2
        );
        let offset = offset as i64;
        values.extend([&limit as &dyn ToSql, &offset]);
        let mut statement = self.connection().prepare_cached(&sql)?;
        let rows = statement.query_map(&values[..], |row| {
            Ok(ArchiveSeries {
                uid: row.get(0)?,
                study_uid: row.get(1)?,
                modality: row.get(2)?,
                instances: row.get::<_, i64>(3)? as u64,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
