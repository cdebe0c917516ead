//! The old admin routes, for scripts that there are: over the use cases of everybody else, with keys that have their scopes. Keys
//! are shown once, when they are made.

use super::desk::{Ask, Desk};
use super::wire::{Denial, object, text};
use crate::access::{AccessError, Grantor, KeyOrder, Scope};
use crate::admin::{Admin, AdminError, TenantOrder};
use crate::assignment::AssignmentOrder;
use crate::calendar::rfc3339;
use crate::editing::{Keeping, TenantEdit};
use crate::legacy::LegacyPolicyEdit;
use crate::secret::{Redacted, hex, random};
use crate::storage::{SubscriptionRow, TenantRow, TimelineView};
use crate::subscription::SubscriptionOrder;
use crate::timeline::{ChangeOrder, Entry, QuantityDelta};
use axum::http::StatusCode;
use brink_license::token::Enforce;
use brink_license::{CameraId, DeviceId, TenantId};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Cameras of a plan that is not a trial, where nothing is said.
const CAMERAS_DEFAULT: u32 = 10;
const STATUSES: [(&str, bool); 3] = [("active", false), ("suspended", true), ("cancelled", true)];

fn shown(admin: &Admin, row: &TenantRow, key: Option<&str>) -> Result<Value, Denial> {
    let policy = admin.storage.legacy_policy(&row.id)?;
    let status = if policy.suspended { "suspended" } else { "active" };
    Ok(json!({
        "id": row.id, "name": row.name, "email": "", "status": status, "created_at": rfc3339(row.created_at),
        // Only when it is made; what is kept is its digest.
        "api_key": key.unwrap_or_default(),
    }))
}

fn of_key(error: AccessError) -> Denial {
    if let AccessError::Random(error) = &error {
        return Denial::internal(error);
    }
    let code = crate::codes::of_access(&error);
    if let AccessError::Storage(error) = error { error.into() } else { Denial::bad(code, error.to_string()) }
}

/// Whoever makes a tenant gives a key with it, so that both are refused together.
pub(super) fn create_tenant(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let admin = ask.admin(desk, Scope::TenantsWrite, None)?;
    for scope in [Scope::KeysWrite, Scope::Legacy] {
        ask.admin(desk, scope, None)?;
    }
    let body = object(&ask.body)?;
    let id = match text(&body, "id")? {
        "" => format!("tenant-{}", hex(&*random::<8>().map_err(|error| Denial::internal(&error))?)),
        id => id.to_owned(),
    };
    let id: TenantId = id.parse().map_err(|error| Denial::bad("BAD_ID", format!("id: {error}")))?;
    let name = text(&body, "name")?.to_owned();
    let key = text(&body, "api_key")?;
    let key = (!key.is_empty()).then(|| Redacted::new(key.to_owned()));
    if ask.credential().expires_at.is_some() {
        let text = "the tenant's key would last longer than your own; ask with one that does not end";
        return Err(Denial::new(StatusCode::FORBIDDEN, "BEYOND_EXPIRY", text));
    }
    if let Some(value) = &key {
        admin.check_imported(value).map_err(of_key)?;
    }
    let order =
        TenantOrder { id, name, timezone: "UTC".into(), currency: desk.issuer.catalog.currency.to_string() };
    let row = admin.create_tenant(order)?;
    let order = KeyOrder {
        name: "made with its tenant".into(),
        scopes: [Scope::Legacy].into_iter().collect(),
        tenant: Some(row.id.clone()),
        expires_days: None,
        value: key,
    };
    let made = admin.create_key(&order, Grantor::Holder(ask.credential())).map_err(of_key)?;
    shown(&admin, &row, Some(made.key.reveal()))
}

pub(super) fn show_tenant(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let tenant = ask.named_tenant()?;
    let admin = ask.admin(desk, Scope::TenantsRead, Some(tenant.as_str()))?;
    shown(&admin, &admin.storage.tenant_row(&tenant)?, None)
}

pub(super) fn change_tenant(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let tenant = ask.named_tenant()?;
    let admin = ask.admin(desk, Scope::TenantsWrite, Some(tenant.as_str()))?;
    let body = object(&ask.body)?;
    let status = match text(&body, "status")? {
        "" => None,
        text => match STATUSES.iter().find(|(status, _)| *status == text) {
            Some((_, suspended)) => Some(*suspended),
            None => return Err(Denial::bad("BAD_STATUS", "status is active, suspended or cancelled")),
        },
    };
    let name = text(&body, "name")?;
    if !name.is_empty() {
        let edit = TenantEdit { name: Some(name.to_owned()), clones: None };
        admin.change_tenant(&tenant, &edit, &|_| true)?;
    }
    if status.is_some() {
        let edit = LegacyPolicyEdit { suspended: status, ..LegacyPolicyEdit::default() };
        admin.change_legacy_policy(&tenant, edit)?;
    }
    shown(&admin, &admin.storage.tenant_row(&tenant)?, None)
}

fn number(body: &Map<String, Value>, name: &str) -> Result<Option<u32>, Denial> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            let bad = || Denial::bad("BAD_FIELD", format!("{name} is no whole number of cameras"));
            number.map(Some).ok_or_else(bad)
        }
    }
}

fn sold(tenant: &TenantId, row: &SubscriptionRow) -> Value {
    let plan = if row.terms.trial.is_some() { "trial" } else { "base" };
    json!({
        "subscription_id": format!("{tenant}-{}", row.version), "tenant_id": tenant, "plan": plan, "status": "active",
        "cameras_licensed": row.terms.cameras, "billing_cycle": "monthly",
        "trial_end_date": row.terms.trial.map(|trial| rfc3339(trial.ends_at)),
        "enabled_packs": row.terms.packs.keys().collect::<Vec<_>>(), "start_date": rfc3339(row.effective_at),
    })
}

pub(super) fn subscribe(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let body = object(&ask.body)?;
    let tenant = text(&body, "tenant_id")?;
    let admin = ask.admin(desk, Scope::SubscriptionsWrite, Some(tenant))?;
    let tenant: TenantId =
        tenant.parse().map_err(|error| Denial::bad("BAD_ID", format!("tenant_id: {error}")))?;
    let is_trial = match text(&body, "plan")? {
        "trial" => true,
        "base" | "enterprise" => false,
        _ => return Err(Denial::bad("BAD_PLAN", "plan is trial, base or enterprise")),
    };
    if !["", "monthly"].contains(&text(&body, "billing_cycle")?) {
        return Err(Denial::bad(
            "BAD_CYCLE",
            "billing_cycle is monthly: invoices of a year are the contract's",
        ));
    }
    let cameras = number(&body, "cameras_licensed")?.filter(|cameras| *cameras > 0);
    let order = SubscriptionOrder {
        cameras: if is_trial { cameras } else { Some(cameras.unwrap_or(CAMERAS_DEFAULT)) },
        packs: Vec::new(),
        items: Vec::new(),
        prices: Vec::new(),
        trial: is_trial,
        enforce: Enforce::Deny,
        days: 30,
        grace_days: 7,
        offline_max_days: 30,
    };
    // What somebody pays for is changed, and not replaced by a few words.
    let is_new = |view: &TimelineView| view.versions.iter().all(|row| row.terms.trial.is_some());
    let keeping = Keeping { expected: &is_new, is_kept: true };
    match admin.replace_subscription(&tenant, &order, &Entry::default(), &keeping) {
        Ok(recorded) => Ok(sold(&tenant, &recorded.version)),
        Err(AdminError::Stale) => {
            let text = "the tenant has a subscription; change it with PUT /admin/subscriptions/T";
            Err(Denial::new(StatusCode::CONFLICT, "SUBSCRIPTION_EXISTS", text))
        }
        Err(error) => Err(error.into()),
    }
}

fn changed(admin: &Admin, tenant: &TenantId, order: &ChangeOrder) -> Result<SubscriptionRow, Denial> {
    Ok(admin.change_subscription(tenant, order, &Entry::default(), &Keeping::all())?.version)
}

/// How many cameras a subscription is for. It was never there before: whoever called it got "not implemented".
pub(super) fn change_subscription(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let tenant = ask.named_tenant()?;
    let admin = ask.admin(desk, Scope::SubscriptionsWrite, Some(tenant.as_str()))?;
    let Some(cameras) = number(&object(&ask.body)?, "cameras_licensed")? else {
        return Err(Denial::bad("NOTHING_TO_CHANGE", "give cameras_licensed, a whole number of cameras"));
    };
    let order = ChangeOrder { cameras: Some(QuantityDelta::To(cameras)), ..ChangeOrder::default() };
    Ok(sold(&tenant, &changed(&admin, &tenant, &order)?))
}

fn names(body: &Map<String, Value>, member: &str) -> Result<Vec<String>, Denial> {
    let list = super::wire::list(body, member)?;
    let name = |value: &Value| value.as_str().map(str::to_owned);
    let names: Option<Vec<String>> = list.iter().map(name).collect();
    names.ok_or_else(|| Denial::bad("BAD_FIELD", format!("{member} is no list of texts")))
}

/// The cameras of old clients, by the devices that stand for those; and one that sits elsewhere, if there is any.
struct Seats {
    of_clients: BTreeMap<DeviceId, Vec<CameraId>>,
    elsewhere: Option<(CameraId, DeviceId)>,
}

fn seats(admin: &Admin, tenant: &TenantId) -> Result<Seats, Denial> {
    let clients: BTreeSet<_> =
        admin.legacy_devices(tenant)?.into_iter().map(|device| device.device).collect();
    let mut seats = Seats { of_clients: BTreeMap::new(), elsewhere: None };
    for (camera, seat, _) in admin.storage.seated(tenant)? {
        if clients.contains(&seat.device) {
            seats.of_clients.entry(seat.device).or_default().push(camera);
        } else if seats.elsewhere.is_none() {
            seats.elsewhere = Some((camera, seat.device));
        }
    }
    Ok(seats)
}

/// Assigns the cameras of old clients anew or takes them off, and says how many that changed.
fn assign(admin: &Admin, seats: Seats, (packs, remove): (&[String], bool)) -> Result<usize, Denial> {
    let mut changed = 0;
    for (device, cameras) in seats.of_clients {
        let order = AssignmentOrder { cameras, packs: packs.to_vec(), remove };
        changed += admin.assign_cameras(&device, &order)?;
    }
    Ok(changed)
}

/// Packs by slug or display name; one that the catalogue does not have is refused, and so is one without a price.
pub(super) fn change_packs(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let tenant = ask.named_tenant()?;
    let admin = ask.admin(desk, Scope::SubscriptionsWrite, Some(tenant.as_str()))?;
    let body = object(&ask.body)?;
    let (enable, disable) = (names(&body, "enable")?, names(&body, "disable")?);
    let packs = enable.into_iter().map(|name| (name, None)).collect();
    let order = ChangeOrder { packs, remove_packs: disable, ..ChangeOrder::default() };
    let row = changed(&admin, &tenant, &order)?;
    // The packs of the subscription, as the old server gave them to all cameras of a tenant.
    let packs = crate::legacy::packs_of_cameras(&admin.catalog, &row.terms);
    assign(&admin, seats(&admin, &tenant)?, (&packs, false))?;
    Ok(json!({ "enabled_packs": row.terms.packs.keys().collect::<Vec<_>>() }))
}

/// Ends what a tenant pays for: no cameras from now on, in one version of its subscription, which goes on to say what was.
pub(super) fn revoke(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let tenant = ask.named_tenant()?;
    let admin = ask.admin(desk, Scope::SubscriptionsWrite, Some(tenant.as_str()))?;
    let view = admin.storage.tenant(&tenant, admin.clock.now())?;
    let Ok(row) = view.current else {
        return Err(Denial::new(StatusCode::NOT_FOUND, "NO_SUBSCRIPTION", "Subscription not found"));
    };
    if row.terms.trial.is_some() {
        return Err(Denial::bad("TRIAL", "a trial is not revoked: it ends by itself"));
    }
    let mut seats = seats(&admin, &tenant)?;
    if let Some((camera, device)) = seats.elsewhere.take() {
        let text = format!(
            "camera {camera} sits on device {}, which is no old client's; take it off with `camera assign --remove` first",
            device
        );
        return Err(Denial::new(StatusCode::CONFLICT, "BELOW_ASSIGNED", text));
    }
    let cameras = assign(&admin, seats, (&[], true))?;
    let packs: Vec<String> = row.terms.packs.keys().map(ToString::to_string).collect();
    let order =
        ChangeOrder { cameras: Some(QuantityDelta::To(0)), remove_packs: packs, ..ChangeOrder::default() };
    let row = changed(&admin, &tenant, &order)?;
    Ok(json!({
        "success": true, "message": "the subscription has no cameras from now on", "plan": "base", "status": "cancelled",
        "days_remaining": 0, "trial_expired": false, "cameras_allowed": row.terms.cameras, "current_cameras": cameras,
        "cameras_over_limit": cameras, "action_required": cameras > 0,
        "action_message": if cameras > 0 { "cameras that run are refused from their next question on" } else { "" },
    }))
}
