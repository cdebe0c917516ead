//! Reading what came: strictly, and no more of it than a path takes.

use super::refusal::Refusal;
use super::route::{Named, schema_of};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::{IntoParams, ToSchema};

/// The one form in which bodies come.
const JSON: &str = "application/json";
/// For a body to arrive from this machine.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest explanation of what is wrong with a body.
const CHARS_MAX: usize = 300;

/// What a handler takes of a body.
pub(super) trait FromBody: Sized {
    /// Whether it may be left out.
    const IS_OPTIONAL: bool;
    fn read(bytes: &Bytes) -> Result<Self, Refusal>;
    /// `None` for no body at all.
    fn schema(schemas: &mut Vec<Named>) -> Option<RefOr<Schema>>;
}

/// Nothing. What comes all the same is not looked at.
pub(super) struct NoBody;

impl FromBody for NoBody {
    const IS_OPTIONAL: bool = true;
    fn read(_: &Bytes) -> Result<Self, Refusal> {
        Ok(Self)
    }
    fn schema(_: &mut Vec<Named>) -> Option<RefOr<Schema>> {
        None
    }
}

/// One document.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned + ToSchema> FromBody for Json<T> {
    const IS_OPTIONAL: bool = false;
    fn read(bytes: &Bytes) -> Result<Self, Refusal> {
        json(bytes).map(Self)
    }
    fn schema(schemas: &mut Vec<Named>) -> Option<RefOr<Schema>> {
        Some(schema_of::<T>(schemas))
    }
}

/// One document, or nothing.
pub(super) struct Maybe<T>(pub(super) Option<T>);

impl<T: DeserializeOwned + ToSchema> FromBody for Maybe<T> {
    const IS_OPTIONAL: bool = true;
    fn read(bytes: &Bytes) -> Result<Self, Refusal> {
        if bytes.is_empty() { Ok(Self(None)) } else { json(bytes).map(|read| Self(Some(read))) }
    }
    fn schema(schemas: &mut Vec<Named>) -> Option<RefOr<Schema>> {
        Some(schema_of::<T>(schemas))
    }
}

/// Every parameter is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoQuery {}

impl IntoParams for NoQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}

/// Reads a body. One that says it is too large is refused before a byte of it is read.
pub(super) async fn receive(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    let too_large = || {
        let error = format!("the body has more than {bytes_max} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", error, "send less at once")
    };
    let told =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    let unread = || {
        let error = "the body did not arrive within 10 seconds";
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "BODY", error, "send it without pauses")
    };
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect()).await;
    let bytes = match collected {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) | Err(_) => return Err(unread()),
    };
    if bytes.is_empty() || is_json(headers) {
        return Ok(bytes);
    }
    let error = format!("a body is sent as {JSON}, with one Content-Type that says so");
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE", error, ""))
}

/// Whether a body says to be JSON. `charset=utf-8` may follow, which is what JSON is in anyway.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(value)), None) = (values.next().map(|value| value.to_str()), values.next()) else {
        return false;
    };
    let text = value.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    parts.next() == Some(JSON)
        && parts.all(|parameter| matches!(parameter, "charset=utf-8" | "charset=\"utf-8\""))
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// A body as what it should be: an object. A list of an object's members without their names would be read as well.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|first| *first != b'{') {
        return Err(Refusal::malformed("MALFORMED", "the body is no object", "see /api/v1/openapi.json"));
    }
    serde_json::from_slice(bytes).map_err(|error| malformed(&error))
}

/// What is wrong with a document, without the texts in it: they may be somebody's key.
fn malformed(error: &serde_json::Error) -> Refusal {
    let said = format!("the body is not what this path takes: {}", unquoted(&error.to_string()));
    Refusal::malformed("MALFORMED", said, "see /api/v1/openapi.json")
}

/// A reader's words without what it found, which stands first between its quotation marks.
fn unquoted(text: &str) -> String {
    let Some((before, rest)) = text.split_once(['"', '`']) else { return text.to_owned() };
    let after =
        rest.rsplit_once(", expected").map_or_else(String::new, |(_, wanted)| format!(", expected{wanted}"));
    format!("{before}…{after}").chars().take(CHARS_MAX).collect()
}

/// The part of a path behind its question mark. A parameter that is unknown or there twice is refused.
pub(super) fn query<T: DeserializeOwned>(text: Option<&str>) -> Result<T, Refusal> {
    serde_urlencoded::from_str(text.unwrap_or_default()).map_err(|error| {
        let said: String = error.to_string().chars().take(CHARS_MAX).collect();
        let said = format!("the query is not what this path takes: {said}");
        Refusal::malformed("BAD_QUERY", said, "see /api/v1/openapi.json")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        _name: Option<String>,
    }

    fn typed(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
    }

    async fn received(headers: HeaderMap, body: &'static str, bytes_max: usize) -> Result<Bytes, Refusal> {
        receive(&headers, Body::from(body), bytes_max).await
    }

    #[tokio::test]
    async fn a_body_is_json_says_so_and_is_bounded() {
        for good in ["application/json", "Application/JSON; charset=UTF-8"] {
            assert_eq!(received(typed(good), "{}", 2).await.unwrap(), "{}");
        }
        assert_eq!(received(HeaderMap::new(), "", 2).await.unwrap(), "", "nothing has no type");
        for bad in ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
        {
            assert_eq!(received(typed(bad), "{}", 2).await.unwrap_err().status, 415, "{bad}");
        }
        let mut packed = typed("application/json");
        packed.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(received(packed, "{}", 2).await.unwrap_err().status, 415);
        let mut told = typed("application/json");
        told.insert(header::CONTENT_LENGTH, HeaderValue::from_static("3"));
        for headers in [typed("application/json"), told] {
            assert_eq!(received(headers, "{ }", 2).await.unwrap_err().said.code, "TOO_LARGE");
        }
    }

    #[test]
    fn what_is_no_document_is_refused_without_its_texts() {
        for body in
            ["", "null", "[]", "{\"_name\":1}", "{\"x\":1}", "{}{}", "{\"_name\":\"a\",\"_name\":\"b\"}"]
        {
            assert_eq!(json::<Sample>(body.as_bytes()).unwrap_err().said.code, "MALFORMED", "{body}");
        }
        let said = json::<Sample>(b"{\"SECRET-KEY\":1}").unwrap_err().said.error;
        assert!(!said.contains("SECRET") && said.contains("unknown field"), "{said}");
        let said = json::<u8>(b"{\"SECRET-KEY\":1}").unwrap_err().said.error;
        assert!(!said.contains("SECRET") && said.contains("invalid type"), "{said}");
        assert_eq!(query::<NoQuery>(Some("a=1")).unwrap_err().said.code, "BAD_QUERY");
        assert!(query::<NoQuery>(None).is_ok());
    }

    #[test]
    fn what_may_be_left_out_may_and_the_rest_may_not() {
        assert!(Maybe::<Sample>::read(&Bytes::new()).unwrap().0.is_none());
        assert!(Maybe::<Sample>::read(&Bytes::from_static(b"{}")).unwrap().0.is_some());
        assert!(Json::<Sample>::read(&Bytes::new()).is_err());
        assert!(NoBody::read(&Bytes::from_static(b"x")).is_ok());
    }
}
