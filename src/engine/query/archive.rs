//! *What is stored, study by study?* As archives are asked; what is to be cleaned or has withdrawn is not told of.

use serde::{Deserialize, Serialize};

use super::Page;

/// Which series are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhichSeries {
    /// Of this study.
    pub study_uid: Option<String>,
    /// This one.
    pub series_uid: Option<String>,
    /// That which holds this instance.
    pub sop_uid: Option<String>,
    /// Of this subject.
    pub subject: Option<String>,
    /// Of this modality.
    pub modality: Option<String>,
}

/// Studies that hold such series, by their UIDs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredStudies {
    /// Which.
    pub which: WhichSeries,
    /// Which part.
    pub page: Page,
}

/// A study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredStudy {
    /// Its UID.
    pub study_uid: String,
    /// Its series, as far as they may be seen.
    pub series: Vec<StoredSeriesView>,
}

/// Such series, by study and UID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSeries {
    /// Which.
    pub which: WhichSeries,
    /// Which part.
    pub page: Page,
}

/// A series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSeriesView {
    /// The study's UID.
    pub study_uid: String,
    /// Its UID.
    pub series_uid: String,
    /// Its modality.
    pub modality: String,
    /// Its instances, of two with one UID that which the series is built from.
    pub instances: u64,
}

/// The instances of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredInstances {
    /// The series.
    pub series_uid: String,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredInstanceView {
    /// Its UID.
    pub sop_uid: String,
    /// SHA-256 of its bytes, by which they are had.
    pub blob: String,
}
