//! What stands beside the invoices of a customer: profiles, the wallet, and what was paid to others for what is passed through.

use super::document;
use super::error::InvoiceError;
use super::profile::{SellerProfile, TenantProfile};
use super::{Invoicing, check_reason, note};
use crate::admin::ran;
use crate::amount::Amount;
use crate::billing::{Charge, Tariff, money};
use crate::calendar::local_day;
use crate::currency::Currency;
use crate::storage::{
    CostRow, NewCost, NewProfile, NewWalletEntry, ProfileOwner, ProfileRow, ProfileView, WalletRow,
};
use crate::timeline::Timeline;
use crate::usage::moment::LATE_DAYS_MAX;
use brink_license::{Slug, TenantId};
use chrono::{Days, NaiveDate};

/// What to put into a wallet, or to take out.
#[derive(Clone, Debug)]
pub struct WalletOrder {
    /// In the tenant's currency, as it was written; negative to take out.
    pub amount: String,
    /// Why.
    pub reason: String,
}

impl Invoicing {
    /// A profile as it was set last.
    pub fn profile(&self, owner: &ProfileOwner) -> Result<ProfileRow, InvoiceError> {
        let found = self.storage.profile(owner)?;
        found.ok_or_else(|| {
            InvoiceError::NoProfile(match owner {
                ProfileOwner::Seller => None,
                ProfileOwner::Tenant(tenant) => Some(tenant.clone()),
            })
        })
    }

    /// Sets a profile; the same again is no new one. What is said of periods that are closed stays as it is.
    pub fn set_profile(&self, owner: &ProfileOwner, text: &[u8]) -> Result<(), InvoiceError> {
        let (body, new) = match owner {
            ProfileOwner::Seller => (kept(&SellerProfile::read(text)?), None),
            ProfileOwner::Tenant(tenant) => {
                let currency = self.storage.tenant_row(tenant)?.currency;
                let profile = self.read_tenants(text, currency)?;
                (kept(&profile), Some(profile))
            }
        };
        let mut outcome = None;
        self.storage.set_profile(owner, &mut |view| {
            let checked = new.as_ref().map_or(Ok(()), |new| check_closed(view, new));
            let is_new = checked.is_ok() && view.current.as_ref().is_none_or(|row| row.body != body);
            outcome = Some(checked);
            is_new.then(|| {
                let tenant = match owner {
                    ProfileOwner::Seller => None,
                    ProfileOwner::Tenant(tenant) => Some(tenant),
                };
                let subject = tenant.map_or_else(|| "seller".to_owned(), ToString::to_string);
                let detail = serde_json::from_str(&body).unwrap_or_default();
                let whose = (tenant, self.clock.now(), &self.actor);
                NewProfile { body: body.clone(), note: note(whose, "profile.set", subject, detail) }
            })
        })?;
        ran(outcome)?
    }

    fn read_tenants(&self, text: &[u8], currency: Currency) -> Result<TenantProfile, InvoiceError> {
        let is_price = |name: &str| {
            self.catalogs.all().any(|catalog| {
                catalog.price(name).is_some()
                    || name.parse().is_ok_and(|slug: Slug| catalog.by_slug(&slug).is_some())
            })
        };
        TenantProfile::read(text, currency, is_price)
    }

    /// Every entry of a wallet, and what is in it in minor units.
    pub fn wallet(&self, tenant: &TenantId) -> Result<(Vec<WalletRow>, i64), InvoiceError> {
        let entries = self.storage.wallet(tenant)?;
        let balance = entries.iter().fold(0_i64, |sum, entry| sum.saturating_add(entry.minor));
        Ok((entries, balance))
    }

    /// Puts something into a wallet, or takes it out; answers what is in it then.
    pub fn add_to_wallet(&self, tenant: &TenantId, order: &WalletOrder) -> Result<i64, InvoiceError> {
        check_reason(&order.reason)?;
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.add_to_wallet(tenant, &mut |view| {
            let currency = view.tenant.currency;
            let parsed =
                money::parse(&order.amount, currency).map_err(|e| InvoiceError::Amount(e.to_string()));
            let planned = parsed.and_then(|minor| {
                if minor == 0 {
                    return Err(InvoiceError::Amount("0 changes nothing".into()));
                }
                let after = view.balance_minor.checked_add(minor);
                let after = after.ok_or_else(|| InvoiceError::TooLarge(tenant.clone()))?;
                if after < 0 {
                    let (balance, asked) = (
                        money::show(view.balance_minor, currency),
                        money::show(minor.saturating_neg(), currency),
                    );
                    return Err(InvoiceError::WalletEmpty { tenant: tenant.clone(), balance, asked });
                }
                Ok((minor, after))
            });
            match planned {
                Ok((minor, after)) => {
                    outcome = Some(Ok(after));
                    let detail =
                        serde_json::json!({ "minor": minor, "reason": order.reason, "balance_minor": after });
                    let note =
                        note((Some(tenant), now, &self.actor), "wallet.add", tenant.to_string(), detail);
                    Some(NewWalletEntry { minor, document: None, reason: order.reason.clone(), note })
                }
                Err(refusal) => {
                    outcome = Some(Err(refusal));
                    None
                }
            }
        })?;
        ran(outcome)?
    }

    /// A cost of a day that no closing rates any more would never be invoiced.
    fn check_day(&self, tenant: &TenantId, on: NaiveDate) -> Result<(), InvoiceError> {
        let view = self.storage.timeline(tenant)?;
        let zone = view.tenant.zone;
        let begins =
            Timeline::new(&view.versions).segments().first().map(|segment| local_day(segment.from, zone));
        let begins = begins.ok_or_else(|| InvoiceError::NothingSold(tenant.clone()))?;
        let oldest = local_day(self.clock.now(), zone).checked_sub_days(Days::new(LATE_DAYS_MAX));
        let first = oldest.map_or(begins, |oldest| oldest.max(begins));
        if on < first {
            return Err(InvoiceError::TooEarly { on, first });
        }
        Ok(())
    }

    /// Records what was paid to others for what a tenant used on a day.
    pub fn add_cost(
        &self,
        tenant: &TenantId,
        (meter, on): (&Slug, NaiveDate),
        amount: Amount,
        reason: &str,
    ) -> Result<CostRow, InvoiceError> {
        check_reason(reason)?;
        let meter = self.meters.meant(meter).clone();
        let is_passed_through = self.catalogs.all().any(|catalog| {
            let tariff = Tariff::of(catalog, catalog.currency);
            matches!(tariff.of_meter(&meter), Some((_, Charge::PassThrough { .. })))
        });
        if !is_passed_through {
            return Err(InvoiceError::NotPassedThrough(meter));
        }
        if amount == Amount::ZERO {
            return Err(InvoiceError::Amount("0 changes nothing".into()));
        }
        let now = self.clock.now();
        self.check_day(tenant, on)?;
        let detail = serde_json::json!({ "meter": meter, "day": on.to_string(), "amount": amount.to_string(), "reason": reason });
        let note = note((Some(tenant), now, &self.actor), "usage.cost", meter.to_string(), detail);
        self.storage.add_cost(tenant, &mut |_| {
            let (meter, note, reason) = (meter.clone(), note.clone(), reason.to_owned());
            Some(NewCost { on, meter, amount, reason, note })
        })?;
        let (actor, reason) = (self.actor.0.clone(), reason.to_owned());
        Ok(CostRow { on, meter, amount, reason, actor, at: now })
    }
}

/// What is said of periods that are closed is what was said.
fn check_closed(view: &ProfileView, new: &TenantProfile) -> Result<(), InvoiceError> {
    let old = view.current.as_ref().map(|row| TenantProfile::kept(&row.body)).transpose()?;
    let differs = |period: document::Days| match &old {
        Some(old) => new.differs_for(old, period),
        None => new.differs_from_none(period),
    };
    let found = view.closings.iter().find_map(|closing| Some((differs(closing.period)?, closing.period)));
    found.map_or(Ok(()), |(member, period)| Err(InvoiceError::ProfileClosed { member, period }))
}

/// As it is kept: one text for one meaning.
fn kept(profile: &impl serde::Serialize) -> String {
    serde_json::json!(profile).to_string()
}
