//! Agreement of the readers.

use std::collections::HashMap;

use super::labels::item_name;
use super::measured;
use super::overlap::{Overlaps, overlaps};
use crate::catalog::SeriesFacts;
use crate::config;
use crate::engine::live::{Selection, split};
use crate::engine::query::{
    Agreement, AgreementDetail, AgreementRow, AgreementView, MeasureLevel, PairAgreement, RatedValue,
    ReaderLooks, Verdict, WorstCase,
};
use crate::engine::{EngineError, Session};
use crate::measure::agreement::Level;
use crate::measure::reads::{Cell, Coefficient, Detail, MeasureKey, PRESENCE, PairKind, ReadIndex};

/// What an empty workspace says.
pub const NO_READS: &str = "nobody has read anything yet: gantry label import TABLE";
/// Worst cases where nobody says how many.
const WORST: u32 = 50;
const MOST_WORST: u32 = 10_000;

pub fn agreement(session: &Session, query: &Agreement) -> Result<AgreementView, EngineError> {
    let shared = &session.engine.shared;
    let selection =
        Selection { since_ms: query.since_ms, filter: query.filter.clone(), ..Selection::default() };
    let wanted = shared.config().agreement.clone();
    let mut view = session.engine.reads.with(shared, &selection, |board| on_board(board, query, &wanted))?;
    with_overlaps(&mut view, query, &overlaps(session, query)?);
    complete(session, &mut view)?;
    Ok(view)
}

/// Adds what readers drew to what they said.
fn with_overlaps(view: &mut AgreementView, query: &Agreement, overlaps: &[Overlaps]) {
    if overlaps.is_empty() {
        return;
    }
    let was_empty = view.measures.is_empty();
    view.measures.extend(overlaps.iter().map(Overlaps::row));
    view.measures.sort_by(|a, b| (a.verdict, &a.id).cmp(&(b.verdict, &b.id)));
    let wanted = match &query.measure {
        Some(id) => Some(id.clone()),
        None => view.measures.first().map(|row| row.id.clone()),
    };
    let worst = if query.worst == 0 { WORST } else { query.worst.min(MOST_WORST) } as usize;
    if let Some(chosen) = overlaps.iter().find(|o| Some(o.id()) == wanted) {
        view.selected = Some(chosen.detail(worst));
        view.reason = None;
    } else if was_empty {
        view.reason = query.measure.as_ref().map(|id| format!("nobody says anything of {id:?}"));
    }
}

fn on_board(board: &mut ReadIndex, query: &Agreement, wanted: &config::Agreement) -> AgreementView {
    let mut view = AgreementView {
        reads: board.len() as u64,
        items: board.item_count() as u64,
        ..AgreementView::default()
    };
    let keys = board.measures();
    let mut rows: Vec<(AgreementRow, Coefficient)> = keys
        .iter()
        .filter(|key| query.structure.as_ref().is_none_or(|s| *s == key.structure))
        .filter_map(|key| board.coefficient(key))
        .filter(worth_showing)
        .map(|c| (row(&c, wanted), c))
        .collect();
    rows.sort_by(|a, b| (a.0.verdict, &a.0.id).cmp(&(b.0.verdict, &b.0.id)));
    if rows.is_empty() {
        view.reason = Some(match (board.is_empty(), query) {
            (true, q) if q.since_ms.is_none() && q.filter.is_empty() => NO_READS.into(),
            _ => "no read matches".into(),
        });
        return view;
    }
    let chosen = match &query.measure {
        Some(id) => rows.iter().find(|r| r.0.id == *id),
        None => rows.first(),
    };
    let worst = if query.worst == 0 { WORST } else { query.worst.min(MOST_WORST) } as usize;
    view.selected = chosen.and_then(|(row, c)| {
        let detail = board.detail(&c.key, worst)?;
        Some(taken_apart(board, row.clone(), c, detail))
    });
    if view.selected.is_none() {
        view.reason = query.measure.as_ref().map(|id| format!("nobody says anything of {id:?}"));
    }
    view.measures = rows.into_iter().map(|r| r.0).collect();
    view
}

/// Presence is a measure where some reader found something and some found nothing.
fn worth_showing(c: &Coefficient) -> bool {
    c.key.name != PRESENCE || c.alpha.value.is_some()
}

fn row(c: &Coefficient, wanted: &config::Agreement) -> AgreementRow {
    let threshold = wanted.threshold(&c.key.structure, &c.key.name);
    let value = measured(&c.alpha);
    AgreementRow {
        id: id(&c.key),
        structure: c.key.structure.clone(),
        name: c.key.name.clone(),
        level: level(c.scale.level),
        coefficient: "krippendorff_alpha".into(),
        verdict: verdict(c, threshold),
        value,
        threshold: Some(threshold),
        percent_agreement: measured(&c.percent),
        ratings: c.ratings as u64,
        readers: c.readers as u32,
        warning: c.warning.map(String::from),
        note: None,
    }
}

/// A measure's name for deep links.
pub fn id(key: &MeasureKey) -> String {
    if key.structure.is_empty() { key.name.clone() } else { format!("{}/{}", key.structure, key.name) }
}

fn level(level: Level) -> MeasureLevel {
    match level {
        Level::Nominal => MeasureLevel::Nominal,
        Level::Ordinal => MeasureLevel::Ordinal,
        Level::Interval => MeasureLevel::Interval,
        Level::Ratio => MeasureLevel::Ratio,
    }
}

/// Where a coefficient stands to what is wanted; one that misleads condemns nobody.
pub fn verdict(c: &Coefficient, threshold: f64) -> Verdict {
    match (c.alpha.value, c.alpha.ci95) {
        (None, _) => Verdict::Undefined,
        (Some(_), Some([low, _])) if low >= threshold => Verdict::Met,
        (Some(_), Some([_, high])) if high < threshold && c.warning.is_none() => Verdict::Below,
        _ => Verdict::Unsure,
    }
}

fn taken_apart(board: &ReadIndex, row: AgreementRow, c: &Coefficient, detail: Detail) -> AgreementDetail {
    let name = |reader| board.readers().name(reader).to_owned();
    let looks = |l: &crate::measure::reads::Looks| ReaderLooks {
        name: name(l.reader),
        found: l.found as u64,
        nothing: l.nothing as u64,
        not_looked: l.not_looked as u64,
    };
    let kind = match detail.kind {
        PairKind::Kappa => "cohen_kappa",
        PairKind::WeightedKappa => "weighted_kappa",
        PairKind::Concordance => "concordance",
    };
    let bins = if c.scale.continuous {
        detail.edges.windows(2).map(|e| format!("{} – {}", short(e[0]), short(e[1]))).collect()
    } else {
        c.scale.labels.clone()
    };
    AgreementDetail {
        row,
        readers: detail.readers.iter().map(looks).collect(),
        pair_coefficient: kind.into(),
        pairs: detail
            .pairs
            .iter()
            .map(|p| PairAgreement {
                a: p.a as u32,
                b: p.b as u32,
                value: measured(&p.value),
                warning: p.warning.map(String::from),
            })
            .collect(),
        bins,
        edges: detail.edges,
        distribution: detail.distribution,
        worst: detail
            .worst
            .into_iter()
            .map(|case| {
                let (series, item) = split(board.items().name(case.item));
                WorstCase {
                    item: item_name(item).into(),
                    series_uid: Some(series.to_owned()).filter(|s| !s.is_empty()),
                    task: None,
                    subject: None,
                    site: None,
                    disagreement: case.disagreement,
                    values: case.cells.into_iter().map(said).collect(),
                }
            })
            .collect(),
    }
}

fn said(cell: Cell) -> RatedValue {
    match cell {
        Cell::Number(value) => RatedValue::Number { value },
        Cell::Category(value) => RatedValue::Category { value },
        Cell::Nothing => RatedValue::Nothing,
        Cell::Unsaid => RatedValue::Unsaid,
        Cell::NotLooked => RatedValue::NotLooked,
    }
}

/// A number with three significant digits.
fn short(v: f64) -> String {
    let digits = (2 - v.abs().max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
    format!("{v:.digits$}")
}

/// Adds what the catalog knows of the series of the worst cases.
fn complete(session: &Session, view: &mut AgreementView) -> Result<(), EngineError> {
    let Some(detail) = &mut view.selected else { return Ok(()) };
    let reader = session.engine.shared.catalog.read();
    let mut known: HashMap<String, Option<SeriesFacts>> = HashMap::new();
    for case in &mut detail.worst {
        let Some(uid) = &case.series_uid else { continue };
        if !known.contains_key(uid) {
            known.insert(uid.clone(), reader.series_facts(uid)?);
        }
        if let Some(Some(facts)) = known.get(uid) {
            case.task = facts.task;
            case.subject = Some(facts.subject.clone());
            case.site = Some(facts.site.clone());
        }
    }
    Ok(())
}
