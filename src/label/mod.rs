//! What readers draw and say of an image: structures as masks, contours, boxes of pixels and measurements, whatever tool
//! they come from. Pure: files are read and written by `format::label`.
//!
//! A [`LabelSet`] holds what a file holds, where the file puts it. [`place`](place::place) lays it on the voxels of one
//! image, or refuses with the exact difference; [`Placed`] is what every writer, check and measure takes.

pub mod area;
pub mod code;
pub mod figures;
pub mod image;
pub mod mask;
pub mod place;
pub mod raster;
pub mod stored;
pub mod trace;

pub use code::{Code, TISSUE, Tracking};
pub use image::{Image, SliceRef};
pub use mask::{Mask, Run};
pub use place::{Difference, Placed, PlacedStructure, Refused};

use std::sync::Arc;

use serde::Serialize;

use crate::model::geometry::{Grid, Vec3};

/// What is odd about a label file: a stable identifier and words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// In snake_case.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Warning {
    /// A warning.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What a label file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelSet {
    /// Series Instance UID of the image that was labelled, where the file says so.
    pub series_uid: Option<String>,
    /// Frame of Reference UID, where the file has one.
    pub frame_of_reference: Option<String>,
    /// SOP Instance UIDs of the images that it refers to.
    pub references: Vec<String>,
    /// In the file's order.
    pub structures: Vec<Structure>,
    /// Numbers that were measured.
    pub measurements: Vec<Measurement>,
    /// Values of a labelmap that had to be rounded.
    pub rounded: Option<Rounded>,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
}

impl LabelSet {
    /// The same set with other UIDs: of series, frame of reference, and every image that it refers to.
    pub fn map_uids(&mut self, map: impl Fn(&str) -> String) {
        for uid in self.series_uid.iter_mut().chain(&mut self.frame_of_reference).chain(&mut self.references)
        {
            *uid = map(uid);
        }
        for structure in &mut self.structures {
            match &mut structure.shape {
                Shape::Frames(frames) => {
                    for frame in &mut frames.frames {
                        let other = |s: &ImageRef| ImageRef { uid: map(&s.uid), frame: s.frame };
                        frame.sources = frame.sources.iter().map(other).collect();
                    }
                }
                Shape::Drawn(drawings) => drawings.iter_mut().for_each(|d| d.image.uid = map(&d.image.uid)),
                Shape::Nothing | Shape::Voxels(..) | Shape::Contours(_) => {}
            }
        }
    }

    /// Every image that the set names, and files where there are no UIDs.
    pub fn images(&self) -> std::collections::BTreeSet<&str> {
        let drawn = self.structures.iter().filter_map(|s| match &s.shape {
            Shape::Drawn(drawings) => Some(drawings),
            _ => None,
        });
        let drawn = drawn.flatten().map(|d| &*d.image.uid);
        self.references.iter().map(String::as_str).chain(drawn).collect()
    }
}

/// Values that were no whole numbers, but near to one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rounded {
    /// How many.
    pub voxels: u64,
    /// By how much, at most.
    pub by: f64,
}

/// One structure of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Structure {
    /// The number that the file gives it.
    pub number: Option<u32>,
    /// Its name; empty where the file has none.
    pub name: String,
    /// What it is.
    pub code: Option<Code>,
    /// The category of that.
    pub category: Option<Code>,
    /// Red, green, blue.
    pub color: Option<[u8; 3]>,
    /// Which object it is.
    pub tracking: Option<Tracking>,
    /// Whose it is, where a file holds several readers: their place in it, from 1.
    pub reader: Option<u32>,
    /// Where it lies.
    pub shape: Shape,
}

/// Where a structure lies, as its file says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Shape {
    /// Nowhere: looked at, and nothing was found.
    #[default]
    Nothing,
    /// Voxels of a grid.
    Voxels(Grid, Mask),
    /// Frames, each where it says.
    Frames(Frames),
    /// Lines in patient space.
    Contours(Vec<Contour>),
    /// Pixels and outlines on images that are named.
    Drawn(Vec<Drawing>),
}

/// Frames of one structure, all of the same matrix.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frames {
    /// Columns.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// How much of a pixel belongs to the structure, where that is not yes or no.
    pub fraction: Option<Fraction>,
    /// What the file says of the distance of slices: Spacing Between Slices, and Slice Thickness.
    pub steps_mm: [Option<f64>; 2],
    /// In the file's order.
    pub frames: Vec<PlanarFrame>,
}

/// The scale of a fractional segmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    /// The value that is 1.
    pub maximum: u16,
    /// A share of the pixel (occupancy) and no probability.
    pub occupancy: bool,
}

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanarFrame {
    /// Where it lies, where the file says so.
    pub plane: Option<Plane>,
    /// The images that it was drawn on.
    pub sources: Arc<[ImageRef]>,
    /// Its pixels.
    pub pixels: Pixels,
}

/// A plane of pixels in patient space: LPS, millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    /// Centre of the first pixel.
    pub origin_mm: Vec3,
    /// From one column to the next.
    pub column_mm: Vec3,
    /// From one row to the next.
    pub row_mm: Vec3,
}

/// An image by its UID, and the frame where it has several (from 1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef {
    /// SOP Instance UID, or the name of a file where there is no UID.
    pub uid: String,
    /// The frame, from 1.
    pub frame: Option<u32>,
}

/// Pixels of one frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Pixels {
    /// Those that belong to the structure.
    Inside(Vec<Run>),
    /// How much of each does.
    Values(Vec<u8>),
}

/// What the points of a contour are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContourKind {
    /// The edge of an area.
    Closed,
    /// A line.
    Open,
    /// One place.
    Point,
}

/// A contour in patient space.
#[derive(Debug, Clone, PartialEq)]
pub struct Contour {
    /// What it is.
    pub kind: ContourKind,
    /// LPS, millimetres.
    pub points_mm: Vec<Vec3>,
}

/// Something drawn on one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Which image.
    pub image: ImageRef,
    /// What was drawn.
    pub drawn: Drawn,
}

/// What was drawn, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawn {
    /// Rows of pixels, with the matrix that they are on (columns, rows) where the file says it.
    Inside(Option<[u32; 2]>, Vec<Run>),
    /// Areas by even–odd; coordinates of pixel centres (0 is the centre of the first pixel).
    Area(Vec<Vec<[f64; 2]>>),
}

/// A number that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measurement {
    /// What was measured, in words.
    pub name: String,
    /// The same, coded.
    pub code: Option<Code>,
    /// The value; `None` where it could not be measured.
    pub value: Option<f64>,
    /// Its unit: the UCUM code.
    pub unit: Option<String>,
    /// On what: the tracking identifier.
    pub of: Option<String>,
    /// How it was derived from others (mean, maximum …).
    pub derivation: Option<String>,
    /// How it was measured.
    pub method: Option<String>,
    /// Where in the body.
    pub site: Option<String>,
}

impl Shape {
    /// Whether the structure has voxels, contours or drawings at all; they may still be empty.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}
