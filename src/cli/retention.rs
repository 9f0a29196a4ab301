//! `gantry retention`: data that have been kept as long as they may be.

use clap::Args;
use jiff::Timestamp;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::Withdraw;
use crate::engine::query::{DueView, RetentionDue};
use crate::model::text::visible;
use crate::model::words::plural;

/// Arguments of `gantry retention`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry retention           # who is due, and since when\n  gantry retention --erase   # their bytes go, as by `gantry withdraw --erase`\n\nRules stand in gantry.toml:\n  [[retention]]\n  site = \"B\"      # absent: every site without a rule of its own\n  days = 3650     # since the last instance of the subject came in\n\nA subject of several sites is due when the last of them is; one with data of a site without a rule never is.\n\nExit codes: 0 nothing is due, or all that was is erased; 1 something is due; 3 workspace; 5 not permitted; 6 storage"
)]
pub struct RetentionArgs {
    /// Erase what is due; it cannot be undone
    #[arg(long)]
    erase: bool,
}

/// Runs `gantry retention`.
///
/// # Errors
/// The storage refuses.
pub fn run(args: &RetentionArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &connection.client;
    let due = client.ask(RetentionDue {})?;
    let mut page = out.page();
    due.iter().for_each(|one| page.result(one, line));
    page.end();
    if !args.erase {
        out.note(&format!("{} due", plural(due.len() as u64, "subject")));
        return Ok(if due.is_empty() { Exit::Done } else { Exit::Findings });
    }
    for one in &due {
        let reason = format!("kept as long as it may be: due since {}", day(one.due_ms));
        client.act(Withdraw { subject: one.subject.clone(), reason, erase: true })?;
    }
    out.note(&format!("{} erased", plural(due.len() as u64, "subject")));
    Ok(Exit::Done)
}

fn day(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%Y-%m-%d").to_string()
}

fn line(due: &DueView) -> String {
    let sites: Vec<String> = due.sites.iter().map(|site| visible(site)).collect();
    format!(
        "{}  {}  last came in {}, due since {}",
        due.subject,
        sites.join(", "),
        day(due.latest_ms),
        day(due.due_ms)
    )
}
