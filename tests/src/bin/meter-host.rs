//! A host process for the tests: records a meter without pause, in one of three ways, and says what it was told after each
//! answer, until it is killed or nothing is left.
//! `meter-host BUNDLE TRUST METER record|nowait|reserve`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's program: it talks to its test, and a broken step is a failed test"
)]

use brink_license::Slug;
use brink_license::keyset::TrustAnchor;
use brink_license::usage::Quantity;
use brink_store::journal::UsageError;
use brink_store::{Gate, Meter};
use std::io::Write;

/// Uses between two flushes.
const UNFLUSHED: u64 = 7;
/// What is reserved, and what is then used of it.
const RESERVED: u64 = 5;
const USED: u64 = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, trust, meter, way] = &arguments[..] else {
        panic!("meter-host BUNDLE TRUST METER record|nowait|reserve")
    };
    let trust = std::fs::read(trust).expect("the trust anchor");
    let gate = Gate::open(bundle, TrustAnchor::from_json(&trust).expect("a sound anchor")).expect("a gate");
    let (host, meter) = (gate.meter().expect("a meter"), Slug::parse(meter).expect("a meter's name"));
    say("ready");
    let way: fn(&Meter, &Slug) -> Result<u64, UsageError> = match way.as_str() {
        "record" => recorded,
        "nowait" => counted,
        "reserve" => reserved,
        other => panic!("{other}: record, nowait or reserve"),
    };
    loop {
        match way(&host, &meter) {
            Ok(0) => std::thread::yield_now(),
            Ok(number) => say(&format!("acknowledged {number}")),
            Err(UsageError::Denied(denial)) => return say(&format!("denied {}", denial.remaining)),
            // Others kept the journal, or nothing is set aside for the moment.
            Err(UsageError::Busy | UsageError::NotSetAside) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn recorded(host: &Meter, meter: &Slug) -> Result<u64, UsageError> {
    host.record(meter, None, Quantity::whole(1)).map(|_| 1)
}

fn counted(host: &Meter, meter: &Slug) -> Result<u64, UsageError> {
    let line = host.line(meter, None)?;
    let mut counted = 0;
    let mut refused = None;
    for _ in 0..UNFLUSHED {
        match host.record_nowait(line, Quantity::whole(1)) {
            Ok(()) => counted += 1,
            Err(error) => refused = Some(error),
        }
    }
    host.flush()?;
    match refused {
        Some(error) if counted == 0 => Err(error),
        Some(_) | None => Ok(counted),
    }
}

fn reserved(host: &Meter, meter: &Slug) -> Result<u64, UsageError> {
    let mut reservation = host.reserve(meter, None, Quantity::whole(RESERVED))?;
    loop {
        match reservation.commit(Quantity::whole(USED)) {
            Err(UsageError::Busy) => {}
            committed => return committed.map(|_| USED),
        }
    }
}

fn say(words: &str) {
    println!("{words}");
    std::io::stdout().flush().expect("standard output");
}
