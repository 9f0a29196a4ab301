//! When a coefficient misleads.

use super::cohen::{self, Table, Weights};

/// A pattern in which κ says less than it seems to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paradox {
    /// Readers agree nearly always, yet κ is low, because one category takes nearly everything
    /// (Feinstein and Cicchetti 1990, first paradox): look at AC1 and at agreement on the rare category.
    HighAgreementLowKappa,
    /// Readers use the categories so differently that the largest κ possible is low (second paradox).
    UnbalancedMargins,
}

impl Paradox {
    /// One line for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::HighAgreementLowKappa => {
                "agreement is high but kappa is low: one category takes nearly all ratings; read AC1 beside it"
            }
            Self::UnbalancedMargins => {
                "the readers use the categories so differently that kappa cannot be high; look at their margins"
            }
        }
    }
}

/// Which paradox a pair of readers shows, if any: observed agreement of at least 0.8 with κ below 0.4 and AC1 at least
/// 0.3 above it; or a largest possible κ below 0.6 that κ comes near (0.8 of it).
pub fn paradox(
    observed: f64,
    kappa: Option<f64>,
    ac1: Option<f64>,
    kappa_max: Option<f64>,
) -> Option<Paradox> {
    let kappa = kappa?;
    if observed >= 0.8 && kappa < 0.4 && ac1.is_some_and(|ac1| ac1 - kappa >= 0.3) {
        return Some(Paradox::HighAgreementLowKappa);
    }
    kappa_max.filter(|&max| max < 0.6 && kappa > 0.8 * max).map(|_| Paradox::UnbalancedMargins)
}

/// Which paradox a table of two readers shows, by unweighted κ.
pub fn of_table(table: &Table) -> Option<Paradox> {
    let plain = cohen::kappa(table, Weights::None);
    let (most, _) = cohen::kappa_max_and_pabak(table);
    let (row, column) = table.margins();
    let total = table.total();
    let spread: f64 =
        row.iter().zip(&column).map(|(r, c)| (r + c) / (2.0 * total)).map(|p| p * (1.0 - p)).sum();
    let chance = spread / (table.categories() as f64 - 1.0);
    let ac1 = (plain.observed - chance) / (1.0 - chance);
    paradox(plain.observed, plain.estimate.value, Some(ac1).filter(|v| v.is_finite()), most.value)
}
