//! How much to look at: acceptance plans by lot, sequential tests, spot checks weighted by risk.

use super::agreement::bootstrap::SplitMix;
use super::special::{binomial_cdf, hypergeometric_cdf, hypergeometric_pmf};

/// Code letters of ISO 2859-1 and the sample size of each.
const LETTERS: [(char, u64); 16] = [
    ('A', 2),
    ('B', 3),
    ('C', 5),
    ('D', 8),
    ('E', 13),
    ('F', 20),
    ('G', 32),
    ('H', 50),
    ('J', 80),
    ('K', 125),
    ('L', 200),
    ('M', 315),
    ('N', 500),
    ('P', 800),
    ('Q', 1250),
    ('R', 2000),
];

/// Largest lot of each row of the code letter table; larger ones are in the last row.
const LOTS: [u64; 14] = [8, 15, 25, 50, 90, 150, 280, 500, 1200, 3200, 10_000, 35_000, 150_000, 500_000];

/// Preferred acceptable quality limits, percent nonconforming.
pub const AQL_PERCENT: [f64; 16] =
    [0.010, 0.015, 0.025, 0.040, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10.0];

/// Acceptance numbers along the diagonal of the master table; none for the two arrow cells.
const ACCEPT: [Option<u64>; 11] =
    [Some(0), None, None, Some(1), Some(2), Some(3), Some(5), Some(7), Some(10), Some(14), Some(21)];

/// Inspection level: how much discrimination a lot is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Special levels, for small samples.
    S1,
    /// Special level 2.
    S2,
    /// Special level 3.
    S3,
    /// Special level 4.
    S4,
    /// General level I: less.
    I,
    /// General level II: normal.
    II,
    /// General level III: more.
    III,
}

impl Level {
    /// The letters of the fifteen rows of lot sizes.
    fn letters(self) -> &'static [u8; 15] {
        match self {
            Self::S1 => b"AAAABBBBCCCCDDD",
            Self::S2 => b"AAABBBCCCDDDEEE",
            Self::S3 => b"AABBCCDDEEFFGGH",
            Self::S4 => b"AABCCDEEFGGHJJK",
            Self::I => b"AABCCDEFGHJKLMN",
            Self::II => b"ABCDEFGHJKLMNPQ",
            Self::III => b"BCDEFGHJKLMNPQR",
        }
    }
}

/// A single sampling plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Letter for lot size and level.
    pub code_letter: char,
    /// Letter of the plan after following arrows.
    pub plan_letter: char,
    /// Items to inspect, at most the lot.
    pub sample_size: u64,
    /// Whether that is the whole lot.
    pub inspect_all: bool,
    /// Accept with up to so many bad ones; reject with one more.
    pub accept: u64,
}

/// ISO 2859-1-like single sampling, normal inspection, from the structure of its master table (along a diagonal the
/// acceptance numbers are 0, two arrows, 1, 2, 3, 5, 7, 10, 14, 21; an arrow means the neighbouring plan with its sample
/// size). Not a claim of conformity. `None` for an AQL that is not preferred or has no plan.
pub fn iso_plan(lot: u64, level: Level, aql_percent: f64) -> Option<Plan> {
    let row = LOTS.iter().filter(|&&most| lot > most).count();
    let code_letter = level.letters()[row] as char;
    let column = AQL_PERCENT.iter().position(|a| (a - aql_percent).abs() < 1e-9)? as i64;
    let mut at = LETTERS.iter().position(|l| l.0 == code_letter)? as i64;
    loop {
        let (plan_letter, size) = *LETTERS.get(usize::try_from(at).ok()?)?;
        // Steps along the diagonal from the cell with acceptance number 0.
        let step = column - 14 + at;
        match step {
            ..=-1 | 2 => at += 1,
            1 | 11.. => at -= 1,
            _ => {
                let accept = ACCEPT[step as usize]?;
                let sample_size = size.min(lot);
                return Some(Plan {
                    code_letter,
                    plan_letter,
                    sample_size,
                    inspect_all: size >= lot,
                    accept,
                });
            }
        }
    }
}

/// P(lot accepted) with `bad` bad items in it, drawing without replacement.
pub fn accept_lot(lot: u64, bad: u64, sample: u64, accept: u64) -> f64 {
    hypergeometric_cdf(accept, lot, bad.min(lot), sample.min(lot))
}

/// Operating characteristic: P(accepted) at each quality (share bad; N·q is rounded half to even), without replacement.
pub fn operating_characteristic(lot: u64, sample: u64, accept: u64, qualities: &[f64]) -> Vec<f64> {
    let bad = |q: f64| (lot as f64 * q).round_ties_even() as u64;
    qualities.iter().map(|&q| accept_lot(lot, bad(q), sample, accept)).collect()
}

/// The same for a lot so large that drawing does not change it.
pub fn operating_characteristic_binomial(sample: u64, accept: u64, qualities: &[f64]) -> Vec<f64> {
    qualities.iter().map(|&q| binomial_cdf(accept, sample, q)).collect()
}

/// Smallest sample with an acceptance number for which a lot of quality `good` is accepted with at least 1 − `alpha` and
/// one of quality `poor` with at most `beta` (Guenther 1977): (sample size, acceptance number).
///
/// Bad items are ⌊N·good⌋ and ⌈N·poor⌉. `None` where not even the whole lot will do.
pub fn two_point_plan(lot: u64, good: f64, poor: f64, alpha: f64, beta: f64) -> Option<(u64, u64)> {
    let (few, many) = ((lot as f64 * good).floor() as u64, (lot as f64 * poor).ceil() as u64);
    let mut accept = 0;
    for sample in 1..=lot {
        // The acceptance number only grows with the sample.
        while accept < sample && accept_lot(lot, few, sample, accept) < 1.0 - alpha {
            accept += 1;
        }
        if accept_lot(lot, many, sample, accept) <= beta {
            return Some((sample, accept));
        }
    }
    None
}

/// Smallest sample without a bad item that shows with `confidence` that fewer than a share `limit` is bad.
pub fn zero_defect_sample(lot: u64, limit: f64, confidence: f64) -> Option<u64> {
    let bad = (lot as f64 * limit).ceil() as u64;
    (1..=lot).find(|&n| hypergeometric_pmf(0, lot, bad, n) <= 1.0 - confidence + 1e-15)
}

/// What a sequential test says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on looking.
    Continue,
    /// Quality is as good as it should be.
    Accept,
    /// Quality is poor.
    Reject,
}

/// Wald's sequential probability ratio test of a share bad (Wald 1945, Ann Math Stat 16:117): `good` against `poor`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sprt {
    /// ln((1−β)/α): at or above, reject.
    pub log_upper: f64,
    /// ln(β/(1−α)): at or below, accept.
    pub log_lower: f64,
    bad: f64,
    fine: f64,
    ratio: f64,
    items: usize,
    decision: Decision,
}

impl Sprt {
    /// Test of `good` against the larger `poor` with error rates `alpha` (rejecting good) and `beta` (accepting poor).
    pub fn new(good: f64, poor: f64, alpha: f64, beta: f64) -> Self {
        Self {
            log_upper: ((1.0 - beta) / alpha).ln(),
            log_lower: (beta / (1.0 - alpha)).ln(),
            bad: (poor / good).ln(),
            fine: ((1.0 - poor) / (1.0 - good)).ln(),
            ratio: 0.0,
            items: 0,
            decision: Decision::Continue,
        }
    }

    /// Looks at the next item; after a decision nothing changes.
    pub fn push(&mut self, bad: bool) -> Decision {
        if self.decision == Decision::Continue {
            self.items += 1;
            self.ratio += if bad { self.bad } else { self.fine };
            if self.ratio >= self.log_upper {
                self.decision = Decision::Reject;
            } else if self.ratio <= self.log_lower {
                self.decision = Decision::Accept;
            }
        }
        self.decision
    }

    /// Items looked at.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Log likelihood ratio so far.
    pub fn log_ratio(&self) -> f64 {
        self.ratio
    }

    /// The decision lines, bad = slope × items + intercept: slope, intercept of accepting, intercept of rejecting.
    pub fn lines(&self) -> (f64, f64, f64) {
        let g = self.bad - self.fine;
        (-self.fine / g, self.log_lower / g, self.log_upper / g)
    }
}

/// `count` items drawn without replacement with chances proportional to `risk` (Efraimidis and Spirakis 2006), by index
/// in order of drawing; the same for the same seed. Items without risk are never drawn.
pub fn risk_weighted(risk: &[f64], count: usize, seed: u64) -> Vec<usize> {
    let mut keys: Vec<(f64, usize)> = risk
        .iter()
        .enumerate()
        .filter(|(_, w)| **w > 0.0 && w.is_finite())
        .map(|(i, w)| ((1.0 - SplitMix::new(seed, i as u64).unit()).ln() / w, i))
        .collect();
    keys.sort_by(|p, q| q.0.total_cmp(&p.0).then(p.1.cmp(&q.1)));
    keys.into_iter().take(count).map(|k| k.1).collect()
}
