//! The moment of a frame: which attribute tells it, and when each volume of a stack begins.

use serde::{Deserialize, Serialize};

use super::VolumeReason;
use super::order::{Along, Facts, Slot};
use crate::model::Frame;

/// An attribute that can tell the moment at which a frame was acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Trigger Time.
    TriggerTime,
    /// Acquisition date and time.
    AcquisitionTime,
    /// Content date and time.
    ContentTime,
    /// Frame Reference Time.
    FrameReferenceTime,
    /// Temporal Position Time Offset.
    TemporalOffset,
    /// Temporal Position Identifier or Index.
    TemporalPosition,
    /// Nominal Percentage of Cardiac Phase.
    CardiacPercent,
    /// Nominal Cardiac Trigger Delay Time.
    CardiacDelay,
    /// Acquisition Number.
    AcquisitionNumber,
}

/// The attributes, the one that is believed first in front.
const MOMENTS: [Moment; 9] = [
    Moment::TriggerTime,
    Moment::AcquisitionTime,
    Moment::ContentTime,
    Moment::FrameReferenceTime,
    Moment::TemporalOffset,
    Moment::TemporalPosition,
    Moment::CardiacPercent,
    Moment::CardiacDelay,
    Moment::AcquisitionNumber,
];
/// Times closer than this (in the unit of their attribute) are the same.
const SAME: f64 = 1e-6;
/// Steps that differ by less than this part are even.
const EVEN: f64 = 0.01;

impl Moment {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::TriggerTime => "trigger time",
            Self::AcquisitionTime => "acquisition time",
            Self::ContentTime => "content time",
            Self::FrameReferenceTime => "frame reference time",
            Self::TemporalOffset => "temporal position time offset",
            Self::TemporalPosition => "temporal position",
            Self::CardiacPercent => "percentage of the cardiac phase",
            Self::CardiacDelay => "cardiac trigger delay",
            Self::AcquisitionNumber => "acquisition number",
        }
    }

    /// What a frame says, in the unit of the attribute.
    fn value(self, frame: &Frame) -> Option<f64> {
        match self {
            Self::TriggerTime => frame.trigger_ms,
            Self::AcquisitionTime => frame.acquired_s,
            Self::ContentTime => frame.content_s,
            Self::FrameReferenceTime => frame.frame_reference_ms,
            Self::TemporalOffset => frame.temporal_offset_s,
            Self::TemporalPosition => frame.temporal_position.map(f64::from),
            Self::CardiacPercent => frame.cardiac_percent,
            Self::CardiacDelay => frame.cardiac_delay_ms,
            Self::AcquisitionNumber => frame.acquisition_number.map(f64::from),
        }
    }

    /// Seconds in one unit of the attribute; `None` where it only counts.
    fn unit_s(self) -> Option<f64> {
        match self {
            Self::TriggerTime | Self::FrameReferenceTime | Self::CardiacDelay => Some(1e-3),
            Self::AcquisitionTime | Self::ContentTime | Self::TemporalOffset => Some(1.0),
            Self::TemporalPosition | Self::CardiacPercent | Self::AcquisitionNumber => None,
        }
    }

    /// The first attribute that all slots have and whose earliest values differ between some groups of them.
    pub fn between<'a>(facts: Facts<'_>, groups: impl Iterator<Item = &'a [Slot]> + Clone) -> Option<Self> {
        MOMENTS.into_iter().find(|moment| {
            let first: Option<Vec<f64>> = groups.clone().map(|g| moment.first_of(facts, g)).collect();
            first.is_some_and(|f| f.windows(2).any(|w| (w[1] - w[0]).abs() > SAME))
        })
    }

    /// The earliest value of some slots; `None` where one has none.
    pub fn first_of(self, facts: Facts<'_>, slots: &[Slot]) -> Option<f64> {
        let values: Option<Vec<f64>> = slots.iter().map(|s| self.value(facts.frame(*s))).collect();
        values?.into_iter().min_by(f64::total_cmp)
    }

    /// The reason that this gives to tell volumes apart.
    pub fn reason(self) -> VolumeReason {
        match self {
            Self::AcquisitionTime => VolumeReason::AcquisitionTime,
            Self::ContentTime => VolumeReason::ContentTime,
            Self::TemporalOffset | Self::TemporalPosition => VolumeReason::TemporalPosition,
            Self::AcquisitionNumber => VolumeReason::Acquisition,
            Self::TriggerTime | Self::FrameReferenceTime | Self::CardiacPercent | Self::CardiacDelay => {
                VolumeReason::Phase
            }
        }
    }
}

/// Which attributes tell the moment of the slots of a stack: those that differ between slots of one position. What is
/// the same there tells nothing, however much it changes from position to position.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The attributes, the one that decides first.
    by: Vec<Moment>,
    /// It tells all slots of each position apart.
    wholly: bool,
}

impl Told {
    /// Of the slots of one stack.
    pub fn of(facts: Facts<'_>, slots: &[Slot], along: &Along) -> Self {
        let mut at: Vec<Vec<usize>> = vec![Vec::new(); along.positions];
        along.rank.iter().enumerate().for_each(|(i, r)| at[*r].push(i));
        at.retain(|slots| slots.len() > 1);
        let mut by = Vec::new();
        let mut whole = None;
        for moment in MOMENTS {
            let (varies, distinct) = spread(facts, slots, &at, moment);
            if varies {
                by.push(moment);
            }
            if distinct && whole.is_none() {
                whole = Some(moment);
            }
        }
        if let Some(moment) = whole {
            by.retain(|m| *m != moment);
            by.insert(0, moment);
        }
        Self { by, wholly: whole.is_some() }
    }

    /// The attribute that decides.
    pub fn first(&self) -> Option<Moment> {
        self.by.first().copied()
    }

    /// The attribute that tells all slots of each position apart.
    pub fn whole(&self) -> Option<Moment> {
        self.first().filter(|_| self.wholly)
    }

    /// A key in the order of time; what is not told comes first.
    pub fn key(&self, frame: &Frame) -> Vec<f64> {
        self.by.iter().map(|m| m.value(frame).unwrap_or(f64::NEG_INFINITY)).collect()
    }
}

/// Whether the values of an attribute differ at some position, and whether they tell all slots of every one apart.
fn spread(facts: Facts<'_>, slots: &[Slot], at: &[Vec<usize>], moment: Moment) -> (bool, bool) {
    let (mut varies, mut distinct) = (false, !at.is_empty());
    for members in at {
        let mut values: Vec<f64> =
            members.iter().filter_map(|&i| moment.value(facts.frame(slots[i]))).collect();
        values.sort_by(f64::total_cmp);
        let steps = values.windows(2).filter(|w| w[1] - w[0] > SAME).count();
        varies |= steps > 0;
        distinct &= values.len() == members.len() && steps + 1 == values.len();
    }
    (varies, distinct)
}

/// Compares keys of moments.
pub fn compare(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

/// When the volumes of a stack begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The attribute that tells it.
    pub told_by: Moment,
    /// Seconds after the first volume, for each; empty where the attribute only counts.
    pub starts_s: Vec<f64>,
}

impl Times {
    /// Of volumes in their order, each given by its slots.
    pub fn of(facts: Facts<'_>, volumes: &[Vec<Slot>], told: &Told) -> Option<Self> {
        let told_by = told.first()?;
        let starts: Option<Vec<f64>> = told_by
            .unit_s()
            .and_then(|unit| volumes.iter().map(|v| Some(told_by.first_of(facts, v)? * unit)).collect());
        let starts = starts.unwrap_or_default();
        let first = starts.first().copied().unwrap_or(0.0);
        // A microsecond is finer than any of these attributes.
        let rounded = |s: f64| ((s - first) * 1e6).round() / 1e6;
        Some(Self { told_by, starts_s: starts.into_iter().map(rounded).collect() })
    }

    /// Seconds from one volume to the next where they follow one another evenly, within one part in a hundred.
    /// `repetition_s` is the time between volumes that the header declares: it is taken where the times agree with it,
    /// being more exact than they are, also where they are only known to the second.
    pub fn step_s(&self, repetition_s: Option<f64>) -> Option<f64> {
        let (first, last) = (*self.starts_s.first()?, *self.starts_s.last()?);
        let count = self.starts_s.len() - 1;
        if count == 0 {
            return None;
        }
        let step = (last - first) / count as f64;
        let even = |w: &[f64]| (w[1] - w[0] - step).abs() <= EVEN * step;
        let is_even = step > 0.0 && self.starts_s.windows(2).all(even);
        let declared = repetition_s.filter(|tr| *tr > 0.0);
        if is_even {
            return Some(declared.filter(|tr| (tr - step).abs() <= EVEN * step).unwrap_or(step));
        }
        let in_seconds = self.starts_s.iter().all(|s| s.fract() == 0.0);
        let agrees = |tr: &f64| {
            let expected = (0..).map(|i| f64::from(i) * tr);
            self.starts_s.iter().zip(expected).all(|(s, e)| (s - e).abs() <= 1.0)
        };
        declared.filter(|tr| in_seconds && *tr > 1.0 && agrees(tr))
    }
}
