//! A report as a chart, over usage that came from devices.

use super::{ALL, report};
use crate::plot::Chart;
use crate::reports::chart::chart;
use crate::reports::correction::CorrectionOrder;
use crate::reports::report::By;
use crate::testkit::{Bench, DAY, START, TENANT};
use brink_license::UnixSeconds;

fn drawn(bench: &Bench, period: (&str, &str), by: &[By]) -> Chart {
    chart(&report(bench, period, by), &bench.admin.catalog.meters, vec!["as it is".into()]).unwrap()
}

/// The points of a meter that are not zero.
fn points(chart: &Chart, meter: &str) -> Vec<(String, String)> {
    let panel = chart.panels.iter().find(|panel| panel.name == meter).unwrap();
    let points = panel.points.iter().map(|point| (point.label.clone(), point.value.to_string()));
    points.filter(|(_, value)| value != "0").collect()
}

fn pair(label: &str, value: &str) -> (String, String) {
    (label.to_owned(), value.to_owned())
}

/// Two days with usage of two devices, and a correction that leaves less than nothing of the second.
fn used() -> Bench {
    let bench = Bench::with(10, &[]);
    let (mut one, mut other) = (bench.metering(), bench.metering());
    for edge in [&mut one, &mut other] {
        edge.journal().pass(DAY * 1000);
    }
    bench.pass(DAY);
    one.journal().record("sms", "cam-1", 10_500);
    other.journal().record("sms", "cam-2", 2_000);
    other.journal().record("unheard_of", "cam-2", 1_000);
    for edge in [&mut one, &mut other] {
        edge.exchange(&bench.issuer).unwrap();
    }
    bench.pass(2 * DAY);
    bench
        .admin
        .correct_usage(&CorrectionOrder {
            tenant: TENANT.parse().unwrap(),
            device: one.id(),
            meter: "sms".parse().unwrap(),
            resource: None,
            at: UnixSeconds::new(START + 2 * DAY),
            quantity: "-3".parse().unwrap(),
            reason: "counted twice".into(),
        })
        .unwrap();
    bench
}

#[test]
fn every_day_of_the_period_is_a_point_and_devices_add_up() {
    let bench = used();
    let chart = drawn(&bench, ("2026-03-01", "2026-04-01"), &[By::Device, By::Day]);
    let panel = &chart.panels[0];
    assert_eq!((panel.name.as_str(), panel.unit.as_str(), panel.across.as_str()), ("sms", "messages", "day"));
    assert_eq!(panel.points.len(), 31, "days without usage too");
    assert_eq!(panel.points[0].label, "2026-03-01");
    assert_eq!(points(&chart, "sms"), [pair("2026-03-02", "12.5"), pair("2026-03-03", "-3")]);
    assert_eq!(panel.sum, "sum 9.5: 12.5 recorded, -3 corrected, 2 uses");
    assert_eq!((chart.panels[1].name.as_str(), chart.panels[1].unit.as_str()), ("unheard_of", "units"));
    assert_eq!(chart.title, format!("Usage of tenant {TENANT}"));
    let whose = "from 2026-03-01T00:00:00+01:00 to 2026-04-01T00:00:00+02:00, which is not part of it; days of Europe/Berlin";
    assert_eq!(chart.lines, [whose]);
    assert_eq!(chart.notes, ["the report tells more apart than is drawn: device", "as it is"]);
    let svg = chart.svg();
    assert!(svg.contains("<title>2026-03-03: -3</title>"));
    assert_eq!(svg, drawn(&bench, ("2026-03-01", "2026-04-01"), &[By::Device, By::Day]).svg());
}

#[test]
fn hours_are_those_of_the_clocks_and_a_long_period_has_those_with_usage() {
    let bench = used();
    let hours = drawn(&bench, ("2026-03-29", "2026-03-30"), &[By::Hour]);
    assert!(hours.panels.is_empty() && hours.notes[0] == "nothing was used in this period");
    let hours = drawn(&bench, ("2026-03-02", "2026-03-30"), &[By::Month, By::Hour]);
    assert_eq!(hours.panels[0].points.len(), 28 * 24 - 1);
    assert_eq!(points(&hours, "sms")[0], pair("2026-03-02T01:00:00+01:00", "12.5"));
    let months = drawn(&bench, ALL, &[By::Month]);
    assert_eq!(months.panels[0].points.len(), 12);
    assert_eq!(points(&months, "sms"), [pair("2026-03", "9.5")]);
    let years = drawn(&bench, ("1990-01-01", "2100-01-01"), &[By::Day]);
    assert_eq!(years.panels[0].points.len(), 2);
    assert_eq!(years.notes[0], "a long period: each day without usage is left out");
}

#[test]
fn without_a_time_to_tell_apart_names_are_points() {
    let bench = used();
    let cameras = drawn(&bench, ALL, &[By::Camera]);
    assert_eq!(points(&cameras, "sms"), [pair("", "-3"), pair("cam-1", "10.5"), pair("cam-2", "2")]);
    let whole = drawn(&bench, ALL, &[]);
    assert_eq!(points(&whole, "sms"), [pair("", "9.5")]);
    assert_eq!(whole.panels[0].across, "the whole period");
}
