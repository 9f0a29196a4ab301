//! Whom we call, and whether they are there.

use std::time::Instant;

use crate::config::{Config, Remote};
use crate::engine::query::{EchoRemote, EchoView, RemoteView};
use crate::engine::{EngineError, Session};
use crate::net::{RequestError, open_archive};
use crate::pipeline::address_of;

pub fn remotes(session: &Session) -> Vec<RemoteView> {
    let config = session.engine.shared.config();
    config.remotes.iter().map(view).collect()
}

fn view(remote: &Remote) -> RemoteView {
    RemoteView {
        remote: remote.name.clone(),
        ae_title: remote.ae_title.clone(),
        address: remote.address.clone(),
        url: remote.url.clone(),
        method: remote.url.is_none().then_some(remote.method),
        site: remote.site.clone(),
    }
}

/// The remote with this name.
pub fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Remote, EngineError> {
    let unknown = || EngineError::NotFound { what: "remote".into(), id: name.into() };
    config.remotes.iter().find(|remote| remote.name == name).ok_or_else(unknown)
}

pub fn echo_remote(session: &Session, query: &EchoRemote) -> Result<EchoView, EngineError> {
    let shared = &session.engine.shared;
    let config = shared.config();
    let remote = named(&config, &query.remote)?;
    let began = Instant::now();
    let asked = on_own_thread(|| open_archive(&address_of(&shared.root, &config, remote)?)?.echo());
    let ms = began.elapsed().as_millis() as u64;
    session.engine.health.note(&remote.name, asked.as_ref().err().map(RequestError::in_short));
    let reason = asked.err().map(|error| error.to_string());
    Ok(EchoView { remote: remote.name.clone(), ok: reason.is_none(), ms, reason })
}

/// Does something with an archive on a thread of its own: whoever asks may be within a runtime.
pub fn on_own_thread<T: Send>(
    act: impl FnOnce() -> Result<T, RequestError> + Send,
) -> Result<T, RequestError> {
    let ended = || RequestError::Here("the connection failed".into());
    std::thread::scope(|scope| scope.spawn(act).join().unwrap_or_else(|_| Err(ended())))
}
