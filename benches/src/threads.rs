//! Two threads beside one: what decisions a second of both together are to those of one alone, 100 cameras.

use crate::decide::{BY_HANDLES, BY_NAMES, DASHMAP, DENSE_FLOOR, MOKA, OpenGate, STRING_FLOOR, dense_floor};
use crate::harness::{Pace, best_rate};
use crate::peers::{StringKey, dashmap, moka};
use crate::report::{Report, Sheet, Wanted, ratio};
use crate::scene::{self, FEATURE, Questions, SIZES, Turn};
use std::hint::black_box;

/// Windows are grouped: each group's best is compared, and the best group counts.
const GROUPS: usize = 7;

/// A contender's decisions a second in the best window: by one thread, by two.
fn rates(pace: Pace, work: &(impl Fn(usize) + Sync)) -> (f64, f64) {
    let windows = pace.thread_windows / GROUPS;
    let mut best = (0.0_f64, 0.0_f64);
    // In turns, so that a busy second does not hit one of the two alone.
    for _ in 0..GROUPS {
        best.0 = best.0.max(best_rate(1, windows, work));
        best.1 = best.1.max(best_rate(2, windows, work));
    }
    best
}

/// Asks again and again, each thread in its own order.
fn work<'a, Q: Sync, A>(questions: &'a [Q], ask: impl Fn(&'a Q) -> A + Sync) -> impl Fn(usize) + Sync {
    move |count| {
        let turn = Turn::of(questions);
        for _ in 0..count {
            black_box(ask(turn.next()));
        }
    }
}

pub fn measure(pace: Pace, report: &mut Report) {
    let dir = tempfile::tempdir().expect("a directory");
    let cameras = SIZES[0];
    let (claims, questions) = (scene::claims(cameras), Questions::of(cameras));
    let open = OpenGate::on(dir.path(), &claims, &questions);
    let (gate, feature, keys, now) = (&open.gate, open.feature, &questions.keys, scene::today().as_i64());
    let stored = scene::keys(cameras);
    let table = brink_license::Table::unverified(&claims);
    let bit = table.feature(FEATURE).number();
    let (floor, dense) = (StringKey::of(&stored, now), dense_floor(&claims, &table, cameras, now));
    let (dashmap, moka) = (dashmap(&stored), moka(&stored));

    let mut sheet = Sheet::new(
        "Two threads beside one, 100 cameras, best window",
        &["M/s by one", "M/s by two", "times"],
    );
    let mut compare = |name: &str, rates: (f64, f64)| {
        let (one, two) = rates;
        sheet.row([
            name.to_owned(),
            format!("{:.1}", one / 1e6),
            format!("{:.1}", two / 1e6),
            ratio(two / one),
        ]);
        two / one
    };
    eprintln!("measuring: two threads");
    compare(STRING_FLOOR, rates(pace, &work(keys, |key| floor.check(key))));
    compare(DENSE_FLOOR, rates(pace, &work(&questions.order, |index| dense.check(*index, bit))));
    let by_names =
        compare(BY_NAMES, rates(pace, &work(&questions.cameras, |name| gate.check(name, FEATURE))));
    let by_handles =
        compare(BY_HANDLES, rates(pace, &work(&open.cameras, |camera| gate.check_handles(*camera, feature))));
    compare(DASHMAP, rates(pace, &work(keys, |key| dashmap.get(key).map(|until| now < *until))));
    compare(MOKA, rates(pace, &work(keys, |key| moka.get(key).map(|until| now < until))));
    report.sheet(sheet);
    report.goal("two threads / one, Gate::check by strings", Wanted::AtLeast(1.7), by_names);
    report.goal("two threads / one, Gate::check_handles", Wanted::AtLeast(1.7), by_handles);
}
