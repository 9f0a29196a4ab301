//! A chest in Hounsfield units: analytic, so that any plane can be cut and every nodule's place and size are known.

mod anatomy;
mod tree;

pub use anatomy::{AIR_HU, Anatomy, FAT_HU, LUNG_HU, SOFT_HU};

use crate::measure::agreement::bootstrap::SplitMix;
use tree::{Flow, Tube, WALL_MM};

/// What a nodule is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoduleKind {
    /// Soft tissue.
    Solid,
    /// Hazy: lung can be seen through it.
    GroundGlass,
}

/// A nodule of known place and size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nodule {
    /// Its centre, LPS.
    pub centre_mm: [f64; 3],
    /// Its radius, its lobes aside.
    pub radius_mm: f64,
    /// What it is made of.
    pub kind: NoduleKind,
}

/// A subject's chest.
#[derive(Debug, Clone, PartialEq)]
pub struct Phantom {
    anatomy: Anatomy,
    tubes: Vec<Tube>,
    /// The nodules.
    pub nodules: Vec<Nodule>,
}

/// A plane of pixels in the patient. Lengths in millimetres, LPS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    /// Centre of the first pixel.
    pub origin_mm: [f64; 3],
    /// Unit vector along a row.
    pub row: [f64; 3],
    /// Unit vector along a column.
    pub column: [f64; 3],
    /// Distance of pixels.
    pub pixel_mm: f64,
    /// Rows and columns.
    pub size: usize,
}

impl Plane {
    fn point(&self, row: f64, column: f64) -> [f64; 3] {
        std::array::from_fn(|i| {
            self.origin_mm[i] + self.pixel_mm * (column * self.row[i] + row * self.column[i])
        })
    }

    /// Column, row and height above the plane of a point, the first two in pixels.
    fn project(&self, p: [f64; 3]) -> [f64; 3] {
        let [a, b] = [self.row, self.column];
        let normal = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
        let d: [f64; 3] = std::array::from_fn(|i| p[i] - self.origin_mm[i]);
        let along = |v: [f64; 3]| v.iter().zip(d).map(|(v, d)| v * d).sum::<f64>();
        [along(a) / self.pixel_mm, along(b) / self.pixel_mm, along(normal)]
    }

    /// Rows and columns that a ball around a segment can reach, or `None` if the plane passes it by.
    fn reach(&self, from: [f64; 3], to: [f64; 3], radius_mm: f64) -> Option<[std::ops::Range<usize>; 2]> {
        let (a, b) = (self.project(from), self.project(to));
        if a[2].min(b[2]) > radius_mm || a[2].max(b[2]) < -radius_mm {
            return None;
        }
        let pixels = radius_mm / self.pixel_mm + 1.0;
        let range = |i: usize| {
            let low = (a[i].min(b[i]) - pixels).floor().max(0.0) as usize;
            let high = (a[i].max(b[i]) + pixels).ceil().clamp(-1.0, self.size as f64 - 1.0) + 1.0;
            low..(high as usize).max(low)
        };
        Some([range(1), range(0)])
    }
}

impl Phantom {
    /// A subject drawn at random, with `nodules` nodules between the two heights.
    pub fn draw(random: &mut SplitMix, female: bool, nodules: usize, heights_mm: [f64; 2]) -> Self {
        let anatomy = Anatomy::draw(random, female);
        let tubes = tree::grow(&anatomy, random);
        let mut phantom = Self { anatomy, tubes, nodules: Vec::new() };
        for _ in 0..nodules {
            phantom.seed_nodule(random, heights_mm);
        }
        phantom
    }

    /// Puts a nodule where there is lung all around it, if a place is found.
    fn seed_nodule(&mut self, random: &mut SplitMix, [low, high]: [f64; 2]) {
        let solid = random.unit() < 0.6;
        let radius_mm = if solid { 3.0 + 4.5 * random.unit() } else { 5.0 + 5.0 * random.unit() };
        for _ in 0..400 {
            let side = if random.unit() < 0.5 { -1.0 } else { 1.0 };
            let x = side * (45.0 + 70.0 * random.unit());
            let y = -70.0 + 140.0 * random.unit();
            let centre_mm = [x, y, low + (high - low) * (0.15 + 0.7 * random.unit())];
            let clear = radius_mm + 3.0;
            let around = (0..6).map(|i| {
                let mut p = centre_mm;
                p[i / 2] += if i % 2 == 0 { clear } else { -clear };
                p
            });
            let free =
                self.nodules.iter().all(|n| distance(n.centre_mm, centre_mm) > n.radius_mm + clear + 8.0);
            if free && around.chain([centre_mm]).all(|p| self.anatomy.hu(p) < -780.0) {
                let kind = if solid { NoduleKind::Solid } else { NoduleKind::GroundGlass };
                return self.nodules.push(Nodule { centre_mm, radius_mm, kind });
            }
        }
    }

    /// Values on a plane, row by row, without blur and noise.
    pub fn cut(&self, plane: &Plane) -> Vec<f32> {
        let n = plane.size;
        let mut image = Vec::with_capacity(n * n);
        for row in 0..n {
            for column in 0..n {
                image.push(self.anatomy.hu(plane.point(row as f64, column as f64)));
            }
        }
        for tube in self.tubes.iter().filter(|t| t.flow == Flow::Blood) {
            draw_vessel(&mut image, plane, tube);
        }
        for nodule in &self.nodules {
            draw_nodule(&mut image, plane, nodule);
        }
        // Walls before lumina: where two airways meet, air goes through.
        for lumen in [false, true] {
            for tube in self.tubes.iter().filter(|t| t.flow == Flow::Air) {
                draw_airway(&mut image, plane, tube, lumen);
            }
        }
        image
    }
}

/// Calls `draw` with each pixel near a segment, its value and its distance from the segment.
fn near(
    image: &mut [f32],
    plane: &Plane,
    (from, to, radius_mm): ([f64; 3], [f64; 3], f64),
    mut draw: impl FnMut(&mut f32, f64),
) {
    let Some([rows, columns]) = plane.reach(from, to, radius_mm) else { return };
    let along: [f64; 3] = std::array::from_fn(|i| to[i] - from[i]);
    let square = along.iter().map(|c| c * c).sum::<f64>().max(1e-9);
    for row in rows {
        for column in columns.clone() {
            let p = plane.point(row as f64, column as f64);
            let t = (0..3).map(|i| (p[i] - from[i]) * along[i]).sum::<f64>() / square;
            let t = t.clamp(0.0, 1.0);
            let foot = std::array::from_fn(|i| from[i] + t * along[i]);
            draw(&mut image[row * plane.size + column], distance(p, foot));
        }
    }
}

/// The share of a pixel that lies within `radius_mm`.
fn cover(distance_mm: f64, radius_mm: f64, pixel_mm: f64) -> f32 {
    let edge = ((radius_mm - distance_mm) / pixel_mm + 0.5).clamp(0.0, 1.0);
    (edge * (2.0 * radius_mm / pixel_mm).min(1.0)) as f32
}

fn draw_vessel(image: &mut [f32], plane: &Plane, tube: &Tube) {
    let reach = tube.radius_mm + plane.pixel_mm;
    near(image, plane, (tube.from_mm, tube.to_mm, reach), |value, d| {
        if *value < -300.0 && *value > -960.0 {
            let share = cover(d, tube.radius_mm, plane.pixel_mm);
            *value = value.max(LUNG_HU + share * (SOFT_HU - LUNG_HU));
        }
    });
}

fn draw_airway(image: &mut [f32], plane: &Plane, tube: &Tube, lumen: bool) {
    let radius = if lumen { tube.radius_mm } else { tube.radius_mm + WALL_MM };
    near(image, plane, (tube.from_mm, tube.to_mm, radius + plane.pixel_mm), |value, d| {
        let share = cover(d, radius, plane.pixel_mm);
        let hu = if lumen { -985.0 } else { value.max(10.0) };
        if *value < 200.0 {
            *value += share * (hu - *value);
        }
    });
}

/// A ball with lobes; the edge of ground glass is soft.
fn draw_nodule(image: &mut [f32], plane: &Plane, nodule: &Nodule) {
    let (radius, soft_mm) = match nodule.kind {
        NoduleKind::Solid => (nodule.radius_mm, plane.pixel_mm),
        NoduleKind::GroundGlass => (nodule.radius_mm, 3.0),
    };
    let Some([rows, columns]) = plane.reach(nodule.centre_mm, nodule.centre_mm, radius * 1.2) else { return };
    for row in rows {
        for column in columns.clone() {
            let p = plane.point(row as f64, column as f64);
            let [x, y, z]: [f64; 3] = std::array::from_fn(|i| p[i] - nodule.centre_mm[i]);
            let lobes = 1.0 + 0.08 * (3.0 * y.atan2(x)).sin() + 0.05 * (2.0 * z.atan2(x)).cos();
            let d = distance(p, nodule.centre_mm) / lobes;
            let value = &mut image[row * plane.size + column];
            let share = ((radius - d) / soft_mm + 0.5).clamp(0.0, 1.0) as f32;
            let hu = if nodule.kind == NoduleKind::Solid { 30.0 } else { -590.0 };
            *value = value.max(*value + share * (hu - *value));
        }
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}
