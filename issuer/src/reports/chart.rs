//! A report as a chart: a panel for each meter, a point for each of the report's buckets. Pure.

use super::BooksError;
use super::bucket::{Bucket, Grain, bucket};
use super::report::{By, Report, ReportLine, Sums};
use crate::amount::{Amount, TooLarge};
use crate::catalog::Meters;
use crate::plot::{Chart, Panel, Point, Shape};
use brink_license::usage::QUARTER_MS;
use brink_license::{Slug, UnixSeconds};
use std::collections::{BTreeMap, BTreeSet};

/// Of a longer period only the buckets with usage are drawn: 28 years, which take a second.
const QUARTERS_MAX: i64 = 1_000_000;
/// What is counted in, where the catalogue does not say it.
const UNIT_UNKNOWN: &str = "units";

/// What the points of a chart are.
enum Across {
    /// Spans of time: the place of their names among a line's, and how long they are.
    Time(usize, By, Grain),
    /// Whatever else the report tells apart.
    Names,
}

/// The chart of a report, with these notes below.
pub fn chart(report: &Report, meters: &Meters, notes: Vec<String>) -> Result<Chart, BooksError> {
    let across = across(&report.by);
    let (labels, is_whole) = labels(report, &across);
    let mut panels: BTreeMap<&Slug, Vec<Amount>> =
        report.totals.iter().map(|total| (&total.meter, vec![Amount::ZERO; labels.len()])).collect();
    let places: BTreeMap<&str, usize> =
        labels.iter().enumerate().map(|(nth, label)| (label.as_str(), nth)).collect();
    for line in &report.lines {
        let place = places.get(name(line, &across).as_str());
        let value = panels.get_mut(&line.meter).zip(place).and_then(|(values, nth)| values.get_mut(*nth));
        if let Some(value) = value {
            *value = value.plus(line.sums.net()?)?;
        }
    }
    let panel = |total: &ReportLine| -> Result<Panel, TooLarge> {
        let values = panels.get(&total.meter).into_iter().flatten();
        let point = |(label, value): (&String, &Amount)| Point {
            label: label.clone(),
            value: *value,
            shaded: Amount::ZERO,
        };
        Ok(Panel {
            name: total.meter.to_string(),
            unit: meters.unit(&total.meter).unwrap_or(UNIT_UNKNOWN).to_owned(),
            across: described(report, &across),
            sum: sum(&total.sums)?,
            shape: Shape::Bars,
            shaded: String::new(),
            points: labels.iter().zip(values).map(point).collect(),
        })
    };
    let panels = report.totals.iter().map(panel).collect::<Result<Vec<_>, _>>()?;
    Ok(Chart {
        title: format!("Usage of tenant {}", report.tenant),
        lines: vec![format!(
            "from {} to {}, which is not part of it; days of {}",
            local(report, report.from),
            local(report, report.to),
            report.zone
        )],
        notes: told(report, &across, is_whole).into_iter().chain(notes).collect(),
        panels,
    })
}

/// The shortest span of time that the report tells apart, if it does.
fn across(by: &[By]) -> Across {
    let grain = |(nth, by): (usize, &By)| match by {
        By::Quarter => Some((0, nth, *by, Grain::Quarter)),
        By::Hour => Some((1, nth, *by, Grain::Hour)),
        By::Day => Some((2, nth, *by, Grain::Day)),
        By::Month => Some((3, nth, *by, Grain::Month)),
        By::Meter | By::Device | By::Camera => None,
    };
    let shortest = by.iter().enumerate().filter_map(grain).min_by_key(|(length, ..)| *length);
    shortest.map_or(Across::Names, |(_, nth, by, grain)| Across::Time(nth, by, grain))
}

/// The name of a line's point.
fn name(line: &ReportLine, across: &Across) -> String {
    match across {
        Across::Time(nth, ..) => line.keys.get(*nth).cloned().unwrap_or_default(),
        Across::Names => line.keys.join(" / "),
    }
}

/// The names of all points in their order, and whether those without usage are among them.
fn labels(report: &Report, across: &Across) -> (Vec<String>, bool) {
    let quarters = report.to.since(report.from) / (QUARTER_MS / 1000);
    match across {
        Across::Time(_, _, grain) if quarters <= QUARTERS_MAX => {
            let first = report.from.as_i64().div_euclid(QUARTER_MS / 1000);
            let all =
                (first..first.saturating_add(quarters)).map(|quarter| bucket(*grain, quarter, report.zone));
            // Clocks that are put back over midnight bring a day again.
            let buckets: BTreeSet<Bucket> = all.collect();
            (buckets.into_iter().map(|bucket| bucket.label).collect(), true)
        }
        Across::Time(..) | Across::Names => {
            let mut labels: Vec<String> = report.lines.iter().map(|line| name(line, across)).collect();
            labels.sort_unstable();
            labels.dedup();
            (labels, false)
        }
    }
}

fn described(report: &Report, across: &Across) -> String {
    match across {
        Across::Time(_, by, _) => by.as_str().to_owned(),
        Across::Names if report.by.is_empty() => "the whole period".to_owned(),
        Across::Names => report.by.iter().map(|by| by.as_str()).collect::<Vec<_>>().join(" / "),
    }
}

fn sum(sums: &Sums) -> Result<String, TooLarge> {
    let Sums { recorded, corrections, uses } = sums;
    let net = sums.net()?;
    Ok(match *corrections {
        Amount::ZERO => format!("sum {net}, {uses} uses"),
        corrections => format!("sum {net}: {recorded} recorded, {corrections:+} corrected, {uses} uses"),
    })
}

/// What the chart does not show of the report.
fn told(report: &Report, across: &Across, is_whole: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if report.totals.is_empty() {
        notes.push("nothing was used in this period".to_owned());
    }
    if let Across::Time(_, drawn, _) = across {
        let others: Vec<_> = report.by.iter().filter(|by| *by != drawn).map(|by| by.as_str()).collect();
        if !others.is_empty() {
            notes.push(format!("the report tells more apart than is drawn: {}", others.join(", ")));
        }
        if !is_whole {
            notes.push(format!("a long period: each {} without usage is left out", drawn.as_str()));
        }
    }
    notes
}

fn local(report: &Report, at: UnixSeconds) -> String {
    bucket(Grain::Quarter, at.as_i64().div_euclid(QUARTER_MS / 1000), report.zone).label
}
