//! Several threads that work on the files of a tree, and one that takes what becomes of them in the order of the files.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Files for each thread that may be done or under way before the first of them is taken.
const AHEAD: usize = 8;

/// Works on every item, and takes what becomes of each in their order. The threads are none of the pool's: they may wait
/// for memory, and whoever waits in the pool may be the one that another of its tasks waits for.
///
/// # Errors
/// The first that `take` returns; what is not begun then is not done.
pub fn in_order<T: Send, R: Send, E>(
    items: impl Iterator<Item = T>,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(T, R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = rayon::current_num_threads();
    let ahead = AHEAD * threads;
    let stop = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (give, given) = bounded::<(T, Sender<(T, R)>)>(ahead);
        for _ in 0..threads {
            let (given, work) = (given.clone(), &work);
            scope.spawn(move || {
                for (item, back) in given {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let made = work(&item);
                    let _ = back.send((item, made));
                }
            });
        }
        // Theirs alone: where every one of them has panicked, nothing waits for what was given.
        drop(given);
        let mut waiting: VecDeque<Receiver<(T, R)>> = VecDeque::with_capacity(ahead);
        let mut first = |waiting: &mut VecDeque<Receiver<(T, R)>>| match waiting.pop_front().map(|w| w.recv())
        {
            Some(Ok((item, made))) => take(item, made),
            // A thread that panicked ends the scope.
            Some(Err(_)) | None => Ok(()),
        };
        let all = || {
            for item in items {
                if waiting.len() == ahead {
                    first(&mut waiting)?;
                }
                let (back, made) = bounded(1);
                waiting.push_back(made);
                let _ = give.send((item, back));
            }
            while !waiting.is_empty() {
                first(&mut waiting)?;
            }
            Ok(())
        };
        let done = all();
        stop.store(done.is_err(), Ordering::Relaxed);
        done
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
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
}
