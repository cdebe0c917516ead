//! Metering as a host does it: under the quotas of the licence that its gate has verified, with a journal that the real
//! store made.

mod command_line;
mod killed;
mod model;

use brink_license::token::{Enforce, LicenceStanding, Over, Period};
use brink_license::usage::{DenialReason, Overage, Quantity};
use brink_license::{ResourceId, TokenId, clock::State};
use brink_store::journal::{Journal, UsageBook, UsageError, Walked};
use brink_store::{Meter, QuotaUse, machine};
use brink_tests::metered::{Metered, quota, slug, units};
use brink_tests::until;
use std::path::Path;
use std::sync::Barrier;
use tempfile::TempDir;

fn device(limit: u64, over: Over, enforce: Enforce) -> (TempDir, Metered) {
    let dir = tempfile::tempdir().unwrap();
    let quotas = vec![quota("sms", limit, Period::Lease, over), quota("frames", limit, Period::Month, over)];
    let metered = Metered::activate(&dir.path().join("edge"), quotas, enforce);
    (dir, metered)
}

fn firm(limit: u64) -> (TempDir, Metered) {
    device(limit, Over::Deny, Enforce::Deny)
}

fn record(meter: &Meter, name: &str, number: u64) -> Result<Overage, UsageError> {
    meter.record(&slug(name), None, units(number)).map(|recorded| recorded.overage)
}

fn denied<T: std::fmt::Debug>(outcome: Result<T, UsageError>) -> (DenialReason, Quantity) {
    match outcome {
        Err(UsageError::Denied(denial)) => (denial.why, denial.remaining),
        other => panic!("not denied: {other:?}"),
    }
}

fn standing(meter: &Meter, name: &str) -> QuotaUse {
    meter.quota(&slug(name)).unwrap().unwrap()
}

/// What the records of a meter come to.
fn recorded(device: &Metered, name: &str) -> Quantity {
    let chains = UsageBook::open(&device.journal()).unwrap().summary().unwrap();
    let totals = chains.iter().flat_map(|chain| &chain.meters).filter(|(meter, _)| meter.as_str() == name);
    totals.fold(Quantity::ZERO, |sum, (_, total)| sum.plus(total.total).unwrap())
}

fn walk(device: &Metered) -> Walked {
    UsageBook::open(&device.journal()).unwrap().walk().unwrap()
}

fn sql(device: &Metered, statement: &str) {
    let path = Journal::path(&device.journal());
    rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
}

#[test]
fn a_firm_quota_is_used_to_its_last_unit_and_what_is_denied_leaves_no_trace() {
    let (_dir, device) = firm(3);
    let (_gate, meter) = device.host();
    assert_eq!(record(&meter, "sms", 2), Ok(Overage::Within));
    assert_eq!(denied(record(&meter, "sms", 2)), (DenialReason::Spent, units(1)));
    assert_eq!(record(&meter, "sms", 1), Ok(Overage::Within));
    assert_eq!(denied(record(&meter, "sms", 1)), (DenialReason::Spent, Quantity::ZERO));
    let now = standing(&meter, "sms");
    assert_eq!((now.used, now.remaining, now.resets_at), (units(3), Quantity::ZERO, None));
    assert_eq!((recorded(&device, "sms"), walk(&device).records), (units(3), 2));
    // What nobody limits is recorded always, and the other quota is its own.
    assert_eq!(record(&meter, "llm_token", 1_000_000), Ok(Overage::Within));
    let Err(UsageError::Denied(denial)) = meter.record(&slug("frames"), None, units(4)) else {
        panic!("fits")
    };
    assert!(denial.resets_at.is_some() && denial.to_string().contains("frames"), "{denial:?}");
    assert_eq!(UsageError::Denied(denial).code(), "QUOTA_EXCEEDED");
}

#[test]
fn many_at_once_are_judged_each_in_its_turn_in_few_commits() {
    let (_dir, device) = firm(3);
    let (_gate, meter) = device.host();
    let uses = |numbers: &[(&str, u64)]| {
        numbers.iter().map(|(name, number)| (slug(name), None, units(*number))).collect()
    };
    let outcomes =
        meter.record_all(uses(&[("sms", 2), ("sms", 2), ("llm_token", 7), ("sms", 1), ("sms", 1)])).unwrap();
    let allowed: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(allowed, [true, false, true, true, false], "a large one denies no small one behind it");
    assert_eq!(denied(outcomes[1].clone()), (DenialReason::Spent, units(1)));
    assert_eq!((recorded(&device, "sms"), recorded(&device, "llm_token")), (units(3), units(7)));
    // More than one group of the writer's.
    let many = vec![("frames", 0); 600];
    assert!(meter.record_all(uses(&many)).unwrap().iter().all(Result::is_ok));
    assert_eq!(meter.record_all(Vec::new()).unwrap(), Vec::new());
    walk(&device);
    meter.close().unwrap();
    assert_eq!(meter.record_all(uses(&[("sms", 1)])), Err(UsageError::Closed));
}

#[test]
fn a_meter_that_was_denied_more_asks_the_journal_once_a_second_and_not_each_turn() {
    let (_dir, device) = firm(1);
    let (_gate, meter) = device.host();
    record(&meter, "sms", 1).unwrap();
    let line = meter.line(&slug("sms"), None).unwrap();
    let other = rusqlite::Connection::open(Journal::path(&device.journal())).unwrap();
    // Its thread takes turns too, and one in forty asks again: it may be this one, but not three times.
    let rested = (0..3).any(|_| {
        meter.flush().unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let turned = meter.flush();
        other.execute_batch("ROLLBACK").unwrap();
        turned.is_ok()
    });
    assert!(rested, "each turn waits for whoever writes the journal");
    assert_eq!(denied(meter.record_nowait(line, units(1))), (DenialReason::Spent, Quantity::ZERO));
}

#[test]
fn a_large_use_denies_no_small_one_of_its_group() {
    let (_dir, device) = firm(8);
    let (_gate, meter) = device.host();
    record(&meter, "sms", 1).unwrap();
    let threads = 16;
    let barrier = Barrier::new(threads);
    let outcomes: Vec<(u64, bool)> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|number| {
                let (meter, barrier) = (&meter, &barrier);
                scope.spawn(move || {
                    let quantity = if number % 2 == 0 { 100 } else { 1 };
                    barrier.wait();
                    (quantity, record(meter, "sms", quantity).is_ok())
                })
            })
            .collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|(quantity, allowed)| *quantity == 1 && *allowed).count(), 7);
    assert!(outcomes.iter().all(|(quantity, allowed)| *quantity == 1 || !allowed));
    assert_eq!(recorded(&device, "sms"), units(8));
}

#[test]
fn beyond_a_quota_its_policy_and_the_profile_decide() {
    for (over, enforce, expected) in [
        (Over::Allow, Enforce::Deny, Overage::Over),
        (Over::Warn, Enforce::Deny, Overage::Flagged),
        (Over::Deny, Enforce::Observe, Overage::Flagged),
        (Over::Deny, Enforce::Warn, Overage::Flagged),
    ] {
        let (_dir, device) = device(1, over, enforce);
        let (_gate, meter) = device.host();
        assert_eq!(record(&meter, "sms", 1), Ok(Overage::Within));
        assert_eq!(record(&meter, "sms", 1), Ok(expected), "{over:?} {enforce:?}");
        let line = meter.line(&slug("sms"), None).unwrap();
        assert_eq!(meter.record_nowait(line, units(1)), Ok(()));
        meter.flush().unwrap();
        assert_eq!(recorded(&device, "sms"), units(3));
    }
    let (_dir, device) = device(1, Over::Deny, Enforce::Degrade);
    let (_gate, meter) = device.host();
    assert_eq!(denied(record(&meter, "sms", 2)), (DenialReason::Spent, units(1)));
}

#[test]
fn a_new_licence_changes_the_limit_and_keeps_what_was_used() {
    let (_dir, mut device) = firm(2);
    let (gate, meter) = device.host();
    record(&meter, "sms", 2).unwrap();
    denied(record(&meter, "sms", 1));
    device.renew(|claims| claims.quotas[0].limit = 3);
    let seq = || gate.status().unwrap().bundle().unwrap().licence().claims().seq;
    until("the gate takes up the licence", || seq() == 2);
    assert_eq!(standing(&meter, "sms").used, units(2));
    assert_eq!(record(&meter, "sms", 1), Ok(Overage::Within));
    denied(record(&meter, "sms", 1));
    // Another licence of the device has a lease of its own.
    device.renew(|claims| claims.sub = TokenId::parse("lic-2").unwrap());
    until("the gate takes up the licence", || seq() == 3);
    assert_eq!(record(&meter, "sms", 3), Ok(Overage::Within));
    denied(record(&meter, "sms", 1));
}

#[test]
fn a_suspended_licence_closes_its_firm_quotas_whatever_the_profile_and_usage_is_never_lost() {
    for (enforce, over, is_refused) in [
        (Enforce::Deny, Over::Deny, true),
        (Enforce::Observe, Over::Deny, true),
        (Enforce::Deny, Over::Warn, false),
    ] {
        let (_dir, mut device) = device(5, over, enforce);
        let (gate, meter) = device.host();
        device.exchange(LicenceStanding::Suspended);
        until("the gate hears of it", || gate.status().unwrap().standing().state == State::Suspended);
        let outcome = record(&meter, "sms", 1);
        if is_refused {
            assert_eq!(denied(outcome), (DenialReason::NotInForce(State::Suspended), Quantity::ZERO));
        } else {
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        assert_eq!(record(&meter, "other", 1), Ok(Overage::Within));
    }
}

#[test]
fn counting_from_memory_is_exact_and_what_is_not_used_is_given_back() {
    let (_dir, device) = firm(1000);
    let (_gate, meter) = device.host();
    let camera = ResourceId::parse("cam-1").unwrap();
    let lines = [None, Some(&camera)].map(|resource| meter.line(&slug("frames"), resource).unwrap());
    assert_eq!(meter.line(&slug("frames"), Some(&camera)), Ok(lines[1]));
    let mut counted = 0u64;
    loop {
        let line = lines[usize::from(counted.is_multiple_of(2))];
        match meter.record_nowait(line, units(1)) {
            Ok(()) => counted += 1,
            Err(UsageError::NotSetAside | UsageError::QueueFull) => meter.flush().unwrap(),
            Err(UsageError::Denied(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(counted, 1000);
    meter.flush().unwrap();
    assert_eq!(recorded(&device, "frames"), units(1000));
    assert_eq!(
        meter.record_nowait(brink_store::MeterLine { tag: 0, index: 0 }, units(1)),
        Err(UsageError::BadLine)
    );
    drop(meter);

    let (_dir, device) = firm(1000);
    let (_gate, meter) = device.host();
    let line = meter.line(&slug("frames"), None).unwrap();
    assert!(standing(&meter, "frames").aside >= units(1), "a block was set aside");
    meter.record_nowait(line, units(1)).unwrap();
    meter.close().unwrap();
    assert_eq!(meter.record_nowait(line, units(1)), Err(UsageError::Closed));
    assert_eq!(record(&meter, "frames", 1), Err(UsageError::Closed));
    let (_gate, other) = device.host();
    let now = standing(&other, "frames");
    assert_eq!((now.used, now.aside, now.remaining), (units(1), Quantity::ZERO, units(999)));
}

#[test]
fn what_is_counted_is_durable_soon_without_anybody_asking() {
    let (_dir, device) = device(1, Over::Allow, Enforce::Deny);
    let (_gate, meter) = device.host();
    let line = meter.line(&slug("api_call"), None).unwrap();
    for _ in 0..100 {
        meter.record_nowait(line, Quantity::parse("0.5").unwrap()).unwrap();
    }
    until("the meter's thread writes", || recorded(&device, "api_call") == units(50));
    assert!(walk(&device).records < 100, "uses of one line are added up");
}

#[test]
fn a_journal_that_cannot_be_written_fills_the_queue_and_loses_nothing() {
    let (_dir, device) = device(1, Over::Allow, Enforce::Deny);
    let (_gate, meter) = device.host();
    let line = meter.line(&slug("api_call"), None).unwrap();
    let path = Journal::path(&device.journal());
    let away = path.with_extension("away");
    std::fs::rename(&path, &away).unwrap();
    let mut counted = 0u64;
    until("the queue is full", || {
        loop {
            match meter.record_nowait(line, units(1)) {
                Ok(()) => counted += 1,
                Err(error) => break error == UsageError::QueueFull && meter.flush().is_err(),
            }
        }
    });
    std::fs::rename(&away, &path).unwrap();
    until("it is written when it can be", || meter.flush().is_ok());
    assert_eq!(recorded(&device, "api_call"), units(counted));
}

#[test]
fn a_reservation_gives_back_what_it_does_not_use_and_wastes_what_nobody_settles() {
    let (_dir, device) = firm(10);
    let (_gate, meter) = device.host();
    let reserve = |max| meter.reserve(&slug("sms"), None, units(max));
    let mut first = reserve(6).unwrap();
    assert_eq!(denied(reserve(5)), (DenialReason::Spent, units(4)));
    assert_eq!(denied(record(&meter, "sms", 5)), (DenialReason::Spent, units(4)));
    let committed = first.commit(units(2)).unwrap();
    assert_eq!((committed.total, committed.overage), (units(2), Overage::Within));
    assert_eq!(first.commit(units(2)), Err(UsageError::Settled));
    assert_eq!(standing(&meter, "sms").remaining, units(8));
    let mut second = reserve(8).unwrap();
    second.release().unwrap();
    assert_eq!(second.release(), Err(UsageError::Settled));
    // The work is done: more than was reserved is billed, and said.
    let mut third = reserve(1).unwrap();
    assert_eq!(third.commit(units(3)).unwrap().overage, Overage::Flagged);
    assert_eq!(standing(&meter, "sms").used, units(5));
    drop(reserve(4).unwrap());
    assert_eq!(denied(record(&meter, "sms", 2)), (DenialReason::Spent, units(1)));
    // Nothing that is not limited firmly has to be set aside.
    let mut free = meter.reserve(&slug("llm_token"), None, units(1 << 40)).unwrap();
    assert_eq!(free.commit(units(7)).unwrap().overage, Overage::Within);
    assert_eq!(recorded(&device, "llm_token"), units(7));
}

#[test]
fn a_damaged_row_is_counted_again_and_firm_quotas_wait_for_the_issuer() {
    for statement in [
        "UPDATE quotas SET spent = zeroblob(2)",
        "UPDATE quotas SET sha256 = zeroblob(32)",
        "DELETE FROM quotas",
        "DELETE FROM quota_state",
        "UPDATE quota_state SET state = zeroblob(2)",
    ] {
        let (_dir, mut device) = firm(10);
        let (_gate, meter) = device.host();
        record(&meter, "sms", 4).unwrap();
        sql(&device, statement);
        assert_eq!(denied(record(&meter, "sms", 1)), (DenialReason::InDoubt, Quantity::ZERO), "{statement}");
        assert_eq!(record(&meter, "other", 1), Ok(Overage::Within), "{statement}");
        let now = standing(&meter, "sms");
        assert_eq!((now.used, now.in_doubt, now.remaining), (units(4), true, Quantity::ZERO), "{statement}");
        device.store().quotas_settled().unwrap();
        assert_eq!(denied(record(&meter, "sms", 7)), (DenialReason::Spent, units(6)), "{statement}");
        assert_eq!(record(&meter, "sms", 6), Ok(Overage::Within), "{statement}");
    }
}

#[test]
fn a_mended_journal_keeps_what_was_used_and_firm_quotas_wait_for_the_issuer() {
    let (_dir, mut device) = firm(10);
    let (_gate, meter) = device.host();
    for _ in 0..4 {
        record(&meter, "sms", 1).unwrap();
    }
    // The last two records are lost, and with them what they said.
    sql(&device, "DELETE FROM records WHERE seq > 2");
    let boot = machine::boot_id().unwrap();
    device.mind_journal(boot, machine::boottime_seconds() + 1000);
    assert_eq!(recorded(&device, "sms"), units(2));
    assert_eq!(denied(record(&meter, "sms", 1)), (DenialReason::InDoubt, Quantity::ZERO));
    device.store().quotas_settled().unwrap();
    assert_eq!(denied(record(&meter, "sms", 1)).0, DenialReason::InDoubt, "the issuer has not heard of it");
    device.settle();
    device.store().quotas_settled().unwrap();
    assert_eq!(denied(record(&meter, "sms", 7)), (DenialReason::Spent, units(6)), "the row went over");
    assert_eq!(walk(&device).recoveries, 1);
}

#[test]
fn a_quota_that_comes_later_counts_what_was_used_before() {
    let (_dir, mut device) = firm(10);
    let (gate, meter) = device.host();
    record(&meter, "api_call", 4).unwrap();
    device.renew(|claims| claims.quotas.push(quota("api_call", 5, Period::Month, Over::Deny)));
    until("the gate takes it up", || gate.status().unwrap().bundle().unwrap().licence().claims().seq == 2);
    assert_eq!(denied(record(&meter, "api_call", 2)), (DenialReason::Spent, units(1)));
}

#[test]
fn a_closed_gate_has_no_meter_and_a_device_without_a_journal_records_nothing() {
    let (_dir, device) = firm(10);
    let (gate, meter) = device.host();
    drop(gate);
    assert_eq!(record(&meter, "sms", 1), Err(UsageError::Closed));
    let gate =
        brink_store::Gate::open(Path::new("/nonexistent/licence.bundle"), brink_tests::forge::anchor())
            .unwrap();
    let meter = gate.meter().unwrap();
    assert_eq!(record(&meter, "sms", 1), Err(UsageError::NotActivated));
    assert_eq!(meter.line(&slug("sms"), None), Err(UsageError::NotActivated), "nor is anything counted");
    assert_eq!(meter.close(), Ok(()));
}
