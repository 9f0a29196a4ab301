//! Decoding the slices of a stack.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::lut::{Palette, Table};
use super::unify::{Plane, Values, unify};
use super::{PhilipsScale, Picture, Source, Volume, VolumeError};
use crate::dicom::codec::{self, FrameReader, PixelError};
use crate::dicom::{self, File, ReadOptions};
use crate::model::pixels::Samples;
use crate::model::{Header, Mosaic};
use crate::series::{Series, Slice, Stack};

/// Bytes of voxels that are loaded at most.
pub const MAX_BYTES: u64 = 16 << 30;

/// Decodes a stack into a volume.
///
/// # Errors
/// [`VolumeError`]: the stack is no block of voxels, or a slice cannot be read.
pub fn load(series: &Series, stack: &Stack, source: &dyn Source) -> Result<Volume, VolumeError> {
    load_scaled(series, stack, source, PhilipsScale::default())
}

/// The same with the values of Philips in one of their two scales.
///
/// # Errors
/// As [`load`].
pub fn load_scaled(
    series: &Series,
    stack: &Stack,
    source: &dyn Source,
    philips: PhilipsScale,
) -> Result<Volume, VolumeError> {
    let grid = stack.grid.ok_or(VolumeError::NoGrid)?;
    let volumes = stack.volumes.unwrap_or(1);
    if !stack.is_complete() {
        return Err(VolumeError::Incomplete { found: stack.slices.len(), volumes, depth: stack.depth() });
    }
    let pixel = &stack.common.pixel;
    let plane = u64::from(grid.shape[0]) * u64::from(grid.shape[1]) * u64::from(pixel.samples);
    let bytes = plane
        .saturating_mul(stack.slices.len() as u64)
        .saturating_mul(u64::from(pixel.bits_allocated.div_ceil(8)));
    if bytes > MAX_BYTES {
        return Err(VolumeError::TooLarge { bytes });
    }
    let mut wanted: BTreeMap<u32, Vec<(usize, u32)>> = BTreeMap::new();
    for (at, slice) in stack.slices.iter().enumerate() {
        wanted.entry(slice.instance).or_default().push((at, slice.frame.saturating_sub(1)));
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    let decoded: Vec<Vec<(usize, Plane)>> = wanted
        .par_iter()
        .map(|(i, frames)| planes(series, *i, frames, source, philips))
        .collect::<Result<_, _>>()?;
    let mut ordered: Vec<(usize, Plane)> = decoded.into_iter().flatten().collect();
    ordered.sort_by_key(|(at, _)| *at);
    let size = [grid.shape[0] as usize, grid.shape[1] as usize];
    let planes = ordered.into_iter().map(|(_, plane)| plane).collect();
    let (voxels, slope, intercept) = unify(planes, size[0] * size[1])?;
    Ok(Volume { grid, volumes, step_s: stack.step_s(), voxels, slope, intercept, philips })
}

/// Decodes one slice of a series, whether it lies on a grid or not.
///
/// # Errors
/// [`VolumeError`]: the file cannot be read or its pixels not be decoded.
pub fn picture(series: &Series, slice: &Slice, source: &dyn Source) -> Result<Picture, VolumeError> {
    let frame = [(0, slice.frame.saturating_sub(1))];
    let plane = planes(series, slice.instance, &frame, source, PhilipsScale::Display)?
        .pop()
        .ok_or(VolumeError::NoGrid)?
        .1;
    let common = series.header_of(slice).map(|h| &h.common).ok_or(VolumeError::NoGrid)?;
    let (columns, rows) = (common.columns.unwrap_or(0), common.rows.unwrap_or(0));
    let (voxels, slope, intercept) = unify(vec![plane], columns as usize * rows as usize)?;
    Ok(Picture { columns, rows, voxels, slope, intercept })
}

/// The wanted slices of one instance, each with its place in the stack.
fn planes(
    series: &Series,
    instance: u32,
    frames: &[(usize, u32)],
    source: &dyn Source,
    philips: PhilipsScale,
) -> Result<Vec<(usize, Plane)>, VolumeError> {
    let unreadable = |why: String| VolumeError::Read(why);
    let found =
        series.instances.get(instance as usize).ok_or_else(|| unreadable("no such instance".into()))?;
    let bytes = source.read(found).map_err(|e| unreadable(e.to_string()))?;
    let file = dicom::read(&bytes, ReadOptions::default()).map_err(|e| unreadable(e.to_string()))?;
    let refused = |e: PixelError| VolumeError::Pixels(e.to_string());
    let reader = codec::open(&file).map_err(refused)?;
    let tables = Tables::of(&file, &reader, philips);
    let header = &found.header;
    if let Some(mosaic) = header.common.mosaic {
        let whole = reader.decode_frame(0).map_err(refused)?;
        let tile = |&(at, tile): &(usize, u32)| {
            let samples = cut(&whole.samples, mosaic, tile, whole.columns, whole.rows)?;
            Ok((at, tables.plane(samples, header, tile, whole.samples_per_pixel)))
        };
        return frames.iter().map(tile).collect();
    }
    let decode = |&(at, frame): &(usize, u32)| {
        let decoded = reader.decode_frame(frame).map_err(refused)?;
        Ok((at, tables.plane(decoded.samples, header, frame, decoded.samples_per_pixel)))
    };
    frames.iter().map(decode).collect()
}

/// What turns the stored values of an instance into real ones, beside slope and intercept.
struct Tables {
    modality: Option<Table>,
    palette: Option<Palette>,
    philips: PhilipsScale,
}

impl Tables {
    fn of(file: &File<'_>, reader: &FrameReader<'_>, philips: PhilipsScale) -> Self {
        let layout = reader.layout();
        Self {
            modality: Table::modality(&file.dataset, layout.signed),
            palette: Palette::of(&file.dataset, &layout.photometric),
            philips,
        }
    }

    fn plane(&self, samples: Samples, header: &Header, frame: u32, samples_per_pixel: u16) -> Plane {
        let facts = header.frame(frame);
        let display = facts.and_then(|f| f.rescale).unwrap_or([1.0, 0.0]);
        let scale = facts.and_then(|f| f.philips_scale).filter(|_| self.philips == PhilipsScale::Precise);
        let rescale = match scale {
            Some(scale) if display[0] != 0.0 => [1.0 / scale, display[1] / (display[0] * scale)],
            _ => display,
        };
        if let Some(palette) = &self.palette {
            let colours = (0..samples.len()).map(|i| palette.at(samples.get(i).unwrap_or(0.0))).collect();
            return Plane { values: Values::Rgb(colours), rescale: [1.0, 0.0] };
        }
        if samples_per_pixel >= 3 {
            return Plane { values: Values::of_colour(&samples, samples_per_pixel), rescale: [1.0, 0.0] };
        }
        if let Some(table) = &self.modality {
            let values = (0..samples.len()).map(|i| table.at(samples.get(i).unwrap_or(0.0))).collect();
            return Plane { values: Values::Grey(Samples::U16(values)), rescale: [1.0, 0.0] };
        }
        Plane { values: Values::Grey(samples), rescale }
    }
}

/// Tile `tile` (from 0) of a mosaic, row by row.
fn cut(
    samples: &Samples,
    mosaic: Mosaic,
    tile: u32,
    columns: u32,
    rows: u32,
) -> Result<Samples, VolumeError> {
    let across = mosaic.across.max(1);
    let (width, height) = ((columns / across) as usize, (rows / across) as usize);
    let (left, top) = ((tile % across) as usize * width, (tile / across) as usize * height);
    let stride = columns as usize;
    macro_rules! cut {
        ($kind:ident, $v:ident) => {{
            let lines =
                (top..top + height).map(|row| $v.get(row * stride + left..row * stride + left + width));
            let lines: Option<Vec<_>> = lines.collect();
            lines.map(|l| Samples::$kind(l.concat()))
        }};
    }
    let tile = match samples {
        Samples::U8(v) => cut!(U8, v),
        Samples::I8(v) => cut!(I8, v),
        Samples::U16(v) => cut!(U16, v),
        Samples::I16(v) => cut!(I16, v),
        Samples::U32(v) => cut!(U32, v),
        Samples::I32(v) => cut!(I32, v),
        Samples::F32(v) => cut!(F32, v),
        Samples::F64(v) => cut!(F64, v),
    };
    tile.ok_or(VolumeError::Mixed)
}
