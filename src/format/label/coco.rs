//! COCO annotations (cocodataset.org, "Data format"): polygons and run lengths on images that they name.
//!
//! Polygon coordinates are at pixel edges; run lengths go down the columns. Written are uncompressed run lengths, which lose
//! nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, bytes_of, write_whole};
use crate::label::{
    Drawing, Drawn, ImageRef, LabelSet, Mask, Placed, Refused, Run, Shape, Structure, Warning,
};

/// Pixels of one image at most.
const MOST_PIXELS: u64 = 1 << 28;
/// Runs along rows of one file at most: run lengths down the columns say in a few bytes what takes very many of them.
const MOST_RUNS: usize = 1 << 26;
/// Characters of a name of an image: of a UID, or of a file.
const MOST_NAME: usize = 255;
/// Pixels beyond which a polygon is on no image.
const FAR: f64 = 1e9;

/// The format.
pub(super) struct Coco;

#[derive(Debug, Serialize, Deserialize)]
struct File {
    images: Vec<Image>,
    categories: Vec<Category>,
    annotations: Vec<Annotation>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Image {
    id: u64,
    #[serde(default)]
    file_name: String,
    width: u32,
    height: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sop_instance_uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    series_uid: Option<String>,
    /// From 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slice: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Category {
    id: u32,
    name: String,
    #[serde(default)]
    supercategory: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Annotation {
    id: u64,
    image_id: u64,
    category_id: u32,
    #[serde(default)]
    iscrowd: u8,
    #[serde(default)]
    area: f64,
    #[serde(default)]
    bbox: Vec<f64>,
    #[serde(default)]
    segmentation: Segmentation,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    Runs {
        size: [u32; 2],
        counts: Counts,
    },
    #[default]
    None,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Counts {
    Plain(Vec<u64>),
    Packed(String),
}

impl LabelFormat for Coco {
    fn id(&self) -> FormatId {
        FormatId::Coco
    }

    fn probe(&self, probe: &Probe) -> bool {
        let text = probe.text();
        let keys = ["\"images\"", "\"annotations\"", "\"categories\""];
        text.starts_with('{') && !text.contains("\"gantry_labels\"") && keys.iter().any(|k| text.contains(k))
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        let file: File = serde_json::from_slice(&bytes_of(path)?).map_err(|e| {
            LabelError::malformed(format!("no COCO annotations: line {}, column {}", e.line(), e.column()))
        })?;
        read(file)
    }

    fn write(&self, placed: &Placed, image: Option<&SourceImage>, path: &Path) -> Result<(), LabelError> {
        let image = image.ok_or(Refused::NoImage("COCO annotations name their images"))?;
        let file = build(placed, image);
        write_whole(path, |out| {
            serde_json::to_writer(&mut *out, &file).map_err(std::io::Error::from)?;
            Ok(out.write_all(b"\n")?)
        })
    }
}

fn read(file: File) -> Result<LabelSet, LabelError> {
    let images: BTreeMap<u64, &Image> = file.images.iter().map(|i| (i.id, i)).collect();
    let mut drawings: BTreeMap<u32, Vec<Drawing>> = BTreeMap::new();
    let (mut boxes, mut turner) = (0_usize, Turner::new(MOST_RUNS));
    for annotation in &file.annotations {
        let image = images.get(&annotation.image_id);
        let image =
            image.ok_or_else(|| LabelError::malformed("an annotation of an image that is not listed"))?;
        let name = image.sop_instance_uid.as_deref().unwrap_or_else(|| base(&image.file_name));
        if name.len() > MOST_NAME {
            return Err(LabelError::malformed("an image with a name that is no UID and no file's"));
        }
        let named = ImageRef { uid: name.to_owned(), frame: image.frame };
        let matrix = [image.width, image.height];
        let list = drawings.entry(annotation.category_id).or_default();
        match &annotation.segmentation {
            Segmentation::Polygons(polygons) => {
                for polygon in polygons {
                    list.push(Drawing { image: named.clone(), drawn: Drawn::Area(vec![outline(polygon)?]) });
                }
            }
            Segmentation::Runs { size: [height, width], counts } => {
                if [*width, *height] != matrix {
                    return Err(LabelError::malformed("run lengths of another size than their image"));
                }
                let runs = turner.runs(counts, *width, *height)?;
                list.push(Drawing { image: named, drawn: Drawn::Inside(Some(matrix), runs) });
            }
            Segmentation::None => boxes += 1,
        }
    }
    let mut warnings = Vec::new();
    if boxes > 0 {
        let words = format!("{boxes} annotations are boxes without an outline and have no pixels");
        warnings.push(Warning::new("boxes", words));
    }
    let structures = file.categories.into_iter().map(|category| Structure {
        number: Some(category.id),
        shape: drawings.remove(&category.id).map_or(Shape::Nothing, Shape::Drawn),
        name: category.name,
        ..Structure::default()
    });
    let structures: Vec<Structure> = structures.collect();
    if !drawings.is_empty() {
        return Err(LabelError::malformed("an annotation of a category that is not listed"));
    }
    let references = file.images.iter().filter_map(|i| i.sop_instance_uid.clone()).collect();
    let series_uid = file.images.iter().find_map(|i| i.series_uid.clone());
    Ok(LabelSet { series_uid, references, structures, warnings, ..LabelSet::default() })
}

/// The name of a file without its folders.
fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// A polygon in coordinates of pixel centres.
fn outline(numbers: &[f64]) -> Result<Vec<[f64; 2]>, LabelError> {
    let (points, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() || !numbers.iter().all(|v| v.abs() <= FAR) {
        return Err(LabelError::malformed("a polygon that is no list of x and y"));
    }
    Ok(points.iter().map(|p| p.map(|v| v - 0.5)).collect())
}

/// Turns run lengths down the columns into runs along the rows, as many as one file may have.
struct Turner {
    /// Runs that may still be made, and columns looked at.
    left: usize,
    /// Where the run that is open in each row begins; between two annotations none is.
    open: Vec<Option<u16>>,
}

impl Turner {
    fn new(most: usize) -> Self {
        Self { left: most, open: Vec::new() }
    }

    fn runs(&mut self, counts: &Counts, width: u32, height: u32) -> Result<Vec<Run>, LabelError> {
        let spans = spans(counts, width, height)?;
        if self.open.len() < height as usize {
            self.open.resize(height as usize, None);
        }
        let (mut found, mut before, mut here) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = 0;
        let mut x = 0;
        while x <= width && (next < spans.len() || !before.is_empty()) {
            if let Some(span) = spans.get(next).filter(|_| before.is_empty()) {
                x = x.max((span[0] / u64::from(height)) as u32);
            }
            next = column(&spans, next, u64::from(x) * u64::from(height), height, &mut here);
            let runs = found.len();
            self.flip(x as u16, &differing(&before, &here), &mut found);
            let work = 1 + here.len() + found.len() - runs;
            self.left = self.left.checked_sub(work).ok_or(LabelError::TooLarge)?;
            std::mem::swap(&mut before, &mut here);
            x += 1;
        }
        Ok(found)
    }

    /// Begins a run in the rows where none is open, and ends those that are.
    fn flip(&mut self, x: u16, ends: &[u32], found: &mut Vec<Run>) {
        for rows in ends.chunks_exact(2) {
            for row in rows[0]..rows[1] {
                let open = &mut self.open[row as usize];
                *open = match open.take() {
                    None => Some(x),
                    Some(from) => {
                        found.push(Run { row, from, to: x });
                        None
                    }
                };
            }
        }
    }
}

/// The pixels inside, in the order of the columns: first, and one after the last.
fn spans(counts: &Counts, width: u32, height: u32) -> Result<Vec<[u64; 2]>, LabelError> {
    let bad = || LabelError::malformed("run lengths that do not fill their image");
    let total = u64::from(width) * u64::from(height);
    let most = u32::from(u16::MAX) - 1;
    if width > most || height > most || height == 0 || total > MOST_PIXELS {
        return Err(bad());
    }
    let unpacked = match counts {
        Counts::Plain(_) => Vec::new(),
        Counts::Packed(text) => unpacked(text).ok_or_else(bad)?,
    };
    let counts = if let Counts::Plain(counts) = counts { counts } else { &unpacked };
    let mut spans: Vec<[u64; 2]> = Vec::new();
    let mut at = 0_u64;
    for (i, count) in counts.iter().enumerate() {
        let end = at.checked_add(*count).filter(|end| *end <= total).ok_or_else(bad)?;
        match spans.last_mut().filter(|last| last[1] == at) {
            _ if i % 2 == 0 || *count == 0 => {}
            Some(last) => last[1] = end,
            None => spans.push([at, end]),
        }
        at = end;
    }
    if at == total { Ok(spans) } else { Err(bad()) }
}

/// The rows of one column, which begins at pixel `first`, that are inside: first and one after the last of each piece.
/// Returns which span goes on in the next column.
fn column(spans: &[[u64; 2]], mut next: usize, first: u64, height: u32, rows: &mut Vec<u32>) -> usize {
    let end = first + u64::from(height);
    rows.clear();
    while let Some([from, to]) = spans.get(next).filter(|span| span[0] < end) {
        rows.extend([from.max(&first) - first, to.min(&end) - first].map(|row| row as u32));
        if *to > end {
            break;
        }
        next += 1;
    }
    next
}

/// Ends of the pieces that are in one of two lists of pieces and not in the other.
fn differing(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut ends = [a, b].concat();
    ends.sort_unstable();
    let mut left: Vec<u32> = Vec::with_capacity(ends.len());
    for end in ends {
        if left.last() == Some(&end) {
            left.pop();
        } else {
            left.push(end);
        }
    }
    left
}

/// Counts of COCO's compressed run lengths: six bits a character, differences to the count before the last.
fn unpacked(text: &str) -> Option<Vec<u64>> {
    let mut counts: Vec<i64> = Vec::new();
    let mut bytes = text.bytes();
    while let Some(first) = bytes.next() {
        let (mut byte, mut value, mut shift) = (first, 0_i64, 0_u32);
        loop {
            let c = i64::from(byte.checked_sub(48).filter(|c| *c < 64)?);
            value |= (c & 0x1f) << shift;
            shift += 5;
            if c & 0x20 == 0 {
                if c & 0x10 != 0 {
                    value |= -1_i64 << shift;
                }
                break;
            }
            if shift > 40 {
                return None;
            }
            byte = bytes.next()?;
        }
        if counts.len() > 2 {
            value = value.checked_add(counts[counts.len() - 2])?;
        }
        counts.push(value);
    }
    counts.into_iter().map(|v| u64::try_from(v).ok()).collect()
}

fn build(placed: &Placed, source: &SourceImage) -> File {
    let image = &source.image;
    let [columns, rows, depth] = placed.grid.shape;
    let series = image.series_uid.clone();
    let images = (0..depth).map(|k| {
        let slice = image.slices.get(k as usize);
        Image {
            id: u64::from(k) + 1,
            file_name: slice.and_then(|s| s.file.clone()).unwrap_or_default(),
            width: columns,
            height: rows,
            sop_instance_uid: slice.map(|s| s.sop_uid.clone()),
            frame: slice.and_then(|s| s.frame),
            series_uid: series.clone(),
            slice: Some(k + 1),
        }
    });
    let category = |s: &crate::label::PlacedStructure| Category {
        id: s.number,
        name: s.name.clone(),
        supercategory: String::new(),
    };
    let mut annotations = Vec::new();
    for structure in &placed.structures {
        for slice in structure.mask.slices() {
            annotations.push(Annotation {
                id: annotations.len() as u64 + 1,
                image_id: u64::from(slice) + 1,
                category_id: structure.number,
                ..annotation(structure.mask.slice(slice), slice * rows, [columns, rows])
            });
        }
    }
    File {
        images: images.collect(),
        categories: placed.structures.iter().map(category).collect(),
        annotations,
    }
}

/// The runs of one slice as an annotation.
fn annotation(runs: &[Run], first: u32, [columns, rows]: [u32; 2]) -> Annotation {
    let mut pixels = vec![false; columns as usize * rows as usize];
    let (mut low, mut high) = ([u32::MAX; 2], [0_u32; 2]);
    for run in runs {
        let y = run.row - first;
        for x in run.from..run.to {
            pixels[x as usize * rows as usize + y as usize] = true;
        }
        low = [low[0].min(run.from.into()), low[1].min(y)];
        high = [high[0].max(run.to.into()), high[1].max(y + 1)];
    }
    let mut counts = Vec::new();
    let mut inside = false;
    for run in pixels.chunk_by(|a, b| a == b) {
        if run[0] != inside {
            counts.push(0);
        }
        counts.push(run.len() as u64);
        inside = !run[0];
    }
    let bbox = [low[0], low[1], high[0] - low[0], high[1] - low[1]].map(f64::from).to_vec();
    Annotation {
        id: 0,
        image_id: 0,
        category_id: 0,
        iscrowd: 1,
        area: runs.iter().map(|r| r.len() as f64).sum(),
        bbox,
        segmentation: Segmentation::Runs { size: [rows, columns], counts: Counts::Plain(counts) },
    }
}

/// What a mask covers of a slice as an annotation that a trainer takes for one object: compressed run lengths, area and box
/// in pixels; without the numbers of annotation, image and category.
pub fn coco_annotation(mask: &Mask, slice: u32) -> serde_json::Value {
    let [columns, rows, _] = mask.shape();
    let made = annotation(mask.slice(slice), slice * rows, [columns, rows]);
    let counts = match &made.segmentation {
        Segmentation::Runs { counts: Counts::Plain(counts), .. } => packed(counts),
        _ => String::new(),
    };
    serde_json::json!({
        "area": made.area, "bbox": made.bbox, "iscrowd": 0,
        "segmentation": { "size": [rows, columns], "counts": counts },
    })
}

/// Counts as COCO compresses them, see [`unpacked`].
fn packed(counts: &[u64]) -> String {
    let mut text = String::new();
    for (place, count) in counts.iter().enumerate() {
        let mut value = *count as i64;
        if place > 2 {
            value -= counts[place - 2] as i64;
        }
        loop {
            let five = (value & 0x1f) as u8;
            value >>= 5;
            let more = if five & 0x10 == 0 { value != 0 } else { value != -1 };
            text.push(char::from(48 + five + if more { 0x20 } else { 0 }));
            if !more {
                break;
            }
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::label::Mask;
    use proptest::prelude::*;

    #[test]
    fn compressed_counts_are_read() {
        // pycocotools.mask.encode of a mask of 5 rows and 4 columns with rows 1 to 3 of columns 1 and 2 set.
        let runs =
            |counts, most| Turner::new(most).runs(&counts, 4, 5).map(|runs| Mask::of_runs([4, 5, 1], runs));
        let packed = runs(Counts::Packed("63204".into()), 99).unwrap();
        assert_eq!(packed.runs(), [1, 2, 3].map(|row| Run { row, from: 1, to: 3 }));
        assert_eq!(packed, runs(Counts::Plain(vec![6, 3, 2, 3, 6]), 99).unwrap());
        assert!(runs(Counts::Plain(vec![6, 3, 2, 3, 6]), 4).is_err(), "more runs than are read");
    }

    proptest! {
        #[test]
        fn compressed_counts_come_back(counts in prop::collection::vec(0_u64..100_000, 0..60)) {
            prop_assert_eq!(unpacked(&packed(&counts)).unwrap(), counts);
        }

        #[test]
        fn columns_are_turned_into_rows(bits in prop::collection::vec(prop::bool::weighted(0.6), 1..200), height in 1_u32..15) {
            let width = (bits.len() as u32).div_ceil(height);
            let total = (width * height) as usize;
            let inside = |pixel: usize| bits.get(pixel).copied().unwrap_or_default();
            let (mut counts, mut now) = (vec![0_u64], false);
            for pixel in 0..total {
                if inside(pixel) != now {
                    counts.push(0);
                    now = !now;
                }
                *counts.last_mut().unwrap() += 1;
            }
            let mut turner = Turner::new(10_000);
            let runs = turner.runs(&Counts::Plain(counts), width, height).unwrap();
            prop_assert!(turner.open.iter().all(Option::is_none));
            let single = (0..total).filter(|p| inside(*p)).map(|p| {
                let (row, from) = (p as u32 % height, (p as u32 / height) as u16);
                Run { row, from, to: from + 1 }
            });
            let expected = Mask::of_runs([width, height, 1], single.collect());
            prop_assert_eq!(runs.len(), expected.runs().len());
            prop_assert_eq!(Mask::of_runs([width, height, 1], runs), expected);
        }
    }
}
