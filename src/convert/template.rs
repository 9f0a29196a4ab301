//! Names of label files that say what they are: `{series}_{reader}_{structure}.nii.gz`.

use std::collections::BTreeMap;
use std::path::Path;

/// Fields that a template may have.
const FIELDS: [&str; 6] = ["series", "reader", "structure", "subject", "study", "any"];

/// A template of file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(String),
}

impl Template {
    /// From its text.
    ///
    /// # Errors
    /// A field that there is not, a brace without its like, or two fields that nothing divides: in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let Some(open) = rest.find('{') else {
                parts.push(Part::Text(rest.into()));
                break;
            };
            if open > 0 {
                parts.push(Part::Text(rest[..open].into()));
            }
            let close = rest[open..].find('}').ok_or("a { without its }")? + open;
            let field = &rest[open + 1..close];
            if !FIELDS.contains(&field) {
                return Err(format!("no field is called that; there are {{{}}}", FIELDS.join("}, {")));
            }
            if matches!(parts.last(), Some(Part::Field(_))) {
                return Err("two fields with nothing between them".into());
            }
            parts.push(Part::Field(field.into()));
            rest = &rest[close + 1..];
        }
        Ok(Self { parts })
    }

    /// What the name of a file says; `None` where it has another form. Each field takes as little as it can.
    pub fn parts(&self, path: &Path) -> Option<BTreeMap<String, String>> {
        let name = path.file_name()?.to_str()?;
        let mut found = BTreeMap::new();
        matches(&self.parts, name, &mut found).then_some(found)
    }
}

fn matches(parts: &[Part], text: &str, found: &mut BTreeMap<String, String>) -> bool {
    match parts.split_first() {
        None => text.is_empty(),
        Some((Part::Text(literal), rest)) => {
            text.strip_prefix(literal.as_str()).is_some_and(|after| matches(rest, after, found))
        }
        Some((Part::Field(field), rest)) => {
            let ends = text.char_indices().skip(1).map(|(at, _)| at).chain([text.len()]);
            for end in ends.filter(|end| *end > 0) {
                if matches(rest, &text[end..], found) {
                    if field != "any" {
                        found.insert(field.clone(), text[..end].into());
                    }
                    return true;
                }
            }
            false
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let template = Template::parse("{series}_{reader}_{structure}.nii.gz").unwrap();
        let found = template.parts(Path::new("labels/1.2.3_r-07_left lung.nii.gz")).unwrap();
        assert_eq!(found["series"], "1.2.3");
        assert_eq!(found["reader"], "r-07");
        assert_eq!(found["structure"], "left lung");
        assert!(template.parts(Path::new("1.2.3_r.nii.gz")).is_none());
        assert!(Template::parse("{series}{reader}").is_err());
        assert!(Template::parse("{who}").is_err());
    }
}
