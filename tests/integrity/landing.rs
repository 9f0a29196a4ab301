//! The landing side and what is not read: copies that nobody needs go, and everything is counted with its reason.

use std::fs;

use crate::Place;
use crate::common::text;

#[test]
fn the_copy_of_a_file_that_is_sent_again_whole_goes() {
    let place = Place::with(2);
    let quarantine = place.workspace().join("landing/quarantine");
    let third = crate::file(&crate::series(3)[2]);
    let path = place.sources().join("3.dcm");
    fs::write(&path, &third[..third.len() - 100]).unwrap();
    let ingest = || place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
    assert_eq!(ingest()["quarantined"].as_u64(), Some(1));
    assert_eq!(crate::files_below(&quarantine).len(), 1);
    fs::write(&path, &third).unwrap();
    assert_eq!(ingest()["deidentified"].as_u64(), Some(1));
    assert_eq!(crate::files_below(&quarantine).len(), 0);
    let told = place.run(&["audit", "show", "--text", "intake.superseded"], 0);
    assert_eq!(told["rows"].as_array().unwrap().len(), 1, "{told}");
    // What a kill leaves without a row goes at the next start, and the trail says so.
    fs::write(quarantine.join(format!("{}.dcm", "0".repeat(64))), "x").unwrap();
    fs::write(place.workspace().join("landing/received/draft"), "x").unwrap();
    place.run(&["search", "x"], 0);
    assert_eq!(crate::files_below(&quarantine).len(), 0);
    assert_eq!(crate::files_below(&place.workspace().join("landing/received")).len(), 0);
    let log = fs::read_to_string(place.workspace().join("logs/gantry.log")).unwrap();
    assert!(log.contains("2 unfinished files removed from landing/"), "{log}");
    let told = place.run(&["audit", "show", "--text", "landing.sweep"], 0);
    assert_eq!(told["rows"][0]["detail"]["removed"].as_u64(), Some(2), "{told}");
    place.run(&["verify"], 0);
}

#[test]
fn copies_outlive_a_lost_map() {
    let place = Place::with(2);
    let third = crate::file(&crate::series(3)[2]);
    fs::write(place.sources().join("3.dcm"), &third[..third.len() - 100]).unwrap();
    place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(place.workspace().join(format!("landing/intake.sqlite{end}")));
    }
    place.run(&["search", "x"], 0);
    assert_eq!(crate::files_below(&place.workspace().join("landing/quarantine")).len(), 1);
    place.run(&["verify"], 0);
}

#[test]
fn what_is_not_read_is_counted_with_its_reason() {
    let place = Place::with(2);
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, place.sources().join(name)).unwrap();
    };
    link("1.dcm", "same.dcm");
    link("/etc/hostname", "outside");
    link("nothing", "broken");
    link(".", "circle");
    let _socket = std::os::unix::net::UnixListener::bind(place.sources().join("socket")).unwrap();
    let told = place.run(&["ingest", text(&place.sources())], 0);
    assert_eq!(told["unread"], serde_json::json!({ "symbolic_link": 4, "special_file": 1 }));
    assert_eq!(told["received"].as_u64(), Some(2));
    place.run(&["ingest", text(&place.sources()), "--strict"], 1);
    let told = place.run(&["ingest", text(&place.sources()), "--links", "inside"], 0);
    assert_eq!(told["unread"], serde_json::json!({ "link_outside": 2, "special_file": 1 }));
    // 1, 2 and `same`; the circle leads where the walk has been.
    assert_eq!((told["received"].as_u64(), told["duplicates"].as_u64()), (Some(3), Some(3)), "{told}");
    let config = place.workspace().join("gantry.toml");
    let inbox = format!(
        "\n[[inbox]]\nname = \"in\"\nsite = \"A\"\npath = {:?}\nlinks = \"inside\"\n",
        place.sources()
    );
    fs::write(&config, fs::read_to_string(&config).unwrap() + &inbox).unwrap();
    let told = place.run(&["run", "--once"], 0);
    assert_eq!(told["unread"], serde_json::json!({ "link_outside": 2, "special_file": 1 }));
    let told = place.run(&["scan", text(&place.sources())], 0);
    assert_eq!(told["summary"]["unread"], serde_json::json!({ "symbolic_link": 4, "special_file": 1 }));
}
