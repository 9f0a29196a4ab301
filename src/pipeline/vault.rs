//! The vault of a workspace: one sealed file for each study, on the landing side.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Refusal;
use crate::deid::{Recipient, VaultEntry, VaultError, VaultKey};
use crate::dicom::{Contents, ReadOptions};
use crate::model::words::io_error;

/// Where the sealed entries lie.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: PathBuf,
}

/// Why an entry is not kept or not read.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// As [`VaultError`].
    #[error("vault: {0}")]
    Vault(#[from] VaultError),
    /// The disk refuses.
    #[error("vault: {}", io_error(.0))]
    Disk(#[from] io::Error),
}

impl From<KeepError> for Refusal {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Disk(error) => error.kind().into(),
            KeepError::Vault(error) => Self::Other(error.to_string()),
        }
    }
}

impl Vault {
    /// The vault in this folder, which need not exist yet.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Study UIDs are our own and of digits and points; whatever else one might hold, no path is built from it.
    fn place(&self, study_uid: &str) -> PathBuf {
        let name: String = study_uid.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
        let shelf = name.get(name.len().saturating_sub(2)..).unwrap_or_default().replace('.', "0");
        self.folder.join(shelf).join(format!("{name}.age"))
    }

    /// Whether a study has an entry.
    pub fn has(&self, study_uid: &str) -> bool {
        self.place(study_uid).exists()
    }

    /// Takes the entry of a study away, where it has one.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self, study_uid: &str) -> io::Result<()> {
        match fs::remove_file(self.place(study_uid)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Seals what a source says of its study, where that is not known yet.
    ///
    /// # Errors
    /// The entry cannot be sealed or written; nothing is recorded of the source then.
    pub fn keep(
        &self,
        recipient: &str,
        source: &Contents<'_>,
        (subject, study_uid, site): (&str, &str, &str),
    ) -> Result<(), KeepError> {
        let place = self.place(study_uid);
        if place.exists() {
            return Ok(());
        }
        let Ok(file) = source.read(ReadOptions::default()) else { return Ok(()) };
        let entry = VaultEntry::of(&file.dataset, subject, study_uid, site);
        let sealed = Recipient::parse(recipient)?.seal(&entry)?;
        let shelf = place.parent().unwrap_or(&self.folder);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(shelf)?;
        // Two workers may meet at one study: each writes its own draft, and the later one takes the place.
        let draft =
            place.with_extension(format!("{:?}", std::thread::current().id()).replace(['(', ')'], "-"));
        let mut out =
            fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
        out.write_all(&sealed)?;
        out.sync_all()?;
        fs::rename(draft, &place)?;
        fs::File::open(shelf)?.sync_all()?;
        Ok(())
    }

    /// The sealed files, in order.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let list = |folder: &Path| match fs::read_dir(folder) {
            Ok(entries) => entries.map(|e| e.map(|e| e.path())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let shelves: Vec<PathBuf> = list(&self.folder)?;
        let mut files = Vec::new();
        for shelf in shelves {
            files.extend(list(&shelf)?.into_iter().filter(|f| f.extension().is_some_and(|e| e == "age")));
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Opens the entry of one study, or every entry. Those that the key does not open are counted.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn open(&self, key: &VaultKey, study_uid: Option<&str>) -> io::Result<(Vec<VaultEntry>, u64)> {
        let files = match study_uid {
            Some(uid) => vec![self.place(uid)].into_iter().filter(|f| f.exists()).collect(),
            None => self.files()?,
        };
        let (mut entries, mut shut) = (Vec::new(), 0);
        for file in files {
            match key.open(&fs::read(file)?) {
                Ok(entry) => entries.push(entry),
                Err(_) => shut += 1,
            }
        }
        Ok((entries, shut))
    }
}
