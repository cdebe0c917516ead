//! Devices.

use crate::calendar::rfc3339;
use crate::http::admin::failure::Failure;
use crate::http::admin::input::instant;
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Context, Handled, NoQuery, Reply};
use crate::storage::{
    AuditLine, DeviceListed, DeviceQuery, DeviceStatus, PastEpoch, Place, StorageError, Tier,
};
use brink_license::{DeviceId, Kid, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which devices of a tenant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct DeviceFilter {
    /// Those that stand so alone.
    #[param(inline)]
    status: Option<DeviceStatus>,
    /// Those of this class alone.
    #[param(inline)]
    tier: Option<Tier>,
    /// Those alone that were not answered since this instant, RFC 3339.
    #[param(format = DateTime, max_length = 64)]
    unseen_since: Option<String>,
    /// Rows of the page, 50 unless said otherwise.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Device {
    /// The device.
    #[schema(value_type = String)]
    id: DeviceId,
    /// Whose it is.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// Where it stands.
    status: DeviceStatus,
    /// Its class.
    tier: Tier,
    /// When it was made, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// What took its place when it was retired.
    #[schema(value_type = Option<String>)]
    replaced_by: Option<DeviceId>,
    /// Cameras assigned by name.
    cameras: u64,
    /// Cameras on its unnamed seats, as it said last.
    seated: u64,
    /// When it was last answered, RFC 3339.
    #[schema(format = DateTime)]
    last_seen_at: Option<String>,
    /// Its epoch; 0 before the first activation.
    epoch: u32,
    /// The licence that was minted last.
    licence_seq: Option<u64>,
    /// The licence that it said it holds.
    reported_seq: u64,
    /// Where the licence that was minted last ends, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Where its grace ends, or its extension, RFC 3339.
    #[schema(format = DateTime)]
    ends_at: Option<String>,
    /// Until where an extension that still counts keeps it going, RFC 3339.
    #[schema(format = DateTime)]
    extended_until: Option<String>,
    /// Seats that it may still use.
    seats_held: u64,
    /// Until when, RFC 3339.
    #[schema(format = DateTime)]
    held_until: Option<String>,
    /// Whether these overlap with a successor's.
    overlap: bool,
    /// Since when every copy of it is refused until it was activated anew, RFC 3339.
    #[schema(format = DateTime)]
    reactivation_due_since: Option<String>,
    /// Earlier epochs that may still run on something.
    past_epochs: Vec<Epoch>,
}

/// An epoch that is over.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Epoch {
    /// Its number.
    epoch: u32,
    /// The thumbprint of its key.
    #[schema(value_type = String)]
    jkt: Kid,
    /// Seats that it may still use.
    seats_held: u64,
    /// Until when, RFC 3339.
    #[schema(format = DateTime)]
    held_until: String,
    /// Whether they may run twice.
    overlap: bool,
}

/// What was seen of copies of a device.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Evidence {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// The newest first, a hundred at most.
    evidence: Vec<Seen>,
}

/// A line of the evidence.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Seen {
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// Who.
    actor: String,
    /// What.
    action: String,
    /// Particulars: both requests, their proofs, counters, boots and times.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl Device {
    fn of(tenant: &TenantId, listed: DeviceListed) -> Self {
        Self {
            tenant: tenant.clone(),
            status: listed.status,
            tier: listed.tier,
            created_at: rfc3339(listed.created_at),
            replaced_by: listed.replaced_by,
            cameras: listed.cameras,
            seated: listed.seated,
            last_seen_at: listed.last_seen_at.map(rfc3339),
            epoch: listed.epoch,
            licence_seq: listed.licence_seq,
            reported_seq: listed.reported_seq,
            expires_at: listed.exp.map(rfc3339),
            ends_at: listed.ends_at.map(rfc3339),
            extended_until: listed.extended_until.map(rfc3339),
            seats_held: listed.seats_held,
            held_until: (listed.seats_held > 0).then(|| rfc3339(listed.held_until)),
            overlap: listed.overlap,
            reactivation_due_since: listed.reactivate_from.map(rfc3339),
            past_epochs: listed.past.into_iter().map(Epoch::from).collect(),
            id: listed.device,
        }
    }
}

impl From<PastEpoch> for Epoch {
    fn from(past: PastEpoch) -> Self {
        let PastEpoch { epoch, jkt, seats, until, overlap, .. } = past;
        Self { epoch, jkt, seats_held: seats, held_until: rfc3339(until), overlap }
    }
}

impl From<AuditLine> for Seen {
    fn from(line: AuditLine) -> Self {
        let AuditLine { at, actor, action, detail } = line;
        Self { at: rfc3339(at), actor, action, detail }
    }
}

/// The oldest first.
pub(in crate::http::admin) fn list(call: Call<'_, TenantId, DeviceFilter, ()>) -> Handled<Page<Device>> {
    let Call { context, at, query, .. } = call;
    let asked = Asked::<Place>::read(query.limit, query.cursor.as_deref())?;
    let unseen_since = query.unseen_since.as_deref().map(|text| instant("unseen_since", text)).transpose()?;
    let query = DeviceQuery {
        status: query.status,
        tier: query.tier,
        unseen_since,
        after: asked.after.clone(),
        limit: Some(asked.limit()),
        ..DeviceQuery::all(at.clone())
    };
    let rows = context.admin.storage.devices_page(&query, context.admin.clock.now())?;
    let place = |row: &DeviceListed| Place { at: row.created_at.as_i64(), id: row.device.to_string() };
    Ok(asked.page(rows, place, |row| Device::of(&at, row))?.into())
}

pub(in crate::http::admin) fn show(call: Call<'_, DeviceId, NoQuery, ()>) -> Handled<Device> {
    Ok(Reply::versioned(one(call.context, &call.at)?))
}

/// How a device stands now.
pub(super) fn one(context: &Context, device: &DeviceId) -> Result<Device, Failure> {
    let storage = &context.admin.storage;
    let unknown = || StorageError::UnknownDevice(device.clone());
    let tenant = storage.tenant_of(device)?.ok_or_else(unknown)?;
    let query = DeviceQuery { device: Some(device.clone()), ..DeviceQuery::all(tenant.clone()) };
    let found = storage.devices_page(&query, context.admin.clock.now())?.pop().ok_or_else(unknown)?;
    Ok(Device::of(&tenant, found))
}

pub(in crate::http::admin) fn evidence(call: Call<'_, DeviceId, NoQuery, ()>) -> Handled<Evidence> {
    let lines = call.context.admin.evidence(&call.at)?;
    let evidence = lines.into_iter().map(Seen::from).collect();
    Ok(Evidence { device: call.at, evidence }.into())
}
