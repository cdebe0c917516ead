//! A host process for the tests: holds a gate and asks without pause until its standard input ends, then says what it
//! was told. Between that it says when the licence of another device comes into force, or when the answer is another.
//! `gate-host BUNDLE TRUST CAMERA FEATURE`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's program: it talks to its test, and a broken step is a failed test"
)]

use brink_license::keyset::TrustAnchor;
use brink_store::Gate;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};

/// Checks between two looks at standard input.
const BATCH: u64 = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, trust, camera, feature] = &arguments[..] else {
        panic!("gate-host BUNDLE TRUST CAMERA FEATURE")
    };
    let trust = std::fs::read(trust).expect("the trust anchor");
    let gate = Gate::open(bundle, TrustAnchor::from_json(&trust).expect("a sound anchor")).expect("a gate");
    let mut told = gate.check(camera, feature).reason;
    println!("ready {}", told.as_str());
    std::io::stdout().flush().expect("standard output");

    let (mut checks, mut denied) = (0u64, 0u64);
    let mut device = device_of(&gate);
    while !input_ended() {
        let batch = (0..BATCH).filter(|_| !gate.check(camera, feature).allowed).count();
        checks += BATCH;
        let answer = gate.check(camera, feature);
        let now = device_of(&gate);
        if now == device {
            denied += u64::try_from(batch).expect("a count");
            if answer.reason != told {
                told = answer.reason;
                println!("now {} {}", told.as_str(), if answer.allowed { "allowed" } else { "denied" });
                std::io::stdout().flush().expect("standard output");
            }
            continue;
        }
        // Some answers of this batch were the old device's and some the new one's, so they count for neither.
        told = gate.check(camera, feature).reason;
        println!("device {now} {} denied before {denied}", told.as_str());
        std::io::stdout().flush().expect("standard output");
        (device, denied) = (now, 0);
    }
    let status = gate.status().expect("a gate of this process");
    let receipt =
        status.bundle().and_then(|bundle| bundle.receipt()).map_or(0, |receipt| receipt.claims().seq);
    let refused = status.refused().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    println!("checks {checks} denied {denied} receipt {receipt} refused {refused}");
}

fn device_of(gate: &Gate) -> String {
    let status = gate.status().expect("a gate of this process");
    status.bundle().map_or_else(|| "none".to_owned(), |bundle| bundle.licence().claims().dev.to_string())
}

/// Waits a millisecond for the test to close standard input: the cores are shared with what this process watches.
fn input_ended() -> bool {
    let stdin = std::io::stdin();
    let timeout = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    let ready = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&timeout)).expect("poll");
    ready > 0 && stdin.lock().read(&mut [0]).expect("standard input") == 0
}
