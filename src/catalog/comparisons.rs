//! What readers drew of the same structures, compared two by two.

use rusqlite::{Row, params};

use super::{CatalogError, Reader, Tx};

/// Two reads of one structure that stand, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The structure.
    pub structure: String,
    /// The series.
    pub series_uid: String,
    /// The item's name within it.
    pub item: String,
    /// The readers, of `a` and of `b`.
    pub readers: [String; 2],
    /// Who of them found nothing.
    pub nothing: [bool; 2],
    /// When the later of the two ended, or came in, in milliseconds since 1970.
    pub at_ms: i64,
    /// How much they overlap.
    pub figures: PairFigures,
}

/// How much two masks overlap and how far their surfaces lie apart.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PairFigures {
    /// Dice's coefficient; 0 where one found nothing.
    pub dice: f64,
    /// The 95th percentile of the distances of the surfaces, the larger of both directions.
    pub hd95_mm: Option<f64>,
    /// The mean distance of the surfaces.
    pub assd_mm: Option<f64>,
}

/// A read that may be compared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnRead {
    /// Its row.
    pub id: i64,
    /// The reader's row.
    pub reader: i64,
    /// The item's row.
    pub item: i64,
    /// The structure.
    pub structure: String,
    /// The blob of what was drawn; none where nothing was found.
    pub label: Option<String>,
}

impl Tx<'_> {
    /// Whether anybody drew anything on a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_labels(&self, series_uid: &str) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM read r JOIN item i ON i.id = r.item WHERE i.series_uid = ?1 \
                   AND r.label IS NOT NULL AND r.superseded_by IS NULL)";
        Ok(self.tx.prepare_cached(sql)?.query_row([series_uid], |row| row.get(0))?)
    }

    /// Keeps what two reads have in common.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_comparison(&self, [a, b]: [i64; 2], figures: PairFigures) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO comparison (a, b, dice, hd95_mm, assd_mm) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![a.min(b), a.max(b), figures.dice, figures.hd95_mm, figures.assd_mm])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// The latest read of each reader of what was drawn on a series by anybody, looks that found nothing included.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn drawn_on(&self, series_uid: &str) -> Result<Vec<DrawnRead>, CatalogError> {
        let sql = "SELECT max(r.id), r.reader, r.item, r.structure, r.label FROM read r JOIN item i ON i.id = r.item \
                   WHERE i.series_uid = ?1 AND r.superseded_by IS NULL AND (r.label IS NOT NULL OR r.absent) \
                   AND EXISTS (SELECT 1 FROM read o WHERE o.item = r.item AND o.structure = r.structure \
                   AND o.label IS NOT NULL AND o.superseded_by IS NULL) \
                   GROUP BY r.reader, r.item, r.structure ORDER BY r.item, r.structure, r.reader";
        let mut statement = self.connection().prepare_cached(sql)?;
        let row = |row: &Row<'_>| {
            Ok(DrawnRead {
                id: row.get(0)?,
                reader: row.get(1)?,
                item: row.get(2)?,
                structure: row.get(3)?,
                label: row.get(4)?,
            })
        };
        Ok(statement.query_map([series_uid], row)?.collect::<Result<_, _>>()?)
    }

    /// Whether two reads were compared.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn is_compared(&self, [a, b]: [i64; 2]) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM comparison WHERE a = ?1 AND b = ?2)";
        Ok(self.connection().prepare_cached(sql)?.query_row([a.min(b), a.max(b)], |row| row.get(0))?)
    }

    /// Every comparison of two reads that stand, neither of which is an adjudicator's: they have seen the others'.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn comparisons(&self) -> Result<Vec<Compared>, CatalogError> {
        let sql = "SELECT a.structure, i.series_uid, i.name, da.name, db.name, \
                   max(coalesce(a.finished_ms, a.imported_ms), coalesce(b.finished_ms, b.imported_ms)), \
                   c.dice, c.hd95_mm, c.assd_mm, a.absent, b.absent FROM comparison c JOIN read a ON a.id = c.a JOIN read b ON b.id = c.b \
                   JOIN item i ON i.id = a.item JOIN reader da ON da.id = a.reader JOIN reader db ON db.id = b.reader \
                   WHERE a.superseded_by IS NULL AND b.superseded_by IS NULL AND NOT EXISTS (SELECT 1 FROM sitting z JOIN \
                   case_task t ON t.id = z.task WHERE z.id IN (a.sitting, b.sitting) AND t.step = 'adjudicate') \
                   ORDER BY a.structure, c.a, c.b";
        let mut statement = self.connection().prepare_cached(sql)?;
        let row = |row: &Row<'_>| {
            Ok(Compared {
                structure: row.get(0)?,
                series_uid: row.get(1)?,
                item: row.get(2)?,
                readers: [row.get(3)?, row.get(4)?],
                nothing: [row.get(9)?, row.get(10)?],
                at_ms: row.get(5)?,
                figures: PairFigures { dice: row.get(6)?, hd95_mm: row.get(7)?, assd_mm: row.get(8)? },
            })
        };
        Ok(statement.query_map([], row)?.collect::<Result<_, _>>()?)
    }
}
