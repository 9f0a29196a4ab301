//! What `gantry doctor` examines of the network: listeners, and the applications that we call.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::workspace::{Examined, examined};
use crate::config::{Listener, Remote, Workspace};
use crate::model::text::visible;
use crate::model::words::io_error;
use crate::net::{echo, server};
use crate::pipeline::tls_files;

/// Examines every listener and every remote.
pub fn examine(workspace: &Workspace) -> Vec<Examined> {
    let Ok(config) = workspace.config() else { return Vec::new() };
    let ours = config.listeners.first().map_or("GANTRY", |listener| &*listener.ae_title);
    let listeners = config.listeners.iter().flat_map(|listener| of_listener(workspace, listener));
    listeners.chain(config.remotes.iter().map(|remote| of_remote(ours, remote))).collect()
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

/// Whether another process runs the workspace.
fn is_run(workspace: &Workspace) -> bool {
    super::connect::connect_to(workspace.clone()).is_ok_and(|connection| connection.engine.is_none())
}

fn of_remote(ours: &str, remote: &Remote) -> Examined {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = match runtime {
        Ok(runtime) => {
            runtime.block_on(echo(&remote.address, (ours, &remote.ae_title))).map_err(|e| e.to_string())
        }
        Err(error) => Err(io_error(&error)),
    };
    let named = |found: &str| format!("{} ({} at {}): {found}", remote.name, remote.ae_title, remote.address);
    match asked {
        Ok(()) => examined("remote", true, named("answers"), None),
        Err(why) => {
            let advice = format!("is it running, and does it know us as {ours}?");
            examined("remote", false, named(&visible(&why)), Some(advice))
        }
    }
}
