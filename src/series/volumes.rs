//! Dividing the frames of a stack, whose positions repeat, into volumes.

use super::VolumeReason;
use super::cluster::cluster;
use super::moment::{Told, compare};
use super::order::{Along, Facts, Slot};
use super::split::number;
use crate::model::Frame;

/// Which volume each slot belongs to.
#[derive(Debug, Clone)]
pub struct Division {
    /// Volume from 0, for each slot.
    pub volume: Vec<usize>,
    /// How many.
    pub count: usize,
    /// What tells them apart.
    pub reason: Option<VolumeReason>,
}

/// Divides slots so that no volume holds a position twice: by the first attribute that leaves no holes, else by the
/// moment, else by the attribute that leaves fewest, else by the order of instance numbers. Volumes come in the order
/// of time.
pub fn divide(facts: Facts<'_>, slots: &[Slot], along: &Along, told: &Told) -> Division {
    if !along.repeats() {
        return Division { volume: vec![0; slots.len()], count: 1, reason: None };
    }
    let by_moment = occurrences(facts, slots, along, told);
    let fewest = by_moment.iter().max().map_or(1, |m| m + 1);
    let mut best: Option<(VolumeReason, Vec<usize>, usize)> = None;
    for (reason, keys) in candidates(facts, slots) {
        let count = keys.iter().max().map_or(1, |m| m + 1);
        let better = best.as_ref().is_none_or(|(_, _, known)| count < *known);
        if better && is_free_of_repeats(&keys, along) {
            best = Some((reason, keys, count));
        }
        if best.as_ref().is_some_and(|(_, _, count)| *count == fewest) {
            break;
        }
    }
    let comes_out_even = fewest * along.positions == slots.len();
    match (best, told.whole()) {
        (Some((reason, keys, count)), _) if count == fewest => {
            Division { volume: in_time(facts, slots, &keys, told), count, reason: Some(reason) }
        }
        // The moment differs from position to position: the first at each make the first volume.
        (_, Some(moment)) if comes_out_even => {
            Division { volume: by_moment, count: fewest, reason: Some(moment.reason()) }
        }
        // An attribute that divides further than need be is believed only if a count of instances does not come out
        // even either: then it says which positions are missing where.
        (Some((reason, keys, count)), _) if !comes_out_even && count <= fewest + 1 => {
            Division { volume: in_time(facts, slots, &keys, told), count, reason: Some(reason) }
        }
        _ => Division { volume: by_moment, count: fewest, reason: Some(VolumeReason::InstanceNumber) },
    }
}

/// The attributes that can tell volumes apart, each as numbers of the slots.
fn candidates<'a>(
    facts: Facts<'a>,
    slots: &'a [Slot],
) -> impl Iterator<Item = (VolumeReason, Vec<usize>)> + 'a {
    use VolumeReason as R;
    let key =
        move |f: fn(Facts<'a>, Slot) -> i64| -> Vec<usize> { number(slots.iter().map(|s| f(facts, *s))) };
    let temporal = move || key(|f, s| f.frame(s).temporal_position.map_or(i64::MIN, i64::from));
    let acquisition = move || key(|f, s| f.frame(s).acquisition_number.map_or(i64::MIN, i64::from));
    let phase = move || key(|f, s| thousandths(phase_of(f.frame(s))));
    let diffusion = move || diffusion(facts, slots);
    let pair = |a: Vec<usize>, b: Vec<usize>| number(a.into_iter().zip(b));
    let makers: [Box<dyn Fn() -> (R, Vec<usize>) + 'a>; 12] = [
        Box::new(move || (R::Segment, key(|f, s| f.frame(s).segment.map_or(i64::MIN, i64::from)))),
        Box::new(move || (R::TemporalPosition, temporal())),
        Box::new(move || (R::Diffusion, diffusion())),
        Box::new(move || (R::Diffusion, pair(temporal(), diffusion()))),
        Box::new(move || (R::Phase, phase())),
        Box::new(move || (R::Phase, pair(temporal(), phase()))),
        Box::new(move || (R::Acquisition, acquisition())),
        Box::new(move || (R::Diffusion, pair(diffusion(), acquisition()))),
        Box::new(move || (R::Phase, pair(acquisition(), phase()))),
        Box::new(move || (R::Instance, key(|_, s| i64::from(s.instance)))),
        Box::new(move || (R::AcquisitionTime, key(|f, s| thousandths(f.frame(s).acquired_s)))),
        Box::new(move || (R::ContentTime, key(|f, s| thousandths(f.frame(s).content_s)))),
    ];
    makers.into_iter().map(|make| make())
}

/// Where in the cycle or after the injection a frame is, as the file has it.
fn phase_of(frame: &Frame) -> Option<f64> {
    let cardiac = || frame.cardiac_percent.or(frame.cardiac_delay_ms);
    frame.trigger_ms.or(frame.frame_reference_ms).or_else(cardiac).or(frame.temporal_offset_s)
}

fn thousandths(value: Option<f64>) -> i64 {
    value.map_or(i64::MIN, |v| (v * 1000.0).round() as i64)
}

/// Weighting and direction; the direction means nothing where the weighting is zero.
pub fn diffusion(facts: Facts<'_>, slots: &[Slot]) -> Vec<usize> {
    let vectors: Vec<[f64; 4]> = slots
        .iter()
        .map(|s| {
            let frame = facts.frame(*s);
            let b = frame.b_value.unwrap_or(-1.0);
            let d = frame.b_direction.filter(|_| b > 0.0).unwrap_or([0.0; 3]);
            // Weightings are compared in units of ten, directions in parts of one.
            [b / 10.0, d[0], d[1], d[2]]
        })
        .collect();
    cluster(&vectors, 0.01)
}

fn is_free_of_repeats(keys: &[usize], along: &Along) -> bool {
    let mut seen = std::collections::HashSet::with_capacity(keys.len());
    keys.iter().zip(&along.rank).all(|(k, r)| seen.insert((*k, *r)))
}

/// How often the position of a slot occurred before it, in the order of time, and where nothing tells that of instance
/// numbers.
fn occurrences(facts: Facts<'_>, slots: &[Slot], along: &Along, told: &Told) -> Vec<usize> {
    let keys: Vec<Vec<f64>> = slots.iter().map(|s| told.key(facts.frame(*s))).collect();
    let mut order: Vec<usize> = (0..slots.len()).collect();
    order.sort_by(|&a, &b| {
        compare(&keys[a], &keys[b]).then_with(|| facts.number(slots[a]).cmp(&facts.number(slots[b])))
    });
    let (mut seen, mut volume) = (vec![0; along.positions], vec![0; slots.len()]);
    for i in order {
        volume[i] = seen[along.rank[i]];
        seen[along.rank[i]] += 1;
    }
    volume
}

/// Renumbers groups in the order of time: by the mean of each attribute that tells it, and where nothing does by the
/// number of the segment, else by the first instance number in each.
fn in_time(facts: Facts<'_>, slots: &[Slot], keys: &[usize], told: &Told) -> Vec<usize> {
    let count = keys.iter().max().map_or(0, |m| m + 1);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    keys.iter().enumerate().for_each(|(i, k)| members[*k].push(i));
    let mean = |group: &Vec<usize>| -> Vec<f64> {
        let each: Vec<Vec<f64>> = group.iter().map(|&i| told.key(facts.frame(slots[i]))).collect();
        let parts = each.first().map_or(0, Vec::len);
        (0..parts).map(|p| each.iter().map(|k| k[p]).sum::<f64>() / each.len() as f64).collect()
    };
    let moments: Vec<Vec<f64>> = members.iter().map(mean).collect();
    let first = |group: usize| {
        let number = |&i: &usize| (facts.frame(slots[i]).segment, facts.number(slots[i]));
        members[group].iter().map(number).min()
    };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| compare(&moments[a], &moments[b]).then_with(|| first(a).cmp(&first(b))));
    let mut place = vec![0; count];
    order.iter().enumerate().for_each(|(at, group)| place[*group] = at);
    keys.iter().map(|k| place[*k]).collect()
}
