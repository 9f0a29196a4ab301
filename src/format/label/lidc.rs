//! LIDC-IDRI readings (Armato et al. 2011, Med Phys 38:915): each reader's nodules as edge maps, with their ratings.
//!
//! The edge map runs over the first pixels outside of the nodule; a map of one pixel marks a nodule below 3 mm. One structure
//! for each nodule and reader.

use std::collections::BTreeMap;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, bytes_of};
use crate::label::raster::fill;
use crate::label::{
    Drawing, Drawn, ImageRef, LabelSet, Mask, Measurement, Placed, Run, Shape, Structure, Warning,
};

/// Elements nested deeper than this are refused.
const MOST_DEPTH: usize = 32;
/// Pixels of one edge map at most.
const MOST_POINTS: usize = 1_000_000;
/// The last pixel that an edge map may name.
const LAST_PIXEL: i32 = 65_534;
/// Changes from areas to holes and back on one image at most.
const MOST_LAYERS: usize = 256;
/// Pixels that the lines between the points of one edge map pass, at most.
const MOST_PASSED: u64 = 1 << 24;
/// Characters of a text that is read.
const MOST_TEXT: usize = 256;

/// The format.
pub(super) struct Lidc;

impl LabelFormat for Lidc {
    fn id(&self) -> FormatId {
        FormatId::Lidc
    }

    fn probe(&self, probe: &Probe) -> bool {
        let text = probe.text();
        text.starts_with('<') && text.contains("<LidcReadMessage")
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        read(&bytes_of(path)?)
    }

    fn write(&self, _: &Placed, _: Option<&SourceImage>, _: &Path) -> Result<(), LabelError> {
        Err(LabelError::CannotHold("not_written", "LIDC XML is read and not written".into()))
    }
}

/// What is being read.
#[derive(Default)]
struct Reading {
    set: LabelSet,
    path: Vec<String>,
    session: u32,
    nodule: Nodule,
    other: usize,
}

#[derive(Default)]
struct Nodule {
    id: String,
    ratings: Vec<(String, f64)>,
    rois: Vec<Roi>,
}

#[derive(Default)]
struct Roi {
    sop_uid: String,
    hole: bool,
    points: Vec<[i32; 2]>,
    at: [Option<i32>; 2],
}

fn read(bytes: &[u8]) -> Result<LabelSet, LabelError> {
    let mut reader = Reader::from_reader(bytes);
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::default();
    loop {
        match reader.read_event().map_err(|_| LabelError::malformed("XML that cannot be read"))? {
            Event::Start(element) => {
                if reading.path.len() >= MOST_DEPTH {
                    return Err(LabelError::malformed("XML nested too deeply"));
                }
                let name = String::from_utf8_lossy(element.local_name().as_ref()).into_owned();
                reading.begin(&name);
                reading.path.push(name);
            }
            Event::Text(text) => {
                let text: String = String::from_utf8_lossy(&text).chars().take(MOST_TEXT).collect();
                reading.text(text.trim())?;
            }
            Event::End(_) => {
                let name = reading.path.pop().unwrap_or_default();
                reading.end(&name)?;
            }
            Event::Eof if reading.path.is_empty() => break,
            Event::Eof => return Err(LabelError::malformed("XML that ends too early")),
            _ => {}
        }
    }
    let Reading { mut set, other, .. } = reading;
    if other > 0 {
        let words = format!("{other} marks of what is no nodule are left out");
        set.warnings.push(Warning::new("non_nodules", words));
    }
    set.references.sort_unstable();
    set.references.dedup();
    Ok(set)
}

impl Reading {
    fn begin(&mut self, name: &str) {
        match name {
            "readingSession" => self.session += 1,
            "unblindedReadNodule" => self.nodule = Nodule::default(),
            "roi" => self.nodule.rois.push(Roi::default()),
            "nonNodule" => self.other += 1,
            _ => {}
        }
    }

    fn text(&mut self, text: &str) -> Result<(), LabelError> {
        if text.is_empty() {
            return Ok(());
        }
        let (name, parent) =
            (self.path.last().map_or("", |s| s), self.path.iter().rev().nth(1).map_or("", |s| s));
        match (parent, name) {
            ("ResponseHeader", "SeriesInstanceUid") => self.set.series_uid = Some(text.to_owned()),
            ("unblindedReadNodule", "noduleID") => text.clone_into(&mut self.nodule.id),
            ("characteristics", rating) => {
                let value = text.parse().ok().filter(|v: &f64| v.is_finite());
                let value = value.ok_or_else(|| LabelError::malformed("a rating that is no number"))?;
                let rating = rating.to_owned();
                self.nodule.ratings.push((rating, value));
            }
            ("roi", "imageSOP_UID") => {
                if let Some(roi) = self.nodule.rois.last_mut() {
                    text.clone_into(&mut roi.sop_uid);
                }
            }
            ("roi", "inclusion") => {
                if let Some(roi) = self.nodule.rois.last_mut() {
                    roi.hole = text.eq_ignore_ascii_case("false");
                }
            }
            ("edgeMap", "xCoord" | "yCoord") => {
                let value = text.parse::<i32>().ok().filter(|v| (0..=LAST_PIXEL).contains(v));
                let value = value
                    .ok_or_else(|| LabelError::malformed("an edge map with a coordinate that is no pixel"))?;
                let axis = usize::from(name == "yCoord");
                if let Some(roi) = self.nodule.rois.last_mut() {
                    roi.at[axis] = Some(value);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), LabelError> {
        match name {
            "edgeMap" => {
                if let Some(roi) = self.nodule.rois.last_mut() {
                    let point = roi.at[0].take().zip(roi.at[1].take());
                    let (x, y) = point.ok_or_else(|| LabelError::malformed("an edge map without x or y"))?;
                    roi.points.push([x, y]);
                    if roi.points.len() > MOST_POINTS {
                        return Err(LabelError::malformed("an edge map of more points than are read"));
                    }
                }
            }
            "unblindedReadNodule" => self.nodule_done()?,
            // Marks of what is no nodule have places, too.
            "nonNodule" => self.nodule = Nodule::default(),
            _ => {}
        }
        Ok(())
    }

    fn nodule_done(&mut self) -> Result<(), LabelError> {
        let nodule = std::mem::take(&mut self.nodule);
        let name = format!("{}, reader {}", nodule.id, self.session);
        let mut by_image: BTreeMap<String, Layers> = BTreeMap::new();
        for roi in nodule.rois {
            let runs = pixels(&roi.points)?;
            self.set.references.push(roi.sop_uid.clone());
            by_image.entry(roi.sop_uid).or_default().add(roi.hole, runs)?;
        }
        let drawing = |(uid, layers): (String, Layers)| Drawing {
            image: ImageRef { uid, frame: None },
            drawn: Drawn::Inside(None, layers.flat()),
        };
        let measured = |(rating, value): (String, f64)| Measurement {
            name: rating,
            value: Some(value),
            of: Some(name.clone()),
            ..Measurement::default()
        };
        self.set.measurements.extend(nodule.ratings.into_iter().map(measured));
        self.set.structures.push(Structure {
            name: name.clone(),
            reader: Some(self.session),
            shape: Shape::Drawn(by_image.into_iter().map(drawing).collect()),
            ..Structure::default()
        });
        Ok(())
    }
}

/// Areas and holes of one image in the file's order: a hole is cut out of what comes before it.
#[derive(Default)]
struct Layers(Vec<(bool, Vec<Run>)>);

impl Layers {
    fn add(&mut self, is_hole: bool, runs: Vec<Run>) -> Result<(), LabelError> {
        if let Some((_, all)) = self.0.last_mut().filter(|(kind, _)| *kind == is_hole) {
            all.extend(runs);
            return Ok(());
        }
        if self.0.len() >= MOST_LAYERS {
            return Err(LabelError::malformed("a nodule with more holes than are read"));
        }
        self.0.push((is_hole, runs));
        Ok(())
    }

    fn flat(self) -> Vec<Run> {
        self.0.into_iter().fold(Vec::new(), |mut all, (is_hole, runs)| {
            if is_hole {
                return without(all, runs);
            }
            all.extend(runs);
            all
        })
    }
}

/// The pixels inside of an edge map; of one point that pixel.
fn pixels(points: &[[i32; 2]]) -> Result<Vec<Run>, LabelError> {
    if let [[x, y]] = *points {
        return Ok(vec![pixel([x, y])]);
    }
    let edges = || points.iter().zip(points.iter().cycle().skip(1));
    let passed = edges().map(|(a, b)| u64::from(a[0].abs_diff(b[0]).max(a[1].abs_diff(b[1]))));
    if passed.sum::<u64>() > MOST_PASSED {
        return Err(LabelError::malformed("an edge map whose points lie too far apart"));
    }
    let on_edge = edges().flat_map(|(a, b)| between(*a, *b)).map(pixel).collect();
    let outline = points.iter().map(|p| p.map(f64::from)).collect();
    let side = LAST_PIXEL as u32 + 1;
    Ok(without(fill(&[outline], side, side), on_edge))
}

fn pixel([x, y]: [i32; 2]) -> Run {
    Run { row: y as u32, from: x as u16, to: x as u16 + 1 }
}

/// The pixels on the straight line between two pixels, both ends included.
fn between(a: [i32; 2], b: [i32; 2]) -> impl Iterator<Item = [i32; 2]> {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let steps = common_divisor(dx.unsigned_abs(), dy.unsigned_abs()).max(1) as i32;
    (0..=steps).map(move |k| [a[0] + dx / steps * k, a[1] + dy / steps * k])
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Runs of pixels without others.
fn without(runs: Vec<Run>, others: Vec<Run>) -> Vec<Run> {
    let whole = [u32::from(u16::MAX), u32::MAX, 1];
    let (runs, others) = (Mask::of_runs(whole, runs), Mask::of_runs(whole, others));
    let mut holes = others.runs().iter().peekable();
    let mut left = Vec::with_capacity(runs.runs().len());
    for run in runs.runs() {
        let mut from = run.from;
        while holes.next_if(|h| (h.row, h.to) <= (run.row, run.from)).is_some() {}
        let mut ahead = holes.clone();
        while let Some(hole) = ahead.next_if(|h| h.row == run.row && h.from < run.to) {
            if hole.from > from {
                left.push(Run { from, to: hole.from, ..*run });
            }
            from = hole.to;
        }
        if from < run.to {
            left.push(Run { from, ..*run });
        }
    }
    left
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::measure::contour::interior;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn inside_is_what_is_strictly_inside(points in prop::collection::vec((0..24, 0..24), 3..40)) {
            let points: Vec<[i32; 2]> = points.into_iter().map(|(x, y)| [x, y]).collect();
            let runs = pixels(&points).unwrap();
            let found: Vec<[i32; 2]> =
                runs.iter().flat_map(|r| (r.from..r.to).map(|x| [i32::from(x), r.row as i32])).collect();
            prop_assert_eq!(found, interior(&points));
        }
    }
}
