//! The catalog through its public seam: jobs, tasks, search, trail.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use gantry::catalog::{
    Catalog, CatalogError, Filter, LedgerLine, MAX_ATTEMPTS, NewFinding, NewInstance, NewTask, Order,
    SeriesRecord, SortField, StatsRecord, Which, WhichReads,
};
use gantry::harmonise::Harmonised;
use proptest::prelude::*;
use serde_json::json;

fn catalog() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.sqlite")).unwrap();
    (folder, catalog)
}

fn series(uid: &str, modality: &str, slice_mm: f64) -> SeriesRecord {
    SeriesRecord {
        uid: uid.into(),
        study_uid: format!("{uid}.0"),
        subject: "subj-1".into(),
        site: "A".into(),
        modality: modality.into(),
        is_image: true,
        study_date: Some("2024-03-05".into()),
        description: Some("Thin chest, low dose".into()),
        body_part: Some("CHEST".into()),
        instances: 10,
        frames: 10,
        spacing_mm: Some([0.7, 0.7, slice_mm]),
        state: "checked".into(),
        stacks: "[]".into(),
        facts: "[]".into(),
        ..SeriesRecord::default()
    }
}

fn with_task(catalog: &Catalog, uid: &str, now: i64) -> i64 {
    let task =
        NewTask { series_uid: uid.into(), why: "every series".into(), severity: None, due_ms: now + 1000 };
    catalog
        .write(|tx| {
            tx.put_series(&series(uid, "CT", 1.25))?;
            tx.put_task(&task, now)
        })
        .unwrap()
}

#[test]
fn a_job_is_leased_once_retried_and_parked() {
    let (_folder, catalog) = catalog();
    catalog.write(|tx| tx.enqueue("check", "2.25.1", 100, 0)).unwrap();
    assert_eq!(catalog.write(|tx| tx.lease(99, 1000)).unwrap(), None, "not before its time");
    for attempt in 1..=MAX_ATTEMPTS {
        let now = 1_000_000 * i64::from(attempt);
        let job = catalog.write(|tx| tx.lease(now, 1000)).unwrap().unwrap();
        assert_eq!((job.attempts, &*job.object), (attempt, "2.25.1"));
        assert_eq!(catalog.write(|tx| tx.lease(now, 1000)).unwrap(), None, "leased to one worker only");
        let parked = catalog.write(|tx| tx.fail(&job, "no disk", now)).unwrap();
        assert_eq!(parked, attempt == MAX_ATTEMPTS);
    }
    assert_eq!(catalog.read().job_counts().unwrap(), (0, 1));
    assert_eq!(catalog.read().parked().unwrap()[0].reason, "no disk");
    assert_eq!(catalog.write(|tx| tx.unpark(&[], 0)).unwrap(), 1);
    let job = catalog.write(|tx| tx.lease(9_000_000, 1000)).unwrap().unwrap();
    catalog.write(|tx| tx.finish(&job)).unwrap();
    assert_eq!(catalog.read().job_counts().unwrap(), (0, 0));
}

#[test]
fn a_job_wanted_while_it_runs_runs_once_more() {
    let (_folder, catalog) = catalog();
    catalog.write(|tx| tx.enqueue("assemble", "2.25.1", 0, 0)).unwrap();
    let job = catalog.write(|tx| tx.lease(1, 1000)).unwrap().unwrap();
    catalog.write(|tx| tx.enqueue("assemble", "2.25.1", 0, 0)).unwrap();
    catalog.write(|tx| tx.finish(&job)).unwrap();
    let again = catalog.write(|tx| tx.lease(1, 1000)).unwrap().expect("the later instance is not forgotten");
    catalog.write(|tx| tx.finish(&again)).unwrap();
    assert_eq!(catalog.write(|tx| tx.lease(1, 1000)).unwrap(), None);
}

#[test]
fn a_lease_that_ran_out_is_leased_again() {
    let (_folder, catalog) = catalog();
    catalog.write(|tx| tx.enqueue("check", "2.25.1", 0, 0)).unwrap();
    catalog.write(|tx| tx.lease(0, 1000)).unwrap().unwrap();
    assert_eq!(catalog.write(|tx| tx.lease(999, 1000)).unwrap(), None);
    assert_eq!(catalog.write(|tx| tx.lease(1001, 1000)).unwrap().unwrap().attempts, 2);
}

#[test]
fn two_reviewers_never_hold_the_same_task() {
    let (_folder, catalog) = catalog();
    let task = with_task(&catalog, "2.25.1", 0);
    catalog.write_first(|tx| tx.claim(task, ("amira", None), 500, 0)).unwrap();
    let refused = catalog.write_first(|tx| tx.claim(task, ("ben", None), 500, 10)).unwrap_err();
    assert_eq!(refused.to_string(), "amira holds the task");
    let decided = catalog.write_first(|tx| tx.decide(task, "ben", true, (None, None), "k", 10));
    assert!(matches!(decided, Err(CatalogError::Refused(_))));
    // A claim without a decision runs out.
    catalog.write_first(|tx| tx.claim(task, ("ben", None), 1500, 501)).unwrap();
    assert_eq!(catalog.read().task_count(Which::Mine("ben"), 502).unwrap(), 1);
    assert_eq!(catalog.read().task_count(Which::Mine("amira"), 502).unwrap(), 0);
}

#[test]
fn a_decision_is_made_once_and_undone_by_who_made_it() {
    let (_folder, catalog) = catalog();
    let task = with_task(&catalog, "2.25.1", 0);
    let decide = |key: &'static str| {
        catalog.write_first(move |tx| tx.decide(task, "amira", false, (Some("motion"), None), key, 10))
    };
    assert_eq!(decide("key-1").unwrap().as_deref(), Some("2.25.1"));
    assert_eq!(decide("key-1").unwrap(), None, "the same command again is harmless");
    assert!(decide("key-2").is_err(), "another decision is not");
    assert_eq!(catalog.read().series("2.25.1").unwrap().unwrap().state, "returned");
    assert!(catalog.write_first(|tx| tx.undo(task, ("ben", None), 100)).is_err());
    catalog.write_first(|tx| tx.undo(task, ("amira", None), 100)).unwrap();
    assert_eq!(catalog.read().series("2.25.1").unwrap().unwrap().state, "in_review");
    assert_eq!(catalog.read().decisions().unwrap(), []);
    assert!(catalog.write_first(|tx| tx.undo(task, ("amira", None), 100)).is_err());
}

#[test]
fn search_finds_what_the_query_says_and_counts_all_of_it() {
    let (_folder, catalog) = catalog();
    let finding = NewFinding {
        check: "missing_slices".into(),
        version: 1,
        severity: 1,
        message: "2 slices are missing".into(),
        evidence: "{}".into(),
        slices: "[4]".into(),
    };
    catalog
        .write(|tx| {
            tx.put_series(&series("2.25.1", "CT", 1.25))?;
            tx.put_series(&series("2.25.2", "CT", 5.0))?;
            tx.put_series(&SeriesRecord { body_part: None, ..series("2.25.3", "MR", 1.0) })?;
            tx.put_findings("2.25.2", std::slice::from_ref(&finding))
        })
        .unwrap();
    let found = |query: &str| {
        let filter = Filter::parse(query).unwrap();
        let (rows, total) = catalog.read().search(&filter, Order::Uid, 0, 10).unwrap();
        assert_eq!(rows.len() as u64, total);
        rows.into_iter().map(|r| r.uid).collect::<Vec<_>>()
    };
    assert_eq!(found("modality:ct slice<=1.5"), ["2.25.1"]);
    assert_eq!(found("finding:missing_slices"), ["2.25.2"]);
    assert_eq!(found("-finding:missing_slices"), ["2.25.1", "2.25.3"]);
    assert_eq!(found("-body:chest"), ["2.25.3"], "absent is not chest");
    assert_eq!(found("date:2024-01..2024-06 modality:MR,CT"), ["2.25.1", "2.25.2", "2.25.3"]);
    assert_eq!(found("date:2023"), [""; 0]);
    assert_eq!(found("\"low dose\" thi"), ["2.25.1", "2.25.2", "2.25.3"]);
    // Stored again, a series is found by its new words only.
    catalog
        .write(|tx| {
            tx.put_series(&SeriesRecord { description: Some("Brain".into()), ..series("2.25.1", "CT", 1.25) })
        })
        .unwrap();
    assert_eq!(found("dose"), ["2.25.2", "2.25.3"]);
    let facets = catalog.read().facets(&Filter::parse("modality:CT").unwrap()).unwrap();
    let finding = facets.iter().find(|(name, _)| *name == "finding").unwrap();
    assert_eq!(finding.1, [("missing_slices".to_string(), 1)]);
}

#[test]
fn a_page_of_tasks_is_in_the_order_of_urgency() {
    let (_folder, catalog) = catalog();
    for (i, severity) in [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(2))] {
        let uid = format!("2.25.{i}");
        let task = NewTask { series_uid: uid.clone(), why: "x".into(), severity, due_ms: 1000 - i };
        catalog
            .write(|tx| {
                tx.put_series(&series(&uid, "CT", 1.0))?;
                tx.put_task(&task, 0)
            })
            .unwrap();
    }
    let filter = Filter::default();
    let page = |offset| catalog.read().tasks(Which::Open, &filter, 0, offset, 2).unwrap();
    let uids = |(rows, total): (Vec<gantry::catalog::TaskRecord>, u64)| {
        assert_eq!(total, 4);
        rows.into_iter().map(|r| r.series_uid).collect::<Vec<_>>()
    };
    assert_eq!(uids(page(0)), ["2.25.4", "2.25.3"]);
    assert_eq!(uids(page(2)), ["2.25.2", "2.25.1"]);
    assert_eq!(catalog.read().task_count(Which::Overdue, 998).unwrap(), 2);
}

#[test]
fn the_trail_is_a_chain_that_a_change_breaks() {
    let (folder, catalog) = catalog();
    for i in 0..5 {
        catalog.write(|tx| tx.audit(i, "amira", "review.accept", "2.25.1", &json!({ "task": i }))).unwrap();
    }
    let (entries, _, broken) = catalog.read().verify_trail().unwrap();
    assert_eq!((entries, broken), (5, None));
    drop(catalog);
    let path = folder.path().join("catalog.sqlite");
    let tamper = rusqlite::Connection::open(&path).unwrap();
    tamper.execute("UPDATE trail SET actor = 'ben' WHERE sequence = 3", []).unwrap();
    drop(tamper);
    let (entries, _, broken) = Catalog::open(&path).unwrap().read().verify_trail().unwrap();
    assert_eq!(entries, 2);
    assert_eq!(broken.unwrap().to_string(), "entry 3 was changed");
}

#[test]
fn nothing_of_a_failed_transaction_stays() {
    let (_folder, catalog) = catalog();
    let failed: Result<(), CatalogError> = catalog.write(|tx| {
        tx.put_series(&series("2.25.1", "CT", 1.0))?;
        tx.audit(0, "a", "b", "c", &json!({}))?;
        Err(CatalogError::Refused("no".into()))
    });
    assert!(failed.is_err());
    assert_eq!(catalog.read().series("2.25.1").unwrap(), None);
    assert_eq!(catalog.read().verify_trail().unwrap().0, 0);
}

/// A value of a small set, so that queries hit.
fn pick<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    proptest::sample::select(values.to_vec())
}

fn any_series() -> impl Strategy<Value = SeriesRecord> {
    let words = (
        pick(&["CT", "MR", "ct"]),
        pick(&[None, Some("CHEST"), Some("Head")]),
        pick(&[None, Some("Thin chest, low dose"), Some("T1 BRAIN"), Some("Größe 5 %")]),
        pick(&["A", "B"]),
        pick(&["subj-1", "subj-2", "subj-3"]),
        pick(&[None, Some("2023-12-31"), Some("2024-03-05"), Some("2024-06-30")]),
        pick(&[None, Some("soft"), Some("sharp")]),
    );
    let numbers = (
        pick(&[None, Some(1.25), Some(0.7), Some(5.0), Some(0.0)]),
        0..4_u64,
        pick(&[None, Some(1.5), Some(3.0)]),
        0..3_i64,
        proptest::option::of(0..3_i32),
    );
    (words, numbers).prop_map(|(w, n)| {
        let mut harmonised = Harmonised::default();
        if let Some(kernel) = w.6 {
            harmonised.set_text("kernel", kernel, "test");
        }
        if let Some(tesla) = n.2 {
            harmonised.set_number("field_t", tesla, "test");
        }
        SeriesRecord {
            modality: w.0.into(),
            body_part: w.1.map(Into::into),
            description: w.2.map(Into::into),
            site: w.3.into(),
            subject: w.4.into(),
            study_uid: format!("2.25.{}", w.4.len()),
            study_date: w.5.map(Into::into),
            spacing_mm: n.0.map(|mm| [0.7, 0.7, mm]),
            instances: n.1,
            latest_ms: n.3,
            number: n.4,
            state: "checked".into(),
            harmonised,
            stacks: "[]".into(),
            facts: "[]".into(),
            attributes: "{}".into(),
            ..SeriesRecord::default()
        }
    })
}

fn any_query() -> impl Strategy<Value = String> {
    let term = pick(&[
        "modality:ct",
        "modality:CT,MR",
        "body:chest",
        "body:*e*",
        "-body:HEAD",
        "site:a",
        "subject:subj-1",
        "subject:SUBJ-1",
        "slice<=1.25",
        "slice:0.7..1.25",
        "-slice>1",
        "slice:..",
        "date:2024-01..2024-06",
        "date<2024",
        "finding:missing_slices",
        "-finding:ct_air,missing_slices",
        "kernel:soft",
        "field>=3",
        "\"low dose\"",
        "bra",
        "-thin",
        "größe",
        "number:1",
        "instances>2",
        "series:2.25.99.3",
        "series:2.25.99.1*",
    ]);
    proptest::collection::vec(term, 0..4).prop_map(|terms| terms.join(" "))
}

fn any_order() -> impl Strategy<Value = Order> {
    let by = |name: &str, descending| Order::By { field: SortField::named(name).unwrap(), descending };
    let mut orders =
        vec![Order::Subject, Order::Newest, Order::Severity, Order::Size, Order::Arrival, Order::Uid];
    for name in ["slice", "date", "body", "kernel", "study", "series"] {
        orders.extend([by(name, false), by(name, true)]);
    }
    proptest::sample::select(orders)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The index in memory and SQL are two ways to the same answer, whatever is written in between.
    #[test]
    fn memory_and_sql_say_the_same(
        first in proptest::collection::vec(any_series(), 1..20),
        later in proptest::collection::vec((0..25_usize, any_series(), 0..3_usize), 0..15),
        asked in proptest::collection::vec((any_query(), any_order(), 0..6_u64, 1..8_u32), 12),
    ) {
        let (_folder, sql) = catalog();
        let (_folder2, memory) = catalog();
        let checks = ["missing_slices", "ct_air"];
        let put = |catalog: &Catalog, at: usize, record: &SeriesRecord, found: usize| {
            let record = SeriesRecord { uid: format!("2.25.99.{at}"), ..record.clone() };
            let finding = |check: &&str| NewFinding {
                check: (*check).into(), version: 1, severity: 2, message: "m".into(), evidence: "{}".into(),
                slices: "[]".into(),
            };
            let findings: Vec<_> = checks.iter().take(found).map(finding).collect();
            catalog.write(|tx| {
                tx.put_series(&record)?;
                tx.put_findings(&record.uid, &findings)
            }).unwrap();
        };
        for (at, record) in first.iter().enumerate() {
            put(&sql, at, record, at % 3);
            put(&memory, at, record, at % 3);
        }
        memory.warm().unwrap();
        for (at, record, found) in &later {
            put(&sql, *at, record, *found);
            put(&memory, *at, record, *found);
        }
        prop_assert!(memory.is_warm() && !sql.is_warm());
        for (query, order, offset, limit) in &asked {
            let filter = Filter::parse(query).unwrap();
            let page = |catalog: &Catalog| catalog.read().search(&filter, *order, *offset, *limit).unwrap();
            prop_assert_eq!(page(&memory), page(&sql), "{} {:?}", query, order);
            let facets = |catalog: &Catalog| catalog.read().facets(&filter).unwrap();
            prop_assert_eq!(facets(&memory), facets(&sql), "{}", query);
        }
        for (field, prefix) in [("kernel", "s"), ("body", "ch"), ("subject", ""), ("finding", "m"), ("slice", "1")] {
            let values = |catalog: &Catalog| catalog.read().complete_value(field, prefix).unwrap();
            prop_assert_eq!(values(&memory), values(&sql));
        }
    }
}

#[test]
fn a_failed_transaction_leaves_the_index_as_it_was() {
    let (_folder, catalog) = catalog();
    catalog.write(|tx| tx.put_series(&series("2.25.1", "CT", 1.0))).unwrap();
    catalog.warm().unwrap();
    let failed: Result<(), CatalogError> = catalog.write(|tx| {
        tx.put_series(&series("2.25.2", "CT", 1.0))?;
        Err(CatalogError::Refused("no".into()))
    });
    assert!(failed.is_err());
    let count = || catalog.read().search(&Filter::default(), Order::Subject, 0, 10).unwrap().1;
    assert_eq!(count(), 1);
    catalog.write(|tx| tx.set_series_state("2.25.1", "accepted")).unwrap();
    let accepted = Filter::parse("state:accepted").unwrap();
    assert_eq!(catalog.read().search(&accepted, Order::Subject, 0, 10).unwrap().1, 1);
}

#[test]
fn series_are_compared_across_studies() {
    let (_folder, catalog) = catalog();
    let instance = |sop: &str, series: &str, hash: &str| NewInstance {
        sop_uid: sop.into(),
        source_hash: hash.into(),
        blob: hash.into(),
        bytes: 1,
        series_uid: series.into(),
        study_uid: format!("{series}.0"),
        subject: "subj-1".into(),
        site: "A".into(),
        sop_class: "1.2".into(),
        modality: "CT".into(),
        syntax: "1.2".into(),
        scanner: Some("P1".into()),
        record: LedgerLine::new("{}"),
        known: 0,
    };
    let stats = |fingerprint: &str, noise: f64| StatsRecord {
        kind: "CT P1".into(),
        noise: Some(noise),
        fingerprint: Some(fingerprint.into()),
        ..StatsRecord::default()
    };
    catalog
        .write(|tx| {
            for (at, uid) in ["2.25.1", "2.25.2", "2.25.3"].into_iter().enumerate() {
                tx.put_series(&series(uid, "CT", 1.0))?;
                tx.put_member(uid, "{}", &stats(if at == 2 { "b" } else { "a" }, at as f64))?;
            }
            for (at, (sop, uid, hash)) in [
                ("2.25.9", "2.25.1", "h1"),
                ("2.25.8", "2.25.1", "h2"),
                ("2.25.9", "2.25.2", "h3"),
                // The same instance again in its own series is none of another.
                ("2.25.8", "2.25.1", "h4"),
            ]
            .into_iter()
            .enumerate()
            {
                assert!(tx.put_instance(&instance(sop, uid, hash), (1, at), 0)?);
            }
            Ok(())
        })
        .unwrap();
    let reader = catalog.read();
    assert_eq!(reader.shared_instances("2.25.1").unwrap(), [("2.25.2".to_string(), 1)]);
    assert_eq!(reader.shared_instances("2.25.3").unwrap(), []);
    let twins = reader.twins("a", "2.25.1.0").unwrap();
    assert_eq!(twins.iter().map(|t| &*t.series_uid).collect::<Vec<_>>(), ["2.25.2"]);
    assert_eq!(reader.peers("CT P1").unwrap().len(), 3);
    assert_eq!(reader.image_stats("2.25.3").unwrap().unwrap().noise, Some(2.0));
    assert_eq!(reader.members("2.25.1.0").unwrap().len(), 1);
    assert_eq!(reader.instances("2.25.1").unwrap()[0].scanner.as_deref(), Some("P1"));
    drop(reader);

    // Findings of the two scopes replace one another's never; the counts are of both.
    let finding = |check: &str, severity| NewFinding {
        check: check.into(),
        version: 1,
        severity,
        message: "m".into(),
        evidence: "{}".into(),
        slices: "[]".into(),
    };
    catalog
        .write(|tx| {
            tx.put_findings("2.25.1", &[finding("missing_slices", 2), finding("gantry_tilt", 1)])?;
            tx.put_study_findings("2.25.1", &[finding("uid_reuse", 2)])
        })
        .unwrap();
    let counts = || catalog.read().series("2.25.1").unwrap().unwrap().findings;
    assert_eq!(counts(), (2, 1, 0));
    catalog.write(|tx| tx.put_findings("2.25.1", &[])).unwrap();
    assert_eq!(counts(), (1, 0, 0));
    catalog.write(|tx| tx.put_study_findings("2.25.1", &[])).unwrap();
    assert_eq!(counts(), (0, 0, 0));
}

/// Rows as the first version wrote them.
const FIRST_ROWS: &str = "
    INSERT INTO record (json, hash) VALUES ('{\"profile\":\"default\",\"options\":[],\"version\":\"0.1.0\",\"actions\":[],\"masks\":[],\"verified\":true}', x'00');
    INSERT INTO instance (sop_uid, source_hash, blob, bytes, series_uid, study_uid, subject, site, sop_class, modality, syntax, stored_ms, record)
      VALUES ('2.25.1', 'aa', 'bb', 5, '2.25.2', '2.25.3', 'S1', 'A', '1.2.840.10008.5.1.4.1.1.2', 'CT', '1.2.840.10008.1.2.1', 7, 1);
    INSERT INTO series (uid, study_uid, subject, site, modality, is_image, description, body_part, instances, frames, state, latest_ms, stacks, facts)
      VALUES ('2.25.2', '2.25.3', 'S1', 'A', 'CT', 1, 'Thin chest', 'CHEST', 1, 1, 'accepted', 7, '[]', '[]');
    INSERT INTO finding (series_uid, check_name, check_version, severity, message, evidence, slices)
      VALUES ('2.25.2', 'missing_slices', 1, 2, 'a slice is missing', '{}', '[]');
    INSERT INTO task (series_uid, state, why, created_ms, decided_ms) VALUES ('2.25.2', 'accepted', 'error', 7, 8);
    INSERT INTO decision (task, actor, accepted, at_ms) VALUES (1, 'amira', 1, 8);
    INSERT INTO pulse VALUES (0, 'received', 'north', 1);
";

/// The migrations of the catalog, in order, as they are compiled in.
fn migrations() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn a_catalog_of_every_earlier_version_is_brought_up_to_date_with_what_it_holds() {
    let migrations = migrations();
    assert!(migrations.len() >= 14, "{}", migrations.len());
    for version in 1..=migrations.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let before = rusqlite::Connection::open(&path).unwrap();
        for (i, migration) in migrations[..version].iter().enumerate() {
            before.execute_batch(migration).unwrap();
            if i == 0 {
                before.execute_batch(FIRST_ROWS).unwrap();
                let entry = gantry::audit::Entry {
                    sequence: 1,
                    at_ms: 8,
                    actor: "amira",
                    action: "review.accept",
                    object: "2.25.2",
                    detail: "{\"task\":1}",
                };
                let hash = gantry::audit::chain(&gantry::audit::GENESIS, &entry);
                before
                    .execute(
                        "INSERT INTO trail VALUES (1, 8, 'amira', 'review.accept', '2.25.2', '{\"task\":1}', ?1)",
                        [hash],
                    )
                    .unwrap();
            }
            before.pragma_update(None, "user_version", i as i64 + 1).unwrap();
        }
        drop(before);
        let catalog = Catalog::open(&path).unwrap_or_else(|error| panic!("version {version}: {error}"));
        let reader = catalog.read();
        let found = reader.search(&Filter::parse("chest state:accepted").unwrap(), Order::Uid, 0, 9).unwrap();
        assert_eq!((found.1, found.0[0].uid.as_str()), (1, "2.25.2"), "version {version}");
        assert_eq!(reader.instances("2.25.2").unwrap()[0].blob, "bb", "version {version}");
        assert_eq!(reader.findings("2.25.2").unwrap().len(), 1, "version {version}");
        assert_eq!(reader.decisions().unwrap().len(), 1, "version {version}");
        let (entries, _, broken) = reader.verify_trail().unwrap();
        assert_eq!((entries, broken), (1, None), "version {version}");
        assert!(reader.integrity_check(false).unwrap().is_empty(), "version {version}");
        drop(reader);
        // And it is written to as any other.
        catalog.write(|tx| tx.audit(9, "amira", "test", "2.25.2", &json!({}))).unwrap();
        drop(catalog);
        assert!(Catalog::open(&path).is_ok(), "version {version} a second time");
    }
}

/// A catalog of version 15: three imports of two readers, one of which corrects another, and one that was taken back.
#[test]
fn reads_of_earlier_versions_become_sittings() {
    let packed = include_bytes!("data/catalog_v15.sqlite.gz");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    std::fs::write(&path, bytes).unwrap();
    let catalog = Catalog::open(&path).unwrap();
    let reader = catalog.read();
    let all = WhichReads { history: true, ..WhichReads::default() };
    let (rows, total) = reader.sittings(&all, 0, 100).unwrap();
    let told: Vec<(&str, &str, usize, bool)> = rows
        .iter()
        .map(|s| {
            let labels = reader.labels_of(s.id).unwrap().len();
            (s.reader.as_str(), s.guideline.as_str(), labels, s.superseded_by == Some(s.id))
        })
        .collect();
    // Two items of one reader are two sittings, for they belong to no series here.
    assert_eq!(total, 5);
    assert_eq!(told.iter().filter(|t| t.0 == "ann").count(), 3);
    assert_eq!(told[0], ("abe", "2.0", 1, true), "taken back: it replaces itself");
    let corrected = rows.iter().find(|s| s.superseded_by.is_some_and(|by| by != s.id)).unwrap();
    let by = rows.iter().find(|s| Some(s.id) == corrected.superseded_by).unwrap();
    assert_eq!((&*corrected.reader, &*by.reader), ("ann", "ann"));
    let standing = reader.sittings(&WhichReads::default(), 0, 100).unwrap().1;
    assert_eq!(standing, 3);
    // All of them are under the roots of their imports as before.
    assert_eq!(reader.covered_reads().unwrap(), (5, 0));
}
