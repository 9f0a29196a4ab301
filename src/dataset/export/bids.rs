//! BIDS 1.10 (Brain Imaging Data Structure): `sub-X/ses-Y/DATATYPE/…`, sidecars, participants, and accepted labels as
//! derivatives. What BIDS has no place for (CT) lies in a folder that its validator is told to pass over.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::nnunet::write_json;
use super::{Exporter, Note, Out, SeriesItem, StackItem, Volumes, Whole};
use crate::volume::{self, Format};

/// The format.
pub struct Bids;

const ROOT: &str = "bids";
const VERSION: &str = "1.10.0";
/// Weightings of MR that are a BIDS suffix of their own.
const SUFFIXES: [(&str, &str); 5] =
    [("t1", "T1w"), ("t2", "T2w"), ("pd", "PDw"), ("flair", "FLAIR"), ("t2star", "T2starw")];

impl Exporter for Bids {
    fn name(&self) -> &'static str {
        "bids"
    }

    fn volumes(&self) -> Volumes {
        Volumes::Needed
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let place = Place::of(item);
        let stem = place.file("");
        let image = out.file(&Path::new(ROOT).join(format!("{stem}_{}.nii.gz", place.suffix)))?;
        item.write_image(&image)?;
        let mut sidecar = item.sidecar.map(|s| s.keys.clone()).unwrap_or_default();
        sidecar.insert("SeriesInstanceUID".into(), item.of.content.series_uid.clone().into());
        let beside = Path::new(ROOT).join(format!("{stem}_{}.json", place.suffix));
        write_json(out, &beside, &Value::Object(sidecar))?;
        if let Some(gradients) = item.sidecar.and_then(|s| s.diffusion.as_ref()) {
            for (end, text) in [("bval", &gradients.bval), ("bvec", &gradients.bvec)] {
                let path = out.file(&Path::new(ROOT).join(format!("{stem}_{}.{end}", place.suffix)))?;
                fs::write(path, text)?;
            }
        }
        for label in item.drawn {
            let name = label_name(item.of.whole, &label.structure);
            let stem = place.file(&format!("_label-{name}"));
            let path = Path::new(ROOT).join("derivatives/gantry").join(format!("{stem}_mask.nii.gz"));
            let path = out.file(&path)?;
            volume::write(&label.volume()?, &path, Format::Nifti)?;
        }
        out.note(json!({ "participant": place.subject, "subject": item.of.content.subject }));
        Ok(())
    }

    fn finish(&self, whole: &Whole<'_>, notes: &[Note], out: &mut Out<'_>) -> io::Result<()> {
        let root = Path::new(ROOT);
        let by = json!([{ "Name": "Gantry", "Version": env!("CARGO_PKG_VERSION") }]);
        let described = |kind: &str| {
            json!({
                "Name": whole.name, "BIDSVersion": VERSION, "DatasetType": kind, "GeneratedBy": by,
                "SourceDatasets": [{ "Version": whole.id }],
            })
        };
        write_json(out, &root.join("dataset_description.json"), &described("raw"))?;
        write_json(out, &root.join("derivatives/gantry/dataset_description.json"), &described("derivative"))?;
        let texts = [
            (
                "README",
                format!(
                    "{}\n\nWritten by Gantry. README.md above this folder is the dataset's card.\n",
                    whole.name
                ),
            ),
            (".bidsignore", "**/ct\n**/other\n".to_owned()),
            ("participants.tsv", participants(whole, notes)),
        ];
        for (name, text) in texts {
            fs::write(out.file(&root.join(name))?, text)?;
        }
        let columns = json!({
            "site": { "Description": "The site that the images came from" },
            "split": { "Description": "The split of the snapshot" },
            "sex": { "Description": "Sex as harmonised", "Levels": { "F": "female", "M": "male", "O": "other" } },
            "age": { "Description": "Age at the first study", "Units": "year" },
        });
        write_json(out, &root.join("participants.json"), &columns)
    }
}

/// Where a stack lies.
struct Place {
    subject: String,
    session: String,
    folder: &'static str,
    acquisition: String,
    run: Option<usize>,
    suffix: &'static str,
}

impl Place {
    fn of(item: &StackItem<'_>) -> Self {
        let of = item.of;
        let (folder, suffix) = kind(of, item);
        let study = hex::encode(Sha256::digest(&of.content.study_uid));
        let date = of.content.study_date.as_deref().map(alphanumeric).unwrap_or_default();
        let series = hex::encode(Sha256::digest(&of.content.series_uid));
        Self {
            subject: format!("sub-{}", alphanumeric(&of.content.subject)),
            session: format!("ses-{date}{}", &study[..4]),
            folder,
            acquisition: series[..8].into(),
            run: (of.series.stacks.len() > 1).then_some(item.stack + 1),
            suffix,
        }
    }

    /// Path and beginning of the name, with entities before the suffix.
    fn file(&self, entities: &str) -> String {
        let Self { subject, session, folder, acquisition, run, .. } = self;
        let run = run.map(|n| format!("_run-{n}")).unwrap_or_default();
        let path = PathBuf::from(subject).join(session).join(folder);
        format!("{}/{subject}_{session}_acq-{acquisition}{run}{entities}", path.display())
    }
}

/// Folder and suffix of what a stack shows.
fn kind(of: &SeriesItem<'_>, item: &StackItem<'_>) -> (&'static str, &'static str) {
    let many = item.volume.is_some_and(|v| v.volumes > 1);
    match of.content.modality.as_str() {
        "CT" => ("ct", "ct"),
        "PT" => ("pet", "pet"),
        "MR" if item.sidecar.is_some_and(|s| s.diffusion.is_some()) => ("dwi", "dwi"),
        "MR" if !many => {
            let weighting = of.content.harmonised.text("weighting").unwrap_or_default();
            let known = SUFFIXES.iter().find(|(name, _)| *name == weighting);
            known.map_or(("other", "mr"), |(_, suffix)| ("anat", suffix))
        }
        "MR" => ("other", "mr"),
        _ => ("other", "image"),
    }
}

/// Letters and digits of a text.
fn alphanumeric(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

/// The name of a structure as BIDS has them: letters and digits; two that would be the same are numbered.
fn label_name(whole: &Whole<'_>, structure: &str) -> String {
    let name = alphanumeric(structure);
    let alike = whole.structures.iter().filter(|s| alphanumeric(&s.name) == name).count();
    if name.is_empty() || alike > 1 {
        return format!("{name}{}", whole.number_of(structure).unwrap_or_default());
    }
    name
}

fn participants(whole: &Whole<'_>, notes: &[Note]) -> String {
    let participants: BTreeMap<&str, &str> = notes
        .iter()
        .filter_map(|n| Some((n.value["participant"].as_str()?, n.value["subject"].as_str()?)))
        .collect();
    let mut text = "participant_id\tsite\tsplit\tsex\tage\n".to_owned();
    for (participant, subject) in participants {
        let about = whole.subjects.get(subject).cloned().unwrap_or_default();
        let sex = match about.sex.as_deref() {
            Some("female") => "F",
            Some("male") => "M",
            Some("other") => "O",
            _ => "n/a",
        };
        let cell = |text: Option<&str>| {
            let text: String = text.unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
            if text.is_empty() { "n/a".into() } else { text }
        };
        let age = about.age_years.map_or_else(|| "n/a".to_owned(), |age| age.to_string());
        let (site, split) = (cell(Some(&about.site)), cell(about.split.as_deref()));
        text += &format!("{participant}\t{site}\t{split}\t{sex}\t{age}\n");
    }
    text
}
