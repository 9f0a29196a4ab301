//! The list of a tar (POSIX.1-2001 ustar and pax, with GNU's long names), plain or compressed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use super::{Listing, MAX_NAME, MemberError, Place, most};
use crate::bytes::gzip::Unpacker;

const BLOCK: u64 = 512;
/// A pax header or long name beyond this is refused.
const MAX_EXTENSION: u64 = 1 << 20;

/// Where blocks come from, and where the bytes of members are to be found later.
trait Input {
    /// Fills a block; `false` at the end of the archive.
    fn block(&mut self, block: &mut [u8; BLOCK as usize]) -> io::Result<bool>;
    /// Goes past `length` bytes and gives where they can be read.
    fn pass(&mut self, length: u64) -> io::Result<u64>;
    /// Goes past `length` bytes that nobody will read.
    fn skip(&mut self, length: u64) -> io::Result<()>;
}

/// Lists a plain tar.
pub(super) fn list(file: &File, length: u64, listing: &mut Listing) -> Result<(), MemberError> {
    blocks(&mut Plain { file, at: 0, length }, listing)
}

/// Lists a gzip-compressed tar; the members' bytes go to `target`.
pub(super) fn list_packed(
    file: &File,
    target: &mut impl Write,
    listing: &mut Listing,
) -> Result<(), MemberError> {
    let limit = most(file.metadata()?.len());
    let inner = Unpacker::new(io::BufReader::with_capacity(1 << 16, file));
    let mut input = Packed { reader: Bounded { inner, left: limit, failed: false }, target, at: 0 };
    let listed = blocks(&mut input, listing);
    // The check sum stands behind everything: of what does not come to its right end nothing is believed.
    let whole = !input.reader.failed && io::copy(&mut input.reader, &mut io::sink()).is_ok();
    if whole {
        return listed;
    }
    let why = listed.err().unwrap_or(MemberError::Damaged);
    listing.refuse_all(why);
    Err(why)
}

struct Plain<'f> {
    file: &'f File,
    at: u64,
    length: u64,
}

impl Input for Plain<'_> {
    fn block(&mut self, block: &mut [u8; BLOCK as usize]) -> io::Result<bool> {
        if self.at >= self.length {
            return Ok(false);
        }
        self.file.read_exact_at(block, self.at)?;
        self.at += BLOCK;
        Ok(true)
    }

    fn pass(&mut self, length: u64) -> io::Result<u64> {
        let at = self.at;
        self.skip(length)?;
        Ok(at)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        self.at = self
            .at
            .checked_add(length)
            .filter(|&end| end <= self.length)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(())
    }
}

struct Packed<'t, R, W> {
    reader: R,
    target: &'t mut W,
    at: u64,
}

impl<R: Read, W: Write> Input for Packed<'_, R, W> {
    fn block(&mut self, block: &mut [u8; BLOCK as usize]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < block.len() {
            match self.reader.read(&mut block[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
        }
        Ok(true)
    }

    fn pass(&mut self, length: u64) -> io::Result<u64> {
        let at = self.at;
        let copied = io::copy(&mut self.reader.by_ref().take(length), self.target)?;
        self.at += copied;
        if copied == length { Ok(at) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let copied = io::copy(&mut self.reader.by_ref().take(length), &mut io::sink())?;
        if copied == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// A reader that fails beyond its bound, and knows whether it has failed.
struct Bounded<R> {
    inner: R,
    left: u64,
    failed: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer).and_then(|n| {
            self.left = self.left.checked_sub(n as u64).ok_or(io::ErrorKind::FileTooLarge)?;
            Ok(n)
        });
        self.failed |= read.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::Interrupted);
        read
    }
}

/// What extension headers say of the member after them.
#[derive(Default)]
struct Told {
    name: Option<String>,
    size: Option<u64>,
}

fn blocks(input: &mut impl Input, listing: &mut Listing) -> Result<(), MemberError> {
    let mut block = [0; BLOCK as usize];
    let mut told = Told::default();
    let mut first = true;
    while input.block(&mut block)? {
        if block.iter().all(|&b| b == 0) {
            return Ok(());
        }
        if !sum_is_right(&block) {
            return Err(MemberError::Damaged);
        }
        first = false;
        let size = number(&block[124..136]).ok_or(MemberError::Damaged)?;
        match block[156] {
            b'x' => told.pax(&extension(input, size)?)?,
            b'L' => told.name = Some(text(&extension(input, size)?)),
            // Global headers, long link names, volume labels: nothing that a reader of members needs.
            b'g' | b'K' | b'V' => drop(extension(input, size)?),
            kind => {
                let told = std::mem::take(&mut told);
                member(input, listing, &block, kind, told.size.unwrap_or(size), told.name)?;
            }
        }
    }
    // Without the two empty blocks at the end it may have been cut, but every member is whole.
    if first { Err(MemberError::Damaged) } else { Ok(()) }
}

fn member(
    input: &mut impl Input,
    listing: &mut Listing,
    block: &[u8; BLOCK as usize],
    kind: u8,
    size: u64,
    name: Option<String>,
) -> Result<(), MemberError> {
    let name = name.unwrap_or_else(|| own_name(block));
    let padding = size.wrapping_neg() % BLOCK;
    match kind {
        b'5' => return Ok(input.skip(size + padding)?),
        b'0' | b'\0' | b'7' if name.ends_with('/') && size == 0 => return Ok(()),
        b'0' | b'\0' | b'7' => {}
        _ => {
            let what = if matches!(kind, b'1' | b'2') { "it is a link" } else { "it is no regular file" };
            listing.add(&name, 0, 0, Err(MemberError::Unsafe(what)))?;
            // Links and devices have no content, whatever they say; sparse files of GNU have.
            let content = if matches!(kind, b'1'..=b'6') { 0 } else { size + padding };
            return Ok(input.skip(content)?);
        }
    }
    if size > super::MAX_MEMBER {
        listing.add(&name, size, size, Err(MemberError::TooLarge))?;
        return Ok(input.skip(size.checked_add(padding).ok_or(MemberError::Damaged)?)?);
    }
    match input.pass(size) {
        Ok(at) => listing.add(&name, size, size, Ok(Place::Plain { at }))?,
        Err(error) => {
            let why = MemberError::from(error);
            listing.add(&name, size, size, Err(why))?;
            return Err(why);
        }
    }
    Ok(input
        .skip(padding)
        .or_else(|e| if e.kind() == io::ErrorKind::UnexpectedEof { Ok(()) } else { Err(e) })?)
}

/// The content of an extension header.
fn extension(input: &mut impl Input, size: u64) -> Result<Vec<u8>, MemberError> {
    if size > MAX_EXTENSION {
        return Err(MemberError::TooLarge);
    }
    let mut content = Vec::new();
    let mut block = [0; BLOCK as usize];
    for _ in 0..size.div_ceil(BLOCK) {
        if !input.block(&mut block)? {
            return Err(MemberError::Damaged);
        }
        content.extend_from_slice(&block);
    }
    content.truncate(size as usize);
    Ok(content)
}

impl Told {
    /// Records such as `30 path=a/long/name\n`.
    fn pax(&mut self, mut records: &[u8]) -> Result<(), MemberError> {
        while !records.is_empty() {
            let space = records.iter().position(|&b| b == b' ').ok_or(MemberError::Damaged)?;
            let length: usize = std::str::from_utf8(&records[..space])
                .ok()
                .and_then(|n| n.parse().ok())
                .filter(|&n| n > space + 1 && n <= records.len())
                .ok_or(MemberError::Damaged)?;
            let record = &records[space + 1..length - 1];
            if let Some(path) = record.strip_prefix(b"path=") {
                self.name = Some(text(path));
            } else if let Some(size) = record.strip_prefix(b"size=") {
                let size = std::str::from_utf8(size).ok().and_then(|n| n.parse().ok());
                self.size = Some(size.ok_or(MemberError::Damaged)?);
            }
            records = &records[length..];
        }
        Ok(())
    }
}

/// Prefix and name of a ustar header.
fn own_name(block: &[u8; BLOCK as usize]) -> String {
    let name = text(&block[..100]);
    let prefix = if &block[257..263] == b"ustar\0" { text(&block[345..500]) } else { String::new() };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

/// Text up to the first zero byte.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end.min(MAX_NAME + 1)]).into_owned()
}

/// An octal number, or one in base 256 where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        let empty = high[0] == 0x80 && high[1..].iter().all(|&b| b == 0);
        return low.first_chunk().filter(|_| empty).map(|b| u64::from_be_bytes(*b)).filter(|n| *n < 1 << 62);
    }
    let digits: Vec<u8> =
        field.iter().copied().skip_while(|b| *b == b' ').take_while(u8::is_ascii_digit).collect();
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()
}

/// The sum over the header with its own field as spaces; some writers took the bytes as signed.
fn sum_is_right(block: &[u8; BLOCK as usize]) -> bool {
    let Some(told) = number(&block[148..156]) else { return false };
    let byte = |i: usize| if (148..156).contains(&i) { b' ' } else { block[i] };
    let unsigned: u64 = (0..block.len()).map(|i| u64::from(byte(i))).sum();
    let signed: i64 = (0..block.len()).map(|i| i64::from(byte(i) as i8)).sum();
    told == unsigned || i64::try_from(told) == Ok(signed)
}
