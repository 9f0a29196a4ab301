//! Vessels and airways: branching tubes.

use super::anatomy::Anatomy;
use crate::measure::agreement::bootstrap::SplitMix;

/// What flows in a tube.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Blood: seen where lung is around it.
    Blood,
    /// Air within a wall.
    Air,
}

/// A straight piece.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tube {
    /// Where it begins, LPS.
    pub from_mm: [f64; 3],
    /// Where it ends.
    pub to_mm: [f64; 3],
    /// Its radius; of airways that of the lumen.
    pub radius_mm: f64,
    /// What flows in it.
    pub flow: Flow,
}

/// Thickness of the wall of an airway.
pub const WALL_MM: f64 = 1.3;
/// Vessels thinner than this cannot be seen.
const THINNEST_MM: f64 = 0.45;
/// Lung is below this.
const IN_LUNG_HU: f32 = -700.0;

/// Trachea, bronchi, arteries and veins of a subject, the wide ones last, so that they are drawn over the thin ones.
pub fn grow(anatomy: &Anatomy, random: &mut SplitMix) -> Vec<Tube> {
    let mut tubes = Vec::new();
    for side in [-1.0, 1.0] {
        let hilum = [side * 36.0, 2.0, 6.0];
        let towards = [
            [0.35, -0.1, 1.0],
            [0.8, -0.75, 0.3],
            [1.0, 0.25, 0.1],
            [0.7, 0.75, -0.45],
            [0.55, -0.2, -1.0],
            [0.8, 0.5, 0.7],
        ];
        for [x, y, z] in towards {
            for (shift, width) in [(0.0, 4.6), (5.0, 3.8)] {
                let from = [hilum[0], hilum[1] + shift, hilum[2] - shift];
                let limb =
                    Limb { from, to: unit([x * side, y, z]), length: 32.0, radius: width, generation: 0 };
                branch(anatomy, random, limb, shift == 0.0, &mut tubes);
            }
        }
        tubes.push(Tube { from_mm: [0.0, 8.0, 26.0], to_mm: hilum, radius_mm: 5.6, flow: Flow::Air });
    }
    tubes.push(Tube { from_mm: [0.0, 2.0, 150.0], to_mm: [0.0, 8.0, 26.0], radius_mm: 8.4, flow: Flow::Air });
    tubes.sort_by(|a, b| a.radius_mm.total_cmp(&b.radius_mm));
    tubes
}

#[derive(Clone, Copy)]
struct Limb {
    from: [f64; 3],
    to: [f64; 3],
    length: f64,
    radius: f64,
    generation: u32,
}

fn branch(anatomy: &Anatomy, random: &mut SplitMix, limb: Limb, with_airway: bool, tubes: &mut Vec<Tube>) {
    if limb.radius < THINNEST_MM {
        return;
    }
    let end: [f64; 3] = std::array::from_fn(|i| limb.from[i] + limb.to[i] * limb.length);
    tubes.push(Tube { from_mm: limb.from, to_mm: end, radius_mm: limb.radius, flow: Flow::Blood });
    if with_airway && limb.generation < 4 {
        let beside = limb.radius * 1.7 + WALL_MM;
        let shift = |p: [f64; 3]| [p[0], p[1] + beside, p[2]];
        let radius_mm = limb.radius * 0.75;
        tubes.push(Tube { from_mm: shift(limb.from), to_mm: shift(end), radius_mm, flow: Flow::Air });
    }
    if limb.generation > 1 && anatomy.hu(end) > IN_LUNG_HU {
        return;
    }
    for narrower in [0.8, 0.68] {
        let mut bend = || (random.unit() - 0.5) * 1.7;
        let to = unit([limb.to[0] + bend(), limb.to[1] + bend(), limb.to[2] + bend()]);
        let length = limb.length * (0.68 + 0.2 * random.unit());
        let next =
            Limb { from: end, to, length, radius: limb.radius * narrower, generation: limb.generation + 1 };
        branch(anatomy, random, next, with_airway, tubes);
    }
}

fn unit(v: [f64; 3]) -> [f64; 3] {
    let length = v.iter().map(|c| c * c).sum::<f64>().sqrt();
    v.map(|c| c / length)
}
