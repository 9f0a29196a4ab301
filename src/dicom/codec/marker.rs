//! Marker segments shared by JPEG and JPEG-LS (ISO/IEC 10918-1 B.1), and what they tell of the colour model.

use super::PixelError;
use crate::model::pixels::Photometric;

/// What a code stream says of its colours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) component_ids: Vec<u8>,
    pub(super) jfif: bool,
    /// Transform flag of an Adobe marker.
    pub(super) adobe: Option<u8>,
}

impl Header {
    /// Notes what an application segment tells.
    pub(super) fn application(&mut self, code: u8, segment: &[u8]) {
        if code == 0xE0 && segment.starts_with(b"JFIF") {
            self.jfif = true;
        }
        if code == 0xEE && segment.starts_with(b"Adobe") {
            self.adobe = segment.get(11).copied();
        }
    }

    /// Whether three components are luminance and chroma.
    pub(super) fn is_ybr(&self, photometric: &Photometric) -> bool {
        if matches!(self.component_ids[..], [b'R', b'G', b'B'] | [b'r', b'g', b'b']) {
            return false;
        }
        if photometric.is_ybr() {
            return true;
        }
        self.jfif || self.adobe == Some(1)
    }
}

/// Big-endian 16 bits at `at`.
pub(super) fn be16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes)
}

/// Where the first marker segment begins: after SOI, which fill bytes may precede.
pub(super) fn start_of_image(data: &[u8]) -> Option<usize> {
    data.windows(2).take(1024).position(|w| w == [0xFF, 0xD8]).map(|at| at + 2)
}

/// The marker at or after `at`: its code, its segment without the length, and where the next begins. `None` at the
/// end of data.
#[allow(clippy::type_complexity)]
pub(super) fn next(data: &[u8], at: usize) -> Result<Option<(u8, &[u8], usize)>, PixelError> {
    let mut at = at;
    loop {
        let Some(found) = data.get(at..).and_then(|d| d.iter().position(|&b| b == 0xFF)) else {
            return Ok(None);
        };
        at += found;
        // Fill bytes may stand before the code; 0xFF00 is no marker.
        while data.get(at) == Some(&0xFF) {
            at += 1;
        }
        let Some(&code) = data.get(at) else { return Ok(None) };
        at += 1;
        match code {
            0 => {}
            0x01 | 0xD0..=0xD9 => return Ok(Some((code, &[], at))),
            _ => {
                let cut = PixelError::Truncated {
                    found: data.len() as u64,
                    expected: at as u64 + 2,
                    unit: "bytes of the code stream",
                };
                let Some(length) = be16(data, at) else { return Err(cut) };
                let end = at + usize::from(length);
                let segment = data.get(at + 2..end.max(at + 2)).ok_or(cut)?;
                return Ok(Some((code, segment, end.max(at + 2))));
            }
        }
    }
}
