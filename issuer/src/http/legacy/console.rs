//! What the old console shows: numbers as numbers, lists never null, slugs, moments in RFC 3339. Looking changes nothing.

use super::desk::{Ask, Desk};
use super::devices::verdict;
use super::wire::{Denial, object, said};
use crate::calendar::rfc3339;
use crate::legacy::{Account, Client, Mode, Seating};
use crate::reports::period::{Bound, QUARTER_SECONDS};
use axum::http::StatusCode;
use brink_license::UnixSeconds;
use serde_json::{Map, Value, json};

/// Cents, for people: sums of prices that are shown, never what is owed.
fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

pub(super) fn licence(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let client = ask.own_client(desk)?;
    let account = client.account()?;
    let terms = account.terms();
    let trial = terms.and_then(|terms| terms.trial);
    let packs: Vec<&str> =
        terms.iter().flat_map(|terms| terms.packs.keys()).map(|pack| pack.as_str()).collect();
    let tenant = client.tenant().as_str();
    let shown_from = tenant.char_indices().rev().nth(3).map_or(0, |(place, _)| place);
    let hidden = tenant[..shown_from].chars().count();
    let (code, why) = said(account.refused.as_ref());
    Ok(json!({
        "license_mode": account.mode.as_str(),
        "is_valid": account.refused.is_none(),
        "active_cameras": account.cameras.len(),
        "cameras_allowed": terms.map_or(0, |terms| terms.cameras),
        "trial_max_cameras": desk.issuer.catalog.trial.cameras,
        "days_remaining": account.days_remaining(),
        "valid_until": rfc3339(account.valid_until()),
        "trial_started_at": trial.map(|trial| rfc3339(trial.started_at)),
        "enabled_growth_packs": packs,
        "cameras": cameras(&client, &account),
        "pricing": pricing_of(&client, &account),
        "license_key": format!("{}{}", "*".repeat(hidden), &tenant[shown_from..]),
        "can_revoke": account.mode == Mode::Base,
        "code": code,
        "error_message": why,
    }))
}

fn cameras(client: &Client<'_>, account: &Account) -> Vec<Value> {
    let trial = account.terms().and_then(|terms| terms.trial);
    let until = account.valid_until();
    let of = |(place, (camera, _, at)): (usize, &(_, _, UnixSeconds))| {
        let (is_valid, packs) = client.camera(account, place);
        let began = trial.map_or(*at, |trial| trial.started_at);
        json!({
            "camera_id": camera, "tenant_id": client.tenant(), "mode": account.mode.as_str(), "is_valid": is_valid,
            "start_date": rfc3339(began), "end_date": rfc3339(until), "created_at": rfc3339(*at),
            "valid_until": rfc3339(until), "enabled_growth_packs": packs, "days_remaining": account.days_remaining(),
            "is_expired": account.refused.is_some(),
        })
    };
    account.cameras.iter().enumerate().map(of).collect()
}

fn pricing_of(client: &Client<'_>, account: &Account) -> Value {
    let terms = account.terms();
    let paid = terms.filter(|terms| terms.trial.is_none());
    let rate = client.camera_price(terms);
    let count = paid.map_or(0, |terms| terms.cameras);
    let mut packs = Map::new();
    let mut of_packs = 0.0;
    for sold in client.packs() {
        if !paid.is_some_and(|terms| terms.packs.contains_key(&sold.slug)) {
            continue;
        }
        let price = client.price(terms, sold.slug.as_str()).unwrap_or_default();
        of_packs += if sold.is_of_cameras { price * f64::from(count) } else { price };
        packs.insert(sold.slug.to_string(), json!(price));
    }
    let base = rate * f64::from(count);
    json!({
        "base_cost": cents(base), "camera_count": count, "per_camera_rate": rate, "growth_packs": packs,
        "growth_pack_cost": cents(of_packs), "total_monthly": cents(base + of_packs),
        "currency": account.view.tenant.currency.to_string(),
    })
}

pub(super) fn subscription(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let client = ask.own_client(desk)?;
    let account = client.account()?;
    let Some(row) = &account.row else {
        return Err(Denial::new(StatusCode::NOT_FOUND, "NO_SUBSCRIPTION", "Subscription not found"));
    };
    let is_trial = row.terms.trial.is_some();
    let packs: Vec<Value> = client
        .packs()
        .into_iter()
        .filter(|pack| row.terms.packs.contains_key(&pack.slug))
        .map(|pack| {
            json!({
                "pack_id": pack.slug, "pack_name": pack.name, "enabled_at": rfc3339(row.effective_at),
                "price_monthly": client.price(Some(&row.terms), pack.slug.as_str()).unwrap_or_default(),
            })
        })
        .collect();
    let status = match &account.refused {
        None => "active",
        Some(("NO_CAMERAS", _)) => "cancelled",
        Some(("TENANT_SUSPENDED", _)) => "suspended",
        Some(_) => "expired",
    };
    Ok(json!({
        "subscription_id": format!("{}-{}", client.tenant(), row.version), "tenant_id": client.tenant(),
        "plan": if is_trial { "trial" } else { "base" }, "status": status, "cameras_licensed": row.terms.cameras,
        "growth_packs": packs, "billing_cycle": "monthly",
        "next_billing_date": if is_trial { String::new() } else { rfc3339(account.next_month()) },
        "total_monthly_cost": pricing_of(&client, &account)["total_monthly"],
    }))
}

pub(super) fn packs(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let client = ask.own_client(desk)?;
    let account = client.account()?;
    let packs: Vec<&str> =
        account.terms().iter().flat_map(|terms| terms.packs.keys()).map(|pack| pack.as_str()).collect();
    Ok(json!({ "enabled_packs": packs }))
}

pub(super) fn available(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let client = ask.client(desk)?;
    let account = client.account()?;
    Ok(json!({ "packs": for_sale(&client, &account) }))
}

fn for_sale(client: &Client<'_>, account: &Account) -> Vec<Value> {
    let of = |pack: crate::legacy::SoldPack| {
        let price = client.price(account.terms(), pack.slug.as_str());
        let per = if pack.is_of_cameras { "camera and month" } else { "month" };
        let said = price.map_or_else(|| "price by contract".to_owned(), |_| format!("per {per}"));
        json!({
            "pack_id": pack.slug, "pack_name": pack.name, "description": format!("{}, {said}", pack.name),
            "category": pack.category, "price_monthly": price.unwrap_or_default(),
            "is_priced_by_contract": price.is_none(), "features": pack.features,
            "is_enabled": account.terms().is_some_and(|terms| terms.packs.contains_key(&pack.slug)),
        })
    };
    client.packs().into_iter().map(of).collect()
}

pub(super) fn pricing(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let client = ask.client(desk)?;
    let account = client.account()?;
    let rate = client.camera_price(account.terms());
    Ok(json!({
        "base_license": { "per_camera_monthly": rate, "description": "One camera with the base pack" },
        "growth_packs": for_sale(&client, &account), "currency": account.view.tenant.currency.to_string(),
    }))
}

pub(super) fn validate(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let (client, body) = (ask.client(desk)?, object(&ask.body)?);
    let verdict = verdict(desk, &client, (&body, Seating::Looks))?;
    let (code, why) = said(verdict.refused.as_ref());
    Ok(json!({
        "is_valid": verdict.is_valid(), "license_mode": verdict.mode.as_str(),
        "valid_until": rfc3339(verdict.valid_until), "enabled_growth_packs": verdict.packs,
        "cameras_allowed": verdict.cameras_allowed, "code": code, "error_message": why,
    }))
}

/// Names of the answer, and the meters that they count.
const SUMMED: [(&str, &str, bool); 5] = [
    ("api_calls", "api_call", true),
    ("llm_tokens_used", "llm_token", true),
    ("storage_gb_days", "storage_gb_day", false),
    ("sms_sent", "sms", true),
    ("agent_executions", "agent_execution", true),
];

pub(super) fn usage(desk: &Desk, ask: &Ask) -> Result<Value, Denial> {
    let client = ask.own_client(desk)?;
    let account = client.account()?;
    let (mut start, mut end) = (None, None);
    for (name, value) in serde_urlencoded::from_str::<Vec<(String, String)>>(&ask.query).unwrap_or_default() {
        let bound = |text: &str| match text {
            "" => Ok(None),
            text => moment(text, &account).map(Some),
        };
        match name.as_str() {
            "start" => start = bound(&value)?,
            "end" => end = bound(&value)?,
            _ => {}
        }
    }
    let end = end.unwrap_or(account.now);
    let start = start.unwrap_or_else(|| account.month_before(end));
    if start > end {
        return Err(Denial::bad("PERIOD_EMPTY", "start is behind end"));
    }
    // Up to now, the quarter that runs is part of it.
    let until = if end == account.now { end.saturating_add(QUARTER_SECONDS) } else { end };
    let used = client.used_between((start, until))?;
    let mut answer = json!({
        "tenant_id": client.tenant(), "period_start": rfc3339(start), "period_end": rfc3339(end),
    });
    for (name, meter, is_whole) in SUMMED {
        let Some((_, amount)) = used.iter().find(|(known, _)| known.as_str() == meter) else { continue };
        let shown = amount.to_string();
        let whole = || shown.split('.').next().and_then(|whole| whole.parse::<i64>().ok());
        answer[name] = match is_whole.then(whole).flatten() {
            Some(whole) => whole.into(),
            None => crate::legacy::shown(&shown).into(),
        };
    }
    Ok(answer)
}

/// A day, or an instant; once it was a default without a word where it was neither.
fn moment(text: &str, account: &Account) -> Result<UnixSeconds, Denial> {
    let bound = text.parse::<Bound>();
    let bound = bound.map_err(|error| Denial::bad(error.code(), format!("start and end: {error}")))?;
    Ok(match bound {
        Bound::Instant(at) => at,
        Bound::Day(day) => crate::calendar::local_midnight(day, account.view.tenant.zone),
    })
}
