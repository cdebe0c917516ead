//! What one request came to.

use crate::storage::{Posting, QuarantineReason};
use brink_license::UnixSeconds;
use brink_license::token::BatchVerdict;

/// What one request came to, to be counted once its transaction is committed: a plan may run more than once.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(super) minted: bool,
    pub(super) verdict: Option<&'static str>,
    pub(super) booked: u64,
    pub(super) quarantined: Vec<QuarantineReason>,
    pub(super) usage_lag_seconds: Option<f64>,
    pub(super) exchange_lag_seconds: Option<f64>,
}

impl Tally {
    /// Of what is recorded; `last` is when the device had exchanged before.
    pub(crate) fn of(posting: Option<&Posting>, (now, last): (UnixSeconds, Option<UnixSeconds>)) -> Self {
        let Some(posting) = posting else { return Self::default() };
        let batch = posting.usage.as_ref().and_then(|usage| usage.batch.as_ref());
        let records = batch.map(|batch| batch.records.as_slice()).unwrap_or_default();
        let quarantined: Vec<_> =
            records.iter().filter_map(|record| record.quarantine.as_ref()).map(|why| why.reason).collect();
        let oldest_ms = records.iter().map(|record| record.event_ms).min();
        Self {
            minted: posting.licence.is_some(),
            verdict: None,
            booked: (records.len() - quarantined.len()) as u64,
            quarantined,
            usage_lag_seconds: oldest_ms.map(|oldest| seconds(now.as_i64() - oldest.div_euclid(1000))),
            exchange_lag_seconds: last.map(|last| seconds(now.since(last))),
        }
    }

    /// With what the receipt says of the batch.
    pub(crate) fn with_verdict(mut self, verdict: Option<BatchVerdict>) -> Self {
        self.verdict = verdict.and_then(|verdict| match verdict {
            BatchVerdict::None => None,
            BatchVerdict::Taken => Some("taken"),
            BatchVerdict::Gap => Some("gap"),
            BatchVerdict::Fork => Some("fork"),
            BatchVerdict::Bad => Some("bad"),
        });
        self
    }
}

/// A clock that was set back makes no negative wait.
fn seconds(elapsed: i64) -> f64 {
    // Exact below 2^53 s, which is no wait.
    u32::try_from(elapsed.max(0)).map_or(f64::from(u32::MAX), f64::from)
}
