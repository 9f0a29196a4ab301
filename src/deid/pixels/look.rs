//! What becomes of an instance's pixels: left alone, masked, or kept back for a person.

use super::detect::{Area, Detector};
use super::grey::{Palette, Window, picture, windowed};
use super::mask::{self, Masked, Origin};
use super::{Need, need, says_burned_in};
use crate::deid::record::Mask;
use crate::dicom::codec::{Frame, FrameReader, PixelError};
use crate::dicom::{DataSet, Element};
use crate::model::pixels::{PixelLayout, SampleKind};
use crate::model::{Tag, tags};
use rayon::prelude::*;

/// Writing in one of so many frames stands in all of them.
const EVERYWHERE: usize = 5;
/// Frames that one thread searches after each other.
const STRETCH: usize = 8;
const REGIONS: Tag = Tag::new(0x0018, 0x6011);
/// Sides of a region of an ultrasound picture: smallest column and row, largest column and row.
const SIDES: [Tag; 4] =
    [Tag::new(0x0018, 0x6018), Tag::new(0x0018, 0x601A), Tag::new(0x0018, 0x601C), Tag::new(0x0018, 0x601E)];
const DETECTOR: &str = "text found by the detector";
const REGION: &str = "text found by the detector, outside the ultrasound regions";

/// What was seen in the pixels.
#[derive(Debug)]
pub enum Look<'a> {
    /// Nothing that must go, or nothing that needed a look.
    Clear,
    /// Text, which is masked.
    Text(Box<Seen<'a>>),
    /// Nothing could look: why, in words that hold nothing from the file.
    Blind(String),
    /// There may be text and there may be none: why.
    Doubt(String),
}

/// Text that was found and masked.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The pixel data with masks and its header.
    pub masked: Masked,
    /// The areas, for the ledger.
    pub masks: Vec<Mask>,
    origin: Origin<'a>,
    areas: Vec<Vec<Area>>,
}

impl Seen<'_> {
    /// Whether an output's pixels are those of the source but for the masks.
    pub fn agrees(&self, output: &DataSet<'_>, syntax: &str) -> bool {
        mask::agrees(&self.origin, output, syntax, &self.areas, &self.masked.fill).unwrap_or(false)
    }
}

/// Looks at the pixels of a data set whose pixels are in this transfer syntax; `cleared` are its native pixels without
/// what hid in unused bits.
pub fn look<'a>(set: &DataSet<'a>, syntax: &str, cleared: Option<&[u8]>) -> Look<'a> {
    let need = need(set);
    if need == Need::No {
        return Look::Clear;
    }
    match search(set, syntax, cleared) {
        Ok(look) => look,
        Err(_) if need == Need::Search => Look::Clear,
        Err(error) => Look::Blind(format!(
            "its pixels may carry burned-in text and nothing could look at them: {error}"
        )),
    }
}

fn search<'a>(set: &DataSet<'a>, syntax: &str, cleared: Option<&[u8]>) -> Result<Look<'a>, PixelError> {
    let mut origin = Origin::of(set, syntax)?;
    if let Some(bytes) = cleared {
        origin.set_native(bytes.to_vec());
    }
    if origin.layout.kind != SampleKind::Integer {
        return Ok(Look::Clear);
    }
    // Searched in true colours, whatever the samples are masked in.
    let shown = origin.shown(set)?;
    let areas = everywhere(writing(&shown.open()?, Palette::of(set).as_ref(), Window::of(set))?);
    if areas.iter().all(Vec::is_empty) {
        return Ok(if says_burned_in(set) {
            Look::Doubt("its header says that text is burned in, and none was found".into())
        } else {
            Look::Clear
        });
    }
    let regions = regions(set);
    let why = |area: &Area| {
        let outside = !regions.is_empty() && regions.iter().all(|r| apart(r, area));
        if outside { REGION } else { DETECTOR }
    };
    let masks = (1..).zip(&areas).flat_map(|(frame, areas)| {
        areas.iter().map(move |a| (frame, a)).map(|(frame, a)| Mask {
            frame,
            x: a.x,
            y: a.y,
            width: a.width,
            height: a.height,
            why: why(a).into(),
        })
    });
    let masks = masks.collect();
    let masked = mask::apply(&origin, set, &areas)?;
    Ok(Look::Text(Box::new(Seen { masked, masks, origin, areas })))
}

/// The writing of every frame.
fn writing(
    reader: &FrameReader<'_>,
    palette: Option<&Palette>,
    window: Option<Window>,
) -> Result<Vec<Vec<Area>>, PixelError> {
    let frames: Vec<u32> = (0..reader.declared()).collect();
    // Frames beside each other are often the same: a stretch of them is searched by one thread.
    let stretches = frames.par_chunks(STRETCH).map_init(Detector::default, |detector, stretch| {
        let mut found: Vec<Vec<Area>> = Vec::with_capacity(stretch.len());
        let mut before: Option<Frame> = None;
        for &index in stretch {
            let frame = reader.decode_frame(index)?;
            let same = before.as_ref().is_some_and(|b| b.samples == frame.samples);
            let areas = match found.last() {
                Some(last) if same => last.clone(),
                _ => search_frame(detector, &frame, reader.layout(), palette, window),
            };
            found.push(areas);
            before = Some(frame);
        }
        Ok(found)
    });
    Ok(stretches.collect::<Result<Vec<_>, PixelError>>()?.concat())
}

/// The writing of a frame, in all of its range and as its window shows it.
fn search_frame(
    detector: &mut Detector,
    frame: &Frame,
    layout: &PixelLayout,
    palette: Option<&Palette>,
    window: Option<Window>,
) -> Vec<Area> {
    let columns = frame.columns as usize;
    let mut areas = detector.find(&picture(frame, layout, palette), columns);
    if let Some(shown) = window.and_then(|w| windowed(frame, layout, w)) {
        let more = detector.find(&shown, columns);
        areas.extend(more.into_iter().filter(|a| !areas.iter().any(|b| contains(b, a))).collect::<Vec<_>>());
    }
    areas
}

/// What stands in many frames is masked in all: writing of a screen stays where it is, and a frame in which anatomy
/// passes below it hides it from the detector, not from a person.
fn everywhere(mut per_frame: Vec<Vec<Area>>) -> Vec<Vec<Area>> {
    let frames = per_frame.len();
    if frames < 2 {
        return per_frame;
    }
    let mut seen: Vec<(Area, usize)> = Vec::new();
    for area in per_frame.iter().flatten() {
        match seen.iter_mut().find(|(a, _)| alike(a, area)) {
            Some((kept, count)) => {
                *count += 1;
                if kept.width * kept.height < area.width * area.height {
                    *kept = *area;
                }
            }
            None => seen.push((*area, 1)),
        }
    }
    seen.retain(|(_, count)| count * EVERYWHERE >= frames);
    for areas in &mut per_frame {
        for (area, _) in &seen {
            if !areas.iter().any(|a| contains(a, area)) {
                areas.push(*area);
            }
        }
    }
    per_frame
}

/// Two areas that share more than half of both.
fn alike(a: &Area, b: &Area) -> bool {
    let width = (a.x + a.width).min(b.x + b.width).saturating_sub(a.x.max(b.x));
    let height = (a.y + a.height).min(b.y + b.height).saturating_sub(a.y.max(b.y));
    2 * width * height > (a.width * a.height).max(b.width * b.height)
}

fn contains(a: &Area, b: &Area) -> bool {
    a.x <= b.x && a.y <= b.y && a.x + a.width >= b.x + b.width && a.y + a.height >= b.y + b.height
}

/// The regions of an ultrasound picture (PS3.3 C.8.5.5): left, top, right, bottom.
fn regions(set: &DataSet<'_>) -> Vec<[u32; 4]> {
    let side = |item: &DataSet<'_>, tag| item.number(tag).map(|v| v.max(0.0) as u32);
    set.items(REGIONS)
        .iter()
        .filter_map(|item| {
            let [left, top, right, bottom] = SIDES.map(|tag| side(item, tag));
            Some([left?, top?, right?, bottom?])
        })
        .collect()
}

fn apart([left, top, right, bottom]: &[u32; 4], area: &Area) -> bool {
    area.x > *right || area.y > *bottom || area.x + area.width <= *left || area.y + area.height <= *top
}

/// What the header says of an instance whose pixels were masked (PS3.3 C.7.6.1.1.2: pixels that were changed are
/// derived ones).
pub fn derived(set: &DataSet<'_>) -> Vec<u8> {
    let values: Vec<&str> = set.ascii_values(tags::IMAGE_TYPE).collect();
    let rest: Vec<&str> = values.get(1..).map_or_else(|| vec!["PRIMARY"], <[&str]>::to_vec);
    let mut text = std::iter::once("DERIVED").chain(rest).collect::<Vec<_>>().join("\\").into_bytes();
    if text.len() % 2 == 1 {
        text.push(b' ');
    }
    text
}

/// An element that describes what was done to the pixels.
pub fn derivation() -> Element<'static> {
    Element::text(Tag::new(0x0008, 0x2111), crate::model::Vr::ST, "Burned-in text masked")
}
