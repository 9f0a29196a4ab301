//! Reads in.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{folders, label_files};
use crate::audit::merkle_root;
use crate::catalog::{CatalogError, ItemKey, NewRead, Put, ReadRecord, Tx};
use crate::config::Level;
use crate::engine::command::{ImportCounts, ImportOutcome, ImportReads, ImportUndone, ImportedFile};
use crate::engine::{EngineError, Session};
use crate::format::label::is_label;
use crate::format::ratings::{Defaults, Sheet, SheetRead, SourceItem, WORD_AMONG_NUMBERS, is_uid, sheet};
use crate::format::table::{Table, TableError, bytes_of};
use crate::model::ChangeKind;
use crate::model::words::io_words;
use crate::pipeline::compare::STAGE as COMPARE;
use crate::pipeline::{Shared, now_ms};

/// Reads in one transaction, so that nobody waits for long.
const AT_ONCE: usize = 2_000;
/// Characters of an item's name that is taken for the UID of a series that is not here yet, at least.
const LEAST_UID: usize = 16;
/// Rows of unmatched reads that are named.
const NAMED_ROWS: usize = 100;

/// What a table is called that came by the standard input.
const INLINE: &str = "-";

pub fn import(session: &Session, command: &ImportReads) -> Result<ImportOutcome, EngineError> {
    let started = Instant::now();
    let mut outcome = ImportOutcome { dry_run: command.dry_run, ..ImportOutcome::default() };
    let defaults = Defaults {
        reader: command.reader.clone(),
        guideline: command.guideline.clone(),
        structure: command.structure.clone(),
        matrix: command.matrix.clone(),
    };
    let mut held = Vec::new();
    for path in &command.paths {
        folders::may_read(session, Path::new(path))?;
    }
    let paths: Vec<PathBuf> = command.paths.iter().flat_map(|path| files(Path::new(path))).collect();
    for path in &paths {
        folders::may_read(session, path)?;
    }
    let paths = paths.into_iter().map(Source::File);
    for source in paths.chain(command.inline.as_deref().map(Source::Inline)) {
        let (mut done, reads) = match &source {
            Source::File(path) if is_label(path) => label_files::prepared(session, path, command)?,
            source => prepared(&session.engine.shared, source, &defaults)?,
        };
        if command.dry_run {
            held.push(reads);
        } else {
            for part in reads.chunks(AT_ONCE) {
                store(session, part, &mut outcome.import, &mut done)?;
            }
        }
        outcome.files.push(done);
    }
    if command.dry_run {
        rehearse(session, &held, &mut outcome.files)?;
    }
    for done in &outcome.files {
        outcome.total.add(&done.counts);
    }
    if outcome.import.is_some() {
        session.engine.shared.bus.tell(ChangeKind::Reads);
        // Where more may always come nobody waits for what follows.
        if outcome.files.iter().any(|f| f.label.is_some()) && !session.engine.is_watching() {
            session.engine.drain()?;
        }
    }
    outcome.elapsed_ms = started.elapsed().as_millis() as u64;
    Ok(outcome)
}

/// Takes an import back, with its event in the trail.
pub fn undo(session: &Session, import: i64) -> Result<ImportUndone, EngineError> {
    let now = now_ms();
    let shared = &session.engine.shared;
    let undone = shared.catalog.write_first(|tx| {
        let undone = tx.undo_import(import, now)?;
        let stands = undone.touched.iter().map(|id| tx.read(*id)).collect::<Result<Vec<_>, _>>()?;
        let stands = stands.into_iter().flatten().filter(|r| r.superseded_by.is_none());
        compare(tx, &stands.collect::<Vec<_>>(), now)?;
        let leaves = tx.cover_reads(&undone.touched, tx.next_event()?)?;
        let detail = json!({
            "import": import, "withdrawn": undone.withdrawn, "restored": undone.restored, "leaves": leaves.len(),
            "merkle_root": hex::encode(merkle_root(&leaves)),
        });
        tx.audit(now, &session.user, "label.undo", "reads", &detail)?;
        Ok(undone)
    })?;
    session.engine.reads.forget();
    shared.bus.tell(ChangeKind::Reads);
    Ok(ImportUndone { import, withdrawn: undone.withdrawn, restored: undone.restored })
}

/// Where a table comes from.
enum Source<'c> {
    File(PathBuf),
    /// Hexadecimal digits of its bytes.
    Inline(&'c str),
}

/// Folders within folders that are looked into.
const MOST_DEPTH: usize = 16;

/// The file itself, or the tables in a folder and the label files anywhere below it, by name.
fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.into()];
    }
    let mut all = Vec::new();
    below(path, 0, &mut all);
    all.sort();
    all
}

fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        // Links are not followed.
        if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) && depth < MOST_DEPTH {
            below(&path, depth + 1, found);
        } else if kind.is_ok_and(|k| k.is_file()) && ((depth == 0 && is_table(&path)) || is_label(&path)) {
            found.push(path);
        }
    }
}

/// Whether a file's name is that of a table.
fn is_table(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["csv", "tsv", "tab", "parquet", "json", "jsonl"].contains(&ending)
}

/// A table's reads in the workspace's terms, and what is known of it so far; none where it is refused.
fn prepared(
    shared: &Shared,
    source: &Source<'_>,
    defaults: &Defaults,
) -> Result<(ImportedFile, Vec<NewRead>), EngineError> {
    let path = match source {
        Source::File(path) => path.to_string_lossy().into_owned(),
        Source::Inline(_) => INLINE.to_owned(),
    };
    let mut done = ImportedFile { path, ..ImportedFile::default() };
    let sheet = match read(source, defaults, &mut done.sha256) {
        Ok(sheet) => sheet,
        Err(why) => {
            done.refused = Some(why);
            return Ok((done, Vec::new()));
        }
    };
    if let Some(row) = word_in_numbers(shared, &sheet)? {
        done.refused = Some(format!("row {row}: {WORD_AMONG_NUMBERS}"));
        return Ok((done, Vec::new()));
    }
    done.rows = sheet.rows as u64;
    done.empty_rows = sheet.empty_rows as u64;
    done.ignored_columns.clone_from(&sheet.ignored);
    done.counts.reads = sheet.reads.len() as u64;
    let reads = matched(shared, sheet, &mut done)?;
    Ok((done, reads))
}

/// The ratings of a table; the hash of its bytes is noted as soon as it is known.
fn read(source: &Source<'_>, defaults: &Defaults, sha256: &mut String) -> Result<Sheet, String> {
    let bytes = match source {
        Source::File(path) => bytes_of(path).map_err(|error| match error {
            TableError::Io(e) => format!("cannot be read: {}", io_words(e.kind())),
            other => other.to_string(),
        })?,
        Source::Inline(digits) => hex::decode(digits).map_err(|_| "not hexadecimal digits".to_owned())?,
    };
    *sha256 = hex::encode(Sha256::digest(&bytes));
    let table = Table::from_bytes(bytes).map_err(|e| e.to_string())?;
    sheet(&table, defaults).map_err(|e| e.to_string())
}

/// The row of a word in a measure that is numeric so far in this workspace.
fn word_in_numbers(shared: &Shared, sheet: &Sheet) -> Result<Option<usize>, CatalogError> {
    if sheet.words.is_empty() {
        return Ok(None);
    }
    let (config, reader) = (shared.config(), shared.catalog.read());
    for (structure, name, row) in &sheet.words {
        let declared = config.agreement.measures.iter().any(|m| {
            (&m.structure, &m.name) == (structure, name)
                && matches!(m.level, Some(Level::Interval | Level::Ratio))
        });
        if declared || reader.has_numbers(structure, name)? {
            return Ok(Some(*row));
        }
    }
    Ok(None)
}

/// Reads with their items in the workspace's terms; the rows of those on a series that is not here are noted.
fn matched(shared: &Shared, sheet: Sheet, done: &mut ImportedFile) -> Result<Vec<NewRead>, EngineError> {
    let mut items: HashMap<SourceItem, (ItemKey, bool)> = HashMap::new();
    let mut reads = Vec::with_capacity(sheet.reads.len());
    for read in sheet.reads {
        let (key, here) = match items.get(&read.item) {
            Some(known) => known.clone(),
            None => {
                let found = item(shared, &read.item)?;
                items.insert(read.item.clone(), found.clone());
                found
            }
        };
        if !here && done.unmatched_rows.len() < NAMED_ROWS {
            done.unmatched_rows.push(read.row as u64);
        }
        done.without_series += u64::from(key.series_uid.is_empty());
        reads.push(new_read(read, key));
    }
    Ok(reads)
}

fn new_read(read: SheetRead, item: ItemKey) -> NewRead {
    NewRead {
        reader: read.reader,
        guideline: read.guideline,
        item,
        structure: read.structure,
        nothing: read.nothing,
        started_ms: read.started_ms,
        finished_ms: read.finished_ms,
        values: read.values,
        label: None,
    }
}

/// An item in the workspace's terms, and whether its series is here (or it belongs to none). A name is kept only as a
/// pseudonym, unless it is a small number within a series.
fn item(shared: &Shared, source: &SourceItem) -> Result<(ItemKey, bool), CatalogError> {
    let name = source.item.as_deref();
    if let Some(series) = &source.series {
        let found = series_of(shared, series)?;
        let here = found.is_some();
        // It will have this UID when it comes.
        let series_uid = found.unwrap_or_else(|| shared.deid.uid(series));
        let name = match name {
            None => String::new(),
            Some(n) if n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit()) => format!("#{n}"),
            Some(n) => shared.deid.item(&format!("{series_uid}/{n}")),
        };
        return Ok((ItemKey { series_uid, name }, here));
    }
    let name = name.unwrap_or_default();
    if is_uid(name) {
        let found = series_of(shared, name)?;
        let here = found.is_some();
        // A short one may be the number of a lesion; a long one names a series that is still to come.
        let awaited = (name.len() >= LEAST_UID).then(|| shared.deid.uid(name));
        if let Some(series_uid) = found.or(awaited) {
            return Ok((ItemKey { series_uid, name: String::new() }, here));
        }
    }
    Ok((ItemKey { series_uid: String::new(), name: shared.deid.item(name) }, true))
}

/// The series here that a UID names: the remapped UID itself, or the one that it was remapped from.
pub(super) fn series_of(shared: &Shared, uid: &str) -> Result<Option<String>, CatalogError> {
    let reader = shared.catalog.read();
    for uid in [uid.to_owned(), shared.deid.uid(uid)] {
        if reader.series_facts(&uid)?.is_some() {
            return Ok(Some(uid));
        }
    }
    Ok(None)
}

/// Counts what would become of the reads of every table, and takes it back.
fn rehearse(
    session: &Session,
    tables: &[Vec<NewRead>],
    files: &mut [ImportedFile],
) -> Result<(), EngineError> {
    let now = now_ms();
    session.engine.shared.catalog.rehearse(|tx| {
        let import = tx.begin_import(&session.user, now)?;
        for (reads, done) in tables.iter().zip(files) {
            for read in reads {
                let put = tx.put_read(read, import, now)?;
                done.counts.note(tx, put)?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Stores reads in one transaction with its audit event, then tells the board. The first that changes something begins the
/// import.
fn store(
    session: &Session,
    reads: &[NewRead],
    import: &mut Option<i64>,
    done: &mut ImportedFile,
) -> Result<(), EngineError> {
    let (shared, now) = (&session.engine.shared, now_ms());
    let (counts, changed, begun) = shared.catalog.write_first(|tx| {
        let id = match *import {
            Some(id) => id,
            None => tx.begin_import(&session.user, now)?,
        };
        let mut counts = ImportCounts::default();
        let mut changed: Vec<ReadRecord> = Vec::new();
        let mut touched = BTreeSet::new();
        for read in reads {
            let put = tx.put_read(read, id, now)?;
            touched.extend(put.touched());
            changed.extend(counts.note(tx, put)?);
        }
        if changed.is_empty() {
            if import.is_none() {
                tx.drop_import(id)?;
            }
            return Ok((counts, changed, None));
        }
        let leaves = tx.cover_reads(&touched, tx.next_event()?)?;
        let detail = json!({
            "import": id,
            "file_sha256": done.sha256,
            "new": counts.new,
            "completed": counts.completed,
            "corrected": counts.corrected,
            "duplicates": counts.duplicates,
            "waiting": counts.unmatched,
            "leaves": leaves.len(),
            "merkle_root": hex::encode(merkle_root(&leaves)),
        });
        tx.audit(now, &session.user, "label.import", "reads", &detail)?;
        compare(tx, &changed, now)?;
        Ok((counts, changed, Some(id)))
    })?;
    *import = import.or(begun);
    done.counts.add(&ImportCounts { reads: 0, ..counts });
    Ok(session.engine.reads.put(shared, &changed)?)
}

/// Asks for what was drawn to be compared with what others drew there.
fn compare(tx: &Tx<'_>, changed: &[ReadRecord], now_ms: i64) -> Result<(), CatalogError> {
    let mut series = BTreeSet::new();
    for record in changed {
        let uid = &record.read.item.series_uid;
        let drawn = record.read.label.is_some() || (record.read.nothing && tx.has_labels(uid)?);
        if drawn && series.insert(uid.clone()) {
            tx.enqueue(COMPARE, uid, now_ms, now_ms)?;
        }
    }
    Ok(())
}

impl ImportCounts {
    fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.new += other.new;
        self.completed += other.completed;
        self.corrected += other.corrected;
        self.duplicates += other.duplicates;
        self.unmatched += other.unmatched;
        self.parked += other.parked;
    }

    /// Counts what became of a read; the read that stands, where it is another than before. A read on a series that is not
    /// here yet counts as that alone.
    fn note(&mut self, tx: &Tx<'_>, put: Put) -> Result<Option<ReadRecord>, CatalogError> {
        let (count, id, changed) = match put {
            Put::New(id) => (&mut self.new, id, true),
            Put::Completed(id) => (&mut self.completed, id, true),
            Put::Corrected { new, .. } => (&mut self.corrected, new, true),
            Put::Duplicate(id) => (&mut self.duplicates, id, false),
        };
        let record = tx.read(id)?;
        if record.as_ref().is_some_and(|r| r.waiting) {
            self.unmatched += 1;
        } else {
            *count += 1;
        }
        Ok(record.filter(|_| changed))
    }
}
