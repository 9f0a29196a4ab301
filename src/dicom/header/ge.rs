//! What GE keeps in compressed and binary private elements.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;

use super::private;
use crate::dicom::DataSet;

/// Bytes that a protocol may inflate to.
const MAX_INFLATED: u64 = 4 << 20;
/// Lines of it that are kept.
const MAX_LINES: usize = 10_000;

/// The protocol of a scan, name by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protocol(BTreeMap<String, String>);

impl Protocol {
    /// A number by its name.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.trim().parse().ok().filter(|n: &f64| n.is_finite())
    }
}

/// The protocol of a data set: gzip after its length.
pub fn protocol(set: &DataSet<'_>) -> Option<Protocol> {
    let bytes = private::get(set, 0x0025, "GEMS_SERS_01", 0x1B)?.bytes()?.get(4..)?;
    let mut text = Vec::new();
    // Some files end before the checksum: what could be inflated counts.
    let _ = GzDecoder::new(bytes).take(MAX_INFLATED).read_to_end(&mut text);
    let line = |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        let (name, value) = text.split_once(' ')?;
        Some((name.to_string(), value.trim().trim_matches('"').to_string()))
    };
    let lines = text.split(|&b| b == b'\n').take(MAX_LINES);
    Some(Protocol(lines.filter_map(line).collect())).filter(|p| !p.0.is_empty())
}

/// Whether an echo-planar sequence encodes phase against its usual direction, from the flags of its header.
pub fn is_flipped(set: &DataSet<'_>) -> Option<bool> {
    let bytes = private::get(set, 0x0043, "GEMS_PARM_01", 0x2A)?.bytes()?;
    let word = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let header = usize::from(word(24)?);
    let version = f32::from_le_bytes(*bytes.get(header..)?.first_chunk()?);
    if !(5.0..=40.0).contains(&version) {
        return None;
    }
    // From release 25 the flags stand further back, and the order of lines nearer to them.
    let (flags, lines_at) = if version >= 25.002 { (header + 0x4C, 0x394 - 0x8C) } else { (header, 0x394) };
    if word(flags + 0x3A)? & 0x800 == 0 {
        return None;
    }
    let reversed = word(flags + 0x30)? & 4 != 0;
    let bottom_up = word(flags + lines_at)? == 2;
    Some(reversed != bottom_up)
}
