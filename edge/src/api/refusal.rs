//! Why something was not done: a status, and an object that says it to people and programs.

use crate::command::Report;
use crate::error::EdgeError;
use axum::http::StatusCode;
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;

/// What every refusal is answered with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Refused {
    /// What was wrong, with what.
    pub(super) error: String,
    /// A stable word for programs.
    pub(super) code: String,
    /// What helps; null where the text says it.
    pub(super) mend: Option<String>,
}

/// A refusal on its way out.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) said: Refused,
    /// Seconds after which the same may be asked again.
    pub(super) retry_after: Option<u32>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        error: impl Into<String>,
        mend: &str,
    ) -> Self {
        let mend = (!mend.is_empty()).then(|| mend.to_owned());
        let said = Refused { error: error.into(), code: code.into().into_owned(), mend };
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { status, said, retry_after }
    }

    /// What came is not what the path takes.
    pub(super) fn malformed(code: &'static str, error: impl Into<String>, mend: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, error, mend)
    }

    /// Too much at once.
    pub(super) fn busy() -> Self {
        let error = "too many requests of this kind wait already";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", error, "wait a moment and ask again")
    }

    /// A defect.
    pub(super) fn internal(what: &str) -> Self {
        let mend = "see the agent's log, and report it";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", what, mend)
    }

    /// Whoever is asked for is not whom this device is licensed for.
    pub(super) fn other_tenant(asked: &str) -> Self {
        let asked: String = asked.chars().take(64).collect();
        let error = format!("this device is not of tenant {asked:?}");
        Self::new(
            StatusCode::NOT_FOUND,
            "UNKNOWN_TENANT",
            error,
            "leave the tenant out to ask for the device's own",
        )
    }

    /// Nobody's device yet.
    pub(super) fn not_activated() -> Self {
        let error = "this device was not activated: it has no tenant, and nothing can be recorded";
        Self::new(StatusCode::CONFLICT, "NOT_ACTIVATED", error, "run brink-edge activate on the device")
    }

    /// An agent's report, with the status of its code, or `otherwise` where the code says nothing of whose fault it was.
    pub(super) fn reported(report: Report, otherwise: StatusCode) -> Self {
        let Report { code, message, mend } = report;
        let status = status_of(&code).unwrap_or(otherwise);
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { status, said: Refused { error: message, code, mend }, retry_after }
    }

    /// The same for an error of this process.
    pub(super) fn of(error: &EdgeError, otherwise: StatusCode) -> Self {
        let (message, mend) = (error.to_string(), error.mend());
        Self::reported(Report { code: error.code().into_owned(), message, mend }, otherwise)
    }
}

/// What a code says of whose turn it is. Codes of documents and of the issuer are the caller's to place.
fn status_of(code: &str) -> Option<StatusCode> {
    Some(match code {
        "NOT_FOR_HOSTS" => StatusCode::FORBIDDEN,
        "AGENT_BUSY" | "AGENT_ENDING" | "CLOCK_UNREADABLE" | "STORE_IO" | "SYSTEM" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "JOURNAL_BUSY" | "JOURNAL_NOT_YET" | "JOURNAL_UNUSABLE" | "JOURNAL_DAMAGED" | "JOURNAL_SET_ASIDE" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "NOT_ACTIVATED" | "ALREADY_ACTIVATED" | "NOTHING_PENDING" | "OTHER_PENDING" | "OVERTAKEN"
        | "NO_ISSUER_URL" => StatusCode::CONFLICT,
        "ISSUER_UNREACHABLE" | "NOT_AN_ISSUER" => StatusCode::BAD_GATEWAY,
        _ => return None,
    })
}
