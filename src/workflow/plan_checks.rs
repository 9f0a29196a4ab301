//! What is wrong with a plan that can be read.

use std::collections::BTreeSet;

use super::plan::{Kind, Limits, Plan, StructurePlan};
use super::reader::MOST_LEVEL;

/// First reads of a case, at most.
const MOST_READS: u32 = 20;

/// A mistake: the key, such as `structure[1].scale`, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The key.
    pub key: String,
    /// In words.
    pub why: String,
}

#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn say(&mut self, key: impl Into<String>, why: impl Into<String>) {
        self.0.push(Mistake { key: key.into(), why: why.into() });
    }

    fn level(&mut self, key: &str, level: u8) {
        if !(1..=MOST_LEVEL).contains(&level) {
            self.say(key, "levels are 1 (annotator), 2 (radiologist) and 3 (senior)");
        }
    }

    fn share(&mut self, key: &str, share: f64) {
        if !(0.0..=1.0).contains(&share) {
            self.say(key, "a share lies between 0 and 1");
        }
    }
}

impl Plan {
    /// Everything that is wrong with it, in the order of its keys.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Mistakes::default();
        if self.name.trim().is_empty() {
            found.say("name", "a plan has a name");
        }
        if !(1..=MOST_READS).contains(&self.reads) {
            found.say("reads", format!("a case is read by 1 to {MOST_READS} readers"));
        }
        self.people(&mut found);
        self.guideline_mistakes(&mut found);
        self.structure_mistakes(&mut found);
        found.0
    }

    fn people(&self, found: &mut Mistakes) {
        found.level("level", self.level);
        found.level("adjudicate.level", self.adjudicate.level);
        if let Some(review) = &self.review {
            found.share("review.share", review.share);
            found.level("review.level", review.level);
        }
        if let Some(gold) = &self.gold {
            found.share("gold.share", gold.share);
        }
        if let Some(repeat) = &self.repeat {
            found.share("repeat.share", repeat.share);
        }
        if let Some(escalate) = &self.escalate {
            found.level("escalate.level", escalate.level);
        }
        for (i, route) in self.routes.iter().enumerate() {
            if let Some(level) = route.level {
                found.level(&format!("route[{i}].level"), level);
            }
            if route.when.trim().is_empty() {
                found.say(format!("route[{i}].when"), "a route says which cases it is for");
            }
        }
        if self.claim.ms() == 0 {
            found.say("claim", "a claim lasts longer than no time");
        }
    }

    fn guideline_mistakes(&self, found: &mut Mistakes) {
        let (mut versions, mut days) = (BTreeSet::new(), BTreeSet::new());
        for (i, guideline) in self.guidelines.iter().enumerate() {
            let key = |name: &str| format!("guideline[{i}].{name}");
            if guideline.version.trim().is_empty() || guideline.version.len() > 64 {
                found.say(key("version"), "a version has a name of up to 64 letters");
            }
            if !versions.insert(&guideline.version) {
                found.say(key("version"), "this version stands there twice");
            }
            if !days.insert(guideline.from) {
                found.say(key("from"), "another version begins on the same day");
            }
            for name in guideline.touches.iter().flatten() {
                if self.structure(name).is_none() {
                    found.say(key("touches"), format!("the plan has no structure {name:?}"));
                }
            }
        }
    }

    fn structure_mistakes(&self, found: &mut Mistakes) {
        if self.structures.is_empty() {
            found.say("structure", "a plan says what is drawn or said: at least one [[structure]]");
        }
        let mut names = BTreeSet::new();
        for (i, structure) in self.structures.iter().enumerate() {
            let key = |name: &str| format!("structure[{i}].{name}");
            let plain = |c: char| c.is_alphanumeric() || " ._-".contains(c);
            if structure.name.trim().is_empty()
                || structure.name.len() > 64
                || !structure.name.chars().all(plain)
            {
                found.say(key("name"), "a name has up to 64 letters, digits, blanks and . _ -");
            }
            if !names.insert(&structure.name) {
                found.say(key("name"), "this structure stands there twice");
            }
            if let Some(of) = &structure.of {
                match self.structure(of) {
                    Some(of) if of.kind.is_drawn() => {}
                    Some(_) => found.say(key("of"), format!("{of:?} is not drawn")),
                    None => found.say(key("of"), format!("the plan has no structure {of:?}")),
                }
            }
            structure.value_mistakes(&key, found);
            if let Some(limits) = &structure.agree {
                structure.limit_mistakes(limits, &key("agree"), found);
            }
        }
    }
}

impl StructurePlan {
    fn value_mistakes(&self, key: &dyn Fn(&str) -> String, found: &mut Mistakes) {
        match self.kind {
            Kind::Rating => {
                let rising = self.scale.windows(2).all(|pair| pair[0] < pair[1]);
                if self.scale.len() < 2 || !rising || !self.scale.iter().all(|v| v.is_finite()) {
                    found.say(key("scale"), "a rating has a scale: at least two numbers, rising");
                }
            }
            Kind::Class => {
                let different: BTreeSet<&String> = self.values.iter().collect();
                if different.len() < 2 || different.len() != self.values.len() {
                    found.say(key("values"), "a class has at least two values, all different");
                }
            }
            Kind::Mask | Kind::Contour | Kind::Measurement => {}
        }
        if !self.scale.is_empty() && self.kind != Kind::Rating {
            found.say(key("scale"), format!("a {} has no scale", self.kind.as_str()));
        }
        if !self.values.is_empty() && self.kind != Kind::Class {
            found.say(key("values"), format!("a {} has no values", self.kind.as_str()));
        }
        if self.instances && !self.kind.is_drawn() {
            found.say(key("instances"), format!("a {} has no instances", self.kind.as_str()));
        }
    }

    fn limit_mistakes(&self, limits: &Limits, key: &str, found: &mut Mistakes) {
        let drawn = [limits.dice, limits.f1, limits.hd95_mm, limits.assd_mm];
        let numbers = [limits.within, limits.within_percent];
        let is_number = matches!(self.kind, Kind::Rating | Kind::Measurement);
        let kind = self.kind.as_str();
        if !self.kind.is_drawn() && drawn.iter().any(Option::is_some) {
            found.say(
                key,
                format!("dice, f1, hd95_mm and assd_mm compare what is drawn, and this is a {kind}"),
            );
        }
        if !is_number && numbers.iter().any(Option::is_some) {
            found.say(key, format!("within and within_percent compare numbers, and this is a {kind}"));
        }
        if limits.equal && self.kind.is_drawn() {
            found.say(key, format!("equal compares words and numbers, and this is a {kind}"));
        }
        if limits.f1.is_some() && !self.instances {
            found.say(key, "f1 counts instances: instances = true");
        }
        for share in [limits.dice, limits.f1].into_iter().flatten() {
            found.share(key, share);
        }
        let lengths = [limits.hd95_mm, limits.assd_mm, limits.within, limits.within_percent];
        if lengths.into_iter().flatten().any(|v| !v.is_finite() || v < 0.0) {
            found.say(key, "a limit is a number, not below zero");
        }
        if *limits == Limits::default() {
            found.say(key, "this says nothing: dice, f1, hd95_mm, assd_mm, within, within_percent or equal");
        }
    }
}
