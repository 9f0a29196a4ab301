//! Files of what readers drew, as reads: laid on their series, measured, and kept by the hash of their content.

mod export;
mod home;

use std::collections::BTreeMap;
use std::path::Path;

use super::typed;
use crate::blob::name_of_bulk;
use crate::bytes::ByteSource;
use crate::catalog::{ItemKey, NewRead, Rated};
use crate::convert::Template;
use crate::engine::command::{ImportReads, ImportedFile, ImportedLabel, ImportedStructure, LabelFinding};
use crate::engine::{EngineError, Session};
use crate::format::label::{FormatId, LabelError, read};
use crate::label::figures::{Figures, figures};
use crate::label::place::{Options, place};
use crate::label::{Image, Mask, Measurement, Placed, Refused, stored};
use crate::model::Finding;
use crate::model::words::io_error;
use crate::qc::{self, LabelInput, Place, SliceSet};
use crate::source;

pub(super) use export::export;
use home::home;
pub(super) use home::placed_on;

/// What readers of LIDC mark.
const NODULE: &str = "nodule";
/// Why a file is not taken: a stable identifier, words, what differs, and whether it waits for a person.
struct NotTaken {
    code: String,
    words: String,
    difference: Option<serde_json::Value>,
    parked: bool,
}

impl NotTaken {
    fn new(code: &str, words: impl Into<String>) -> Self {
        Self { code: code.into(), words: words.into(), difference: None, parked: false }
    }
}

impl From<LabelError> for NotTaken {
    fn from(error: LabelError) -> Self {
        let words = match &error {
            LabelError::Io(error) => format!("cannot be read: {}", io_error(error)),
            other => other.to_string(),
        };
        let difference = match &error {
            LabelError::Refused(Refused::OtherGrid(difference)) => serde_json::to_value(difference).ok(),
            _ => None,
        };
        Self { code: error.code().into(), words, difference, parked: false }
    }
}

impl From<Refused> for NotTaken {
    fn from(refused: Refused) -> Self {
        LabelError::from(refused).into()
    }
}

/// What is known of whose a file is.
struct Whose {
    reader: String,
    structure: Option<String>,
}

/// A label file's reads, their geometry in the store, and what is known of the file; no read where it is not taken.
pub(super) fn prepared(
    session: &Session,
    path: &Path,
    command: &ImportReads,
) -> Result<(ImportedFile, Vec<NewRead>), EngineError> {
    let mut done = ImportedFile { path: path.to_string_lossy().into_owned(), ..ImportedFile::default() };
    let mut label = ImportedLabel::default();
    let outcome = taken(session, path, command, &mut done, &mut label)?;
    let reads = match outcome {
        Ok(reads) => {
            done.counts.reads = reads.len() as u64;
            reads
        }
        Err(why) => {
            label.code = Some(why.code);
            label.difference = why.difference;
            done.counts.parked = u64::from(why.parked);
            done.refused = Some(why.words).filter(|_| !why.parked);
            Vec::new()
        }
    };
    done.label = Some(label);
    Ok((done, reads))
}

fn taken(
    session: &Session,
    path: &Path,
    command: &ImportReads,
    done: &mut ImportedFile,
    label: &mut ImportedLabel,
) -> Result<Result<Vec<NewRead>, NotTaken>, EngineError> {
    let shared = &session.engine.shared;
    let (format, mut set) = match read(path) {
        Ok(found) => found,
        Err(error) => return Ok(Err(error.into())),
    };
    let whole = source::open_file(path).ok().and_then(|bytes| name_of_bulk(&bytes).ok());
    done.sha256 = whole.unwrap_or_default();
    label.format = format.name().into();
    for structure in &mut set.structures {
        if format == FormatId::Lidc {
            NODULE.clone_into(&mut structure.name);
        }
        let given = structure.number.and_then(|n| command.names.iter().find(|(number, _)| *number == n));
        if let Some((_, name)) = given {
            structure.name.clone_from(name);
        }
    }
    let template = command.template.as_deref().map(Template::parse).transpose();
    let template = template.map_err(|why| EngineError::Invalid { why })?;
    let parts = template.as_ref().and_then(|t| t.parts(path)).unwrap_or_default();
    let Some(whose) = whose(session, command, &parts)? else {
        return Ok(Err(NotTaken::new(
            "no_reader",
            "who read is not known: say it by --reader or {reader} in --match",
        )));
    };
    let Some((series_uid, image)) = home(shared, &mut set, command, &parts)? else {
        let words = "which series it belongs to is not known: `gantry label assign` says it";
        return Ok(Err(NotTaken { parked: true, ..NotTaken::new("no_series", words) }));
    };
    label.series_uid = Some(series_uid.clone());
    if format == FormatId::Sr {
        let study = image.study_uid.as_deref();
        return measurements(session, &set.measurements, (&series_uid, study), &whose, (command, label))
            .map(Ok);
    }
    let options = Options { threshold: None, resample: command.resample };
    let placed = match place(set, &image, options) {
        Ok(placed) => placed,
        Err(refused) => return Ok(Err(refused.into())),
    };
    label.warnings = placed.warnings.iter().map(|w| w.message.clone()).collect();
    let mut all = Vec::new();
    // Where a file holds several readers, each has reads of their own.
    for (reader, placed) in by_reader(placed) {
        let name = reader.map_or_else(|| whose.reader.clone(), |n| format!("{}-{n}", whose.reader));
        let whose = Whose { reader: name, structure: whose.structure.clone() };
        match reads(session, &placed, (&series_uid, &image), &whose, (command, label))? {
            Ok(reads) => all.extend(reads),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(all))
}

/// Numbers that were measured, as a read for each object that they were measured on.
fn measurements(
    session: &Session,
    measured: &[Measurement],
    (series_uid, study_uid): (&str, Option<&str>),
    whose: &Whose,
    (command, label): (&ImportReads, &mut ImportedLabel),
) -> Result<Vec<NewRead>, EngineError> {
    let mut objects: BTreeMap<String, Vec<(String, Rated)>> = BTreeMap::new();
    for one in measured {
        let of = one.of.as_deref().unwrap_or_default();
        let object = typed::name(session, study_uid, of)?.unwrap_or_else(|| "measurement".into());
        let values = objects.entry(object).or_default();
        let name = measure_name(&one.name, one.unit.as_deref());
        if let Some(value) = one.value.filter(|_| !values.iter().any(|(known, _)| *known == name)) {
            values.push((name, Rated::Number(value)));
        }
    }
    objects.retain(|_, values| !values.is_empty());
    let found = |name: &String| ImportedStructure { name: name.clone(), state: "found".into(), voxels: 0 };
    label.structures.extend(objects.keys().map(found));
    let read = |(structure, values)| NewRead {
        reader: whose.reader.clone(),
        guideline: command.guideline.clone().unwrap_or_default(),
        item: ItemKey { series_uid: series_uid.into(), name: String::new() },
        structure,
        nothing: false,
        started_ms: None,
        finished_ms: None,
        values,
        label: None,
    };
    Ok(objects.into_iter().map(read).collect())
}

/// The name of a measure with its unit: `length_mm`.
fn measure_name(name: &str, unit: Option<&str>) -> String {
    let plain = |text: &str| -> String {
        let word = |c: char| if c.is_alphanumeric() { c.to_lowercase().next().unwrap_or(c) } else { '_' };
        text.chars().take(64).map(word).collect::<String>().trim_matches('_').to_owned()
    };
    let unit = unit.map(plain).filter(|u| !u.is_empty() && u != "1");
    [Some(plain(name)), unit].into_iter().flatten().collect::<Vec<_>>().join("_")
}

/// The structures of each reader of a file.
fn by_reader(placed: Placed) -> BTreeMap<Option<u32>, Placed> {
    let mut found: BTreeMap<Option<u32>, Placed> = BTreeMap::new();
    let Placed { grid, in_space, structures, .. } = placed;
    let none = || Placed { grid, in_space, structures: Vec::new(), warnings: Vec::new() };
    for structure in structures {
        found.entry(structure.reader).or_insert_with(none).structures.push(structure);
    }
    found
}

fn whose(
    session: &Session,
    command: &ImportReads,
    parts: &BTreeMap<String, String>,
) -> Result<Option<Whose>, EngineError> {
    // What a file's name says is free text, as a header is.
    let clean = |part: &str| match parts.get(part) {
        Some(text) => typed::name(session, None, text),
        None => Ok(None),
    };
    let reader = match &command.reader {
        Some(reader) => Some(reader.clone()),
        None => clean("reader")?,
    };
    let structure = clean("structure")?;
    Ok(reader.map(|reader| Whose { reader, structure: structure.or_else(|| command.structure.clone()) }))
}

/// Each structure as a read, its geometry in the store.
fn reads(
    session: &Session,
    placed: &Placed,
    (series_uid, image): (&str, &Image),
    whose: &Whose,
    (command, label): (&ImportReads, &mut ImportedLabel),
) -> Result<Result<Vec<NewRead>, NotTaken>, EngineError> {
    let shared = &session.engine.shared;
    let named = match named(session, placed, image.study_uid.as_deref(), whose, label)? {
        Ok(named) => named,
        Err(why) => return Ok(Err(why)),
    };
    label.findings.extend(checked(session, placed, series_uid, &named));
    let (mut reads, mut staged) = (Vec::new(), Vec::new());
    for (name, mask) in named {
        let found = figures(&placed.grid, &mask);
        let bytes = stored::encode(&placed.grid, &mask);
        let blob = found.map(|_| crate::blob::name_of(&bytes));
        if blob.is_some() && !command.dry_run {
            staged.push(shared.store.stage(&ByteSource::from(&*bytes))?);
        }
        label.structures.push(ImportedStructure {
            name: name.clone(),
            state: if found.is_some() { "found" } else { "none" }.into(),
            voxels: mask.voxels(),
        });
        reads.push(NewRead {
            reader: whose.reader.clone(),
            guideline: command.guideline.clone().unwrap_or_default(),
            item: ItemKey { series_uid: series_uid.into(), name: String::new() },
            structure: name,
            nothing: found.is_none(),
            started_ms: None,
            finished_ms: None,
            values: found.filter(|_| placed.in_space).map(measured).unwrap_or_default(),
            label: blob,
        });
    }
    // Blobs before rows.
    if !staged.is_empty() {
        shared.store.settle(&mut staged, false)?;
    }
    Ok(Ok(reads))
}

/// Structures by the names under which they are kept; several of one name are instances of one structure.
fn named(
    session: &Session,
    placed: &Placed,
    study_uid: Option<&str>,
    whose: &Whose,
    label: &mut ImportedLabel,
) -> Result<Result<Vec<(String, Mask)>, NotTaken>, EngineError> {
    let mut named: Vec<(String, Mask)> = Vec::new();
    let only = placed.structures.len() == 1;
    for structure in &placed.structures {
        let kept = match &whose.structure {
            Some(name) if only => Some(name.clone()),
            _ => typed::name(session, study_uid, &structure.name)?,
        };
        let Some(name) = kept else {
            let words = "a structure has a name of which nothing can be kept: give one by --names";
            return Ok(Err(NotTaken::new("name", words)));
        };
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, mask)) => {
                *mask = std::mem::take(mask).or(&structure.mask);
                label
                    .warnings
                    .push(format!("several structures are called '{name}': they are instances of one"));
            }
            None => named.push((name, structure.mask.clone())),
        }
    }
    Ok(Ok(named))
}

/// What the checks of labels say of structures under the names that are kept.
pub(in crate::engine::perform) fn checked(
    session: &Session,
    placed: &Placed,
    series_uid: &str,
    named: &[(String, Mask)],
) -> Vec<LabelFinding> {
    let sets: Vec<SliceSet> =
        (1..).zip(named).filter_map(|(number, (_, mask))| SliceSet::of_mask(number, mask)).collect();
    let found = |number: u32| sets.iter().any(|s| s.number == number);
    let names = (1..).zip(named).filter(|(n, _)| found(*n)).map(|(n, (name, _))| (n, name.clone())).collect();
    let input = LabelInput {
        shape: placed.grid.shape.map(|n| n as usize),
        voxel_mm3: placed.grid.voxel_mm3(),
        spacing_mm: placed.grid.step_mm(),
        affine_ras: placed.grid.affine_ras(),
        structures: &sets,
        names: &names,
        place: &Place::On { series_uid: Some(series_uid.into()) },
        outside: None,
        warnings: &[],
        settings: &session.engine.shared.qc_settings(),
    };
    let severity = |s| serde_json::to_value(s).ok().and_then(|v| v.as_str().map(str::to_owned));
    let view = |f: Finding| LabelFinding {
        check: f.check.into_owned(),
        severity: severity(f.severity).unwrap_or_default(),
        message: f.message,
    };
    qc::run_label(&input, |_| true).into_iter().map(view).collect()
}

/// The numbers that every mask has, to a millionth.
pub(in crate::engine::perform) fn measured(f: Figures) -> Vec<(String, Rated)> {
    let rounded = |v: f64| Rated::Number((v * 1e6).round() / 1e6);
    let all =
        [("volume_mm3", f.volume_mm3), ("long_axis_mm", f.long_axis_mm), ("short_axis_mm", f.short_axis_mm)];
    all.map(|(name, value)| (name.to_owned(), rounded(value))).into()
}
