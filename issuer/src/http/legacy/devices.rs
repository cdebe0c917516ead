//! What clients in the field ask. Their parser voids an answer whose members are not exactly of the type that it expects:
//! moments are texts of seconds, cameras a whole number, lists are never null.

use super::desk::{Ask, Desk};
use super::wire::{Denial, list, object, said, text};
use crate::legacy::{Beat, Client, INTERVAL_SECONDS, Seating, Verdict};
use brink_license::{CameraId, Slug, UnixSeconds};
use serde_json::{Map, Value, json};

type Body = Map<String, Value>;

/// Most events of one body: five times what any old client sends.
const EVENTS_MAX: usize = 5000;

/// Whether what the body names is the key's tenant; one that is not named is.
fn is_own(client: &Client<'_>, body: &Body) -> Result<bool, Denial> {
    let named = text(body, "tenant_id")?;
    Ok(named.is_empty() || named == client.tenant().as_str())
}

const OF_ANOTHER: (&str, &str) = ("TENANT_OF_ANOTHER_KEY", "the tenant is not the one of this key");

fn epoch(at: UnixSeconds) -> String {
    at.as_i64().to_string()
}

/// The verdict on a camera that the body names.
pub(super) fn verdict(
    desk: &Desk,
    client: &Client<'_>,
    (body, seating): (&Body, Seating),
) -> Result<Verdict, Denial> {
    let no = |code, why: &str| Verdict::no(desk.issuer.clock.now(), code, why);
    if !is_own(client, body)? {
        return Ok(no(OF_ANOTHER.0, OF_ANOTHER.1));
    }
    let (camera, device) = (text(body, "camera_id")?, text(body, "device_id")?);
    let camera = match camera {
        "" => None,
        text => match text.parse::<CameraId>() {
            Ok(camera) => Some(camera),
            Err(error) => return Ok(no("BAD_ID", &format!("camera_id: {error}"))),
        },
    };
    Ok(client.licence(camera.as_ref(), device, seating)?)
}

pub(super) fn licence(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let (client, body) = (ask.client(desk)?, object(&ask.body)?);
    let verdict = verdict(desk, &client, (&body, Seating::Takes))?;
    let (code, why) = said(verdict.refused.as_ref());
    Ok(json!({
        "is_valid": verdict.is_valid(), "license_mode": verdict.mode.as_str(), "enabled_growth_packs": verdict.packs,
        "valid_until": epoch(verdict.valid_until), "cameras_allowed": verdict.cameras_allowed,
        "code": code, "error_message": why,
    }))
}

pub(super) fn entitlement(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let (client, body) = (ask.client(desk)?, object(&ask.body)?);
    let (category, feature) = (text(&body, "feature_category")?, text(&body, "feature_name")?);
    if !is_own(&client, &body)? {
        return Ok(json!({
            "is_enabled": false, "quota_remaining": 0, "quota_limit": 0, "quota_used": 0,
            "valid_until": epoch(desk.issuer.clock.now()), "code": OF_ANOTHER.0, "error_message": OF_ANOTHER.1,
        }));
    }
    let found = client.entitlement(category, feature)?;
    // Their integers have 32 bits.
    let fits = |number: i64| number.min(i64::from(i32::MAX));
    let whole = |number: u64| fits(i64::try_from(number).unwrap_or(i64::MAX));
    let limit = if found.is_enabled || found.limit.is_some() { found.limit.map_or(-1, whole) } else { 0 };
    let (code, why) = said(found.refused.as_ref());
    Ok(json!({
        "is_enabled": found.is_enabled, "quota_remaining": fits(found.remaining()), "quota_limit": limit,
        "quota_used": whole(found.used), "overage": found.over,
        "valid_until": epoch(found.valid_until), "code": code,
        "error_message": why,
    }))
}

pub(super) fn usage(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let (client, body) = (ask.client(desk)?, object(&ask.body)?);
    let events = list(&body, "events")?;
    if events.len() > EVENTS_MAX {
        return Err(Denial::too_many(EVENTS_MAX));
    }
    let (taken, is_new) = client.usage(events, crate::secret::sha256(&ask.body))?;
    if is_new {
        let meters =
            events.iter().filter_map(|event| event.get("event_type")?.as_str()?.parse::<Slug>().ok());
        let meant = meters.map(|meter| desk.issuer.catalog.meters.meant(&meter).clone());
        desk.count(client.tenant(), meant);
    }
    Ok(json!(taken))
}

pub(super) fn heartbeat(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let (client, body) = (ask.client(desk)?, object(&ask.body)?);
    let next = json!({ "status": "ok", "next_heartbeat_in_seconds": INTERVAL_SECONDS });
    if !is_own(&client, &body)? {
        let (code, why) = OF_ANOTHER;
        return Ok(json!({
            "status": "denied", "next_heartbeat_in_seconds": INTERVAL_SECONDS, "code": code, "error_message": why,
        }));
    }
    let beat = Beat {
        device: text(&body, "device_id")?.to_owned(),
        cameras: list(&body, "active_camera_ids")?.len(),
        interval_seconds: body
            .get("heartbeat_interval_seconds")
            .and_then(Value::as_u64)
            .and_then(|seconds| u32::try_from(seconds).ok()),
        tier: text(&body, "management_tier")?.to_owned(),
    };
    client.beat(&beat)?;
    Ok(next)
}
