//! Sites send: files appear in their inboxes whole, one after the other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::faults::{Expected, Fault};
use super::readers::Truth;
use super::scanner::SCANNERS;
use super::study::{SourceFile, Study, StudyPlan};

/// A fault that was planted, and by what it can be found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// The fault.
    pub fault: Fault,
    /// The inbox.
    pub inbox: &'static str,
    /// The study's folder below the inboxes.
    pub folder: PathBuf,
    /// The files it is about, below the inboxes; empty for what concerns a series.
    pub files: Vec<PathBuf>,
    /// SHA-256 of a file of the series.
    pub member: String,
}

/// What was sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sent {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Faults among them.
    pub planted: Vec<Planted>,
    /// What is really there in each study.
    pub truths: Vec<Truth>,
}

/// The folders of a demo's senders.
#[derive(Debug, Clone)]
pub struct Senders {
    root: PathBuf,
}

impl Senders {
    /// The senders of a workspace, in a folder beside it: each site's inbox is a folder in `inbox` there.
    ///
    /// # Errors
    /// The folders cannot be made.
    pub fn new(workspace: &Path) -> io::Result<Self> {
        let root = Self::folder(workspace);
        for (inbox, _) in Self::inboxes() {
            fs::create_dir_all(root.join("inbox").join(inbox))?;
        }
        fs::create_dir_all(root.join("outbox"))?;
        Ok(Self { root })
    }

    /// The folder of the senders of a workspace: beside it, for an inbox lies outside the workspace.
    pub fn folder(workspace: &Path) -> PathBuf {
        let mut name = workspace.file_name().unwrap_or_default().to_os_string();
        name.push("-senders");
        workspace.with_file_name(name)
    }

    /// Inboxes and their sites.
    pub fn inboxes() -> Vec<(&'static str, &'static str)> {
        let mut all: Vec<_> = SCANNERS.iter().map(|s| (s.inbox, s.site)).collect();
        all.dedup();
        all
    }

    /// Makes a study and sends it; `pause` is called before each file and ends the sending by `false`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn send(&self, plan: StudyPlan, mut pause: impl FnMut() -> bool) -> io::Result<Sent> {
        let study = Study::make(plan);
        let folder = Path::new(study.scanner.inbox).join(format!("{}_CT_{:04}", study.date, plan.number));
        let files = study.files()?;
        let mut sent = Sent {
            planted: planted(&study, &folder, &files).into_iter().collect(),
            truths: vec![study.truth()],
            ..Sent::default()
        };
        fs::create_dir_all(self.root.join("inbox").join(&folder))?;
        for file in files {
            if !pause() {
                break;
            }
            sent.files += 1;
            sent.bytes += file.bytes.len() as u64;
            // A name appears in the inbox when its file is whole.
            let draft = self.root.join("outbox").join(format!("{}-{}", plan.number, file.name));
            fs::write(&draft, &file.bytes)?;
            fs::rename(draft, self.root.join("inbox").join(&folder).join(&file.name))?;
        }
        Ok(sent)
    }
}

fn planted(study: &Study, folder: &Path, files: &[SourceFile]) -> Option<Planted> {
    let fault = study.plan.fault?;
    let about = files.iter().filter(|f| f.marked && fault.expected() != Expected::Finding);
    Some(Planted {
        fault,
        inbox: study.scanner.inbox,
        folder: folder.into(),
        files: about.map(|f| folder.join(&f.name)).collect(),
        member: files.first().map(|f| crate::blob::name_of(&f.bytes)).unwrap_or_default(),
    })
}
