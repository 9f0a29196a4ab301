//! `gantry measure`, `agree` and `drift` as scripts see them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gantry::format::nifti::{Nifti, Voxels};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Exit status and JSON (the last line) of a command.
fn gantry(arguments: &[&str]) -> (i32, Value) {
    let out = Command::new(env!("CARGO_BIN_EXE_gantry")).arg("--json").args(arguments).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let line = text.lines().last().unwrap_or("null");
    (out.status.code().unwrap(), serde_json::from_str(line).unwrap())
}

fn table(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A labelmap of 8 × 6 × 4 voxels of 1 × 2 × 3 mm with one box of `label`, moved by `x`.
fn labelmap(folder: &Path, name: &str, label: u8, x: usize, origin: f64) -> PathBuf {
    let mut voxels = vec![0; 8 * 6 * 4];
    for (z, y) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let row = 8 * (y + 6 * z);
        voxels[row + 1 + x..row + 4 + x].fill(label);
    }
    let affine = [[1.0, 0.0, 0.0, origin], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let path = folder.join(name);
    Nifti::new([8, 6, 4, 1], affine, Voxels::U8(voxels)).unwrap().write(&path).unwrap();
    path
}

#[test]
fn measure_names_structures_and_says_why_a_value_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, label, x, origin| {
        labelmap(folder.path(), name, label, x, origin).to_str().unwrap().to_owned()
    };
    let (a, b) = (path("a.nii.gz", 7, 0, 0.0), path("b.nii", 7, 2, 0.0));
    let (exit, found) = gantry(&["measure", &a, &b, "--names", "7=liver", "--tolerance", "2.0,1"]);
    let s = &found["structures"][0];
    assert_eq!(
        (exit, &s["name"], &s["voxels_a"], &s["volume_b_mm3"]),
        (0, &json!("liver"), &json!(12), &json!(72.0))
    );
    assert_eq!(s["dice"]["value"], json!(1.0 / 3.0));
    assert_eq!(s["hd_mm"]["value"], json!(2.0));
    // A distance equal to the tolerance is within it; the key stays as it was written.
    assert_eq!(s["nsd"]["2.0"]["value"], json!(1.0));
    assert!(s["nsd"]["1"]["value"].as_f64().unwrap() < 1.0);
    for convention in ["voxel", "mesh"] {
        let (_, other) = gantry(&["measure", &a, &b, "--convention", convention]);
        assert_eq!(other["structures"][0]["hd_mm"]["value"], json!(2.0), "{convention}");
    }
    let (_, found) = gantry(&["measure", &a, &path("c.nii", 9, 0, 0.0)]);
    let reasons: Vec<&Value> =
        found["structures"].as_array().unwrap().iter().map(|s| &s["dice"]["reason"]).collect();
    assert_eq!(reasons, [&json!("test empty"), &json!("reference empty")]);
    assert_eq!(
        found["structures"][1]["nsd"]["1"],
        json!({"value": null, "ci95": null, "n": 0, "reason": "reference empty"})
    );
    let (exit, found) = gantry(&["measure", &path("d.nii", 0, 0, 0.0), &path("e.nii", 0, 0, 0.0)]);
    let all = found["structures"].as_array().unwrap();
    assert_eq!((exit, all.len(), &all[0]["name"]), (0, 1, &json!("1")));
    assert_eq!(all[0]["dice"], json!({"value": null, "ci95": null, "n": 0, "reason": "both empty"}));
    let (exit, refused) = gantry(&["measure", &a, &path("f.nii", 7, 0, 5.0)]);
    assert_eq!((exit, &refused["error"]["code"]), (4, &json!("input")));
    assert_eq!(gantry(&["measure", &a, &b, "--tolerance", "-1"]).0, 2);
    assert_eq!(gantry(&["measure", &a, &table(&folder, "g.nii", "no volume")]).0, 4);
}

#[test]
fn agree_reads_csv_parquet_like_json_alike_and_refuses_what_is_ambiguous() {
    let folder = tempfile::tempdir().unwrap();
    let csv =
        table(&folder, "a.csv", "reader,item,value,note\nB,1,1,x\nA,1,1,\nA,2,3,\nB,2,2,\nA,3,,\nB,3,1,\n");
    let records = r#"[{"item":1,"reader":"B","value":1},{"item":1,"reader":"A","value":1},{"item":2,"reader":"A","value":3},
        {"item":2,"reader":"B","value":2.0},{"item":3,"reader":"A","value":null},{"item":3,"reader":"B","value":"1"}]"#;
    let lines = records.trim_start_matches('[').trim_end_matches(']').replace("},", "}\n");
    let options = ["--level", "ordinal", "--scale", "1,2,3"];
    let run = |file: &str| gantry(&[&["agree", "--from", file][..], &options].concat());
    let (exit, first) = run(&csv);
    assert_eq!((exit, &first["items"], &first["readers"]), (0, &json!(3), &json!(2)));
    assert_eq!(first["cohen_kappa"]["A|B"]["n"], json!(2));
    assert_eq!(first["percent_agreement"]["value"], json!(0.5));
    assert_eq!(run(&table(&folder, "b.json", records)).1, first);
    assert_eq!(run(&table(&folder, "c.jsonl", &lines)).1, first);
    let twice = table(&folder, "d.csv", "item,reader,value\n1,A,1\n1,A,1\n");
    assert_eq!(gantry(&["agree", "--from", &twice]).0, 4);
    assert_eq!(gantry(&["agree", "--from", &csv, "--scale", "1,2"]).0, 4);
    assert_eq!(gantry(&["agree", "--from", &csv, "--level", "cardinal"]).0, 2);
    // "10" sorts after "9" as a number, and the same seed gives the same interval.
    let many: String = (0..60).map(|i| format!("{i},A,{}\n{i},B,{}\n", 8 + i % 3, 8 + (i * i) % 3)).collect();
    let many = table(&folder, "e.csv", &format!("item,reader,value\n{many}"));
    let boot = |seed: &str| {
        gantry(&["agree", "--from", &many, "--level", "interval", "--bootstrap", "200", "--seed", seed]).1
    };
    assert_eq!(boot("4"), boot("4"));
    assert_ne!(boot("4")["krippendorff_alpha"]["ci95"], boot("5")["krippendorff_alpha"]["ci95"]);
    let kappa = &boot("4")["cohen_kappa"]["A|B"];
    let ci: Vec<f64> = serde_json::from_value(kappa["ci95"].clone()).unwrap();
    let value = kappa["value"].as_f64().unwrap();
    assert!(ci[0] < value && value < ci[1]);
}

#[test]
fn drift_orders_by_time_and_keeps_groups_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("when,value,reader\n");
    for row in (0..120).rev() {
        let noise = f64::from(row * 37 % 11) / 10.0;
        let date = format!("2024-{:02}-{:02}", 1 + row / 28, 1 + row % 28);
        text += &format!(
            "{date},{},steady\n{date},{},moved\n",
            noise,
            noise + f64::from(u8::from(row >= 60)) * 2.0
        );
    }
    let file = table(&folder, "d.csv", &text);
    let run = |more: &[&str]| {
        gantry(&[&["drift", "--from", &file, "--value", "value", "--time", "when"][..], more].concat())
    };
    let (exit, found) = run(&["--group", "reader", "--reference", "2024-02-05"]);
    assert_eq!(exit, 0);
    let groups = found["groups"].as_array().unwrap();
    assert_eq!([&groups[0]["group"], &groups[1]["group"]], [&json!("moved"), &json!("steady")]);
    assert_eq!((&groups[0]["n"], &groups[0]["reference_n"]), (&json!(120), &json!(32)));
    assert_eq!(groups[1]["alarms"], json!([]));
    let alarm = &groups[0]["alarms"][0];
    let index = alarm["index"].as_u64().unwrap();
    assert!((60..66).contains(&index), "{alarm}");
    assert_eq!(alarm["at"], json!(format!("2024-{:02}-{:02}", 1 + index / 28, 1 + index % 28)));
    assert_eq!(run(&["--reference", "0"]).0, 2);
    assert_eq!(run(&["--reference", "soon"]).0, 2);
    assert_eq!(gantry(&["drift", "--from", &file, "--value", "reader", "--time", "when"]).0, 4);
    let constant: String = (0..40).map(|row| format!("{row},0.1\n")).collect();
    let constant = table(&folder, "c.csv", &format!("t,v\n{constant}"));
    let (_, found) = gantry(&["drift", "--from", &constant, "--value", "v", "--time", "t"]);
    let group = &found["groups"][0];
    assert_eq!(group["psi"]["reason"], json!("reference constant"));
    assert_eq!(group["cusum"]["reason"], json!("reference constant"));
}
