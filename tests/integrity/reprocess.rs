//! Another profile later: it is told, and reached from the sources, or from what is stored where that is enough.

use std::fs;

use gantry::dicom::{self, DataSet, ReadOptions, Syntax};
use gantry::model::{Tag, Vr};
use serde_json::Value;

use crate::common::files::{data_set, series};
use crate::common::text;
use crate::{Place, flip_a_bit};

const SEX: Tag = Tag(0x0010_0040);
const DATE: Tag = Tag(0x0008_0020);
const INSTITUTION: Tag = Tag(0x0008_0080);
const SERIES: Tag = Tag(0x0020_000E);
const SLICES: u32 = 3;

/// A workspace of one series under a profile; sources say a sex and an institution.
fn place(deid: &str) -> Place {
    let place = Place { dir: tempfile::tempdir().unwrap() };
    place.command(&["init", text(&place.workspace())], 0);
    profile(&place, deid);
    fs::create_dir_all(place.sources()).unwrap();
    for slice in series(SLICES) {
        let mut set = data_set(&slice);
        set.put_str(SEX, Vr::CS, "F");
        set.put_str(INSTITUTION, Vr::LO, "North Clinic");
        let bytes = dicom::write(&set, Syntax::EXPLICIT_LE).unwrap();
        fs::write(place.sources().join(format!("{}.dcm", slice.number)), bytes).unwrap();
    }
    place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
    place
}

/// Puts a profile in force: the lines of the table `profile.site`.
fn profile(place: &Place, lines: &str) {
    fs::write(place.workspace().join("deid.toml"), format!("[profile.site]\n{lines}\n")).unwrap();
    let path = place.workspace().join("gantry.toml");
    let config = fs::read_to_string(&path).unwrap();
    if !config.contains("profile = \"site\"") {
        let named = config.replace("[deid]", "[deid]\nprofile = \"site\"\nprofiles = \"deid.toml\"");
        fs::write(&path, named).unwrap();
    }
}

/// A value of every stored instance; one where all say the same.
fn stored(place: &Place, tag: Tag) -> Vec<Option<String>> {
    let value = |set: &DataSet<'_>| set.ascii(tag).map(String::from);
    let blobs = place.blobs().into_iter().map(|blob| {
        let bytes = fs::read(blob).unwrap();
        value(&dicom::read(&bytes, ReadOptions::default()).unwrap().dataset)
    });
    let mut values: Vec<Option<String>> = blobs.collect();
    assert_eq!(values.len(), SLICES as usize);
    values.dedup();
    values
}

fn counts(told: &Value) -> [u64; 4] {
    ["from_source", "from_stored", "left", "under_another"].map(|key| told[key].as_u64().unwrap())
}

fn reason(told: &Value) -> String {
    told["reasons"][0]["why"].as_str().unwrap_or_else(|| panic!("{told}")).to_string()
}

fn is_whole(place: &Place) {
    let told = place.run(&["verify"], 0);
    assert_eq!((told["whole"].as_bool(), told["instances"].as_u64()), (Some(true), Some(u64::from(SLICES))));
}

const WITH_SEX: &str =
    "add_options = [\"retain_patient_characteristics\"]\npatient_characteristics = [\"PatientSex\"]";

#[test]
fn what_stands_under_another_profile_is_told_and_made_anew_from_its_sources() {
    let place = place("");
    // Emptied: it is a type 2 attribute.
    assert_eq!(stored(&place, SEX), [None]);
    assert_eq!(place.run(&["deid", "reprocess", "--dry-run"], 0)["under_another"].as_u64(), Some(0));
    profile(&place, WITH_SEX);
    assert_eq!(place.run(&["deid", "reprocess", "--dry-run"], 1)["under_another"].as_u64(), Some(3));
    let doctor = place.run(&["doctor"], 1);
    let told = doctor["examined"].as_array().unwrap().iter().find(|e| e["what"] == "profile").unwrap();
    assert_eq!(told["ok"].as_bool(), Some(false), "{told}");
    let nothing = place.run(&["deid", "reprocess", "--query", "modality:MR"], 0);
    assert_eq!(counts(&nothing), [0, 0, 0, 3]);
    let done = place.run(&["deid", "reprocess", "--query", "modality:CT"], 0);
    assert_eq!(counts(&done), [3, 0, 0, 0], "{done}");
    assert_eq!(stored(&place, SEX), [Some("F".to_string())]);
    is_whole(&place);
    assert_eq!(counts(&place.run(&["deid", "reprocess"], 0)), [0, 0, 0, 0]);
    assert_eq!(counts(&place.run(&["deid", "reprocess", "--all"], 0)), [3, 0, 0, 0]);
    let trail = place.run(&["audit", "show", "--object", "workspace"], 0).to_string();
    for action in ["deid.reprocess.begin", "deid.reprocess.batch", "\"deid.reprocess\""] {
        assert!(trail.contains(action), "{action}: {trail}");
    }
    // The same sources again are duplicates: nothing was taken for damaged.
    let again = place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
    assert_eq!(again["duplicates"].as_u64(), Some(3), "{again}");
}

#[test]
fn without_its_source_an_instance_reaches_a_profile_that_only_takes_away_more() {
    let place = place(WITH_SEX);
    assert_eq!(stored(&place, SEX), [Some("F".to_string())]);
    let date = stored(&place, DATE);
    fs::remove_file(place.sources().join("1.dcm")).unwrap();
    fs::remove_file(place.sources().join("2.dcm")).unwrap();
    profile(&place, "");
    let done = place.run(&["deid", "reprocess"], 0);
    assert_eq!(counts(&done), [1, 2, 0, 0], "{done}");
    assert_eq!(stored(&place, SEX), [None]);
    assert_eq!(stored(&place, DATE), date);
    is_whole(&place);
    // No date stays, and none is needed for that.
    profile(&place, "drop_options = [\"retain_long_modified_dates\"]");
    assert_eq!(counts(&place.run(&["deid", "reprocess"], 0)), [1, 2, 0, 0]);
    assert_eq!(stored(&place, DATE), [None]);
    is_whole(&place);
    // What is to come back needs its source.
    profile(&place, "");
    let left = place.run(&["deid", "reprocess"], 1);
    assert_eq!(counts(&left), [1, 0, 2, 2], "{left}");
    assert!(reason(&left).contains("its source is not there any more, and dates move otherwise"), "{left}");
    is_whole(&place);
    // A copy that is damaged is no ground to stand on.
    profile(&place, "drop_options = [\"retain_long_modified_dates\", \"clean_graphics\"]");
    place.blobs().iter().for_each(|blob| flip_a_bit(blob));
    let left = place.run(&["deid", "reprocess"], 1);
    assert_eq!(counts(&left), [1, 0, 2, 2], "{left}");
    assert!(reason(&left).contains("missing or damaged"), "{left}");
}

#[test]
fn dates_move_anew_from_their_sources_and_another_name_is_refused() {
    let place = place("");
    let (date, series) = (stored(&place, DATE), stored(&place, SERIES));
    profile(&place, "date_shift = { days = [-30, 30] }");
    assert_eq!(counts(&place.run(&["deid", "reprocess"], 0)), [3, 0, 0, 0]);
    assert_ne!(stored(&place, DATE), date);
    profile(&place, "add_options = [\"retain_uids\"]");
    let left = place.run(&["deid", "reprocess"], 1);
    assert_eq!(counts(&left), [0, 0, 3, 3], "{left}");
    assert!(reason(&left).contains("other UIDs"), "{left}");
    assert_eq!(stored(&place, SERIES), series);
    is_whole(&place);
}

#[test]
fn a_decision_stands_where_only_headers_change_and_ends_where_pixels_do() {
    let place = place("");
    let state = || {
        let shown = place.run(&["search", "modality:CT"], 0);
        shown["state"].as_str().unwrap_or_else(|| panic!("{shown}")).to_string()
    };
    let queue = place.run(&["queue", "list"], 0);
    let task = queue["rows"][0]["id"].as_i64().unwrap_or_else(|| panic!("{queue}")).to_string();
    place.run(&["queue", "accept", &task], 0);
    assert_eq!(state(), "accepted");
    profile(&place, WITH_SEX);
    assert_eq!(counts(&place.run(&["deid", "reprocess"], 0)), [3, 0, 0, 0]);
    assert_eq!((stored(&place, SEX), state()), (vec![Some("F".to_string())], "accepted".to_string()));
    is_whole(&place);
    // One more slice: the decision was on another series.
    let more = series(SLICES + 1).pop().unwrap();
    let late = place.sources().join("late.dcm");
    fs::write(&late, dicom::write(&data_set(&more), Syntax::EXPLICIT_LE).unwrap()).unwrap();
    place.run(&["ingest", text(&late), "--site", "A"], 0);
    assert_eq!(state(), "in_review");
    place.run(&["verify"], 0);
}
