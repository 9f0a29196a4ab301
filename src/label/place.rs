//! Labels laid on the voxels of an image, or refused with what differs.
//!
//! Voxels are the same where every centre is within 1 % of the smallest step. Axes may be swapped and turned round, a part
//! of the image is placed in it, frames are placed by where they lie; nothing is resampled unless it is asked for.

mod contours;
mod fit;
mod frames;
mod own;
mod resample;

use rayon::prelude::*;
use serde::Serialize;
use thiserror::Error;

pub use fit::{Difference, fit};
pub use own::{lattice, own_grid};

use super::image::{Image, SliceIndex};
use super::mask::{Mask, Run};
use super::raster;
use super::{Code, Drawing, Drawn, Fraction, LabelSet, Shape, Structure, Tracking, Warning};
use crate::model::geometry::Grid;

/// Voxels of a grid at most: 1024 × 1024 × 2048. What claims more is no image of a patient.
pub const MOST_VOXELS: u64 = 1 << 31;
/// Structures at most: their numbers are 16-bit values of labelmaps and segmentations.
const MOST_STRUCTURES: usize = u16::MAX as usize;

/// What may be asked of placing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Options {
    /// From which share on a fractional pixel counts; a half where nothing is said.
    pub threshold: Option<f64>,
    /// Take the nearest voxel where the grids differ.
    pub resample: bool,
}

impl Options {
    fn threshold(self) -> f64 {
        self.threshold.unwrap_or(0.5)
    }
}

/// Why labels are not placed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refused {
    /// Other voxels.
    #[error("the label lies on other voxels than the image: {0}")]
    OtherGrid(Difference),
    /// Another patient frame, and no reference to the image.
    #[error(
        "the label has another frame of reference than the image, and does not refer to the image's instances"
    )]
    OtherFrameOfReference,
    /// Something lies where the image is not.
    #[error("'{0}' reaches beyond the image")]
    OutsideImage(String),
    /// Contours whose plane is not that of the slices.
    #[error("contours of '{0}' are tilted against the slices by more than 1°")]
    ObliqueContours(String),
    /// Two structures share voxels where one file has one value a voxel.
    #[error("'{0}' and '{1}' share voxels, and a labelmap has one value for each")]
    Overlap(String, String),
    /// The label does not say where its voxels are.
    #[error("the label has no grid of its own: {0}")]
    NoImage(&'static str),
    /// Slices that are no volume.
    #[error("the image's slices are no volume: they do not follow one another in even steps")]
    Irregular,
    /// More voxels than are placed.
    #[error("the label's grid has more than {} voxels", MOST_VOXELS)]
    TooManyVoxels,
    /// More structures than numbers.
    #[error("more than {} structures", MOST_STRUCTURES)]
    TooManyStructures,
    /// None of the images that it names is here.
    #[error("the label was drawn on other images than these")]
    OtherImage,
}

impl Refused {
    /// A stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherGrid(_) => "other_grid",
            Self::OtherFrameOfReference => "other_frame_of_reference",
            Self::OutsideImage(_) => "outside_image",
            Self::ObliqueContours(_) => "oblique_contours",
            Self::Overlap(..) => "overlap",
            Self::NoImage(_) => "no_image",
            Self::Irregular => "irregular_series",
            Self::OtherImage => "other_image",
            Self::TooManyVoxels | Self::TooManyStructures => "too_large",
        }
    }
}

/// Structures on one grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The voxels.
    pub grid: Grid,
    /// Whether the grid has a place and a volume.
    pub in_space: bool,
    /// In the file's order.
    pub structures: Vec<PlacedStructure>,
    /// What is odd about file and placing.
    pub warnings: Vec<Warning>,
}

/// One structure on the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedStructure {
    /// Its value in a labelmap, from 1; no two have the same.
    pub number: u32,
    /// Its name; never empty.
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
    /// Its voxels.
    pub mask: Mask,
    /// How much of each voxel belongs to it, where that is not yes or no: a plane of values for each slice.
    pub values: Option<(Fraction, Vec<(u32, Vec<u8>)>)>,
}

impl PlacedStructure {
    /// A structure of which nothing more is known.
    pub fn of_mask(number: u32, name: &str, mask: Mask) -> Self {
        Self {
            number,
            name: name.into(),
            code: None,
            category: None,
            color: None,
            tracking: None,
            reader: None,
            mask,
            values: None,
        }
    }
}

impl Placed {
    /// Volume of a structure; `None` where the image has no depth.
    pub fn volume_mm3(&self, structure: &PlacedStructure) -> Option<f64> {
        self.in_space.then(|| structure.mask.voxels() as f64 * self.grid.voxel_mm3())
    }

    /// Whether two structures share a voxel: which.
    pub fn overlap(&self) -> Option<[&str; 2]> {
        // Painting says that there is some overlap in one pass; which two is asked only then.
        let total: u64 = self.structures.iter().map(|s| s.mask.voxels()).sum();
        let mut runs: Vec<Run> = self.structures.iter().flat_map(|s| s.mask.runs()).copied().collect();
        runs.sort_unstable();
        if Mask::of_runs(self.grid.shape, runs).voxels() == total {
            return None;
        }
        let pairs = self.structures.iter().enumerate();
        pairs
            .flat_map(|(i, a)| self.structures[i + 1..].iter().map(move |b| (a, b)))
            .find(|(a, b)| a.mask.meets(&b.mask))
            .map(|(a, b)| [&*a.name, &*b.name])
    }

    /// Every voxel's number, column fastest; 0 is background.
    ///
    /// # Errors
    /// Two structures share a voxel.
    pub fn labelmap(&self) -> Result<Vec<u16>, Refused> {
        if let Some([a, b]) = self.overlap() {
            return Err(Refused::Overlap(a.into(), b.into()));
        }
        let voxels: usize = self.grid.shape.iter().map(|n| *n as usize).product();
        let mut volume = vec![0_u16; voxels];
        for structure in &self.structures {
            structure.mask.paint(structure.number as u16, &mut volume);
        }
        Ok(volume)
    }
}

/// Lays labels on an image.
///
/// # Errors
/// [`Refused`].
pub fn place(set: LabelSet, image: &Image, options: Options) -> Result<Placed, Refused> {
    let LabelSet { structures, mut warnings, frame_of_reference, references, series_uid, .. } = set;
    if structures.len() > MOST_STRUCTURES {
        return Err(Refused::TooManyStructures);
    }
    let index = image.index();
    let refers = references.iter().any(|uid| index.has(uid));
    let same_series = series_uid.is_some() && series_uid == image.series_uid;
    if let (Some(ours), Some(theirs)) = (&frame_of_reference, &image.frame_of_reference)
        && ours != theirs
    {
        if !refers && !same_series {
            return Err(Refused::OtherFrameOfReference);
        }
        let words = "the frame of reference is not the image's; the references to its instances count";
        warnings.push(Warning::new("frame_of_reference", words));
    }
    let structures = Placing { image, index, options }.all(structures, &mut warnings)?;
    let structures = numbered(structures);
    Ok(Placed { grid: image.grid, in_space: image.placed, structures, warnings })
}

/// Lays labels on the grid that their own file has.
///
/// # Errors
/// It has none.
pub fn place_own(set: LabelSet, options: Options) -> Result<Placed, Refused> {
    let grid = own_grid(&set).map_err(Refused::NoImage)?;
    place_on(set, &grid, options)
}

/// Lays labels on a grid in their own frame of reference.
///
/// # Errors
/// As [`place`].
pub fn place_on(set: LabelSet, grid: &Grid, options: Options) -> Result<Placed, Refused> {
    if grid.shape.iter().map(|n| u128::from(*n)).product::<u128>() > u128::from(MOST_VOXELS) {
        return Err(Refused::TooManyVoxels);
    }
    let origins_mm = (0..grid.shape[2]).map(|k| grid.centre_mm([0.0, 0.0, f64::from(k)])).collect();
    let frame_of_reference = set.frame_of_reference.clone();
    let image = Image {
        series_uid: None,
        study_uid: None,
        frame_of_reference,
        grid: *grid,
        placed: true,
        origins_mm,
        slices: Vec::new(),
    };
    place(set, &image, options)
}

/// A structure and where it came to lie.
type Laid = (Structure, Mask, Option<(Fraction, Vec<(u32, Vec<u8>)>)>);

struct Placing<'i> {
    image: &'i Image,
    index: SliceIndex<'i>,
    options: Options,
}

impl Placing<'_> {
    fn all(&self, structures: Vec<Structure>, warnings: &mut Vec<Warning>) -> Result<Vec<Laid>, Refused> {
        if self.options.resample
            && let Some(laid) = resample::all(&structures, self.image, self.options)
        {
            let words = "the label lies on other voxels than the image: each voxel took the nearest one";
            warnings.push(Warning::new("resampled", words));
            return Ok(laid);
        }
        let drawn = structures.iter().filter_map(|s| match &s.shape {
            Shape::Drawn(drawings) => Some(drawings),
            _ => None,
        });
        let mut drawings = drawn.flatten().peekable();
        if drawings.peek().is_some() && !drawings.any(|d| self.index.slice(&d.image).is_some()) {
            return Err(Refused::OtherImage);
        }
        let planes = own::planes(&structures);
        let one = |mut structure: Structure| {
            let (shape, mut warnings) = (std::mem::take(&mut structure.shape), Vec::new());
            let (mask, values) = self.one(&structure, shape, &planes, &mut warnings)?;
            Ok(((structure, mask, values), warnings))
        };
        // In their order, so that of several reasons it is always the first that is told.
        let all: Vec<Result<(Laid, Vec<Warning>), Refused>> = structures.into_par_iter().map(one).collect();
        let mut laid = Vec::with_capacity(all.len());
        for one in all {
            let (structure, said) = one?;
            laid.push(structure);
            warnings.extend(said);
        }
        Ok(laid)
    }

    fn one(
        &self,
        structure: &Structure,
        shape: Shape,
        planes: &own::Planes,
        warnings: &mut Vec<Warning>,
    ) -> Result<(Mask, Option<(Fraction, Vec<(u32, Vec<u8>)>)>), Refused> {
        let name = || shown(structure);
        let nothing = Mask::empty(self.image.grid.shape);
        Ok(match shape {
            Shape::Nothing => (nothing, None),
            Shape::Voxels(grid, mask) => {
                let mapping = fit(&grid, &self.image.grid).map_err(Refused::OtherGrid)?;
                if !self.image.is_regular() {
                    return Err(Refused::Irregular);
                }
                (mask.moved(&mapping, &self.image.grid).ok_or_else(|| Refused::OutsideImage(name()))?, None)
            }
            Shape::Frames(frames) => frames::place(self, &name, &frames, planes)?,
            Shape::Contours(contours) => (contours::place(self.image, &name(), &contours, warnings)?, None),
            Shape::Drawn(drawings) => (self.drawings(&name(), &drawings, warnings)?, None),
        })
    }

    fn drawings(
        &self,
        name: &str,
        drawings: &[Drawing],
        warnings: &mut Vec<Warning>,
    ) -> Result<Mask, Refused> {
        let [columns, rows, _] = self.image.grid.shape;
        let mut runs = Vec::new();
        let (mut elsewhere, mut cut) = (0_usize, false);
        for drawing in drawings {
            let Some(slice) = self.index.slice(&drawing.image) else {
                elsewhere += 1;
                continue;
            };
            let here = match &drawing.drawn {
                Drawn::Inside(Some(matrix), _) if *matrix != [columns, rows] => {
                    return Err(Refused::OtherGrid(Difference::of_matrix(*matrix, [columns, rows])));
                }
                Drawn::Inside(_, runs) => runs.clone(),
                Drawn::Area(outlines) => {
                    let reaches = |p: &[f64; 2]| contours::is_beyond(p, columns, rows);
                    cut |= outlines.iter().flatten().any(reaches);
                    raster::fill(outlines, columns, rows)
                }
            };
            if here.iter().any(|r| r.row >= rows || u32::from(r.to) > columns) {
                return Err(Refused::OutsideImage(name.into()));
            }
            runs.extend(here.into_iter().map(|r| Run { row: slice * rows + r.row, ..r }));
        }
        if elsewhere > 0 {
            let words = format!("'{name}': {elsewhere} of {} drawings are on other images", drawings.len());
            warnings.push(Warning::new("other_images", words));
        }
        if cut {
            warnings.push(contours::cut_warning(name));
        }
        Ok(Mask::of_runs(self.image.grid.shape, runs))
    }
}

/// The name of a structure for people.
fn shown(structure: &Structure) -> String {
    match (&*structure.name, structure.number) {
        ("", Some(number)) => number.to_string(),
        ("", None) => "structure".into(),
        (name, _) => name.into(),
    }
}

/// Structures with the numbers of their file where those can be values of a labelmap, else with their place in it.
fn numbered(laid: Vec<Laid>) -> Vec<PlacedStructure> {
    let mut numbers: Vec<u32> = laid.iter().filter_map(|(s, ..)| s.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let usable = numbers.len() == laid.len()
        && numbers.first().is_none_or(|n| *n > 0)
        && numbers.last().is_none_or(|n| u16::try_from(*n).is_ok());
    let number = |(place, (structure, mask, values)): (u32, Laid)| PlacedStructure {
        number: structure.number.filter(|_| usable).unwrap_or(place),
        name: shown(&structure),
        code: structure.code,
        category: structure.category,
        color: structure.color,
        tracking: structure.tracking,
        reader: structure.reader,
        mask,
        values,
    };
    (1..).zip(laid).map(number).collect()
}

/// A structure in few words, as commands list it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its value in a labelmap.
    pub number: u32,
    /// Voxels that belong to it.
    pub voxels: u64,
    /// Their volume; `None` where the image has no depth.
    pub volume_mm3: Option<f64>,
}

impl Placed {
    /// What was placed, in few words.
    pub fn listed(&self) -> Vec<Listed> {
        let one = |s: &PlacedStructure| Listed {
            name: s.name.clone(),
            number: s.number,
            voxels: s.mask.voxels(),
            volume_mm3: self.volume_mm3(s),
        };
        self.structures.iter().map(one).collect()
    }
}
