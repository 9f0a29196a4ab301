//! The configuration of a workspace: one typed TOML, `gantry.toml`, with errors that name line and key.

mod access;
mod edit;
mod error;
mod export;
mod layout;
mod mistakes;
mod network;
mod place;
mod reading;
mod remote;
mod retention;
mod show;
mod system;
mod words;
mod workspace;

pub use access::Access;
pub use edit::Edit;
pub use error::ConfigError;
pub use export::{Export, ExportCommand};
pub use layout::{Overlap, is_inside, overlaps, resolved};
pub use network::{Listener, Tls, Web};
pub use place::quoted;
pub use reading::{Agreement, Cost, Level, MeasureConfig};
pub use remote::{Auth, ClientTls, Method, Reach, Remote, ScheduledPull, hours};
pub use retention::{Retention, due_ms};
pub use show::{Effective, effective};
pub use system::{group_id, groups_of, is_user, user_name};
pub use words::suggestion;
pub use workspace::{CONFIG_FILE, Lock, TRAIL_KEY, Workspace, WorkspaceError, decode_secret, read_secret};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::{Links, Severity};
use crate::workflow::Plan;

/// Reads a plan, or says everything that is wrong with it, in the order of the file.
///
/// # Errors
/// Every mistake, with line and key.
pub fn read_plan(text: &str, path: &Path) -> Result<Plan, Vec<ConfigError>> {
    match mistakes::read::<Plan>(text, path) {
        (Some(plan), mistakes) if mistakes.is_empty() => Ok(plan),
        (_, mistakes) => Err(mistakes),
    }
}

/// Everything that can be configured. Absent keys have the defaults of each type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The project.
    pub project: Project,
    /// Watched folders.
    #[serde(rename = "inbox")]
    pub inboxes: Vec<Inbox>,
    /// DICOM listeners.
    #[serde(rename = "listener", skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Listener>,
    /// DICOM applications elsewhere.
    #[serde(rename = "remote", skip_serializing_if = "Vec::is_empty")]
    pub remotes: Vec<Remote>,
    /// DICOMweb for viewers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub web: Vec<Web>,
    /// How files are taken in.
    pub ingest: Ingest,
    /// De-identification.
    pub deid: Deid,
    /// Who subjects were.
    pub vault: Vault,
    /// Automated checks.
    pub qc: Qc,
    /// Harmonised attributes.
    pub harmonise: Harmonise,
    /// Who else may come in.
    pub access: Access,
    /// Review.
    pub review: Review,
    /// What agreement is wanted.
    pub agreement: Agreement,
    /// What work costs.
    pub cost: Cost,
    /// Programs of the site that write datasets.
    pub export: Export,
    /// How long data may be kept.
    pub retention: Vec<Retention>,
    /// The console.
    pub console: Console,
}

/// The project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Project {
    /// Its name, shown in the console's header line.
    pub name: String,
}

/// A watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// Its name, unique in the workspace.
    pub name: String,
    /// The folder, relative to the workspace; or a bucket, `s3://BUCKET/FOLDER/` (`gs://`, `az://`, `https://`).
    pub path: PathBuf,
    /// The site whose data it brings.
    pub site: String,
    /// A bucket that anybody may read: no credentials are needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// A bucket whose readers pay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requester_pays: bool,
    /// What is done with a file once the stored copy was read back.
    #[serde(default)]
    pub after: After,
    /// Where `after = "move"` moves files to; relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_to: Option<PathBuf>,
    /// Whether pixels that may carry burned-in text are quarantined.
    #[serde(default)]
    pub pixels: Pixels,
    /// Whether symbolic links are followed: `never`, or `inside` the folder.
    #[serde(default)]
    pub links: Links,
}

impl Inbox {
    /// The address of the bucket, where it is one.
    pub fn bucket(&self) -> Option<&str> {
        let schemes = ["s3://", "gs://", "az://", "https://", "http://"];
        self.path.to_str().filter(|path| schemes.iter().any(|scheme| path.starts_with(scheme)))
    }

    /// Where it is: a folder, or the address of a bucket.
    pub fn place(&self, root: &Path) -> PathBuf {
        if self.bucket().is_some() { self.path.clone() } else { root.join(&self.path) }
    }
}

/// What is done with a watched file once it is safe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// It stays where it is: it belongs to its sender.
    #[default]
    Keep,
    /// It is removed.
    Remove,
    /// It is moved to `move_to`.
    Move,
}

impl After {
    /// As it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
            Self::Move => "move",
        }
    }
}

/// Whether pixels may carry burned-in text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pixels {
    /// Images of kinds that often carry text are quarantined until somebody has looked.
    #[default]
    Checked,
    /// The sender vouches that no image carries text.
    Trusted,
}

/// How files are taken in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ingest {
    /// Seconds between rescans of every inbox; they run beside file events, always.
    pub rescan_seconds: u64,
    /// A file is whole when its size and time have not changed for this long.
    pub settle_ms: u64,
    /// Threads that read and de-identify; 0 means one per processor.
    pub workers: usize,
    /// A series is assembled when nothing has arrived for it for this long.
    pub series_quiet_ms: u64,
    /// The site of files that `gantry ingest` brings without `--site`.
    pub default_site: String,
}

/// De-identification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deid {
    /// The profile's name.
    pub profile: String,
    /// The file that profiles beside the built-in ones are in; relative to the workspace. Empty: there is none.
    pub profiles: String,
    /// Options of PS3.15 annex E beside those that the profile has.
    pub options: Vec<String>,
    /// How far dates move, in place of what the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_shift: Option<DateShift>,
    /// Whether times of day move with their dates, in place of what the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_times: Option<bool>,
    /// What alone `retain_patient_characteristics` keeps, in place of what the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_characteristics: Option<Vec<String>>,
}

/// How far the dates of a subject move; all of a subject by the same days, never by 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DateShift {
    /// The least and the greatest shift in days; the past is negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<[i64; 2]>,
    /// By whole weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_weekday: Option<bool>,
}

/// Who subjects were, sealed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vault {
    /// The public key (`age1…`) that an entry of every study is sealed to; empty keeps none.
    pub recipient: String,
}

/// Automated checks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Qc {
    /// Checks that do not run, by name.
    pub off: Vec<String>,
    /// Files of protocols that series are compared with; relative to the workspace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<PathBuf>,
    /// Settings of single checks, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckSetting>,
}

/// How one check is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckSetting {
    /// Whether it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The severity of its findings, in place of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Its threshold, in the unit that `gantry qc --list` gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// Harmonised attributes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Harmonise {
    /// Files of rules, in the order in which they are applied; relative to the workspace.
    pub rules: Vec<PathBuf>,
}

/// Which image series get a review task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Every one.
    #[default]
    All,
    /// A share, drawn by seed; and every one with findings of severity warning or error.
    Share,
    /// Only those with findings of severity warning or error.
    Findings,
}

/// Review.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Review {
    /// Which image series get a review task.
    pub sample: Sampling,
    /// The share that `sample = "share"` draws, 0 to 1.
    pub share: f64,
    /// The seed of the draw.
    pub seed: u64,
    /// How long a claim holds without a decision.
    pub claim_minutes: u64,
    /// When a task is due after it was made.
    pub due_hours: u64,
    /// Reasons for a return that the console offers.
    pub return_reasons: Vec<String>,
}

/// The console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Console {
    /// The theme: a built-in name, or a TOML file relative to the workspace.
    pub theme: String,
    /// `auto`, `sixel`, `kitty`, `iterm2` or `halfblocks`.
    pub protocol: String,
    /// Keys by action, such as `"review.accept" = "a"`.
    pub keys: BTreeMap<String, String>,
}

impl Default for Project {
    fn default() -> Self {
        Self { name: "gantry".into() }
    }
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            rescan_seconds: 30,
            settle_ms: 2_000,
            workers: 0,
            series_quiet_ms: 3_000,
            default_site: "local".into(),
        }
    }
}

impl Default for Deid {
    fn default() -> Self {
        Self {
            profile: "default".into(),
            profiles: String::new(),
            options: Vec::new(),
            date_shift: None,
            shift_times: None,
            patient_characteristics: None,
        }
    }
}

impl Default for Review {
    fn default() -> Self {
        let reasons = [
            "incomplete series",
            "wrong body part",
            "motion or artefact",
            "wrong protocol",
            "not for this project",
        ];
        Self {
            sample: Sampling::All,
            share: 0.1,
            seed: 1,
            claim_minutes: 30,
            due_hours: 72,
            return_reasons: reasons.map(String::from).to_vec(),
        }
    }
}

impl Default for Console {
    fn default() -> Self {
        Self { theme: "dark".into(), protocol: "auto".into(), keys: BTreeMap::new() }
    }
}

impl Config {
    /// Reads a configuration from its text. `path` is named in errors.
    ///
    /// # Errors
    /// [`ConfigError`] with line, column and key of the first thing that is wrong.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let (config, mistakes) = mistakes::read(text, path);
        match (config, mistakes.into_iter().next()) {
            (Some(config), None) => Ok(config),
            (_, Some(mistake)) => Err(mistake),
            (None, None) => Err(ConfigError::unreadable(path, &std::io::ErrorKind::InvalidData.into())),
        }
    }

    /// Reads a configuration as far as it can be read, and says everything that is wrong with its text, in the order of
    /// the file. `path` is named in errors.
    pub fn read(text: &str, path: &Path) -> (Option<Self>, Vec<ConfigError>) {
        mistakes::read(text, path)
    }

    /// Reads the configuration file.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Config::parse`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::unreadable(path, &e))?;
        Self::parse(&text, path)
    }

    /// Reads the configuration file of the workspace `root`, whose folders must lie apart.
    ///
    /// # Errors
    /// As [`Config::load`]; or the first pair of folders that [`overlaps`] names.
    pub fn load_in(root: &Path, path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::unreadable(path, &e))?;
        let config = Self::parse(&text, path)?;
        config.lie_apart(root, &text, path)?;
        Ok(config)
    }

    pub(super) fn lie_apart(&self, root: &Path, text: &str, path: &Path) -> Result<(), ConfigError> {
        match overlaps(root, self).into_iter().next() {
            Some(overlap) => Err(ConfigError::value(&overlap.key, overlap.why, text, path)),
            None => Ok(()),
        }
    }

    /// Keys whose values are of the right type and wrong all the same, and why.
    fn invalid_values(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, why: &str| wrong.push((key.to_string(), why.to_string()));
        if !(0.0..=1.0).contains(&self.review.share) {
            say("review.share", "a share lies between 0 and 1");
        }
        if self.review.claim_minutes == 0 || self.review.claim_minutes > MOST_MINUTES {
            say("review.claim_minutes", "between 1 minute and a year");
        }
        if self.review.due_hours > MOST_MINUTES / 60 * 100 {
            say("review.due_hours", "at most a hundred years");
        }
        if self.review.return_reasons.iter().any(|reason| reason.trim().is_empty()) {
            say("review.return_reasons", "a reason is not empty");
        }
        if self.ingest.rescan_seconds == 0 {
            say("ingest.rescan_seconds", "at least 1");
        }
        if self.ingest.default_site.trim().is_empty() {
            say("ingest.default_site", "every file belongs to a site");
        }
        if !PROTOCOLS.contains(&&*self.console.protocol) {
            say("console.protocol", &format!("one of {}", PROTOCOLS.join(", ")));
        }
        self.invalid_inboxes(&mut wrong);
        let taken: Vec<&str> = self.inboxes.iter().map(|inbox| &*inbox.name).collect();
        wrong.extend(network::invalid_values(&self.listeners, &taken));
        wrong.extend(remote::invalid_values(&self.remotes));
        wrong.extend(network::invalid_web(&self.web));
        wrong.extend(self.agreement.invalid_values());
        wrong.extend(self.cost.invalid_values());
        wrong.extend(self.export.invalid_values());
        wrong.extend(retention::invalid_values(&self.retention));
        wrong
    }

    fn invalid_inboxes(&self, wrong: &mut Vec<(String, String)>) {
        let mut names = std::collections::BTreeSet::new();
        for (i, inbox) in self.inboxes.iter().enumerate() {
            let mut say = |key: &str, why: &str| wrong.push((format!("inbox[{i}].{key}"), why.to_string()));
            if !names.insert(&inbox.name) {
                say("name", "another inbox has this name");
            }
            if inbox.name.is_empty() || inbox.name.contains(['/', '\0']) {
                say("name", "a name is not empty and has no slash");
            }
            if inbox.path.as_os_str().is_empty() {
                say("path", "the folder is not named");
            }
            if inbox.site.trim().is_empty() {
                say("site", "every inbox belongs to a site");
            }
            if inbox.bucket().is_some() && inbox.after != After::Keep {
                say("after", "nothing is removed from a bucket: leave it out");
            }
            if inbox.bucket().is_none() && (inbox.anonymous || inbox.requester_pays) {
                let key = if inbox.anonymous { "anonymous" } else { "requester_pays" };
                say(key, "for a bucket, such as path = \"s3://BUCKET/FOLDER/\"");
            }
            if inbox.bucket().is_some_and(|address| address.contains(['@', '?'])) {
                say(
                    "path",
                    "no user, password or token in an address: credentials come from the environment",
                );
            }
            if inbox.after == After::Move && inbox.move_to.is_none() {
                say("after", "\"move\" needs move_to");
            }
            if inbox.after != After::Move && inbox.move_to.is_some() {
                say("move_to", "does nothing without after = \"move\"");
            }
        }
    }
}

/// How pictures may be sent to a terminal.
const PROTOCOLS: [&str; 5] = ["auto", "sixel", "kitty", "iterm2", "halfblocks"];
/// Minutes of a year.
const MOST_MINUTES: u64 = 365 * 24 * 60;

/// The file that `gantry init` writes: every section with what it is for.
pub const TEMPLATE: &str = include_str!("template.toml");
