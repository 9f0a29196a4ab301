//! `gantry drift`: drift and control charts of the workspace's readers, or with `--from` of a metric in a table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::connect::connect;
use super::measure::with_interval;
use super::{Exit, Failure, Global, Output};
use crate::engine::query::{Drift, DriftChart, DriftState, DriftView};
use crate::engine::tools::drift::{self, DriftError, Group, Options, Reference, Report};

const CONVENTIONS: &str = "\
Without --from: control charts of what the workspace's readers say and how they work, the most alarming first: each
measure against the other readers of the same item, what a reader missed, reading times, and measures by site. The
reference is the first quarter of a chart's reads (20 to 50), the latest 4,096 reads are charted. A chart is in alarm when
its CUSUM signals after the reference, the move is at least half a standard deviation, and chance over all charts
together is no explanation (Mann-Whitney before against after, corrected for the choice of the date, Holm, 1 %). Readers in
alarm are no measure for the others. --chart prints one chart in full.

With --from: a table as `gantry agree` reads it. Rows are taken in the order of --time: as numbers if all are, else as
dates (ISO, 1.10.2026, 1 Oct 2026; 3/4/2026 only where another row shows what is the month); equal times keep file order.
The reference is the first N rows, the rows before a date, or the first quarter (at least 20); with --group all of
this is per group. psi, ks, ks_p, js (nats) and wasserstein compare the rest with the reference. The charts run over
the whole stream, standardised by the reference: cusum k 0.5, h 5, two-sided, no reset; ewma lambda 0.2, L 3,
starting at 0, limits that widen; page_hinkley delta 0.005, lambda 50, alpha 0.9999, at least 30 rows. A signal lies
strictly beyond its limit; rows count from 0; alarms list the first row of each run beyond a limit.

Examples:
  gantry drift
  gantry drift --structure nodule --chart nodule/volume_mm3~panel/reader/reader-03 --json
  gantry drift --from dice.csv --value dice --time read_at --group reader
  gantry drift --from volumes.parquet --value volume_ml --time date --reference 2024-03-01 --json
  gantry drift --from minutes.csv --value minutes --time n --reference 100

Exit codes: 0 done; 1 a chart of the workspace is in alarm; 2 wrong usage; 3 workspace; 4 the table is unreadable, lacks a column, or a value is no number; 6 --out cannot be written";

/// Drift and control charts of the readers, or of a metric in a table
#[derive(Debug, clap::Args)]
#[command(after_help = CONVENTIONS)]
pub struct DriftArgs {
    /// Table (CSV, Parquet or JSON, plain or gzipped); - is the standard input
    #[arg(long, value_name = "FILE", requires = "value", requires = "time")]
    from: Option<PathBuf>,
    /// Column of the metric
    #[arg(long, value_name = "COL", requires = "from")]
    value: Option<String>,
    /// Column of the time
    #[arg(long, value_name = "COL", requires = "from")]
    time: Option<String>,
    /// Column that tells streams apart
    #[arg(long, value_name = "COL", requires = "from")]
    group: Option<String>,
    /// The first N rows, or the rows before a date
    #[arg(long, value_name = "N-or-date", requires = "from")]
    reference: Option<String>,
    /// Also write the measures as a table (CSV, or Parquet where the name ends in .parquet)
    #[arg(long, value_name = "FILE", requires = "from")]
    out: Option<PathBuf>,
    /// Only charts of this structure of the workspace
    #[arg(long, value_name = "S", conflicts_with = "from")]
    structure: Option<String>,
    /// One chart of the workspace in full
    #[arg(long, value_name = "ID", conflicts_with = "from")]
    chart: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A table that cannot be used.
pub fn run(args: &DriftArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    match (&args.from, &args.value, &args.time) {
        (Some(from), Some(value), Some(time)) => of_table(args, from, (value, time), out),
        _ => of_workspace(args, global, out),
    }
}

fn of_workspace(args: &DriftArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let question =
        Drift { chart: args.chart.clone(), structure: args.structure.clone(), text: String::new() };
    let view = connect(global)?.client.ask(question)?;
    if let (Some(id), None) = (&args.chart, &view.selected) {
        return Err(Failure::new(Exit::Input, "not_found", format!("there is no chart {id:?}")));
    }
    out.result(&view, |view| charts(view, args.chart.is_some()));
    let alarm = view.charts.iter().any(|c| c.state == DriftState::Alarm);
    Ok(if alarm { Exit::Findings } else { Exit::Done })
}

fn charts(view: &DriftView, in_full: bool) -> String {
    if let (Some(chart), true) = (&view.selected, in_full) {
        return one(chart);
    }
    if let (Some(reason), true) = (&view.reason, view.charts.is_empty()) {
        return reason.clone();
    }
    let mut text = String::new();
    for chart in view.charts.iter().filter(|c| c.state <= DriftState::Watch) {
        let mark = match chart.state {
            DriftState::Alarm => "▲",
            DriftState::Shared => "◆",
            _ => "·",
        };
        let _ = writeln!(text, "{mark} {}\n  {}", chart.sentence, chart.id);
    }
    let count = |state| view.charts.iter().filter(|c| c.state == state).count();
    let (alarm, shared, watch) =
        (count(DriftState::Alarm), count(DriftState::Shared), count(DriftState::Watch));
    let _ = writeln!(
        text,
        "{} charts: {alarm} in alarm, {shared} with all readers, {watch} to watch, {} stable, {} too short",
        view.charts.len(),
        count(DriftState::Stable),
        count(DriftState::Short)
    );
    text
}

fn one(chart: &DriftChart) -> String {
    let row = &chart.row;
    let mut text = format!("{}\n{}\n", row.id, row.sentence);
    if let Some(centre) = chart.centre {
        let limits = match (chart.lower, chart.upper) {
            (Some(low), Some(high)) => format!(", limits {low:.2} to {high:.2}"),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "centre {centre:.2} {}{limits}, the first {} are the reference",
            row.unit, chart.reference_n
        );
    }
    for (at, point) in chart.points.iter().enumerate() {
        let mark = if point.beyond { "!" } else { " " };
        let _ = write!(
            text,
            "{at:>5} {} {mark}{:>12.3}  {:<12}",
            super::stats::moment(point.at_ms),
            point.value,
            point.reader
        );
        for alarm in chart.alarms.iter().filter(|a| a.index == at as u64) {
            let _ = write!(text, "  {} {:.2} beyond {:.2}", alarm.detector, alarm.value, alarm.limit);
        }
        for mark in chart.marks.iter().filter(|m| m.index == at as u64) {
            let _ = write!(text, "  | {}", mark.text);
        }
        text.push('\n');
    }
    text
}

fn of_table(
    args: &DriftArgs,
    from: &Path,
    (value, time): (&str, &str),
    out: &Output,
) -> Result<Exit, Failure> {
    let reference = match &args.reference {
        None => Reference::FirstQuarter,
        Some(text) => match text.trim().parse::<usize>() {
            Ok(0) => return Err(Failure::usage("--reference: at least one row is needed")),
            Ok(rows) => Reference::Rows(rows),
            Err(_) => Reference::Before(text.trim().to_owned()),
        },
    };
    let options = Options { value: value.into(), time: time.into(), group: args.group.clone(), reference };
    let report = drift::run(from, &options).map_err(|error| match error {
        DriftError::Reference => Failure::usage(error.to_string()),
        _ => Failure::input(format!("{}: {error}", from.display())),
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
