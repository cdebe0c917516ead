//! One thread: windows in turns, and their medians.

use super::{Histogram, Pace, Tails, clock_nanos};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A batch of single calls lasts at least this long, a few times what its two clock readings cost, or holds this many.
const BATCH_NANOS: f64 = 150.0;
const BATCH_CALLS_MAX: u32 = 16;
/// So many parts of a window make one that is not timed, before it.
const WARMING: u32 = 8;
/// Single calls are timed in so many turns.
const TAIL_TURNS: u32 = 10;

/// One thing to time, called again and again.
pub struct Contender<'a> {
    pub name: &'static str,
    run: Box<dyn FnMut(u32) -> Duration + 'a>,
    per_window: u32,
    nanos: Vec<f64>,
}

/// What one contender took, in nanoseconds a call.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    pub name: &'static str,
    /// The median window.
    pub p50: f64,
    /// The best tenth of all windows.
    pub best: f64,
}

impl<'a> Contender<'a> {
    /// `call` is timed in a loop that is compiled with it: an indirect call each time would cost as much as the fastest
    /// of them.
    pub fn new<T>(name: &'static str, mut call: impl FnMut() -> T + 'a) -> Self {
        let run = Box::new(move |count: u32| {
            let start = Instant::now();
            for _ in 0..count {
                black_box(call());
            }
            start.elapsed()
        });
        Self { name, run, per_window: 1, nanos: Vec::new() }
    }

    /// Finds how many calls fill a window.
    fn calibrate(&mut self, window: Duration) {
        loop {
            // The best of three: one that was interrupted says nothing.
            let took = (0..3).map(|_| (self.run)(self.per_window)).min().unwrap_or_default();
            if took >= window / 2 || self.per_window > 1 << 28 {
                return;
            }
            self.per_window *= 2;
        }
    }

    /// One window, after a few calls that bring back what the others' windows pushed out of the caches.
    fn window(&mut self) {
        (self.run)(self.per_window.div_ceil(WARMING));
        let took = (self.run)(self.per_window);
        self.nanos.push(took.as_nanos() as f64 / f64::from(self.per_window));
    }

    fn timed(&mut self) -> Timed {
        self.nanos.sort_by(f64::total_cmp);
        let at = |share: f64| self.nanos[((self.nanos.len() - 1) as f64 * share) as usize];
        Timed { name: self.name, p50: at(0.5), best: at(0.1) }
    }
}

/// Times all contenders in turns, in order.
pub fn race(title: &str, pace: Pace, contenders: &mut [Contender<'_>]) -> Vec<Timed> {
    eprintln!("measuring: {title}");
    contenders.iter_mut().for_each(|contender| contender.calibrate(pace.window));
    for _ in 0..pace.windows {
        contenders.iter_mut().for_each(Contender::window);
    }
    contenders.iter_mut().map(Contender::timed).collect()
}

/// Times single calls of all contenders in turns. `timed` says what a call of each takes.
pub fn tails(pace: Pace, contenders: &mut [Contender<'_>], timed: &[Timed]) -> Vec<Tails> {
    let clock = clock_nanos();
    let batches: Vec<u32> = timed
        .iter()
        .map(|timed| ((BATCH_NANOS / timed.best.max(1.0)).ceil() as u32).clamp(1, BATCH_CALLS_MAX))
        .collect();
    let mut lengths: Vec<Histogram> = timed.iter().map(|_| Histogram::new()).collect();
    for _ in 0..TAIL_TURNS {
        for ((contender, batch), lengths) in contenders.iter_mut().zip(&batches).zip(&mut lengths) {
            let start = Instant::now();
            while start.elapsed() < pace.tails / TAIL_TURNS {
                for _ in 0..100 {
                    lengths.add((contender.run)(*batch).as_nanos() as u64);
                }
            }
        }
    }
    lengths.iter().zip(batches).map(|(lengths, batch)| Tails::of(lengths, batch, clock)).collect()
}
