//! What the checks of a study know of each series.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::harmonise::Harmonised;
use crate::model::PersonConflict;
use crate::model::geometry::dot;
use crate::qc::series::is_survey;
use crate::qc::{Described, SeriesPixels};
use crate::series::{Series, Stack};

/// One series of a study.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Series Instance UID.
    pub series_uid: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// Who it is about, as a pseudonym or a digest.
    pub subjects: BTreeSet<String>,
    /// The site that brought it.
    pub site: Option<String>,
    /// Modality.
    pub modality: Option<String>,
    /// Study Date, as eight digits read as a number.
    pub study_date: Option<u32>,
    /// Sex.
    pub sex: Option<String>,
    /// Age in years.
    pub age_years: Option<f64>,
    /// How it was acquired, as far as that tells which series repeat one another.
    pub plan: String,
    /// It holds images of a patient.
    pub is_image: bool,
    /// It shows several planes on purpose.
    pub is_survey: bool,
    /// Frame of Reference UIDs.
    pub frames_of_reference: BTreeSet<String>,
    /// The grid of its largest stack.
    pub extent: Option<Extent>,
    /// Instances.
    pub instances: u64,
    /// Series that its instances refer to.
    pub refers_to: Vec<String>,
    /// Series that hold instances of the same UIDs, and how many.
    pub shares_instances: Vec<(String, u64)>,
    /// Series of other studies that have the same pixels.
    pub twins: Vec<Twin>,
    /// Studies under the same Patient ID that cannot be of the same person.
    pub contradictions: Vec<Contradiction>,
    /// Other subjects of the site with the same name and birth date.
    pub namesakes: Vec<String>,
    /// Statistics of its image.
    pub stats: Option<ImageStats>,
}

/// A study that cannot be of the same person, though its Patient ID says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contradiction {
    /// Its study UID: another study's, or this one's, where its own instances differ.
    pub study_uid: String,
    /// What differs.
    pub attributes: Vec<PersonConflict>,
}

/// Where a stack lies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// Row and column direction.
    pub orientation: [f64; 6],
    /// Where the first and the last slice lie along the normal.
    pub along_mm: [f64; 2],
    /// Distance of slices.
    pub step_mm: f64,
    /// Slices of one volume.
    pub slices: u32,
    /// Volumes.
    pub volumes: u32,
    /// Rows and columns.
    pub matrix: [u32; 2],
}

/// A series elsewhere with the same pixels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twin {
    /// Its series UID.
    pub series_uid: String,
    /// Its study UID.
    pub study_uid: String,
    /// Who it is about.
    pub subject: String,
    /// The site that brought it.
    pub site: String,
}

/// Statistics of the image of a series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageStats {
    /// What may be compared: scanner, modality, kernel or sequence, region, thickness.
    pub kind: String,
    /// Noise: in HU for CT, else as a share of the standard deviation.
    pub noise: Option<f64>,
    /// Standard deviation of the image: in HU for CT, else as a share of the mean.
    pub contrast: Option<f64>,
    /// Steepness of edges.
    pub sharpness: Option<f64>,
    /// Of all pixels, whatever they are called; absent where they are blank.
    pub fingerprint: Option<String>,
}

impl Member {
    /// From an assembled series. What only others know (subject, site, twins …) is left to the caller.
    pub fn of(series: &Series, about: &Described, pixels: Option<&SeriesPixels>) -> Self {
        let commons = || series.instances.iter().map(|i| &i.header.common);
        let first = commons().next();
        let largest = series.stacks.iter().filter(|s| s.grid.is_some()).max_by_key(|s| s.frames);
        let a = &about.attributes;
        let plan = [
            a.modality.as_deref(),
            a.description.as_deref(),
            a.protocol.as_deref(),
            a.kernel.as_deref(),
            a.image_type.as_deref(),
            a.sequence_name.as_deref(),
        ];
        let numbers = [a.repetition_time_ms, a.echo_time_ms, a.kvp, a.thickness_mm];
        let named = a.description.is_some() || a.protocol.is_some();
        let plan = if named {
            format!("{}|{numbers:?}", plan.map(Option::unwrap_or_default).join("|"))
        } else {
            String::new()
        };
        let modality = series.modality().map(str::to_string);
        let is_label = matches!(modality.as_deref(), Some("SEG" | "RTDOSE" | "PR" | "KO"));
        Self {
            series_uid: series.series_uid.as_deref().unwrap_or_default().into(),
            study_uid: series.study_uid.as_deref().unwrap_or_default().into(),
            subjects: commons().filter_map(|c| c.subject_digest).map(|d| format!("{d:016x}")).collect(),
            site: a.site.clone(),
            study_date: first.and_then(|c| c.study_date),
            sex: about.harmonised.text("sex").map(Into::into),
            age_years: about.harmonised.number("age_years"),
            plan,
            is_image: !is_label && series.instances.iter().any(|i| i.header.is_image()),
            is_survey: series.stacks.iter().all(is_survey),
            frames_of_reference: commons()
                .filter_map(|c| c.frame_of_reference_uid.as_deref().map(Into::into))
                .collect(),
            extent: largest.and_then(Extent::of),
            instances: series.instances.len() as u64,
            stats: pixels.map(|p| ImageStats::of(series, about, p)),
            modality,
            ..Self::default()
        }
    }
}

impl Extent {
    fn of(stack: &Stack) -> Option<Self> {
        let (grid, orientation) = (stack.grid?, stack.orientation?);
        let normal = orientation.normal();
        let last = grid.centre_mm([0.0, 0.0, f64::from(grid.shape[2].max(1) - 1)]);
        Some(Self {
            orientation: orientation.into(),
            along_mm: [dot(normal, grid.origin_mm), dot(normal, last)],
            step_mm: stack.slice_spacing_mm.unwrap_or(0.0),
            slices: grid.shape[2],
            volumes: stack.volumes.unwrap_or(1),
            matrix: [grid.shape[1], grid.shape[0]],
        })
    }

    /// Whether two stacks have the same planes and steps.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let turned = self.orientation.iter().zip(&other.orientation).any(|(a, b)| (a - b).abs() > 1e-3);
        !turned && self.matrix == other.matrix && (self.step_mm - other.step_mm).abs() <= 0.01 * self.step_mm
    }

    /// Whether this one lies within the other.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let slack = 0.5 * self.step_mm.max(other.step_mm);
        self.along_mm[0] >= other.along_mm[0] - slack && self.along_mm[1] <= other.along_mm[1] + slack
    }
}

impl ImageStats {
    /// The medians over all frames, and the fingerprint.
    pub fn of(series: &Series, about: &Described, pixels: &SeriesPixels) -> Self {
        let is_ct = about.attributes.is("CT");
        let (mut noise, mut contrast, mut sharpness) = (Vec::new(), Vec::new(), Vec::new());
        let mut digests = Vec::new();
        let mut varied = false;
        let mut whole = true;
        for (index, instance) in pixels {
            whole &= instance.error.is_none();
            let header = series.instances.get(*index as usize).map(|i| &i.header);
            for (at, frame) in instance.frames.iter().enumerate() {
                digests.push(frame.digest);
                varied |= frame.min < frame.max;
                let rescale = header.and_then(|h| h.frame(at as u32)?.rescale);
                let slope = rescale.map_or(1.0, |r| r[0]).abs();
                sharpness.extend(frame.sharpness);
                if is_ct {
                    noise.extend(frame.noise.map(|n| n * slope));
                    contrast.push(frame.sd * slope);
                } else if frame.sd > 0.0 && frame.mean > 0.0 {
                    noise.extend(frame.noise.map(|n| n / frame.sd));
                    contrast.push(frame.sd / frame.mean);
                }
            }
        }
        digests.sort_unstable();
        let fingerprint = (varied && whole && !digests.is_empty()).then(|| {
            let mut hash = Sha256::new();
            digests.iter().for_each(|d| hash.update(d.to_be_bytes()));
            hex::encode(&hash.finalize()[..16])
        });
        Self {
            kind: kind(&about.harmonised, about.attributes.modality.as_deref()),
            noise: median(noise),
            contrast: median(contrast),
            sharpness: median(sharpness),
            fingerprint,
        }
    }
}

/// What may be compared.
fn kind(h: &Harmonised, modality: Option<&str>) -> String {
    let texts =
        ["scanner", "region", "kernel", "sequence", "weighting", "phase"].map(|n| h.text(n).unwrap_or("-"));
    let thickness = h.number("thickness_mm").map_or_else(|| "-".into(), |mm| format!("{mm:.1}"));
    format!("{} {} {thickness}", modality.unwrap_or("-"), texts.join(" "))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|v| v.is_finite());
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}
