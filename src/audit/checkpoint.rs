//! Signed checkpoints: the end of a trail as it was at one moment, signed with the workspace's key (Ed25519, RFC 8032), so
//! that an outsider who keeps one can tell later that nothing before it was changed or taken away.
//!
//! What is signed are four lines, each ended by a line feed: `gantry trail checkpoint 1`, the number of entries, the
//! hash of the last of them in lower-case hexadecimal digits, the time in milliseconds since 1970. Any tool that knows
//! Ed25519 can verify it.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::Hash;

/// The first line of what is signed.
const HEAD: &str = "gantry trail checkpoint 1";

/// The end of a trail as it was once, to hold a later trail against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How many entries there were.
    pub entries: u64,
    /// The hash of the last of them, as hexadecimal digits.
    pub hash: String,
    /// When it was taken, in milliseconds since 1970.
    pub at_ms: i64,
    /// The public key that verifies it, as hexadecimal digits; empty where it is not signed.
    #[serde(default)]
    pub key: String,
    /// The signature, as hexadecimal digits.
    #[serde(default)]
    pub signature: String,
}

/// The key with which a workspace signs its trail.
pub struct TrailKey(SigningKey);

/// A key file that holds no Ed25519 key in PKCS #8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds no Ed25519 private key (PKCS #8, PEM)")]
pub struct NoKey;

impl TrailKey {
    /// A key from 32 random bytes.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key of a PEM text.
    ///
    /// # Errors
    /// [`NoKey`]
    pub fn from_pem(pem: &str) -> Result<Self, NoKey> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| NoKey)
    }

    /// As PEM, for a file that its owner alone may read.
    ///
    /// # Errors
    /// [`NoKey`], which does not happen for a key that was made here.
    pub fn to_pem(&self) -> Result<String, NoKey> {
        // Without the public key beside it: OpenSSL reads the first version of the format alone.
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(|_| NoKey)
    }

    /// The public key, as hexadecimal digits.
    pub fn public(&self) -> String {
        hex::encode(self.0.verifying_key().as_bytes())
    }

    /// Signs a text; the signature, as hexadecimal digits.
    pub fn sign_text(&self, text: &str) -> String {
        hex::encode(self.0.sign(text.as_bytes()).to_bytes())
    }

    /// Signs the end of a trail.
    pub fn sign(&self, entries: u64, hash: &Hash, at_ms: i64) -> Checkpoint {
        let mut checkpoint = Checkpoint { entries, hash: hex::encode(hash), at_ms, ..Checkpoint::default() };
        checkpoint.signature = hex::encode(self.0.sign(checkpoint.message().as_bytes()).to_bytes());
        checkpoint.key = self.public();
        checkpoint
    }
}

/// Whether a signature is that of a public key over a text; key and signature as hexadecimal digits.
pub fn is_signed_by(key: &str, text: &str, signature: &str) -> bool {
    let (mut key_bytes, mut signature_bytes) = ([0; 32], [0; 64]);
    let read = hex::decode_to_slice(key, &mut key_bytes).is_ok()
        && hex::decode_to_slice(signature, &mut signature_bytes).is_ok();
    let key = VerifyingKey::from_bytes(&key_bytes).ok().filter(|_| read);
    key.is_some_and(|key| {
        key.verify_strict(text.as_bytes(), &Signature::from_bytes(&signature_bytes)).is_ok()
    })
}

impl std::fmt::Debug for TrailKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TrailKey({})", self.public())
    }
}

impl Checkpoint {
    /// What is signed.
    pub fn message(&self) -> String {
        format!("{HEAD}\n{}\n{}\n{}\n", self.entries, self.hash, self.at_ms)
    }

    /// Whether it is signed at all.
    pub fn is_signed(&self) -> bool {
        !self.key.is_empty() || !self.signature.is_empty()
    }

    /// Whether the signature is that of its key over what it says.
    pub fn holds(&self) -> bool {
        is_signed_by(&self.key, &self.message(), &self.signature)
    }

    /// Why a trail of so many entries is not the one that was seen; `hash` is that of the entry that was the last then.
    pub fn contradicted_by(&self, hash: Option<&Hash>, entries: u64) -> Option<String> {
        match hash {
            _ if self.is_signed() && !self.holds() => Some("the signature of the checkpoint is wrong".into()),
            _ if self.entries == 0 => None,
            None => Some(format!(
                "the checkpoint saw {} entries, {entries} are there: the end was cut off, or an older catalog stands here",
                self.entries
            )),
            Some(hash) if hex::encode(hash) != self.hash => Some(format!(
                "entry {} has another hash than the checkpoint saw: the trail was written anew",
                self.entries
            )),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_holds_as_it_was_signed_and_no_other() {
        let key = TrailKey::new(&[7; 32]);
        let signed = key.sign(12, &[9; 32], 1_700_000_000_000);
        assert!(signed.holds() && signed.is_signed());
        assert_eq!(signed.contradicted_by(Some(&[9; 32]), 40), None);
        for wrong in [
            Checkpoint { entries: 13, ..signed.clone() },
            Checkpoint { hash: hex::encode([8; 32]), ..signed.clone() },
            Checkpoint { at_ms: 5, ..signed.clone() },
            Checkpoint { key: TrailKey::new(&[8; 32]).public(), ..signed.clone() },
            Checkpoint { signature: String::new(), ..signed.clone() },
            Checkpoint { signature: "zz".repeat(64), ..signed.clone() },
        ] {
            assert!(!wrong.holds());
            assert!(wrong.contradicted_by(Some(&[9; 32]), 40).unwrap().contains("signature"), "{wrong:?}");
        }
        assert!(signed.contradicted_by(None, 11).unwrap().contains("cut off"));
        assert!(signed.contradicted_by(Some(&[8; 32]), 12).unwrap().contains("written anew"));
    }

    #[test]
    fn a_key_is_written_and_read_as_pem() {
        let key = TrailKey::new(&[3; 32]);
        let pem = key.to_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{pem}");
        assert_eq!(TrailKey::from_pem(&pem).unwrap().public(), key.public());
        for bad in ["", "no key", "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"] {
            assert_eq!(TrailKey::from_pem(bad).unwrap_err(), NoKey);
        }
    }
}
