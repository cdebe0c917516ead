//! The documents of licences and entitlements, as the device stands: one for each key, with the moment after which nobody may
//! believe it.

use super::{Owner, Seen, seconds};
use crate::view::{Feature, UNLIMITED, View, features, growth, mode_word, whole};
use brink_license::token::Mode;
use brink_license::{UnixSeconds, Verdict};
use brink_store::gate::Granted;
use serde_json::{Value, json};

/// The form of the documents. A reader that finds another number looks elsewhere.
const VERSION: u8 = 1;

/// What a document is about, and so how long it may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mirror) enum Class {
    /// A licence.
    Licence,
    /// An entitlement, or packs.
    Entitlement,
}

/// One key and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mirror) struct Document {
    pub(in crate::mirror) key: String,
    pub(in crate::mirror) class: Class,
    pub(in crate::mirror) text: String,
    /// After this nobody may believe it.
    pub(in crate::mirror) deadline: Option<UnixSeconds>,
}

/// Every document of a device. Entitlements are left out where their quotas cannot be told.
pub(in crate::mirror) fn documents(seen: &Seen, owner: &Owner) -> Vec<Document> {
    let (view, Owner { tenant, .. }) = (&seen.view, owner);
    let mut all = vec![licence(seen, owner), packs(seen, tenant)];
    let grants = view.grants();
    let cameras = (0..grants.len()).filter_map(|place| grants.camera(place));
    all.extend(cameras.map(|granted| camera(seen, owner, &granted)));
    if let Some(quotas) = &seen.quotas {
        all.extend(features(view, quotas).iter().map(|feature| entitlement(seen, tenant, feature)));
    }
    all
}

fn licence(seen: &Seen, Owner { tenant, device }: &Owner) -> Document {
    let view = &seen.view;
    let until = closes(view);
    let said = json!({
        "version": VERSION, "tenant_id": tenant, "device_id": device, "is_valid": view.is_valid(),
        "license_mode": mode_word(view.mode()), "enabled_growth_packs": view.packs(),
        "cameras_allowed": view.cameras_allowed(), "valid_until": shown(until), "state": view.state().as_str(),
        "reason": view.standing().reason.as_str(),
    });
    document(format!("license:{tenant}"), Class::Licence, (&said, until.or_else(|| seen.next_change())))
}

fn camera(seen: &Seen, Owner { tenant, device }: &Owner, granted: &Granted<'_>) -> Document {
    let view = &seen.view;
    let decision = view.decide(Some(granted.until));
    let is_valid = decision.verdict == Verdict::Allow;
    let mode = if is_valid { view.mode() } else { Mode::Unlicensed };
    let until = decision.until.filter(|_| is_valid);
    let said = json!({
        "version": VERSION, "tenant_id": tenant, "device_id": device, "camera_id": granted.camera, "is_valid": is_valid,
        "license_mode": mode_word(mode),
        "enabled_growth_packs": if is_valid { growth(granted.packs.iter()) } else { Vec::new() },
        "cameras_allowed": view.cameras_allowed(), "valid_until": shown(until), "state": view.state().as_str(),
        "reason": decision.reason.as_str(),
    });
    let key = format!("license:{tenant}:camera:{}", granted.camera);
    document(key, Class::Licence, (&said, until.or_else(|| seen.next_change())))
}

fn packs(seen: &Seen, tenant: &str) -> Document {
    let until = closes(&seen.view);
    let said = json!({
        "version": VERSION, "tenant_id": tenant, "enabled_packs": seen.view.packs(), "valid_until": shown(until),
    });
    let deadline = until.or_else(|| seen.next_change());
    document(format!("growth_packs:{tenant}"), Class::Entitlement, (&said, deadline))
}

fn entitlement(seen: &Seen, tenant: &str, feature: &Feature<'_>) -> Document {
    let Feature { category, name, until, quota, .. } = feature;
    let is_enabled = until.is_some();
    let left = quota.map_or(UNLIMITED, |quota| whole(quota.remaining));
    let said = json!({
        "version": VERSION, "tenant_id": tenant, "feature_category": category, "feature_name": name,
        "is_enabled": is_enabled, "quota_limit": quota.map_or(UNLIMITED, |quota| whole(quota.limit)),
        "quota_used": quota.map_or(0, |quota| whole(quota.used)),
        "quota_remaining": if is_enabled { left } else { 0 }, "valid_until": shown(*until),
    });
    let key = format!("entitlement:{tenant}:{category}:{name}");
    document(key, Class::Entitlement, (&said, until.or_else(|| seen.next_change())))
}

fn closes(view: &View) -> Option<UnixSeconds> {
    view.is_valid().then(|| view.standing().window.closes_at())
}

/// Epoch seconds; 0 for what is not valid, as the old client reads what is absent.
fn shown(until: Option<UnixSeconds>) -> i64 {
    until.map_or(0, |until| seconds(until).unwrap_or(UnixSeconds::MAX_NUMERIC_DATE.as_i64()))
}

fn document(key: String, class: Class, (said, deadline): (&Value, Option<UnixSeconds>)) -> Document {
    Document { key, class, text: said.to_string(), deadline }
}
