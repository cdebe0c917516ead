//! Subscriptions over time. Pure.
//!
//! What people record are *events*: everything is set from an instant on, something is changed from an instant on, or a change
//! that is still to come is taken back. The terms at any instant are those of all events up to it, one after the other in the
//! order of their instants; of several at one instant in the order in which they were recorded. So it does not matter for the
//! terms in which order changes are recorded. Setting everything replaces what lies behind it as well: those events count no more.
//!
//! What is kept are versions, each with the whole terms from its instant on, so that one look finds those in force
//! ([`Timeline::in_force`] is what both databases ask). An event that takes effect before others adds versions at the
//! instants of those too, with what they come to now. Nothing that was recorded is changed.

mod at;
mod delta;
mod order;
mod plan;
mod refusal;

#[cfg(test)]
mod tests;

pub use at::{At, AtError, Written};
pub use delta::{Delta, QuantityDelta};
pub use order::ChangeOrder;
pub use plan::{Desk, Entry, Planned, Recorded, cancel, change, set};
pub use refusal::{NoneInForce, TimelineError};

use crate::storage::{Made, SubscriptionRow, Terms};
use brink_license::UnixSeconds;
use std::collections::BTreeMap;

/// What was recorded of one subscription.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'v> {
    versions: &'v [SubscriptionRow],
}

/// A stretch of time with the same terms: from inclusive, until exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'v> {
    /// Its first instant.
    pub from: UnixSeconds,
    /// The first instant behind it; `None` where nothing is known to follow.
    pub until: Option<UnixSeconds>,
    /// What is in force.
    pub terms: &'v Terms,
}

/// Something that was recorded and counts.
#[derive(Clone, Copy, Debug)]
struct Event<'v> {
    at: UnixSeconds,
    version: u32,
    what: What<'v>,
}

#[derive(Clone, Copy, Debug)]
enum What<'v> {
    Set(&'v Terms),
    Change(&'v Delta),
}

impl<'v> Timeline<'v> {
    /// Of every version, the oldest first.
    #[must_use]
    pub const fn new(versions: &'v [SubscriptionRow]) -> Self {
        Self { versions }
    }

    /// The version in force at an instant: of those that have taken effect the one with the latest instant, and of several with
    /// that one the highest.
    #[must_use]
    pub fn in_force(&self, at: UnixSeconds) -> Option<&'v SubscriptionRow> {
        let effective = self.versions.iter().filter(|row| row.effective_at <= at);
        effective.max_by_key(|row| (row.effective_at, row.version))
    }

    /// The first later version from the same instant on, which stands in its place.
    #[must_use]
    pub fn superseded_by(&self, row: &SubscriptionRow) -> Option<u32> {
        let is_later =
            |later: &&SubscriptionRow| later.version > row.version && later.effective_at == row.effective_at;
        self.versions.iter().find(is_later).map(|later| later.version)
    }

    /// The terms over time, without gaps from the beginning of the subscription on; neighbours differ.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment<'v>> {
        let mut segments: Vec<Segment<'v>> = Vec::new();
        for (from, row) in self.standing() {
            match segments.last_mut() {
                Some(last) if *last.terms == row.terms => continue,
                Some(last) => last.until = Some(from),
                None => {}
            }
            segments.push(Segment { from, until: None, terms: &row.terms });
        }
        segments
    }

    /// The version that counts at each instant from which on one does.
    fn standing(&self) -> BTreeMap<UnixSeconds, &'v SubscriptionRow> {
        // Later versions take the place of earlier ones.
        self.versions.iter().map(|row| (row.effective_at, row)).collect()
    }

    /// What counts just before an instant, and since when. It was bought by the rules of its day, and is not asked again by
    /// those of another.
    fn before(&self, at: UnixSeconds) -> Option<(UnixSeconds, &'v Terms)> {
        let (from, row) = self.standing().into_iter().rfind(|(from, _)| *from < at)?;
        Some((from, &row.terms))
    }

    /// When the subscription begins.
    fn begins(&self) -> Option<UnixSeconds> {
        self.versions.iter().map(|row| row.effective_at).min()
    }

    /// What counts of all that was recorded, in the order in which it takes effect.
    fn events(&self) -> Vec<Event<'v>> {
        let mut events: Vec<Event<'v>> = Vec::new();
        for row in self.versions {
            let event = |what| Event { at: row.effective_at, version: row.version, what };
            match &row.made {
                Made::Set => {
                    events.retain(|event| event.at < row.effective_at);
                    events.push(event(What::Set(&row.terms)));
                }
                Made::Change(delta) => events.push(event(What::Change(delta))),
                Made::Cancel { of } => events.retain(|event| event.version != *of),
                Made::Again { .. } => {}
            }
        }
        events.sort_by_key(|event| (event.at, event.version));
        events
    }
}

/// The terms from each instant on at which there is an event, on top of those `from` an instant before all of them. The events
/// come in the order in which they take effect.
fn terms_of(
    from: Option<(UnixSeconds, &Terms)>,
    events: &[Event<'_>],
    trial_cameras: u32,
) -> Result<BTreeMap<UnixSeconds, Terms>, (u32, TimelineError)> {
    let mut terms: BTreeMap<UnixSeconds, Terms> =
        from.map(|(at, terms)| (at, terms.clone())).into_iter().collect();
    let mut last = from.map(|(_, terms)| terms.clone());
    for event in events {
        let next = match (event.what, last) {
            (What::Set(terms), _) => terms.clone(),
            (What::Change(delta), Some(last)) => {
                delta.applied(&last, trial_cameras).map_err(|error| (event.version, error))?
            }
            (What::Change(_), None) => return Err((event.version, TimelineError::NotBegun { begins: None })),
        };
        terms.insert(event.at, next.clone());
        last = Some(next);
    }
    Ok(terms)
}

/// The last of these up to an instant.
fn at_instant(terms: &BTreeMap<UnixSeconds, Terms>, at: UnixSeconds) -> Option<&Terms> {
    terms.range(..=at).next_back().map(|(_, terms)| terms)
}
