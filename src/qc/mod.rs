//! Automated checks. A check looks at one assembled series (and, where it needs them, at statistics of its pixels), at the
//! series of a study beside one another, or at a label and its series, and says what it found, with severity and
//! evidence. Each check is one file and one line in [`CHECKS`], [`STUDY_CHECKS`] or [`LABEL_CHECKS`]; which run, how bad
//! what they find is and what they compare with may be set ([`Settings`]).

mod check;
mod label;
mod pixels;
pub mod protocol;
mod series;
mod settings;
mod study;

pub use check::{Check, Described, Input, SameAttributes};
pub use label::{LabelCheck, LabelInput, Nearest, Place, SliceSet, structures};
pub use pixels::{FrameStats, InstancePixels, SeriesPixels, statistics};
pub use settings::{Setting, Settings, Threshold};
pub use study::outliers::look_back;
pub use study::{Contradiction, ImageStats, Member, Peers, Study, StudyCheck, Twin};

use rayon::prelude::*;

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
    &series::mixed_acquisition::MixedAcquisition,
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
    &series::uneven_frames::UnevenFrames,
    &series::rescale::InconsistentRescale,
    &series::rescale::PartialRescale,
    &series::rescale::ZeroSlope,
    &series::rescale::MissingRescale,
    &series::pixel_format::InconsistentPixelFormat,
    &series::high_bit::HighBit,
    &series::laterality::LateralityConflict,
    &series::date_order::DateOrder,
    &series::body_part::BodyPartConflict,
    &series::contrast::ContrastConflict,
    &series::protocol::ProtocolDeviation,
    &series::truncated_pixels::TruncatedPixels,
    &series::undecodable_pixels::UndecodablePixels,
    &series::blank_slices::BlankSlices,
    &series::identical_slices::IdenticalSlices,
    &series::saturated::SaturatedIntensity,
    &series::ct_air::CtAir,
];

/// Every check of a study's series beside one another.
pub static STUDY_CHECKS: &[&dyn StudyCheck] = &[
    &study::identity_conflict::IdentityConflict,
    &study::subject_split::SubjectSplit,
    &study::uid_reuse::UidReuse,
    &study::study_conflict::StudyAttributeConflict,
    &study::frame_of_reference::StudyFrameOfReference,
    &study::doubled_series::DoubledSeries,
    &study::partial_series::PartialSeries,
    &study::duplicate_pixels::DuplicatePixels,
    &study::outliers::NoiseOutlier,
    &study::outliers::ContrastOutlier,
    &study::outliers::SharpnessOutlier,
];

/// Every check of a label against its series.
pub static LABEL_CHECKS: &[&dyn LabelCheck] = &[
    &label::grid::LabelGrid,
    &label::header::LabelHeader,
    &label::values::UnknownValue,
    &label::empty::EmptyLabel,
    &label::outside::OutsideBody,
    &label::islands::Islands,
    &label::holes::Holes,
    &label::border::TouchesBorder,
    &label::skipped::SkippedSlices,
    &label::sides::SwappedSides,
];

/// What is to be known of a check before it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AboutCheck {
    /// Its name.
    pub name: &'static str,
    /// `series`, `study` or `label`.
    pub of: &'static str,
    /// Its version.
    pub version: u32,
    /// It looks at decoded pixels.
    pub needs_pixels: bool,
    /// The number that it compares with, where that may be set.
    pub threshold: Option<Threshold>,
}

/// Every check of every kind.
pub fn about_checks() -> impl Iterator<Item = AboutCheck> {
    let series = CHECKS.iter().map(|c| AboutCheck {
        name: c.id(),
        of: "series",
        version: c.version(),
        needs_pixels: c.needs_pixels(),
        threshold: c.threshold(),
    });
    let study = STUDY_CHECKS.iter().map(|c| AboutCheck {
        name: c.id(),
        of: "study",
        version: c.version(),
        needs_pixels: c.needs_pixels(),
        threshold: c.threshold(),
    });
    let label = LABEL_CHECKS.iter().map(|c| AboutCheck {
        name: c.id(),
        of: "label",
        version: c.version(),
        needs_pixels: false,
        threshold: c.threshold(),
    });
    series.chain(study).chain(label)
}

/// Runs every check of series for which `enabled` and the settings say so; side by side where pixels are looked at.
pub fn run(input: &Input<'_>, enabled: impl Fn(&str) -> bool) -> Vec<Finding> {
    let settings = input.settings;
    let ready: Vec<&&dyn Check> = CHECKS
        .iter()
        .filter(|c| {
            enabled(c.id()) && settings.is_on(c.id()) && (!c.needs_pixels() || input.pixels.is_some())
        })
        .collect();
    let found: Vec<Vec<Finding>> = if input.pixels.is_some() {
        ready.par_iter().map(|check| check.run(input)).collect()
    } else {
        ready.iter().map(|check| check.run(input)).collect()
    };
    found.into_iter().flatten().map(|f| settings.weighed(f)).collect()
}

/// Runs every check of a study for which `enabled` and the settings say so: each finding with the member that it is
/// about.
pub fn run_study(study: &Study<'_>, enabled: impl Fn(&str) -> bool) -> Vec<(usize, Finding)> {
    let settings = study.settings;
    let ready = STUDY_CHECKS.iter().filter(|c| enabled(c.id()) && settings.is_on(c.id()));
    ready.flat_map(|check| check.run(study)).map(|(member, f)| (member, settings.weighed(f))).collect()
}

/// Runs every check of a label for which `enabled` and the settings say so.
pub fn run_label(input: &LabelInput<'_>, enabled: impl Fn(&str) -> bool) -> Vec<Finding> {
    let settings = input.settings;
    let ready: Vec<&&dyn LabelCheck> =
        LABEL_CHECKS.iter().filter(|c| enabled(c.id()) && settings.is_on(c.id())).collect();
    let found: Vec<Vec<Finding>> = ready.par_iter().map(|check| check.run(input)).collect();
    found.into_iter().flatten().map(|f| settings.weighed(f)).collect()
}
