//! The plan of a project: which cases are read, by how many readers of which level, what must agree, who decides otherwise,
//! by when and under which guideline.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Period;

/// A plan, as its file says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The project's name.
    pub name: String,
    /// Which cases, in the query language of the catalog; empty: all.
    #[serde(default)]
    pub query: String,
    /// What a case is.
    #[serde(default)]
    pub unit: Unit,
    /// Independent first reads of a case, by different readers.
    #[serde(default = "one")]
    pub reads: u32,
    /// Their level, at least.
    #[serde(default = "lowest")]
    pub level: u8,
    /// Nobody sees another's read of a case before their own is in.
    #[serde(default = "yes")]
    pub blinded: bool,
    /// Which series must pass a look before they are read.
    #[serde(default)]
    pub series_review: SeriesReview,
    /// A second look at what agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewRule>,
    /// Who decides where readers do not agree.
    #[serde(default)]
    pub adjudicate: Adjudicate,
    /// Cases of known truth, slipped in unseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gold: Option<Gold>,
    /// After this time a claim ends.
    #[serde(default = "eight_hours")]
    pub claim: Period,
    /// How long each step may take.
    #[serde(default)]
    pub deadline: Deadlines,
    /// What becomes of what is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalate>,
    /// What stands when all agree.
    #[serde(default)]
    pub consensus: Consensus,
    /// In which order a reader gets cases of the same urgency.
    #[serde(default)]
    pub order: Order,
    /// What random orders and draws begin with.
    #[serde(default)]
    pub seed: u64,
    /// The same reader again, after a wash-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Reviewers and adjudicators do not see whose reads they decide on.
    #[serde(default)]
    pub hide_readers: bool,
    /// Where a case is read again, its readers see what was said before.
    #[serde(default)]
    pub show_previous: bool,
    /// Findings that a read may not have.
    #[serde(default)]
    pub block: Vec<String>,
    /// Versions of the instruction to readers.
    #[serde(default, rename = "guideline", skip_serializing_if = "Vec::is_empty")]
    pub guidelines: Vec<Guideline>,
    /// What is drawn and said.
    #[serde(default, rename = "structure")]
    pub structures: Vec<StructurePlan>,
    /// Which cases are more urgent, or for a higher level.
    #[serde(default, rename = "route", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// What a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A series.
    #[default]
    Series,
    /// All series of a study that match.
    Study,
}

/// Which series must pass a look before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum SeriesReview {
    /// Every one.
    All,
    /// Those in which a check found something.
    #[default]
    Findings,
    /// None.
    None,
    /// Those with findings, and a share of the others.
    Share(f64),
}

impl<'de> Deserialize<'de> for SeriesReview {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Share(f64),
        }
        match Written::deserialize(from) {
            Ok(Written::Word(word)) if word == "all" => Ok(Self::All),
            Ok(Written::Word(word)) if word == "findings" => Ok(Self::Findings),
            Ok(Written::Word(word)) if word == "none" => Ok(Self::None),
            Ok(Written::Share(share)) if (0.0..=1.0).contains(&share) => Ok(Self::Share(share)),
            _ => Err(serde::de::Error::custom(
                "this is \"all\", \"findings\", \"none\", or a share between 0 and 1",
            )),
        }
    }
}

impl Serialize for SeriesReview {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => to.serialize_str("all"),
            Self::Findings => to.serialize_str("findings"),
            Self::None => to.serialize_str("none"),
            Self::Share(share) => to.serialize_f64(*share),
        }
    }
}

/// When what agreed is looked at a second time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewRule {
    /// The share of cases, drawn by the case's UID.
    #[serde(default)]
    pub share: f64,
    /// Also where a check found this in the read; `finding` stands for any warning or error.
    #[serde(default)]
    pub when: Vec<String>,
    /// The reviewer's level, at least.
    #[serde(default = "second")]
    pub level: u8,
    /// What the draw begins with.
    #[serde(default)]
    pub seed: u64,
}

/// Who decides where readers do not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjudicate {
    /// The level, at least.
    pub level: u8,
}

/// Cases of known truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gold {
    /// Of each reader's reads.
    pub share: f64,
}

/// How long each step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// A read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Period>,
    /// A second look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Period>,
    /// A decision between reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjudicate: Option<Period>,
}

/// What becomes of what is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalate {
    /// So long after the deadline …
    pub after: Period,
    /// … it is for this level.
    pub level: u8,
}

/// What stands when all agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consensus {
    /// The read that is nearest to the others.
    #[default]
    Nearest,
    /// What more than half of the readers said, voxel by voxel.
    Majority,
    /// The most probable truth (Warfield, Zou and Wells 2004).
    Staple,
}

/// In which order a reader gets cases of the same urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By priority, then the oldest.
    #[default]
    Priority,
    /// By priority, then by chance, another order for each reader.
    Random,
}

/// The same reader again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Of the reads that stand.
    pub share: f64,
    /// The wash-out.
    pub after: Period,
}

/// One version of the instruction to readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guideline {
    /// Its name.
    pub version: String,
    /// The day from which it is in force.
    pub from: Date,
    /// The file, beside the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Structures whose meaning has changed; all where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touches: Option<BTreeSet<String>>,
    /// Which earlier reads are done again.
    #[serde(default)]
    pub redo: Redo,
}

/// Which earlier reads are done again under a new guideline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redo {
    /// None.
    #[default]
    None,
    /// Those of cases that are still open.
    Open,
    /// Also those of cases that were accepted.
    Accepted,
}

/// What kind of thing a structure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Voxels.
    Mask,
    /// Lines around areas; kept as the voxels inside.
    Contour,
    /// A number with a unit.
    Measurement,
    /// One of some words.
    Class,
    /// A step of a scale.
    Rating,
}

impl Kind {
    /// Whether it is drawn.
    pub const fn is_drawn(self) -> bool {
        matches!(self, Self::Mask | Self::Contour)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Contour => "contour",
            Self::Measurement => "measurement",
            Self::Class => "class",
            Self::Rating => "rating",
        }
    }
}

/// What must agree of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Dice over the whole structure, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dice: Option<f64>,
    /// F1 of its instances, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// The 95th percentile of the distances of the surfaces, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hd95_mm: Option<f64>,
    /// The mean distance of the surfaces, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assd_mm: Option<f64>,
    /// The difference of two numbers, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<f64>,
    /// The difference of two numbers in percent of their mean, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_percent: Option<f64>,
    /// The same word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub equal: bool,
}

/// What is drawn or said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructurePlan {
    /// Its name.
    pub name: String,
    /// Its coded meaning: `SCT:27925004`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What kind of thing it is.
    pub kind: Kind,
    /// There may be several objects, which are matched one to one before they are compared.
    #[serde(default)]
    pub instances: bool,
    /// What must agree; nothing is compared where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agree: Option<Limits>,
    /// The steps of a rating.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scale: Vec<f64>,
    /// The words of a class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// The unit of a measurement, as UCUM writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The structure that it is said of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// A read without it is refused.
    #[serde(default)]
    pub required: bool,
}

/// Which cases are more urgent, or for a higher level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Which cases, in the query language of the catalog.
    pub when: String,
    /// The level, at least; the highest of all routes counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Added to the priority.
    #[serde(default)]
    pub priority: i32,
}

impl Default for Adjudicate {
    fn default() -> Self {
        Self { level: 3 }
    }
}

impl Plan {
    /// The structure of a name.
    pub fn structure(&self, name: &str) -> Option<&StructurePlan> {
        self.structures.iter().find(|s| s.name == name)
    }

    /// The guideline in force on a day: of those that have begun the last.
    pub fn guideline_on(&self, day: Date) -> Option<&Guideline> {
        let begun = self.guidelines.iter().filter(|g| g.from <= day);
        begun.max_by_key(|g| g.from)
    }

    /// What begins to count between two versions of the guideline: the versions after `from`, up to `to`.
    pub fn guidelines_between(&self, from: &str, to: &str) -> Vec<&Guideline> {
        let mut all: Vec<&Guideline> = self.guidelines.iter().collect();
        all.sort_by_key(|g| g.from);
        let place = |version: &str| all.iter().position(|g| g.version == version);
        let (Some(to), from) = (place(to), place(from)) else { return Vec::new() };
        let from = from.map_or(0, |at| at + 1);
        if from > to { Vec::new() } else { all[from..=to].to_vec() }
    }

    /// How long a step may take.
    pub fn deadline(&self, step: super::Step) -> Option<Period> {
        match step {
            super::Step::SeriesReview => None,
            super::Step::Read => self.deadline.read,
            super::Step::Review => self.deadline.review,
            super::Step::Adjudicate => self.deadline.adjudicate,
        }
    }
}

const fn one() -> u32 {
    1
}

const fn lowest() -> u8 {
    1
}

const fn second() -> u8 {
    2
}

const fn yes() -> bool {
    true
}

const fn eight_hours() -> Period {
    Period::hours(8)
}
