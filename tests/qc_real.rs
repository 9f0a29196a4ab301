//! What the checks find on the development data, every finding with why it is right. All other series are clean, and
//! every check is silent on them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;

use gantry::engine::tools::{gather, qc};
use gantry::qc::Settings;

/// The check, the series by the first of its files, and why it fires.
const EXPECTED: &[(&str, &[&str], &str)] = &[
    (
        "blank_slices",
        &["dcmqi/24x38x3/image/IMG0001.dcm", "dcmqi/24x38x3/multiframe/mf.dcm"],
        "a synthetic image: two of its three slices are zero everywhere",
    ),
    ("ct_air", &["dcmqi/24x38x3/image/IMG0001.dcm"], "the same: values from 0 on are no Hounsfield units"),
    (
        "doubled_series",
        &["dcmqi/24x38x3/image/IMG0001.dcm", "dcmqi/24x38x3/multiframe/mf.dcm"],
        "the multi-frame series was made from the other one",
    ),
    (
        "date_order",
        &[
            "highdicom/ct_image.dcm",
            "nema_wg04/CT1_J2KI",
            "nema_wg04/CT1_RLE",
            "nema_wg04/NM1_J2KI",
            "nema_wg04/NM1_RLE",
            "nema_wg04/RG3_J2KI",
            "nema_wg04/RG3_RLE",
        ],
        "their study dates were rewritten when they were published",
    ),
    (
        "declared_count",
        &[
            "dicom2nifti/generic/rgb/001/IM-0001-0001-0001.dcm",
            "pydicom/test_files/dicomdirtests/98892003/MR700/4467",
        ],
        "cut down for publication: 77 and 12 images are declared, 4 and 7 are here",
    ),
    (
        "duplicate_instance",
        &[
            "dcmqi/liver.dcm",
            "dicom2nifti/failing/slicecount/001/IM-0001-0001-0001.dcm",
            "dicom2nifti/ge/anatomical/001_implicit/IM-0001-0112-0001.dcm",
            "dicom2nifti/generic/compressed_jpegls/001/IM-0001-0001-0001.dcm",
            "highdicom/ct_image.dcm",
            "nema_wg04/MR1_J2KI",
            "nema_wg04/NM1_J2KI",
            "nema_wg04/US1_J2KI",
            "pydicom/charset_files/chrFren.dcm",
            "pydicom/charset_files/chrJapMulti.dcm",
            "pydicom/test_files/ExplVR_BigEndNoMeta.dcm",
            "pydicom/test_files/SC_jpeg_no_color_transform_2.dcm",
            "pydicom/test_files/SC_rgb_dcmtk_+eb+cr.dcm",
            "pydicom/test_files/SC_rgb_jpeg.dcm",
            "pydicom/test_files/badVR.dcm",
            "pydicom/test_files/reportsi.dcm",
            "pydicom/test_files/rtplan.dcm",
            "rt-utils/mock_data/invalid_reference_rt.dcm",
        ],
        "the same instance lies there in several encodings or folders, on purpose",
    ),
    (
        "instance_conflict",
        &[
            "dcmqi/liver.dcm",
            "highdicom/ct_image.dcm",
            "nema_wg04/MR1_J2KI",
            "nema_wg04/NM1_J2KI",
            "pydicom/charset_files/chrFren.dcm",
            "pydicom/charset_files/chrJapMulti.dcm",
            "pydicom/test_files/SC_rgb_dcmtk_+eb+cr.dcm",
            "pydicom/test_files/SC_rgb_jpeg.dcm",
            "pydicom/test_files/badVR.dcm",
            "pydicom/test_files/reportsi.dcm",
            "pydicom/test_files/rtplan.dcm",
            "rt-utils/mock_data/invalid_reference_rt.dcm",
        ],
        "test files made from others without a new SOP Instance UID: lossy, cut, damaged or edited",
    ),
    (
        "duplicate_pixels",
        &[
            "pydicom/charset_files/chrArab.dcm",
            "pydicom/charset_files/chrFren.dcm",
            "pydicom/charset_files/chrGerm.dcm",
            "pydicom/charset_files/chrGreek.dcm",
            "pydicom/charset_files/chrH31.dcm",
            "pydicom/charset_files/chrH32.dcm",
            "pydicom/charset_files/chrHbrw.dcm",
            "pydicom/charset_files/chrI2.dcm",
            "pydicom/charset_files/chrRuss.dcm",
            "pydicom/charset_files/chrX1.dcm",
            "pydicom/charset_files/chrX2.dcm",
        ],
        "one picture under eleven patients' names, to show character sets",
    ),
    (
        "duplicate_pixels",
        &[
            "dicom2nifti/hitachi/anatomical/001/001.dcm",
            "dicom2nifti/hitachi/anatomical/001_implicit/001.dcm",
        ],
        "one volume, again with implicit VR and new UIDs",
    ),
    ("gantry_tilt", &["dicom2nifti/failing/gantrytilting/001/IM-0001-0001.dcm"], "tilted by 14°"),
    (
        "inconsistent_pixel_format",
        &["nema_wg04/MR1_J2KI", "nema_wg04/NM1_J2KI", "pydicom/test_files/SC_rgb_dcmtk_+eb+cr.dcm"],
        "variants of one image with other bit depths under one series UID",
    ),
    (
        "missing_slices",
        &["dicom2nifti/failing/sliceincrement/001/IM-0001-0007-0001.dcm"],
        "made to lack a slice",
    ),
    (
        "missing_slices",
        &["pydicom/test_files/dicomdirtests/77654033/CT2/17106"],
        "four slices of a longer series were kept: three together and one 202.5 mm away",
    ),
    (
        "missing_uid",
        &["pydicom/charset_files/chrSQEncoding.dcm"],
        "files without identifiers, gathered by their missing study",
    ),
    (
        "mixed_matrix",
        &[
            "nema_wg04/US1_J2KI",
            "pydicom/charset_files/chrSQEncoding.dcm",
            "pydicom/test_files/SC_rgb_dcmtk_+eb+cr.dcm",
        ],
        "images of different size under one series UID, or none",
    ),
    (
        "mixed_orientation",
        &[
            "nema_multiframe/BRMULTI",
            "pydicom/test_files/dicomdirtests/98892001/CT2N/6293",
            "pydicom/test_files/dicomdirtests/98892003/MR2/4950",
            "pydicom/test_files/dicomdirtests/98892003/MR2/6273",
            "pydicom/test_files/dicomdirtests/98892003/MR700/4467",
        ],
        "localizers, scouts and projections, and an enhanced object of several planes",
    ),
    (
        "not_a_volume",
        &[
            "dicom2nifti/failing/notavolume/001/001.dcm",
            "nema_multiframe/BRTUMMM1",
            "nema_wg04/CT1_J2KI",
            "nema_wg04/MR1_J2KI",
        ],
        "images that repeat one position: bolus monitoring, metabolite maps, one slice in several encodings",
    ),
    (
        "undecodable_pixels",
        &["pydicom/charset_files/chrSQEncoding.dcm"],
        "damaged or emptied on purpose to test readers",
    ),
];

#[test]
fn what_fires_on_the_development_data_is_right() {
    let Some(shared) = common::shared() else { return };
    let root = shared.join("dicom");
    let counter = AtomicU64::new(0);
    let gathered = gather::gather(std::slice::from_ref(&root), true, &counter).unwrap();
    let mut first_file: BTreeMap<Option<String>, String> = BTreeMap::new();
    for series in &gathered.series {
        let sources = series
            .instances
            .iter()
            .flat_map(|i| std::iter::once(i.header.source).chain(i.copies.iter().map(|c| c.source)));
        let paths = sources.filter_map(|s| gathered.tree.path(s));
        let names = paths.filter_map(|p| Some(p.strip_prefix(&root).ok()?.to_string_lossy().into_owned()));
        first_file.insert(series.series_uid.as_deref().map(Into::into), names.min().unwrap());
    }
    let mut found: BTreeSet<(String, String)> = BTreeSet::new();
    let settings = Settings::default();
    let options = qc::Options { pixels: true, settings: &settings };
    let summary = qc::run(&gathered, options, &counter, |line| {
        let uid = line.series_uid.filter(|u| !u.is_empty());
        found.insert((line.check, first_file[&uid].clone()));
    });
    let expected: BTreeSet<(String, String)> = EXPECTED
        .iter()
        .flat_map(|(check, files, _)| files.iter().map(|f| ((*check).to_string(), (*f).to_string())))
        .collect();
    let invented: Vec<_> = found.difference(&expected).collect();
    let missed: Vec<_> = expected.difference(&found).collect();
    assert!(invented.is_empty() && missed.is_empty(), "not expected: {invented:#?}\nnot found: {missed:#?}");
    let touched: BTreeSet<&String> = found.iter().map(|(_, file)| file).collect();
    assert!(
        summary.series as usize > touched.len() + 70,
        "most series are clean: {} of {}",
        touched.len(),
        summary.series
    );
}
