//! Usage of devices into the issuer's books: whole requests through `Issuer::answer`, with their signatures, chains, sums and
//! receipts, beside a COPY of the same raw rows into the same schema on the same server.
//!
//! Devices make their requests and take up their answers untimed. Both sides take turns, round by round, each round a batch
//! of every device. Neither syncs: the server's data lies in memory.

mod copy;
mod device;

use crate::harness::Pace;
use crate::peers::postgres::Cluster;
use crate::peers::server::{TICKS_A_SECOND, ticks_of};
use crate::report::{Report, Sheet, Wanted, nanos, ratio};
use brink_issuer::Issuer;
use brink_issuer::admin::{Admin, CodeOrder, TenantOrder};
use brink_issuer::catalog::Catalog;
use brink_issuer::clock::Clock;
use brink_issuer::code::CodeEnd;
use brink_issuer::config::DataDir;
use brink_issuer::founding::found;
use brink_issuer::storage::postgres::PostgresStorage;
use brink_issuer::storage::sqlite::SqliteStorage;
use brink_issuer::storage::{Actor, AdminKeyRow, AnswerKind, Founding, Storage, Tier, UpkeepOrder};
use brink_issuer::subscription::SubscriptionOrder;
use brink_license::UnixSeconds;
use brink_license::keyset::TrustAnchor;
use brink_license::token::Enforce;
use copy::{Copies, Rows};
use device::Device;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TENANT: &str = "tenant-1";
/// 2026-03-01T00:00:00Z.
const START: i64 = 1_772_323_200;
/// Requests at once, as a busy server has them.
const THREADS: usize = 32;
const DEVICES: usize = 96;
/// Records of a batch: what a device sends at most while it has no backlog, and a few.
const LARGE: usize = 1000;
const SMALL: usize = 10;

/// It stands still: nothing but the batches changes from round to round.
struct Still;

impl Clock for Still {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(START + 3600)
    }
}

fn make_partitions(storage: &dyn Storage) {
    storage.keep_up(&UpkeepOrder { now: Still.now(), raw_days: None }).expect("partitions");
}

/// An issuer with devices.
struct Site {
    issuer: Issuer,
    devices: Vec<Mutex<Device>>,
    /// What activating all of them took.
    activated: Duration,
}

impl Site {
    fn open(dir: &Path, (storage, anchor): (Arc<dyn Storage>, TrustAnchor), threads: usize) -> Self {
        let data = DataDir::new(dir.join("issuer"));
        let (clock, actor) = (Arc::new(Still), Actor("bench".into()));
        let catalog = || Catalog::embedded().expect("a catalogue");
        let admin = Admin { storage: Arc::clone(&storage), catalog: catalog(), clock: clock.clone(), actor };
        let tenant: brink_license::TenantId = TENANT.parse().expect("an id");
        let (name, timezone, currency) = ("Acme".into(), "Europe/Berlin".into(), "EUR".into());
        admin.create_tenant(TenantOrder { id: tenant.clone(), name, timezone, currency }).expect("a tenant");
        let order = SubscriptionOrder {
            cameras: Some(1000),
            packs: Vec::new(),
            items: Vec::new(),
            prices: Vec::new(),
            trial: false,
            enforce: Enforce::Deny,
            days: 30,
            grace_days: 7,
            offline_max_days: 30,
        };
        admin.set_subscription(&tenant, &order).expect("a subscription");
        let uses = DEVICES as u32;
        let code = CodeOrder { tenant, tier: Tier::Basic, uses, expires: CodeEnd::Hours(168) };
        let code = admin.create_code(&code).expect("a code");
        let issuer = Issuer::open(&data, (storage, clock), catalog(), None).expect("an issuer");
        let device = |number| {
            let key = dir.join(format!("device-{number}.key"));
            Mutex::new(Device::new(&key, anchor.clone(), Still.now().as_i64() * 1000))
        };
        let mut site =
            Self { issuer, devices: (0..DEVICES).map(device).collect(), activated: Duration::ZERO };
        let requests: Vec<_> = site
            .devices
            .iter()
            .map(|device| device.lock().expect("it").activation(code.code.reveal()))
            .collect();
        site.activated = site.answer(&requests, (AnswerKind::Activate, threads));
        site
    }

    /// Answers a request of every device, which take up their answers behind that.
    fn answer(&self, requests: &[Vec<u8>], (kind, threads): (AnswerKind, usize)) -> Duration {
        let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((at, request)) = {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        requests.get(at).map(|request| (at, request))
                    } {
                        let answer = self.issuer.answer(request, Some(kind)).expect("an answer");
                        answers.lock().expect("a list").push((at, answer));
                    }
                });
            }
        });
        let took = start.elapsed();
        for (at, answer) in answers.into_inner().expect("a list") {
            self.devices[at].lock().expect("it").accept(&answer);
        }
        took
    }

    /// The same requests again, which are answered as they were.
    fn replay(&self, requests: &[Vec<u8>], threads: usize) -> Duration {
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.issuer.answer(request, Some(AnswerKind::Exchange)).expect("an answer");
                    }
                });
            }
        });
        start.elapsed()
    }

    /// The next request of every device, and its raw rows.
    fn round(&self, records: usize) -> (Vec<Vec<u8>>, Vec<Rows>) {
        let of = |device: &Mutex<Device>| {
            let mut device = device.lock().expect("it");
            let (request, bytes) = device.exchange(records);
            let (device, first_seq) = (device.id().to_string(), device.last_seq() + 1 - bytes.len() as u64);
            let received_ms = Still.now().as_i64() * 1000 + 999;
            (request, Rows { device, first_seq, received_ms, records: bytes })
        };
        self.devices.iter().map(of).unzip()
    }
}

/// Processor seconds of this process.
fn own_cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    ticks_of(&stat).map_or(0.0, |(_, ticks)| ticks as f64 / TICKS_A_SECOND)
}

/// Rows of one contender, the time they took, and the processor seconds of this process and of the server.
#[derive(Clone, Copy, Default)]
struct Taken {
    rows: usize,
    time: Duration,
    own: f64,
    server: f64,
}

impl Taken {
    fn add(&mut self, cluster: &Cluster, rows: usize, work: impl FnOnce() -> Duration) {
        let before = (own_cpu_seconds(), cluster.cpu_seconds());
        self.time += work();
        self.rows += rows;
        self.own += own_cpu_seconds() - before.0;
        self.server += cluster.cpu_seconds() - before.1;
    }

    fn rate(&self) -> f64 {
        self.rows as f64 / self.time.as_secs_f64()
    }

    fn cells(&self, best: f64) -> [String; 5] {
        let each = |seconds: f64| nanos(seconds * 1e9 / self.rows as f64);
        let (rate, time) = (self.rate(), self.time.as_secs_f64());
        [format!("{rate:.0}"), each(time), each(self.own), each(self.server), ratio(rate / best)]
    }
}

/// A founded directory in `dir`, with its database in a file.
fn founded(dir: &Path) -> (DataDir, TrustAnchor) {
    let data = DataDir::new(dir.join("issuer"));
    let name = "dev-bench".parse().expect("a name");
    let founded = found(&data, name, (true, None), Still.now()).expect("an issuer");
    (data, founded.anchor)
}

/// The same keys on a server.
fn on_server(dir: &Path, cluster: &Cluster) -> (Arc<dyn Storage>, TrustAnchor) {
    let (data, anchor) = founded(dir);
    let file = SqliteStorage::open(&data.database()).expect("a database");
    let mut first = cluster.config("postgres").connect(postgres::NoTls).expect("a connection");
    first.batch_execute("CREATE DATABASE issuer").expect("a database");
    let url = cluster.url("issuer").parse().expect("an address");
    let storage = PostgresStorage::create(&url).expect("a schema");
    let admin_key = AdminKeyRow { id: "bench".into(), secret_sha256: [1; 32], scopes: "*".into() };
    let (issuer, mut manifests) = (file.issuer().expect("a name"), file.manifests().expect("a manifest"));
    let founding = Founding { issuer, manifest: manifests.remove(0), admin_key };
    storage.found(&founding).expect("an issuer");
    make_partitions(&storage);
    (Arc::new(storage), anchor)
}

pub fn measure(pace: Pace, report: &mut Report) {
    eprintln!("measuring: ingest");
    let cluster = match Cluster::begun(&["max_connections=100"]) {
        Ok(cluster) => cluster,
        Err(words) => return report.missing(words),
    };
    let dir = tempfile::tempdir().expect("a directory");
    let site = Site::open(dir.path(), on_server(dir.path(), &cluster), THREADS);
    for records in [LARGE, SMALL] {
        let measured = Measured::of(pace, &site, (&cluster, records));
        report.sheet(measured.sheet(records));
        if records == LARGE {
            let (ingest, replay) = (measured.ingest.rate(), measured.replay.rate());
            report.goal(BESIDE_COPY, Wanted::AtLeast(0.5), ingest / measured.best());
            report.goal(REPLAYED, Wanted::AtLeast(10.0), replay / ingest);
        }
    }
    report.sheet(minted(&site));
}

const BESIDE_COPY: &str = "issuer's ingest on PostgreSQL / the fastest COPY of the same rows";
const REPLAYED: &str = "a request that is sent again / its first delivery";

/// What came of rounds.
#[derive(Default)]
struct Measured {
    ingest: Taken,
    replay: Taken,
    /// By one connection in one transaction, by one in batches, and by as many as there are threads in batches.
    copies: [Taken; 3],
}

impl Measured {
    fn of(pace: Pace, site: &Site, (cluster, records): (&Cluster, usize)) -> Self {
        let copies = [("once", 1), ("one", 1), ("many", THREADS)];
        let copies = copies.map(|(name, many)| Copies::into(cluster, &format!("{name}_{records}"), many));
        let (mut found, count) = (Self::default(), DEVICES * records);
        // Small batches take too little time for one of each device.
        let rounds = if records < LARGE { pace.rounds * 4 } else { pace.rounds };
        for round in 0..=rounds {
            let (requests, rows) = site.round(records);
            found.ingest.add(cluster, count, || site.answer(&requests, (AnswerKind::Exchange, THREADS)));
            found.copies[0].add(cluster, count, || copies[0].at_once(&rows));
            found.copies[1].add(cluster, count, || copies[1].by_batch(&rows));
            found.copies[2].add(cluster, count, || copies[2].by_batch(&rows));
            found.replay.add(cluster, count, || site.replay(&requests, THREADS));
            if round == 0 {
                // It prepared statements and filled caches.
                found = Self::default();
            }
        }
        found
    }

    /// Of the fastest COPY.
    fn best(&self) -> f64 {
        self.copies.iter().map(Taken::rate).fold(0.0, f64::max)
    }

    fn sheet(&self, records: usize) -> Sheet {
        let title =
            format!("Usage of {DEVICES} devices in batches of {records}, {THREADS} at once, a record");
        let columns = ["a second", "time", "CPU here", "CPU server", "of the peer"];
        let mut sheet = Sheet::new(title, &columns);
        let [once, one, many] = &self.copies;
        for (name, taken) in [
            ("COPY, everything in one transaction".to_owned(), once),
            ("COPY, a transaction a batch, one connection".to_owned(), one),
            (format!("COPY, a transaction a batch, {THREADS} connections"), many),
            ("Issuer::answer: verified, chained, booked, signed".to_owned(), &self.ingest),
            ("the same requests once more".to_owned(), &self.replay),
        ] {
            sheet.row(std::iter::once(name).chain(taken.cells(self.best())));
        }
        sheet
    }
}

/// Activations: each mints a licence, durably.
fn minted(site: &Site) -> Sheet {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, anchor) = founded(dir.path());
    let storage: Arc<dyn Storage> = Arc::new(SqliteStorage::open(&data.database()).expect("a database"));
    let beside = Site::open(dir.path(), (storage, anchor), 1);
    let mut sheet = Sheet::new(format!("{DEVICES} activations, each with its licence"), &["a second"]);
    for (name, site) in [
        (format!("PostgreSQL, no sync, {THREADS} at once"), site),
        ("SQLite, synced, one at a time".to_owned(), &beside),
    ] {
        sheet.row([name, format!("{:.0}", DEVICES as f64 / site.activated.as_secs_f64())]);
    }
    sheet
}
