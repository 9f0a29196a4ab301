//! Splitting of a series into stacks.

use std::collections::BTreeMap;

use super::SplitReason;
use super::cluster::{cluster, ranks};
use super::moment::Moment;
use super::order::{Along, Facts, Slot};
use super::volumes::diffusion;
use crate::model::Frame;
use crate::model::geometry::{dot, sub};

/// Pixel spacing and orientation agree within this.
const TOLERANCE: f64 = 1e-3;
/// Inversion times, angles and tube voltages agree within this.
const PARAMETER_TOLERANCE: f64 = 0.05;
/// Echo times agree within this.
const ECHO_TOLERANCE_MS: f64 = 0.01;
/// Places within a plane agree within this.
const IN_PLANE_TOLERANCE_MM: f64 = 0.1;

/// Slots of one stack, and why they are one.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The slots.
    pub slots: Vec<Slot>,
    /// What tells it from other parts of the series.
    pub reasons: Vec<SplitReason>,
}

/// Splits by matrix, position, spacing and orientation; by what makes two slices different images wherever they lie;
/// and where positions repeat by what else can tell frames apart. Parts come in the order of their first instance
/// numbers, what repeats in time in the order of time.
pub fn split(facts: Facts<'_>, slots: Vec<Slot>) -> Vec<Part> {
    let whole = vec![Part { slots, reasons: Vec::new() }];
    let parts = divide_all(whole, SplitReason::Matrix, |slots| {
        keys(slots, |s| {
            let common = &facts.header(s).common;
            (s.run > 0, common.rows, common.columns, common.pixel.samples)
        })
    });
    let parts =
        divide_all(parts, SplitReason::Position, |slots| keys(slots, |s| facts.position(s).is_some()));
    let parts = divide_all(parts, SplitReason::PixelSpacing, |slots| {
        let spacing = |s: &Slot| facts.frame(*s).spacing_mm.unwrap_or([-1.0; 2]);
        cluster(&slots.iter().map(spacing).collect::<Vec<_>>(), TOLERANCE)
    });
    let parts = divide_all(parts, SplitReason::Orientation, |slots| {
        let orientation = |s: &Slot| facts.frame(*s).orientation.map_or([0.0; 6], <[f64; 6]>::from);
        cluster(&slots.iter().map(orientation).collect::<Vec<_>>(), TOLERANCE)
    });
    let mut parts: Vec<Part> = parts.into_iter().flat_map(|part| split_kinds(facts, part)).collect();
    parts.sort_by_cached_key(|p| {
        p.slots.iter().map(|s| facts.number(*s)).min().map(|(n, d, u, f, s)| (n, d, u.to_string(), f, s))
    });
    parts.into_iter().flat_map(|part| split_repeats(facts, part)).collect()
}

/// When an attribute splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Wherever it differs: such slices are different images.
    Differs,
    /// Where one position holds several values.
    Repeats,
    /// Where no position holds several values; where one does, they are volumes on one grid.
    Apart,
}

type Telling = (SplitReason, When, fn(Facts<'_>, &[Slot]) -> Vec<usize>);

/// How slots of one plane can differ, in the order in which it is tried.
const KINDS: [Telling; 9] = [
    (SplitReason::InPlanePosition, When::Repeats, in_plane),
    (SplitReason::Echo, When::Differs, |facts, slots| {
        let times = numbers(facts, slots, |f| f.echo_time_ms, ECHO_TOLERANCE_MS);
        let numbers: Vec<_> = slots.iter().map(|s| facts.frame(*s).echo_number).collect();
        number(times.into_iter().zip(numbers))
    }),
    (SplitReason::ImageType, When::Differs, |facts, slots| {
        keys(slots, |s| facts.frame(s).image_type.clone())
    }),
    (SplitReason::Kernel, When::Differs, |facts, slots| keys(slots, |s| facts.frame(s).kernel.clone())),
    (SplitReason::Kvp, When::Differs, |facts, slots| numbers(facts, slots, |f| f.kvp, PARAMETER_TOLERANCE)),
    (SplitReason::FlipAngle, When::Differs, |facts, slots| {
        numbers(facts, slots, |f| f.flip_degrees, PARAMETER_TOLERANCE)
    }),
    (SplitReason::Detector, When::Differs, |facts, slots| keys(slots, |s| facts.frame(s).counters.clone())),
    (SplitReason::Diffusion, When::Apart, diffusion),
    (SplitReason::InversionTime, When::Repeats, |facts, slots| {
        numbers(facts, slots, |f| f.inversion_time_ms, PARAMETER_TOLERANCE)
    }),
];

/// What repeats in time.
const REPEATS: [Telling; 3] = [
    (SplitReason::StackId, When::Repeats, |facts, slots| keys(slots, |s| facts.frame(s).stack.clone())),
    (SplitReason::ContrastPhase, When::Differs, |facts, slots| {
        if repeats_in_time(facts, slots) {
            return vec![0; slots.len()];
        }
        keys(slots, |s| facts.frame(s).contrast.clone())
    }),
    (SplitReason::Acquisition, When::Repeats, acquisitions),
];

fn split_kinds(facts: Facts<'_>, part: Part) -> Vec<Part> {
    let mut parts = vec![part];
    for telling in KINDS {
        parts = divide_by(facts, parts, telling);
    }
    parts
}

fn split_repeats(facts: Facts<'_>, part: Part) -> Vec<Part> {
    let mut parts = vec![part];
    for telling in REPEATS {
        parts = divide_by(facts, parts, telling);
    }
    in_time(facts, parts)
}

/// Divides parts by one attribute, where it is to split them. Slots without a position stay together.
fn divide_by(facts: Facts<'_>, parts: Vec<Part>, (reason, when, telling): Telling) -> Vec<Part> {
    divide_all(parts, reason, |slots| {
        let whole = vec![0; slots.len()];
        if slots.first().is_none_or(|s| facts.position(*s).is_none()) {
            return whole;
        }
        let along = Along::of(facts, slots);
        if when == When::Repeats && !along.repeats() {
            return whole;
        }
        let keys = telling(facts, slots);
        let splits = match when {
            When::Differs => true,
            When::Repeats => along.repeats_across(&keys),
            When::Apart => !along.repeats_across(&keys),
        };
        if splits { keys } else { whole }
    })
}

/// Parts in the order of time, where an attribute that tells it differs between them; else as they are.
fn in_time(facts: Facts<'_>, mut parts: Vec<Part>) -> Vec<Part> {
    if let Some(moment) = Moment::between(facts, parts.iter().map(|p| &*p.slots)) {
        parts.sort_by(|a, b| {
            let first = |p: &Part| moment.first_of(facts, &p.slots).unwrap_or(f64::NEG_INFINITY);
            first(a).total_cmp(&first(b))
        });
    }
    parts
}

/// Acquisitions that repeat a position are stacks of their own; those that continue one another are one.
fn acquisitions(facts: Facts<'_>, slots: &[Slot]) -> Vec<usize> {
    let along = Along::of(facts, slots);
    let number = |s: &Slot| facts.frame(*s).acquisition_number;
    let numbers: Vec<_> = slots.iter().map(number).collect();
    if !along.repeats() || !along.repeats_across(&numbers) || repeats_in_time(facts, slots) {
        return vec![0; slots.len()];
    }
    let mut members: BTreeMap<Option<i32>, Vec<usize>> = BTreeMap::new();
    numbers.iter().enumerate().for_each(|(i, n)| members.entry(*n).or_default().push(i));
    let (mut groups, mut group) = (vec![0; slots.len()], 0);
    let mut taken = vec![usize::MAX; along.positions];
    for indices in members.values() {
        if indices.iter().any(|&i| taken[along.rank[i]] == group) {
            group += 1;
        }
        for &i in indices {
            taken[along.rank[i]] = group;
            groups[i] = group;
        }
    }
    groups
}

/// Whether the frames say that their repetition is one in time or in diffusion weighting.
fn repeats_in_time(facts: Facts<'_>, slots: &[Slot]) -> bool {
    let differs = |key: &dyn Fn(&Frame) -> Option<i64>| {
        let mut seen = slots.iter().map(|s| key(facts.frame(*s)));
        let first = seen.next().flatten();
        first.is_some() && seen.any(|k| k.is_some() && k != first)
    };
    let Some(common) = slots.first().map(|s| &facts.header(*s).common) else { return false };
    differs(&|f| f.temporal_position.map(i64::from))
        || repeats_in_the_cycle(facts, slots)
        || differs(&|f| f.b_value.map(|b| b.round() as i64))
        || differs(&|f| f.b_direction.map(|d| (d[0] * 500.0).round() as i64 * 4096 + (d[1] * 500.0).round() as i64))
        || common.temporal_positions.is_some_and(|n| n > 1)
        || common.number_of_time_slices.is_some_and(|n| n > 1)
        || common.series_type.as_deref().is_some_and(|t| t.starts_with("DYNAMIC") || t.starts_with("GATED"))
        // Echo-planar imaging is functional or diffusion imaging: its acquisition numbers count volumes.
        || common.scanning_sequence.as_deref().is_some_and(|s| s.split('\\').any(|v| v == "EP"))
}

/// Whether one position holds several moments of a cycle.
fn repeats_in_the_cycle(facts: Facts<'_>, slots: &[Slot]) -> bool {
    let phase = |s: &Slot| {
        let frame = facts.frame(*s);
        frame.trigger_ms.or(frame.cardiac_percent).or(frame.cardiac_delay_ms).map(|t| (t * 1e3) as i64)
    };
    let keys: Vec<_> = slots.iter().map(phase).collect();
    Along::of(facts, slots).repeats_across(&keys)
}

/// Where a position along the normal holds images at different places of the plane, the places.
fn in_plane(facts: Facts<'_>, slots: &[Slot]) -> Vec<usize> {
    let Some((o, first)) =
        slots.first().and_then(|s| Some((facts.frame(*s).orientation?, facts.position(*s)?)))
    else {
        return vec![0; slots.len()];
    };
    let places: Vec<[f64; 2]> = slots
        .iter()
        .map(|s| {
            facts.position(*s).map_or([0.0; 2], |p| [dot(sub(p, first), o.row), dot(sub(p, first), o.column)])
        })
        .collect();
    let along = Along::of(facts, slots);
    let mut at: Vec<Option<[f64; 2]>> = vec![None; along.positions];
    let differ = along.rank.iter().zip(&places).any(|(&r, place)| {
        let known = *at[r].get_or_insert(*place);
        known.iter().zip(place).any(|(a, b)| (a - b).abs() > IN_PLANE_TOLERANCE_MM)
    });
    if differ { cluster(&places, IN_PLANE_TOLERANCE_MM) } else { vec![0; slots.len()] }
}

/// Divides each part by the keys of its slots, and notes the reason where that gives several.
fn divide_all(parts: Vec<Part>, reason: SplitReason, key: impl Fn(&[Slot]) -> Vec<usize>) -> Vec<Part> {
    let mut out = Vec::with_capacity(parts.len());
    for part in parts {
        let keys = key(&part.slots);
        if keys.windows(2).all(|w| w[0] == w[1]) {
            out.push(part);
            continue;
        }
        let mut divided: BTreeMap<usize, Vec<Slot>> = BTreeMap::new();
        part.slots.iter().zip(keys).for_each(|(slot, k)| divided.entry(k).or_default().push(*slot));
        for slots in divided.into_values() {
            let mut reasons = part.reasons.clone();
            reasons.push(reason);
            out.push(Part { slots, reasons });
        }
    }
    out
}

/// Numbers the distinct keys of slots.
fn keys<K: Ord>(slots: &[Slot], key: impl Fn(Slot) -> K) -> Vec<usize> {
    number(slots.iter().map(|s| key(*s)))
}

/// Numbers distinct keys in ascending order.
pub fn number<K: Ord>(keys: impl IntoIterator<Item = K>) -> Vec<usize> {
    let keys: Vec<K> = keys.into_iter().collect();
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].cmp(&keys[b]));
    let (mut numbers, mut next) = (vec![0; keys.len()], 0);
    for (i, &at) in order.iter().enumerate() {
        if i > 0 && keys[order[i - 1]] != keys[at] {
            next += 1;
        }
        numbers[at] = next;
    }
    numbers
}

/// Numbers the distinct values of a parameter, within tolerance; absent is a value of its own.
fn numbers(
    facts: Facts<'_>,
    slots: &[Slot],
    value: impl Fn(&Frame) -> Option<f64>,
    tolerance: f64,
) -> Vec<usize> {
    let values: Vec<f64> = slots.iter().map(|s| value(facts.frame(*s)).unwrap_or(-1e6)).collect();
    ranks(&values, tolerance).0
}
