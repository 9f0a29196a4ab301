//! Assemble: the instances of a series to stacks on grids.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::stage::{AT_ONCE, Stage, StageError};
use super::{Shared, now_ms};
use crate::blob::BlobError;
use crate::catalog::{CatalogError, InstanceRecord, Job, SeriesRecord};
use crate::dicom::codec::{Codec, syntax};
use crate::dicom::{self, Charset, Contents, DataSet, ReadError, ReadOptions, Value};
use crate::harmonise::{self, Attributes};
use crate::model::{ChangeKind, FrameRef, Header, Interner, StackView, tags};
use crate::series::{Series, Stack, assemble};

/// Referenced UIDs that an object may have; a structured report of a thousand images has as many.
const MAX_REFERENCES: usize = 100_000;

/// Assembles a series from its stored instances.
pub struct Assemble;

impl Stage for Assemble {
    fn name(&self) -> &'static str {
        "assemble"
    }

    fn run(&self, shared: &Shared, job: &Job) -> Result<(), StageError> {
        let instances = shared.catalog.read().instances(&job.object)?;
        if instances.is_empty() {
            return Ok(shared.catalog.write_derived(|tx| tx.finish(job))?);
        }
        let loaded = Arc::new(Loaded::read(shared, &instances)?);
        let links = loaded.links(shared)?;
        let record = loaded.record(shared, &job.object, &instances)?;
        let now = now_ms();
        let next = if record.is_image { "check" } else { "" };
        if record.is_image {
            // Before the job that takes it can begin.
            shared.recent.keep(instances.clone(), loaded.clone());
        }
        shared.catalog.write_derived(|tx| {
            if !tx.has_files(&job.object, &instances)? {
                // Cleaned since it was read: its words would come back.
                tx.enqueue(self.name(), &job.object, now, now)?;
                return tx.finish(job);
            }
            tx.put_series(&record)?;
            tx.put_links(&record.uid, &links)?;
            let mut detail =
                json!({ "instances": record.instances, "frames": record.frames, "state": record.state });
            if next.is_empty() {
                detail["root"] = hex::encode(tx.put_findings(&record.uid, &[])?).into();
            } else {
                tx.enqueue(next, &record.uid, AT_ONCE, now)?;
            }
            tx.audit(now, "gantry", "series.assemble", &record.uid, &detail)?;
            tx.finish(job)
        })?;
        if !record.is_image {
            // No check follows.
            shared.fresh.forget(&loaded.blobs);
        }
        shared.bus.tell(ChangeKind::Series { series_uid: record.uid });
        Ok(())
    }
}

/// Series just assembled, for the check that follows at once: it need not read their headers again.
#[derive(Default)]
pub struct Recent(Mutex<VecDeque<(Vec<InstanceRecord>, Arc<Loaded>)>>);

impl Recent {
    /// Series kept, at most: one for each thread that does jobs, and some more.
    const MOST: usize = 8;

    fn keep(&self, instances: Vec<InstanceRecord>, loaded: Arc<Loaded>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(Self::MOST - 1);
        kept.push_front((instances, loaded));
    }

    /// The series of exactly these instances, if it is still here; it is given once.
    pub fn take(&self, instances: &[InstanceRecord]) -> Option<Arc<Loaded>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(i, _)| i == instances)?;
        kept.remove(at).map(|(_, loaded)| loaded)
    }
}

/// A series with the headers it was assembled from.
pub struct Loaded {
    /// The series; its headers' `source` is an index into `blobs`.
    pub series: Series,
    /// The stored instances that the series was built from.
    pub blobs: Vec<String>,
    facts: Facts,
    /// What each instance of `blobs` says, with how many follow that say the same.
    every: Vec<(Attributes, u32)>,
    references: Vec<String>,
}

/// What the catalog shows of the first instance.
#[derive(Default)]
struct Facts {
    study_date: Option<String>,
    study_description: Option<String>,
    number: Option<i32>,
    listed: Vec<(String, String)>,
    attributes: Attributes,
}

impl Loaded {
    /// Reads the headers of the stored instances and assembles them. Of several files with the same UID the series is
    /// built from the one that the rule chooses.
    ///
    /// # Errors
    /// The store or the catalog.
    pub fn read(shared: &Shared, instances: &[InstanceRecord]) -> Result<Self, StageError> {
        let interner = Interner::default();
        let (mut headers, mut blobs) = (Vec::new(), Vec::new());
        let (mut first, mut references, mut every) = (First::default(), Vec::new(), Vec::new());
        let mut files: BTreeMap<&str, usize> = BTreeMap::new();
        instances.iter().for_each(|i| *files.entry(&i.sop_uid).or_default() += 1);
        for record in ranked(instances) {
            let source = blobs.len() as u32;
            let read = match shared.fresh.header(&record.blob) {
                Some((header, attributes)) => {
                    first.offer(&header, &record.blob, || None);
                    count(&mut every, &attributes);
                    Ok(header)
                }
                None => dicom::with_header(&shared.store.locate(&record.blob)?, |file, length| {
                    let header = dicom::header(file, length, &interner, source);
                    first.offer(&header, &record.blob, || Some(Facts::of(&file.dataset)));
                    count(&mut every, &dicom::attributes(&file.dataset));
                    header
                }),
            };
            let mut header = match read {
                Ok(header) => Header { rank: source, source, ..header },
                Err(ReadError::Io(_)) => return Err(BlobError::NotFound(record.blob.clone()).into()),
                Err(_) => continue,
            };
            if files.get(&*record.sop_uid).is_some_and(|n| *n > 1) {
                (header.pixel_digest, header.pixels_decoded) = (decoded(shared, &record.blob)?, true);
            }
            if !header.is_image() {
                references.extend(references_of(shared, &record.blob)?);
            }
            blobs.push(record.blob.clone());
            headers.push(header);
        }
        let series = assemble(headers).into_iter().next().unwrap_or_default();
        Ok(Self { series, blobs, facts: first.facts(shared)?, every, references })
    }

    /// Acquisition facts of the first instance as (name, value).
    pub fn facts(&self) -> &[(String, String)] {
        &self.facts.listed
    }

    /// The series that hold what this one refers to.
    fn links(&self, shared: &Shared) -> Result<Vec<String>, CatalogError> {
        let reader = shared.catalog.read();
        let mut found = std::collections::BTreeSet::new();
        for uid in &self.references {
            if let Some(series) = reader.series_of_instance(uid)? {
                found.insert(series);
            } else if reader.series(uid)?.is_some() {
                found.insert(uid.clone());
            }
        }
        Ok(found.into_iter().collect())
    }

    fn record(
        &self,
        shared: &Shared,
        uid: &str,
        instances: &[InstanceRecord],
    ) -> Result<SeriesRecord, StageError> {
        let attributes = self.attributes(&instances[0]);
        let series = &self.series;
        let first = series.first().map(|i| &i.header);
        let stack = series.stacks.iter().max_by_key(|s| s.frames);
        let common = first.map(|h| &*h.common);
        let text = |value: Option<&Arc<str>>| value.map(|v| v.to_string());
        let is_image = series.instances.iter().any(|i| i.header.is_image()) && !is_derived_label(first);
        let stacks: Vec<StackView> = series.stacks.iter().map(|s| self.view(s)).collect();
        Ok(SeriesRecord {
            uid: uid.into(),
            study_uid: text(series.study_uid.as_ref()).unwrap_or_default(),
            subject: match series.study_uid.as_ref() {
                Some(study) => shared.catalog.read().decided_subject(study)?,
                None => None,
            }
            .unwrap_or_else(|| instances[0].subject.clone()),
            site: instances[0].site.clone(),
            modality: series.modality().unwrap_or("OT").into(),
            is_image,
            study_date: self.facts.study_date.clone(),
            study_description: self.facts.study_description.clone(),
            number: self.facts.number,
            description: text(common.and_then(|c| c.description.as_ref())),
            body_part: text(common.and_then(|c| c.body_part.as_ref())),
            manufacturer: text(common.and_then(|c| c.manufacturer.as_ref())),
            model: text(common.and_then(|c| c.model.as_ref())),
            instances: series.instances.len() as u64,
            frames: series.stacks.iter().map(|s| u64::from(s.frames)).sum(),
            matrix: common.and_then(|c| c.rows.zip(c.columns)),
            spacing_mm: stack.and_then(spacing),
            state: if is_image { "checking".into() } else { "stored".into() },
            findings: (0, 0, 0),
            latest_ms: instances.iter().map(|i| i.stored_ms).max().unwrap_or(0),
            stacks: serde_json::to_string(&stacks)?,
            facts: serde_json::to_string(&self.facts.listed)?,
            attributes: serde_json::to_string(&attributes)?,
            harmonised: harmonise::derive(&attributes, &shared.rules()),
        })
    }

    /// What the headers say of a series, with what the catalog knows of its first instance.
    pub fn attributes(&self, first: &InstanceRecord) -> Attributes {
        let diffusion = self.series.instances.iter().flat_map(|i| &i.header.frames).filter_map(|f| f.b_value);
        let b_value = diffusion.fold(None, |most: Option<f64>, b| Some(most.map_or(b, |m| m.max(b))));
        Attributes {
            site: Some(first.site.clone()),
            scanner: first.scanner.clone(),
            b_value: b_value.or(self.facts.attributes.b_value),
            ..self.facts.attributes.clone()
        }
    }

    /// What each instance says, by itself.
    pub fn every(&self, instances: &[InstanceRecord]) -> Vec<Attributes> {
        let (site, scanner) =
            instances.first().map(|i| (Some(i.site.clone()), i.scanner.clone())).unwrap_or_default();
        let each = |(a, n): &(Attributes, u32)| {
            let known = Attributes { site: site.clone(), scanner: scanner.clone(), ..a.clone() };
            std::iter::repeat_n(known, *n as usize)
        };
        self.every.iter().flat_map(each).collect()
    }

    fn view(&self, stack: &Stack) -> StackView {
        let volumes = stack.volumes.unwrap_or(1).max(1);
        let frames = stack.slices.iter().filter_map(|slice| {
            let header = self.series.header_of(slice)?;
            let blob = self.blobs.get(header.source as usize)?.clone();
            Some(FrameRef { blob, sop_uid: slice.uid.to_string(), frame: slice.frame.saturating_sub(1) })
        });
        StackView {
            slices: stack.depth() as u32,
            volumes,
            rows: stack.common.rows.unwrap_or(0),
            columns: stack.common.columns.unwrap_or(0),
            spacing_mm: spacing(stack),
            orientation: stack
                .orientation
                .map(|o| [o.row[0], o.row[1], o.row[2], o.column[0], o.column[1], o.column[2]]),
            affine_ras: stack.grid.as_ref().map(crate::model::geometry::Grid::affine_ras),
            frames: frames.collect(),
        }
    }
}

/// Adds what another instance says.
fn count(every: &mut Vec<(Attributes, u32)>, attributes: &Attributes) {
    match every.last_mut().filter(|last| last.0 == *attributes) {
        Some(last) => last.1 += 1,
        None => every.push((attributes.clone(), 1)),
    }
}

/// The first instance of a series: by number and never by UID, for another secret orders those otherwise.
#[derive(Default)]
struct First(Option<((i32, u64), String, Option<Facts>)>);

impl First {
    /// Takes an instance that comes before those so far; its facts, where they are at hand.
    fn offer(&mut self, header: &Header, blob: &str, facts: impl FnOnce() -> Option<Facts>) {
        let key = (header.instance_number.unwrap_or(i32::MAX), header.numbers_digest);
        if self.0.as_ref().is_none_or(|(known, ..)| key < *known) {
            self.0 = Some((key, blob.to_string(), facts()));
        }
    }

    /// Its facts, read from the store where they are not at hand.
    fn facts(self, shared: &Shared) -> Result<Facts, StageError> {
        match self.0 {
            None => Ok(Facts::default()),
            Some((.., Some(facts))) => Ok(facts),
            Some((_, blob, None)) => {
                let read =
                    dicom::with_header(&shared.store.locate(&blob)?, |file, _| Facts::of(&file.dataset));
                read.map_err(|_| BlobError::NotFound(blob).into())
            }
        }
    }
}

/// What tells whether two files of one instance have the same pixels.
fn decoded(shared: &Shared, blob: &str) -> Result<Option<u64>, StageError> {
    let contents = Contents::of(shared.store.open_verified(blob)?, shared.scratch());
    Ok(contents.read(ReadOptions::default()).ok().and_then(|file| dicom::decoded_digest(&file)))
}

/// SEG objects hold pixels and are labels of another series, not images to be checked and reviewed.
fn is_derived_label(first: Option<&Header>) -> bool {
    first
        .and_then(|h| h.common.modality.as_deref())
        .is_some_and(|m| matches!(m, "SEG" | "RTDOSE" | "PR" | "KO"))
}

fn spacing(stack: &Stack) -> Option<[f64; 3]> {
    let [row, column] = stack.spacing_mm?;
    Some([row, column, stack.slice_spacing_mm?])
}

/// One record per SOP UID first, by the rule: decodable, then lossless, then native, then the smallest hash of the
/// source, which is the same under any secret; the others follow, so that the series knows of them.
fn ranked(instances: &[InstanceRecord]) -> Vec<&InstanceRecord> {
    let mut by_uid: BTreeMap<&str, Vec<&InstanceRecord>> = BTreeMap::new();
    for record in instances {
        by_uid.entry(&record.sop_uid).or_default().push(record);
    }
    let mut out = Vec::with_capacity(instances.len());
    for mut same in by_uid.into_values() {
        same.sort_by_key(|r| {
            let known = syntax(&r.syntax);
            let decodable = known.is_some_and(|s| s.codec != Codec::None);
            let lossless = known.is_some_and(|s| !s.lossy);
            let native = known.is_some_and(|s| !s.encapsulated);
            (!decodable, !lossless, !native, r.source_hash.clone())
        });
        out.extend(same);
    }
    out
}

impl Facts {
    fn of(set: &DataSet<'_>) -> Self {
        let charset = set.charset(&Charset::default());
        let text = |tag| set.text(tag, &charset);
        let listed = [
            ("vendor", text(tags::MANUFACTURER)),
            ("model", text(tags::MANUFACTURER_MODEL_NAME)),
            ("protocol", text(tags::PROTOCOL_NAME)),
            ("kernel", text(tags::CONVOLUTION_KERNEL)),
            ("kVp", text(tags::KVP)),
            ("tube current", text(tags::X_RAY_TUBE_CURRENT).map(|v| format!("{v} mA"))),
            ("slice thickness", text(tags::SLICE_THICKNESS).map(|v| format!("{v} mm"))),
            ("field strength", text(tags::MAGNETIC_FIELD_STRENGTH).map(|v| format!("{v} T"))),
            ("TR", text(tags::REPETITION_TIME).map(|v| format!("{v} ms"))),
            ("TE", text(tags::ECHO_TIME).map(|v| format!("{v} ms"))),
            ("flip angle", text(tags::FLIP_ANGLE).map(|v| format!("{v}°"))),
            ("contrast", text(tags::CONTRAST_BOLUS_AGENT)),
            ("position", text(tags::PATIENT_POSITION)),
            ("sex", text(tags::PATIENT_SEX)),
            ("age", text(tags::PATIENT_AGE)),
            ("image type", text(tags::IMAGE_TYPE)),
            ("bits stored", set.integer(tags::BITS_STORED).map(|b| b.to_string())),
        ];
        let listed = listed.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?)));
        Self {
            study_date: set.ascii(tags::STUDY_DATE).and_then(iso_date),
            study_description: text(tags::STUDY_DESCRIPTION),
            number: set.integer(tags::SERIES_NUMBER),
            listed: listed.collect(),
            attributes: dicom::attributes(set),
        }
    }
}

/// `YYYYMMDD` as `YYYY-MM-DD`.
fn iso_date(date: &str) -> Option<String> {
    let digits = date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]))
}

/// Series and instances that an object without pixels, or a SEG, refers to.
fn references_of(shared: &Shared, blob: &str) -> Result<Vec<String>, StageError> {
    let contents = Contents::of(shared.store.open_verified(blob)?, shared.scratch());
    let Ok(file) = contents.read(ReadOptions::default()) else { return Ok(Vec::new()) };
    let mut found = std::collections::BTreeSet::new();
    collect(&file.dataset, true, &mut found);
    Ok(found.into_iter().collect())
}

fn collect(set: &DataSet<'_>, outermost: bool, found: &mut std::collections::BTreeSet<String>) {
    for element in set.elements() {
        if found.len() >= MAX_REFERENCES {
            return;
        }
        match (&element.value, element.tag) {
            (Value::Items(items), _) => items.iter().for_each(|item| collect(item, false, found)),
            (_, tags::REFERENCED_SOP_INSTANCE_UID | tags::SERIES_INSTANCE_UID) if !outermost => {
                found.extend(set.ascii(element.tag).map(str::to_string));
            }
            _ => {}
        }
    }
}
