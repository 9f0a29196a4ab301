//! Subjects: whom studies are about, by their headers or by what a person has decided.

use rusqlite::{OptionalExtension, params};

use super::{CatalogError, Reader, Tx};

/// What a person has decided of two studies or subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// They are of one person: headers are wrong.
    Same,
    /// They are of two people.
    Different,
}

impl Ruling {
    fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
        }
    }
}

/// A subject with what is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRecord {
    /// The pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// Its studies.
    pub studies: u64,
    /// Its series.
    pub series: u64,
    /// Its series with the finding that its headers contradict one another.
    pub conflicts: u64,
    /// Its series with the finding that another subject has the same name and birth date.
    pub namesakes: u64,
}

const SUBJECT: &str =
    "coalesce((SELECT o.subject FROM subject_of_study o WHERE o.study_uid = i.study_uid), i.subject)";

impl Reader<'_> {
    /// Whom a person has decided the study to be about.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn decided_subject(&self, study_uid: &str) -> Result<Option<String>, CatalogError> {
        let mut statement =
            self.connection().prepare_cached("SELECT subject FROM subject_of_study WHERE study_uid = ?1")?;
        Ok(statement.query_row([study_uid], |row| row.get(0)).optional()?)
    }

    /// Studies of a subject, as its headers or a person say.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn studies_of_subject(&self, subject: &str) -> Result<Vec<String>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT DISTINCT study_uid FROM instance WHERE subject = ?1 \
             AND study_uid NOT IN (SELECT study_uid FROM subject_of_study) \
             UNION SELECT study_uid FROM subject_of_study WHERE subject = ?1 ORDER BY 1",
        )?;
        Ok(statement.query_map([subject], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// What a person has decided of two studies or subjects.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn ruling(&self, one: &str, other: &str) -> Result<Option<Ruling>, CatalogError> {
        let (a, b) = if one <= other { (one, other) } else { (other, one) };
        let mut statement =
            self.connection().prepare_cached("SELECT ruling FROM subject_ruling WHERE a = ?1 AND b = ?2")?;
        let ruling: Option<String> = statement.query_row([a, b], |row| row.get(0)).optional()?;
        Ok(ruling.map(|ruling| if ruling == "same" { Ruling::Same } else { Ruling::Different }))
    }

    /// Every subject, those with findings first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn subjects(&self) -> Result<Vec<SubjectRecord>, CatalogError> {
        let mut statement = self.connection().prepare(
            "SELECT s.subject, min(s.site), count(DISTINCT s.study_uid), count(*), \
             sum(EXISTS (SELECT 1 FROM finding f WHERE f.series_uid = s.uid AND f.check_name = 'identity_conflict')), \
             sum(EXISTS (SELECT 1 FROM finding f WHERE f.series_uid = s.uid AND f.check_name = 'subject_split')) \
             FROM series s GROUP BY s.subject ORDER BY 5 DESC, 6 DESC, 1",
        )?;
        let count = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(|n| n as u64);
        let rows = statement.query_map([], |row| {
            Ok(SubjectRecord {
                subject: row.get(0)?,
                site: row.get(1)?,
                studies: count(row, 2)?,
                series: count(row, 3)?,
                conflicts: count(row, 4)?,
                namesakes: count(row, 5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Tx<'_> {
    /// Decides whom a study is about. What its series show follows at once; its instances keep the pseudonym that stands
    /// in their bytes.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn decide_subject(&self, study_uid: &str, subject: &str) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO subject_of_study VALUES (?1, ?2)")?
            .execute([study_uid, subject])?;
        let mut series = self.tx.prepare_cached("SELECT uid FROM series WHERE study_uid = ?1")?;
        let series: Vec<String> =
            series.query_map([study_uid], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for uid in series {
            let before = self.phrases_of(&uid)?;
            self.tx
                .prepare_cached("UPDATE series SET subject = ?2, revision = revision + 1 WHERE uid = ?1")?
                .execute([&*uid, subject])?;
            self.swap_phrases(&before, &self.phrases_of(&uid)?)?;
        }
        Ok(())
    }

    /// A pseudonym that nothing has yet: that of a subject with a number behind it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn free_subject(&self, subject: &str) -> Result<String, CatalogError> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM instance i WHERE {SUBJECT} = ?1)");
        for n in 2..u32::MAX {
            let free = format!("{subject}-{n}");
            let taken: bool = self.tx.prepare_cached(&sql)?.query_row([&free], |row| row.get(0))?;
            if !taken {
                return Ok(free);
            }
        }
        Err(CatalogError::Refused("no pseudonym is free".into()))
    }

    /// Decides of two studies or subjects.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn rule(&self, one: &str, other: &str, ruling: Ruling) -> Result<(), CatalogError> {
        let (a, b) = if one <= other { (one, other) } else { (other, one) };
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO subject_ruling VALUES (?1, ?2, ?3)")?
            .execute(params![a, b, ruling.as_str()])?;
        Ok(())
    }
}
