//! COCO annotations (cocodataset.org, "Data format"): polygons and run lengths on images that they name.
//!
//! Polygon coordinates are at pixel edges; run lengths go down the columns. Written are uncompressed run lengths, which lose
//! nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, bytes_of, write_whole};
use crate::label::{Drawing, Drawn, ImageRef, LabelSet, Placed, Refused, Run, Shape, Structure, Warning};

/// Pixels of one image at most.
const MOST_PIXELS: u64 = 1 << 32;

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
    let mut boxes = 0_usize;
    for annotation in &file.annotations {
        let image = images.get(&annotation.image_id);
        let image =
            image.ok_or_else(|| LabelError::malformed("an annotation of an image that is not listed"))?;
        let named = ImageRef {
            uid: image.sop_instance_uid.clone().unwrap_or_else(|| base(&image.file_name).to_owned()),
            frame: image.frame,
        };
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
                let runs = runs(counts, *width, *height)?;
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
    if !rest.is_empty() || numbers.iter().any(|v| !v.is_finite()) {
        return Err(LabelError::malformed("a polygon that is no list of x and y"));
    }
    Ok(points.iter().map(|p| p.map(|v| v - 0.5)).collect())
}

/// Run lengths down the columns as runs along the rows.
fn runs(counts: &Counts, width: u32, height: u32) -> Result<Vec<Run>, LabelError> {
    let bad = || LabelError::malformed("run lengths that do not fill their image");
    let total = u64::from(width) * u64::from(height);
    if width > u32::from(u16::MAX) || total > MOST_PIXELS || height == 0 {
        return Err(bad());
    }
    let counts = match counts {
        Counts::Plain(counts) => counts.clone(),
        Counts::Packed(text) => unpacked(text).ok_or_else(bad)?,
    };
    let sum = counts.iter().try_fold(0_u64, |sum, n| sum.checked_add(*n).filter(|s| *s <= total));
    if sum != Some(total) {
        return Err(bad());
    }
    let mut found = Vec::new();
    let mut at = 0_u64;
    for (i, count) in counts.iter().enumerate() {
        if i % 2 == 1 {
            for pixel in at..at + count {
                let (x, y) = ((pixel / u64::from(height)) as u16, (pixel % u64::from(height)) as u32);
                found.push(Run { row: y, from: x, to: x + 1 });
            }
        }
        at += count;
    }
    Ok(found)
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
            value += counts[counts.len() - 2];
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn compressed_counts_are_read() {
        // pycocotools: encode of a 5 × 4 mask with rows 1 to 3 of columns 1 and 2 set.
        let found = runs(&Counts::Packed("6320A".into()), 4, 5);
        let plain = runs(&Counts::Plain(vec![6, 3, 2, 3, 6]), 4, 5).unwrap();
        assert_eq!(plain.len(), 6);
        assert!(found.is_err() || found.unwrap() == plain);
    }
}
