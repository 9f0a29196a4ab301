//! Readers who do not exist: of differing skill, reading nodules of known truth, with faults planted from known days.
//!
//! Each reader reads (nearly) every study: for every nodule volume, diameter, malignancy and texture, or "looked, and found
//! nothing". What they say depends on the seed alone; the days lie before `now`.

use std::collections::BTreeMap;

use super::judge::{Judged, Told};
use super::phantom::{Nodule, NoduleKind};
use crate::measure::agreement::bootstrap::SplitMix;

/// Nodules from which on faults of readers are planted: with fewer nobody could tell.
pub const LEAST_NODULES: usize = 40;
/// Days before now on which the first study was read.
const DAYS: i64 = 60;
const DAY_MS: i64 = 86_400_000;
/// Reads by which the day that is found may be off.
const CLOSE: usize = 15;

/// What is really there in a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The study's number.
    pub number: usize,
    /// The series UID, as the scanner wrote it.
    pub series_uid: String,
    /// The nodules.
    pub nodules: Vec<Nodule>,
}

/// How a reader reads.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Skill {
    name: &'static str,
    /// Standard deviation of the logarithm of a volume.
    volume_sd: f64,
    /// Bias of the same.
    volume_bias: f64,
    /// Standard deviation of a rating.
    rating_sd: f64,
    /// Bias of a rating.
    rating_bias: f64,
    /// Share of nodules that are missed; small ones twice as often.
    miss: f64,
    /// Median seconds of a read.
    seconds: f64,
}

const READERS: [Skill; 6] = [
    Skill {
        name: "reader-01",
        volume_sd: 0.04,
        volume_bias: 0.00,
        rating_sd: 0.35,
        rating_bias: 0.0,
        miss: 0.005,
        seconds: 70.0,
    },
    Skill {
        name: "reader-02",
        volume_sd: 0.05,
        volume_bias: 0.02,
        rating_sd: 0.45,
        rating_bias: 0.1,
        miss: 0.010,
        seconds: 55.0,
    },
    Skill {
        name: "reader-03",
        volume_sd: 0.05,
        volume_bias: 0.00,
        rating_sd: 0.45,
        rating_bias: 0.0,
        miss: 0.010,
        seconds: 60.0,
    },
    Skill {
        name: "reader-04",
        volume_sd: 0.06,
        volume_bias: -0.03,
        rating_sd: 0.50,
        rating_bias: -0.2,
        miss: 0.010,
        seconds: 85.0,
    },
    Skill {
        name: "reader-05",
        volume_sd: 0.06,
        volume_bias: 0.00,
        rating_sd: 0.50,
        rating_bias: 0.0,
        miss: 0.010,
        seconds: 40.0,
    },
    Skill {
        name: "reader-06",
        volume_sd: 0.12,
        volume_bias: 0.06,
        rating_sd: 0.90,
        rating_bias: 0.5,
        miss: 0.030,
        seconds: 120.0,
    },
];

/// A fault that is planted in how readers read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReaderFault {
    /// `reader-03` draws nodules too large.
    OverSegmentation,
    /// Another version of the guideline makes everybody take longer.
    GuidelineChange,
    /// `reader-05` skips: says that there is nothing.
    SkippedLesions,
}

impl ReaderFault {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::OverSegmentation, Self::GuidelineChange, Self::SkippedLesions];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::OverSegmentation => "over_segmentation",
            Self::GuidelineChange => "guideline_change",
            Self::SkippedLesions => "skipped_lesions",
        }
    }

    /// Whose it is; empty for everybody's.
    pub fn reader(self) -> &'static str {
        match self {
            Self::OverSegmentation => "reader-03",
            Self::GuidelineChange => "",
            Self::SkippedLesions => "reader-05",
        }
    }

    /// The share of the nodules after which it begins.
    fn after(self) -> f64 {
        match self {
            Self::OverSegmentation => 0.5,
            Self::GuidelineChange => 0.45,
            Self::SkippedLesions => 0.55,
        }
    }

    /// Whether a chart of this name is about it.
    fn explains(self, chart: &str) -> bool {
        let of_reader = || chart.ends_with(&format!("/reader/{}", self.reader()));
        match self {
            Self::OverSegmentation => {
                (chart.contains("volume_mm3~panel") || chart.contains("diameter_mm~panel")) && of_reader()
            }
            Self::GuidelineChange => chart.contains("reading_time/"),
            Self::SkippedLesions => chart.contains("/missed/") && of_reader(),
        }
    }
}

/// A read, as it stands in the table.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    series_uid: String,
    nodule: usize,
    reader: &'static str,
    guideline: &'static str,
    finished_ms: i64,
    seconds: f64,
    /// Volume in mm³, diameter in mm, malignancy and texture; none where nothing was found.
    said: Option<(f64, f64, u8, u8)>,
}

/// What the readers say, and which faults there are in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    reads: Vec<Reading>,
    /// Planted faults, with when each begins in milliseconds since 1970.
    faults: Vec<(ReaderFault, i64)>,
}

/// A chart of the workspace that is in alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarmed {
    /// The chart's name.
    pub chart: String,
    /// Since when.
    pub since_ms: i64,
    /// What it says.
    pub sentence: String,
}

impl Readings {
    /// What the readers say of studies that were read over the last sixty days, in the order of their numbers.
    pub fn past(seed: u64, truths: &[Truth], now_ms: i64) -> Self {
        let mut truths: Vec<&Truth> = truths.iter().collect();
        truths.sort_by_key(|t| t.number);
        let today = now_ms.div_euclid(DAY_MS) * DAY_MS;
        let nodules: usize = truths.iter().map(|t| t.nodules.len()).sum();
        let planted = nodules >= LEAST_NODULES;
        let mut readings = Self::default();
        let begins = |fault: ReaderFault| {
            let mut before = 0;
            let mut reached = |t: &Truth| {
                before += t.nodules.len();
                before as f64 > fault.after() * nodules as f64
            };
            truths.iter().position(|t| reached(t)).unwrap_or(truths.len())
        };
        for (at, truth) in truths.iter().enumerate() {
            let day = today - DAYS * DAY_MS + DAYS * DAY_MS * at as i64 / truths.len() as i64;
            let opens = day / DAY_MS * DAY_MS + 9 * 3_600_000;
            let with: Vec<ReaderFault> =
                ReaderFault::ALL.into_iter().filter(|f| planted && at >= begins(*f)).collect();
            for fault in &with {
                if at == begins(*fault) {
                    readings.faults.push((*fault, opens));
                }
            }
            readings.study(seed, truth, opens, &with);
        }
        readings
    }

    /// What the readers say of one more study now, with every fault.
    pub fn now(seed: u64, truth: &Truth, now_ms: i64) -> Self {
        let mut readings = Self::default();
        readings.study(seed, truth, now_ms, &ReaderFault::ALL);
        let last = readings.reads.iter().map(|r| r.finished_ms).max().unwrap_or(now_ms);
        // The last reader is done now; none reads in the future.
        for read in &mut readings.reads {
            read.finished_ms -= last - now_ms;
        }
        readings
    }

    fn study(&mut self, seed: u64, truth: &Truth, opens_ms: i64, faults: &[ReaderFault]) {
        for (number, skill) in (0..).zip(&READERS) {
            let stream = 3_000_000_000 + truth.number as u64 * 16 + number;
            let mut random = SplitMix::new(seed, stream);
            // Not everybody gets to every study.
            if random.unit() < 0.06 {
                continue;
            }
            let mut at = opens_ms + (number as i64 * 40 + random.below(30) as i64) * 60_000;
            for (nodule, truth_of) in truth.nodules.iter().enumerate() {
                let reading = read(skill, truth_of, faults, &mut random);
                at += (reading.0 * 1000.0) as i64;
                self.reads.push(Reading {
                    series_uid: truth.series_uid.clone(),
                    nodule: nodule + 1,
                    reader: skill.name,
                    guideline: if faults.contains(&ReaderFault::GuidelineChange) { "2.0" } else { "1.0" },
                    finished_ms: at,
                    seconds: reading.0,
                    said: reading.1,
                });
            }
        }
    }

    /// As the table that a reading tool would export.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "SeriesInstanceUID,nodule,reader,structure,guideline,time,seconds,state,volume_mm3,diameter_mm,malignancy,texture\n",
        );
        for r in &self.reads {
            let head = format!(
                "{},{},{},nodule,{},{},{:.1}",
                r.series_uid, r.nodule, r.reader, r.guideline, r.finished_ms, r.seconds
            );
            text += &match r.said {
                Some((volume, diameter, malignancy, texture)) => {
                    format!("{head},found,{volume:.1},{diameter:.2},{malignancy},{texture}\n")
                }
                None => format!("{head},none,,,,\n"),
            };
        }
        text
    }

    /// How many reads there are.
    pub fn len(&self) -> usize {
        self.reads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.reads.is_empty()
    }

    /// Holds what was planted against the charts in alarm: each fault with the chart that tells of it, and alarms that no
    /// fault explains. A fault counts as found where it is dated within fifteen reads.
    pub fn judge(&self, alarms: &[Alarmed]) -> (Vec<Judged>, Vec<Told>) {
        let told = |a: &Alarmed| Told {
            check: a.chart.clone(),
            severity: "error".into(),
            message: a.sentence.clone(),
            series_uid: None,
            file: None,
        };
        let judged = |(fault, begins): &(ReaderFault, i64)| {
            let about = |a: &&Alarmed| {
                fault.explains(&a.chart) && self.reads_between(*fault, *begins, a.since_ms) <= CLOSE
            };
            let finding = alarms.iter().find(about).map(told);
            let at = if fault.reader().is_empty() { "all readers" } else { fault.reader() };
            Judged { fault: fault.name(), at: at.into(), found: finding.is_some(), finding }
        };
        let explained = |a: &&Alarmed| self.faults.iter().any(|(fault, _)| fault.explains(&a.chart));
        let invented = alarms.iter().filter(|a| !explained(a)).map(told).collect();
        (self.faults.iter().map(judged).collect(), invented)
    }

    /// Reads of whom a fault concerns between two times (of one reader, where it concerns all).
    fn reads_between(&self, fault: ReaderFault, a_ms: i64, b_ms: i64) -> usize {
        let (from, to) = (a_ms.min(b_ms), a_ms.max(b_ms));
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        for read in &self.reads {
            let counts = fault.reader().is_empty() || read.reader == fault.reader();
            if counts && read.finished_ms > from && read.finished_ms < to {
                *by.entry(read.reader).or_insert(0) += 1;
            }
        }
        by.values().copied().max().unwrap_or(0)
    }
}

/// Seconds that a read takes, and what it says.
fn read(
    skill: &Skill,
    truth: &Nodule,
    faults: &[ReaderFault],
    random: &mut SplitMix,
) -> (f64, Option<(f64, f64, u8, u8)>) {
    let slow = if faults.contains(&ReaderFault::GuidelineChange) { 1.7 } else { 1.0 };
    let seconds = skill.seconds * slow * (0.22 * random.normal()).exp();
    let drifts = |fault: ReaderFault| faults.contains(&fault) && fault.reader() == skill.name;
    let small = if truth.radius_mm < 4.0 { 2.0 } else { 1.0 };
    let miss = if drifts(ReaderFault::SkippedLesions) { 0.9 } else { skill.miss * small };
    // The same numbers are drawn whatever comes of them, so that one fault does not change the rest.
    let (missed, size, rating, texture) =
        (random.unit() < miss, random.normal(), random.normal(), random.normal());
    if missed {
        return (seconds, None);
    }
    let larger = if drifts(ReaderFault::OverSegmentation) { 0.22 } else { 0.0 };
    let volume = 4.0 / 3.0
        * std::f64::consts::PI
        * truth.radius_mm.powi(3)
        * (skill.volume_bias + larger + skill.volume_sd * size).exp();
    let diameter = (6.0 * volume / std::f64::consts::PI).cbrt();
    let grade = |x: f64| x.round().clamp(1.0, 5.0) as u8;
    let hazy = truth.kind == NoduleKind::GroundGlass;
    let malignancy = 1.0 + (truth.radius_mm - 3.0) / 1.4 - if hazy { 1.0 } else { 0.0 };
    let solid = if hazy { 1.6 } else { 4.6 };
    let said = (
        volume,
        diameter,
        grade(malignancy + skill.rating_bias + skill.rating_sd * rating),
        grade(solid + 0.5 * skill.rating_sd * texture),
    );
    (seconds, Some(said))
}
