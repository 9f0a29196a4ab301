//! From the bytes of a DICOM file to a slice that can be drawn.

use crate::bytes::{ByteSource, SpillConfig};
use crate::dicom::codec::{self, PixelError};
use crate::dicom::{Contents, DataSet, File, ReadError, ReadOptions, header};
use crate::model::pixels::{Photometric, PixelLayout, Samples};
use crate::model::{Interner, Mosaic, Tag, tags};
use crate::render::{Pixels, Shape, Slice, Window};

/// VOI LUT Function.
const VOI_LUT_FUNCTION: Tag = Tag::new(0x0028, 0x1056);
/// Window Center & Width Explanation.
const WINDOW_EXPLANATION: Tag = Tag::new(0x0028, 0x1055);
/// Frame VOI LUT Sequence.
const FRAME_VOI_LUT_SEQUENCE: Tag = Tag::new(0x0028, 0x9132);
/// Presentation LUT Shape.
const PRESENTATION_LUT_SHAPE: Tag = Tag::new(0x2050, 0x0020);
/// Palette Color Lookup Table Descriptor and Data of red, green, blue.
const PALETTES: [(Tag, Tag); 3] = [
    (Tag::new(0x0028, 0x1101), Tag::new(0x0028, 0x1201)),
    (Tag::new(0x0028, 0x1102), Tag::new(0x0028, 0x1202)),
    (Tag::new(0x0028, 0x1103), Tag::new(0x0028, 0x1203)),
];
/// LUT Descriptor and LUT Data, in the items of a look-up table sequence.
const LUT: (Tag, Tag) = (Tag::new(0x0028, 0x3002), Tag::new(0x0028, 0x3006));

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file has no pixel data, or it is not described.
    #[error("the file holds no image")]
    NoImage,
    /// The pixels cannot be decoded.
    #[error(transparent)]
    Pixels(#[from] PixelError),
}

/// Decodes frame `frame` (from 0) of a DICOM file.
///
/// # Errors
/// [`PictureError`]
pub fn picture(bytes: &ByteSource<'_>, frame: u32) -> Result<Slice, PictureError> {
    let contents = Contents::of(bytes.borrowed(), SpillConfig::default());
    picture_of(&contents.read(ReadOptions::default())?, frame)
}

/// Decodes frame `frame` (from 0) of a file that was read. The tiles of a mosaic count as frames.
///
/// # Errors
/// [`PictureError`]
pub fn picture_of(file: &File<'_>, frame: u32) -> Result<Slice, PictureError> {
    match mosaic_of(file) {
        Some(mosaic) => tile(whole(file, 0)?, mosaic, frame).ok_or(PictureError::NoImage),
        None => whole(file, frame),
    }
}

/// Decodes frame `frame` (from 0) of a DICOM file as it is stored: a mosaic is one frame.
///
/// # Errors
/// [`PictureError`]
pub fn stored_frame(bytes: &ByteSource<'_>, frame: u32) -> Result<Slice, PictureError> {
    let contents = Contents::of(bytes.borrowed(), SpillConfig::default());
    whole(&contents.read(ReadOptions::default())?, frame)
}

fn whole(file: &File<'_>, stored: u32) -> Result<Slice, PictureError> {
    let dataset = &file.dataset;
    let reader = codec::open(file)?;
    let layout = reader.layout().clone();
    let decoded = reader.decode_frame(stored)?;
    let groups = Groups::new(dataset, stored);
    let pixels = match (&layout.photometric, decoded.samples_per_pixel) {
        (Photometric::Palette, 1) => Pixels::Rgb(palette(dataset, &decoded.samples)),
        (_, 3) => Pixels::Rgb(bytes(&decoded.samples, layout.significant_bits())),
        (_, 1) => Pixels::Grey(modality_values(&groups, &decoded.samples)),
        _ => return Err(PictureError::NoImage),
    };
    Ok(slice(dataset, &groups, &layout, pixels))
}

fn mosaic_of(file: &File<'_>) -> Option<Mosaic> {
    let claims = file.dataset.ascii_values(tags::IMAGE_TYPE).any(|value| value == "MOSAIC");
    claims.then(|| header(file, 0, &Interner::default(), 0).common.mosaic).flatten()
}

/// One tile of a mosaic as a slice of its own.
fn tile(whole: Slice, mosaic: Mosaic, index: u32) -> Option<Slice> {
    let across = mosaic.across.max(1);
    let (columns, rows) = (whole.columns / across, whole.rows / across);
    let (left, top) = (index % across * columns, index / across * rows);
    if index >= mosaic.tiles || top + rows > whole.rows || columns == 0 {
        return None;
    }
    let Pixels::Grey(values) = &whole.pixels else { return None };
    let line = |row: u32| {
        let from = (top + row) as usize * whole.columns as usize + left as usize;
        values.get(from..from + columns as usize)
    };
    let cut = (0..rows).map(line).collect::<Option<Vec<_>>>()?.concat();
    Some(Slice { columns, rows, pixels: Pixels::Grey(cut), ..whole })
}

/// How many frames a file's image has; `None` where it holds none.
pub fn frame_count(file: &File<'_>) -> Option<u32> {
    let frames = codec::layout(&file.dataset).ok()?.frames;
    Some(mosaic_of(file).map_or(frames, |mosaic| mosaic.tiles))
}

fn slice(dataset: &DataSet<'_>, groups: &Groups<'_, '_>, layout: &PixelLayout, pixels: Pixels) -> Slice {
    let spacing = pair(&groups.numbers(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING))
        .or_else(|| pair(&dataset.numbers(tags::IMAGER_PIXEL_SPACING)))
        .or_else(|| pair(&dataset.numbers(tags::NOMINAL_SCANNED_PIXEL_SPACING)));
    let ratio = spacing.or_else(|| pair(&dataset.numbers(tags::PIXEL_ASPECT_RATIO)));
    let orientation = groups.numbers(tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT);
    let modality = dataset.ascii(tags::MODALITY).unwrap_or_default().to_string();
    let unit = match dataset.ascii(tags::RESCALE_TYPE) {
        Some(unit) if !unit.is_empty() && unit != "US" => unit.to_string(),
        _ if modality == "CT" => "HU".to_string(),
        _ => String::new(),
    };
    let shape = dataset.ascii(PRESENTATION_LUT_SHAPE).unwrap_or_default();
    let inverted = match shape {
        "IDENTITY" => false,
        "INVERSE" => true,
        _ => layout.photometric == Photometric::Monochrome1,
    };
    Slice {
        columns: layout.columns,
        rows: layout.rows,
        pixels,
        inverted,
        spacing_mm: spacing,
        aspect: ratio.map_or(1.0, |[rows, columns]| rows / columns),
        orientation: <[f64; 6]>::try_from(orientation).ok().filter(|o| o.iter().all(|v| v.is_finite())),
        windows: windows(groups),
        modality,
        unit,
    }
}

fn pair(numbers: &[f64]) -> Option<[f64; 2]> {
    match *numbers {
        [a, b, ..] if a.is_finite() && b.is_finite() && a > 0.0 && b > 0.0 => Some([a, b]),
        _ => None,
    }
}

fn windows(groups: &Groups<'_, '_>) -> Vec<(String, Window)> {
    let centers = groups.numbers(FRAME_VOI_LUT_SEQUENCE, tags::WINDOW_CENTER);
    let widths = groups.numbers(FRAME_VOI_LUT_SEQUENCE, tags::WINDOW_WIDTH);
    let names = groups.texts(FRAME_VOI_LUT_SEQUENCE, WINDOW_EXPLANATION);
    let shape = match groups.texts(FRAME_VOI_LUT_SEQUENCE, VOI_LUT_FUNCTION).first().map(String::as_str) {
        Some("SIGMOID") => Shape::Sigmoid,
        Some("LINEAR_EXACT") => Shape::LinearExact,
        _ => Shape::Linear,
    };
    let usable = |&(center, width): &(f64, f64)| center.is_finite() && width.is_finite() && width > 0.0;
    let pairs = centers.into_iter().zip(widths).filter(usable).take(8);
    pairs
        .enumerate()
        .map(|(i, (center, width))| {
            (names.get(i).cloned().unwrap_or_default(), Window { center, width, shape })
        })
        .collect()
}

/// The data set with the functional groups of one frame (PS3.3 C.7.6.16): per frame, shared, else the data set.
struct Groups<'d, 'a> {
    dataset: &'d DataSet<'a>,
    places: [Option<&'d DataSet<'a>>; 2],
}

impl<'d, 'a> Groups<'d, 'a> {
    fn new(dataset: &'d DataSet<'a>, frame: u32) -> Self {
        let own = dataset.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).get(frame as usize);
        Self { dataset, places: [own, dataset.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)] }
    }

    fn holder(&self, group: Tag, tag: Tag) -> &'d DataSet<'a> {
        let items = self.places.into_iter().flatten().filter_map(|place| place.item(group));
        items.into_iter().find(|item| item.get(tag).is_some()).unwrap_or(self.dataset)
    }

    fn numbers(&self, group: Tag, tag: Tag) -> Vec<f64> {
        self.holder(group, tag).numbers(tag)
    }

    fn texts(&self, group: Tag, tag: Tag) -> Vec<String> {
        let holder = self.holder(group, tag);
        let text = holder.text(tag, &holder.charset(&crate::dicom::Charset::default())).unwrap_or_default();
        text.split('\\').map(|part| part.trim().to_string()).collect()
    }
}

/// Stored values through the Modality LUT, or rescale slope and intercept.
fn modality_values(groups: &Groups<'_, '_>, samples: &Samples) -> Vec<f32> {
    let stored = (0..samples.len()).map(|i| samples.get(i).unwrap_or(0.0));
    if let Some(lut) = groups.dataset.item(tags::MODALITY_LUT_SEQUENCE).and_then(|item| Lut::of(item, LUT)) {
        return stored.map(|value| lut.get(value) as f32).collect();
    }
    let group = tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE;
    let number =
        |tag, absent| groups.numbers(group, tag).first().copied().filter(|v| v.is_finite()).unwrap_or(absent);
    let (slope, intercept) = (number(tags::RESCALE_SLOPE, 1.0), number(tags::RESCALE_INTERCEPT, 0.0));
    let slope = if slope == 0.0 { 1.0 } else { slope };
    stored.map(|value| (value * slope + intercept) as f32).collect()
}

/// A look-up table (PS3.3 C.11.1.1): values before the first entry take the first, beyond the last the last.
struct Lut {
    first: f64,
    entries: Vec<u16>,
    bits: u16,
}

impl Lut {
    fn of(item: &DataSet<'_>, (descriptor, data): (Tag, Tag)) -> Option<Self> {
        let numbers = item.numbers(descriptor);
        let [count, first, bits] = <[f64; 3]>::try_from(numbers).ok()?;
        let count = if count <= 0.0 { 65_536 } else { count as usize };
        let bytes = item.bytes(data)?;
        let entries: Vec<u16> = if bytes.len() < count * 2 && bytes.len() >= count {
            bytes.iter().take(count).map(|&b| u16::from(b)).collect()
        } else {
            bytes.as_chunks::<2>().0.iter().take(count).map(|pair| u16::from_le_bytes(*pair)).collect()
        };
        (!entries.is_empty()).then_some(Self { first, entries, bits: bits as u16 })
    }

    fn get(&self, value: f64) -> u16 {
        let index = (value - self.first).clamp(0.0, (self.entries.len() - 1) as f64);
        self.entries[index as usize]
    }
}

fn palette(dataset: &DataSet<'_>, samples: &Samples) -> Vec<u8> {
    let tables = PALETTES.map(|tags| Lut::of(dataset, tags));
    let mut out = Vec::with_capacity(samples.len() * 3);
    for index in 0..samples.len() {
        let value = samples.get(index).unwrap_or(0.0);
        for table in &tables {
            let entry = table
                .as_ref()
                .map_or(value as u16, |lut| if lut.bits > 8 { lut.get(value) >> 8 } else { lut.get(value) });
            out.push(entry as u8);
        }
    }
    out
}

/// Colour samples as bytes.
fn bytes(samples: &Samples, bits: u32) -> Vec<u8> {
    match samples {
        Samples::U8(values) => values.clone(),
        other => {
            let scale = 255.0 / ((1_u64 << bits.clamp(1, 32)) - 1) as f64;
            (0..other.len()).map(|i| (other.get(i).unwrap_or(0.0) * scale).clamp(0.0, 255.0) as u8).collect()
        }
    }
}
