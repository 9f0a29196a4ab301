//! One series on its way out.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::members::Member;
use super::{How, left_out, refused};
use crate::blob::BlobError;
use crate::catalog::CatalogError;
use crate::convert::images;
use crate::dataset::export::{
    DoneSeries, DrawnLabel, Exporter, Folder, LabelView, Names, Note, Out, SeriesItem, StackItem, Volumes,
    Whole, named, stem, subject_folder,
};
use crate::dicom;
use crate::engine::{EngineError, Session};
use crate::format::label::SourceImage;
use crate::label::place::fit;
use crate::label::{Mask, stored};
use crate::model::Finding;
use crate::pipeline::{Loaded, StageError};
use crate::qc;
use crate::series::{Instance, Stack};
use crate::snapshot::{FrozenLabel, LabelState};
use crate::volume::{self, Sidecar, Standard, Transform, Volume, VolumeError};

/// What series are written with.
pub struct Job<'j> {
    pub how: &'j How,
    pub whole: &'j Whole<'j>,
    pub folder: &'j Folder,
    pub names: &'j Mutex<Names>,
}

/// Writes a series in every format. What of it cannot be written is named with why not.
pub fn write(session: &Session, member: &Member, job: &Job<'_>) -> Result<DoneSeries, EngineError> {
    let mut done = DoneSeries {
        series_uid: member.content.series_uid.clone(),
        subject: member.content.subject.clone(),
        ..DoneSeries::default()
    };
    let found = match gather(session, member) {
        Ok(found) => found,
        Err(Gone::Kind(kind, reason)) => {
            done.left_out.push(left_out(&done.series_uid, kind, reason));
            return Ok(done);
        }
        Err(Gone::Error(error)) => return Err(error),
    };
    let shared = &session.engine.shared;
    let read = |blob: &str| shared.store.read(blob).map_err(io::Error::other);
    let standing = member.content.standing.as_ref();
    let reader =
        standing.map(|s| if job.how.pseudonyms { shared.deid.reader(&s.reader) } else { s.reader.clone() });
    let item = SeriesItem {
        whole: job.whole,
        series: &found.loaded.series,
        content: &member.content,
        split: member.split.as_deref(),
        instances: &found.instances,
        ledger: &found.ledger,
        facts: found.loaded.facts(),
        findings: &found.findings,
        state: &member.state,
        reader,
        labels: &found.labels,
        read: &read,
    };
    let mut writer = Writer { session, job, done, found: &found };
    for format in &job.how.formats {
        writer.format(&**format, None, |out| format.series(&item, out))?;
    }
    for stack in 0..found.loaded.series.stacks.len() {
        if found.loaded.series.stacks[stack].frames > 0 {
            writer.stack(&item, stack)?;
        }
    }
    let done = writer.done;
    job.folder.record(&done).map_err(refused)?;
    Ok(done)
}

/// Everything of a series that is to be written.
struct Found {
    loaded: Loaded,
    instances: Vec<(String, String)>,
    ledger: Vec<Value>,
    findings: Vec<Finding>,
    labels: Vec<LabelView>,
}

/// Why there is nothing to be written.
enum Gone {
    Kind(&'static str, String),
    Error(EngineError),
}

impl<E: Into<EngineError>> From<E> for Gone {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Gone {
    fn blob(error: &BlobError, what: &str) -> Self {
        let kind = if matches!(error, BlobError::Damaged(_)) { "damaged" } else { "missing" };
        Self::Kind(kind, format!("{what}{error}; `gantry verify` says what can be repaired"))
    }
}

fn gather(session: &Session, member: &Member) -> Result<Found, Gone> {
    let shared = &session.engine.shared;
    let names: HashSet<String> = member.images.iter().map(|i| hex::encode(i.blob)).collect();
    let mut records = shared.catalog.read().instances(&member.content.series_uid)?;
    records.retain(|record| names.contains(&record.blob));
    let known: HashSet<&str> = records.iter().map(|r| r.blob.as_str()).collect();
    if known.len() < names.len() {
        return Err(Gone::Kind("missing", "an instance of it is no longer in the catalog".into()));
    }
    for name in names.iter().collect::<BTreeSet<_>>() {
        shared.store.open_verified(name).map_err(|error| Gone::blob(&error, ""))?;
    }
    let loaded = Loaded::read(shared, &records).map_err(|error| match error {
        StageError::Blob(error @ (BlobError::NotFound(_) | BlobError::Damaged(_))) => Gone::blob(&error, ""),
        error => Gone::Error(EngineError::Storage { why: error.to_string() }),
    })?;
    let used = |i: &Instance| {
        let uid = i.header.sop_uid.as_deref().unwrap_or_default().to_string();
        Some((uid, loaded.blobs.get(i.header.source as usize)?.clone()))
    };
    let mut instances: Vec<(String, String)> = loaded.series.instances.iter().filter_map(used).collect();
    instances.sort();
    let mut labels = Vec::new();
    for label in member.content.labels() {
        labels.push(view(session, label)?);
    }
    let findings = qc::run(&qc::Input::of(&loaded.series), |_| true);
    Ok(Found { ledger: ledger(session, member)?, findings, instances, labels, loaded })
}

/// What de-identification did with the instances; lines that are equal stand once.
fn ledger(session: &Session, member: &Member) -> Result<Vec<Value>, CatalogError> {
    let hashes: BTreeSet<_> = member.images.iter().map(|i| i.ledger).collect();
    let reader = session.engine.shared.catalog.read();
    let mut lines = BTreeSet::new();
    for hash in hashes {
        lines.extend(reader.ledger_line(&hash)?);
    }
    Ok(lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// A label with what was drawn.
fn view(session: &Session, label: &FrozenLabel) -> Result<LabelView, Gone> {
    let drawn = match &label.drawn {
        Some(blob) => {
            let bytes = session.engine.shared.store.read(blob);
            let bytes = bytes.map_err(|error| Gone::blob(&error, "what a reader drew: "))?;
            let decoded = stored::decode(&bytes);
            Some(decoded.ok_or_else(|| Gone::Kind("damaged", "what a reader drew is damaged".into()))?)
        }
        None => None,
    };
    let voxels = match (label.state, &drawn) {
        (LabelState::None, _) => Some(0),
        (LabelState::Found, drawn) => drawn.as_ref().map(|(_, mask)| mask.voxels()),
    };
    Ok(LabelView { label: label.clone(), voxels, drawn })
}

/// Writes the stacks of a series.
struct Writer<'w> {
    session: &'w Session,
    job: &'w Job<'w>,
    found: &'w Found,
    done: DoneSeries,
}

impl Writer<'_> {
    /// Lets a format write, and keeps what it has written.
    fn format(
        &mut self,
        format: &dyn Exporter,
        stack: Option<u32>,
        write: impl FnOnce(&mut Out<'_>) -> io::Result<()>,
    ) -> Result<(), EngineError> {
        let folder = self.job.folder;
        let mut out = Out::below(folder.draft());
        write(&mut out).map_err(refused)?;
        let made = out.made();
        let of = Some((&*self.done.series_uid, stack));
        self.done.files.extend(folder.entries(&made.files, format.name(), of).map_err(refused)?);
        self.done.parts.extend(folder.entries(&made.parts, format.name(), of).map_err(refused)?);
        let (name, uid) = (format.name(), self.done.series_uid.clone());
        let note = |value| Note { series_uid: uid.clone(), format: name.into(), value };
        self.done.notes.extend(made.notes.into_iter().map(note));
        self.done.warnings.extend(made.warnings.into_iter().map(|w| format!("{name}: {w}")));
        for (kind, reason) in made.left_out {
            self.done.left_out.push(left_out(&uid, kind, format!("{name}: {reason}")));
        }
        // A row of a table is of the series, too.
        let done = &mut self.done;
        done.written = !done.files.is_empty() || !done.parts.is_empty() || !done.notes.is_empty();
        Ok(())
    }

    fn stack(&mut self, item: &SeriesItem<'_>, at: usize) -> Result<(), EngineError> {
        let (how, found) = (self.job.how, self.found);
        let stack = &found.loaded.series.stacks[at];
        let wished = how.formats.iter().any(|f| f.volumes() != Volumes::None);
        let made = if wished { Some(self.volume(at, stack)) } else { None };
        let (made, why_not) = match made {
            Some(Ok(made)) => (Some(made), None),
            Some(Err(why_not)) => (None, Some(why_not)),
            None => (None, None),
        };
        let read = |instance: &Instance| self.read(instance);
        let sidecar = made.as_ref().map(|(v, _)| volume::sidecar(&found.loaded.series, stack, v, &read));
        let drawn = drawn_on(item, stack, &how.standard);
        let source = how.formats.iter().any(|f| f.needs_source()).then(|| self.source(stack)).flatten();
        let item = StackItem {
            of: item,
            stack: at,
            stem: self.name(item, at, sidecar.as_ref()),
            volume: made.as_ref().map(|(volume, _)| volume),
            transform: made.as_ref().and_then(|(_, transform)| transform.as_ref()),
            sidecar: sidecar.as_ref(),
            drawn: &drawn,
            source: source.as_ref(),
            image: OnceLock::new(),
        };
        let needed = how.formats.iter().any(|f| f.volumes() == Volumes::Needed);
        let is_missed = needed && item.volume.is_none();
        for format in &how.formats {
            // What tells of a volume goes with it: a document alone would be taken for one of a file that is there.
            if is_missed && format.volumes() != Volumes::None {
                continue;
            }
            self.format(&**format, Some(at as u32 + 1), |out| format.stack(&item, out))?;
        }
        if let Some((kind, reason)) = why_not.filter(|_| is_missed) {
            self.done.left_out.push(left_out(&self.done.series_uid, kind, reason));
        }
        Ok(())
    }

    /// `SUBJECT/NAME`.
    fn name(&self, item: &SeriesItem<'_>, at: usize, sidecar: Option<&Sidecar>) -> PathBuf {
        match &self.job.how.pattern {
            Some(pattern) => {
                let mut names = self.job.names.lock().unwrap_or_else(PoisonError::into_inner);
                subject_folder(&item.content.subject).join(names.unique(named(item, at, sidecar, pattern)))
            }
            None => stem(item.content, item.series, at),
        }
    }

    fn read(&self, instance: &Instance) -> io::Result<Vec<u8>> {
        let blob = self.found.loaded.blobs.get(instance.header.source as usize);
        self.session.engine.shared.store.read(blob.ok_or(io::ErrorKind::NotFound)?).map_err(io::Error::other)
    }

    /// The volume of a stack on the grid that is asked for; or the kind of image that is none, and why.
    fn volume(
        &self,
        at: usize,
        stack: &Stack,
    ) -> Result<(Volume, Option<Transform>), (&'static str, String)> {
        if let Some(finding) = volume::forbidden(&self.found.findings, at) {
            return Err(("other", format!("{}: {}", finding.check, finding.message)));
        }
        let read = |instance: &Instance| self.read(instance);
        volume::load_scaled(&self.found.loaded.series, stack, &read, self.job.how.philips)
            .and_then(|v| standardised(v, stack, &self.job.how.standard))
            .map_err(|error| (kind_of(&error), error.to_string()))
    }

    /// The image of a stack as DICOM labels refer to it.
    fn source(&self, stack: &Stack) -> Option<SourceImage> {
        let found = images(&self.found.loaded.series, stack, &|_| None);
        let fits = |grid| found.iter().find(|(image, _)| fit(grid, &image.grid).is_ok());
        let (image, first) = stack.grid.as_ref().and_then(fits).or_else(|| found.first())?.clone();
        let blob = self.found.loaded.blobs.get(first as usize)?;
        let path = self.session.engine.shared.store.locate(blob).ok()?;
        dicom::with_header(&path, |file, _| SourceImage::new(image, &file.dataset)).ok()
    }
}

/// The kind of image that is no volume.
fn kind_of(error: &VolumeError) -> &'static str {
    match error {
        VolumeError::NoGrid => "2-D",
        VolumeError::Read(_) => "missing",
        _ => "other",
    }
}

/// The volume on the grid that is asked for, where one is.
fn standardised(
    volume: Volume,
    stack: &Stack,
    standard: &Standard,
) -> Result<(Volume, Option<Transform>), VolumeError> {
    if standard.is_empty() {
        return Ok((volume, None));
    }
    let labels = stack.common.modality.as_deref() == Some("SEG");
    let (volume, transform) = Standard { labels, ..*standard }.apply(&volume)?;
    Ok((volume, Some(transform)))
}

/// What was drawn and accepted on a stack; *none* is an empty mask.
fn drawn_on(item: &SeriesItem<'_>, stack: &Stack, standard: &Standard) -> Vec<DrawnLabel> {
    let Some(grid) = stack.grid else { return Vec::new() };
    let drawn = |view: &LabelView| {
        let mask = match &view.drawn {
            // What lies on another stack of the series is written with that one.
            Some((own, mask)) => mask.moved(&fit(own, &grid).ok()?, &grid)?,
            None if view.label.is_drawn() => Mask::empty(grid.shape),
            None => return None,
        };
        let (structure, code) = (view.label.structure.clone(), view.label.code.clone());
        Some(DrawnLabel { structure, code, grid, mask, standard: *standard })
    };
    item.labels.iter().filter_map(drawn).collect()
}
