//! The prices of a catalogue: each of them whole, and none missing that a pack needs. Called where a catalogue is read.

use super::file::{CatalogFile, Every, Overage, PackKind, PriceFile};
use super::{CatalogError, PACK_BASE, PRICE_CAMERA, Pack, invalid, slug};
use crate::price::Price;
use brink_license::Slug;
use std::collections::BTreeMap;

/// A catalogue price, or that the usage entry carries the cost.
#[derive(Clone, Debug)]
pub struct CatalogPrice {
    /// Currency units per `per` units; `None` is passed through at cost.
    pub amount: Option<Price>,
    /// Units that the amount pays for.
    pub per: u64,
    /// How often it falls due.
    pub every: Every,
    /// The meter whose usage it rates.
    pub meter: Option<Slug>,
    /// How usage beyond what is included is counted.
    pub overage: Overage,
    /// Seats that the price includes.
    pub included_seats: u32,
}

pub(super) fn read(
    file: &CatalogFile,
    packs: &BTreeMap<Slug, Pack>,
) -> Result<BTreeMap<Slug, CatalogPrice>, CatalogError> {
    let mut prices: BTreeMap<Slug, CatalogPrice> = BTreeMap::new();
    for (name, entry) in &file.prices {
        let price = price(&format!("prices.{name}"), file, entry)?;
        let twice = |other: &&CatalogPrice| other.meter.is_some() && other.meter == price.meter;
        if prices.values().find(twice).is_some() {
            return Err(invalid(format!("prices.{name}.meter"), "another price rates that meter already"));
        }
        prices.insert(slug(&format!("prices.{name}"), name)?, price);
    }
    for pack in packs.values() {
        let needed = match pack.kind {
            PackKind::Base => PRICE_CAMERA,
            PackKind::AdvancedAnalytics | PackKind::Intelligence => pack.slug.as_str(),
            // What it connects is priced one by one.
            PackKind::Integration => continue,
            // Free, or priced per contract.
            PackKind::Trial | PackKind::Industry | PackKind::Data => continue,
        };
        let amount = prices
            .iter()
            .find(|(name, _)| name.as_str() == needed)
            .and_then(|(_, price)| price.amount.as_ref());
        if amount.is_none() {
            let pack = if pack.kind == PackKind::Base { PACK_BASE } else { pack.slug.as_str() };
            return Err(invalid(
                "prices",
                format!("the pack {pack} needs the price {needed}, which is missing"),
            ));
        }
    }
    Ok(prices)
}

fn price(place: &str, file: &CatalogFile, entry: &PriceFile) -> Result<CatalogPrice, CatalogError> {
    let at = |member: &str| format!("{place}.{member}");
    if let Some(meter) = entry.meter.as_ref().filter(|meter| !file.meters.contains_key(*meter)) {
        return Err(invalid(at("meter"), format!("unknown meter {meter}")));
    }
    let amount = entry.amount.as_deref().map(str::parse).transpose().map_err(|e| invalid(at("amount"), e))?;
    if entry.pass_through == amount.is_some() || (amount.is_some() && entry.unit.is_none()) {
        return Err(invalid(place, "needs either amount with its unit, or pass_through = true"));
    }
    let per = entry.per.unwrap_or(1);
    if per == 0 {
        return Err(invalid(at("per"), "per must be at least 1"));
    }
    if entry.pass_through && entry.meter.is_none() {
        return Err(invalid(place, "what is passed through needs its meter"));
    }
    if entry.meter.is_some() && entry.every.is_some() {
        return Err(invalid(at("every"), "usage is charged by the period that it was used in"));
    }
    if entry.overage.is_some() && (entry.meter.is_none() || entry.pass_through) {
        return Err(invalid(at("overage"), "only the price of a meter has packages"));
    }
    Ok(CatalogPrice {
        amount,
        per,
        every: entry.every.unwrap_or_default(),
        meter: entry.meter.as_deref().map(|meter| slug(place, meter)).transpose()?,
        overage: entry.overage.unwrap_or_default(),
        included_seats: entry.included_seats.unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Catalog, DEFAULT};

    #[test]
    fn prices_that_are_missing_doubled_or_without_sense_are_refused_with_their_line() {
        let base = "base_camera        = { amount = \"60\",  per = 1, unit = \"camera\" }\n";
        let cases = [
            (base, "", "(line 6): the pack base needs the price base_camera"),
            (base, &base.repeat(2), "line 8"),
            (
                "intelligence       = {",
                "intelligent        = {",
                "the pack intelligence needs the price intelligence",
            ),
            (
                "pass_through = true, meter = \"sms\"",
                "pass_through = true, meter = \"api_call\"",
                "prices.sms.meter (line 17)",
            ),
            ("pass_through = true, meter = \"sms\"", "pass_through = true", "prices.sms (line 17)"),
            (
                "amount = \"0.05\", per = 1000",
                "amount = \"0.05\", per = 1000, every = \"year\"",
                "prices.api_call_overage.every (line 16)",
            ),
            (
                "amount = \"150\", per = 1",
                "amount = \"150\", per = 1, overage = \"package\"",
                "prices.cloud_export.overage (line 13)",
            ),
            ("amount = \"120\"", "amount = \"-120\"", "prices.analyst_seat.amount (line 10)"),
        ];
        for (from, to, words) in cases {
            assert!(DEFAULT.contains(from), "{from}");
            let message = Catalog::parse(&DEFAULT.replacen(from, to, 1)).map(drop).expect_err(to).to_string();
            assert!(message.contains(words), "{words}: {message}");
        }
    }
}
