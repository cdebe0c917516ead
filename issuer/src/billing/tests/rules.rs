//! Single rules that the worked examples leave out.

use super::document;
use crate::billing::{
    Billed, Change, Cycle, Event, Kind, Period, Rate, Shares, Takes, Tariff, Terms, Timeline, desired,
    difference,
};
use crate::catalog::Catalog;
use brink_license::UnixSeconds;
use serde_json::Value;

fn rated(zone: &str, (from, to): (&str, &str), more: &str) -> Value {
    let head = format!(r#""timezone":"{zone}","period":{{"from":"{from}","to":"{to}"}}"#);
    document(&format!("{{{head},{more}}}"))
}

fn march(more: &str) -> Value {
    rated("UTC", ("2026-03-01", "2026-04-01"), more)
}

/// Key, unit days, quantity and net of each line.
fn lines(document: &Value) -> Vec<(String, Option<i64>, i64, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = document["lines"].as_array().unwrap().iter();
    lines
        .map(|line| {
            (
                text(&line["key"]),
                line["unit_days"].as_i64(),
                line["quantity"].as_i64().unwrap(),
                text(&line["net"]),
            )
        })
        .collect()
}

#[test]
fn r6_a_day_costs_what_was_there_at_once_and_not_what_came_and_went() {
    let on = |hour: &str, delta: i64| {
        format!(r#"{{"at":"2026-03-10T{hour}:00:00Z","price":"analyst_seat","delta":{delta}}}"#)
    };
    let cases = [
        ("there and gone on one day", vec![on("09", 1), on("10", -1)], 1),
        ("released, then assigned", vec![on("00", 1), on("10", -1), on("11", 1), on("12", -1)], 1),
        ("assigned, then released", vec![on("00", 1), on("10", 1), on("11", -1), on("12", -1)], 2),
        ("both at one instant", vec![on("00", 1), on("10", 1), on("10", -1), on("12", -1)], 1),
        ("the other way round", vec![on("00", 1), on("10", -1), on("10", 1), on("12", -1)], 1),
    ];
    for (name, changes, days) in cases {
        let found = march(&format!(r#""changes":[{}]"#, changes.join(",")));
        assert_eq!(found["lines"][0]["unit_days"], days, "{name}");
    }
    // R15: what leaves at midnight does not cost that day.
    let left = march(
        r#""changes":[{"at":"2026-03-10","price":"analyst_seat","delta":1},{"at":"2026-03-12","price":"analyst_seat","delta":-1}]"#,
    );
    assert_eq!(left["lines"][0]["unit_days"], 2);
}

#[test]
fn r6_the_dearer_tier_counts_on_the_day_of_the_move() {
    let at =
        |at: &str, name: &str, price: &str| format!(r#"{{"at":"{at}","resource":"{name}","price":{price}}}"#);
    let of = |changes: &[String]| lines(&march(&format!(r#""changes":[{}]"#, changes.join(","))));
    let (basic, managed) = ("\"device_basic\"", "\"device_managed\"");
    let up = of(&[at("2026-02-01", "dev-1", basic), at("2026-03-11T09:00:00Z", "dev-1", managed)]);
    assert_eq!(
        up,
        [
            ("device_basic".into(), Some(10), 1, "16.13".into()),
            ("device_managed".into(), Some(21), 1, "44.03".into())
        ]
    );
    let down = of(&[at("2026-02-01", "dev-1", managed), at("2026-03-11T09:00:00Z", "dev-1", basic)]);
    assert_eq!(down[1], ("device_managed".into(), Some(11), 1, "23.06".into()));
    let midnight = of(&[at("2026-02-01", "dev-1", managed), at("2026-03-11", "dev-1", basic)]);
    assert_eq!(midnight[1].1, Some(10), "at midnight the day is the new one's");
    let exchanged = of(&[
        at("2026-02-01", "dev-1", basic),
        at("2026-03-11T09:00:00Z", "dev-1", "null"),
        at("2026-03-11T10:00:00Z", "dev-2", basic),
    ]);
    assert_eq!(exchanged, [("device_basic".into(), Some(31), 1, "50.00".into())], "one at a time");
    let detail = march(&format!(r#""changes":[{}]"#, at("2026-03-11T09:00:00Z", "dev-1", basic)));
    assert_eq!(detail["lines"][0]["detail"][0]["resources"], serde_json::json!(["dev-1"]));
}

#[test]
fn r16_a_price_changes_at_once_in_two_lines_or_with_the_next_period() {
    let there = r#"{"at":"2026-02-01","price":"base_camera","delta":1}"#;
    let once = march(&format!(
        r#""changes":[{there},{{"at":"2026-03-16T15:00:00Z","price":"base_camera","amount":"66"}}]"#
    ));
    let expected = [
        ("base_camera".into(), Some(15), 1, "29.03".into()),
        ("base_camera@2026-03-16".into(), Some(16), 1, "34.06".into()),
    ];
    assert_eq!(lines(&once), expected);
    let catalog = Catalog::embedded().unwrap();
    let tariff = Tariff::of(&catalog, catalog.currency);
    let rate = Rate { amount: "66".parse().unwrap(), per: std::num::NonZeroU64::MIN };
    let price = || "base_camera".parse().unwrap();
    let at = UnixSeconds::new;
    let timeline = Timeline::new(&[
        Change { at: at(1_770_000_000), event: Event::Quantity { price: price(), delta: 1 } },
        // 2026-03-16 15:00, UTC.
        Change {
            at: at(1_773_673_200),
            event: Event::Price { price: price(), rate, takes: Takes::NextPeriod },
        },
    ])
    .unwrap();
    let terms = Terms { tariff: &tariff, timeline: &timeline, grants: &[], discounts: &[] };
    for (month, net) in [("2026-03-01", 6000), ("2026-04-01", 6600)] {
        let period = Period::around(Cycle::Calendar, month.parse().unwrap(), chrono_tz::UTC).unwrap();
        let found = desired(terms, &[], &period).unwrap();
        assert_eq!((found.len(), found[0].net_minor), (1, net), "{month}");
    }
}

#[test]
fn what_is_paid_once_or_by_the_year_is_paid_whole_and_again_after_a_year() {
    let once = r#""changes":[{"at":"2026-03-30T10:00:00Z","price":"vms_connector_setup","delta":2},{"at":"2026-03-31","price":"vms_connector_setup","delta":-1}]"#;
    assert_eq!(lines(&march(once)), [("vms_connector_setup".into(), None, 2, "1000.00".into())]);
    let years = r#""changes":[{"at":"2024-02-29T10:00:00Z","price":"vms_connector","delta":2},{"at":"2025-06-01","price":"vms_connector","delta":1},{"at":"2025-12-01","price":"vms_connector","delta":-1}]"#;
    let of = |period| lines(&rated("UTC", period, years));
    assert_eq!(of(("2024-02-01", "2024-03-01")), [("vms_connector".into(), None, 2, "150.00".into())]);
    assert_eq!(
        of(("2025-02-01", "2025-03-01")),
        [("vms_connector".into(), None, 2, "150.00".into())],
        "on the 28th"
    );
    assert_eq!(of(("2025-03-01", "2025-04-01")), []);
    assert_eq!(
        of(("2026-02-01", "2026-03-01")),
        [("vms_connector".into(), None, 1, "75.00".into())],
        "the first left first"
    );
    assert_eq!(of(("2026-06-01", "2026-07-01")), [("vms_connector".into(), None, 1, "75.00".into())]);
}

#[test]
fn days_are_those_of_the_zone_where_clocks_are_turned_at_midnight() {
    // In Havana the 8th of March 2026 begins at 01:00, and in Samoa there was no 30th of December 2011.
    let havana = r#""changes":[{"at":"2026-03-08T04:59:59Z","price":"base_camera","delta":1},{"at":"2026-03-08","price":"base_camera","delta":-1}]"#;
    assert_eq!(rated("America/Havana", ("2026-03-01", "2026-04-01"), havana)["lines"][0]["unit_days"], 1);
    let samoa = r#""changes":[{"at":"2011-12-29","price":"base_camera","delta":1}]"#;
    let found = rated("Pacific/Apia", ("2011-12-01", "2012-01-01"), samoa);
    assert_eq!((&found["lines"][0]["unit_days"], &found["lines"][0]["period_days"]), (&2.into(), &30.into()));
}

#[test]
fn r10_what_is_included_is_rounded_up_once_in_a_partial_first_period() {
    let usage = r#""start":"2026-03-17","usage":[{"meter":"api_call","quantity":"900","included":"1000"},{"meter":"api_call","quantity":"1000","included":"1"}],"prices":{"api_call_overage":{"amount":"1"}}"#;
    let found = march(usage);
    // 1001 * 15 / 31 are 484.35.
    assert_eq!(found["lines"][0]["detail"][0]["included"], 485);
    assert_eq!(
        (&found["lines"][0]["quantity"], &found["lines"][0]["net"]),
        (&1415.into(), &"1.42".into()),
        "per stays 1000"
    );
}

#[test]
fn discounts_that_together_take_everything_take_no_more() {
    let found = march(
        r#""changes":[{"at":"2026-03-01","price":"base_camera","delta":1},{"at":"2026-03-01","price":"cloud_export","delta":1}],
        "discounts":[{"name":"a","percent":"70","on":["base_camera"]},{"name":"b","amount":"200","on":"all"}],
        "tax":[{"rate":"0.1","on":"all"},{"rate":"0.10","on":["base_camera"]}],"wallet":"3""#,
    );
    let nets: Vec<_> = lines(&found).into_iter().map(|line| line.3).collect();
    assert_eq!(nets, ["60.00", "150.00", "-42.00", "-168.00"]);
    assert_eq!(
        (&found["net"], &found["tax"], &found["due"]),
        (&"0.00".into(), &"0.00".into(), &"0.00".into())
    );
}

#[test]
fn the_quote_of_the_page_is_taken() {
    let page = include_str!("../../../../docs/OPERATING.md");
    let block = page.split("```\n").find(|block| block.starts_with("{ \"timezone\"")).unwrap();
    let found = document(block);
    assert_eq!((&found["period"]["days"], &found["catalogue"]), (&31.into(), &1.into()));
    assert!(found["lines"].as_array().unwrap().len() > 3, "{found:#}");
}

#[test]
fn of_equal_remainders_the_first_line_is_given_to_whether_it_is_charged_or_given_back() {
    // Found beside the independent rater: what was billed of a discount that is on nothing any more is a line of its own.
    let found = march(
        r#""discounts":[{"name":"a","percent":"10","on":["retail"]}],"prices":{"retail":{"amount":"1"}},
        "billed":[{"price":"a","net":"-0.10"},{"price":"sms","net":"0.10"},{"price":"base_camera","net":"0.10"}],
        "tax":[{"rate":"0.05","on":"all"}]"#,
    );
    let shares = found["taxes"][0]["shares"].as_array().unwrap().iter();
    let shares: Vec<_> =
        shares.map(|share| (share["key"].as_str().unwrap(), share["tax"].as_str().unwrap())).collect();
    // Half a cent each: two are given back, one is taken; in all half a cent, which is one, and the last bears the rest.
    assert_eq!(shares, [("base_camera", "-0.01"), ("sms", "-0.01"), ("a", "0.01")]);
    assert_eq!(found["tax"], "-0.01");
}

#[test]
fn r16_packages_of_another_size_are_a_part_and_exact_prices_of_one_unit_are_not_split() {
    let of = |overage: &str, used: &str| {
        lines(&march(&format!(
            r#""prices":{{"api_call_overage":{{"amount":"0.05","per":1000,"overage":"{overage}"}}}},
            "changes":[{{"at":"2026-03-10","price":"api_call_overage","amount":"0.5","per":10000}}],"usage":[{used}]"#
        )))
    };
    let later = r#"{"meter":"api_call","quantity":"1500","date":"2026-03-20"}"#;
    let part = "api_call_overage@2026-03-10";
    assert_eq!(of("package", later), [(part.into(), None, 10_000, "0.50".into())]);
    let both = format!(r#"{{"meter":"api_call","quantity":"1500","date":"2026-03-02"}},{later}"#);
    let expected =
        [("api_call_overage".into(), None, 2000, "0.10".into()), (part.into(), None, 8000, "0.40".into())];
    assert_eq!(of("package", &both), expected, "packages are those of all parts together");
    assert_eq!(of("exact", &both), [("api_call_overage".into(), None, 3000, "0.15".into())]);
}

#[test]
fn an_amount_alone_is_for_as_many_units_as_before_whatever_the_order_in_the_file() {
    let earlier = r#"{"at":"2026-03-02","price":"api_call_overage","amount":"0.01","per":100}"#;
    let alone = r#"{"at":"2026-03-10","price":"api_call_overage","amount":"0.02"}"#;
    let same = r#"{"at":"2026-03-10","price":"api_call_overage","amount":"0.02","per":100}"#;
    let of = |changes: &[&str]| {
        let usage = r#""usage":[{"meter":"api_call","quantity":"1000","date":"2026-03-20"}]"#;
        lines(&march(&format!(r#""changes":[{}],{usage}"#, changes.join(","))))
    };
    let expected = [("api_call_overage@2026-03-10".into(), None, 1000, "0.20".into())];
    for changes in
        [&[earlier, alone][..], &[alone, earlier], &[same, alone, earlier], &[earlier, alone, same]]
    {
        assert_eq!(of(changes), expected, "{changes:?}");
    }
}

#[test]
fn a_discount_that_ended_is_given_back_as_a_discount_and_its_shares_are_undone() {
    let catalog = Catalog::embedded().unwrap();
    let tariff = Tariff::of(&catalog, catalog.currency);
    let period = Period::around(Cycle::Calendar, "2026-03-01".parse().unwrap(), chrono_tz::UTC).unwrap();
    let there = Event::Quantity { price: "base_camera".parse().unwrap(), delta: 1 };
    let timeline = Timeline::new(&[Change { at: UnixSeconds::new(1_770_000_000), event: there }]).unwrap();
    let terms = Terms { tariff: &tariff, timeline: &timeline, grants: &[], discounts: &[] };
    let shares =
        |shares: &[(&str, i64)]| shares.iter().map(|(key, minor)| (Box::from(*key), *minor)).collect();
    let earlier =
        |price: &str, net_minor, discount| Billed { price: price.into(), net_minor, lines: 1, discount };
    let billed = [
        ("base_camera".into(), earlier("base_camera", 6000, None)),
        // A tenth of the camera, and of a pack that nobody has any more and that was never billed.
        (
            "launch".into(),
            earlier(
                "launch",
                -800,
                Some(Shares::Recorded(shares(&[("base_camera", -600), ("retail", -200)]))),
            ),
        ),
    ];
    let lines = desired(terms, &[], &period).unwrap();
    let found = difference(terms, &period, lines, &billed.into()).unwrap();
    let line = &found.lines[0];
    assert_eq!(
        (found.lines.len(), &*line.key, line.kind, line.net_minor),
        (1, "launch", Kind::Discount, 800)
    );
    assert_eq!((line.revision, line.exact.rounded()), (1, Some(800)));
    let bases: Vec<_> = found.bases.iter().map(|base| (&*base.key, base.minor)).collect();
    assert_eq!(
        bases,
        [("base_camera", 600), ("launch", 200)],
        "what no line bears stays with the discount's own"
    );
}

#[test]
fn r10_each_part_says_what_it_took_of_the_pool() {
    let found = march(
        r#""changes":[{"at":"2026-03-10","price":"api_call_overage","amount":"0.1"},{"at":"2026-03-20","price":"api_call_overage","amount":"0.2"}],
        "usage":[{"meter":"api_call","quantity":"1200","included":"1000","date":"2026-03-02"},{"meter":"api_call","quantity":"500","date":"2026-03-12"}]"#,
    );
    let details: Vec<_> =
        found["lines"].as_array().unwrap().iter().map(|line| line["detail"][0].clone()).collect();
    let expected = [(1200, 1000, 200), (500, 0, 500)];
    let expected = expected.map(|(quantity, included, charged)| serde_json::json!({ "quantity": quantity, "included": included, "charged": charged }));
    assert_eq!(details, expected);
}
