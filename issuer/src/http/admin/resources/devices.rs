//! Devices.

use crate::calendar::rfc3339;
use crate::fleet::{self, Alert, FleetDevice, FleetQuery, SILENT_HOURS, SILENT_HOURS_DEFAULT};
use crate::http::admin::failure::{Failure, echoed};
use crate::http::admin::input::instant;
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Context, Handled, NoQuery, Reply};
use crate::storage::{AuditLine, DeviceQuery, DeviceStatus, PastEpoch, Place, StorageError, Tier};
use brink_license::{DeviceId, Kid, TenantId};
use clap::ValueEnum;
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
    /// Those alone that somebody should look at for one of these, with commas between: silent,expired.
    #[param(max_length = 256, example = "silent,expired")]
    alerts: Option<String>,
    /// Hours without a word after which a device is silent, 24 unless said otherwise.
    #[param(minimum = 1, maximum = 8784)]
    silent_hours: Option<u32>,
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
    /// When the code that activates it expires, or did, RFC 3339.
    #[schema(format = DateTime)]
    code_expires_at: String,
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
    /// The version of its agent, as it said last.
    agent_version: Option<String>,
    /// The version of the keyset that it said it holds.
    keyset_version: u64,
    /// What it lacks, or has and did not send.
    lag: Lag,
    /// What somebody should look at.
    alerts: Vec<Alert>,
}

/// How far a device is behind.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Lag {
    /// Licences that were minted since the one it holds.
    licences: u64,
    /// Records of usage that it said it has and that are not on record.
    usage_records: u64,
    /// When it last spoke of usage, RFC 3339.
    #[schema(format = DateTime)]
    usage_told_at: Option<String>,
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
    fn of(tenant: &TenantId, device: FleetDevice) -> Self {
        let licences = device.licences_behind();
        let FleetDevice { listed, facts, alerts } = device;
        let usage_told_at = facts.usage_told_at.map(rfc3339);
        Self {
            lag: Lag { licences, usage_records: facts.usage_behind, usage_told_at },
            alerts,
            code_expires_at: rfc3339(facts.code_expires_at),
            agent_version: facts.agent_version,
            keyset_version: facts.keyset_version,
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
    let alerts = query.alerts.as_deref().map(wanted).transpose()?.unwrap_or_default();
    let devices = DeviceQuery {
        status: query.status,
        tier: query.tier,
        unseen_since,
        after: asked.after.clone(),
        limit: Some(asked.rows()),
        ..DeviceQuery::all(at.clone())
    };
    let query = FleetQuery { devices, alerts, silent_hours: silent_hours(query.silent_hours)? };
    let found = fleet::list(&*context.admin.storage, &query, context.admin.clock.now())?;
    let devices = found.devices.into_iter().map(|device| Device::of(&at, device)).collect();
    Ok(Asked::read_already(devices, found.next.as_ref())?.into())
}

fn silent_hours(asked: Option<u32>) -> Result<u32, Failure> {
    let hours = asked.unwrap_or(SILENT_HOURS_DEFAULT);
    if SILENT_HOURS.contains(&hours) {
        return Ok(hours);
    }
    let (min, max) = (SILENT_HOURS.start(), SILENT_HOURS.end());
    Err(Failure::malformed("OUT_OF_BOUNDS", format!("silent_hours {hours} is out of bounds: {min} to {max}")))
}

/// Alerts as they were named.
fn wanted(text: &str) -> Result<Vec<Alert>, Failure> {
    let alert = |name: &str| {
        Alert::from_str(name, false).map_err(|_| {
            let known = Alert::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let known: Vec<_> = known.map(|value| value.get_name().to_owned()).collect();
            let detail = format!("{} is no alert; name of {}", echoed(name), known.join(", "));
            Failure::invalid("UNKNOWN_ALERT", detail)
        })
    };
    text.split(',').map(alert).collect()
}

pub(in crate::http::admin) fn show(call: Call<'_, DeviceId, NoQuery, ()>) -> Handled<Device> {
    Ok(Reply::versioned(one(call.context, &call.at)?))
}

/// How a device stands now.
fn one(context: &Context, device: &DeviceId) -> Result<Device, Failure> {
    let storage = &context.admin.storage;
    let unknown = || StorageError::UnknownDevice(device.clone());
    let tenant = storage.tenant_of(device)?.ok_or_else(unknown)?;
    let devices = DeviceQuery { device: Some(device.clone()), ..DeviceQuery::all(tenant.clone()) };
    let query = FleetQuery { devices, alerts: Vec::new(), silent_hours: SILENT_HOURS_DEFAULT };
    let found = fleet::list(&**storage, &query, context.admin.clock.now())?;
    let found = found.devices.into_iter().next().ok_or_else(unknown)?;
    Ok(Device::of(&tenant, found))
}

pub(in crate::http::admin) fn evidence(call: Call<'_, DeviceId, NoQuery, ()>) -> Handled<Evidence> {
    let lines = call.context.admin.evidence(&call.at)?;
    let evidence = lines.into_iter().map(Seen::from).collect();
    Ok(Evidence { device: call.at, evidence }.into())
}
