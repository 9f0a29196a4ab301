//! A configuration with what it names beyond itself: folders, files of rules and protocols, profiles, checks.

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError, Method, group_id, is_user, overlaps, quoted, suggestion};
use crate::deid::{Profile, ProfileError, ProfileOption, Recipient};
use crate::engine::tools::rules;
use crate::model::words::io_words;
use crate::pipeline::move_destination_of;
use crate::qc::about_checks;

/// A key and what is wrong with its value.
pub type Wrong = (String, String);

/// Everything that is wrong with a configuration file, in the order of its lines; `more` looks at what other parts of the
/// program make of it. Relative paths are relative to the file's folder.
pub fn check(path: &Path, more: impl Fn(&Config, &Path) -> Vec<Wrong>) -> Vec<ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return vec![ConfigError::unreadable(path, &error)],
    };
    check_text(&text, path, more)
}

/// As [`check`], of a text that is to be written there.
pub fn check_text(text: &str, path: &Path, more: impl Fn(&Config, &Path) -> Vec<Wrong>) -> Vec<ConfigError> {
    let beside = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (config, mut mistakes) = Config::read(text, path);
    if let Some(config) = config {
        let named = of_named(beside, &config).into_iter().chain(more(&config, beside));
        // Of a value that is wrong by itself nothing else is said.
        let known: Vec<Option<String>> = mistakes.iter().map(|m| m.key.clone()).collect();
        let new = named.filter(|(key, _)| !known.contains(&Some(key.clone())));
        mistakes.extend(new.map(|(key, why)| ConfigError::value(&key, why, text, path)));
    }
    mistakes.sort_by_key(|mistake| mistake.at);
    mistakes
}

fn of_named(beside: &Path, config: &Config) -> Vec<Wrong> {
    let mut wrong: Vec<Wrong> = overlaps(beside, config).into_iter().map(|o| (o.key, o.why)).collect();
    inboxes(beside, config, &mut wrong);
    pulls(config, &mut wrong);
    profile(beside, config, &mut wrong);
    checks(config, &mut wrong);
    access(config, &mut wrong);
    files(beside, "harmonise.rules", &config.harmonise.rules, &mut wrong, |file| {
        rules::check(&[file]).map(|_| ()).map_err(|e| e.to_string())
    });
    files(beside, "qc.protocols", &config.qc.protocols, &mut wrong, |file| {
        rules::protocols(&[file]).map(|_| ()).map_err(|e| e.to_string())
    });
    if !config.vault.recipient.is_empty()
        && let Err(error) = Recipient::parse(&config.vault.recipient)
    {
        wrong.push(("vault.recipient".into(), error.to_string()));
    }
    wrong
}

/// Users and groups that the system does not know get in nowhere.
fn access(config: &Config, wrong: &mut Vec<Wrong>) {
    let group = &config.access.group;
    if !group.is_empty() && group_id(group).is_none() {
        wrong.push(("access.group".into(), format!("the system knows no group {}", quoted(group))));
    }
    for name in config.access.roles.0.keys() {
        let is_known = match name.strip_prefix('@') {
            Some(group) => group_id(group).is_some(),
            None => is_user(name),
        };
        if !is_known {
            wrong.push((
                "access.roles".into(),
                format!("the system knows nobody of the name {}", quoted(name)),
            ));
        }
    }
}

/// Keys of pulls that archives do not match by.
fn pulls(config: &Config, wrong: &mut Vec<Wrong>) {
    for (i, remote) in config.remotes.iter().enumerate() {
        for (at, pull) in remote.pulls.iter().enumerate() {
            if let Err(error) = crate::net::keys_of(&pull.keys) {
                wrong.push((format!("remote[{i}].pull[{at}].keys"), error.to_string()));
            }
        }
        if remote.url.is_none()
            && remote.method == Method::Move
            && move_destination_of(config, remote).is_none()
        {
            let why = "\"move\" needs a [[listener]] of the same site and pixels, to which objects are moved";
            wrong.push((format!("remote[{i}].method"), why.into()));
        }
    }
}

fn inboxes(beside: &Path, config: &Config, wrong: &mut Vec<Wrong>) {
    for (i, inbox) in config
        .inboxes
        .iter()
        .enumerate()
        .filter(|(_, i)| !i.path.as_os_str().is_empty() && i.bucket().is_none())
    {
        let place = beside.join(&inbox.path);
        if let Err(error) = std::fs::read_dir(&place) {
            let relative =
                if inbox.path.is_relative() { " (the path is relative to the workspace)" } else { "" };
            let why = format!(
                "the folder {} cannot be read: {}{relative}",
                place.display(),
                io_words(error.kind())
            );
            wrong.push((format!("inbox[{i}].path"), why));
        }
        if let Some(to) = inbox.move_to.as_ref().map(|to| beside.join(to)).filter(|to| to.is_file()) {
            wrong.push((format!("inbox[{i}].move_to"), format!("{} is no folder", to.display())));
        }
    }
}

fn profile(beside: &Path, config: &Config, wrong: &mut Vec<Wrong>) {
    let deid = &config.deid;
    let mut own = Vec::new();
    let document = match &*deid.profiles {
        "" => String::new(),
        file => match std::fs::read_to_string(beside.join(file)) {
            Ok(document) => document,
            Err(error) => {
                wrong.push((
                    "deid.profiles".into(),
                    format!("{file} cannot be read: {}", io_words(error.kind())),
                ));
                return;
            }
        },
    };
    let one_line = |error: ProfileError| error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match document.parse::<toml::Table>() {
        Ok(table) => {
            let profiles = table.get("profile").and_then(toml::Value::as_table);
            own = profiles.into_iter().flat_map(|p| p.keys().cloned()).collect();
        }
        Err(error) => {
            let why = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            wrong.push(("deid.profiles".into(), format!("{}: {why}", deid.profiles)));
        }
    }
    for name in &own {
        if let Err(error) = Profile::from_toml(&document, name) {
            let why = format!("{}: profile {name}: {}", deid.profiles, one_line(error));
            wrong.push(("deid.profiles".into(), why));
        }
    }
    let known: Vec<&str> = own.iter().map(String::as_str).chain(["default", "basic"]).collect();
    if !known.contains(&&*deid.profile) {
        let why =
            format!("there is no profile {}{}", quoted(&deid.profile), suggestion(&deid.profile, &known));
        wrong.push(("deid.profile".into(), why));
    }
    let mut profile = Profile::from_toml(&document, &deid.profile).unwrap_or_default();
    if let Err(error) = profile.move_dates(deid.date_shift.as_ref(), deid.shift_times) {
        wrong.push(("deid.date_shift".into(), one_line(error)));
    }
    if let Err(error) = profile.narrow(deid.patient_characteristics.as_deref()) {
        wrong.push(("deid.patient_characteristics".into(), one_line(error)));
    }
    let options = ProfileOption::ALL.map(ProfileOption::name);
    for name in deid.options.iter().filter(|name| !options.contains(&&***name)) {
        let why = format!("there is no option {}{}", quoted(name), suggestion(name, &options));
        wrong.push(("deid.options".into(), why));
    }
}

fn checks(config: &Config, wrong: &mut Vec<Wrong>) {
    let known: Vec<_> = about_checks().collect();
    let names: Vec<&str> = known.iter().map(|check| check.name).collect();
    let unknown = |name: &str| format!("no check is called {}{}", quoted(name), near(name, &names));
    for name in config.qc.off.iter().filter(|name| !names.contains(&&***name)) {
        wrong.push(("qc.off".into(), unknown(name)));
    }
    for (name, set) in &config.qc.checks {
        let key = format!("qc.checks.{}", quoted(name));
        match known.iter().find(|check| check.name == name) {
            None => wrong.push((key, unknown(name))),
            Some(check) if set.threshold.is_some() && check.threshold.is_none() => {
                wrong.push((format!("{key}.threshold"), "the check has no threshold".into()));
            }
            Some(_) if set.threshold.is_some_and(|t| !t.is_finite()) => {
                wrong.push((format!("{key}.threshold"), "a threshold is a finite number".into()));
            }
            Some(_) => {}
        }
    }
}

/// There are many checks: where none is like the name, where they are listed.
fn near(name: &str, names: &[&str]) -> String {
    let said = suggestion(name, names);
    if said.contains("did you mean") { said } else { "; `gantry qc --list` lists them".into() }
}

fn files(
    beside: &Path,
    key: &str,
    files: &[PathBuf],
    wrong: &mut Vec<Wrong>,
    check: impl Fn(PathBuf) -> Result<(), String>,
) {
    for (i, file) in files.iter().enumerate() {
        if let Err(why) = check(beside.join(file)) {
            let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
            wrong.push((format!("{key}[{i}]"), format!("{}: {why}", file.display())));
        }
    }
}
