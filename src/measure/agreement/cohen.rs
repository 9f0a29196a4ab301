//! Cohen's κ of two readers, plain and weighted.

use crate::measure::estimate::{Estimate, Reason};
use crate::measure::special::Z975;

/// How much a disagreement counts, by the distance of the two categories in the declared scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weights {
    /// All disagreements alike (Cohen 1960).
    #[default]
    None,
    /// 1 − |i−j|/(k−1) (Cicchetti and Allison 1971).
    Linear,
    /// 1 − ((i−j)/(k−1))² (Fleiss and Cohen 1973).
    Quadratic,
}

impl Weights {
    /// Agreement credited to categories at positions `i` and `j` of `k`.
    pub fn credit(self, i: usize, j: usize, k: usize) -> f64 {
        if i == j {
            return 1.0;
        }
        let distance = i.abs_diff(j) as f64 / (k - 1) as f64;
        match self {
            Self::None => 0.0,
            Self::Linear => 1.0 - distance,
            Self::Quadratic => 1.0 - distance * distance,
        }
    }
}

/// κ with its large-sample standard error, observed and expected agreement.
#[derive(Debug, Clone, PartialEq)]
pub struct Kappa {
    /// κ with the Wald interval (not clipped); undefined (0/0) where chance agreement is complete.
    pub estimate: Estimate,
    /// Standard error for a κ that need not be zero.
    pub se: Option<f64>,
    /// Observed agreement, weighted.
    pub observed: f64,
    /// Agreement expected by chance, weighted.
    pub expected: f64,
}

/// Counts of two readers' categories: `cells[i * k + j]` items that the first put in i and the second in j.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    k: usize,
    cells: Vec<f64>,
}

impl Table {
    /// Counts of pairs over `k` categories; pairs outside are ignored.
    pub fn of(pairs: &[(u32, u32)], k: usize) -> Self {
        let mut cells = vec![0.0; k * k];
        for &(a, b) in pairs {
            if let Some(cell) = cells.get_mut(a as usize * k + b as usize).filter(|_| (b as usize) < k) {
                *cell += 1.0;
            }
        }
        Self { k, cells }
    }

    /// Counts (or weights) given as rows; `None` unless they are a square.
    pub fn from_cells(k: usize, cells: Vec<f64>) -> Option<Self> {
        (cells.len() == k * k).then_some(Self { k, cells })
    }

    /// Number of categories.
    pub fn categories(&self) -> usize {
        self.k
    }

    /// Items in cell (i, j).
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.cells[i * self.k + j]
    }

    /// All items.
    pub fn total(&self) -> f64 {
        self.cells.iter().sum()
    }

    /// Items in each category by the first and by the second reader.
    pub fn margins(&self) -> (Vec<f64>, Vec<f64>) {
        let row = (0..self.k).map(|i| (0..self.k).map(|j| self.at(i, j)).sum()).collect();
        let column = (0..self.k).map(|j| (0..self.k).map(|i| self.at(i, j)).sum()).collect();
        (row, column)
    }
}

/// κ of a table. Source: Cohen 1960 and 1968; standard error Fleiss, Cohen and Everitt 1969, Psychol Bull 72:323
/// (its weighted form, which is the plain one where weights are 0 and 1).
///
/// Edge cases: no items, or 1 − expected = 0, is undefined with a reason; perfect agreement on varied categories is
/// 1 with standard error 0.
pub fn kappa(table: &Table, weights: Weights) -> Kappa {
    let (k, n) = (table.k, table.total());
    let items = n as usize;
    let undefined = |reason, observed, expected| Kappa {
        estimate: Estimate::undefined(reason, items),
        se: None,
        observed,
        expected,
    };
    if n == 0.0 {
        return undefined(Reason("no item was rated by both"), f64::NAN, f64::NAN);
    }
    let (row, column) = table.margins();
    let credit = |i, j| weights.credit(i, j, k);
    let (mut agreed, mut by_chance, mut lost, mut lost_by_chance) = (0.0, 0.0, 0.0, 0.0);
    for i in 0..k {
        for j in 0..k {
            let w = credit(i, j);
            agreed += w * table.at(i, j);
            by_chance += w * row[i] * column[j];
            lost += (1.0 - w) * table.at(i, j);
            lost_by_chance += (1.0 - w) * row[i] * column[j];
        }
    }
    let (observed, expected) = (agreed / n, by_chance / (n * n));
    // In terms of disagreement, so that "no disagreement possible" is an exact zero and not a rounding error.
    if lost_by_chance == 0.0 {
        return undefined(Reason::NO_VARIATION, observed, expected);
    }
    let ratio = lost * n / lost_by_chance;
    let value = 1.0 - ratio;
    let row_credit: Vec<f64> =
        (0..k).map(|i| (0..k).map(|j| credit(i, j) * column[j]).sum::<f64>() / n).collect();
    let column_credit: Vec<f64> =
        (0..k).map(|j| (0..k).map(|i| credit(i, j) * row[i]).sum::<f64>() / n).collect();
    // Squared about their mean, so that no spread at all is zero and not a rounding error's root.
    let (mut variance, middle) = (0.0, value - expected * ratio);
    for i in 0..k {
        for j in 0..k {
            let spread = credit(i, j) - (row_credit[i] + column_credit[j]) * ratio;
            variance += table.at(i, j) / n * (spread - middle).powi(2);
        }
    }
    let se = (variance / n).sqrt() / (lost_by_chance / (n * n));
    let estimate = Estimate::new(value, items).with_ci(Some([value - Z975 * se, value + Z975 * se]));
    Kappa { estimate, se: Some(se), observed, expected }
}

/// The largest κ that the margins allow (Cohen 1960), and the prevalence- and bias-adjusted κ (Byrt, Bishop and
/// Carlin 1993), which is (k·observed − 1)/(k − 1).
pub fn kappa_max_and_pabak(table: &Table) -> (Estimate, Estimate) {
    let (k, n) = (table.k as f64, table.total());
    let items = n as usize;
    let (row, column) = table.margins();
    let possible: f64 = row.iter().zip(&column).map(|(r, c)| r.min(*c)).sum::<f64>() / n;
    let expected = row.iter().zip(&column).map(|(r, c)| r * c).sum::<f64>() / (n * n);
    let observed = (0..table.k).map(|i| table.at(i, i)).sum::<f64>() / n;
    (
        Estimate::ratio(possible - expected, 1.0 - expected, Reason::NO_VARIATION, items),
        Estimate::ratio(k * observed - 1.0, k - 1.0, Reason::NO_VARIATION, items),
    )
}
