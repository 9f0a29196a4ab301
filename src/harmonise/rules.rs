//! Rules of a project or a site: what matches is set.
//!
//! ```toml
//! version = "2026-11"
//!
//! [[rule]]
//! name = "site B writes the venous phase into the protocol"
//! site = "B"
//! match = { modality = "CT", protocol = "*VEN*" }
//! set = { phase = "portal" }
//! ```
//!
//! A condition is a pattern in which `*` stands for anything, compared without regard to case, alternatives joined by
//! `|`; or, for numbers, a number, `>=1.5`, `<3` or `1..3`. All conditions of a rule must hold. Later rules go before
//! earlier ones.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::attributes::NAMES;
use super::{Attributes, Harmonised, TARGETS, Target, Value, region, target};

/// A set of rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    list: Vec<Rule>,
    versions: Vec<String>,
    digest: Option<String>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is for; stands beside every value that it sets.
    pub name: String,
    /// The site that it holds for; every one without.
    #[serde(default)]
    pub site: Option<String>,
    /// Conditions on attributes.
    #[serde(rename = "match")]
    pub conditions: BTreeMap<String, Condition>,
    /// What is set.
    pub set: BTreeMap<String, Scalar>,
}

/// What an attribute is compared with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Condition {
    /// The number itself.
    Number(f64),
    /// A pattern, or a comparison of numbers.
    Text(String),
}

/// A value that a rule sets.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not the TOML that rules are written in.
    #[error("{0}")]
    Syntax(String),
    /// A condition on what is no attribute.
    #[error("rule {rule:?} matches {name:?}, which is no attribute; there are {}", NAMES.join(", "))]
    Attribute {
        /// The rule.
        rule: String,
        /// The name.
        name: String,
    },
    /// A condition that is none.
    #[error("rule {rule:?}: {condition:?} is no condition on {name}")]
    Condition {
        /// The rule.
        rule: String,
        /// The attribute.
        name: String,
        /// The condition.
        condition: String,
    },
    /// Sets what is no harmonised attribute.
    #[error("rule {rule:?} sets {name:?}, which is no harmonised attribute; there are {}", targets())]
    Target {
        /// The rule.
        rule: String,
        /// The name.
        name: String,
    },
    /// Sets a value that the vocabulary lacks.
    #[error("rule {rule:?} sets {name} to {value}; it is {expected}")]
    Value {
        /// The rule.
        rule: String,
        /// The harmonised attribute.
        name: String,
        /// The value.
        value: String,
        /// What it may be.
        expected: String,
    },
}

fn targets() -> String {
    TARGETS.iter().map(|t| t.name).collect::<Vec<_>>().join(", ")
}

impl Rules {
    /// Reads rules from the text of their files, in order.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, RuleError> {
        let mut out = Self::default();
        let mut digest = Sha256::new();
        for text in texts {
            let file: File = toml::from_str(text).map_err(|e| RuleError::Syntax(e.to_string()))?;
            file.rules.iter().try_for_each(check)?;
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
            out.versions.push(file.version);
            out.list.extend(file.rules);
        }
        if !out.versions.is_empty() {
            out.digest = Some(hex::encode(&digest.finalize()[..8]));
        }
        Ok(out)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Versions and digest of the text, and the version of what is built in: kept with every value.
    pub fn identity(&self) -> String {
        let built_in = format!("built-in {BUILT_IN}");
        match &self.digest {
            Some(digest) => format!("{} {digest}, {built_in}", self.versions.join("+")),
            None => built_in,
        }
    }

    /// Sets what rules say over what is known so far.
    pub(super) fn apply(&self, attributes: &Attributes, out: &mut Harmonised) {
        if self.list.is_empty() {
            return;
        }
        let map = attributes.by_name();
        for rule in &self.list {
            let here = rule.site.as_deref().is_none_or(|site| attributes.site.as_deref() == Some(site));
            let holds = |(name, condition): (&String, &Condition)| condition.holds(map.get(name));
            if !here || !rule.conditions.iter().all(holds) {
                continue;
            }
            for (name, value) in &rule.set {
                let Some(target) = target(name) else { continue };
                let (text, number) = match value {
                    Scalar::Text(text) => (Some(text.clone()), None),
                    Scalar::Number(number) => (None, Some(*number)),
                };
                let code = text
                    .as_deref()
                    .filter(|_| target.name == "region")
                    .and_then(region::whole)
                    .map(|r| r.code.into());
                let from = format!("rule {:?}", rule.name).into();
                out.put(Value { name: target.name.into(), text, number, code, from });
            }
        }
    }
}

/// Raised whenever the built-in tables may derive another value from the same attributes.
const BUILT_IN: u32 = 1;

fn check(rule: &Rule) -> Result<(), RuleError> {
    for (name, condition) in &rule.conditions {
        if !NAMES.contains(&&**name) {
            return Err(RuleError::Attribute { rule: rule.name.clone(), name: name.clone() });
        }
        if let Condition::Text(text) = condition
            && text.is_empty()
        {
            return Err(RuleError::Condition {
                rule: rule.name.clone(),
                name: name.clone(),
                condition: text.clone(),
            });
        }
    }
    for (name, value) in &rule.set {
        let wrong = |expected: String| RuleError::Value {
            rule: rule.name.clone(),
            name: name.clone(),
            value: format!("{value:?}"),
            expected,
        };
        let target =
            target(name).ok_or_else(|| RuleError::Target { rule: rule.name.clone(), name: name.clone() })?;
        match (target, value) {
            (Target { is_number: true, .. }, Scalar::Number(n)) if n.is_finite() => {}
            (Target { is_number: true, .. }, _) => return Err(wrong("a number".into())),
            (Target { words: [], .. }, Scalar::Text(text)) if !text.is_empty() => {}
            (Target { words, .. }, Scalar::Text(text)) if words.contains(&&**text) => {}
            (Target { words: [], .. }, _) => return Err(wrong("a text".into())),
            (Target { words, .. }, _) => return Err(wrong(format!("one of {}", words.join(", ")))),
        }
    }
    Ok(())
}

impl Condition {
    /// Whether it holds for a value; never for one that is absent.
    fn holds(&self, value: Option<&Json>) -> bool {
        match (self, value) {
            (_, None) => false,
            (Self::Number(n), Some(value)) => value.as_f64() == Some(*n),
            (Self::Text(text), Some(Json::Number(number))) => {
                number.as_f64().is_some_and(|n| compares(text, n))
            }
            (Self::Text(pattern), Some(Json::String(text))) => {
                pattern.split('|').any(|p| is_like(text, p.trim()))
            }
            _ => false,
        }
    }
}

/// `>=1.5`, `<3`, `1..3`, `2`.
fn compares(text: &str, n: f64) -> bool {
    let number = |t: &str| t.trim().parse::<f64>().ok();
    if let Some((low, high)) = text.split_once("..") {
        return number(low).is_none_or(|low| n >= low) && number(high).is_none_or(|high| n <= high);
    }
    let table: [(&str, fn(f64, f64) -> bool); 5] = [
        (">=", |a, b| a >= b),
        ("<=", |a, b| a <= b),
        (">", |a, b| a > b),
        ("<", |a, b| a < b),
        ("", |a, b| a == b),
    ];
    table
        .iter()
        .find_map(|(sign, holds)| Some(holds(n, number(text.trim().strip_prefix(sign)?)?)))
        .unwrap_or(false)
}

/// Whether a text fits a pattern with `*`, without regard to case.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::derive;
    use super::*;

    const RULES: &str = r#"
        version = "1"
        [[rule]]
        name = "venous"
        site = "B"
        match = { modality = "CT", protocol = "*ven*|*70s*" }
        set = { phase = "portal", region = "abdomen" }
        [[rule]]
        name = "thin"
        match = { thickness_mm = "<1" }
        set = { kernel = "sharp" }
    "#;

    fn attributes(site: &str, protocol: &str) -> Attributes {
        Attributes {
            site: Some(site.into()),
            modality: Some("CT".into()),
            protocol: Some(protocol.into()),
            thickness_mm: Some(0.75),
            ..Attributes::default()
        }
    }

    #[test]
    fn a_rule_sets_what_it_matches_and_says_so() {
        let rules = Rules::parse([RULES]).unwrap();
        let found = derive(&attributes("B", "Abdo VENoes"), &rules);
        assert_eq!((found.text("phase"), found.text("region")), (Some("portal"), Some("abdomen")));
        assert_eq!(found.value("phase").unwrap().from, "rule \"venous\"");
        assert_eq!(found.value("region").unwrap().code.as_deref(), Some("SCT 818981001"));
        assert_eq!(found.text("kernel"), Some("sharp"));
        assert_eq!(derive(&attributes("A", "Abdo 70s"), &rules).text("phase"), None, "another site");
        assert!(found.rules.starts_with("1 "));
        assert_ne!(Rules::parse([&*RULES.replace("ven", "vein")]).unwrap().identity(), rules.identity());
    }

    #[test]
    fn mistakes_are_named() {
        let wrong = |from: &str, to: &str| Rules::parse([&*RULES.replace(from, to)]).unwrap_err().to_string();
        assert!(wrong("protocol", "protokoll").contains("\"protokoll\", which is no attribute"));
        assert!(wrong("\"portal\"", "\"portale\"").contains("one of none, arterial"));
        assert!(wrong("set = { kernel", "set = { kernels").contains("no harmonised attribute"));
        assert!(wrong("site =", "where =").contains("where"));
    }

    #[test]
    fn patterns_and_comparisons() {
        assert!(is_like("Abdomen VEN 3.0", "*ven*") && is_like("B30f", "b30f") && !is_like("B30f", "b3"));
        assert!(is_like("abc", "a*c") && !is_like("ab", "a*bb"));
        assert!(
            compares(">=1.5", 1.5) && !compares("<1", 1.0) && compares("1..3", 2.0) && compares("2", 2.0)
        );
    }
}
