//! A program of the site writes what a stack becomes: in a folder of its own, with a time limit, with nothing of the
//! environment but a search path.
//!
//! It finds `input/image.nii.gz`, `input/STRUCTURE.nii.gz` for each structure that was looked for, and `input/series.json` as the
//! format `json` has it; what it leaves in `output` goes into the dataset below `NAME/SUBJECT/SERIES`. A stack of which it makes
//! nothing, or at which it fails, is left out and named.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::item::{ending, plain_name, subject_folder};
use super::json::document;
use super::{Exporter, Out, StackItem, Volumes};
use crate::model::text::visible;
use crate::model::words::io_words;
use crate::volume::{self, Format};

/// How a format of this kind begins on the command line.
pub const PREFIX: &str = "command:";
/// Where the program finds other programs.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Files that it may leave for a stack.
const MOST_FILES: usize = 10_000;
/// Folders within each other that it may leave.
const DEEPEST: usize = 16;
/// Bytes of its last words that are told.
const LAST_WORDS: u64 = 200;

/// A program that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    name: String,
    line: Vec<String>,
    limit: Duration,
}

/// How it ended.
enum Ended {
    Well,
    Failed(ExitStatus),
    TooLong,
}

impl Program {
    /// A program under a name; of its arguments `{input}` and `{output}` are the folders.
    pub fn new(name: &str, line: &[String], limit: Duration) -> Self {
        Self { name: format!("{PREFIX}{name}"), line: line.to_vec(), limit }
    }

    /// The name without the kind of format.
    fn own_name(&self) -> &str {
        self.name.strip_prefix(PREFIX).unwrap_or(&self.name)
    }

    fn run(&self, folder: &Path, errors: &fs::File) -> io::Result<Ended> {
        let (input, output) = (folder.join("input"), folder.join("output"));
        let filled = |argument: &String| {
            argument
                .replace("{input}", &input.to_string_lossy())
                .replace("{output}", &output.to_string_lossy())
        };
        let mut line = self.line.iter().map(filled);
        let program = line.next().ok_or(io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(line)
            .current_dir(folder)
            .env_clear()
            .envs([("PATH", SEARCH_PATH), ("LC_ALL", "C.UTF-8")])
            .envs([("HOME", folder), ("TMPDIR", folder)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors.try_clone()?)
            .process_group(0)
            .spawn()?;
        let ended = self.wait(&mut child);
        // Whatever it has started ends with it.
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
        ended
    }

    fn wait(&self, child: &mut Child) -> io::Result<Ended> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match child.try_wait()? {
                Some(status) if status.success() => return Ok(Ended::Well),
                Some(status) => return Ok(Ended::Failed(status)),
                None if began.elapsed() >= self.limit => return Ok(Ended::TooLong),
                None => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// What the program finds.
    fn fill(item: &StackItem<'_>, input: &Path) -> io::Result<()> {
        fs::create_dir_all(input)?;
        item.lend_image(&input.join("image.nii.gz"))?;
        for label in item.drawn {
            let path = input.join(format!("{}.nii.gz", plain_name(&label.structure)));
            volume::write(&label.volume()?, &path, Format::Nifti)?;
        }
        let text = serde_json::to_string_pretty(&document(item)).map_err(io::Error::other)?;
        fs::write(input.join("series.json"), text + "\n")
    }

    /// Moves what it has left into the dataset.
    fn take(&self, item: &StackItem<'_>, output: &Path, out: &mut Out<'_>) -> io::Result<usize> {
        let mut left = Vec::new();
        if !fs::symlink_metadata(output)?.is_dir() {
            return Err(invalid("its output is no folder any more"));
        }
        gather(output, Path::new(""), 0, &mut left)?;
        left.sort();
        let of_stack =
            Path::new(self.own_name()).join(subject_folder(&item.of.content.subject)).join(item.name());
        for relative in &left {
            let to = out.file(&of_stack.join(relative))?;
            fs::rename(output.join(relative), to)?;
        }
        Ok(left.len())
    }
}

impl Exporter for Program {
    fn name(&self) -> &str {
        &self.name
    }

    fn volumes(&self) -> Volumes {
        Volumes::Needed
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let key = ending(Path::new(self.own_name()), &format!("-{}", item.key()));
        let folder = out.part_of(&key.to_string_lossy());
        if folder.exists() {
            clear(&folder)?;
        }
        let output = folder.join("output");
        fs::create_dir_all(&output)?;
        Self::fill(item, &folder.join("input"))?;
        // Read by what was opened: what stands under the name in the end is the program's.
        let path = folder.join("stderr");
        let mut errors = fs::File::options().read(true).write(true).create_new(true).open(path)?;
        let why = match self.run(&folder, &errors) {
            Ok(Ended::Well) => match self.take(item, &output, out) {
                Ok(0) => Some("its program left nothing".to_owned()),
                Ok(_) => None,
                Err(error) => Some(format!("what its program left cannot be taken: {error}")),
            },
            Ok(Ended::Failed(status)) => {
                Some(format!("its program ended with {status}{}", last_words(&mut errors)))
            }
            Ok(Ended::TooLong) => Some(format!("its program took longer than {} s", self.limit.as_secs())),
            Err(error) => Some(format!("its program cannot be run: {}", io_words(error.kind()))),
        };
        if let Some(why) = why {
            out.leave_out("command", why);
        }
        clear(&folder)
    }
}

/// Removes a folder, whatever its folders allow.
fn clear(folder: &Path) -> io::Result<()> {
    open_folders(folder)?;
    fs::remove_dir_all(folder)
}

fn open_folders(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Regular files below a folder, by their paths below it. Links are not followed.
fn gather(folder: &Path, below: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, relative) = (entry.file_type()?, below.join(entry.file_name()));
        if relative.to_str().is_none_or(|name| name.chars().any(char::is_control)) {
            return Err(invalid("a name that is no plain text"));
        }
        if kind.is_dir() {
            if depth >= DEEPEST {
                return Err(invalid("folders too deep within each other"));
            }
            gather(&entry.path(), &relative, depth + 1, found)?;
        } else if kind.is_file() {
            found.push(relative);
        }
        if found.len() > MOST_FILES {
            return Err(invalid("more files than a stack may become"));
        }
    }
    Ok(())
}

/// The last line that the program wrote to its standard error.
fn last_words(errors: &mut fs::File) -> String {
    let mut tail = Vec::new();
    let length = errors.seek(SeekFrom::End(0)).unwrap_or(0);
    let read = errors
        .seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS)))
        .and_then(|_| errors.take(LAST_WORDS).read_to_end(&mut tail));
    let text = if read.is_ok() { String::from_utf8_lossy(&tail).into_owned() } else { String::new() };
    match text.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", visible(line.trim())),
        None => String::new(),
    }
}
