//! From a data set to the attributes that harmonisation starts from.

use super::{Charset, DataSet, Value};
use crate::harmonise::Attributes;
use crate::model::{Tag, tags};

const ANATOMIC_REGION_SEQUENCE: Tag = Tag::new(0x0008, 0x2218);
const CODE_VALUE: Tag = Tag::new(0x0008, 0x0100);
const ACQUISITION_CONTRAST: Tag = Tag::new(0x0008, 0x9209);
const PULSE_SEQUENCE_NAME: Tag = Tag::new(0x0018, 0x9005);
const ECHO_PULSE_SEQUENCE: Tag = Tag::new(0x0018, 0x9008);
const ECHO_TRAIN_LENGTH: Tag = Tag::new(0x0018, 0x0091);
const EXPOSURE_IN_UAS: Tag = Tag::new(0x0018, 0x1153);
const EXPOSURE_IN_MAS: Tag = Tag::new(0x0018, 0x9332);
const TUBE_CURRENT_IN_MA: Tag = Tag::new(0x0018, 0x9330);
const EXPOSURE_TIME_IN_MS: Tag = Tag::new(0x0018, 0x9328);
const CONTRAST_AGENT_SEQUENCE: Tag = Tag::new(0x0018, 0x0012);
/// A text is cut after this many characters; none that a rule matches is longer.
const LONGEST: usize = 256;
/// Groups of frames that are looked through.
const MOST_FRAMES: usize = 4_096;

/// What a data set says; in enhanced objects the shared groups and those of the first frame are looked through as well.
pub fn attributes(set: &DataSet<'_>) -> Attributes {
    let charset = set.charset(&Charset::default());
    let text = |tag| holder(set, tag).and_then(|s| s.text(tag, &charset)).and_then(tidy);
    let number = |tag| holder(set, tag).and_then(|s| s.number(tag));
    let region = set.item(ANATOMIC_REGION_SEQUENCE).or_else(|| groups(set).find_map(|g| anatomy(g)));
    Attributes {
        site: None,
        scanner: None,
        modality: text(tags::MODALITY),
        manufacturer: text(tags::MANUFACTURER),
        model: text(tags::MANUFACTURER_MODEL_NAME),
        image_type: values(set, tags::IMAGE_TYPE),
        body_part: text(tags::BODY_PART_EXAMINED),
        anatomic_region: region.and_then(|r| r.ascii(CODE_VALUE)).and_then(|c| tidy(c.into())),
        study_description: text(tags::STUDY_DESCRIPTION),
        description: text(tags::SERIES_DESCRIPTION),
        protocol: text(tags::PROTOCOL_NAME),
        sex: text(tags::PATIENT_SEX),
        age: text(tags::PATIENT_AGE),
        contrast_agent: text(tags::CONTRAST_BOLUS_AGENT)
            .or_else(|| set.item(CONTRAST_AGENT_SEQUENCE).map(|_| "coded".into())),
        kernel: values(holder(set, tags::CONVOLUTION_KERNEL).unwrap_or(set), tags::CONVOLUTION_KERNEL),
        kvp: number(tags::KVP),
        exposure_mas: number(EXPOSURE_IN_MAS)
            .or_else(|| number(EXPOSURE_IN_UAS).map(|uas| uas / 1000.0).filter(|mas| *mas > 0.0))
            .or_else(|| number(tags::EXPOSURE)),
        tube_current_ma: number(TUBE_CURRENT_IN_MA).or_else(|| number(tags::X_RAY_TUBE_CURRENT)),
        exposure_time_ms: number(EXPOSURE_TIME_IN_MS).or_else(|| number(tags::EXPOSURE_TIME)),
        thickness_mm: number(tags::SLICE_THICKNESS),
        field_strength: number(tags::MAGNETIC_FIELD_STRENGTH),
        scanning_sequence: values(set, tags::SCANNING_SEQUENCE),
        sequence_variant: values(set, tags::SEQUENCE_VARIANT),
        sequence_name: text(tags::SEQUENCE_NAME).or_else(|| text(PULSE_SEQUENCE_NAME)),
        acquisition_contrast: text(ACQUISITION_CONTRAST),
        echo_pulse_sequence: text(ECHO_PULSE_SEQUENCE),
        echo_train_length: number(ECHO_TRAIN_LENGTH),
        repetition_time_ms: number(tags::REPETITION_TIME),
        echo_time_ms: number(tags::ECHO_TIME).or_else(|| number(tags::EFFECTIVE_ECHO_TIME)),
        inversion_time_ms: number(tags::INVERSION_TIME),
        flip_degrees: number(tags::FLIP_ANGLE),
        b_value: largest_b(set),
    }
}

/// The data set or the functional group (shared, or of the first frame) that holds an attribute.
pub fn holder<'s, 'a>(set: &'s DataSet<'a>, tag: Tag) -> Option<&'s DataSet<'a>> {
    if set.get(tag).is_some_and(|e| !e.is_empty()) {
        return Some(set);
    }
    groups(set).find(|g| g.get(tag).is_some_and(|e| !e.is_empty()))
}

/// The items of the shared functional groups and of those of the first frame.
fn groups<'s, 'a>(set: &'s DataSet<'a>) -> impl Iterator<Item = &'s DataSet<'a>> {
    [tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE]
        .into_iter()
        .filter_map(|tag| set.item(tag))
        .flat_map(DataSet::elements)
        .filter_map(|e| match &e.value {
            Value::Items(items) => items.first(),
            _ => None,
        })
}

/// Frame Anatomy has its region one level further down.
fn anatomy<'s, 'a>(group: &'s DataSet<'a>) -> Option<&'s DataSet<'a>> {
    group.item(ANATOMIC_REGION_SEQUENCE)
}

/// The largest b-value, of the data set or of any frame.
fn largest_b(set: &DataSet<'_>) -> Option<f64> {
    let of_group = |group: &DataSet<'_>| {
        let diffusion = group.elements().iter().find_map(|e| match &e.value {
            Value::Items(items) => items.first()?.number(tags::DIFFUSION_B_VALUE),
            _ => None,
        });
        diffusion.filter(|b| b.is_finite())
    };
    let frames = set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let largest = frames
        .iter()
        .take(MOST_FRAMES)
        .filter_map(of_group)
        .fold(None, |most: Option<f64>, b| Some(most.map_or(b, |m| m.max(b))));
    largest.or_else(|| set.number(tags::DIFFUSION_B_VALUE))
}

fn values(set: &DataSet<'_>, tag: Tag) -> Option<String> {
    let values: Vec<&str> = set.ascii_values(tag).collect();
    tidy(values.join("\\"))
}

/// Without what a terminal obeys, at a bounded length; nothing where nothing is left.
fn tidy(text: String) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}
