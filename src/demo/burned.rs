//! A dose report as a secondary capture, with name and number of the patient burned into its pixels.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;

use super::study::{Study, text, write};
use crate::dicom::Syntax;

/// Secondary Capture Image Storage.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const ROWS: usize = 320;
const COLUMNS: usize = 512;
/// Pixels of the screen for one of the font.
const ZOOM: usize = 2;

/// The file. With `cut`, it declares more frames than it has pixels for, so that nothing can look at all of them.
///
/// # Errors
/// As [`Study::files`].
pub fn dose_report(study: &Study, cut: bool) -> std::io::Result<Vec<u8>> {
    let uid = study.uid(90);
    let mut o = study.common(SECONDARY_CAPTURE, &uid, "CT");
    text(&mut o, tags::CONVERSION_TYPE, VR::CS, "WSD");
    text(&mut o, tags::SERIES_INSTANCE_UID, VR::UI, &study.uid(4));
    text(&mut o, tags::SERIES_NUMBER, VR::IS, "999");
    text(&mut o, tags::SERIES_DESCRIPTION, VR::LO, "Dose Report");
    text(&mut o, tags::INSTANCE_NUMBER, VR::IS, "1");
    text(&mut o, tags::PATIENT_ORIENTATION, VR::CS, "");
    let derived = ["DERIVED", "SECONDARY", "OTHER"].map(String::from).to_vec();
    o.put(DataElement::new(tags::IMAGE_TYPE, VR::CS, PrimitiveValue::Strs(derived.into())));
    text(&mut o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    if cut {
        text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, "2");
    }
    let numbers = [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, ROWS as u16),
        (tags::COLUMNS, COLUMNS as u16),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ];
    for (tag, value) in numbers {
        o.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(picture(study).into())));
    write(o, SECONDARY_CAPTURE, &uid, Syntax::EXPLICIT_LE)
}

fn picture(study: &Study) -> Vec<u8> {
    let name: String = study.person.name.chars().filter(char::is_ascii).collect();
    let dose = study.scanner.tube_ma * study.scanner.exposure_ms / 1000;
    let lines = [
        "DOSE REPORT".to_string(),
        format!("NAME: {}", name.replace('^', " ").to_uppercase()),
        format!("ID: {}", study.person.id),
        format!("BORN: {}", study.person.born),
        format!("DATE: {}", study.date),
        format!("CTDI VOL: {}.{} MGY", dose / 12, dose % 10),
        format!("DLP: {} MGY CM", dose * 3),
    ];
    let mut pixels = vec![0; ROWS * COLUMNS];
    for (i, line) in lines.iter().enumerate() {
        for (j, letter) in line.chars().enumerate() {
            draw(&mut pixels, letter, (24 + j * 6 * ZOOM, 24 + i * 18 * ZOOM));
        }
    }
    pixels
}

fn draw(pixels: &mut [u8], letter: char, (left, top): (usize, usize)) {
    let Some((_, rows)) = FONT.iter().find(|(c, _)| *c == letter) else { return };
    for (row, bits) in rows.iter().enumerate() {
        for column in (0..5).filter(|c| bits >> (4 - c) & 1 == 1) {
            for (dy, dx) in (0..ZOOM * ZOOM).map(|i| (i / ZOOM, i % ZOOM)) {
                let (y, x) = (top + row * ZOOM + dy, left + column * ZOOM + dx);
                if y < ROWS && x < COLUMNS {
                    pixels[y * COLUMNS + x] = 255;
                }
            }
        }
    }
}

/// Letters of 5 × 7 pixels, a row in the low five bits of a byte.
const FONT: [(char, [u8; 7]); 39] = [
    ('0', [14, 17, 19, 21, 25, 17, 14]),
    ('1', [4, 12, 4, 4, 4, 4, 14]),
    ('2', [14, 17, 1, 2, 4, 8, 31]),
    ('3', [31, 2, 4, 2, 1, 17, 14]),
    ('4', [2, 6, 10, 18, 31, 2, 2]),
    ('5', [31, 16, 30, 1, 1, 17, 14]),
    ('6', [6, 8, 16, 30, 17, 17, 14]),
    ('7', [31, 1, 2, 4, 8, 8, 8]),
    ('8', [14, 17, 17, 14, 17, 17, 14]),
    ('9', [14, 17, 17, 15, 1, 2, 12]),
    ('A', [14, 17, 17, 31, 17, 17, 17]),
    ('B', [30, 17, 17, 30, 17, 17, 30]),
    ('C', [14, 17, 16, 16, 16, 17, 14]),
    ('D', [28, 18, 17, 17, 17, 18, 28]),
    ('E', [31, 16, 16, 30, 16, 16, 31]),
    ('F', [31, 16, 16, 30, 16, 16, 16]),
    ('G', [14, 17, 16, 23, 17, 17, 15]),
    ('H', [17, 17, 17, 31, 17, 17, 17]),
    ('I', [14, 4, 4, 4, 4, 4, 14]),
    ('J', [7, 2, 2, 2, 2, 18, 12]),
    ('K', [17, 18, 20, 24, 20, 18, 17]),
    ('L', [16, 16, 16, 16, 16, 16, 31]),
    ('M', [17, 27, 21, 21, 17, 17, 17]),
    ('N', [17, 17, 25, 21, 19, 17, 17]),
    ('O', [14, 17, 17, 17, 17, 17, 14]),
    ('P', [30, 17, 17, 30, 16, 16, 16]),
    ('Q', [14, 17, 17, 17, 21, 18, 13]),
    ('R', [30, 17, 17, 30, 20, 18, 17]),
    ('S', [15, 16, 16, 14, 1, 1, 30]),
    ('T', [31, 4, 4, 4, 4, 4, 4]),
    ('U', [17, 17, 17, 17, 17, 17, 14]),
    ('V', [17, 17, 17, 17, 17, 10, 4]),
    ('W', [17, 17, 17, 21, 21, 21, 10]),
    ('X', [17, 17, 10, 4, 10, 17, 17]),
    ('Y', [17, 17, 17, 10, 4, 4, 4]),
    ('Z', [31, 1, 2, 4, 8, 16, 31]),
    (':', [0, 12, 12, 0, 12, 12, 0]),
    ('.', [0, 0, 0, 0, 0, 12, 12]),
    ('\'', [12, 4, 8, 0, 0, 0, 0]),
];
