//! How far a long piece of work has come: one line on a terminal, nothing anywhere else.

use brink_store::machine;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

/// The line is written at most this often.
const PAUSE_MS: i64 = 200;
const BAR_CHARS: u64 = 24;

/// A line that is written over until it is done.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What is done, and with what.
    words: (&'static str, &'static str),
    /// Where it is; empty where nobody said.
    at: String,
    begun_ms: i64,
    written_ms: Option<i64>,
    is_seen: bool,
}

impl Progress {
    /// For example `("settling", "records")`.
    pub(crate) fn begin(words: (&'static str, &'static str)) -> Self {
        Self {
            words,
            at: String::new(),
            begun_ms: machine::boottime_millis(),
            written_ms: None,
            is_seen: stderr().is_terminal(),
        }
    }

    /// Whether anybody sees it.
    pub(crate) const fn is_seen(&self) -> bool {
        self.is_seen
    }

    /// Says where it is from the next line on.
    pub(crate) fn at(&mut self, at: &str) {
        at.clone_into(&mut self.at);
    }

    /// `done` of `all` pieces.
    pub(crate) fn show(&mut self, done: u64, all: u64) {
        let now = machine::boottime_millis();
        let is_recent = self.written_ms.is_some_and(|written| now - written < PAUSE_MS);
        if !self.is_seen || (is_recent && done < all) {
            return;
        }
        self.written_ms = Some(now);
        // A terminal that is gone is no reason to stop.
        let _ = write!(
            stderr(),
            "\r{} {}\x1b[K",
            line(self.words, (done, all), Duration::from_millis((now - self.begun_ms).unsigned_abs())),
            crate::output::steady(&self.at)
        );
        let _ = stderr().flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.written_ms.is_some() {
            let _ = writeln!(stderr());
        }
    }
}

fn line((doing, unit): (&str, &str), (done, all): (u64, u64), took: Duration) -> String {
    let all = all.max(done).max(1);
    let filled = usize::try_from(u128::from(done) * u128::from(BAR_CHARS) / u128::from(all)).unwrap_or(0);
    let bar = format!("{:.<width$}", "#".repeat(filled), width = usize::try_from(BAR_CHARS).unwrap_or(0));
    let millis = took.as_millis().max(1);
    let rate = u128::from(done) * 1000 / millis;
    let left = u128::from(all - done) / rate.max(1);
    format!("{doing} [{bar}] {done} of {all} {unit}, {rate}/s, {left} s left")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLING: (&str, &str) = ("settling", "records");

    #[test]
    fn the_line_says_how_much_how_fast_and_how_long() {
        let half = line(SETTLING, (50_000, 100_000), Duration::from_secs(10));
        assert_eq!(half, "settling [############............] 50000 of 100000 records, 5000/s, 10 s left");
        assert_eq!(
            line(SETTLING, (0, 0), Duration::ZERO),
            "settling [........................] 0 of 1 records, 0/s, 1 s left"
        );
        assert!(line(SETTLING, (u64::MAX, 1), Duration::from_secs(1)).contains("[########################]"));
    }
}
