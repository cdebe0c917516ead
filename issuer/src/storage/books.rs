//! The port to the books of usage: what an admin asks of them, and the one thing that an admin adds.
//!
//! What may be long is handed over row by row while the transaction is open, so that memory does not grow with it. A
//! taker that breaks off ends the transaction without harm.

use super::{AuditNote, Plan, StorageError, Sum, SumKey};
use crate::amount::Amount;
use brink_license::usage::{Hash, Record};
use brink_license::{DeviceId, Slug, TenantId, UnixSeconds};
use std::ops::{ControlFlow, Range};

/// Takes one row after the other.
pub type Take<'t, T> = &'t mut dyn FnMut(T) -> ControlFlow<()>;

/// Which sums.
#[derive(Clone, Debug)]
pub struct SumScope {
    /// Whose.
    pub tenant: TenantId,
    /// Quarters of an hour since 1970; the end is not among them.
    pub quarters: Range<i64>,
    /// Of this meter alone.
    pub meter: Option<Slug>,
    /// Of this device alone.
    pub device: Option<DeviceId>,
}

/// Where a sum comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From records of the device.
    Recorded,
    /// From a correction.
    Corrected,
}

/// What one device and resource used of one meter in a quarter of an hour, or a correction of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSum {
    /// Whose.
    pub tenant: TenantId,
    /// Since 1970.
    pub quarter: i64,
    /// The device.
    pub device: DeviceId,
    /// The meter.
    pub meter: Slug,
    /// The camera, or what else; empty for the device as a whole.
    pub resource: String,
    /// Where it comes from.
    pub origin: Origin,
    /// How much.
    pub amount: Amount,
    /// How many uses.
    pub count: u64,
    /// How many records.
    pub records: u64,
}

/// What sums of a period may lack, so that nobody takes them for complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// Chains with something that is not on record, or that nobody has heard of since the period ended.
    pub chains: Vec<ChainStanding>,
    /// Numbers that will never come, and that may lie in the period.
    pub losses: Vec<LossRow>,
    /// Records that were set aside and may lie in the period. Which of a device's these are the catalogue decides, so that
    /// the port hands over all that are in the scope by their tenant and device.
    pub quarantined: Vec<QuarantineRow>,
    /// Devices in service that have never said anything of usage.
    pub unheard: Vec<DeviceId>,
}

/// Where a chain stands, as its device said last and as it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainStanding {
    /// The device.
    pub device: DeviceId,
    /// The activation.
    pub epoch: u32,
    /// The last record that is on record.
    pub seq: u64,
    /// The last record that its device has.
    pub reported_seq: u64,
    /// When the device was last heard of.
    pub received_at: UnixSeconds,
    /// Nothing more of it is taken.
    pub forked: bool,
    /// It was not heard of since the period ended, so that it may have more to tell.
    pub silent: bool,
}

/// Numbers that will never come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossRow {
    /// The device.
    pub device: DeviceId,
    /// The activation.
    pub epoch: u32,
    /// The first.
    pub from_seq: u64,
    /// The last.
    pub to_seq: u64,
    /// Why: `recovered` or `restored`.
    pub reason: String,
    /// When the issuer learnt of it.
    pub at: UnixSeconds,
}

/// A record in no sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Its number in the quarantine.
    pub id: i64,
    /// The record.
    pub record: BookedRecord,
    /// Why, in one word for scripts.
    pub reason: String,
    /// Why, in words.
    pub detail: String,
    /// Since when.
    pub at: UnixSeconds,
    /// When it was lifted.
    pub replayed_at: Option<UnixSeconds>,
}

/// Which of the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuarantineScope {
    /// Of a tenant.
    Tenant(TenantId),
    /// Of a device.
    Device(DeviceId),
    /// Of everybody.
    All,
}

/// A record that leaves the quarantine.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What it adds to the sums.
    pub sums: Vec<(SumKey, Sum)>,
    /// What the audit says.
    pub note: AuditNote,
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedRecord {
    /// The device.
    pub device: DeviceId,
    /// The activation.
    pub epoch: u32,
    /// Its number.
    pub seq: u64,
    /// The first number that it stands for.
    pub from_seq: u64,
    /// Whose.
    pub tenant: TenantId,
    /// When it arrived, in milliseconds since 1970.
    pub received_ms: i64,
    /// When it happened, as the issuer believes.
    pub event_ms: i64,
    /// Of sums, the moment that none of their quarters is before.
    pub floor_ms: Option<i64>,
    /// Whether it is in no sum.
    pub quarantined: bool,
    /// Why it is set aside, or was.
    pub reason: Option<String>,
    /// As they were hashed and sent.
    pub bytes: Vec<u8>,
}

impl BookedRecord {
    /// Whether it is kept under the name that it has itself.
    #[must_use]
    pub fn is_named_by(&self, record: &Record) -> bool {
        (&record.device, record.epoch, record.seq, record.first())
            == (&self.device, self.epoch, self.seq, self.from_seq)
    }

    /// Between what moments its sums lie, if it has some.
    #[must_use]
    pub fn bounds(&self) -> (i64, i64) {
        (self.floor_ms.unwrap_or(self.event_ms), self.received_ms)
    }
}

/// Where a correction belongs.
#[derive(Clone, Debug)]
pub struct CorrectionPlace {
    /// Whose.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// The meter.
    pub meter: Slug,
    /// The camera, or what else; empty for the device as a whole.
    pub resource: String,
    /// The quarter of an hour.
    pub quarter: i64,
    /// The tenant's month that it lies in.
    pub month: Range<i64>,
}

/// What decides on a correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrectionView {
    /// Whether the device is the tenant's, or was when it used something.
    pub is_tenants: bool,
    /// Whether the tenant has ever used this meter.
    pub is_used: bool,
    /// What the tenant's month comes to in this meter, corrections included.
    pub net: Amount,
}

/// A correction to add.
#[derive(Clone, Debug)]
pub struct NewCorrection {
    /// How much, with its sign.
    pub amount: Amount,
    /// Why.
    pub reason: String,
    /// What the audit says.
    pub note: AuditNote,
}

/// A correction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrectionRow {
    /// Its number.
    pub id: i64,
    /// The device.
    pub device: DeviceId,
    /// The meter.
    pub meter: Slug,
    /// The camera, or what else.
    pub resource: String,
    /// The quarter of an hour.
    pub quarter: i64,
    /// How much, with its sign.
    pub amount: Amount,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: UnixSeconds,
}

/// Which records.
#[derive(Clone, Debug, Default)]
pub struct RecordScope {
    /// Of this tenant alone.
    pub tenant: Option<TenantId>,
    /// Of this device alone.
    pub device: Option<DeviceId>,
}

/// What was signed about a batch, with its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The activation.
    pub epoch: u32,
    /// The last record of the batch.
    pub seq: u64,
    /// The key that signed the checkpoint.
    pub device_key: [u8; 32],
    /// The device's word.
    pub checkpoint: String,
    /// The issuer's.
    pub receipt: String,
    /// When.
    pub at: UnixSeconds,
    /// Every record since the statement before, as it was sent.
    pub records: Vec<Vec<u8>>,
}

/// Everything that is kept of a device, piece by piece, to be held against itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// What came before this moment, in milliseconds, was dropped when its time was over. It comes first, or not at all.
    Dropped(i64),
    /// The next device; everything up to the next of these is its own.
    Device(DeviceId),
    /// A chain; its losses, totals and records follow.
    Chain(ChainRow),
    /// Numbers of that chain that will never come.
    Loss(LossRow),
    /// What a meter has come to in that chain.
    Total(Slug, Amount),
    /// What the device signed of that chain.
    Signed(SignedRow),
    /// The next record of that chain.
    Record(BookedRecord),
    /// A sum.
    Sum(UsageSum),
}

/// The device's word on a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRow {
    /// The last record of the batch.
    pub seq: u64,
    /// The key that signed it.
    pub device_key: [u8; 32],
    /// The word.
    pub checkpoint: String,
    /// When the batch came, in milliseconds.
    pub at_ms: i64,
}

/// A cursor as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainRow {
    /// The device.
    pub device: DeviceId,
    /// The activation.
    pub epoch: u32,
    /// Whose.
    pub tenant: TenantId,
    /// The thumbprint of the activation's key.
    pub jkt: [u8; 32],
    /// The last record that is on record.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
    /// Whether it has ended.
    pub closed: bool,
}

/// What is asked of the books of usage.
pub trait UsageBooks: Send + Sync {
    /// The sums of a scope, the oldest first and then the corrections, and what they may lack. Devices that were not
    /// heard of since `heard_since` may have more to tell.
    fn usage_sums(
        &self,
        scope: &SumScope,
        heard_since: UnixSeconds,
        take: Take<'_, UsageSum>,
    ) -> Result<Lacks, StorageError>;

    /// Adds a correction.
    fn correct_usage(
        &self,
        place: &CorrectionPlace,
        plan: Plan<'_, CorrectionView, NewCorrection>,
    ) -> Result<(), StorageError>;

    /// The corrections of a tenant, the oldest first.
    fn corrections(&self, tenant: &TenantId) -> Result<Vec<CorrectionRow>, StorageError>;

    /// What is set aside, the oldest first; with `lifted`, also what was.
    fn quarantine(&self, scope: &QuarantineScope, lifted: bool) -> Result<Vec<QuarantineRow>, StorageError>;

    /// Lifts one from the quarantine; the plan sees it, or `None` where there is no such number.
    fn replay_usage(
        &self,
        id: i64,
        plan: Plan<'_, Option<QuarantineRow>, Replay>,
    ) -> Result<(), StorageError>;

    /// Records by device, activation and number.
    fn usage_records(&self, scope: &RecordScope, take: Take<'_, BookedRecord>) -> Result<(), StorageError>;

    /// What was signed about a device's usage, by activation and number.
    fn usage_statements(&self, device: &DeviceId, take: Take<'_, Statement>) -> Result<(), StorageError>;

    /// Everything that is kept, of one device or of all.
    fn usage_held(&self, device: Option<&DeviceId>, take: Take<'_, Held>) -> Result<(), StorageError>;
}
