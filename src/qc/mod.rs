//! Automated checks. A check looks at one assembled series (and, where it needs them, at statistics of its pixels) and
//! says what it found, with severity and evidence. Each check is one file and one line in [`CHECKS`].

mod check;
mod pixels;
mod series;

pub use check::{Check, Input};
pub use pixels::{FrameStats, InstancePixels, SeriesPixels, statistics};

use crate::model::Finding;

/// Every check of series, in the order in which findings are reported.
pub static CHECKS: &[&dyn Check] = &[
    &series::identity::StudyConflict,
    &series::identity::SubjectConflict,
    &series::identity::MissingUid,
    &series::copies::DuplicateInstance,
    &series::copies::InstanceConflict,
    &series::modality_sop_class::ModalitySopClass,
    &series::mixed_matrix::MixedMatrix,
    &series::mixed_orientation::MixedOrientation,
    &series::mixed_spacing::MixedSpacing,
    &series::missing_slices::MissingSlices,
    &series::uneven_spacing::UnevenSpacing,
    &series::duplicated_slices::DuplicatedSlices,
    &series::incomplete_volumes::IncompleteVolumes,
    &series::not_a_volume::NotAVolume,
    &series::off_line::OffLine,
    &series::gantry_tilt::GantryTilt,
    &series::instance_order::InstanceOrder,
    &series::declared_count::DeclaredCount,
    &series::frame_of_reference::FrameOfReference,
    &series::rescale::InconsistentRescale,
    &series::rescale::MissingRescale,
    &series::pixel_format::InconsistentPixelFormat,
    &series::laterality::LateralityConflict,
    &series::date_order::DateOrder,
    &series::truncated_pixels::TruncatedPixels,
    &series::undecodable_pixels::UndecodablePixels,
    &series::blank_slices::BlankSlices,
    &series::identical_slices::IdenticalSlices,
    &series::saturated::SaturatedIntensity,
    &series::ct_air::CtAir,
];

/// Runs every check for which `enabled` says so.
pub fn run(input: &Input<'_>, enabled: impl Fn(&str) -> bool) -> Vec<Finding> {
    let ready = |c: &&&dyn Check| enabled(c.id()) && (!c.needs_pixels() || input.pixels.is_some());
    CHECKS.iter().filter(ready).flat_map(|check| check.run(input)).collect()
}
