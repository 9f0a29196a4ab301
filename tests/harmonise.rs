//! Harmonised attributes of real headers: expected values by hand from what the vendors document, and from the words
//! that stand in the files.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;

use gantry::dicom;
use gantry::harmonise::{self, Attributes, Harmonised, NAMES, Rules, TARGETS};

fn of_file(path: &Path) -> (Attributes, Harmonised) {
    let attributes = dicom::with_header(path, |file, _| dicom::attributes(&file.dataset)).unwrap();
    let harmonised = harmonise::derive(&attributes, &Rules::default());
    (attributes, harmonised)
}

/// A value as text: words as they are, numbers as they print.
fn shown(h: &Harmonised, name: &str) -> String {
    match (h.text(name), h.number(name)) {
        (Some(text), _) => text.into(),
        (None, Some(number)) => number.to_string(),
        (None, None) => "–".into(),
    }
}

/// File below the development data, and what is to be derived from it. A dash: nothing may be.
const EXPECTED: &[(&str, &[(&str, &str)])] = &[
    // CT of GE: STANDARD is a soft tissue algorithm; Routine Brain, 1.1; the study says without contrast.
    (
        "pydicom/test_files/dicomdirtests/77654033/CT2/17106",
        &[
            ("family", "ct"),
            ("vendor", "ge"),
            ("device", "LightSpeed Plus"),
            ("region", "head"),
            ("kernel", "soft"),
            ("phase", "none"),
            ("kvp", "140"),
            ("exposure_mas", "420"),
            ("age_years", "42"),
            ("age_band", "40-49"),
            ("sex", "–"),
            ("sequence", "–"),
            ("field_t", "–"),
        ],
    ),
    // CT for coronary calcium: no body part, but SmartScore in the description; nothing is said of contrast.
    (
        "pydicom/test_files/dicomdirtests/98892001/CT5N/2062",
        &[
            ("region", "heart"),
            ("kernel", "soft"),
            ("sex", "male"),
            ("phase", "–"),
            ("kvp", "120"),
            ("exposure_mas", "98"),
        ],
    ),
    // Hitachi's kernel 11 is documented nowhere: unmapped, not guessed.
    (
        "pydicom/test_files/J2K_pixelrep_mismatch.dcm",
        &[("device", "Supria"), ("region", "head"), ("kernel", "–"), ("vendor", "–"), ("age_band", "70-79")],
    ),
    // "5/5mm Plain", made by nobody; STANDARD names GE's algorithm by itself.
    (
        "pydicom/test_files/693_J2KI.dcm",
        &[("phase", "none"), ("kernel", "soft"), ("vendor", "–"), ("region", "–")],
    ),
    // Siemens Avanto: 1.494 T is nominally 1.5; VIBE is a T1 gradient echo; Omniscan was given.
    (
        "pydicom/test_files/examples_overlay.dcm",
        &[
            ("vendor", "siemens"),
            ("device", "Avanto"),
            ("field_t", "1.5"),
            ("region", "abdomen"),
            ("sequence", "gradient_echo"),
            ("weighting", "t1"),
            ("phase", "enhanced"),
            ("sex", "male"),
            ("age_band", "50-59"),
            ("kernel", "–"),
        ],
    ),
    // GE functional MR: the region is coded T-A0100, Brain.
    (
        "dcm_qa_nih/In/20180918GE/mr_0004/axial_epi_fmri_interleaved_i_to_s-00001.dcm",
        &[
            ("vendor", "ge"),
            ("region", "head"),
            ("field_t", "3"),
            ("sequence", "echo_planar"),
            ("weighting", "bold"),
            ("age_band", "0"),
        ],
    ),
    (
        "dcm_qa_nih/In/20180918Si/mr_0003/epi_pe_ap-00001.dcm",
        &[
            ("vendor", "siemens"),
            ("device", "Skyra"),
            ("region", "head"),
            ("sequence", "echo_planar"),
            ("sex", "other"),
        ],
    ),
    // SE\IR with TI 2200 and TE 394: fluid is nulled.
    (
        "dicom2nifti/generic/anatomical/001_implicit/IM-0001-0001-0001.dcm",
        &[("sequence", "inversion_recovery"), ("weighting", "flair"), ("vendor", "–"), ("device", "TrioTim")],
    ),
    // GE BRAVO-like: gradient echo, TR 8.9, TE 3.2, TI 900, spoiled: T1.
    (
        "dicom2nifti/ge/anatomical/001/IM-0001-0112-0001.dcm",
        &[("vendor", "ge"), ("sequence", "gradient_echo"), ("weighting", "t1")],
    ),
    // Picker's Eclipse under Philips' name.
    (
        "pydicom/test_files/dicomdirtests/98892003/MR1/15820",
        &[
            ("vendor", "philips"),
            ("field_t", "1.5"),
            ("weighting", "localizer"),
            ("sequence", "gradient_echo"),
        ],
    ),
    (
        "nema_wg04/RG3_RLE",
        &[("family", "xray"), ("vendor", "fujifilm"), ("region", "extremity"), ("sex", "female")],
    ),
    (
        "pydicom/test_files/dicomdirtests/77654033/CR1/6154",
        &[("family", "xray"), ("region", "cervical_spine"), ("vendor", "agfa")],
    ),
    (
        "nema_wg04/US1_RLE",
        &[("family", "ultrasound"), ("vendor", "ge"), ("device", "LOGIQ 700"), ("kvp", "–")],
    ),
    (
        "rt-utils/mock_data/ct_1.dcm",
        &[("kernel", "soft"), ("vendor", "ge"), ("device", "Discovery MI"), ("exposure_mas", "32")],
    ),
];

#[test]
fn real_headers_mean_what_their_vendors_document() {
    let Some(shared) = common::shared() else { return };
    let mut wrong = Vec::new();
    for (file, expected) in EXPECTED {
        let (_, harmonised) = of_file(&shared.join("dicom").join(file));
        for (name, value) in *expected {
            let found = shown(&harmonised, name);
            if found != *value {
                wrong.push(format!("{file}: {name} is {found}, expected {value}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_coded_region_carries_its_code_and_where_it_comes_from() {
    let Some(shared) = common::shared() else { return };
    let file = "dicom/dcm_qa_nih/In/20180918GE/mr_0004/axial_epi_fmri_interleaved_i_to_s-00001.dcm";
    let (_, harmonised) = of_file(&shared.join(file));
    let region = harmonised.value("region").unwrap();
    // PS3.16 CID 4031: Brain is SCT 12738006, formerly SRT T-A0100.
    assert_eq!((region.code.as_deref(), &*region.from), (Some("SCT 12738006"), "Anatomic Region Sequence"));
}

#[test]
fn every_value_of_the_development_data_is_in_its_vocabulary() {
    let Some(shared) = common::shared() else { return };
    let tree =
        dicom::read_tree(&[shared.join("dicom")], false, &std::sync::atomic::AtomicU64::new(0)).unwrap();
    let mut seen = 0;
    for header in &tree.headers {
        let Some(path) = tree.path(header.source) else { continue };
        let (attributes, harmonised) = of_file(&path);
        for value in &harmonised.values {
            let target = TARGETS.iter().find(|t| t.name == value.name).expect("a known attribute");
            assert_eq!(value.number.is_some(), target.is_number, "{value:?}");
            if let Some(text) = &value.text {
                assert!(target.words.is_empty() || target.words.contains(&&**text), "{value:?}");
            }
            assert!(!value.from.is_empty());
        }
        // What goes into the catalog comes out of it.
        let json = serde_json::to_string(&attributes).unwrap();
        assert_eq!(serde_json::from_str::<Attributes>(&json).unwrap(), attributes);
        assert!(attributes.by_name().keys().all(|k| NAMES.contains(&&**k)));
        seen += 1;
    }
    assert!(seen > 900, "{seen}");
}

#[test]
fn coverage_names_what_is_unmapped() {
    let known = Attributes {
        modality: Some("CT".into()),
        manufacturer: Some("SIEMENS".into()),
        kernel: Some("B30f".into()),
        ..Attributes::default()
    };
    let unknown = Attributes { kernel: Some("Xyz".into()), ..known.clone() };
    let series: Vec<(Attributes, Harmonised)> = [known, unknown.clone(), unknown]
        .into_iter()
        .map(|a| {
            let h = harmonise::derive(&a, &Rules::default());
            (a, h)
        })
        .collect();
    let coverage = harmonise::coverage(series.iter().map(|(a, h)| (a, h)));
    let kernel = coverage.iter().find(|c| c.name == "kernel").unwrap();
    assert_eq!((kernel.series, kernel.mapped), (3, 1));
    assert_eq!(kernel.values, [("soft".to_string(), 1)]);
    assert_eq!((kernel.unmapped[0].series, &*kernel.unmapped[0].attributes["kernel"]), (2, "Xyz"));
    let field = coverage.iter().find(|c| c.name == "field_t").unwrap();
    assert_eq!(field.series, 0, "CT has none");
}
