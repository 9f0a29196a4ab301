//! WebDataset: tar files of samples, one split a file. A sample has `KEY.json`, `KEY.image.nii.gz` and, where something was
//! looked for, `KEY.label.nii.gz`. Members have no time and no owner.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tar::{Builder, EntryType, Header};

use super::item::labelmap_of;
use super::json::document;
use super::{Exporter, Note, Out, StackItem, Volumes, Whole};
use crate::volume;

/// The format.
pub struct WebDataset;

/// Bytes of a tar file beyond which another is begun.
const SHARD: u64 = 1 << 30;
/// Two empty blocks, which end a tar file.
const END: u64 = 1024;

/// A sample as a tar file of its own.
#[derive(Debug, Serialize, Deserialize)]
struct Sample {
    key: String,
    split: String,
    part: String,
}

impl Exporter for WebDataset {
    fn name(&self) -> &'static str {
        "webdataset"
    }

    fn volumes(&self) -> Volumes {
        Volumes::Needed
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let key = item.key();
        let part = format!("webdataset/{key}.tar");
        let path = out.part(Path::new(&part))?;
        let beside = path.with_extension("nii.gz");
        let mut tar = Builder::new(File::create(&path)?);
        let mut document = document(item);
        let labels = item.of.whole.structures.iter().map(|s| (s.name.clone(), s.number.into()));
        document["label_values"] = serde_json::Value::Object(labels.collect());
        append(&mut tar, &format!("{key}.json"), serde_json::to_string_pretty(&document)?.as_bytes())?;
        append(&mut tar, &format!("{key}.image.nii.gz"), &item.image_bytes(&beside)?)?;
        if let Some(labels) = labelmap_of(item, out)? {
            volume::write(&labels, &beside, volume::Format::Nifti)?;
            append(&mut tar, &format!("{key}.label.nii.gz"), &fs::read(&beside)?)?;
            fs::remove_file(&beside)?;
        }
        tar.into_inner()?;
        let split = item.of.split.unwrap_or("all").to_owned();
        out.note(serde_json::to_value(Sample { key, split, part })?);
        Ok(())
    }

    fn finish(&self, _: &Whole<'_>, notes: &[Note], out: &mut Out<'_>) -> io::Result<()> {
        let samples = notes.iter().map(|note| Sample::deserialize(&note.value));
        let mut samples: Vec<Sample> = samples.collect::<Result<_, _>>()?;
        samples.sort_by(|a, b| (&a.split, &a.key).cmp(&(&b.split, &b.key)));
        for of_split in samples.chunk_by(|a, b| a.split == b.split) {
            let mut shards = Shards { split: &of_split[0].split, number: 0, open: None };
            for sample in of_split {
                shards.add(&out.part_of(&sample.part), out)?;
            }
            shards.close()?;
        }
        Ok(())
    }
}

/// The tar files of a split.
struct Shards<'s> {
    split: &'s str,
    number: u32,
    open: Option<(File, u64)>,
}

impl Shards<'_> {
    fn add(&mut self, part: &PathBuf, out: &mut Out<'_>) -> io::Result<()> {
        let sample = File::open(part)?;
        let bytes = sample.metadata()?.len().saturating_sub(END);
        if self.open.as_ref().is_some_and(|(_, held)| held + bytes > SHARD) {
            self.close()?;
        }
        if self.open.is_none() {
            let name = format!("webdataset/{}-{:06}.tar", self.split, self.number);
            self.open = Some((File::create(out.file(Path::new(&name))?)?, 0));
            self.number += 1;
        }
        if let Some((shard, held)) = &mut self.open {
            io::copy(&mut sample.take(bytes), shard)?;
            *held += bytes;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some((mut shard, _)) => shard.write_all(&[0; END as usize]),
            None => Ok(()),
        }
    }
}

fn append(tar: &mut Builder<File>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    tar.append_data(&mut header, name, bytes)
}
