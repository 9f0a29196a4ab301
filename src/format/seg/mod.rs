//! DICOM segmentations (PS3.3 C.8.20, Segmentation IOD): what they hold, and their voxels on a grid.
//!
//! Binary, fractional and labelmap segmentations are read; a fractional voxel counts where its value is at least half
//! of Maximum Fractional Value. Frames are placed by their plane position and never by their order; slices that the
//! writer left out are background. Overlapping segments stay apart.

mod lattice;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use thiserror::Error;

use crate::dicom::codec::{self, PixelError};
use crate::dicom::{self, Charset, DataSet, ReadError, ReadOptions};
use crate::measure::grid::Labels;
use crate::model::geometry::Grid;
use crate::model::pixels::Samples;
use crate::model::{Header, Interner, Tag, VoxelMapping, tags};

use lattice::Lattice;

/// SOP class of binary and fractional segmentations.
const SEGMENTATION: &str = "1.2.840.10008.5.1.4.1.1.66.4";
/// SOP class of labelmap segmentations (Supplement 243).
const LABELMAP: &str = "1.2.840.10008.5.1.4.1.1.66.7";
const SEGMENTATION_TYPE: Tag = Tag::new(0x0062, 0x0001);
const SEGMENT_SEQUENCE: Tag = Tag::new(0x0062, 0x0002);
const PROPERTY_TYPE_CODE: Tag = Tag::new(0x0062, 0x000F);
const SEGMENT_NUMBER: Tag = Tag::new(0x0062, 0x0004);
const SEGMENT_LABEL: Tag = Tag::new(0x0062, 0x0005);
const MAXIMUM_FRACTIONAL_VALUE: Tag = Tag::new(0x0062, 0x000E);
const CODE_VALUE: Tag = Tag::new(0x0008, 0x0100);
const CODING_SCHEME: Tag = Tag::new(0x0008, 0x0102);
const CODE_MEANING: Tag = Tag::new(0x0008, 0x0104);
/// A file beyond this is not read.
const MAX_BYTES: u64 = 4 << 30;
/// Segments described by one file; atlases have some hundreds.
const MAX_SEGMENTS: usize = 65_535;

/// Why a segmentation cannot be read or placed. Holds no value of the file.
#[derive(Debug, Error)]
pub enum SegError {
    /// The file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Another kind of object.
    #[error("not a DICOM segmentation")]
    NotSegmentation,
    /// Its pixels.
    #[error("its pixels cannot be decoded: {0}")]
    Pixels(#[from] PixelError),
    /// Header and functional groups contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// No grid that every frame lies on.
    #[error("its frames do not lie on one grid: {0}")]
    NoGrid(&'static str),
    /// A grid with other axes, or a segment that reaches beyond it.
    #[error("it does not lie on the voxels of the other: {0}")]
    OtherGrid(&'static str),
}

/// A code of a terminology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Code {
    /// Code Value.
    pub value: String,
    /// Coding Scheme Designator.
    pub scheme: String,
    /// Code Meaning.
    pub meaning: String,
}

/// A segment as the file describes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Segment {
    /// Segment Number.
    pub number: u32,
    /// Segment Label.
    pub name: String,
    /// Segmented Property Type.
    pub code: Option<Code>,
    /// Voxels that belong to it.
    pub voxels: u64,
    /// Their volume, where the grid is known.
    pub volume_mm3: Option<f64>,
    /// Frames in which it has a voxel.
    pub frames: u32,
}

/// One segment in one plane: its voxels as bits, rows from the top.
#[derive(Debug, Clone)]
struct Plane {
    frame: u32,
    bits: Vec<u8>,
}

/// A segmentation.
#[derive(Debug, Clone)]
pub struct Seg {
    /// The series that was segmented.
    pub series_uid: Option<String>,
    /// Every segment described, and those found in the pixels only.
    pub segments: Vec<Segment>,
    /// What is odd about the file, in words.
    pub warnings: Vec<String>,
    columns: u32,
    planes: BTreeMap<u32, Vec<Plane>>,
    lattice: Result<Lattice, &'static str>,
}

impl Seg {
    /// Whether a file may be a segmentation; `false` also where it cannot be read.
    pub fn is_one(path: &Path) -> bool {
        let class =
            dicom::with_header(path, |file, _| file.dataset.ascii(tags::SOP_CLASS_UID).map(str::to_owned));
        class.is_ok_and(|c| c.is_some_and(|c| c == SEGMENTATION || c == LABELMAP))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is no segmentation, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, SegError> {
        let size = std::fs::metadata(path).map_err(ReadError::from)?.len();
        if size > MAX_BYTES {
            return Err(ReadError::TooLarge { limit_mib: MAX_BYTES >> 20 }.into());
        }
        Self::from_bytes(&std::fs::read(path).map_err(ReadError::from)?)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// As [`Seg::read`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SegError> {
        let file = dicom::read(bytes, ReadOptions::default())?;
        let set = &file.dataset;
        let labelmap = match set.ascii(tags::SOP_CLASS_UID) {
            Some(SEGMENTATION) => set.ascii(SEGMENTATION_TYPE) == Some("LABELMAP"),
            Some(LABELMAP) => true,
            _ => return Err(SegError::NotSegmentation),
        };
        let header = dicom::header(&file, bytes.len() as u64, &Interner::default(), 0);
        let mut warnings = Vec::new();
        let groups = set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).len();
        if groups != header.frame_count as usize && groups > 0 {
            warnings.push(format!("{} frames are declared and {groups} described", header.frame_count));
        }
        let planes = planes(&codec::open(&file)?, &header, labelmap, least(set))?;
        let columns = header.common.columns.unwrap_or(0);
        let lattice = Lattice::of(&header);
        let voxel_mm3 = lattice.as_ref().ok().map(|l| l.grid.voxel_mm3());
        let segments = segments(set, &planes, voxel_mm3);
        let series = set.item(tags::REFERENCED_SERIES_SEQUENCE);
        let series_uid = series.and_then(|s| s.ascii(tags::SERIES_INSTANCE_UID)).map(str::to_owned);
        Ok(Self { series_uid, segments, warnings, columns, planes, lattice })
    }

    /// The smallest grid that holds every frame of the file.
    ///
    /// # Errors
    /// There is none.
    pub fn grid(&self) -> Result<&Grid, SegError> {
        self.lattice.as_ref().map(|l| &l.grid).map_err(|why| SegError::NoGrid(why))
    }

    /// The numbers of the segments that have a voxel.
    pub fn present(&self) -> impl Iterator<Item = u32> {
        self.planes.keys().copied()
    }

    /// The smallest grid on the voxels of `self` that holds both segmentations.
    ///
    /// # Errors
    /// The other's voxels are not those of this one.
    pub fn common_grid(&self, other: &Self) -> Result<Grid, SegError> {
        let (ours, theirs) = (self.grid()?, other.grid()?);
        VoxelMapping::between(theirs, ours).map(|m| m.cover(theirs, ours)).map_err(SegError::OtherGrid)
    }

    /// One segment as a mask of 0 and 1 on `target`, column fastest.
    ///
    /// # Errors
    /// The target has other voxels, or the segment reaches beyond it.
    pub fn mask(&self, number: u32, target: &Grid) -> Result<Vec<u8>, SegError> {
        let mut mask = vec![0; voxels(target)];
        self.each_voxel(number, target, |at| mask[at] = 1)?;
        Ok(mask)
    }

    /// All segments as one labelmap on `target`, column fastest; `None` where two share a voxel.
    ///
    /// # Errors
    /// As [`Seg::mask`].
    pub fn labels(&self, target: &Grid) -> Result<Option<Labels>, SegError> {
        let mut labels = vec![0_u16; voxels(target)];
        let mut overlap = false;
        for number in self.present() {
            // Segment Number is US: 1 to 65,535.
            let label = u16::try_from(number).unwrap_or(u16::MAX);
            self.each_voxel(number, target, |at| {
                overlap |= labels[at] != 0;
                labels[at] = label;
            })?;
        }
        Ok((!overlap).then_some(Labels::U16(labels)))
    }

    fn each_voxel(&self, number: u32, target: &Grid, mut put: impl FnMut(usize)) -> Result<(), SegError> {
        let lattice = self.lattice.as_ref().map_err(|why| SegError::NoGrid(why))?;
        let mapping = VoxelMapping::between(&lattice.grid, target).map_err(SegError::OtherGrid)?;
        for plane in self.planes.get(&number).map_or(&[][..], Vec::as_slice) {
            let slice = lattice.slice_of(plane.frame);
            for pixel in ones(&plane.bits) {
                let index = [pixel as u32 % self.columns, pixel as u32 / self.columns, slice];
                let at = mapping.offset(index, target);
                put(at.ok_or(SegError::OtherGrid("a segment reaches beyond the grid"))?);
            }
        }
        Ok(())
    }
}

fn voxels(grid: &Grid) -> usize {
    grid.shape.iter().map(|&n| n as usize).product()
}

/// The least value of a fractional segmentation that counts; 1 for the others.
fn least(set: &DataSet<'_>) -> f64 {
    if set.ascii(SEGMENTATION_TYPE) == Some("FRACTIONAL") {
        (set.number(MAXIMUM_FRACTIONAL_VALUE).unwrap_or(255.0) / 2.0).max(1.0)
    } else {
        1.0
    }
}

/// Every plane with a voxel, by segment.
fn planes(
    reader: &codec::FrameReader<'_>,
    header: &Header,
    labelmap: bool,
    least: f64,
) -> Result<BTreeMap<u32, Vec<Plane>>, SegError> {
    let mut planes: BTreeMap<u32, Vec<Plane>> = BTreeMap::new();
    for frame in 0..header.frame_count {
        let samples = reader.decode_frame(frame)?.samples;
        let number = header.frames.get(frame as usize).or(header.frames.last()).and_then(|f| f.segment);
        if labelmap {
            for (number, bits) in by_value(&samples) {
                planes.entry(number).or_default().push(Plane { frame, bits });
            }
            continue;
        }
        let number = number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).ok_or_else(|| {
            SegError::Contradiction(format!("frame {} does not say which segment it shows", frame + 1))
        })?;
        if let Some(bits) = at_least(&samples, least) {
            planes.entry(number).or_default().push(Plane { frame, bits });
        }
    }
    Ok(planes)
}

/// Bits of the samples that reach `least`; `None` where none does.
fn at_least(samples: &Samples, least: f64) -> Option<Vec<u8>> {
    let mut bits = Bits::default();
    let mut any = false;
    samples.each(|value| {
        any |= value >= least;
        bits.push(value >= least);
    });
    any.then(|| bits.done())
}

/// Bits of each value but 0.
fn by_value(samples: &Samples) -> BTreeMap<u32, Vec<u8>> {
    let mut found: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut count = 0_usize;
    samples.each(|value| {
        let bits = (value >= 1.0).then(|| found.entry(value as u32).or_default());
        if let Some(bits) = bits {
            if bits.len() <= count / 8 {
                bits.resize(count / 8 + 1, 0);
            }
            bits[count / 8] |= 1 << (count % 8);
        }
        count += 1;
    });
    found
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.count.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.count % 8);
        }
        self.count += 1;
    }

    fn done(self) -> Vec<u8> {
        self.bytes
    }
}

/// Positions of the bits that are set.
fn ones(bits: &[u8]) -> impl Iterator<Item = usize> {
    bits.iter()
        .enumerate()
        .filter(|(_, b)| **b != 0)
        .flat_map(|(at, &byte)| (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| 8 * at + bit))
}

fn segments(set: &DataSet<'_>, planes: &BTreeMap<u32, Vec<Plane>>, voxel_mm3: Option<f64>) -> Vec<Segment> {
    let charset = set.charset(&Charset::default());
    let mut found: BTreeMap<u32, Segment> = BTreeMap::new();
    for item in set.items(SEGMENT_SEQUENCE).iter().take(MAX_SEGMENTS) {
        let Some(number) = item.integer(SEGMENT_NUMBER).and_then(|n| u32::try_from(n).ok()) else { continue };
        let name = item.text(SEGMENT_LABEL, &charset).unwrap_or_default();
        let code = item.item(PROPERTY_TYPE_CODE).map(|code| code_of(code, &charset));
        found.entry(number).or_insert(Segment { number, name, code, voxels: 0, volume_mm3: None, frames: 0 });
    }
    for &number in planes.keys() {
        let unnamed =
            || Segment { number, name: String::new(), code: None, voxels: 0, volume_mm3: None, frames: 0 };
        found.entry(number).or_insert_with(unnamed);
    }
    for segment in found.values_mut() {
        let planes = planes.get(&segment.number).map_or(&[][..], Vec::as_slice);
        segment.frames = planes.len() as u32;
        segment.voxels = planes.iter().flat_map(|p| &p.bits).map(|b| u64::from(b.count_ones())).sum();
        segment.volume_mm3 = voxel_mm3.map(|mm3| mm3 * segment.voxels as f64);
    }
    found.into_values().collect()
}

fn code_of(item: &DataSet<'_>, charset: &Charset) -> Code {
    let text = |tag| item.text(tag, charset).unwrap_or_default();
    Code { value: text(CODE_VALUE), scheme: text(CODING_SCHEME), meaning: text(CODE_MEANING) }
}
