//! Export formats, one a file. An exporter writes what one stack of one series becomes; the folder around it, names,
//! manifest and atomicity are the same for all.

mod json;
mod nifti;
mod nrrd;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::dataset::names::{Names, Pattern};
use crate::harmonise::Harmonised;
use crate::model::words::io_error;
use crate::model::{Finding, tags};
use crate::series::Series;
use crate::volume::{self, Transform, Volume};

/// One stack of a series on its way out.
pub struct Item<'a> {
    /// The series.
    pub series: &'a Series,
    /// The stack, from 0.
    pub stack: usize,
    /// Its voxels.
    pub volume: &'a Volume,
    /// What was done to its grid and values, where something was asked.
    pub transform: Option<&'a Transform>,
    /// What stands beside it: acquisition parameters, b-values and directions.
    pub sidecar: &'a volume::Sidecar,
    /// What the catalog knows of the series.
    pub about: &'a About,
}

/// What the catalog knows of a series, de-identified.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// The shifted study date.
    pub study_date: Option<String>,
    /// Series Number.
    pub number: Option<i32>,
    /// Acquisition facts as (name, value).
    pub facts: Vec<(String, String)>,
    /// Harmonised attributes, each with where it comes from.
    pub harmonised: Harmonised,
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// `accepted`, `in_review` …
    pub state: String,
    /// SOP instance UIDs with the content hashes of the stored instances.
    pub instances: Vec<(String, String)>,
    /// What de-identification did, as the ledger has it; lines that are equal stand once.
    pub ledger: Vec<Value>,
}

/// A format.
pub trait Exporter: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Writes files whose names begin with `stem`, and names them.
    ///
    /// # Errors
    /// The disk refuses, or the format cannot hold the volume.
    fn write(&self, item: &Item<'_>, stem: &Path) -> io::Result<Vec<PathBuf>>;
}

/// Every format.
pub static FORMATS: &[&dyn Exporter] = &[&nifti::NiftiGz, &nrrd::NrrdFile, &json::Sidecar];

/// The formats with these names.
///
/// # Errors
/// The first name that no format has.
pub fn formats(names: &[String]) -> Result<Vec<&'static dyn Exporter>, String> {
    names
        .iter()
        .map(|name| FORMATS.iter().find(|f| f.name() == name).copied().ok_or_else(|| name.clone()))
        .collect()
}

/// A dataset being written: beside its place, until it is whole.
pub struct Dataset {
    to: PathBuf,
    draft: PathBuf,
    files: Vec<Value>,
    names: Names,
}

/// Why a dataset cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The folder is there and holds something.
    #[error("the folder exists and is not empty; an export never writes over anything")]
    Occupied,
    /// The disk refuses.
    #[error("the folder cannot be written: {}", io_error(.0))]
    Io(#[from] io::Error),
}

impl Dataset {
    /// Begins a dataset in `to`, which must not exist or be empty.
    ///
    /// # Errors
    /// It is occupied, or cannot be written.
    pub fn begin(to: &Path) -> Result<Self, BeginError> {
        if to.exists() && fs::read_dir(to)?.next().is_some() {
            return Err(BeginError::Occupied);
        }
        let mut name = to.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let draft = to.with_file_name(name);
        // What an export left that was killed.
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        fs::create_dir_all(&draft)?;
        Ok(Self { to: to.into(), draft, files: Vec::new(), names: Names::default() })
    }

    /// Writes one stack in every format.
    ///
    /// # Errors
    /// The disk refuses, or a format cannot hold the volume.
    pub fn add(
        &mut self,
        item: &Item<'_>,
        formats: &[&dyn Exporter],
        pattern: Option<&Pattern>,
    ) -> io::Result<u64> {
        let name = pattern.map_or_else(|| stem(item), |p| self.named(item, p));
        let stem = self.draft.join(name);
        if let Some(folder) = stem.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut written = 0;
        for format in formats {
            for path in format.write(item, &stem)? {
                let bytes = fs::read(&path)?;
                let name = path.strip_prefix(&self.draft).unwrap_or(&path).to_string_lossy().into_owned();
                self.files.push(json!({
                    "path": name,
                    "bytes": bytes.len(),
                    "sha256": hex::encode(Sha256::digest(&bytes)),
                    "format": format.name(),
                    "series_uid": item.series.series_uid,
                    "stack": item.stack + 1,
                }));
                written += 1;
            }
        }
        Ok(written)
    }

    /// `SUBJECT/NAME`, the name by a pattern from de-identified facts.
    fn named(&mut self, item: &Item<'_>, pattern: &Pattern) -> PathBuf {
        let (about, common) = (item.about, &item.series.stacks[item.stack].common);
        let owned = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_string);
        let key = |name: &str| item.sidecar.keys.get(name)?.as_str().map(str::to_string);
        let text = |tag| match tag {
            tags::PATIENT_ID => Some(about.subject.clone()),
            tags::STUDY_DATE => about.study_date.clone(),
            tags::SERIES_NUMBER => about.number.map(|n| n.to_string()),
            tags::SERIES_DESCRIPTION => owned(&common.description),
            tags::PROTOCOL_NAME => key("ProtocolName"),
            tags::MODALITY => owned(&common.modality),
            tags::BODY_PART_EXAMINED => owned(&common.body_part),
            tags::ECHO_NUMBERS => item.sidecar.keys.get("EchoNumber").map(ToString::to_string),
            _ => None,
        };
        let stack =
            if item.series.stacks.len() > 1 { format!("_stack{}", item.stack + 1) } else { String::new() };
        let number = about.number.unwrap_or(0).clamp(0, 99_999) as usize;
        let name = self.names.unique(pattern.filled(number, text) + &stack);
        subject_folder(about).join(name)
    }

    /// Writes the manifest and puts the whole in its place in one step; the manifest's SHA-256.
    ///
    /// # Errors
    /// The disk refuses; nothing is in its place then.
    pub fn finish(self, filter: &str, left_out: &impl Serialize) -> io::Result<String> {
        let manifest = json!({
            "gantry": env!("CARGO_PKG_VERSION"),
            "filter": filter,
            "files": self.files,
            "left_out": left_out,
        });
        let text = serde_json::to_string_pretty(&manifest).map_err(io::Error::other)? + "\n";
        fs::write(self.draft.join("manifest.json"), &text)?;
        rustix::fs::syncfs(fs::File::open(&self.draft)?)?;
        if self.to.exists() {
            fs::remove_dir(&self.to)?;
        }
        fs::rename(&self.draft, &self.to)?;
        Ok(hex::encode(Sha256::digest(text)))
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        // Gone after `finish`; otherwise half a dataset, which nobody is to find.
        let _ = fs::remove_dir_all(&self.draft);
    }
}

/// `SUBJECT/SUBJECT_003_1a2b3c4d`: pseudonym, series number and digits of the UID's hash; never a text of a file.
fn stem(item: &Item<'_>) -> PathBuf {
    let folder = subject_folder(item.about);
    let subject = folder.display();
    let uid = item.series.series_uid.as_deref().unwrap_or_default();
    let short = &hex::encode(Sha256::digest(uid))[..8];
    let stack =
        if item.series.stacks.len() > 1 { format!("_stack{}", item.stack + 1) } else { String::new() };
    let number = item.about.number.unwrap_or(0).clamp(0, 99_999);
    folder.join(format!("{subject}_{number:03}_{short}{stack}"))
}

/// The folder of a subject: the letters and digits of its pseudonym.
fn subject_folder(about: &About) -> PathBuf {
    let subject: String = about.subject.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    PathBuf::from(if subject.is_empty() { "subject".into() } else { subject })
}

/// `stem` with an ending; unlike `with_extension` it keeps dots of the name.
fn ending(stem: &Path, ending: &str) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    stem.with_file_name(name)
}
