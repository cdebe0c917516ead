//! What was used: the sums of the journal, and how much of it the issuer has not heard of.

use super::entitlements::{QuotaStanding, number};
use super::{OfTenant, journal_refusal};
use crate::api::desk::Desk;
use crate::api::input::NoBody;
use crate::api::route::{Call, Handled};
use crate::command::Command;
use crate::local::{GLANCE_TIMEOUT, Peer};
use crate::meters;
use crate::words::{rfc3339, rfc3339_of_ms};
use brink_license::Slug;
use brink_license::usage::MeterTotal;
use brink_store::QuotaUse;
use brink_store::journal::{ChainSummary, UsageError};
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

/// What this activation of the device has recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Summary {
    /// The tenant; null while no licence is at hand.
    tenant_id: Option<String>,
    /// The device.
    device_id: String,
    /// When the first use was recorded, RFC 3339.
    period_start: Option<String>,
    /// The guarded time of this answer, RFC 3339.
    period_end: Option<String>,
    /// As the old console names it; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    api_calls: Option<Number>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    llm_tokens_used: Option<Number>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    storage_gb_days: Option<Number>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    sms_sent: Option<Number>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    agent_executions: Option<Number>,
    /// Every meter.
    meters: Vec<MeterSum>,
    /// What the issuer has not acknowledged; null where the agent did not say in time.
    unsettled: Option<Unsettled>,
    /// When the issuer answered last, RFC 3339.
    last_sync: Option<String>,
    /// How the quotas stand.
    quotas: Vec<QuotaStanding>,
    /// `journal_damaged` where records of this activation were lost, and are named as such.
    flags: Vec<&'static str>,
}

/// The sum of a meter.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct MeterSum {
    /// The meter.
    meter: String,
    /// Its unit, where it is known.
    unit: Option<&'static str>,
    /// The sum, exactly, as a decimal.
    total: String,
    /// How many records.
    records: u64,
    /// How many uses.
    count: u64,
    /// When the first was recorded, RFC 3339.
    first: Option<String>,
    /// When the last was, RFC 3339.
    last: Option<String>,
}

/// What waits for an exchange.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Unsettled {
    /// Records; counted up to a million.
    records: u64,
    /// When the oldest was recorded, RFC 3339.
    oldest: Option<String>,
}

pub(in crate::api) fn show(desk: &Desk, call: Call<OfTenant, NoBody>) -> Handled<Summary> {
    let view = desk.view()?;
    call.query.check(&view)?;
    let refused = |error| journal_refusal(&view, error);
    let chains = desk.sight.book().and_then(|book| Ok(book.summary()?)).map_err(refused)?;
    let in_use = chains.last().ok_or_else(|| refused(UsageError::NotActivated))?;
    let quotas = if view.bundle().is_some() {
        desk.sight.opened().meter().quotas().map_err(refused)?
    } else {
        Vec::new()
    };
    let receipt = view.bundle().and_then(|bundle| bundle.receipt());
    let mut summary = of(in_use, &quotas);
    summary.tenant_id = view.claims().map(|claims| claims.tenant.to_string());
    summary.period_end = rfc3339(view.standing().now);
    summary.last_sync = receipt.and_then(|receipt| rfc3339(receipt.claims().server_time));
    summary.unsettled = unsettled(desk, call.peer);
    Ok(summary.into())
}

fn of(chain: &ChainSummary, quotas: &[QuotaUse]) -> Summary {
    let named = |name: &str| {
        let found = chain.meters.iter().find(|(meter, _)| meters::in_summary(meter) == Some(name));
        found.map(|(_, total)| number(total.total))
    };
    Summary {
        tenant_id: None,
        device_id: chain.device.to_string(),
        period_start: chain.meters.iter().map(|(_, total)| total.first_ms).min().and_then(rfc3339_of_ms),
        period_end: None,
        api_calls: named("api_calls"),
        llm_tokens_used: named("llm_tokens_used"),
        storage_gb_days: named("storage_gb_days"),
        sms_sent: named("sms_sent"),
        agent_executions: named("agent_executions"),
        meters: chain.meters.iter().map(sum).collect(),
        unsettled: None,
        last_sync: None,
        quotas: quotas.iter().map(QuotaStanding::of).collect(),
        flags: if chain.recoveries > 0 { vec!["journal_damaged"] } else { Vec::new() },
    }
}

fn sum((meter, total): &(Slug, MeterTotal)) -> MeterSum {
    MeterSum {
        meter: meter.to_string(),
        unit: meters::unit(meter),
        total: total.total.to_string(),
        records: total.records,
        count: total.count,
        first: rfc3339_of_ms(total.first_ms),
        last: rfc3339_of_ms(total.last_ms),
    }
}

/// Only the agent knows how far the issuer has acknowledged. It may be busy, and the sums need not wait for it.
fn unsettled(desk: &Desk, peer: Peer) -> Option<Unsettled> {
    let reply = desk.ask(Command::Status, peer, GLANCE_TIMEOUT).ok()??;
    let usage = &reply.document["usage"];
    let oldest = usage["oldest_unsettled"].as_str().map(str::to_owned);
    Some(Unsettled { records: usage["backlog"].as_u64()?, oldest })
}
