//! `gantry intake`: what was quarantined or rejected, without a screen.

use std::fs;
use std::path::{Path, PathBuf};

use gantry::config::Workspace;
use gantry::dicom::{DataSet, Syntax, write};
use gantry::model::{Tag, Vr};
use serde_json::{Value, json};

use crate::common::files::{Slice, data_set};
use crate::common::peer;
use crate::{gantry, text};

/// A slice that says that text is burned in, where none is found.
fn doubtful(number: u32) -> Vec<u8> {
    let mut set: DataSet<'static> = data_set(&Slice { number, series: number, ..Slice::default() });
    set.put_str(Tag(0x0028_0301), Vr::CS, "YES");
    write(&set, Syntax::EXPLICIT_LE).unwrap()
}

struct Place {
    _dir: tempfile::TempDir,
    root: PathBuf,
    delivery: PathBuf,
}

impl Place {
    /// Three files in quarantine, one refused, below a folder named after a patient; the site's name has a space.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (root, delivery) = (dir.path().join("w"), dir.path().join("ZQFOLDER^JANE"));
        Workspace::init(&root).unwrap();
        fs::create_dir(&delivery).unwrap();
        for number in 1..=3 {
            fs::write(delivery.join(format!("{number}.dcm")), doubtful(number)).unwrap();
        }
        fs::write(delivery.join("readme.txt"), "no image").unwrap();
        let place = Self { _dir: dir, root, delivery };
        let (exit, lines) = place.run(&["ingest", text(&place.delivery), "--site", "North Clinic"]);
        assert_eq!((exit, &lines[0]["quarantined"], &lines[0]["rejected"]), (0, &json!(3), &json!(1)));
        place
    }

    fn run(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let (exit, lines, _) = gantry(&[&["--workspace", text(&self.root)], arguments].concat());
        (exit, lines)
    }

    fn ids(&self, filter: &[&str]) -> Vec<String> {
        let (exit, lines) = self.run(&[&["intake", "list", "--files"], filter].concat());
        assert_eq!(exit, 0);
        lines.iter().map(|l| l["id"].to_string()).collect()
    }

    fn marks(&self, action: &str) -> usize {
        let (_, lines) = self.run(&["audit", "show"]);
        let rows = lines[0]["rows"].as_array().cloned().unwrap_or(lines);
        rows.iter().filter(|row| row["action"] == action).count()
    }
}

#[test]
fn groups_and_files_are_listed_without_names_unless_they_are_asked_for() {
    let place = Place::new();
    let (exit, groups) = place.run(&["intake", "list"]);
    assert_eq!((exit, groups.len()), (0, 2));
    let site = "site:\"North Clinic\"";
    let (_, groups) = place.run(&["intake", "list", "status:quarantined", site]);
    assert_eq!(
        (groups.len(), &groups[0]["files"], &groups[0]["site"]),
        (1, &json!(3), &json!("North Clinic"))
    );
    let day = groups[0]["day"].as_str().unwrap();
    assert_eq!(place.ids(&["status:quarantined,rejected", &format!("day:{}", &day[..7])]).len(), 4);
    assert_eq!(place.ids(&["site:Elsewhere"]), Vec::<String>::new());
    for wrong in ["stauts:quarantined", "status:quarantine"] {
        assert_eq!(place.run(&["intake", "list", wrong]).0, 2, "{wrong}");
    }
    let (_, files) = place.run(&["intake", "list", "--files"]);
    assert!(files.iter().all(|f| f["path"].is_null() && f["sha256"].as_str().is_some_and(|h| h.len() == 64)));
    assert!(!json!(files).to_string().contains("ZQFOLDER"));
    assert_eq!(place.marks("intake.names"), 0);
    let (_, files) = place.run(&["intake", "list", "--files", "--names"]);
    assert!(files.iter().all(|f| f["path"].as_str().unwrap().contains("ZQFOLDER")));
    assert_eq!(place.marks("intake.names"), 2, "one for each group");
}

#[test]
fn a_file_is_shown_masked_and_revealed_with_a_mark() {
    let place = Place::new();
    let id = &place.ids(&["status:quarantined"])[0];
    let (exit, lines) = place.run(&["intake", "show", id]);
    let shown = lines[0].to_string();
    assert!(exit == 0 && shown.contains("PatientName") && !shown.contains("Zqpatient"), "{shown}");
    assert_eq!(place.marks("intake.reveal"), 0);
    let (_, lines) = place.run(&["intake", "show", id, "--reveal"]);
    let shown = lines[0].to_string();
    assert!(shown.contains("Zqpatient") && shown.contains("ZQFOLDER"), "{shown}");
    assert_eq!(place.marks("intake.reveal"), 1);
    assert_eq!(place.run(&["intake", "show", "999"]).0, 4);
}

/// The values of the one stored instance, as pydicom reads them.
fn stored_pixels(root: &Path) -> Option<Vec<i64>> {
    let python = peer("python3")?;
    let script = "import sys,glob,json,pydicom\n\
        [p]=glob.glob(sys.argv[1]+'/store/*/*.dcm')\n\
        print(json.dumps(pydicom.dcmread(p).pixel_array.flatten().tolist()))";
    let out = std::process::Command::new(python).args(["-c", script]).arg(root).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(serde_json::from_slice(&out.stdout).unwrap())
}

#[test]
fn a_mask_falls_where_it_was_drawn_and_nowhere_else() {
    let place = Place::new();
    let ids = place.ids(&["status:quarantined"]);
    for beyond in ["10,0,8,2", "0,0,4,4@2"] {
        assert_eq!(place.run(&["intake", "mask", &ids[0], "--area", beyond]).0, 2, "{beyond}");
    }
    for no_area in ["0,0,0,4", "1,2,3", "0,0,4,4@0"] {
        assert_eq!(place.run(&["intake", "mask", &ids[0], "--area", no_area]).0, 2, "{no_area}");
    }
    let (exit, lines) = place.run(&["intake", "mask", &ids[0], "--proposed"]);
    assert_eq!((exit, &lines[0]["moved"]), (1, &json!(0)), "nothing is proposed: a person must look");
    let (exit, lines) = place.run(&["intake", "mask", &ids[0], "--area", "3,2,4,5", "--dry-run"]);
    assert_eq!((exit, &lines[0]["drawing"]["columns"]), (0, &json!(16)));
    assert_eq!(place.ids(&["status:quarantined"]), ids);
    let (exit, lines) = place.run(&["intake", "mask", &ids[0], "--area", "3,2,4,5"]);
    assert_eq!((exit, &lines[0]["moved"]), (0, &json!(1)), "{lines:?}");
    let Some(pixels) = stored_pixels(&place.root) else { return };
    for (at, value) in pixels.iter().enumerate() {
        let (x, y) = (at % 16, at / 16);
        let inside = (3..7).contains(&x) && (2..7).contains(&y);
        assert_eq!(*value != at as i64, inside, "{x},{y} holds {value}");
    }
}

#[test]
fn files_are_retried_released_and_discarded_by_number_and_by_words() {
    let place = Place::new();
    let ids = place.ids(&["status:quarantined"]);
    assert_eq!(place.run(&["intake", "release", &ids[0], "status:quarantined"]).0, 2);
    assert_eq!(
        place.run(&["intake", "release", &ids[0], "999"]).0,
        4,
        "all or none of what is named is there"
    );
    assert_eq!(place.run(&["intake", "discard", "site:Nowhere"]).0, 4);
    let (exit, lines) = place.run(&["intake", "retry", "status:quarantined"]);
    assert_eq!((exit, &lines[0]["refused"][0]["files"]), (1, &json!(3)), "nobody has looked yet");
    let (exit, lines) = place.run(&["intake", "release", &ids[0]]);
    assert_eq!((exit, &lines[0]["moved"]), (0, &json!(1)));
    let (exit, lines) = place.run(&["intake", "discard", "status:quarantined", "reason:pixels_doubtful"]);
    assert_eq!((exit, &lines[0]["moved"]), (0, &json!(2)));
    let kept = fs::read_dir(place.root.join("landing/quarantine")).unwrap().count();
    assert_eq!((kept, place.ids(&["status:discarded"]).len()), (0, 2));
    let (exit, _) = place.run(&["intake", "discard", "status:rejected"]);
    assert_eq!(exit, 1, "no copy of it is kept");
    // What is rejected is looked at again where it lies: now it is an image.
    fs::write(place.delivery.join("readme.txt"), doubtful(9)).unwrap();
    let (exit, lines) = place.run(&["intake", "retry", "reason:not_dicom"]);
    assert_eq!((exit, place.ids(&["status:quarantined"]).len()), (1, 1), "{lines:?}");
}

#[test]
fn a_report_for_the_site_holds_counts_and_reasons_and_paths_only_on_request() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let file = |name: &str| place.root.with_file_name(name);
    let (csv, named, report) = (file("r.csv"), file("n.csv"), file("r.json"));
    let (exit, lines) = place.run(&["intake", "export", text(&csv)]);
    assert_eq!((exit, &lines[0]["counts"]), (0, &json!({"quarantined": 3, "rejected": 1})));
    let table = fs::read_to_string(&csv).unwrap();
    assert_eq!(table.lines().count(), 5);
    assert!(table.lines().next().unwrap().ends_with(",where") && !table.contains("ZQFOLDER"), "{table}");
    assert_eq!(place.marks("intake.names"), 0);
    let (exit, _) = place.run(&["intake", "export", text(&named), "--names", "status:rejected"]);
    let table = fs::read_to_string(&named).unwrap();
    assert!(exit == 0 && table.lines().count() == 2 && table.contains("ZQFOLDER^JANE/readme.txt"), "{table}");
    assert_eq!(fs::metadata(&named).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(place.marks("intake.names"), 1);
    assert_eq!(place.run(&["intake", "export", text(&report), "status:quarantined"]).0, 0);
    let report: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!((&report["reasons"][0]["files"], report["files"].as_array().unwrap().len()), (&json!(3), 3));
    assert!(report["files"][0]["path"].is_null());
    assert_eq!(place.run(&["intake", "export", text(&csv), "site:Nowhere"]).0, 4);
}
