//! Where outputs, ledger and map go, and under which names.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{DeidError, Options};
use crate::bytes::ByteSource;
use crate::deid::Outcome;

const INSTANCES: &str = "instances";
const LEDGER: &str = "ledger.jsonl";
/// Files that are being written end with this until they are whole.
const UNFINISHED: &str = ".part";
/// What of ledger and map is gathered before it is written.
const GATHERED: usize = 128 << 10;

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

/// Names of outputs: the new UIDs, and a number where source files share one.
#[derive(Default)]
pub struct Names {
    /// How many outputs a UID has so far, by its number.
    taken: HashMap<u128, u32>,
}

impl Names {
    /// The name of an output, relative to the output folder.
    pub fn of(&mut self, outcome: &Outcome) -> Option<String> {
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
pub struct Places {
    /// The output folder.
    pub output: Option<PathBuf>,
    map: Option<PathBuf>,
    /// How many outputs were begun.
    drafts: AtomicU64,
}

impl Places {
    /// Checks that nothing lies in anything else, and makes the output folder.
    pub fn prepare(input: &Path, options: &Options<'_>) -> Result<Self, DeidError> {
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
        Ok(Self { output, map, drafts: AtomicU64::new(0) })
    }

    /// Writes an output, which gets its name later: a file that has one is whole. Nothing in a dry run.
    pub fn draft(&self, bytes: &ByteSource<'_>) -> Result<Option<PathBuf>, DeidError> {
        let Some(output) = &self.output else { return Ok(None) };
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let path = output.join(INSTANCES).join(format!("{number}{UNFINISHED}"));
        let write = || bytes.copy_to(&mut File::create(&path)?);
        write().map_err(|e| DeidError::Output(e.kind()))?;
        Ok(Some(path))
    }

    /// Takes away the drafts that have no name: of a run that stopped, or an earlier one.
    pub fn forget_drafts(&self) -> io::Result<()> {
        let Some(output) = &self.output else { return Ok(()) };
        for entry in fs::read_dir(output.join(INSTANCES))? {
            let entry = entry?;
            let is_draft = entry.file_name().to_string_lossy().ends_with(UNFINISHED);
            if is_draft && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Gives a draft its name.
    pub fn put(&self, draft: &Path, name: &str) -> Result<(), DeidError> {
        let Some(output) = &self.output else { return Ok(()) };
        let path = output.join(name);
        let put = || match fs::rename(draft, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&path))?;
                fs::rename(draft, &path)
            }
            other => other,
        };
        put().map_err(|e| DeidError::Output(e.kind()))
    }

    /// The ledger, unfinished.
    pub fn ledger(&self) -> Result<Option<BufWriter<File>>, DeidError> {
        self.output.as_ref().map(|o| create(&unfinished(&o.join(LEDGER)), 0o644)).transpose()
    }

    /// The private map, unfinished.
    pub fn map_file(&self) -> Result<Option<BufWriter<File>>, DeidError> {
        self.map.as_ref().map(|m| create(&unfinished(m), 0o600)).transpose()
    }

    /// Puts ledger and map in place and takes away what an earlier run left.
    pub fn finish(
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
                self.forget_drafts()?;
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
    open().map(|file| BufWriter::with_capacity(GATHERED, file)).map_err(|e| DeidError::Output(e.kind()))
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
