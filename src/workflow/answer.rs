//! What a read says, held against the plan before it is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::plan::{Kind, Plan, StructurePlan};
use crate::label::Mask;
use crate::model::geometry::Grid;

/// What is said of one structure.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Looked, and found nothing.
    Nothing,
    /// Voxels.
    Drawn(Grid, Mask),
    /// Values, by the instance that they are said of; 0 stands for the whole.
    Said(BTreeMap<u32, Said>),
}

/// A value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// What a read says, by structure; what is not there was not looked at.
pub type Answers = BTreeMap<String, Answer>;

/// Why a read is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What kind of reason.
    pub code: ReasonCode,
    /// The structure, where it is about one.
    pub structure: Option<String>,
    /// In words.
    pub message: String,
}

/// Kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// A structure that must be said is not.
    MissingRequired,
    /// The plan has no such structure.
    UnknownStructure,
    /// A value that the plan does not allow.
    OffScale,
    /// A finding that the plan does not allow.
    BlockingFinding,
    /// A label that does not lie on the series.
    OtherGrid,
    /// Both *none* and something.
    NoneAndFound,
    /// A file that cannot be read as a label.
    Unreadable,
}

impl Reason {
    /// A reason.
    pub fn new(code: ReasonCode, structure: Option<&str>, message: impl Into<String>) -> Self {
        Self { code, structure: structure.map(str::to_owned), message: message.into() }
    }
}

/// What a reader says beside what they draw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statements {
    /// Structures that were looked for and not found.
    pub none: Vec<String>,
    /// Values: the structure, the instance where one is named, the text.
    pub values: Vec<(String, Option<u32>, String)>,
}

impl Plan {
    /// What was drawn and said as answers, and every reason for which it is refused.
    pub fn answers(&self, drawn: Vec<(String, Grid, Mask)>, said: &Statements) -> (Answers, Vec<Reason>) {
        let (mut answers, mut reasons) = (Answers::new(), Vec::new());
        for (name, grid, mask) in drawn {
            match self.structure(&name) {
                None => reasons.push(unknown(&name)),
                Some(s) if !s.kind.is_drawn() => {
                    let words = format!("{name} is a {}, which is said and not drawn", s.kind.as_str());
                    reasons.push(Reason::new(ReasonCode::OffScale, Some(&name), words));
                }
                Some(_) => {
                    answers.insert(name, Answer::Drawn(grid, mask));
                }
            }
        }
        self.take_values(said, &mut answers, &mut reasons);
        self.take_none(said, &mut answers, &mut reasons);
        for structure in self.structures.iter().filter(|s| s.required) {
            let is_refused = reasons.iter().any(|r| r.structure.as_ref() == Some(&structure.name));
            if !answers.contains_key(&structure.name) && !is_refused {
                let words = format!("{} is missing: {}", structure.name, structure.wants());
                reasons.push(Reason::new(ReasonCode::MissingRequired, Some(&structure.name), words));
            }
        }
        self.check_instances(&answers, &mut reasons);
        (answers, reasons)
    }

    fn take_values(&self, said: &Statements, answers: &mut Answers, reasons: &mut Vec<Reason>) {
        for (name, instance, text) in &said.values {
            let Some(structure) = self.structure(name) else {
                reasons.push(unknown(name));
                continue;
            };
            match structure.value(text) {
                Ok(value) => {
                    let entry = answers.entry(name.clone()).or_insert_with(|| Answer::Said(BTreeMap::new()));
                    if let Answer::Said(values) = entry {
                        values.insert(instance.unwrap_or(0), value);
                    }
                }
                Err(words) => reasons.push(Reason::new(ReasonCode::OffScale, Some(name), words)),
            }
        }
    }

    fn take_none(&self, said: &Statements, answers: &mut Answers, reasons: &mut Vec<Reason>) {
        let different: BTreeSet<&String> = said.none.iter().collect();
        for name in different {
            match self.structure(name) {
                None => reasons.push(unknown(name)),
                Some(s) if !s.kind.is_drawn() => {
                    let words =
                        format!("{name} is a {}, which is never none: {}", s.kind.as_str(), s.wants());
                    reasons.push(Reason::new(ReasonCode::OffScale, Some(name), words));
                }
                Some(_) if answers.contains_key(name) => {
                    let words = format!("{name} is said to be none and is drawn all the same");
                    reasons.push(Reason::new(ReasonCode::NoneAndFound, Some(name), words));
                }
                Some(_) => {
                    answers.insert(name.clone(), Answer::Nothing);
                }
            }
        }
    }

    /// A value of an instance is said of one that was drawn.
    fn check_instances(&self, answers: &Answers, reasons: &mut Vec<Reason>) {
        for structure in &self.structures {
            let Some(Answer::Said(values)) = answers.get(&structure.name) else { continue };
            let Some(most) = values.keys().max().filter(|n| **n > 0) else { continue };
            let drawn = structure.of.as_ref().and_then(|of| answers.get(of));
            let count = match drawn {
                Some(Answer::Drawn(_, mask)) => super::agree::instances(mask).len() as u32,
                _ => 0,
            };
            if *most > count {
                let of = structure.of.as_deref().unwrap_or("structure");
                let words = format!("{} is said of {of} {most}, and {count} were drawn", structure.name);
                reasons.push(Reason::new(ReasonCode::OffScale, Some(&structure.name), words));
            }
        }
    }
}

fn unknown(name: &str) -> Reason {
    Reason::new(ReasonCode::UnknownStructure, Some(name), format!("the plan has no structure {name:?}"))
}

impl StructurePlan {
    /// The value that a text is.
    ///
    /// # Errors
    /// The plan does not allow it, in words.
    fn value(&self, text: &str) -> Result<Said, String> {
        let name = &self.name;
        let number = || text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        match self.kind {
            Kind::Mask | Kind::Contour => {
                Err(format!("{name} is a {}, which is drawn and not said", self.kind.as_str()))
            }
            Kind::Class => match self.values.iter().find(|v| v.as_str() == text) {
                Some(value) => Ok(Said::Word(value.clone())),
                None => Err(format!("{name} = {text:?} is none of its values: {}", self.wants())),
            },
            Kind::Rating => match number().filter(|n| self.scale.contains(n)) {
                Some(number) => Ok(Said::Number(number)),
                None => Err(format!("{name} = {text:?} is not on its scale: {}", self.wants())),
            },
            Kind::Measurement => {
                number().map(Said::Number).ok_or_else(|| format!("{name} = {text:?} is no number"))
            }
        }
    }

    /// What is to be said of it, in words.
    pub fn wants(&self) -> String {
        match self.kind {
            Kind::Mask | Kind::Contour => "a label, or none".into(),
            Kind::Class => format!("one of {}", self.values.join(", ")),
            Kind::Rating => {
                format!("one of {}", self.scale.iter().map(f64::to_string).collect::<Vec<_>>().join(", "))
            }
            Kind::Measurement => match &self.unit {
                Some(unit) => format!("a number in {unit}"),
                None => "a number".into(),
            },
        }
    }
}
