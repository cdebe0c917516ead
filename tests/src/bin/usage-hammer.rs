//! Two hosts and the agent write for so many seconds, each killed again and again, and both ends are compared.
//! `usage-hammer [SECONDS]`
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program whose output is its purpose, and that counts seconds"
)]

use brink_tests::hammer::hammer;
use std::time::{Duration, Instant};

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let begun = Instant::now();
    let outcome = hammer(|_| begun.elapsed() < Duration::from_secs(seconds));
    println!("{seconds} s: the chain is intact and both ends are equal; {outcome:?}");
}
