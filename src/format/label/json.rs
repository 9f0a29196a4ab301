//! Gantry's own label files: a grid, and each structure as runs along the rows of it.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, bytes_of, is_too_large, write_whole};
use crate::label::{Code, LabelSet, Mask, Placed, Run, Shape, Structure, Tracking};
use crate::model::geometry::{Grid, Vec3};

/// The version of the form.
const VERSION: u32 = 1;

/// The format.
pub(super) struct GantryJson;

#[derive(Debug, Serialize, Deserialize)]
struct File {
    gantry_labels: u32,
    #[serde(default)]
    series_uid: Option<String>,
    #[serde(default)]
    frame_of_reference: Option<String>,
    grid: GridOf,
    structures: Vec<StructureOf>,
}

/// LPS, millimetres.
#[derive(Debug, Serialize, Deserialize)]
struct GridOf {
    shape: [u32; 3],
    origin_mm: Vec3,
    column_mm: Vec3,
    row_mm: Vec3,
    slice_mm: Vec3,
}

#[derive(Debug, Serialize, Deserialize)]
struct StructureOf {
    number: u32,
    name: String,
    /// `found`, or `none`: looked at, and nothing there.
    state: State,
    #[serde(default)]
    code: Option<Code>,
    #[serde(default)]
    category: Option<Code>,
    #[serde(default)]
    color: Option<[u8; 3]>,
    #[serde(default)]
    tracking: Option<[String; 2]>,
    /// Row (slice × rows + row), first column, column after the last.
    #[serde(default)]
    runs: Vec<[u32; 3]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Found,
    None,
}

impl LabelFormat for GantryJson {
    fn id(&self) -> FormatId {
        FormatId::Json
    }

    fn probe(&self, probe: &Probe) -> bool {
        let text = probe.text();
        text.starts_with('{') && text.contains("\"gantry_labels\"")
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        let file: File = serde_json::from_slice(&bytes_of(path)?).map_err(|e| {
            LabelError::malformed(format!("no labels of Gantry: line {}, column {}", e.line(), e.column()))
        })?;
        if file.gantry_labels != VERSION {
            return Err(LabelError::malformed("labels of another version of Gantry"));
        }
        let g = file.grid;
        let grid = Grid::new(g.shape, g.column_mm, g.row_mm, g.slice_mm, g.origin_mm)
            .filter(|g| g.shape.iter().all(|n| *n > 0) && u16::try_from(g.shape[0]).is_ok());
        let grid = grid.ok_or_else(|| LabelError::malformed("a grid that spans no space"))?;
        if is_too_large(grid.shape) {
            return Err(LabelError::TooLarge);
        }
        let structures = file.structures.into_iter().map(|s| structure(s, grid)).collect::<Result<_, _>>()?;
        Ok(LabelSet {
            series_uid: file.series_uid,
            frame_of_reference: file.frame_of_reference,
            structures,
            ..LabelSet::default()
        })
    }

    fn write(&self, placed: &Placed, image: Option<&SourceImage>, path: &Path) -> Result<(), LabelError> {
        let grid = &placed.grid;
        let of = |s: &crate::label::PlacedStructure| StructureOf {
            number: s.number,
            name: s.name.clone(),
            state: if s.mask.is_empty() { State::None } else { State::Found },
            code: s.code.clone(),
            category: s.category.clone(),
            color: s.color,
            tracking: s.tracking.clone().map(|t| [t.id, t.uid]),
            runs: s.mask.runs().iter().map(|r| [r.row, r.from.into(), r.to.into()]).collect(),
        };
        let file = File {
            gantry_labels: VERSION,
            series_uid: image.and_then(|i| i.image.series_uid.clone()),
            frame_of_reference: image.and_then(|i| i.image.frame_of_reference.clone()),
            grid: GridOf {
                shape: grid.shape,
                origin_mm: grid.origin_mm,
                column_mm: grid.column_mm,
                row_mm: grid.row_mm,
                slice_mm: grid.slice_mm,
            },
            structures: placed.structures.iter().map(of).collect(),
        };
        write_whole(path, |out| {
            serde_json::to_writer(&mut *out, &file).map_err(std::io::Error::from)?;
            Ok(out.write_all(b"\n")?)
        })
    }
}

fn structure(s: StructureOf, grid: Grid) -> Result<Structure, LabelError> {
    let [columns, rows, slices] = grid.shape;
    let run = |[row, from, to]: [u32; 3]| {
        let inside = u64::from(row) < u64::from(rows) * u64::from(slices) && from < to && to <= columns;
        let run = Run { row, from: from as u16, to: to as u16 };
        inside.then_some(run).ok_or_else(|| LabelError::malformed("runs beyond the grid"))
    };
    let runs = s.runs.into_iter().map(run).collect::<Result<_, _>>()?;
    Ok(Structure {
        number: Some(s.number),
        name: s.name,
        code: s.code,
        category: s.category,
        color: s.color,
        tracking: s.tracking.map(|[id, uid]| Tracking { id, uid }),
        reader: None,
        shape: Shape::Voxels(grid, Mask::of_runs(grid.shape, runs)),
    })
}
