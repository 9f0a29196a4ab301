//! What readers said, kept in memory so that agreement and drift are answered at once and kept up to date read by read.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::EngineError;
use crate::catalog::{CatalogError, Filter, ReadRecord, Reader, SeriesFacts};
use crate::config;
use crate::measure::agreement::Level;
use crate::measure::reads::{Drifts, MeasureKey, Read, ReadIndex, Spec};
use crate::pipeline::Shared;

/// Between the series UID and the name within it, in an item's name on the board.
const BETWEEN: char = '\u{1f}';

/// Selections that are kept.
const SUBSETS: usize = 4;
/// Reads that wait for a selection to be asked for again; beyond, it is made anew.
const MOST_WAITING: usize = 10_000;

/// The reads of a workspace; empty until somebody asks.
#[derive(Default)]
pub struct LiveReads {
    state: Mutex<Option<LiveState>>,
}

struct LiveState {
    board: ReadIndex,
    specs: config::Agreement,
    /// Series that are not here yet, with reads that wait for them.
    awaited: HashSet<String>,
    /// Grows with every change.
    revision: u64,
    drifts: Option<(u64, Arc<Drifts>)>,
    /// The latest selections, so that a screen that asks again is answered at once; the latest first.
    subsets: Vec<Subset>,
}

/// The reads of a selection.
struct Subset {
    selection: Selection,
    /// The series that its filter chooses; none without a filter.
    series: Option<HashSet<String>>,
    board: ReadIndex,
    /// Reads that were stored since it was last asked for.
    waiting: Vec<Read>,
}

/// Which reads count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only those that ended at or after this time.
    pub since_ms: Option<i64>,
    /// Only those that ended before this time.
    pub before_ms: Option<i64>,
    /// Only those on series that match, in the query language of the catalog.
    pub filter: String,
}

impl LiveReads {
    /// Takes reads that were stored. Nobody has asked yet: they are loaded with all others when somebody does.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn put(&self, shared: &Shared, records: &[ReadRecord]) -> Result<(), CatalogError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = state.as_mut() else { return Ok(()) };
        let reader = shared.catalog.read();
        let mut facts = Facts::default();
        for record in records.iter().filter(|r| r.is_independent) {
            if record.waiting {
                state.awaited.insert(record.read.item.series_uid.clone());
                continue;
            }
            let read = read_of(record, facts.of(&reader, &record.read.item.series_uid)?);
            state.board.put(&read);
            state.subsets.iter_mut().for_each(|subset| subset.waiting.push(read.clone()));
        }
        // Nobody asks any more.
        state.subsets.retain(|subset| subset.waiting.len() <= MOST_WAITING);
        state.revision += 1;
        Ok(())
    }

    /// Drops what is in memory: reads that stood no longer do.
    pub fn forget(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Runs `ask` on the board of the selected reads.
    ///
    /// # Errors
    /// The catalog cannot be read, or the filter cannot be understood.
    pub fn with<T>(
        &self,
        shared: &Shared,
        selection: &Selection,
        ask: impl FnOnce(&mut ReadIndex) -> T,
    ) -> Result<T, EngineError> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = loaded(&mut guard, shared)?;
        if *selection == Selection::default() {
            return Ok(ask(&mut state.board));
        }
        let series = chosen_series(shared, selection)?;
        let known = state.subsets.iter().position(|s| s.selection == *selection);
        let kept = known.map(|at| state.subsets.remove(at)).filter(|s| s.series == series);
        let subset = match kept.and_then(Subset::follow) {
            Some(subset) => subset,
            None => Subset::select(&state.board, &state.specs, selection, series),
        };
        state.subsets.truncate(SUBSETS - 1);
        state.subsets.insert(0, subset);
        Ok(ask(&mut state.subsets[0].board))
    }

    /// Runs `ask` on the board and all its charts.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn with_drifts<T>(
        &self,
        shared: &Shared,
        ask: impl FnOnce(&ReadIndex, &Drifts) -> T,
    ) -> Result<T, EngineError> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = loaded(&mut guard, shared)?;
        let drifts = match state.drifts.take() {
            Some((revision, drifts)) if revision == state.revision => drifts,
            _ => Arc::new(state.board.drifts()),
        };
        state.drifts = Some((state.revision, drifts.clone()));
        Ok(ask(&state.board, &drifts))
    }
}

/// The state, loaded from the catalog where it is not there yet, the configuration has changed, or a series has come that
/// reads waited for.
fn loaded<'a>(state: &'a mut Option<LiveState>, shared: &Shared) -> Result<&'a mut LiveState, EngineError> {
    let specs = shared.config().agreement.clone();
    if let Some(known) = state.take().filter(|s| s.specs == specs) {
        let reader = shared.catalog.read();
        let mut came = false;
        for uid in &known.awaited {
            came |= reader.series_facts(uid)?.is_some();
        }
        if !came {
            return Ok(state.insert(known));
        }
    }
    let mut board = ReadIndex::new(spec_list(&specs));
    let (reader, other) = (shared.catalog.read(), shared.catalog.read());
    let mut facts = Facts::default();
    let mut failed = None;
    let mut awaited = HashSet::new();
    reader.each_current_read(|record| {
        if !record.is_independent {
            return;
        }
        if record.waiting {
            awaited.insert(record.read.item.series_uid);
            return;
        }
        match facts.of(&other, &record.read.item.series_uid) {
            Ok(facts) => board.put(&read_of(&record, facts)),
            Err(error) => failed = Some(error),
        }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(state.insert(LiveState { board, specs, awaited, revision: 0, drifts: None, subsets: Vec::new() }))
}

fn spec_list(config: &config::Agreement) -> Vec<(MeasureKey, Spec)> {
    let of = |m: &config::MeasureConfig| {
        let key = MeasureKey { structure: m.structure.clone(), name: m.name.clone() };
        let level = m.level.map(|level| match level {
            config::Level::Nominal => Level::Nominal,
            config::Level::Ordinal => Level::Ordinal,
            config::Level::Interval => Level::Interval,
            config::Level::Ratio => Level::Ratio,
        });
        (key, Spec { level, scale: m.scale.clone() })
    };
    config.measures.iter().map(of).collect()
}

/// The series that a selection's filter chooses; none without a filter.
fn chosen_series(shared: &Shared, selection: &Selection) -> Result<Option<HashSet<String>>, EngineError> {
    if selection.filter.trim().is_empty() {
        return Ok(None);
    }
    let filter = Filter::parse(&selection.filter).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    Ok(Some(shared.catalog.read().series_uids(&filter)?.into_iter().collect()))
}

impl Subset {
    fn select(
        board: &ReadIndex,
        specs: &config::Agreement,
        selection: &Selection,
        series: Option<HashSet<String>>,
    ) -> Self {
        let chosen = ReadIndex::new(spec_list(specs));
        let mut subset = Self { selection: selection.clone(), series, board: chosen, waiting: Vec::new() };
        let Self { selection, series, board: chosen, .. } = &mut subset;
        board.each(|item, at| within(selection, series.as_ref(), item, at), |read| chosen.put(&read));
        subset
    }

    /// Takes what was stored since; `None` where a read has left the selection, so that it has to be made anew.
    fn follow(mut self) -> Option<Self> {
        for read in std::mem::take(&mut self.waiting) {
            if within(&self.selection, self.series.as_ref(), &read.item, read.finished_ms) {
                self.board.put(&read);
            } else if self.board.holds(&read) {
                return None;
            }
        }
        Some(self)
    }
}

fn within(selection: &Selection, series: Option<&HashSet<String>>, item: &str, at: Option<i64>) -> bool {
    selection.since_ms.is_none_or(|since| at.is_some_and(|at| at >= since))
        && selection.before_ms.is_none_or(|before| at.is_some_and(|at| at < before))
        && series.is_none_or(|series| series.contains(split(item).0))
}

/// What is known of series, asked once each.
#[derive(Default)]
struct Facts(std::collections::HashMap<String, SeriesFacts>);

impl Facts {
    fn of(&mut self, reader: &Reader<'_>, series_uid: &str) -> Result<&SeriesFacts, CatalogError> {
        if !self.0.contains_key(series_uid) {
            let facts = match series_uid {
                "" => None,
                uid => reader.series_facts(uid)?,
            };
            self.0.insert(series_uid.into(), facts.unwrap_or_default());
        }
        Ok(self.0.entry(series_uid.into()).or_default())
    }
}

/// A stored read as the board takes it.
fn read_of(record: &ReadRecord, facts: &SeriesFacts) -> Read {
    let read = &record.read;
    Read {
        id: record.id,
        reader: read.reader.clone(),
        guideline: read.guideline.clone(),
        item: format!("{}{BETWEEN}{}", read.item.series_uid, read.item.name),
        structure: read.structure.clone(),
        site: facts.site.clone(),
        scanner: facts.model.clone().unwrap_or_default(),
        nothing: read.nothing,
        started_ms: read.started_ms,
        finished_ms: read.finished_ms,
        values: read.values.clone(),
    }
}

/// The series UID (empty where there is none) and the name within it, of an item on the board.
pub fn split(item: &str) -> (&str, &str) {
    item.split_once(BETWEEN).unwrap_or(("", item))
}
