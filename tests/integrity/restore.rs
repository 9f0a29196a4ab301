//! Catalogs that are missing, foreign or damaged, another secret, and the way back.

use std::fs;

use crate::Place;
use crate::common::text;

#[test]
fn a_missing_empty_or_foreign_catalog_is_never_made_anew() {
    let place = Place::with(3);
    let backup = place.at("backup");
    place.run(&["backup", text(&backup)], 0);
    let (blobs, catalog) = (place.blobs(), place.workspace().join("catalog.sqlite"));
    for (how, word) in
        [("missing", "missing"), ("empty", "empty"), ("foreign", "not a catalog"), ("text", "damaged")]
    {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(place.workspace().join(format!("catalog.sqlite{end}")));
        }
        match how {
            "missing" => {}
            "empty" => fs::write(&catalog, "").unwrap(),
            "foreign" => {
                let other = rusqlite::Connection::open(&catalog).unwrap();
                other.execute_batch("CREATE TABLE books (title TEXT)").unwrap();
            }
            _ => fs::write(&catalog, "no database ".repeat(1_000)).unwrap(),
        }
        for command in [&["search", "x"][..], &["run", "--once"], &["stats"], &["verify"]] {
            let (exit, lines, err) =
                crate::gantry(&[&["--workspace", text(&place.workspace())], command].concat());
            assert!(exit == 3 || exit == 6, "{how} {command:?} {exit}");
            assert!(lines[0]["error"]["message"].as_str().unwrap().contains(word), "{how}: {lines:?}");
            assert!(err.contains("gantry restore"), "{err}");
        }
        let told = place.run(&["doctor"], 1).to_string();
        assert!(told.contains(word) && told.contains("gantry restore"), "{told}");
        assert_eq!(place.blobs(), blobs, "{how}");
        place.run(&["restore", text(&backup)], 0);
        place.run(&["verify"], 0);
        assert_eq!(place.blobs(), blobs, "{how}");
    }
}

#[test]
fn what_came_after_the_backup_is_not_lost() {
    let place = Place::with(2);
    let backup = place.at("backup");
    place.run(&["backup", text(&backup)], 0);
    place.write_sources(4);
    place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
    assert_eq!(place.blobs().len(), 4);
    // A page in the middle is overwritten.
    let catalog = place.workspace().join("catalog.sqlite");
    let mut bytes = fs::read(&catalog).unwrap();
    let pages = bytes.len() / 4096;
    for page in 2..pages {
        bytes[page * 4096..page * 4096 + 512].fill(0x5a);
    }
    fs::write(&catalog, bytes).unwrap();
    let first = place.refusal(&["search", "x"], 6);
    assert!(first.contains("damaged"), "{first}");
    assert_eq!(place.refusal(&["stats"], 6), first);
    assert!(place.run(&["doctor"], 1).to_string().contains("damaged"));
    let told = place.run(&["restore", text(&backup)], 0);
    assert_eq!((told["unnamed"].as_u64(), told["forgotten"].as_u64()), (Some(2), Some(2)), "{told}");
    let aside = told["set_aside"].as_str().unwrap();
    assert!(fs::metadata(aside).unwrap().len() > 0);
    assert_eq!(crate::files_below(&place.workspace().join("store/unnamed")).len(), 2);
    let again = place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
    assert_eq!((again["deidentified"].as_u64(), again["duplicates"].as_u64()), (Some(2), Some(2)));
    place.run(&["verify"], 0);
}

#[test]
fn a_backup_is_verified_before_anything_is_changed() {
    let place = Place::with(3);
    let backup = place.at("backup");
    place.run(&["backup", text(&backup)], 0);
    let new = place.at("new");
    place.command(&["restore", text(&backup), "--to", text(&new)], 0);
    let (exit, lines, _) = crate::gantry(&["--workspace", text(&new), "verify"]);
    assert_eq!((exit, lines[0]["instances"].as_u64()), (0, Some(3)));
    // A blob that is whole nowhere.
    let blob = crate::files_below(&backup.join("store")).remove(0);
    crate::flip_a_bit(&blob);
    place.command(&["restore", text(&backup), "--to", text(&place.at("other"))], 4);
    assert!(!place.at("other").exists());
    // The workspace still has it.
    place.run(&["restore", text(&backup)], 0);
    place.run(&["verify"], 0);
}

#[test]
fn another_secret_is_refused_with_the_way_back() {
    let place = Place::with(2);
    let secret = place.workspace().join("secret");
    let kept = fs::read_to_string(&secret).unwrap();
    fs::write(&secret, "5a".repeat(32)).unwrap();
    let why = place.refusal(&["search", "x"], 3);
    assert!(why.contains("secret"), "{why}");
    place.refusal(&["ingest", text(&place.sources())], 3);
    fs::write(&secret, kept).unwrap();
    place.run(&["search", "x"], 0);
}
