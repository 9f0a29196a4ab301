//! DICOM listeners: what they receive is on the disk before its sender hears so, and then goes the way of any file.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::commitment::{Place, held};
use super::landed::{Incoming, Landed};
use super::remotes::peer_of;
use super::{Intake, Shared, Tally, now_ms};
use crate::config::{Listener, Tls};
use crate::model::ChangeKind;
use crate::model::words::{io_error, io_words};
use crate::net::{
    Acceptor, Live, ObjectHead, Peer, Provider, Receiver, Reference, Sink, Standing, Status, Summary, Terms,
    TlsFiles, Wire, server,
};
use crate::source::Arrivals;

/// Between two tries to bind an address that is taken.
const BIND_AGAIN: Duration = Duration::from_secs(2);
/// How long what has arrived may lie beside its stored copy before it is removed.
const SETTLE: Duration = Duration::from_millis(500);
/// Files that are handed in before those that are stored are removed.
const HANDED_TOGETHER: u64 = 256;
/// Before what was refused is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// How long associations have to end when all stops.
const ENDING: Duration = Duration::from_secs(5);
/// Connections of a listener without an association, at most; more wait to be accepted.
const MOST_CONNECTIONS: usize = 2_048;

/// What a listener is doing.
#[derive(Debug, Default)]
pub struct ListenerState {
    /// Associations that stand.
    pub standing: Standing,
    /// Associations that have stood since start.
    pub associations: AtomicU64,
    /// Objects that were taken since start, of those that have ended.
    pub objects: AtomicU64,
    /// Objects that were refused since start.
    pub refused: AtomicU64,
    /// Files that have arrived and were not handed in.
    pub waiting: AtomicU64,
    /// Why nobody can call, where that is so.
    obstacle: Mutex<Option<String>>,
}

impl ListenerState {
    /// Why nobody can call, where that is so.
    pub fn obstacle(&self) -> Option<String> {
        self.obstacle.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_obstacle(&self, why: Option<String>) {
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// Every listener of the configuration.
#[derive(Default)]
pub struct Listeners {
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    runtime: Option<Runtime>,
    each: BTreeMap<String, One>,
}

struct One {
    listener: Listener,
    stop: watch::Sender<bool>,
    state: Arc<ListenerState>,
    tally: Arc<Tally>,
    ending: Arc<Ending>,
    thread: Option<JoinHandle<()>>,
}

/// How the way into the pipeline ends.
#[derive(Debug, Default)]
struct Ending {
    /// When nothing waits any more.
    is_asked: AtomicBool,
    /// What waits stays where it lies.
    is_at_once: AtomicBool,
}

impl Listeners {
    /// Starts listeners that are new or have changed, and stops those that are gone.
    pub fn follow_config(&self, shared: &Arc<Shared>, intake: &Arc<Intake>) {
        let wanted = shared.config().listeners.clone();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Running { runtime, each } = &mut *running;
        each.retain(|_, one| {
            let stays = wanted.contains(&one.listener);
            if !stays {
                one.end();
            }
            stays
        });
        if wanted.is_empty() {
            return;
        }
        let runtime = match runtime {
            Some(runtime) => runtime,
            None => {
                match tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("listener").build()
                {
                    Ok(new) => runtime.insert(new),
                    Err(error) => {
                        tracing::error!("no listener can be started: {}", io_error(&error));
                        return;
                    }
                }
            }
        };
        for listener in wanted {
            each.entry(listener.name.clone())
                .or_insert_with(|| One::start(listener, shared, intake, runtime));
        }
        shared.bus.tell(ChangeKind::Sources);
    }

    /// What a listener is doing, and what became of what it has received since start.
    pub fn state(&self, name: &str) -> Option<(Arc<ListenerState>, Arc<Tally>)> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.each.get(name).map(|one| (one.state.clone(), one.tally.clone()))
    }

    /// Whether any listener is served.
    pub fn is_serving(&self) -> bool {
        !self.running.lock().unwrap_or_else(PoisonError::into_inner).each.is_empty()
    }

    /// Files that have arrived and are not dealt with.
    pub fn pending(&self) -> u64 {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.each.values().map(|one| one.state.waiting.load(Ordering::Relaxed) + one.tally.open()).sum()
    }

    /// Nobody may call any more; who does is let finish for a moment. What was handed in is dealt with; what has arrived and was
    /// not lies where it is for the next start.
    pub fn stop(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for one in running.each.values() {
            one.stop.send_replace(true);
        }
        let until = Instant::now() + ENDING;
        while Instant::now() < until && running.each.values().any(|one| !one.state.standing.list().is_empty())
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(runtime) = running.runtime.take() {
            runtime.shutdown_timeout(ENDING);
        }
        for one in running.each.values_mut() {
            one.ending.is_at_once.store(true, Ordering::Relaxed);
            one.end();
        }
        for one in running.each.values() {
            while one.tally.open() > 0 {
                one.tally.wait(Duration::from_millis(200));
            }
        }
    }
}

impl One {
    fn start(listener: Listener, shared: &Arc<Shared>, intake: &Arc<Intake>, runtime: &Runtime) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (state, tally) = (Arc::new(ListenerState::default()), Arc::new(Tally::default()));
        let (arrived, queue) = mpsc::channel::<PathBuf>();
        let ending = Arc::new(Ending::default());
        let landed = Landed::of_listener(shared, &listener);
        let before = landed.left(shared);
        let thread = {
            let (shared, intake) = (shared.clone(), intake.clone());
            let (state, tally, ending) = (state.clone(), tally.clone(), ending.clone());
            std::thread::spawn(move || {
                let line =
                    Line { landed: &landed, shared: &shared, intake: &intake, state: &state, tally: &tally };
                line.hand_in_all(before, &queue, &ending);
            })
        };
        let (serving, shared, its) = (listener.clone(), shared.clone(), state.clone());
        runtime.spawn(async move { serve(serving, shared, its, arrived, stopped).await });
        Self { listener, stop, state, tally, ending, thread: Some(thread) }
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        self.ending.is_asked.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The way from the folder into the pipeline.
struct Line<'l> {
    landed: &'l Landed,
    shared: &'l Shared,
    intake: &'l Intake,
    state: &'l ListenerState,
    tally: &'l Arc<Tally>,
}

impl Line<'_> {
    /// Hands in what lay there, then what arrives, until nobody receives any more. What the disk or the database has refused
    /// is tried again.
    fn hand_in_all(&self, before: Vec<PathBuf>, queue: &mpsc::Receiver<PathBuf>, ending: &Ending) {
        self.state.waiting.fetch_add(before.len() as u64, Ordering::Relaxed);
        let (mut before, mut unsettled, mut failed) = (VecDeque::from(before), 0, 0);
        loop {
            let next = before.pop_front().map_or_else(|| queue.recv_timeout(SETTLE), Ok);
            let is_pause = next.is_err();
            match next {
                Ok(path) => {
                    if !ending.is_at_once.load(Ordering::Relaxed) {
                        self.hand_in(&path);
                        unsettled += 1;
                    }
                    self.state.waiting.fetch_sub(1, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) if !ending.is_asked.load(Ordering::Relaxed) => {}
                Err(_) => break,
            }
            if unsettled >= HANDED_TOGETHER || is_pause && unsettled > 0 {
                let open = self.tally.open();
                self.landed.dispose(self.shared);
                unsettled = open;
                let now = self.tally.counts().failed;
                if open == 0 && now > failed {
                    failed = now;
                    std::thread::sleep(AGAIN);
                    before.extend(self.landed.left(self.shared));
                    self.state.waiting.fetch_add(before.len() as u64, Ordering::Relaxed);
                }
            }
        }
        while self.tally.open() > 0 {
            self.tally.wait(Duration::from_millis(200));
        }
        self.landed.dispose(self.shared);
    }

    fn hand_in(&self, path: &Path) {
        if let Some(found) = self.landed.found(path) {
            self.intake.hand_in(found, self.tally);
        }
    }
}

/// Returns when all is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Accepts connections until all stops.
async fn serve(
    listener: Listener,
    shared: Arc<Shared>,
    state: Arc<ListenerState>,
    arrived: Sender<PathBuf>,
    mut stop: watch::Receiver<bool>,
) {
    let ready = loop {
        match ready(&listener, &shared).await {
            Ok(ready) => break ready,
            Err(why) => {
                if state.obstacle().as_deref() != Some(&*why) {
                    tracing::error!("listener {}: {why}", listener.name);
                }
                state.set_obstacle(Some(why));
                shared.bus.tell(ChangeKind::Sources);
            }
        }
        tokio::select! {
            () = sleep(BIND_AGAIN) => {}
            () = stopped(&mut stop) => return,
        }
    };
    state.set_obstacle(None);
    shared.bus.tell(ChangeKind::Sources);
    let (socket, tls, arrivals) = ready;
    let seconds = Duration::from_secs;
    let receiver = Received {
        shared: shared.clone(),
        arrivals: Arc::new(arrivals),
        state: state.clone(),
        arrived: Mutex::new(arrived),
    };
    let acceptor = Arc::new(Acceptor {
        terms: Terms {
            ae_title: listener.ae_title.clone(),
            callers: listener.callers.clone(),
            max_pdu: listener.max_pdu,
            artim: seconds(listener.artim_s),
            idle: seconds(listener.idle_s),
        },
        receiver: Arc::new(receiver),
        slots: Arc::new(Semaphore::new(listener.max_associations as usize)),
        stop: stop.clone(),
    });
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(room) = connections.clone().acquire_owned().await else { return };
        let stream = tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("listener {}: {}", listener.name, io_error(&error));
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => return,
        };
        let (acceptor, tls, shared) = (acceptor.clone(), tls.clone(), shared.clone());
        let (state, name) = (state.clone(), listener.name.clone());
        tokio::spawn(async move {
            let _room = room;
            let Some(wire) = wire(stream, tls, acceptor.terms.artim).await else { return };
            // Held until the trail has told of it.
            let standing = Arc::new(OnceLock::new());
            let told = |live: &Arc<Live>| {
                state.associations.fetch_add(1, Ordering::Relaxed);
                state.standing.add(live);
                let _ = standing.set(live.clone());
                shared.bus.tell(ChangeKind::Sources);
            };
            if let Some(summary) = acceptor.serve(wire, told).await {
                tokio::task::block_in_place(|| ended(&shared, &state, &name, &summary));
            }
        });
    }
}

/// The files of an encrypted listener of the workspace at `root`.
pub fn tls_files(root: &Path, tls: &Tls) -> TlsFiles {
    let at = |path: &PathBuf| root.join(path);
    TlsFiles { cert: at(&tls.cert), key: at(&tls.key), client_ca: tls.client_ca.as_ref().map(at) }
}

type Ready = (TcpListener, Option<tokio_rustls::TlsAcceptor>, Arrivals);

/// Everything that a listener needs, or what is in its way.
async fn ready(listener: &Listener, shared: &Shared) -> Result<Ready, String> {
    let folder = Landed::of_listener(shared, listener).folder;
    let arrivals =
        Arrivals::open(&folder).map_err(|error| format!("nothing can be received: {}", io_error(&error)))?;
    let tls = listener.tls.as_ref();
    let tls = tls.map(|tls| server(&tls_files(&shared.root, tls)).map(tokio_rustls::TlsAcceptor::from));
    let tls = tls.transpose().map_err(|error| error.to_string())?;
    let socket = TcpListener::bind(&listener.bind)
        .await
        .map_err(|error| format!("{} cannot be bound: {}", listener.bind, io_error(&error)))?;
    Ok((socket, tls, arrivals))
}

/// The connection, encrypted where that is asked for; `None` where it came to nothing.
async fn wire(stream: TcpStream, tls: Option<tokio_rustls::TlsAcceptor>, patience: Duration) -> Option<Wire> {
    let _ = stream.set_nodelay(true);
    match tls {
        None => Some(Wire::new(stream)),
        Some(tls) => match timeout(patience, tls.accept(stream)).await {
            Ok(Ok(stream)) => Some(Wire::new(stream)),
            Ok(Err(error)) => {
                tracing::warn!("an encrypted connection came to nothing: {}", io_words(error.kind()));
                None
            }
            Err(_) => None,
        },
    }
}

/// The trail tells of an association that has ended.
fn ended(shared: &Shared, state: &ListenerState, name: &str, summary: &Summary) {
    state.objects.fetch_add(summary.objects, Ordering::Relaxed);
    let refused: u64 = summary.refused.iter().map(|r| r.count).sum();
    state.refused.fetch_add(refused, Ordering::Relaxed);
    let statuses: Vec<_> = summary
        .refused
        .iter()
        .map(|r| json!({ "status": format!("{:04X}", r.status.0), "count": r.count }))
        .collect();
    let detail = json!({
        "caller": summary.caller, "called": summary.called, "objects": summary.objects, "bytes": summary.bytes,
        "refused": statuses, "elapsed_ms": summary.elapsed_ms,
    });
    let object = format!("listener {name}");
    let said = shared
        .catalog
        .write_derived(|tx| tx.audit(now_ms(), "gantry", "listener.association", &object, &detail));
    if let Err(error) = said {
        tracing::error!("the trail does not tell of an association of {:?}: {error}", summary.caller);
    }
    shared.bus.tell(ChangeKind::Sources);
}

/// Takes objects into the folder of a listener.
struct Received {
    shared: Arc<Shared>,
    arrivals: Arc<Arrivals>,
    state: Arc<ListenerState>,
    arrived: Mutex<Sender<PathBuf>>,
}

impl Receiver for Received {
    fn begin(&self, head: &ObjectHead<'_>) -> Result<Box<dyn Sink>, Status> {
        if !self.arrivals.has_room(0).unwrap_or(false) {
            return Err(Status::OUT_OF_RESOURCES);
        }
        if head.sop_uid.is_empty() {
            return Err(Status::INVALID_ARGUMENT);
        }
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Box::new(Arriving {
            object: Incoming::object(&self.arrivals, head),
            state: self.state.clone(),
            arrived,
        }))
    }
}

impl Provider for Received {
    fn held(&self, references: &[Reference]) -> Vec<Status> {
        held(&self.shared, references)
            .into_iter()
            .map(|place| match place {
                Place::Held => Status::SUCCESS,
                Place::OtherClass => Status::CLASS_CONFLICT,
                Place::Unknown => Status::NO_SUCH_INSTANCE,
            })
            .collect()
    }

    fn peer(&self, title: &str) -> Option<Peer> {
        let config = self.shared.config();
        config.remotes.iter().find_map(|remote| {
            peer_of(&self.shared, remote).ok().flatten().filter(|peer| peer.theirs == title)
        })
    }
}

/// One object on its way to the disk.
struct Arriving {
    object: Incoming,
    state: Arc<ListenerState>,
    arrived: Sender<PathBuf>,
}

impl Sink for Arriving {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Status> {
        self.object.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<(), Status> {
        let path = self.object.finish()?;
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        // Where nobody takes it any more it lies there for the next start.
        let _ = self.arrived.send(path);
        Ok(())
    }
}
