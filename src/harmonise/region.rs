//! Body regions, coded in SNOMED CT (PS3.16 CID 4031 and table L-1).

use super::attributes::{says, words};
use super::{Attributes, Harmonised, Value};

/// A body region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The region's name.
    pub name: &'static str,
    /// Coding scheme and code of what was named, which may be a part of the region.
    pub code: &'static str,
}

pub(super) const NAMES: &[&str] = &[
    "head",
    "neck",
    "chest",
    "abdomen",
    "pelvis",
    "heart",
    "breast",
    "cervical_spine",
    "thoracic_spine",
    "lumbar_spine",
    "spine",
    "shoulder",
    "arm",
    "elbow",
    "wrist",
    "hand",
    "hip",
    "leg",
    "knee",
    "ankle",
    "foot",
    "extremity",
    "whole_body",
    "head_neck",
    "neck_chest",
    "chest_abdomen",
    "abdomen_pelvis",
    "chest_abdomen_pelvis",
    "neck_chest_abdomen_pelvis",
    "phantom",
];

const fn part(term: &'static str, name: &'static str, code: &'static str) -> (&'static str, Region) {
    (term, Region { name, code })
}

/// Body Part Examined (table L-1 and what is common in the field), the region and the code.
const PARTS: &[(&str, Region)] = &[
    part("HEAD", "head", "SCT 69536005"),
    part("BRAIN", "head", "SCT 12738006"),
    part("SKULL", "head", "SCT 89546000"),
    part("FACE", "head", "SCT 89545001"),
    part("SINUS", "head", "SCT 2095001"),
    part("SINUSES", "head", "SCT 2095001"),
    part("ORBIT", "head", "SCT 363654007"),
    part("ORBITS", "head", "SCT 363654007"),
    part("EYE", "head", "SCT 81745001"),
    part("IAC", "head", "SCT 361078006"),
    part("NECK", "neck", "SCT 45048000"),
    part("CAROTID", "neck", "SCT 69105007"),
    part("CHEST", "chest", "SCT 816094009"),
    part("THORAX", "chest", "SCT 816094009"),
    part("LUNG", "chest", "SCT 39607008"),
    part("RIB", "chest", "SCT 113197003"),
    part("RIBS", "chest", "SCT 113197003"),
    part("CLAVICLE", "chest", "SCT 51299004"),
    part("HEART", "heart", "SCT 80891009"),
    part("CARDIAC", "heart", "SCT 80891009"),
    part("CORONARY", "heart", "SCT 80891009"),
    part("BREAST", "breast", "SCT 76752008"),
    part("ABDOMEN", "abdomen", "SCT 818981001"),
    part("LIVER", "abdomen", "SCT 10200004"),
    part("KIDNEY", "abdomen", "SCT 64033007"),
    part("PANCREAS", "abdomen", "SCT 15776009"),
    part("PELVIS", "pelvis", "SCT 816092008"),
    part("PROSTATE", "pelvis", "SCT 41216001"),
    part("UTERUS", "pelvis", "SCT 35039007"),
    part("SPINE", "spine", "SCT 421060004"),
    part("CSPINE", "cervical_spine", "SCT 122494005"),
    part("TSPINE", "thoracic_spine", "SCT 122495006"),
    part("LSPINE", "lumbar_spine", "SCT 122496007"),
    part("SHOULDER", "shoulder", "SCT 16982005"),
    part("ARM", "arm", "SCT 40983000"),
    part("HUMERUS", "arm", "SCT 40983000"),
    part("FOREARM", "arm", "SCT 14975008"),
    part("ELBOW", "elbow", "SCT 16953009"),
    part("WRIST", "wrist", "SCT 74670003"),
    part("HAND", "hand", "SCT 85562004"),
    part("FINGER", "hand", "SCT 7569003"),
    part("HIP", "hip", "SCT 29836001"),
    part("THIGH", "leg", "SCT 68367000"),
    part("FEMUR", "leg", "SCT 68367000"),
    part("LEG", "leg", "SCT 30021000"),
    part("KNEE", "knee", "SCT 72696002"),
    part("ANKLE", "ankle", "SCT 70258002"),
    part("FOOT", "foot", "SCT 56459004"),
    part("TOE", "foot", "SCT 29707007"),
    part("EXTREMITY", "extremity", "SCT 66019005"),
    part("UEXTREMITY", "arm", "SCT 53120007"),
    part("LEXTREMITY", "leg", "SCT 61685007"),
    part("WHOLEBODY", "whole_body", "SCT 38266002"),
    part("HEADNECK", "head_neck", "SCT 774007"),
    part("NECKCHEST", "neck_chest", "SCT 417437006"),
    part("CHESTABDOMEN", "chest_abdomen", "SCT 416550000"),
    part("ABDOMENPELVIS", "abdomen_pelvis", "SCT 818982008"),
    part("CHESTABDPELVIS", "chest_abdomen_pelvis", "SCT 416775004"),
    part("NECKCHESTABDPELV", "neck_chest_abdomen_pelvis", "SCT 416319003"),
    part("PHANTOM", "phantom", "DCM 113681"),
];

/// Codes of SNOMED's former style that the Anatomic Region Sequence still carries.
const FORMER: &[(&str, &str)] = &[
    ("T-D1100", "HEAD"),
    ("T-A0100", "BRAIN"),
    ("T-D1600", "NECK"),
    ("T-D3000", "CHEST"),
    ("T-28000", "LUNG"),
    ("T-32000", "HEART"),
    ("T-04000", "BREAST"),
    ("T-D4000", "ABDOMEN"),
    ("T-62000", "LIVER"),
    ("T-71000", "KIDNEY"),
    ("T-D6000", "PELVIS"),
    ("T-92000", "PROSTATE"),
    ("T-11501", "CSPINE"),
    ("T-11502", "TSPINE"),
    ("T-11503", "LSPINE"),
    ("T-D0010", "WHOLEBODY"),
    ("R-FAB55", "CHESTABDOMEN"),
    ("R-FAB56", "ABDOMENPELVIS"),
    ("R-FAB57", "CHESTABDPELVIS"),
];

/// Words of descriptions, the region that they mean, and whether it may be named together with others.
const WORDS: &[(&[&str], &str)] = &[
    (
        &[
            "head",
            "brain",
            "skull",
            "cranial",
            "cranium",
            "cerebral",
            "hirn",
            "kopf",
            "schaedel",
            "schädel",
            "tete",
            "crane",
            "sinus",
            "sinuses",
            "orbit",
            "orbits",
            "iac",
            "pituitary",
            "sella",
            "temporal bone",
        ],
        "HEAD",
    ),
    (&["neck", "hals", "carotid", "carotids", "larynx", "thyroid", "cou"], "NECK"),
    (&["chest", "thorax", "thoracic", "lung", "lungs", "pulmonary", "thx", "hrct", "mediastinum"], "CHEST"),
    (
        &[
            "abdomen",
            "abdominal",
            "abd",
            "liver",
            "hepatic",
            "kidney",
            "kidneys",
            "renal",
            "pancreas",
            "mrcp",
            "adrenal",
            "enterography",
            "colon",
            "colonoscopy",
            "colonography",
        ],
        "ABDOMEN",
    ),
    (&["pelvis", "pelvic", "becken", "prostate", "bladder", "uterus", "bassin", "pel"], "PELVIS"),
];
const ALONE: &[(&[&str], &str)] = &[
    (&["whole body", "wholebody", "ganzkoerper", "total body"], "WHOLEBODY"),
    (&["c spine", "cspine", "cervical spine", "cervical"], "CSPINE"),
    (&["t spine", "tspine", "thoracic spine", "dorsal spine"], "TSPINE"),
    (&["l spine", "lspine", "lumbar spine", "lumbar", "lumbosacral"], "LSPINE"),
    (&["spine"], "SPINE"),
    (&["heart", "cardiac", "coronary", "coronaries", "smartscore", "calcium score", "lge"], "HEART"),
    (&["breast", "mamma", "mammography"], "BREAST"),
    (&["shoulder"], "SHOULDER"),
    (&["elbow"], "ELBOW"),
    (&["wrist"], "WRIST"),
    (&["hand"], "HAND"),
    (&["hip", "hips"], "HIP"),
    (&["knee", "knees"], "KNEE"),
    (&["ankle"], "ANKLE"),
    (&["foot", "feet"], "FOOT"),
    (&["humerus", "forearm", "upper extremity"], "ARM"),
    (&["tibia", "femur", "lower extremity"], "LEG"),
];

fn named(term: &str) -> Option<Region> {
    PARTS.iter().find(|(t, _)| *t == term).map(|(_, r)| *r)
}

/// The region with this name, coded as a whole.
pub(super) fn whole(name: &str) -> Option<Region> {
    PARTS.iter().find(|(_, r)| r.name == name).map(|(_, r)| *r)
}

/// A Body Part Examined: the defined term, whatever its case, spaces and underscores.
fn of_body_part(text: &str) -> Option<Region> {
    let term: String =
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    named(&term).or_else(|| of_text(text))
}

fn of_code(code: &str) -> Option<Region> {
    if let Some((_, term)) = FORMER.iter().find(|(former, _)| *former == code) {
        return named(term);
    }
    PARTS.iter().find(|(_, r)| r.code.strip_prefix("SCT ") == Some(code)).map(|(_, r)| *r)
}

/// The region that a description names: one, or neighbours named together.
pub fn of_text(text: &str) -> Option<Region> {
    let words = words(text);
    if let Some((_, term)) = ALONE.iter().find(|(any, _)| says(&words, any)) {
        return named(term);
    }
    if words.iter().any(|w| w == "cap" || w == "tap") {
        return named("CHESTABDPELVIS");
    }
    let found: Vec<&str> = WORDS.iter().filter(|(any, _)| says(&words, any)).map(|(_, term)| *term).collect();
    match &found[..] {
        [one] => named(one),
        ["HEAD", "NECK"] => named("HEADNECK"),
        ["NECK", "CHEST"] => named("NECKCHEST"),
        ["CHEST", "ABDOMEN"] => named("CHESTABDOMEN"),
        ["ABDOMEN", "PELVIS"] => named("ABDOMENPELVIS"),
        ["CHEST", "ABDOMEN", "PELVIS"] => named("CHESTABDPELVIS"),
        ["NECK", "CHEST", "ABDOMEN", "PELVIS"] => named("NECKCHESTABDPELV"),
        _ => None,
    }
}

/// Regions that a part of the body belongs to, so that `head` and `head_neck` do not contradict.
fn parts(name: &str) -> Vec<&str> {
    match name {
        "cervical_spine" => vec!["cervical_spine", "spine", "neck"],
        "thoracic_spine" => vec!["thoracic_spine", "spine", "chest"],
        "lumbar_spine" => vec!["lumbar_spine", "spine", "abdomen", "pelvis"],
        "heart" | "breast" => vec![name, "chest"],
        "hip" => vec!["hip", "pelvis", "leg", "extremity"],
        "shoulder" => vec!["shoulder", "chest", "arm", "extremity"],
        "arm" | "elbow" | "wrist" | "hand" => vec![name, "arm", "extremity"],
        "leg" | "knee" | "ankle" | "foot" => vec![name, "leg", "extremity"],
        other => other.split('_').collect(),
    }
}

/// Whether two regions may be the same image: one holds a part of the other.
pub fn agree(a: &str, b: &str) -> bool {
    let anything = |r: &str| matches!(r, "whole_body" | "phantom");
    anything(a) || anything(b) || parts(a).iter().any(|p| parts(b).contains(p))
}

pub(super) fn derive(attributes: &Attributes, out: &mut Harmonised) {
    let a = attributes;
    let found = a
        .anatomic_region
        .as_deref()
        .and_then(of_code)
        .map(|r| (r, "Anatomic Region Sequence"))
        .or_else(|| Some((of_body_part(a.body_part.as_deref()?)?, "Body Part Examined")))
        .or_else(|| Some((of_text(a.description.as_deref()?)?, "words of Series Description")))
        .or_else(|| Some((of_text(a.protocol.as_deref()?)?, "words of Protocol Name")))
        .or_else(|| Some((of_text(a.study_description.as_deref()?)?, "words of Study Description")));
    if let Some((region, from)) = found {
        out.put(Value {
            name: "region".into(),
            text: Some(region.name.into()),
            number: None,
            code: Some(region.code.into()),
            from: from.into(),
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn regions_by_term_code_and_words() {
        let by_part = |text| of_body_part(text).map(|r| r.name);
        assert_eq!(by_part("CHEST"), Some("chest"));
        assert_eq!(by_part("Head_Neck"), Some("head_neck"));
        assert_eq!(by_part("CSPINE"), Some("cervical_spine"));
        assert_eq!(by_part("Chest/Abd"), Some("chest_abdomen"));
        assert_eq!(by_part("XYZ"), None);
        assert_eq!(of_code("T-A0100").unwrap().code, "SCT 12738006");
        assert_eq!(of_code("816094009").unwrap().name, "chest");
        for (text, expected) in [
            ("CT, HEAD/BRAIN WO CONTRAST", Some("head")),
            ("CT Chest Abdomen Pelvis", Some("chest_abdomen_pelvis")),
            ("XR C Spine Comp Min 4 Views", Some("cervical_spine")),
            ("T-spine", Some("thoracic_spine")),
            ("SmartScore - Gated 0.5 sec", Some("heart")),
            ("Routine", None),
            ("Head and Abdomen", None),
        ] {
            assert_eq!(of_text(text).map(|r| r.name), expected, "{text}");
        }
    }

    #[test]
    fn every_region_is_in_the_vocabulary_and_agrees_with_itself() {
        for (_, region) in PARTS {
            assert!(NAMES.contains(&region.name), "{}", region.name);
            assert!(agree(region.name, region.name));
        }
        assert!(agree("head", "head_neck") && agree("chest", "heart") && !agree("head", "abdomen"));
    }
}
