//! Compares two label files structure by structure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use thiserror::Error;

use super::label::{LabelError, LabelFile, on_grid};
use crate::format::table::{Row, TableError, write_rows};
use crate::label::Refused;
use crate::measure::estimate::Estimate;
use crate::measure::grid::{Grid, GridError, Label, Labels};
use crate::measure::overlap::{self, Pair};
use crate::measure::surface::{self, Convention, Extent};

/// What to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Names of labels.
    pub names: BTreeMap<u32, String>,
    /// What a surface is made of.
    pub convention: Convention,
    /// Tolerances of the normalised surface Dice: as they were written, and in millimetres.
    pub tolerances: Vec<(String, f64)>,
    /// Which measures to report; `None` for all. Surfaces are not looked at where no distance is asked for.
    pub metrics: Option<Vec<String>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            names: BTreeMap::new(),
            convention: Convention::Surfel,
            tolerances: [1, 2, 3].map(|t| (t.to_string(), f64::from(t))).to_vec(),
            metrics: None,
        }
    }
}

/// Measures that can be asked for by name.
pub const METRICS: [&str; 15] = [
    "dice",
    "jaccard",
    "sensitivity",
    "precision",
    "volume_similarity",
    "volume_difference_mm3",
    "relative_volume_difference",
    "centre_distance_mm",
    "hd_mm",
    "hd95_mm",
    "assd_mm",
    "masd_mm",
    "nsd",
    "surface_area_a_mm2",
    "surface_area_b_mm2",
];

/// Measures that need the surfaces.
const SURFACE_METRICS: [&str; 7] =
    ["hd_mm", "hd95_mm", "assd_mm", "masd_mm", "nsd", "surface_area_a_mm2", "surface_area_b_mm2"];

/// Values by tolerance, in the order in which the tolerances were given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ByTolerance(pub Vec<(String, Estimate)>);

impl Serialize for ByTolerance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(k, v)| (k, v)))
    }
}

/// One structure in both files. Units are in the names; A is the reference, B the test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Structure {
    /// Its label.
    pub label: u32,
    /// Its name, or the label as text.
    pub name: String,
    /// Voxels in A.
    pub voxels_a: u64,
    /// Voxels in B.
    pub voxels_b: u64,
    /// Volume in A.
    pub volume_a_mm3: f64,
    /// Volume in B.
    pub volume_b_mm3: f64,
    /// Every measure asked for, by name.
    #[serde(flatten)]
    pub measures: BTreeMap<&'static str, Estimate>,
    /// Normalised surface Dice by tolerance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nsd: Option<ByTolerance>,
    /// Why the structure is measured on one side only, if it is.
    pub reason: Option<crate::measure::estimate::Reason>,
}

/// All structures of two files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// By label.
    pub structures: Vec<Structure>,
    /// Convention of the distances.
    pub convention: &'static str,
    /// What is odd about the files, in words.
    pub warnings: Vec<String>,
}

impl Report {
    /// Every measure as a row of a table, to write with [`crate::format::table::write_rows`].
    pub fn rows(&self) -> Vec<Row> {
        let row = |s: &Structure, measure: String, estimate: &Estimate| Row {
            subject: s.name.clone(),
            measure,
            estimate: estimate.clone(),
        };
        let of = |s: &Structure| {
            let named = s.measures.iter().map(|(name, e)| row(s, (*name).to_owned(), e));
            let within = s.nsd.iter().flat_map(|n| &n.0).map(|(mm, e)| row(s, format!("nsd_{mm}_mm"), e));
            named.chain(within).collect::<Vec<_>>()
        };
        self.structures.iter().flat_map(of).collect()
    }

    /// Writes [`Report::rows`] as CSV or Parquet, told by the name's ending.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TableError> {
        write_rows(path, &self.rows())
    }
}

/// Why two files could not be compared.
#[derive(Debug, Error)]
pub enum MeasureError {
    /// A file that cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: LabelError,
    },
    /// Structures that do not lie on the voxels of the other.
    #[error("the labels cannot be compared voxel by voxel: {0}")]
    Place(Refused),
    /// Labelmaps that do not lie on the same grid.
    #[error("the labelmaps cannot be compared voxel by voxel: {0}")]
    Grid(#[from] GridError),
}

/// Compares the labelmap `b` (test) with `a` (reference).
///
/// # Errors
/// Where a file is no labelmap, or they lie on different grids (they are not resampled; axes that are turned or flipped
/// over the same voxels are the same grid).
pub fn run(a: &Path, b: &Path, options: &Options) -> Result<Report, MeasureError> {
    let (a, b) = rayon::join(|| read(a), || read(b));
    let (a, b) = (a?, b?);
    let warnings: Vec<String> = a.warnings().into_iter().chain(b.warnings()).collect();
    let report = match (a, b) {
        (LabelFile::Map(a), LabelFile::Map(b)) => {
            let b = on_grid(*b, &a.grid)?;
            compare(&a.grid, &a.labels, &b, options)
        }
        (a, b) => placed(&a, &b, options)?,
    };
    Ok(Report { warnings, ..report })
}

fn read(path: &Path) -> Result<LabelFile, MeasureError> {
    LabelFile::read(path).map_err(|error| MeasureError::File { path: path.to_owned(), error })
}

/// Compares where at least one side is no NIfTI map: both are put on the voxels of the map, or on the smallest grid that
/// holds both.
fn placed(a: &LabelFile, b: &LabelFile, options: &Options) -> Result<Report, MeasureError> {
    let grid = a.common_grid(b).map_err(MeasureError::Place)?;
    let [nx, ny, nz] = grid.shape.map(|n| n as usize);
    let measured = Grid::new([nx, ny, nz], grid.step_mm())?.with_affine(grid.affine_ras());
    let on = |file| LabelFile::on(file, &grid).map_err(MeasureError::Place);
    let (a, b) = (on(a)?, on(b)?);
    if let (Some(a), Some(b)) = (a.labels(), b.labels()) {
        return Ok(compare(&measured, &a, &b, options));
    }
    // Structures overlap: one at a time.
    let numbers: BTreeSet<u32> = a.present().into_iter().chain(b.present()).collect();
    let mut report =
        Report { structures: Vec::new(), convention: options.convention.name(), warnings: Vec::new() };
    for number in numbers {
        let (a, b) = (a.mask(number), b.mask(number));
        for pair in overlap::pairs(&measured, &a, &b) {
            let mut named = structure(&measured, &a, &b, &pair, options);
            named.label = number;
            named.name = options.names.get(&number).cloned().unwrap_or_else(|| number.to_string());
            report.structures.push(named);
        }
    }
    Ok(report)
}

/// Compares two labelmaps on one grid.
pub fn compare(grid: &Grid, a: &Labels, b: &Labels, options: &Options) -> Report {
    use Labels::{U8, U16, U32};
    let structures = match (a, b) {
        (U8(a), U8(b)) => structures(grid, a, b, options),
        (U8(a), U16(b)) => structures(grid, a, b, options),
        (U8(a), U32(b)) => structures(grid, a, b, options),
        (U16(a), U8(b)) => structures(grid, a, b, options),
        (U16(a), U16(b)) => structures(grid, a, b, options),
        (U16(a), U32(b)) => structures(grid, a, b, options),
        (U32(a), U8(b)) => structures(grid, a, b, options),
        (U32(a), U16(b)) => structures(grid, a, b, options),
        (U32(a), U32(b)) => structures(grid, a, b, options),
    };
    Report { structures, convention: options.convention.name(), warnings: Vec::new() }
}

fn structures<A: Label, B: Label>(grid: &Grid, a: &[A], b: &[B], options: &Options) -> Vec<Structure> {
    let mut pairs = overlap::pairs(grid, a, b);
    if pairs.is_empty() {
        pairs.push(overlap::absent(grid, 1));
    }
    pairs.iter().map(|pair| structure(grid, a, b, pair, options)).collect()
}

fn structure<A: Label, B: Label>(grid: &Grid, a: &[A], b: &[B], pair: &Pair, options: &Options) -> Structure {
    let wanted = |name: &str| options.metrics.as_ref().is_none_or(|m| m.iter().any(|m| m == name));
    let mut measures = BTreeMap::new();
    let mut add = |name: &'static str, value: &dyn Fn() -> Estimate| {
        if wanted(name) {
            measures.insert(name, value());
        }
    };
    add("dice", &|| pair.dice());
    add("jaccard", &|| pair.jaccard());
    add("sensitivity", &|| pair.sensitivity());
    add("precision", &|| pair.precision());
    add("volume_similarity", &|| pair.volume_similarity());
    add("relative_volume_difference", &|| pair.relative_volume_difference());
    add("centre_distance_mm", &|| pair.centre_distance_mm());
    add("volume_difference_mm3", &|| match pair.empty() {
        Some(reason) if pair.voxels_a() + pair.voxels_b() == 0 => Estimate::undefined(reason, 0),
        _ => Estimate::new(pair.volume_difference_mm3(), (pair.voxels_a() + pair.voxels_b()) as usize),
    });
    let mut nsd = None;
    if SURFACE_METRICS.iter().any(|m| wanted(m)) {
        let surfaces = surface::between(grid, a, b, pair, options.convention, Extent::Volume);
        let distance = |measure: &dyn Fn(&surface::Surfaces) -> f64| surface::estimate(&surfaces, measure);
        add("hd_mm", &|| distance(&|s| s.hausdorff_mm(1.0)));
        add("hd95_mm", &|| distance(&|s| s.hausdorff_mm(0.95)));
        add("assd_mm", &|| distance(&surface::Surfaces::assd_mm));
        add("masd_mm", &|| distance(&surface::Surfaces::masd_mm));
        if options.convention != Convention::Voxel {
            add("surface_area_a_mm2", &|| distance(&|s| s.from_a.weight()));
            add("surface_area_b_mm2", &|| distance(&|s| s.from_b.weight()));
        }
        if wanted("nsd") {
            let at = |(key, mm): &(String, f64)| (key.clone(), distance(&|s| s.nsd(*mm)));
            nsd = Some(ByTolerance(options.tolerances.iter().map(at).collect()));
        }
    }
    let name = options.names.get(&pair.label).cloned().unwrap_or_else(|| pair.label.to_string());
    Structure {
        label: pair.label,
        name,
        voxels_a: pair.voxels_a(),
        voxels_b: pair.voxels_b(),
        volume_a_mm3: pair.volume_a_mm3(),
        volume_b_mm3: pair.volume_b_mm3(),
        measures,
        nsd,
        reason: pair.empty(),
    }
}
