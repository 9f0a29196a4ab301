//! Nobody is mixed up: one Patient ID for two people, one person with two, the vault, and what is noted of changes.

use std::fs;
use std::path::PathBuf;

use gantry::dicom::{Syntax, write};
use gantry::model::{Tag, Vr};
use serde_json::Value;

use crate::Place;
use crate::common::files::{data_set, series};
use crate::common::text;

/// A study of two slices: number, Patient ID, name, birth date, sex.
fn study(place: &Place, number: u32, who: [&str; 4]) -> PathBuf {
    let folder = place.at(&format!("study-{number}"));
    fs::create_dir_all(&folder).unwrap();
    for slice in series(2) {
        let mut set = data_set(&slice);
        let uid = |tail: &str| format!("2.25.88.{number}{tail}");
        set.put_str(Tag(0x0008_0018), Vr::UI, &uid(&format!(".1.{}", slice.number)));
        set.put_str(Tag(0x0020_000D), Vr::UI, &uid(""));
        set.put_str(Tag(0x0020_000E), Vr::UI, &uid(".1"));
        set.put_str(Tag(0x0008_0050), Vr::SH, &format!("ACC{number}"));
        for (tag, vr, value) in [
            (0x0010_0020, Vr::LO, who[0]),
            (0x0010_0010, Vr::PN, who[1]),
            (0x0010_0030, Vr::DA, who[2]),
            (0x0010_0040, Vr::CS, who[3]),
        ] {
            set.put_str(Tag(tag), vr, value);
        }
        let file = write(&set, Syntax::EXPLICIT_LE).unwrap();
        fs::write(folder.join(format!("{}.dcm", slice.number)), file).unwrap();
    }
    folder
}

fn ingest(place: &Place, folder: &std::path::Path) {
    place.run(&["ingest", text(folder), "--site", "A"], 0);
}

/// Lines of a command that lists.
fn lines(place: &Place, arguments: &[&str]) -> Vec<Value> {
    crate::gantry(&[&["--workspace", text(&place.workspace())], arguments].concat()).1
}

fn found(place: &Place, check: &str) -> usize {
    lines(place, &["search", &format!("finding:{check}")]).len()
}

#[test]
fn one_number_for_two_people_is_told_and_parted() {
    let place = Place::with(2);
    for (number, who) in [
        (1, ["77", "Zqfirst^Anna", "19700503", "F"]),
        (2, ["77", "ZQFIRST^ANNA M", "19700503", ""]),
        (3, ["77", "Zqother^Max", "19510704", "M"]),
        (4, ["78", "Zqother^Berta", "19620704", "F"]),
    ] {
        ingest(&place, &study(&place, number, who));
    }
    // All three studies of the number, also those that came before; nobody else.
    assert_eq!(found(&place, "identity_conflict"), 3);
    let doubtful = lines(&place, &["subjects", "list", "--doubtful"]);
    assert_eq!((doubtful.len(), doubtful[0]["has_conflict"].as_bool()), (1, Some(true)), "{doubtful:?}");
    let subject = doubtful[0]["subject"].as_str().unwrap().to_string();
    let told = place.run(&["show", doubtful[0]["study_uids"][0].as_str().unwrap()], 0).to_string();
    // Not less: pseudonyms and UIDs hold any two letters and any four digits, now and then.
    assert!(!told.to_uppercase().contains("ZQFIRST") && !told.contains("19700503"), "{told}");
    // Which study is the other person's is seen by what differs from which.
    let series = lines(&place, &["search", &format!("subject:{subject}")]);
    let studies: Vec<String> = series.iter().map(|s| s["study_uid"].as_str().unwrap().to_string()).collect();
    let other = studies
        .iter()
        .find(|study| {
            let rest = lines(&place, &["subjects", "list"]);
            let _ = rest;
            let uid =
                series.iter().find(|s| s["study_uid"] == **study).unwrap()["series_uid"].as_str().unwrap();
            let shown = place.run(&["show", uid], 0).to_string();
            studies.iter().filter(|s| *s != *study).all(|s| shown.contains(s.as_str()))
        })
        .unwrap()
        .clone();
    place.refusal(&["subjects", "part", &other, "--reason", " "], 2);
    let parted = place.run(&["subjects", "part", &other, "--reason", "given twice"], 0);
    assert_eq!(parted["subject"].as_str().unwrap(), format!("{subject}-2"));
    assert_eq!((found(&place, "identity_conflict"), found(&place, "subject_split")), (0, 0));
    assert_eq!(lines(&place, &["search", &format!("subject:{subject}-2")]).len(), 1);
    // A further study under the number is compared with those that stayed.
    ingest(&place, &study(&place, 5, ["77", "Zqfirst^Anna", "19700503", "F"]));
    assert_eq!(found(&place, "identity_conflict"), 0);
    // What a person decided outlives the series being assembled anew.
    place.tamper(
        "INSERT INTO job (stage, object, state, not_before_ms, changed_ms) \
                  SELECT 'assemble', uid, 'pending', 0, 0 FROM series",
    );
    ingest(&place, &place.at("study-1"));
    assert_eq!(lines(&place, &["search", &format!("subject:{subject}-2")]).len(), 1);
    place.run(&["verify"], 0);
}

#[test]
fn one_person_with_two_numbers_is_told_and_joined_or_kept_apart() {
    let place = Place::with(2);
    ingest(&place, &study(&place, 1, ["81", "Zqtwice^Ida", "19700503", "F"]));
    ingest(&place, &study(&place, 2, ["82", "Zqtwice^Ida", "19700503", "F"]));
    ingest(&place, &study(&place, 3, ["83", "Zqtwice^Ida", "19700503", "F"]));
    assert_eq!(found(&place, "subject_split"), 3);
    let names: Vec<String> = lines(&place, &["subjects", "list", "--doubtful"])
        .iter()
        .map(|s| s["subject"].as_str().unwrap().to_string())
        .collect();
    place.run(&["subjects", "join", &names[0], &names[1], "--reason", "says the site"], 0);
    assert_eq!(found(&place, "subject_split"), 3, "the third is still a namesake of both");
    assert_eq!(lines(&place, &["search", &format!("subject:{}", names[0])]).len(), 2);
    place.run(&["subjects", "keep", &names[2], "--reason", "twins"], 0);
    assert_eq!(found(&place, "subject_split"), 0);
    let trail = place.run(&["audit", "show", "--text", "subject."], 0);
    assert_eq!(trail["rows"].as_array().unwrap().len(), 2);
    place.refusal(&["subjects", "join", "S-NOBODY", &names[0], "--reason", "x"], 4);
    for file in crate::files_below(&place.workspace()) {
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(7).any(|w| w.eq_ignore_ascii_case(b"zqtwice")), "{file:?}");
    }
}

#[test]
fn the_vault_is_filled_later_searched_and_backed_up() {
    let place = Place::with(2);
    ingest(&place, &study(&place, 1, ["91", "Zqvault^Eva", "19700503", "F"]));
    let key = place.at("key");
    assert_eq!(place.run(&["vault", "init", "--key", text(&key)], 0)["without_entry"].as_u64(), Some(2));
    let open = |more: &[&str], status| {
        place.run(
            &[&["vault", "open", "--key", text(&key), "--reason", "incidental finding"], more].concat(),
            status,
        )
    };
    open(&[], 4);
    let filled = place.run(&["vault", "fill", text(&place.at("study-1"))], 0);
    assert_eq!((filled["added"].as_u64(), filled["without_entry"].as_u64()), (Some(1), Some(1)), "{filled}");
    assert_eq!(open(&["--accession", "ACC1"], 0)["entries"][0]["patient_id"], "91");
    assert_eq!(open(&["--patient-id", "91"], 0)["entries"].as_array().unwrap().len(), 1);
    open(&["--patient-id", "92"], 4);
    let trail = place.run(&["audit", "show", "--text", "vault.open"], 0).to_string();
    assert!(trail.contains("accession_number") && !trail.contains("ACC1"), "{trail}");
    let backup = place.at("backup");
    place.run(&["backup", text(&backup)], 0);
    let (exit, lines, err) = crate::gantry(&[
        "--workspace",
        text(&backup),
        "vault",
        "open",
        "--key",
        text(&key),
        "--reason",
        "test",
    ]);
    assert_eq!((exit, lines[0]["entries"].as_array().map(Vec::len)), (0, Some(1)), "{err}");
}

#[test]
fn changes_of_the_configuration_stand_in_the_trail() {
    let place = Place::with(2);
    place.run(&["config", "set", "review.share", "0.5"], 0);
    let path = place.workspace().join("gantry.toml");
    let by_hand = fs::read_to_string(&path).unwrap().replace("# claim_minutes = 30", "claim_minutes = 45");
    fs::write(&path, by_hand).unwrap();
    place.run(&["search", "x"], 0);
    let trail = place.run(&["audit", "show", "--object", "config"], 0);
    let change = |at: usize| {
        let changes = trail["rows"][at]["detail"]["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{trail}");
        ["key", "before", "after"].map(|k| changes[0][k].as_str().unwrap().to_string())
    };
    assert_eq!(change(0), ["review.claim_minutes", "30", "45"].map(String::from));
    assert_eq!(change(1), ["review.share", "0.1", "0.5"].map(String::from));
}
