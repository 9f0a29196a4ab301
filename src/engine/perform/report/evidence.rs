//! What moved, what was found, and what the trail holds: sections that several documents have.

use std::collections::BTreeMap;

use super::content::{Content, time};
use super::parts::Sections;
use crate::engine::query::{
    Drift, DriftState, DriftView, History, Page, ProveMember, SnapshotProof, TrailEntry,
};
use crate::engine::{Client, EngineError, Session};
use crate::pipeline::verify::snapshots::object_of;
use crate::report::{Block, Column, Note, NoteKind, Section, Table};

/// Entries of the trail that a document quotes at most, of each kind.
const MOST_QUOTED: u32 = 20;
/// Series whose place under the root is proven in a document.
const PROVEN: usize = 3;
/// What of the trail a dossier quotes, besides what is about its snapshot.
const QUOTED: [&str; 4] = ["plan.apply", "gold.set", "subject.withdraw", "dataset.export"];

/// Findings of the checks: by check, and series by series what is to be mended.
pub fn findings(session: &Session, content: &Content) -> Result<Section, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let (mut by_check, mut rows) = (BTreeMap::<(u8, String), u64>::new(), Vec::new());
    for told in &content.series {
        for finding in reader.findings(&told.held.series_uid)? {
            *by_check.entry((2 - finding.severity.min(2), finding.check.clone())).or_default() += 1;
            if finding.severity > 0 {
                rows.push(vec![
                    told.held.series_uid.clone(),
                    told.held.subject.clone(),
                    if finding.severity > 1 { "error" } else { "warning" }.into(),
                    finding.check,
                    finding.message,
                ]);
            }
        }
    }
    let word = |s: u8| ["error", "warning", "info"][usize::from(s.min(2))];
    let table = Table {
        caption: "Findings by check.".into(),
        columns: vec![Column::left("Severity"), Column::left("Check"), Column::right("Findings")],
        rows: by_check.iter().map(|((s, c), n)| vec![word(*s).into(), c.clone(), n.to_string()]).collect(),
        source: "gantry show".into(),
    };
    let mend = Table {
        caption: "What to mend: warnings and errors, series by series.".into(),
        columns: ["Series", "Subject", "Severity", "Check", "What"].map(Column::left).to_vec(),
        rows,
        source: "gantry search".into(),
    };
    let blocks = vec![Block::Table(table), Block::Table(mend)];
    Ok(Section { heading: "Findings".into(), blocks, ..Section::default() })
}

/// What has moved on the control charts of the workspace.
pub fn drift(session: &Session) -> Result<Section, EngineError> {
    let client: &dyn Client = session;
    let view: DriftView = client.ask(Drift::default())?;
    let moved = |state| matches!(state, DriftState::Alarm | DriftState::Shared | DriftState::Watch);
    let row = |chart: &crate::engine::query::DriftRow| {
        let state = match chart.state {
            DriftState::Alarm => "alarm",
            DriftState::Shared => "with the others",
            DriftState::Watch => "watch",
            DriftState::Stable | DriftState::Short => "",
        };
        let since = chart.since_ms.map(time).unwrap_or_default();
        vec![chart.id.clone(), state.into(), since, chart.sentence.clone()]
    };
    let table = Table {
        caption: format!("Control charts that moved, of {}.", view.charts.len()),
        columns: ["Chart", "State", "Since", "What"].map(Column::left).to_vec(),
        rows: view.charts.iter().filter(|chart| moved(chart.state)).map(row).collect(),
        source: "gantry drift".into(),
    };
    let mut blocks = vec![Block::Table(table)];
    if let Some(reason) = view.reason {
        blocks.push(Block::Note(Note { kind: NoteKind::Info, text: reason }));
    }
    Ok(Section { heading: "Drift".into(), blocks, ..Section::default() })
}

/// What the trail holds of the snapshot and of how it came about, and where some of its series lie under its root.
pub fn trail(session: &Session, content: &Content) -> Sections {
    let Some(snapshot) = &content.snapshot else { return Ok(Vec::new()) };
    let entries = match quoted(session, &snapshot.name) {
        Ok(entries) => entries,
        // Who may not see the trail gets the document without it, and is told.
        Err(EngineError::Forbidden { why }) => {
            let text = format!("Excerpts of the trail are left out: {why}");
            let blocks = vec![Block::Note(Note { kind: NoteKind::Info, text })];
            return Ok(vec![Section { heading: "Trail".into(), blocks, ..Section::default() }]);
        }
        Err(error) => return Err(error),
    };
    let row = |e: &TrailEntry| {
        vec![
            e.sequence.to_string(),
            time(e.at_ms),
            e.actor.clone(),
            format!("{} {}", e.action, e.object),
            e.hash.clone(),
        ]
    };
    let excerpt = Table {
        caption: "From the trail. Each hash covers its entry and the hash of the entry before.".into(),
        columns: vec![
            Column::right("Entry"),
            Column::left("When"),
            Column::left("Who"),
            Column::left("What"),
            Column::left("SHA-256"),
        ],
        rows: entries.iter().map(row).collect(),
        source: "gantry audit show; gantry audit verify".into(),
    };
    let mut blocks = vec![Block::Table(excerpt)];
    blocks.push(Block::Table(proven(session, content, &snapshot.name)?));
    Ok(vec![Section { heading: "Trail".into(), blocks, ..Section::default() }])
}

/// The entries that a dossier quotes, the earliest first.
fn quoted(session: &Session, snapshot: &str) -> Result<Vec<TrailEntry>, EngineError> {
    let client: &dyn Client = session;
    let page = Page { offset: 0, limit: MOST_QUOTED };
    let own = History { object: Some(object_of(snapshot)), text: String::new(), page };
    let mut entries = client.ask(own)?.rows;
    for action in QUOTED {
        let of_kind = client.ask(History { object: None, text: action.into(), page })?.rows;
        entries.extend(of_kind.into_iter().filter(|e| e.action == action));
    }
    entries.sort_by_key(|e| e.sequence);
    entries.dedup_by_key(|e| e.sequence);
    Ok(entries)
}

/// The first series of the snapshot, each with its audit path to the root.
fn proven(session: &Session, content: &Content, snapshot: &str) -> Result<Table, EngineError> {
    let client: &dyn Client = session;
    let mut rows = Vec::new();
    for told in content.series.iter().take(PROVEN) {
        let ask = ProveMember { name: snapshot.into(), series_uid: told.held.series_uid.clone() };
        let proof: SnapshotProof = client.ask(ask)?;
        let place = format!("{} of {}", proof.index + 1, proof.series);
        rows.push(vec![proof.series_uid, place, proof.leaf, proof.path.join(" ")]);
    }
    Ok(Table {
        caption: "Series under the root of the snapshot: leaf and audit path (RFC 9162), from the bottom up."
            .into(),
        columns: ["Series", "Place", "Leaf", "Path"].map(Column::left).to_vec(),
        rows,
        source: format!("gantry snapshot prove {snapshot} SERIES"),
    })
}
