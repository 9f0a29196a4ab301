//! COCO: every slice of a stack in which something was looked for as a picture, and each object in it as run lengths, for
//! all series in one file.
//!
//! Pictures are PNG of 16 bits, or colour: a grey value is `pixel × slope + intercept`, as each image of the file says. What
//! touches by faces, edges or corners is one object, numbered over the slices of a stack. Slices are numbered from 0, as along
//! the third axis of the volume.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::item::{ending, plain_name};
use super::nnunet::write_json;
use super::{Exporter, Note, Out, StackItem, Volumes, Whole};
use crate::format::label::coco_annotation;
use crate::model::pixels::Samples;
use crate::volume::{Volume, Voxels};
use crate::workflow::instances;

/// The format.
pub struct Coco;

impl Exporter for Coco {
    fn name(&self) -> &'static str {
        "coco"
    }

    fn volumes(&self) -> Volumes {
        Volumes::Needed
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let Some(volume) = item.volume.filter(|v| item.is_looked_at() && v.volumes == 1) else {
            return Ok(());
        };
        let [columns, rows, depth] = volume.grid.shape;
        let scale = Scale::of(volume);
        let mut images = Vec::new();
        for slice in 0..depth {
            let name = PathBuf::from("coco/images").join(ending(&item.stem, &format!("_{slice:04}.png")));
            write_slice(volume, slice as usize, &scale, &out.file(&name)?)?;
            images.push(json!({
                "file_name": name.strip_prefix("coco").unwrap_or(&name), "width": columns, "height": rows,
                "series_uid": item.of.content.series_uid, "stack": item.stack + 1, "slice": slice,
                "subject": item.of.content.subject, "split": item.of.split,
                "slope": scale.slope, "intercept": scale.intercept,
            }));
        }
        let mut annotations: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
        for drawn in item.drawn {
            let number = item.of.whole.number_of(&drawn.structure).unwrap_or_default();
            for (object, mask) in (1_u32..).zip(instances(&drawn.on_volume()?)) {
                for slice in mask.slices() {
                    let mut annotation = coco_annotation(&mask, slice);
                    annotation["category_id"] = number.into();
                    annotation["object"] = object.into();
                    annotations.entry(slice).or_default().push(annotation);
                }
            }
        }
        out.note(json!({ "images": images, "annotations": annotations }));
        Ok(())
    }

    fn finish(&self, whole: &Whole<'_>, notes: &[Note], out: &mut Out<'_>) -> io::Result<()> {
        let categories = whole
            .structures
            .iter()
            .map(|s| json!({ "id": s.number, "name": s.name, "supercategory": "", "code": s.code }));
        // One file for each split, as trainers of pictures take them.
        let mut splits: BTreeMap<String, [Vec<Value>; 2]> = BTreeMap::new();
        for note in notes {
            number(note, &mut splits);
        }
        let categories: Vec<Value> = categories.collect();
        if splits.is_empty() {
            splits.insert("all".into(), [Vec::new(), Vec::new()]);
        }
        for (split, [images, annotations]) in splits {
            let name = format!("annotations_{}.json", plain_name(&split));
            let document = json!({
                "info": { "description": "Accepted labels", "version": whole.id, "contributor": "Gantry" },
                "images": images, "categories": categories, "annotations": annotations,
            });
            write_json(out, &Path::new("coco").join(name), &document)?;
        }
        Ok(())
    }
}

/// Puts what was noted of a stack under the numbers of its file.
fn number(note: &Note, splits: &mut BTreeMap<String, [Vec<Value>; 2]>) {
    let images = note.value["images"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (slice, image) in images.iter().enumerate() {
        let split = image["split"].as_str().unwrap_or("all").to_owned();
        let [all, drawn] = splits.entry(split).or_default();
        let (mut image, id) = (image.clone(), all.len() + 1);
        image["id"] = id.into();
        all.push(image);
        let of_slice = note.value["annotations"][slice.to_string()].as_array().map(Vec::as_slice);
        for annotation in of_slice.unwrap_or_default() {
            let mut annotation = annotation.clone();
            annotation["id"] = (drawn.len() + 1).into();
            annotation["image_id"] = id.into();
            drawn.push(annotation);
        }
    }
}

/// How grey values become those of a picture.
struct Scale {
    slope: f64,
    intercept: f64,
    low: f64,
    step: f64,
}

impl Scale {
    /// Exact where the stored values are whole and fit; else in 65,536 steps.
    fn of(volume: &Volume) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut is_whole = true;
        if let Voxels::Grey(samples) = &volume.voxels {
            is_whole = !matches!(samples, Samples::F32(_) | Samples::F64(_));
            samples.each(|v| {
                if v.is_finite() {
                    (low, high) = (low.min(v), high.max(v));
                }
            });
        }
        if low > high {
            (low, high) = (0.0, 0.0);
        }
        let step = if is_whole && high - low <= 65535.0 {
            1.0
        } else {
            ((high - low) / 65535.0).max(f64::MIN_POSITIVE)
        };
        Self { slope: volume.slope * step, intercept: volume.intercept + volume.slope * low, low, step }
    }

    fn pixel(&self, stored: f64) -> u16 {
        if stored.is_finite() {
            ((stored - self.low) / self.step).round().clamp(0.0, 65535.0) as u16
        } else {
            0
        }
    }
}

fn write_slice(volume: &Volume, slice: usize, scale: &Scale, path: &Path) -> io::Result<()> {
    let [columns, rows, _] = volume.grid.shape;
    let size = columns as usize * rows as usize;
    let pixels = slice * size..(slice + 1) * size;
    let mut png = png::Encoder::new(BufWriter::new(File::create(path)?), columns, rows);
    let bytes: Vec<u8> = match &volume.voxels {
        Voxels::Rgb(colours) => {
            png.set_color(png::ColorType::Rgb);
            colours.get(pixels).unwrap_or_default().as_flattened().to_vec()
        }
        Voxels::Grey(samples) => {
            png.set_depth(png::BitDepth::Sixteen);
            pixels.flat_map(|at| scale.pixel(samples.get(at).unwrap_or_default()).to_be_bytes()).collect()
        }
    };
    let mut writer = png.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&bytes).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)
}
