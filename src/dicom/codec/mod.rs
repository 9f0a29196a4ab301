//! Pixel decoding: every transfer syntax to the same canonical samples, one frame at a time.
//!
//! Bytes are hostile here. Sizes are checked before anything is allocated, against a limit and against what the
//! encoded bytes can hold at all; offset tables are believed only where they fit the fragments; a decoder that
//! panics is an error of that frame alone.

mod canonical;
mod colour;
mod encapsulated;
mod error;
mod fingerprint;
mod instance;
mod j2k;
mod jpeg;
mod jpegls;
mod marker;
mod native;
mod rle;
mod strip;
mod syntax;

use std::borrow::Cow;
use std::io::Read as _;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bytes::ByteSource;
use crate::model::pixels::{Photometric, PixelLayout, SampleKind, Samples};

pub use error::{Note, PixelError};
pub use fingerprint::{Fingerprint, fingerprint};
pub use instance::{extended_offsets, layout, open, source_of};
pub use strip::strip;
pub use syntax::{Codec, RLE_LOSSLESS, Syntax, syntax, syntaxes};

use canonical::{Data, Decoded, SignBit};
use encapsulated::FrameMap;
use marker::Header;
use native::Order;

/// Samples of one compressed frame at most (8192 × 8192): decoders work with 32 bits a sample.
const MAX_SAMPLES: u64 = 64 << 20;
/// Decoded bytes that any amount of encoded bytes may stand for.
const FREE_BYTES: u64 = 64 << 20;
/// Decoded bytes per encoded byte beyond [`FREE_BYTES`]: more than a constant image of common size has.
const MAX_EXPANSION: u64 = 1000;

/// Where an instance's pixel bytes are.
#[derive(Clone, Debug)]
pub enum PixelSource<'a> {
    /// The value of the element: deflated data is inflated, big-endian samples are turned to little-endian ones.
    Native(ByteSource<'a>),
    /// Items of an encapsulated element.
    Encapsulated {
        /// Value of the first item, the basic offset table.
        offsets: &'a [u8],
        /// Extended Offset Table (7FE0,0001) and its lengths (7FE0,0002).
        extended: Option<(Vec<u64>, Vec<u64>)>,
        /// The other items' values.
        fragments: Vec<ByteSource<'a>>,
    },
}

/// One decoded frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
    /// Samples per pixel.
    pub samples_per_pixel: u16,
    /// Rows from the top, samples of a pixel together; colour is RGB or palette indices.
    pub samples: Samples,
    /// What is odd about this frame.
    pub notes: Vec<Note>,
}

/// Gives any frame of an instance without decoding the others.
#[derive(Debug)]
pub struct FrameReader<'a> {
    layout: PixelLayout,
    syntax: &'static Syntax,
    store: Store<'a>,
    notes: Vec<Note>,
}

#[derive(Debug)]
enum Store<'a> {
    Native(ByteSource<'a>),
    Frames(FrameMap<'a>),
}

/// Opens an instance's pixel data.
///
/// # Errors
/// A transfer syntax without decoder, a layout that no image can have.
pub fn frames<'a>(
    layout: &PixelLayout,
    syntax_uid: &str,
    source: PixelSource<'a>,
) -> Result<FrameReader<'a>, PixelError> {
    let known = syntax(syntax_uid).filter(|s| s.codec != Codec::None);
    let syntax = known.ok_or_else(|| PixelError::UnsupportedSyntax(printable(syntax_uid)))?;
    let mut layout = layout.clone();
    check_layout(&layout)?;
    let mut notes = Vec::new();
    if layout.kind == SampleKind::Integer
        && layout.bits_stored > 0
        && layout.high_bit != layout.bits_stored - 1
        && layout.bits_allocated > 1
    {
        notes.push(Note::HighBit);
    }
    let store = match source {
        PixelSource::Native(data) => {
            check_native(data.len(), &mut layout, syntax, &mut notes)?;
            Store::Native(data)
        }
        PixelSource::Encapsulated { .. } if !syntax.encapsulated => {
            return Err(PixelError::Layout("fragments under a transfer syntax without encapsulation"));
        }
        PixelSource::Encapsulated { offsets, extended, fragments } => Store::Frames(FrameMap::new(
            fragments,
            offsets,
            extended,
            layout.frames,
            syntax.codec,
            &mut notes,
        )),
    };
    Ok(FrameReader { layout, syntax, store, notes })
}

/// A UID of a file as it may be shown: digits and dots.
fn printable(uid: &str) -> String {
    uid.chars().filter(|c| c.is_ascii_digit() || *c == '.').take(64).collect()
}

fn check_layout(layout: &PixelLayout) -> Result<(), PixelError> {
    if layout.rows == 0 || layout.columns == 0 {
        return Err(PixelError::Layout("no rows or no columns"));
    }
    if !(1..=4).contains(&layout.samples_per_pixel) {
        return Err(PixelError::Layout("Samples per Pixel is none of 1 … 4"));
    }
    if layout.frames == 0 {
        return Err(PixelError::Layout("no frames"));
    }
    if layout.kind == SampleKind::Integer && !matches!(layout.bits_allocated, 1 | 8 | 16 | 32) {
        return Err(PixelError::Layout("Bits Allocated is none of 1, 8, 16, 32"));
    }
    Ok(())
}

/// How many frames native bytes hold; an element of defined length under an encapsulated syntax counts as native only
/// if its length is exactly right.
fn check_native(
    length: u64,
    layout: &mut PixelLayout,
    syntax: &Syntax,
    notes: &mut Vec<Note>,
) -> Result<(), PixelError> {
    let all = |layout: &PixelLayout| {
        native::frame_bits(layout).saturating_mul(u64::from(layout.frames)).div_ceil(8)
    };
    if syntax.encapsulated && all(layout).next_multiple_of(2) != length.next_multiple_of(2) {
        return Err(PixelError::Layout("pixel data is not in fragments as its transfer syntax demands"));
    }
    if native::is_subsampled(layout) {
        let full = PixelLayout { photometric: Photometric::YbrFull, ..layout.clone() };
        if all(&full) <= length {
            // Says 4:2:2, holds every chroma sample.
            layout.photometric = Photometric::YbrFull;
            notes.push(Note::ColourModel);
        }
    }
    let expected = all(layout);
    if length > expected + 1 {
        let found = length.saturating_mul(8).checked_div(native::frame_bits(layout)).unwrap_or(0);
        if found > u64::from(layout.frames) {
            notes.push(Note::ExcessFrames { found, declared: layout.frames });
        } else {
            notes.push(Note::Padding { bytes: length - expected });
        }
    } else if length < expected {
        let found = length.saturating_mul(8) / native::frame_bits(layout).max(1);
        notes.push(Note::FewerFrames { found: found as u32, declared: layout.frames });
    }
    Ok(())
}

impl FrameReader<'_> {
    /// Frames declared; [`FrameReader::decode_frame`] takes an index below it.
    pub fn declared(&self) -> u32 {
        self.layout.frames
    }

    /// The layout as declared.
    pub fn layout(&self) -> &PixelLayout {
        &self.layout
    }

    /// The transfer syntax.
    pub fn syntax(&self) -> &'static Syntax {
        self.syntax
    }

    /// What is odd about the pixel data as a whole.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The bytes of frame `index` as they are encoded (native: from the byte in which it begins).
    ///
    /// # Errors
    /// There is no such frame; the file cannot be read.
    pub fn encoded_frame(&self, index: u32) -> Result<Cow<'_, [u8]>, PixelError> {
        match &self.store {
            Store::Native(data) => Ok(data.read(self.native_frame(data, index)?.0)?),
            Store::Frames(map) => {
                let missing = PixelError::NoFrame { index, frames: map.frames() as u32 };
                let there = index < self.layout.frames;
                Ok(there.then(|| map.frame(index as usize)).flatten().ok_or(missing)??)
            }
        }
    }

    /// Where a frame stands, and the bit of the first byte in which it begins.
    fn native_frame(&self, data: &ByteSource<'_>, index: u32) -> Result<(Range<u64>, usize), PixelError> {
        if index >= self.layout.frames {
            return Err(PixelError::NoFrame { index, frames: self.layout.frames });
        }
        let bits = native::frame_bits(&self.layout);
        let first = bits.saturating_mul(u64::from(index));
        let end = first.saturating_add(bits).div_ceil(8);
        if end > data.len() {
            return Err(PixelError::Truncated { found: data.len(), expected: end, unit: "bytes" });
        }
        Ok((first / 8..end, (first % 8) as usize))
    }

    /// Decodes frame `index` (from 0) to canonical samples. A decoder that panics is an error of this frame alone.
    pub fn decode_frame(&self, index: u32) -> Result<Frame, PixelError> {
        let decode = AssertUnwindSafe(|| self.decode_unguarded(index));
        catch_unwind(decode).unwrap_or(Err(PixelError::Defect(self.syntax.name)))
    }

    fn decode_unguarded(&self, index: u32) -> Result<Frame, PixelError> {
        let mut notes = Vec::new();
        let samples = match &self.store {
            Store::Native(data) => {
                let (place, first_bit) = self.native_frame(data, index)?;
                native::decode(data.range(place), first_bit, &self.layout, self.order())?
            }
            Store::Frames(_) => {
                let encoded = self.encoded_frame(index)?;
                self.check_size(encoded.len() as u64)?;
                self.decode_encoded(encoded, &mut notes)?
            }
        };
        Ok(Frame {
            rows: self.layout.rows,
            columns: self.layout.columns,
            samples_per_pixel: self.layout.samples_per_pixel,
            samples,
            notes,
        })
    }

    /// Encoded bytes of a frame, as far as fragments tell; native samples count as decoded.
    pub fn encoded_bytes(&self) -> u64 {
        match &self.store {
            Store::Native(_) => 0,
            Store::Frames(map) => map.largest().max(map.bytes() / u64::from(self.layout.frames.max(1))),
        }
    }

    /// Memory that decoding a frame takes, about: what is encoded, what is decoded, and what is between them.
    pub fn working_bytes(&self) -> u64 {
        let (decoded, samples) = (self.layout.bytes_per_frame(), self.layout.samples_per_frame());
        let encoded = self.encoded_bytes();
        match self.syntax.codec {
            Codec::Native if self.layout.planar || native::is_subsampled(&self.layout) => 2 * decoded,
            Codec::Native => decoded,
            // Coefficients of 32 bits with the level below them or what they become; blocks hold their part of the stream.
            Codec::Jpeg2000 => encoded + 4 * samples + decoded.max(samples),
            // Coefficients or planes of 16 bits, and samples.
            Codec::Jpeg => encoded + 4 * samples,
            _ => encoded + decoded + decoded.max(2 * samples),
        }
    }

    fn order(&self) -> Order {
        match self.syntax.uid {
            "1.2.840.113619.5.2" => Order::Big,
            _ => Order::Little,
        }
    }

    fn check_size(&self, available: u64) -> Result<(), PixelError> {
        let needed = self.layout.bytes_per_frame();
        let limit = available.saturating_mul(MAX_EXPANSION).max(FREE_BYTES);
        if self.layout.samples_per_frame() > MAX_SAMPLES || needed > limit {
            let limit = limit.min(MAX_SAMPLES * self.layout.bytes_per_sample());
            return Err(PixelError::TooLarge { needed, limit, available });
        }
        Ok(())
    }

    /// Refuses what would take long for nothing: frames that are not there, and far more pixels than the encoded
    /// bytes can stand for.
    fn check_total(&self) -> Result<(), PixelError> {
        let Store::Frames(map) = &self.store else { return Ok(()) };
        let frames = map.frames() as u32;
        if frames < self.layout.frames {
            return Err(PixelError::NoFrame { index: frames, frames });
        }
        let needed = self.layout.bytes_per_frame().saturating_mul(u64::from(self.layout.frames));
        let (available, limit) = (map.bytes(), map.bytes().saturating_mul(MAX_EXPANSION).max(2 * FREE_BYTES));
        if needed > limit { Err(PixelError::TooLarge { needed, limit, available }) } else { Ok(()) }
    }

    fn decode_encoded(&self, encoded: Cow<'_, [u8]>, notes: &mut Vec<Note>) -> Result<Samples, PixelError> {
        let layout = &self.layout;
        let codec = sniffed(&encoded, self.syntax.codec);
        if codec != self.syntax.codec {
            notes.push(Note::OtherCodec);
        }
        match codec {
            Codec::Native => native::decode(ByteSource::Memory(encoded), 0, layout, Order::Little),
            Codec::DeflatedFrame => {
                let bytes = native::frame_bits(layout).div_ceil(8);
                let mut native = Vec::new();
                let inflated =
                    flate2::read::DeflateDecoder::new(&*encoded).take(bytes).read_to_end(&mut native);
                inflated.map_err(|_| PixelError::Damaged { codec: "deflate", what: "not deflated data" })?;
                native::decode(native.into(), 0, layout, Order::Little)
            }
            Codec::Rle => {
                let pixels = layout.rows as usize * layout.columns as usize;
                let samples = usize::from(layout.samples_per_pixel);
                if layout.kind != SampleKind::Integer {
                    return Err(PixelError::Layout("float samples in RLE"));
                }
                if layout.bits_allocated == 1 {
                    let bytes = rle::decode(&encoded, pixels.div_ceil(8), samples, 1)?;
                    return native::decode(bytes.into(), 0, layout, Order::Little);
                }
                let width = usize::from(layout.bits_allocated / 8);
                let bytes = rle::decode(&encoded, pixels, samples, width)?;
                drop(encoded);
                let mut planar = PixelLayout { planar: true, ..layout.clone() };
                if native::is_subsampled(layout) {
                    // The planes are whole.
                    planar.photometric = Photometric::YbrFull;
                }
                native::decode(bytes.into(), 0, &planar, Order::Little)
            }
            Codec::Jpeg => {
                let samples = u32::from(layout.samples_per_pixel);
                let (decoded, header) = jpeg::decode(&encoded, layout.columns, layout.rows, samples)?;
                self.coloured(decoded, &header, SignBit::Stored, notes)
            }
            Codec::JpegLs => {
                let samples = u32::from(layout.samples_per_pixel);
                let (decoded, header) = jpegls::decode(&encoded, layout.columns, layout.rows, samples)?;
                self.coloured(decoded, &header, SignBit::Precision, notes)
            }
            Codec::Jpeg2000 => {
                let samples = u32::from(layout.samples_per_pixel);
                let decoded = j2k::decode(encoded, layout.columns, layout.rows, samples)?;
                self.colour_of_j2k(decoded, notes)
            }
            Codec::None => Err(PixelError::UnsupportedSyntax(self.syntax.uid.into())),
        }
    }
}

/// The codec that a code stream of the JPEG family begins with: some files name another one of that family. All
/// other codecs have nothing to be told by.
fn sniffed(encoded: &[u8], declared: Codec) -> Codec {
    if !matches!(declared, Codec::Jpeg | Codec::JpegLs | Codec::Jpeg2000) {
        return declared;
    }
    if encoded.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) {
        return Codec::Jpeg2000;
    }
    let Some(mut at) = marker::start_of_image(encoded).filter(|&at| at <= 16) else { return declared };
    while let Ok(Some((code, _, next))) = marker::next(encoded, at) {
        match code {
            0xF7 => return Codec::JpegLs,
            0xC0..=0xC3 => return Codec::Jpeg,
            0xD9 | 0xDA => break,
            _ => at = next,
        }
    }
    declared
}

impl FrameReader<'_> {
    /// Samples of a JPEG or JPEG-LS stream: luminance and chroma turned into RGB.
    fn coloured(
        &self,
        mut decoded: Decoded,
        header: &Header,
        sign: SignBit,
        notes: &mut Vec<Note>,
    ) -> Result<Samples, PixelError> {
        let photometric = &self.layout.photometric;
        if self.layout.samples_per_pixel == 3 {
            let ybr = header.is_ybr(photometric);
            if ybr != photometric.is_ybr() {
                notes.push(Note::ColourModel);
            }
            if let (true, Data::U8(samples)) = (ybr, &mut decoded.data) {
                colour::ybr_full_to_rgb(samples);
            }
        }
        decoded.into_samples(&self.layout, sign, notes)
    }
}

impl FrameReader<'_> {
    /// Samples of a JPEG 2000 stream, which has undone its own transform; YBR_FULL is luminance and chroma still.
    fn colour_of_j2k(&self, mut decoded: Decoded, notes: &mut Vec<Note>) -> Result<Samples, PixelError> {
        let untransformed = matches!(self.layout.photometric, Photometric::YbrFull | Photometric::YbrFull422);
        if let (true, 3, Data::U8(samples)) =
            (untransformed, self.layout.samples_per_pixel, &mut decoded.data)
        {
            colour::ybr_full_to_rgb(samples);
        }
        decoded.into_samples(&self.layout, SignBit::Precision, notes)
    }
}

/// Encodes canonical samples without loss, for pixels that were changed.
///
/// Native syntaxes give little-endian bytes with Planar Configuration 0 (a 1-bit frame starts at bit 0 of its own
/// byte); RLE gives one fragment.
///
/// # Errors
/// Any other syntax, and samples that are not of `layout`.
pub fn encode(layout: &PixelLayout, syntax_uid: &str, samples: &Samples) -> Result<Vec<u8>, PixelError> {
    if samples.len() as u64 != layout.samples_per_frame() {
        return Err(PixelError::Truncated {
            found: samples.len() as u64,
            expected: layout.samples_per_frame(),
            unit: "samples",
        });
    }
    let unsupported = || PixelError::UnsupportedSyntax(printable(syntax_uid));
    let syntax = syntax(syntax_uid).ok_or_else(unsupported)?;
    let native = native::encode(samples, layout.bits_allocated);
    match syntax.codec {
        Codec::Native => Ok(native),
        Codec::Rle if layout.bits_allocated.is_multiple_of(8) => rle::encode(
            &native,
            layout.columns as usize,
            usize::from(layout.samples_per_pixel),
            usize::from(layout.bits_allocated / 8),
        ),
        _ => Err(unsupported()),
    }
}
