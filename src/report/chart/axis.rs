//! Axes: round steps, their names, and where values lie.

/// The part of an axis that is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// The lowest value.
    pub(super) low: f64,
    /// The highest value.
    pub(super) high: f64,
    /// Where the lowest value lies.
    pub(super) start: f64,
    /// Where the highest value lies.
    pub(super) end: f64,
}

impl Scale {
    /// An axis from a place to a place for values between two values.
    pub(super) fn new(low: f64, high: f64, start: f64, end: f64) -> Self {
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        if high - low > f64::EPSILON * high.abs().max(low.abs()).max(f64::MIN_POSITIVE) * 8.0 {
            return Self { low, high, start, end };
        }
        let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        Self { low: low - room, high: high + room, start, end }
    }

    /// Where a value lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        let share = if share.is_finite() { share.clamp(-1.0, 2.0) } else { 0.0 };
        self.start + (self.end - self.start) * share
    }

    /// Whether a value is shown.
    pub(super) fn shows(&self, value: f64) -> bool {
        let room = (self.high - self.low) * 1e-9;
        value >= self.low - room && value <= self.high + room
    }

    /// The same axis widened to whole steps at both ends.
    pub(super) fn rounded(self, most: usize) -> Self {
        let step = step(self.high - self.low, most);
        let (low, high) = ((self.low / step).floor() * step, (self.high / step).ceil() * step);
        Self { low: tidy(low, step), high: tidy(high, step), ..self }
    }

    /// The values at which the axis is marked, and their names.
    pub(super) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let step = step(self.high - self.low, most);
        let first = (self.low / step - 1e-9).ceil();
        let values = (0..=2 * most + 2).map(|index| tidy((first + index as f64) * step, step));
        let shown = values.filter(|value| self.shows(*value));
        shown.map(|value| (value, number(value, step))).collect()
    }

    /// The times at which the axis is marked, and their names.
    pub(super) fn times(&self, most: usize) -> Vec<(f64, String)> {
        let span = self.high - self.low;
        let days = span / DAY / most as f64;
        if days > 20.0 {
            return self.months(days);
        }
        let fits = STEPS.iter().copied().find(|step| span / step <= most as f64);
        let step = fits.unwrap_or(14.0 * DAY);
        let first = (self.low / step).ceil();
        let values = (0..=most + 1).map(|index| (first + index as f64) * step);
        let shown = values.filter(|value| self.shows(*value));
        shown.map(|value| (value, moment(value, step))).collect()
    }

    fn months(&self, days: f64) -> Vec<(f64, String)> {
        let wanted = days / 30.4;
        let steps = [1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 60.0, 120.0, 600.0, 1200.0, 6000.0, 60_000.0, 600_000.0];
        let step = steps.into_iter().find(|step| *step >= wanted).unwrap_or(6_000_000.0);
        let (year, month, _) = civil((self.low / DAY).floor());
        let first = ((year * 12.0 + month - 1.0) / step).floor();
        let months = (0..40).map(|index| (first + f64::from(index)) * step);
        let mut ticks = Vec::new();
        for count in months {
            let (year, month) = ((count / 12.0).floor(), count.rem_euclid(12.0) + 1.0);
            let value = days_from_civil(year, month) * DAY;
            if self.shows(value) {
                let name = if step < 12.0 { format!("{year:04}-{month:02}") } else { format!("{year}") };
                ticks.push((value, name));
            }
        }
        ticks
    }
}

/// A day in milliseconds.
const DAY: f64 = 86_400_000.0;

/// The steps of an axis of time below a month, in milliseconds.
const STEPS: [f64; 20] = [
    1.0,
    10.0,
    100.0,
    1_000.0,
    5_000.0,
    15_000.0,
    60_000.0,
    300_000.0,
    900_000.0,
    1_800_000.0,
    3_600_000.0,
    7_200_000.0,
    14_400_000.0,
    28_800_000.0,
    43_200_000.0,
    DAY,
    2.0 * DAY,
    4.0 * DAY,
    7.0 * DAY,
    14.0 * DAY,
];

/// A round step with at most some of them in a span.
fn step(span: f64, most: usize) -> f64 {
    let raw = span / most.max(1) as f64;
    if !(raw.is_finite() && raw > 1e-290) {
        return 1.0;
    }
    let power = 10_f64.powf(raw.log10().floor());
    let fits = [1.0, 2.0, 2.5, 5.0].into_iter().map(|part| part * power).find(|step| *step >= raw * 0.999);
    fits.unwrap_or(10.0 * power)
}

/// A multiple of a step without the rounding noise of its last digits.
fn tidy(value: f64, step: f64) -> f64 {
    if value.abs() < step * 1e-9 { 0.0 } else { value }
}

/// A number with the digits that a step needs.
pub(super) fn number(value: f64, step: f64) -> String {
    let size = value.abs();
    if value != 0.0 && (size >= 1e7 || step < 1e-6) {
        let digits = (size.log10().floor() - step.log10().floor()).clamp(0.0, 6.0) as usize;
        return minus(&format!("{value:.digits$e}"));
    }
    let mut decimals = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
    if (step * 10_f64.powi(decimals as i32)).fract().abs() > 1e-6 {
        decimals += 1;
    }
    minus(&grouped(&format!("{value:.decimals$}")))
}

/// How many decimals values that stand together are written with: as many as they have, but at most two, or three
/// if all are small.
pub(super) fn decimals(values: impl Iterator<Item = f64> + Clone) -> usize {
    let largest = values.clone().map(f64::abs).fold(0.0, f64::max);
    let most = if largest < 0.1 { 3 } else { 2 };
    let exact = |count: &usize| {
        let power = 10_f64.powi(*count as i32);
        values.clone().all(|value| ((value * power).round() / power - value).abs() <= largest * 1e-9)
    };
    (0..most).find(exact).unwrap_or(most)
}

/// A value as it is written beside its mark.
pub(super) fn value(value: f64, decimals: usize) -> String {
    let size = value.abs();
    if size >= 1e7 || (size < 0.000_5 && value != 0.0) {
        return minus(&format!("{value:.1e}"));
    }
    minus(&grouped(&format!("{value:.decimals$}")))
}

/// A number with a true minus sign.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// A number whose whole part is set in groups of three, from 10,000 on.
fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, part) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    if whole.len() < 5 {
        return text.to_owned();
    }
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + part
}

/// The name of a moment on an axis of a step.
fn moment(value: f64, step: f64) -> String {
    let days = (value / DAY).floor();
    let (year, month, day) = civil(days);
    if step >= DAY {
        return format!("{year:04}-{month:02}-{day:02}");
    }
    let seconds = (value - days * DAY) / 1000.0;
    let (hour, minute) = ((seconds / 3600.0).floor(), (seconds / 60.0).floor() % 60.0);
    if step >= 60_000.0 {
        return format!("{month:02}-{day:02} {hour:02}:{minute:02}");
    }
    let second = seconds % 60.0;
    if step >= 1000.0 {
        return format!("{hour:02}:{minute:02}:{second:02.0}");
    }
    format!("{hour:02}:{minute:02}:{second:06.3}")
}

/// The year, month and day of a day counted from 1970-01-01.
fn civil(days: f64) -> (f64, f64, f64) {
    let days = days + 719_468.0;
    let era = (days / 146_097.0).floor();
    let of_era = days - era * 146_097.0;
    let leaps = (of_era / 1460.0).floor() - (of_era / 36_524.0).floor() + (of_era / 146_096.0).floor();
    let year = ((of_era - leaps) / 365.0).floor();
    let of_year = of_era - (365.0 * year + (year / 4.0).floor() - (year / 100.0).floor());
    let part = ((5.0 * of_year + 2.0) / 153.0).floor();
    let day = of_year - ((153.0 * part + 2.0) / 5.0).floor() + 1.0;
    let month = if part < 10.0 { part + 3.0 } else { part - 9.0 };
    (year + era * 400.0 + f64::from(u8::from(month <= 2.0)), month, day)
}

/// The first day of a month, counted from 1970-01-01.
fn days_from_civil(year: f64, month: f64) -> f64 {
    let year = if month <= 2.0 { year - 1.0 } else { year };
    let era = (year / 400.0).floor();
    let of_era = year - era * 400.0;
    let part = if month > 2.0 { month - 3.0 } else { month + 9.0 };
    let of_year = ((153.0 * part + 2.0) / 5.0).floor();
    let day = of_era * 365.0 + (of_era / 4.0).floor() - (of_era / 100.0).floor() + of_year;
    era * 146_097.0 + day - 719_468.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        assert_eq!(civil(0.0), (1970.0, 1.0, 1.0));
        assert_eq!(civil(20_000.0), (2024.0, 10.0, 4.0));
        assert_eq!(days_from_civil(1970.0, 1.0), 0.0);
        for year in [1600.0, 1999.0, 2000.0, 2024.0, 2100.0] {
            for month in 1..=12 {
                let month = f64::from(month);
                assert_eq!(civil(days_from_civil(year, month)), (year, month, 1.0));
            }
        }
    }

    #[test]
    fn steps_are_round() {
        let axis = Scale::new(0.0, 0.93, 0.0, 100.0).rounded(6);
        let names: Vec<_> = axis.ticks(6).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let names: Vec<_> =
            Scale::new(-0.05, 0.05, 0.0, 1.0).ticks(4).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["−0.050", "−0.025", "0.000", "0.025", "0.050"]);
        assert_eq!(value(12_345.0, 0), "12,345");
        assert_eq!(value(-0.5, 2), "−0.50");
        assert_eq!(decimals([1.0, 2.5].into_iter()), 1);
        assert_eq!(decimals([0.841, 1.0 / 3.0].into_iter()), 2);
    }

    #[test]
    fn no_axis_is_endless() {
        for (low, high) in
            [(0.0, 0.0), (1e200, 1e200), (-1e200, 1e200), (1e-300, 2e-300), (5.0, 5.0), (1e15, 1e15 + 1.0)]
        {
            let axis = Scale::new(low, high, 0.0, 1.0);
            assert!(axis.ticks(6).len() < 20);
            assert!(axis.times(6).len() < 50);
            assert!(axis.rounded(5).at(low).is_finite());
        }
    }
}
