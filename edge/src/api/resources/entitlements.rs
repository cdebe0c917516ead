//! Features and quotas: what any camera of this device may use, and how much of it is left.

use super::{OfTenant, journal_refusal};
use crate::api::desk::Desk;
use crate::api::input::NoBody;
use crate::api::refusal::Refusal;
use crate::api::route::{Call, Handled};
use crate::meters;
use crate::view::{Feature, UNLIMITED, View, features, mode_word, whole};
use crate::words::rfc3339;
use brink_license::token::Over;
use brink_license::usage::Quantity;
use brink_store::QuotaUse;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

/// What the licence has.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Entitlements {
    /// The tenant; null before the activation.
    tenant_id: Option<String>,
    /// Whether the licence lets anything go on.
    is_valid: bool,
    /// `trial`, `base` or `unlicensed`.
    license_mode: &'static str,
    /// The state in Brink's own words.
    state: &'static str,
    /// Why.
    reason: &'static str,
    /// Growth packs of the licence by slug.
    enabled_growth_packs: Vec<String>,
    /// Every feature of every pack.
    entitlements: Vec<Entitlement>,
    /// Every quota, as it stands now.
    quotas: Vec<QuotaStanding>,
    /// `licence`: verified in this process; `none`: there is nothing to answer from.
    source: &'static str,
}

/// A feature.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Entitlement {
    /// For example `analytics`.
    feature_category: String,
    /// For example `near_miss`.
    feature_name: String,
    /// Whether some camera of this device, or the device itself, may use it now.
    is_enabled: bool,
    /// Packs that have it.
    packs: Vec<String>,
    /// Cameras that may use it now.
    cameras: usize,
    /// The meter that counts its use, where the licence has a quota of it.
    meter: Option<String>,
    /// -1: not limited. Else what the quota of its meter comes to.
    quota_limit: i64,
    /// What was recorded against that quota; 0 where there is none.
    #[schema(value_type = f64)]
    quota_used: Number,
    /// What is left of it, rounded down; -1: not limited; 0 where it is not enabled.
    quota_remaining: i64,
    /// From when on it is not enabled any more, if nothing new comes, RFC 3339.
    valid_until: Option<String>,
    /// Empty, or why it is not enabled.
    error_message: String,
}

/// A quota.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct QuotaStanding {
    /// Of what.
    meter: String,
    /// The unit, where it is known.
    unit: Option<&'static str>,
    /// The limit of the span.
    quota_limit: i64,
    /// Recorded in the span.
    #[schema(value_type = f64)]
    quota_used: Number,
    /// What is left, rounded down; 0 where nothing may be used.
    quota_remaining: i64,
    /// Recorded, exactly, as a decimal.
    used: String,
    /// Set aside for what is recorded later, exactly.
    set_aside: String,
    /// Left, exactly.
    remaining: String,
    /// What happens beyond it: `allow`, `warn` or `deny`.
    over: &'static str,
    /// Which span, in words.
    span: String,
    /// When the count begins again, RFC 3339; null where only a licence begins it.
    resets_at: Option<String>,
    /// The journal was damaged: what refuses counts as spent until the next exchange.
    in_doubt: bool,
    /// The state of a licence that is not in force, where that closes the quota.
    closed: Option<&'static str>,
}

pub(in crate::api) fn list(desk: &Desk, call: Call<OfTenant, NoBody>) -> Handled<Entitlements> {
    let view = desk.view()?;
    call.query.check(&view)?;
    let quotas = if view.bundle().is_some() { counted(desk, &view)? } else { Vec::new() };
    Ok(of(&view, &quotas).into())
}

/// As the journal counts them now.
fn counted(desk: &Desk, view: &View) -> Result<Vec<QuotaUse>, Refusal> {
    desk.sight.opened().meter().quotas().map_err(|error| journal_refusal(view, error))
}

fn of(view: &View, quotas: &[QuotaUse]) -> Entitlements {
    let claims = view.claims();
    Entitlements {
        tenant_id: claims.map(|claims| claims.tenant.to_string()),
        is_valid: view.is_valid(),
        license_mode: mode_word(view.mode()),
        state: view.state().as_str(),
        reason: view.standing().reason.as_str(),
        enabled_growth_packs: view.packs(),
        entitlements: entitlements(view, quotas),
        quotas: quotas.iter().map(QuotaStanding::of).collect(),
        source: view.source(),
    }
}

fn entitlements(view: &View, quotas: &[QuotaUse]) -> Vec<Entitlement> {
    features(view, quotas).iter().map(|feature| Entitlement::of(feature, view)).collect()
}

impl Entitlement {
    fn of(feature: &Feature<'_>, view: &View) -> Self {
        let Feature { category, name, packs, cameras, until, quota } = feature;
        let is_enabled = until.is_some();
        let left = quota.map_or(UNLIMITED, |quota| whole(quota.remaining));
        let error_message = match (is_enabled, view.is_valid()) {
            (true, _) => String::new(),
            (false, true) => format!("no camera of this device has {category}/{name} now"),
            (false, false) => view.standing().reason.mend().to_owned(),
        };
        Self {
            feature_category: (*category).to_owned(),
            feature_name: (*name).to_owned(),
            is_enabled,
            packs: packs.iter().map(ToString::to_string).collect(),
            cameras: *cameras,
            meter: quota.map(|quota| quota.meter.to_string()),
            quota_limit: quota.map_or(UNLIMITED, |quota| whole(quota.limit)),
            quota_used: quota.map_or_else(|| Number::from(0), |quota| number(quota.used)),
            quota_remaining: if is_enabled { left } else { 0 },
            valid_until: until.and_then(rfc3339),
            error_message,
        }
    }
}

impl QuotaStanding {
    pub(super) fn of(quota: &QuotaUse) -> Self {
        Self {
            meter: quota.meter.to_string(),
            unit: meters::unit(&quota.meter),
            quota_limit: whole(quota.limit),
            quota_used: number(quota.used),
            quota_remaining: whole(quota.remaining),
            used: quota.used.to_string(),
            set_aside: quota.aside.to_string(),
            remaining: quota.remaining.to_string(),
            over: match quota.over {
                Over::Allow => "allow",
                Over::Warn => "warn",
                Over::Deny => "deny",
            },
            span: quota.span.clone(),
            resets_at: quota.resets_at.and_then(rfc3339),
            in_doubt: quota.in_doubt,
            closed: quota.closed.map(|state| state.as_str()),
        }
    }
}

/// As JSON has numbers: exact for whole ones, else the nearest that it has.
pub(super) fn number(quantity: Quantity) -> Number {
    match quantity.to_parts() {
        Some((units, 0)) => Number::from(units),
        Some(_) | None => {
            let nearest = quantity.to_string().parse().ok().and_then(Number::from_f64);
            nearest.unwrap_or_else(|| Number::from(u64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_numbers_and_what_is_left_is_rounded_down() {
        let quantity = |text: &str| Quantity::parse(text).unwrap();
        assert_eq!(number(quantity("7")).to_string(), "7");
        assert_eq!(number(quantity("0.25")).to_string(), "0.25");
        assert_eq!(number(Quantity::MAX).to_string(), "1e+26");
        assert_eq!((whole(quantity("1.999")), whole(quantity("0")), whole(Quantity::MAX)), (1, 0, i64::MAX));
    }
}
