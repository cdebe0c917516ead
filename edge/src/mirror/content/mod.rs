//! What is mirrored of a device, made of one look at it. Pure: the time is the snapshot's.

mod documents;
mod rows;

pub(super) use documents::{Class, Document, documents};
pub(super) use rows::{Rows, rows, settled};

use super::facts::Facts;
use crate::environment::ManagementTier;
use crate::view::View;
use brink_license::clock::Standing;
use brink_license::usage::Genesis;
use brink_license::{DeviceId, UnixSeconds};
use brink_store::QuotaUse;
use brink_store::journal::{UsageBook, UsageError};

/// One look at the device.
#[derive(Debug)]
pub struct Seen {
    pub(super) view: View,
    /// How the quotas stand; `None` where the licence has some and the journal cannot be read.
    pub(super) quotas: Option<Vec<QuotaUse>>,
    /// What the agent said, where it did.
    pub(super) facts: Option<Box<Facts>>,
    pub(super) book: Result<UsageBook, UsageError>,
    pub(super) tier: ManagementTier,
}

/// Whose the device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) tenant: String,
    pub(super) device: String,
}

impl Seen {
    /// By the licence, or by what the agent keeps of the activation where the licence is gone.
    pub(super) fn owner(&self) -> Option<Owner> {
        let licensed = self.view.claims().map(|claims| (claims.tenant.to_string(), claims.dev.to_string()));
        let kept = self.facts.as_ref().and_then(|facts| facts.identity.as_ref());
        let kept = kept.map(|identity| (identity.tenant.to_string(), identity.device.to_string()));
        licensed.or(kept).map(|(tenant, device)| Owner { tenant, device })
    }

    /// Whose usage a chain has that this activation began, by the licence or by what the agent keeps; `None` for any other's.
    pub(super) fn tenant_of(&self, Genesis { device, epoch, .. }: &Genesis) -> Option<&str> {
        let licensed = self.view.claims().map(|of| (&of.tenant, &of.dev, of.epoch));
        let kept = self.facts.as_ref().and_then(|facts| facts.identity.as_ref());
        let kept = kept.map(|of| (&of.tenant, &of.device, of.epoch));
        let began = |(_, of, at): &(_, &DeviceId, u32)| (*of, *at) == (device, *epoch);
        licensed.into_iter().chain(kept).find(began).map(|(tenant, ..)| tenant.as_str())
    }

    /// The guarded time of the look.
    pub(super) fn now(&self) -> UnixSeconds {
        self.standing().now
    }

    fn standing(&self) -> &Standing {
        self.view.standing()
    }

    /// When what is not allowed now may change by itself.
    fn next_change(&self) -> Option<UnixSeconds> {
        self.standing().next_transition_at
    }
}

/// Seconds since 1970; `None` for what is no moment but a limit.
fn seconds(moment: UnixSeconds) -> Option<i64> {
    (moment <= UnixSeconds::MAX_NUMERIC_DATE).then(|| moment.as_i64())
}
