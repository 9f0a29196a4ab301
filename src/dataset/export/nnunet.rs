//! nnU-Net v2: `imagesTr`, `labelsTr`, `imagesTs`, `dataset.json`, and the splits of the snapshot as `splits_final.json`.
//!
//! A case is a stack that is one volume of grey values and in which a reader has looked for something. What is to be tested
//! is in `imagesTs`; everything else is trained with.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::item::labelmap_to;
use super::{Exporter, Note, Out, StackItem, Volumes, Whole};
use crate::snapshot::SplitRole;

/// The format.
pub struct NnUnet;

/// A case.
#[derive(Debug, Serialize, Deserialize)]
struct Case {
    key: String,
    role: String,
    modality: Option<String>,
}

impl Exporter for NnUnet {
    fn name(&self) -> &'static str {
        "nnunet"
    }

    fn volumes(&self) -> Volumes {
        Volumes::Needed
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let role = item.of.split.and_then(SplitRole::of).unwrap_or(SplitRole::Train);
        if !item.is_plain() {
            out.leave_out("other", "nnU-Net takes one volume of grey values");
            return Ok(());
        }
        if !item.is_looked_at() && role != SplitRole::Test {
            out.leave_out("no_label", "nobody has drawn on it, or said that there is nothing");
            return Ok(());
        }
        let root = root(item.of.whole);
        let (key, folder) = (item.key(), if role == SplitRole::Test { "imagesTs" } else { "imagesTr" });
        let image = out.file(&root.join(folder).join(format!("{key}_0000.nii.gz")))?;
        item.write_image(&image)?;
        if item.is_looked_at() {
            let labels = if role == SplitRole::Test { "labelsTs" } else { "labelsTr" };
            labelmap_to(item, out, &root.join(labels).join(format!("{key}.nii.gz")))?;
        }
        let modality = item.of.content.modality.clone();
        let case = Case { key, role: role_name(role).into(), modality: Some(modality) };
        out.note(serde_json::to_value(case)?);
        Ok(())
    }

    fn finish(&self, whole: &Whole<'_>, notes: &[Note], out: &mut Out<'_>) -> io::Result<()> {
        let cases = notes.iter().map(|note| Case::deserialize(&note.value));
        let mut cases: Vec<Case> = cases.collect::<Result<_, _>>()?;
        cases.sort_by(|a, b| a.key.cmp(&b.key));
        let keys = |role: SplitRole| -> Vec<&str> {
            cases.iter().filter(|c| c.role == role_name(role)).map(|c| c.key.as_str()).collect()
        };
        let (train, val) = (keys(SplitRole::Train), keys(SplitRole::Validation));
        let mut labels = serde_json::Map::from_iter([("background".to_owned(), json!(0))]);
        labels.extend(whole.structures.iter().map(|s| (s.name.clone(), json!(s.number))));
        let document = json!({
            "channel_names": { "0": channel(&cases) },
            "labels": labels,
            "numTraining": train.len() + val.len(),
            "file_ending": ".nii.gz",
            "name": whole.name,
            "reference": whole.id,
            "release": env!("CARGO_PKG_VERSION"),
            "description": "Written by Gantry; manifest.json has every file with its SHA-256.",
        });
        let root = root(whole);
        write_json(out, &root.join("dataset.json"), &document)?;
        if !val.is_empty() {
            write_json(out, &root.join("splits_final.json"), &json!([{ "train": train, "val": val }]))?;
        }
        Ok(())
    }
}

/// `nnunet/Dataset001_NAME`.
fn root(whole: &Whole<'_>) -> PathBuf {
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = whole.name.chars().take(64).map(word).collect();
    PathBuf::from("nnunet").join(format!("Dataset001_{}", if name.is_empty() { "gantry" } else { &name }))
}

const fn role_name(role: SplitRole) -> &'static str {
    match role {
        SplitRole::Train => "train",
        SplitRole::Validation => "val",
        SplitRole::Test => "test",
    }
}

/// The name of the channel: nnU-Net normalises CT in its own way.
fn channel(cases: &[Case]) -> String {
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    cases.iter().filter_map(|c| c.modality.as_deref()).for_each(|m| *kinds.entry(m).or_default() += 1);
    match kinds.len() {
        1 => kinds.keys().next().map(|kind| (*kind).to_owned()).unwrap_or_default(),
        _ => "image".into(),
    }
}

/// Writes a document.
pub fn write_json(out: &mut Out<'_>, at: &std::path::Path, document: &Value) -> io::Result<()> {
    let path = out.file(at)?;
    fs::write(path, serde_json::to_string_pretty(document)? + "\n")
}
