//! A device by hand that meters, and a model of what it has used.

use super::device::Held;
use super::site::{NOW, Replica};
use brink_issuer::storage::{BookedRecord, RecordScope, SumScope};
use brink_license::clock::BootId;
use brink_license::token::CheckpointClaims;
use brink_license::usage::{
    Batch, ChainReport, Entry, Genesis, Head, Moment, Quantity, Record, Usage, UsageSection, batch_sha256,
};
use brink_license::{ResourceId, Slug, TenantId, Typ};
use brink_tests::forge::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// How much of a meter each camera used.
pub(crate) type Sums = BTreeMap<(String, String), u128>;

/// A device, its journal, and what it knows to be on record.
#[derive(Clone)]
pub(crate) struct Metering {
    pub(crate) held: Held,
    genesis: Genesis,
    head: Head,
    totals: BTreeMap<Slug, Quantity>,
    kept: Vec<(u64, [u8; 32], Vec<u8>)>,
    settled: u64,
    /// What it used, all in all.
    pub(crate) used: Sums,
}

impl Metering {
    pub(crate) fn activated(replica: &Replica, key: Key) -> Self {
        let held = replica.activated(key);
        let genesis = Genesis::new(held.device.clone(), held.epoch(), key.public().kid());
        let (head, used) = (genesis.head(), Sums::new());
        Self { held, genesis, head, totals: BTreeMap::new(), kept: Vec::new(), settled: 0, used }
    }

    pub(crate) fn use_some(&mut self, meter: &str, camera: &str, much: u64) {
        let (meter, quantity) = (Slug::parse(meter).unwrap(), Quantity::whole(much));
        let total = self.totals.get(&meter).copied().unwrap_or(Quantity::ZERO).plus(quantity).unwrap();
        let resource = Some(ResourceId::parse(camera).unwrap());
        let usage = Usage { meter: meter.clone(), resource, quantity, count: 1, total };
        let record = Record {
            device: self.held.device.clone(),
            epoch: self.genesis.epoch,
            seq: self.head.seq + 1,
            at: moment(),
            licence: None,
            entry: Entry::Usage(usage),
            prev: self.head.hash,
        };
        let bytes = record.to_bytes();
        self.head = Head { seq: record.seq, hash: record.link(&bytes) };
        self.kept.push((self.head.seq, self.head.hash, bytes));
        *self.used.entry((meter.to_string(), camera.to_owned())).or_default() += u128::from(quantity);
        self.totals.insert(meter, total);
    }

    /// The next request, with everything that is not known to be on record, or the first so many of it.
    pub(crate) fn request(&mut self, most: usize) -> Vec<u8> {
        let waits = self.kept.iter().filter(|(seq, _, _)| *seq > self.settled).take(most);
        let batch: Vec<_> = waits.cloned().collect();
        let report = ChainReport {
            epoch: self.genesis.epoch,
            jkt: self.genesis.jkt,
            head: self.head,
            kept_from: 1,
            settled: self.settled,
            recoveries: 0,
        };
        let batch = batch.last().map(|(seq, hash, _)| {
            let records: Vec<Vec<u8>> = batch.iter().map(|(_, _, bytes)| bytes.clone()).collect();
            let claims = CheckpointClaims {
                ver: 1,
                iss: "dev-acme".parse().unwrap(),
                dev: self.held.device.clone(),
                epoch: self.genesis.epoch,
                jkt: self.held.key().public().kid(),
                seq: *seq,
                hash: *hash,
                batch: batch_sha256(&records),
            };
            let checkpoint = self.held.key().document(Typ::Checkpoint, &claims.to_json_bytes().unwrap());
            Batch { epoch: self.genesis.epoch, records, checkpoint }
        });
        let usage = UsageSection { sent: moment(), chains: vec![report], batch };
        self.held.request_with(vec![usage.section().unwrap()])
    }

    /// Takes an answer, and what it says is on record.
    pub(crate) fn take(&mut self, answer: &[u8]) {
        self.held.take(answer);
        let told = self.held.told();
        let cursor = &told["usage"]["cursors"][0];
        assert_eq!(told["usage"]["quarantined"], 0);
        self.settled = cursor["seq"].as_u64().unwrap();
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled == self.head.seq
    }
}

fn moment() -> Moment {
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    let now = NOW.as_i64() * 1000;
    Moment { boot, boottime_ms: now, wall_ms: now, est_ms: now }
}

/// What devices used together.
pub(crate) fn together<'m>(devices: impl IntoIterator<Item = &'m Metering>) -> Sums {
    let mut sums = Sums::new();
    for (key, much) in devices.into_iter().flat_map(|device| &device.used) {
        *sums.entry(key.clone()).or_default() += much;
    }
    sums
}

/// What is booked of a tenant.
pub(crate) fn booked(replica: &Replica, tenant: &str) -> Sums {
    let tenant: TenantId = tenant.parse().unwrap();
    let scope = SumScope { tenant, quarters: 0..i64::MAX, meter: None, device: None };
    let mut sums = Sums::new();
    let mut take = |sum: brink_issuer::storage::UsageSum| {
        let key = (sum.meter.to_string(), sum.resource);
        *sums.entry(key).or_default() += u128::try_from(sum.amount.units()).unwrap();
        ControlFlow::Continue(())
    };
    replica.storage().usage_sums(&scope, NOW, &mut take).unwrap();
    sums
}

/// No number of a chain is on record twice, none is absent, and all of it adds up.
pub(crate) fn is_sound(replica: &Replica) {
    let mut seen = BTreeSet::new();
    let mut take = |record: BookedRecord| {
        let name = (record.device, record.epoch, record.seq);
        assert!(seen.insert(name.clone()), "{name:?} is on record twice");
        ControlFlow::Continue(())
    };
    replica.storage().usage_records(&RecordScope::default(), &mut take).unwrap();
    replica.admin.verify_usage(None).unwrap();
}
