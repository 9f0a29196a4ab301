//! DICOMweb over what is stored, for viewers: QIDO-RS and WADO-RS out, STOW-RS in (PS3.18). Who comes is known by their token.
//!
//! Nothing that identifies a person is served: what is here is de-identified, and UIDs are the workspace's own.

mod qido;
mod reply;
mod route;
mod stored;
mod stow;
mod wado;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN, VARY,
    WWW_AUTHENTICATE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::reply::{Body, Refused, Reply, response};
use self::route::{NoRoute, Place, Route};
use crate::config::Web as WebConfig;
use crate::engine::{Engine, Session};
use crate::model::Tag;
use crate::model::words::io_error;
use crate::net::server as tls_server;
use crate::pipeline::tls_files;
use crate::source::Arrivals;

/// Connections of one server, at most.
const MOST_CONNECTIONS: usize = 512;
/// Requests that are worked on at a time.
const AT_ONCE: usize = 32;
/// Requests whose objects are taken at a time.
const STORING: usize = 8;
/// How long a client may take for the head of a request, and for a greeting.
const GREETING: Duration = Duration::from_secs(15);
/// The head of a request is not longer.
const LONGEST_HEAD: usize = 64 << 10;
/// Between two tries to bind an address that is taken.
const BIND_AGAIN: Duration = Duration::from_secs(2);
/// How long requests have to end when all stops.
const ENDING: Duration = Duration::from_secs(3);

/// Serves the `[[web]]` sections of a workspace until it is dropped.
pub struct Web {
    runtime: Option<Runtime>,
    stop: watch::Sender<bool>,
    problems: Problems,
}

/// Why a server is not there, by its address.
type Problems = Arc<Mutex<BTreeMap<String, String>>>;

/// What every request needs.
struct Served {
    engine: Arc<Engine>,
    config: WebConfig,
    arrivals: Arc<Arrivals>,
    at_once: Arc<Semaphore>,
    storing: Arc<Semaphore>,
}

impl Web {
    /// Starts serving what the configuration asks for.
    ///
    /// # Errors
    /// This machine refuses.
    pub fn start(engine: &Arc<Engine>) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let problems = Problems::default();
        let configured = engine.shared().config().web.clone();
        if configured.is_empty() || engine.is_read_only() {
            return Ok(Self { runtime: None, stop, problems });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("web").enable_all().build()?;
        let folder = engine.shared().received.with_file_name("stowed");
        // Nobody was told that what lies there was stored.
        let _ = std::fs::remove_dir_all(&folder);
        let arrivals = Arc::new(Arrivals::open(&folder)?);
        for config in configured {
            let served = Served {
                engine: engine.clone(),
                config,
                arrivals: arrivals.clone(),
                at_once: Arc::new(Semaphore::new(AT_ONCE)),
                storing: Arc::new(Semaphore::new(STORING)),
            };
            runtime.spawn(serve(Arc::new(served), problems.clone(), stopped.clone()));
        }
        Ok(Self { runtime: Some(runtime), stop, problems })
    }

    /// Why an address is not served, where that is so.
    pub fn problems(&self) -> Vec<(String, String)> {
        let all = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(bind, why)| (bind.clone(), why.clone())).collect()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(ENDING);
        }
    }
}

/// Returns when all is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Accepts connections until all stops.
async fn serve(served: Arc<Served>, problems: Problems, mut stop: watch::Receiver<bool>) {
    let bind = served.config.bind.clone();
    let say = |why: Option<String>| {
        let mut all = problems.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => {
                if all.get(&bind) != Some(&why) {
                    tracing::error!("web {bind}: {why}");
                }
                all.insert(bind.clone(), why);
            }
            None => {
                all.remove(&bind);
            }
        }
    };
    let (socket, tls) = loop {
        match ready(&served).await {
            Ok(ready) => break ready,
            Err(why) => say(Some(why)),
        }
        tokio::select! {
            () = tokio::time::sleep(BIND_AGAIN) => {}
            () = stopped(&mut stop) => return,
        }
    };
    say(None);
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(room) = connections.clone().acquire_owned().await else { return };
        let stream = tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("web {bind}: {}", io_error(&error));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => return,
        };
        let (served, tls) = (served.clone(), tls.clone());
        tokio::spawn(async move {
            let _room = room;
            connection(served, stream, tls).await;
        });
    }
}

type Ready = (TcpListener, Option<tokio_rustls::TlsAcceptor>);

async fn ready(served: &Served) -> Result<Ready, String> {
    let config = &served.config;
    let tls = config.tls.as_ref();
    let tls = tls.map(|tls| tls_server(&tls_files(served.engine.workspace().root(), tls)));
    let tls = tls.transpose().map_err(|error| error.to_string())?.map(tokio_rustls::TlsAcceptor::from);
    let socket = TcpListener::bind(&config.bind)
        .await
        .map_err(|error| format!("it cannot be bound: {}", io_error(&error)))?;
    Ok((socket, tls))
}

async fn connection(served: Arc<Served>, stream: TcpStream, tls: Option<tokio_rustls::TlsAcceptor>) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let served = served.clone();
        async move { Ok::<_, Infallible>(answer(&served, request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(GREETING).max_buf_size(LONGEST_HEAD).max_headers(64);
    // Why a connection ended early concerns its client alone.
    let _ = match tls {
        None => http.serve_connection(TokioIo::new(stream), answer).await,
        Some(tls) => match tokio::time::timeout(GREETING, tls.accept(stream)).await {
            Ok(Ok(stream)) => http.serve_connection(TokioIo::new(stream), answer).await,
            _ => return,
        },
    };
}

async fn answer(served: &Arc<Served>, request: Request<Incoming>) -> Response<Body> {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = match request.method().as_str() {
        // A browser asks whether it may ask; nothing is told.
        "OPTIONS" => {
            response(Ok(Reply::Whole(StatusCode::NO_CONTENT, "text/plain".into(), Vec::new())), None)
        }
        _ => {
            let (reply, turn) = match handled(served, request).await {
                Ok((reply, turn)) => (Ok(reply), turn),
                Err(refused) => (Err(refused), None),
            };
            let is_unknown = matches!(&reply, Err(Refused(StatusCode::UNAUTHORIZED, _)));
            let mut response = response(reply, turn);
            if is_unknown {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("cache-control"), HeaderValue::from_static("private, no-store"));
    let is_known = |origin: &HeaderValue| {
        origin.to_str().is_ok_and(|o| served.config.origins.iter().any(|known| known == o || known == "*"))
    };
    if let Some(origin) = origin.filter(is_known) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, OPTIONS"));
        let asked = HeaderValue::from_static("Authorization, Content-Type, Accept");
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Content-Type, Content-Location"),
        );
    }
    response
}

/// An answer, with the turn that is held until it is made.
type Handled = Result<(Reply, Option<OwnedSemaphorePermit>), Refused>;

async fn turn(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refused> {
    let ended = |_| Refused::new(StatusCode::SERVICE_UNAVAILABLE, "all ends here");
    of.clone().acquire_owned().await.map_err(ended)
}

async fn handled(served: &Arc<Served>, request: Request<Incoming>) -> Handled {
    let session = session(served, &request).await?;
    let route =
        route::route(request.method().as_str(), request.uri().path()).map_err(|error| match error {
            NoRoute::NotFound => Refused::not_found(),
            NoRoute::Method => Refused::new(StatusCode::METHOD_NOT_ALLOWED, "it is there, and not for this"),
        })?;
    let header = |name: HeaderName| {
        let all = request.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
        all.collect::<Vec<_>>().join(", ")
    };
    let accept = header(ACCEPT);
    if let Route::Store(study) = route {
        let content_type = header(CONTENT_TYPE);
        let _turn = turn(&served.storing).await?;
        let arrivals = served.arrivals.clone();
        let reply = stow::store(session, arrivals, (content_type, study), request.into_body()).await?;
        return Ok((reply, None));
    }
    let pairs = route::pairs(request.uri().query().unwrap_or_default());
    // Held by the work itself: who hangs up leaves it to its end.
    let turn = turn(&served.at_once).await?;
    let work = tokio::task::spawn_blocking(move || (read(&session, route, &pairs, &accept), turn));
    match work.await {
        Ok((reply, turn)) => Ok((reply?, Some(turn))),
        Err(_) => Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "it failed here")),
    }
}

/// The session of who has shown a token, in the header that is for it and nowhere else.
async fn session(served: &Arc<Served>, request: &Request<Incoming>) -> Result<Session, Refused> {
    let unknown = || Refused::new(StatusCode::UNAUTHORIZED, "a token is needed: Authorization: Bearer …");
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let token = token.filter(|token| (16..=256).contains(&token.len())).ok_or_else(unknown)?;
    let engine = served.engine.clone();
    let known = tokio::task::spawn_blocking(move || engine.session_of_token(&token)).await;
    match known {
        Ok(Ok(Some(session))) => Ok(session),
        Ok(Ok(None)) => Err(unknown()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "it failed here")),
    }
}

fn read(session: &Session, route: Route, pairs: &[(String, String)], accept: &str) -> Result<Reply, Refused> {
    let search = |place: &Place| qido::Search::of(place, pairs);
    match route {
        Route::Capabilities => Ok(capabilities()),
        Route::Studies => qido::studies(session, &search(&Place::default())?),
        Route::Series(place) => qido::series(session, &search(&place)?),
        Route::Instances(place) => qido::instances(session, &search(&place)?),
        Route::Files(place) => wado::files(session, &place, accept),
        Route::Metadata(place) => wado::headers(session, &place, accept),
        Route::Frames(place, numbers) => wado::frames(session, &place, &numbers, accept),
        Route::Rendered(place, frame) => wado::rendered(session, &place, frame, accept),
        Route::Bulk(place, tag) => wado::bulk(session, &place, Tag(tag)),
        Route::Store(_) => Err(Refused::not_found()),
    }
}

/// What can be asked for (PS3.18 clause 8.9), as WADL.
fn capabilities() -> Reply {
    let wadl = include_str!("capabilities.wadl").to_owned();
    Reply::Whole(StatusCode::OK, "application/vnd.sun.wadl+xml".into(), wadl.into_bytes())
}
