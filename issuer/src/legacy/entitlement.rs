//! Whether a tenant may use a feature, and how much of it is left: quotas are those of its terms, and what is used of them is
//! what stands in the books.

use super::licence::{Answered, Standing, standing};
use super::{Client, LegacyError};
use crate::calendar::month_start;
use crate::catalog::{PACK_BASE, PACK_TRIAL};
use crate::quotas;
use crate::reports::period::QUARTER_SECONDS;
use crate::storage::{SubscriptionRow, SubscriptionView};
use brink_license::token::Over;
use brink_license::{Slug, UnixSeconds};

const DAY: i64 = 86_400;

/// Categories of old clients, with the one that the catalogue has for them and the meter that counts them.
const CATEGORIES: [(&str, Option<&str>, Option<&str>); 6] = [
    ("llm", None, Some("llm_token")),
    ("llm_seats", Some("llm"), Some("llm_token")),
    ("storage", Some("outputs"), Some("storage_gb_day")),
    ("agents", None, Some("agent_execution")),
    ("api_calls", None, Some("api_call")),
    ("integrations", Some("outputs"), None),
];
/// Classes by other names, as components are asked for by.
const CLASSES: [(&str, &str); 2] = [("bicycle", "bike"), ("stroller", "pram")];
/// Those of them whose every name is the meter itself.
const METERED: [&str; 2] = ["api_calls", "agents"];

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entitlement {
    /// Whether it may be used now.
    pub(crate) is_enabled: bool,
    /// Units that are included in the month; `None` where nothing counts them.
    pub(crate) limit: Option<u64>,
    /// Whole units of them that are used.
    pub(crate) used: u64,
    /// What happens beyond.
    pub(crate) over: Option<Over>,
    /// Until when the answer may be believed.
    pub(crate) valid_until: UnixSeconds,
    /// Why it may not be used.
    pub(crate) refused: Option<Answered>,
}

impl Entitlement {
    /// What is left, as old clients count: -1 where nothing is in the way, which is so beyond a quota too whose overage is
    /// sold.
    pub(crate) fn remaining(&self) -> i64 {
        let left = self.limit.map(|limit| limit.saturating_sub(self.used));
        match (self.is_enabled, left) {
            (false, _) => 0,
            (true, None | Some(0)) => -1,
            (true, Some(left)) => i64::try_from(left).unwrap_or(i64::MAX),
        }
    }

    fn no(now: UnixSeconds, (code, why): Answered) -> Self {
        let refused = Some((code, why));
        Self { is_enabled: false, limit: None, used: 0, over: None, valid_until: now, refused }
    }
}

impl Client<'_> {
    /// Whether the tenant may use a feature.
    pub(crate) fn entitlement(&self, category: &str, feature: &str) -> Result<Entitlement, LegacyError> {
        let (now, storage) = (self.now(), &self.issuer.storage);
        let policy = storage.legacy_policy(self.tenant)?;
        let view = storage.tenant(self.tenant, now)?;
        let row = match standing(&view, policy, now) {
            Standing::In(row) => row,
            Standing::Out(why) => return Ok(Entitlement::no(now, why)),
        };
        let ends = now.saturating_add(i64::from(row.terms.days) * DAY);
        let valid_until = row.terms.trial.map_or(ends, |trial| ends.min(trial.ends_at));
        let included = quotas::included(&self.issuer.catalog, &row.terms);
        let has_quota = |meter: &Slug| METERED.contains(&category) || included.contains_key(meter);
        let meter = self.meter(category, feature).filter(has_quota);
        if meter.is_none() && !self.has(&row, category, feature) {
            let why = format!("{category}/{feature} is in none of the tenant's packs");
            return Ok(Entitlement::no(now, ("NOT_ENTITLED", why)));
        }
        let counted = meter.or_else(|| counted_by(category));
        let quota = counted.and_then(|meter| included.get(&meter).copied().map(|quota| (meter, quota)));
        let Some((meter, (limit, over))) = quota else {
            let (limit, over) = (None, None);
            return Ok(Entitlement { is_enabled: true, limit, used: 0, over, valid_until, refused: None });
        };
        let used = self.used(&view, &meter)?;
        let spent = used >= limit && over == Over::Deny;
        let why = || ("QUOTA_SPENT", format!("{used} of {limit} {meter} are used this month"));
        Ok(Entitlement {
            is_enabled: !spent,
            limit: Some(limit),
            used,
            over: Some(over),
            valid_until,
            refused: spent.then(why),
        })
    }

    /// The meter that a question is about: that of a category that counts nothing else, or of the category's own, called by
    /// its name.
    fn meter(&self, category: &str, feature: &str) -> Option<Slug> {
        let own = counted_by(category)?;
        let named = feature.parse::<Slug>().is_ok_and(|name| *self.issuer.catalog.meters.meant(&name) == own);
        (METERED.contains(&category) || named).then_some(own)
    }

    /// Whether one of the tenant's packs has the feature, under the category's old name or its own.
    fn has(&self, row: &SubscriptionRow, category: &str, feature: &str) -> bool {
        let feature = CLASSES.iter().find(|(old, _)| *old == feature).map_or(feature, |(_, own)| own);
        let own = CATEGORIES.iter().find(|(old, _, _)| *old == category).and_then(|(_, own, _)| *own);
        let wanted =
            [Some(category), own].into_iter().flatten().map(|category| format!("{category}/{feature}"));
        let wanted: Vec<String> = wanted.collect();
        let implied = if row.terms.trial.is_some() { PACK_TRIAL } else { PACK_BASE };
        let packs = row.terms.packs.keys().map(Slug::as_str).chain([implied]);
        let packs = packs.filter_map(|pack| self.issuer.catalog.pack(pack).ok());
        let mut features = packs.flat_map(|pack| &pack.features);
        features.any(|has| wanted.iter().any(|wanted| has.as_str() == wanted))
    }

    /// Whole units of a meter that the tenant used this month; a part of one counts as one.
    fn used(&self, view: &SubscriptionView, meter: &Slug) -> Result<u64, LegacyError> {
        let (now, zone) = (self.now(), view.tenant.zone);
        // The quarter of an hour that runs is one of this month.
        let used = self.used_between((month_start(now, zone), now.saturating_add(QUARTER_SECONDS)))?;
        let units = used.get(meter).copied().unwrap_or_default().units();
        let whole = units.max(0).unsigned_abs().div_ceil(crate::amount::Amount::ONE_UNITS.unsigned_abs());
        Ok(u64::try_from(whole).unwrap_or(u64::MAX))
    }
}

fn counted_by(category: &str) -> Option<Slug> {
    let meter = CATEGORIES.iter().find(|(old, _, _)| *old == category).and_then(|(_, _, meter)| *meter)?;
    meter.parse().ok()
}
