//! The trail is true: no command of the registry has an effect without its event. Where the trail cannot be written nothing
//! happens; what has an effect outside the catalog tells its intent first; what a kill leaves is told at the next start.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use gantry::access::Role;
use gantry::config::Workspace;
use gantry::deid::VaultKey;
use gantry::dicom::{Syntax, write};
use gantry::engine::command::*;
use gantry::engine::query::{
    IntakeFiles, IntakeGroups, Page, Queue, QueueTab, SeriesPage, SeriesSort, Tasks,
};
use gantry::engine::{Client, Engine, EngineError};
use gantry::format::nifti::{Nifti, Voxels};
use gantry::model::{Area, Drawing, DrawnMask, Tag, Vr};
use gantry::workflow::Step;
use rusqlite::Connection;

use crate::common::files::{data_set, series};
use crate::common::text;
use crate::files_below;

const USER: &str = "amira";

/// A workspace in use: two studies of two subjects, a quarantined file, reads, an inbox, a saved search, a vault.
struct Used {
    dir: tempfile::TempDir,
    key: VaultKey,
}

impl Used {
    fn new() -> Self {
        let used = Self { dir: tempfile::tempdir().unwrap(), key: VaultKey::generate() };
        for folder in ["in", "more", "inbox", "other"] {
            fs::create_dir(used.dir.path().join(folder)).unwrap();
        }
        for study in 1..=3u32 {
            // Two studies of the first subject, one of another.
            let patient = if study < 3 { "ONE" } else { "TWO" };
            for slice in series(2) {
                let mut set = data_set(&slice);
                let uid = |tail: String| format!("2.25.55.{study}{tail}");
                set.put_str(Tag(0x0008_0018), Vr::UI, &uid(format!(".1.{}", slice.number)));
                set.put_str(Tag(0x0020_000D), Vr::UI, &uid(String::new()));
                set.put_str(Tag(0x0020_000E), Vr::UI, &uid(".1".into()));
                set.put_str(Tag(0x0010_0020), Vr::LO, patient);
                set.put_str(Tag(0x0010_0010), Vr::PN, &format!("Zq{patient}^Jane"));
                let folder = if study == 2 && slice.number == 2 { "more" } else { "in" };
                let path = used.dir.path().join(format!("{folder}/{study}-{}.dcm", slice.number));
                fs::write(path, write(&set, Syntax::EXPLICIT_LE).unwrap()).unwrap();
            }
        }
        let whole = fs::read(used.dir.path().join("in/1-1.dcm")).unwrap();
        fs::write(used.dir.path().join("in/cut.dcm"), &whole[..whole.len() - 100]).unwrap();
        fs::write(
            used.dir.path().join("reads.csv"),
            "item,reader,structure,name,value\nx,a,nodule,malignancy,1\nx,b,nodule,malignancy,2\n",
        )
        .unwrap();
        fs::write(
            used.dir.path().join("reads-2.csv"),
            "item,reader,structure,name,value\nx,a,nodule,malignancy,3\n",
        )
        .unwrap();
        Workspace::init(&used.root()).unwrap();
        let mut config = fs::read_to_string(used.root().join("gantry.toml")).unwrap();
        config += &format!("\n[[remote]]\nname = 'peer'\nurl = 'http://127.0.0.1:{}'\nsite = 'A'\n", peer());
        fs::write(used.root().join("gantry.toml"), config).unwrap();
        used.with(|client| {
            let add = AddInbox { name: "ward".into(), path: used.path("inbox"), site: "A".into() };
            client.act(add).unwrap();
            client.act(SealVault { recipient: used.key.recipient() }).unwrap();
            client
                .act(Ingest { paths: vec![used.path("in")], site: "A".into(), links: Default::default() })
                .unwrap();
            client.act(import(&used, "reads.csv")).unwrap();
            let search =
                SaveSearch { name: "kept".into(), query: "modality:CT".into(), sort: SeriesSort::default() };
            client.act(search).unwrap();
        });
        used
    }

    fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("w")
    }

    fn path(&self, name: &str) -> String {
        text(&self.dir.path().join(name)).to_string()
    }

    /// A copy that can be changed.
    fn copy(&self) -> Self {
        let copy =
            Self { dir: tempfile::tempdir().unwrap(), key: VaultKey::parse(&self.key.file()).unwrap() };
        let from = format!("{}/.", self.dir.path().display());
        let done =
            std::process::Command::new("cp").arg("-a").arg(from).arg(copy.dir.path()).status().unwrap();
        assert!(done.success());
        // The inbox is at another path now.
        let config = fs::read_to_string(copy.root().join("gantry.toml")).unwrap();
        let moved = config.replace(text(self.dir.path()), text(copy.dir.path()));
        fs::write(copy.root().join("gantry.toml"), moved).unwrap();
        copy
    }

    fn open(&self) -> Arc<Engine> {
        Engine::open(Workspace::open(&self.root()).unwrap()).unwrap()
    }

    fn with<T>(&self, act: impl FnOnce(&dyn Client) -> T) -> T {
        let engine = self.open();
        let done = act(&engine.session(USER, false));
        engine.drain().unwrap();
        engine.shut_down();
        done
    }

    fn catalog(&self) -> Connection {
        Connection::open(self.root().join("catalog.sqlite")).unwrap()
    }

    /// Everything but the trail: rows of both databases, and files with their bytes.
    fn state(&self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        for name in ["catalog.sqlite", "landing/intake.sqlite", "landing/known.sqlite"] {
            let database = Connection::open(self.root().join(name)).unwrap();
            for table in tables(&database) {
                state.insert(format!("{name} {table}"), dump(&database, &table));
            }
        }
        for path in files_below(self.dir.path()) {
            let shown = path.strip_prefix(self.dir.path()).unwrap().display().to_string();
            let passing = [".sqlite", "/logs/", "lock", "unclean", ".sock", "trail.checkpoint"];
            if !passing.iter().any(|word| shown.contains(word)) {
                state.insert(shown, hex::encode(fs::read(&path).unwrap_or_default()));
            }
        }
        state
    }
}

/// The port of a DICOMweb service that holds nothing and takes everything.
fn peer() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let (mut line, mut length, mut first) = (String::new(), 0, String::new());
                while reader.read_line(&mut line).unwrap_or(0) > 2 {
                    let lower = line.to_lowercase();
                    if let Some(value) = lower.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    first = if first.is_empty() { line.clone() } else { first };
                    line.clear();
                }
                std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink()).unwrap();
                let body = if first.starts_with("POST") { "{}" } else { "[]" };
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nConnection: close";
                let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        port
    })
}

/// Commands about archives elsewhere, and of who comes over the web.
fn sample_of_network(name: &str, used: &Used, client: &dyn Client) -> Option<Command> {
    let (remote, keys) = ("peer".to_string(), vec!["PatientID=ZqONE".to_string()]);
    let stowed = |from: &str| {
        let folder = used.root().join("landing/stowed");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(used.path(from), folder.join("came.dcm")).unwrap();
        "came.dcm".to_string()
    };
    let token = || MakeToken { name: "lead".into(), role: Role::Reviewer };
    Some(match name {
        "FindRemote" => FindRemote { remote, keys, level: ArchiveLevel::Study, limit: None }.into(),
        "PullRemote" => PullRemote { remote, keys, ..PullRemote::default() }.into(),
        "SendRemote" => SendRemote { remote, filter: "modality:CT".into(), dry_run: false }.into(),
        "MakeToken" => token().into(),
        "RevokeTokens" => {
            client.act(token()).unwrap();
            RevokeTokens { name: "lead".into() }.into()
        }
        "StoreImage" => StoreImage { file: stowed("more/2-2.dcm") }.into(),
        "StoreLabel" => {
            let page = Page { offset: 0, limit: 1 };
            let first = SeriesPage { filter: String::new(), sort: SeriesSort::default(), page };
            let series = client.ask(first).unwrap().rows[0].series_uid.clone();
            let Command::ExportLabel(export) = drawn(used, client, &series) else { unreachable!() };
            let to = used.path("seg.dcm");
            client.act(ExportLabel { to, format: Some("seg".into()), ..export }).unwrap();
            StoreLabel { file: stowed("seg.dcm") }.into()
        }
        _ => return None,
    })
}

/// Tables with what was done. What a snapshot would hold of a series (`snapshot_series`) is derived: no snapshot names it yet.
fn tables(database: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
               AND name NOT LIKE 'phrase_text%' AND name NOT IN ('trail', 'checkpoint', 'job', 'pulse', \
               'snapshot_series')";
    let mut names = database.prepare(sql).unwrap();
    names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn dump(database: &Connection, table: &str) -> String {
    let mut rows = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = rows.column_count();
    let mut lines: Vec<String> = rows
        .query_map([], |row| {
            let values: Result<Vec<rusqlite::types::Value>, _> = (0..columns).map(|c| row.get(c)).collect();
            Ok(format!("{:?}", values?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    lines.sort();
    lines.join("\n")
}

fn import(used: &Used, table: &str) -> ImportReads {
    serde_json::from_value(serde_json::json!({
        "paths": [used.path(table)], "inline": null, "reader": null, "guideline": null, "structure": null,
        "matrix": null, "dry_run": false,
    }))
    .unwrap()
}

/// The quarantined file.
fn quarantined(client: &dyn Client) -> IntakeChoice {
    let groups = client.ask(IntakeGroups { filter: "status:quarantined".into() }).unwrap();
    let page = Page { offset: 0, limit: 9 };
    let files = client.ask(IntakeFiles { group: groups[0].key.clone(), page, names: false }).unwrap();
    IntakeChoice::Files(files.rows.iter().map(|file| file.id).collect())
}

fn tasks(client: &dyn Client) -> Vec<i64> {
    let queue: Queue = serde_json::from_value(serde_json::json!({
        "view": "open", "filter": "", "page": {"offset": 0, "limit": 9}, "now_ms": gantry::engine::now_ms(),
    }))
    .unwrap();
    client.ask(queue).unwrap().rows.iter().map(|row| row.id).collect()
}

/// Commands about sources and what was quarantined or rejected.
fn sample_of_intake(name: &str, used: &Used, client: &dyn Client) -> Option<Command> {
    Some(match name {
        "AddInbox" => AddInbox { name: "other".into(), path: used.path("other"), site: "B".into() }.into(),
        "RemoveInbox" => RemoveInbox { name: "ward".into() }.into(),
        "Ingest" => {
            Ingest { paths: vec![used.path("more")], site: "A".into(), links: Default::default() }.into()
        }
        "RetryIntake" => {
            // It has become whole meanwhile.
            RetryIntake { choice: quarantined(client) }.into()
        }
        "ReleaseIntake" => ReleaseIntake { choice: quarantined(client) }.into(),
        "MaskIntake" => {
            let area = Area { x: 0, y: 0, width: 4, height: 4 };
            let masks = vec![DrawnMask { frame: None, area }];
            let drawing = Drawing { columns: 16, rows: 16, masks };
            MaskIntake { choice: quarantined(client), drawing }.into()
        }
        "LookIntake" => match quarantined(client) {
            IntakeChoice::Files(files) => LookIntake { id: files[0] }.into(),
            IntakeChoice::Groups(_) => unreachable!(),
        },
        "DiscardIntake" => DiscardIntake { choice: quarantined(client) }.into(),
        _ => return None,
    })
}

/// Commands about the workspace itself.
fn sample_of_workspace(name: &str, used: &Used) -> Option<Command> {
    let reason = || "the site says so".to_string();
    Some(match name {
        "SealVault" => SealVault { recipient: VaultKey::generate().recipient() }.into(),
        "FillVault" => {
            fs::remove_dir_all(used.root().join("landing/vault")).unwrap();
            FillVault { paths: vec![used.path("in")] }.into()
        }
        "OpenVault" => OpenVault {
            key: used.key.file(),
            study_uid: None,
            subject: None,
            patient_id: None,
            accession_number: None,
            reason: reason(),
        }
        .into(),
        "SetConfig" => SetConfig { key: "review.share".into(), value: "0.7".into() }.into(),
        _ => return None,
    })
}

/// The export of a label that was taken in.
fn drawn(used: &Used, client: &dyn Client, series: &str) -> Command {
    let stacks: String = used
        .catalog()
        .query_row(
            "SELECT b.stacks FROM series s JOIN series_body b ON b.id = s.id WHERE s.uid = ?1",
            [series],
            |row| row.get(0),
        )
        .unwrap();
    let stack: serde_json::Value = serde_json::from_str(&stacks).unwrap();
    let size = |name: &str| stack[0][name].as_u64().unwrap() as usize;
    let shape = [size("columns"), size("rows"), size("slices"), 1];
    let affine = serde_json::from_value(stack[0]["affine_ras"].clone()).unwrap();
    let mut voxels = vec![0_u8; shape.iter().product()];
    voxels[5..9].fill(1);
    let path = used.path("nodule.nii.gz");
    Nifti::new(shape, affine, Voxels::U8(voxels)).unwrap().write(Path::new(&path)).unwrap();
    let taken = client.act(ImportReads {
        paths: vec![path],
        reader: Some("r".into()),
        names: vec![(1, "nodule".into())],
        series: Some(series.into()),
        ..ImportReads::default()
    });
    let label = taken.unwrap().files[0].label.clone().unwrap();
    assert_eq!(label.structures[0].voxels, 4, "{label:?}");
    let drawn = "SELECT sitting FROM read WHERE label IS NOT NULL";
    let read = used.catalog().query_row(drawn, [], |row| row.get(0)).unwrap();
    ExportLabel { read, to: used.path("out.nii.gz"), format: None }.into()
}

/// A plan under which every CT is read once, and a reader who is the user.
fn planned(client: &dyn Client) -> i64 {
    let reader = PutReader {
        reader: USER.into(),
        new: true,
        level: Some(3),
        user: Some(USER.into()),
        ..PutReader::default()
    };
    client.act(reader).unwrap();
    client.act(plan(1)).unwrap();
    let page = Page { offset: 0, limit: 9 };
    client.ask(Tasks { step: Some(Step::Read), page, ..Tasks::default() }).unwrap().rows[0].task
}

fn plan(reads: u32) -> ApplyPlan {
    let text = format!(
        "name = 'x'\nreads = {reads}\nseries_review = 'none'\n[[structure]]\nname = 'quality'\nkind = 'class'\n\
         values = ['good', 'poor']\nrequired = true"
    );
    ApplyPlan { text, ..ApplyPlan::default() }
}

fn said(task: i64) -> SubmitTask {
    SubmitTask { task, values: vec![("quality".into(), None, "good".into())], ..SubmitTask::default() }
}

/// Commands about cases.
fn sample_of_work(name: &str, client: &dyn Client) -> Option<Command> {
    let claim = |task| client.act(ActOnTask { task, act: TaskAct::Claim }).unwrap();
    let done = || {
        let task = planned(client);
        let case = claim(task).line.case;
        (case, client.act(said(task)).unwrap().read)
    };
    Some(match name {
        "PutReader" => {
            PutReader { reader: "ben".into(), new: true, level: Some(1), ..PutReader::default() }.into()
        }
        "ApplyPlan" => plan(2).into(),
        "TakeNext" => {
            planned(client);
            TakeNext { step: None }.into()
        }
        "ActOnTask" => ActOnTask { task: planned(client), act: TaskAct::Claim }.into(),
        "SteerTask" => {
            let to = Steering::Nobody { reason: "not wanted".into() };
            SteerTask { task: planned(client), to }.into()
        }
        "SubmitTask" => {
            let task = planned(client);
            claim(task);
            said(task).into()
        }
        "ReopenCase" => ReopenCase { case: done().0, reason: "wrong side".into() }.into(),
        "SetGold" => {
            let (case, read) = done();
            SetGold { case, read }.into()
        }
        "CreateSnapshot" => {
            done();
            CreateSnapshot { name: "v1".into(), query: None, split: None, note: String::new() }.into()
        }
        "CheckoutTask" => {
            let task = planned(client);
            claim(task);
            CheckoutTask { task }.into()
        }
        _ => return None,
    })
}

/// A command of each kind that has an effect here, after what it needs was done.
fn sample(name: &str, used: &Used, client: &dyn Client) -> Command {
    let special = sample_of_intake(name, used, client).or_else(|| sample_of_workspace(name, used));
    let special = special.or_else(|| sample_of_network(name, used, client));
    if let Some(command) = special.or_else(|| sample_of_work(name, client)) {
        return command;
    }
    let task = *tasks(client).first().unwrap_or(&1);
    let claim = || client.act(ClaimTask { task, take: false }).unwrap();
    let accept = || DecideTask { task, decision: Decision::Accept { comment: None }, key: "k".into() };
    let rows = client
        .ask(SeriesPage {
            filter: String::new(),
            sort: SeriesSort::default(),
            page: Page { offset: 0, limit: 9 },
        })
        .unwrap()
        .rows;
    let subject = |n: usize| {
        let mut all: Vec<String> = rows.iter().map(|row| row.subject.clone()).collect();
        all.sort();
        all.dedup();
        all[n].clone()
    };
    let reason = || "the site says so".to_string();
    match name {
        "RetryJobs" => {
            used.catalog()
                .execute_batch(
                    "INSERT INTO job (stage, object, state, not_before_ms, changed_ms, attempts) VALUES \
                     ('route', 'nothing', 'parked', 0, 0, 3)",
                )
                .unwrap();
            RetryJobs { jobs: Vec::new() }.into()
        }
        "ClaimTask" => ClaimTask { task, take: false }.into(),
        "ClaimNext" => ClaimNext { view: QueueTab::Open, filter: String::new(), except: Vec::new() }.into(),
        "UnclaimTask" => {
            claim();
            UnclaimTask { task }.into()
        }
        "DecideTask" => {
            claim();
            accept().into()
        }
        "UndoDecision" => {
            claim();
            client.act(accept()).unwrap();
            UndoDecision { task }.into()
        }
        "Export" => Export {
            formats: vec!["nifti".into()],
            to: used.path("out"),
            filter: Some("modality:CT".into()),
            ..Export::default()
        }
        .into(),
        "Backup" => Backup { to: used.path("copy"), landing: true }.into(),
        "SaveSearch" => {
            SaveSearch { name: "new".into(), query: "site:A".into(), sort: SeriesSort::default() }.into()
        }
        "ForgetSearch" => ForgetSearch { name: "kept".into() }.into(),
        "ApplyRules" => {
            used.catalog().execute_batch("UPDATE series_body SET rules = 'other'").unwrap();
            ApplyRules {}.into()
        }
        "ImportReads" => import(used, "reads-2.csv").into(),
        "UndoImport" => UndoImport { import: 1 }.into(),
        "ExportLabel" => drawn(used, client, &rows[0].series_uid),
        "JoinSubjects" => {
            JoinSubjects { subject: subject(0), others: vec![subject(1)], reason: reason() }.into()
        }
        "PartSubject" => {
            let of = |s: &String| rows.iter().filter(|row| row.subject == *s).count();
            let both = [subject(0), subject(1)].into_iter().max_by_key(of).unwrap();
            let study = rows.iter().find(|row| row.subject == both).unwrap().study_uid.clone();
            PartSubject { studies: vec![study], reason: reason() }.into()
        }
        "KeepSubject" => {
            let of = |s: &String| rows.iter().filter(|row| row.subject == *s).count();
            let both = [subject(0), subject(1)].into_iter().max_by_key(of).unwrap();
            KeepSubject { subject: both, reason: reason() }.into()
        }
        "WriteReport" => {
            WriteReport { kind: ReportKind::Qa, to: used.path("qa.html"), ..WriteReport::default() }.into()
        }
        "Withdraw" => Withdraw { subject: subject(0), reason: reason(), erase: true }.into(),
        "Repair" => Repair { damage: Vec::new() }.into(),
        "Reprocess" => Reprocess { filter: None, all: true }.into(),
        "QuestionMasks" => {
            let uid = rows[0].series_uid.clone();
            let sop = used
                .catalog()
                .query_row("SELECT sop_uid FROM instance WHERE series_uid = ?1 LIMIT 1", [&uid], |row| {
                    row.get(0)
                })
                .unwrap();
            QuestionMasks { series_uid: uid, instances: vec![sop] }.into()
        }
        other => panic!("{other} is no command of this test yet: give it a sample"),
    }
}

/// Actions of the trail after an entry, by the user.
fn actions(used: &Used, after: i64) -> Vec<String> {
    let catalog = used.catalog();
    let mut rows = catalog
        .prepare("SELECT action FROM trail WHERE sequence > ?1 AND actor = ?2 ORDER BY sequence")
        .unwrap();
    rows.query_map(rusqlite::params![after, USER], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn last_entry(used: &Used) -> i64 {
    used.catalog().query_row("SELECT max(sequence) FROM trail", [], |row| row.get(0)).unwrap()
}

#[test]
fn every_command_stands_in_the_trail_or_does_not_happen() {
    let template = Used::new();
    for (name, _, effect) in Command::REGISTRY {
        let used = template.copy();
        let engine = used.open();
        engine.drain().unwrap();
        let session = engine.session(USER, false);
        let client: &dyn Client = &session;
        let command = sample(name, &used, client);
        engine.drain().unwrap();
        // Nobody can write the trail: nothing happens.
        used.catalog()
            .execute_batch(
                "CREATE TRIGGER shut BEFORE INSERT ON trail BEGIN SELECT RAISE(ABORT, 'the trail is shut'); END",
            )
            .unwrap();
        let before = used.state();
        let refused = client.command(command.clone());
        assert!(refused.is_err(), "{name} did not mind that the trail is shut: {refused:?}");
        let after = used.state();
        let changed: Vec<&String> =
            before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).collect();
        assert!(changed.is_empty(), "{name} changed {changed:?} without a word in the trail");
        used.catalog().execute_batch("DROP TRIGGER shut").unwrap();
        // Now it can: the intent first where it is wanted, the outcome, and nothing left open.
        let entry = last_entry(&used);
        client.command(command).unwrap_or_else(|error| panic!("{name}: {error}"));
        let told = actions(&used, entry);
        match effect {
            Effect::Inside => assert!(!told.is_empty(), "{name} has no event"),
            Effect::Outside(action) => {
                assert_eq!(told.first(), Some(&format!("{action}.begin")), "{name}: {told:?}");
                assert!(told[1..].contains(&(*action).to_string()), "{name} has no outcome: {told:?}");
            }
        }
        let open: i64 =
            used.catalog().query_row("SELECT count(*) FROM intent", [], |row| row.get(0)).unwrap();
        assert_eq!(open, 0, "{name}");
        engine.shut_down();
    }
}

#[test]
fn an_act_that_fails_or_is_interrupted_is_told() {
    let used = Used::new();
    let entry = last_entry(&used);
    let occupied = Export { formats: vec!["nifti".into()], to: used.path("in"), ..Export::default() };
    let failed = used.with(|client| client.act(occupied));
    assert!(matches!(failed, Err(EngineError::Conflict { .. } | EngineError::Invalid { .. })), "{failed:?}");
    assert_eq!(actions(&used, entry), ["dataset.export.begin", "dataset.export.failed"]);
    // As a kill leaves it: the intent stands, the outcome does not. Another was told and only not ended.
    let entry = last_entry(&used);
    let catalog = gantry::catalog::Catalog::open(&used.root().join("catalog.sqlite")).unwrap();
    catalog.write(|tx| tx.intend(USER, "intake.discard", 5)).unwrap();
    catalog
        .write(|tx| {
            tx.intend(USER, "backup", 5)?;
            tx.audit(6, USER, "backup", "workspace", &serde_json::json!({ "blobs": 3 }))
        })
        .unwrap();
    drop(catalog);
    for _ in 0..2 {
        used.with(|_| ());
        let told = actions(&used, entry);
        let expected = ["intake.discard.begin", "backup.begin", "backup", "intake.discard.interrupted"];
        assert_eq!(told, expected, "told once");
    }
    assert!(crate::gantry(&["--workspace", text(&used.root()), "audit", "verify"]).0 == 0);
}

#[test]
fn an_export_that_is_killed_has_left_its_intent() {
    let used = Used::new();
    let entry = last_entry(&used);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args([
            "--workspace",
            text(&used.root()),
            "export",
            "--format",
            "nifti",
            "--query",
            "modality:CT",
            "--to",
        ])
        .arg(used.path("out"))
        .spawn()
        .unwrap();
    // As soon as anything of it can be seen outside.
    let began = std::time::Instant::now();
    while !Path::new(&used.path("out")).exists() && began.elapsed().as_secs() < 60 {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    used.with(|_| ());
    let user: String = used
        .catalog()
        .query_row(
            "SELECT actor FROM trail WHERE sequence > ?1 AND action = 'dataset.export.begin'",
            [entry],
            |r| r.get(0),
        )
        .unwrap();
    let ends: i64 = used
        .catalog()
        .query_row(
            "SELECT count(*) FROM trail WHERE sequence > ?1 AND actor = ?2 AND action IN ('dataset.export', \
             'dataset.export.interrupted')",
            rusqlite::params![entry, user],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(ends, 1, "either it came through or it is said to be interrupted");
}
