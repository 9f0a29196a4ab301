//! The body without vessels and airways: one Hounsfield value for any point.

use crate::measure::agreement::bootstrap::SplitMix;

/// Air.
pub const AIR_HU: f32 = -1000.0;
/// Subcutaneous and mediastinal fat.
pub const FAT_HU: f32 = -100.0;
/// Soft tissue.
pub const SOFT_HU: f32 = 40.0;
/// Lung without its vessels; its back is denser than its front.
pub const LUNG_HU: f32 = -860.0;

/// Distance of vertebrae.
const VERTEBRA_MM: f64 = 25.0;
/// Distance of ribs along the body.
const RIB_MM: f64 = 27.0;
/// How far a rib falls from back to front.
const RIB_FALL_MM: f64 = 70.0;

/// A subject's chest. Coordinates are LPS millimetres about its centre: x to the left, y to the back, z to the head.
#[derive(Debug, Clone, PartialEq)]
pub struct Anatomy {
    half_width_mm: f64,
    half_depth_mm: f64,
    fat_mm: f64,
    muscle_mm: f64,
    breast_mm: f64,
    heart: Ellipsoid,
    domes_mm: [f64; 2],
    rib_phase_mm: f64,
    vertebra_phase_mm: f64,
    texture: [f64; 4],
    bone: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Ellipsoid {
    centre: [f64; 3],
    axes: [f64; 3],
}

impl Ellipsoid {
    /// 0 at the centre, 1 on the surface.
    fn at(&self, p: [f64; 3]) -> f64 {
        (0..3).map(|i| ((p[i] - self.centre[i]) / self.axes[i]).powi(2)).sum::<f64>()
    }
}

impl Anatomy {
    /// A subject drawn at random.
    pub fn draw(random: &mut SplitMix, female: bool) -> Self {
        let mut between = |low: f64, high: f64| low + (high - low) * random.unit();
        let half_width_mm = if female { between(142.0, 158.0) } else { between(154.0, 172.0) };
        let half_depth_mm = half_width_mm * between(0.66, 0.73);
        let scale = between(0.92, 1.1);
        Self {
            half_width_mm,
            half_depth_mm,
            fat_mm: between(7.0, 17.0),
            muscle_mm: if female { between(13.0, 16.0) } else { between(15.0, 20.0) },
            breast_mm: if female { between(20.0, 38.0) } else { 0.0 },
            heart: Ellipsoid {
                centre: [between(16.0, 26.0), -half_depth_mm * 0.24, between(-52.0, -42.0)],
                axes: [52.0 * scale, 41.0 * scale, 56.0 * scale],
            },
            domes_mm: [between(-78.0, -58.0), between(-90.0, -72.0)],
            rib_phase_mm: between(0.0, RIB_MM),
            vertebra_phase_mm: between(0.0, VERTEBRA_MM),
            texture: [between(0.0, 6.0), between(0.0, 6.0), between(0.05, 0.08), between(0.06, 0.09)],
            bone: between(480.0, 720.0) as f32,
        }
    }

    /// How deep under the skin a point lies, along the ray from the centre; negative outside.
    fn depth_mm(&self, x: f64, y: f64) -> f64 {
        let (q, r) = ((x / self.half_width_mm).powi(2), (y / self.half_depth_mm).powi(2));
        let s = (q * q + r * r + 1.25 * q * r).sqrt().sqrt();
        if s < 1e-6 { self.half_depth_mm } else { x.hypot(y) * (1.0 / s - 1.0) }
    }

    /// The value at a point.
    pub fn hu(&self, p: [f64; 3]) -> f32 {
        let [x, y, z] = p;
        let depth = self.depth_mm(x, y);
        if depth < 0.0 {
            return self.outside(p);
        }
        if depth < 1.8 {
            return 25.0;
        }
        let radius = x.hypot(y).max(1.0);
        let (side, back) = (x.abs() / radius, y / radius);
        let fat = self.fat_mm * (0.75 + 0.5 * side) + shoulder(z) * 6.0;
        if depth < fat {
            return FAT_HU;
        }
        if let Some(bone) = self.spine(p) {
            return bone;
        }
        let towards_back = back.max(0.0);
        let flank = 4.0 * towards_back * (1.0 - towards_back);
        let along_spine = if y > 0.0 { (-(x / 38.0).powi(2)).exp() } else { 0.0 };
        let wall = fat + self.muscle_mm + 13.0 * flank + 26.0 * along_spine + 45.0 * shoulder(z);
        if depth < wall { self.wall(p, (depth - fat, wall - fat), (side, back)) } else { self.cavity(p) }
    }

    /// Table, breasts and air.
    fn outside(&self, [x, y, z]: [f64; 3]) -> f32 {
        if self.breast_mm > 0.0 && y < 0.0 {
            let at = [x.abs() - 72.0, y + self.half_depth_mm * 0.78, z + 18.0];
            let breast = Ellipsoid { centre: [0.0; 3], axes: [58.0, self.breast_mm + 16.0, 62.0] }.at(at);
            if breast < 1.0 {
                let gland = (at[0] / 30.0).powi(2)
                    + ((at[1] + self.breast_mm * 0.5) / 12.0).powi(2)
                    + (at[2] / 36.0).powi(2);
                return if gland < 1.0 { 15.0 } else { FAT_HU };
            }
        }
        let table = y - (self.half_depth_mm + 14.0 - x * x / 1500.0);
        match table {
            t if !(0.0..18.0).contains(&t) || x.abs() > 205.0 => AIR_HU,
            t if !(1.5..16.5).contains(&t) => 90.0,
            _ => -930.0,
        }
    }

    fn wall(&self, [x, y, z]: [f64; 3], (into, thick): (f64, f64), (side, back): (f64, f64)) -> f32 {
        let marrow = 150.0;
        if x.abs() < 19.0 && y < 0.0 {
            let at = (x / 19.0).powi(2) + ((into - thick + 3.0) / 7.5).powi(2);
            if at < 1.0 {
                return if at > 0.6 { self.bone * 0.8 } else { marrow };
            }
        }
        if (0.28..0.8).contains(&back) && z > -25.0 {
            let blade = (into - 6.0 - 5.0 * (back - 0.5)).abs();
            if blade < 3.2 {
                return if blade > 1.4 { self.bone } else { marrow };
            }
        }
        let front = (1.0 - back) / 2.0;
        let across = (into - thick + 6.0) / 4.4;
        let along = z + RIB_FALL_MM * front * (1.0 + 0.15 * side) + self.rib_phase_mm;
        let along = (along.rem_euclid(RIB_MM) - RIB_MM / 2.0) / 6.3;
        let rib = along * along + across * across;
        if rib < 1.0 && front < 0.9 {
            return if rib > 0.42 { self.bone } else { marrow };
        }
        if rib < 1.0 {
            return 110.0;
        }
        // Fat between the layers of muscle.
        let layer = (into / thick * 2.6).fract();
        if thick > 22.0 && layer < 0.09 { -60.0 } else { 52.0 }
    }

    /// Vertebrae with discs, canal and processes.
    fn spine(&self, [x, y, z]: [f64; 3]) -> Option<f32> {
        let dy = y - (self.half_depth_mm - self.fat_mm - 58.0);
        if x.abs() > 34.0 || !(-16.0..54.0).contains(&dy) {
            return None;
        }
        let level = (z + self.vertebra_phase_mm).rem_euclid(VERTEBRA_MM);
        let body = (x / 16.5).powi(2) + (dy / 13.5).powi(2);
        if body < 1.0 {
            let plate = !(7.0..=VERTEBRA_MM - 2.0).contains(&level);
            return Some(match level {
                l if l < 5.0 => 85.0,
                _ if body > 0.74 || plate => self.bone,
                _ => 185.0,
            });
        }
        let canal = (x / 9.0).powi(2) + ((dy - 21.0) / 7.5).powi(2);
        if canal < 1.0 {
            return Some(if canal < 0.35 { 38.0 } else { 12.0 });
        }
        let arch = (x / 13.0).powi(2) + ((dy - 21.0) / 11.0).powi(2) < 1.0;
        let spinous = x.abs() < 3.6 && (30.0..48.0).contains(&dy) && level > 8.0;
        let transverse = (dy - 15.0).abs() < 4.5 && x.abs() < 31.0 && (9.0..19.0).contains(&level);
        (arch && level > 4.0 || spinous || transverse).then_some(self.bone * 0.75)
    }

    fn cavity(&self, p: [f64; 3]) -> f32 {
        let [x, y, z] = p;
        if let Some(belly) = self.belly(p) {
            return belly;
        }
        let heart = self.heart.at(p);
        if heart < 1.0 {
            return self.heart_hu(p, heart);
        }
        let spine_y = self.half_depth_mm - self.fat_mm - 58.0;
        let circle = |cx: f64, cy: f64, r: f64| (x - cx).powi(2) + (y - cy).powi(2) < r * r;
        let aorta = circle(23.0, spine_y - 8.0, 12.0) && z < 42.0;
        if aorta || (x / 23.0).powi(2) + ((y - spine_y) / 19.0).powi(2) < 1.0 {
            return 42.0;
        }
        if let Some(vessel) = great_vessel(p, spine_y) {
            return vessel;
        }
        let (centre, half) = (-12.0, self.half_depth_mm * 0.72);
        let across = 1.0 - ((y - centre) / half).powi(2);
        let width = (30.0 - 7.0 * (z / 90.0)) * across.max(0.0).sqrt();
        if x.abs() < width.max(4.0) {
            return if y < -40.0 && z > 20.0 { -60.0 } else { FAT_HU + 8.0 };
        }
        let [a, b, u, v] = self.texture;
        let texture = 14.0 * (x * u + z * v + a).sin() * (y * v - z * u + b).sin();
        LUNG_HU + (34.0 * y / self.half_depth_mm + texture) as f32
    }

    /// Below the diaphragm: liver on the right, stomach and spleen on the left.
    fn belly(&self, [x, y, z]: [f64; 3]) -> Option<f32> {
        let right = x < 6.0;
        let (centre, top) = if right { (-68.0, self.domes_mm[0]) } else { (74.0, self.domes_mm[1]) };
        let dome = top - 42.0 * (((x - centre) / 78.0).powi(2) + ((y + 8.0) / 88.0).powi(2));
        if z > dome {
            return None;
        }
        Some(match z > dome - 3.0 {
            true => SOFT_HU,
            false if right => 58.0,
            false if ((x - 62.0) / 30.0).powi(2) + ((y + 30.0) / 26.0).powi(2) < 1.0 => -940.0,
            false if ((x - 84.0) / 34.0).powi(2) + ((y - 38.0) / 34.0).powi(2) < 1.0 => 50.0,
            false => FAT_HU,
        })
    }

    /// Blood, muscle, and the fat around them.
    fn heart_hu(&self, p: [f64; 3], at: f64) -> f32 {
        if at > 0.87 {
            return FAT_HU + 12.0;
        }
        let [cx, cy, cz] = self.heart.centre;
        let chamber = |dx: f64, dy: f64, r: f64| {
            (p[0] - cx - dx).powi(2) + (p[1] - cy - dy).powi(2) + ((p[2] - cz) * 0.8).powi(2) < r * r
        };
        if chamber(18.0, 8.0, 19.0) || chamber(-14.0, -10.0, 21.0) || chamber(-22.0, 12.0, 17.0) {
            36.0
        } else {
            56.0
        }
    }
}

/// Aorta, superior vena cava, pulmonary trunk and oesophagus.
fn great_vessel([x, y, z]: [f64; 3], spine_y: f64) -> Option<f32> {
    let circle = |cx: f64, cy: f64, r: f64| (x - cx).powi(2) + (y - cy).powi(2) < r * r;
    let arch = {
        let along = ((x - 4.0) / 24.0).powi(2) + ((y - (spine_y - 8.0) * 0.35) / 42.0).powi(2);
        (0.45..1.5).contains(&along)
            && (z - 48.0).abs() < 12.0
            && (x - 4.0) * 42.0 + (y + 10.0) * 10.0 > -500.0
    };
    let found = arch
        || circle(-13.0, -24.0, 15.0) && z < 46.0
        || circle(-33.0, -16.0, 9.0) && z > -20.0
        || circle(15.0, -30.0, 13.5) && (-12.0..24.0).contains(&z)
        || circle(-8.0, -26.0, 6.5) && z > 58.0
        || circle(17.0, -14.0, 5.5) && z > 58.0
        || circle(-22.0, -26.0, 8.0) && z > 46.0;
    if found {
        return Some(42.0);
    }
    if circle(5.0, spine_y - 22.0, 2.0) {
        return Some(-400.0);
    }
    circle(5.0, spine_y - 22.0, 7.5).then_some(34.0)
}

/// 0 in the chest, rising to 1 towards the shoulders, where the lungs end in their apices.
fn shoulder(z: f64) -> f64 {
    ((z - 75.0) / 55.0).clamp(0.0, 1.2).powi(2)
}
