//! `gantry protocol`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::query::LearnProtocol;
use crate::engine::tools::rules;
use crate::format::whole::write_whole;
use crate::model::words::io_words;

/// Arguments of `gantry protocol`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A protocol says how series of a kind are acquired; `[qc] protocols = [\"lung.toml\"]` makes the check
protocol_deviation compare every series with it, and so does `gantry qc --protocol lung.toml PATH`.

Examples:
  gantry protocol learn lung --query 'region:chest modality:CT site:A' --to lung.toml
  gantry protocol check lung.toml

Exit codes: 0 done; 2 wrong usage; 3 workspace, or a protocol that is none; 4 a file cannot be read; 6 cannot be written"
)]
pub struct ProtocolArgs {
    #[command(subcommand)]
    what: ProtocolCommand,
}

#[derive(Debug, Subcommand)]
enum ProtocolCommand {
    /// Learn a protocol from series of the catalog
    Learn {
        /// Its name, which findings give
        name: String,
        /// The series, in the query language of search
        #[arg(long, default_value = "")]
        query: String,
        /// Where it is written; stdout without
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Read protocols and say what is wrong with them
    Check {
        /// Files of protocols
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs the command.
///
/// # Errors
/// No workspace, or a protocol that cannot be used.
pub fn run(args: &ProtocolArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    match &args.what {
        ProtocolCommand::Learn { name, query, to } => {
            let connection = connect(global)?;
            let learn = LearnProtocol { name: name.clone(), filter: query.clone() };
            let learned = connection.client.ask(learn)?;
            match to {
                Some(file) => {
                    write(file, &learned.toml)?;
                    out.result(&json!({ "to": file, "series": learned.series }), |_| {
                        format!("learned from {} series, written to {}", learned.series, file.display())
                    });
                }
                None => out.result(&learned, |l| l.toml.clone()),
            }
            Ok(Exit::Done)
        }
        ProtocolCommand::Check { files } => {
            let protocols = rules::protocols(files).map_err(|e| match e {
                rules::CheckError::Unreadable(_) => Failure::input(e.to_string()),
                rules::CheckError::Rules(_) => Failure::new(Exit::Workspace, "protocol", e.to_string()),
            })?;
            for protocol in &protocols {
                let n = protocol.expectations.len();
                out.result(&json!({ "name": protocol.name, "expectations": n }), |_| {
                    format!("{}: {n} kinds of series", protocol.name)
                });
            }
            Ok(Exit::Done)
        }
    }
}

fn write(file: &std::path::Path, text: &str) -> Result<(), Failure> {
    write_whole(file, text, false).map_err(|e| {
        Failure::new(Exit::Storage, "write", format!("the file cannot be written: {}", io_words(e.kind())))
    })
}
