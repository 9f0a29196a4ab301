//! Every check finds its planted fault and is silent on the clean twin.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::series::{again, ct, framed, slice, with};
use gantry::model::geometry::Orientation;
use gantry::model::{Finding, Header, Severity};
use gantry::qc::{self, CHECKS, FrameStats, Input, InstancePixels, SeriesPixels};
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
    let found = raises(headers, &["incomplete_volumes"]);
    assert_eq!(found[0].evidence["holes"][0]["volume"], 2);
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
    raises(changed(4, |h| with(h, |c| c.pixel.bits_stored = 16)), &["inconsistent_pixel_format"]);
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
