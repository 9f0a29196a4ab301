//! Who the headers of each study say its subject is, sealed beside what studies name.

use rusqlite::params;

use super::study_identifiers::KnownIdentifiers;
use crate::catalog::CatalogError;
use crate::catalog::database::lock;
use crate::model::Person;

/// A person as a study has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyPerson {
    /// The remapped study UID.
    pub study_uid: String,
    /// The pseudonym that the study's headers give.
    pub subject: String,
    /// Who it is.
    pub person: Person,
}

impl KnownIdentifiers {
    /// Notes who a study's subject is said to be. What is known already does no harm.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn learn_person(
        &self,
        study_uid: &str,
        (subject, site): (&str, &str),
        person: &Person,
    ) -> Result<(), CatalogError> {
        let value = self.seal_value(study_uid, &serde_json::to_string(person)?)?;
        let identity = person.key().map(|key| self.keyed(&["person", site, &key]));
        lock(self.connection())
            .prepare_cached("INSERT OR IGNORE INTO person VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![study_uid, subject, site, identity, value])?;
        Ok(())
    }

    /// Everybody whom studies under this pseudonym, or this study, are said to be about.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn people(&self, subject_or_study: &str) -> Result<Vec<StudyPerson>, CatalogError> {
        self.found(
            "SELECT study_uid, subject, value FROM person WHERE subject = ?1 \
             UNION SELECT study_uid, subject, value FROM person WHERE study_uid = ?1 ORDER BY 1, 2",
            subject_or_study,
        )
    }

    /// Studies whose subject has the name and birth date of this study's, at its site; this one included.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn namesakes(&self, study_uid: &str) -> Result<Vec<StudyPerson>, CatalogError> {
        self.found(
            "SELECT study_uid, subject, value FROM person WHERE identity IN \
             (SELECT identity FROM person WHERE study_uid = ?1 AND identity IS NOT NULL) ORDER BY 1, 2 LIMIT 1000",
            study_uid,
        )
    }

    fn found(&self, sql: &str, of: &str) -> Result<Vec<StudyPerson>, CatalogError> {
        let connection = lock(self.connection());
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([of], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        rows.map(|row| {
            let (study_uid, subject, sealed) = row?;
            let person = serde_json::from_str(&self.open_value(&study_uid, &sealed)?).unwrap_or_default();
            Ok(StudyPerson { study_uid, subject, person })
        })
        .collect()
    }
}
