//! How much of each monthly price there was on each local day: its highest concurrent quantity (R6). Called by rating and by
//! whoever draws or explains it.

use super::period::{Day, Period};
use super::rates::Rates;
use super::tariff::{Charge, Tariff};
use super::timeline::Timeline;
use brink_license::{Slug, UnixSeconds};
use std::collections::BTreeMap;

/// What there was of one price on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// The highest concurrent quantity.
    pub quantity: i64,
    /// Things with a name that were there at some time of the day, sorted.
    pub resources: Vec<Box<str>>,
}

/// A thing with a name, as the days go by.
struct Walk<'t> {
    name: &'t str,
    moves: Vec<(UnixSeconds, Option<&'t Slug>)>,
    next: usize,
    now: Option<&'t Slug>,
}

/// What happens within one day to one price.
#[derive(Default)]
struct DayOf {
    begins: i64,
    steps: BTreeMap<UnixSeconds, i64>,
    resources: Vec<Box<str>>,
}

/// For every monthly price that there was anything of: one entry for each day of the period.
#[must_use]
pub fn peaks(tariff: &Tariff, timeline: &Timeline, period: &Period) -> BTreeMap<Slug, Vec<Peak>> {
    let monthly = tariff.charges().filter(|(_, charge)| matches!(charge, Charge::Monthly(_)));
    let rates: BTreeMap<&Slug, Rates<'_>> = monthly
        .filter_map(|(name, charge)| Some((name, Rates::of(name, charge, timeline, period)?)))
        .collect();
    let mut walks: Vec<_> = timeline.resources().map(Walk::new).collect();
    let mut pools: Vec<_> =
        rates.keys().map(|name| (*name, timeline.steps(name).peekable(), 0_i64)).collect();
    let mut found: BTreeMap<Slug, Vec<Peak>> = BTreeMap::new();
    for (index, day) in period.days().iter().enumerate() {
        let mut of_day: BTreeMap<&Slug, DayOf> = BTreeMap::new();
        for (name, steps, there) in &mut pools {
            while let Some((_, delta)) = steps.next_if(|(at, _)| *at <= day.starts) {
                *there = there.saturating_add(delta);
            }
            let begins = *there;
            let mut within = BTreeMap::new();
            while let Some((at, delta)) = steps.next_if(|(at, _)| *at < day.ends) {
                within.insert(at, delta);
                *there = there.saturating_add(delta);
            }
            if begins != 0 || !within.is_empty() {
                of_day.insert(*name, DayOf { begins, steps: within, resources: Vec::new() });
            }
        }
        for walk in &mut walks {
            walk.spend(day, &rates, &mut of_day);
        }
        for (name, day_of) in of_day {
            let peaks =
                found.entry(name.clone()).or_insert_with(|| vec![Peak::default(); period.days().len()]);
            peaks[index] = day_of.peak();
        }
    }
    found
}

impl DayOf {
    fn peak(self) -> Peak {
        let mut there = self.begins;
        let mut quantity = there;
        for delta in self.steps.values() {
            there = there.saturating_add(*delta);
            quantity = quantity.max(there);
        }
        Peak { quantity, resources: self.resources }
    }
}

impl<'t> Walk<'t> {
    fn new((name, moves): (&'t str, &'t BTreeMap<UnixSeconds, Option<Slug>>)) -> Self {
        let moves = moves.iter().map(|(at, price)| (*at, price.as_ref())).collect();
        Self { name, moves, next: 0, now: None }
    }

    /// Counts the thing for as long as it is there on a day, all of it at the dearest price that it had then; of equally
    /// dear ones at the last.
    fn spend(
        &mut self,
        day: &Day,
        rates: &BTreeMap<&'t Slug, Rates<'_>>,
        of_day: &mut BTreeMap<&'t Slug, DayOf>,
    ) {
        while let Some((_, price)) = self.moves.get(self.next).filter(|(at, _)| *at <= day.starts) {
            self.now = *price;
            self.next += 1;
        }
        let begins = self.now;
        let mut steps = Vec::new();
        let mut dearest = begins;
        while let Some((at, price)) = self.moves.get(self.next).filter(|(at, _)| *at < day.ends) {
            if self.now.is_some() != price.is_some() {
                steps.push((*at, if price.is_some() { 1 } else { -1 }));
            }
            self.now = *price;
            self.next += 1;
            let costs = |price: &Slug| rates.get(price).map(|rates| rates.of_one_on(day.date));
            if price.is_some() && dearest.and_then(costs) <= price.and_then(costs) {
                dearest = *price;
            }
        }
        let Some(price) = dearest else { return };
        let counted = of_day.entry(price).or_default();
        counted.begins += i64::from(begins.is_some());
        counted.resources.push(self.name.into());
        for (at, delta) in steps {
            *counted.steps.entry(at).or_default() += delta;
        }
    }
}
