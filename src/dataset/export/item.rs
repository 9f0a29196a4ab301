//! What a format is given: a series, a stack of it, and what is known of all of them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Out;
pub use crate::dataset::names::Names;
use crate::dataset::names::Pattern;
use crate::format::label::SourceImage;
use crate::label::mask::runs_by_value;
use crate::label::{Code, Mask, Placed, PlacedStructure};
use crate::model::geometry::Grid;
use crate::model::pixels::Samples;
use crate::model::{Finding, tags};
use crate::series::Series;
use crate::snapshot::{Content, FrozenLabel};
use crate::volume::{self, PhilipsScale, Standard, Transform, Volume, Voxels};

/// A structure that is drawn somewhere in the dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StructureInfo {
    /// Its name.
    pub name: String,
    /// Its coded meaning.
    pub code: Option<String>,
    /// Its value in a labelmap, from 1.
    pub number: u32,
}

/// What is known of a dataset as a whole.
#[derive(Debug, Clone, Default)]
pub struct Whole<'a> {
    /// Its name: the snapshot's.
    pub name: &'a str,
    /// The identifier of the snapshot.
    pub id: Option<&'a str>,
    /// When the snapshot was made, in milliseconds since 1970.
    pub created_ms: Option<i64>,
    /// Structures that are drawn, by name.
    pub structures: Vec<StructureInfo>,
    /// Splits, by name; none where there are none.
    pub splits: Vec<String>,
    /// The split of each subject, by its pseudonym.
    pub subjects: BTreeMap<String, SubjectInfo>,
}

/// What is known of a subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubjectInfo {
    /// The site.
    pub site: String,
    /// The split.
    pub split: Option<String>,
    /// The harmonised sex.
    pub sex: Option<String>,
    /// The harmonised age in years.
    pub age_years: Option<f64>,
}

impl Whole<'_> {
    /// The number of a structure in labelmaps.
    pub fn number_of(&self, structure: &str) -> Option<u32> {
        self.structures.iter().find(|s| s.name == structure).map(|s| s.number)
    }
}

/// A label with what is shown of it.
#[derive(Debug, Clone)]
pub struct LabelView {
    /// The label.
    pub label: FrozenLabel,
    /// Its voxels; 0 where nothing was found.
    pub voxels: Option<u64>,
    /// What was drawn, on the grid that it was drawn on.
    pub drawn: Option<(Grid, Mask)>,
}

/// A series on its way out.
pub struct SeriesItem<'a> {
    /// The dataset.
    pub whole: &'a Whole<'a>,
    /// The series, assembled.
    pub series: &'a Series,
    /// What is exported of it.
    pub content: &'a Content,
    /// Its split.
    pub split: Option<&'a str>,
    /// SOP instance UIDs with the content hashes of the stored instances that the series is made of.
    pub instances: &'a [(String, String)],
    /// What de-identification did, as the ledger has it; lines that are equal stand once.
    pub ledger: &'a [Value],
    /// Acquisition facts as (name, value).
    pub facts: &'a [(String, String)],
    /// What the checks found.
    pub findings: &'a [Finding],
    /// Where it stands: `accepted`, `in_review` …
    pub state: &'a str,
    /// Who read, as the dataset names them.
    pub reader: Option<String>,
    /// Accepted labels.
    pub labels: &'a [LabelView],
    /// The bytes of a stored instance, verified against its hash.
    pub read: &'a (dyn Fn(&str) -> io::Result<Vec<u8>> + Sync),
}

/// One stack of a series on its way out.
pub struct StackItem<'a> {
    /// The series.
    pub of: &'a SeriesItem<'a>,
    /// The stack, from 0.
    pub stack: usize,
    /// `SUBJECT/NAME`: where its files lie, and how their names begin.
    pub stem: PathBuf,
    /// Its voxels, where it is a volume.
    pub volume: Option<&'a Volume>,
    /// What was done to its grid and values, where something was asked.
    pub transform: Option<&'a Transform>,
    /// What stands beside it: acquisition parameters, b-values and directions.
    pub sidecar: Option<&'a volume::Sidecar>,
    /// What was accepted of what readers drew, on the grid of the stack.
    pub drawn: &'a [DrawnLabel],
    /// The image as DICOM labels refer to it.
    pub source: Option<&'a SourceImage>,
    /// Where its image was written by another format already.
    pub image: OnceLock<PathBuf>,
}

impl StackItem<'_> {
    /// The file name that its files begin with.
    pub fn name(&self) -> String {
        self.stem.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Whether anything that is drawn was looked for in it.
    pub fn is_looked_at(&self) -> bool {
        !self.drawn.is_empty()
    }

    /// Structures that were found, on the grid of the stack, numbered as in the whole dataset.
    pub fn placed(&self) -> Option<Placed> {
        let grid = self.drawn.first()?.grid;
        let found = self.drawn.iter().filter(|d| !d.mask.is_empty());
        let structures: Vec<PlacedStructure> = found
            .map(|d| {
                let number = self.of.whole.number_of(&d.structure).unwrap_or_default();
                let code = d.code.as_deref().and_then(|code| coded(code, &d.structure));
                PlacedStructure { code, ..PlacedStructure::of_mask(number, &d.structure, d.mask.clone()) }
            })
            .collect();
        let in_space = self.source.is_none_or(|s| s.image.placed);
        Some(Placed { grid, in_space, structures, warnings: Vec::new() })
    }

    /// Writes the image as a volume. A format that needs the same file that another has written copies it.
    ///
    /// # Errors
    /// The disk refuses, or the format cannot hold it.
    pub fn write_image(&self, path: &Path) -> io::Result<()> {
        if let Some(written) = self.image.get() {
            std::fs::copy(written, path)?;
            return Ok(());
        }
        self.write_image_to(path)?;
        self.image.get_or_init(|| path.to_path_buf());
        Ok(())
    }

    /// Writes the image where it will not stay: no other format copies it from there.
    ///
    /// # Errors
    /// As [`StackItem::write_image`].
    pub fn lend_image(&self, path: &Path) -> io::Result<()> {
        match self.image.get() {
            Some(written) => std::fs::copy(written, path).map(|_| ()),
            None => self.write_image_to(path),
        }
    }

    /// The image as a compressed NIfTI file; `beside` is where it may be written for a moment.
    ///
    /// # Errors
    /// As [`StackItem::write_image`].
    pub fn image_bytes(&self, beside: &Path) -> io::Result<Vec<u8>> {
        if let Some(written) = self.image.get() {
            return std::fs::read(written);
        }
        self.write_image_to(beside)?;
        let bytes = std::fs::read(beside)?;
        std::fs::remove_file(beside)?;
        Ok(bytes)
    }

    fn write_image_to(&self, path: &Path) -> io::Result<()> {
        let volume = self.volume.ok_or(io::ErrorKind::InvalidInput)?;
        let slicing = self.sidecar.map(|s| s.slicing).unwrap_or_default();
        volume::write_sliced(volume, path, volume::Format::Nifti, slicing)
    }

    /// One volume of one number a voxel, as most trainers want it.
    pub fn is_plain(&self) -> bool {
        self.volume.is_some_and(|v| v.volumes == 1 && matches!(v.voxels, Voxels::Grey(_)))
    }

    /// `SUBJECT_003_1a2b3c4d`: a name of letters, digits and `_`, whatever names are asked for.
    pub fn key(&self) -> String {
        let name = stem(self.of.content, self.of.series, self.stack);
        name.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The labelmap of everything that was found, by the numbers of the dataset; where structures overlap the later one
    /// counts, and how many voxels that concerns.
    ///
    /// # Errors
    /// The grid that is asked for is too large.
    pub fn labelmap(&self) -> io::Result<Option<(Volume, u64)>> {
        let Some(first) = self.drawn.first() else { return Ok(None) };
        let grid = first.grid;
        let mut voxels = vec![0_u16; grid.shape.iter().map(|n| *n as usize).product()];
        let mut painted = 0;
        for drawn in self.drawn {
            let number = self.of.whole.number_of(&drawn.structure).unwrap_or_default();
            painted += drawn.mask.voxels();
            drawn.mask.paint(number as u16, &mut voxels);
        }
        let overlap = painted - voxels.iter().filter(|v| **v > 0).count() as u64;
        let samples = match u8::try_from(self.of.whole.structures.len()) {
            Ok(_) => Samples::U8(voxels.into_iter().map(|v| v as u8).collect()),
            Err(_) => Samples::U16(voxels),
        };
        Ok(Some((on_grid(grid, samples, &first.standard)?, overlap)))
    }
}

/// What was accepted of one structure, on the grid of a stack.
pub struct DrawnLabel {
    /// The structure.
    pub structure: String,
    /// Its coded meaning.
    pub code: Option<String>,
    /// The grid that was drawn on.
    pub grid: Grid,
    /// What was drawn.
    pub mask: Mask,
    /// The grid that is asked for.
    pub standard: Standard,
}

impl DrawnLabel {
    /// Its voxels on the grid of the volume beside it.
    ///
    /// # Errors
    /// The grid that is asked for is too large.
    pub fn on_volume(&self) -> io::Result<Mask> {
        if self.standard.is_empty() {
            return Ok(self.mask.clone());
        }
        let volume = self.volume()?;
        let (shape, mut runs) = (volume.grid.shape, Vec::new());
        if let Voxels::Grey(Samples::U8(values)) = &volume.voxels {
            runs_by_value(values, 0, shape[0], |_, run| runs.push(run));
        }
        Ok(Mask::of_runs(shape, runs))
    }

    /// One where it is, zero elsewhere, on the grid of the volume beside it.
    ///
    /// # Errors
    /// The grid that is asked for is too large.
    pub fn volume(&self) -> io::Result<Volume> {
        let mut voxels = vec![0_u8; self.grid.shape.iter().map(|n| *n as usize).product()];
        self.mask.paint(1, &mut voxels);
        on_grid(self.grid, Samples::U8(voxels), &self.standard)
    }
}

/// Labels as a volume on the grid that is asked for.
fn on_grid(grid: Grid, samples: Samples, standard: &Standard) -> io::Result<Volume> {
    let whole = Volume {
        grid,
        volumes: 1,
        step_s: None,
        voxels: Voxels::Grey(samples),
        slope: 1.0,
        intercept: 0.0,
        philips: PhilipsScale::Display,
    };
    if standard.is_empty() {
        return Ok(whole);
    }
    let unscaled = Standard { labels: true, range: None, ..*standard };
    Ok(unscaled.apply(&whole).map_err(io::Error::other)?.0)
}

/// `SCT:27925004` as a code.
fn coded(code: &str, meaning: &str) -> Option<Code> {
    let (scheme, value) = code.split_once(':')?;
    Some(Code::new(scheme.trim(), value.trim(), meaning))
}

/// `SUBJECT/SUBJECT_003_1a2b3c4d`: pseudonym, series number and digits of the UID's hash; never a text of a file.
pub fn stem(content: &Content, series: &Series, stack: usize) -> PathBuf {
    let folder = subject_folder(&content.subject);
    let short = &hex::encode(Sha256::digest(&content.series_uid))[..8];
    let number = content.number.unwrap_or(0).clamp(0, 99_999);
    folder.join(format!("{folder}_{number:03}_{short}{}", of_stack(series, stack), folder = folder.display()))
}

/// `SUBJECT/NAME`, the name by a pattern from de-identified facts.
pub fn named(
    item: &SeriesItem<'_>,
    stack: usize,
    sidecar: Option<&volume::Sidecar>,
    pattern: &Pattern,
) -> String {
    let (content, common) = (item.content, &item.series.stacks[stack].common);
    let owned = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_string);
    let key = |name: &str| sidecar?.keys.get(name).cloned();
    let text = |tag| match tag {
        tags::PATIENT_ID => Some(content.subject.clone()),
        tags::STUDY_DATE => content.study_date.clone(),
        tags::SERIES_NUMBER => content.number.map(|n| n.to_string()),
        tags::SERIES_DESCRIPTION => owned(&common.description),
        tags::PROTOCOL_NAME => key("ProtocolName")?.as_str().map(str::to_string),
        tags::MODALITY => owned(&common.modality),
        tags::BODY_PART_EXAMINED => owned(&common.body_part),
        tags::ECHO_NUMBERS => key("EchoNumber").map(|n| n.to_string()),
        _ => None,
    };
    let number = content.number.unwrap_or(0).clamp(0, 99_999) as usize;
    pattern.filled(number, text) + &of_stack(item.series, stack)
}

fn of_stack(series: &Series, stack: usize) -> String {
    if series.stacks.len() > 1 { format!("_stack{}", stack + 1) } else { String::new() }
}

/// The folder of a subject: the letters and digits of its pseudonym.
pub fn subject_folder(subject: &str) -> PathBuf {
    let subject: String = subject.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    PathBuf::from(if subject.is_empty() { "subject".into() } else { subject })
}

/// A name as a part of a file's: letters, digits, `-` and `_`.
pub fn plain_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' };
    name.chars().take(64).map(plain).collect()
}

/// `stem` with an ending; unlike `with_extension` it keeps dots of the name.
pub fn ending(stem: &Path, ending: &str) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    stem.with_file_name(name)
}

/// Writes each structure that was looked for beside a stem.
pub fn write_structures(
    item: &StackItem<'_>,
    out: &mut Out<'_>,
    end: &str,
    format: volume::Format,
) -> io::Result<()> {
    for label in item.drawn {
        let path = out.file(&ending(&item.stem, &format!("_{}{end}", plain_name(&label.structure))))?;
        volume::write(&label.volume()?, &path, format)?;
    }
    Ok(())
}

/// The labelmap of a stack; where structures overlap, that is said.
pub fn labelmap_of(item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<Option<Volume>> {
    let Some((volume, overlap)) = item.labelmap()? else { return Ok(None) };
    if overlap > 0 {
        out.warn(format!("{overlap} voxels are of several structures; in the labelmap the later one counts"));
    }
    Ok(Some(volume))
}

/// Writes the labelmap of a stack.
pub fn labelmap_to(item: &StackItem<'_>, out: &mut Out<'_>, at: &Path) -> io::Result<()> {
    match labelmap_of(item, out)? {
        Some(volume) => volume::write(&volume, &out.file(at)?, volume::Format::Nifti),
        None => Ok(()),
    }
}
