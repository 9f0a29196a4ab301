//! Moments as people and programs write them.
//!
//! ISO 8601 dates and times, `2026/10/01`, `20261001`, DICOM's `20261001101500`, `1.10.2026` (day first), `1-Oct-2026`,
//! `1 October 2026`, `Oct 1, 2026`, each with or without a time of day (also with AM and PM), and seconds or
//! milliseconds since 1970. `3/4/2026` is read only where another date of the same columns shows which number is the
//! month. Without a zone it is UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use thiserror::Error;

use super::number;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Why a text is no moment. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MomentError {
    /// No form that is known.
    #[error(
        "neither a date or time (ISO is safest) nor seconds or milliseconds since 1970; years have four digits"
    )]
    Unknown,
    /// Such as `3/4/2026`, where nothing tells what is the month.
    #[error("a date that could have the day or the month first; write it as 2026-04-03")]
    Ambiguous,
}

/// Which of the first two numbers of `3/4/2026` is the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    DayFirst,
    MonthFirst,
}

/// How the dates of a table are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moments {
    order: Option<Order>,
}

impl Moments {
    /// Looks for dates that show where the month stands; where they contradict each other none is taken to be shown.
    pub fn of<'a>(cells: impl IntoIterator<Item = &'a str>) -> Self {
        let mut seen = [false; 2];
        for cell in cells {
            if let Some((Part::Either(first, second, _), _)) = date_of(cell.trim()) {
                seen[0] |= first > 12;
                seen[1] |= second > 12;
            }
        }
        let order = match seen {
            [true, false] => Some(Order::DayFirst),
            [false, true] => Some(Order::MonthFirst),
            _ => None,
        };
        Self { order }
    }

    /// The moment that a text names.
    ///
    /// # Errors
    /// [`MomentError`].
    pub fn instant(self, text: &str) -> Result<Timestamp, MomentError> {
        let text = text.trim();
        if let Some(at) = digits(text).or_else(|| iso(text)) {
            return Ok(at);
        }
        let (part, rest) = date_of(text).ok_or(MomentError::Unknown)?;
        let time = time_of(rest).ok_or(MomentError::Unknown)?;
        let (year, month, day) = match (part, self.order) {
            (Part::Sure(year, month, day), _) => (year, month, day),
            (Part::Either(a, b, year), _) if a == b => (year, a, b),
            (Part::Either(day, month, year), Some(Order::DayFirst)) => (year, month, day),
            (Part::Either(month, day, year), Some(Order::MonthFirst)) => (year, month, day),
            (Part::Either(..), None) => return Err(MomentError::Ambiguous),
        };
        let date = Date::new(year, month, day).map_err(|_| MomentError::Unknown)?;
        utc(date.to_datetime(time)).ok_or(MomentError::Unknown)
    }
}

/// A moment that stands alone, in milliseconds since 1970.
pub fn instant(text: &str) -> Option<i64> {
    Moments::of([text]).instant(text).ok().map(Timestamp::as_millisecond)
}

fn utc(at: DateTime) -> Option<Timestamp> {
    jiff::tz::Offset::UTC.to_timestamp(at).ok()
}

/// A number: a DICOM date or date and time, or seconds or milliseconds since 1970.
fn digits(text: &str) -> Option<Timestamp> {
    let whole = text.split('.').next().unwrap_or_default();
    let plain = whole.bytes().all(|b| b.is_ascii_digit());
    if plain && matches!(whole.len(), 8 | 14) && (whole.starts_with("19") || whole.starts_with("20")) {
        let part = |from: usize, to: usize| whole.get(from..to)?.parse::<i8>().ok();
        let date = Date::new(whole.get(..4)?.parse().ok()?, part(4, 6)?, part(6, 8)?).ok()?;
        if whole.len() == 8 {
            return (text == whole).then(|| utc(date.at(0, 0, 0, 0)))?;
        }
        let fraction = text.get(15..).map_or(Some(0), nanoseconds)?;
        return utc(date.to_datetime(Time::new(part(8, 10)?, part(10, 12)?, part(12, 14)?, fraction).ok()?));
    }
    match number(text)? {
        n if (1e11..1e13).contains(&n) => Timestamp::from_millisecond(n as i64).ok(),
        n if (1e8..1e11).contains(&n) => Timestamp::from_millisecond((n * 1000.0).round() as i64).ok(),
        _ => None,
    }
}

/// What up to nine digits behind the decimal point are in nanoseconds.
fn nanoseconds(fraction: &str) -> Option<i32> {
    let digits = fraction.bytes().all(|b| b.is_ascii_digit()) && (1..=9).contains(&fraction.len());
    digits.then(|| format!("{fraction:0<9}").parse().ok())?
}

fn iso(text: &str) -> Option<Timestamp> {
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp);
    }
    // What names a zone was a timestamp, or is none; it is not taken for UTC.
    if text.contains(['Z', 'z', '+', '[']) {
        return None;
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|d| d.at(0, 0, 0, 0)));
    utc(civil.ok()?)
}

/// A date: year, month and day, or two numbers that may be either, and the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Sure(i16, i8, i8),
    Either(i8, i8, i16),
}

/// A date at the beginning of a text, and what follows it.
fn date_of(text: &str) -> Option<(Part, &str)> {
    let marks = ['/', '-', '.', ' ', ','];
    let (first, rest) = word(text);
    let mark = rest.chars().next().filter(|c| marks.contains(c))?;
    let (second, rest) = word(rest.trim_start_matches(marks));
    let (third, rest) = word(rest.strip_prefix(marks)?.trim_start_matches(' '));
    let part = match (month(first), month(second)) {
        (Some(month), None) => Part::Sure(year(third)?, month, small(second)?),
        (None, Some(month)) if first.len() == 4 => Part::Sure(year(first)?, month, small(third)?),
        (None, Some(month)) => Part::Sure(year(third)?, month, small(first)?),
        (None, None) if first.len() == 4 => Part::Sure(year(first)?, small(second)?, small(third)?),
        (None, None) if mark == '.' => Part::Sure(year(third)?, small(second)?, small(first)?),
        (None, None) if matches!(mark, '/' | '-') => {
            Part::Either(small(first)?, small(second)?, year(third)?)
        }
        _ => return None,
    };
    Some((part, rest))
}

/// The letters and digits at the beginning of a text, and what follows them.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len()))
}

/// The number of a month's English name, whole or by its first three letters.
fn month(word: &str) -> Option<i8> {
    let word = word.to_ascii_lowercase();
    let at = MONTHS.iter().position(|m| {
        *m == word || word.len() == 3 && m.starts_with(&word) || word == "sept" && *m == "september"
    })?;
    i8::try_from(at + 1).ok()
}

fn year(word: &str) -> Option<i16> {
    (word.len() == 4).then(|| word.parse().ok())?
}

fn small(word: &str) -> Option<i8> {
    (word.len() <= 2).then(|| word.parse().ok())?
}

/// A time of day behind a date: nothing, or `14:05`, `2:05:30.5 PM`.
fn time_of(text: &str) -> Option<Time> {
    let text = text.trim_start_matches([',', 'T', ' ']).trim();
    if text.is_empty() {
        return Some(Time::midnight());
    }
    let lower = text.to_ascii_lowercase();
    let half = [("am", 0), ("pm", 12)]
        .into_iter()
        .find_map(|(name, hours)| Some((lower.strip_suffix(name)?.trim_end().to_owned(), hours)));
    let (clock, afternoon) = half.map_or((lower, None), |(clock, hours)| (clock, Some(hours)));
    let (clock, fraction) = clock.split_once('.').unwrap_or((&clock, "0"));
    let parts: Vec<i8> = clock.split(':').map(small).collect::<Option<_>>()?;
    let (hour, minute, second) = match parts[..] {
        [hour] if afternoon.is_some() => (hour, 0, 0),
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(hours) => hour % 12 + hours,
    };
    Time::new(hour, minute, second, nanoseconds(fraction)?).ok()
}
