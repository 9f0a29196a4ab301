//! Several threads that work on the files of a tree, and one that takes what becomes of them in the order of the files.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Files for each thread that may be done or under way before the first of them is taken.
const AHEAD: usize = 16;

/// Works on every item, and takes what becomes of each in their order. The threads are none of the pool's: they may wait
/// for memory, and whoever waits in the pool may be the one that another of its tasks waits for.
///
/// # Errors
/// The first that `take` returns; what is not begun then is not done.
pub fn in_order<T: Send, R: Send, E>(
    mut items: impl Iterator<Item = T>,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(T, R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = rayon::current_num_threads();
    let ahead = AHEAD * threads;
    let desk = &Desk::new(ahead);
    std::thread::scope(|scope| {
        // Whatever happens here, the threads end.
        let _over = Over(desk);
        for _ in 0..threads {
            let work = &work;
            scope.spawn(move || {
                let watch = Watch(desk);
                let mut made = None;
                while let Some((number, item)) = desk.next(made.take()) {
                    let result = work(&item);
                    made = Some((number, (item, result)));
                }
                drop(watch);
            });
        }
        let (mut open, mut more) = (0, true);
        loop {
            while more && open < ahead {
                let some: Vec<T> = items.by_ref().take((ahead - open).min(AHEAD)).collect();
                more = some.len() == (ahead - open).min(AHEAD);
                open += some.len();
                desk.give(some);
            }
            if open == 0 {
                return Ok(());
            }
            let Some(made) = desk.made(!more) else { return Ok(()) };
            open -= made.len();
            for (item, result) in made {
                take(item, result)?;
            }
        }
    })
}

/// Where items are given and what is made of them is put.
struct Desk<T, R> {
    state: Mutex<PoolState<T, R>>,
    /// Something was given, or it is over.
    given: Condvar,
    /// Enough was made.
    made: Condvar,
    /// How much is enough: whoever takes is not woken for each.
    enough: usize,
}

struct PoolState<T, R> {
    given: VecDeque<(u64, T)>,
    /// What was made of the items from `first` on; of some it is still to come.
    made: VecDeque<Option<(T, R)>>,
    first: u64,
    /// How many there are in a row.
    ready: usize,
    /// Threads that wait for something to do.
    idle: usize,
    /// Somebody waits for what is made, and for the last of it.
    watched: bool,
    last: bool,
    over: bool,
    /// A thread has panicked.
    broken: bool,
}

impl<T, R> PoolState<T, R> {
    /// Whether whoever takes should do so now: there is enough, or the threads will soon have nothing to do.
    fn is_due(&self, enough: usize) -> bool {
        let rest = self.made.len() - self.ready;
        self.broken
            || self.ready >= enough
            || self.ready > 0 && (rest == 0 || !self.last && self.given.is_empty())
    }
}

impl<T, R> Desk<T, R> {
    fn new(ahead: usize) -> Self {
        let state = PoolState {
            given: VecDeque::with_capacity(ahead),
            made: VecDeque::with_capacity(ahead),
            first: 0,
            ready: 0,
            idle: 0,
            watched: false,
            last: false,
            over: false,
            broken: false,
        };
        Self { state: Mutex::new(state), given: Condvar::new(), made: Condvar::new(), enough: ahead / 2 }
    }

    fn lock(&self) -> MutexGuard<'_, PoolState<T, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, items: Vec<T>) {
        let mut state = self.lock();
        let wake = state.idle.min(items.len());
        for item in items {
            let number = state.first + state.made.len() as u64;
            state.given.push_back((number, item));
            state.made.push_back(None);
        }
        drop(state);
        (0..wake).for_each(|_| self.given.notify_one());
    }

    /// Puts what was made and waits for the next item; `None` when it is over.
    fn next(&self, made: Option<(u64, (T, R))>) -> Option<(u64, T)> {
        let mut state = self.lock();
        if let Some((number, made)) = made {
            let at = (number - state.first) as usize;
            state.made[at] = Some(made);
            while state.made.get(state.ready).is_some_and(Option::is_some) {
                state.ready += 1;
            }
        }
        loop {
            let item = if state.over { None } else { state.given.pop_front() };
            if state.watched && state.is_due(self.enough) {
                state.watched = false;
                self.made.notify_one();
            }
            if item.is_some() || state.over {
                return item;
            }
            state.idle += 1;
            state = self.given.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Waits for enough of what was made, in order; of the `last`, for all that is to come. `None` after a panic.
    fn made(&self, last: bool) -> Option<Vec<(T, R)>> {
        let mut state = self.lock();
        state.last = last;
        while !state.is_due(self.enough) {
            state.watched = true;
            state = self.made.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let ready = std::mem::take(&mut state.ready);
        state.first += ready as u64;
        (!state.broken).then(|| state.made.drain(..ready).flatten().collect())
    }

    fn change(&self, change: impl FnOnce(&mut PoolState<T, R>)) {
        change(&mut self.lock());
        self.given.notify_all();
        self.made.notify_all();
    }
}

/// Ends the work when it is dropped.
struct Over<'d, T, R>(&'d Desk<T, R>);

impl<T, R> Drop for Over<'_, T, R> {
    fn drop(&mut self) {
        self.0.change(|state| state.over = true);
    }
}

/// Says that its thread has panicked.
struct Watch<'d, T, R>(&'d Desk<T, R>);

impl<T, R> Drop for Watch<'_, T, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.change(|state| (state.over, state.broken) = (true, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_made_comes_in_order_whoever_is_first() {
        let mut taken = Vec::new();
        let slow = |n: &u64| {
            std::thread::sleep(Duration::from_micros(n * 7919 % 500));
            n * 2
        };
        let done = in_order(0..500_u64, slow, |n, twice| {
            taken.push((n, twice));
            Ok::<(), ()>(())
        });
        assert_eq!(done, Ok(()));
        assert_eq!(taken, (0..500).map(|n| (n, 2 * n)).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_ends_the_work_soon() {
        let begun = AtomicUsize::new(0);
        let work = |_: &u64| begun.fetch_add(1, Ordering::SeqCst);
        let done = in_order(0..1_000_000, work, |n, _| if n == 10 { Err("ten") } else { Ok(()) });
        assert_eq!(done, Err("ten"));
        assert!(begun.into_inner() <= 11 + AHEAD * rayon::current_num_threads());
    }

    #[test]
    fn a_panic_is_passed_on_and_nobody_waits_for_it() {
        let work = |n: &u64| assert!(*n != 1000, "a defect");
        let run = || in_order(0..1_000_000, work, |_, ()| Ok::<(), ()>(()));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    }

    #[test]
    fn few_and_none_are_done_too() {
        for count in [0_u64, 1, 2, 7, 33] {
            let mut taken = Vec::new();
            let done = in_order(
                0..count,
                |n| n + 1,
                |n, next| {
                    taken.push((n, next));
                    Ok::<(), ()>(())
                },
            );
            assert_eq!((done, taken), (Ok(()), (0..count).map(|n| (n, n + 1)).collect()));
        }
    }
}
