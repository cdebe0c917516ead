//! What an issuer does by itself from day to day: nothing grows for ever. Any number of processes may run it; one at a time
//! does it.

use crate::calendar::rfc3339;
use crate::clock::Clock;
use crate::storage::{Storage, StorageError, UpkeepOrder, Upkept};
use crate::trials::Reminded;
use crate::usage::moment::LATE_DAYS_MAX;
use std::str::FromStr;

/// Fewest days that a record is kept: late usage is taken for 400, and a device has what was acknowledged for 35 more and may
/// be asked for it again.
const RAW_DAYS_MIN: u32 = LATE_DAYS_MAX as u32 + 35;
/// Where nobody says how many: an invoice of a year, and a year to question it.
const RAW_DAYS: u32 = 800;

/// For how many days after it came a record of usage is kept, whole; its sums and what was signed about it stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRetention(u32);

impl Default for RawRetention {
    fn default() -> Self {
        Self(RAW_DAYS)
    }
}

impl std::fmt::Display for RawRetention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Fewer days than usage may still be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "records of usage are kept for at least {RAW_DAYS_MIN} days, because late ones are taken for {LATE_DAYS_MAX}; give a larger number"
)]
pub struct TooShort;

impl FromStr for RawRetention {
    type Err = TooShort;
    fn from_str(text: &str) -> Result<Self, TooShort> {
        text.parse().ok().filter(|days| *days >= RAW_DAYS_MIN).map(Self).ok_or(TooShort)
    }
}

/// Does what is due; `None` where another process is at it.
pub fn keep_up(
    storage: &dyn Storage,
    clock: &dyn Clock,
    retention: RawRetention,
) -> Result<Option<Upkept>, StorageError> {
    storage.keep_up(&UpkeepOrder { now: clock.now(), raw_days: Some(retention.0) })
}

/// What was said of the end of a trial, for the log.
pub(crate) fn log_reminded(reminded: &Reminded) {
    let (tenant, days) = (&reminded.tenant, reminded.reminder.days);
    let ends_at = rfc3339(reminded.reminder.trial.ends_at);
    if days == 0 {
        tracing::info!(%tenant, %ends_at, "a trial has ended, and nothing took its place");
    } else {
        tracing::info!(%tenant, days, %ends_at, "a trial ends soon");
    }
}

/// What was done, for the log.
pub(crate) fn log(done: &Upkept) {
    for dropped in &done.dropped {
        let (from, to, records) = (dropped.days.start, dropped.days.end, dropped.records);
        tracing::info!(from, to, records, "records of usage are dropped: their time is over");
    }
    if done.postponed {
        tracing::warn!("others used the records of usage for too long; what is left is done later");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_dropped_that_usage_may_still_be_asked_for() {
        for short in ["", "0", "434", "-1", "1e9", "800 days"] {
            assert_eq!(short.parse::<RawRetention>(), Err(TooShort), "{short:?}");
        }
        assert_eq!("435".parse(), Ok(RawRetention(435)));
        assert_eq!(RawRetention::default().to_string().parse(), Ok(RawRetention::default()));
    }
}
