//! `gantry reader`: the people who read.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::command::PutReader;
use crate::engine::query::{ReaderView, Readers};

const HELP: &str = "\
Levels: 1 annotator, 2 radiologist, 3 senior; a higher one includes the lower. A reader who names skills gets cases of these
body regions and families of modalities alone, one who names sites gets cases of these sites alone.

Examples:
  gantry reader add amira --level 2 --user amira --skills chest,ct --per-day 40
  gantry reader add ben --level 1 --sites A,B
  gantry reader set ben --away 2026-07-01..2026-07-14
  gantry reader set amira --credential specialty=\"thoracic radiology\" --credential years=12
  gantry reader retire ben
  gantry reader list

Exit codes: 0 done; 2 wrong usage; 3 workspace; 4 there is one of that name already, or none; 5 not permitted";

/// Arguments of `gantry reader`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ReaderArgs {
    #[command(subcommand)]
    what: ReaderCommand,
}

#[derive(Debug, Subcommand)]
enum ReaderCommand {
    /// Add somebody who reads
    Add(Person),
    /// Change what a reader may be given; what is not named stays
    Set(Person),
    /// Somebody reads no more: what they hold is open again when their claims end
    Retire {
        /// The reader
        reader: String,
    },
    /// Everybody who reads (lines)
    List,
}

#[derive(Debug, Args)]
struct Person {
    /// The reader's name
    reader: String,
    /// 1 annotator, 2 radiologist, 3 senior
    #[arg(long, value_name = "N")]
    level: Option<u8>,
    /// The system's user who acts as this reader
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// Body regions and families of modalities, such as chest,ct
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    skills: Option<Vec<String>>,
    /// Sites
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    sites: Option<Vec<String>>,
    /// Reads a day, at most; 0 takes the limit away
    #[arg(long, value_name = "N")]
    per_day: Option<u32>,
    /// Days on which they are away, such as 2026-07-01..2026-07-14; empty: never
    #[arg(long, value_name = "DAYS", value_delimiter = ',')]
    away: Option<Vec<String>>,
    /// What a dossier says of them, such as specialty="thoracic radiology"; an empty text takes it away
    #[arg(long = "credential", value_name = "NAME=TEXT", value_parser = pair)]
    credentials: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("this is NAME=TEXT")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Runs the command.
///
/// # Errors
/// No such reader, or one of that name already.
pub fn run(args: &ReaderArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    match &args.what {
        ReaderCommand::Add(person) => {
            if person.level.is_none() {
                return Err(Failure::usage("--level says what they may read: 1, 2 or 3"));
            }
            put(command(person, true), global, out)
        }
        ReaderCommand::Set(person) => put(command(person, false), global, out),
        ReaderCommand::Retire { reader } => {
            let retired = PutReader { reader: reader.clone(), active: Some(false), ..PutReader::default() };
            put(retired, global, out)
        }
        ReaderCommand::List => {
            let readers = connect(global)?.client.ask(Readers {})?;
            let mut page = out.page();
            readers.iter().for_each(|reader| page.result(reader, line));
            page.end();
            Ok(Exit::Done)
        }
    }
}

fn command(person: &Person, new: bool) -> PutReader {
    PutReader {
        reader: person.reader.clone(),
        new,
        level: person.level,
        user: person.user.clone(),
        skills: person.skills.clone(),
        sites: person.sites.clone(),
        per_day: person.per_day,
        active: None,
        away: person.away.clone(),
        credentials: person.credentials.iter().cloned().collect::<BTreeMap<_, _>>(),
    }
}

fn put(command: PutReader, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let reader = connect(global)?.client.act(command)?;
    out.result(&reader, line);
    Ok(Exit::Done)
}

fn line(r: &ReaderView) -> String {
    let all = |list: &Vec<String>| if list.is_empty() { "all".to_owned() } else { list.join(",") };
    let state = match (r.active, r.away) {
        (false, _) => "  retired",
        (true, true) => "  away",
        (true, false) => "",
    };
    let per_day = r.per_day.map(|n| format!("  {n} a day")).unwrap_or_default();
    format!(
        "{:<16} level {}  {:>4} open {:>6} done  sites {}  skills {}{per_day}{state}",
        r.reader,
        r.level,
        r.open,
        r.done,
        all(&r.sites),
        all(&r.skills)
    )
}
