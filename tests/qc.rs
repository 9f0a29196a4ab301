//! Every check finds its planted fault and is silent on the clean twin.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "qc/volumes.rs"]
mod volumes;

use std::collections::BTreeMap;

use common::series::{again, ct, framed, slice, with};
use gantry::harmonise::{self, Attributes, Rules};
use gantry::measure::grid::Labels;
use gantry::model::geometry::Orientation;
use gantry::model::{Finding, Header, Severity};
use gantry::qc::protocol::Protocol;
use gantry::qc::{
    self, CHECKS, Described, FrameStats, ImageStats, Input, InstancePixels, LABEL_CHECKS, LabelInput, Member,
    Nearest, Peers, Place, STUDY_CHECKS, SeriesPixels, Settings, Study, Twin,
};
use gantry::series::{Series, assemble};

/// Pixels as a scanner makes them: air, tissue, a little noise; no two slices alike.
fn pixels(series: &Series) -> SeriesPixels {
    let frame = |i: u32| FrameStats {
        min: 0.0,
        max: 2000.0,
        mean: 800.0,
        sd: 300.0,
        share_at_max: 1e-4,
        digest: i.into(),
        noise: Some(12.0),
        sharpness: Some(0.6),
    };
    (0..series.instances.len() as u32)
        .map(|i| (i, InstancePixels { frames: vec![frame(i)], error: None }))
        .collect()
}

fn findings(headers: Vec<Header>, change: impl FnOnce(&mut SeriesPixels)) -> Vec<Finding> {
    let series = assemble(headers).remove(0);
    let mut pixels = pixels(&series);
    change(&mut pixels);
    qc::run(&Input { pixels: Some(&pixels), ..Input::of(&series) }, |_| true)
}

/// The planted series raises exactly these checks.
fn raises(headers: Vec<Header>, expected: &[&str]) -> Vec<Finding> {
    let found = findings(headers, |_| ());
    let names: Vec<&str> = found.iter().map(|f| &*f.check).collect();
    assert_eq!(names, expected, "{found:#?}");
    found
}

/// The planted pixels raise exactly this check.
fn raises_by_pixels(expected: &str, change: impl FnOnce(&mut SeriesPixels)) {
    let found = findings(ct(12), change);
    let names: Vec<&str> = found.iter().map(|f| &*f.check).collect();
    assert_eq!(names, [expected], "{found:#?}");
}

fn changed(at: usize, change: impl FnOnce(Header) -> Header) -> Vec<Header> {
    let mut headers = ct(12);
    let header = headers.remove(at);
    headers.insert(at, change(header));
    headers
}

#[test]
fn clean_series_is_silent() {
    raises(ct(12), &[]);
    raises(ct(1), &[]);
    raises(ct(2), &[]);
}

#[test]
fn every_check_has_its_own_name_and_can_be_switched_off() {
    let mut names: Vec<&str> = CHECKS.iter().map(|c| c.id()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CHECKS.len());
    let mut headers = ct(12);
    headers.remove(5);
    let series = assemble(headers).remove(0);
    assert!(qc::run(&Input::of(&series), |c| c != "missing_slices").is_empty());
}

#[test]
fn missing_slices() {
    let mut headers = ct(12);
    headers.drain(5..7);
    let found = raises(headers, &["missing_slices"]);
    assert_eq!((found[0].severity, &found[0].evidence["missing"]), (Severity::Error, &2.into()));
    assert_eq!(found[0].evidence["places"][0]["after"], "1.2.3.4.4");
}

#[test]
fn uneven_spacing() {
    let found = raises(
        changed(6, |h| framed(h, |f| f.position_mm = Some([-160.0, -160.0, 15.6]))),
        &["uneven_spacing"],
    );
    assert_eq!(found[0].evidence["steps"], 2);
    // A hundredth of a millimetre is rounding.
    raises(changed(6, |h| framed(h, |f| f.position_mm = Some([-160.0, -160.0, 15.009]))), &[]);
}

#[test]
fn duplicated_slices() {
    let mut headers = ct(12);
    headers.push(again(&slice(3), 90));
    let found = raises(headers, &["duplicated_slices"]);
    assert_eq!(found[0].evidence["again"][0], "1.2.3.4.90");
    // A second volume in time is none.
    let second = |i| framed(again(&slice(i), 100 + i), |f| f.temporal_position = Some(2));
    let headers = ct(12).into_iter().map(|h| framed(h, |f| f.temporal_position = Some(1)));
    raises(headers.chain((0..12).map(second)).collect(), &[]);
}

#[test]
fn incomplete_volumes() {
    let at = |t: u32| {
        move |i: u32| framed(again(&slice(i), t * 100 + i), |f| f.temporal_position = Some(t as i32))
    };
    let headers: Vec<Header> = (1..4).flat_map(|t| (0..12).map(at(t))).filter(|h| h.source != 205).collect();
    let before = headers.iter().find(|h| h.source == 204).and_then(|h| h.sop_uid.clone()).unwrap();
    let found = raises(headers, &["incomplete_volumes"]);
    assert_eq!(found[0].evidence["holes"][0]["volume"], 2);
    assert_eq!(found[0].evidence["holes"][0]["beside"], *before, "a reviewer is led to the slice before it");
}

#[test]
fn mixed_matrix_orientation_and_spacing() {
    raises(changed(11, |h| with(h, |c| c.rows = Some(32))), &["mixed_matrix"]);
    let turned = Orientation::new([0.0, 1.0, 0.0, 0.0, 0.0, -1.0]);
    raises(changed(11, |h| framed(h, |f| f.orientation = turned)), &["mixed_orientation"]);
    raises(changed(11, |h| framed(h, |f| f.spacing_mm = Some([4.0, 4.0]))), &["mixed_spacing"]);
}

#[test]
fn declared_count() {
    let declare =
        |n| ct(12).into_iter().map(move |h| with(h, |c| c.series_related_instances = Some(n))).collect();
    raises(declare(12), &[]);
    let found = raises(declare(14), &["declared_count"]);
    assert_eq!((&found[0].evidence["declared"], &found[0].evidence["found"]), (&14.into(), &12.into()));
    let declare =
        |n| ct(12).into_iter().map(move |h| with(h, |c| c.images_in_acquisition = Some(n))).collect();
    raises(declare(12), &[]);
    raises(declare(13), &["declared_count"]);
}

#[test]
fn gantry_tilt() {
    let tilted = |degrees: f64| -> Vec<Header> {
        let shift = degrees.to_radians().tan() * 2.5;
        let place = |h: Header| {
            let i = f64::from(h.source);
            framed(h, |f| f.position_mm = Some([-160.0, -160.0 + shift * i, 2.5 * i]))
        };
        ct(12).into_iter().map(place).collect()
    };
    let found = raises(tilted(14.0), &["gantry_tilt"]);
    assert!((found[0].evidence["degrees"].as_f64().unwrap() - 14.0).abs() < 1e-6);
    raises(tilted(0.04), &[]);
}

#[test]
fn off_line() {
    raises(changed(6, |h| framed(h, |f| f.position_mm = Some([-155.0, -160.0, 15.0]))), &["off_line"]);
}

#[test]
fn not_a_volume() {
    let headers =
        (0..6).map(|i| framed(again(&slice(0), i), |f| f.acquisition_number = Some(i as i32))).collect();
    raises(headers, &["not_a_volume"]);
    let headers: Vec<Header> = ct(3).into_iter().map(|h| framed(h, |f| f.position_mm = None)).collect();
    raises(headers, &["not_a_volume"]);
}

#[test]
fn truncated_pixels() {
    let short = |mut h: Header| {
        h.pixel_bytes = Some(64 * 64 * 2 - 2);
        h
    };
    let found = raises(changed(4, short), &["truncated_pixels"]);
    assert_eq!(found[0].evidence["short"][0]["expected_bytes"], 8192);
    let padded = |mut h: Header| {
        h.pixel_bytes = Some(64 * 64 * 2 + 2);
        h
    };
    raises(changed(4, padded), &[]);
}

#[test]
fn identity() {
    raises(changed(4, |h| with(h, |c| c.study_uid = Some("1.2.9".into()))), &["study_uid_conflict"]);
    raises(changed(4, |h| with(h, |c| c.subject_digest = Some(8))), &["subject_conflict"]);
    let nameless = |mut h: Header| {
        h.sop_uid = None;
        h
    };
    raises(changed(4, nameless), &["missing_uid"]);
    let mut headers = ct(12);
    headers[4].pixel_digest = Some(1);
    headers.push(headers[4].clone());
    headers[12].source = 50;
    raises(headers.clone(), &["duplicate_instance"]);
    headers[12].pixel_digest = Some(2);
    raises(headers.clone(), &["duplicate_instance", "instance_conflict"]);
    (headers[12].pixel_digest, headers[12].header_digest) = (Some(1), 1234);
    raises(headers, &["duplicate_instance", "instance_conflict"]);
}

#[test]
fn attributes_that_contradict() {
    raises(changed(0, |h| with(h, |c| c.modality = Some("MR".into()))), &["modality_sop_class"]);
    raises(
        changed(4, |h| with(h, |c| c.frame_of_reference_uid = Some("1.9".into()))),
        &["frame_of_reference"],
    );
    raises(changed(4, |h| framed(h, |f| f.rescale = Some([1.0, -1000.0]))), &["inconsistent_rescale"]);
    let bare = |h| framed(h, |f| f.rescale = None);
    raises(ct(12).into_iter().map(bare).collect(), &["missing_rescale"]);
    let wide = |h| with(h, |c| (c.pixel.bits_stored, c.pixel.high_bit) = (16, Some(15)));
    raises(changed(4, wide), &["inconsistent_pixel_format"]);
    let sides = |h| with(h, |c| c.laterality = Some("L".into()));
    raises(ct(12).into_iter().map(sides).collect(), &[]);
    let headers = changed(4, |h| with(h, |c| c.laterality = Some("R".into())));
    raises(
        headers.into_iter().enumerate().map(|(i, h)| if i == 4 { h } else { sides(h) }).collect(),
        &["laterality_conflict"],
    );
    raises(changed(4, |h| with(h, |c| c.acquisition_date = Some(20_231_231))), &["date_order"]);
    raises(changed(4, |h| with(h, |c| c.born_after_study = true)), &["date_order"]);
    let mut headers = ct(12);
    headers[4].instance_number = Some(40);
    raises(headers, &["instance_order"]);
}

#[test]
fn pixels_that_are_wrong() {
    raises_by_pixels("blank_slices", |p| {
        let frame = &mut p.get_mut(&3).unwrap().frames[0];
        (frame.min, frame.max) = (100.0, 100.0);
    });
    raises_by_pixels("undecodable_pixels", |p| {
        p.insert(3, InstancePixels { frames: Vec::new(), error: Some("damaged".into()) });
    });
    raises_by_pixels("identical_slices", |p| p.get_mut(&3).unwrap().frames[0].digest = 4);
    raises_by_pixels("saturated_intensity", |p| {
        let frame = &mut p.get_mut(&3).unwrap().frames[0];
        (frame.max, frame.share_at_max) = (4095.0, 0.05);
    });
    raises_by_pixels("ct_air", |p| p.values_mut().for_each(|i| i.frames[0].min = 1024.0));
}

// Checks of what the headers say, and of protocols.

fn about(change: impl FnOnce(&mut Attributes)) -> Described {
    let mut attributes = Attributes {
        modality: Some("CT".into()),
        body_part: Some("CHEST".into()),
        description: Some("Thorax 1.25 mm".into()),
        kvp: Some(120.0),
        thickness_mm: Some(2.5),
        ..Attributes::default()
    };
    change(&mut attributes);
    let harmonised = harmonise::derive(&attributes, &Rules::default());
    Described { attributes, harmonised, instances: Vec::new() }
}

/// What is found on a clean series that says this of itself.
fn found_about(about: &Described, settings: &Settings) -> Vec<Finding> {
    let series = assemble(ct(12)).remove(0);
    qc::run(&Input { about: Some(about), settings, ..Input::of(&series) }, |_| true)
}

fn names(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| &*f.check).collect()
}

#[test]
fn body_part_conflict() {
    let nothing = Settings::default();
    assert_eq!(names(&found_about(&about(|_| ()), &nothing)), [""; 0]);
    // A heart is in the chest, and a description without a region contradicts nothing.
    for description in ["Coronary CTA", "1.25 mm B70f"] {
        let found = found_about(&about(|a| a.description = Some(description.into())), &nothing);
        assert_eq!(names(&found), [""; 0], "{description}");
    }
    let found = found_about(&about(|a| a.description = Some("Head routine".into())), &nothing);
    assert_eq!(names(&found), ["body_part_conflict"]);
    assert_eq!(
        (&found[0].evidence["header"], &found[0].evidence["words"]),
        (&"chest".into(), &"head".into())
    );
}

#[test]
fn contrast_conflict() {
    let nothing = Settings::default();
    let plain = |agent: Option<&str>| {
        about(|a| {
            a.description = Some("Chest plain".into());
            a.contrast_agent = agent.map(Into::into);
        })
    };
    assert_eq!(names(&found_about(&plain(None), &nothing)), [""; 0]);
    assert_eq!(names(&found_about(&plain(Some("NONE")), &nothing)), [""; 0]);
    assert_eq!(names(&found_about(&plain(Some("Ultravist 370")), &nothing)), ["contrast_conflict"]);
}

#[test]
fn protocol_deviation() {
    let protocol = Protocol::parse(
        "name = \"lung\"\n[[expect]]\nmatch = { modality = \"CT\", region = \"chest\" }\n\
         attributes = { kvp = { one_of = [100.0, 120.0] }, thickness_mm = { max = 2.5 } }\n",
    )
    .unwrap();
    let settings = Settings { protocols: vec![protocol], ..Settings::default() };
    assert_eq!(names(&found_about(&about(|_| ()), &settings)), [""; 0]);
    let found = found_about(&about(|a| (a.kvp, a.thickness_mm) = (Some(80.0), Some(5.0))), &settings);
    assert_eq!(names(&found), ["protocol_deviation"]);
    assert_eq!(found[0].evidence["deviations"].as_array().unwrap().len(), 2);
    // Another kind of series is none of the protocol's business.
    let head = about(|a| {
        (a.body_part, a.description, a.kvp) = (Some("HEAD".into()), None, Some(80.0));
    });
    assert_eq!(names(&found_about(&head, &settings)), [""; 0]);
}

#[test]
fn checks_are_set_in_the_configuration() {
    let qc_of =
        |text: &str| gantry::config::Config::parse(text, std::path::Path::new("gantry.toml")).unwrap().qc;
    let set = |text: &str| Settings::new(&qc_of(text), Vec::new());
    let settings = set("[qc.checks.saturated_intensity]\nthreshold = 0.1\nseverity = \"error\"").unwrap();
    let series = assemble(ct(12)).remove(0);
    let run = |share: f64, settings: &Settings| {
        let mut pixels = pixels(&series);
        let frame = &mut pixels.get_mut(&3).unwrap().frames[0];
        (frame.max, frame.share_at_max) = (4095.0, share);
        qc::run(&Input { pixels: Some(&pixels), settings, ..Input::of(&series) }, |_| true)
    };
    assert_eq!(names(&run(0.05, &settings)), [""; 0], "below the threshold that was set");
    let found = run(0.2, &settings);
    assert_eq!((names(&found)[0], found[0].severity), ("saturated_intensity", Severity::Error));
    let off = set("[qc]\noff = [\"saturated_intensity\"]").unwrap();
    assert_eq!(names(&run(0.2, &off)), [""; 0]);
    assert!(set("[qc.checks.saturated]\nenabled = false").unwrap_err().contains("no check is called"));
    assert!(set("[qc.checks.missing_slices]\nthreshold = 1.0").unwrap_err().contains("no threshold"));
}

#[test]
fn every_check_of_every_kind_has_its_own_name() {
    let mut all: Vec<&str> = qc::about_checks().map(|c| c.name).collect();
    let n = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), n);
    assert_eq!(n, CHECKS.len() + STUDY_CHECKS.len() + LABEL_CHECKS.len());
}

// Checks of studies.

/// A member as the checks of a clean study see it; `at` tells its series from others.
fn member(at: u32) -> Member {
    let headers =
        ct(12).into_iter().map(|h| with(h, |c| c.series_uid = Some(format!("1.2.3.4.{at}").into())));
    let series = assemble(headers).remove(0);
    let mut pixels = pixels(&series);
    for (i, instance) in &mut pixels {
        instance.frames[0].digest = u64::from(at * 100 + i);
    }
    let about = about(|a| a.description = Some(format!("Thorax {at}")));
    Member { site: Some("A".into()), ..Member::of(&series, &about, Some(&pixels)) }
}

fn in_study(members: &[Member], peers: &Peers) -> Vec<(usize, String, Severity)> {
    let settings = Settings::default();
    let found = qc::run_study(&Study { members, peers, settings: &settings }, |_| true);
    found.into_iter().map(|(at, f)| (at, f.check.into_owned(), f.severity)).collect()
}

/// The planted study raises exactly these.
fn raises_in_study(members: &[Member], expected: &[(usize, &str, Severity)]) {
    let found = in_study(members, &Peers::new());
    let found: Vec<_> = found.iter().map(|(at, check, severity)| (*at, &**check, *severity)).collect();
    assert_eq!(found, expected);
}

#[test]
fn clean_study_is_silent() {
    raises_in_study(&[member(1), member(2), member(3)], &[]);
    raises_in_study(&[], &[]);
}

#[test]
fn uid_reuse() {
    let mut members = [member(1), member(2)];
    members[0].shares_instances = vec![("1.2.3.4.2".into(), 3)];
    raises_in_study(&members, &[(0, "uid_reuse", Severity::Error)]);
}

#[test]
fn study_conflict() {
    let mut members = [member(1), member(2)];
    members[1].subjects = ["another".to_string()].into();
    let both = [(0, "study_conflict", Severity::Error), (1, "study_conflict", Severity::Error)];
    raises_in_study(&members, &both);
    let mut members = [member(1), member(2)];
    members[1].study_date = Some(20_240_102);
    let both = [(0, "study_conflict", Severity::Warning), (1, "study_conflict", Severity::Warning)];
    raises_in_study(&members, &both);
    let mut members = [member(1), member(2)];
    (members[0].age_years, members[1].age_years) = (Some(60.0), Some(61.0));
    raises_in_study(&members, &[]);
    members[1].age_years = Some(70.0);
    raises_in_study(&members, &both);
}

#[test]
fn study_frame_of_reference() {
    let mut members = [member(1), member(2)];
    members[1].modality = Some("PT".into());
    raises_in_study(&members, &[]);
    members[1].frames_of_reference = ["9.9".to_string()].into();
    raises_in_study(&members, &[(1, "study_frame_of_reference", Severity::Warning)]);
    // A label in another frame of reference than its series.
    let mut members = [member(1), member(2)];
    (members[1].modality, members[1].is_image) = (Some("SEG".into()), false);
    members[1].refers_to = vec![members[0].series_uid.clone()];
    raises_in_study(&members, &[]);
    members[1].frames_of_reference = ["9.9".to_string()].into();
    raises_in_study(&members, &[(1, "study_frame_of_reference", Severity::Error)]);
}

#[test]
fn doubled_series() {
    let mut members = [member(1), member(2), member(3)];
    members[2].stats = members[0].stats.clone();
    let both = [(0, "doubled_series", Severity::Warning), (2, "doubled_series", Severity::Warning)];
    raises_in_study(&members, &both);
}

#[test]
fn duplicate_pixels() {
    let twin = |subject: &str, site: &str| Twin {
        series_uid: "9.9".into(),
        study_uid: "9".into(),
        subject: subject.into(),
        site: site.into(),
    };
    let mut members = [member(1)];
    members[0].twins = vec![twin("another", "B")];
    raises_in_study(&members, &[(0, "duplicate_pixels", Severity::Error)]);
    let own = members[0].subjects.iter().next().unwrap().clone();
    members[0].twins = vec![twin(&own, "A")];
    raises_in_study(&members, &[(0, "duplicate_pixels", Severity::Warning)]);
}

#[test]
fn partial_series() {
    let mut members = [member(1), member(2)];
    members[1].plan = members[0].plan.clone();
    raises_in_study(&members, &[]);
    let extent = members[1].extent.as_mut().unwrap();
    (extent.slices, extent.along_mm) = (5, [0.0, 10.0]);
    raises_in_study(&members, &[(1, "partial_series", Severity::Warning)]);
    // Another plan, another place and another volume count are other series.
    let mut other = members.clone();
    other[1].plan = "other".into();
    raises_in_study(&other, &[]);
    let mut other = members.clone();
    other[1].extent.as_mut().unwrap().along_mm = [100.0, 110.0];
    raises_in_study(&other, &[]);
}

#[test]
fn outliers_among_series_of_the_same_scanner() {
    let usual = member(1).stats.unwrap();
    assert!(usual.noise.is_some() && usual.contrast.is_some() && usual.sharpness.is_some());
    // A scanner with some spread; the values of the series lie in the middle of it.
    let spread = |i: i32| 1.0 + 0.01 * f64::from(i - 15);
    let others: Vec<ImageStats> = (0..31)
        .map(|i| ImageStats {
            noise: usual.noise.map(|v| v * spread(i)),
            contrast: usual.contrast.map(|v| v * spread(i)),
            sharpness: usual.sharpness.map(|v| v * spread(i)),
            ..usual.clone()
        })
        .collect();
    let with_own = |own: &Member| {
        let mut all = others.clone();
        all.extend(own.stats.clone());
        Peers::from([(usual.kind.clone(), all)])
    };
    let clean = member(1);
    assert_eq!(in_study(std::slice::from_ref(&clean), &with_own(&clean)), []);
    let planted: [(&str, fn(&mut ImageStats)); 3] = [
        ("noise_outlier", |s| s.noise = s.noise.map(|v| v * 3.0)),
        ("contrast_outlier", |s| s.contrast = s.contrast.map(|v| v * 0.2)),
        ("sharpness_outlier", |s| s.sharpness = s.sharpness.map(|v| v * 0.1)),
    ];
    for (check, plant) in planted {
        let mut odd = member(1);
        plant(odd.stats.as_mut().unwrap());
        let found = in_study(std::slice::from_ref(&odd), &with_own(&odd));
        assert_eq!(found, [(0, check.to_string(), Severity::Warning)]);
        // Nineteen others say nothing.
        let few = Peers::from([(usual.kind.clone(), others[..19].to_vec())]);
        assert_eq!(in_study(std::slice::from_ref(&odd), &few), []);
    }
}

// Checks of labels.

/// A labelmap of 20 × 20 × 12 voxels with a ball in its middle.
fn ball(change: impl FnOnce(&mut dyn FnMut([usize; 3], u8))) -> Vec<u8> {
    let mut labels = vec![0; 20 * 20 * 12];
    for (at, label) in labels.iter_mut().enumerate() {
        let [x, y, z] = [at % 20, at / 20 % 20, at / 400].map(|v| v as f64);
        let r2 = (x - 9.5).powi(2) + (y - 9.5).powi(2) + (2.0 * (z - 5.5)).powi(2);
        *label = u8::from(r2 < 49.0);
    }
    change(&mut |[x, y, z], value| labels[x + 20 * (y + 20 * z)] = value);
    labels
}

fn label_findings(
    labels: Vec<u8>,
    names: &[(u32, &str)],
    outside: Option<&[bool]>,
    place: &Place,
) -> Vec<Finding> {
    let structures = qc::structures([20, 20, 12], &Labels::U8(labels));
    let names: BTreeMap<u32, String> = names.iter().map(|(n, name)| (*n, (*name).into())).collect();
    let input = LabelInput {
        shape: [20, 20, 12],
        spacing_mm: [1.0, 1.0, 2.0],
        voxel_mm3: 2.0,
        warnings: &[],
        affine_ras: [
            [1.0, 0.0, 0.0, -10.0],
            [0.0, 1.0, 0.0, -10.0],
            [0.0, 0.0, 2.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ],
        structures: &structures,
        names: &names,
        place,
        outside,
        settings: &Settings::default(),
    };
    qc::run_label(&input, |_| true)
}

fn raises_on_label(labels: Vec<u8>, names: &[(u32, &str)], expected: &[&str]) -> Vec<Finding> {
    let found = label_findings(labels, names, None, &Place::On { series_uid: None });
    let checks: Vec<&str> = found.iter().map(|f| &*f.check).collect();
    assert_eq!(checks, expected, "{found:#?}");
    found
}

#[test]
fn clean_label_is_silent() {
    raises_on_label(ball(|_| ()), &[], &[]);
    raises_on_label(ball(|_| ()), &[(1, "nodule")], &[]);
    let inside = vec![false; 20 * 20 * 12];
    assert_eq!(label_findings(ball(|_| ()), &[], Some(&inside), &Place::On { series_uid: None }), []);
}

#[test]
fn label_grid() {
    let nearest = Nearest { series_uid: Some("1.2".into()), shape: [20, 20, 11], corners_mm: 2.0 };
    let found = label_findings(ball(|_| ()), &[], None, &Place::Nowhere { nearest: Some(nearest) });
    assert_eq!((names(&found), found[0].severity), (vec!["label_grid"], Severity::Error));
    let found = label_findings(ball(|_| ()), &[], None, &Place::Unreadable { why: "colour".into() });
    assert_eq!(names(&found), ["label_grid"]);
}

#[test]
fn unknown_and_empty_values() {
    let found =
        raises_on_label(ball(|set| set([9, 9, 5], 7)), &[(1, "nodule")], &["unknown_value", "label_holes"]);
    assert_eq!(found[0].evidence["values"][0]["value"], 7);
    raises_on_label(vec![0; 20 * 20 * 12], &[], &["empty_label"]);
    let found = raises_on_label(ball(|_| ()), &[(1, "nodule"), (2, "effusion")], &["empty_label"]);
    assert_eq!(found[0].evidence["absent"][0], "effusion");
}

#[test]
fn label_outside_body() {
    let on = Place::On { series_uid: None };
    // Air right of column 12: a part of the ball lies in it.
    let air: Vec<bool> = (0..20 * 20 * 12).map(|at| at % 20 > 12).collect();
    let found = label_findings(ball(|_| ()), &[], Some(&air), &on);
    assert_eq!((names(&found), found[0].severity), (vec!["label_outside_body"], Severity::Warning));
    let air: Vec<bool> = (0..20 * 20 * 12).map(|at| at % 20 > 5).collect();
    assert_eq!(label_findings(ball(|_| ()), &[], Some(&air), &on)[0].severity, Severity::Error);
    // A voxel on the skin is no fault.
    let air: Vec<bool> = (0..20 * 20 * 12).map(|at| at == 3 + 20 * (9 + 20 * 5)).collect();
    assert_eq!(label_findings(ball(|_| ()), &[], Some(&air), &on), []);
}

#[test]
fn label_islands() {
    let found = raises_on_label(ball(|set| set([2, 2, 10], 1)), &[], &["label_islands"]);
    assert_eq!(found[0].evidence["slices"][0], 10);
}

#[test]
fn label_holes() {
    let found = raises_on_label(ball(|set| set([9, 9, 5], 0)), &[], &["label_holes"]);
    assert_eq!((found[0].severity, &found[0].evidence["volume_mm3"]), (Severity::Info, &2.0.into()));
    let large = ball(|set| {
        for x in 7..12 {
            for y in 7..12 {
                (4..7).for_each(|z| set([x, y, z], 0));
            }
        }
    });
    assert_eq!(raises_on_label(large, &[], &["label_holes"])[0].severity, Severity::Warning);
    // A cup is open.
    raises_on_label(ball(|set| (9..20).for_each(|y| set([9, y, 5], 0))), &[], &[]);
}

#[test]
fn label_border() {
    let found = raises_on_label(ball(|set| (0..4).for_each(|x| set([x, 9, 5], 1))), &[], &["label_border"]);
    assert_eq!(found[0].severity, Severity::Warning);
    let found = raises_on_label(ball(|set| (0..4).for_each(|z| set([9, 9, z], 1))), &[], &["label_border"]);
    assert_eq!(found[0].severity, Severity::Info, "organs go on beyond the scan");
}

#[test]
fn label_skipped_slices() {
    let without = |slices: std::ops::Range<usize>| {
        ball(|set| {
            for z in slices {
                (0..400).for_each(|at| set([at % 20, at / 20, z], 0));
            }
        })
    };
    let found = raises_on_label(without(5..6), &[], &["label_skipped_slices"]);
    assert_eq!(found[0].evidence["slices"], serde_json::json!([5]));
    // Two lesions far from one another are no lesion with a gap.
    let mut two = vec![0; 20 * 20 * 12];
    for x in 3..6 {
        for y in 3..6 {
            two[x + 20 * (y + 20 * 3)] = 1;
            two[x + 10 + 20 * (y + 10 + 20 * 5)] = 1;
        }
    }
    raises_on_label(two, &[], &[]);
}

#[test]
fn label_sides() {
    let two = |left_x: usize, right_x: usize| {
        let mut labels = vec![0; 20 * 20 * 12];
        for z in 4..7 {
            for y in 8..12 {
                labels[left_x + 20 * (y + 20 * z)] = 1;
                labels[right_x + 20 * (y + 20 * z)] = 2;
            }
        }
        labels
    };
    let names = [(1, "left_lung"), (2, "right_lung")];
    // RAS+: the patient's left has the smaller coordinate.
    raises_on_label(two(4, 15), &names, &[]);
    let found = raises_on_label(two(15, 4), &names, &["label_sides"]);
    assert_eq!(found[0].severity, Severity::Error);
}
