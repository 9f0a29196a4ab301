//! `scan`: what lies below some paths, series by series.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::Serialize;

use super::gather::Gathered;
pub use crate::dicom::Directory;
use crate::dicom::codec::{self, PixelError};
use crate::dicom::{self, ReadOptions};
use crate::model::{Finding, Severity};
use crate::qc;
use crate::series::{Gap, Series, Slice, SplitReason, Stack, VolumeReason};
use crate::source::Unread;

/// One stack of a series: a line of `scan`.
#[derive(Debug, Serialize)]
pub struct StackLine<'a> {
    /// Study Instance UID.
    pub study_uid: Option<&'a str>,
    /// Series Instance UID.
    pub series_uid: Option<&'a str>,
    /// Modality.
    pub modality: Option<&'a str>,
    /// Manufacturer.
    pub manufacturer: Option<&'a str>,
    /// Model.
    pub model: Option<&'a str>,
    /// Body Part Examined.
    pub body_part: Option<&'a str>,
    /// Series Description.
    pub description: Option<&'a str>,
    /// Distinct instances that no earlier line of the series counted.
    pub instances: u32,
    /// Frames.
    pub frames: u32,
    /// Rows.
    pub rows: Option<u32>,
    /// Columns.
    pub columns: Option<u32>,
    /// How often the positions were imaged.
    pub volumes: Option<u32>,
    /// What tells the volumes apart.
    pub volumes_by: Option<VolumeReason>,
    /// What tells this line from others of the series.
    pub split_by: &'a [SplitReason],
    /// Transfer syntax.
    pub transfer_syntax: &'a str,
    /// Distance of rows, of columns, of slices.
    pub spacing_mm: Option<[Option<f64>; 3]>,
    /// Image Orientation (Patient).
    pub orientation: Option<[f64; 6]>,
    /// Position of the first slice, LPS as in DICOM.
    pub origin_mm: Option<[f64; 3]>,
    /// (column, row, slice, 1) to millimetres in RAS+.
    pub affine: Option<[[f64; 4]; 4]>,
    /// SOP Instance UIDs by position, volume by volume.
    pub slice_order: Option<&'a [Slice]>,
    /// Steps that differ from the others.
    pub gaps: &'a [Gap],
    /// What the checks say that need no pixels.
    pub findings: Vec<FindingLine>,
}

/// A finding on a line of `scan`.
#[derive(Debug, Serialize)]
pub struct FindingLine {
    /// The check.
    pub check: String,
    /// Its severity.
    pub severity: Severity,
    /// In words.
    pub message: String,
}

impl From<&Finding> for FindingLine {
    fn from(f: &Finding) -> Self {
        Self { check: f.check.to_string(), severity: f.severity, message: f.message.clone() }
    }
}

/// The lines of one series: one per stack.
pub fn lines(series: &Series) -> Vec<StackLine<'_>> {
    let findings = qc::run(&qc::Input::of(series), |_| true);
    let of_stack = |i: usize| {
        let here = |f: &&Finding| f.stack.unwrap_or(0) as usize == i;
        findings.iter().filter(here).map(FindingLine::from).collect()
    };
    series.stacks.iter().enumerate().map(|(i, stack)| line(series, stack, of_stack(i))).collect()
}

fn line<'a>(series: &'a Series, stack: &'a Stack, findings: Vec<FindingLine>) -> StackLine<'a> {
    let common = &stack.common;
    let text = |value: &'a Option<Arc<str>>| value.as_deref();
    StackLine {
        study_uid: text(&series.study_uid),
        series_uid: text(&series.series_uid),
        modality: text(&common.modality),
        manufacturer: text(&common.manufacturer),
        model: text(&common.model),
        body_part: text(&common.body_part),
        description: text(&common.description),
        instances: stack.instances,
        frames: stack.frames,
        rows: common.rows,
        columns: common.columns,
        volumes: stack.volumes,
        volumes_by: stack.volumes_by,
        split_by: &stack.split_by,
        transfer_syntax: &common.transfer_syntax,
        spacing_mm: stack
            .spacing_mm
            .map(|[rows, columns]| [Some(rows), Some(columns), stack.slice_spacing_mm]),
        orientation: stack.orientation.map(Into::into),
        origin_mm: stack.origin_mm(),
        affine: stack.grid.map(|g| g.affine_ras()),
        slice_order: stack.grid.map(|_| &stack.slices[..]),
        gaps: &stack.gaps,
        findings,
    }
}

/// The last line of `scan`.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Regular files; archives count by member.
    pub files: u64,
    /// Files that are instances.
    pub dicom: u64,
    /// Files that are no DICOM.
    pub not_dicom: u64,
    /// DICOM that is no instance or cannot be read.
    pub rejected: u64,
    /// Reasons of files that are no instance.
    pub reasons: BTreeMap<&'static str, u64>,
    /// What was not read, by reason; files among it are rejected, too.
    pub unread: Unread,
    /// Series.
    pub series: u64,
    /// Findings on the lines.
    pub findings: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Wall time.
    pub elapsed_ms: u64,
}

/// Counts what was gathered.
pub fn summary(gathered: &Gathered, findings: u64, elapsed_ms: u64) -> Summary {
    let not_dicom = gathered.tree.not_dicom();
    Summary {
        files: gathered.tree.files,
        dicom: gathered.dicom,
        not_dicom,
        rejected: gathered.tree.refused.len() as u64 - not_dicom,
        reasons: gathered.tree.reasons(),
        unread: gathered.tree.unread.clone(),
        series: gathered.series.len() as u64,
        findings,
        bytes_read: gathered.tree.bytes_read,
        elapsed_ms,
    }
}

/// What identifies the pixels of one file.
#[derive(Debug, Clone, Serialize)]
pub struct InstanceLine {
    /// The file.
    pub path: String,
    /// SOP Instance UID.
    pub sop_uid: Option<String>,
    /// Frames hashed.
    pub frames: Option<u32>,
    /// Digest of all samples.
    pub pixels_sha256: Option<String>,
    /// Smallest sample.
    pub min: Option<f64>,
    /// Largest sample.
    pub max: Option<f64>,
    /// Sum of samples.
    pub sum: Option<f64>,
    /// Why they could not be decoded.
    pub error: Option<String>,
    /// Why a number is `null` though the pixels were decoded.
    pub reason: Option<&'static str>,
}

/// The pixels of file `source`; `None` where it has none.
pub fn instance(gathered: &Gathered, source: u32) -> Option<InstanceLine> {
    let line = InstanceLine {
        path: gathered.tree.path(source)?.to_string_lossy().into_owned(),
        sop_uid: None,
        frames: None,
        pixels_sha256: None,
        min: None,
        max: None,
        sum: None,
        error: None,
        reason: None,
    };
    match gathered.tree.read(source) {
        Ok(bytes) => {
            let failed = line.clone();
            // A defect in decoding one file must not take the others with it.
            catch_unwind(AssertUnwindSafe(|| decoded(&bytes, line)))
                .unwrap_or_else(|_| Some(failed.failed(PixelError::Defect("pixel").to_string())))
        }
        Err(error) => Some(line.failed(error.to_string())),
    }
}

fn decoded(bytes: &[u8], line: InstanceLine) -> Option<InstanceLine> {
    let file = match dicom::read(bytes, ReadOptions::default()) {
        Ok(file) => file,
        Err(error) => return Some(line.failed(error.to_string())),
    };
    let sop_uid = file.dataset.ascii(crate::model::tags::SOP_INSTANCE_UID).map(Into::into);
    let line = InstanceLine { sop_uid, ..line };
    match codec::open(&file).and_then(|reader| codec::fingerprint(&reader)) {
        Err(PixelError::NoPixels) => None,
        Ok(found) => {
            let finite = found.min.is_finite() && found.max.is_finite() && found.sum.is_finite();
            Some(InstanceLine {
                frames: Some(found.frames),
                pixels_sha256: Some(found.pixels_sha256),
                min: Some(found.min),
                max: Some(found.max),
                sum: Some(found.sum),
                reason: (!finite).then_some("samples that are no finite number"),
                ..line
            })
        }
        Err(error) => Some(line.failed(error.to_string())),
    }
}

impl InstanceLine {
    fn failed(self, why: String) -> Self {
        Self { error: Some(why), ..self }
    }
}

/// Every file with pixel data, in order, decoded on all cores; `done` counts files. A few files are in flight at once.
pub fn instances(gathered: &Gathered, done: &AtomicU64, mut give: impl FnMut(InstanceLine)) {
    let files: Vec<u32> = {
        let instances = gathered.series.iter().flat_map(|s| &s.instances);
        let mut files: Vec<u32> = instances
            .flat_map(|i| std::iter::once(i.header.source).chain(i.copies.iter().map(|c| c.source)))
            .collect();
        files.sort_unstable();
        files
    };
    for some in files.chunks(4 * rayon::current_num_threads()) {
        let decode = |source: &u32| {
            let line = instance(gathered, *source);
            done.fetch_add(1, Ordering::Relaxed);
            line
        };
        let lines: Vec<Option<InstanceLine>> = some.par_iter().map(decode).collect();
        lines.into_iter().flatten().for_each(&mut give);
    }
}
