//! `gantry snapshot` and `gantry withdraw`: versions of a dataset, and subjects that leave it.

use clap::{Args, Subcommand, ValueEnum};

use super::connect::connect;
use super::{Exit, Failure, Global, Output, progress};
use crate::engine::command::{CreateSnapshot, SplitBy, SplitWords, Withdraw, Withdrawn};
use crate::engine::query::{
    ActivityKind, Diff, DiffEntry, DiffSnapshots, MemberView, Page, PreviewSnapshot, ProveMember,
    ProvenanceOf, SnapshotDetail, SnapshotMembers, SnapshotPreview, SnapshotProof, SnapshotVerified,
    SnapshotView, Snapshots, VerifySnapshot, Withdrawals,
};
use crate::model::text::visible;
use crate::model::words::{bytes, plural};

/// Series of a snapshot that are fetched at a time.
const AT_ONCE: u32 = 5_000;

/// Arguments of `gantry snapshot`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry snapshot create v1 --query 'modality:CT site:A,B'\n  gantry snapshot create v1 --split train=.7,val=.15,test=.15 --stratify site,malignancy --seed 7\n  gantry snapshot create v2 --split train=.7,val=.15,test=.15 --keep-splits v1\n  gantry snapshot diff v1 v2\n  gantry snapshot verify v1\n  gantry export --snapshot v1 --format nifti,json --to v1\n\nA snapshot holds series that match and have accepted labels, by reference. It is never changed; its identifier depends on what it holds alone. Subjects go into one split as a whole.\n\nExit codes: 0 done; 1 verify: not whole; 2 usage; 3 workspace; 4 no such snapshot, the name is taken, or nothing to freeze; 5 not permitted"
)]
pub struct SnapshotArgs {
    #[command(subcommand)]
    what: SnapshotCommand,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    Subject,
    Site,
}

#[derive(Debug, Subcommand)]
enum SnapshotCommand {
    /// Freeze series with accepted labels under a name
    #[command(
        after_help = "Examples:\n  gantry snapshot create v1 --query 'modality:CT site:A,B' --note 'first training set'\n  gantry snapshot create v2 --split train=.8,test=.2 --by site --seed 7\n  gantry snapshot create v2 --query site:A --preview\n\nExit codes: 0 done; 2 usage; 3 workspace; 4 the name is taken, or nothing to freeze; 5 not permitted"
    )]
    Create {
        /// The name: letters, digits, - _ and .
        name: String,
        /// Which series, in the query language of search
        #[arg(long)]
        query: Option<String>,
        /// Shares of subjects, such as train=.7,val=.15,test=.15
        #[arg(long, value_name = "SHARES")]
        split: Option<String>,
        /// What goes into one split as a whole
        #[arg(long, value_enum, default_value = "subject", requires = "split")]
        by: By,
        /// Fields whose values are spread alike: site, modality, region …, or a structure
        #[arg(long, value_name = "FIELD", requires = "split")]
        stratify: Option<String>,
        /// What chance is drawn from
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Leave every subject of this snapshot in its split
        #[arg(long, value_name = "SNAPSHOT", requires = "split")]
        keep_splits: Option<String>,
        /// What it is for; it stands in the trail
        #[arg(long, default_value = "")]
        note: String,
        /// Tell what would go in and what would be left out and why; make nothing
        #[arg(long, conflicts_with = "note")]
        preview: bool,
    },
    /// Every snapshot, the latest first
    #[command(
        after_help = "Examples:\n  gantry snapshot list\n\nExit codes: 0 done; 3 workspace; 5 not permitted"
    )]
    List,
    /// One snapshot, or its series
    #[command(
        after_help = "Examples:\n  gantry snapshot show v1\n  gantry snapshot show v1 --series --json\n\nExit codes: 0 done; 3 workspace; 4 no such snapshot; 5 not permitted"
    )]
    Show {
        /// The name, or the identifier
        name: String,
        /// Its series, a line each
        #[arg(long)]
        series: bool,
    },
    /// What differs between two snapshots, series by series, with why
    #[command(
        after_help = "Examples:\n  gantry snapshot diff v1 v2\n\nExit codes: 0 done; 3 workspace; 4 no such snapshot; 5 not permitted"
    )]
    Diff {
        /// The first
        first: String,
        /// The second
        second: String,
    },
    /// What leads from one series to the root: proof that it is in the snapshot, without the others
    #[command(
        after_help = "Examples:\n  gantry snapshot prove v1 2.25.1234 --json\n\nThe leaf is SHA-256 of a zero byte and the SHA-256 of series, subject, site, split and digest, each preceded by its length in\neight bytes; with the path, from the bottom up, it gives the root (RFC 9162, section 2.1.3.2).\n\nExit codes: 0 done; 3 workspace; 4 no such snapshot, or the series is not in it; 5 not permitted"
    )]
    Prove {
        /// The name, or the identifier
        name: String,
        /// The series, by UID
        series: String,
    },
    /// Read every byte of a snapshot and hold it against its hash, the root and the trail
    #[command(
        after_help = "Examples:\n  gantry snapshot verify v1\n\nExit codes: 0 whole; 1 not whole; 3 workspace; 4 no such snapshot; 5 not permitted"
    )]
    Verify {
        /// The name, or the identifier
        name: String,
    },
}

/// Arguments of `gantry withdraw`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry withdraw S-7K2M9Q --reason \"consent withdrawn on 2026-03-01\"\n  gantry withdraw S-7K2M9Q --reason \"erasure, GDPR Article 17\" --erase\n  gantry withdraw --list\n\nThe subject is in no later snapshot or export, its open tasks end, and its files are taken in no more. Snapshots that hold it stay whole and are exported without it; datasets that went out before are listed with where they went. --erase also removes the stored bytes, what was drawn on them and the vault's entry; digests stay, so that old snapshots still verify. It cannot be undone, and backups made before still hold the bytes.\n\nExit codes: 0 done; 2 usage; 3 workspace; 4 no such subject; 5 not permitted; 6 storage"
)]
pub struct WithdrawArgs {
    /// The subject's pseudonym
    #[arg(required_unless_present = "list")]
    subject: Option<String>,
    /// Why; it stands in the trail
    #[arg(long, required_unless_present = "list")]
    reason: Option<String>,
    /// Remove the stored bytes, too
    #[arg(long)]
    erase: bool,
    /// List who has withdrawn
    #[arg(long, conflicts_with_all = ["subject", "reason", "erase"])]
    list: bool,
}

/// Arguments of `gantry provenance`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry provenance v1 --json > v1.prov.json\n  gantry provenance 2.25.1234\n  gantry provenance read-17\n\nFrom accepted labels over reader, guideline and decision to the SHA-256 of the source files: a tree, or with --json W3C PROV-JSON.\n\nExit codes: 0 done; 2 usage; 3 workspace; 4 nothing is called so, or it is too much for one answer; 5 not permitted"
)]
pub struct ProvenanceArgs {
    /// A snapshot by name or identifier, a series or study by UID, a read by number
    object: String,
}

/// Runs `gantry provenance`.
///
/// # Errors
/// Nothing is called so.
pub fn provenance(args: &ProvenanceArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let view = connection.client.ask(ProvenanceOf { object: args.object.clone() })?;
    out.result(&view.document, |_| view.tree.clone());
    Ok(Exit::Done)
}

/// Runs `gantry snapshot`.
///
/// # Errors
/// No such snapshot, a name that is taken, or the storage refuses.
pub fn run(args: &SnapshotArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &connection.client;
    match &args.what {
        SnapshotCommand::Create { name, query, split, by, stratify, seed, keep_splits, note, preview } => {
            let split = split.as_ref().map(|shares| SplitWords {
                shares: shares.clone(),
                by: match by {
                    By::Subject => SplitBy::Subject,
                    By::Site => SplitBy::Site,
                },
                stratify: stratify.clone(),
                seed: *seed,
                keep: keep_splits.clone(),
            });
            if *preview {
                let view = client.ask(PreviewSnapshot { query: query.clone(), split })?;
                out.result(&view, previewed);
                return Ok(Exit::Done);
            }
            let command =
                CreateSnapshot { name: name.clone(), query: query.clone(), split, note: note.clone() };
            let made = client.act(command)?;
            out.result(&made, told);
        }
        SnapshotCommand::List => {
            let mut page = out.page();
            client.ask(Snapshots {})?.iter().for_each(|snapshot| page.result(snapshot, line));
            page.end();
        }
        SnapshotCommand::Show { name, series: false } => {
            out.result(&client.ask(SnapshotDetail { name: name.clone() })?, told);
        }
        SnapshotCommand::Show { name, series: true } => {
            let mut page = out.page();
            let mut offset = 0;
            loop {
                let query = SnapshotMembers { name: name.clone(), page: Page { offset, limit: AT_ONCE } };
                let part = client.ask(query)?;
                part.rows.iter().for_each(|member| page.result(member, member_line));
                offset += part.rows.len() as u64;
                if part.rows.is_empty() || offset >= part.total {
                    break;
                }
            }
            page.end();
        }
        SnapshotCommand::Prove { name, series } => {
            let ask = ProveMember { name: name.clone(), series_uid: series.clone() };
            out.result(&client.ask(ask)?, proof);
        }
        SnapshotCommand::Diff { first, second } => {
            let diff = client.ask(DiffSnapshots { first: first.clone(), second: second.clone() })?;
            out.result(&diff, differing);
        }
        SnapshotCommand::Verify { name } => {
            let verify = || client.ask(VerifySnapshot { name: name.clone() });
            let verified = progress::followed(out, &**client, ActivityKind::Verify, "objects", verify)?;
            out.result(&verified, verdict);
            return Ok(if verified.ok { Exit::Done } else { Exit::Findings });
        }
    }
    Ok(Exit::Done)
}

/// Runs `gantry withdraw`.
///
/// # Errors
/// No such subject, or the storage refuses.
pub fn withdraw(args: &WithdrawArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let (Some(subject), Some(reason)) = (&args.subject, &args.reason) else {
        let mut page = out.page();
        for one in connection.client.ask(Withdrawals {})? {
            page.result(&one, |w| {
                let erased = if w.erased_ms.is_some() { "erased" } else { "kept" };
                format!("{}  {}  {erased}  {}", w.subject, w.by, visible(&w.reason))
            });
        }
        page.end();
        return Ok(Exit::Done);
    };
    let command = Withdraw { subject: subject.clone(), reason: reason.clone(), erase: args.erase };
    let done = connection.client.act(command)?;
    out.result(&done, withdrawn);
    Ok(Exit::Done)
}

fn line(s: &SnapshotView) -> String {
    format!(
        "{:<20} {}  {}, {}, {}",
        s.name,
        &s.id[..s.id.len().min(12)],
        format_args!("{} series", s.series),
        plural(s.subjects, "subject"),
        plural(s.labels, "label")
    )
}

fn told(s: &SnapshotView) -> String {
    let mut text = format!(
        "{}\n  id         {}\n  root       {}\n  holds      {} series, {}, {}, {}, {}\n",
        s.name,
        s.id,
        s.root,
        s.series,
        plural(s.subjects, "subject"),
        plural(s.instances, "instance"),
        plural(s.labels, "label"),
        bytes(s.bytes)
    );
    for (split, count) in &s.splits {
        text += &format!("  {split:<10} {} series, {}\n", count.series, plural(count.subjects, "subject"));
    }
    if let Some(query) = &s.query {
        text += &format!("  query      {}\n", visible(query));
    }
    if !s.note.is_empty() {
        text += &format!("  note       {}\n", visible(&s.note));
    }
    text += &format!(
        "  made       by {} with Gantry {}{}\n",
        s.by,
        s.version,
        if s.signed { ", signed" } else { "" }
    );
    for left in s.left_out.iter().take(20) {
        text += &format!("  left out   {}: {}\n", left.series_uid, left.reason);
    }
    if s.left_out.len() > 20 {
        text += &format!("  left out   {} more; --json lists them\n", s.left_out.len() - 20);
    }
    text
}

fn previewed(p: &SnapshotPreview) -> String {
    let mut text = format!(
        "would hold   {} series, {}, {}, {}, {}\n",
        p.series,
        plural(p.subjects, "subject"),
        plural(p.instances, "instance"),
        plural(p.labels, "label"),
        bytes(p.bytes)
    );
    for (split, count) in &p.splits {
        text += &format!("  {split:<10} {} series, {}\n", count.series, plural(count.subjects, "subject"));
    }
    for group in &p.left_out {
        text += &format!("left out     {} series: {}\n", group.series, visible(&group.reason));
    }
    if let Some(same) = &p.same_as {
        text += &format!("nothing has changed: {same} holds just this\n");
    }
    text + &format!("id           {}", p.id)
}

fn proof(p: &SnapshotProof) -> String {
    let mut text = format!(
        "{} is series {} of {} in {}\n  root       {}\n  leaf       {}\n",
        p.series_uid,
        p.index + 1,
        p.series,
        p.snapshot,
        p.root,
        p.leaf
    );
    p.path.iter().for_each(|hash| text += &format!("  path       {hash}\n"));
    text
}

fn member_line(m: &MemberView) -> String {
    format!("{}  {}  {}  {}", m.series_uid, m.subject, visible(&m.site), m.split.as_deref().unwrap_or("-"))
}

fn differing(diff: &Diff) -> String {
    let part = |name: &str, entries: &[DiffEntry]| -> String {
        entries.iter().map(|e| format!("{name} {}: {}\n", e.series_uid, visible(&e.why))).collect()
    };
    let text = part("added", &diff.added)
        + &part("removed", &diff.removed)
        + &part("relabelled", &diff.relabelled)
        + &part("changed", &diff.attributes_changed);
    if text.is_empty() { "they hold the same".into() } else { text }
}

fn verdict(v: &SnapshotVerified) -> String {
    let mut text = String::new();
    for (word, damages) in [("damaged", &v.damaged), ("missing", &v.missing)] {
        for damage in damages {
            let of = damage.series_uid.as_deref().unwrap_or(&v.name);
            text += &format!("{word} {of}: {}\n", visible(&damage.what));
        }
    }
    for series in &v.replaced {
        text += &format!("replaced {series}: its images were cleaned again since; make a new snapshot\n");
    }
    let erased = if v.erased > 0 { format!("; {} series erased", v.erased) } else { String::new() };
    let whole = if v.ok { "whole" } else { "NOT WHOLE" };
    text + &format!("{}: {whole}, {} objects ({}) read{erased}", v.name, v.checked, bytes(v.bytes))
}

fn withdrawn(w: &Withdrawn) -> String {
    let mut text =
        format!("{} has withdrawn: {} series, {} ended\n", w.subject, w.series, plural(w.cancelled, "task"));
    if w.erased > 0 {
        text +=
            &format!("{} erased; backups made before still hold them\n", plural(w.erased, "stored object"));
    }
    if !w.snapshots.is_empty() {
        text += &format!(
            "held by snapshots {}; they are exported without it from now on\n",
            w.snapshots.join(", ")
        );
    }
    for export in &w.exports {
        text += &format!("went to {} ({}) by {}\n", visible(&export.to), export.formats, export.by);
    }
    text
}
