//! What readers said, kept in memory so that agreement and drift are answered at once and kept up to date read by read.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::EngineError;
use crate::catalog::{CatalogError, Filter, ReadRecord, Reader, SeriesFacts};
use crate::config;
use crate::measure::agreement::Level;
use crate::measure::reads::{Board, Drifts, MeasureKey, Read, Spec};
use crate::pipeline::Shared;

/// Between the series UID and the name within it, in an item's name on the board.
const BETWEEN: char = '\u{1f}';

/// Selections that are kept.
const SUBSETS: usize = 4;

/// The reads of a workspace; empty until somebody asks.
#[derive(Default)]
pub struct LiveReads {
    state: Mutex<Option<State>>,
}

struct State {
    board: Board,
    specs: config::Agreement,
    /// Grows with every change.
    revision: u64,
    drifts: Option<(u64, Arc<Drifts>)>,
    /// The latest selections, so that a screen that asks again is answered at once.
    subsets: Vec<(u64, Selection, Board)>,
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
        for record in records {
            state.board.put(&read_of(record, facts.of(&reader, &record.read.item.series_uid)?));
        }
        state.revision += 1;
        Ok(())
    }

    /// Runs `ask` on the board of the selected reads.
    ///
    /// # Errors
    /// The catalog cannot be read, or the filter cannot be understood.
    pub fn with<T>(
        &self,
        shared: &Shared,
        selection: &Selection,
        ask: impl FnOnce(&mut Board) -> T,
    ) -> Result<T, EngineError> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = loaded(&mut guard, shared)?;
        if *selection == Selection::default() {
            return Ok(ask(&mut state.board));
        }
        let revision = state.revision;
        state.subsets.retain(|s| s.0 == revision);
        if !state.subsets.iter().any(|s| s.1 == *selection) {
            let board = select(&state.board, &state.specs, shared, selection)?;
            state.subsets.truncate(SUBSETS - 1);
            state.subsets.insert(0, (revision, selection.clone(), board));
        }
        match state.subsets.iter_mut().find(|s| s.1 == *selection) {
            Some((_, _, board)) => Ok(ask(board)),
            None => Err(EngineError::Gone),
        }
    }

    /// Runs `ask` on the board and all its charts.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn with_drifts<T>(
        &self,
        shared: &Shared,
        ask: impl FnOnce(&Board, &Drifts) -> T,
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

/// The state, loaded from the catalog where it is not there yet or the configuration has changed.
fn loaded<'a>(state: &'a mut Option<State>, shared: &Shared) -> Result<&'a mut State, EngineError> {
    let specs = shared.config().agreement.clone();
    if let Some(known) = state.take().filter(|s| s.specs == specs) {
        return Ok(state.insert(known));
    }
    let mut board = Board::new(spec_list(&specs));
    let (reader, other) = (shared.catalog.read(), shared.catalog.read());
    let mut facts = Facts::default();
    let mut failed = None;
    reader.each_current_read(|record| match facts.of(&other, &record.read.item.series_uid) {
        Ok(facts) => board.put(&read_of(&record, facts)),
        Err(error) => failed = Some(error),
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(state.insert(State { board, specs, revision: 0, drifts: None, subsets: Vec::new() }))
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

fn select(
    board: &Board,
    specs: &config::Agreement,
    shared: &Shared,
    selection: &Selection,
) -> Result<Board, EngineError> {
    let series: Option<HashSet<String>> = if selection.filter.trim().is_empty() {
        None
    } else {
        let filter =
            Filter::parse(&selection.filter).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
        Some(shared.catalog.read().series_uids(&filter)?.into_iter().collect())
    };
    let mut chosen = Board::new(spec_list(specs));
    let within = |item: &str, at: Option<i64>| {
        let late = |since| at.is_some_and(|at| at >= since);
        let early = |before| at.is_some_and(|at| at < before);
        selection.since_ms.is_none_or(late)
            && selection.before_ms.is_none_or(early)
            && series.as_ref().is_none_or(|s| s.contains(split(item).0))
    };
    board.each(within, |read| chosen.put(&read));
    Ok(chosen)
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
