//! Snapshots: their members against their root, the root against the trail, contents against their digests, and every byte
//! that they name against its hash.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{DamageKind, Progress, Shared, StageError, Verified, register};
use crate::audit::is_signed_by;
use crate::blob::BlobError;
use crate::catalog::{CatalogError, Gone, Reader, SnapshotRecord};
use crate::snapshot::{Content, ImageList, ImageRef, Member, id_of, root_of, signed_text};

/// The action of the entry that tells of a snapshot.
pub const CREATED: &str = "snapshot.create";
/// Blobs that are read at a time.
const AT_ONCE: usize = 4_096;

/// The object of the entries about a snapshot.
pub fn object_of(name: &str) -> String {
    format!("snapshot {name}")
}

/// Something of a snapshot that is damaged or missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotDamage {
    /// The series, where it is of one.
    pub series_uid: Option<String>,
    /// The blob, where it is one.
    pub blob: Option<String>,
    /// What it is, in words.
    pub what: String,
}

/// What verification found of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotVerified {
    /// The snapshot.
    pub name: String,
    /// The identifier of its content.
    pub id: String,
    /// Whether it is whole; what was erased is known to be gone.
    pub ok: bool,
    /// Stored instances, labels and documents whose bytes were read.
    pub checked: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is there and is not what it should be.
    pub damaged: Vec<SnapshotDamage>,
    /// What is not there.
    pub missing: Vec<SnapshotDamage>,
    /// Series whose subjects were erased.
    pub erased: u64,
    /// Series that were cleaned again, or brought under another profile, since: they cannot be had as they were.
    pub replaced: Vec<String>,
    /// Whether it is signed.
    pub signed: bool,
}

impl SnapshotVerified {
    fn damage(&mut self, series: Option<&str>, blob: Option<&str>, what: impl Into<String>) {
        self.damaged.push(found(series, blob, what));
    }
}

fn found(series: Option<&str>, blob: Option<&str>, what: impl Into<String>) -> SnapshotDamage {
    SnapshotDamage { series_uid: series.map(str::to_owned), blob: blob.map(str::to_owned), what: what.into() }
}

/// Verifies one snapshot to the last byte.
///
/// # Errors
/// The catalog cannot be read.
pub fn verify_snapshot(
    shared: &Shared,
    record: &SnapshotRecord,
    progress: &Progress,
) -> Result<SnapshotVerified, StageError> {
    progress.expect_total(record.instances + record.labels);
    let reader = shared.catalog.read();
    let mut out = SnapshotVerified {
        name: record.name.clone(),
        id: record.id.clone(),
        signed: !record.signature.is_empty(),
        ..SnapshotVerified::default()
    };
    let members = reader.members_of(&record.name)?;
    for what in contradictions(&reader, record, &members)? {
        out.damage(None, None, what);
    }
    for (object, what) in register::differences(&reader, Some(&record.name))? {
        out.damage(None, None, format!("{object}: {what}"));
    }
    let mut blobs: BTreeMap<String, String> = BTreeMap::new();
    for member in &members {
        let Some((content, images)) = held(&reader, member, &mut out)? else { continue };
        let drawn = content.labels().iter().filter_map(|l| l.drawn.clone());
        let document = content.standing.as_ref().and_then(|s| s.document.clone());
        let named = images.iter().map(|i| hex::encode(i.blob)).chain(drawn).chain(document);
        blobs.extend(named.map(|blob| (blob, member.series_uid.clone())));
        if blobs.len() >= AT_ONCE {
            read_blobs(shared, &std::mem::take(&mut blobs), progress, &mut out);
        }
    }
    read_blobs(shared, &blobs, progress, &mut out);
    out.ok = out.damaged.is_empty() && out.missing.is_empty() && out.replaced.is_empty();
    Ok(out)
}

fn read_blobs(
    shared: &Shared,
    blobs: &BTreeMap<String, String>,
    progress: &Progress,
    out: &mut SnapshotVerified,
) {
    let read = blobs.par_iter().map(|(blob, series)| {
        let bytes = shared.store.open_verified(blob).map(|bytes| bytes.len());
        progress.step();
        (blob, series, bytes)
    });
    let read: Vec<_> = read.collect();
    for (blob, series, read) in read {
        out.checked += 1;
        match read {
            Ok(bytes) => out.bytes += bytes,
            Err(error @ BlobError::NotFound(_)) => {
                out.missing.push(found(Some(series), Some(blob), error.to_string()));
            }
            Err(error) => out.damage(Some(series), Some(blob), error.to_string()),
        }
    }
}

/// What is held of a member, where it is whole.
fn held(
    reader: &Reader<'_>,
    member: &Member,
    out: &mut SnapshotVerified,
) -> Result<Option<(Content, Vec<ImageRef>)>, CatalogError> {
    let series = Some(&*member.series_uid);
    let Some(stored) = reader.content(&member.digest)? else {
        out.missing.push(found(series, None, "what the snapshot holds of it"));
        return Ok(None);
    };
    if stored.gone.is_some() && !stored.content.is_empty() {
        out.damage(series, None, "what the snapshot holds of it is there, and is noted as gone");
        return Ok(None);
    }
    match stored.gone {
        Some(Gone::Erased) => {
            let erased = reader.withdrawal(&member.subject)?.is_some_and(|w| w.erased_ms.is_some());
            if erased {
                out.erased += 1;
            } else {
                out.missing.push(found(series, None, "it is gone, and its subject was not erased"));
            }
            return Ok(None);
        }
        Some(Gone::Replaced) => {
            out.replaced.push(member.series_uid.clone());
            return Ok(None);
        }
        None => {}
    }
    match whole(member, &stored) {
        Ok(held) => Ok(Some(held)),
        Err(what) => {
            out.damage(series, None, what);
            Ok(None)
        }
    }
}

/// Content and images of a member as they are stored.
///
/// # Errors
/// They are not those of its digest, in words.
pub fn whole(
    member: &Member,
    stored: &crate::catalog::StoredContent,
) -> Result<(Content, Vec<ImageRef>), &'static str> {
    if Content::digest(&stored.salt, &stored.content) != member.digest {
        return Err("what the snapshot holds of it was changed");
    }
    let content: Content =
        serde_json::from_str(&stored.content).map_err(|_| "what the snapshot holds of it cannot be read")?;
    let is_same = (&content.series_uid, &content.subject, &content.site)
        == (&member.series_uid, &member.subject, &member.site)
        && stored.series_uid == member.series_uid;
    if !is_same {
        return Err("its line in the snapshot was changed");
    }
    let images = ImageList::decode(&stored.images).ok_or("its list of images was changed")?;
    if ImageList::of(&images).sha256() != content.images {
        return Err("its list of images was changed");
    }
    Ok((content, images))
}

/// What of a snapshot's own lines is not as it was made.
fn contradictions(
    reader: &Reader<'_>,
    record: &SnapshotRecord,
    members: &[Member],
) -> Result<Vec<&'static str>, CatalogError> {
    let mut found = Vec::new();
    let root = root_of(members);
    if hex::encode(root) != record.root {
        found.push("its members are not those of its root");
    }
    if id_of(&root) != record.id {
        found.push("its members are not those of its identifier");
    }
    if members.len() as u64 != record.series {
        found.push("it has another number of series than was counted");
    }
    let is_signed = !record.signature.is_empty() || !record.public_key.is_empty();
    if is_signed && !is_signed_by(&record.public_key, &signed_text(&record.id), &record.signature) {
        found.push("its signature is wrong");
    }
    let (entries, _) = reader.trail(Some(&object_of(&record.name)), CREATED, 0, 10)?;
    let told = entries.iter().find(|e| e.action == CREATED);
    let told: serde_json::Value =
        told.map(|entry| serde_json::from_str(&entry.detail)).transpose()?.unwrap_or_default();
    let is_told = told["id"] == record.id.as_str() && told["root"] == record.root.as_str();
    let is_as_told = told["record_sha256"] == hex::encode(record.digest());
    if !is_told {
        found.push("it is not the snapshot that the trail tells of");
    }
    if is_told && !is_as_told {
        found.push("what is noted of it is not what the trail tells");
    }
    Ok(found)
}

/// The lines of every snapshot, without the bytes that they name: stored instances are verified by themselves.
pub(super) fn verify(reader: &Reader<'_>, verified: &mut Verified) -> Result<(), StageError> {
    let records = reader.snapshots()?;
    let mut gone = BTreeSet::new();
    reader.each_entry_of(CREATED, |entry| {
        gone.insert(entry.object);
    })?;
    for record in &records {
        gone.remove(&object_of(&record.name));
    }
    for object in gone {
        verified.found(
            DamageKind::ChangedSnapshot,
            object,
            "it is gone, and the trail tells that it was made",
        );
    }
    for record in records {
        let members = reader.members_of(&record.name)?;
        for what in contradictions(reader, &record, &members)? {
            verified.found(DamageKind::ChangedSnapshot, object_of(&record.name), what);
        }
        let mut out = SnapshotVerified::default();
        for member in &members {
            held(reader, member, &mut out)?;
        }
        for damage in out.damaged.into_iter().chain(out.missing) {
            verified.found(DamageKind::ChangedSnapshot, object_of(&record.name), damage.what);
        }
    }
    Ok(())
}
