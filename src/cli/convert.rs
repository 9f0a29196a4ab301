//! `gantry convert`.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use super::{Exit, Failure, Output, progress};
use crate::engine::tools::convert::{self, Format, How, Outcome, Pattern, PhilipsScale, Standard};
use crate::engine::tools::gather::{Gathered, gather};
use crate::engine::tools::sheet;
use crate::model::words::{io_error, io_words};
use crate::series::Series;

/// Write series as volumes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gantry convert ct-folder scan.nii.gz
  gantry convert study-folder sheet.png --series 1.2.840.1
  gantry --json convert study-folder volumes/
  gantry convert head-ct head.nii.gz --untilt --orientation RAS --spacing 1 --range -1000,400

OUT ends in .nii, .nii.gz or .nrrd for one series, in .png for a contact sheet; a folder takes every volume of every series as NIfTI.
Values are rescaled; integers stay integers where that is exact. A stack that is no volume is named, never written.
--untilt, --orientation and --spacing put a volume on another grid with one linear interpolation (labels: the nearest),
none where voxels only change places; what was done stands in a JSON file beside it. Voxels outside the source get its
smallest value.

Exit codes: 0 done, 1 with --strict when something was skipped, 2 wrong usage, 4 refused or unreadable, 6 not
written.")]
pub struct ConvertArgs {
    /// Folder or file with the series
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// File for one series, or folder for all
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// The series, where there are several
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// The stack of the series, where it has several (from 1)
    #[arg(long, value_name = "N")]
    stack: Option<usize>,
    /// Another grid or range of values
    #[command(flatten)]
    standard: StandardArgs,
    /// Names of volumes in a folder, such as "{subject}_{series}_{description}"
    #[arg(long, value_name = "PATTERN")]
    name: Option<String>,
    /// Philips: values as they were measured (the private scale slope taken out), not as they are shown
    #[arg(long)]
    precise: bool,
    /// Exit with 1 when something cannot be a volume
    #[arg(long)]
    strict: bool,
}

/// Another grid or range of values.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct StandardArgs {
    /// Take out gantry tilt: slices move within their planes until the stack has right angles
    #[arg(long)]
    pub untilt: bool,
    /// Towards where the axes point, such as RAS or LPS
    #[arg(long, value_name = "AXES")]
    pub orientation: Option<String>,
    /// Distance of voxels in mm along the axes: one number, three, or iso for the volume's smallest
    #[arg(long, value_name = "MM")]
    pub spacing: Option<String>,
    /// Clip values to this range and scale them to 0 … 1
    #[arg(long, value_name = "LOW,HIGH", allow_hyphen_values = true)]
    pub range: Option<String>,
}

impl StandardArgs {
    /// What is asked.
    pub fn standard(&self) -> Result<Standard, Failure> {
        let (axes, spacing) = (self.orientation.as_deref(), self.spacing.as_deref());
        Standard::parse(self.untilt, axes, spacing, self.range.as_deref()).map_err(Failure::usage)
    }
}

/// Runs the command.
pub fn run(args: &ConvertArgs, out: &Output) -> Result<Exit, Failure> {
    let format = Format::of(&args.out).filter(|_| !names_folder(&args.out));
    let is_sheet = args.out.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
    if format.is_none() && !is_sheet && !names_folder(&args.out) && args.out.extension().is_some() {
        return Err(Failure::usage("OUT must end in .nii, .nii.gz, .nrrd or .png, or be a folder"));
    }
    let standard = args.standard.standard()?;
    if is_sheet && !names_folder(&args.out) && !standard.is_empty() {
        return Err(Failure::usage("a contact sheet shows the slices as they are: leave the other grid out"));
    }
    let names = args.name.as_deref().map(Pattern::parse).transpose().map_err(Failure::usage)?;
    if names.is_some() && (format.is_some() || is_sheet) {
        return Err(Failure::usage("--name is for a folder of volumes; OUT names the one file itself"));
    }
    let philips = if args.precise { PhilipsScale::Precise } else { PhilipsScale::Display };
    let how = How { standard: &standard, philips, names: names.as_ref() };
    let counter = AtomicU64::new(0);
    let paths = std::slice::from_ref(&args.folder);
    let gathered =
        progress::shown(out, "files", &counter, || gather(paths, true, &counter)).map_err(|e| {
            Failure::input(format!("FOLDER cannot be read: {}", io_words(e.kind()))).hint("check the path")
        })?;
    let outcome = match format {
        Some(format) => one(args, &gathered, format, &how)?,
        None if is_sheet && !names_folder(&args.out) => sheet(args, &gathered)?,
        None => {
            convert::all(&gathered, args.series.as_deref(), &args.out, &how).map_err(|e| not_written(&e))?
        }
    };
    if convert::image_series(&gathered).next().is_none() {
        return Err(Failure::input("no series with images below FOLDER"));
    }
    for skipped in &outcome.skipped {
        let uid = skipped.series_uid.as_deref().unwrap_or("–");
        out.note(&format!(
            "skipped series {uid}, stack {}: {}: {}",
            skipped.stack, skipped.check, skipped.message
        ));
    }
    out.result(&outcome, text);
    Ok(if args.strict && !outcome.skipped.is_empty() { Exit::Findings } else { Exit::Done })
}

/// A trailing separator or an existing folder.
fn names_folder(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]) || path.is_dir()
}

/// The one stack that is meant.
fn chosen_stack<'a>(args: &ConvertArgs, gathered: &'a Gathered) -> Result<(&'a Series, usize), Failure> {
    let series = chosen(args, gathered)?;
    let stacks: Vec<usize> = (0..series.stacks.len()).filter(|&i| series.stacks[i].frames > 0).collect();
    match (args.stack, &stacks[..]) {
        (Some(n), _) if (1..=series.stacks.len()).contains(&n) => Ok((series, n - 1)),
        (None, [only]) => Ok((series, *only)),
        _ => {
            let message = format!("the series has {} stacks of images", stacks.len());
            Err(Failure::input(message).hint("choose one with --stack N, or give a folder for all"))
        }
    }
}

/// The one series to one file.
fn one(args: &ConvertArgs, gathered: &Gathered, format: Format, how: &How<'_>) -> Result<Outcome, Failure> {
    let (series, stack) = chosen_stack(args, gathered)?;
    let loaded = convert::load(gathered, series, stack, how.philips)
        .map_err(|(check, message)| Failure::input(format!("the series is no volume: {check}: {message}")))?;
    let target = (&*args.out, format);
    let written = convert::put(gathered, (series, &series.stacks[stack]), loaded, target, how.standard)
        .map_err(|e| not_written(&e))?;
    Ok(Outcome { volumes: vec![written], skipped: Vec::new() })
}

fn not_written(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Storage, "storage", format!("OUT cannot be written: {}", io_error(error)))
}

/// A contact sheet of one stack.
fn sheet(args: &ConvertArgs, gathered: &Gathered) -> Result<Outcome, Failure> {
    let (series, stack) = chosen_stack(args, gathered)?;
    let image = sheet::draw(gathered, series, stack)
        .map_err(|e| Failure::input(format!("the series cannot be drawn: {e}")))?;
    sheet::write_png(&image, &args.out).map_err(|e| not_written(&e))?;
    let size = [image.width, image.height];
    let written = convert::described_sheet(series, &series.stacks[stack], size, &args.out);
    Ok(Outcome { volumes: vec![written], skipped: Vec::new() })
}

fn chosen<'a>(args: &ConvertArgs, gathered: &'a Gathered) -> Result<&'a Series, Failure> {
    let wanted = |s: &&Series| args.series.as_deref().is_none_or(|uid| s.series_uid.as_deref() == Some(uid));
    let series: Vec<&Series> = convert::image_series(gathered).filter(wanted).collect();
    match series[..] {
        [only] => Ok(only),
        [] => Err(Failure::input("no such series with images below FOLDER")),
        _ => {
            let list: Vec<&str> = series.iter().map(|s| s.series_uid.as_deref().unwrap_or("–")).collect();
            let message = format!("{} series below FOLDER: {}", list.len(), list.join(", "));
            Err(Failure::input(message).hint("choose one with --series UID, or give a folder for all"))
        }
    }
}

fn text(outcome: &Outcome) -> String {
    let line = |w: &convert::Written| {
        let shape: Vec<String> = w.shape.iter().map(ToString::to_string).collect();
        let spacing: Vec<String> = w.spacing_mm.iter().flatten().map(|v| format!("{v:.3}")).collect();
        let warnings = w.warnings.iter().fold(String::new(), |text, w| text + "\n    " + w);
        format!("{}  {}  {} mm{warnings}", w.path, shape.join("×"), spacing.join(" × "))
    };
    outcome.volumes.iter().map(line).collect::<Vec<_>>().join("\n")
}
