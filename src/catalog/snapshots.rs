//! Snapshots: their members, and what they hold of each series, once for all snapshots that hold the same.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{OptionalExtension, Row, ToSql, params};

use super::{CatalogError, Filter, Reader, Tx};
use crate::audit::{self, Hash};
use crate::snapshot::{ImageRef, Member};

/// A snapshot as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotRecord {
    /// Its name.
    pub name: String,
    /// The identifier of its content.
    pub id: String,
    /// The Merkle root over its members, as hexadecimal digits.
    pub root: String,
    /// Which series were asked for.
    pub query: Option<String>,
    /// How subjects were split, as JSON.
    pub options: String,
    /// What a person says of it.
    pub note: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// By whom.
    pub actor: String,
    /// By which version of Gantry.
    pub version: String,
    /// Its series.
    pub series: u64,
    /// Their subjects.
    pub subjects: u64,
    /// Their stored instances.
    pub instances: u64,
    /// Accepted labels.
    pub labels: u64,
    /// Bytes of the stored instances.
    pub bytes: u64,
    /// Series that were asked for and are not in it, as JSON.
    pub left_out: String,
    /// The public key of the signature, as hexadecimal digits; empty where it is not signed.
    pub public_key: String,
    /// The signature over the identifier, as hexadecimal digits.
    pub signature: String,
}

impl SnapshotRecord {
    /// The digest of what is said of it, but for its signature.
    pub fn digest(&self) -> Hash {
        let numbers = [self.series, self.subjects, self.instances, self.labels, self.bytes];
        let numbers = [self.created_ms as u64].into_iter().chain(numbers).map(u64::to_be_bytes);
        let numbers: Vec<[u8; 8]> = numbers.collect();
        let query = self.query.as_deref().unwrap_or_default();
        let texts = [
            &*self.name,
            &*self.id,
            &*self.root,
            query,
            &*self.options,
            &*self.note,
            &*self.actor,
            &*self.version,
            &*self.left_out,
        ];
        audit::merkle_leaf(texts.into_iter().map(str::as_bytes).chain(numbers.iter().map(|n| &n[..])))
    }
}

/// Why the content of a series is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Its subject was erased.
    Erased,
    /// Its images were cleaned again, or brought under another profile.
    Replaced,
}

impl Gone {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::Replaced => "replaced",
        }
    }
}

impl FromSql for Gone {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let all = [Self::Erased, Self::Replaced];
        all.into_iter().find(|gone| gone.as_str() == name).ok_or(FromSqlError::InvalidType)
    }
}

/// What is stored of the content of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredContent {
    /// The series.
    pub series_uid: String,
    /// What its digest is salted with.
    pub salt: Vec<u8>,
    /// The content, as canonical JSON.
    pub content: String,
    /// The list of images, as [`crate::snapshot::ImageList`] stores it.
    pub images: Vec<u8>,
    /// Why there is nothing of it.
    pub gone: Option<Gone>,
}

/// The content of a series about to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContent {
    /// The digest.
    pub digest: Hash,
    /// The series.
    pub series_uid: String,
    /// The revision of the series that it was made of.
    pub revision: i64,
    /// The read that stood then.
    pub read: i64,
    /// What the digest is salted with.
    pub salt: Vec<u8>,
    /// The content, as canonical JSON.
    pub content: String,
    /// The list of images.
    pub images: Vec<u8>,
}

/// A series that has accepted labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The series.
    pub series_uid: String,
    /// Its study.
    pub study_uid: String,
    /// Its revision.
    pub revision: i64,
    /// The read that stands.
    pub read: i64,
    /// Its subject has withdrawn.
    pub is_withdrawn: bool,
    /// The digest of what a snapshot holds of just this.
    pub known: Option<Hash>,
}

const COLUMNS: &str = "name, id, root, query, options, note, created_ms, actor, version, series, subjects, instances, \
    labels, bytes, left_out, public_key, signature";

fn record(row: &Row<'_>) -> rusqlite::Result<SnapshotRecord> {
    let number = |at| row.get::<_, i64>(at).map(|n| n as u64);
    Ok(SnapshotRecord {
        name: row.get(0)?,
        id: row.get(1)?,
        root: row.get(2)?,
        query: row.get(3)?,
        options: row.get(4)?,
        note: row.get(5)?,
        created_ms: row.get(6)?,
        actor: row.get(7)?,
        version: row.get(8)?,
        series: number(9)?,
        subjects: number(10)?,
        instances: number(11)?,
        labels: number(12)?,
        bytes: number(13)?,
        left_out: row.get(14)?,
        public_key: row.get(15)?,
        signature: row.get(16)?,
    })
}

impl Tx<'_> {
    /// Keeps the content of a series; one that is kept already is known to be of this revision, too.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_content(&self, new: &NewContent) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached(
                "INSERT INTO snapshot_series (digest, series_uid, revision, read, salt, content, images) \
                 VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT (digest) DO UPDATE SET revision = ?3, read = ?4",
            )?
            .execute(params![
                new.digest,
                new.series_uid,
                new.revision,
                new.read,
                new.salt,
                new.content,
                new.images
            ])?;
        Ok(())
    }

    /// Whether a snapshot has this name.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_snapshot(&self, name: &str) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM snapshot WHERE name = ?1)";
        Ok(self.tx.prepare_cached(sql)?.query_row([name], |row| row.get(0))?)
    }

    /// Whether a subject has withdrawn of which one of these members is.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_withdrawn(&self, members: &[Member]) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM withdrawal WHERE subject = ?1)";
        let mut statement = self.tx.prepare_cached(sql)?;
        for member in members {
            if statement.query_row([&member.subject], |row| row.get(0))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores a snapshot with its members.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_snapshot(&self, s: &SnapshotRecord, members: &[Member]) -> Result<(), CatalogError> {
        let sql = format!(
            "INSERT INTO snapshot ({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)"
        );
        self.tx.prepare_cached(&sql)?.execute(params![
            s.name,
            s.id,
            s.root,
            s.query,
            s.options,
            s.note,
            s.created_ms,
            s.actor,
            s.version,
            s.series as i64,
            s.subjects as i64,
            s.instances as i64,
            s.labels as i64,
            s.bytes as i64,
            s.left_out,
            s.public_key,
            s.signature,
        ])?;
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO snapshot_member (snapshot, series_uid, subject, site, split, digest) VALUES (?1,?2,?3,?4,?5,?6)",
        )?;
        for m in members {
            let split = m.split.as_deref().unwrap_or_default();
            statement.execute(params![s.name, m.series_uid, m.subject, m.site, split, m.digest])?;
        }
        Ok(())
    }

    /// Empties what snapshots hold of a series; its digests stay.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn empty_contents(&self, series_uid: &str, gone: Gone) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached(
                "UPDATE snapshot_series SET content = NULL, images = NULL, salt = NULL, gone = ?2 WHERE series_uid = ?1",
            )?
            .execute([series_uid, gone.as_str()])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// Image series with accepted labels, in the order of their UIDs.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn candidates_for_snapshot(&self) -> Result<Vec<Candidate>, CatalogError> {
        let one = |join: &str| {
            format!(
                "SELECT s.uid, s.study_uid, s.revision, c.accepted_read, EXISTS (SELECT 1 FROM withdrawal w WHERE \
                 w.subject = s.subject), (SELECT digest FROM snapshot_series f WHERE f.series_uid = s.uid AND \
                 f.revision = s.revision AND f.read = c.accepted_read AND f.gone IS NULL) FROM study_case c \
                 JOIN series s ON {join} = c.uid WHERE c.accepted_read IS NOT NULL AND s.is_image AND \
                 EXISTS (SELECT 1 FROM read r JOIN item i ON i.id = r.item WHERE r.sitting = c.accepted_read AND \
                 i.series_uid = s.uid)"
            )
        };
        let sql = format!("{} UNION {} ORDER BY 1", one("s.uid"), one("s.study_uid"));
        let row = |row: &Row<'_>| {
            Ok(Candidate {
                series_uid: row.get(0)?,
                study_uid: row.get(1)?,
                revision: row.get(2)?,
                read: row.get(3)?,
                is_withdrawn: row.get(4)?,
                known: row.get(5)?,
            })
        };
        Ok(self.connection().prepare_cached(&sql)?.query_map([], row)?.collect::<Result<_, _>>()?)
    }

    /// Image series that match a query and have no accepted labels: how many, by the state of their case (`None` where there
    /// is no case), with the first of each by UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn without_labels(
        &self,
        filter: Option<&Filter>,
    ) -> Result<Vec<(Option<String>, u64, String)>, CatalogError> {
        let condition = filter.map(Filter::sql);
        let matches = condition.as_ref().map_or_else(|| "1".to_owned(), |c| c.text.clone());
        let bound: Vec<&dyn ToSql> =
            condition.iter().flat_map(|c| &c.values).map(|v| v as &dyn ToSql).collect();
        let sql = format!(
            "SELECT coalesce(own.state, whole.state), count(*), min(s.uid) FROM (SELECT uid, study_uid FROM series WHERE \
             is_image AND ({matches})) s LEFT JOIN study_case own ON own.uid = s.uid LEFT JOIN study_case whole ON \
             whole.uid = s.study_uid WHERE NOT EXISTS (SELECT 1 FROM read r JOIN item i ON i.id = r.item WHERE \
             i.series_uid = s.uid AND r.sitting IN (own.accepted_read, whole.accepted_read)) GROUP BY 1 ORDER BY 2 DESC, 1"
        );
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?));
        Ok(self.connection().prepare_cached(&sql)?.query_map(&*bound, row)?.collect::<Result<_, _>>()?)
    }

    /// Names of the snapshots whose content has this identifier, the earliest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn snapshots_with_id(&self, id: &str) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT name FROM snapshot WHERE id = ?1 ORDER BY created_ms, name";
        Ok(self
            .connection()
            .prepare_cached(sql)?
            .query_map([id], |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    }

    /// The revision of a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_revision(&self, uid: &str) -> Result<Option<i64>, CatalogError> {
        let sql = "SELECT revision FROM series WHERE uid = ?1";
        Ok(self.connection().prepare_cached(sql)?.query_row([uid], |row| row.get(0)).optional()?)
    }

    /// The stored instances of a series, in the order of their UIDs and hashes.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn image_refs(&self, series_uid: &str) -> Result<Vec<ImageRef>, CatalogError> {
        let sql = "SELECT i.sop_uid, i.blob, i.source_hash, r.hash, i.bytes FROM instance i \
                   JOIN record r ON r.id = i.record WHERE i.series_uid = ?1 ORDER BY i.sop_uid, i.blob, i.source_hash";
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut rows = statement.query([series_uid])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(ImageRef {
                sop_uid: row.get(0)?,
                blob: hash(row.get_ref(1)?.as_str().unwrap_or_default()),
                source: hash(row.get_ref(2)?.as_str().unwrap_or_default()),
                ledger: row.get(3)?,
                bytes: row.get::<_, i64>(4)? as u64,
            });
        }
        Ok(found)
    }

    /// A snapshot, by its name or its identifier.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn snapshot(&self, name: &str) -> Result<Option<SnapshotRecord>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM snapshot WHERE name = ?1 OR id = ?1 ORDER BY name = ?1 DESC, created_ms LIMIT 1"
        );
        Ok(self.connection().prepare_cached(&sql)?.query_row([name], record).optional()?)
    }

    /// Every snapshot, the latest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn snapshots(&self) -> Result<Vec<SnapshotRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM snapshot ORDER BY created_ms DESC, name");
        Ok(self.connection().prepare_cached(&sql)?.query_map([], record)?.collect::<Result<_, _>>()?)
    }

    /// The members of a snapshot, in the order of their series UIDs.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn members_of(&self, snapshot: &str) -> Result<Vec<Member>, CatalogError> {
        let sql = "SELECT series_uid, subject, site, split, digest FROM snapshot_member WHERE snapshot = ?1 \
                   ORDER BY series_uid";
        let row = |row: &Row<'_>| {
            let split: String = row.get(3)?;
            Ok(Member {
                series_uid: row.get(0)?,
                subject: row.get(1)?,
                site: row.get(2)?,
                split: Some(split).filter(|s| !s.is_empty()),
                digest: row.get(4)?,
            })
        };
        Ok(self.connection().prepare_cached(sql)?.query_map([snapshot], row)?.collect::<Result<_, _>>()?)
    }

    /// What is kept under a digest.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn content(&self, digest: &Hash) -> Result<Option<StoredContent>, CatalogError> {
        let sql = "SELECT series_uid, salt, content, images, gone FROM snapshot_series WHERE digest = ?1";
        let row = |row: &Row<'_>| {
            Ok(StoredContent {
                series_uid: row.get(0)?,
                salt: row.get::<_, Option<_>>(1)?.unwrap_or_default(),
                content: row.get::<_, Option<_>>(2)?.unwrap_or_default(),
                images: row.get::<_, Option<_>>(3)?.unwrap_or_default(),
                gone: row.get(4)?,
            })
        };
        Ok(self.connection().prepare_cached(sql)?.query_row([digest], row).optional()?)
    }

    /// Names of the snapshots that hold a subject, the earliest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn snapshots_of_subject(&self, subject: &str) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT name FROM snapshot WHERE name IN (SELECT snapshot FROM snapshot_member WHERE subject = ?1) \
                   ORDER BY created_ms, name";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_map([subject], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

/// A hash from its hexadecimal digits; zeros where it is none, which no blob has.
fn hash(digits: &str) -> Hash {
    let mut hash = [0; 32];
    let _ = hex::decode_to_slice(digits, &mut hash);
    hash
}
