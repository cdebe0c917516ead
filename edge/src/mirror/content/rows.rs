//! The rows of licences and entitlements, as the device stands.

use super::{Owner, Seen, seconds};
use crate::api::Heartbeat;
use crate::database::device::{DeviceRow, SyncRow};
use crate::database::entitlement::{FeatureRow, PackRow};
use crate::database::licence::CameraRow;
use crate::mirror::facts::Facts;
use crate::view::{Feature, UNLIMITED, View, features, growth, mode_word, whole};
use brink_license::clock::State;
use brink_license::token::{LicenceClaims, Mode, Period};
use brink_license::usage::Genesis;
use brink_license::{Decision, Reason, Verdict};
use brink_store::gate::Granted;
use brink_store::{QuotaUse, Settled};
use serde_json::json;

/// What is copied whole. What is not known now is left as it was.
#[derive(Debug)]
pub(in crate::mirror) struct Rows {
    pub(in crate::mirror) device: DeviceRow,
    pub(in crate::mirror) cameras: Vec<CameraRow>,
    pub(in crate::mirror) features: Option<Vec<FeatureRow>>,
    pub(in crate::mirror) packs: Option<Vec<PackRow>>,
    pub(in crate::mirror) sync: Option<Vec<SyncRow>>,
}

/// The rows of a device.
pub(in crate::mirror) fn rows(seen: &Seen, owner: &Owner) -> Rows {
    let claims = seen.view.claims();
    Rows {
        device: device(seen, owner),
        cameras: claims.map_or_else(Vec::new, |claims| cameras(&seen.view, claims)),
        features: seen.quotas.as_ref().map(|quotas| entitlements(seen, (owner, quotas))),
        packs: claims.map(packs),
        sync: seen.facts.as_ref().map(|facts| sync(seen, facts)),
    }
}

fn device(seen: &Seen, owner: &Owner) -> DeviceRow {
    let (view, claims) = (&seen.view, seen.view.claims());
    DeviceRow {
        device_id: owner.device.clone(),
        tenant_id: owner.tenant.clone(),
        status: if view.is_valid() { "active" } else { "suspended" },
        management_tier: seen.tier.as_str(),
        software_version: env!("CARGO_PKG_VERSION"),
        metadata: json!({
            "state": view.state().as_str(), "reason": view.standing().reason.as_str(), "flags": view.flags(),
            "epoch": claims.map(|claims| claims.epoch), "licence_seq": claims.map(|claims| claims.seq),
        }),
    }
}

/// The words that readers of the old product know.
const fn status(state: State, decision: &Decision) -> &'static str {
    match (state, decision.reason) {
        (_, Reason::GrantEnded) => "expired",
        (State::Active, _) => "active",
        (State::Grace, _) => "grace_period",
        (State::Expired, _) => "expired",
        (
            State::StoreTampered
            | State::Revoked
            | State::Suspended
            | State::Unlicensed
            | State::ClockTampered
            | State::NotYetValid,
            _,
        ) => "suspended",
    }
}

fn cameras(view: &View, claims: &LicenceClaims) -> Vec<CameraRow> {
    let grants = view.grants();
    let all = (0..grants.len()).filter_map(|place| grants.camera(place));
    all.map(|granted| camera(view, claims, &granted)).collect()
}

fn camera(view: &View, claims: &LicenceClaims, granted: &Granted<'_>) -> CameraRow {
    let decision = view.decide(Some(granted.until));
    let is_valid = decision.verdict == Verdict::Allow;
    let is_trial = claims.mode == Mode::Trial;
    let until = decision.until.filter(|_| is_valid).and_then(seconds);
    let (from, to) = (seconds(claims.nbf), seconds(claims.exp));
    let next = view.standing().next_transition_at.and_then(seconds);
    CameraRow {
        camera_id: granted.camera.to_owned(),
        tenant_id: claims.tenant.to_string(),
        license_mode: mode_word(view.mode_of(granted)),
        is_trial,
        is_valid,
        valid_until: until,
        trial_start_date: from.filter(|_| is_trial),
        trial_end_date: to.filter(|_| is_trial),
        subscription_start_date: from.filter(|_| !is_trial),
        subscription_end_date: to.filter(|_| !is_trial),
        enabled_growth_packs: if is_valid { growth(granted.packs.iter()) } else { Vec::new() },
        status: status(view.state(), &decision),
        grace_period_end: until.filter(|_| view.state() == State::Grace),
        cached_until: if is_valid { until } else { next },
        metadata: json!({ "reason": decision.reason.as_str(), "state": view.state().as_str() }),
    }
}

fn entitlements(seen: &Seen, (owner, quotas): (&Owner, &[QuotaUse])) -> Vec<FeatureRow> {
    features(&seen.view, quotas).iter().map(|feature| entitlement(seen, owner, feature)).collect()
}

fn entitlement(seen: &Seen, owner: &Owner, feature: &Feature<'_>) -> FeatureRow {
    let quotas = seen.view.claims().map_or(&[][..], |claims| &claims.quotas);
    let of = feature.quota.and_then(|quota| quotas.iter().find(|of| of.meter == quota.meter));
    FeatureRow {
        tenant_id: owner.tenant.clone(),
        feature_category: feature.category.to_owned(),
        feature_name: feature.name.to_owned(),
        is_enabled: feature.until.is_some(),
        quota: feature.quota.map_or(UNLIMITED, |quota| whole(quota.limit)),
        quota_used: feature.quota.map_or_else(|| "0".to_owned(), |quota| quota.used.to_string()),
        quota_period: of.map_or("monthly", |of| period(of.period)),
        quota_reset_date: feature.quota.and_then(|quota| quota.resets_at).and_then(seconds),
        growth_pack_source: feature.packs.first().map(ToString::to_string),
        cached_until: feature.until.or_else(|| seen.next_change()).and_then(seconds),
        metadata: json!({
            "packs": feature.packs, "cameras": feature.cameras, "meter": feature.quota.map(|quota| quota.meter.as_str()),
        }),
    }
}

const fn period(period: Period) -> &'static str {
    match period {
        Period::Month => "monthly",
        Period::Day => "daily",
        Period::Lease => "lease",
    }
}

fn packs(claims: &LicenceClaims) -> Vec<PackRow> {
    let each = |(pack, feature): (&str, &str)| {
        let (category, name) = feature.split_once('/').unwrap_or(("", feature));
        PackRow {
            growth_pack_name: pack.to_owned(),
            growth_pack_type: match pack {
                "base" | "trial" => "base",
                "advanced_analytics" => "advanced_analytics",
                "intelligence" => "intelligence",
                "integration" => "integration",
                _ => "industry",
            },
            feature_category: category.to_owned(),
            feature_name: name.to_owned(),
            catalogue: i64::try_from(claims.catalog).unwrap_or(i64::MAX),
        }
    };
    let all =
        claims.packs.iter().flat_map(|(pack, of)| of.iter().map(move |feature| (pack.as_str(), feature)));
    all.map(each).collect()
}

/// How the talk with the issuer goes. All of it is one exchange.
fn sync(seen: &Seen, facts: &Facts) -> Vec<SyncRow> {
    let (view, bundle) = (&seen.view, seen.view.bundle());
    let receipt = bundle.and_then(|bundle| bundle.receipt()).map(|receipt| receipt.claims());
    let at = receipt.and_then(|receipt| seconds(receipt.server_time));
    let refusal = facts.last_refusal.as_ref().map(|refused| format!("{}: {}", refused.code, refused.what));
    let is_failing = facts.failures_in_a_row > 0;
    let settled = used(facts);
    let is_stuck = settled.is_some_and(|settled| settled.stuck);
    let row = |sync_type, failed: Option<String>, records: i64| SyncRow {
        sync_type,
        last_sync_time: at,
        last_sync_status: if failed.is_some() { "failed" } else { "success" },
        records_processed: records,
        records_synced: records,
        error_message: failed,
        next_sync_scheduled: facts.next_exchange_after.and_then(seconds),
        metadata: json!({ "failures_in_a_row": facts.failures_in_a_row }),
    };
    let away = is_failing.then(|| refusal.unwrap_or_else(|| "the issuer does not answer".to_owned()));
    let stuck = is_stuck.then(|| "the issuer has other usage of this device than its journal".to_owned());
    let invalid = (!view.is_valid()).then(|| {
        let reason = view.standing().reason;
        format!("{}: {}", reason.as_str(), reason.mend())
    });
    let settled = settled.map_or(0, |settled| i64::try_from(settled.cursor.seq).unwrap_or(i64::MAX));
    let mut rows = vec![
        row("usage_upload", stuck.or_else(|| away.clone()), settled),
        row("entitlement_refresh", away, 1),
        row("license_validation", invalid, 1),
    ];
    rows.extend(facts.heartbeat.as_ref().map(heartbeat));
    rows
}

/// Of those that are sent to the billing server, where any are.
fn heartbeat(last: &Heartbeat) -> SyncRow {
    let heard = i64::from(last.failure.is_none());
    SyncRow {
        sync_type: "heartbeat",
        last_sync_time: last.heard_at.and_then(seconds),
        last_sync_status: if last.failure.is_none() { "success" } else { "failed" },
        records_processed: 1,
        records_synced: heard,
        error_message: last.failure.clone(),
        next_sync_scheduled: seconds(last.next_at),
        metadata: json!({}),
    }
}

/// How far the chain in use is settled.
fn used(facts: &Facts) -> Option<Settled> {
    let identity = facts.identity.as_ref()?;
    facts.settled.iter().rfind(|settled| settled.epoch == identity.epoch).copied()
}

/// Up to where the issuer has taken a chain.
pub(in crate::mirror) fn settled(facts: &Facts, genesis: &Genesis) -> Option<u64> {
    let is_ours = facts.identity.as_ref().is_some_and(|identity| identity.device == genesis.device);
    is_ours.then(|| Settled::of(genesis, &facts.settled).cursor.seq)
}
