//! A case from plan to export, as its people see it.

use std::sync::Arc;

use gantry::config::Workspace;
use gantry::dicom::{Syntax, write};
use gantry::engine::command::{
    ActOnTask, ApplyPlan, CheckoutTask, Ingest, PutReader, ReopenCase, SubmitTask, Submitted, TakeNext,
    TaskAct,
};
use gantry::engine::query::{
    Agreement, CaseDetail, Depth, Page, SittingDetail, Sittings, TaskHistory, Tasks, Verify, VerifyTrail,
};
use gantry::engine::{Client, Engine, EngineError, Session};
use gantry::workflow::{CaseState, How, Step};

use crate::common::files::{data_set, series};
use crate::common::text;

pub const PLAN: &str = "name = 'x'\nreads = 2\nseries_review = 'none'\nadjudicate = { level = 3 }\n\
    [[structure]]\nname = 'quality'\nkind = 'class'\nvalues = ['good', 'poor']\nrequired = true\nagree = { equal = true }\n";

pub struct Place {
    engine: Arc<Engine>,
    owner: Session,
    _dir: tempfile::TempDir,
}

impl Place {
    pub fn new(plan: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("in");
        std::fs::create_dir(&folder).unwrap();
        for slice in series(3) {
            let bytes = write(&data_set(&slice), Syntax::EXPLICIT_LE).unwrap();
            std::fs::write(folder.join(format!("{}.dcm", slice.number)), bytes).unwrap();
        }
        let root = dir.path().join("w");
        Workspace::init(&root).unwrap();
        let engine = Engine::open(Workspace::open(&root).unwrap()).unwrap();
        let owner = engine.session("owner", false);
        let place = Self { engine, owner, _dir: dir };
        let ingest =
            Ingest { paths: vec![text(&folder).into()], site: "A".into(), links: Default::default() };
        place.client().act(ingest).unwrap();
        place.engine.drain().unwrap();
        for (name, level) in [("ann", 1), ("abe", 1), ("rita", 2), ("sam", 3)] {
            let reader =
                PutReader { reader: name.into(), new: true, level: Some(level), ..PutReader::default() };
            place.client().act(reader).unwrap();
        }
        place.client().act(ApplyPlan { text: plan.into(), ..ApplyPlan::default() }).unwrap();
        place
    }

    pub fn root(&self) -> &std::path::Path {
        self.engine.workspace().root()
    }

    pub fn client(&self) -> &dyn Client {
        &self.owner
    }

    pub fn reads(&self, who: &str, quality: &str) -> Submitted {
        let session = self.owner.for_reader(who);
        let client: &dyn Client = &session;
        let line = client.act(TakeNext { step: None }).unwrap().expect("a task");
        let values = vec![("quality".into(), None, quality.into())];
        client.act(SubmitTask { task: line.task, values, ..SubmitTask::default() }).unwrap()
    }

    pub fn case(&self) -> gantry::engine::query::CaseView {
        let page = Page { offset: 0, limit: 9 };
        let all = [None, Some("done".to_owned())].into_iter().flat_map(|state| {
            let tasks = Tasks { state, page, step: Some(Step::Read), ..Tasks::default() };
            self.client().ask(tasks).unwrap().rows
        });
        let uid = all.map(|t| t.case).next().unwrap();
        self.client().ask(CaseDetail { uid }).unwrap().unwrap()
    }
}

#[test]
fn two_readers_disagree_and_a_third_decides() {
    let place = Place::new(PLAN);
    assert_eq!(place.case().case_state, CaseState::Waiting);
    let first = place.reads("ann", "good");
    assert_eq!(first.case_state, CaseState::Reading);
    // Nobody sees it before their own is in; who coordinates does, and the trail says so.
    let abe = place.owner.for_reader("abe");
    let blind: &dyn Client = &abe;
    let page = Page { offset: 0, limit: 9 };
    assert_eq!(blind.ask(Sittings { page, ..Sittings::default() }).unwrap().total, 0);
    let refused = blind.ask(SittingDetail { read: first.read }).unwrap_err();
    assert!(matches!(refused, EngineError::Forbidden { .. }), "{refused}");
    let coordinator = place.client().ask(SittingDetail { read: first.read }).unwrap();
    assert_eq!(coordinator.read.reader, "ann");
    let second = place.reads("abe", "poor");
    assert_eq!((second.case_state, second.next.len()), (CaseState::Adjudicating, 1));
    assert_eq!(second.next[0].why, ["quality: good and poor"]);
    assert_eq!(blind.ask(Sittings { page, ..Sittings::default() }).unwrap().total, 2);
    // Who has read does not decide, whatever the level.
    let task = second.next[0].task;
    for (who, allowed) in [("ann", false), ("rita", false), ("sam", true)] {
        let session = place.owner.for_reader(who);
        let client: &dyn Client = &session;
        let claimed = client.act(ActOnTask { task, act: TaskAct::Claim });
        assert_eq!(claimed.is_ok(), allowed, "{who}: {claimed:?}");
    }
    let sam = place.owner.for_reader("sam");
    let client: &dyn Client = &sam;
    assert!(client.act(CheckoutTask { task }).unwrap().about["reads"].as_array().unwrap().len() == 2);
    client.act(ActOnTask { task, act: TaskAct::Choose { read: first.read } }).unwrap();
    let case = place.case();
    let accepted = case.accepted.unwrap();
    assert_eq!(
        (accepted.read, accepted.how, accepted.by.as_deref()),
        (first.read, How::Adjudicated, Some("sam"))
    );
    let history = place.client().ask(TaskHistory { task }).unwrap().history;
    let acts: Vec<(&str, &str)> = history.iter().map(|a| (a.actor.as_str(), a.action.as_str())).collect();
    let by = "owner for sam";
    assert_eq!(acts, [(by, "task.claim"), (by, "task.checkout"), (by, "task.choose")]);
    // Read again, and what was accepted stays meanwhile.
    place.client().act(ReopenCase { case: case.case, reason: "wrong side".into() }).unwrap();
    let case = place.case();
    assert_eq!((case.case_state, case.accepted.map(|a| a.read)), (CaseState::Waiting, Some(first.read)));
    place.reads("rita", "good");
    place.reads("ann", "good");
    let case = place.case();
    assert_eq!((case.case_state, case.accepted.unwrap().how), (CaseState::Accepted, How::Agreed));
    assert!(place.client().ask(VerifyTrail::default()).unwrap().broken.is_none());
}

/// Whoever changes by hand what stands, what was said, or under which task it was said, is found.
#[test]
fn changed_rows_are_found() {
    for change in [
        "UPDATE study_case SET accepted_read = accepted_read + 1",
        "UPDATE study_case SET accepted_by = 'sam', accepted_how = 'adjudicated'",
        "UPDATE rating SET category = 'poor'",
        "UPDATE read SET absent = 1",
        "UPDATE sitting SET seconds = 1",
        "UPDATE sitting SET reader = 'abe'",
    ] {
        let place = Place::new(&PLAN.replace("reads = 2", "reads = 1"));
        assert_eq!(place.reads("ann", "good").case_state, CaseState::Accepted);
        let whole = place.client().ask(Verify { depth: Depth::Whole, checkpoint: None }).unwrap();
        assert!(whole.damage.is_empty(), "{:?}", whole.damage);
        let catalog = place.engine.workspace().catalog();
        rusqlite::Connection::open(catalog).unwrap().execute_batch(change).unwrap();
        let found = place.client().ask(Verify { depth: Depth::Whole, checkpoint: None }).unwrap();
        assert!(!found.damage.is_empty(), "{change}");
    }
}

#[test]
fn a_reader_of_a_higher_level_acts_for_themselves_by_their_user() {
    let place = Place::new(&PLAN.replace("reads = 2", "reads = 1"));
    let set = PutReader { reader: "sam".into(), user: Some("owner".into()), ..PutReader::default() };
    place.client().act(set).unwrap();
    let line = place.client().act(TakeNext { step: None }).unwrap().unwrap();
    assert_eq!(line.reader.as_deref(), Some("sam"));
    let values = vec![("quality".into(), None, "good".into())];
    let done = place.client().act(SubmitTask { task: line.task, values, ..SubmitTask::default() }).unwrap();
    assert_eq!(done.case_state, CaseState::Accepted);
    assert!(place.client().act(TakeNext { step: None }).unwrap().is_none());
    let nobody = place.owner.for_reader("nobody");
    let client: &dyn Client = &nobody;
    assert!(matches!(client.act(TakeNext { step: None }), Err(EngineError::NotFound { .. })));
}

#[test]
fn work_is_measured_by_reader_and_guideline() {
    let place = Place::new(&PLAN.replace("reads = 2", "reads = 1\nreview = { share = 1.0, level = 2 }"));
    let read = place.reads("ann", "poor");
    for verdict in ["return", "accept"] {
        let rita = place.owner.for_reader("rita");
        let client: &dyn Client = &rita;
        let task = client.act(TakeNext { step: Some(Step::Review) }).unwrap().unwrap().task;
        let act = match verdict {
            "return" => TaskAct::Return { reason: "look again".into() },
            _ => TaskAct::Accept,
        };
        client.act(ActOnTask { task, act }).unwrap();
        if verdict == "return" {
            let again = place.reads("ann", "good");
            assert_ne!(again.read, read.read);
        }
    }
    let now_ms = gantry::engine::now_ms();
    let stats = place.client().ask(gantry::engine::query::Stats { now_ms }).unwrap().work.unwrap();
    let ann = &stats.readers[0];
    assert_eq!((ann.name.as_str(), ann.reads, ann.reworked), ("ann", 1, 1));
    assert_eq!(ann.first_pass_acceptance.value, Some(0.0));
    assert_eq!(stats.cases.get("accepted"), Some(&1));
}

/// Every question that a reader may ask, and what they are answered before their own read is in.
#[test]
fn no_answer_tells_a_reader_what_another_said() {
    let place = Place::new(&PLAN.replace("quality", "zebra").replace("'good', 'poor'", "'okapi', 'gnu'"));
    let rita = place.owner.for_reader("rita");
    let client: &dyn Client = &rita;
    let line = client.act(TakeNext { step: None }).unwrap().unwrap();
    let values = vec![("zebra".into(), None, "okapi".into())];
    let theirs = {
        let ann = place.owner.for_reader("ann");
        let ann: &dyn Client = &ann;
        let task = ann.act(TakeNext { step: None }).unwrap().unwrap().task;
        let seconds = Some(7919.0);
        ann.act(SubmitTask { task, values: values.clone(), seconds, ..SubmitTask::default() }).unwrap()
    };
    let page = serde_json::json!({ "offset": 0, "limit": 100 });
    let now_ms = gantry::engine::now_ms();
    let (uid, other) = (&line.series_uid, line.task + 1);
    let asked = [
        ("status", serde_json::json!({})),
        ("overview", serde_json::json!({ "now_ms": now_ms })),
        ("series_page", serde_json::json!({ "filter": "", "sort": "subject", "page": page })),
        ("series_detail", serde_json::json!({ "series_uid": uid })),
        ("queue", serde_json::json!({ "view": "all", "filter": "", "now_ms": now_ms, "page": page })),
        ("stats", serde_json::json!({ "now_ms": now_ms })),
        ("agreement", serde_json::json!({})),
        ("drift", serde_json::json!({})),
        ("reads", serde_json::json!({ "history": true, "page": page })),
        ("sittings", serde_json::json!({ "history": true, "page": page })),
        ("sitting_detail", serde_json::json!({ "read": theirs.read })),
        ("tasks", serde_json::json!({ "filter": "", "page": page })),
        ("tasks", serde_json::json!({ "state": "done", "filter": "", "page": page })),
        ("task_history", serde_json::json!({ "task": theirs.task })),
        ("task_history", serde_json::json!({ "task": other })),
        ("case_detail", serde_json::json!({ "uid": uid })),
        ("history", serde_json::json!({ "object": null, "text": "", "page": page })),
        ("gold_cases", serde_json::json!({})),
        ("imports", serde_json::json!({ "page": page })),
    ];
    for (name, mut body) in asked {
        body["query"] = name.into();
        let query: gantry::engine::query::Query = match serde_json::from_value(body) {
            Ok(query) => query,
            Err(error) if ["agreement", "drift"].contains(&name) => {
                assert!(error.to_string().contains("missing field"), "{error}");
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        let told = match client.query(query) {
            Ok(answer) => answer.to_string(),
            Err(error) => error.to_string(),
        };
        for word in ["okapi", "7919", "\"ann\"", "for ann"] {
            assert!(!told.contains(word), "{name} tells {word}: {told}");
        }
    }
    // After their own is in, the other's is seen.
    client.act(SubmitTask { task: line.task, values, ..SubmitTask::default() }).unwrap();
    let seen = client.ask(SittingDetail { read: theirs.read }).unwrap();
    assert_eq!((seen.read.reader.as_str(), seen.read.seconds), ("ann", Some(7919.0)));
}

#[test]
fn what_an_adjudicator_says_is_no_third_opinion() {
    let place = Place::new(PLAN);
    place.reads("ann", "good");
    let second = place.reads("abe", "poor");
    let figures = || {
        let view = place.client().ask(Agreement::default()).unwrap();
        let row = view.measures.iter().find(|m| m.name == "value").cloned().unwrap();
        (row.ratings, row.readers, row.percent_agreement.value)
    };
    // Asked before, so that the later read comes to what is in memory, and after, from the catalog.
    assert_eq!(figures(), (2, 2, Some(0.0)));
    let decided = place.reads("sam", "good");
    assert_eq!((decided.task, decided.case_state), (second.next[0].task, CaseState::Accepted));
    assert_eq!(place.case().accepted.unwrap().read, decided.read);
    assert_eq!(figures(), (2, 2, Some(0.0)));
    let root = place.engine.workspace().root().to_path_buf();
    place.engine.shut_down();
    let Place { engine, owner, _dir } = place;
    drop((owner, engine));
    let engine = Engine::open(Workspace::open(&root).unwrap()).unwrap();
    let owner = engine.session("owner", false);
    let client: &dyn Client = &owner;
    let view = client.ask(Agreement::default()).unwrap();
    assert_eq!(view.measures.iter().find(|m| m.name == "value").unwrap().readers, 2);
}
