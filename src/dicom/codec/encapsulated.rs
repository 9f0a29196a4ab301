//! Which fragments make up which frame (PS3.5 A.4). Offset tables are believed only where they fit the fragments.

use std::borrow::Cow;
use std::io;

use super::{Codec, Note};
use crate::bytes::ByteSource;

/// Bytes of an item's tag and length before its value.
const ITEM_HEADER: u64 = 8;
/// Bytes within which a start marker stands.
const MARKER: u64 = 32;

/// The fragments of each frame that is there.
#[derive(Debug)]
pub(super) struct FrameMap<'a> {
    fragments: Vec<ByteSource<'a>>,
    /// First fragment of each frame, then the number of fragments.
    starts: Vec<usize>,
    /// Bytes of each frame where the extended table tells them (the rest of the fragment is padding).
    lengths: Option<Vec<u64>>,
}

impl<'a> FrameMap<'a> {
    /// Finds the frames: by the extended offset table, the basic one, one fragment a frame, or start markers.
    pub(super) fn new(
        mut fragments: Vec<ByteSource<'a>>,
        offsets: &[u8],
        extended: Option<(Vec<u64>, Vec<u64>)>,
        declared: u32,
        codec: Codec,
        notes: &mut Vec<Note>,
    ) -> Self {
        while fragments.last().is_some_and(ByteSource::is_empty) {
            fragments.pop();
        }
        let declared = declared as usize;
        if let Some((offsets, lengths)) = extended {
            if let Some(starts) = starts_from(&fragments, &offsets, codec)
                .filter(|s| offsets.len() == lengths.len() && s.len() > declared)
            {
                return Self { fragments, starts, lengths: Some(lengths) }.noting(declared, notes);
            }
            notes.push(Note::OffsetTableIgnored);
        }
        if offsets.len() >= 4 {
            let table: Vec<u64> = offsets
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&bytes| u64::from(u32::from_le_bytes(bytes)))
                .collect();
            // The table of a single frame says nothing, and some writers leave a zero there for several.
            if let Some(starts) = starts_from(&fragments, &table, codec).filter(|s| s.len() > declared) {
                return Self { fragments, starts, lengths: None }.noting(declared, notes);
            }
            notes.push(Note::OffsetTableIgnored);
        }
        let starts = guess(&fragments, declared, codec);
        Self { fragments, starts, lengths: None }.noting(declared, notes)
    }

    fn noting(self, declared: usize, notes: &mut Vec<Note>) -> Self {
        let found = self.frames();
        if found > declared {
            notes.push(Note::ExcessFrames { found: found as u64, declared: declared as u32 });
        } else if found < declared {
            notes.push(Note::FewerFrames { found: found as u32, declared: declared as u32 });
        }
        self
    }

    /// Frames that are there, declared or not.
    pub(super) fn frames(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Bytes of the largest fragment.
    pub(super) fn largest(&self) -> u64 {
        self.fragments.iter().map(ByteSource::len).max().unwrap_or(0)
    }

    /// Encoded bytes of all frames.
    pub(super) fn bytes(&self) -> u64 {
        self.fragments.iter().map(ByteSource::len).sum()
    }

    /// Whether the fragments hold these frames and nothing else: no frame more, no fragment without bytes, nothing
    /// behind a frame but what makes its length even.
    pub(super) fn is_exact(&self, declared: usize) -> bool {
        let whole = |index: usize| {
            let parts = self.fragments.get(self.starts[index]..self.starts[index + 1]).unwrap_or_default();
            let told = self.lengths.as_ref().and_then(|l| l.get(index)).copied().unwrap_or(0);
            let there: u64 = parts.iter().map(ByteSource::len).sum();
            told == 0 || there <= told.saturating_add(1)
        };
        self.frames() <= declared && (0..self.frames()).all(whole)
    }

    /// The encoded bytes of frame `index`.
    pub(super) fn frame(&self, index: usize) -> Option<io::Result<Cow<'_, [u8]>>> {
        let parts = self.parts(index)?;
        let told = self.lengths.as_ref().and_then(|l| l.get(index)).copied().filter(|&l| l > 0);
        let there = parts.iter().map(ByteSource::len).sum();
        let length = told.map_or(there, |told| told.min(there));
        Some(match parts {
            [one] => one.read(0..length),
            parts => joined(parts, length).map(Cow::Owned),
        })
    }

    /// The fragment that is frame `index`, where it is one and stays in a file.
    pub(super) fn stored(&self, index: usize) -> Option<ByteSource<'static>> {
        match self.parts(index)? {
            [ByteSource::Stored(extent)] => Some(ByteSource::Stored(extent.clone())),
            _ => None,
        }
    }

    fn parts(&self, index: usize) -> Option<&[ByteSource<'a>]> {
        self.fragments.get(*self.starts.get(index)?..*self.starts.get(index + 1)?)
    }
}

/// The first `length` bytes of fragments that follow each other.
fn joined(parts: &[ByteSource<'_>], length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?);
    for part in parts {
        let missing = length - bytes.len() as u64;
        bytes.extend_from_slice(&part.read(0..part.len().min(missing))?);
    }
    Ok(bytes)
}

/// The fragments at which `offsets` point, if they begin with the first, rise, and each points at one that can
/// begin a frame; then the number of fragments.
fn starts_from(fragments: &[ByteSource<'_>], offsets: &[u64], codec: Codec) -> Option<Vec<usize>> {
    if offsets.first() != Some(&0) || offsets.len() > fragments.len() {
        return None;
    }
    let mut starts = Vec::with_capacity(offsets.len() + 1);
    let (mut at, mut index) = (0_u64, 0_usize);
    for &offset in offsets {
        while at < offset {
            at += ITEM_HEADER + fragments.get(index)?.len();
            index += 1;
        }
        if at != offset || starts.last().is_some_and(|&last| last >= index) {
            return None;
        }
        if begins_frame(fragments.get(index)?, codec) == Some(false) {
            return None;
        }
        starts.push(index);
    }
    starts.push(fragments.len());
    Some(starts)
}

/// Frames without a table to go by.
fn guess(fragments: &[ByteSource<'_>], declared: usize, codec: Codec) -> Vec<usize> {
    let count = fragments.len();
    let marked: Vec<usize> =
        (0..count).filter(|&i| begins_frame(&fragments[i], codec) == Some(true)).collect();
    let mut starts = if !marked.is_empty() && (marked.len() >= declared || count > declared) {
        marked
    } else if declared == 1 && count > 0 {
        vec![0]
    } else {
        (0..count).collect()
    };
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    starts.push(count);
    starts
}

/// Whether a frame can begin with `fragment`; unknown where the codec has no start marker.
fn begins_frame(fragment: &ByteSource<'_>, codec: Codec) -> Option<bool> {
    if !matches!(codec, Codec::Jpeg | Codec::JpegLs | Codec::Jpeg2000) {
        return None;
    }
    let Ok(fragment) = fragment.read(0..fragment.len().min(MARKER)) else { return Some(false) };
    match codec {
        Codec::Jpeg | Codec::JpegLs => Some(start_of_image(&fragment)),
        Codec::Jpeg2000 => Some(
            fragment.starts_with(&[0xFF, 0x4F, 0xFF, 0x51])
                || fragment.starts_with(b"\0\0\0\x0CjP  \r\n\x87\n")
                || fragment.starts_with(b"\r\n\x87\n"),
        ),
        _ => None,
    }
}

/// SOI, with the fill bytes that some writers put before it.
fn start_of_image(fragment: &[u8]) -> bool {
    let fill = fragment.iter().take(16).take_while(|&&b| b == 0xFF).count();
    fill > 0 && fragment.get(fill) == Some(&0xD8)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const A: &[u8] = &[0xFF, 0xD8, 1, 1];
    const B: &[u8] = &[2, 2];
    const C: &[u8] = &[0xFF, 0xD8, 3, 3];

    fn map<'a>(fragments: &[&'a [u8]], offsets: &[u32], declared: u32) -> (FrameMap<'a>, Vec<Note>) {
        let table: Vec<u8> = offsets.iter().flat_map(|o| o.to_le_bytes()).collect();
        let mut notes = Vec::new();
        let map = FrameMap::new(
            fragments.iter().map(|f| ByteSource::from(*f)).collect(),
            &table,
            None,
            declared,
            Codec::Jpeg,
            &mut notes,
        );
        (map, notes)
    }

    #[test]
    fn frames_follow_the_table_or_the_markers() {
        for offsets in [&[0, 22][..], &[], &[0, 12], &[0], &[7, 9]] {
            let (map, notes) = map(&[A, B, C], offsets, 2);
            assert_eq!(map.frames(), 2, "{offsets:?}");
            assert_eq!(map.frame(0).unwrap().unwrap().as_ref(), [A, B].concat());
            assert_eq!(map.frame(1).unwrap().unwrap().as_ref(), C);
            let ignored = !matches!(offsets, [] | [0, 22]);
            assert_eq!(notes.contains(&Note::OffsetTableIgnored), ignored, "{offsets:?} {notes:?}");
        }
    }

    #[test]
    fn missing_and_excess_frames_are_noted() {
        let (found, notes) = map(&[A, C], &[], 3);
        assert_eq!(found.frames(), 2);
        assert_eq!(notes, [Note::FewerFrames { found: 2, declared: 3 }]);
        assert!(found.frame(2).is_none());
        let (_, notes) = map(&[A, C, A], &[0, 12, 24], 2);
        assert_eq!(notes, [Note::ExcessFrames { found: 3, declared: 2 }]);
        let (empty, _) = map(&[], &[], 1);
        assert!(empty.frames() == 0 && empty.frame(0).is_none());
    }

    #[test]
    fn extended_lengths_cut_padding() {
        let mut notes = Vec::new();
        let map = FrameMap::new(
            vec![A.into(), C.into()],
            &[],
            Some((vec![0, 12], vec![3, 4])),
            2,
            Codec::Jpeg,
            &mut notes,
        );
        assert_eq!(map.frame(0).unwrap().unwrap().as_ref(), &A[..3]);
        assert_eq!(map.frame(1).unwrap().unwrap().as_ref(), C);
        assert!(notes.is_empty());
    }
}
