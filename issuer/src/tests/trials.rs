//! The life of a trial: one per tenant, what is said of its end, and what devices do after it.

use crate::admin::AdminError;
use crate::codes;
use crate::editing::Keeping;
use crate::storage::{AuditQuery, StorageError, Whose};
use crate::subscription::SubscriptionOrder;
use crate::testkit::{Bench, DAY, Edge, START, TENANT, names, order};
use crate::timeline::{At, ChangeOrder, Entry, Recorded, Written};
use crate::trials::{REMINDED, Reminded, remind};
use brink_license::clock::{self, Guarded, State, Terms};
use brink_license::token::{Enforce, Mode};
use brink_license::{Decision, Flags, Reason, Table, UnixSeconds};

/// Midnight of 2026-06-01 in Berlin, where a trial of [`START`] ends.
const END: i64 = 1_780_264_800;

impl Bench {
    fn try_trial(&self, enforce: Enforce, entry: &Entry) -> Result<Recorded, AdminError> {
        let order = SubscriptionOrder { enforce, ..order(None, &[]) };
        self.admin.replace_subscription(&TENANT.parse().unwrap(), &order, entry, &Keeping::all())
    }

    /// A tenant with a trial from now on.
    fn on_trial(enforce: Enforce) -> Self {
        let bench = Self::new();
        let made = bench.try_trial(enforce, &Entry::default()).unwrap();
        assert_eq!(made.version.terms.trial.unwrap().ends_at, UnixSeconds::new(END));
        bench
    }

    fn until(&self, at: i64) {
        self.pass(at - crate::clock::Clock::now(&*self.clock).as_i64());
    }

    fn try_remind(&self) -> (Vec<Reminded>, Result<(), StorageError>) {
        let mut said = Vec::new();
        let now = crate::clock::Clock::now(&*self.clock);
        let done = remind(&*self.admin.storage, now, &mut |one| said.push(one.clone()));
        (said, done)
    }

    /// To whom something is said now, and how many days before the end.
    fn reminded(&self) -> Vec<(String, u32)> {
        let (said, done) = self.try_remind();
        done.unwrap();
        said.iter().map(|one| (one.tenant.to_string(), one.reminder.days)).collect()
    }

    /// What the tenant's chain says of it, the newest first.
    fn reminders_in_audit(&self) -> Vec<serde_json::Value> {
        let query = AuditQuery {
            whose: Whose::Tenant(TENANT.parse().unwrap()),
            action: Some(REMINDED.to_owned()),
            limit: 100,
            ..AuditQuery::default()
        };
        let lines = self.admin.storage.audit_lines(&query).unwrap();
        lines.iter().map(|line| serde_json::from_str(&line.detail).unwrap()).collect()
    }
}

#[test]
fn reminders_are_on_record_and_in_the_audit_once_each() {
    let bench = Bench::on_trial(Enforce::Deny);
    let other = bench.another_tenant("other");
    bench.admin.set_subscription(&other, &order(None, &[])).unwrap();
    let paid = bench.another_tenant("paid");
    bench.admin.set_subscription(&paid, &order(None, &[])).unwrap();
    bench.admin.set_subscription(&paid, &order(Some(3), &[])).unwrap();
    let (ours, theirs) = (TENANT.to_owned(), "other".to_owned());
    bench.until(END - 14 * DAY - 1);
    assert_eq!(bench.reminded(), []);
    bench.pass(1);
    assert_eq!(bench.reminded(), [(ours.clone(), 14)], "in UTC it is the day before");
    bench.pass(3 * 3600);
    assert_eq!(bench.reminded(), [(theirs, 14)]);
    assert_eq!(bench.reminded(), []);
    bench.until(END - 2 * DAY);
    assert_eq!(bench.reminded().len(), 2);
    bench.admin.set_subscription(&other, &order(Some(3), &[])).unwrap();
    bench.until(END + 5 * DAY);
    assert_eq!(bench.reminded(), [(ours, 0)], "who has bought hears nothing of an end");
    assert_eq!(bench.reminded(), []);
    let days: Vec<_> = bench.reminders_in_audit().iter().map(|detail| detail["days"].clone()).collect();
    assert_eq!(days, [0, 3, 14]);
    let last = &bench.reminders_in_audit()[0];
    assert_eq!((&last["trial_ends_at"], &last["due_at"]), (&END.into(), &END.into()));
    assert_eq!(
        bench.texts("SELECT days FROM trial_reminders WHERE tenant = 'tenant-123' ORDER BY at"),
        ["14", "3", "0"]
    );
    for edit in ["UPDATE trial_reminders SET days = 1", "DELETE FROM trial_reminders"] {
        let refused = bench.try_sql(edit, &[]).unwrap_err();
        assert!(refused.contains("insert-only"), "{refused}");
    }
}

#[test]
fn what_is_late_is_said_once_and_names_what_it_skipped() {
    let bench = Bench::on_trial(Enforce::Deny);
    bench.until(END + 200 * DAY);
    assert_eq!(bench.reminded(), [(TENANT.to_owned(), 0)]);
    assert_eq!(bench.reminded(), []);
    assert_eq!(bench.reminders_in_audit()[0]["skipped"], serde_json::json!([14, 3]));
    let rows = "SELECT days FROM trial_reminders WHERE skipped_for = 0 ORDER BY days";
    assert_eq!(bench.texts(rows), ["3", "14"]);
}

#[test]
fn what_the_audit_cannot_hold_is_not_said_and_said_once_it_can() {
    let bench = Bench::on_trial(Enforce::Deny);
    bench.until(END - DAY);
    let full = bench.full("audit");
    let (said, done) = bench.try_remind();
    assert!(said.is_empty() && done.is_err());
    assert_eq!(bench.number("SELECT count(*) FROM trial_reminders"), 0);
    drop(full);
    assert_eq!(bench.reminded(), [(TENANT.to_owned(), 3)]);
}

#[test]
fn a_tenant_whose_rows_are_damaged_holds_up_no_other() {
    let bench = Bench::on_trial(Enforce::Deny);
    let damaged = bench.another_tenant("damaged");
    bench.admin.set_subscription(&damaged, &order(None, &[])).unwrap();
    bench.unguard(&["subscriptions"]);
    bench.sql("UPDATE subscriptions SET made = 'change', delta = 'nonsense' WHERE tenant = 'damaged'", &[]);
    bench.until(END);
    let (said, done) = bench.try_remind();
    assert_eq!(said.iter().map(|one| one.tenant.as_str()).collect::<Vec<_>>(), [TENANT]);
    assert!(matches!(done, Err(StorageError::Damaged { .. })), "{done:?}");
}

#[test]
fn however_many_issuers_look_at_once_each_is_recorded_once() {
    let bench = Bench::on_trial(Enforce::Deny);
    let others: Vec<_> = (0..3).map(|_| bench.opened(&bench.data)).collect();
    for end in [END - 14 * DAY, END - 3 * DAY, END] {
        bench.until(end);
        let start = std::sync::Barrier::new(others.len());
        let said: usize = std::thread::scope(|scope| {
            let look = |issuer: &std::sync::Arc<crate::Issuer>| {
                let (issuer, start) = (std::sync::Arc::clone(issuer), &start);
                scope.spawn(move || {
                    let mut said = 0;
                    start.wait();
                    remind(&*issuer.storage, UnixSeconds::new(end), &mut |_| said += 1).unwrap();
                    said
                })
            };
            let looks: Vec<_> = others.iter().map(look).collect();
            looks.into_iter().map(|look| look.join().unwrap()).sum()
        });
        assert_eq!(said, 1);
    }
    assert_eq!(bench.reminders_in_audit().len(), 3);
}

#[test]
fn no_new_device_and_no_new_code_brings_another_trial() {
    let bench = Bench::on_trial(Enforce::Deny);
    let first = bench.activated();
    assert_eq!((first.claims().mode, first.seats()), (Mode::Trial, (0, 2)));
    bench.pass(85 * DAY);
    let mut second = bench.activated();
    assert_eq!((second.claims().mode, second.claims().exp), (Mode::Trial, UnixSeconds::new(END)));
    let unused = bench.code(1);
    bench.until(END);
    let refused = bench.device().activate(&bench.issuer, unused.code.reveal()).unwrap_err();
    assert!(refused.to_string().contains("trial of tenant tenant-123 ended"), "{refused}");
    let late = bench.code(1);
    bench.device().activate(&bench.issuer, late.code.reveal()).unwrap_err();
    assert!(!second.exchange(&bench.issuer).unwrap(), "a receipt, and no licence");
    let again = bench.try_trial(Enforce::Deny, &Entry::default()).unwrap_err();
    assert_eq!(codes::of_admin(&again), "TRIAL_OVER");
}

#[test]
fn no_order_of_a_trial_lengthens_it() {
    let bench = Bench::on_trial(Enforce::Deny);
    let ends = |recorded: Recorded| recorded.version.terms.trial.unwrap().ends_at.as_i64();
    bench.pass(40 * DAY);
    bench.subscribe(5, &[]);
    bench.pass(10 * DAY);
    let then = |days: i64| Entry {
        at: At::Then(Written::Instant(UnixSeconds::new(START + days * DAY))),
        reason: Some("as agreed".into()),
    };
    assert_eq!(ends(bench.try_trial(Enforce::Deny, &Entry::default()).unwrap()), END);
    assert_eq!(ends(bench.try_trial(Enforce::Deny, &then(80)).unwrap()), END);
    assert_eq!(ends(bench.try_trial(Enforce::Deny, &then(0)).unwrap()), END);
    assert_eq!(ends(bench.try_trial(Enforce::Warn, &then(20)).unwrap()), END);
    let before = bench.try_trial(Enforce::Deny, &then(-1)).unwrap_err();
    assert_eq!(codes::of_admin(&before), "NOT_BEGUN");
    let after = bench.try_trial(Enforce::Deny, &then(92)).unwrap_err();
    assert_eq!(codes::of_admin(&after), "TRIAL_OVER");
    let order = ChangeOrder { days: Some(400), ..ChangeOrder::default() };
    let changed =
        bench.admin.change_subscription(&TENANT.parse().unwrap(), &order, &Entry::default(), &Keeping::all());
    assert_eq!(ends(changed.unwrap()), END, "nor does a longer token");
    assert_eq!(bench.activated().claims().exp, UnixSeconds::new(END));
}

/// What a host is told then, by what the device holds.
fn decided(edge: &Edge, now: i64) -> Decision {
    let licence = edge.licence.as_ref().unwrap();
    let terms = Terms::of(licence.claims(), edge.receipt.as_ref().map(|receipt| receipt.claims()));
    let now = UnixSeconds::new(now);
    let guarded = Guarded { now, ran: 0, flags: Flags::NONE, tampered: false };
    let standing = clock::evaluate(&guarded, Some(&terms), Flags::NONE);
    Table::build(licence, None).decide(&standing, "cam-0000", "analytics/counting", now)
}

#[test]
fn after_its_end_and_grace_a_trial_follows_the_enforcement_profile() {
    for (enforce, allowed, flags) in [
        (Enforce::Deny, false, Flags::NONE),
        (Enforce::Degrade, false, Flags::KEEP_RUNNING),
        (Enforce::Warn, true, Flags::WARNED),
        (Enforce::Observe, true, Flags::NONE),
    ] {
        let bench = Bench::on_trial(enforce);
        let mut edge = bench.activated();
        bench.assign(&edge.id(), &names("cam", 0..1), &[]);
        bench.until(END - DAY);
        assert!(edge.exchange(&bench.issuer).unwrap());
        assert_eq!((edge.claims().enforce, edge.claims().exp), (enforce, UnixSeconds::new(END)));
        // Contact goes on, so that nothing but the end of the trial ends it.
        bench.until(END + 7 * DAY);
        assert!(!edge.exchange(&bench.issuer).unwrap());
        let at = |now| decided(&edge, now);
        assert_eq!((at(END - 1).state, at(END - 1).reason), (State::Active, Reason::Granted));
        for in_grace in [END, END + 7 * DAY - 1] {
            let grace = at(in_grace);
            assert_eq!(
                (grace.state, grace.allowed, grace.flags),
                (State::Grace, true, Flags::GRACE),
                "{enforce:?}"
            );
        }
        let over = at(END + 7 * DAY);
        assert_eq!((over.state, over.reason), (State::Expired, Reason::Expired), "{enforce:?}");
        assert_eq!((over.allowed, over.flags), (allowed, flags), "{enforce:?}");
        bench.subscribe(5, &[]);
        assert!(edge.exchange(&bench.issuer).unwrap());
        assert_eq!(decided(&edge, END + 7 * DAY).reason, Reason::Granted, "{enforce:?}");
    }
}
