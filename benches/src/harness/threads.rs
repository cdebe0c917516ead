//! Two threads beside one: calls a second of all threads together, in the best window.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Long beside the start of a thread's loop, short beside a scheduler's time slice.
const WINDOW: Duration = Duration::from_micros(400);

/// The best window's calls a second. `work` is given the number of calls to make, and makes them.
///
/// The best, and not the median: two threads have two cores for themselves only now and then where others want them.
/// Each thread stays on a core of its own, or the scheduler would wake both on one.
pub fn best_rate(threads: usize, windows: usize, work: &(impl Fn(usize) + Sync)) -> f64 {
    let per_window = calibrate(work);
    let arrived = AtomicUsize::new(0);
    let turns = |core: usize| -> Vec<(Instant, Instant)> {
        stay_on(core);
        let mut seen = Vec::with_capacity(windows);
        for window in 1..=windows {
            // Nobody sleeps, so that all are awake when the window begins.
            arrived.fetch_add(1, Ordering::AcqRel);
            while arrived.load(Ordering::Acquire) < window * threads {
                std::hint::spin_loop();
            }
            let start = Instant::now();
            work(per_window);
            seen.push((start, Instant::now()));
        }
        seen
    };
    let seen: Vec<Vec<(Instant, Instant)>> = std::thread::scope(|scope| {
        let turns = &turns;
        let running: Vec<_> = (0..threads).map(|core| scope.spawn(move || turns(core))).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread that measures")).collect()
    });
    let rate = |window: usize| {
        let start = seen.iter().map(|thread| thread[window].0).min().expect("a thread");
        let end = seen.iter().map(|thread| thread[window].1).max().expect("a thread");
        (threads * per_window) as f64 / (end - start).as_secs_f64()
    };
    (0..windows).map(rate).fold(0.0, f64::max)
}

/// Keeps this thread on the `index`th of the cores that it may use.
fn stay_on(index: usize) {
    let allowed = sched_getaffinity(None).expect("the cores of this thread");
    let core = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).nth(index);
    let mut only = CpuSet::new();
    only.set(core.expect("as many cores as threads"));
    sched_setaffinity(None, &only).expect("a core of its own");
}

fn calibrate(work: &impl Fn(usize)) -> usize {
    let mut calls = 1;
    loop {
        let took = |_| {
            let start = Instant::now();
            work(calls);
            start.elapsed()
        };
        if (0..3).map(took).min() >= Some(WINDOW / 2) {
            return calls;
        }
        calls *= 2;
    }
}
