//! The development set before and after de-identification, as other programs and as `scan` see it: relations, dates,
//! series, geometry, conformance.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "deid_devset/research.rs"]
mod research;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use gantry::dicom::{DataSet, ReadOptions, Value, read};
use gantry::model::{Tag, Vr};
use rayon::prelude::*;
use serde_json::Value as Json;

/// One run over the whole set, shared by every test here.
struct Run {
    dir: tempfile::TempDir,
    source: PathBuf,
    /// Source and output of every file that was written.
    written: Vec<(String, String)>,
}

impl Run {
    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn pairs(&self) -> impl Iterator<Item = (PathBuf, PathBuf)> {
        self.written.iter().map(|(s, o)| (self.source.join(s), self.out().join(o)))
    }
}

fn gantry() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gantry"))
}

fn secret(dir: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join("secret");
    std::fs::write(&path, "5a".repeat(32)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Runs `gantry deid` and returns the lines of its map as (source, output).
fn deid(dir: &Path, input: &Path, out: &str) -> BTreeMap<String, Option<String>> {
    let map = dir.join(format!("{out}.map"));
    let run = gantry()
        .args(["deid", "--trust-pixels", "--secret-file"])
        .arg(secret(dir))
        .arg("--map")
        .args([&map, input, &dir.join(out)])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
    let text = std::fs::read_to_string(map).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    lines.map(|l| (l["source"].as_str().unwrap().into(), l["output"].as_str().map(Into::into))).collect()
}

fn run() -> Option<&'static Run> {
    static RUN: OnceLock<Option<Run>> = OnceLock::new();
    RUN.get_or_init(|| {
        let source = common::shared()?.join("dicom");
        let dir = tempfile::tempdir().unwrap();
        let ends = deid(dir.path(), &source, "out");
        let written = ends.into_iter().filter_map(|(s, o)| Some((s, o?))).collect();
        Some(Run { dir, source, written })
    })
    .as_ref()
}

/// By pydicom: every UID has one image and every image one origin, the graph of who says which UID in which role is
/// the same but for its labels, and every date of a subject moved by the same number of days.
#[test]
fn relations_and_intervals_survive() {
    let (Some(run), Some(python)) = (run(), common::peer("python3")) else { return };
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/make/phi_relations.py"))
        .args([&run.source, &run.out(), &run.dir.path().join("out.map")])
        .output()
        .unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("No module named") {
        return common::skip("pydicom is not installed");
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["conflicts"], serde_json::json!([]));
    assert_eq!(found["shifts"]["wrong"], serde_json::json!([]));
    assert!(found["files"].as_u64() > Some(950) && found["edges"].as_u64() > Some(6_000), "{found}");
    assert!(found["shifts"]["dates"].as_u64() > Some(4_000), "{found}");
    // References that the table itself takes away (performed procedure step, study, patient), and nothing else.
    for (tag, n) in found["lost"].as_object().unwrap() {
        assert!(matches!(&**tag, "00081111" | "00081110" | "00081120"), "{tag}: {n}");
    }
}

/// Two processes on two halves give the UIDs of one run.
#[test]
fn two_halves_give_the_uids_of_one_run() {
    let Some(run) = run() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut halves = BTreeMap::new();
    for half in ["0", "1"] {
        let input = dir.path().join(half);
        for (n, (source, _)) in run.written.iter().enumerate() {
            if (n % 2).to_string() == half {
                let target = input.join(source);
                std::fs::create_dir_all(target.parent().unwrap()).unwrap();
                std::fs::copy(run.source.join(source), target).unwrap();
            }
        }
        std::fs::write(input.join("none.txt"), "not DICOM, so that both runs end alike").unwrap();
        halves.extend(deid(dir.path(), &input, &format!("out{half}")));
    }
    let uid = |output: &str| {
        output.split("/instances/").last().unwrap().split('-').next().unwrap().replace(".dcm", "")
    };
    for (source, output) in &run.written {
        assert_eq!(uid(halves[source].as_deref().unwrap()), uid(output), "{source}");
    }
}

/// Every UID of the sources and what it became.
fn images(run: &Run) -> HashMap<String, String> {
    fn walk(before: &DataSet<'_>, after: &DataSet<'_>, out: &mut HashMap<String, String>) {
        for old in before.elements().iter().filter(|e| !e.tag.is_private()) {
            let Some(new) = after.get(old.tag) else { continue };
            match (&old.value, &new.value) {
                (Value::Items(a), Value::Items(b)) => a.iter().zip(b).for_each(|(a, b)| walk(a, b, out)),
                (Value::Bytes(_), Value::Bytes(_)) if old.vr == Vr::UI => {
                    out.extend(
                        before.ascii(old.tag).zip(after.ascii(old.tag)).map(|(a, b)| (a.into(), b.into())),
                    );
                }
                _ => {}
            }
        }
    }
    let mut all = HashMap::new();
    for (source, output) in run.pairs() {
        let (source, output) = (std::fs::read(source).unwrap(), std::fs::read(output).unwrap());
        let options = ReadOptions { header_only: true, ..ReadOptions::default() };
        let (before, after) = (read(&source, options).unwrap(), read(&output, options).unwrap());
        walk(&before.dataset, &after.dataset, &mut all);
    }
    all
}

/// What `scan` says of files, by series and stack.
fn scan(paths: impl Iterator<Item = PathBuf>) -> Vec<Json> {
    let output = gantry().args(["scan", "--json"]).args(paths).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .filter(|l: &Json| l.get("summary").is_none())
        .collect()
}

/// A stack without what identifies and without findings, its UIDs replaced.
fn stack(line: &Json, images: Option<&HashMap<String, String>>) -> String {
    let uid = |text: &str| {
        let (uid, frame) = text.split_once('#').map_or((text, None), |(u, f)| (u, Some(f)));
        let uid = images.map_or(uid, |m| m.get(uid).map_or(uid, |u| &**u));
        frame.map_or(uid.to_string(), |f| format!("{uid}#{f}"))
    };
    let mapped = |v: &Json| v.as_str().map(uid);
    let order: Option<Vec<_>> = line["slice_order"].as_array().map(|a| a.iter().map(mapped).collect());
    let gaps: Vec<_> = line["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (mapped(&g["after"]), mapped(&g["before"]), g["step_mm"].clone(), g["expected_mm"].clone()))
        .collect();
    let keys = [
        "modality",
        "frames",
        "rows",
        "columns",
        "volumes",
        "volumes_by",
        "split_by",
        "spacing_mm",
        "orientation",
        "origin_mm",
        "affine",
    ];
    let facts: Vec<String> = keys.iter().map(|k| format!("{k}={}", line[k])).collect();
    format!("{facts:?} {order:?} {gaps:?}")
}

/// By series: how many instances, its stacks, its findings. Copies that differ only in how they are encoded are the
/// same afterwards, and what is said of encodings is left out.
#[derive(Default)]
struct Found {
    instances: u64,
    stacks: BTreeSet<String>,
    findings: BTreeSet<String>,
    /// Files of one UID have other pixels: which of them is shown goes by their hashes, which are other ones now.
    conflict: bool,
}

fn by_series(lines: &[Json], images: Option<&HashMap<String, String>>) -> BTreeMap<String, Found> {
    let mut found = BTreeMap::<String, Found>::new();
    for line in lines {
        let uid = line["series_uid"].as_str().unwrap();
        let uid = images.map_or(uid, |m| &m[uid]);
        let of = found.entry(uid.to_string()).or_default();
        of.instances += line["instances"].as_u64().unwrap();
        of.stacks.insert(stack(line, images));
        for finding in line["findings"].as_array().unwrap() {
            let (check, severity) =
                (finding["check"].as_str().unwrap(), finding["severity"].as_str().unwrap());
            of.conflict |= check == "instance_conflict" && severity == "error";
            if !matches!(check, "inconsistent_pixel_format" | "instance_conflict") {
                of.findings.insert(format!("{check} {severity}"));
            }
        }
    }
    found
}

#[test]
fn scan_finds_the_same_before_and_after() {
    let Some(run) = run() else { return };
    let before = by_series(&scan(run.pairs().map(|(source, _)| source)), Some(&images(run)));
    let after = by_series(&scan(run.pairs().map(|(_, output)| output)), None);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let mut stacks = 0;
    for (uid, old) in &before {
        let new = &after[uid];
        assert_eq!((&old.findings, old.instances), (&new.findings, new.instances), "{uid}");
        if !old.conflict && !new.conflict {
            assert_eq!(old.stacks, new.stacks, "{uid}");
            stacks += old.stacks.len();
        }
    }
    assert!(stacks > 90, "{stacks}");
}

/// What is missing or wrong according to dciodvfy, without the values it quotes: they differ on purpose.
fn errors(dciodvfy: &Path, file: &Path) -> BTreeSet<String> {
    let output = Command::new(dciodvfy).arg(file).output().unwrap();
    let said = |line: &str| {
        let words = line.split(['<', '=']).next().unwrap_or(line);
        words.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect()
    };
    String::from_utf8_lossy(&output.stderr).lines().filter(|l| l.starts_with("Error")).map(said).collect()
}

#[test]
fn no_file_conforms_less_than_before() {
    let (Some(run), Some(dciodvfy)) = (run(), common::peer("dciodvfy")) else { return };
    let pairs: Vec<_> = run.pairs().collect();
    let new: Vec<String> = pairs
        .par_iter()
        .flat_map_iter(|(source, output)| {
            let before = errors(&dciodvfy, source);
            // It reads no deflated data set: nothing can be compared.
            if before.iter().any(|e| e.contains("dataset read failed")) {
                return Vec::new();
            }
            let after = errors(&dciodvfy, output);
            after.difference(&before).map(|e| format!("{}: {e}", source.display())).collect::<Vec<_>>()
        })
        .collect();
    assert!(new.is_empty(), "{}\n{}", new.len(), new.join("\n"));
    assert!(pairs.len() > 950, "{}", pairs.len());
}

/// Attributes from which positions, diffusion and uptake are computed are the same bytes, at every depth.
#[test]
fn geometry_diffusion_and_quantities_are_the_same_bytes() {
    const TAGS: [u32; 24] = [
        0x0018_0050,
        0x0018_0088,
        0x0018_1060,
        0x0018_1120,
        0x0018_9087,
        0x0018_9089,
        0x0018_9602,
        0x0020_0032,
        0x0020_0037,
        0x0020_0100,
        0x0020_1041,
        0x0020_9128,
        0x0020_9157,
        0x0028_0030,
        0x0028_1052,
        0x0028_1053,
        0x0054_1300,
        0x0054_1321,
        0x0054_1001,
        0x0018_1074,
        0x0018_1075,
        0x0040_9225,
        0x0040_9224,
        0x3006_0050,
    ];
    fn walk(
        before: &DataSet<'_>,
        after: Option<&DataSet<'_>>,
        at: &str,
        wrong: &mut Vec<String>,
        n: &mut u32,
    ) {
        for old in before.elements() {
            let new = after.and_then(|a| a.get(old.tag));
            match &old.value {
                Value::Items(items) => {
                    let theirs = after.map(|a| a.items(old.tag)).unwrap_or_default();
                    // A sequence that the table takes away takes everything with it.
                    if !theirs.is_empty() {
                        items.iter().zip(theirs).for_each(|(a, b)| walk(a, Some(b), at, wrong, n));
                    }
                }
                Value::Bytes(old_bytes) if TAGS.iter().any(|t| Tag(*t) == old.tag) => {
                    *n += 1;
                    if new.and_then(|e| e.bytes()) != Some(&**old_bytes) {
                        wrong.push(format!("{at} {}", old.tag));
                    }
                }
                _ => {}
            }
        }
    }
    let Some(run) = run() else { return };
    let (mut wrong, mut n) = (Vec::new(), 0);
    for (source, output) in run.pairs() {
        let (old, new) = (std::fs::read(&source).unwrap(), std::fs::read(output).unwrap());
        let (before, after) =
            (read(&old, ReadOptions::default()).unwrap(), read(&new, ReadOptions::default()).unwrap());
        walk(&before.dataset, Some(&after.dataset), &source.display().to_string(), &mut wrong, &mut n);
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert!(n > 5_000, "{n}");
}
