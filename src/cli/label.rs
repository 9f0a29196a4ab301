//! `gantry label`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Exit, Failure, Output};
use crate::engine::tools::label::{self, Contents};

/// Arguments of `gantry label`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a label file holds: structures, voxels, volumes
    #[command(
        after_help = "Reads NIfTI labelmaps and DICOM segmentations (binary, fractional from half of the maximum, labelmap).\n\nExamples:\n  gantry label show seg.dcm\n  gantry --json label show liver.nii.gz\n\nExit codes: 0 done; 4 the file cannot be read"
    )]
    Show {
        /// The file
        file: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// The file cannot be read.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    match &args.command {
        Command::Show { file } => {
            let shown = label::show(file).map_err(|e| Failure::input(format!("{}: {e}", file.display())))?;
            out.result(&shown, text);
            Ok(Exit::Done)
        }
    }
}

fn text(contents: &Contents) -> String {
    use crate::model::text::visible;
    let mut lines = vec![match &contents.series_uid {
        Some(uid) => format!("{} of series {}", contents.format, visible(uid)),
        None => contents.format.to_string(),
    }];
    for s in &contents.segments {
        let name = s.name.as_deref().map_or_else(String::new, visible);
        let volume = s.volume_mm3.map_or("–".into(), |v| format!("{v:.1}"));
        lines.push(format!(
            "{:>6}  {name:<32} {:>12} voxels {volume:>14} mm³ {:>6} frames",
            s.number, s.voxels, s.frames
        ));
    }
    lines.extend(contents.warnings.iter().map(|w| format!("warning: {w}")));
    lines.join("\n")
}
