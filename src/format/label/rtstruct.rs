//! DICOM RT structure sets (PS3.3 A.19): closed contours in patient space.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use super::dicom::{Build, code_of, content, instances, reference, type_of};
use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, bytes_of, color, tags};
use crate::dicom::{self, Charset, DataSet, ReadOptions};
use crate::label::{
    Contour, ContourKind, LabelSet, Placed, PlacedStructure, Refused, Shape, Structure, Warning, trace,
};
use crate::model::geometry::Vec3;
use crate::model::{Vr, tags as standard};

const RT_STRUCTURE_SET: &str = "1.2.840.10008.5.1.4.1.1.481.3";
/// The study component class that references to a study name (retired, and still what readers expect).
const DETACHED_STUDY: &str = "1.2.840.10008.3.1.2.3.1";
/// Structures of one file at most.
const MOST_STRUCTURES: usize = 65_535;

/// The format.
pub(super) struct RtStruct;

impl LabelFormat for RtStruct {
    fn id(&self) -> FormatId {
        FormatId::Rtstruct
    }

    fn probe(&self, probe: &Probe) -> bool {
        probe.is_class(&[RT_STRUCTURE_SET])
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        let bytes = bytes_of(path)?;
        let file = dicom::read(&bytes, ReadOptions::default())?;
        read(&file.dataset)
    }

    fn write(&self, placed: &Placed, image: Option<&SourceImage>, path: &Path) -> Result<(), LabelError> {
        let image = image.ok_or(Refused::NoImage("an RT structure set refers to its images"))?;
        if !image.image.placed {
            let words =
                "the image has no position in a patient, and contours of a structure set have".to_owned();
            return Err(LabelError::CannotHold("no_position", words));
        }
        build(placed, image).write(path)
    }
}

fn read(set: &DataSet<'_>) -> Result<LabelSet, LabelError> {
    let charset = set.charset(&Charset::default());
    let mut warnings = Vec::new();
    let by_number = |tag| -> BTreeMap<i32, &DataSet<'_>> {
        let items = set.items(tag).iter();
        items.filter_map(|item| Some((item.integer(tags::REFERENCED_ROI_NUMBER)?, item))).collect()
    };
    let (drawn, observed) =
        (by_number(tags::ROI_CONTOUR_SEQUENCE), by_number(tags::RT_ROI_OBSERVATIONS_SEQUENCE));
    let rois = &set.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
    let rois = &rois[..rois.len().min(MOST_STRUCTURES)];
    let one = |roi: &DataSet<'_>| {
        let number = roi.integer(tags::ROI_NUMBER)?;
        Some(structure(roi, number, drawn.get(&number).copied(), observed.get(&number).copied(), &charset))
    };
    // In their order, so that of several faults it is always the first that is told.
    let found: Vec<Result<(Structure, Option<Warning>), LabelError>> =
        rois.par_iter().filter_map(one).collect();
    let mut structures = Vec::with_capacity(found.len());
    for one in found {
        let (structure, warning) = one?;
        structures.push(structure);
        warnings.extend(warning);
    }
    let (frame, series_uid, references) = referenced(set);
    let of_structure = set.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter();
    let of_structure = of_structure.filter_map(|roi| roi.ascii(tags::REFERENCED_FRAME_OF_REFERENCE_UID));
    let frame = frame.or_else(|| of_structure.map(str::to_owned).next());
    let frame = frame.or_else(|| set.ascii(standard::FRAME_OF_REFERENCE_UID).map(str::to_owned));
    Ok(LabelSet {
        series_uid,
        frame_of_reference: frame,
        references,
        structures,
        warnings,
        ..LabelSet::default()
    })
}

/// Frame of reference, series and instances that the structures were drawn on.
fn referenced(set: &DataSet<'_>) -> (Option<String>, Option<String>, Vec<String>) {
    let first = set.item(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE);
    let frame = first.and_then(|f| f.ascii(standard::FRAME_OF_REFERENCE_UID)).map(str::to_owned);
    let studies = set.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE).iter();
    let series: Vec<&DataSet<'_>> = studies
        .flat_map(|f| f.items(tags::RT_REFERENCED_STUDY_SEQUENCE))
        .flat_map(|s| s.items(tags::RT_REFERENCED_SERIES_SEQUENCE))
        .collect();
    let uid = series.first().and_then(|s| s.ascii(standard::SERIES_INSTANCE_UID)).map(str::to_owned);
    let contours = set.items(tags::ROI_CONTOUR_SEQUENCE).iter().flat_map(|r| r.items(tags::CONTOUR_SEQUENCE));
    let images = series
        .iter()
        .flat_map(|s| s.items(tags::CONTOUR_IMAGE_SEQUENCE))
        .chain(contours.flat_map(|c| c.items(tags::CONTOUR_IMAGE_SEQUENCE)));
    let mut references: Vec<String> =
        images.filter_map(|i| i.ascii(standard::REFERENCED_SOP_INSTANCE_UID)).map(str::to_owned).collect();
    references.sort_unstable();
    references.dedup();
    (frame, uid, references)
}

/// A structure, and what is odd about it, from its items in the three sequences.
fn structure(
    roi: &DataSet<'_>,
    number: i32,
    drawn: Option<&DataSet<'_>>,
    observed: Option<&DataSet<'_>>,
    charset: &Charset,
) -> Result<(Structure, Option<Warning>), LabelError> {
    let name = roi.text(tags::ROI_NAME, charset).unwrap_or_default();
    let (contours, warning) = drawn.map_or(Ok((Vec::new(), None)), |item| contours(item, &name))?;
    let rgb = drawn.map(|item| item.numbers(tags::ROI_DISPLAY_COLOR)).unwrap_or_default();
    let rgb: Option<[u8; 3]> =
        rgb.iter().map(|v| v.clamp(0.0, 255.0) as u8).collect::<Vec<_>>().try_into().ok();
    let code = observed.and_then(|o| o.item(tags::RT_ROI_IDENTIFICATION_CODE_SEQUENCE));
    let structure = Structure {
        number: u32::try_from(number).ok(),
        name,
        code: code.and_then(|code| code_of(code, charset)),
        color: rgb,
        shape: if contours.is_empty() { Shape::Nothing } else { Shape::Contours(contours) },
        ..Structure::default()
    };
    Ok((structure, warning))
}

fn contours(item: &DataSet<'_>, name: &str) -> Result<(Vec<Contour>, Option<Warning>), LabelError> {
    let mut found = Vec::new();
    let mut miscounted = 0_usize;
    for contour in item.items(tags::CONTOUR_SEQUENCE) {
        let kind = match contour.ascii(tags::CONTOUR_GEOMETRIC_TYPE) {
            Some("POINT") => ContourKind::Point,
            Some("OPEN_PLANAR" | "OPEN_NONPLANAR") => ContourKind::Open,
            _ => ContourKind::Closed,
        };
        let points_mm = points(contour.bytes(tags::CONTOUR_DATA).unwrap_or_default())?;
        let told = contour.number(tags::NUMBER_OF_CONTOUR_POINTS);
        miscounted += usize::from(told.is_some_and(|n| n != points_mm.len() as f64));
        found.push(Contour { kind, points_mm });
    }
    let warning = (miscounted > 0).then(|| {
        let words = format!("'{name}': {miscounted} contours have another number of points than they say");
        Warning::new("point_count", words)
    });
    Ok((found, warning))
}

/// Points from decimal strings: each must be a number.
fn points(bytes: &[u8]) -> Result<Vec<Vec3>, LabelError> {
    let bad = || LabelError::malformed("contour data that are no points: numbers, three for each");
    let text = std::str::from_utf8(bytes).map_err(|_| bad())?.trim_matches([' ', '\0']);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut numbers = Vec::with_capacity(text.len() / 8);
    for part in text.split('\\') {
        let number: f64 = part.trim_matches([' ', '\0']).parse().map_err(|_| bad())?;
        if !number.is_finite() || number.abs() > 1e7 {
            return Err(bad());
        }
        numbers.push(number);
    }
    let (points, rest) = numbers.as_chunks::<3>();
    if rest.is_empty() { Ok(points.to_vec()) } else { Err(bad()) }
}

fn build(placed: &Placed, source: &SourceImage) -> Build {
    let image = &source.image;
    let frame = image.frame_of_reference.as_deref().unwrap_or_default();
    let series = Build::default()
        .text(standard::SERIES_INSTANCE_UID, Vr::UI, image.series_uid.as_deref().unwrap_or_default())
        .seq(tags::CONTOUR_IMAGE_SEQUENCE, instances(image));
    let study = Build::default()
        .text(standard::REFERENCED_SOP_CLASS_UID, Vr::UI, DETACHED_STUDY)
        .text(standard::REFERENCED_SOP_INSTANCE_UID, Vr::UI, image.study_uid.as_deref().unwrap_or_default())
        .seq(tags::RT_REFERENCED_SERIES_SEQUENCE, vec![series]);
    let referenced = Build::default()
        .text(standard::FRAME_OF_REFERENCE_UID, Vr::UI, frame)
        .seq(tags::RT_REFERENCED_STUDY_SEQUENCE, vec![study]);
    let object = Build::object(source, RT_STRUCTURE_SET, "RTSTRUCT", &content(&placed.structures));
    let [date, time] = object.moment();
    let every = || (1_u32..).zip(&placed.structures);
    object
        .text(tags::STRUCTURE_SET_LABEL, Vr::SH, "STRUCTURES")
        .text(tags::STRUCTURE_SET_DATE, Vr::DA, &date)
        .text(tags::STRUCTURE_SET_TIME, Vr::TM, &time)
        .text(tags::OPERATORS_NAME, Vr::PN, "")
        .text(tags::APPROVAL_STATUS, Vr::CS, "UNAPPROVED")
        .seq(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, vec![referenced])
        .seq(tags::STRUCTURE_SET_ROI_SEQUENCE, every().map(|(n, s)| roi(n, s, frame)).collect())
        .seq(tags::ROI_CONTOUR_SEQUENCE, every().map(|(n, s)| roi_contours(n, s, source)).collect())
        .seq(tags::RT_ROI_OBSERVATIONS_SEQUENCE, every().map(|(n, s)| observation(n, s)).collect())
}

fn roi(number: u32, structure: &PlacedStructure, frame: &str) -> Build {
    Build::default()
        .text(tags::ROI_NUMBER, Vr::IS, &number.to_string())
        .text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, Vr::UI, frame)
        .name(tags::ROI_NAME, Vr::LO, &structure.name)
        .text(tags::ROI_GENERATION_ALGORITHM, Vr::CS, "MANUAL")
}

fn observation(number: u32, structure: &PlacedStructure) -> Build {
    Build::default()
        .text(tags::OBSERVATION_NUMBER, Vr::IS, &number.to_string())
        .text(tags::REFERENCED_ROI_NUMBER, Vr::IS, &number.to_string())
        .text(tags::RT_ROI_INTERPRETED_TYPE, Vr::CS, "")
        .text(tags::ROI_INTERPRETER, Vr::PN, "")
        .code(tags::RT_ROI_IDENTIFICATION_CODE_SEQUENCE, &type_of(structure))
}

/// Lines along the edges of the voxels.
fn roi_contours(number: u32, structure: &PlacedStructure, source: &SourceImage) -> Build {
    let image = &source.image;
    let rows = image.grid.shape[1];
    let mut contours = Vec::new();
    for slice in structure.mask.slices() {
        let grid = image.slice_grid(slice);
        for line in trace::outlines(structure.mask.slice(slice), slice * rows) {
            let points: Vec<f64> = line.iter().flat_map(|p| grid.centre_mm([p[0], p[1], 0.0])).collect();
            let image_of = image.slices.get(slice as usize).map(reference);
            contours.push(
                Build::default()
                    .seq(tags::CONTOUR_IMAGE_SEQUENCE, image_of.into_iter().collect())
                    .text(tags::CONTOUR_GEOMETRIC_TYPE, Vr::CS, "CLOSED_PLANAR")
                    .text(tags::NUMBER_OF_CONTOUR_POINTS, Vr::IS, &line.len().to_string())
                    .ds(tags::CONTOUR_DATA, &points),
            );
        }
    }
    let rgb = structure.color.unwrap_or_else(|| color::palette(number as usize - 1));
    let it = Build::default()
        .text(tags::ROI_DISPLAY_COLOR, Vr::IS, &rgb.map(|v| v.to_string()).join("\\"))
        .text(tags::REFERENCED_ROI_NUMBER, Vr::IS, &number.to_string());
    if contours.is_empty() { it } else { it.seq(tags::CONTOUR_SEQUENCE, contours) }
}
