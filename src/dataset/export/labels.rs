//! Accepted labels as DICOM: segmentation, RT structure set, structured report. They refer to the de-identified instances.

use std::io;

use super::item::ending;
use super::{Exporter, Out, StackItem};
use crate::format::label::{FormatId, Statement, format, write_report};
use crate::snapshot::LabelState;

/// One DICOM object for the labels of a stack.
pub struct DicomLabels {
    name: &'static str,
    id: FormatId,
    end: &'static str,
}

/// DICOM segmentations.
pub static SEG: DicomLabels = DicomLabels { name: "seg", id: FormatId::DicomSeg, end: ".seg.dcm" };
/// RT structure sets.
pub static RTSTRUCT: DicomLabels =
    DicomLabels { name: "rtstruct", id: FormatId::Rtstruct, end: ".rtstruct.dcm" };
/// Structured reports of template TID 1500; what was drawn is referred to by the UIDs of the segmentations that [`SEG`] writes.
pub static SR: DicomLabels = DicomLabels { name: "sr", id: FormatId::Sr, end: ".sr.dcm" };

impl Exporter for DicomLabels {
    fn name(&self) -> &'static str {
        self.name
    }

    fn needs_source(&self) -> bool {
        true
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let Some(source) = item.source else { return Ok(()) };
        let placed = item.placed().filter(|placed| !placed.structures.is_empty());
        let statements =
            if self.id == FormatId::Sr && item.stack == 0 { statements(item) } else { Vec::new() };
        let Some(mut placed) = placed.or_else(|| (!statements.is_empty()).then(|| nothing_on(source))) else {
            return Ok(());
        };
        // Segments are numbered from 1 without gaps.
        (1..).zip(&mut placed.structures).for_each(|(n, s)| s.number = n);
        let path = out.file(&ending(&item.stem, self.end))?;
        if self.id == FormatId::Sr {
            return write_report(&placed, source, &statements, &path).map_err(io::Error::other);
        }
        format(self.id).write(&placed, Some(source), &path).map_err(io::Error::other)
    }
}

/// The grid of an image on which nothing was drawn.
fn nothing_on(source: &crate::format::label::SourceImage) -> crate::label::Placed {
    crate::label::Placed {
        grid: source.image.grid,
        in_space: source.image.placed,
        structures: Vec::new(),
        warnings: Vec::new(),
    }
}

/// What was said of the series, and drawn by nobody: ratings, classes, measurements.
fn statements(item: &StackItem<'_>) -> Vec<Statement> {
    let said = item.of.labels.iter().map(|l| &l.label);
    said.filter(|l| l.state == LabelState::Found && l.value.is_some())
        .map(|l| Statement {
            structure: l.structure.clone(),
            instance: l.instance,
            code: l.code.clone(),
            unit: l.unit.clone(),
            value: l.value.clone().unwrap_or_default(),
        })
        .collect()
}
