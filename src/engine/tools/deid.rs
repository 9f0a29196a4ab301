//! De-identifies a tree of files into another, streaming: memory holds some files, never the tree.

mod compare;
mod kept;
mod ordered_pool;
mod output_layout;
mod report;
mod study_identifiers;
mod walk;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use crate::bytes::{MemoryBudget, NoRoom, SpillConfig};
use crate::deid::{Context, Deidentifier, HELD_AT_ONCE, Outcome, Reason, Record};
use crate::dicom::Contents;
use crate::model::words::io_words;
use crate::model::{Vetting, text};
use crate::source::archive::MemberError;
use crate::source::{Item, Unreadable};
pub use compare::{Comparison, Difference, compare};
use kept::Kept;
use ordered_pool::in_order;
use output_layout::{Names, Places};
pub use report::Summary;
use study_identifiers::IdentifierStore;
use walk::Walk;

/// How many files there are between two words on how far it is.
const SHOWN_EVERY: u64 = 16;

/// What to de-identify, and where to.
#[derive(Debug)]
pub struct Options<'a> {
    /// A folder or a single file.
    pub input: &'a Path,
    /// The folder that gets `instances/…` and `ledger.jsonl`; nothing is written where there is none (dry run).
    pub output: Option<&'a Path>,
    /// The private crosswalk.
    pub map: Option<&'a Path>,
    /// What somebody has said of their pixels.
    pub vetting: &'a Vetting,
    /// The site that the files come from.
    pub site: &'a str,
}

/// Why a run stopped. Names what the user named, nothing found below it.
#[derive(Debug, thiserror::Error)]
pub enum DeidError {
    /// The input is missing or cannot be read.
    #[error("the input cannot be read: {}", io_words(*.0))]
    Input(io::ErrorKind),
    /// Input, output or map lie in each other, or the output holds something else.
    #[error("{0}")]
    Usage(&'static str),
    /// The system has no room for what the first pass must remember.
    #[error("there is no room to remember whom the studies name (temporary files need space)")]
    Known,
    /// The output cannot be written.
    #[error("the output cannot be written: {}", io_words(*.0))]
    Output(io::ErrorKind),
}

/// A line of the ledger before the record.
#[derive(Serialize)]
struct LedgerHead<'a> {
    output: Option<&'a str>,
    status: &'static str,
    reason: Option<&'static str>,
    detail: Option<&'a str>,
}

/// Instances in a row of which the ledger says the same.
struct Alike {
    record: Record,
    json: String,
    times: u64,
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
    let memory = MemoryBudget::new(HELD_AT_ONCE);
    // Beside what it becomes: there is room for it, and it is sealed.
    let scratch = SpillConfig { folder: places.output.as_deref(), memory: Some(&memory) };
    let mut books = Books::open(&places, &input, Summary::of(deidentifier))?;
    let kept = Kept::new();
    let known = IdentifierStore::gather(deidentifier, Walk::new(&input), scratch, &kept)?;
    let mut walk = Walk::new(&input);
    let context = Context { site: options.site, vetting: options.vetting, known: &known, scratch };
    let done = |item: &Item| done(deidentifier, item, &context, &places, &kept);
    let written = in_order(walk.by_ref(), done, |item, done| {
        books.enter(&item, done?)?;
        if books.summary.instances.is_multiple_of(SHOWN_EVERY) {
            progress(books.summary.instances);
        }
        Ok(())
    });
    if let Err(error) = written {
        let _ = places.forget_drafts();
        return Err(error);
    }
    books.count_alike();
    let Books { ledger, map, names, mut summary, .. } = books;
    progress(summary.instances);
    summary.unreadable_folders = walk.unreadable;
    places.finish(ledger, map, &names)?;
    summary.elapsed_ms = started.elapsed().as_millis() as u64;
    Ok(summary)
}

/// What is written of every file, in the order of the files.
struct Books<'r> {
    places: &'r Places,
    input: &'r Path,
    names: Names,
    ledger: Option<BufWriter<File>>,
    map: Option<BufWriter<File>>,
    summary: Summary,
    alike: Option<Alike>,
}

impl<'r> Books<'r> {
    fn open(places: &'r Places, input: &'r Path, summary: Summary) -> Result<Self, DeidError> {
        let (ledger, map) = (places.ledger()?, places.map_file()?);
        Ok(Self { places, input, names: Names::default(), ledger, map, summary, alike: None })
    }

    /// Gives an output its name, and puts down what became of its source.
    fn enter(&mut self, item: &Item, Done { outcome, draft }: Done) -> Result<(), DeidError> {
        let name = self.names.of(&outcome);
        if let (Some(draft), Some(name)) = (draft, &name) {
            self.places.put(&draft, name)?;
        }
        self.summary.count(&outcome);
        let (status, reason, detail, record) = parts(&outcome);
        let head = LedgerHead { output: name.as_deref(), status, reason, detail };
        let written = matches!(outcome, Outcome::Written { .. });
        self.note(record, written);
        if let (Some(ledger), Some(alike)) = (&mut self.ledger, &self.alike) {
            let head = text::json(&head);
            let (head, rest) = (head.strip_suffix('}'), alike.json.strip_prefix('{'));
            put(ledger, &[head.unwrap_or_default(), ",", rest.unwrap_or_default(), "\n"].concat())?;
        }
        if self.map.is_none() {
            return Ok(());
        }
        let path = item.shown();
        let source = path.strip_prefix(self.input).ok().filter(|p| !p.as_os_str().is_empty());
        let source = source.or(path.file_name().map(Path::new)).unwrap_or(&path).to_string_lossy();
        put_line(&mut self.map, &MapLine { source: &source, output: name.as_deref(), status, reason })
    }

    /// Has the record of an instance at hand as the ledger writes it.
    fn note(&mut self, record: &Record, written: bool) {
        if !self.alike.as_ref().is_some_and(|alike| alike.record == *record) {
            self.count_alike();
        }
        let alike = self.alike.get_or_insert_with(|| Alike {
            record: record.clone(),
            json: text::json(record),
            times: 0,
        });
        alike.times += u64::from(written);
    }

    /// Counts what was done to the instances in a row that were written.
    fn count_alike(&mut self) {
        if let Some(Alike { record, times, .. }) = self.alike.take() {
            self.summary.done_to(&record, times);
        }
    }
}

/// What became of a file.
struct Done {
    /// Without its bytes: they are written.
    outcome: Outcome,
    /// Where they are until the name is known.
    draft: Option<PathBuf>,
}

fn done(
    deidentifier: &Deidentifier,
    item: &Item,
    context: &Context<'_>,
    places: &Places,
    kept: &Kept,
) -> Result<Done, DeidError> {
    let outcome = one(deidentifier, item, context, kept).map_err(|NoRoom(kind)| DeidError::Output(kind))?;
    match outcome {
        Outcome::Written { bytes, facts, record } => {
            let draft = places.draft(&bytes)?;
            Ok(Done { outcome: Outcome::Written { bytes: Vec::new().into(), facts, record }, draft })
        }
        outcome => Ok(Done { outcome, draft: None }),
    }
}

fn one(
    deidentifier: &Deidentifier,
    item: &Item,
    context: &Context<'_>,
    kept: &Kept,
) -> Result<Outcome, NoRoom> {
    let contents = match kept.open(item, context.scratch) {
        Ok(bytes) => Contents::of(bytes, context.scratch),
        Err(error) => {
            let refused = || deidentifier.refuse(reason_of(&error), &error.to_string());
            return error.no_room().map_or_else(|| Ok(refused()), Err);
        }
    };
    // A defect in reading one file must not take the others with it.
    let process = AssertUnwindSafe(|| deidentifier.process(&contents, context));
    catch_unwind(process).unwrap_or_else(|_| {
        let defect = "the de-identification failed on it; a defect of Gantry";
        Ok(deidentifier.refuse(Reason::CannotBeMadeSafe, defect))
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
            MemberError::Io(_) | MemberError::NoRoom(_) => Reason::Unreadable,
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
    to.as_mut().map_or(Ok(()), |to| put(to, &(text::json(line) + "\n")))
}

fn put(to: &mut BufWriter<File>, line: &str) -> Result<(), DeidError> {
    to.write_all(line.as_bytes()).map_err(|e| DeidError::Output(e.kind()))
}
