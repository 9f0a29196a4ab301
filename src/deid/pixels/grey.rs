//! Any frame as a picture of 8-bit greys, in which writing can be looked for.

use super::detect::tone::{self, Counts, Limits};
use super::grouped;
use crate::dicom::codec::Frame;
use crate::dicom::{DataSet, Element};
use crate::model::pixels::{Photometric, PixelLayout, Samples};
use crate::model::{Tag, tags};

const FRAME_VOI_LUT_SEQUENCE: Tag = Tag::new(0x0028, 0x9132);
/// Weights of red, green and blue: no two of them are alike, so that one colour on another shows.
const WEIGHTS: [f32; 3] = [3.0 / 9.0, 4.0 / 9.0, 2.0 / 9.0];
/// A window narrower by this than what a frame's values span is looked through, too.
const NARROW: f32 = 1.4;
/// Values of a frame from which on a quick look counts one in so many.
const MANY: usize = 1 << 16;
const EVERY: usize = 7;
/// Bins of the histogram that limits of greys are taken from.
const BINS: usize = 4096;

/// The grey of each index of a palette, and the index that the first belongs to.
#[derive(Debug, Clone)]
pub struct Palette {
    first: i32,
    greys: Vec<u8>,
}

impl Palette {
    /// Of a data set, where it has plain tables (PS3.3 C.7.6.3.1.5); segmented ones are not read.
    pub fn of(set: &DataSet<'_>) -> Option<Self> {
        let descriptor = set.numbers(Tag::new(0x0028, 0x1101));
        let (&entries, &first) = (descriptor.first()?, descriptor.get(1)?);
        if !(0.0..65536.0).contains(&entries) {
            return None;
        }
        let count = if entries == 0.0 { 65536 } else { entries as usize };
        let wide = descriptor.get(2) == Some(&16.0);
        let mut sums = vec![0.0; count];
        for (channel, weight) in (0..).zip(WEIGHTS) {
            let bytes = set.bytes(Tag::new(0x0028, 0x1201 + channel))?;
            let words = bytes.len() >= 2 * count;
            for (i, sum) in sums.iter_mut().enumerate() {
                let value = if words { *bytes.get(2 * i + usize::from(wide))? } else { *bytes.get(i)? };
                *sum += weight * f32::from(value);
            }
        }
        Some(Self { first: first as i32, greys: sums.into_iter().map(|v| v as u8).collect() })
    }

    /// The darkest index.
    pub fn darkest(&self) -> i32 {
        let darkest = (0..self.greys.len()).min_by_key(|&i| self.greys[i]).unwrap_or(0);
        self.first + darkest as i32
    }

    fn grey(&self, index: f64) -> u8 {
        let at = (index as i64 - i64::from(self.first)).max(0) as usize;
        self.greys.get(at.min(self.greys.len().saturating_sub(1))).copied().unwrap_or(0)
    }
}

/// Stored values that the header's window shows black and white (PS3.3 C.11.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    black: f32,
    white: f32,
}

impl Window {
    /// The first window of a data set or of its frames, where it has one.
    pub fn of(set: &DataSet<'_>) -> Option<Self> {
        let number = |tag| grouped(set, FRAME_VOI_LUT_SEQUENCE, tag).and_then(Element::number);
        Self::shown(set, number(tags::WINDOW_CENTER)?, number(tags::WINDOW_WIDTH)?)
    }

    /// The window in which soft tissue is usually looked at, where values are Hounsfield units.
    pub fn usual(set: &DataSet<'_>) -> Option<Self> {
        (set.ascii(tags::MODALITY) == Some("CT")).then(|| Self::shown(set, 40.0, 400.0)).flatten()
    }

    fn shown(set: &DataSet<'_>, centre: f64, width: f64) -> Option<Self> {
        let number =
            |tag| grouped(set, tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, tag).and_then(Element::number);
        let slope = number(tags::RESCALE_SLOPE).filter(|s| *s != 0.0).unwrap_or(1.0);
        let intercept = number(tags::RESCALE_INTERCEPT).unwrap_or(0.0);
        let stored = |shown: f64| ((shown - intercept) / slope) as f32;
        let (a, b) = (stored(centre - width / 2.0), stored(centre + width / 2.0));
        let window = Self { black: a.min(b), white: a.max(b) };
        (window.black.is_finite() && window.white.is_finite() && window.black < window.white)
            .then_some(window)
    }
}

/// The picture of a frame of one sample a pixel as a window shows it, where that is more than its whole range shows.
pub fn windowed(frame: &Frame, layout: &PixelLayout, window: Window) -> Option<Vec<u8>> {
    if !is_grey(layout) {
        return None;
    }
    let Window { black, white } = window;
    let shows_more = |[_, from, to, _]: Limits| NARROW * (white - black) < to - from;
    shaded(&frame.samples, Counting::Whole, |limits| {
        shows_more(limits).then_some(move |v: f32| tone::windowed(v, black, white))
    })
}

/// The picture of a frame in which most greys are those that the window shows, and what is beyond has a contrast of its
/// own: one picture where two would be looked at.
pub fn quick_view(
    frame: &Frame,
    layout: &PixelLayout,
    window: Option<Window>,
    palette: Option<&Palette>,
) -> Vec<u8> {
    if !is_grey(layout) {
        return picture(frame, layout, palette);
    }
    let edges = window.map(|w| (w.black, w.white));
    let shade = shaded(&frame.samples, Counting::Quick, |limits| {
        let seen = tone::seen(limits, edges);
        Some(move |v: f32| tone::grey(v, seen, tone::BEYOND))
    });
    shade.unwrap_or_default()
}

/// Whether a pixel is one sample that is itself a grey.
fn is_grey(layout: &PixelLayout) -> bool {
    layout.samples_per_pixel == 1 && layout.photometric != Photometric::Palette
}

/// The picture of a frame, `layout.columns` pixels a row.
pub fn picture(frame: &Frame, layout: &PixelLayout, palette: Option<&Palette>) -> Vec<u8> {
    let mut out = Vec::with_capacity(layout.rows as usize * layout.columns as usize);
    if layout.photometric == Photometric::Palette
        && let Some(palette) = palette
    {
        frame.samples.each(|v| out.push(palette.grey(v)));
        return out;
    }
    if layout.samples_per_pixel >= 3 {
        return colour(&frame.samples, usize::from(layout.samples_per_pixel));
    }
    if let Samples::U8(values) = &frame.samples {
        let (low, high) = values.iter().fold((u8::MAX, 0), |(a, b), &v| (a.min(v), b.max(v)));
        let range = high.saturating_sub(low);
        if !(12..64).contains(&range) && layout.bits_allocated > 1 {
            return values.iter().step_by(layout.samples_per_pixel.max(1).into()).copied().collect();
        }
    }
    drop(out);
    let out = shaded(&frame.samples, Counting::Whole, |limits| {
        Some(move |v: f32| tone::grey(v, limits, tone::USUAL))
    })
    .unwrap_or_default();
    if layout.samples_per_pixel > 1 {
        return out.into_iter().step_by(layout.samples_per_pixel.into()).collect();
    }
    out
}

/// How the limits of samples are found.
#[derive(Debug, Clone, Copy)]
enum Counting {
    /// Each value counts.
    Whole,
    /// Of a large frame some values tell what is usual, and padding does not.
    Quick,
}

impl Counting {
    fn limits<T: Copy + Ord + Into<i32>>(self, values: &[T]) -> Option<(Counts, Limits)> {
        let every = if matches!(self, Self::Quick) && values.len() >= MANY { EVERY } else { 1 };
        let counts = Counts::of(values, every)?;
        let limits = match self {
            Self::Whole => counts.limits(),
            Self::Quick => counts.limits_beside_padding(),
        };
        Some((counts, limits))
    }
}

/// Samples as greys, by a curve that their limits give; `None` where they give none.
fn shaded<C: Fn(f32) -> u8>(
    samples: &Samples,
    counting: Counting,
    curve: impl FnOnce(Limits) -> Option<C>,
) -> Option<Vec<u8>> {
    fn counted<T: Copy + Ord + Into<i32>, C: Fn(f32) -> u8>(
        values: &[T],
        counting: Counting,
        curve: impl FnOnce(Limits) -> Option<C>,
    ) -> Option<Vec<u8>> {
        let (counts, limits) = counting.limits(values)?;
        curve(limits).map(|curve| counts.shade(values, curve))
    }
    match samples {
        Samples::U8(values) => counted(values, counting, curve),
        Samples::I8(values) => counted(values, counting, curve),
        Samples::U16(values) => counted(values, counting, curve),
        Samples::I16(values) => counted(values, counting, curve),
        _ => {
            let mut values = Vec::with_capacity(samples.len());
            samples.each(|v| values.push(if v.is_finite() { v as f32 } else { 0.0 }));
            curve(limits(&values)).map(|curve| values.into_iter().map(curve).collect())
        }
    }
}

fn colour(samples: &Samples, per_pixel: usize) -> Vec<u8> {
    let mix = |p: &[f32]| p.iter().zip(WEIGHTS).map(|(v, w)| v * w).sum::<f32>();
    if let Samples::U8(values) = samples {
        let weigh = |p: &[u8]| (u16::from(p[0]) * 3 + u16::from(p[1]) * 4 + u16::from(p[2]) * 2) / 9;
        return values.chunks_exact(per_pixel).map(|p| weigh(p) as u8).collect();
    }
    let mut values = Vec::with_capacity(samples.len());
    samples.each(|v| values.push(v as f32));
    let mixed: Vec<f32> = values.chunks_exact(per_pixel).map(mix).collect();
    let limits = limits(&mixed);
    mixed.iter().map(|&v| tone::grey(v, limits, tone::USUAL)).collect()
}

/// The limits of values of which there are too many different ones to count each.
fn limits(values: &[f32]) -> Limits {
    let low_high = |(low, high): (f32, f32), &v: &f32| (low.min(v), high.max(v));
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), low_high);
    let (mut from, mut to) = (low, high);
    let rest = values.len() / tone::FAR;
    // A few far values make the bins coarse: again between those that were found.
    for _ in 0..3 {
        let scale = BINS as f32 / (to - from).max(f32::MIN_POSITIVE);
        let mut bins = vec![0u32; BINS + 1];
        values.iter().for_each(|v| bins[((v.clamp(from, to) - from) * scale) as usize] += 1);
        let first = tone::edge(bins.iter(), rest);
        let last = BINS - tone::edge(bins.iter().rev(), rest);
        let begin = from;
        from = begin + first as f32 / scale;
        to = (begin + (last + 1) as f32 / scale).min(to);
        if last - first.min(last) > BINS / 16 || to <= from {
            break;
        }
    }
    [low, from, to.max(from), high]
}
