//! What is in no sum.

use super::usage::device_of;
use crate::calendar::rfc3339;
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Handled};
use crate::reports::BooksError;
use crate::storage::{QuarantineQuery, QuarantineRow};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which of the quarantine.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct QuarantineFilter {
    /// Of this device alone.
    #[param(min_length = 1, max_length = 255)]
    device: Option<String>,
    /// Also what was replayed.
    #[serde(default)]
    replayed: bool,
    /// Rows of the page, 50 unless said otherwise.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// A record that is in no sum.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Quarantined {
    /// Its number in the quarantine.
    id: i64,
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// The activation.
    epoch: u32,
    /// The record.
    seq: u64,
    /// The first number that it stands for.
    from_seq: u64,
    /// When it happened, as the issuer believes, RFC 3339.
    #[schema(format = DateTime)]
    event_time: String,
    /// Why, in one word.
    reason: String,
    /// Why, in words.
    detail: String,
    /// Since when, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// When it was lifted, RFC 3339.
    #[schema(format = DateTime)]
    replayed_at: Option<String>,
}

/// A record that left the quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Replayed {
    /// Its number in the quarantine.
    id: i64,
    /// How many sums it went into.
    sums: usize,
}

impl From<QuarantineRow> for Quarantined {
    fn from(row: QuarantineRow) -> Self {
        let event = UnixSeconds::new(row.record.event_ms.div_euclid(1000));
        Self {
            id: row.id,
            epoch: row.record.epoch,
            seq: row.record.seq,
            from_seq: row.record.from_seq,
            event_time: rfc3339(event),
            reason: row.reason,
            detail: row.detail,
            at: rfc3339(row.at),
            replayed_at: row.replayed_at.map(rfc3339),
            device: row.record.device,
        }
    }
}

/// The oldest first.
pub(in crate::http::admin) fn list(
    call: Call<'_, TenantId, QuarantineFilter, ()>,
) -> Handled<Page<Quarantined>> {
    let Call { context, at, query, .. } = call;
    let asked = Asked::<i64>::read(query.limit, query.cursor.as_deref())?;
    let query = QuarantineQuery {
        device: device_of(&at, query.device.as_deref(), &*context.admin.storage)?,
        tenant: at,
        lifted: query.replayed,
        after: asked.after.unwrap_or(i64::MIN),
        limit: asked.limit(),
    };
    let rows = context.admin.storage.quarantine_page(&query)?;
    Ok(asked.page(rows, |row| row.id, Quarantined::from)?.into())
}

/// By the catalogue of today. A number of another tenant is none.
pub(in crate::http::admin) fn replay(call: Call<'_, (TenantId, i64), (), ()>) -> Handled<Replayed> {
    let Call { context, at: (tenant, id), .. } = call;
    let found = context.admin.storage.quarantined(id)?;
    if found.is_none_or(|row| row.record.tenant != tenant) {
        return Err(BooksError::NotInQuarantine(id).into());
    }
    Ok(Replayed { id, sums: context.admin.replay_usage(id)? }.into())
}
