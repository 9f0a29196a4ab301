//! Pulling: what an archive holds and is not here yet is fetched, and goes the way of any file.
//!
//! Nothing is kept of how far a pull was: what is here is here, and the next pull asks again for what is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::commitment::{Landings, is_stored, named_at, on_the_landing_side};
use super::landed::{Incoming, Landed};
use super::remotes::{address_of, move_destination_of, search};
use super::{Intake, Progress, Shared, Tally};
use crate::config::Remote;
use crate::model::tags;
use crate::model::words::io_error;
use crate::net::{
    Address, Fetched, FileReceiver, Key, Level, ObjectHead, Receiver, RequestError, Sink, Status, Wanted,
    open_archive,
};
use crate::source::Arrivals;

/// Series that are pulled at a time: of a DICOM application, of a DICOMweb service.
const PARALLEL: (u32, u32) = (2, 4);
/// How long what was moved may be on its way to its listener.
const ON_ITS_WAY: Duration = Duration::from_secs(10);
/// Rounds in which what has not come is asked for.
const ROUNDS: u32 = 3;

/// What is pulled.
#[derive(Debug, Clone, Default)]
pub struct PullTerms {
    /// What it has to be.
    pub keys: Vec<Key>,
    /// Studies, or series where `by_series`, at most.
    pub limit: Option<u64>,
    /// The limit counts series.
    pub by_series: bool,
    /// Nothing is fetched.
    pub is_dry: bool,
    /// Nothing is begun after this.
    pub until: Option<Instant>,
    /// Nothing is begun once this is set.
    pub stop: Arc<AtomicBool>,
    /// A listener of ours is served: objects may be moved to it.
    pub is_listening: bool,
}

impl PullTerms {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// What came of a pull, in instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullEnd {
    /// The archive holds them.
    pub found: u64,
    /// Of these were here before.
    pub here: u64,
    /// Came.
    pub pulled: u64,
    /// Did not come, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Were not asked for any more: the time was up.
    pub left: u64,
    /// The archive counts them, and does not list them.
    pub unlisted: u64,
}

/// Pulls from a remote.
///
/// # Errors
/// It cannot be asked, or nothing can be taken.
pub fn pull(
    shared: &Shared,
    intake: &Arc<Intake>,
    (remote, terms): (&Remote, &PullTerms),
    tally: &Arc<Tally>,
    progress: &Arc<Progress>,
) -> Result<PullEnd, RequestError> {
    let address = address_of(&shared.root, &shared.config(), remote)?;
    let landed = Landed::of_remote(shared, remote);
    // What a pull that was cut off has left.
    landed.take_up(shared, intake, tally);
    let landings = on_the_landing_side(shared);
    let Listing { missing, found, unlisted } = list(shared, &landings, &address, terms)?;
    let wanted: u64 = missing.iter().map(|series| series.instances.len() as u64).sum();
    let mut end = PullEnd { found, here: found - wanted, unlisted, ..PullEnd::default() };
    if terms.is_dry || wanted == 0 {
        return Ok(end);
    }
    progress.expect_total(wanted);
    let arrivals = Arrivals::open(&landed.folder)
        .map_err(|error| RequestError::Here(format!("nothing can be taken: {}", io_error(&error))))?;
    let receiver = PullReceiver(Arc::new(Taking {
        intake: intake.clone(),
        landed: landed.clone(),
        arrivals: Arc::new(arrivals),
        tally: tally.clone(),
        progress: progress.clone(),
        wanted: missing.iter().flat_map(|s| s.instances.iter().map(|(uid, _)| uid.clone())).collect(),
        taken: Mutex::default(),
        rejected: landings.rejected,
    }));
    let crew = Crew {
        shared,
        remote,
        terms,
        receiver: &receiver,
        queue: Mutex::new(missing.into()),
        reasons: Mutex::default(),
        address: Mutex::new(address),
        dead: Mutex::default(),
        is_moved: Mutex::default(),
        left: Mutex::default(),
    };
    let failed = crew.fetch();
    end.left = *crew.left.lock().unwrap_or_else(PoisonError::into_inner);
    end.pulled = wanted - failed.values().sum::<u64>() - end.left;
    end.failed = failed;
    landed.settle(shared, tally);
    Ok(end)
}

/// What an archive holds of what is asked for.
struct Listing {
    /// Series with what is not here.
    missing: Vec<Wanted>,
    /// Instances that were found.
    found: u64,
    /// Instances that the archive counts beside, and does not list.
    unlisted: u64,
}

/// A series that is asked for, with how many instances the archive counts.
struct Chosen {
    study: String,
    series: String,
    counted: Option<u64>,
}

/// Goes through every study that is asked for until the limit of those with something missing.
fn list(
    shared: &Shared,
    landings: &Landings,
    address: &Address,
    terms: &PullTerms,
) -> Result<Listing, RequestError> {
    let mut archive = open_archive(address)?;
    let mut chosen: Vec<Chosen> = Vec::new();
    search(&mut *archive, Level::Series, &terms.keys, &mut |series| {
        if let (Some(study), Some(uid)) =
            (series.uid(tags::STUDY_INSTANCE_UID), series.uid(tags::SERIES_INSTANCE_UID))
        {
            let counted = series.get(tags::NUMBER_OF_SERIES_RELATED_INSTANCES).trim().parse().ok();
            chosen.push(Chosen { study: study.to_owned(), series: uid.to_owned(), counted });
        }
        !terms.is_over()
    })?;
    let of_instance: Vec<Key> =
        terms.keys.iter().filter(|key| Level::of(key.tag) == Level::Instance).cloned().collect();
    let mut listing = Listing { missing: Vec::new(), found: 0, unlisted: 0 };
    let mut studies = BTreeSet::new();
    for Chosen { study, series, counted } in chosen {
        let units = if terms.by_series { listing.missing.len() } else { studies.len() } as u64;
        let is_new = terms.by_series || !studies.contains(&study);
        if terms.is_over() || is_new && terms.limit.is_some_and(|limit| units >= limit) {
            break;
        }
        let mut of_series =
            vec![Key::new(tags::STUDY_INSTANCE_UID, &study), Key::new(tags::SERIES_INSTANCE_UID, &series)];
        of_series.extend(of_instance.iter().cloned());
        let mut instances = Vec::new();
        archive.find(Level::Instance, &of_series, &mut |found| {
            if let Some(uid) = found.uid(tags::SOP_INSTANCE_UID) {
                let class = found.uid(tags::SOP_CLASS_UID).unwrap_or_default();
                instances.push((uid.to_owned(), class.to_owned()));
            }
            true
        })?;
        let all = instances.len();
        listing.found += all as u64;
        if of_instance.is_empty() {
            listing.unlisted += counted.unwrap_or(0).saturating_sub(all as u64);
        }
        instances.retain(|(uid, _)| !landings.instances.contains_key(uid) && !is_stored(shared, uid));
        if !instances.is_empty() {
            let is_whole = of_instance.is_empty() && instances.len() == all;
            studies.insert(study.clone());
            listing.missing.push(Wanted { study, series, instances, is_whole });
        }
    }
    Ok(listing)
}

/// An archive, and where it moves objects to, where it does.
struct Opened {
    archive: Box<dyn crate::net::Archive>,
    move_destination: Option<String>,
}

/// Those who fetch, series by series.
struct Crew<'c> {
    shared: &'c Shared,
    remote: &'c Remote,
    terms: &'c PullTerms,
    receiver: &'c PullReceiver,
    queue: Mutex<VecDeque<Wanted>>,
    /// Instances that did not come, by reason.
    reasons: Mutex<BTreeMap<String, u64>>,
    address: Mutex<Address>,
    /// Why nothing more can be asked.
    dead: Mutex<Option<RequestError>>,
    /// What was moved to a listener.
    is_moved: Mutex<BTreeSet<String>>,
    left: Mutex<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Crew<'_> {
    /// Fetches everything; what did not come, by reason.
    fn fetch(&self) -> BTreeMap<String, u64> {
        let usual = match *lock(&self.address) {
            Address::Dicom { .. } => PARALLEL.0,
            Address::Web { .. } => PARALLEL.1,
        };
        let series = lock(&self.queue).len() as u32;
        let workers = self.remote.parallel.unwrap_or(usual).min(series);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| self.work());
            }
        });
        if let Some(error) = lock(&self.dead).take() {
            let rest: u64 = lock(&self.queue).drain(..).map(|series| series.instances.len() as u64).sum();
            if rest > 0 {
                *lock(&self.reasons).entry(error.to_string()).or_default() += rest;
            }
        }
        std::mem::take(&mut *lock(&self.reasons))
    }

    fn work(&self) {
        let mut archive: Option<Opened> = None;
        loop {
            if lock(&self.dead).is_some() {
                return;
            }
            let Some(series) = lock(&self.queue).pop_front() else { return };
            if self.terms.is_over() {
                *lock(&self.left) += series.instances.len() as u64;
                continue;
            }
            self.series(&mut archive, series);
        }
    }

    /// Fetches one series, in rounds: a connection that ended is opened again.
    fn series(&self, archive: &mut Option<Opened>, mut series: Wanted) {
        let mut why: Option<String> = None;
        for round in 0..ROUNDS {
            if round > 0 {
                std::thread::sleep(Duration::from_millis(300) * round);
            }
            let asked = self.ask(archive, &series);
            let move_destination = archive.as_ref().and_then(|open| open.move_destination.clone());
            if move_destination.is_some() {
                self.wait_for_moved(&series);
            }
            series
                .instances
                .retain(|(uid, _)| !self.receiver.has(uid) && !lock(&self.is_moved).contains(uid));
            if series.instances.is_empty() {
                return;
            }
            series.is_whole = false;
            match asked {
                Ok(fetched) => {
                    why = fetched.failed.into_iter().next().map(|(why, _)| why).or(why);
                }
                Err(error) => {
                    *archive = None;
                    why = Some(error.to_string());
                    if self.other_way(&error, move_destination.as_deref()) {
                        continue;
                    }
                    let is_over = matches!(
                        error,
                        RequestError::Here(_)
                            | RequestError::NotAccepted(_)
                            | RequestError::Http { status: 401 | 403, .. }
                            | RequestError::NoRoom
                    ) || round + 1 == ROUNDS
                        && matches!(error, RequestError::Unreachable { .. } | RequestError::Rejected(_));
                    if is_over {
                        *lock(&self.dead) = Some(error);
                        break;
                    }
                }
            }
        }
        let why = why.unwrap_or_else(|| "it was asked for and did not come".into());
        *lock(&self.reasons).entry(why).or_default() += series.instances.len() as u64;
    }

    fn ask(&self, archive: &mut Option<Opened>, series: &Wanted) -> Result<Fetched, RequestError> {
        let open = match archive {
            Some(open) => open,
            none => {
                let address = lock(&self.address).clone();
                let move_destination = match &address {
                    Address::Dicom { move_destination, .. } => move_destination.clone(),
                    Address::Web { .. } => None,
                };
                none.insert(Opened { archive: open_archive(&address)?, move_destination })
            }
        };
        open.archive.fetch(series, self.receiver)
    }

    /// An archive that does not do the one may do the other: C-MOVE to a listener of ours instead of C-GET, or C-GET instead.
    /// `tried` is where this one was to move to. Whether it is worth another try.
    fn other_way(&self, error: &RequestError, tried: Option<&str>) -> bool {
        let mut address = lock(&self.address);
        let Address::Dicom { move_destination, .. } = &mut *address else { return false };
        // Another has found out already.
        if move_destination.as_deref() != tried
            && matches!(error, RequestError::NotAccepted(_) | RequestError::Rejected(_))
        {
            return true;
        }
        let config = self.shared.config();
        let way = match (error, &move_destination) {
            (RequestError::NotAccepted("C-GET"), None) if self.terms.is_listening => {
                *move_destination = move_destination_of(&config, self.remote).map(ToOwned::to_owned);
                move_destination.is_some().then_some("C-MOVE")
            }
            (RequestError::NotAccepted("C-MOVE") | RequestError::Rejected(_), Some(_)) => {
                *move_destination = None;
                Some("C-GET")
            }
            _ => None,
        };
        if let Some(way) = way {
            tracing::warn!("{}: {error}; it is tried by {way}", self.remote.name);
        }
        way.is_some()
    }

    /// What was moved comes by a listener of this workspace.
    fn wait_for_moved(&self, series: &Wanted) {
        let until = Instant::now() + ON_ITS_WAY;
        let mut open: BTreeSet<&String> = series.instances.iter().map(|(uid, _)| uid).collect();
        loop {
            open.retain(|uid| !is_stored(self.shared, uid));
            if !open.is_empty() {
                let landed = on_the_landing_side(self.shared).instances;
                // Between the two looks it may have been stored.
                open.retain(|uid| !landed.contains_key(*uid) && !is_stored(self.shared, uid));
            }
            if open.is_empty() || Instant::now() >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let came = series.instances.iter().map(|(uid, _)| uid).filter(|uid| !open.contains(uid));
        let mut moved = lock(&self.is_moved);
        for uid in came {
            if moved.insert(uid.clone()) {
                self.receiver.0.progress.step();
            }
        }
    }
}

/// Takes what comes of a pull.
struct PullReceiver(Arc<Taking>);

struct Taking {
    intake: Arc<Intake>,
    landed: Landed,
    arrivals: Arc<Arrivals>,
    tally: Arc<Tally>,
    progress: Arc<Progress>,
    wanted: BTreeSet<String>,
    taken: Mutex<BTreeSet<String>>,
    /// Files of what was rejected before.
    rejected: BTreeMap<String, PathBuf>,
}

impl Taking {
    /// A file is on the disk: it is taken where it was asked for.
    fn came(&self, path: PathBuf) -> Result<(), Status> {
        let uid = named_at(&path).map(|(_, uid)| uid);
        match uid.filter(|uid| self.wanted.contains(uid)) {
            Some(uid) if lock(&self.taken).insert(uid.clone()) => {
                if let Some(before) = self.rejected.get(&uid) {
                    let _ = std::fs::remove_file(before);
                }
            }
            // A second time, in an answer that was cut off and asked for again.
            Some(_) => {
                let _ = std::fs::remove_file(path);
                return Ok(());
            }
            None => {
                let _ = std::fs::remove_file(path);
                tracing::warn!("{} gave what was not asked for; it was not taken", self.landed.inbox);
                return Err(Status::CANNOT_UNDERSTAND);
            }
        }
        self.progress.step();
        if let Some(found) = self.landed.found(&path) {
            self.intake.hand_in(found, &self.tally);
        }
        Ok(())
    }
}

impl PullReceiver {
    fn sink(&self, object: Incoming) -> Result<Box<dyn Sink>, Status> {
        if !self.0.arrivals.has_room(0).unwrap_or(false) {
            return Err(Status::OUT_OF_RESOURCES);
        }
        Ok(Box::new(PullSink { taking: self.0.clone(), object }))
    }
}

impl Receiver for PullReceiver {
    fn begin(&self, head: &ObjectHead<'_>) -> Result<Box<dyn Sink>, Status> {
        self.sink(Incoming::object(&self.0.arrivals, head))
    }
}

impl FileReceiver for PullReceiver {
    fn begin_file(&self) -> Result<Box<dyn Sink>, Status> {
        self.sink(Incoming::file(&self.0.arrivals))
    }

    fn has(&self, sop_uid: &str) -> bool {
        lock(&self.0.taken).contains(sop_uid)
    }
}

/// One object of a pull.
struct PullSink {
    taking: Arc<Taking>,
    object: Incoming,
}

impl Sink for PullSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Status> {
        self.object.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<(), Status> {
        let path = self.object.finish()?;
        self.taking.came(path)
    }
}
