//! What may be subscribed: pure rules from an order to the terms of a subscription. When they are in force is for
//! [`crate::timeline`] to say.

use crate::calendar::{months_later, rfc3339};
use crate::catalog::{Catalog, CatalogError, PACK_BASE, PACK_TRIAL};
use crate::currency::Currency;
use crate::price::Price;
use crate::sold::{self, SoldError};
use crate::storage::{Agreed, TenantRow, Terms, TrialWindow};
use brink_license::token::Enforce;
use brink_license::{Slug, UnixSeconds};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Life of a token in days: docs/TOKEN.md bounds `exp - iat`.
pub const DAYS: RangeInclusive<u32> = 1..=400;
/// Grace in days: beyond a month it would be a second licence.
pub const GRACE_DAYS: RangeInclusive<u32> = 0..=30;
/// Days without a receipt: half a year is the longest dark site known.
pub const OFFLINE_MAX_DAYS: RangeInclusive<u32> = 1..=180;
/// Cameras of one tenant: above any site known, and what one grant of unnamed seats may carry.
pub const CAMERAS_MAX: u32 = 1_000_000;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct SubscriptionOrder {
    /// Cameras; a trial may leave them out.
    pub cameras: Option<u32>,
    /// Packs by slug or display name, with agreed prices.
    pub packs: Vec<(String, Option<Price>)>,
    /// How many of other catalogue prices.
    pub items: Vec<(String, u32)>,
    /// Prices that the contract says in place of the catalogue's.
    pub prices: Vec<(String, Agreed)>,
    /// Whether this is a trial.
    pub trial: bool,
    /// What hosts do with "no".
    pub enforce: Enforce,
    /// Life of a token.
    pub days: u32,
    /// Flagged work after it.
    pub grace_days: u32,
    /// Longest time without a receipt.
    pub offline_max_days: u32,
}

/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// Neither cameras nor a trial.
    #[error("how many cameras is not said")]
    CamerasMissing,
    /// More than any tenant has.
    #[error("--cameras {0} is above the bound of {CAMERAS_MAX}")]
    CamerasMax(u32),
    /// A trial of more cameras than a trial has.
    #[error("a trial has {max} cameras, not {asked}")]
    TrialCameras {
        /// As asked.
        asked: u32,
        /// As the catalogue says.
        max: u32,
    },
    /// There is one trial per tenant, and it is over.
    #[error("the tenant's trial ended at {0}")]
    TrialOver(String),
    /// A span beyond what a token may carry.
    #[error("{option} {asked} is out of bounds: {min} to {max} days")]
    Span {
        /// The option.
        option: &'static str,
        /// As asked.
        asked: u32,
        /// Lower bound.
        min: u32,
        /// Upper bound.
        max: u32,
    },
    /// Not in the catalogue.
    #[error(transparent)]
    Pack(#[from] CatalogError),
    /// The implied packs are not ordered.
    #[error("pack {0} is implied: every camera has it")]
    Implied(Slug),
    /// One pack, two prices perhaps.
    #[error("pack {0} is given twice")]
    PackTwice(Slug),
    /// An industry or data pack without its agreed price.
    #[error("pack {0} has no catalogue price")]
    PriceMissing(Slug),
    /// A price that no invoice in this currency could carry.
    #[error(
        "the price {price} of {of} has more digits after the point than {currency} has, which is {digits}"
    )]
    PriceDigits {
        /// The pack, or what else it is the price of.
        of: Slug,
        /// As written.
        price: Price,
        /// The tenant's.
        currency: Currency,
        /// What it has.
        digits: u8,
    },
    /// An item or a contract's price.
    #[error(transparent)]
    Sold(#[from] SoldError),
    /// Fewer cameras than are in use by name.
    #[error("{named} cameras are assigned by name, more than {cameras}")]
    BelowAssigned {
        /// Assigned now.
        named: u64,
        /// As asked.
        cameras: u32,
    },
}

impl SubscriptionError {
    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        matches!(self, Self::TrialOver(_) | Self::BelowAssigned { .. })
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            Self::CamerasMissing => "give --cameras N, or --trial".into(),
            Self::CamerasMax(_) => "divide the site among several tenants".into(),
            Self::TrialCameras { .. } => "leave --cameras out, or subscribe without --trial".into(),
            Self::TrialOver(_) => "subscribe without --trial".into(),
            Self::Span { .. } => "choose a number within these bounds".into(),
            Self::Pack(error) => error.mend(),
            Self::Implied(_) => "leave it out".into(),
            Self::PackTwice(_) => "give it once".into(),
            Self::PriceMissing(pack) => {
                format!("give the agreed price per camera and month, --pack {pack}=49.00")
            }
            Self::PriceDigits { currency, .. } => {
                format!("agree on an amount in {currency} and write no more digits than that")
            }
            Self::Sold(error) => error.mend(),
            Self::BelowAssigned { .. } => "take some off with `camera assign --remove`".into(),
        }
    }
}

/// The terms that an order comes to from an instant on, or why there are none. A tenant has one trial, counted from its first
/// start: setting it again neither restarts nor lengthens it, and setting it from before that start on moves its end as well.
pub fn terms(
    catalog: &Catalog,
    tenant: &TenantRow,
    order: &SubscriptionOrder,
    (at, first_trial): (UnixSeconds, Option<TrialWindow>),
) -> Result<Terms, SubscriptionError> {
    check_spans((Some(order.days), Some(order.grace_days), Some(order.offline_max_days)))?;
    let fresh =
        || TrialWindow { started_at: at, ends_at: months_later(at, catalog.trial.months, tenant.zone) };
    let first_trial = first_trial.filter(|first| first.started_at <= at);
    let trial = order.trial.then(|| first_trial.unwrap_or_else(fresh));
    let cameras = cameras(catalog, order)?;
    if let Some(over) = trial.filter(|trial| trial.ends_at <= at) {
        return Err(SubscriptionError::TrialOver(rfc3339(over.ends_at)));
    }
    let terms = Terms {
        cameras,
        trial,
        enforce: order.enforce,
        days: order.days,
        grace_days: order.grace_days,
        offline_max_days: order.offline_max_days,
        packs: packs(catalog, &order.packs, tenant.currency)?,
        items: sold::items(catalog, &order.items)?,
        prices: sold::prices(catalog, &order.prices, tenant.currency)?,
        catalog_version: catalog.version,
    };
    sold::check_whole(&terms)?;
    Ok(terms)
}

/// Days, grace days, and the most days without a receipt, as far as they are given.
pub fn check_spans(
    (days, grace, offline_max): (Option<u32>, Option<u32>, Option<u32>),
) -> Result<(), SubscriptionError> {
    let spans = [
        ("--days", days, &DAYS),
        ("--grace", grace, &GRACE_DAYS),
        ("--offline-max", offline_max, &OFFLINE_MAX_DAYS),
    ];
    spans.into_iter().try_for_each(|(option, asked, bounds)| match asked {
        Some(asked) => check_span(option, asked, bounds),
        None => Ok(()),
    })
}

fn check_span(
    option: &'static str,
    asked: u32,
    bounds: &RangeInclusive<u32>,
) -> Result<(), SubscriptionError> {
    if bounds.contains(&asked) {
        return Ok(());
    }
    Err(SubscriptionError::Span { option, asked, min: *bounds.start(), max: *bounds.end() })
}

fn cameras(catalog: &Catalog, order: &SubscriptionOrder) -> Result<u32, SubscriptionError> {
    let max = catalog.trial.cameras;
    match (order.trial, order.cameras) {
        (false, None) => Err(SubscriptionError::CamerasMissing),
        (false, Some(asked)) if asked > CAMERAS_MAX => Err(SubscriptionError::CamerasMax(asked)),
        (false, Some(asked)) => Ok(asked),
        (true, Some(asked)) if asked > max => Err(SubscriptionError::TrialCameras { asked, max }),
        (true, asked) => Ok(asked.unwrap_or(max)),
    }
}

/// An agreed price is an amount of money and not a rate, so it ends where the tenant's currency does; a third digit is more
/// likely a slip, or means thousands.
pub(crate) fn check_digits(of: &Slug, price: &Price, currency: Currency) -> Result<(), SubscriptionError> {
    let digits = currency.minor_digits();
    if price.decimals() <= usize::from(digits) {
        return Ok(());
    }
    Err(SubscriptionError::PriceDigits { of: of.clone(), price: price.clone(), currency, digits })
}

/// A price on a pack that has a catalogue price is the contract's price for it, and is taken.
pub(crate) fn packs(
    catalog: &Catalog,
    asked: &[(String, Option<Price>)],
    currency: Currency,
) -> Result<BTreeMap<Slug, Option<Price>>, SubscriptionError> {
    let mut packs = BTreeMap::new();
    for (name, price) in asked {
        let pack = catalog.pack(name)?;
        let slug = pack.slug.clone();
        if [PACK_BASE, PACK_TRIAL].contains(&slug.as_str()) {
            return Err(SubscriptionError::Implied(slug));
        }
        if pack.is_priced_by_contract() && price.is_none() {
            return Err(SubscriptionError::PriceMissing(slug));
        }
        if let Some(price) = price {
            check_digits(&slug, price, currency)?;
        }
        if packs.insert(slug.clone(), price.clone()).is_some() {
            return Err(SubscriptionError::PackTwice(slug));
        }
    }
    Ok(packs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    fn tenant() -> TenantRow {
        TenantRow {
            id: "tenant-123".parse().unwrap(),
            name: "Acme".into(),
            zone: Tz::UTC,
            currency: "USD".parse().unwrap(),
            clones: crate::storage::ClonePolicy::Alert,
            created_at: UnixSeconds::new(0),
        }
    }

    fn order(cameras: Option<u32>, packs: &[&str]) -> SubscriptionOrder {
        let pack = |text: &&str| match text.split_once('=') {
            Some((name, price)) => (name.to_owned(), Some(price.parse().unwrap())),
            None => ((*text).to_owned(), None),
        };
        let packs = packs.iter().map(pack).collect();
        let enforce = Enforce::Deny;
        SubscriptionOrder {
            cameras,
            packs,
            items: Vec::new(),
            prices: Vec::new(),
            trial: false,
            enforce,
            days: 30,
            grace_days: 7,
            offline_max_days: 30,
        }
    }

    fn set(tenant: &TenantRow, order: &SubscriptionOrder) -> Result<Terms, SubscriptionError> {
        let catalog = Catalog::embedded().unwrap();
        terms(&catalog, tenant, order, (UnixSeconds::new(0), None))
    }

    #[test]
    fn prices_are_needed_for_contract_packs_and_kept_as_agreed() {
        let row =
            set(&tenant(), &order(Some(100), &["Advanced Analytics", "retail=49.00", "intelligence=350"]))
                .unwrap();
        let prices: Vec<_> =
            row.packs.iter().map(|(s, p)| (s.as_str(), p.as_ref().map(Price::as_str))).collect();
        assert_eq!(
            prices,
            [("advanced_analytics", None), ("intelligence", Some("350")), ("retail", Some("49.00"))]
        );
        let mend = set(&tenant(), &order(Some(1), &["retail"])).unwrap_err().mend();
        assert!(mend.contains("--pack retail=49.00"), "{mend}");
        let error = set(&tenant(), &order(Some(1), &["retial"])).unwrap_err();
        assert!(matches!(error, SubscriptionError::Pack(_)), "{error}");
        for (packs, wanted) in
            [(["base"; 1].as_slice(), "implied"), (&["integration", "Integration"], "twice")]
        {
            assert!(set(&tenant(), &order(Some(1), packs)).unwrap_err().to_string().contains(wanted));
        }
    }

    #[test]
    fn an_agreed_price_ends_where_the_currency_does() {
        for (currency, price, good) in [
            ("USD", "49.00", true),
            ("USD", "49.001", false),
            ("USD", "49.000", false),
            ("JPY", "4900", true),
            ("JPY", "4900.0", false),
            ("KWD", "15.125", true),
            ("KWD", "15.1255", false),
        ] {
            let mut tenant = tenant();
            tenant.currency = currency.parse().unwrap();
            for pack in ["retail", "intelligence"] {
                let set = set(&tenant, &order(Some(1), &[&format!("{pack}={price}")]));
                assert_eq!(set.is_ok(), good, "{currency} {price}");
                let Err(error) = set else { continue };
                assert!(!error.is_of_state());
                let message = error.to_string();
                assert!([pack, price, currency].iter().all(|word| message.contains(word)), "{message}");
            }
        }
    }

    #[test]
    fn spans_are_bounded_and_the_bound_is_named() {
        for (days, grace, offline, bound) in
            [(401, 7, 30, "400"), (0, 7, 30, "400"), (30, 31, 30, "30"), (30, 7, 181, "180")]
        {
            let wrong = SubscriptionOrder {
                days,
                grace_days: grace,
                offline_max_days: offline,
                ..order(Some(1), &[])
            };
            let message = set(&tenant(), &wrong).unwrap_err().to_string();
            assert!(message.contains(bound), "{message}");
        }
    }

    #[test]
    fn a_trial_has_two_cameras_and_keeps_its_start() {
        let catalog = Catalog::embedded().unwrap();
        let trial = |cameras| SubscriptionOrder { trial: true, ..order(cameras, &[]) };
        let at =
            |at, cameras, first| terms(&catalog, &tenant(), &trial(cameras), (UnixSeconds::new(at), first));
        let first = at(1_000, None, None).unwrap();
        assert_eq!((first.cameras, first.trial.unwrap().started_at.as_i64()), (2, 1_000));
        let again = at(500_000, Some(1), first.trial).unwrap();
        assert_eq!((again.cameras, again.trial), (1, first.trial));
        assert_eq!(at(0, Some(3), None), Err(SubscriptionError::TrialCameras { asked: 3, max: 2 }));
        let over = at(first.trial.unwrap().ends_at.as_i64(), None, first.trial).unwrap_err();
        assert!(matches!(over, SubscriptionError::TrialOver(_)) && over.is_of_state());
        assert_eq!(set(&tenant(), &order(None, &[])), Err(SubscriptionError::CamerasMissing));
    }
}
