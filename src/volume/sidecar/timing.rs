//! When volumes and slices were acquired.

use serde_json::{Map, Value};

use super::{Facts, put_all};
use crate::model::Frame;
use crate::model::geometry::dot;
use crate::series::{Slice, VolumeReason};

/// Times of slices are the same within this, in s.
const SAME_S: f64 = 5e-4;

/// Adds start and duration of every volume, where volumes follow one another in time.
pub fn add_frames(facts: &Facts<'_>, keys: &mut Map<String, Value>) {
    let stack = facts.stack;
    let in_time = !matches!(stack.volumes_by, Some(VolumeReason::Diffusion | VolumeReason::Segment));
    let Some(times) = stack.times.as_ref().filter(|t| in_time && !t.starts_s.is_empty()) else { return };
    put_all(keys, "FrameTimesStart", &times.starts_s);
    let first_of = stack.slices.iter().step_by(stack.depth().max(1));
    let declared: Option<Vec<f64>> =
        first_of.map(|s| frame(facts, s)?.duration_ms.map(|ms| ms / 1000.0)).collect();
    let steps: Vec<f64> = times.starts_s.windows(2).map(|w| w[1] - w[0]).collect();
    let last = steps.last().copied().unwrap_or(0.0);
    let until_next = || match stack.common.repetition_s() {
        Some(tr) if steps.iter().all(|s| tr <= s * 1.01) => vec![tr; times.starts_s.len()],
        _ => steps.iter().copied().chain([last]).collect(),
    };
    put_all(keys, "FrameDuration", &declared.unwrap_or_else(until_next));
}

fn frame<'f>(facts: &Facts<'f>, slice: &Slice) -> Option<&'f Frame> {
    facts.series.header_of(slice)?.frame(slice.frame.saturating_sub(1))
}

/// Seconds after the first at which each slice of the first volume was acquired, in the order of the image's slices:
/// from the times of a mosaic, those of its slices, or the order in which the scanner says that it took them.
pub fn slice_timing(facts: &Facts<'_>) -> Option<Vec<f64>> {
    let stack = facts.stack;
    let depth = stack.depth();
    let slices = stack.slices.get(..depth).filter(|s| s.len() > 1)?;
    if stack.common.acquisition_type.as_deref() == Some("3D") {
        return None;
    }
    let found = if stack.common.mosaic.is_some() {
        let times = super::siemens::mosaic_times_s(facts)?;
        slices.iter().map(|s| times.get(s.frame.saturating_sub(1) as usize).copied()).collect()
    } else {
        of_slices(facts, slices).or_else(|| ge_order(facts, slices))
    };
    let mut times: Vec<f64> = found?;
    let first = times.iter().copied().fold(f64::INFINITY, f64::min);
    times.iter_mut().for_each(|t| *t -= first);
    // The slices of the image may run the other way, or not be slices of the scan at all.
    let (own, scan) = (facts.volume.grid.slice_mm, stack.grid?.slice_mm);
    let along = dot(own, scan) / (dot(own, own) * dot(scan, scan)).sqrt();
    if facts.volume.grid.shape[2] as usize != depth || along.abs() < 0.999 {
        return None;
    }
    if along < 0.0 {
        times.reverse();
    }
    Some(times)
}

/// From the acquisition time of each slice, where they differ within one repetition.
fn of_slices(facts: &Facts<'_>, slices: &[Slice]) -> Option<Vec<f64>> {
    let times: Vec<f64> = slices.iter().map(|s| frame(facts, s)?.acquired_s).collect::<Option<_>>()?;
    let (least, most) =
        times.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), t| (l.min(*t), m.max(*t)));
    let repetition = facts.stack.common.repetition_s()?;
    let echo_planar =
        facts.stack.common.scanning_sequence.as_deref().is_some_and(|s| s.split('\\').any(|v| v == "EP"));
    (echo_planar && most - least > SAME_S && most - least < repetition).then_some(times)
}

/// GE says whether slices were taken one after the other or every second first; they are numbered as they lie.
fn ge_order(facts: &Facts<'_>, slices: &[Slice]) -> Option<Vec<f64>> {
    let protocol = crate::dicom::ge::protocol(facts.set)?;
    let interleaved = match protocol.number("SLICEORDER")? as i32 {
        0 => false,
        1 => true,
        _ => return None,
    };
    let repetition = facts.stack.common.repetition_s()?;
    let delay = protocol.number("DELACQNOAV").filter(|d| *d > 0.0).unwrap_or(0.0);
    let bands = protocol.number("MBACCEL").filter(|n| *n > 1.0).unwrap_or(1.0) as usize;
    let excitations = slices.len().div_ceil(bands);
    let each = (repetition - delay) / excitations as f64;
    let mut numbers: Vec<(i32, usize)> = Vec::with_capacity(slices.len());
    for (at, slice) in slices.iter().enumerate() {
        numbers.push((facts.series.header_of(slice)?.instance_number?, at));
    }
    numbers.sort_unstable();
    let mut times = vec![0.0; slices.len()];
    for (order, (_, at)) in numbers.into_iter().enumerate() {
        let place = order % excitations;
        let turn = match (interleaved, place % 2) {
            (false, _) => place,
            (true, 0) => place / 2,
            (true, _) => excitations.div_ceil(2) + place / 2,
        };
        times[at] = each * turn as f64;
    }
    Some(times)
}

/// How many slices were taken at once: those of the moment of the first; `None` where it was one.
pub fn bands(times: &[f64]) -> Option<f64> {
    let first = times.iter().copied().fold(f64::INFINITY, f64::min);
    let together = times.iter().filter(|t| **t - first < SAME_S).count();
    (together > 1).then_some(together as f64)
}

/// The code that NIfTI has for an order of slices (`nifti1.h`, NIFTI_SLICE_*), 0 where it has none.
pub fn slice_code(times: &[f64]) -> u8 {
    let n = times.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
    let distinct = order.windows(2).all(|w| times[w[1]] - times[w[0]] > SAME_S);
    if n < 2 || !distinct {
        return 0;
    }
    let upwards = |first: usize| (first..n).step_by(2).chain(((1 - first)..n).step_by(2));
    let is = |wanted: &mut dyn Iterator<Item = usize>| wanted.eq(order.iter().copied());
    let mirrored = |first: usize| upwards(first).map(move |i| n - 1 - i);
    match () {
        () if is(&mut (0..n)) => 1,
        () if is(&mut (0..n).rev()) => 2,
        () if is(&mut upwards(0)) => 3,
        () if is(&mut mirrored(0)) => 4,
        () if is(&mut upwards(1)) => 5,
        () if is(&mut mirrored(1)) => 6,
        () => 0,
    }
}
