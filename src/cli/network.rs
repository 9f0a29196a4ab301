//! What `gantry doctor` examines of the network: listeners, and the applications that we call.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::workspace::{Examined, examined};
use crate::config::{Config, Listener, Reach, Remote, Web, Workspace};
use crate::model::text::visible;
use crate::model::words::{io_error, plural};
use crate::net::{open_archive, server};
use crate::pipeline::{address_of, left_behind, our_title, tls_files};

/// Examines every listener and every remote.
pub fn examine(workspace: &Workspace) -> Vec<Examined> {
    let Ok(config) = workspace.config() else { return Vec::new() };
    let listeners = config.listeners.iter().flat_map(|listener| of_listener(workspace, listener));
    let remotes = config.remotes.iter().map(|remote| of_remote(workspace.root(), &config, remote));
    let web = config.web.iter().map(|web| of_web(workspace, web));
    listeners.chain(web).chain(remotes).chain(files_left_behind(workspace, &config)).collect()
}

fn of_listener(workspace: &Workspace, listener: &Listener) -> Vec<Examined> {
    let named = |found: &str| format!("{} at {}: {found}", listener.name, listener.bind);
    let mut all = vec![match TcpListener::bind(&listener.bind) {
        Ok(_) => examined("listener", true, named("the address is free; `gantry run` serves it"), None),
        // Whoever runs the workspace has it.
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_run(workspace) => {
            examined("listener", true, named("served"), None)
        }
        Err(error) => {
            let advice = "another program has it, or it is no address of this machine: choose another `bind`";
            examined("listener", false, named(&io_error(&error)), Some(advice.into()))
        }
    }];
    if let Some(tls) = &listener.tls
        && let Err(error) = server(&tls_files(workspace.root(), tls))
    {
        let advice = "PEM files, relative to the workspace";
        all.push(examined("listener", false, named(&error.to_string()), Some(advice.into())));
    }
    let is_open = listener.bind.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback());
    let has_certificates = listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if is_open && listener.callers.is_none() && !has_certificates {
        let advice = "name them: callers = [\"PACS1\"], or ask for certificates with tls.client_ca";
        all.push(examined("listener", false, named("any application may call"), Some(advice.into())));
    }
    all
}

fn of_web(workspace: &Workspace, web: &Web) -> Examined {
    let named = |found: &str| format!("DICOMweb at {}: {found}", web.bind);
    if let Some(tls) = &web.tls
        && let Err(error) = server(&tls_files(workspace.root(), tls))
    {
        let advice = "PEM files, relative to the workspace";
        return examined("web", false, named(&error.to_string()), Some(advice.into()));
    }
    match TcpListener::bind(&web.bind) {
        Ok(_) => examined("web", true, named("the address is free; `gantry run` serves it"), None),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_run(workspace) => {
            examined("web", true, named("served"), None)
        }
        Err(error) => {
            let advice = "another program has it, or it is no address of this machine: choose another `bind`";
            examined("web", false, named(&io_error(&error)), Some(advice.into()))
        }
    }
}

/// Whether another process runs the workspace.
fn is_run(workspace: &Workspace) -> bool {
    super::connect::connect_to(workspace.clone()).is_ok_and(|connection| connection.engine.is_none())
}

fn of_remote(root: &Path, config: &Config, remote: &Remote) -> Examined {
    let asked = address_of(root, config, remote).and_then(|address| open_archive(&address)?.echo());
    let named = |found: &str| format!("{} ({}): {found}", remote.name, remote.reach());
    match asked {
        Ok(()) => examined("remote", true, named("answers"), None),
        Err(error) => {
            let advice = match remote.reach() {
                Reach::Dicom { .. } => {
                    format!("is it running, and does it know us as {}?", our_title(config))
                }
                Reach::Web { .. } => "is it running, and is this the base of its DICOMweb services?".into(),
            };
            examined("remote", false, named(&visible(&error.in_short())), Some(advice))
        }
    }
}

/// What nobody of the configuration has brought, and nobody takes up.
fn files_left_behind(workspace: &Workspace, config: &Config) -> Vec<Examined> {
    let told = |(folder, files): (std::path::PathBuf, u64)| {
        let found =
            format!("{} in {} were received and are not stored", plural(files, "file"), folder.display());
        let advice = "the listener or remote that brought them has gone from gantry.toml: put it back, or `gantry ingest` the \
                      folder and remove it";
        examined("landing", false, found, Some(advice.into()))
    };
    left_behind(workspace.root(), &config.listeners, &config.remotes).into_iter().map(told).collect()
}
