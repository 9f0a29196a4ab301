//! A small image, labels on it, and the program that is asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use gantry::dicom::{DataSet, Element, Syntax, write};
use gantry::model::geometry::{Grid, Vec3, add, scale};
use gantry::model::{Tag, Vr};
use serde_json::{Value, json};

use crate::common::files;

pub const SERIES: &str = "2.25.77.1";
pub const FRAME: &str = "2.25.77.9";
pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const SEG: &str = "1.2.840.10008.5.1.4.1.1.66.4";
pub const LABELMAP: &str = "1.2.840.10008.5.1.4.1.1.66.7";
pub const RTSTRUCT: &str = "1.2.840.10008.5.1.4.1.1.481.3";

/// Voxels of a mask: column, row, slice.
pub type Voxels = BTreeSet<[u32; 3]>;

/// A CT series: a grid of the voxels, and the slices that are there.
#[derive(Debug, Clone)]
pub struct Ct {
    pub grid: Grid,
    /// Where each slice lies, in steps of the grid.
    pub at: Vec<f64>,
}

impl Ct {
    /// Columns, rows and slices of unequal numbers and steps, turned against the patient.
    pub fn turned() -> Self {
        let (s, c) = 20_f64.to_radians().sin_cos();
        let (column, row) = ([c, s, 0.0], [-s * 0.8, c * 0.8, 0.6]);
        Self::of([11, 9, 5], scale(column, 0.7), scale(row, 0.9), 2.5)
    }

    /// Along the patient's axes.
    pub fn straight(shape: [u32; 3], spacing_mm: Vec3) -> Self {
        let [x, y, z] = spacing_mm;
        Self::of(shape, [x, 0.0, 0.0], [0.0, y, 0.0], z)
    }

    /// Slices that do not lie behind one another at right angles.
    pub fn tilted() -> Self {
        let mut it = Self::straight([10, 8, 6], [1.0, 1.5, 3.0]);
        it.grid.slice_mm = [0.0, 0.8, 3.0];
        it
    }

    fn of(shape: [u32; 3], column_mm: Vec3, row_mm: Vec3, step_mm: f64) -> Self {
        let normal = gantry::model::geometry::cross(column_mm, row_mm);
        let slice_mm = scale(normal, step_mm / gantry::model::geometry::norm(normal));
        let grid = Grid::new(shape, column_mm, row_mm, slice_mm, [-31.5, 12.25, -40.0]).unwrap();
        Self { grid, at: (0..shape[2]).map(f64::from).collect() }
    }

    /// Writes it into a folder, the slices in no order.
    pub fn write(&self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let [columns, rows, _] = self.grid.shape;
        let unit = |v: Vec3| scale(v, 1.0 / gantry::model::geometry::norm(v));
        let orientation = [unit(self.grid.column_mm), unit(self.grid.row_mm)].concat();
        let [x, y, _] = self.grid.step_mm();
        for (k, at) in self.at.iter().enumerate() {
            let slice = files::Slice {
                number: k as u32 + 1,
                position_mm: add(self.grid.origin_mm, scale(self.grid.slice_mm, *at)),
                orientation: orientation.clone().try_into().unwrap(),
                spacing_mm: [y, x],
                size: [columns as u16, rows as u16],
                values: vec![k as i16; (columns * rows) as usize],
                ..files::Slice::default()
            };
            let name = format!("{:02}.dcm", (k * 7 + 3) % self.at.len());
            std::fs::write(folder.join(name), files::file(&slice)).unwrap();
        }
        folder.to_owned()
    }
}

/// A structure as tests state it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stated {
    pub name: String,
    pub code: Option<[String; 3]>,
    pub category: Option<[String; 3]>,
    pub color: Option<[u8; 3]>,
    pub tracking: Option<[String; 2]>,
    pub voxels: Voxels,
}

/// A structure with everything that a label file may say of it.
pub fn stated(name: &str, code: [&str; 3], color: [u8; 3], voxels: Voxels) -> Stated {
    Stated {
        name: name.into(),
        code: Some(code.map(String::from)),
        category: Some(["SCT", "123037004", "Anatomical Structure"].map(String::from)),
        color: Some(color),
        tracking: Some([format!("{name} of the first reader"), format!("2.25.9{}", name.len())]),
        voxels,
    }
}

/// The voxels of a grid for which something holds.
pub fn voxels(shape: [u32; 3], holds: impl Fn(u32, u32, u32) -> bool) -> Voxels {
    let [columns, rows, slices] = shape;
    let all = (0..slices).flat_map(|z| (0..rows).flat_map(move |y| (0..columns).map(move |x| [x, y, z])));
    all.filter(|[x, y, z]| holds(*x, *y, *z)).collect()
}

/// Gantry's own label file.
pub fn write_json(path: &Path, grid: &Grid, structures: &[Stated]) {
    let code = |code: &Option<[String; 3]>| {
        code.as_ref()
            .map(|[scheme, value, meaning]| json!({"scheme": scheme, "value": value, "meaning": meaning}))
    };
    let structure = |(k, s): (usize, &Stated)| {
        let rows = grid.shape[1];
        let mut runs: Vec<[u32; 3]> = s.voxels.iter().map(|[x, y, z]| [z * rows + y, *x, x + 1]).collect();
        runs.sort_unstable();
        json!({
            "number": k + 1, "name": s.name, "state": if s.voxels.is_empty() { "none" } else { "found" },
            "code": code(&s.code), "category": code(&s.category), "color": s.color, "tracking": s.tracking, "runs": runs,
        })
    };
    let file = json!({
        "gantry_labels": 1, "series_uid": SERIES, "frame_of_reference": FRAME,
        "grid": {"shape": grid.shape, "origin_mm": grid.origin_mm, "column_mm": grid.column_mm, "row_mm": grid.row_mm,
            "slice_mm": grid.slice_mm},
        "structures": structures.iter().enumerate().map(structure).collect::<Vec<_>>(),
    });
    std::fs::write(path, serde_json::to_vec(&file).unwrap()).unwrap();
}

/// What Gantry's own label file holds.
pub fn read_json(path: &Path) -> Vec<Stated> {
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let rows = file["grid"]["shape"][1].as_u64().unwrap() as u32;
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let code = |v: &Value| v.is_object().then(|| ["scheme", "value", "meaning"].map(|k| text(&v[k])));
    let run = |run: &Value| {
        let [row, from, to]: [u32; 3] = serde_json::from_value(run.clone()).unwrap();
        (from..to).map(move |x| [x, row % rows, row / rows]).collect::<Vec<_>>()
    };
    let structure = |s: &Value| Stated {
        name: text(&s["name"]),
        code: code(&s["code"]),
        category: code(&s["category"]),
        color: serde_json::from_value(s["color"].clone()).unwrap(),
        tracking: serde_json::from_value(s["tracking"].clone()).unwrap(),
        voxels: s["runs"].as_array().unwrap().iter().flat_map(run).collect(),
    };
    file["structures"].as_array().unwrap().iter().map(structure).collect()
}

/// What the program said.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub value: Value,
    pub stderr: String,
}

impl Said {
    /// The identifier of a refusal.
    pub fn code(&self) -> &str {
        self.value["error"]["code"].as_str().unwrap_or_default()
    }

    /// The warnings by their identifiers.
    pub fn warnings(&self) -> Vec<&str> {
        let warnings = self.value["warnings"].as_array().into_iter().flatten();
        warnings.filter_map(|w| w["code"].as_str()).collect()
    }
}

/// `gantry --json label …`
pub fn label(arguments: &[&str]) -> Said {
    let out = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["--json", "label"])
        .args(arguments)
        .output()
        .unwrap();
    Said {
        status: out.status.code().expect("an exit status"),
        value: serde_json::from_slice(&out.stdout).unwrap_or_default(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

/// `gantry --json label convert IN OUT --image IMAGE …`
pub fn convert(input: &Path, output: &Path, image: &Path, more: &[&str]) -> Said {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let paths = [text(input), text(output), text(image)];
    label(&[&["convert", &paths[0], &paths[1], "--image", &paths[2]], more].concat())
}

/// Converts to Gantry's own form and reads that.
pub fn placed(input: &Path, image: &Path, more: &[&str]) -> Vec<Stated> {
    let output = input.with_extension("read.json");
    let said = convert(input, &output, image, more);
    assert_eq!(said.status, 0, "{}: {}", input.display(), said.stderr);
    read_json(&output)
}

pub fn text(tag: u32, vr: Vr, value: &str) -> Element<'static> {
    Element::text(Tag(tag), vr, value)
}

pub fn us(tag: u32, value: u16) -> Element<'static> {
    Element::new(Tag(tag), Vr::US, value.to_le_bytes().to_vec())
}

pub fn sequence(tag: u32, items: Vec<Vec<Element<'static>>>) -> Element<'static> {
    Element::sequence(Tag(tag), items.into_iter().map(DataSet::from_elements).collect())
}

pub fn decimals(values: &[f64]) -> String {
    values.iter().map(f64::to_string).collect::<Vec<_>>().join("\\")
}

/// A file of these elements.
pub fn file(elements: Vec<Element<'static>>) -> Vec<u8> {
    write(&DataSet::from_elements(elements), Syntax::EXPLICIT_LE).unwrap()
}

/// A segmentation to be made; every part may be made to lie.
#[derive(Debug, Clone)]
pub struct SegFile {
    pub class: &'static str,
    pub kind: &'static str,
    pub columns: u16,
    pub rows: u16,
    pub bits: u16,
    pub frame_count: String,
    pub orientation: String,
    pub spacing: String,
    pub step: String,
    pub frame_of_reference: String,
    pub referred: Vec<String>,
    pub segments: Vec<(u16, String)>,
    /// Segment (none for a labelmap) and position.
    pub frames: Vec<(Option<u16>, String)>,
    pub pixels: Vec<u8>,
    pub more: Vec<Element<'static>>,
}

impl SegFile {
    /// Frames of a CT: segment, slice, and which pixels are in it (or their values).
    pub fn on(ct: &Ct, kind: &'static str, frames: &[(u16, u32, Vec<u8>)]) -> Self {
        let [columns, rows, _] = ct.grid.shape;
        let [x, y, z] = ct.grid.step_mm();
        let unit = |v: Vec3, by: f64| scale(v, 1.0 / by);
        let pixels: Vec<u8> = frames.iter().flat_map(|(_, _, values)| values.clone()).collect();
        let mut numbers: Vec<u16> = frames.iter().map(|(n, ..)| *n).filter(|n| *n > 0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self {
            class: if kind == "LABELMAP" { LABELMAP } else { SEG },
            kind,
            columns: columns as u16,
            rows: rows as u16,
            bits: if kind == "BINARY" { 1 } else { 8 },
            frame_count: frames.len().to_string(),
            orientation: decimals(&[unit(ct.grid.column_mm, x), unit(ct.grid.row_mm, y)].concat()),
            spacing: decimals(&[y, x]),
            step: z.to_string(),
            frame_of_reference: FRAME.into(),
            referred: (1..=ct.at.len()).map(|k| format!("{SERIES}.{k}")).collect(),
            segments: numbers.iter().map(|n| (*n, format!("part {n}"))).collect(),
            frames: frames
                .iter()
                .map(|(n, k, _)| {
                    let at = ct.grid.centre_mm([0.0, 0.0, f64::from(*k)]);
                    ((kind != "LABELMAP").then_some(*n), decimals(&at))
                })
                .collect(),
            pixels: if kind == "BINARY" { bits(&pixels) } else { pixels },
            more: Vec::new(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let frame = |(segment, position): &(Option<u16>, String)| {
            let mut group = vec![sequence(0x0020_9113, vec![vec![text(0x0020_0032, Vr::DS, position)]])];
            group.extend(segment.map(|n| sequence(0x0062_000A, vec![vec![us(0x0062_000B, n)]])));
            group
        };
        let shared = vec![
            sequence(0x0020_9116, vec![vec![text(0x0020_0037, Vr::DS, &self.orientation)]]),
            sequence(
                0x0028_9110,
                vec![vec![text(0x0018_0088, Vr::DS, &self.step), text(0x0028_0030, Vr::DS, &self.spacing)]],
            ),
        ];
        let segment = |(n, name): &(u16, String)| vec![us(0x0062_0004, *n), text(0x0062_0005, Vr::LO, name)];
        let instance = |uid: &String| vec![text(0x0008_1150, Vr::UI, CT), text(0x0008_1155, Vr::UI, uid)];
        let mut elements = vec![
            text(0x0008_0005, Vr::CS, "ISO_IR 192"),
            text(0x0008_0016, Vr::UI, self.class),
            text(0x0008_0018, Vr::UI, "2.25.501"),
            text(0x0008_0060, Vr::CS, "SEG"),
            text(0x0020_000D, Vr::UI, "2.25.77"),
            text(0x0020_000E, Vr::UI, "2.25.502"),
            text(0x0020_0052, Vr::UI, &self.frame_of_reference),
            us(0x0028_0002, 1),
            text(0x0028_0004, Vr::CS, "MONOCHROME2"),
            text(0x0028_0008, Vr::IS, &self.frame_count),
            us(0x0028_0010, self.rows),
            us(0x0028_0011, self.columns),
            us(0x0028_0100, self.bits),
            us(0x0028_0101, self.bits),
            us(0x0028_0102, self.bits.saturating_sub(1)),
            us(0x0028_0103, 0),
            text(0x0062_0001, Vr::CS, self.kind),
            sequence(0x0062_0002, self.segments.iter().map(segment).collect()),
            sequence(0x5200_9229, vec![shared]),
            sequence(0x5200_9230, self.frames.iter().map(frame).collect()),
            Element::new(Tag(0x7FE0_0010), Vr::OB, self.pixels.clone()),
        ];
        if !self.referred.is_empty() {
            let series = vec![
                text(0x0020_000E, Vr::UI, SERIES),
                sequence(0x0008_114A, self.referred.iter().map(instance).collect()),
            ];
            elements.push(sequence(0x0008_1115, vec![series]));
        }
        elements.extend(self.more.clone());
        file(elements)
    }
}

/// Values as bits, the first in the lowest.
pub fn bits(values: &[u8]) -> Vec<u8> {
    let mut bits = vec![0_u8; values.len().div_ceil(8).next_multiple_of(2)];
    for (k, _) in values.iter().enumerate().filter(|(_, v)| **v > 0) {
        bits[k / 8] |= 1 << (k % 8);
    }
    bits
}

/// A structure set to be made: names, and contours as the text of their points.
#[derive(Debug, Clone, Default)]
pub struct RtFile {
    pub structures: Vec<(String, Vec<String>)>,
    pub kind: Option<&'static str>,
    pub frame_of_reference: Option<String>,
    pub referred: Vec<String>,
}

impl RtFile {
    /// One structure of contours in pixels of a CT: slice (fractions too), points.
    pub fn on(ct: &Ct, structures: &[(&str, Vec<(f64, Vec<[f64; 2]>)>)]) -> Self {
        let line = |(slice, points): &(f64, Vec<[f64; 2]>)| {
            let points = points.iter().flat_map(|p| ct.grid.centre_mm([p[0], p[1], *slice]));
            decimals(&points.collect::<Vec<_>>())
        };
        let structures =
            structures.iter().map(|(name, lines)| ((*name).into(), lines.iter().map(line).collect()));
        Self {
            structures: structures.collect(),
            referred: (1..=ct.at.len()).map(|k| format!("{SERIES}.{k}")).collect(),
            ..Self::default()
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let frame = self.frame_of_reference.as_deref().unwrap_or(FRAME);
        let instance = |uid: &String| vec![text(0x0008_1150, Vr::UI, CT), text(0x0008_1155, Vr::UI, uid)];
        let series = vec![
            text(0x0020_000E, Vr::UI, if self.referred.is_empty() { "2.25.4" } else { SERIES }),
            sequence(0x3006_0016, self.referred.iter().map(instance).collect()),
        ];
        let study = vec![text(0x0008_1155, Vr::UI, "2.25.77"), sequence(0x3006_0014, vec![series])];
        let roi = |(k, (name, _)): (usize, &(String, Vec<String>))| {
            vec![text(0x3006_0022, Vr::IS, &(k + 1).to_string()), text(0x3006_0026, Vr::LO, name)]
        };
        let contour = |points: &String| {
            let count = points.split('\\').count() / 3;
            let data = Element::new(Tag(0x3006_0050), Vr::UN, even(points.clone().into_bytes()));
            let data = if points.len() < 60_000 { text(0x3006_0050, Vr::DS, points) } else { data };
            vec![
                text(0x3006_0042, Vr::CS, self.kind.unwrap_or("CLOSED_PLANAR")),
                text(0x3006_0046, Vr::IS, &count.to_string()),
                data,
            ]
        };
        let drawn = |(k, (_, contours)): (usize, &(String, Vec<String>))| {
            vec![
                text(0x3006_002A, Vr::IS, "10\\20\\30"),
                sequence(0x3006_0040, contours.iter().map(contour).collect()),
                text(0x3006_0084, Vr::IS, &(k + 1).to_string()),
            ]
        };
        file(vec![
            text(0x0008_0005, Vr::CS, "ISO_IR 192"),
            text(0x0008_0016, Vr::UI, RTSTRUCT),
            text(0x0008_0018, Vr::UI, "2.25.601"),
            text(0x0008_0060, Vr::CS, "RTSTRUCT"),
            text(0x0020_000D, Vr::UI, "2.25.77"),
            text(0x0020_000E, Vr::UI, "2.25.602"),
            sequence(
                0x3006_0010,
                vec![vec![text(0x0020_0052, Vr::UI, frame), sequence(0x3006_0012, vec![study])]],
            ),
            sequence(0x3006_0020, self.structures.iter().enumerate().map(roi).collect()),
            sequence(0x3006_0039, self.structures.iter().enumerate().map(drawn).collect()),
        ])
    }
}

fn even(mut bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.len().is_multiple_of(2) {
        bytes.push(b' ');
    }
    bytes
}
