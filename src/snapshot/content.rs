//! What a snapshot holds of a series: attributes, images and accepted labels, by reference.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::audit::{Hash, merkle_leaf};
use crate::harmonise::Harmonised;
use crate::workflow::{How, Kind};

/// What a snapshot holds of a series. No words that people or devices typed freely: they are in the images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The remapped series UID.
    pub series_uid: String,
    /// The remapped study UID.
    pub study_uid: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// Modality.
    pub modality: String,
    /// Manufacturer.
    pub manufacturer: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// The shifted study date.
    pub study_date: Option<String>,
    /// Series Number.
    pub number: Option<i32>,
    /// Rows and columns.
    pub matrix: Option<(u32, u32)>,
    /// Frames.
    pub frames: u64,
    /// Harmonised attributes.
    pub harmonised: Harmonised,
    /// Stored instances.
    pub instances: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of the list of images, as hexadecimal digits.
    pub images: String,
    /// What stands of what readers said.
    pub standing: Option<Standing>,
}

/// The read that stands, with what it says of the series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The read.
    pub read: i64,
    /// How it came to stand.
    pub how: How,
    /// Who decided; nobody where readers agreed.
    pub by: Option<String>,
    /// When it came to stand, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who read.
    pub reader: String,
    /// When, in milliseconds since 1970.
    pub read_ms: i64,
    /// For how long.
    pub seconds: Option<f64>,
    /// The guideline's version.
    pub guideline: String,
    /// SHA-256 of its document.
    pub document: Option<String>,
    /// The plan's version.
    pub plan_version: Option<u32>,
    /// SHA-256 of the plan.
    pub plan_digest: Option<String>,
    /// Structure by structure; what is not there was not looked at.
    pub labels: Vec<FrozenLabel>,
}

/// Whether something was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelState {
    /// It was.
    #[default]
    Found,
    /// It was looked for, and not found.
    None,
}

impl LabelState {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::None => "none",
        }
    }
}

/// What was accepted of one structure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FrozenLabel {
    /// The structure.
    pub structure: String,
    /// The instance that it is said of, from 1; none for the whole.
    pub instance: Option<u32>,
    /// Its coded meaning, such as `SCT:27925004`.
    pub code: Option<String>,
    /// What kind of thing it is, where the plan says so.
    pub kind: Option<Kind>,
    /// Found, or none.
    pub state: LabelState,
    /// What was said.
    pub value: Option<Value>,
    /// The unit of the value, as UCUM writes it.
    pub unit: Option<String>,
    /// What was measured, by name.
    pub measured: BTreeMap<String, f64>,
    /// The blob of what was drawn.
    pub drawn: Option<String>,
}

impl FrozenLabel {
    /// Whether it is a structure that is drawn.
    pub fn is_drawn(&self) -> bool {
        self.kind.map_or(self.drawn.is_some(), Kind::is_drawn)
    }
}

impl Content {
    /// Its canonical form.
    ///
    /// # Errors
    /// A number that JSON cannot hold.
    pub fn canonical(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The digest of a canonical form under a salt: without the salt nobody can try contents against it.
    pub fn digest(salt: &[u8], canonical: &str) -> Hash {
        merkle_leaf([salt, canonical.as_bytes()])
    }

    /// Accepted labels, *none* included.
    pub fn labels(&self) -> &[FrozenLabel] {
        self.standing.as_ref().map_or(&[], |s| &s.labels)
    }
}

/// A stored instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef {
    /// The remapped SOP instance UID.
    pub sop_uid: String,
    /// SHA-256 of the stored bytes.
    pub blob: Hash,
    /// SHA-256 of the source's bytes.
    pub source: Hash,
    /// SHA-256 of what de-identification did.
    pub ledger: Hash,
    /// Stored bytes.
    pub bytes: u64,
}

/// The images of a series in one canonical form: of each the length of its UID, the UID, three hashes and its size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageList(Vec<u8>);

/// Bytes of an image without its UID.
const FIXED: usize = 32 * 3 + 8;

impl ImageList {
    /// The list of some images, in their order.
    pub fn of(images: &[ImageRef]) -> Self {
        let mut bytes = Vec::with_capacity(images.len() * (FIXED + 48));
        for image in images {
            let uid = &image.sop_uid.as_bytes()[..image.sop_uid.len().min(255)];
            bytes.push(uid.len() as u8);
            bytes.extend_from_slice(uid);
            for hash in [&image.blob, &image.source, &image.ledger] {
                bytes.extend_from_slice(hash);
            }
            bytes.extend_from_slice(&image.bytes.to_le_bytes());
        }
        Self(bytes)
    }

    /// As it is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256, as hexadecimal digits.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }

    /// The images; `None` where this is no such list.
    pub fn decode(mut bytes: &[u8]) -> Option<Vec<ImageRef>> {
        let mut images = Vec::new();
        while let Some((length, rest)) = bytes.split_first() {
            let (uid, rest) = rest.split_at_checked(*length as usize)?;
            let (fixed, rest) = rest.split_at_checked(FIXED)?;
            let hash = |at: usize| -> Option<Hash> { fixed[at * 32..(at + 1) * 32].try_into().ok() };
            images.push(ImageRef {
                sop_uid: std::str::from_utf8(uid).ok()?.to_owned(),
                blob: hash(0)?,
                source: hash(1)?,
                ledger: hash(2)?,
                bytes: u64::from_le_bytes(fixed[96..].try_into().ok()?),
            });
            bytes = rest;
        }
        Some(images)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_of_images_come_back_and_a_cut_one_is_none(
            uids in prop::collection::vec("[0-9.]{1,64}", 0..20), cut in 1_usize..100,
        ) {
            let images: Vec<ImageRef> = (0_u8..).zip(&uids).map(|(n, uid)| ImageRef {
                sop_uid: uid.clone(), blob: [n; 32], source: [n + 1; 32], ledger: [n + 2; 32], bytes: u64::from(n),
            }).collect();
            let list = ImageList::of(&images);
            prop_assert_eq!(ImageList::decode(list.bytes()).unwrap(), images);
            let cut = cut.min(list.bytes().len());
            if cut > 0 && !list.bytes().is_empty() {
                let short = ImageList::decode(&list.bytes()[..list.bytes().len() - cut]);
                prop_assert!(short.is_none_or(|s| s.len() < uids.len()));
            }
        }
    }

    #[test]
    fn a_salt_changes_the_digest() {
        assert_ne!(Content::digest(b"a", "{}"), Content::digest(b"b", "{}"));
    }
}
