//! From what somebody asks to the versions that are recorded.

use super::order::{ChangeOrder, delta};
use super::{At, Event, NoneInForce, Timeline, TimelineError, What, Written, at_instant, terms_of};
use crate::catalog::Catalog;
use crate::retirement::check_reason;
use crate::storage::{
    Actor, AuditNote, Made, NewVersions, SubscriptionRow, Terms, TimelineView, TrialWindow,
};
use crate::subscription::{self, SubscriptionError, SubscriptionOrder};
use brink_license::UnixSeconds;
use std::collections::BTreeSet;

/// How far back something may take effect: as long as the longest token lasts, and a year with what was found at its end.
pub(super) const BACK_DAYS_MAX: i64 = 400;
/// How far ahead: the next renewal of a contract by the year, and no further than anybody remembers.
pub(super) const AHEAD_DAYS_MAX: i64 = 400;
/// Versions that one event says again beside its own: a change a day over all that lies ahead.
pub(super) const VERSIONS_AT_ONCE_MAX: usize = 400;

const DAY: i64 = 86_400;

/// When something takes effect, and why.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// When.
    pub at: At,
    /// Why: needed for the past.
    pub reason: Option<String>,
}

/// Where an order comes from: the catalogue in force, now, and who asks.
pub type Desk<'d> = (&'d Catalog, UnixSeconds, &'d Actor);

/// What an order comes to.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The versions to add.
    pub new: NewVersions,
    /// What somebody is told.
    pub recorded: Recorded,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The version that was asked for.
    pub version: SubscriptionRow,
    /// Those that say again what lies behind it.
    pub again: Vec<SubscriptionRow>,
    /// The version that is in force with them, now.
    pub in_force: Option<u32>,
    /// The first instant from which on fewer cameras are subscribed than are assigned by name now, and how many.
    pub below_assigned: Option<(UnixSeconds, u32)>,
}

/// Sets everything from an instant on.
pub fn set(
    view: &TimelineView,
    order: &SubscriptionOrder,
    entry: &Entry,
    (catalog, now, actor): Desk<'_>,
) -> Result<Planned, TimelineError> {
    let timeline = Timeline::new(&view.versions);
    let at = instant(view, entry, now)?;
    if at < now && timeline.begins().is_some_and(|begins| at < begins) {
        return Err(TimelineError::NotBegun { begins: timeline.begins() });
    }
    let first_trial = timeline.first_trial(at, now);
    let terms = subscription::terms(catalog, &view.tenant, order, (at, first_trial))?;
    let mut events = timeline.events();
    let gone: BTreeSet<UnixSeconds> =
        events.iter().map(|event| event.at).filter(|there| *there >= at).collect();
    events.retain(|event| event.at < at);
    events.push(Event { at, version: timeline.next_version(), what: What::Set(&terms) });
    let drawn = Drawn { timeline, events, gone, at, made: Made::Set };
    drawn.planned(view, entry, (catalog, now, actor))
}

/// Changes something from an instant on.
pub fn change(
    view: &TimelineView,
    order: &ChangeOrder,
    entry: &Entry,
    (catalog, now, actor): Desk<'_>,
) -> Result<Planned, TimelineError> {
    let timeline = Timeline::new(&view.versions);
    let delta = delta(catalog, view, order)?;
    let at = instant(view, entry, now)?;
    if timeline.versions.is_empty() {
        return Err(NoneInForce::Never(view.tenant.id.clone()).into());
    }
    if timeline.in_force(at).is_none() {
        return Err(TimelineError::NotBegun { begins: timeline.begins() });
    }
    let mut events = timeline.events();
    events.push(Event { at, version: timeline.next_version(), what: What::Change(&delta) });
    events.sort_by_key(|event| (event.at, event.version));
    let made = Made::Change(delta.clone());
    let drawn = Drawn { timeline, events, gone: BTreeSet::new(), at, made };
    let planned = drawn.planned(view, entry, (catalog, now, actor))?;
    let was = timeline.in_force(at).map(|row| &row.terms);
    if was == Some(&planned.recorded.version.terms) {
        return Err(TimelineError::Unchanged(at));
    }
    Ok(planned)
}

/// Takes a change back that is still to come.
pub fn cancel(
    view: &TimelineView,
    version: u32,
    reason: Option<String>,
    (catalog, now, actor): Desk<'_>,
) -> Result<Planned, TimelineError> {
    let timeline = Timeline::new(&view.versions);
    let mut events = timeline.events();
    let is_meant = |event: &Event<'_>| event.version == version && event.at > now;
    let meant = *events.iter().find(|event| is_meant(event)).ok_or(TimelineError::NotScheduled(version))?;
    events.retain(|event| event.version != version);
    // Without it nothing would be there for what lies behind to change.
    if events.first().is_none_or(|first| first.at > meant.at || matches!(first.what, What::Change(_))) {
        return Err(TimelineError::First(version));
    }
    let entry = Entry { at: At::Then(Written::Instant(meant.at)), reason };
    let (at, made) = (instant(view, &entry, now)?, Made::Cancel { of: version });
    let drawn = Drawn { timeline, events, gone: BTreeSet::new(), at, made };
    drawn.planned(view, &entry, (catalog, now, actor))
}

fn instant(view: &TimelineView, entry: &Entry, now: UnixSeconds) -> Result<UnixSeconds, TimelineError> {
    let at = entry.at.instant(now, view.tenant.zone)?;
    if at < now.saturating_add(-BACK_DAYS_MAX * DAY) {
        return Err(TimelineError::TooFarBack(at));
    }
    if at > now.saturating_add(AHEAD_DAYS_MAX * DAY) {
        return Err(TimelineError::TooFarAhead(at));
    }
    match &entry.reason {
        None if at < now => Err(TimelineError::ReasonMissing(at)),
        Some(reason) if !check_reason(reason) => Err(TimelineError::Reason),
        Some(_) | None => Ok(at),
    }
}

/// An event among those that count.
struct Drawn<'v> {
    timeline: Timeline<'v>,
    /// With it, in the order in which they take effect.
    events: Vec<Event<'v>>,
    /// Where events were that do not count any more.
    gone: BTreeSet<UnixSeconds>,
    at: UnixSeconds,
    made: Made,
}

impl Drawn<'_> {
    fn planned(
        self,
        view: &TimelineView,
        entry: &Entry,
        (catalog, now, actor): Desk<'_>,
    ) -> Result<Planned, TimelineError> {
        let next = self.timeline.next_version();
        let before = self.timeline.before(self.at);
        let from_here = self.events.partition_point(|event| event.at < self.at);
        let events = &self.events[from_here..];
        let terms = terms_of(before, events, catalog.trial.cameras).map_err(|(version, error)| {
            let meant = self.events.iter().find(|event| event.version == version);
            match meant {
                Some(event) if version != next => {
                    TimelineError::Behind { version, at: event.at, error: Box::new(error) }
                }
                Some(_) | None => error,
            }
        })?;
        let mut rows = Vec::new();
        let mut add = |made: Made, at: UnixSeconds, terms: &Terms| {
            rows.push(SubscriptionRow {
                version: next.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX)),
                terms: terms.clone(),
                made,
                effective_at: at,
                set_at: now,
                set_by: Some(actor.clone()),
                reason: entry.reason.clone(),
            });
        };
        let own = at_instant(&terms, self.at).ok_or(TimelineError::NotBegun { begins: None })?;
        add(self.made.clone(), self.at, own);
        let mut superseded = Vec::new();
        for (at, standing) in self.timeline.standing().range(self.at..) {
            let to_be = at_instant(&terms, *at);
            let is_said_again = *at > self.at && (self.gone.contains(at) || to_be != Some(&standing.terms));
            if let Some(terms) = to_be.filter(|_| is_said_again) {
                add(Made::Again { of: next }, *at, terms);
            }
            if is_said_again || *at == self.at {
                superseded.push(standing.version);
            }
        }
        let again = rows.len() - 1;
        if again > VERSIONS_AT_ONCE_MAX {
            return Err(TimelineError::TooMany(again));
        }
        let all: Vec<SubscriptionRow> = view.versions.iter().chain(&rows).cloned().collect();
        let below_assigned = below_assigned(view, &all, now)?;
        let in_force = Timeline::new(&all).in_force(now).map(|row| row.version);
        let note = note(view, &rows, &superseded, (now, actor));
        let mut again = rows.clone();
        let recorded = Recorded { version: again.remove(0), again, in_force, below_assigned };
        Ok(Planned { new: NewVersions { rows, note }, recorded })
    }
}

/// Nothing that is in force now may fall below what is assigned by name. What is to come may: until then somebody can take
/// cameras off, and is told.
fn below_assigned(
    view: &TimelineView,
    all: &[SubscriptionRow],
    now: UnixSeconds,
) -> Result<Option<(UnixSeconds, u32)>, TimelineError> {
    let cameras =
        |versions: &[SubscriptionRow]| Timeline::new(versions).in_force(now).map(|row| row.terms.cameras);
    let named = view.cameras_named;
    let (was, to_be) = (cameras(&view.versions), cameras(all));
    if let Some(cameras) = to_be.filter(|cameras| u64::from(*cameras) < named)
        && was.is_none_or(|was| cameras < was)
    {
        return Err(SubscriptionError::BelowAssigned { named, cameras }.into());
    }
    let segments = Timeline::new(all).segments();
    let below = segments.iter().find(|segment| {
        segment.until.is_none_or(|until| until > now) && u64::from(segment.terms.cameras) < named
    });
    Ok(below.map(|segment| (segment.from.max(now), segment.terms.cameras)))
}

fn note(
    view: &TimelineView,
    rows: &[SubscriptionRow],
    superseded: &[u32],
    (now, actor): (UnixSeconds, &Actor),
) -> AuditNote {
    let first = rows.first();
    let terms = first.map(|row| {
        let terms = &row.terms;
        serde_json::json!({
            "cameras": terms.cameras, "packs": terms.packs, "items": terms.items, "prices": terms.prices, "enforce": terms.enforce, "days": terms.days,
            "grace_days": terms.grace_days, "offline_max_days": terms.offline_max_days,
            "trial_ends_at": terms.trial.map(|trial| trial.ends_at),
        })
    });
    let mut detail = terms.unwrap_or_default();
    let action = match first.map(|row| &row.made) {
        Some(Made::Change(delta)) => {
            detail["delta"] = serde_json::json!(delta);
            "subscription.change"
        }
        Some(Made::Cancel { of }) => {
            detail["cancels"] = serde_json::json!(of);
            "subscription.cancel"
        }
        Some(Made::Set | Made::Again { .. }) | None => "subscription.set",
    };
    detail["version"] = serde_json::json!(first.map(|row| row.version));
    detail["effective_at"] = serde_json::json!(first.map(|row| row.effective_at));
    detail["supersedes"] = serde_json::json!(superseded);
    detail["reason"] = serde_json::json!(first.and_then(|row| row.reason.as_ref()));
    AuditNote {
        tenant: Some(view.tenant.id.clone()),
        at: now,
        actor: actor.clone(),
        action,
        subject: view.tenant.id.to_string(),
        detail,
    }
}

impl Recorded {
    /// The highest version that there is with them.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.again.last().map_or(self.version.version, |row| row.version)
    }
}

impl Timeline<'_> {
    fn next_version(&self) -> u32 {
        self.versions.last().map_or(0, |row| row.version).saturating_add(1)
    }

    /// The trial that began first of all that the tenant ever had, or has before it: where it was moved into the past, it began
    /// there. One that something else took the place of before it began was none: `from` is where everything is about to be set, `now`.
    fn first_trial(&self, from: UnixSeconds, now: UnixSeconds) -> Option<TrialWindow> {
        let was_had = |row: &&SubscriptionRow| {
            let later = self.versions.iter().filter(|later| later.version > row.version);
            let superseded =
                later.filter(|later| later.effective_at == row.effective_at).map(|row| row.set_at);
            let about_to_be = (row.effective_at >= from).then_some(now);
            superseded.chain(about_to_be).min().is_none_or(|end| row.effective_at <= end)
        };
        let trials = self.versions.iter().filter(|row| row.terms.trial.is_some());
        trials.filter(was_had).filter_map(|row| row.terms.trial).min_by_key(|trial| trial.started_at)
    }
}
