//! What may be counted through the API: the meters of the product, by every spelling that the old one had for them.
//!
//! The command line and hosts count what they like, and the issuer sets aside what it does not know. A program that writes
//! JSON is told at once.

use brink_license::Slug;

/// A meter, its older spellings, and the names of its unit.
struct Meter {
    name: &'static str,
    aliases: &'static [&'static str],
    /// The first is the one that is shown.
    units: &'static [&'static str],
    /// What the old console's summary calls it.
    summary: Option<&'static str>,
}

const METERS: [Meter; 8] = [
    Meter { name: "api_call", aliases: &[], units: &["calls", "count"], summary: Some("api_calls") },
    Meter {
        name: "llm_token",
        aliases: &["llm_tokens"],
        units: &["tokens"],
        summary: Some("llm_tokens_used"),
    },
    Meter {
        name: "storage_gb_day",
        aliases: &["storage_gb_days"],
        units: &["GB-days", "gb_days"],
        summary: Some("storage_gb_days"),
    },
    Meter { name: "sms", aliases: &["sms_sent"], units: &["messages", "count"], summary: Some("sms_sent") },
    Meter {
        name: "agent_execution",
        aliases: &[],
        units: &["executions", "count"],
        summary: Some("agent_executions"),
    },
    Meter { name: "cloud_export_gb", aliases: &[], units: &["GB", "gb"], summary: None },
    Meter { name: "webhook_call", aliases: &[], units: &["calls", "count"], summary: None },
    Meter { name: "email_sent", aliases: &[], units: &["messages", "count"], summary: None },
];

/// Features whose use a meter counts.
const METERED: [(&str, &str); 9] = [
    ("outputs/api", "api_call"),
    ("outputs/sms", "sms"),
    ("outputs/email", "email_sent"),
    ("outputs/webhook", "webhook_call"),
    ("outputs/cloud_export", "cloud_export_gb"),
    ("llm/analyst_seat_full", "llm_token"),
    ("llm/premium_connectors", "llm_token"),
    ("llm/automated_reports", "llm_token"),
    ("llm/natural_language_queries", "llm_token"),
];

/// The meter that a name means; `None` for one that the product does not have. `more` are those of the licence's quotas.
pub(crate) fn meant<'m>(name: &str, mut more: impl Iterator<Item = &'m Slug>) -> Option<Slug> {
    let known = METERS.iter().find(|meter| meter.name == name || meter.aliases.contains(&name));
    match known {
        Some(meter) => Slug::parse(meter.name).ok(),
        None => more.find(|quota| quota.as_str() == name).cloned(),
    }
}

/// Whether a unit is one of this meter's. Of a meter that only the licence knows, nobody knows the unit.
pub(crate) fn has_unit(meter: &Slug, unit: &str) -> bool {
    find(meter).is_none_or(|meter| meter.units.contains(&unit))
}

/// The unit to show.
pub(crate) fn unit(meter: &Slug) -> Option<&'static str> {
    find(meter).and_then(|meter| meter.units.first().copied())
}

/// What the old console's summary calls a meter.
pub(crate) fn in_summary(meter: &Slug) -> Option<&'static str> {
    find(meter).and_then(|meter| meter.summary)
}

/// The meter that counts what a feature does.
pub(crate) fn of_feature(feature: &str) -> Option<&'static str> {
    METERED.iter().find(|(metered, _)| *metered == feature).map(|(_, meter)| *meter)
}

/// Every name, for a refusal.
pub(crate) fn names() -> String {
    METERS.map(|meter| meter.name).join(", ")
}

fn find(name: &Slug) -> Option<&'static Meter> {
    METERS.iter().find(|meter| meter.name == name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_means_one_meter_and_every_unit_of_the_old_product_is_known() {
        let more = [Slug::parse("frames").unwrap()];
        for (name, unit, meter) in [
            ("api_call", "count", "api_call"),
            ("api_call", "calls", "api_call"),
            ("llm_tokens", "tokens", "llm_token"),
            ("llm_token", "tokens", "llm_token"),
            ("storage_gb_days", "gb_days", "storage_gb_day"),
            ("storage_gb_day", "GB-days", "storage_gb_day"),
            ("sms_sent", "count", "sms"),
            ("sms", "messages", "sms"),
            ("agent_execution", "count", "agent_execution"),
            ("cloud_export_gb", "gb", "cloud_export_gb"),
            ("webhook_call", "count", "webhook_call"),
            ("email_sent", "count", "email_sent"),
            ("frames", "whatever", "frames"),
        ] {
            let found = meant(name, more.iter()).unwrap();
            assert_eq!(found.as_str(), meter);
            assert!(has_unit(&found, unit), "{name} {unit}");
        }
        for unknown in ["", "api_calls", "API_CALL", "tea"] {
            assert_eq!(meant(unknown, more.iter()), None, "{unknown}");
        }
        assert!(!has_unit(&Slug::parse("sms").unwrap(), "gb"));
        for meter in &METERS {
            assert_eq!(meant(meter.name, [].iter()).unwrap().as_str(), meter.name);
        }
        assert!(METERED.iter().all(|(_, meter)| METERS.iter().any(|known| known.name == *meter)));
    }
}
