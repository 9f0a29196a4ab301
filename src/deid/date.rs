//! Dates, times and ages (PS3.5 section 6.2): every date of a subject moves by the same whole number of days, so that
//! intervals stay exact. Times of day stay what they are, or move by the same whole number of minutes: a date with its
//! time then moves as one, over midnight too.

/// By how much the dates of a subject move into the past.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shift {
    /// Whole days; negative into the future.
    pub days: i64,
    /// Whole minutes beside; 0 where times of day stay.
    pub minutes: i64,
}

impl Shift {
    /// A date as it stands is none the less looked at, and dropped where it is none.
    pub const NONE: Self = Self { days: 0, minutes: 0 };
}

const DAY_MINUTES: i64 = 24 * 60;

/// Days since 1970-01-01 of a Gregorian date; `None` for a date that does not exist.
fn to_days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day < 1 || day > last {
        return None;
    }
    // Howard Hinnant, "chrono-compatible low-level date algorithms".
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The date of a day since 1970-01-01.
fn from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_part = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_part + 2) / 5 + 1;
    let month = if month_part < 10 { month_part + 3 } else { month_part - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn number(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Year, month and day of `YYYYMMDD`, or of the `YYYY.MM.DD` of ACR-NEMA.
pub fn parse_da(text: &str) -> Option<(i64, i64, i64)> {
    let digits = match text.len() {
        8 => text.to_string(),
        10 if text.as_bytes()[4] == b'.' && text.as_bytes()[7] == b'.' => text.replace('.', ""),
        _ => return None,
    };
    number(&digits)?;
    let (y, m, d) = (number(&digits[..4])?, number(&digits[4..6])?, number(&digits[6..])?);
    to_days(y, m, d).map(|_| (y, m, d))
}

/// A DA value `days` earlier; `None` where it is no date or would leave the years 0001 to 9999.
fn shift_da(text: &str, days: i64) -> Option<String> {
    let (y, m, d) = parse_da(text)?;
    let (y, m, d) = from_days(to_days(y, m, d)? - days);
    (1..=9999).contains(&y).then(|| format!("{y:04}{m:02}{d:02}"))
}

/// A DA value with the time of day that belongs to it, moved as one; where there is none the date moves by days alone.
pub fn shift_da_with(text: &str, time: Option<&str>, shift: Shift) -> Option<String> {
    let minute = time.filter(|_| shift.minutes != 0).and_then(minute_of_day);
    shift_da(text, shift.days - minute.map_or(0, |minute| (minute - shift.minutes).div_euclid(DAY_MINUTES)))
}

/// A TM value so many minutes earlier, round the clock; its precision and its fraction stay. `None` where it is no time.
pub fn shift_tm(text: &str, minutes: i64) -> Option<String> {
    let minute = minute_of_day(text)?;
    if minutes == 0 {
        return Some(text.to_string());
    }
    let moved = (minute - minutes).rem_euclid(DAY_MINUTES);
    let (hour, minute) = (format!("{:02}", moved / 60), format!("{:02}", moved % 60));
    let colon = if text.contains(':') { ":" } else { "" };
    let rest = 2 + colon.len();
    Some(match text.get(rest..) {
        None | Some("") => hour,
        Some(after) => format!("{hour}{colon}{minute}{}", after.get(2..).unwrap_or_default()),
    })
}

/// The whole minutes of a TM value.
fn minute_of_day(text: &str) -> Option<i64> {
    if !is_tm(text) {
        return None;
    }
    let digits = text.replace(':', "");
    let part = |range: std::ops::Range<usize>| digits.get(range).map_or(Some(0), number);
    Some(part(0..2)? * 60 + part(2..4)?)
}

/// A DT value moved: precision, fraction and offset from UTC stay; a date without a time moves by days alone.
pub fn shift_dt_by(text: &str, shift: Shift) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if shift.minutes == 0 || digits < 10 {
        return shift_dt(text, shift.days);
    }
    // Whatever follows the digits is looked at by who shifts the days.
    let whole = shift_dt(text, 0)?;
    let (date, time) = (whole.get(..8)?, whole.get(8..digits)?);
    let moved = shift_tm(time, shift.minutes)?;
    Some(format!("{}{moved}{}", shift_da_with(date, Some(time), shift)?, whole.get(digits..)?))
}

/// A DT value `days` earlier: precision, fraction and offset from UTC stay.
fn shift_dt(text: &str, days: i64) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, tail) = text.split_at(digits);
    if !(matches!(digits, 4 | 6) || ((8..=14).contains(&digits) && digits.is_multiple_of(2))) {
        return None;
    }
    if !is_dt_tail(tail, digits == 14) || (digits > 8 && !is_clock(&date[8..])) {
        return None;
    }
    // A date without day or month is shifted from the middle of what it leaves open, and stays as coarse.
    let full = match digits {
        4 => format!("{date}0701"),
        6 => format!("{date}15"),
        _ => date[..8].to_string(),
    };
    let shifted = shift_da(&full, days)?;
    Some(format!("{}{}{tail}", &shifted[..digits.min(8)], date.get(8..).unwrap_or_default()))
}

/// `[.F{1,6}][&ZZXX]`.
fn is_dt_tail(tail: &str, may_have_fraction: bool) -> bool {
    let (fraction, zone) = match tail.find(['+', '-']) {
        Some(at) => tail.split_at(at),
        None => (tail, ""),
    };
    let fraction_ok = fraction.is_empty()
        || may_have_fraction
            && fraction.len() <= 7
            && fraction.strip_prefix('.').is_some_and(|f| number(f).is_some());
    fraction_ok && (zone.is_empty() || is_zone(zone))
}

/// `&ZZXX`: a sign, hours up to 14, minutes.
pub fn is_zone(text: &str) -> bool {
    text.len() == 5
        && text.starts_with(['+', '-'])
        && number(&text[1..]).is_some_and(|n| n / 100 <= 14 && n % 100 < 60)
}

fn is_clock(digits: &str) -> bool {
    let part = |range: std::ops::Range<usize>, below: i64| {
        digits.get(range).is_none_or(|d| number(d).is_some_and(|n| n < below))
    };
    digits.len().is_multiple_of(2) && digits.len() <= 6 && part(0..2, 24) && part(2..4, 60) && part(4..6, 61)
}

/// Whether a TM value is one: `HH[MM[SS[.F{1,6}]]]`, or `HH:MM:SS` of ACR-NEMA.
pub fn is_tm(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(c, f)| (c, Some(f)));
    let digits = clock.replace(':', "");
    let colons_ok = digits.len() == clock.len() || matches!(clock.len(), 5 | 8);
    !digits.is_empty()
        && digits.is_ascii()
        && colons_ok
        && is_clock(&digits)
        && fraction.is_none_or(|f| digits.len() == 6 && f.len() <= 6 && number(f).is_some())
}

/// An AS value with ages over 89 years made `090Y`; `None` where it is no age.
pub fn cap_age(text: &str) -> Option<String> {
    let (count, unit) = (text.get(..3)?, text.get(3..)?);
    let years = number(count)?;
    let in_years = match unit {
        "D" | "W" | "M" => 0,
        "Y" => years,
        _ => return None,
    };
    Some(if in_years > 89 { "090Y".into() } else { text.into() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn intervals_within_a_subject_stay_exact(a in 0i64..1_000_000, gap in 0i64..50_000, days in 1i64..3650) {
            let text = |n: i64| { let (y, m, d) = from_days(n - 500_000); format!("{y:04}{m:02}{d:02}") };
            let day = |t: &str| { let (y, m, d) = parse_da(t).unwrap(); to_days(y, m, d).unwrap() };
            let (first, second) = (text(a), text(a + gap));
            if let (Some(f), Some(s)) = (shift_da(&first, days), shift_da(&second, days)) {
                prop_assert_eq!(day(&s) - day(&f), gap);
                prop_assert_eq!(day(&first) - day(&f), days);
            }
        }
    }

    proptest! {
        /// A date and a time of its own move as one moment, as DA with TM and as DT alike.
        #[test]
        fn moments_keep_their_intervals_over_midnight(
            a in 0i64..100_000_000, gap in 0i64..10_000_000, seconds in 0u8..60, days in -3650i64..3650,
            minutes in 1i64..1440,
        ) {
            let shift = Shift { days, minutes };
            let written = |moment: i64| {
                let (y, m, d) = from_days(moment.div_euclid(DAY_MINUTES));
                let minute = moment.rem_euclid(DAY_MINUTES);
                let date = format!("{y:04}{m:02}{d:02}");
                (date, format!("{:02}{:02}{seconds:02}.25", minute / 60, minute % 60))
            };
            let read = |date: &str, time: &str| {
                let (y, m, d) = parse_da(date).unwrap();
                to_days(y, m, d).unwrap() * DAY_MINUTES + minute_of_day(time).unwrap()
            };
            let moved = |moment: i64| {
                let (date, time) = written(moment);
                let (to, at) = (shift_da_with(&date, Some(&time), shift).unwrap(), shift_tm(&time, minutes).unwrap());
                assert_eq!(shift_dt_by(&format!("{date}{time}+0100"), shift).unwrap(), format!("{to}{at}+0100"));
                assert_eq!(&at[4..], &time[4..]);
                read(&to, &at)
            };
            prop_assert_eq!(moved(a + gap) - moved(a), gap);
            prop_assert_eq!(a - moved(a), days * DAY_MINUTES + minutes);
        }
    }

    #[test]
    fn times_keep_their_form() {
        let at = |text: &str| shift_tm(text, 90);
        assert_eq!(at("0015").as_deref(), Some("2245"));
        assert_eq!(at("10").as_deref(), Some("08"));
        assert_eq!(at("10:11:12").as_deref(), Some("08:41:12"));
        assert_eq!(at("101112.123456").as_deref(), Some("084112.123456"));
        assert_eq!(at("Smith"), None);
        let shift = Shift { days: 1, minutes: 90 };
        assert_eq!(shift_da_with("20240301", Some("0015"), shift).as_deref(), Some("20240228"));
        assert_eq!(shift_da_with("20240301", None, shift).as_deref(), Some("20240229"));
        assert_eq!(shift_dt_by("20240301", shift).as_deref(), Some("20240229"));
        assert_eq!(shift_dt_by("2024030100-0500", shift).as_deref(), Some("2024022822-0500"));
        assert_eq!(shift_dt_by("20240301250000", shift), None);
    }

    #[test]
    fn shifts_every_form() {
        assert_eq!(shift_da("20240301", 1).as_deref(), Some("20240229"));
        assert_eq!(shift_da("2024.03.01", 1).as_deref(), Some("20240229"));
        assert_eq!(shift_da("20240230", 1), None);
        assert_eq!(shift_dt("20240301101112.25+0930", 1).as_deref(), Some("20240229101112.25+0930"));
        assert_eq!(shift_dt("2024", 366).as_deref(), Some("2023"));
        assert_eq!(shift_dt("20240301Smith", 1), None);
        assert_eq!(shift_dt("20240301-0500", 1).as_deref(), Some("20240229-0500"));
        assert!(is_tm("101112.5") && is_tm("10:11:12") && !is_tm("Smith") && !is_tm("250000") && is_tm("10"));
        assert_eq!(cap_age("095Y").as_deref(), Some("090Y"));
        assert_eq!(cap_age("011M").as_deref(), Some("011M"));
        assert_eq!(cap_age("95"), None);
    }
}
