//! What was recorded of a subscription, for people and programs.

use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::storage::{Agreed, SubscriptionRow};
use crate::timeline::Recorded;
use brink_license::{Slug, TenantId};

pub(super) fn recorded(
    output: &mut Output<'_>,
    json: bool,
    (tenant, recorded, dry_run): (&TenantId, &Recorded, bool),
) -> Result<(), CliError> {
    let mut document = document(tenant, &recorded.version);
    let again: Vec<_> = recorded.again.iter().map(|row| self::document(tenant, row)).collect();
    document["again"] = serde_json::json!(again);
    document["dry_run"] = serde_json::json!(dry_run);
    let below = recorded.below_assigned.map(|(from, cameras)| (rfc3339(from), cameras));
    document["below_assigned"] = serde_json::json!(
        below.as_ref().map(|(from, cameras)| serde_json::json!({ "from": from, "cameras": cameras }))
    );
    let mut lines = vec![line(tenant, &recorded.version)];
    lines.extend(recorded.again.iter().map(|row| line(tenant, row)));
    if dry_run {
        lines.push("nothing was recorded".to_owned());
    }
    if let Some((from, cameras)) = below {
        output.warn(&format!(
            "from {from} on {cameras} cameras are subscribed, fewer than are assigned by name; those assigned last lose their \
             seats then, unless some are taken off with `camera assign --remove`"
        ))?;
    }
    Ok(output.result(json, &document, &lines.join("\n"))?)
}

pub(super) fn document(tenant: &TenantId, row: &SubscriptionRow) -> serde_json::Value {
    let terms = &row.terms;
    let packs: Vec<_> =
        terms.packs.iter().map(|(pack, price)| serde_json::json!({ "pack": pack, "price": price })).collect();
    let trial = terms.trial.map(|trial| {
        serde_json::json!({ "started_at": rfc3339(trial.started_at), "ends_at": rfc3339(trial.ends_at) })
    });
    let item = |(item, quantity)| serde_json::json!({ "item": item, "quantity": quantity });
    let items: Vec<_> = terms.items.iter().map(item).collect();
    let price = |(name, agreed): (&Slug, &Agreed)| {
        serde_json::json!({
            "price": name, "amount": agreed.amount, "per": agreed.per, "at_once": agreed.at_once,
        })
    };
    let prices: Vec<_> = terms.prices.iter().map(price).collect();
    serde_json::json!({
        "tenant": tenant, "version": row.version, "cameras": terms.cameras, "packs": packs, "items": items,
        "prices": prices, "trial": trial,
        "enforce": terms.enforce, "days": terms.days, "grace": terms.grace_days,
        "offline_max": terms.offline_max_days, "catalog": terms.catalog_version,
        "effective_at": rfc3339(row.effective_at), "set_at": rfc3339(row.set_at),
        "set_by": row.set_by.as_ref().map(|actor| &actor.0), "reason": row.reason, "made": row.made.as_str(),
        "of": row.made.of(),
    })
}

fn line(tenant: &TenantId, row: &SubscriptionRow) -> String {
    let at = rfc3339(row.effective_at);
    format!("tenant {tenant}: subscription version {}, {}, from {at} on", row.version, terms(row))
}

pub(super) fn terms(row: &SubscriptionRow) -> String {
    let terms = &row.terms;
    let pack = |(pack, price): (&Slug, &Option<crate::price::Price>)| match price {
        Some(price) => format!("{pack}={price}"),
        None => pack.to_string(),
    };
    let packs: Vec<String> = terms.packs.iter().map(pack).collect();
    let packs = if packs.is_empty() { "no further packs".to_owned() } else { packs.join(", ") };
    let trial =
        terms.trial.map(|trial| format!(", trial until {}", rfc3339(trial.ends_at))).unwrap_or_default();
    let items: String = terms.items.iter().map(|(item, count)| format!(", {count} {item}")).collect();
    let price = |(name, agreed): (&Slug, &Agreed)| {
        let per = agreed.per.map(|per| format!("/{per}")).unwrap_or_default();
        let from = if agreed.at_once { " at once" } else { "" };
        format!(", {name} at {}{per}{from}", agreed.amount)
    };
    let prices: String = terms.prices.iter().map(price).collect();
    format!("{} cameras, {packs}{items}{prices}{trial}", terms.cameras)
}
