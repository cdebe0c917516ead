//! What the terms of a subscription include of each meter: a pure function, for licences and for whoever rates usage.

use crate::catalog::{Catalog, PACK_BASE, PACK_INTELLIGENCE, PACK_TRIAL, PRICE_SEAT};
use crate::storage::Terms;
use brink_license::Slug;
use brink_license::token::Over;
use std::collections::BTreeMap;

/// Units of each meter that the terms include for the tenant and a whole month, and what happens beyond them. A quota by the
/// seat counts the seats that the pack includes and those that are subscribed beyond. Where two packs bring the same meter
/// they add up, and the more generous answer to overage holds.
#[must_use]
pub fn included(catalog: &Catalog, terms: &Terms) -> BTreeMap<Slug, (u64, Over)> {
    let implied = if terms.trial.is_some() { PACK_TRIAL } else { PACK_BASE };
    let mut by_meter: BTreeMap<Slug, (u64, Over)> = BTreeMap::new();
    for pack in terms.packs.keys().map(Slug::as_str).chain([implied]) {
        for term in catalog.quotas(pack) {
            let of_one = term.included;
            let units =
                if term.per_seat { of_one.saturating_mul(seats(catalog, pack, terms)) } else { of_one };
            let entry = by_meter.entry(term.meter.clone()).or_insert((0, term.over));
            *entry = (entry.0.saturating_add(units), more_generous(entry.1, term.over));
        }
    }
    by_meter
}

fn seats(catalog: &Catalog, pack: &str, terms: &Terms) -> u64 {
    let included = catalog.price(pack).map_or(0, |price| u64::from(price.included_seats));
    let beyond = terms.items.iter().find(|(item, _)| item.as_str() == PRICE_SEAT);
    let beyond = beyond.filter(|_| pack == PACK_INTELLIGENCE).map_or(0, |(_, seats)| u64::from(*seats));
    included.saturating_add(beyond)
}

const fn more_generous(a: Over, b: Over) -> Over {
    match (a, b) {
        (Over::Allow, _) | (_, Over::Allow) => Over::Allow,
        (Over::Warn, _) | (_, Over::Warn) => Over::Warn,
        (Over::Deny, Over::Deny) => Over::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription;
    use crate::testkit::order;
    use brink_license::UnixSeconds;

    fn of(cameras: Option<u32>, packs: &[&str], seats: u32) -> Vec<(String, u64, Over)> {
        let catalog = Catalog::embedded().unwrap();
        let tenant = crate::testkit::customer(chrono_tz::Tz::UTC, "USD");
        let mut order = order(cameras, packs);
        order.items = vec![(PRICE_SEAT.into(), seats)];
        let terms = subscription::terms(&catalog, &tenant, &order, (UnixSeconds::new(0), None)).unwrap();
        let all = included(&catalog, &terms);
        all.into_iter().map(|(meter, (units, over))| (meter.to_string(), units, over)).collect()
    }

    #[test]
    fn seats_beyond_the_included_ones_bring_what_a_seat_brings_and_a_trial_has_its_own() {
        let api = |units| ("api_call".to_owned(), units, Over::Allow);
        let llm = |units, over| ("llm_token".to_owned(), units, over);
        assert_eq!(of(Some(1), &[], 0), [api(50_000), llm(250_000, Over::Allow)]);
        let with = |seats: u64| [api(50_000), llm(250_000 * (1 + seats), Over::Allow)];
        assert_eq!(of(Some(1), &["intelligence"], 0), with(5));
        assert_eq!(of(Some(1), &["intelligence"], 2), with(7));
        assert_eq!(of(None, &[], 0), [llm(50_000, Over::Deny)]);
        assert_eq!(of(None, &["intelligence"], 1), [llm(50_000 + 6 * 250_000, Over::Allow)]);
    }
}
