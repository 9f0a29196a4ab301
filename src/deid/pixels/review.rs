//! What becomes of an instance's pixels: left alone, masked, or kept back for a person.

use std::collections::BTreeSet;

use super::detect::Expect;
use super::face::Blur;
use super::find::{Finder, Found, Why, add};
use super::grey::{Palette, Window};
use super::mask::{self, Change, Masked, Origin};
use super::rules::{PixelRule, Rules, regions};
use super::share::Share;
use super::{Need, need, says_burned_in};
use crate::bytes::{NoRoom, SpillConfig};
use crate::deid::profile::ReviewMasks;
use crate::deid::record::Mask;
use crate::dicom::codec::PixelError;
use crate::dicom::{DataSet, Element, Value};
use crate::model::pixels::{PixelLayout, SampleKind};
use crate::model::{Area, Drawing, DrawnMask, Tag, Vetting, Vr, tags};
use crate::ocr::{OcrError, Tesseract};

const FACE: &str = "face blurred";

/// What was seen in the pixels.
#[derive(Debug)]
pub enum PixelReview<'a> {
    /// Nothing that must go, or nothing that needed a look.
    Unmodified,
    /// Text or a face, which cannot be seen any more.
    Redacted(Box<Seen<'a>>),
    /// Nothing could look: why, in words that hold nothing from the file.
    Unsearchable(String),
    /// There may be text and there may be none: why.
    Inconclusive(String),
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
    /// Where large pixels are masked.
    pub scratch: SpillConfig<'s>,
    /// Frames that are searched at once.
    pub lanes: usize,
}

impl Search<'_> {
    /// Looks at the pixel data of a data set, which is in this transfer syntax.
    ///
    /// # Errors
    /// [`NoRoom`] for masked pixels.
    pub fn look<'a>(
        &self,
        set: &DataSet<'_>,
        pixels: Option<&'a Value<'_>>,
        syntax: &str,
        vetting: &Vetting,
    ) -> Result<PixelReview<'a>, NoRoom> {
        let need = self.need(set);
        let face = self.blurs(set);
        let searched = *vetting == Vetting::None && need != Need::No;
        if *vetting == Vetting::None && super::is_label(set) && need != Need::No {
            return Ok(PixelReview::Inconclusive("it is the picture of a slide's label".into()));
        }
        if searched && !self.on && need == Need::Must {
            let why = "its pixels may carry burned-in text and the profile does not have them searched";
            return Ok(PixelReview::Unsearchable(why.into()));
        }
        if self.leaves_alone(set, vetting) {
            return Ok(PixelReview::Unmodified);
        }
        let origin = || Origin::of(set, pixels.ok_or(PixelError::NoPixels)?, syntax);
        let look = || {
            let origin = origin()?;
            // Nothing is made ready for frames that are declared and not there.
            drop(origin.open()?);
            match vetting {
                Vetting::Masked(drawing) => match drawn(&origin.layout, drawing) {
                    Ok(frames) => self.change(set, origin, frames, face),
                    Err(why) => Ok(PixelReview::Inconclusive(why.into())),
                },
                Vetting::None if searched && self.on && need == Need::QuickLook => {
                    self.quick_look(set, origin, face)
                }
                Vetting::None if searched && self.on => self.search(set, origin, face),
                _ => self.change(set, origin, Vec::new(), face),
            }
        };
        Ok(match look() {
            Ok(look) => look,
            Err(SearchError::Pixels(PixelError::NoRoom(no_room))) => return Err(no_room),
            // No text is to be expected, and what only others can decode was never looked at.
            Err(SearchError::Pixels(_)) if need == Need::QuickLook && *vetting == Vetting::None && !face => {
                PixelReview::Unmodified
            }
            // Such pictures rarely carry text. One that can be seen in part was not searched in all.
            Err(SearchError::Pixels(error))
                if !error.others_may_see()
                    && need == Need::Search
                    && *vetting == Vetting::None
                    && !face
                    && !origin().is_ok_and(|origin| origin.shows_anything()) =>
            {
                PixelReview::Unmodified
            }
            Err(error) => PixelReview::Unsearchable(format!(
                "nothing could look at its pixels, or change them: {error}"
            )),
        })
    }

    /// The memory that the pixels of a data set take, which is in this transfer syntax; `None` where it is more than there
    /// is. Pixels that cannot be opened take none.
    pub fn share(&self, set: &DataSet<'_>, syntax: &str, vetting: &Vetting) -> Option<Share> {
        let Ok(origin) = Origin::whole(set, syntax) else { return Some(Share::default()) };
        let Ok(reader) = origin.reader() else { return Some(Share::default()) };
        if self.leaves_alone(set, vetting) {
            Share::of_bare(&reader)
        } else {
            Share::of_searched(&reader, rayon::current_num_threads())
        }
    }

    fn blurs(&self, set: &DataSet<'_>) -> bool {
        self.faces && super::face_recognisable(set) && super::has_pixels(set)
    }

    /// Whether nothing looks at the pixels.
    fn leaves_alone(&self, set: &DataSet<'_>, vetting: &Vetting) -> bool {
        match vetting {
            Vetting::Masked(_) => false,
            Vetting::None if self.on && self.need(set) != Need::No => false,
            _ => !self.blurs(set),
        }
    }

    /// Whether pixels are looked at: what a rule is for must be, whatever the header says.
    pub fn need(&self, set: &DataSet<'_>) -> Need {
        match need(set) {
            Need::QuickLook | Need::Search if !self.rules.of(set).is_empty() => Need::Must,
            need => need,
        }
    }

    /// Without the second reader: where that fails, a person still sees what the detector finds.
    fn alone(&self) -> Self {
        Self { ocr: None, ..*self }
    }

    /// What would be masked, for a person to decide, and of how many frames: an area that stands in all is said once.
    ///
    /// # Errors
    /// The pixels cannot be decoded.
    pub fn suggest(&self, set: &DataSet<'_>, syntax: &str) -> Result<(Drawing, u32), SearchError> {
        let origin = Origin::whole(set, syntax)?;
        let mut frames = match self.find(set, &origin) {
            Err(SearchError::Ocr(_)) => self.alone().find(set, &origin)?,
            found => found?,
        };
        if self.need(set) == Need::QuickLook {
            for (found, more) in frames.iter_mut().zip(self.quick_areas(set, &origin)?) {
                add(found, more.into_iter().map(|area| Found { area, why: Why::Unexpected }));
            }
        }
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

    /// What surely is writing where none is to be expected is for a person to judge.
    fn quick_look<'a>(
        &self,
        set: &DataSet<'_>,
        origin: Origin<'a>,
        face: bool,
    ) -> Result<PixelReview<'a>, SearchError> {
        if origin.layout.kind == SampleKind::Integer {
            let frames = self.quick_areas(set, &origin)?;
            let with = frames.iter().filter(|areas| !areas.is_empty()).count();
            if with > 0 {
                let all = frames.len();
                return Ok(PixelReview::Inconclusive(format!(
                    "there is writing in {with} of its {all} frames, and none is to be expected"
                )));
            }
        }
        self.change(set, origin, Vec::new(), face)
    }

    /// Where there surely is writing in frames that are to hold none.
    fn quick_areas(&self, set: &DataSet<'_>, origin: &Origin<'_>) -> Result<Vec<Vec<Area>>, SearchError> {
        let shown = origin.shown(set)?;
        let window = Window::of(set).or_else(|| Window::usual(set));
        let expect = Expect::default();
        let finder = Finder { palette: Palette::of(set), window, expect, ocr: None };
        finder.quick_look(&shown.open()?, self.lanes)
    }

    fn search<'a>(
        &self,
        set: &DataSet<'_>,
        origin: Origin<'a>,
        face: bool,
    ) -> Result<PixelReview<'a>, SearchError> {
        if origin.layout.kind != SampleKind::Integer {
            return self.change(set, origin, Vec::new(), face);
        }
        let frames = self.find(set, &origin)?;
        let count = |which: fn(&Why) -> bool| frames.iter().flatten().filter(|f| which(&f.why)).count();
        let doubtful = count(|why| *why == Why::Doubtful);
        if doubtful > 0 {
            return Ok(PixelReview::Inconclusive(format!(
                "{doubtful} areas of its frames may be writing, and may be none"
            )));
        }
        // A rule masks a place; whether that was the writing that the header speaks of, it cannot say.
        if says_burned_in(set) && count(|why| !matches!(why, Why::Rule(_))) == 0 {
            return Ok(PixelReview::Inconclusive(
                "its header says that text is burned in, and none was found".into(),
            ));
        }
        if frames.iter().any(|found| hides_most(found, &origin.layout)) {
            return Ok(PixelReview::Inconclusive("more than half of a frame would be masked".into()));
        }
        let count = count(|_| true);
        if count > 0 && self.review == ReviewMasks::Always {
            return Ok(PixelReview::Inconclusive(format!(
                "{count} areas of its frames would be masked; the profile has a person confirm that"
            )));
        }
        self.change(set, origin, frames, face)
    }

    /// Masks what was found or drawn, and blurs the face.
    fn change<'a>(
        &self,
        set: &DataSet<'_>,
        origin: Origin<'a>,
        frames: Vec<Vec<Found>>,
        face: bool,
    ) -> Result<PixelReview<'a>, SearchError> {
        let blur = match face.then(|| Blur::of(set)).transpose() {
            Ok(blur) => blur,
            Err(why) => return Ok(PixelReview::Inconclusive(format!("its face should be blurred: {why}"))),
        };
        if blur.is_some() && !Blur::fits(&origin.layout) {
            return Ok(PixelReview::Inconclusive(
                "its face should be blurred, and its pixels are no greys".into(),
            ));
        }
        if blur.is_none() && frames.iter().all(Vec::is_empty) {
            return Ok(PixelReview::Unmodified);
        }
        let mut areas: Vec<Vec<Area>> =
            frames.iter().map(|found| found.iter().map(|f| f.area).collect()).collect();
        areas.resize(origin.layout.frames as usize, Vec::new());
        let change = Change { areas, blur };
        let masked = match mask::apply(&origin, set, &change, self.scratch) {
            Ok(masked) => masked,
            Err(error @ PixelError::NoRoom(_)) => return Err(error.into()),
            Err(error) => {
                return Ok(PixelReview::Unsearchable(format!("its pixels cannot be masked: {error}")));
            }
        };
        let faces =
            (1..).zip(&masked.blurred).filter_map(|(frame, area)| Some(mask_of(frame, &(*area)?, FACE)));
        let texts = (1..).zip(&frames).flat_map(|(frame, found)| {
            found.iter().map(move |Found { area, why }| mask_of(frame, area, &why.to_string()))
        });
        let masks: Vec<Mask> = faces.chain(texts).collect();
        if masks.is_empty() {
            return Ok(PixelReview::Unmodified);
        }
        Ok(PixelReview::Redacted(Box::new(Seen { masked, masks, origin, change })))
    }

    /// What is to be masked of every frame; what is doubtful only where a person looks at it.
    fn find(&self, set: &DataSet<'_>, origin: &Origin<'_>) -> Result<Vec<Vec<Found>>, SearchError> {
        let layout = &origin.layout;
        let regions = regions(set);
        let of_rule = |rule: &PixelRule| {
            let why = Why::Rule(rule.name.clone());
            let areas = rule.areas_in(layout.columns, layout.rows, &regions).into_iter();
            areas.map(|area| Found { area, why: why.clone() }).collect::<Vec<_>>()
        };
        let ruled: Vec<Found> = self.rules.of(set).into_iter().flat_map(of_rule).collect();
        let expect = Expect {
            doubts: self.review != ReviewMasks::Never,
            everywhere: says_burned_in(set),
            outside: &regions,
        };
        // Searched in true colours, whatever the samples are masked in.
        let shown = origin.shown(set)?;
        let finder = Finder { palette: Palette::of(set), window: Window::of(set), expect, ocr: self.ocr };
        let mut frames = finder.frames(&shown.open()?, self.lanes)?;
        for found in &mut frames {
            found.retain(|f| !ruled.iter().any(|r| r.area.contains(&f.area)));
            found.splice(0..0, ruled.iter().cloned());
        }
        Ok(frames)
    }
}

/// Whether what was found, rules aside, covers more than half of a frame.
fn hides_most(found: &[Found], layout: &PixelLayout) -> bool {
    let areas = found.iter().filter(|f| !matches!(f.why, Why::Rule(_))).map(|f| f.area);
    let areas: Vec<Area> = areas.filter_map(|a| a.within(layout.columns, layout.rows)).collect();
    let half = u64::from(layout.rows) * u64::from(layout.columns) / 2;
    // Without what two share the sum says enough for most.
    areas.iter().map(Area::pixels).sum::<u64>() > half && covered(&areas) > half
}

/// Pixels that areas cover together: strips between their upper and lower edges, each with the widths that it crosses.
fn covered(areas: &[Area]) -> u64 {
    let mut edges: Vec<u32> = areas.iter().flat_map(|a| [a.y, a.bottom()]).collect();
    edges.sort_unstable();
    edges.dedup();
    let strip = |edge: &[u32]| {
        let mut spans: Vec<(u32, u32)> = areas
            .iter()
            .filter(|a| a.y <= edge[0] && a.bottom() >= edge[1])
            .map(|a| (a.x, a.right()))
            .collect();
        spans.sort_unstable();
        let mut reached = 0;
        let mut width = 0u64;
        for (from, to) in spans {
            width += u64::from(to.saturating_sub(from.max(reached)));
            reached = reached.max(to);
        }
        width * u64::from(edge[1] - edge[0])
    };
    edges.windows(2).map(strip).sum()
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
            areas.map(|area| Found { area, why: Why::Person }).collect()
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
