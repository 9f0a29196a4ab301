//! The masks of stored pictures are offered to a person again: from Review those of the picture on screen, from the
//! catalog those of a series.

use super::{Dialog, Effect, Effects};
use crate::console::widget::words;
use crate::engine::EngineError;
use crate::engine::command::Moved;
use crate::engine::query::{MaskedView, Severity};

/// The tag of the question.
pub const TAG: &str = "masks";

/// Asks before copies that may show a name lie on the landing side.
pub fn confirm(masked: Option<&MaskedView>, picture: bool) -> Effects {
    let whose = match masked {
        _ if picture => "this picture".to_string(),
        Some(masked) => format!("{} with masks", words::plural(masked.instances, "picture")),
        None => {
            let why = "nothing is masked in this series; Review offers a picture without masks";
            return vec![Effect::Say(Severity::Warning, why.into())];
        }
    };
    let text = format!(
        "Draw the masks of {whose} anew? The source is copied into quarantine (Ingest, m); what is stored stays until then."
    );
    vec![Effect::Dialog(Dialog::Confirm { tag: TAG, text })]
}

/// Says what became of it.
pub fn told(outcome: Result<Moved, EngineError>) -> Effects {
    match outcome {
        Ok(moved) => {
            let mut text = format!("{} in Ingest for their masks", words::plural(moved.moved, "picture"));
            for (count, why) in &moved.refused {
                text += &format!("; {count} not: {why}");
            }
            let severity = if moved.refused.is_empty() { Severity::Info } else { Severity::Warning };
            vec![Effect::Say(severity, text)]
        }
        Err(error) => vec![Effect::Say(Severity::Error, error.to_string())],
    }
}
