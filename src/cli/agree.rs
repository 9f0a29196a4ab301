//! `gantry agree`: agreement of readers from a table.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;

use super::measure::with_interval;
use super::{Exit, Failure, Output};
use crate::engine::tools::agree::{self, Options, Report};
use crate::measure::agreement::Level;
use crate::measure::agreement::cohen::Weights;

const CONVENTIONS: &str = "\
The table has the columns item, reader, value, their names in any case, or is a matrix: item and a column per reader. It
is CSV (comma, semicolon or tab; UTF-8, UTF-16 or Latin-1), Parquet or JSON, plain or gzipped; - is the standard input.
With semicolons 10,5 is 10.5. A missing value is an absent row, an empty cell, NA, N/A, #N/A, null, nan or -, and means
\"not looked at\": say \"looked at, nothing there\" with a value of its own. At interval and ratio level a word is refused
with its row.

Conventions (packages differ):
  Values are numbers if every one is, else text (which at interval and ratio level needs a --scale of words, taken by
  position). --scale declares the categories in order, else they sort.
  Krippendorff drops items with one rating. Fleiss and Gwet follow Gwet 2014: agreement over items with two ratings,
  prevalences over all rated; identity, ordinal or quadratic weights by level. gwet_ac1 and percent_agreement are
  unweighted. Cohen's kappa is by position in the scale, on the items read by both; 0/0 has no value, only a reason.
  Intervals: kappa Wald; Fleiss and Gwet linearised; ICC from F; with --bootstrap BCa over items for all.

Examples:
  gantry agree --from ratings.csv
  gantry agree --from ratings.parquet --level ordinal --scale 1,2,3,4,5 --weights linear
  gantry agree --from volumes.csv --level interval --bootstrap 2000 --json

Exit codes: 0 done; 2 wrong usage; 4 the table is unreadable, lacks a column, or holds a word among numbers or a value outside the scale; 6 --out cannot be written";

/// Agreement of readers from a table of ratings
#[derive(Debug, clap::Args)]
#[command(after_help = CONVENTIONS)]
pub struct AgreeArgs {
    /// Table with columns item, reader, value, or a matrix; - is the standard input
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// What the values mean
    #[arg(long, value_enum, default_value_t = LevelArg::Nominal)]
    level: LevelArg,
    /// The categories in order
    #[arg(long, value_delimiter = ',', value_name = "A,B,…")]
    scale: Option<Vec<String>>,
    /// Weights of Cohen's kappa (default: none for nominal, else quadratic)
    #[arg(long, value_enum)]
    weights: Option<WeightsArg>,
    /// Bootstrap intervals from so many samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    bootstrap: Option<u32>,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Also write the measures as a table (CSV, or Parquet where the name ends in .parquet)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LevelArg {
    Nominal,
    Ordinal,
    Interval,
    Ratio,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WeightsArg {
    None,
    Linear,
    Quadratic,
}

/// Runs the command.
///
/// # Errors
/// A table that cannot be used.
pub fn run(args: &AgreeArgs, out: &Output) -> Result<Exit, Failure> {
    let options = Options {
        level: match args.level {
            LevelArg::Nominal => Level::Nominal,
            LevelArg::Ordinal => Level::Ordinal,
            LevelArg::Interval => Level::Interval,
            LevelArg::Ratio => Level::Ratio,
        },
        scale: args.scale.as_ref().map(|s| s.iter().map(|v| v.trim().to_owned()).collect()),
        weights: args.weights.map(|w| match w {
            WeightsArg::None => Weights::None,
            WeightsArg::Linear => Weights::Linear,
            WeightsArg::Quadratic => Weights::Quadratic,
        }),
        bootstrap: args.bootstrap.map(|n| n as usize),
        seed: args.seed,
    };
    let report = agree::run(&args.from, &options)
        .map_err(|e| Failure::input(format!("{}: {e}", args.from.display())))?;
    for warning in &report.warnings {
        out.note(&format!("warning: {}: {}", warning.pair, warning.message));
    }
    if let Some(path) = &args.out {
        let failed = |e| Failure::new(Exit::Storage, "storage", format!("{}: {e}", path.display()));
        report.write(path).map_err(failed)?;
    }
    out.result(&report, text);
    Ok(Exit::Done)
}

fn text(report: &Report) -> String {
    let mut text = format!(
        "{} items, {} readers, {} ratings in {} categories\n",
        report.items, report.readers, report.ratings, report.categories
    );
    let all = [
        ("percent agreement", &report.percent_agreement),
        ("Krippendorff's alpha", &report.krippendorff_alpha),
        ("Fleiss' kappa", &report.fleiss_kappa),
        ("Gwet's AC1", &report.gwet_ac1),
        ("Gwet's AC2", &report.gwet_ac2),
    ];
    for (name, estimate) in all {
        let _ = writeln!(text, "  {name:<24}{}", with_interval(estimate));
    }
    for (pair, kappa) in &report.cohen_kappa {
        let items = format!("({} items)", kappa.estimate.n);
        let _ = writeln!(text, "  kappa {pair:<18}{}  {items}", with_interval(&kappa.estimate));
    }
    for (name, form) in report.icc.iter().flatten() {
        let _ = writeln!(text, "  {name:<24}{}", with_interval(&form.estimate));
    }
    text
}
