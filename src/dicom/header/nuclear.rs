//! The slices of a reconstruction in nuclear medicine (PS3.3 C.8.4.8 and C.8.4.15): equidistant along the normal, gated
//! or not; vectors say which slice, time slot and interval each frame is.

use crate::dicom::DataSet;
use crate::model::geometry::{add, scale};
use crate::model::{Frame, Interner, Tag, tags};

const FRAME_TIME: Tag = Tag::new(0x0018, 0x1063);
const ENERGY_WINDOW_VECTOR: Tag = Tag::new(0x0054, 0x0010);
const DETECTOR_VECTOR: Tag = Tag::new(0x0054, 0x0020);
const PHASE_VECTOR: Tag = Tag::new(0x0054, 0x0030);
const ROTATION_VECTOR: Tag = Tag::new(0x0054, 0x0050);
const RR_INTERVAL_VECTOR: Tag = Tag::new(0x0054, 0x0060);
const GATED_INFORMATION: Tag = Tag::new(0x0054, 0x0062);
const DATA_INFORMATION: Tag = Tag::new(0x0054, 0x0063);
const TIME_SLOT_VECTOR: Tag = Tag::new(0x0054, 0x0070);
const SLICE_VECTOR: Tag = Tag::new(0x0054, 0x0080);
const NUMBER_OF_SLICES: Tag = Tag::new(0x0054, 0x0081);
/// What tells frames of one slice and one moment apart.
const OTHERS: [Tag; 4] = [ENERGY_WINDOW_VECTOR, DETECTOR_VECTOR, PHASE_VECTOR, ROTATION_VECTOR];
/// Frames whose positions are computed; real reconstructions stay far below.
const MAX_FRAMES: u32 = 16_384;

/// The frames of a reconstruction; `None` where the object is none, or does not say where its slices lie.
pub fn reconstruction(
    set: &DataSet<'_>,
    base: &Frame,
    count: u32,
    interner: &Interner,
) -> Option<Vec<Frame>> {
    let is = |kind: &str| set.ascii_values(tags::IMAGE_TYPE).any(|v| v == kind);
    let is_gated = is("RECON GATED TOMO");
    if count > MAX_FRAMES || !(is_gated || is("RECON TOMO")) {
        return None;
    }
    // The sign of Spacing Between Slices says to which side of the first image the others lie.
    let step = set
        .number(tags::SPACING_BETWEEN_SLICES)
        .or_else(|| set.number(tags::SLICE_THICKNESS))
        .filter(|step| *step != 0.0)?;
    let (position, normal) = (base.position_mm?, base.orientation?.normal());
    let vector = |tag| Some(set.numbers(tag)).filter(|v| v.len() == count as usize);
    let divides = |n: &f64| *n >= 1.0 && f64::from(count) % n == 0.0;
    let depth = set.number(NUMBER_OF_SLICES).filter(divides);
    let slices = match (vector(SLICE_VECTOR), depth) {
        (Some(slices), _) => slices.iter().map(|n| n - 1.0).collect::<Vec<f64>>(),
        (None, None) if is_gated => return None,
        (None, _) => (0..count).map(|i| f64::from(i) % depth.unwrap_or(f64::from(count))).collect(),
    };
    let slots = vector(TIME_SLOT_VECTOR);
    let intervals = vector(RR_INTERVAL_VECTOR);
    let others: Vec<Vec<f64>> = OTHERS.iter().filter_map(|tag| vector(*tag)).collect();
    let one_interval = intervals.as_ref().is_none_or(|v| v.iter().all(|n| *n == v[0]));
    let slot_s = frame_time_ms(set).filter(|_| one_interval).map(|ms| ms / 1000.0);
    let most_slots = slots.iter().flatten().copied().fold(1.0, f64::max);
    let frame = |i: usize| {
        let mut frame =
            Frame { position_mm: Some(add(position, scale(normal, step * slices[i]))), ..base.clone() };
        let by_order = (i as f64 / depth.unwrap_or(f64::from(count))).floor() + 1.0;
        let slot = slots.as_ref().map_or(by_order, |v| v[i]);
        if is_gated {
            let interval = intervals.as_ref().map_or(1.0, |v| v[i]);
            frame.temporal_position = Some(((interval - 1.0) * most_slots + slot) as i32);
            frame.temporal_offset_s = slot_s.map(|s| (slot - 1.0) * s);
        }
        if !others.is_empty() {
            let words: Vec<String> = others.iter().map(|v| v[i].to_string()).collect();
            frame.counters = Some(interner.text(&words.join("\\")));
        }
        frame
    };
    Some((0..count as usize).map(frame).collect())
}

/// Frame Time of the first gated interval.
fn frame_time_ms(set: &DataSet<'_>) -> Option<f64> {
    let interval = set.item(GATED_INFORMATION)?.item(DATA_INFORMATION)?;
    interval.number(FRAME_TIME).filter(|ms| *ms > 0.0)
}
