//! Modality families, vendors, devices, scanners, and what the scanner was set to.

use super::{Attributes, Harmonised};

pub(super) const FAMILIES: &[&str] = &[
    "ct",
    "mr",
    "pet",
    "nuclear",
    "xray",
    "mammography",
    "angiography",
    "ultrasound",
    "microscopy",
    "photography",
    "label",
    "report",
    "plan",
    "signal",
    "other",
];

/// The family of a modality (PS3.3 C.7.3.1.1.1).
pub fn family(modality: &str) -> Option<&'static str> {
    Some(match modality {
        "CT" => "ct",
        "MR" => "mr",
        "PT" => "pet",
        "NM" | "ST" => "nuclear",
        "CR" | "DX" | "RG" | "IO" | "PX" | "BMD" => "xray",
        "MG" => "mammography",
        "XA" | "RF" | "DS" | "DF" | "CF" | "FS" => "angiography",
        "US" | "IVUS" | "BDUS" | "EC" => "ultrasound",
        "SM" | "GM" => "microscopy",
        "XC" | "ES" | "OP" | "DMS" => "photography",
        "SEG" | "RTSTRUCT" | "PR" | "KO" | "ANN" => "label",
        "SR" | "DOC" | "RWV" => "report",
        "RTPLAN" | "RTDOSE" | "RTRECORD" | "RTIMAGE" | "PLAN" | "REG" => "plan",
        "ECG" | "EPS" | "HD" | "RESP" | "EEG" | "AU" => "signal",
        "OT" | "SC" => "other",
        _ => return None,
    })
}

/// Words in Manufacturer, and the vendor that they mean today.
const VENDORS: &[(&str, &str)] = &[
    ("siemens", "siemens"),
    ("philips", "philips"),
    ("marconi", "philips"),
    ("picker", "philips"),
    ("adac", "philips"),
    ("ge medical", "ge"),
    ("g.e. medical", "ge"),
    ("ge healthcare", "ge"),
    ("gems", "ge"),
    ("general electric", "ge"),
    ("toshiba", "canon"),
    ("canon", "canon"),
    ("vital images", "canon"),
    ("hitachi", "hitachi"),
    ("sonosite", "sonosite"),
    ("fuji", "fujifilm"),
    ("agfa", "agfa"),
    ("kodak", "carestream"),
    ("carestream", "carestream"),
    ("hologic", "hologic"),
    ("lorad", "hologic"),
    ("samsung", "samsung"),
    ("medison", "samsung"),
    ("mindray", "mindray"),
    ("united imaging", "united_imaging"),
    ("uih", "united_imaging"),
    ("neusoft", "neusoft"),
    ("shimadzu", "shimadzu"),
    ("konica", "konica_minolta"),
    ("hyperfine", "hyperfine"),
    ("esaote", "esaote"),
    ("varian", "varian"),
    ("elekta", "elekta"),
    ("accuray", "accuray"),
    ("bruker", "bruker"),
    ("mediso", "mediso"),
    ("planmed", "planmed"),
    ("mim software", "mim"),
    ("qiicr", "qiicr"),
];

/// The vendor of a Manufacturer; `GE` alone is one, too.
pub(super) fn vendor(manufacturer: &str) -> Option<&'static str> {
    let lower = manufacturer.trim().to_lowercase();
    if lower == "ge" {
        return Some("ge");
    }
    VENDORS.iter().find(|(word, _)| lower.contains(word)).map(|(_, vendor)| *vendor)
}

/// A model's name without needless spaces and without its vendor.
fn device(model: &str) -> Option<String> {
    let words: Vec<&str> = model.split_whitespace().collect();
    let skip = usize::from(words.len() > 1 && vendor(words[0]).is_some());
    let name = words[skip..].join(" ");
    (!name.is_empty() && !name.eq_ignore_ascii_case("none") && !name.eq_ignore_ascii_case("unknown"))
        .then_some(name)
}

/// Field strengths that scanners are sold with, in tesla.
const FIELDS_T: [f64; 16] =
    [0.064, 0.2, 0.23, 0.25, 0.3, 0.35, 0.4, 0.5, 0.55, 0.6, 1.0, 1.2, 1.5, 3.0, 7.0, 11.7];

/// The nominal field strength within 5 %, else the value as it is; some old files have gauss.
fn field_t(value: f64) -> Option<f64> {
    let tesla = if value > 100.0 { value / 10_000.0 } else { value };
    let nominal = FIELDS_T.iter().copied().min_by(|a, b| (a - tesla).abs().total_cmp(&(b - tesla).abs()))?;
    if tesla <= 0.0 {
        return None;
    }
    Some(if (nominal - tesla).abs() <= 0.05 * nominal { nominal } else { tesla })
}

pub(super) fn derive(attributes: &Attributes, out: &mut Harmonised) {
    let a = attributes;
    if let Some(family) = a.modality.as_deref().and_then(family) {
        out.set_text("family", family, "Modality");
    }
    if let Some(vendor) = a.manufacturer.as_deref().and_then(vendor) {
        out.set_text("vendor", vendor, "Manufacturer");
    }
    if let Some(device) = a.model.as_deref().and_then(device) {
        out.set_text("device", device, "Manufacturer's Model Name");
    }
    if let Some(tesla) = a.field_strength.filter(|_| a.is("MR")).and_then(field_t) {
        out.set_number("field_t", tesla, "Magnetic Field Strength");
    }
    let positive = |v: &f64| *v > 0.0;
    if let Some(kvp) = a.kvp.filter(positive) {
        out.set_number("kvp", kvp, "KVP");
    }
    let product =
        || Some((a.tube_current_ma? * a.exposure_time_ms? / 1000.0, "X-Ray Tube Current × Exposure Time"));
    let declared = a.exposure_mas.filter(positive).map(|mas| (mas, "Exposure"));
    if let Some((mas, from)) = declared.or_else(product).filter(|(mas, _)| *mas > 0.0) {
        out.set_number("exposure_mas", mas, from);
    }
    if let Some(mm) = a.thickness_mm.filter(positive) {
        out.set_number("thickness_mm", mm, "Slice Thickness");
    }
}

/// The scanner: by its keyed identity, else by site, vendor and model.
pub(super) fn scanner(attributes: &Attributes, out: &mut Harmonised) {
    if out.value("scanner").is_some() {
        return;
    }
    if let Some(scanner) = &attributes.scanner {
        out.set_text("scanner", scanner.clone(), "keyed serial number");
    } else if let Some(device) = out.text("device") {
        let site = attributes.site.as_deref();
        let parts: Vec<&str> = [site, out.text("vendor"), Some(device)].into_iter().flatten().collect();
        let name = parts.join("/").replace(' ', "_");
        out.set_text("scanner", name, "site, vendor and model");
    }
}

#[cfg(test)]
mod tests {
    use super::{field_t, vendor};

    #[test]
    fn fields_are_nominal() {
        assert_eq!(field_t(1.493_999_958), Some(1.5));
        assert_eq!(field_t(2.893_62), Some(3.0));
        assert_eq!(field_t(15_000.0), Some(1.5));
        assert_eq!(field_t(0.0), None);
        assert_eq!(field_t(9.4), Some(9.4));
    }

    #[test]
    fn vendors_by_any_of_their_names() {
        for (text, expected) in [
            ("GE MEDICAL SYSTEMS", Some("ge")),
            ("G.E. Medical Systems", Some("ge")),
            ("SIEMENS", Some("siemens")),
            ("Siemens HealthCare GmbH", Some("siemens")),
            ("TOSHIBA_MEC", Some("canon")),
            ("FUJI PHOTO FILM CO. LTD.", Some("fujifilm")),
            ("Acme", None),
        ] {
            assert_eq!(vendor(text), expected, "{text}");
        }
    }
}
