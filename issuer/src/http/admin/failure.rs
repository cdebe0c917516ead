//! Errors of the admin API as RFC 9457 problem details, and the one table from what a use case refuses to its status.

use crate::access::{AccessError, Denied};
use crate::admin::AdminError;
use crate::codes;
use crate::http::observe::Coded;
use crate::issuance::IssuanceError;
use crate::notices::IssueError;
use crate::reports::BooksError;
use crate::storage::StorageError;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// Seconds after which a busy issuer or database is worth another try.
const BUSY_RETRY_SECONDS: u64 = 2;
/// Characters of a text from outside that an answer says back.
const ECHO_CHARS_MAX: usize = 200;

/// Why somebody did not get what they asked for, as far as the audit wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Denial {
    /// No key, or none that is in force.
    Unauthenticated,
    /// A key that may not do this.
    Scope,
    /// Something of another tenant. The answer says that there is no such thing.
    Foreign,
}

/// A problem, ready to be sent once the request's id is known.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What the audit is told.
    pub(super) denial: Option<Denial>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), headers: Vec::new(), denial: None }
    }

    /// Not of the form that the document says: 400.
    pub(super) fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Of the right form, and against a rule that the document cannot say: 422.
    pub(super) fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// There is no such thing, or none for this credential: 404.
    pub(super) fn unknown(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// The words of the 404 for a tenant, whether there is none or none for this credential.
    pub(super) fn unknown_tenant(tenant: &str) -> Self {
        Self::unknown("UNKNOWN_TENANT", format!("there is no tenant {}", echoed(tenant)))
    }

    /// The same for a device.
    pub(super) fn unknown_device(device: &str) -> Self {
        Self::unknown("UNKNOWN_DEVICE", format!("there is no device {}", echoed(device)))
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "the issuer failed; its log says why under the request's id",
        )
    }

    pub(super) fn busy() -> Self {
        let detail = "the issuer is working on as much as it has room for; try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", detail).retry_after(BUSY_RETRY_SECONDS)
    }

    /// The database does not take it now. Whether it was taken after all nobody may know; what it said in particular is in
    /// the log.
    fn passing(error: &StorageError) -> Self {
        let code = error.code();
        tracing::error!(code, %error, "the database does not take an admin's request");
        let is_unknown = matches!(error, StorageError::OutcomeUnknown { .. });
        let detail = if is_unknown {
            "the database was lost while it committed, so what was asked is done or it is not; look before you repeat it, or \
             repeat it under its Idempotency-Key"
        } else {
            "the database does not take it now, and nothing was changed; try again later"
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(BUSY_RETRY_SECONDS)
    }

    pub(super) fn too_large(bytes_max: usize) -> Self {
        let detail = format!("the body is too large; this path takes at most {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", detail)
    }

    /// Nobody that is known here.
    pub(super) fn unauthenticated(code: &'static str, detail: impl Into<String>) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"brink-issuer\"");
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
            .with(WWW_AUTHENTICATE, challenge)
            .denied(Denial::Unauthenticated)
    }

    /// Somebody who may not.
    pub(super) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail).denied(Denial::Scope)
    }

    pub(super) fn too_many(retry_after_seconds: u64) -> Self {
        let detail = format!("too many requests; try again in {retry_after_seconds} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", detail).retry_after(retry_after_seconds)
    }

    /// What was looked at has changed: 412 with what it is now.
    pub(super) fn stale(etag: Option<String>) -> Self {
        let detail =
            "it has changed since you looked at it; look at it again, and send the ETag of then as If-Match";
        let failure = Self::new(StatusCode::PRECONDITION_FAILED, "STALE", detail);
        match etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            Some(etag) => failure.with(ETAG, etag),
            None => failure,
        }
    }

    /// It would overwrite what nobody says to have looked at: 428.
    pub(super) fn precondition_required() -> Self {
        let detail = "this would overwrite what is there; look at it, and send its ETag as If-Match";
        Self::new(StatusCode::PRECONDITION_REQUIRED, "PRECONDITION_REQUIRED", detail)
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn retry_after(self, seconds: u64) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(super) fn denied(mut self, denial: Denial) -> Self {
        self.denial = Some(denial);
        self
    }

    /// From a refusal of a use case: 404 and 409 are about what is stored, 422 about what was asked.
    fn refused(is_of_state: bool, code: &'static str, text: &str) -> Self {
        let status = if is_of_state { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
        Self::new(status, code, spoken(text))
    }

    /// Something failed inside. Its words may name files and rows, which are nobody's business outside.
    fn failed(code: &'static str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(code, %error, "an admin's request failed");
        Self { code, ..Self::internal() }
    }

    /// The whole answer. `id` is the request's.
    pub(super) fn answer(self, id: &str) -> Response {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "instance": format!("urn:uuid:{id}"),
        });
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(CONTENT_TYPE, json)], body.to_string()).into_response();
        response.headers_mut().extend(self.headers);
        response.extensions_mut().insert(Coded(self.code));
        response
    }

    /// A path that there is, and another method than it takes. The router says which, as `Allow`.
    pub(super) fn method_not_allowed() -> Self {
        let detail = "this path takes another method; Allow says which";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail)
    }
}

/// As much of a text from outside as helps its sender to find it, and nothing that could be mistaken for our words.
pub(super) fn echoed(text: &str) -> String {
    format!("{:?}", text.chars().take(ECHO_CHARS_MAX).collect::<String>())
}

/// The words of a use case without those that speak of the command line: a mend that names a verb is left out, and options
/// are called as the members of a body are.
fn spoken(text: &str) -> String {
    let told = match text.rsplit_once("; ") {
        Some((told, mend)) if mend.contains('`') || mend.contains("--") => told,
        Some(_) | None => text,
    };
    let words = told.split(' ').map(|word| match word.strip_prefix("--") {
        Some(option) => option.replace('-', "_"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        if let StorageError::UnknownTenant(tenant) = &error {
            return Self::unknown_tenant(tenant.as_str());
        }
        if let StorageError::UnknownDevice(device) = &error {
            return Self::unknown_device(device.as_str());
        }
        if error.is_passing() {
            return Self::passing(&error);
        }
        if error.is_failure() {
            return Self::failed(error.code(), &error);
        }
        Self::refused(true, error.code(), &error.to_string())
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        let code = codes::of_admin(&error);
        let is_of_state = match &error {
            AdminError::Storage(_) => {
                let AdminError::Storage(error) = error else { return Self::internal() };
                return error.into();
            }
            AdminError::Random(error) => return Self::failed(code, error),
            AdminError::Timeline(error) => error.is_of_state(),
            AdminError::Assignment(error) => error.is_of_state(),
            AdminError::Retirement(error) => error.is_of_state(),
            AdminError::Reactivation(error) => error.is_of_state(),
            AdminError::Standing(error) => error.is_of_state(),
            AdminError::Stale => return Self::stale(None),
            AdminError::TenantName
            | AdminError::Zone(_)
            | AdminError::Currency(_)
            | AdminError::NothingToChange
            | AdminError::CodeUntil { .. }
            | AdminError::CodeBounds { .. } => false,
        };
        Self::refused(is_of_state, code, &error.to_string())
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        let code = codes::of_access(&error);
        if let AccessError::Unknown(key) = &error {
            return Self::unknown(code, format!("there is no API key {key}"));
        }
        if let AccessError::Random(error) = &error {
            return Self::failed(code, error);
        }
        if error.is_of_rights() {
            return Self::forbidden(code, spoken(&error.to_string()));
        }
        let (is_of_state, text) = (error.is_of_state(), error.to_string());
        if let AccessError::Storage(error) = error {
            return error.into();
        }
        Self::refused(is_of_state, code, &text)
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let code = denied.code();
        match denied {
            Denied::Storage(error) => error.into(),
            Denied::Unknown | Denied::Expired(_) | Denied::Revoked(_) => {
                Self::unauthenticated(code, spoken(&denied.to_string()))
            }
        }
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        let code = codes::of_issue(&error);
        match error {
            IssueError::Storage(error) => error.into(),
            IssueError::NothingRevoked(_) | IssueError::TooMany { .. } | IssueError::Extension(_) => {
                Self::refused(error.is_of_state(), code, &error.to_string())
            }
            IssueError::NotReady(_) | IssueError::Sign(_) | IssueError::Claims(_) => {
                Self::failed(code, &error)
            }
        }
    }
}

impl From<IssuanceError> for Failure {
    fn from(error: IssuanceError) -> Self {
        let code = error.code();
        match error {
            IssuanceError::Storage(error) => error.into(),
            IssuanceError::NotReady(_) => Self::failed(code, &error),
            IssuanceError::NotActivated(_)
            | IssuanceError::NotActive { .. }
            | IssuanceError::ReactivationDue(_)
            | IssuanceError::TooMany(_)
            | IssuanceError::Mint(_) => Self::refused(true, code, &error.to_string()),
        }
    }
}

impl From<BooksError> for Failure {
    fn from(error: BooksError) -> Self {
        let code = error.code();
        if matches!(error, BooksError::NotInQuarantine(_)) {
            return Self::unknown(code, spoken(&error.to_string()));
        }
        let (is_of_state, is_failure, text) = (error.is_of_state(), error.is_failure(), error.to_string());
        if let BooksError::Storage(error) = error {
            return error.into();
        }
        if is_failure { Self::failed(code, &text) } else { Self::refused(is_of_state, code, &text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_of_the_command_line_is_left_out() {
        for (text, told) in [
            ("unknown tenant t; create it with `brink-issuer tenant create`", "unknown tenant t"),
            ("--reason takes 1 to 500 characters", "reason takes 1 to 500 characters"),
            (
                "--accept-overlap lets licences run twice; say why with --reason TEXT",
                "accept_overlap lets licences run twice",
            ),
            ("it has ended; look at it again", "it has ended; look at it again"),
            ("pack x is implied", "pack x is implied"),
        ] {
            assert_eq!(spoken(text), told);
        }
    }

    #[test]
    fn a_database_that_does_not_take_it_now_is_503_and_its_words_stay_inside() {
        let problem = || "10.0.0.7: connection refused".to_owned();
        let passing = [
            (StorageError::Busy, "BUSY"),
            (StorageError::Conflict, "BUSY"),
            (StorageError::Unavailable { problem: problem() }, "DATABASE_UNAVAILABLE"),
            (StorageError::OutcomeUnknown { problem: problem() }, "OUTCOME_UNKNOWN"),
            (StorageError::ReadOnly, "DATABASE_READ_ONLY"),
            (StorageError::Full, "DATABASE_FULL"),
        ];
        for (error, code) in passing {
            let failure = Failure::from(error);
            assert_eq!((failure.status.as_u16(), failure.code), (503, code));
            assert!(failure.headers.iter().any(|(name, _)| *name == RETRY_AFTER), "{code}");
            assert!(!failure.detail.contains("10.0.0.7"), "{}", failure.detail);
            assert_eq!(failure.detail.contains("nothing was changed"), code != "OUTCOME_UNKNOWN");
        }
        let lasting = StorageError::Denied { problem: problem() };
        let failure = Failure::from(lasting);
        assert_eq!((failure.status.as_u16(), failure.code), (500, "DATABASE_DENIED"));
        assert!(!failure.detail.contains("10.0.0.7"));
    }

    #[test]
    fn what_came_from_outside_is_said_back_in_part_and_in_quotes() {
        assert_eq!(echoed("a\"b\n"), r#""a\"b\n""#);
        assert_eq!(echoed(&"x".repeat(5000)).len(), ECHO_CHARS_MAX + 2);
    }
}
