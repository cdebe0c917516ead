//! A device that was offline for a month comes back: so many events, recorded by a host through its meter, drained by the
//! two real programs over HTTP, with the times. `month-offline [EVENTS]`, eight million unless the caller says otherwise.
//! Build it and run it with --release.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a program that measures and stops at the first thing that goes wrong"
)]

use brink_issuer::config::DataDir;
use brink_license::keyset::TrustAnchor;
use brink_license::usage::Quantity;
use brink_store::journal::UsageError;
use brink_store::{Gate, Meter, MeterLine};
use brink_tests::settlement_sim::sums_at;
use brink_tests::{Device, Issuer, World};
use std::time::Instant;

/// Half a million events for each of sixteen cameras of a busy site.
const EVENTS: u64 = 8_000_000;
/// As many lines as the meter's queue has places: nothing is added up on the way, and every event is a record.
const LINES: u64 = 8192;
const METERS: [&str; 4] = ["api_call", "llm_token", "sms", "webhook_call"];
/// Room for every one of them: nothing becomes sums either.
const JOURNAL_MIB: &str = "8192";

fn main() {
    let events = std::env::args().nth(1).map_or(EVENTS, |text| text.parse().expect("a number of events"));
    let world = World::in_memory();
    let issuer = world.issuer();
    issuer.subscribe("tenant-123", 100, &[]);
    let offer = issuer.offer("tenant-123");
    let (server, url) = issuer.serve();
    let device = world.device("edge", &issuer);
    device.activate(&url, &offer.code).ok();
    assert!(server.stop().success(), "the issuer ends");
    assert!(device.agent_with(&["--journal-mib", JOURNAL_MIB]).stop().success(), "the agent ends");

    let begun = Instant::now();
    record(&issuer, &device, events);
    let took = begun.elapsed().as_secs_f64();
    println!("recorded: {events} events in {took:.1} s, {:.0}/s, without an issuer", events as f64 / took);

    let (server, url) = issuer.serve();
    let begun = Instant::now();
    // Longer than any verb of a test may take.
    let ran = device.command(&["exchange", "--issuer", &url, "--json"]).output().expect("the verb runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("one document");
    let took = begun.elapsed().as_secs_f64();
    let exchanges = said["exchanges"].as_u64().unwrap_or(1);
    println!(
        "drained: {exchanges} exchanges in {took:.1} s, {:.0} records/s; {}",
        events as f64 / took,
        said["usage"]
    );
    assert!(server.stop().success(), "the issuer ends");
    assert_eq!(said["usage"]["backlog"], 0, "something is left");
    let sum: u128 = sums_at(&DataDir::new(issuer.data())).expect("the sums").values().sum();
    assert_eq!(sum, u128::from(Quantity::whole(events)), "the sums at both ends");
    let size = |path: std::path::PathBuf| path.metadata().map_or(0, |found| found.len() >> 20);
    println!(
        "equal: {events} recorded and {events} settled; the journal has {} MiB, the issuer's database {} MiB",
        size(device.data().join("journal/journal.db")),
        size(issuer.data().join("issuer.db"))
    );
}

fn record(issuer: &Issuer, device: &Device, events: u64) {
    let trust = std::fs::read(issuer.trust()).expect("the trust anchor");
    let anchor = TrustAnchor::from_json(&trust).expect("a trust anchor");
    let gate = Gate::open(device.bundle(), anchor).expect("a gate");
    let meter = gate.meter().expect("a meter");
    let lines: Vec<MeterLine> = (0..LINES).map(|number| line(&meter, number)).collect();
    for event in 0..events {
        let at = usize::try_from(event % LINES).expect("a place");
        loop {
            match meter.record_nowait(lines[at], Quantity::whole(1)) {
                Ok(()) => break,
                Err(UsageError::QueueFull) => meter.flush().expect("the queue is written"),
                Err(error) => panic!("{error}"),
            }
        }
    }
    meter.close().expect("everything is written");
}

fn line(meter: &Meter, number: u64) -> MeterLine {
    let of = METERS[usize::try_from(number % 4).expect("a place")];
    let resource = format!("cam-{:04}", number / 4).parse().expect("a camera");
    meter.line(&of.parse().expect("a meter"), Some(&resource)).expect("a line")
}
