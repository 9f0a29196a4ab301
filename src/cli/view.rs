//! `gantry view`: one slice inline in the terminal.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Exit, Failure, Output};
use crate::console::image::{self, Protocol, Question};
use crate::engine::tools::{self, Laid, ViewError, Viewed};
use crate::model::text::visible;
use crate::render::{LABEL_COLOURS, Window};

/// Arguments of `gantry view`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  gantry view scan.dcm\n  gantry view series/ --slice 40 --window -600,1500\n  gantry view series/ --labels liver.nii.gz\n  gantry view series/ --protocol halfblocks | less -R\n\nOf a folder the largest stack is shown, its middle slice unless --slice says which. Labels (NIfTI, DICOM segmentation) are laid on by their place in the patient; with them, and without --slice, it is the slice that holds most of them.\n\nExit codes: 0 shown; 2 wrong usage; 4 nothing to show, or it cannot be decoded"
)]
pub struct ViewArgs {
    /// A DICOM file, or a folder with a series
    path: PathBuf,
    /// Which slice (or frame), from 1, along the stack
    #[arg(long, value_name = "N")]
    slice: Option<u32>,
    /// Window centre and width, such as 40,400 (else the file's own)
    #[arg(long, value_name = "C,W", allow_hyphen_values = true, value_parser = window)]
    window: Option<Window>,
    /// Lay the labels of a file over it: NIfTI labelmap or DICOM segmentation
    #[arg(long, value_name = "PATH")]
    labels: Option<PathBuf>,
    /// Send the picture this way: sixel, kitty, iterm2, halfblocks
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<Protocol>,
}

fn window(text: &str) -> Result<Window, String> {
    let (center, width) = text.split_once(',').ok_or("a window is two numbers: centre,width")?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    match (number(center), number(width)) {
        (Some(center), Some(width)) if width > 0.0 => Ok(Window::new(center, width)),
        (Some(_), Some(_)) => Err("a window's width is above 0".into()),
        _ => Err("a window is two numbers: centre,width".into()),
    }
}

/// Draws one slice and returns.
///
/// # Errors
/// Nothing to show, or it cannot be decoded.
pub fn run(args: &ViewArgs, out: &Output) -> Result<Exit, Failure> {
    let viewed = tools::view(&args.path, args.slice, args.labels.as_deref())?;
    let question = Question { protocol: args.protocol, ..Question::default() };
    let graphics = if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        image::detect_raw(&question)
    } else {
        image::Graphics {
            protocol: args.protocol.unwrap_or(Protocol::HalfBlocks),
            ..image::Graphics::default()
        }
    };
    let mask = viewed.labels.as_ref().map(|laid| &laid.mask);
    let mut lines = image::inline(&viewed.slice, args.window, mask, &graphics);
    if let Some(laid) = &viewed.labels {
        lines.push_str(&legend(laid));
    }
    let _ = std::io::stdout().write_all(lines.as_bytes()).and_then(|()| std::io::stdout().flush());
    for warning in viewed.labels.iter().flat_map(|laid| &laid.warnings) {
        out.note(&format!("warning: the labels: {}", visible(warning)));
    }
    out.note(&caption(&viewed, args.window));
    Ok(Exit::Done)
}

/// Labels on the slice with the colour that each has there.
fn legend(laid: &Laid) -> String {
    if laid.present.is_empty() {
        return "no label lies on this slice\n".into();
    }
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let entry = |(number, name, pixels): &(u32, Option<String>, u64)| {
        let [r, g, b] = LABEL_COLOURS[(*number as usize).saturating_sub(1) % LABEL_COLOURS.len()];
        let square = if plain { "■".to_string() } else { format!("\x1b[38;2;{r};{g};{b}m■\x1b[0m") };
        let name = name.as_deref().map(|name| format!(" {}", visible(name))).unwrap_or_default();
        format!("{square} {number}{name} ({pixels} pixels)")
    };
    laid.present.iter().map(entry).collect::<Vec<_>>().join("  ") + "\n"
}

fn caption(viewed: &Viewed, window: Option<Window>) -> String {
    let slice = &viewed.slice;
    let mut parts = vec![
        format!("{} {}/{}", slice.modality, viewed.number, viewed.slices),
        format!("{} × {}", slice.columns, slice.rows),
    ];
    let preset = slice.presets().into_iter().next();
    let window = window.or_else(|| preset.map(|preset| preset.window.resolve(slice)));
    if let Some(window) = window.filter(|_| matches!(slice.pixels, crate::render::Pixels::Grey(_))) {
        parts.push(format!("W {:.0} L {:.0}", window.width, window.center));
    }
    if viewed.series > 1 {
        parts.push(format!("the largest of {} series", viewed.series));
    }
    parts.join(" · ")
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        Self::input(error.to_string())
    }
}
