//! `gantry search` and `gantry show`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{ForgetSearch, SaveSearch};
use crate::engine::query::{
    CaseDetail, Complete, Facet, Facets, Page, SavedSearchView, SavedSearches, SeriesDetail, SeriesPage,
    SeriesRow, SeriesSort, SortField, Task, TaskHistory,
};
use crate::engine::tools::series_table;
use crate::engine::{Client, EngineError};

/// Series fetched at a time.
const AT_ONCE: u32 = 1_000;

/// Arguments of `gantry search`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gantry search 'modality:CT body:chest slice<=1.5 site:A'
  gantry search 'kernel:soft region:chest phase:portal vendor:siemens field>=3'
  gantry search 'date:2024-01..2024-06 -finding:missing_slices \"low dose\"' --sort -date
  gantry search modality:MR --facets
  gantry search modality:CT --to series.parquet
  gantry search 'finding:missing_slices -state:accepted' --save gaps
  gantry search --saved gaps --limit 20
  gantry search --complete 'modality:CT ker'

Terms are joined by and; a,b after a colon is or; a minus before a term is not; * stands for anything (region:*chest*);
numbers and dates take <, <=, >, >= and low..high; words without a field are looked for in descriptions, body part,
vendor, model, modality, subject and site. --fields lists every field.

Exit codes: 0 done; 2 the query cannot be understood; 3 workspace; 4 no such saved search; 6 the table cannot be written")]
pub struct Search {
    /// The query; several words need no quotes
    query: Vec<String>,
    /// Series at most
    #[arg(long)]
    limit: Option<u64>,
    /// subject, newest, severity, size, or a field; a minus before it puts the largest first
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,
    /// How often each value occurs among the series that match, instead of the series
    #[arg(long, conflicts_with_all = ["to", "limit"])]
    facets: bool,
    /// Write the series as a table: CSV, or Parquet where the name ends in .parquet
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Keep this search under a name
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// Begin with a search that is kept; further terms narrow it
    #[arg(long, value_name = "NAME")]
    saved: Option<String>,
    /// Forget a search that is kept
    #[arg(long, value_name = "NAME", conflicts_with_all = ["save", "saved"])]
    forget: Option<String>,
    /// The searches that are kept
    #[arg(long)]
    list_saved: bool,
    /// What may stand at the end of this text: fields, or values of a field
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    complete: Option<String>,
    /// Every field of the query language
    #[arg(long)]
    fields: bool,
}

/// Arguments of `gantry show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry show 2.25.1234…  # a series, study or subject\n  gantry show 17  # a review task\n\nExit codes: 0 found; 3 workspace; 4 not found"
)]
pub struct Show {
    /// Subject, study UID, series UID or task number
    id: String,
}

/// Prints the series that match, or what else of a search was asked for.
///
/// # Errors
/// The query cannot be understood.
pub fn search(args: &Search, global: &Global, out: &Output) -> Result<Exit, Failure> {
    if args.fields {
        for (name, about) in series_table::fields() {
            out.result(&json!({ "field": name, "about": about }), |_| format!("{name:<14} {about}"));
        }
        return Ok(Exit::Done);
    }
    let connection = connect(global)?;
    let client = &*connection.client;
    if let Some(text) = &args.complete {
        let completions = client.ask(Complete { text: text.clone() })?;
        out.result(&completions, |c| c.join("\n"));
        return Ok(Exit::Done);
    }
    if args.list_saved {
        let saved = client.ask(SavedSearches {})?;
        saved.iter().for_each(|s| out.result(s, |s| format!("{:<20} {}", s.name, s.query)));
        return Ok(Exit::Done);
    }
    if let Some(name) = &args.forget {
        client.act(ForgetSearch { name: name.clone() })?;
        return Ok(Exit::Done);
    }
    let (filter, sort) = asked(args, client)?;
    if let Some(name) = &args.save {
        client.act(SaveSearch { name: name.clone(), query: filter.clone(), sort })?;
        out.note(&format!("kept as {name}"));
    }
    if args.facets {
        let facets = client.ask(Facets { filter })?;
        facets.iter().for_each(|facet| out.result(facet, facet_text));
        return Ok(Exit::Done);
    }
    match &args.to {
        Some(file) => {
            let mut rows = Vec::new();
            let total = pages(client, &filter, sort, args.limit, |some| rows.extend(some))?;
            series_table::write(file, &rows).map_err(|e| {
                Failure::new(Exit::Storage, "table", format!("the table cannot be written: {e}"))
            })?;
            out.result(&json!({ "to": file, "series": rows.len(), "total": total }), |_| {
                format!("{} of {total} series written to {}", rows.len(), file.display())
            });
        }
        None => {
            let mut shown = 0;
            let total = pages(client, &filter, sort, args.limit, |some| {
                let mut page = out.page();
                some.iter().for_each(|row| page.result(row, line));
                page.end();
                shown += some.len();
            })?;
            out.note(&format!("{shown} of {total} series"));
        }
    }
    Ok(Exit::Done)
}

/// The query and the order: of the search that is kept, narrowed by what stands on the line.
fn asked(args: &Search, client: &dyn Client) -> Result<(String, SeriesSort), Failure> {
    let mut filter = args.query.join(" ");
    let mut sort = SeriesSort::Subject;
    if let Some(name) = &args.saved {
        let known: Vec<SavedSearchView> = client.ask(SavedSearches {})?;
        let saved = known.into_iter().find(|s| s.name == *name).ok_or_else(|| {
            Failure::new(Exit::Input, "not_found", format!("no search is kept as {name}"))
                .hint("`gantry search --list-saved` lists them")
        })?;
        filter = format!("{} {filter}", saved.query).trim().to_string();
        sort = saved.sort;
    }
    if let Some(text) = &args.sort {
        sort = order(text)?;
    }
    Ok((filter, sort))
}

/// `subject`, `newest`, `severity`, `size`, `slice`, `-date`.
fn order(text: &str) -> Result<SeriesSort, Failure> {
    let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
    match (name, descending) {
        ("subject", false) => Ok(SeriesSort::Subject),
        ("newest", false) => Ok(SeriesSort::Newest),
        ("severity", false) => Ok(SeriesSort::Severity),
        ("size", false) => Ok(SeriesSort::Size),
        _ => {
            let field = SortField::named(name).ok_or_else(|| {
                Failure::usage(format!("series are not put in order by {name}"))
                    .hint("subject, newest, severity, size, or a field of `gantry search --fields`")
            })?;
            Ok(SeriesSort::By { field, descending })
        }
    }
}

/// Gives every page up to the limit; how many series match.
fn pages(
    client: &dyn Client,
    filter: &str,
    sort: SeriesSort,
    limit: Option<u64>,
    mut give: impl FnMut(Vec<SeriesRow>),
) -> Result<u64, Failure> {
    let mut left = limit.unwrap_or(u64::MAX);
    let mut offset = 0;
    loop {
        let limit = u32::try_from(left).unwrap_or(u32::MAX).min(AT_ONCE);
        let page = Page { offset, limit };
        let rows = client.ask(SeriesPage { filter: filter.into(), sort, page })?;
        let n = rows.rows.len() as u64;
        (offset, left) = (offset + n, left - n);
        give(rows.rows);
        if n == 0 || left == 0 || offset >= rows.total {
            return Ok(rows.total);
        }
    }
}

fn facet_text(facet: &Facet) -> String {
    let mut text = facet.name.clone();
    for (value, n) in &facet.values {
        text += &format!("\n  {n:>9}  {value}");
    }
    text
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
        return match client.ask(TaskHistory { task }) {
            Ok(found) if found.line.step != "series_review" => Ok(json!({ "task": found })),
            _ => Ok(json!({ "task": client.ask(Task { id: task })? })),
        };
    }
    match client.ask(SeriesDetail { series_uid: id.into() }) {
        Ok(series) => {
            let mut about = json!({ "series": series });
            if let Some(case) = client.ask(CaseDetail { uid: id.into() })?
                && let (Some(fields), Ok(Value::Object(case))) =
                    (about.as_object_mut(), serde_json::to_value(case))
            {
                fields.extend(case);
            }
            return Ok(about);
        }
        Err(EngineError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    for kind in ["study", "subject"] {
        let filter = format!("{kind}:\"{}\"", id.replace('"', ""));
        let page = Page { offset: 0, limit: AT_ONCE };
        let rows = client.ask(SeriesPage { filter, sort: SeriesSort::Subject, page })?;
        if rows.total > 0 {
            let harmonised = series_table::together(&rows.rows);
            let about =
                json!({ "id": id, "harmonised": harmonised, "series": rows.rows, "total": rows.total });
            let mut found = json!({ kind: about });
            let case = if kind == "study" { client.ask(CaseDetail { uid: id.into() })? } else { None };
            if let (Some(fields), Some(Ok(Value::Object(case)))) =
                (found.as_object_mut(), case.map(serde_json::to_value))
            {
                fields.extend(case);
            }
            return Ok(found);
        }
    }
    Err(Failure::new(Exit::Input, "not_found", format!("there is no subject, study, series or task {id}")))
}
