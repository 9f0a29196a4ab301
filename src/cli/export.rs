//! `gantry export`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::connect::connect;
use super::convert::StandardArgs;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{Export, ExportOutcome, StandardWords};
use crate::model::text::visible;

/// Arguments of `gantry export`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  gantry export --to /data/lung-v1\n  gantry export --format nifti,json --query 'modality:CT state:accepted' --to out\n  gantry export --to ras --orientation RAS --spacing 1 --range -1000,400\n\nFormats: nifti, nrrd, json. Without --query every accepted series goes out. What cannot be a volume is named with its kind (SEG, RTSTRUCT, 2-D, missing, other), never written wrong.\n\nExit codes: 0 done; 1 no series matches, or with --strict something is left out; 2 unknown format or query; 3 workspace; 4 the folder is occupied; 6 storage"
)]
pub struct ExportArgs {
    /// Formats, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "nifti,json")]
    format: Vec<String>,
    /// The folder; must not exist or be empty
    #[arg(long)]
    to: PathBuf,
    /// Which series, in the query language of search
    #[arg(long)]
    query: Option<String>,
    /// Names of volumes, such as "{subject}_{series}_{description}"
    #[arg(long, value_name = "PATTERN")]
    name: Option<String>,
    /// Philips: values as they were measured (the private scale slope taken out), not as they are shown
    #[arg(long)]
    precise: bool,
    /// Exit 1 where anything is left out
    #[arg(long)]
    strict: bool,
    /// Another grid or range of values for every volume
    #[command(flatten)]
    standard: StandardArgs,
}

/// Writes a dataset.
///
/// # Errors
/// An unknown format or query, an occupied folder, a disk that refuses.
pub fn run(args: &ExportArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    args.standard.standard()?;
    let connection = connect(global)?;
    let to = std::path::absolute(&args.to).unwrap_or_else(|_| args.to.clone());
    let command = Export {
        formats: args.format.clone(),
        to: to.to_string_lossy().into_owned(),
        filter: args.query.clone(),
        name: args.name.clone(),
        precise: args.precise,
        standard: StandardWords {
            untilt: args.standard.untilt,
            orientation: args.standard.orientation.clone(),
            spacing: args.standard.spacing.clone(),
            range: args.standard.range.clone(),
        },
    };
    let outcome = connection.client.act(command)?;
    out.result(&outcome, text);
    if outcome.matched == 0 {
        let query = args.query.as_deref().unwrap_or("state:accepted (no --query)");
        out.note(&format!("warning: no series matches {}; `gantry search` tries a query", visible(query)));
    }
    let short = outcome.matched == 0 || args.strict && !outcome.left_out.is_empty();
    Ok(if short { Exit::Findings } else { Exit::Done })
}

fn text(o: &ExportOutcome) -> String {
    let mut text = String::new();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for left in &o.left_out {
        *kinds.entry(&left.kind).or_default() += 1;
        text += &format!("left out {} ({}): {}\n", left.series_uid, left.kind, left.reason);
    }
    if !kinds.is_empty() {
        let counts: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        text += &format!("left out: {}\n", counts.join(", "));
    }
    text + &format!("{} series, {} files written to {}", o.series, o.files, o.to)
}
