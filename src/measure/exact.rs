//! Sums without rounding, from which what was added can be taken away again.

/// Beyond this a term may overflow the sum; it is counted instead.
const LARGEST: f64 = 1e300;

/// A sum of doubles that is kept exactly, as parts that do not overlap (Shewchuk 1997, Discrete Comput Geom 18:305).
///
/// It does not depend on the order of its terms, and a term that is added and taken away leaves nothing behind, however
/// large it was: a running sum of a million reads is the sum of those that stand.
#[derive(Debug, Clone, Default)]
pub struct ExactSum {
    /// From small to large.
    parts: Vec<f64>,
    /// Terms that are no numbers, or too large to be summed.
    beyond: i64,
}

impl ExactSum {
    /// Adds a term.
    pub fn add(&mut self, term: f64) {
        if !within(term) {
            self.beyond += 1;
            return;
        }
        self.take(term);
    }

    /// Takes a term away that was added.
    pub fn subtract(&mut self, term: f64) {
        if !within(term) {
            self.beyond -= 1;
            return;
        }
        self.take(-term);
    }

    fn take(&mut self, term: f64) {
        if term == 0.0 {
            return;
        }
        let (mut x, mut kept) = (term, 0);
        for at in 0..self.parts.len() {
            let y = self.parts[at];
            let (large, small) = if x.abs() < y.abs() { (y, x) } else { (x, y) };
            let sum = large + small;
            let rest = small - (sum - large);
            if rest != 0.0 {
                self.parts[kept] = rest;
                kept += 1;
            }
            x = sum;
        }
        self.parts.truncate(kept);
        if x != 0.0 {
            self.parts.push(x);
        }
    }

    /// The sum, rounded once; NaN where a term was no number or too large.
    pub fn value(&self) -> f64 {
        if self.beyond != 0 {
            return f64::NAN;
        }
        let mut parts = self.parts.iter().rev().copied();
        let mut high = parts.next().unwrap_or(0.0);
        while let Some(part) = parts.next() {
            let sum = high + part;
            let low = part - (sum - high);
            high = sum;
            if low == 0.0 {
                continue;
            }
            // Half way between two doubles, the next part decides.
            if parts.next().is_some_and(|next| (next < 0.0) == (low < 0.0)) {
                let twice = 2.0 * low;
                let up = high + twice;
                if twice == up - high {
                    high = up;
                }
            }
            break;
        }
        high
    }
}

fn within(term: f64) -> bool {
    term.abs() <= LARGEST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_added_can_be_taken_away_however_large() {
        let mut sum = ExactSum::default();
        for term in [0.1, 1e290, 0.2, -3.0e-280, f64::INFINITY, f64::NAN] {
            sum.add(term);
        }
        assert!(sum.value().is_nan());
        sum.subtract(f64::NAN);
        sum.subtract(f64::INFINITY);
        sum.subtract(1e290);
        sum.subtract(-3.0e-280);
        sum.subtract(0.2);
        assert_eq!(sum.value().to_bits(), 0.1_f64.to_bits());
        sum.subtract(0.1);
        assert_eq!(sum.value().to_bits(), 0.0_f64.to_bits());
    }

    proptest! {
        #[test]
        fn the_order_of_terms_does_not_matter(
            terms in prop::collection::vec((-1e3_f64..1e3, -40..40_i32), 1..60),
            turn in 0..60_usize,
        ) {
            let terms: Vec<f64> = terms.iter().map(|(x, e)| x * 2.0_f64.powi(*e)).collect();
            let mut turned = terms.clone();
            turned.rotate_left(turn % terms.len());
            turned.reverse();
            let (mut one, mut other) = (ExactSum::default(), ExactSum::default());
            terms.iter().for_each(|t| one.add(*t));
            turned.iter().for_each(|t| other.add(*t));
            // A sum of many more terms, of which those remain.
            for t in &terms {
                other.add(t * 1e9);
            }
            for t in &turned {
                other.subtract(t * 1e9);
            }
            prop_assert_eq!(one.value().to_bits(), other.value().to_bits());
        }
    }
}
