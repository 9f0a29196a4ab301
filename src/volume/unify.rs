//! Slices of maybe different kinds and rescales as one block of one kind.

use rayon::prelude::*;

use super::{VolumeError, Voxels};
use crate::model::pixels::Samples;

/// Values of one slice.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// One number a pixel.
    Grey(Samples),
    /// Red, green, blue.
    Rgb(Vec<[u8; 3]>),
}

impl Values {
    /// Colour samples as 8-bit colours; wider ones lose their lower bits.
    pub fn of_colour(samples: &Samples, samples_per_pixel: u16) -> Self {
        let n = usize::from(samples_per_pixel);
        let byte = |i: usize| match samples {
            Samples::U8(v) => v[i],
            Samples::U16(v) => (v[i] >> 8) as u8,
            Samples::U32(v) => (v[i] >> 24) as u8,
            other => other.get(i).unwrap_or(0.0).clamp(0.0, 255.0) as u8,
        };
        Self::Rgb((0..samples.len() / n).map(|p| [byte(p * n), byte(p * n + 1), byte(p * n + 2)]).collect())
    }
}

/// One slice with its slope and intercept.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Stored values.
    pub values: Values,
    /// Slope and intercept.
    pub rescale: [f64; 2],
}

/// Joins slices of `pixels` pixels each. Integers stay integers: rescaled where that is exact, else as they are
/// stored with the slope and intercept that all have in common; floats only where slices differ in an inexact rescale.
pub fn unify(planes: Vec<Plane>, pixels: usize) -> Result<(Voxels, f64, f64), VolumeError> {
    let colour = planes.iter().filter(|p| matches!(p.values, Values::Rgb(_))).count();
    if colour == planes.len() && colour > 0 {
        return join_colour(planes, pixels);
    }
    let mut grey = Vec::with_capacity(planes.len());
    for plane in planes {
        match plane.values {
            Values::Grey(samples) if samples.len() == pixels => grey.push((samples, plane.rescale)),
            _ => return Err(VolumeError::Mixed),
        }
    }
    let Some(&(_, first)) = grey.first() else { return Err(VolumeError::NoGrid) };
    let common = grey.iter().all(|(_, r)| *r == first);
    let is_float = grey.iter().any(|(s, _)| matches!(s, Samples::F32(_) | Samples::F64(_)));
    let is_whole = grey.iter().all(|(_, r)| r.iter().all(|v| v.fract() == 0.0));
    if !is_float && (is_whole || common) {
        let apply = is_whole;
        if let Some(kind) = Kind::of(&grey, apply) {
            let [slope, intercept] = if apply { [1.0, 0.0] } else { first };
            return Ok((Voxels::Grey(kind.join(grey, apply)), slope, intercept));
        }
        if common && let Some(kind) = Kind::of(&grey, false) {
            return Ok((Voxels::Grey(kind.join(grey, false)), first[0], first[1]));
        }
    }
    let double = grey.iter().any(|(s, _)| matches!(s, Samples::F64(_) | Samples::U32(_) | Samples::I32(_)));
    let kind = if double { Kind::F64 } else { Kind::F32 };
    Ok((Voxels::Grey(kind.join(grey, true)), 1.0, 0.0))
}

fn join_colour(planes: Vec<Plane>, pixels: usize) -> Result<(Voxels, f64, f64), VolumeError> {
    let mut all = Vec::with_capacity(planes.len() * pixels);
    for plane in planes {
        match plane.values {
            Values::Rgb(colours) if colours.len() == pixels => all.extend(colours),
            _ => return Err(VolumeError::Mixed),
        }
    }
    Ok((Voxels::Rgb(all), 1.0, 0.0))
}

type Grey = (Samples, [f64; 2]);

/// Smallest and largest value.
fn range(planes: &[Grey], apply: bool) -> (f64, f64) {
    let of = |(samples, [slope, intercept]): &Grey| {
        let (slope, intercept) = if apply { (*slope, *intercept) } else { (1.0, 0.0) };
        let (mut min, mut max) = NOTHING;
        samples.each(|v| {
            let v = v * slope + intercept;
            (min, max) = (min.min(v), max.max(v));
        });
        (min, max)
    };
    planes.par_iter().map(of).reduce(|| NOTHING, |a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The range of no value.
const NOTHING: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

/// Kinds that a block may have.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    U8,
    I8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

impl Kind {
    /// The kind of the slices where they agree and hold the values, else the smallest that does.
    fn of(planes: &[Grey], apply: bool) -> Option<Self> {
        let stored = |s: &Samples| match s {
            Samples::U8(_) => Self::U8,
            Samples::I8(_) => Self::I8,
            Samples::I16(_) => Self::I16,
            Samples::U16(_) => Self::U16,
            Samples::I32(_) => Self::I32,
            Samples::U32(_) => Self::U32,
            Samples::F32(_) => Self::F32,
            Samples::F64(_) => Self::F64,
        };
        let first = stored(&planes.first()?.0);
        let agree = planes.iter().all(|(s, _)| stored(s) == first);
        let identity = !apply || planes.iter().all(|(_, r)| *r == [1.0, 0.0]);
        if agree && identity {
            return Some(first);
        }
        let (min, max) = range(planes, apply);
        let holds = |k: &Self| {
            let (low, high) = k.limits();
            min >= low && max <= high
        };
        [Self::I16, Self::U16, Self::I32, Self::U32].into_iter().find(holds)
    }

    fn limits(self) -> (f64, f64) {
        match self {
            Self::U8 => (0.0, u8::MAX.into()),
            Self::I8 => (i8::MIN.into(), i8::MAX.into()),
            Self::I16 => (i16::MIN.into(), i16::MAX.into()),
            Self::U16 => (0.0, u16::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::U32 => (0.0, u32::MAX.into()),
            Self::F32 | Self::F64 => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// Planes of one size after one another.
    fn join(self, planes: Vec<Grey>, apply: bool) -> Samples {
        macro_rules! join {
            ($kind:ident, $t:ty) => {{
                let length = planes.iter().map(|(s, _)| s.len()).max().unwrap_or(0);
                let mut all: Vec<$t> = vec![<$t>::default(); length * planes.len()];
                let places = all.par_chunks_mut(length.max(1));
                places.zip(planes).for_each(|(place, (samples, [slope, intercept]))| match samples {
                    Samples::$kind(v) if !apply || (slope == 1.0 && intercept == 0.0) => {
                        place.copy_from_slice(&v);
                    }
                    other => {
                        let (slope, intercept) = if apply { (slope, intercept) } else { (1.0, 0.0) };
                        let mut place = place.iter_mut();
                        other.each(|v| {
                            if let Some(place) = place.next() {
                                *place = (v * slope + intercept) as $t;
                            }
                        });
                    }
                });
                Samples::$kind(all)
            }};
        }
        match self {
            Self::U8 => join!(U8, u8),
            Self::I8 => join!(I8, i8),
            Self::I16 => join!(I16, i16),
            Self::U16 => join!(U16, u16),
            Self::I32 => join!(I32, i32),
            Self::U32 => join!(U32, u32),
            Self::F32 => join!(F32, f32),
            Self::F64 => join!(F64, f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(values: Vec<u16>, rescale: [f64; 2]) -> Plane {
        Plane { values: Values::Grey(Samples::U16(values)), rescale }
    }

    #[test]
    fn whole_rescales_are_applied_and_stay_integers() {
        let planes = vec![plane(vec![0, 24], [1.0, -1024.0]), plane(vec![4095, 1], [2.0, -1024.0])];
        let whole = unify(planes, 2);
        assert_eq!(whole, Ok((Voxels::Grey(Samples::I16(vec![-1024, -1000, 7166, -1022])), 1.0, 0.0)));
    }

    #[test]
    fn a_fraction_in_common_stays_a_slope() {
        let planes = vec![plane(vec![0, 2], [0.25, 1.0]), plane(vec![3, 4], [0.25, 1.0])];
        assert_eq!(unify(planes, 2), Ok((Voxels::Grey(Samples::U16(vec![0, 2, 3, 4])), 0.25, 1.0)));
    }

    #[test]
    fn fractions_that_differ_become_real_values() {
        let planes = vec![plane(vec![0, 2], [0.25, 1.0]), plane(vec![3, 4], [0.5, 0.0])];
        assert_eq!(unify(planes, 2), Ok((Voxels::Grey(Samples::F32(vec![1.0, 1.5, 1.5, 2.0])), 1.0, 0.0)));
        assert_eq!(unify(vec![plane(vec![1], [1.0, 0.0])], 2), Err(VolumeError::Mixed));
    }
}
