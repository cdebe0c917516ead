//! Every worked example of the rules, as a quote: through the function here, and through the command line in its tests.

use super::document;
use crate::billing::{Cycle, Exact, Period, Terms, Timeline, advance, timeline};
use crate::catalog::Catalog;
use serde_json::Value;

/// Its name, the file, and what it comes to: price, kind, unit days, net of each line, and the sum.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) file: String,
    pub(crate) lines: &'static [(&'static str, &'static str, Option<i64>, &'static str)],
    pub(crate) net: &'static str,
}

fn month(from: &str, to: &str, more: &str) -> String {
    format!(r#"{{"timezone":"UTC","currency":"USD","period":{{"from":"{from}","to":"{to}"}},{more}}}"#)
}

fn added(at: &str, price: &str, delta: i64) -> String {
    format!(r#"{{"at":"{at}","price":"{price}","delta":{delta}}}"#)
}

fn changes(list: &[String]) -> String {
    format!(r#""changes":[{}]"#, list.join(","))
}

type Expected = &'static [(&'static str, &'static str, Option<i64>, &'static str)];

fn example(name: &'static str, file: String, lines: Expected, net: &'static str) -> Example {
    Example { name, file, lines, net }
}

fn calls(more: &str, prices: &str) -> String {
    let usage = format!(r#""prices":{{{prices}}},"usage":[{{"meter":"api_call",{more}}}]"#);
    month("2026-03-01", "2026-04-01", &usage)
}

fn base(at: &str, delta: i64) -> String {
    added(at, "base_camera", delta)
}

fn cameras(period: (&str, &str), list: &[String]) -> String {
    month(period.0, period.1, &changes(list))
}

/// G01 to G04: what was there, by days.
fn by_days() -> Vec<Example> {
    vec![
        example(
            "G01",
            cameras(("2026-01-01", "2026-02-01"), &[base("2026-01-01T00:00:00Z", 10)]),
            &[("base_camera", "recurring", Some(310), "600.00")],
            "600.00",
        ),
        example(
            "G02",
            cameras(("2026-01-01", "2026-02-01"), &[base("2026-01-17T00:00:00Z", 3)]),
            &[("base_camera", "recurring", Some(45), "87.10")],
            "87.10",
        ),
        example(
            "G03",
            cameras(("2026-02-01", "2026-03-01"), &[base("2026-02-17T00:00:00Z", 3)]),
            &[("base_camera", "recurring", Some(36), "77.14")],
            "77.14",
        ),
        example(
            "G04",
            cameras(
                ("2026-04-01", "2026-05-01"),
                &[
                    base("2026-04-01T00:00:00Z", 10),
                    base("2026-04-16T12:00:00Z", 5),
                    added("2026-04-01T00:00:00Z", "advanced_analytics", 10),
                    added("2026-04-16T12:00:00Z", "advanced_analytics", 5),
                ],
            ),
            &[
                ("advanced_analytics", "recurring", Some(375), "250.00"),
                ("base_camera", "recurring", Some(375), "750.00"),
            ],
            "1000.00",
        ),
    ]
}

/// G06 and G07: what is free for a while.
fn of_trials() -> Vec<Example> {
    let trial =
        |start: &str| format!(r#""trials":[{{"price":"base_camera","quantity":2,"start":"{start}"}}]"#);
    vec![
        example(
            "G06",
            month(
                "2026-02-01",
                "2026-03-01",
                &format!("{},{}", changes(&[base("2025-11-30T00:00:00Z", 5)]), trial("2025-11-30")),
            ),
            &[("base_camera", "recurring", Some(86), "184.29")],
            "184.29",
        ),
        example(
            "G07",
            month(
                "2026-04-01",
                "2026-05-01",
                &format!("{},{}", changes(&[base("2026-01-15T00:00:00Z", 2)]), trial("2026-01-15")),
            ),
            &[("base_camera", "recurring", Some(32), "64.00")],
            "64.00",
        ),
    ]
}

/// G08 and G09: the intelligence pack and its seats.
fn of_seats() -> Vec<Example> {
    vec![
        example(
            "G08",
            cameras(
                ("2026-06-01", "2026-07-01"),
                &[
                    added("2026-06-11T00:00:00Z", "intelligence", 1),
                    added("2026-06-21T08:00:00Z", "analyst_seat", 2),
                ],
            ),
            &[
                ("analyst_seat", "recurring", Some(20), "80.00"),
                ("intelligence", "recurring", Some(20), "266.67"),
            ],
            "346.67",
        ),
        example(
            "G09",
            cameras(
                ("2026-07-01", "2026-08-01"),
                &[
                    added("2026-06-01T00:00:00Z", "analyst_seat", 2),
                    added("2026-07-10T10:00:00Z", "analyst_seat", -1),
                    added("2026-07-10T11:00:00Z", "analyst_seat", 1),
                ],
            ),
            &[("analyst_seat", "recurring", Some(62), "240.00")],
            "240.00",
        ),
    ]
}

/// G19 and G21: from an anchor, and in a zone.
fn of_calendars() -> Vec<Example> {
    let anniversary = |from: &str, to: &str| {
        let more = format!(r#""anchor":"2026-01-31",{}"#, changes(&[base("2026-01-31T00:00:00Z", 1)]));
        month(from, to, &more)
    };
    vec![
        example(
            "G19 February",
            anniversary("2026-01-31", "2026-02-28"),
            &[("base_camera", "recurring", Some(28), "60.00")],
            "60.00",
        ),
        example(
            "G19 March",
            anniversary("2026-02-28", "2026-03-31"),
            &[("base_camera", "recurring", Some(31), "60.00")],
            "60.00",
        ),
        example(
            "G19 April",
            anniversary("2026-03-31", "2026-04-30"),
            &[("base_camera", "recurring", Some(30), "60.00")],
            "60.00",
        ),
        example(
            "G21",
            month("2026-03-01", "2026-04-01", &changes(&[base("2026-03-16T00:00:00-04:00", 1)]))
                .replace("\"UTC\"", "\"America/New_York\""),
            &[("base_camera", "recurring", Some(16), "30.97")],
            "30.97",
        ),
    ]
}

/// G10, G12, G15 and G17: what was used, and what was billed before.
fn used_and_billed() -> Vec<Example> {
    let package = r#""api_call_overage":{"amount":"0.05","per":1000,"overage":"package"}"#;
    let million = r#""quantity":"1234567","included":"1000000""#;
    let device = r#"{"meter":"api_call","quantity":"90"}"#;
    let devices = format!(r#""usage":[{}]"#, vec![device; 1000].join(","));
    let late = |quantity: &str, billed: &str| {
        let usage =
            format!(r#""usage":[{{"meter":"api_call","quantity":"{quantity}","included":"1000000"}}]"#);
        month("2026-03-01", "2026-04-01", &format!(r#"{usage},"billed":[{billed}]"#))
    };
    let billed = |net: &str| format!(r#"{{"price":"api_call_overage","net":"{net}"}}"#);
    let grown = changes(&[
        added("2026-08-01T00:00:00Z", "base_camera", 10),
        added("2026-08-20T09:00:00Z", "base_camera", 4),
    ]);
    vec![
        example("G10 exact", calls(million, ""), &[("api_call_overage", "usage", None, "11.73")], "11.73"),
        example(
            "G10 package",
            calls(million, package),
            &[("api_call_overage", "usage", None, "11.75")],
            "11.75",
        ),
        example(
            "G12",
            month("2026-03-01", "2026-04-01", &devices),
            &[("api_call_overage", "usage", None, "4.50")],
            "4.50",
        ),
        example(
            "G15 true-up",
            month(
                "2026-08-01",
                "2026-09-01",
                &format!(r#"{grown},"billed":[{{"price":"base_camera","net":"600.00"}}]"#),
            ),
            &[("base_camera", "adjustment", Some(358), "92.90")],
            "92.90",
        ),
        example(
            "G15 September",
            month("2026-09-01", "2026-10-01", &grown),
            &[("base_camera", "recurring", Some(420), "840.00")],
            "840.00",
        ),
        example("G17 first", late("1100000", ""), &[("api_call_overage", "usage", None, "5.00")], "5.00"),
        example(
            "G17 late",
            late("1160013", &billed("5.00")),
            &[("api_call_overage", "adjustment", None, "3.00")],
            "3.00",
        ),
        example("G17 later", late("1160023", &[billed("5.00"), billed("3.00")].join(",")), &[], "0.00"),
    ]
}

pub(crate) fn examples() -> Vec<Example> {
    [by_days(), of_trials(), of_seats(), of_calendars(), used_and_billed()].into_iter().flatten().collect()
}

impl Example {
    /// What a document of a quote says against what is expected.
    pub(crate) fn check(&self, document: &Value) {
        let lines: Vec<_> = document["lines"].as_array().unwrap().iter().collect();
        assert_eq!(lines.len(), self.lines.len(), "{}: {document:#}", self.name);
        for (line, (price, kind, unit_days, net)) in lines.iter().zip(self.lines) {
            let found =
                (line["price"].as_str().unwrap(), line["kind"].as_str().unwrap(), line["unit_days"].as_i64());
            assert_eq!(found, (*price, *kind, *unit_days), "{}: {line:#}", self.name);
            assert_eq!(line["net"], *net, "{}: {line:#}", self.name);
        }
        assert_eq!(document["net"], self.net, "{}", self.name);
    }
}

#[test]
fn every_worked_example_comes_to_what_the_rules_say() {
    let all = examples();
    assert_eq!(all.len(), 20);
    all.iter().for_each(|example| example.check(&document(&example.file)));
}

#[test]
fn g15_is_one_invoice_of_the_advance_and_the_true_up() {
    let catalog = Catalog::embedded().unwrap();
    let tariff = crate::billing::Tariff::of(&catalog, catalog.currency);
    let event = |at, delta| timeline::Change {
        at: brink_license::UnixSeconds::new(at),
        event: timeline::Event::Quantity { price: "base_camera".parse().unwrap(), delta },
    };
    // 2026-08-01 and 2026-08-20 09:00, UTC.
    let timeline = Timeline::new(&[event(1_785_542_400, 10), event(1_787_216_400, 4)]).unwrap();
    let terms = Terms { tariff: &tariff, timeline: &timeline, grants: &[], discounts: &[] };
    let period = |date: &str| Period::around(Cycle::Calendar, date.parse().unwrap(), chrono_tz::UTC).unwrap();
    let advanced = |date: &str| advance(terms, &period(date)).unwrap()[0].clone();
    assert_eq!(advanced("2026-08-01").net_minor, 60_000, "in advance for what is there at the start");
    let august = crate::billing::desired(terms, &[], &period("2026-08-01")).unwrap()[0].clone();
    assert_eq!((august.net_minor, august.unit_days), (69_290, Some(358)));
    let true_up = august.net_minor - advanced("2026-08-01").net_minor;
    assert_eq!(true_up + advanced("2026-09-01").net_minor, 93_290, "the invoice of September");
    assert_eq!(advanced("2026-09-01").quantity, Exact::whole(14));
}
