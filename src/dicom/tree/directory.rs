//! DICOMDIR (PS3.3 annex F, PS3.10 section 8): what it lists, against what is there.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::Tree;
use crate::dicom::{DataSet, File};
use crate::model::{Tag, tags};

const REFERENCED_FILE_ID: Tag = Tag::new(0x0004, 0x1500);
const REFERENCED_SOP_INSTANCE_UID: Tag = Tag::new(0x0004, 0x1511);
/// Records that are looked at, and components of a File ID (PS3.10 section 8.2 allows eight).
const MAX_RECORDS: usize = 1_000_000;
const MAX_COMPONENTS: usize = 16;
/// Examples that are named.
const EXAMPLES: usize = 20;

/// What a DICOMDIR lists.
pub(super) struct Listing {
    pub(super) source: u32,
    /// File IDs, each component by component, with the SOP Instance UID that the file should have.
    files: Vec<(Vec<String>, Option<String>)>,
    /// References that no File ID can be.
    improper: u64,
}

impl Listing {
    /// The files of every record, whatever the records' own order and offsets say.
    pub(super) fn of(file: &File<'_>, source: u32) -> Self {
        let mut listing = Self { source, files: Vec::new(), improper: 0 };
        for record in file.dataset.items(tags::DIRECTORY_RECORD_SEQUENCE).iter().take(MAX_RECORDS) {
            match file_id(record) {
                Some(id) if !id.is_empty() => {
                    let uid = record.ascii(REFERENCED_SOP_INSTANCE_UID).map(str::to_string);
                    listing.files.push((id, uid));
                }
                Some(_) => {}
                None => listing.improper += 1,
            }
        }
        listing
    }
}

/// The components of a File ID; `None` where it is none: a path in disguise, control characters.
fn file_id(record: &DataSet<'_>) -> Option<Vec<String>> {
    if record.bytes(REFERENCED_FILE_ID).is_none_or(<[u8]>::is_empty) {
        return Some(Vec::new());
    }
    let id: Vec<String> = record.ascii_values(REFERENCED_FILE_ID).map(str::to_string).collect();
    let proper = |part: &String| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
    };
    (!id.is_empty() && id.len() <= MAX_COMPONENTS && id.iter().all(proper)).then_some(id)
}

/// A DICOMDIR and how it agrees with its folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Directory {
    /// The DICOMDIR.
    pub path: String,
    /// Files that it lists.
    pub listed: u64,
    /// Listed files that are not there.
    pub missing: u64,
    /// Listed files that are there and cannot be read as an instance.
    pub unreadable: u64,
    /// Listed files that hold another instance than the DICOMDIR says.
    pub other_instance: u64,
    /// References that are no File ID: paths that lead elsewhere, control characters.
    pub improper: u64,
    /// Instances below its folder that it does not list.
    pub unlisted: u64,
    /// Some of the missing, as it names them.
    pub missing_files: Vec<String>,
    /// Some of the unlisted, below its folder.
    pub unlisted_files: Vec<String>,
}

impl Directory {
    /// Whether everything listed is there, and everything there is listed.
    pub fn agrees(&self) -> bool {
        self.missing + self.unreadable + self.other_instance + self.improper + self.unlisted == 0
    }
}

/// Compares every listing with what was found. Names are compared without regard to case and to what some systems
/// append (`;1`, a final dot), as media are read everywhere.
pub(super) fn compare(listings: Vec<Listing>, tree: &Tree) -> Vec<Directory> {
    if listings.is_empty() {
        return Vec::new();
    }
    let uids: BTreeMap<u32, Option<&str>> =
        tree.headers.iter().map(|h| (h.source, h.sop_uid.as_deref())).collect();
    let refused: HashSet<u32> = tree.refused.iter().map(|r| r.0).collect();
    let mut found = Vec::with_capacity(listings.len());
    for listing in listings {
        let Some(path) = tree.path(listing.source) else { continue };
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let below: BTreeMap<String, u32> = (0..tree.files as u32)
            .filter_map(|source| Some((key(tree.path(source)?.strip_prefix(&folder).ok()?), source)))
            .collect();
        found.push(against(&listing, path, &below, &uids, &refused));
    }
    found
}

fn against(
    listing: &Listing,
    path: PathBuf,
    below: &BTreeMap<String, u32>,
    uids: &BTreeMap<u32, Option<&str>>,
    refused: &HashSet<u32>,
) -> Directory {
    let mut directory = Directory {
        path: path.to_string_lossy().into_owned(),
        listed: listing.files.len() as u64,
        improper: listing.improper,
        ..Directory::default()
    };
    let mut seen = BTreeSet::new();
    for (id, uid) in &listing.files {
        let name: PathBuf = id.iter().collect();
        match below.get(&key(&name)) {
            None => {
                directory.missing += 1;
                if directory.missing_files.len() < EXAMPLES {
                    directory.missing_files.push(name.to_string_lossy().into_owned());
                }
            }
            Some(source) => {
                seen.insert(*source);
                if refused.contains(source) {
                    directory.unreadable += 1;
                } else if uid.as_deref().is_some_and(|uid| uids.get(source) != Some(&Some(uid))) {
                    directory.other_instance += 1;
                }
            }
        }
    }
    for (name, _) in below.iter().filter(|(_, s)| uids.contains_key(s) && !seen.contains(s)) {
        directory.unlisted += 1;
        if directory.unlisted_files.len() < EXAMPLES {
            directory.unlisted_files.push(name.clone());
        }
    }
    directory
}

/// A path below the DICOMDIR's folder as it is compared.
fn key(path: &Path) -> String {
    let part = |part: &std::ffi::OsStr| {
        let upper = part.to_string_lossy().to_uppercase();
        let plain = upper.split(';').next().unwrap_or_default();
        plain.trim_end_matches('.').to_string()
    };
    path.iter().map(part).collect::<Vec<_>>().join("/")
}
