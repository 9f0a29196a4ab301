//! An engine of plain structs: enough of a workspace for the screens to be drawn and driven.

use std::sync::Mutex;

use gantry::access::Permission;
use gantry::bytes::ByteSource;
use gantry::dicom::{self, DataSet, Element, Syntax};
use gantry::engine::command::*;
use gantry::engine::query::*;
use gantry::engine::{Client, EngineError};
use gantry::model::{Area, Drawing, DrawnMask, Event, Vr, tags};
use serde_json::{Value, json};

use super::{datasets, measures};

/// 24 November 2026, 14:02 UTC.
pub const NOW: i64 = 1_795_528_920_000;
const MINUTE: i64 = 60_000;

#[derive(Default)]
pub struct Stub {
    /// Commands as they came.
    pub acts: Mutex<Vec<Command>>,
    /// Queries as they came.
    pub asked: Mutex<Vec<Query>>,
    /// Tasks that are decided.
    pub decided: Mutex<Vec<i64>>,
    /// An empty workspace.
    pub empty: bool,
    /// What the user may do; everything where nothing is said.
    pub may: Vec<Permission>,
    /// A reader drifts, and the Overview says so.
    pub drifts: bool,
}

pub fn series(index: u64) -> SeriesRow {
    SeriesRow {
        subject: format!("subj-{:04}", index / 3),
        study_uid: format!("2.25.7{}", index / 3),
        study_date: Some("2026-11-20".into()),
        study_description: Some("Thorax low dose".into()),
        series_uid: format!("2.25.31415926535897932384{index:04}"),
        series_number: Some(index as i32 % 3 + 1),
        modality: if index % 4 == 3 { "MR" } else { "CT" }.into(),
        body_part: Some("CHEST".into()),
        description: Some("Lung 1.25 mm".into()),
        site: if index.is_multiple_of(2) { "site-A" } else { "site-B" }.into(),
        instances: 24,
        frames: 24,
        matrix: Some((64, 64)),
        spacing_mm: Some([0.7, 0.7, 1.25]),
        findings: (u32::from(index == 0), u32::from(index == 1), 0),
        state: "in_review".into(),
        latest_ms: NOW - 10 * MINUTE,
        harmonised: std::collections::BTreeMap::new(),
    }
}

pub fn task(id: i64) -> TaskRow {
    let series = series(id as u64);
    TaskRow {
        id,
        series_uid: series.series_uid,
        subject: series.subject,
        site: series.site,
        modality: series.modality,
        body_part: series.body_part,
        description: series.description,
        frames: series.frames,
        state: "open".into(),
        assignee: None,
        claim_until_ms: None,
        why: if id == 0 { "missing slices".into() } else { "every series".into() },
        severity: (id == 0).then_some(Severity::Error),
        due_ms: Some(NOW + (id - 1) * 90 * MINUTE),
        created_ms: NOW - 180 * MINUTE,
        decision: None,
    }
}

fn view(row: SeriesRow) -> SeriesView {
    let index: u64 = row.series_uid[row.series_uid.len() - 4..].parse().unwrap();
    let frames = (0..24).map(|frame| FrameRef {
        blob: format!("{index:04}"),
        sop_uid: format!("2.25.99{index}{frame}"),
        frame,
    });
    let findings = if index == 0 {
        vec![FindingView {
            check: "missing_slices".into(),
            severity: Severity::Error,
            message: "a slice is missing at 88.5 mm: steps of 2.5 mm where others are 1.25 mm".into(),
            evidence: json!({"step_mm": 2.5}),
            stack: 0,
            slices: vec![5, 6],
        }]
    } else if index == 2 {
        vec![FindingView {
            check: "gantry_tilt".into(),
            severity: Severity::Info,
            message: "the gantry was tilted by 12 degrees".into(),
            evidence: json!({"degrees": 12.0}),
            stack: 0,
            slices: Vec::new(),
        }]
    } else {
        Vec::new()
    };
    SeriesView {
        stacks: vec![StackView {
            slices: 24,
            volumes: 1,
            rows: 64,
            columns: 64,
            spacing_mm: row.spacing_mm,
            orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            affine_ras: None,
            frames: frames.collect(),
        }],
        findings,
        facts: vec![("vendor".into(), "Acme\x1b[31m Imaging".into()), ("kernel".into(), "B70f".into())],
        harmonised: Harmonised::default(),
        masks: (index == 1).then(|| MaskedView {
            areas: 3,
            instances: 2,
            why: [("masked by a person".to_string(), 3)].into(),
        }),
        linked: vec![("SEG".into(), "2.25.5".into())],
        history: vec![entry(7)],
        task: Some(index as i64),
        row,
    }
}

fn entry(sequence: u64) -> TrailEntry {
    TrailEntry {
        sequence,
        at_ms: NOW - sequence as i64 * MINUTE,
        actor: if sequence.is_multiple_of(3) { "amira" } else { "gantry" }.into(),
        action: "review.accept".into(),
        object: format!("task {sequence}"),
        detail: json!({"reason": "every series"}),
        hash: format!("{sequence:064x}"),
    }
}

fn source() -> SourceView {
    SourceView {
        name: "pacs".into(),
        kind: "folder".into(),
        path: "/data/pacs".into(),
        site: "site-A".into(),
        after: "keep".into(),
        events: false,
        problem: Some("no file events on this mount; the rescan finds files".into()),
        unread: Default::default(),
        by_event: 0,
        by_rescan: 1204,
        settling: 3,
        waiting: 12,
        received: 1204,
        slots: vec![0, 3, 8, 12, 4, 0, 0, 1, 2, 30, 22, 9],
        last_arrival_ms: Some(NOW - 2 * MINUTE),
        callers: Vec::new(),
        associations: 0,
        refused: 0,
    }
}

impl Stub {
    fn open(&self) -> Vec<i64> {
        let decided = self.decided.lock().unwrap();
        (0..12).filter(|id| !self.empty && !decided.contains(id)).collect()
    }

    fn queue(&self, query: &Queue) -> QueueView {
        let open = self.open();
        let ids: Vec<i64> = match query.view {
            QueueTab::Open | QueueTab::Free | QueueTab::All => open.clone(),
            QueueTab::Overdue => open.iter().copied().filter(|id| *id < 1).collect(),
            QueueTab::Mine | QueueTab::Claimed | QueueTab::Done => Vec::new(),
        };
        let rows = ids.iter().skip(query.page.offset as usize).take(query.page.limit as usize);
        QueueView {
            rows: rows.map(|id| task(*id)).collect(),
            total: ids.len() as u64,
            counts: vec![
                (QueueTab::Open, open.len() as u64),
                (QueueTab::Overdue, 1),
                (QueueTab::All, open.len() as u64),
            ],
        }
    }

    fn overview(&self) -> OverviewView {
        let names = ["received", "de-identified", "catalogued", "checked", "in review", "accepted"];
        let flow = names.iter().enumerate().map(|(at, name)| FlowStage {
            name: (*name).into(),
            total: 1204 / (at as u64 + 1),
            last_hour: 40,
            slots: (0..12).map(|slot| (slot * 7 + at as u64) % 11).collect(),
            aside: if *name == "in review" {
                vec![(12, "open".into()), (2, "claimed".into()), (4, "overdue".into())]
            } else {
                vec![(
                    at as u64 * 37,
                    ["duplicates", "quarantined", "waiting", "in work", "overdue", "returned"][at].into(),
                )]
            },
        });
        let door = |screen: &str, filter: &str| DeepLink {
            screen: screen.into(),
            filter: filter.into(),
            select: None,
        };
        let alert = |severity, text: &str, door| Alert { severity, text: text.into(), door };
        OverviewView {
            flow: flow.collect(),
            attention: vec![
                alert(
                    Severity::Error,
                    "site-B: 14 series with missing slices",
                    door("catalog", "site:site-B finding:missing_slices"),
                ),
                alert(
                    Severity::Warning,
                    "inbox \"pacs\": no file events, the rescan finds files",
                    door("ingest", ""),
                ),
            ],
            trends: Vec::new(),
            backlog: (0..48).map(|hour| (NOW - (48 - hour) * 60 * MINUTE, (hour * 3 % 40) as u64)).collect(),
            disk_free_bytes: 56_400_000_000,
            store_bytes: 63_000_000,
        }
    }

    fn process(&self) -> ProcessView {
        let door = |screen: &str, select: Option<&str>| DeepLink {
            screen: screen.into(),
            filter: String::new(),
            select: select.map(String::from),
        };
        let figure =
            |name: &str, now: Measured, before: Option<f64>, unit: &str, better, aside: Option<&str>| {
                Figure {
                    name: name.into(),
                    now,
                    before: Measured { value: before, ..Measured::default() },
                    unit: unit.into(),
                    better,
                    aside: aside.map(String::from),
                    door: door("queue", Some("decided")),
                }
            };
        let measured =
            |value, low, high| Measured { value: Some(value), ci95: Some((low, high)), n: 96, reason: None };
        let plain = |value| Measured { value: Some(value), ..Measured::default() };
        let alarm = Alert {
            severity: Severity::Error,
            text: "reader-03: nodule volumes +9 % since 12 Nov".into(),
            door: door("drift", Some(&measures::charts()[0].id)),
        };
        ProcessView {
            figures: vec![
                figure(
                    "first-pass accuracy",
                    measured(91.2, 86.0, 94.1),
                    Some(94.0),
                    "%",
                    Better::Higher,
                    None,
                ),
                figure("returned", measured(7.1, 4.0, 11.0), Some(6.0), "%", Better::Lower, None),
                figure("α malignancy", measured(0.61, 0.55, 0.67), Some(0.61), "", Better::Higher, None),
                figure("median cycle time", plain(2.4), Some(2.9), "d", Better::Lower, Some("p90 6.1 d")),
                Figure {
                    now: Measured { reason: Some("nothing decided".into()), ..Measured::default() },
                    ..figure("decided", plain(0.0), None, "", Better::Neither, None)
                },
            ],
            backlog: 21,
            empty_ms: Some(NOW + 9 * 24 * 60 * MINUTE),
            forecast: (1..=30)
                .map(|day| {
                    let expected = (21.0 - 2.3 * day as f64).max(0.0);
                    (NOW + day * 24 * 60 * MINUTE, expected, (expected - 6.0).max(0.0), expected + 6.0)
                })
                .collect(),
            attention: if self.drifts { vec![alarm] } else { Vec::new() },
        }
    }

    fn groups(&self) -> Vec<IntakeGroup> {
        let group = |status, reason: &str, explanation: &str, count| IntakeGroup {
            key: format!("{reason}/site-A"),
            status,
            reason: reason.into(),
            explanation: explanation.into(),
            site: "site-A".into(),
            day: "2026-11-24".into(),
            count,
            latest_ms: NOW - 5 * MINUTE,
        };
        vec![
            group(
                IntakeStatus::Quarantined,
                "pixels_unchecked",
                "The pixels may show a name; somebody has to look.",
                14,
            ),
            group(IntakeStatus::Rejected, "not_dicom", "The file is not DICOM.", 1204),
        ]
    }

    fn answer(&self, query: Query) -> Result<Value, EngineError> {
        let value = |value: &dyn erased::Json| Ok(value.json());
        match query {
            Query::Status(_) => value(&StatusView {
                project: "lung-2026".into(),
                user: "amira".into(),
                role: "qa".into(),
                may: self.may.clone(),
                busy: true,
                attached: true,
                series_waiting: 0,
                errors: 2,
                warnings: 1,
                revision: 7,
            }),
            Query::Overview(_) => value(&self.overview()),
            Query::Process(_) => value(&self.process()),
            Query::Agreement(agreement) => value(&measures::agreement(&agreement, self.empty)),
            Query::Drift(drift) => value(&measures::drift(&drift, self.empty)),
            Query::Reads(reads) => value(&measures::reads(&reads)),
            Query::Sources(_) => value(&vec![source()]),
            Query::IntakeGroups(_) => value(&if self.empty { Vec::new() } else { self.groups() }),
            Query::IntakeFiles(files) => {
                let rows = (0..14).skip(files.page.offset as usize).map(|id| IntakeFile {
                    id,
                    path: files.names.then(|| format!("/data/pacs/DOE^JANE/{id}.dcm")),
                    bytes: 531_000,
                    sha256: format!("{id:064x}"),
                    status: IntakeStatus::Quarantined,
                    reason: "pixels_unchecked".into(),
                    detail: "(0028,0301) absent".into(),
                    at_ms: NOW - 6 * MINUTE,
                });
                value(&Rows { rows: rows.collect::<Vec<_>>(), total: 14 })
            }
            Query::IntakeDetail(detail) => value(&IntakeDetailView {
                file: IntakeFile {
                    id: detail.id,
                    path: detail.reveal.then(|| format!("/data/pacs/DOE^JANE/{}.dcm", detail.id)),
                    bytes: 531_000,
                    sha256: String::new(),
                    status: IntakeStatus::Quarantined,
                    reason: "pixels_unchecked".into(),
                    detail: String::new(),
                    at_ms: NOW,
                },
                attributes: vec![AttributeRow {
                    tag: "(0010,0010)".into(),
                    keyword: "PatientName".into(),
                    vr: "PN".into(),
                    value: if detail.reveal { "Doe^Jane" } else { "•••" }.into(),
                    action: "Z".into(),
                }],
                has_picture: false,
            }),
            Query::IntakeMasks(_) => value(&IntakeMasksView {
                drawing: Drawing {
                    columns: 64,
                    rows: 48,
                    masks: vec![DrawnMask { frame: None, area: Area { x: 4, y: 3, width: 24, height: 6 } }],
                },
                frames: 3,
            }),
            Query::Facets(_) => value(&vec![
                Facet {
                    name: "modality".into(),
                    values: vec![("CT".into(), 900_000), ("MR".into(), 100_000)],
                },
                Facet {
                    name: "site".into(),
                    values: vec![("site-A".into(), 500_000), ("site-B".into(), 500_000)],
                },
            ]),
            Query::SeriesPage(page) => {
                let total = if self.empty || page.filter == "none" { 0 } else { 1_000_000 };
                let end = (page.page.offset + u64::from(page.page.limit)).min(total);
                value(&Rows { rows: (page.page.offset..end).map(series).collect::<Vec<_>>(), total })
            }
            Query::SeriesDetail(detail) => {
                let index = detail.series_uid[detail.series_uid.len() - 4..].parse().unwrap();
                value(&view(series(index)))
            }
            Query::Complete(complete) => value(&vec![format!("{}ality:", complete.text)]),
            Query::Queue(queue) => value(&self.queue(&queue)),
            Query::Task(task_query) => {
                let row = task(task_query.id);
                value(&TaskView {
                    series: view(series(task_query.id as u64)),
                    row,
                    return_reasons: vec!["incomplete series".into(), "motion or artefact".into()],
                })
            }
            Query::History(history) => {
                let end = (history.page.offset + u64::from(history.page.limit)).min(500);
                value(&Rows { rows: (history.page.offset..end).map(entry).collect::<Vec<_>>(), total: 500 })
            }
            Query::Tasks(asked) => value(&self.work(&asked)),
            Query::Readers(_) => value(&if self.empty { Vec::new() } else { readers() }),
            Query::PlanState(_) => value(&if self.empty { None } else { Some(plan()) }),
            query => datasets::answer(self, &query),
        }
    }

    fn perform(&self, command: Command) -> Result<Value, EngineError> {
        self.acts.lock().unwrap().push(command.clone());
        match command {
            Command::ClaimNext(next) => {
                let id = self.open().into_iter().find(|id| !next.except.contains(id));
                Ok(serde_json::to_value(id).unwrap())
            }
            Command::DecideTask(decide) => {
                self.decided.lock().unwrap().push(decide.task);
                Ok(Value::Null)
            }
            Command::UndoDecision(undo) => {
                self.decided.lock().unwrap().retain(|id| *id != undo.task);
                Ok(Value::Null)
            }
            Command::RetryIntake(_)
            | Command::ReleaseIntake(_)
            | Command::MaskIntake(_)
            | Command::QuestionMasks(_)
            | Command::DiscardIntake(_) => {
                Ok(serde_json::to_value(Moved { moved: 12, refused: vec![(2, "no longer there".into())] })
                    .unwrap())
            }
            command => Ok(datasets::perform(&command).unwrap_or_default()),
        }
    }
}

impl Stub {
    /// The worklist: a look at a series, reads that are late, held or claimed, an adjudication.
    fn work(&self, asked: &Tasks) -> Rows<TaskLine> {
        let line = |task: i64, step: &str, state: &str, why: &[&str]| TaskLine {
            task,
            case: series(task as u64).series_uid,
            series_uid: series(task as u64).series_uid,
            step: step.into(),
            slot: 1 + task as u32 % 2,
            state: state.into(),
            reader: (state == "claimed").then(|| "amira".into()),
            level: if step == "adjudicate" { 3 } else { 1 },
            priority: if task < 20 { 10 } else { 0 },
            due_ms: Some(NOW + (task - 13) * 6 * 60 * MINUTE),
            why: why.iter().map(ToString::to_string).collect(),
            guideline: (step != "series_review").then(|| "2.0".into()),
            plan_version: Some(3),
        };
        let all = [
            line(7, "series_review", "open", &["missing slices"]),
            line(11, "read", "open", &["overdue", "read 1 of 2", "route site:B: priority +10"]),
            line(12, "read", "claimed", &["overdue", "read 2 of 2"]),
            line(
                17,
                "adjudicate",
                "open",
                &["malignancy: 2 and 4, within 1 is asked for", "nodule: dice 0.412"],
            ),
            line(23, "read", "held", &["held: wait for the prior", "read 1 of 2"]),
            line(24, "review", "open", &["drawn for a second look"]),
        ];
        let wanted = |row: &TaskLine| asked.state.as_ref().is_none_or(|state| *state == row.state);
        let rows: Vec<TaskLine> = all.into_iter().filter(|row| !self.empty && wanted(row)).collect();
        Rows { total: rows.len() as u64, rows }
    }
}

fn readers() -> Vec<ReaderView> {
    let reader = |name: &str, level, open, away| ReaderView {
        reader: name.into(),
        level,
        user: (level == 3).then(|| name.to_owned()),
        skills: if level == 1 { vec!["chest".into(), "ct".into()] } else { Vec::new() },
        sites: if away { vec!["site-A".into()] } else { Vec::new() },
        per_day: (level == 1).then_some(40),
        open,
        done: open * 31,
        active: true,
        away,
        credentials: [("specialty".to_owned(), "thoracic radiology".to_owned())].into(),
    };
    vec![reader("amira", 3, 2, false), reader("ben", 1, 11, false), reader("carla", 1, 0, true)]
}

fn plan() -> PlanView {
    let text = "name = 'lung nodules'\nreads = 2\n[[structure]]\nname = 'nodule'\nkind = 'mask'\n[[structure]]\n\
                name = 'malignancy'\nkind = 'rating'\nscale = [1, 2, 3, 4, 5]\n";
    PlanView {
        plan: toml::from_str(text).unwrap(),
        version: 3,
        guideline_in_force: Some("2.0".into()),
        applied_ms: NOW - 60 * 24 * 60 * MINUTE,
        applied_by: "amira".into(),
        text: text.into(),
        cases: [("reading".to_owned(), 12)].into(),
    }
}

mod erased {
    use serde::Serialize;

    pub trait Json {
        fn json(&self) -> serde_json::Value;
    }

    impl<T: Serialize> Json for T {
        fn json(&self) -> serde_json::Value {
            serde_json::to_value(self).unwrap()
        }
    }
}

impl Client for Stub {
    fn query(&self, query: Query) -> Result<Value, EngineError> {
        self.asked.lock().unwrap().push(query.clone());
        self.answer(query)
    }

    fn command(&self, command: Command) -> Result<Value, EngineError> {
        self.perform(command)
    }

    fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Event> {
        tokio::sync::broadcast::channel(1).1
    }

    fn blob(&self, hash: &str) -> Result<ByteSource<'static>, EngineError> {
        Err(EngineError::NotFound { what: "blob".into(), id: hash.into() })
    }

    fn quarantined(&self, id: i64) -> Result<ByteSource<'static>, EngineError> {
        if id < 0 {
            return Err(EngineError::NotFound { what: "file".into(), id: id.to_string() });
        }
        Ok(cine().into())
    }
}

/// Three frames with a bright bar where a name would stand.
fn cine() -> Vec<u8> {
    let number = |tag, v: u16| Element::new(tag, Vr::US, v.to_le_bytes().to_vec());
    let bright = |x: usize, y: usize| (6..26).contains(&x) && (4..8).contains(&y) && !x.is_multiple_of(3);
    let pixel = |at: usize| if bright(at % 64, at / 64 % 48) { 250 } else { (at / 64 % 48) as u8 };
    let set = DataSet::from_elements(vec![
        Element::text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.3.1"),
        Element::text(tags::SOP_INSTANCE_UID, Vr::UI, "1.2.3"),
        Element::text(tags::MODALITY, Vr::CS, "US"),
        number(tags::SAMPLES_PER_PIXEL, 1),
        Element::text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2"),
        Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, "3"),
        number(tags::ROWS, 48),
        number(tags::COLUMNS, 64),
        number(tags::BITS_ALLOCATED, 8),
        number(tags::BITS_STORED, 8),
        number(tags::HIGH_BIT, 7),
        number(tags::PIXEL_REPRESENTATION, 0),
        Element::new(tags::PIXEL_DATA, Vr::OB, (0..3 * 64 * 48).map(pixel).collect::<Vec<u8>>()),
    ]);
    dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
}
