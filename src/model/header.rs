//! What Gantry knows of an instance without its pixels: few bytes, so that a hundred thousand fit in memory.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::HashSet;
use serde::{Deserialize, Serialize};

use super::geometry::{Orientation, Vec3};

/// The facts of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// SOP Instance UID.
    pub sop_uid: Option<Arc<str>>,
    /// What instances of a series usually have in common; shared between them.
    pub common: Arc<Common>,
    /// Instance Number.
    pub instance_number: Option<i32>,
    /// Number of Frames; 1 for an image without it, 0 where there are no pixels.
    pub frame_count: u32,
    /// One entry that holds for all frames, or one per frame (per tile of a mosaic).
    pub frames: Box<[Frame]>,
    /// Digest of the data set without pixels and without what only the encoding determines.
    pub header_digest: u64,
    /// Digest of the numbers in the data set, which no de-identification changes from secret to secret: it orders what
    /// nothing else does.
    #[serde(default)]
    pub numbers_digest: u64,
    /// Which of several files of one instance is preferred, the smallest first, where the caller knows; else 0.
    #[serde(default)]
    pub rank: u32,
    /// Digest of the stored pixel values, where somebody read them.
    pub pixel_digest: Option<u64>,
    /// [`Header::pixel_digest`] is one of decoded samples, the same in every encoding.
    #[serde(default)]
    pub pixels_decoded: bool,
    /// Declared length of the pixel data element in bytes; `None` where it is encapsulated or absent.
    pub pixel_bytes: Option<u64>,
    /// The data set ended inside an element, or the file before the declared end of its pixel data.
    pub truncated: bool,
    /// Where it came from, as the caller numbers its files. Carried along, and the last resort of an order.
    pub source: u32,
}

/// Facts that instances of one series usually share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Common {
    /// Study Instance UID.
    pub study_uid: Option<Arc<str>>,
    /// Series Instance UID.
    pub series_uid: Option<Arc<str>>,
    /// Frame of Reference UID.
    pub frame_of_reference_uid: Option<Arc<str>>,
    /// SOP Class UID.
    pub sop_class: Option<Arc<str>>,
    /// Transfer Syntax UID.
    pub transfer_syntax: Arc<str>,
    /// Modality.
    pub modality: Option<Arc<str>>,
    /// Manufacturer.
    pub manufacturer: Option<Arc<str>>,
    /// Manufacturer's Model Name.
    pub model: Option<Arc<str>>,
    /// Body Part Examined.
    pub body_part: Option<Arc<str>>,
    /// Series Description.
    pub description: Option<Arc<str>>,
    /// Laterality of the series or the image.
    pub laterality: Option<Arc<str>>,
    /// Patient Position, such as HFS.
    pub patient_position: Option<Arc<str>>,
    /// Digest of the Patient ID with its issuer, to tell subjects apart without knowing them.
    pub subject_digest: Option<u64>,
    /// Study Date, as eight digits read as a number.
    pub study_date: Option<u32>,
    /// Series Date.
    pub series_date: Option<u32>,
    /// Acquisition Date.
    pub acquisition_date: Option<u32>,
    /// Patient's Birth Date lies after the Study Date.
    pub born_after_study: bool,
    /// Rows of the image, of a tile in a mosaic.
    pub rows: Option<u32>,
    /// Columns of the image, of a tile in a mosaic.
    pub columns: Option<u32>,
    /// How a mosaic is laid out.
    pub mosaic: Option<Mosaic>,
    /// How samples are stored.
    pub pixel: PixelFormat,
    /// Slice Thickness in mm.
    pub slice_thickness_mm: Option<f64>,
    /// Spacing Between Slices in mm.
    pub spacing_between_slices_mm: Option<f64>,
    /// Gantry/Detector Tilt in degrees.
    pub declared_tilt_degrees: Option<f64>,
    /// Scanning Sequence, values joined by backslashes.
    pub scanning_sequence: Option<Arc<str>>,
    /// MR Acquisition Type: 2D or 3D.
    pub acquisition_type: Option<Arc<str>>,
    /// Repetition Time in ms; of an enhanced object that of its first frame.
    pub repetition_time_ms: Option<f64>,
    /// Series Type of PET, values joined by backslashes.
    pub series_type: Option<Arc<str>>,
    /// Units of pixel values of PET.
    pub units: Option<Arc<str>>,
    /// Number of Temporal Positions.
    pub temporal_positions: Option<u32>,
    /// Images in Acquisition.
    pub images_in_acquisition: Option<u32>,
    /// Number of Series Related Instances.
    pub series_related_instances: Option<u32>,
    /// Number of Slices (PET and NM).
    pub number_of_slices: Option<u32>,
    /// Number of Time Slices (PET).
    pub number_of_time_slices: Option<u32>,
    /// Whether the image was compressed with loss at some time.
    pub lossy: bool,
    /// Whether text is burned into the pixels, where the file says so.
    pub burned_in: Option<bool>,
}

impl Common {
    /// Seconds from one volume to the next as an MR header declares them: Repetition Time, which is the time of a
    /// volume where slices are acquired one by one. A volume that is acquired as a whole takes many repetitions.
    pub fn repetition_s(&self) -> Option<f64> {
        let is_whole = self.acquisition_type.as_deref() == Some("3D");
        let seconds = self.repetition_time_ms.map(|ms| ms / 1000.0).filter(|s| *s > 0.0);
        seconds.filter(|_| self.modality.as_deref() == Some("MR") && !is_whole)
    }
}

/// How samples are stored (PS3.3 C.7.6.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PixelFormat {
    /// Samples per Pixel.
    pub samples: u16,
    /// Bits Allocated.
    pub bits_allocated: u16,
    /// Bits Stored.
    pub bits_stored: u16,
    /// High Bit; `None` where it is absent.
    #[serde(default)]
    pub high_bit: Option<u16>,
    /// Pixel Representation is 1.
    pub signed: bool,
    /// Photometric Interpretation.
    pub photometric: Option<Arc<str>>,
}

/// A Siemens mosaic: the slices of a volume as tiles of one image, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mosaic {
    /// Tiles that hold a slice.
    pub tiles: u32,
    /// Tiles beside each other; as many rows of them.
    pub across: u32,
}

/// Everything that may differ from frame to frame.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Frame {
    /// Centre of the first pixel, LPS: Image Position (Patient).
    pub position_mm: Option<Vec3>,
    /// Image Orientation (Patient).
    pub orientation: Option<Orientation>,
    /// Distance of rows, distance of columns.
    pub spacing_mm: Option<[f64; 2]>,
    /// Where the spacing comes from.
    pub spacing_source: SpacingSource,
    /// Image Type or Frame Type with the complex component, values joined by backslashes.
    pub image_type: Option<Arc<str>>,
    /// Echo Time in ms.
    pub echo_time_ms: Option<f64>,
    /// Echo number.
    pub echo_number: Option<i32>,
    /// Convolution Kernel, values joined by backslashes.
    pub kernel: Option<Arc<str>>,
    /// Peak kilovoltage.
    pub kvp: Option<f64>,
    /// Inversion Time in ms.
    pub inversion_time_ms: Option<f64>,
    /// Flip Angle in degrees.
    pub flip_degrees: Option<f64>,
    /// Acquisition Number.
    pub acquisition_number: Option<i32>,
    /// Contrast agent or phase of its passage.
    pub contrast: Option<Arc<str>>,
    /// Stack ID.
    pub stack: Option<Arc<str>>,
    /// Referenced Segment Number.
    pub segment: Option<i32>,
    /// Temporal Position Identifier or Index.
    pub temporal_position: Option<i32>,
    /// Temporal Position Time Offset in s.
    pub temporal_offset_s: Option<f64>,
    /// Trigger Time in ms.
    pub trigger_ms: Option<f64>,
    /// Frame Reference Time in ms.
    pub frame_reference_ms: Option<f64>,
    /// Nominal Percentage of Cardiac Phase.
    pub cardiac_percent: Option<f64>,
    /// Nominal Cardiac Trigger Delay Time in ms.
    pub cardiac_delay_ms: Option<f64>,
    /// Actual Frame Duration or Frame Acquisition Duration in ms.
    pub duration_ms: Option<f64>,
    /// Where in the vectors of nuclear medicine a frame stands: detector, energy window, rotation, phase, time slot and
    /// whatever else is not the slice.
    pub counters: Option<Arc<str>>,
    /// Acquisition date and time in seconds, date included.
    pub acquired_s: Option<f64>,
    /// Content date and time in seconds, date included.
    pub content_s: Option<f64>,
    /// Diffusion weighting in s/mm².
    pub b_value: Option<f64>,
    /// Diffusion gradient direction, LPS, where there is one.
    pub b_direction: Option<Vec3>,
    /// Rescale Slope and Rescale Intercept.
    pub rescale: Option<[f64; 2]>,
    /// Scale Slope of Philips: measured value = display value / (Rescale Slope × it).
    pub philips_scale: Option<f64>,
    /// Slice Location.
    pub slice_location_mm: Option<f64>,
}

/// Which attribute gave the pixel spacing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpacingSource {
    /// Pixel Spacing: in the patient.
    #[default]
    Pixel,
    /// Imager Pixel Spacing or Nominal Scanned Pixel Spacing: at the detector, magnified.
    Detector,
    /// Physical Delta of an ultrasound region.
    Region,
}

impl Header {
    /// The facts of frame `index` (from 0).
    pub fn frame(&self, index: u32) -> Option<&Frame> {
        if self.frames.len() == 1 { self.frames.first() } else { self.frames.get(index as usize) }
    }

    /// How many slices it holds: frames, or tiles of a mosaic.
    pub fn slice_count(&self) -> u32 {
        self.common.mosaic.map_or(self.frame_count, |m| m.tiles)
    }

    /// Whether there are pixels at all.
    pub fn is_image(&self) -> bool {
        self.frame_count > 0
    }
}

// No value is NaN: the reader of files lets only finite numbers through.
impl Eq for Common {}

impl Hash for Common {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.series_uid.hash(state);
        self.transfer_syntax.hash(state);
        (self.rows, self.columns, &self.pixel, self.acquisition_date).hash(state);
        self.slice_thickness_mm.map(f64::to_bits).hash(state);
    }
}

/// Keeps one copy of what is equal. Shared between threads.
#[derive(Debug, Default)]
pub struct Interner {
    commons: Mutex<HashSet<Arc<Common>>>,
    strings: Mutex<HashSet<Arc<str>>>,
}

impl Interner {
    /// The one copy of `common`.
    pub fn common(&self, common: Common) -> Arc<Common> {
        let mut known = self.commons.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&common) {
            return Arc::clone(found);
        }
        let new = Arc::new(common);
        known.insert(Arc::clone(&new));
        new
    }

    /// The one copy of `text`.
    pub fn text(&self, text: &str) -> Arc<str> {
        let mut known = self.strings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(text) {
            return Arc::clone(found);
        }
        let new: Arc<str> = text.into();
        known.insert(Arc::clone(&new));
        new
    }
}
