//! What became of a tree, in numbers: nothing in it identifies anybody.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::deid::{Action, Deidentifier, Outcome, ProfileOption, Reason, Record};
use crate::dicom;
use crate::model::Tag;

/// What became of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Regular files.
    pub instances: u64,
    /// De-identified and written.
    pub written: u64,
    /// DICOM that was not written, for a person to look at.
    pub quarantined: u64,
    /// What is never processable.
    pub rejected: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Name of the profile.
    pub profile: String,
    /// Options that were on.
    pub options: Vec<&'static str>,
    /// Version of Gantry.
    pub version: &'static str,
    /// How many files were not written for each reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// How many attributes of written instances got each class of action; an attribute counts once per instance and
    /// class.
    pub actions: BTreeMap<Action, u64>,
    /// Regions of frames that were blanked.
    pub masks: u64,
    /// The same by reason.
    pub mask_reasons: BTreeMap<String, u64>,
    /// Folders that could not be read.
    #[serde(skip)]
    pub unreadable_folders: u64,
    /// How many written instances have an attribute that got an action.
    #[serde(skip)]
    pub attributes: BTreeMap<(Tag, Action), u64>,
}

/// A line of the table of attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeLine {
    /// The tag.
    pub tag: Tag,
    /// Its keyword.
    pub keyword: Option<&'static str>,
    /// What was done to it.
    pub action: Action,
    /// In how many instances.
    pub instances: u64,
}

impl Summary {
    /// Of a run that has not begun.
    pub fn of(deidentifier: &Deidentifier) -> Self {
        let profile = deidentifier.profile();
        Self {
            profile: profile.name.clone(),
            options: ProfileOption::ALL.iter().filter(|o| profile.has(**o)).map(|o| o.name()).collect(),
            version: env!("CARGO_PKG_VERSION"),
            ..Self::default()
        }
    }

    /// Counts what became of one file, without what was done to it: see [`Summary::done_to`].
    pub fn count(&mut self, outcome: &Outcome) {
        self.instances += 1;
        match outcome {
            Outcome::Written { .. } => self.written += 1,
            Outcome::Quarantined { reason, .. } => {
                self.quarantined += 1;
                self.refused(*reason);
            }
            Outcome::Rejected { reason, .. } => {
                self.rejected += 1;
                self.refused(*reason);
            }
        }
    }

    /// Counts what was done to so many written instances, alike.
    pub fn done_to(&mut self, record: &Record, times: u64) {
        if times == 0 {
            return;
        }
        self.masks += times * record.masks.len() as u64;
        for mask in &record.masks {
            *self.mask_reasons.entry(mask.why.clone()).or_default() += times;
        }
        for entry in &record.actions {
            *self.actions.entry(entry.action).or_default() += times;
            *self.attributes.entry((entry.tag, entry.action)).or_default() += times;
        }
    }

    fn refused(&mut self, reason: Reason) {
        *self.reasons.entry(reason.code()).or_default() += 1;
    }

    /// The table of attributes, in order of tag.
    pub fn attribute_lines(&self) -> Vec<AttributeLine> {
        let line = |(&(tag, action), &instances): (&(Tag, Action), &u64)| AttributeLine {
            tag,
            keyword: dicom::keyword(tag),
            action,
            instances,
        };
        self.attributes.iter().map(line).collect()
    }
}
