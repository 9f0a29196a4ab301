//! From agreement's numbers to what is read: names, cells, bars.

use crate::console::widget::words;
use crate::engine::query::{AgreementDetail, AgreementRow, Measured, RatedValue, Verdict};
use crate::render::heat::{HeatCell, HeatMap};

/// `nodule · volume mm³`.
pub(super) fn measure_name(row: &AgreementRow) -> String {
    let name = words::measure(&row.name);
    if row.structure.is_empty() { name } else { format!("{} · {name}", row.structure) }
}

/// The usual sign of a coefficient.
pub(super) fn coefficient(name: &str) -> &str {
    match name {
        "krippendorff_alpha" => "α",
        "fleiss_kappa" => "κ Fleiss",
        "cohen_kappa" => "κ",
        "weighted_kappa" => "κ weighted",
        "gwet_ac1" => "AC1",
        "gwet_ac2" => "AC2",
        "concordance" => "ρc",
        "mean_dice" => "Dice",
        other => other,
    }
}

/// A coefficient as it is read: `0.61`, `−0.02`; `–` where undefined.
pub(super) fn value(measured: &Measured) -> String {
    measured.value.map_or("–".into(), two)
}

/// `0.55–0.67`, or nothing.
pub(super) fn interval(measured: &Measured) -> String {
    let Some((low, high)) = measured.ci95 else { return String::new() };
    if low < 0.0 {
        // A minus beside a dash is hard to read.
        let short = |value: f64| two(value).replacen("0.", ".", 1);
        return format!("{} – {}", short(low), short(high));
    }
    format!("{}–{}", two(low), two(high))
}

fn two(value: f64) -> String {
    // A rounded zero has no sign.
    let text = format!("{value:.2}").replace('-', "−");
    if text == "−0.00" { "0.00".into() } else { text }
}

/// Shape and theme role of a verdict.
pub(super) fn verdict(verdict: Verdict) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Verdict::Below => ("▼", "error", "below"),
        Verdict::Unsure => ("≈", "warning", "unsure"),
        Verdict::Met => ("✓", "ok", "met"),
        Verdict::Undefined => ("·", "text_dim", "undefined"),
    }
}

/// A coefficient on a line from 0 to 1: the interval `├─●─┤`, the threshold `┃`.
pub(super) fn interval_bar(measured: &Measured, threshold: Option<f64>, cells: usize) -> String {
    let mut line = vec!['·'; cells];
    let place = |value: f64| (value.clamp(0.0, 1.0) * (cells.max(1) - 1) as f64).round() as usize;
    if let Some((low, high)) = measured.ci95 {
        let (from, to) = (place(low), place(high));
        line[from..=to].fill('─');
        if to > from {
            (line[from], line[to]) = ('├', '┤');
        }
    }
    if let Some(wanted) = threshold {
        line[place(wanted)] = '┃';
    }
    if let Some(value) = measured.value {
        line[place(value)] = '●';
    }
    line.into_iter().collect()
}

/// Readers against each other; the diagonal says how many items a reader rated.
pub(super) fn heat_map(detail: &AgreementDetail, cursor: Option<(usize, usize)>) -> HeatMap {
    let count = detail.readers.len();
    let mut cells: Vec<HeatCell> = (0..count * count)
        .map(|at| HeatCell {
            text: if at / count == at % count { "·".into() } else { "–".into() },
            ..HeatCell::default()
        })
        .collect();
    for pair in &detail.pairs {
        let (a, b) = (pair.a as usize, pair.b as usize);
        if a >= count || b >= count {
            continue;
        }
        let cell = HeatCell {
            share: pair.value.value.map(|value| value.clamp(0.0, 1.0)),
            text: value(&pair.value),
            note: format!("n {}", pair.value.n),
            poor: pair.value.value.zip(detail.row.threshold).is_some_and(|(value, least)| value < least),
        };
        cells[a * count + b] = cell.clone();
        cells[b * count + a] = cell;
    }
    HeatMap { columns: count, cells, cursor }
}

/// Decimals with which the numbers of a measure are read: the same for all of them.
pub(super) fn decimals(detail: &AgreementDetail) -> usize {
    let numbers = detail.worst.iter().flat_map(|case| &case.values).filter_map(|said| match said {
        RatedValue::Number { value } => Some(*value),
        RatedValue::Category { .. } | RatedValue::Nothing | RatedValue::Unsaid | RatedValue::NotLooked => {
            None
        }
    });
    let (whole, most) = numbers
        .fold((true, 0.0_f64), |(whole, most), value| (whole && value.fract() == 0.0, most.max(value.abs())));
    if whole || most >= 100.0 {
        0
    } else if most >= 10.0 {
        1
    } else {
        2
    }
}

/// What a reader said, in a table.
pub(super) fn said(said: &RatedValue, decimals: usize) -> String {
    match said {
        RatedValue::Number { value } => format!("{value:.decimals$}").replace('-', "−"),
        RatedValue::Category { value } => value.clone(),
        RatedValue::Nothing => "∅".into(),
        RatedValue::Unsaid => "–".into(),
        RatedValue::NotLooked => "·".into(),
    }
}

/// What a reader said, for other programs.
pub(super) fn said_whole(said: &RatedValue) -> String {
    match said {
        RatedValue::Number { value } => value.to_string(),
        RatedValue::Category { value } => value.clone(),
        RatedValue::Nothing => "none".into(),
        RatedValue::Unsaid | RatedValue::NotLooked => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_and_threshold_stand_where_their_numbers_say() {
        let measured = Measured { value: Some(0.5), ci95: Some((0.25, 0.75)), n: 40, reason: None };
        assert_eq!(interval_bar(&measured, Some(1.0), 9), "··├─●─┤·┃");
        let outside = Measured { value: Some(-0.4), ..Measured::default() };
        assert_eq!(interval_bar(&outside, Some(0.67), 5), "●··┃·");
        assert_eq!(interval_bar(&Measured::default(), None, 3), "···");
        let negative = Measured { ci95: Some((-0.104, 0.067)), ..Measured::default() };
        assert_eq!(interval(&negative), "−.10 – .07");
        assert_eq!((value(&outside), interval(&measured)), ("−0.40".into(), "0.25–0.75".into()));
    }
}
