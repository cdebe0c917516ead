//! What a check and a record take while the mirrors' servers are there, frozen, killed and emptied; and whether everything is
//! copied once in the end.
//!
//! ```text
//! cargo run --release --example mirrors -- [SECONDS]     for each state of the servers; 5 without
//! ```
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "an example talks to its reader, measures, and stops at the first thing that goes wrong"
)]

use brink_databases::{RedisServer, Server, run, try_ask};
use brink_license::keyset::TrustAnchor;
use brink_license::usage::Quantity;
use brink_store::Gate;
use brink_tests::{Device, Issuer, Program, Ran, World, within};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TENANT: &str = "tenant-123";
const CAMERAS: usize = 100;
const FEATURE: &str = "analytics/counting";
/// Checks that are timed together: the clock costs as much as some of them.
const WINDOW: usize = 100;
/// Uses of one commit, and the pause before the next: about two thousand a second.
const BURST: u64 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// What was seen in one state of the servers.
struct Seen {
    state: &'static str,
    check_p50: f64,
    check_p999: f64,
    record_p50: f64,
    record_p99: f64,
    records: u64,
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(5, |text| text.parse().expect("a number of seconds"));
    let world = World::new();
    let (issuer, device) = activated(&world);
    let (mut postgres, mut redis) = (Server::start(), RedisServer::start());
    let url = format!("{}/postgres", postgres.url());
    Ran::run(Program::Edge.path(), &["migrate", "--to", &url]).ok();
    let trust = std::fs::read(issuer.trust()).expect("the trust anchor");
    let gate =
        Gate::open(device.bundle(), TrustAnchor::from_json(&trust).expect("a sound anchor")).expect("a gate");
    let recorded = AtomicU64::new(0);
    let mut seen = Vec::new();
    let mut measure =
        |state: &'static str| seen.push(seen_in(state, &gate, &recorded, Duration::from_secs(seconds)));

    let alone = device.agent();
    measure("no mirrors");
    drop(alone);
    let mut agent = device.agent_with(&["--mirror-postgres", &url, "--mirror-redis", &redis.url()]);
    measure("both there");
    postgres.freeze();
    redis.freeze();
    measure("both frozen");
    postgres.thaw();
    redis.thaw();
    postgres.stop();
    redis.stop();
    measure("both killed");
    postgres.again();
    redis.again();
    run(&url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    measure("both emptied, no tables");
    Ran::run(Program::Edge.path(), &["migrate", "--to", &url]).ok();
    measure("filled again");

    let wanted = recorded.load(Ordering::SeqCst);
    let sum = "SELECT coalesce(sum(quantity), 0)::bigint FROM usage_events";
    let copied = || try_ask(&url, sum).ok().and_then(|rows| rows[0][0].clone()?.parse::<u64>().ok());
    let begun = Instant::now();
    let equal = within(Duration::from_secs(120), || (copied() == Some(wanted)).then_some(()));
    assert!(agent.is_alive(), "{}", agent.log());
    assert!(equal.is_some(), "{wanted} uses were recorded, and {:?} are copied", copied());
    table(&seen);
    println!(
        "\n{wanted} uses were recorded, and each is in PostgreSQL once, {:.1} s after the last",
        begun.elapsed().as_secs_f64()
    );
}

fn activated(world: &World) -> (Issuer, Device) {
    let issuer = world.issuer();
    issuer.subscribe(TENANT, 100, &[]);
    let offer = issuer.offer(TENANT);
    let (server, url) = issuer.serve();
    let device = world.device("edge", &issuer);
    device.activate(&url, &offer.code).ok();
    let names: Vec<String> = (0..CAMERAS).map(|at| format!("cam-{at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    issuer.assign(&offer.device, &names, &[]);
    device.exchange().ok();
    assert!(server.stop().success(), "the issuer ends cleanly");
    (issuer, device)
}

/// One thread asks without pause, another records.
fn seen_in(state: &'static str, gate: &Gate, recorded: &AtomicU64, length: Duration) -> Seen {
    let is_over = AtomicBool::new(false);
    let (mut checks, mut records, count) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| asked(gate, &is_over));
        let recording = scope.spawn(|| used(gate, &is_over, recorded));
        // Nothing is waited for: the state lasts as long as it was asked to.
        let _ = within(length, || None::<()>);
        is_over.store(true, Ordering::SeqCst);
        let (records, count) = recording.join().expect("a thread that records");
        (asking.join().expect("a thread that asks"), records, count)
    });
    checks.sort_unstable();
    records.sort_unstable();
    let at = |of: &[Duration], share: f64| of[((of.len() - 1) as f64 * share) as usize].as_nanos() as f64;
    Seen {
        state,
        check_p50: at(&checks, 0.5) / WINDOW as f64,
        check_p999: at(&checks, 0.999) / WINDOW as f64,
        record_p50: at(&records, 0.5) / 1e6,
        record_p99: at(&records, 0.99) / 1e6,
        records: count,
    }
}

fn asked(gate: &Gate, is_over: &AtomicBool) -> Vec<Duration> {
    let cameras: Vec<String> = (0..CAMERAS).map(|at| format!("cam-{at:03}")).collect();
    let mut windows = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        for camera in cameras.iter().cycle().take(WINDOW) {
            assert!(
                black_box(gate.check(black_box(camera), FEATURE)).allowed,
                "a licensed camera was refused"
            );
        }
        windows.push(begun.elapsed());
    }
    windows
}

/// Each burst is durable before the next.
fn used(gate: &Gate, is_over: &AtomicBool, recorded: &AtomicU64) -> (Vec<Duration>, u64) {
    let meter = gate.meter().expect("a meter");
    let (calls, camera) = ("api_call".parse().expect("a meter"), "cam-001".parse().expect("a camera"));
    let (mut took, mut count) = (Vec::new(), 0);
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..BURST {
            let begun = Instant::now();
            meter.record(&calls, Some(&camera), Quantity::whole(1)).expect("recorded");
            took.push(begun.elapsed());
            count += 1;
        }
        let _ = within(PAUSE, || None::<()>);
    }
    meter.close().expect("everything is written");
    recorded.fetch_add(count, Ordering::SeqCst);
    (took, count)
}

fn table(seen: &[Seen]) {
    println!("| servers | check, p50 ns | p99.9 ns | of no mirrors | record, p50 ms | p99 ms | records |");
    println!("|---|---|---|---|---|---|---|");
    for one in seen {
        let Seen { state, check_p50, check_p999, record_p50, record_p99, records } = one;
        let ratio = check_p50 / seen[0].check_p50;
        println!(
            "| {state} | {check_p50:.1} | {check_p999:.1} | {ratio:.2} | {record_p50:.2} | {record_p99:.2} | {records} |"
        );
    }
}
