//! What the headers of a series say about its subject, equipment and acquisition, before anything is made of it.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Attributes of a series as its first instance has them; texts with several values are joined by backslashes. In a
/// workspace they come from the de-identified instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// The site that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The scanner's keyed identity, where somebody who may see its serial number made one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// Modality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modality: Option<String>,
    /// Manufacturer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// Manufacturer's Model Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Image Type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_type: Option<String>,
    /// Body Part Examined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_part: Option<String>,
    /// Code Value of the Anatomic Region Sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anatomic_region: Option<String>,
    /// Study Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study_description: Option<String>,
    /// Series Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Protocol Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Patient's Sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<String>,
    /// Patient's Age, such as `060Y`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// Contrast/Bolus Agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast_agent: Option<String>,
    /// Convolution Kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// KVP, in kV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kvp: Option<f64>,
    /// Exposure in mAs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_mas: Option<f64>,
    /// X-Ray Tube Current in mA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tube_current_ma: Option<f64>,
    /// Exposure Time in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_time_ms: Option<f64>,
    /// Slice Thickness in mm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thickness_mm: Option<f64>,
    /// Magnetic Field Strength, in tesla where the file keeps to the standard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_strength: Option<f64>,
    /// Scanning Sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanning_sequence: Option<String>,
    /// Sequence Variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_variant: Option<String>,
    /// Sequence Name, or Pulse Sequence Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_name: Option<String>,
    /// Acquisition Contrast of enhanced objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquisition_contrast: Option<String>,
    /// Echo Pulse Sequence of enhanced objects: `SPIN`, `GRADIENT`, `BOTH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echo_pulse_sequence: Option<String>,
    /// Echo Train Length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echo_train_length: Option<f64>,
    /// Repetition Time in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_time_ms: Option<f64>,
    /// Echo Time in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echo_time_ms: Option<f64>,
    /// Inversion Time in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inversion_time_ms: Option<f64>,
    /// Flip Angle in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flip_degrees: Option<f64>,
    /// Diffusion b-value of any frame in s/mm², the largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b_value: Option<f64>,
}

/// Names of the attributes, as rules match them.
pub const NAMES: [&str; 32] = [
    "site",
    "scanner",
    "modality",
    "manufacturer",
    "model",
    "image_type",
    "body_part",
    "anatomic_region",
    "study_description",
    "description",
    "protocol",
    "sex",
    "age",
    "contrast_agent",
    "kernel",
    "kvp",
    "exposure_mas",
    "tube_current_ma",
    "exposure_time_ms",
    "thickness_mm",
    "field_strength",
    "scanning_sequence",
    "sequence_variant",
    "sequence_name",
    "acquisition_contrast",
    "echo_pulse_sequence",
    "echo_train_length",
    "repetition_time_ms",
    "echo_time_ms",
    "inversion_time_ms",
    "flip_degrees",
    "b_value",
];

impl Attributes {
    /// The attributes by their names.
    pub fn by_name(&self) -> serde_json::Map<String, Json> {
        match serde_json::to_value(self) {
            Ok(Json::Object(map)) => map,
            _ => serde_json::Map::new(),
        }
    }

    /// Whether the modality is this one.
    pub fn is(&self, modality: &str) -> bool {
        self.modality.as_deref() == Some(modality)
    }
}

/// A text in lower case as words: letters and digits, with what joins a sign to its letter (`t2*`, `c+`, `w/o`).
pub(super) fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace("w/o", " without ").replace("t2*", " t2star ");
    let lower = lower.replace("c+", " enhanced ").replace("+c", " enhanced ").replace("c-", " noncontrast ");
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_string).collect()
}

/// Whether the words hold one of these; several in a row are written with a space.
pub(super) fn says(words: &[String], any: &[&str]) -> bool {
    any.iter().any(|phrase| {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        words.windows(phrase.len()).any(|w| w.iter().zip(&phrase).all(|(a, b)| a == b))
    })
}
