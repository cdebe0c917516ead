//! The whole way once, with the two real programs on a temporary directory: a cloud admin mints, a device verifies with
//! nothing but the pinned root, and a host asks about 100 cameras and meters what it does while the issuer is switched off;
//! when it returns, the usage is settled and shown in a report.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "an example talks to its reader, measures a check, and stops at the first thing that goes wrong"
)]

use brink_license::UnixSeconds;
use brink_license::keyset::TrustAnchor;
use brink_license::usage::Quantity;
use brink_store::Gate;
use brink_tests::{Device, Issuer, Program, Ran, World};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const TENANT: &str = "tenant-123";
const CAMERAS: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => story(),
        [role, bundle, trust] if role == "host" => host(Path::new(bundle), Path::new(trust)),
        _ => panic!("quickstart takes no arguments"),
    }
}

fn story() {
    let started = Instant::now();
    step("building brink-issuer and brink-edge");
    println!("    {}\n    {}", Program::Issuer.path().display(), Program::Edge.path().display());
    let built = Instant::now();

    let world = World::new();
    let (issuer, device) = cloud_and_device(&world);

    step("the issuer is stopped: from here on the device is alone");
    show(&device.check("cam-001", "analytics/counting").ok());

    step("a host process opens the gate and asks");
    let exe = std::env::current_exe().expect("the path of this example");
    let asked = Command::new(exe).arg("host").arg(device.bundle()).arg(issuer.trust()).status();
    assert!(asked.expect("the host process starts").success(), "the host process failed");

    step("a person records usage beside it, offline as well");
    show(
        &device.run(&["usage", "record", "--meter", "sms", "--quantity", "2", "--resource", "cam-061"]).ok(),
    );
    show(&device.run(&["usage", "summary"]).ok());

    step("the issuer returns, and the device settles");
    let (server, url) = issuer.serve();
    show(&device.run(&["exchange", "--issuer", &url]).ok());
    step("cloud: what the customer has used");
    let period = ["usage", "report", "--tenant", TENANT, "--from", "2000-01-01", "--to", "2100-01-01"];
    show(&issuer.run(&[&period[..], &["--by", "meter"]].concat()).ok());
    assert!(server.stop().success(), "the issuer ends cleanly");

    step("what the device says of itself");
    show(&device.run(&["status"]).ok());

    drop(world);
    println!(
        "\ndone in {:.1} s after a build of {:.1} s; nothing is left behind",
        built.elapsed().as_secs_f64(),
        { (built - started).as_secs_f64() }
    );
}

/// Everything that needs the issuer. It is stopped when this returns.
fn cloud_and_device(world: &World) -> (Issuer, Device) {
    step("cloud: an issuer with development keys, a tenant, a subscription of 100 cameras with two packs");
    let issuer = world.issuer();
    issuer.subscribe(TENANT, 100, &["--pack", "advanced_analytics", "--pack", "retail=49.00"]);
    let offer = issuer.offer(TENANT);
    println!("    tenant {TENANT}, device {}, activation code {}", offer.device, offer.code);
    let (server, url) = issuer.serve();
    println!("    brink-issuer serves on {url}");

    step("device: provisioned with trust.json alone, activated by the code");
    let device = world.device("edge", &issuer);
    show(&device.activate(&url, &offer.code).ok());

    step("cloud: 100 cameras, three kinds");
    let names: Vec<String> = (1..=CAMERAS).map(|i| format!("cam-{i:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    issuer.assign(&offer.device, &names[..60], &[]);
    issuer.assign(&offer.device, &names[60..90], &["advanced_analytics"]);
    issuer.assign(&offer.device, &names[90..], &["advanced_analytics", "retail"]);
    println!("    60 with base, 30 with advanced_analytics, 10 with retail as well");

    step("device: one exchange brings the licence");
    show(&device.exchange().ok());
    assert!(server.stop().success(), "the issuer ends cleanly");
    (issuer, device)
}

fn step(what: &str) {
    println!("\n==> {what}");
}

fn show(ran: &Ran) {
    for line in ran.stdout.lines() {
        println!("    {line}");
    }
}

/// What a host such as tAPI does: open the gate with the root that it was built with, and ask.
fn host(bundle: &Path, trust: &Path) {
    let trust = std::fs::read(trust).expect("the trust anchor");
    let anchor = TrustAnchor::from_json(&trust).expect("a sound trust anchor");
    let gate = Gate::open(bundle, anchor).expect("a gate");
    println!("    {:<8} {:<24} {:<8} {:<22} until", "camera", "feature", "verdict", "reason");
    for (camera, feature) in [
        ("cam-001", "analytics/counting"),
        ("cam-001", "analytics/near_miss"),
        ("cam-061", "analytics/near_miss"),
        ("cam-061", "cv_models/trolley"),
        ("cam-100", "cv_models/trolley"),
        ("cam-100", "cv_models/boat_tanker"),
        ("cam-101", "analytics/counting"),
    ] {
        let answer = gate.check(camera, feature);
        let until = answer.until.map_or_else(|| "-".to_owned(), spelled);
        let (verdict, reason) = (answer.verdict.as_str(), answer.reason.as_str());
        println!("    {camera:<8} {feature:<24} {verdict:<8} {reason:<22} {until}");
    }
    let status = gate.status().expect("a gate of this process");
    let window = status.standing().window;
    println!(
        "    state {}, grace from {}, over at {}",
        status.standing().state.as_str(),
        spelled(window.grace_at),
        { spelled(window.ends_at) }
    );
    println!("    a check takes {:.1} ns (median of 200 windows, 100 cameras in turn)", latency(&gate));
    meter(&gate);
}

/// And meters what it does: durable before it goes on, or counted from memory and written within 50 ms.
fn meter(gate: &Gate) {
    let meter = gate.meter().expect("a meter");
    let (calls, camera) = ("api_call".parse().expect("a meter"), "cam-001".parse().expect("a camera"));
    let recorded = meter.record(&calls, Some(&camera), Quantity::whole(1)).expect("recorded");
    println!("    one api_call of cam-001 is record {} of the journal", recorded.seq);
    let line = meter.line(&calls, Some(&camera)).expect("a line");
    (0..999).for_each(|_| meter.record_nowait(line, Quantity::whole(1)).expect("counted"));
    meter.close().expect("everything that was counted is written");
    println!("    999 more were counted from memory, and are written as well");
}

fn spelled(moment: UnixSeconds) -> String {
    chrono::DateTime::from_timestamp(moment.as_i64(), 0)
        .map_or_else(|| moment.to_string(), |time| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// Nanoseconds of one check by strings.
fn latency(gate: &Gate) -> f64 {
    let cameras: Vec<String> = (1..=CAMERAS).map(|i| format!("cam-{i:03}")).collect();
    let window = || {
        const ROUNDS: u32 = 100;
        let start = Instant::now();
        for _ in 0..ROUNDS {
            for camera in &cameras {
                std::hint::black_box(gate.check(std::hint::black_box(camera), "analytics/counting"));
            }
        }
        start.elapsed() / ROUNDS
    };
    let mut windows: Vec<Duration> = (0..200).map(|_| window()).collect();
    windows.sort_unstable();
    windows[windows.len() / 2].as_nanos() as f64 / CAMERAS as f64
}
