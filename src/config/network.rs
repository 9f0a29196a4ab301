//! Configuration of the network: who may send here.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Pixels;

/// A DICOM listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Its name, unique among inboxes and listeners.
    pub name: String,
    /// Its AE title.
    pub ae_title: String,
    /// Address and port; without one of its own this machine alone can call.
    #[serde(default = "local")]
    pub bind: String,
    /// The site whose data it brings.
    pub site: String,
    /// AE titles that may call, with `*` and `?`; any without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callers: Option<Vec<String>>,
    /// Encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Associations at a time.
    #[serde(default = "associations")]
    pub max_associations: u32,
    /// The longest PDU that is taken, in bytes.
    #[serde(default = "pdu")]
    pub max_pdu: u32,
    /// Whether pixels that may carry burned-in text are quarantined.
    #[serde(default)]
    pub pixels: Pixels,
    /// Seconds that a connection may be silent before an association stands.
    #[serde(default = "artim")]
    pub artim_s: u64,
    /// Seconds that an association may be silent.
    #[serde(default = "idle")]
    pub idle_s: u64,
}

/// DICOMweb for viewers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Address and port; without one of its own this machine alone can call.
    #[serde(default = "web")]
    pub bind: String,
    /// Encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Origins of viewers in browsers that may ask, such as `https://ohif.example.org`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}

/// Files of an encrypted listener, in PEM; relative to the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, and those between it and its authority.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
    /// The authority of those who may call; with it every caller shows a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

fn web() -> String {
    "127.0.0.1:8042".into()
}
fn local() -> String {
    "127.0.0.1:11112".into()
}
fn associations() -> u32 {
    32
}
fn pdu() -> u32 {
    131_072
}
fn artim() -> u64 {
    30
}
fn idle() -> u64 {
    60
}

/// PDUs that a listener may take (PS3.8 annex D).
const PDUS: std::ops::RangeInclusive<u32> = 4_096..=1 << 20;

/// Keys of web servers that are wrong, and why.
pub(super) fn invalid_web(all: &[Web]) -> Vec<(String, String)> {
    let (mut wrong, mut places) = (Vec::new(), BTreeSet::new());
    for (i, web) in all.iter().enumerate() {
        let mut say = |key: &str, why: &str| wrong.push((format!("web[{i}].{key}"), why.to_owned()));
        match web.bind.parse::<SocketAddr>() {
            Ok(address) if !places.insert(address) => say("bind", "another server is bound to it"),
            Ok(address) if !address.ip().is_loopback() && web.tls.is_none() => {
                say(
                    "tls",
                    "tokens go over this address: encrypt it, or bind 127.0.0.1 behind a proxy that does",
                );
            }
            Ok(_) => {}
            Err(_) => say("bind", "an address and a port, such as \"127.0.0.1:8042\""),
        }
        let is_origin = |o: &String| o == "*" || o.starts_with("https://") || o.starts_with("http://");
        if web.origins.iter().any(|o| !is_origin(o) || o.ends_with('/')) {
            say("origins", "such as \"https://ohif.example.org\", without a slash at its end");
        }
    }
    wrong
}

/// What a name is that folders are called by.
pub(super) const PLAIN_NAME: &str = "a name has letters, digits, - and _; 64 at most";
/// What an AE title is.
pub(super) const TITLE: &str = "an AE title has 1 to 16 characters, no backslash, no blank at its ends";

/// Whether a folder may be called by it.
pub(super) fn is_plain_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(is_plain)
}

/// Whether it is an AE title (PS3.5 table 6.2-1): 1 to 16 characters, no blank at its ends, no backslash.
pub(super) fn is_title(title: &str) -> bool {
    (1..=16).contains(&title.len())
        && title.trim() == title
        && title.bytes().all(|b| (0x20..0x7F).contains(&b) && b != b'\\')
}

/// Keys that are wrong, and why. `taken` are names of inboxes.
pub(super) fn invalid_values(listeners: &[Listener], taken: &[&str]) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let (mut names, mut places): (BTreeSet<&str>, _) = (taken.iter().copied().collect(), BTreeSet::new());
    for (i, listener) in listeners.iter().enumerate() {
        let mut say = |key: &str, why: &str| wrong.push((format!("listener[{i}].{key}"), why.to_owned()));
        if !names.insert(&listener.name) {
            say("name", "another inbox or listener has this name");
        }
        if !is_plain_name(&listener.name) {
            say("name", PLAIN_NAME);
        }
        if !is_title(&listener.ae_title) {
            say("ae_title", TITLE);
        }
        match listener.bind.parse::<SocketAddr>() {
            Ok(address) if !places.insert(address) => say("bind", "another listener is bound to it"),
            Ok(_) => {}
            Err(_) => say("bind", "an address and a port, such as \"127.0.0.1:11112\" or \"[::]:11112\""),
        }
        if listener.site.trim().is_empty() {
            say("site", "every listener belongs to a site");
        }
        if listener.callers.as_ref().is_some_and(|c| c.is_empty() || c.iter().any(|p| p.trim().is_empty())) {
            say("callers", "AE titles; leave it out where any may call");
        }
        if listener.max_associations == 0 || listener.max_associations > 1_024 {
            say("max_associations", "between 1 and 1024");
        }
        if !PDUS.contains(&listener.max_pdu) {
            say("max_pdu", "between 4096 and 1048576 bytes");
        }
        for (key, seconds) in [("artim_s", listener.artim_s), ("idle_s", listener.idle_s)] {
            if !(1..=86_400).contains(&seconds) {
                say(key, "between 1 second and a day");
            }
        }
    }
    wrong
}
