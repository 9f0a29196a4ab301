//! Search, harmonisation and the checks of studies in a workspace, through the binary.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use gantry::demo::{Study, StudyPlan};
use serde_json::Value;

fn gantry(workspace: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gantry"))
        .arg("--workspace")
        .arg(workspace)
        .arg("--json")
        .args(args)
        .output()
        .unwrap()
}

/// The lines that a command prints; it has to end with `status`.
fn lines(workspace: &Path, status: i32, args: &[&str]) -> Vec<Value> {
    let ran = gantry(workspace, args);
    let text = String::from_utf8(ran.stdout).unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(status), "{args:?}: {text}{errors}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn uids(found: &[Value]) -> Vec<&str> {
    found.iter().map(|row| row["series_uid"].as_str().unwrap()).collect()
}

/// A workspace with two studies of site A, and one of them again under another identity from site B.
fn workspace(root: &Path) -> std::path::PathBuf {
    let (sent, workspace) = (root.join("sent"), root.join("w"));
    for number in 1..=2 {
        let folder = sent.join(number.to_string());
        fs::create_dir_all(&folder).unwrap();
        let plan = StudyPlan { seed: 3, number, subject: number, scanner: 0, visit: 0, fault: None };
        for file in Study::make(plan).files().unwrap().into_iter().take(24) {
            fs::write(folder.join(file.name), file.bytes).unwrap();
        }
    }
    let path = |p: &Path| p.to_str().unwrap().to_string();
    assert!(gantry(&workspace, &["init", &path(&workspace)]).status.success());
    lines(&workspace, 0, &["ingest", &path(&sent), "--site", "A"]);
    let again = root.join("again");
    lines(&workspace, 0, &["deid", &path(&sent.join("1")), &path(&again)]);
    lines(&workspace, 0, &["ingest", &path(&again), "--site", "B"]);
    workspace
}

#[test]
fn a_workspace_is_searched_harmonised_and_compared() {
    let dir = tempfile::tempdir().unwrap();
    let w = &workspace(dir.path());
    let all = lines(w, 0, &["search", "family:ct"]);
    assert!(all.len() >= 3, "{all:#?}");

    // The same images from two sites, under two names.
    let twice = lines(w, 0, &["search", "finding:duplicate_pixels", "--sort", "site"]);
    let sites: Vec<&str> = twice.iter().map(|row| row["site"].as_str().unwrap()).collect();
    assert_eq!(sites.len() % 2, 0);
    assert!(sites.contains(&"A") && sites.contains(&"B"), "{sites:?}");
    assert_eq!(lines(w, 0, &["search", "finding:uid_reuse"]), Vec::<Value>::new());

    // What is known of a study and a subject; scanners are known by a key, and the key by nobody.
    let study = lines(w, 0, &["show", all[0]["study_uid"].as_str().unwrap()])[0]["study"].clone();
    assert_eq!(study["harmonised"]["family"], serde_json::json!(["ct"]));
    let subject = lines(w, 0, &["show", all[0]["subject"].as_str().unwrap()])[0]["subject"].clone();
    assert!(subject["total"].as_u64().unwrap() >= study["total"].as_u64().unwrap());

    // Orders, and their reverse.
    let up = lines(w, 0, &["search", "--sort", "series"]);
    let mut down = lines(w, 0, &["search", "--sort", "-series"]);
    down.reverse();
    assert_eq!(uids(&up), uids(&down));
    assert!(uids(&up).is_sorted());
    lines(w, 2, &["search", "--sort", "colour"]);

    // Facets count what the search finds.
    let facets = lines(w, 0, &["search", "family:ct", "--facets"]);
    let modality = facets.iter().find(|f| f["name"] == "modality").unwrap();
    assert_eq!(modality["values"][0], serde_json::json!(["CT", all.len()]));

    // Completion of fields and values.
    let complete = |text: &str| lines(w, 0, &["search", "--complete", text])[0].clone();
    assert_eq!(complete("modality:CT ker"), serde_json::json!(["kernel:"]));
    assert_eq!(complete("-modality:c"), serde_json::json!(["-modality:CT"]));
    assert_eq!(complete("site:A,"), serde_json::json!(["site:A,A", "site:A,B"]));

    // Saved searches: kept, narrowed, forgotten; each an entry of the trail.
    lines(w, 0, &["search", "family:ct", "--sort", "-series", "--save", "cts"]);
    assert_eq!(lines(w, 0, &["search", "--list-saved"])[0]["query"], "family:ct");
    let narrowed = lines(w, 0, &["search", "--saved", "cts", "site:B"]);
    assert!(!narrowed.is_empty() && narrowed.iter().all(|row| row["site"] == "B"));
    lines(w, 0, &["search", "--forget", "cts"]);
    lines(w, 4, &["search", "--saved", "cts"]);
    lines(w, 2, &["search", "colour:red", "--save", "wrong"]);

    // Tables.
    for name in ["table.csv", "table.parquet"] {
        let file = dir.path().join(name);
        let told = lines(w, 0, &["search", "family:ct", "--to", file.to_str().unwrap()]);
        assert_eq!(told[0]["series"], all.len());
        let table = gantry::format::table::Table::read(&file).unwrap();
        assert_eq!(table.rows(), all.len());
        let uid = table.column("series_uid").unwrap();
        assert_eq!(uid.iter().map(|u| u.as_deref().unwrap()).collect::<Vec<_>>(), uids(&all));
        assert!(table.column("region").is_ok() && table.column("kernel").is_ok());
    }

    rules(w, uids(&all)[0]);
    protocol(w, dir.path());
    let verified = lines(w, 0, &["audit", "verify"]);
    assert!(verified[0].to_string().contains("entries"), "{verified:?}");
}

/// Rules are checked, tried, put in force and searched for; nothing is read again.
fn rules(w: &Path, series: &str) {
    let before = lines(w, 0, &["show", series])[0]["series"]["harmonised"].clone();
    let file = w.join("rules.toml");
    let rule = "version = \"1\"\n[[rule]]\nname = \"all\"\nsite = \"B\"\nmatch = { modality = \"CT\" }\n\
                set = { phase = \"portal\" }\n";
    fs::write(&file, rule).unwrap();
    let path = file.to_str().unwrap();
    assert_eq!(lines(w, 0, &["harmonise", "check", path])[0]["rules"], 1);
    fs::write(&file, rule.replace("portal", "portale")).unwrap();
    lines(w, 3, &["harmonise", "check", path]);
    fs::write(&file, rule).unwrap();
    let config = w.join("gantry.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("[harmonise]", "[harmonise]\nrules = [\"rules.toml\"]")).unwrap();

    let store = fs::read_dir(w.join("store")).unwrap().count();
    fs::rename(w.join("store"), w.join("gone")).unwrap();
    fs::create_dir(w.join("store")).unwrap();
    let of_b = lines(w, 0, &["search", "site:B family:ct"]).len();
    assert!(of_b > 0);
    let tried = lines(w, 0, &["harmonise", "dry-run"])[0].clone();
    assert_eq!(tried["changed"], of_b);
    assert_eq!(
        lines(w, 0, &["search", "phase:portal site:B"]),
        Vec::<Value>::new(),
        "a dry run writes nothing"
    );
    let applied = lines(w, 0, &["harmonise", "apply"])[0].clone();
    assert_eq!((&applied["changed"], &applied["changes"]), (&tried["changed"], &tried["changes"]));
    assert_eq!(lines(w, 0, &["search", "phase:portal site:B"]).len(), of_b);
    assert_eq!(lines(w, 0, &["harmonise", "apply"])[0]["changed"], 0, "the second time nothing changes");
    fs::remove_dir_all(w.join("store")).unwrap();
    fs::rename(w.join("gone"), w.join("store")).unwrap();
    assert_eq!(fs::read_dir(w.join("store")).unwrap().count(), store);

    let after = lines(w, 0, &["show", series])[0]["series"]["harmonised"].clone();
    assert_ne!(before["rules"], after["rules"], "each value says by which rules it was derived");
    let coverage = lines(w, 0, &["harmonise", "coverage", "site:B"]);
    let phase = coverage.iter().find(|c| c["name"] == "phase").unwrap();
    assert_eq!((&phase["mapped"], &phase["series"]), (&of_b.into(), &of_b.into()));
}

/// A protocol is learned from the catalog, and its series keep to it.
fn protocol(w: &Path, dir: &Path) {
    let file = dir.join("protocol.toml");
    let path = file.to_str().unwrap();
    let learned = lines(w, 0, &["protocol", "learn", "ours", "--query", "family:ct", "--to", path]);
    assert!(learned[0]["series"].as_u64().unwrap() >= 3);
    assert_eq!(lines(w, 0, &["protocol", "check", path])[0]["name"], "ours");
    let sent = dir.join("sent/2");
    let of = |extra: &str| {
        let text = fs::read_to_string(path).unwrap();
        let strict = dir.join("strict.toml");
        fs::write(&strict, text + extra).unwrap();
        let ran = gantry(
            w,
            &["qc", sent.to_str().unwrap(), "--headers-only", "--protocol", strict.to_str().unwrap()],
        );
        String::from_utf8(ran.stdout).unwrap().matches("protocol_deviation").count()
    };
    assert_eq!(of(""), 0, "what was learned from holds");
    let everything = "\n[[expect]]\nmatch = { modality = \"CT\" }\nattributes = { kvp = { value = 1.0 } }\n";
    fs::write(&file, format!("name = \"odd\"{everything}")).unwrap();
    assert!(of("") > 0);
}
