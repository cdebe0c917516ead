//! What is in force for metered work, as a gate knows it. Never read from the journal, which every host may write.

use brink_license::clock::State;
use brink_license::usage::{Allowance, Quotas};
use brink_license::{Slug, UnixSeconds};
use std::sync::Arc;

/// The quotas in force at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The verified licence's; `None` without one.
    pub(crate) quotas: Option<Arc<Quotas>>,
    /// The licence's state.
    pub(crate) state: State,
    /// The guarded time: what is recorded is not recorded as earlier.
    pub(crate) now: UnixSeconds,
}

impl Terms {
    /// Of somebody who knows of no licence: everything is recorded and nothing refused.
    pub(crate) fn none() -> Self {
        Self { quotas: None, state: State::Unlicensed, now: UnixSeconds::new(i64::MIN) }
    }

    /// What it allows of a meter at this moment.
    pub(crate) fn allowance(&self, meter: &Slug, at: UnixSeconds) -> Option<Allowance> {
        self.quotas.as_ref()?.allowance(meter, self.state, at)
    }
}
