//! What `--help` and the manual pages say, for every command.

use std::collections::BTreeSet;
use std::process::Command as Process;

use clap::{Command, FromArgMatches};
use gantry::cli::{Cli, help};

use crate::{gantry, text};

/// Every command with its words, such as `gantry queue claim`.
fn each(command: &Command, words: &str, give: &mut dyn FnMut(&str, &Command)) {
    give(words, command);
    for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
        each(below, &format!("{words} {}", below.get_name()), give);
    }
}

/// The words of a line as a shell takes them, up to a comment, a pipe or a redirection.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (None, '#' | '|' | '>') if word.is_none() => break,
            (None, '\'' | '"') => (quote, word) = (Some(c), Some(word.unwrap_or_default())),
            (Some(open), c) if open == c => quote = None,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote is open in {line}");
    words.extend(word);
    words
}

#[test]
fn every_command_has_examples_that_are_understood_and_exit_codes() {
    let mut seen = 0;
    each(&help::command(), "gantry", &mut |words, command| {
        let said = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(
            help::exit_codes(&said).is_some_and(|codes| codes.contains(": 0 ")),
            "{words} has no exit codes"
        );
        let examples: Vec<&str> = help::examples(&said).collect();
        assert!(!examples.is_empty(), "{words} has no examples");
        for line in examples {
            let arguments = shell_words(line);
            assert_eq!(arguments[0], "gantry", "{words}: {line}");
            let parsed = help::command().try_get_matches_from(&arguments);
            let parsed = parsed.and_then(|found| Cli::from_arg_matches(&found));
            assert!(parsed.is_ok(), "{words}: {line}: {}", parsed.unwrap_err());
            seen += 1;
        }
    });
    assert!(seen > 100, "{seen}");
}

#[test]
fn own_options_come_before_those_that_every_command_takes() {
    each(&help::command(), "gantry", &mut |words, _| {
        let mut arguments: Vec<&str> = words.split(' ').skip(1).collect();
        arguments.push("--help");
        let help = help::command().try_get_matches_from([vec!["gantry"], arguments].concat()).unwrap_err();
        let help = help.to_string();
        let (own, global) = help.split_once("Global options:").unwrap_or_else(|| panic!("{words}: {help}"));
        assert!(own.contains("Options:") && own.contains("--help"), "{words}: {help}");
        for option in ["--workspace", "--config", "--json", "--quiet", "--verbose"] {
            assert!(global.contains(option) && !own.contains(&format!("  {option} ")), "{words}: {option}");
        }
    });
}

#[test]
fn each_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let (exit, lines, _) = gantry(&["man", "--to", text(dir.path())]);
    assert_eq!(exit, 0);
    let written: BTreeSet<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut wanted = BTreeSet::new();
    each(&help::command(), "gantry", &mut |words, _| {
        wanted.insert(words.replace(' ', "-") + ".1");
    });
    assert_eq!(written, wanted);
    assert_eq!(lines[0]["pages"].as_array().unwrap().len(), wanted.len());
    let page = |words: &[&str]| {
        let out = Process::new(env!("CARGO_BIN_EXE_gantry")).arg("man").args(words).output().unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap())
    };
    let (exit, one) = page(&["queue", "return"]);
    assert!(exit == Some(0) && one.contains("review.return_reasons") && one.contains("Exit codes"), "{one}");
    assert_eq!(one, std::fs::read_to_string(dir.path().join("gantry-queue-return.1")).unwrap());
    assert_eq!(page(&["queue", "retrun"]).0, Some(2));
}

#[test]
fn nothing_is_coloured_where_stderr_is_no_terminal() {
    let dir = tempfile::tempdir().unwrap();
    // A warning of the log, an error of the parser, and a failure.
    for arguments in [vec!["scan", "--nonsense"], vec!["-vvv", "scan", text(dir.path())], vec!["show", "x"]] {
        let out =
            Process::new(env!("CARGO_BIN_EXE_gantry")).args(&arguments).current_dir(dir.path()).output();
        let out = out.unwrap();
        assert!(!out.stderr.contains(&0x1b) && !out.stdout.contains(&0x1b), "{arguments:?}");
    }
}
