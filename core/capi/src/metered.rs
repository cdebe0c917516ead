//! The plain values of metering. None owns anything.

use crate::numbers::{brink_over, brink_overage};
use crate::types::moment;
use brink_license::Code;
use brink_license::usage::Quantity;
use brink_store::journal::Recorded;
use brink_store::{MeterLine, QuotaUse};

/// An open meter: a plain value that any thread may copy and keep. All zeros are no meter's.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_meter {
    /// Which place.
    pub slot: u32,
    /// Which of the meters that had it.
    pub tag: u32,
}

/// What is counted and by whom, looked up once. Valid until its meter is closed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_line {
    /// The meter that gave it out.
    pub meter: u32,
    /// Its number there.
    pub index: u32,
}

/// How much, exactly: whole units and parts of 10^-12. 1.5 is {1, 500000000000}.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_quantity {
    /// Whole units.
    pub whole: u64,
    /// Parts of 10^-12, fewer than make a unit.
    pub trillionths: u64,
}

/// Where a use went.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_recorded {
    /// The number of its record.
    pub seq: u64,
    /// What its meter has come to with that record; the largest where it does not fit.
    pub total: brink_quantity,
    /// How it stands to its quota.
    pub overage: brink_overage,
}

/// How the quota of a meter stands.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct brink_quota {
    /// How much in the span; zero where nothing is limited.
    pub limit: brink_quantity,
    /// Recorded in the span; the largest where it does not fit.
    pub used: brink_quantity,
    /// Set aside for what is recorded later, by all processes.
    pub set_aside: brink_quantity,
    /// What may still be used; the largest where nothing is limited.
    pub remaining: brink_quantity,
    /// When the count begins again; BRINK_NEVER where only a licence begins it. Guarded time, seconds since 1970.
    pub resets_at: i64,
    /// What happens beyond the limit.
    pub over: brink_over,
    /// The licence limits this meter. Where it does not, everything is recorded.
    pub limited: bool,
    /// The journal was damaged: a quota that refuses counts as spent until the next exchange.
    pub in_doubt: bool,
    /// The licence is not in force: nothing of a quota that refuses may be used.
    pub closed: bool,
}

/// What a quantity that does not fit becomes.
const LARGEST: brink_quantity = brink_quantity { whole: u64::MAX, trillionths: 999_999_999_999 };
const NOTHING: brink_quantity = brink_quantity { whole: 0, trillionths: 0 };

impl From<Quantity> for brink_quantity {
    fn from(quantity: Quantity) -> Self {
        quantity.to_parts().map_or(LARGEST, |(whole, trillionths)| Self { whole, trillionths })
    }
}

impl TryFrom<brink_quantity> for Quantity {
    type Error = Code;
    fn try_from(brink_quantity { whole, trillionths }: brink_quantity) -> Result<Self, Code> {
        Quantity::of_parts(whole, trillionths).ok_or(Code::BadQuantity)
    }
}

impl From<MeterLine> for brink_line {
    fn from(MeterLine { tag, index }: MeterLine) -> Self {
        Self { meter: tag, index }
    }
}

impl From<brink_line> for MeterLine {
    fn from(brink_line { meter, index }: brink_line) -> Self {
        Self { tag: meter, index }
    }
}

impl From<Recorded> for brink_recorded {
    fn from(Recorded { seq, total, overage }: Recorded) -> Self {
        Self { seq, total: total.into(), overage: overage.into() }
    }
}

impl From<Option<QuotaUse>> for brink_quota {
    fn from(quota: Option<QuotaUse>) -> Self {
        let Some(quota) = quota else {
            return Self {
                limit: NOTHING,
                used: NOTHING,
                set_aside: NOTHING,
                remaining: LARGEST,
                resets_at: moment(None),
                over: brink_over::BRINK_OVER_ALLOW,
                limited: false,
                in_doubt: false,
                closed: false,
            };
        };
        Self {
            limit: quota.limit.into(),
            used: quota.used.into(),
            set_aside: quota.aside.into(),
            remaining: quota.remaining.into(),
            resets_at: moment(quota.resets_at),
            over: quota.over.into(),
            limited: true,
            in_doubt: quota.in_doubt,
            closed: quota.closed.is_some(),
        }
    }
}
