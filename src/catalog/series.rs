//! Assembled series.

use rusqlite::{OptionalExtension, ToSql, params};

use super::fields::WORDS;
use super::{CatalogError, Filter, Order, Reader, Tx};
use crate::harmonise::Harmonised;

/// An assembled series as it is stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesRecord {
    /// The remapped series UID.
    pub uid: String,
    /// The remapped study UID.
    pub study_uid: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// Modality.
    pub modality: String,
    /// It holds images: it is checked and reviewed.
    pub is_image: bool,
    /// The shifted study date, `YYYY-MM-DD`.
    pub study_date: Option<String>,
    /// The cleaned study description.
    pub study_description: Option<String>,
    /// Series Number.
    pub number: Option<i32>,
    /// The cleaned series description.
    pub description: Option<String>,
    /// Body Part Examined.
    pub body_part: Option<String>,
    /// Manufacturer.
    pub manufacturer: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Distinct SOP instances.
    pub instances: u64,
    /// Frames.
    pub frames: u64,
    /// Rows and columns.
    pub matrix: Option<(u32, u32)>,
    /// Row, column and slice spacing.
    pub spacing_mm: Option<[f64; 3]>,
    /// `checking`, `checked`, `accepted`, `returned`, `stored`.
    pub state: String,
    /// Findings: errors, warnings, notes.
    pub findings: (u32, u32, u32),
    /// When its last instance was stored, in milliseconds since 1970.
    pub latest_ms: i64,
    /// Harmonised attributes.
    pub harmonised: Harmonised,
    /// Stacks, as JSON; empty in lists.
    pub stacks: String,
    /// Acquisition facts, as JSON; empty in lists.
    pub facts: String,
    /// What the headers say, as JSON, from which the harmonised attributes are derived; empty in lists.
    pub attributes: String,
}

const COLUMNS: &str = "uid, study_uid, subject, site, modality, is_image, study_date, study_description, number, \
    description, body_part, manufacturer, model, instances, frames, rows, columns, spacing_row_mm, spacing_column_mm, \
    spacing_slice_mm, state, errors, warnings, notes, latest_ms, sex, age_years, age_band, region, family, phase, \
    kernel, sequence, weighting, field_t, kvp, exposure_mas, thickness_mm, vendor, device, scanner";

impl Tx<'_> {
    /// Stores a series, replacing what was known of it. Its findings are those of the last check until the next.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_series(&self, s: &SeriesRecord) -> Result<(), CatalogError> {
        let before = self.phrases_of(&s.uid)?;
        let (rows, columns) = s.matrix.unzip();
        let spacing = s.spacing_mm.map_or([None; 3], |s| s.map(Some));
        let id: i64 = self
            .tx
            .prepare_cached(
                "INSERT INTO series (uid, study_uid, subject, site, modality, is_image, study_date, study_description, \
                 number, description, body_part, manufacturer, model, instances, frames, rows, columns, spacing_row_mm, \
                 spacing_column_mm, spacing_slice_mm, state, latest_ms) VALUES \
                 (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22) \
                 ON CONFLICT (uid) DO UPDATE SET study_uid=?2, subject=?3, site=?4, modality=?5, is_image=?6, \
                 study_date=?7, study_description=?8, number=?9, description=?10, body_part=?11, manufacturer=?12, \
                 model=?13, instances=?14, frames=?15, rows=?16, columns=?17, spacing_row_mm=?18, spacing_column_mm=?19, \
                 spacing_slice_mm=?20, state=?21, latest_ms=?22 RETURNING id",
            )?
            .query_row(
                params![
                    s.uid,
                    s.study_uid,
                    s.subject,
                    s.site,
                    s.modality,
                    s.is_image,
                    s.study_date,
                    s.study_description,
                    s.number,
                    s.description,
                    s.body_part,
                    s.manufacturer,
                    s.model,
                    s.instances as i64,
                    s.frames as i64,
                    rows,
                    columns,
                    spacing[0],
                    spacing[1],
                    spacing[2],
                    s.state,
                    s.latest_ms
                ],
                |row| row.get(0),
            )?;
        self.tx
            .prepare_cached(
                "INSERT INTO series_body (id, stacks, facts, attributes) VALUES (?1,?2,?3,?4) \
                 ON CONFLICT (id) DO UPDATE SET stacks=?2, facts=?3, attributes=?4",
            )?
            .execute(params![id, s.stacks, s.facts, s.attributes])?;
        self.put_harmonised_row(id, &s.harmonised)?;
        let now = [
            &s.description,
            &s.study_description,
            &s.body_part,
            &s.manufacturer,
            &s.model,
            &Some(s.modality.clone()),
            &Some(s.subject.clone()),
            &Some(s.site.clone()),
        ]
        .map(Clone::clone);
        self.swap_phrases(&before, &now)
    }

    /// Replaces the harmonised attributes of a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_harmonised(&self, series_uid: &str, harmonised: &Harmonised) -> Result<(), CatalogError> {
        let id: Option<i64> = self
            .tx
            .prepare_cached("SELECT id FROM series WHERE uid = ?1")?
            .query_row([series_uid], |row| row.get(0))
            .optional()?;
        id.map_or(Ok(()), |id| self.put_harmonised_row(id, harmonised))
    }

    fn put_harmonised_row(&self, id: i64, harmonised: &Harmonised) -> Result<(), CatalogError> {
        let h = harmonised;
        self.tx
            .prepare_cached(
                "UPDATE series SET sex=?2, age_years=?3, age_band=?4, region=?5, family=?6, phase=?7, kernel=?8, \
                 sequence=?9, weighting=?10, field_t=?11, kvp=?12, exposure_mas=?13, thickness_mm=?14, vendor=?15, \
                 device=?16, scanner=?17, revision=revision+1 WHERE id = ?1",
            )?
            .execute(params![
                id,
                h.text("sex"),
                h.number("age_years"),
                h.text("age_band"),
                h.text("region"),
                h.text("family"),
                h.text("phase"),
                h.text("kernel"),
                h.text("sequence"),
                h.text("weighting"),
                h.number("field_t"),
                h.number("kvp"),
                h.number("exposure_mas"),
                h.number("thickness_mm"),
                h.text("vendor"),
                h.text("device"),
                h.text("scanner"),
            ])?;
        self.tx
            .prepare_cached("UPDATE series_body SET harmonised = ?2, rules = ?3 WHERE id = ?1")?
            .execute(params![id, serde_json::to_string(&h.values)?, h.rules])?;
        Ok(())
    }

    /// The texts that words are looked for in, as they are stored.
    pub(super) fn phrases_of(&self, uid: &str) -> Result<[Option<String>; 8], CatalogError> {
        let sql = format!("SELECT {} FROM series WHERE uid = ?1", WORDS.join(", "));
        let stored = self.tx.prepare_cached(&sql)?.query_row([uid], |row| {
            let mut texts = [const { None }; 8];
            for (i, text) in texts.iter_mut().enumerate() {
                *text = row.get(i)?;
            }
            Ok(texts)
        });
        Ok(stored.optional()?.unwrap_or_default())
    }

    /// Counts texts that come and go; one that no column holds any more is forgotten.
    pub(super) fn swap_phrases(
        &self,
        before: &[Option<String>; 8],
        now: &[Option<String>; 8],
    ) -> Result<(), CatalogError> {
        if before == now {
            return Ok(());
        }
        for text in now.iter().flatten() {
            let (id, uses): (i64, i64) = self
                .tx
                .prepare_cached(
                    "INSERT INTO phrase (text, uses) VALUES (?1, 1) ON CONFLICT (text) DO UPDATE SET uses = uses + 1 \
                     RETURNING id, uses",
                )?
                .query_row([text], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if uses == 1 {
                self.tx
                    .prepare_cached("INSERT INTO phrase_text (rowid, text) VALUES (?1, ?2)")?
                    .execute(params![id, text])?;
            }
        }
        for text in before.iter().flatten() {
            let gone: Option<i64> = self
                .tx
                .prepare_cached("UPDATE phrase SET uses = uses - 1 WHERE text = ?1 RETURNING id, uses")?
                .query_row([text], |row| Ok((row.get::<_, i64>(1)? == 0).then_some(row.get(0)?)))
                .optional()?
                .flatten();
            if let Some(id) = gone {
                self.tx.prepare_cached("DELETE FROM phrase WHERE id = ?1")?.execute([id])?;
                self.tx.prepare_cached("DELETE FROM phrase_text WHERE rowid = ?1")?.execute([id])?;
            }
        }
        Ok(())
    }

    /// Sets the state of a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn set_series_state(&self, series_uid: &str, state: &str) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("UPDATE series SET state = ?2 WHERE uid = ?1")?
            .execute([series_uid, state])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// One series, with everything.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series(&self, uid: &str) -> Result<Option<SeriesRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS}, id FROM series WHERE uid = ?1");
        let found = self
            .connection()
            .prepare_cached(&sql)?
            .query_row([uid], |row| Ok((record(row)?, row.get::<_, i64>(41)?)))
            .optional()?;
        let Some((mut series, id)) = found else { return Ok(None) };
        let body: Option<[String; 5]> = self
            .connection()
            .prepare_cached(
                "SELECT stacks, facts, attributes, harmonised, rules FROM series_body WHERE id = ?1",
            )?
            .query_row([id], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
            .optional()?;
        if let Some([stacks, facts, attributes, harmonised, rules]) = body {
            (series.stacks, series.facts, series.attributes) = (stacks, facts, attributes);
            series.harmonised = Harmonised { values: serde_json::from_str(&harmonised)?, rules };
        }
        Ok(Some(series))
    }

    /// Series that match, in an order, and how many there are. From the index in memory where it is loaded, else by
    /// SQL; both say the same.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn search(
        &self,
        filter: &Filter,
        order: Order,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<SeriesRecord>, u64), CatalogError> {
        if let Some((ids, total)) = self.index().page(self.connection(), filter, order, offset, limit)? {
            return Ok((self.rows(&ids)?, total));
        }
        let condition = filter.sql();
        let bound: Vec<&dyn ToSql> = condition.values.iter().map(|v| v as &dyn ToSql).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM series WHERE {} ORDER BY {} LIMIT {limit} OFFSET {offset}",
            condition.text,
            order.sql()
        );
        let rows =
            self.connection().prepare_cached(&sql)?.query_map(&*bound, record)?.collect::<Result<_, _>>()?;
        let total: i64 = self
            .connection()
            .prepare_cached(&format!("SELECT count(*) FROM series WHERE {}", condition.text))?
            .query_row(&*bound, |row| row.get(0))?;
        Ok((rows, total as u64))
    }

    /// The rows with these numbers, in this order.
    fn rows(&self, ids: &[i64]) -> Result<Vec<SeriesRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM series WHERE id = ?1");
        let mut statement = self.connection().prepare_cached(&sql)?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.extend(statement.query_row([id], record).optional()?);
        }
        Ok(rows)
    }

    /// Series after a row number, with what their harmonised attributes are derived from: (row, UID, site, attributes as
    /// JSON, what is stored).
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn harmonised_after(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, String, String, String, Harmonised)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT s.id, s.uid, s.site, b.attributes, b.harmonised, b.rules FROM series s \
             JOIN series_body b ON b.id = s.id WHERE s.id > ?1 ORDER BY s.id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after, limit], |row| {
            let values: String = row.get(4)?;
            let values = serde_json::from_str(&values).unwrap_or_default();
            let harmonised = Harmonised { values, rules: row.get(5)? };
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, harmonised))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Series in all, image series that were checked, and findings.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_totals(&self) -> Result<(u64, u64), CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT (SELECT count(*) FROM series), (SELECT count(*) FROM finding)")?
            .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?)
    }
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<SeriesRecord> {
    let spacing: [Option<f64>; 3] = [row.get(17)?, row.get(18)?, row.get(19)?];
    let spacing_mm = match spacing {
        [Some(a), Some(b), Some(c)] => Some([a, b, c]),
        _ => None,
    };
    let matrix: (Option<u32>, Option<u32>) = (row.get(15)?, row.get(16)?);
    Ok(SeriesRecord {
        uid: row.get(0)?,
        study_uid: row.get(1)?,
        subject: row.get(2)?,
        site: row.get(3)?,
        modality: row.get(4)?,
        is_image: row.get(5)?,
        study_date: row.get(6)?,
        study_description: row.get(7)?,
        number: row.get(8)?,
        description: row.get(9)?,
        body_part: row.get(10)?,
        manufacturer: row.get(11)?,
        model: row.get(12)?,
        instances: row.get::<_, i64>(13)? as u64,
        frames: row.get::<_, i64>(14)? as u64,
        matrix: matrix.0.zip(matrix.1),
        spacing_mm,
        state: row.get(20)?,
        findings: (row.get(21)?, row.get(22)?, row.get(23)?),
        latest_ms: row.get(24)?,
        harmonised: harmonised(row)?,
        ..SeriesRecord::default()
    })
}

/// What the columns say of the harmonised attributes, without where each comes from.
fn harmonised(row: &rusqlite::Row<'_>) -> rusqlite::Result<Harmonised> {
    const TEXTS: [(usize, &str); 11] = [
        (25, "sex"),
        (27, "age_band"),
        (28, "region"),
        (29, "family"),
        (30, "phase"),
        (31, "kernel"),
        (32, "sequence"),
        (33, "weighting"),
        (38, "vendor"),
        (39, "device"),
        (40, "scanner"),
    ];
    const NUMBERS: [(usize, &str); 5] =
        [(26, "age_years"), (34, "field_t"), (35, "kvp"), (36, "exposure_mas"), (37, "thickness_mm")];
    let mut out = Harmonised::default();
    for (at, name) in TEXTS {
        if let Some(text) = row.get::<_, Option<String>>(at)? {
            out.set_text(name, text, "");
        }
    }
    for (at, name) in NUMBERS {
        if let Some(number) = row.get::<_, Option<f64>>(at)? {
            out.set_number(name, number, "");
        }
    }
    Ok(out)
}
