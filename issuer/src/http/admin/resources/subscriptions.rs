//! What tenants have bought, and from when on.

use super::Paging;
use super::changes::SetSubscription;
use super::sold::{self, ContractPrice, Item};
use crate::admin::AdminError;
use crate::calendar::rfc3339;
use crate::editing::Keeping;
use crate::http::admin::failure::Failure;
use crate::http::admin::input::{whole, whole_or_none};
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Handled, Reply};
use crate::objects::objects;
use crate::price::Price;
use crate::storage::{Made, SubscriptionRow, TimelineView, VersionListed};
use crate::subscription::SubscriptionOrder;
use crate::timeline::{At, Entry, Timeline, TimelineError};
use brink_license::TenantId;
use brink_license::token::Enforce;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use utoipa::{IntoParams, ToSchema};

/// A version of a subscription: what is bought from an instant on. Of those that have taken effect the one with the latest
/// instant is in force, and of several with that one the highest.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Subscription {
    /// The tenant.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// Rises by one with each that is recorded.
    version: u32,
    /// Cameras that may run at once.
    cameras: u32,
    /// Packs beyond the implied one.
    packs: Vec<Pack>,
    /// How many of other catalogue prices.
    items: Vec<Item>,
    /// Prices that the contract says in place of the catalogue's.
    prices: Vec<ContractPrice>,
    /// The trial that it grants.
    trial: Option<Trial>,
    /// What hosts do with "no".
    enforce: Enforcement,
    /// Days that one token lasts.
    days: u32,
    /// Days of flagged work after it.
    grace: u32,
    /// Days that a device may go without contact.
    offline_max: u32,
    /// The version of the catalogue that it was made from.
    catalog: u64,
    /// When it takes effect, RFC 3339.
    #[schema(format = DateTime)]
    effective_at: String,
    /// When it was recorded, RFC 3339.
    #[schema(format = DateTime)]
    set_at: String,
    /// Who recorded it; null where the audit alone says.
    set_by: Option<String>,
    /// Why, where that was said.
    reason: Option<String>,
    /// What made it.
    made: Making,
    /// The version that was taken back, or the one because of which this one says again what is bought from its instant on.
    of: Option<u32>,
    /// The later version that stands in its place.
    superseded_by: Option<u32>,
}

/// What made a version.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::http::admin) enum Making {
    /// Everything was set.
    Set,
    /// Something was changed.
    Change,
    /// A change was taken back before it took effect.
    Cancel,
    /// One of the above took effect earlier and was recorded later.
    Again,
}

impl From<&Made> for Making {
    fn from(made: &Made) -> Self {
        match made {
            Made::Set => Self::Set,
            Made::Change(_) => Self::Change,
            Made::Cancel { .. } => Self::Cancel,
            Made::Again { .. } => Self::Again,
        }
    }
}

/// A pack, and its agreed price for each camera and month where it has one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Pack {
    /// By slug or display name.
    #[schema(min_length = 1, max_length = 128, example = "retail")]
    pack: String,
    /// An exact decimal, as text.
    #[schema(max_length = 32, example = "49.00")]
    price: Option<String>,
}

/// The life of a trial.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Trial {
    /// When it began, RFC 3339.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it ends, exclusive, RFC 3339.
    #[schema(format = DateTime)]
    ends_at: String,
}

/// What hosts do with "no".
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::http::admin) enum Enforcement {
    /// Allow, and say nothing.
    Observe,
    /// Allow, and flag.
    Warn,
    /// Keep what runs, start nothing new.
    Degrade,
    /// Follow the verdict.
    Deny,
}

impl From<Enforce> for Enforcement {
    fn from(enforce: Enforce) -> Self {
        match enforce {
            Enforce::Observe => Self::Observe,
            Enforce::Warn => Self::Warn,
            Enforce::Degrade => Self::Degrade,
            Enforce::Deny => Self::Deny,
        }
    }
}

impl From<Enforcement> for Enforce {
    fn from(enforcement: Enforcement) -> Self {
        match enforcement {
            Enforcement::Observe => Self::Observe,
            Enforcement::Warn => Self::Warn,
            Enforcement::Degrade => Self::Degrade,
            Enforcement::Deny => Self::Deny,
        }
    }
}

/// What a tenant has bought; replaces what was set before, and what was to come behind it. A running trial keeps its start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewSubscription {
    /// Cameras that may run at once; a trial may leave it out.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    cameras: Option<u32>,
    /// Packs beyond the implied one.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 64)]
    packs: Vec<Pack>,
    /// How many of other catalogue prices.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 64)]
    items: Vec<Item>,
    /// Prices that the contract says in place of the catalogue's.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 64)]
    prices: Vec<ContractPrice>,
    /// Two cameras for three calendar months.
    #[serde(default)]
    trial: bool,
    /// What hosts do with "no".
    #[serde(default = "deny")]
    enforce: Enforcement,
    /// Days that one token lasts.
    #[serde(default = "month", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 400, default = 30)]
    days: u32,
    /// Days of flagged work after it.
    #[serde(default = "week", deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 30, default = 7)]
    grace: u32,
    /// Days that a device may go without contact.
    #[serde(default = "month", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 180, default = 30)]
    offline_max: u32,
    /// When it takes effect: an instant of RFC 3339, or a day of the tenant. At once unless said otherwise.
    #[schema(max_length = 64, example = "2026-04-01")]
    effective_at: Option<String>,
    /// Why; needed for what takes effect in the past.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

const fn deny() -> Enforcement {
    Enforcement::Deny
}

const fn month() -> u32 {
    30
}

const fn week() -> u32 {
    7
}

impl Subscription {
    pub(super) fn of(tenant: &TenantId, row: &SubscriptionRow, superseded_by: Option<u32>) -> Self {
        let terms = &row.terms;
        let pack = |(pack, price): (&brink_license::Slug, &Option<Price>)| Pack {
            pack: pack.to_string(),
            price: price.as_ref().map(|price| price.as_str().to_owned()),
        };
        Self {
            tenant: tenant.clone(),
            version: row.version,
            cameras: terms.cameras,
            packs: terms.packs.iter().map(pack).collect(),
            items: sold::items_of(terms),
            prices: sold::prices_of(terms),
            trial: terms.trial.map(|trial| Trial {
                started_at: rfc3339(trial.started_at),
                ends_at: rfc3339(trial.ends_at),
            }),
            enforce: terms.enforce.into(),
            days: terms.days,
            grace: terms.grace_days,
            offline_max: terms.offline_max_days,
            catalog: terms.catalog_version,
            effective_at: rfc3339(row.effective_at),
            set_at: rfc3339(row.set_at),
            set_by: row.set_by.as_ref().map(|actor| actor.0.clone()),
            reason: row.reason.clone(),
            made: (&row.made).into(),
            of: row.made.of(),
            superseded_by,
        }
    }
}

/// Which instant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct AtInstant {
    /// An instant of RFC 3339, or a day of the tenant. Now unless said otherwise.
    #[param(max_length = 64)]
    at: Option<String>,
}

/// The version in force, and the newest where that is another one: what lies ahead can be overwritten too.
fn etag(newest: Option<u32>, in_force: Option<u32>) -> Option<String> {
    let newest = newest?;
    Some(match in_force {
        Some(in_force) if in_force == newest => format!("\"v{newest}\""),
        in_force => format!("\"v{newest}-{}\"", in_force.unwrap_or(0)),
    })
}

/// An instant as somebody wrote it.
pub(super) fn at(text: Option<&str>) -> Result<At, AdminError> {
    Ok(text.map(str::parse).transpose().map_err(TimelineError::At)?.unwrap_or_default())
}

pub(in crate::http::admin) fn current(call: Call<'_, TenantId, AtInstant, ()>) -> Handled<Subscription> {
    let Call { context, at: tenant, query, .. } = call;
    let (storage, now) = (&context.admin.storage, context.admin.clock.now());
    let none = |_| Failure::unknown("NO_SUBSCRIPTION", "this tenant has no subscription then");
    let asked = at(query.at.as_deref())?;
    if asked == At::Now {
        let view = storage.tenant(&tenant, now)?;
        let current = view.current.map_err(none)?;
        let etag = etag(view.newest, Some(current.version));
        return Ok(Reply { shown: Subscription::of(&tenant, &current, None), etag });
    }
    let zone = storage.tenant_row(&tenant)?.zone;
    let instant = asked.instant(now, zone).map_err(|error| AdminError::from(TimelineError::At(error)))?;
    let then = storage.tenant(&tenant, instant)?.current.map_err(none)?;
    Ok(Subscription::of(&tenant, &then, None).into())
}

/// The newest first.
pub(in crate::http::admin) fn history(call: Call<'_, TenantId, Paging, ()>) -> Handled<Page<Subscription>> {
    let Call { context, at, query, .. } = call;
    let asked = Asked::<u32>::read(query.limit, query.cursor.as_deref())?;
    let listed = context.admin.storage.subscriptions_page(&at, asked.after, asked.limit())?;
    let shown = |listed: VersionListed| Subscription::of(&at, &listed.row, listed.superseded_by);
    Ok(asked.page(listed, |listed| listed.row.version, shown)?.into())
}

pub(in crate::http::admin) fn set(call: Call<'_, TenantId, (), NewSubscription>) -> Handled<SetSubscription> {
    let Call { context, at: tenant, mut body, .. } = call;
    let entry = Entry { at: at(body.effective_at.as_deref())?, reason: body.reason.take() };
    let (order, now) = (order(body)?, context.admin.clock.now());
    let found = RefCell::new(None);
    let expected = |view: &TimelineView| {
        let in_force = Timeline::new(&view.versions).in_force(now).map(|row| row.version);
        let tag = etag(view.versions.last().map(|row| row.version), in_force);
        let is_expected = context.if_match.allows(tag.as_deref());
        found.replace(tag);
        is_expected
    };
    let keeping = Keeping { expected: &expected, is_kept: true };
    match context.admin.replace_subscription(&tenant, &order, &entry, &keeping) {
        Ok(recorded) => {
            let etag = etag(Some(recorded.newest()), recorded.in_force);
            Ok(Reply { shown: SetSubscription::of(&tenant, &recorded), etag })
        }
        Err(AdminError::Stale) => Err(context.if_match.refusal(found.into_inner())),
        Err(error) => Err(error.into()),
    }
}

/// Packs as they come in a body.
pub(super) fn packs(packs: Vec<Pack>) -> Result<Vec<(String, Option<Price>)>, Failure> {
    let pack = |Pack { pack, price }: Pack| {
        let price = price.map(|price| price.parse::<Price>()).transpose();
        let price = price.map_err(|error| Failure::invalid("PRICE", format!("price: {error}")))?;
        Ok((pack, price))
    };
    packs.into_iter().map(pack).collect()
}

fn order(body: NewSubscription) -> Result<SubscriptionOrder, Failure> {
    Ok(SubscriptionOrder {
        cameras: body.cameras,
        packs: packs(body.packs)?,
        items: sold::items(body.items),
        prices: sold::prices(body.prices)?,
        trial: body.trial,
        enforce: body.enforce.into(),
        days: body.days,
        grace_days: body.grace,
        offline_max_days: body.offline_max,
    })
}
