//! Whom we call, and whether they are there.

use std::time::Instant;

use crate::config::Remote;
use crate::engine::query::{EchoRemote, EchoView, RemoteView};
use crate::engine::{EngineError, Session};
use crate::model::words::io_error;
use crate::net::echo;

/// Our title where no listener has one.
const AE_TITLE: &str = "GANTRY";

pub fn remotes(session: &Session) -> Vec<RemoteView> {
    let config = session.engine.shared.config();
    config.remotes.iter().map(view).collect()
}

fn view(remote: &Remote) -> RemoteView {
    RemoteView {
        remote: remote.name.clone(),
        ae_title: remote.ae_title.clone(),
        address: remote.address.clone(),
        site: remote.site.clone(),
    }
}

pub fn echo_remote(session: &Session, query: &EchoRemote) -> Result<EchoView, EngineError> {
    let config = session.engine.shared.config();
    let unknown = || EngineError::NotFound { what: "remote".into(), id: query.remote.clone() };
    let remote = config.remotes.iter().find(|remote| remote.name == query.remote).ok_or_else(unknown)?;
    let ours = config.listeners.first().map_or(AE_TITLE, |listener| &*listener.ae_title);
    let began = Instant::now();
    // On a thread of its own: whoever asks may be within a runtime.
    let asked = std::thread::scope(|scope| {
        let ask = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| io_error(&error))?;
            runtime
                .block_on(echo(&remote.address, (ours, &remote.ae_title)))
                .map_err(|error| error.to_string())
        };
        scope.spawn(ask).join().unwrap_or_else(|_| Err("the connection failed".into()))
    });
    let ms = began.elapsed().as_millis() as u64;
    Ok(EchoView { remote: remote.name.clone(), ok: asked.is_ok(), ms, reason: asked.err() })
}
