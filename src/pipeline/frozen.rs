//! What a snapshot holds, read back: every series as it was frozen, held against its digest.

use sha2::{Digest, Sha256};

use crate::catalog::{CatalogError, Gone, Reader};
use crate::snapshot::{Content, ImageList, ImageRef, Member};

/// A series of a snapshot as it was frozen.
#[derive(Debug, Clone, PartialEq)]
pub struct FrozenSeries {
    /// What is held of it.
    pub content: Content,
    /// Its instances.
    pub images: Vec<ImageRef>,
    /// Its split.
    pub split: Option<String>,
}

/// Why a series of a snapshot cannot be had any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSeries {
    /// Its subject has withdrawn.
    Withdrawn,
    /// Its images were cleaned again, or brought under another profile.
    Replaced,
    /// What the snapshot holds of it is not what was frozen.
    Damaged,
}

impl NoSeries {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Replaced => "replaced",
            Self::Damaged => "damaged",
        }
    }

    /// Why, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Withdrawn => "its subject has withdrawn",
            Self::Replaced => "its images were cleaned again, or brought under another profile, since",
            Self::Damaged => "what the snapshot holds of it is damaged",
        }
    }
}

/// Every series of a snapshot, in the order of their UIDs: as it was frozen, or why it cannot be had.
///
/// # Errors
/// The catalog refuses.
pub fn frozen(
    reader: &Reader<'_>,
    snapshot: &str,
) -> Result<Vec<(String, Result<FrozenSeries, NoSeries>)>, CatalogError> {
    let mut all = Vec::new();
    for member in reader.members_of(snapshot)? {
        let series_uid = member.series_uid.clone();
        all.push((series_uid, one(reader, member)?));
    }
    Ok(all)
}

fn one(reader: &Reader<'_>, member: Member) -> Result<Result<FrozenSeries, NoSeries>, CatalogError> {
    if reader.withdrawal(&member.subject)?.is_some() {
        return Ok(Err(NoSeries::Withdrawn));
    }
    let Some(stored) = reader.content(&member.digest)? else { return Ok(Err(NoSeries::Damaged)) };
    match stored.gone {
        Some(Gone::Erased) => return Ok(Err(NoSeries::Withdrawn)),
        Some(Gone::Replaced) => return Ok(Err(NoSeries::Replaced)),
        None => {}
    }
    let is_whole = Content::digest(&stored.salt, &stored.content) == member.digest;
    let content = serde_json::from_str::<Content>(&stored.content).ok().filter(|_| is_whole);
    let Some((content, images)) = content.zip(ImageList::decode(&stored.images)) else {
        return Ok(Err(NoSeries::Damaged));
    };
    if hex::encode(Sha256::digest(&stored.images)) != content.images {
        return Ok(Err(NoSeries::Damaged));
    }
    Ok(Ok(FrozenSeries { content, images, split: member.split }))
}
