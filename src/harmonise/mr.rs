//! MR sequence families and weightings.

use super::attributes::{says, words};
use super::{Attributes, Harmonised};

pub(super) const SEQUENCES: &[&str] =
    &["spin_echo", "turbo_spin_echo", "inversion_recovery", "gradient_echo", "echo_planar", "spectroscopy"];

pub(super) const WEIGHTINGS: &[&str] = &[
    "t1",
    "t2",
    "pd",
    "flair",
    "stir",
    "t2_star",
    "dwi",
    "adc",
    "swi",
    "tof",
    "perfusion",
    "bold",
    "localizer",
];

pub(super) fn derive(attributes: &Attributes, out: &mut Harmonised) {
    if !attributes.is("MR") {
        return;
    }
    if let Some((sequence, from)) = sequence(attributes) {
        out.set_text("sequence", sequence, from);
    }
    let sequence = out.text("sequence").map(str::to_string);
    if let Some((weighting, from)) = weighting(attributes, sequence.as_deref()) {
        out.set_text("weighting", weighting, from);
    }
}

fn has(values: Option<&str>, value: &str) -> bool {
    values.is_some_and(|v| v.split('\\').any(|v| v.trim() == value))
}

/// By Scanning Sequence (PS3.3 C.8.3.1), or Echo Pulse Sequence and Sequence Name where that is missing.
fn sequence(a: &Attributes) -> Option<(&'static str, &'static str)> {
    let of = |value| has(a.scanning_sequence.as_deref(), value);
    let name = a.sequence_name.as_deref().unwrap_or_default().to_ascii_lowercase();
    let name = name.trim_start_matches(['*', '_']);
    let turbo = a.echo_train_length.is_some_and(|n| n > 1.0)
        || ["tse", "fse", "tir", "spc", "h_", "hast"].iter().any(|n| name.starts_with(n));
    let from = "Scanning Sequence";
    if of("EP") {
        Some(("echo_planar", from))
    } else if of("GR") {
        Some(("gradient_echo", from))
    } else if of("SE") && of("IR") {
        Some(("inversion_recovery", from))
    } else if of("SE") {
        Some((if turbo { "turbo_spin_echo" } else { "spin_echo" }, from))
    } else if of("IR") {
        Some(("inversion_recovery", from))
    } else {
        let by_echo = match a.echo_pulse_sequence.as_deref() {
            Some("SPIN") => Some(if turbo { "turbo_spin_echo" } else { "spin_echo" }),
            Some("GRADIENT") => Some("gradient_echo"),
            _ => None,
        };
        let by_name = || {
            let starts = |any: &[&str]| any.iter().any(|n| name.starts_with(n));
            if starts(&["ep", "epi"]) {
                Some("echo_planar")
            } else if starts(&["tse", "fse", "spc", "hast", "h_"]) {
                Some("turbo_spin_echo")
            } else if starts(&[
                "tfl", "fl", "swi", "tfi", "gre", "ffe", "tfe", "t1ffe", "t1tfe", "spgr", "fspgr",
            ]) {
                Some("gradient_echo")
            } else if starts(&["se", "spe"]) {
                Some("spin_echo")
            } else if starts(&["tir", "ir"]) {
                Some("inversion_recovery")
            } else {
                None
            }
        };
        by_echo.map(|s| (s, "Echo Pulse Sequence")).or_else(|| by_name().map(|s| (s, "Sequence Name")))
    }
}

/// By what the file says outright, then by the words of its description, then by its times.
fn weighting(a: &Attributes, sequence: Option<&str>) -> Option<(&'static str, &'static str)> {
    let described = a.description.as_deref().or(a.protocol.as_deref()).unwrap_or_default();
    let words = words(described);
    if has(a.image_type.as_deref(), "ADC") || says(&words, &["adc"]) {
        return Some(("adc", "Image Type or description"));
    }
    if has(a.image_type.as_deref(), "LOCALIZER")
        || says(&words, &["localizer", "localiser", "scout", "survey", "pilot"])
    {
        return Some(("localizer", "Image Type or description"));
    }
    by_acquisition_contrast(a)
        .or_else(|| a.b_value.filter(|b| *b > 0.0).map(|_| ("dwi", "Diffusion b-value")))
        .or_else(|| by_words(&words).map(|w| (w, "words of the description")))
        .or_else(|| by_sequence_name(a))
        .or_else(|| by_times(a, sequence))
}

/// Acquisition Contrast (PS3.3 C.8.13.3.1.1).
fn by_acquisition_contrast(a: &Attributes) -> Option<(&'static str, &'static str)> {
    let weighting = match a.acquisition_contrast.as_deref()?.trim() {
        "T1" => "t1",
        "T2" => "t2",
        "T2_STAR" => "t2_star",
        "PROTON_DENSITY" => "pd",
        "DIFFUSION" => "dwi",
        "FLUID_ATTENUATED" => "flair",
        "STIR" => "stir",
        "TOF" | "FLOW_ENCODED" => "tof",
        "PERFUSION" => "perfusion",
        _ => return None,
    };
    Some((weighting, "Acquisition Contrast"))
}

fn by_words(words: &[String]) -> Option<&'static str> {
    let table: &[(&[&str], &str)] = &[
        (&["flair", "t2flair"], "flair"),
        (&["stir", "tirm"], "stir"),
        (&["dwi", "dti", "diff", "diffusion", "trace", "tracew"], "dwi"),
        (&["swi", "venbold", "swan"], "swi"),
        (&["tof", "mra"], "tof"),
        (&["asl", "perfusion", "perf", "dsc"], "perfusion"),
        (&["bold", "fmri", "resting state", "rest"], "bold"),
        (&["t2star", "t2 star", "hemo"], "t2_star"),
        (&["mprage", "bravo", "t1", "t1w", "spgr", "fspgr", "vibe", "lava", "thrive"], "t1"),
        (&["t2", "t2w"], "t2"),
        (&["pd", "pdw"], "pd"),
    ];
    table.iter().find(|(any, _)| says(words, any)).map(|(_, weighting)| *weighting)
}

/// Siemens writes what a sequence is into its name: `*tfl3d1`, `ep_b1000`, `swi3d1r`.
fn by_sequence_name(a: &Attributes) -> Option<(&'static str, &'static str)> {
    let name = a.sequence_name.as_deref()?.to_ascii_lowercase();
    let name = name.trim_start_matches(['*', '_']);
    let weighting = if name.starts_with("tfl") {
        "t1"
    } else if name.starts_with("ep_b") || name.starts_with("ep2d_diff") {
        "dwi"
    } else if name.starts_with("swi") {
        "swi"
    } else {
        return None;
    };
    Some((weighting, "Sequence Name"))
}

/// By times: short TR and TE show T1, long ones T2, a long TR with a short TE proton density; with inversion, a TI that
/// nulls fluid or fat (McRobbie et al., MRI from Picture to Proton, chapters 3 and 12).
fn by_times(a: &Attributes, sequence: Option<&str>) -> Option<(&'static str, &'static str)> {
    let (tr, te) = (a.repetition_time_ms?, a.echo_time_ms?);
    let ti = a.inversion_time_ms.filter(|t| *t > 0.0);
    let spoiled = has(a.sequence_variant.as_deref(), "SP") || has(a.sequence_variant.as_deref(), "MP");
    let weighting = match sequence? {
        "inversion_recovery" => match ti? {
            ti if ti >= 1500.0 && te >= 60.0 => "flair",
            ti if (80.0..=300.0).contains(&ti) => "stir",
            ti if (300.0..1500.0).contains(&ti) && te <= 40.0 => "t1",
            _ => return None,
        },
        "spin_echo" | "turbo_spin_echo" => match (tr, te) {
            (tr, te) if tr <= 1000.0 && te <= 40.0 => "t1",
            (tr, te) if tr >= 1800.0 && te >= 60.0 => "t2",
            (tr, te) if tr >= 1800.0 && te <= 45.0 => "pd",
            _ => return None,
        },
        "gradient_echo" => match te {
            te if te >= 15.0 => "t2_star",
            te if te <= 12.0 && (ti.is_some() || spoiled) => "t1",
            _ => return None,
        },
        "echo_planar" if has(a.scanning_sequence.as_deref(), "GR") => "t2_star",
        _ => return None,
    };
    Some((weighting, "TR, TE and TI"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(change: impl FnOnce(&mut Attributes)) -> (Option<String>, Option<String>) {
        let mut a = Attributes { modality: Some("MR".into()), ..Attributes::default() };
        change(&mut a);
        let mut out = Harmonised::default();
        derive(&a, &mut out);
        (out.text("sequence").map(Into::into), out.text("weighting").map(Into::into))
    }

    fn times(sequence: &str, tr: f64, te: f64, ti: Option<f64>) -> (Option<String>, Option<String>) {
        derived(|a| {
            a.scanning_sequence = Some(sequence.into());
            (a.repetition_time_ms, a.echo_time_ms, a.inversion_time_ms) = (Some(tr), Some(te), ti);
        })
    }

    #[test]
    fn weightings_by_times() {
        let both = |s: &str, w: &str| (Some(s.to_string()), Some(w.to_string()));
        assert_eq!(times("SE", 500.0, 15.0, None), both("spin_echo", "t1"));
        assert_eq!(times("SE", 4000.0, 100.0, None), both("spin_echo", "t2"));
        assert_eq!(times("SE", 3000.0, 20.0, None), both("spin_echo", "pd"));
        assert_eq!(times("SE\\IR", 6000.0, 394.0, Some(2200.0)), both("inversion_recovery", "flair"));
        assert_eq!(times("SE\\IR", 4000.0, 40.0, Some(160.0)), both("inversion_recovery", "stir"));
        assert_eq!(times("GR", 600.0, 20.0, None), both("gradient_echo", "t2_star"));
        assert_eq!(
            times("SE", 1500.0, 50.0, None),
            (Some("spin_echo".into()), None),
            "neither is not guessed"
        );
    }

    #[test]
    fn words_go_before_times() {
        let found = derived(|a| {
            a.description = Some("t1_vibe_fs_tra_bh_dyn".into());
            a.scanning_sequence = Some("GR".into());
        });
        assert_eq!(found, (Some("gradient_echo".into()), Some("t1".into())));
        let found = derived(|a| a.b_value = Some(1000.0));
        assert_eq!(found.1.as_deref(), Some("dwi"));
    }
}
