//! Reads in the workspace: tables in, agreement and drift out, through the engine and the binary.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gantry::catalog::SeriesRecord;
use gantry::config::Workspace;
use gantry::demo::{Alarmed, LEAST_NODULES, Nodule, NoduleKind, ReaderFault, Readings, Truth};
use gantry::engine::command::{ImportOutcome, ImportReads, UndoImport};
use gantry::engine::query::{
    Agreement, AgreementView, Drift, DriftCause, DriftState, DriftView, History, Imports, Page, Process,
    RatedValue, Reads, SittingDetail, Sittings, Stats, Verdict,
};
use gantry::engine::{Client, Engine, now_ms};
use gantry::measure::agreement::bootstrap::SplitMix;
use gantry::model::ChangeKind;

struct Bench {
    dir: tempfile::TempDir,
    engine: Arc<Engine>,
}

impl Bench {
    fn new(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::init(&dir.path().join("w")).unwrap();
        let text = fs::read_to_string(workspace.config_file()).unwrap() + more;
        fs::write(workspace.config_file(), text).unwrap();
        Self { engine: Engine::open(workspace).unwrap(), dir }
    }

    /// A series in the catalog whose source had this UID; its remapped UID.
    fn series(&self, source: &str, site: &str, model: &str) -> String {
        let shared = self.engine.shared();
        let uid = shared.deid.uid(source);
        let record = SeriesRecord {
            uid: uid.clone(),
            study_uid: format!("{uid}.1"),
            subject: "S000".into(),
            site: site.into(),
            modality: "CT".into(),
            is_image: true,
            model: Some(model.into()),
            state: "checked".into(),
            stacks: "[]".into(),
            facts: "[]".into(),
            ..SeriesRecord::default()
        };
        shared.catalog.write(|tx| tx.put_series(&record)).unwrap();
        uid
    }

    fn table(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn import(&self, path: &Path) -> ImportOutcome {
        let session = self.engine.session("tester", false);
        let paths = vec![path.to_str().unwrap().into()];
        (&session as &dyn Client).act(ImportReads { paths, ..ImportReads::default() }).unwrap()
    }

    fn refusal(&self, text: &str) -> String {
        let path = self.table("refused.csv", text);
        let outcome = self.import(&path);
        let why = outcome.files[0].refused.clone().unwrap_or_else(|| panic!("taken: {text}"));
        assert_eq!(outcome.total.new, 0);
        why
    }

    fn agreement(&self, query: Agreement) -> AgreementView {
        (&self.engine.session("tester", false) as &dyn Client).ask(query).unwrap()
    }

    fn drift(&self, chart: Option<String>) -> DriftView {
        let query = Drift { chart, ..Drift::default() };
        (&self.engine.session("tester", false) as &dyn Client).ask(query).unwrap()
    }
}

#[test]
fn a_table_is_taken_once_and_a_correction_keeps_the_history() {
    let bench = Bench::new("");
    let uid = bench.series("1.2.3.4", "A", "M");
    let head = "SeriesInstanceUID,nodule,reader,structure,name,value,time\n";
    let row = |value: &str| format!("1.2.3.4,1,ana,nodule,malignancy,{value},2026-10-01T10:00:00Z\n");
    let first = bench.import(&bench.table("a.csv", &(head.to_owned() + &row("3"))));
    assert_eq!((first.total.reads, first.total.new, first.total.unmatched), (1, 1, 0));
    let again = bench.import(&bench.table("a.csv", &(head.to_owned() + &row("3"))));
    assert_eq!((again.total.new, again.total.duplicates), (0, 1));
    // The remapped UID is the same series; one more thing said completes the read.
    let more = format!("{head}{uid},1,ana,nodule,texture,5,\n");
    let more = bench.import(&bench.table("b.csv", &more));
    assert_eq!((more.total.completed, more.total.new), (1, 0));
    let other = bench.import(&bench.table("c.csv", &(head.to_owned() + &row("4"))));
    assert_eq!((other.total.corrected, other.total.new), (1, 0));
    let client = bench.engine.session("tester", false);
    let client: &dyn Client = &client;
    let page = Page { offset: 0, limit: 10 };
    let list =
        |history| Reads { reader: None, structure: None, series_uid: Some(uid.clone()), history, page };
    let rows = client.ask(list(false)).unwrap();
    assert_eq!(rows.total, 1);
    let read = &rows.rows[0];
    assert_eq!((read.item.as_str(), read.state.as_str(), read.superseded_by), ("#1", "found", None));
    let values = vec![
        ("malignancy".to_owned(), RatedValue::Number { value: 4.0 }),
        ("texture".to_owned(), RatedValue::Number { value: 5.0 }),
    ];
    assert_eq!(read.values, values);
    assert_eq!(client.ask(list(true)).unwrap().total, 2);
    // The correction is a sitting of its own, and the one that it replaced stays as history.
    let sittings =
        client.ask(Sittings { series_uid: Some(uid.clone()), page, ..Sittings::default() }).unwrap();
    assert_eq!(sittings.total, 1);
    let history = client.ask(SittingDetail { read: sittings.rows[0].read }).unwrap().history;
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].superseded_by, Some(history[0].read));
    assert_eq!(history[0].labels[0].item.as_deref(), Some("#1"));
    let trail = client.ask(History { object: Some("reads".into()), text: String::new(), page }).unwrap();
    assert_eq!(trail.total, 3, "a duplicate changes nothing and is no event");
    assert!(trail.rows.iter().all(|e| e.action == "label.import" && e.actor == "tester"));
}

#[test]
fn nothing_that_names_a_person_is_stored_or_told() {
    let bench = Bench::new("");
    bench.series("1.2.3.4", "A", "M");
    let long = "item,reader,name,value\n";
    let cases = [
        (
            format!("{long}a,ana,comment,Frau Kowalczyk klagt seit gestern über starken Husten\n"),
            "row 1, column 'value'",
        ),
        (format!("{long}a,ana,grade,2\nb,ana,grade,K 8123456\n"), "row 2, column 'value'"),
        (format!("{long}a,ana,patient_id,8123456\n"), "row 1, column 'name'"),
        (format!("{long}a,ana^maria,grade,2\n"), "row 1, column 'reader'"),
        (format!("{long}a,,grade,2\n"), "row 1, column 'reader'"),
        (format!("{long}a,ana,grade,2\na,ana,grade,3\n"), "row 2, column 'value'"),
        ("item,reader,value,time\na,ana,2,yesterday Kowalczyk\n".into(), "row 1, column 'time'"),
        ("series_uid,reader,value\nKowalczyk,ana,2\n".into(), "row 1, column 'series_uid'"),
        ("item,reader,state,grade\na,ana,none,3\n".into(), "row 1, column 'grade'"),
        ("reader,value\nana,2\n".into(), "no column for the item"),
        ("item,reader,note\na,ana,x\n".into(), "no column 'value'"),
        ("item,case,reader,value\na,b,ana,2\n".into(), "both say the item"),
    ];
    for (text, says) in &cases {
        let why = bench.refusal(text);
        assert!(why.contains(says), "{why}");
        assert!(!why.contains("Kowalczyk") && !why.contains("8123456"), "{why}");
    }
    // In a wide table, columns that look like identifiers are left alone; names of items become pseudonyms.
    let wide = "item,reader,PatientID,birth_year,remark,grade\nKowalczyk-1948,ana,8123456,1948,thin,3\nb,ana,8123457,1950,wide,2\n";
    let outcome = bench.import(&bench.table("wide.csv", wide));
    assert_eq!((outcome.total.new, outcome.files[0].without_series), (2, 2));
    assert_eq!(outcome.files[0].ignored_columns, ["PatientID", "birth_year", "remark"]);
    bench.engine.shut_down();
    for name in ["catalog.sqlite", "catalog.sqlite-wal"] {
        let bytes = fs::read(bench.dir.path().join("w").join(name)).unwrap_or_default();
        for word in ["Kowalczyk", "8123456", "1.2.3.4\u{1}"] {
            assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "{word} in {name}");
        }
    }
}

#[test]
fn looked_and_found_nothing_is_told_apart_from_not_looked() {
    let bench = Bench::new("");
    for n in 1..=4 {
        bench.series(&format!("1.2.{n}"), "A", "M");
    }
    let text = "series_uid,reader,structure,volume_mm3\n\
        1.2.1,ana,nodule,100.5\n1.2.1,ben,nodule,none\n1.2.1,cas,nodule,\n\
        1.2.2,ana,nodule,200.5\n1.2.2,ben,nodule,210.5\n1.2.2,cas,nodule,205.5\n\
        1.2.3,ana,nodule,none\n1.2.3,ben,nodule,none\n\
        1.9.9,ana,nodule,3.5\n";
    let outcome = bench.import(&bench.table("t.csv", text));
    assert_eq!((outcome.total.reads, outcome.total.new, outcome.total.unmatched), (8, 7, 1));
    assert_eq!((outcome.files[0].empty_rows, &*outcome.files[0].unmatched_rows), (1, &[9][..]));
    let view = bench.agreement(Agreement { measure: Some("nodule/presence".into()), ..Agreement::default() });
    let detail = view.selected.unwrap();
    let looks: Vec<_> =
        detail.readers.iter().map(|r| (r.name.as_str(), r.found, r.nothing, r.not_looked)).collect();
    assert_eq!(looks, [("ana", 2, 1, 0), ("ben", 1, 2, 0), ("cas", 1, 0, 2)]);
    assert_eq!(detail.worst.len(), 1);
    assert_eq!(
        detail.worst[0].values,
        [RatedValue::Category { value: "found".into() }, RatedValue::Nothing, RatedValue::NotLooked]
    );
    // Three items with two readers or more: coincidences by hand (Krippendorff 2019): found 1+3, nothing 1+2.
    // observed disagreement 2/7, expected 2·4·3/(7·6); α = 1 − (2/7)/(4/7).
    assert!((detail.row.value.value.unwrap() - 0.5).abs() < 1e-12, "{:?}", detail.row.value);
    assert_eq!(detail.row.value.n, 3);
}

#[test]
fn the_binary_imports_lists_and_measures() {
    let bench = Bench::new("");
    for n in 1..=30 {
        bench.series(&format!("1.2.{n}"), if n % 2 == 0 { "A" } else { "B" }, "M");
    }
    let mut random = SplitMix::new(4, 4);
    let mut text = String::from("series_uid,reader,grade,time\n");
    for n in 1..=30 {
        let truth = 1.0 + 4.0 * random.unit();
        for reader in ["ana", "ben", "cas"] {
            let grade = (truth + 0.3 * random.normal()).round().clamp(1.0, 5.0);
            writeln!(text, "1.2.{n},{reader},{grade},2026-09-{n:02}T08:00").unwrap();
        }
    }
    let table = bench.table("grades.csv", &text);
    let root = bench.dir.path().join("w");
    bench.engine.shut_down();
    drop(bench.engine);
    let gantry = |args: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["--workspace", root.to_str().unwrap(), "--json"])
            .args(args)
            .output()
            .unwrap();
        let told: Vec<serde_json::Value> = String::from_utf8(ran.stdout)
            .unwrap()
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        (ran.status.code(), told)
    };
    let (code, told) = gantry(&["label", "import", table.to_str().unwrap()]);
    assert_eq!((code, &told[0]["total"]["new"]), (Some(0), &90.into()));
    let (code, told) = gantry(&["label", "import", table.to_str().unwrap()]);
    assert_eq!((code, &told[0]["total"]["duplicates"]), (Some(0), &90.into()));
    let (code, told) = gantry(&["label", "list", "--reader", "ben", "--limit", "7"]);
    assert_eq!((code, told.len()), (Some(0), 7));
    assert!(told.iter().all(|r| r["reader"] == "ben"));
    let (code, told) = gantry(&["label", "show", &told[0]["read"].to_string()]);
    assert_eq!((code, &told[0]["history"].as_array().map(Vec::len)), (Some(0), &Some(1)));
    let (code, told) = gantry(&["label", "show", table.to_str().unwrap()]);
    assert_eq!((code, &told[0]["measurements"][0]["n"]), (Some(0), &90.into()));
    let (code, told) = gantry(&["agreement"]);
    assert_eq!(code, Some(0));
    let grade = &told[0]["measures"][0];
    assert_eq!((&grade["id"], &grade["level"]), (&"grade".into(), &"ordinal".into()));
    assert!(grade["value"]["value"].as_f64().unwrap() > 0.8 && grade["value"]["ci95"].is_array(), "{grade}");
    let (_, half) = gantry(&["agreement", "--query", "site:A", "--since", "2026-09-11"]);
    assert_eq!((&half[0]["reads"], &half[0]["items"]), (&30.into(), &10.into()));
    let (code, told) = gantry(&["drift"]);
    assert_eq!(code, Some(0), "{told:?}");
    let (code, told) = gantry(&["agreement", "--measure", "nothing"]);
    assert_eq!((code, &told[0]["error"]["code"]), (Some(4), &"not_found".into()));
    let (code, told) = gantry(&["label", "import", "/nowhere.csv"]);
    assert_eq!((code, told.len()), (Some(4), 1));
    let (code, told) = gantry(&["stats"]);
    assert_eq!((code, told[0]["readers"].as_array().map(Vec::len)), (Some(0), Some(3)));
}

#[test]
fn a_read_is_seen_by_every_client_within_a_second() {
    let bench = Bench::new("[[agreement.measure]]\nname = \"grade\"\nlevel = \"nominal\"\nthreshold = 0.9\n");
    let mut text = String::from("item,reader,grade\n");
    for item in 0..40 {
        writeln!(text, "i{item},ana,{}\ni{item},ben,{}", item % 3, item % 3).unwrap();
    }
    bench.import(&bench.table("a.csv", &text));
    let before = bench.agreement(Agreement::default());
    assert_eq!((before.measures[0].value.value, before.measures[0].verdict), (Some(1.0), Verdict::Met));
    let mut events = bench.engine.session("other", true).subscribe();
    let started = Instant::now();
    bench.import(&bench.table("b.csv", "item,reader,grade\ni0,ben,1\n"));
    loop {
        if events.blocking_recv().unwrap().what == ChangeKind::Reads {
            break;
        }
    }
    let after = bench.agreement(Agreement::default());
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    // 80 ratings, one pair of two differs: by hand from the coincidences (categories 27, 27, 26 of which one moved).
    let n: [f64; 3] = [27.0, 27.0, 26.0];
    let expected = 1.0 - n.iter().map(|n| n * (n - 1.0)).sum::<f64>() / (80.0 * 79.0);
    let alpha = 1.0 - (2.0 / 80.0) / expected;
    assert!((after.measures[0].value.value.unwrap() - alpha).abs() < 1e-12, "{:?}", after.measures[0]);
}

/// Truth without images: nodules as the demo draws them.
fn truths(seed: u64, studies: usize) -> Vec<Truth> {
    let mut random = SplitMix::new(seed, 99);
    let nodule = |random: &mut SplitMix| {
        let solid = random.unit() < 0.6;
        let radius_mm = if solid { 3.0 + 4.5 * random.unit() } else { 5.0 + 5.0 * random.unit() };
        let kind = if solid { NoduleKind::Solid } else { NoduleKind::GroundGlass };
        Nodule { centre_mm: [0.0; 3], radius_mm, kind }
    };
    (1..=studies)
        .map(|number| {
            let n = 1 + random.below(4);
            let nodules = (0..n).map(|_| nodule(&mut random)).collect();
            Truth { number, series_uid: format!("1.2.840.{seed}.{number}"), nodules }
        })
        .collect()
}

/// A workspace in which these were read.
fn read(seed: u64, studies: usize) -> (Bench, Readings) {
    let bench = Bench::new("");
    let truths = truths(seed, studies);
    for truth in &truths {
        let site = ["A", "B", "C"][truth.number % 3];
        bench.series(&truth.series_uid, site, ["M1", "M2"][truth.number % 2]);
    }
    let readings = Readings::past(seed, &truths, now_ms());
    let outcome = bench.import(&bench.table("past.csv", &readings.table()));
    assert_eq!(outcome.total.new as usize, readings.len(), "{outcome:?}");
    (bench, readings)
}

fn alarms(view: &DriftView) -> Vec<Alarmed> {
    let alarm = |c: &gantry::engine::query::DriftRow| Alarmed {
        chart: c.id.clone(),
        since_ms: c.since_ms.unwrap(),
        sentence: c.sentence.clone(),
    };
    view.charts.iter().filter(|c| c.state == DriftState::Alarm).map(alarm).collect()
}

#[test]
fn planted_readers_are_found_dated_and_named_and_stable_ones_left_alone() {
    for (seed, studies) in (0..8).map(|seed| (seed, 24)).chain((20..30).map(|seed| (seed, 18))) {
        let (bench, readings) = read(seed, studies);
        let view = bench.drift(None);
        let (planted, invented) = readings.judge(&alarms(&view));
        let enough = truths(seed, studies).iter().map(|t| t.nodules.len()).sum::<usize>() >= LEAST_NODULES;
        assert_eq!(planted.len(), if enough { ReaderFault::ALL.len() } else { 0 });
        for plant in &planted {
            assert!(
                plant.found,
                "seed {seed}: {} was not found: {:#?}",
                plant.fault,
                view.charts.iter().map(|c| (&c.sentence, c.p)).collect::<Vec<_>>()
            );
        }
        assert!(invented.is_empty(), "seed {seed}: {invented:#?}");
    }
}

#[test]
fn a_chart_in_full_says_why() {
    let (bench, _) = read(3, 30);
    let chart = bench.drift(Some("nodule/volume_mm3~panel/reader/reader-03".into())).selected.unwrap();
    assert_eq!(chart.row.state, DriftState::Alarm);
    let attribution = chart.attribution.unwrap();
    assert_eq!(
        (attribution.cause, &*attribution.readers),
        (DriftCause::Readers, &["reader-03".to_owned()][..])
    );
    assert!(chart.row.sentence.contains("this reader, not the others"), "{}", chart.row.sentence);
    let change = chart.row.change.unwrap();
    assert!((15.0..32.0).contains(&change), "{change}");
    assert_eq!(chart.points.len() as u64, chart.row.n);
    assert_eq!(chart.average.len(), chart.points.len());
    assert!(chart.points.windows(2).all(|w| w[0].at_ms <= w[1].at_ms));
    assert!(chart.alarms.iter().any(|a| a.detector == "cusum" && a.index >= chart.reference_n));
    let worst = &chart.points[chart.worst.unwrap() as usize];
    assert!(worst.series_uid.is_some() && worst.reader == "reader-03");
    let common = bench.drift(Some("nodule/reading_time/all".into())).selected.unwrap();
    assert_eq!(
        (common.row.state, common.attribution.unwrap().cause),
        (DriftState::Alarm, DriftCause::Guideline)
    );
    assert!(common.marks.iter().any(|m| m.text == "guideline 2.0"));
    assert!(common.row.sentence.contains("when guideline 2.0 came"), "{}", common.row.sentence);
}

#[test]
fn process_figures_and_attention_come_from_the_reads() {
    let (bench, _) = read(5, 30);
    let session = bench.engine.session("tester", false);
    let client: &dyn Client = &session;
    let process = client.ask(Process { now_ms: now_ms() }).unwrap();
    assert!(process.figures.iter().any(|f| f.name == "α malignancy" && f.now.value.is_some()));
    let alarm = process.attention.iter().find(|a| a.door.screen == "drift").unwrap();
    assert!(bench.drift(alarm.door.select.clone()).selected.is_some());
    let stats = client.ask(Stats { now_ms: now_ms() }).unwrap();
    assert_eq!(stats.readers.len(), 6);
    let five = stats.readers.iter().find(|r| r.name == "reader-05").unwrap();
    let one = stats.readers.iter().find(|r| r.name == "reader-01").unwrap();
    assert!(five.missed.value > Some(0.2) && one.missed.value < Some(0.1), "{five:?} {one:?}");
}

#[test]
fn what_is_kept_up_to_date_equals_what_is_loaded_anew() {
    let (bench, _) = read(7, 20);
    let (seen, charts) = (bench.agreement(Agreement::default()), bench.drift(None));
    assert!(!seen.measures.is_empty() && !charts.charts.is_empty());
    // A correction, a withdrawal of a finding, a new reader.
    let source = &truths(7, 20)[4].series_uid;
    let text = format!(
        "series_uid,nodule,reader,structure,guideline,state,malignancy,volume_mm3\n\
         {source},1,reader-01,nodule,1.0,found,5,77.5\n{source},1,reader-02,nodule,1.0,none,,\n\
         {source},1,zoe,nodule,1.0,found,2,99.5\n"
    );
    bench.import(&bench.table("more.csv", &text));
    let (seen, charts) = (bench.agreement(Agreement::default()), bench.drift(None));
    let root = bench.dir.path().join("w");
    bench.engine.shut_down();
    drop(bench.engine);
    let engine = Engine::open(Workspace::open(&root).unwrap()).unwrap();
    let session = engine.session("tester", false);
    let client: &dyn Client = &session;
    let fresh = client.ask(Agreement::default()).unwrap();
    let by_id = |v: &AgreementView| {
        // Sums in another order may differ in the last digit.
        let value = |v: Option<f64>| v.map(|v| format!("{v:.9}"));
        v.measures.iter().map(|m| (m.id.clone(), value(m.value.value), m.ratings)).collect::<Vec<_>>()
    };
    assert_eq!(by_id(&fresh), by_id(&seen));
    let worst = |v: &AgreementView| {
        let cases = &v.selected.as_ref().unwrap().worst;
        cases
            .iter()
            .map(|c| format!("{:.9} {:?} {:?}", c.disagreement, c.series_uid, c.values))
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(worst(&fresh), worst(&seen));
    let rows = |v: &DriftView| {
        v.charts.iter().map(|c| (c.id.clone(), c.n, c.p, c.state, c.since_ms)).collect::<Vec<_>>()
    };
    assert_eq!(rows(&client.ask(Drift::default()).unwrap()), rows(&charts));
}

/// A workspace's reads, those that stand or all.
fn reads_of(bench: &Bench, history: bool) -> Vec<gantry::engine::query::ReadView> {
    let session = bench.engine.session("tester", false);
    let page = Page { offset: 0, limit: 100 };
    let query = Reads { reader: None, structure: None, series_uid: None, history, page };
    (&session as &dyn Client).ask(query).unwrap().rows
}

#[test]
fn an_import_can_be_tried_and_taken_back_and_its_history_stays() {
    let bench = Bench::new("");
    bench.series("1.2.1", "A", "M");
    let session = bench.engine.session("tester", false);
    let client: &dyn Client = &session;
    let head = "series_uid,reader,structure,size,depth\n";
    let import = |text: &str, dry_run: bool| {
        let paths = vec![bench.table("t.csv", &(head.to_owned() + text)).to_str().unwrap().into()];
        client.act(ImportReads { paths, dry_run, ..ImportReads::default() }).unwrap()
    };
    let grades = || -> Vec<(String, Vec<f64>)> {
        let number = |v: &(String, RatedValue)| match v.1 {
            RatedValue::Number { value } => value,
            _ => f64::NAN,
        };
        let mut all: Vec<_> = reads_of(&bench, false)
            .iter()
            .map(|r| (r.reader.clone(), r.values.iter().map(number).collect()))
            .collect();
        all.sort_by(|a: &(String, Vec<f64>), b| a.0.cmp(&b.0));
        all
    };
    let of = |rows: &[(&str, &[f64])]| -> Vec<(String, Vec<f64>)> {
        rows.iter().map(|(reader, values)| ((*reader).to_owned(), values.to_vec())).collect()
    };
    let first = import("1.2.1,ana,nodule,3,\n1.2.1,ben,nodule,4,\n", false);
    let before = of(&[("ana", &[3.0]), ("ben", &[4.0])]);
    assert_eq!(grades(), before);
    // One correction, one completion, one new read: tried, then done.
    let second = "1.2.1,ana,nodule,5,\n1.2.1,ben,nodule,4,7\n1.2.1,cas,nodule,2,\n";
    let tried = import(second, true);
    assert_eq!((tried.import, tried.dry_run), (None, true));
    assert_eq!(grades(), before, "nothing is stored by a trial");
    let done = import(second, false);
    assert_eq!((tried.total, done.import), (done.total, first.import.map(|i| i + 1)));
    assert_eq!((done.total.new, done.total.completed, done.total.corrected), (1, 1, 1));
    let after = of(&[("ana", &[5.0]), ("ben", &[7.0, 4.0]), ("cas", &[2.0])]);
    assert_eq!(grades(), after);
    let view = || bench.agreement(Agreement { measure: Some("nodule/size".into()), ..Agreement::default() });
    assert_eq!(view().selected.unwrap().readers.len(), 3);
    // The first cannot go while the second stands on it.
    let undo = |import: Option<i64>| client.act(UndoImport { import: import.unwrap() });
    let why = undo(first.import).unwrap_err().to_string();
    assert!(why.contains("2 of the reads") && why.contains(&done.import.unwrap().to_string()), "{why}");
    assert_eq!(grades(), after);
    let stored = reads_of(&bench, true).len();
    let undone = undo(done.import).unwrap();
    assert_eq!((undone.withdrawn, undone.restored), (1, 2));
    assert_eq!(grades(), before, "what stood before stands again");
    assert_eq!(view().selected.unwrap().readers.len(), 2, "agreement forgets it too");
    assert_eq!(reads_of(&bench, true).len(), stored + 2, "the history stays");
    assert!(undo(done.import).is_err(), "once");
    // Now the first can be taken back; and both can come again.
    undo(first.import).unwrap();
    assert!(grades().is_empty());
    let again = import("1.2.1,ana,nodule,3,\n1.2.1,ben,nodule,4,\n", false);
    assert_eq!((again.total.new, again.total.duplicates), (2, 0));
    assert_eq!(grades(), before);
    let page = Page { offset: 0, limit: 10 };
    let trail =
        client.ask(History { object: Some("reads".into()), text: "label.undo".into(), page }).unwrap();
    assert_eq!(trail.total, 2);
    let imports = client.ask(Imports { page }).unwrap();
    let taken_back: Vec<_> = imports.rows.iter().map(|i| i.undone_ms.is_some()).collect();
    assert_eq!(taken_back, [false, true, true]);
}

#[test]
fn reads_wait_for_a_series_that_is_not_here_yet() {
    let bench = Bench::new("");
    bench.series("1.2.1", "A", "M");
    let text = "series_uid,reader,structure,size\n1.2.1,ana,nodule,3\n1.2.1,ben,nodule,3\n1.2.2,ana,nodule,2\n1.2.2,ben,nodule,2\n";
    let outcome = bench.import(&bench.table("t.csv", text));
    assert_eq!((outcome.total.reads, outcome.total.new, outcome.total.unmatched), (4, 2, 2));
    assert_eq!(outcome.files[0].unmatched_rows, [3, 4]);
    let items = || {
        let view = bench.agreement(Agreement { measure: Some("nodule/size".into()), ..Agreement::default() });
        view.selected.unwrap().row.value.n
    };
    assert_eq!(items(), 1, "what waits does not count");
    assert_eq!(reads_of(&bench, false).iter().filter(|r| r.waiting).count(), 2);
    let again = bench.import(&bench.table("t.csv", text));
    assert_eq!((again.total.duplicates, again.total.unmatched, again.import), (2, 2, None));
    let uid = bench.series("1.2.2", "B", "M");
    assert_eq!(items(), 2, "the series came, and nobody imported again");
    let came: Vec<_> =
        reads_of(&bench, false).into_iter().filter(|r| r.series_uid == Some(uid.clone())).collect();
    assert!(came.len() == 2 && came.iter().all(|r| !r.waiting));
    // The series' own UID is kept nowhere.
    bench.engine.shut_down();
    for name in ["catalog.sqlite", "catalog.sqlite-wal"] {
        let bytes = fs::read(bench.dir.path().join("w").join(name)).unwrap_or_default();
        assert!(!bytes.windows(6).any(|w| w == b"\x051.2.2"), "{name}");
    }
}

#[test]
fn a_word_is_refused_where_the_workspace_has_numbers() {
    let bench = Bench::new("");
    let head = "item,reader,structure,name,value\n";
    bench.import(&bench.table("a.csv", &format!("{head}1,ana,nodule,size,3.5\n")));
    let why = bench.refusal(&format!("{head}2,ana,nodule,shape,round\n2,ana,nodule,size,big\n"));
    assert!(why.starts_with("row 2: a word in a measure"), "{why}");
    // Another structure's measure of the same name is another measure.
    let other = bench.import(&bench.table("b.csv", &format!("{head}2,ana,liver,size,big\n")));
    assert_eq!(other.total.new, 1);
}

#[test]
fn the_binary_reads_the_standard_input_and_takes_an_import_back() {
    use std::io::Write as _;
    let bench = Bench::new("");
    bench.series("1.2.1", "A", "M");
    let root = bench.dir.path().join("w");
    bench.engine.shut_down();
    drop(bench.engine);
    let gantry = |args: &[&str], input: &[u8]| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["--workspace", root.to_str().unwrap(), "--json"])
            .args(args)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        run.stdin.take().unwrap().write_all(input).unwrap();
        let out = run.wait_with_output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        (
            out.status.code().unwrap(),
            serde_json::from_str::<serde_json::Value>(text.lines().last().unwrap_or("null")).unwrap(),
        )
    };
    let matrix = b"Series;ana;ben\n1.2.1;3,5;NA\n";
    let (code, told) = gantry(&["label", "import", "-", "--matrix", "size", "--dry-run"], matrix);
    assert_eq!((code, &told["total"]["new"], &told["import"]), (0, &1.into(), &serde_json::Value::Null));
    let (code, told) = gantry(&["label", "import", "-", "--matrix", "size"], matrix);
    assert_eq!((code, &told["files"][0]["path"], &told["import"]), (0, &"-".into(), &1.into()));
    let (code, told) = gantry(&["label", "undo", "1"], b"");
    assert_eq!((code, &told["withdrawn"]), (0, &1.into()));
    assert_eq!(gantry(&["label", "undo", "1"], b"").0, 4);
    assert_eq!(gantry(&["label", "undo", "9"], b"").0, 4);
}
