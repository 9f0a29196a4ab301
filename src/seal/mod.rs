//! What must lie on a disk for a while and may be read by nobody: sealed with a key that never leaves the process.
//!
//! Values that must be found again are sealed by AES-SIV (RFC 5297): equal values under equal context give equal bytes, and
//! one that somebody has changed does not open.

pub mod earlier;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A key for keyed hashes. It is never printed.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

/// A key for sealed values. It is never printed.
#[derive(Clone)]
pub struct SealKey([u8; 64]);

/// A sealed value is not what was sealed under this key in this context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value is not the one that was sealed")]
pub struct Broken;

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(…)")
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl HashKey {
    /// From a key that is random, or derived, and used for nothing else.
    pub fn new(key: [u8; 64]) -> Self {
        Self(<Hmac<Sha256> as hmac::KeyInit>::new(&key.into()))
    }

    /// The keyed hash of parts, each preceded by its length so that no two lists of parts are alike.
    pub fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl SealKey {
    /// From a key that is random, or derived, and used for nothing else.
    pub const fn new(key: [u8; 64]) -> Self {
        Self(key)
    }

    /// Seals a value in a context, such as whose it is.
    ///
    /// # Errors
    /// [`Broken`] for values beyond all measure.
    pub fn seal(&self, context: &[u8], value: &[u8]) -> Result<Vec<u8>, Broken> {
        Aes256Siv::new(&self.0.into()).encrypt([context], value).map_err(|_| Broken)
    }

    /// Opens what [`SealKey::seal`] gave in the same context.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        Aes256Siv::new(&self.0.into()).decrypt([context], sealed).map_err(|_| Broken)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The deterministic example of RFC 5297 with keys of 256 bits, as the test vectors of Miscreant have it.
    #[test]
    fn it_is_aes_siv() {
        let bytes = |text: &str| hex::decode(text).unwrap();
        let key = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f06f6e6d6c6b6a69686766656463626160\
                   f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f";
        let seal = SealKey::new(bytes(key).try_into().unwrap());
        let context = bytes("101112131415161718191a1b1c1d1e1f2021222324252627");
        let sealed = seal.seal(&context, &bytes("112233445566778899aabbccddee")).unwrap();
        assert_eq!(hex::encode(sealed), "f125274c598065cfc26b0e71575029088b035217e380cac8919ee800c126");
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let text = b"Smith^Adam, born 1962-03-15, of 12 Long Road";
        let seal = SealKey::new([7; 64]);
        let sealed = seal.seal(b"study", text).unwrap();
        assert_eq!(sealed.len(), text.len() + 16);
        assert_eq!(sealed, seal.seal(b"study", text).unwrap(), "equal values are found again");
        assert_ne!(sealed, seal.seal(b"other", text).unwrap());
        assert_eq!(seal.open(b"study", &sealed).unwrap(), text);
        assert!(!sealed.windows(4).any(|w| text.windows(4).any(|o| o == w)));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(b"study", &changed), Err(Broken), "{at}");
        }
        assert_eq!(seal.open(b"other", &sealed), Err(Broken));
        assert_eq!(SealKey::new([8; 64]).open(b"study", &sealed), Err(Broken));
        assert_eq!(seal.open(b"study", &sealed[..10]), Err(Broken));
    }
}
