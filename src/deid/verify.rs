//! Proof: what was written is read back by a second, independent reader, compared with what it came from, and
//! searched byte by byte for everything that identifies.

use std::borrow::Cow;
use std::io::Read;

use dicom_core::header::Header;
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::{DefaultDicomObject, InMemDicomObject};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::identity::{Identity, Kind, MIN_NEEDLE, Needle};
use super::matcher::Matcher;
use super::words;
use crate::dicom::{self, DataSet, ReadOptions, Value, is_pixel_data};
use crate::model::{Tag, Vr, tags};

/// Inside pixel data and other bulk only values of this many bytes count: shorter ones occur by chance.
const MIN_IN_BULK: usize = 8;
/// Runs of base64 or hexadecimal digits shorter than this carry no identifier.
const MIN_ENCODED: usize = 12;
/// What a compressed run may grow to before the search stops.
const MAX_INFLATED: u64 = 1 << 20;

/// What must be the same before and after.
const GEOMETRY: [Tag; 16] = [
    tags::IMAGE_TYPE,
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::SLICE_THICKNESS,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::PIXEL_SPACING,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
];

/// Why an output is not safe. Names attributes, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The independent reader refuses it.
    #[error("an independent reader cannot read what was written")]
    Unreadable,
    /// Something that describes the image changed.
    #[error("{0} is not what it was")]
    Changed(Tag),
    /// A sequence has another number of items than it should have, or an element is missing.
    #[error("what was read back is not what was written, at {0}")]
    Structure(Tag),
    /// Something that identifies is still there.
    #[error("an identifier ({kind}) is still there{place}")]
    Identifier {
        /// What kind of identifier.
        kind: &'static str,
        /// Where, in words.
        place: String,
    },
}

/// Whether the independent reader knows a transfer syntax.
pub fn knows_syntax(uid: &str) -> bool {
    TransferSyntaxRegistry.get(uid).is_some()
}

/// An attribute that the image cannot be read without and that holds text where a number belongs: such text cannot
/// stay, and without it the image is another one.
pub fn not_a_number(set: &DataSet<'_>) -> Option<Tag> {
    let is_text = |e: &&dicom::Element<'_>| {
        matches!(e.vr, Vr::DS | Vr::IS) && e.bytes().is_some_and(|b| !super::private::is_numeric_text(b))
    };
    set.elements().iter().filter(|e| GEOMETRY.contains(&e.tag)).find(is_text).map(|e| e.tag)
}

/// Pixels and geometry, as they must be afterwards.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    values: Vec<(Tag, Cow<'a, [u8]>)>,
    pixels: Vec<(Tag, Value<'a>)>,
}

impl<'a> Image<'a> {
    /// Of a data set.
    pub fn of(set: &DataSet<'a>) -> Self {
        let mut image = Self { values: Vec::with_capacity(GEOMETRY.len()), pixels: Vec::new() };
        for element in set.elements() {
            if is_pixel_data(element.tag) {
                image.pixels.push((element.tag, element.value.clone()));
            } else if let (true, Value::Bytes(bytes)) = (GEOMETRY.contains(&element.tag), &element.value) {
                image.values.push((element.tag, bytes.clone()));
            }
        }
        image
    }

    /// Puts the value that an element was given on purpose in place of what it was; elements that need not stay the
    /// same do not count.
    pub fn put(&mut self, element: dicom::Element<'a>) {
        let tag = element.tag;
        if let Some((_, value)) = self.pixels.iter_mut().find(|(t, _)| *t == tag) {
            *value = element.value;
        } else if let (Some((_, old)), Value::Bytes(bytes)) =
            (self.values.iter_mut().find(|(t, _)| *t == tag), element.value)
        {
            *old = bytes;
        }
    }

    /// The same with other native pixel data.
    pub fn set_pixels(&mut self, bytes: Vec<u8>) {
        for (tag, value) in &mut self.pixels {
            if *tag == tags::PIXEL_DATA {
                *value = Value::Bytes(Cow::Owned(bytes));
                return;
            }
        }
    }
}

/// Reads `bytes` back and searches them.
///
/// # Errors
/// The first [`Problem`] found.
pub fn check(
    bytes: &[u8],
    intended: &DataSet<'_>,
    identity: &Identity,
    before: &Image<'_>,
) -> Result<(), Problem> {
    let object = dicom_object::from_reader(bytes).map_err(|_| Problem::Unreadable)?;
    same_image(&object, before)?;
    same_structure(&object, intended)?;
    decoded(&object, identity)?;
    let bulk = before.pixels.iter().map(|(_, value)| bulk_size(value)).sum::<usize>();
    Search { identity, output: bytes, kept: OnceKept::default() }.run(bytes.len().saturating_sub(bulk))
}

fn bulk_size(value: &Value<'_>) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len().next_multiple_of(2),
        Value::Fragments(f) => f.fragments.iter().map(|f| f.len().next_multiple_of(2) + 8).sum(),
        _ => 0,
    }
}

fn same_image(object: &DefaultDicomObject, before: &Image<'_>) -> Result<(), Problem> {
    for (tag, value) in &before.values {
        let element = object.element(their(*tag)).map_err(|_| Problem::Changed(*tag))?;
        let found = element.to_bytes().map_err(|_| Problem::Changed(*tag))?;
        if trim(&found) != trim(value) {
            return Err(Problem::Changed(*tag));
        }
    }
    for (tag, value) in &before.pixels {
        let element = object.element(their(*tag)).map_err(|_| Problem::Changed(*tag))?;
        let same = match value {
            Value::Bytes(bytes) => {
                element.to_bytes().is_ok_and(|found| found.get(..bytes.len()) == Some(&**bytes))
            }
            Value::Fragments(fragments) => element.fragments().is_some_and(|found| {
                found.len() == fragments.fragments.len()
                    && found.iter().zip(&fragments.fragments).all(|(f, b)| f.get(..b.len()) == Some(&**b))
            }),
            _ => false,
        };
        if !same {
            return Err(Problem::Changed(*tag));
        }
    }
    Ok(())
}

/// Every element that was meant to be written is there, and no other.
fn same_structure(object: &InMemDicomObject, intended: &DataSet<'_>) -> Result<(), Problem> {
    let mut found = object.iter();
    for element in intended.elements() {
        let theirs = found.next().ok_or(Problem::Structure(element.tag))?;
        if theirs.tag() != their(element.tag) {
            return Err(Problem::Structure(element.tag));
        }
        if let Value::Items(items) = &element.value {
            let read = theirs.items().unwrap_or_default();
            if read.len() != items.len() {
                return Err(Problem::Structure(element.tag));
            }
            read.iter().zip(items).try_for_each(|(r, i)| same_structure(r, i))?;
        }
    }
    match found.next() {
        Some(extra) => Err(Problem::Structure(Tag::new(extra.tag().group(), extra.tag().element()))),
        None => Ok(()),
    }
}

fn their(tag: Tag) -> dicom_core::Tag {
    dicom_core::Tag(tag.group(), tag.element())
}

/// Text beyond ASCII, as the other reader decodes it.
fn decoded(object: &InMemDicomObject, identity: &Identity) -> Result<(), Problem> {
    for element in object {
        if let Some(items) = element.items() {
            items.iter().try_for_each(|item| decoded(item, identity))?;
        } else if carries_text(element.vr())
            && let Ok(text) = element.value().to_str()
            && !text.is_ascii()
        {
            let folded = words::fold(&text);
            let hit = identity.words.iter().find(|(w, _)| {
                w.len() >= MIN_NEEDLE && !words::is_common(w) && !w.is_ascii() && folded.contains(&***w)
            });
            if let Some((_, kind)) = hit {
                let tag = Tag::new(element.tag().group(), element.tag().element());
                return Err(identifier(*kind, format!(" in {tag}")));
            }
        }
    }
    Ok(())
}

/// Representations in the data set's character set; numbers, and above all pixels, are not turned into text.
fn carries_text(vr: dicom_core::VR) -> bool {
    use dicom_core::VR;
    matches!(vr, VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT | VR::UN)
}

fn identifier(kind: Kind, place: String) -> Problem {
    let kind = match kind {
        Kind::Name => "part of a name",
        Kind::Id => "number or code",
        Kind::Place => "place or institution",
        Kind::Device => "device",
        Kind::Date => "date",
        Kind::Uid => "UID",
    };
    Problem::Identifier { kind, place }
}

fn trim(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != b' ' && b != 0).map_or(0, |i| i + 1);
    &bytes[..end]
}

/// The output, taken apart again where a hit has to be located.
#[derive(Default)]
struct OnceKept(std::cell::OnceCell<Vec<(usize, usize, Tag, Vr)>>);

struct Search<'s> {
    identity: &'s Identity,
    output: &'s [u8],
    kept: OnceKept,
}

impl Search<'_> {
    fn run(&self, bulk_at: usize) -> Result<(), Problem> {
        let needles = || self.identity.needles.iter().map(|n| &*n.bytes);
        let (head, bulk) = self.output.split_at(bulk_at);
        let any = Matcher::new(needles(), MIN_NEEDLE);
        self.plain(head, 0, &any)?;
        let long = Matcher::new(needles(), MIN_IN_BULK);
        self.plain(bulk, bulk_at, &long)?;
        for part in [head, bulk] {
            encoded(part, |decoded| self.in_decoded(decoded, &any))?;
            compressed(part, |inflated| self.in_decoded(inflated, &any))?;
        }
        Ok(())
    }

    fn plain(&self, bytes: &[u8], offset: usize, matcher: &Matcher<'_>) -> Result<(), Problem> {
        let mut problem = None;
        matcher.find(bytes, |hit| {
            let needle = &self.identity.needles[hit.needle];
            if needle.whole_word && !is_alone(bytes, hit.start, hit.end) {
                return true;
            }
            let element = self.element_at(offset + hit.start);
            if let Some((tag, vr, length)) = element
                && !counts(needle, tag, vr, length)
            {
                return true;
            }
            let place = element.map_or_else(String::new, |(tag, ..)| format!(" in {tag}"));
            problem = Some(identifier(needle.kind, place));
            false
        });
        problem.map_or(Ok(()), Err)
    }

    fn in_decoded(&self, bytes: &[u8], matcher: &Matcher<'_>) -> Result<(), Problem> {
        let mut problem = None;
        matcher.find(bytes, |hit| {
            let needle = &self.identity.needles[hit.needle];
            let chance = needle.bytes.len() < 5 || needle.whole_word && !is_alone(bytes, hit.start, hit.end);
            if !chance {
                problem = Some(identifier(needle.kind, ", encoded".into()));
            }
            chance
        });
        problem.map_or(Ok(()), Err)
    }

    /// The element whose value holds this byte.
    fn element_at(&self, at: usize) -> Option<(Tag, Vr, usize)> {
        let spans = self.kept.0.get_or_init(|| {
            let mut spans = Vec::new();
            if let Ok(file) = dicom::read(self.output, ReadOptions::default()) {
                collect_spans(&file.dataset, self.output.as_ptr() as usize, &mut spans);
            }
            spans.sort_unstable_by_key(|s| s.0);
            spans
        });
        let after = spans.partition_point(|s| s.0 <= at);
        let (_, end, tag, vr) = *spans.get(after.checked_sub(1)?)?;
        let start = spans[after - 1].0;
        (at < end).then_some((tag, vr, end - start))
    }
}

fn collect_spans(set: &DataSet<'_>, base: usize, spans: &mut Vec<(usize, usize, Tag, Vr)>) {
    for element in set.elements() {
        match &element.value {
            Value::Bytes(Cow::Borrowed(bytes)) => {
                let start = bytes.as_ptr() as usize - base;
                spans.push((start, start + bytes.len(), element.tag, element.vr));
            }
            Value::Items(items) => items.iter().for_each(|item| collect_spans(item, base, spans)),
            _ => {}
        }
    }
}

/// Whether a hit in this element tells anything: numbers, times and dates are what the profile made them, short runs
/// of bytes in tables are chance, and a maker's model may be named like a station.
fn counts(needle: &Needle, tag: Tag, vr: Vr, length: usize) -> bool {
    let digits = needle.bytes.iter().all(|b| b.is_ascii_digit());
    let written_here = matches!(
        tag,
        tags::PATIENT_ID
            | tags::PATIENT_NAME
            | tags::ACCESSION_NUMBER
            | tags::DEIDENTIFICATION_METHOD
            | tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE
            | tags::IMPLEMENTATION_VERSION_NAME
    );
    match vr {
        Vr::DS | Vr::IS | Vr::TM | Vr::DA | Vr::DT | Vr::AS => false,
        Vr::UI => needle.kind == Kind::Uid || needle.bytes.len() >= 8,
        Vr::OB | Vr::OW | Vr::OF | Vr::OD | Vr::OL | Vr::OV | Vr::UN if length > 64 => {
            needle.bytes.len() >= MIN_IN_BULK
        }
        _ if vr.unit() > 1 => needle.bytes.len() >= 5,
        _ if written_here => !digits && needle.bytes.len() >= 4 && tag != tags::DEIDENTIFICATION_METHOD,
        _ if is_code(tag) => !digits || needle.bytes.len() >= 9,
        _ if is_maker(tag) => !matches!(needle.kind, Kind::Device | Kind::Place),
        _ => true,
    }
}

fn is_code(tag: Tag) -> bool {
    matches!(tag.0, 0x0008_0100 | 0x0008_0102 | 0x0008_0103 | 0x0008_0119)
}

fn is_maker(tag: Tag) -> bool {
    matches!(tag, tags::MANUFACTURER | tags::MANUFACTURER_MODEL_NAME) || tag == Tag::new(0x0018, 0x1020)
}

fn is_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    !(letter(bytes.get(end)) || start > 0 && letter(bytes.get(start - 1)))
}

/// Calls `look` with every decoded run of base64 or hexadecimal digits.
fn encoded<E>(bytes: &[u8], mut look: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut at = MIN_ENCODED - 1;
    while at < bytes.len() {
        if !is_base64(bytes[at]) {
            at += MIN_ENCODED;
            continue;
        }
        let start = bytes[..at].iter().rposition(|&b| !is_base64(b)).map_or(0, |i| i + 1);
        let end = bytes[at..].iter().position(|&b| !is_base64(b)).map_or(bytes.len(), |i| at + i);
        let run = &bytes[start..end];
        let dull = || run.iter().all(|b| b.is_ascii_digit()) || run.iter().all(|b| *b == run[0]);
        if run.len() >= MIN_ENCODED && !dull() {
            if run.iter().all(u8::is_ascii_hexdigit) {
                look(&from_hex(run))?;
                look(&from_hex(&run[1..]))?;
            }
            for skip in 0..4 {
                look(&from_base64(&run[skip..]))?;
            }
        }
        at = end + MIN_ENCODED;
    }
    Ok(())
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn from_hex(digits: &[u8]) -> Vec<u8> {
    let nibble = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
    digits.as_chunks::<2>().0.iter().map(|&[h, l]| nibble(h) << 4 | nibble(l)).collect()
}

fn from_base64(digits: &[u8]) -> Vec<u8> {
    let value = |b: u8| {
        u32::from(match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        })
    };
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for quad in digits.chunks(4) {
        let bits = quad.iter().fold(0, |all, &b| all << 6 | value(b)) << (6 * (4 - quad.len()));
        let bytes = bits.to_be_bytes();
        out.extend_from_slice(&bytes[1..quad.len().max(1)]);
    }
    out
}

/// Calls `look` with what every zlib or gzip stream inflates to.
fn compressed<E>(bytes: &[u8], mut look: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut at = 0;
    while let Some(next) = memchr::memchr2(0x78, 0x1F, &bytes[at..]) {
        let start = at + next;
        at = start + 1;
        if !bytes.get(start..start + 2).is_some_and(|w| is_zlib(w) || w == [0x1F, 0x8B]) {
            continue;
        }
        let mut out = Vec::new();
        let rest = &bytes[start..];
        let _ = if rest[0] == 0x1F {
            flate2::read::GzDecoder::new(rest).take(MAX_INFLATED).read_to_end(&mut out)
        } else {
            flate2::read::ZlibDecoder::new(rest).take(MAX_INFLATED).read_to_end(&mut out)
        };
        if out.len() > 3 {
            look(&out)?;
        }
    }
    Ok(())
}

/// The four headers that compressors write.
fn is_zlib(window: &[u8]) -> bool {
    window[0] == 0x78 && matches!(window[1], 0x01 | 0x5E | 0x9C | 0xDA)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let _ = encoded(bytes, |d| {
            found.push(d.to_vec());
            Ok::<(), ()>(())
        });
        found
    }

    #[test]
    fn finds_what_is_encoded() {
        // "Smith^Adam" and "xSmith^Adam" in base64, "Smith^Adam" in hexadecimal.
        for run in [&b"....U21pdGheQWRhbQ==...."[..], b"eFNtaXRoXkFkYW0=", b"536d6974685e4164616d"] {
            assert!(all(run).iter().any(|d| d.windows(10).any(|w| w == b"Smith^Adam")), "{run:?}");
        }
    }

    #[test]
    fn finds_what_is_compressed() {
        use std::io::Write;
        let mut encoder = flate2::write::ZlibEncoder::new(vec![1, 2, 3], flate2::Compression::default());
        let _ = encoder.write_all(b"Smith^Adam");
        let bytes = encoder.finish().unwrap_or_default();
        let mut found = false;
        let _ = compressed(&bytes, |d| {
            found |= d == b"Smith^Adam";
            Ok::<(), ()>(())
        });
        assert!(found);
    }
}
