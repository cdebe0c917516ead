//! What is said of the end of a trial: 14 and 3 days before it, and at the end itself. The rules are pure; what is said is on
//! record, in a table and in the audit, before anybody hears of it.
//!
//! A reminder is due from the beginning of its day on, by the tenant's calendar, and stays due until it was recorded, so that
//! it comes late where nobody looked in time. Of several that are due at once only the most urgent is said: the others are
//! recorded with it, as skipped.

use crate::calendar::{local_day, local_midnight};
use crate::storage::{
    Actor, AuditNote, NewReminders, Storage, StorageError, TrialReminder, TrialView, TrialWindow,
};
use crate::timeline::Timeline;
use brink_license::{TenantId, UnixSeconds};
use chrono::Days;
use chrono_tz::Tz;

/// How many days before its end: time to decide, the last days to buy, and the end itself.
pub const REMINDER_DAYS: [u32; 3] = [14, 3, 0];
/// Trials that end within this time are looked at: the longest of these, and two days for clocks that are put forward and for
/// days that a zone leaves out.
const AHEAD_SECONDS: i64 = (14 + 2) * 86_400;
/// The action in the audit.
pub const REMINDED: &str = "trial.reminded";

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminded {
    /// To whom.
    pub tenant: TenantId,
    /// What.
    pub reminder: TrialReminder,
    /// The days of those that it took the place of.
    pub skipped: Vec<u32>,
}

/// Records what is due of every tenant at `now`; `said` hears of each once it is on record. One that fails holds up no other:
/// the first error is answered at the end, and the next round tries again.
pub fn remind(
    storage: &dyn Storage,
    now: UnixSeconds,
    said: &mut dyn FnMut(&Reminded),
) -> Result<(), StorageError> {
    let mut failed = Ok(());
    for tenant in storage.trials_ending(now, now.saturating_add(AHEAD_SECONDS))? {
        let mut recorded = None;
        let done = storage.remind(&tenant, &mut |view| {
            let (reminded, new) = plan(view, now).unzip();
            recorded = reminded;
            new
        });
        match (done, &recorded) {
            (Ok(()), Some(reminded)) => said(reminded),
            (Ok(()), None) => {}
            (Err(error), _) => {
                tracing::error!(%tenant, %error, "what is to be said of the end of its trial was not recorded");
                failed = failed.and(Err(error));
            }
        }
    }
    failed
}

/// What is due of one tenant, if anything is.
fn plan(view: &TrialView, now: UnixSeconds) -> Option<(Reminded, NewReminders)> {
    let subscription = &view.subscription;
    let trial = ending(Timeline::new(&subscription.versions), now)?;
    let is_new = |days: &u32| {
        let mut of_this = view.reminders.iter().filter(|row| row.trial.started_at == trial.started_at);
        !of_this.any(|row| row.days == *days)
    };
    let due = REMINDER_DAYS
        .into_iter()
        .filter(is_new)
        .map(|days| (days, due_at(trial, days, subscription.tenant.zone)))
        .filter(|(_, due_at)| *due_at <= now);
    let due: Vec<_> = due.collect();
    let urgent = due.iter().map(|(days, _)| *days).min()?;
    let row = |(days, due_at)| {
        let skipped_for = (days != urgent).then_some(urgent);
        TrialReminder { trial, days, due_at, at: now, skipped_for }
    };
    let rows: Vec<_> = due.into_iter().map(row).collect();
    let tenant = subscription.tenant.id.clone();
    let skipped = rows.iter().filter(|row| row.skipped_for.is_some()).map(|row| row.days).collect();
    let reminder = *rows.iter().find(|row| row.days == urgent)?;
    let reminded = Reminded { tenant, reminder, skipped };
    let note = note(&reminded);
    Some((reminded, NewReminders { rows, note }))
}

/// The trial that is in force, unless something is known to take its place by its end: then nothing ends there.
fn ending(timeline: Timeline<'_>, now: UnixSeconds) -> Option<TrialWindow> {
    let trial_at = |at| timeline.in_force(at).and_then(|row| row.terms.trial);
    let trial = trial_at(now)?;
    (trial_at(trial.ends_at.max(now)) == Some(trial)).then_some(trial)
}

/// The beginning of the day of the tenant that lies so many days before that of the end.
fn due_at(trial: TrialWindow, days: u32, zone: Tz) -> UnixSeconds {
    let day = local_day(trial.ends_at, zone).checked_sub_days(Days::new(u64::from(days)));
    day.filter(|_| days > 0).map_or(trial.ends_at, |day| local_midnight(day, zone))
}

fn note(reminded: &Reminded) -> AuditNote {
    let Reminded { tenant, reminder, skipped } = reminded;
    AuditNote {
        tenant: Some(tenant.clone()),
        at: reminder.at,
        actor: Actor("upkeep".into()),
        action: REMINDED,
        subject: tenant.to_string(),
        detail: serde_json::json!({
            "days": reminder.days, "due_at": reminder.due_at, "skipped": skipped,
            "trial_started_at": reminder.trial.started_at, "trial_ends_at": reminder.trial.ends_at,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::storage::TimelineView;
    use crate::testkit::order;
    use crate::timeline::{At, Entry, set};

    fn at(text: &str) -> UnixSeconds {
        UnixSeconds::new(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp())
    }

    /// A tenant there, without a subscription yet.
    fn tenant(zone: Tz) -> TrialView {
        let tenant = crate::testkit::customer(zone, "EUR");
        let subscription = TimelineView { tenant, versions: Vec::new(), cameras_named: 0 };
        TrialView { subscription, reminders: Vec::new() }
    }

    /// Sets cameras, or a trial, from a moment on; `now` is when it is recorded.
    fn sets(view: &mut TrialView, cameras: Option<u32>, (from, now): (&str, &str)) {
        let (catalog, by) = (Catalog::embedded().unwrap(), Actor("test".into()));
        let entry = Entry { at: from.parse::<At>().unwrap(), reason: Some("as agreed".into()) };
        let planned = set(&view.subscription, &order(cameras, &[]), &entry, (&catalog, at(now), &by));
        view.subscription.versions.extend(planned.unwrap().new.rows);
    }

    fn trial_from(start: &str, zone: Tz) -> TrialView {
        let mut view = tenant(zone);
        sets(&mut view, None, (start, start));
        view
    }

    /// What is recorded then: the days that are said, and those that are skipped.
    fn said(view: &mut TrialView, now: &str) -> Option<(u32, Vec<u32>)> {
        let (reminded, new) = plan(view, at(now))?;
        view.reminders.extend(new.rows);
        Some((reminded.reminder.days, reminded.skipped))
    }

    #[test]
    fn each_is_said_once_from_its_day_of_the_tenant_on() {
        // Until 2026-04-14, over the night in which the clocks of Sydney are put back.
        let mut view = trial_from("2026-01-14T12:30:00Z", chrono_tz::Australia::Sydney);
        for (now, expected) in [
            ("2026-03-30T23:59:59+11:00", None),
            ("2026-03-31T00:00:00+11:00", Some((14, vec![]))),
            ("2026-03-31T01:00:00+11:00", None),
            ("2026-04-10T23:59:59+10:00", None),
            ("2026-04-11T07:00:00+10:00", Some((3, vec![]))),
            ("2026-04-13T23:59:59+10:00", None),
            ("2026-04-14T00:00:00+10:00", Some((0, vec![]))),
            ("2027-04-14T00:00:00+10:00", None),
        ] {
            assert_eq!(said(&mut view, now), expected, "{now}");
        }
        assert_eq!(view.reminders[1].due_at, at("2026-04-11T00:00:00+10:00"));
    }

    #[test]
    fn of_several_that_are_due_at_once_the_most_urgent_is_said_and_the_others_are_skipped() {
        let start = "2026-01-14T09:00:00Z";
        let mut view = trial_from(start, Tz::UTC);
        assert_eq!(said(&mut view, "2026-04-12T00:00:00Z"), Some((3, vec![14])));
        let rows: Vec<_> = view.reminders.iter().map(|row| (row.days, row.skipped_for)).collect();
        assert_eq!(rows, [(14, Some(3)), (3, None)]);
        assert_eq!(said(&mut view, "2026-05-01T00:00:00Z"), Some((0, vec![])), "late is better than never");
        let mut late = trial_from(start, Tz::UTC);
        assert_eq!(said(&mut late, "2026-05-01T00:00:00Z"), Some((0, vec![14, 3])));
        assert_eq!(
            said(&mut late, "2026-03-31T00:00:00Z"),
            None,
            "and a clock that is set back says nothing again"
        );
    }

    #[test]
    fn who_has_bought_is_reminded_of_nothing() {
        let start = "2026-01-14T09:00:00Z";
        let mut bought = trial_from(start, Tz::UTC);
        sets(&mut bought, Some(5), ("2026-04-01", "2026-04-01T00:00:00Z"));
        // From the very end on, and known before.
        let mut scheduled = trial_from(start, Tz::UTC);
        sets(&mut scheduled, Some(5), ("2026-04-14", "2026-03-01T00:00:00Z"));
        for now in ["2026-04-11T00:00:00Z", "2026-04-14T00:00:00Z", "2026-05-01T00:00:00Z"] {
            assert_eq!(said(&mut bought, now), None, "{now}");
            assert_eq!(said(&mut scheduled, now), None, "{now}");
        }
        // A day too late is a day without.
        let mut late = trial_from(start, Tz::UTC);
        sets(&mut late, Some(5), ("2026-04-15", "2026-03-01T00:00:00Z"));
        assert_eq!(said(&mut late, "2026-04-11T00:00:00Z"), Some((3, vec![14])));
        assert_eq!(said(&mut late, "2026-04-14T00:00:00Z"), Some((0, vec![])));
        assert_eq!(said(&mut tenant(Tz::UTC), start), None);
    }

    #[test]
    fn a_trial_that_is_still_to_begin_and_one_that_is_set_again_are_one() {
        let (now, start) = ("2026-01-01T00:00:00Z", "2026-01-14");
        let mut view = tenant(Tz::UTC);
        sets(&mut view, None, (start, now));
        assert_eq!(said(&mut view, now), None);
        assert_eq!(said(&mut view, "2026-04-11T00:00:00Z"), Some((3, vec![14])));
        sets(&mut view, None, ("2026-04-12", "2026-04-12T00:00:00Z"));
        assert_eq!(said(&mut view, "2026-04-12T01:00:00Z"), None);
        assert_eq!(said(&mut view, "2026-04-14T01:00:00Z"), Some((0, vec![])));
    }

    #[test]
    fn every_day_that_a_zone_leaves_out_lies_within_what_is_looked_at() {
        // Samoa had no 2011-12-30. A trial until the 3rd of January is said 14 days before, and that is 13 times 24 hours.
        let apia = chrono_tz::Pacific::Apia;
        let trial = TrialWindow {
            started_at: at("2011-10-03T00:00:00-10:00"),
            ends_at: at("2012-01-03T00:00:00+14:00"),
        };
        for (days, due) in [
            (14, "2011-12-20T00:00:00-10:00"),
            (3, "2011-12-31T00:00:00+14:00"),
            (0, "2012-01-03T00:00:00+14:00"),
        ] {
            assert_eq!(due_at(trial, days, apia), at(due));
            assert!(trial.ends_at.since(due_at(trial, days, apia)) < AHEAD_SECONDS);
        }
        assert_eq!(local_day(at("2011-12-20T00:00:00-10:00"), apia).to_string(), "2011-12-20");
    }
}
