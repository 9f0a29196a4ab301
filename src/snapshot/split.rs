//! Splits: whole subjects, or sites, by shares in each stratum, by chance of a seed.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// Splits at most.
const MOST: usize = 20;
/// Characters of a split's name at most.
const LONGEST: usize = 32;

/// The split of each unit, by the unit.
pub type Splits = BTreeMap<String, String>;

/// What is wrong with shares, or with splits that are to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SplitError {
    /// Not NAME=SHARE.
    #[error("{0:?} is no share; write train=.7,val=.15,test=.15")]
    NoShare(String),
    /// A name that no file may have.
    #[error("{0:?} is no name of a split: lower-case letters, digits, - and _, at most {LONGEST}")]
    Name(String),
    /// The same name twice.
    #[error("the split {0} stands twice")]
    Twice(String),
    /// Not 1 in all.
    #[error("the shares are {0} in all, not 1")]
    Sum(String),
    /// A subject is kept in a split that there is not.
    #[error("a subject is in the split {0} of the other snapshot, which has no share here")]
    Unknown(String),
}

/// What a split is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SplitRole {
    /// A model learns from it.
    Train,
    /// A model is chosen by it.
    Validation,
    /// A model is judged by it.
    Test,
}

impl SplitRole {
    /// The role of a split, by its name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" | "dev" | "tune" | "tuning" => Some(Self::Validation),
            "test" | "testing" | "holdout" => Some(Self::Test),
            _ => None,
        }
    }
}

/// Shares by name, in the order in which they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares(Vec<(String, f64)>);

impl Shares {
    /// Reads `train=.7,val=.15,test=.15`.
    ///
    /// # Errors
    /// [`SplitError`]
    pub fn parse(text: &str) -> Result<Self, SplitError> {
        let mut shares: Vec<(String, f64)> = Vec::new();
        for part in text.split(',') {
            let no_share = || SplitError::NoShare(part.into());
            let (name, share) = part.split_once('=').ok_or_else(no_share)?;
            let (name, share) = (name.trim(), share.trim().parse::<f64>().map_err(|_| no_share())?);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            let is_name = !name.is_empty()
                && name.len() <= LONGEST
                && name.chars().all(plain)
                && !name.starts_with('-');
            if !is_name {
                return Err(SplitError::Name(name.into()));
            }
            if !(0.0..=1.0).contains(&share) || shares.len() >= MOST {
                return Err(no_share());
            }
            if shares.iter().any(|(known, _)| known == name) {
                return Err(SplitError::Twice(name.into()));
            }
            shares.push((name.into(), share));
        }
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        // Thirds may be written as .33 and .34.
        if (sum - 1.0).abs() > 1e-6 {
            return Err(SplitError::Sum(format!("{sum:.4}")));
        }
        Ok(Self(shares))
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// What goes into one split as a whole: a subject, or a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its identifier.
    pub id: String,
    /// The stratum that it belongs to.
    pub stratum: String,
    /// The split that it stays in.
    pub kept: Option<String>,
}

/// The split of each unit. In each stratum the shares are met by largest remainder; who goes where is drawn by the seed
/// from the identifiers alone, so that it does not depend on their order.
///
/// # Errors
/// A unit is kept in a split without a share.
///
/// # Examples
/// ```
/// use gantry::snapshot::{Shares, Unit, assign};
/// let shares = Shares::parse("train=.6,val=.2,test=.2")?;
/// let units: Vec<Unit> = ["a", "b", "c", "d", "e"]
///     .map(|id| Unit { id: id.into(), stratum: String::new(), kept: None })
///     .into();
/// let splits = assign(&units, &shares, 7)?;
/// assert_eq!(splits.values().filter(|s| *s == "train").count(), 3);
/// # Ok::<(), gantry::snapshot::SplitError>(())
/// ```
pub fn assign(units: &[Unit], shares: &Shares, seed: u64) -> Result<Splits, SplitError> {
    let mut strata: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
    for unit in units {
        strata.entry(&unit.stratum).or_default().push(unit);
    }
    let mut splits = Splits::new();
    for stratum in strata.values_mut() {
        stratum.sort_by_cached_key(|unit| drawn(seed, &unit.id));
        assign_stratum(stratum, shares, &mut splits)?;
    }
    Ok(splits)
}

fn assign_stratum(units: &[&Unit], shares: &Shares, splits: &mut Splits) -> Result<(), SplitError> {
    let mut room = quotas(units.len(), shares);
    for unit in units {
        if let Some(kept) = &unit.kept {
            let at = shares.names().position(|name| name == kept);
            let at = at.ok_or_else(|| SplitError::Unknown(kept.clone()))?;
            room[at] -= 1;
            splits.insert(unit.id.clone(), kept.clone());
        }
    }
    for unit in units.iter().filter(|u| u.kept.is_none()) {
        // The first split with room; where those that were kept have taken more than their share, the one that lacks most.
        let at = room.iter().position(|left| *left > 0);
        let most =
            || room.iter().enumerate().max_by_key(|(at, left)| (**left, usize::MAX - at)).map(|(at, _)| at);
        let Some(at) = at.or_else(most) else { continue };
        room[at] -= 1;
        splits.insert(unit.id.clone(), shares.0[at].0.clone());
    }
    Ok(())
}

/// How many of `n` go into each split, by largest remainder; of equal remainders the larger share, then the earlier one.
fn quotas(n: usize, shares: &Shares) -> Vec<i64> {
    let exact: Vec<f64> = shares.0.iter().map(|(_, share)| share * n as f64).collect();
    let mut quotas: Vec<i64> = exact.iter().map(|x| (x + 1e-9).floor() as i64).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    let remainder = |at: &usize| ((exact[*at] - quotas[*at] as f64).max(0.0) * 1e9).round() as i64;
    order.sort_by_key(|at| {
        let share = (shares.0[*at].1 * 1e9).round() as i64;
        (std::cmp::Reverse(remainder(at)), std::cmp::Reverse(share), *at)
    });
    let left = (n as i64 - quotas.iter().sum::<i64>()).max(0) as usize;
    for at in order.into_iter().take(left) {
        quotas[at] += 1;
    }
    quotas
}

/// A unit's place by chance.
fn drawn(seed: u64, id: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"split");
    hash.update(seed.to_be_bytes());
    hash.update(id.as_bytes());
    hash.finalize().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn units(n: usize, strata: usize) -> Vec<Unit> {
        (0..n).map(|i| Unit { id: format!("u{i}"), stratum: (i % strata).to_string(), kept: None }).collect()
    }

    fn counts(splits: &Splits, among: &[Unit], shares: &Shares) -> Vec<usize> {
        shares.names().map(|name| among.iter().filter(|u| splits[&u.id] == name).count()).collect()
    }

    #[test]
    fn shares_are_read_or_refused() {
        assert_eq!(Shares::parse("train=.6,test=.4").unwrap().names().collect::<Vec<_>>(), ["train", "test"]);
        for bad in
            ["", "train", "train=x", "train=.5,train=.5", "train=.5", "train=1.5", "../a=1", "A=1", "-a=1"]
        {
            assert!(Shares::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_stratum_has_its_shares() {
        let shares = Shares::parse("train=.6,val=.2,test=.2").unwrap();
        let all = units(10, 2);
        let splits = assign(&all, &shares, 7).unwrap();
        for stratum in ["0", "1"] {
            let among: Vec<Unit> = all.iter().filter(|u| u.stratum == stratum).cloned().collect();
            assert_eq!(counts(&splits, &among, &shares), [3, 1, 1]);
        }
    }

    #[test]
    fn who_was_in_a_split_stays_there_and_others_fill_what_is_free() {
        let shares = Shares::parse("train=.5,test=.5").unwrap();
        let mut all = units(8, 1);
        for unit in &mut all[..3] {
            unit.kept = Some("test".into());
        }
        let splits = assign(&all, &shares, 1).unwrap();
        assert!(all[..3].iter().all(|u| splits[&u.id] == "test"));
        assert_eq!(counts(&splits, &all, &shares), [4, 4]);
        // More were kept than the share allows: nobody moves.
        for unit in &mut all[..6] {
            unit.kept = Some("test".into());
        }
        let splits = assign(&all, &shares, 1).unwrap();
        assert_eq!(counts(&splits, &all, &shares), [2, 6]);
        all[0].kept = Some("other".into());
        assert_eq!(assign(&all, &shares, 1), Err(SplitError::Unknown("other".into())));
    }

    proptest! {
        #[test]
        fn everybody_is_in_one_split_whatever_their_order(n in 1_usize..80, strata in 1_usize..5, seed in 0_u64..50) {
            let shares = Shares::parse("train=.7,val=.15,test=.15").unwrap();
            let mut all = units(n, strata);
            let splits = assign(&all, &shares, seed).unwrap();
            prop_assert_eq!(splits.len(), n);
            all.reverse();
            prop_assert_eq!(assign(&all, &shares, seed).unwrap(), splits.clone());
            for stratum in 0..strata {
                let among: Vec<Unit> = all.iter().filter(|u| u.stratum == stratum.to_string()).cloned().collect();
                for (count, (_, share)) in counts(&splits, &among, &shares).into_iter().zip(&shares.0) {
                    prop_assert!((count as f64 - share * among.len() as f64).abs() < 1.0);
                }
            }
        }
    }
}
