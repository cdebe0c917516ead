//! What changed when: events with their instants, in an order that does not depend on how they are listed. Called by
//! rating; made from a quote or from what is stored of a subscription.

use super::tariff::Rate;
use brink_license::{Slug, UnixSeconds};
use std::collections::BTreeMap;

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// There is more or less of what a price is for.
    Quantity {
        /// The price.
        price: Slug,
        /// How much more, negative for less.
        delta: i64,
    },
    /// A price is another.
    Price {
        /// The price.
        price: Slug,
        /// What it is from then on.
        rate: Rate,
        /// When that is.
        takes: Takes,
    },
    /// Something that has a name, such as a device, is rated by this price and no other; by none when it leaves.
    Resource {
        /// Its name.
        resource: Box<str>,
        /// By what it is rated.
        price: Option<Slug>,
    },
}

/// When a changed price applies (R16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// From the local day that it changed on.
    AtOnce,
    /// From the first period that begins on that day or later.
    NextPeriod,
}

/// An event at its instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: UnixSeconds,
    /// What.
    pub event: Event,
}

/// Why changes are no timeline. Each variant carries the place of a change in the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// Less than nothing would be left.
    #[error("takes away more {price} than there is then: {left} would be left")]
    BelowZero {
        /// Which change.
        index: usize,
        /// Of what.
        price: Slug,
        /// What would be left.
        left: i64,
    },
    /// More than can be counted.
    #[error("brings more {price} than can be counted")]
    TooMany {
        /// Which change.
        index: usize,
        /// Of what.
        price: Slug,
    },
    /// Two prices, or one thing at two, at one instant.
    #[error("contradicts changes[{other}], which is of the same instant: {what}")]
    Contradiction {
        /// Which change.
        index: usize,
        /// The other one.
        other: usize,
        /// What has two values then.
        what: String,
    },
    /// Something leaves that is not there.
    #[error("{resource} leaves, but it is not there then")]
    NotThere {
        /// Which change.
        index: usize,
        /// Its name.
        resource: Box<str>,
    },
}

impl TimelineError {
    /// Which change is meant.
    #[must_use]
    pub const fn index(&self) -> usize {
        match self {
            Self::BelowZero { index, .. }
            | Self::TooMany { index, .. }
            | Self::Contradiction { index, .. }
            | Self::NotThere { index, .. } => *index,
        }
    }
}

/// A value and the change that brought it.
type Brought<T> = (usize, T);
type ByInstant<T> = BTreeMap<UnixSeconds, T>;

/// Events in the order of their instants; all of one instant are one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    quantities: BTreeMap<Slug, ByInstant<i64>>,
    rates: BTreeMap<Slug, ByInstant<(Rate, Takes)>>,
    resources: BTreeMap<Box<str>, ByInstant<Option<Slug>>>,
}

#[derive(Default)]
struct Collected {
    quantities: BTreeMap<Slug, ByInstant<Brought<i64>>>,
    rates: BTreeMap<Slug, ByInstant<Brought<(Rate, Takes)>>>,
    resources: BTreeMap<Box<str>, ByInstant<Brought<Option<Slug>>>>,
}

impl Timeline {
    /// Of changes in any order.
    pub fn new(changes: &[Change]) -> Result<Self, TimelineError> {
        let mut collected = Collected::default();
        for (index, change) in changes.iter().enumerate() {
            collected.take(index, change)?;
        }
        collected.check()?;
        let Collected { quantities, rates, resources } = collected;
        Ok(Self { quantities: plain(quantities), rates: plain(rates), resources: plain(resources) })
    }

    /// What was known at an instant: the changes up to it.
    #[must_use]
    pub fn until(&self, at: UnixSeconds) -> Self {
        Self {
            quantities: cut(&self.quantities, at),
            rates: cut(&self.rates, at),
            resources: cut(&self.resources, at),
        }
    }

    /// The steps in which the quantity of a price changed, all of one instant added up.
    pub fn steps(&self, price: &Slug) -> impl DoubleEndedIterator<Item = (UnixSeconds, i64)> + Clone {
        self.quantities.get(price).into_iter().flatten().map(|(at, delta)| (*at, *delta))
    }

    /// Every price that there was anything of, and whether that has a name.
    pub fn prices(&self) -> impl Iterator<Item = (&Slug, bool)> {
        let moved = self.resources.values().flat_map(BTreeMap::values).flatten();
        self.quantities.keys().map(|name| (name, false)).chain(moved.map(|name| (name, true)))
    }

    /// Where each thing that has a name went, and when.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &BTreeMap<UnixSeconds, Option<Slug>>)> {
        self.resources.iter().map(|(name, moves)| (&**name, moves))
    }

    /// When a price changed, and to what.
    pub fn rates(&self, price: &Slug) -> impl DoubleEndedIterator<Item = (UnixSeconds, &Rate, Takes)> {
        self.rates.get(price).into_iter().flatten().map(|(at, (rate, takes))| (*at, rate, *takes))
    }
}

fn plain<K: Ord, T>(map: BTreeMap<K, ByInstant<Brought<T>>>) -> BTreeMap<K, ByInstant<T>> {
    let inner =
        |steps: ByInstant<Brought<T>>| steps.into_iter().map(|(at, (_, value))| (at, value)).collect();
    map.into_iter().map(|(key, steps)| (key, inner(steps))).collect()
}

fn cut<K: Ord + Clone, T: Clone>(
    map: &BTreeMap<K, ByInstant<T>>,
    at: UnixSeconds,
) -> BTreeMap<K, ByInstant<T>> {
    let inner = |steps: &ByInstant<T>| steps.range(..=at).map(|(at, value)| (*at, value.clone())).collect();
    map.iter().map(|(key, steps)| (key.clone(), inner(steps))).collect()
}

/// Puts in a value that nothing of the same instant may contradict.
fn put<T: PartialEq>(
    steps: &mut ByInstant<Brought<T>>,
    at: UnixSeconds,
    (index, value): Brought<T>,
    what: impl FnOnce() -> String,
) -> Result<(), TimelineError> {
    match steps.get(&at) {
        Some((other, there)) if *there != value => {
            Err(TimelineError::Contradiction { index, other: *other, what: what() })
        }
        Some(_) => Ok(()),
        None => {
            steps.insert(at, (index, value));
            Ok(())
        }
    }
}

impl Collected {
    fn take(&mut self, index: usize, change: &Change) -> Result<(), TimelineError> {
        match &change.event {
            Event::Quantity { price, delta } => {
                let step =
                    self.quantities.entry(price.clone()).or_default().entry(change.at).or_insert((index, 0));
                // The one that is named where too much is taken away.
                if *delta < 0 {
                    step.0 = index;
                }
                let too_many = || TimelineError::TooMany { index, price: price.clone() };
                step.1 = step.1.checked_add(*delta).ok_or_else(too_many)?;
                Ok(())
            }
            Event::Price { price, rate, takes } => {
                let steps = self.rates.entry(price.clone()).or_default();
                let what = || format!("{price} has two prices");
                put(steps, change.at, (index, (rate.clone(), *takes)), what)
            }
            Event::Resource { resource, price } => {
                let steps = self.resources.entry(resource.clone()).or_default();
                let what = || format!("{resource} is at two places");
                put(steps, change.at, (index, price.clone()), what)
            }
        }
    }

    fn check(&self) -> Result<(), TimelineError> {
        for (price, steps) in &self.quantities {
            let mut there: i64 = 0;
            for (index, delta) in steps.values() {
                let too_many = || TimelineError::TooMany { index: *index, price: price.clone() };
                there = there.checked_add(*delta).ok_or_else(too_many)?;
                if there < 0 {
                    return Err(TimelineError::BelowZero {
                        index: *index,
                        price: price.clone(),
                        left: there,
                    });
                }
            }
        }
        for (resource, steps) in &self.resources {
            let mut is_there = false;
            for (index, price) in steps.values() {
                if price.is_none() && !is_there {
                    return Err(TimelineError::NotThere { index: *index, resource: resource.clone() });
                }
                is_there = price.is_some();
            }
        }
        Ok(())
    }
}
