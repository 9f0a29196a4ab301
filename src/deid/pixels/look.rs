//! What becomes of an instance's pixels: left alone, masked, or kept back for a person.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::detect::{Detector, Expect};
use super::face::Blur;
use super::grey::{Palette, Window, picture, windowed};
use super::mask::{self, Change, Masked, Origin};
use super::rules::{Rules, regions};
use super::{Need, need, says_burned_in};
use crate::deid::profile::ReviewMasks;
use crate::deid::record::Mask;
use crate::dicom::codec::{Frame, FrameReader, PixelError};
use crate::dicom::{DataSet, Element};
use crate::model::pixels::{PixelLayout, SampleKind};
use crate::model::{Area, Drawing, DrawnMask, Tag, Vetting, Vr, tags};
use crate::ocr::{OcrError, Tesseract};

/// Writing in one of so many frames stands in all of them.
const EVERYWHERE: usize = 5;
/// Frames that one thread searches after each other.
const STRETCH: usize = 8;
/// Places of writing that are followed from frame to frame.
const MOST_PLACES: usize = 4096;
const DETECTOR: &str = "text found by the detector";
const REGION: &str = "text found by the detector, outside the ultrasound regions";
const HEADER: &str = "text found by the detector, where the header says that there is some";
const RULE: &str = "rule ";
const OCR: &str = "text read by Tesseract";
const PERSON: &str = "masked by a person";
const FACE: &str = "face blurred";

/// What was seen in the pixels.
#[derive(Debug)]
pub enum Look<'a> {
    /// Nothing that must go, or nothing that needed a look.
    Clear,
    /// Text or a face, which cannot be seen any more.
    Changed(Box<Seen<'a>>),
    /// Nothing could look: why, in words that hold nothing from the file.
    Blind(String),
    /// There may be text and there may be none: why.
    Doubt(String),
}

/// Pixels that were changed.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The pixel data with masks and its header.
    pub masked: Masked,
    /// The areas, for the ledger.
    pub masks: Vec<Mask>,
    origin: Origin<'a>,
    change: Change,
}

impl Seen<'_> {
    /// Whether an output's pixels are those of the source but for the masks.
    pub fn agrees(&self, output: &DataSet<'_>, syntax: &str) -> bool {
        mask::agrees(&self.origin, output, syntax, &self.change, &self.masked.fill).unwrap_or(false)
    }

    /// Whether text was masked.
    pub fn has_masks(&self) -> bool {
        self.change.areas.iter().any(|areas| !areas.is_empty())
    }

    /// Whether a face was blurred.
    pub fn has_blurred(&self) -> bool {
        self.masked.blurred.iter().any(Option::is_some)
    }
}

/// Why pixels could not be searched.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// They cannot be decoded or encoded.
    #[error(transparent)]
    Pixels(#[from] PixelError),
    /// The second reader did not answer.
    #[error(transparent)]
    Ocr(#[from] OcrError),
}

/// An area and why it is masked.
#[derive(Debug, Clone)]
struct Found {
    area: Area,
    why: String,
}

/// How pixels are searched.
#[derive(Debug, Clone, Copy)]
pub struct Search<'s> {
    /// Whether they are searched at all.
    pub on: bool,
    /// Where scanners burn text in.
    pub rules: Rules<'s>,
    /// Another reader of text, where the profile wants one.
    pub ocr: Option<&'s Tesseract>,
    /// Which pictures wait for a person.
    pub review: ReviewMasks,
    /// Faces are blurred.
    pub faces: bool,
}

impl Search<'_> {
    /// Looks at the pixels of a data set whose pixels are in this transfer syntax; `cleared` are its native pixels
    /// without what hid in unused bits.
    pub fn look<'a>(
        &self,
        set: &DataSet<'a>,
        syntax: &str,
        cleared: Option<&[u8]>,
        vetting: &Vetting,
    ) -> Look<'a> {
        let need = self.need(set);
        let face = self.faces && super::face_recognisable(set) && super::has_pixels(set);
        let searched = *vetting == Vetting::None && need != Need::No;
        if searched && !self.on && need == Need::Must {
            let why = "its pixels may carry burned-in text and the profile does not have them searched";
            return Look::Blind(why.into());
        }
        let is_left_alone = match vetting {
            Vetting::Masked(_) => false,
            Vetting::None if searched && self.on => false,
            _ => !face,
        };
        if is_left_alone {
            return Look::Clear;
        }
        let look = || {
            let origin = Origin::clean(set, syntax, cleared)?;
            // Nothing is made ready for frames that are declared and not there.
            drop(origin.open()?);
            match vetting {
                Vetting::Masked(drawing) => match drawn(&origin.layout, drawing) {
                    Ok(frames) => self.change(set, origin, frames, face),
                    Err(why) => Ok(Look::Doubt(why.into())),
                },
                Vetting::None if searched && self.on => self.search(set, origin, face),
                _ => self.change(set, origin, Vec::new(), face),
            }
        };
        match look() {
            Ok(look) => look,
            // Such pictures rarely carry text.
            Err(SearchError::Pixels(_)) if need == Need::Search && *vetting == Vetting::None && !face => {
                Look::Clear
            }
            Err(error) => Look::Blind(format!("nothing could look at its pixels, or change them: {error}")),
        }
    }

    /// Whether pixels are looked at: what a rule is for must be, whatever the header says.
    pub fn need(&self, set: &DataSet<'_>) -> Need {
        match need(set) {
            Need::No | Need::Search if super::has_pixels(set) && !self.rules.of(set).is_empty() => Need::Must,
            need => need,
        }
    }

    /// What would be masked, for a person to decide, and of how many frames: an area that stands in all is said once.
    ///
    /// # Errors
    /// The pixels cannot be decoded.
    pub fn suggest(&self, set: &DataSet<'_>, syntax: &str) -> Result<(Drawing, u32), SearchError> {
        let origin = Origin::of(set, syntax)?;
        let mut frames = self.find(set, &origin, false)?;
        let doubtful = self.doubtful(set, &origin, &frames)?;
        frames.iter_mut().zip(doubtful).for_each(|(sure, doubtful)| sure.extend(doubtful));
        let areas: Vec<BTreeSet<Area>> =
            frames.iter().map(|found| found.iter().map(|f| f.area).collect()).collect();
        let mut standing = areas.first().cloned().unwrap_or_default();
        areas.iter().for_each(|here| standing.retain(|area| here.contains(area)));
        let in_all = standing.iter().map(|area| DrawnMask { frame: None, area: *area });
        let in_one = (1..).zip(&areas).flat_map(|(frame, here)| {
            let alone = here.difference(&standing);
            alone.map(move |area| DrawnMask { frame: Some(frame), area: *area })
        });
        let masks = in_all.chain(in_one).collect();
        let PixelLayout { columns, rows, frames, .. } = origin.layout;
        Ok((Drawing { columns, rows, masks }, frames))
    }

    fn search<'a>(&self, set: &DataSet<'a>, origin: Origin<'a>, face: bool) -> Result<Look<'a>, SearchError> {
        if origin.layout.kind != SampleKind::Integer {
            return self.change(set, origin, Vec::new(), face);
        }
        let frames = self.find(set, &origin, false)?;
        let count = frames.iter().map(Vec::len).sum::<usize>();
        // A rule masks a place; whether that was the writing that the header speaks of, it cannot say.
        let is_read = frames.iter().flatten().any(|found| !found.why.starts_with(RULE));
        if !is_read && says_burned_in(set) {
            return Ok(Look::Doubt("its header says that text is burned in, and none was found".into()));
        }
        let doubtful = self.doubtful(set, &origin, &frames)?.iter().map(Vec::len).sum::<usize>();
        if doubtful > 0 {
            return Ok(Look::Doubt(format!(
                "{doubtful} areas of its frames may be writing, and may be none"
            )));
        }
        if count > 0 && self.review == ReviewMasks::Always {
            return Ok(Look::Doubt(format!(
                "{count} areas of its frames would be masked; the profile has a person confirm that"
            )));
        }
        self.change(set, origin, frames, face)
    }

    /// Masks what was found or drawn, and blurs the face.
    fn change<'a>(
        &self,
        set: &DataSet<'a>,
        origin: Origin<'a>,
        frames: Vec<Vec<Found>>,
        face: bool,
    ) -> Result<Look<'a>, SearchError> {
        let blur = match face.then(|| Blur::of(set)).transpose() {
            Ok(blur) => blur,
            Err(why) => return Ok(Look::Doubt(format!("its face should be blurred: {why}"))),
        };
        if blur.is_some() && !Blur::fits(&origin.layout) {
            return Ok(Look::Doubt("its face should be blurred, and its pixels are no greys".into()));
        }
        if blur.is_none() && frames.iter().all(Vec::is_empty) {
            return Ok(Look::Clear);
        }
        let mut areas: Vec<Vec<Area>> =
            frames.iter().map(|found| found.iter().map(|f| f.area).collect()).collect();
        areas.resize(origin.layout.frames as usize, Vec::new());
        let change = Change { areas, blur };
        let masked = match mask::apply(&origin, set, &change) {
            Ok(masked) => masked,
            Err(error) => return Ok(Look::Blind(format!("its pixels cannot be masked: {error}"))),
        };
        let faces = (1..).zip(&masked.blurred).filter_map(|(frame, area)| Some((frame, (*area)?, FACE)));
        let texts = (1..)
            .zip(&frames)
            .flat_map(|(frame, found)| found.iter().map(move |Found { area, why }| (frame, *area, &**why)));
        let masks: Vec<Mask> =
            faces.chain(texts).map(|(frame, area, why)| mask_of(frame, &area, why)).collect();
        if masks.is_empty() {
            return Ok(Look::Clear);
        }
        Ok(Look::Changed(Box::new(Seen { masked, masks, origin, change })))
    }

    /// What may be writing beside what is sure, where a person looks at it.
    fn doubtful(
        &self,
        set: &DataSet<'_>,
        origin: &Origin<'_>,
        sure: &[Vec<Found>],
    ) -> Result<Vec<Vec<Found>>, SearchError> {
        if self.review == ReviewMasks::Never {
            return Ok(Vec::new());
        }
        let likely = self.find(set, origin, true)?.into_iter();
        // Half of its pixels or more are in nothing that is sure.
        let is_new = |sure: &[Found], area: &Area| {
            sure.iter().map(|s| s.area.shared(area)).sum::<u64>() <= area.pixels() / 2
        };
        Ok(likely
            .zip(sure)
            .map(|(likely, sure)| likely.into_iter().filter(|l| is_new(sure, &l.area)).collect())
            .collect())
    }

    /// What is to be masked of every frame; with what is no more than `likely` to be writing, if asked.
    fn find(
        &self,
        set: &DataSet<'_>,
        origin: &Origin<'_>,
        likely: bool,
    ) -> Result<Vec<Vec<Found>>, SearchError> {
        let layout = &origin.layout;
        let regions = regions(set);
        let ruled: Vec<Found> = self
            .rules
            .of(set)
            .into_iter()
            .flat_map(|rule| {
                let areas = rule.areas_in(layout.columns, layout.rows, &regions).into_iter();
                areas.map(|area| Found { area, why: format!("{RULE}{}", rule.name) })
            })
            .collect();
        let says = says_burned_in(set);
        let expect = Expect { everywhere: says || likely, outside: &regions };
        // Searched in true colours, whatever the samples are masked in.
        let shown = origin.shown(set)?;
        let (palette, window, ocr) = (Palette::of(set), Window::of(set), self.ocr.filter(|_| !likely));
        let sight = Sight { palette, window, expect, says, ocr };
        let frames = everywhere(sight.frames(&shown.open()?)?);
        Ok(frames
            .into_iter()
            .map(|found| {
                let beyond = found.into_iter().filter(|f| !ruled.iter().any(|r| r.area.contains(&f.area)));
                ruled.iter().cloned().chain(beyond).collect()
            })
            .collect())
    }
}

/// What a person drew, frame by frame.
fn drawn(layout: &PixelLayout, drawing: &Drawing) -> Result<Vec<Vec<Found>>, &'static str> {
    if (layout.columns, layout.rows) != (drawing.columns, drawing.rows) {
        return Err("its masks were drawn on another matrix");
    }
    let frames: Vec<Vec<Found>> = (1..=layout.frames)
        .map(|frame| {
            let here = drawing.masks.iter().filter(|m| m.frame.is_none_or(|f| f == frame));
            let areas = here.filter_map(|m| m.area.within(layout.columns, layout.rows));
            areas.map(|area| Found { area, why: PERSON.into() }).collect()
        })
        .collect();
    if frames.iter().all(Vec::is_empty) || layout.kind != SampleKind::Integer {
        return Err("its masks lie nowhere in its frames, or its pixels are no integers");
    }
    Ok(frames)
}

fn mask_of(frame: u32, &Area { x, y, width, height }: &Area, why: &str) -> Mask {
    Mask { frame, x, y, width, height, why: why.into() }
}

/// How frames are looked at.
struct Sight<'s> {
    palette: Option<Palette>,
    window: Option<Window>,
    expect: Expect<'s>,
    /// The header says that text is burned in.
    says: bool,
    ocr: Option<&'s Tesseract>,
}

impl Sight<'_> {
    /// The writing of every frame.
    fn frames(&self, reader: &FrameReader<'_>) -> Result<Vec<Vec<Found>>, SearchError> {
        let frames: Vec<u32> = (0..reader.declared()).collect();
        // Frames beside each other are often the same: a stretch of them is searched by one thread.
        let stretches = frames.par_chunks(STRETCH).map_init(Detector::default, |detector, stretch| {
            let mut found: Vec<Vec<Found>> = Vec::with_capacity(stretch.len());
            let mut before: Option<Frame> = None;
            for &index in stretch {
                let frame = reader.decode_frame(index)?;
                let same = before.as_ref().is_some_and(|b| b.samples == frame.samples);
                let areas = match found.last() {
                    Some(last) if same => last.clone(),
                    _ => self.frame(detector, &frame, reader.layout())?,
                };
                found.push(areas);
                before = Some(frame);
            }
            Ok(found)
        });
        Ok(stretches.collect::<Result<Vec<_>, SearchError>>()?.concat())
    }

    /// The writing of a frame, in all of its range and as its window shows it.
    fn frame(
        &self,
        detector: &mut Detector,
        frame: &Frame,
        layout: &PixelLayout,
    ) -> Result<Vec<Found>, SearchError> {
        let columns = frame.columns as usize;
        let whole = picture(frame, layout, self.palette.as_ref());
        let mut areas = detector.find(&whole, columns, &self.expect);
        if let Some(shown) = self.window.and_then(|w| windowed(frame, layout, w)) {
            let more = detector.find(&shown, columns, &self.expect);
            let beyond: Vec<Area> =
                more.into_iter().filter(|a| !areas.iter().any(|b| b.contains(a))).collect();
            areas.extend(beyond);
        }
        let mut found: Vec<Found> =
            areas.into_iter().map(|area| Found { area, why: self.why(&area).into() }).collect();
        if let Some(ocr) = self.ocr {
            let words = ocr.words(&whole, columns)?;
            let beyond = words.into_iter().filter(|w| !found.iter().any(|f| f.area.contains(w)));
            found.extend(beyond.map(|area| Found { area, why: OCR.into() }).collect::<Vec<_>>());
        }
        Ok(found)
    }

    fn why(&self, area: &Area) -> &'static str {
        let regions = self.expect.outside;
        if !regions.is_empty() && regions.iter().all(|r| r.shared(area) == 0) {
            REGION
        } else if self.says {
            HEADER
        } else {
            DETECTOR
        }
    }
}

/// What stands in many frames is masked in all: writing of a screen stays where it is, and a frame in which anatomy
/// passes below it hides it from the detector, not from a person.
fn everywhere(mut frames: Vec<Vec<Found>>) -> Vec<Vec<Found>> {
    if frames.len() < 2 {
        return frames;
    }
    let mut seen: Vec<(Found, usize)> = Vec::new();
    for found in frames.iter().flatten() {
        let full = seen.len() >= MOST_PLACES;
        match seen.iter_mut().find(|(f, _)| f.area.is_like(&found.area)) {
            Some((kept, count)) => {
                *count += 1;
                if kept.area.pixels() < found.area.pixels() {
                    *kept = found.clone();
                }
            }
            // Where a cine shows ever new places, none of them stands.
            None if full => {}
            None => seen.push((found.clone(), 1)),
        }
    }
    seen.retain(|(_, count)| count * EVERYWHERE >= frames.len());
    for frame in &mut frames {
        for (found, _) in &seen {
            if !frame.iter().any(|f| f.area.contains(&found.area)) {
                frame.push(found.clone());
            }
        }
    }
    frames
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

const DERIVATION_DESCRIPTION: Tag = Tag::new(0x0008, 0x2111);
/// What was done to the pixels: text alone, a face alone, both.
const DERIVATIONS: [&str; 3] =
    ["Burned-in text masked", "Face blurred", "Burned-in text masked, face blurred"];

/// What was done to the pixels, for a reader of the header.
pub fn derivation(seen: &Seen<'_>) -> Element<'static> {
    let text = match (seen.has_masks(), seen.has_blurred()) {
        (_, false) => DERIVATIONS[0],
        (false, true) => DERIVATIONS[1],
        (true, true) => DERIVATIONS[2],
    };
    Element::text(DERIVATION_DESCRIPTION, Vr::ST, text)
}

/// Whether an element is what [`derivation`] writes.
pub fn is_derivation(element: &Element<'_>) -> bool {
    element.tag == DERIVATION_DESCRIPTION
        && DERIVATIONS.iter().any(|text| *element == Element::text(DERIVATION_DESCRIPTION, Vr::ST, text))
}
