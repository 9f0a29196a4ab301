//! Masks: areas of frames filled with what is background there, everything else as it was.

use std::io::{self, Write as _};
use std::ops::Range;

use crate::bytes::{SpillBuffer, SpillConfig};
use crate::dicom::codec::{self, FrameReader, Note, PixelError, RLE_LOSSLESS};
use crate::dicom::{DataSet, Element, Fragments, Syntax, Value};
use crate::model::pixels::{Photometric, PixelLayout, SampleKind, Samples};
use crate::model::{Area, Tag, Vr, tags};

use super::face::Blur;
use super::grey::Palette;

/// Frames that are looked at.
const MOST_FRAMES: u32 = 1 << 20;
const PIXEL_PADDING_VALUE: Tag = Tag::new(0x0028, 0x0120);

/// Pixel data as it came, with all that is needed to decode it.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// Layout, the colour model taken for RGB where samples are to stay as they are stored.
    pub layout: PixelLayout,
    /// Transfer syntax of the pixels as they are read.
    pub syntax: String,
    value: Value<'a>,
    extended: Option<(Vec<u64>, Vec<u64>)>,
}

impl<'a> Origin<'a> {
    /// Of a data set that holds its pixel data.
    ///
    /// # Errors
    /// As [`codec::layout`].
    pub fn whole(set: &'a DataSet<'_>, syntax: &str) -> Result<Self, PixelError> {
        let element = set.get(tags::PIXEL_DATA).ok_or(PixelError::NoPixels)?;
        Self::of(set, &element.value, syntax)
    }

    /// Of a data set and its pixel data. Native and run-length samples stay luminance and chroma where they are: every
    /// bit outside the masks must be what it was.
    ///
    /// # Errors
    /// As [`codec::layout`].
    pub fn of(set: &DataSet<'_>, pixels: &'a Value<'_>, syntax: &str) -> Result<Self, PixelError> {
        let mut layout = codec::layout(set)?;
        let turned = syntax == Syntax::EXPLICIT_BE;
        let syntax = if turned { Syntax::EXPLICIT_LE } else { syntax }.to_string();
        if keeps_colours(&syntax) && layout.photometric.is_ybr() && !is_subsampled(&layout) {
            layout.photometric = Photometric::Rgb;
        }
        Ok(Self { layout, syntax, value: pixels.borrowed(), extended: codec::extended_offsets(set) })
    }

    /// The same as it is shown: luminance and chroma are turned into colours.
    ///
    /// # Errors
    /// As [`codec::layout`].
    pub fn shown(&self, set: &DataSet<'_>) -> Result<Self, PixelError> {
        Ok(Self { layout: codec::layout(set)?, ..self.clone() })
    }

    /// Opens it. Every frame that is declared is there.
    ///
    /// # Errors
    /// As [`codec::frames`]; there are fewer frames than declared.
    pub fn open(&self) -> Result<FrameReader<'_>, PixelError> {
        let reader = self.reader()?;
        let fewer = reader.notes().iter().find_map(|note| match note {
            Note::FewerFrames { found, declared } => Some((u64::from(*found), u64::from(*declared))),
            _ => None,
        });
        match fewer {
            Some((found, expected)) => Err(PixelError::Truncated { found, expected, unit: "frames" }),
            None => Ok(reader),
        }
    }

    /// Whether any frame can be decoded, by us or by others, or there are more than are tried: what nothing shows, nobody
    /// reads.
    pub fn shows_anything(&self) -> bool {
        let too_many = self.layout.frames > MOST_FRAMES;
        too_many
            || self.reader().is_ok_and(|reader| {
                (0..reader.declared())
                    .any(|i| reader.decode_frame(i).map_or_else(|e| e.others_may_see(), |_| true))
            })
    }

    /// The same, whether all frames are there or not.
    ///
    /// # Errors
    /// As [`codec::frames`].
    pub fn reader(&self) -> Result<FrameReader<'_>, PixelError> {
        let source = codec::source_of(&self.value, self.extended.clone())?;
        if self.layout.frames > MOST_FRAMES {
            return Err(PixelError::Layout("more frames than any cine has"));
        }
        codec::frames(&self.layout, &self.syntax, source)
    }
}

/// Syntaxes whose samples are the stored ones.
fn keeps_colours(syntax: &str) -> bool {
    codec::syntax(syntax).is_some_and(|s| {
        matches!(s.codec, codec::Codec::Native | codec::Codec::Rle | codec::Codec::DeflatedFrame)
    })
}

fn is_subsampled(layout: &PixelLayout) -> bool {
    layout.photometric == Photometric::YbrFull422 && layout.bits_allocated == 8
}

/// Pixel data with masks, and the header that describes it.
#[derive(Debug, Clone)]
pub struct Masked {
    /// The element.
    pub element: Element<'static>,
    /// Its transfer syntax.
    pub syntax: String,
    /// What must stand in the header.
    pub header: Vec<Element<'static>>,
    /// What a masked pixel is.
    pub fill: Vec<f64>,
    /// Where the face of each frame was blurred.
    pub blurred: Vec<Option<Area>>,
    /// The encoding is another one, and why.
    pub note: Option<String>,
}

/// What is changed of the pixels.
#[derive(Debug, Clone)]
pub struct Change {
    /// What is filled of each frame: as many entries as there are frames.
    pub areas: Vec<Vec<Area>>,
    /// How faces are blurred.
    pub blur: Option<Blur>,
}

impl Change {
    /// Changes the samples of a frame; where its face was blurred.
    fn apply(&self, index: u32, samples: &mut Samples, layout: &PixelLayout, fill: &[f64]) -> Option<Area> {
        let blurred = self.blur.as_ref().and_then(|blur| blur.apply(samples, layout));
        let areas = self.areas.get(index as usize);
        areas.into_iter().flatten().for_each(|area| fill_area(samples, layout, area, fill));
        blurred
    }
}

/// Changes every frame, one after the other; what they become goes to `scratch` where it is large.
///
/// # Errors
/// A frame cannot be decoded or encoded; the disk refuses.
pub fn apply(
    origin: &Origin<'_>,
    set: &DataSet<'_>,
    change: &Change,
    scratch: SpillConfig<'_>,
) -> Result<Masked, PixelError> {
    let reader = origin.open()?;
    let layout = reader.layout().clone();
    let stays = origin.syntax == RLE_LOSSLESS && !is_subsampled(&origin.layout);
    let syntax = if stays { RLE_LOSSLESS } else { Syntax::EXPLICIT_LE };
    let photometric = written_photometric(origin, set);
    let mut fill = fill_of(set, &layout, &photometric);
    // A header may name three colours where there is one sample.
    fill.resize(layout.samples_per_pixel.max(1).into(), 0.0);
    let written = PixelLayout { planar: false, ..layout.clone() };
    let mut out = Out { draft: scratch.draft(), ends: Vec::new(), bits: Bits::default() };
    let mut blurred = Vec::new();
    for index in 0..reader.declared() {
        let mut samples = reader.decode_frame(index)?.samples;
        blurred.push(change.apply(index, &mut samples, &layout, &fill));
        if layout.bits_allocated == 1 && !stays {
            out.put_bits(&samples)?;
        } else {
            out.put(&codec::encode(&written, syntax, &samples)?)?;
        }
    }
    let (vr, value) = if stays {
        (Vr::OB, out.fragments()?.into())
    } else {
        (if layout.bits_allocated > 8 { Vr::OW } else { Vr::OB }, out.native()?)
    };
    let element = Element { tag: tags::PIXEL_DATA, vr, value };
    let came = codec::syntax(&origin.syntax);
    let note = came.filter(|s| s.encapsulated && !stays).map(|s| {
        format!("masked pixels are stored uncompressed: there is no lossless encoder for {}", s.name)
    });
    Ok(Masked {
        element,
        syntax: syntax.into(),
        header: header(set, &layout, &photometric, came),
        fill,
        blurred,
        note,
    })
}

/// Encoded frames one after the other.
struct Out<'s> {
    draft: SpillBuffer<'s>,
    /// Where each frame ends.
    ends: Vec<u64>,
    bits: Bits,
}

/// Single bits that do not fill a byte yet.
#[derive(Default)]
struct Bits {
    byte: u8,
    count: u32,
}

impl Out<'_> {
    fn put(&mut self, frame: &[u8]) -> io::Result<()> {
        self.draft.write_all(frame)?;
        self.ends.push(self.draft.len());
        Ok(())
    }

    /// Frames of single bits follow each other without a gap.
    fn put_bits(&mut self, samples: &Samples) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(samples.len() / 8 + 1);
        let bits = &mut self.bits;
        samples.each(|v| {
            bits.byte |= (v as u8 & 1) << bits.count;
            bits.count += 1;
            if bits.count == 8 {
                bytes.push(bits.byte);
                *bits = Bits::default();
            }
        });
        self.put(&bytes)
    }

    fn native(mut self) -> io::Result<Value<'static>> {
        if self.bits.count > 0 {
            self.draft.write_all(&[self.bits.byte])?;
        }
        Ok(self.draft.finish()?.into())
    }

    /// A fragment a frame.
    fn fragments(self) -> io::Result<Fragments<'static>> {
        let all = self.draft.finish()?;
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let fragments = starts.zip(&self.ends).map(|(start, end)| all.part(start..*end)).collect();
        Ok(Fragments { offsets: Vec::new().into(), fragments })
    }
}

/// The colour model of what is written: luminance and chroma that were decoded are red, green and blue now.
fn written_photometric(origin: &Origin<'_>, set: &DataSet<'_>) -> String {
    if origin.layout.samples_per_pixel >= 3 && origin.layout.photometric.is_ybr() {
        return "RGB".into();
    }
    set.ascii(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default().to_string()
}

fn header(
    set: &DataSet<'_>,
    layout: &PixelLayout,
    photometric: &str,
    came: Option<&codec::Syntax>,
) -> Vec<Element<'static>> {
    let short = |tag, value: u16| Element::new(tag, Vr::US, value.to_le_bytes().to_vec());
    let mut header = Vec::new();
    if set.ascii(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default() != photometric {
        header.push(Element::text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, photometric));
    }
    if layout.samples_per_pixel > 1 {
        header.push(short(tags::PLANAR_CONFIGURATION, 0));
    }
    if layout.kind == SampleKind::Integer
        && layout.bits_stored > 0
        && layout.high_bit + 1 != layout.bits_stored
    {
        header.push(short(tags::HIGH_BIT, layout.bits_stored - 1));
    }
    if came.is_some_and(|s| s.lossy) {
        header.push(Element::text(tags::LOSSY_IMAGE_COMPRESSION, Vr::CS, "01"));
    }
    header
}

/// What background is: the padding value where one is declared, black in colour and MONOCHROME2, white in
/// MONOCHROME1 (which is shown black), the darkest entry of a palette.
fn fill_of(set: &DataSet<'_>, layout: &PixelLayout, photometric: &str) -> Vec<f64> {
    let bits = layout.significant_bits().clamp(1, 32);
    let (low, high) = if layout.signed {
        (-f64::from(2u32.pow(bits - 1)), f64::from(2u32.pow(bits - 1)) - 1.0)
    } else {
        (0.0, 2f64.powi(bits as i32) - 1.0)
    };
    match Photometric::from_term(photometric) {
        Photometric::YbrFull | Photometric::YbrFull422 => vec![0.0, 128.0, 128.0],
        Photometric::YbrPartial422 | Photometric::YbrPartial420 => vec![16.0, 128.0, 128.0],
        _ if layout.samples_per_pixel > 1 => vec![0.0; layout.samples_per_pixel.into()],
        Photometric::Palette => {
            vec![Palette::of(set).map_or(0.0, |p| f64::from(p.darkest())).clamp(low, high)]
        }
        Photometric::Monochrome1 => vec![high],
        _ => vec![set.number(PIXEL_PADDING_VALUE).filter(|v| (low..=high).contains(v)).unwrap_or(low)],
    }
}

/// Where the rows of an area lie among the samples of a frame.
fn rows_of(area: &Area, layout: &PixelLayout) -> impl Iterator<Item = Range<usize>> {
    let (columns, per) = (layout.columns as usize, usize::from(layout.samples_per_pixel.max(1)));
    let inside = area.within(layout.columns, layout.rows);
    inside.into_iter().flat_map(move |a| {
        (a.y..a.bottom()).map(move |y| {
            let row = y as usize * columns;
            (row + a.x as usize) * per..(row + a.right() as usize) * per
        })
    })
}

fn fill_area(samples: &mut Samples, layout: &PixelLayout, area: &Area, fill: &[f64]) {
    for row in rows_of(area, layout) {
        row.zip(fill.iter().cycle()).for_each(|(at, value)| samples.set(at, *value));
    }
}

/// Whether the pixels of an output are those of the origin, but for what was to be changed: decoded frame by frame from
/// what was written.
///
/// # Errors
/// The output cannot be decoded.
pub fn agrees(
    origin: &Origin<'_>,
    output: &DataSet<'_>,
    syntax: &str,
    change: &Change,
    fill: &[f64],
) -> Result<bool, PixelError> {
    let written = Origin::whole(output, syntax)?;
    let (before, after) = (origin.open()?, written.open()?);
    if before.declared() != after.declared() || before.declared() as usize != change.areas.len() {
        return Ok(false);
    }
    let layout = before.layout();
    for index in 0..before.declared() {
        // What should be there: the frame as it was, changed once more.
        let mut expected = before.decode_frame(index)?.samples;
        change.apply(index, &mut expected, layout, fill);
        if !same(&expected, &after.decode_frame(index)?.samples) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two frames hold the same values, whatever types they are kept in.
fn same(a: &Samples, b: &Samples) -> bool {
    a == b || a.len() == b.len() && (0..a.len()).all(|i| a.get(i) == b.get(i))
}
