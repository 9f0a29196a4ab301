//! From headers to series, stacks and grids. Pure: facts in, facts out, the same whatever the order of arrival.
//!
//! A *series* is what shares a Series Instance UID. A *stack* is a part of it whose frames lie on one grid: one line
//! of `gantry scan`. A stack with `volumes` > 1 holds the same positions several times, in time or by diffusion
//! weighting.

mod assemble;
mod cluster;
mod moment;
mod order;
mod split;
mod volumes;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::geometry::{Grid, Orientation, Vec3};
use crate::model::{Common, Header, SpacingSource};

pub use assemble::assemble;
pub use moment::{Moment, Times};

/// A series: its instances and how their frames are stacked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Series Instance UID; `None` gathers the instances of a study that have none.
    pub series_uid: Option<Arc<str>>,
    /// Study Instance UID, the first by text where instances disagree.
    pub study_uid: Option<Arc<str>>,
    /// Every Study Instance UID that instances claim.
    pub study_uids: Vec<Arc<str>>,
    /// Distinct instances, ordered by UID. Not part of the stored form: whoever stores a series has its headers.
    #[serde(skip)]
    pub instances: Vec<Instance>,
    /// The stacks; never empty.
    pub stacks: Vec<Stack>,
}

/// One SOP instance, however many files hold it.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The facts of the file that the series is built from.
    pub header: Header,
    /// Other files with the same UID.
    pub copies: Vec<Duplicate>,
}

/// Another file with the UID of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate {
    /// Its number, see [`Header::source`].
    pub source: u32,
    /// Its header says the same.
    pub same_header: bool,
    /// It has the same pixels; `None` where nobody can say without decoding.
    pub same_pixels: Option<bool>,
}

/// Frames of one series on one grid, or without a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// What the first frame says of the acquisition.
    pub common: Arc<Common>,
    /// Instances counted on this stack: those that no earlier stack of the series holds.
    pub instances: u32,
    /// Frames as the files count them.
    pub frames: u32,
    /// Image Type of the first frame, values joined by backslashes.
    pub image_type: Option<Arc<str>>,
    /// Why this is a stack of its own, where the series has several.
    pub split_by: Vec<SplitReason>,
    /// The grid of one volume.
    pub grid: Option<Grid>,
    /// Image Orientation (Patient), as it stands in the first frame.
    pub orientation: Option<Orientation>,
    /// Distance of rows, distance of columns.
    pub spacing_mm: Option<[f64; 2]>,
    /// Where the spacing comes from.
    pub spacing_source: SpacingSource,
    /// Distance of neighbouring slices along the normal: the median where there are several, else what the header
    /// says.
    pub slice_spacing_mm: Option<f64>,
    /// How often the positions were imaged; `None` without positions.
    pub volumes: Option<u32>,
    /// What tells the volumes apart.
    pub volumes_by: Option<VolumeReason>,
    /// When the volumes begin; `None` where there is one, or nothing tells.
    #[serde(default)]
    pub times: Option<Times>,
    /// Every slice, volume by volume, each in order along the normal row × column. Without positions: the order of
    /// instance numbers, and not shown as an order of slices.
    pub slices: Vec<Slice>,
    /// Steps between neighbouring slices that differ from the median.
    pub gaps: Vec<Gap>,
    /// Positions that a volume lacks.
    pub holes: Vec<Hole>,
    /// How far positions lie off the line from the first to the last, at most.
    pub off_line_mm: f64,
}

/// One slice: an instance, or one frame of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// SOP Instance UID; empty where the instance has none.
    pub uid: Arc<str>,
    /// Frame (or tile of a mosaic) from 1; 0 for an instance with one frame.
    pub frame: u32,
    /// Index in [`Series::instances`]; not stored.
    pub instance: u32,
}

/// A step between neighbouring slices that differs from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The slice before the gap, in order.
    pub after: Slice,
    /// The slice after the gap.
    pub before: Slice,
    /// Distance of the two along the normal.
    pub step_mm: f64,
    /// Distance of other neighbours, the median.
    pub expected_mm: f64,
    /// Where the slice before the gap lies along the normal.
    pub at_mm: f64,
}

impl Gap {
    /// How many slices would fit in, where the step is a whole multiple of the expected one.
    pub fn missing(&self) -> Option<u32> {
        let ratio = self.step_mm / self.expected_mm;
        let whole = ratio.round();
        let is_multiple = whole >= 2.0 && (ratio - whole).abs() <= 0.02 * whole.min(5.0);
        is_multiple.then(|| whole as u32 - 1)
    }
}

/// A position that a volume lacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hole {
    /// The volume, from 1.
    pub volume: u32,
    /// The position along the normal.
    pub at_mm: f64,
    /// The slice of the volume next to it: the one before, else the one after.
    pub beside: Option<Slice>,
}

/// What makes two frames of one series belong to different stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitReason {
    /// Rows, columns or samples per pixel.
    Matrix,
    /// One has a position in the patient, the other has none.
    Position,
    /// Pixel spacing.
    PixelSpacing,
    /// Image orientation.
    Orientation,
    /// Place of the image within its plane.
    InPlanePosition,
    /// Echo time or number.
    Echo,
    /// Image type: magnitude, phase, water, fat …
    ImageType,
    /// Convolution kernel.
    Kernel,
    /// Flip angle.
    FlipAngle,
    /// Peak kilovoltage.
    Kvp,
    /// Diffusion weighting or direction.
    Diffusion,
    /// Energy window, detector, rotation or phase of nuclear medicine.
    Detector,
    /// Inversion time.
    InversionTime,
    /// Stack ID.
    StackId,
    /// Contrast agent or phase.
    ContrastPhase,
    /// Acquisition number.
    Acquisition,
}

impl SplitReason {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Matrix => "matrix",
            Self::Position => "presence of a position",
            Self::PixelSpacing => "pixel spacing",
            Self::Orientation => "orientation",
            Self::InPlanePosition => "place within the plane",
            Self::Echo => "echo",
            Self::ImageType => "image type",
            Self::Kernel => "convolution kernel",
            Self::FlipAngle => "flip angle",
            Self::Kvp => "tube voltage",
            Self::Diffusion => "diffusion weighting",
            Self::Detector => "energy window, detector, rotation or phase",
            Self::InversionTime => "inversion time",
            Self::StackId => "stack ID",
            Self::ContrastPhase => "contrast phase",
            Self::Acquisition => "acquisition number",
        }
    }
}

/// What tells the volumes of a stack apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeReason {
    /// Temporal position.
    TemporalPosition,
    /// Diffusion weighting and direction.
    Diffusion,
    /// Trigger time, cardiac phase or frame reference time.
    Phase,
    /// Acquisition number.
    Acquisition,
    /// Acquisition time.
    AcquisitionTime,
    /// Content time.
    ContentTime,
    /// Segment number.
    Segment,
    /// The instance that holds it: an object with many frames, or a mosaic.
    Instance,
    /// Nothing but the order of instance numbers.
    InstanceNumber,
}

impl Series {
    /// Modality of the first stack.
    pub fn modality(&self) -> Option<&str> {
        self.stacks.first()?.common.modality.as_deref()
    }

    /// The first instance by its number, whatever its UID.
    pub fn first(&self) -> Option<&Instance> {
        self.instances.iter().min_by_key(|i| {
            let header = &i.header;
            (header.instance_number.unwrap_or(i32::MAX), header.numbers_digest, header.sop_uid.clone())
        })
    }

    /// The header that slice `slice` of a stack stands in.
    pub fn header_of(&self, slice: &Slice) -> Option<&Header> {
        self.instances.get(slice.instance as usize).map(|i| &i.header)
    }
}

impl Stack {
    /// Slices of one volume; 0 without positions.
    pub fn depth(&self) -> usize {
        self.grid.map_or(0, |g| g.shape[2] as usize)
    }

    /// Whether every volume has every position, so that the slices fill a block.
    pub fn is_complete(&self) -> bool {
        self.holes.is_empty() && self.slices.len() == self.depth() * self.volumes.unwrap_or(0) as usize
    }

    /// Seconds from one volume to the next, where they follow one another evenly: as their times say, and where none
    /// tells as the header declares.
    pub fn step_s(&self) -> Option<f64> {
        if self.volumes.unwrap_or(0) < 2 || self.volumes_by == Some(VolumeReason::Segment) {
            return None;
        }
        let declared = self.common.repetition_s();
        match &self.times {
            Some(times) if !times.starts_s.is_empty() => times.step_s(declared),
            _ => declared,
        }
    }

    /// Centre of the first voxel, LPS.
    pub fn origin_mm(&self) -> Option<Vec3> {
        self.grid.map(|g| g.origin_mm)
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            0 => f.write_str(&self.uid),
            frame => write!(f, "{}#{frame}", self.uid),
        }
    }
}

impl Serialize for Slice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Slice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (uid, frame) = text.split_once('#').unwrap_or((&text, "0"));
        let frame =
            frame.parse().map_err(|_| serde::de::Error::custom("a slice is written UID or UID#frame"))?;
        Ok(Self { uid: uid.into(), frame, instance: u32::MAX })
    }
}
