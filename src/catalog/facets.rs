//! Facets: how often each value occurs among the series that match. And completion of values.

use rusqlite::{ToSql, params};

use super::fields::{FACETS, Kind, field_named};
use super::{CatalogError, Filter, Reader};

/// Values a facet shows.
const VALUES: usize = 50;
/// Values that completion offers.
const COMPLETIONS: usize = 20;

impl Reader<'_> {
    /// Every facet that has values, with the most frequent ones.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn facets(&self, filter: &Filter) -> Result<Vec<(&'static str, Vec<(String, u64)>)>, CatalogError> {
        let mut facets = match self.index().facets(self.connection(), filter, VALUES)? {
            Some(facets) => facets,
            None => self.facets_by_sql(filter)?,
        };
        facets.retain(|(_, values)| !values.is_empty());
        Ok(facets)
    }

    fn facets_by_sql(
        &self,
        filter: &Filter,
    ) -> Result<Vec<(&'static str, Vec<(String, u64)>)>, CatalogError> {
        let condition = filter.sql();
        let bound: Vec<&dyn ToSql> = condition.values.iter().map(|v| v as &dyn ToSql).collect();
        let mut facets = Vec::with_capacity(FACETS.len() + 1);
        for name in FACETS {
            let Some(column) = field_named(name).map(|f| f.column) else { continue };
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

    /// Values of a field of the query language that begin with `prefix`; none for numbers and dates.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn complete_value(&self, field: &str, prefix: &str) -> Result<Vec<String>, CatalogError> {
        let Some(field) = field_named(field) else { return Ok(Vec::new()) };
        let sql = match field.kind {
            Kind::Number | Kind::Date => return Ok(Vec::new()),
            Kind::Finding => "SELECT DISTINCT check_name FROM finding WHERE \
                 substr(check_name, 1, length(?1)) = ?1 COLLATE NOCASE ORDER BY 1 LIMIT ?2"
                .to_string(),
            Kind::Text | Kind::Exact => {
                if let Some(found) = self.index().complete(field.column, prefix, COMPLETIONS) {
                    return Ok(found);
                }
                let column = field.column;
                format!(
                    "SELECT DISTINCT {column} FROM series WHERE substr({column}, 1, length(?1)) = ?1 COLLATE NOCASE \
                     ORDER BY 1 LIMIT ?2"
                )
            }
        };
        let mut statement = self.connection().prepare_cached(&sql)?;
        let values = statement.query_map(params![prefix, COMPLETIONS as i64], |row| row.get(0))?;
        Ok(values.collect::<Result<_, _>>()?)
    }

    fn counted(&self, sql: &str, bound: &[&dyn ToSql]) -> Result<Vec<(String, u64)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows = statement.query_map(bound, |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
