//! Drift and control charts of a metric over time, from a table.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::format::table::{MomentError, Moments, Row, Table, TableError, number, numbers, write_rows};
use crate::measure::drift::charts::{Baseline, Cusum, Ewma, Signal};
use crate::measure::drift::shift::{Shift, shift};
use crate::measure::drift::stream::{Direction, PageHinkley};
use crate::measure::estimate::{Estimate, Reason};

/// The reference has at least this many rows where nobody says how many.
const LEAST_REFERENCE: usize = 20;

/// Which rows are the reference.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Reference {
    /// The first quarter, at least twenty.
    #[default]
    FirstQuarter,
    /// The first so many rows.
    Rows(usize),
    /// The rows before a date.
    Before(String),
}

/// What to watch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// Column of the metric.
    pub value: String,
    /// Column of the time.
    pub time: String,
    /// Column by which streams are told apart.
    pub group: Option<String>,
    /// The reference window, per group.
    pub reference: Reference,
}

/// Why a table gives no drift.
#[derive(Debug, Error)]
pub enum DriftError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row whose time is missing.
    #[error("row {row}: no time")]
    NoTime {
        /// Row number from 1, without the header.
        row: usize,
    },
    /// A row whose time is neither a number (with all others) nor a date.
    #[error("row {row}: not every time is a number, and this one is {why}")]
    Time {
        /// Row number from 1, without the header.
        row: usize,
        /// Why it is no date.
        why: MomentError,
    },
    /// A value that is no number.
    #[error(
        "row {row}: the value is not a finite number; missing is an empty cell, NA, N/A, #N/A, null, nan or -"
    )]
    Value {
        /// Row number from 1, without the header.
        row: usize,
    },
    /// A reference date for times that are numbers, or one that is no date.
    #[error("--reference must be a number of rows, or a date as 2024-03-01 where the times are dates")]
    Reference,
    /// No rows with a value.
    #[error("the table holds no values")]
    Empty,
}

/// A chart's state at the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CusumReport {
    /// Sum of excess upwards, in standard deviations.
    pub upper_last: Option<f64>,
    /// Sum of excess downwards.
    pub lower_last: Option<f64>,
    /// Row of the first signal.
    pub first_signal: Option<usize>,
    /// Why there is no chart.
    pub reason: Option<Reason>,
}

/// A chart's state at the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EwmaReport {
    /// The average, in standard deviations.
    pub last: Option<f64>,
    /// Row of the first signal.
    pub first_signal: Option<usize>,
    /// Why there is no chart.
    pub reason: Option<Reason>,
}

/// A detector's first signal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PageHinkleyReport {
    /// Row of the first signal.
    pub first_signal: Option<usize>,
    /// Why there is no chart.
    pub reason: Option<Reason>,
}

/// The first row of a run beyond a limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// Which chart.
    pub detector: &'static str,
    /// The row's time: a number where all times are, else as it was written.
    pub at: Value,
    /// Row number in the group, from 0.
    pub index: usize,
    /// The chart's statistic.
    pub value: f64,
    /// The limit that it lies beyond.
    pub limit: f64,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its name; `null` without `--group`, or for rows without one.
    pub group: Option<String>,
    /// Rows with a value.
    pub n: usize,
    /// Rows of the reference.
    pub reference_n: usize,
    /// Rows without a value, left out.
    pub missing: usize,
    /// Population stability index.
    pub psi: Estimate,
    /// Kolmogorov–Smirnov statistic.
    pub ks: Estimate,
    /// Its p-value.
    pub ks_p: Estimate,
    /// Jensen–Shannon divergence, nats.
    pub js: Estimate,
    /// First Wasserstein distance.
    pub wasserstein: Estimate,
    /// EWMA chart.
    pub ewma: EwmaReport,
    /// CUSUM chart.
    pub cusum: CusumReport,
    /// Page–Hinkley test.
    pub page_hinkley: PageHinkleyReport,
    /// First rows of runs beyond a limit, by row.
    pub alarms: Vec<Alarm>,
}

/// All streams of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// By name.
    pub groups: Vec<Group>,
}

impl Report {
    /// Every distance from the reference as a row of a table, to write with [`crate::format::table::write_rows`].
    pub fn rows(&self) -> Vec<Row> {
        let of = |g: &Group| {
            let subject = g.group.clone().unwrap_or_else(|| "all".into());
            [
                ("psi", &g.psi),
                ("ks", &g.ks),
                ("ks_p", &g.ks_p),
                ("js", &g.js),
                ("wasserstein", &g.wasserstein),
            ]
            .map(|(name, e)| Row {
                subject: subject.clone(),
                measure: name.into(),
                estimate: e.clone(),
            })
        };
        self.groups.iter().flat_map(of).collect()
    }

    /// Writes [`Report::rows`] as CSV or Parquet, told by the name's ending.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TableError> {
        write_rows(path, &self.rows())
    }
}

/// Works out the drift of the table in `path`.
///
/// # Errors
/// [`DriftError`].
pub fn run(path: &Path, options: &Options) -> Result<Report, DriftError> {
    let table = Table::read(path)?;
    let times = Times::of(table.column(&options.time)?)?;
    let values = table.column(&options.value)?;
    let names = options.group.as_ref().map(|g| table.column(g)).transpose()?;
    let before = match &options.reference {
        Reference::Before(date) => Some(times.before(date)?),
        _ => None,
    };
    let mut rows: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for &row in &times.order {
        let name = names.and_then(|names| names[row].as_deref());
        rows.entry(name).or_default().push(row);
    }
    if values.iter().all(Option::is_none) {
        return Err(DriftError::Empty);
    }
    let groups = rows.into_iter().map(|(name, rows)| {
        let mut stream = Stream::default();
        for row in rows {
            match &values[row] {
                None => stream.missing += 1,
                Some(text) => {
                    let value = number(text).ok_or(DriftError::Value { row: row + 1 })?;
                    stream.values.push(value);
                    stream.rows.push(row);
                }
            }
        }
        let reference = match options.reference {
            Reference::FirstQuarter => (stream.values.len() / 4).max(LEAST_REFERENCE),
            Reference::Rows(rows) => rows,
            Reference::Before(_) => {
                let is_before = |row: &usize| before.is_some_and(|b| times.keys[*row] < b);
                stream.rows.iter().take_while(|row| is_before(row)).count()
            }
        };
        Ok(stream.report(name, reference, &times))
    });
    Ok(Report { groups: groups.collect::<Result<_, DriftError>>()? })
}

/// The times of all rows, and the rows in their order (equal times keep file order).
struct Times<'a> {
    written: &'a [Option<String>],
    numeric: bool,
    moments: Moments,
    keys: Vec<f64>,
    order: Vec<usize>,
}

impl<'a> Times<'a> {
    fn of(written: &'a [Option<String>]) -> Result<Self, DriftError> {
        if let Some(row) = written.iter().position(Option::is_none) {
            return Err(DriftError::NoTime { row: row + 1 });
        }
        let as_numbers = numbers(written);
        let numeric = as_numbers.is_some();
        let moments = Moments::of(written.iter().flatten().map(String::as_str));
        let keys = match as_numbers {
            Some(numbers) => numbers.into_iter().flatten().collect(),
            None => written
                .iter()
                .flatten()
                .enumerate()
                .map(|(row, text)| {
                    seconds(moments, text).map_err(|why| DriftError::Time { row: row + 1, why })
                })
                .collect::<Result<Vec<f64>, _>>()?,
        };
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by(|&p, &q| keys[p].total_cmp(&keys[q]));
        Ok(Self { written, numeric, moments, keys, order })
    }

    fn before(&self, text: &str) -> Result<f64, DriftError> {
        if self.numeric {
            return Err(DriftError::Reference);
        }
        seconds(self.moments, text).map_err(|_| DriftError::Reference)
    }

    fn at(&self, row: usize) -> Value {
        match &self.written[row] {
            Some(_) if self.numeric => Value::from(self.keys[row]),
            Some(text) => Value::from(text.as_str()),
            None => Value::Null,
        }
    }
}

/// A moment in seconds since 1970.
fn seconds(moments: Moments, text: &str) -> Result<f64, MomentError> {
    let instant = moments.instant(text)?;
    Ok(instant.as_second() as f64 + f64::from(instant.subsec_nanosecond()) * 1e-9)
}

/// The values of one group in order of time.
#[derive(Default)]
struct Stream {
    values: Vec<f64>,
    rows: Vec<usize>,
    missing: usize,
}

impl Stream {
    fn report(&self, name: Option<&str>, reference: usize, times: &Times) -> Group {
        let reference = reference.min(self.values.len());
        let (before, after) = self.values.split_at(reference);
        let Shift { psi, ks, ks_p, js, wasserstein } = shift(before, after);
        let charts = Baseline::of(before).map(|baseline| Charts::run(&baseline, &self.values));
        let reason = || {
            let constant = before.len() >= 2;
            charts.is_none().then_some(if constant { Reason::REFERENCE_CONSTANT } else { Reason::TOO_FEW })
        };
        let first = |signals: fn(&Charts) -> &[Signal]| {
            charts.as_ref().and_then(|c| signals(c).first()).map(|s| s.index)
        };
        let cusum = charts.as_ref().map(|c| c.cusum.last());
        Group {
            group: name.map(str::to_owned),
            n: self.values.len(),
            reference_n: reference,
            missing: self.missing,
            psi,
            ks,
            ks_p,
            js,
            wasserstein,
            ewma: EwmaReport {
                last: charts.as_ref().map(|c| c.ewma.last()),
                first_signal: first(|c| c.ewma.signals()),
                reason: reason(),
            },
            cusum: CusumReport {
                upper_last: cusum.map(|c| c.0),
                lower_last: cusum.map(|c| c.1),
                first_signal: first(|c| c.cusum.signals()),
                reason: reason(),
            },
            page_hinkley: PageHinkleyReport {
                first_signal: first(|c| c.page_hinkley.signals()),
                reason: reason(),
            },
            alarms: charts.as_ref().map_or_else(Vec::new, |c| c.alarms(|index| times.at(self.rows[index]))),
        }
    }
}

/// The charts with the settings that the command line promises.
struct Charts {
    ewma: Ewma,
    cusum: Cusum,
    page_hinkley: PageHinkley,
}

impl Charts {
    fn run(baseline: &Baseline, values: &[f64]) -> Self {
        let mut charts = Self {
            ewma: Ewma::new(0.2, 3.0),
            cusum: Cusum::new(0.5, 5.0),
            page_hinkley: PageHinkley::new(0.005, 50.0, 1.0 - 0.0001, 30, Direction::Both),
        };
        for value in values {
            let z = baseline.standardise(*value);
            charts.ewma.push(z);
            charts.cusum.push(z);
            charts.page_hinkley.push(z);
        }
        charts
    }

    fn alarms(&self, at: impl Fn(usize) -> Value) -> Vec<Alarm> {
        let detectors = [
            ("ewma", self.ewma.signals()),
            ("cusum", self.cusum.signals()),
            ("page_hinkley", self.page_hinkley.signals()),
        ];
        let mut alarms: Vec<Alarm> = detectors
            .into_iter()
            .flat_map(|(detector, signals)| signals.iter().map(move |s| (detector, *s)))
            .map(|(detector, Signal { index, value, limit })| Alarm {
                detector,
                at: at(index),
                index,
                value,
                limit,
            })
            .collect();
        alarms.sort_by_key(|a| a.index);
        alarms
    }
}
