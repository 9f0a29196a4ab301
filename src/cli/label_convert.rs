//! `gantry label convert`, and what `gantry label show` says of a file.

use std::path::PathBuf;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::ExportLabel;
use crate::engine::tools::labels::{
    Contents, ConvertError, Converted, Options, Request, Shown, ShownContours, Target, convert,
};
use crate::model::text::visible;

/// Write a label file in another format, on the voxels of its image
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gantry label convert rtstruct.dcm masks/ --image ct-folder
  gantry label convert seg.dcm seg.nii.gz
  gantry label convert reading.seg.nrrd seg.dcm --format seg --image ct-folder
  gantry label convert labels.nii.gz rt.dcm --format rtstruct --image ct-folder --names 1=liver,2=spleen

IN is a DICOM segmentation, RT structure set or SR, NIfTI, NRRD (3D Slicer's .seg.nrrd too), MetaImage, LIDC XML, COCO or
Gantry's JSON; its content tells which. OUT goes by its ending: .nii.gz .nii .nrrd .seg.nrrd .mha .json (--format coco
for COCO), .dcm with --format seg, rtstruct or sr; a folder takes one NIfTI file per structure.

A label lies on the voxels of its image or is refused with what differs: every centre within 1 % of the smallest step, axes
turned where they run otherwise, a part placed in the whole. --resample takes the nearest voxel instead. Contours are
filled by even-odd: a voxel is in where its centre is. Where a file has no grid of its own, or OUT refers to images, --image
is needed.

What a format cannot hold: .nii, .nrrd, .mha no overlap and no names; .mha no gantry tilt; only SEG keeps fractions; RT
structure sets and SR no image without a position; COCO and RT structure sets no empty structure's place.

Exit codes: 0 done; 2 wrong usage, or the image is needed; 4 refused or unreadable; nothing is written then")]
pub struct ConvertArgs {
    /// The label file
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// File, or folder for one file per structure
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Folder or file of the image that was labelled
    #[arg(long, value_name = "FOLDER")]
    image: Option<PathBuf>,
    /// Names of structures, such as 1=liver,2=spleen
    #[arg(long, value_name = "NUMBER=NAME", value_delimiter = ',', value_parser = super::measure::name)]
    names: Vec<(u32, String)>,
    /// Only these structures
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    structures: Option<Vec<String>>,
    /// seg, rtstruct, sr, nifti, nrrd, metaimage, coco or json
    #[arg(long, value_name = "F")]
    format: Option<String>,
    /// Take the nearest voxel where the label lies on other voxels than the image
    #[arg(long)]
    resample: bool,
    /// The share from which a fractional voxel counts
    #[arg(long, value_name = "SHARE", value_parser = share)]
    threshold: Option<f64>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|v: &f64| *v > 0.0 && *v <= 1.0);
    share.ok_or_else(|| "a share above 0, up to 1".into())
}

/// Runs the command.
pub(super) fn run(args: &ConvertArgs, out: &Output) -> Result<Exit, Failure> {
    let target = Target::of(&args.output, args.format.as_deref()).map_err(Failure::usage)?;
    let request = Request {
        input: args.input.clone(),
        output: args.output.clone(),
        target,
        image: args.image.clone(),
        names: args.names.iter().cloned().collect(),
        structures: args.structures.clone(),
        options: Options { threshold: args.threshold, resample: args.resample },
    };
    let converted = convert(&request).map_err(|why| failure(args, &why))?;
    out.result(&converted, written);
    Ok(Exit::Done)
}

fn failure(args: &ConvertArgs, why: &ConvertError) -> Failure {
    let message = format!("{}: {why}", args.input.display());
    if why.wants_image() {
        return Failure::new(Exit::Usage, why.code(), message).hint("give the image's folder with --image");
    }
    let failure = Failure::new(Exit::Input, why.code(), message);
    match why.difference() {
        Some(difference) => failure
            .detail("difference", serde_json::json!(difference))
            .hint("--resample takes the nearest voxel, and says so"),
        None => failure,
    }
}

fn written(converted: &Converted) -> String {
    let mut lines: Vec<String> = converted
        .structures
        .iter()
        .map(|s| row(Some(s.number), Some(&s.name), s.voxels, s.volume_mm3))
        .collect();
    lines.extend(converted.outputs.iter().map(|path| format!("wrote {}", visible(path))));
    lines.extend(converted.warnings.iter().map(|w| format!("warning: {}", visible(&w.message))));
    lines.join("\n")
}

fn row(number: Option<u32>, name: Option<&str>, voxels: u64, volume_mm3: Option<f64>) -> String {
    let number = number.map_or("–".into(), |n| n.to_string());
    let name = name.map_or_else(String::new, visible);
    let volume = volume_mm3.map_or("–".into(), |v| format!("{v:.1}"));
    format!("{number:>6}  {name:<32} {voxels:>12} voxels {volume:>14} mm³")
}

/// What a file holds, for people.
pub(super) fn told(contents: &Contents) -> String {
    let format = contents.format.name().replace('_', " ");
    let mut lines = vec![match &contents.series_uid {
        Some(uid) => format!("{format} of series {}", visible(uid)),
        None => format,
    }];
    let segment = |s: &Shown| {
        format!("{} {:>6} frames", row(s.number, s.name.as_deref(), s.voxels, s.volume_mm3), s.frames)
    };
    lines.extend(contents.segments.iter().map(segment));
    let contour = |c: &ShownContours| {
        format!(
            "        {:<32} {:>6} contours on {:>4} slices, {:>8} points {:>14} mm²",
            visible(&c.name),
            c.contours,
            c.slices,
            c.points,
            c.area_mm2.map_or("–".into(), |area| format!("{area:.1}"))
        )
    };
    lines.extend(contents.contours.iter().map(contour));
    lines.extend(contents.measurements.iter().map(|m| {
        let of = m.of.as_deref().map_or_else(String::new, |of| format!("{}: ", visible(of)));
        let value = m.value.map_or("–".into(), |v| v.to_string());
        let unit = m.unit.as_deref().map_or_else(String::new, |u| format!(" {}", visible(u)));
        format!("        {of}{} {value}{unit}", visible(&m.name))
    }));
    lines.extend(contents.warnings.iter().map(|w| format!("warning: {}", visible(w))));
    lines.join("\n")
}

/// Write what a read drew
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gantry label export 17 --to liver.nii.gz
  gantry label export 17 --to liver.dcm --format seg

What was drawn is written on the voxels of its series, with the series' de-identified UIDs. OUT goes by its ending, as for
label convert.

Exit codes: 0 done; 2 wrong usage; 3 workspace; 4 no such read, or nothing was drawn in it; 5 not permitted; 6 not written")]
pub struct ExportArgs {
    /// The read, by its number
    read: i64,
    /// The file, or a folder ending in /
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// seg, rtstruct, sr, nifti, nrrd, metaimage, coco or json
    #[arg(long, value_name = "F")]
    format: Option<String>,
}

/// Runs `gantry label export`.
pub(super) fn export(args: &ExportArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    Target::of(&args.to, args.format.as_deref()).map_err(Failure::usage)?;
    let to = std::path::absolute(&args.to).map_err(|e| Failure::usage(e.to_string()))?;
    let mut text = to.to_string_lossy().into_owned();
    if args.to.as_os_str().to_string_lossy().ends_with('/') && !text.ends_with('/') {
        text.push('/');
    }
    let command = ExportLabel { read: args.read, to: text, format: args.format.clone() };
    let written = connect(global)?.client.act(command)?;
    out.result(&written, |w| {
        let wrote: Vec<String> = w.outputs.iter().map(|path| format!("wrote {}", visible(path))).collect();
        wrote.join("\n")
    });
    Ok(Exit::Done)
}
