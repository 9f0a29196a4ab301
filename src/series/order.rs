//! Slots: the frames of a series while they are being sorted, and their order along the normal.

use super::cluster::ranks;
use crate::model::geometry::{Vec3, dot};
use crate::model::{Frame, Header};
use crate::series::Instance;

/// A frame, or a run of frames that nothing tells apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    /// Index of the instance.
    pub instance: u32,
    /// Frame from 0.
    pub frame: u32,
    /// Frames that it stands for; 0 for what is no image.
    pub run: u32,
}

/// The frames of a series with their facts.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    instances: &'a [Instance],
    nothing: &'a Frame,
}

impl<'a> Facts<'a> {
    /// Of these instances. `nothing` stands for frames that the header does not describe.
    pub fn new(instances: &'a [Instance], nothing: &'a Frame) -> Self {
        Self { instances, nothing }
    }

    /// Every slot, by instance and frame.
    pub fn slots(self) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(self.instances.len());
        for (instance, found) in (0u32..).zip(self.instances) {
            let header = &found.header;
            let (described, all) = (header.frames.len() as u32, header.slice_count());
            if described <= 1 {
                slots.push(Slot { instance, frame: 0, run: header.frame_count });
                continue;
            }
            slots.extend((0..described.min(all)).map(|frame| Slot { instance, frame, run: 1 }));
            if all > described {
                slots.push(Slot { instance, frame: described, run: all - described });
            }
        }
        slots
    }

    /// The header that holds a slot.
    pub fn header(self, slot: Slot) -> &'a Header {
        &self.instances[slot.instance as usize].header
    }

    /// What is known of the frame.
    pub fn frame(self, slot: Slot) -> &'a Frame {
        self.header(slot).frame(slot.frame).unwrap_or(self.nothing)
    }

    /// Position in the patient, where the frame can lie on a grid: one image with position, orientation and spacing.
    pub fn position(self, slot: Slot) -> Option<Vec3> {
        let frame = self.frame(slot);
        (slot.run == 1 && frame.orientation.is_some() && frame.spacing_mm.is_some())
            .then_some(frame.position_mm)
            .flatten()
    }

    /// A key that orders slots as their makers numbered them; UIDs, which each de-identification makes anew, decide
    /// only between headers that say the same.
    pub fn number(self, slot: Slot) -> (i32, u64, &'a str, u32, u32) {
        let header = self.header(slot);
        let number = header.instance_number.unwrap_or(i32::MAX);
        let uid = header.sop_uid.as_deref().unwrap_or("");
        (number, header.numbers_digest, uid, slot.frame, header.source)
    }
}

/// Where slots of one orientation lie along their normal.
#[derive(Debug, Clone)]
pub struct Along {
    /// Millimetres along the normal, for each slot.
    pub mm: Vec<f64>,
    /// Which of the distinct positions, in ascending order, for each slot.
    pub rank: Vec<usize>,
    /// How many distinct positions.
    pub positions: usize,
}

impl Along {
    /// Of slots that all have a position.
    pub fn of(facts: Facts<'_>, slots: &[Slot]) -> Self {
        let first = slots.first().map(|s| facts.frame(*s));
        let normal = first
            .and_then(|f| f.orientation)
            .map_or([0.0, 0.0, 1.0], crate::model::geometry::Orientation::normal);
        let fine = first.and_then(|f| f.spacing_mm).map_or(1.0, |s| s[0].min(s[1]));
        let mm: Vec<f64> = slots.iter().map(|s| facts.position(*s).map_or(0.0, |p| dot(p, normal))).collect();
        // Slices of real scanners are further apart than this, rounded positions of one slice are not.
        let (rank, positions) = ranks(&mm, (0.05 * fine).min(0.01));
        Self { mm, rank, positions }
    }

    /// Whether a position occurs more than once.
    pub fn repeats(&self) -> bool {
        self.positions < self.rank.len()
    }

    /// Whether a position occurs with different keys.
    pub fn repeats_across<K: PartialEq>(&self, keys: &[K]) -> bool {
        let mut first: Vec<Option<&K>> = vec![None; self.positions];
        self.rank.iter().zip(keys).any(|(&r, key)| match first[r] {
            None => {
                first[r] = Some(key);
                false
            }
            Some(known) => known != key,
        })
    }
}
