//! De-identifies a tree of files into another, streaming: memory holds a batch, never the tree.

mod known;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use crate::deid::{Context, Deidentifier, Known, Nobody, Outcome, Pixels, Reason, Record};
use crate::model::text;
use crate::source::archive::MemberError;
use crate::source::{Item, Unreadable, items};
use known::StudyNames;

/// A batch ends at this many source bytes or files.
const BATCH_BYTES: u64 = 48 << 20;
const BATCH_FILES: usize = 512;
const INSTANCES: &str = "instances";
const LEDGER: &str = "ledger.jsonl";
/// Files that are being written end with this until they are whole.
const UNFINISHED: &str = ".part";

/// What to de-identify, and where to.
#[derive(Debug)]
pub struct Options<'a> {
    /// A folder or a single file.
    pub input: &'a Path,
    /// The folder that gets `instances/…` and `ledger.jsonl`; nothing is written where there is none (dry run).
    pub output: Option<&'a Path>,
    /// The private crosswalk.
    pub map: Option<&'a Path>,
    /// Whether pixels are known to carry no text.
    pub pixels: Pixels,
    /// The site that the files come from.
    pub site: &'a str,
}

/// What became of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Regular files.
    pub instances: u64,
    /// De-identified and written.
    pub written: u64,
    /// DICOM that was not written, for a person to look at.
    pub quarantined: u64,
    /// What is never processable.
    pub rejected: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// How many of each reason.
    #[serde(skip)]
    pub reasons: std::collections::BTreeMap<&'static str, u64>,
    /// Folders that could not be read.
    #[serde(skip)]
    pub unreadable_folders: u64,
}

/// Why a run stopped. Names what the user named, nothing found below it.
#[derive(Debug, thiserror::Error)]
pub enum DeidError {
    /// The input is missing or cannot be read.
    #[error("the input cannot be read: {0}")]
    Input(io::ErrorKind),
    /// Input, output or map lie in each other, or the output holds something else.
    #[error("{0}")]
    Usage(&'static str),
    /// The system has no room for what the first pass must remember.
    #[error("there is no room to remember whom the studies name (temporary files need space)")]
    Known,
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(io::ErrorKind),
}

/// A line of the ledger.
#[derive(Serialize)]
struct LedgerLine<'a> {
    output: Option<&'a str>,
    status: &'static str,
    reason: Option<&'static str>,
    detail: Option<&'a str>,
    #[serde(flatten)]
    record: &'a Record,
}

/// A line of the private crosswalk.
#[derive(Serialize)]
struct MapLine<'a> {
    source: &'a str,
    output: Option<&'a str>,
    status: &'static str,
    reason: Option<&'static str>,
}

/// De-identifies every regular file below the input. Links are not followed. `progress` hears the number of files
/// done so far.
///
/// # Errors
/// [`DeidError`]; files that are refused are no error but counted.
pub fn run(
    deidentifier: &Deidentifier,
    options: &Options<'_>,
    progress: impl Fn(u64),
) -> Result<Summary, DeidError> {
    let started = Instant::now();
    let input = fs::canonicalize(options.input).map_err(|e| DeidError::Input(e.kind()))?;
    let places = Places::prepare(&input, options)?;
    let mut ledger = places.ledger()?;
    let mut map = places.map_file()?;
    let mut names = Names::default();
    let mut summary = Summary::default();
    let gathered =
        if input.is_dir() { Some(StudyNames::gather(deidentifier, Walk::new(&input))?) } else { None };
    let known = gathered.as_ref().map_or(&Nobody as &dyn Known, |g| g);
    let mut walk = Walk::new(&input);
    loop {
        let batch = walk.batch();
        if batch.is_empty() {
            break;
        }
        let context = Context { site: options.site, pixels: options.pixels, known };
        let outcomes: Vec<Outcome> = batch.par_iter().map(|item| one(deidentifier, item, &context)).collect();
        let named: Vec<Option<String>> = outcomes.iter().map(|o| names.of(o)).collect();
        if let Some(output) = &places.output {
            outcomes.par_iter().zip(&named).try_for_each(|(outcome, name)| match (outcome, name) {
                (Outcome::Written { bytes, .. }, Some(name)) => write_whole(&output.join(name), bytes),
                _ => Ok(()),
            })?;
        }
        for ((item, outcome), name) in batch.iter().zip(&outcomes).zip(&named) {
            let path = item.shown();
            summary.count(outcome);
            let (status, reason, detail, record) = parts(outcome);
            let line = LedgerLine { output: name.as_deref(), status, reason, detail, record };
            put_line(&mut ledger, &line)?;
            let source = path.strip_prefix(&input).ok().filter(|p| !p.as_os_str().is_empty());
            let source = source.or(path.file_name().map(Path::new)).unwrap_or(&path).to_string_lossy();
            put_line(&mut map, &MapLine { source: &source, output: name.as_deref(), status, reason })?;
        }
        progress(summary.instances);
    }
    summary.unreadable_folders = walk.unreadable;
    places.finish(ledger, map, &names)?;
    summary.elapsed_ms = started.elapsed().as_millis() as u64;
    Ok(summary)
}

impl Summary {
    fn count(&mut self, outcome: &Outcome) {
        self.instances += 1;
        match outcome {
            Outcome::Written { .. } => self.written += 1,
            Outcome::Quarantined { reason, .. } => {
                self.quarantined += 1;
                *self.reasons.entry(reason.code()).or_default() += 1;
            }
            Outcome::Rejected { reason, .. } => {
                self.rejected += 1;
                *self.reasons.entry(reason.code()).or_default() += 1;
            }
        }
    }
}

fn one(deidentifier: &Deidentifier, item: &Item, context: &Context<'_>) -> Outcome {
    let bytes = match item.read() {
        Ok(bytes) => bytes,
        Err(error) => return deidentifier.refuse(reason_of(&error), &error.to_string()),
    };
    // A defect in reading one file must not take the others with it.
    std::panic::catch_unwind(|| deidentifier.process(&bytes, context)).unwrap_or_else(|_| {
        deidentifier
            .refuse(Reason::CannotBeMadeSafe, "the de-identification failed on it; a defect of Gantry")
    })
}

/// Why an item that cannot be read is rejected.
fn reason_of(error: &Unreadable) -> Reason {
    match error {
        Unreadable::TooLarge => Reason::TooLarge,
        Unreadable::Member(member) => match member {
            MemberError::Unsafe(_) => Reason::UnsafeArchiveMember,
            MemberError::TooLarge => Reason::TooLarge,
            MemberError::Method | MemberError::Damaged | MemberError::Empty => Reason::ArchiveUnreadable,
            MemberError::Io(_) => Reason::Unreadable,
        },
        Unreadable::Io(_) => Reason::Unreadable,
    }
}

type Parts<'o> = (&'static str, Option<&'static str>, Option<&'o str>, &'o Record);

fn parts(outcome: &Outcome) -> Parts<'_> {
    match outcome {
        Outcome::Written { record, .. } => ("written", None, None, record),
        Outcome::Quarantined { reason, detail, record } => {
            ("quarantined", Some(reason.code()), Some(detail), record)
        }
        Outcome::Rejected { reason, detail, record } => {
            ("rejected", Some(reason.code()), Some(detail), record)
        }
    }
}

fn put_line(to: &mut Option<BufWriter<File>>, line: &impl Serialize) -> Result<(), DeidError> {
    let Some(to) = to else { return Ok(()) };
    let mut json = text::json(line);
    json.push('\n');
    to.write_all(json.as_bytes()).map_err(|e| DeidError::Output(e.kind()))
}

/// Writes under another name first: a file that is there is whole.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DeidError> {
    let unfinished = unfinished(path);
    let write = || -> io::Result<()> {
        match fs::write(&unfinished, bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(path))?;
                fs::write(&unfinished, bytes)?;
            }
            other => other?,
        }
        fs::rename(&unfinished, path)
    };
    write().map_err(|e| DeidError::Output(e.kind()))
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

/// Names of outputs: the new UIDs, and a number where source files share one.
#[derive(Default)]
struct Names {
    /// How many outputs a UID has so far, by its number.
    taken: HashMap<u128, u32>,
}

impl Names {
    fn of(&mut self, outcome: &Outcome) -> Option<String> {
        let Outcome::Written { facts, .. } = outcome else { return None };
        let count = self.taken.entry(number_of(&facts.sop_uid)).or_default();
        *count += 1;
        let suffix = if *count > 1 { format!("-{count}") } else { String::new() };
        Some(format!("{INSTANCES}/{}/{}{suffix}.dcm", facts.series_uid, facts.sop_uid))
    }

    /// Whether an output of this run has this file name.
    fn has(&self, name: &str) -> bool {
        let stem = name.strip_suffix(".dcm").unwrap_or(name);
        let (uid, number) = stem.split_once('-').unwrap_or((stem, "1"));
        let count = self.taken.get(&number_of(uid)).copied().unwrap_or(0);
        number.parse().is_ok_and(|n: u32| (1..=count).contains(&n))
    }
}

/// The number in a UUID-derived UID; of any other UID a hash.
fn number_of(uid: &str) -> u128 {
    uid.strip_prefix("2.25.").and_then(|n| n.parse().ok()).unwrap_or_else(|| {
        let fold = |n: u128, b: u8| (n ^ u128::from(b)).wrapping_mul(0x0100_0000_01B3);
        uid.bytes().fold(0x6C62_272E_07BB_0142_62B8_2175_6295_C58D, fold)
    })
}

/// Where things go.
struct Places {
    output: Option<PathBuf>,
    map: Option<PathBuf>,
}

impl Places {
    fn prepare(input: &Path, options: &Options<'_>) -> Result<Self, DeidError> {
        let output = match options.output {
            None => None,
            Some(path) => {
                let path = resolved(path).map_err(|e| DeidError::Output(e.kind()))?;
                if path.starts_with(input) || input.starts_with(&path) {
                    return Err(DeidError::Usage("input and output may not lie in each other"));
                }
                check_output(&path)?;
                fs::create_dir_all(path.join(INSTANCES)).map_err(|e| DeidError::Output(e.kind()))?;
                Some(path)
            }
        };
        let map = match options.map.filter(|_| output.is_some()) {
            None => None,
            Some(path) => {
                let path = resolved(path).map_err(|e| DeidError::Output(e.kind()))?;
                if output.as_ref().is_some_and(|o| path.starts_with(o)) {
                    return Err(DeidError::Usage("the map names sources and must lie outside the output"));
                }
                if path.starts_with(input) {
                    return Err(DeidError::Usage("the map may not lie in the input"));
                }
                Some(path)
            }
        };
        Ok(Self { output, map })
    }

    fn ledger(&self) -> Result<Option<BufWriter<File>>, DeidError> {
        self.output.as_ref().map(|o| create(&unfinished(&o.join(LEDGER)), 0o644)).transpose()
    }

    fn map_file(&self) -> Result<Option<BufWriter<File>>, DeidError> {
        self.map.as_ref().map(|m| create(&unfinished(m), 0o600)).transpose()
    }

    fn finish(
        &self,
        ledger: Option<BufWriter<File>>,
        map: Option<BufWriter<File>>,
        names: &Names,
    ) -> Result<(), DeidError> {
        let close = |file: Option<BufWriter<File>>, path: Option<PathBuf>| -> io::Result<()> {
            if let (Some(file), Some(path)) = (file, path) {
                file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
                fs::rename(unfinished(&path), &path)?;
            }
            Ok(())
        };
        let all = || -> io::Result<()> {
            if let Some(output) = &self.output {
                sweep(&output.join(INSTANCES), names)?;
            }
            close(map, self.map.clone())?;
            close(ledger, self.output.as_ref().map(|o| o.join(LEDGER)))
        };
        all().map_err(|e| DeidError::Output(e.kind()))
    }
}

/// An absolute path of something that need not exist yet, links in its existing part resolved.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    if let Ok(path) = fs::canonicalize(path) {
        return Ok(path);
    }
    let absolute = std::path::absolute(path)?;
    let name = absolute.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    let parent = absolute.parent().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(resolved(parent)?.join(name))
}

/// The output is new, empty, or of an earlier run.
fn check_output(path: &Path) -> Result<(), DeidError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DeidError::Output(error.kind())),
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name != INSTANCES && name.strip_suffix(UNFINISHED).unwrap_or(&name) != LEDGER {
            return Err(DeidError::Usage("the output folder holds something else; give an empty one"));
        }
    }
    Ok(())
}

/// A new file with these permissions, never through a link that somebody put there.
fn create(path: &Path, mode: u32) -> Result<BufWriter<File>, DeidError> {
    let open = || -> io::Result<File> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
    };
    open().map(BufWriter::new).map_err(|e| DeidError::Output(e.kind()))
}

/// Takes away what an earlier run left that this one did not write, so that the ledger tells all.
fn sweep(instances: &Path, names: &Names) -> io::Result<()> {
    for series in fs::read_dir(instances)? {
        let series = series?;
        if !series.file_type()?.is_dir() {
            continue;
        }
        let mut left = 0;
        for entry in fs::read_dir(series.path())? {
            let entry = entry?;
            if names.has(&entry.file_name().to_string_lossy()) {
                left += 1;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        if left == 0 {
            fs::remove_dir(series.path())?;
        }
    }
    Ok(())
}

/// Regular files below a folder in the order of their names, without following links; archives member by member.
struct Walk {
    /// What is still to be looked at, the next one last.
    pending: Vec<Pending>,
    unreadable: u64,
}

enum Pending {
    Folder(PathBuf),
    File(PathBuf),
    Item(Item),
}

impl Walk {
    fn new(root: &Path) -> Self {
        let first = if root.is_dir() { Pending::Folder(root.into()) } else { Pending::File(root.into()) };
        Self { pending: vec![first], unreadable: 0 }
    }

    fn batch(&mut self) -> Vec<Item> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_FILES && bytes < BATCH_BYTES {
            match self.pending.pop() {
                None => break,
                Some(Pending::Folder(path)) => self.open(&path),
                Some(Pending::File(path)) => {
                    let found = items(&path, &std::env::temp_dir());
                    self.pending.extend(found.into_iter().rev().map(Pending::Item));
                }
                Some(Pending::Item(item)) => {
                    bytes += item.bytes();
                    batch.push(item);
                }
            }
        }
        batch
    }

    fn open(&mut self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else {
            self.unreadable += 1;
            return;
        };
        let mut found: Vec<(PathBuf, bool)> = entries
            .flatten()
            .filter_map(|entry| {
                let kind = entry.file_type().ok()?;
                (kind.is_dir() || kind.is_file()).then(|| (entry.path(), kind.is_dir()))
            })
            .collect();
        found.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        let pending = |(path, is_dir)| if is_dir { Pending::Folder(path) } else { Pending::File(path) };
        self.pending.extend(found.into_iter().map(pending));
    }
}
