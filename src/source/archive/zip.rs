//! The list of a zip (APPNOTE 6.3.10): its central directory, with the 64-bit extensions.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::{Listing, MAX_MEMBERS, MemberError, Place};

const END: &[u8; 4] = b"PK\x05\x06";
const END_64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR_64: &[u8; 4] = b"PK\x06\x07";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const LOCAL: &[u8; 4] = b"PK\x03\x04";
const END_SIZE: usize = 22;
const CENTRAL_SIZE: usize = 46;
const LOCAL_SIZE: u64 = 30;
/// The end record is followed by a comment of 16-bit length.
const MAX_TAIL: u64 = END_SIZE as u64 + 0xFFFF;
/// The list of a million members with long names.
const MAX_DIRECTORY: u64 = 256 << 20;

/// Where the central directory is.
struct Directory {
    /// Where it begins in the file.
    at: u64,
    size: u64,
    /// What stands before the first member and is not counted in offsets.
    shift: u64,
}

/// Lists the members of a zip.
pub(super) fn list(file: &File, length: u64, listing: &mut Listing) -> Result<(), MemberError> {
    let directory = find(file, length)?;
    if directory.size > MAX_DIRECTORY {
        return Err(MemberError::TooLarge);
    }
    let mut bytes = vec![0; directory.size as usize];
    file.read_exact_at(&mut bytes, directory.at)?;
    let mut entries = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        if entries.len() >= MAX_MEMBERS {
            return Err(MemberError::TooLarge);
        }
        let (entry, after) = Entry::read(rest, directory.shift).ok_or(MemberError::Damaged)?;
        entries.push(entry);
        rest = after;
    }
    let overlapping = overlaps(&entries, directory.at);
    for (entry, overlaps) in entries.iter().zip(overlapping) {
        if entry.name.ends_with('/') && entry.bytes == 0 {
            continue;
        }
        let place = entry.place().and_then(|place| {
            if overlaps { Err(MemberError::Unsafe("it overlaps another member")) } else { Ok(place) }
        });
        listing.add(&entry.name, entry.bytes, entry.packed, place)?;
    }
    Ok(())
}

/// The end record is the last thing in the file; it tells where the directory is.
fn find(file: &File, length: u64) -> Result<Directory, MemberError> {
    let tail_at = length.saturating_sub(MAX_TAIL);
    let mut tail = vec![0; (length - tail_at) as usize];
    file.read_exact_at(&mut tail, tail_at)?;
    let is_end = |at: &usize| {
        tail[*at..].starts_with(END)
            && le16(&tail, at + 20).is_some_and(|comment| at + END_SIZE + usize::from(comment) <= tail.len())
    };
    let last = tail.len().checked_sub(END_SIZE).ok_or(MemberError::Damaged)?;
    let at = (0..=last).rev().find(is_end).ok_or(MemberError::Damaged)?;
    let small = (le32(&tail, at + 12), le32(&tail, at + 16));
    let (Some(size), Some(offset)) = small else { return Err(MemberError::Damaged) };
    let end = tail_at + at as u64;
    let directory = if size == u32::MAX || offset == u32::MAX {
        find_64(file, &tail, at, end)?
    } else {
        let start = end.checked_sub(size.into()).ok_or(MemberError::Damaged)?;
        let shift = start.checked_sub(offset.into()).ok_or(MemberError::Damaged)?;
        Directory { at: start, size: size.into(), shift }
    };
    if directory.at.checked_add(directory.size).is_none_or(|stop| stop > end) {
        return Err(MemberError::Damaged);
    }
    Ok(directory)
}

fn find_64(file: &File, tail: &[u8], at: usize, end: u64) -> Result<Directory, MemberError> {
    let locator = at.checked_sub(20).map(|at| &tail[at..]).filter(|l| l.starts_with(LOCATOR_64));
    let record_at = locator.and_then(|l| le64(l, 8)).filter(|&at| at < end).ok_or(MemberError::Damaged)?;
    let mut record = [0; 56];
    file.read_exact_at(&mut record, record_at)?;
    match (record.starts_with(END_64), le64(&record, 40), le64(&record, 48)) {
        (true, Some(size), Some(at)) => Ok(Directory { at, size, shift: 0 }),
        _ => Err(MemberError::Damaged),
    }
}

/// A record of the central directory.
struct Entry {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    bytes: u64,
    header: u64,
    /// Unix file mode, where a Unix made the archive.
    mode: u32,
}

impl Entry {
    fn read(bytes: &[u8], shift: u64) -> Option<(Self, &[u8])> {
        if !bytes.starts_with(CENTRAL) {
            return None;
        }
        let length = |at| le16(bytes, at).map(usize::from);
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let names = bytes.get(CENTRAL_SIZE..CENTRAL_SIZE + name)?;
        let extras = bytes.get(CENTRAL_SIZE + name..CENTRAL_SIZE + name + extra)?;
        let rest = bytes.get(CENTRAL_SIZE + name + extra + comment..)?;
        let mut wide = wide_fields(extras);
        let mut size = |at| match le32(bytes, at)? {
            u32::MAX => wide.next(),
            small => Some(u64::from(small)),
        };
        // In this order in the extension too.
        let (unpacked, packed, header) = (size(24)?, size(20)?, size(42)?);
        let unix = bytes[5] == 3;
        let entry = Self {
            name: String::from_utf8_lossy(names).into_owned(),
            flags: le16(bytes, 8)?,
            method: le16(bytes, 10)?,
            crc: le32(bytes, 16)?,
            packed,
            bytes: unpacked,
            header: header.checked_add(shift)?,
            mode: if unix { le32(bytes, 38)? >> 16 } else { 0 },
        };
        Some((entry, rest))
    }

    fn place(&self) -> Result<Place, MemberError> {
        const KIND: u32 = 0o170_000;
        const REGULAR: u32 = 0o100_000;
        const LINK: u32 = 0o120_000;
        match (self.mode & KIND, self.method) {
            (LINK, _) => Err(MemberError::Unsafe("it is a link")),
            (kind, _) if kind != 0 && kind != REGULAR => Err(MemberError::Unsafe("it is no regular file")),
            _ if self.flags & 1 != 0 => Err(MemberError::Unsafe("it is encrypted")),
            (_, 0 | 8) => Ok(Place::Zip {
                header: self.header,
                packed: self.packed,
                deflated: self.method == 8,
                crc: self.crc,
            }),
            _ => Err(MemberError::Method),
        }
    }
}

/// The 64-bit numbers of the extension 1.
fn wide_fields(mut extras: &[u8]) -> impl Iterator<Item = u64> {
    let mut found: &[u8] = &[];
    while let (Some(id), Some(size)) = (le16(extras, 0), le16(extras, 2)) {
        let Some(content) = extras.get(4..4 + usize::from(size)) else { break };
        if id == 1 {
            found = content;
            break;
        }
        extras = &extras[4 + usize::from(size)..];
    }
    found.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b))
}

/// Whether each entry lies over the one before it in the file or over the directory: one stream for many members.
fn overlaps(entries: &[Entry], directory: u64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&i| entries[i].header);
    let mut overlapping = vec![false; entries.len()];
    let mut free = 0;
    for i in order {
        let entry = &entries[i];
        let least = LOCAL_SIZE + entry.name.len().min(usize::from(u16::MAX)) as u64;
        let end = entry.header.saturating_add(least).saturating_add(entry.packed);
        overlapping[i] = entry.header < free || end > directory;
        free = free.max(end.min(directory));
    }
    overlapping
}

/// Where a member's bytes begin: behind its local header.
pub(super) fn data_begins(file: &File, header: u64) -> Result<u64, MemberError> {
    let mut local = [0; LOCAL_SIZE as usize];
    file.read_exact_at(&mut local, header)?;
    match (local.starts_with(LOCAL), le16(&local, 26), le16(&local, 28)) {
        (true, Some(name), Some(extra)) => Ok(header + LOCAL_SIZE + u64::from(name) + u64::from(extra)),
        _ => Err(MemberError::Damaged),
    }
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}
