//! What is open over the tabs: the series of a snapshot, what differs between two, where something came from.

use super::{DatasetsAnswer, Open};
use crate::console::screen::{Context, Effects, Loadable, ask};
use crate::console::widget::{ListState, Pages};
use crate::engine::query::{Diff, DiffSnapshots, MemberView, ProvenanceOf, SnapshotMembers, SnapshotPreview};

/// The series of a snapshot.
#[derive(Default)]
pub struct Members {
    /// The snapshot's name.
    pub name: String,
    pub rows: Pages<MemberView>,
    pub state: Loadable<()>,
    pub list: ListState,
}

impl Members {
    pub fn of(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub fn again(&mut self, context: &Context<'_>) -> Effects {
        self.rows.forget();
        self.ask(context)
    }

    /// Asks for the rows around the cursor that are not there.
    pub fn ask(&mut self, context: &Context<'_>) -> Effects {
        let Some(page) = self.rows.missing(self.list.selected) else { return Vec::new() };
        self.state.wait(context.now_ms);
        let question = SnapshotMembers { name: self.name.clone(), page };
        vec![ask("members", question, move |answer| DatasetsAnswer::Members(page, answer))]
    }

    pub fn row(&self) -> Option<&MemberView> {
        self.rows.get(self.list.selected)
    }
}

/// What differs between two snapshots.
pub struct Compared {
    pub first: String,
    pub second: String,
    pub diff: Loadable<Diff>,
    pub list: ListState,
}

/// One difference.
pub struct Difference<'d> {
    /// `added`, `removed`, `relabelled` or `changed`.
    pub what: &'static str,
    pub series_uid: &'d str,
    pub why: &'d str,
}

impl Compared {
    pub fn ask(&mut self, context: &Context<'_>) -> Effects {
        self.diff.wait(context.now_ms);
        let question = DiffSnapshots { first: self.first.clone(), second: self.second.clone() };
        vec![ask("diff", question, DatasetsAnswer::Compared)]
    }

    pub fn set(&mut self, answer: Result<Diff, crate::engine::EngineError>) {
        self.diff.set(answer);
        let total = self.count();
        self.list.resize(total);
    }

    fn count(&self) -> u64 {
        self.diff.value.iter().flat_map(parts).map(|(_, entries)| entries.len() as u64).sum()
    }

    pub fn get(&self, index: u64) -> Option<Difference<'_>> {
        let mut left = index as usize;
        for (what, entries) in self.diff.value.iter().flat_map(parts) {
            match entries.get(left) {
                Some(entry) => {
                    return Some(Difference { what, series_uid: &entry.series_uid, why: &entry.why });
                }
                None => left -= entries.len(),
            }
        }
        None
    }
}

/// The kinds of differences, with the differences of each.
pub fn parts(diff: &Diff) -> [(&'static str, &[crate::engine::query::DiffEntry]); 4] {
    [
        ("added", &diff.added),
        ("removed", &diff.removed),
        ("relabelled", &diff.relabelled),
        ("changed", &diff.attributes_changed),
    ]
}

/// Where something came from, as a tree.
pub struct Lineage {
    pub object: String,
    pub lines: Loadable<Vec<String>>,
    pub list: ListState,
}

impl Lineage {
    pub fn ask(&mut self, context: &Context<'_>) -> Effects {
        self.lines.wait(context.now_ms);
        vec![ask("provenance", ProvenanceOf { object: self.object.clone() }, DatasetsAnswer::Lineage)]
    }
}

impl Open {
    pub fn members(&mut self) -> Option<&mut Members> {
        if let Self::Members(members) = self { Some(members) } else { None }
    }

    pub fn compared(&mut self) -> Option<&mut Compared> {
        if let Self::Compared(compared) = self { Some(compared) } else { None }
    }

    pub fn lineage(&mut self) -> Option<&mut Lineage> {
        if let Self::Lineage(lineage) = self { Some(lineage) } else { None }
    }

    pub fn preview(&mut self) -> Option<&mut Loadable<SnapshotPreview>> {
        if let Self::New { preview, .. } = self { Some(preview) } else { None }
    }

    /// Where the user is, for the header line.
    pub fn place(&self) -> String {
        match self {
            Self::Members(members) => members.name.clone(),
            Self::Compared(compared) => format!("{} → {}", compared.first, compared.second),
            Self::Lineage(_) => "provenance".into(),
            Self::New { .. } => "new".into(),
            Self::Export { snapshot, .. } => format!("export of {}", snapshot.name),
        }
    }
}
