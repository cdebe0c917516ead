//! What devices bring and get.

use super::tally::Tally;
use crate::storage::{QuarantineReason, StorageError};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds: from an agent that is asked every few minutes to a site that was offline for a year.
const LAG_BUCKETS: [f64; 10] =
    [60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0, 7_776_000.0, 31_536_000.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What devices bring and get.
#[derive(Clone, Debug)]
pub(crate) struct ExchangeMetrics {
    activations: Counter,
    exchanges: Counter,
    replays: Family<Kind, Counter>,
    minted: Counter,
    batches: Family<Verdict, Counter>,
    booked: Counter,
    quarantined: Family<Reason, Counter>,
    usage_lag: Histogram,
    exchange_lag: Histogram,
    database_errors: Family<Kind, Counter>,
}

impl ExchangeMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self {
            activations: Counter::default(),
            exchanges: Counter::default(),
            replays: Family::default(),
            minted: Counter::default(),
            batches: Family::default(),
            booked: Counter::default(),
            quarantined: Family::default(),
            usage_lag: Histogram::new(LAG_BUCKETS),
            exchange_lag: Histogram::new(LAG_BUCKETS),
            database_errors: Family::default(),
        };
        registry.register("activations", "Activations that were answered", new.activations.clone());
        registry.register("exchanges", "Exchanges that were answered", new.exchanges.clone());
        let help = "Requests that were answered before and got the same bytes again";
        registry.register("replays", help, new.replays.clone());
        registry.register("licences_minted", "Licences that were minted", new.minted.clone());
        registry.register("usage_batches", "What came of batches of usage", new.batches.clone());
        registry.register("usage_records_booked", "Records that went into the sums", new.booked.clone());
        let help = "Records that were set aside";
        registry.register("usage_records_quarantined", help, new.quarantined.clone());
        let help = "How old the oldest record of a batch was when it was booked";
        registry.register_with_unit("usage_lag", help, Unit::Seconds, new.usage_lag.clone());
        let help = "How long ago the same device had exchanged before";
        registry.register_with_unit("exchange_lag", help, Unit::Seconds, new.exchange_lag.clone());
        let help = "What the database refused or failed at";
        registry.register("database_errors", help, new.database_errors.clone());
        new.begin_at_zero();
        new
    }

    /// What has not happened yet is 0 and not absent: a rate over what is absent is no number.
    fn begin_at_zero(&self) {
        use QuarantineReason::{Cap, Late, Total, Unreadable};
        for reason in [Unreadable, Total, Cap, Late] {
            drop(self.quarantined.get_or_create(&Reason { reason: reason.as_str() }));
        }
        for verdict in ["taken", "gap", "fork", "bad"] {
            drop(self.batches.get_or_create(&Verdict { verdict }));
        }
        for kind in ["activate", "exchange"] {
            drop(self.replays.get_or_create(&Kind { kind }));
        }
    }

    /// An activation that is on record.
    pub(crate) fn activated(&self, tally: &Tally) {
        self.activations.inc();
        self.count(tally);
    }

    /// An exchange that is on record.
    pub(crate) fn exchanged(&self, tally: &Tally) {
        self.exchanges.inc();
        self.count(tally);
    }

    fn count(&self, tally: &Tally) {
        self.minted.inc_by(u64::from(tally.minted));
        if let Some(verdict) = tally.verdict {
            self.batches.get_or_create(&Verdict { verdict }).inc();
        }
        self.booked.inc_by(tally.booked);
        for reason in &tally.quarantined {
            self.quarantined.get_or_create(&Reason { reason: reason.as_str() }).inc();
        }
        if let Some(seconds) = tally.usage_lag_seconds {
            self.usage_lag.observe(seconds);
        }
        if let Some(seconds) = tally.exchange_lag_seconds {
            self.exchange_lag.observe(seconds);
        }
    }

    /// A request that was answered before.
    pub(crate) fn replayed(&self, kind: &'static str) {
        self.replays.get_or_create(&Kind { kind }).inc();
    }

    /// What the database could not do. That something is unknown to it is no error of its own.
    pub(crate) fn database_failed(&self, error: &StorageError) {
        if error.is_failure() {
            self.database_errors.get_or_create(&Kind { kind: error.code() }).inc();
        }
    }
}
