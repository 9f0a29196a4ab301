//! The protocol of GE and the header of its pulse sequences: rebuilt from what of them is known and says how slices were
//! ordered and which way phase was encoded.

use std::io::{Read, Write};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use super::IsClean;

/// Lines of the protocol that are kept: name, blank, value in quotes.
const LINES: [&str; 12] = [
    "IMODE",
    "PSEQ",
    "IOPT",
    "SLICEORDER",
    "VIEWORDER",
    "MBACCEL",
    "DELACQ",
    "DELACQNOAV",
    "PHASEDELAYS1",
    "NOSLC",
    "PHASECORR",
    "PHASEFOV",
];
/// Bytes that a protocol may inflate to.
const MAX_INFLATED: u64 = 4 << 20;
/// Bytes of one line that is kept.
const LONGEST_LINE: usize = 1024;

/// A protocol (its length, then gzip) with nothing but the known lines; `None` where it cannot be read, or has none.
pub fn protocol(bytes: &[u8], is_clean: IsClean<'_>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    // Some files end before the checksum: what could be inflated counts.
    let _ = GzDecoder::new(bytes.get(4..)?).take(MAX_INFLATED).read_to_end(&mut text);
    let mut kept = Vec::new();
    for line in text.split(|&b| b == b'\n') {
        let name = line.split(|&b| b == b' ').next().unwrap_or_default();
        let known = LINES.iter().any(|l| l.as_bytes() == name);
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b" \"_-.,+/*:".contains(b);
        let plain = line.len() <= LONGEST_LINE && line.iter().all(plain);
        // The search of the output does not look into what is compressed.
        if known && plain && is_clean(&String::from_utf8_lossy(line)) {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
    }
    if kept.is_empty() {
        return None;
    }
    let mut gz = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(6));
    gz.write_all(&kept).ok()?;
    let gz = gz.finish().ok()?;
    let mut out = u32::try_from(gz.len()).ok()?.to_le_bytes().to_vec();
    out.extend(gz);
    Some(out)
}

/// A header of a pulse sequence with every byte zero but the offset and version of its inner header and the words that
/// say whether it is echo-planar, which way phase goes and in which order its lines are taken.
pub fn user_data(bytes: &[u8]) -> Option<Vec<u8>> {
    const OFFSET_AT: usize = 24;
    let offset = usize::from(u16::from_le_bytes(*bytes.get(OFFSET_AT..)?.first_chunk()?));
    let version = f32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?);
    if !(5.0..=40.0).contains(&version) {
        return None;
    }
    // From release 25 the flags stand further back, and the order of lines nearer to them.
    let (shift, lines_at) = if version >= 25.002 { (0x4C, 0x394 - 0x8C) } else { (0, 0x394) };
    let flags = offset + shift;
    let kept = [(OFFSET_AT, 2), (offset, 4), (flags + 0x3A, 2), (flags + 0x30, 2), (flags + lines_at, 2)];
    let mut out = vec![0; bytes.len()];
    for (at, length) in kept {
        out.get_mut(at..at + length)?.copy_from_slice(bytes.get(at..at + length)?);
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_keeps_known_lines_and_no_name() {
        let text = b"SEDESC \"Brackley\"\nIMODE \"2D\"\nSLICEORDER \"1\"\nPSEQ \"Brackley\"\n";
        let mut gz = GzBuilder::new().filename("Ex27018").write(Vec::new(), Compression::new(1));
        gz.write_all(text).unwrap();
        let bytes = [&[0; 4][..], &gz.finish().unwrap()].concat();
        let kept = protocol(&bytes, &|t| !t.contains("Brackley")).unwrap();
        let mut inflated = String::new();
        GzDecoder::new(&kept[4..]).read_to_string(&mut inflated).unwrap();
        assert_eq!(inflated, "IMODE \"2D\"\nSLICEORDER \"1\"\n");
        assert_eq!(kept[..4], ((kept.len() - 4) as u32).to_le_bytes());
        assert_eq!(protocol(b"no gzip at all", &|_| true), None);
    }

    #[test]
    fn of_user_data_only_the_flags_stay() {
        let mut bytes = vec![b'B'; 2000];
        bytes[24..26].copy_from_slice(&100_u16.to_le_bytes());
        bytes[100..104].copy_from_slice(&27_f32.to_le_bytes());
        let kept = user_data(&bytes).unwrap();
        assert_eq!(kept.len(), bytes.len());
        let kept_at: Vec<usize> = (0..kept.len()).filter(|&at| kept[at] == b'B').collect();
        assert_eq!(kept_at, [0xE0, 0xE1, 0xEA, 0xEB, 0x3B8, 0x3B9]);
        assert_eq!(user_data(&bytes[..200]), None);
        bytes[100..104].copy_from_slice(b"NAME");
        assert_eq!(user_data(&bytes), None);
    }
}
