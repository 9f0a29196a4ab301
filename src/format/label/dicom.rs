//! What all written DICOM labels share: the patient and study of their image, codes, references, numbers as text.

use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{LabelError, tags, write_whole};
use crate::dicom::{Charset, DataSet, Element, Syntax, write_to_as};
use crate::label::{Code, Image, PlacedStructure, SliceRef, TISSUE};
use crate::model::tags as standard;
use crate::model::{Tag, Vr};

/// Characters of a decimal string at most (PS3.5 section 6.2).
const DECIMAL_STRING: usize = 16;
/// Characters of a short name (LO).
const LONG_STRING: usize = 64;

/// An image that labels are written for: where it lies, and whose it is.
#[derive(Debug, Clone)]
pub struct SourceImage {
    /// Its voxels and instances.
    pub image: Image,
    /// Attributes of patient, study and frame of reference as its first instance has them, text in UTF-8.
    attributes: DataSet<'static>,
}

/// Attributes that a label takes from its image: tag, representation.
const TAKEN: [(Tag, Vr); 14] = [
    (standard::STUDY_DATE, Vr::DA),
    (standard::STUDY_TIME, Vr::TM),
    (standard::ACCESSION_NUMBER, Vr::SH),
    (standard::REFERRING_PHYSICIAN_NAME, Vr::PN),
    (standard::PATIENT_NAME, Vr::PN),
    (standard::PATIENT_ID, Vr::LO),
    (standard::PATIENT_BIRTH_DATE, Vr::DA),
    (standard::PATIENT_SEX, Vr::CS),
    (standard::STUDY_INSTANCE_UID, Vr::UI),
    (standard::STUDY_ID, Vr::SH),
    (standard::PATIENT_IDENTITY_REMOVED, Vr::CS),
    (standard::DEIDENTIFICATION_METHOD, Vr::LO),
    (standard::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, Vr::CS),
    (tags::PATIENT_ORIENTATION, Vr::CS),
];

impl SourceImage {
    /// An image and the header of its first instance.
    pub fn new(image: Image, first: &DataSet<'_>) -> Self {
        let charset = first.charset(&Charset::default());
        let mut attributes = DataSet::new();
        for (tag, vr) in TAKEN {
            let text = first.text(tag, &charset);
            // Some must be there, and may be empty (type 2).
            let optional = matches!(
                tag,
                standard::PATIENT_IDENTITY_REMOVED
                    | standard::DEIDENTIFICATION_METHOD
                    | standard::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED
                    | tags::PATIENT_ORIENTATION
            );
            if text.is_some() || !optional {
                attributes.put_str(tag, vr, text.as_deref().unwrap_or_default());
            }
        }
        Self { image, attributes }
    }

    /// When a label of it was made, as far as files say: the study's date and time, so that the same label is the same file.
    fn moment(&self) -> [String; 2] {
        let digits = |tag, least: usize| {
            self.attributes
                .ascii(tag)
                .filter(|t| t.len() >= least && t.bytes().take(least).all(|b| b.is_ascii_digit()))
        };
        let date = digits(standard::STUDY_DATE, 8).map_or("19000101", |d| &d[..8]);
        let time = digits(standard::STUDY_TIME, 6).map_or("000000", |t| &t[..6]);
        [date.to_owned(), time.to_owned()]
    }
}

/// A data set that is put together.
#[derive(Debug, Clone, Default)]
pub(super) struct Build(DataSet<'static>);

impl Build {
    /// Text: cut where its representation ends.
    pub fn text(mut self, tag: Tag, vr: Vr, text: &str) -> Self {
        self.0.put_str(tag, vr, text);
        self
    }

    /// A name of at most 64 characters, without what DICOM gives a meaning.
    pub fn name(self, tag: Tag, vr: Vr, text: &str) -> Self {
        let most = if vr == Vr::SH { 16 } else { LONG_STRING };
        let plain = text.chars().map(|c| if c == '\\' || c.is_control() { ' ' } else { c });
        let cut: String = plain.take(most).collect();
        self.text(tag, vr, cut.trim())
    }

    /// Unsigned 16-bit numbers.
    pub fn us(mut self, tag: Tag, values: &[u16]) -> Self {
        self.0.put(Element::new(
            tag,
            Vr::US,
            values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>(),
        ));
        self
    }

    /// Unsigned 32-bit numbers.
    pub fn ul(mut self, tag: Tag, values: &[u32]) -> Self {
        self.0.put(Element::new(
            tag,
            Vr::UL,
            values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>(),
        ));
        self
    }

    /// Attribute tags.
    pub fn at(mut self, tag: Tag, pointed: Tag) -> Self {
        let bytes = [pointed.group().to_le_bytes(), pointed.element().to_le_bytes()].concat();
        self.0.put(Element::new(tag, Vr::AT, bytes));
        self
    }

    /// Decimal strings.
    pub fn ds(self, tag: Tag, values: &[f64]) -> Self {
        let text: Vec<String> = values.iter().map(|v| decimal(*v)).collect();
        self.text(tag, Vr::DS, &text.join("\\"))
    }

    /// A sequence.
    pub fn seq(mut self, tag: Tag, items: Vec<Build>) -> Self {
        self.0.put(Element::sequence(tag, items.into_iter().map(|b| b.0).collect()));
        self
    }

    /// A sequence of one code.
    pub fn code(self, tag: Tag, code: &Code) -> Self {
        self.seq(tag, vec![coded(code)])
    }

    /// Bulk bytes.
    pub fn bytes(mut self, tag: Tag, vr: Vr, bytes: Vec<u8>) -> Self {
        self.0.put(Element::new(tag, vr, bytes));
        self
    }

    /// What every label file begins with: SOP, patient, study, series, equipment. `salt` is all that its UIDs depend on beside
    /// the image.
    pub fn object(source: &SourceImage, class: &str, modality: &str, salt: &[u8]) -> Self {
        let image = &source.image;
        let seed =
            [image.series_uid.as_deref().unwrap_or_default().as_bytes(), class.as_bytes(), salt].concat();
        let [date, time] = source.moment();
        let mut it = Self(source.attributes.clone());
        if modality != "SEG" || image.placed {
            it.0.remove(tags::PATIENT_ORIENTATION);
        }
        let it = it
            .text(standard::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 192")
            .text(standard::SOP_CLASS_UID, Vr::UI, class)
            .text(standard::SOP_INSTANCE_UID, Vr::UI, &uid(&[&seed, b"instance"]))
            .text(standard::SERIES_INSTANCE_UID, Vr::UI, &uid(&[&seed, b"series"]))
            .text(standard::MODALITY, Vr::CS, modality)
            .text(standard::SERIES_NUMBER, Vr::IS, "1000")
            .text(standard::INSTANCE_NUMBER, Vr::IS, "1")
            .text(standard::SERIES_DATE, Vr::DA, &date)
            .text(standard::SERIES_TIME, Vr::TM, &time)
            .text(standard::CONTENT_DATE, Vr::DA, &date)
            .text(standard::CONTENT_TIME, Vr::TM, &time)
            .text(standard::MANUFACTURER, Vr::LO, "Gantry")
            .text(standard::MANUFACTURER_MODEL_NAME, Vr::LO, "Gantry")
            .text(standard::DEVICE_SERIAL_NUMBER, Vr::LO, "none")
            .text(tags::SOFTWARE_VERSIONS, Vr::LO, env!("CARGO_PKG_VERSION"));
        match image.frame_of_reference.as_deref().filter(|_| image.placed) {
            Some(frame) => it.text(standard::FRAME_OF_REFERENCE_UID, Vr::UI, frame).text(
                tags::POSITION_REFERENCE_INDICATOR,
                Vr::LO,
                "",
            ),
            None => it,
        }
    }

    /// Without a frame of reference, which reports have not.
    pub fn without_frame_of_reference(mut self) -> Self {
        self.0.remove(standard::FRAME_OF_REFERENCE_UID);
        self.0.remove(tags::POSITION_REFERENCE_INDICATOR);
        self
    }

    /// Date and time of its content.
    pub fn moment(&self) -> [String; 2] {
        [standard::CONTENT_DATE, standard::CONTENT_TIME]
            .map(|tag| self.0.ascii(tag).unwrap_or_default().to_owned())
    }

    /// The SOP Instance UID.
    pub fn instance_uid(&self) -> String {
        self.0.ascii(standard::SOP_INSTANCE_UID).unwrap_or_default().to_owned()
    }

    /// The Series Instance UID.
    pub fn series_uid(&self) -> String {
        self.0.ascii(standard::SERIES_INSTANCE_UID).unwrap_or_default().to_owned()
    }

    /// Writes the file. Where a value is too long for the 16-bit length that its representation has, the data set is in
    /// Implicit VR, whose lengths have 32 bits.
    pub fn write(&self, path: &Path) -> Result<(), LabelError> {
        let syntax = if self.has_long_text() { Syntax::IMPLICIT_LE } else { Syntax::EXPLICIT_LE };
        write_whole(path, |out| {
            write_to_as(out, &self.0, syntax)?;
            Ok(out.flush()?)
        })
    }

    fn has_long_text(&self) -> bool {
        fn long(set: &DataSet<'_>) -> bool {
            set.elements().iter().any(|e| {
                e.items().iter().any(long)
                    || (!e.vr.has_long_length()
                        && e.bytes().is_some_and(|b| b.len() > usize::from(u16::MAX) - 1))
            })
        }
        long(&self.0)
    }
}

/// A number as a decimal string: the nearest that 16 characters hold.
pub(super) fn decimal(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".into();
    }
    let plain = format!("{value}");
    if plain.len() <= DECIMAL_STRING {
        return plain;
    }
    let short = |digits: usize| {
        let text = format!("{value:.digits$}");
        let text = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        };
        (text.len() <= DECIMAL_STRING).then_some(text)
    };
    let small = value.abs() < 1e-4;
    let fixed = if small { None } else { (0..=14).rev().find_map(short) };
    let scientific =
        || (0..=9).rev().map(|digits| format!("{value:.digits$e}")).find(|text| text.len() <= DECIMAL_STRING);
    match fixed.or_else(scientific) {
        Some(text) if text == "-0" => "0".into(),
        Some(text) => text,
        None => "0".into(),
    }
}

/// A UID that depends on these bytes alone: a UUID as PS3.5 annex B.2 has it.
pub(super) fn uid(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

/// A code as an item.
pub(super) fn coded(code: &Code) -> Build {
    let tag = if code.value.chars().count() > 16 { tags::LONG_CODE_VALUE } else { tags::CODE_VALUE };
    let vr = if tag == tags::CODE_VALUE { Vr::SH } else { Vr::UC };
    Build::default()
        .text(tag, vr, &code.value)
        .text(tags::CODING_SCHEME_DESIGNATOR, Vr::SH, &code.scheme)
        .name(tags::CODE_MEANING, Vr::LO, if code.meaning.is_empty() { &code.value } else { &code.meaning })
}

/// A code from an item.
pub(super) fn code_of(item: &DataSet<'_>, charset: &Charset) -> Option<Code> {
    let text = |tag| item.text(tag, charset);
    let value = text(tags::CODE_VALUE)
        .or_else(|| text(tags::LONG_CODE_VALUE))
        .or_else(|| text(tags::URN_CODE_VALUE))?;
    let scheme = text(tags::CODING_SCHEME_DESIGNATOR).unwrap_or_default();
    Some(Code { value, scheme, meaning: text(tags::CODE_MEANING).unwrap_or_default() })
}

/// A reference to a slice.
pub(super) fn reference(slice: &SliceRef) -> Build {
    let it = Build::default().text(standard::REFERENCED_SOP_CLASS_UID, Vr::UI, &slice.sop_class).text(
        standard::REFERENCED_SOP_INSTANCE_UID,
        Vr::UI,
        &slice.sop_uid,
    );
    match slice.frame {
        Some(frame) => it.text(standard::REFERENCED_FRAME_NUMBER, Vr::IS, &frame.to_string()),
        None => it,
    }
}

/// Each instance of an image once.
pub(super) fn instances(image: &Image) -> Vec<Build> {
    let mut seen = std::collections::BTreeSet::new();
    let whole = |s: &SliceRef| reference(&SliceRef { frame: None, ..s.clone() });
    image.slices.iter().filter(|s| seen.insert(&s.sop_uid)).map(whole).collect()
}

/// The category of what a structure is, where its file does not say it.
pub(super) fn category_of(structure: &PlacedStructure) -> Code {
    structure.category.clone().unwrap_or_else(|| TISSUE.into())
}

/// What a structure is; tissue where nothing is known.
pub(super) fn type_of(structure: &PlacedStructure) -> Code {
    structure.code.clone().unwrap_or_else(|| TISSUE.into())
}

/// Which object a structure is: as its file says, else its name on this image.
pub(super) fn tracking_of(structure: &PlacedStructure, image: &Image, place: usize) -> [String; 2] {
    if let Some(tracking) = &structure.tracking {
        return [tracking.id.clone(), tracking.uid.clone()];
    }
    let series = image.series_uid.as_deref().unwrap_or_default();
    let made =
        uid(&[series.as_bytes(), structure.name.as_bytes(), &(place as u64).to_le_bytes(), b"tracking"]);
    [structure.name.clone(), made]
}

/// A digest of all voxels and names, for UIDs that depend on content alone.
pub(super) fn content(structures: &[PlacedStructure]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for structure in structures {
        digest.update(structure.name.as_bytes());
        digest.update([0]);
        for run in structure.mask.runs() {
            digest.update(run.row.to_le_bytes());
            digest.update(run.from.to_le_bytes());
            digest.update(run.to.to_le_bytes());
        }
        if let Some((fraction, planes)) = &structure.values {
            digest.update(fraction.maximum.to_le_bytes());
            for (slice, plane) in planes {
                digest.update(slice.to_le_bytes());
                digest.update(plane);
            }
        }
        digest.update(structure.number.to_le_bytes());
    }
    digest.finalize().to_vec()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_sixteen_characters_and_lose_as_little_as_they_can() {
        for value in
            [0.1, -123.456_789_012_345_67, 1e-7 / 3.0, -1e-5 / 7.0, 123_456_789.123_456_79, 1e20 / 3.0, -0.0]
        {
            let text = decimal(value);
            assert!(text.len() <= DECIMAL_STRING, "{text}");
            let back: f64 = text.parse().unwrap();
            assert!((back - value).abs() <= 1e-8 * value.abs().max(1e-12), "{value} {text}");
        }
    }
}
