//! The folder of a dataset: written beside its place, put there when it is whole, taken up again after an interruption.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Note;
use crate::model::words::io_error;

/// The journal in the draft: what is done of it.
const JOURNAL: &str = ".journal.jsonl";
/// Files that are no part of the dataset.
pub const SCRATCH: &str = ".parts";
const MANIFEST: &str = "manifest.json";

/// A file of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path below the folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, as hexadecimal digits.
    pub sha256: String,
    /// The format that wrote it.
    pub format: String,
    /// The series that it was made of, where it was one.
    pub series_uid: Option<String>,
    /// The stack of the series, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<u32>,
}

/// What a dataset does not hold, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// The series.
    pub series_uid: String,
    /// `SEG`, `RTSTRUCT`, `2-D`, `missing` (a stored file is not there), `to_be_cleaned`, `withdrawn`, `replaced`,
    /// `damaged`, `no_label`, or `other`.
    pub kind: String,
    /// Why, in words.
    pub reason: String,
}

/// What became of a series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DoneSeries {
    /// The series.
    pub series_uid: String,
    /// Whose it is.
    pub subject: String,
    /// Its files.
    pub files: Vec<FileEntry>,
    /// Pieces of files that are put together at the end.
    #[serde(default)]
    pub parts: Vec<FileEntry>,
    /// What formats have noted.
    pub notes: Vec<Note>,
    /// What of it is not there.
    pub left_out: Vec<LeftOut>,
    /// What whoever uses it should know.
    pub warnings: Vec<String>,
    /// Anything of it was written.
    pub written: bool,
}

/// Why a dataset cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The folder is there and holds something.
    #[error("the folder exists and is not empty; an export never writes over anything")]
    Occupied,
    /// The folder holds another dataset.
    #[error(
        "the folder holds another dataset: another snapshot, other options or another version of Gantry made it"
    )]
    Another,
    /// The disk refuses.
    #[error("the folder cannot be written: {}", io_error(.0))]
    Io(#[from] io::Error),
}

/// A dataset that is whole already.
#[derive(Debug, Clone, PartialEq)]
pub struct Complete {
    /// Its manifest.
    pub manifest: Value,
    /// SHA-256 of the manifest.
    pub sha256: String,
}

/// What beginning came to.
pub enum Begun {
    /// Something is to be done.
    Folder(Folder),
    /// Everything is there.
    Complete(Complete),
}

/// A dataset being written: beside its place, until it is whole.
pub struct Folder {
    to: PathBuf,
    draft: PathBuf,
    journal: Mutex<File>,
    done: HashMap<String, DoneSeries>,
    keep_draft: bool,
}

impl Folder {
    /// Begins a dataset in `to`, which must not exist or be empty. `key` says of what it is made and how: with `resume` a
    /// draft of the same key is taken up again, and a folder of the same key is made whole; no file is trusted that was not
    /// read again. A draft of a snapshot stays when the export is interrupted.
    ///
    /// # Errors
    /// It is occupied, or cannot be written.
    pub fn begin(to: &Path, key: &str, resume: bool) -> Result<Begun, BeginError> {
        if to.is_file() || to.exists() && fs::read_dir(to)?.next().is_some() {
            if !resume || to.is_file() {
                return Err(BeginError::Occupied);
            }
            if let Some(complete) = complete(to, key)? {
                return Ok(Begun::Complete(complete));
            }
        }
        let mut name = to.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let draft = to.with_file_name(name);
        let done = if resume { taken_up(&draft, key)? } else { None };
        if done.is_none() && draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        fs::create_dir_all(&draft)?;
        let path = draft.join(JOURNAL);
        let is_new = done.is_none();
        let mut journal = fs::OpenOptions::new().create(true).append(true).open(path)?;
        if is_new {
            journal.write_all(format!("{}\n", json!({ "key": key })).as_bytes())?;
        }
        Ok(Begun::Folder(Self {
            to: to.into(),
            draft,
            journal: Mutex::new(journal),
            done: done.unwrap_or_default(),
            keep_draft: false,
        }))
    }

    /// What was begun stays where it is when it is not finished, to be taken up again.
    pub fn keep_draft(&mut self) {
        self.keep_draft = true;
    }

    /// The folder that is written to.
    pub fn draft(&self) -> &Path {
        &self.draft
    }

    /// What became of a series before the interruption, where every file of it is as it was written.
    pub fn done(&self, series_uid: &str) -> Option<DoneSeries> {
        let done = self.done.get(series_uid)?;
        let is_there = |file: &FileEntry| {
            entry(&self.draft, Path::new(&file.path))
                .is_ok_and(|e| (e.0, e.1) == (file.bytes, file.sha256.clone()))
        };
        done.files.iter().chain(&done.parts).all(is_there).then(|| done.clone())
    }

    /// Describes files that were written: length and hash, as they are read back.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn entries(
        &self,
        files: &[PathBuf],
        format: &str,
        of: Option<(&str, Option<u32>)>,
    ) -> io::Result<Vec<FileEntry>> {
        files
            .iter()
            .map(|path| {
                let (bytes, sha256) = entry(&self.draft, path)?;
                Ok(FileEntry {
                    path: path.to_string_lossy().into_owned(),
                    bytes,
                    sha256,
                    format: format.into(),
                    series_uid: of.map(|(uid, _)| uid.to_owned()),
                    stack: of.and_then(|(_, stack)| stack),
                })
            })
            .collect()
    }

    /// A series is done.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn record(&self, done: &DoneSeries) -> io::Result<()> {
        let line = serde_json::to_string(done)? + "\n";
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }

    /// Writes a document of the dataset.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn document(&self, name: &str, text: &str) -> io::Result<FileEntry> {
        fs::write(self.draft.join(name), text)?;
        let mut entries = self.entries(&[PathBuf::from(name)], "document", None)?;
        entries.pop().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Writes the manifest and puts the whole in its place in one step; the manifest's SHA-256. `manifest` has the files.
    ///
    /// # Errors
    /// The disk refuses, or the place holds files that are not of the dataset; nothing is changed there then.
    pub fn finish(mut self, manifest: &Value) -> io::Result<String> {
        let text = serde_json::to_string_pretty(manifest).map_err(io::Error::other)? + "\n";
        let scratch = self.draft.join(SCRATCH);
        if scratch.exists() {
            fs::remove_dir_all(scratch)?;
        }
        fs::write(self.draft.join(MANIFEST), &text)?;
        fs::remove_file(self.draft.join(JOURNAL))?;
        if self.to.exists() {
            self.make_room()?;
        }
        rustix::fs::syncfs(File::open(&self.draft)?)?;
        fs::rename(&self.draft, &self.to)?;
        self.keep_draft = false;
        Ok(hex::encode(Sha256::digest(text)))
    }

    /// Takes away what an interrupted copy of the same dataset has left in its place.
    fn make_room(&self) -> io::Result<()> {
        let (ours, there) = (files_below(&self.draft)?, files_below(&self.to)?);
        if let Some(strange) = there.difference(&ours).next() {
            let words = format!("the folder holds {} which is no part of this dataset", strange.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, words));
        }
        fs::remove_dir_all(&self.to)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Gone after `finish`; otherwise half a dataset, which nobody is to find.
        if !self.keep_draft {
            let _ = fs::remove_dir_all(&self.draft);
        }
    }
}

/// The dataset of a folder, where it has this key and every file is as its manifest says.
fn complete(folder: &Path, key: &str) -> Result<Option<Complete>, BeginError> {
    let Ok(text) = fs::read_to_string(folder.join(MANIFEST)) else { return Ok(None) };
    let Ok(manifest) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    if manifest["key"] != key {
        return Err(BeginError::Another);
    }
    let files: Vec<FileEntry> = serde_json::from_value(manifest["files"].clone()).unwrap_or_default();
    let is_whole = files.iter().all(|file| {
        is_below(&file.path)
            && entry(folder, Path::new(&file.path)).is_ok_and(|e| e == (file.bytes, file.sha256.clone()))
    });
    let named: BTreeSet<PathBuf> = files.iter().map(|f| PathBuf::from(&f.path)).collect();
    let there: BTreeSet<PathBuf> =
        files_below(folder)?.into_iter().filter(|p| p != Path::new(MANIFEST)).collect();
    let is_same = is_whole && named == there;
    Ok(is_same.then(|| Complete { manifest, sha256: hex::encode(Sha256::digest(text)) }))
}

/// Whether a path stays below the folder that it is joined to.
fn is_below(path: &str) -> bool {
    Path::new(path).components().all(|c| matches!(c, std::path::Component::Normal(_)))
}

/// What the journal of a draft tells; nothing where it is of something else.
fn taken_up(draft: &Path, key: &str) -> io::Result<Option<HashMap<String, DoneSeries>>> {
    let Ok(file) = File::open(draft.join(JOURNAL)) else { return Ok(None) };
    let mut lines = BufReader::new(file).lines();
    let head: Value = match lines.next() {
        Some(Ok(line)) => serde_json::from_str(&line).unwrap_or_default(),
        _ => return Ok(None),
    };
    if head["key"] != key {
        return Ok(None);
    }
    let mut done = HashMap::new();
    // The last line may be half a line.
    for line in lines.map_while(Result::ok) {
        let Ok(one) = serde_json::from_str::<DoneSeries>(&line) else { continue };
        if one.files.iter().chain(&one.parts).all(|f| is_below(&f.path)) {
            done.insert(one.series_uid.clone(), one);
        }
    }
    Ok(Some(done))
}

/// Length and SHA-256 of a file.
fn entry(root: &Path, path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(root.join(path))?;
    let mut hash = Sha256::new();
    let (mut bytes, mut buffer) = (0, vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => {
                hash.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
    Ok((bytes, hex::encode(hash.finalize())))
}

/// Regular files below a folder, by their paths below it.
fn files_below(root: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if let Ok(below) = entry.path().strip_prefix(root) {
                found.insert(below.to_path_buf());
            }
        }
    }
    Ok(found)
}

/// Counts of what was left out, by kind.
pub fn kinds(left_out: &[LeftOut]) -> BTreeMap<&str, u64> {
    let mut kinds = BTreeMap::new();
    for left in left_out {
        *kinds.entry(left.kind.as_str()).or_default() += 1;
    }
    kinds
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn folder(to: &Path, key: &str, resume: bool) -> Folder {
        match Folder::begin(to, key, resume).unwrap() {
            Begun::Folder(folder) => folder,
            Begun::Complete(_) => panic!("it is not complete"),
        }
    }

    fn add(folder: &Folder, uid: &str) -> DoneSeries {
        let path = PathBuf::from(format!("{uid}.txt"));
        fs::write(folder.draft().join(&path), uid).unwrap();
        let files = folder.entries(&[path], "test", Some((uid, None))).unwrap();
        let done = DoneSeries { series_uid: uid.into(), files, written: true, ..DoneSeries::default() };
        folder.record(&done).unwrap();
        done
    }

    fn manifest(key: &str, all: &[DoneSeries]) -> Value {
        let files: Vec<&FileEntry> = all.iter().flat_map(|d| &d.files).collect();
        json!({ "key": key, "files": files })
    }

    #[test]
    fn what_was_done_is_taken_up_unless_it_was_changed() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("set");
        let mut first = folder(&to, "k", true);
        first.keep_draft();
        let (one, two) = (add(&first, "1"), add(&first, "2"));
        drop(first);
        assert!(!to.exists());
        let second = folder(&to, "k", true);
        fs::write(second.draft().join("2.txt"), "3").unwrap();
        assert_eq!(second.done("1").as_ref(), Some(&one));
        assert_eq!((second.done("2"), second.done("3")), (None, None));
        add(&second, "2");
        second.finish(&manifest("k", &[one, two])).unwrap();
        assert!(matches!(Folder::begin(&to, "k", true), Ok(Begun::Complete(_))));
        assert!(matches!(Folder::begin(&to, "k", false), Err(BeginError::Occupied)));
        assert!(matches!(Folder::begin(&to, "other", true), Err(BeginError::Another)));
    }

    #[test]
    fn a_draft_of_something_else_is_not_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("set");
        let mut first = folder(&to, "k", true);
        first.keep_draft();
        add(&first, "1");
        drop(first);
        let second = folder(&to, "other", true);
        assert_eq!(second.done("1"), None);
        assert!(!second.draft().join("1.txt").exists());
    }

    #[test]
    fn a_damaged_dataset_is_made_whole_and_a_strange_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("set");
        let first = folder(&to, "k", false);
        let one = add(&first, "1");
        first.finish(&manifest("k", std::slice::from_ref(&one))).unwrap();
        fs::write(to.join("1.txt"), "cut").unwrap();
        let again = folder(&to, "k", true);
        add(&again, "1");
        again.finish(&manifest("k", std::slice::from_ref(&one))).unwrap();
        assert_eq!(fs::read_to_string(to.join("1.txt")).unwrap(), "1");
        fs::write(to.join("notes.txt"), "mine").unwrap();
        let third = folder(&to, "k", true);
        add(&third, "1");
        assert!(third.finish(&manifest("k", &[one])).is_err());
        assert_eq!(fs::read_to_string(to.join("notes.txt")).unwrap(), "mine");
    }
}
