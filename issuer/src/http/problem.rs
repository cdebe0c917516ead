//! Errors as RFC 9457 problem details. The one table from a refusal to its HTTP status.

use crate::refusal::Refusal;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// Seconds after which a busy issuer or database is worth another try.
const BUSY_RETRY_SECONDS: u64 = 2;

/// A problem, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after_seconds: Option<u64>,
}

/// The table. 4xx tells a device what to do: 401 and 403 stop and report, 409 report, 429 and 503 wait.
const fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Malformed(brink_license::exchange::ExchangeError::TooLarge { .. }) => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        Refusal::Malformed(_) | Refusal::Key(_) | Refusal::WrongKind => StatusCode::BAD_REQUEST,
        Refusal::Proof(_)
        | Refusal::UnknownDevice(_)
        | Refusal::OtherKey(_)
        | Refusal::OtherEpoch { .. }
        | Refusal::StaleCounter { .. } => StatusCode::UNAUTHORIZED,
        Refusal::CodeUnknown
        | Refusal::CodeExpired
        | Refusal::Suspended(_)
        | Refusal::ReactivationRequired(_)
        | Refusal::KeyReplaced(_)
        | Refusal::Retired { .. }
        | Refusal::Revoked(_)
        | Refusal::Unlicensable(_) => StatusCode::FORBIDDEN,
        Refusal::Reason => StatusCode::BAD_REQUEST,
        Refusal::CloneSuspected(_) | Refusal::CodeSpent | Refusal::KeyInUse | Refusal::ChallengeSpent(_) => {
            StatusCode::CONFLICT
        }
        Refusal::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Storage(error) if error.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Sign(_)
        | Refusal::Encode(_)
        | Refusal::Storage(_)
        | Refusal::Keys(_)
        | Refusal::Random(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after_seconds: None }
    }

    pub(super) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "TOO_LARGE",
            "the request is too large; send at most 128 KiB to activate, 4 MiB to exchange",
        )
    }

    /// Every place that a request of this kind could have is taken.
    pub(super) fn no_room() -> Self {
        let detail = "the issuer is working on as much as it has room for; send the same bytes again later";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", detail);
        Self { retry_after_seconds: Some(BUSY_RETRY_SECONDS), ..problem }
    }

    /// It took longer than any request may.
    pub(super) fn timed_out() -> Self {
        let detail = "the request was not there or not answered in time; send the same bytes again later";
        Self::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", detail)
    }

    /// The stable code.
    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    /// The document; a request's id is known only where requests get one.
    pub(super) fn document(&self, request_id: Option<&str>) -> String {
        let mut document = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let Some(id) = request_id {
            document["instance"] = format!("urn:uuid:{id}").into();
        }
        document.to_string()
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "the issuer failed; its log says why")
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = status_of(&refusal);
        let retry_after_seconds = if let Refusal::TooManyAttempts { retry_after_seconds } = &refusal {
            Some(*retry_after_seconds)
        } else {
            (status == StatusCode::SERVICE_UNAVAILABLE).then_some(BUSY_RETRY_SECONDS)
        };
        if status.is_server_error() {
            // Its words may name files and rows, which are nobody's business outside.
            tracing::error!(code = refusal.code(), error = %refusal, "a request failed");
            return Self { status, code: refusal.code(), retry_after_seconds, ..Self::internal() };
        }
        tracing::info!(code = refusal.code(), status = status.as_u16(), "a request was refused");
        Self { status, code: refusal.code(), detail: refusal.to_string(), retry_after_seconds }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            status => {
                Self::new(status, "MALFORMED", "the request's body could not be read; send it without pauses")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(CONTENT_TYPE, json)], self.document(None)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For whoever logs and counts the request, and knows its id.
        response.extensions_mut().insert(self);
        response
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "NOT_FOUND",
        "there is no such path; devices use /v1/activate and /v1/exchange",
    )
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "this path takes another method; see its documentation",
    )
}
