//! From accepted labels to a version of the dataset, where it went, and a subject that leaves.

use gantry::audit::root_by_path;
use gantry::engine::EngineError;
use gantry::engine::command::{CreateSnapshot, Export, SplitWords, Withdraw};
use gantry::engine::query::{
    Activities, DiffSnapshots, Exports, PreviewSnapshot, ProveMember, SnapshotDetail, Verify, VerifySnapshot,
};

use super::engine::{PLAN, Place};

fn hash(digits: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hex::decode_to_slice(digits, &mut hash).unwrap();
    hash
}

#[test]
fn a_version_is_previewed_made_proven_and_exported_until_its_subject_leaves() {
    let place = Place::new(PLAN);
    let client = place.client();
    let preview = || client.ask(PreviewSnapshot::default()).unwrap();
    let before = preview();
    assert_eq!((before.series, before.left_out.len()), (0, 1));
    assert_eq!((&*before.left_out[0].reason, before.left_out[0].series), ("nobody has begun to read it", 1));
    place.reads("ann", "good");
    assert_eq!(preview().left_out[0].reason, "it is being read");
    place.reads("abe", "good");
    let seen = preview();
    assert_eq!((seen.series, seen.subjects, seen.instances, seen.labels), (1, 1, 3, 1));
    assert!(seen.left_out.is_empty() && seen.same_as.is_none());

    let make = |name: &str, split: Option<SplitWords>| {
        client.act(CreateSnapshot { name: name.into(), split, ..CreateSnapshot::default() })
    };
    let made = make("v1", None).unwrap();
    // What was shown is what was made, and nothing has changed since.
    assert_eq!((&made.id, made.series, made.bytes), (&seen.id, seen.series, seen.bytes));
    assert_eq!(preview().same_as.as_deref(), Some("v1"));
    assert!(matches!(make("v1", None), Err(EngineError::Conflict { .. })));
    let split = SplitWords { shares: "train=1".into(), ..SplitWords::default() };
    let asked = PreviewSnapshot { query: None, split: Some(split.clone()) };
    let other = client.ask(asked).unwrap();
    assert!(other.id != made.id && other.splits["train"].series == 1);
    assert_eq!(make("v2", Some(split)).unwrap().id, other.id);
    let diff = client.ask(DiffSnapshots { first: "v1".into(), second: "v1".into() }).unwrap();
    assert!(diff.added.is_empty() && diff.relabelled.is_empty());

    let series_uid = place.case().case;
    let ask = |name: &str| ProveMember { name: name.into(), series_uid: series_uid.clone() };
    let proof = client.ask(ask("v1")).unwrap();
    let path: Vec<[u8; 32]> = proof.path.iter().map(|h| hash(h)).collect();
    let root = root_by_path(&hash(&proof.leaf), proof.index as usize, proof.series as usize, &path);
    assert_eq!(root, Some(hash(&made.root)));
    let missing = ProveMember { series_uid: "2.25.1".into(), ..ask("v1") };
    assert!(matches!(client.ask(missing), Err(EngineError::NotFound { .. })));

    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("v1").to_string_lossy().into_owned();
    let export = |resume| Export {
        formats: vec!["csv".into()],
        to: to.clone(),
        snapshot: Some("v1".into()),
        resume,
        ..Export::default()
    };
    let written = client.act(export(false)).unwrap();
    assert_eq!(written.series, 1);
    // Taken up again when it is whole, it is the same dataset, told in the same words, and registered once.
    assert_eq!(client.act(export(true)).unwrap(), written);
    let went = client.ask(Exports::default()).unwrap();
    assert_eq!((went.len(), went[0].series, went[0].subjects), (1, 1, 1));
    assert_eq!((&went[0].run.to, went[0].run.snapshot.as_deref()), (&to, Some("v1")));
    assert!(
        went[0].withdrawn.is_empty()
            && client.ask(Exports { snapshot: Some("v2".into()) }).unwrap().is_empty()
    );
    assert!(client.ask(Activities {}).unwrap().is_empty());

    let subject = proof.subject;
    let left = Withdraw { subject: subject.clone(), reason: "by letter".into(), erase: true };
    let outcome = client.act(left).unwrap();
    assert_eq!(
        (outcome.series, outcome.exports.len(), outcome.snapshots),
        (1, 1, vec!["v1".into(), "v2".to_owned()])
    );
    assert_eq!(client.ask(Exports::default()).unwrap()[0].withdrawn, [subject]);
    let gone = preview();
    assert_eq!(gone.series, 0);
    assert!(gone.left_out.iter().all(|group| group.reason == "its subject has withdrawn"), "{gone:?}");
    let verified = client.ask(VerifySnapshot { name: "v1".into() }).unwrap();
    assert!(verified.ok && verified.erased == 1, "{verified:?}");
    assert_eq!(client.ask(SnapshotDetail { name: "v1".into() }).unwrap().root, made.root);
}

/// Every line that the catalog has of versions, exports and withdrawals is bound to the trail: changed or taken away, it is
/// told.
#[test]
fn what_is_noted_of_a_dataset_cannot_be_changed_in_silence() {
    let place = Place::new(PLAN);
    let client = place.client();
    place.reads("ann", "good");
    place.reads("abe", "good");
    let split = Some(SplitWords { shares: "train=1".into(), ..SplitWords::default() });
    let made = CreateSnapshot { name: "v1".into(), split, note: "first".into(), ..CreateSnapshot::default() };
    client.act(made).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("v1").to_string_lossy().into_owned();
    let formats = vec!["csv".into()];
    client.act(Export { formats, to, snapshot: Some("v1".into()), ..Export::default() }).unwrap();
    let series_uid = place.case().case;
    let subject = client.ask(ProveMember { name: "v1".into(), series_uid }).unwrap().subject;
    client.act(Withdraw { subject, reason: "by letter".into(), erase: false }).unwrap();

    let damaged = || client.ask(Verify::default()).map(|verified| verified.damaged);
    // What cannot be read at all is told, too.
    let told = || damaged().is_err() || damaged().unwrap() > 0;
    assert_eq!(damaged().unwrap(), 0);
    let catalog = rusqlite::Connection::open(place.root().join("catalog.sqlite")).unwrap();
    for table in
        ["snapshot", "snapshot_member", "snapshot_series", "export_run", "export_member", "withdrawal"]
    {
        let rows = |sql: &str| catalog.execute(sql, []).unwrap();
        rows(&format!("CREATE TEMP TABLE kept AS SELECT * FROM {table}"));
        let back = || {
            rows(&format!("DELETE FROM {table}"));
            rows(&format!("INSERT INTO {table} SELECT * FROM kept"));
            assert_eq!(damaged().unwrap(), 0, "{table}");
        };
        let mut columns = catalog.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        let columns: Vec<String> =
            columns.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        // By these, what is held already is found again sooner; they say nothing of it.
        for column in columns.iter().filter(|c| !["revision", "read"].contains(&&***c)) {
            let other = format!(
                "CASE typeof({column}) WHEN 'blob' THEN zeroblob(length({column})) ELSE coalesce({column}, '') || '1' END"
            );
            let changed = format!("UPDATE {table} SET {column} = {other}");
            assert_eq!(rows(&changed), 1, "{table}.{column}");
            assert!(told(), "{table}.{column}");
            back();
        }
        assert_eq!(rows(&format!("DELETE FROM {table}")), 1);
        assert!(told(), "{table}");
        back();
        rows("DROP TABLE kept");
    }
}
