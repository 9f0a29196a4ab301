//! Facets: how often each value occurs among the series that match.

use rusqlite::{ToSql, params};

use super::{CatalogError, Filter, Reader};

/// Values a facet shows.
const VALUES: usize = 50;
const COLUMNS: &[(&str, &str)] = &[
    ("modality", "modality"),
    ("body", "body_part"),
    ("site", "site"),
    ("state", "state"),
    ("vendor", "manufacturer"),
];

impl Reader<'_> {
    /// Every facet with its most frequent values.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn facets(&self, filter: &Filter) -> Result<Vec<(&'static str, Vec<(String, u64)>)>, CatalogError> {
        let condition = filter.sql();
        let bound: Vec<&dyn ToSql> = condition.values.iter().map(|v| v as &dyn ToSql).collect();
        let mut facets = Vec::with_capacity(COLUMNS.len() + 1);
        for (name, column) in COLUMNS {
            let sql = format!(
                "SELECT {column}, count(*) FROM series WHERE {column} IS NOT NULL AND {} GROUP BY 1 \
                 ORDER BY 2 DESC, 1 LIMIT {VALUES}",
                condition.text
            );
            facets.push((*name, self.counted(&sql, &bound)?));
        }
        let sql = format!(
            "SELECT check_name, count(DISTINCT series_uid) FROM finding WHERE series_uid IN \
             (SELECT uid FROM series WHERE {}) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {VALUES}",
            condition.text
        );
        facets.push(("finding", self.counted(&sql, &bound)?));
        Ok(facets)
    }

    /// Values of a text field of the query language that begin with `prefix`.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn complete_value(&self, column: &'static str, prefix: &str) -> Result<Vec<String>, CatalogError> {
        let sql = format!(
            "SELECT DISTINCT {column} FROM series WHERE substr({column}, 1, length(?1)) = ?1 COLLATE NOCASE \
             ORDER BY 1 LIMIT 20"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_map(params![prefix], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    fn counted(&self, sql: &str, bound: &[&dyn ToSql]) -> Result<Vec<(String, u64)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows = statement.query_map(bound, |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
