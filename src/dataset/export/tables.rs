//! Accepted labels as one table: a row for each structure, or instance, of each series.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Exporter, Note, Out, SeriesItem, Whole};
use crate::format::columns::{Cells, write_columns};

/// A table of labels.
pub struct Table {
    name: &'static str,
    path: &'static str,
}

/// As comma-separated values.
pub static CSV: Table = Table { name: "csv", path: "labels.csv" };
/// As Parquet.
pub static PARQUET: Table = Table { name: "parquet", path: "labels.parquet" };

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    series_uid: String,
    subject: String,
    site: String,
    split: Option<String>,
    structure: String,
    instance: Option<u32>,
    code: Option<String>,
    state: String,
    value: Option<String>,
    unit: Option<String>,
    voxels: Option<u64>,
    volume_mm3: Option<f64>,
    reader: Option<String>,
    guideline: Option<String>,
    read: Option<i64>,
}

impl Exporter for Table {
    fn name(&self) -> &'static str {
        self.name
    }

    fn series(&self, item: &SeriesItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let standing = item.content.standing.as_ref();
        for view in item.labels {
            let label = &view.label;
            let volume = view.drawn.as_ref().map(|(grid, mask)| mask.voxels() as f64 * grid.voxel_mm3());
            let row = Row {
                series_uid: item.content.series_uid.clone(),
                subject: item.content.subject.clone(),
                site: item.content.site.clone(),
                split: item.split.map(str::to_owned),
                structure: label.structure.clone(),
                instance: label.instance,
                code: label.code.clone(),
                state: label.state.as_str().into(),
                value: label.value.as_ref().map(words),
                unit: label.unit.clone(),
                voxels: view.voxels,
                volume_mm3: volume,
                reader: item.reader.clone(),
                guideline: standing.map(|s| s.guideline.clone()),
                read: standing.map(|s| s.read),
            };
            out.note(serde_json::to_value(row)?);
        }
        Ok(())
    }

    fn finish(&self, _: &Whole<'_>, notes: &[Note], out: &mut Out<'_>) -> io::Result<()> {
        let rows = notes.iter().map(|note| Row::deserialize(&note.value));
        let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
        let text = |f: fn(&Row) -> Option<String>| Cells::Text(rows.iter().map(f).collect());
        let count = |f: fn(&Row) -> Option<i64>| Cells::Count(rows.iter().map(f).collect());
        let columns = vec![
            ("series_uid", text(|r| Some(r.series_uid.clone()))),
            ("subject", text(|r| Some(r.subject.clone()))),
            ("site", text(|r| Some(r.site.clone()))),
            ("split", text(|r| r.split.clone())),
            ("structure", text(|r| Some(r.structure.clone()))),
            ("instance", count(|r| r.instance.map(i64::from))),
            ("code", text(|r| r.code.clone())),
            ("state", text(|r| Some(r.state.clone()))),
            ("value", text(|r| r.value.clone())),
            ("unit", text(|r| r.unit.clone())),
            ("voxels", count(|r| r.voxels.map(|v| v as i64))),
            ("volume_mm3", Cells::Number(rows.iter().map(|r| r.volume_mm3).collect())),
            ("reader", text(|r| r.reader.clone())),
            ("guideline", text(|r| r.guideline.clone())),
            ("read", count(|r| r.read)),
        ];
        let path = out.file(Path::new(self.path))?;
        write_columns(&path, columns).map_err(io::Error::other)
    }
}

/// A value in words: a text without quotes, a whole number without a point.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |n| n.to_string()),
        other => other.to_string(),
    }
}
