//! Dates and times of DICOM as numbers.

use std::borrow::Cow;

use crate::dicom::DataSet;
use crate::model::Tag;

/// `YYYYMMDD` (or the old `YYYY.MM.DD`) as a number such as 20240131.
pub fn date(text: &str) -> Option<u32> {
    let (mut number, mut count) = (0, 0);
    for byte in text.bytes().filter(|b| *b != b'.').take(8) {
        if !byte.is_ascii_digit() {
            return None;
        }
        (number, count) = (10 * number + u32::from(byte - b'0'), count + 1);
    }
    Some(number)
        .filter(|_| count == 8)
        .filter(|n: &u32| (1..=12).contains(&(n / 100 % 100)) && (1..=31).contains(&(n % 100)))
}

/// `HHMMSS.ffffff` (or the old `HH:MM:SS`) as seconds of the day.
pub fn seconds(text: &str) -> Option<f64> {
    let text = if text.contains(':') { Cow::Owned(text.replace(':', "")) } else { Cow::Borrowed(text) };
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    if !matches!(whole.len(), 2 | 4 | 6) || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = whole.as_bytes();
    let part = |at: usize| match digits.get(at..at + 2) {
        Some([tens, ones]) => f64::from(10 * (tens - b'0') + (ones - b'0')),
        _ => 0.0,
    };
    // With its point.
    let fraction: f64 = if fraction.len() < 2 { 0.0 } else { fraction.parse().ok()? };
    Some(part(0) * 3600.0 + part(2) * 60.0 + part(4) + fraction)
}

/// A date-time (without its offset) as seconds since year 0.
pub fn date_time(text: &str) -> Option<f64> {
    let text = text.split(['+', '-', '&']).next()?;
    let day = date(text.get(..8)?)?;
    Some(day_number(day) * 86400.0 + text.get(8..).filter(|t| !t.is_empty()).map_or(Some(0.0), seconds)?)
}

/// Date and time elements together, as seconds; the time alone where there is no date.
pub fn moment(set: &DataSet<'_>, day: Tag, time: Tag) -> Option<f64> {
    let seconds = seconds(set.ascii(time)?)?;
    Some(set.ascii(day).and_then(date).map_or(0.0, day_number) * 86400.0 + seconds)
}

/// Days since the first of March of year 0.
fn day_number(date: u32) -> f64 {
    let (year, month, day) = (f64::from(date / 10000), date / 100 % 100, f64::from(date % 100));
    let (year, month) = if month < 3 { (year - 1.0, month + 9) } else { (year, month - 3) };
    let leap = (year / 4.0).floor() - (year / 100.0).floor() + (year / 400.0).floor();
    365.0 * year + leap + f64::from((153 * month + 2) / 5) + day - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_and_times_old_and_new() {
        assert_eq!(date("2024.01.31"), Some(20_240_131));
        assert_eq!(date("20241331"), None);
        assert_eq!(seconds("101112.5"), Some(36672.5));
        assert_eq!(seconds("10:11:12"), Some(36672.0));
        assert_eq!(seconds("1011xx"), None);
        assert_eq!(
            (seconds("10."), seconds("10.x"), seconds("10.25")),
            (Some(36000.0), None, Some(36000.25))
        );
        assert_eq!((date("2024-131"), date("2024013"), date("202401311")), (None, None, Some(20_240_131)));
        let (a, b) = (date_time("20240228235959"), date_time("20240301000000+0100"));
        assert_eq!(b.zip(a).map(|(b, a)| b - a), Some(86401.0));
    }
}
