//! A fast digest that says whether two things are equal; not for adversaries, and the same on every machine.

use crate::dicom::{DataSet, Element, Value};
use crate::model::{Tag, Vr, tags};

/// Digest of a stream of bytes.
#[derive(Debug, Clone)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0x243F_6A88_85A3_08D3)
    }
}

impl Digest {
    /// Takes bytes in; their length counts too.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }

    /// Takes a number in.
    pub fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        self.0 = (product as u64) ^ (product >> 64) as u64 ^ self.0.rotate_left(23);
    }

    /// The digest.
    pub fn finish(&self) -> u64 {
        let mut end = self.clone();
        end.word(0x1319_8A2E_0370_7344);
        end.0
    }
}

/// Digests of a data set, whatever its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// Of everything.
    pub whole: u64,
    /// Of the numbers alone.
    pub numbers: u64,
}

/// Digests of a data set.
pub fn of(set: &DataSet<'_>) -> Digests {
    let (mut whole, mut numbers) = (Digest::default(), Digest::default());
    add(&mut whole, &mut numbers, set);
    Digests { whole: whole.finish(), numbers: numbers.finish() }
}

fn add(whole: &mut Digest, numbers: &mut Digest, set: &DataSet<'_>) {
    for element in set.elements().iter().filter(|e| !depends_on_encoding(e)) {
        whole.word(u64::from(element.tag.0));
        match &element.value {
            Value::Bytes(bytes) => {
                whole.bytes(unpadded(bytes));
                if is_number(element) {
                    numbers.word(u64::from(element.tag.0));
                    numbers.bytes(unpadded(bytes));
                }
            }
            Value::Items(items) => {
                whole.word(items.len() as u64);
                for item in items {
                    add(whole, numbers, item);
                }
            }
            Value::Fragments(_) | Value::Stored(_) | Value::Unread(_) => {}
        }
    }
}

/// A public number that says nothing of the subject: what another secret, or no de-identification at all, leaves alike.
fn is_number(element: &Element<'_>) -> bool {
    const PATIENT: u16 = 0x0010;
    !element.tag.is_private()
        && element.tag.group() != PATIENT
        && matches!(element.vr, Vr::DS | Vr::IS | Vr::US | Vr::SS | Vr::UL | Vr::SL | Vr::FL | Vr::FD)
}

fn unpadded(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(0, |i| i + 1);
    &bytes[..end]
}

/// What another transfer syntax changes, and private sequences, which implicit VR cannot tell from bytes.
fn depends_on_encoding(element: &Element<'_>) -> bool {
    const PIXELS: u16 = 0x7FE0;
    element.tag.is_group_length()
        || element.tag.group() == PIXELS
        || (element.tag.is_private() && matches!(element.vr, Vr::SQ | Vr::UN))
        || matches!(
            element.tag,
            tags::PHOTOMETRIC_INTERPRETATION | tags::PLANAR_CONFIGURATION | tags::DATA_SET_TRAILING_PADDING
        )
        || matches!(element.tag, Tag(0x0028_0000..=0x0028_0001))
}
