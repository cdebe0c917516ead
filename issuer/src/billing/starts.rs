//! What began when, for prices that are charged whole: once, or for a year in advance. Called by rating.

use super::period::Period;
use super::timeline::Timeline;
use crate::calendar::{local_day, local_midnight};
use brink_license::{Slug, UnixSeconds};
use chrono::{Datelike, Months, NaiveDate};
use std::collections::{BTreeSet, VecDeque};

/// So much that is to be paid whole on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) on: NaiveDate,
    pub(super) quantity: i64,
    /// In whole years after the first day.
    pub(super) year: u32,
}

/// Everything that began within the billed days, in their order. What leaves gives nothing back.
pub(super) fn firsts(timeline: &Timeline, price: &Slug, period: &Period) -> Vec<Start> {
    let mut found: Vec<Start> = Vec::new();
    for (at, delta) in timeline.steps(price).filter(|(_, delta)| *delta > 0) {
        let on = local_day(at, period.zone);
        if !period.bills(on) {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.on == on => last.quantity = last.quantity.saturating_add(delta),
            Some(_) | None => found.push(Start { on, quantity: delta, year: 0 }),
        }
    }
    found
}

/// What has an anniversary within the billed days and is still there when that day begins. What came first leaves first.
pub(super) fn anniversaries(timeline: &Timeline, price: &Slug, period: &Period) -> Vec<Start> {
    let begun: BTreeSet<NaiveDate> = timeline
        .steps(price)
        .filter(|(_, delta)| *delta > 0)
        .map(|(at, _)| local_day(at, period.zone))
        .filter(|on| *on < period.to)
        .collect();
    let mut found = Vec::new();
    for on in begun {
        for year in 1..=u32::try_from(period.to.year() - on.year()).unwrap_or(0) {
            let Some(day) = on.checked_add_months(Months::new(12 * year)) else { break };
            if !period.bills(day) {
                continue;
            }
            let there = there_at(timeline, price, (local_midnight(day, period.zone), period));
            let quantity = there.iter().filter(|(first, _)| *first == on).map(|(_, count)| *count).sum();
            if quantity > 0 {
                found.push(Start { on: day, quantity, year });
            }
        }
    }
    found.sort_by_key(|start| (start.on, start.year));
    found
}

/// What is there at an instant, by the day that it began on.
fn there_at(
    timeline: &Timeline,
    price: &Slug,
    (at, period): (UnixSeconds, &Period),
) -> VecDeque<(NaiveDate, i64)> {
    let mut there: VecDeque<(NaiveDate, i64)> = VecDeque::new();
    for (when, mut delta) in timeline.steps(price).take_while(|(when, _)| *when <= at) {
        if delta > 0 {
            there.push_back((local_day(when, period.zone), delta));
        }
        while delta < 0 {
            let Some((_, first)) = there.front_mut() else { break };
            let gone = (*first).min(-delta);
            *first -= gone;
            delta += gone;
            if *first == 0 {
                there.pop_front();
            }
        }
    }
    there
}
