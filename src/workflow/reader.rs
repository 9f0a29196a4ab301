//! Readers: people who read cases, with what they may be given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::harmonise;

/// Somebody who reads. Levels: 1 annotator, 2 radiologist, 3 senior; a higher one includes the lower.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// The name, by which everybody knows them here.
    pub id: String,
    /// 1 to 3.
    pub level: u8,
    /// The system's user, who acts as this reader.
    pub user: Option<String>,
    /// Regions and families of modalities that they read; empty: all.
    pub skills: Vec<String>,
    /// Sites whose cases they read; empty: all.
    pub sites: Vec<String>,
    /// Reads that they take a day, at most.
    pub per_day: Option<u32>,
    /// Whether they still read.
    pub active: bool,
    /// When they are away.
    #[serde(default)]
    pub absences: Vec<Absence>,
    /// What a dossier says of them: specialty, years, training date, interests.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
}

/// A time in which somebody is away, both days included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// The first day, in milliseconds since 1970 of its begin.
    pub from_ms: i64,
    /// The begin of the day after the last.
    pub until_ms: i64,
}

/// What somebody is good at, in the words of the harmonised attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skill {
    /// A body region.
    Region(&'static str),
    /// A family of modalities.
    Family(&'static str),
}

impl Skill {
    /// The skill that a word names: `chest`, `brain`, `ct`, `xray`, `DX`.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_lowercase();
        let named = |target: &str| {
            let words = harmonise::target(target)?.words;
            words.iter().copied().find(|word| *word == lower)
        };
        let family = named("family").or_else(|| harmonise::family_of(&lower.to_uppercase()));
        let region = || named("region").or_else(|| harmonise::region_of_text(&lower).map(|r| r.name));
        family.map(Self::Family).or_else(|| region().map(Self::Region))
    }

    /// The body region that it is.
    pub fn region(self) -> Option<&'static str> {
        if let Self::Region(name) = self { Some(name) } else { None }
    }

    /// The family of modalities that it is.
    pub fn family(self) -> Option<&'static str> {
        if let Self::Family(name) = self { Some(name) } else { None }
    }
}

/// The highest level.
pub const MOST_LEVEL: u8 = 3;
/// Characters of a reader's name, at most.
const MOST_NAME: usize = 64;

impl Reader {
    /// A reader of a level who may read everything.
    pub fn new(id: &str, level: u8) -> Self {
        Self { id: id.into(), level, active: true, ..Self::default() }
    }

    /// Whether they are away.
    pub fn is_away(&self, now_ms: i64) -> bool {
        self.absences.iter().any(|a| (a.from_ms..a.until_ms).contains(&now_ms))
    }

    /// What is wrong with the name or the level, in words.
    pub fn mistake(&self) -> Option<&'static str> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
        if self.id.is_empty() || self.id.len() > MOST_NAME || !self.id.chars().all(allowed) {
            return Some("a reader's name has up to 64 letters, digits and . _ @ + -");
        }
        if !(1..=MOST_LEVEL).contains(&self.level) {
            return Some("levels are 1 (annotator), 2 (radiologist) and 3 (senior)");
        }
        if self.skills.iter().any(|skill| Skill::parse(skill).is_none()) {
            return Some("a skill is a body region (chest, brain) or a family of modalities (ct, mr, xray)");
        }
        None
    }
}
