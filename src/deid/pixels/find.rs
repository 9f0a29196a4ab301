//! What is found in frames: by the detector, in every view of a frame, and by a second reader.

use std::fmt;

use rayon::prelude::*;

use super::detect::{Detector, Expect};
use super::grey::{Palette, Window, picture, quick_view, windowed};
use super::review::SearchError;
use crate::dicom::codec::{Frame, FrameReader};
use crate::model::Area;
use crate::model::pixels::PixelLayout;
use crate::ocr::Tesseract;

/// Writing in one of so many frames stands in all of them.
const EVERYWHERE: usize = 5;
/// Frames that one thread searches after each other.
const STRETCH: usize = 8;
/// Places of writing that are followed from frame to frame.
const MOST_PLACES: usize = 4096;

/// Why a mask is there that somebody has drawn.
pub const MASKED_BY_PERSON: &str = "masked by a person";

/// An area and why it is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub area: Area,
    /// Why.
    pub why: Why,
}

/// Why an area is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A rule of this name.
    Rule(String),
    /// The detector.
    Detector,
    /// The detector, outside the ultrasound regions.
    Region,
    /// The detector, and the header says that there is text.
    Header,
    /// The detector, in a picture that is to hold no text.
    Unexpected,
    /// The detector, which is not sure.
    Doubtful,
    /// Tesseract.
    Ocr,
    /// A person.
    Person,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rule(name) => return write!(f, "rule {name}"),
            Self::Detector => "text found by the detector",
            Self::Region => "text found by the detector, outside the ultrasound regions",
            Self::Header => "text found by the detector, where the header says that there is some",
            Self::Unexpected => "text found by the detector, where none is to be expected",
            Self::Doubtful => "text of which the detector is not sure",
            Self::Ocr => "text read by Tesseract",
            Self::Person => MASKED_BY_PERSON,
        })
    }
}

/// How frames are looked at.
pub struct Finder<'s> {
    /// The palette of indices.
    pub palette: Option<Palette>,
    /// The header's window.
    pub window: Option<Window>,
    /// Where writing is to be expected.
    pub expect: Expect<'s>,
    /// The second reader.
    pub ocr: Option<&'s Tesseract>,
}

impl Finder<'_> {
    /// The writing of every frame, so many at once.
    ///
    /// # Errors
    /// A frame cannot be decoded, or the second reader fails.
    pub fn frames(&self, reader: &FrameReader<'_>, lanes: usize) -> Result<Vec<Vec<Found>>, SearchError> {
        let frames: Vec<u32> = (0..reader.declared()).collect();
        // Frames beside each other are often the same: a stretch of them is searched by one thread.
        let all = lanes >= rayon::current_num_threads();
        let stretch = if all { STRETCH } else { frames.len().div_ceil(lanes).max(STRETCH) };
        let stretches = frames.par_chunks(stretch).map_init(Detector::default, |detector, stretch| {
            let mut found: Vec<Vec<Found>> = Vec::with_capacity(stretch.len());
            let mut before: Option<Frame> = None;
            for &index in stretch {
                let frame = reader.decode_frame(index)?;
                let columns = frame.columns as usize;
                let same = before.as_ref().is_some_and(|b| b.samples == frame.samples);
                let seen = found.last().filter(|_| same).cloned();
                let views = if seen.is_none() { self.views(&frame, reader.layout()) } else { Vec::new() };
                // A large picture is not held beside what it is searched in, where no other is compared with it.
                before = (Some(&index) != stretch.last()).then_some(frame);
                found.push(seen.map_or_else(|| self.look(detector, &views, columns), Ok)?);
            }
            Ok(found)
        });
        Ok(everywhere(stretches.collect::<Result<Vec<_>, SearchError>>()?.concat()))
    }

    /// Where there surely is writing in frames that are to hold none, so many at once.
    ///
    /// # Errors
    /// A frame cannot be decoded.
    pub fn quick_look(&self, reader: &FrameReader<'_>, lanes: usize) -> Result<Vec<Vec<Area>>, SearchError> {
        let frames: Vec<u32> = (0..reader.declared()).collect();
        let stretch = frames.len().div_ceil(lanes.max(1)).max(1);
        let look = |detector: &mut Detector, index: u32| {
            let frame = reader.decode_frame(index)?;
            let columns = frame.columns as usize;
            let view = quick_view(&frame, reader.layout(), self.window, self.palette.as_ref());
            drop(frame);
            // A frame of one grey is empty, however large it is.
            let is_empty = view.iter().all(|&grey| grey == view[0]);
            Ok(if is_empty { Vec::new() } else { detector.quick_look(&view, columns) })
        };
        let stretches = frames.par_chunks(stretch).map_init(Detector::default, |detector, stretch| {
            stretch.iter().map(|&index| look(detector, index)).collect::<Result<Vec<_>, SearchError>>()
        });
        Ok(stretches.collect::<Result<Vec<_>, SearchError>>()?.concat())
    }

    /// A frame in all of its range and as its window shows it.
    fn views(&self, frame: &Frame, layout: &PixelLayout) -> Vec<Vec<u8>> {
        let shown = self.window.and_then(|window| windowed(frame, layout, window));
        std::iter::once(picture(frame, layout, self.palette.as_ref())).chain(shown).collect()
    }

    /// The writing in views of a frame.
    fn look(
        &self,
        detector: &mut Detector,
        views: &[Vec<u8>],
        columns: usize,
    ) -> Result<Vec<Found>, SearchError> {
        let mut found = Vec::new();
        for view in views {
            let writing = detector.find(view, columns, &self.expect);
            let sure = writing.sure.into_iter().map(|area| Found { area, why: self.why(&area) });
            add(&mut found, sure);
            add(&mut found, writing.doubtful.into_iter().map(|area| Found { area, why: Why::Doubtful }));
        }
        if let (Some(ocr), Some(whole)) = (self.ocr, views.first()) {
            let words = ocr.words(whole, columns)?.into_iter();
            add(&mut found, words.map(|area| Found { area, why: Why::Ocr }));
        }
        Ok(found)
    }

    fn why(&self, area: &Area) -> Why {
        if self.expect.is_outside(area) {
            Why::Region
        } else if self.expect.everywhere {
            Why::Header
        } else {
            Why::Detector
        }
    }
}

/// Adds what no area that is there contains.
pub fn add(found: &mut Vec<Found>, more: impl Iterator<Item = Found>) {
    let before = found.len();
    let new = more.filter(|m| !found[..before].iter().any(|f| f.area.contains(&m.area)));
    let new: Vec<Found> = new.collect();
    found.extend(new);
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
        add(frame, seen.iter().map(|(found, _)| found.clone()));
    }
    frames
}
