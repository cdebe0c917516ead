//! The plain values of metering. None owns anything.

use crate::types::moment;
use brink_license::Code;
use brink_license::token::Over;
use brink_license::usage::{Overage, Quantity};
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

/// What happens beyond a quota.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brink_over {
    /// It is recorded.
    BRINK_OVER_ALLOW = 1,
    /// It is recorded and flagged.
    BRINK_OVER_WARN = 2,
    /// It is refused with BRINK_QUOTA_EXCEEDED.
    BRINK_OVER_DENY = 3,
}

/// How a use that was recorded stands to its quota.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brink_overage {
    /// Within it, or there is none.
    BRINK_OVERAGE_WITHIN = 1,
    /// Beyond it, which the licence allows.
    BRINK_OVERAGE_OVER = 2,
    /// Beyond it or beyond its reservation, and somebody should be told.
    BRINK_OVERAGE_FLAGGED = 3,
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

impl From<Over> for brink_over {
    fn from(over: Over) -> Self {
        match over {
            Over::Allow => brink_over::BRINK_OVER_ALLOW,
            Over::Warn => brink_over::BRINK_OVER_WARN,
            Over::Deny => brink_over::BRINK_OVER_DENY,
        }
    }
}

impl From<Overage> for brink_overage {
    fn from(overage: Overage) -> Self {
        match overage {
            Overage::Within => brink_overage::BRINK_OVERAGE_WITHIN,
            Overage::Over => brink_overage::BRINK_OVERAGE_OVER,
            Overage::Flagged => brink_overage::BRINK_OVERAGE_FLAGGED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_what_becomes_of_usage_is_its_own() {
        assert_eq!([Over::Allow, Over::Warn, Over::Deny].map(|over| brink_over::from(over) as u8), [1, 2, 3]);
        let overages = [Overage::Within, Overage::Over, Overage::Flagged];
        assert_eq!(overages.map(|overage| brink_overage::from(overage) as u8), [1, 2, 3]);
    }
}
