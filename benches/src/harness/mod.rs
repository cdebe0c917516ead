//! How everything here is measured, on a machine whose cores others want too.
//!
//! Contenders run in turns, one short window each, so that drift hits all of them alike; a window is shorter than a
//! scheduler's time slice, so that the median window was not interrupted. `windows` times one thread, `threads` two,
//! `lengths` single calls.

mod lengths;
mod threads;
mod windows;

pub use lengths::{Histogram, Tails, clock_nanos};
pub use threads::best_rate;
pub use windows::{Contender, Timed, race, tails};

use std::time::Duration;

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Windows of each contender in a race.
    pub windows: usize,
    /// How long one lasts, about.
    pub window: Duration,
    /// How long single calls of one contender are timed.
    pub tails: Duration,
    /// Windows by one and by two threads, of which the best counts.
    pub thread_windows: usize,
    /// Bundles that are published while checks run.
    pub changes: usize,
    /// Batches of each device whose usage is taken.
    pub rounds: usize,
}

impl Pace {
    pub const FULL: Pace = Pace {
        windows: 500,
        window: Duration::from_micros(500),
        tails: Duration::from_millis(800),
        thread_windows: 350,
        changes: 40,
        rounds: 8,
    };
    pub const QUICK: Pace = Pace {
        windows: 60,
        tails: Duration::from_millis(100),
        thread_windows: 210,
        changes: 6,
        rounds: 3,
        ..Pace::FULL
    };

    /// Fewer and longer windows: a large table has to become warm again behind those of the others.
    pub const fn longer(self) -> Self {
        Self { windows: self.windows.div_ceil(4), window: Duration::from_millis(2), ..self }
    }
}
