//! `gantry remote`: DICOM applications elsewhere.

use clap::{Args, Subcommand};

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::query::{EchoRemote, EchoView, RemoteView, Remotes};
use crate::model::text::visible;

/// Arguments of `gantry remote`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry remote list\n  gantry remote echo archive\n\nApplications stand in gantry.toml as [[remote]] with name, ae_title, address and site; `gantry config edit` opens it.\n\nExit codes: 0 done; 3 workspace; 4 no such remote; 5 not permitted; 6 it is not there, or does not answer"
)]
pub struct RemoteArgs {
    #[command(subcommand)]
    act: RemoteAct,
}

#[derive(Debug, Subcommand)]
enum RemoteAct {
    /// The applications of the configuration
    List,
    /// Asks one whether it is there, by C-ECHO
    #[command(
        after_help = "Examples:\n  gantry remote echo archive\n\nExit codes: 0 it answers; 3 workspace; 4 no such remote; 5 not permitted; 6 it is not there, or does not answer"
    )]
    Echo {
        /// The name of the application
        name: String,
    },
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
    }
}

fn line(remote: &RemoteView) -> String {
    format!(
        "{}  {} at {}  site {}",
        visible(&remote.remote),
        visible(&remote.ae_title),
        visible(&remote.address),
        visible(&remote.site)
    )
}

fn said(answer: &EchoView) -> String {
    match &answer.reason {
        None => format!("{} answers, in {} ms", visible(&answer.remote), answer.ms),
        Some(why) => format!("{} does not answer: {}", visible(&answer.remote), visible(why)),
    }
}
