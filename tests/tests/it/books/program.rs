//! Finance at the command line, with the real program.

use brink_tests::forge::Key;
use brink_tests::{Issuer, Ran};
use serde_json::{Value, json};

use super::{Meter, Office, TENANT};

const YEAR: [&str; 4] = ["--from", "2026-01-01", "--to", "2027-01-01"];

/// A device with two meters, a loss, a record that is set aside and some that it still has.
fn used() -> (Office, Meter) {
    let office = Office::new();
    let mut meter = office.meter(Key(64));
    for round in 0..6 {
        meter.uses("sms", &format!("cam-{}", round % 2), "1.25");
        meter.uses("api_call", "", "1000");
        office.pass(&mut meter, 1800);
    }
    meter.recovers(3);
    meter.contradicts("sms");
    office.exchange(&mut meter);
    (office, meter)
}

fn report(program: &Issuer, more: &[&str]) -> Ran {
    program.run(&[&["usage", "report", "--tenant", TENANT][..], &YEAR, more].concat())
}

fn refused(ran: Ran, code: i32, words: &[&str]) {
    let ran = ran.coded(code);
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {ran}");
    }
}

#[test]
fn a_report_is_aligned_for_people_exact_for_programs_and_says_what_it_lacks() {
    let (office, meter) = used();
    let program = office.program();
    let people = report(&program, &["--by", "camera"]).ok().stdout;
    let lines: Vec<_> = people.lines().collect();
    assert_eq!(
        lines[0],
        "tenant tenant-123 from 2025-12-31T13:30:00Z to 2026-12-31T13:30:00Z, days of Australia/Adelaide"
    );
    assert_eq!(
        lines[1..7],
        [
            "meter     camera  recorded  corrections   net  uses",
            "api_call              6000            0  6000     6",
            "sms       cam-0       3.75            0  3.75     3",
            "sms       cam-1       3.75            0  3.75     3",
            "api_call  total       6000            0  6000     6",
            "sms       total        7.5            0   7.5     6",
        ]
    );
    let lost = format!(
        "incomplete: 3 records are lost and may be of this period: {} 13 to 15 (recovered)",
        meter.device
    );
    assert!(lines.contains(&lost.as_str()), "{people}");
    assert!(people.contains("1 records of this period are in quarantine: 1 TOTAL"), "{people}");
    let document = report(&program, &["--by", "month,device", "--json"]).ok().json();
    let line = json!({
        "meter": "sms", "month": "2026-03", "device": meter.device, "recorded": "7.5", "corrections": "0",
        "net": "7.5", "uses": 6,
    });
    assert_eq!(document["lines"][1], line);
    assert_eq!((&document["complete"], &document["losses"][0]["from_seq"]), (&json!(false), &json!(13)));
    let csv = report(&program, &["--by", "month", "--csv"]).ok();
    assert_eq!(
        csv.stdout,
        "meter,month,recorded,corrections,net,uses\r\napi_call,2026-03,6000,0,6000,6\r\nsms,2026-03,7.5,0,7.5,6\r\n"
    );
    assert!(csv.stderr.contains("incomplete: "), "{csv}");
    let quarters = report(&program, &["--by", "quarter", "--meter", "sms", "--json"]).ok().json();
    assert_eq!(quarters["lines"].as_array().unwrap().len(), 6);
    assert_eq!(quarters["lines"][0]["quarter"], "2026-03-01T10:30:00+10:30");
}

#[test]
fn a_period_that_is_none_is_wrong_usage_and_an_unknown_tenant_is_named() {
    let (office, _) = used();
    let program = office.program();
    let run = |from: &str, to: &str| {
        program.run(&["usage", "report", "--tenant", TENANT, "--from", from, "--to", to])
    };
    refused(run("2026-02-30", "2026-04-01"), 2, &["2026-03-01T00:15:00+01:00"]);
    refused(run("2026-03-01T00:01:00Z", "2026-04-01"), 2, &["2026-03-01T00:01:00Z", "quarter of an hour"]);
    refused(run("2026-04-01", "2026-04-01"), 2, &["--to"]);
    let unknown = ["usage", "report", "--tenant", "nobody", "--from", "2026-03-01", "--to", "2026-04-01"];
    refused(program.run(&unknown), 1, &["unknown tenant nobody", "tenant create"]);
    let code = program.run(&[&unknown[..], &["--json"]].concat()).coded(1).json();
    assert_eq!(code["error"]["code"], "UNKNOWN_TENANT");
}

#[test]
fn a_correction_is_listed_with_its_reason_and_what_is_too_much_is_refused() {
    let (office, meter) = used();
    let program = office.program();
    let correct = |quantity: &str, more: &[&str]| {
        let who =
            ["usage", "correct", "--tenant", TENANT, "--device", meter.device.as_str(), "--meter", "sms"];
        let what =
            ["--at", "2026-03-01T01:00:00Z", "--quantity", quantity, "--reason", "=a, \"test\" message"];
        program.run(&[&who[..], &what, more].concat())
    };
    let done = correct("-1.5", &["--resource", "cam-0", "--json"]).ok().json();
    assert_eq!(
        (&done["before"], &done["after"], &done["month"]),
        (&json!("7.5"), &json!("6"), &json!("2026-03"))
    );
    refused(correct("-6.1", &[]), 3, &["come to 6", "never falls below zero"]);
    let code = correct("-6.1", &["--json"]).coded(3).json();
    assert_eq!(code["error"]["code"], "CORRECTION_BELOW_ZERO");
    refused(correct("1.5.2", &[]), 2, &["1.5.2"]);
    let listed = program.run(&["usage", "corrections", "list", "--tenant", TENANT]).ok().stdout;
    assert!(listed.contains("-1.5") && listed.contains("\"=a, \\\"test\\\" message\""), "{listed}");
    let row = &report(&program, &["--json"]).ok().json()["totals"][1];
    assert_eq!(
        (&row["recorded"], &row["corrections"], &row["net"]),
        (&json!("7.5"), &json!("-1.5"), &json!("6"))
    );
}

#[test]
fn the_quarantine_is_shown_and_what_does_not_pass_stays_in_it() {
    let (office, meter) = used();
    let program = office.program();
    let list = |whose: [&str; 2]| {
        program.run(&[&["usage", "quarantine", "list", "--json"][..], &whose].concat()).ok().json()
    };
    let rows = list(["--device", meter.device.as_str()]);
    assert_eq!(rows, list(["--tenant", TENANT]));
    let row = &rows["quarantine"][0];
    assert_eq!(
        (&row["reason"], &row["seq"], &row["replayed_at"]),
        (&json!("TOTAL"), &json!(17), &Value::Null)
    );
    let id = row["id"].to_string();
    refused(program.run(&["usage", "quarantine", "replay", "--id", &id]), 3, &["TOTAL", "usage correct"]);
    refused(program.run(&["usage", "quarantine", "replay", "--id", "999"]), 3, &["999", "quarantine list"]);
    let all = program.run(&["usage", "quarantine", "replay", "--all", "--json"]).ok().json();
    assert_eq!((&all["replayed"], &all["refused"][0]["code"]), (&json!([]), &json!("STILL_IN_QUARANTINE")));
}

#[test]
fn an_export_is_there_whole_or_not_at_all() {
    let (office, _) = used();
    let program = office.program();
    let out = office.world.path("raw.csv");
    std::fs::write(&out, "the one before").unwrap();
    let export = |more: &[&str]| program.run(&[&["usage", "export", "--raw"][..], more].concat());
    let path = out.to_str().unwrap();
    refused(export(&["--out", path, "--tenant", "nobody"]), 1, &["unknown tenant"]);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "the one before");
    export(&["--out", path, "--tenant", TENANT]).ok();
    let text = std::fs::read_to_string(&out).unwrap();
    assert_eq!(text.matches("\r\n").count(), 1 + 12 + 2);
    refused(export(&["--out", office.world.path("raw.txt").to_str().unwrap()]), 2, &[".csv", ".parquet"]);
    refused(export(&["--out", office.world.path("no/raw.csv").to_str().unwrap()]), 1, &["no/raw.csv"]);
    refused(program.run(&["usage", "export", "--out", path]), 2, &["--raw"]);
    let left = std::fs::read_dir(office.world.dir()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["issuer", "raw.csv"]);
}

#[test]
fn books_that_were_changed_are_not_sound() {
    let (office, meter) = used();
    let program = office.program();
    let sound = program.run(&["usage", "verify", "--json"]).ok().json();
    assert_eq!((&sound["sound"], &sound["records"], &sound["chains"]), (&json!(true), &json!(14), &json!(1)));
    let books = rusqlite::Connection::open(office.database()).unwrap();
    books.execute("UPDATE usage_rollups SET quantity = zeroblob(16) WHERE meter = 'api_call'", []).unwrap();
    let device = meter.device.as_str();
    refused(
        program.run(&["usage", "verify", "--device", device]),
        3,
        &["api_call", "is 0 in", "1000 in", "backup"],
    );
    assert_eq!(program.run(&["usage", "verify", "--json"]).coded(3).json()["error"]["code"], "USAGE_DIFFERS");
    refused(program.run(&["usage", "verify", "--device", "dev-x"]), 1, &["unknown device dev-x"]);
}
