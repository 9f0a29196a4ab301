//! `gantry drift --from`: drift and control charts of a metric in a table.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::measure::with_interval;
use super::{Exit, Failure, Output};
use crate::engine::tools::drift::{self, DriftError, Group, Options, Reference, Report};

const CONVENTIONS: &str = "\
Rows are taken in the order of --time: as numbers if all are, else as ISO dates; equal times keep file order.
The reference is the first N rows, the rows before a date, or the first quarter (at least 20); with --group all of
this is per group. psi, ks, ks_p, js (nats) and wasserstein compare the rest with the reference. The charts run over
the whole stream, standardised by the reference: cusum k 0.5, h 5, two-sided, no reset; ewma lambda 0.2, L 3,
starting at 0, limits that widen; page_hinkley delta 0.005, lambda 50, alpha 0.9999, at least 30 rows. A signal lies
strictly beyond its limit; rows count from 0; alarms list the first row of each run beyond a limit.

Examples:
  gantry drift --from dice.csv --value dice --time read_at --group reader
  gantry drift --from volumes.parquet --value volume_ml --time date --reference 2024-03-01 --json
  gantry drift --from minutes.csv --value minutes --time n --reference 100

Exit codes: 0 done; 2 wrong usage; 6 --out cannot be written; 4 the table is unreadable, lacks a column, or a value is no number";

/// Drift and control charts of a metric over time
#[derive(Debug, clap::Args)]
#[command(after_help = CONVENTIONS)]
pub struct Args {
    /// Table (CSV, Parquet or JSON)
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Column of the metric
    #[arg(long, value_name = "COL")]
    value: String,
    /// Column of the time
    #[arg(long, value_name = "COL")]
    time: String,
    /// Column that tells streams apart
    #[arg(long, value_name = "COL")]
    group: Option<String>,
    /// The first N rows, or the rows before a date
    #[arg(long, value_name = "N-or-date")]
    reference: Option<String>,
    /// Also write the measures as a table (CSV, or Parquet where the name ends in .parquet)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A table that cannot be used.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    let reference = match &args.reference {
        None => Reference::FirstQuarter,
        Some(text) => match text.trim().parse::<usize>() {
            Ok(0) => return Err(Failure::usage("--reference: at least one row is needed")),
            Ok(rows) => Reference::Rows(rows),
            Err(_) => Reference::Before(text.trim().to_owned()),
        },
    };
    let options =
        Options { value: args.value.clone(), time: args.time.clone(), group: args.group.clone(), reference };
    let report = drift::run(&args.from, &options).map_err(|error| match error {
        DriftError::Reference => Failure::usage(error.to_string()),
        _ => Failure::input(format!("{}: {error}", args.from.display())),
    })?;
    if let Some(path) = &args.out {
        let failed = |e| Failure::new(Exit::Storage, "storage", format!("{}: {e}", path.display()));
        report.write(path).map_err(failed)?;
    }
    out.result(&report, text);
    Ok(Exit::Done)
}

fn text(report: &Report) -> String {
    report.groups.iter().map(group).collect::<Vec<_>>().join("\n")
}

fn group(g: &Group) -> String {
    let name = g.group.as_deref().unwrap_or("all rows");
    let mut text = format!("{name}: {} rows, the first {} are the reference\n", g.n, g.reference_n);
    let all =
        [("psi", &g.psi), ("ks", &g.ks), ("ks p", &g.ks_p), ("js", &g.js), ("wasserstein", &g.wasserstein)];
    for (name, estimate) in all {
        let _ = writeln!(text, "  {name:<14}{}", with_interval(estimate));
    }
    if let Some(reason) = &g.ewma.reason {
        let _ = writeln!(text, "  no charts: {}", reason.0);
    }
    for alarm in &g.alarms {
        let at = alarm.at.as_str().map_or_else(|| alarm.at.to_string(), str::to_owned);
        let (index, value, limit) = (alarm.index, alarm.value, alarm.limit);
        let _ = writeln!(text, "  {:<14}row {index} at {at}: {value:.3} beyond {limit:.3}", alarm.detector);
    }
    if g.alarms.is_empty() && g.ewma.reason.is_none() {
        text.push_str("  no alarm\n");
    }
    text
}
