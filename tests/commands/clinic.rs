//! What a workspace says of itself: what an export leaves out, what people typed, what the clock did.

use std::fs;
use std::path::{Path, PathBuf};

use gantry::config::Workspace;
use gantry::dicom::{ReadOptions, Syntax, read, write};
use gantry::engine::{Engine, now_ms};
use gantry::model::{Tag, Vr};
use serde_json::Value;

use crate::common::files::{Slice, data_set, series};
use crate::{gantry, text, write_all};

struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    /// A workspace with one CT series.
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        write_all(&site.path("in"), &series(4));
        assert_eq!(gantry(&["init", text(&site.path("w"))]).0, 0);
        site.ingest();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn ingest(&self) {
        let (code, said, err) = self.run(&["ingest", text(&self.path("in"))]);
        assert_eq!(code, 0, "{said:?} {err}");
    }

    fn run(&self, arguments: &[&str]) -> (i32, Vec<Value>, String) {
        gantry(&[&["--workspace", text(&self.path("w"))], arguments].concat())
    }

    /// The first event of this kind.
    fn event(&self, action: &str) -> Value {
        let (_, told, _) = self.run(&["audit", "show"]);
        let rows = told[0]["rows"].as_array().unwrap();
        rows.iter().rfind(|e| e["action"] == action).unwrap_or_else(|| panic!("{action}: {rows:?}")).clone()
    }

    fn export(&self, to: &str, arguments: &[&str]) -> (i32, Value, String) {
        let to = self.path(to);
        let (code, said, err) = self.run(&[&["export", "--to", text(&to)], arguments].concat());
        (code, said.into_iter().next_back().unwrap_or_default(), err)
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn an_export_names_what_it_leaves_out_by_kind() {
    let site = Site::new();
    // A picture without a place in the patient, and an object that is no image.
    let mut flat = data_set(&Slice { series: 2, number: 9, ..Slice::default() });
    for tag in [0x0020_0032, 0x0020_0037, 0x0028_0030] {
        flat.remove(Tag(tag));
    }
    fs::write(site.path("in/flat.dcm"), write(&flat, Syntax::EXPLICIT_LE).unwrap()).unwrap();
    let mut structures = data_set(&Slice { series: 3, number: 10, ..Slice::default() });
    structures.put_str(Tag(0x0008_0016), Vr::UI, "1.2.840.10008.5.1.4.1.1.481.3");
    structures.put_str(Tag(0x0008_0060), Vr::CS, "RTSTRUCT");
    structures.remove(Tag(0x7FE0_0010));
    for tag in [0x0028_0010, 0x0028_0011, 0x0028_0100, 0x0028_0101] {
        structures.remove(Tag(tag));
    }
    fs::write(site.path("in/structures.dcm"), write(&structures, Syntax::EXPLICIT_LE).unwrap()).unwrap();
    site.ingest();
    let everything = ["--query", "modality:CT,RTSTRUCT"];
    let (code, told, err) = site.export("all", &everything);
    assert_eq!(code, 0, "{told} {err}");
    let left: Vec<&str> =
        told["left_out"].as_array().unwrap().iter().map(|l| l["kind"].as_str().unwrap()).collect();
    assert!(left.contains(&"RTSTRUCT") && left.contains(&"2-D"), "{told}");
    assert_eq!(told["series"], 1);
    assert_eq!(site.export("strict", &[&everything[..], &["--strict"]].concat()).0, 1);
    // The manifest is the one whose hash the trail holds.
    let manifest = fs::read(site.path("all/manifest.json")).unwrap();
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&manifest));
    assert_eq!(told["manifest_sha256"], hash.as_str());
    let event = site.event("dataset.export");
    assert_eq!(event["detail"]["manifest_sha256"], hash.as_str());
    // What matches nothing says so.
    let (code, told, err) = site.export("none", &["--query", "modality:CTT"]);
    assert_eq!((code, &told["matched"]), (1, &0.into()));
    assert!(err.contains("no series matches modality:CTT"), "{err}");
    // A stored file that is not there leaves its series out, and nothing else.
    let ct = told_series(&site);
    let is_ct = |blob: &PathBuf| {
        let bytes = fs::read(blob).unwrap();
        let file = read(&bytes, ReadOptions::default());
        file.is_ok_and(|f| f.dataset.ascii(Tag(0x0008_0060)) == Some("CT"))
    };
    fs::remove_file(files_below(&site.path("w/store")).into_iter().find(is_ct).unwrap()).unwrap();
    let (code, told, err) = site.export("missing", &everything);
    assert_eq!(code, 0, "{told} {err}");
    let missing: Vec<_> =
        told["left_out"].as_array().unwrap().iter().filter(|l| l["kind"] == "missing").collect();
    assert_eq!(missing.len(), 1, "{told}");
    assert!(ct.contains(&missing[0]["series_uid"].as_str().unwrap().to_owned()));
}

/// The UIDs of every series.
fn told_series(site: &Site) -> Vec<String> {
    let (_, lines, _) = site.run(&["search", "modality:CT"]);
    lines.iter().filter_map(|l| l["series_uid"].as_str().or(l["uid"].as_str()).map(String::from)).collect()
}

#[test]
fn what_people_type_names_nobody() {
    let site = Site::new();
    let (code, claimed, _) = site.run(&["queue", "claim"]);
    assert_eq!(code, 0, "{claimed:?}");
    let task = claimed[0]["task"].to_string();
    let comment =
        "Zqpatient moved, repeat axial slices; seen by Frau Kowalczyk on 12.03.2026, call 555-123-4567";
    // A text of which nothing can stay is refused, and a reason that is not configured.
    let reason = "motion or artefact";
    let with = |reason: &str, comment: &str| {
        site.run(&["queue", "return", &task, "--reason", reason, "--comment", comment])
    };
    assert_eq!(with(reason, "Kowalczyk 8123456").0, 2);
    assert_eq!(with("motion of Zqpatient", comment).0, 2);
    let said = with(reason, comment);
    assert_eq!(said.0, 0, "{said:?}");
    let returned = site.event("review.return");
    assert_eq!(returned["detail"]["reason"], reason);
    let kept = returned["detail"]["comment"].as_str().unwrap();
    assert!(kept.contains("moved, repeat axial slices") && kept.contains("***"), "{kept}");
    for file in ["catalog.sqlite", "catalog.sqlite-wal"] {
        let bytes = fs::read(site.path("w").join(file)).unwrap_or_default().to_ascii_lowercase();
        for word in ["zqpatient", "kowalczyk", "12.03.2026", "123-4567"] {
            assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "{word} in {file}");
        }
    }
}

#[test]
fn doctor_says_when_time_ran_backwards() {
    let site = Site::new();
    let clock = || {
        let (_, said, _) = site.run(&["doctor"]);
        let examined = said[0]["examined"].as_array().unwrap().clone();
        examined.into_iter().find(|e| e["what"] == "clock").unwrap()
    };
    assert_eq!(clock()["ok"], true, "{}", clock());
    let event = |at_ms: i64| {
        let engine = Engine::open(Workspace::open(&site.path("w")).unwrap()).unwrap();
        let catalog = &engine.shared().catalog;
        catalog.write(|tx| tx.audit(at_ms, "tester", "test.event", "test", &Value::Null)).unwrap();
        engine.shut_down();
    };
    event(now_ms() + 3 * 3_600_000);
    let behind = clock();
    assert!(behind["ok"] == false && behind["found"].as_str().unwrap().contains("in the future"), "{behind}");
    event(now_ms());
    let back = clock();
    assert!(back["ok"] == true && back["found"].as_str().unwrap().contains("set back 1 times"), "{back}");
}
