//! Contrast phases.

use super::attributes::{says, words};
use super::{Attributes, Harmonised};

pub(super) const PHASES: &[&str] =
    &["none", "arterial", "portal", "nephrographic", "excretory", "delayed", "enhanced"];

const NONE: &[&str] = &[
    "noncontrast",
    "non contrast",
    "without contrast",
    "without",
    "wo contrast",
    "wo",
    "unenhanced",
    "nonenhanced",
    "native",
    "nativ",
    "plain",
    "precontrast",
    "pre contrast",
    "noncon",
    "non con",
    "ncct",
    "nect",
    "no contrast",
    "sans contraste",
    "pre gd",
    "pre gad",
];
const ARTERIAL: &[&str] = &["arterial", "art", "arteriell", "arterielle", "cta", "early arterial"];
const PORTAL: &[&str] =
    &["portal", "portalvenous", "portovenous", "pv", "pvp", "venous", "ven", "venoes", "veineux"];
const NEPHROGRAPHIC: &[&str] = &["nephrographic", "nephro", "nephrogram"];
const EXCRETORY: &[&str] = &["excretory", "urographic", "excret", "urographie"];
const DELAYED: &[&str] =
    &["delayed", "delay", "late", "equilibrium", "spaet", "spät", "tardif", "hepatobiliary"];
const ENHANCED: &[&str] = &[
    "enhanced",
    "contrast",
    "with contrast",
    "post contrast",
    "postcontrast",
    "post gd",
    "post gad",
    "gd",
    "gad",
    "km",
    "cect",
    "ce",
    "kontrast",
    "dyn",
    "dynamic",
];

pub(super) fn derive(attributes: &Attributes, out: &mut Harmonised) {
    if !attributes.is("CT") && !attributes.is("MR") {
        return;
    }
    let described = [
        (&attributes.description, "words of Series Description"),
        (&attributes.protocol, "words of Protocol Name"),
    ];
    let mut found = described.into_iter().find_map(|(text, from)| Some((of_text(text.as_deref()?)?, from)));
    // What is said of the study says less than what was given for the series.
    found = found.or_else(|| of_agent(attributes.contrast_agent.as_deref()?));
    found = found.or_else(|| {
        let phase = of_text(attributes.study_description.as_deref()?)?;
        Some((phase, "words of Study Description"))
    });
    if let Some((phase, from)) = found {
        out.set_text("phase", phase, from);
    }
}

/// The phase that a text names; `None` where it names none, or an image with and one without contrast.
fn of_text(text: &str) -> Option<&'static str> {
    let words = words(text);
    let phase = if says(&words, ARTERIAL) {
        Some("arterial")
    } else if says(&words, PORTAL) {
        Some("portal")
    } else if says(&words, NEPHROGRAPHIC) {
        Some("nephrographic")
    } else if says(&words, EXCRETORY) {
        Some("excretory")
    } else if says(&words, DELAYED) {
        Some("delayed")
    } else {
        None
    };
    let none = says(&words, NONE);
    match (phase, none) {
        (Some(_), true) => None,
        (Some(phase), false) => Some(phase),
        (None, true) => (!says(&words, &["w wo", "with and without", "w and wo"])).then_some("none"),
        (None, false) => says(&words, ENHANCED).then_some("enhanced"),
    }
}

/// An agent was given, or the file says that none was.
fn of_agent(agent: &str) -> Option<(&'static str, &'static str)> {
    let words = words(agent);
    match words.first().map(String::as_str) {
        None => None,
        Some("none" | "no" | "without" | "nocontrast") => Some(("none", "Contrast/Bolus Agent")),
        Some(_) => Some(("enhanced", "Contrast/Bolus Agent")),
    }
}

#[cfg(test)]
mod tests {
    use super::of_text;

    #[test]
    fn phases_by_their_words() {
        for (text, expected) in [
            ("5/5mm Plain", Some("none")),
            ("Abd portal venous 3.0", Some("portal")),
            ("LATE ARTERIAL 1.25", Some("arterial")),
            ("delayed 5 min", Some("delayed")),
            ("CT, HEAD/BRAIN WO CONTRAST", Some("none")),
            ("CT chest w/o", Some("none")),
            ("CT W WO CONTRAST", None),
            ("T1 POST GD", Some("enhanced")),
            ("Thin chest, low dose", None),
            ("Starting", None),
        ] {
            assert_eq!(of_text(text), expected, "{text}");
        }
    }
}
