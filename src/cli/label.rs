//! `gantry label`: reads in, listed, one by one.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::connect::connect;
use super::label_convert::{self, ConvertArgs};
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{ImportOutcome, ImportReads, ImportedFile, ImportedLabel, UndoImport};
use crate::engine::query::{
    Imports, LabelView, Page, RatedValue, SittingDetail, SittingHistory, SittingView, Sittings,
};
use crate::engine::tools::labels::{LabelError, show as contents};
use crate::engine::tools::{bytes_of, ratings};
use crate::model::words::io_words;

/// What comes by the standard input is at most this large: it goes to the daemon in one message.
const MOST_INLINE: usize = 16 << 20;
const TABLES: &str = "\
Tables are CSV (comma, semicolon or tab; UTF-8, UTF-16 or Latin-1), Parquet or JSON, plain or gzipped, long or wide; `-`
is the standard input. With semicolons 10,5 is 10.5. Columns are known by common names, in any case:
  series_uid   series_instance_uid, series      the original or the de-identified UID; mapped, never stored raw
  item         case, nodule, lesion, target …   within the series where there is one; kept as a pseudonym
  reader       rater, annotator, radiologist …  or --reader
  structure    organ, region, label …           or --structure
  guideline    guideline_version                or --guideline
  time         finished, read_at, date …        a date or time (UTC where it names no zone), or seconds or milliseconds
                                                since 1970; 3/4/2026 only where another date shows what is the month
  started, seconds                              when the read began, or how long it took
  name, value  rating/measure, score …          long: a row for each rating; without `value`, every column of
                                                numbers is a rating (wide: a row for each read)
  state                                         found, or none
A matrix has a column per reader: --matrix NAME says what they rated. Missing is an empty cell, NA, N/A, #N/A, null,
nan or -; a word in a measure that is numeric so far is refused with its row.
Absent or missing means \"not looked at\". \"Looked, and found nothing\" is `none` (nothing, absent, no finding,
not found) as a value or in `state`; of a named rating whose other values are words, `none` is a category.
Free text is refused with row and column; columns that look like identifiers of a person are left alone and listed.
Label files (DICOM segmentation, RT structure set, NIfTI, NRRD, MetaImage, COCO, Gantry's JSON) are laid on their series:
by the references that they hold, else by --series, else by what --match says of their names, else on the only series
with their voxels; else they wait (`label assign`). Each structure is a read of --reader: its voxels are kept by content,
its volume and diameters are measured, and what several readers drew is compared (`gantry agreement`). A label on other
voxels is refused with what differs.
Importing again counts duplicates; another value replaces the read and keeps the old one as history. Reads on series
that are not here yet wait for them. `undo` takes a whole import back; the history stays.

Examples:
  gantry label import ratings.csv
  gantry label import round2/ --reader reader-03 --guideline 2.0 --dry-run
  gantry label import matrix.csv --matrix malignancy
  gantry label import segmentations/ --reader reader-03
  gantry label import masks/ --match \"{series}_{reader}_{structure}.nii.gz\"
  gantry label import ratings.csv.gz
  gantry label imports
  gantry label undo 3
  gantry label list --reader reader-03 --limit 20
  gantry label show 17  # a read with its history
  gantry label show ratings.csv  # what a table holds; needs no workspace
  gantry label show seg.dcm  # structures, voxels, volumes, contours, measurements of a label file
  gantry label convert rtstruct.dcm masks/ --image ct-folder

Exit codes: 0 done; 1 some reads wait for series that are not here yet; 2 wrong usage; 3 workspace; 4 a table is refused (nothing of it is taken), no such read or import, or a later import has changed its reads";

const ASSIGN: &str = "\
Examples:
  gantry label assign reading.nii.gz 1.2.840.1 --reader reader-03 --names 1=liver

The series goes by its original or its de-identified UID. A label lies on the voxels of the series, or is refused with
what differs.

Exit codes: 0 done; 2 wrong usage; 3 workspace; 4 refused, or no such series";

/// Arguments of `gantry label`.
#[derive(Debug, Args)]
#[command(after_help = TABLES)]
pub struct LabelArgs {
    #[command(subcommand)]
    what: LabelCommand,
}

#[derive(Debug, Subcommand)]
enum LabelCommand {
    /// Take tables of what readers said and files of what they drew
    #[command(after_help = TABLES)]
    Import {
        /// Tables, label files, or folders of them; - is the standard input
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Who read, where a table does not say
        #[arg(long, value_name = "R")]
        reader: Option<String>,
        /// Under which version of the guideline, where a table does not say
        #[arg(long, value_name = "G")]
        guideline: Option<String>,
        /// Which structure, where a table does not say
        #[arg(long, value_name = "S")]
        structure: Option<String>,
        /// The tables have a column per reader; this is what they rated
        #[arg(long, value_name = "NAME")]
        matrix: Option<String>,
        /// Label files: names of structures, such as 1=liver,2=spleen
        #[arg(long, value_name = "NUMBER=NAME", value_delimiter = ',', value_parser = super::measure::name)]
        names: Vec<(u32, String)>,
        /// Label files: the series, where a file names none
        #[arg(long, value_name = "UID")]
        series: Option<String>,
        /// Label files: what their names say, such as "{series}_{reader}_{structure}.nii.gz" ({subject}, {study}, {any})
        #[arg(long = "match", value_name = "TEMPLATE")]
        template: Option<String>,
        /// Label files: take the nearest voxel where a label lies on other voxels than its series
        #[arg(long)]
        resample: bool,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Take a label file of which nobody knew the series
    #[command(after_help = ASSIGN)]
    Assign {
        /// The label file
        file: PathBuf,
        /// The series, by its UID
        series: String,
        /// Who read
        #[arg(long, value_name = "R")]
        reader: Option<String>,
        /// Under which version of the guideline
        #[arg(long, value_name = "G")]
        guideline: Option<String>,
        /// Names of structures, such as 1=liver,2=spleen
        #[arg(long, value_name = "NUMBER=NAME", value_delimiter = ',', value_parser = super::measure::name)]
        names: Vec<(u32, String)>,
        /// Take the nearest voxel where the label lies on other voxels than its series
        #[arg(long)]
        resample: bool,
    },
    /// Write what a read drew, in any format
    Export(label_convert::ExportArgs),
    /// Take a whole import back: what stood before it stands again, the history stays
    Undo {
        /// The import's number, from `label imports`
        import: i64,
    },
    /// Imports, the latest first (lines)
    Imports {
        /// Imports at most
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// Reads, the latest first (lines)
    List {
        /// Only of this reader
        #[arg(long)]
        reader: Option<String>,
        /// Only of this structure
        #[arg(long)]
        structure: Option<String>,
        /// Only on this series
        #[arg(long, value_name = "UID")]
        series: Option<String>,
        /// Also reads that a later one has replaced
        #[arg(long)]
        history: bool,
        /// Reads at most
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// Write a label file in another format, on the voxels of its image
    Convert(ConvertArgs),
    /// One read with its history, or what a label file or a table holds
    Show {
        /// A read's number, or a file
        what: String,
    },
}

/// Runs the command.
///
/// # Errors
/// The workspace cannot be used, or a table is refused.
pub fn run(args: &LabelArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    match &args.what {
        LabelCommand::Import {
            paths,
            reader,
            guideline,
            structure,
            matrix,
            names,
            series,
            template,
            resample,
            dry_run,
        } => {
            let (inline, files): (Vec<_>, Vec<_>) = paths.iter().partition(|p| p.as_os_str() == "-");
            let command = ImportReads {
                paths: files.into_iter().map(|file| absolute(file)).collect::<Result<_, _>>()?,
                inline: inline.first().map(|_| standard_input()).transpose()?,
                reader: reader.clone(),
                guideline: guideline.clone(),
                structure: structure.clone(),
                matrix: matrix.clone(),
                names: names.clone(),
                series: series.clone(),
                template: template.clone(),
                resample: *resample,
                dry_run: *dry_run,
            };
            import(command, global, out)
        }
        LabelCommand::Assign { file, series, reader, guideline, names, resample } => {
            let command = ImportReads {
                paths: vec![absolute(file)?],
                reader: reader.clone(),
                guideline: guideline.clone(),
                names: names.clone(),
                series: Some(series.clone()),
                resample: *resample,
                ..ImportReads::default()
            };
            import(command, global, out)
        }
        LabelCommand::Export(args) => label_convert::export(args, global, out),
        LabelCommand::Undo { import } => {
            let undone = connect(global)?.client.act(UndoImport { import: *import })?;
            out.result(&undone, |u| {
                format!(
                    "import {} taken back: {} reads no longer stand, of {} stands again what stood before\n",
                    u.import, u.withdrawn, u.restored
                )
            });
            Ok(Exit::Done)
        }
        LabelCommand::Imports { limit } => imports(*limit, global, out),
        LabelCommand::List { reader, structure, series, history, limit } => {
            let page = Page { offset: 0, limit: *limit };
            let query = Sittings {
                reader: reader.clone(),
                structure: structure.clone(),
                series_uid: series.clone(),
                history: *history,
                page,
            };
            let rows = connect(global)?.client.ask(query)?;
            let mut page = out.page();
            for row in &rows.rows {
                page.result(row, line);
            }
            page.end();
            out.note(&format!("{} of {} reads", rows.rows.len(), rows.total));
            Ok(Exit::Done)
        }
        LabelCommand::Convert(args) => label_convert::run(args, out),
        LabelCommand::Show { what } => show(what, global, out),
    }
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let found = path.canonicalize();
    found
        .map(|p| p.to_string_lossy().into_owned())
        .map_err(|e| Failure::input(format!("{}: {}", path.display(), io_words(e.kind()))))
}

/// The bytes of the standard input in hexadecimal digits.
fn standard_input() -> Result<String, Failure> {
    let bytes = bytes_of(Path::new("-")).map_err(|e| Failure::input(format!("standard input: {e}")))?;
    if bytes.len() > MOST_INLINE {
        return Err(Failure::input("standard input: larger than 16 MiB").hint("save it to a file"));
    }
    Ok(hex::encode(bytes))
}

fn imports(limit: u32, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let rows = connect(global)?.client.ask(Imports { page: Page { offset: 0, limit } })?;
    let mut page = out.page();
    for row in &rows.rows {
        page.result(row, |i| {
            let at = super::stats::moment(i.at_ms);
            let undone = i.undone_ms.map(|ms| format!("  taken back {}", super::stats::moment(ms)));
            format!(
                "{:>5}  {at:<17} {:<16} {} reads{}",
                i.import,
                i.actor,
                i.reads,
                undone.unwrap_or_default()
            )
        });
    }
    page.end();
    out.note(&format!("{} of {} imports", rows.rows.len(), rows.total));
    Ok(Exit::Done)
}

fn import(command: ImportReads, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let outcome = connect(global)?.client.act(command)?;
    out.result(&outcome, told);
    let mut refused = outcome.files.iter().filter_map(|f| Some((f, f.refused.as_ref()?)));
    if let Some((file, why)) = refused.next() {
        let failure = Failure::input(format!("{}: {why}", file.path)).hint("nothing of this file was taken");
        let difference = file.label.as_ref().and_then(|l| l.difference.clone());
        return Err(match difference {
            Some(difference) => failure.detail("difference", difference),
            None => failure,
        });
    }
    let waits = outcome.total.unmatched + outcome.total.parked > 0;
    Ok(if waits { Exit::Findings } else { Exit::Done })
}

fn told(outcome: &ImportOutcome) -> String {
    let mut text: String = outcome.files.iter().map(file).collect();
    let t = &outcome.total;
    text += &format!(
        "{} reads: {} new, {} completed, {} corrected, {} duplicates, {} wait for series that are not here yet\n",
        t.reads, t.new, t.completed, t.corrected, t.duplicates, t.unmatched
    );
    match outcome.import {
        Some(import) => text += &format!("import {import}; `gantry label undo {import}` takes it back\n"),
        None if outcome.dry_run => text += "nothing was stored: this is what would happen\n",
        None => {}
    }
    text
}

fn file(f: &ImportedFile) -> String {
    if f.refused.is_some() {
        return format!("{}: refused\n", f.path);
    }
    if let Some(label) = &f.label {
        return label_file(f, label);
    }
    let c = &f.counts;
    let mut text = format!(
        "{}: {} rows, {} reads ({} new, {} completed, {} corrected, {} duplicates)",
        f.path, f.rows, c.reads, c.new, c.completed, c.corrected, c.duplicates
    );
    if f.empty_rows > 0 {
        text += &format!(", {} rows say nothing", f.empty_rows);
    }
    if f.without_series > 0 {
        text += &format!(", {} reads on items that belong to no series here", f.without_series);
    }
    text.push('\n');
    if !f.unmatched_rows.is_empty() {
        let rows: Vec<String> = f.unmatched_rows.iter().take(10).map(u64::to_string).collect();
        let more = if c.unmatched > 10 { " …" } else { "" };
        text += &format!(
            "  {} reads wait for series that are not here yet: rows {}{more}\n",
            c.unmatched,
            rows.join(", ")
        );
    }
    if !f.ignored_columns.is_empty() {
        text += &format!("  columns left alone: {}\n", f.ignored_columns.join(", "));
    }
    text
}

/// What became of a label file, for people.
fn label_file(f: &ImportedFile, label: &ImportedLabel) -> String {
    if f.counts.parked > 0 {
        return format!(
            "{}: waits, nobody knows its series; `gantry label assign FILE SERIES` says it\n",
            f.path
        );
    }
    let structures: Vec<String> = label
        .structures
        .iter()
        .map(|s| {
            if s.state == "none" {
                format!("{} none", s.name)
            } else {
                format!("{} {} voxels", s.name, s.voxels)
            }
        })
        .collect();
    let series = label.series_uid.as_deref().unwrap_or("–");
    let mut text = format!("{}: {} on series {series}: {}\n", f.path, label.format, structures.join(", "));
    label.warnings.iter().for_each(|w| text += &format!("  warning: {w}\n"));
    label.findings.iter().for_each(|f| text += &format!("  {}: {}\n", f.severity, f.message));
    text
}

fn show(what: &str, global: &Global, out: &Output) -> Result<Exit, Failure> {
    if let Ok(id) = what.parse::<i64>() {
        let found = connect(global)?.client.ask(SittingDetail { read: id })?;
        out.result(&found, history);
        return Ok(Exit::Done);
    }
    let path = Path::new(what);
    match contents(path) {
        Ok(contents) => out.result(&contents, label_convert::told),
        Err(LabelError::Unknown) => {
            let found = ratings::show(path).map_err(|why| Failure::input(format!("{what}: {why}")))?;
            out.result(&found, |value| serde_json::to_string_pretty(value).unwrap_or_default());
        }
        Err(why) => return Err(Failure::input(format!("{what}: {why}"))),
    }
    Ok(Exit::Done)
}

fn history(found: &SittingHistory) -> String {
    let mut text = line(&found.read) + "\n";
    found.read.labels.iter().for_each(|l| text += &format!("          {}\n", label_line(l)));
    found.read.findings.iter().for_each(|f| text += &format!("          {}: {}\n", f.severity, f.message));
    for read in found.history.iter().filter(|r| r.read != found.read.read) {
        text += &format!("  {}\n", line(read));
    }
    text
}

fn line(r: &SittingView) -> String {
    let labels: Vec<String> = r.labels.iter().map(short).collect();
    let replaced = match r.superseded_by {
        Some(by) if by == r.read => "  (taken back)".to_owned(),
        Some(by) => format!("  (replaced by {by})"),
        None if r.waiting => "  (waits for its series)".to_owned(),
        None => String::new(),
    };
    format!(
        "{:>7}  {:<17} {:<12} {:<6} {}  {}{replaced}",
        r.read,
        super::stats::moment(r.at_ms),
        r.reader,
        r.guideline,
        r.series_uid.as_deref().unwrap_or("-"),
        labels.join(", ")
    )
}

/// A label in a word or two.
fn short(l: &LabelView) -> String {
    let of = l.item.as_ref().map_or_else(String::new, |item| format!(" {item}"));
    let name = if l.structure.is_empty() { "" } else { l.structure.as_str() };
    let said = match (&l.value, &*l.state) {
        (_, "none") => "none".to_owned(),
        (Some(value), _) => value.to_string(),
        (None, _) => l.voxels.map_or_else(|| values(l), |n| format!("{n} voxels")),
    };
    format!("{name}{of} {said}").trim().to_owned()
}

fn values(l: &LabelView) -> String {
    l.values.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(" ")
}

/// A label with everything that was measured.
fn label_line(l: &LabelView) -> String {
    let measured = if l.value.is_none() && l.voxels.is_some() { values(l) } else { String::new() };
    format!("{:<40} {measured}", short(l)).trim_end().to_owned()
}

/// What was said, for people.
pub fn said_text(said: &RatedValue) -> String {
    match said {
        RatedValue::Number { value } => format!("{value}"),
        RatedValue::Category { value } => value.clone(),
        RatedValue::Nothing => "nothing".into(),
        RatedValue::Unsaid => "–".into(),
        RatedValue::NotLooked => "·".into(),
    }
}
