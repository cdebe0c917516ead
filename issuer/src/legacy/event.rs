//! An event of usage as old clients write it: tolerant of every form that was ever sent, and strict about what it says.

use brink_license::usage::{PLACES_MAX, Quantity};
use brink_license::{ResourceId, Slug};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::{Map, Value};

/// What was used, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Whose it says to be; '' where it does not.
    pub(crate) tenant: String,
    /// The device that it says to be of; '' where it does not.
    pub(crate) device: String,
    /// What was used, as it is called there.
    pub(crate) meter: Slug,
    /// By which camera, or what else.
    pub(crate) resource: Option<ResourceId>,
    /// How much.
    pub(crate) quantity: Quantity,
    /// When, in milliseconds; `None` where it does not say.
    pub(crate) at_ms: Option<i64>,
}

/// Why an event is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EventError {
    /// Not an object.
    #[error("it is no object")]
    Shape,
    /// A member that is no text.
    #[error("{0} is no text")]
    Text(&'static str),
    /// No type.
    #[error("event_type {0:?} is no name of a meter")]
    Meter(String),
    /// Not the name of anything.
    #[error("{member} {text:?} is no name: 1 to 255 bytes without control characters")]
    Resource {
        /// Where it stands.
        member: &'static str,
        /// As it was written.
        text: String,
    },
    /// Not a quantity.
    #[error("quantity {0} is none: a number that is not negative, and not above what can be counted")]
    Quantity(String),
    /// Not a moment.
    #[error("event_time {0:?} is neither seconds since 1970 nor RFC 3339")]
    Time(String),
}

impl Event {
    /// Reads one.
    pub(crate) fn read(value: &Value) -> Result<Self, EventError> {
        let members = value.as_object().ok_or(EventError::Shape)?;
        let kind = text(members, "event_type")?;
        let resource = match text(members, "resource_id")? {
            "" => named(members, "camera_id")?,
            _ => named(members, "resource_id")?,
        };
        Ok(Self {
            tenant: text(members, "tenant_id")?.to_owned(),
            device: text(members, "device_id")?.to_owned(),
            meter: kind.parse().map_err(|_| EventError::Meter(short(kind)))?,
            resource,
            quantity: quantity(members.get("quantity"))?,
            at_ms: moment(members.get("event_time"))?,
        })
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Absent, null and '' are the same to whoever wrote these.
fn text<'v>(members: &'v Map<String, Value>, name: &'static str) -> Result<&'v str, EventError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(EventError::Text(name)),
    }
}

fn named(members: &Map<String, Value>, member: &'static str) -> Result<Option<ResourceId>, EventError> {
    match text(members, member)? {
        "" => Ok(None),
        text => match text.parse() {
            Ok(resource) => Ok(Some(resource)),
            Err(_) => Err(EventError::Resource { member, text: short(text) }),
        },
    }
}

/// A double where it was one: what is beyond the twelfth place was never meant. Null is how no number is written, NaN.
fn quantity(value: Option<&Value>) -> Result<Quantity, EventError> {
    let Some(value) = value else { return Ok(Quantity::whole(1)) };
    let bad = || EventError::Quantity(short(&value.to_string()));
    let text = match value {
        Value::Number(number) if number.is_u64() => number.to_string(),
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| number.is_finite() && *number >= 0.0);
            format!("{:.PLACES_MAX$}", number.ok_or_else(bad)?.abs())
        }
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(bad()),
    };
    Quantity::parse(&text).map_err(|_| bad())
}

/// Every form that was ever understood. What is none of them was taken for now, once, and billed in the wrong month.
fn moment(value: Option<&Value>) -> Result<Option<i64>, EventError> {
    let bad = || {
        let text = value.and_then(Value::as_str).map(str::to_owned);
        EventError::Time(short(&text.or_else(|| value.map(ToString::to_string)).unwrap_or_default()))
    };
    let seconds = |number: i64| Some(millis(number));
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(seconds(whole)),
            #[allow(clippy::cast_possible_truncation, reason = "a cast of a double saturates")]
            (None, Some(parts)) if parts.is_finite() => Ok(Some((parts * 1000.0) as i64)),
            (None, _) => Err(bad()),
        },
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => written(text.trim()).map(Some).ok_or_else(bad),
        Some(_) => Err(bad()),
    }
}

/// Seconds, or milliseconds where they would lie in the year 5138 or behind it.
const fn millis(number: i64) -> i64 {
    if number.unsigned_abs() >= 100_000_000_000 { number } else { number.saturating_mul(1000) }
}

fn written(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(millis(number));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_millis());
    }
    if let Ok(at) = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S") {
        return Some(at.and_utc().timestamp_millis());
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Event, EventError> {
        Event::read(&value)
    }

    #[test]
    fn what_both_writers_of_the_old_client_send_is_read() {
        let sent = json!({
            "event_time": "1772323200", "event_type": "api_call", "metadata": {}, "quantity": 1.0, "resource_id": "cam-1",
            "tenant_id": "tenant-123", "unit": "count",
        });
        let event = read(sent).unwrap();
        assert_eq!((event.tenant.as_str(), event.meter.as_str()), ("tenant-123", "api_call"));
        assert_eq!((event.quantity, event.at_ms), (Quantity::whole(1), Some(1_772_323_200_000)));
        let tracked = json!({
            "tenant_id": "t", "device_id": "dev_1", "camera_id": "cam-2", "event_type": "llm_tokens", "quantity": 0.1 + 0.2,
            "unit": "tokens", "metadata": null,
        });
        let event = read(tracked).unwrap();
        assert_eq!((event.device.as_str(), event.at_ms), ("dev_1", None));
        assert_eq!(event.resource.map(|resource| resource.to_string()).as_deref(), Some("cam-2"));
        assert_eq!(event.quantity, Quantity::parse("0.3").unwrap(), "no binary fraction");
    }

    #[test]
    fn every_form_of_a_moment_is_the_same_moment() {
        let at = |value: Value| {
            read(json!({ "event_type": "api_call", "event_time": value })).map(|event| event.at_ms)
        };
        let same = [
            json!("1761955200"),
            json!(1_761_955_200),
            json!(1_761_955_200.0),
            json!(" 1761955200 "),
            json!(1_761_955_200_000_i64),
            json!("1761955200000"),
            json!("2025-11-01T00:00:00Z"),
            json!("2025-11-01T11:00:00.000000000+11:00"),
            json!("2025-11-01 00:00:00"),
            json!("2025-11-01"),
        ];
        for form in same {
            assert_eq!(at(form.clone()), Ok(Some(1_761_955_200_000)), "{form}");
        }
        for nothing in [json!(null), json!(""), json!(" ")] {
            assert_eq!(at(nothing), Ok(None));
        }
        for bad in [json!("soon"), json!([]), json!(true), json!("2025-13-01"), json!({})] {
            assert!(matches!(at(bad.clone()), Err(EventError::Time(_))), "{bad}");
        }
    }

    #[test]
    fn what_says_nothing_sound_is_refused_by_name() {
        let refused = |value: Value| read(value).unwrap_err().to_string();
        assert_eq!(refused(json!([])), "it is no object");
        assert_eq!(refused(json!({})), "event_type \"\" is no name of a meter");
        assert_eq!(refused(json!({ "event_type": 7 })), "event_type is no text");
        assert!(
            refused(json!({ "event_type": "api_call", "resource_id": "a\u{0}b" })).contains("resource_id")
        );
        for bad in [
            json!(null),
            json!(-1),
            json!(-0.5),
            json!("NaN"),
            json!("1e3"),
            json!([]),
            json!(1e300),
            json!(false),
        ] {
            let error = read(json!({ "event_type": "api_call", "quantity": bad.clone() })).unwrap_err();
            assert!(matches!(error, EventError::Quantity(_)), "{bad}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_value_panics_and_whole_numbers_are_exact(number in any::<u32>(), text in ".{0,40}") {
            let event = read(json!({ "event_type": "api_call", "quantity": number })).unwrap();
            prop_assert_eq!(event.quantity, Quantity::whole(u64::from(number)));
            let double = read(json!({ "event_type": "api_call", "quantity": f64::from(number) })).unwrap();
            prop_assert_eq!(double.quantity, event.quantity);
            let _ = read(json!({ "event_type": text, "event_time": text, "quantity": text, "camera_id": text }));
        }
    }
}
