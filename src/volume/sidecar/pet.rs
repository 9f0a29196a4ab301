//! PET: units, dose, decay and what the standardised uptake value is computed with.

use serde_json::{Map, Value};

use super::{Facts, put, put_text};
use crate::dicom::{DataSet, date_time, moment, seconds};
use crate::model::{Tag, tags};

const RADIOPHARMACEUTICAL_INFORMATION: Tag = Tag::new(0x0054, 0x0016);
const RADIOPHARMACEUTICAL: Tag = Tag::new(0x0018, 0x0031);
const START_TIME: Tag = Tag::new(0x0018, 0x1072);
const TOTAL_DOSE: Tag = Tag::new(0x0018, 0x1074);
const HALF_LIFE: Tag = Tag::new(0x0018, 0x1075);
const POSITRON_FRACTION: Tag = Tag::new(0x0018, 0x1076);
const START_DATE_TIME: Tag = Tag::new(0x0018, 0x1078);
const RADIONUCLIDE_CODE: Tag = Tag::new(0x0054, 0x0300);
const CODE_MEANING: Tag = Tag::new(0x0008, 0x0104);
const UNITS: Tag = Tag::new(0x0054, 0x1001);
const ATTENUATION_CORRECTION: Tag = Tag::new(0x0054, 0x1101);
const DECAY_CORRECTION: Tag = Tag::new(0x0054, 0x1102);
const RECONSTRUCTION_METHOD: Tag = Tag::new(0x0054, 0x1103);
const SCATTER_CORRECTION: Tag = Tag::new(0x0054, 0x1105);
const RANDOMS_CORRECTION: Tag = Tag::new(0x0054, 0x1100);
const DECAY_FACTOR: Tag = Tag::new(0x0054, 0x1321);
const DOSE_CALIBRATION_FACTOR: Tag = Tag::new(0x0054, 0x1322);
const SCATTER_FRACTION: Tag = Tag::new(0x0054, 0x1323);

/// Adds them.
pub fn add(facts: &Facts<'_>, keys: &mut Map<String, Value>) {
    let set = facts.set;
    let drug = set.item(RADIOPHARMACEUTICAL_INFORMATION);
    let of_drug = |tag| drug.and_then(|d| d.number(tag)).or_else(|| facts.number(tag));
    let (dose, half_life) = (of_drug(TOTAL_DOSE), of_drug(HALF_LIFE));
    let name = drug.and_then(|d| d.ascii(RADIOPHARMACEUTICAL)).map(str::to_string);
    put_text(keys, "Radiopharmaceutical", name.clone());
    put_text(keys, "TracerName", name);
    let nuclide = drug.and_then(|d| d.item(RADIONUCLIDE_CODE)).and_then(|c| c.ascii(CODE_MEANING));
    put_text(keys, "TracerRadionuclide", nuclide.map(str::to_string));
    put(keys, "RadionuclidePositronFraction", of_drug(POSITRON_FRACTION));
    put(keys, "RadionuclideTotalDose", dose);
    put(keys, "RadionuclideHalfLife", half_life);
    if dose.is_some() {
        put(keys, "InjectedRadioactivity", dose);
        keys.insert("InjectedRadioactivityUnits".into(), "Bq".into());
    }
    for (name, tag) in [
        ("Units", UNITS),
        ("AttenuationCorrection", ATTENUATION_CORRECTION),
        ("DecayCorrection", DECAY_CORRECTION),
        ("ReconstructionMethod", RECONSTRUCTION_METHOD),
        ("ScatterCorrectionMethod", SCATTER_CORRECTION),
        ("RandomsCorrectionMethod", RANDOMS_CORRECTION),
    ] {
        put_text(keys, name, facts.text(tag));
    }
    put(keys, "DecayFactor", facts.number(DECAY_FACTOR));
    put(keys, "DoseCalibrationFactor", facts.number(DOSE_CALIBRATION_FACTOR));
    put(keys, "ScatterFraction", facts.number(SCATTER_FRACTION));
    let correction = facts.text(DECAY_CORRECTION);
    if let Some(correction) = correction.as_deref() {
        keys.insert("ImageDecayCorrected".into(), (correction != "NONE").into());
    }
    put(keys, "PatientWeight", facts.number(tags::PATIENT_WEIGHT));
    let waited = drug.and_then(|d| injection_s(d, set)).zip(scan_start_s(set)).map(|(i, s)| s - i);
    if let Some(waited) = waited {
        keys.insert("InjectionStart".into(), (-super::tidy(waited)).into());
    }
    let factor = suv_factor(facts, dose, half_life, correction.as_deref(), waited);
    put(keys, "SuvBodyWeightFactor", factor);
}

/// What a value in Bq/ml is multiplied with to be a standardised uptake value by body weight in g/ml: weight over the
/// dose, decayed to the moment to which the image is corrected. `None` where that is not known.
fn suv_factor(
    facts: &Facts<'_>,
    dose: Option<f64>,
    half_life: Option<f64>,
    correction: Option<&str>,
    waited_s: Option<f64>,
) -> Option<f64> {
    let grams = facts.number(tags::PATIENT_WEIGHT).filter(|kg| *kg > 0.0)? * 1000.0;
    let (dose, half_life) = (dose.filter(|d| *d > 0.0)?, half_life.filter(|h| *h > 0.0)?);
    if facts.text(UNITS).as_deref() != Some("BQML") {
        return None;
    }
    match correction? {
        "ADMIN" => Some(grams / dose),
        "START" => {
            let waited = waited_s.filter(|s| (0.0..86_400.0).contains(s))?;
            Some(grams / (dose * (-waited / half_life).exp2()))
        }
        _ => None,
    }
}

/// When the dose was given, in seconds with the date; the date of the series where the header gives the time alone.
fn injection_s(drug: &DataSet<'_>, set: &DataSet<'_>) -> Option<f64> {
    let whole = drug.ascii(START_DATE_TIME).and_then(date_time);
    let of_day = || {
        let time = seconds(drug.ascii(START_TIME)?)?;
        let day =
            moment(set, tags::SERIES_DATE, tags::SERIES_TIME)? - seconds(set.ascii(tags::SERIES_TIME)?)?;
        Some(day + time)
    };
    whole.or_else(of_day)
}

/// When the scan began: the time of the series is that of decay correction (PS3.3 C.8.9.1.1.4) unless it lies after
/// the acquisition, which a reconstruction of later has.
fn scan_start_s(set: &DataSet<'_>) -> Option<f64> {
    let series = moment(set, tags::SERIES_DATE, tags::SERIES_TIME);
    let acquired = moment(set, tags::ACQUISITION_DATE, tags::ACQUISITION_TIME);
    match (series, acquired) {
        (Some(s), Some(a)) => Some(s.min(a)),
        (s, a) => s.or(a),
    }
}
