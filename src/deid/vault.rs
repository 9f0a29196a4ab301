//! The vault: who a subject was, for the day when somebody must be told. Each study's entry is sealed to a public key
//! (age, X25519: age-encryption.org/v1), so that the line can write entries and cannot read them.

use age::secrecy::ExposeSecret;
use age::x25519;
use serde::{Deserialize, Serialize};

use crate::dicom::{Charset, DataSet};
use crate::model::{Tag, tags};

/// What the vault knows of one study.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultEntry {
    /// The subject's pseudonym.
    pub subject: String,
    /// The study's new UID.
    pub study_uid: String,
    /// The site that brought it.
    pub site: String,
    /// Patient ID.
    pub patient_id: String,
    /// Issuer of Patient ID.
    pub issuer: String,
    /// Patient's Name.
    pub patient_name: String,
    /// Patient's Birth Date.
    pub birth_date: String,
    /// The study's UID as its sender knows it.
    pub original_study_uid: String,
    /// Accession Number.
    pub accession_number: String,
    /// Study Date.
    pub study_date: String,
}

impl VaultEntry {
    /// Of a source, for what it became.
    pub fn of(source: &DataSet<'_>, subject: &str, study_uid: &str, site: &str) -> Self {
        let charset = source.charset(&Charset::default());
        let text = |tag: Tag| source.text(tag, &charset).unwrap_or_default();
        Self {
            subject: subject.into(),
            study_uid: study_uid.into(),
            site: site.into(),
            patient_id: text(tags::PATIENT_ID),
            issuer: text(tags::ISSUER_OF_PATIENT_ID),
            patient_name: text(tags::PATIENT_NAME),
            birth_date: text(Tag::new(0x0010, 0x0030)),
            original_study_uid: text(tags::STUDY_INSTANCE_UID),
            accession_number: text(Tag::new(0x0008, 0x0050)),
            study_date: text(tags::STUDY_DATE),
        }
    }
}

/// Why the vault refuses. Never holds what it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The text is no key.
    #[error("that is no key of the vault: it begins with AGE-SECRET-KEY-1")]
    Key,
    /// The text is no public key.
    #[error("that is no public key of the vault: it begins with age1")]
    Recipient,
    /// An entry cannot be sealed.
    #[error("an entry cannot be sealed")]
    Seal,
    /// The key does not fit, or the entry is damaged.
    #[error("the key does not open it, or it is damaged")]
    Open,
}

/// The public key that entries are sealed to.
#[derive(Debug, Clone)]
pub struct Recipient(x25519::Recipient);

impl Recipient {
    /// From its text, `age1…`.
    ///
    /// # Errors
    /// It is no such key.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        text.trim().parse().map(Self).map_err(|_| VaultError::Recipient)
    }

    /// Seals an entry.
    ///
    /// # Errors
    /// It cannot be encrypted.
    pub fn seal(&self, entry: &VaultEntry) -> Result<Vec<u8>, VaultError> {
        let plain = serde_json::to_vec(entry).map_err(|_| VaultError::Seal)?;
        age::encrypt(&self.0, &plain).map_err(|_| VaultError::Seal)
    }
}

/// The secret key that opens entries.
pub struct VaultKey(x25519::Identity);

impl VaultKey {
    /// A new one.
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// From a key file: the first line that is no comment.
    ///
    /// # Errors
    /// There is no key in it.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let line = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
        line.and_then(|l| l.parse().ok()).map(Self).ok_or(VaultError::Key)
    }

    /// The public key that belongs to it, `age1…`.
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// As a key file that `age` reads too.
    pub fn file(&self) -> String {
        format!("# public key: {}\n{}\n", self.recipient(), self.0.to_string().expose_secret())
    }

    /// Opens an entry.
    ///
    /// # Errors
    /// The key does not fit, or the entry is damaged.
    pub fn open(&self, sealed: &[u8]) -> Result<VaultEntry, VaultError> {
        let plain = age::decrypt(&self.0, sealed).map_err(|_| VaultError::Open)?;
        serde_json::from_slice(&plain).map_err(|_| VaultError::Open)
    }
}
