//! Usage at the issuer, as others see it: finance at the command line, and whoever adds up or verifies again with
//! programs of their own.

mod duckdb;
mod localstripe;
mod program;
mod pyjwt;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use brink_issuer::Issuer;
use brink_issuer::admin::{Admin, CodeOrder, TenantOrder};
use brink_issuer::catalog::Catalog;
use brink_issuer::clock::Clock;
use brink_issuer::code::CodeEnd;
use brink_issuer::config::DataDir;
use brink_issuer::founding::found;
use brink_issuer::storage::sqlite::SqliteStorage;
use brink_issuer::storage::{Actor, AnswerKind, Storage, Tier};
use brink_issuer::subscription::SubscriptionOrder;
use brink_license::clock::BootId;
use brink_license::exchange::{
    ClientReport, EXCHANGE_PATH, ExchangeRequest, ExchangeResponse, RequestBody, RequestKind, body_sha256,
    ratchet_mac,
};
use brink_license::token::{CheckpointClaims, Enforce, RequestClaims};
use brink_license::usage::{
    Batch, ChainReport, Entry, Folding, Genesis, Head, MeterTotal, Moment, Quantity, Record, Recovery, Usage,
    UsageSection, batch_sha256,
};
use brink_license::{DeviceId, IssuerName, Slug, Typ, UnixSeconds, b64};
use brink_tests::World;
use brink_tests::by_hand::Activation;
use brink_tests::forge::Key;

pub(crate) const TENANT: &str = "tenant-123";
/// 2026-03-01T00:00:00Z.
const START: i64 = 1_772_323_200;

struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.0.load(Ordering::SeqCst))
    }
}

/// An issuer in this process, whose clock is turned; its directory is for the real program as well.
pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) issuer: Issuer,
    pub(crate) admin: Admin,
    clock: Arc<Turned>,
    data: DataDir,
}

impl Office {
    pub(crate) fn new() -> Office {
        let world = World::new();
        let (data, clock) = (DataDir::new(world.path("issuer")), Arc::new(Turned(AtomicI64::new(START))));
        found(&data, "dev-acme".parse().unwrap(), (true, None), clock.now()).unwrap();
        let storage: Arc<dyn Storage> = Arc::new(SqliteStorage::open(&data.database()).unwrap());
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let catalog = || Catalog::embedded().unwrap();
        let parts = (Arc::clone(&storage), Arc::clone(&shared));
        let issuer = Issuer::open(&data, parts, catalog(), None).unwrap();
        let admin = Admin { storage, catalog: catalog(), clock: shared, actor: Actor("test".into()) };
        let tenant = TenantOrder {
            id: TENANT.parse().unwrap(),
            name: "Acme".into(),
            timezone: "Australia/Adelaide".into(),
            currency: "EUR".into(),
        };
        admin.create_tenant(tenant).unwrap();
        let order = SubscriptionOrder {
            cameras: Some(10),
            packs: Vec::new(),
            items: Vec::new(),
            prices: Vec::new(),
            trial: false,
            enforce: Enforce::Deny,
            days: 30,
            grace_days: 7,
            offline_max_days: 30,
        };
        admin.set_subscription(&TENANT.parse().unwrap(), &order).unwrap();
        Office { world, issuer, admin, clock, data }
    }

    /// The real program on the same directory.
    pub(crate) fn program(&self) -> brink_tests::Issuer {
        brink_tests::Issuer::at(self.data.path().to_owned())
    }

    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.data.database()
    }

    /// A device with this key, activated.
    pub(crate) fn meter(&self, key: Key) -> Meter {
        let order = CodeOrder {
            tenant: TENANT.parse().unwrap(),
            tier: Tier::Basic,
            uses: 1,
            expires: CodeEnd::Hours(168),
        };
        let made = self.admin.create_code(&order).unwrap();
        let request = Activation::new("dev-acme", key, made.code.reveal()).seal();
        let answer = self.issuer.answer(&request, Some(AnswerKind::Activate)).unwrap();
        let response = ExchangeResponse::decode(&answer).unwrap();
        Meter::new(key, made.devices[0].clone(), (&response, self.clock.now()))
    }

    /// Time goes on here and there.
    pub(crate) fn pass(&self, meter: &mut Meter, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
        meter.clock.boottime_ms += seconds * 1000;
        meter.clock.wall_ms += seconds * 1000;
        meter.clock.est_ms += seconds * 1000;
    }

    /// One exchange with everything that waits, or the first 10,000 records of it.
    pub(crate) fn exchange(&self, meter: &mut Meter) {
        let request = meter.request();
        let answer = self.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap();
        meter.take(&ExchangeResponse::decode(&answer).unwrap());
    }
}

fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&b64::decode(payload.as_bytes()).unwrap()).unwrap()
}

/// A device by hand that meters: one chain, on real keys.
pub(crate) struct Meter {
    key: Key,
    pub(crate) device: DeviceId,
    clock: Moment,
    epoch: u32,
    ctr: u64,
    ratchet: [u8; 32],
    receipt: String,
    head: Head,
    settled: u64,
    recoveries: u32,
    totals: BTreeMap<Slug, MeterTotal>,
    waiting: Vec<(Record, Vec<u8>)>,
}

impl Meter {
    fn new(key: Key, device: DeviceId, (response, now): (&ExchangeResponse, UnixSeconds)) -> Meter {
        let wall_ms = now.as_i64() * 1000;
        let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        let told = claims(&response.receipt);
        let epoch = u32::try_from(told["epoch"].as_u64().unwrap()).unwrap();
        let genesis = Genesis::new(device.clone(), epoch, key.public().kid());
        Meter {
            key,
            device,
            clock: Moment { boot, boottime_ms: 0, wall_ms, est_ms: wall_ms },
            epoch,
            ctr: 1,
            ratchet: response.next_ratchet,
            receipt: response.receipt.clone(),
            head: genesis.head(),
            settled: 0,
            recoveries: 0,
            totals: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    /// One use; an empty resource is the device as a whole.
    pub(crate) fn uses(&mut self, meter: &str, resource: &str, quantity: &str) {
        let meter: Slug = meter.parse().unwrap();
        let quantity: Quantity = quantity.parse().unwrap();
        let after = MeterTotal::with(self.totals.get(&meter), (quantity, 1), self.clock.est_ms).unwrap();
        let total = after.total;
        self.totals.insert(meter.clone(), after);
        let resource = resource.parse().ok();
        self.append(Entry::Usage(Usage { meter, resource, quantity, count: 1, total }), 1);
    }

    /// A use whose total contradicts those before.
    pub(crate) fn contradicts(&mut self, meter: &str) {
        let (quantity, total) = (Quantity::whole(5), Quantity::whole(1));
        let usage = Usage { meter: meter.parse().unwrap(), resource: None, quantity, count: 1, total };
        self.append(Entry::Usage(usage), 1);
    }

    /// Its journal was damaged and goes on behind so many numbers that were given.
    pub(crate) fn recovers(&mut self, lost: u64) {
        let (good, seen) = (self.head, self.head.seq + lost);
        self.recoveries += 1;
        self.append(Entry::Recover(Recovery { good, seen }), lost + 1);
        self.totals.clear();
    }

    fn append(&mut self, entry: Entry, step: u64) {
        let (device, epoch, at) = (self.device.clone(), self.epoch, self.clock);
        let (seq, prev) = (self.head.seq + step, self.head.hash);
        let record = Record { device, epoch, seq, at, licence: None, entry, prev };
        let bytes = record.to_bytes();
        self.head = Head { seq, hash: record.link(&bytes) };
        self.waiting.push((record, bytes));
    }

    /// Everything that waits and fits becomes one record of sums.
    pub(crate) fn fold(&mut self) {
        let mut folding = Folding::default();
        let mut after: BTreeMap<Slug, MeterTotal> = BTreeMap::new();
        for (record, bytes) in &self.waiting {
            let Entry::Usage(usage) = &record.entry else { break };
            let begun = after.get(&usage.meter);
            let total = MeterTotal::with(begun, (usage.quantity, usage.count), record.at.est_ms).unwrap();
            if !folding.take(record, bytes, &MeterTotal { total: usage.total, ..total.clone() }) {
                break;
            }
            after.insert(usage.meter.clone(), total);
        }
        let count = folding.len();
        let Some(record) = folding.fold() else { return };
        let bytes = record.to_bytes();
        self.waiting.splice(..count, [(record, bytes)]);
    }

    fn batch(&self) -> Option<Batch> {
        let next = &self.waiting[..self.waiting.len().min(10_000)];
        let (last, bytes) = next.last()?;
        let records: Vec<Vec<u8>> = next.iter().map(|(_, bytes)| bytes.clone()).collect();
        let said = CheckpointClaims {
            ver: 1,
            iss: IssuerName::parse("dev-acme").unwrap(),
            dev: self.device.clone(),
            epoch: self.epoch,
            jkt: self.key.public().kid(),
            seq: last.seq,
            hash: last.link(bytes),
            batch: batch_sha256(&records),
        };
        let checkpoint = self.key.document(Typ::Checkpoint, &said.to_json_bytes().unwrap());
        Some(Batch { epoch: self.epoch, records, checkpoint })
    }

    fn request(&mut self) -> Vec<u8> {
        self.ctr += 1;
        let kept_from = self.settled + 1;
        let jkt = *self.key.public().kid().as_bytes();
        let (epoch, head, settled, recoveries) = (self.epoch, self.head, self.settled, self.recoveries);
        let report = ChainReport { epoch, jkt, head, kept_from, settled, recoveries };
        let usage = UsageSection { sent: self.clock, chains: vec![report], batch: self.batch() };
        let body = RequestBody {
            kind: RequestKind::Exchange,
            report: ClientReport {
                receipt_seq: claims(&self.receipt)["seq"].as_u64().unwrap(),
                boot_id: "boot-1".into(),
                ..ClientReport::default()
            },
            last_receipt: Some(self.receipt.clone()),
            sections: vec![usage.section().unwrap()],
        };
        let body = body.encode().unwrap();
        let said = RequestClaims {
            ver: 1,
            iss: IssuerName::parse("dev-acme").unwrap(),
            htm: "POST".into(),
            htu: EXCHANGE_PATH.into(),
            bh: body_sha256(&body),
            dev: self.device.clone(),
            epoch: self.epoch,
            ctr: self.ctr,
            nonce: [self.key.0; 32],
        };
        let proof = self.key.document(Typ::Request, &said.to_json_bytes().unwrap());
        let ratchet_mac = Some(ratchet_mac(&self.ratchet, &body_sha256(&body)));
        let device_key = *self.key.public().as_bytes();
        ExchangeRequest { proof, device_key, ratchet_mac, body }.encode().unwrap()
    }

    fn take(&mut self, response: &ExchangeResponse) {
        let told = claims(&response.receipt);
        self.settled = told["usage"]["cursors"][0]["seq"].as_u64().unwrap();
        assert_ne!(told["usage"]["batch"], "bad", "{told}");
        self.waiting.retain(|(record, _)| record.seq > self.settled);
        (self.ratchet, self.receipt) = (response.next_ratchet, response.receipt.clone());
    }
}
