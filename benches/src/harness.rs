//! Timing in turns: every contender runs a short window, then the next, so that drift hits all of them alike.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

const WINDOWS: usize = 200;
const WINDOW: Duration = Duration::from_millis(4);

/// One thing to time, called again and again.
pub struct Contender<'a> {
    name: &'a str,
    run: Box<dyn FnMut() + 'a>,
    per_window: u32,
    nanos: Vec<f64>,
}

impl<'a> Contender<'a> {
    pub fn new<T>(name: &'a str, mut run: impl FnMut() -> T + 'a) -> Self {
        let run = Box::new(move || {
            black_box(run());
        });
        Self { name, run, per_window: 1, nanos: Vec::new() }
    }

    /// Finds how many calls fill a window.
    fn calibrate(&mut self) {
        loop {
            let took = self.window();
            if took >= WINDOW / 2 || self.per_window > 1 << 28 {
                return;
            }
            self.per_window *= 2;
        }
    }

    fn window(&mut self) -> Duration {
        let start = Instant::now();
        for _ in 0..self.per_window {
            (self.run)();
        }
        start.elapsed()
    }
}

/// Times all contenders in turns and prints a row for each. Returns their medians in nanoseconds, in order.
pub fn race(title: &str, mut contenders: Vec<Contender<'_>>) -> Vec<f64> {
    for contender in &mut contenders {
        contender.calibrate();
    }
    for _ in 0..WINDOWS {
        for contender in &mut contenders {
            let took = contender.window();
            contender.nanos.push(took.as_nanos() as f64 / f64::from(contender.per_window));
        }
    }
    println!("\n{title}\n{:<66} {:>11} {:>11}", "", "p50", "p99 window");
    contenders.iter_mut().map(report).collect()
}

fn report(contender: &mut Contender<'_>) -> f64 {
    contender.nanos.sort_by(f64::total_cmp);
    let at = |share: f64| contender.nanos[((contender.nanos.len() - 1) as f64 * share) as usize];
    println!("{:<66} {:>11} {:>11}", contender.name, spelled(at(0.5)), spelled(at(0.99)));
    at(0.5)
}

fn spelled(nanos: f64) -> String {
    if nanos < 1000.0 { format!("{nanos:.1} ns") } else { format!("{:.2} us", nanos / 1000.0) }
}

/// A ratio that should be reached.
pub struct Goal {
    pub name: &'static str,
    pub wanted: Wanted,
    pub measured: f64,
}

/// Which way a goal points.
#[derive(Clone, Copy)]
pub enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    pub fn is_met(&self) -> bool {
        match self.wanted {
            Wanted::AtMost(limit) => self.measured <= limit,
            Wanted::AtLeast(limit) => self.measured >= limit,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = match self.wanted {
            Wanted::AtMost(limit) => format!("<= {limit}"),
            Wanted::AtLeast(limit) => format!(">= {limit}"),
        };
        let met = if self.is_met() { "met" } else { "MISSED" };
        write!(f, "{:<66} {wanted:>9} {:>9.2} {met}", self.name, self.measured)
    }
}
