//! Checks of series, one a file.

pub mod blank_slices;
pub mod body_part;
pub mod contrast;
pub mod copies;
pub mod ct_air;
pub mod date_order;
pub mod declared_count;
pub mod duplicated_slices;
pub mod frame_of_reference;
pub mod gantry_tilt;
pub mod high_bit;
pub mod identical_slices;
pub mod identity;
pub mod incomplete_volumes;
pub mod instance_order;
pub mod laterality;
pub mod missing_slices;
pub mod mixed_acquisition;
pub mod mixed_matrix;
pub mod mixed_orientation;
pub mod mixed_spacing;
pub mod modality_sop_class;
pub mod not_a_volume;
pub mod off_line;
pub mod pixel_format;
pub mod protocol;
pub mod rescale;
pub mod saturated;
pub mod truncated_pixels;
pub mod undecodable_pixels;
pub mod uneven_frames;
pub mod uneven_spacing;

use crate::series::{Series, Stack};

/// Entries that evidence lists at most; a count always stands beside the list.
pub(super) const MOST: usize = 50;

/// Modalities whose images are slices of a volume.
fn is_sliced(series: &Series) -> bool {
    matches!(series.modality(), Some("CT" | "MR" | "PT"))
}

/// Localizers and projections show several planes on purpose.
pub(super) fn is_survey(stack: &Stack) -> bool {
    let words = ["LOCALIZER", "SCOUT", "PROJECTION IMAGE", "SURVEY"];
    let in_type = stack.image_type.as_deref().is_some_and(|t| t.split('\\').any(|v| words.contains(&v)));
    let description = stack.common.description.as_deref().unwrap_or_default().to_ascii_lowercase();
    in_type
        || ["localizer", "localiser", "scout", "survey", "topogram"].iter().any(|w| description.contains(w))
}

/// The stacks that lie on a grid, with their numbers; segmentations leave empty slices out on purpose.
fn on_grid(series: &Series) -> impl Iterator<Item = (usize, &Stack)> {
    let is_image = series.modality() != Some("SEG");
    series.stacks.iter().enumerate().filter(move |(_, s)| is_image && s.grid.is_some())
}

/// Millimetres as people read them.
pub(super) fn mm(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// `3 slices`, `1 slice`.
pub(super) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}
