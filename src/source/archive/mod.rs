//! Archives as sources: `.zip`, `.tar`, `.tar.gz` and `.tgz` deliveries, member by member, never unpacked by name.
//!
//! Bytes are hostile here. Every number of a header is checked against what is there, what expands is bounded, and a
//! member that points elsewhere, hides behind another or is itself an archive is refused by its true reason. A
//! compressed tar is spooled once into a sealed file without a name, so that its members can be read in any order, a kill
//! leaves nothing behind, and nothing readable lies outside the delivery meanwhile.

mod tar;
mod zip;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::{CrcReader, read::DeflateDecoder};

use crate::bytes::{ByteSource, FileRange, LARGE, NoRoom, ReadAt, SpillConfig, Spool};
use crate::model::words::io_words;

/// Members of one archive, at most.
const MAX_MEMBERS: usize = 1_000_000;
/// Bytes of a member, at most.
const MAX_MEMBER: u64 = 4 << 30;
/// What any archive, and any member, may expand to.
const FREE_BYTES: u64 = 128 << 20;
/// Expanded bytes per packed byte beyond [`FREE_BYTES`]: images stay below ten.
const MAX_RATIO: u64 = 100;
/// Bytes of a member's name, at most.
const MAX_NAME: usize = 4096;

/// Why a member (or the archive as a whole) is refused. Says nothing of its name or content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// Its name or kind is a trap.
    #[error("unsafe archive member: {0}")]
    Unsafe(&'static str),
    /// Packed by a method that is neither stored nor deflated.
    #[error("the archive member is neither stored nor deflated")]
    Method,
    /// It would expand beyond all measure.
    #[error("the archive expands beyond all measure")]
    TooLarge,
    /// The archive breaks its own rules, or ends too early.
    #[error("the archive is damaged or incomplete")]
    Damaged,
    /// There is no file in it.
    #[error("the archive holds no file")]
    Empty,
    /// The operating system refused.
    #[error("the archive cannot be read: {}", io_words(*.0))]
    Io(io::ErrorKind),
    /// What it unpacks to cannot be put aside.
    #[error(transparent)]
    NoRoom(NoRoom),
}

impl MemberError {
    /// A stable identifier for summaries and scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsafe(_) => "unsafe_archive_member",
            Self::TooLarge => "too_large",
            Self::Method | Self::Damaged | Self::Empty => "archive_unreadable",
            Self::Io(_) | Self::NoRoom(_) => "unreadable",
        }
    }
}

impl From<io::Error> for MemberError {
    fn from(error: io::Error) -> Self {
        if let Some(no_room) = NoRoom::of(&error) {
            return Self::NoRoom(no_room);
        }
        match error.kind() {
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Damaged
            }
            kind => Self::Io(kind),
        }
    }
}

/// An archive whose members are known.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// The archive itself, or what a compressed one was spooled to.
    data: Option<Data>,
    members: Vec<Member>,
}

/// Where the bytes of members are.
#[derive(Debug)]
enum Data {
    File(Arc<File>),
    Spool(Arc<Spool>),
}

impl Data {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => ReadAt::read_at(&**file, buffer, at),
            Self::Spool(spool) => spool.read_at(buffer, at),
        }
    }

    fn extent(&self, at: u64, length: u64) -> FileRange {
        match self {
            Self::File(file) => FileRange::new(file.clone(), at, length),
            Self::Spool(spool) => FileRange::new(spool.clone(), at, length),
        }
    }
}

/// A file in an archive, or why it is none.
#[derive(Debug)]
pub struct Member {
    /// Its name as it stands there, for people only; empty for the archive as a whole.
    pub name: Box<str>,
    /// Its size when expanded.
    pub bytes: u64,
    place: Result<Place, MemberError>,
}

/// Where a member's bytes are.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// As they are.
    Plain { at: u64 },
    /// In a zip, behind the local header at `header`.
    Zip { header: u64, packed: u64, deflated: bool, crc: u32 },
}

/// Whether a name is that of an archive that can be read.
pub fn is_archive(name: &Path) -> bool {
    Kind::of(name).is_some()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zip,
    Tar,
    TarGz,
}

impl Kind {
    fn of(name: &Path) -> Option<Self> {
        let name = name.file_name()?.as_encoded_bytes().to_ascii_lowercase();
        let ends = |with: &[u8]| name.len() > with.len() && name.ends_with(with);
        if ends(b".zip") {
            Some(Self::Zip)
        } else if ends(b".tar") {
            Some(Self::Tar)
        } else {
            (ends(b".tar.gz") || ends(b".tgz")).then_some(Self::TarGz)
        }
    }
}

impl Archive {
    /// Lists an archive. What is wrong with it as a whole is a refused member without a name. Compressed tars are
    /// spooled to a nameless file in `spool`.
    pub fn open(path: &Path, spool: &Path) -> Self {
        let mut archive = Self { path: path.into(), data: None, members: Vec::new() };
        if let Err(error) = archive.list(spool) {
            archive.members.push(Member::refused("", 0, error));
        } else if archive.members.is_empty() {
            archive.members.push(Member::refused("", 0, MemberError::Empty));
        }
        archive
    }

    fn list(&mut self, spool: &Path) -> Result<(), MemberError> {
        let file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let mut listing = Listing::new(length);
        let listed = match Kind::of(&self.path) {
            Some(Kind::Zip) => zip::list(&file, length, &mut listing).map(|()| file),
            Some(Kind::TarGz) => {
                let mut target = Spool::new(spool)?;
                let listed = tar::list_packed(&file, &mut target, &mut listing);
                self.data = Some(Data::Spool(Arc::new(target)));
                self.members = std::mem::take(&mut listing.members);
                return listed;
            }
            _ => tar::list(&file, length, &mut listing).map(|()| file),
        };
        self.members = listing.members;
        match listed {
            Ok(file) => {
                self.data = Some(Data::File(Arc::new(file)));
                Ok(())
            }
            Err(error) => {
                // What was listed before the damage can still be read.
                self.data = File::open(&self.path).ok().map(|file| Data::File(Arc::new(file)));
                Err(error)
            }
        }
    }

    /// The archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it, in the order in which it stands there; folders are left out.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The path of the archive joined with the name of member `index`: for people, never to be opened.
    pub fn shown(&self, index: usize) -> PathBuf {
        let name = self.members.get(index).map_or("", |m| &*m.name).trim_start_matches(['/', '\\']);
        if name.is_empty() {
            return self.path.clone();
        }
        let mut shown = self.path.clone().into_os_string();
        shown.push("/");
        shown.push(name);
        shown.into()
    }

    /// A reader of the bytes of member `index`; it gives no more than the member's declared size.
    ///
    /// # Errors
    /// Why the member is refused.
    pub fn reader(&self, index: usize) -> Result<Box<dyn Read + '_>, MemberError> {
        let member = self.members.get(index).ok_or(MemberError::Damaged)?;
        let place = member.place?;
        let data = self.data.as_ref().ok_or(MemberError::Damaged)?;
        Ok(match place {
            Place::Plain { at } => Box::new(Section { data, at, left: member.bytes }),
            Place::Zip { header, packed, deflated, .. } => {
                let Data::File(file) = data else { return Err(MemberError::Damaged) };
                let at = zip::data_begins(file, header)?;
                let section = Section { data, at, left: packed };
                if deflated {
                    Box::new(DeflateDecoder::new(section).take(member.bytes))
                } else {
                    Box::new(section.take(member.bytes))
                }
            }
        })
    }

    /// The bytes of member `index`, checked against its declared size and check sum. A large one that is not packed
    /// stays where it is; one that is is unpacked to `scratch`.
    ///
    /// # Errors
    /// Why the member is refused.
    pub fn read(&self, index: usize, scratch: SpillConfig<'_>) -> Result<ByteSource<'static>, MemberError> {
        let mut reader = CrcReader::new(self.reader(index)?);
        let member = &self.members[index];
        let in_place = match member.place {
            Ok(Place::Plain { at }) if member.bytes >= LARGE => Some(at),
            _ => None,
        };
        if let (Some(at), Some(data)) = (in_place, &self.data) {
            let mut last = [0];
            let there = data.read_at(&mut last, at + member.bytes - 1)? == 1;
            return if there {
                Ok(ByteSource::Stored(data.extent(at, member.bytes)))
            } else {
                Err(MemberError::Damaged)
            };
        }
        let mut draft = scratch.draft();
        if io::copy(&mut reader, &mut draft)? != member.bytes {
            return Err(MemberError::Damaged);
        }
        match member.place {
            Ok(Place::Zip { crc, .. }) if crc != reader.crc().sum() => Err(MemberError::Damaged),
            _ => Ok(draft.finish()?),
        }
    }
}

impl Member {
    fn refused(name: &str, bytes: u64, why: MemberError) -> Self {
        Self { name: name.into(), bytes, place: Err(why) }
    }

    /// Why it is no file that can be read.
    pub fn refusal(&self) -> Option<MemberError> {
        self.place.err()
    }
}

/// What was found so far, and how much more may come.
struct Listing {
    members: Vec<Member>,
    names: HashSet<Box<str>>,
    /// Bytes that members may still expand to.
    left: u64,
}

impl Listing {
    fn new(archive_bytes: u64) -> Self {
        Self { members: Vec::new(), names: HashSet::new(), left: most(archive_bytes) }
    }

    /// Refuses every member, for something that is wrong with all of them.
    fn refuse_all(&mut self, why: MemberError) {
        for member in &mut self.members {
            member.place = member.place.and(Err(why));
        }
    }

    /// Notes a file; `trap` is what its kind says against it.
    fn add(
        &mut self,
        name: &str,
        bytes: u64,
        packed: u64,
        place: Result<Place, MemberError>,
    ) -> Result<(), MemberError> {
        if self.members.len() >= MAX_MEMBERS {
            return Err(MemberError::TooLarge);
        }
        let place = place.and_then(|place| match trap_in(name) {
            Some(trap) => Err(MemberError::Unsafe(trap)),
            None if !self.names.insert(plain(name).into()) => {
                Err(MemberError::Unsafe("its name is there twice"))
            }
            None if bytes > MAX_MEMBER || bytes > most(packed) || bytes > self.left => {
                Err(MemberError::TooLarge)
            }
            None => Ok(place),
        });
        if place.is_ok() {
            self.left -= bytes;
        }
        let shown: String = name.chars().take(MAX_NAME).collect();
        self.members.push(Member { name: shown.into(), bytes, place });
        Ok(())
    }
}

/// What so many packed bytes may expand to.
fn most(packed: u64) -> u64 {
    packed.saturating_mul(MAX_RATIO).max(FREE_BYTES)
}

/// What makes a name unsafe.
fn trap_in(name: &str) -> Option<&'static str> {
    let bytes = name.as_bytes();
    if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
        return Some("its name is no name");
    }
    if matches!(bytes[0], b'/' | b'\\') || bytes.get(1) == Some(&b':') {
        return Some("its name is an absolute path");
    }
    if name.split(['/', '\\']).any(|part| part == "..") {
        return Some("its name leads out of the archive");
    }
    is_archive(Path::new(name)).then_some("it is an archive in an archive")
}

/// A name without `.` and empty parts: two that are equal then would be one file.
fn plain(name: &str) -> String {
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|p| !matches!(*p, "" | ".")).collect();
    parts.join("/")
}

/// Some bytes of an archive, read without moving a position.
#[derive(Debug, Clone, Copy)]
struct Section<'f> {
    data: &'f Data,
    at: u64,
    left: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.data.read_at(&mut buffer[..most], self.at)?;
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}
