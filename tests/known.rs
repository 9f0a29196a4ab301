//! Names known only from another instance of the study, in a workspace: whatever the order in which files come, in one
//! delivery and across runs, nothing that is stored says them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::files::{Slice, data_set};
use gantry::config::Workspace;
use gantry::demo::{Study, StudyPlan};
use gantry::dicom::{DataSet, Syntax, write};
use gantry::engine::command::{Backup, Export, Ingest, IngestOutcome};
use gantry::engine::query::{ParkedJobs, VerifyTrail};
use gantry::engine::{Client, Engine};
use gantry::landing::KnownIdentifiers;
use gantry::model::{Tag, Vr, tags};

/// The end of the name, so that it is found wherever an index shares its beginning with another word.
const NAME: &[u8] = b"enthwaite";

fn slice(number: u32, series: u32, model: &str) -> DataSet<'static> {
    let position_mm = [-8.0, -8.0, 2.0 * f64::from(number)];
    let mut set = data_set(&Slice { number, series, position_mm, ..Slice::default() });
    set.put_str(tags::MANUFACTURER, Vr::LO, "SIEMENS");
    set.put_str(tags::MANUFACTURER_MODEL_NAME, Vr::LO, model);
    set
}

/// Says the name in text that is kept, where it is a bare word.
fn says(number: u32) -> DataSet<'static> {
    let mut set = slice(number, 1, "Sensation Brackenthwaite");
    set.put_str(Tag::new(0x0018, 0x1210), Vr::SH, "B31f Brackenthwaite");
    set.put_str(Tag::new(0x0018, 0x0015), Vr::CS, "BRACKENTHWAITE");
    // A term of the trade, and the first name of the same person.
    set.put_str(tags::SERIES_DESCRIPTION, Vr::LO, "Hand axial");
    set
}

/// Names the person, in another series.
fn names() -> DataSet<'static> {
    let mut set = slice(9, 2, "Sensation 64");
    set.put_str(tags::REFERRING_PHYSICIAN_NAME, Vr::PN, "Brackenthwaite^Hand");
    set
}

fn bytes(set: &DataSet<'_>) -> Vec<u8> {
    write(set, Syntax::EXPLICIT_LE).unwrap()
}

struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::init(&dir.path().join("w")).unwrap();
        // The same secret everywhere, so that the same sources give the same bytes.
        fs::write(workspace.root().join("secret"), hex::encode([7; 32])).unwrap();
        Self { dir }
    }

    fn workspace(&self) -> Workspace {
        Workspace::open(&self.dir.path().join("w")).unwrap()
    }

    fn open(&self) -> Arc<Engine> {
        Engine::open(self.workspace()).unwrap()
    }

    /// One delivery, in a process of its own.
    fn ingest(&self, files: &[&[u8]]) -> IngestOutcome {
        let folder = tempfile::tempdir().unwrap();
        for (i, file) in files.iter().enumerate() {
            fs::write(folder.path().join(format!("{i:04}.dcm")), file).unwrap();
        }
        ingest(&self.open(), folder.path())
    }

    fn store(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in fs::read_dir(self.dir.path().join("w/store")).unwrap().flatten() {
            for file in fs::read_dir(folder.path()).unwrap().flatten() {
                found.insert(
                    file.path().strip_prefix(self.dir.path()).unwrap().into(),
                    fs::read(file.path()).unwrap(),
                );
            }
        }
        found
    }

    /// Where the name is said: in stored instances, and in tables of the catalog, whatever they hold.
    fn said(&self) -> Vec<String> {
        let says = |bytes: &[u8]| bytes.to_ascii_lowercase().windows(NAME.len()).any(|w| w == NAME);
        let mut said: Vec<String> = self
            .store()
            .iter()
            .filter(|(_, bytes)| says(bytes))
            .map(|(p, _)| p.display().to_string())
            .collect();
        let catalog = rusqlite::Connection::open(self.workspace().catalog()).unwrap();
        let mut tables = catalog.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
        let tables: Vec<String> = tables.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(tables.iter().any(|t| t == "trail") && tables.iter().any(|t| t == "phrase_text_data"));
        for table in tables {
            let mut rows = catalog.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let value = |i| row.get_ref(i).unwrap();
                let says = |i| match value(i) {
                    rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => {
                        says(bytes)
                    }
                    _ => false,
                };
                said.extend((0..columns).filter(|i| says(*i)).map(|i| format!("{table} {i}")));
            }
        }
        said
    }

    fn number(&self, sql: &str) -> i64 {
        let catalog = rusqlite::Connection::open(self.workspace().catalog()).unwrap();
        catalog.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn text(&self, sql: &str) -> String {
        let catalog = rusqlite::Connection::open(self.workspace().catalog()).unwrap();
        catalog.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Nobody is said, nothing is lost, nothing is left to do, and the trail holds.
    fn is_clean(&self, instances: i64) {
        assert_eq!(self.said(), Vec::<String>::new());
        assert_eq!(self.number("SELECT count(*) FROM instance"), instances);
        assert_eq!(self.store().len() as i64, instances, "no blob without a row");
        assert_eq!(self.number("SELECT count(*) FROM job"), 0);
        assert_eq!(self.number("SELECT count(*) FROM leaving"), 0);
        let session = self.open().session("tester", false);
        assert_eq!((&session as &dyn Client).ask(VerifyTrail::default()).unwrap().broken, None);
        for name in self.store().keys() {
            let blob: String = name.components().skip(2).map(|c| c.as_os_str().to_str().unwrap()).collect();
            (&session as &dyn Client).blob(blob.trim_end_matches(".dcm")).unwrap();
        }
    }
}

fn ingest(engine: &Arc<Engine>, path: &Path) -> IngestOutcome {
    let session = engine.session("tester", false);
    let command =
        Ingest { paths: vec![path.to_str().unwrap().into()], site: "A".into(), links: Default::default() };
    (&session as &dyn Client).act(command).unwrap()
}

#[test]
fn a_name_is_said_by_nothing_whatever_the_order() {
    let (first, second, named) = (bytes(&says(1)), bytes(&says(2)), bytes(&names()));
    let deliveries: [&[&[&[u8]]]; 4] = [
        &[&[&first, &second, &named]],
        &[&[&named, &first, &second]],
        &[&[&first, &second], &[&named]],
        &[&[&named], &[&first], &[&second]],
    ];
    let mut stored = Vec::new();
    for runs in deliveries {
        let site = Site::new();
        for (i, run) in runs.iter().enumerate() {
            let outcome = site.ingest(run);
            assert_eq!((outcome.deidentified, outcome.jobs_failed), (run.len() as u64, 0));
            if i == 0 && runs.len() == 2 {
                assert!(site.said().len() > 4, "nobody knows yet that it is a name: {:?}", site.said());
            }
        }
        site.is_clean(3);
        let told =
            site.text("SELECT description || ' ' || model FROM series ORDER BY number, instances DESC");
        assert_eq!(told, "*** axial Sensation ***");
        let ledger =
            site.text("SELECT group_concat(r.json) FROM instance i JOIN record r ON r.id = i.record");
        if runs.len() == 2 {
            assert!(ledger.contains("cleaned_again"));
            assert_eq!(site.number("SELECT count(*) FROM trail WHERE action = 'study.clean'"), 1);
        }
        stored.push(site.store());
    }
    assert!(stored.iter().all(|s| *s == stored[0]), "the order shows in the bytes");
}

#[test]
fn what_ends_in_quarantine_teaches_all_the_same() {
    for quarantined_first in [true, false] {
        let site = Site::new();
        let (said, mut named) = (bytes(&says(1)), bytes(&names()));
        named.truncate(named.len() - 100);
        let runs = if quarantined_first { [&named, &said] } else { [&said, &named] };
        let outcomes = runs.map(|file| site.ingest(&[file]));
        assert_eq!(outcomes.iter().map(|o| o.quarantined).sum::<u64>(), 1);
        site.is_clean(1);
    }
}

#[test]
fn what_was_learned_before_a_kill_is_taken_up_at_the_next_start() {
    let site = Site::new();
    site.ingest(&[&bytes(&says(1))]);
    let study = site.text("SELECT study_uid FROM instance");
    let workspace = site.workspace();
    // A worker has learned it, and the process died before its file was committed.
    let known = KnownIdentifiers::open(&workspace.known(), &workspace.secret().unwrap()).unwrap();
    known.learn(&study, &[(0, "Brackenthwaite^Hand")], || Ok(0)).unwrap();
    drop(known);
    assert!(!site.said().is_empty());
    let engine = site.open();
    engine.drain().unwrap();
    // It is asked for once.
    assert!(
        KnownIdentifiers::open(&workspace.known(), &[7; 32]).unwrap().pending_reclean().unwrap().is_empty()
    );
    // And the file that was not committed comes again, with nothing new.
    drop(engine);
    site.is_clean(1);
    site.ingest(&[&bytes(&names())]);
    site.is_clean(2);
}

#[test]
fn a_stored_file_that_comes_again_teaches_where_what_was_learned_is_lost() {
    let site = Site::new();
    let (said, named) = (bytes(&says(1)), bytes(&names()));
    site.ingest(&[&named]);
    // As after a backup without the landing side, or from a version that learned nothing.
    for name in ["known.sqlite", "known.sqlite-wal", "known.sqlite-shm"] {
        let _ = fs::remove_file(site.workspace().landing().join(name));
    }
    site.ingest(&[&said]);
    assert!(!site.said().is_empty());
    assert_eq!(site.ingest(&[&named]).duplicates, 1);
    site.is_clean(2);
}

#[test]
fn what_cannot_be_cleaned_is_parked_and_stays_here() {
    let site = Site::new();
    let mut hidden = says(1);
    // The name in base64: the search of the output finds it, no cleaning reaches it.
    hidden.put_str(Tag::new(0x0018, 0x1020), Vr::LO, "QnJhY2tlbnRod2FpdGU=");
    site.ingest(&[&bytes(&hidden), &bytes(&says(2))]);
    let outcome = site.ingest(&[&bytes(&names())]);
    assert_eq!(outcome.jobs_failed, 1);
    let engine = site.open();
    let session = engine.session("tester", false);
    let client: &dyn Client = &session;
    let parked = client.ask(ParkedJobs {}).unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].stage, "clean");
    assert!(
        parked[0].reason.starts_with("1 stored instances")
            && !parked[0].reason.to_lowercase().contains("brack")
    );
    assert_eq!(site.store().len(), 3);
    assert_eq!(site.said().iter().filter(|s| s.contains("store")).count(), 1, "the other one was cleaned");
    let to = site.dir.path().join("out");
    let export = Export {
        filter: Some("modality:CT".into()),
        to: to.to_str().unwrap().into(),
        formats: vec!["nifti".into()],
        ..Export::default()
    };
    assert_eq!(client.act(export).unwrap().series, 0);
    // What was learned goes with the landing side, for its owner alone.
    let copy = site.dir.path().join("copy");
    client.act(Backup { to: copy.to_str().unwrap().into(), landing: true }).unwrap();
    let mode =
        std::os::unix::fs::MetadataExt::mode(&fs::metadata(copy.join("landing/known.sqlite")).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_could_not_be_taken_away_leaves_at_the_next_start() {
    let site = Site::new();
    site.ingest(&[&bytes(&says(1))]);
    let (path, old) = site.store().into_iter().next().unwrap();
    let (old_path, blob) = (site.dir.path().join(&path), site.text("SELECT blob FROM instance"));
    site.ingest(&[&bytes(&names())]);
    assert!(!old_path.exists());
    // The disk refused to let it go: it is there still, and the catalog knows.
    fs::write(&old_path, old).unwrap();
    let catalog = rusqlite::Connection::open(site.workspace().catalog()).unwrap();
    catalog.execute("INSERT INTO leaving VALUES (?1)", [&blob]).unwrap();
    // A blob that a row names again stays, whatever was meant for it.
    catalog.execute("INSERT INTO leaving SELECT blob FROM instance LIMIT 1", []).unwrap();
    drop(catalog);
    assert!(!site.said().is_empty());
    drop(site.open());
    assert!(!old_path.exists());
    site.is_clean(2);
}

#[test]
fn an_ordinary_delivery_has_nothing_cleaned_again() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let mut files = 0;
    for number in 1..=3 {
        let plan = StudyPlan { seed: 3, number, subject: number, scanner: number % 4, visit: 0, fault: None };
        for file in Study::make(plan).files().unwrap().into_iter().take(12) {
            fs::write(folder.path().join(format!("{number} {}", file.name)), file.bytes).unwrap();
            files += 1;
        }
    }
    assert_eq!(ingest(&site.open(), folder.path()).deidentified, files);
    // The first instance of each study has named everybody: none was ever behind it.
    assert_eq!(site.number("SELECT count(*) FROM instance WHERE known <> 1"), 0);
    let known = rusqlite::Connection::open(site.workspace().known()).unwrap();
    let generations: String = known
        .query_row("SELECT group_concat(generation) FROM study WHERE owed IS NULL", [], |row| row.get(0))
        .unwrap();
    assert_eq!(generations, "1,1,1");
    for entry in fs::read_dir(site.workspace().landing()).unwrap().flatten() {
        if entry.file_name().to_str().unwrap().starts_with("known") {
            let mode = std::os::unix::fs::MetadataExt::mode(&entry.metadata().unwrap());
            assert_eq!(mode & 0o777, 0o600, "{entry:?}");
        }
    }
}
