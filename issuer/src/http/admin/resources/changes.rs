//! Changes of what tenants have bought.

use super::sold::{ContractPrice, ItemChange, item_changes, prices};
use super::subscriptions::{Enforcement, Pack, Subscription, at, packs};
use crate::calendar::rfc3339;
use crate::editing::Keeping;
use crate::http::admin::failure::Failure;
use crate::http::admin::input::{signed_or_none, whole, whole_or_none};
use crate::http::admin::route::{Call, Handled};
use crate::objects::objects;
use crate::timeline::{ChangeOrder, Entry, QuantityDelta, Recorded};
use brink_license::TenantId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be different from an instant on; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewChange {
    /// So many cameras may run at once.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    cameras: Option<u32>,
    /// So many more than there are then, or fewer, in place of `cameras`.
    #[serde(default, deserialize_with = "signed_or_none")]
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    cameras_by: Option<i32>,
    /// Packs to add, or whose prices to change.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 64)]
    packs: Vec<Pack>,
    /// Packs to remove, by slug or display name.
    #[serde(default)]
    #[schema(max_items = 64)]
    remove_packs: Vec<String>,
    /// How many of other catalogue prices.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 64)]
    items: Vec<ItemChange>,
    /// Prices that the contract says in place of the catalogue's.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 64)]
    prices: Vec<ContractPrice>,
    /// Names of prices that the catalogue says again, from the next period on.
    #[serde(default)]
    #[schema(max_items = 64)]
    catalog_prices: Vec<String>,
    /// What hosts do with "no".
    enforce: Option<Enforcement>,
    /// Days that one token lasts.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 400)]
    days: Option<u32>,
    /// Days of flagged work after it.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 30)]
    grace: Option<u32>,
    /// Days that a device may go without contact.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 180)]
    offline_max: Option<u32>,
    /// When it takes effect: an instant of RFC 3339, or a day of the tenant. At once unless said otherwise.
    #[schema(max_length = 64, example = "2026-04-01")]
    effective_at: Option<String>,
    /// Why; needed for what takes effect in the past.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// A change to take back that has not taken effect yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Cancellation {
    /// The version that it made.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 1)]
    version: u32,
    /// Why.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// What was recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Change {
    /// What is bought from the instant of the change on.
    version: Subscription,
    /// What is bought from later instants on, at which something else changes.
    again: Vec<Subscription>,
    /// When fewer cameras will be subscribed than are assigned by name now.
    below_assigned: Option<BelowAssigned>,
}

/// What was set, and what was recorded with it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct SetSubscription {
    #[serde(flatten)]
    version: Subscription,
    /// What is bought from later instants on, at which something else was to change.
    again: Vec<Subscription>,
    /// When fewer cameras will be subscribed than are assigned by name now.
    below_assigned: Option<BelowAssigned>,
}

/// Fewer cameras than are assigned by name.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct BelowAssigned {
    /// From then on, RFC 3339.
    #[schema(format = DateTime)]
    from: String,
    /// So many are subscribed then.
    cameras: u32,
}

impl Change {
    fn of(tenant: &TenantId, recorded: &Recorded) -> Self {
        let below = recorded.below_assigned;
        Self {
            version: Subscription::of(tenant, &recorded.version, None),
            again: recorded.again.iter().map(|row| Subscription::of(tenant, row, None)).collect(),
            below_assigned: below.map(|(from, cameras)| BelowAssigned { from: rfc3339(from), cameras }),
        }
    }
}

impl SetSubscription {
    pub(super) fn of(tenant: &TenantId, recorded: &Recorded) -> Self {
        let Change { version, again, below_assigned } = Change::of(tenant, recorded);
        Self { version, again, below_assigned }
    }
}

pub(in crate::http::admin) fn change(call: Call<'_, TenantId, (), NewChange>) -> Handled<Change> {
    let Call { context, at: tenant, mut body, .. } = call;
    let entry = Entry { at: at(body.effective_at.as_deref())?, reason: body.reason.take() };
    let order = order(body)?;
    let recorded = context.admin.change_subscription(&tenant, &order, &entry, &Keeping::all())?;
    Ok(Change::of(&tenant, &recorded).into())
}

fn order(body: NewChange) -> Result<ChangeOrder, Failure> {
    let cameras = match (body.cameras, body.cameras_by) {
        (Some(_), Some(_)) => {
            let detail = "give cameras or cameras_by, and not both";
            return Err(Failure::invalid("CAMERAS_TWICE", detail));
        }
        (Some(to), None) => Some(QuantityDelta::To(to)),
        (None, by) => by.map(QuantityDelta::By),
    };
    let agreed = prices(body.prices)?.into_iter().map(|(name, agreed)| (name, Some(agreed)));
    Ok(ChangeOrder {
        cameras,
        packs: packs(body.packs)?,
        remove_packs: body.remove_packs,
        items: item_changes(body.items)?,
        prices: agreed.chain(body.catalog_prices.into_iter().map(|name| (name, None))).collect(),
        enforce: body.enforce.map(Into::into),
        days: body.days,
        grace_days: body.grace,
        offline_max_days: body.offline_max,
    })
}

pub(in crate::http::admin) fn cancel(call: Call<'_, TenantId, (), Cancellation>) -> Handled<Change> {
    let Call { context, at: tenant, body, .. } = call;
    let (admin, reason) = (&context.admin, body.reason.as_deref());
    let recorded = admin.cancel_change(&tenant, body.version, reason, &Keeping::all())?;
    Ok(Change::of(&tenant, &recorded).into())
}
