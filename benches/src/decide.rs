//! "May this camera use this feature now?" by strings, 100 cameras, beside the least that any such answer costs and
//! beside Redis on a unix socket.

use crate::harness::{Contender, Goal, Wanted, race};
use crate::redis::Redis;
use arc_swap::ArcSwap;
use brink_license::token::{LicenceClaims, LicenceStanding};
use brink_store::{Gate, machine};
use brink_tests::forge::{self, DAY};
use hashbrown::HashMap;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const CAMERAS: usize = 100;
const FEATURE: &str = "analytics/near_miss";

/// The floor: one look-up of one ready-made key, behind the same swap and the same cached time.
struct Floor {
    table: ArcSwap<HashMap<String, i64, foldhash::fast::RandomState>>,
    now: AtomicI64,
}

impl Floor {
    fn new(keys: &[String], until: i64, now: i64) -> Self {
        let table = keys.iter().map(|key| (key.clone(), until)).collect();
        Self { table: ArcSwap::new(Arc::new(table)), now: AtomicI64::new(now) }
    }

    fn check(&self, key: &str) -> bool {
        let now = self.now.load(Ordering::Acquire);
        self.table.load().get(key).is_some_and(|until| now < *until)
    }
}

/// Asks for another camera each time, as a host with many cameras does.
fn in_turn<'a>(items: &'a [String], next: &Cell<usize>) -> &'a str {
    let at = next.get();
    next.set(if at + 1 == items.len() { 0 } else { at + 1 });
    &items[at]
}

fn open_gate(dir: &std::path::Path) -> Gate {
    let now = machine::read().expect("a clock");
    // In force today, and never before the forge's own keyset was issued.
    let iat = now.wall.max(forge::at(0));
    let claims =
        LicenceClaims { iat, nbf: iat, exp: iat.saturating_add(30 * DAY), ..forge::licence(CAMERAS) };
    let receipt = forge::receipt(&claims, 1, iat.since(forge::at(0)), LicenceStanding::Active);
    let path = dir.join("licence.bundle");
    std::fs::write(&path, forge::bundle(&claims, &receipt, now.boot).encode().expect("a bundle"))
        .expect("a file");
    Gate::open(path, forge::anchor()).expect("a gate")
}

pub fn measure() -> Vec<Goal> {
    let dir = tempfile::tempdir().expect("a directory");
    let gate = open_gate(dir.path());
    let cameras: Vec<String> = (0..CAMERAS).map(|i| format!("cam-{i:03}")).collect();
    let allowed = cameras.iter().filter(|camera| gate.check(camera, FEATURE).allowed).count();
    assert_eq!(allowed, CAMERAS / 2, "every second camera has the pack, or nothing below means anything");

    let keys: Vec<String> = cameras.iter().map(|camera| format!("{camera}|{FEATURE}")).collect();
    let floor = Floor::new(&keys, i64::MAX, gate.now().as_i64());
    let mut redis = Redis::start(dir.path());
    redis.fill(&keys);

    let (next, next_key, next_redis) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let medians = race(
        "decide by strings, 100 cameras in turn, one thread",
        vec![
            Contender::new("floor: one string key, arc-swap, foldhash, cached clock", || {
                floor.check(in_turn(&keys, &next_key))
            }),
            Contender::new("Gate::check(camera, feature)", || gate.check(in_turn(&cameras, &next), FEATURE)),
            Contender::new("Redis GET on a unix socket", || redis.exchange(in_turn(&keys, &next_redis))),
        ],
    );
    let [floor, ours, redis] = medians[..] else { unreachable!("three contenders") };
    vec![
        Goal {
            name: "Gate::check by strings / one-string-key floor",
            wanted: Wanted::AtMost(2.0),
            measured: ours / floor,
        },
        Goal {
            name: "Redis on a unix socket / Gate::check by strings",
            wanted: Wanted::AtLeast(400.0),
            measured: redis / ours,
        },
    ]
}
