//! Who comes over the web: known by a token, and asking for the same pictures again and again.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{Engine, EngineError, Session, scope};
use crate::access::{Permission, Role, Way};
use crate::audit::Hash;
use crate::bytes::ByteSource;
use crate::source::open_file;

/// What is kept of a token: it is long and random, so its plain hash gives nothing away.
pub(super) fn token_hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

impl Engine {
    /// A session of whoever shows a token; none where nobody has it.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn session_of_token(self: &Arc<Self>, token: &str) -> Result<Option<Session>, EngineError> {
        let hash = token_hash(token);
        let reader = self.shared.catalog.read();
        let Some((name, role)) = reader.token(&hash)? else { return Ok(None) };
        let Some(role) = Role::named(&role) else { return Ok(None) };
        let person = reader.person(&name)?.map(|person| person.id);
        drop(reader);
        Ok(Some(Session {
            engine: self.clone(),
            account: name.clone(),
            user: name,
            acts_for: person,
            uid: u32::MAX,
            groups: Vec::new(),
            is_owner: false,
            way: Way::Web,
            token_role: Some(role),
            holder: None,
        }))
    }
}

/// How long a blob that was read whole and is what its name says is taken for that.
const VERIFIED: Duration = Duration::from_secs(600);
/// Blobs that are remembered, at most.
const MOST_VERIFIED: usize = 4_096;

impl Session {
    /// Where a blob lies, for whoever reads a part of it: nothing says that it is whole.
    ///
    /// # Errors
    /// The user may not see it.
    pub fn blob_path(&self, hash: &str) -> Result<PathBuf, EngineError> {
        self.may(Permission::SeeImages, "blob")?;
        scope::may_see_blob(self, hash)?;
        Ok(self.engine.shared.store.locate(hash)?)
    }

    /// As [`Client::blob`], for whoever reads the same again and again: it is verified once in a while.
    ///
    /// # Errors
    /// As [`Client::blob`].
    pub fn blob_verified_lately(&self, hash: &str) -> Result<ByteSource<'static>, EngineError> {
        let path = self.blob_path(hash)?;
        let verified = || self.engine.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = verified().get(hash).is_some_and(|at| at.elapsed() < VERIFIED);
        if is_known && let Ok(bytes) = open_file(&path) {
            return Ok(bytes);
        }
        let bytes = self.engine.shared.store.open_verified(hash)?;
        let mut known = verified();
        if known.len() >= MOST_VERIFIED {
            known.retain(|_, at| at.elapsed() < VERIFIED);
        }
        if known.len() < MOST_VERIFIED {
            known.insert(hash.into(), Instant::now());
        }
        Ok(bytes)
    }
}
