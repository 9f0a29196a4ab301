//! The floors of the crate, as `docs/ARCHITECTURE.md` has them: a module uses lower floors, and of its own floor only what is
//! said here. Read from the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Modules from the core upwards.
const FLOORS: [&[&str]; 6] = [
    &[
        "model",
        "series",
        "harmonise",
        "measure",
        "render",
        "audit",
        "access",
        "seal",
        "label",
        "workflow",
        "snapshot",
    ],
    &["source", "dicom", "format", "catalog", "landing", "blob", "bytes", "config", "net", "ocr"],
    &["deid", "qc", "dataset", "volume", "convert", "report"],
    &["pipeline", "demo"],
    &["engine"],
    &["cli", "console", "daemon"],
];

/// Who uses whom on one floor: a leaf below the others, and faces that start each other.
const ASIDE: [(&str, &str); 26] = [
    ("landing", "catalog"),
    ("series", "model"),
    ("measure", "model"),
    ("harmonise", "model"),
    ("render", "model"),
    ("label", "model"),
    ("label", "measure"),
    ("workflow", "model"),
    ("workflow", "harmonise"),
    ("workflow", "label"),
    ("workflow", "measure"),
    ("snapshot", "audit"),
    ("snapshot", "harmonise"),
    ("snapshot", "workflow"),
    ("blob", "bytes"),
    ("dicom", "bytes"),
    ("dicom", "source"),
    ("format", "bytes"),
    ("net", "bytes"),
    ("format", "dicom"),
    ("source", "bytes"),
    ("net", "dicom"),
    ("dataset", "volume"),
    ("demo", "pipeline"),
    ("cli", "console"),
    ("cli", "daemon"),
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// Modules that each module names outside its unit tests, with the files that do.
fn uses() -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let shown = path.strip_prefix(&root).unwrap().display().to_string();
            let own = shown.split('/').next().unwrap().trim_end_matches(".rs").to_string();
            if path.extension().is_none_or(|e| e != "rs") || ["lib", "main"].contains(&&*own) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\n").next().unwrap();
            for named in text.split("crate::").skip(1) {
                let end = named.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(named.len());
                if named[..end] != own && floor(&named[..end]).is_some() {
                    found.entry((own.clone(), named[..end].to_string())).or_default().insert(shown.clone());
                }
            }
        }
    }
    found
}

#[test]
fn a_module_uses_lower_floors_alone() {
    let uses = uses();
    assert!(uses.len() > 60, "the sources were not read: {}", uses.len());
    for ((from, to), files) in &uses {
        let (own, other) = (floor(from).unwrap_or_else(|| panic!("{from} has no floor")), floor(to).unwrap());
        let fine = other < own || other == own && ASIDE.contains(&(from, to));
        assert!(fine, "{from} uses {to}: {files:?}");
    }
    // No circle among those of one floor.
    for (from, to) in ASIDE {
        assert!(!ASIDE.contains(&(to, from)), "{from} and {to} use each other");
    }
}

#[test]
fn every_module_has_its_floor() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        assert!(["lib", "main"].contains(&&*name) || floor(&name).is_some(), "{name}");
    }
}
