//! The signatures of the trail: each against its key and the entry that it covers, and the latest that was kept beside the
//! catalog against the trail that stands there.

use std::path::Path;

use super::StageError;
use crate::audit::Checkpoint;
use crate::catalog::{CHECKPOINT_EVERY, Reader};

/// What the signatures of a trail say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signed {
    /// How many checkpoints there are.
    pub checkpoints: u64,
    /// How many entries the last of them covers.
    pub entries: u64,
    /// The public key of the last, as hexadecimal digits.
    pub key: Option<String>,
    /// What is wrong: about what, and why.
    pub wrong: Option<(String, String)>,
}

/// Verifies the signatures of a trail of so many entries; `kept` is the checkpoint beside the catalog.
///
/// # Errors
/// The catalog cannot be read.
pub fn signed(reader: &Reader<'_>, entries: u64, kept: Option<&Checkpoint>) -> Result<Signed, StageError> {
    let (checkpoints, keys) = (reader.checkpoints()?, reader.trail_keys()?);
    let last = checkpoints.last();
    let mut signed = Signed {
        checkpoints: checkpoints.len() as u64,
        entries: last.map_or(0, |last| last.entries),
        key: last.map(|last| last.key.clone()),
        wrong: None,
    };
    let is_known = |c: &Checkpoint| keys.iter().any(|(since, key)| *key == c.key && *since <= c.entries);
    for checkpoint in &checkpoints {
        let hash = reader.trail_hash(checkpoint.entries)?;
        let why = match checkpoint.contradicted_by(hash.as_ref(), entries) {
            Some(why) => Some(why),
            None if !checkpoint.is_signed() => Some("the checkpoint is not signed".into()),
            None if !is_known(checkpoint) => {
                Some("it is signed with a key that the trail does not name".into())
            }
            None => None,
        };
        if let Some(why) = why {
            signed.wrong = Some((format!("checkpoint {}", checkpoint.entries), why));
            return Ok(signed);
        }
    }
    if !keys.is_empty() && entries.saturating_sub(signed.entries) > CHECKPOINT_EVERY {
        let why = format!("no signature covers the last {} entries", entries - signed.entries);
        signed.wrong = Some((format!("entry {entries}"), why));
    }
    if let Some(kept) = kept {
        let hash = reader.trail_hash(kept.entries)?;
        if let Some(why) = kept.contradicted_by(hash.as_ref(), entries) {
            signed.wrong = Some(("trail.checkpoint".into(), why));
        }
    }
    Ok(signed)
}

/// The checkpoint that was kept beside the catalog when the workspace was last closed; one that cannot be read counts as
/// none that holds.
pub fn read_kept(root: &Path) -> Option<Checkpoint> {
    let text = std::fs::read_to_string(root.join("trail.checkpoint")).ok()?;
    let broken = Checkpoint { key: "none".into(), ..Checkpoint::default() };
    Some(serde_json::from_str(&text).unwrap_or(broken))
}
