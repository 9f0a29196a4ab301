//! `gantry measure`: two label files, structure by structure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Exit, Failure, Output};
use crate::engine::tools::measure::{self, METRICS, MeasureError, Options, Report, Structure};
use crate::measure::estimate::Estimate;
use crate::measure::surface::Convention;

const CONVENTIONS: &str = "\
Conventions (packages differ):
  A is the reference, B the test; structures are matched by label number.
  surfel  surface elements between voxels, weighted by area; percentiles weighted, not interpolated (default)
  voxel   boundary voxels at their centres, all alike; percentiles interpolated
  mesh    triangles of discrete marching cubes, from their centres; weighted as surfel
  Hausdorff distances are the larger of the two directions; assd_mm pools both by weight; outside the image is
  background; a distance equal to the tolerance is within it. A label in one file only: dice 0 and no distance,
  with a reason; in neither: no value, \"both empty\". Other grids are refused, not resampled; a grid whose axes are
  turned or flipped over the same voxels is the same grid.

Examples:
  gantry measure reader1.nii.gz reader2.nii.gz
  gantry measure --names 1=liver,2=spleen --tolerance 1,2.5 gold.nii.gz read.nii.gz --json
  gantry measure --metrics dice,hd95_mm gold.nii.gz read.nii.gz

Exit codes: 0 done; 2 wrong usage; 4 a file is unreadable, no labelmap, or on another grid; 6 --out cannot be written";

/// Compare two label files: overlap and surface distances of every structure
#[derive(Debug, clap::Args)]
#[command(after_help = CONVENTIONS)]
pub struct MeasureArgs {
    /// The reference (NIfTI or DICOM segmentation)
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The test (NIfTI or DICOM segmentation)
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Names of labels, such as 1=liver,2=spleen
    #[arg(long, value_delimiter = ',', value_name = "N=NAME", value_parser = name)]
    names: Vec<(u32, String)>,
    /// What a surface is made of
    #[arg(long, value_enum, default_value_t = ConventionArg::Surfel)]
    convention: ConventionArg,
    /// Tolerances of the normalised surface Dice in millimetres
    #[arg(long, value_delimiter = ',', default_value = "1,2,3", value_name = "MM")]
    tolerance: Vec<String>,
    /// Only these measures
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = METRICS)]
    metrics: Option<Vec<String>>,
    /// Also write the measures as a table (CSV, or Parquet where the name ends in .parquet)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ConventionArg {
    Surfel,
    Voxel,
    Mesh,
}

/// A number and the name for it.
pub(super) fn name(text: &str) -> Result<(u32, String), String> {
    let (label, name) = text.split_once('=').ok_or("expected LABEL=NAME, such as 1=liver")?;
    let label = label.trim().parse().map_err(|_| "the label is not a whole number")?;
    Ok((label, name.trim().to_owned()))
}

/// Runs the command.
///
/// # Errors
/// Wrong usage, or files that cannot be compared.
pub fn run(args: &MeasureArgs, out: &Output) -> Result<Exit, Failure> {
    let mut tolerances: Vec<(String, f64)> = Vec::new();
    for text in &args.tolerance {
        let text = text.trim();
        let mm = text.parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0);
        let mm =
            mm.ok_or_else(|| Failure::usage(format!("--tolerance: '{text}' is no distance in millimetres")))?;
        if !tolerances.iter().any(|t| t.0 == text) {
            tolerances.push((text.to_owned(), mm));
        }
    }
    let options = Options {
        names: args.names.iter().cloned().collect::<BTreeMap<_, _>>(),
        convention: match args.convention {
            ConventionArg::Surfel => Convention::Surfel,
            ConventionArg::Voxel => Convention::Voxel,
            ConventionArg::Mesh => Convention::Mesh,
        },
        tolerances,
        metrics: args.metrics.clone(),
    };
    let report = measure::run(&args.a, &args.b, &options).map_err(|error| {
        let failure = Failure::input(error.to_string());
        match error {
            MeasureError::Grid(_) | MeasureError::Place(_) => {
                failure.hint("resample one of them first; gantry does not guess how")
            }
            MeasureError::File { .. } => failure,
        }
    })?;
    report.warnings.iter().for_each(|w| out.note(&format!("warning: {w}")));
    if let Some(path) = &args.out {
        let failed = |e| Failure::new(Exit::Storage, "storage", format!("{}: {e}", path.display()));
        report.write(path).map_err(failed)?;
    }
    out.result(&report, text);
    Ok(Exit::Done)
}

fn text(report: &Report) -> String {
    report.structures.iter().map(structure).collect::<Vec<_>>().join("\n")
}

fn structure(s: &Structure) -> String {
    let mut text = format!("{}\n", s.name);
    let _ = writeln!(text, "  {:<28}{:>14}{:>14}", "", "A", "B");
    let _ = writeln!(text, "  {:<28}{:>14}{:>14}", "voxels", s.voxels_a, s.voxels_b);
    let _ = writeln!(text, "  {:<28}{:>14.1}{:>14.1}", "volume_mm3", s.volume_a_mm3, s.volume_b_mm3);
    for (name, estimate) in &s.measures {
        let _ = writeln!(text, "  {name:<28}{:>14}", value(estimate));
    }
    for (tolerance, estimate) in s.nsd.iter().flat_map(|n| &n.0) {
        let _ = writeln!(text, "  {:<28}{:>14}", format!("nsd {tolerance} mm"), value(estimate));
    }
    if let Some(reason) = &s.reason {
        let _ = writeln!(text, "  {}", reason.0);
    }
    text
}

/// A value with four digits after the point, or a dash.
pub(super) fn value(estimate: &Estimate) -> String {
    estimate.value.map_or_else(|| "–".into(), |v| format!("{v:.4}"))
}

/// A value with its interval, or the reason why there is none.
pub(super) fn with_interval(estimate: &Estimate) -> String {
    match (estimate.value, estimate.ci95, &estimate.reason) {
        (Some(v), Some([low, high]), _) => format!("{v:.4}  [{low:.4}, {high:.4}]"),
        (Some(v), None, _) => format!("{v:.4}"),
        (None, _, Some(reason)) => format!("–  ({})", reason.0),
        (None, _, None) => "–".into(),
    }
}
