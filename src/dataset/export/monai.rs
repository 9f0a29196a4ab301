//! MONAI: a Decathlon data list, with paths below its own folder.

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::item::labelmap_to;
use super::nnunet::write_json;
use super::{Exporter, Note, Out, StackItem, Volumes, Whole};
use crate::snapshot::SplitRole;

/// The format.
pub struct Monai;

const ROOT: &str = "monai";

impl Exporter for Monai {
    fn name(&self) -> &'static str {
        "monai"
    }

    fn volumes(&self) -> Volumes {
        Volumes::Needed
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let list = list(item.of.split);
        if !item.is_looked_at() && list != "test" {
            out.leave_out("no_label", "nobody has drawn on it, or said that there is nothing");
            return Ok(());
        }
        let key = item.key();
        let image = format!("images/{key}.nii.gz");
        let path = out.file(&Path::new(ROOT).join(&image))?;
        item.write_image(&path)?;
        let mut entry = json!({
            "image": image, "series_uid": item.of.content.series_uid, "subject": item.of.content.subject,
        });
        if item.is_looked_at() {
            let label = format!("labels/{key}.nii.gz");
            labelmap_to(item, out, &Path::new(ROOT).join(&label))?;
            entry["label"] = label.into();
        }
        out.note(json!({ "list": list, "entry": entry }));
        Ok(())
    }

    fn finish(&self, whole: &Whole<'_>, notes: &[Note], out: &mut Out<'_>) -> io::Result<()> {
        let mut lists: Map<String, Value> = Map::new();
        for list in ["training", "validation", "test"] {
            let of_list = notes.iter().filter(|n| n.value["list"] == list);
            let mut entries: Vec<&Value> = of_list.map(|n| &n.value["entry"]).collect();
            entries.sort_by_key(|e| e["image"].as_str());
            lists.insert(list.into(), json!(entries));
        }
        let mut labels = Map::from_iter([("0".to_owned(), json!("background"))]);
        labels.extend(whole.structures.iter().map(|s| (s.number.to_string(), json!(s.name))));
        let count = |list: &str| lists[list].as_array().map_or(0, Vec::len);
        let mut document = json!({
            "name": whole.name,
            "description": whole.id,
            "labels": labels,
            "tensorImageSize": "3D",
            "numTraining": count("training"),
            "numTest": count("test"),
        });
        if let Some(document) = document.as_object_mut() {
            document.extend(lists);
        }
        write_json(out, &Path::new(ROOT).join("datalist.json"), &document)
    }
}

/// The list of a split.
fn list(split: Option<&str>) -> &'static str {
    match split.and_then(SplitRole::of) {
        Some(SplitRole::Validation) => "validation",
        Some(SplitRole::Test) => "test",
        Some(SplitRole::Train) | None => "training",
    }
}
