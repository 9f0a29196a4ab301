//! The CSA headers of Siemens and the protocol in them: rebuilt from entries and lines that are known and hold nothing
//! but numbers and fixed words. Readers expect six items in every entry, and find values by their place among them.

use super::{IsClean, is_code_value, is_numeric_text};

/// Entries of the CSA header that are numbers or fixed words and that geometry or diffusion needs.
const CSA_ENTRIES: &[&str] = &[
    "B_matrix",
    "B_value",
    "BandwidthPerPixelPhaseEncode",
    "DiffusionDirectionality",
    "DiffusionGradientDirection",
    "EchoLinePosition",
    "EchoColumnPosition",
    "EchoPartitionPosition",
    "GradientMode",
    "ImaAbsTablePosition",
    "ICE_Dims",
    "ImaRelTablePosition",
    "MosaicRefAcqTimes",
    "NumberOfImagesInMosaic",
    "PhaseEncodingDirectionPositive",
    "PhaseGradientAmplitude",
    "ProtocolSliceNumber",
    "ReadoutGradientAmplitude",
    "RealDwellTime",
    "SelectionGradientAmplitude",
    "SliceMeasurementDuration",
    "SliceNormalVector",
    "SlicePosition_PCS",
    "SliceResolution",
    "SpacingBetweenSlices",
    "TablePositionOrigin",
    "TimeAfterStart",
];
const MAX_ENTRIES: u32 = 128;
/// Items that a reader may look at, whatever their number says.
const LEAST_ITEMS: usize = 6;
/// Values of other entries than numbers.
const WORDS: [&[u8]; 7] = [b"DIRECTIONAL", b"NONE", b"ISOTROPIC", b"BMATRIX", b"Normal", b"Fast", b"Whisper"];
/// Bytes of a value that is kept.
const LONGEST_VALUE: usize = 24;
/// The entry of the series header that holds the protocol.
const PROTOCOL: &str = "MrPhoenixProtocol";
const BEGIN: &[u8] = b"### ASCCONV BEGIN";
const END: &[u8] = b"### ASCCONV END ###";
/// Lines of a protocol that are looked at.
const MAX_LINES: usize = 100_000;

/// What the lines of the protocol that are kept begin with, without their indices; their values are numbers.
const NUMERIC_LINES: &[&str] = &[
    "alTE",
    "alTI",
    "alTR",
    "adFlipAngleDegree",
    "dAveragesDouble",
    "lAverages",
    "lContrasts",
    "lDelayTimeInTR",
    "lInvContrasts",
    "lRepetitions",
    "sAsl.sPostLabelingDelay",
    "sAsl.ulLabelingDuration",
    "sDiffusion.alBValue",
    "sDiffusion.dsScheme",
    "sDiffusion.lDiffDirections",
    "sDiffusion.lDiffWeightings",
    "sDiffusion.sFreeDiffusionData.asDiffDirVector.dCor",
    "sDiffusion.sFreeDiffusionData.asDiffDirVector.dSag",
    "sDiffusion.sFreeDiffusionData.asDiffDirVector.dTra",
    "sDiffusion.sFreeDiffusionData.lDiffDirections",
    "sFastImaging.lEPIFactor",
    "sFastImaging.lEchoSpacing",
    "sFastImaging.lEchoTrainDuration",
    "sFastImaging.lSegments",
    "sFastImaging.lTurboFactor",
    "sGRADSPEC.alShimCurrent",
    "sGRADSPEC.asGPAData.lOffsetX",
    "sGRADSPEC.asGPAData.lOffsetY",
    "sGRADSPEC.asGPAData.lOffsetZ",
    "sGRADSPEC.lOffsetX",
    "sGRADSPEC.lOffsetY",
    "sGRADSPEC.lOffsetZ",
    "sGroupArray.lSize",
    "sKSpace.dPhaseOversamplingForDialog",
    "sKSpace.dPhaseResolution",
    "sKSpace.dSliceResolution",
    "sKSpace.lBaseResolution",
    "sKSpace.lImagesPerSlab",
    "sKSpace.lPartitions",
    "sKSpace.lPhaseEncodingLines",
    "sKSpace.uc2DInterpolation",
    "sKSpace.ucDimension",
    "sKSpace.ucPhasePartialFourier",
    "sKSpace.ucReadoutPartialFourier",
    "sKSpace.ucSlicePartialFourier",
    "sPat.dTotalAccelFact",
    "sPat.lAccelFact3D",
    "sPat.lAccelFactPE",
    "sPat.lRefLinesPE",
    "sPat.ucPATMode",
    "sPat.ucRefScanMode",
    "sPrepPulses.ucMTC",
    "sProtConsistencyInfo.flNominalB0",
    "sProtConsistencyInfo.ulConvFromVersion",
    "sRSatArray.asElm.dThickness",
    "sRSatArray.asElm.sNormal.dTra",
    "sRSatArray.asElm.sPosition.dTra",
    "sRSatArray.asElm.ulShape",
    "sSliceAcceleration.lMultiBandFactor",
    "sSliceArray.alSliceAcqOrder",
    "sSliceArray.lSize",
    "sSliceArray.ucImageNumb",
    "sSliceArray.ucImageNumbCor",
    "sSliceArray.ucImageNumbSag",
    "sSliceArray.ucImageNumbTra",
    "sSliceArray.ucMode",
    "sTXSPEC.asNucleusInfo.flReferenceAmplitude",
    "sWiPMemBlock.adFree",
    "sWiPMemBlock.alFree",
    "sWipMemBlock.adFree",
    "sWipMemBlock.alFree",
    "ucCoilCombineMode",
    "ucReadOutMode",
];
/// The same for lines whose values are short codes: coils, the name of the sequence, the version of the software. They
/// are matched at the end of the name: coils stand at many depths.
const CODED_LINES: &[&str] = &[
    "sCoilElementID.tCoilID",
    "sCoilSelectMeas.sCoilStringForConversion",
    "sProtConsistencyInfo.tBaselineString",
    "sProtConsistencyInfo.tMeasuredBaselineString",
    "tSequenceFileName",
];

/// An entry: name, representation, values at their places.
type Entry<'a> = (String, [u8; 4], Vec<&'a [u8]>);

/// A CSA image header with nothing but the known entries, in the second layout; `None` where it cannot be read.
pub fn image_header(bytes: &[u8], is_clean: IsClean<'_>) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    for (name, vr, values) in entries(bytes)? {
        if !CSA_ENTRIES.contains(&&*name) || !vr[..2].iter().all(u8::is_ascii_uppercase) {
            continue;
        }
        let safe = |value: &&[u8]| {
            let code =
                name == "ICE_Dims" && is_code_value(value) && is_clean(&String::from_utf8_lossy(value));
            let short = value.len() <= LONGEST_VALUE && (is_numeric_text(value) || WORDS.contains(value));
            code || short
        };
        // What is not kept leaves its place.
        let values: Vec<&[u8]> = values.into_iter().map(|v| if safe(&v) { v } else { &[] }).collect();
        if values.iter().any(|v| !v.is_empty()) {
            kept.push((name, vr, values));
        }
    }
    (!kept.is_empty()).then(|| written(&kept))
}

/// A CSA series header with nothing but the known lines of the protocol; `None` where there are none.
pub fn series_header(bytes: &[u8], is_clean: IsClean<'_>) -> Option<Vec<u8>> {
    let entries = entries(bytes)?;
    let text = entries.iter().find(|e| e.0 == PROTOCOL || e.0 == "MrProtocol")?.2.first().copied()?;
    let lines = protocol(text, is_clean)?;
    Some(written(&[(PROTOCOL.to_string(), *b"UN\0\0", vec![&*lines])]))
}

/// The known lines of a protocol between its marks; `None` where there are none.
pub fn protocol(text: &[u8], is_clean: IsClean<'_>) -> Option<Vec<u8>> {
    let begin = find(text, BEGIN)?;
    let end = find(&text[begin..], END).map_or(text.len(), |at| begin + at);
    let mut out = b"### ASCCONV BEGIN ###\n".to_vec();
    let head = out.len();
    for line in text[begin..end].split(|&b| b == b'\n').skip(1).take(MAX_LINES) {
        let line = line.trim_ascii_end();
        // A character is written beside its code: `0x20 # ' '`.
        let code = line.iter().position(|&b| b == b'#').filter(|_| !line.contains(&b'"'));
        let line = code.map_or(line, |at| line[..at].trim_ascii_end());
        if is_known(line, is_clean) {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
    }
    if out.len() == head {
        return None;
    }
    out.extend_from_slice(END);
    out.push(b'\n');
    Some(out)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

/// Whether a line `name = value` is on a list and its value is what the list promises.
fn is_known(line: &[u8], is_clean: IsClean<'_>) -> bool {
    let Some(at) = line.iter().position(|&b| b == b'=') else { return false };
    let Ok(name) = std::str::from_utf8(line[..at].trim_ascii()) else { return false };
    let value = line[at + 1..].trim_ascii();
    if name.len() > 128 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._[]".contains(&b)) {
        return false;
    }
    let plain = without_indices(name);
    if NUMERIC_LINES.contains(&&*plain) {
        let hexadecimal = value.strip_prefix(b"0x").is_some_and(|v| v.iter().all(u8::is_ascii_hexdigit));
        return !value.is_empty() && value.len() <= LONGEST_VALUE && (hexadecimal || is_numeric_text(value));
    }
    let quoted = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\""));
    let unquoted = quoted.map(<[u8]>::trim_ascii).map(|v| v.strip_prefix(b"\"").unwrap_or(v));
    let unquoted = unquoted.map(|v| v.strip_suffix(b"\"").unwrap_or(v));
    let is_code = |v: &[u8]| {
        // The name of a sequence is a path: `%SiemensSeq%\tse`.
        v.split(|&b| b == b'\\').all(is_code_value) && is_clean(&String::from_utf8_lossy(v))
    };
    CODED_LINES.iter().any(|known| plain.ends_with(known)) && unquoted.is_some_and(is_code)
}

/// A name without what stands in brackets.
fn without_indices(name: &str) -> String {
    let mut depth = 0_u32;
    let keep = |c: &char| {
        match c {
            '[' => depth += 1,
            ']' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    name.chars().filter(keep).collect()
}

/// Every entry of a header in either layout.
fn entries(bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    let second_layout = bytes.starts_with(b"SV10");
    let mut reader = Reader { bytes, at: if second_layout { 8 } else { 0 } };
    let count = reader.u32()?;
    reader.take(4)?;
    if !(1..=MAX_ENTRIES).contains(&count) {
        return None;
    }
    let mut entries = Vec::new();
    let mut first_items = None;
    for _ in 0..count {
        let name = reader.take(64)?;
        let name = &name[..name.iter().position(|&b| b == 0).unwrap_or(64)];
        reader.take(4)?;
        let vr = *reader.take(4)?.first_chunk::<4>()?;
        reader.take(4)?;
        let items = reader.u32()?;
        reader.take(4)?;
        // The first layout adds the number of items of the first tag to every length.
        let first_items = *first_items.get_or_insert(items);
        let mut values = Vec::new();
        for _ in 0..items {
            let sizes = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
            let length = if second_layout { sizes[1] } else { sizes[0].checked_sub(first_items)? };
            let value = reader.take(length as usize)?;
            reader.take((4 - length as usize % 4) % 4)?;
            values.push(value[..value.iter().position(|&b| b == 0).unwrap_or(value.len())].trim_ascii());
        }
        let name = String::from_utf8_lossy(name).into_owned();
        entries.push((name, [vr[0], vr[1], 0, 0], values));
    }
    Some(entries)
}

/// A header in the second layout.
fn written(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = b"SV10\x04\x03\x02\x01".to_vec();
    let number = |out: &mut Vec<u8>, n: u32| out.extend_from_slice(&n.to_le_bytes());
    number(&mut out, entries.len() as u32);
    number(&mut out, 77);
    for (name, vr, values) in entries {
        let mut field = [0; 64];
        field[..name.len().min(63)].copy_from_slice(&name.as_bytes()[..name.len().min(63)]);
        out.extend_from_slice(&field);
        let filled = values.iter().rposition(|v| !v.is_empty()).map_or(0, |at| at + 1);
        let items = values.len().max(LEAST_ITEMS);
        number(&mut out, filled as u32);
        out.extend_from_slice(vr);
        number(&mut out, 0);
        number(&mut out, items as u32);
        number(&mut out, 77);
        for item in 0..items {
            let value = values.get(item).copied().filter(|v| !v.is_empty());
            let length = value.map_or(0, |v| v.len() as u32 + 1);
            for n in [length, length, 77, length] {
                number(&mut out, n);
            }
            out.extend_from_slice(value.unwrap_or_default());
            out.resize(out.len() + usize::from(length > 0) + (4 - length as usize % 4) % 4, 0);
        }
    }
    out
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_keeps_known_lines_and_no_name() {
        let text = b"rubbish\n### ASCCONV BEGIN object=x ###\nsKSpace.lBaseResolution\t = \t64\n\
            tPatientName = \"\"Brackley\"\"\nsKSpace.ucPhasePartialFourier = 0x20 # ' '\n\
            sKSpace.lPartitions = Brackley\na.asList[3].sCoilElementID.tCoilID = \"\"Head_32\"\"\n\
            b.sCoilElementID.tCoilID = \"\"Brackley\"\"\n### ASCCONV END ###\n<tail>";
        let kept = protocol(text, &|t| !t.contains("Brackley")).unwrap();
        assert_eq!(
            String::from_utf8(kept).unwrap(),
            "### ASCCONV BEGIN ###\nsKSpace.lBaseResolution\t = \t64\nsKSpace.ucPhasePartialFourier = 0x20\n\
             a.asList[3].sCoilElementID.tCoilID = \"\"Head_32\"\"\n### ASCCONV END ###\n"
        );
        assert_eq!(protocol(b"### ASCCONV BEGIN ###\ntPatientName = 1\n", &|_| true), None);
        assert_eq!(protocol(b"nothing", &|_| true), None);
    }

    #[test]
    fn values_keep_their_places_among_six_items() {
        let value = [&b"1"[..], b"", b"Brackley", b"0.5"].to_vec();
        let header = written(&[("MosaicRefAcqTimes".into(), *b"FD\0\0", value)]);
        let rebuilt = image_header(&header, &|_| true).unwrap();
        let found = entries(&rebuilt).unwrap();
        assert_eq!(found[0].2, [&b"1"[..], b"", b"", b"0.5", b"", b""]);
        assert!(!rebuilt.windows(8).any(|w| w == b"Brackley"));
        for end in 0..rebuilt.len() {
            let _ = image_header(&rebuilt[..end], &|_| true);
        }
    }
}
