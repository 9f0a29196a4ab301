//! Headers in, series out.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::moment::{Times, Told};
use super::order::{Along, Facts, Slot};
use super::split::{Part, split};
use super::volumes::divide;
use super::{Duplicate, Gap, Hole, Instance, Series, Slice, Stack};
use crate::model::geometry::{Grid, Vec3, add, norm, scale, sub};
use crate::model::{Frame, Header};

/// From so many series on they are assembled on all cores.
const MANY: usize = 64;

/// Groups headers by Series Instance UID, joins files of one instance, splits and orders each series. Series come in
/// the order of their study and series UIDs.
pub fn assemble(headers: impl IntoIterator<Item = Header>) -> Vec<Series> {
    let mut groups: BTreeMap<(Option<Arc<str>>, Option<Arc<str>>), Vec<Header>> = BTreeMap::new();
    for header in headers {
        let series = header.common.series_uid.clone();
        // Without a UID only the study holds instances together.
        let study = if series.is_none() { header.common.study_uid.clone() } else { None };
        groups.entry((series, study)).or_default().push(header);
    }
    let groups: Vec<Vec<Header>> = groups.into_values().collect();
    let mut series: Vec<Series> = if groups.len() < MANY {
        groups.into_iter().map(of_headers).collect()
    } else {
        groups.into_par_iter().map(of_headers).collect()
    };
    series.sort_by(|a, b| (&a.study_uid, &a.series_uid).cmp(&(&b.study_uid, &b.series_uid)));
    series
}

/// One series from its headers.
fn of_headers(headers: Vec<Header>) -> Series {
    let instances = join_copies(headers);
    let every = || instances.iter().map(|i| &i.header.common);
    let mut study_uids: Vec<Arc<str>> = every().filter_map(|c| c.study_uid.clone()).collect();
    study_uids.sort();
    study_uids.dedup();
    let nothing = Frame::default();
    let facts = Facts::new(&instances, &nothing);
    let parts = split(facts, facts.slots());
    let mut counted = vec![false; instances.len()];
    let stacks = parts.iter().map(|part| stack(facts, part, &mut counted)).collect();
    Series {
        series_uid: every().next().and_then(|c| c.series_uid.clone()),
        study_uid: study_uids.first().cloned(),
        study_uids,
        stacks,
        instances,
    }
}

/// Joins files with the same SOP Instance UID; files without one stay alone.
fn join_copies(mut headers: Vec<Header>) -> Vec<Instance> {
    headers.sort_by(|a, b| (&a.sop_uid, preference(a)).cmp(&(&b.sop_uid, preference(b))));
    let mut instances: Vec<Instance> = Vec::with_capacity(headers.len());
    for header in headers {
        match instances.last_mut().filter(|i| i.header.sop_uid == header.sop_uid && header.sop_uid.is_some())
        {
            Some(known) => known.copies.push(Duplicate {
                source: header.source,
                same_header: header.header_digest == known.header.header_digest,
                same_pixels: same_pixels(&known.header, &header),
            }),
            None => instances.push(Instance { header, copies: Vec::new() }),
        }
    }
    instances
}

/// Of several files of one instance the first in this order is the one to build from: the caller's rank, then whole,
/// decodable, without loss, native; then by pixels and numbers, which are the same under any secret.
fn preference(header: &Header) -> impl Ord {
    let syntax = &*header.common.transfer_syntax;
    let is_native = matches!(
        syntax,
        "1.2.840.10008.1.2" | "1.2.840.10008.1.2.1" | "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.2"
    );
    let is_lossy = header.common.lossy || LOSSY.contains(&syntax);
    // Where pixels are compared, those without a digest cannot be decoded.
    let kept = (header.truncated, header.pixel_digest.is_none(), is_lossy, !is_native);
    (header.rank, kept, header.pixel_digest, header.numbers_digest, header.header_digest, header.source)
}

/// Transfer syntaxes that always lose something.
const LOSSY: [&str; 5] = [
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
];

/// Digests of compressed pixels differ between syntaxes without the pixels being different.
fn same_pixels(a: &Header, b: &Header) -> Option<bool> {
    let as_stored = !a.pixels_decoded && !b.pixels_decoded;
    let native = a.pixel_bytes.is_some() && b.pixel_bytes.is_some();
    let comparable = (a.pixels_decoded && b.pixels_decoded)
        || (as_stored && (native || a.common.transfer_syntax == b.common.transfer_syntax));
    if a.frame_count == 0 && b.frame_count == 0 {
        return Some(true);
    }
    let digests = a.pixel_digest.zip(b.pixel_digest)?;
    if comparable {
        return Some(digests.0 == digests.1);
    }
    None
}

fn stack(facts: Facts<'_>, part: &Part, counted: &mut [bool]) -> Stack {
    let has_positions = part.slots.first().is_some_and(|s| facts.position(*s).is_some());
    let mut stack =
        if has_positions { with_grid(facts, &part.slots) } else { without_grid(facts, &part.slots) };
    stack.split_by.clone_from(&part.reasons);
    for slot in &part.slots {
        if !std::mem::replace(&mut counted[slot.instance as usize], true) {
            stack.instances += 1;
        }
    }
    stack
}

/// Frames without positions: in the order of instance numbers.
fn without_grid(facts: Facts<'_>, slots: &[Slot]) -> Stack {
    let mut slots = slots.to_vec();
    slots.sort_by_key(|s| facts.number(*s));
    let slices = slots.iter().filter(|s| s.run > 0).map(|s| slice(facts, *s)).collect();
    let frames = slots.iter().map(|s| s.run).fold(0, u32::saturating_add);
    Stack { slices, frames, ..empty(facts, slots.first().copied()) }
}

/// What a stack says before anything was sorted.
fn empty(facts: Facts<'_>, first: Option<Slot>) -> Stack {
    let frame = first.map(|s| facts.frame(s));
    Stack {
        common: first.map(|s| Arc::clone(&facts.header(s).common)).unwrap_or_default(),
        instances: 0,
        frames: 0,
        split_by: Vec::new(),
        image_type: frame.and_then(|f| f.image_type.clone()),
        grid: None,
        orientation: frame.and_then(|f| f.orientation),
        spacing_mm: frame.and_then(|f| f.spacing_mm),
        spacing_source: frame.map(|f| f.spacing_source).unwrap_or_default(),
        slice_spacing_mm: None,
        volumes: None,
        volumes_by: None,
        times: None,
        slices: Vec::new(),
        gaps: Vec::new(),
        holes: Vec::new(),
        off_line_mm: 0.0,
    }
}

/// Frames with positions: sorted along the normal, volume by volume.
fn with_grid(facts: Facts<'_>, slots: &[Slot]) -> Stack {
    let along = Along::of(facts, slots);
    let told = Told::of(facts, slots, &along);
    let division = divide(facts, slots, &along, &told);
    let mut order: Vec<usize> = (0..slots.len()).collect();
    order.sort_by_key(|&i| (division.volume[i], along.rank[i]));
    // The first slot at each position stands for it.
    let mut at: Vec<Option<usize>> = vec![None; along.positions];
    for &i in &order {
        at[along.rank[i]].get_or_insert(i);
    }
    let at: Vec<usize> = at.into_iter().flatten().collect();
    let positions: Vec<Vec3> = at.iter().filter_map(|&i| facts.position(slots[i])).collect();
    let mm: Vec<f64> = at.iter().map(|&i| along.mm[i]).collect();
    let first = order.first().map(|&i| slots[i]);
    let mut stack = empty(facts, first);
    stack.slices = order.iter().map(|&i| slice(facts, slots[i])).collect();
    stack.frames = frames(facts, slots);
    stack.volumes = Some(division.count as u32);
    stack.volumes_by = division.reason;
    if division.count > 1 {
        let mut volumes = vec![Vec::new(); division.count];
        slots.iter().zip(&division.volume).for_each(|(slot, v)| volumes[*v].push(*slot));
        stack.times = Times::of(facts, &volumes, &told);
    }
    stack.holes = holes((&division.volume, division.count), &order, &along, &mm, |i| slice(facts, slots[i]));
    stack.off_line_mm = off_line(&positions, &mm);
    let steps: Vec<f64> = mm.windows(2).map(|w| w[1] - w[0]).collect();
    if let Some(expected) = median(&steps) {
        stack.slice_spacing_mm = Some(expected);
        let name = |i: usize| slice(facts, slots[at[i]]);
        stack.gaps = gaps(&steps, expected, &mm, name);
    } else {
        stack.slice_spacing_mm = stack.common.spacing_between_slices_mm.or(stack.common.slice_thickness_mm);
    }
    stack.grid = grid(&stack, &positions);
    stack
}

/// Frames as the files count them: the tiles of a mosaic are one.
fn frames(facts: Facts<'_>, slots: &[Slot]) -> u32 {
    let counts = |s: &&Slot| facts.header(**s).common.mosaic.is_none() || s.frame == 0;
    slots.iter().filter(counts).count() as u32
}

/// The grid: orientation × spacing, and from the first position to the last.
fn grid(stack: &Stack, positions: &[Vec3]) -> Option<Grid> {
    let (o, [rows_mm, columns_mm]) = (stack.orientation?, stack.spacing_mm?);
    let (first, last) = (*positions.first()?, *positions.last()?);
    let slice_mm = match positions.len() {
        1 => scale(o.normal(), stack.slice_spacing_mm.unwrap_or(1.0)),
        n => scale(sub(last, first), 1.0 / (n - 1) as f64),
    };
    let shape = [stack.common.columns?, stack.common.rows?, positions.len() as u32];
    Grid::new(shape, scale(o.row, columns_mm), scale(o.column, rows_mm), slice_mm, first)
}

fn slice(facts: Facts<'_>, slot: Slot) -> Slice {
    let header = facts.header(slot);
    let several = header.frame_count > 1 || header.common.mosaic.is_some();
    Slice {
        uid: header.sop_uid.clone().unwrap_or_else(|| "".into()),
        frame: if several { slot.frame + 1 } else { 0 },
        instance: slot.instance,
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Steps that differ from the median by more than 1 % and a hundredth of a millimetre.
fn gaps(steps: &[f64], expected_mm: f64, mm: &[f64], name: impl Fn(usize) -> Slice) -> Vec<Gap> {
    let tolerance = (0.01 * expected_mm).max(0.01);
    let differs = |(_, step): &(usize, &f64)| (*step - expected_mm).abs() > tolerance;
    let gap = |(i, step): (usize, &f64)| Gap {
        after: name(i),
        before: name(i + 1),
        step_mm: *step,
        expected_mm,
        at_mm: mm[i],
    };
    steps.iter().enumerate().filter(differs).map(gap).collect()
}

/// Positions that volumes lack; at most a thousand are listed.
///
/// `order` has the slots volume by volume along the normal.
fn holes(
    (volume, count): (&[usize], usize),
    order: &[usize],
    along: &Along,
    mm: &[f64],
    name: impl Fn(usize) -> Slice,
) -> Vec<Hole> {
    if volume.len() == count * along.positions {
        return Vec::new();
    }
    let mut filled = std::collections::HashSet::with_capacity(volume.len());
    filled.extend(volume.iter().copied().zip(along.rank.iter().copied()));
    let every = (0..count).flat_map(|v| (0..along.positions).map(move |r| (v, r)));
    every
        .filter(|at| !filled.contains(at))
        .take(1000)
        .map(|(v, r)| {
            let next = order.partition_point(|&i| (volume[i], along.rank[i]) < (v, r));
            let neighbours = [next.checked_sub(1), Some(next)].into_iter().flatten();
            let beside = neighbours.filter_map(|at| order.get(at).copied()).find(|&i| volume[i] == v);
            Hole { volume: v as u32 + 1, at_mm: mm[r], beside: beside.map(&name) }
        })
        .collect()
}

/// How far positions lie off the line from the first to the last.
fn off_line(positions: &[Vec3], mm: &[f64]) -> f64 {
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else { return 0.0 };
    let length = mm.last().unwrap_or(&0.0) - mm.first().unwrap_or(&0.0);
    if positions.len() < 3 || length <= 0.0 {
        return 0.0;
    }
    let whole = sub(*last, *first);
    let off = |(p, at): (&Vec3, &f64)| norm(sub(*p, add(*first, scale(whole, (at - mm[0]) / length))));
    positions.iter().zip(mm).map(off).fold(0.0, f64::max)
}
