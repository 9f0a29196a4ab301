//! Checks of what a volume is made of: rescale, bits, times, kinds of slices, protocols.

use gantry::harmonise::Rules;
use gantry::model::{Header, Severity};
use gantry::qc::protocol::Protocol;
use gantry::qc::{self, Input, SameAttributes, Settings};
use gantry::series::assemble;

use super::common::series::{again, ct, framed, slice, with};
use super::{about, changed, raises};

#[test]
fn a_rescale_that_some_images_lack_is_an_error_of_any_modality() {
    for modality in ["MR", "PT", "NM"] {
        let of = |h: Header| {
            with(h, |c| {
                c.modality = Some(modality.into());
                c.sop_class = None;
            })
        };
        let headers = changed(4, |h| framed(h, |f| f.rescale = None)).into_iter().map(of).collect();
        let found = raises(headers, &["partial_rescale"]);
        assert_eq!((found[0].severity, &found[0].evidence["without"]), (Severity::Error, &1.into()));
        assert!(found[0].message.contains("1 of 12"), "{}", found[0].message);
        let none = ct(12).into_iter().map(|h| of(framed(h, |f| f.rescale = None))).collect();
        raises(none, &[]);
    }
}

#[test]
fn a_slope_of_zero_says_how_many() {
    let zero = |h| framed(h, |f| f.rescale = Some([0.0, 0.0]));
    let mut headers = ct(12);
    headers[3] = zero(headers[3].clone());
    headers[7] = zero(headers[7].clone());
    let found = raises(headers, &["inconsistent_rescale", "zero_slope"]);
    assert_eq!((found[1].severity, &found[1].evidence["images"]), (Severity::Error, &2.into()));
}

#[test]
fn a_high_bit_other_than_bits_stored_minus_one() {
    let high = |bit: u16| move |h: Header| with(h, |c| c.pixel.high_bit = Some(bit));
    raises(ct(12).into_iter().map(high(11)).collect(), &[]);
    let found = raises(ct(12).into_iter().map(high(15)).collect(), &["high_bit"]);
    assert_eq!(found[0].evidence["instances"], 12);
}

#[test]
fn frames_that_are_not_even() {
    let series = |times: [f64; 4]| -> Vec<Header> {
        let at =
            |t: usize, k: u32| framed(again(&slice(k), t as u32 * 3 + k), |f| f.acquired_s = Some(times[t]));
        (0..4).flat_map(|t| (0..3).map(move |k| (t, k))).map(|(t, k)| at(t, k)).collect()
    };
    raises(series([0.0, 5.0, 10.0, 15.0]), &[]);
    let found = raises(series([0.0, 5.0, 10.0, 30.0]), &["uneven_frames"]);
    assert_eq!(found[0].evidence["starts_s"], serde_json::json!([0.0, 5.0, 10.0, 30.0]));
}

#[test]
fn a_volume_of_several_kinds_is_an_error() {
    // Positions repeat in time, and every volume holds two weightings.
    let headers = (0..2).flat_map(|t| (0..6).map(move |k| (t, k))).map(|(t, k)| {
        framed(again(&slice(k), t * 6 + k), |f| {
            f.temporal_position = Some(t as i32 + 1);
            f.b_value = Some(if k % 2 == 0 { 0.0 } else { 1000.0 });
        })
    });
    let series = assemble(headers).remove(0);
    let whole: usize = series.stacks.iter().map(|s| s.slices.len()).sum();
    assert_eq!(whole, 12);
    let found = qc::run(&Input::of(&series), |_| true);
    let mixed = series.stacks.len() == 1;
    assert!(!mixed || found.iter().any(|f| f.check == "mixed_acquisition" && f.severity == Severity::Error));
    assert!(mixed || series.stacks.iter().all(|s| s.volumes == Some(2)));
}

#[test]
fn a_protocol_is_compared_with_every_instance() {
    let text =
        "name = \"p\"\n[[expect]]\nmatch = { modality = \"CT\" }\nattributes = { kvp = { value = 120.0 } }\n";
    let settings = Settings { protocols: vec![Protocol::parse(text).unwrap()], ..Settings::default() };
    let with_kvp = |values: [f64; 3]| {
        let mut about = about(|_| ());
        let each =
            values.map(|kvp| gantry::harmonise::Attributes { kvp: Some(kvp), ..about.attributes.clone() });
        about.instances = SameAttributes::gather(each, &Rules::default());
        let series = assemble(ct(12)).remove(0);
        qc::run(&Input { about: Some(&about), settings: &settings, ..Input::of(&series) }, |_| true)
    };
    assert!(with_kvp([120.0, 120.00001, 120.0]).is_empty());
    let found = with_kvp([120.0, 120.0, 80.0]);
    assert_eq!(found.len(), 1);
    let deviation = &found[0].evidence["deviations"][0];
    assert_eq!((&deviation["found"], &deviation["instances"]), (&80.0.into(), &1.into()));
}
