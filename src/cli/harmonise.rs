//! `gantry harmonise`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::ApplyRules;
use crate::engine::query::{Coverage, HarmoniseCoverage, HarmoniseDryRun, HarmoniseOutcome};
use crate::engine::tools::rules;

/// Arguments of `gantry harmonise`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Rules are TOML files that the configuration names ([harmonise] rules = [\"rules.toml\"]):

  version = \"2026-11\"
  [[rule]]
  name = \"site B writes the venous phase into the protocol\"
  site = \"B\"                                        # without: every site
  match = { modality = \"CT\", protocol = \"*ven*|*70s*\", thickness_mm = \"<=3\" }
  set = { phase = \"portal\" }

Examples:
  gantry harmonise check rules.toml
  gantry harmonise coverage 'site:B modality:CT'
  gantry harmonise dry-run
  gantry harmonise apply
  gantry harmonise vocabulary

Exit codes: 0 done; 1 `coverage --strict`: something is unmapped; 2 wrong usage; 3 workspace or rules; 4 a file cannot be read"
)]
pub struct HarmoniseArgs {
    #[command(subcommand)]
    what: HarmoniseCommand,
}

#[derive(Debug, Subcommand)]
enum HarmoniseCommand {
    /// Read rules and say what is wrong with them
    Check {
        /// Files of rules
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Which values are mapped, which are not, and how often they occur
    Coverage {
        /// Only series that match, in the query language of search
        query: Vec<String>,
        /// Exit with 1 where anything that the headers say is unmapped
        #[arg(long)]
        strict: bool,
    },
    /// What the rules on disk would change; nothing is written
    DryRun {
        /// Series named at most
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Put the rules on disk in force and derive every series again, from the catalog alone
    Apply,
    /// The harmonised attributes with their vocabularies
    Vocabulary,
}

/// Runs the command.
///
/// # Errors
/// No workspace, or rules that cannot be used.
pub fn run(args: &HarmoniseArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    match &args.what {
        HarmoniseCommand::Check { files } => {
            let checked = rules::check(files).map_err(|e| match e {
                rules::CheckError::Unreadable(_) => Failure::input(e.to_string()),
                rules::CheckError::Rules(_) => Failure::new(Exit::Workspace, "rules", e.to_string()),
            })?;
            out.result(&checked, |c| format!("{} rules, {}", c.rules, c.identity));
            Ok(Exit::Done)
        }
        HarmoniseCommand::Vocabulary => {
            for target in rules::vocabulary() {
                out.result(&target, |t| {
                    let values = if t.number { "a number".into() } else { t.values.join(", ") };
                    format!("{:<14} {}", t.name, if values.is_empty() { "any text".into() } else { values })
                });
            }
            Ok(Exit::Done)
        }
        HarmoniseCommand::Coverage { query, strict } => {
            let connection = connect(global)?;
            let found = connection.client.ask(HarmoniseCoverage { filter: query.join(" ") })?;
            found.iter().for_each(|c| out.result(c, coverage_text));
            let unmapped = found.iter().flat_map(|c| &c.unmapped).any(|u| !u.attributes.is_empty());
            Ok(if *strict && unmapped { Exit::Findings } else { Exit::Done })
        }
        HarmoniseCommand::DryRun { limit } => {
            let connection = connect(global)?;
            let outcome = connection.client.ask(HarmoniseDryRun { limit: *limit })?;
            out.result(&outcome, |o| outcome_text(o, "would change"));
            Ok(Exit::Done)
        }
        HarmoniseCommand::Apply => {
            let connection = connect(global)?;
            let outcome = connection.client.act(ApplyRules {})?;
            out.result(&outcome, |o| outcome_text(o, "changed"));
            Ok(Exit::Done)
        }
    }
}

fn coverage_text(c: &Coverage) -> String {
    let mut text = format!("{:<14} {} of {} series", c.name, c.mapped, c.series);
    for (value, n) in c.values.iter().take(10) {
        text += &format!("\n  {n:>9}  {value}");
    }
    for unmapped in &c.unmapped {
        let said: Vec<String> = unmapped.attributes.iter().map(|(k, v)| format!("{k} {v:?}")).collect();
        let said = if said.is_empty() { "the headers say nothing".into() } else { said.join(", ") };
        text += &format!("\n  {:>9}  unmapped: {said}", unmapped.series);
    }
    text
}

fn outcome_text(o: &HarmoniseOutcome, verb: &str) -> String {
    let mut text = format!("{}: {} of {} series {verb}", o.rules, o.changed, o.series);
    let shown = |v: &Option<String>| v.clone().unwrap_or_else(|| "–".into());
    for c in &o.changes {
        text += &format!("\n  {:>9}  {}: {} → {}", c.series, c.name, shown(&c.before), shown(&c.after));
    }
    for example in &o.examples {
        text += &format!("\n  {}", example.series_uid);
        for (name, before, after, from) in &example.changes {
            text += &format!("\n    {name}: {} → {} ({from})", shown(before), shown(after));
        }
    }
    if o.confirmed > 0 {
        text += &format!("\n  {} series keep their values under the new rules", o.confirmed);
    }
    text
}

impl serde::Serialize for rules::Checked {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({ "rules": self.rules, "identity": self.identity }).serialize(serializer)
    }
}
