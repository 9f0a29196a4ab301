//! `gantry queue`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{ClaimNext, ClaimTask, DecideTask, Decision, UnclaimTask, UndoDecision};
use crate::engine::now_ms;
use crate::engine::query::{Page, Queue, QueueTab, TaskRow};

/// Arguments of `gantry queue`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gantry queue list
  gantry queue list --tab mine
  gantry queue claim              # the most urgent one
  gantry queue claim 17 --take    # also where you hold it in another terminal
  gantry queue unclaim 17
  gantry queue accept 17 --comment \"fit for use\"
  gantry queue return 17 --reason \"wrong body part\" --comment \"this is a neck\"
  gantry queue undo 17

A claim belongs to the terminal or the console that made it: another one of the same user does not get the task, and is
told. Reasons for a return are those of review.return_reasons; a comment is free.

Exit codes: 0 done; 1 nothing to claim; 2 no such reason; 3 workspace; 4 no such task, or it is held elsewhere")]
pub struct QueueArgs {
    #[command(subcommand)]
    what: QueueCommand,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// Tasks of a tab, the most urgent first
    List {
        /// Which tasks
        #[arg(long, value_enum, default_value = "open")]
        tab: Tab,
        /// Only series that match, in the query language of search
        #[arg(long, default_value = "")]
        filter: String,
        /// Tasks at most
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// Take a task, or the most urgent one
    Claim {
        /// The task
        task: Option<i64>,
        /// Also where you hold it in another session: it moves here
        #[arg(long, requires = "task")]
        take: bool,
    },
    /// Give a task back undecided
    Unclaim {
        /// The task
        task: i64,
    },
    /// Accept a series
    Accept {
        /// The task
        task: i64,
        /// If wanted
        #[arg(long)]
        comment: Option<String>,
    },
    /// Return a series with a reason
    Return {
        /// The task
        task: i64,
        /// Why: one of review.return_reasons in gantry.toml
        #[arg(long)]
        reason: String,
        /// What else is to be said
        #[arg(long)]
        comment: Option<String>,
    },
    /// Take your own decision back
    Undo {
        /// The task
        task: i64,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tab {
    /// Claimed by you
    Mine,
    /// Not decided, whoever holds them
    Open,
    /// Open, and nobody holds them
    Free,
    /// Open, and somebody holds them
    Claimed,
    /// Open and past due
    Overdue,
    /// Decided
    #[value(alias = "decided")]
    Done,
    /// Every task
    All,
}

/// Works on the queue.
///
/// # Errors
/// No such task, or its state does not allow it.
pub fn queue(args: &QueueArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let client = connect(global)?;
    let client = &client.client;
    let done = |task: i64, what: &str| {
        out.result(&json!({ "task": task, "state": what }), |_| format!("task {task} {what}"));
        Ok(Exit::Done)
    };
    let key = || format!("cli-{}-{}", std::process::id(), now_ms());
    match &args.what {
        QueueCommand::List { tab, filter, limit } => {
            let page = Page { offset: 0, limit: *limit };
            let query = Queue { view: (*tab).into(), filter: filter.clone(), now_ms: now_ms(), page };
            let view = client.ask(query)?;
            out.result(&view, |view| view.rows.iter().map(line).collect());
            Ok(Exit::Done)
        }
        QueueCommand::Claim { task: Some(task), take } => {
            client.act(ClaimTask { task: *task, take: *take })?;
            done(*task, "claimed")
        }
        QueueCommand::Claim { task: None, .. } => {
            let next =
                client.act(ClaimNext { view: QueueTab::Free, filter: String::new(), except: Vec::new() })?;
            match next {
                Some(task) => done(task, "claimed"),
                None => {
                    out.result(&json!({ "task": null }), |_| "nothing to claim".into());
                    Ok(Exit::Findings)
                }
            }
        }
        QueueCommand::Unclaim { task } => {
            client.act(UnclaimTask { task: *task })?;
            done(*task, "open")
        }
        QueueCommand::Accept { task, comment } => {
            let decision = Decision::Accept { comment: comment.clone() };
            client.act(DecideTask { task: *task, decision, key: key() })?;
            done(*task, "accepted")
        }
        QueueCommand::Return { task, reason, comment } => {
            let decision = Decision::Return { reason: reason.clone(), comment: comment.clone() };
            client.act(DecideTask { task: *task, decision, key: key() })?;
            done(*task, "returned")
        }
        QueueCommand::Undo { task } => {
            client.act(UndoDecision { task: *task })?;
            done(*task, "open again")
        }
    }
}

impl From<Tab> for QueueTab {
    fn from(tab: Tab) -> Self {
        match tab {
            Tab::Mine => Self::Mine,
            Tab::Open => Self::Open,
            Tab::Free => Self::Free,
            Tab::Claimed => Self::Claimed,
            Tab::Overdue => Self::Overdue,
            Tab::Done => Self::Done,
            Tab::All => Self::All,
        }
    }
}

fn line(t: &TaskRow) -> String {
    format!(
        "{:>6}  {:<8} {:<10} {}  {:<3} {:>5} frames  {}  {}\n",
        t.id,
        t.state,
        t.assignee.as_deref().unwrap_or("-"),
        t.subject,
        t.modality,
        t.frames,
        t.why,
        t.description.as_deref().unwrap_or("-")
    )
}
