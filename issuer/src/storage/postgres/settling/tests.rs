//! Groups: who shares one, and that nobody's trouble is anybody else's.

use super::queue::{self, GROUPS_MAX};
use super::*;
use crate::storage::{AuditNote, CursorRow, NewUsage, Report, Storage};
use crate::testkit::{Bench, Edge};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

fn bench(devices: usize) -> (Bench, Vec<Edge>, PostgresStorage) {
    let bench = Bench::on_postgres(10, str::to_owned);
    let edges = (0..devices).map(|_| bench.activated()).collect();
    let storage = bench.postgres();
    (bench, edges, storage)
}

/// Holds every group up until it is let go, so that whoever comes meanwhile waits for the next one.
struct Held<'s> {
    storage: &'s PostgresStorage,
}

impl<'s> Held<'s> {
    fn all_of(storage: &'s PostgresStorage) -> Self {
        queue::held(&storage.settling.queue).groups = GROUPS_MAX;
        Self { storage }
    }

    /// Until so many wait; then they go.
    fn let_go_with(self, members: usize) {
        while queue::held(&self.storage.settling.queue).waiting.len() < members {
            std::thread::yield_now();
        }
        queue::held(&self.storage.settling.queue).groups = 1;
        self.storage.settling.pass_on();
    }
}

fn report(seq: u64) -> Posting {
    let report = Some(Report { licence_seq: 1, keyset_version: seq, agent_version: None });
    Posting { report, ..Posting::default() }
}

fn settle(
    storage: &PostgresStorage,
    edge: &Edge,
    plan: Plan<'_, DeviceView, Posting>,
) -> Result<(), StorageError> {
    storage.device_key(&edge.id())?;
    storage.settle(&edge.id(), UnixSeconds::new(crate::testkit::START), &UsageAsked::default(), plan)
}

fn transactions(bench: &Bench) -> i64 {
    bench.number("SELECT count(DISTINCT xmin::text) FROM devices WHERE reported_keyset = 7")
}

#[test]
fn who_waits_shares_one_transaction_and_each_plans_in_its_own_thread() {
    let (bench, edges, storage) = bench(6);
    let held = Held::all_of(&storage);
    std::thread::scope(|scope| {
        for edge in &edges {
            let storage = &storage;
            scope.spawn(move || {
                let (own, device) = (std::thread::current().id(), edge.id());
                let planned = settle(storage, edge, &mut |view| {
                    assert_eq!((std::thread::current().id(), &view.device.id), (own, &device));
                    Some(report(7))
                });
                planned.unwrap();
            });
        }
        held.let_go_with(6);
    });
    assert_eq!(bench.number("SELECT count(*) FROM devices WHERE reported_keyset = 7"), 6);
    assert_eq!(transactions(&bench), 1);
    let left = queue::held(&storage.settling.queue);
    assert_eq!((left.groups, left.waiting.len()), (0, 0));
}

#[test]
fn devices_of_two_tenants_share_no_transaction() {
    let (bench, edges, storage) = bench(6);
    bench.meddle();
    bench.another_tenant("other");
    for edge in &edges[..3] {
        bench.sql("UPDATE devices SET tenant = 'other' WHERE id = ?1", &[&edge.id().as_str()]);
    }
    let held = Held::all_of(&storage);
    std::thread::scope(|scope| {
        for edge in &edges {
            let storage = &storage;
            scope.spawn(move || settle(storage, edge, &mut |_| Some(report(7))).unwrap());
        }
        held.let_go_with(6);
    });
    assert_eq!(bench.number("SELECT count(*) FROM devices WHERE reported_keyset = 7"), 6);
    assert_eq!(transactions(&bench), 2);
    let of_both = "SELECT count(*) FROM (SELECT 1 FROM devices WHERE reported_keyset = 7 GROUP BY xmin::text
                                          HAVING count(DISTINCT tenant) > 1) AS mixed";
    assert_eq!(bench.number(of_both), 0);
}

#[test]
fn a_device_that_moved_after_its_key_was_looked_at_leaves_the_group() {
    let (bench, edges, storage) = bench(3);
    bench.meddle();
    bench.another_tenant("other");
    let held = Held::all_of(&storage);
    std::thread::scope(|scope| {
        for edge in &edges {
            let storage = &storage;
            scope.spawn(move || settle(storage, edge, &mut |_| Some(report(7))).unwrap());
        }
        while queue::held(&storage.settling.queue).waiting.len() < 3 {
            std::thread::yield_now();
        }
        bench.sql("UPDATE devices SET tenant = 'other' WHERE id = ?1", &[&edges[0].id().as_str()]);
        held.let_go_with(3);
    });
    assert_eq!(bench.number("SELECT count(*) FROM devices WHERE reported_keyset = 7"), 3);
    let of_moved = "SELECT count(*) FROM devices WHERE xmin::text = (SELECT xmin::text FROM devices WHERE tenant = 'other')";
    assert_eq!(bench.number(of_moved), 1);
}

#[test]
fn nobody_waits_while_there_is_nothing_to_wait_for() {
    let (bench, edges, storage) = bench(GROUPS_MAX);
    // All of them are inside their plans at once: none waits for another one's transaction.
    let together = Barrier::new(GROUPS_MAX);
    std::thread::scope(|scope| {
        for edge in &edges {
            scope.spawn(|| {
                settle(&storage, edge, &mut |_| {
                    together.wait();
                    Some(report(7))
                })
                .unwrap();
            });
        }
    });
    assert_eq!(transactions(&bench), i64::try_from(GROUPS_MAX).unwrap());
}

#[test]
fn one_device_is_in_a_group_once_and_its_second_request_sees_what_the_first_left() {
    let (bench, edges, storage) = bench(1);
    let held = Held::all_of(&storage);
    let seen = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                settle(&storage, &edges[0], &mut |view| {
                    seen.fetch_max(usize::try_from(view.device.reported_keyset).unwrap(), Ordering::SeqCst);
                    Some(report(view.device.reported_keyset + 1))
                })
                .unwrap();
            });
        }
        held.let_go_with(3);
    });
    let first = bench.view(&edges[0].id()).device.reported_keyset;
    assert_eq!(usize::try_from(first).unwrap(), seen.load(Ordering::SeqCst) + 1);
    assert!(first >= 3, "{first}");
}

#[test]
fn a_plan_that_panics_or_answers_nothing_is_nobody_elses_trouble() {
    let (bench, edges, storage) = bench(4);
    for faulty_leads in [true, false] {
        let held = Held::all_of(&storage);
        let faulty = || {
            let fault = std::panic::AssertUnwindSafe(|| {
                settle(&storage, &edges[0], &mut |_| panic!("a plan with a fault"))
            });
            assert!(std::panic::catch_unwind(fault).is_err());
        };
        let sound = |edge| settle(&storage, edge, &mut |_| Some(report(7))).unwrap();
        let wait_for = |count| {
            while queue::held(&storage.settling.queue).waiting.len() < count {
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            if faulty_leads {
                scope.spawn(faulty);
                wait_for(1);
            }
            scope.spawn(|| sound(&edges[1]));
            scope.spawn(|| sound(&edges[2]));
            scope.spawn(|| settle(&storage, &edges[3], &mut |_| None).unwrap());
            wait_for(if faulty_leads { 4 } else { 3 });
            if !faulty_leads {
                scope.spawn(faulty);
            }
            held.let_go_with(4);
        });
        assert_eq!(bench.number("SELECT count(*) FROM devices WHERE reported_keyset = 7"), 2);
        bench.sql("UPDATE devices SET reported_keyset = 1", &[]);
    }
    assert_eq!(queue::held(&storage.settling.queue).groups, 0);
}

/// A cursor of nobody's tenant: the server refuses it.
fn impossible(edge: &Edge) -> NewUsage {
    let head = brink_license::usage::Head { seq: 0, hash: [0; 32] };
    let cursor = CursorRow {
        epoch: edge.epoch,
        tenant: "tenant-1".parse().unwrap(),
        jkt: brink_license::Kid::from_digest([0; 32]),
        head: brink_license::usage::Head { seq: u64::MAX, ..head },
        event_ms: 0,
        closed: false,
        incomplete: false,
        forked_at: None,
        acknowledged: None,
        reported: head,
        recoveries: 0,
        received_ms: 0,
    };
    NewUsage { cursors: vec![cursor.clone(), cursor], batch: None, fork: None }
}

#[test]
fn what_the_server_refuses_of_one_fails_for_that_one_alone() {
    let (bench, edges, storage) = bench(3);
    let held = Held::all_of(&storage);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let usage = Some(impossible(&edges[0]));
            let refused =
                settle(&storage, &edges[0], &mut |_| Some(Posting { usage: usage.clone(), ..report(7) }));
            assert!(matches!(refused, Err(StorageError::Engine(_))), "{refused:?}");
        });
        for edge in &edges[1..] {
            let storage = &storage;
            scope.spawn(move || settle(storage, edge, &mut |_| Some(report(7))).unwrap());
        }
        held.let_go_with(3);
    });
    assert_eq!(bench.number("SELECT count(*) FROM devices WHERE reported_keyset = 7"), 2);
}

#[test]
fn what_writes_to_the_audit_leaves_the_group_and_a_locked_device_holds_nobody_up() {
    let (bench, edges, storage) = bench(3);
    let (locked, is_locked) = channel();
    let (free, is_free) = channel::<()>();
    let other = bench.postgres();
    std::thread::scope(|scope| {
        let (device, other) = (edges[0].id(), &other);
        scope.spawn(move || {
            let held = other.write(async |tx| {
                locks::devices(tx, &[&device]).await?;
                locked.send(()).unwrap();
                is_free.recv().unwrap();
                Ok(())
            });
            held.unwrap();
        });
        is_locked.recv().unwrap();
        let held = Held::all_of(&storage);
        let waits = scope.spawn(|| settle(&storage, &edges[0], &mut |_| Some(report(7))).unwrap());
        let notes = scope.spawn(|| {
            settle(&storage, &edges[1], &mut |view| {
                let (at, subject) = (UnixSeconds::new(1), view.device.id.to_string());
                let (actor, detail) = (crate::storage::Actor("test".into()), serde_json::json!({}));
                let note = AuditNote { tenant: None, at, actor, action: "usage.test", subject, detail };
                Some(Posting { notes: vec![note], ..report(7) })
            })
            .unwrap();
        });
        let plain = scope.spawn(|| settle(&storage, &edges[2], &mut |_| Some(report(7))).unwrap());
        held.let_go_with(3);
        // These two end while the first one's device is still locked.
        notes.join().unwrap();
        plain.join().unwrap();
        assert!(!waits.is_finished());
        free.send(()).unwrap();
    });
    assert_eq!(bench.number("SELECT count(*) FROM devices WHERE reported_keyset = 7"), 3);
    assert_eq!(bench.number("SELECT count(*) FROM audit WHERE action = 'usage.test'"), 1);
}
