//! What stands beside a volume: acquisition parameters under the keys and in the units of BIDS, and b-values and
//! directions as FSL reads them. Equal to what dcm2niix derives from the same headers, except that axes are those of
//! the image as Gantry writes it.

mod diffusion;
mod general;
mod mr;
mod pet;
mod siemens;
mod timing;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Source, Volume};
use crate::dicom::{self, Charset, DataSet, ReadOptions};
use crate::format::nifti::Slicing;
use crate::model::Tag;
use crate::series::{Series, Stack};

/// What stands beside a volume.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sidecar {
    /// Keys and values, BIDS names and units.
    pub keys: Map<String, Value>,
    /// b-values and directions, where the volumes are weighted.
    pub diffusion: Option<Gradients>,
    /// Which axis of the image is which, and in which order its slices were acquired.
    pub slicing: Slicing,
}

/// b-values and directions of the volumes, as texts in FSL's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gradients {
    /// One line: s/mm².
    pub bval: String,
    /// Three lines: along the axes of the image, as FSL wants them.
    pub bvec: String,
}

impl Gradients {
    /// Writes both beside a volume: its name with `.bval` and `.bvec` instead of its ending.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, volume: &Path) -> io::Result<[PathBuf; 2]> {
        let paths = [beside(volume, ".bval"), beside(volume, ".bvec")];
        fs::write(&paths[0], &self.bval)?;
        fs::write(&paths[1], &self.bvec)?;
        Ok(paths)
    }
}

/// The name of a file beside a volume: that of the volume with another ending.
pub fn beside(volume: &Path, ending: &str) -> PathBuf {
    let stem = volume.file_stem().map_or(volume, Path::new);
    let stem = if stem.extension().is_some_and(|e| e.eq_ignore_ascii_case("nii")) {
        stem.file_stem().map_or(stem, Path::new)
    } else {
        stem
    };
    let mut name = stem.as_os_str().to_owned();
    name.push(ending);
    volume.with_file_name(name)
}

/// What the headers of a stack say of a volume that was made of it. What cannot be read is left out.
pub fn sidecar(series: &Series, stack: &Stack, volume: &Volume, source: &dyn Source) -> Sidecar {
    let mut out = Sidecar { diffusion: diffusion::gradients(series, stack, volume), ..Sidecar::default() };
    let first = stack.slices.first();
    let bytes = first.and_then(|s| source.read(series.instances.get(s.instance as usize)?).ok());
    let options = ReadOptions { header_only: true, ..ReadOptions::default() };
    let file = bytes.as_deref().and_then(|bytes| dicom::read(bytes, options).ok());
    if let Some(file) = &file {
        let facts = Facts { series, stack, volume, set: &file.dataset };
        general::add(&facts, &mut out.keys);
        match stack.common.modality.as_deref() {
            Some("MR") => out.slicing = mr::add(&facts, &mut out.keys),
            Some("PT") => pet::add(&facts, &mut out.keys),
            _ => {}
        }
        timing::add_frames(&facts, &mut out.keys);
    }
    out.keys.insert("ConversionSoftware".into(), "gantry".into());
    out.keys.insert("ConversionSoftwareVersion".into(), env!("CARGO_PKG_VERSION").into());
    out
}

/// What a sidecar is made from: a stack, its volume, and the header of its first instance.
struct Facts<'f> {
    series: &'f Series,
    stack: &'f Stack,
    volume: &'f Volume,
    set: &'f DataSet<'f>,
}

impl Facts<'_> {
    /// A number of the header, wherever in it the attribute stands.
    fn number(&self, tag: Tag) -> Option<f64> {
        dicom::holder(self.set, tag)?.number(tag)
    }

    /// A text.
    fn text(&self, tag: Tag) -> Option<String> {
        let holder = dicom::holder(self.set, tag)?;
        let text = holder.text(tag, &self.set.charset(&Charset::default()))?;
        Some(text.chars().filter(|c| !c.is_control()).take(LONGEST).collect())
    }

    /// The values of a code string.
    fn values(&self, tag: Tag) -> Vec<String> {
        dicom::holder(self.set, tag).map_or_else(Vec::new, |set| {
            set.ascii_values(tag).filter(|v| !v.is_empty()).take(64).map(str::to_string).collect()
        })
    }

    /// Whether the equipment is of this maker.
    fn is_of(&self, maker: &str) -> bool {
        dicom::private::is_made_by(self.set, maker)
    }
}

/// Characters of a text in a sidecar.
const LONGEST: usize = 1024;

/// Adds a number, where there is one that is finite and not zero; nine digits, so that a division leaves no noise.
fn put(keys: &mut Map<String, Value>, name: &str, value: Option<f64>) {
    if let Some(value) = value.filter(|v| v.is_finite() && *v != 0.0) {
        keys.insert(name.into(), tidy(value).into());
    }
}

/// Adds a text, where there is one.
fn put_text(keys: &mut Map<String, Value>, name: &str, value: Option<String>) {
    if let Some(value) = value.filter(|v| !v.is_empty()) {
        keys.insert(name.into(), value.into());
    }
}

/// Adds numbers, where there are any.
fn put_all(keys: &mut Map<String, Value>, name: &str, values: &[f64]) {
    if !values.is_empty() && values.iter().all(|v| v.is_finite()) {
        keys.insert(name.into(), json!(values.iter().map(|v| tidy(*v)).collect::<Vec<_>>()));
    }
}

/// A number with nine significant digits.
fn tidy(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}
