//! What `--help` and the manual say: every command has examples and exit codes, its own or those of the command that it
//! belongs to.

use clap::{Command, CommandFactory};

use super::Cli;

/// The command line with the help of every command filled in.
pub fn command() -> Command {
    let mut command = Cli::command();
    fill(&mut command, "gantry", None);
    command
}

/// The lines below `Examples:` of a help text.
pub fn examples(help: &str) -> impl Iterator<Item = &str> {
    let below = help.lines().skip_while(|line| line.trim() != "Examples:").skip(1);
    below.map(str::trim).take_while(|line| !line.is_empty())
}

/// The paragraph of exit codes of a help text.
pub fn exit_codes(help: &str) -> Option<&str> {
    let from = &help[help.find("Exit codes:")?..];
    from.split("\n\n").next()
}

/// A command without words of its own takes the examples that are of it, and the exit codes, from the one above.
fn fill(command: &mut Command, name: &str, above: Option<&str>) {
    let own = command.get_after_help().map(ToString::to_string);
    let help = own.clone().or_else(|| Some(inherited(name, above?)));
    if let (None, Some(help)) = (own, &help) {
        *command = std::mem::take(command).after_help(help.clone());
    }
    for below in command.get_subcommands_mut() {
        let name = format!("{name} {}", below.get_name());
        fill(below, &name, help.as_deref());
    }
}

fn inherited(name: &str, above: &str) -> String {
    let of_it =
        |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let lines: Vec<String> = examples(above).filter(of_it).map(|line| format!("  {line}\n")).collect();
    let examples = if lines.is_empty() { String::new() } else { format!("Examples:\n{}\n", lines.concat()) };
    format!("{examples}{}", exit_codes(above).unwrap_or_default())
}
