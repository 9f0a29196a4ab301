//! MetaImage labelmaps (`.mha`, `.mhd` with its voxels beside it): a number a voxel, no names.
//!
//! Source: the MetaIO description of ITK. Directions and origin are LPS, as ITK has them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::voxels::{self, Stored};
use super::{
    FormatId, LabelError, LabelFormat, MOST_BYTES, Probe, SourceImage, bytes_of, is_too_large, write_whole,
};
use crate::label::{LabelSet, Placed};
use crate::model::geometry::{Grid, Vec3, dot, norm, scale};

/// The format.
pub(super) struct MetaImage;

/// Lines of a header at most.
const MOST_LINES: usize = 1000;

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

/// A file beside the header: a name alone, no folder, and no link to another place.
fn beside(path: &Path, name: &str) -> Result<PathBuf, LabelError> {
    let mut parts = Path::new(name).components();
    let (Some(Component::Normal(_)), None) = (parts.next(), parts.next()) else {
        return Err(LabelError::malformed("voxels in a file that does not lie beside the header"));
    };
    let there = path.with_file_name(name);
    match std::fs::symlink_metadata(&there) {
        Ok(found) if found.is_file() => Ok(there),
        _ => Err(LabelError::malformed("the file of its voxels is not beside the header")),
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

    /// The numbers of the first of these keys that is there.
    fn numbers(&self, keys: &[&str]) -> Result<Option<Vec<f64>>, LabelError> {
        let Some(text) = keys.iter().find_map(|key| self.fields.get(*key)) else { return Ok(None) };
        let numbers = text.split_whitespace().map(|v| v.parse().ok().filter(|v: &f64| v.is_finite()));
        let numbers: Option<Vec<f64>> = numbers.collect();
        numbers.map(Some).ok_or_else(|| LabelError::malformed("a MetaImage header with what is no number"))
    }

    /// Voxels along each axis.
    fn shape(&self) -> Result<[u32; 3], LabelError> {
        let sizes = self.get("DimSize")?.split_whitespace().map(|v| v.parse().ok().filter(|n| *n > 0));
        let sizes: Option<Vec<u32>> = sizes.collect();
        match sizes.as_deref() {
            Some([x, y]) => Ok([*x, *y, 1]),
            Some([x, y, z]) => Ok([*x, *y, *z]),
            Some(_) => Err(LabelError::malformed("a MetaImage of other than two or three dimensions")),
            None => Err(LabelError::malformed("MetaImage sizes that are no counts")),
        }
    }

    fn grid(&self) -> Result<Grid, LabelError> {
        let bad = || LabelError::malformed("a MetaImage header whose axes are no space");
        let sizes = self.shape()?;
        let three = |v: Vec<f64>, rest: f64| -> Option<Vec3> {
            match *v.as_slice() {
                [a, b] => Some([a, b, rest]),
                [a, b, c] => Some([a, b, c]),
                _ => None,
            }
        };
        let spacing = self.numbers(&["ElementSpacing", "ElementSize"])?;
        let spacing = three(spacing.unwrap_or_else(|| vec![1.0; 3]), 1.0);
        let spacing = spacing.filter(|s| s.iter().all(|v| *v > 0.0)).ok_or_else(bad)?;
        let origin = self.numbers(&["Offset", "Position", "Origin"])?;
        let origin = three(origin.unwrap_or_else(|| vec![0.0; 3]), 0.0).ok_or_else(bad)?;
        let matrix = self.numbers(&["TransformMatrix", "Rotation", "Orientation"])?;
        let axes: [Vec3; 3] = match matrix.as_deref() {
            None => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Some([a, b, c, d]) => [[*a, *b, 0.0], [*c, *d, 0.0], [0.0, 0.0, 1.0]],
            Some([a, b, c, d, e, f, g, h, i]) => [[*a, *b, *c], [*d, *e, *f], [*g, *h, *i]],
            Some(_) => return Err(bad()),
        };
        if axes.iter().any(|a| (dot(*a, *a) - 1.0).abs() > 0.01) {
            return Err(bad());
        }
        let step = |k: usize| scale(axes[k], spacing[k]);
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
        if is_too_large(shape) {
            return Err(LabelError::TooLarge);
        }
        let wanted = stored.bytes() * shape.iter().map(|n| u64::from(*n)).product::<u64>();
        if wanted > MOST_BYTES {
            return Err(LabelError::TooLarge);
        }
        let mut voxels = Vec::new();
        if self.is("CompressedData") {
            ZlibDecoder::new(body).take(wanted + 1).read_to_end(&mut voxels)?;
        } else {
            // HeaderSize −1: the voxels are the end of the file.
            let skip = match self.fields.get("HeaderSize").map(|v| v.parse::<i64>()) {
                None | Some(Ok(0)) => 0,
                Some(Ok(-1)) => body.len().saturating_sub(wanted as usize),
                Some(Ok(n)) if n > 0 => n as usize,
                Some(_) => return Err(LabelError::malformed("a MetaImage HeaderSize that is no size")),
            };
            voxels.extend_from_slice(body.get(skip..).unwrap_or_default());
        }
        if voxels.len() as u64 != wanted {
            return Err(LabelError::malformed(format!("{} of {wanted} bytes of voxels", voxels.len())));
        }
        stored.labels(voxels, self.is("BinaryDataByteOrderMSB") || self.is("ElementByteOrderMSB"))
    }
}
