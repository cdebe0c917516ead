//! One chain, record after record.

use super::Difference;
use crate::amount::Amount;
use crate::storage::{BookedRecord, ChainRow, Evidence, LEGACY_EPOCH, LossRow, QuarantineReason, SignedRow};
use brink_license::token::{Authority, CheckpointClaims, CheckpointExpected, verify};
use brink_license::usage::{Entry, Genesis, Hash, Record, hash_of};
use brink_license::{IssuerName, PublicKey, Slug};
use std::collections::BTreeMap;

/// A chain as far as it was read.
pub(super) struct ChainCheck {
    row: ChainRow,
    issuer: IssuerName,
    losses: Vec<(u64, u64)>,
    kept: BTreeMap<Slug, Amount>,
    counted: BTreeMap<Slug, Amount>,
    signed: BTreeMap<u64, Hash>,
    /// What came before this is gone.
    dropped_ms: i64,
    /// Whether what meters had come to lies in what is gone, until a later record says it.
    forgot: bool,
    last: u64,
    /// Of the last record; `None` behind what is lost, where nothing says what the next one followed.
    hash: Option<Hash>,
}

impl ChainCheck {
    pub(super) fn begin(row: ChainRow, issuer: IssuerName, dropped_ms: i64) -> Self {
        let genesis = Genesis { device: row.device.clone(), epoch: row.epoch, jkt: row.jkt };
        Self {
            hash: Some(genesis.prev()),
            row,
            issuer,
            losses: Vec::new(),
            kept: BTreeMap::new(),
            counted: BTreeMap::new(),
            signed: BTreeMap::new(),
            dropped_ms,
            forgot: false,
            last: 0,
        }
    }

    pub(super) fn loss(&mut self, loss: &LossRow) {
        self.losses.push((loss.from_seq, loss.to_seq));
    }

    pub(super) fn total(&mut self, meter: Slug, total: Amount) {
        self.kept.insert(meter, total);
    }

    /// A device signs with the key that it has now, which the row names. Where the records are gone, what it signed of the
    /// last of them is what the chain goes on from.
    pub(super) fn signed(&mut self, signed: &SignedRow) -> Result<(), Difference> {
        if self.row.epoch == LEGACY_EPOCH && self.row.jkt == [0; 32] {
            return self.stood(signed);
        }
        let expected = CheckpointExpected {
            issuer: self.issuer.clone(),
            device: self.row.device.clone(),
            epoch: Some(self.row.epoch),
        };
        let key = PublicKey::from_bytes(&signed.device_key).ok();
        let claims = key.and_then(|key| {
            let token = signed.checkpoint.as_bytes();
            verify::<CheckpointClaims>(token, Authority::Device(&key), &expected).ok()
        });
        match claims.as_ref().map(|claims| claims.claims()) {
            Some(claims) if claims.seq == signed.seq && claims.jkt.as_bytes() == &self.row.jkt => {
                self.vouched(signed, claims.hash);
                Ok(())
            }
            Some(_) | None => Err(self.checkpoint(signed.seq)),
        }
    }

    /// A chain that the issuer keeps itself has nobody who signs for it, only where it stood.
    fn stood(&mut self, signed: &SignedRow) -> Result<(), Difference> {
        let hash = Evidence::unsigned_hash(&signed.checkpoint).filter(|_| signed.device_key == [0; 32]);
        self.vouched(signed, hash.ok_or_else(|| self.checkpoint(signed.seq))?);
        Ok(())
    }

    fn vouched(&mut self, signed: &SignedRow, hash: Hash) {
        if signed.at_ms < self.dropped_ms {
            (self.last, self.hash, self.forgot) = (signed.seq, Some(hash), true);
        }
        self.signed.insert(signed.seq, hash);
    }

    pub(super) fn record(&mut self, stored: &BookedRecord) -> Result<(), Difference> {
        // A newer program may read what was taken for unreadable; its place and its hash stay what they were.
        let was_unreadable = stored.reason.as_deref() == Some(QuarantineReason::Unreadable.as_str());
        let record = Record::from_bytes(&stored.bytes).ok().filter(|_| !was_unreadable);
        if let Some(record) = &record {
            self.check_name(stored, record)?;
        }
        self.check_place(stored, record.as_ref())?;
        let hash = match &record {
            Some(record) => record.link(&stored.bytes),
            None if was_unreadable => hash_of(&stored.bytes),
            None => return Err(self.edited(stored.seq)),
        };
        if self.signed.get(&stored.seq).is_some_and(|signed| *signed != hash) {
            return Err(self.edited(stored.seq));
        }
        self.count(record.as_ref());
        (self.last, self.hash) = (stored.seq, Some(hash));
        Ok(())
    }

    fn check_name(&self, stored: &BookedRecord, record: &Record) -> Result<(), Difference> {
        if stored.is_named_by(record) { Ok(()) } else { Err(self.misplaced(stored.seq)) }
    }

    /// It stands right behind the last one, or what lies between is on record as lost.
    fn check_place(&mut self, stored: &BookedRecord, record: Option<&Record>) -> Result<(), Difference> {
        let next = self.last.saturating_add(1);
        if stored.from_seq < next {
            return Err(self.misplaced(stored.seq));
        }
        if stored.from_seq > next {
            let gap = (next, stored.from_seq - 1);
            if !self.is_lost(gap) {
                let (device, epoch) = (self.row.device.clone(), self.row.epoch);
                return Err(Difference::Absent { device, epoch, from: gap.0, to: gap.1 });
            }
            self.hash = None;
            self.forget();
        }
        // A recovery says itself what it follows, which may be gone.
        let prev =
            record.filter(|record| !matches!(record.entry, Entry::Recover(_))).map(|record| record.prev);
        match (prev, self.hash) {
            (Some(prev), Some(hash)) if prev != hash => Err(self.edited(self.last.max(1))),
            (Some(_) | None, _) => Ok(()),
        }
    }

    fn is_lost(&self, (from, to): (u64, u64)) -> bool {
        let mut next = from;
        for (first, last) in &self.losses {
            if *first <= next && *last >= next {
                next = last.saturating_add(1);
            }
        }
        next > to
    }

    /// What is lost or cannot be read leaves unknown what meters had come to.
    fn count(&mut self, record: Option<&Record>) {
        match record.map(|record| &record.entry) {
            Some(Entry::Usage(usage)) => drop(self.counted.insert(usage.meter.clone(), usage.total.into())),
            Some(Entry::Fold(fold)) => {
                let after = fold.meters.iter().map(|of| (of.meter.clone(), of.after.total.into()));
                self.counted.extend(after);
            }
            Some(Entry::Recover(_)) | None => self.forget(),
            Some(Entry::Close) => {}
        }
    }

    /// Here the books have forgotten as well, and keep nothing from before.
    fn forget(&mut self) {
        self.counted.clear();
        self.forgot = false;
    }

    pub(super) fn end(self) -> Result<(), Difference> {
        let (device, epoch) = (self.row.device.clone(), self.row.epoch);
        // Before the first record a cursor need not name the genesis.
        let is_there = self.last == self.row.seq && (self.last == 0 || self.hash == Some(self.row.hash));
        if !is_there {
            return Err(Difference::Cursor { device, epoch, found: self.last, cursor: self.row.seq });
        }
        let meters = self.kept.keys().chain(self.counted.keys());
        for meter in meters {
            let of = |totals: &BTreeMap<Slug, Amount>| totals.get(meter).copied().unwrap_or_default();
            let (kept, counted) = (of(&self.kept), of(&self.counted));
            let is_gone = self.forgot && !self.counted.contains_key(meter);
            if kept != counted && !is_gone {
                return Err(Difference::Total { device, epoch, meter: meter.clone(), kept, counted });
            }
        }
        Ok(())
    }

    fn edited(&self, seq: u64) -> Difference {
        Difference::Edited { device: self.row.device.clone(), epoch: self.row.epoch, seq }
    }

    fn misplaced(&self, seq: u64) -> Difference {
        Difference::Misplaced { device: self.row.device.clone(), epoch: self.row.epoch, seq }
    }

    fn checkpoint(&self, seq: u64) -> Difference {
        Difference::Checkpoint { device: self.row.device.clone(), epoch: self.row.epoch, seq }
    }
}
