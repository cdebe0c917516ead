//! The books held against themselves: every hash, link, chain, total and sum is computed again from the bytes that came,
//! and every checkpoint is verified. The first thing that differs is named.

mod chain;

use super::raw::{RawRow, rows};
use super::{BooksError, walk};
use crate::admin::Admin;
use crate::amount::Amount;
use crate::catalog::Meters;
use crate::storage::{Held, UsageSum};
use brink_license::usage::quarter_of;
use brink_license::{DeviceId, IssuerName, Slug, TenantId, UnixSeconds};
use chain::ChainCheck;
use std::collections::BTreeMap;

/// The first difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A record that is not what it was.
    #[error("device {device}, activation {epoch}: record {seq} was edited")]
    Edited {
        /// The device.
        device: DeviceId,
        /// The activation.
        epoch: u32,
        /// The record.
        seq: u64,
    },
    /// A record under another name than it has itself.
    #[error("device {device}, activation {epoch}: what is kept as record {seq} is another record")]
    Misplaced {
        /// The device.
        device: DeviceId,
        /// The activation.
        epoch: u32,
        /// Where it is kept.
        seq: u64,
    },
    /// Records are absent and no loss says why.
    #[error("device {device}, activation {epoch}: records {from} to {to} are absent, and no loss says why")]
    Absent {
        /// The device.
        device: DeviceId,
        /// The activation.
        epoch: u32,
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A cursor that is not where its records end.
    #[error(
        "device {device}, activation {epoch}: the records end at {found}, and the cursor stands at {cursor} or has another hash"
    )]
    Cursor {
        /// The device.
        device: DeviceId,
        /// The activation.
        epoch: u32,
        /// The last record.
        found: u64,
        /// What the cursor says.
        cursor: u64,
    },
    /// A checkpoint that the device's key did not sign, or that speaks of another record.
    #[error("device {device}, activation {epoch}: the checkpoint of record {seq} does not vouch for it")]
    Checkpoint {
        /// The device.
        device: DeviceId,
        /// The activation.
        epoch: u32,
        /// The record.
        seq: u64,
    },
    /// What a meter has come to is not what its records say.
    #[error(
        "device {device}, activation {epoch}: {meter} has come to {kept} in the books, and to {counted} by its records"
    )]
    Total {
        /// The device.
        device: DeviceId,
        /// The activation.
        epoch: u32,
        /// The meter.
        meter: Slug,
        /// In the books.
        kept: Amount,
        /// By the records.
        counted: Amount,
    },
    /// A sum is not what its records say.
    #[error(transparent)]
    Sum(Box<SumDifference>),
}

/// A sum that is not what its records say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "device {device}: {meter} of {resource:?} in quarter {quarter} is {kept} in the books, and {counted} by its records"
)]
pub struct SumDifference {
    /// The device.
    pub device: DeviceId,
    /// The meter.
    pub meter: Slug,
    /// The camera, or what else.
    pub resource: String,
    /// The quarter of an hour.
    pub quarter: i64,
    /// In the books.
    pub kept: Tally,
    /// By the records.
    pub counted: Tally,
}

/// How much, in how many uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How much.
    pub amount: Amount,
    /// How many uses.
    pub uses: u64,
}

impl Tally {
    /// Full is full, in whatever order it came.
    fn add(&mut self, amount: Amount, uses: u64) {
        self.amount = self.amount.saturating_plus(amount);
        self.uses = self.uses.saturating_add(uses);
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {} uses", self.amount, self.uses)
    }
}

/// What was looked at and found sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    /// Devices.
    pub devices: u64,
    /// Chains.
    pub chains: u64,
    /// Records.
    pub records: u64,
    /// Sums.
    pub sums: u64,
    /// Records that came before this were dropped when their time was over. Their chains begin at what their devices signed
    /// of them, and of a sum of a quarter before it, what is left of its records says no more than that it is not less.
    pub dropped_before: Option<UnixSeconds>,
}

impl Admin {
    /// Computes everything again, of one device or of all.
    pub fn verify_usage(&self, device: Option<&DeviceId>) -> Result<Sound, BooksError> {
        let issuer = self.storage.issuer()?.name;
        let mut check = Check::new(issuer, &self.catalog.meters);
        walk(|held| check.take(held), |take| self.storage.usage_held(device, take))?;
        check.end_device()?;
        Ok(check.sound)
    }
}

type SumKey = (TenantId, i64, Slug, String);

struct Check<'m> {
    issuer: IssuerName,
    meters: &'m Meters,
    device: Option<DeviceId>,
    chain: Option<ChainCheck>,
    /// As they are kept, and as the records say.
    sums: BTreeMap<SumKey, (Tally, Tally)>,
    sound: Sound,
}

impl<'m> Check<'m> {
    fn new(issuer: IssuerName, meters: &'m Meters) -> Self {
        let sound = Sound::default();
        Self { issuer, meters, device: None, chain: None, sums: BTreeMap::new(), sound }
    }

    fn take(&mut self, held: Held) -> Result<(), BooksError> {
        match held {
            Held::Dropped(before_ms) => {
                self.sound.dropped_before = Some(UnixSeconds::new(before_ms.div_euclid(1000)));
            }
            Held::Device(device) => {
                self.end_device()?;
                self.device = Some(device);
                self.sound.devices += 1;
            }
            Held::Chain(row) => {
                self.end_chain()?;
                self.chain = Some(ChainCheck::begin(row, self.issuer.clone(), self.dropped_ms()));
                self.sound.chains += 1;
            }
            Held::Loss(loss) => self.with_chain(|chain| chain.loss(&loss)),
            Held::Total(meter, total) => self.with_chain(|chain| chain.total(meter, total)),
            Held::Signed(signed) => self.in_chain(|chain| chain.signed(&signed))?,
            Held::Record(record) => {
                self.in_chain(|chain| chain.record(&record))?;
                self.sound.records += 1;
                rows(record, self.meters).into_iter().for_each(|row| self.count(row));
            }
            Held::Sum(sum) => {
                self.end_chain()?;
                self.keep(sum);
            }
        }
        Ok(())
    }

    /// What belongs to a chain comes behind it.
    fn in_chain(
        &mut self,
        take: impl FnOnce(&mut ChainCheck) -> Result<(), Difference>,
    ) -> Result<(), BooksError> {
        self.chain.as_mut().map_or(Ok(()), take).map_err(BooksError::from)
    }

    fn with_chain(&mut self, take: impl FnOnce(&mut ChainCheck)) {
        if let Some(chain) = &mut self.chain {
            take(chain);
        }
    }

    fn end_chain(&mut self) -> Result<(), BooksError> {
        self.chain.take().map_or(Ok(()), ChainCheck::end).map_err(BooksError::from)
    }

    fn count(&mut self, row: RawRow) {
        let (None, Some(used)) = (&row.quarantined, row.used) else { return };
        let resource = used.resource.map_or_else(String::new, |resource| resource.to_string());
        let key = (row.tenant, row.quarter, used.meter, resource);
        let uses = u64::try_from(used.count).unwrap_or_default();
        self.sums.entry(key).or_default().1.add(used.quantity, uses);
    }

    /// By the name that the meter has now: the catalogue may have learnt another of it since.
    fn keep(&mut self, sum: UsageSum) {
        self.sound.sums += 1;
        let meter = self.meters.meant(&sum.meter).clone();
        let key = (sum.tenant, sum.quarter, meter, sum.resource);
        self.sums.entry(key).or_default().0.add(sum.amount, sum.count);
    }

    fn dropped_ms(&self) -> i64 {
        self.sound.dropped_before.map_or(i64::MIN, |before| before.as_i64().saturating_mul(1000))
    }

    /// Nothing is dated behind the moment it came, so that sums of later quarters are of records that are all there.
    fn is_sound(&self, quarter: i64, (kept, counted): &(Tally, Tally)) -> bool {
        let is_whole = quarter >= quarter_of(self.dropped_ms());
        kept == counted || (!is_whole && kept.amount >= counted.amount && kept.uses >= counted.uses)
    }

    fn end_device(&mut self) -> Result<(), BooksError> {
        self.end_chain()?;
        let sums = std::mem::take(&mut self.sums);
        let Some(device) = self.device.take() else { return Ok(()) };
        match sums.into_iter().find(|((_, quarter, _, _), sum)| !self.is_sound(*quarter, sum)) {
            None => Ok(()),
            Some(((_, quarter, meter, resource), (kept, counted))) => {
                let difference = SumDifference { device, meter, resource, quarter, kept, counted };
                Err(Difference::Sum(Box::new(difference)).into())
            }
        }
    }
}
