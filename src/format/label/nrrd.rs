//! NRRD labelmaps and 3D Slicer's segmentations (`.seg.nrrd`): names, terminology, colours and layers.
//!
//! Sources: teem.sourceforge.net/nrrd/format.html; "Segmentation file format" of the 3D Slicer manual.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use super::voxels::{self, Stored};
use super::{
    FormatId, LabelError, LabelFormat, MOST_BYTES, Probe, SourceImage, bytes_of, is_too_large, write_whole,
};
use crate::bytes::gzip::Unpacker;
use crate::label::{Code, LabelSet, Mask, Placed, PlacedStructure, Shape, Structure};
use crate::measure::grid::Labels;
use crate::model::geometry::{Grid, Vec3};

/// The format.
pub(super) struct NrrdLabels;

/// Bytes of a header at most.
const MOST_HEADER: usize = 4 << 20;
/// Segments at most.
const MOST_SEGMENTS: usize = 65_535;

/// The fields of a header, by their names in lower case, and the key/value pairs.
struct Header {
    fields: BTreeMap<String, String>,
    pairs: BTreeMap<String, String>,
    /// Where the voxels begin.
    length: usize,
}

impl LabelFormat for NrrdLabels {
    fn id(&self) -> FormatId {
        FormatId::Nrrd
    }

    fn probe(&self, probe: &Probe) -> bool {
        probe.head.starts_with(b"NRRD")
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        let bytes = bytes_of(path)?;
        let header = Header::of(&bytes)?;
        let axes = Axes::of(&header)?;
        let voxels = header.voxels(&bytes, &axes)?;
        let layers = axes.layers(voxels)?;
        let structures = if header
            .pairs
            .keys()
            .any(|k| k.starts_with("Segment0_") || k == "Segmentation_MasterRepresentation")
        {
            segments(&header, &axes, &layers)?
        } else if let [only] = layers.as_slice() {
            voxels::structures(only, axes.grid)?
        } else {
            return Err(LabelError::malformed("several volumes, and no segments that say what they are"));
        };
        Ok(LabelSet { structures, ..LabelSet::default() })
    }

    fn write(&self, placed: &Placed, _: Option<&SourceImage>, path: &Path) -> Result<(), LabelError> {
        let is_segmentation =
            path.file_name().is_some_and(|n| n.to_string_lossy().to_ascii_lowercase().ends_with(".seg.nrrd"));
        let (header, bytes) = if is_segmentation { segmentation(placed) } else { labelmap(placed)? };
        write_whole(path, |out| {
            out.write_all(header.as_bytes())?;
            let mut gz = GzBuilder::new().mtime(0).operating_system(255).write(out, Compression::new(6));
            gz.write_all(&bytes)?;
            gz.finish()?;
            Ok(())
        })
    }
}

impl Header {
    fn of(bytes: &[u8]) -> Result<Self, LabelError> {
        let head = &bytes[..bytes.len().min(MOST_HEADER)];
        let mut it = Self { fields: BTreeMap::new(), pairs: BTreeMap::new(), length: 0 };
        let mut at = 0;
        loop {
            let end = head[at..].iter().position(|b| *b == b'\n').map(|n| at + n);
            let end = end.ok_or_else(|| LabelError::malformed("the NRRD header has no end"))?;
            let line = String::from_utf8_lossy(&head[at..end]);
            let line = line.trim_end_matches('\r');
            at = end + 1;
            if line.is_empty() {
                break;
            }
            if let Some((key, value)) = line.split_once(":=") {
                it.pairs.insert(key.trim().to_owned(), value.trim().to_owned());
            } else if let Some((key, value)) = line.split_once(':') {
                it.fields.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
            if at >= head.len() {
                break;
            }
        }
        it.length = at;
        Ok(it)
    }

    fn field(&self, name: &str) -> Result<&str, LabelError> {
        self.fields
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| LabelError::malformed(format!("NRRD without '{name}'")))
    }

    fn stored(&self) -> Result<Stored, LabelError> {
        Ok(match self.field("type")? {
            "uchar" | "unsigned char" | "uint8" | "uint8_t" => Stored::U8,
            "signed char" | "int8" | "int8_t" => Stored::I8,
            "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Stored::U16,
            "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => Stored::I16,
            "uint" | "unsigned int" | "uint32" | "uint32_t" => Stored::U32,
            "int" | "signed int" | "int32" | "int32_t" => Stored::I32,
            "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => {
                Stored::U64
            }
            "longlong" | "long long" | "long long int" | "signed long long" | "int64" | "int64_t" => {
                Stored::I64
            }
            "float" => Stored::F32,
            "double" => Stored::F64,
            _ => return Err(LabelError::malformed("an NRRD type that is not read")),
        })
    }

    /// All voxels as labels.
    fn voxels(&self, bytes: &[u8], axes: &Axes) -> Result<Labels, LabelError> {
        if self.fields.contains_key("data file") || self.fields.contains_key("datafile") {
            return Err(LabelError::malformed(
                "voxels in another file (detached header); save it as one .nrrd",
            ));
        }
        if self.fields.get("line skip").or(self.fields.get("lineskip")).is_some_and(|v| v != "0")
            || self.fields.get("byte skip").or(self.fields.get("byteskip")).is_some_and(|v| v != "0")
        {
            return Err(LabelError::malformed("NRRD with bytes or lines to skip is not read"));
        }
        let stored = self.stored()?;
        let layers = axes.layer_axis.map_or(1, |a| axes.sizes[a]);
        let [x, y, z] = axes.grid.shape;
        if is_too_large([x, y, z]) || is_too_large([x * y, z, layers]) {
            return Err(LabelError::TooLarge);
        }
        let wanted = stored.bytes() * axes.sizes.iter().map(|n| u64::from(*n)).product::<u64>();
        if wanted > MOST_BYTES {
            return Err(LabelError::TooLarge);
        }
        let body = &bytes[self.length..];
        let mut voxels = Vec::new();
        match self.field("encoding")? {
            "raw" => voxels.extend_from_slice(body),
            "gzip" | "gz" => {
                let unpacked = Unpacker::new(BufReader::new(body)).take(wanted + 1).read_to_end(&mut voxels);
                unpacked?;
            }
            _ => return Err(LabelError::malformed("an NRRD encoding that is not read: raw and gzip are")),
        }
        if voxels.len() as u64 != wanted {
            return Err(LabelError::malformed(format!("{} of {wanted} bytes of voxels", voxels.len())));
        }
        stored.labels(voxels, self.fields.get("endian").is_some_and(|e| e == "big"))
    }
}

/// The axes of the file.
struct Axes {
    sizes: Vec<u32>,
    /// Which axis counts layers, if one does.
    layer_axis: Option<usize>,
    grid: Grid,
}

impl Axes {
    fn of(header: &Header) -> Result<Self, LabelError> {
        let sizes: Option<Vec<u32>> =
            header.field("sizes")?.split_whitespace().map(|n| n.parse().ok().filter(|n| *n > 0)).collect();
        let sizes = sizes.ok_or_else(|| LabelError::malformed("NRRD sizes that are no counts"))?;
        if sizes.len() > 4 || sizes.len() < 2 {
            return Err(LabelError::malformed("an NRRD of other than two to four dimensions"));
        }
        let vectors = vectors(header.field("space directions")?)
            .ok_or_else(|| LabelError::malformed("NRRD space directions that are no vectors"))?;
        if vectors.len() != sizes.len() {
            return Err(LabelError::malformed("NRRD sizes and space directions of different number"));
        }
        let spatial: Vec<usize> = (0..sizes.len()).filter(|i| vectors[*i].is_some()).collect();
        let layer_axis = (0..sizes.len()).find(|i| vectors[*i].is_none());
        if spatial.len() + usize::from(layer_axis.is_some()) != sizes.len() {
            return Err(LabelError::malformed("an NRRD with several axes that have no direction"));
        }
        let [column, row, slice] = match *spatial.as_slice() {
            [a, b, c] => [Some(a), Some(b), Some(c)],
            [a, b] => [Some(a), Some(b), None],
            _ => return Err(LabelError::malformed("an NRRD that has no three axes in space")),
        };
        let to_lps = signs(header.field("space")?)?;
        let turn = |v: Vec3| [v[0] * to_lps[0], v[1] * to_lps[1], v[2] * to_lps[2]];
        let step = |axis: Option<usize>| axis.and_then(|a| vectors[a]).map(turn);
        let origin = vector_of(header.field("space origin")?)
            .ok_or_else(|| LabelError::malformed("an NRRD space origin that is no point"))?;
        let size = |axis: Option<usize>| axis.map_or(1, |a| sizes[a]);
        let (x, y) = (step(column).unwrap_or_default(), step(row).unwrap_or_default());
        let z = step(slice).unwrap_or_else(|| crate::model::geometry::cross(x, y));
        let grid = Grid::new([size(column), size(row), size(slice)], x, y, z, turn(origin));
        let grid = grid.ok_or_else(|| LabelError::malformed("its axes do not span a space"))?;
        if layer_axis.is_some_and(|a| a != 0 && a != sizes.len() - 1) {
            return Err(LabelError::malformed("an NRRD whose layers are not the first or the last axis"));
        }
        Ok(Self { sizes, layer_axis, grid })
    }

    /// The volumes of the file.
    fn layers(&self, labels: Labels) -> Result<Vec<Labels>, LabelError> {
        let count = self.layer_axis.map_or(1, |a| self.sizes[a] as usize);
        if count == 1 {
            return Ok(vec![labels]);
        }
        if count > MOST_SEGMENTS {
            return Err(LabelError::malformed("more layers than are read"));
        }
        let first = self.layer_axis == Some(0);
        fn split<T: Copy>(v: &[T], count: usize, first: bool) -> Vec<Vec<T>> {
            let each = v.len() / count;
            let layer = |k: usize| -> Vec<T> {
                if first {
                    v.iter().skip(k).step_by(count).copied().collect()
                } else {
                    v[k * each..(k + 1) * each].to_vec()
                }
            };
            (0..count).map(layer).collect()
        }
        Ok(match labels {
            Labels::U8(v) => split(&v, count, first).into_iter().map(Labels::U8).collect(),
            Labels::U16(v) => split(&v, count, first).into_iter().map(Labels::U16).collect(),
            Labels::U32(v) => split(&v, count, first).into_iter().map(Labels::U32).collect(),
        })
    }
}

/// From a space's axes to LPS.
fn signs(space: &str) -> Result<Vec3, LabelError> {
    match space.to_ascii_lowercase().as_str() {
        "left-posterior-superior" | "lps" => Ok([1.0, 1.0, 1.0]),
        "right-anterior-superior" | "ras" => Ok([-1.0, -1.0, 1.0]),
        "left-anterior-superior" | "las" => Ok([1.0, -1.0, 1.0]),
        _ => Err(LabelError::malformed("an NRRD space that is no patient's: LPS, RAS and LAS are read")),
    }
}

fn vector_of(text: &str) -> Option<Vec3> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    let numbers: Option<Vec<f64>> =
        inner.split(',').map(|n| n.trim().parse().ok().filter(|v: &f64| v.is_finite())).collect();
    numbers?.try_into().ok()
}

/// Vectors of three numbers; `None` for an axis that has none, which the file must say.
fn vectors(text: &str) -> Option<Vec<Option<Vec3>>> {
    let joined = text.replace(", ", ",").replace("( ", "(").replace(" )", ")");
    let axis = |word: &str| if word == "none" { Some(None) } else { vector_of(word).map(Some) };
    joined.split_whitespace().map(axis).collect()
}

/// The segments that the key/value pairs name.
fn segments(header: &Header, axes: &Axes, layers: &[Labels]) -> Result<Vec<Structure>, LabelError> {
    let masks: Vec<BTreeMap<u32, Mask>> =
        layers.iter().map(|layer| voxels::masks(layer, axes.grid.shape)).collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    let mut taken = BTreeSet::new();
    for k in 0..MOST_SEGMENTS {
        let get = |what: &str| header.pairs.get(&format!("Segment{k}_{what}")).map(String::as_str);
        let Some(name) = get("Name").or(get("ID")) else { break };
        // Files of Slicer before 4.11 say neither: each segment is a layer of ones.
        let layer = whole(get("Layer"), if layers.len() > 1 { k as u32 } else { 0 })?;
        let value = whole(get("LabelValue"), 1)?;
        let masks = masks
            .get(layer as usize)
            .ok_or_else(|| LabelError::malformed("a segment in a layer that is not there"))?;
        if !taken.insert((layer, value)) {
            return Err(LabelError::malformed("two segments with the same value in the same layer"));
        }
        let mask = masks.get(&value).cloned().unwrap_or_else(|| Mask::empty(axes.grid.shape));
        let (category, code) = get("Tags").map_or((None, None), terminology);
        found.push(Structure {
            number: Some(k as u32 + 1),
            name: unescaped(name),
            code,
            category,
            color: get("Color").and_then(color),
            tracking: None,
            reader: None,
            shape: Shape::Voxels(axes.grid, mask),
        });
    }
    // Where no value is used twice the values are the numbers.
    let values: Vec<u32> = (0..found.len())
        .filter_map(|k| header.pairs.get(&format!("Segment{k}_LabelValue")).and_then(|v| v.parse().ok()))
        .collect();
    let mut distinct = values.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() == found.len() && !distinct.contains(&0) {
        found.iter_mut().zip(values).for_each(|(s, v)| s.number = Some(v));
    }
    Ok(found)
}

/// A whole number that a segment may have.
fn whole(text: Option<&str>, otherwise: u32) -> Result<u32, LabelError> {
    let bad = |_| LabelError::malformed("a segment whose layer or value is no number");
    text.map_or(Ok(otherwise), |text| text.parse().map_err(bad))
}

/// Category and type of a segment's terminology entry.
fn terminology(tags: &str) -> (Option<Code>, Option<Code>) {
    let entry = tags.split('|').find_map(|tag| tag.strip_prefix("TerminologyEntry:"));
    let mut parts = entry.unwrap_or_default().split('~').skip(1).map(|part| {
        let mut parts = part.splitn(3, '^');
        let (scheme, value, meaning) = (parts.next()?, parts.next()?, parts.next()?);
        (!value.is_empty()).then(|| Code::new(unescaped(scheme), unescaped(value), unescaped(meaning)))
    });
    (parts.next().flatten(), parts.next().flatten())
}

fn color(text: &str) -> Option<[u8; 3]> {
    let parts: Option<Vec<f64>> = text.split_whitespace().map(|v| v.parse().ok()).collect();
    let parts: [f64; 3] = parts?.try_into().ok()?;
    Some(parts.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8))
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", " ").replace("\\\\", "\\")
}

/// A value that stays on its line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(['\n', '\r'], "\\n")
}

/// The lines that every NRRD of ours begins with.
fn head(grid: &Grid, wide: bool, layers: Option<usize>) -> String {
    let vector = |v: Vec3| format!("({},{},{})", v[0], v[1], v[2]);
    let [x, y, z] = grid.shape;
    let (mut sizes, mut directions, mut kinds) = (String::new(), String::new(), String::new());
    if let Some(layers) = layers {
        let _ = write!(sizes, "{layers} ");
        directions += "none ";
        kinds += "list ";
    }
    let _ = write!(sizes, "{x} {y} {z}");
    let steps = [grid.column_mm, grid.row_mm, grid.slice_mm].map(vector).join(" ");
    format!(
        "NRRD0004\ntype: {}\ndimension: {}\nspace: left-posterior-superior\nsizes: {sizes}\nspace directions: {directions}{steps}\nkinds: {kinds}domain domain domain\nendian: little\nencoding: gzip\nspace origin: {}\n",
        if wide { "unsigned short" } else { "unsigned char" },
        if layers.is_some() { 4 } else { 3 },
        vector(grid.origin_mm),
    )
}

fn labelmap(placed: &Placed) -> Result<(String, Vec<u8>), LabelError> {
    let (wide, bytes) = voxels::packed(&placed.labelmap()?);
    Ok((head(&placed.grid, wide, None) + "\n", bytes))
}

/// A segmentation as 3D Slicer has it: structures that share voxels lie in layers of their own.
fn segmentation(placed: &Placed) -> (String, Vec<u8>) {
    let layers = layers(placed);
    let count = layers.iter().max().map_or(1, |n| n + 1);
    let voxels: usize = placed.grid.shape.iter().map(|n| *n as usize).product();
    let mut planes = vec![vec![0_u16; voxels]; count];
    for (structure, layer) in placed.structures.iter().zip(&layers) {
        structure.mask.paint(structure.number as u16, &mut planes[*layer]);
    }
    let together: Vec<u16> = if count == 1 {
        planes.swap_remove(0)
    } else {
        (0..voxels).flat_map(|i| planes.iter().map(move |plane| plane[i])).collect()
    };
    let (wide, bytes) = voxels::packed(&together);
    let mut header = head(&placed.grid, wide, (count > 1).then_some(count));
    header += "Segmentation_ContainedRepresentationNames:=Binary labelmap|\nSegmentation_MasterRepresentation:=Binary labelmap\nSegmentation_ReferenceImageExtentOffset:=0 0 0\n";
    for (k, (structure, layer)) in placed.structures.iter().zip(&layers).enumerate() {
        header += &segment(k, structure, *layer, placed.grid.shape);
    }
    (header + "\n", bytes)
}

/// The first layer of each structure in which it meets no other.
fn layers(placed: &Placed) -> Vec<usize> {
    let mut of: Vec<usize> = Vec::new();
    for (i, structure) in placed.structures.iter().enumerate() {
        let free = |layer: &usize| {
            let mut others = placed.structures[..i].iter().zip(&of);
            !others.any(|(other, l)| l == layer && other.mask.meets(&structure.mask))
        };
        of.push((0..=i).find(free).unwrap_or(i));
    }
    of
}

fn segment(k: usize, structure: &PlacedStructure, layer: usize, shape: [u32; 3]) -> String {
    let color = structure
        .color
        .unwrap_or_else(|| super::color::palette(k))
        .map(|v| format!("{:.6}", f64::from(v) / 255.0));
    let term = |code: Option<&Code>| {
        code.map_or("^^".into(), |c| [&c.scheme, &c.value, &c.meaning].map(|t| plain(t)).join("^"))
    };
    let category = structure
        .category
        .clone()
        .or_else(|| structure.code.is_some().then(|| super::dicom::category_of(structure)));
    let end = shape.map(|n| n.saturating_sub(1));
    let lines = [
        ("ID", format!("Segment_{}", k + 1)),
        ("Name", escaped(&structure.name)),
        ("NameAutoGenerated", "0".into()),
        ("Color", color.join(" ")),
        ("ColorAutoGenerated", "0".into()),
        ("LabelValue", structure.number.to_string()),
        ("Layer", layer.to_string()),
        ("Extent", format!("0 {} 0 {} 0 {}", end[0], end[1], end[2])),
        (
            "Tags",
            format!(
                "Segmentation.Status:inprogress|TerminologyEntry:Segmentation category and type - DICOM master list~{}~{}~^^~Anatomic codes - DICOM master list~^^~^^|",
                term(category.as_ref()),
                term(structure.code.as_ref()),
            ),
        ),
    ];
    lines.into_iter().map(|(key, value)| format!("Segment{k}_{key}:={value}\n")).collect()
}

/// A term without what divides terms.
fn plain(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '^' | '~' | '|') || c.is_control() { ' ' } else { c }).collect()
}
