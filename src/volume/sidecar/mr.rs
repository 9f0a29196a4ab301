//! MR: timing, phase encoding, echo spacing, scaling of Philips.

use serde_json::{Map, Value};

use super::{Facts, put, put_all, put_text, siemens, timing};
use crate::dicom::{ge, private};
use crate::format::nifti::Slicing;
use crate::model::geometry::{Vec3, dot, norm, scale};
use crate::model::{Tag, tags};

const ECHO_TRAIN_LENGTH: Tag = Tag::new(0x0018, 0x0091);
const NUMBER_OF_AVERAGES: Tag = Tag::new(0x0018, 0x0083);
const IMAGING_FREQUENCY: Tag = Tag::new(0x0018, 0x0084);
const PHASE_ENCODING_STEPS: Tag = Tag::new(0x0018, 0x0089);
const PERCENT_SAMPLING: Tag = Tag::new(0x0018, 0x0093);
const PERCENT_PHASE_FIELD_OF_VIEW: Tag = Tag::new(0x0018, 0x0094);
const PIXEL_BANDWIDTH: Tag = Tag::new(0x0018, 0x0095);
const RECEIVE_COIL_NAME: Tag = Tag::new(0x0018, 0x1250);
const ACQUISITION_MATRIX: Tag = Tag::new(0x0018, 0x1310);
const IN_PLANE_PHASE_ENCODING: Tag = Tag::new(0x0018, 0x1312);
const SAR: Tag = Tag::new(0x0018, 0x1316);
const PULSE_SEQUENCE_NAME: Tag = Tag::new(0x0018, 0x9005);
const RECTILINEAR_PHASE_ENCODING: Tag = Tag::new(0x0018, 0x9034);
const PARALLEL_FACTOR_IN_PLANE: Tag = Tag::new(0x0018, 0x9069);
const PARALLEL_TECHNIQUE: Tag = Tag::new(0x0018, 0x9078);
const PARALLEL_FACTOR_OUT_OF_PLANE: Tag = Tag::new(0x0018, 0x9155);
const PARTIAL_FOURIER_DIRECTION: Tag = Tag::new(0x0018, 0x9036);
const ENCODING_STEPS_IN_PLANE: Tag = Tag::new(0x0018, 0x9231);
const SPOILING: Tag = Tag::new(0x0018, 0x9016);
const MAGNETIZATION_TRANSFER: Tag = Tag::new(0x0018, 0x9020);
const TRANSMITTER_FREQUENCY: Tag = Tag::new(0x0018, 0x9098);
const WATER_FAT_SHIFT_HZ_PER_TESLA: f64 = 3.4;
/// A direction in the plane is an axis of the image within this cosine.
const ALONG: f64 = 0.99;

/// Adds them; returns which axis is which.
pub fn add(facts: &Facts<'_>, keys: &mut Map<String, Value>) -> Slicing {
    let number = |tag| facts.number(tag);
    let seconds = |tag| number(tag).map(|ms| ms / 1000.0);
    put(keys, "MagneticFieldStrength", number(tags::MAGNETIC_FIELD_STRENGTH));
    put(keys, "ImagingFrequency", imaging_frequency(facts));
    put_text(keys, "MRAcquisitionType", facts.text(tags::MR_ACQUISITION_TYPE));
    for (name, tag) in
        [("ScanningSequence", tags::SCANNING_SEQUENCE), ("SequenceVariant", tags::SEQUENCE_VARIANT)]
    {
        put_text(keys, name, Some(facts.values(tag).join("\\")));
    }
    put_text(keys, "SequenceName", facts.text(tags::SEQUENCE_NAME));
    put_text(keys, "PulseSequenceName", facts.text(PULSE_SEQUENCE_NAME));
    let first = facts.stack.slices.first();
    let frame = first.and_then(|s| facts.series.header_of(s)?.frame(s.frame.saturating_sub(1)));
    put(keys, "EchoTime", frame.and_then(|f| f.echo_time_ms).map(|ms| ms / 1000.0));
    put(keys, "EchoNumber", frame.and_then(|f| f.echo_number).map(f64::from).filter(|n| *n > 1.0));
    put(keys, "RepetitionTime", facts.stack.common.repetition_time_ms.map(|ms| ms / 1000.0));
    put(keys, "InversionTime", seconds(tags::INVERSION_TIME));
    put(keys, "FlipAngle", frame.and_then(|f| f.flip_degrees));
    put(keys, "EchoTrainLength", number(ECHO_TRAIN_LENGTH));
    put(keys, "NumberOfAverages", number(NUMBER_OF_AVERAGES).filter(|n| *n > 1.0));
    put(keys, "SAR", number(SAR));
    put(keys, "PercentSampling", number(PERCENT_SAMPLING));
    put(keys, "PercentPhaseFOV", number(PERCENT_PHASE_FIELD_OF_VIEW));
    put(keys, "PixelBandwidth", number(PIXEL_BANDWIDTH));
    put(keys, "PhaseEncodingSteps", number(PHASE_ENCODING_STEPS));
    put_text(keys, "CoilString", facts.text(RECEIVE_COIL_NAME));
    put(keys, "ParallelReductionFactorInPlane", number(PARALLEL_FACTOR_IN_PLANE).filter(|f| *f > 1.0));
    put(keys, "ParallelReductionOutOfPlane", number(PARALLEL_FACTOR_OUT_OF_PLANE).filter(|f| *f > 1.0));
    put_text(keys, "ParallelAcquisitionTechnique", facts.text(PARALLEL_TECHNIQUE));
    put_text(keys, "PartialFourierDirection", facts.text(PARTIAL_FOURIER_DIRECTION));
    add_states(facts, keys);
    if facts.is_of("SIEMENS") {
        siemens::add(facts, keys);
    }
    if facts.is_of("GE") {
        add_ge(facts, keys);
    }
    add_philips_scale(facts, keys);
    let phase = add_phase(facts, keys);
    let times = timing::slice_timing(facts);
    if let Some(times) = &times {
        put_all(keys, "SliceTiming", times);
        put(keys, "MultibandAccelerationFactor", timing::bands(times));
    }
    let slice_code = times.as_deref().map_or(0, timing::slice_code);
    Slicing { slice_code, slices: facts.volume.grid.shape[2], ..phase }
}

fn imaging_frequency(facts: &Facts<'_>) -> Option<f64> {
    facts.number(IMAGING_FREQUENCY).or_else(|| facts.number(TRANSMITTER_FREQUENCY))
}

/// Adds whether spoiling, magnetisation transfer and distortion correction were used, where the header says so.
fn add_states(facts: &Facts<'_>, keys: &mut Map<String, Value>) {
    let spoiling = facts.text(SPOILING);
    let spoiled = spoiling.as_deref().map(|s| s != "NONE");
    let by_variant = facts.values(tags::SEQUENCE_VARIANT).iter().any(|v| v == "SP").then_some(true);
    if let Some(spoiled) = spoiled.or(by_variant) {
        keys.insert("SpoilingState".into(), spoiled.into());
    }
    let kind = spoiling.filter(|s| s != "NONE");
    let kind = kind.map(|s| if s == "RF_AND_GRADIENT" { "COMBINED".into() } else { s });
    put_text(keys, "SpoilingType", kind);
    if let Some(transfer) = facts.text(MAGNETIZATION_TRANSFER) {
        keys.insert("MTState".into(), (transfer != "NONE").into());
    }
    let words = [facts.values(tags::IMAGE_TYPE), siemens::image_type_words(facts)].concat();
    let corrected = words.iter().find_map(|v| match v.as_str() {
        "DIS2D" | "DIS3D" => Some(true),
        "ND" => Some(false),
        _ => None,
    });
    if let Some(corrected) = corrected {
        keys.insert("NonlinearGradientCorrection".into(), corrected.into());
    }
}

fn add_ge(facts: &Facts<'_>, keys: &mut Map<String, Value>) {
    let set = facts.set;
    let word = |group, creator, element| {
        let bytes = private::get(set, group, creator, element)?.bytes()?;
        Some(String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_string())
    };
    put_text(keys, "PulseSequenceName", word(0x0019, "GEMS_ACQU_01", 0x9C));
    put_text(keys, "InternalPulseSequenceName", word(0x0019, "GEMS_ACQU_01", 0x9E));
    put_text(keys, "PrescanReuseString", word(0x0043, "GEMS_PARM_01", 0x95));
    let shim: Vec<f64> =
        (2..5).filter_map(|element| private::number(set, 0x0043, "GEMS_PARM_01", element)).collect();
    if shim.len() == 3 {
        put_all(keys, "ShimSetting", &shim);
    }
    if let Some(flipped) = is_ge_flipped(facts) {
        put_text(keys, "PhaseEncodingPolarityGE", Some(if flipped { "Flipped" } else { "Unflipped" }.into()));
    }
}

/// Whether GE encodes phase against its usual direction: from the standard's attribute, else from the header of the
/// pulse sequence.
fn is_ge_flipped(facts: &Facts<'_>) -> Option<bool> {
    match facts.text(RECTILINEAR_PHASE_ENCODING).as_deref() {
        Some("LINEAR") => Some(true),
        Some("REVERSE_LINEAR") => Some(false),
        _ => ge::is_flipped(facts.set),
    }
}

/// Philips scales for display and keeps the scale of the measured values in a private element.
fn add_philips_scale(facts: &Facts<'_>, keys: &mut Map<String, Value>) {
    let first = facts.stack.slices.first();
    let frame = first.and_then(|s| facts.series.header_of(s)?.frame(s.frame.saturating_sub(1)));
    let Some((frame, precise)) = frame.and_then(|f| Some((f, f.philips_scale?))) else { return };
    let [slope, intercept] = frame.rescale.unwrap_or([1.0, 0.0]);
    keys.insert("PhilipsRescaleSlope".into(), super::tidy(slope).into());
    keys.insert("PhilipsRescaleIntercept".into(), super::tidy(intercept).into());
    keys.insert("PhilipsScaleSlope".into(), super::tidy(precise).into());
    let is_precise = facts.volume.philips == super::super::PhilipsScale::Precise;
    keys.insert("UsePhilipsFloatNotDisplayScaling".into(), u8::from(is_precise).into());
}

/// Adds what the direction of phase encoding and the echo spacing are; returns which axis is which.
fn add_phase(facts: &Facts<'_>, keys: &mut Map<String, Value>) -> Slicing {
    let (Some(rows), Some(columns)) = (facts.stack.common.rows, facts.stack.common.columns) else {
        return Slicing::default();
    };
    let direction = facts.text(IN_PLANE_PHASE_ENCODING).unwrap_or_default();
    let along_columns = match direction.as_str() {
        "COL" | "COLUMN" => true,
        "ROW" => false,
        _ => {
            // Without a direction only what is the same along both is known.
            put(keys, "ReconMatrixPE", Some(f64::from(rows)).filter(|_| rows == columns));
            put(keys, "AcquisitionMatrixPE", acquired_lines(facts, true));
            return Slicing::default();
        }
    };
    let word = if along_columns { "COL" } else { "ROW" };
    put_text(keys, "InPlanePhaseEncodingDirectionDICOM", Some(word.into()));
    let matrix = if along_columns { rows } else { columns };
    put(keys, "ReconMatrixPE", Some(matrix.into()));
    let acquired = acquired_lines(facts, along_columns);
    put(keys, "AcquisitionMatrixPE", acquired);
    let spacing = echo_spacing(facts, f64::from(matrix), acquired, keys);
    put(keys, "EffectiveEchoSpacing", spacing);
    put(keys, "TotalReadoutTime", spacing.map(|s| s * (f64::from(matrix) - 1.0)));
    let Some(grid) = facts.stack.grid else { return Slicing::default() };
    let towards = if along_columns { grid.row_mm } else { grid.column_mm };
    let across = if along_columns { grid.column_mm } else { grid.row_mm };
    let Some((phase, sign)) = axis(facts, towards) else { return Slicing::default() };
    let name = ["i", "j", "k"][phase];
    let positive = if facts.is_of("GE") { is_ge_flipped(facts).map(|f| !f) } else { None };
    let positive = positive.or_else(|| siemens::is_phase_positive(facts)).or_else(|| uih_positive(facts));
    match positive.filter(|_| facts.stack.common.acquisition_type.as_deref() != Some("3D")) {
        Some(positive) => {
            let minus = if positive == (sign > 0.0) { "" } else { "-" };
            put_text(keys, "PhaseEncodingDirection", Some(format!("{name}{minus}")));
        }
        None => put_text(keys, "PhaseEncodingAxis", Some(name.into())),
    }
    let frequency = axis(facts, across).map_or(0, |(axis, _)| axis as u8 + 1);
    let slice = axis(facts, grid.slice_mm).map_or(0, |(axis, _)| axis as u8 + 1);
    Slicing { frequency, phase: phase as u8 + 1, slice, ..Slicing::default() }
}

fn uih_positive(facts: &Facts<'_>) -> Option<bool> {
    private::number(facts.set, 0x0065, "Image Private Header", 0x58).map(|v| v != 0.0)
}

/// The axis of the image that runs along a direction, and its sign.
fn axis(facts: &Facts<'_>, direction: Vec3) -> Option<(usize, f64)> {
    let grid = &facts.volume.grid;
    let steps = [grid.column_mm, grid.row_mm, grid.slice_mm];
    let cosine = |step: Vec3| dot(scale(step, 1.0 / norm(step)), scale(direction, 1.0 / norm(direction)));
    (0..3).map(|i| (i, cosine(steps[i]))).find(|(_, c)| c.abs() > ALONG)
}

/// Lines that were acquired along the direction of phase encoding, from Acquisition Matrix: frequency rows, frequency
/// columns, phase rows, phase columns.
fn acquired_lines(facts: &Facts<'_>, along_columns: bool) -> Option<f64> {
    let steps = || facts.number(ENCODING_STEPS_IN_PLANE).filter(|n| *n > 0.0);
    let Some(holder) = crate::dicom::holder(facts.set, ACQUISITION_MATRIX) else { return steps() };
    let matrix = holder.numbers(ACQUISITION_MATRIX);
    let [_, _, rows, columns] = *matrix.first_chunk()?;
    let lines = if along_columns { columns } else { rows };
    Some(lines).filter(|n| *n > 0.0).or_else(|| [rows, columns].into_iter().find(|n| *n > 0.0))
}

/// Effective echo spacing in s: Siemens gives a bandwidth that takes parallel imaging into account, GE the spacing
/// itself and the factor of acceleration; of Philips it is an estimate, under keys of its own.
fn echo_spacing(
    facts: &Facts<'_>,
    matrix: f64,
    acquired: Option<f64>,
    keys: &mut Map<String, Value>,
) -> Option<f64> {
    if let Some(bandwidth) = siemens::phase_bandwidth(facts) {
        put(keys, "BandwidthPerPixelPhaseEncode", Some(bandwidth));
        // What the console shows: without parallel imaging, with oversampling.
        let number = |name: &str| keys.get(name).and_then(Value::as_f64);
        let reduction = number("ParallelReductionFactorInPlane").unwrap_or(1.0);
        let oversampling = 1.0 + number("PhaseOversampling").unwrap_or(0.0);
        let reported = reduction / (bandwidth * matrix * oversampling);
        put(keys, "DerivedVendorReportedEchoSpacing", Some(reported));
        return Some(1.0 / (bandwidth * matrix));
    }
    let set = facts.set;
    if facts.is_of("GE") {
        let spacing_us = private::number(set, 0x0043, "GEMS_PARM_01", 0x2C).filter(|us| *us > 0.0)?;
        let factor = private::number(set, 0x0043, "GEMS_PARM_01", 0x83).filter(|f| *f > 0.0)?;
        // The share of the lines that is acquired; its inverse is the acceleration.
        let acceleration = 1.0 / factor;
        let lines = acquired?;
        let partial = facts.values(Tag::new(0x0018, 0x0022)).iter().any(|o| o == "PFF");
        let rounding = if partial { 4.0 } else { 2.0 };
        let taken = (lines / acceleration / rounding).ceil() * rounding;
        return (lines > 1.0).then(|| (taken - 1.0) * spacing_us * 1e-6 / (lines - 1.0));
    }
    let shift = private::number(set, 0x2001, "Philips Imaging DD 001", 0x22);
    let train = facts.number(ECHO_TRAIN_LENGTH);
    let (shift, train) = (shift.filter(|s| *s != 0.0)?, train.filter(|t| *t > 0.0)?);
    let frequency = imaging_frequency(facts).filter(|f| *f > 0.0)?;
    let readout = shift / (frequency * WATER_FAT_SHIFT_HZ_PER_TESLA * (train + 1.0)) * train;
    put(keys, "WaterFatShift", Some(shift));
    put(keys, "EstimatedEffectiveEchoSpacing", Some(readout / (matrix - 1.0)).filter(|_| matrix > 1.0));
    put(keys, "EstimatedTotalReadoutTime", Some(readout));
    None
}
