//! Whatever happens on the way: what was used is in the sums once, or named as lost.

use super::{agrees, number, sums};
use crate::testkit::{Bench, DAY, Edge, Journal, units};
use brink_license::exchange::RequestKind;
use brink_license::usage::Quantity;
use brink_signing::Signer;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    Use(u8, u8, u16),
    Pass(u16),
    /// A request leaves, or the one that waits for its answer leaves again.
    Send(Fate),
    /// Somebody carries an old request here once more. To a database that has lost it, it would be a new one.
    Replay(u8),
    Fold(u8),
    Damage(u8),
    /// The device starts over from what it has kept: its clock's boot is another one.
    Boot,
    /// The issuer is killed.
    Restart,
    Backup,
    /// The issuer's database is put back.
    Restore,
    /// The device keeps less of what is settled.
    Prune(u8),
    Anew,
}

/// What becomes of a request and its answer.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    AnswerLost,
    Twice,
    Answered,
    /// It is given up, and another one takes its place.
    GivenUp,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        1 => Just(Fate::Lost),
        2 => Just(Fate::AnswerLost),
        1 => Just(Fate::Twice),
        4 => Just(Fate::Answered),
        1 => Just(Fate::GivenUp),
    ]
}

fn step(restores: bool) -> impl Strategy<Value = Step> {
    let rare = match restores {
        true => prop_oneof![Just(Step::Backup), Just(Step::Restore)].boxed(),
        false => prop_oneof![Just(Step::Anew), any::<u8>().prop_map(Step::Replay)].boxed(),
    };
    prop_oneof![
        14 => any::<(u8, u8, u16)>().prop_map(|(meter, camera, much)| Step::Use(meter, camera, much)),
        3 => any::<u16>().prop_map(Step::Pass),
        10 => fate().prop_map(Step::Send),
        2 => any::<u8>().prop_map(Step::Fold),
        1 => any::<u8>().prop_map(Step::Damage),
        1 => Just(Step::Boot),
        1 => Just(Step::Restart),
        1 => any::<u8>().prop_map(Step::Prune),
        3 => rare,
    ]
}

struct Life {
    edge: Edge,
    /// The request that waits for its answer.
    pending: Option<Vec<u8>>,
    old: Vec<Vec<u8>>,
    backup: Option<std::path::PathBuf>,
    /// Every use by activation and number.
    used: BTreeMap<(u32, u64), u128>,
}

impl Life {
    fn step(&mut self, bench: &mut Bench, step: Step) {
        match step {
            Step::Use(meter, camera, much) => self.use_some(meter, camera, much),
            Step::Pass(seconds) => bench.pass_with(&mut self.edge, i64::from(seconds) * 7),
            Step::Send(fate) => self.send(bench, fate),
            Step::Replay(which) => {
                let Some(old) = self.old.get(usize::from(which) % self.old.len().max(1)) else { return };
                let before = sums(bench);
                drop(bench.issuer.answer(old, None));
                assert_eq!(sums(bench), before, "an old request adds nothing");
            }
            Step::Fold(most) => self.edge.journal().fold(usize::from(most)),
            Step::Damage(lost) => self.edge.journal().damage(usize::from(lost % 8)),
            Step::Boot => {
                let clock = &mut self.edge.journal().clock;
                (clock.boot, clock.boottime_ms) = (crate::testkit::boot(2), 0);
            }
            Step::Restart => bench.restart(),
            Step::Backup => self.backup = Some(bench.backup()),
            Step::Restore => {
                if let Some(backup) = self.backup.take() {
                    bench.pass_with(&mut self.edge, 1);
                    bench.put_back(&backup);
                }
            }
            Step::Prune(upto) => {
                let head = self.edge.journal().last().head.seq;
                self.edge.journal().prune(head * u64::from(upto) / 255);
            }
            Step::Anew => self.anew(bench),
        }
    }

    fn use_some(&mut self, meter: u8, camera: u8, much: u16) {
        let meter = ["api_call", "sms", "sms_sent", "tea"][usize::from(meter % 4)];
        let camera = ["", "cam-1", "cam-2"][usize::from(camera % 3)];
        self.edge.journal().record(meter, camera, u64::from(much));
        let chain = self.edge.journal().last();
        let quantity = u128::from(much) * u128::from(Quantity::whole(1)) / 1000;
        self.used.insert((chain.genesis.epoch, chain.head.seq), quantity);
    }

    fn send(&mut self, bench: &Bench, fate: Fate) {
        let request = self.pending.take().unwrap_or_else(|| self.edge.request(RequestKind::Exchange));
        match fate {
            Fate::Lost => self.pending = Some(request.clone()),
            Fate::AnswerLost => {
                bench.issuer.answer(&request, None).unwrap();
                self.pending = Some(request.clone());
            }
            Fate::Twice => {
                let first = bench.issuer.answer(&request, None).unwrap();
                assert_eq!(bench.issuer.answer(&request, None).unwrap(), first);
                self.edge.accept(&first);
            }
            Fate::Answered => {
                let answer = bench.issuer.answer(&request, None).unwrap();
                self.edge.accept(&answer);
            }
            Fate::GivenUp => drop(bench.issuer.answer(&request, None).unwrap()),
        }
        if self.pending.is_none() {
            self.old.push(request);
        }
    }

    fn anew(&mut self, bench: &Bench) {
        let made = bench.reactivation(&self.edge.id(), None).unwrap();
        let mut next = bench.anew(&made);
        let mut journal: Journal = self.edge.journal.take().unwrap();
        journal.begin(&next.id(), next.epoch, next.key.kid());
        next.journal = Some(journal);
        (self.edge, self.pending) = (next, None);
    }

    /// Everything arrives, and adds up.
    fn ends(&mut self, bench: &Bench) {
        bench.pass_with(&mut self.edge, DAY);
        for _ in 0..60 {
            self.send(bench, Fate::Answered);
            let chains = &self.edge.journal().chains;
            if chains.iter().all(|chain| chain.settled == chain.head.seq) {
                break;
            }
        }
        for chain in &self.edge.journal().chains {
            assert_eq!(chain.settled, chain.head.seq, "all of it is on record");
        }
        let losses = losses(bench, &self.edge);
        let is_lost = |epoch: u32, seq: u64| {
            losses.iter().any(|(of, from, to)| *of == epoch && (*from..=*to).contains(&seq))
        };
        let expected: u128 =
            self.used.iter().filter(|((epoch, seq), _)| !is_lost(*epoch, *seq)).map(|(_, much)| much).sum();
        let booked: u128 = booked(bench, &self.edge);
        assert_eq!(booked, expected);
        agrees(bench, &self.edge);
    }
}

fn losses(bench: &Bench, edge: &Edge) -> Vec<(u32, u64, u64)> {
    let sql = "SELECT epoch, from_seq, to_seq FROM usage_losses WHERE device = ?1";
    let rows = bench.ask(sql, &[&edge.id().as_str()]);
    rows.iter()
        .map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap(), row[2].parse().unwrap()))
        .collect()
}

fn booked(bench: &Bench, edge: &Edge) -> u128 {
    let rows = bench.ask("SELECT quantity FROM usage_rollups WHERE device = ?1", &[&edge.id().as_str()]);
    rows.iter().map(|row| units(&row[0])).sum()
}

fn live(restores: bool, cases: u32, base: usize) {
    let mut bench = Bench::with(100_000, &[]);
    let steps = prop::collection::vec(step(restores), 0..60);
    let steps = (steps, 1..20_usize);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut ran = 0;
    let bench = std::cell::RefCell::new((&mut bench, &mut ran));
    let outcome = TestRunner::new(config).run(&steps, |(steps, batch_max)| {
        let (bench, ran) = &mut *bench.borrow_mut();
        **ran += 1;
        if **ran % base == 0 {
            // Another database, before the one that there is has grown slow.
            **bench = Bench::with(100_000, &[]);
        }
        let mut edge = bench.metering();
        edge.journal().batch_max = batch_max;
        let (old, used) = (Vec::new(), BTreeMap::new());
        let mut life = Life { edge, pending: None, old, backup: None, used };
        if restores {
            life.backup = Some(bench.backup());
        }
        steps.iter().for_each(|step| life.step(bench, *step));
        life.ends(bench);
        assert_eq!(
            number(bench, "SELECT count(*) FROM usage_forks"),
            0,
            "no honest device contradicts itself"
        );
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn what_was_used_is_in_the_sums_once_or_named_as_lost() {
    live(false, 60, 20);
}

#[test]
fn an_issuer_that_is_put_back_again_and_again_gets_all_that_the_device_still_has() {
    live(true, 60, 8);
}
