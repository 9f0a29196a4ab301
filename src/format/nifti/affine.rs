//! Affines and quaternions, as `nifti1.h` has them.

use super::NiftiError;

/// Relative distance from a right angle beyond which a quaternion cannot hold the affine.
const SHEAR: f64 = 1e-5;

pub(super) fn column_length(affine: &[[f64; 4]; 4], column: usize) -> f64 {
    (0..3).map(|row| affine[row][column] * affine[row][column]).sum::<f64>().sqrt()
}

fn determinant(m: &[[f64; 4]; 4]) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}

pub(super) fn check_affine(affine: &[[f64; 4]; 4]) -> Result<(), NiftiError> {
    let finite = affine.iter().flatten().all(|v| v.is_finite());
    if !finite || determinant(affine).abs() < 1e-18 {
        return Err(NiftiError::Header("the affine is singular or not finite"));
    }
    Ok(())
}

/// The quaternion form of an affine without shear (`nifti1.h`, method 2).
pub(super) struct Quaternion {
    pub b: f64,
    pub c: f64,
    pub d: f64,
    pub qfac: f64,
}

impl Quaternion {
    /// `None` where the axes are not at right angles: a quaternion cannot hold shear, and a wrong qform is worse
    /// than none.
    pub(super) fn of(affine: &[[f64; 4]; 4]) -> Option<Self> {
        let mut r = [[0.0; 3]; 3];
        for column in 0..3 {
            let length = column_length(affine, column);
            for row in 0..3 {
                r[row][column] = affine[row][column] / length;
            }
        }
        let dot = |p: usize, q: usize| (0..3).map(|row| r[row][p] * r[row][q]).sum::<f64>().abs();
        if dot(0, 1).max(dot(0, 2)).max(dot(1, 2)) > SHEAR {
            return None;
        }
        let qfac = if determinant(affine) < 0.0 { -1.0 } else { 1.0 };
        for row in &mut r {
            row[2] *= qfac;
        }
        let (b, c, d) = rotation_to_quaternion(&r);
        Some(Self { b, c, d, qfac })
    }
}

/// Components (b, c, d) of the unit quaternion of a proper rotation, with a ≥ 0.
fn rotation_to_quaternion(r: &[[f64; 3]; 3]) -> (f64, f64, f64) {
    let trace = r[0][0] + r[1][1] + r[2][2] + 1.0;
    if trace > 0.5 {
        let a = 0.5 * trace.sqrt();
        let f = 0.25 / a;
        return (f * (r[2][1] - r[1][2]), f * (r[0][2] - r[2][0]), f * (r[1][0] - r[0][1]));
    }
    let x = 1.0 + r[0][0] - (r[1][1] + r[2][2]);
    let y = 1.0 + r[1][1] - (r[0][0] + r[2][2]);
    let z = 1.0 + r[2][2] - (r[0][0] + r[1][1]);
    let (a, b, c, d) = if x > 1.0 {
        let b = 0.5 * x.sqrt();
        let f = 0.25 / b;
        (f * (r[2][1] - r[1][2]), b, f * (r[0][1] + r[1][0]), f * (r[0][2] + r[2][0]))
    } else if y > 1.0 {
        let c = 0.5 * y.sqrt();
        let f = 0.25 / c;
        (f * (r[0][2] - r[2][0]), f * (r[0][1] + r[1][0]), c, f * (r[1][2] + r[2][1]))
    } else {
        let d = 0.5 * z.max(0.0).sqrt();
        let f = if d > 0.0 { 0.25 / d } else { 0.0 };
        (f * (r[1][0] - r[0][1]), f * (r[0][2] + r[2][0]), f * (r[1][2] + r[2][1]), d)
    };
    if a < 0.0 { (-b, -c, -d) } else { (b, c, d) }
}
