//! What holds for each frame: from the data set itself, from functional groups, from the offsets of dose grids and
//! nuclear medicine, from the tiles of a mosaic.

use super::csa::Csa;
use super::{diffusion, joined, nuclear, private, time};
use crate::dicom::DataSet;
use crate::model::geometry::{Orientation, add, dot, scale};
use crate::model::{Frame, Interner, Mosaic, SpacingSource, Tag, tags};

const MR_TIMING: Tag = Tag::new(0x0018, 0x9112);
const MR_ECHO: Tag = Tag::new(0x0018, 0x9114);
const MR_MODIFIER: Tag = Tag::new(0x0018, 0x9115);
const CARDIAC_SYNCHRONIZATION: Tag = Tag::new(0x0018, 0x9118);
const METABOLITE_MAP: Tag = Tag::new(0x0018, 0x9152);
const METABOLITE_MAP_DESCRIPTION: Tag = Tag::new(0x0018, 0x9080);
const COMPLEX_IMAGE_COMPONENT: Tag = Tag::new(0x0008, 0x9208);
const FRAME_ACQUISITION_DATE_TIME: Tag = Tag::new(0x0018, 0x9074);
const FRAME_REFERENCE_DATE_TIME: Tag = Tag::new(0x0018, 0x9151);
const ACTUAL_FRAME_DURATION: Tag = Tag::new(0x0018, 0x1242);
const FRAME_ACQUISITION_DURATION: Tag = Tag::new(0x0018, 0x9220);
const FRAME_ACQUISITION_NUMBER: Tag = Tag::new(0x0020, 0x9156);
const FRAME_REFERENCE_TIME: Tag = Tag::new(0x0054, 0x1300);
const NOMINAL_CARDIAC_TRIGGER_DELAY: Tag = Tag::new(0x0020, 0x9153);
const NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE: Tag = Tag::new(0x0020, 0x9241);
const TEMPORAL_POSITION_SEQUENCE: Tag = Tag::new(0x0020, 0x9310);
const TEMPORAL_POSITION_TIME_OFFSET: Tag = Tag::new(0x0020, 0x930D);
const INVERSION_TIMES: Tag = Tag::new(0x0018, 0x9079);
const CT_RECONSTRUCTION: Tag = Tag::new(0x0018, 0x9314);
const CT_X_RAY_DETAILS: Tag = Tag::new(0x0018, 0x9325);
const CONTRAST_USAGE: Tag = Tag::new(0x0018, 0x9341);
const CONTRAST_PHASE: Tag = Tag::new(0x0018, 0x9344);
const SEGMENT_IDENTIFICATION: Tag = Tag::new(0x0062, 0x000A);
const REFERENCED_SEGMENT_NUMBER: Tag = Tag::new(0x0062, 0x000B);
const GRID_FRAME_OFFSET_VECTOR: Tag = Tag::new(0x3004, 0x000C);
const DOSE_GRID_SCALING: Tag = Tag::new(0x3004, 0x000E);
const DETECTOR_INFORMATION: Tag = Tag::new(0x0054, 0x0022);
const ULTRASOUND_REGIONS: Tag = Tag::new(0x0018, 0x6011);
const PHYSICAL_UNITS_X: Tag = Tag::new(0x0018, 0x6024);
const PHYSICAL_DELTA_X: Tag = Tag::new(0x0018, 0x602C);
const PHYSICAL_DELTA_Y: Tag = Tag::new(0x0018, 0x602E);
/// Sequences that hold Frame Type: MR, CT, PET, XA/XRF, breast, US, OPT, derived.
const FRAME_TYPES: [Tag; 5] = [
    Tag::new(0x0018, 0x9226),
    Tag::new(0x0018, 0x9329),
    Tag::new(0x0018, 0x9751),
    Tag::new(0x0018, 0x9412),
    Tag::new(0x0018, 0x9504),
];
/// Frames whose positions are computed; real dose grids and reconstructions stay far below.
const MAX_COMPUTED: u32 = 16_384;

/// A number that stands in the data set or in its shared Pixel Measures.
pub fn measure(set: &DataSet<'_>, tag: Tag) -> Option<f64> {
    let shared = set.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let first = set.item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let group = |g: Option<&DataSet<'_>>| g?.item(tags::PIXEL_MEASURES_SEQUENCE)?.number(tag);
    set.number(tag).or_else(|| group(shared)).or_else(|| group(first))
}

/// Repetition Time in ms, also where functional groups hold it.
pub fn repetition_time_ms(set: &DataSet<'_>) -> Option<f64> {
    let shared = set.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let first = set.item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let group = |g: Option<&DataSet<'_>>| g?.item(MR_TIMING)?.number(tags::REPETITION_TIME);
    let positive = |v: &f64| *v > 0.0;
    set.number(tags::REPETITION_TIME)
        .filter(positive)
        .or_else(|| group(shared).filter(positive))
        .or_else(|| group(first).filter(positive))
}

/// The frames of an instance, and the mosaic where its tiles could be placed.
pub fn of(
    set: &DataSet<'_>,
    count: u32,
    mosaic: Option<Mosaic>,
    csa: Option<&Csa>,
    interner: &Interner,
) -> (Box<[Frame]>, Option<Mosaic>) {
    let mut base = of_data_set(set, csa, interner);
    if let Some(mosaic) = mosaic
        && let Some(tiles) = tiles(set, &base, mosaic, csa)
    {
        return (tiles.into(), Some(mosaic));
    }
    if let Some(shared) = set.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE) {
        overlay(&mut base, shared, interner);
    }
    let groups = set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if !groups.is_empty() {
        let frames = groups.iter().take(count as usize).map(|group| {
            let mut frame = base.clone();
            overlay(&mut frame, group, interner);
            frame.philips_scale =
                philips_frame(group).and_then(|item| philips_scale(set, item)).or(frame.philips_scale);
            frame
        });
        return (frames.collect(), None);
    }
    let frames = (count > 1).then(|| {
        dose_grid(set, &base, count).or_else(|| nuclear::reconstruction(set, &base, count, interner))
    });
    (frames.flatten().unwrap_or_else(|| vec![base]).into(), None)
}

fn of_data_set(set: &DataSet<'_>, csa: Option<&Csa>, interner: &Interner) -> Frame {
    // Nuclear medicine keeps the plane in its first detector.
    let plane = if set.get(tags::IMAGE_ORIENTATION_PATIENT).is_none() {
        set.item(DETECTOR_INFORMATION).unwrap_or(set)
    } else {
        set
    };
    let orientation = orientation(plane);
    let (b_value, b_direction) = diffusion::of_data_set(set, csa, orientation);
    let (spacing_mm, spacing_source) = spacing(set);
    let acquired = set.ascii(tags::ACQUISITION_DATE_TIME).and_then(time::date_time);
    Frame {
        position_mm: set
            .numbers(tags::IMAGE_POSITION_PATIENT)
            .first_chunk()
            .or(plane.numbers(tags::IMAGE_POSITION_PATIENT).first_chunk())
            .copied(),
        orientation,
        spacing_mm,
        spacing_source,
        image_type: image_type(set, interner),
        echo_time_ms: set.number(tags::ECHO_TIME),
        echo_number: set.integer(tags::ECHO_NUMBERS),
        kernel: joined(set, tags::CONVOLUTION_KERNEL, interner),
        kvp: set.number(tags::KVP),
        inversion_time_ms: set.number(tags::INVERSION_TIME),
        flip_degrees: set.number(tags::FLIP_ANGLE),
        acquisition_number: set.integer(tags::ACQUISITION_NUMBER),
        contrast: joined(set, tags::CONTRAST_BOLUS_AGENT, interner),
        stack: joined(set, tags::STACK_ID, interner),
        segment: None,
        temporal_position: set.integer(tags::TEMPORAL_POSITION_IDENTIFIER),
        temporal_offset_s: None,
        trigger_ms: set.number(tags::TRIGGER_TIME),
        frame_reference_ms: set.number(FRAME_REFERENCE_TIME),
        cardiac_percent: set.number(NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE),
        cardiac_delay_ms: set.number(NOMINAL_CARDIAC_TRIGGER_DELAY),
        duration_ms: set.number(ACTUAL_FRAME_DURATION).filter(|ms| *ms > 0.0),
        counters: None,
        acquired_s: acquired.or_else(|| time::moment(set, tags::ACQUISITION_DATE, tags::ACQUISITION_TIME)),
        content_s: time::moment(set, tags::CONTENT_DATE, tags::CONTENT_TIME),
        b_value,
        b_direction,
        rescale: rescale(set),
        philips_scale: philips_scale(set, set),
        slice_location_mm: set.number(tags::SLICE_LOCATION),
    }
}

/// Image Type, with the part of complex data that GE keeps in a private element.
fn image_type(set: &DataSet<'_>, interner: &Interner) -> Option<std::sync::Arc<str>> {
    let base = joined(set, tags::IMAGE_TYPE, interner)?;
    let part = private::number(set, 0x0043, "GEMS_PARM_01", 0x2F).filter(|_| private::is_made_by(set, "GE"));
    match part.and_then(|p| ["", "PHASE", "REAL", "IMAGINARY"].get(p as usize)) {
        Some(part) if !part.is_empty() => Some(interner.text(&format!("{base}\\{part}"))),
        _ => Some(base),
    }
}

/// Puts what a functional group says over what is known so far.
fn overlay(frame: &mut Frame, group: &DataSet<'_>, interner: &Interner) {
    let set = |into: &mut Option<f64>, value: Option<f64>| *into = value.or(*into);
    if let Some(plane) = group.item(tags::PLANE_POSITION_SEQUENCE) {
        frame.position_mm =
            plane.numbers(tags::IMAGE_POSITION_PATIENT).first_chunk().copied().or(frame.position_mm);
    }
    if let Some(plane) = group.item(tags::PLANE_ORIENTATION_SEQUENCE) {
        frame.orientation = orientation(plane).or(frame.orientation);
    }
    if let Some((Some(spacing), source)) = group.item(tags::PIXEL_MEASURES_SEQUENCE).map(spacing) {
        (frame.spacing_mm, frame.spacing_source) = (Some(spacing), source);
    }
    if let Some(content) = group.item(tags::FRAME_CONTENT_SEQUENCE) {
        overlay_content(frame, content, interner);
    }
    if let Some(kind) = frame_type(group, interner) {
        frame.image_type = Some(kind);
    }
    set(&mut frame.echo_time_ms, group.item(MR_ECHO).and_then(|e| e.number(tags::EFFECTIVE_ECHO_TIME)));
    set(&mut frame.flip_degrees, group.item(MR_TIMING).and_then(|t| t.number(tags::FLIP_ANGLE)));
    let inversion = |m: &DataSet<'_>| m.number(INVERSION_TIMES).or_else(|| m.number(tags::INVERSION_TIME));
    set(&mut frame.inversion_time_ms, group.item(MR_MODIFIER).and_then(inversion));
    if let Some(cardiac) = group.item(CARDIAC_SYNCHRONIZATION) {
        set(&mut frame.cardiac_delay_ms, cardiac.number(NOMINAL_CARDIAC_TRIGGER_DELAY));
        set(&mut frame.cardiac_percent, cardiac.number(NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE));
    }
    let offset = |t: &DataSet<'_>| t.number(TEMPORAL_POSITION_TIME_OFFSET);
    set(&mut frame.temporal_offset_s, group.item(TEMPORAL_POSITION_SEQUENCE).and_then(offset));
    set(&mut frame.kvp, group.item(CT_X_RAY_DETAILS).and_then(|x| x.number(tags::KVP)));
    if let Some(reconstruction) = group.item(CT_RECONSTRUCTION) {
        frame.kernel = joined(reconstruction, tags::CONVOLUTION_KERNEL, interner).or(frame.kernel.take());
    }
    let (b, direction) = diffusion::of_functional_group(group);
    set(&mut frame.b_value, b);
    frame.b_direction = direction.or(frame.b_direction);
    if let Some(usage) = group.item(CONTRAST_USAGE) {
        frame.contrast = joined(usage, CONTRAST_PHASE, interner).or(frame.contrast.take());
    }
    if let Some(segment) = group.item(SEGMENT_IDENTIFICATION) {
        frame.segment = segment.integer(REFERENCED_SEGMENT_NUMBER).or(frame.segment);
    }
    if let Some(transformation) = group.item(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE) {
        frame.rescale = rescale(transformation).or(frame.rescale);
    }
}

fn overlay_content(frame: &mut Frame, content: &DataSet<'_>, interner: &Interner) {
    frame.stack = joined(content, tags::STACK_ID, interner).or(frame.stack.take());
    frame.temporal_position = content.integer(tags::TEMPORAL_POSITION_INDEX).or(frame.temporal_position);
    frame.acquisition_number = content.integer(FRAME_ACQUISITION_NUMBER).or(frame.acquisition_number);
    let moment = |tag| content.ascii(tag).and_then(time::date_time);
    frame.acquired_s = moment(FRAME_ACQUISITION_DATE_TIME).or(frame.acquired_s);
    frame.content_s = moment(FRAME_REFERENCE_DATE_TIME).or(frame.content_s);
    let duration = content.number(FRAME_ACQUISITION_DURATION).filter(|ms| *ms > 0.0);
    frame.duration_ms = duration.or(frame.duration_ms);
}

/// Frame Type with the part of complex data, and what a Dixon map shows.
fn frame_type(group: &DataSet<'_>, interner: &Interner) -> Option<std::sync::Arc<str>> {
    let mut words: Vec<&str> = Vec::new();
    for item in FRAME_TYPES.iter().filter_map(|tag| group.item(*tag)) {
        words.extend(item.ascii_values(tags::FRAME_TYPE));
        words.extend(item.ascii(COMPLEX_IMAGE_COMPONENT));
    }
    if let Some(map) = group.item(METABOLITE_MAP) {
        words.extend(map.ascii(METABOLITE_MAP_DESCRIPTION));
    }
    (!words.is_empty()).then(|| interner.text(&words.join("\\")))
}

fn orientation(set: &DataSet<'_>) -> Option<Orientation> {
    Orientation::new(*set.numbers(tags::IMAGE_ORIENTATION_PATIENT).first_chunk()?)
}

/// Distance of rows and of columns in mm, and where it comes from.
fn spacing(set: &DataSet<'_>) -> (Option<[f64; 2]>, SpacingSource) {
    let of = |tag| set.numbers(tag).first_chunk().copied().filter(|s: &[f64; 2]| s.iter().all(|v| *v > 0.0));
    if let Some(spacing) = of(tags::PIXEL_SPACING) {
        return (Some(spacing), SpacingSource::Pixel);
    }
    if let Some(spacing) = of(tags::IMAGER_PIXEL_SPACING).or_else(|| of(tags::NOMINAL_SCANNED_PIXEL_SPACING))
    {
        return (Some(spacing), SpacingSource::Detector);
    }
    // Units 3 are centimetres (PS3.3 C.8.5.5.1.3); several regions are several scales.
    if let [region] = set.items(ULTRASOUND_REGIONS)
        && region.integer(PHYSICAL_UNITS_X) == Some(3)
        && let (Some(x), Some(y)) = (region.number(PHYSICAL_DELTA_X), region.number(PHYSICAL_DELTA_Y))
        && x != 0.0
        && y != 0.0
    {
        return (Some([y.abs() * 10.0, x.abs() * 10.0]), SpacingSource::Region);
    }
    (None, SpacingSource::Pixel)
}

fn rescale(set: &DataSet<'_>) -> Option<[f64; 2]> {
    let slope = set.number(tags::RESCALE_SLOPE).or_else(|| set.number(DOSE_GRID_SCALING))?;
    Some([slope, set.number(tags::RESCALE_INTERCEPT).unwrap_or(0.0)])
}

/// The private item that Philips adds to the functional groups of a frame.
fn philips_frame<'s>(group: &'s DataSet<'_>) -> Option<&'s DataSet<'s>> {
    private::get(group, 0x2005, "Philips MR Imaging DD 005", 0x0F)?.items().first()
}

/// The slope of Philips' scale of measured values, which stands in the data set or in an item of it.
fn philips_scale(set: &DataSet<'_>, holder: &DataSet<'_>) -> Option<f64> {
    if !private::is_made_by(set, "PHILIPS") {
        return None;
    }
    let single = |b: [u8; 4]| f64::from(f32::from_le_bytes(b));
    let found = private::binary(holder, 0x2005, "Philips MR Imaging DD 001", 0x0E, single);
    found.first().copied().filter(|s| *s > 0.0)
}

/// The planes of a dose grid: Grid Frame Offset Vector, relative to the position or as patient coordinates (PS3.3
/// C.8.8.3.2).
fn dose_grid(set: &DataSet<'_>, base: &Frame, count: u32) -> Option<Vec<Frame>> {
    let offsets = set.numbers(GRID_FRAME_OFFSET_VECTOR);
    let (position, orientation) = (base.position_mm?, base.orientation?);
    if offsets.len() != count as usize || count > MAX_COMPUTED {
        return None;
    }
    let normal = orientation.normal();
    let relative = offsets[0] == 0.0;
    let along = |offset: f64| if relative { offset } else { (offset - position[2]) * normal[2].signum() };
    Some(offsets.iter().map(|&o| at(base, add(position, scale(normal, along(o))))).collect())
}

/// The slices of a mosaic. Image Position is that of the corner which an image as wide as the whole mosaic would have
/// around the centre of the first slice.
fn tiles(set: &DataSet<'_>, base: &Frame, mosaic: Mosaic, csa: Option<&Csa>) -> Option<Vec<Frame>> {
    let (position, o, spacing) = (base.position_mm?, base.orientation?, base.spacing_mm?);
    let (rows, columns) = (set.number(tags::ROWS)?, set.number(tags::COLUMNS)?);
    let across = f64::from(mosaic.across);
    let margin = |size: f64, step: f64| (size - size / across) / 2.0 * step;
    let first = add(
        add(position, scale(o.row, margin(columns, spacing[1]))),
        scale(o.column, margin(rows, spacing[0])),
    );
    let step = set.number(tags::SPACING_BETWEEN_SLICES).or_else(|| set.number(tags::SLICE_THICKNESS))?;
    let normal = o.normal();
    let direction = csa
        .and_then(|c| c.vector("SliceNormalVector"))
        .filter(|n| dot(*n, normal).abs() > 0.5)
        .map_or(1.0, |n| dot(n, normal).signum());
    let slice = |i: u32| at(base, add(first, scale(normal, direction * step * f64::from(i))));
    Some((0..mosaic.tiles).map(slice).collect())
}

fn at(base: &Frame, position: crate::model::geometry::Vec3) -> Frame {
    Frame { position_mm: Some(position), ..base.clone() }
}
