//! A bounded queue between threads of the line that sleep while they wait, and are woken for many items rather than for
//! each.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Puts items in; the queue ends when the last sender is dropped.
pub struct Sender<T>(Arc<Shared<T>>);

/// Takes items out, each by one of the receivers.
pub struct Receiver<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<ChannelState<T>>,
    capacity: usize,
    /// There is as much as a receiver waits for.
    filled: Condvar,
    /// There is room again.
    drained: Condvar,
}

struct ChannelState<T> {
    items: VecDeque<T>,
    senders: usize,
    receivers: usize,
    /// Senders that wait for room.
    full: usize,
    /// Receivers that wait, and the least that any of them waits for.
    empty: usize,
    wanted: usize,
}

/// A queue of at most `capacity` items.
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = ChannelState {
        items: VecDeque::with_capacity(capacity),
        senders: 1,
        receivers: 1,
        full: 0,
        empty: 0,
        wanted: usize::MAX,
    };
    let shared = Shared {
        state: Mutex::new(state),
        capacity: capacity.max(1),
        filled: Condvar::new(),
        drained: Condvar::new(),
    };
    let shared = Arc::new(shared);
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, ChannelState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes senders when half of the queue is free: they then have something to do for a while.
    fn taken(&self, state: &ChannelState<T>) {
        if state.full > 0 && state.items.len() <= self.capacity / 2 {
            self.drained.notify_all();
        }
    }
}

impl<T> Sender<T> {
    /// Puts an item in, once there is room; whether anybody will take it.
    pub fn send(&self, item: T) -> bool {
        let mut state = self.0.lock();
        while state.receivers > 0 && state.items.len() >= self.0.capacity {
            state.full += 1;
            state = self.0.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.full -= 1;
        }
        if state.receivers == 0 {
            return false;
        }
        state.items.push_back(item);
        if state.empty > 0 && state.items.len() >= state.wanted.min(self.0.capacity) {
            self.0.filled.notify_one();
        }
        true
    }
}

impl<T> Receiver<T> {
    /// The next item; `None` when the queue has ended.
    pub fn next(&self) -> Option<T> {
        let mut state = self.0.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                self.0.taken(&state);
                return Some(item);
            }
            if state.senders == 0 {
                return None;
            }
            state = self.wait(state, 1, None);
        }
    }

    /// Waits for `count` items, at most until a moment, and gives those that there are, in order, as long as `take` says
    /// so; how many it took. For a queue with one receiver.
    pub fn gather(&self, count: usize, until: Instant, mut take: impl FnMut(T) -> bool) -> usize {
        let mut state = self.0.lock();
        let count = count.min(self.0.capacity);
        while state.items.len() < count && state.senders > 0 && Instant::now() < until {
            state = self.wait(state, count, Some(until));
        }
        let mut taken = 0;
        while taken < count
            && let Some(item) = state.items.pop_front()
        {
            taken += 1;
            if !take(item) {
                break;
            }
        }
        self.0.taken(&state);
        taken
    }

    fn wait<'s>(
        &self,
        mut state: MutexGuard<'s, ChannelState<T>>,
        wanted: usize,
        until: Option<Instant>,
    ) -> MutexGuard<'s, ChannelState<T>> {
        state.empty += 1;
        state.wanted = wanted.min(state.wanted);
        let mut state = match until {
            None => self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let patience = until.saturating_duration_since(Instant::now());
                self.0.filled.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.empty -= 1;
        if state.empty == 0 {
            state.wanted = usize::MAX;
        }
        state
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.lock().receivers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.0.filled.notify_all();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receivers -= 1;
        if state.receivers == 0 {
            // Nobody takes them: what they hold on to is let go.
            let left = std::mem::take(&mut state.items);
            self.0.drained.notify_all();
            drop(state);
            drop(left);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn everything_arrives_once_whoever_takes_it() {
        let (send, take) = bounded::<u64>(8);
        let total = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..3)
                .map(|_| {
                    let take = take.clone();
                    scope.spawn(move || {
                        std::iter::from_fn(|| take.next()).fold((0, 0), |(n, sum), v| (n + 1, sum + v))
                    })
                })
                .collect();
            drop(take);
            let senders: Vec<_> = (0..2)
                .map(|s| {
                    let send = send.clone();
                    scope.spawn(move || (0..5_000).for_each(|i| assert!(send.send(2 * i + s))))
                })
                .collect();
            drop(send);
            senders.into_iter().for_each(|s| s.join().unwrap());
            takers.into_iter().map(|t| t.join().unwrap()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
        });
        assert_eq!(total, (10_000_u64, (0..10_000).sum()));
    }

    #[test]
    fn what_is_gathered_comes_in_order_and_nobody_waits_too_long() {
        let (send, take) = bounded::<u32>(64);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                (0..1_000).for_each(|i| assert!(send.send(i)));
                std::thread::sleep(Duration::from_millis(50));
                assert!(send.send(1_000));
            });
            let mut all = Vec::new();
            while all.len() < 1_001 {
                let until = Instant::now() + Duration::from_millis(10);
                let mut few = 0;
                let taken = take.gather(40, until, |i| {
                    all.push(i);
                    few += 1;
                    few < 30
                });
                assert!(taken <= 30);
            }
            assert_eq!(all, (0..=1_000).collect::<Vec<_>>());
        });
        assert_eq!(take.next(), None);
        assert_eq!(take.gather(5, Instant::now() + Duration::from_secs(60), |_| true), 0);
    }

    #[test]
    fn who_sends_to_nobody_is_told() {
        let (send, take) = bounded::<u32>(1);
        std::thread::scope(|scope| {
            let blocked = scope.spawn(move || (send.send(1), send.send(2), send.send(3)));
            assert_eq!(take.next(), Some(1));
            drop(take);
            assert!(!blocked.join().unwrap().2);
        });
    }
}
