//! Corrections: records are never edited, so what was wrong is added or taken away beside them, with who and why.

use super::BooksError;
use super::bucket::{Grain, bucket};
use super::period::{Bound, begins};
use crate::admin::{Admin, ran};
use crate::amount::Amount;
use crate::calendar::{local_midnight, rfc3339};
use crate::standing::is_reason;
use crate::storage::{
    AuditNote, CorrectionPlace, CorrectionRow, CorrectionView, NewCorrection, StorageError,
};
use brink_license::usage::QUARTER_MS;
use brink_license::{DeviceId, ResourceId, Slug, TenantId, UnixSeconds};
use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use std::ops::Range;

/// A correction to make.
#[derive(Clone, Debug)]
pub struct CorrectionOrder {
    /// Whose.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// The meter.
    pub meter: Slug,
    /// The camera, or what else; `None` for the device as a whole.
    pub resource: Option<ResourceId>,
    /// When it was used: any moment in its quarter of an hour.
    pub at: UnixSeconds,
    /// How much is added, or taken away.
    pub quantity: Amount,
    /// Why.
    pub reason: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Corrected {
    /// The meter, by the catalogue's name.
    pub meter: Slug,
    /// The tenant's month.
    pub month: String,
    /// When the quarter of an hour begins.
    pub quarter: UnixSeconds,
    /// What the month came to in this meter before.
    pub before: Amount,
    /// And now.
    pub after: Amount,
}

impl Admin {
    /// Adds a correction, unless the tenant's month would fall below zero in this meter.
    pub fn correct_usage(&self, order: &CorrectionOrder) -> Result<Corrected, BooksError> {
        let now = self.clock.now();
        check_order(order, now)?;
        let meter = self.catalog.meters.meant(&order.meter).clone();
        let order = &CorrectionOrder { meter, ..order.clone() };
        let zone = self.storage.tenant_row(&order.tenant)?.zone;
        let (place, month) = place(order, zone)?;
        let is_known = self.catalog.meters.is_named(&order.meter);
        let mut outcome = None;
        self.storage.correct_usage(&place, &mut |view| {
            let judged = judge(view, order, (is_known, &month));
            let new = judged.as_ref().ok().map(|_| NewCorrection {
                amount: order.quantity,
                reason: order.reason.trim().to_owned(),
                note: AuditNote {
                    tenant: Some(place.tenant.clone()),
                    at: now,
                    actor: self.actor.clone(),
                    action: "usage.correct",
                    subject: order.device.to_string(),
                    detail: detail(order, place.quarter),
                },
            });
            outcome = Some(judged.map(|after| (view.net, after)));
            new
        })?;
        let (before, after) = ran(outcome)??;
        Ok(Corrected { meter: order.meter.clone(), month, quarter: begins(place.quarter), before, after })
    }

    /// The corrections of a tenant, the oldest first.
    pub fn corrections(&self, tenant: &TenantId) -> Result<Vec<CorrectionRow>, StorageError> {
        self.storage.corrections(tenant)
    }
}

fn check_order(order: &CorrectionOrder, now: UnixSeconds) -> Result<(), BooksError> {
    if !is_reason(order.reason.trim()) {
        return Err(BooksError::Reason);
    }
    if order.quantity == Amount::ZERO {
        return Err(BooksError::Nothing);
    }
    if order.at > now {
        return Err(BooksError::Future(rfc3339(order.at)));
    }
    Ok(())
}

fn place(order: &CorrectionOrder, zone: Tz) -> Result<(CorrectionPlace, String), BooksError> {
    let quarter = order.at.as_i64().div_euclid(QUARTER_MS / 1000);
    let place = CorrectionPlace {
        tenant: order.tenant.clone(),
        device: order.device.clone(),
        meter: order.meter.clone(),
        resource: order.resource.as_ref().map_or_else(String::new, ToString::to_string),
        quarter,
        month: month_of(quarter, zone)?,
    };
    Ok((place, bucket(Grain::Month, quarter, zone).label))
}

/// The quarters of the tenant's month that a quarter lies in.
fn month_of(quarter: i64, zone: Tz) -> Result<Range<i64>, BooksError> {
    let at = DateTime::from_timestamp(begins(quarter).as_i64(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let first = at.with_timezone(&zone).date_naive().with_day(1).unwrap_or(NaiveDate::MAX);
    let next = first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
    let begins = |day| Bound::Instant(local_midnight(day, zone)).quarter(zone);
    Ok(begins(first)?..begins(next)?)
}

/// What the month comes to with it.
fn judge(
    view: &CorrectionView,
    order: &CorrectionOrder,
    (is_known, month): (bool, &str),
) -> Result<Amount, BooksError> {
    let (tenant, meter) = (order.tenant.clone(), order.meter.clone());
    if !view.is_tenants {
        return Err(BooksError::OtherTenant { device: order.device.clone(), tenant });
    }
    if !is_known && !view.is_used {
        return Err(BooksError::UnknownMeter { tenant, meter });
    }
    let after = view.net.plus(order.quantity)?;
    // What an older program let fall below zero may be mended.
    if after < Amount::ZERO && order.quantity < Amount::ZERO {
        return Err(BooksError::BelowZero { tenant, meter, month: month.to_owned(), net: view.net });
    }
    Ok(after)
}

fn detail(order: &CorrectionOrder, quarter: i64) -> serde_json::Value {
    serde_json::json!({
        "tenant": order.tenant, "meter": order.meter, "resource": order.resource, "at": rfc3339(order.at),
        "quarter": rfc3339(begins(quarter)), "quantity": order.quantity, "reason": order.reason.trim(),
    })
}
