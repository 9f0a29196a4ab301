//! `gantry intake`: what was quarantined or rejected, and what is to become of it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::Client;
use crate::engine::command::{
    DiscardIntake, IntakeChoice, MaskIntake, Moved, QuestionMasks, ReleaseIntake, RetryIntake,
};
use crate::engine::query::{IntakeDetail, IntakeDetailView, IntakeGroup, IntakeGroups, IntakeMasks};
use crate::engine::refusals::{Refusal, Refusals, each_file, refusal, refusals};
use crate::format::whole::write_whole;
use crate::model::words::io_words;
use crate::model::{Area, Drawing, DrawnMask};

/// Arguments of `gantry intake`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gantry intake list
  gantry intake list status:quarantined site:A --files
  gantry intake show 17
  gantry intake retry reason:unreadable
  gantry intake release 17 18
  gantry intake mask 17 --area 0,0,512,24
  gantry intake mask 17 18 --proposed
  gantry intake discard day:2026-01 status:quarantined
  gantry intake question 2.25.1234
  gantry intake export refused.csv site:A
  gantry intake reconcile sent.csv

Files are named by their number, or by words that their group must match: status:, reason:, site:, day: (the beginning
of a day is enough), several values joined by commas, quotes around what holds spaces; other words are looked for in
the text.

Paths and values may name a patient. They are left out, or masked, unless --names or --reveal asks for them; who asks
leaves a mark in the trail.

Exit codes: 0 done; 1 some files could not be moved; 2 usage; 3 workspace; 4 no such file, or nothing matches; 6 storage")]
pub struct IntakeArgs {
    #[command(subcommand)]
    what: IntakeCommand,
}

#[derive(Debug, Subcommand)]
enum IntakeCommand {
    /// What was quarantined, rejected or discarded, in groups or file by file
    #[command(after_help = "Examples:
  gantry intake list
  gantry intake list status:quarantined reason:pixels_unchecked --files
  gantry intake list 'site:\"North Clinic\"' day:2026-03

Exit codes: 0 done; 2 a word that no group has; 3 workspace; 6 storage")]
    List {
        /// Only groups that match: status:quarantined reason:… site:… day:2026-01
        filter: Vec<String>,
        /// Every file of the groups, instead of the groups
        #[arg(long)]
        files: bool,
        /// With the path of each file, which may name a patient; this stands in the trail
        #[arg(long, requires = "files")]
        names: bool,
    },
    /// One file: its attributes, masked, and what the profile does with each
    #[command(after_help = "Examples:
  gantry intake show 17
  gantry intake show 17 --reveal

Exit codes: 0 done; 3 workspace; 4 no such file; 6 storage")]
    Show {
        /// The file's number
        id: i64,
        /// Values as they stand, and the path; this stands in the trail
        #[arg(long)]
        reveal: bool,
    },
    /// Process quarantined files again, and look again at rejected ones where they still lie
    #[command(after_help = "Examples:
  gantry intake retry 17
  gantry intake retry status:rejected reason:unreadable

Exit codes: 0 every file went through; 1 some did not; 3 workspace; 4 no such file, or nothing matches; 6 storage")]
    Retry(Targets),
    /// Pass quarantined files on: you have looked at the pixels and they show no name
    #[command(after_help = "Examples:
  gantry intake release 17 18

Exit codes: 0 every file went through; 1 some did not; 3 workspace; 4 no such file, or nothing matches; 6 storage")]
    Release(Targets),
    /// Discard the kept copies of quarantined files; the record stays
    #[command(after_help = "Examples:
  gantry intake discard 17
  gantry intake discard status:quarantined day:2026-01

Exit codes: 0 every copy is discarded; 1 some files were not in quarantine; 3 workspace; 4 no such file, or nothing matches; 6 storage")]
    Discard(Targets),
    /// Compare a sender's list with what is here: a table with SOPInstanceUID, or StudyInstanceUID and its number of instances
    #[command(after_help = "Examples:
  gantry intake reconcile sent.csv
  gantry intake reconcile studies.csv --all

Columns: SOPInstanceUID; or StudyInstanceUID with NumberOfStudyRelatedInstances (or instances). UIDs are those of the sender; what
is missing is listed, and with --all the rest.

Exit codes: 0 nothing is missing; 1 something is; 3 workspace; 4 the list cannot be read; 5 not permitted")]
    Reconcile {
        /// The list: CSV, Parquet or JSON
        list: PathBuf,
        /// List what is here, too
        #[arg(long)]
        all: bool,
    },
    /// Offer the masks of stored pictures to a person again: copies of their sources are quarantined
    #[command(after_help = "Examples:
  gantry intake question 2.25.1234
  gantry intake question 2.25.1234 --instance 2.25.5678

The copies wait with the reason masks_questioned; `gantry intake mask` draws their masks anew, `release` lifts them all,
`retry` masks what the profile finds, `discard` leaves everything as it is. What is stored changes only then. Where the
source is gone, a copy of what is stored waits: more can be masked there, and nothing lifted.

Exit codes: 0 done; 1 some pictures cannot be read; 2 nothing is masked in the series; 3 workspace; 4 no such series; 6 storage")]
    Question {
        /// The series, by its remapped UID
        series: String,
        /// Only this instance, masked or not (repeat for more); else all in which something is masked
        #[arg(long, value_name = "UID")]
        instance: Vec<String>,
    },
    /// Mask quarantined files as drawn, and pass them on; nothing else is searched or masked
    #[command(after_help = "Examples:
  gantry intake mask 17 --area 0,0,512,24 --area 400,480,112,32
  gantry intake mask 17 --area 10,10,80,20@3
  gantry intake mask 17 18 --proposed --dry-run
  gantry intake mask 17 18 --proposed

Areas are in pixels of the stored picture: left, upper, width, height; the first pixel is 0,0. Several files take the
same areas where they have the same matrix; others stay in quarantine.

Exit codes: 0 every file went through; 1 some did not; 2 an area outside the picture; 3 workspace; 4 no such file, or no picture; 6 storage")]
    Mask {
        /// The files' numbers
        #[arg(required = true)]
        ids: Vec<i64>,
        /// x,y,width,height; x,y,width,height@N for frame N alone
        #[arg(long = "area", value_name = "AREA", required_unless_present = "proposed", value_parser = drawn)]
        areas: Vec<DrawnMask>,
        /// The frame, from 1, of areas that name none; else every frame
        #[arg(long, value_name = "N", requires = "areas", value_parser = clap::value_parser!(u32).range(1..))]
        frame: Option<u32>,
        /// What the search for burned-in text would mask, in each file by itself
        #[arg(long, conflicts_with_all = ["areas", "frame"])]
        proposed: bool,
        /// Print the areas and mask nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write what was refused as a report for the site: counts, reasons, hashes
    #[command(after_help = "Examples:
  gantry intake export refused.csv
  gantry intake export refused.json site:A day:2026-03
  gantry intake export refused.csv site:A --names

A name that ends in .json gives counts by reason and the files; any other a table of the files. With --names the file
is readable by its owner alone.

Exit codes: 0 written; 2 a word that no group has; 3 workspace; 4 nothing matches; 6 storage")]
    Export {
        /// The file to write
        file: PathBuf,
        /// Only groups that match, as for list
        filter: Vec<String>,
        /// With the path of each file, which may name a patient; this stands in the trail
        #[arg(long)]
        names: bool,
    },
}

/// Which files an act is for.
#[derive(Debug, Args)]
struct Targets {
    /// Numbers of files, or words that groups match: status:… reason:… site:… day:…
    #[arg(required = true, value_name = "ID|WORD")]
    what: Vec<String>,
}

/// Lists what was quarantined or rejected, and acts on it.
///
/// # Errors
/// No such file, a filter that cannot be understood, or the storage refuses.
pub fn intake(args: &IntakeArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &*connection.client;
    match &args.what {
        IntakeCommand::List { filter, files, names } => {
            list(client, &filter.join(" "), (*files, *names), out)
        }
        IntakeCommand::Show { id, reveal } => {
            let view = client.ask(IntakeDetail { id: *id, reveal: *reveal })?;
            out.result(&view, text_of);
            Ok(Exit::Done)
        }
        IntakeCommand::Retry(targets) => {
            let choice = targets.choice(client)?;
            told(&client.act(RetryIntake { choice })?, "went through", out)
        }
        IntakeCommand::Release(targets) => {
            let choice = targets.choice(client)?;
            told(&client.act(ReleaseIntake { choice })?, "released", out)
        }
        IntakeCommand::Discard(targets) => {
            let choice = targets.choice(client)?;
            told(&client.act(DiscardIntake { choice })?, "discarded", out)
        }
        IntakeCommand::Reconcile { list, all } => super::reconcile::run(client, list, *all, out),
        IntakeCommand::Question { series, instance } => {
            let command = QuestionMasks { series_uid: series.clone(), instances: instance.clone() };
            told(&client.act(command)?, "wait in quarantine for their masks", out)
        }
        IntakeCommand::Mask { ids, areas, frame, dry_run, .. } => {
            let areas =
                areas.iter().map(|m| DrawnMask { frame: m.frame.or(*frame), ..*m }).collect::<Vec<_>>();
            mask(client, ids, &areas, *dry_run, out)
        }
        IntakeCommand::Export { file, filter, names } => export(client, file, &filter.join(" "), *names, out),
    }
}

fn list(
    client: &dyn Client,
    filter: &str,
    (files, names): (bool, bool),
    out: &Output,
) -> Result<Exit, Failure> {
    let groups = client.ask(IntakeGroups { filter: filter.into() })?;
    let mut page = out.page();
    let mut count = 0;
    for group in &groups {
        count += group.count;
        if files {
            each_file(client, group, names, |file| page.result(&refusal(group, file), file_line))?;
        } else {
            page.result(&group_json(group), |_| group_line(group));
        }
    }
    page.end();
    match groups.is_empty() {
        true if filter.is_empty() => out.note("everything was stored"),
        true => out.note(&format!("no group matches {filter}")),
        false => out.note(&format!("{count} files in {} groups", groups.len())),
    }
    Ok(Exit::Done)
}

fn group_json(group: &IntakeGroup) -> serde_json::Value {
    json!({
        "status": group.status, "reason": group.reason, "explanation": group.explanation, "site": group.site,
        "day": group.day, "files": group.count, "latest_ms": group.latest_ms,
    })
}

fn group_line(group: &IntakeGroup) -> String {
    format!(
        "{:>8}  {:<11}  {}  {:<12}  {:<24}  {}",
        group.count,
        group.status.as_str(),
        group.day,
        group.site,
        group.reason,
        group.explanation
    )
}

fn file_line(file: &Refusal) -> String {
    let path = file.path.as_ref().map(|path| format!("  {path}")).unwrap_or_default();
    format!(
        "{:>8}  {:<11}  {}  {:<12}  {:<24}  {:>12}  {:.16}  {}{path}",
        file.id, file.status, file.day, file.site, file.reason, file.bytes, file.sha256, file.detail
    )
}

fn text_of(view: &IntakeDetailView) -> String {
    let file = &view.file;
    let mut text = format!(
        "file {}: {}, {} {}\n{} bytes, SHA-256 {}\n",
        file.id,
        file.status.as_str(),
        file.reason,
        file.detail,
        file.bytes,
        file.sha256
    );
    if let Some(path) = &file.path {
        text += &format!("{path}\n");
    }
    if view.attributes.is_empty() {
        text += "no copy is kept, or it cannot be read\n";
    }
    for a in &view.attributes {
        text += &format!("{}  {:<32} {}  {:<12} {}\n", a.tag, a.keyword, a.vr, a.action, a.value);
    }
    text
}

impl Targets {
    /// The files of these numbers, or every file of the groups that match the words.
    fn choice(&self, client: &dyn Client) -> Result<IntakeChoice, Failure> {
        let numbers: Vec<i64> = self.what.iter().filter_map(|word| word.parse().ok()).collect();
        if numbers.len() == self.what.len() {
            return Ok(IntakeChoice::Files(numbers));
        }
        if !numbers.is_empty() {
            return Err(Failure::usage("name files by number or by words, not both at once"));
        }
        let filter = self.what.join(" ");
        let groups = client.ask(IntakeGroups { filter: filter.clone() })?;
        if groups.is_empty() {
            return Err(nothing(&filter));
        }
        Ok(IntakeChoice::Groups(groups.into_iter().map(|group| group.key).collect()))
    }
}

fn nothing(filter: &str) -> Failure {
    Failure::new(Exit::Input, "not_found", format!("nothing matches {filter}"))
        .hint("`gantry intake list` shows what there is")
}

/// What became of files, and the exit status that says whether all went.
fn told(moved: &Moved, word: &str, out: &Output) -> Result<Exit, Failure> {
    let refused: Vec<_> = moved.refused.iter().map(|(n, why)| json!({ "files": n, "why": why })).collect();
    out.result(&json!({ "moved": moved.moved, "refused": refused }), |_| {
        let mut text = format!("{} files {word}\n", moved.moved);
        for (n, why) in &moved.refused {
            text += &format!("{n} not: {why}\n");
        }
        text
    });
    Ok(if moved.refused.is_empty() { Exit::Done } else { Exit::Findings })
}

/// `x,y,width,height` with `@N` for one frame.
fn drawn(text: &str) -> Result<DrawnMask, String> {
    let why = || "an area is x,y,width,height, and @N for frame N alone".to_string();
    let (area, frame) = match text.split_once('@') {
        Some((area, frame)) => (area, Some(frame.parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(why)?)),
        None => (text, None),
    };
    let numbers: Vec<u32> =
        area.split(',').map(|n| n.trim().parse().map_err(|_| why())).collect::<Result<_, _>>()?;
    let &[x, y, width, height] = &*numbers else { return Err(why()) };
    if width == 0 || height == 0 {
        return Err("an area is at least one pixel wide and high".into());
    }
    Ok(DrawnMask { frame, area: Area { x, y, width, height } })
}

fn mask(
    client: &dyn Client,
    ids: &[i64],
    areas: &[DrawnMask],
    dry_run: bool,
    out: &Output,
) -> Result<Exit, Failure> {
    let mut all = Moved::default();
    let mut page = out.page();
    let mut drawings = Vec::new();
    if areas.is_empty() {
        // Each file by itself: what one picture shows says nothing of where another shows it.
        for &id in ids {
            let found = client.ask(IntakeMasks { id })?;
            drawings.push((vec![id], found.drawing));
        }
    } else if let Some(&first) = ids.first() {
        let found = client.ask(IntakeMasks { id: first })?;
        let (columns, rows) = (found.drawing.columns, found.drawing.rows);
        fits(areas, columns, rows, found.frames)?;
        drawings.push((ids.to_vec(), Drawing { columns, rows, masks: areas.to_vec() }));
    }
    for (files, drawing) in drawings {
        if dry_run {
            page.result(&json!({ "files": files, "drawing": drawing }), |_| drawing_text(&files, &drawing));
        } else if drawing.masks.is_empty() {
            all.refused.push((files.len() as u64, "no mask is proposed: look, and release or draw".into()));
        } else {
            let moved = client.act(MaskIntake { choice: IntakeChoice::Files(files), drawing })?;
            all.moved += moved.moved;
            all.refused.extend(moved.refused);
        }
    }
    page.end();
    if dry_run {
        return Ok(Exit::Done);
    }
    told(&all, "masked and passed on", out)
}

/// Every area lies in the picture, and its frame exists.
fn fits(areas: &[DrawnMask], columns: u32, rows: u32, frames: u32) -> Result<(), Failure> {
    for mask in areas {
        let a = mask.area;
        if !(Area { x: 0, y: 0, width: columns, height: rows }).contains(&a) {
            return Err(Failure::usage(format!(
                "the area {},{},{},{} reaches beyond the picture, which has {columns} × {rows} pixels",
                a.x, a.y, a.width, a.height
            )));
        }
        if let Some(frame) = mask.frame.filter(|frame| *frame > frames) {
            return Err(Failure::usage(format!("there is no frame {frame}: the file has {frames}")));
        }
    }
    Ok(())
}

fn drawing_text(files: &[i64], drawing: &Drawing) -> String {
    let files: Vec<String> = files.iter().map(ToString::to_string).collect();
    let mut text = format!("{} ({} × {} pixels):", files.join(" "), drawing.columns, drawing.rows);
    for mask in &drawing.masks {
        let a = mask.area;
        let frame = mask.frame.map(|n| format!("@{n}")).unwrap_or_default();
        text += &format!(" {},{},{},{}{frame}", a.x, a.y, a.width, a.height);
    }
    if drawing.masks.is_empty() {
        text += " no mask is proposed";
    }
    text
}

fn export(
    client: &dyn Client,
    file: &Path,
    filter: &str,
    names: bool,
    out: &Output,
) -> Result<Exit, Failure> {
    let report = refusals(client, filter, names)?;
    if report.reasons.is_empty() && !filter.is_empty() {
        return Err(nothing(filter));
    }
    let is_json = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let text = if is_json { crate::model::text::json(&report) + "\n" } else { report.to_csv(names) };
    write_whole(file, &text, names).map_err(|e| {
        let why = format!("{} cannot be written: {}", file.display(), io_words(e.kind()));
        Failure::new(Exit::Storage, "write", why)
    })?;
    let shown = file.to_string_lossy();
    let summary = json!({
        "file": shown, "files": report.files.len(), "left_out": report.left_out, "counts": report.counts,
        "reasons": report.reasons,
    });
    out.result(&summary, |_| report_text(&report, &shown));
    Ok(Exit::Done)
}

fn report_text(report: &Refusals, file: &str) -> String {
    let mut text = format!("{} files written to {file}\n", report.files.len());
    if report.left_out > 0 {
        text += &format!("{} more are counted and not listed\n", report.left_out);
    }
    for r in &report.reasons {
        text += &format!(
            "{:>8}  {:<11}  {:<12}  {:<24}  {}\n",
            r.files, r.status, r.site, r.reason, r.explanation
        );
    }
    text
}
