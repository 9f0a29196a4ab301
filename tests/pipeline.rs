//! The line from inbox to task, through its public seam: the binary, and the engine.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gantry::config::Workspace;
use gantry::daemon::{Attached, Server};
use gantry::demo::{Fault, Senders, Study, StudyPlan, plans};
use gantry::dicom::{self, DataSet, Element, Syntax};
use gantry::engine::command::{ClaimNext, ClaimTask, DecideTask, Decision, Ingest, IngestOutcome};
use gantry::engine::query::{self, Page, Queue, QueueTab, VerifyTrail};
use gantry::engine::{Client, Engine, EngineError, now_ms};
use gantry::measure::agreement::bootstrap::SplitMix;
use gantry::model::{Vr, tags};

fn plan(number: usize, fault: Option<Fault>) -> StudyPlan {
    let scanner = fault.and_then(Fault::scanner).unwrap_or(number % 4);
    StudyPlan { seed: 3, number, subject: number, scanner, visit: 0, fault }
}

/// Writes the first `most` files of each study below `root`; how many that makes.
fn write_studies(root: &Path, studies: usize, most: usize) -> u64 {
    let mut written = 0;
    for number in 1..=studies {
        let folder = root.join(format!("study {number}"));
        fs::create_dir_all(&folder).unwrap();
        for file in Study::make(plan(number, None)).files().unwrap().into_iter().take(most) {
            fs::write(folder.join(file.name), file.bytes).unwrap();
            written += 1;
        }
    }
    written
}

fn workspace(root: &Path, more: &str) -> Workspace {
    let workspace = Workspace::init(root).unwrap();
    let text = fs::read_to_string(workspace.config_file()).unwrap();
    let text = text
        .replace("[ingest]", "[ingest]\nsettle_ms = 1000\nrescan_seconds = 1\nseries_quiet_ms = 300")
        + more;
    fs::write(workspace.config_file(), text).unwrap();
    workspace
}

fn inbox(name: &str, path: &Path, more: &str) -> String {
    format!("\n[[inbox]]\nname = {name:?}\npath = {:?}\nsite = \"A\"\n{more}\n", path.to_str().unwrap())
}

fn ingest(engine: &Arc<Engine>, path: &Path) -> IngestOutcome {
    let session = engine.session("tester", false);
    let command =
        Ingest { paths: vec![path.to_str().unwrap().into()], site: "A".into(), links: Default::default() };
    (&session as &dyn Client).act(command).unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(90);
    while !done() {
        assert!(Instant::now() < end, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn files_below(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => drop(found.insert(path.strip_prefix(root).unwrap().into(), fs::read(path).unwrap())),
            }
        }
    }
    found
}

fn gantry(workspace: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
    command.arg("--workspace").arg(workspace).arg("--json").stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn every_file_is_accounted_for_and_again_as_a_duplicate() {
    let dir = tempfile::tempdir().unwrap();
    let senders = Senders::new(&dir.path().join("w")).unwrap();
    let mut sent = 0;
    for fault in [Fault::NotDicom, Fault::Truncated, Fault::Duplicate, Fault::PixelsUnchecked] {
        sent += senders.send(plan(sent as usize + 1, Some(fault)), || true).unwrap().files;
    }
    let engine = Engine::open(workspace(&dir.path().join("w"), "")).unwrap();
    let inboxes = Senders::folder(&dir.path().join("w"));
    let first = ingest(&engine, &inboxes);
    assert_eq!((first.received, first.rejected, first.quarantined, first.duplicates), (sent, 1, 2, 3));
    assert_eq!(first.deidentified, sent - 6);
    assert_eq!((first.series, first.jobs_failed), (4, 0));
    let before = files_below(&dir.path().join("w/store"));
    let again = ingest(&engine, &inboxes);
    assert_eq!((again.received, again.rejected, again.quarantined), (sent, 1, 2));
    assert_eq!((again.deidentified, again.duplicates, again.already_here), (0, sent - 3, sent - 6));
    assert_eq!(files_below(&dir.path().join("w/store")), before);
}

/// What the catalog says of each series, without its times.
fn told(root: &Path) -> BTreeSet<String> {
    let ran = gantry(root).args(["search", "modality:CT"]).output().unwrap();
    assert!(ran.status.success());
    String::from_utf8(ran.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
            row.as_object_mut().unwrap().remove("latest_ms");
            row.to_string()
        })
        .collect()
}

#[test]
fn twenty_kills_during_an_ingest_leave_what_an_undisturbed_one_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    let files = write_studies(&source, 4, 40);
    let calm = dir.path().join("calm");
    workspace(&calm, "");
    let started = Instant::now();
    let ran = gantry(&calm).arg("ingest").arg(&source).args(["--site", "A"]).output().unwrap();
    let whole: IngestOutcome = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((whole.received, whole.deidentified), (files, files));
    let (time, mut random) = (started.elapsed(), SplitMix::new(4, 4));
    let (mut killed, mut rounds) = (0, 0);
    // A round ends when an ingest comes to its end before it is killed; the next begins with nothing stored.
    while killed < 20 {
        rounds += 1;
        assert!(rounds <= 12, "only {killed} were killed at work in {rounds} rounds");
        let torn = dir.path().join(format!("torn {rounds}"));
        workspace(&torn, "");
        fs::copy(calm.join("secret"), torn.join("secret")).unwrap();
        while killed < 20 {
            let mut child = gantry(&torn).arg("ingest").arg(&source).args(["--site", "A"]).spawn().unwrap();
            std::thread::sleep(time.mul_f64(0.02 + 0.5 * random.unit()));
            let at_work = child.try_wait().unwrap().is_none();
            let _ = child.kill();
            child.wait().unwrap();
            if !at_work {
                break;
            }
            killed += 1;
        }
        same_in_the_end(&source, files, &calm, &torn);
    }
}

/// Ingests once more, undisturbed, and compares.
fn same_in_the_end(source: &Path, files: u64, calm: &Path, torn: &Path) {
    let ran = gantry(torn).arg("ingest").arg(source).args(["--site", "A"]).output().unwrap();
    let last: IngestOutcome = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((last.received, last.deidentified + last.duplicates, last.jobs_failed), (files, files, 0));
    assert_eq!(last.already_here, last.duplicates, "no file is a copy of another");
    let (expected, found) = (files_below(&calm.join("store")), files_below(&torn.join("store")));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(found == expected, "bytes differ");
    assert_eq!(told(torn), told(calm));
    let session = Engine::open(Workspace::open(torn).unwrap()).unwrap().session("tester", false);
    let client: &dyn Client = &session;
    assert!(client.ask(query::ParkedJobs {}).unwrap().is_empty());
    assert_eq!(client.ask(VerifyTrail::default()).unwrap().broken, None);
    let page = Page { offset: 0, limit: 100 };
    let queue = Queue { view: QueueTab::All, filter: String::new(), now_ms: now_ms(), page };
    assert_eq!(client.ask(queue).unwrap().total, 4, "a task for each series, no more");
}

#[test]
fn a_full_disk_is_told_and_what_was_not_stored_is_taken_up_later() {
    let dir = tempfile::tempdir().unwrap();
    let (source, root) = (dir.path().join("in"), dir.path().join("w"));
    let files = write_studies(&source, 3, 12);
    workspace(&root, "");
    // No file may grow beyond 200 KiB: the catalog's log soon cannot.
    let limited = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 400; exec \"$0\" --workspace \"$1\" --json ingest \"$2\" --site A",
        ])
        .args([Path::new(env!("CARGO_BIN_EXE_gantry")), &root, &source])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ended = limited.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(6), "{}", String::from_utf8_lossy(&ended.stderr));
    let told: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(told["error"]["code"], "storage", "{told}");
    let ran = gantry(&root).arg("ingest").arg(&source).args(["--site", "A"]).output().unwrap();
    let after: IngestOutcome = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((after.received, after.deidentified + after.duplicates, after.jobs_failed), (files, files, 0));
    assert_eq!(after.series, 3);
}

#[test]
fn a_watched_folder_takes_slow_files_and_subfolders_and_refuses_links() {
    let dir = tempfile::tempdir().unwrap();
    let (watched, outside) = (dir.path().join("in"), dir.path().join("outside"));
    fs::create_dir_all(&watched).unwrap();
    write_studies(&outside, 1, 4);
    let engine = Engine::open(workspace(&dir.path().join("w"), &inbox("in", &watched, ""))).unwrap();
    engine.watch();
    std::os::unix::fs::symlink(&outside, watched.join("link")).unwrap();
    let files = Study::make(plan(2, None)).files().unwrap();
    fs::create_dir_all(watched.join("deep/er")).unwrap();
    for file in &files[..3] {
        // A slow sender: a piece, a pause, another piece.
        use std::io::Write as _;
        let mut to = fs::File::create(watched.join("deep/er").join(&file.name)).unwrap();
        for piece in file.bytes.chunks(file.bytes.len() / 5) {
            to.write_all(piece).unwrap();
            to.flush().unwrap();
            std::thread::sleep(Duration::from_millis(60));
        }
    }
    until("three files stored", || engine.totals().unwrap().deidentified == 3);
    until("idle", || !engine.is_busy().unwrap());
    std::thread::sleep(Duration::from_millis(2500));
    let totals = engine.totals().unwrap();
    assert_eq!((totals.received, totals.deidentified, totals.series), (3, 3, 1), "{totals:?}");
    for file in &files[..3] {
        assert_eq!(
            fs::read(watched.join("deep/er").join(&file.name)).unwrap(),
            file.bytes,
            "it belongs to its sender"
        );
    }
}

#[test]
fn stored_files_are_removed_or_moved_where_the_inbox_says_so_and_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (gone, moved, to) = (dir.path().join("gone"), dir.path().join("moved"), dir.path().join("to"));
    write_studies(&gone, 1, 5);
    write_studies(&moved, 2, 5);
    fs::write(gone.join("notes.txt"), "not an image").unwrap();
    let before = files_below(&moved);
    let more = inbox("gone", &gone, "after = \"remove\"")
        + &inbox("moved", &moved, &format!("after = \"move\"\nmove_to = {:?}", to.to_str().unwrap()));
    let engine = Engine::open(workspace(&dir.path().join("w"), &more)).unwrap();
    let outcome = engine.run_once().unwrap();
    assert_eq!((outcome.received, outcome.rejected), (16, 1));
    assert_eq!((outcome.deidentified, outcome.duplicates), (10, 5), "study 1 lies in both");
    assert_eq!(files_below(&gone).into_keys().collect::<Vec<_>>(), [PathBuf::from("notes.txt")]);
    assert!(files_below(&moved).is_empty());
    assert_eq!(files_below(&to), before);
}

#[test]
fn no_two_reviewers_ever_hold_the_same_task() {
    let dir = tempfile::tempdir().unwrap();
    write_studies(&dir.path().join("in"), 6, 4);
    let engine = Engine::open(workspace(&dir.path().join("w"), "")).unwrap();
    assert_eq!(ingest(&engine, &dir.path().join("in")).series, 6);
    let held: Vec<i64> = std::thread::scope(|scope| {
        let claim = |name: String| {
            let session = engine.session(&name, false);
            move || {
                let client: &dyn Client = &session;
                let next = || ClaimNext { view: QueueTab::Open, filter: String::new(), except: Vec::new() };
                std::iter::from_fn(|| client.act(next()).unwrap()).collect::<Vec<i64>>()
            }
        };
        let threads: Vec<_> = (0..4).map(|i| scope.spawn(claim(format!("reader {i}")))).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(held.len(), 6);
    assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), 6, "{held:?}");
    let other = engine.session("somebody else", false);
    let refused = (&other as &dyn Client).act(ClaimTask { task: held[0], take: false });
    assert!(matches!(refused, Err(EngineError::Conflict { .. })), "{refused:?}");
    let decision = Decision::Accept { comment: None };
    let refused = (&other as &dyn Client).act(DecideTask { task: held[0], decision, key: "k".into() });
    assert!(matches!(refused, Err(EngineError::Conflict { .. })), "{refused:?}");
}

#[test]
fn cases_are_open_until_they_are_decided_whoever_holds_them() {
    let dir = tempfile::tempdir().unwrap();
    write_studies(&dir.path().join("in"), 4, 4);
    let engine = Engine::open(workspace(&dir.path().join("w"), "")).unwrap();
    ingest(&engine, &dir.path().join("in"));
    let (here, other) = (engine.session("tester", false), engine.session("somebody else", false));
    let claim = ClaimNext { view: QueueTab::Open, filter: String::new(), except: Vec::new() };
    let mine = (&here as &dyn Client).act(claim.clone()).unwrap().unwrap();
    let theirs = (&other as &dyn Client).act(claim.clone()).unwrap().unwrap();
    assert_ne!(mine, theirs);
    let client: &dyn Client = &here;
    let decision = Decision::Accept { comment: None };
    client.act(DecideTask { task: mine, decision, key: "k".into() }).unwrap();
    let page = Page { offset: 0, limit: 9 };
    let queue = Queue { view: QueueTab::Open, filter: String::new(), now_ms: now_ms(), page };
    let view = client.ask(queue).unwrap();
    let counted = |tab| view.counts.iter().find(|(of, _)| *of == tab).unwrap().1;
    assert_eq!((view.total, counted(QueueTab::Open)), (3, 3));
    assert_eq!((counted(QueueTab::Free), counted(QueueTab::Claimed), counted(QueueTab::Mine)), (2, 1, 0));
    let overview = client.ask(query::Overview { now_ms: now_ms() }).unwrap();
    let review = overview.flow.iter().find(|stage| stage.name == "in review").unwrap();
    assert!(review.aside.contains(&(3, "open".into())), "{review:?}");
    assert_eq!(overview.backlog.last().unwrap().1, 3);
    let process = client.ask(query::Process { now_ms: now_ms() }).unwrap();
    assert_eq!(process.backlog, 3);
    let door = &process.figures[0].door;
    assert_eq!(
        (&*door.filter, door.select.as_deref()),
        ("", Some("decided")),
        "a filter would match no case"
    );
}

#[test]
fn who_is_attached_sees_a_change_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    write_studies(&dir.path().join("in"), 1, 4);
    let workspace = workspace(&dir.path().join("w"), "");
    let engine = Engine::open(workspace.clone()).unwrap();
    let _server = Server::start(&engine).unwrap();
    let attached = Attached::connect(workspace).unwrap();
    let client: &dyn Client = &attached;
    let mut events = client.subscribe();
    ingest(&engine, &dir.path().join("in"));
    let queue =
        |view| Queue { view, filter: String::new(), now_ms: now_ms(), page: Page { offset: 0, limit: 9 } };
    let task = client.ask(queue(QueueTab::Open)).unwrap().rows[0].id;
    until("the events of the ingest", || {
        let mut last = 0;
        while events.try_recv().is_ok() {
            last += 1;
        }
        last == 0
    });
    let here = engine.session("owner", false);
    (&here as &dyn Client).act(ClaimTask { task, take: false }).unwrap();
    let changed = Instant::now();
    until("an event", || events.try_recv().is_ok());
    assert!(changed.elapsed() < Duration::from_secs(1), "{:?}", changed.elapsed());
    let row = client.ask(query::Task { id: task }).unwrap().row;
    assert_eq!((&*row.state, row.assignee.as_deref()), ("claimed", Some("owner")));
}

/// A series of four slices from one scanner in a study of its own, its noise so many grey levels wide.
fn write_noisy_series(root: &Path, number: u16, noise: usize) {
    let folder = root.join(format!("noisy {number}"));
    fs::create_dir_all(&folder).unwrap();
    let mut random = SplitMix::new(9, u64::from(number));
    for slice in 0..4u16 {
        let pixels: Vec<u8> = (0..64 * 64)
            .flat_map(|at: usize| {
                let inside = (at % 64).abs_diff(32).pow(2) + (at / 64).abs_diff(32).pow(2) < 500;
                (if inside { 1050 } else { 200 } + random.below(noise) as u16).to_le_bytes()
            })
            .collect();
        let uid = |kind: u16| format!("1.3.6.1.4.1.99999.{kind}.{number}");
        let text = |tag, vr, value: &str| Element::text(tag, vr, value);
        let number = |tag, value: u16| Element::new(tag, Vr::US, value.to_le_bytes().to_vec());
        let set = DataSet::from_elements(vec![
            text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
            text(tags::SOP_INSTANCE_UID, Vr::UI, &format!("{}.{slice}", uid(1))),
            text(tags::STUDY_INSTANCE_UID, Vr::UI, &uid(2)),
            text(tags::SERIES_INSTANCE_UID, Vr::UI, &uid(3)),
            text(tags::MODALITY, Vr::CS, "CT"),
            text(tags::MANUFACTURER, Vr::LO, "ACME"),
            text(tags::IMAGE_POSITION_PATIENT, Vr::DS, &format!("0\\0\\{}", 3 * slice)),
            text(tags::IMAGE_ORIENTATION_PATIENT, Vr::DS, "1\\0\\0\\0\\1\\0"),
            text(tags::PIXEL_SPACING, Vr::DS, "1\\1"),
            text(tags::SLICE_THICKNESS, Vr::DS, "3"),
            number(tags::SAMPLES_PER_PIXEL, 1),
            text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2"),
            number(tags::ROWS, 64),
            number(tags::COLUMNS, 64),
            number(tags::BITS_ALLOCATED, 16),
            number(tags::BITS_STORED, 12),
            number(tags::HIGH_BIT, 11),
            number(tags::PIXEL_REPRESENTATION, 0),
            text(tags::RESCALE_SLOPE, Vr::DS, "1"),
            text(tags::RESCALE_INTERCEPT, Vr::DS, "-1024"),
            Element::new(tags::PIXEL_DATA, Vr::OW, pixels),
        ]);
        fs::write(folder.join(format!("{slice}.dcm")), dicom::write(&set, Syntax::EXPLICIT_LE).unwrap())
            .unwrap();
    }
}

#[test]
fn an_outlier_that_came_first_is_told_when_there_are_others_to_tell_it_from() {
    let dir = tempfile::tempdir().unwrap();
    write_noisy_series(&dir.path().join("first"), 1, 240);
    (2..=21).for_each(|number| write_noisy_series(&dir.path().join("rest"), number, 40));
    let engine = Engine::open(workspace(&dir.path().join("w"), "")).unwrap();
    let session = engine.session("tester", false);
    let outliers = || {
        let page = Page { offset: 0, limit: 9 };
        let filter = "finding:noise_outlier".into();
        let found = query::SeriesPage { filter, sort: query::SeriesSort::default(), page };
        (&session as &dyn Client).ask(found).unwrap().rows.len()
    };
    ingest(&engine, &dir.path().join("first"));
    assert_eq!(outliers(), 0, "one alone is unlike nothing");
    ingest(&engine, &dir.path().join("rest"));
    assert_eq!(outliers(), 1);
}

#[test]
fn the_trail_verifies_until_somebody_changes_a_row() {
    let dir = tempfile::tempdir().unwrap();
    write_studies(&dir.path().join("in"), 1, 4);
    let workspace = workspace(&dir.path().join("w"), "");
    let engine = Engine::open(workspace.clone()).unwrap();
    ingest(&engine, &dir.path().join("in"));
    let session = engine.session("tester", false);
    let verify = || (&session as &dyn Client).ask(VerifyTrail::default()).unwrap();
    let whole = verify();
    assert_eq!(whole.broken, None);
    assert!(whole.entries >= 4, "{whole:?}");
    let tamper = rusqlite::Connection::open(workspace.catalog()).unwrap();
    let changed = tamper.execute("UPDATE trail SET actor = 'nobody' WHERE sequence = 2", []).unwrap();
    assert_eq!(changed, 1);
    assert!(verify().broken.is_some());
}

#[test]
fn the_plans_hold_every_fault_once() {
    let all = plans(1, 24);
    let faults: BTreeSet<_> = all.iter().filter_map(|p| p.fault).collect();
    assert_eq!((all.len(), faults.len()), (24, Fault::ALL.len()));
    assert_eq!(all.iter().filter(|p| p.fault.is_some()).count(), Fault::ALL.len());
}
