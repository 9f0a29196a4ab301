//! Who and what the instances of a study name, study by study: for as long as one run needs it, or for as long as the
//! workspace lasts.
//!
//! It identifies, so every study and value in it is sealed and nothing readable ever lies on a disk. What one run needs
//! is in SQLite's private temporary database, which stays in memory while it is small and spills into a file without a
//! name, gone with the connection; its key never leaves the process. What a workspace needs is a file on the landing
//! side; its key is derived from the workspace's secret. No input, however large, takes more memory than the cache.
//!
//! In a workspace each study has a generation, which rises when an instance names something new. An instance whose text
//! was cleaned under an earlier generation than that of its study has to be cleaned again. A study is *owed* from the
//! moment something was learned until whoever commits has looked which of its instances that concerns.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::catalog::CatalogError;
use crate::catalog::database::lock;
use crate::catalog::opening::{copy_database, open_unwritable, open_writer};
use crate::seal::{Broken, HashKey, SealKey, earlier};

const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_identifiers.sql"),
    include_str!("migrations/0002_people.sql"),
    include_str!("migrations/0003_resealed.sql"),
];
/// The sealing that values have now.
const SEALING: i64 = 2;
/// Pages kept in memory, in KiB.
const CACHE_KIB: i64 = 32 << 10;
/// Numbers and places of a study beyond this are not shared among its instances: they are no longer the study's own.
const MOST_VALUES: usize = 2_000;
/// Bytes of a sealed value's nonce.
const NONCE: usize = 16;

/// Identifiers by study.
#[derive(Debug)]
pub struct KnownIdentifiers {
    connection: Mutex<Connection>,
    seal: Sealed,
}

/// What a study of a workspace names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StudyKnown {
    /// Rises with every instance that names something new; 0 where nothing was ever named.
    pub generation: i64,
    /// Kinds and values, in order.
    pub values: Vec<(u8, String)>,
    /// Something was learned, and nobody has looked yet which instances it concerns.
    pub pending_reclean: bool,
}

impl KnownIdentifiers {
    /// The database of a workspace, made where it is missing; only its owner may read it. `secret` is the workspace's.
    ///
    /// What is learned survives a killed process at once, and a power cut once the file system was flushed, as the
    /// intake does before it commits.
    ///
    /// # Errors
    /// It cannot be opened, or is of a later version.
    pub fn open(path: &Path, secret: &[u8; 32]) -> Result<Self, CatalogError> {
        let mut connection = open_writer(path, &MIGRATIONS)?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let seal = Sealed::of_secret(secret);
        reseal(&mut connection, &seal, secret)?;
        Ok(Self { connection: Mutex::new(connection), seal })
    }

    /// Opens a database that cannot be written, whose values are sealed under `secret`.
    ///
    /// # Errors
    /// It cannot be read, or is of another version.
    pub fn open_read_only(path: &Path, secret: &[u8; 32]) -> Result<Self, CatalogError> {
        let connection =
            open_unwritable(path, MIGRATIONS.len(), 1)?.pop().ok_or(rusqlite::Error::InvalidQuery)?;
        Ok(Self { connection: Mutex::new(connection), seal: Sealed::of_secret(secret) })
    }

    /// An empty database that lives as long as this value.
    ///
    /// # Errors
    /// SQLite cannot make one.
    pub fn temporary() -> Result<Self, CatalogError> {
        let seal = Sealed::fresh()?;
        let connection = Connection::open("")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "journal_mode", "off")?;
        connection.execute_batch(
            "CREATE TABLE known (study BLOB NOT NULL, kind INTEGER NOT NULL, value BLOB NOT NULL, \
             PRIMARY KEY (study, kind, value)) WITHOUT ROWID",
        )?;
        Ok(Self { connection: Mutex::new(connection), seal })
    }

    /// Adds what instances name: study, kind (a number of the caller's), value. Values that are there already do no
    /// harm.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put<'a>(
        &self,
        rows: impl IntoIterator<Item = (&'a str, u8, &'a str)>,
    ) -> Result<(), CatalogError> {
        let mut connection = lock(&self.connection);
        let tx = connection.transaction()?;
        {
            let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO known VALUES (?1, ?2, ?3)")?;
            for (study, kind, value) in rows {
                let study = self.seal.name(study);
                insert.execute(params![study, kind, self.seal.close(&study, value)?])?;
            }
        }
        Ok(tx.commit()?)
    }

    /// What the instances of a study name, in a fixed order; of each kind at most a bounded number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn of(&self, study: &str) -> Result<Vec<(u8, String)>, CatalogError> {
        self.values(&lock(&self.connection), &self.seal.name(study))
    }

    /// What a study of the workspace names.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn study(&self, study: &str) -> Result<StudyKnown, CatalogError> {
        self.standing(&lock(&self.connection), &self.seal.name(study))
    }

    /// Adds what an instance of the workspace names, and says what its study names then. Something new makes the
    /// generation rise and the study owed. `floor` is asked for a study that is not known yet: the latest generation
    /// that any instance has, for this file may have been lost and generations must never come again.
    ///
    /// # Errors
    /// SQLite refuses; nothing was learned then.
    pub fn learn(
        &self,
        study: &str,
        values: &[(u8, &str)],
        floor: impl FnOnce() -> Result<i64, CatalogError>,
    ) -> Result<StudyKnown, CatalogError> {
        let name = self.seal.name(study);
        let mut connection = lock(&self.connection);
        let tx = connection.transaction()?;
        if self.add(&tx, &name, values)? {
            let before: Option<i64> = tx
                .prepare_cached("SELECT generation FROM study WHERE study = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()?;
            let generation = before.map_or_else(floor, Ok)?.saturating_add(1);
            tx.prepare_cached("INSERT OR REPLACE INTO study (study, generation, owed) VALUES (?1, ?2, ?3)")?
                .execute(params![name, generation, study])?;
        }
        let standing = self.standing(&tx, &name)?;
        tx.commit()?;
        Ok(standing)
    }

    /// Whether any of the values is new. A kind that is full takes no more.
    fn add(
        &self,
        tx: &Transaction<'_>,
        study: &[u8; NONCE],
        values: &[(u8, &str)],
    ) -> Result<bool, CatalogError> {
        let mut count = tx.prepare_cached("SELECT count(*) FROM known WHERE study = ?1 AND kind = ?2")?;
        let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO known VALUES (?1, ?2, ?3)")?;
        let mut room = std::collections::BTreeMap::<u8, usize>::new();
        let mut new = false;
        for (kind, value) in values {
            let left = match room.get(kind) {
                Some(left) => *left,
                None => {
                    let there: i64 = count.query_row(params![study, kind], |row| row.get(0))?;
                    MOST_VALUES.saturating_sub(there as usize)
                }
            };
            let added =
                left > 0 && insert.execute(params![study, kind, self.seal.close(study, value)?])? == 1;
            room.insert(*kind, left - usize::from(added));
            new |= added;
        }
        Ok(new)
    }

    fn standing(&self, connection: &Connection, study: &[u8; NONCE]) -> Result<StudyKnown, CatalogError> {
        let row: Option<(i64, bool)> = connection
            .prepare_cached("SELECT generation, owed IS NOT NULL FROM study WHERE study = ?1")?
            .query_row([study], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((generation, pending_reclean)) = row else { return Ok(StudyKnown::default()) };
        Ok(StudyKnown { generation, values: self.values(connection, study)?, pending_reclean })
    }

    /// Somebody has looked which instances of a study are behind this generation, and asked for what follows.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn settle(&self, study: &str, generation: i64) -> Result<(), CatalogError> {
        lock(&self.connection)
            .prepare_cached("UPDATE study SET owed = NULL WHERE study = ?1 AND generation = ?2")?
            .execute(params![self.seal.name(study), generation])?;
        Ok(())
    }

    /// Forgets a study and its people.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn forget_study(&self, study: &str) -> Result<(), CatalogError> {
        let name = self.seal.name(study);
        let mut connection = lock(&self.connection);
        let tx = connection.transaction()?;
        tx.execute("DELETE FROM known WHERE study = ?1", params![name])?;
        tx.execute("DELETE FROM study WHERE study = ?1", params![name])?;
        tx.execute("DELETE FROM person WHERE study_uid = ?1", [study])?;
        tx.commit()?;
        Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// Studies of which something was learned and nobody has looked which instances it concerns, with their
    /// generations: a kill came between.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn pending_reclean(&self) -> Result<Vec<(String, i64)>, CatalogError> {
        let connection = lock(&self.connection);
        let mut pending_reclean =
            connection.prepare_cached("SELECT owed, generation FROM study WHERE owed IS NOT NULL")?;
        Ok(pending_reclean.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Writes a consistent copy of the whole database to `to`, which only its owner may read.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), CatalogError> {
        copy_database(&lock(&self.connection), to)
    }

    pub(super) fn connection(&self) -> &Mutex<Connection> {
        &self.connection
    }

    /// A value of a study as it stands in the database: equal ones are equal there, too.
    pub(super) fn seal_value(&self, study: &str, value: &str) -> Result<Vec<u8>, CatalogError> {
        self.seal.close(&self.seal.name(study), value)
    }

    pub(super) fn open_value(&self, study: &str, sealed: &[u8]) -> Result<String, CatalogError> {
        self.seal.open(&self.seal.name(study), sealed)
    }

    /// A keyed hash of parts.
    pub(super) fn keyed(&self, parts: &[&str]) -> [u8; NONCE] {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        self.seal.nonce(&parts)
    }

    fn values(
        &self,
        connection: &Connection,
        study: &[u8; NONCE],
    ) -> Result<Vec<(u8, String)>, CatalogError> {
        let mut kinds =
            connection.prepare_cached("SELECT DISTINCT kind FROM known WHERE study = ?1 ORDER BY kind")?;
        let kinds: Vec<u8> = kinds.query_map([study], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut of_kind =
            connection.prepare_cached("SELECT value FROM known WHERE study = ?1 AND kind = ?2")?;
        let mut found = Vec::new();
        for kind in kinds {
            let mut values = BTreeSet::new();
            for sealed in of_kind.query_map(params![study, kind], |row| row.get::<_, Vec<u8>>(0))? {
                values.insert(self.seal.open(study, &sealed?)?);
                if values.len() > MOST_VALUES {
                    values.pop_last();
                }
            }
            found.extend(values.into_iter().map(|value| (kind, value)));
        }
        Ok(found)
    }
}

/// Values as they stand in the database. Equal values of a study seal to equal bytes, so that a row is written once.
#[derive(Debug)]
struct Sealed {
    names: HashKey,
    values: SealKey,
}

impl Sealed {
    fn fresh() -> Result<Self, CatalogError> {
        let key = || {
            let mut key = [0; 64];
            getrandom::fill(&mut key)
                .map_err(|_| CatalogError::Refused("the system gives no random bytes".into()))?;
            Ok::<_, CatalogError>(key)
        };
        Ok(Self { names: HashKey::new(key()?), values: SealKey::new(key()?) })
    }

    /// Keys that nothing but this secret gives, and that are used for nothing else.
    fn of_secret(secret: &[u8; 32]) -> Self {
        Self {
            names: HashKey::new(derived(secret, b"names")),
            values: SealKey::new(derived(secret, b"values/2")),
        }
    }

    /// What stands for a study.
    fn name(&self, study: &str) -> [u8; NONCE] {
        self.nonce(&[b"study", study.as_bytes()])
    }

    fn close(&self, study: &[u8; NONCE], value: &str) -> Result<Vec<u8>, CatalogError> {
        Ok(self.values.seal(study, value.as_bytes())?)
    }

    fn open(&self, study: &[u8; NONCE], sealed: &[u8]) -> Result<String, CatalogError> {
        Ok(String::from_utf8_lossy(&self.values.open(study, sealed)?).into_owned())
    }

    fn nonce(&self, parts: &[&[u8]]) -> [u8; NONCE] {
        let hash = self.names.hash(parts);
        std::array::from_fn(|i| hash[i])
    }
}

impl From<Broken> for CatalogError {
    fn from(error: Broken) -> Self {
        Self::Damaged(format!("what studies name cannot be opened: {error}"))
    }
}

/// A key for one purpose.
fn derived(secret: &[u8; 32], purpose: &[u8]) -> [u8; 64] {
    let mut key = [0; 64];
    key[..32].copy_from_slice(secret);
    let root = HashKey::new(key);
    let half = |which: &[u8]| root.hash(&[b"gantry/known/1", purpose, which]);
    key[..32].copy_from_slice(&half(b"a"));
    key[32..].copy_from_slice(&half(b"b"));
    key
}

/// Seals the values of an earlier version's database anew, all of them or none.
fn reseal(connection: &mut Connection, seal: &Sealed, secret: &[u8; 32]) -> Result<(), CatalogError> {
    let tx = connection.transaction()?;
    let version: Option<i64> =
        tx.query_row("SELECT version FROM sealing", [], |row| row.get(0)).optional()?;
    if version == Some(SEALING) {
        return Ok(());
    }
    let before = earlier::Seal(HashKey::new(derived(secret, b"values")));
    let open = |sealed: &[u8]| {
        let (nonce, body) = sealed.split_first_chunk::<NONCE>().ok_or(Broken)?;
        let mut body = body.to_vec();
        before.apply(nonce, 0, &mut body);
        String::from_utf8(body).map_err(|_| Broken)
    };
    let known: Vec<([u8; NONCE], i64, Vec<u8>)> = tx
        .prepare("SELECT study, kind, value FROM known")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    tx.execute("DELETE FROM known", [])?;
    for (study, kind, value) in known {
        // What was sealed under another secret was never found, and is not now.
        let Ok(value) = open(&value) else { continue };
        tx.execute(
            "INSERT OR IGNORE INTO known VALUES (?1, ?2, ?3)",
            params![study, kind, seal.close(&study, &value)?],
        )?;
    }
    let people: Vec<(String, Vec<u8>)> = tx
        .prepare("SELECT study_uid, value FROM person")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (study_uid, value) in people {
        let Ok(person) = open(&value) else { continue };
        tx.execute(
            "UPDATE person SET value = ?3 WHERE study_uid = ?1 AND value = ?2",
            params![study_uid, value, seal.close(&seal.name(&study_uid), &person)?],
        )?;
    }
    tx.execute("INSERT INTO sealing VALUES (?1)", [SEALING])?;
    Ok(tx.commit()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_study_knows_its_own() {
        let known = KnownIdentifiers::temporary().unwrap();
        known.put([("1.2", 0, "Smith^Adam"), ("1.2", 1, "A1"), ("1.3", 0, "Roe^Jane")]).unwrap();
        known.put([("1.2", 0, "Smith^Adam")]).unwrap();
        assert_eq!(known.of("1.2").unwrap(), [(0, "Smith^Adam".to_string()), (1, "A1".to_string())]);
        assert!(known.of("1.4").unwrap().is_empty());
    }

    #[test]
    fn nothing_readable_is_in_the_database_and_equal_values_stand_once() {
        let known = KnownIdentifiers::temporary().unwrap();
        let long = "Ebenezer^Wilhelmina Constance of the Long Road 12345";
        known.put([("1.2.840.99", 0, long), ("1.2.840.99", 0, long), ("1.2.840.98", 0, long)]).unwrap();
        let rows: Vec<(Vec<u8>, Vec<u8>)> = {
            let connection = lock(&known.connection);
            let mut rows = connection.prepare("SELECT study, value FROM known").unwrap();
            rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(rows.len(), 2);
        for bytes in rows.iter().flat_map(|(a, b)| [a, b]) {
            assert!(!bytes.windows(4).any(|w| long.as_bytes().windows(4).any(|l| l == w)));
        }
        assert_eq!(known.of("1.2.840.99").unwrap(), [(0, long.to_string())]);
    }

    #[test]
    fn a_workspace_keeps_what_it_learned_sealed_and_counts_generations() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.sqlite");
        let open = || KnownIdentifiers::open(&path, &[7; 32]).unwrap();
        let known = open();
        assert_eq!(known.study("2.25.1").unwrap(), StudyKnown::default());
        let first = known.learn("2.25.1", &[(0, "Wetherquill^Lucasta")], || Ok(41)).unwrap();
        assert_eq!((first.generation, first.pending_reclean), (42, true), "after what any instance has");
        assert_eq!(known.learn("2.25.1", &[(0, "Wetherquill^Lucasta")], || Ok(99)).unwrap(), first);
        drop(known);
        // A kill came before anybody looked: it is still owed.
        let known = open();
        assert_eq!(known.pending_reclean().unwrap(), [("2.25.1".to_string(), 42)]);
        let second = known.learn("2.25.1", &[(1, "MRN-7719")], || Ok(99)).unwrap();
        assert_eq!((second.generation, second.values.len()), (43, 2));
        known.settle("2.25.1", 42).unwrap();
        assert_eq!(known.pending_reclean().unwrap().len(), 1, "an earlier generation settles nothing");
        known.settle("2.25.1", 43).unwrap();
        assert!(
            known.pending_reclean().unwrap().is_empty() && !known.study("2.25.1").unwrap().pending_reclean
        );
        for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(5).any(|w| w == b"ether" || w == b"-7719"), "{entry:?}");
        }
        // Under another secret nothing of it is found.
        drop(known);
        let other = KnownIdentifiers::open(&path, &[8; 32]).unwrap();
        assert_eq!(other.study("2.25.1").unwrap(), StudyKnown::default());
    }

    #[test]
    fn a_database_of_an_earlier_version_is_sealed_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.sqlite");
        let secret = [7; 32];
        let seal = Sealed::of_secret(&secret);
        let study = seal.name("2.25.1");
        // As version 1 wrote it.
        let close = |parts: &[&[u8]], value: &str| {
            let nonce = seal.nonce(parts);
            let mut sealed = [&nonce[..], value.as_bytes()].concat();
            let before = earlier::Seal(HashKey::new(derived(&secret, b"values")));
            before.apply(&nonce, 0, &mut sealed[NONCE..]);
            sealed
        };
        let person = crate::model::Person::default();
        {
            let connection = open_writer(&path, &MIGRATIONS[..2]).unwrap();
            let sealed = close(&[b"value", &study, b"Roe^Jane"], "Roe^Jane");
            connection.execute("INSERT INTO known VALUES (?1, 0, ?2)", params![study, sealed]).unwrap();
            connection.execute("INSERT INTO study VALUES (?1, 4, NULL)", params![study]).unwrap();
            let json = serde_json::to_string(&person).unwrap();
            let sealed = close(&[b"value", &study, json.as_bytes()], &json);
            connection
                .execute("INSERT INTO person VALUES ('2.25.1', 'S1', 'A', NULL, ?1)", params![sealed])
                .unwrap();
        }
        for _ in 0..2 {
            let known = KnownIdentifiers::open(&path, &secret).unwrap();
            assert_eq!(known.study("2.25.1").unwrap().values, [(0, "Roe^Jane".to_string())]);
            assert_eq!(known.people("2.25.1").unwrap()[0].person, person);
            let again = known.learn("2.25.1", &[(0, "Roe^Jane")], || Ok(0)).unwrap();
            assert_eq!(again.generation, 4, "it is found again");
        }
        // What somebody has changed does not open.
        let connection = Connection::open(&path).unwrap();
        connection.execute("UPDATE known SET value = x'00112233445566778899aabbccddeeff0011'", []).unwrap();
        drop(connection);
        let known = KnownIdentifiers::open(&path, &secret).unwrap();
        assert!(matches!(known.study("2.25.1"), Err(CatalogError::Damaged(_))));
    }

    #[test]
    fn a_study_that_names_beyond_measure_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownIdentifiers::open(&folder.path().join("known.sqlite"), &[7; 32]).unwrap();
        let numbers: Vec<String> = (0..=MOST_VALUES).map(|n| format!("number {n}")).collect();
        let values: Vec<(u8, &str)> = numbers.iter().map(|n| (1, &**n)).collect();
        let full = known.learn("2.25.1", &values, || Ok(0)).unwrap();
        assert_eq!((full.generation, full.values.len()), (1, MOST_VALUES));
        assert_eq!(known.learn("2.25.1", &[(1, "one more")], || Ok(0)).unwrap(), full);
        assert_eq!(known.learn("2.25.1", &[(0, "Roe^Jane")], || Ok(0)).unwrap().generation, 2);
    }
}
