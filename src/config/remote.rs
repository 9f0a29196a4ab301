//! Configuration of archives elsewhere: whom we ask, pull from and send to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Pixels;
use super::network::{PLAIN_NAME, TITLE, is_plain_name, is_title};

/// An archive elsewhere: a DICOM application with `ae_title` and `address`, or a DICOMweb service with `url`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// Its name, unique among remotes.
    pub name: String,
    /// Its AE title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ae_title: Option<String>,
    /// `HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The base of its DICOMweb services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How we prove to a DICOMweb service who we are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// The site whose data it holds.
    pub site: String,
    /// How objects come from a DICOM application.
    #[serde(default)]
    pub method: Method,
    /// Encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Whether pixels that may carry burned-in text are quarantined.
    #[serde(default)]
    pub pixels: Pixels,
    /// Series that are pulled at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// What is pulled by itself.
    #[serde(rename = "pull", default, skip_serializing_if = "Vec::is_empty")]
    pub pulls: Vec<ScheduledPull>,
}

/// How we prove to a DICOMweb service who we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// A file of one line, `Authorization: Bearer …`, that only its owner reads; relative to the workspace.
    pub header_file: PathBuf,
}

/// Files for an encrypted connection to an archive, in PEM; relative to the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// The authority that vouches for the archive; those of the system without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Our certificate, where it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// How objects come from a DICOM application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By C-GET, over the association that asks.
    #[default]
    Get,
    /// By C-MOVE, to a listener of ours.
    Move,
}

/// What is pulled by itself, while the workspace is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledPull {
    /// `KEYWORD=VALUE`, as `gantry pull` takes them.
    pub keys: Vec<String>,
    /// Minutes from one pull to the next.
    pub every_minutes: u32,
    /// Hours of the day in which it may begin, `HH:MM-HH:MM`, by the clock of this machine; they may go past midnight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<String>,
    /// Studies of the last days alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_days: Option<u32>,
    /// Studies at a time, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Where an archive is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach<'r> {
    /// A DICOM application.
    Dicom {
        /// Its AE title.
        ae_title: &'r str,
        /// `HOST:PORT`.
        address: &'r str,
    },
    /// A DICOMweb service.
    Web {
        /// The base of its services, without a slash at its end.
        url: &'r str,
    },
}

impl Remote {
    /// Where it is reached.
    pub fn reach(&self) -> Reach<'_> {
        match (&self.url, &self.ae_title, &self.address) {
            (Some(url), ..) => Reach::Web { url: url.trim_end_matches('/') },
            (None, title, address) => Reach::Dicom {
                ae_title: title.as_deref().unwrap_or_default(),
                address: address.as_deref().unwrap_or_default(),
            },
        }
    }
}

impl std::fmt::Display for Reach<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dicom { ae_title, address } => write!(f, "{ae_title} at {address}"),
            Self::Web { url } => f.write_str(url),
        }
    }
}

/// Minutes of the day of `HH:MM-HH:MM`.
pub fn hours(text: &str) -> Option<(u32, u32)> {
    let minutes = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let is_number = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
        let (hours, minutes) = (
            is_number(hours).then(|| hours.parse::<u32>())?,
            is_number(minutes).then(|| minutes.parse::<u32>())?,
        );
        let (hours, minutes) = (hours.ok()?, minutes.ok()?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    let (from, to) = text.split_once('-')?;
    Some((minutes(from)?, minutes(to)?))
}

/// Keys that are wrong, and why.
pub(super) fn invalid_values(remotes: &[Remote]) -> Vec<(String, String)> {
    let (mut wrong, mut names) = (Vec::new(), BTreeSet::new());
    for (i, remote) in remotes.iter().enumerate() {
        let mut say = |key: &str, why: &str| wrong.push((format!("remote[{i}].{key}"), why.to_owned()));
        if !is_plain_name(&remote.name) {
            say("name", PLAIN_NAME);
        }
        if !names.insert(&remote.name) {
            say("name", "another remote has this name");
        }
        if remote.site.trim().is_empty() {
            say("site", "every remote belongs to a site");
        }
        match &remote.url {
            Some(url) => invalid_web(remote, url, &mut say),
            None => invalid_application(remote, &mut say),
        }
        if remote.tls.as_ref().is_some_and(|tls| tls.cert.is_some() != tls.key.is_some()) {
            say("tls", "a certificate and its key go together");
        }
        if remote.parallel.is_some_and(|n| !(1..=16).contains(&n)) {
            say("parallel", "between 1 and 16");
        }
        for (at, pull) in remote.pulls.iter().enumerate() {
            let mut say = |key: &str, why: &str| say(&format!("pull[{at}].{key}"), why);
            if pull.keys.is_empty() || pull.keys.iter().any(|key| !key.contains('=')) {
                say("keys", "KEYWORD=VALUE, such as \"Modality=CT\"; at least one");
            }
            if !(1..=525_600).contains(&pull.every_minutes) {
                say("every_minutes", "between a minute and a year");
            }
            if pull.since_days.is_some() && pull.keys.iter().any(|key| key.starts_with("StudyDate=")) {
                say("since_days", "either this or StudyDate");
            }
            if pull.between.as_deref().is_some_and(|text| hours(text).is_none_or(|(from, to)| from == to)) {
                say("between", "hours of the day, such as \"20:00-06:00\"");
            }
        }
    }
    wrong
}

fn invalid_application(remote: &Remote, say: &mut impl FnMut(&str, &str)) {
    if !remote.ae_title.as_deref().is_some_and(is_title) {
        say("ae_title", TITLE);
    }
    let port = |address: &String| {
        let (host, port) = address.rsplit_once(':')?;
        let port = port.parse::<u16>().ok()?;
        (!host.is_empty() && port != 0).then_some(port)
    };
    if remote.address.as_ref().and_then(port).is_none() {
        say("address", "a host and a port, such as \"10.0.0.5:4242\"; or `url` for a DICOMweb service");
    }
    if remote.auth.is_some() {
        say("auth", "for a DICOMweb service; a DICOM application knows us by our AE title and certificate");
    }
}

fn invalid_web(remote: &Remote, url: &str, say: &mut impl FnMut(&str, &str)) {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !is_url || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        say("url", "the base of DICOMweb services, such as \"https://example.org/dicom-web\"");
    }
    if rest.is_some_and(|rest| rest.split('/').next().is_some_and(|host| host.contains('@')))
        || url.contains('?')
    {
        say("url", "no user, password or token in an address: they go into a file, with auth.header_file");
    }
    let host = rest.map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    let is_here = host.is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
    if remote.auth.is_some() && url.starts_with("http://") && !is_here {
        say("url", "what proves who we are would go over it in the clear: https://");
    }
    if remote.ae_title.is_some() || remote.address.is_some() {
        say("url", "a remote has either `url`, or `ae_title` and `address`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_the_day_are_read() {
        assert_eq!(hours("20:00-06:30"), Some((1_200, 390)));
        for wrong in ["", "20-6", "24:00-06:00", "1:00-02:00", "10:60-11:00", "+1:00-02:00"] {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
    }
}
