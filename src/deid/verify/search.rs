//! The search for what identifies, byte by byte: plain, in runs of base64 and hexadecimal digits, and inflated.

use std::cell::RefCell;
use std::io::Read;
use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::{Problem, Span, identifier};
use crate::bytes::ByteSource;
use crate::deid::identity::{Identity, Kind, MIN_IN_BULK, Needle};
use crate::deid::matcher::Matcher;
use crate::model::{Tag, Vr, tags};

/// Runs of base64 or hexadecimal digits shorter than this carry no identifier.
const MIN_ENCODED: usize = 12;
/// What a compressed run may grow to before the search stops.
const MAX_INFLATED: u64 = 1 << 20;

/// Pixels in a file are searched in windows of so many bytes.
const WINDOW: u64 = 4 << 20;

/// Searches `output`, whose pixel data begins about `bulk_at` and whose values stand at `spans`.
///
/// # Errors
/// The first [`Problem`] found.
pub fn check(
    output: &ByteSource<'_>,
    bulk_at: u64,
    identity: &Identity,
    spans: &[Span],
) -> Result<(), Problem> {
    let (any, long) = identity.matchers();
    let search = Search { identity, spans };
    windows(output, 0..bulk_at, |window| {
        search.plain(window, &any, |at| search.element_at(at))?;
        search.hidden(window.bytes, &any)
    })?;
    windows(output, bulk_at..output.len(), |window| {
        search.plain(window, &long, |_| Some((tags::PIXEL_DATA, Vr::OW, usize::MAX)))?;
        search.hidden(window.bytes, &any)
    })
}

/// Some of the bytes that are searched.
#[derive(Clone, Copy)]
struct Window<'w> {
    bytes: &'w [u8],
    /// Where in the output they stand.
    at: u64,
    /// Nothing stands before it.
    begins: bool,
    /// Nothing stands behind it.
    ends: bool,
}

/// Gives the bytes of a range: in memory all at once, else in windows that overlap by all that is inflated.
fn windows(
    output: &ByteSource<'_>,
    range: Range<u64>,
    mut look: impl FnMut(Window<'_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let step = match output {
        ByteSource::Memory(_) => output.len().max(1),
        ByteSource::Stored(_) => WINDOW,
    };
    range.clone().step_by(step as usize).try_for_each(|at| {
        let end = at.saturating_add(step + MAX_INFLATED).min(range.end);
        let bytes = output.read(at..end)?;
        look(Window { bytes: &bytes, at, begins: at == range.start, ends: end == range.end })
    })
}

struct Search<'s> {
    identity: &'s Identity,
    spans: &'s [Span],
}

impl Search<'_> {
    fn plain(
        &self,
        window: Window<'_>,
        matcher: &Matcher,
        element_at: impl Fn(u64) -> Option<(Tag, Vr, usize)>,
    ) -> Result<(), Problem> {
        let bytes = window.bytes;
        let mut problem = None;
        matcher.find(
            bytes,
            |n| &*self.identity.needle(n).bytes,
            |hit| {
                let needle = self.identity.needle(hit.needle);
                // At a seam nobody can say whether it stands alone; the window beside has it whole.
                let at_seam = !window.begins && hit.start == 0 || !window.ends && hit.end == bytes.len();
                if needle.whole_word && (at_seam || !is_alone(bytes, hit.start, hit.end)) {
                    return true;
                }
                let element = element_at(window.at + hit.start as u64);
                if let Some((tag, vr, length)) = element
                    && !counts(needle, tag, vr, length)
                {
                    return true;
                }
                let place = element.map_or_else(String::new, |(tag, ..)| format!(" in {tag}"));
                problem = Some(identifier(needle.kind, place));
                false
            },
        );
        problem.map_or(Ok(()), Err)
    }

    /// Runs of base64 and hexadecimal digits, and compressed ones.
    fn hidden(&self, bytes: &[u8], matcher: &Matcher) -> Result<(), Problem> {
        encoded(bytes, |decoded| self.in_decoded(decoded, matcher))?;
        compressed(bytes, |inflated| self.in_decoded(inflated, matcher))
    }

    fn in_decoded(&self, bytes: &[u8], matcher: &Matcher) -> Result<(), Problem> {
        let mut problem = None;
        matcher.find(
            bytes,
            |n| &*self.identity.needle(n).bytes,
            |hit| {
                let needle = self.identity.needle(hit.needle);
                let chance =
                    needle.bytes.len() < 5 || needle.whole_word && !is_alone(bytes, hit.start, hit.end);
                if !chance {
                    problem = Some(identifier(needle.kind, ", encoded".into()));
                }
                chance
            },
        );
        problem.map_or(Ok(()), Err)
    }

    /// The element whose value holds this byte, and how long that is.
    fn element_at(&self, at: u64) -> Option<(Tag, Vr, usize)> {
        let after = self.spans.partition_point(|s| s.start <= at);
        let span = self.spans.get(after.checked_sub(1)?)?;
        (at < span.end).then_some((span.tag, span.vr, (span.end - span.start) as usize))
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
            needle.characters() >= MIN_IN_BULK
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
        let rest = &bytes[start..];
        let out = if rest[0] == 0x1F {
            let mut out = Vec::new();
            let _ = flate2::read::GzDecoder::new(rest).take(MAX_INFLATED).read_to_end(&mut out);
            out
        } else {
            inflated(rest)
        };
        if out.len() > 3 {
            look(&out)?;
        }
    }
    Ok(())
}

/// What a zlib stream inflates to, as far as it is one.
fn inflated(stream: &[u8]) -> Vec<u8> {
    thread_local! {
        // Pixels begin such streams by chance, and the window of a new decoder has to be cleared.
        static DECODER: RefCell<Decompress> = RefCell::new(Decompress::new(true));
    }
    DECODER.with_borrow_mut(|decoder| {
        decoder.reset(true);
        let mut out = Vec::with_capacity(256);
        while (out.len() as u64) < MAX_INFLATED {
            if out.len() == out.capacity() {
                out.reserve(out.len());
            }
            let (read, written) = (decoder.total_in(), decoder.total_out());
            let rest = stream.get(read as usize..).unwrap_or_default();
            let status = decoder.decompress_vec(rest, &mut out, FlushDecompress::None);
            let goes_on = (decoder.total_in(), decoder.total_out()) != (read, written);
            if !goes_on || !matches!(status, Ok(Status::Ok | Status::BufError)) {
                break;
            }
        }
        out.truncate(MAX_INFLATED as usize);
        out
    })
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
    fn pixels_are_no_numbers_by_chance() {
        let mut identity = Identity::default();
        ["40213", "Wetherquill"].iter().for_each(|id| identity.add(id, Kind::Id));
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let pixels = |text: &str| [&[9, 0, 70, 0], &*wide(text), &[71, 0, 9, 0]].concat();
        let found = |bytes: &[u8]| check(&ByteSource::from(bytes), 0, &identity, &[]);
        assert!(found(&pixels("40213")).is_ok(), "five neighbouring values of soft tissue");
        assert!(found(&pixels("Wetherquill")).is_err());
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
