//! Left and right the wrong way round.

use serde_json::json;

use super::{LabelCheck, LabelInput};
use crate::model::{Finding, Severity};

/// A structure called left lies to the right of the one called right.
#[derive(Debug, Clone, Copy)]
pub struct SwappedSides;

impl LabelCheck for SwappedSides {
    fn id(&self) -> &'static str {
        "label_sides"
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (number, name) in input.names {
            let Some(other) = mirrored(name) else { continue };
            let Some((right, _)) = input.names.iter().find(|(_, n)| n.to_lowercase() == other) else {
                continue;
            };
            let set = |number: &u32| input.structures.iter().find(|s| s.number == *number);
            let (Some(left), Some(right)) = (set(number), set(right)) else { continue };
            // RAS+: what is further right has the larger first coordinate.
            let [l, r] = [left, right].map(|s| input.ras_mm(s.centre())[0]);
            if l > r {
                let message = format!(
                    "{name} lies to the right of {other}: the sides are swapped, or the image is flipped"
                );
                let evidence = json!({"left": name, "left_x_mm": l, "right": other, "right_x_mm": r});
                findings.push(self.finding(Severity::Error, message, evidence));
            }
        }
        findings
    }
}

/// The name of the other side of what is called left, in lower case.
fn mirrored(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split_inclusive(|c: char| !c.is_alphanumeric()).collect();
    let swap = |word: &&str| {
        let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        match bare {
            "left" => Some(word.replace("left", "right")),
            "lt" => Some(word.replace("lt", "rt")),
            "l" => Some(word.replace('l', "r")),
            _ => None,
        }
    };
    let at = words.iter().position(|w| swap(w).is_some())?;
    let mut out: Vec<String> = words.iter().map(|w| (*w).to_string()).collect();
    out[at] = swap(&words[at])?;
    Some(out.concat())
}

#[cfg(test)]
mod tests {
    use super::mirrored;

    #[test]
    fn names_of_the_other_side() {
        assert_eq!(mirrored("left_lung").as_deref(), Some("right_lung"));
        assert_eq!(mirrored("Lung, Left").as_deref(), Some("lung, right"));
        assert_eq!(mirrored("kidney_l").as_deref(), Some("kidney_r"));
        assert_eq!(mirrored("liver"), None);
        assert_eq!(mirrored("right_lung"), None);
    }
}
