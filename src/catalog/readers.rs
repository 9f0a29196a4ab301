//! Readers as people with a level. Names that only imports brought have none.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{CatalogError, Reader, Tx};
use crate::workflow::{Absence, Reader as Person};

/// What a reader may be given, and what is known of them.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Profile {
    skills: Vec<String>,
    sites: Vec<String>,
    absences: Vec<Absence>,
    credentials: BTreeMap<String, String>,
}

const COLUMNS: &str = "name, level, user, active, per_day, profile";

fn person(row: &Row<'_>) -> rusqlite::Result<(Person, Option<String>)> {
    let level: Option<u8> = row.get(1)?;
    let person = Person {
        id: row.get(0)?,
        level: level.unwrap_or_default(),
        user: row.get(2)?,
        active: row.get(3)?,
        per_day: row.get(4)?,
        ..Person::default()
    };
    Ok((person, row.get(5)?))
}

fn whole((person, profile): (Person, Option<String>)) -> Result<Person, CatalogError> {
    let Profile { skills, sites, absences, credentials } =
        profile.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default();
    Ok(Person { skills, sites, absences, credentials, ..person })
}

fn find(connection: &Connection, condition: &str, value: &str) -> Result<Option<Person>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM reader WHERE level IS NOT NULL AND {condition} = ?1");
    let found = connection.prepare_cached(&sql)?.query_row([value], person).optional()?;
    found.map(whole).transpose()
}

impl Tx<'_> {
    /// A reader by name.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn person(&self, id: &str) -> Result<Option<Person>, CatalogError> {
        find(&self.tx, "name", id)
    }

    /// The reader as whom a user of the system acts.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn person_of_user(&self, user: &str) -> Result<Option<Person>, CatalogError> {
        find(&self.tx, "user", user)
    }

    /// Stores a reader, whether they are known or not.
    ///
    /// # Errors
    /// Another reader has the same user; SQLite refuses.
    pub fn put_person(&self, person: &Person) -> Result<(), CatalogError> {
        if let Some(user) = &person.user
            && let Some(other) = find(&self.tx, "user", user)?.filter(|other| other.id != person.id)
        {
            return Err(CatalogError::Refused(format!("user {user} acts as {} already", other.id)));
        }
        let row = self.name_id("reader", &person.id)?;
        let profile = serde_json::to_string(&Profile {
            skills: person.skills.clone(),
            sites: person.sites.clone(),
            absences: person.absences.clone(),
            credentials: person.credentials.clone(),
        })?;
        let sql =
            "UPDATE reader SET level = ?2, user = ?3, active = ?4, per_day = ?5, profile = ?6 WHERE id = ?1";
        let values = params![row, person.level, person.user, person.active, person.per_day, profile];
        self.tx.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Reads that somebody has taken since a time, and not given back.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn taken_since(&self, id: &str, since_ms: i64) -> Result<u32, CatalogError> {
        let sql = "SELECT count(*) FROM case_task WHERE holder = ?1 AND step = 'read' AND taken_ms >= ?2 \
                   AND state IN ('claimed', 'held', 'done')";
        Ok(self.tx.prepare_cached(sql)?.query_row(params![id, since_ms], |row| row.get(0))?)
    }

    /// Reads that somebody has taken in all.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn taken_ever(&self, id: &str) -> Result<u64, CatalogError> {
        let sql =
            "SELECT count(*) FROM case_task WHERE holder = ?1 AND step = 'read' AND taken_ms IS NOT NULL";
        let count: i64 = self.tx.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        Ok(count as u64)
    }
}

/// A reader with what they have before them.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonRecord {
    /// The reader.
    pub person: Person,
    /// Tasks that they hold, or that are kept for them.
    pub open: u64,
    /// Tasks that they have done.
    pub done: u64,
}

impl Reader<'_> {
    /// A reader by name.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn person(&self, id: &str) -> Result<Option<Person>, CatalogError> {
        find(self.connection(), "name", id)
    }

    /// The reader as whom a user of the system acts.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn person_of_user(&self, user: &str) -> Result<Option<Person>, CatalogError> {
        find(self.connection(), "user", user)
    }

    /// Every reader with a level, by name.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn people(&self) -> Result<Vec<PersonRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM reader WHERE level IS NOT NULL ORDER BY name");
        let mut statement = self.connection().prepare_cached(&sql)?;
        let found = statement.query_map([], person)?.collect::<Result<Vec<_>, _>>()?;
        let sql = "SELECT (SELECT count(*) FROM case_task WHERE holder = ?1 AND state IN ('claimed', 'held')) + \
                   (SELECT count(*) FROM case_task WHERE kept_for = ?1 AND state = 'open'), \
                   (SELECT count(*) FROM case_task WHERE holder = ?1 AND state = 'done')";
        let mut load = self.connection().prepare_cached(sql)?;
        let mut all = Vec::with_capacity(found.len());
        for row in found {
            let person = whole(row)?;
            let (open, done) =
                load.query_row([&person.id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
            all.push(PersonRecord { person, open: open as u64, done: done as u64 });
        }
        Ok(all)
    }
}
