//! `convert`: series to volumes on disk.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::gather::Gathered;
pub use crate::dataset::names::{Names, Pattern};
use crate::dicom::{self, Charset, ReadOptions};
use crate::model::text;
use crate::model::{Finding, Severity};
use crate::qc;
use crate::series::{Instance, Series, Stack, VolumeReason};
use crate::volume::{self, Transform, Volume, forbidden};
pub use crate::volume::{Format, PhilipsScale, Standard};

/// A volume that was written.
#[derive(Debug, Serialize)]
pub struct Written {
    /// The file.
    pub path: String,
    /// Series Instance UID.
    pub series_uid: Option<String>,
    /// Columns, rows, slices, and volumes where there are several.
    pub shape: Vec<u32>,
    /// Length of the step along each axis.
    pub spacing_mm: Option<[f64; 3]>,
    /// (column, row, slice, 1) to millimetres in RAS+.
    pub affine: Option<[[f64; 4]; 4]>,
    /// What tells the volumes apart, where there are several.
    pub volumes_by: Option<VolumeReason>,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Mean value.
    pub mean: Option<f64>,
    /// What is odd about it.
    pub warnings: Vec<String>,
    /// What was done to its grid and values, where something was asked.
    pub transform: Option<Transform>,
    /// The file that says so beside the volume.
    pub sidecar: Option<String>,
    /// The files with b-values and directions, where the volumes are weighted.
    pub gradients: Option<[String; 2]>,
}

/// A stack that cannot be a volume.
#[derive(Debug, Serialize)]
pub struct Skipped {
    /// Series Instance UID.
    pub series_uid: Option<String>,
    /// The stack, from 1.
    pub stack: usize,
    /// The finding that forbids it.
    pub check: String,
    /// In words.
    pub message: String,
}

/// What came of a conversion.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Volumes that were written.
    pub volumes: Vec<Written>,
    /// Stacks that cannot be volumes.
    pub skipped: Vec<Skipped>,
}

/// Series with images, which is what can be converted.
pub fn image_series(gathered: &Gathered) -> impl Iterator<Item = &Series> {
    gathered.series.iter().filter(|s| s.stacks.iter().any(|stack| stack.frames > 0))
}

/// Loads a stack, unless a finding forbids it.
///
/// # Errors
/// Why it is no volume: the check and the message.
pub fn load(
    gathered: &Gathered,
    series: &Series,
    stack: usize,
    philips: PhilipsScale,
) -> Result<(Volume, Vec<String>), (String, String)> {
    let findings = qc::run(&qc::Input::of(series), |_| true);
    if let Some(finding) = forbidden(&findings, stack) {
        return Err((finding.check.to_string(), finding.message.clone()));
    }
    let read = reader(gathered);
    let volume = volume::load_scaled(series, &series.stacks[stack], &read, philips).map_err(|error| {
        let text = error.to_string();
        let (check, message) = text.split_once(": ").unwrap_or(("unreadable", &text));
        (check.to_string(), message.to_string())
    })?;
    let here = |f: &&Finding| f.severity >= Severity::Warning && f.stack.is_none_or(|s| s as usize == stack);
    let warnings = findings.iter().filter(here).map(|f| format!("{}: {}", f.check, f.message)).collect();
    Ok((volume, warnings))
}

/// Reads the files of instances.
fn reader(gathered: &Gathered) -> impl Fn(&Instance) -> io::Result<Vec<u8>> + Sync {
    |instance| gathered.tree.read(instance.header.source).map_err(io::Error::other)
}

/// What is said of a volume that was written.
pub fn described(
    series: &Series,
    stack: &Stack,
    volume: &Volume,
    path: &Path,
    warnings: Vec<String>,
) -> Written {
    let mut shape = volume.grid.shape.to_vec();
    if volume.volumes > 1 {
        shape.push(volume.volumes);
    }
    let figures = volume.figures();
    Written {
        path: path.to_string_lossy().into_owned(),
        series_uid: series.series_uid.as_deref().map(Into::into),
        shape,
        spacing_mm: Some(volume.grid.step_mm()),
        affine: Some(volume.grid.affine_ras()),
        volumes_by: stack.volumes_by,
        min: figures.map(|f| f.min),
        max: figures.map(|f| f.max),
        mean: figures.map(|f| f.mean),
        warnings,
        transform: None,
        sidecar: None,
        gradients: None,
    }
}

/// A volume made as asked and written, with what stands beside it: acquisition parameters, what was done to it, and
/// b-values and directions.
///
/// # Errors
/// The result would be too large, or cannot be written.
pub fn put(
    gathered: &Gathered,
    (series, stack): (&Series, &Stack),
    (volume, warnings): (Volume, Vec<String>),
    (path, format): (&Path, Format),
    standard: &Standard,
) -> io::Result<Written> {
    let labels = stack.common.modality.as_deref() == Some("SEG");
    let (volume, transform) = if standard.is_empty() {
        (volume, None)
    } else {
        let made = Standard { labels, ..*standard }.apply(&volume).map_err(io::Error::other)?;
        (made.0, Some(made.1))
    };
    let found = volume::sidecar(series, stack, &volume, &reader(gathered));
    volume::write_sliced(&volume, path, format, found.slicing)?;
    let gradients = found.diffusion.as_ref().map(|g| g.write(path)).transpose()?;
    let sidecar = volume::beside(path, ".json");
    let written = Written {
        transform,
        sidecar: Some(sidecar.to_string_lossy().into_owned()),
        gradients: gradients.map(|paths| paths.map(|p| p.to_string_lossy().into_owned())),
        ..described(series, stack, &volume, path, warnings)
    };
    let mut keys = found.keys;
    if let Ok(serde_json::Value::Object(own)) = serde_json::to_value(&written) {
        keys.extend(own);
    }
    // Where the file lies is no business of what travels with it.
    for name in ["path", "sidecar", "gradients"] {
        keys.remove(name);
    }
    fs::write(&sidecar, text::json(&keys) + "\n")?;
    Ok(written)
}

/// What is said of a contact sheet: the shape of the image, and geometry where the stack has a grid.
pub fn described_sheet(series: &Series, stack: &Stack, size: [u32; 2], path: &Path) -> Written {
    Written {
        path: path.to_string_lossy().into_owned(),
        series_uid: series.series_uid.as_deref().map(Into::into),
        shape: size.to_vec(),
        spacing_mm: stack.grid.map(|g| g.step_mm()),
        affine: stack.grid.map(|g| g.affine_ras()),
        volumes_by: stack.volumes_by,
        min: None,
        max: None,
        mean: None,
        warnings: Vec::new(),
        transform: None,
        sidecar: None,
        gradients: None,
    }
}

/// Every volume of every series to NIfTI files in a folder; what cannot be a volume is named.
///
/// # Errors
/// The folder cannot be written.
pub fn all(gathered: &Gathered, only: Option<&str>, folder: &Path, how: &How<'_>) -> io::Result<Outcome> {
    fs::create_dir_all(folder)?;
    let mut outcome = Outcome::default();
    let mut names = Names::default();
    let wanted = |s: &&Series| only.is_none_or(|uid| s.series_uid.as_deref() == Some(uid));
    for (number, series) in (1..).zip(image_series(gathered).filter(wanted)) {
        let several = series.stacks.len() > 1;
        for (i, stack) in series.stacks.iter().enumerate().filter(|(_, s)| s.frames > 0) {
            match load(gathered, series, i, how.philips) {
                Ok(loaded) => {
                    let stem = names.unique(name(gathered, series, number, several.then_some(i + 1), how));
                    let path = folder.join(format!("{stem}.nii.gz"));
                    let target = (&*path, Format::Nifti);
                    outcome.volumes.push(put(gathered, (series, stack), loaded, target, how.standard)?);
                }
                Err((check, message)) => outcome.skipped.push(Skipped {
                    series_uid: series.series_uid.as_deref().map(Into::into),
                    stack: i + 1,
                    check,
                    message,
                }),
            }
        }
    }
    Ok(outcome)
}

/// How volumes are made and named.
#[derive(Debug, Clone, Copy)]
pub struct How<'h> {
    /// Another grid or range of values.
    pub standard: &'h Standard,
    /// Which scale of Philips.
    pub philips: PhilipsScale,
    /// A pattern for names, see [`Pattern`].
    pub names: Option<&'h Pattern>,
}

/// The name of a volume without its ending, before it is made unique: by the pattern, else from numbers and the digits
/// of the UID.
fn name(gathered: &Gathered, series: &Series, number: usize, stack: Option<usize>, how: &How<'_>) -> String {
    let stack = stack.map_or(String::new(), |n| format!("_{n}"));
    if let Some(pattern) = how.names {
        let first = series.first().and_then(|i| gathered.tree.read(i.header.source).ok());
        let options = ReadOptions { header_only: true, ..ReadOptions::default() };
        let file = first.as_deref().and_then(|bytes| dicom::read(bytes, options).ok());
        let text =
            |tag| file.as_ref().and_then(|f| f.dataset.text(tag, &f.dataset.charset(&Charset::default())));
        return pattern.filled(number, text) + &stack;
    }
    let uid = series.series_uid.as_deref().unwrap_or("");
    let uid: String = uid.chars().filter(|c| c.is_ascii_digit() || *c == '.').take(64).collect();
    format!("{number:03}_{uid}{stack}")
}
