//! Volumes to files, and which findings forbid it.

use std::io;
use std::path::Path;

use super::{Volume, Voxels};
use crate::format::nifti::{self, Slicing};
use crate::format::nrrd::{Nrrd, Values};
use crate::model::{Finding, Severity};

/// File formats of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// NIfTI-1, compressed if the name ends in `.gz`.
    Nifti,
    /// NRRD with compressed data.
    Nrrd,
}

impl Format {
    /// The format that a file name asks for.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = |path: &Path| path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let ending_before_gz = || ending(Path::new(path.file_stem()?));
        match ending(path)?.as_str() {
            "nii" => Some(Self::Nifti),
            "gz" if ending_before_gz().as_deref() == Some("nii") => Some(Self::Nifti),
            "nrrd" => Some(Self::Nrrd),
            _ => None,
        }
    }
}

/// Findings that forbid a volume: what would be written would not be what was imaged.
const FORBIDDING: [&str; 8] = [
    "missing_slices",
    "uneven_spacing",
    "duplicated_slices",
    "incomplete_volumes",
    "off_line",
    "frame_of_reference",
    "not_a_volume",
    "partial_rescale",
];

/// The finding that forbids to make a volume of a stack, if there is one.
pub fn forbidden(findings: &[Finding], stack: usize) -> Option<&Finding> {
    findings.iter().find(|f| {
        f.severity >= Severity::Warning
            && FORBIDDING.contains(&&*f.check)
            && f.stack.is_none_or(|s| s as usize == stack)
    })
}

/// Writes a volume.
///
/// # Errors
/// The file cannot be written, or the format cannot hold the volume.
pub fn write(volume: &Volume, path: &Path, format: Format) -> io::Result<()> {
    write_sliced(volume, path, format, Slicing::default())
}

/// The same with what is known of the axes and the order of slices.
///
/// # Errors
/// As [`write`].
pub fn write_sliced(volume: &Volume, path: &Path, format: Format, slicing: Slicing) -> io::Result<()> {
    match format {
        Format::Nifti => nifti_of(volume)?.write(path, slicing).map_err(io::Error::other),
        Format::Nrrd => nrrd(volume, path),
    }
}

/// NRRD knows no slope: what is not stored exactly is written as real values.
fn nrrd(volume: &Volume, path: &Path) -> io::Result<()> {
    let real = volume.real_values();
    let values = match &volume.voxels {
        Voxels::Rgb(colours) => Values::Rgb(colours),
        Voxels::Grey(samples) => Values::Grey(real.as_ref().unwrap_or(samples)),
    };
    Nrrd { grid: volume.grid, volumes: volume.volumes, values }.write(path)
}

fn nifti_of(volume: &Volume) -> io::Result<nifti::Image<'_>> {
    let [columns, rows, slices] = volume.grid.shape.map(|n| n as usize);
    let shape = [columns, rows, slices, volume.volumes as usize];
    let voxels = match &volume.voxels {
        Voxels::Rgb(colours) => nifti::Values::Rgb(colours),
        Voxels::Grey(samples) => samples.into(),
    };
    let mut image = nifti::Image::new(shape, volume.grid.affine_ras(), voxels).map_err(io::Error::other)?;
    (image.slope, image.intercept) = (volume.slope, volume.intercept);
    image.step_s = volume.step_s.unwrap_or(0.0);
    Ok(image)
}
