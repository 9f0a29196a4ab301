//! Lengths of time as a plan writes them: `90m`, `8h`, `3d`, `2w`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    ms: i64,
}

/// Letters and the milliseconds that they stand for, the longest first.
const UNITS: [(char, i64); 5] =
    [('w', 7 * 86_400_000), ('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)];
/// A hundred years: what is longer was meant otherwise.
const MOST_MS: i64 = 100 * 366 * 86_400_000;

impl Period {
    /// So many milliseconds.
    pub const fn of_ms(ms: i64) -> Self {
        Self { ms }
    }

    /// So many hours.
    pub const fn hours(hours: i64) -> Self {
        Self { ms: hours * 3_600_000 }
    }

    /// Its milliseconds.
    pub const fn ms(self) -> i64 {
        self.ms
    }
}

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a length of time is a number with s, m, h, d or w after it, such as \"8h\"")]
pub struct NoPeriod;

impl FromStr for Period {
    type Err = NoPeriod;

    fn from_str(text: &str) -> Result<Self, NoPeriod> {
        let letter = text.chars().last().ok_or(NoPeriod)?;
        let (_, unit) = UNITS.into_iter().find(|(known, _)| *known == letter).ok_or(NoPeriod)?;
        let number: i64 = text[..text.len() - letter.len_utf8()].trim().parse().map_err(|_| NoPeriod)?;
        let ms = number.checked_mul(unit).filter(|ms| (0..=MOST_MS).contains(ms)).ok_or(NoPeriod)?;
        Ok(Self { ms })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, unit)| self.ms % unit == 0 && self.ms >= *unit);
        match whole {
            Some((letter, unit)) => write!(f, "{}{letter}", self.ms / unit),
            None => write!(f, "{}s", self.ms / 1_000),
        }
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_written_alike() {
        for (text, ms) in [("6s", 6_000), ("90m", 5_400_000), ("8h", 28_800_000), ("3d", 259_200_000)] {
            assert_eq!(text.parse(), Ok(Period { ms }));
            assert_eq!(Period { ms }.to_string(), text);
        }
        assert_eq!(Period::hours(336).to_string(), "2w");
        for wrong in ["", "8", "h", "-1h", "1.5h", "8 hours", "99999999w", "９h"] {
            assert_eq!(wrong.parse::<Period>(), Err(NoPeriod), "{wrong}");
        }
    }
}
