//! What of usage waits for the issuer.

use super::{Sources, StateSeen, shown};
use crate::usage::{quota, quota_line};
use crate::words::{rfc3339, span};
use brink_license::UnixSeconds;
use brink_license::token::BatchVerdict;
use brink_store::UsageHealth;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Usage {
    /// Records that are not settled.
    backlog: u64,
    /// There are more than that.
    backlog_or_more: bool,
    oldest_unsettled: Option<String>,
    /// Seconds that the oldest waits by now.
    lag: Option<i64>,
    /// What the issuer said of the last batch.
    last_batch: Option<BatchVerdict>,
    /// Up to where each chain is settled.
    settled: Vec<Settled>,
    problem: Option<&'static str>,
    quotas: Vec<serde_json::Value>,
    #[serde(skip)]
    quota_lines: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Settled {
    epoch: u32,
    seq: u64,
}

const DIFFERS: &str = "the issuer has other usage of this device than its journal: its admin activates it anew (device reactivate)";
const WAS_SHORTER: &str = "an earlier copy of the journal was put back: what it lacks is reported as lost";

impl Usage {
    pub(super) fn of(sources: &Sources<'_>) -> Option<Self> {
        let backlog = sources.backlog?;
        let standing = sources.snapshot.standing();
        let receipt = sources.snapshot.bundle().and_then(|bundle| bundle.receipt());
        let last_batch = receipt.and_then(|receipt| receipt.claims().usage.as_ref()).map(|usage| usage.batch);
        let settled = match &sources.state {
            StateSeen::Open(held) => {
                held.settled.iter().map(|of| Settled { epoch: of.epoch, seq: of.cursor.seq }).collect()
            }
            StateSeen::Absent | StateSeen::Closed(_) => Vec::new(),
        };
        let oldest = backlog.oldest_ms.map(|at| UnixSeconds::new(at.div_euclid(1000)));
        let is_forked = matches!(last_batch, Some(BatchVerdict::Fork));
        let problem = match sources.health.map(|health| health.usage) {
            _ if is_forked => Some(DIFFERS),
            Some(UsageHealth::Differs) => Some(DIFFERS),
            Some(UsageHealth::WasShorter) => Some(WAS_SHORTER),
            Some(UsageHealth::Sound) | None => None,
        };
        Some(Self {
            backlog: backlog.records,
            backlog_or_more: backlog.or_more,
            oldest_unsettled: oldest.and_then(rfc3339),
            lag: oldest.map(|oldest| standing.now.since(oldest).max(0)),
            last_batch,
            settled,
            problem,
            quotas: sources.quotas.iter().map(quota).collect(),
            quota_lines: sources.quotas.iter().map(quota_line).collect(),
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![match (self.backlog, self.lag) {
            (0, _) => "usage:     everything is settled".to_owned(),
            (backlog, lag) => {
                let more = if self.backlog_or_more { "more than " } else { "" };
                let since = shown(self.oldest_unsettled.as_ref());
                let lag = span(lag.unwrap_or_default());
                format!(
                    "usage:     {more}{backlog} records are not settled, the oldest of {since}, {lag} ago"
                )
            }
        }];
        lines.extend(self.problem.map(|problem| format!("           {problem}")));
        lines.extend(self.quota_lines.iter().map(|line| format!("           {line}")));
        lines
    }
}
