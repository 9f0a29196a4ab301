//! MetaImage labelmaps (`.mha`, `.mhd` with its voxels beside it): a number a voxel, no names.
//!
//! Source: the MetaIO description of ITK. Directions and origin are LPS, as ITK has them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Component, Path};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::voxels::{self, Stored};
use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, bytes_of, write_whole};
use crate::label::{LabelSet, Placed};
use crate::model::geometry::{Grid, Vec3, dot, norm, scale};

/// The format.
pub(super) struct MetaImage;

/// Lines of a header at most.
const MOST_LINES: usize = 1000;
/// Bytes of voxels at most.
const MOST_VOXELS: u64 = 16 << 30;

impl LabelFormat for MetaImage {
    fn id(&self) -> FormatId {
        FormatId::Metaimage
    }

    fn probe(&self, probe: &Probe) -> bool {
        let text = probe.head.utf8_chunks().next().map_or("", |c| c.valid());
        let keys = ["ObjectType", "NDims", "Comment"];
        text.lines()
            .take(3)
            .any(|line| line.split_once('=').is_some_and(|(key, _)| keys.contains(&key.trim())))
            && text.contains("NDims")
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        let bytes = bytes_of(path)?;
        let header = Header::of(&bytes)?;
        let grid = header.grid()?;
        let body = match header.get("ElementDataFile")? {
            "LOCAL" => bytes[header.length..].to_vec(),
            name => bytes_of(&beside(path, name)?)?,
        };
        let labels = header.voxels(&body, grid.shape)?;
        Ok(LabelSet { structures: voxels::structures(&labels, grid)?, ..LabelSet::default() })
    }

    fn write(&self, placed: &Placed, _: Option<&SourceImage>, path: &Path) -> Result<(), LabelError> {
        let grid = &placed.grid;
        if grid.tilt_degrees() > 0.01 {
            let words = "MetaImage holds no sheared grid (gantry tilt); .nii.gz and .nrrd do".to_owned();
            return Err(LabelError::CannotHold("sheared", words));
        }
        let (wide, bytes) = voxels::packed(&placed.labelmap()?);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(6));
        zlib.write_all(&bytes)?;
        let packed = zlib.finish()?;
        let words = |v: &[f64]| v.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        let [x, y, z] = grid.shape;
        let directions: Vec<f64> = [grid.column_mm, grid.row_mm, grid.slice_mm]
            .iter()
            .flat_map(|v| scale(*v, 1.0 / norm(*v)))
            .collect();
        let header = format!(
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = True\nCompressedDataSize = {}\nTransformMatrix = {}\nOffset = {}\nCenterOfRotation = 0 0 0\nAnatomicalOrientation = RAI\nElementSpacing = {}\nDimSize = {x} {y} {z}\nElementType = {}\nElementDataFile = LOCAL\n",
            packed.len(),
            words(&directions),
            words(&grid.origin_mm),
            words(&grid.step_mm()),
            if wide { "MET_USHORT" } else { "MET_UCHAR" },
        );
        write_whole(path, |out| {
            out.write_all(header.as_bytes())?;
            Ok(out.write_all(&packed)?)
        })
    }
}

/// A file beside the header: a name alone, no folder.
fn beside(path: &Path, name: &str) -> Result<std::path::PathBuf, LabelError> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(path.with_file_name(name)),
        _ => Err(LabelError::malformed("voxels in a file that does not lie beside the header")),
    }
}

struct Header {
    fields: BTreeMap<String, String>,
    length: usize,
}

impl Header {
    fn of(bytes: &[u8]) -> Result<Self, LabelError> {
        let mut fields = BTreeMap::new();
        let mut at = 0;
        for _ in 0..MOST_LINES {
            let line = &bytes[at..bytes.len().min(at + (1 << 16))];
            let end = line.iter().position(|b| *b == b'\n').unwrap_or(line.len());
            let text = String::from_utf8_lossy(&line[..end]).into_owned();
            at = (at + end + 1).min(bytes.len());
            let Some((key, value)) = text.split_once('=') else {
                if at >= bytes.len() {
                    break;
                }
                continue;
            };
            let key = key.trim().to_owned();
            let last = key == "ElementDataFile";
            fields.insert(key, value.trim().to_owned());
            if last {
                return Ok(Self { fields, length: at });
            }
        }
        Err(LabelError::malformed("a MetaImage header without ElementDataFile"))
    }

    fn get(&self, key: &str) -> Result<&str, LabelError> {
        let found = self.fields.get(key).map(String::as_str);
        found.ok_or_else(|| LabelError::malformed(format!("a MetaImage header without {key}")))
    }

    fn is(&self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    fn numbers(&self, key: &str) -> Option<Vec<f64>> {
        let numbers =
            self.fields.get(key)?.split_whitespace().map(|v| v.parse().ok().filter(|v: &f64| v.is_finite()));
        numbers.collect()
    }

    fn grid(&self) -> Result<Grid, LabelError> {
        let bad = || LabelError::malformed("a MetaImage header whose axes are no space");
        let sizes: Vec<u32> =
            self.get("DimSize")?.split_whitespace().filter_map(|v| v.parse().ok()).collect();
        let sizes: [u32; 3] = match *sizes.as_slice() {
            [x, y] => [x, y, 1],
            [x, y, z] => [x, y, z],
            _ => return Err(LabelError::malformed("a MetaImage of other than two or three dimensions")),
        };
        let three = |v: Vec<f64>, rest: f64| -> Option<Vec3> {
            match *v.as_slice() {
                [a, b] => Some([a, b, rest]),
                [a, b, c] => Some([a, b, c]),
                _ => None,
            }
        };
        let spacing = self.numbers("ElementSpacing").or_else(|| self.numbers("ElementSize"));
        let spacing = three(spacing.unwrap_or_else(|| vec![1.0; 3]), 1.0).ok_or_else(bad)?;
        let origin = ["Offset", "Position", "Origin"].iter().find_map(|k| self.numbers(k));
        let origin = three(origin.unwrap_or_else(|| vec![0.0; 3]), 0.0).ok_or_else(bad)?;
        let matrix = ["TransformMatrix", "Rotation", "Orientation"].iter().find_map(|k| self.numbers(k));
        let axes: [Vec3; 3] = match matrix.as_deref() {
            None | Some([_, _, _, _]) => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Some([a, b, c, d, e, f, g, h, i]) => [[*a, *b, *c], [*d, *e, *f], [*g, *h, *i]],
            Some(_) => return Err(bad()),
        };
        if axes.iter().any(|a| (dot(*a, *a) - 1.0).abs() > 0.01) {
            return Err(bad());
        }
        let step = |k: usize| scale(axes[k], spacing[k]);
        if sizes.contains(&0) {
            return Err(bad());
        }
        Grid::new(sizes, step(0), step(1), step(2), origin).ok_or_else(bad)
    }

    fn voxels(&self, body: &[u8], shape: [u32; 3]) -> Result<crate::measure::grid::Labels, LabelError> {
        let stored = match self.get("ElementType")? {
            "MET_UCHAR" => Stored::U8,
            "MET_CHAR" => Stored::I8,
            "MET_USHORT" => Stored::U16,
            "MET_SHORT" => Stored::I16,
            "MET_UINT" => Stored::U32,
            "MET_INT" => Stored::I32,
            "MET_ULONG_LONG" => Stored::U64,
            "MET_LONG_LONG" => Stored::I64,
            "MET_FLOAT" => Stored::F32,
            "MET_DOUBLE" => Stored::F64,
            _ => return Err(LabelError::malformed("a MetaImage element type that is not read")),
        };
        if self.fields.get("ElementNumberOfChannels").is_some_and(|n| n != "1") {
            return Err(LabelError::malformed("a MetaImage of several channels"));
        }
        if !self.is("BinaryData") && self.fields.contains_key("BinaryData") {
            return Err(LabelError::malformed("a MetaImage whose voxels are text"));
        }
        let wanted = shape.iter().try_fold(stored.bytes(), |n, size| n.checked_mul(u64::from(*size)));
        let wanted = wanted.filter(|n| *n <= MOST_VOXELS).ok_or(LabelError::TooLarge)?;
        let mut voxels = Vec::new();
        if self.is("CompressedData") {
            ZlibDecoder::new(body).take(wanted + 1).read_to_end(&mut voxels)?;
        } else {
            // HeaderSize −1: the voxels are the end of the file.
            let skip = match self.fields.get("HeaderSize").and_then(|v| v.parse::<i64>().ok()) {
                Some(-1) => body.len().saturating_sub(wanted as usize),
                Some(n) if n > 0 => n as usize,
                _ => 0,
            };
            voxels.extend_from_slice(body.get(skip..).unwrap_or_default());
        }
        if voxels.len() as u64 != wanted {
            return Err(LabelError::malformed(format!("{} of {wanted} bytes of voxels", voxels.len())));
        }
        stored.labels(voxels, self.is("BinaryDataByteOrderMSB") || self.is("ElementByteOrderMSB"))
    }
}
