//! A study: what is drawn for it, its images, and its files as the scanner writes them.

use std::io;

use dicom_core::value::{DataSetSequence, PixelFragmentSequence, Value};
use dicom_core::{DataElement, Length, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::mem::{InMemDicomObject, InMemElement};
use dicom_object::meta::FileMetaTableBuilder;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::faults::Fault;
use super::people::{PHYSICIANS, Person};
use super::phantom::{Nodule, Phantom, Plane};
use super::readers::Truth;
use super::rle;
use super::scanner::{MATRIX, SCANNERS, Scanner};
use crate::dicom::codec::RLE_LOSSLESS;
use crate::measure::agreement::bootstrap::SplitMix;

/// CT Image Storage.
pub const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// Implementation Class UID of the invented scanners.
const IMPLEMENTATION: &str = "2.25.156029304113285744719064512066129274823";
/// JPEG XL Lossless: a registered transfer syntax without a decoder here.
const NO_DECODER: &str = "1.2.840.10008.1.2.4.110";

/// What a study is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StudyPlan {
    /// The seed of the whole demo.
    pub seed: u64,
    /// Its number, from 1.
    pub number: usize,
    /// The subject's number.
    pub subject: usize,
    /// Index in [`SCANNERS`].
    pub scanner: usize,
    /// 0 for the first visit of the subject.
    pub visit: usize,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// A study before it is written.
#[derive(Debug, Clone)]
pub struct Study {
    /// What it was to be.
    pub plan: StudyPlan,
    /// The scanner.
    pub scanner: &'static Scanner,
    /// The subject.
    pub person: Person,
    /// Study Date, `YYYYMMDD`.
    pub date: String,
    /// Study Time, seconds of the day.
    pub second: u32,
    /// Modality, as written.
    pub modality: &'static str,
    /// Images that the protocol was to make.
    pub declared: usize,
    /// Its images.
    pub images: Vec<Image>,
    /// Nodules that are really there.
    pub nodules: Vec<Nodule>,
}

/// An image before it is written.
#[derive(Debug, Clone)]
pub struct Image {
    /// Instance Number.
    pub number: i32,
    /// SOP Instance UID.
    pub uid: String,
    /// Where it lies.
    pub plane: Plane,
    /// Stored values.
    pub stored: Vec<u16>,
    /// They are signed.
    pub signed: bool,
    /// Bytes that its pixel data is short of.
    pub lost_bytes: usize,
    /// It is said to be compressed in a way that nobody here can decode.
    pub broken: bool,
}

/// A file as the scanner sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// It is what the planted fault is about.
    pub marked: bool,
}

/// Plans of the first `count` studies: every fault once (as many as there are studies for), the others clean, some
/// of these second visits; in an order that the seed gives.
pub fn plans(seed: u64, count: usize) -> Vec<StudyPlan> {
    let mut random = SplitMix::new(seed, 1);
    let faulty = Fault::ALL.iter().take(count).enumerate().map(|(i, &fault)| StudyPlan {
        seed,
        number: 0,
        subject: i + 1,
        scanner: fault.scanner().unwrap_or(i % SCANNERS.len()),
        visit: 0,
        fault: Some(fault),
    });
    let mut all: Vec<StudyPlan> = faulty.collect();
    for i in all.len()..count {
        let clean = i - Fault::ALL.len();
        // Every fourth clean study is the second visit of the one before.
        let again = clean % 4 == 3;
        let subject = i + 1 - usize::from(again);
        all.push(StudyPlan {
            seed,
            number: 0,
            subject,
            scanner: (subject - 1) % SCANNERS.len(),
            visit: usize::from(again),
            fault: None,
        });
    }
    for i in (1..all.len()).rev() {
        all.swap(i, random.below(i + 1));
    }
    (1..).zip(&mut all).for_each(|(number, plan)| plan.number = number);
    all
}

/// The plan of study `number` of those that go on arriving; every third has a fault.
pub fn later(seed: u64, number: usize) -> StudyPlan {
    let fault = Fault::ALL[number % Fault::ALL.len()];
    let fault = number.is_multiple_of(3).then_some(fault);
    let scanner = fault.and_then(Fault::scanner).unwrap_or(number % SCANNERS.len());
    StudyPlan { seed, number, subject: number + 1000, scanner, visit: 0, fault }
}

impl Study {
    /// Makes the study: the same for the same plan.
    pub fn make(plan: StudyPlan) -> Self {
        let scanner = &SCANNERS[plan.scanner];
        let mut of_subject = SplitMix::new(plan.seed, 1000 + plan.subject as u64);
        let person = Person::draw(&mut of_subject, plan.subject);
        let span = scanner.step_mm * (scanner.slices - 1) as f64;
        let middle = -6.0 + 22.0 * of_subject.unit();
        let heights = [middle - span / 2.0, middle + span / 2.0];
        let nodules = 1 + of_subject.below(4);
        let phantom = Phantom::draw(&mut of_subject, person.female, nodules, heights);
        let day = of_subject.below(200) as i64 + 92 * plan.visit as i64;
        let mut random = SplitMix::new(plan.seed, 1_000_000 + plan.number as u64);
        let mut study = Self {
            plan,
            scanner,
            person,
            date: date(day),
            second: 8 * 3600 + random.below(9 * 3600) as u32,
            modality: "CT",
            declared: scanner.slices,
            images: Vec::new(),
            nodules: phantom.nodules.clone(),
        };
        study.images = study.scan(&phantom, middle);
        if let Some(fault) = plan.fault {
            fault.on_images(&mut study, &phantom, &mut random);
        }
        study
    }

    /// What is really there.
    pub fn truth(&self) -> Truth {
        Truth { number: self.plan.number, series_uid: self.uid(3), nodules: self.nodules.clone() }
    }

    /// Its files, in the order of their names.
    ///
    /// # Errors
    /// A value cannot be written in its character set: a defect of the demo.
    pub fn files(&self) -> io::Result<Vec<SourceFile>> {
        let mut files: Vec<SourceFile> = self
            .images
            .par_iter()
            .map(|image| {
                let name = format!("IM{:04}.dcm", image.number);
                Ok(SourceFile { name, bytes: self.encode(image)?, marked: false })
            })
            .collect::<io::Result<_>>()?;
        if let Some(fault) = self.plan.fault {
            let mut random = SplitMix::new(self.plan.seed, 2_000_000 + self.plan.number as u64);
            fault.on_files(self, &mut files, &mut random)?;
        }
        Ok(files)
    }

    fn scan(&self, phantom: &Phantom, middle_mm: f64) -> Vec<Image> {
        let (n, step) = (self.scanner.slices, self.scanner.step_mm);
        let tilt = self.plan.fault.map_or(0.0, Fault::tilt_degrees).to_radians();
        (0..n)
            .into_par_iter()
            .map(|k| {
                let along = (k as f64 - (n as f64 - 1.0) / 2.0) * step;
                let z = if self.scanner.head_first { middle_mm - along } else { middle_mm + along };
                let plane = self.plane([1.0, 0.0, 0.0], [0.0, tilt.cos(), tilt.sin()], [0.0, 0.0, z]);
                self.image(phantom, plane, k)
            })
            .collect()
    }

    /// A plane of the full matrix about a centre.
    fn plane(&self, row: [f64; 3], column: [f64; 3], centre: [f64; 3]) -> Plane {
        let pixel_mm = self.scanner.pixel_mm();
        let half = pixel_mm * (MATRIX as f64 - 1.0) / 2.0;
        let origin_mm = std::array::from_fn(|i| round(centre[i] - half * (row[i] + column[i])));
        Plane { origin_mm, row, column, pixel_mm, size: MATRIX }
    }

    fn image(&self, phantom: &Phantom, plane: Plane, index: usize) -> Image {
        let mut random = SplitMix::new(self.plan.seed, (self.plan.number as u64) << 32 | index as u64);
        Image {
            number: index as i32 + 1,
            uid: self.uid(index + 100),
            plane,
            stored: self.scanner.expose(phantom.cut(&plane), &mut random),
            signed: self.scanner.signed,
            lost_bytes: 0,
            broken: false,
        }
    }

    /// A coronal image through `y_mm`, as a reformat that strayed into the series.
    pub fn coronal(&self, phantom: &Phantom, y_mm: f64, random: &mut SplitMix) -> Image {
        let plane = self.plane([1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, y_mm, 0.0]);
        self.image(phantom, plane, 5_000 + random.below(1_000_000))
    }

    /// A UID of this study. 1 is the study, 2 the frame of reference, 3 the series; instances from 100.
    pub fn uid(&self, index: usize) -> String {
        let digest = Sha256::digest(format!("gantry demo {} {} {index}", self.plan.seed, self.plan.number));
        let number = digest.first_chunk::<16>().map_or(0, |head| u128::from_be_bytes(*head));
        format!("2.25.{number}")
    }

    /// The file of an image.
    ///
    /// # Errors
    /// As [`Study::files`].
    pub fn encode(&self, image: &Image) -> io::Result<Vec<u8>> {
        let mut object = self.common(CT_IMAGE, &image.uid, self.modality);
        self.put_series(&mut object);
        self.put_acquisition(&mut object, image);
        put_plane(&mut object, &image.plane);
        self.put_pixels(&mut object, image);
        let syntax = if image.broken { NO_DECODER } else { self.scanner.syntax };
        write(object, CT_IMAGE, &image.uid, syntax)
    }

    /// Patient, study and equipment.
    pub fn common(&self, class: &str, uid: &str, modality: &str) -> InMemDicomObject {
        let (person, scanner) = (&self.person, self.scanner);
        let mut o = InMemDicomObject::new_empty();
        let accession = format!("A{:07}", 4_000_000 + self.plan.number * 131);
        let physician = |i: usize| PHYSICIANS[(self.plan.number + i) % PHYSICIANS.len()];
        text(&mut o, tags::SPECIFIC_CHARACTER_SET, VR::CS, person.charset);
        text(&mut o, tags::SOP_CLASS_UID, VR::UI, class);
        text(&mut o, tags::SOP_INSTANCE_UID, VR::UI, uid);
        for tag in [tags::STUDY_DATE, tags::SERIES_DATE, tags::ACQUISITION_DATE, tags::CONTENT_DATE] {
            text(&mut o, tag, VR::DA, &self.date);
        }
        text(&mut o, tags::STUDY_TIME, VR::TM, &time(self.second));
        text(&mut o, tags::SERIES_TIME, VR::TM, &time(self.second + 150));
        text(&mut o, tags::ACCESSION_NUMBER, VR::SH, &accession);
        text(&mut o, tags::MODALITY, VR::CS, modality);
        text(&mut o, tags::MANUFACTURER, VR::LO, scanner.manufacturer);
        text(&mut o, tags::INSTITUTION_NAME, VR::LO, scanner.institution);
        text(&mut o, tags::INSTITUTION_ADDRESS, VR::ST, scanner.address);
        text(&mut o, tags::REFERRING_PHYSICIAN_NAME, VR::PN, physician(0));
        text(&mut o, tags::STATION_NAME, VR::SH, scanner.station);
        text(&mut o, tags::STUDY_DESCRIPTION, VR::LO, "CT Thorax");
        text(&mut o, tags::INSTITUTIONAL_DEPARTMENT_NAME, VR::LO, "Radiology");
        text(&mut o, tags::PERFORMING_PHYSICIAN_NAME, VR::PN, physician(2));
        text(&mut o, tags::OPERATORS_NAME, VR::PN, physician(4));
        text(&mut o, tags::MANUFACTURER_MODEL_NAME, VR::LO, scanner.model);
        text(&mut o, tags::PATIENT_NAME, VR::PN, &person.name);
        text(&mut o, tags::PATIENT_ID, VR::LO, &person.id);
        text(&mut o, tags::PATIENT_BIRTH_DATE, VR::DA, &person.born);
        text(&mut o, tags::PATIENT_SEX, VR::CS, if person.female { "F" } else { "M" });
        let year: i32 = self.date[..4].parse().unwrap_or(2025);
        text(&mut o, tags::PATIENT_AGE, VR::AS, &format!("{:03}Y", year - person.born_year));
        text(&mut o, tags::PATIENT_ADDRESS, VR::LO, &person.address);
        text(&mut o, tags::PATIENT_TELEPHONE_NUMBERS, VR::SH, &person.phone);
        text(&mut o, tags::DEVICE_SERIAL_NUMBER, VR::LO, scanner.serial);
        text(&mut o, tags::SOFTWARE_VERSIONS, VR::LO, scanner.software);
        text(&mut o, tags::STUDY_INSTANCE_UID, VR::UI, &self.uid(1));
        text(&mut o, tags::STUDY_ID, VR::SH, &format!("{}", 20_000 + self.plan.number));
        let mut request = InMemDicomObject::new_empty();
        text(&mut request, tags::REQUESTED_PROCEDURE_ID, VR::SH, &accession);
        text(&mut request, tags::REQUESTED_PROCEDURE_DESCRIPTION, VR::LO, "CT Thorax");
        text(&mut request, tags::SCHEDULED_PROCEDURE_STEP_ID, VR::SH, "1");
        let sequence = DataSetSequence::new(vec![request], Length::UNDEFINED);
        o.put(DataElement::new(tags::REQUEST_ATTRIBUTES_SEQUENCE, VR::SQ, Value::from(sequence)));
        o
    }

    fn put_series(&self, o: &mut InMemDicomObject) {
        text(o, tags::SERIES_INSTANCE_UID, VR::UI, &self.uid(3));
        text(o, tags::SERIES_NUMBER, VR::IS, "3");
        text(o, tags::SERIES_DESCRIPTION, VR::LO, self.scanner.description);
        text(o, tags::PROTOCOL_NAME, VR::LO, self.scanner.protocol);
        text(o, tags::BODY_PART_EXAMINED, VR::CS, "CHEST");
        text(o, tags::PATIENT_POSITION, VR::CS, "HFS");
        text(o, tags::FRAME_OF_REFERENCE_UID, VR::UI, &self.uid(2));
        text(o, tags::POSITION_REFERENCE_INDICATOR, VR::LO, "");
    }

    fn put_acquisition(&self, o: &mut InMemDicomObject, image: &Image) {
        let scanner = self.scanner;
        let axial = image.plane.column[1] > 0.5;
        o.put(DataElement::new(
            tags::IMAGE_TYPE,
            VR::CS,
            PrimitiveValue::Strs(["ORIGINAL", "PRIMARY", "AXIAL"].map(String::from).to_vec().into()),
        ));
        if !axial {
            let derived = ["DERIVED", "SECONDARY", "REFORMATTED"].map(String::from).to_vec();
            o.put(DataElement::new(tags::IMAGE_TYPE, VR::CS, PrimitiveValue::Strs(derived.into())));
        }
        let clock = time(self.second + 160);
        text(o, tags::ACQUISITION_TIME, VR::TM, &clock);
        text(o, tags::CONTENT_TIME, VR::TM, &clock);
        text(o, tags::SCAN_OPTIONS, VR::CS, "HELICAL MODE");
        number(o, tags::KVP, scanner.kvp);
        number(o, tags::DATA_COLLECTION_DIAMETER, 500.0);
        number(o, tags::RECONSTRUCTION_DIAMETER, scanner.field_mm);
        number(o, tags::GANTRY_DETECTOR_TILT, self.plan.fault.map_or(0.0, Fault::tilt_degrees));
        text(o, tags::EXPOSURE_TIME, VR::IS, &scanner.exposure_ms.to_string());
        text(o, tags::X_RAY_TUBE_CURRENT, VR::IS, &scanner.tube_ma.to_string());
        text(o, tags::EXPOSURE, VR::IS, &(scanner.tube_ma * scanner.exposure_ms / 1000).to_string());
        text(o, tags::CONVOLUTION_KERNEL, VR::SH, scanner.kernel_name);
        text(o, tags::ACQUISITION_NUMBER, VR::IS, "1");
        text(o, tags::INSTANCE_NUMBER, VR::IS, &image.number.to_string());
        number(o, tags::SLICE_THICKNESS, scanner.thickness_mm);
        if scanner.declares_count {
            text(o, tags::IMAGES_IN_ACQUISITION, VR::IS, &self.declared.to_string());
        }
        if axial {
            number(o, tags::SLICE_LOCATION, image.plane.origin_mm[2]);
        }
        text(o, tags::IMAGE_COMMENTS, VR::LT, &format!("Follow-up for {}", self.person.phone));
    }

    fn put_pixels(&self, o: &mut InMemDicomObject, image: &Image) {
        let scanner = self.scanner;
        let short = |o: &mut InMemDicomObject, tag, value: u16| {
            o.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        };
        short(o, tags::SAMPLES_PER_PIXEL, 1);
        text(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        short(o, tags::ROWS, image.plane.size as u16);
        short(o, tags::COLUMNS, image.plane.size as u16);
        short(o, tags::BITS_ALLOCATED, 16);
        short(o, tags::BITS_STORED, scanner.bits);
        short(o, tags::HIGH_BIT, scanner.bits - 1);
        short(o, tags::PIXEL_REPRESENTATION, u16::from(scanner.signed));
        if let Some(padding) = scanner.padding {
            let value = PrimitiveValue::from(padding as i16);
            o.put(DataElement::new(tags::PIXEL_PADDING_VALUE, VR::SS, value));
        }
        let pair = |a: f64, b: f64| PrimitiveValue::Strs(vec![decimal(a), decimal(b)].into());
        o.put(DataElement::new(tags::WINDOW_CENTER, VR::DS, pair(-600.0, 40.0)));
        o.put(DataElement::new(tags::WINDOW_WIDTH, VR::DS, pair(1500.0, 400.0)));
        number(o, tags::RESCALE_INTERCEPT, f64::from(scanner.intercept_hu));
        number(o, tags::RESCALE_SLOPE, 1.0);
        text(o, tags::RESCALE_TYPE, VR::LO, "HU");
        o.put(pixel_data(scanner.syntax, image));
    }
}

fn pixel_data(syntax: &str, image: &Image) -> InMemElement {
    if syntax != RLE_LOSSLESS {
        let kept = image.stored.len() - image.lost_bytes / 2;
        let value = PrimitiveValue::U16(image.stored[..kept].into());
        return DataElement::new(tags::PIXEL_DATA, VR::OW, value);
    }
    let frame = rle::encode(&image.stored, image.plane.size);
    let sequence = PixelFragmentSequence::new(vec![0_u32], vec![frame]);
    DataElement::new(tags::PIXEL_DATA, VR::OB, Value::from(sequence))
}

fn put_plane(o: &mut InMemDicomObject, plane: &Plane) {
    let decimals = |values: &[f64]| PrimitiveValue::Strs(values.iter().map(|v| decimal(*v)).collect());
    o.put(DataElement::new(tags::IMAGE_POSITION_PATIENT, VR::DS, decimals(&plane.origin_mm)));
    let orientation: Vec<f64> = plane.row.iter().chain(&plane.column).copied().collect();
    o.put(DataElement::new(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, decimals(&orientation)));
    o.put(DataElement::new(tags::PIXEL_SPACING, VR::DS, decimals(&[plane.pixel_mm, plane.pixel_mm])));
}

/// The whole file, with preamble and file meta information.
///
/// # Errors
/// A value cannot be written in its character set.
pub fn write(object: InMemDicomObject, class: &str, uid: &str, syntax: &str) -> io::Result<Vec<u8>> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(uid)
        .implementation_class_uid(IMPLEMENTATION)
        .implementation_version_name("INVENTED_1");
    let mut bytes = Vec::new();
    object.with_meta(meta).map_err(io::Error::other)?.write_all(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Puts a text value.
pub fn text(o: &mut InMemDicomObject, tag: dicom_core::Tag, vr: VR, value: &str) {
    o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

fn number(o: &mut InMemDicomObject, tag: dicom_core::Tag, value: f64) {
    text(o, tag, VR::DS, &decimal(value));
}

/// A decimal string of at most 16 characters.
fn decimal(value: f64) -> String {
    let text = format!("{value:.8}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Positions are written with micrometres.
fn round(mm: f64) -> f64 {
    (mm * 1000.0).round() / 1000.0
}

fn time(second: u32) -> String {
    format!("{:02}{:02}{:02}.000", second / 3600 % 24, second / 60 % 60, second % 60)
}

/// The day with this number, from the first of January 2025.
fn date(day: i64) -> String {
    let first = jiff::civil::date(2025, 1, 1);
    let date = first.checked_add(jiff::Span::new().days(day)).unwrap_or(first);
    date.strftime("%Y%m%d").to_string()
}
