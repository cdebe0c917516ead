//! What plans see and record of usage.

use brink_license::usage::{Hash, Head, Quantity};
use brink_license::{Kid, ResourceId, Slug, TenantId};
use std::collections::BTreeMap;

/// What a request asks of usage, to be read with its device.
#[derive(Clone, Debug, Default)]
pub struct UsageAsked {
    /// The activations whose chains it speaks of.
    pub epochs: Vec<u32>,
    /// The batch that it brings.
    pub batch: Option<BatchAsked>,
}

/// Of a batch, what has to be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchAsked {
    /// The activation that it belongs to.
    pub epoch: u32,
    /// The number of its first record.
    pub first: u64,
    /// The number of its last record.
    pub last: u64,
}

/// What is on record of the chains that a request speaks of.
#[derive(Clone, Debug, Default)]
pub struct UsageView {
    /// By activation; one that never was is absent.
    pub chains: BTreeMap<u32, ChainView>,
    /// Of the batch's chain, the record with the highest number that the batch reaches. It may be absent where the batch
    /// begins behind the cursor: nothing in it was sent before.
    pub reached: Option<StoredRecord>,
    /// Whether that record is absent because it was dropped, years after its time.
    pub dropped: bool,
    /// What each meter has come to in the batch's chain, as its next record has to continue it.
    pub totals: BTreeMap<Slug, Quantity>,
}

/// An activation, and what is on record of its chain.
#[derive(Clone, Debug)]
pub struct ChainView {
    /// Whose usage it is, for good.
    pub tenant: TenantId,
    /// The key of that activation.
    pub jkt: Kid,
    /// When it began, in milliseconds; nothing was used before.
    pub began_ms: i64,
    /// Where it stands; `None` before it was spoken of.
    pub cursor: Option<CursorRow>,
}

impl ChainView {
    /// Of a chain that the issuer keeps itself: its cursor says all.
    #[must_use]
    pub fn issuers_own(cursor: CursorRow) -> Self {
        Self { tenant: cursor.tenant.clone(), jkt: cursor.jkt, began_ms: 0, cursor: Some(cursor) }
    }
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its number; of sums, that of their last record.
    pub seq: u64,
    /// The number of the first record that it stands for.
    pub from: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Up to where a chain is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorRow {
    /// The activation that began it.
    pub epoch: u32,
    /// Whose usage it is.
    pub tenant: TenantId,
    /// The key of that activation.
    pub jkt: Kid,
    /// The last record.
    pub head: Head,
    /// The moment of the last record whose own clock was believed, in milliseconds.
    pub event_ms: i64,
    /// Whether nothing follows.
    pub closed: bool,
    /// Whether a loss made unknown what meters without a row have come to.
    pub incomplete: bool,
    /// Since when nothing more is taken, in milliseconds.
    pub forked_at: Option<i64>,
    /// Up to where a receipt of ours had it that is not on record any more.
    pub acknowledged: Option<Head>,
    /// The last record at the device, as it says.
    pub reported: Head,
    /// How often its journal went on after damage, as it says.
    pub recoveries: u32,
    /// When it last said so, in milliseconds.
    pub received_ms: i64,
}

/// What an exchange records of usage.
#[derive(Clone, Debug, Default)]
pub struct NewUsage {
    /// Cursors as they are from now on.
    pub cursors: Vec<CursorRow>,
    /// What came with the batch.
    pub batch: Option<NewBatch>,
    /// Two words of the device that cannot both be true.
    pub fork: Option<NewFork>,
}

/// Records to add to one chain, and what follows from them.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// The chain.
    pub epoch: u32,
    /// Whose usage it is.
    pub tenant: TenantId,
    /// When it came, in milliseconds.
    pub received_ms: i64,
    /// The records, in their order.
    pub records: Vec<NewRecord>,
    /// What they add to the sums.
    pub sums: BTreeMap<SumKey, Sum>,
    /// Whether what meters had come to before is forgotten.
    pub totals_lost: bool,
    /// What meters have come to with the batch.
    pub totals: BTreeMap<Slug, Quantity>,
    /// Numbers that will never come.
    pub losses: Vec<NewLoss>,
    /// Who said so.
    pub evidence: Evidence,
}

/// A record to add.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// Its number; of sums, that of their last record.
    pub seq: u64,
    /// The number of the first record that it stands for.
    pub from: u64,
    /// When it was, in milliseconds.
    pub event_ms: i64,
    /// Of sums, the moment that none of their quarters is before.
    pub floor_ms: Option<i64>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Why it is in no sum.
    pub quarantine: Option<Quarantine>,
}

/// Why a record is in no sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The kind.
    pub reason: QuarantineReason,
    /// In words.
    pub detail: String,
}

/// The kinds of what sets a record aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineReason {
    /// Its bytes are of another version, or none.
    Unreadable,
    /// Its total, or those of its sums, do not continue the records before it.
    Total,
    /// More than one use of its meter can be.
    Cap,
    /// Too long ago to be on any invoice.
    Late,
}

impl QuarantineReason {
    /// The word in the database, messages and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "UNREADABLE",
            Self::Total => "TOTAL",
            Self::Cap => "CAP",
            Self::Late => "LATE",
        }
    }
}

/// What a sum is of, within a device and its customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SumKey {
    /// The quarter of an hour, counted from 1970.
    pub quarter: i64,
    /// What was used, by the catalogue's name.
    pub meter: Slug,
    /// By which camera, or what else; `None` for the device as a whole.
    pub resource: Option<ResourceId>,
}

/// A sum. Nothing overflows: what cannot be counted any more stays at the largest number, in whatever order it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How much, in units of 10^-12.
    pub quantity: u128,
    /// How many uses.
    pub count: i64,
    /// How many records of the device.
    pub records: i64,
}

impl Sum {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            quantity: self.quantity.saturating_add(other.quantity),
            count: self.count.saturating_add(other.count),
            records: self.records.saturating_add(other.records),
        }
    }
}

/// Numbers that will never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewLoss {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// Why.
    pub reason: LossReason,
}

/// Why numbers never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LossReason {
    /// The device's journal was damaged and went on behind them.
    Recovered,
    /// The database was put back, and the device has them no more.
    Restored,
}

impl LossReason {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Restored => "restored",
        }
    }
}

/// Who said what, for anybody with the public keys.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The number that both speak of.
    pub seq: u64,
    /// The key that signed the checkpoint; zeros for one that nobody signed.
    pub device_key: [u8; 32],
    /// The device's word.
    pub checkpoint: String,
    /// The issuer's.
    pub receipt: String,
}

/// What stands before the hash in the checkpoint of a chain that the issuer keeps itself.
const UNSIGNED: &str = "unsigned:";

impl Evidence {
    /// Of a chain that the issuer keeps itself: nobody has signed it, and it says where the chain stood.
    #[must_use]
    pub fn unsigned(head: Head) -> Self {
        let checkpoint = format!("{UNSIGNED}{}", crate::secret::hex(&head.hash));
        Self { seq: head.seq, device_key: [0; 32], checkpoint, receipt: String::new() }
    }

    /// The hash that such a checkpoint says; `None` for any other.
    #[must_use]
    pub fn unsigned_hash(checkpoint: &str) -> Option<Hash> {
        let digits = checkpoint.strip_prefix(UNSIGNED)?;
        let mut hash = Hash::default();
        if digits.len() != 2 * hash.len() || !digits.is_ascii() {
            return None;
        }
        for (place, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some(hash)
    }
}

/// A checkpoint that contradicts what is on record; the one that is on record is kept beside it.
#[derive(Clone, Debug)]
pub struct NewFork {
    /// The chain.
    pub epoch: u32,
    /// The record from which on they differ.
    pub seq: u64,
    /// The word that was not taken.
    pub other: String,
    /// In words.
    pub detail: String,
    /// When, in milliseconds.
    pub at_ms: i64,
}

/// A sum as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumRow {
    /// Whose usage it is.
    pub tenant: TenantId,
    /// Of what.
    pub key: SumKey,
    /// How much.
    pub sum: Sum,
}

/// A record as it is read again, to be counted once more.
#[derive(Clone, Debug)]
pub struct RecountedRecord {
    /// Whose usage it is.
    pub tenant: TenantId,
    /// When it came, in milliseconds.
    pub received_ms: i64,
    /// When it was, in milliseconds.
    pub event_ms: i64,
    /// Of sums, the moment that none of their quarters is before.
    pub floor_ms: Option<i64>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}
