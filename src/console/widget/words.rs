//! Numbers and times as people read them.

pub use crate::model::words::bytes;
use std::sync::OnceLock;

use jiff::tz::TimeZone;

/// `1 204`: thousands apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `3 min ago`, `in 2 h`: for lists.
pub fn ago(at_ms: i64, now_ms: i64) -> String {
    let span = |ms: i64| -> String {
        let minutes = ms / 60_000;
        match minutes {
            0 => format!("{} s", ms / 1000),
            1..=119 => format!("{minutes} min"),
            120..=2879 => format!("{} h", minutes / 60),
            _ => format!("{} d", minutes / 1440),
        }
    };
    match now_ms - at_ms {
        ..=-1000 => format!("in {}", span(at_ms - now_ms)),
        -999..=1999 => "now".into(),
        past => format!("{} ago", span(past)),
    }
}

/// The zone in which times are shown.
static ZONE: OnceLock<TimeZone> = OnceLock::new();

/// Shows times in this zone; without it, and once a time was shown, in the system's.
pub fn use_zone(zone: TimeZone) {
    let _ = ZONE.set(zone);
}

/// `2026-11-24 14:02:11`, in the local zone: for details.
pub fn exact(at_ms: i64) -> String {
    let zone = ZONE.get_or_init(TimeZone::system).clone();
    match jiff::Timestamp::from_millisecond(at_ms) {
        Ok(time) => time.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "–".into(),
    }
}

/// `14:02`, in the local zone.
pub fn clock(at_ms: i64) -> String {
    exact(at_ms).get(11..16).unwrap_or("–").to_string()
}

/// `12 Nov`, in the local zone.
pub fn day(at_ms: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let exact = exact(at_ms);
    let month = exact.get(5..7).and_then(|month| month.parse::<usize>().ok());
    let name = month.and_then(|month| MONTHS.get(month.checked_sub(1)?));
    match (name, exact.get(8..10)) {
        (Some(name), Some(day)) => format!("{} {name}", day.trim_start_matches('0')),
        _ => exact,
    }
}

/// A measure's name for people: `volume_mm3` is `volume mm³`.
pub fn measure(name: &str) -> String {
    let plain = name.replace('_', " ");
    let words = plain.split(' ').map(|word| match word {
        "mm3" => "mm³",
        "mm2" => "mm²",
        "hu" => "HU",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Names without what they all begin with: `reader-01` … `reader-04` are `01` … `04` over narrow columns.
pub fn short_names(names: &[String]) -> Vec<String> {
    let Some(first) = names.first() else { return Vec::new() };
    let shared = |text: &str| first.chars().zip(text.chars()).take_while(|(a, b)| a == b).count();
    let common = names.iter().map(|name| shared(name)).min().unwrap_or(0);
    // Up to a word's end, so that `reader-1` and `reader-10` stay numbers.
    let prefix: String = first.chars().take(common).collect();
    let cut = prefix.rfind(['-', '_', ' ', '.']).map_or(0, |at| at + 1);
    if names.len() < 2 || names.iter().any(|name| name.len() <= cut) {
        return names.to_vec();
    }
    names.iter().map(|name| name[cut..].to_string()).collect()
}

/// `1 file`, `2 files`.
pub fn plural(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", count(number)) }
}

/// `0.7 × 0.7 × 1.25 mm`.
pub fn spacing(spacing_mm: [f64; 3]) -> String {
    let number = |value: f64| {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    };
    let [row, column, slice] = spacing_mm;
    format!("{} × {} × {} mm", number(row), number(column), number(slice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(ago(0, 65_000), "1 min ago");
        assert_eq!(ago(7_300_000, 0), "in 2 h");
        assert_eq!(bytes(1_234), "1.2 kB");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(spacing([0.703_125, 0.5, 1.25]), "0.703 × 0.5 × 1.25 mm");
    }

    #[test]
    fn names_lose_what_they_share_up_to_a_words_end() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_string()).collect::<Vec<_>>();
        assert_eq!(short_names(&names(&["reader-01", "reader-02"])), ["01", "02"]);
        assert_eq!(short_names(&names(&["reader-1", "reader-10"])), ["1", "10"]);
        assert_eq!(short_names(&names(&["amira", "anton"])), ["amira", "anton"]);
        assert_eq!(short_names(&names(&["one"])), ["one"]);
    }
}
