//! Single calls: how long the slow ones take.
//!
//! A clock reading costs more than the fastest calls, so those are timed in small batches: the batch is as small as
//! makes its length a few readings. What two readings cost is subtracted, and a batch counts as its mean call.

use std::hint::black_box;
use std::time::Instant;

/// Steps per octave: 1.6 percent.
const STEPS: u32 = 64;
const OCTAVES: usize = 40;

/// Counts of lengths in nanoseconds, in steps of less than two percent. Fixed memory: measuring allocates nothing.
pub struct Histogram {
    counts: Vec<u64>,
}

impl Histogram {
    pub fn new() -> Self {
        Self { counts: vec![0; STEPS as usize * OCTAVES] }
    }

    pub fn add(&mut self, nanos: u64) {
        let at = Self::step(nanos).min(self.counts.len() - 1);
        self.counts[at] += 1;
    }

    fn step(nanos: u64) -> usize {
        if nanos < u64::from(STEPS) {
            return nanos as usize;
        }
        let octave = nanos.ilog2() - STEPS.ilog2();
        // The leading bit is implied by the octave.
        (octave * STEPS) as usize + (nanos >> octave) as usize
    }

    /// The lower end of a step.
    fn length(step: usize) -> u64 {
        let steps = STEPS as usize;
        if step < 2 * steps {
            return step as u64;
        }
        let octave = step / steps - 1;
        ((step - octave * steps) as u64) << octave
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The length that `share` of all do not exceed.
    pub fn at(&self, share: f64) -> f64 {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut sum = 0;
        let step = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        step.map_or(f64::NAN, |step| Self::length(step) as f64)
    }
}

/// What single calls take, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Tails {
    pub batch: u32,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

impl Tails {
    pub fn of(histogram: &Histogram, batch: u32, clock: f64) -> Self {
        let at = |share: f64| ((histogram.at(share) - clock) / f64::from(batch)).max(0.0);
        Self { batch, p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}

/// What two readings of the clock with nothing between them cost: the median.
pub fn clock_nanos() -> f64 {
    let mut lengths = Histogram::new();
    for _ in 0..100_000 {
        let start = Instant::now();
        lengths.add(black_box(start).elapsed().as_nanos() as u64);
    }
    lengths.at(0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_counted_within_two_percent() {
        for nanos in (0..100_000).chain([1 << 30, (1 << 35) + 12_345]) {
            let mut one = Histogram::new();
            one.add(nanos);
            let (found, real) = (one.at(0.5), nanos as f64);
            assert!(found <= real && real - found <= real * 0.02, "{nanos}: {found}");
        }
    }

    #[test]
    fn shares_are_of_all_lengths() {
        let mut lengths = Histogram::new();
        (1..=1000).for_each(|nanos| lengths.add(nanos % 50));
        assert_eq!(
            (lengths.count(), lengths.at(0.5), lengths.at(0.98), lengths.at(1.0)),
            (1000, 24.0, 48.0, 49.0)
        );
    }
}
