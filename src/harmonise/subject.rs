//! Sex and age.

use super::{Attributes, Harmonised};

/// Bands of ten years; the first year by itself, and from 90 on none, as a birth date would be too telling.
pub(super) const BANDS: &[&str] =
    &["0", "1-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80-89", "90+"];

pub(super) fn derive(attributes: &Attributes, out: &mut Harmonised) {
    let sex = match attributes.sex.as_deref().map(str::trim) {
        Some("F" | "f") => Some("female"),
        Some("M" | "m") => Some("male"),
        Some("O" | "o") => Some("other"),
        _ => None,
    };
    if let Some(sex) = sex {
        out.set_text("sex", sex, "Patient's Sex");
    }
    if let Some(years) = attributes.age.as_deref().and_then(years) {
        out.set_number("age_years", years, "Patient's Age");
    }
}

/// The band of the age that is known by now.
pub(super) fn band(out: &mut Harmonised) {
    let is_set = out.value("age_band").is_some();
    if let Some(years) = out.number("age_years").filter(|_| !is_set) {
        let at = if years < 1.0 { 0 } else { 1 + (years / 10.0) as usize };
        out.set_text("age_band", BANDS[at.min(BANDS.len() - 1)], "age");
    }
}

/// Years of an Age String (PS3.5 table 6.2-1): three digits and D, W, M or Y. Shorter ones are common.
fn years(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let digits =
        text.strip_suffix(unit).filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))?;
    let n: f64 = digits.parse().ok()?;
    let years = match unit {
        'Y' | 'y' => n,
        'M' | 'm' => n / 12.0,
        'W' | 'w' => n / 52.18,
        'D' | 'd' => n / 365.25,
        _ => return None,
    };
    (years <= 150.0).then_some((years * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::years;

    #[test]
    fn ages_in_every_unit() {
        for (text, expected) in [
            ("060Y", Some(60.0)),
            ("018M", Some(1.5)),
            ("003W", Some(0.06)),
            ("010D", Some(0.03)),
            ("0Y", Some(0.0)),
            ("999Y", None),
            ("Y", None),
            ("60", None),
        ] {
            assert_eq!(years(text), expected, "{text}");
        }
    }
}
