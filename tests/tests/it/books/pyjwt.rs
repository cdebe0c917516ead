//! PyJWT verifies what was signed about usage, from the pinned root keys alone, and the sums that are acknowledged follow.

use std::process::Command;

use brink_tests::forge::Key;
use serde_json::json;

use super::{Office, TENANT};

const PROGRAM: &str = include_str!("evidence.py");

#[test]
#[ignore = "needs PyJWT: scripts/test installs it beside the build and runs this"]
fn pyjwt_verifies_the_evidence_and_its_sums_are_those_of_the_report() {
    let office = Office::new();
    let mut meter = office.meter(Key(63));
    for round in 0..8_u64 {
        for use_ in 0..5_u64 {
            meter.uses("sms", &format!("cam-{}", use_ % 2), &format!("{round}.{use_}01"));
        }
        office.pass(&mut meter, 2000);
        if round == 3 {
            meter.fold();
        }
        if round % 2 == 1 {
            office.exchange(&mut meter);
        }
    }
    meter.recovers(4);
    meter.uses("api_call", "", "0.000000000001");
    office.exchange(&mut meter);
    let (program, document) = (office.program(), office.world.path("evidence.json"));
    let device = meter.device.as_str();
    program.run(&["usage", "evidence", "--device", device, "--out", document.to_str().unwrap()]).ok();
    let printed = program.run(&["usage", "evidence", "--device", device, "--json"]).ok().stdout;
    assert_eq!(printed, std::fs::read_to_string(&document).unwrap());
    let mut python = Command::new(brink_tests::python());
    let output = python.args(["-c", PROGRAM]).arg(&document).arg(program.trust()).output();
    let output = output.expect("python runs");
    assert!(output.status.success(), "PyJWT: {}", String::from_utf8_lossy(&output.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).expect("what was seen as JSON");
    let period = ["--from", "2026-01-01", "--to", "2027-01-01"];
    let report = [&["usage", "report", "--json", "--tenant", TENANT][..], &period].concat();
    let report = program.run(&report).ok().json();
    let totals = report["totals"].as_array().unwrap().iter();
    let sums: serde_json::Map<_, _> =
        totals.map(|total| (total["meter"].as_str().unwrap().to_owned(), total["net"].clone())).collect();
    assert_eq!(seen["sums"], json!(sums));
    assert_eq!((&seen["lost"], &seen["found"]), (&json!(4), &json!(25)), "{seen}");
}
