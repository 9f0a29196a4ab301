//! Decoded slices: what is wanted first is decoded first, on threads of its own, within a bound of memory.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::bytes::ByteSource;
use crate::engine::query::FrameRef;
use crate::engine::tools::picture;
use crate::engine::{Client, EngineError};
use crate::render::Slice;

/// A slice, or why there is none.
pub type Decoded = Result<Arc<Slice>, String>;

/// A cache of decoded slices that fills itself in the order of what is wanted.
pub struct SliceStore {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<SliceState>,
    wake: Condvar,
}

#[derive(Default)]
struct SliceState {
    wanted: Vec<FrameRef>,
    busy: Vec<FrameRef>,
    slices: HashMap<FrameRef, (Decoded, u64)>,
    bytes: usize,
    limit: usize,
    clock: u64,
    ended: bool,
}

impl SliceStore {
    /// Holds at most `limit` bytes of pixels beyond what is wanted; `ready` is called when a slice has come.
    pub fn new(
        client: &Arc<dyn Client>,
        threads: usize,
        limit: usize,
        ready: impl Fn() + Send + Clone + 'static,
    ) -> Self {
        let state = Mutex::new(SliceState { limit, ..SliceState::default() });
        let shared = Arc::new(Shared { state, wake: Condvar::new() });
        for _ in 0..threads {
            let (shared, client, ready) = (Arc::clone(&shared), Arc::clone(client), ready.clone());
            let work = move || shared.work(client.as_ref(), &ready);
            // Without a thread slices never come, and the screen says that it waits for them.
            let _ = std::thread::Builder::new().name("slices".into()).spawn(work);
        }
        Self { shared }
    }

    /// What is to be decoded now, the most urgent first; replaces what was wanted before.
    pub fn want(&self, frames: Vec<FrameRef>) {
        self.shared.lock().wanted = frames;
        self.shared.wake.notify_all();
    }

    /// A slice if it is decoded.
    pub fn get(&self, frame: &FrameRef) -> Option<Decoded> {
        let mut state = self.shared.lock();
        state.clock += 1;
        let clock = state.clock;
        state.slices.get_mut(frame).map(|(decoded, used)| {
            *used = clock;
            decoded.clone()
        })
    }
}

impl Drop for SliceStore {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    /// A worker never panics while it holds the lock, so a poisoned one is still whole.
    fn lock(&self) -> MutexGuard<'_, SliceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, client: &dyn Client, ready: &impl Fn()) {
        let mut open = None;
        while let Some(frame) = self.next() {
            let decoded = catch_unwind(AssertUnwindSafe(|| decode(client, &frame, &mut open)))
                .unwrap_or_else(|_| Err("the decoder failed on this slice".into()));
            let mut state = self.lock();
            state.busy.retain(|busy| *busy != frame);
            state.insert(frame, decoded);
            drop(state);
            ready();
        }
    }

    fn next(&self) -> Option<FrameRef> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            let open = |frame: &&FrameRef| !state.slices.contains_key(*frame) && !state.busy.contains(*frame);
            if let Some(frame) = state.wanted.iter().find(open).cloned() {
                state.busy.push(frame.clone());
                return Some(frame);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl SliceState {
    fn insert(&mut self, frame: FrameRef, decoded: Decoded) {
        self.clock += 1;
        self.bytes += decoded.as_ref().map_or(0, |slice| slice.bytes());
        self.slices.insert(frame, (decoded, self.clock));
        while self.bytes > self.limit {
            let oldest =
                self.slices.iter().min_by_key(|(_, (_, used))| *used).map(|(frame, _)| frame.clone());
            let Some(oldest) = oldest.filter(|_| self.slices.len() > 1) else { break };
            if let Some((Ok(slice), _)) = self.slices.remove(&oldest) {
                self.bytes -= slice.bytes();
            }
            // What had to go must not come back at once: the rest of the list does not fit.
            if let Some(place) = self.wanted.iter().position(|wanted| *wanted == oldest) {
                self.wanted.truncate(place);
            }
        }
    }
}

/// Decodes a frame. The file that the last one was of stays open: a cine is not fetched and verified for each of its.
fn decode(
    client: &dyn Client,
    frame: &FrameRef,
    open: &mut Option<(String, ByteSource<'static>)>,
) -> Decoded {
    let bytes = match open.take() {
        Some((blob, bytes)) if blob == frame.blob => bytes,
        _ => client.blob(&frame.blob).map_err(|error: EngineError| error.to_string())?,
    };
    let slice = picture(&bytes, frame.frame).map(Arc::new).map_err(|error| error.to_string());
    *open = Some((frame.blob.clone(), bytes));
    slice
}
