//! Reading what came: strictly, and no more of it than a path takes.
//!
//! JSON is read by `serde_json` into a type: its depth is bounded (128), what is unknown or there twice is refused, and so is
//! what is left behind its end.

use super::failure::{Failure, echoed};
use crate::http::room::{Held, Room};
use crate::objects::object;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// The one form in which bodies come.
const JSON: &str = "application/json";

/// A body, and the place that it takes.
pub(super) struct Received {
    pub(super) bytes: Bytes,
    _place: Option<Held>,
}

/// Whether a body says to be JSON. `charset=utf-8` may follow, which is what JSON is in anyway.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let refused = || {
        let detail = format!("send the body as {JSON}, with one Content-Type that says so");
        Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE", detail)
    };
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(refused()) };
    let text = value.to_str().map_err(|_| refused())?.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts.next() == Some(JSON);
    let is_utf8 = parts.all(|parameter| matches!(parameter, "charset=utf-8" | "charset=\"utf-8\""));
    if is_json && is_utf8 && !headers.contains_key(header::CONTENT_ENCODING) {
        Ok(())
    } else {
        Err(refused())
    }
}

/// Reads a body. One that says it is too large is refused before a byte of it is read.
pub(super) async fn receive(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    room: &Room,
) -> Result<Received, Failure> {
    let told =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let length = match told.map(usize::try_from) {
        Some(Ok(length)) if length <= bytes_max => length,
        Some(_) => return Err(Failure::too_large(bytes_max)),
        None => bytes_max,
    };
    let place = room.to_read(length).map_err(|_| Failure::busy())?;
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(Received { bytes: collected.to_bytes(), _place: place }),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::too_large(bytes_max)),
        Err(_) => {
            let detail = "the body could not be read; send it without pauses";
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "BODY", detail))
        }
    }
}

/// A body as what it should be.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = object(&mut reader).and_then(|read| reader.end().map(|()| read));
    read.map_err(|error| {
        let detail = format!("the body is not what this path takes: {}", shortened(&error.to_string()));
        Failure::malformed("MALFORMED", detail)
    })
}

/// The part of a path behind its question mark. A parameter that is unknown or there twice is refused: whoever mistypes a
/// filter must not get everything.
pub(super) fn query<T: DeserializeOwned>(text: Option<&str>) -> Result<T, Failure> {
    let text = text.unwrap_or_default();
    // The reader below would put question marks of its own where a text is not UTF-8.
    if percent_decode_str(text).decode_utf8().is_err() {
        return Err(Failure::malformed("BAD_QUERY", "the query is not UTF-8"));
    }
    serde_urlencoded::from_str(text).map_err(|error| {
        let detail = format!("the query is not what this path takes: {}", shortened(&error.to_string()));
        Failure::malformed("BAD_QUERY", detail)
    })
}

/// A reader's words name what it found, which is the sender's and may be long.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// An instant as RFC 3339.
pub(super) fn instant(name: &str, text: &str) -> Result<brink_license::UnixSeconds, Failure> {
    let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| {
        let detail = format!("{name} {} is no instant; write it like 2026-03-01T12:30:00Z", echoed(text));
        Failure::invalid("BAD_INSTANT", detail)
    })?;
    Ok(brink_license::UnixSeconds::new(at.timestamp()))
}

/// The whole number that this is. JSON has one kind of number, so that 7.0 is one as well.
fn exact(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // Below 2^53 a float is the number that it shows.
        let is_exact = (f64::from(i32::MIN)..=f64::from(u32::MAX)).contains(&float) && float.fract() == 0.0;
        is_exact.then_some(float as i64)
    })
}

/// A whole number.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    exact(&number).and_then(|exact| u32::try_from(exact).ok()).ok_or_else(|| {
        let found = serde::de::Unexpected::Other("another number");
        serde::de::Error::invalid_value(found, &"a whole number from 0 on")
    })
}

/// The same where it may be left out.
pub(super) fn whole_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Whole(#[serde(deserialize_with = "whole")] u32);
    Ok(Option::<Whole>::deserialize(deserializer)?.map(|whole| whole.0))
}

/// A whole number that may be below zero, where it may be left out.
pub(super) fn signed_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    exact(&number).and_then(|exact| i32::try_from(exact).ok()).map(Some).ok_or_else(|| {
        let found = serde::de::Unexpected::Other("another number");
        serde::de::Error::invalid_value(found, &"a whole number")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        _name: Option<String>,
        #[serde(default, deserialize_with = "whole_or_none")]
        _limit: Option<u32>,
        #[serde(default, deserialize_with = "signed_or_none")]
        _by: Option<i32>,
    }

    /// The same for a query, whose values are texts.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        #[serde(default)]
        _name: Option<String>,
        #[serde(default)]
        _limit: Option<u32>,
    }

    #[test]
    fn a_body_is_json_and_says_so_once() {
        let check = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            }
            check_type(&headers).is_ok()
        };
        for good in ["application/json", "Application/JSON", "application/json; charset=UTF-8"] {
            assert!(check(&[good]), "{good}");
        }
        for bad in
            ["", "text/plain", "application/jsonx", "application/json; charset=latin1", "application/json, a"]
        {
            assert!(!check(&[bad]), "{bad}");
        }
        assert!(!check(&[]) && !check(&["application/json", "application/json"]));
    }

    #[test]
    fn what_is_unknown_twice_too_deep_or_no_text_is_refused() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for body in [
            "",
            "null",
            "[]",
            "{\"_name\":\"a\"} x",
            "{\"_name\":\"a\",\"_name\":\"b\"}",
            "{\"x\":1}",
            &deep,
            "{\"_limit\":1.5}",
            "{\"_limit\":-1}",
            "{\"_limit\":99999999999}",
            "{\"_limit\":-1.0}",
            "{\"_limit\":4294967296.0}",
            "{\"_limit\":18446744073709551615}",
            "{\"_limit\":1e300}",
            "{\"_by\":1.5}",
            "{\"_by\":-99999999999}",
            "{\"_by\":2147483648.0}",
            "{\"_by\":-1e300}",
            "{\"_by\":\"1\"}",
            "\u{feff}{}",
        ] {
            assert_eq!(json::<Sample>(body.as_bytes()).unwrap_err().code, "MALFORMED", "{body}");
        }
        assert!(json::<Sample>(b"{\"_name\":\"\xff\"}").is_err());
        assert!(json::<Sample>(b"{\"_name\":\"a\"}").is_ok());
        assert_eq!(json::<Sample>(b"{\"_limit\":7.0}").unwrap()._limit, Some(7));
        assert_eq!(json::<Sample>(b"{\"_limit\":4294967295.0}").unwrap()._limit, Some(u32::MAX));
        assert_eq!(json::<Sample>(b"{\"_limit\":null}").unwrap()._limit, None);
        for (text, by) in
            [("-7", Some(-7)), ("-7.0", Some(-7)), ("2147483647", Some(i32::MAX)), ("null", None)]
        {
            assert_eq!(json::<Sample>(format!("{{\"_by\":{text}}}").as_bytes()).unwrap()._by, by, "{text}");
        }
        for text in ["x=1", "_limit=1&_limit=2", "_limit=a", "_name=%ff", "_limit="] {
            assert_eq!(query::<Filter>(Some(text)).unwrap_err().code, "BAD_QUERY", "{text}");
        }
        assert!(query::<Filter>(Some("_limit=7&_name=%2F")).is_ok() && query::<Filter>(None).is_ok());
    }
}
