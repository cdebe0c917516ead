//! What tenants have bought.

use super::Paging;
use crate::admin::AdminError;
use crate::calendar::rfc3339;
use crate::http::admin::failure::Failure;
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Handled, NoQuery, Reply};
use crate::storage::{SubscriptionRow, SubscriptionView};
use crate::subscription::SubscriptionOrder;
use brink_license::TenantId;
use brink_license::token::Enforce;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use utoipa::ToSchema;

/// A version of a subscription. The highest one is in force.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Subscription {
    /// The tenant.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// Rises by one with each setting.
    version: u32,
    /// Cameras that may run at once.
    cameras: u32,
    /// Packs beyond the implied one.
    packs: Vec<Pack>,
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
    /// When it came into force, RFC 3339.
    #[schema(format = DateTime)]
    set_at: String,
}

/// A pack, and its agreed price for each camera and month where it has one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Pack {
    /// By slug or display name.
    #[schema(min_length = 1, max_length = 128, example = "retail")]
    pack: String,
    /// An exact decimal, as text.
    #[schema(max_length = 32, pattern = "^[0-9]{1,9}(\\.[0-9]{1,2})?$", example = "49.00")]
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

/// What a tenant has bought; replaces what was set before. A running trial keeps its start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewSubscription {
    /// Cameras that may run at once; a trial may leave it out.
    #[schema(minimum = 0, maximum = 1_000_000)]
    cameras: Option<u32>,
    /// Packs beyond the implied one.
    #[serde(default)]
    #[schema(max_items = 64)]
    packs: Vec<Pack>,
    /// Two cameras for three calendar months.
    #[serde(default)]
    trial: bool,
    /// What hosts do with "no".
    #[serde(default = "deny")]
    enforce: Enforcement,
    /// Days that one token lasts.
    #[serde(default = "month")]
    #[schema(minimum = 1, maximum = 400, default = 30)]
    days: u32,
    /// Days of flagged work after it.
    #[serde(default = "week")]
    #[schema(minimum = 0, maximum = 30, default = 7)]
    grace: u32,
    /// Days that a device may go without contact.
    #[serde(default = "month")]
    #[schema(minimum = 1, maximum = 180, default = 30)]
    offline_max: u32,
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
    fn of(tenant: &TenantId, row: &SubscriptionRow) -> Self {
        let pack = |(pack, price): (&brink_license::Slug, &Option<crate::price::Price>)| Pack {
            pack: pack.to_string(),
            price: price.as_ref().map(|price| price.as_str().to_owned()),
        };
        Self {
            tenant: tenant.clone(),
            version: row.version,
            cameras: row.cameras,
            packs: row.packs.iter().map(pack).collect(),
            trial: row.trial.map(|trial| Trial {
                started_at: rfc3339(trial.started_at),
                ends_at: rfc3339(trial.ends_at),
            }),
            enforce: row.enforce.into(),
            days: row.days,
            grace: row.grace_days,
            offline_max: row.offline_max_days,
            catalog: row.catalog_version,
            set_at: rfc3339(row.set_at),
        }
    }
}

/// Versions rise by one, and a version never changes.
fn etag(row: &SubscriptionRow) -> String {
    format!("\"v{}\"", row.version)
}

fn versioned(tenant: &TenantId, row: &SubscriptionRow) -> Reply<Subscription> {
    Reply { shown: Subscription::of(tenant, row), etag: Some(etag(row)) }
}

pub(in crate::http::admin) fn current(call: Call<'_, TenantId, NoQuery, ()>) -> Handled<Subscription> {
    let view = call.context.admin.storage.tenant(&call.at)?;
    let none = || Failure::unknown("NO_SUBSCRIPTION", "this tenant has no subscription yet");
    Ok(versioned(&call.at, &view.current.ok_or_else(none)?))
}

/// The newest first.
pub(in crate::http::admin) fn history(call: Call<'_, TenantId, Paging, ()>) -> Handled<Page<Subscription>> {
    let Call { context, at, query, .. } = call;
    let asked = Asked::<u32>::read(query.limit, query.cursor.as_deref())?;
    let rows = context.admin.storage.subscriptions_page(&at, asked.after, asked.limit())?;
    Ok(asked.page(rows, |row| row.version, |row| Subscription::of(&at, &row))?.into())
}

pub(in crate::http::admin) fn set(call: Call<'_, TenantId, (), NewSubscription>) -> Handled<Subscription> {
    let Call { context, at, body, .. } = call;
    let order = order(body)?;
    let found = RefCell::new(None);
    let expected = |view: &SubscriptionView| {
        let current = view.current.as_ref().map(etag);
        let is_expected = context.if_match.allows(current.as_deref());
        found.replace(current);
        is_expected
    };
    match context.admin.replace_subscription(&at, &order, &expected) {
        Ok(row) => Ok(versioned(&at, &row)),
        Err(AdminError::Stale) => Err(context.if_match.refusal(found.into_inner())),
        Err(error) => Err(error.into()),
    }
}

fn order(body: NewSubscription) -> Result<SubscriptionOrder, Failure> {
    let pack = |Pack { pack, price }: Pack| {
        let price = price.map(|price| price.parse::<crate::price::Price>()).transpose();
        let price = price.map_err(|error| {
            Failure::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "PRICE", error.to_string())
        })?;
        Ok((pack, price))
    };
    Ok(SubscriptionOrder {
        cameras: body.cameras,
        packs: body.packs.into_iter().map(pack).collect::<Result<_, Failure>>()?,
        trial: body.trial,
        enforce: body.enforce.into(),
        days: body.days,
        grace_days: body.grace,
        offline_max_days: body.offline_max,
    })
}
