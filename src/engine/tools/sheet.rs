//! Contact sheets: an even selection of a stack's slices as one PNG.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use super::gather::Gathered;
use crate::model::pixels::Samples;
use crate::render::{Look, Pixels, Rgb, Sheet, Slice, contact_sheet};
use crate::series::{Instance, Series};
use crate::volume::{self, Picture, VolumeError, Voxels};

/// Draws a stack. Slices need no grid: what cannot be a volume can still be looked at.
///
/// # Errors
/// A slice cannot be decoded, or there is none.
pub fn draw(gathered: &Gathered, series: &Series, stack: usize) -> Result<Rgb, VolumeError> {
    let stack = &series.stacks[stack];
    let read = |instance: &Instance| gathered.tree.read(instance.header.source).map_err(io::Error::other);
    let sheet = Sheet::default();
    let chosen = sheet.selection(stack.slices.len());
    let slices: Vec<(u32, Slice)> = chosen
        .into_iter()
        .map(|i| {
            Ok((
                i as u32 + 1,
                slice(series, volume::picture(series, &stack.slices[i], &read)?, &stack.slices[i]),
            ))
        })
        .collect::<Result<_, VolumeError>>()?;
    let borrowed: Vec<(u32, &Slice)> = slices.iter().map(|(n, s)| (*n, s)).collect();
    let look = |slice: &Slice| Look::new(window(slice));
    contact_sheet(&borrowed, &sheet, look).ok_or(VolumeError::NoGrid)
}

/// The window to begin with: of the modality where it has one, else the range of the slice.
fn window(slice: &Slice) -> crate::render::Window {
    slice.presets()[0].window.resolve(slice)
}

fn slice(series: &Series, picture: Picture, at: &crate::series::Slice) -> Slice {
    let header = series.header_of(at);
    let frame = header.and_then(|h| h.frame(at.frame.saturating_sub(1)));
    let spacing_mm = frame.and_then(|f| f.spacing_mm);
    let pixels = match picture.voxels {
        Voxels::Rgb(colours) => Pixels::Rgb(colours.into_flattened()),
        Voxels::Grey(samples) => Pixels::Grey(real(&samples, picture.slope, picture.intercept)),
    };
    let modality = series.modality().unwrap_or_default().to_string();
    Slice {
        columns: picture.columns,
        rows: picture.rows,
        pixels,
        inverted: header.is_some_and(|h| h.common.pixel.photometric.as_deref() == Some("MONOCHROME1")),
        spacing_mm,
        aspect: spacing_mm.map_or(1.0, |s| s[0] / s[1]),
        orientation: frame.and_then(|f| f.orientation).map(Into::into),
        windows: Vec::new(),
        unit: if modality == "CT" { "HU".into() } else { String::new() },
        modality,
    }
}

fn real(samples: &Samples, slope: f64, intercept: f64) -> Vec<f32> {
    (0..samples.len()).map(|i| (samples.get(i).unwrap_or(0.0) * slope + intercept) as f32).collect()
}

/// Writes an image as PNG, beside its place, and renames it.
///
/// # Errors
/// The folder cannot be written.
pub fn write_png(image: &Rgb, path: &Path) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = encode(image, &part).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn encode(image: &Rgb, part: &Path) -> io::Result<()> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(part)?), image.width, image.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&image.data).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)
}
