//! Reading of segmentations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::super::dicom::code_of;
use super::super::{LabelError, MOST_BYTES, color, tags};
use super::LABELMAP;
use crate::bytes::{ByteSource, FileRange, SpillConfig};
use crate::dicom::codec::{self, FrameReader};
use crate::dicom::{self, Charset, Contents, DataSet, ReadOptions};
use crate::label::mask::{MOST_COLUMNS, runs_by_value, runs_of_bits};
use crate::label::{
    Fraction, Frames, ImageRef, LabelSet, Pixels, PlanarFrame, Plane, Run, Shape, Structure, Tracking,
    Warning,
};
use crate::model::geometry::scale;
use crate::model::pixels::{SampleKind, Samples};
use crate::model::{Header, Interner, tags as standard};

/// Segments described by one file; atlases have some hundreds.
const MOST_SEGMENTS: usize = 65_535;

/// What each frame of each segment holds.
type BySegment = BTreeMap<u32, Vec<PlanarFrame>>;

/// Reads a file; its pixels stay where they are until a frame is looked at.
pub(super) fn read(path: &Path) -> Result<LabelSet, LabelError> {
    let file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    if length > MOST_BYTES {
        return Err(LabelError::TooLarge);
    }
    let whole = ByteSource::Stored(FileRange::new(Arc::new(file), 0, length));
    let contents = Contents::of(whole, SpillConfig::default());
    let labels = labels(&contents.read(ReadOptions::default())?, length)?;
    contents.check_unchanged()?;
    Ok(labels)
}

/// What a file of a length holds.
fn labels(file: &dicom::File<'_>, length: u64) -> Result<LabelSet, LabelError> {
    let set = &file.dataset;
    let kind = set.ascii(tags::SEGMENTATION_TYPE);
    let is_labelmap = set.ascii(standard::SOP_CLASS_UID) == Some(LABELMAP) || kind == Some("LABELMAP");
    let header = dicom::header(file, length, &Interner::default(), 0);
    let mut warnings = Vec::new();
    let described = set.items(standard::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).len();
    // What is not described lies nowhere, and what has no pixels would be taken for empty.
    if described != header.frame_count as usize && (described, header.frame_count) != (0, 1) {
        let words = format!("{} frames are declared and {described} described", header.frame_count);
        return Err(LabelError::malformed(words));
    }
    let (columns, rows) = (header.common.columns.unwrap_or(0), header.common.rows.unwrap_or(0));
    if columns > MOST_COLUMNS {
        return Err(LabelError::malformed("more than 65535 columns"));
    }
    let fraction = (kind == Some("FRACTIONAL")).then(|| Fraction {
        maximum: set.number(tags::MAXIMUM_FRACTIONAL_VALUE).filter(|v| *v >= 1.0).unwrap_or(255.0) as u16,
        occupancy: set.ascii(tags::SEGMENTATION_FRACTIONAL_TYPE) == Some("OCCUPANCY"),
    });
    let reader = codec::open(file)?;
    let source = FileFrames { set, header: &header, reader: &reader, is_labelmap, fraction };
    let mut found = source.by_segment()?;
    let mut structures = structures(set, is_labelmap, &mut warnings);
    let steps_mm = [header.common.spacing_between_slices_mm, header.common.slice_thickness_mm];
    for structure in &mut structures {
        let frames = structure.number.and_then(|n| found.remove(&n)).unwrap_or_default();
        structure.shape = Shape::Frames(Frames { columns, rows, fraction, steps_mm, frames });
    }
    if is_labelmap {
        let ground = ground(set);
        let others: Vec<u32> = found.into_keys().filter(|n| !ground.contains(n)).collect();
        if !others.is_empty() {
            let words = format!("{} values stand for no segment and are left out", others.len());
            warnings.push(Warning::new("undescribed_values", words));
        }
    } else {
        for (number, frames) in found {
            let shape = Shape::Frames(Frames { columns, rows, fraction, steps_mm, frames });
            structures.push(Structure { number: Some(number), shape, ..Structure::default() });
            let words = format!("segment {number} has frames and no description");
            warnings.push(Warning::new("undescribed_segment", words));
        }
    }
    Ok(LabelSet {
        series_uid: series(set),
        frame_of_reference: set.ascii(standard::FRAME_OF_REFERENCE_UID).map(str::to_owned),
        references: references(set),
        structures,
        warnings,
        ..LabelSet::default()
    })
}

fn series(set: &DataSet<'_>) -> Option<String> {
    let first = set.item(standard::REFERENCED_SERIES_SEQUENCE)?;
    first.ascii(standard::SERIES_INSTANCE_UID).map(str::to_owned)
}

/// Every instance that the file refers to.
fn references(set: &DataSet<'_>) -> Vec<String> {
    let uid = |item: &DataSet<'_>| item.ascii(standard::REFERENCED_SOP_INSTANCE_UID).map(str::to_owned);
    let listed = set.items(standard::REFERENCED_SERIES_SEQUENCE).iter();
    let listed = listed.flat_map(|s| s.items(tags::REFERENCED_INSTANCE_SEQUENCE)).filter_map(uid);
    let groups = set.items(standard::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).iter();
    let groups = groups.chain(set.items(standard::SHARED_FUNCTIONAL_GROUPS_SEQUENCE));
    let sources = groups
        .flat_map(|g| g.items(tags::DERIVATION_IMAGE_SEQUENCE))
        .flat_map(|d| d.items(standard::SOURCE_IMAGE_SEQUENCE))
        .filter_map(uid);
    listed.chain(sources).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Values of a labelmap that are no structure.
fn ground(set: &DataSet<'_>) -> BTreeSet<u32> {
    let padding = set.number(standard::PIXEL_PADDING_VALUE).filter(|v| *v >= 0.0).map(|v| v as u32);
    padding.into_iter().chain([0]).collect()
}

/// Segments as the file describes them.
fn structures(set: &DataSet<'_>, is_labelmap: bool, warnings: &mut Vec<Warning>) -> Vec<Structure> {
    let charset = set.charset(&Charset::default());
    let ground = if is_labelmap { ground(set) } else { BTreeSet::new() };
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for item in set.items(tags::SEGMENT_SEQUENCE).iter().take(MOST_SEGMENTS) {
        let number = item.integer(tags::SEGMENT_NUMBER).and_then(|n| u32::try_from(n).ok());
        let Some(number) = number.filter(|n| !ground.contains(n)) else { continue };
        if number == 0 || !seen.insert(number) {
            let words = format!(
                "a description of segment {number}, which is described already or is none, is left out"
            );
            warnings.push(Warning::new("segment_number", words));
            continue;
        }
        let code = |tag| item.item(tag).and_then(|code| code_of(code, &charset));
        let lab: Option<[u16; 3]> = item
            .numbers(tags::RECOMMENDED_DISPLAY_CIELAB_VALUE)
            .iter()
            .map(|v| *v as u16)
            .collect::<Vec<_>>()
            .try_into()
            .ok();
        let tracking = item.text(tags::TRACKING_ID, &charset).zip(item.ascii(tags::TRACKING_UID));
        found.push(Structure {
            number: Some(number),
            name: item.text(tags::SEGMENT_LABEL, &charset).unwrap_or_default(),
            code: code(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE),
            category: code(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE),
            color: lab.map(color::from_lab),
            tracking: tracking.map(|(id, uid)| Tracking { id, uid: uid.to_owned() }),
            reader: None,
            shape: Shape::Nothing,
        });
    }
    found
}

/// The frames of a file.
struct FileFrames<'f, 'a> {
    set: &'f DataSet<'a>,
    header: &'f Header,
    reader: &'f FrameReader<'f>,
    is_labelmap: bool,
    fraction: Option<Fraction>,
}

impl FileFrames<'_, '_> {
    fn by_segment(&self) -> Result<BySegment, LabelError> {
        let frames = (0..self.header.frame_count).into_par_iter().map(|frame| self.frame(frame));
        // In their order, so that of several faults it is always the first that is told.
        let frames: Vec<Result<Vec<(u32, PlanarFrame)>, LabelError>> = frames.collect();
        let mut found = BySegment::new();
        for frame in frames {
            for (number, frame) in frame? {
                found.entry(number).or_default().push(frame);
            }
        }
        Ok(found)
    }

    /// What one frame shows of each segment.
    fn frame(&self, frame: u32) -> Result<Vec<(u32, PlanarFrame)>, LabelError> {
        let (plane, sources) = (self.plane(frame), self.sources(frame));
        let shown = |pixels: Pixels| PlanarFrame { plane, sources: Arc::clone(&sources), pixels };
        if self.is_labelmap {
            let values = self.values(frame)?.into_iter();
            return Ok(values.map(|(number, runs)| (number, shown(Pixels::Inside(runs)))).collect());
        }
        let told = self.header.frame(frame).and_then(|f| f.segment);
        let number = told.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).ok_or_else(|| {
            LabelError::malformed(format!("frame {} does not say which segment it shows", frame + 1))
        })?;
        Ok(vec![(number, shown(self.pixels(frame)?))])
    }

    fn plane(&self, frame: u32) -> Option<Plane> {
        let frame = self.header.frame(frame)?;
        let (orientation, [rows_mm, columns_mm]) = (frame.orientation?, frame.spacing_mm?);
        Some(Plane {
            origin_mm: frame.position_mm.filter(|p| p.iter().all(|v| v.is_finite()))?,
            column_mm: scale(orientation.row, columns_mm),
            row_mm: scale(orientation.column, rows_mm),
        })
    }

    /// The images that a frame was drawn on.
    fn sources(&self, frame: u32) -> Arc<[ImageRef]> {
        let per_frame = self.set.items(standard::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).get(frame as usize);
        let derivations = |group: &DataSet<'_>| -> Vec<ImageRef> {
            let items = group.items(tags::DERIVATION_IMAGE_SEQUENCE).iter();
            let sources = items.flat_map(|d| d.items(standard::SOURCE_IMAGE_SEQUENCE));
            let one = |source: &DataSet<'_>| {
                let uid = source.ascii(standard::REFERENCED_SOP_INSTANCE_UID)?.to_owned();
                let frame =
                    source.integer(standard::REFERENCED_FRAME_NUMBER).and_then(|n| u32::try_from(n).ok());
                Some(ImageRef { uid, frame })
            };
            sources.filter_map(one).collect()
        };
        let own = per_frame.map(derivations).unwrap_or_default();
        if !own.is_empty() {
            return own.into();
        }
        let shared = self.set.item(standard::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).map(derivations);
        shared.unwrap_or_default().into()
    }

    /// The pixels of a frame that shows one segment.
    fn pixels(&self, frame: u32) -> Result<Pixels, LabelError> {
        let layout = self.reader.layout();
        let columns = layout.columns;
        let count = (layout.rows * columns) as usize;
        let native = !self.reader.syntax().encapsulated && layout.kind == SampleKind::Integer;
        if layout.bits_allocated == 1 && native && self.fraction.is_none() {
            let bytes = self.reader.encoded_frame(frame)?;
            let first = (u64::from(frame) * count as u64 % 8) as usize;
            return Ok(Pixels::Inside(runs_of_bits(&bytes, first, count, columns)));
        }
        let samples = self.reader.decode_frame(frame)?.samples;
        if self.fraction.is_some() {
            let mut values = Vec::with_capacity(count);
            samples.each(|v| values.push(v.clamp(0.0, 255.0) as u8));
            return Ok(Pixels::Values(values));
        }
        let mut runs = Vec::new();
        by_value(&samples, columns, |_, run| runs.push(run));
        Ok(Pixels::Inside(runs))
    }

    /// The pixels of a frame that shows many, by their value.
    fn values(&self, frame: u32) -> Result<BTreeMap<u32, Vec<Run>>, LabelError> {
        let samples = self.reader.decode_frame(frame)?.samples;
        let mut found: BTreeMap<u32, Vec<Run>> = BTreeMap::new();
        by_value(&samples, self.reader.layout().columns, |value, run| {
            found.entry(value).or_default().push(run)
        });
        Ok(found)
    }
}

fn by_value(samples: &Samples, columns: u32, mut found: impl FnMut(u32, Run)) {
    match samples {
        Samples::U8(v) => runs_by_value(v, 0, columns, |value, run| found(value.into(), run)),
        Samples::U16(v) => runs_by_value(v, 0, columns, |value, run| found(value.into(), run)),
        other => {
            let mut values = Vec::with_capacity(other.len());
            other.each(|v| values.push(v.max(0.0) as u32));
            runs_by_value(&values, 0, columns, found);
        }
    }
}
