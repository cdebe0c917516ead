//! Recording usage: eight producers whose uses become records of their own, beside the same rows written by SQLite alone
//! under the same scheme of leader and followers; and what counting from memory takes on the caller's thread.
//!
//! The peer is the least that a durable group commit can be: one prepared insert for each use, one transaction for
//! whoever waits, no chain, no sums, no quotas. Both sync; both share a file system and take turns.

use crate::harness::Pace;
use crate::report::{Report, Sheet, Wanted, nanos, ratio};
use brink_license::token::{Enforce, Over, Period};
use brink_license::{ResourceId, Slug};
use brink_store::{Meter, MeterLine};
use brink_tests::metered::{Metered, quota, slug, units};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

const PRODUCERS: usize = 8;
/// What a record of the product takes, about.
const ROW_BYTES: usize = 200;
const GROUP_MAX: usize = 256;
const TURNS: usize = 7;
/// Uses counted between two flushes: fewer than can wait.
const BATCH: u32 = 1024;
const LIMIT: u64 = 1 << 40;

/// SQLite alone, with a queue in front of it.
struct Bare {
    conn: Mutex<Connection>,
    queue: Mutex<Queue>,
    turned: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: u64,
    /// How many have come, and how many of them are durable.
    come: u64,
    done: u64,
    is_led: bool,
}

impl Bare {
    fn at(path: &Path) -> Self {
        let conn = Connection::open(path).expect("a database");
        conn.pragma_update(None, "journal_mode", "WAL").expect("a log");
        conn.pragma_update(None, "synchronous", "FULL").expect("a sync");
        conn.execute_batch("CREATE TABLE records (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT")
            .expect("a table");
        Self { conn: Mutex::new(conn), queue: Mutex::default(), turned: Condvar::new() }
    }

    fn record(&self) {
        let mut queue = self.queue.lock().expect("a queue");
        queue.come += 1;
        queue.waiting += 1;
        let mine = queue.come;
        while queue.done < mine {
            if queue.is_led {
                queue = self.turned.wait(queue).expect("a queue");
                continue;
            }
            queue.is_led = true;
            let group = queue.waiting.min(GROUP_MAX as u64);
            queue.waiting -= group;
            drop(queue);
            self.commit(group);
            queue = self.queue.lock().expect("a queue");
            queue.done += group;
            queue.is_led = false;
            self.turned.notify_all();
        }
    }

    fn commit(&self, group: u64) {
        let mut conn = self.conn.lock().expect("a database");
        let transaction =
            conn.transaction_with_behavior(TransactionBehavior::Immediate).expect("a transaction");
        let mut insert =
            transaction.prepare_cached("INSERT INTO records (bytes) VALUES (?1)").expect("a statement");
        for _ in 0..group {
            insert.execute(params![[7u8; ROW_BYTES]]).expect("a row");
        }
        drop(insert);
        transaction.commit().expect("a commit");
    }
}

/// Uses a second of all producers together.
fn rate(time: Duration, one: &(impl Fn(usize) + Sync)) -> f64 {
    let (done, end) = (AtomicU64::new(0), AtomicBool::new(false));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let (done, end) = (&done, &end);
            scope.spawn(move || {
                while !end.load(Ordering::Relaxed) {
                    one(producer);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (_open, nothing) = channel::<()>();
        let _ = nothing.recv_timeout(time);
        end.store(true, Ordering::Relaxed);
    });
    done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

fn median(mut found: Vec<f64>) -> f64 {
    found.sort_by(f64::total_cmp);
    found[found.len() / 2]
}

pub fn measure(pace: Pace, report: &mut Report) {
    eprintln!("measuring: usage");
    let dir = tempfile::tempdir().expect("a directory");
    let quotas = vec![quota("frame", LIMIT, Period::Month, Over::Deny)];
    let device = Metered::activate(&dir.path().join("edge"), quotas, Enforce::Deny);
    let (_gate, meter) = device.host();
    durable(pace, &meter, dir.path(), report);
    from_memory(pace, &meter, report);
}

/// A quarter of the whole time for each turn of each.
fn durable(pace: Pace, meter: &Meter, dir: &Path, report: &mut Report) {
    let bare = Bare::at(&dir.join("bare.db"));
    let of = |number: usize| ResourceId::parse(&format!("cam-{number}")).expect("a name");
    let cameras: Vec<ResourceId> = (0..PRODUCERS).map(of).collect();
    let record = |name: Slug| {
        let cameras = &cameras;
        move |producer: usize| {
            meter.record(&name, Some(&cameras[producer]), units(1)).expect("a record");
        }
    };
    let (free, firm) = (record(slug("api_call")), record(slug("frame")));
    let mut rates: [Vec<f64>; 3] = Default::default();
    for _ in 0..TURNS {
        rates[0].push(rate(pace.tails, &|_| bare.record()));
        rates[1].push(rate(pace.tails, &free));
        rates[2].push(rate(pace.tails, &firm));
    }
    let [bare, free, firm] = rates.map(median);
    let mut sheet = Sheet::new(
        format!("Durable uses by {PRODUCERS} producers, each its own resource, median of {TURNS} turns"),
        &["a second", "of the peer"],
    );
    for (name, rate) in [
        ("bare rusqlite, same leader and followers", bare),
        ("record, without a quota", free),
        ("record, under a quota that refuses", firm),
    ] {
        sheet.row([name.to_owned(), format!("{rate:.0}"), ratio(rate / bare)]);
    }
    report.sheet(sheet);
    report.goal("record, 8 producers / bare rusqlite", Wanted::AtLeast(0.7), free / bare);
}

/// The median batch's mean call, flushed untimed in between.
fn from_memory(pace: Pace, meter: &Meter, report: &mut Report) {
    let camera = ResourceId::parse("cam-0").expect("a name");
    let lines = ["api_call", "frame"].map(|name| meter.line(&slug(name), Some(&camera)).expect("a line"));
    let batch = |line: MeterLine| {
        let start = Instant::now();
        for _ in 0..BATCH {
            meter.record_nowait(line, units(1)).expect("room");
        }
        let took = start.elapsed().as_nanos() as f64 / f64::from(BATCH);
        meter.flush().expect("a flush");
        took
    };
    let mut took: [Vec<f64>; 2] = Default::default();
    for _ in 0..pace.windows {
        took[0].push(batch(lines[0]));
        took[1].push(batch(lines[1]));
    }
    let [free, firm] = took.map(median);
    let title = format!("record_nowait on the caller's thread, batches of {BATCH}, {} of them", pace.windows);
    let mut sheet = Sheet::new(title, &["p50"]);
    sheet.row(["without a quota".to_owned(), nanos(free)]);
    sheet.row(["under a quota that refuses".to_owned(), nanos(firm)]);
    report.sheet(sheet);
    report.figure("record_nowait on the caller's thread", Wanted::AtMost(300.0), firm, " ns");
}
