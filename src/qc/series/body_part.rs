//! A body part that the header names against the one that the description names.

use serde_json::json;

use crate::harmonise::{region_of_text, regions_agree};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// Body Part Examined and the words of the description name regions that have nothing in common.
#[derive(Debug, Clone, Copy)]
pub struct BodyPartConflict;

impl Check for BodyPartConflict {
    fn id(&self) -> &'static str {
        "body_part_conflict"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(about) = input.about else { return Vec::new() };
        let Some(region) = about.harmonised.value("region") else { return Vec::new() };
        let declared = matches!(&*region.from, "Anatomic Region Sequence" | "Body Part Examined");
        let (true, Some(declared)) = (declared, region.text.as_deref()) else { return Vec::new() };
        let attributes = &about.attributes;
        let described = [
            ("Series Description", attributes.description.as_deref()),
            ("Protocol Name", attributes.protocol.as_deref()),
        ];
        let named = described.into_iter().find_map(|(what, text)| Some((what, region_of_text(text?)?)));
        let Some((what, named)) = named.filter(|(_, named)| !regions_agree(declared, named.name)) else {
            return Vec::new();
        };
        let message = format!("{} says {declared}, the words of {what} say {}", region.from, named.name);
        let evidence = json!({"header": declared, "words": named.name, "from": what});
        vec![self.finding(Severity::Warning, message, evidence)]
    }
}
