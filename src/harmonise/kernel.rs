//! Families of CT reconstruction kernels, by the vendors' codes.

use super::equipment::vendor;
use super::{Attributes, Harmonised};

pub(super) const FAMILIES: &[&str] = &["soft", "sharp"];

pub(super) fn derive(attributes: &Attributes, out: &mut Harmonised) {
    if !attributes.is("CT") {
        return;
    }
    let Some(code) = attributes.kernel.as_deref().and_then(|k| k.split('\\').next()) else { return };
    let vendor = attributes.manufacturer.as_deref().and_then(vendor);
    if let Some((family, from)) = family(vendor, code) {
        out.set_text("kernel", family, from);
    }
}

/// The family of a code. A code names its vendor well enough where Manufacturer is missing, except single letters.
fn family(vendor: Option<&str>, code: &str) -> Option<(&'static str, &'static str)> {
    let code = code.trim().to_ascii_uppercase();
    match vendor {
        Some("siemens") => siemens(&code).map(|f| (f, "Siemens kernel number")),
        Some("ge") => ge(&code).map(|f| (f, "GE reconstruction algorithm")),
        Some("philips") => philips(&code).map(|f| (f, "Philips filter")),
        Some("canon") => canon(&code).map(|f| (f, "Canon filter convolution")),
        None => siemens(&code)
            .filter(|_| code.len() > 2)
            .map(|f| (f, "Siemens kernel number"))
            .or_else(|| ge(&code).map(|f| (f, "GE reconstruction algorithm")))
            .or_else(|| canon(&code).map(|f| (f, "Canon filter convolution"))),
        Some(_) => None,
    }
}

/// One or two letters (B body, H head, U ultra high resolution, I iterative, Br, Bl, Bf, Bv, Hr, Qr, Ur …), a number that
/// grows with sharpness, and letters: 10 to 48 smooth to medium, from 50 on sharp.
fn siemens(code: &str) -> Option<&'static str> {
    let letters = code.bytes().take_while(u8::is_ascii_alphabetic).count();
    let digits: String = code[letters..].chars().take_while(char::is_ascii_digit).collect();
    let number: u32 = digits.parse().ok()?;
    let known = matches!(
        &code[..letters],
        "B" | "H"
            | "U"
            | "I"
            | "J"
            | "T"
            | "S"
            | "D"
            | "BR"
            | "BL"
            | "BF"
            | "BV"
            | "BZ"
            | "BP"
            | "HR"
            | "HC"
            | "HF"
            | "HV"
            | "HP"
            | "QR"
            | "QF"
            | "UR"
            | "UB"
            | "UU"
            | "SA"
            | "SD"
            | "AX"
    );
    (known && (10..=99).contains(&number)).then_some(if number < 50 { "soft" } else { "sharp" })
}

fn ge(code: &str) -> Option<&'static str> {
    match code {
        "SOFT" | "STANDARD" | "STND" | "STND+" | "CHEST" | "ULTRA SOFT" | "BRAIN" => Some("soft"),
        "DETAIL" | "LUNG" | "BONE" | "BONEPLUS" | "BONE+" | "BONE PLUS" | "EDGE" | "EDGE PLUS" | "ULTRA"
        | "HD LUNG" | "HD BONE" => Some("sharp"),
        _ => None,
    }
}

/// A, B, C and their body and brain variants smooth to standard; D, E, F and those for bone and lung (L, Y…) sharp.
fn philips(code: &str) -> Option<&'static str> {
    match code {
        "A" | "B" | "C" | "EA" | "EB" | "EC" | "UA" | "UB" | "UC" | "BRAIN STANDARD" | "BRAIN SMOOTH"
        | "SMOOTH" | "STANDARD" | "XCA" | "XCB" | "XCC" | "CA" | "CB" | "CC" | "I30F" | "I40F" => {
            Some("soft")
        }
        "D" | "E" | "F" | "L" | "YA" | "YB" | "YC" | "YD" | "YE" | "DETAIL" | "BONE" | "LUNG" | "SHARP"
        | "XCD" | "CD" => Some("sharp"),
        _ => None,
    }
}

/// FC and two digits: 1 to 29 body and head with smooth to standard filters, 40 to 49 and 60 to 69 head likewise; 30 to
/// 39 bone, 50 to 59 lung and 80 to 89 fine structures sharp.
fn canon(code: &str) -> Option<&'static str> {
    let number: u32 = code.strip_prefix("FC")?.get(..2)?.parse().ok()?;
    match number {
        1..=29 | 40..=49 | 60..=69 => Some("soft"),
        30..=39 | 50..=59 | 80..=89 => Some("sharp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::family;

    #[test]
    fn codes_of_every_vendor() {
        for (vendor, code, expected) in [
            ("siemens", "B30f", Some("soft")),
            ("siemens", "B70f", Some("sharp")),
            ("siemens", "H31s", Some("soft")),
            ("siemens", "Br40d\\3", Some("soft")),
            ("siemens", "Bl57f", Some("sharp")),
            ("siemens", "I50f", Some("sharp")),
            ("ge", "STANDARD", Some("soft")),
            ("ge", "LUNG", Some("sharp")),
            ("ge", "BONEPLUS", Some("sharp")),
            ("philips", "B", Some("soft")),
            ("philips", "YC", Some("sharp")),
            ("canon", "FC08", Some("soft")),
            ("canon", "FC52", Some("sharp")),
            ("canon", "FC18-H", Some("soft")),
            ("hitachi", "11", None),
            ("siemens", "X", None),
        ] {
            assert_eq!(family(Some(vendor), code).map(|f| f.0), expected, "{vendor} {code}");
        }
        assert_eq!(family(None, "STANDARD").map(|f| f.0), Some("soft"));
        assert_eq!(family(None, "B"), None, "a letter means nothing without its vendor");
    }
}
