//! From a data set to the facts of an instance, [`model::Header`](crate::model::Header).

pub mod csa;
mod diffusion;
mod digest;
mod frames;
pub mod ge;
mod nuclear;
pub mod private;
mod time;

use std::sync::Arc;

use super::{Charset, DataSet, File, Syntax, Value, is_pixel_data};
use crate::model::{Common, Header, Interner, Mosaic, PixelFormat, Tag, tags};

pub use digest::Digest;
pub use time::{date_time, moment, seconds};

const MR_SPECTROSCOPY: &str = "1.2.840.10008.5.1.4.1.1.4.2";
const LOSSY_IMAGE_COMPRESSION: Tag = tags::LOSSY_IMAGE_COMPRESSION;
const CONTENT_NUMBER_OF_SLICES: Tag = Tag::new(0x0054, 0x0081);
const NUMBER_OF_TIME_SLICES: Tag = Tag::new(0x0054, 0x0101);
const SERIES_TYPE: Tag = Tag::new(0x0054, 0x1000);
const UNITS: Tag = Tag::new(0x0054, 0x1001);

/// The facts of a file that was read, whose length on disk is `length`. `source` is the caller's number for it.
pub fn header(file: &File<'_>, length: u64, interner: &Interner, source: u32) -> Header {
    let set = &file.dataset;
    let sop_class = set.ascii(tags::SOP_CLASS_UID);
    let (rows, columns) = (size(set, tags::ROWS), size(set, tags::COLUMNS));
    let is_image = rows.is_some() && columns.is_some() && sop_class != Some(MR_SPECTROSCOPY);
    let frame_count = if is_image { declared_frames(set) } else { 0 };
    let csa = csa::image_header(set);
    let mosaic = rows.zip(columns).and_then(|size| mosaic(set, csa.as_ref(), frame_count, size));
    let (frames, mosaic) = frames::of(set, frame_count, mosaic, csa.as_ref(), interner);
    let mut common = common(file, interner);
    (common.rows, common.columns, common.mosaic) = (rows, columns, mosaic);
    if let (Some(m), Some(r), Some(c)) = (mosaic, rows, columns) {
        (common.rows, common.columns) = (Some(r / m.across), Some(c / m.across));
    }
    let pixel_bytes = set.elements().iter().find(|e| is_pixel_data(e.tag)).and_then(|e| match &e.value {
        Value::Unread(length) => length.map(u64::from),
        Value::Bytes(bytes) => Some(bytes.len() as u64),
        Value::Stored(extent) => Some(extent.len()),
        _ => None,
    });
    let digests = digest::of(set);
    Header {
        sop_uid: set.ascii(tags::SOP_INSTANCE_UID).map(Into::into),
        instance_number: set.integer(tags::INSTANCE_NUMBER),
        frame_count,
        frames,
        header_digest: digests.whole,
        numbers_digest: digests.numbers,
        rank: 0,
        pixel_digest: None,
        pixels_decoded: false,
        pixel_bytes,
        truncated: file.truncated_at.is_some()
            || pixel_bytes.is_some_and(|n| file.syntax.uid != Syntax::DEFLATED && n > length),
        source,
        common: interner.common(common),
    }
}

/// Digest of stored pixel values, the same for every native encoding of them; `None` where there are none. Compressed
/// pixels are compared as their compressed bytes, together with their transfer syntax.
pub fn pixel_digest(file: &File<'_>) -> Option<u64> {
    let element = file.dataset.elements().iter().find(|e| is_pixel_data(e.tag))?;
    let mut digest = Digest::default();
    // Pixels of a file that was read whole: its caller has them in memory.
    match &element.value {
        Value::Bytes(bytes) => {
            let frames = u64::from(declared_frames(&file.dataset));
            let samples = file.dataset.number(tags::SAMPLES_PER_PIXEL).unwrap_or(1.0) as u64;
            let pixels = size(&file.dataset, tags::ROWS)?.into();
            let bits = u64::from(size(&file.dataset, tags::COLUMNS)?)
                .checked_mul(pixels)?
                .checked_mul(frames)?
                .checked_mul(samples)?
                .checked_mul(file.dataset.number(tags::BITS_ALLOCATED).unwrap_or(16.0) as u64)?;
            let exact = usize::try_from(bits.div_ceil(8)).ok()?.min(bytes.len());
            digest.bytes(&bytes[..exact]);
        }
        Value::Fragments(fragments) => {
            digest.bytes(file.syntax.uid.as_bytes());
            fragments.fragments.iter().try_for_each(|f| f.all().map(|bytes| digest.bytes(&bytes))).ok()?;
        }
        _ => return None,
    }
    Some(digest.finish())
}

fn common(file: &File<'_>, interner: &Interner) -> Common {
    let set = &file.dataset;
    let charset = set.charset(&Charset::default());
    let uid = |tag| set.ascii(tag).map(|t| interner.text(t));
    let text = |tag| set.text(tag, &charset).map(|t| interner.text(&t));
    let count = |tag| set.integer(tag).and_then(|n| u32::try_from(n).ok());
    let date = |tag| set.ascii(tag).and_then(time::date);
    let study_date = date(tags::STUDY_DATE);
    Common {
        study_uid: uid(tags::STUDY_INSTANCE_UID),
        series_uid: uid(tags::SERIES_INSTANCE_UID),
        frame_of_reference_uid: uid(tags::FRAME_OF_REFERENCE_UID),
        sop_class: uid(tags::SOP_CLASS_UID),
        transfer_syntax: interner.text(&file.syntax.uid),
        modality: text(tags::MODALITY),
        manufacturer: text(tags::MANUFACTURER),
        model: text(tags::MANUFACTURER_MODEL_NAME),
        body_part: text(tags::BODY_PART_EXAMINED),
        description: text(tags::SERIES_DESCRIPTION),
        laterality: text(tags::IMAGE_LATERALITY).or_else(|| text(tags::LATERALITY)),
        patient_position: uid(tags::PATIENT_POSITION),
        subject_digest: subject(set),
        study_date,
        series_date: date(tags::SERIES_DATE),
        acquisition_date: date(tags::ACQUISITION_DATE),
        born_after_study: date(tags::PATIENT_BIRTH_DATE).zip(study_date).is_some_and(|(b, s)| b > s),
        rows: None,
        columns: None,
        mosaic: None,
        pixel: pixel_format(set, interner),
        slice_thickness_mm: positive(frames::measure(set, tags::SLICE_THICKNESS)),
        spacing_between_slices_mm: positive(frames::measure(set, tags::SPACING_BETWEEN_SLICES)),
        declared_tilt_degrees: set.number(tags::GANTRY_DETECTOR_TILT),
        scanning_sequence: joined(set, tags::SCANNING_SEQUENCE, interner),
        acquisition_type: uid(tags::MR_ACQUISITION_TYPE),
        repetition_time_ms: frames::repetition_time_ms(set),
        series_type: joined(set, SERIES_TYPE, interner),
        units: uid(UNITS),
        temporal_positions: count(tags::NUMBER_OF_TEMPORAL_POSITIONS),
        images_in_acquisition: count(tags::IMAGES_IN_ACQUISITION),
        series_related_instances: count(tags::NUMBER_OF_SERIES_RELATED_INSTANCES),
        number_of_slices: count(CONTENT_NUMBER_OF_SLICES),
        number_of_time_slices: count(NUMBER_OF_TIME_SLICES),
        lossy: set.ascii(LOSSY_IMAGE_COMPRESSION) == Some("01"),
        burned_in: set.ascii(tags::BURNED_IN_ANNOTATION).map(|v| v == "YES"),
    }
}

/// Samples as the file says that they are stored.
fn pixel_format(set: &DataSet<'_>, interner: &Interner) -> PixelFormat {
    let small = |tag, absent| set.integer(tag).and_then(|n| u16::try_from(n).ok()).unwrap_or(absent);
    let bits_allocated = small(tags::BITS_ALLOCATED, 0);
    PixelFormat {
        samples: small(tags::SAMPLES_PER_PIXEL, 1),
        bits_allocated,
        bits_stored: small(tags::BITS_STORED, bits_allocated),
        high_bit: set.integer(tags::HIGH_BIT).and_then(|n| u16::try_from(n).ok()),
        signed: set.integer(tags::PIXEL_REPRESENTATION) == Some(1),
        photometric: set.ascii(tags::PHOTOMETRIC_INTERPRETATION).map(|t| interner.text(t)),
    }
}

/// Patient ID with its issuer, as a digest: enough to see that two instances disagree.
fn subject(set: &DataSet<'_>) -> Option<u64> {
    let id = set.bytes(tags::PATIENT_ID).filter(|id| !id.is_empty())?;
    let mut digest = Digest::default();
    digest.bytes(set.bytes(tags::ISSUER_OF_PATIENT_ID).unwrap_or_default());
    digest.bytes(id);
    Some(digest.finish())
}

fn size(set: &DataSet<'_>, tag: Tag) -> Option<u32> {
    set.integer(tag).and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0)
}

/// Number of Frames; 1 where it is absent or no number.
fn declared_frames(set: &DataSet<'_>) -> u32 {
    size(set, tags::NUMBER_OF_FRAMES).unwrap_or(1)
}

fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|v| *v > 0.0)
}

/// All values of a plain string, joined by backslashes.
fn joined(set: &DataSet<'_>, tag: Tag, interner: &Interner) -> Option<Arc<str>> {
    let values: Vec<&str> = set.ascii_values(tag).collect();
    (!values.is_empty()).then(|| interner.text(&values.join("\\")))
}

/// Siemens writes the slices of a volume as tiles of one image; how many there are stands in private elements only.
fn mosaic(
    set: &DataSet<'_>,
    csa: Option<&csa::Csa>,
    frame_count: u32,
    (rows, columns): (u32, u32),
) -> Option<Mosaic> {
    if frame_count != 1 || !set.ascii_values(tags::IMAGE_TYPE).any(|v| v == "MOSAIC") {
        return None;
    }
    let declared = private::number(set, 0x0019, "SIEMENS MR HEADER", 0x0A);
    let tiles = csa.and_then(|c| c.number("NumberOfImagesInMosaic")).or(declared)?;
    if !(1.0..=65536.0).contains(&tiles) {
        return None;
    }
    let across = tiles.sqrt().ceil() as u32;
    (rows % across == 0 && columns % across == 0).then_some(Mosaic { tiles: tiles as u32, across })
}
