//! One use as a program brings it: read in every spelling of the old product, and refused by name where it is not clear.

use super::DEFAULT_TENANT;
use crate::meters;
use brink_license::token::LicenceClaims;
use brink_license::usage::Quantity;
use brink_license::{ResourceId, Slug};
use brink_store::meter::Use;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Longest name that a caller gives to a use.
const ID_CHARS_MAX: usize = 128;
/// Above this a number of JSON with places no longer says which one it is.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A use. What is recorded is the meter, the resource, the quantity and the moment at which it is recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "what is not kept is read to be known")]
pub(in crate::api) struct UsageEvent {
    /// A name that you make for it. While the agent runs, the same use under the same name is recorded once.
    #[schema(max_length = 128)]
    id: Option<String>,
    /// What is counted: api_call, llm_token, storage_gb_day, sms, agent_execution, cloud_export_gb, webhook_call, email_sent, or
    /// one of their older spellings, or a meter that the licence has a quota of.
    event_type: Option<String>,
    /// The same by its other name.
    meter: Option<String>,
    /// Which camera used it, or what else.
    resource_id: Option<String>,
    /// The same by its other name.
    camera_id: Option<String>,
    /// How much: a number, or a decimal in quotation marks, of at least zero with at most 12 places.
    quantity: Option<Value>,
    /// The unit; where it is none of this meter's, the use is refused.
    unit: Option<String>,
    /// The device's tenant, or `default`, or nothing.
    tenant_id: Option<String>,
    /// Not looked at: who answers is the device.
    device_id: Option<String>,
    /// When it was: seconds since 1970 or RFC 3339. It has to be readable, and is not kept: a use counts when it is recorded.
    event_time: Option<Value>,
    /// Not kept.
    metadata: Option<Value>,
}

/// A use that can be recorded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: Option<String>,
    pub(super) used: Use,
}

/// Why one use of many is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    pub(super) id: Option<String>,
    pub(super) code: String,
    pub(super) error: String,
    pub(super) mend: Option<String>,
}

impl Rejection {
    pub(super) fn new(code: &str, error: impl Into<String>) -> Self {
        Self { id: None, code: code.to_owned(), error: error.into(), mend: None }
    }
}

impl Event {
    /// Reads one of a list.
    pub(super) fn read(value: Value, claims: Option<&LicenceClaims>) -> Result<Self, Rejection> {
        let id = value.get("id").and_then(Value::as_str).map(|id| id.chars().take(ID_CHARS_MAX).collect());
        if !value.is_object() {
            return Err(Rejection::new("BAD_EVENT", "it is no object"));
        }
        let read = serde_json::from_value::<UsageEvent>(value)
            .map_err(|error| Rejection::new("BAD_EVENT", error.to_string()))
            .and_then(|event| of(event, claims));
        read.map_err(|rejection| Rejection { id, ..rejection })
    }
}

fn of(event: UsageEvent, claims: Option<&LicenceClaims>) -> Result<Event, Rejection> {
    let id = event.id.map(checked_id).transpose()?;
    check_tenant(event.tenant_id.as_deref(), claims)?;
    let name = one_of(("event_type", event.event_type), ("meter", event.meter))?;
    let name = name.ok_or_else(|| Rejection::new("BAD_EVENT", "it has no event_type"))?;
    let meter = meter(&name, claims)?;
    if let Some(unit) = event.unit.filter(|unit| !unit.is_empty() && !meters::has_unit(&meter, unit)) {
        let shown: String = unit.chars().take(32).collect();
        let wanted = meters::unit(&meter).unwrap_or_default();
        let error = format!("{meter} is counted in {wanted}, not in {shown:?}");
        return Err(Rejection::new("WRONG_UNIT", error));
    }
    let resource = one_of(("resource_id", event.resource_id), ("camera_id", event.camera_id))?;
    let resource = resource.filter(|resource| !resource.is_empty());
    let resource = resource.map(|resource| ResourceId::parse(&resource)).transpose();
    let resource = resource.map_err(|error| Rejection::new("BAD_ID", error.to_string()))?;
    let quantity = quantity(event.quantity)?;
    if !event.event_time.is_none_or(|time| is_moment(&time)) {
        let error = "event_time is neither seconds since 1970 nor RFC 3339";
        return Err(Rejection::new("BAD_EVENT_TIME", error));
    }
    Ok(Event { id, used: (meter, resource, quantity) })
}

fn checked_id(id: String) -> Result<String, Rejection> {
    let is_plain = !id.is_empty() && id.len() <= ID_CHARS_MAX && !id.chars().any(char::is_control);
    if is_plain {
        return Ok(id);
    }
    let error = format!("an id has 1 to {ID_CHARS_MAX} bytes without control characters");
    Err(Rejection::new("BAD_ID", error))
}

/// A member by either of its names; both may be there where they agree.
fn one_of(
    (one, first): (&str, Option<String>),
    (other, second): (&str, Option<String>),
) -> Result<Option<String>, Rejection> {
    match (first, second) {
        (Some(first), Some(second)) if first != second => {
            Err(Rejection::new("BAD_EVENT", format!("{one} and {other} say different things")))
        }
        (first, second) => Ok(first.or(second)),
    }
}

fn check_tenant(asked: Option<&str>, claims: Option<&LicenceClaims>) -> Result<(), Rejection> {
    let asked = asked.filter(|asked| !matches!(*asked, "" | DEFAULT_TENANT));
    match (asked, claims) {
        (Some(asked), Some(claims)) if claims.tenant.as_str() != asked => {
            let asked: String = asked.chars().take(64).collect();
            let error = format!("this device is not of tenant {asked:?}: nobody else is charged by it");
            Err(Rejection::new("UNKNOWN_TENANT", error))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

fn meter(name: &str, claims: Option<&LicenceClaims>) -> Result<Slug, Rejection> {
    let more = claims.into_iter().flat_map(|claims| claims.quotas.iter().map(|quota| &quota.meter));
    meters::meant(name, more).ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        let mend = format!("use one of {}, or a meter that the licence has a quota of", meters::names());
        let error = format!("{shown:?} is no meter");
        Rejection { mend: Some(mend), ..Rejection::new("UNKNOWN_METER", error) }
    })
}

fn quantity(value: Option<Value>) -> Result<Quantity, Rejection> {
    let bad = |error: String| Rejection::new("BAD_QUANTITY", error);
    let text = match value {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(f64::INFINITY);
            if float.abs() >= EXACT_MAX && float.is_finite() {
                return Err(bad(
                    "so large a number with places is not exact: write it in quotation marks".to_owned()
                ));
            }
            // The shortest decimal that means this number: the one that was written.
            format!("{float}")
        }
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(bad("quantity is neither a number nor a text".to_owned())),
        None => return Err(bad("it has no quantity".to_owned())),
    };
    Quantity::parse(&text).map_err(|error| bad(error.to_string()))
}

/// In any form that the old billing server read.
fn is_moment(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_f64().is_some_and(|seconds| seconds >= 0.0),
        Value::String(text) => {
            let is_epoch =
                !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_epoch
                || DateTime::parse_from_rfc3339(text).is_ok()
                || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").is_ok()
                || NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
        }
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Event, String> {
        Event::read(value, None).map_err(|rejection| rejection.code)
    }

    fn quantity_of(value: Value) -> Result<String, String> {
        let event = read(json!({"event_type": "sms", "quantity": value}))?;
        Ok(event.used.2.to_string())
    }

    #[test]
    fn both_shapes_of_the_old_product_are_read() {
        let real = json!({"tenant_id": "tenant-123", "event_type": "llm_tokens", "resource_id": "cam-1", "quantity": 1.0,
            "unit": "tokens", "event_time": "1760950800", "metadata": {"a": [1]}});
        let implied = json!({"tenant_id": "", "device_id": "x", "camera_id": "cam-1", "event_type": "llm_tokens",
            "quantity": "1", "unit": "tokens", "metadata": null});
        for event in [real, implied] {
            let (meter, resource, quantity) = read(event).unwrap().used;
            assert_eq!((meter.as_str(), quantity), ("llm_token", Quantity::whole(1)));
            assert_eq!(resource.unwrap().as_str(), "cam-1");
        }
        let bare = read(json!({"meter": "sms_sent", "quantity": 2, "resource_id": "", "id": "a"})).unwrap();
        assert_eq!((bare.used.0.as_str(), bare.used.1, bare.id.as_deref()), ("sms", None, Some("a")));
    }

    #[test]
    fn what_is_not_clear_is_refused_by_name() {
        for (event, code) in [
            (json!(null), "BAD_EVENT"),
            (json!([null, "sms", null, null, null, 1, null, null, null, null, null]), "BAD_EVENT"),
            (json!({"quantity": 1}), "BAD_EVENT"),
            (json!({"event_type": 1, "quantity": 1}), "BAD_EVENT"),
            (json!({"event_type": "sms", "quantity": 1, "quantitty": 2}), "BAD_EVENT"),
            (json!({"event_type": "sms", "meter": "api_call", "quantity": 1}), "BAD_EVENT"),
            (json!({"event_type": "sms", "quantity": 1, "camera_id": "a", "resource_id": "b"}), "BAD_EVENT"),
            (json!({"event_type": "tea", "quantity": 1}), "UNKNOWN_METER"),
            (json!({"event_type": "", "quantity": 1}), "UNKNOWN_METER"),
            (json!({"event_type": "sms", "quantity": 1, "unit": "gb"}), "WRONG_UNIT"),
            (json!({"event_type": "sms", "quantity": 1, "camera_id": "a\nb"}), "BAD_ID"),
            (json!({"event_type": "sms", "quantity": 1, "id": ""}), "BAD_ID"),
            (json!({"event_type": "sms", "quantity": 1, "id": "x".repeat(129)}), "BAD_ID"),
            (json!({"event_type": "sms"}), "BAD_QUANTITY"),
            (json!({"event_type": "sms", "quantity": 1, "event_time": "soon"}), "BAD_EVENT_TIME"),
            (json!({"event_type": "sms", "quantity": 1, "event_time": true}), "BAD_EVENT_TIME"),
            (json!({"event_type": "sms", "quantity": 1, "event_time": -1}), "BAD_EVENT_TIME"),
        ] {
            assert_eq!(read(event.clone()).unwrap_err(), code, "{event}");
        }
    }

    #[test]
    fn quantities_are_the_decimals_that_were_written() {
        for (value, written) in [
            (json!(1), "1"),
            (json!(1.0), "1"),
            (json!(0.1), "0.1"),
            (json!(0), "0"),
            (json!(1e3), "1000"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!("0.000000000001"), "0.000000000001"),
        ] {
            assert_eq!(quantity_of(value).unwrap(), written);
        }
        for value in [
            json!(-1),
            json!(-0.5),
            json!(1e300),
            json!(9.1e15),
            json!(1e-13),
            json!("NaN"),
            json!("1e3"),
            json!(null),
            json!([]),
        ] {
            assert_eq!(quantity_of(value.clone()).unwrap_err(), "BAD_QUANTITY", "{value}");
        }
    }

    #[test]
    fn moments_are_read_as_the_old_server_read_them() {
        for good in [
            json!("1760950800"),
            json!(1_760_950_800),
            json!(1.5),
            json!("2025-10-20T10:00:00Z"),
            json!("2026-10-20T21:22:36.990223337+11:00"),
            json!("2025-10-20 10:00:00"),
            json!("2025-10-20"),
            json!(null),
        ] {
            assert!(is_moment(&good), "{good}");
        }
    }
}
