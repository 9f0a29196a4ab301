//! `gantry task`: the worklist of everybody who reads, and `gantry gold`: cases of known truth.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::Client;
use crate::engine::command::{
    ActOnTask, CheckoutTask, ReopenCase, SetGold, SteerTask, Steering, SubmitTask, Submitted, TakeNext,
    TaskAct, TaskActed,
};
use crate::engine::query::{GoldCases, Page, TaskHistory, TaskHistoryView, TaskLine, Tasks};
use crate::engine::tools::checkout::{self, Format};
use crate::model::words::io_words;
use crate::workflow::Step as CaseStep;

const HELP: &str = "\
A task is one step of one case: series_review (is the series fit?), read, review (a second look), adjudicate (between reads).
Who coordinates acts for a reader by --as READER; a reader's own user needs none of it.

Examples:
  gantry task list --as amira               # what amira may do, the most urgent first
  gantry task next --as amira               # take it
  gantry task checkout 17 --to case-17      # image, guideline, task.json for the reader's own tool
  gantry task submit 17 nodule.nii.gz --value malignancy=4 --none effusion --as amira
  gantry task submit 17 --value malignancy@2=5 nodule.nii.gz   # of the second largest nodule
  gantry task claim 17 --as amira
  gantry task release 17 --as amira
  gantry task accept 23 --as rita
  gantry task return 23 --reason \"margin too wide\" --as rita
  gantry task choose 31 --read 12 --as sue
  gantry task assign 18 --to ben
  gantry task refuse 18 --reason \"not diagnostic\" --as ben
  gantry task hold 18 --reason \"wait for the prior\"
  gantry task resume 18
  gantry task cancel 18 --reason \"not wanted\"
  gantry task reopen 2.25.1234 --reason \"wrong side\"
  gantry task history 17

Exit codes: 0 done; 1 there is no next task; 2 wrong usage; 3 workspace; 4 no such task, another state than the act needs, or
a read that is refused (with every reason); 5 not permitted: level, site, skills, reads a day, one's own case, blinded";

/// Arguments of `gantry task`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct TaskArgs {
    #[command(subcommand)]
    what: TaskCommand,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum StepArg {
    SeriesReview,
    Read,
    Review,
    Adjudicate,
}

impl From<StepArg> for CaseStep {
    fn from(step: StepArg) -> Self {
        match step {
            StepArg::SeriesReview => Self::SeriesReview,
            StepArg::Read => Self::Read,
            StepArg::Review => Self::Review,
            StepArg::Adjudicate => Self::Adjudicate,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArg {
    Open,
    Claimed,
    Held,
    Done,
    Cancelled,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ImageFormat {
    /// The instances as they are stored
    #[default]
    Dicom,
    /// One volume
    Nifti,
}

#[derive(Debug, Subcommand)]
enum TaskCommand {
    /// The worklist, the most urgent first (lines)
    List {
        /// Only this step
        #[arg(long)]
        step: Option<StepArg>,
        /// Only this state; without it what is done or cancelled is left out
        #[arg(long)]
        state: Option<StateArg>,
        /// Only what this reader holds, has done, or what is kept for them
        #[arg(long, value_name = "R")]
        reader: Option<String>,
        /// Only of this case
        #[arg(long, value_name = "UID")]
        case: Option<String>,
        /// Only of series that match
        #[arg(long, value_name = "Q", default_value = "")]
        query: String,
        /// Tasks at most
        #[arg(long, default_value_t = 10_000)]
        limit: u32,
    },
    /// Take the best task that the reader may do
    Next {
        /// Only of this step
        #[arg(long)]
        step: Option<StepArg>,
    },
    /// Take one
    Claim {
        /// The task
        task: i64,
    },
    /// Give it back
    Release {
        /// The task
        task: i64,
    },
    /// Everything that the reader needs in their own tool
    Checkout {
        /// The task
        task: i64,
        /// A folder that is not there yet, or empty
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// How the image is written
        #[arg(long, default_value = "dicom")]
        format: ImageFormat,
    },
    /// Hand a read in: label files, values, what was not found
    Submit {
        /// The task
        task: i64,
        /// Label files: NIfTI, NRRD and MetaImage are one structure each, named by the file; others name theirs
        paths: Vec<PathBuf>,
        /// Looked for, and not found
        #[arg(long, value_name = "STRUCTURE")]
        none: Vec<String>,
        /// What is said: malignancy=4, or malignancy@2=4 of the second instance
        #[arg(long = "value", value_name = "NAME=V", value_parser = value)]
        values: Vec<(String, Option<u32>, String)>,
        /// How long it took
        #[arg(long, value_name = "S")]
        seconds: Option<f64>,
    },
    /// A second look: the read stands
    Accept {
        /// The task
        task: i64,
    },
    /// A second look: the read goes back to its reader
    Return {
        /// The task
        task: i64,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Adjudication: one of the reads stands
    Choose {
        /// The task
        task: i64,
        /// The read
        #[arg(long, value_name = "ID")]
        read: i64,
    },
    /// The case cannot be read: it goes to who coordinates
    Refuse {
        /// The task
        task: i64,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let it wait
    Hold {
        /// The task
        task: i64,
        /// For what
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let it go on
    Resume {
        /// The task
        task: i64,
    },
    /// It is not wanted any more
    Cancel {
        /// The task
        task: i64,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Keep it for a reader
    Assign {
        /// The task
        task: i64,
        /// The reader
        #[arg(long, value_name = "R")]
        to: String,
    },
    /// Have an accepted case read again; what is exported stays until the new read is accepted
    Reopen {
        /// The case, by the UID of its series or study
        case: String,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// A task and the acts on it
    History {
        /// The task
        task: i64,
    },
}

fn value(text: &str) -> Result<(String, Option<u32>, String), String> {
    let (name, value) = text.split_once('=').ok_or("this is NAME=VALUE, or NAME@INSTANCE=VALUE")?;
    let (name, instance) = match name.rsplit_once('@') {
        Some((name, number)) => {
            let number = number.parse().ok().filter(|n| *n > 0);
            (name, Some(number.ok_or("an instance is a number from 1: malignancy@2=4")?))
        }
        None => (name, None),
    };
    Ok((name.trim().to_owned(), instance, value.trim().to_owned()))
}

/// Runs the command.
///
/// # Errors
/// As the help says.
pub fn run(args: &TaskArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &*connection.client;
    let act = |task: &i64, act: TaskAct| acted(client, *task, act, out);
    let decide = |task: &i64, act: TaskAct| decided(client, *task, act, out);
    match &args.what {
        TaskCommand::List { step, state, reader, case, query, limit } => {
            let page = Page { offset: 0, limit: *limit };
            let state = state.and_then(|s| s.to_possible_value()).map(|v| v.get_name().to_owned());
            let asked = Tasks {
                step: step.map(Into::into),
                state,
                reader: reader.clone(),
                case: case.clone(),
                filter: query.clone(),
                page,
            };
            let found = client.ask(asked)?;
            let mut page = out.page();
            found.rows.iter().for_each(|row| page.result(row, line));
            page.end();
            out.note(&format!("{} of {} tasks", found.rows.len(), found.total));
            Ok(Exit::Done)
        }
        TaskCommand::Next { step } => match client.act(TakeNext { step: step.map(Into::into) })? {
            Some(task) => {
                out.result(&task, line);
                Ok(Exit::Done)
            }
            None => {
                out.result(&json!({ "task": null }), |_| "there is no task for you now".into());
                Ok(Exit::Findings)
            }
        },
        TaskCommand::Claim { task } => act(task, TaskAct::Claim),
        TaskCommand::Release { task } => act(task, TaskAct::Release),
        TaskCommand::Resume { task } => act(task, TaskAct::Resume),
        TaskCommand::Hold { task, reason } => act(task, TaskAct::Hold { reason: reason.clone() }),
        TaskCommand::Refuse { task, reason } => decide(task, TaskAct::Refuse { reason: reason.clone() }),
        TaskCommand::Accept { task } => decide(task, TaskAct::Accept),
        TaskCommand::Return { task, reason } => decide(task, TaskAct::Return { reason: reason.clone() }),
        TaskCommand::Choose { task, read } => decide(task, TaskAct::Choose { read: *read }),
        TaskCommand::Assign { task, to } => {
            let to = Steering::Reader { reader: to.clone() };
            told(&client.act(SteerTask { task: *task, to })?, out)
        }
        TaskCommand::Cancel { task, reason } => {
            let to = Steering::Nobody { reason: reason.clone() };
            told(&client.act(SteerTask { task: *task, to })?, out)
        }
        TaskCommand::Reopen { case, reason } => {
            let done = client.act(ReopenCase { case: case.clone(), reason: reason.clone() })?;
            let answer = json!({ "case": case, "case_state": done.case_state, "next": done.next });
            out.result(&answer, |_| done.next.iter().map(line).collect::<Vec<_>>().join("\n"));
            Ok(Exit::Done)
        }
        TaskCommand::Checkout { task, to, format } => checked_out(client, *task, to, *format, out),
        TaskCommand::Submit { task, paths, none, values, seconds } => {
            let absolute = |path: &PathBuf| {
                let found = path.canonicalize();
                found
                    .map(|p| p.to_string_lossy().into_owned())
                    .map_err(|e| Failure::input(format!("{}: {}", path.display(), io_words(e.kind()))))
            };
            let command = SubmitTask {
                task: *task,
                paths: paths.iter().map(absolute).collect::<Result<_, _>>()?,
                none: none.clone(),
                values: values.clone(),
                seconds: *seconds,
            };
            let done = client.act(command)?;
            out.result(&done, submitted);
            Ok(Exit::Done)
        }
        TaskCommand::History { task } => {
            let found = client.ask(TaskHistory { task: *task })?;
            out.result(&found, history);
            Ok(Exit::Done)
        }
    }
}

fn acted(client: &dyn Client, task: i64, act: TaskAct, out: &Output) -> Result<Exit, Failure> {
    told(&client.act(ActOnTask { task, act })?, out)
}

fn told(done: &TaskActed, out: &Output) -> Result<Exit, Failure> {
    out.result(&done.line, line);
    Ok(Exit::Done)
}

fn decided(client: &dyn Client, task: i64, act: TaskAct, out: &Output) -> Result<Exit, Failure> {
    let done = client.act(ActOnTask { task, act })?;
    let answer = json!({
        "task": done.line.task, "state": done.line.state, "case_state": done.case_state, "next": done.next,
    });
    out.result(&answer, |_| {
        let mut lines = vec![line(&done.line)];
        lines.extend(done.next.iter().map(|next| format!("then {}", line(next))));
        lines.join("\n")
    });
    Ok(Exit::Done)
}

fn checked_out(
    client: &dyn Client,
    task: i64,
    to: &std::path::Path,
    format: ImageFormat,
    out: &Output,
) -> Result<Exit, Failure> {
    checkout::is_free(to).map_err(Failure::input)?;
    let found = client.act(CheckoutTask { task })?;
    let format = match format {
        ImageFormat::Dicom => Format::Dicom,
        ImageFormat::Nifti => Format::Nifti,
    };
    let files = checkout::write(client, &found, to, format)?;
    out.result(&json!({ "task": task, "files": files }), |_| {
        files.iter().map(|f| format!("wrote {f}")).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Done)
}

fn line(t: &TaskLine) -> String {
    let due = t.due_ms.map(|ms| format!("  due {}", super::stats::moment(ms))).unwrap_or_default();
    format!(
        "{:>6}  {:<13} {:<9} {:<12} level {}  {}  {}{due}",
        t.task,
        t.step.replace('_', " "),
        t.state,
        t.reader.as_deref().unwrap_or("-"),
        t.level,
        t.series_uid,
        t.why.join("; ")
    )
}

fn submitted(s: &Submitted) -> String {
    let mut text = format!("task {} is done: read {}\n", s.task, s.read);
    s.findings.iter().for_each(|f| text += &format!("  {}: {}\n", f.severity, f.message));
    text += &format!("the case is {}\n", s.case_state.as_str().replace('_', " "));
    s.next.iter().for_each(|next| text += &format!("then {}\n", line(next)));
    text
}

fn history(h: &TaskHistoryView) -> String {
    let mut text = line(&h.line) + "\n";
    for act in &h.history {
        let reason = act.detail["reason"].as_str().map(|r| format!("  {r}")).unwrap_or_default();
        text += &format!("  {}  {:<24} {}{reason}\n", super::stats::moment(act.at_ms), act.actor, act.action);
    }
    text
}

const GOLD: &str = "\
A case of known truth is slipped in among a reader's tasks, in the share that the plan says (gold = { share = 0.05 }), and
looks like any other. What is said of it changes nothing of the case.

Examples:
  gantry gold set 2.25.1234 --read 17
  gantry gold list

Exit codes: 0 done; 2 wrong usage; 3 workspace; 4 no such case, or another case's read; 5 not permitted";

/// Arguments of `gantry gold`.
#[derive(Debug, Args)]
#[command(after_help = GOLD)]
pub struct GoldArgs {
    #[command(subcommand)]
    what: GoldCommand,
}

#[derive(Debug, Subcommand)]
enum GoldCommand {
    /// A read of a case is true
    Set {
        /// The case, by the UID of its series or study
        case: String,
        /// The read
        #[arg(long, value_name = "ID")]
        read: i64,
    },
    /// Cases of known truth (lines)
    List,
}

/// Runs `gantry gold`.
///
/// # Errors
/// No such case.
pub fn gold(args: &GoldArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let client = connect(global)?;
    match &args.what {
        GoldCommand::Set { case, read } => {
            let done = client.client.act(SetGold { case: case.clone(), read: *read })?;
            out.result(&done, |d| format!("read {} of {} is true", d.read, d.case));
        }
        GoldCommand::List => {
            let all = client.client.ask(GoldCases {})?;
            let mut page = out.page();
            all.iter().for_each(|g| page.result(g, |g| format!("{}  read {}", g.case, g.read)));
            page.end();
        }
    }
    Ok(Exit::Done)
}
