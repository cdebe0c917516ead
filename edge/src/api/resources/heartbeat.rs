//! A heartbeat is an exchange: the device tells the issuer how it is, and is answered.

use super::check_tenant;
use crate::api::desk::Desk;
use crate::api::input::{Maybe, NoQuery};
use crate::api::refusal::Refusal;
use crate::api::route::{Call, Handled, Reply};
use crate::command::{Command, Report};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use utoipa::ToSchema;

/// Whoever sends a heartbeat does not wait for as long as a network may take. What was begun goes on.
const PATIENCE: Duration = Duration::from_secs(8);
/// The old product's interval, where no licence says another.
const INTERVAL_SECONDS: u64 = 900;

/// What the old product sends. The exchange says more, and from the device itself: none of it is looked at but the tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read to be known, and not believed")]
pub(in crate::api) struct Heartbeat {
    /// Not looked at: who answers is the device.
    device_id: Option<String>,
    /// The device's tenant, or `default`, or nothing.
    tenant_id: Option<String>,
    /// Not looked at: which cameras are licensed says the licence.
    active_camera_ids: Option<Vec<String>>,
    /// Not looked at: the class of a device is set at the issuer.
    management_tier: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Beat {
    /// `ok`: the issuer answered. `pending`: it has not yet, and the request is on its way. `unreachable`: it cannot be
    /// reached; the request is kept, and the agent sends it again by itself.
    status: &'static str,
    /// When the next is due. The agent exchanges by itself, so that none is needed.
    next_heartbeat_in_seconds: u64,
    /// What the issuer answered: licence, receipt, usage.
    exchange: Option<Value>,
    /// Why it did not, a stable word.
    code: Option<String>,
    /// The same in words.
    error: Option<String>,
    /// What helps.
    mend: Option<String>,
}

pub(in crate::api) fn beat(desk: &Desk, call: Call<NoQuery, Maybe<Heartbeat>>) -> Handled<Beat> {
    let asked = call.body.0.and_then(|heartbeat| heartbeat.tenant_id);
    check_tenant(&desk.view()?, asked.as_deref())?;
    let command = Command::ExchangeOnline { issuer: None, ca_pem: None };
    let Some(reply) = desk.ask(command, call.peer, PATIENCE)? else {
        return Ok(later(Beat::new("pending", INTERVAL_SECONDS)));
    };
    match reply.error {
        None => Ok(Beat { exchange: Some(reply.document), ..Beat::new("ok", interval(desk)?) }.into()),
        Some(report) if is_no_answer(&report) => {
            let Report { code, message, mend } = report;
            let beat = Beat::new("unreachable", INTERVAL_SECONDS);
            Ok(later(Beat { code: Some(code), error: Some(message), mend, ..beat }))
        }
        Some(report) => Err(Refusal::reported(report, StatusCode::BAD_GATEWAY)),
    }
}

fn later(beat: Beat) -> Reply<Beat> {
    Reply { status: StatusCode::ACCEPTED, shown: beat }
}

/// Nobody there, or somebody in between who says "not now".
fn is_no_answer(report: &Report) -> bool {
    report.code == "ISSUER_UNREACHABLE" || report.code.starts_with("HTTP_")
}

/// As the issuer asked for last.
fn interval(desk: &Desk) -> Result<u64, Refusal> {
    let view = desk.sight.look()?;
    let asked = view.bundle().and_then(|bundle| bundle.receipt()).map(|receipt| receipt.claims().next_after);
    let licensed = view.claims().map(|claims| claims.refresh);
    Ok(asked.or(licensed).unwrap_or(INTERVAL_SECONDS))
}

impl Beat {
    const fn new(status: &'static str, next_heartbeat_in_seconds: u64) -> Self {
        Self { status, next_heartbeat_in_seconds, exchange: None, code: None, error: None, mend: None }
    }
}
