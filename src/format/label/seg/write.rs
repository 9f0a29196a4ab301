//! Writing of segmentations.

use super::super::dicom::{
    Build, category_of, coded, content, instances, reference, tracking_of, type_of, uid,
};
use super::super::{SourceImage, color, tags};
use super::SEGMENTATION;
use crate::label::{Fraction, Image, Placed, PlacedStructure};
use crate::model::geometry::{norm, scale};
use crate::model::{Vr, tags as standard};

/// One frame: which segment, which slice, its pixels.
struct Frame {
    segment: u16,
    slice: u32,
    pixels: Plane,
}

enum Plane {
    /// Runs of the mask.
    Mask(usize),
    /// Values of a fractional structure: structure and place in its list.
    Values(usize, usize),
}

/// The file.
pub(super) fn build(placed: &Placed, source: &SourceImage) -> Build {
    let image = &source.image;
    let fraction = placed.structures.iter().find_map(|s| s.values.as_ref().map(|(f, _)| *f));
    let frames = frames(placed, fraction);
    let salt = content(&placed.structures);
    let organization =
        uid(&[image.series_uid.as_deref().unwrap_or_default().as_bytes(), &salt, b"dimension"]);
    let [columns, rows, _] = placed.grid.shape;
    let bits = if fraction.is_some() { 8 } else { 1 };
    let mut file = Build::object(source, SEGMENTATION, "SEG", &salt)
        .text(standard::IMAGE_TYPE, Vr::CS, "DERIVED\\PRIMARY")
        .text(standard::LOSSY_IMAGE_COMPRESSION, Vr::CS, "00")
        .us(standard::SAMPLES_PER_PIXEL, &[1])
        .text(standard::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2")
        .text(standard::NUMBER_OF_FRAMES, Vr::IS, &frames.len().to_string())
        .us(standard::ROWS, &[rows as u16])
        .us(standard::COLUMNS, &[columns as u16])
        .us(standard::BITS_ALLOCATED, &[bits])
        .us(standard::BITS_STORED, &[bits])
        .us(standard::HIGH_BIT, &[bits - 1])
        .us(standard::PIXEL_REPRESENTATION, &[0])
        .text(tags::CONTENT_LABEL, Vr::CS, "SEGMENTATION")
        .text(tags::CONTENT_DESCRIPTION, Vr::LO, "")
        .text(tags::CONTENT_CREATOR_NAME, Vr::PN, "")
        .text(tags::SEGMENTATION_TYPE, Vr::CS, if fraction.is_some() { "FRACTIONAL" } else { "BINARY" })
        .text(tags::SEGMENTS_OVERLAP, Vr::CS, if placed.overlap().is_some() { "YES" } else { "NO" })
        .seq(tags::SEGMENT_SEQUENCE, segments(placed, image))
        .seq(
            tags::DIMENSION_ORGANIZATION_SEQUENCE,
            vec![Build::default().text(tags::DIMENSION_ORGANIZATION_UID, Vr::UI, &organization)],
        )
        .seq(tags::DIMENSION_INDEX_SEQUENCE, dimensions(image, &organization))
        .seq(standard::REFERENCED_SERIES_SEQUENCE, vec![referenced_series(image)])
        .seq(standard::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared(image)])
        .seq(
            standard::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
            frames.iter().map(|frame| per_frame(frame, image)).collect(),
        );
    if let Some(fraction) = fraction {
        let kind = if fraction.occupancy { "OCCUPANCY" } else { "PROBABILITY" };
        file = file
            .text(tags::SEGMENTATION_FRACTIONAL_TYPE, Vr::CS, kind)
            .us(tags::MAXIMUM_FRACTIONAL_VALUE, &[fraction.maximum]);
    }
    file.bytes(standard::PIXEL_DATA, Vr::OB, pixels(placed, &frames, fraction))
}

/// Frames with a voxel, segment by segment; one without any where there is none at all.
fn frames(placed: &Placed, fraction: Option<Fraction>) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (i, structure) in placed.structures.iter().enumerate() {
        let segment = i as u16 + 1;
        match &structure.values {
            Some((_, planes)) if fraction.is_some() => {
                let some = planes.iter().enumerate().filter(|(_, (_, plane))| plane.iter().any(|v| *v > 0));
                frames.extend(some.map(|(k, (slice, _))| Frame {
                    segment,
                    slice: *slice,
                    pixels: Plane::Values(i, k),
                }));
            }
            _ => {
                let slices = structure.mask.slices().into_iter();
                frames.extend(slices.map(|slice| Frame { segment, slice, pixels: Plane::Mask(i) }));
            }
        }
    }
    if frames.is_empty() && !placed.structures.is_empty() {
        frames.push(Frame { segment: 1, slice: 0, pixels: Plane::Mask(0) });
    }
    frames
}

fn segments(placed: &Placed, image: &Image) -> Vec<Build> {
    let one = |(i, s): (usize, &PlacedStructure)| {
        let [id, uid] = tracking_of(s, image, i);
        Build::default()
            .us(tags::SEGMENT_NUMBER, &[i as u16 + 1])
            .name(tags::SEGMENT_LABEL, Vr::LO, &s.name)
            .text(tags::SEGMENT_ALGORITHM_TYPE, Vr::CS, "MANUAL")
            .code(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, &category_of(s))
            .code(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, &type_of(s))
            .us(
                tags::RECOMMENDED_DISPLAY_CIELAB_VALUE,
                &color::to_lab(s.color.unwrap_or_else(|| color::palette(i))),
            )
            .text(tags::TRACKING_ID, Vr::UT, &id)
            .text(tags::TRACKING_UID, Vr::UI, &uid)
    };
    placed.structures.iter().enumerate().map(one).collect()
}

fn dimensions(image: &Image, organization: &str) -> Vec<Build> {
    let index = |pointer, group| {
        Build::default()
            .text(tags::DIMENSION_ORGANIZATION_UID, Vr::UI, organization)
            .at(tags::DIMENSION_INDEX_POINTER, pointer)
            .at(tags::FUNCTIONAL_GROUP_POINTER, group)
    };
    let mut found = vec![index(tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE)];
    if image.placed {
        found.push(index(standard::IMAGE_POSITION_PATIENT, standard::PLANE_POSITION_SEQUENCE));
    }
    found
}

fn referenced_series(image: &Image) -> Build {
    Build::default()
        .text(standard::SERIES_INSTANCE_UID, Vr::UI, image.series_uid.as_deref().unwrap_or_default())
        .seq(tags::REFERENCED_INSTANCE_SEQUENCE, instances(image))
}

fn shared(image: &Image) -> Build {
    let grid = &image.grid;
    let (column, row) = (norm(grid.column_mm), norm(grid.row_mm));
    let along = image.along_mm();
    let step = match along.as_slice() {
        [first, .., last] => (last - first) / (along.len() - 1) as f64,
        _ => norm(grid.slice_mm),
    };
    let measures =
        Build::default().ds(standard::PIXEL_SPACING, &[row, column]).ds(standard::SLICE_THICKNESS, &[step]);
    let regular = image.placed && image.is_regular();
    let measures = if regular { measures.ds(standard::SPACING_BETWEEN_SLICES, &[step]) } else { measures };
    let it = Build::default().seq(standard::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    if !image.placed {
        return it;
    }
    let cosines: Vec<f64> = [scale(grid.column_mm, 1.0 / column), scale(grid.row_mm, 1.0 / row)].concat();
    it.seq(
        standard::PLANE_ORIENTATION_SEQUENCE,
        vec![Build::default().ds(standard::IMAGE_ORIENTATION_PATIENT, &cosines)],
    )
}

fn per_frame(frame: &Frame, image: &Image) -> Build {
    let mut index = vec![u32::from(frame.segment)];
    let mut it = Build::default().seq(
        tags::SEGMENT_IDENTIFICATION_SEQUENCE,
        vec![Build::default().us(tags::REFERENCED_SEGMENT_NUMBER, &[frame.segment])],
    );
    if image.placed {
        index.push(frame.slice + 1);
        let origin = image.plane(frame.slice).origin_mm;
        it = it.seq(
            standard::PLANE_POSITION_SEQUENCE,
            vec![Build::default().ds(standard::IMAGE_POSITION_PATIENT, &origin)],
        );
    }
    it = it.seq(
        standard::FRAME_CONTENT_SEQUENCE,
        vec![Build::default().ul(standard::DIMENSION_INDEX_VALUES, &index)],
    );
    let Some(slice) = image.slices.get(frame.slice as usize) else { return it };
    let purpose = coded(&["DCM", "121322", "Source image for image processing operation"].into());
    let source = reference(slice).seq(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![purpose]);
    let derivation = Build::default()
        .code(tags::DERIVATION_CODE_SEQUENCE, &["DCM", "113076", "Segmentation"].into())
        .seq(standard::SOURCE_IMAGE_SEQUENCE, vec![source]);
    it.seq(tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation])
}

/// All frames: bits that follow one another without padding, or a byte for each value.
fn pixels(placed: &Placed, frames: &[Frame], fraction: Option<Fraction>) -> Vec<u8> {
    let [columns, rows, _] = placed.grid.shape.map(|n| n as usize);
    let size = columns * rows;
    let Some(fraction) = fraction else {
        let mut bytes = vec![0_u8; (frames.len() * size).div_ceil(8)];
        for (n, frame) in frames.iter().enumerate() {
            each_run(placed, frame, |row, from, to| {
                set_bits(&mut bytes, n * size + row * columns + from, to - from)
            });
        }
        return bytes;
    };
    let mut bytes = vec![0_u8; frames.len() * size];
    for (frame, cells) in frames.iter().zip(bytes.chunks_exact_mut(size)) {
        match frame.pixels {
            Plane::Mask(_) => {
                let whole = fraction.maximum.min(255) as u8;
                each_run(placed, frame, |row, from, to| {
                    cells[row * columns + from..row * columns + to].fill(whole)
                });
            }
            Plane::Values(i, k) => {
                if let Some((own, planes)) = &placed.structures[i].values {
                    let share = f64::from(fraction.maximum) / f64::from(own.maximum.max(1));
                    let scaled = planes[k].1.iter().map(|v| (f64::from(*v) * share).round() as u8);
                    cells.iter_mut().zip(scaled).for_each(|(cell, v)| *cell = v);
                }
            }
        }
    }
    bytes
}

fn each_run(placed: &Placed, frame: &Frame, mut put: impl FnMut(usize, usize, usize)) {
    if let Plane::Mask(i) = frame.pixels {
        let first = frame.slice * placed.grid.shape[1];
        for run in placed.structures[i].mask.slice(frame.slice) {
            put((run.row - first) as usize, run.from.into(), run.to.into());
        }
    }
}

fn set_bits(bytes: &mut [u8], from: usize, count: usize) {
    let mut at = from;
    let end = from + count;
    while at < end {
        if at.is_multiple_of(8) && at + 8 <= end {
            bytes[at / 8] = 0xFF;
            at += 8;
        } else {
            bytes[at / 8] |= 1 << (at % 8);
            at += 1;
        }
    }
}
