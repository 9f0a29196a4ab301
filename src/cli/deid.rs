//! `gantry deid`: a tree of files without what identifies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::reprocess::ReprocessArgs;
use super::{Exit, Failure, Global, Output};
use crate::bytes::SpillConfig;
use crate::deid::{Action, Deidentifier, Profile, ProfileError, ProfileOption, Secret};
use crate::dicom::{self, Contents};
use crate::engine::tools::deid::{self, DeidError, Options, Summary};
use crate::model::words::io_words;
use crate::model::{Tag, Vetting};
use crate::source::open_file;

const HELP: &str = "\
The default profile is the basic profile of PS3.15 annex E with clean descriptors, structured content and graphics,
and modified dates. Another is a table [profile.NAME] of the file that --config names:
  [profile.trial]
  extends = \"default\"
  add_options = [\"retain_patient_characteristics\"]
  attributes = { PatientComments = \"remove\", \"(0008,1010)\" = \"dummy\" }
  allow_words = [\"zorblax\"]
  keep_weekday = true
  date_shift = { days = [-365, 365] }   (else 1 to 3650 days into the past; all of a subject alike, never 0)
  shift_times = true       (times of day move with their dates, over midnight too)
  patient_characteristics = [\"PatientSex\", \"PatientAge\"]   (what alone retain_patient_characteristics keeps)
  search_pixels = true     (false: pixels that usually carry burned-in text go to quarantine)
  review_masks = \"never\"   (doubtful: where something may be writing; always: every mask waits for a person)
  maker_masks = true       (rules that come along: where scanners are known to write names)
  ocr = false              (true: Tesseract reads the pixels, too)
  blur_faces = false       (true: in thin slices of heads)
  keep_pet_weight = true
  [[profile.trial.mask]]   (a rule of your own; of name, modality, manufacturer, model, rows, columns, image_type,
  name = \"room 3\"          series_description, burned_in as many as it needs)
  manufacturer = \"Acme\"
  rows = 768
  areas = [[0, 0, 1024, 60]]     (left, top, width, height; or outside_regions = true)

Examples:
  gantry deid IN OUT --secret-file secret --map map.jsonl
  gantry deid IN OUT --option retain_patient_characteristics --json
  gantry deid --explain image.dcm
  gantry deid --lint --profile trial --config deid.toml
  gantry deid IN --dry-run --report report.txt
  gantry deid IN --profile trial --diff default --config deid.toml

Exit codes: 0 done; 1 something was quarantined or rejected (with --lint: the profile is weakened; with --diff or
--against: the profiles differ on this data); 2 wrong usage;
3 profile or secret; 4 the input is unreadable; 6 the output cannot be written";

/// De-identify a tree of DICOM files
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(disable_help_subcommand = true)]
pub struct DeidArgs {
    #[command(subcommand)]
    what: Option<DeidCommand>,
    /// The folder (or file) to read; never changed
    #[arg(value_name = "IN", required_unless_present_any = ["explain", "lint"])]
    input: Option<PathBuf>,
    /// The folder to write: instances/… and ledger.jsonl
    #[arg(value_name = "OUT", required_unless_present_any = ["explain", "lint", "dry_run", "diff"])]
    output: Option<PathBuf>,
    /// The profile: default, basic, or one of the file that --config names
    #[arg(long, value_name = "NAME", default_value = "default")]
    profile: String,
    /// One more option of PS3.15 annex E, such as retain_patient_characteristics (repeat for more)
    #[arg(long, value_name = "NAME", value_parser = option)]
    option: Vec<ProfileOption>,
    /// The secret that makes pseudonyms the same again: 64 hexadecimal digits, 44 characters of base64 or 32 bytes, mode 0600
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Write the private crosswalk (what came from where), mode 0600, outside OUT
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    map: Option<PathBuf>,
    /// The site that the files come from: part of who a Patient ID belongs to
    #[arg(long, value_name = "SITE", default_value = "")]
    site: String,
    /// Vouch that no pixels carry burned-in text
    #[arg(long)]
    trust_pixels: bool,
    /// Do everything but write
    #[arg(long)]
    dry_run: bool,
    /// Write a report of the run (what was done to which attribute in how many instances; nothing that identifies):
    /// JSON where FILE ends in .json, else text. Outside OUT
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// De-identify IN by this profile as well, write nothing, and say which attributes fare differently
    #[arg(long, value_name = "NAME", conflicts_with_all = ["output", "map", "explain", "lint", "report"])]
    diff: Option<String>,
    /// Say what would happen to each attribute of one file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "lint"])]
    explain: Option<PathBuf>,
    /// With --explain: compare with this profile
    #[arg(long, value_name = "NAME", requires = "explain")]
    against: Option<String>,
    /// With --explain: show values before and after too (the first may identify)
    #[arg(long, requires = "explain")]
    show_values: bool,
    /// Say where the profile is weaker than the basic profile
    #[arg(long, conflicts_with = "input")]
    lint: bool,
}

#[derive(Debug, clap::Subcommand)]
enum DeidCommand {
    /// Bring what a workspace holds under the profile in force there
    Reprocess(ReprocessArgs),
}

fn option(name: &str) -> Result<ProfileOption, String> {
    ProfileOption::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = ProfileOption::ALL.iter().map(|o| o.name()).collect();
        format!("options are {}", names.join(", "))
    })
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], with the exit status that the contract gives.
pub fn run(args: &DeidArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    if let Some(DeidCommand::Reprocess(args)) = &args.what {
        return super::reprocess::run(args, global, out);
    }
    let profile = args
        .option
        .iter()
        .fold(load_profile(&args.profile, global.config.as_deref())?, |p, o| p.with_option(*o));
    if args.lint {
        return Ok(lint(&profile, out));
    }
    let secret = secret(args, out)?;
    if let Some(path) = &args.explain {
        return explain(args, path, profile, &secret, global, out);
    }
    let (Some(input), output) = (&args.input, args.output.as_deref().filter(|_| !args.dry_run)) else {
        return Err(Failure::usage("IN is missing"));
    };
    let deidentifier = Deidentifier::new(profile, &secret).map_err(|e| profile_failure(&e))?;
    let options = Options {
        input,
        output,
        map: args.map.as_deref(),
        vetting: if args.trust_pixels { &Vetting::Trusted } else { &Vetting::None },
        site: &args.site,
    };
    if let Some(other) = &args.diff {
        let other = load_profile(other, global.config.as_deref())?;
        let other = Deidentifier::new(other, &secret).map_err(|e| profile_failure(&e))?;
        return differences(&deidentifier, &other, &options, out);
    }
    if let (Some(report), Some(output)) = (&args.report, output)
        && std::path::absolute(report)
            .ok()
            .zip(std::path::absolute(output).ok())
            .is_some_and(|(r, o)| r.starts_with(o))
    {
        return Err(Failure::usage(
            "the report must lie outside OUT, which holds instances and ledger alone",
        ));
    }
    let shows = out.shows_progress();
    let summary = deid::run(&deidentifier, &options, |done| {
        if shows {
            eprint!("\r{done} files");
        }
    })
    .map_err(|e| failure(&e))?;
    if shows {
        eprintln!();
    }
    if summary.unreadable_folders > 0 {
        out.note(&format!("{} folders could not be read", summary.unreadable_folders));
    }
    if let Some(path) = &args.report {
        write_report(path, &summary)?;
    }
    out.result(&summary, summary_text);
    Ok(if summary.quarantined + summary.rejected > 0 { Exit::Findings } else { Exit::Done })
}

fn summary_text(summary: &Summary) -> String {
    let mut text = format!(
        "{} files: {} written, {} quarantined, {} rejected, in {:.1} s\n",
        summary.instances,
        summary.written,
        summary.quarantined,
        summary.rejected,
        summary.elapsed_ms as f64 / 1000.0
    );
    for (reason, count) in &summary.reasons {
        let _ = writeln!(text, "  {count:>8} {reason}");
    }
    for (why, count) in &summary.mask_reasons {
        let _ = writeln!(text, "  {count:>8} areas masked: {why}");
    }
    let actions: Vec<String> =
        summary.actions.iter().map(|(a, n)| format!("{n} {}", name_of(*a).replace('_', " "))).collect();
    if !actions.is_empty() {
        let _ = writeln!(text, "attributes: {}", actions.join(", "));
    }
    text
}

/// The summary with a line per attribute and action.
fn write_report(path: &Path, summary: &Summary) -> Result<(), Failure> {
    let lines = summary.attribute_lines();
    let is_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let report = if is_json {
        crate::model::text::json(&json!({"summary": summary, "attributes": lines})) + "\n"
    } else {
        let options =
            if summary.options.is_empty() { "no option".into() } else { summary.options.join(", ") };
        let head = format!(
            "De-identification by Gantry {}, profile {} ({options})\n",
            summary.version, summary.profile
        );
        lines.iter().fold(head + &summary_text(summary) + "\n", |mut text, l| {
            let keyword = l.keyword.unwrap_or("(private or unknown)");
            let _ = writeln!(text, "{} {keyword:44} {:14} {:>8}", l.tag, name_of(l.action), l.instances);
            text
        })
    };
    std::fs::write(path, report).map_err(|e| {
        Failure::new(Exit::Storage, "report", format!("the report cannot be written: {}", io_words(e.kind())))
    })
}

fn differences(
    ours: &Deidentifier,
    theirs: &Deidentifier,
    options: &Options<'_>,
    out: &Output,
) -> Result<Exit, Failure> {
    let comparison = deid::compare(ours, theirs, options).map_err(|e| failure(&e))?;
    let [ours, theirs] = [ours, theirs].map(|d| d.profile().name.as_str());
    let names = |actions: &BTreeSet<Action>| {
        let names: Vec<String> = actions.iter().map(|a| name_of(*a)).collect();
        if names.is_empty() { "-".to_string() } else { names.join("+") }
    };
    out.result(&json!({"profile": ours, "against": theirs, "comparison": comparison}), |_| {
        let head = format!(
            "{} files; {} written by one profile alone; attributes that fare differently: {}\n",
            comparison.instances,
            comparison.other_end,
            comparison.differences.len()
        );
        comparison.differences.iter().fold(head, |mut text, d| {
            let keyword = d.keyword.unwrap_or("(private or unknown)");
            let (a, b) = (names(&d.profile), names(&d.against));
            let _ =
                writeln!(text, "{} {keyword:40} {ours}: {a:20} {theirs}: {b:20} {:>8}", d.tag, d.instances);
            text
        })
    });
    let same = comparison.differences.is_empty() && comparison.other_end == 0;
    Ok(if same { Exit::Done } else { Exit::Findings })
}

fn load_profile(name: &str, config: Option<&Path>) -> Result<Profile, Failure> {
    match config {
        None => Profile::built_in(name),
        Some(path) => {
            let document = std::fs::read_to_string(path).map_err(|e| {
                Failure::new(
                    Exit::Workspace,
                    "config",
                    format!("the configuration cannot be read: {}", io_words(e.kind())),
                )
            })?;
            Profile::from_toml(&document, name).and_then(|profile| profile.with_workspace(&document))
        }
    }
    .map_err(|e| profile_failure(&e))
}

fn profile_failure(error: &ProfileError) -> Failure {
    Failure::new(Exit::Workspace, "profile", error.to_string().trim_end().replace('\n', " "))
        .hint("gantry deid --help shows how a profile is written")
}

fn secret(args: &DeidArgs, out: &Output) -> Result<Secret, Failure> {
    match &args.secret_file {
        Some(path) => Secret::load(path),
        None => {
            if args.explain.is_none() {
                out.note("a fresh secret is used: another run will give other pseudonyms (--secret-file keeps them)");
            }
            Secret::fresh()
        }
    }
    .map_err(|e| Failure::new(Exit::Workspace, "secret", e.to_string()))
}

fn failure(error: &DeidError) -> Failure {
    match error {
        DeidError::Input(_) => Failure::input(error.to_string()),
        DeidError::Usage(_) => Failure::usage(error.to_string()),
        DeidError::Output(_) | DeidError::Known => Failure::new(Exit::Storage, "output", error.to_string()),
    }
}

fn lint(profile: &Profile, out: &Output) -> Exit {
    let lints = profile.lint();
    let weakened = lints.iter().any(|l| l.code != "unneeded");
    out.result(&json!({"profile": profile, "lints": lints}), |_| {
        if lints.is_empty() {
            return format!("profile {}: as strict as the basic profile asks", profile.name);
        }
        lints.iter().fold(String::new(), |text, l| text + &format!("{}: {}\n", l.code, l.message))
    });
    if weakened { Exit::Findings } else { Exit::Done }
}

fn explain(
    args: &DeidArgs,
    path: &Path,
    profile: Profile,
    secret: &Secret,
    global: &Global,
    out: &Output,
) -> Result<Exit, Failure> {
    let bytes = open_file(path).map_err(|e| Failure::input(format!("the file cannot be read: {e}")))?;
    let contents = Contents::of(bytes, SpillConfig::default());
    let explained = |profile: Profile| -> Result<_, Failure> {
        let deidentifier = Deidentifier::new(profile, secret).map_err(|e| profile_failure(&e))?;
        deidentifier
            .explain(&contents, args.show_values)
            .map_err(|reason| Failure::input(format!("the file is refused: {}", reason.code())))
    };
    let rows = explained(profile)?;
    let Some(other) = &args.against else {
        out.result(&json!({"attributes": rows}), |_| {
            rows.iter().fold(String::new(), |mut text, row| {
                let value = match (row.value.as_deref(), row.result.as_deref()) {
                    (None, None) => String::new(),
                    (Some(before), None) => format!("  {before} → –"),
                    (Some(before), Some(after)) if before.trim_end() == after => format!("  {after}"),
                    (before, Some(after)) => format!("  {} → {after}", before.unwrap_or("–")),
                };
                let _ = writeln!(
                    text,
                    "{:indent$}{} {} {:14} {:34} {}{value}",
                    "",
                    row.tag,
                    row.vr,
                    name_of(row.action),
                    dicom::keyword(row.tag).unwrap_or("(private or unknown)"),
                    row.why,
                    indent = row.depth * 2
                );
                text
            })
        });
        return Ok(Exit::Done);
    };
    let theirs = explained(load_profile(other, global.config.as_deref())?)?;
    Ok(compare(&rows, &theirs, out))
}

fn name_of(action: Action) -> String {
    serde_json::to_value(action).ok().and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
}

fn compare(ours: &[crate::deid::Explained], theirs: &[crate::deid::Explained], out: &Output) -> Exit {
    let by_path = |rows: &[crate::deid::Explained]| -> BTreeMap<(Vec<usize>, Tag), Action> {
        rows.iter().map(|r| ((r.path.clone(), r.tag), r.action)).collect()
    };
    let (ours, theirs) = (by_path(ours), by_path(theirs));
    let mut differences = Vec::new();
    for (place, action) in &ours {
        let other = theirs.get(place).copied();
        if other != Some(*action) {
            differences.push(json!({"tag": place.1, "profile": action, "against": other}));
        }
    }
    let count = differences.len();
    out.result(&json!({"differences": differences}), |_| {
        differences.iter().fold(String::new(), |mut text, d| {
            let _ = writeln!(text, "{} {} | {}", d["tag"], d["profile"], d["against"]);
            text
        })
    });
    if count > 0 { Exit::Findings } else { Exit::Done }
}
