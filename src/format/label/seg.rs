//! DICOM segmentations (PS3.3 C.8.20): binary, fractional and labelmap ones.
//!
//! A file is read frame by frame, each with where it lies and what it refers to; order says nothing, and slices that were
//! left out are background. Written are binary and fractional ones.

mod read;
mod write;

use std::path::Path;

use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage};
use crate::label::{LabelSet, Placed};

/// SOP class of binary and fractional segmentations.
const SEGMENTATION: &str = "1.2.840.10008.5.1.4.1.1.66.4";
/// SOP class of labelmap segmentations (Supplement 243).
const LABELMAP: &str = "1.2.840.10008.5.1.4.1.1.66.7";

/// The format.
pub(super) struct DicomSeg;

impl LabelFormat for DicomSeg {
    fn id(&self) -> FormatId {
        FormatId::DicomSeg
    }

    fn probe(&self, probe: &Probe) -> bool {
        probe.is_class(&[SEGMENTATION, LABELMAP])
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        read::read(path)
    }

    fn write(&self, placed: &Placed, image: Option<&SourceImage>, path: &Path) -> Result<(), LabelError> {
        let image =
            image.ok_or(crate::label::Refused::NoImage("a DICOM segmentation refers to its images"))?;
        write::build(placed, image).write(path)
    }
}

/// The segmentation as [`DicomSeg`] writes it, its UIDs, for others to refer to.
pub(super) fn written(placed: &Placed, image: &SourceImage) -> super::dicom::Build {
    write::build(placed, image)
}

/// SOP class of what is written.
pub(super) const WRITTEN: &str = SEGMENTATION;
