//! `gantry export`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use jiff::Timestamp;

use super::connect::connect;
use super::convert::StandardArgs;
use super::{Exit, Failure, Global, Output, progress};
use crate::engine::command::{Export, ExportOutcome, StandardWords};
use crate::engine::query::{ActivityKind, ExportView, Exports};
use crate::model::text::visible;
use crate::model::words::plural;

/// Arguments of `gantry export`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  gantry export --to /data/lung-v1\n  gantry export --format nifti,json --query 'modality:CT state:accepted' --to out\n  gantry export --snapshot v1 --format nnunet --to /data/v1-nnunet\n  gantry export --to ras --orientation RAS --spacing 1 --range -1000,400\n  gantry export --list --snapshot v1\n\nFormats: nifti, nrrd, dicom, seg, rtstruct, sr, json, coco, csv, parquet, nnunet, monai, webdataset, bids, and command:NAME for programs that the configuration names. Without --query or --snapshot every accepted series goes out. The same snapshot, options and version give the same bytes. What cannot be a volume is named with its kind (SEG, RTSTRUCT, 2-D, missing, other), never written wrong.\n\nExit codes: 0 done; 1 no series matches, or with --strict something is left out; 2 unknown format or query; 3 workspace; 4 the folder is occupied, or no such snapshot; 6 storage"
)]
pub struct ExportArgs {
    /// Formats, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "nifti,json")]
    format: Vec<String>,
    /// The folder; must not exist or be empty
    #[arg(long, required_unless_present = "list")]
    to: Option<PathBuf>,
    /// List the datasets that were written, where they went and who is in them that has withdrawn
    #[arg(long, conflicts_with_all = ["to", "query", "resume"])]
    list: bool,
    /// Which series, in the query language of search
    #[arg(long, conflicts_with = "snapshot")]
    query: Option<String>,
    /// The snapshot that goes out, with manifest, provenance, Croissant and dataset card
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    /// Take up an export of this snapshot that was interrupted; no file is trusted unread
    #[arg(long, requires = "snapshot")]
    resume: bool,
    /// Readers by their pseudonyms, not by their names in the workspace
    #[arg(long)]
    pseudonyms: bool,
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
    let client = &connection.client;
    let Some(to) = &args.to else {
        let mut page = out.page();
        client.ask(Exports { snapshot: args.snapshot.clone() })?.iter().for_each(|e| page.result(e, listed));
        page.end();
        return Ok(Exit::Done);
    };
    let to = std::path::absolute(to).unwrap_or_else(|_| to.clone());
    let command = Export {
        formats: args.format.clone(),
        to: to.to_string_lossy().into_owned(),
        filter: args.query.clone(),
        snapshot: args.snapshot.clone(),
        resume: args.resume,
        pseudonyms: args.pseudonyms,
        name: args.name.clone(),
        precise: args.precise,
        standard: StandardWords {
            untilt: args.standard.untilt,
            orientation: args.standard.orientation.clone(),
            spacing: args.standard.spacing.clone(),
            range: args.standard.range.clone(),
        },
    };
    let export = || client.act(command);
    let outcome = progress::followed(out, &**client, ActivityKind::Export, "series", export)?;
    out.result(&outcome, text);
    if outcome.matched == 0 {
        let query = args.query.as_deref().unwrap_or("state:accepted (no --query)");
        out.note(&format!("warning: no series matches {}; `gantry search` tries a query", visible(query)));
    }
    let short = outcome.matched == 0 || args.strict && !outcome.left_out.is_empty();
    Ok(if short { Exit::Findings } else { Exit::Done })
}

fn listed(e: &ExportView) -> String {
    let run = &e.run;
    let of = run.snapshot.as_deref().unwrap_or("(query)");
    let day = Timestamp::from_millisecond(run.at_ms).unwrap_or_default().strftime("%Y-%m-%d");
    let counts = format!("{} series, {}", e.series, plural(e.subjects, "subject"));
    let mut text = format!("{day}  {of}  {}  {counts}  {}  {}", run.formats, run.by, visible(&run.to));
    if !e.withdrawn.is_empty() {
        text +=
            &format!("\n  holds {} who have withdrawn: whoever has it must be told", e.withdrawn.join(", "));
    }
    text
}

fn text(o: &ExportOutcome) -> String {
    let mut text = String::new();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for left in &o.left_out {
        *kinds.entry(&left.kind).or_default() += 1;
        text += &format!("left out {} ({}): {}\n", left.series_uid, left.kind, left.reason);
    }
    for warning in &o.warnings {
        text += &format!("warning: {warning}\n");
    }
    if !kinds.is_empty() {
        let counts: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        text += &format!("left out: {}\n", counts.join(", "));
    }
    text + &format!("{} series, {} files written to {}", o.series, o.files, o.to)
}
