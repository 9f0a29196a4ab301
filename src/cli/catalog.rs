//! `gantry search` and `gantry show`.

use clap::Args;
use serde_json::{Value, json};

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::query::{Page, SeriesDetail, SeriesPage, SeriesRow, SeriesSort, Task};
use crate::engine::{Client, EngineError};

/// Series fetched at a time.
const AT_ONCE: u32 = 1_000;

/// Arguments of `gantry search`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry search 'modality:CT body:chest slice<=1.5 site:A'\n  gantry search 'date:2024-01..2024-06 -finding:missing_slices \"low dose\"'\n\nFields: modality body site state subject study series vendor model finding date slice pixel rows columns instances frames number errors warnings.\nTerms are joined by and; a,b after a colon is or; a minus before a term is not.\n\nExit codes: 0 done; 2 the query cannot be understood; 3 workspace"
)]
pub struct Search {
    /// The query; several words need no quotes
    query: Vec<String>,
    /// Series at most
    #[arg(long)]
    limit: Option<u64>,
}

/// Arguments of `gantry show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry show 2.25.1234…        (a series, study or subject)\n  gantry show 17               (a review task)\n\nExit codes: 0 found; 3 workspace; 4 not found"
)]
pub struct Show {
    /// Subject, study UID, series UID or task number
    id: String,
}

/// Prints the series that match.
///
/// # Errors
/// The query cannot be understood.
pub fn search(args: &Search, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let filter = args.query.join(" ");
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut offset = 0;
    loop {
        let limit = u32::try_from(left).unwrap_or(u32::MAX).min(AT_ONCE);
        let page = Page { offset, limit };
        let rows =
            connection.client.ask(SeriesPage { filter: filter.clone(), sort: SeriesSort::Subject, page })?;
        for row in &rows.rows {
            out.result(row, line);
        }
        offset += rows.rows.len() as u64;
        left -= rows.rows.len() as u64;
        if rows.rows.is_empty() || left == 0 || offset >= rows.total {
            out.note(&format!("{offset} of {} series", rows.total));
            return Ok(Exit::Done);
        }
    }
}

fn line(row: &SeriesRow) -> String {
    let (errors, warnings, notes) = row.findings;
    let matrix = row.matrix.map(|(r, c)| format!("{c}×{r}")).unwrap_or_default();
    let spacing = row.spacing_mm.map(|s| format!("{:.2} mm", s[2])).unwrap_or_default();
    format!(
        "{}  {}  {:<3} {:>5} × {matrix:<9} {spacing:>8}  ▲{errors} ◆{warnings} ·{notes}  {:<9} {}  {}",
        row.subject,
        row.study_date.as_deref().unwrap_or("          "),
        row.modality,
        row.frames,
        row.state,
        row.description.as_deref().unwrap_or("-"),
        row.series_uid
    )
}

/// Prints everything known of an object.
///
/// # Errors
/// It is not there.
pub fn show(args: &Show, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let found = find(&*connection.client, &args.id)?;
    out.result(&found, |value| serde_json::to_string_pretty(value).unwrap_or_default());
    Ok(Exit::Done)
}

fn find(client: &dyn Client, id: &str) -> Result<Value, Failure> {
    if let Ok(task) = id.parse::<i64>() {
        return Ok(json!({ "task": client.ask(Task { id: task })? }));
    }
    match client.ask(SeriesDetail { series_uid: id.into() }) {
        Ok(series) => return Ok(json!({ "series": series })),
        Err(EngineError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    for kind in ["study", "subject"] {
        let filter = format!("{kind}:\"{}\"", id.replace('"', ""));
        let page = Page { offset: 0, limit: AT_ONCE };
        let rows = client.ask(SeriesPage { filter, sort: SeriesSort::Subject, page })?;
        if rows.total > 0 {
            return Ok(json!({ kind: { "id": id, "series": rows.rows, "total": rows.total } }));
        }
    }
    Err(Failure::new(Exit::Input, "not_found", format!("there is no subject, study, series or task {id}")))
}
