//! `gantry verify`: each kind of damage is found by its name, and what sources allow is repaired.

use std::fs;

use serde_json::Value;

use crate::common::text;
use crate::{Place, flip_a_bit};

fn kinds(report: &Value) -> Vec<&str> {
    let damage = report["damage"].as_array().unwrap();
    let mut kinds: Vec<&str> = damage.iter().map(|d| d["kind"].as_str().unwrap()).collect();
    kinds.dedup();
    kinds
}

#[test]
fn damaged_blobs_are_found_and_stored_again_from_their_sources() {
    let place = Place::with(4);
    let whole = place.run(&["verify"], 0);
    assert_eq!(
        (whole["whole"].as_bool(), whole["instances"].as_u64(), whole["uncovered"].as_u64()),
        (Some(true), Some(4), Some(0)),
        "{whole}"
    );
    assert!(whole["roots"].as_u64() > Some(0) && whole["findings"].as_u64() == Some(1), "{whole}");
    let blobs = place.blobs();
    flip_a_bit(&blobs[0]);
    fs::remove_file(&blobs[1]).unwrap();
    assert_eq!(kinds(&place.run(&["verify", "--quick"], 1)), ["missing_blob"]);
    let found = place.run(&["verify"], 1);
    let mut told = kinds(&found);
    told.sort_unstable();
    assert_eq!((told, found["damaged"].as_u64()), (vec!["damaged_blob", "missing_blob"], Some(2)));
    let repaired = place.run(&["verify", "--repair"], 0);
    assert_eq!(repaired["repaired"]["stored_again"].as_u64(), Some(2), "{repaired}");
    assert_eq!(place.blobs(), blobs);
    assert_eq!(place.run(&["verify"], 0)["damaged"].as_u64(), Some(0));
    // Whose source is gone is told, and stays damaged.
    flip_a_bit(&blobs[2]);
    fs::remove_dir_all(place.sources()).unwrap();
    let left = place.run(&["verify", "--repair"], 1);
    assert_eq!((left["damaged"].as_u64(), left["repaired"]["without_source"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn a_duplicate_whose_blob_is_damaged_is_stored_again() {
    let place = Place::with(3);
    let blobs = place.blobs();
    flip_a_bit(&blobs[0]);
    fs::remove_file(&blobs[1]).unwrap();
    place.tamper(
        "INSERT INTO job (stage, object, state, not_before_ms, changed_ms, attempts) \
                  SELECT 'assemble', uid, 'parked', 0, 0, 3 FROM series",
    );
    let told = place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
    assert_eq!((told["duplicates"].as_u64(), told["deidentified"].as_u64()), (Some(3), Some(0)), "{told}");
    assert_eq!(place.run(&["verify"], 0)["damaged"].as_u64(), Some(0));
    let parked = rusqlite::Connection::open(place.workspace().join("catalog.sqlite")).unwrap();
    let parked: i64 = parked.query_row("SELECT count(*) FROM job", [], |row| row.get(0)).unwrap();
    assert_eq!(parked, 0);
}

#[test]
fn an_archive_is_a_source_too() {
    let place = Place::with(1);
    let zip = place.at("more.zip");
    let script = "import sys, zipfile, glob, os\n\
                  z = zipfile.ZipFile(sys.argv[1], 'w')\n\
                  [z.write(f, os.path.basename(f)) for f in glob.glob(sys.argv[2] + '/*')]";
    place.write_sources(3);
    let made = std::process::Command::new("python3")
        .args(["-c", script, text(&zip), text(&place.sources())])
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return crate::common::skip("python3 is not here");
    }
    fs::remove_dir_all(place.sources()).unwrap();
    place.run(&["ingest", text(&zip), "--site", "A"], 0);
    place.blobs().iter().for_each(|blob| flip_a_bit(blob));
    let told = place.run(&["verify", "--repair"], 0);
    assert_eq!(told["damaged"].as_u64(), Some(0), "{told}");
}

#[test]
fn changed_rows_are_found() {
    for (sql, kind) in [
        ("UPDATE record SET json = json || ' '", "changed_ledger"),
        ("UPDATE instance SET subject = 'S-OTHER' WHERE id = 1", "changed_instance"),
        (
            "UPDATE instance SET blob = (SELECT blob FROM instance WHERE id = 2) WHERE id = 1",
            "changed_instance",
        ),
        ("DELETE FROM instance WHERE id = 2", "broken_root"),
        ("DELETE FROM instance WHERE event = (SELECT min(event) FROM instance)", "broken_root"),
        ("DELETE FROM instance", "broken_root"),
        ("UPDATE finding SET severity = 0", "changed_finding"),
        ("DELETE FROM finding", "changed_finding"),
        ("UPDATE decision SET actor = 'somebody'", "changed_decision"),
        ("UPDATE task SET comment = 'fine' WHERE state = 'accepted'", "changed_decision"),
        ("UPDATE task SET state = 'returned'; UPDATE series SET state = 'returned'", "changed_decision"),
        ("DELETE FROM decision", "changed_decision"),
        ("UPDATE trail SET actor = 'somebody' WHERE sequence = 3", "broken_trail"),
        ("DELETE FROM trail WHERE sequence = 2", "broken_trail"),
    ] {
        let place = Place::with(3);
        // A finding to change: one slice of the series comes late, from elsewhere, with a gap before it.
        fs::remove_dir_all(place.sources()).unwrap();
        fs::create_dir_all(place.sources()).unwrap();
        let late = crate::series(6).pop().unwrap();
        fs::write(place.sources().join("late.dcm"), crate::file(&late)).unwrap();
        place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
        let task = place.run(&["queue", "claim"], 0)["task"].as_i64().unwrap().to_string();
        place.run(&["queue", "accept", &task], 0);
        place.run(&["verify"], 0);
        place.tamper(sql);
        let found = place.run(&["verify"], 1);
        assert!(kinds(&found).contains(&kind), "{sql}: {found}");
    }
}

#[test]
fn a_changed_row_says_again_what_its_instance_says() {
    for sql in [
        "UPDATE instance SET subject = 'S-OTHER' WHERE id = 1",
        "UPDATE instance SET series_uid = '2.25.1', study_uid = '2.25.2' WHERE id = 1",
        "UPDATE instance SET sop_uid = '2.25.3', bytes = 7 WHERE id = 1",
    ] {
        let place = Place::with(3);
        // Nothing but what is stored is left to mend it from.
        fs::remove_dir_all(place.sources()).unwrap();
        place.tamper(sql);
        assert_eq!(kinds(&place.run(&["verify"], 1)), ["changed_instance"], "{sql}");
        let repaired = place.run(&["verify", "--repair"], 0);
        assert_eq!(repaired["repaired"]["rows_mended"].as_u64(), Some(1), "{sql}: {repaired}");
        assert_eq!(place.run(&["verify"], 0)["whole"].as_bool(), Some(true));
    }
    // A row that names another blob is not mended from that: the trail does not vouch for it there.
    let place = Place::with(3);
    fs::remove_dir_all(place.sources()).unwrap();
    place.tamper("UPDATE instance SET blob = (SELECT blob FROM instance WHERE id = 2) WHERE id = 1");
    let left = place.run(&["verify", "--repair"], 1);
    assert_eq!(left["repaired"]["rows_mended"].as_u64(), Some(0), "{left}");
}

#[test]
fn changed_reads_are_found() {
    for sql in [
        "UPDATE rating SET number = 5 WHERE read = 1",
        "DELETE FROM rating WHERE read = 2",
        "INSERT INTO rating VALUES (2, 'margin', 3, NULL)",
        "UPDATE read SET absent = 1 WHERE id = 1",
        "UPDATE reader SET name = 'c' WHERE name = 'a'",
        "UPDATE read SET superseded_by = 2 WHERE id = 1",
        "DELETE FROM read WHERE id = 2",
        "UPDATE read SET event = NULL WHERE id = 2",
    ] {
        let place = Place::with(2);
        let table = place.at("reads.csv");
        let rows = |values: [u32; 2]| {
            let [a, b] = values;
            format!(
                "item,reader,structure,name,value\nx,a,nodule,malignancy,{a}\nx,b,nodule,malignancy,{b}\n"
            )
        };
        // The second import corrects what `a` has said and leaves `b` alone; a third is taken back.
        for values in [[1, 2], [3, 2], [4, 2]] {
            fs::write(&table, rows(values)).unwrap();
            place.run(&["label", "import", text(&table)], 0);
        }
        place.run(&["label", "undo", "3"], 0);
        let whole = place.run(&["verify"], 0);
        assert_eq!(
            (whole["reads"].as_u64(), whole["uncovered_reads"].as_u64()),
            (Some(5), Some(0)),
            "{whole}"
        );
        place.tamper(sql);
        assert!(kinds(&place.run(&["verify"], 1)).contains(&"broken_root"), "{sql}");
    }
}

#[test]
fn findings_are_made_again_and_the_trail_is_never_mended() {
    let place = Place::with(3);
    place.tamper("INSERT INTO finding (series_uid, check_name, check_version, severity, message, evidence, slices, scope) \
                  SELECT uid, 'invented', 1, 2, 'm', '{}', '[]', 0 FROM series");
    assert_eq!(kinds(&place.run(&["verify"], 1)), ["changed_finding"]);
    assert_eq!(place.run(&["verify", "--repair"], 0)["repaired"]["checked_again"].as_u64(), Some(1));
    place.tamper("UPDATE trail SET detail = '{}' WHERE sequence = 1");
    assert!(kinds(&place.run(&["verify", "--repair"], 1)).contains(&"broken_trail"));
}

#[test]
fn a_trail_that_was_cut_or_written_anew_is_told_by_a_checkpoint() {
    let place = Place::with(3);
    let kept = place.at("kept");
    let seen = place.run(&["audit", "checkpoint", "--to", text(&kept)], 0)["entries"].as_i64().unwrap();
    let with = ["--checkpoint", text(&kept)];
    place.run(&["verify", with[0], with[1]], 0);
    place.run(&["audit", "verify", with[0], with[1]], 0);
    // More entries are no contradiction.
    place.run(&["queue", "claim"], 0);
    place.run(&["verify", with[0], with[1]], 0);
    place.tamper(&format!("DELETE FROM trail WHERE sequence >= {seen}"));
    // What was signed beside the catalog tells it too; without that a trail without its end is whole by itself.
    place.run(&["audit", "verify"], 1);
    place.tamper(&format!("DELETE FROM checkpoint WHERE entries >= {seen}"));
    place.run(&["audit", "verify"], 1);
    fs::remove_file(place.workspace().join("trail.checkpoint")).unwrap();
    place.run(&["audit", "verify"], 0);
    place.run(&["audit", "verify", with[0], with[1]], 1);
    assert!(kinds(&place.run(&["verify", with[0], with[1]], 1)).contains(&"cut_trail"));
    fs::write(&kept, "{}").unwrap();
    place.refusal(&["verify", with[0], with[1]], 4);
}
