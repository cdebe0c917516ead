//! How errors are said, and how members of a body are read that clients write in more than one way.

use crate::access::Denied;
use crate::admin::AdminError;
use crate::http::observe::Coded;
use crate::legacy::{Answered, LegacyError};
use crate::storage::StorageError;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// What is said of what is no fault of the client's.
const FAILED: &str = "the issuer failed; its log says why";

/// A refusal: one object with the text, as it always was, and a stable code.
#[derive(Debug)]
pub(super) struct Denial {
    status: StatusCode,
    code: &'static str,
    text: String,
}

impl Denial {
    pub(super) fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into() }
    }

    pub(super) fn bad(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", "the issuer is busy; send the same again later")
    }

    pub(super) fn too_large() -> Self {
        let text =
            format!("the body is larger than {} bytes; send fewer events at once", super::BODY_BYTES_MAX);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", text)
    }

    pub(super) fn too_many(most: usize) -> Self {
        let text = format!("a body has at most {most} events; send the others in another one");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_MANY", text)
    }

    /// Its words may name files and rows, which are nobody's business outside.
    pub(super) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request of an old client failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", FAILED)
    }
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.text, "code": self.code }).to_string();
        let mut response = (self.status, HEADERS, body).into_response();
        response.extensions_mut().insert(Coded(self.code));
        response
    }
}

const HEADERS: [(axum::http::HeaderName, &str); 2] =
    [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];

/// An answer. Compact, because scripts look for `"is_valid":true`.
pub(super) fn answer(value: &Value) -> Response {
    (StatusCode::OK, HEADERS, value.to_string()).into_response()
}

/// The code and the text that stand in an answer, whether it is a denial or not.
pub(super) fn said(refused: Option<&Answered>) -> (&'static str, &str) {
    refused.map_or(("OK", ""), |(code, why)| (code, why))
}

pub(super) async fn not_found() -> Denial {
    Denial::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such path here")
}

pub(super) async fn method_not_allowed() -> Denial {
    Denial::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this path takes another method")
}

impl From<Denied> for Denial {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Storage(error) => error.into(),
            Denied::Unknown | Denied::Expired(_) | Denied::Revoked(_) => {
                Self::new(StatusCode::UNAUTHORIZED, denied.code(), denied.to_string())
            }
        }
    }
}

impl From<StorageError> for Denial {
    fn from(error: StorageError) -> Self {
        let said = |status| Self::new(status, error.code(), error.to_string());
        if matches!(error, StorageError::UnknownTenant(_) | StorageError::UnknownDevice(_)) {
            return said(StatusCode::NOT_FOUND);
        }
        if matches!(error, StorageError::TenantExists(_)) {
            return said(StatusCode::CONFLICT);
        }
        if error.is_passing() { Self::busy() } else { Self::internal(&error) }
    }
}

impl From<AdminError> for Denial {
    fn from(error: AdminError) -> Self {
        let code = crate::codes::of_admin(&error);
        let mend = error.mend().map(|mend| format!("; {mend}")).unwrap_or_default();
        if let AdminError::Storage(error) = error {
            return error.into();
        }
        if let AdminError::Random(error) = &error {
            return Self::internal(error);
        }
        Self::bad(code, format!("{error}{mend}"))
    }
}

impl From<LegacyError> for Denial {
    fn from(error: LegacyError) -> Self {
        match error {
            LegacyError::Admin(error) => error.into(),
            LegacyError::Storage(error) => error.into(),
            LegacyError::Random(error) => Self::internal(&error),
        }
    }
}

/// The object that a body is.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Denial> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Denial::bad("BAD_JSON", "the body is no JSON object")),
        Err(error) => Err(Denial::bad("BAD_JSON", format!("the body is no JSON: {error}"))),
    }
}

/// A text; '' where it is absent or null.
pub(super) fn text<'b>(body: &'b Map<String, Value>, name: &str) -> Result<&'b str, Denial> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Denial::bad("BAD_FIELD", format!("{name} is no text; send a JSON string"))),
    }
}

/// A list; empty where it is absent or null.
pub(super) fn list<'b>(body: &'b Map<String, Value>, name: &str) -> Result<&'b [Value], Denial> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Denial::bad("BAD_FIELD", format!("{name} is no list; send a JSON array"))),
    }
}
