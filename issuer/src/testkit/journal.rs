//! A device's journal in memory: real records on real chains, folded, damaged and pruned as a device does it.

use brink_license::clock::BootId;
use brink_license::token::{CheckpointClaims, ReceiptUsage};
use brink_license::usage::{
    Batch, ChainReport, Entry, Folding, Genesis, Hash, Head, MeterTotal, Moment, Quantity, Record, Recovery,
    Usage, UsageSection, batch_sha256, hash_of,
};
use brink_license::{DeviceId, IssuerName, Kid, ResourceId, Slug, Typ};
use brink_signing::{DeviceKey, sign_document};
use std::collections::BTreeMap;

pub(crate) fn boot(number: u8) -> BootId {
    BootId::parse(&format!("00000000-0000-4000-8000-0000000000{number:02x}")).unwrap()
}

/// A record as it is kept, and what its meter had come to with it.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) record: Record,
    pub(crate) bytes: Vec<u8>,
    after: BTreeMap<Slug, MeterTotal>,
}

impl Kept {
    pub(crate) fn hash(&self) -> Hash {
        match Record::from_bytes(&self.bytes) {
            Ok(record) => record.link(&self.bytes),
            Err(_) => hash_of(&self.bytes),
        }
    }
}

/// The chain of one activation.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    pub(crate) head: Head,
    pub(crate) kept: Vec<Kept>,
    pub(crate) settled: u64,
    /// The highest number that was ever in a request.
    pub(crate) sent: u64,
    totals: BTreeMap<Slug, MeterTotal>,
    recoveries: u32,
}

/// All chains of a device, the oldest first.
#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) chains: Vec<Chain>,
    pub(crate) clock: Moment,
    /// Most records of a batch.
    pub(crate) batch_max: usize,
    /// Chains that the issuer takes nothing more of.
    pub(crate) given_up: Vec<u32>,
}

impl Journal {
    pub(crate) fn new(wall_ms: i64) -> Self {
        let clock = Moment { boot: boot(1), boottime_ms: 0, wall_ms, est_ms: wall_ms };
        Self { chains: Vec::new(), clock, batch_max: 1000, given_up: Vec::new() }
    }

    pub(crate) fn begin(&mut self, device: &DeviceId, epoch: u32, jkt: Kid) {
        if self.chains.iter().any(|chain| chain.genesis.epoch == epoch) {
            return;
        }
        if !self.chains.is_empty() {
            self.append(Entry::Close);
        }
        let genesis = Genesis::new(device.clone(), epoch, jkt);
        let head = genesis.head();
        let (kept, totals) = (Vec::new(), BTreeMap::new());
        self.chains.push(Chain { genesis, head, kept, settled: 0, sent: 0, totals, recoveries: 0 });
    }

    pub(crate) fn pass(&mut self, milliseconds: i64) {
        let clock = &mut self.clock;
        clock.boottime_ms += milliseconds;
        clock.wall_ms += milliseconds;
        clock.est_ms += milliseconds;
    }

    pub(crate) fn last(&self) -> &Chain {
        self.chains.last().unwrap()
    }

    pub(crate) fn last_mut(&mut self) -> &mut Chain {
        self.chains.last_mut().unwrap()
    }

    /// One use of so many thousandths.
    pub(crate) fn record(&mut self, meter: &str, resource: &str, thousandths: u64) {
        let meter = Slug::parse(meter).unwrap();
        let quantity = Quantity::try_from(u128::from(thousandths) * 1_000_000_000).unwrap();
        let est_ms = self.clock.est_ms;
        let chain = self.last_mut();
        let after = MeterTotal::with(chain.totals.get(&meter), (quantity, 1), est_ms).unwrap();
        let resource = ResourceId::parse(resource).ok();
        let usage = Usage { meter: meter.clone(), resource, quantity, count: 1, total: after.total };
        chain.totals.insert(meter, after);
        self.append(Entry::Usage(usage));
    }

    /// A record as it is, whatever it says.
    pub(crate) fn append(&mut self, entry: Entry) {
        let at = self.clock;
        let chain = self.last_mut();
        let (seq, prev) = (chain.head.seq + 1, chain.head.hash);
        chain.put(seq, prev, (entry, at));
    }

    /// The newest records are lost, and the chain goes on above every number that was ever given.
    pub(crate) fn damage(&mut self, lost: usize) {
        let at = self.clock;
        let chain = self.last_mut();
        let seen = chain.head.seq;
        chain.kept.truncate(chain.kept.len().saturating_sub(lost));
        let begun = chain.genesis.head();
        let good = chain.kept.last().map_or(begun, |kept| Head { seq: kept.record.seq, hash: kept.hash() });
        chain.totals = chain.kept.last().map(|kept| kept.after.clone()).unwrap_or_default();
        chain.recoveries += 1;
        chain.put(seen + 1000, good.hash, (Entry::Recover(Recovery { good, seen }), at));
    }

    /// Folds up to so many of the oldest records that were never sent.
    pub(crate) fn fold(&mut self, most: usize) {
        let chain = self.last_mut();
        let first = chain.kept.iter().position(|kept| kept.record.first() > chain.sent);
        let Some(first) = first else { return };
        let mut folding = Folding::default();
        for kept in chain.kept.iter().skip(first).take(most) {
            let Entry::Usage(usage) = &kept.record.entry else { break };
            if !folding.take(&kept.record, &kept.bytes, &kept.after[&usage.meter]) {
                break;
            }
        }
        let count = folding.len();
        let Some(record) = folding.fold() else { return };
        let after = chain.kept[first + count - 1].after.clone();
        let bytes = record.to_bytes();
        chain.kept.splice(first..first + count, [Kept { record, bytes, after }]);
    }

    /// What is settled is kept no longer, up to this number.
    pub(crate) fn prune(&mut self, upto: u64) {
        for chain in &mut self.chains {
            let settled = chain.settled;
            chain.kept.retain(|kept| kept.record.seq > upto.min(settled));
        }
    }

    /// What a request says.
    pub(crate) fn section(&mut self, key: &DeviceKey, issuer: &IssuerName) -> UsageSection {
        let waits = |chain: &&mut Chain| {
            chain.head.seq > chain.settled && !self.given_up.contains(&chain.genesis.epoch)
        };
        let oldest = self.chains.iter_mut().find(waits);
        let batch = oldest.and_then(|chain| chain.batch(self.batch_max, key, issuer));
        let current = self.chains.len().saturating_sub(1);
        let chains = self.chains.iter().enumerate();
        let chains = chains.filter(|(at, chain)| *at == current || chain.head.seq > chain.settled);
        let chains = chains.map(|(_, chain)| chain.report()).collect();
        UsageSection { sent: self.clock, chains, batch }
    }

    /// What a receipt says.
    pub(crate) fn take(&mut self, usage: &ReceiptUsage) {
        for cursor in &usage.cursors {
            let chain = self.chains.iter_mut().find(|chain| chain.genesis.epoch == cursor.epoch).unwrap();
            // A word about another history settles nothing of this one.
            let own = chain.kept.iter().find(|kept| kept.record.seq >= cursor.seq);
            let is_own = own.is_none_or(|own| own.record.seq != cursor.seq || own.hash() == cursor.hash);
            if is_own && cursor.seq <= chain.head.seq {
                chain.settled = cursor.seq;
            }
        }
    }
}

impl Chain {
    fn put(&mut self, seq: u64, prev: Hash, (entry, at): (Entry, Moment)) {
        let (device, epoch) = (self.genesis.device.clone(), self.genesis.epoch);
        let record = Record { device, epoch, seq, at, licence: None, entry, prev };
        self.keep(record);
    }

    pub(crate) fn keep(&mut self, record: Record) {
        let bytes = record.to_bytes();
        self.head = Head { seq: record.seq, hash: record.link(&bytes) };
        self.kept.push(Kept { record, bytes, after: self.totals.clone() });
    }

    /// The last record in other bytes, as another version of the program would have written it.
    pub(crate) fn rewrite_last(&mut self, rewrite: impl FnOnce(&mut Vec<u8>)) {
        let last = self.kept.last_mut().unwrap();
        rewrite(&mut last.bytes);
        self.head.hash = hash_of(&last.bytes);
    }

    pub(crate) fn report(&self) -> ChainReport {
        let kept_from = self.kept.first().map_or(self.head.seq + 1, |kept| kept.record.first());
        let (epoch, jkt) = (self.genesis.epoch, self.genesis.jkt);
        let (head, settled, recoveries) = (self.head, self.settled, self.recoveries);
        ChainReport { epoch, jkt, head, kept_from, settled, recoveries }
    }

    fn batch(&mut self, most: usize, key: &DeviceKey, issuer: &IssuerName) -> Option<Batch> {
        let settled = self.settled;
        let next = self.kept.iter().filter(|kept| kept.record.seq > settled).take(most);
        let next: Vec<Kept> = next.cloned().collect();
        let last = next.last()?;
        self.sent = self.sent.max(last.record.seq);
        let records: Vec<Vec<u8>> = next.iter().map(|kept| kept.bytes.clone()).collect();
        let head = Head { seq: last.record.seq, hash: last.hash() };
        Some(self.signed((key, issuer), records, head))
    }

    /// Records with a checkpoint over them.
    pub(crate) fn signed(
        &self,
        (key, issuer): (&DeviceKey, &IssuerName),
        records: Vec<Vec<u8>>,
        head: Head,
    ) -> Batch {
        let (epoch, jkt) = (self.genesis.epoch, Kid::from_digest(self.genesis.jkt));
        let claims = CheckpointClaims {
            ver: 1,
            iss: issuer.clone(),
            dev: self.genesis.device.clone(),
            epoch,
            jkt,
            seq: head.seq,
            hash: head.hash,
            batch: batch_sha256(&records),
        };
        let checkpoint = sign_document(key, Typ::Checkpoint, &claims.to_json_bytes().unwrap()).unwrap();
        Batch { epoch, records, checkpoint }
    }
}
