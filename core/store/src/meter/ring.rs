//! A bounded queue of uses between the threads that count and the one that writes: no lock, no allocation, no system call.
//!
//! After Dmitry Vyukov's bounded queue: each place has a turn, which says whose it is. A place whose turn equals the
//! position of a writer is free for it; one more, and it is the reader's.

use brink_license::usage::Quantity;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Uses that can wait: three hundred thousand a second for as long as two flushes are apart.
pub(super) const RING_PLACES: usize = 8192;
const MASK: u64 = RING_PLACES as u64 - 1;

#[derive(Debug)]
struct Place {
    turn: AtomicU64,
    line: AtomicU32,
    high: AtomicU64,
    low: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Ring {
    places: Box<[Place]>,
    /// Where the next writer goes.
    tail: AtomicU64,
    /// Where the reader is.
    head: AtomicU64,
}

impl Ring {
    pub(super) fn new() -> Self {
        let place = |turn| Place {
            turn: AtomicU64::new(turn),
            line: AtomicU32::new(0),
            high: AtomicU64::new(0),
            low: AtomicU64::new(0),
        };
        let places = (0..RING_PLACES as u64).map(place).collect();
        Self { places, tail: AtomicU64::new(0), head: AtomicU64::new(0) }
    }

    fn place(&self, position: u64) -> Option<&Place> {
        self.places.get(usize::try_from(position & MASK).unwrap_or(usize::MAX))
    }

    /// Queues a use; `false` when there is no room.
    #[inline]
    pub(super) fn push(&self, line: u32, quantity: Quantity) -> bool {
        let mut position = self.tail.load(Ordering::Relaxed);
        loop {
            let Some(place) = self.place(position) else { return false };
            let ahead = place.turn.load(Ordering::Acquire).wrapping_sub(position).cast_signed();
            if ahead < 0 {
                return false;
            }
            if ahead > 0 {
                position = self.tail.load(Ordering::Relaxed);
                continue;
            }
            let next = position.wrapping_add(1);
            match self.tail.compare_exchange_weak(position, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    let units = u128::from(quantity);
                    place.line.store(line, Ordering::Relaxed);
                    place.high.store((units >> u64::BITS) as u64, Ordering::Relaxed);
                    place.low.store(units as u64, Ordering::Relaxed);
                    place.turn.store(next, Ordering::Release);
                    return true;
                }
                Err(other) => position = other,
            }
        }
    }

    /// Takes the oldest use. One thread at a time.
    pub(super) fn pop(&self) -> Option<(u32, Quantity)> {
        let position = self.head.load(Ordering::Relaxed);
        let place = self.place(position)?;
        if place.turn.load(Ordering::Acquire) != position.wrapping_add(1) {
            return None;
        }
        let units = u128::from(place.high.load(Ordering::Relaxed)) << u64::BITS
            | u128::from(place.low.load(Ordering::Relaxed));
        let line = place.line.load(Ordering::Relaxed);
        place.turn.store(position.wrapping_add(RING_PLACES as u64), Ordering::Release);
        self.head.store(position.wrapping_add(1), Ordering::Relaxed);
        // Only quantities come in.
        Some((line, Quantity::try_from(units).unwrap_or(Quantity::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn what_goes_in_comes_out_in_order_and_a_full_ring_says_so() {
        let ring = Ring::new();
        for round in 0..3u32 {
            for number in 0..RING_PLACES as u32 {
                assert!(ring.push(number ^ round, Quantity::MAX));
            }
            assert!(!ring.push(0, Quantity::ZERO), "full");
            for number in 0..RING_PLACES as u32 {
                assert_eq!(ring.pop(), Some((number ^ round, Quantity::MAX)));
            }
            assert_eq!(ring.pop(), None);
        }
    }

    #[test]
    fn many_threads_lose_and_double_nothing() {
        const EACH: u64 = 50_000;
        let (ring, done) = (Arc::new(Ring::new()), Arc::new(AtomicBool::new(false)));
        let reader = {
            let (ring, done) = (Arc::clone(&ring), Arc::clone(&done));
            std::thread::spawn(move || {
                let (mut last, mut count) = ([0u64; 3], 0u64);
                loop {
                    let ended = done.load(Ordering::Acquire);
                    while let Some((line, quantity)) = ring.pop() {
                        let number = u128::from(quantity) as u64;
                        assert_eq!(number, last[line as usize] + 1, "line {line}");
                        last[line as usize] = number;
                        count += 1;
                    }
                    if ended {
                        return count;
                    }
                    std::thread::yield_now();
                }
            })
        };
        let writers: Vec<_> = (0..3)
            .map(|line| {
                let ring = Arc::clone(&ring);
                std::thread::spawn(move || {
                    for number in 1..=EACH {
                        while !ring.push(line, Quantity::try_from(u128::from(number)).unwrap()) {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Release);
        assert_eq!(reader.join().unwrap(), 3 * EACH);
    }
}
