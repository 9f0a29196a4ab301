//! `gantry deid reprocess`: what is stored, brought under the profile in force.

use clap::Args;
use serde_json::json;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{Reprocess, ReprocessOutcome};
use crate::engine::query::{ProfileState, ProfileStateView};
use crate::model::words::plural;

/// Arguments of `gantry deid reprocess`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry deid reprocess --dry-run\n  gantry deid reprocess\n  gantry deid reprocess --query 'modality:US site:A'\n  gantry deid reprocess --all --query 'modality:XA'\n\nInstances are made anew from their sources where these are still there: in their place, in quarantine, in an archive, or where the inbox has moved them. Without its source an instance is brought under the profile where that only takes away more. What a person has masked stays masked, and what a person has released stays so. Everything else stays as it is, with the reason. An interrupted run leaves each instance as it was or as it shall be; the next run goes on.\n\nExit codes: 0 everything stands under the profile in force; 1 some instances were left as they are (--dry-run: some stand under another profile); 2 usage; 3 workspace; 6 storage"
)]
pub struct ReprocessArgs {
    /// Only series that match, as in `gantry search`
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Also what stands under the profile in force already: a later version may find more
    #[arg(long)]
    all: bool,
    /// Only say how many stand under another profile
    #[arg(long, conflicts_with = "all")]
    dry_run: bool,
}

/// Brings stored instances under the profile in force.
///
/// # Errors
/// No workspace, a query that nothing understands, disk or catalog refuse.
pub fn run(args: &ReprocessArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &connection.client;
    let filter = args.query.clone();
    if args.dry_run {
        let state = client.ask(ProfileState { filter })?;
        out.result(&state, dry_run_text);
        return Ok(if state.under_another == 0 { Exit::Done } else { Exit::Findings });
    }
    out.note("reprocessing");
    let outcome = client.act(Reprocess { filter, all: args.all })?;
    let reasons: Vec<_> =
        outcome.reasons.iter().map(|(n, why)| json!({ "instances": n, "why": why })).collect();
    let result = json!({
        "instances": outcome.instances, "from_source": outcome.from_source, "from_stored": outcome.from_stored,
        "left": outcome.left, "reasons": reasons, "under_another": outcome.under_another, "elapsed_ms": outcome.elapsed_ms,
    });
    out.result(&result, |_| text(&outcome));
    Ok(if outcome.left == 0 { Exit::Done } else { Exit::Findings })
}

fn dry_run_text(state: &ProfileStateView) -> String {
    if state.under_another == 0 {
        return format!("dry run: nothing to do, everything stands under {}\n", state.profile);
    }
    let stand = if state.under_another == 1 { "stands" } else { "stand" };
    format!(
        "dry run, nothing is changed: {} {stand} under another profile than {}; without --dry-run they are brought under it\n",
        plural(state.under_another, "instance"),
        state.profile
    )
}

fn text(o: &ReprocessOutcome) -> String {
    if o.instances == 0 && o.under_another == 0 {
        return "nothing to do: everything stands under the profile in force\n".into();
    }
    let mut text = format!(
        "{}: {} made anew from their sources, {} from what is stored, {} left as they are\n",
        plural(o.instances, "instance"),
        o.from_source,
        o.from_stored,
        o.left
    );
    for (count, why) in &o.reasons {
        text += &format!("{count:>8}  {why}\n");
    }
    let stand = if o.under_another == 1 { "stands" } else { "stand" };
    text + &format!(
        "{} of the workspace {stand} under another profile\n",
        plural(o.under_another, "instance")
    )
}
