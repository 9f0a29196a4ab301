//! What people see of de-identification before and after it runs: dry run, report, profiles and how they differ.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use gantry::dicom::{DataSet, Element, Syntax, write};
use gantry::model::{Tag, Vr, tags};
use serde_json::Value;

const PROFILES: &str = r#"
[profile.site]
add_options = ["retain_patient_characteristics"]
[profile.trial]
extends = "site"
attributes = { StudyDescription = "remove", OperatorsName = "keep" }
"#;

fn file(folder: &Path, n: u32) {
    let text = |tag, vr, text: &str| Element::text(tag, vr, text);
    let set = DataSet::from_elements(vec![
        text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
        text(tags::SOP_INSTANCE_UID, Vr::UI, &format!("1.3.6.1.4.1.99999.1.{n}")),
        text(tags::STUDY_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.2"),
        text(tags::SERIES_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.3"),
        text(tags::MODALITY, Vr::CS, "CT"),
        text(tags::STUDY_DESCRIPTION, Vr::LO, "CHEST Wetherquill"),
        text(Tag::new(0x0008, 0x1070), Vr::PN, "Brackenthwaite^Osbert"),
        text(tags::PATIENT_NAME, Vr::PN, "Wetherquill^Lucasta"),
        text(tags::PATIENT_ID, Vr::LO, "MRN-7719-0043"),
        text(tags::PATIENT_SEX, Vr::CS, "F"),
    ]);
    std::fs::write(folder.join(format!("{n}.dcm")), write(&set, Syntax::EXPLICIT_LE).unwrap()).unwrap();
}

struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        (1..4).for_each(|n| file(&dir.path().join("in"), n));
        std::fs::write(dir.path().join("in/note.txt"), "Wetherquill is not DICOM").unwrap();
        std::fs::write(dir.path().join("deid.toml"), PROFILES).unwrap();
        Self { dir }
    }

    fn deid(&self, args: &[&str]) -> Output {
        let run = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .current_dir(self.dir.path())
            .args(["deid", "--config", "deid.toml"])
            .args(args)
            .output()
            .unwrap();
        for text in [&run.stdout, &run.stderr] {
            let text = String::from_utf8_lossy(text).to_lowercase();
            assert!(!text.contains("wetherquill") && !text.contains("7719"), "{args:?}: {text}");
        }
        run
    }

    fn json(&self, args: &[&str], status: i32) -> Value {
        let run = self.deid(&[args, &["--json"]].concat());
        assert_eq!(run.status.code(), Some(status), "{}", String::from_utf8_lossy(&run.stderr));
        serde_json::from_slice(&run.stdout).unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }
}

#[test]
fn a_dry_run_says_what_a_run_does_and_writes_nothing() {
    let site = Site::new();
    let dry = site.json(&["in", "--dry-run"], 1);
    let mut files: Vec<_> =
        std::fs::read_dir(site.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["deid.toml", "in"]);
    let real = site.json(&["in", "out"], 1);
    for key in ["instances", "written", "quarantined", "rejected", "reasons", "actions", "options", "profile"]
    {
        assert_eq!(dry[key], real[key], "{key}");
    }
    assert_eq!((&real["written"], &real["reasons"]["not_dicom"]), (&3.into(), &1.into()));
    // Patient ID and name, and nothing else, become pseudonyms, once per instance.
    assert_eq!(real["actions"]["pseudonymised"], 6);
    assert_eq!(real["actions"]["cleaned"], 3, "the description");
}

#[test]
fn another_run_writes_the_same_and_nothing_of_a_broken_one_stays() {
    let site = Site::new();
    // A second file of an instance gets a number, by the order of the files.
    std::fs::copy(site.dir.path().join("in/1.dcm"), site.dir.path().join("in/again.dcm")).unwrap();
    let written = || {
        assert_eq!(site.json(&["in", "out", "--secret-file", "secret"], 1)["written"], 4);
        let mut found: Vec<_> = files_below(&site.dir.path().join("out"));
        found.sort();
        found
    };
    std::fs::write(site.dir.path().join("secret"), "42".repeat(32)).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(site.dir.path().join("secret"), private).unwrap();
    let first = written();
    assert_eq!(first.iter().filter(|(path, _)| path.ends_with("-2.dcm")).count(), 1);
    assert_eq!(first.len(), 5, "four outputs and the ledger");
    let instances = site.dir.path().join("out/instances");
    std::fs::write(instances.join("7.part"), "half of a file").unwrap();
    std::fs::create_dir(instances.join("1.2.3")).unwrap();
    std::fs::write(instances.join("1.2.3/4.dcm"), "of another input").unwrap();
    assert_eq!(written(), first);
}

/// Every file below a folder, and what it holds.
fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![(path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap())]
            }
        })
        .collect()
}

#[test]
fn a_report_counts_attributes_and_holds_nobody() {
    let site = Site::new();
    site.json(&["in", "out", "--report", "report.json"], 1);
    let report: Value = serde_json::from_str(&site.read("report.json")).unwrap();
    let lines = report["attributes"].as_array().unwrap();
    let of = |tag: &str| {
        lines.iter().find(|l| l["tag"] == tag).map(|l| (l["action"].clone(), l["instances"].clone()))
    };
    assert_eq!(of("(0008,1030)"), Some(("cleaned".into(), 3.into())));
    assert_eq!(of("(0010,0040)"), Some(("emptied".into(), 3.into())));
    assert_eq!(of("(0008,0060)"), Some(("kept".into(), 3.into())));
    site.deid(&["in", "--dry-run", "--report", "report.txt"]);
    let text = site.read("report.txt");
    assert!(text.contains("StudyDescription") && text.contains("3 written"), "{text}");
    for text in [text, site.read("report.json")] {
        assert!(!text.to_lowercase().contains("wetherquill") && !text.contains("7719"), "{text}");
    }
    assert_eq!(site.deid(&["in", "out", "--report", "out/report.json"]).status.code(), Some(2));
}

#[test]
fn two_profiles_are_compared_on_the_same_data() {
    let site = Site::new();
    let found = site.json(&["in", "--profile", "trial", "--diff", "default"], 1);
    let differences = found["comparison"]["differences"].as_array().unwrap();
    let seen: Vec<_> = differences
        .iter()
        .map(|d| {
            let one = |key: &str| {
                d[key].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect::<Vec<_>>()
            };
            (d["tag"].as_str().unwrap(), one("profile"), one("against"), d["instances"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("(0008,1030)", vec!["removed"], vec!["cleaned"], 3),
            ("(0008,1070)", vec!["kept"], vec!["removed"], 3),
            ("(0010,0040)", vec!["kept"], vec!["emptied"], 3),
        ]
    );
    let same = site.json(&["in", "--diff", "default"], 0);
    assert_eq!(same["comparison"]["differences"], serde_json::json!([]));
    let text =
        String::from_utf8(site.deid(&["in", "--profile", "trial", "--diff", "default"]).stdout).unwrap();
    assert!(text.contains("OperatorsName") && text.contains("trial: kept"), "{text}");
}

#[test]
fn the_linter_warns_of_what_is_weaker() {
    let site = Site::new();
    assert_eq!(site.json(&["--lint"], 0)["lints"], serde_json::json!([]));
    let lints = site.json(&["--lint", "--profile", "trial"], 1);
    let messages: Vec<&str> =
        lints["lints"].as_array().unwrap().iter().map(|l| l["message"].as_str().unwrap()).collect();
    assert!(messages.iter().any(|m| m.contains("retain_patient_characteristics")), "{messages:?}");
    assert!(messages.iter().any(|m| m.contains("(0008,1070)")), "{messages:?}");
    assert_eq!(messages.len(), 2, "removing more is no weakness: {messages:?}");
}

#[test]
fn explaining_a_file_shows_values_only_when_asked() {
    let site = Site::new();
    let rows = site.json(&["--explain", "in/1.dcm"], 0);
    let name = rows["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["keyword"] == "PatientName")
        .unwrap()
        .clone();
    assert_eq!(
        (&name["action"], &name["value"], &name["why"]),
        (&"pseudonymised".into(), &Value::Null, &"table Z".into())
    );
    let run = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["deid", "--show-values", "--json", "--explain"])
        .arg(site.dir.path().join("in/1.dcm"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&run.stdout).contains("Wetherquill"));
    // What it becomes stands beside it.
    let shown: Value = serde_json::from_slice(&run.stdout).unwrap();
    let rows = shown["attributes"].as_array().unwrap();
    let row = |keyword: &str| rows.iter().find(|r| r["keyword"] == keyword).unwrap();
    let description = row("StudyDescription");
    assert_eq!(
        (&description["value"], &description["result"]),
        (&"CHEST Wetherquill".into(), &"CHEST ***".into())
    );
    assert_eq!(row("Modality")["result"], "CT");
    assert_eq!(
        (&row("OperatorsName")["value"], &row("OperatorsName")["result"]),
        (&"Brackenthwaite^Osbert".into(), &Value::Null)
    );
}

#[test]
fn the_vault_tells_who_a_subject_was_to_whom_has_the_key_and_says_why() {
    let site = Site::new();
    let path = |name: &str| site.dir.path().join(name);
    let (work, key, other) = (path("w"), path("vault.key"), path("other.key"));
    let run = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["--json", "--workspace", common::text(&work)])
            .args(args)
            .output()
            .unwrap();
        let value: Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
        (out.status.code(), value)
    };
    assert!(Command::new(env!("CARGO_BIN_EXE_gantry")).arg("init").arg(&work).status().unwrap().success());
    // A key inside the workspace would lie beside what it opens.
    assert_eq!(run(&["vault", "init", "--key", common::text(&work.join("vault.key"))]).0, Some(2));
    assert_eq!(run(&["vault", "init", "--key", common::text(&key)]).0, Some(0));
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&key).unwrap()) & 0o777, 0o600);
    assert_eq!(run(&["ingest", common::text(&path("in"))]).0, Some(0));
    let (_, status) = run(&["vault", "status"]);
    assert_eq!((&status["entries"], &status["studies"]), (&1.into(), &1.into()));
    // Nobody reads it from the disk.
    let sealed = sealed_below(&work.join("landing/vault"));
    let bytes = std::fs::read(&sealed).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).to_lowercase().contains("wetherquill"));
    // Not without a reason, nor with another key.
    let open = ["vault", "open", "--reason", "incidental finding", "--key"];
    assert_eq!(run(&["vault", "open", "--key", common::text(&key), "--reason", " "]).0, Some(2));
    assert_eq!(run(&["vault", "init", "--key", common::text(&other)]).0, Some(0));
    let (code, shut) = run(&[&open[..], &[common::text(&other)]].concat());
    assert_eq!(code, Some(4));
    assert!(
        shut["error"]["hint"].as_str().unwrap().contains("1 entries are sealed to another key"),
        "{shut}"
    );
    let (_, opened) = run(&[&open[..], &[common::text(&key)]].concat());
    let entry = &opened["entries"][0];
    assert_eq!(entry["patient_name"], "Wetherquill^Lucasta");
    assert_eq!((&entry["patient_id"], &entry["site"]), (&"MRN-7719-0043".into(), &"local".into()));
    assert_eq!(entry["original_study_uid"], "1.3.6.1.4.1.99999.2");
    let (_, found) = run(&["search", ""]);
    let text = found.to_string();
    assert!(text.contains(entry["study_uid"].as_str().unwrap()) && !text.contains("Wetherquill"), "{text}");
    assert_eq!(run(&[&open[..], &[common::text(&key), "--subject", "nobody"]].concat()).0, Some(4));
    let (_, trail) = run(&["audit", "show", "--object", "vault"]);
    let text = trail.to_string();
    assert_eq!(trail["total"], 3, "every opening, also in vain: {text}");
    assert!(
        text.contains("incidental finding") && !text.contains("AGE-SECRET") && !text.contains("7719"),
        "{text}"
    );
    opened_by_age(&key, &sealed);
}

fn sealed_below(folder: &Path) -> std::path::PathBuf {
    let shelf = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(shelf).unwrap().next().unwrap().unwrap().path()
}

/// The reference program of the format opens it too.
fn opened_by_age(key: &Path, sealed: &Path) {
    let Some(age) = common::peer("age") else { return };
    let out = Command::new(age).arg("-d").arg("-i").arg(key).arg(sealed).output().unwrap();
    let entry: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(entry["patient_id"], "MRN-7719-0043", "{}", String::from_utf8_lossy(&out.stderr));
}
