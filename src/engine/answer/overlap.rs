//! Agreement of what readers drew: overlap of their masks, structure by structure.

use std::collections::{BTreeMap, HashSet};

use super::labels::item_name;
use super::measured;
use crate::catalog::{Compared, Filter};
use crate::engine::query::{
    Agreement, AgreementDetail, AgreementRow, MeasureLevel, Measured, PairAgreement, RatedValue, ReaderLooks,
    Verdict, WorstCase,
};
use crate::engine::{EngineError, Session};
use crate::measure::agreement::bootstrap::intervals;
use crate::measure::estimate::{Estimate, Reason};

/// The name of the measure.
pub(super) const DICE: &str = "dice";
/// The least mean overlap that is wanted where nobody says another.
const WANTED: f64 = 0.7;
/// Resamples of an interval.
const SAMPLES: usize = 1000;
/// Items up to which intervals are made by resampling.
const MOST_RESAMPLED: usize = 5000;
/// Bins of the distribution.
const BINS: usize = 10;

/// What was compared of one structure.
pub(super) struct Overlaps {
    structure: String,
    pairs: Vec<Compared>,
    threshold: f64,
}

/// An item: its series and its name there.
type Item = (String, String);

/// Every structure of which two readers drew something, in the selection of the query.
pub(super) fn overlaps(session: &Session, query: &Agreement) -> Result<Vec<Overlaps>, EngineError> {
    let shared = &session.engine.shared;
    let reader = shared.catalog.read();
    let series: Option<HashSet<String>> = match query.filter.as_str() {
        "" => None,
        text => {
            let filter = Filter::parse(text).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
            Some(reader.series_uids(&filter)?.into_iter().collect())
        }
    };
    let wanted = shared.config().agreement.clone();
    let mut found: BTreeMap<String, Vec<Compared>> = BTreeMap::new();
    for pair in reader.comparisons()? {
        let inside = series.as_ref().is_none_or(|s| s.contains(&pair.series_uid))
            && query.since_ms.is_none_or(|since| pair.at_ms >= since)
            && query.structure.as_ref().is_none_or(|s| *s == pair.structure);
        if inside {
            found.entry(pair.structure.clone()).or_default().push(pair);
        }
    }
    let of = |(structure, pairs): (String, Vec<Compared>)| {
        let threshold = wanted.declared(&structure, DICE).unwrap_or(WANTED);
        Overlaps { structure, pairs, threshold }
    };
    Ok(found.into_iter().map(of).collect())
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), v| (sum + v, n + 1));
    (n > 0).then(|| sum / n as f64)
}

impl Overlaps {
    /// Its name for deep links.
    pub fn id(&self) -> String {
        if self.structure.is_empty() { DICE.into() } else { format!("{}/{DICE}", self.structure) }
    }

    /// The mean overlap of each item.
    fn items(&self) -> BTreeMap<Item, Vec<&Compared>> {
        let mut items: BTreeMap<Item, Vec<&Compared>> = BTreeMap::new();
        for pair in &self.pairs {
            items.entry((pair.series_uid.clone(), pair.item.clone())).or_default().push(pair);
        }
        items
    }

    /// Everybody who was compared, by name.
    fn readers(&self) -> Vec<String> {
        let mut readers: Vec<String> = self.pairs.iter().flat_map(|p| p.readers.clone()).collect();
        readers.sort();
        readers.dedup();
        readers
    }

    /// The line of the list: the mean over items of the mean over pairs, with an interval by item.
    pub fn row(&self) -> AgreementRow {
        let by_item: Vec<f64> =
            self.items().values().filter_map(|pairs| mean(pairs.iter().map(|p| p.figures.dice))).collect();
        let readers = self.readers();
        let value = estimate(&by_item);
        let verdict = match value.ci95 {
            Some([low, _]) if low >= self.threshold => Verdict::Met,
            Some([_, high]) if high < self.threshold => Verdict::Below,
            _ => Verdict::Unsure,
        };
        AgreementRow {
            id: self.id(),
            structure: self.structure.clone(),
            name: DICE.into(),
            level: MeasureLevel::Ratio,
            coefficient: "mean_dice".into(),
            value: measured(&value),
            threshold: Some(self.threshold),
            verdict,
            percent_agreement: Measured {
                value: None,
                ci95: None,
                n: by_item.len() as u64,
                reason: Some("overlap has no categories".into()),
            },
            ratings: self.pairs.len() as u64,
            readers: readers.len() as u32,
            warning: None,
            note: self.far_apart(),
        }
    }

    /// How far surfaces lie apart, in words: overlap alone flatters what is large.
    fn far_apart(&self) -> Option<String> {
        let (hd95, assd) = (
            mean(self.pairs.iter().filter_map(|p| p.figures.hd95_mm))?,
            mean(self.pairs.iter().filter_map(|p| p.figures.assd_mm))?,
        );
        Some(format!("surfaces lie {assd:.2} mm apart on average, 95 % of them within {hd95:.2} mm"))
    }

    /// Pairs of readers, and the items on which they overlap least.
    pub fn detail(&self, worst: usize) -> AgreementDetail {
        let readers = self.readers();
        let position = |name: &String| readers.binary_search(name).unwrap_or_default();
        let mut between: BTreeMap<[usize; 2], Vec<f64>> = BTreeMap::new();
        let mut distribution = vec![vec![0_u64; BINS]; readers.len()];
        let mut looks: Vec<[HashSet<Item>; 2]> = vec![Default::default(); readers.len()];
        for pair in &self.pairs {
            let (a, b) = (position(&pair.readers[0]), position(&pair.readers[1]));
            between.entry([a.min(b), a.max(b)]).or_default().push(pair.figures.dice);
            let bin = ((pair.figures.dice * BINS as f64) as usize).min(BINS - 1);
            for (reader, nothing) in [a, b].into_iter().zip(pair.nothing) {
                distribution[reader][bin] += 1;
                looks[reader][usize::from(nothing)].insert((pair.series_uid.clone(), pair.item.clone()));
            }
        }
        let items = self.items();
        let all = items.len() as u64;
        let look = |(name, [found, nothing]): (&String, &[HashSet<Item>; 2])| ReaderLooks {
            name: name.clone(),
            found: found.len() as u64,
            nothing: nothing.len() as u64,
            not_looked: all.saturating_sub((found.len() + nothing.len()) as u64),
        };
        let pair = |([a, b], dices): (&[usize; 2], &Vec<f64>)| PairAgreement {
            a: *a as u32,
            b: *b as u32,
            value: measured(&estimate(dices)),
            warning: None,
        };
        let mut cases: Vec<WorstCase> =
            items.iter().map(|(item, pairs)| case(item, pairs, &readers)).collect();
        cases.sort_by(|a, b| b.disagreement.total_cmp(&a.disagreement));
        cases.truncate(worst);
        let edges: Vec<f64> = (0..=BINS).map(|k| k as f64 / BINS as f64).collect();
        AgreementDetail {
            row: self.row(),
            readers: readers.iter().zip(&looks).map(look).collect(),
            pair_coefficient: "mean_dice".into(),
            pairs: between.iter().map(pair).collect(),
            bins: edges.windows(2).map(|e| format!("{:.1} – {:.1}", e[0], e[1])).collect(),
            edges,
            distribution,
            worst: cases,
        }
    }
}

/// A mean with its interval by resampling.
fn estimate(values: &[f64]) -> Estimate {
    let Some(value) = mean(values.iter().copied()) else {
        return Estimate::undefined(Reason::TOO_FEW, 0);
    };
    let mut estimate = Estimate::new(value, values.len());
    if (2..=MOST_RESAMPLED).contains(&values.len()) {
        let groups: Vec<u32> = (0..values.len() as u32).collect();
        let weighed = |drawn: &[f64]| {
            let n: f64 = drawn.iter().sum();
            [(n > 0.0).then(|| drawn.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / n)]
        };
        [estimate.ci95] = intervals(&groups, values.len(), SAMPLES, 1, weighed);
    }
    estimate
}

/// An item: what each reader's mask has in common with the others'.
fn case((series_uid, item): &Item, pairs: &[&Compared], readers: &[String]) -> WorstCase {
    let of = |name: &String| {
        let own = pairs.iter().filter(|p| p.readers.contains(name)).map(|p| p.figures.dice);
        mean(own).map_or(RatedValue::NotLooked, |value| RatedValue::Number { value })
    };
    WorstCase {
        item: item_name(item).into(),
        series_uid: Some(series_uid.clone()).filter(|s| !s.is_empty()),
        task: None,
        subject: None,
        site: None,
        disagreement: 1.0 - mean(pairs.iter().map(|p| p.figures.dice)).unwrap_or(1.0),
        values: readers.iter().map(of).collect(),
    }
}
