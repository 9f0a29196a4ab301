//! Series that were not acquired as their protocol says.

use serde_json::json;

use super::count;
use crate::model::{Finding, Severity};
use crate::qc::protocol::facts;
use crate::qc::{Check, Input};

/// Attributes differ from what the protocol expects of such a series.
#[derive(Debug, Clone, Copy)]
pub struct ProtocolDeviation;

impl Check for ProtocolDeviation {
    fn id(&self) -> &'static str {
        "protocol_deviation"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(about) = input.about.filter(|_| !input.settings.protocols.is_empty()) else {
            return Vec::new();
        };
        let facts = facts(&about.attributes, &about.harmonised);
        let known = input.settings.protocols.iter().find_map(|p| Some((p, p.expectation(&facts)?)));
        let Some((protocol, expectation)) = known else { return Vec::new() };
        let deviations = expectation.deviations(&facts);
        let Some(first) = deviations.first() else { return Vec::new() };
        let message = format!(
            "{} not as the protocol {} expects; {} is {}, expected {}",
            count(deviations.len(), "attribute"),
            protocol.name,
            first.attribute,
            first.found,
            first.expected
        );
        let evidence = json!({"protocol": protocol.name, "deviations": deviations});
        vec![self.finding(Severity::Warning, message, evidence)]
    }
}
