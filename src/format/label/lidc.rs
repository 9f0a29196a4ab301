//! LIDC-IDRI readings (Armato et al. 2011, Med Phys 38:915): each reader's nodules as edge maps, with their ratings.
//!
//! The edge map runs over the first pixels outside of the nodule; a map of one pixel marks a nodule below 3 mm. One structure
//! for each nodule and reader.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, bytes_of};
use crate::label::{Drawing, Drawn, ImageRef, LabelSet, Measurement, Placed, Run, Shape, Structure, Warning};
use crate::measure::contour::interior;

/// Elements nested deeper than this are refused.
const MOST_DEPTH: usize = 32;
/// Pixels of one edge map at most.
const MOST_POINTS: usize = 1_000_000;
/// The last pixel that an edge map may name.
const LAST_PIXEL: i32 = 65_534;
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
                let value = text.parse().map_err(|_| LabelError::malformed("a rating that is no number"))?;
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
            "unblindedReadNodule" => self.nodule_done(),
            // Marks of what is no nodule have places, too.
            "nonNodule" => self.nodule = Nodule::default(),
            _ => {}
        }
        Ok(())
    }

    fn nodule_done(&mut self) {
        let nodule = std::mem::take(&mut self.nodule);
        let name = format!("{}, reader {}", nodule.id, self.session);
        let mut by_image: Vec<(ImageRef, Vec<Run>)> = Vec::new();
        for roi in nodule.rois {
            let runs = pixels(&roi.points);
            self.set.references.push(roi.sop_uid.clone());
            let image = ImageRef { uid: roi.sop_uid, frame: None };
            match by_image.iter_mut().find(|(known, _)| *known == image).filter(|_| roi.hole) {
                Some((_, all)) => *all = without(all, &runs),
                None if roi.hole => {}
                None => by_image.push((image, runs)),
            }
        }
        let drawing = |(image, runs)| Drawing { image, drawn: Drawn::Inside(None, runs) };
        let measured = |(rating, value): (String, f64)| Measurement {
            name: rating,
            value: Some(value),
            of: Some(name.clone()),
            ..Measurement::default()
        };
        self.set.measurements.extend(nodule.ratings.into_iter().map(measured));
        self.set.structures.push(Structure {
            name: name.clone(),
            shape: Shape::Drawn(by_image.into_iter().map(drawing).collect()),
            ..Structure::default()
        });
    }
}

/// The pixels inside of an edge map; of one point that pixel.
fn pixels(points: &[[i32; 2]]) -> Vec<Run> {
    let inside = match points {
        [one] => vec![*one],
        several => interior(several),
    };
    let mut runs: Vec<Run> = Vec::new();
    for [x, y] in inside {
        let (row, from) = (y as u32, x as u16);
        match runs.last_mut().filter(|r| r.row == row && r.to == from) {
            Some(last) => last.to += 1,
            None => runs.push(Run { row, from, to: from + 1 }),
        }
    }
    runs
}

/// Runs without those pixels.
fn without(runs: &[Run], holes: &[Run]) -> Vec<Run> {
    let hole = |row: u32, x: u16| holes.iter().any(|h| h.row == row && (h.from..h.to).contains(&x));
    let pixels = runs.iter().flat_map(|r| (r.from..r.to).map(move |x| (r.row, x)));
    pixels.filter(|(row, x)| !hole(*row, *x)).map(|(row, from)| Run { row, from, to: from + 1 }).collect()
}
