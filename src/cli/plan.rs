//! `gantry plan`: what is read, by whom, and what must agree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::config::read_plan;
use crate::engine::command::{ApplyPlan, PlanApplied};
use crate::engine::query::{PlanState, PlanView};
use crate::model::words::io_words;

const HELP: &str = "\
A plan is a TOML file; documents of its guidelines lie beside it and are kept with it.

  name = \"lung nodules\"
  query = \"modality:CT region:chest slice<=2.5\"   # which cases
  reads = 2                     # independent first reads, by different readers
  blinded = true                # nobody sees another's read before their own is in
  adjudicate = { level = 3 }    # where they do not agree
  deadline = { read = \"3d\" }
  [[guideline]]
  version = \"1.0\"
  from = \"2026-01-01\"
  document = \"guideline-1.pdf\"
  [[structure]]
  name = \"nodule\"
  code = \"SCT:27925004\"
  kind = \"mask\"
  instances = true
  agree = { dice = 0.7, f1 = 0.8 }

docs/WORKFLOW.md has every key. Applying a plan again changes nothing where its content is the same; --dry-run says first what
it would change.

Examples:
  gantry plan check plan.toml
  gantry plan apply plan.toml --dry-run
  gantry plan apply plan.toml
  gantry plan show

Exit codes: 0 done; 2 wrong usage; 3 workspace; 4 the plan cannot be used, or a document is missing; 5 not permitted";

/// Arguments of `gantry plan`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct PlanArgs {
    #[command(subcommand)]
    what: PlanCommand,
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    /// Say everything that is wrong with a plan, and what applying it would change
    Check {
        /// The plan
        file: PathBuf,
    },
    /// Put a plan in force
    Apply {
        /// The plan
        file: PathBuf,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// The plan in force
    Show,
}

/// A plan, at most.
const MOST_BYTES: u64 = 1 << 20;
/// A document, at most.
const MOST_DOCUMENT: u64 = 32 << 20;

/// Runs the command.
///
/// # Errors
/// The plan cannot be used.
pub fn run(args: &PlanArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    match &args.what {
        PlanCommand::Check { file } => apply(file, true, global, out),
        PlanCommand::Apply { file, dry_run } => apply(file, *dry_run, global, out),
        PlanCommand::Show => {
            let plan = connect(global)?.client.ask(PlanState {})?;
            let plan = plan.ok_or_else(|| {
                Failure::new(Exit::Input, "not_found", "there is no plan")
                    .hint("`gantry plan apply FILE` puts one in force")
            })?;
            out.result(&plan, shown);
            Ok(Exit::Done)
        }
    }
}

fn apply(file: &Path, dry_run: bool, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let bytes = read(file, MOST_BYTES)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::input(format!("{}: this is no text in UTF-8", file.display())))?;
    let plan = read_plan(&text, file).map_err(|mistakes| {
        let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Failure::new(Exit::Input, "plan", all.join("\n")).hint("nothing was changed")
    })?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let mut documents = BTreeMap::new();
    for name in plan.guidelines.iter().filter_map(|g| g.document.as_ref()) {
        documents.insert(name.clone(), hex::encode(read(&folder.join(name), MOST_DOCUMENT)?));
    }
    let applied = connect(global)?.client.act(ApplyPlan { text, documents, dry_run })?;
    out.result(&applied, told);
    Ok(Exit::Done)
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |e: std::io::Error| Failure::input(format!("{}: {}", path.display(), io_words(e.kind())));
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > most {
        return Err(Failure::input(format!("{}: larger than {} MiB", path.display(), most >> 20)));
    }
    fs::read(path).map_err(unreadable)
}

fn told(a: &PlanApplied) -> String {
    let t = a.tasks;
    let mut text = format!(
        "{}, version {}: {} cases; tasks: {} new, {} unchanged, {} reopened, {} cancelled\n",
        a.name, a.version, a.cases, t.new, t.unchanged, t.reopened, t.cancelled
    );
    a.warnings.iter().for_each(|w| text += &format!("warning: {w}\n"));
    if a.dry_run {
        text += "nothing was changed: this is what would happen\n";
    }
    text
}

fn shown(p: &PlanView) -> String {
    let cases: Vec<String> =
        p.cases.iter().map(|(state, n)| format!("{n} {}", state.replace('_', " "))).collect();
    format!(
        "# {}, version {}, applied {} by {}\n# guideline in force: {}\n# cases: {}\n{}",
        p.plan.name,
        p.version,
        super::stats::moment(p.applied_ms),
        p.applied_by,
        p.guideline_in_force.as_deref().unwrap_or("none"),
        if cases.is_empty() { "none".into() } else { cases.join(", ") },
        p.text
    )
}
