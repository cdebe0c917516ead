//! A document as a chart: of every price the highest quantity of each day, of every meter what was used on each day. Pure.

use super::document::{DocumentLine, Reason};
use super::explain::Explained;
use crate::amount::Amount;
use crate::plot::{Chart, Panel, Point, Shape};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// A whole number as an amount; the largest where it is beyond.
fn whole(number: i64) -> Amount {
    const ONE: i128 = 10_i128.pow(12);
    Amount::of_units(i128::from(number) * ONE).unwrap_or(Amount::ZERO)
}

impl Explained {
    /// What the numbers came from, a panel for each line that has days.
    #[must_use]
    pub fn chart(&self) -> Chart {
        let document = &self.document;
        let kind = document.kind.title();
        let (from, to) = (document.period.from, document.period.to);
        let panels = document.lines.iter().flat_map(|line| [self.peaks(line), self.usage(line)]);
        Chart {
            title: format!("{kind} {} of tenant {}", document.name(), document.tenant),
            lines: vec![format!("closed with the period from {from} to {to}, days of {}", document.timezone)],
            panels: panels.flatten().collect(),
            notes: document.lacks.clone(),
        }
    }

    fn panel(&self, line: &DocumentLine, unit: &str, points: Vec<Point>) -> Panel {
        let (from, to) = (line.period.from, line.period.to);
        Panel {
            name: line.key.to_string(),
            unit: unit.to_owned(),
            across: format!("days of the period from {from} to {to}"),
            sum: format!("{} {}", self.document.money(line.net_minor), self.document.currency),
            shape: Shape::Steps,
            shaded: String::new(),
            points,
        }
    }

    /// Of what is charged by days: every day of its period, what is free shaded.
    fn peaks(&self, line: &DocumentLine) -> Option<Panel> {
        let mut days: BTreeMap<NaiveDate, (i64, i64)> = BTreeMap::new();
        for reason in &line.detail {
            if let Reason::Days { from, to, peak, granted, .. } = reason {
                days.extend(from.iter_days().take_while(|day| day < to).map(|day| (day, (*peak, *granted))));
            }
        }
        if days.is_empty() {
            return None;
        }
        let all = line.period.from.iter_days().take_while(|day| *day < line.period.to);
        let point = |day: NaiveDate| {
            let (peak, granted) = days.get(&day).copied().unwrap_or_default();
            Point { label: day.to_string(), value: whole(peak), shaded: whole(granted) }
        };
        let shaded = if days.values().any(|(_, granted)| *granted > 0) { "free" } else { "" };
        let panel = self.panel(line, "highest at one time", all.map(point).collect());
        Some(Panel { shaded: shaded.to_owned(), ..panel })
    }

    /// Of what is charged by use: every day of its period.
    fn usage(&self, line: &DocumentLine) -> Option<Panel> {
        let rows: Vec<_> =
            line.evidence.iter().filter_map(|digest| self.evidence.get(digest)).flatten().collect();
        let [_, _, meter, ..] = rows.first()?;
        let mut days: BTreeMap<&str, Amount> = BTreeMap::new();
        for [day, _, _, quantity, _] in &rows {
            let sum = days.entry(day).or_default();
            *sum = sum.saturating_plus(Amount::parse(quantity).unwrap_or(Amount::ZERO));
        }
        let all = line.period.from.iter_days().take_while(|day| *day < line.period.to);
        let point = |day: NaiveDate| {
            let label = day.to_string();
            let value = days.get(label.as_str()).copied().unwrap_or(Amount::ZERO);
            Point { label, value, shaded: Amount::ZERO }
        };
        let panel = self.panel(line, meter, all.map(point).collect());
        Some(Panel { shape: Shape::Bars, ..panel })
    }
}
