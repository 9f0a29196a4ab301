//! `gantry remote`: archives elsewhere.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::{ArchiveLevel, FindRemote};
use crate::engine::query::{EchoRemote, EchoView, RemoteView, Remotes};
use crate::model::text::visible;

/// Arguments of `gantry remote`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry remote list\n  gantry remote echo archive\n  gantry remote find archive PatientID=A*\n\nArchives stand in gantry.toml as [[remote]] with name, site and either ae_title and address, or url; docs/NETWORK.md has examples.\n\nExit codes: 0 done; 3 workspace; 4 no such remote; 5 not permitted; 6 it is not there, or does not answer"
)]
pub struct RemoteArgs {
    #[command(subcommand)]
    act: RemoteAct,
}

#[derive(Debug, Subcommand)]
enum RemoteAct {
    /// The archives of the configuration
    List,
    /// Asks one whether it is there: by C-ECHO, or a search for one study
    #[command(
        after_help = "Examples:\n  gantry remote echo archive\n\nExit codes: 0 it answers; 3 workspace; 4 no such remote; 5 not permitted; 6 it is not there, or does not answer"
    )]
    Echo {
        /// The name of the archive
        name: String,
    },
    /// Asks one what it holds; the answer identifies people, and that it was asked stands in the trail
    #[command(
        after_help = "Examples:\n  gantry remote find archive PatientID=A*\n  gantry remote find cloud StudyInstanceUID=1.2.3 --level series\n\nKeys are keywords of DICOM; * and ? stand for anything, dates may be ranges.\n\nExit codes: 0 done; 1 nothing is found; 2 a key cannot be understood; 3 workspace; 4 no such remote; 5 not permitted; 6 it does not answer"
    )]
    Find {
        /// The name of the archive
        name: String,
        /// What it has to be, KEYWORD=VALUE
        #[arg(required = true, value_name = "KEY=VALUE")]
        keys: Vec<String>,
        /// What is listed
        #[arg(long, value_enum, default_value = "study")]
        level: LevelChoice,
        /// At most so many
        #[arg(long)]
        limit: Option<u64>,
    },
}

/// What is listed of an archive.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LevelChoice {
    Study,
    Series,
    Instance,
}

impl From<LevelChoice> for ArchiveLevel {
    fn from(choice: LevelChoice) -> Self {
        match choice {
            LevelChoice::Study => Self::Study,
            LevelChoice::Series => Self::Series,
            LevelChoice::Instance => Self::Instance,
        }
    }
}

/// Runs `gantry remote`.
///
/// # Errors
/// There is no such application.
pub fn run(args: &RemoteArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    match &args.act {
        RemoteAct::List => {
            let remotes = connection.client.ask(Remotes {})?;
            let mut page = out.page();
            remotes.iter().for_each(|remote| page.result(remote, line));
            page.end();
            Ok(Exit::Done)
        }
        RemoteAct::Echo { name } => {
            let answer = connection.client.ask(EchoRemote { remote: name.clone() })?;
            out.result(&answer, said);
            Ok(if answer.ok { Exit::Done } else { Exit::Storage })
        }
        RemoteAct::Find { name, keys, level, limit } => {
            let command = FindRemote {
                remote: name.clone(),
                keys: keys.clone(),
                level: (*level).into(),
                limit: *limit,
            };
            let found = connection.client.act(command)?;
            let mut page = out.page();
            found.iter().for_each(|one| page.result(one, attributes));
            page.end();
            Ok(if found.is_empty() { Exit::Findings } else { Exit::Done })
        }
    }
}

fn line(remote: &RemoteView) -> String {
    let at = match (&remote.url, &remote.ae_title, &remote.address) {
        (None, Some(title), Some(address)) => format!("{} at {}", visible(title), visible(address)),
        (url, ..) => visible(url.as_deref().unwrap_or_default()),
    };
    format!("{}  {at}  site {}", visible(&remote.remote), visible(&remote.site))
}

/// What is most telling first.
const FIRST: [&str; 8] = [
    "PatientID",
    "PatientName",
    "StudyDate",
    "ModalitiesInStudy",
    "Modality",
    "StudyDescription",
    "SeriesDescription",
    "InstanceNumber",
];

fn attributes(found: &BTreeMap<String, String>) -> String {
    let first = FIRST.iter().filter_map(|name| found.get(*name));
    let rest = found.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
    let rest = rest.map(|(name, value)| format!("{name}={}", visible(value)));
    first.map(|value| visible(value)).chain(rest).collect::<Vec<_>>().join("  ")
}

fn said(answer: &EchoView) -> String {
    match &answer.reason {
        None => format!("{} answers, in {} ms", visible(&answer.remote), answer.ms),
        Some(why) => format!("{} does not answer: {}", visible(&answer.remote), visible(why)),
    }
}
