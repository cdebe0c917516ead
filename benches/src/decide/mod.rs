//! "May this camera use this feature now?" by table size, beside the least that any such answer costs and beside what
//! else could be asked: cameras in a shuffled order, one thread.

mod wide;

use crate::harness::{Contender, Pace, Tails, Timed, race, tails};
use crate::peers::{Dense, Postgres, Redis, Sled, Sqlite, StringKey, dashmap, moka};
use crate::report::{Report, Sheet, Wanted, nanos, ratio};
use crate::scene::{self, FEATURE, Questions, SIZES, Turn};
use brink_license::Table;
use brink_license::token::LicenceClaims;
use brink_store::{CameraHandle, FeatureHandle, Gate, machine};
use brink_tests::forge;
use std::path::Path;
use wide::Wide;

pub const STRING_FLOOR: &str = "floor: one string key";
pub const DENSE_FLOOR: &str = "floor: dense index, row, bit";
pub const BY_NAMES: &str = "Gate::check by strings";
pub const BY_HANDLES: &str = "Gate::check_handles";
pub const DASHMAP: &str = "DashMap";
pub const MOKA: &str = "moka";
/// From here on a contender is compared by its single calls.
const SLOW_NANOS: f64 = 1000.0;
const TABLE_BY_NAMES: &str = "Brink by strings, held as a gate holds it";
const TABLE_BY_HANDLES: &str = "Brink by handles, held as a gate holds it";
const SLED: &str = "sled get";
const SQLITE: &str = "SQLite SELECT, prepared";
const REDIS: &str = "Redis GET, unix socket";
const POSTGRES: &str = "PostgreSQL SELECT, unix socket";

/// A gate that is open on a published bundle, with handles in the order of the questions.
pub struct OpenGate {
    pub gate: Gate,
    pub cameras: Vec<CameraHandle>,
    pub feature: FeatureHandle,
}

impl OpenGate {
    pub fn on(dir: &Path, claims: &LicenceClaims, questions: &Questions) -> Self {
        let path = dir.join("licence.bundle");
        let boot = machine::boot_id().expect("a boot id");
        std::fs::write(&path, scene::bundle(claims, boot)).expect("a file");
        let gate = Gate::open(path, forge::anchor()).expect("a gate");
        let cameras = questions.cameras.iter().map(|name| gate.camera(name).expect("a handle")).collect();
        let feature = gate.feature(FEATURE).expect("a handle");
        let open = Self { gate, cameras, feature };
        let names = questions.cameras.iter().filter(|name| open.gate.check(name, FEATURE).allowed).count();
        let handles = open.cameras.iter().filter(|camera| open.gate.check_handles(**camera, feature).allowed);
        let wanted = questions.order.iter().filter(|index| *index % 3 != 0).count();
        assert_eq!(
            (names, handles.count()),
            (wanted, wanted),
            "two of three, or nothing below means anything"
        );
        open
    }
}

/// The floor by place, of the same grants.
pub fn dense_floor(claims: &LicenceClaims, table: &Table, cameras: usize, now: i64) -> Dense {
    let rows = (0..cameras).map(|index| table.camera(&scene::camera(index)).number()).collect();
    let has = |row: usize| {
        claims.grants[row].packs.iter().any(|pack| claims.packs[pack].iter().any(|f| f == FEATURE))
    };
    let bit = table.feature(FEATURE).number() % u64::BITS;
    let bits = (0..claims.grants.len()).map(|row| u64::from(has(row)) << bit).collect();
    Dense::of(rows, bits, now)
}

pub fn measure(pace: Pace, report: &mut Report) {
    for cameras in SIZES {
        measure_size(cameras, pace, report);
    }
}

fn measure_size(cameras: usize, pace: Pace, report: &mut Report) {
    eprintln!("filling {cameras} cameras");
    let dir = tempfile::tempdir().expect("a directory");
    let (claims, questions) = (scene::claims(cameras), Questions::of(cameras));
    let pace = if cameras == SIZES[0] { pace } else { pace.longer() };
    let (keys, stored) = (&questions.keys, scene::keys(cameras));
    let wide = Wide::of(&claims, &questions);
    let now = scene::today().as_i64();
    let (string_floor, dense) =
        (StringKey::of(&stored, now), dense_floor(&claims, wide.table(), cameras, now));
    let bit = wide.table().feature(FEATURE).number();
    let gate = (cameras == SIZES[0]).then(|| OpenGate::on(dir.path(), &claims, &questions));
    let (dashmap, moka) = (dashmap(&stored), moka(&stored));
    let (sled, sqlite) = (Sled::filled(dir.path(), &stored), Sqlite::filled(dir.path(), &stored));
    let mut select = sqlite.question();
    let mut redis = Redis::filled(dir.path(), &stored).map_err(|e| report.missing(e)).ok();
    let mut postgres = Postgres::filled(&stored).map_err(|e| report.missing(e)).ok();

    let mut contenders = vec![
        Contender::new(STRING_FLOOR, asking(keys, |key| string_floor.check(key))),
        Contender::new(TABLE_BY_NAMES, asking(&questions.cameras, |camera| wide.check(camera, FEATURE))),
        Contender::new(DENSE_FLOOR, asking(&questions.order, |index| dense.check(*index, bit))),
        Contender::new(TABLE_BY_HANDLES, asking(&questions.order, |index| wide.check_at(*index, 0))),
    ];
    if let Some(open) = &gate {
        let (gate, feature) = (&open.gate, open.feature);
        contenders
            .push(Contender::new(BY_NAMES, asking(&questions.cameras, |name| gate.check(name, FEATURE))));
        let by_handle = move |camera: &CameraHandle| gate.check_handles(*camera, feature);
        contenders.push(Contender::new(BY_HANDLES, asking(&open.cameras, by_handle)));
    }
    contenders.extend([
        Contender::new(DASHMAP, asking(keys, |key| dashmap.get(key).map(|until| now < *until))),
        Contender::new(MOKA, asking(keys, |key| moka.get(key).map(|until| now < until))),
        Contender::new(SLED, asking(keys, |key| sled.ask(key))),
        Contender::new(SQLITE, asking(keys, |key| Sqlite::ask(&mut select, key))),
    ]);
    if let Some(redis) = &mut redis {
        contenders.push(Contender::new(REDIS, asking(keys, |key| redis.ask(key))));
    }
    if let Some(postgres) = &mut postgres {
        contenders.push(Contender::new(POSTGRES, asking(keys, |key| postgres.ask(key))));
    }
    let title = format!("decide, {cameras} cameras");
    let timed = race(&title, pace, &mut contenders);
    let tails = tails(pace, &mut contenders, &timed);
    let sizes: Vec<Measured> = timed.into_iter().zip(tails).map(Measured::of).collect();
    show(cameras, &sizes, report);
    if gate.is_some() {
        goals(&sizes, report);
    }
}

/// One contender at one size.
struct Measured {
    timed: Timed,
    tails: Tails,
    /// The figure that is compared.
    nanos: f64,
}

impl Measured {
    /// The median window, which no clock reading disturbs. Where a call takes so long that few fit into a window, and
    /// another process shares it, the median single call: windows would measure who else wants the cores.
    fn of((timed, tails): (Timed, Tails)) -> Self {
        let nanos = if tails.p50 >= SLOW_NANOS { tails.p50 } else { timed.p50 };
        Self { timed, tails, nanos }
    }
}

fn asking<'a, Q, A>(questions: &'a [Q], mut ask: impl FnMut(&'a Q) -> A + 'a) -> impl FnMut() -> A + 'a {
    let turn = Turn::of(questions);
    move || ask(turn.next())
}

fn show(cameras: usize, all: &[Measured], report: &mut Report) {
    let columns = ["best tenth", "p50", "single p50", "p99", "p99.9", "in a batch"];
    let mut sheet = Sheet::new(format!("Decide, {cameras} cameras, one thread"), &columns);
    for Measured { timed, tails, nanos: compared } in all {
        let [best, p50, single, p99, p999] =
            [timed.best, timed.p50, tails.p50, tails.p99, tails.p999].map(nanos);
        sheet.row([timed.name.to_owned(), best, p50, single, p99, p999, tails.batch.to_string()]);
        if timed.name != BY_NAMES && timed.name != BY_HANDLES {
            report.point(timed.name, cameras, *compared);
        }
    }
    report.sheet(sheet);
}

fn goals(all: &[Measured], report: &mut Report) {
    let of = |name: &str| all.iter().find(|one| one.timed.name == name).map_or(f64::NAN, |one| one.nanos);
    let (by_names, by_handles) = (of(BY_NAMES), of(BY_HANDLES));
    let name = "Gate::check by strings, 100 cameras / one-string-key floor";
    report.goal(name, Wanted::AtMost(2.0), by_names / of(STRING_FLOOR));
    let name = "Gate::check_handles, 100 cameras / dense floor";
    report.goal(name, Wanted::AtMost(2.0), by_handles / of(DENSE_FLOOR));
    if of(REDIS).is_nan() {
        report.missing("the goal of Redis / Gate::check, without Redis".to_owned());
    } else {
        let name = "Redis on a unix socket / Gate::check by strings";
        report.goal(name, Wanted::AtLeast(400.0), of(REDIS) / by_names);
    }
    let mut sheet = Sheet::new("Beside the gate, 100 cameras", &["x by strings", "x by handles"]);
    for one in all {
        let times = [by_names, by_handles].map(|ours| ratio(one.nanos / ours));
        sheet.row(std::iter::once(one.timed.name.to_owned()).chain(times));
    }
    report.sheet(sheet);
}
