//! DICOM structured reports of template TID 1500: measurements, what they were made on, and the regions that they hold.
//!
//! Written: one volumetric measurement group (TID 1411) a structure, with its volume and a reference to the segmentation
//! that is written beside the report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::dicom::{Build, code_of, coded, content, decimal, tracking_of, type_of, uid};
use super::seg;
use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, bytes_of, tags};
use crate::dicom::{self, Charset, DataSet, ReadOptions};
use crate::label::code::Term;
use crate::label::{
    Code, Contour, ContourKind, Drawing, Drawn, ImageRef, LabelSet, Measurement, Placed, PlacedStructure,
    Refused, Shape, Structure, Tracking, Warning,
};
use crate::model::{Vr, tags as standard};

const COMPREHENSIVE_3D: &str = "1.2.840.10008.5.1.4.1.1.88.34";
const CLASSES: [&str; 6] = [
    "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.22",
    "1.2.840.10008.5.1.4.1.1.88.33",
    COMPREHENSIVE_3D,
    "1.2.840.10008.5.1.4.1.1.88.35",
    "1.2.840.10008.5.1.4.1.1.88.50",
];
/// Content items deeper than this are not looked at.
const MOST_DEPTH: usize = 32;
/// Millimetres or pixels beyond which a point lies nowhere.
const FAR: f64 = 1e7;
/// Measurements of one file at most.
const MOST_MEASUREMENTS: usize = 1_000_000;

const GROUP: &str = "125007";
const TRACKING_IDENTIFIER: &str = "112039";
const TRACKING_UNIQUE_IDENTIFIER: &str = "112040";
const FINDING: &str = "121071";
const FINDING_SITE: &str = "363698007";
const DERIVATION: &str = "121401";
const METHOD: &str = "370129005";

/// The format.
pub(super) struct StructuredReport;

impl LabelFormat for StructuredReport {
    fn id(&self) -> FormatId {
        FormatId::Sr
    }

    fn probe(&self, probe: &Probe) -> bool {
        probe.is_class(&CLASSES)
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        let bytes = bytes_of(path)?;
        let file = dicom::read(&bytes, ReadOptions::default())?;
        Ok(read(&file.dataset))
    }

    fn write(&self, placed: &Placed, image: Option<&SourceImage>, path: &Path) -> Result<(), LabelError> {
        let image = image.ok_or(Refused::NoImage("a structured report refers to its images"))?;
        if !image.image.placed {
            let words = "the image has no position in a patient, and volumes have".to_owned();
            return Err(LabelError::CannotHold("no_position", words));
        }
        let segmentation = seg::written(placed, image);
        let beside = beside(path);
        segmentation.write(&beside)?;
        build(placed, image, Some(&segmentation), &[]).write(path).inspect_err(|_| {
            let _ = std::fs::remove_file(&beside);
        })
    }
}

/// What was said of an image, or of an object in it, with nothing drawn: a rating, a class, a measurement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statement {
    /// What it is said of, or what it is called.
    pub structure: String,
    /// The object that it is said of, from 1; none for the whole.
    pub instance: Option<u32>,
    /// Its coded meaning, such as `SCT:246205007`.
    pub code: Option<String>,
    /// The unit of a number, as UCUM writes it.
    pub unit: Option<String>,
    /// A number or a word.
    pub value: serde_json::Value,
}

/// Writes a report of structures and of statements. It refers to the segmentation that the format of DICOM segmentations
/// writes of the same structures, by its UIDs; that is not written here.
///
/// # Errors
/// There are structures and the image has no position, or the file cannot be written.
pub fn write_report(
    placed: &Placed,
    image: &SourceImage,
    statements: &[Statement],
    path: &Path,
) -> Result<(), LabelError> {
    if placed.structures.is_empty() {
        return build(placed, image, None, statements).write(path);
    }
    if !image.image.placed {
        let words = "the image has no position in a patient, and volumes have".to_owned();
        return Err(LabelError::CannotHold("no_position", words));
    }
    build(placed, image, Some(&seg::written(placed, image)), statements).write(path)
}

/// Where the segmentation of a report lies: `OUT.seg.dcm` beside `OUT.dcm`.
pub(super) fn beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}.seg.dcm"))
}

/// What a walk over the content finds.
#[derive(Default)]
struct Found {
    measurements: Vec<Measurement>,
    structures: Vec<Structure>,
    references: Vec<String>,
    series_uid: Option<String>,
    frame_of_reference: Option<String>,
    unread: usize,
}

fn read(set: &DataSet<'_>) -> LabelSet {
    let charset = set.charset(&Charset::default());
    let mut found = Found::default();
    walk(set, &charset, 0, &mut found);
    let template = set.item(tags::CONTENT_TEMPLATE_SEQUENCE).and_then(|t| t.ascii(tags::TEMPLATE_IDENTIFIER));
    let mut warnings = Vec::new();
    if template != Some("1500") {
        warnings.push(Warning::new(
            "template",
            "not a report of template TID 1500; its measurement groups are read",
        ));
    }
    if found.unread > 0 {
        let words =
            format!("{} regions are ellipses, other graphics, or no numbers, and are not read", found.unread);
        warnings.push(Warning::new("graphics", words));
    }
    found.references.sort_unstable();
    found.references.dedup();
    LabelSet {
        series_uid: found.series_uid,
        frame_of_reference: found.frame_of_reference,
        references: found.references,
        structures: found.structures,
        measurements: found.measurements,
        warnings,
        ..LabelSet::default()
    }
}

fn walk(item: &DataSet<'_>, charset: &Charset, depth: usize, found: &mut Found) {
    if depth > MOST_DEPTH {
        return;
    }
    if item.ascii(tags::VALUE_TYPE) == Some("IMAGE") {
        let images = item.items(tags::REFERENCED_SOP_SEQUENCE).iter();
        found
            .references
            .extend(images.filter_map(|i| i.ascii(standard::REFERENCED_SOP_INSTANCE_UID)).map(str::to_owned));
    }
    let concept = concept(item, charset);
    if concept.as_ref().is_some_and(|c| c.value == GROUP) {
        group(item, charset, found);
    }
    for child in item.items(tags::CONTENT_SEQUENCE) {
        walk(child, charset, depth + 1, found);
    }
}

fn concept(item: &DataSet<'_>, charset: &Charset) -> Option<Code> {
    code_of(item.item(tags::CONCEPT_NAME_CODE_SEQUENCE)?, charset)
}

/// The children of an item whose name has this code.
fn named<'i, 'a>(
    item: &'i DataSet<'a>,
    charset: &'i Charset,
    value: &'i str,
) -> impl Iterator<Item = &'i DataSet<'a>> {
    let is = move |child: &&DataSet<'a>| concept(child, charset).is_some_and(|c| c.value == value);
    item.items(tags::CONTENT_SEQUENCE).iter().filter(is)
}

/// The meaning of a coded child.
fn meaning(item: &DataSet<'_>, charset: &Charset, value: &str) -> Option<Code> {
    named(item, charset, value).find_map(|c| code_of(c.item(tags::CONCEPT_CODE_SEQUENCE)?, charset))
}

fn group(item: &DataSet<'_>, charset: &Charset, found: &mut Found) {
    let of = named(item, charset, TRACKING_IDENTIFIER).find_map(|c| c.text(tags::TEXT_VALUE, charset));
    let uid = named(item, charset, TRACKING_UNIQUE_IDENTIFIER)
        .find_map(|c| c.ascii(tags::UID_VALUE).map(str::to_owned));
    let site = meaning(item, charset, FINDING_SITE).map(|c| c.meaning);
    for child in item.items(tags::CONTENT_SEQUENCE) {
        match child.ascii(tags::VALUE_TYPE) {
            Some("NUM") if found.measurements.len() < MOST_MEASUREMENTS => {
                found.measurements.push(measurement(child, charset, of.as_deref(), site.as_deref()));
            }
            Some("UIDREF") if found.series_uid.is_none() => {
                let source = concept(child, charset).is_some_and(|c| c.value == "121232");
                found.series_uid = child.ascii(tags::UID_VALUE).filter(|_| source).map(str::to_owned);
            }
            _ => {}
        }
    }
    let shape = region(item, found);
    if !shape.is_nothing() {
        found.structures.push(Structure {
            number: None,
            name: of.clone().unwrap_or_default(),
            code: meaning(item, charset, FINDING),
            tracking: of.zip(uid).map(|(id, uid)| Tracking { id, uid }),
            shape,
            ..Structure::default()
        });
    }
}

fn measurement(item: &DataSet<'_>, charset: &Charset, of: Option<&str>, site: Option<&str>) -> Measurement {
    let name = concept(item, charset);
    let measured = item.item(tags::MEASURED_VALUE_SEQUENCE);
    let unit = measured.and_then(|m| code_of(m.item(tags::MEASUREMENT_UNITS_CODE_SEQUENCE)?, charset));
    let word = |value| meaning(item, charset, value).map(|c| c.meaning);
    Measurement {
        name: name.as_ref().map(|c| c.meaning.clone()).unwrap_or_default(),
        code: name,
        value: measured.and_then(|m| m.number(tags::NUMERIC_VALUE)),
        unit: unit.map(|u| u.value),
        of: of.map(str::to_owned),
        derivation: word(DERIVATION),
        method: word(METHOD),
        site: word(FINDING_SITE).or_else(|| site.map(str::to_owned)),
    }
}

/// The regions of a group: lines in space, or on images.
fn region(item: &DataSet<'_>, found: &mut Found) -> Shape {
    let (mut contours, mut drawings): (Vec<Contour>, BTreeMap<ImageRef, Vec<Vec<[f64; 2]>>>) =
        Default::default();
    for child in item.items(tags::CONTENT_SEQUENCE) {
        let numbers = child.numbers(tags::GRAPHIC_DATA);
        let kind = child.ascii(tags::VALUE_TYPE);
        let dimensions = if kind == Some("SCOORD") { 2 } else { 3 };
        let are_points = !numbers.is_empty() && numbers.len().is_multiple_of(dimensions);
        if matches!(kind, Some("SCOORD" | "SCOORD3D"))
            && !(are_points && numbers.iter().all(|v| v.abs() <= FAR))
        {
            found.unread += 1;
            continue;
        }
        match (kind, child.ascii(tags::GRAPHIC_TYPE)) {
            (Some("SCOORD3D"), Some(kind @ ("POLYGON" | "POLYLINE" | "POINT" | "MULTIPOINT"))) => {
                let points_mm = numbers.as_chunks::<3>().0.to_vec();
                let kind = match kind {
                    "POLYGON" => ContourKind::Closed,
                    "POLYLINE" => ContourKind::Open,
                    _ => ContourKind::Point,
                };
                let frame = child.ascii(tags::REFERENCED_FRAME_OF_REFERENCE_UID).map(str::to_owned);
                found.frame_of_reference = found.frame_of_reference.take().or(frame);
                contours.push(Contour { kind, points_mm });
            }
            (Some("SCOORD"), Some("POLYLINE")) => {
                // Pixel coordinates have the first pixel's upper left corner at 0.
                let points: Vec<[f64; 2]> =
                    numbers.as_chunks::<2>().0.iter().map(|p| p.map(|v| v - 0.5)).collect();
                let closed = points.len() > 3 && points.first() == points.last();
                let image = child.items(tags::CONTENT_SEQUENCE).iter().find_map(image_of);
                match image.filter(|_| closed) {
                    Some(image) => drawings.entry(image).or_default().push(points),
                    None => found.unread += 1,
                }
            }
            (Some("SCOORD3D" | "SCOORD"), _) => found.unread += 1,
            _ => {}
        }
    }
    if !contours.is_empty() {
        return Shape::Contours(contours);
    }
    if drawings.is_empty() {
        return Shape::Nothing;
    }
    let drawing = |(image, outlines)| Drawing { image, drawn: Drawn::Area(outlines) };
    found.references.extend(drawings.keys().map(|image| image.uid.clone()));
    Shape::Drawn(drawings.into_iter().map(drawing).collect())
}

fn image_of(item: &DataSet<'_>) -> Option<ImageRef> {
    let image = item.item(tags::REFERENCED_SOP_SEQUENCE)?;
    let uid = image.ascii(standard::REFERENCED_SOP_INSTANCE_UID)?.to_owned();
    let frame = image.integer(standard::REFERENCED_FRAME_NUMBER).and_then(|n| u32::try_from(n).ok());
    Some(ImageRef { uid, frame })
}

/// A content item: relationship (none for the root), kind and name.
fn content_item(relationship: &str, kind: &str, name: Term) -> Build {
    Build::default()
        .text(tags::RELATIONSHIP_TYPE, Vr::CS, relationship)
        .text(tags::VALUE_TYPE, Vr::CS, kind)
        .code(tags::CONCEPT_NAME_CODE_SEQUENCE, &name.into())
}

fn container(relationship: &str, name: Term, template: Option<&str>, items: Vec<Build>) -> Build {
    let it =
        content_item(relationship, "CONTAINER", name).text(tags::CONTINUITY_OF_CONTENT, Vr::CS, "SEPARATE");
    let it = match template {
        Some(template) => it.seq(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template_of(template)]),
        None => it,
    };
    it.seq(tags::CONTENT_SEQUENCE, items)
}

fn template_of(identifier: &str) -> Build {
    Build::default().text(tags::MAPPING_RESOURCE, Vr::CS, "DCMR").text(
        tags::TEMPLATE_IDENTIFIER,
        Vr::CS,
        identifier,
    )
}

fn code_item(relationship: &str, name: Term, code: &Code) -> Build {
    content_item(relationship, "CODE", name).code(tags::CONCEPT_CODE_SEQUENCE, code)
}

fn build(
    placed: &Placed,
    source: &SourceImage,
    segmentation: Option<&Build>,
    statements: &[Statement],
) -> Build {
    let image = &source.image;
    let structures = placed.structures.iter().enumerate();
    let of_structures =
        segmentation.into_iter().flat_map(|seg| structures.clone().map(|s| group_of(placed, source, seg, s)));
    let groups: Vec<Build> =
        of_structures.chain(statements.iter().map(|statement| statement_group(statement, source))).collect();
    let device = uid(&[b"gantry", env!("CARGO_PKG_VERSION").as_bytes(), b"device"]);
    let items = vec![
        code_item(
            "HAS CONCEPT MOD",
            ["DCM", "121049", "Language of Content Item and Descendants"],
            &["RFC5646", "en", "English"].into(),
        ),
        code_item("HAS OBS CONTEXT", ["DCM", "121005", "Observer Type"], &["DCM", "121007", "Device"].into()),
        content_item("HAS OBS CONTEXT", "UIDREF", ["DCM", "121012", "Device Observer UID"]).text(
            tags::UID_VALUE,
            Vr::UI,
            &device,
        ),
        content_item("HAS OBS CONTEXT", "TEXT", ["DCM", "121013", "Device Observer Name"]).text(
            tags::TEXT_VALUE,
            Vr::UT,
            "Gantry",
        ),
        code_item(
            "HAS CONCEPT MOD",
            ["DCM", "121058", "Procedure reported"],
            &["SCT", "363679005", "Imaging procedure"].into(),
        ),
        container("CONTAINS", ["DCM", "126010", "Imaging Measurements"], None, groups),
    ];
    let series = |uid: &str, instances| {
        Build::default()
            .text(standard::SERIES_INSTANCE_UID, Vr::UI, uid)
            .seq(tags::REFERENCED_SOP_SEQUENCE, instances)
    };
    let referred =
        segmentation.map(|segmentation| {
            let reference = Build::default()
                .text(standard::REFERENCED_SOP_CLASS_UID, Vr::UI, seg::WRITTEN)
                .text(standard::REFERENCED_SOP_INSTANCE_UID, Vr::UI, &segmentation.instance_uid());
            series(&segmentation.series_uid(), vec![reference])
        });
    let of_image = series(image.series_uid.as_deref().unwrap_or_default(), super::dicom::instances(image));
    let evidence = Build::default()
        .text(standard::STUDY_INSTANCE_UID, Vr::UI, image.study_uid.as_deref().unwrap_or_default())
        .seq(standard::REFERENCED_SERIES_SEQUENCE, referred.into_iter().chain([of_image]).collect());
    let said: Vec<u8> = statements.iter().flat_map(|s| format!("{s:?}").into_bytes()).collect();
    let salt = [content(&placed.structures), said, b"report".to_vec()].concat();
    Build::object(source, COMPREHENSIVE_3D, "SR", &salt)
        .without_frame_of_reference()
        .text(tags::VALUE_TYPE, Vr::CS, "CONTAINER")
        .code(tags::CONCEPT_NAME_CODE_SEQUENCE, &["DCM", "126000", "Imaging Measurement Report"].into())
        .text(tags::CONTINUITY_OF_CONTENT, Vr::CS, "SEPARATE")
        .text(tags::COMPLETION_FLAG, Vr::CS, "COMPLETE")
        .text(tags::VERIFICATION_FLAG, Vr::CS, "UNVERIFIED")
        .seq(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template_of("1500")])
        .seq(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new())
        .seq(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new())
        .seq(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![evidence])
        .seq(tags::CONTENT_SEQUENCE, items)
}

/// One statement, as a group of template TID 1501.
fn statement_group(statement: &Statement, source: &SourceImage) -> Build {
    let name = match statement.instance {
        Some(instance) => format!("{} {instance}", statement.structure),
        None => statement.structure.clone(),
    };
    let series = source.image.series_uid.as_deref().unwrap_or_default();
    let tracked = uid(&[series.as_bytes(), name.as_bytes(), b"statement"]);
    let concept = match statement.code.as_deref().and_then(|code| code.split_once(':')) {
        Some((scheme, value)) => Code::new(scheme.trim(), value.trim(), &statement.structure),
        None => Code::new("99GANTRY", &statement.structure, &statement.structure),
    };
    let value = match &statement.value {
        serde_json::Value::Number(number) => {
            let unit = statement
                .unit
                .as_deref()
                .map_or_else(|| Code::new("UCUM", "1", "no units"), |unit| Code::new("UCUM", unit, unit));
            let measured = Build::default()
                .text(tags::NUMERIC_VALUE, Vr::DS, &decimal(number.as_f64().unwrap_or_default()))
                .seq(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, vec![coded(&unit)]);
            said_item("NUM", &concept).seq(tags::MEASURED_VALUE_SEQUENCE, vec![measured])
        }
        serde_json::Value::String(word) => said_item("TEXT", &concept).text(tags::TEXT_VALUE, Vr::UT, word),
        other => said_item("TEXT", &concept).text(tags::TEXT_VALUE, Vr::UT, &other.to_string()),
    };
    let [id, unique] = tracking_items(&name, &tracked);
    container("CONTAINS", ["DCM", GROUP, "Measurement Group"], Some("1501"), vec![id, unique, value])
}

fn said_item(kind: &str, concept: &Code) -> Build {
    Build::default()
        .text(tags::RELATIONSHIP_TYPE, Vr::CS, "CONTAINS")
        .text(tags::VALUE_TYPE, Vr::CS, kind)
        .code(tags::CONCEPT_NAME_CODE_SEQUENCE, concept)
}

/// Which object a group is about: a name, and a UID.
fn tracking_items(name: &str, tracked: &str) -> [Build; 2] {
    [
        content_item("HAS OBS CONTEXT", "TEXT", ["DCM", TRACKING_IDENTIFIER, "Tracking Identifier"]).text(
            tags::TEXT_VALUE,
            Vr::UT,
            name,
        ),
        content_item(
            "HAS OBS CONTEXT",
            "UIDREF",
            ["DCM", TRACKING_UNIQUE_IDENTIFIER, "Tracking Unique Identifier"],
        )
        .text(tags::UID_VALUE, Vr::UI, tracked),
    ]
}

/// One structure: its volume, and the segment that it is.
fn group_of(
    placed: &Placed,
    source: &SourceImage,
    segmentation: &Build,
    (place, structure): (usize, &PlacedStructure),
) -> Build {
    let image = &source.image;
    let [id, tracked] = tracking_of(structure, image, place);
    let segment = Build::default()
        .text(standard::REFERENCED_SOP_CLASS_UID, Vr::UI, seg::WRITTEN)
        .text(standard::REFERENCED_SOP_INSTANCE_UID, Vr::UI, &segmentation.instance_uid())
        .us(tags::REFERENCED_SEGMENT_NUMBER, &[place as u16 + 1]);
    let volume = placed.volume_mm3(structure).unwrap_or_default();
    let measured = Build::default()
        .text(tags::NUMERIC_VALUE, Vr::DS, &decimal(volume))
        .seq(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, vec![coded(&["UCUM", "mm3", "cubic millimeter"].into())]);
    let id = if id.contains(&structure.name) { id } else { structure.name.clone() };
    let [named, unique] = tracking_items(&id, &tracked);
    let items = vec![
        named,
        unique,
        code_item("CONTAINS", ["DCM", FINDING, "Finding"], &type_of(structure)),
        content_item("CONTAINS", "IMAGE", ["DCM", "121191", "Referenced Segment"])
            .seq(tags::REFERENCED_SOP_SEQUENCE, vec![segment]),
        content_item("CONTAINS", "UIDREF", ["DCM", "121232", "Source series for segmentation"]).text(
            tags::UID_VALUE,
            Vr::UI,
            image.series_uid.as_deref().unwrap_or_default(),
        ),
        content_item("CONTAINS", "NUM", ["SCT", "118565006", "Volume"])
            .seq(tags::MEASURED_VALUE_SEQUENCE, vec![measured]),
    ];
    container("CONTAINS", ["DCM", GROUP, "Measurement Group"], Some("1411"), items)
}
