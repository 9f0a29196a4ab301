//! What holds for every modality, and what is particular to CT.

use serde_json::{Map, Value, json};

use super::{Facts, put, put_all, put_text, siemens};
use crate::model::{Tag, tags};

const SCAN_OPTIONS: Tag = Tag::new(0x0018, 0x0022);
const SOFTWARE_VERSIONS: Tag = Tag::new(0x0018, 0x1020);
const INSTITUTION_ADDRESS: Tag = Tag::new(0x0008, 0x0081);
const DEPARTMENT: Tag = Tag::new(0x0008, 0x1040);
const PROCEDURE_STEP_DESCRIPTION: Tag = Tag::new(0x0040, 0x0254);
const IMAGE_COMMENTS: Tag = Tag::new(0x0020, 0x4000);

/// Makers as BIDS names them: what their names hold, in capitals.
const MAKERS: [(&str, &str); 11] = [
    ("SIEMENS", "Siemens"),
    ("PHILIPS", "Philips"),
    ("TOSHIBA", "Toshiba"),
    ("CANON", "Canon"),
    ("UIH", "UIH"),
    ("UNITED IMAGING", "UIH"),
    ("BRUKER", "Bruker"),
    ("HITACHI", "Hitachi"),
    ("MEDISO", "Mediso"),
    ("HYPERFINE", "Hyperfine"),
    ("GE ", "GE"),
];

/// Adds them.
pub fn add(facts: &Facts<'_>, keys: &mut Map<String, Value>) {
    let text = |tag| facts.text(tag);
    put_text(keys, "Modality", text(tags::MODALITY));
    put_text(keys, "Manufacturer", text(tags::MANUFACTURER).map(|m| maker(&m)));
    put_text(keys, "ManufacturersModelName", text(tags::MANUFACTURER_MODEL_NAME));
    put_text(keys, "BodyPartExamined", text(tags::BODY_PART_EXAMINED));
    put_text(keys, "PatientPosition", text(tags::PATIENT_POSITION));
    put_text(keys, "SoftwareVersions", text(SOFTWARE_VERSIONS));
    put_text(keys, "SeriesDescription", text(tags::SERIES_DESCRIPTION));
    // Without a name of its own a protocol is known by its series, by what the maker calls it, or by its sequence.
    let named = text(tags::PROTOCOL_NAME).or_else(|| text(tags::SERIES_DESCRIPTION));
    let named = named.or_else(|| siemens::protocol_name(facts)).or_else(|| text(tags::SEQUENCE_NAME));
    put_text(keys, "ProtocolName", named);
    put_text(keys, "ProcedureStepDescription", text(PROCEDURE_STEP_DESCRIPTION));
    put_text(keys, "ImageComments", text(IMAGE_COMMENTS));
    let image_type = facts.values(tags::IMAGE_TYPE);
    if !image_type.is_empty() {
        keys.insert("ImageType".into(), json!(image_type));
    }
    put_text(keys, "ScanOptions", Some(facts.values(SCAN_OPTIONS).join("\\")));
    put(keys, "SeriesNumber", facts.number(tags::SERIES_NUMBER));
    put(keys, "AcquisitionNumber", facts.number(tags::ACQUISITION_NUMBER));
    put_text(keys, "AcquisitionTime", text(tags::ACQUISITION_TIME).and_then(|t| clock(&t)));
    put(keys, "SliceThickness", facts.number(tags::SLICE_THICKNESS));
    put(keys, "SpacingBetweenSlices", facts.number(tags::SPACING_BETWEEN_SLICES));
    if let Some(o) = facts.stack.orientation {
        put_all(keys, "ImageOrientationPatientDICOM", &<[f64; 6]>::from(o));
    }
    // Who and where stands only where somebody made sure that it names nobody.
    if facts.set.ascii(tags::PATIENT_IDENTITY_REMOVED) == Some("YES") {
        put_text(keys, "InstitutionName", text(tags::INSTITUTION_NAME));
        put_text(keys, "InstitutionAddress", text(INSTITUTION_ADDRESS));
        put_text(keys, "InstitutionalDepartmentName", text(DEPARTMENT));
        put_text(keys, "StationName", text(tags::STATION_NAME));
        put_text(keys, "DeviceSerialNumber", text(tags::DEVICE_SERIAL_NUMBER));
    }
    let kernel = facts.values(tags::CONVOLUTION_KERNEL).into_iter().next();
    put_text(keys, "ConvolutionKernel", kernel);
    if facts.stack.common.modality.as_deref() == Some("CT") {
        put(keys, "KVP", facts.number(tags::KVP));
        put(keys, "ExposureTime", facts.number(tags::EXPOSURE_TIME).map(|ms| ms / 1000.0));
        put(keys, "XRayTubeCurrent", facts.number(tags::X_RAY_TUBE_CURRENT));
        put(keys, "XRayExposure", facts.number(tags::EXPOSURE));
    }
}

fn maker(name: &str) -> String {
    let capitals = name.to_ascii_uppercase() + " ";
    let known = MAKERS.iter().find(|(part, _)| capitals.contains(part));
    known.map_or_else(|| name.to_string(), |(_, maker)| (*maker).to_string())
}

/// `HHMMSS.ffffff` as `HH:MM:SS.ffffff`.
fn clock(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    (whole.len() == 6 && digits(whole) && digits(fraction) && fraction.len() <= 6)
        .then(|| format!("{}:{}:{}.{fraction:0<6}", &whole[..2], &whole[2..4], &whole[4..]))
}
