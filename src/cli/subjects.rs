//! `gantry subjects`: who is whom.

use clap::{Args, Subcommand};

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{JoinSubjects, KeepSubject, PartSubject, SubjectDecided};
use crate::engine::query::{SubjectView, Subjects};

/// Arguments of `gantry subjects`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry subjects list --doubtful\n  gantry subjects join S-7K2M9Q S-3F1A0B --reason \"two numbers of one person, says the site\"\n  gantry subjects part 2.25.1234 --reason \"the number was given twice\"\n  gantry subjects keep S-7K2M9Q --reason \"a typing error in the birth date\"\n\nA Patient ID that stands for two people is a finding (identity_conflict), and so is a person with two of them (subject_split). What is decided here counts for searches, splits and exports from then on and stands in the trail; stored bytes keep their pseudonym.\n\nExit codes: 0 done; 1 list --doubtful found some; 2 usage; 3 workspace; 4 no such subject or study"
)]
pub struct SubjectsArgs {
    #[command(subcommand)]
    what: SubjectsCommand,
}

#[derive(Debug, Subcommand)]
enum SubjectsCommand {
    /// Every subject with its studies
    List {
        /// Only those of whom headers disagree, or who have the name and birth date of another
        #[arg(long)]
        doubtful: bool,
    },
    /// Several subjects are one person: their studies become the first one's
    Join {
        /// The pseudonym that stays
        subject: String,
        /// Those that go
        #[arg(required = true)]
        others: Vec<String>,
        /// Why; it stands in the trail
        #[arg(long)]
        reason: String,
    },
    /// Studies are of another person than the rest of their subject: they get a pseudonym of their own
    Part {
        /// The studies, by their UIDs as `list` shows them
        #[arg(required = true)]
        studies: Vec<String>,
        /// Why; it stands in the trail
        #[arg(long)]
        reason: String,
    },
    /// The subject is one person, and nobody else, whatever headers say
    Keep {
        /// The pseudonym
        subject: String,
        /// Why; it stands in the trail
        #[arg(long)]
        reason: String,
    },
}

/// Lists, joins, parts or keeps subjects.
///
/// # Errors
/// No such subject or study, or the storage refuses.
pub fn run(args: &SubjectsArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &connection.client;
    let decided = match &args.what {
        SubjectsCommand::List { doubtful } => {
            let mut subjects = client.ask(Subjects {})?;
            subjects.retain(|s| !doubtful || s.has_conflict || s.has_namesake);
            let mut page = out.page();
            subjects.iter().for_each(|subject| page.result(subject, line));
            page.end();
            return Ok(if *doubtful && !subjects.is_empty() { Exit::Findings } else { Exit::Done });
        }
        SubjectsCommand::Join { subject, others, reason } => client.act(JoinSubjects {
            subject: subject.clone(),
            others: others.clone(),
            reason: reason.clone(),
        })?,
        SubjectsCommand::Part { studies, reason } => {
            client.act(PartSubject { studies: studies.clone(), reason: reason.clone() })?
        }
        SubjectsCommand::Keep { subject, reason } => {
            client.act(KeepSubject { subject: subject.clone(), reason: reason.clone() })?
        }
    };
    out.result(&decided, |d: &SubjectDecided| format!("{} has {} studies now", d.subject, d.studies));
    Ok(Exit::Done)
}

fn line(s: &SubjectView) -> String {
    let doubt = match (s.has_conflict, s.has_namesake) {
        (true, _) => "  several people?",
        (false, true) => "  the same as another?",
        (false, false) => "",
    };
    let studies: String = s.study_uids.iter().map(|uid| format!("\n    {uid}")).collect();
    format!("{}  {}  {} studies, {} series{doubt}{studies}", s.subject, s.site, s.study_uids.len(), s.series)
}
