//! The Datasets screen: a stub of versions, and what its keys do.

use gantry::engine::EngineError;
use gantry::engine::command::*;
use gantry::engine::query::*;
use serde_json::{Value, json};

use super::frames::Driver;
use super::stub::{NOW, Stub, series};

const DAY: i64 = 24 * 3_600_000;

fn snapshot(name: &str, days: i64, series: u64, splits: &[(&str, u64, u64)]) -> SnapshotView {
    let split = |&(name, series, subjects): &(&str, u64, u64)| (name.into(), SplitCount { series, subjects });
    SnapshotView {
        name: name.into(),
        id: format!("{name}5f0c9b2e7d41a86305c4e9f1b7a2d8036e5c4f9a1b2d7e8c3f604a5b9d1e2")
            .chars()
            .take(64)
            .collect(),
        root: "8c3f604a5b9d1e2f5f0c9b2e7d41a86305c4e9f1b7a2d8036e5c4f9a1b2d7e80".into(),
        series,
        subjects: series * 2 / 3,
        instances: series * 212,
        labels: series * 3,
        bytes: series * 111_000_000,
        splits: splits.iter().map(split).collect(),
        query: Some("modality:CT site:site-A,site-B".into()),
        options: json!({"shares": "train=.7,val=.15,test=.15", "by": "subject", "stratify": "site", "seed": 7}),
        note: if name == "v1" { "first training set".into() } else { String::new() },
        created_ms: NOW - days * DAY,
        by: "amira".into(),
        version: "0.1.0".into(),
        signed: true,
        left_out: Vec::new(),
    }
}

fn snapshots() -> Vec<SnapshotView> {
    let v2 = [("train", 840, 560), ("val", 180, 120), ("test", 180, 120)];
    vec![snapshot("v2", 2, 1200, &v2), snapshot("v1", 30, 900, &[])]
}

fn export(snapshot: Option<&str>, to: &str, days: i64, withdrawn: &[&str]) -> ExportView {
    ExportView {
        run: ExportRunView {
            snapshot: snapshot.map(str::to_owned),
            to: to.into(),
            formats: "nifti,json".into(),
            manifest_sha256: "4f9a1b2d7e8c3f604a5b9d1e25f0c9b2e7d41a86305c4e9f1b7a2d8036e5c4f9".into(),
            at_ms: NOW - days * DAY,
            by: "ben".into(),
        },
        series: 900,
        subjects: 600,
        withdrawn: withdrawn.iter().map(ToString::to_string).collect(),
    }
}

fn preview(asked: &PreviewSnapshot) -> SnapshotPreview {
    let group = |reason: &str, series, first| LeftOutGroup { reason: reason.into(), series, first };
    let split = |series, subjects| SplitCount { series, subjects };
    let is_split = asked.split.is_some();
    SnapshotPreview {
        id: "9d1e".repeat(16),
        same_as: asked.query.is_none().then(|| "v2".into()),
        series: 1240,
        subjects: 826,
        instances: 262_880,
        labels: 3720,
        bytes: 137_640_000_000,
        splits: if is_split {
            [("train", split(868, 578)), ("val", split(186, 124)), ("test", split(186, 124))]
                .map(|(name, count)| (name.to_owned(), count))
                .into()
        } else {
            Default::default()
        },
        left_out: vec![
            group("it is being read", 31, series(40).series_uid),
            group("its read waits for a second look", 12, series(41).series_uid),
            group("its subject has withdrawn", 2, series(42).series_uid),
        ],
    }
}

pub fn answer(stub: &Stub, query: &Query) -> Result<Value, EngineError> {
    let of = |value: Value| Ok(value);
    match query {
        Query::Snapshots(_) => of(json!(if stub.empty { Vec::new() } else { snapshots() })),
        Query::Exports(_) if stub.empty => of(json!([])),
        Query::Exports(_) => of(json!([
            export(Some("v2"), "/data/exports/v2-nnunet", 1, &[]),
            export(Some("v1"), "/data/exports/v1", 29, &["S-7K2M9Q"]),
            export(None, "/home/ben/quick look", 60, &[]),
        ])),
        Query::Withdrawals(_) if stub.empty => of(json!([])),
        Query::Withdrawals(_) => of(json!([WithdrawalView {
            subject: "S-7K2M9Q".into(),
            reason: "consent withdrawn by letter".into(),
            at_ms: NOW - 9 * DAY,
            by: "carla".into(),
            erased_ms: Some(NOW - 9 * DAY),
            snapshots: vec!["v1".into()],
        }])),
        Query::Activities(_) if stub.empty => of(json!([])),
        Query::Activities(_) => of(json!([ActivityView {
            kind: ActivityKind::Export,
            object: "v2".into(),
            by: "ben".into(),
            since_ms: NOW - 180_000,
            done: 300,
            total: 1200,
        }])),
        Query::SnapshotMembers(members) => {
            let end = (members.page.offset + u64::from(members.page.limit)).min(1200);
            let rows = (members.page.offset..end).map(|at| {
                let row = series(at);
                let split = Some(["train", "train", "test"][at as usize % 3].to_owned());
                MemberView { series_uid: row.series_uid, subject: row.subject, site: row.site, split }
            });
            of(json!(Rows { rows: rows.collect::<Vec<_>>(), total: 1200 }))
        }
        Query::DiffSnapshots(_) => {
            let entry = |at, why: &str| DiffEntry { series_uid: series(at).series_uid, why: why.into() };
            of(json!(Diff {
                added: vec![entry(3, "its labels were accepted on 2026-11-20, after v1 was made")],
                removed: vec![entry(5, "its subject has withdrawn")],
                relabelled: vec![entry(8, "reader-02 read it again under guideline 2.0; amira accepted it")],
                attributes_changed: vec![entry(9, "region: chest, was empty (rule region-from-protocol)")],
            }))
        }
        Query::VerifySnapshot(verify) => of(json!(SnapshotVerified {
            name: verify.name.clone(),
            ok: verify.name != "v1",
            checked: 255_000,
            bytes: 133_200_000_000,
            damaged: if verify.name == "v1" {
                vec![SnapshotDamage {
                    series_uid: Some(series(2).series_uid),
                    blob: Some("00".repeat(32)),
                    what: "its bytes are not those of its hash".into(),
                }]
            } else {
                Vec::new()
            },
            ..SnapshotVerified::default()
        })),
        Query::ProvenanceOf(of_what) => of(json!(ProvenanceView {
            document: json!({}),
            tree: format!(
                "{}\n├─ series 2.25.3\n│  ├─ read-17 by reader-02\n│  │  └─ guideline 2.0\n│  └─ source sha256 00ff",
                of_what.object
            ),
        })),
        Query::PreviewSnapshot(asked) => of(json!(preview(asked))),
        _ => Err(EngineError::Invalid { why: "not part of this test".into() }),
    }
}

pub fn perform(command: &Command) -> Option<Value> {
    match command {
        Command::CreateSnapshot(make) => Some(json!(SnapshotView {
            name: make.name.clone(),
            series: 1240,
            subjects: 826,
            ..snapshot("v3", 0, 1, &[])
        })),
        Command::Export(export) => Some(json!(ExportOutcome {
            to: export.to.clone(),
            series: 1200,
            files: 2401,
            ..ExportOutcome::default()
        })),
        Command::Withdraw(withdraw) => Some(json!(Withdrawn {
            subject: withdraw.subject.clone(),
            series: 2,
            snapshots: vec!["v2".into()],
            exports: vec![export(Some("v2"), "/data/exports/v2-nnunet", 1, &[]).run],
            cancelled: 1,
            erased: if withdraw.erase { 424 } else { 0 },
        })),
        _ => None,
    }
}

fn driver() -> Driver {
    let mut driver = Driver::new(Stub::default(), (200, 60));
    driver.press("8");
    driver
}

fn typed(driver: &mut Driver, text: &str) {
    for character in text.chars() {
        let key = if character == ' ' { "space".to_owned() } else { character.to_string() };
        driver.press(&key);
    }
    driver.press("enter");
}

#[test]
fn a_snapshot_is_previewed_and_made() {
    let mut driver = driver();
    let text = driver.press("n").text();
    // The form stands as the latest snapshot was made, with the next name and its splits kept.
    for words in [
        "v3",
        "modality:CT site:site-A,site-B",
        "train=.7,val=.15,test=.15",
        "1\u{202f}240 series",
        "868 series",
        "31 series: it is being read",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let asked = driver.stub.asked.lock().unwrap().clone();
    let last = asked.iter().rev().find_map(|q| match q {
        Query::PreviewSnapshot(preview) => Some(preview.clone()),
        _ => None,
    });
    let split = last.unwrap().split.unwrap();
    assert_eq!((&*split.shares, split.keep.as_deref()), ("train=.7,val=.15,test=.15", Some("v2")));
    let text = driver.press("m").text();
    assert!(text.contains("Freeze 1\u{202f}240 series of 826 subjects as v3?"), "{text}");
    let text = driver.press("y").text();
    assert!(text.contains("v3 holds 1\u{202f}240 series"), "{text}");
    let acts = driver.stub.acts.lock().unwrap().clone();
    let Some(Command::CreateSnapshot(made)) = acts.last() else { panic!("{acts:?}") };
    assert_eq!(made.split.as_ref().unwrap().stratify.as_deref(), Some("site"));
}

#[test]
fn one_is_compared_with_the_one_before_or_the_marked_one() {
    let mut driver = driver();
    let text = driver.press("d").text();
    for words in
        ["From v1 to v2", "1 added · 1 removed · 1 relabelled · 1 changed", "its subject has withdrawn"]
    {
        assert!(text.contains(words), "{words}\n{text}");
    }
    // The earliest has none before it.
    let text = driver.press("esc j d").text();
    assert!(text.contains("there is no other snapshot to compare with"), "{text}");
    driver.press("k space d");
    assert!(driver.text().contains("From v1 to v2"));
}

#[test]
fn what_is_not_whole_is_said_and_stays_said() {
    let mut driver = driver();
    assert!(driver.press("v").text().contains("v2 is whole: 255\u{202f}000 objects read"));
    let text = driver.press("j v").text();
    assert!(text.contains("v1 is not whole: 1 fault") && text.contains("NOT WHOLE"), "{text}");
    assert!(text.contains("its bytes are not those of"), "{text}");
}

#[test]
fn an_export_is_begun_from_a_form_and_shows_how_far_it_is() {
    let mut driver = driver();
    let text = driver.text();
    assert!(
        text.contains("export of v2 by ben") && text.contains("300 of 1\u{202f}200 series, ready in 9 min"),
        "{text}"
    );
    driver.press("e enter");
    typed(&mut driver, ",nnunet");
    driver.press("enter");
    typed(&mut driver, "-second");
    let text = driver.press("enter b").text();
    assert!(text.contains("1\u{202f}200 series, 2\u{202f}401 files in"), "{text}");
    let acts = driver.stub.acts.lock().unwrap().clone();
    let Some(Command::Export(export)) = acts.last() else { panic!("{acts:?}") };
    assert_eq!(export.formats, ["nifti", "json", "nnunet"]);
    assert!(export.to.ends_with("/v2-second") && export.resume && export.snapshot.as_deref() == Some("v2"));
}

#[test]
fn a_subject_withdraws_by_its_series_and_erasing_is_a_choice_of_its_own() {
    let mut driver = driver();
    assert!(driver.press("w").text().contains("choose a series of the subject"));
    driver.press("enter j w");
    typed(&mut driver, "by letter");
    let text = driver.text();
    assert!(text.contains("this cannot be undone") && driver.stub.acts.lock().unwrap().is_empty(), "{text}");
    let text = driver.press("enter").text();
    assert!(text.contains("whoever has them must be told"), "{text}");
    let acts = driver.stub.acts.lock().unwrap().clone();
    let Some(Command::Withdraw(withdraw)) = acts.last() else { panic!("{acts:?}") };
    assert_eq!((&*withdraw.subject, &*withdraw.reason, withdraw.erase), ("subj-0000", "by letter", false));
}
