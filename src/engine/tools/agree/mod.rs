//! Agreement of readers from a table of ratings.

mod input;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use thiserror::Error;

use crate::format::table::{Row, Table, TableError, write_rows};
use crate::measure::agreement::cohen::{self, Weights};
use crate::measure::agreement::many::{self, Coefficient, Credit, Patterns};
use crate::measure::agreement::{Level, Ratings, bootstrap, icc, warnings};
use crate::measure::estimate::{Estimate, Reason};
use input::{Read, read};

/// Categories beyond which κ (a table of all by all) is not worked out.
const KAPPA_CATEGORIES: usize = 1000;
/// Categories beyond which weights by pairs of them are not resampled.
const RESAMPLED_CATEGORIES: usize = 1000;

/// What to work out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// What the categories' numbers mean.
    pub level: Level,
    /// The categories in order; `None` for those that occur, sorted.
    pub scale: Option<Vec<String>>,
    /// Weights of κ; `None` for the level's default.
    pub weights: Option<Weights>,
    /// Bootstrap samples; `None` for the intervals of large samples.
    pub bootstrap: Option<usize>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// Why a table gives no agreement.
#[derive(Debug, Error)]
pub enum AgreeError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row without an item or a reader.
    #[error("row {row}: no {column}")]
    Absent {
        /// Row number from 1, without the header.
        row: usize,
        /// The column.
        column: &'static str,
    },
    /// A second rating of the same item by the same reader.
    #[error("row {row}: the same item and reader as row {first}")]
    Twice {
        /// Row number from 1, without the header.
        row: usize,
        /// The first of them.
        first: usize,
    },
    /// A value that the scale does not have.
    #[error("row {row}: the value is not in --scale")]
    OutsideScale {
        /// Row number from 1, without the header.
        row: usize,
    },
    /// A word where the level asks for numbers.
    #[error(
        "row {row}: the value is no finite number, as --level interval and ratio need (a declared --scale of words is \
         taken by position); missing is an empty cell, NA, N/A, #N/A, null, nan or -"
    )]
    Word {
        /// Row number from 1, without the header.
        row: usize,
    },
    /// A table that is neither long nor a matrix.
    #[error("no columns 'reader' and 'value', and no matrix of readers: column {column} is no reader's")]
    Matrix {
        /// Column number from 1.
        column: usize,
    },
    /// A scale that names a category twice.
    #[error("--scale names a category twice")]
    Scale,
    /// Nobody rated anything.
    #[error("the table holds no ratings")]
    Empty,
}

/// κ of one pair of readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairKappa {
    /// κ on the items that both read.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Standard error after Fleiss, Cohen and Everitt 1969.
    pub se: Option<f64>,
}

/// One intraclass correlation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IccReport {
    /// The coefficient on complete items.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// F against zero.
    pub f: Option<f64>,
    /// Degrees of freedom of the numerator.
    pub df1: f64,
    /// Degrees of freedom of the denominator.
    pub df2: f64,
    /// P of the test.
    pub p: Option<f64>,
}

/// Agreement of all readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Items in the table.
    pub items: usize,
    /// Readers in the table.
    pub readers: usize,
    /// Ratings in the table.
    pub ratings: usize,
    /// Categories in order.
    pub categories: usize,
    /// Unweighted observed agreement.
    pub percent_agreement: Estimate,
    /// By pair of readers, `"A|B"` sorted as text.
    pub cohen_kappa: BTreeMap<String, PairKappa>,
    /// Fleiss' κ with the level's weights.
    pub fleiss_kappa: Estimate,
    /// Krippendorff's α at the level.
    pub krippendorff_alpha: Estimate,
    /// Gwet's AC1, unweighted.
    pub gwet_ac1: Estimate,
    /// Gwet's AC2, with the level's weights.
    pub gwet_ac2: Estimate,
    /// Intraclass correlations at interval and ratio level, by name.
    pub icc: Option<BTreeMap<&'static str, IccReport>>,
    /// Items left out of the ICC because a reader did not rate them.
    pub icc_items_incomplete: Option<usize>,
    /// Where a coefficient misleads: pair and message.
    pub warnings: Vec<Warning>,
}

impl Report {
    /// Every coefficient as a row of a table, to write with [`crate::format::table::write_rows`].
    pub fn rows(&self) -> Vec<Row> {
        let row = |subject: &str, measure: &str, estimate: &Estimate| Row {
            subject: subject.to_owned(),
            measure: measure.to_owned(),
            estimate: estimate.clone(),
        };
        let mut rows = vec![
            row("all", "percent_agreement", &self.percent_agreement),
            row("all", "fleiss_kappa", &self.fleiss_kappa),
            row("all", "krippendorff_alpha", &self.krippendorff_alpha),
            row("all", "gwet_ac1", &self.gwet_ac1),
            row("all", "gwet_ac2", &self.gwet_ac2),
        ];
        rows.extend(self.icc.iter().flatten().map(|(name, form)| row("all", name, &form.estimate)));
        rows.extend(self.cohen_kappa.iter().map(|(pair, k)| row(pair, "cohen_kappa", &k.estimate)));
        rows
    }

    /// Writes [`Report::rows`] as CSV or Parquet, told by the name's ending.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TableError> {
        write_rows(path, &self.rows())
    }
}

/// Where a coefficient misleads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The pair of readers.
    pub pair: String,
    /// What is the matter.
    pub message: &'static str,
}

/// Works out the agreement of the table in `path`, with columns `item`, `reader`, `value`.
///
/// # Errors
/// [`AgreeError`].
pub fn run(path: &Path, options: &Options) -> Result<Report, AgreeError> {
    let read = read(&Table::read(path)?, options)?;
    Ok(report(&read, options))
}

fn report(read: &Read, options: &Options) -> Report {
    let Read { ratings, readers, numeric } = read;
    let patterns = Patterns::of(ratings);
    let weights = options.weights.unwrap_or(match options.level {
        Level::Nominal => Weights::None,
        _ => Weights::Quadratic,
    });
    let many = Many::of(ratings, &patterns, options);
    let (cohen_kappa, warnings) = kappas(ratings, readers, weights, options);
    let with_icc = matches!(options.level, Level::Interval | Level::Ratio);
    let (icc, incomplete) = if with_icc { iccs(ratings, *numeric, options) } else { (None, None) };
    Report {
        items: ratings.items(),
        readers: ratings.readers(),
        ratings: ratings.rows().flatten().flatten().count(),
        categories: ratings.values().len(),
        percent_agreement: many.percent,
        cohen_kappa,
        fleiss_kappa: many.fleiss,
        krippendorff_alpha: many.alpha,
        gwet_ac1: many.ac1,
        gwet_ac2: many.ac2,
        icc,
        icc_items_incomplete: incomplete,
        warnings,
    }
}

/// Coefficients of all readers together.
struct Many {
    percent: Estimate,
    fleiss: Estimate,
    alpha: Estimate,
    ac1: Estimate,
    ac2: Estimate,
}

impl Many {
    fn of(ratings: &Ratings, patterns: &Patterns, options: &Options) -> Self {
        let nominal = Credit::new(Level::Nominal, &patterns.values);
        let credit = Credit::new(options.level, &patterns.values);
        let of = |credit: &Option<Credit>, which| match credit {
            Some(credit) => many::coefficient(patterns.all(), credit, which).estimate,
            None => Estimate::undefined(Reason("too many categories"), patterns.items.len()),
        };
        let mut all = Self {
            percent: many::percent_agreement(patterns.all()),
            fleiss: of(&credit, Coefficient::Fleiss),
            alpha: many::alpha(patterns.all(), options.level),
            ac1: of(&nominal, Coefficient::Gwet),
            ac2: of(&credit, Coefficient::Gwet),
        };
        if let Some(samples) = options.bootstrap {
            all.resample(ratings, patterns, (&nominal, &credit), samples, options);
        }
        all
    }

    fn resample(
        &mut self,
        ratings: &Ratings,
        patterns: &Patterns,
        (nominal, credit): (&Option<Credit>, &Option<Credit>),
        samples: usize,
        options: &Options,
    ) {
        let group: Vec<u32> = patterns.index(ratings).into_iter().flatten().collect();
        let by_pairs = matches!(options.level, Level::Ordinal | Level::Ratio);
        let small = !by_pairs || patterns.values.len() <= RESAMPLED_CATEGORIES;
        let cis = bootstrap::intervals(&group, patterns.items.len(), samples, options.seed, |drawn| {
            let sample = patterns.resampled(drawn);
            let of = |credit: &Option<Credit>, which| {
                let credit = credit.as_ref().filter(|_| small)?;
                many::coefficient(sample, credit, which).estimate.value
            };
            let alpha = if small || options.level == Level::Ordinal {
                many::alpha(sample, options.level).value
            } else {
                None
            };
            let (ac1, ac2) = (of(nominal, Coefficient::Gwet), of(credit, Coefficient::Gwet));
            [many::percent_agreement(sample).value, of(credit, Coefficient::Fleiss), alpha, ac1, ac2]
        });
        let all = [&mut self.percent, &mut self.fleiss, &mut self.alpha, &mut self.ac1, &mut self.ac2];
        for (estimate, ci) in all.into_iter().zip(cis) {
            *estimate = estimate.clone().with_ci(ci);
        }
    }
}

fn kappas(
    ratings: &Ratings,
    readers: &[String],
    weights: Weights,
    options: &Options,
) -> (BTreeMap<String, PairKappa>, Vec<Warning>) {
    let k = ratings.values().len();
    let mut kappas = BTreeMap::new();
    let mut found = Vec::new();
    for b in 0..readers.len() {
        for a in 0..b {
            let pair = format!("{}|{}", readers[a], readers[b]);
            let items = ratings.pairs(a, b);
            if k > KAPPA_CATEGORIES {
                let estimate = Estimate::undefined(Reason("more than 1000 categories"), items.len());
                kappas.insert(pair, PairKappa { estimate, se: None });
                continue;
            }
            let table = cohen::Table::of(&items, k);
            let kappa = cohen::kappa(&table, weights);
            if let Some(paradox) = warnings::of_table(&table) {
                found.push(Warning { pair: pair.clone(), message: paradox.message() });
            }
            let mut estimate = kappa.estimate;
            if let Some(samples) = options.bootstrap {
                let group: Vec<u32> = items.iter().map(|(i, j)| i * k as u32 + j).collect();
                let ci = resampled_kappa(&group, k, weights, samples, options.seed);
                estimate = estimate.with_ci(ci);
            }
            kappas.insert(pair, PairKappa { estimate, se: kappa.se });
        }
    }
    (kappas, found)
}

fn resampled_kappa(group: &[u32], k: usize, weights: Weights, samples: usize, seed: u64) -> Option<[f64; 2]> {
    let [ci] = bootstrap::intervals(group, k * k, samples, seed, |drawn| {
        let table = cohen::Table::from_cells(k, drawn.to_vec());
        [table.and_then(|t| cohen::kappa(&t, weights).estimate.value)]
    });
    ci
}

/// What is the matter with the plain κ of a pair, if anything.
fn iccs(
    ratings: &Ratings,
    numeric: bool,
    options: &Options,
) -> (Option<BTreeMap<&'static str, IccReport>>, Option<usize>) {
    let k = ratings.readers();
    let values = ratings.values();
    let complete: Vec<f64> = if numeric {
        let rows = ratings.rows().filter(|row| row.iter().all(Option::is_some));
        rows.flatten().flatten().map(|&c| values[c as usize]).collect()
    } else {
        Vec::new()
    };
    let used = complete.len() / k;
    let all = icc::icc(&complete, k);
    let mut forms = [
        ("icc1", all.icc1),
        ("icc2", all.icc2),
        ("icc3", all.icc3),
        ("icc1k", all.icc1k),
        ("icc2k", all.icc2k),
        ("icc3k", all.icc3k),
    ];
    if !numeric {
        for (_, form) in &mut forms {
            form.estimate = Estimate::undefined(Reason("values are text"), 0);
        }
    } else if let Some(samples) = options.bootstrap {
        let group: Vec<u32> = (0..used as u32).collect();
        let cis = bootstrap::intervals(&group, used, samples, options.seed, |drawn| {
            icc::values(&complete, k, |item| drawn[item])
        });
        for ((_, form), ci) in forms.iter_mut().zip(cis) {
            form.estimate = form.estimate.clone().with_ci(ci);
        }
    }
    let report = forms
        .map(|(name, i)| (name, IccReport { estimate: i.estimate, f: i.f, df1: i.df1, df2: i.df2, p: i.p }));
    (Some(BTreeMap::from(report)), Some(ratings.items() - used))
}
