//! The secret and what is made from it: pseudonyms, date offsets, identifiers of devices. The same input under the
//! same secret gives the same output in every run, on every host; without the secret nothing can be computed back.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::date::Shift;
use crate::config::decode_secret;
use crate::model::words::io_words;

/// A keyed hash whose key block is computed once.
type Keyed = Hmac<Sha256>;

/// Digits without I, L, O, U (Crockford), so that pseudonyms can be read aloud.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a secret cannot be used. Holds no byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The file with the secret: missing, of another size, or readable by others.
    #[error("{0}")]
    File(String),
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

const SIZES: &str = "the secret is neither 64 hexadecimal digits nor 44 characters of base64 nor 32 bytes";

/// Thirty-two secret bytes. They are never printed.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A fresh secret from the operating system.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn fresh() -> Result<Self, SecretError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| SecretError::Random(e.to_string()))?;
        Ok(Self(bytes))
    }

    /// From a file of 64 hexadecimal digits or 44 characters of base64 (or 32 raw bytes) that only its owner may read.
    ///
    /// # Errors
    /// The file is missing, of another size, or others may read it.
    pub fn load(path: &Path) -> Result<Self, SecretError> {
        use std::os::unix::fs::PermissionsExt;
        let file = |why: String| SecretError::File(why);
        let cannot = |e: std::io::Error| file(format!("the secret cannot be read: {}", io_words(e.kind())));
        let metadata = std::fs::metadata(path).map_err(cannot)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(file("others may read the secret; chmod 600 it".into()));
        }
        if metadata.len() > 1024 {
            return Err(file(SIZES.into()));
        }
        let bytes = std::fs::read(path).map_err(cannot)?;
        if let Ok(raw) = <[u8; 32]>::try_from(&*bytes) {
            return Ok(Self(raw));
        }
        decode_secret(&bytes).map(Self).ok_or_else(|| file(SIZES.into()))
    }
}

impl Secret {
    /// Tells one secret from another and nothing of it: 16 bytes of its keyed hash, as hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut mac = keyed(&self.0);
        mac.update(b"fingerprint of the secret");
        hex::encode(&mac.finalize().into_bytes()[..16])
    }
}

/// How far dates may move: days from `first` to `last`, the past being negative; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The least.
    pub first: i64,
    /// The greatest.
    pub last: i64,
}

impl Bounds {
    /// Days of a step, and the first and last number of steps.
    fn steps(self, whole_weeks: bool) -> (i64, i64, i64) {
        let step = if whole_weeks { 7 } else { 1 };
        (step, -((-self.first).div_euclid(step)), self.last.div_euclid(step))
    }

    /// How many shifts there are.
    pub fn count(self, whole_weeks: bool) -> u64 {
        let (_, first, last) = self.steps(whole_weeks);
        let all = (last - first + 1).max(0) as u64;
        all - u64::from(first <= 0 && last >= 0 && all > 0)
    }

    /// One of them, whichever `drawn` falls on; 0 where there is none.
    fn nth(self, drawn: u64, whole_weeks: bool) -> i64 {
        let (step, first, last) = self.steps(whole_weeks);
        let count = self.count(whole_weeks);
        if count == 0 {
            return 0;
        }
        let at = first + (drawn % count) as i64;
        // Zero is left out: what would come from there on is one further.
        step * if first <= 0 && last >= 0 && at >= 0 { at + 1 } else { at }
    }
}

/// How dates of subjects move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShiftRule {
    /// Within these; else 1 to 3650 days into the past.
    pub bounds: Option<Bounds>,
    /// By whole weeks.
    pub whole_weeks: bool,
    /// Times of day, too.
    pub times: bool,
}

/// The keys derived from a secret, one per purpose.
#[derive(Clone)]
pub struct Keys {
    uid: Keyed,
    subject: Keyed,
    date: Keyed,
    name: Keyed,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// A subject as the keyed hash of who issued the Patient ID and the ID itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject([u8; 32]);

impl Keys {
    /// The keys of a secret.
    pub fn new(secret: &Secret) -> Self {
        let derive = |purpose: &str| {
            let mut mac = keyed(&secret.0);
            mac.update(b"gantry/deid/1/");
            mac.update(purpose.as_bytes());
            keyed(&mac.finalize().into_bytes())
        };
        Self { uid: derive("uid"), subject: derive("subject"), date: derive("date"), name: derive("name") }
    }

    /// The replacement of a UID: a UUID made from its keyed hash, as `2.25.` and its decimal value (PS3.5 annex B.2).
    pub fn uid(&self, original: &str) -> String {
        let hash = hash(&self.uid, &[original.as_bytes()]);
        let mut bytes: [u8; 16] = *hash.first_chunk().unwrap_or(&[0; 16]);
        // Version 4, variant 1 (RFC 9562): what generators of random UUIDs make.
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        let mut text = String::with_capacity(44);
        text.push_str("2.25.");
        push_decimal(&mut text, u128::from_be_bytes(bytes));
        text
    }

    /// The subject of a Patient ID issued by `issuer` (else the site); without an ID, of the study.
    pub fn subject(&self, issuer: &str, patient_id: &str, study_uid: &str) -> Subject {
        let parts: [&[u8]; 3] = if patient_id.is_empty() {
            [b"study", b"", study_uid.as_bytes()]
        } else {
            [b"patient", issuer.as_bytes(), patient_id.as_bytes()]
        };
        Subject(hash(&self.subject, &parts))
    }

    /// By how much the dates of a subject move into the past: 1 to 3650 days without bounds, whole weeks on request.
    pub fn shift(&self, subject: &Subject, rule: &ShiftRule) -> Shift {
        let number =
            |parts: &[&[u8]]| u64::from_be_bytes(*hash(&self.date, parts).first_chunk().unwrap_or(&[0; 8]));
        let drawn = number(&[&subject.0]);
        let days = match rule.bounds {
            None if rule.whole_weeks => 7 * (1 + (drawn % 521) as i64),
            None => 1 + (drawn % 3650) as i64,
            Some(bounds) => -bounds.nth(drawn, rule.whole_weeks),
        };
        if !rule.times {
            return Shift { days, minutes: 0 };
        }
        let minutes = 1 + (number(&[&subject.0, b"time"]) % (24 * 60 - 1)) as i64;
        // Farther by minutes, but where that would leave the bounds.
        let ends = rule.bounds.is_some_and(|b| -days == if days > 0 { b.first } else { b.last });
        Shift { days, minutes: if (days > 0) == ends { -minutes } else { minutes } }
    }

    /// A pseudonym of at most 16 characters for a name or number of some kind: device, accession, order.
    pub fn pseudonym(&self, kind: &str, original: &[u8]) -> String {
        readable(&hash(&self.name, &[kind.as_bytes(), original]), 15, "P")
    }
}

impl Subject {
    /// The pseudonym that stands for the Patient ID, 20 characters.
    pub fn pseudonym(&self) -> String {
        readable(&self.0, 19, "S")
    }
}

fn keyed(key: &[u8]) -> Keyed {
    // A key of any length is accepted by HMAC; the default is never reached.
    Keyed::new_from_slice(key).unwrap_or_else(|_| Keyed::new(&hmac::digest::Key::<Keyed>::default()))
}

/// The hash of parts, each preceded by its length so that no two lists of parts are alike.
fn hash(key: &Keyed, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = key.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn readable(hash: &[u8; 32], digits: usize, prefix: &str) -> String {
    let mut text = String::with_capacity(prefix.len() + digits);
    text.push_str(prefix);
    text.extend(hash.iter().take(digits).map(|b| char::from(DIGITS[usize::from(b & 31)])));
    text
}

/// As `write!` would, without going through the formatter.
fn push_decimal(text: &mut String, mut number: u128) {
    const CHUNK: u128 = 10_000_000_000_000_000_000;
    let mut parts = [0u64; 3];
    let mut count = 0;
    while count == 0 || number > 0 {
        parts[count] = (number % CHUNK) as u64;
        number /= CHUNK;
        count += 1;
    }
    let mut first = true;
    for part in parts[..count].iter().rev() {
        use std::fmt::Write as _;
        let _ = if first { write!(text, "{part}") } else { write!(text, "{part:019}") };
        first = false;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(&Secret::new([7; 32]))
    }

    #[test]
    fn a_uid_is_a_uuid_in_decimal() {
        let uid = keys().uid("1.2.3");
        let number: u128 = uid.strip_prefix("2.25.").unwrap().parse().unwrap();
        let bytes = number.to_be_bytes();
        assert_eq!((bytes[6] >> 4, bytes[8] >> 6), (4, 2));
        assert!(uid.len() <= 64 && uid == keys().uid("1.2.3") && uid != keys().uid("1.2.4"));
        assert_ne!(uid, Keys::new(&Secret::new([8; 32])).uid("1.2.3"));
        assert_eq!(uid, format!("2.25.{number}"));
    }

    #[test]
    fn issuer_and_id_do_not_run_into_each_other() {
        let keys = keys();
        assert_ne!(keys.subject("AB", "C", ""), keys.subject("A", "BC", ""));
        assert_eq!(keys.subject("A", "1", "x"), keys.subject("A", "1", "y"));
        assert_ne!(keys.subject("A", "", "x"), keys.subject("A", "", "y"));
        let rule = ShiftRule { whole_weeks: true, ..ShiftRule::default() };
        let days = keys.shift(&keys.subject("A", "1", ""), &rule).days;
        assert!(days % 7 == 0 && (1..=3650).contains(&days));
    }

    #[test]
    fn shifts_reach_every_day_of_their_bounds_and_never_zero() {
        let keys = keys();
        for (first, last, whole_weeks, times) in [
            (-3, 3, false, false),
            (-20, 15, true, false),
            (2, 5, false, true),
            (-9, -7, true, true),
            (-1, 1, false, true),
        ] {
            let rule = ShiftRule { bounds: Some(Bounds { first, last }), whole_weeks, times };
            let wanted: std::collections::BTreeSet<i64> =
                (first..=last).filter(|d| *d != 0 && (!whole_weeks || d % 7 == 0)).collect();
            assert_eq!(rule.bounds.unwrap().count(whole_weeks), wanted.len() as u64);
            let mut found = std::collections::BTreeSet::new();
            for n in 0..300 {
                let subject = keys.subject("A", &n.to_string(), "");
                let shift = keys.shift(&subject, &rule);
                assert_eq!(shift, keys.shift(&subject, &rule));
                found.insert(-shift.days);
                let minutes = -(shift.days * 24 * 60 + shift.minutes);
                let day = 24 * 60;
                assert!(
                    minutes != 0 && (first.min(0) * day..=last.max(0) * day).contains(&minutes),
                    "{shift:?}"
                );
                assert_eq!(shift.minutes == 0, !times);
            }
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, hex::encode([9; 32])).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Secret::load(&path).is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Secret::load(&path).unwrap().0, [9; 32]);
        assert_eq!(format!("{:?}", Secret::new([9; 32])), "Secret(…)");
    }
}
