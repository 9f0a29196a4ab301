//! What Siemens writes into its private headers, classic and XA.

use serde_json::{Map, Value};

use super::{Facts, put, put_all, put_text};
use crate::dicom::csa::{self, Protocol};
use crate::dicom::{DataSet, private};
use crate::model::tags;

const MR_HEADER: &str = "SIEMENS MR HEADER";
const SDI: &str = "SIEMENS MR SDI 02";
const SDS: &str = "SIEMENS MR SDS 01";

/// The private item of the first frame of an enhanced object.
fn frame_item<'s>(set: &'s DataSet<'_>) -> Option<&'s DataSet<'s>> {
    let group = set.item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)?;
    private::get(group, 0x0021, SDI, 0xFE)?.items().first()
}

/// What the protocol in the private header is called.
pub fn protocol_name(facts: &Facts<'_>) -> Option<String> {
    csa::protocol(facts.set)?.text("tProtocolName")
}

/// Image type as XA keeps it in a private element, with the words that its public one leaves out.
pub fn image_type_words(facts: &Facts<'_>) -> Vec<String> {
    let words = || {
        let bytes = private::get(frame_item(facts.set)?, 0x0021, SDI, 0x75)?.bytes()?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        Some(text.split('\\').take(64).map(|w| w.trim_matches([' ', '\0']).to_string()).collect())
    };
    words().unwrap_or_default()
}

/// Times of the tiles of a mosaic in seconds.
pub fn mosaic_times_s(facts: &Facts<'_>) -> Option<Vec<f64>> {
    let plain = private::binary(facts.set, 0x0019, MR_HEADER, 0x29, f64::from_le_bytes);
    let times = if plain.is_empty() {
        csa::image_header(facts.set)?.numbers("MosaicRefAcqTimes").to_vec()
    } else {
        plain
    };
    (times.len() > 1).then(|| times.into_iter().map(|ms| ms / 1000.0).collect())
}

/// Bandwidth per pixel along the direction of phase encoding, in Hz.
pub fn phase_bandwidth(facts: &Facts<'_>) -> Option<f64> {
    let plain = private::binary(facts.set, 0x0019, MR_HEADER, 0x28, f64::from_le_bytes).first().copied();
    let of_frame = || private::number(frame_item(facts.set)?, 0x0021, SDI, 0x53);
    let of_csa = || csa::image_header(facts.set)?.number("BandwidthPerPixelPhaseEncode");
    plain.or_else(of_csa).or_else(of_frame).filter(|b| *b > 0.0)
}

/// Whether phase is encoded towards growing indices.
pub fn is_phase_positive(facts: &Facts<'_>) -> Option<bool> {
    let of_csa = || csa::image_header(facts.set)?.number("PhaseEncodingDirectionPositive");
    let of_frame = || private::number(frame_item(facts.set)?, 0x0021, SDI, 0x1C);
    of_csa().or_else(of_frame).map(|v| v != 0.0)
}

/// Adds what else research asks for.
pub fn add(facts: &Facts<'_>, keys: &mut Map<String, Value>) {
    let set = facts.set;
    let frame = frame_item(set);
    let dwell =
        private::number(set, 0x0019, MR_HEADER, 0x18).or_else(|| private::number(frame?, 0x0021, SDI, 0x42));
    put(keys, "DwellTime", dwell.map(|ns| ns * 1e-9));
    let word = |group, creator, element| {
        let text = |set: &DataSet<'_>| {
            let bytes = private::get(set, group, creator, element)?.bytes()?;
            Some(String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_string())
        };
        text(set).or_else(|| text(frame?))
    };
    let coils = word(0x0051, MR_HEADER, 0x0F).or_else(|| word(0x0021, SDI, 0x4F));
    put_text(keys, "ImageOrientationText", word(0x0051, MR_HEADER, 0x0E));
    let words = image_type_words(facts);
    if !words.is_empty() {
        keys.insert("ImageTypeText".into(), words.into());
    }
    let protocol = csa::protocol(set).or_else(|| csa::protocol_of(shared_item(set)?));
    let measured = protocol.as_ref().and_then(|p| p.text("sCoilSelectMeas.sCoilStringForConversion"));
    put_text(keys, "ReceiveCoilActiveElements", measured.or(coils));
    if let Some(protocol) = &protocol {
        add_protocol(protocol, keys);
    }
}

fn shared_item<'s>(set: &'s DataSet<'_>) -> Option<&'s DataSet<'s>> {
    private::get(set.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)?, 0x0021, SDS, 0xFE)?.items().first()
}

fn add_protocol(protocol: &Protocol, keys: &mut Map<String, Value>) {
    let number = |name: &str| protocol.number(name);
    // Eighths of the lines, one bit for each share.
    let partial = number("sKSpace.ucPhasePartialFourier").and_then(|code| match code as i64 {
        1 => Some(0.5),
        2 => Some(0.625),
        4 => Some(0.75),
        8 => Some(0.875),
        16 | 32 => Some(1.0),
        _ => None,
    });
    put(keys, "PartialFourier", partial);
    put(keys, "BaseResolution", number("sKSpace.lBaseResolution"));
    put(keys, "PhaseResolution", number("sKSpace.dPhaseResolution"));
    put(keys, "PhaseOversampling", number("sKSpace.dPhaseOversamplingForDialog"));
    put(keys, "Interpolation2D", number("sKSpace.uc2DInterpolation"));
    let above_one = |v: Option<f64>| v.filter(|v| *v > 1.0);
    put(keys, "ParallelReductionFactorInPlane", above_one(number("sPat.lAccelFactPE")));
    put(keys, "AccelFact3D", above_one(number("sPat.lAccelFact3D")));
    put(keys, "MultibandAccelerationFactor", above_one(number("sSliceAcceleration.lMultiBandFactor")));
    put(keys, "RefLinesPE", number("sPat.lRefLinesPE"));
    put(keys, "TxRefAmp", number("sTXSPEC.asNucleusInfo[0].flReferenceAmplitude"));
    let mode = |name: &str, words: [&str; 2]| {
        let code = number(name)? as usize;
        words.get(code.checked_sub(1)?).map(|w| (*w).to_string())
    };
    put_text(
        keys,
        "CoilCombinationMethod",
        mode("ucCoilCombineMode", ["Sum of Squares", "Adaptive Combine"]),
    );
    put_text(keys, "MatrixCoilMode", mode("sPat.ucPATMode", ["SENSE", "GRAPPA"]));
    let coil = protocol.ending("sCoilElementID.tCoilID");
    put_text(keys, "ReceiveCoilName", coil);
    put_text(keys, "PulseSequenceDetails", protocol.text("tSequenceFileName"));
    let consistency = protocol.text("sProtConsistencyInfo.tMeasuredBaselineString");
    let consistency = consistency.or_else(|| protocol.text("sProtConsistencyInfo.tBaselineString"));
    put_text(keys, "ConsistencyInfo", consistency);
    let offset = |axis: &str| {
        let modern = number(&format!("sGRADSPEC.asGPAData[0].lOffset{axis}"));
        modern.or_else(|| number(&format!("sGRADSPEC.lOffset{axis}")))
    };
    let current = |i: usize| number(&format!("sGRADSPEC.alShimCurrent[{i}]"));
    let shim: Option<Vec<f64>> =
        ["X", "Y", "Z"].iter().map(|a| offset(a)).chain((0..5).map(current)).collect();
    put_all(keys, "ShimSetting", &shim.unwrap_or_default());
}
