//! The people and machines of the example: a scanner that sends synthetic chest CT, a candidate finder, and readers who
//! correct what it found, each in their own way.
//!
//! `lung_nodules studies FOLDER COUNT` writes studies; `lung_nodules find CT OUT` marks candidates in a volume;
//! `lung_nodules read CT READER OUT` reads as READER (a number) would, writes the mask and prints what is said with it, as
//! arguments of `gantry task submit`.

use std::error::Error;
use std::fs;
use std::path::Path;

use gantry::demo::{SCANNERS, Study, StudyPlan};
use gantry::format::nifti::{Nifti, Voxels};
use gantry::measure::detection::components::{Connectivity, components};
use gantry::measure::grid::Grid;

/// Above this a voxel is no lung, in Hounsfield units.
const TISSUE_HU: f32 = -560.0;
/// Volumes of what may be a nodule, in mm³.
const NODULE_MM3: std::ops::Range<f64> = 40.0..6_000.0;
/// How much of its box a ball fills is 0.52; a vessel fills less.
const LEAST_FILLED: f64 = 0.28;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["studies", folder, count] => studies(Path::new(folder), count.parse()?),
        ["find", image, out] => {
            let ct = Volume::open(Path::new(image))?;
            ct.write(&ct.candidates(TISSUE_HU), Path::new(out))
        }
        ["read", image, reader, out] => read(Path::new(image), reader.parse()?, Path::new(out)),
        _ => Err("usage: lung_nodules studies FOLDER COUNT | find CT OUT | read CT READER OUT".into()),
    }
}

/// Writes studies as a scanner sends them, a folder each.
fn studies(folder: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    for number in 1..=count {
        let plan = StudyPlan {
            seed: 11,
            number,
            subject: number,
            scanner: (number - 1) % SCANNERS.len(),
            visit: 0,
            fault: None,
        };
        let to = folder.join(format!("study-{number:02}"));
        fs::create_dir_all(&to)?;
        for file in Study::make(plan).files()? {
            fs::write(to.join(&file.name), &file.bytes)?;
        }
    }
    Ok(())
}

/// A nodule as a reader sees it: voxels, and what they say of it.
struct Nodule {
    voxels: Vec<usize>,
    volume_mm3: f64,
}

/// A CT volume in Hounsfield units.
struct Volume {
    image: Nifti,
    grid: Grid,
    hu: Vec<f32>,
}

impl Volume {
    fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let image = Nifti::read(path)?;
        let shape = [0, 1, 2].map(|axis| image.shape[axis]);
        let hu: Vec<f32> = image.values()?.into_iter().map(|v| v as f32).collect();
        let grid = Grid::new(shape, image.spacing_mm)?;
        Ok(Self { image, grid, hu })
    }

    /// Islands of tissue in the lung that are of a nodule's size and about as long as wide; the largest first.
    fn candidates(&self, above_hu: f32) -> Vec<Nodule> {
        let smooth = self.smoothed();
        let tissue: Vec<u8> = smooth.iter().map(|hu| u8::from(*hu > above_hu)).collect();
        let (parts, count) = components(&self.grid, &tissue, Connectivity::Corners);
        let mut voxels: Vec<Vec<usize>> = vec![Vec::new(); count as usize];
        for (at, part) in parts.iter().enumerate().filter(|(_, part)| **part > 0) {
            voxels[*part as usize - 1].push(at);
        }
        let voxel_mm3: f64 = self.image.spacing_mm.iter().product();
        let mut found: Vec<Nodule> = voxels
            .into_iter()
            .map(|voxels| Nodule { volume_mm3: voxels.len() as f64 * voxel_mm3, voxels })
            .filter(|n| NODULE_MM3.contains(&n.volume_mm3) && self.is_round(&n.voxels))
            .collect();
        found.sort_by_key(|n| (std::cmp::Reverse(n.voxels.len()), n.voxels.first().copied()));
        found
    }

    /// The mean over 3 × 3 voxels of each slice.
    fn smoothed(&self) -> Vec<f32> {
        let [nx, ny, nz] = self.grid.shape();
        let mut out = self.hu.clone();
        for z in 0..nz {
            for y in 1..ny.saturating_sub(1) {
                for x in 1..nx.saturating_sub(1) {
                    let around = (0..9).map(|k| self.hu[(z * ny + y + k / 3 - 1) * nx + x + k % 3 - 1]);
                    out[(z * ny + y) * nx + x] = around.sum::<f32>() / 9.0;
                }
            }
        }
        out
    }

    fn is_round(&self, voxels: &[usize]) -> bool {
        let [nx, ny, nz] = self.grid.shape();
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        for at in voxels {
            let place = [at % nx, at / nx % ny, at / nx / ny];
            for axis in 0..3 {
                low[axis] = low[axis].min(place[axis]);
                high[axis] = high[axis].max(place[axis]);
            }
        }
        // What is cut by the edge of the volume is not seen whole.
        if low.contains(&0) || high == [nx - 1, ny - 1, nz - 1] || high[2] == nz - 1 {
            return false;
        }
        let sides: [usize; 3] = std::array::from_fn(|axis| high[axis] - low[axis] + 1);
        let mm: [f64; 3] = std::array::from_fn(|axis| sides[axis] as f64 * self.image.spacing_mm[axis]);
        let (short, long) =
            (mm.iter().fold(f64::MAX, |a, b| a.min(*b)), mm.iter().fold(0.0_f64, |a, b| a.max(*b)));
        let filled = voxels.len() as f64 / sides.iter().product::<usize>() as f64;
        filled > LEAST_FILLED && long < 2.6 * short
    }

    /// Writes nodules as a mask.
    fn write(&self, nodules: &[Nodule], out: &Path) -> Result<(), Box<dyn Error>> {
        let mut mask = vec![0_u8; self.hu.len()];
        nodules.iter().flat_map(|n| &n.voxels).for_each(|at| mask[*at] = 1);
        let [nx, ny, nz] = self.grid.shape();
        Nifti::new([nx, ny, nz, 1], self.image.affine, Voxels::U8(mask))?.write(out)?;
        Ok(())
    }
}

/// Reads as a reader would: where they draw the edge, what they overlook, how they rate.
fn read(image: &Path, reader: i32, out: &Path) -> Result<(), Box<dyn Error>> {
    let ct = Volume::open(image)?;
    let (edge_hu, least_mm3, strict) = match reader {
        1 => (TISSUE_HU, 0.0, 0.0),
        2 => (TISSUE_HU + 25.0, 0.0, 0.2),
        // The third overlooks what is small.
        _ => (TISSUE_HU - 15.0, 260.0, -0.2),
    };
    let mut nodules = ct.candidates(edge_hu);
    nodules.retain(|n| n.volume_mm3 >= least_mm3);
    ct.write(&nodules, out)?;
    let mut said = vec!["--value quality=good".to_owned()];
    if nodules.is_empty() {
        said.push("--none nodule".into());
    }
    for (number, nodule) in (1..).zip(&nodules) {
        // A ball of that volume: 4 mm is probably benign, 12 mm highly suspicious.
        let diameter_mm = (nodule.volume_mm3 * 6.0 / std::f64::consts::PI).cbrt();
        let rating = (diameter_mm / 2.5 + strict).round().clamp(1.0, 5.0);
        said.push(format!("--value malignancy@{number}={rating}"));
    }
    println!("{}", said.join(" "));
    Ok(())
}
