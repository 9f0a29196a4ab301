//! Reads in.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::audit::merkle_root;
use crate::catalog::{CatalogError, ItemKey, NewRead, Put, ReadRecord};
use crate::engine::command::{ImportCounts, ImportOutcome, ImportReads, ImportedFile};
use crate::engine::{EngineError, Session};
use crate::format::ratings::{Defaults, Sheet, SheetRead, SourceItem, is_uid, sheet};
use crate::format::table::Table;
use crate::model::What;
use crate::pipeline::{Shared, now_ms};

/// Reads in one transaction, so that nobody waits for long.
const AT_ONCE: usize = 2_000;
/// Rows of unmatched reads that are named.
const NAMED_ROWS: usize = 100;
/// Larger tables are refused before they are read.
const MOST_BYTES: u64 = 2 << 30;

pub fn import(session: &Session, command: &ImportReads) -> Result<ImportOutcome, EngineError> {
    let started = Instant::now();
    let mut outcome = ImportOutcome::default();
    let defaults = Defaults {
        reader: command.reader.clone(),
        guideline: command.guideline.clone(),
        structure: command.structure.clone(),
    };
    for path in &command.paths {
        for file in tables(Path::new(path)) {
            let done = one(session, &file, &defaults)?;
            outcome.total.add(&done.counts);
            outcome.files.push(done);
        }
    }
    outcome.elapsed_ms = started.elapsed().as_millis() as u64;
    Ok(outcome)
}

/// The file itself, or the tables in a folder by name.
fn tables(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.into()] };
    let is_table = |p: &PathBuf| {
        let known = |e: &std::ffi::OsStr| {
            ["csv", "parquet", "json", "jsonl"].iter().any(|k| e.eq_ignore_ascii_case(k))
        };
        p.is_file() && p.extension().is_some_and(known)
    };
    let mut all: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(is_table).collect();
    all.sort();
    all
}

fn one(session: &Session, path: &Path, defaults: &Defaults) -> Result<ImportedFile, EngineError> {
    let mut done = ImportedFile { path: path.to_string_lossy().into_owned(), ..ImportedFile::default() };
    let (table, hash) = match read(path) {
        Ok(read) => read,
        Err(why) => {
            done.refused = Some(why);
            return Ok(done);
        }
    };
    done.sha256 = hex::encode(hash);
    let sheet = match sheet(&table, defaults) {
        Ok(sheet) => sheet,
        Err(error) => {
            done.refused = Some(error.to_string());
            return Ok(done);
        }
    };
    drop(table);
    done.rows = sheet.rows as u64;
    done.empty_rows = sheet.empty_rows as u64;
    done.ignored_columns.clone_from(&sheet.ignored);
    done.counts.reads = sheet.reads.len() as u64;
    let reads = matched(&session.engine.shared, sheet, &mut done)?;
    for part in reads.chunks(AT_ONCE) {
        store(session, part, &mut done)?;
    }
    if done.counts.new + done.counts.completed + done.counts.corrected > 0 {
        session.engine.shared.bus.tell(What::Reads);
    }
    Ok(done)
}

/// The table and the hash of its bytes.
fn read(path: &Path) -> Result<(Table, [u8; 32]), String> {
    let unreadable = |e: std::io::Error| format!("cannot be read: {}", e.kind());
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("not a file".into());
    }
    if metadata.len() > MOST_BYTES {
        return Err("larger than 2 GiB; split it".into());
    }
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block).map_err(unreadable)? {
            0 => break,
            n => hash.update(&block[..n]),
        }
    }
    Ok((Table::read(path).map_err(|e| e.to_string())?, hash.finalize().into()))
}

/// Reads with their items in the workspace's terms; those on a series that is not here are counted and left out.
fn matched(shared: &Shared, sheet: Sheet, done: &mut ImportedFile) -> Result<Vec<NewRead>, EngineError> {
    let mut items: HashMap<SourceItem, Option<ItemKey>> = HashMap::new();
    let mut reads = Vec::with_capacity(sheet.reads.len());
    for read in sheet.reads {
        let key = match items.get(&read.item) {
            Some(known) => known.clone(),
            None => {
                let key = item(shared, &read.item)?;
                items.insert(read.item.clone(), key.clone());
                key
            }
        };
        let Some(key) = key else {
            done.counts.unmatched += 1;
            if done.unmatched_rows.len() < NAMED_ROWS {
                done.unmatched_rows.push(read.row as u64);
            }
            continue;
        };
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
    }
}

/// An item in the workspace's terms; `None` for a series that is not here. A name is kept only as a pseudonym, unless it
/// is a small number within a series.
fn item(shared: &Shared, source: &SourceItem) -> Result<Option<ItemKey>, CatalogError> {
    let name = source.item.as_deref();
    if let Some(series) = &source.series {
        let Some(series_uid) = series_of(shared, series)? else { return Ok(None) };
        let name = match name {
            None => String::new(),
            Some(n) if n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit()) => format!("#{n}"),
            Some(n) => shared.deid.item(&format!("{series_uid}/{n}")),
        };
        return Ok(Some(ItemKey { series_uid, name }));
    }
    let name = name.unwrap_or_default();
    if is_uid(name)
        && let Some(series_uid) = series_of(shared, name)?
    {
        return Ok(Some(ItemKey { series_uid, name: String::new() }));
    }
    Ok(Some(ItemKey { series_uid: String::new(), name: shared.deid.item(name) }))
}

/// The series here that a UID names: the remapped UID itself, or the one that it was remapped from.
fn series_of(shared: &Shared, uid: &str) -> Result<Option<String>, CatalogError> {
    let reader = shared.catalog.read();
    for uid in [uid.to_owned(), shared.deid.uid(uid)] {
        if reader.series_facts(&uid)?.is_some() {
            return Ok(Some(uid));
        }
    }
    Ok(None)
}

/// Stores reads in one transaction with its audit event, then tells the board.
fn store(session: &Session, reads: &[NewRead], done: &mut ImportedFile) -> Result<(), EngineError> {
    let (shared, now) = (&session.engine.shared, now_ms());
    let (counts, changed) = shared.catalog.write_first(|tx| {
        let mut counts = ImportCounts::default();
        let mut changed: Vec<ReadRecord> = Vec::new();
        for read in reads {
            let put = tx.put_read(read, now)?;
            let id = counts.note(put);
            if let Some(id) = id {
                changed.extend(tx.read(id)?);
            }
        }
        if !changed.is_empty() {
            let leaf = |r: &ReadRecord| -> [u8; 32] { Sha256::digest(format!("{r:?}")).into() };
            let leaves: Vec<[u8; 32]> = changed.iter().map(leaf).collect();
            let detail = json!({
                "file_sha256": done.sha256,
                "new": counts.new,
                "completed": counts.completed,
                "corrected": counts.corrected,
                "duplicates": counts.duplicates,
                "merkle_root": hex::encode(merkle_root(&leaves)),
            });
            tx.audit(now, &session.user, "label.import", "reads", &detail)?;
        }
        Ok((counts, changed))
    })?;
    done.counts.add(&ImportCounts { reads: 0, ..counts });
    Ok(session.engine.reads.put(shared, &changed)?)
}

impl ImportCounts {
    fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.new += other.new;
        self.completed += other.completed;
        self.corrected += other.corrected;
        self.duplicates += other.duplicates;
        self.unmatched += other.unmatched;
    }

    /// Counts what became of a read; the read that stands, where it is another than before.
    fn note(&mut self, put: Put) -> Option<i64> {
        match put {
            Put::New(id) => {
                self.new += 1;
                Some(id)
            }
            Put::Completed(id) => {
                self.completed += 1;
                Some(id)
            }
            Put::Corrected { new, .. } => {
                self.corrected += 1;
                Some(new)
            }
            Put::Duplicate(_) => {
                self.duplicates += 1;
                None
            }
        }
    }
}
