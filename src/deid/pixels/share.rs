//! How much memory frames take while they are searched and masked, and how many may be at once.

use crate::dicom::codec::{FrameReader, RLE_LOSSLESS};

/// Memory that large things take together, whoever works on them: frames that are searched, long headers. With what
/// every run takes, and what the allocator has not given back yet, it stays below 300 MB.
pub const HELD_AT_ONCE: u64 = 200 << 20;
/// What the detector takes for each pixel of the band that it searches.
const DETECTOR: u64 = 6;
/// Pixels of such a band, about.
const BAND: u64 = 6 << 20;
/// Pictures of 8-bit greys that are made of a frame at most.
const VIEWS: u64 = 2;

/// The part of the memory that an instance's pixels take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Frames that are searched at once.
    pub lanes: usize,
    /// Bytes that they take.
    pub bytes: u64,
}

impl Share {
    /// Of pixels that only lose what is no pixel; `None` where that takes more than there is.
    pub fn of_bare(reader: &FrameReader<'_>) -> Option<Self> {
        let bytes = 2 * reader.encoded_bytes();
        (bytes <= HELD_AT_ONCE).then_some(Self { lanes: 1, bytes })
    }

    /// Of pixels that are searched, by so many threads at most; `None` where one frame takes more than there is.
    pub fn of_searched(reader: &FrameReader<'_>, threads: usize) -> Option<Self> {
        let bare = Self::of_bare(reader)?;
        let layout = reader.layout();
        let pixels = u64::from(layout.rows) * u64::from(layout.columns);
        let decoded = layout.bytes_per_frame();
        // The frame before is compared with each.
        let before = if layout.frames > 1 { decoded } else { 0 };
        let stages = [
            before + reader.working_bytes(),
            before + decoded + VIEWS * pixels,
            before + VIEWS * pixels + DETECTOR * pixels.min(BAND),
            // Masked and encoded, then compared with the output, which is native or run-length coded.
            decoded + if reader.syntax().uid == RLE_LOSSLESS { reader.working_bytes() } else { decoded },
        ];
        // What was given back is not yet gone.
        let frame = stages.into_iter().max().unwrap_or(0) / 8 * 9 + 1;
        let lanes = (HELD_AT_ONCE / frame).min(threads as u64).min(layout.frames.into());
        (lanes > 0).then(|| Self { lanes: lanes as usize, bytes: bare.bytes.max(lanes * frame) })
    }
}
